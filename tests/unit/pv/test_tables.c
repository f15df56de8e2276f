/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every table of state in the program: each byte of its struct is in a field, and what one fill pattern saves, loaded over
 * another, is the first again. That no table is left out is told by the sources.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/bare.h"
#include "pv/mm/impl.h"
#include "pv/suspend.h"
#include "tests/suites.h"
#include "vm/x86.h"
#include "xen/backend/vbd_impl.h"
#include "xen/backend/vfb_impl.h"
#include "xen/backend/vif_impl.h"
#include "xen/backend/vkbd.h"
#include "xen/console.h"
#include "xen/evtchn.h"
#include "xen/grant.h"
#include "xen/time.h"

#define TABLES_MAX 100u

struct tables {
	const struct state_desc *v[TABLES_MAX];
	u32 n;
};

/* A table and those of the structs in it. */
static void add(struct tables *t, const struct state_desc *d)
{
	u32 i;

	for (i = 0; i < t->n; i++)
		if (t->v[i] == d)
			return;
	ck_assert_uint_lt(t->n, TABLES_MAX);
	t->v[t->n++] = d;
	for (i = 0; i < d->nfields; i++)
		if (d->fields[i].kind == STATE_KIND_STRUCT)
			add(t, d->fields[i].sub);
}

static void gather(struct tables *t)
{
	static const struct state_desc *const all[] = {
		&timeline_state_desc, &domain_state_desc, &domain_outside_desc, &vcpu_state_desc, &x86_state_desc, &x86_sys_desc,
		&xen_domain_state_desc, &xen_vcpu_state_desc, &xen_time_state_desc, &xen_console_state_desc, &grants_state_desc,
		&evtchn_state_desc, &evtchn_bucket_desc, &evtchn_fifo_state_desc, &pv_domain_state_desc, &pv_vcpu_state_desc,
		&pv_mm_state_desc, &pv_page_desc, &vbd_state_desc, &vbd_kept_state_desc, &vbd_req_state_desc, &vbd_seg_desc,
		&vif_state_desc, &vif_frame_state_desc, &vkbd_state_desc, &vfb_state_desc, &pv_suspend_state_desc, &pv_suspend_vcpu_desc,
	};
	struct bare_config cfg = { .image = "\xf4", .len = 1, .boot = BARE_BOOT };
	struct error e = { "" };
	struct domain *d;
	struct host h;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		add(t, all[i]);
	/* Some that only a machine's list names. */
	ck_assert_int_eq(host_init(&h, &x86_arch, 0), 0);
	d = bare_create(&h, "bare", &cfg, &e);
	ck_assert_msg(d != NULL, "%s", e.text);
	for (i = 0; i < d->states.n; i++)
		if (d->states.items[i].desc)
			add(t, d->states.items[i].desc);
	host_exit(&h);
}

START_TEST(each_is_complete)
{
	struct tables t = { .n = 0 };
	u32 i;

	gather(&t);
	for (i = 0; i < t.n; i++) {
		const struct state_desc *d = t.v[i];
		struct buf out = { 0 };
		struct reader in;
		u8 *a = malloc(d->size), *b = malloc(d->size);

		ck_assert(a && b);
		ck_assert_msg(state_check(d), "table %s does not cover its struct", d->name);
		memset(a, 0xa5, d->size);
		memset(b, 0x5a, d->size);
		state_save(d, a, &out);
		reader_init(&in, out.p, out.len);
		ck_assert_int_eq(state_load(d, b, &in), 0);
		ck_assert_msg(!memcmp(a, b, d->size) && !in.left, "table %s forgets something", d->name);
		ck_assert_ptr_null(state_differs(d, a, b));
		free(a);
		free(b);
		buf_free(&out);
	}
}
END_TEST

/* Looks for STATE_DESC(symbol, "name", ...) in a source. Returns how many there are. */
static u32 look_in(const struct tables *t, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512], name[64];
	const char *p;
	u32 found = 0, i;

	ck_assert_msg(f != NULL, "%s cannot be read", path);
	while (fgets(line, sizeof line, f)) {
		ck_assert_msg(!strstr(line, "struct state_desc ") || !strstr(line, "= {"), "%s: a table without STATE_DESC: %s", path, line);
		p = strstr(line, "STATE_DESC(");
		if (!p)
			continue;
		ck_assert_msg(sscanf(p, "STATE_DESC(%*[a-z0-9_], \"%63[^\"]\"", name) == 1, "%s: %s", path, line);
		for (i = 0; i < t->n && strcmp(t->v[i]->name, name); i++)
			;
		ck_assert_msg(i < t->n, "%s: table \"%s\" is not tested: add it in test_tables.c", path, name);
		found++;
	}
	fclose(f);
	return found;
}

START_TEST(all_are_here)
{
	static const char *const dirs[] = { "vm/*.c", "mmu/*.c", "cpu/*.c", "hw/*.c", "xen/*.c", "pv/*.c",
					    "cpu/*/*.c", "hw/*/*.c", "hw/*/*/*.c", "xen/*/*.c", "pv/*/*.c" };
	const char *root = getenv("srcdir");
	struct tables t = { .n = 0 };
	char pattern[512];
	u32 i, found = 0;
	size_t k;

	gather(&t);
	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		glob_t g;

		snprintf(pattern, sizeof pattern, "%s/%s", root ? root : "..", dirs[i]);
		if (glob(pattern, 0, NULL, &g))
			continue;
		for (k = 0; k < g.gl_pathc; k++)
			found += look_in(&t, g.gl_pathv[k]);
		globfree(&g);
	}
	if (found)
		ck_assert_uint_eq(found, t.n);
	else
		printf("skip  tables: no sources below %s\n", root ? root : "..");
}
END_TEST

Suite *tables_suite(void)
{
	Suite *s = suite_create("tables");
	TCase *t = tcase_create("state");

	tcase_add_test(t, each_is_complete);
	tcase_add_test(t, all_are_here);
	suite_add_tcase(s, t);
	return s;
}
