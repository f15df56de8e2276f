/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values with edges: integers, floats of three sizes, text.
 */
#include "tests/silicon/values.h"

u64 value64(struct sil_rng *g)
{
	static const u64 edges[16] = {
		0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
		0x7fffffffffffffff, 0x8000000000000000, ~0ULL, ~1ULL,
	};
	u32 how = rng_below(g, 16);
	u64 v = rng_next(g);

	if (how < 5)
		return edges[v >> 60];
	if (how < 6)
		return edges[v >> 60] ^ BIT(v & 63);
	if (how < 8)
		return v >> (v & 63);
	if (how < 9)
		return (u64)((i64)v >> (v & 63));
	if (how < 10)
		return v & rng_next(g) & 0x00ff00ff00ff00ffULL;
	return v;
}

u32 value_f32(struct sil_rng *g)
{
	static const u32 edges[32] = {
		0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000,
		0x7f800001, 0xffbfffff, 0x7fffffff, 0x7fa12345, 0x00000001, 0x807fffff, 0x00800000, 0x80800001,
		0x7f7fffff, 0xff7fffff, 0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001, 0x5effffff, 0x5f000000,
		0xdf000000, 0x3f000000, 0x3fc00000, 0x40200000, 0x4b800000, 0x33800000, 0x1a000000, 0x5a000000,
	};
	u64 v = rng_next(g);

	switch (rng_below(g, 8)) {
	case 0:
	case 1:
	case 2:
		return edges[v >> 59];
	case 3:
		return (u32)v;
	case 4: /* near one */
		return (u32)((v & 0x807fffff) | (0x70 + (v >> 32 & 0x1f)) << 23);
	case 5: /* short mantissas: ties */
		return (u32)((v & 0x80780000) | (0x70 + (v >> 32 & 0x1f)) << 23 | (v >> 40 & 1));
	case 6: /* tiny */
		return (u32)(v & 0x80ffffff);
	default:
		return edges[v >> 59] ^ (u32)(v & 3);
	}
}

u64 value_f64(struct sil_rng *g)
{
	static const u64 edges[32] = {
		0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
		0x7ff8000000000000, 0xfff8000000000000, 0x7ff0000000000001, 0xfff7ffffffffffff, 0x7fffffffffffffff,
		0x7ff4123456789abc, 1, 0x800fffffffffffff, 0x0010000000000000, 0x8010000000000001, 0x7fefffffffffffff,
		0xffefffffffffffff, 0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000000000, 0xc1e0000000200000,
		0x43e0000000000000, 0xc3e0000000000000, 0x43dfffffffffffff, 0x3fe0000000000000, 0x3ff8000000000000,
		0x4004000000000000, 0x4340000000000000, 0x36a0000000000000, 0x47efffffe0000000, 0x3810000000000000,
	};
	u64 v = rng_next(g), w;

	switch (rng_below(g, 8)) {
	case 0:
	case 1:
	case 2:
		return edges[v >> 59];
	case 3:
		return v;
	case 4:
		w = rng_next(g);
		return (v & 0x800fffffffffffffULL) | (0x3f0 + (w & 0x1f)) << 52;
	case 5: /* around the range and precision of single */
		w = rng_next(g);
		return (v & 0x800fffffe0000000ULL) | (0x3ff - 160 + w % 320) << 52 | (w >> 32 & 3) << 28;
	case 6:
		return v & 0x801fffffffffffffULL;
	default:
		return edges[v >> 59] ^ (v & 3);
	}
}

void fill_f80(struct sil_rng *g, u8 *p)
{
	static const u64 mants[16] = {
		0, 0x8000000000000000, 0xc000000000000000, 0xffffffffffffffff, 0x8000000000000001, 0xfffffffffffff800,
		0xfffffffffffffc00, 0x8000000000000400, 0xa000000000000000, 0x7fffffffffffffff, 1, 0xbfffffffffffffff,
		0xffffff0000000000, 0x8000008000000000, 0xc000000000000001, 0x4000000000000000,
	};
	static const u16 exps[16] = { 0,      1,      0x3fff, 0x3ffe, 0x7fff, 0x7ffe, 0x4000, 0x401e,
				      0x401f, 0x403e, 0x403d, 0x3c00, 0x3c01, 0x43ff, 0x3f80, 0x407f };
	u64 m, v = rng_next(g);
	u16 e;

	st64(p + 8, 0);
	switch (rng_below(g, 8)) {
	case 0: /* anything */
		m = rng_next(g);
		e = (u16)v;
		break;
	case 1:
	case 2:
		m = mants[v >> 60];
		e = exps[v >> 56 & 15] | (u16)(v & 0x8000);
		break;
	case 3: /* whole numbers */
		m = v >> (rng_below(g, 64));
		e = 0x3fff + 63;
		while (m && !(m >> 63)) {
			m <<= 1;
			e--;
		}
		if (!m)
			e = 0;
		e |= (u16)(rng_next(g) & 0x8000);
		break;
	case 4: /* special: zero, infinity, NaN */
		m = mants[1 + rng_below(g, 2)] | (rng_pct(g, 30) ? 1 : 0);
		e = 0x7fff | (u16)(v & 0x8000);
		if (rng_pct(g, 40))
			m = e = (u16)(e & 0x8000);
		if (!(e & 0x7fff))
			m = 0;
		break;
	case 5: /* ordinary */
		m = rng_next(g) | BIT(63);
		e = (u16)((0x3fff - 70 + v % 140) | (v >> 40 & 0x8000));
		break;
	case 6: /* short mantissas */
		m = (rng_next(g) & 0xfff0000000000000ULL) | BIT(63);
		e = (u16)((0x3fff - 10 + v % 20) | (v >> 40 & 0x8000));
		break;
	default:
		m = mants[v >> 60] | BIT(63);
		e = (u16)((0x3fff - 2 + v % 5) | (v >> 40 & 0x8000));
	}
	st64(p, m);
	st16(p + 8, e);
}

void fill_value(struct sil_rng *g, u32 kind, u8 *p)
{
	static const char text[16] = "aabbcdAZz09 \0\0\x80\xff";
	u8 t[16];
	u32 i;
	u64 v;

	switch (kind) {
	case KIND_F32:
		st32(p, value_f32(g));
		st32(p + 4, value_f32(g));
		break;
	case KIND_F64:
		st64(p, value_f64(g));
		break;
	case KIND_INT:
		st64(p, value64(g));
		break;
	case KIND_TEXT:
		for (i = 0; i < 8; i++)
			p[i] = (u8)text[rng_below(g, rng_pct(g, 90) ? 12 : 16)];
		break;
	case KIND_F80:
		fill_f80(g, t);
		for (i = 0; i < 8; i++)
			p[i] = t[i];
		break;
	default:
		v = rng_next(g);
		switch (rng_below(g, 6)) {
		case 0:
			st64(p, value64(g));
			break;
		case 1: /* bytes at the edges */
			for (i = 0; i < 8; i++)
				p[i] = (u8)(0x80 + (v >> 8 * i & 3) * 0x7f);
			break;
		case 2:
			for (i = 0; i < 8; i += 2)
				st16(p + i, (u16)(0x7ffe + (v >> 8 * i & 3) + (v >> (8 * i + 2) & 1) * 0x8000));
			break;
		case 3:
			st32(p, (u32)(0x7ffffffe + (v & 3) + (v >> 2 & 1) * 0x80000000u));
			st32(p + 4, (u32)(v >> 32) >> (v >> 8 & 31));
			break;
		default:
			st64(p, v);
		}
	}
}
