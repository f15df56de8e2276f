/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes a recorded case small: what its result does not depend on becomes the standard state. Halves of the items first,
 * then halves of these, down to single ones.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/silicon/record.h"

/* Items by number: registers, then words of memory. */
enum {
	AT_GPR = 0,
	AT_FLAGS = 16,
	AT_CW,
	AT_SW,
	AT_TAG,
	AT_MXCSR,
	AT_FOP,
	AT_ST,
	AT_VEC = AT_ST + 8,
	AT_DATA = AT_VEC + 64,
	AT_STACK = AT_DATA + DATA_BYTES / 8,
	ITEMS = AT_STACK + STACK_BYTES / 8
};

struct small {
	record_run run;
	void *opaque;
	struct record *best, *try;
	struct sil_state standard;
};

static void clear_item(struct record *c, const struct sil_state *standard, u32 i)
{
	struct sil_state *s = &c->k.in;

	if (i < AT_FLAGS)
		s->gpr[i] = 0;
	else if (i == AT_FLAGS)
		s->rflags = standard->rflags;
	else if (i == AT_CW)
		memcpy(s->fx, standard->fx, 2);
	else if (i == AT_SW)
		memset(s->fx + 2, 0, 2);
	else if (i == AT_TAG)
		s->fx[4] = 0;
	else if (i == AT_MXCSR)
		memcpy(s->fx + 24, standard->fx + 24, 8);
	else if (i == AT_FOP)
		memset(s->fx + 6, 0, 18);
	else if (i < AT_VEC)
		memset(s->fx + 32 + 16 * (i - AT_ST), 0, 16);
	else if (i < AT_DATA && (i - AT_VEC) % 4 < 2)
		memset(s->fx + 160 + 8 * ((i - AT_VEC) / 4 * 2 + (i - AT_VEC) % 4), 0, 8);
	else if (i < AT_DATA)
		memset(s->ymm[(i - AT_VEC) / 4] + 8 * ((i - AT_VEC) % 4), 0, 8);
	else if (i < AT_STACK)
		memset(c->before.data + 8 * (i - AT_DATA), 0, 8);
	else
		memset(c->before.stack + 8 * (i - AT_STACK), 0, 8);
}

/* Bytes changed alike: to the same, or not at all. */
static bool changed_alike(const u8 *in1, const u8 *out1, const u8 *in2, const u8 *out2, u32 n, u32 unit)
{
	u32 i;

	for (i = 0; i < n; i += unit) {
		bool a = memcmp(in1 + i, out1 + i, unit), b = memcmp(in2 + i, out2 + i, unit);

		if (a != b || (a && memcmp(out1 + i, out2 + i, unit)))
			return false;
	}
	return true;
}

static bool alike(const struct record *a, const struct record *b)
{
	const struct sil_state *i1 = &a->k.in, *o1 = &a->r.s, *i2 = &b->k.in, *o2 = &b->r.s;

	return a->r.vector == b->r.vector && a->r.error == b->r.error && a->r.cr2 == b->r.cr2 && o1->rip == o2->rip &&
	       !memcmp(o1->seg, o2->seg, sizeof o1->seg) && o1->fsbase == o2->fsbase && o1->gsbase == o2->gsbase &&
	       changed_alike((const u8 *)i1->gpr, (const u8 *)o1->gpr, (const u8 *)i2->gpr, (const u8 *)o2->gpr, 128,
			     8) &&
	       changed_alike((const u8 *)&i1->rflags, (const u8 *)&o1->rflags, (const u8 *)&i2->rflags,
			     (const u8 *)&o2->rflags, 8, 8) &&
	       changed_alike(i1->fx, o1->fx, i2->fx, o2->fx, 4, 2) &&
	       changed_alike(i1->fx + 4, o1->fx + 4, i2->fx + 4, o2->fx + 4, 1, 1) &&
	       changed_alike(i1->fx + 6, o1->fx + 6, i2->fx + 6, o2->fx + 6, 18, 2) &&
	       changed_alike(i1->fx + 24, o1->fx + 24, i2->fx + 24, o2->fx + 24, 4, 4) &&
	       changed_alike(i1->fx + 32, o1->fx + 32, i2->fx + 32, o2->fx + 32, 128, 16) &&
	       changed_alike(i1->fx + 160, o1->fx + 160, i2->fx + 160, o2->fx + 160, 256, 16) &&
	       changed_alike(i1->ymm[0], o1->ymm[0], i2->ymm[0], o2->ymm[0], sizeof i1->ymm, 16) &&
	       changed_alike(a->before.data, a->after.data, b->before.data, b->after.data, DATA_BYTES, 1) &&
	       changed_alike(a->before.stack, a->after.stack, b->before.stack, b->after.stack, STACK_BYTES, 1);
}

static void settle(struct record *c, record_run run, void *opaque)
{
	u32 i;

	for (i = 0; i < 16; i++)
		memcpy(c->k.in.ymm[i], c->k.in.fx + 160 + 16 * i, 16);
	run(opaque, c, &c->r, &c->after);
	/* Of these 512 bytes only the state counts, and in 32-bit code eight registers do. */
	memset(c->r.s.fx + 28, 0, 4);
	memset(c->r.s.fx + 416, 0, 96);
	c->r.s.fx[5] = 0;
	for (i = 0; i < 8; i++)
		memset(c->r.s.fx + 42 + 16 * i, 0, 6);
	for (i = 0; i < 16; i++)
		memcpy(c->r.s.ymm[i], c->r.s.fx + 160 + 16 * i, 16);
	c->r.s.rflags &= FL_ARITH | FL_DF | FL_ID | FL_AC | FL_NT | FL_IF | FL_FIXED1;
	for (i = 8; c->k.c32 && i < 16; i++)
		c->r.s.gpr[i] = c->k.in.gpr[i];
	for (i = 0; c->k.c32 && i < 8; i++)
		c->r.s.gpr[i] = (u32)c->r.s.gpr[i];
}

static void halve(struct small *s, u32 from, u32 to)
{
	u32 i;

	*s->try = *s->best;
	for (i = from; i < to; i++)
		clear_item(s->try, &s->standard, i);
	if (!memcmp(&s->try->k.in, &s->best->k.in, sizeof s->try->k.in) &&
	    !memcmp(&s->try->before, &s->best->before, sizeof s->try->before))
		return;
	settle(s->try, s->run, s->opaque);
	if (alike(s->best, s->try)) {
		*s->best = *s->try;
		return;
	}
	if (to - from > 1) {
		halve(s, from, from + (to - from) / 2);
		halve(s, from + (to - from) / 2, to);
	}
}

void record_minimize(struct record *c, record_run run, void *opaque)
{
	struct small s = { .run = run, .opaque = opaque, .best = c, .try = malloc(sizeof *s.try) };

	if (!s.try)
		abort();
	record_standard(&s.standard, c->k.c32);
	memset(c->k.in.fx + 416, 0, 96);
	settle(c, run, opaque);
	halve(&s, AT_DATA, ITEMS);
	halve(&s, 0, AT_DATA);
	c->k.nmem = 0;
	free(s.try);
}
