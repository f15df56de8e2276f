/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a fuzz target without libFuzzer: RUNS inputs, each a seed file or nothing, changed by a fixed generator of
 * numbers, so that a run is the same every time and everywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <unistd.h>
#endif

#include "base/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEED_MAX (1u << 20)
#define BARE_MAX 512u
#define PATIENCE 60 /* seconds of host time for one input; whoever needs more hangs */

struct seed {
	u8 *p;
	size_t len;
};

static u64 next(u64 *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x * 0x2545f4914f6cdd1dULL >> 16;
}

static bool seed_read(struct seed *s, const char *path)
{
	FILE *f = fopen(path, "rb");

	if (!f)
		return false; /* a pattern of the shell that met nothing */
	s->p = malloc(SEED_MAX);
	s->len = s->p ? fread(s->p, 1, SEED_MAX, f) : 0;
	fclose(f);
	return s->len != 0;
}

/* A few bytes of p change: to anything, to an edge, by a little, or to those of another place. Returns the length. */
static size_t mutate(u8 *p, size_t len, u64 *x)
{
	static const u8 edges[] = { 0, 1, 0x7f, 0x80, 0xfe, 0xff };
	u64 n = 1 + next(x) % 8;
	/* Most of what matters lies at the start of a file. */
	size_t span = next(x) % 4 ? MIN(len, 1024) : len;

	while (n--) {
		size_t at = (size_t)(next(x) % span);
		size_t k = (size_t)1 << next(x) % 4;
		size_t from = (size_t)(next(x) % len);

		k = MIN(k, len - MAX(at, from));
		switch (next(x) % 5) {
		case 0:
			p[at] = (u8)next(x);
			break;
		case 1:
			p[at] ^= (u8)(1 << next(x) % 8);
			break;
		case 2:
			memset(p + at, edges[next(x) % ARRAY_SIZE(edges)], k);
			break;
		case 3:
			p[at] = (u8)(p[at] + next(x) % 5 - 2);
			break;
		default:
			memmove(p + at, p + from, k);
			break;
		}
	}
	return next(x) % 16 ? len : (size_t)(next(x) % len);
}

int main(int argc, char **argv)
{
	unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000, i;
	struct seed *seeds = calloc((size_t)argc + 1, sizeof *seeds);
	u8 *buf = malloc(SEED_MAX);
	u64 x = 88172645463325252ULL;
	size_t n = 0, len, k;
	u8 *exact;
	int a;

	if (!seeds || !buf)
		return 1;
	for (a = 2; a < argc; a++)
		if (seed_read(&seeds[n], argv[a]))
			n++;
		else
			free(seeds[n].p), seeds[n].p = NULL;
	for (i = 0; i < runs; i++) {
		/* A seed as it is, first; then changed ones, and every fourth input from nothing. */
		if (i < n || (n && next(&x) % 4)) {
			const struct seed *s = &seeds[i < n ? i : (size_t)(next(&x) % n)];

			len = s->len;
			memcpy(buf, s->p, len);
			if (i >= n)
				len = mutate(buf, len, &x);
		} else {
			len = (size_t)(next(&x) % BARE_MAX);
			for (k = 0; k < len; k++)
				buf[k] = (u8)next(&x);
		}
		/* In a block of its exact size, so that a sanitizer sees a read past the end. */
		exact = malloc(len + !len);
		if (!exact)
			return 1;
		memcpy(exact, buf, len);
#ifndef _WIN32
		alarm(PATIENCE);
#endif
		LLVMFuzzerTestOneInput(exact, len);
		free(exact);
	}
	printf("fuzz: %s: %lu inputs from %lu seeds\n", argv[0], runs, (unsigned long)n);
	while (n)
		free(seeds[--n].p);
	free(seeds);
	free(buf);
	return 0;
}
