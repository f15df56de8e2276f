/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random cases for a row: the bytes of an instruction, registers that lead its operands to interesting addresses, and
 * interesting values there.
 */
#include <string.h>

#include "tests/silicon/silicon.h"
#include "tests/silicon/values.h"

const char *gen_skip(const struct oprow *r)
{
	static const struct {
		const char *names, *why;
	} table[] = {
		{ " syscall sysenter int int1 int3 ", "enters the kernel" },
		{ " sysret sysexit iret callf jmpf retf ", "a far transfer" },
		{ " cpuid rdtsc rdtscp rdrand rdseed rdpmc rdpid xgetbv ", "its result is the host's own" },
		{ " sldt str sgdt sidt smsw ", "the kernel emulates it" },
		{ " vmcall monitor mwait ", "belongs to a hypervisor" },
		{ " rdfsbase wrfsbase wrgsbase ", "a segment base the tester needs" },
		{ " lss lfs lgs mov_to_seg pop_seg ", "loads a segment register" },
	};
	char name[40];
	u32 i;

	if (r->flags & I64)
		return "not in 64-bit mode";
	snprintf(name, sizeof name, " %s ", r->name);
	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (strstr(table[i].names, name))
			return table[i].why;
	return NULL;
}

void gen_pattern(struct sil_window *w)
{
	struct sil_rng r = { 42 };
	u32 i;

	for (i = 0; i < DATA_BYTES; i += 8)
		fill_value(&r, KIND_ANY, w->data + i);
	for (i = 0; i < STACK_BYTES; i += 8)
		st64(w->stack + i, value64(&r));
}

/* ---- the bytes ------------------------------------------------------------------------------------------------------ */

static bool named(const struct oprow *r, const char *names)
{
	char name[40];

	snprintf(name, sizeof name, " %s ", r->name);
	return strstr(names, name);
}

#define STRINGS " movs cmps stos lods scas ins outs "

/* A VEX-encoded row. Returns where ModRM would be. */
static u32 write_vex(struct sil_rng *g, const struct oprow *r, u8 *b)
{
	u32 op = r->opcode, n = 0, i;
	bool three = op > 0xffff && (op >> 16 & 0xff) == 0x0f;
	u32 mand = three ? op >> 24 : op >> 16, map = !three ? 1 : (op >> 8 & 0xff) == 0x38 ? 2 : 3;
	u32 pp = mand == 0x66 ? 1 : mand == 0xf3 ? 2 : mand == 0xf2 ? 3 : 0;
	u32 feat = row_feature(r);
	bool l = rng_pct(g, 50), w = rng_pct(g, 50), vvvv = false;
	u8 rxb = (u8)rng_below(g, 8), v = 0;

	for (i = 0; i < 4; i++)
		if (r->op[i][0] == 'H' || r->op[i][0] == 'B')
			vvvv = true;
	if (vvvv || rng_pct(g, 2))
		v = (u8)rng_below(g, 16);
	if ((r->flags & (VL0 | VL1)) && (feat == F_AES || feat == F_PCLMUL || !rng_pct(g, 2)))
		l = r->flags & VL1;
	if (r->flags & (VW0 | VW1))
		w = r->flags & VW1;
	if (rng_pct(g, 6))
		b[n++] = 0x3e;
	if (rng_pct(g, 6))
		b[n++] = 0x67;
	if (rng_pct(g, 4))
		b[n++] = 0x65;
	if (rng_pct(g, 2)) {
		static const u8 wrong[5] = { 0x66, 0xf2, 0xf3, 0xf0, 0x48 };

		b[n++] = wrong[rng_below(g, 5)];
	}
	if (map == 1 && !w && rng_pct(g, 50)) {
		b[n++] = 0xc5;
		b[n++] = (u8)((~rxb & 4) << 5 | (~v & 15) << 3 | l << 2 | pp);
	} else {
		b[n++] = 0xc4;
		b[n++] = (u8)((~rxb & 7) << 5 | map);
		b[n++] = (u8)(w << 7 | (~v & 15) << 3 | l << 2 | pp);
	}
	b[n++] = (u8)op;
	for (i = n; i < 15; i++)
		b[i] = (u8)rng_next(g);
	if (r->reg >= 0)
		b[n] = (u8)((b[n] & 0xc7) | r->reg << 3);
	if ((r->flags & VSIB) && rng_pct(g, 98))
		b[n] = (u8)((b[n] & 0x38) | 4 | rng_below(g, 3) << 6);
	return n;
}

