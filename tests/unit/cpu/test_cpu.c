/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPU's machinery: decoding against Zydis, exact counts whatever the slices, code that changes under our feet, faults
 * that leave nothing half done.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/hash.h"
#include "cpu/x86/flags.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/xlat.h"
#include "tests/suites.h"
#include "tests/unit/bare.h"
#include "tests/unit/quick.h"

#if HAVE_ZYDIS
#include <Zydis/Zydis.h>
#endif

static u64 rng(u64 *s)
{
	*s += 0x9e3779b97f4a7c15ULL;
	return hash_u64(HASH_SEED, *s);
}

#if HAVE_ZYDIS
/* Where both know an instruction they agree on its length. Random bytes, in every mode. */
START_TEST(lengths_agree_with_zydis)
{
	static const struct {
		ZydisMachineMode mode;
		ZydisStackWidth width;
		u32 key;
	} modes[] = { { ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64, KEY_CS64 },
		      { ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32, KEY_CS32 | KEY_SS32 },
		      { ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16, 0 } };
	u64 seed = 7;
	u32 m, n, both = 0;

	for (m = 0; m < ARRAY_SIZE(modes); m++) {
		ZydisDecoder dec;

		ZydisDecoderInit(&dec, modes[m].mode, modes[m].width);
		for (n = 0; n < 300000; n++) {
			ZydisDecodedInstruction zi;
			struct xi d;
			u8 b[16];
			u32 k;
			int len;

			for (k = 0; k < sizeof b; k += 8) {
				u64 v = rng(&seed);

				st64(b + k, v);
			}
			if (n & 1) /* more of the two-byte maps */
				b[0] = 0x0f;
			len = x86_decode(&d, b, 15, modes[m].key, 0);
			if (len <= 0 || ZYAN_FAILED(ZydisDecoderDecodeInstruction(&dec, NULL, b, 15, &zi)))
				continue;
			both++;
			/* Immediate groups: a branch with an operand-size prefix in 64-bit mode is ours as Intel's. */
			quick_msg(len == zi.length, "mode %u bytes %02x %02x %02x %02x %02x %02x: %d, Zydis %u", m, b[0],
				      b[1], b[2], b[3], b[4], b[5], len, zi.length);
		}
	}
	ck_assert_uint_gt(both, 100000);
}
END_TEST
#endif

/* mov ecx,1000; l: add rax,rcx; rol rax,7; test cl,3; jne s; xor rax,rcx; s: dec ecx; jnz l; hlt */
static void put_loop(struct bare *b)
{
	BARE_CODE_AT(b, BARE_CODE, 0xb9, 0xe8, 3, 0, 0, 0x48, 1, 0xc8, 0x48, 0xc1, 0xc0, 7, 0xf6, 0xc1, 3, 0x75, 3, 0x48, 0x31,
		     0xc8, 0xff, 0xc9, 0x75, 0xed, 0xf4);
}

START_TEST(counts_do_not_depend_on_slices)
{
	struct bare *b = bare_new(0);
	u64 rax, count;
	u64 slice;

	put_loop(b);
	ck_assert_int_eq(bare_run(b, 1000000, 1000000), CPU_HALTED);
	rax = b->cpu.r[RAX];
	count = x86_icount(&b->cpu);
	ck_assert_uint_eq(count, 1 + 1000 * 6 + 250 + 1);
	bare_free(b);
	for (slice = 1; slice < 30; slice++) {
		b = bare_new(slice % 3 ? 0 : 64 << 10);
		b->cpu.cpu.uncached = slice % 5 == 0;
		put_loop(b);
		ck_assert_int_eq(bare_run(b, 1000000, slice), CPU_HALTED);
		ck_assert_uint_eq(b->cpu.r[RAX], rax);
		ck_assert_uint_eq(x86_icount(&b->cpu), count);
		bare_free(b);
	}
}
END_TEST

/* A budget ends after exactly so many instructions, with the right rip and flags. */
START_TEST(budgets_are_exact)
{
	struct bare *b = bare_new(0);

	put_loop(b);
	ck_assert_int_eq(x86_run(&b->cpu, 1), CPU_BUDGET);
	ck_assert_uint_eq(b->cpu.rip, BARE_CODE + 5);
	ck_assert_int_eq(x86_run(&b->cpu, 3), CPU_BUDGET);
	ck_assert_uint_eq(b->cpu.rip, BARE_CODE + 15); /* at jne: 1000 & 3 == 0 */
	ck_assert(x86_rflags(&b->cpu) & FL_ZF);
	ck_assert_int_eq(x86_run(&b->cpu, 2), CPU_BUDGET);
	ck_assert_uint_eq(b->cpu.rip, BARE_CODE + 20);
	ck_assert_uint_eq(x86_icount(&b->cpu), 6);
	bare_free(b);
}
END_TEST

