/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The known word nearest to a mistyped one. Words of more than 24 letters are near to nothing.
 */
#include "base/nearest.h"

#include <string.h>

/* How many letters must be inserted, deleted, replaced or swapped with a neighbour to make b of a. */
static u32 distance(const char *a, const char *b)
{
	enum { MAX_LEN = 24 };
	u32 d[MAX_LEN + 1][MAX_LEN + 1];
	size_t len_a = strlen(a), len_b = strlen(b);
	u32 la, lb, i, j;

	if (len_a > MAX_LEN || len_b > MAX_LEN)
		return UINT32_MAX;
	la = (u32)len_a;
	lb = (u32)len_b;
	for (i = 0; i <= la; i++) {
		for (j = 0; j <= lb; j++) {
			if (!i || !j) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = MIN(d[i - 1][j], d[i][j - 1]) + 1;
			d[i][j] = MIN(d[i][j], d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = MIN(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[la][lb];
}

void nearest_begin(struct nearest *n, const char *word)
{
	*n = (struct nearest){ .word = word, .distance = UINT32_MAX };
}

void nearest_offer(struct nearest *n, const char *known)
{
	size_t len = strlen(n->word);
	u32 d = distance(n->word, known);

	/* A part of the name is near as well: -ver, -kern. */
	if (len >= 3 && !strncmp(n->word, known, len))
		d = MIN(d, 1);
	if (d < n->distance) {
		n->distance = d;
		n->best = known;
	}
}

const char *nearest_word(const struct nearest *n)
{
	size_t len = strlen(n->word);

	/* Nothing in common is no suggestion. */
	return n->best && n->distance <= 1 + len / 3 && n->distance < len ? n->best : NULL;
}