/* The row's opcode behind random prefixes, then random bytes. Returns where ModRM would be. */
static u32 write_bytes(struct sil_rng *g, const struct oprow *r, u8 *b)
{
	static const u8 ignored[4] = { 0x26, 0x2e, 0x36, 0x3e };
	u32 op = r->opcode, n = 0, i, mand = 0;
	bool three = op > 0xffff && (op >> 16 & 0xff) == 0x0f;
	bool lockable = r->flags & LOCK;

	if (op >= 0x100)
		mand = three ? op >> 24 : op >> 16;
	if (rng_pct(g, 8))
		b[n++] = ignored[rng_below(g, 4)];
	if (rng_pct(g, 8))
		b[n++] = 0x67;
	if (rng_pct(g, lockable ? 12 : 1))
		b[n++] = 0xf0;
	if (rng_pct(g, mand == 0x66 ? 5 : mand || (r->flags & NP) ? 2 : 20))
		b[n++] = 0x66;
	if (rng_pct(g, 4))
		b[n++] = 0x65;
	if (named(r, STRINGS) ? rng_pct(g, 60) : !mand && !(r->flags & NP) && rng_pct(g, 3))
		b[n++] = rng_pct(g, 50) ? 0xf3 : 0xf2;
	/* Prefixes come in any order. */
	for (i = 1; i < n; i++) {
		u32 j = rng_below(g, i + 1);
		u8 t = b[i];

		b[i] = b[j];
		b[j] = t;
	}
	if (mand)
		b[n++] = (u8)mand;
	if (rng_pct(g, 55))
		b[n++] = (u8)(0x40 | rng_below(g, 16));
	if (op >= 0x100)
		b[n++] = 0x0f;
	if (three)
		b[n++] = (u8)(op >> 8);
	b[n++] = (u8)op;
	for (i = n; i < 15; i++)
		b[i] = (u8)rng_next(g);
	if (r->modrm >= 0)
		b[n] = (u8)r->modrm;
	else if (r->reg >= 0)
		b[n] = (u8)((b[n] & 0xc7) | r->reg << 3);
	/* Half of the random SIB bytes would have no use for the index otherwise. */
	return n;
}

/* Bytes of the immediate at the end, by the row's operands. */
static u32 imm_bytes(const struct xi *d)
{
	u32 n = 0, i;

	for (i = 0; i < 4; i++) {
		const char *o = d->row->op[i];

		if (o[0] == 'L')
			n++;
		else if (o[0] == 'I')
			n += o[1] == 'b' ? 1 : o[1] == 'w' ? 2 : o[1] == 'v' ? d->opsz : MIN(d->opsz, 4);
		else if (o[0] == 'J')
			n += o[1] == 'b' ? 1 : d->opsz == 2 ? 2 : 4;
		else if (o[0] == 'O')
			n += d->adsz;
	}
	return n;
}

static bool make_bytes(struct sil_case *k, struct sil_rng *g, const struct oprow *r)
{
	u32 tries;

	for (tries = 0; tries < 60; tries++) {
		int len;

		if (r->vex)
			write_vex(g, r, k->bytes);
		else
			write_bytes(g, r, k->bytes);
		len = x86_decode(&k->d, k->bytes, 15, KEY_CS64, 0);
		/* Bytes we refuse are cases too, when it is this row that refuses them. */
		if (k->d.row != r || (len <= 0 && (len != -X86_UD || !k->d.len)) || k->d.len > 15)
			continue;
		/* The host may know these by another name: TZCNT and LZCNT. */
		if (k->d.rep && named(r, " bsf bsr nop ud1 ") && r->opcode != 0x90)
			continue;
		/* AMD has no register form of its prefetches. */
		if (r->opcode == 0x0f0d && !k->d.mem)
			continue;
		/* A segment register that is not there, BND and control-flow hints: other subjects. */
		if (k->d.segovr == REG_FS)
			continue;
		/* AMD truncates rip where Intel ignores the prefix, and lets REP decide a LOOP. */
		if (((r->flags & F64) && k->d.opsz == 8 && k->d.p66 && r->op[0][0] != 'R' && r->op[0][0] != 'C' &&
		     r->op[0][0] != 'D' && !(k->d.rex & 8)) ||
		    (named(r, " loop ") && k->d.rep) || (named(r, " verr verw mov_from_cr mov_to_cr ") && k->d.lock))
			continue;
		/* Its mask of components stays the one both have. */
		if (named(r, " xsave xsavec xsaveopt xrstor ") && (k->d.base == RAX || k->d.base == RDX || k->d.index == RAX ||
						     k->d.index == RDX))
			continue;
		/* Intel loads 16 bits, AMD 32. */
		if (named(r, " movsxd_arpl ") && k->d.opsz == 2)
			continue;
		k->len = k->d.len;
		if (len > 0 && rng_pct(g, 40)) {
			static const u8 edges[8] = { 0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x1f, 0x20 };
			u32 n = imm_bytes(&k->d), i;

			for (i = 0; i < n; i++)
				k->bytes[k->len - n + i] = i && rng_pct(g, 60) ? k->bytes[k->len - n + i - 1] :
										  edges[rng_below(g, 8)];
		}
		return true;
	}
	return false;
}

