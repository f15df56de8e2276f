/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pv/control: what is asked of a guest, through the door, into its xenstore; suspend; and that a stopped domain's time stands.
 */
#include "hw/bare.h"
#include "tests/suites.h"
#include "tests/unit/control_env.h"
#include "vm/run.h"
#include "vm/x86.h"

static void post(struct control_env *c, enum xen_control_op op, u64 value)
{
	struct error e = { "" };
	int rc = xen_control_post(&c->e->pv.xen, op, value, &e);

	ck_assert_msg(!rc, "%d: %s", op, e.text);
}

static void refused(struct control_env *c, enum xen_control_op op, u64 value, const char *why)
{
	struct error e = { "" };
	int rc = xen_control_post(&c->e->pv.xen, op, value, &e);

	ck_assert_msg(rc < 0 && strstr(e.text, why) && !door_waiting(&c->e->d->door), "%d: %d '%s'", op, rc, e.text);
}

/* A request reaches the store when the door opens, not before. */
START_TEST(shutdown_words)
{
	static const struct {
		enum xen_control_op op;
		const char *word;
	} t[] = { { XEN_CONTROL_POWEROFF, "poweroff" }, { XEN_CONTROL_REBOOT, "reboot" }, { XEN_CONTROL_HALT, "halt" },
		  { XEN_CONTROL_SUSPEND, "suspend" } };
	struct control_env *c = control_new();
	struct xen_control_info info;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		xs_write(c->e->pv.xen.store, CONTROL_HOME "control/shutdown", "%s", "");
		post(c, t[i].op, 0);
		ck_assert_str_eq(control_node(c, "control/shutdown"), "");
		control_open_door(c);
		ck_assert_str_eq(control_node(c, "control/shutdown"), t[i].word);
	}
	xen_control_info(&c->e->pv.xen, &info);
	ck_assert_str_eq(info.pending, "suspend");
	control_free(c);
}
END_TEST

START_TEST(other_words)
{
	struct control_env *c = control_new();

	post(c, XEN_CONTROL_SYSRQ, 'b');
	post(c, XEN_CONTROL_MEMORY, 20 << 10);
	control_open_door(c);
	ck_assert_str_eq(control_node(c, "control/sysrq"), "b");
	ck_assert_str_eq(control_node(c, "memory/target"), "20480");
	refused(c, XEN_CONTROL_SYSRQ, ' ', "printable");
	refused(c, XEN_CONTROL_SYSRQ, 200, "printable");
	refused(c, XEN_CONTROL_MEMORY, (16 << 10) - 1, "16 to 2048 MiB");
	refused(c, XEN_CONTROL_MEMORY, (2 << 20) + 1, "16 to 2048 MiB");
	ck_assert_str_eq(control_node(c, "memory/target"), "20480");
	control_free(c);
}
END_TEST

struct heard {
	u32 n;
};

static void on_change(void *opaque, const char *path)
{
	struct heard *h = opaque;

	h->n++;
}

START_TEST(vcpus)
{
	struct control_env *c = control_new();
	struct xs_host_watch *w;
	struct xen_control_info info;
	struct heard h = { 0 };

	ck_assert_str_eq(control_node(c, "cpu/1/availability"), "online");
	ck_assert_str_eq(control_node(c, "cpu/2/availability"), "offline");
	w = xs_watch(c->e->pv.xen.store, CONTROL_HOME "cpu", on_change, &h);
	h.n = 0;
	/* Only what changes is written. */
	post(c, XEN_CONTROL_VCPUS, 3);
	control_open_door(c);
	ck_assert_uint_eq(h.n, 1);
	ck_assert_str_eq(control_node(c, "cpu/2/availability"), "online");
	post(c, XEN_CONTROL_VCPU_OFF, 1);
	control_open_door(c);
	ck_assert_str_eq(control_node(c, "cpu/1/availability"), "offline");
	post(c, XEN_CONTROL_VCPU_ON, 1);
	control_open_door(c);
	ck_assert_str_eq(control_node(c, "cpu/1/availability"), "online");
	xen_control_info(&c->e->pv.xen, &info);
	ck_assert_uint_eq(info.vcpus_wanted, 3);
	ck_assert_uint_eq(info.vcpus_up, 1);
	refused(c, XEN_CONTROL_VCPUS, 0, "1 to 4");
	refused(c, XEN_CONTROL_VCPUS, 5, "1 to 4");
	refused(c, XEN_CONTROL_VCPU_ON, 4, "only 0 to 3");
	refused(c, XEN_CONTROL_VCPU_OFF, 0, "vCPU 0");
	refused(c, XEN_CONTROL_NMI, 1, "is off");
	xs_unwatch(c->e->pv.xen.store, w);
	control_free(c);
}
END_TEST

START_TEST(nmi_and_reset)
{
	struct control_env *c = control_new();

	post(c, XEN_CONTROL_NMI, 0);
	control_open_door(c);
	ck_assert(c->e->vcpu[0].xen.s.flags & XEN_VCPU_NMI_PENDING);
	post(c, XEN_CONTROL_RESET, 0);
	ck_assert_int_eq(c->e->d->end, END_RUNNING);
	control_open_door(c);
	ck_assert_int_eq(c->e->d->end, END_REBOOT);
	control_free(c);
}
END_TEST