/* A store into the very next instruction takes effect at once. */
START_TEST(self_modifying_code)
{
	u32 step;

	for (step = 0; step < 2; step++) {
		struct bare *b = bare_new(0);

		/* mov byte [rip+1], 7 ; mov eax, 1 (its immediate is patched); hlt */
		b->cpu.cpu.uncached = step;
		BARE_CODE_AT(b, BARE_CODE, 0xc6, 5, 1, 0, 0, 0, 7, 0xb8, 1, 0, 0, 0, 0xf4);
		ck_assert_int_eq(bare_run(b, 100, 100), CPU_HALTED);
		ck_assert_uint_eq(b->cpu.r[RAX], 7);
		ck_assert_uint_eq(x86_icount(&b->cpu), 3);
		bare_free(b);
	}
}
END_TEST

/* Code already cached and linked is seen to change, through an alias of its page as well. */
START_TEST(cached_code_follows_its_bytes)
{
	struct bare *b = bare_new(0);
	u32 round;

	bare_map(b, 0x400000, BARE_CODE >> 12, PTE_P | PTE_W | PTE_U);
	bare_map(b, 0x500000, BARE_CODE >> 12, PTE_P | PTE_W | PTE_U);
	/* mov eax,imm; mov [0x500000 + 1], cl (by rbx); jmp to the start twice, by edx; hlt */
	BARE_CODE_AT(b, BARE_CODE, 0xb8, 1, 0, 0, 0, 0x88, 0x4b, 1, 0xff, 0xca, 0x75, 0xf4, 0xf4);
	bare_paging(b);
	b->cpu.r[RBX] = 0x500000;
	for (round = 2; round < 40; round++) {
		b->cpu.rip = 0x400000;
		b->cpu.r[RCX] = round;
		b->cpu.r[RDX] = 2;
		ck_assert_int_eq(bare_run(b, ~0ULL, 1000), CPU_HALTED);
		ck_assert_uint_eq(b->cpu.r[RAX], round);
	}
	bare_free(b);
}
END_TEST

/* An instruction over a page end is only as good as both pages: the second one is swapped under it. */
START_TEST(instruction_across_pages)
{
	struct bare *b = bare_new(0);
	static const u8 head[] = { 0xb8, 0x11 };
	static const u8 tail1[] = { 0x22, 0x33, 0x44, 0xf4 }, tail2[] = { 0x55, 0x66, 0x77, 0xf4 };
	u32 n;

	bare_put(b, 0x10ffe, head, 2);
	bare_put(b, 0x20000, tail1, 4);
	bare_put(b, 0x21000, tail2, 4);
	bare_map(b, 0x400000, 0x10, PTE_P);
	for (n = 0; n < 6; n++) {
		bare_map(b, 0x401000, n & 1 ? 0x21 : 0x20, PTE_P);
		if (!n)
			bare_paging(b);
		b->cpu.rip = 0x400ffe;
		ck_assert_int_eq(bare_run(b, ~0ULL, 10), CPU_HALTED);
		ck_assert_uint_eq(b->cpu.r[RAX], n & 1 ? 0x77665511 : 0x44332211);
	}
	/* And without the second page the fault names its start, not the instruction. */
	mem_write_u64(&b->mem, bare_pte(b, 0x401000), 0);
	b->cpu.rip = 0x400ffe;
	ck_assert_int_eq(bare_run(b, ~0ULL, 10), CPU_STOPPED);
	ck_assert_uint_eq(b->trap.vector, X86_PF);
	ck_assert_uint_eq(b->trap.cr2, 0x401000);
	ck_assert_uint_eq(b->trap.rip, 0x400ffe);
	bare_free(b);
}
END_TEST