/* ---- addresses --------------------------------------------------------------------------------------------------------- */

static u64 pick_data(struct sil_rng *g, u32 align)
{
	u32 what = rng_below(g, 100), near = rng_below(g, 17);

	if (what < 62)
		return DATA_VA + PAGE_SIZE + ALIGN_DOWN(1024 + rng_below(g, 4096), align);
	if (what < 78)
		return DATA_VA + PAGE_SIZE + 1024 + rng_below(g, 4096);
	if (what < 90)
		return DATA_VA + 2 * PAGE_SIZE - near;
	if (what < 93)
		return DATA_VA + 3 * PAGE_SIZE - near;
	if (what < 96)
		return DATA_VA + 3 * PAGE_SIZE + ALIGN_DOWN(rng_below(g, 3000), align);
	if (what < 98)
		return DATA_VA + 4 * PAGE_SIZE - near;
	if (what < 99)
		return DATA_VA + PAGE_SIZE - near;
	return value64(g);
}

static u64 pick_stack(struct sil_rng *g)
{
	u32 what = rng_below(g, 100);

	if (what < 78)
		return STACK_VA + PAGE_SIZE + 2048 + 8 * rng_below(g, 512);
	if (what < 88)
		return STACK_VA + PAGE_SIZE + 2048 + rng_below(g, 4096);
	if (what < 94)
		return STACK_VA + 2 * PAGE_SIZE + 8 - rng_below(g, 17);
	if (what < 96)
		return STACK_VA + PAGE_SIZE + 8 - rng_below(g, 17);
	if (what < 98)
		return STACK_VA + 3 * PAGE_SIZE + 8 - rng_below(g, 17);
	return value64(g);
}

static u32 alignment(const struct oprow *r)
{
	if (named(r, " xsave xsavec xsaveopt xrstor "))
		return 64;
	return 16;
}

/* Chooses registers, and a displacement where nothing else is to choose, so that the operand is at t. Returns where it is. */
static u64 aim(struct sil_case *k, struct sil_rng *g, u64 t, bool fixed)
{
	struct xi *d = &k->d;
	u64 *r = k->in.gpr, m = d->adsz == 4 ? 0xffffffff : ~0ULL;
	u64 seg = d->seg == REG_GS ? GS_BASE : 0;
	u64 off = t - seg;
	u64 disp = (u64)(i64)d->disp;
	u32 at; /* of the displacement in the bytes */

	if (!d->has_modrm) { /* moffs */
		if (!fixed) {
			if (d->adsz == 8)
				st64(k->bytes + k->len - 8, off);
			else
				st32(k->bytes + k->len - 4, (u32)off);
			return t;
		}
		return d->imm + seg;
	}
	at = k->len - imm_bytes(d) - 4;
	if (d->base == REG_PAGE) {
		u32 far = 0x7fffffff - rng_below(g, 4096);

		if (!fixed) /* now and then as far as it goes */
			st32(k->bytes + at, rng_pct(g, 4) ? far : (u32)(off - (k->at + k->len)));
		return (((u64)(i64)(i32)ld32(k->bytes + at) + k->at + k->len) & m) + seg;
	}
	if (d->base == REG_ZERO && d->index == REG_ZERO) {
		if (!fixed)
			st32(k->bytes + at, (u32)off);
		return ((u64)(i64)(i32)ld32(k->bytes + at) & m) + seg;
	}
	if (d->index == d->base) {
		u64 by = 1 + (1u << d->scale);
		u64 v = (off - disp) & m;

		r[d->base] = v / by | (m == 0xffffffff ? rng_next(g) << 32 : 0);
		if (by == 2 && m == ~0ULL && rng_pct(g, 50))
			r[d->base] |= BIT(63);
	} else if (d->base == REG_ZERO) {
		r[d->index] = ((off - disp) & m) >> d->scale | (m == 0xffffffff ? rng_next(g) << 32 : 0);
	} else {
		u64 idx = d->index == REG_ZERO ? 0 : r[d->index] << d->scale;

		r[d->base] = (off - disp - idx) & m;
		if (m == 0xffffffff)
			r[d->base] |= rng_next(g) << 32;
	}
	return (((d->base == REG_ZERO ? 0 : r[d->base]) + (d->index == REG_ZERO ? 0 : r[d->index] << d->scale) + disp) & m) + seg;
}

/* ---- values ------------------------------------------------------------------------------------------------------------ */

