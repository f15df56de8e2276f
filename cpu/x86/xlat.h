/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A block that is being translated: its records so far, and what the passes over them need to know.
 */
#ifndef CPU_X86_XLAT_H
#define CPU_X86_XLAT_H

#include "cpu/x86/block.h"
#include "cpu/x86/decode.h"

#define XLAT_RECS (BLOCK_MAX_INSNS * XLAT_MAX_RECORDS + 2)

/* What the flag pass needs to know of a record. */
enum {
	XF_WRITES_ALL = 1, /* overwrites every arithmetic flag */
	XF_PURE = 2        /* neither faults nor reads flags */
};

struct xlat {
	struct x86 *c;
	u32 key;
	u32 nrecs, ninsns;
	bool end; /* the block ends after this instruction */
	u8 cmp_kind; /* the last record is a compare that a Jcc can join: 1 + form; else 0 */
	u8 cmp_size; /* log2 of its size */
	u16 links[2];
	u32 nlinks;
	struct insn rec[XLAT_RECS];
	u8 of_insn[XLAT_RECS];  /* the instruction a record belongs to */
	u8 xf[XLAT_RECS];
	insn_fn noflags[XLAT_RECS]; /* the same without flags, or NULL */
};

/* Decodes one instruction. Returns its length, 0 when more than n bytes are needed, or -vector. */
int x86_decode(struct xi *dec, const u8 *bytes, u32 n, u32 key, u16 ip);

/* -1, or the vector that this instruction raises in this mode before anything else: it is not there, or not enabled. */
int insn_available(const struct xlat *x, const struct xi *dec);

/* Marks the record just emitted as one that neither faults nor reads flags. */
INLINE void xlat_pure(struct xlat *x)
{
	x->xf[x->nrecs - 1] |= XF_PURE;
}
/* Marks it as one that writes some flags. noflags: the handler for where these are never read; that one is pure. */
INLINE void xlat_some_flags(struct xlat *x, insn_fn noflags)
{
	x->noflags[x->nrecs - 1] = noflags;
}
/* Marks it as one that does not fault and writes all flags. noflags: the handler that writes none. */
INLINE void xlat_flags(struct xlat *x, insn_fn noflags)
{
	x->xf[x->nrecs - 1] |= XF_WRITES_ALL | XF_PURE;
	x->noflags[x->nrecs - 1] = noflags;
}
/* The record just emitted ends the block and jumps to disp (from the page), linked when in the page. */
void xlat_link(struct xlat *x, struct insn *r, i64 target);
/* Stack width of the mode in bytes. */
INLINE u32 xlat_stack(const struct xlat *x)
{
	return x->key & KEY_CS64 ? 8 : x->key & KEY_SS32 ? 4 : 2;
}

#endif