/* A store that runs into a missing page leaves the first page alone. */
START_TEST(faults_leave_nothing_half_done)
{
	struct bare *b = bare_new(0);
	u64 before;

	bare_map(b, 0x400000, 0x10, PTE_P);
	bare_map(b, 0x500000, 0x20, PTE_P | PTE_W);
	BARE_CODE_AT(b, BARE_CODE, 0x48, 0x89, 0x03, 0xf4); /* mov [rbx], rax */
	bare_paging(b);
	mem_write_u64(&b->mem, 0x20ff8, 0x1122334455667788ULL);
	b->cpu.rip = 0x400000;
	b->cpu.r[RBX] = 0x500ffc;
	b->cpu.r[RAX] = ~0ULL;
	before = x86_icount(&b->cpu);
	ck_assert_int_eq(bare_run(b, ~0ULL, 10), CPU_STOPPED);
	ck_assert_uint_eq(b->trap.vector, X86_PF);
	ck_assert_uint_eq(b->trap.error, PF_W);
	ck_assert_uint_eq(b->trap.cr2, 0x501000);
	ck_assert_uint_eq(mem_read_u64(&b->mem, 0x20ff8), 0x1122334455667788ULL);
	ck_assert_uint_eq(x86_icount(&b->cpu), before + 1); /* a fault counts, so that time goes on */
	bare_free(b);
}
END_TEST

/* A handler that cannot be fetched faults for ever: its slot ends all the same, at the same count each time. */
static bool trap_goes_on(struct x86 *c, const struct x86_trap *t)
{
	c->rip = 0x7777000;
	return true;
}

START_TEST(endless_faults_end_a_slot)
{
	static const struct x86_ops ops = { .trap = trap_goes_on };
	struct bare *b = bare_new(0);

	bare_paging(b);
	b->cpu.ops = &ops;
	b->cpu.rip = 0x7777000;
	ck_assert_int_eq(x86_run(&b->cpu, 1000), CPU_BUDGET);
	ck_assert_uint_eq(x86_icount(&b->cpu), 1000);
	bare_free(b);
}
END_TEST

static bool stop_now(struct cpu *c)
{
	cpu_stop(c);
	return true;
}

START_TEST(long_repeats_can_be_stopped)
{
	static const struct x86_ops ops = { .ending = stop_now };
	struct bare *b = bare_new(0);

	b->cpu.ops = &ops;
	BARE_CODE_AT(b, BARE_CODE, 0xf3, 0xaa, 0xf4);
	b->cpu.r[RDI] = 0x20000;
	b->cpu.r[RCX] = 0x4000;
	ck_assert_int_eq(x86_run(&b->cpu, 1000000), CPU_STOPPED);
	ck_assert_uint_eq(b->cpu.r[RCX], 0x3000);
	ck_assert_uint_eq(b->cpu.rip, BARE_CODE);
	bare_free(b);
}
END_TEST

/* MOV EAX with an entry of a page table as its immediate: the A bit that the walker sets there is seen. */
START_TEST(tables_can_be_code)
{
	struct bare *b = bare_new(0);
	u64 at, i;

	bare_map(b, 0x500000, 0x20, PTE_P | PTE_W);
	at = bare_pte(b, 0x500000);
	bare_map(b, 0x700000, at >> 12, PTE_P);
	mem_write_u64(&b->mem, at - 8, 0xb8ULL << 56);
	bare_paging(b);
	for (i = 0; i < 2; i++) {
		u8 byte;
		struct mmu_fault f;

		b->cpu.rip = 0x700000 + PAGE_OFFSET(at) - 1;
		bare_run(b, ~0ULL, 1000);
		ck_assert_uint_eq(b->cpu.r[RAX] & PTE_A, i ? PTE_A : 0);
		ck_assert_int_eq(mmu_read(&b->cpu.mmu, 0x500000, &byte, 1, &f), 0);
	}
	bare_free(b);
}
END_TEST

/* REP MOVS is interruptible, restarts where it was, and faults with its registers at the element. */
START_TEST(repeated_moves)
{
	struct bare *b = bare_new(0);
	u32 n;

	for (n = 0; n < 3; n++)
		bare_map(b, 0x500000 + n * 0x1000, 0x20 + n, PTE_P | PTE_W);
	bare_map(b, 0x400000, 0x10, PTE_P);
	bare_map(b, 0x600000, 0x30, PTE_P | PTE_W);
	bare_map(b, 0x601000, 0x31, PTE_P | PTE_W);
	BARE_CODE_AT(b, BARE_CODE, 0xf3, 0xa4, 0xf4);
	for (n = 0; n < 0x3000; n += 8)
		mem_write_u64(&b->mem, 0x20000 + n, n * 0x9e3779b97f4a7c15ULL);
	bare_paging(b);
	b->cpu.rip = 0x400000;
	b->cpu.r[RSI] = 0x500123;
	b->cpu.r[RDI] = 0x600001;
	b->cpu.r[RCX] = 0x2800;
	ck_assert_int_eq(bare_run(b, ~0ULL, 1), CPU_STOPPED);
	ck_assert_uint_eq(b->trap.vector, X86_PF);
	ck_assert_uint_eq(b->trap.cr2, 0x602000);
	ck_assert_uint_eq(b->cpu.r[RDI], 0x602000);
	ck_assert_uint_eq(b->cpu.r[RSI], 0x500123 + 0x1fff);
	ck_assert_uint_eq(b->cpu.r[RCX], 0x2800 - 0x1fff);
	for (n = 0; n < 0x1fff; n++) {
		u8 a, c;

		mem_read(&b->mem, 0x20123 + n, &a, 1);
		mem_read(&b->mem, 0x30001 + n, &c, 1);
		quick_eq(a, c);
	}
	bare_free(b);
}
END_TEST

