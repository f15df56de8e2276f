/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks of segments that are not flat, as records of their own: one before each instruction with a memory operand, and one
 * at the start of each block for the limit of CS. SDM 3A 5.3.
 */
#include "cpu/x86/segcheck.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/x86/opcodes.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/x87.h"

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
		c->cpu.budget += i->n;
		return leave(c, IP(c, i), BX_EXACT);
	}
	NEXT;
}

/* Bytes of an operand M_BYTES or M_BYTES16_BYTES32, which depends on the operand size; of M_ alone: 1. */
static u32 image_bytes(const char *o, u32 opsz)
{
	char *end;
	u32 n = (u32)strtoul(o + 2, &end, 10);

	return *end && opsz != 2 ? (u32)strtoul(end + 1, NULL, 10) : MAX(n, 1u);
}

/* Bytes a row's memory operand takes, for limit checks. */
static u32 operand_bytes(const struct xi *dec)
{
	int i;

	for (i = 0; i < 4; i++) {
		const char *o = dec->row->op[i];

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
			return dec->opsz;
		case 'p':
			if (o[2] == 'i')
				return 8;
			return o[2] ? (dec->vl ? 32 : 16) : MIN(dec->opsz, 4) + 2u;
		case 's':
			return o[2] == 's' ? 4 : 8;
		case '_':
			return image_bytes(o, dec->opsz);
		default:
			return dec->vl ? 32 : 16;
		}
	}
	return dec->opsz;
}

/* Whether the memory operand is accessed at the address that ModRM gives. Gathers have one for each element, and check it. */
static bool is_access(const struct xi *dec)
{
	return !(dec->row->flags & (NOACC | VSIB));
}

static bool is_write(const struct xi *dec)
{
	const char *o = dec->row->op[0];

	return o[0] && strchr("EMQWOR", o[0]) && dec->row->flags & (LOCK | STORE);
}

/* x87 and MMX instructions that report a pending exception. */
static u8 x87_waits(const struct xi *dec)
{
	const struct oprow *r = dec->row;

	if (r->opcode >= 0xd8 && r->opcode <= 0xdf)
		return r->flags & NOWAIT ? 0 : WAITS_X87;
	return r->op[0][0] == 'P' || r->op[1][0] == 'P' ? WAITS_MMX : 0;
}

bool segcheck_wanted(const struct xlat *x, const struct xi *dec)
{
	if ((x->key & KEY_CS64) || !dec->mem || dec->seg < REG_ES || dec->seg > REG_GS)
		return false;
	return (x->key & KEY_SEGCHECK || dec->seg >= REG_FS || dec->seg == REG_CS) && is_access(dec);
}

void emit_segcheck(struct xlat *x, struct xi *dec)
{
	struct xi t = *dec;
	struct insn *r;

	if (dec->row->op[0][0] == 'O' || dec->row->op[1][0] == 'O') {
		t.disp = (i32)dec->imm;
		dec->imm = 0;
	} else if (dec->row->emit == x86_emit_pop && dec->base == RSP) {
		t.disp += dec->opsz; /* the address is made after the stack pointer has moved */
	}
	r = emit(x, &t, op_segcheck);
	r->imm = operand_bytes(dec);
	r->dst = is_write(dec);
	r->aux = x87_waits(dec);
	dec->base = REG_ZERO;
	dec->index = REG_ZERO;
	dec->scale = 0;
	dec->disp = 0;
	dec->seg = REG_LIN;
	dec->adsz = 8;
}

void segcheck_withdraw(struct xlat *x)
{
	if (x->nrecs && x->rec[x->nrecs - 1].fn == op_segcheck && x->of_insn[x->nrecs - 1] == x->ninsns)
		x->nrecs--;
}

void emit_codecheck(struct xlat *x, u16 start)
{
	if ((x->key & KEY_SEGCHECK) && !(x->key & KEY_CS64)) {
		struct xi dec = { .ip = start, .base = REG_ZERO, .index = REG_ZERO, .seg = REG_ZERO };

		emit(x, &dec, op_codecheck);
	}
}

void codecheck_finish(struct xlat *x, u32 bytes)
{
	if (x->rec[0].fn != op_codecheck)
		return;
	x->rec[0].imm = bytes;
	x->rec[0].aux = x->ninsns == 1;
}
