/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * #AC, SDM 3A 6.15 vector 17: what comes before it, who is spared, and that it begins and ends with its bit whatever the
 * TLB holds. What must be aligned how is in tests/guests/bare/gates.S, and compared with the host by tests/silicon.
 */
#include "tests/suites.h"
#include "tests/unit/bare.h"

#define DATA 0x20000u
#define RO 0x21000u
#define ABSENT 0x22000u

static struct bare *machine(u8 cpl)
{
	struct bare *b = bare_new(65536);
	u64 k;

	for (k = 0; k < 0x100; k++)
		bare_map(b, k << 12, k, PTE_P | PTE_W | PTE_U);
	bare_map(b, RO, RO >> 12, PTE_P | PTE_U);
	bare_map(b, ABSENT, 0, 0);
	b->cpu.s.cr0 |= CR0_AM;
	b->cpu.s.cpl = cpl;
	bare_paging(b);
	return b;
}

/* Runs code until a trap; RBX is addr. */
static void go(struct bare *b, const u8 *code, size_t n, u64 addr, u64 flags)
{
	bare_put(b, BARE_CODE, code, n);
	x86_sync(&b->cpu);
	b->cpu.s.rip = BARE_CODE;
	b->cpu.s.rflags = FL_FIXED1 | flags;
	b->cpu.s.gpr[RBX] = addr;
	b->cpu.s.gpr[RSP] = BARE_STACK;
	b->traps = 0;
	x86_load(&b->cpu);
	x86_run(&b->cpu, 40);
	ck_assert_uint_eq(b->traps, 1);
}
#define EXPECT(b, vec, err, addr, flags, ...)                                                                         \
	do {                                                                                                         \
		static const u8 code_[] = { __VA_ARGS__, 0x0f, 0x0b };                                               \
		go(b, code_, sizeof code_, addr, flags);                                                             \
		ck_assert_uint_eq((b)->trap.vector, vec);                                                            \
		ck_assert_uint_eq((b)->trap.error, err);                                                             \
	} while (0)
#define LOAD 0x8b, 0x13   /* MOV EDX, [RBX] */
#define STORE 0x89, 0x13  /* MOV [RBX], EDX */
#define INC 0xff, 0x03    /* INC DWORD [RBX] */
#define AC_ON 0x9c, 0x81, 0x0c, 0x24, 0, 0, 4, 0, 0x9d         /* PUSHF; OR [RSP], AC; POPF */
#define AC_OFF 0x9c, 0x81, 0x24, 0x24, 0xff, 0xff, 0xfb, 0xff, 0x9d

/* Before page faults, as processors do it; after what is wrong with the address itself. */
START_TEST(order_of_faults)
{
	struct bare *b = machine(3);

	EXPECT(b, X86_AC, 0, DATA + 1, FL_AC, LOAD);
	EXPECT(b, X86_AC, 0, ABSENT + 1, FL_AC, LOAD);
	EXPECT(b, X86_AC, 0, ABSENT - 2, FL_AC, LOAD);
	EXPECT(b, X86_PF, PF_U, ABSENT + 4, FL_AC, LOAD);
	ck_assert_uint_eq(b->trap.cr2, ABSENT + 4);
	EXPECT(b, X86_AC, 0, RO + 2, FL_AC, STORE);
	EXPECT(b, X86_AC, 0, RO + 2, FL_AC, INC);
	EXPECT(b, X86_PF, PF_U | PF_W | PF_P, RO + 4, FL_AC, INC);
	EXPECT(b, X86_AC, 0, RO + 2, FL_AC, LOAD);
	EXPECT(b, X86_GP, 0, 0x8000000000000001, FL_AC, LOAD);
	EXPECT(b, X86_AC, 0, RO - 2, FL_AC, LOAD);
	bare_free(b);
}
END_TEST

START_TEST(begins_and_ends_at_once)
{
	struct bare *b = machine(3);

	/* A warm slot does not help. */
	EXPECT(b, X86_AC, 0, DATA + 1, 0, LOAD, STORE, LOAD, AC_ON, LOAD);
	ck_assert_uint_eq(b->trap.rip, BARE_CODE + 15);
	EXPECT(b, X86_AC, 0, DATA + 1, 0, STORE, AC_ON, STORE);
	EXPECT(b, X86_UD, 0, DATA + 1, 0, LOAD, AC_ON, AC_OFF, LOAD, STORE);
	/* Nor does one that was filled while checks were on. */
	EXPECT(b, X86_AC, 0, DATA, FL_AC, LOAD, STORE, LOAD, 0x48, 0xff, 0xc3, LOAD);
	EXPECT(b, X86_UD, 0, DATA, FL_AC, LOAD, STORE, LOAD, AC_OFF, 0x48, 0xff, 0xc3, LOAD);
	bare_free(b);
}
END_TEST

START_TEST(only_users_with_am)
{
	struct bare *b = machine(0);

	EXPECT(b, X86_UD, 0, DATA + 1, FL_AC, LOAD, STORE);
	bare_free(b);
	b = machine(3);
	x86_sync(&b->cpu);
	b->cpu.s.cr0 &= ~(u64)CR0_AM;
	x86_load(&b->cpu);
	EXPECT(b, X86_UD, 0, DATA + 1, FL_AC, LOAD, STORE);
	b->cpu.s.cr0 |= CR0_AM;
	EXPECT(b, X86_AC, 0, DATA + 1, FL_AC, LOAD, STORE);
	bare_free(b);
}
END_TEST

/* An odd stack stops calls, an odd pointer strings, the latter with what was done counted. */
START_TEST(stacks_and_strings)
{
	struct bare *b = machine(3);

	EXPECT(b, X86_AC, 0, DATA, FL_AC, 0x48, 0xff, 0xcc, 0x50);                   /* DEC RSP; PUSH RAX */
	EXPECT(b, X86_AC, 0, DATA, FL_AC, 0x48, 0xff, 0xcc, 0xe8, 0, 0, 0, 0);       /* ... CALL */
	EXPECT(b, X86_AC, 0, DATA, FL_AC, 0x48, 0xff, 0xcc, 0xc3);                   /* ... RET */
	EXPECT(b, X86_AC, 0, DATA + 1, FL_AC, 0x48, 0x89, 0xdf, 0xb9, 4, 0, 0, 0, 0xf3, 0xab); /* REP STOSD */
	ck_assert_uint_eq(b->cpu.r[RCX], 4);
	EXPECT(b, X86_UD, 0, DATA + 4, FL_AC, 0x48, 0x89, 0xdf, 0xb9, 4, 0, 0, 0, 0xf3, 0xab);
	ck_assert_uint_eq(b->cpu.r[RCX], 0);
	EXPECT(b, X86_AC, 0, DATA + 4, FL_AC, 0x48, 0x87, 0x03); /* XCHG [RBX], RAX */
	EXPECT(b, X86_AC, 0, DATA + 4, FL_AC, 0xf3, 0x0f, 0x7e, 0x03); /* MOVQ XMM0, [RBX] */
	EXPECT(b, X86_UD, 0, DATA + 4, FL_AC, 0x66, 0x0f, 0x6e, 0x03); /* MOVD */
	bare_free(b);
}
END_TEST

Suite *align_suite(void)
{
	Suite *s = suite_create("align");
	TCase *t = tcase_create("ac");

	tcase_add_test(t, order_of_faults);
	tcase_add_test(t, begins_and_ends_at_once);
	tcase_add_test(t, only_users_with_am);
	tcase_add_test(t, stacks_and_strings);
	suite_add_tcase(s, t);
	return s;
}