static u32 operand_kind(const struct sil_case *k, struct sil_rng *g)
{
	const struct oprow *r = k->d.row;
	int i;

	if (rng_pct(g, 10))
		return rng_below(g, KINDS);
	if (r->opcode >= 0xd8 && r->opcode <= 0xdf) {
		if (r->name[0] == 'f' && (r->name[1] == 'i' || r->name[1] == 'b'))
			return r->name[1] == 'b' ? KIND_BCD : KIND_INT;
		if (!strcmp(r->op[0], "Mt"))
			return KIND_F80;
		return !strcmp(r->op[0], "Mq") ? KIND_F64 : KIND_F32;
	}
	if (strstr(r->name, "cmpistr") || strstr(r->name, "cmpestr"))
		return KIND_TEXT;
	for (i = 0; i < 4; i++) {
		const char *o = r->op[i];

		if ((o[0] == 'V' || o[0] == 'W' || o[0] == 'U' || o[0] == 'H') && o[1] && o[2]) {
			if (!strcmp(o + 1, "ps") || !strcmp(o + 1, "ss"))
				return KIND_F32;
			if (!strcmp(o + 1, "pd") || !strcmp(o + 1, "sd"))
				return KIND_F64;
		}
	}
	if (!strncmp(r->name, "cvtdq", 5) || !strncmp(r->name, "cvtpi", 5))
		return KIND_INT;
	if (strstr(r->name, "round") || !strncmp(r->name, "dpp", 3))
		return r->name[strlen(r->name) - 1] == 's' ? KIND_F32 : KIND_F64;
	return KIND_ANY;
}

static u16 some_cw(struct sil_rng *g)
{
	static const u8 pc[4] = { 0, 2, 3, 3 };
	u16 masks = rng_pct(g, 80) ? 0x3f : (u16)rng_below(g, 64);

	return (u16)(masks | 0x40 | pc[rng_below(g, 4)] << 8 | rng_below(g, 4) << 10);
}

static u32 some_mxcsr(struct sil_rng *g)
{
	u32 v = rng_pct(g, 88) ? 0x1f80 : rng_below(g, 64) << 7;

	v |= rng_below(g, 4) << 13;
	if (rng_pct(g, 15))
		v |= 0x8000;
	if (rng_pct(g, 15))
		v |= 0x40;
	if (rng_pct(g, 30))
		v |= rng_below(g, 64);
	return v;
}

/* The x87, MMX and SSE state as an FXSAVE image. */
static void some_fx(struct sil_case *k, struct sil_rng *g, u8 *fx, u32 kind)
{
	u16 cw = some_cw(g), sw = (u16)(rng_next(g) & 0x7f00);
	u32 i;

	memset(fx, 0, 512);
	if (rng_pct(g, 20)) {
		sw |= (u16)(rng_below(g, 64));
		if (!rng_pct(g, 20))
			sw &= (u16)(cw | ~0x3f); /* nothing pending */
		if (sw & 1 && rng_pct(g, 50))
			sw |= 0x40;
		if (sw & ~cw & 0x3f)
			sw |= 0x8080;
	}
	st16(fx, cw);
	st16(fx + 2, sw);
	fx[4] = rng_pct(g, 60) ? 0xff : rng_pct(g, 20) ? 0 : (u8)rng_next(g);
	st32(fx + 24, some_mxcsr(g));
	st32(fx + 28, 0xffff);
	for (i = 0; i < 8; i++) {
		bool mmx = k->d.row->op[0][0] == 'P' || k->d.row->op[1][0] == 'P' || k->d.row->op[0][0] == 'N' ||
			   k->d.row->op[1][0] == 'N' || !strcmp(k->d.row->op[1], "Qpi");

		if (mmx) {
			fill_value(g, kind, fx + 32 + 16 * i);
			st16(fx + 40 + 16 * i, 0xffff);
		} else {
			fill_f80(g, fx + 32 + 16 * i);
		}
	}
	for (i = 0; i < 16; i++) {
		fill_value(g, kind, fx + 160 + 16 * i);
		fill_value(g, kind, fx + 168 + 16 * i);
	}
}

/* The upper halves; and indexes that lead somewhere. */
static void some_ymm(struct sil_case *k, struct sil_rng *g, u32 kind)
{
	u32 i, j;

	for (i = 0; i < 16; i++) {
		memcpy(k->in.ymm[i], k->in.fx + 160 + 16 * i, 16);
		fill_value(g, kind, k->in.ymm[i] + 16);
		fill_value(g, kind, k->in.ymm[i] + 24);
	}
	if (!(k->row->flags & VSIB))
		return;
	for (j = 0; j < 32; j += 8)
		st64(k->in.ymm[k->d.vindex] + j, (u64)((i64)rng_below(g, 256) - (rng_pct(g, 30) ? 128 : 0)));
	memcpy(k->in.fx + 160 + 16 * k->d.vindex, k->in.ymm[k->d.vindex], 16);
}

