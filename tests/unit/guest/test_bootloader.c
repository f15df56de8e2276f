/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest/bootloader.c: which file, and when a boot loader found nothing. */
#include "guest/bootloader.h"

#include <check.h>
#include <string.h>

#include "tests/suites.h"
#include "ui/options.h"

static bool say(struct boot_watch *w, const char *s)
{
	return bootloader_said(w, (const u8 *)s, strlen(s));
}

START_TEST(prompt)
{
	struct boot_watch w = { 0 };
	u32 i, n = 0;

	ck_assert(!say(&w, "grub>")); /* nobody asked */
	bootloader_watch(&w);
	ck_assert(!say(&w, "error: no such device: /boot/grub/grub.cfg.\r\n gr"));
	ck_assert(!say(&w, "ub"));
	ck_assert(say(&w, "> "));
	ck_assert(!say(&w, "\r\ngrub> ")); /* once */
	bootloader_watch(&w);
	ck_assert(say(&w, "grub rescue> "));
	bootloader_watch(&w);
	bootloader_typed(&w);
	ck_assert(!say(&w, "grub> "));
	bootloader_watch(&w);
	for (i = 0; i < 2000; i++)
		n += say(&w, "[    0.000000] a kernel's");
	ck_assert_uint_eq(n, 0);
	ck_assert(!say(&w, "grub> "));
}
END_TEST

START_TEST(files)
{
	struct node *g = node_new("guest"), *disks = node_new("disks");
	struct error e = { "" };
	char path[300], small[8];

	ck_assert_int_lt(bootloader_find(g, &options_words, path, sizeof path, &e), 0);
	ck_assert(strstr(e.text, "-kernel") && strstr(e.text, "-hda"));
	ck_assert_int_eq(node_attach(g, disks), 0);
	node_set_str(g, "bootloader", "/some/where");
	ck_assert_int_eq(bootloader_find(g, &options_words, path, sizeof path, &e), 0);
	ck_assert_str_eq(path, "/some/where");
	ck_assert_int_lt(bootloader_find(g, &options_words, small, sizeof small, &e), 0); /* too long */
	node_free(g);
}
END_TEST

START_TEST(images)
{
	struct xen_kernel k;
	struct error e;

	memset(&k, 0, sizeof k);
	ck_assert_int_lt(bootloader_fits(&k, &options_words, "x.bin", 0, &e), 0);
	ck_assert(strstr(e.text, "x.bin") && strstr(e.text, "grub-xen-host"));
	k.notes.source = XEN_NOTES_SEGMENT;
	ck_assert_int_eq(bootloader_fits(&k, &options_words, "x.bin", 0, &e), 0);
	strcpy(e.text, "it is a poem");
	ck_assert_int_eq(bootloader_fits(NULL, &options_words, "x.bin", -7, &e), -7);
	ck_assert(strstr(e.text, "x.bin") && strstr(e.text, "it is a poem"));
}
END_TEST

Suite *bootloader_suite(void)
{
	Suite *s = suite_create("bootloader");
	TCase *t = tcase_create("bootloader");

	tcase_add_test(t, prompt);
	tcase_add_test(t, files);
	tcase_add_test(t, images);
	suite_add_tcase(s, t);
	return s;
}
