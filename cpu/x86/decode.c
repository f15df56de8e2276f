/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder: prefixes, opcode maps, ModRM, displacement and immediates, in 16-, 32- and 64-bit mode. SDM 2A chapter 2.
 * VEX: 2.3. Leaves out EVEX.
 */
#include <string.h>

#include "cpu/x86/opcodes.h"
#include "cpu/x86/xlat.h"

struct cursor {
	const u8 *p;
	u32 n, at;
	bool short_of; /* a byte beyond the given ones was wanted */
};

static u64 take(struct cursor *k, u32 bytes)
{
	u64 v = 0;
	u32 i;

	if (k->at + bytes > k->n) {
		k->short_of = true;
		return 0;
	}
	for (i = 0; i < bytes; i++)
		v |= (u64)k->p[k->at + i] << (8 * i);
	k->at += bytes;
	return v;
}

static u64 take_signed(struct cursor *k, u32 bytes)
{
	u64 v = take(k, bytes);

	return bytes == 8 ? v : (u64)((i64)(v << (64 - 8 * bytes)) >> (64 - 8 * bytes));
}

/* Segment bases are zero by definition in 64-bit mode, but for FS and GS. */
static u8 segment(const struct xi *dec, u8 def)
{
	u8 s = dec->segovr != REG_ZERO ? dec->segovr : def;

	if (dec->mode == 8)
		return s == REG_FS || s == REG_GS ? s : REG_ZERO;
	return s;
}

static void modrm16(struct xi *dec, struct cursor *k)
{
	static const u8 bases[8] = { RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX };
	static const u8 indexes[8] = { RSI, RDI, RSI, RDI, REG_ZERO, REG_ZERO, REG_ZERO, REG_ZERO };
	u8 rm = dec->modrm & 7;

	dec->base = bases[rm];
	dec->index = indexes[rm];
	if (dec->mod == 0 && rm == 6) {
		dec->base = REG_ZERO;
		dec->disp = (i32)take_signed(k, 2);
	} else if (dec->mod) {
		dec->disp = (i32)take_signed(k, dec->mod == 1 ? 1 : 2);
	}
	dec->seg = segment(dec, dec->base == RBP ? REG_SS : REG_DS);
}

static void modrm32(struct xi *dec, struct cursor *k)
{
	u8 rm = dec->modrm & 7;
	bool stack = false;

	if (rm == 4) {
		u8 sib = (u8)take(k, 1);
		u8 idx = (sib >> 3 & 7) | (dec->rex & 2 ? 8 : 0);

		dec->scale = sib >> 6;
		dec->index = idx == 4 ? REG_ZERO : idx;
		if (dec->row && dec->row->flags & VSIB) {
			dec->vindex = idx;
			dec->index = REG_ZERO;
		}
		rm = sib & 7;
		if (rm == 5 && dec->mod == 0) {
			dec->base = REG_ZERO;
			dec->disp = (i32)take_signed(k, 4);
			dec->seg = segment(dec, REG_DS);
			return;
		}
		dec->base = rm | (dec->rex & 1 ? 8 : 0);
	} else if (rm == 5 && dec->mod == 0) {
		dec->disp = (i32)take_signed(k, 4);
		/* Relative to the next instruction: the caller adds its offset in the page. */
		dec->base = dec->mode == 8 ? REG_PAGE : REG_ZERO;
		dec->seg = segment(dec, REG_DS);
		return;
	} else {
		dec->base = rm | (dec->rex & 1 ? 8 : 0);
	}
	stack = dec->base == RSP || dec->base == RBP;
	if (dec->mod)
		dec->disp = (i32)take_signed(k, dec->mod == 1 ? 1 : 4);
	dec->seg = segment(dec, stack ? REG_SS : REG_DS);
}

/* True when an operand letter of the row is one that ModRM encodes. */
static bool wants_modrm(const struct oprow *r)
{
	int i;

	if (r->reg >= 0 || r->modrm >= 0)
		return true;
	for (i = 0; i < 3; i++)
		if (strchr("EGMSCDPQVWUNR", r->op[i][0]) && r->op[i][0] && r->op[i][1] != 'S' &&
		    strcmp(r->op[i], "DX") && strcmp(r->op[i], "CL") && strcmp(r->op[i], "CS"))
			return true;
	return false;
}

/* ModRM decides which row it is, so it must be known whether an opcode has one before there is a row. */
static bool map_has_modrm(u32 map, u32 pfx, u8 op)
{
	u32 i;

	if (map >= 2)
		return true;
	for (i = 0; i < 16; i++) {
		const struct oprow *r = x86_row(map, pfx, op, (u8)((i & 7) << 3 | (i & 8 ? 0 : 0xc0)));

		if (r)
			return wants_modrm(r);
	}
	/* Rows by exact ModRM only, or undefined: both are known by their opcode. */
	return (map == 0 && op >= 0xd8 && op <= 0xdf) || (map == 1 && op != 0x0b);
}

