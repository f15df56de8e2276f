/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XSAVE, XSAVEOPT, XSAVEC, XRSTOR, XGETBV and XSETBV: SDM 1 chapter 13. Components: x87 (bit 0), SSE (1), AVX (2), PKRU (9). And
 * RDPKRU and WRPKRU, SDM 2B.
 */
#include <string.h>

#include "cpu/x86/block.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/x87.h"
#include "cpu/x86/xlat.h"
#include "cpu/x86/xsave.h"

#define X_COMPACTED BIT(63)
#define HEADER 512u
#define AREA XSAVE_LEGACY
/* The upper halves of YMM registers come right behind it, in both formats. */
#define AVX_AREA (AREA + XSAVE_AVX_BYTES)

u64 xsave_components(const struct x86 *c)
{
	return X_X87 | X_SSE | (c->features & BIT(F_AVX) ? X_AVX : 0) | (c->features & BIT(F_PKU) ? X_PKRU : 0);
}

u32 xsave_pkru_at(u64 components, bool compact)
{
	return !compact ? XSAVE_PKRU : components & X_AVX ? AVX_AREA : AREA;
}

u32 xsave_size(u64 components, bool compact)
{
	if (components & X_PKRU)
		return xsave_pkru_at(components, compact) + XSAVE_PKRU_BYTES;
	return components & X_AVX ? AVX_AREA : AREA;
}

static void set_pkru(struct x86 *c, u32 v)
{
	c->s.pkru = v;
	x86_mode_changed(c);
}

/* Components that are not in their initial state. */
static u64 in_use(const struct x86 *c)
{
	u64 lo = 0, hi = 0;
	u32 n;

	for (n = 0; n < 16; n++) {
		lo |= c->s.vec[n].q[0] | c->s.vec[n].q[1];
		hi |= c->s.vec[n].q[2] | c->s.vec[n].q[3];
	}
	return X_X87 | (lo ? X_SSE : 0) | (hi ? X_AVX : 0) | (c->s.pkru ? X_PKRU : 0);
}

enum { FORM_XSAVE, FORM_OPT, FORM_COMPACT };

/* aux: 1 for REX.W, 2 in 64-bit mode (all sixteen registers), bits 2-3 the form. SDM 1 13.7, 13.9, 13.10. */
static NOINLINE bool xsave(struct x86 *c, const struct insn *i, u64 ea)
{
	u32 form = i->aux >> 2;
	u64 rfbm = (c->r[RDX] << 32 | (u32)c->r[RAX]) & c->s.xcr0;
	u64 used = in_use(c), save = rfbm, bv;
	u32 n, nvec = i->aux & 2 ? 16 : 8, size = rfbm & X_AVX ? AVX_AREA : AREA;
	u64 key_ea = ea + xsave_pkru_at(rfbm, form == FORM_COMPACT);
	u8 b[AVX_AREA], key[XSAVE_PKRU_BYTES];

	if (form == FORM_COMPACT && c->s.fpu.mxcsr != 0x1f80)
		used |= X_SSE;
	if (form != FORM_XSAVE)
		save &= used;
	/* What is not asked for stays as it is in memory. */
	if (!slow_probe(c, ea, size, true) || !load_bytes(c, ea, b, size) ||
	    ((save & X_PKRU) && !slow_probe(c, key_ea, sizeof key, true)))
		return false;
	if (save & X_X87) {
		u32 mxcsr = ld32(b + 24), mask = ld32(b + 28);

		x87_save_image(c, b, i->aux & 1);
		st32(b + 24, mxcsr);
		st32(b + 28, mask);
	}
	if (form == FORM_COMPACT ? save & X_SSE : rfbm & (X_SSE | X_AVX)) {
		st32(b + 24, c->s.fpu.mxcsr);
		st32(b + 28, 0xffff);
	}
	for (n = 0; n < nvec; n++) {
		if (save & X_SSE) {
			st64(b + 160 + 16 * n, VQ(&c->s.vec[n], 0));
			st64(b + 168 + 16 * n, VQ(&c->s.vec[n], 1));
		}
		if (save & X_AVX) {
			st64(b + AREA + 16 * n, VQ(&c->s.vec[n], 2));
			st64(b + AREA + 8 + 16 * n, VQ(&c->s.vec[n], 3));
		}
	}
	bv = used & rfbm;
	if (form == FORM_COMPACT)
		st64(b + HEADER + 8, rfbm | X_COMPACTED);
	else
		bv |= ld64(b + HEADER) & ~rfbm;
	st64(b + HEADER, bv);
	st64(key, c->s.pkru);
	if ((save & X_PKRU) && !store_bytes(c, key_ea, key, sizeof key))
		return false;
	return store_bytes(c, ea, b, save & X_AVX ? AVX_AREA : HEADER + 16);
}

