/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every row of the VEX table that touches vectors, and AES, PCLMULQDQ and SHA without VEX: random and special operands,
 * all forms, against the host's own unit where it has one. Then what a comparison cannot show: availability, prefixes,
 * faults, alignment, XSAVE.
 */
#include "tests/suites.h"
#include "tests/unit/avx_env.h"
#include "tests/unit/host_vendor.h"

#ifndef AVX_ROUNDS
#define AVX_ROUNDS 24
#endif

static u64 special32(struct rng *r)
{
	static const u32 v[] = { 0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345,
				 0x7f812345, 0xff800001, 1, 0x807fffff, 0x00800000, 0x7f7fffff, 0x4f000000, 0xcf000000,
				 0x33000000, 0x477fefff, 0x477ff000, 0x38800000, 0x387fffff, 0x33800000, 0x3f000000, 0x5f000000 };

	return rnd(r) % 3 ? (u32)(rnd(r) % 3 ? (rnd(r) & 0x80ffffff) + 0x3f000000 : rnd(r)) : v[rnd(r) % ARRAY_SIZE(v)];
}
static u64 special64(struct rng *r)
{
	static const u64 v[] = { 0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000,
				 0xfff0000000000000, 0x7ff8000000000000, 0xfff8123456789abc, 0x7ff0123456789abc, 1,
				 0x800fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0x41dfffffffc00000,
				 0xc1e0000000000000, 0x43e0000000000000, 0x36a0000000000000, 0x3810000000000000,
				 0x47efffffe0000000, 0x380fffffe0000000 };

	return rnd(r) % 3 ? (rnd(r) % 3 ? (rnd(r) & 0x801fffffffffffff) + 0x3fe0000000000000 : rnd(r)) :
			    v[rnd(r) % ARRAY_SIZE(v)];
}
static u64 word(struct rng *r, u32 kind)
{
	switch (kind) {
	case 0:
		return rnd(r);
	case 1:
		return special32(r) | special32(r) << 32;
	case 2:
		return special64(r);
	case 3: /* half-precision numbers, small integers */
		return rnd(r) & 0xffff7c0fffff8fffull;
	default:
		return rnd(r) & 0x0000003f0000007full;
	}
}

static void fill(struct regs *o, struct rng *r, u32 round)
{
	static const u32 masked[] = { 0x1f80, 0x1fa0, 0x1f80, 0x1fa0, 0x3f80, 0x5fa0, 0x7f80, 0x1fc0, 0x9f80, 0xffe0 };
	u32 kind = round % 5;

	memset(o, 0, sizeof *o);
	for (u32 k = 0; k < 16; k++) {
		o->gpr[k] = k == RSP || k == RBP || k >= R13 ? 0 : word(r, round % 3 ? 0 : 4);
		for (u32 q = 0; q < 4; q++)
			o->ymm[k][q] = word(r, kind);
	}
	for (u32 k = 0; k < MEM_BYTES / 8; k++)
		o->mem[k] = word(r, kind);
	o->mxcsr = masked[round % ARRAY_SIZE(masked)];
	o->flags = rnd(r) & FL_ARITH;
}

static bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* Rows that a plain comparison cannot serve. */
static bool special_row(const struct oprow *row)
{
	return !strcmp(row->name, "vmaskmovdqu") || !strcmp(row->name, "vldmxcsr");
}
static bool approximate(const struct oprow *row)
{
	return starts(row->name, "vrcp") || starts(row->name, "vrsqrt");
}

/* Registers that are free to take part; the general ones are those the host's harness does not need. */
static u8 general(struct rng *r)
{
	static const u8 regs[] = { RAX, RCX, RDX, RBX, RSI, RDI, R8, R9, R11, R12 };

	return regs[rnd(r) % ARRAY_SIZE(regs)];
}

/* Indices of a gather, of 64 or 32 bits, that stay in the memory there is. */
static void near_indices(struct regs *in, u8 reg, bool wide, struct rng *r)
{
	for (u32 q = 0; q < 4; q++) {
		u64 lo = rnd(r) % 100 - 50, hi = rnd(r) % 100 - 50;

		in->ymm[reg][q] = wide ? lo : (u32)lo | hi << 32;
	}
}