/* Immediate and direct-address operands of any kind: bytes are taken, and *v says what they are. False: no such operand. */
static bool immediate(struct xi *dec, struct cursor *k, const char *o, u64 *v)
{
	switch (o[0]) {
	case 'L':
		*v = take(k, 1);
		return true;
	case 'J':
		*v = take_signed(k, o[1] == 'b' ? 1 : dec->opsz == 2 ? 2 : 4);
		return true;
	case 'O':
		*v = take(k, dec->adsz);
		dec->mem = true;
		dec->seg = segment(dec, REG_DS);
		return true;
	case 'I':
		if (o[1] == 'w')
			*v = take(k, 2);
		else
			*v = take_signed(k, o[1] == 'b' ? 1 : o[1] == 'v' ? dec->opsz : MIN(dec->opsz, 4));
		return true;
	default:
		return false;
	}
}

static void immediates(struct xi *dec, struct cursor *k)
{
	bool second = false;
	int i;

	for (i = 0; i < 4; i++) {
		const char *o = dec->row->op[i];
		u64 v;

		if (o[0] == 'A' && o[1] == 'p') {
			dec->imm = take(k, MIN(dec->opsz, 4));
			dec->imm2 = take(k, 2);
		} else if (immediate(dec, k, o, &v)) {
			*(second ? &dec->imm2 : &dec->imm) = v;
			second = true;
		}
	}
}

/* C4 and C5 are LES and LDS outside of 64-bit mode unless what follows looks like ModRM of a register; always in real mode. */
static bool is_vex(const struct xi *dec, struct cursor *k, u32 key)
{
	if (dec->mode == 8)
		return true;
	if (!(key & KEY_PE) || (key & KEY_VM))
		return false;
	if (k->at >= k->n) {
		k->short_of = true;
		return false;
	}
	return k->p[k->at] >= 0xc0;
}

/* The rest of a VEX prefix, ModRM and the row. SDM 2A 2.3.5. False: #UD, whatever follows. */
static bool vex(struct xi *dec, struct cursor *k, u8 first)
{
	u8 b = (u8)take(k, 1), b2 = b & 0x7f;
	u32 map = 1, pfx;
	bool w;

	/* REX before it was forgotten unless it stood just there. */
	if (dec->lock || dec->p66 || dec->rep || dec->rex)
		return false;
	dec->vex = true;
	if (first == 0xc4) {
		map = b & 31;
		b2 = (u8)take(k, 1);
	} else {
		b |= 0x60;
	}
	w = b2 >> 7;
	pfx = b2 & 3;
	dec->vl = b2 >> 2 & 1;
	dec->vvvv = (b2 >> 3 & 15) ^ 15;
	dec->rex = 0x40;
	if (dec->mode == 8)
		dec->rex |= (u8)(w << 3 | (b >> 5 ^ 7));
	else
		dec->vvvv &= 7;
	dec->opcode = (u8)take(k, 1);
	dec->has_modrm = map != 1 || dec->opcode != 0x77;
	if (dec->has_modrm)
		dec->modrm = (u8)take(k, 1);
	dec->row = x86_vex_row(map, pfx, w, (u8)dec->opcode, dec->modrm);
	return dec->row || k->short_of;
}

/* What a row says of L, vvvv and VSIB. */
static bool vex_allowed(const struct xi *dec)
{
	u32 fl = dec->row->flags;
	int i;

	if (fl & (dec->vl ? VL0 : VL1))
		return false;
	if ((fl & VSIB) && (dec->adsz == 2 || (dec->modrm & 7) != 4))
		return false;
	for (i = 0; i < 4; i++)
		if (dec->row->op[i][0] == 'H' || dec->row->op[i][0] == 'B')
			return true;
	return !dec->vvvv;
}

/* Notes a prefix. False: it is none, but the opcode. SDM 2A 2.1.1, 2.2.1. */
static bool prefix(struct xi *dec, u8 byte)
{
	switch (byte) {
	case 0x66:
		dec->p66 = true;
		break;
	case 0x67:
		dec->p67 = true;
		break;
	case 0xf0:
		dec->lock = true;
		break;
	case 0xf2:
	case 0xf3:
		dec->rep = byte;
		break;
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		/* In 64-bit mode these are ignored and do not undo FS or GS. */
		if (dec->mode != 8)
			dec->segovr = byte == 0x2e ? REG_CS : byte == 0x36 ? REG_SS : byte == 0x3e ? REG_DS : REG_ES;
		break;
	case 0x64:
	case 0x65:
		dec->segovr = byte == 0x64 ? REG_FS : REG_GS;
		break;
	default:
		if (dec->mode != 8 || (byte & 0xf0) != 0x40)
			return false;
		dec->rex = byte;
		return true;
	}
	dec->rex = 0; /* a REX that is not the last prefix counts for nothing */
	return true;
}

