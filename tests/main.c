/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the unit tests: every suite, or those named on the command line. CK_FORK=no runs them in this process (under a
 * debugger, or an emulator that cannot fork); "-l" lists the suites.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/types.h"
#include "tests/suites.h"

#define ROW(name) { #name, name##_suite },
static const struct {
	const char *name;
	Suite *(*make)(void);
} suites[] = { SUITES(ROW) };

int main(int argc, char **argv)
{
	SRunner *runner = srunner_create(NULL);
	int wanted = 0, failed, i;
	size_t n;

	if (argc == 2 && !strcmp(argv[1], "-l")) {
		for (n = 0; n < ARRAY_SIZE(suites); n++)
			puts(suites[n].name);
		srunner_free(runner);
		return 0;
	}
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