/* A random loop that only counts: adds to and compares registers, in 32 and 64 bits, with every condition. */
static u32 put_counting_loop(u8 *p, u64 *seed)
{
	static const u8 regs[] = { 0, 1, 2, 6, 7 }; /* rax rcx rdx rsi rdi */
	static const u8 conds[] = { 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 15 };
	u32 n = 0, k, exits[3], nexits = 0, count = 1 + (u32)(rng(seed) % 4);

	for (k = 0; k < count; k++) {
		u64 r = rng(seed);
		u8 reg = regs[r % 5], other = regs[r / 8 % 5];

		if (r >> 20 & 1)
			p[n++] = 0x48;
		switch (r >> 24 & 7) {
		case 0: /* xor reg, reg */
			p[n++] = 0x31;
			p[n++] = (u8)(0xc0 | reg << 3 | reg);
			break;
		case 1:
		case 2: /* inc or dec */
			p[n++] = 0xff;
			p[n++] = (u8)((r >> 30 & 1 ? 0xc8 : 0xc0) | reg);
			break;
		case 3:
		case 4: /* add or sub reg, imm8 */
			p[n++] = 0x83;
			p[n++] = (u8)((r >> 30 & 1 ? 0xe8 : 0xc0) | reg);
			p[n++] = (u8)(r >> 40);
			break;
		default: /* cmp reg, other; jcc out */
			if (nexits == 3)
				break;
			p[n++] = 0x39;
			p[n++] = (u8)(0xc0 | other << 3 | reg);
			p[n++] = (u8)(0x70 | conds[(r >> 32) % 11]);
			exits[nexits++] = n++;
			break;
		}
		if (p[n - 1] == 0x48)
			n--;
	}
	/* cmp ebp, imm32; jne to the start; hlt */
	p[n++] = 0x81;
	p[n++] = 0xfd;
	p[n++] = 0x11;
	p[n++] = 0x22;
	p[n++] = 0x33;
	p[n++] = 0x44;
	p[n++] = 0x75;
	p[n] = (u8)(0 - (n + 1));
	n++;
	for (k = 0; k < nexits; k++)
		p[exits[k]] = (u8)(n - exits[k] - 1);
	p[n++] = 0xf4;
	return n;
}

/* Taking many rounds at once ends exactly where taking them one by one does: registers, flags, rip and count. */
START_TEST(counting_loops_are_exact)
{
	static const u64 limits[] = { 300, 5000, 20011 };
	u64 seed = 1000 + (u64)_i;
	u32 n, l;

	for (n = 0; n < 100; n++) {
		struct bare *fast = bare_new(64 << 10), *slow = bare_new(64 << 10);
		u8 code[128];
		u32 len = put_counting_loop(code, &seed), k;

		for (k = 0; k < 16; k++) {
			u64 r = rng(&seed);

			if (k == RSP)
				continue;
			/* Mostly small, sometimes near the ends of 32 and 64 bits. */
			fast->cpu.r[k] = slow->cpu.r[k] = r & 1 ? r >> 50 : r & 2 ? 0 - (r >> 55) : r & 4 ? 0xffffffff - (r >> 54) : r >> 32;
		}
		bare_put(fast, BARE_CODE, code, len);
		bare_put(slow, BARE_CODE, code, len);
		slow->cpu.cpu.uncached = true;
		for (l = 0; l < ARRAY_SIZE(limits); l++) {
			bare_run(fast, limits[l], limits[l] - x86_icount(&fast->cpu));
			bare_run(slow, limits[l], limits[l] - x86_icount(&slow->cpu));
			quick_eq(x86_icount(&fast->cpu), x86_icount(&slow->cpu));
			quick_eq(fast->cpu.rip, slow->cpu.rip);
			quick_eq(x86_rflags(&fast->cpu), x86_rflags(&slow->cpu));
			quick(!memcmp(fast->cpu.r, slow->cpu.r, 16 * sizeof(u64)));
		}
		bare_free(fast);
		bare_free(slow);
	}
}
END_TEST

