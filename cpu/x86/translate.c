/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From bytes to blocks of records: availability checks, emission, and the pass that drops flags nobody can see.
 */
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/opcodes.h"
#include "cpu/x86/pair.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/x87.h"
#include "cpu/x86/xlat.h"

static HANDLER(op_trap)
{
	RAISE(i->aux, (u32)i->imm);
}

/* Of whom a pending x87 exception is reported: in aux of op_segcheck. */
enum { WAITS_X87 = 1, WAITS_MMX };

/*
 * A memory operand in a segment that is not flat: type, limit and presence (SDM 3A 5.3). Its linear address goes to
 * REG_LIN, where the records of the instruction take it from. dst: a write; imm: bytes.
 */
static HANDLER(op_segcheck)
{
	u64 off = (c->r[i->base] + (c->r[i->index] << i->scale) + (u64)(i64)i->disp) & c->r[i->asz];
	u32 sr = i->seg - REG_ES;

	if (!seg_ok(c, &c->s.seg[sr], off, (u32)i->imm, i->dst)) {
		/* A pending x87 exception comes first, and a store that an x87 exception stops accesses nothing. */
		if (i->aux && (c->s.fpu.sw & 0x80))
			RAISE(X86_MF, 0);
		if (i->aux == WAITS_MMX && i->dst)
			c->s.fpu.top = 0; /* as op_movq_store */
		if (!i->aux || !x87_store_stops(c, i + 1))
			RAISE(sr == SEG_SS ? X86_SS : X86_GP, 0);
	}
	c->lin_off = off;
	c->r[REG_LIN] = (u32)(off + c->s.seg[sr].base);
	NEXT;
}

/* In code that ends somewhere: the block must lie below the limit of CS. imm: its bytes. */
static HANDLER(op_codecheck)
{
	const struct x86_seg *cs = &c->s.seg[SEG_CS];
	u64 off = (u32)(IP(c, i) - cs->base);

	if (UNLIKELY(off + i->imm - 1 > cs->limit)) {
		if (i->aux == 1)
			RAISE(X86_GP, 0);
		c->budget += i->n;
		return leave(c, IP(c, i), BX_ONE);
	}
	NEXT;
}

struct insn *emit(struct xlat *x, const struct xi *d, insn_fn fn)
{
	struct insn *r = &x->rec[x->nrecs];

	memset(r, 0, sizeof *r);
	x->of_insn[x->nrecs] = (u8)x->ninsns;
	x->xf[x->nrecs] = 0;
	x->noflags[x->nrecs] = NULL;
	x->nrecs++;
	r->fn = fn;
	r->base = d->base;
	r->index = d->index;
	r->scale = d->scale;
	r->seg = d->seg;
	r->asz = d->adsz == 8 ? REG_M64 : d->adsz == 4 ? REG_M32 : REG_M16;
	r->disp = d->disp;
	r->ip = d->ip;
	r->len = d->len;
	r->imm = d->imm;
	return r;
}

bool xi_simple(const struct xi *d)
{
	return d->adsz == 8 && d->index == REG_ZERO && d->seg == REG_ZERO;
}

bool emit_trap(struct xlat *x, const struct xi *d, u8 vector, u32 err)
{
	struct insn *r = emit(x, d, op_trap);

	r->aux = vector;
	r->imm = err;
	x->end = true;
	return true;
}

bool emit_ud(struct xlat *x, const struct xi *d)
{
	/* It comes before what a segment says of the operand. */
	if (x->nrecs && x->rec[x->nrecs - 1].fn == op_segcheck && x->of_insn[x->nrecs - 1] == x->ninsns)
		x->nrecs--;
	return emit_trap(x, d, X86_UD, 0);
}

u8 xi_off(const struct xi *d, u32 n, u32 size)
{
	switch (size) {
	case 1:
		return !d->rex && n >= 4 && n < 8 ? OFF8H(n - 4) : OFF8(n);
	case 2:
		return OFF16(n);
	case 4:
		return OFF32(n);
	default:
		return OFF64(n);
	}
}

