/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as code in any mode, up to 2000 instructions: nothing crashes or hangs, and the run ends in the same state with
 * blocks from the cache, an instruction at a time, and in slices. libFuzzer target; without it a main that makes its own
 * inputs: fuzz_cpu [RUNS [SEED]], or fuzz_cpu FILE to say where the ways of one input part.
 */
#include "tests/vectors/machine.h"

static struct am *life(const u8 *data, size_t len, enum am_way way, u64 n)
{
	struct am *a = am_new(data, len, way);

	if (!a)
		abort();
	am_run(a, n, way);
	return a;
}

static void show(struct am *a, const char *what)
{
	struct x86_state *s = &a->cpu.s;
	u32 i;

	fprintf(stderr, "  %-6s why %d traps %u icount %llu memory %016llx log %016llx\n", what, (int)a->why, a->traps,
		(unsigned long long)x86_icount(&a->cpu), (unsigned long long)mem_hash(&a->mem, 0),
		(unsigned long long)a->trap_hash);
	fprintf(stderr, "         cs %04x:%llx flags %x cr0 %x cr2 %llx cpl %u key %x\n         ", s->seg[SEG_CS].sel,
		(unsigned long long)s->rip, (u32)s->rflags, (u32)s->cr0, (unsigned long long)s->cr2, s->cpl, a->cpu.mode_key);
	for (i = 0; i < 16; i++)
		fprintf(stderr, "%llx%s", (unsigned long long)s->gpr[i], i == 15 ? "\n" : i == 7 ? "\n         " : " ");
}

static void show_code(struct am *a)
{
	u64 at = a->cpu.s.rip;
	u8 b[15];
	u32 i, n = x86_fetch_bytes(&a->cpu, at, b);

	fprintf(stderr, "  code at %llx:", (unsigned long long)at);
	for (i = 0; i < n; i++)
		fprintf(stderr, " %02x", b[i]);
	fprintf(stderr, "\n");
}

/* Two ways ended differently: after how many instructions do they part? */
static void part(const u8 *data, size_t len, enum am_way way)
{
	u64 n;

	for (n = 1; n <= AM_INSNS; n++) {
		struct am *a = life(data, len, AM_PLAIN, n), *b = life(data, len, way, n);

		if (am_hash(a) != am_hash(b)) {
			const char *field = state_differs(&x86_state_desc, &a->cpu.s, &b->cpu.s);
			struct am *c = life(data, len, AM_STEP, n - 1);

			fprintf(stderr, "fuzz_cpu: mode %u, way %d: apart after %llu instructions, in %s\n", a->head.mode,
				(int)way, (unsigned long long)n, field ? field : "memory or traps");
			show(c, "before");
			show_code(c);
			show(a, "blocks");
			show(b, "other");
			am_free(c);
			n = AM_INSNS;
		}
		am_free(a);
		am_free(b);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct am *a = life(data, len, AM_PLAIN, AM_INSNS);
	u64 h = am_hash(a);
	int way;

	am_free(a);
	for (way = AM_STEP; way <= AM_SLICES; way++) {
		struct am *b = life(data, len, (enum am_way)way, AM_INSNS);
		u64 g = am_hash(b);

		am_free(b);
		if (g != h) {
			part(data, len, (enum am_way)way);
			abort();
		}
	}
	return 0;
}

#ifndef FUZZ_LIBFUZZER
int main(int argc, char **argv)
{
	u64 runs = argc > 1 ? strtoull(argv[1], NULL, 0) : 2000;
	u64 r, seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	static u8 data[1 << 16];
	FILE *f = argc == 2 && !runs ? fopen(argv[1], "rb") : NULL;

	if (f) {
		size_t len = fread(data, 1, sizeof data, f);

		fclose(f);
		return LLVMFuzzerTestOneInput(data, len);
	}
	for (r = 0; r < runs; r++) {
		struct am g = { .rng = (seed + r) * 0x2545f4914f6cdd1dULL };
		size_t i, len = 24 + am_below(&g, 64);

		for (i = 0; i < len; i++)
			data[i] = (u8)am_next(&g);
		if (am_below(&g, 3))
			data[3] &= 0x3c; /* plain machines are the common ones */
		data[5] |= am_below(&g, 3) ? 2 : 0;
		if (am_below(&g, 2))
			len = AM_HEAD;
		if (getenv("FUZZ_VERBOSE"))
			fprintf(stderr, "%llu\n", (unsigned long long)(seed + r));
		LLVMFuzzerTestOneInput(data, len);
	}
	printf("%llu runs\n", (unsigned long long)runs);
	return 0;
}
#endif