static void add_mem(struct sil_case *k, u64 va, const u8 *bytes, u32 n)
{
	u64 end = va + n;
	u64 lo, hi;

	/* Only what both windows have. */
	if (va >= DATA_VA && va < DATA_VA + 5 * PAGE_SIZE) {
		lo = DATA_VA + PAGE_SIZE;
		hi = DATA_VA + 4 * PAGE_SIZE;
	} else if (va >= STACK_VA && va < STACK_VA + 4 * PAGE_SIZE) {
		lo = STACK_VA + PAGE_SIZE;
		hi = STACK_VA + 3 * PAGE_SIZE;
	} else {
		return;
	}
	if (end > hi)
		end = hi;
	if (va < lo) {
		bytes += lo - va;
		va = lo;
	}
	if (va >= end)
		return;
	k->mem[k->nmem].va = va;
	k->mem[k->nmem].len = (u32)(end - va);
	memcpy(k->mem[k->nmem].bytes, bytes, end - va);
	k->nmem++;
}

/* Of the segments both sides have. */
static u16 some_selector(struct sil_rng *g)
{
	static const u16 sels[10] = { 0, 1, 2, 3, 0x10, 0x18, 0x23, 0x2b, 0x33, 0x32 };

	return sels[rng_below(g, 10)];
}

/* The bytes at the memory operand. */
static void some_operand(struct sil_case *k, struct sil_rng *g, u64 va, u32 kind)
{
	const struct oprow *r = k->d.row;
	u32 i, n = 64;
	u8 b[512];

	for (i = 0; i < 512; i += 8)
		fill_value(g, kind, b + i);
	if (named(r, " fxrstor xrstor ")) {
		some_fx(k, g, b, KIND_ANY);
		n = 512;
		if (rng_pct(g, 5))
			b[24 + rng_below(g, 4)] = (u8)rng_next(g);
		b[26] &= 0xfd; /* AMD has a bit 17 */
	} else if (named(r, " ldmxcsr vldmxcsr ")) {
		st32(b, some_mxcsr(g));
		if (rng_pct(g, 5))
			b[rng_below(g, 4)] = (u8)rng_next(g);
		b[2] &= 0xfd;
	} else if (named(r, " fldcw fldenv frstor ")) {
		u16 cw = some_cw(g);

		st16(b, cw);
		n = 108;
		if (r->name[2] != 'd' || r->name[3] != 'c') {
			u32 wide = k->d.opsz == 2 ? 2 : 4;

			st16(b + wide, (u16)(rng_next(g) & 0x7f00));
			if (rng_pct(g, 10))
				b[wide] = (u8)rng_next(g);
			if (!strcmp(r->name, "frstor"))
				for (i = 0; i < 8; i++) {
					u8 v[16];

					fill_f80(g, v);
					memcpy(b + wide * 7 + 10 * i, v, 10);
				}
		}
	} else if (kind == KIND_F80) {
		u8 v[16];

		fill_f80(g, v);
		memcpy(b, v, 10);
	} else if (kind == KIND_BCD) {
		for (i = 0; i < 9; i++)
			b[i] = (u8)(rng_below(g, 10) << 4 | rng_below(g, 10));
		b[9] = (u8)(rng_pct(g, 50) ? 0x80 : 0);
		if (rng_pct(g, 10))
			b[rng_below(g, 10)] = (u8)rng_next(g);
	} else if (named(r, " verr verw lar lsl ")) {
		st16(b, some_selector(g));
	} else if (named(r, " jmp call ") && rng_pct(g, 80)) {
		st64(b, CODE_VA + rng_below(g, 8192));
	} else if (named(r, " div idiv ") && rng_pct(g, 50)) {
		st64(b, value64(g) | 1);
	}
	add_mem(k, va, b, n);
}

static void some_stack(struct sil_case *k, struct sil_rng *g)
{
	const struct oprow *r = k->d.row;
	u8 b[32];
	u32 i;

	for (i = 0; i < 32; i += 8)
		st64(b + i, value64(g));
	if (named(r, " popf "))
		st64(b, rng_next(g) & (rng_pct(g, 50) ? 0xcd5 | 0x200a8a : ~(u64)(FL_TF | FL_AC | FL_NT)));
	else if (named(r, " ret ") && rng_pct(g, 85))
		st64(b, CODE_VA + rng_below(g, 8192));
	else
		return;
	add_mem(k, k->in.gpr[RSP], b, 32);
}

