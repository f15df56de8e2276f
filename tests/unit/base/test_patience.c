/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The runner itself (tests/unit/main.c): the time limits of tests stretch, libcheck's own and those that a suite sets. They are meant
 * for an idle machine; on a loaded one any test may stand still for a while.
 */
#include <check.h>
#include <stdlib.h>

#include "base/types.h"
#include "tests/suites.h"
#ifndef _WIN32
#include <unistd.h>
#endif

START_TEST(stands_still)
{
#ifndef _WIN32
	usleep(500000);
#endif
}
END_TEST

START_TEST(multiplier)
{
	const char *text = getenv("CK_TIMEOUT_MULTIPLIER");

	ck_assert_ptr_nonnull(text);
	ck_assert(atof(text) >= 4);
}
END_TEST

Suite *patience_suite(void)
{
	Suite *s = suite_create("patience");
	TCase *t = tcase_create("patience");

	tcase_add_test(t, multiplier);
	suite_add_tcase(s, t);
	/* Four times this is the least that it gets. */
	t = tcase_create("a limit of its own");
	tcase_set_timeout(t, 0.25);
	tcase_add_test(t, stands_still);
	suite_add_tcase(s, t);
	return s;
}