static void row_form(struct env *g, const struct oprow *row, struct form f, struct rng *r)
{
	u32 feat = row->flags >> FEAT_SHIFT & 0xff;
	bool here = g->exec && (g->host >> feat & 1) && (!row->vex || (g->host & BIT(F_AVX))) &&
		    (!(row->flags & INT256) || (g->host & BIT(F_AVX2)));

	g->forms++;
	for (u32 round = 0; round < AVX_ROUNDS; round++) {
		struct regs in, host, guest;
		struct code k;

		fill(&in, r, round);
		f.reg = rnd(r) & 15;
		f.rm = rnd(r) & 15;
		f.vvvv = round % 4 ? rnd(r) & 15 : f.rm;
		if (round % 8 == 5)
			f.reg = f.rm;
		f.imm = (u8)rnd(r);
		f.disp = row->vex ? (i8)(rnd(r) % 64) : 0;
		f.index = (u8)((f.reg + 1) & 15);
		if (row_has(row, "G"))
			f.reg = general(r);
		if (row_has(row, "ER"))
			f.rm = general(r);
		/* Those that must be aligned. */
		if (strstr(row->name, "mova") || strstr(row->name, "movdqa") || strstr(row->name, "movnt"))
			f.disp = 32;
		if (row->flags & VSIB) {
			f.vvvv = (u8)((f.reg + 2) & 15);
			f.disp = 0;
			near_indices(&in, f.index, strstr(row->name, "gatherq"), r);
		}
		k = encode(row, &f);
		guest_code(&g->guest, k.b, k.n);
		guest = in;
		if (env_guest(g, k.n, &guest) != -1) {
			if (g->wrong++ < 20)
				fprintf(stderr, "%s: exception %u (%02x %02x %02x %02x %02x %02x)\n", row->name, g->c->trap.vector,
					k.b[0], k.b[1], k.b[2], k.b[3], k.b[4], k.b[5]);
			return;
		}
		guest.gpr[RSP] = guest.gpr[RBP] = 0;
		g->runs++;
		if (!here || approximate(row) || vendors_differ(row->name))
			continue;
		host = in;
		env_host(g, k.b, k.n, &host);
		env_compare(g, row, &f, &k, &in, &host, &guest, FL_ARITH);
	}
}

static void sweep_row(struct env *g, const struct oprow *row, u32 n)
{
	struct rng r = { n * 7919ull + row->opcode };
	bool memory_only = row_has(row, "M"), register_only = false;

	for (u32 k = 0; k < 4; k++)
		register_only |= row->op[k][0] == 'U' && !strchr(row->op[k], 'M');

	g->rows++;
	for (u32 v = 0; v < 8; v++) {
		struct form f = { .mem = v & 1, .l = v & 2, .w = v & 4, .rexw = v & 4 };

		if ((f.mem && register_only) || (!f.mem && memory_only))
			continue;
		if (row->vex && ((f.l && row->flags & VL0) || (!f.l && row->flags & VL1) || (f.w && row->flags & VW0) ||
				 (!f.w && row->flags & VW1)))
			continue;
		if (!row->vex && (f.l || f.w))
			continue;
		row_form(g, row, f, &r);
	}
}

/* The shifts by an immediate are a group: ModRM.reg is part of the opcode. */
static void sweep_shift(struct env *g, const struct oprow *row)
{
	struct rng r = { row->opcode * 31ull + (u64)row->reg };

	for (u32 round = 0; round < 64; round++) {
		struct form f = { .l = round & 1, .reg = (u8)row->reg, .rm = rnd(&r) & 15, .vvvv = rnd(&r) & 15,
				  .imm = (u8)(rnd(&r) % (round & 2 ? 256 : 70)) };
		struct code k = encode(row, &f);
		struct regs in, host, guest;

		fill(&in, &r, round);
		guest = host = in;
		guest_code(&g->guest, k.b, k.n);
		ck_assert_int_eq(env_guest(g, k.n, &guest), -1);
		g->runs++;
		if (!g->exec || !(g->host & BIT(F_AVX2)))
			continue;
		env_host(g, k.b, k.n, &host);
		env_compare(g, row, &f, &k, &in, &host, &guest, FL_ARITH);
	}
	g->rows++;
}