/* Registers that some rows look at besides their operands. */
static void implicit(struct sil_case *k, struct sil_rng *g)
{
	const struct oprow *r = k->d.row;
	u64 *q = k->in.gpr;
	u64 m = k->d.adsz == 4 ? 0xffffffff : ~0ULL;

	if (named(r, STRINGS)) {
		u64 seg = k->d.segovr == REG_GS ? GS_BASE : 0;

		q[RDI] = pick_data(g, 16);
		q[RSI] = pick_data(g, 16) - seg;
		if (rng_pct(g, 20))
			q[RSI] = q[RDI] - seg + rng_below(g, 33) - 16;
		q[RCX] = rng_pct(g, 15) ? 0 : rng_below(g, rng_pct(g, 10) ? 400 : 20);
		if (m == 0xffffffff) {
			q[RDI] = (q[RDI] & m) | rng_next(g) << 32;
			q[RSI] = (q[RSI] & m) | rng_next(g) << 32;
			q[RCX] |= rng_next(g) << 32;
		}
	} else if (named(r, " xlat ")) {
		q[RBX] = pick_data(g, 1) - (k->d.segovr == REG_GS ? GS_BASE : 0) - (u8)q[RAX];
		if (m == 0xffffffff)
			q[RBX] = (q[RBX] & m) | rng_next(g) << 32;
	} else if (named(r, " maskmovdqu mmx_maskmovq vmaskmovdqu ")) {
		q[RDI] = pick_data(g, 16) - (k->d.segovr == REG_GS ? GS_BASE : 0);
		if (m == 0xffffffff)
			q[RDI] = (q[RDI] & m) | rng_next(g) << 32;
	} else if (named(r, " div ")) {
		if (rng_pct(g, 60))
			q[RDX] = rng_pct(g, 50) ? 0 : rng_below(g, 256);
		if (k->d.opsz == 4 && rng_pct(g, 10))
			q[RAX] &= 0xffff;
	} else if (named(r, " idiv ")) {
		if (rng_pct(g, 60))
			q[RDX] = (u64)((i64)q[RAX] >> 63);
	} else if (named(r, " enter leave ")) {
		q[RBP] = rng_pct(g, 80) ? pick_stack(g) : pick_data(g, 16);
	} else if (named(r, " xsave xsavec xsaveopt xrstor ")) {
		q[RAX] &= 7;
		q[RDX] = 0;
	} else if (named(r, " verr verw lar lsl ")) {
		u32 i;

		for (i = 0; i < 16; i++)
			q[i] = (q[i] & ~0xffffULL) | some_selector(g);
	} else if (named(r, " pcmpestrm pcmpestri ")) {
		q[RAX] = rng_pct(g, 60) ? rng_below(g, 20) : q[RAX];
		q[RDX] = rng_pct(g, 60) ? rng_below(g, 20) : q[RDX];
	} else if (named(r, " loop ")) {
		if (rng_pct(g, 60))
			q[RCX] = rng_below(g, 3) | (m == 0xffffffff ? rng_next(g) << 32 : 0);
	} else if (named(r, " cmpxchg ") && rng_pct(g, 50) && k->d.has_modrm) {
		q[RAX] = q[k->d.rm & 15];
	} else if (named(r, " jmp call ") && k->d.has_modrm && !k->d.mem && rng_pct(g, 85)) {
		q[k->d.rm] = CODE_VA + rng_below(g, 8192);
	}
}

/* ---- a case --------------------------------------------------------------------------------------------------------------- */

static void place(struct sil_case *k, struct sil_rng *g)
{
	u32 what = rng_below(g, 100), back = 1 + rng_below(g, 14);

	k->put = k->len;
	k->at = CODE_VA + 256 + rng_below(g, 1024);
	if (what < 4) /* over the page end */
		k->at = CODE_VA + PAGE_SIZE - 1 - back % k->len;
	else if (what == 4) /* to the very end of the code */
		k->at = CODE_VA + 2 * PAGE_SIZE - k->len;
	else if (what == 5 && k->len > 1 && !named(k->row, " ud1 ")) { /* beyond it */
		k->put = 1 + back % (k->len - 1);
		k->at = CODE_VA + 2 * PAGE_SIZE - k->put;
	}
	k->step = k->at + k->put + 5 > CODE_VA + 2 * PAGE_SIZE;
}

static u64 mix(u64 seed, u64 i, u64 row, u64 what)
{
	struct sil_rng r = { seed * 0x2545f4914f6cdd1dULL ^ i };
	u64 a = rng_next(&r);

	r.s = a ^ row << 8 ^ what;
	return rng_next(&r);
}

/* ---- sequences ------------------------------------------------------------------------------------------------------------ */