/* ... and is really done: a billion rounds take no time. */
START_TEST(counting_loops_are_skipped)
{
	struct bare *b = bare_new(0);

	/* l: inc rax; cmp rax, rcx; jne l; hlt */
	BARE_CODE_AT(b, BARE_CODE, 0x48, 0xff, 0xc0, 0x48, 0x39, 0xc8, 0x75, 0xf8, 0xf4);
	b->cpu.r[RCX] = 1ULL << 40;
	ck_assert_int_eq(bare_run(b, ~0ULL, 1ULL << 50), CPU_HALTED);
	ck_assert_uint_eq(b->cpu.r[RAX], 1ULL << 40);
	ck_assert_uint_eq(x86_icount(&b->cpu), 3 * (1ULL << 40) + 1);
	bare_free(b);
}
END_TEST

/* The lazily made flags of every kind equal those of a plain computation, for 8 bits exhaustively. */
START_TEST(flags_of_bytes)
{
	struct x86 *c = calloc(1, sizeof *c);
	u32 a, b2, k;

	for (a = 0; a < 256; a++)
		for (b2 = 0; b2 < 256; b2++)
			for (k = 0; k < 2; k++) {
				u32 sum = a + b2 + k, dif = a - b2 - k;
				u32 want;

				c->cc_op = k ? CC_ADC : CC_ADD;
				c->cc_dst = sum & 255;
				c->cc_src = b2;
				want = (sum > 255 ? FL_CF : 0) | ((a ^ b2 ^ sum) & 16 ? FL_AF : 0) |
				       (sum & 255 ? 0 : FL_ZF) | (sum & 128 ? FL_SF : 0) |
				       (~(a ^ b2) & (a ^ sum) & 128 ? FL_OF : 0) |
				       (__builtin_parity(sum & 255) ? 0 : FL_PF);
				quick_eq(flags_eval(c), want);
				c->cc_op = k ? CC_SBB : CC_SUB;
				c->cc_dst = dif & 255;
				want = (a < b2 + k ? FL_CF : 0) | ((a ^ b2 ^ dif) & 16 ? FL_AF : 0) |
				       (dif & 255 ? 0 : FL_ZF) | (dif & 128 ? FL_SF : 0) |
				       ((a ^ b2) & (a ^ dif) & 128 ? FL_OF : 0) |
				       (__builtin_parity(dif & 255) ? 0 : FL_PF);
				quick_eq(flags_eval(c), want);
				quick_eq(flags_cond(c, 12), !!(want & FL_SF) != !!(want & FL_OF));
				quick_eq(flags_cond(c, 6), !!(want & (FL_CF | FL_ZF)));
				quick_eq(flags_cond(c, 15),
						 !(want & FL_ZF) && !!(want & FL_SF) == !!(want & FL_OF));
			}
	free(c);
}
END_TEST

/* Every row has a name and an emitter, and the index finds the row again. */
START_TEST(every_row_is_reachable)
{
	u32 n;

	for (n = 1; n < x86_nrows; n++) {
		const struct oprow *r = &x86_rows[n];

		ck_assert_ptr_nonnull(r->emit);
		ck_assert_uint_gt(strlen(r->name), 1);
	}
	ck_assert_str_eq(x86_row(0, 0, 0x01, 0xc0)->name, "add");
	ck_assert_str_eq(x86_row(0, 0, 0x80, 0xf8)->name, "cmp");
	ck_assert_str_eq(x86_row(1, 0, 0xa2, 0)->name, "cpuid");
	ck_assert_ptr_null(x86_row(1, 0, 0x04, 0));
}
END_TEST

/* State of a CPU survives save and load, and a small cache changes nothing. */
START_TEST(state_round_trip)
{
	struct bare *a = bare_new(0), *b = bare_new(0);
	struct buf out = { 0 };
	struct reader in;

	put_loop(a);
	put_loop(b);
	x86_run(&a->cpu, 333);
	x86_sync(&a->cpu);
	state_save(&x86_state_desc, &a->cpu.s, &out);
	reader_init(&in, out.p, out.len);
	ck_assert_int_eq(state_load(&x86_state_desc, &b->cpu.s, &in), 0);
	x86_load(&b->cpu);
	bare_run(a, ~0ULL, 1000);
	bare_run(b, ~0ULL, 7);
	ck_assert_uint_eq(a->cpu.r[RAX], b->cpu.r[RAX]);
	buf_free(&out);
	bare_free(a);
	bare_free(b);
}
END_TEST

