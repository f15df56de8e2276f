/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Protection keys, SDM 3A 4.6.2 and 4.7: what PKRU forbids, to whom, with which error code, and that it does so at once.
 */
#include "cpu/x86/decode.h"
#include "cpu/x86/xsave.h"
#include "tests/suites.h"
#include "tests/unit/bare.h"

#define PAGE_3 0x20000u /* user, key 3 */
#define PAGE_S 0x21000u /* supervisor, key 3: keys do not count */
#define PAGE_0 0x22000u /* user, key 0 */
#define KEY(k) ((u64)(k) << 59)
#define AD(k) (1u << (2 * (k)))
#define WD(k) (2u << (2 * (k)))

static struct bare *machine(u8 cpl)
{
	struct bare *b = bare_new(65536);
	u64 k;

	for (k = 0; k < 0x100; k++)
		bare_map(b, k << 12, k, PTE_P | PTE_W | PTE_U);
	bare_map(b, PAGE_3, PAGE_3 >> 12, PTE_P | PTE_W | PTE_U | KEY(3));
	bare_map(b, PAGE_S, PAGE_S >> 12, PTE_P | PTE_W | KEY(3));
	b->cpu.s.cr4 |= CR4_PKE | CR4_OSXSAVE;
	b->cpu.s.xcr0 = X_X87 | X_SSE | X_AVX | X_PKRU;
	b->cpu.s.cpl = cpl;
	bare_paging(b);
	return b;
}

/* Runs code until HLT or a trap. RBX is addr, RAX is rax, RCX and RDX are 0. */
static void go(struct bare *b, const u8 *code, size_t n, u64 addr, u64 rax)
{
	bare_put(b, BARE_CODE, code, n);
	x86_sync(&b->cpu);
	b->cpu.s.rip = BARE_CODE;
	b->cpu.s.gpr[RBX] = addr;
	b->cpu.s.gpr[RAX] = rax;
	b->cpu.s.gpr[RCX] = b->cpu.s.gpr[RDX] = 0;
	b->traps = 0;
	b->trap = (struct x86_trap){ .vector = 0 };
	x86_load(&b->cpu);
	x86_run(&b->cpu, 20);
}
#define RUN(b, addr, rax, ...)                                                                                        \
	do {                                                                                                         \
		static const u8 code_[] = { __VA_ARGS__, 0x0f, 0x0b };                                               \
		go(b, code_, sizeof code_, addr, rax);                                                               \
	} while (0)
#define LOAD 0x8b, 0x13  /* MOV EDX, [RBX] */
#define STORE 0x89, 0x13 /* MOV [RBX], EDX */
#define WRPKRU 0x0f, 0x01, 0xef
#define RDPKRU 0x0f, 0x01, 0xee

/* It got to the UD2 behind it. */
static void passes(struct bare *b)
{
	ck_assert_uint_eq(b->traps, 1);
	ck_assert_uint_eq(b->trap.vector, X86_UD);
}

static void faults(struct bare *b, u64 addr, u32 error)
{
	ck_assert_uint_eq(b->traps, 1);
	ck_assert_uint_eq(b->trap.vector, X86_PF);
	ck_assert_uint_eq(b->trap.cr2, addr);
	ck_assert_uint_eq(b->trap.error, error);
}

START_TEST(user_accesses)
{
	struct bare *b = machine(3);

	RUN(b, PAGE_3, AD(3), LOAD, STORE, 0x31, 0xd2, WRPKRU, LOAD); /* warm, then forbidden at once */
	faults(b, PAGE_3, PF_P | PF_U | PF_PK);
	RUN(b, PAGE_3, AD(3), STORE);
	faults(b, PAGE_3, PF_P | PF_U | PF_W | PF_PK);
	RUN(b, PAGE_0, 0, LOAD, STORE);
	passes(b);
	RUN(b, PAGE_3, WD(3), WRPKRU, LOAD, STORE);
	faults(b, PAGE_3, PF_P | PF_U | PF_W | PF_PK);
	RUN(b, PAGE_3, WD(2) | AD(4), WRPKRU, LOAD, STORE);
	passes(b);
	/* The supervisor's page is refused for what it is. */
	RUN(b, PAGE_S, AD(3), WRPKRU, LOAD);
	faults(b, PAGE_S, PF_P | PF_U);
	bare_free(b);
}
END_TEST

START_TEST(supervisor_accesses)
{
	struct bare *b = machine(0);

	RUN(b, PAGE_3, AD(3), WRPKRU, LOAD);
	faults(b, PAGE_3, PF_P | PF_PK);
	RUN(b, PAGE_S, AD(3), LOAD, STORE);
	passes(b);
	/* Write protection binds the supervisor only with CR0.WP. */
	RUN(b, PAGE_3, WD(3), WRPKRU, STORE);
	faults(b, PAGE_3, PF_P | PF_W | PF_PK);
	x86_sync(&b->cpu);
	b->cpu.s.cr0 &= ~(u64)CR0_WP;
	x86_load(&b->cpu);
	RUN(b, PAGE_3, WD(3), STORE);
	passes(b);
	RUN(b, PAGE_3, AD(3), WRPKRU, STORE);
	faults(b, PAGE_3, PF_P | PF_W | PF_PK);
	/* Without CR4.PKE keys are nothing. */
	x86_sync(&b->cpu);
	b->cpu.s.cr4 &= ~(u64)CR4_PKE;
	x86_load(&b->cpu);
	RUN(b, PAGE_3, 0, LOAD, STORE);
	passes(b);
	bare_free(b);
}
END_TEST

