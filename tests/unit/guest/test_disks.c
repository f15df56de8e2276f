/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ui/disks: what a monitor does to the disks of a guest, in the orders that people do it in.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "guest/disks.h"
#include "guest/guest.h"
#include "tests/suites.h"
#include "tests/unit/vif_env.h"
#include "ui/disks_option.h"
#include "xen/backend/xenbus.h"

struct desk {
	struct vworld *w;
	struct guest g;
	char path[3][40];
};

static void desk_new(struct desk *k)
{
	struct error e = { "" };
	int i, fd;

	k->w = vworld_new();
	k->g = (struct guest){ .host = &k->w->e->host, .d = k->w->e->d, .node = node_new("demo") };
	for (i = 0; i < 3; i++) {
		strcpy(k->path[i], "/tmp/disks-XXXXXX");
		fd = mkstemp(k->path[i]);
		ck_assert(fd >= 0 && !ftruncate(fd, 1 << 20));
		close(fd);
	}
	ck_assert_int_eq(guest_disks_open(&k->g, &e), 0);
}

static void desk_free(struct desk *k)
{
	int i;

	guest_disks_detach(&k->g);
	guest_disks_close(&k->g);
	node_free(k->g.node);
	for (i = 0; i < 3; i++)
		unlink(k->path[i]);
	vworld_free(k->w);
}

static int add_spec(struct desk *k, const char *spec, struct error *e)
{
	struct node *drive;
	int rc = disks_option_drive(k->g.node, spec, "drive", &drive, e);

	return rc ? rc : guest_disk_add(&k->g, drive, NULL, e);
}

static int add(struct desk *k, int i, const char *more, struct error *e)
{
	char spec[120];

	snprintf(spec, sizeof spec, "file=%s,format=raw%s", k->path[i], more);
	return add_spec(k, spec, e);
}

static u32 ids(struct desk *k)
{
	u32 n = 0;

	while (guest_disk_id(&k->g, n))
		n++;
	return n;
}

/* The guest's driver does not let go: it stays where it is. */
static void hold(struct desk *k, u32 vbd)
{
	char path[80];

	snprintf(path, sizeof path, "/local/domain/%u/device/vbd/%u/state", k->g.d->id, vbd);
	ck_assert_int_eq(xs_write(k->w->e->pv.xen.store, path, "%u", XENBUS_CLOSING), 0);
}

START_TEST(come_and_go)
{
	struct error e = { "" };
	struct desk k;

	desk_new(&k);
	ck_assert_msg(!add(&k, 0, ",id=a", &e), "%s", e.text);
	ck_assert_int_lt(add(&k, 1, ",id=a", &e), 0);
	ck_assert_msg(strstr(e.text, "the id a already") != NULL, "%s", e.text);
	ck_assert_int_lt(add(&k, 0, ",id=b", &e), 0);
	ck_assert_msg(strstr(e.text, "is locked") != NULL, "%s", e.text);
	ck_assert_int_lt(add(&k, 1, ",id=b,index=0", &e), 0);
	ck_assert_msg(strstr(e.text, "xvda is") != NULL, "%s", e.text);
	ck_assert_int_lt(add_spec(&k, "file=/none,id=b", &e), 0);
	ck_assert_msg(strstr(e.text, "no such image") != NULL, "%s", e.text);
	ck_assert_int_lt(add(&k, 1, ",id=b,file=/none", &e), 0);
	ck_assert_msg(strstr(e.text, "file is given twice") != NULL, "%s", e.text);
	ck_assert_uint_eq(ids(&k), 1);
	ck_assert_int_eq(guest_disk_remove(&k.g, "b", false, &e), -ENOENT);
	ck_assert_int_eq(guest_disk_resize(&k.g, "a", 1 << 19, &e), -EINVAL);
	ck_assert_int_eq(guest_disk_resize(&k.g, "a", 2 << 20, &e), 0);
	ck_assert_int_eq(guest_disk_eject(&k.g, "a", false, &e), -EBUSY);
	ck_assert_int_eq(guest_disk_remove(&k.g, "a", false, &e), 0);
	ck_assert_uint_eq(ids(&k), 0);
	ck_assert_msg(!add(&k, 0, ",id=b", &e), "%s", e.text); /* nothing of it is left, its lock neither */
	ck_assert_uint_eq(ids(&k), 1);
	desk_free(&k);
}
END_TEST

/* Removed, and then ejected by somebody in a hurry: it goes, and not only its medium. */
START_TEST(removed_and_ejected)
{
	struct error e = { "" };
	struct desk k;

	desk_new(&k);
	ck_assert_int_eq(add(&k, 0, ",id=a", &e), 0);
	hold(&k, 51712);
	ck_assert_int_eq(guest_disk_remove(&k.g, "a", false, &e), 0);
	ck_assert_uint_eq(ids(&k), 1);
	ck_assert_int_eq(guest_disk_change(&k.g, "a", k.path[1], "change", NULL, &e), -EBUSY);
	ck_assert_int_eq(guest_disk_eject(&k.g, "a", true, &e), 0);
	ck_assert_uint_eq(ids(&k), 0);
	/* The same with a guest that begins anew meanwhile. */
	ck_assert_int_eq(add(&k, 0, ",id=a", &e), 0);
	ck_assert_int_eq(add(&k, 1, ",id=b", &e), 0);
	hold(&k, 51712);
	hold(&k, 51728);
	ck_assert_int_eq(guest_disk_remove(&k.g, "a", false, &e), 0);
	ck_assert_int_eq(guest_disk_change(&k.g, "b", k.path[2], "change", NULL, &e), 0);
	guest_disks_detach(&k.g);
	ck_assert_uint_eq(ids(&k), 1);
	ck_assert_int_eq(guest_disks_attach(&k.g, &e), 0);
	ck_assert_msg(!add(&k, 1, ",id=c", &e), "%s", e.text);
	desk_free(&k);
}
END_TEST

Suite *disks_suite(void)
{
	Suite *s = suite_create("disks");
	TCase *tc = tcase_create("disks");

	tcase_add_test(tc, come_and_go);
	tcase_add_test(tc, removed_and_ejected);
	suite_add_tcase(s, tc);
	return s;
}
