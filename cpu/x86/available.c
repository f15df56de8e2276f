/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which instructions there are: by the CPU's features, CR0, CR4 and XCR0. SDM 2A 2.4 and table 2-15, SDM 3A 2.5, 13.
 */
#include <string.h>

#include "cpu/x86/opcodes.h"
#include "cpu/x86/xlat.h"

static bool touches_vectors(const struct oprow *r)
{
	int i;

	for (i = 0; i < 3; i++)
		if (r->op[i][0] && strchr("VWUPQN", r->op[i][0]))
			return true;
	return false;
}

/* VEX-encoded instructions on vectors: SDM 2A 2.4. CR0.EM and CR4.OSFXSR have no say. */
static int vex_availability(const struct xlat *x, const struct xi *dec)
{
	u32 feat = dec->row->flags >> FEAT_SHIFT & 0xff;

	if (feat == F_BMI1 || feat == F_BMI2)
		return -1;
	if (!(x->c->features & BIT(F_AVX)) || !(x->key & KEY_AVX))
		return X86_UD;
	if (dec->vl && (dec->row->flags & INT256) && !(x->c->features & BIT(F_AVX2)))
		return X86_UD;
	return x->key & KEY_TS ? X86_NM : -1;
}

int insn_available(const struct xlat *x, const struct xi *dec)
{
	const struct oprow *r = dec->row;
	u32 feat = r->flags >> FEAT_SHIFT & 0xff;
	u32 key = x->key;

	if (feat && !(x->c->features >> feat & 1))
		return X86_UD;
	/* Intel's has it in 64-bit mode alone, SDM 2B; so it is no instruction elsewhere, at any level. */
	if (r->emit == x86_emit_sysret && !(key & KEY_CS64))
		return X86_UD;
	if (r->vex)
		return vex_availability(x, dec);
	switch (feat) {
	case F_X87:
	case F_FXSR:
		return key & (KEY_EM | KEY_TS) ? X86_NM : -1;
	case F_MMX:
		return key & KEY_EM ? X86_UD : key & KEY_TS ? X86_NM : -1;
	case F_XSAVE:
	case F_XSAVEOPT:
	case F_XSAVEC:
		if (!(key & KEY_OSXSAVE) && r->emit != x86_emit_xsetbv)
			return X86_UD;
		return (key & KEY_TS) && (r->flags & TS) ? X86_NM : -1;
	case F_SSE:
	case F_SSE2:
	case F_SSE3:
	case F_SSSE3:
	case F_SSE41:
	case F_SSE42:
	case F_AES:
	case F_PCLMUL:
	case F_SHA:
		if (!touches_vectors(r) && !(r->flags & SIMD))
			return -1;
		if ((key & KEY_EM) || !(key & KEY_OSFXSR))
			return X86_UD;
		return key & KEY_TS ? X86_NM : -1;
	default:
		return -1;
	}
}
