/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest/panic: which of a guest's lines is the one for the report's end.
 */
#include <check.h>
#include <string.h>

#include "guest/panic.h"
#include "tests/suites.h"

/* The line that follows from what was said, in pieces of n bytes. */
static void ends_with(const char *said, const char *want)
{
	size_t len = strlen(said), n, at;
	char text[2 * PANIC_LINE + 80];

	for (n = 1; n < 40; n += 6) {
		struct panic_watch w = { .len = 0 };

		for (at = 0; at < len; at += n)
			panic_said(&w, (const u8 *)said + at, MIN(n, len - at));
		panic_describe(&w, text, sizeof text);
		ck_assert_msg(!strcmp(text, want), "'%s'\n-> '%s'\nnot '%s'", said, text, want);
	}
}

START_TEST(linux_says)
{
	ends_with("[    0.000000] Linux version 6.1\r\n[    1.2] all is well\r\n", "");
	ends_with("[    2.568] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n[    2.569] CPU: 0 PID: 1\r\n",
		  "guest panicked: Kernel panic - not syncing: VFS: Unable to mount root fs");
	/* Cut off in the middle of its last words. */
	ends_with("Kernel panic - not syncing: sysrq trig", "guest panicked: Kernel panic - not syncing: sysrq trig");
	ends_with("[   10.1][    T1] BUG: kernel NULL pointer dereference, address: 0000000000000000\n[   10.1] #PF: supervisor write\n"
		  "[   10.2] Oops: 0002 [#1] PREEMPT SMP NOPTI\n[   10.9] Kernel panic - not syncing: Fatal exception\n"
		  "[   11.0] ---[ end Kernel panic - not syncing: Fatal exception ]---\n",
		  "guest panicked: Kernel panic - not syncing: Fatal exception (after: BUG: kernel NULL pointer dereference, address: "
		  "0000000000000000)");
	/* An oops that killed no kernel but was the last that was heard of it. */
	ends_with("BUG: unable to handle page fault for address: ffff\nOops: 0000 [#1]\nok\n",
		  "guest panicked: BUG: unable to handle page fault for address: ffff");
	ends_with("Oops: 0000 [#1] SMP\n", "guest panicked: Oops: 0000 [#1] SMP");
	/* The next kernel's lines count, not those of one that was left by kexec. */
	ends_with("Kernel panic - not syncing: one\nkernel BUG at mm/x.c:1!\n", "guest panicked: kernel BUG at mm/x.c:1!");
	/* A line that only speaks of one. */
	ends_with("# grep 'Kernel panic' log\n", "");
}
END_TEST

START_TEST(hostile)
{
	struct panic_watch w = { .len = 0 };
	char text[60], big[5000];

	/* No commands to the terminal; no line is too long; room that is too small is kept to. */
	ends_with("Kernel panic - not syncing: \033[2J\n", "guest panicked: Kernel panic - not syncing: ?[2J");
	memset(big, 'x', sizeof big);
	memcpy(big, "panic: ", 7);
	panic_said(&w, (const u8 *)big, sizeof big);
	panic_said(&w, (const u8 *)"\n[[[[ \n]\n", 9);
	panic_describe(&w, text, sizeof text);
	ck_assert_uint_eq(strlen(text), sizeof text - 1);
	ck_assert(!strncmp(text, "guest panicked: panic: xxxx", 27));
}
END_TEST

Suite *panic_suite(void)
{
	Suite *s = suite_create("panic");
	TCase *t = tcase_create("panic");

	tcase_add_test(t, linux_says);
	tcase_add_test(t, hostile);
	suite_add_tcase(s, t);
	return s;
}
