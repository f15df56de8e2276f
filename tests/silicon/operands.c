/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers that lead an instruction's operands to interesting addresses, and interesting values there.
 */
#include "tests/silicon/gen.h"
#include "tests/silicon/values.h"

u64 pick_data(struct sil_rng *g, u32 align)
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

u64 pick_stack(struct sil_rng *g)
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

u32 alignment(const struct oprow *r)
{
	if (named(r, XSAVES))
		return 64;
	return 16;
}

/* Of the segment a prefix names. */
static u64 seg_base(const struct sil_case *k, u8 reg)
{
	return k->c32 ? 0 : reg == REG_GS ? GS_BASE : reg == REG_FS ? FS_BASE : 0;
}

/* Chooses registers, and a displacement where nothing else is to choose, so that the operand is at t. Returns where it is. */
u64 aim(struct sil_case *k, struct sil_rng *g, u64 t, bool fixed)
{
	struct xi *d = &k->d;
	u64 *r = k->in.gpr, m = d->adsz == 4 ? 0xffffffff : ~0ULL;
	u64 seg = seg_base(k, d->seg);
	u64 off = t - seg;
	u64 disp = (u64)(i64)d->disp;
	u32 at; /* of the displacement in the bytes */

	if (d->adsz == 2) /* never leads anywhere: the first 64 KiB are not mapped */
		return (!d->has_modrm ? (u16)d->imm :
			(u16)((d->base == REG_ZERO ? 0 : r[d->base]) + (d->index == REG_ZERO ? 0 : r[d->index]) + disp));
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

u32 operand_kind(const struct sil_case *k, struct sil_rng *g)
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
void some_fx(struct sil_case *k, struct sil_rng *g, u8 *fx, u32 kind)
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
void some_ymm(struct sil_case *k, struct sil_rng *g, u32 kind)
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

void some_segments(struct sil_case *k)
{
	u32 i;

	for (i = 0; i < 6; i++)
		k->in.seg[i] = k->c32 ? SEL_SS : 0;
	k->in.seg[SEG_CS] = k->c32 ? SEL_CS32 : SEL_CS;
	k->in.seg[SEG_SS] = SEL_SS;
	k->in.fsbase = seg_base(k, REG_FS);
	k->in.gsbase = seg_base(k, REG_GS);
}

/* Of the segments both sides have. */
u16 some_selector(struct sil_rng *g)
{
	static const u16 sels[10] = { 0, 1, 2, 3, 0x10, 0x18, 0x23, 0x2b, 0x33, 0x32 };

	return sels[rng_below(g, 10)];
}

/* Of an MXCSR, the byte with the bit that AMD has: not there, or alone. */
static void some_bit_17(const struct sil_case *k, struct sil_rng *g, u8 *b)
{
	*b &= 0xfd;
	if (k->all && rng_pct(g, 4))
		*b = 2;
}

/* The bytes at the memory operand. */
void some_operand(struct sil_case *k, struct sil_rng *g, u64 va, u32 kind)
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
		some_bit_17(k, g, b + 26);
	} else if (named(r, " ldmxcsr vldmxcsr ")) {
		st32(b, some_mxcsr(g));
		if (rng_pct(g, 5))
			b[rng_below(g, 4)] = (u8)rng_next(g);
		some_bit_17(k, g, b + 2);
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
	} else if (named(r, " verr verw lar lsl mov_to_seg ")) {
		st16(b, some_selector(g));
	} else if (named(r, " jmpf callf les lds lss lfs lgs ")) {
		st32(b, CODE_VA + rng_below(g, 8192));
		st16(b + k->d.opsz, some_selector(g));
	} else if (named(r, " bound ") && rng_pct(g, 80)) {
		i32 at = (i32)k->in.gpr[k->d.reg];

		st32(b, (u32)at - rng_below(g, 3) + 1);
		st32(b + 4, (u32)at + rng_below(g, 3) - 1);
		if (k->d.opsz == 2) {
			st16(b, (u16)(at - 1));
			st16(b + 2, (u16)((u32)at + rng_below(g, 3) - 1));
		}
	} else if (named(r, " jmp call ") && rng_pct(g, 80)) {
		st64(b, CODE_VA + rng_below(g, 8192));
	} else if (named(r, " div idiv ") && rng_pct(g, 50)) {
		st64(b, value64(g) | 1);
	}
	add_mem(k, va, b, n);
}