START_TEST(vex_rows)
{
	struct env g;

	env_open(&g);
	for (u32 n = 1; n < x86_vex_nrows; n++) {
		const struct oprow *row = &x86_vex_rows[n];
		u32 feat = row->flags >> FEAT_SHIFT & 0xff;

		if (feat == F_BMI1 || feat == F_BMI2 || special_row(row))
			continue;
		if (row->reg >= 0 && strcmp(row->name, "vstmxcsr"))
			sweep_shift(&g, row);
		else if (row->reg < 0)
			sweep_row(&g, row, n);
	}
	env_close(&g);
	ck_assert_uint_gt(g.rows, 300);
	ck_assert_msg(!g.wrong, "%u of %u runs differ", g.wrong, g.runs);
}
END_TEST

START_TEST(legacy_rows)
{
	struct env g;

	env_open(&g);
	for (u32 n = 1; n < x86_nrows; n++) {
		const struct oprow *row = &x86_rows[n];
		u32 feat = row->flags >> FEAT_SHIFT & 0xff;

		if (feat == F_AES || feat == F_PCLMUL || feat == F_SHA)
			sweep_row(&g, row, n);
	}
	env_close(&g);
	ck_assert_uint_eq(g.rows, 14);
	ck_assert_msg(!g.wrong, "%u of %u runs differ", g.wrong, g.runs);
}
END_TEST

/* ---- beyond comparison ------------------------------------------------------------------------------------------------ */

static int run_bytes(struct env *g, const u8 *code, u32 n)
{
	struct regs o;

	memset(&o, 0, sizeof o);
	o.mxcsr = 0x1f80;
	guest_code(&g->guest, code, n);
	return env_guest(g, n, &o);
}
#define RUN(g, ...) run_bytes(g, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

START_TEST(availability)
{
	struct env g;

	env_open(&g);
	ck_assert_int_eq(RUN(&g, 0xc5, 0xfd, 0xfc, 0xc1), -1); /* vpaddb ymm0, ymm0, ymm1 */
	ck_assert_int_eq(RUN(&g, 0x66, 0xc5, 0xfd, 0xfc, 0xc1), X86_UD);
	ck_assert_int_eq(RUN(&g, 0xf3, 0xc5, 0xfd, 0xfc, 0xc1), X86_UD);
	ck_assert_int_eq(RUN(&g, 0xf2, 0xc5, 0xfd, 0xfc, 0xc1), X86_UD);
	ck_assert_int_eq(RUN(&g, 0x48, 0xc5, 0xfd, 0xfc, 0xc1), X86_UD);
	ck_assert_int_eq(RUN(&g, 0xf0, 0xc4, 0xc1, 0x7d, 0xfc, 0x02), X86_UD);
	ck_assert_int_eq(RUN(&g, 0x64, 0xc5, 0xfd, 0xfc, 0xc1), -1);
	ck_assert_int_eq(RUN(&g, 0xc4, 0xe0, 0x7d, 0xfc, 0xc1), X86_UD); /* map 0 */
	ck_assert_int_eq(RUN(&g, 0xc4, 0xe4, 0x7d, 0xfc, 0xc1), X86_UD); /* map 4 */
	ck_assert_int_eq(RUN(&g, 0xc5, 0xf9, 0x6f, 0xc1), -1);           /* vmovdqa: vvvv must be 1111 */
	ck_assert_int_eq(RUN(&g, 0xc5, 0xf1, 0x6f, 0xc1), X86_UD);
	ck_assert_int_eq(RUN(&g, 0xc4, 0xe3, 0x7d, 0x19, 0xc1, 0), -1); /* vextractf128: L must be 1, W 0 */
	ck_assert_int_eq(RUN(&g, 0xc4, 0xe3, 0x79, 0x19, 0xc1, 0), X86_UD);
	ck_assert_int_eq(RUN(&g, 0xc4, 0xe3, 0xfd, 0x19, 0xc1, 0), X86_UD);
	ck_assert_int_eq(RUN(&g, 0xc5, 0xf8, 0x77), -1);
	ck_assert_int_eq(RUN(&g, 0xc5, 0xf0, 0x77), X86_UD);
	/* A gather whose destination, index and mask are not three registers, or without SIB. */
	ck_assert_int_eq(RUN(&g, 0xc4, 0xc2, 0x71, 0x90, 0x04, 0x12), -1);
	ck_assert_int_eq(RUN(&g, 0xc4, 0xc2, 0x79, 0x90, 0x04, 0x12), X86_UD);
	ck_assert_int_eq(RUN(&g, 0xc4, 0xc2, 0x69, 0x90, 0x04, 0x12), X86_UD);
	ck_assert_int_eq(RUN(&g, 0xc4, 0xc2, 0x71, 0x90, 0x02), X86_UD);
	/* Features, the state's switches, TS. */
	g.c->features &= ~BIT(F_AVX2);
	code_cache_flush(g.guest.cache);
	ck_assert_int_eq(RUN(&g, 0xc5, 0xfd, 0xfc, 0xc1), X86_UD);
	ck_assert_int_eq(RUN(&g, 0xc5, 0xf9, 0xfc, 0xc1), -1);
	ck_assert_int_eq(RUN(&g, 0xc5, 0xfc, 0x58, 0xc1), -1);
	g.c->s.xcr0 = 3;
	x86_mode_changed(g.c);
	ck_assert_int_eq(RUN(&g, 0xc5, 0xfc, 0x58, 0xc1), X86_UD);
	g.c->s.xcr0 = 7;
	g.c->s.cr4 &= ~(u64)CR4_OSXSAVE;
	x86_mode_changed(g.c);
	ck_assert_int_eq(RUN(&g, 0xc5, 0xfc, 0x58, 0xc1), X86_UD);
	g.c->s.cr4 |= CR4_OSXSAVE;
	g.c->s.cr0 |= CR0_TS;
	x86_mode_changed(g.c);
	ck_assert_int_eq(RUN(&g, 0xc5, 0xfc, 0x58, 0xc1), X86_NM);
	ck_assert_int_eq(RUN(&g, 0xc4, 0xe2, 0x78, 0xf2, 0xc1), -1); /* andn needs none of it */
	ck_assert_int_eq(RUN(&g, 0x0f, 0xae, 0x27), X86_NM);         /* xsave [rdi] */
	ck_assert_int_eq(RUN(&g, 0x0f, 0xae, 0x2f), X86_NM);         /* xrstor [rdi] */
	env_close(&g);
}
END_TEST

