/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The differential tester: one random instruction at a time, run on the host's processor and in our core, from the same
 * state over the same addresses.
 */
#ifndef TESTS_SILICON_H
#define TESTS_SILICON_H

#include <stdio.h>

#include "cpu/x86/block.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/x86.h"
#include "cpu/x86/xlat.h"

/* Both sides have these pages at these addresses; what lies between is not mapped. */
#define CODE_VA 0x10000000u  /* two pages, execute */
#define STUB_VA 0x6b5a3000u  /* native side only: ways in and out; where no arithmetic on the others leads */
#define CTX_VA 0x6b5a7000u   /* native side only: struct native_ctx */
#define OWN_BYTES 0x60000u   /* from STUB_VA on: all that the native side keeps there */
#define DATA_VA 0x20000000u  /* one absent, two writable, one read-only, one absent */
#define STACK_VA 0x30000000u /* one absent, two writable, one absent */
#define GS_BASE 0x01000000u  /* in 64-bit cases; in the others all bases are 0 */
#define FS_BASE 0x02000000u
/* The segments Linux gives its programs. */
#define SEL_CS 0x33
#define SEL_CS32 0x23
#define SEL_SS 0x2b
#define SEGMENTS_ALL 0x7cu /* entries 2 to 6 of the GDT: two of the kernel, SEL_CS32, SEL_SS, SEL_CS */

#define NO_TRAP 0xff

/* Rows of both tables under one numbering. */
#define SIL_ROWS (x86_nrows + x86_vex_nrows - 1)
INLINE const struct oprow *row_at(u32 n)
{
	return n < x86_nrows ? &x86_rows[n] : &x86_vex_rows[n - x86_nrows + 1];
}
INLINE u32 row_feature(const struct oprow *r)
{
	return r->flags >> FEAT_SHIFT & 0xff;
}

/* Everything an instruction may look at or change, but memory. fx is an FXSAVE64 image; ymm where there is AVX. */
struct sil_state {
	u8 fx[512];
	u8 ymm[16][32]; /* whole registers: the low halves are those of fx */
	u64 gpr[16];
	u64 rip, rflags;
	u64 fsbase, gsbase;
	u16 seg[6]; /* selectors, by enum x86_segreg */
	u16 pad[2];
};

struct sil_result {
	struct sil_state s;
	u8 vector; /* NO_TRAP */
	u32 error;
	u64 cr2;
};

/* Windows as bytes: the data window's pages 1 to 3, the stack's 1 and 2. */
#define DATA_BYTES (3 * PAGE_SIZE)
#define STACK_BYTES (2 * PAGE_SIZE)
struct sil_window {
	u8 data[DATA_BYTES];
	u8 stack[STACK_BYTES];
};

/* Instructions of a sequence at most, and its bytes. */
#define SEQ_MAX 8
#define SEQ_BYTES 128

/* One case: an instruction, or a sequence of them that runs as a block. */
struct sil_case {
	struct {
		u32 n;              /* 0: not a sequence */
		u32 len;
		u8 bytes[SEQ_BYTES];
		u8 at[SEQ_MAX + 1]; /* where each begins */
		u32 undef[SEQ_MAX + 1]; /* flags that are undefined before each, and at the end */
		bool jcc;           /* the last is a branch over the way out to another */
	} seq;
	const struct oprow *row;
	struct xi d;      /* how our decoder sees the bytes */
	bool c32;         /* 32-bit code in a compatibility segment */
	u8 bytes[16];
	u32 len;          /* bytes of the instruction as decoded */
	u32 put;          /* bytes placed: fewer than len when the page ends the code */
	u64 at;           /* address of the instruction */
	u64 ea;           /* of its memory operand, when it has one */
	bool step;        /* run under the trap flag: branches, and where no way back can follow */
	bool all;         /* of SEED_ALL */
	bool rep;         /* a repeated string instruction: goes on while rip stays */
	struct sil_state in;
	struct {
		u64 va;
		u32 len;
		u8 bytes[512];
	} mem[3];         /* what lies in memory beyond the standing pattern */
	u32 nmem;
};