void xlat_link(struct xlat *x, struct insn *r, i64 target)
{
	r->imm = 0;
	r->disp = (i32)target;
	if (target >= 0 && target < (i64)PAGE_SIZE && x->nlinks < 2)
		x->links[x->nlinks++] = (u16)(r - x->rec);
}

static bool touches_vectors(const struct oprow *r)
{
	int i;

	for (i = 0; i < 3; i++)
		if (r->op[i][0] && strchr("VWUPQN", r->op[i][0]))
			return true;
	return false;
}

/* VEX-encoded instructions on vectors: SDM 2A 2.4. CR0.EM and CR4.OSFXSR have no say. */
static int vex_availability(const struct xlat *x, const struct xi *d)
{
	u32 feat = d->row->flags >> FEAT_SHIFT & 0xff;

	if (feat == F_BMI1 || feat == F_BMI2)
		return -1;
	if (!(x->c->features & BIT(F_AVX)) || !(x->key & KEY_AVX))
		return X86_UD;
	if (d->vl && (d->row->flags & INT256) && !(x->c->features & BIT(F_AVX2)))
		return X86_UD;
	return x->key & KEY_TS ? X86_NM : -1;
}

/* -1, or the vector that an instruction of this row raises in this mode before anything else. */
static int availability(const struct xlat *x, const struct xi *d)
{
	const struct oprow *r = d->row;
	u32 feat = r->flags >> FEAT_SHIFT & 0xff;
	u32 key = x->key;

	if (feat && !(x->c->features >> feat & 1))
		return X86_UD;
	/* Intel's has it in 64-bit mode alone, SDM 2B; so it is no instruction elsewhere, at any level. */
	if (r->emit == x86_emit_sysret && !(key & KEY_CS64))
		return X86_UD;
	if (r->vex)
		return vex_availability(x, d);
	switch (feat) {
	case F_X87:
	case F_FXSR:
		return key & (KEY_EM | KEY_TS) ? X86_NM : -1;
	case F_MMX:
		return key & KEY_EM ? X86_UD : key & KEY_TS ? X86_NM : -1;
	case F_XSAVE:
	case F_XSAVEOPT:
	case F_XSAVEC:
		if (!(key & KEY_OSXSAVE) && r->emit != x86_emit_xsetbv)
			return X86_UD;
		return (key & KEY_TS) && (r->flags & TS) ? X86_NM : -1;
	case F_SSE:
	case F_SSE2:
	case F_SSE3:
	case F_SSSE3:
	case F_SSE41:
	case F_SSE42:
	case F_AES:
	case F_PCLMUL:
	case F_SHA:
		if (!touches_vectors(r) && !(r->flags & SIMD))
			return -1;
		if ((key & KEY_EM) || !(key & KEY_OSFXSR))
			return X86_UD;
		return key & KEY_TS ? X86_NM : -1;
	default:
		return -1;
	}
}

/* Bytes of an operand M_BYTES or M_BYTES16_BYTES32, which depends on the operand size; of M_ alone: 1. */
static u32 image_bytes(const char *o, u32 opsz)
{
	char *end;
	u32 n = (u32)strtoul(o + 2, &end, 10);

	return *end && opsz != 2 ? (u32)strtoul(end + 1, NULL, 10) : MAX(n, 1u);
}

/* Bytes a row's memory operand takes, for limit checks. */
static u32 operand_bytes(const struct xi *d)
{
	int i;

	for (i = 0; i < 4; i++) {
		const char *o = d->row->op[i];

		if (!o || !o[0] || !strchr("EMQWOR", o[0]))
			continue;
		switch (o[1]) {
		case 'b':
			return 1;
		case 'w':
			return 2;
		case 'd':
			return o[2] == 'q' ? 16 : 4;
		case 'q':
			return 8;
		case 't':
			return 10;
		case 'v':
		case 'y':
			return d->opsz;
		case 'p':
			if (o[2] == 'i')
				return 8;
			return o[2] ? (d->vl ? 32 : 16) : MIN(d->opsz, 4) + 2u;
		case 's':
			return o[2] == 's' ? 4 : 8;
		case '_':
			return image_bytes(o, d->opsz);
		default:
			return d->vl ? 32 : 16;
		}
	}
	return d->opsz;
}

