/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every x87 and MMX row of the opcode table, with random registers, stacks, control words and memory: whole FXSAVE
 * images against the host's own unit where that is an x86-64 one. Then what a comparison cannot show: #MF, #NM, faults,
 * pointers, images. Fixed seeds.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/x87.h"
#include "tests/suites.h"
#include "tests/unit/guest64.h"
#include "tests/unit/quick.h"

#if HAVE_HOST
#include <sys/mman.h>
#endif

#ifndef X87_ROUNDS
#define X87_ROUNDS 150
#endif

#define OPERAND (VA(DATA) + 0x100)

static void fpu_open(struct guest *g)
{
	guest_open(g, true);
	x87_init(g->c);
	g->c->r[RSI] = OPERAND;
}

#define EXEC(g, ...)                                                                                                 \
	__extension__({                                                                                              \
		const u8 code_[] = { __VA_ARGS__ };                                                                  \
		guest_code(g, code_, sizeof code_);                                                                  \
		guest_run(g, sizeof code_);                                                                          \
	})

static u8 *guest_mem(struct guest *g, u32 n)
{
	return mem_rw(&g->mem, DATA, 0x100, n) + 0x100;
}

#if HAVE_HOST
/* ---- against the host ------------------------------------------------------------------------------------------- */

/* What an instruction reads and writes. image is an FXSAVE image; mem what RSI points at. */
struct operands {
	u8 image[512];
	u8 mem[128];
	u64 flags, rax;
} __attribute__((aligned(64)));

struct rng {
	u64 s;
};

