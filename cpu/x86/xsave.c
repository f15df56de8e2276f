/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XSAVE and XRSTOR (standard form), XGETBV and XSETBV: SDM 1 chapter 13. Components: x87 (bit 0) and SSE (bit 1).
 */
#include <string.h>

#include "cpu/x86/block.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/x87.h"
#include "cpu/x86/xlat.h"

enum { X_X87 = 1, X_SSE = 2, X_AVX = 4 };
#define HEADER 512u
#define AREA 576u

static bool sse_in_use(const struct cpu *c)
{
	u32 n;

	for (n = 0; n < 16; n++)
		if (c->s.vec[n].q[0] | c->s.vec[n].q[1])
			return true;
	return false;
}

/* aux: 1 for REX.W, 2 in 64-bit mode (all sixteen registers). */
static NOINLINE bool xsave(struct cpu *c, const struct insn *i, u64 ea)
{
	u64 rfbm = (c->r[RDX] << 32 | (u32)c->r[RAX]) & c->s.xcr0;
	u64 in_use = X_X87 | (sse_in_use(c) ? X_SSE : 0);
	u32 n, nvec = i->aux & 2 ? 16 : 8;
	u8 b[AREA];
	u64 bv;

	/* What is not asked for stays as it is in memory. */
	if (!slow_probe(c, ea, AREA, true) || !load_bytes(c, ea, b, AREA))
		return false;
	if (rfbm & X_X87) {
		u32 mxcsr = ld32(b + 24), mask = ld32(b + 28);

		x87_save_image(c, b, i->aux & 1);
		st32(b + 24, mxcsr);
		st32(b + 28, mask);
	}
	if (rfbm & (X_SSE | X_AVX)) {
		st32(b + 24, c->s.fpu.mxcsr);
		st32(b + 28, 0xffff);
	}
	if (rfbm & X_SSE)
		for (n = 0; n < nvec; n++) {
			st64(b + 160 + 16 * n, VQ(&c->s.vec[n], 0));
			st64(b + 168 + 16 * n, VQ(&c->s.vec[n], 1));
		}
	bv = (ld64(b + HEADER) & ~rfbm) | (in_use & rfbm);
	st64(b + HEADER, bv);
	return store_bytes(c, ea, b, HEADER + 8);
}

/* -1: the memory faults; else a vector, or 0. */
static NOINLINE int xrstor(struct cpu *c, const struct insn *i, u64 ea)
{
	u64 rfbm = (c->r[RDX] << 32 | (u32)c->r[RAX]) & c->s.xcr0;
	u32 n, nvec = i->aux & 2 ? 16 : 8;
	u8 b[AREA];
	u64 bv;

	if (!load_bytes(c, ea, b, AREA))
		return -1;
	bv = ld64(b + HEADER);
	if ((bv & ~c->s.xcr0) || ld64(b + HEADER + 8) || ld64(b + HEADER + 16))
		return X86_GP;
	if ((rfbm & (X_SSE | X_AVX)) && (ld32(b + 24) & ~0xffffu))
		return X86_GP;
	if (rfbm & X_X87) {
		if (bv & X_X87)
			x87_load_image(c, b, i->aux & 1);
		else
			x87_init(c);
	}
	if (rfbm & (X_SSE | X_AVX))
		c->s.fpu.mxcsr = ld32(b + 24);
	if (rfbm & X_SSE)
		for (n = 0; n < nvec; n++) {
			VQ(&c->s.vec[n], 0) = bv & X_SSE ? ld64(b + 160 + 16 * n) : 0;
			VQ(&c->s.vec[n], 1) = bv & X_SSE ? ld64(b + 168 + 16 * n) : 0;
		}
	return 0;
}

static HANDLER(op_xsave)
{
	u64 ea = EA(c, i);

	if (ea & 63)
		RAISE(X86_GP, 0);
	if (!xsave(c, i, ea))
		return raise_fault(c, i);
	NEXT;
}

static HANDLER(op_xrstor)
{
	u64 ea = EA(c, i);
	int v;

	if (ea & 63)
		RAISE(X86_GP, 0);
	v = xrstor(c, i, ea);
	if (v < 0)
		return raise_fault(c, i);
	if (v)
		RAISE((u8)v, 0);
	NEXT;
}

static bool emit_x(struct xlat *x, const struct xi *d, insn_fn fn)
{
	emit(x, d, fn)->aux = (u8)((d->opsz == 8 ? 1 : 0) | (x->key & KEY_CS64 ? 2 : 0));
	return true;
}

bool x86_emit_xsave(struct xlat *x, const struct xi *d)
{
	return emit_x(x, d, op_xsave);
}

bool x86_emit_xrstor(struct xlat *x, const struct xi *d)
{
	return emit_x(x, d, op_xrstor);
}

static HANDLER(op_xgetbv)
{
	if ((u32)c->r[RCX])
		RAISE(X86_GP, 0);
	c->r[RAX] = (u32)c->s.xcr0;
	c->r[RDX] = c->s.xcr0 >> 32;
	NEXT;
}

bool x86_emit_xgetbv(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_xgetbv);
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
	if ((u32)c->r[RCX] || (v & ~(u64)(X_X87 | X_SSE)) || !(v & X_X87))
		RAISE(X86_GP, 0);
	c->s.xcr0 = v;
	return leave_after(c, i, BX_LOOKUP);
}

bool x86_emit_xsetbv(struct xlat *x, const struct xi *d)
{
	emit(x, d, op_xsetbv);
	return true;
}
