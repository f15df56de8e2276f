/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vectors from the opcode table: the cases of the differential tester (which proves them on silicon), run in our core
 * alone; and machines in every mode.
 */
#include "tests/silicon/silicon.h"
#include "tests/vectors/machine.h"
#include "tests/vectors/vectors.h"

#define SEED 1

struct rows {
	struct emul *emul;
	struct sil_window pattern;
	struct sil_case k;
	struct sil_result out;
};

/* What the case left in memory; and all is as it was. Pages that have not changed do not count. */
static u64 hash_memory(struct rows *r, u64 h)
{
	u32 p, n;

	for (p = 0; p < 4; p++) {
		const u8 *now = emul_page(r->emul, p < 2 ? 2 + p : 5 + (p - 2));
		const u8 *was = p < 2 ? r->pattern.data + p * PAGE_SIZE : r->pattern.stack + (p - 2) * PAGE_SIZE;
		u64 va = p < 2 ? DATA_VA + (1 + p) * PAGE_SIZE : STACK_VA + (p - 1) * PAGE_SIZE;

		if (!memcmp(now, was, PAGE_SIZE))
			continue;
		for (n = 0; n < PAGE_SIZE; n += 64)
			if (memcmp(now + n, was + n, 64))
				h = hash_bytes(hash_u64(h, va + n), now + n, 64);
		emul_poke(r->emul, va, was, PAGE_SIZE);
	}
	for (n = 0; n < r->k.nmem; n++) { /* the read-only page takes what a case put there */
		u64 ro = DATA_VA + 3 * PAGE_SIZE, va = r->k.mem[n].va, end = va + r->k.mem[n].len;

		if (end > ro && va < ro + PAGE_SIZE)
			emul_poke(r->emul, MAX(va, ro), r->pattern.data + 2 * PAGE_SIZE + (MAX(va, ro) - ro),
				  (u32)(end - MAX(va, ro)));
	}
	return h;
}

static bool one(struct rows *r, u32 row, u64 i, u64 *h)
{
	u32 n;

	if (!gen_case(&r->k, row, SEED, i, NULL, 0))
		return false;
	for (n = 0; n < r->k.nmem; n++)
		emul_poke(r->emul, r->k.mem[n].va, r->k.mem[n].bytes, r->k.mem[n].len);
	emul_run(r->emul, &r->k, &r->out);
	*h = hash_bytes(*h, r->k.bytes, r->k.len);
	*h = hash_bytes(*h, r->out.s.fx, sizeof r->out.s.fx);
	*h = hash_bytes(*h, r->out.s.ymm, sizeof r->out.s.ymm);
	for (n = 0; n < 16; n++)
		*h = hash_u64(*h, r->out.s.gpr[n]);
	*h = hash_u64(*h, r->out.s.rip);
	*h = hash_u64(*h, r->out.s.rflags);
	*h = hash_u64(hash_u64(*h, r->out.s.fsbase), r->out.s.gsbase);
	for (n = 0; n < 6; n++)
		*h = hash_u64(*h, r->out.s.seg[n]);
	*h = hash_u64(*h, r->out.vector | (u64)r->out.error << 8);
	*h = hash_u64(*h, r->out.cr2);
	*h = hash_memory(r, *h);
	return true;
}

void vectors_rows(u64 n, vec_line line, void *opaque)
{
	struct rows *r = calloc(1, sizeof *r);
	u32 a, b;

	if (!r)
		abort();
	gen_pattern(&r->pattern);
	r->emul = emul_open(&r->pattern);
	if (!r->emul)
		abort();
	for (a = 1; a < SIL_ROWS; a++) {
		const char *name = row_at(a)->name;
		u64 h = HASH_SEED, cases = 0, i;

		for (b = 1; b < a && strcmp(row_at(b)->name, name); b++)
			;
		if (b < a)
			continue; /* it had its line */
		for (b = a; b < SIL_ROWS; b++) {
			if (strcmp(row_at(b)->name, name))
				continue;
			for (i = 0; i < n; i++)
				cases += one(r, b, i, &h);
		}
		if (cases)
			line(opaque, name, cases, h);
	}
	emul_close(r->emul);
	free(r);
}

void vectors_modes(u64 n, vec_line line, void *opaque)
{
	static const char *const names[AM_MODES] = { "mode-real", "mode-v86", "mode-protected-16", "mode-protected-32",
						     "mode-segments-16", "mode-segments-32", "mode-paged-32", "mode-pae",
						     "mode-long", "mode-long-user", "mode-compat-32", "mode-compat-16" };
	u32 m;

	for (m = 0; m < AM_MODES; m++) {
		u64 h = HASH_SEED, i;

		for (i = 0; i < n; i++) {
			struct am g = { .rng = i * 0x2545f4914f6cdd1dULL + m };
			struct am *a;
			u8 b[AM_HEAD];
			u32 k;

			for (k = 0; k < AM_HEAD; k++)
				b[k] = (u8)am_next(&g);
			b[0] = (u8)m;
			if (i % 3) /* plain machines are the common ones */
				b[1] = b[2] = b[3] = 0;
			b[5] |= 2; /* code of the table's instructions */
			a = am_new(b, sizeof b, AM_PLAIN);
			if (!a)
				abort();
			am_run(a, AM_INSNS, AM_PLAIN);
			h = hash_u64(h, am_hash(a));
			am_free(a);
		}
		line(opaque, names[m], n, h);
	}
}