/* Whether the memory operand is accessed at the address that ModRM gives. Gathers have one for each element, and check it. */
static bool is_access(const struct xi *d)
{
	return !(d->row->flags & (NOACC | VSIB));
}

static bool is_write(const struct xi *d)
{
	const char *o = d->row->op[0];

	return o[0] && strchr("EMQWOR", o[0]) && d->row->flags & (LOCK | STORE);
}

/* x87 and MMX instructions that report a pending exception. */
static u8 x87_waits(const struct xi *d)
{
	const struct oprow *r = d->row;

	if (r->opcode >= 0xd8 && r->opcode <= 0xdf)
		return r->flags & NOWAIT ? 0 : WAITS_X87;
	return r->op[0][0] == 'P' || r->op[1][0] == 'P' ? WAITS_MMX : 0;
}

static void emit_segcheck(struct xlat *x, struct xi *d)
{
	struct xi t = *d;
	struct insn *r;

	if (d->row->op[0][0] == 'O' || d->row->op[1][0] == 'O') {
		t.disp = (i32)d->imm;
		d->imm = 0;
	} else if (d->row->emit == x86_emit_pop && d->base == RSP) {
		t.disp += d->opsz; /* the address is made after the stack pointer has moved */
	}
	r = emit(x, &t, op_segcheck);
	r->imm = operand_bytes(d);
	r->dst = is_write(d);
	r->aux = x87_waits(d);
	d->base = REG_ZERO;
	d->index = REG_ZERO;
	d->scale = 0;
	d->disp = 0;
	d->seg = REG_LIN;
	d->adsz = 8;
}

static void emit_insn(struct xlat *x, const struct xi *d)
{
	int v = availability(x, d);
	bool jcc = d->row->emit == x86_emit_jcc;
	struct xi checked;

	if (!jcc)
		x->cmp_kind = 0;

	if (v < 0 && (d->row->flags & PRIV) && (x->key & KEY_CPL))
		v = X86_GP;
	if (v >= 0) {
		emit_trap(x, d, (u8)v, 0);
		return;
	}
	if (!(x->key & KEY_CS64) && d->mem && (x->key & KEY_SEGCHECK || d->seg >= REG_FS || d->seg == REG_CS) && d->seg >= REG_ES &&
	    d->seg <= REG_GS && is_access(d)) {
		checked = *d;
		emit_segcheck(x, &checked);
		d = &checked;
	}
	if (d->row->flags & END)
		x->end = true;
	if (!d->row->emit(x, d))
		emit_ud(x, d);
}

/* From the back: flags that are written again before anyone could look at them need not be made. */
static void drop_dead_flags(struct xlat *x)
{
	bool dead = false;
	u32 n;

	for (n = x->nrecs; n-- > 0;) {
		u8 xf = x->xf[n];

		if (dead && x->noflags[n]) {
			x->rec[n].fn = x->noflags[n];
			continue;
		}
		if (!(xf & XF_PURE))
			dead = false;
		if (xf & XF_WRITES_ALL)
			dead = true;
	}
}

/* Ends the block with a jump to the instruction that follows. */
static void emit_fall(struct xlat *x, u32 off)
{
	struct xi d = { .ip = (u16)off, .adsz = 8, .base = REG_ZERO, .index = REG_ZERO, .seg = REG_ZERO };
	struct insn *r = emit(x, &d, off < PAGE_SIZE ? op_goto : op_goto_far);

	xlat_link(x, r, off);
}

/* What could not be decoded at all: the exception, as an instruction. */
static void emit_bad(struct xlat *x, struct xi *d, u8 vector)
{
	d->base = d->index = d->seg = REG_ZERO;
	d->len = 1;
	emit_trap(x, d, vector, 0);
}