static bool fits_sequence(const struct oprow *r)
{
	u32 feat = row_feature(r);

	if (r->vex || gen_skip(r) || (r->flags & (END | PRIV)) || (r->opcode >= 0xd8 && r->opcode <= 0xdf))
		return false;
	if (feat && feat != F_POPCNT && feat != F_BMI1 && feat != F_LZCNT && feat != F_ADX && feat != F_MOVBE)
		return false;
	return !named(r, STRINGS " popf enter leave xlat fwait wbinvd rdmsr verr verw lar lsl sldt str sgdt sidt "
				 "lgdt lidt invlpg loop cmpxchg8b tzcnt lzcnt ");
}

/* One instruction at k->at + at; memory operands are where rip leads, so registers may hold anything. */
static bool add_to_sequence(struct sil_case *k, struct sil_rng *g, u32 row, u64 base)
{
	const struct oprow *r = row_at(row);
	struct sil_case one = { .at = base + k->seq.len };
	u32 undef = k->seq.undef[k->seq.n], mine, at;

	if (!make_bytes(&one, g, r) || one.d.lock || one.len + k->seq.len > SEQ_BYTES - 16)
		return false;
	if (named(r, " shld shrd ") && one.d.opsz == 2)
		return false;
	if ((r->flags & R_FLAGS) && undef)
		return false;
	if (one.d.mem && one.d.has_modrm) {
		u32 m = one.len - imm_bytes(&one.d) - (u32)(one.d.mod == 1 ? 1 : one.d.mod == 2 || one.d.base == REG_PAGE ? 4 : 0);

		if ((one.d.modrm & 7) == 4 || one.d.mod || named(r, " bt bts btr btc "))
			return false;
		/* To mod 0, rm 5: a displacement before the immediate. */
		if (one.d.base != REG_PAGE) {
			if (one.len + 4 > 15)
				return false;
			memmove(one.bytes + m + 4, one.bytes + m, one.len - m);
			memset(one.bytes + m, 0, 4);
			one.bytes[m - 1] = (u8)((one.bytes[m - 1] & 0x38) | 5);
			one.len += 4;
		}
		x86_decode(&one.d, one.bytes, 15, KEY_CS64, 0);
		if (one.d.row != r || one.d.len != one.len)
			return false;
	}
	if (one.d.mem)
		aim(&one, g, DATA_VA + PAGE_SIZE + 64 * rng_below(g, 100) + rng_below(g, 8), false);
	memcpy(k->seq.bytes + k->seq.len, one.bytes, one.len);
	k->seq.len += one.len;
	x86_decode(&one.d, one.bytes, 15, KEY_CS64, 0);
	/* Shifts by CL: nobody knows the count here. */
	one.row = r;
	one.in = k->in;
	mine = undefined_flags(&one);
	at = !strcmp(r->op[1], "CL") || !strcmp(r->op[2], "CL") ? FL_AF | FL_OF | FL_CF : 0;
	k->seq.undef[k->seq.n + 1] = at ? undef | at | mine : r->flags & W_ARITH ? mine : undef | mine;
	k->seq.n++;
	k->seq.at[k->seq.n] = (u8)k->seq.len;
	return true;
}

void gen_sequence(struct sil_case *k, u64 seed, u64 i)
{
	struct sil_rng gr = { mix(seed, i, 0, 3) };
	struct sil_rng *g = &gr;
	u32 n, want = 2 + rng_below(g, SEQ_MAX - 2), tries;

	memset(k, 0, offsetof(struct sil_case, mem));
	k->nmem = 0;
	k->row = x86_row(0, 0, 0x90, 0);
	k->d.row = k->row;
	k->at = CODE_VA + 256 + rng_below(g, 1024);
	k->put = k->len = 1;
	for (n = 0; n < 16; n++)
		k->in.gpr[n] = value64(g);
	k->in.gpr[RSP] = STACK_VA + PAGE_SIZE + 2048 + 8 * rng_below(g, 512);
	k->in.rflags = (rng_next(g) & FL_ARITH) | FL_FIXED1 | FL_IF;
	some_fx(k, g, k->in.fx, KIND_ANY);
	some_ymm(k, g, KIND_ANY);
	for (tries = 0; k->seq.n < want && tries < 200; tries++) {
		u32 row = 1 + rng_below(g, x86_nrows - 1);

		/* Arithmetic makes most of it. */
		if (rng_pct(g, 50))
			row = 1 + rng_below(g, 60);
		if (fits_sequence(row_at(row)))
			add_to_sequence(k, g, row, k->at);
	}
	if (k->seq.n < SEQ_MAX && rng_pct(g, 70) && !k->seq.undef[k->seq.n]) {
		k->seq.bytes[k->seq.len++] = (u8)(0x70 | rng_below(g, 16));
		k->seq.bytes[k->seq.len++] = 5;
		k->seq.n++;
		k->seq.at[k->seq.n] = (u8)k->seq.len;
		k->seq.undef[k->seq.n] = 0;
		k->seq.jcc = true;
	}
}

