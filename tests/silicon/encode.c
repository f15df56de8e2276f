/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes of an instruction for a row of the tables: random prefixes, operands and immediates (SDM 2A, chapter 2).
 */
#include "tests/silicon/gen.h"

/* A VEX-encoded row. Returns where ModRM would be. */
static u32 write_vex(struct sil_rng *g, const struct oprow *r, bool c32, u8 *b)
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
	if (c32) { /* X and R would make it LES or LDS */
		rxb &= 1;
		v &= 7;
	}
	if ((r->flags & (VL0 | VL1)) && (feat == F_AES || feat == F_PCLMUL || !rng_pct(g, 2)))
		l = r->flags & VL1;
	if (r->flags & (VW0 | VW1))
		w = r->flags & VW1;
	if (rng_pct(g, 6))
		b[n++] = 0x3e;
	if (rng_pct(g, c32 ? 2 : 6))
		b[n++] = 0x67;
	if (rng_pct(g, 6))
		b[n++] = rng_pct(g, 50) ? 0x64 : 0x65;
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
static u32 write_bytes(struct sil_rng *g, const struct oprow *r, bool c32, u8 *b)
{
	static const u8 ignored[4] = { 0x26, 0x2e, 0x36, 0x3e };
	u32 op = r->opcode, n = 0, i, mand = 0;
	bool three = op > 0xffff && (op >> 16 & 0xff) == 0x0f;
	bool lockable = r->flags & LOCK;

	if (op >= 0x100)
		mand = three ? op >> 24 : op >> 16;
	if (rng_pct(g, 8))
		b[n++] = ignored[rng_below(g, 4)];
	if (rng_pct(g, c32 ? 3 : 8))
		b[n++] = 0x67;
	if (rng_pct(g, lockable ? 12 : 1))
		b[n++] = 0xf0;
	if (rng_pct(g, mand == 0x66 ? 5 : mand || (r->flags & NP) ? 2 : 20))
		b[n++] = 0x66;
	if (rng_pct(g, 6))
		b[n++] = rng_pct(g, 50) ? 0x64 : 0x65;
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
	if (!c32 && rng_pct(g, 55))
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
u32 imm_bytes(const struct xi *d)
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

/* Forms that say nothing about us: what the host makes of them is something else, or nobody's promise. */
static bool never_same(const struct sil_case *k, const struct oprow *r)
{
	/* The host may know these by another name. */
	if (k->d.rep && named(r, " nop ud1 ") && r->opcode != 0x90)
		return true;
	/* The host's EVEX. */
	if (named(r, " bound ") && !k->d.mem)
		return true;
	/* Which stack pointer a call between modes uses is not said: it has to stay below 4 GiB. */
	if (named(r, " callf ") && k->d.mem && k->d.base == RSP)
		return true;
	/* The mask of components stays the one both have. */
	return named(r, XSAVES) && (k->d.base == RAX || k->d.base == RDX || k->d.index == RAX || k->d.index == RDX);
}

/* Forms that the vendors have differently, which the table of vendor.c judges; and BSF, BSR with a prefix. */
static bool vendors_form(const struct sil_case *k, const struct oprow *r)
{
	const struct xi *d = &k->d;

	return (d->rep && named(r, " bsf bsr ")) || (r->opcode == 0x0f0d && !d->mem) ||
	       (named(r, " jmpf callf lss lfs lgs ") && d->opsz == 8) ||
	       ((r->flags & F64) && d->opsz == 8 && d->p66 && r->op[0][0] != 'R' && r->op[0][0] != 'C' && r->op[0][0] != 'D' &&
		!(d->rex & 8)) ||
	       (named(r, " loop ") && d->rep) || (named(r, " verr verw mov_from_cr mov_to_cr ") && d->lock) ||
	       (named(r, " movsxd_arpl ") && d->opsz == 2 && !k->c32);
}

bool make_bytes(struct sil_case *k, struct sil_rng *g, const struct oprow *r)
{
	u32 tries;

	for (tries = 0; tries < 60; tries++) {
		int len;

		if (r->vex)
			write_vex(g, r, k->c32, k->bytes);
		else
			write_bytes(g, r, k->c32, k->bytes);
		len = x86_decode(&k->d, k->bytes, 15, mode_key(k->c32), 0);
		/* Bytes we refuse are cases too, when it is this row that refuses them. */
		if (k->d.row != r || (len <= 0 && (len != -X86_UD || !k->d.len)) || k->d.len > 15)
			continue;
		if (never_same(k, r) || (!k->all && vendors_form(k, r)))
			continue;
		k->len = k->d.len;
		if (!strcmp(r->op[0], "Ap") && len > 0) {
			st16(k->bytes + k->len - 2, some_selector(g));
			if (k->d.opsz == 4)
				st32(k->bytes + k->len - 6, CODE_VA + rng_below(g, 8192));
		}
		if (len > 0 && rng_pct(g, 40)) {
			static const u8 edges[8] = { 0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x1f, 0x20 };
			u32 n = imm_bytes(&k->d), i;

			for (i = 0; i < n; i++)
				k->bytes[k->len - n + i] = i && rng_pct(g, 60) ? k->bytes[k->len - n + i - 1] :
										  edges[rng_below(g, 8)];
		}
		if (named(r, " int ") && k->bytes[k->len - 1] == 0x80) /* enters the kernel */
			k->bytes[k->len - 1]++;
		return true;
	}
	return false;
}