void some_stack(struct sil_case *k, struct sil_rng *g)
{
	const struct oprow *r = k->d.row;
	u8 b[48];
	u32 i;

	for (i = 0; i < 48; i += 8)
		st64(b + i, value64(g));
	if (named(r, " popf "))
		st64(b, rng_next(g) & (rng_pct(g, 50) ? 0xcd5 | 0x200a8a : ~(u64)(FL_TF | FL_AC | FL_NT)));
	else if (named(r, " ret ") && rng_pct(g, 85))
		st64(b, CODE_VA + rng_below(g, 8192));
	else if (named(r, " pop_seg "))
		st16(b, some_selector(g));
	else if (named(r, " retf iret ")) {
		static const u16 codes[6] = { 0x23, 0x33, 0x23, 0x33, 0x2b, 0x13 };

		for (i = 0; i < 5; i++) {
			u64 v = i == 0 ? CODE_VA + rng_below(g, 8192) : i == 1 ? codes[rng_below(g, 6)] : value64(g);

			if (i == 1 && rng_pct(g, 10))
				v = some_selector(g);
			if (i == 2) /* TF brings us back */
				v = (rng_next(g) & (FL_ARITH | FL_DF | FL_ID | FL_IF)) | FL_FIXED1 | FL_TF;
			if (i == 3)
				v = pick_stack(g);
			if (i == 4)
				v = rng_pct(g, 90) ? SEL_SS : some_selector(g);
			if (i == 2 && r->name[0] == 'r') /* behind a RETF */
				v = value64(g);
			st64(b + i * k->d.opsz, v);
		}
	}
	else
		return;
	add_mem(k, k->in.gpr[RSP], b, 48);
}

/* Registers that some rows look at besides their operands. */
void implicit(struct sil_case *k, struct sil_rng *g)
{
	const struct oprow *r = k->d.row;
	u64 *q = k->in.gpr;
	u64 m = k->d.adsz == 8 ? ~0ULL : 0xffffffff;

	if (named(r, STRINGS)) {
		u64 seg = seg_base(k, k->d.segovr);

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
		q[RBX] = pick_data(g, 1) - seg_base(k, k->d.segovr) - (u8)q[RAX];
		if (m == 0xffffffff)
			q[RBX] = (q[RBX] & m) | rng_next(g) << 32;
	} else if (named(r, " maskmovdqu mmx_maskmovq vmaskmovdqu ")) {
		q[RDI] = pick_data(g, 16) - seg_base(k, k->d.segovr);
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
	} else if (named(r, " callf ") && (q[RSP] < STACK_VA || q[RSP] >= STACK_VA + 4 * PAGE_SIZE)) {
		/* Which stack pointer a call into 64-bit mode or out of it uses is not said. */
		q[RSP] = STACK_VA + 2 * PAGE_SIZE;
	} else if (named(r, " enter leave ")) {
		q[RBP] = rng_pct(g, 80) ? pick_stack(g) : pick_data(g, 16);
	} else if (named(r, XSAVES)) {
		q[RAX] &= 7;
		q[RDX] = 0;
	} else if (named(r, " xgetbv rdpmc ")) {
		if (rng_pct(g, 60))
			q[RCX] &= ~0xffffffffULL;
		else if ((u32)q[RCX] == 1) /* not every host has it */
			q[RCX]++;
	} else if (named(r, " verr verw lar lsl mov_to_seg movsxd_arpl ") && (r->name[0] != 'm' || r->name[3] == '_' || k->c32)) {
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