/* ---- what is no instruction ------------------------------------------------------------------------------------------------ */

bool gen_undefined(struct sil_case *k, u64 seed, u64 i)
{
	static const u8 pfx[4] = { 0, 0x66, 0xf3, 0xf2 };
	struct sil_rng gr = { mix(seed, i, 0, 4) };
	struct sil_rng *g = &gr;
	u32 n = 0, p = rng_below(g, 8), map = rng_below(g, 16);

	memset(k, 0, offsetof(struct sil_case, mem));
	k->nmem = 0;
	k->row = x86_row(0, 0, 0x90, 0);
	if (p < 4 && pfx[p])
		k->bytes[n++] = pfx[p];
	if (rng_pct(g, 20))
		k->bytes[n++] = (u8)(0x40 | rng_below(g, 16));
	if (rng_pct(g, 4))
		k->bytes[n++] = 0xf0;
	if (map)
		k->bytes[n++] = 0x0f;
	if (map > 9)
		k->bytes[n++] = map > 12 ? 0x38 : 0x3a;
	for (; n < 15; n++)
		k->bytes[n] = (u8)rng_next(g);
	if (x86_decode(&k->d, k->bytes, 15, KEY_CS64 | KEY_LMA | KEY_PE | KEY_CPL, 0) != -X86_UD || k->d.segovr == REG_FS)
		return false;
	/* EVEX is not ours, VEX opcodes have a map of their own. */
	for (n = 0; n < 4; n++)
		if (k->bytes[n] == 0x62 || k->bytes[n] == 0xc4 || k->bytes[n] == 0xc5 || k->bytes[n] == 0x8f)
			return false;
	k->d.row = k->row;
	k->at = CODE_VA + 256;
	k->put = k->len = 15;
	k->step = true;
	for (n = 0; n < 16; n++)
		k->in.gpr[n] = rng_pct(g, 80) ? pick_data(g, 16) : value64(g);
	k->in.rflags = FL_FIXED1 | FL_IF;
	some_fx(k, g, k->in.fx, KIND_ANY);
	some_ymm(k, g, KIND_ANY);
	return true;
}

bool gen_case(struct sil_case *k, u32 row, u64 seed, u64 i, const u8 *fixed, u32 nfixed)
{
	const struct oprow *r = row_at(row);
	struct sil_rng code = { mix(seed, i, row, 1) }, gr = { mix(seed, i, row, 2) };
	struct sil_rng *g = &gr;
	u32 n, kind;
	u64 va;

	memset(k, 0, offsetof(struct sil_case, mem));
	k->nmem = 0;
	k->row = r;
	if (fixed) {
		memset(k->bytes, 0, sizeof k->bytes);
		memcpy(k->bytes, fixed, MIN(nfixed, 15u));
		x86_decode(&k->d, k->bytes, 15, KEY_CS64, 0);
		if (!k->d.row)
			return false;
		k->len = nfixed;
	} else if (!make_bytes(k, &code, r)) {
		return false;
	}
	place(k, g);
	if ((r->flags & END) && !(r->flags & PRIV))
		k->step = true;
	if (named(r, STRINGS) && k->d.rep)
		k->rep = true;
	kind = operand_kind(k, g);
	for (n = 0; n < 16; n++)
		k->in.gpr[n] = value64(g);
	k->in.gpr[RSP] = pick_stack(g);
	k->in.rflags = (rng_next(g) & FL_ARITH) | FL_FIXED1 | FL_IF | (rng_pct(g, 15) ? FL_DF : 0);
	k->in.rip = k->at;
	some_fx(k, g, k->in.fx, kind);
	some_ymm(k, g, kind);
	/* Bit offsets reach far. */
	if (named(r, " bt bts btr btc ") && k->d.has_modrm && k->d.mem && rng_pct(g, 80))
		k->in.gpr[k->d.reg] = (u64)((i64)rng_below(g, 4096) - 2048);
	implicit(k, g);
	if (k->d.mem) {
		bool stack = k->d.base == RSP || rng_pct(g, 3);

		va = k->ea = aim(k, g, stack ? pick_stack(g) : pick_data(g, alignment(r)), fixed != NULL);
		some_operand(k, g, va, kind);
	}
	some_stack(k, g);
	if (!fixed)
		x86_decode(&k->d, k->bytes, 15, KEY_CS64, 0);
	return true;
}
