/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every SSE row of the opcode table, register and memory forms, with random and special operands: against the host's own
 * unit where that is an x86-64 one, against recorded digests everywhere. Fixed seeds.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/fp.h"
#include "cpu/x86/opcodes.h"
#include "tests/suites.h"
#include "tests/unit/guest64.h"
#include "tests/unit/host_vendor.h"

#if HAVE_HOST
#include <sys/mman.h>
#endif

#ifndef SSE_ROUNDS
#define SSE_ROUNDS 48
#endif

/* ---- operands --------------------------------------------------------------------------------------------------- */

/* What an instruction reads and writes here. Offsets are known to run_host(). */
struct operands {
	u64 xmm[16][2];
	u64 rax, rcx, rdx, r9, r10;
	u64 mxcsr, flags;
	u64 mem[4];
};

struct rng {
	u64 s;
};

static u64 next(struct rng *r)
{
	u64 z = r->s += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static const u32 f32_special[] = { 0,	       0x80000000, 1,	       0x807fffff, 0x00800000, 0x00800001, 0x3f800000,
				   0xbf800000, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7fc00001, 0xffc12345, 0x7f800001,
				   0xffbfffff, 0x4f000000, 0xcf000000, 0x5f000000, 0xdf000000, 0x3f000000, 0x4b000001 };
static const u64 f64_special[] = {
	0, 1ull << 63, 1, 0x800fffffffffffff, 0x0010000000000000, 0x0010000000000001, 0x3ff0000000000000,
	0xbff0000000000000, 0x7fefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000001,
	0xfff8123456789abc, 0x7ff0000000000001, 0xfff7ffffffffffff, 0x41e0000000000000, 0xc1e0000000000000,
	0x41dfffffffc00000, 0xc1e0000000200000, 0x43e0000000000000, 0xc3e0000000000000, 0x3fe0000000000000,
	0x36a0000000000000, 0x380fffffffffffff, 0x3690000000000000, 0x47efffffefffffff, 0x4330000000000001
};

/* Everyday numbers, then ones whose exponents lie close together, so that sums cancel and products stay finite. */
static u32 any_f32(struct rng *r)
{
	switch (next(r) % 4) {
	case 0:
		return f32_special[next(r) % ARRAY_SIZE(f32_special)];
	case 1:
		return (u32)next(r);
	case 2:
		return (u32)(next(r) & 0x80ffffff) | (u32)(100 + next(r) % 50) << 23;
	default:
		return 0x40000000 + (u32)(next(r) % 1024 << 17);
	}
}
static u64 any_f64(struct rng *r)
{
	switch (next(r) % 4) {
	case 0:
		return f64_special[next(r) % ARRAY_SIZE(f64_special)];
	case 1:
		return next(r);
	case 2:
		return (next(r) & 0x800fffffffffffff) | (1000 + next(r) % 80) << 52;
	default:
		return 0x4000000000000000 + (next(r) % 1024 << 46);
	}
}
static u64 any_word(struct rng *r, u32 kind)
{
	u64 v = 0;

	switch (kind) {
	case 0:
		return any_f32(r) | (u64)any_f32(r) << 32;
	case 1:
		return any_f64(r);
	case 2: /* letters and zeros, for strings */
		for (u32 k = 0; k < 8; k++)
			v |= (next(r) % 5 == 4 && next(r) % 3 ? 0 : 'a' + next(r) % 4) << 8 * k;
		return v;
	case 3: /* limits of 16 bits */
		for (u32 k = 0; k < 4; k++)
			v |= (u64)(u16)((next(r) % 3 - 1) * 0x7fff + next(r) % 3 - 1) << 16 * k;
		return v;
	case 4: /* limits of 8 bits and small counts */
		if (next(r) % 2)
			return next(r) % 70;
		for (u32 k = 0; k < 8; k++)
			v |= (u64)(u8)((next(r) % 3 - 1) * 0x7f + next(r) % 3 - 1) << 8 * k;
		return v;
	default:
		return next(r);
	}
}

static void fill(struct operands *o, struct rng *r)
{
	u32 kind = next(r) % 6;

	for (u32 k = 0; k < 16; k++) {
		u32 n = next(r) % 8 ? kind : next(r) % 6;
		o->xmm[k][0] = any_word(r, n);
		o->xmm[k][1] = any_word(r, n);
	}
	for (u32 k = 0; k < 4; k++)
		o->mem[k] = any_word(r, kind);
	if (next(r) % 4 == 0) { /* equal operands, wholly or in part */
		o->xmm[2][next(r) % 2] = o->xmm[1][next(r) % 2];
		o->xmm[10][0] = o->xmm[9][0];
		o->mem[0] = o->xmm[1][0];
	}
	o->rax = next(r) % 3 ? next(r) % 40 - 20 : next(r);
	o->rdx = next(r) % 3 ? next(r) % 40 - 20 : next(r);
	o->rcx = next(r);
	o->r9 = next(r);
	o->r10 = next(r) % 2 ? next(r) : next(r) % 200 - 100;
	o->flags = next(r) & FL_ARITH;
	o->mxcsr = 0x1f80;
	switch (next(r) % 4) {
	case 0:
		o->mxcsr |= FP_PE; /* the quick way */
		break;
	case 1:
		o->mxcsr |= next(r) & 0x603f;
		break;
	case 2:
		o->mxcsr |= next(r) & 0xe07f;
		break;
	}
}

static void run_guest(struct guest *g, struct operands *o, u32 len, const char *what)
{
	struct x86 *c = g->c;
	int v;

	memset(c->r, 0, 16 * sizeof c->r[0]);
	for (u32 k = 0; k < 16; k++) {
		c->s.vec[k].q[0] = o->xmm[k][0];
		c->s.vec[k].q[1] = o->xmm[k][1];
		c->s.vec[k].q[2] = 0x1111111111111111ull * k;
		c->s.vec[k].q[3] = ~o->xmm[k][1];
	}
	c->r[RAX] = o->rax;
	c->r[RCX] = o->rcx;
	c->r[RDX] = o->rdx;
	c->r[R9] = o->r9;
	c->r[R10] = o->r10;
	c->r[RSI] = c->r[RDI] = VA(DATA);
	c->s.fpu.mxcsr = (u32)o->mxcsr;
	x86_set_rflags(c, o->flags | FL_FIXED1);
	for (u32 k = 0; k < 4; k++)
		mem_write_u64(&g->mem, VA(DATA) + 8 * k, o->mem[k]);
	v = guest_run(g, len);
	if (v != -1)
		ck_abort_msg("%s: exception %d", what, v);
	for (u32 k = 0; k < 16; k++) {
		if (c->s.vec[k].q[2] != 0x1111111111111111ull * k || c->s.vec[k].q[3] != ~o->xmm[k][1])
			ck_abort_msg("%s: upper half of register %u", what, k);
		o->xmm[k][0] = c->s.vec[k].q[0];
		o->xmm[k][1] = c->s.vec[k].q[1];
	}
	for (u32 k = 0; k < 4; k++)
		o->mem[k] = mem_read_u64(&g->mem, VA(DATA) + 8 * k);
	o->rax = c->r[RAX];
	o->rcx = c->r[RCX];
	o->rdx = c->r[RDX];
	o->r9 = c->r[R9];
	o->r10 = c->r[R10];
	o->mxcsr = c->s.fpu.mxcsr;
	o->flags = x86_rflags(c) & FL_ARITH;
}

/* ---- the host's own unit ---------------------------------------------------------------------------------------- */

#if HAVE_HOST
static void run_host(const u8 *code, struct operands *o)
{
	u32 saved;
	u64 flags = o->flags | FL_FIXED1 | FL_IF;
	_Alignas(16) u64 mem[4];

	memcpy(mem, o->mem, sizeof mem);
	__asm__ volatile("stmxcsr %0" : "=m"(saved));
	__asm__ volatile("sub $512, %%rsp\n\t"
			 "push %[o]\n\t"
			 "push %[flags]\n\t"
			 "mov %[o], %%rbx\n\t"
			 "ldmxcsr 296(%%rbx)\n\t"
			 "movups 0(%%rbx), %%xmm0\n\t"
			 "movups 16(%%rbx), %%xmm1\n\t"
			 "movups 32(%%rbx), %%xmm2\n\t"
			 "movups 48(%%rbx), %%xmm3\n\t"
			 "movups 144(%%rbx), %%xmm9\n\t"
			 "movups 160(%%rbx), %%xmm10\n\t"
			 "mov 256(%%rbx), %%rax\n\t"
			 "mov 264(%%rbx), %%rcx\n\t"
			 "mov 272(%%rbx), %%rdx\n\t"
			 "mov 280(%%rbx), %%r9\n\t"
			 "mov 288(%%rbx), %%r10\n\t"
			 "mov %[mem], %%rdi\n\t"
			 "mov %%rdi, %%rsi\n\t"
			 "popf\n\t"
			 "call *%[code]\n\t"
			 "pushf\n\t"
			 "pop %%r11\n\t"
			 "pop %%rbx\n\t"
			 "add $512, %%rsp\n\t"
			 "stmxcsr 296(%%rbx)\n\t"
			 "movups %%xmm0, 0(%%rbx)\n\t"
			 "movups %%xmm1, 16(%%rbx)\n\t"
			 "movups %%xmm2, 32(%%rbx)\n\t"
			 "movups %%xmm3, 48(%%rbx)\n\t"
			 "movups %%xmm9, 144(%%rbx)\n\t"
			 "movups %%xmm10, 160(%%rbx)\n\t"
			 "mov %%rax, 256(%%rbx)\n\t"
			 "mov %%rcx, 264(%%rbx)\n\t"
			 "mov %%rdx, 272(%%rbx)\n\t"
			 "mov %%r9, 280(%%rbx)\n\t"
			 "mov %%r10, 288(%%rbx)\n\t"
			 "mov %%r11, 304(%%rbx)\n\t"
			 :
			 : [o] "r"(o), [flags] "r"(flags), [mem] "r"(mem), [code] "r"(code)
			 : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3",
			   "xmm9", "xmm10", "memory", "cc");
	__asm__ volatile("ldmxcsr %0" : : "m"(saved));
	o->flags &= FL_ARITH;
	memcpy(o->mem, mem, sizeof mem);
}

static bool host_has(u32 feat)
{
	switch (feat) {
	case F_SSE3:
		return __builtin_cpu_supports("sse3");
	case F_SSSE3:
		return __builtin_cpu_supports("ssse3");
	case F_SSE41:
		return __builtin_cpu_supports("sse4.1");
	case F_SSE42:
		return __builtin_cpu_supports("sse4.2");
	default:
		return feat == F_SSE || feat == F_SSE2;
	}
}
#endif

/* ---- every row -------------------------------------------------------------------------------------------------- */

struct form {
	u8 code[16];
	u32 len;
	i32 imm_at; /* offset of the immediate, -1 */
};

/* Bytes for a row. mod: 0 for a memory operand at [rsi], 3 for registers. high: 9 and 10 in place of 1 and 2. */
static struct form encode(const struct oprow *row, u32 mod, bool high, bool wide, bool p66)
{
	struct form f = { .imm_at = -1 };
	u32 o = row->opcode, prefix, reg = row->reg >= 0 ? (u32)row->reg : 1, i;
	bool three = (o >> 16 & 0xff) == 0x0f;
	u8 rex = 0;

	prefix = three ? o >> 24 : o >> 16;
	if (p66)
		f.code[f.len++] = 0x66;
	if (prefix)
		f.code[f.len++] = (u8)prefix;
	if (high)
		rex |= 0x40 | (row->reg >= 0 ? 0 : 4) | (mod == 3 ? 1 : 0);
	if (wide)
		rex |= 0x48;
	if (rex)
		f.code[f.len++] = rex;
	if (three)
		f.code[f.len++] = 0x0f;
	f.code[f.len++] = (u8)(o >> 8);
	f.code[f.len++] = (u8)o;
	f.code[f.len++] = (u8)(mod << 6 | reg << 3 | (mod == 3 ? 2 : 6));
	for (i = 0; i < 3; i++)
		if (row->op[i][0] == 'I')
			f.imm_at = (i32)f.len++;
	return f;
}

static bool ours(const struct oprow *row)
{
	u32 feat = row->flags >> FEAT_SHIFT;
	bool vec = false;
	int i;

	if (feat != F_SSE && feat != F_SSE2 && feat != F_SSE3 && feat != F_SSSE3 && feat != F_SSE41 && feat != F_SSE42)
		return false;
	for (i = 0; i < 3; i++) {
		if (strchr("PQN", row->op[i][0]) && row->op[i][0])
			return false;
		vec |= row->op[i][0] && strchr("VWU", row->op[i][0]);
	}
	return vec || !strcmp(row->name, "crc32") || !strcmp(row->name, "movnti");
}

/* Approximations: any value within the bounds is right, so hosts differ. */
static UNUSED bool approximate(const struct oprow *row)
{
	return !strncmp(row->name, "rcp", 3) || !strncmp(row->name, "rsqrt", 5);
}

static bool served(const struct oprow *row, u32 mod)
{
	u32 o = row->opcode, three = (o >> 16 & 0xff) == 0x0f;
	u32 map = !three ? 1 : (o >> 8 & 0xff) == 0x38 ? 2 : 3;
	u32 p = three ? o >> 24 : o >> 16;
	u32 reg = row->reg >= 0 ? (u32)row->reg : 1;

	return x86_row(map, p == 0x66 ? 1 : p == 0xf3 ? 2 : p == 0xf2 ? 3 : 0, (u8)o, (u8)(mod << 6 | reg << 3 | 2)) ==
	       row;
}

static u64 digest(u64 h, const struct operands *o)
{
	const u64 *w = &o->xmm[0][0];

	for (u32 k = 0; k < sizeof *o / 8; k++)
		h = (h ^ w[k]) * 0x9e3779b97f4a7c15ull, h ^= h >> 29;
	return h;
}

static UNUSED void show(const char *label, const struct operands *o)
{
	printf("%s: ", label);
	for (u32 k = 0; k < 11; k++)
		if (k < 3 || k > 8)
			printf("xmm%u %016llx:%016llx ", k, (unsigned long long)o->xmm[k][1],
			       (unsigned long long)o->xmm[k][0]);
	printf("\n  mem %016llx:%016llx rax %llx rcx %llx rdx %llx r9 %llx r10 %llx mxcsr %llx flags %llx\n",
	       (unsigned long long)o->mem[1], (unsigned long long)o->mem[0], (unsigned long long)o->rax,
	       (unsigned long long)o->rcx, (unsigned long long)o->rdx, (unsigned long long)o->r9,
	       (unsigned long long)o->r10, (unsigned long long)o->mxcsr, (unsigned long long)o->flags);
}

struct sweep {
	struct guest g;
	u8 *exec;
	u64 rows, runs, wrong;
};

static u64 sweep_form(struct sweep *s, const struct oprow *row, struct form f, struct rng *r, u64 h)
{
	u32 imms = f.imm_at < 0 ? 1 : strstr(row->name, "pcmp") == row->name ? 96 : 24;
	u32 rounds = f.imm_at < 0 ? SSE_ROUNDS * 4 : SSE_ROUNDS / 4;
	char what[80];

	snprintf(what, sizeof what, "%s %s,%s,%s (opcode %x)", row->name, row->op[0], row->op[1], row->op[2], row->opcode);
	while (imms--) {
		if (f.imm_at >= 0)
			f.code[f.imm_at] = (u8)(next(r) >> (imms & 1 ? 0 : 3)) & (imms & 2 ? 0x7f : 0xff);
		guest_code(&s->g, f.code, f.len);
#if HAVE_HOST
		if (s->exec) {
			memcpy(s->exec, f.code, f.len);
			s->exec[f.len] = 0xc3;
		}
#endif
		for (u32 n = 0; n < rounds; n++) {
			struct operands in, got;

			memset(&in, 0, sizeof in);
			fill(&in, r);
			got = in;
			run_guest(&s->g, &got, f.len, what);
			h = digest(h, &got);
			s->runs++;
#if HAVE_HOST
			if (s->exec && host_has(row->flags >> FEAT_SHIFT) && !approximate(row) && !vendors_differ(row->name)) {
				struct operands want = in;

				run_host(s->exec, &want);
				if (memcmp(&got, &want, sizeof got)) {
					if (s->wrong++ < 12) {
						printf("%s imm %02x differs from the host\n", what,
						       f.imm_at < 0 ? 0 : f.code[f.imm_at]);
						show("in  ", &in);
						show("got ", &got);
						show("want", &want);
					}
					return h;
				}
			}
#endif
		}
	}
	return h;
}

/* Digests of all results by feature. They change with the rows and with this file, never with the host. */
static const struct {
	u32 feat;
	u64 digest;
} golden[] = {
	{ F_SSE, 0x10e4f63c6e915500ull },
	{ F_SSE2, 0xf2f3baad18c2c2b9ull },
	{ F_SSE3, 0xf228d05ab8b48853ull },
	{ F_SSSE3, 0x1201ea898056f806ull },
	{ F_SSE41, 0x45becf035a252b09ull },
	{ F_SSE42, 0x02517bb21aae970full },
};

START_TEST(test_rows)
{
	u32 feat = golden[_i].feat;
	struct sweep s = { 0 };
	u64 sum = 0;

	guest_open(&s.g, false);
#if HAVE_HOST
	s.exec = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANON, -1, 0);
	if (s.exec == MAP_FAILED)
		s.exec = NULL; /* the digests must do */
#endif
	for (u32 n = 1; n < x86_nrows; n++) {
		const struct oprow *row = &x86_rows[n];

		if (!ours(row) || row->flags >> FEAT_SHIFT != feat)
			continue;
		s.rows++;
		for (u32 v = 0; v < 16; v++) {
			struct rng r = { row->opcode * 64ull + v + (u64)(row->reg + 1) * 7777 };
			u32 mod = v & 1 ? 3 : 0;
			bool wide = v & 4, p66 = v & 8, general = false;

			for (u32 k = 0; k < 3; k++)
				general |= row->op[k][0] && strchr("EGM", row->op[k][0]) &&
					   strchr("yv", row->op[k][1]);
			if (!served(row, mod) || ((wide || p66) && !general && !strstr(row->name, "pcmpestr")) ||
			    (p66 && strcmp(row->name, "crc32")))
				continue;
			sum += sweep_form(&s, row, encode(row, mod, v & 2, wide, p66), &r, row->opcode * 16ull + v);
		}
	}
	guest_close(&s.g);
#if HAVE_HOST
	if (s.exec)
		munmap(s.exec, 4096);
#endif
	ck_assert_uint_gt(s.rows, 5);
	ck_assert_msg(!s.wrong, "%u forms differ", (unsigned)s.wrong);
	ck_assert_msg(sum == golden[_i].digest, "feature %u: digest of %u rows, %u runs is 0x%016llx, not 0x%016llx",
		      (unsigned)feat, (unsigned)s.rows, (unsigned)s.runs, (unsigned long long)sum,
		      (unsigned long long)golden[_i].digest);
}
END_TEST

Suite *sse_suite(void)
{
	Suite *s = suite_create("sse");
	TCase *t = tcase_create("sse");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, test_rows, 0, (int)ARRAY_SIZE(golden));
	suite_add_tcase(s, t);
	return s;
}