/* SDM 1 13.8. -1: the memory faults; else a vector, or 0. */
static NOINLINE int xrstor(struct x86 *c, const struct insn *i, u64 ea)
{
	u64 rfbm = (c->r[RDX] << 32 | (u32)c->r[RAX]) & c->s.xcr0;
	u32 n, nvec = i->aux & 2 ? 16 : 8;
	u8 b[AVX_AREA], key[XSAVE_PKRU_BYTES];
	u64 bv, comp;
	bool compact, mxcsr;

	if (!load_bytes(c, ea, b, AREA))
		return -1;
	bv = ld64(b + HEADER);
	comp = ld64(b + HEADER + 8);
	compact = (c->features & BIT(F_XSAVEC)) && (comp & X_COMPACTED);
	if (compact) {
		u64 rest = 0;

		for (n = 16; n < 64; n += 8)
			rest |= ld64(b + HEADER + n);
		if (rest || (comp & ~c->s.xcr0 & ~X_COMPACTED) || (bv & ~comp) || (bv & X_COMPACTED))
			return X86_GP;
	} else if ((bv & ~c->s.xcr0) || comp || ld64(b + HEADER + 16)) {
		return X86_GP;
	}
	/* The compacted form takes MXCSR for part of SSE's state. */
	mxcsr = compact ? rfbm & bv & X_SSE : rfbm & (X_SSE | X_AVX);
	if (mxcsr && (ld32(b + 24) & ~0xffffu))
		return X86_GP;
	if ((rfbm & bv & X_AVX) && !load_bytes(c, ea + AREA, b + AREA, AVX_AREA - AREA))
		return -1;
	if ((rfbm & bv & X_PKRU) && !load_bytes(c, ea + xsave_pkru_at(comp, compact), key, sizeof key))
		return -1;
	if (rfbm & X_X87) {
		if (bv & X_X87)
			x87_load_image(c, b, i->aux & 1);
		else
			x87_init(c);
	}
	if (mxcsr)
		c->s.fpu.mxcsr = ld32(b + 24);
	else if (compact && (rfbm & X_SSE))
		c->s.fpu.mxcsr = 0x1f80;
	for (n = 0; n < nvec; n++) {
		if (rfbm & X_SSE) {
			VQ(&c->s.vec[n], 0) = bv & X_SSE ? ld64(b + 160 + 16 * n) : 0;
			VQ(&c->s.vec[n], 1) = bv & X_SSE ? ld64(b + 168 + 16 * n) : 0;
		}
		if (rfbm & X_AVX) {
			VQ(&c->s.vec[n], 2) = bv & X_AVX ? ld64(b + AREA + 16 * n) : 0;
			VQ(&c->s.vec[n], 3) = bv & X_AVX ? ld64(b + AREA + 8 + 16 * n) : 0;
		}
	}
	if (rfbm & X_PKRU)
		set_pkru(c, bv & X_PKRU ? ld32(key) : 0);
	return 0;
}

static HANDLER(op_xsave)
{
	u64 ea = EA(c, i);

	if (ea & 63)
		return raise_misaligned(c, i, ea);
	if (!xsave(c, i, ea))
		return raise_fault(c, i);
	NEXT;
}