/* Outside of 64-bit mode C4 and C5 before a memory operand are LES and LDS, in real mode always. */
START_TEST(prefix_in_other_modes)
{
	static const u8 reg[] = { 0xc5, 0xfd, 0xfc, 0xc1 }, mem[] = { 0xc5, 0x7d, 0xfc, 0x00 };
	struct xi d;

	ck_assert_int_eq(x86_decode(&d, reg, 4, KEY_PE | KEY_CS32, 0), 4);
	ck_assert_str_eq(d.row->name, "vpaddb");
	ck_assert_int_eq(x86_decode(&d, reg, 4, KEY_PE, 0), 4);
	ck_assert_int_eq(x86_decode(&d, reg, 4, 0, 0), -X86_UD);
	ck_assert_int_eq(x86_decode(&d, reg, 4, KEY_PE | KEY_VM, 0), -X86_UD);
	ck_assert_int_eq(x86_decode(&d, mem, 4, KEY_PE | KEY_CS32, 0), 3);
	ck_assert_str_eq(d.row->name, "lds");
	ck_assert_int_eq(x86_decode(&d, mem, 4, KEY_PE | KEY_LMA | KEY_CS64, 0), 4);
	ck_assert_int_eq(x86_decode(&d, reg, 1, KEY_PE | KEY_CS32, 0), 0);
	ck_assert_int_eq(x86_decode(&d, reg, 3, KEY_PE | KEY_CS64, 0), 0);
}
END_TEST

