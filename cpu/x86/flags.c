/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Computes arithmetic flags from the result and operand that the last flag-writing instruction left.
 */
#include "cpu/x86/flags.h"

bool flag_cf_slow(const struct x86 *c)
{
	u32 op = c->cc_op;
	u64 m = cc_mask(op);
	u64 dst = c->cc_dst & m;
	u64 src = c->cc_src & m;

	switch (op & ~3u) {
	case CC_EXPLICIT:
		return c->cc_src & FL_CF;
	case CC_ADD:
		return dst < src;
	case CC_ADC:
		return dst <= src;
	case CC_SUB:
		return ((dst + src) & m) < src;
	case CC_SBB:
		return ((dst + src + 1) & m) <= src;
	case CC_INC:
	case CC_DEC:
		return c->cc_src & 1;
	case CC_SHL:
		return src >> (cc_bits(op) - 1);
	case CC_SHR:
		return src & 1;
	case CC_MUL:
		return c->cc_src != 0;
	default:
		return false;
	}
}

bool flag_of(const struct x86 *c)
{
	u32 op = c->cc_op;
	u32 top = cc_bits(op) - 1;
	u64 dst = c->cc_dst;
	u64 src = c->cc_src;
	u64 a;

	switch (op & ~3u) {
	case CC_EXPLICIT:
		return src & FL_OF;
	case CC_ADD:
		a = dst - src;
		return ((a ^ dst) & (src ^ dst)) >> top & 1;
	case CC_ADC:
		a = dst - src - 1;
		return ((a ^ dst) & (src ^ dst)) >> top & 1;
	case CC_SUB:
		a = dst + src;
		return ((a ^ src) & (a ^ dst)) >> top & 1;
	case CC_SBB:
		a = dst + src + 1;
		return ((a ^ src) & (a ^ dst)) >> top & 1;
	case CC_INC:
		return (dst & cc_mask(op)) == 1ULL << top;
	case CC_DEC:
		return (dst & cc_mask(op)) == (1ULL << top) - 1;
	case CC_SHL:
	case CC_SHR:
		return (src ^ dst) >> top & 1;
	case CC_MUL:
		return src != 0;
	default:
		return false;
	}
}

static bool flag_af(const struct x86 *c)
{
	u64 dst = c->cc_dst;
	u64 src = c->cc_src;

	switch (c->cc_op & ~3u) {
	case CC_EXPLICIT:
		return src & FL_AF;
	case CC_ADD:
		return ((dst - src) ^ src ^ dst) & 16;
	case CC_ADC:
		return ((dst - src - 1) ^ src ^ dst) & 16;
	case CC_SUB:
		return ((dst + src) ^ src ^ dst) & 16;
	case CC_SBB:
		return ((dst + src + 1) ^ src ^ dst) & 16;
	case CC_INC:
		return !(dst & 15);
	case CC_DEC:
		return (dst & 15) == 15;
	default:
		return false;
	}
}

u32 flags_eval(const struct x86 *c)
{
	if (c->cc_op == CC_EXPLICIT)
		return (u32)c->cc_src & FL_ARITH;
	return (flag_cf(c) ? FL_CF : 0) | (flag_pf(c) ? FL_PF : 0) | (flag_af(c) ? FL_AF : 0) |
	       (flag_zf(c) ? FL_ZF : 0) | (flag_sf(c) ? FL_SF : 0) | (flag_of(c) ? FL_OF : 0);
}

bool flags_cond_slow(const struct x86 *c, u32 cc)
{
	switch (cc >> 1) {
	case 0:
		return flag_of(c);
	case 5:
		return flag_pf(c);
	case 6:
		return flag_sf(c) != flag_of(c);
	default:
		return flag_zf(c) || flag_sf(c) != flag_of(c);
	}
}
