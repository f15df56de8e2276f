/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random cases for a row: which rows, in which mode, where in memory; bytes and operands come from the files beside.
 */
#include "tests/silicon/gen.h"
#include "tests/silicon/values.h"

const char *gen_skip(const struct oprow *r)
{
	static const struct {
		const char *names, *why;
	} table[] = {
		{ " syscall sysenter ", "enters the kernel" },
		{ " sysexit ", "AMD has it outside of long mode only" },
		{ " sldt str sgdt sidt smsw ", "the kernel emulates it" },
		{ " vmcall ", "belongs to a hypervisor" },
		{ " rdpkru wrpkru ", "would lock the tester out of its own memory" },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (named(r, table[i].names))
			return table[i].why;
	return NULL;
}

bool gen_is32(u32 row, u64 seed, u64 i)
{
	const struct oprow *r = row_at(row);

	return (r->flags & I64) || (!(r->flags & O64) && mix(seed & ~SEED_ALL, i, row, 5) % 100 < 35);
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
	k->step = k->at + k->put + 7 > CODE_VA + 2 * PAGE_SIZE;
}

u64 mix(u64 seed, u64 i, u64 row, u64 what)
{
	struct sil_rng r = { seed * 0x2545f4914f6cdd1dULL ^ i };
	u64 a = rng_next(&r);

	r.s = a ^ row << 8 ^ what;
	return rng_next(&r);
}

bool gen_case(struct sil_case *k, u32 row, u64 seed, u64 i, const u8 *fixed, u32 nfixed)
{
	const struct oprow *r = row_at(row);
	u64 plain = seed & ~SEED_ALL;
	struct sil_rng code = { mix(plain, i, row, 1) }, gr = { mix(plain, i, row, 2) };
	struct sil_rng *g = &gr;
	u32 n, kind;
	u64 va;

	memset(k, 0, offsetof(struct sil_case, mem));
	k->nmem = 0;
	k->row = r;
	k->all = seed & SEED_ALL;
	k->c32 = gen_is32(row, seed, i);
	if (fixed) {
		memset(k->bytes, 0, sizeof k->bytes);
		memcpy(k->bytes, fixed, MIN(nfixed, 15u));
		x86_decode(&k->d, k->bytes, 15, mode_key(k->c32), 0);
		if (!k->d.row)
			return false;
		k->len = nfixed;
	} else if (!make_bytes(k, &code, r)) {
		return false;
	}
	place(k, g);
	/* After a load of SS the trap would come one instruction late. */
	if (named(r, LOADS) && k->step && k->put == k->len) {
		k->at -= 16;
		k->step = false;
	}
	if ((r->flags & END) && !(r->flags & PRIV) && !named(r, LOADS " int1 "))
		k->step = true;
	if (named(r, STRINGS) && k->d.rep)
		k->rep = true;
	kind = operand_kind(k, g);
	for (n = 0; n < 16; n++)
		k->in.gpr[n] = value64(g);
	k->in.gpr[RSP] = pick_stack(g);
	k->in.rflags = (rng_next(g) & FL_ARITH) | FL_FIXED1 | FL_IF | (rng_pct(g, 15) ? FL_DF : 0) |
		       (mix(plain, i, row, 6) % 100 < 6 ? FL_AC : 0);
	k->in.rip = k->at;
	some_segments(k);
	some_fx(k, g, k->in.fx, kind);
	some_ymm(k, g, kind);
	/* Bit offsets reach far. */
	if (named(r, " bt bts btr btc ") && k->d.has_modrm && k->d.mem && rng_pct(g, 80))
		k->in.gpr[k->d.reg] = (u64)((i64)rng_below(g, 4096) - 2048);
	implicit(k, g);
	if (k->d.mem) {
		bool stack = k->d.base == RSP || rng_pct(g, 3);

		va = k->ea = aim(k, g, stack ? pick_stack(g) : pick_data(g, alignment(r)), fixed != NULL);
		/* The tester's own pages lie there, on the host only. */
		if (va + 64 - STUB_VA < OWN_BYTES)
			return false;
		some_operand(k, g, va, kind);
	}
	some_stack(k, g);
	if (k->c32)
		for (n = 0; n < 8; n++)
			k->in.gpr[n] = (u32)k->in.gpr[n];
	if (!fixed)
		x86_decode(&k->d, k->bytes, 15, mode_key(k->c32), 0);
	return true;
}
