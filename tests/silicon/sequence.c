/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cases that are not one instruction: sequences of integer ones that run as a block, and bytes that are none.
 */
#include "tests/silicon/gen.h"
#include "tests/silicon/values.h"

static bool fits_sequence(const struct oprow *r)
{
	u32 feat = row_feature(r);

	if (r->vex || gen_skip(r) || (r->flags & (END | PRIV | I64)) || (r->opcode >= 0xd8 && r->opcode <= 0xdf))
		return false;
	if (feat && feat != F_POPCNT && feat != F_BMI1 && feat != F_LZCNT && feat != F_ADX && feat != F_MOVBE)
		return false;
	return !named(r, STRINGS " popf enter leave xlat fwait wbinvd rdmsr verr verw lar lsl sldt str sgdt sidt "
				 "lgdt lidt invlpg loop cmpxchg8b tzcnt lzcnt "
				 " cpuid rdtsc rdtscp rdrand rdseed rdpmc rdpid xgetbv rdfsbase wrfsbase wrgsbase ");
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
	some_segments(k);
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
	if (x86_decode(&k->d, k->bytes, 15, KEY_CS64 | KEY_LMA | KEY_PE | KEY_CPL, 0) != -X86_UD)
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
	some_segments(k);
	some_fx(k, g, k->in.fx, KIND_ANY);
	some_ymm(k, g, KIND_ANY);
	return true;
}
