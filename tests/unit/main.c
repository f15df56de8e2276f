/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the unit tests: every suite, or those named on the command line. CK_FORK=no runs them in this process (under a
 * debugger, or an emulator that cannot fork); "-l" lists the suites. Time limits are 30 s, or what tcase_set_timeout() says.
 * They are meant for an idle machine and stretch with this one, unless CK_TIMEOUT_MULTIPLIER says by how much.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <unistd.h>
#endif

#include "base/os.h"
#include "base/poll.h"
#include "base/types.h"
#include "tests/suites.h"

/* -O0, or a sanitizer: the interpreter is many times slower there, more than plain arithmetic is. */
#if !defined(__OPTIMIZE__) || defined(NO_TAIL_CALLS)
#define SLOW_BUILD 3
#else
#define SLOW_BUILD 1
#endif

#define ROW(name) { #name, name##_suite },
static const struct {
	const char *name;
	Suite *(*make)(void);
} suites[] = { SUITES(ROW) };

#ifdef _WIN32
/* What stands in for libcheck there knows no limits. */
static void stretch_limits(void)
{
}
#else
/*
 * By how much limits stretch: 4 for what others may begin to do meanwhile; how much longer a piece of work takes here and now
 * than 8 ms, which a processor of 2020 needs when it is idle; and how many wait for each processor, for so short a piece
 * may be done between two turns of others.
 */
static double patience(void)
{
	u64 begun = host_now();
	double slow, crowd = 1;
	u32 x = 1, i;

	for (i = 0; i < 6000000; i++)
		x = x * 1664525 + (x >> 13) + 1013904223;
	slow = (double)(host_now() - begun + (x == 0)) / 8e6;
#if HAVE_GETLOADAVG
	if (getloadavg(&crowd, 1) == 1)
		crowd /= (double)sysconf(_SC_NPROCESSORS_ONLN);
#endif
	return 4 * SLOW_BUILD * MAX(1.0, MAX(slow, crowd));
}

/*
 * The limits are made with the suites: this comes before. libcheck's own limit of 4 s is too short even when stretched: where
 * other programs write gigabytes to the same disk, one fdatasync() of ours takes a minute.
 */
static void stretch_limits(void)
{
	char text[32];

	setenv("CK_DEFAULT_TIMEOUT", "30", 0);
	snprintf(text, sizeof text, "%.1f", patience());
	setenv("CK_TIMEOUT_MULTIPLIER", text, 0);
}
#endif

int main(int argc, char **argv)
{
	SRunner *runner;
	int wanted = 0, failed, i;
	size_t n;

	os_start(&argc, &argv);
	if (argc == 2 && !strcmp(argv[1], "-l")) {
		for (n = 0; n < ARRAY_SIZE(suites); n++)
			puts(suites[n].name);
		return 0;
	}
	stretch_limits();
	runner = srunner_create(NULL);
	for (i = 1; i < argc; i++) {
		for (n = 0; n < ARRAY_SIZE(suites) && strcmp(argv[i], suites[n].name); n++)
			;
		if (n == ARRAY_SIZE(suites)) {
			fprintf(stderr, "check: there is no suite '%s'; -l lists them\n", argv[i]);
			srunner_free(runner);
			return 2;
		}
		srunner_add_suite(runner, suites[n].make());
		wanted++;
	}
	for (n = 0; !wanted && n < ARRAY_SIZE(suites); n++)
		srunner_add_suite(runner, suites[n].make());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
