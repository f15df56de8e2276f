/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pairs of records: each pair of pair.def is joined, and does what its two instructions do one by one, with operands and
 * flags at random, where memory is there, where it ends, and where the first or the second faults.
 */
#include "cpu/x86/pair.h"
#include "tests/suites.h"
#include "tests/unit/bare.h"

#define DATA 0x20000u /* two pages, then a hole */
#define HOLE 0x22000u
#define AWAY 0x30000u /* another page with code */
#define TRIALS 60
#define GROUPS 8

enum how { RR, RI, RI8, IMM1, ONE, SAME, MEM_S, MEM_X, MEM_ONE, MEM_I, MEM_I8, SPECIAL };

/* How each is encoded: opcode bytes, with REX.W or not, and what follows. */
static const struct encoding {
	enum pair_op op;
	u8 n, code[2];
	bool w;
	enum how how;
	u8 ext; /* ModRM.reg where that is no register */
	u8 jcc; /* the condition of the Jcc behind it, which it takes in; or 0 */
} encodings[] = {
	{ PAIR_adc64_rr, 1, { 0x11 }, true, RR, 0, 0 },
	{ PAIR_add32_ri, 1, { 0x81 }, false, RI, 0, 0 },
	{ PAIR_add64_ri, 1, { 0x81 }, true, RI, 0, 0 },
	{ PAIR_add64_ri_nf, 1, { 0x81 }, true, RI, 0, 0 },
	{ PAIR_add64_rms, 1, { 0x03 }, true, MEM_S, 0, 0 },
	{ PAIR_add64_rmx, 1, { 0x03 }, true, MEM_X, 0, 0 },
	{ PAIR_add64_rr, 1, { 0x01 }, true, RR, 0, 0 },
	{ PAIR_add64_rr_nf, 1, { 0x01 }, true, RR, 0, 0 },
	{ PAIR_and32_ri, 1, { 0x81 }, false, RI, 4, 0 },
	{ PAIR_and32_ri_nf, 1, { 0x81 }, false, RI, 4, 0 },
	{ PAIR_and64_ri_nf, 1, { 0x81 }, true, RI, 4, 0 },
	{ PAIR_and64_rr_nf, 1, { 0x21 }, true, RR, 0, 0 },
	{ PAIR_call64_far, 1, { 0xe8 }, false, SPECIAL, 0, 0 },
	{ PAIR_cmovae64_r, 2, { 0x0f, 0x43 }, true, RR, 0, 0 },
	{ PAIR_cmovb64_r, 2, { 0x0f, 0x42 }, true, RR, 0, 0 },
	{ PAIR_cmove64_r, 2, { 0x0f, 0x44 }, true, RR, 0, 0 },
	{ PAIR_cmovne64_r, 2, { 0x0f, 0x45 }, true, RR, 0, 0 },
	{ PAIR_cmp32rr_j5, 1, { 0x39 }, false, RR, 0, 5 },
	{ PAIR_cmp64_mrs, 1, { 0x39 }, true, MEM_S, 0, 0 },
	{ PAIR_cmp64_ri, 1, { 0x81 }, true, RI, 7, 0 },
	{ PAIR_cmp64_rms, 1, { 0x3b }, true, MEM_S, 0, 0 },
	{ PAIR_cmp64_rr, 1, { 0x39 }, true, RR, 0, 0 },
	{ PAIR_cmp64ri_j5, 1, { 0x81 }, true, RI, 7, 5 },
	{ PAIR_cmp64rr_j4, 1, { 0x39 }, true, RR, 0, 4 },
	{ PAIR_cmp64rr_j5, 1, { 0x39 }, true, RR, 0, 5 },
	{ PAIR_dec32_m, 1, { 0xff }, false, MEM_ONE, 1, 0 },
	{ PAIR_goto, 1, { 0xeb }, false, SPECIAL, 0, 0 },
	{ PAIR_goto_far, 1, { 0xe9 }, false, SPECIAL, 0, 0 },
	{ PAIR_imul64_r_nf, 2, { 0x0f, 0xaf }, true, RR, 0, 0 },
	{ PAIR_inc32_m, 1, { 0xff }, false, MEM_ONE, 0, 0 },
	{ PAIR_jae, 1, { 0x73 }, false, SPECIAL, 0, 0 },
	{ PAIR_je, 1, { 0x74 }, false, SPECIAL, 0, 0 },
	{ PAIR_jne, 1, { 0x75 }, false, SPECIAL, 0, 0 },
	{ PAIR_lea64, 1, { 0x8d }, true, MEM_X, 0, 0 },
	{ PAIR_lea64s, 1, { 0x8d }, true, MEM_S, 0, 0 },
	{ PAIR_mov32_mrs, 1, { 0x89 }, false, MEM_S, 0, 0 },
	{ PAIR_mov32_ri, 1, { 0xc7 }, false, RI, 0, 0 },
	{ PAIR_mov32_rms, 1, { 0x8b }, false, MEM_S, 0, 0 },
	{ PAIR_mov32_rmx, 1, { 0x8b }, false, MEM_X, 0, 0 },
	{ PAIR_mov32_rr, 1, { 0x89 }, false, RR, 0, 0 },
	{ PAIR_mov64_mis, 1, { 0xc7 }, true, MEM_I, 0, 0 },
	{ PAIR_mov64_mrs, 1, { 0x89 }, true, MEM_S, 0, 0 },
	{ PAIR_mov64_mrx, 1, { 0x89 }, true, MEM_X, 0, 0 },
	{ PAIR_mov64_ri, 1, { 0xc7 }, true, RI, 0, 0 },
	{ PAIR_mov64_rms, 1, { 0x8b }, true, MEM_S, 0, 0 },
	{ PAIR_mov64_rmx, 1, { 0x8b }, true, MEM_X, 0, 0 },
	{ PAIR_mov64_rr, 1, { 0x89 }, true, RR, 0, 0 },
	{ PAIR_movsx3264_r, 1, { 0x63 }, true, RR, 0, 0 },
	{ PAIR_movzx832_ms, 2, { 0x0f, 0xb6 }, false, MEM_S, 0, 0 },
	{ PAIR_movzx832_mx, 2, { 0x0f, 0xb6 }, false, MEM_X, 0, 0 },
	{ PAIR_movzx832_r, 2, { 0x0f, 0xb6 }, false, RR, 0, 0 },
	{ PAIR_nop, 1, { 0x90 }, false, SPECIAL, 0, 0 },
	{ PAIR_not64_r, 1, { 0xf7 }, true, ONE, 2, 0 },
	{ PAIR_or64_rr_nf, 1, { 0x09 }, true, RR, 0, 0 },
	{ PAIR_pop64_r, 1, { 0x8f }, false, ONE, 0, 0 },
	{ PAIR_push64_r, 1, { 0xff }, false, ONE, 6, 0 },
	{ PAIR_ret64, 1, { 0xc3 }, false, SPECIAL, 0, 0 },
	{ PAIR_setb, 2, { 0x0f, 0x92 }, false, ONE, 0, 0 },
	{ PAIR_shl64_ri_nf, 1, { 0xc1 }, true, IMM1, 4, 0 },
	{ PAIR_shr32_ri, 1, { 0xc1 }, false, IMM1, 5, 0 },
	{ PAIR_shr64_ri, 1, { 0xc1 }, true, IMM1, 5, 0 },
	{ PAIR_shr64_ri_nf, 1, { 0xc1 }, true, IMM1, 5, 0 },
	{ PAIR_sub64_ri, 1, { 0x81 }, true, RI, 5, 0 },
	{ PAIR_sub64_rmx, 1, { 0x2b }, true, MEM_X, 0, 0 },
	{ PAIR_sub64_rr, 1, { 0x29 }, true, RR, 0, 0 },
	{ PAIR_sub64_rr_nf, 1, { 0x29 }, true, RR, 0, 0 },
	{ PAIR_test32ri_j4, 1, { 0xf7 }, false, RI, 0, 4 },
	{ PAIR_test32ri_j5, 1, { 0xf7 }, false, RI, 0, 5 },
	{ PAIR_test32rr_j4, 1, { 0x85 }, false, RR, 0, 4 },
	{ PAIR_test32rr_j5, 1, { 0x85 }, false, RR, 0, 5 },
	{ PAIR_test32rr_j8, 1, { 0x85 }, false, RR, 0, 8 },
	{ PAIR_test64rr_j4, 1, { 0x85 }, true, RR, 0, 4 },
	{ PAIR_test64rr_j5, 1, { 0x85 }, true, RR, 0, 5 },
	{ PAIR_test8mi_j5, 1, { 0xf6 }, false, MEM_I8, 0, 5 },
	{ PAIR_test8ri_j4, 1, { 0xf6 }, false, RI8, 0, 4 },
	{ PAIR_test8ri_j5, 1, { 0xf6 }, false, RI8, 0, 5 },
	{ PAIR_xor32_rmx, 1, { 0x33 }, false, MEM_X, 0, 0 },
	{ PAIR_xor32_rr_nf, 1, { 0x31 }, false, RR, 0, 0 },
	{ PAIR_zero, 1, { 0x31 }, false, SAME, 0, 0 },
	{ PAIR_zero_nf, 1, { 0x31 }, false, SAME, 0, 0 },
};