/* The bytes at c->rip where an instruction runs over the page end. False: c->trap. */
static bool fetch_cross(struct cpu *c, u64 rip, const u8 *page, u8 *buf, u32 *n)
{
	u32 head = PAGE_SIZE - PAGE_OFFSET(rip);
	struct mmu_fault f;
	u64 mfn;

	memcpy(buf, page + PAGE_OFFSET(rip), head);
	*n = head;
	if (mmu_translate(&c->mmu, PAGE_BASE(rip) + PAGE_SIZE, MMU_EXEC, &mfn, &f)) {
		fetch_fault(c, rip, &f);
		return false;
	}
	memcpy(buf + head, tlb_host(tlb_slot(&c->mmu, PAGE_BASE(rip) + PAGE_SIZE), PAGE_BASE(rip) + PAGE_SIZE), 15 - head);
	*n = 15;
	return true;
}

static struct block *finish(struct cpu *c, struct xlat *x, struct frame *f, u64 mfn, u32 off, u32 bytes, bool keep,
			    bool cross, const u8 *buf)
{
	struct block *b = keep ? code_alloc(c->code, x->nrecs) : c->code->scratch;
	u32 n;

	memset(b, 0, sizeof *b);
	b->frame = f;
	b->key = x->key;
	b->off = (u16)off;
	b->bytes = (u16)MIN(bytes, PAGE_SIZE - off);
	b->ninsns = (u16)x->ninsns;
	b->nrecs = (u16)x->nrecs;
	b->links[0] = x->links[0];
	b->links[1] = x->links[1];
	b->cross = cross;
	if (cross) {
		b->tail_len = (u8)(bytes - b->bytes);
		memcpy(b->tail, buf + b->bytes, b->tail_len);
	}
	for (n = 0; n < x->nrecs; n++)
		x->rec[n].n = (u8)(x->ninsns - x->of_insn[n]);
	memcpy(b->rec, x->rec, x->nrecs * sizeof x->rec[0]);
	if (keep)
		code_insert(c->code, b, c->mmu.mem, mfn);
	else
		code_watch(c->code, f, c->mmu.mem, mfn); /* it may overwrite itself */
	return b;
}

/* Decodes from c->rip on: at most limit instructions; keep: into the cache. */
struct block *block_translate(struct cpu *c, struct frame *f, u64 mfn, u32 limit, bool keep)
{
	struct xlat x;
	u32 start = PAGE_OFFSET(c->rip);
	u32 off = start;
	bool cross = false, codecheck;
	u8 buf[16];

	x.c = c;
	x.key = c->mode_key;
	x.nrecs = x.ninsns = x.nlinks = 0;
	x.links[0] = x.links[1] = NO_LINK;
	x.end = false;
	x.cmp_kind = 0;
	codecheck = (x.key & KEY_SEGCHECK) && !(x.key & KEY_CS64);
	if (codecheck) {
		struct xi d = { .ip = (u16)start, .base = REG_ZERO, .index = REG_ZERO, .seg = REG_ZERO };

		emit(&x, &d, op_codecheck);
	}
	while (!x.end && off < PAGE_SIZE && x.ninsns < limit) {
		struct xi d;
		int len = x86_decode(&d, f->data + off, PAGE_SIZE - off, x.key, (u16)off);

		if (len == 0) {
			u32 n;

			if (x.ninsns)
				break; /* it gets a block of its own */
			if (!fetch_cross(c, c->rip, f->data, buf, &n))
				return NULL;
			cross = true;
			len = x86_decode(&d, buf, n, x.key, (u16)off);
		}
		if (len <= 0) {
			emit_bad(&x, &d, (u8)-len);
			x.ninsns++;
			/* Any byte the decoder may have looked at makes it another instruction. */
			off += cross ? 15 : MIN(15u, PAGE_SIZE - off);
			break;
		}
		emit_insn(&x, &d);
		x.ninsns++;
		off += (u32)len;
	}
	if (!x.end)
		emit_fall(&x, off);
	if (codecheck) {
		x.rec[0].imm = off - start;
		x.rec[0].aux = x.ninsns == 1;
	}
	drop_dead_flags(&x);
	if (keep) /* what runs once is not worth a search for pairs */
		pair_records(&x);
	return finish(c, &x, f, mfn, start, off - start, keep, cross, buf);
}