START_TEST(faults)
{
	struct env g;
	struct regs o;

	env_open(&g);
	/* vmovaps ymm0, [r10 + 8]; vmovups; vaddps ymm0, ymm0, [r10 + 8]; vmovntps [r10 + 16], ymm0 */
	ck_assert_int_eq(RUN(&g, 0xc4, 0xc1, 0x7c, 0x28, 0x42, 0x08), X86_GP);
	ck_assert_int_eq(RUN(&g, 0xc4, 0xc1, 0x7c, 0x10, 0x42, 0x08), -1);
	ck_assert_int_eq(RUN(&g, 0xc4, 0xc1, 0x7c, 0x58, 0x42, 0x08), -1);
	ck_assert_int_eq(RUN(&g, 0xc4, 0xc1, 0x7c, 0x2b, 0x42, 0x10), X86_GP);
	ck_assert_int_eq(RUN(&g, 0xc4, 0xc1, 0x78, 0x2b, 0x42, 0x10), -1);
	/* vmovups [r10 + 1000h - 80h - 8], ymm0 runs into a page that is not writable: nothing is written */
	memset(&o, 0xff, sizeof o);
	o.mxcsr = 0x1f80;
	o.flags = 0;
	guest_code(&g.guest, (const u8[]){ 0xc4, 0xc1, 0x7c, 0x11, 0x82, 0x78, 0x0f, 0, 0 }, 9);
	ck_assert_int_eq(env_guest(&g, 9, &o), X86_PF);
	ck_assert_uint_eq(ld64(mem_rw(&g.guest.mem, DATA, 0xff8, 8) + 0xff8), 0);
	/* vmaskmovps there writes what the mask allows: elements 0 and 1 */
	memset(&o, 0, sizeof o);
	o.mxcsr = 0x1f80;
	o.ymm[1][0] = 0x8000000080000000ull;
	o.ymm[0][0] = 0x1111111122222222ull;
	guest_code(&g.guest, (const u8[]){ 0xc4, 0xc2, 0x75, 0x2e, 0x82, 0x78, 0x0f, 0, 0 }, 9);
	ck_assert_int_eq(env_guest(&g, 9, &o), -1);
	ck_assert_uint_eq(ld64(mem_rw(&g.guest.mem, DATA, 0xff8, 8) + 0xff8), 0x1111111122222222ull);
	/* A gather that faults at its second element keeps the first and says so in the mask. */
	memset(&o, 0, sizeof o);
	o.mxcsr = 0x1f80;
	o.mem[MEM_BASE / 8] = 0x1234;
	o.ymm[2][0] = 0;
	o.ymm[2][1] = 0x1000000;
	o.ymm[1][0] = o.ymm[1][1] = BIT(63);
	guest_code(&g.guest, (const u8[]){ 0xc4, 0xc2, 0xf1, 0x91, 0x04, 0x12 }, 6);
	ck_assert_int_eq(env_guest(&g, 6, &o), X86_PF);
	ck_assert_uint_eq(o.ymm[0][0], 0x1234);
	ck_assert_uint_eq(o.ymm[1][0], 0);
	ck_assert_uint_ne(o.ymm[1][1], 0);
	/* Unmasked exceptions leave the destination: vdivps by zero with ZM clear. */
	memset(&o, 0, sizeof o);
	o.mxcsr = 0x1d80;
	for (u32 k = 0; k < 4; k++)
		o.ymm[1][k] = 0x3f8000003f800000ull, o.ymm[0][k] = 77;
	guest_code(&g.guest, (const u8[]){ 0xc5, 0xf4, 0x5e, 0xc2 }, 4);
	ck_assert_int_eq(env_guest(&g, 4, &o), X86_XM);
	ck_assert_uint_eq(o.mxcsr, 0x1d84);
	ck_assert_uint_eq(o.ymm[0][3], 77);
	env_close(&g);
}
END_TEST

/* Legacy SSE leaves the upper halves, VEX.128 clears them. */
START_TEST(upper_halves)
{
	struct env g;
	struct regs o;

	env_open(&g);
	memset(&o, 0x55, sizeof o);
	o.mxcsr = 0x1f80;
	guest_code(&g.guest, (const u8[]){ 0x66, 0x0f, 0xfc, 0xc1 }, 4);
	ck_assert_int_eq(env_guest(&g, 4, &o), -1);
	ck_assert_uint_eq(o.ymm[0][3], 0x5555555555555555ull);
	guest_code(&g.guest, (const u8[]){ 0xc5, 0xf9, 0xfc, 0xc1 }, 4);
	ck_assert_int_eq(env_guest(&g, 4, &o), -1);
	ck_assert_uint_eq(o.ymm[0][2] | o.ymm[0][3], 0);
	ck_assert_uint_eq(o.ymm[1][3], 0x5555555555555555ull);
	guest_code(&g.guest, (const u8[]){ 0xc5, 0xf8, 0x77 }, 3);
	ck_assert_int_eq(env_guest(&g, 3, &o), -1);
	ck_assert_uint_eq(o.ymm[15][3], 0);
	ck_assert_uint_eq(o.ymm[15][1], 0x5555555555555555ull);
	guest_code(&g.guest, (const u8[]){ 0xc5, 0xfc, 0x77 }, 3);
	ck_assert_int_eq(env_guest(&g, 3, &o), -1);
	ck_assert_uint_eq(o.ymm[15][1], 0);
	env_close(&g);
}
END_TEST

