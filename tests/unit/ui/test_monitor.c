/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor: its table and the manual, words, expressions, formats, each command on a small guest, lines and keys, and
 * clients that stall or talk nonsense.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/suites.h"
#include "tests/unit/control_env.h"
#include "ui/expr.h"
#include "ui/monitor_impl.h"
#include "vm/x86.h"

/* ---- a guest with a monitor -------------------------------------------------------------------------------------- */

struct rig {
	struct control_env *c;
	struct monitors *m;
	int quit;
	u32 restarts;
};

static void on_quit(void *opaque, int code)
{
	struct rig *r = opaque;

	r->quit = code;
}

static void on_restart(void *opaque)
{
	struct rig *r = opaque;

	r->restarts++;
}

static struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof *r);
	struct monitors_env env = { .quit = on_quit, .restart = on_restart, .opaque = r };

	ck_assert_ptr_nonnull(r);
	r->c = control_new();
	r->quit = -1;
	env.host = &r->c->e->host;
	env.guest = &r->c->guest;
	r->m = monitors_new(&env);
	ck_assert_ptr_nonnull(r->m);
	ck_assert_int_eq(monitors_attach(r->m, r->c->e->d), 0);
	return r;
}

static void rig_free(struct rig *r)
{
	monitors_free(r->m);
	control_free(r->c);
	free(r);
}

/* The answer to line is exactly want. */
static void says(struct rig *r, const char *line, const char *want)
{
	char *got = monitors_run(r->m, line);

	ck_assert_msg(got && !strcmp(got, want), "%s\n-> '%s'\nnot '%s'", line, got ? got : "(null)", want);
	free(got);
}

/* The answer has part in it. */
static void tells(struct rig *r, const char *line, const char *part)
{
	char *got = monitors_run(r->m, line);

	ck_assert_msg(got && strstr(got, part), "%s\n-> '%s'\nhas no '%s'", line, got ? got : "(null)", part);
	free(got);
}

/* ... or lacks it. */
static void lacks(struct rig *r, const char *line, const char *part)
{
	char *got = monitors_run(r->m, line);

	ck_assert_msg(got && !strstr(got, part), "%s\n-> '%s'\nhas '%s'", line, got ? got : "(null)", part);
	free(got);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static void check_table(const struct mon_command *c)
{
	const struct mon_command *o;

	for (; c->name; c++) {
		ck_assert_msg(c->run && *c->help && c->min <= c->max && strlen(c->name) < 30, "%s", c->name);
		for (o = c + 1; o->name; o++)
			ck_assert_msg(strcmp(c->name, o->name) && strcmp(c->alias, o->name) && strcmp(c->name, o->alias) &&
					      (!*c->alias || strcmp(c->alias, o->alias)),
				      "%s and %s", c->name, o->name);
		ck_assert_msg(!(c->flags & (MON_RUNNING | MON_INPUT)) || (c->flags & (MON_PV | MON_GUEST)), "%s", c->name);
	}
}

START_TEST(table)
{
	check_table(mon_commands);
	check_table(mon_infos);
}
END_TEST

/* A line "| `name args` | ..." of the manual for each. */
static void in_manual(const char *text, const char *prefix, const struct mon_command *c)
{
	char want[200];

	for (; c->name; c++) {
		snprintf(want, sizeof want, "| `%s%s%s%s`", prefix, c->name, *c->args ? " " : "", c->args);
		ck_assert_msg(strstr(text, want) != NULL, "the manual does not tell of %s", want);
	}
}

START_TEST(progress)
{
	static const struct {
		u64 done, all, ns;
		const char *text;
	} rows[] = {
		{ 0, 0, 0, "[ 0 % 0.0 of 0.0 MiB ]" },
		{ 0, 28 << 20, 1000, "[ 0 % 0.0 of 28.0 MiB ]" },
		{ 12 << 20, 28 << 20, 3000000000u, "[ 43 % 12.0 of 28.0 MiB, 4 s left ]" },
		{ (u64)3 << 40, (u64)4 << 40, 3000000000u, "[ 75 % 3145728.0 of 4194304.0 MiB, 1 s left ]" },
		{ 28 << 20, 28 << 20, 3000000000u, "[ 100 % 28.0 of 28.0 MiB, to the disk ]" },
	};
	char text[100];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		mon_progress(rows[i].done, rows[i].all, rows[i].ns, text, sizeof text);
		ck_assert_str_eq(text, rows[i].text);
	}
}
END_TEST

