/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a processor waits for when nothing it does itself can wake it: HLT, MWAIT, shutdown, SIPI, with events from
 * outside. SDM 2A HLT, SDM 2B MWAIT, SDM 3A 6.15 (#DF), 10.1 and 10.4, SDM 3C 31.10.
 */
#include <check.h>
#include <string.h>

#include "hw/bare.h"
#include "tests/suites.h"
#include "vm/run.h"
#include "vm/x86.h"

struct machine {
	struct host h;
	struct domain *d;
	struct x86 *c;
};

/* Real-mode code at 0000:7C00; every vector leads to an IRET at 0600. */
static void machine_start(struct machine *m, const u8 *code, size_t n)
{
	struct bare_config cfg = { .image = code, .len = n, .boot = BARE_BOOT, .memory = 1 << 20 };
	struct error e = { 0 };
	u32 k;

	ck_assert_int_eq(host_init(&m->h, &x86_arch, 0), 0);
	m->d = bare_create(&m->h, "wait", &cfg, &e);
	ck_assert_ptr_nonnull(m->d);
	m->c = x86_of(m->d->vcpus[0]);
	for (k = 0; k < 256; k++)
		mem_write_u32(&m->d->mem, k * 4, 0x600);
	mem_write(&m->d->mem, 0x600, "\xfe\xc4\xcf", 3); /* INC AH; IRET */
}
#define START(m, ...)                                                                                                 \
	do {                                                                                                         \
		static const u8 code_[] = { __VA_ARGS__ };                                                           \
		machine_start(m, code_, sizeof code_);                                                               \
	} while (0)

/* Runs until the CPU waits. AL and AH: what the code and the handlers counted. */
static void waits(struct machine *m, enum cpu_exit why, u32 ax)
{
	ck_assert_int_eq(x86_run(m->c, 1000), why);
	ck_assert(!x86_has_work(m->c));
	ck_assert_uint_eq(m->c->r[RAX] & 0xffff, ax);
}

static void end(struct machine *m)
{
	host_exit(&m->h);
}

#define HLT 0xf4
#define INC_AL 0xfe, 0xc0
#define AX_0 0x31, 0xc0
#define MONITOR 0x0f, 0x01, 0xc8
#define MWAIT 0x0f, 0x01, 0xc9

START_TEST(hlt)
{
	struct machine m;

	START(&m, AX_0, 0xfa, HLT, INC_AL, HLT, INC_AL, 0xfb, HLT, INC_AL, HLT);
	waits(&m, CPU_HALTED, 0);
	x86_set_intr(m.c, true); /* masked */
	waits(&m, CPU_HALTED, 0);
	x86_set_intr(m.c, false);
	x86_nmi(m.c);
	ck_assert(x86_has_work(m.c));
	waits(&m, CPU_HALTED, 0x101);
	/* An SMI returns into HLT. */
	mem_write(&m.d->mem, 0x38000, "\x2e\xfe\x06\x00\x00\x0f\xaa", 7); /* INC CS:[0]; RSM */
	x86_smi(m.c);
	waits(&m, CPU_HALTED, 0x101);
	ck_assert_uint_eq(mem_read_u32(&m.d->mem, 0x30000) & 0xff, 1);
	/* ... unless its handler clears the auto-halt bit: AND BYTE CS:[FF02], FE */
	mem_write(&m.d->mem, 0x38000, "\x2e\x80\x26\x02\xff\xfe\x0f\xaa", 8);
	x86_smi(m.c);
	waits(&m, CPU_HALTED, 0x102);
	x86_set_intr(m.c, true);
	ck_assert(x86_has_work(m.c));
	x86_run(m.c, 2);
	x86_set_intr(m.c, false);
	waits(&m, CPU_HALTED, 0x203);
	end(&m);
}
END_TEST

START_TEST(mwait)
{
	struct machine m;

	START(&m, 0x31, 0xc9, 0x31, 0xd2, 0xfa, 0xb8, 0x00, 0x08, MONITOR, AX_0, MWAIT, INC_AL, 0xb8, 0x00, 0x08, MONITOR,
	      0xb8, 0x01, 0x00, MWAIT, INC_AL, HLT);
	waits(&m, CPU_HALTED, 0);
	/* Next to the line, and reads of it. */
	mem_write_u32(&m.d->mem, 0x7fc, 1);
	mem_write_u32(&m.d->mem, 0x840, 1);
	ck_assert_uint_eq(mem_read_u32(&m.d->mem, 0x800), 0);
	waits(&m, CPU_HALTED, 0);
	x86_set_intr(m.c, true); /* masked, and ECX was 0 */
	waits(&m, CPU_HALTED, 0);
	x86_set_intr(m.c, false);
	/* A store of what is there already is a store. */
	mem_write_u32(&m.d->mem, 0x83c, 0);
	ck_assert(x86_has_work(m.c));
	waits(&m, CPU_HALTED, 1);
	/* The second wait: an SMI ends it. */
	mem_write(&m.d->mem, 0x38000, "\x0f\xaa", 2);
	x86_smi(m.c);
	waits(&m, CPU_HALTED, 2);
	ck_assert_uint_eq(m.d->mem.monitors, 0);
	end(&m);
}
END_TEST

/* What was armed is part of the state. */
START_TEST(mwait_saved)
{
	struct machine m;
	struct x86_state s;
	struct x86_sys y;

	START(&m, 0x31, 0xc9, 0x31, 0xd2, 0xfa, 0xb8, 0x00, 0x08, MONITOR, AX_0, MWAIT, INC_AL, HLT);
	waits(&m, CPU_HALTED, 0);
	x86_sync(m.c);
	s = m.c->s;
	y = m.c->sys;
	mem_write_u32(&m.d->mem, 0x800, 1);
	waits(&m, CPU_HALTED, 1);
	m.c->s = s;
	m.c->sys = y;
	x86_load(m.c);
	waits(&m, CPU_HALTED, 0);
	ck_assert_uint_eq(m.d->mem.monitors, 1);
	mem_write_u32(&m.d->mem, 0x800, 2);
	waits(&m, CPU_HALTED, 1);
	end(&m);
}
END_TEST

START_TEST(shutdown_is_left)
{
	struct machine m;

	/* LIDT of no vectors; INT3; JMP */
	START(&m, AX_0, 0x2e, 0x0f, 0x01, 0x1e, 0x12, 0x7c, 0xcc, INC_AL, INC_AL, INC_AL, HLT, [0x12] = 0, 0, 0, 0, 0, 0);
	waits(&m, CPU_SHUTDOWN, 0);
	x86_set_intr(m.c, true);
	m.c->eflags |= FL_IF;
	waits(&m, CPU_SHUTDOWN, 0);
	x86_set_intr(m.c, false);
	m.c->s.idt.limit = 0x3ff;
	x86_nmi(m.c);
	ck_assert(x86_has_work(m.c));
	ck_assert_int_ne(x86_run(m.c, 2), CPU_SHUTDOWN);
	ck_assert_uint_eq(m.c->r[RAX] & 0xff00, 0x100);
	end(&m);
	/* An NMI handler that shuts down is left by INIT only. */
	START(&m, AX_0, 0x2e, 0x0f, 0x01, 0x1e, 0x12, 0x7c, 0xcc, INC_AL, INC_AL, INC_AL, HLT, [0x12] = 0, 0, 0, 0, 0, 0);
	waits(&m, CPU_SHUTDOWN, 0);
	x86_nmi(m.c);
	waits(&m, CPU_SHUTDOWN, 0);
	x86_nmi(m.c);
	waits(&m, CPU_SHUTDOWN, 0);
	x86_signal_init(m.c, true);
	waits(&m, CPU_HALTED, 0);
	ck_assert_uint_eq(m.c->rip, 0xfffffff0);
	end(&m);
}
END_TEST

START_TEST(sipi)
{
	struct machine m;

	START(&m, AX_0, INC_AL, 0xfa, HLT);
	x86_signal_sipi(m.c, 9); /* nobody waits for it */
	waits(&m, CPU_HALTED, 1);
	x86_signal_init(m.c, true);
	waits(&m, CPU_HALTED, 0);
	/* Only a SIPI ends this wait, SDM 3A 10.4: others stay pending, but for INIT. */
	x86_nmi(m.c);
	x86_smi(m.c);
	x86_set_intr(m.c, true);
	waits(&m, CPU_HALTED, 0);
	m.c->sys.events = 0;
	mem_write(&m.d->mem, 0x12000, "\x8c\xc8\xfa\xf4", 4); /* MOV AX, CS; CLI; HLT */
	x86_signal_sipi(m.c, 0x12);
	ck_assert(x86_has_work(m.c));
	waits(&m, CPU_HALTED, 0x1200);
	ck_assert_uint_eq(m.c->rip, 0x12004);
	x86_signal_sipi(m.c, 0x12); /* once */
	waits(&m, CPU_HALTED, 0x1200);
	ck_assert_uint_eq(m.c->rip, 0x12004);
	end(&m);
}
END_TEST

/* INIT waits while in SMM. */
START_TEST(init_in_smm)
{
	struct machine m;

	START(&m, AX_0, 0xfa, HLT);
	waits(&m, CPU_HALTED, 0);
	mem_write(&m.d->mem, 0x38000, "\x90\x90\xb0\x05\xa2\x00\x09\x0f\xaa", 9); /* MOV [900], 5; RSM */
	x86_smi(m.c);
	x86_run(m.c, 1);
	x86_signal_init(m.c, true);
	waits(&m, CPU_HALTED, 0);
	ck_assert_uint_eq(mem_read_u32(&m.d->mem, 0x900) & 0xff, 5);
	ck_assert_uint_eq(m.c->rip, 0xfffffff0);
	end(&m);
}
END_TEST

/* A debug trap wakes HLT. */
START_TEST(debug_trap_after_hlt)
{
	struct machine m;

	/* PUSHF; OR TF; POPF; HLT; INC AL; (handler clears TF) */
	START(&m, AX_0, 0xfa, 0x9c, 0x5b, 0x81, 0xcb, 0x00, 0x01, 0x53, 0x9d, HLT, INC_AL, HLT);
	mem_write(&m.d->mem, 0x600, "\xfe\xc4\x55\x89\xe5\x80\x66\x07\xfe\x5d\xcf", 11); /* INC AH; AND [BP + 7], ~1 */
	waits(&m, CPU_HALTED, 0x101);
	end(&m);
}
END_TEST

Suite *wait_suite(void)
{
	Suite *s = suite_create("wait");
	TCase *t = tcase_create("events");

	tcase_add_test(t, hlt);
	tcase_add_test(t, mwait);
	tcase_add_test(t, mwait_saved);
	tcase_add_test(t, shutdown_is_left);
	tcase_add_test(t, sipi);
	tcase_add_test(t, init_in_smm);
	tcase_add_test(t, debug_trap_after_hlt);
	suite_add_tcase(s, t);
	return s;
}
