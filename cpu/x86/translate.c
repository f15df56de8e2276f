/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From bytes to blocks of records: what emitters use to append records, the building of a block, and the pass that drops
 * flags nobody can see.
 */
#include <string.h>

#include "cpu/x86/opcodes.h"
#include "cpu/x86/pair.h"
#include "cpu/x86/segcheck.h"
#include "cpu/x86/xlat.h"

static HANDLER(op_trap)
{
	RAISE(i->aux, (u32)i->imm);
}

struct insn *emit(struct xlat *x, const struct xi *dec, insn_fn fn)
{
	struct insn *r = &x->rec[x->nrecs];

	memset(r, 0, sizeof *r);
	x->of_insn[x->nrecs] = (u8)x->ninsns;
	x->xf[x->nrecs] = 0;
	x->noflags[x->nrecs] = NULL;
	x->nrecs++;
	r->fn = fn;
	r->base = dec->base;
	r->index = dec->index;
	r->scale = dec->scale;
	r->seg = dec->seg;
	r->asz = dec->adsz == 8 ? REG_M64 : dec->adsz == 4 ? REG_M32 : REG_M16;
	r->disp = dec->disp;
	r->ip = dec->ip;
	r->len = dec->len;
	r->imm = dec->imm;
	return r;
}

bool xi_simple(const struct xi *dec)
{
	return dec->adsz == 8 && dec->index == REG_ZERO && dec->seg == REG_ZERO;
}

bool emit_trap(struct xlat *x, const struct xi *dec, u8 vector, u32 err)
{
	struct insn *r = emit(x, dec, op_trap);

	r->aux = vector;
	r->imm = err;
	x->end = true;
	return true;
}

bool emit_ud(struct xlat *x, const struct xi *dec)
{
	segcheck_withdraw(x); /* #UD comes before what a segment says of the operand */
	return emit_trap(x, dec, X86_UD, 0);
}

u8 xi_off(const struct xi *dec, u32 n, u32 size)
{
	switch (size) {
	case 1:
		return !dec->rex && n >= 4 && n < 8 ? OFF8H(n - 4) : OFF8(n);
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

static void emit_insn(struct xlat *x, const struct xi *dec)
{
	int v = insn_available(x, dec);
	bool jcc = dec->row->emit == x86_emit_jcc;
	struct xi checked;

	if (!jcc)
		x->cmp_kind = 0;

	if (v < 0 && (dec->row->flags & PRIV) && (x->key & KEY_CPL))
		v = X86_GP;
	if (v >= 0) {
		emit_trap(x, dec, (u8)v, 0);
		return;
	}
	if (segcheck_wanted(x, dec)) {
		checked = *dec;
		emit_segcheck(x, &checked);
		dec = &checked;
	}
	if (dec->row->flags & END)
		x->end = true;
	if (!dec->row->emit(x, dec))
		emit_ud(x, dec);
}

/* From the last record to the first: flags that are overwritten before they can be read are not computed. */
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
	struct xi dec = { .ip = (u16)off, .adsz = 8, .base = REG_ZERO, .index = REG_ZERO, .seg = REG_ZERO };
	struct insn *r = emit(x, &dec, off < PAGE_SIZE ? op_goto : op_goto_far);

	xlat_link(x, r, off);
}

/* Bytes that are no instruction: a record that raises the exception. */
static void emit_bad(struct xlat *x, struct xi *dec, u8 vector)
{
	dec->base = dec->index = dec->seg = REG_ZERO;
	dec->len = 1;
	emit_trap(x, dec, vector, 0);
}

/* The bytes at c->rip where an instruction runs over the page end. False: c->trap. */
static bool fetch_cross(struct x86 *c, u64 rip, const u8 *page, u8 *buf, u32 *n)
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

static struct block *finish(struct x86 *c, struct xlat *x, struct frame *f, u64 mfn, u32 off, u32 bytes, bool keep,
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
struct block *block_translate(struct x86 *c, struct frame *f, u64 mfn, u32 limit, bool keep)
{
	struct xlat x;
	u32 start = PAGE_OFFSET(c->rip);
	u32 off = start;
	bool cross = false;
	u8 buf[16];

	x.c = c;
	x.key = c->mode_key;
	x.nrecs = x.ninsns = x.nlinks = 0;
	x.links[0] = x.links[1] = NO_LINK;
	x.end = false;
	x.cmp_kind = 0;
	emit_codecheck(&x, (u16)start);
	while (!x.end && off < PAGE_SIZE && x.ninsns < limit) {
		struct xi dec;
		int len = x86_decode(&dec, f->data + off, PAGE_SIZE - off, x.key, (u16)off);

		if (len == 0) {
			u32 n;

			if (x.ninsns)
				break; /* it gets a block of its own */
			if (!fetch_cross(c, c->rip, f->data, buf, &n))
				return NULL;
			cross = true;
			len = x86_decode(&dec, buf, n, x.key, (u16)off);
		}
		if (len <= 0) {
			emit_bad(&x, &dec, (u8)-len);
			x.ninsns++;
			/* Any byte the decoder may have looked at makes it another instruction. */
			off += cross ? 15 : MIN(15u, PAGE_SIZE - off);
			break;
		}
		emit_insn(&x, &dec);
		x.ninsns++;
		off += (u32)len;
	}
	if (!x.end)
		emit_fall(&x, off);
	codecheck_finish(&x, off - start);
	drop_dead_flags(&x);
	if (keep) /* a block that runs once is not worth a search for pairs */
		pair_records(&x);
	return finish(c, &x, f, mfn, start, off - start, keep, cross, buf);
}