START_TEST(manual_agrees)
{
	char path[1000], *text = calloc(1, 1 << 20);
	const char *dir = getenv("srcdir");
	FILE *f;

	snprintf(path, sizeof path, "%s/docs/manual.md", dir ? dir : ".");
	f = fopen(path, "r");
	ck_assert_msg(f && text, "%s", path);
	ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, f), 0);
	fclose(f);
	in_manual(text, "", mon_commands);
	in_manual(text, "info ", mon_infos);
	free(text);
}
END_TEST

START_TEST(words_and_mistakes)
{
	struct rig *r = rig_new();
	struct mon_args *a = calloc(1, sizeof *a);

	says(r, "", "");
	says(r, " \t ", "");
	tells(r, "help", "system_powerdown");
	tells(r, "?", "info [ITEM ...]");
	tells(r, "help cont", "cont|c -- let it go on");
	tells(r, "help nosuch", "no command 'nosuch'");
	tells(r, "help info", "info registers [-a]");
	tells(r, "info", "info xenstore");
	tells(r, "infos", "did you mean info?");
	tells(r, "systempowerdown", "did you mean system_powerdown?");
	tells(r, "xyzzyxyzzy", "'help' lists");
	tells(r, "\x80\xff\x01", "'\?\?\?'");
	tells(r, "info block foo bar", "usage: info block [ID]\n");
	tells(r, "info statsu", "did you mean info status?");
	tells(r, "info q", "info has no 'q'");
	says(r, "balloon", "usage: balloon MIB\n");
	says(r, "balloon 1 2", "usage: balloon MIB\n");
	says(r, "stop now", "usage: stop\n");
	tells(r, "logfile \"a b", "closing \"");
	tells(r, "info 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "more than 16 words");
	ck_assert(mon_split(r->m->quiet, a, "  one \"two three\" a\"b c\"d \"\\\"\\\\\" \"\" "));
	ck_assert_uint_eq(a->n, 5);
	ck_assert_str_eq(a->w[0], "one");
	ck_assert_str_eq(a->w[1], "two three");
	ck_assert_str_eq(a->w[2], "ab cd");
	ck_assert_str_eq(a->w[3], "\"\\");
	ck_assert_str_eq(a->w[4], "");
	free(a);
	rig_free(r);
}
END_TEST

/* ---- expressions ------------------------------------------------------------------------------------------------- */

static bool test_reg(void *opaque, const char *name, u64 *v)
{
	*v = 0x1000;
	return !strcmp(name, "rip");
}

START_TEST(expressions)
{
	static const struct {
		const char *text;
		u64 v;
	} good[] = {
		{ "0", 0 }, { "12", 12 }, { "0x1F", 31 }, { "017", 15 }, { "1+2*3", 7 }, { "(1+2)*3", 9 }, { "10-3-2", 5 },
		{ "7/2", 3 }, { "7%4", 3 }, { "-1", ~0ULL }, { "~0", ~0ULL }, { "- - 5", 5 }, { "+5", 5 }, { "6&3", 2 }, { "6|1", 7 },
		{ "6^3", 5 }, { "1|2+4", 7 }, { "6&3+1", 4 }, { "$rip+8", 0x1008 }, { "'a'", 97 }, { "' '", 32 },
		{ "0xffffffffffffffff", ~0ULL }, { "18446744073709551615", ~0ULL }, { "  ( 1 ) ", 1 }, { "2 * -3", (u64)-6 },
	};
	static const char *const bad[] = { "", "  ", "(", "(1", "1+", "0x", "08", "1z", "$", "$nosuch", "*3", "''", "'ab'", "1/0", "1%0",
					   "18446744073709551616", "0x10000000000000000", "1 + ", "$rip$", "12_3" };
	struct expr_env env = { test_reg, NULL };
	char deep[300];
	const char *p;
	size_t i;
	u64 v;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		struct error e = { "" };
		int rc;

		p = good[i].text;
		v = 0;
		rc = expr_eval(&p, &env, &v, &e);
		ck_assert_msg(!rc && !*p && v == good[i].v, "'%s': %d %llx %s", good[i].text, rc, (unsigned long long)v, e.text);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error e = { "" };

		p = bad[i];
		ck_assert_msg((expr_eval(&p, &env, &v, &e) == -EINVAL && *e.text) || *p, "'%s'", bad[i]);
	}
	memset(deep, '(', sizeof deep - 1);
	deep[sizeof deep - 1] = 0;
	p = deep;
	ck_assert_int_eq(expr_eval(&p, NULL, &v, NULL), -EINVAL);
	memset(deep, '-', sizeof deep - 1);
	p = deep;
	ck_assert_int_eq(expr_eval(&p, NULL, &v, NULL), -EINVAL);
	/* It stops where the expression does. */
	p = "1 2";
	ck_assert_int_eq(expr_eval(&p, NULL, &v, NULL), 0);
	ck_assert_str_eq(p, "2");
}
END_TEST