/* The opcode after byte op, ModRM, and the row they name, if any. SDM 2A 2.1.2, 2.1.3. */
static void opcode(struct xi *dec, struct cursor *k, u8 op)
{
	u32 pfx = dec->rep == 0xf3 ? 2 : dec->rep == 0xf2 ? 3 : dec->p66 ? 1 : 0;

	if (op == 0x0f) {
		dec->map = 1;
		op = (u8)take(k, 1);
		if (op == 0x38 || op == 0x3a) {
			dec->map = op == 0x38 ? 2 : 3;
			op = (u8)take(k, 1);
		}
	}
	if (k->short_of)
		return;
	dec->opcode = op;
	dec->has_modrm = map_has_modrm(dec->map, pfx, op);
	if (dec->has_modrm)
		dec->modrm = (u8)take(k, 1);
	if (k->short_of)
		return;
	dec->row = x86_row(dec->map, pfx, op, dec->modrm);
	if (!dec->row && pfx == 1 && dec->rep)
		dec->row = x86_row(dec->map, 1, op, dec->modrm);
}

/* Effective sizes, by mode, prefixes and row. SDM 1 3.6. */
static void sizes(struct xi *dec)
{
	if (dec->mode != 8) {
		dec->adsz = (dec->mode == 4) != dec->p67 ? 4 : 2;
		dec->opsz = dec->vex || (dec->mode == 4) != dec->p66 ? 4 : 2;
		return;
	}
	dec->adsz = dec->p67 ? 4 : 8;
	dec->opsz = dec->rex & 8 ? 8 : dec->p66 ? 2 : 4;
	if (dec->row && ((dec->row->flags & F64) || ((dec->row->flags & D64) && dec->opsz == 4)))
		dec->opsz = 8;
}

/* What ModRM says: registers, and an operand in memory with SIB and displacement. SDM 2A 2.1.5. */
static void operands(struct xi *dec, struct cursor *k)
{
	dec->mod = dec->modrm >> 6;
	dec->reg3 = dec->modrm >> 3 & 7;
	dec->reg = dec->reg3 | (dec->rex & 4 ? 8 : 0);
	dec->rm = (dec->modrm & 7) | (dec->rex & 1 ? 8 : 0);
	/* Moves of control and debug registers look like registers whatever mod says. */
	if (dec->map == 1 && dec->opcode >= 0x20 && dec->opcode <= 0x23)
		dec->mod = 3;
	if (!dec->has_modrm || dec->mod == 3)
		return;
	dec->mem = true;
	if (dec->adsz == 2)
		modrm16(dec, k);
	else
		modrm32(dec, k);
}

/* Makes an address relative to the next instruction one relative to the page, now that the length is known. */
static void relative_to_page(struct xi *dec)
{
	i64 rel = (i64)dec->disp + dec->ip + dec->len;

	dec->disp = (i32)rel;
	if (rel > INT32_MAX) { /* disp says 4 GiB less: REG_M32 holds that, less one */
		dec->index = REG_M32;
		dec->disp++;
	}
}

/* LOCK is for those that read and write memory, SDM 2A LOCK. */
static bool lock_allowed(const struct xi *dec)
{
	char dst = dec->row->op[0][0];

	return (dec->row->flags & LOCK) && dec->mem && (dst == 'E' || dst == 'M');
}

/* Whether what was decoded is an instruction: #UD otherwise. */
static bool allowed(const struct xi *dec)
{
	int i;

	if (!dec->row || (dec->row->flags & (dec->mode == 8 ? I64 : O64)))
		return false;
	if ((dec->vex && !vex_allowed(dec)) || (dec->lock && !lock_allowed(dec)))
		return false;
	for (i = 0; i < 4; i++)
		if (dec->row->op[i][0] == 'M' && dec->has_modrm && !dec->mem)
			return false;
	return true;
}

/* All of it, from the cursor on. 0 or -vector; what k->short_of makes of it is the caller's. */
static int decode(struct xi *dec, struct cursor *k, u32 key)
{
	u8 op;

	do
		op = (u8)take(k, 1);
	while (!k->short_of && prefix(dec, op));
	if ((op == 0xc4 || op == 0xc5) && is_vex(dec, k, key)) {
		if (!vex(dec, k, op))
			return -X86_UD;
	} else if (!k->short_of) {
		opcode(dec, k, op);
	}
	if (k->short_of)
		return 0;
	sizes(dec);
	operands(dec, k);
	if (dec->row)
		immediates(dec, k);
	if (k->short_of)
		return 0;
	dec->len = (u8)k->at;
	if (dec->base == REG_PAGE)
		relative_to_page(dec);
	return allowed(dec) ? 0 : -X86_UD;
}

int x86_decode(struct xi *dec, const u8 *bytes, u32 n, u32 key, u16 ip)
{
	struct cursor k = { .p = bytes, .n = MIN(n, 15u) };
	int rc;

	memset(dec, 0, sizeof *dec);
	dec->ip = ip;
	dec->bytes = bytes;
	dec->mode = key & KEY_CS64 ? 8 : key & KEY_CS32 ? 4 : 2;
	dec->segovr = dec->seg = REG_ZERO;
	dec->base = dec->index = REG_ZERO;
	rc = decode(dec, &k, key);
	/* Fifteen bytes and still not whole: too long, whatever follows. */
	if (k.short_of)
		return n >= 15 ? -X86_GP : 0;
	return rc ? rc : dec->len;
}