struct sil_rng {
	u64 s;
};
INLINE u64 rng_next(struct sil_rng *r)
{
	u64 z = (r->s += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}
/* 0 <= x < n */
INLINE u32 rng_below(struct sil_rng *r, u32 n)
{
	return (u32)((rng_next(r) >> 32) * n >> 32);
}
/* True in p of 100 cases. */
INLINE bool rng_pct(struct sil_rng *r, u32 p)
{
	return rng_below(r, 100) < p;
}

/* What the decoder wants to know of the case's mode. */
INLINE u32 mode_key(bool c32)
{
	return (c32 ? KEY_CS32 | KEY_SS32 : KEY_CS64) | KEY_LMA | KEY_PE | KEY_CPL;
}

/* ---- gen.c ---- */

/* Whether case number i of a seed for one row is 32-bit code. */
bool gen_is32(u32 row, u64 seed, u64 i);

/*
 * In a seed: forms of instructions that the vendors have differently are cases too. Without it cases are those that the
 * lines recorded on a Xeon name (replay_file()), and must stay so.
 */
#define SEED_ALL BIT(63)

/* Case number i of a seed for one row. fixed: these bytes instead of random ones. False: the row cannot be reached. */
bool gen_case(struct sil_case *k, u32 row, u64 seed, u64 i, const u8 *fixed, u32 nfixed);
/* A sequence of integer instructions, perhaps with a branch at its end. */
void gen_sequence(struct sil_case *k, u64 seed, u64 i);
/* Bytes that our decoder says are no instruction. False: this try is one. */
bool gen_undefined(struct sil_case *k, u64 seed, u64 i);
/* Why a row is not run: NULL when it is. */
const char *gen_skip(const struct oprow *r);
/* The bytes both windows hold before each case. */
void gen_pattern(struct sil_window *w);

/* ---- native.c ---- */

/* False: this host has no native side. */
bool native_open(const struct sil_window *pattern);
void native_close(void);
void native_run(const struct sil_case *k, struct sil_result *out);
/* Windows as the host has them (not data page 3, which is read-only: its pattern cannot change). */
u8 *native_data(void);
u8 *native_stack(void);
void native_poke(u64 va, const u8 *bytes, u32 n);
bool native_has(u32 feature);
/* Of enum vendor (vendor.h): whose processor this is, or is like. */
u32 native_vendor(void);
/* Whether FS and GS can be the case's: user code may write their bases (Linux 5.9 and a processor with FSGSBASE). */
bool native_segments(void);
/* NULL, or why 32-bit code does not run. */
const char *native_no32(void);

/* ---- emul.c ---- */

struct emul;
struct emul *emul_open(const struct sil_window *pattern);
void emul_close(struct emul *e);
void emul_run(struct emul *e, const struct sil_case *k, struct sil_result *out);
void emul_poke(struct emul *e, u64 va, const u8 *bytes, u32 n);
/* Page n of CODE (0-1), DATA (2-4) or STACK (5-6) for reading. */
const u8 *emul_page(struct emul *e, u32 n);
bool emul_has(struct emul *e, u32 feature);
/* The entries of the GDT that there are, a bit each; SEGMENTS_ALL at first. */
void emul_segments(struct emul *e, u32 have);

/* ---- compare.c ---- */

/* False, and buf has in words what differs. may: what need not be alike (MAY_ of vendor.h). n: bytes of buf. */
bool compare(const struct sil_case *k, const struct sil_result *nat, const struct sil_result *emu, u32 may, char *buf, size_t n);

/* Flags that are undefined after the case's instruction. */
u32 undefined_flags(const struct sil_case *k);
/* True when the destination of this case may hold anything. */
bool undefined_result(const struct sil_case *k);
/* True when the two may differ in everything. */
bool loose(const struct sil_case *k, const struct sil_result *nat, const struct sil_result *emu);

/* ---- table.c ---- */

/* Every row and how it is proven, as docs/instructions.md. */
void silicon_table(FILE *f);

/* ---- run.c ---- */

struct sil_options {
	u64 cases, seed, first;
	bool sequences; /* blocks of several instructions */
	bool undefined; /* bytes that our decoder refuses */
	const char *row; /* a mnemonic or a row's number; NULL for all */
	const u8 *bytes; /* these bytes only */
	u32 nbytes;
	bool verbose, quiet;
	u32 show; /* examples a mnemonic */
	FILE *record; /* NULL, or where records go */
};
struct sil_totals {
	u64 cases, faults, differences;
	u64 narrow; /* of the cases: 32-bit code */
	u64 left;   /* not run: the host does not let its processor answer */
	u32 rows, covered;
	bool no32; /* this host runs no 32-bit code */
};
/* 0, or -ENOSYS where the host cannot. Reports go to f. */
int silicon_run(const struct sil_options *o, FILE *f, struct sil_totals *t);

#endif