/* Instruction fetches do not ask for the key. */
START_TEST(fetches)
{
	struct bare *b = machine(3);

	bare_put(b, PAGE_3, "\x0f\x0b", 2);
	RUN(b, PAGE_3, AD(3), WRPKRU, 0xff, 0xe3); /* JMP RBX */
	passes(b);
	ck_assert_uint_eq(b->trap.rip, PAGE_3);
	/* A page that may be fetched from and not read. */
	bare_put(b, PAGE_3, "\x8b\x13\x0f\x0b", 4);
	RUN(b, PAGE_3, AD(3), 0xff, 0xe3);
	faults(b, PAGE_3, PF_P | PF_U | PF_PK);
	ck_assert_uint_eq(b->trap.rip, PAGE_3);
	bare_free(b);
}
END_TEST

START_TEST(instructions)
{
	struct bare *b = machine(0);

	RUN(b, 0, 0x12345678, WRPKRU, 0x31, 0xc0, RDPKRU);
	passes(b);
	ck_assert_uint_eq(b->cpu.r[RAX], 0x12345678);
	ck_assert_uint_eq(b->cpu.r[RDX], 0);
	RUN(b, 0, 0, 0xff, 0xc1, RDPKRU); /* INC ECX */
	ck_assert_uint_eq(b->trap.vector, X86_GP);
	RUN(b, 0, 0, 0xff, 0xc2, WRPKRU); /* INC EDX */
	ck_assert_uint_eq(b->trap.vector, X86_GP);
	ck_assert_uint_eq(b->cpu.s.pkru, 0x12345678);
	x86_sync(&b->cpu);
	b->cpu.s.cr4 &= ~(u64)CR4_PKE;
	x86_load(&b->cpu);
	RUN(b, 0, 0, RDPKRU);
	ck_assert_uint_eq(b->trap.vector, X86_UD);
	ck_assert_uint_eq(b->trap.rip, BARE_CODE);
	RUN(b, 0, 0, WRPKRU);
	ck_assert_uint_eq(b->trap.rip, BARE_CODE);
	bare_free(b);
}
END_TEST

/* XSAVE and XRSTOR carry it as component 9; the header's bit is 0 when PKRU is. SDM 1 13.1, 13.4. */
START_TEST(saved_and_restored)
{
	struct bare *b = machine(0);
	u32 out[4];

	x86_cpuid(&b->cpu, 0xd, 9, out);
	ck_assert_uint_eq(out[0], XSAVE_PKRU_BYTES);
	ck_assert_uint_eq(out[1], XSAVE_PKRU);
	x86_cpuid(&b->cpu, 0xd, 0, out);
	ck_assert_uint_eq(out[0] & X_PKRU, X_PKRU);
	ck_assert_uint_eq(out[1], XSAVE_PKRU + XSAVE_PKRU_BYTES);
	x86_cpuid(&b->cpu, 7, 0, out);
	ck_assert_uint_eq(out[2] & 0x18, 0x18);
	b->cpu.s.pkru = 0x55550000;
	RUN(b, PAGE_S, X_PKRU, 0x0f, 0xae, 0x23); /* XSAVE [RBX] */
	passes(b);
	ck_assert_uint_eq(mem_read_u64(&b->mem, PAGE_S + 512), X_PKRU);
	ck_assert_uint_eq(mem_read_u64(&b->mem, PAGE_S + XSAVE_PKRU), 0x55550000);
	RUN(b, PAGE_S, X_PKRU, 0x0f, 0xc7, 0x63, 0x40); /* XSAVEC [RBX + 64] */
	passes(b);
	ck_assert_uint_eq(mem_read_u64(&b->mem, PAGE_S + 64 + 512 + 8), BIT(63) | X_PKRU);
	ck_assert_uint_eq(mem_read_u64(&b->mem, PAGE_S + 64 + XSAVE_LEGACY), 0x55550000);
	b->cpu.s.pkru = 0;
	RUN(b, PAGE_S, X_PKRU, 0x0f, 0xae, 0x6b, 0x40); /* XRSTOR [RBX + 64] */
	passes(b);
	ck_assert_uint_eq(b->cpu.s.pkru, 0x55550000);
	/* In its initial state it is not in the image, and restoring that makes it 0. */
	mem_write_u64(&b->mem, PAGE_S + 512, 0);
	RUN(b, PAGE_S, X_PKRU, 0x0f, 0xae, 0x2b);
	passes(b);
	ck_assert_uint_eq(b->cpu.s.pkru, 0);
	/* What is restored holds for the next access. */
	mem_write_u64(&b->mem, PAGE_S + 512, X_PKRU);
	mem_write_u64(&b->mem, PAGE_S + XSAVE_PKRU, AD(0));
	RUN(b, PAGE_S, X_PKRU, 0x8b, 0x14, 0x25, PAGE_0 & 0xff, PAGE_0 >> 8 & 0xff, PAGE_0 >> 16, 0, 0x31, 0xd2, 0x0f, 0xae, 0x2b,
	   0x8b, 0x14, 0x25, PAGE_0 & 0xff, PAGE_0 >> 8 & 0xff, PAGE_0 >> 16, 0);
	faults(b, PAGE_0, PF_P | PF_PK);
	bare_free(b);
}
END_TEST

Suite *pku_suite(void)
{
	Suite *s = suite_create("pku");
	TCase *t = tcase_create("keys");

	tcase_add_test(t, user_accesses);
	tcase_add_test(t, supervisor_accesses);
	tcase_add_test(t, fetches);
	tcase_add_test(t, instructions);
	tcase_add_test(t, saved_and_restored);
	suite_add_tcase(s, t);
	return s;
}