/* XSAVE in its three forms and back, at 1 KiB into the page of data (RDI); XGETBV(1), XSETBV's rules. */
START_TEST(xsave_forms)
{
	static const u8 save[3][4] = { { 0x0f, 0xae, 0x27 }, { 0x0f, 0xae, 0x37 }, { 0x0f, 0xc7, 0x27 } };
	struct env g;

	env_open(&g);
	for (u32 form = 0; form < 3; form++) {
		struct regs o, b;
		u8 *p = mem_rw(&g.guest.mem, DATA, 0x400, 832) + 0x400;

		memset(p, 0, 832);
		memset(&o, 0, sizeof o);
		o.mxcsr = 0x1fa0;
		for (u32 k = 0; k < 16; k++)
			for (u32 q = 0; q < 4; q++)
				o.ymm[k][q] = 100 * k + q + 1;
		o.gpr[RAX] = 7;
		o.gpr[RDI] = VA(DATA) + 0x400;
		b = o;
		guest_code(&g.guest, save[form], 3);
		ck_assert_int_eq(env_guest(&g, 3, &o), -1);
		p = mem_rw(&g.guest.mem, DATA, 0x400, 832) + 0x400;
		ck_assert_uint_eq(ld64(p + 512), 7);
		ck_assert_uint_eq(ld64(p + 520), form == 2 ? BIT(63) | 7 : 0);
		ck_assert_uint_eq(ld64(p + 576 + 16 * 5 + 8), 504);
		memset(o.ymm, 0xee, sizeof o.ymm);
		o.gpr[RAX] = 7;
		o.mxcsr = 0x1f80;
		guest_code(&g.guest, (const u8[]){ 0x0f, 0xae, 0x2f }, 3);
		ck_assert_int_eq(env_guest(&g, 3, &o), -1);
		ck_assert_int_eq(memcmp(o.ymm, b.ymm, sizeof o.ymm), 0);
		ck_assert_uint_eq(o.mxcsr, 0x1fa0);
		/* The upper halves in their initial state. */
		for (u32 k = 0; k < 16; k++)
			o.ymm[k][2] = o.ymm[k][3] = 0;
		o.gpr[RAX] = 7;
		guest_code(&g.guest, save[form], 3);
		ck_assert_int_eq(env_guest(&g, 3, &o), -1);
		p = mem_rw(&g.guest.mem, DATA, 0x400, 832) + 0x400;
		ck_assert_uint_eq(ld64(p + 512), 3);
		ck_assert_uint_eq(ld64(p + 576 + 16 * 5 + 8), form ? 504 : 0);
		o.gpr[RCX] = 1;
		guest_code(&g.guest, (const u8[]){ 0x0f, 0x01, 0xd0 }, 3);
		ck_assert_int_eq(env_guest(&g, 3, &o), -1);
		ck_assert_uint_eq(o.gpr[RAX], 3);
	}
	ck_assert(x86_xcr0_valid(g.c, 7));
	ck_assert(!x86_xcr0_valid(g.c, 5));
	ck_assert(!x86_xcr0_valid(g.c, 6));
	ck_assert(!x86_xcr0_valid(g.c, 15));
	env_close(&g);
}
END_TEST

Suite *avx_suite(void);
Suite *avx_suite(void)
{
	Suite *s = suite_create("avx");
	TCase *t = tcase_create("avx");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, vex_rows);
	tcase_add_test(t, legacy_rows);
	tcase_add_test(t, availability);
	tcase_add_test(t, prefix_in_other_modes);
	tcase_add_test(t, faults);
	tcase_add_test(t, upper_halves);
	tcase_add_test(t, xsave_forms);
	suite_add_tcase(s, t);
	return s;
}
