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
static u8 segment(const struct xi *d, u8 def)
{
	u8 s = d->segovr != REG_ZERO ? d->segovr : def;

	if (d->mode == 8)
		return s == REG_FS || s == REG_GS ? s : REG_ZERO;
	return s;
}

static void modrm16(struct xi *d, struct cursor *k)
{
	static const u8 bases[8] = { RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX };
	static const u8 indexes[8] = { RSI, RDI, RSI, RDI, REG_ZERO, REG_ZERO, REG_ZERO, REG_ZERO };
	u8 rm = d->modrm & 7;

	d->base = bases[rm];
	d->index = indexes[rm];
	if (d->mod == 0 && rm == 6) {
		d->base = REG_ZERO;
		d->disp = (i32)take_signed(k, 2);
	} else if (d->mod) {
		d->disp = (i32)take_signed(k, d->mod == 1 ? 1 : 2);
	}
	d->seg = segment(d, d->base == RBP ? REG_SS : REG_DS);
}

static void modrm32(struct xi *d, struct cursor *k)
{
	u8 rm = d->modrm & 7;
	bool stack = false;

	if (rm == 4) {
		u8 sib = (u8)take(k, 1);
		u8 idx = (sib >> 3 & 7) | (d->rex & 2 ? 8 : 0);

		d->scale = sib >> 6;
		d->index = idx == 4 ? REG_ZERO : idx;
		if (d->row && d->row->flags & VSIB) {
			d->vindex = idx;
			d->index = REG_ZERO;
		}
		rm = sib & 7;
		if (rm == 5 && d->mod == 0) {
			d->base = REG_ZERO;
			d->disp = (i32)take_signed(k, 4);
			d->seg = segment(d, REG_DS);
			return;
		}
		d->base = rm | (d->rex & 1 ? 8 : 0);
	} else if (rm == 5 && d->mod == 0) {
		d->disp = (i32)take_signed(k, 4);
		/* Relative to the next instruction: the caller adds its offset in the page. */
		d->base = d->mode == 8 ? REG_PAGE : REG_ZERO;
		d->seg = segment(d, REG_DS);
		return;
	} else {
		d->base = rm | (d->rex & 1 ? 8 : 0);
	}
	stack = d->base == RSP || d->base == RBP;
	if (d->mod)
		d->disp = (i32)take_signed(k, d->mod == 1 ? 1 : 4);
	d->seg = segment(d, stack ? REG_SS : REG_DS);
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
static bool immediate(struct xi *d, struct cursor *k, const char *o, u64 *v)
{
	switch (o[0]) {
	case 'L':
		*v = take(k, 1);
		return true;
	case 'J':
		*v = take_signed(k, o[1] == 'b' ? 1 : d->opsz == 2 ? 2 : 4);
		return true;
	case 'O':
		*v = take(k, d->adsz);
		d->mem = true;
		d->seg = segment(d, REG_DS);
		return true;
	case 'I':
		if (o[1] == 'w')
			*v = take(k, 2);
		else
			*v = take_signed(k, o[1] == 'b' ? 1 : o[1] == 'v' ? d->opsz : MIN(d->opsz, 4));
		return true;
	default:
		return false;
	}
}

static void immediates(struct xi *d, struct cursor *k)
{
	bool second = false;
	int i;

	for (i = 0; i < 4; i++) {
		const char *o = d->row->op[i];
		u64 v;

		if (o[0] == 'A' && o[1] == 'p') {
			d->imm = take(k, MIN(d->opsz, 4));
			d->imm2 = take(k, 2);
		} else if (immediate(d, k, o, &v)) {
			*(second ? &d->imm2 : &d->imm) = v;
			second = true;
		}
	}
}

/* C4 and C5 are LES and LDS outside of 64-bit mode unless what follows looks like ModRM of a register; always in real mode. */
static bool is_vex(const struct xi *d, struct cursor *k, u32 key)
{
	if (d->mode == 8)
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
static bool vex(struct xi *d, struct cursor *k, u8 first)
{
	u8 b = (u8)take(k, 1), b2 = b & 0x7f;
	u32 map = 1, pfx;
	bool w;

	/* REX before it was forgotten unless it stood just there. */
	if (d->lock || d->p66 || d->rep || d->rex)
		return false;
	d->vex = true;
	if (first == 0xc4) {
		map = b & 31;
		b2 = (u8)take(k, 1);
	} else {
		b |= 0x60;
	}
	w = b2 >> 7;
	pfx = b2 & 3;
	d->vl = b2 >> 2 & 1;
	d->vvvv = (b2 >> 3 & 15) ^ 15;
	d->rex = 0x40;
	if (d->mode == 8)
		d->rex |= (u8)(w << 3 | (b >> 5 ^ 7));
	else
		d->vvvv &= 7;
	d->opcode = (u8)take(k, 1);
	d->has_modrm = map != 1 || d->opcode != 0x77;
	if (d->has_modrm)
		d->modrm = (u8)take(k, 1);
	d->row = x86_vex_row(map, pfx, w, (u8)d->opcode, d->modrm);
	return d->row || k->short_of;
}

/* What a row says of L, vvvv and VSIB. */
static bool vex_allowed(const struct xi *d)
{
	u32 fl = d->row->flags;
	int i;

	if (fl & (d->vl ? VL0 : VL1))
		return false;
	if ((fl & VSIB) && (d->adsz == 2 || (d->modrm & 7) != 4))
		return false;
	for (i = 0; i < 4; i++)
		if (d->row->op[i][0] == 'H' || d->row->op[i][0] == 'B')
			return true;
	return !d->vvvv;
}

/* Notes a prefix. False: it is none, but the opcode. SDM 2A 2.1.1, 2.2.1. */
static bool prefix(struct xi *d, u8 byte)
{
	switch (byte) {
	case 0x66:
		d->p66 = true;
		break;
	case 0x67:
		d->p67 = true;
		break;
	case 0xf0:
		d->lock = true;
		break;
	case 0xf2:
	case 0xf3:
		d->rep = byte;
		break;
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		/* In 64-bit mode these are ignored and do not undo FS or GS. */
		if (d->mode != 8)
			d->segovr = byte == 0x2e ? REG_CS : byte == 0x36 ? REG_SS : byte == 0x3e ? REG_DS : REG_ES;
		break;
	case 0x64:
	case 0x65:
		d->segovr = byte == 0x64 ? REG_FS : REG_GS;
		break;
	default:
		if (d->mode != 8 || (byte & 0xf0) != 0x40)
			return false;
		d->rex = byte;
		return true;
	}
	d->rex = 0; /* a REX that is not the last prefix counts for nothing */
	return true;
}

/* The opcode after byte op, ModRM, and the row they name, if any. SDM 2A 2.1.2, 2.1.3. */
static void opcode(struct xi *d, struct cursor *k, u8 op)
{
	u32 pfx = d->rep == 0xf3 ? 2 : d->rep == 0xf2 ? 3 : d->p66 ? 1 : 0;

	if (op == 0x0f) {
		d->map = 1;
		op = (u8)take(k, 1);
		if (op == 0x38 || op == 0x3a) {
			d->map = op == 0x38 ? 2 : 3;
			op = (u8)take(k, 1);
		}
	}
	if (k->short_of)
		return;
	d->opcode = op;
	d->has_modrm = map_has_modrm(d->map, pfx, op);
	if (d->has_modrm)
		d->modrm = (u8)take(k, 1);
	if (k->short_of)
		return;
	d->row = x86_row(d->map, pfx, op, d->modrm);
	if (!d->row && pfx == 1 && d->rep)
		d->row = x86_row(d->map, 1, op, d->modrm);
}

/* Effective sizes, by mode, prefixes and row. SDM 1 3.6. */
static void sizes(struct xi *d)
{
	if (d->mode != 8) {
		d->adsz = (d->mode == 4) != d->p67 ? 4 : 2;
		d->opsz = d->vex || (d->mode == 4) != d->p66 ? 4 : 2;
		return;
	}
	d->adsz = d->p67 ? 4 : 8;
	d->opsz = d->rex & 8 ? 8 : d->p66 ? 2 : 4;
	if (d->row && ((d->row->flags & F64) || ((d->row->flags & D64) && d->opsz == 4)))
		d->opsz = 8;
}

/* What ModRM says: registers, and an operand in memory with SIB and displacement. SDM 2A 2.1.5. */
static void operands(struct xi *d, struct cursor *k)
{
	d->mod = d->modrm >> 6;
	d->reg3 = d->modrm >> 3 & 7;
	d->reg = d->reg3 | (d->rex & 4 ? 8 : 0);
	d->rm = (d->modrm & 7) | (d->rex & 1 ? 8 : 0);
	/* Moves of control and debug registers look like registers whatever mod says. */
	if (d->map == 1 && d->opcode >= 0x20 && d->opcode <= 0x23)
		d->mod = 3;
	if (!d->has_modrm || d->mod == 3)
		return;
	d->mem = true;
	if (d->adsz == 2)
		modrm16(d, k);
	else
		modrm32(d, k);
}

/* Makes an address relative to the next instruction one relative to the page, now that the length is known. */
static void relative_to_page(struct xi *d)
{
	i64 rel = (i64)d->disp + d->ip + d->len;

	d->disp = (i32)rel;
	if (rel > INT32_MAX) { /* disp says 4 GiB less: REG_M32 holds that, less one */
		d->index = REG_M32;
		d->disp++;
	}
}

/* LOCK is for those that read and write memory, SDM 2A LOCK. */
static bool lock_allowed(const struct xi *d)
{
	char dst = d->row->op[0][0];

	return (d->row->flags & LOCK) && d->mem && (dst == 'E' || dst == 'M');
}

/* Whether what was decoded is an instruction: #UD otherwise. */
static bool allowed(const struct xi *d)
{
	int i;

	if (!d->row || (d->row->flags & (d->mode == 8 ? I64 : O64)))
		return false;
	if ((d->vex && !vex_allowed(d)) || (d->lock && !lock_allowed(d)))
		return false;
	for (i = 0; i < 4; i++)
		if (d->row->op[i][0] == 'M' && d->has_modrm && !d->mem)
			return false;
	return true;
}

/* All of it, from the cursor on. 0 or -vector; what k->short_of makes of it is the caller's. */
static int decode(struct xi *d, struct cursor *k, u32 key)
{
	u8 op;

	do
		op = (u8)take(k, 1);
	while (!k->short_of && prefix(d, op));
	if ((op == 0xc4 || op == 0xc5) && is_vex(d, k, key)) {
		if (!vex(d, k, op))
			return -X86_UD;
	} else if (!k->short_of) {
		opcode(d, k, op);
	}
	if (k->short_of)
		return 0;
	sizes(d);
	operands(d, k);
	if (d->row)
		immediates(d, k);
	if (k->short_of)
		return 0;
	d->len = (u8)k->at;
	if (d->base == REG_PAGE)
		relative_to_page(d);
	return allowed(d) ? 0 : -X86_UD;
}

int x86_decode(struct xi *d, const u8 *bytes, u32 n, u32 key, u16 ip)
{
	struct cursor k = { .p = bytes, .n = MIN(n, 15u) };
	int rc;

	memset(d, 0, sizeof *d);
	d->ip = ip;
	d->bytes = bytes;
	d->mode = key & KEY_CS64 ? 8 : key & KEY_CS32 ? 4 : 2;
	d->segovr = d->seg = REG_ZERO;
	d->base = d->index = REG_ZERO;
	rc = decode(d, &k, key);
	/* Fifteen bytes and still not whole: too long, whatever follows. */
	if (k.short_of)
		return n >= 15 ? -X86_GP : 0;
	return rc ? rc : d->len;
}