static HANDLER(op_xrstor)
{
	u64 ea = EA(c, i);
	int v;

	if (ea & 63)
		return raise_misaligned(c, i, ea);
	v = xrstor(c, i, ea);
	if (v < 0)
		return raise_fault(c, i);
	if (v)
		RAISE((u8)v, 0);
	if (c->paging.keys)
		return leave_after(c, i, BX_LOOKUP); /* keys may have changed under the table of jumps */
	NEXT;
}

static bool emit_x(struct xlat *x, const struct xi *dec, insn_fn fn, u32 form)
{
	emit(x, dec, fn)->aux = (u8)((dec->opsz == 8 ? 1 : 0) | (x->key & KEY_CS64 ? 2 : 0) | form << 2);
	return true;
}

bool x86_emit_xsave(struct xlat *x, const struct xi *dec)
{
	return emit_x(x, dec, op_xsave, FORM_XSAVE);
}

bool x86_emit_xsaveopt(struct xlat *x, const struct xi *dec)
{
	return emit_x(x, dec, op_xsave, FORM_OPT);
}

bool x86_emit_xsavec(struct xlat *x, const struct xi *dec)
{
	return emit_x(x, dec, op_xsave, FORM_COMPACT);
}

bool x86_emit_xrstor(struct xlat *x, const struct xi *dec)
{
	return emit_x(x, dec, op_xrstor, 0);
}

bool x86_xcr0_valid(const struct x86 *c, u64 v)
{
	return !(v & ~xsave_components(c)) && (v & X_X87) && (v & X_SSE || !(v & X_AVX));
}

static HANDLER(op_xgetbv)
{
	/* XGETBV of 1 came with XSAVEC: what is in use of it. */
	u64 v = c->s.xcr0;

	if ((u32)c->r[RCX] > 1 || ((u32)c->r[RCX] && !(c->features & BIT(F_XSAVEC))))
		RAISE(X86_GP, 0);
	if ((u32)c->r[RCX])
		v &= in_use(c);
	c->r[RAX] = (u32)v;
	c->r[RDX] = v >> 32;
	NEXT;
}

bool x86_emit_xgetbv(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_xgetbv);
	return true;
}

static HANDLER(op_xsetbv)
{
	u64 v = c->r[RDX] << 32 | (u32)c->r[RAX];

	if (!(c->mode_key & KEY_OSXSAVE) && c->s.cpl == 0)
		RAISE(X86_UD, 0);
	if (c->s.cpl) {
		int rc = X86_GP;

		if (c->ops->priv) {
			c->cur = i;
			rc = c->ops->priv(c, PRIV_XSETBV, (u32)c->r[RCX], &v);
			c->cur = NULL;
		}
		if (rc >= 0)
			RAISE((u8)rc, 0);
		return leave_after(c, i, BX_LOOKUP);
	}
	if ((u32)c->r[RCX] || !x86_xcr0_valid(c, v))
		RAISE(X86_GP, 0);
	c->s.xcr0 = v;
	x86_mode_changed(c);
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_xsetbv(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_xsetbv);
	return true;
}

/* ---- protection keys ------------------------------------------------------------------------------------------------ */

static HANDLER(op_rdpkru)
{
	if (!(c->s.cr4 & CR4_PKE))
		RAISE(X86_UD, 0);
	if ((u32)c->r[RCX])
		RAISE(X86_GP, 0);
	c->r[RAX] = c->s.pkru;
	c->r[RDX] = 0;
	NEXT;
}

bool x86_emit_rdpkru(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_rdpkru);
	return true;
}

static HANDLER(op_wrpkru)
{
	if (!(c->s.cr4 & CR4_PKE))
		RAISE(X86_UD, 0);
	if ((u32)c->r[RCX] || (u32)c->r[RDX])
		RAISE(X86_GP, 0);
	set_pkru(c, (u32)c->r[RAX]);
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_wrpkru(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_wrpkru);
	return true;
}