#define PAIR(first, second) { PAIR_##first, PAIR_##second, #first " " #second },
static const struct {
	enum pair_op first, second;
	const char *name;
} all[] = {
#include "cpu/x86/pair.def"
};
#undef PAIR

static u64 rnd(u64 *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* A register other than the three that addresses are made of. */
static u8 any_reg(u64 *s)
{
	static const u8 free_regs[] = { RAX, RCX, RDX, RBP, RDI, 8, 9, 10, 11, 12, 13, 14, 15 };

	return free_regs[rnd(s) % ARRAY_SIZE(free_regs)];
}

static u32 encode(u8 *p, u64 at, enum pair_op op, u64 *s)
{
	const struct encoding *e = encodings;
	u8 reg = any_reg(s), rm = any_reg(s), *q = p;
	bool plain;
	u32 k;

	while (e->op != op)
		if (++e == encodings + ARRAY_SIZE(encodings))
			ck_abort_msg("pair operation %d has no encoding here", op);
	if (reg == rm)
		rm = reg == RAX ? RDX : RAX; /* the idiom for zero is another handler */
	plain = e->how == RI || e->how == RI8 || e->how == IMM1 || e->how == ONE || e->how == MEM_ONE || e->how == MEM_I ||
		e->how == MEM_I8;
	if (plain)
		reg = e->ext;
	if (e->how == SAME)
		rm = reg;
	if (e->how >= MEM_S && e->how <= MEM_I8)
		rm = 0;
	if (e->how != SPECIAL)
		*q++ = (u8)(0x40 | (e->w ? 8 : 0) | (reg >> 3 & 1) << 2 | rm >> 3);
	for (k = 0; k < e->n; k++)
		*q++ = e->code[k];
	switch (e->how) {
	case RR:
	case ONE:
	case RI:
	case RI8:
	case IMM1:
	case SAME:
		*q++ = (u8)(0xc0 | (reg & 7) << 3 | (rm & 7));
		break;
	case MEM_S: /* [RBX + disp8] */
	case MEM_I:
		*q++ = (u8)(0x40 | (reg & 7) << 3 | RBX);
		*q++ = (u8)(rnd(s) % 16);
		break;
	case MEM_X: /* [RBX + RSI * 2 + disp8] */
	case MEM_ONE:
	case MEM_I8:
		*q++ = (u8)(0x44 | (reg & 7) << 3);
		*q++ = (u8)(0x40 | RSI << 3 | RBX);
		*q++ = (u8)(rnd(s) % 16);
		break;
	case SPECIAL:
		if (op == PAIR_je || op == PAIR_jne || op == PAIR_jae || op == PAIR_goto)
			*q++ = 1; /* over a HLT to the next */
		if (op == PAIR_call64_far || op == PAIR_goto_far) {
			st32(q, (u32)(AWAY - (at + 5)));
			q += 4;
		}
		break;
	}
	if (e->how == IMM1)
		*q++ = (u8)(1 + rnd(s) % (e->w ? 63 : 31));
	if (e->how == RI8 || e->how == MEM_I8)
		*q++ = (u8)rnd(s);
	if (e->how == RI || e->how == MEM_I) {
		st32(q, (u32)rnd(s) & 0x7fffffff);
		q += 4;
	}
	if (e->jcc) {
		*q++ = (u8)(0x70 | e->jcc);
		*q++ = 1; /* over a HLT to the next */
	}
	return (u32)(q - p);
}

/* Flags that are written again before anybody looks bring out the handlers without flags. */
static bool wants_killer(enum pair_op first, enum pair_op second)
{
	static const enum pair_op nf[] = { PAIR_add64_ri_nf, PAIR_add64_rr_nf, PAIR_and64_ri_nf, PAIR_and64_rr_nf,
					   PAIR_imul64_r_nf, PAIR_or64_rr_nf,  PAIR_shl64_ri_nf, PAIR_shr64_ri_nf,
					   PAIR_sub64_rr_nf, PAIR_xor32_rr_nf, PAIR_and32_ri_nf, PAIR_zero_nf };
	static const enum pair_op flags[] = {
		PAIR_add32_ri,    PAIR_add64_rr,    PAIR_cmp64_rr,    PAIR_cmp64_ri,    PAIR_shr64_ri,    PAIR_shr32_ri,
		PAIR_sub64_ri,    PAIR_zero,        PAIR_cmp32rr_j5,  PAIR_cmp64ri_j5,  PAIR_cmp64rr_j4,  PAIR_cmp64rr_j5,
		PAIR_test32ri_j4, PAIR_test32ri_j5, PAIR_test32rr_j4, PAIR_test32rr_j5, PAIR_test32rr_j8, PAIR_test64rr_j4,
		PAIR_test64rr_j5, PAIR_test8ri_j4,  PAIR_test8ri_j5,
	};
	bool first_nf = false;
	u32 k;

	for (k = 0; k < ARRAY_SIZE(nf); k++) {
		if (second == nf[k])
			return true;
		first_nf |= first == nf[k];
	}
	for (k = 0; k < ARRAY_SIZE(flags); k++)
		if (second == flags[k])
			return false;
	return first_nf;
}

/* Puts a machine into the state the seed says. */
static void prepare(struct bare *b, const u8 *code, u32 n, u64 seed)
{
	u64 s = seed, k;

	for (k = 0; k < 0x40; k++)
		bare_map(b, k << 12, k, PTE_P | PTE_W | PTE_U | PTE_A | (rnd(&s) & 1 ? PTE_D : 0));
	for (k = HOLE; k < HOLE + 2 * PAGE_SIZE; k += PAGE_SIZE)
		mem_write_u64(&b->mem, bare_pte(b, k), 0);
	for (k = 0; k < 2 * PAGE_SIZE; k += 8)
		mem_write_u64(&b->mem, DATA + k, rnd(&s));
	for (k = 0; k < 16; k++)
		b->cpu.s.gpr[k] = rnd(&s) % 4 ? rnd(&s) : rnd(&s) % 3;
	/* Addresses: inside, over the inner page end, over the end, and the stack the same. */
	b->cpu.s.gpr[RBX] = (rnd(&s) & 1 ? DATA + 64 : rnd(&s) & 1 ? DATA + PAGE_SIZE - 12 : HOLE - 20) + rnd(&s) % 16;
	b->cpu.s.gpr[RSI] = rnd(&s) % 4;
	b->cpu.s.gpr[RSP] = (rnd(&s) & 1 ? DATA + 512 : rnd(&s) & 1 ? HOLE + PAGE_SIZE + 8 : HOLE - 8) + rnd(&s) % 2 * 4;
	if (b->cpu.s.gpr[RSP] < HOLE - 8)
		mem_write_u64(&b->mem, b->cpu.s.gpr[RSP] + rnd(&s) % 2 * 8, AWAY);
	b->cpu.s.rflags = FL_FIXED1 | (rnd(&s) & FL_ARITH);
	mem_write(&b->mem, BARE_CODE, code, n);
	mem_write(&b->mem, AWAY, "\xf4", 1);
	b->cpu.s.rip = BARE_CODE;
	b->traps = 0;
	b->trap = (struct x86_trap){ .vector = 0 };
	x86_load(&b->cpu);
	bare_paging(b);
}

/* NULL, or what differs. One assertion a trial: libcheck writes each one to a file. */
static const char *difference(struct bare *a, struct bare *b)
{
	u64 k;

	x86_sync(&a->cpu);
	x86_sync(&b->cpu);
	if (memcmp(a->cpu.s.gpr, b->cpu.s.gpr, sizeof a->cpu.s.gpr) != 0)
		return "registers";
	if (a->cpu.s.rip != b->cpu.s.rip || a->cpu.s.rflags != b->cpu.s.rflags)
		return "RIP or flags";
	if (a->traps != b->traps || a->trap.vector != b->trap.vector || a->trap.rip != b->trap.rip ||
	    a->trap.cr2 != b->trap.cr2 || a->trap.error != b->trap.error)
		return "the trap";
	if (x86_icount(&a->cpu) != x86_icount(&b->cpu))
		return "the instruction count";
	for (k = 0; k < 2 * PAGE_SIZE; k += 8)
		if (mem_read_u64(&a->mem, DATA + k) != mem_read_u64(&b->mem, DATA + k))
			return "memory";
	return NULL;
}

static void try_pair(struct bare *a, struct bare *b, u32 which)
{
	enum pair_op first = all[which].first, second = all[which].second;
	u64 s = 0x9e3779b97f4a7c15ULL + which;
	u32 n, lost = 0;

	for (n = 0; n < TRIALS; n++) {
		u64 seed = rnd(&s);
		u8 code[64];
		u32 len = encode(code, BARE_CODE, first, &s);
		struct block *joined;
		const char *what;

		len += encode(code + len, BARE_CODE + len, second, &s);
		if (wants_killer(first, second)) {
			memcpy(code + len, "\x48\x39\xe4", 3); /* CMP RSP, RSP */
			len += 3;
		}
		memcpy(code + len, "\xf4\xf4", 2);
		len += 2;
		prepare(a, code, len, seed);
		prepare(b, code, len, seed);
		x86_run(&a->cpu, 8);
		x86_run(&b->cpu, 8);
		what = difference(a, b);
		if (what)
			ck_abort_msg("%s, seed %llu: not the same %s as one by one", all[which].name, (unsigned long long)seed, what);
		joined = code_find(a->cc, mem_frame(&a->mem, BARE_CODE >> PAGE_SHIFT), 0, a->cpu.mode_key);
		/* A full cache was thrown away behind it: hosts of 32 bits have a small one. */
		if (!joined && ++lost < TRIALS / 4)
			continue;
		if (!joined || joined->rec[0].fn != pair_handler(first, second))
			ck_abort_msg("%s is not joined", all[which].name);
	}
}

/* _i: every GROUPS-th pair from here. */
START_TEST(pairs_are_both)
{
	struct bare *a = bare_new(65536), *b = bare_new(65536);
	u32 which;

	b->cpu.cpu.uncached = true;
	for (which = (u32)_i; which < ARRAY_SIZE(all); which += GROUPS)
		try_pair(a, b, which);
	bare_free(a);
	bare_free(b);
}
END_TEST

/* Runs of pushes and pops: wherever the stack lies, whatever the registers, they are as each by itself. */
START_TEST(runs_are_each)
{
	struct bare *a = bare_new(65536), *b = bare_new(65536);
	u64 s = 0x2545f4914f6cdd1dULL;
	u32 n, k;

	b->cpu.cpu.uncached = true;
	for (n = 0; n < 20000; n++) {
		u64 seed = rnd(&s);
		u32 len = 0, count = 2 + (u32)(rnd(&s) % 9);
		u8 code[64], kind = rnd(&s) & 1 ? 0x58 : 0x50;
		const char *what;

		for (k = 0; k < count; k++) {
			u8 reg = rnd(&s) % 8 ? any_reg(&s) : (u8)(rnd(&s) % 16);

			if (rnd(&s) % 16 == 0)
				kind ^= 8;
			if (reg >= 8)
				code[len++] = 0x41;
			code[len++] = kind | (reg & 7);
		}
		code[len++] = 0xf4;
		prepare(a, code, len, seed);
		prepare(b, code, len, seed);
		k = 1 + (u32)(rnd(&s) % 12); /* also to the middle of a run */
		x86_run(&a->cpu, k);
		x86_run(&b->cpu, k);
		what = difference(a, b);
		if (what)
			ck_abort_msg("seed %llu, %u of %u: not the same %s as one by one", (unsigned long long)seed, k, count, what);
	}
	bare_free(a);
	bare_free(b);
}
END_TEST

Suite *pair_suite(void)
{
	Suite *s = suite_create("pair");
	TCase *t = tcase_create("pairs");

	tcase_add_loop_test(t, pairs_are_both, 0, GROUPS);
	tcase_add_test(t, runs_are_each);
	suite_add_tcase(s, t);
	return s;
}