/* A processor with tables of its own: #DB goes to a HLT. Runs code with these flags; gives rip as the handler's frame has it, or 0. */
static u64 stepped(const u8 *code, size_t n, u64 rflags, u64 sfmask)
{
	static const struct x86_ops ops = { .tsc = bare_tsc };
	struct bare *b = bare_new(65536);
	struct x86_state *s = &b->cpu.s;
	u64 rip = 0;
	u8 word[8];

	b->cpu.ops = &ops;
	BARE_CODE_AT(b, 0x30000, 0xf4); /* the handler */
	BARE_CODE_AT(b, 0x31000, 0x90, 0x90, 0xf4); /* behind SYSCALL and SYSRET */
	mem_write_u64(&b->mem, 0x32010, 0x00038e0000080000ULL); /* IDT: vector 1 */
	mem_write_u64(&b->mem, 0x33008, 0x00af9b000000ffffULL);
	BARE_CODE_AT(b, 0x34004, 0x00, 0xf0, 0x07, 0x00); /* TSS: RSP0 */
	s->idt = (struct x86_dtr){ .base = 0x32000, .limit = 0xfff };
	s->gdt = (struct x86_dtr){ .base = 0x33000, .limit = 0x2f };
	s->seg[SEG_TR] = (struct x86_seg){ .base = 0x34000, .limit = 103, .attr = SEGA_P | 11 };
	s->efer |= EFER_SCE;
	s->star = 8ULL << 32 | 0x18ULL << 48;
	s->lstar = 0x31000;
	s->sfmask = sfmask;
	bare_put(b, BARE_CODE, code, n);
	s->rip = BARE_CODE;
	s->rflags = rflags | FL_FIXED1;
	s->gpr[RCX] = 0x31000;
	s->gpr[R11] = FL_TF | FL_FIXED1;
	x86_load(&b->cpu);
	x86_run(&b->cpu, 20);
	if (b->cpu.rip == 0x30001) {
		ck_assert_uint_eq(s->dr[6] & 0xe00f, DR6_BS);
		ck_assert_int_eq(mem_read(&b->mem, b->cpu.r[RSP], word, 8), 0);
		rip = ld64(word);
	}
	bare_free(b);
	return rip;
}

/* TF as SYSCALL leaves it and as SYSRET brings it counts at once. */
START_TEST(steps_over_system_calls)
{
	static const u8 call[] = { 0x0f, 0x05, 0x90, 0xf4 }, back[] = { 0x48, 0x0f, 0x07 };

	ck_assert_uint_eq(stepped(call, sizeof call, FL_TF, 0), 0x31000);
	ck_assert_uint_eq(stepped(call, sizeof call, FL_TF, FL_TF), 0);
	ck_assert_uint_eq(stepped(call, sizeof call, 0, 0), 0);
	ck_assert_uint_eq(stepped(back, sizeof back, 0, 0), 0x31000);
}
END_TEST

Suite *cpu_suite(void)
{
	Suite *s = suite_create("cpu");
	TCase *t = tcase_create("machinery");

	tcase_set_timeout(t, 60);
#if HAVE_ZYDIS
	tcase_add_test(t, lengths_agree_with_zydis);
#endif
	tcase_add_test(t, counts_do_not_depend_on_slices);
	tcase_add_test(t, budgets_are_exact);
	tcase_add_test(t, self_modifying_code);
	tcase_add_test(t, cached_code_follows_its_bytes);
	tcase_add_test(t, instruction_across_pages);
	tcase_add_test(t, faults_leave_nothing_half_done);
	tcase_add_test(t, endless_faults_end_a_slot);
	tcase_add_test(t, long_repeats_can_be_stopped);
	tcase_add_test(t, tables_can_be_code);
	tcase_add_test(t, repeated_moves);
	tcase_add_loop_test(t, counting_loops_are_exact, 0, 4);
	tcase_add_test(t, counting_loops_are_skipped);
	tcase_add_test(t, flags_of_bytes);
	tcase_add_test(t, every_row_is_reachable);
	tcase_add_test(t, state_round_trip);
	tcase_add_test(t, steps_over_system_calls);
	suite_add_tcase(s, t);
	return s;
}
