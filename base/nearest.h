/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which known word a mistyped one was meant to be: for "did you mean" in messages (Damerau-Levenshtein distance).
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/types.h"

struct nearest {
	const char *word, *best;
	u32 distance;
};

/* Begins the search for what word (kept, not copied) was meant to be. */
void nearest_begin(struct nearest *n, const char *word);
/* One of the known words. */
void nearest_offer(struct nearest *n, const char *known);
/* The nearest of those offered, or NULL when none is near enough to be worth a suggestion. */
const char *nearest_word(const struct nearest *n);

#endif