static u64 next(struct rng *r)
{
	r->s += 0x9e3779b97f4a7c15ull;
	u64 z = r->s;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void gen80(struct rng *r, u8 *p)
{
	u64 mant = next(r);
	u16 se = (u16)(next(r) & 0x8000);

	switch (next(r) % 12) {
	case 0:
		mant = 0;
		break;
	case 1:
		mant = 1ull << 63;
		se |= 0x7fff;
		break;
	case 2:
		se |= 0x7fff;
		break;
	case 3:
		break;
	case 4:
		se |= (u16)next(r) & 0x7fff;
		break;
	case 5:
		mant = next(r) << 40 | 1ull << 63;
		se |= 0x3fff + next(r) % 30;
		break;
	default:
		mant |= 1ull << 63;
		se |= 0x3fff - 20 + next(r) % 60;
	}
	st64(p, mant);
	st16(p + 8, se);
}

static void gen_operands(struct rng *r, struct operands *o)
{
	u8 *im = o->image;
	u32 k;

	memset(o, 0, sizeof *o);
	st16(im, (u16)(0x37f ^ (next(r) % 2 ? next(r) & 0xc00 : 0) ^ (next(r) % 4 ? 0 : next(r) & 0x3f)));
	if (!(next(r) % 4))
		st16(im, ld16(im) & ~0x100);
	st16(im + 2, (u16)(next(r) & 0x7f00));
	if (next(r) % 2)
		im[2] = (u8)next(r) & im[0] & 0x3f;
	im[4] = next(r) % 3 ? (u8)(next(r) % 2 ? 0x7f : 0xff) : (u8)next(r);
	/* mostly a stack whose top is in use and which has room */
	if (im[4] == 0x7f)
		im[3] = (u8)((im[3] & ~0x38) | (im[3] & 0x40));
	for (k = 0; k < 8; k++)
		gen80(r, im + 32 + 16 * k);
	st32(im + 24, 0x1f80 | (u32)(next(r) & 3) << 13);
	st32(im + 28, 0xffff);
	for (k = 160; k < 416; k += 8)
		st64(im + k, next(r));
	for (k = 0; k < sizeof o->mem; k += 8)
		st64(o->mem + k, next(r));
	switch (next(r) % 4) {
	case 0:
		gen80(r, o->mem);
		break;
	case 1:
		st64(o->mem, (next(r) & 0x800fffffffffffff) | (0x3f0 + next(r) % 32) << 52);
		break;
	case 2:
		st32(o->mem, (u32)(next(r) & 0x807fffff) | (u32)(next(r) % 2 ? 0x7f : next(r) & 0xff) << 23);
		break;
	}
	o->flags = 0x202 | (next(r) & FL_ARITH);
	o->rax = next(r);
}

typedef void (*host_fn)(void *image, void *mem, void *save);

/* image in RDI, operand in RSI, room for the host's own state in RDX. */
static void run_host(u8 *page, const u8 *code, u32 n, struct operands *o)
{
	static const u8 before[] = { 0x48, 0x0f, 0xae, 0x02,             /* fxsave64 [rdx] */
				     0x48, 0x0f, 0xae, 0x0f,             /* fxrstor64 [rdi] */
				     0x48, 0x8b, 0x86, 0x88, 0, 0, 0,    /* mov rax, [rsi + 88h] */
				     0xff, 0xb6, 0x80, 0, 0, 0, 0x9d };  /* push [rsi + 80h]; popfq */
	static const u8 after[] = { 0x9c, 0x8f, 0x86, 0x80, 0, 0, 0,     /* pushfq; pop [rsi + 80h] */
				    0x48, 0x89, 0x86, 0x88, 0, 0, 0,     /* mov [rsi + 88h], rax */
				    0x48, 0x0f, 0xae, 0x07,              /* fxsave64 [rdi] */
				    0x48, 0x0f, 0xae, 0x0a, 0xc3 };      /* fxrstor64 [rdx]; ret */
	u8 save[512] __attribute__((aligned(64)));
	host_fn fn;

	memcpy(page, before, sizeof before);
	memcpy(page + sizeof before, code, n);
	memcpy(page + sizeof before + n, after, sizeof after);
	memcpy(&fn, &page, sizeof fn);
	fn(o->image, o->mem, save);
}

static void run_guest(struct guest *g, const u8 *code, u32 n, struct operands *o)
{
	struct x86 *c = g->c;
	u32 k;

	memcpy(guest_mem(g, sizeof o->mem), o->mem, sizeof o->mem);
	x87_load_image(c, o->image, true);
	c->s.fpu.mxcsr = ld32(o->image + 24);
	for (k = 0; k < 16; k++) {
		c->s.vec[k].q[0] = ld64(o->image + 160 + 16 * k);
		c->s.vec[k].q[1] = ld64(o->image + 168 + 16 * k);
	}
	x86_set_rflags(c, o->flags);
	c->r[RAX] = o->rax;
	c->r[RSI] = OPERAND;
	quick_eq(guest_run(g, n), -1);
	o->rax = c->r[RAX];
	o->flags = x86_rflags(c);
	x87_save_image(c, o->image, true);
	st32(o->image + 24, c->s.fpu.mxcsr);
	for (k = 0; k < 16; k++) {
		st64(o->image + 160 + 16 * k, c->s.vec[k].q[0]);
		st64(o->image + 168 + 16 * k, c->s.vec[k].q[1]);
	}
	memcpy(o->mem, guest_mem(g, sizeof o->mem), sizeof o->mem);
}

static void dump(const char *who, const struct operands *o)
{
	printf("%-6s cw %04x sw %04x tag %02x mxcsr %04x rax %016llx flags %04llx mem", who, ld16(o->image),
	       ld16(o->image + 2), o->image[4], ld32(o->image + 24), (unsigned long long)o->rax,
	       (unsigned long long)o->flags & FL_ARITH);
	for (u32 k = 0; k < 48; k++)
		printf("%s%02x", k % 4 ? "" : " ", o->mem[k]);
	for (u32 k = 0; k < 8; k++)
		printf("\n    st%u %04x:%016llx", k, ld16(o->image + 40 + 16 * k),
		       (unsigned long long)ld64(o->image + 32 + 16 * k));
	printf("\n    xmm0 %016llx %016llx\n", (unsigned long long)ld64(o->image + 168),
	       (unsigned long long)ld64(o->image + 160));
}

/* How the rows differ in what the SDM defines of their results. */
enum { CC_UNDEFINED = 1, ULP = 2, ENV28 = 4, C1_KEPT = 8 };

/* Registers equal, or one unit of the last place apart. */
static bool close_to(const u8 *a, const u8 *b)
{
	u64 x = ld64(a), y = ld64(b);

	return ld16(a + 8) == ld16(b + 8) && (x - y + 1 <= 2);
}

static bool agree(const struct operands *host, const struct operands *ours, u32 how)
{
	u16 sw = ld16(host->image + 2) ^ ld16(ours->image + 2);
	u32 k;

	if (how & CC_UNDEFINED || ld16(host->image + 2) & SW_ES)
		sw &= (u16)~(SW_C0 | SW_C2 | SW_C3);
	if (how & (ULP | C1_KEPT))
		sw &= (u16)~SW_C1; /* which way it was rounded, and by whom; AMD's FCOMI leaves it */
	if (sw || ld16(host->image) != ld16(ours->image) || host->image[4] != ours->image[4] ||
	    ld32(host->image + 24) != ld32(ours->image + 24))
		return false;
	for (k = 0; k < 8; k++)
		if (how & ULP ? !close_to(host->image + 32 + 16 * k, ours->image + 32 + 16 * k)
			      : memcmp(host->image + 32 + 16 * k, ours->image + 32 + 16 * k, 10))
			return false;
	if (memcmp(host->image + 160, ours->image + 160, 256) || host->rax != ours->rax)
		return false;
	if ((host->flags ^ ours->flags) & FL_ARITH && !(how & C1_KEPT && ld16(host->image + 2) & SW_ES))
		return false;
	if (how & ENV28) /* but for the pointers, which not all processors keep */
		return !memcmp(host->mem, ours->mem, 12) && !memcmp(host->mem + 28, ours->mem + 28, 100);
	return !memcmp(host->mem, ours->mem, sizeof host->mem);
}

static void compare_row(struct guest *g, u8 *page, const char *name, const u8 *code, u32 n, u32 how, u64 seed)
{
	struct rng r = { seed };

	guest_code(g, code, n);
	for (int i = 0; i < X87_ROUNDS; i++) {
		struct operands in, host, ours;

		gen_operands(&r, &in);
		/* the arguments for which the SDM defines a transcendental */
		if (how & ULP && code[1] == 0xf0)
			st16(in.image + 40, (ld16(in.image + 40) & 0x8000) | (0x3ffe - (ld16(in.image + 40) & 31)));
		if (how & ULP && code[1] == 0xf9)
			st16(in.image + 40, (ld16(in.image + 40) & 0x8000) | (0x3ffc - (ld16(in.image + 40) & 31)));
		if (how & ULP && (code[1] == 0xf0 || code[1] == 0xf9))
			in.image[39] |= 0x80;
		host = ours = in;
		run_host(page, code, n, &host);
		run_guest(g, code, n, &ours);
		if (!agree(&host, &ours, how)) {
			dump("before", &in);
			dump("host", &host);
			dump("ours", &ours);
			ck_abort_msg("%s (%02x %02x %02x %02x) round %d", name, code[0], code[1], code[2], code[3], i);
		}
	}
}

static u32 how_to_compare(const char *name)
{
	static const char *const env[] = { "fnstenv", "fnsave", "fldenv", "frstor" };
	static const char *const codes[] = { "fcom",   "fcomp",	 "fcompp", "fucom", "fucomp", "fucompp", "ficom",
					     "ficomp", "fxam",	 "ftst",   "fprem", "fprem1", "fnstenv", "fnsave",
					     "fldenv", "frstor", "fninit", "fsin",  "fcos",   "fsincos", "fptan" };
	static const char *const trans[] = { "f2xm1", "fyl2x", "fyl2xp1", "fpatan",
					     "fsin",  "fcos",  "fsincos", "fptan" };
	u32 how = CC_UNDEFINED, k;

	if (!strncmp(name, "fcomi", 5) || !strncmp(name, "fucomi", 6))
		how |= C1_KEPT;
	for (k = 0; k < ARRAY_SIZE(env); k++)
		if (!strcmp(name, env[k]))
			how |= ENV28;
	for (k = 0; k < ARRAY_SIZE(codes); k++)
		if (!strcmp(name, codes[k]))
			how &= ~(u32)CC_UNDEFINED;
	for (k = 0; k < ARRAY_SIZE(trans); k++)
		if (!strcmp(name, trans[k]))
			how |= ULP;
	return how;
}

static u8 *host_page(void)
{
	u8 *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANON, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

/* _i: the first opcode byte; all ModRM bytes of registers, and memory at RSI. */
START_TEST(test_x87_rows)
{
	struct guest g;
	u8 *page = host_page();

	if (!page)
		return;
	fpu_open(&g);
	for (u32 modrm = 0; modrm < 0x100; modrm++) {
		u8 code[4] = { (u8)_i, (u8)modrm };
		const struct oprow *row = x86_row(0, 0, code[0], code[1]);

		if (!row || (modrm < 0xc0 && (modrm & 0xc7) != 6) || (modrm & 7) > 6)
			continue;
		compare_row(&g, page, row->name, code, 2, how_to_compare(row->name), modrm << 8 | (u32)_i);
	}
	guest_close(&g);
	munmap(page, 4096);
}
END_TEST

/* All rows with MMX registers, between registers and with memory. */
START_TEST(test_mmx_rows)
{
	struct guest g;
	u8 *page = host_page();

	if (!page)
		return;
	fpu_open(&g);
	for (u32 k = 1; k < x86_nrows; k++) {
		const struct oprow *row = &x86_rows[k];
		bool mmx = !strcmp(row->name, "mmx_emms"), imm = false, mem = true, reg = true;
		u8 code[8], n = 0, prefix, middle, field = 3, rm = 5;
		u32 o;

		for (o = 0; o < 3; o++) {
			char l = row->op[o][0];
			mmx |= l && strchr("PQN", l);
			imm |= l == 'I';
			mem &= !(l && strchr("NU", l));
			reg &= l != 'M';
			field = l == 'G' ? 0 : field;
			rm = l == 'E' ? 0 : rm;
		}
		if (!mmx || !strcmp(row->name, "mmx_maskmovq"))
			continue;
		middle = (row->opcode >> 8 & 0xff) != 0x0f ? (u8)(row->opcode >> 8) : 0;
		prefix = (u8)(row->opcode >> 16) == 0x0f ? 0 : (u8)(row->opcode >> 16);
		if (prefix)
			code[n++] = prefix;
		code[n++] = 0x0f;
		if (middle)
			code[n++] = middle;
		code[n++] = (u8)row->opcode;
		if (row->reg >= 0)
			field = (u8)row->reg;
		for (u32 form = 0; form < 2; form++) {
			u32 len = n;

			if (form ? !mem : !reg)
				continue;
			if (strcmp(row->name, "mmx_emms"))
				code[len++] = (u8)(field << 3 | (form ? 6 : 0xc0 | rm));
			for (u32 v = 0; v < (imm ? 10 : 1); v++) {
				if (imm)
					code[len] = (u8)(v * 27);
				compare_row(&g, page, row->name, code, len + imm, 0, k * 2 + form);
			}
		}
	}
	guest_close(&g);
	munmap(page, 4096);
}
END_TEST
#endif

/* ---- what a comparison cannot show ------------------------------------------------------------------------------- */

/* A pending exception: at the next waiting instruction, not at the others. FOP, FIP and FDP tell of the culprit. */
START_TEST(test_pending)
{
	struct guest g;
	struct x86_fpu *f;

	fpu_open(&g);
	f = &g.c->s.fpu;
	st32(guest_mem(&g, 4), 0);
	f->cw = 0x37b; /* zero divide unmasked */
	ck_assert_int_eq(EXEC(&g, 0xd9, 0xe8, 0xd8, 0x36), -1); /* fld1; fdiv dword [rsi] */
	ck_assert_uint_eq(f->sw, SW_ES | SW_B | FP_ZE);
	ck_assert_uint_eq(x87_st(g.c, 0).se, 0x3fff);
	ck_assert_uint_eq(f->fip, VA(CODE) + 2);
	ck_assert_uint_eq(f->fdp, OPERAND);
	ck_assert_uint_eq(f->fop, 0x036);
	ck_assert_int_eq(EXEC(&g, 0x9b), X86_MF);
	ck_assert_int_eq(EXEC(&g, 0xd9, 0xe8), X86_MF);
	ck_assert_int_eq(EXEC(&g, 0x0f, 0xfc, 0xc0), X86_MF);
	ck_assert_int_eq(EXEC(&g, 0xd9, 0xd0), X86_MF); /* fnop */
	ck_assert_int_eq(EXEC(&g, 0xdf, 0xe0), -1); /* fnstsw ax */
	ck_assert_uint_eq(g.c->r[RAX] & 0xffff, 0xb884);
	ck_assert_int_eq(EXEC(&g, 0xdb, 0xe2, 0x9b), -1); /* fnclex; fwait */
	ck_assert_uint_eq(f->sw, 0);
	/* masking afterwards takes the exception away, unmasking brings it */
	f->sw = FP_PE;
	st16(guest_mem(&g, 2), 0x35f);
	ck_assert_int_eq(EXEC(&g, 0xd9, 0x2e), -1); /* fldcw [rsi] */
	ck_assert_int_eq(EXEC(&g, 0x9b), X86_MF);
	ck_assert_int_eq(EXEC(&g, 0xdb, 0xe3, 0x9b), -1); /* fninit; fwait */
	guest_close(&g);
}
END_TEST

/* CR0.TS and CR0.EM. SDM 3A table 2-2. */
START_TEST(test_not_available)
{
	struct guest g;
	static const struct {
		u64 cr0;
		int fld1, fwait, paddb, fxsave;
	} t[] = {
		{ CR0_TS, X86_NM, -1, X86_NM, X86_NM },
		{ CR0_TS | CR0_MP, X86_NM, X86_NM, X86_NM, X86_NM },
		{ CR0_EM, X86_NM, -1, X86_UD, X86_NM },
		{ CR0_MP, -1, -1, -1, -1 },
	};

	fpu_open(&g);
	for (u32 k = 0; k < ARRAY_SIZE(t); k++) {
		g.c->s.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG | t[k].cr0;
		x86_mode_changed(g.c);
		ck_assert_int_eq(EXEC(&g, 0xd9, 0xe8), t[k].fld1);
		ck_assert_int_eq(EXEC(&g, 0x9b), t[k].fwait);
		ck_assert_int_eq(EXEC(&g, 0x0f, 0xfc, 0xc0), t[k].paddb);
		ck_assert_int_eq(EXEC(&g, 0x0f, 0xae, 0x06), t[k].fxsave);
	}
	guest_close(&g);
}
END_TEST

/* A fault at the operand leaves everything as it was. */
START_TEST(test_faults)
{
	static const u8 codes[][2] = { { 0xd9, 0x06 }, { 0xdd, 0x1e }, { 0xdb, 0x3e }, { 0xdf, 0x36 }, { 0xdb, 0x2e },
				       { 0xd8, 0x06 }, { 0xdb, 0x1e }, { 0xdd, 0x36 }, { 0xd9, 0x36 }, { 0xdd, 0x26 } };
	struct guest g;

	fpu_open(&g);
	for (u32 k = 0; k < ARRAY_SIZE(codes); k++) {
		struct x86_fpu before;
		u8 bytes[4];

		x87_init(g.c);
		x87_push(g.c, (struct f80){ 0xc000000000000000, 0x3fff });
		memset(mem_rw(&g.mem, DATA, 4092, 4) + 4092, 0x55, 4);
		before = g.c->s.fpu;
		g.c->r[RSI] = VA(DATA) + 4094;
		ck_assert_int_eq(EXEC(&g, codes[k][0], codes[k][1]), X86_PF);
		ck_assert_uint_eq(g.c->trap.cr2, VA(DATA + 1));
		ck_assert_mem_eq(&before, &g.c->s.fpu, sizeof before);
		mem_read(&g.mem, VA(DATA) + 4092, bytes, 4);
		ck_assert_mem_eq(bytes, "UUUU", 4);
	}
	/* FXSAVE and FXRSTOR want 16-byte alignment; MXCSR must be sound */
	g.c->r[RSI] = OPERAND + 8;
	ck_assert_int_eq(EXEC(&g, 0x0f, 0xae, 0x06), X86_GP);
	ck_assert_int_eq(EXEC(&g, 0x0f, 0xae, 0x0e), X86_GP);
	g.c->r[RSI] = OPERAND;
	st32(guest_mem(&g, 32) + 24, 0x10000);
	ck_assert_int_eq(EXEC(&g, 0x0f, 0xae, 0x0e), X86_GP);
	guest_close(&g);
}
END_TEST

/* FXSAVE64, FXSAVE and FXRSTOR; FNSAVE and FRSTOR, with pointers, in both sizes. */
START_TEST(test_images)
{
	struct guest g;
	struct x86_fpu want;

	fpu_open(&g);
	struct x86_fpu *f = &g.c->s.fpu;
	for (u32 k = 0; k < 16; k++)
		g.c->s.vec[k].q[1] = k * 3;
	for (u32 k = 0; k < 5; k++)
		x87_push(g.c, (struct f80){ 1ull << 63 | k, (u16)(0x3fff + k) });
	f->sw |= SW_C3 | FP_PE;
	f->cw = 0xf7f;
	f->fop = 0x123;
	f->fip = 0x123456789abcdef0;
	f->fdp = 0xfedcba9876543210;
	f->mxcsr = 0x9fc0;
	want = *f;
	ck_assert_int_eq(EXEC(&g, 0x48, 0x0f, 0xae, 0x06), -1);
	const u8 *m = guest_mem(&g, 512);
	ck_assert_uint_eq(ld16(m), 0xf7f);
	ck_assert_uint_eq(ld16(m + 2), SW_C3 | FP_PE | 3 << 11);
	ck_assert_uint_eq(m[4], 0xf8);
	ck_assert_uint_eq(ld16(m + 6), 0x123);
	ck_assert_uint_eq(ld64(m + 8), 0x123456789abcdef0);
	ck_assert_uint_eq(ld32(m + 24), 0x9fc0);
	ck_assert_uint_eq(ld32(m + 28), 0xffff);
	ck_assert_uint_eq(ld64(m + 32), 1ull << 63 | 4);
	ck_assert_uint_eq(ld64(m + 408), 45);
	memset(f, 0, sizeof *f);
	memset(g.c->s.vec, 0, sizeof g.c->s.vec);
	ck_assert_int_eq(EXEC(&g, 0x48, 0x0f, 0xae, 0x0e), -1);
	ck_assert_mem_eq(f, &want, sizeof want);
	ck_assert_uint_eq(g.c->s.vec[15].q[1], 45);
	/* 32-bit pointers */
	ck_assert_int_eq(EXEC(&g, 0x0f, 0xae, 0x06, 0x0f, 0xae, 0x0e), -1);
	ck_assert_uint_eq(f->fip, 0x9abcdef0);
	/* the old images: fnsave empties, frstor brings it back */
	want = *f;
	want.fop = 0x123;
	ck_assert_int_eq(EXEC(&g, 0xdd, 0x36), -1);
	ck_assert_uint_eq(f->cw, 0x37f);
	ck_assert_uint_eq(f->tag, 0);
	ck_assert_int_eq(EXEC(&g, 0xdd, 0x26), -1);
	ck_assert_mem_eq(f, &want, sizeof want);
	ck_assert_int_eq(EXEC(&g, 0x66, 0xdd, 0x36, 0x66, 0xdd, 0x26), -1);
	ck_assert_uint_eq(f->fip, 0xdef0);
	ck_assert_uint_eq(f->tag, 0xf8);
	ck_assert_uint_eq(x87_st(g.c, 4).se, 0x3fff);
	guest_close(&g);
}
END_TEST

/* A few results on any host: 1/3 in three precisions, pi, e; MMX aliasing; MASKMOVQ. */
START_TEST(test_values)
{
	struct guest g;

	fpu_open(&g);
	struct x86_fpu *f = &g.c->s.fpu;
	st32(guest_mem(&g, 4), 3);
	ck_assert_int_eq(EXEC(&g, 0xd9, 0xe8, 0xda, 0x36), -1); /* fld1; fidiv dword [rsi] */
	ck_assert_uint_eq(x87_st(g.c, 0).mant, 0xaaaaaaaaaaaaaaab);
	ck_assert_uint_eq(x87_st(g.c, 0).se, 0x3ffd);
	f->cw = 0x27f;
	ck_assert_int_eq(EXEC(&g, 0xdb, 0xe3, 0xd9, 0xe8, 0xd9, 0xe8, 0xd9, 0xf3), -1); /* fninit; fld1 x 2; fpatan */
	ck_assert_uint_eq(x87_st(g.c, 0).mant, 0xc90fdaa22168c235);
	ck_assert_uint_eq(x87_st(g.c, 0).se, 0x3ffe);
	ck_assert_uint_eq(f->tag, 0x80);
	/* fldl2e; fld st0; frndint; fsub st1, st0; fxch; f2xm1; fld1; faddp; fscale: e */
	ck_assert_int_eq(EXEC(&g, 0xdb, 0xe3, 0xd9, 0xea, 0xd9, 0xc0, 0xd9, 0xfc, 0xdc, 0xe9, 0xd9, 0xc9, 0xd9, 0xf0,
			      0xd9, 0xe8, 0xde, 0xc1, 0xd9, 0xfd),
			 -1);
	ck_assert_uint_eq(x87_st(g.c, 0).se, 0x4000);
	ck_assert_uint_eq(x87_st(g.c, 0).mant >> 2, 0xadf85458a2bb4a9a >> 2);
	/* movd mm3, eax: the significand of R3, top 0, all tags set, exponent all ones */
	g.c->r[RAX] = 0x80402010;
	ck_assert_int_eq(EXEC(&g, 0x0f, 0x6e, 0xd8), -1);
	ck_assert_uint_eq(f->st[3].mant, 0x80402010);
	ck_assert_uint_eq(f->st[3].se, 0xffff);
	ck_assert_uint_eq(f->top, 0);
	ck_assert_uint_eq(f->tag, 0xff);
	/* maskmovq mm4, mm3: byte 3 only */
	f->st[4].mant = 0x8877665544332211;
	st64(guest_mem(&g, 8), 0);
	g.c->r[RDI] = OPERAND;
	ck_assert_int_eq(EXEC(&g, 0x0f, 0xf7, 0xe3), -1);
	ck_assert_uint_eq(ld64(guest_mem(&g, 8)), 0x44000000);
	ck_assert_int_eq(EXEC(&g, 0x0f, 0x77), -1);
	ck_assert_uint_eq(f->tag, 0);
	guest_close(&g);
}
END_TEST

Suite *x87_suite(void)
{
	Suite *s = suite_create("cpu/x86/x87");
	TCase *t = tcase_create("state");
	tcase_add_test(t, test_pending);
	tcase_add_test(t, test_not_available);
	tcase_add_test(t, test_faults);
	tcase_add_test(t, test_images);
	tcase_add_test(t, test_values);
	suite_add_tcase(s, t);
#if HAVE_HOST
	t = tcase_create("rows against the host");
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_x87_rows, 0xd8, 0xe0);
	tcase_add_test(t, test_mmx_rows);
	suite_add_tcase(s, t);
#endif
	return s;
}