START_TEST(prints)
{
	struct rig *r = rig_new();

	says(r, "p 1+2", "0x3\n");
	says(r, "print /x 255", "0xff\n");
	says(r, "p/d -5", "-5\n");
	says(r, "p /u -1", "18446744073709551615\n");
	says(r, "p/o 8", "010\n");
	says(r, "p /c 65", "'A'\n");
	says(r, "p /c 10", "'\\n'\n");
	says(r, "p /c 200", "'\\xc8'\n");
	tells(r, "p /q 1", "a format is");
	tells(r, "p /99999x 1", "at most");
	tells(r, "p 1 2", "more than an expression");
	tells(r, "p /x", "ends too early");
	says(r, "p", "usage: print /FMT EXPR\n");
	x86_of(r->c->e->d->vcpus[0])->s.gpr[RAX] = 0x123456789abcdef0ULL;
	x86_of(r->c->e->d->vcpus[0])->s.gpr[R15] = 15;
	x86_of(r->c->e->d->vcpus[0])->s.gpr[R8] = 8;
	x86_load(x86_of(r->c->e->d->vcpus[0]));
	says(r, "p $rax", "0x123456789abcdef0\n");
	says(r, "p $eax", "0x9abcdef0\n");
	says(r, "p $r15+$r8", "0x17\n");
	tells(r, "p $r16", "no register $r16");
	tells(r, "p $r99", "no register");
	tells(r, "p $r08", "no register");
	rig_free(r);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------ */

START_TEST(memory)
{
	struct rig *r = rig_new();
	struct domain *d = r->c->e->d;
	static const u8 code[] = { 0x90, 0x48, 0x89, 0xe5, 0xc3 };
	char line[200], path[] = "/tmp/paravane-test-XXXXXX", back[8] = "";
	u32 i;
	FILE *f;
	int fd;

	for (i = 0; i < 32; i++)
		env_put32(r->c->e, ENV_VA(4) + i * 4, 0x11111111 * (i % 15));
	/* Translation is off here: a virtual address is a machine address. */
	snprintf(line, sizeof line, "x /4xw 0x%llx", (unsigned long long)ENV_VA(4));
	says(r, line, "0000000040004000: 0x00000000 0x11111111 0x22222222 0x33333333\n");
	snprintf(line, sizeof line, "x/3xg 0x%llx", (unsigned long long)ENV_VA(4));
	says(r, line, "0000000040004000: 0x1111111100000000 0x3333333322222222\n0000000040004010: 0x5555555544444444\n");
	/* The format of before stays. */
	says(r, "xm 0x40004000", "0000000040004000: 0x1111111100000000\n");
	says(r, "xm /2db 0x40004003+1", "0000000040004004:   17   17\n");
	says(r, "xm /2uh 0x40004004", "0000000040004004:  4369  4369\n");
	says(r, "xm /1ob 0x40004004", "0000000040004004: 0021\n");
	says(r, "xm /1dw 0x40004038-8", "0000000040004030:  -858993460\n");
	/* Pseudo-physical: by the machine-to-physical table, wherever the frame lies. */
	says(r, "xp /1xw 0x4004", "0000000000004004: 0x11111111\n");
	pv_m2p_set(&r->c->e->pv, ENV_MFN(4), 9);
	pv_m2p_set(&r->c->e->pv, ENV_MFN(9), 4);
	says(r, "xp /1xw 0x9004", "0000000000009004: 0x11111111\n");
	says(r, "xp /1xw 0x4004", "0000000000004004: 0x00000000\n");
	says(r, "xp /1xw 0x100000000", "cannot read memory at physical address 0x100000000\n");
	says(r, "xm /2xg 0x4000fff8", "000000004000fff8: 0x0000000000000000\ncannot read memory at machine address 0x40010000\n");
	tells(r, "xm /xg 0xfffffffffffffffc", "cannot read");
	tells(r, "x", "usage");
	tells(r, "x /x", "ends too early");
	/* Characters and code. */
	mem_write(&d->mem, ENV_VA(5), "Hi\n'\\\x7f", 6);
	says(r, "xm /6cb 0x40005000", "0000000040005000: 'H' 'i' '\\n' '\\'' '\\\\' '\\x7f'\n");
	/* Strings, one after another; the end of memory ends one. */
	mem_write(&d->mem, ENV_VA(5) + 16, "one\0two\t\"\\\1\0", 13);
	says(r, "xm /2s 0x40005010", "0000000040005010: \"one\"\n0000000040005014: \"two\\t\\\"\\\\\\001\"\n");
	mem_write(&d->mem, ENV_VA(16) - 2, "ab", 2);
	says(r, "xm /s 0x4000fffe", "000000004000fffe: \"ab\"\ncannot read memory at machine address 0x40010000\n");
	mem_write(&d->mem, ENV_VA(16) - 2, "\0", 2);
	says(r, "p /s 17", "0x11\n");
	says(r, "xm /xw 0x40005010", "0000000040005010: 0x00656e6f\n");
	mem_write(&d->mem, ENV_VA(6), code, sizeof code);
	x86_of(d->vcpus[0])->s.seg[SEG_CS].attr |= SEGA_L;
	tells(r, "xm /3i 0x40006000", "0x0000000040006000:  90 ");
#if HAVE_ZYDIS
	tells(r, "xm /3i 0x40006000", "0x0000000040006001:  48 89 e5                          mov rbp, rsp\n0x0000000040006004:  c3");
#endif
#if HAVE_ZYDIS
	says(r, "log syntax=att", "");
	tells(r, "xm /3i 0x40006000", "mov %rsp, %rbp");
	says(r, "log syntax=intel", "");
	tells(r, "xm /3i 0x40006000", "mov rbp, rsp");
#endif
	tells(r, "xm /9i 0x4000ffff", "cannot read memory at machine address");
	/* Checksums and files. */
	says(r, "sum 0x5000 2", "00141\n");
	tells(r, "sum 0x5000 0x100000", "cannot read memory");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	snprintf(line, sizeof line, "pmemsave 0x5000 2 %s", path);
	says(r, line, "");
	f = fopen(path, "rb");
	ck_assert_uint_eq(fread(back, 1, sizeof back, f), 2);
	fclose(f);
	ck_assert_str_eq(back, "Hi");
	snprintf(line, sizeof line, "memsave 0x40005000+1 1 \"%s\"", path);
	says(r, line, "");
	f = fopen(path, "rb");
	ck_assert_uint_eq(fread(back, 1, sizeof back, f), 1);
	fclose(f);
	ck_assert_int_eq(back[0], 'i');
	remove(path);
	tells(r, "memsave 0x40005000 1 /nosuch/dir/x", "cannot be written");
	tells(r, "gva2gpa 0x40004010", "machine: 0x40004010");
	tells(r, "gva2gpa 0x40004010", "gpa: 0x9010");
	/* Too much is cut. */
	tells(r, "xm /65536xb 0x40000000", "cut: this is too long");
	tells(r, "xm /65537xb 0x40000000", "at most 65536");
	rig_free(r);
}
END_TEST

/* ---- the guest --------------------------------------------------------------------------------------------------- */

START_TEST(stop_and_go)
{
	struct rig *r = rig_new();
	struct domain *d = r->c->e->d;

	tells(r, "info status", "VM status: running\n");
	lacks(r, "info status", "held");
	timeline_hold(&d->time);
	tells(r, "info status", "time is held until the host has done its part\n");
	r->c->guest.held = true;
	tells(r, "info status", "time is held until somebody reads more of the console\n");
	r->c->guest.held = false;
	timeline_release(&d->time);
	lacks(r, "info status", "held");
	says(r, "stop", "");
	ck_assert(d->paused && r->c->guest.stopped);
	tells(r, "info status", "VM status: paused");
	says(r, "s", "");
	says(r, "c", "");
	ck_assert(!d->paused && !r->c->guest.stopped);
	d->suspended = true;
	tells(r, "info status", "paused (suspended)");
	says(r, "system_wakeup", "");
	ck_assert(!d->suspended);
	says(r, "system_wakeup", "the guest is not suspended\n");
	d->suspended = true;
	says(r, "cont", "");
	ck_assert(!d->suspended);
	says(r, "system_reset", "");
	ck_assert_int_eq(d->end, END_REBOOT);
	tells(r, "info status", "paused (shutdown)");
	tells(r, "cont", "has ended");
	tells(r, "system_powerdown", "has ended");
	tells(r, "disk_add file=x", "has ended");
	ck_assert_uint_eq(r->restarts, 0);
	says(r, "system_reset", "");
	ck_assert_uint_eq(r->restarts, 1);
	rig_free(r);
}
END_TEST

START_TEST(asking)
{
	struct rig *r = rig_new();

	tells(r, "system_powerdown", "has not said so far");
	ck_assert_str_eq(control_node(r->c, "control/shutdown"), "poweroff");
	xs_write(r->c->e->pv.xen.store, CONTROL_HOME "control/feature-reboot", "1");
	says(r, "system_reboot", "");
	ck_assert_str_eq(control_node(r->c, "control/shutdown"), "reboot");
	tells(r, "info control", "listens for: reboot\n");
	tells(r, "info control", "not acknowledged: reboot\n");
	tells(r, "system_suspend", "has not said");
	ck_assert_str_eq(control_node(r->c, "control/shutdown"), "suspend");
	/* Nobody could wait for it here: what was asked is taken back, but nobody else's request. */
	says(r, "save -s x.snap", "x.snap: the guest has not suspended itself (it has not said that it can: its control/feature-suspend), and "
				  "nothing is saved; save without -s needs no help of the guest\n");
	ck_assert_str_eq(control_node(r->c, "control/shutdown"), "");
	xs_write(r->c->e->pv.xen.store, CONTROL_HOME "control/feature-suspend", "1");
	tells(r, "save -c -s x.snap", "within a minute");
	ck_assert_int_eq(xen_control_post(&r->c->e->pv.xen, XEN_CONTROL_REBOOT, 0, NULL), 0);
	ck_assert_int_eq(xen_control_post(&r->c->e->pv.xen, XEN_CONTROL_SUSPEND_NOT, 0, NULL), 0);
	door_open(&r->c->e->d->door, 0, 0);
	ck_assert_str_eq(control_node(r->c, "control/shutdown"), "reboot");
	says(r, "save -d x.snap", "usage: save [-c] [-s] FILE\n");
	says(r, "balloon 512", "");
	ck_assert_str_eq(control_node(r->c, "memory/target"), "524288");
	says(r, "info balloon", "balloon: actual=0 target=512 max=2048 (MiB)\n");
	tells(r, "balloon 4096", "16 to 2048 MiB");
	tells(r, "balloon -1", "whole number");
	tells(r, "balloon 99999999999999999999", "whole number");
	tells(r, "balloon 18014398509481984", "more than any");
	says(r, "vcpu-set 4", "");
	ck_assert_str_eq(control_node(r->c, "cpu/3/availability"), "online");
	says(r, "vcpu-set 3 off", "");
	ck_assert_str_eq(control_node(r->c, "cpu/3/availability"), "offline");
	says(r, "vcpu-set 3 on", "");
	ck_assert_str_eq(control_node(r->c, "cpu/3/availability"), "online");
	tells(r, "vcpu-set 3 maybe", "on or off");
	tells(r, "vcpu-set 9", "1 to 4");
	says(r, "sysrq h", "");
	ck_assert_str_eq(control_node(r->c, "control/sysrq"), "h");
	tells(r, "sysrq hh", "one character");
	says(r, "nmi", "");
	ck_assert(r->c->e->vcpu[0].xen.s.flags & XEN_VCPU_NMI_PENDING);
	tells(r, "nmi 3", "is off");
	r->c->e->d->paused = true;
	tells(r, "balloon 600", "the guest is stopped");
	tells(r, "save -s x.snap", "the guest is stopped, so it cannot suspend itself");
	ck_assert_str_eq(control_node(r->c, "control/shutdown"), "reboot");
	says(r, "quit 300", "an exit code is 0 to 255\n");
	ck_assert_int_eq(r->quit, -1);
	says(r, "quit 7", "");
	ck_assert_int_eq(r->quit, 7);
	says(r, "q", "");
	ck_assert_int_eq(r->quit, 0);
	rig_free(r);
}
END_TEST

START_TEST(looking)
{
	struct rig *r = rig_new();
	u64 before = domain_hash(r->c->e->d);

	says(r, "info name", "test\n");
	tells(r, "info version", ".");
	says(r, "info uuid", "00000000-0000-0000-0000-000000000000\n");
	tells(r, "info cpus", "* CPU #0: pc=0x");
	tells(r, "info cpus", "  CPU #3: ");
	says(r, "cpu 2", "");
	tells(r, "info cpus", "* CPU #2: ");
	tells(r, "cpu 4", "only 0 to 3");
	tells(r, "cpu two", "whole number");
	tells(r, "info registers", "RIP=");
	tells(r, "info registers -a", "CPU#3\nRAX=");
	tells(r, "info registers -b", "usage: info registers [-a]");
	tells(r, "info memory", "guest: 64 KiB");
	tells(r, "info chardev", "serial0: null");
	says(r, "info history", "");
	says(r, "info block nosuch", "the guest has no disk 'nosuch': info block lists them\n");
	says(r, "disk_add /tmp/disk.img", "'/tmp/disk.img': say what it is: file=/tmp/disk.img\n");
	tells(r, "info xenstore", "/local/domain/7/name = \"test\"\n");
	says(r, "info xenstore name", "/local/domain/7/name = \"test\"\n");
	tells(r, "info xenstore /vm/", "/name = \"test\"\n");
	says(r, "info xenstore nosuch", "there is no node /local/domain/7/nosuch\n");
	ck_assert_uint_eq(domain_hash(r->c->e->d), before);
	xs_write_bytes(r->c->e->pv.xen.store, CONTROL_HOME "data", "a\"\n\0\\", 5);
	says(r, "info xenstore data", "/local/domain/7/data = \"a\\042\\n\\000\\134\"\n");
	says(r, "log int,mmu", "");
	ck_assert_uint_eq(r->c->e->host.log.mask, LOG_INT | LOG_MMU);
	tells(r, "log nosuch", "no log item 'nosuch'");
	says(r, "log none", "");
	ck_assert_uint_eq(r->c->e->host.log.mask, 0);
	tells(r, "logfile /nosuch/dir/x", "cannot be written");
	says(r, "screendump x.png", "the guest has no display: begin it with -display none, -display sdl or -vnc :1\n");
	says(r, "sendkey ctrl-a", "the guest has no display: begin it with -display none, -display sdl or -vnc :1\n");
	says(r, "mouse_move 1 2", "the guest has no display: begin it with -display none, -display sdl or -vnc :1\n");
	says(r, "mouse_button 1", "the guest has no display: begin it with -display none, -display sdl or -vnc :1\n");
	rig_free(r);
}
END_TEST

/* What needs a Xen guest says so, and what needs any guest too. */
START_TEST(other_guests)
{
	struct rig *r = rig_new();
	struct domain *d = r->c->guest.d;
	const struct mon_command *c;
	char line[100];

	r->c->guest.bare = true;
	for (c = mon_commands; c->name; c++)
		if (c->flags & MON_PV) {
			snprintf(line, sizeof line, "%s%s%s", c->name, c->min ? " 1" : "", c->min > 1 ? " 2" : "");
			tells(r, line, "this is for Xen guests");
		}
	r->c->guest.d = NULL;
	for (c = mon_commands; c->name; c++)
		if (c->flags & (MON_PV | MON_GUEST)) {
			snprintf(line, sizeof line, "%s%s%s%s", c->name, c->min ? " 1" : "", c->min > 1 ? " 2" : "", c->min > 2 ? " 3" : "");
			tells(r, line, "there is no guest yet");
		}
	tells(r, "info status", "prelaunch");
	tells(r, "info registers", "no guest yet");
	tells(r, "p $rax", "no register");
	r->c->guest.d = d;
	r->c->guest.bare = false;
	rig_free(r);
}
END_TEST

struct drawn {
	char keys[50], file[50];
	u32 hold, down;
	i32 d[3];
};

static int draw_dump(void *opaque, const char *file, struct error *e)
{
	struct drawn *s = opaque;

	snprintf(s->file, sizeof s->file, "%s", file);
	return strcmp(file, "bad") ? 0 : error_set(e, -EIO, "bad: it is");
}

static int draw_keys(void *opaque, const char *keys, u32 hold, struct error *e)
{
	struct drawn *s = opaque;

	snprintf(s->keys, sizeof s->keys, "%s", keys);
	s->hold = hold;
	return 0;
}

static int draw_move(void *opaque, i32 dx, i32 dy, i32 dz, struct error *e)
{
	struct drawn *s = opaque;

	s->d[0] = dx;
	s->d[1] = dy;
	s->d[2] = dz;
	return 0;
}

static int draw_buttons(void *opaque, u32 down, struct error *e)
{
	struct drawn *s = opaque;

	s->down = down;
	return 0;
}

static void draw_vnc(void *opaque, struct buf *out)
{
	buf_put(out, "vnc\n", 4);
}

static void draw_mice(void *opaque, struct buf *out)
{
	buf_put(out, "mice\n", 5);
}

static void draw_displays(void *opaque, struct buf *out)
{
	buf_put(out, "displays\n", 9);
}

static int draw_password(void *opaque, const char *secret, struct error *e)
{
	struct drawn *s = opaque;

	snprintf(s->file, sizeof s->file, "%s", secret);
	return 0;
}

static int draw_show(void *opaque, u32 slot, struct error *e)
{
	struct drawn *s = opaque;

	s->down = slot;
	return slot < 8 ? 0 : error_set(e, -ENOENT, "none");
}

START_TEST(screens)
{
	static const struct monitor_screen screen = { draw_dump,     draw_keys,	    draw_move, draw_buttons, draw_vnc, draw_mice,
						      draw_displays, draw_password, draw_show };
	struct rig *r = rig_new();
	struct drawn s = { "", "", 0, 0, { 0 } };

	monitors_set_screen(r->m, &screen, &s);
	says(r, "screendump \"my file.png\"", "");
	ck_assert_str_eq(s.file, "my file.png");
	says(r, "screendump bad", "bad: it is\n");
	says(r, "screendump a.JPG", "a.JPG: pictures are PNG or PPM: name it a.png or .ppm\n");
	says(r, "screendump x.jpeg.png", "");
	ck_assert_str_eq(s.file, "x.jpeg.png");
	says(r, "sendkey ctrl-alt-f1", "");
	ck_assert_str_eq(s.keys, "ctrl-alt-f1");
	ck_assert_uint_eq(s.hold, 100);
	says(r, "sendkey a 5", "");
	ck_assert_uint_eq(s.hold, 5);
	says(r, "mouse_move -10 20", "");
	ck_assert(s.d[0] == -10 && s.d[1] == 20 && s.d[2] == 0);
	says(r, "mouse_move 1 2 -3", "");
	ck_assert(s.d[0] == 1 && s.d[1] == 2 && s.d[2] == -3);
	tells(r, "mouse_move a b", "whole number");
	says(r, "mouse_button 5", "");
	ck_assert_uint_eq(s.down, 5);
	says(r, "info vnc", "vnc\n");
	says(r, "info mice", "mice\n");
	says(r, "info displays", "displays\n");
	says(r, "change vnc password letmein", "");
	ck_assert_str_eq(s.file, "letmein");
	tells(r, "change vnc password", "usage");
	tells(r, "change vnc none", "usage");
	says(r, "set_password vnc \"\"", "");
	ck_assert_str_eq(s.file, "");
	tells(r, "set_password spice x", "only vnc");
	says(r, "console 2", "");
	ck_assert_uint_eq(s.down, 1);
	says(r, "console 0", "none\n");
	tells(r, "console x", "whole number");
	rig_free(r);
}
END_TEST

/* ---- lines and keys ---------------------------------------------------------------------------------------------- */

struct typist {
	struct mon m; /* first: what mon_complete() is given */
	struct line_edit *le;
	char got[8][LINE_BYTES + 1];
	u32 n, too_long;
	struct buf screen;
};

static void typed_out(void *opaque, const char *p, size_t n)
{
	struct typist *t = opaque;

	buf_put(&t->screen, p, n);
}

static void typed_line(void *opaque, const char *line)
{
	struct typist *t = opaque;

	snprintf(t->got[t->n++ % 8], sizeof t->got[0], "%s", line);
}

static void typed_too_long(void *opaque)
{
	struct typist *t = opaque;

	t->too_long++;
}

static void typed_complete(void *opaque, struct line_edit *le, const char *text)
{
	line_candidate(le, "apple");
	line_candidate(le, "apricot");
	line_candidate(le, "banana");
	line_candidate(le, "dir/");
}

static const struct line_ops typist_ops = { typed_out, typed_line, typed_too_long, typed_complete };

static struct typist *typist_new(bool terminal)
{
	struct typist *t = calloc(1, sizeof *t);

	ck_assert_ptr_nonnull(t);
	t->le = line_new(&typist_ops, t, "> ", terminal);
	ck_assert_ptr_nonnull(t->le);
	return t;
}

static void typist_free(struct typist *t)
{
	line_free(t->le);
	buf_free(&t->screen);
	free(t);
}

static void type(struct typist *t, const char *keys)
{
	while (*keys)
		line_byte(t->le, (u8)*keys++);
}

/* After keys and a return the line is want. */
static void gives(struct typist *t, const char *keys, const char *want)
{
	type(t, keys);
	type(t, "\r");
	ck_assert_msg(t->n && !strcmp(t->got[(t->n - 1) % 8], want), "%s -> '%s', not '%s'", keys, t->got[(t->n - 1) % 8], want);
}

START_TEST(keys)
{
	struct typist *t = typist_new(true);
	u32 n;

	gives(t, "hello", "hello");
	gives(t, "ello\001h", "hello");
	gives(t, "hllo\001\033[C\006\002e", "hello");
	gives(t, "helloX\177", "hello");
	gives(t, "helloX\010", "hello");
	gives(t, "Xhello\033[H\033[3~", "hello");
	gives(t, "Xhello\033[1~\004", "hello");
	gives(t, "helo\033[Dl", "hello");
	gives(t, "helo\033ODl\033OF!", "hello!");
	gives(t, "one two\027three", "one three");
	gives(t, "one two \027three", "one three");
	gives(t, "one two\025three", "three");
	gives(t, "one two\001\013\031\031", "one twoone two");
	gives(t, "abc\003def", "def");
	gives(t, "a\033[99;5Zb\033xc", "abc");
	gives(t, "\302\344\366\177", "\302\344");
	gives(t, "\303\244\303\266\033[D\177x", "x\303\266");
	/* \r\n and \n\r: one end each but for the second, which is two. */
	n = t->n;
	type(t, "a\r\nb\n");
	ck_assert_uint_eq(t->n, n + 2);
	typist_free(t);
}
END_TEST

START_TEST(history)
{
	struct typist *t = typist_new(true);
	char line[20];
	u32 i;

	gives(t, "first", "first");
	gives(t, "second", "second");
	gives(t, "second", "second"); /* kept once */
	gives(t, "\033[A", "second");
	gives(t, "\033[A\033[A", "first");
	gives(t, "\033[A\033[A\033[A\033[A\033[B!", "second!");
	gives(t, "mine\033[A\033[Bs", "mines");
	gives(t, "\020\020\016", "mines");
	gives(t, "\033[B", "");
	ck_assert_str_eq(line_history(t->le, 0), "first");
	ck_assert_str_eq(line_history(t->le, 1), "second");
	for (i = 0; i < LINE_HISTORY + 10; i++) {
		snprintf(line, sizeof line, "line %u", i);
		gives(t, line, line);
	}
	ck_assert_str_eq(line_history(t->le, 0), "line 10");
	ck_assert_ptr_null(line_history(t->le, LINE_HISTORY));
	typist_free(t);
}
END_TEST

START_TEST(tab)
{
	struct typist *t = typist_new(true);

	gives(t, "ba\t!", "banana !");
	gives(t, "x ba\t!", "x banana !");
	gives(t, "di\t!", "dir/!");
	gives(t, "a\t!", "ap!");
	t->screen.len = 0;
	gives(t, "ap\t!", "ap!");
	buf_put_u8(&t->screen, 0);
	ck_assert_ptr_nonnull(strstr((char *)t->screen.p, "apple    apricot"));
	gives(t, "zz\t", "zz");
	typist_free(t);
}
END_TEST

/* A line longer than the window moves under it; a line that is too long is refused whole. */
START_TEST(long_lines)
{
	struct typist *t = typist_new(true), *p = typist_new(false);
	char *line = calloc(1, 2 * LINE_BYTES);
	bool clean = true;
	u32 i;

	memset(line, 'a', LINE_BYTES + 100);
	type(t, line);
	type(t, "\r");
	ck_assert_uint_eq(strlen(t->got[0]), LINE_BYTES);
	for (i = 0; i < t->screen.len; i++)
		clean = clean && (t->screen.p[i] == 'a' || strchr("\r> \n\033[KD\a0123456789", t->screen.p[i]));
	ck_assert(clean);
	type(p, line);
	type(p, "\nshort\n");
	ck_assert_uint_eq(p->too_long, 1);
	ck_assert_uint_eq(p->n, 1);
	ck_assert_str_eq(p->got[0], "short");
	/* Not on a terminal keys are bytes, and nothing is shown. */
	p->screen.len = 0;
	type(p, "\033[A\t\n");
	ck_assert_str_eq(p->got[1], "\033[A\t");
	ck_assert_uint_eq(p->screen.len, 0);
	free(line);
	typist_free(t);
	typist_free(p);
}
END_TEST

START_TEST(completions)
{
	static const struct {
		const char *typed, *want;
	} t[] = { { "system_po", "system_powerdown " }, { "info reg", "info registers " }, { "help ballo", "help balloon " },
		  { "sto", "stop " }, { "logfile /etc/hostn", "logfile /etc/hostname " }, { "disk_add file=/et", "disk_add file=/etc/" } };
	struct rig *r = rig_new();
	const struct line_ops ops = { typed_out, typed_line, typed_too_long, mon_complete };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		struct typist *z = typist_new(true);

		line_free(z->le);
		z->le = line_new(&ops, z, "> ", true);
		z->m.all = r->m;
		type(z, t[i].typed);
		line_byte(z->le, '\t');
		type(z, "\r");
		if (strncmp(t[i].typed, "logfile", 7) || !access("/etc/hostname", F_OK))
			ck_assert_msg(!strcmp(z->got[0], t[i].want), "%s -> '%s'", t[i].typed, z->got[0]);
		typist_free(z);
	}
	rig_free(r);
}
END_TEST

Suite *monitor_suite(void)
{
	Suite *s = suite_create("monitor");
	TCase *t = tcase_create("all");

	tcase_add_test(t, table);
	tcase_add_test(t, manual_agrees);
	tcase_add_test(t, progress);
	tcase_add_test(t, words_and_mistakes);
	tcase_add_test(t, expressions);
	tcase_add_test(t, prints);
	tcase_add_test(t, memory);
	tcase_add_test(t, stop_and_go);
	tcase_add_test(t, asking);
	tcase_add_test(t, looking);
	tcase_add_test(t, other_guests);
	tcase_add_test(t, screens);
	tcase_add_test(t, keys);
	tcase_add_test(t, history);
	tcase_add_test(t, tab);
	tcase_add_test(t, long_lines);
	tcase_add_test(t, completions);
	suite_add_tcase(s, t);
	return s;
}