/* A recording may be damaged. */
START_TEST(nonsense_at_the_door)
{
	struct control_env *c = control_new();
	u8 b[32];
	u32 i, n;

	for (i = 0; i < 40; i++)
		for (n = 0; n < sizeof b; n += 4) {
			memset(b, 0, sizeof b);
			st32(b, i == XEN_CONTROL_RESET ? 99 : i);
			st64(b + 4, i * 0x123456789abcdefULL);
			ck_assert_int_eq(door_post(&c->e->d->door, DOOR_CONTROL, XEN_CONTROL_TARGET, b, n), 0);
		}
	control_open_door(c);
	ck_assert_int_eq(c->e->d->end, END_RUNNING);
	ck_assert_str_eq(control_node(c, "memory/target"), "1048576");
	control_free(c);
}
END_TEST

START_TEST(what_the_guest_says)
{
	struct control_env *c = control_new();
	struct xen_control_info info;

	xen_control_info(&c->e->pv.xen, &info);
	ck_assert(!info.can_poweroff && !info.can_reboot && !info.can_suspend);
	ck_assert(!xen_control_heeded(&c->e->pv.xen, XEN_CONTROL_POWEROFF));
	ck_assert(xen_control_heeded(&c->e->pv.xen, XEN_CONTROL_MEMORY));
	xs_write(c->e->pv.xen.store, CONTROL_HOME "control/feature-poweroff", "1");
	xs_write(c->e->pv.xen.store, CONTROL_HOME "control/feature-suspend", "0");
	xen_control_info(&c->e->pv.xen, &info);
	ck_assert(info.can_poweroff && !info.can_reboot && !info.can_suspend);
	ck_assert(xen_control_heeded(&c->e->pv.xen, XEN_CONTROL_POWEROFF));
	ck_assert_uint_eq(info.target_kib, 1 << 20);
	ck_assert_uint_eq(info.max_kib, 2 << 20);
	ck_assert_uint_eq(info.actual_kib, ENV_FRAMES * 4);
	/* A tree that somebody has taken away. */
	xs_rm(c->e->pv.xen.store, "/local/domain/7");
	xen_control_info(&c->e->pv.xen, &info);
	ck_assert_uint_eq(info.max_kib, ENV_FRAMES * 4);
	ck_assert_uint_eq(info.target_kib, ENV_FRAMES * 4);
	control_free(c);
}
END_TEST

/* A suspended guest is kept when somebody can resume it, and finds "cancelled" either way. */
START_TEST(suspend)
{
	struct control_env *c = control_new();
	struct domain *d = c->e->d;

	ck_assert_int_eq((int)xen_domain_shutdown(d->vcpus[0], 2), 1);
	ck_assert(!domain_stopped(d));
	ck_assert(!xen_control_resume(&c->e->pv.xen));
	d->keep_suspended = true;
	ck_assert_int_eq((int)xen_domain_shutdown(d->vcpus[0], 2), 1);
	ck_assert(d->suspended && domain_stopped(d));
	ck_assert_int_eq(d->end, END_RUNNING);
	ck_assert(xen_control_resume(&c->e->pv.xen));
	ck_assert(!domain_stopped(d));
	control_free(c);
}
END_TEST

struct freeze {
	struct domain *d;
	u32 ticks;
	u64 at[3];
};

/* Runs for a tick, stands for two, runs again. */
static void on_tick(struct host *h, void *opaque)
{
	struct freeze *f = opaque;

	if (f->ticks < 3)
		f->at[f->ticks] = domain_now(f->d);
	f->ticks++;
	if (f->ticks == 1)
		f->d->paused = true;
	if (f->ticks == 3)
		f->d->paused = false;
	if (f->ticks == 5)
		domain_end(f->d, END_KILLED);
}

START_TEST(a_stopped_domain_stands_still)
{
	static const u8 loop[16] = { 0xeb, 0xfe }; /* jmp $ */
	struct bare_config cfg = { .image = loop, .len = sizeof loop, .boot = BARE_ROM, .memory = 1 << 20 };
	struct error e = { "" };
	struct freeze f = { .d = NULL };
	struct host h;

	ck_assert_int_eq(host_init(&h, &x86_arch, 0), 0);
	f.d = bare_create(&h, "loop", &cfg, &e);
	ck_assert_msg(f.d != NULL, "%s", e.text);
	h.tick = on_tick;
	h.tick_opaque = &f;
	host_run(&h);
	ck_assert_int_eq(f.d->end, END_KILLED);
	ck_assert_uint_gt(f.at[0], 0);
	ck_assert_uint_eq(f.at[1], f.at[0]);
	ck_assert_uint_eq(f.at[2], f.at[0]);
	ck_assert_uint_gt(domain_now(f.d), f.at[2]);
	host_exit(&h);
}
END_TEST

Suite *control_suite(void)
{
	Suite *s = suite_create("control");
	TCase *t = tcase_create("all");

	tcase_add_test(t, shutdown_words);
	tcase_add_test(t, other_words);
	tcase_add_test(t, vcpus);
	tcase_add_test(t, nmi_and_reset);
	tcase_add_test(t, nonsense_at_the_door);
	tcase_add_test(t, what_the_guest_says);
	tcase_add_test(t, suspend);
	tcase_add_test(t, a_stopped_domain_stands_still);
	suite_add_tcase(s, t);
	return s;
}
