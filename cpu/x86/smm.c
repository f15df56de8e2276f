/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System management mode: entry, the state save area in the layout of Intel 64 processors, and RSM. SDM 3C chapter 31
 * (table 31-3). Reserved fields hold the hidden parts of segment registers.
 */
#include "cpu/x86/flags.h"
#include "cpu/x86/seg.h"

#define SMM_REVISION 0x20001u /* SMBASE relocation, 64-bit layout */
#define SAVE_START 0x7c00u
#define SAVE_SIZE 0x400u

/* Offsets from SMBASE + 8000H, as the table gives them. */
enum {
	S_CR0 = 0x7ff8, S_CR3 = 0x7ff0, S_RFLAGS = 0x7fe8, S_EFER = 0x7fe0, S_RIP = 0x7fd8, S_DR6 = 0x7fd0, S_DR7 = 0x7fc8,
	S_TR = 0x7fc4, S_LDTR = 0x7fc0, S_GS = 0x7fbc, S_FS = 0x7fb8, S_DS = 0x7fb4, S_SS = 0x7fb0, S_CS = 0x7fac,
	S_ES = 0x7fa8, S_RDI = 0x7f94, S_HALT = 0x7f02, S_REVISION = 0x7efc, S_SMBASE = 0x7ef8, S_LDT_LO = 0x7e9c,
	S_IDT_LO = 0x7e94, S_GDT_LO = 0x7e8c, S_CR4 = 0x7e40, S_IDT_HI = 0x7dd8, S_LDT_HI = 0x7dd4, S_GDT_HI = 0x7dd0,
	/* Reserved ones, put to use. */
	S_HIDDEN = 0x7c00, /* 16 bytes a segment register: base, limit, attributes */
	S_GDT_LIMIT = 0x7c80, S_IDT_LIMIT = 0x7c84, S_CPL = 0x7c88, S_SHADOW = 0x7c89, S_CR2 = 0x7c90
};

/* RDI, RSI, RBP, RSP, RBX, RDX, RCX, RAX, R8..R15 downwards from S_RDI. */
static const u8 gpr_order[16] = { RDI, RSI, RBP, RSP, RBX, RDX, RCX, RAX, R8, R9, R10, R11, R12, R13, R14, R15 };
static const u16 sel_at[SEG_COUNT] = { S_ES, S_CS, S_SS, S_DS, S_FS, S_GS, S_LDTR, S_TR };

#define AT(off) (b + ((off) - SAVE_START))

static void save(struct x86 *c, u8 *b)
{
	const struct x86_state *s = &c->s;
	u32 n;

	st64(AT(S_CR0), s->cr0);
	st64(AT(S_CR3), s->cr3);
	st64(AT(S_RFLAGS), x86_rflags(c));
	st64(AT(S_EFER), s->efer);
	st64(AT(S_RIP), ip_of(c, c->rip));
	st64(AT(S_DR6), s->dr[6]);
	st64(AT(S_DR7), s->dr[7]);
	for (n = 0; n < SEG_COUNT; n++) {
		st32(AT(sel_at[n]), s->seg[n].sel);
		st64(AT(S_HIDDEN + n * 16), s->seg[n].base);
		st32(AT(S_HIDDEN + n * 16 + 8), s->seg[n].limit);
		st16(AT(S_HIDDEN + n * 16 + 12), s->seg[n].attr);
	}
	for (n = 0; n < 16; n++)
		st64(AT(S_RDI - n * 8), c->r[gpr_order[n]]);
	st16(AT(S_HALT), s->halted == WAIT_HLT); /* a wait by MWAIT is over */
	st32(AT(S_REVISION), SMM_REVISION);
	st32(AT(S_SMBASE), (u32)c->sys.smbase);
	st32(AT(S_LDT_LO), (u32)s->seg[SEG_LDTR].base);
	st32(AT(S_LDT_HI), (u32)(s->seg[SEG_LDTR].base >> 32));
	st32(AT(S_IDT_LO), (u32)s->idt.base);
	st32(AT(S_IDT_HI), (u32)(s->idt.base >> 32));
	st32(AT(S_GDT_LO), (u32)s->gdt.base);
	st32(AT(S_GDT_HI), (u32)(s->gdt.base >> 32));
	st64(AT(S_CR4), s->cr4);
	st32(AT(S_GDT_LIMIT), s->gdt.limit);
	st32(AT(S_IDT_LIMIT), s->idt.limit);
	*AT(S_CPL) = s->cpl;
	*AT(S_SHADOW) = s->shadow;
	st64(AT(S_CR2), s->cr2);
}

void smm_enter(struct x86 *c)
{
	u8 b[SAVE_SIZE] = { 0 };
	struct x86_state *s = &c->s;
	u64 base = c->sys.smbase;
	u32 n;

	if (c->ops->smm)
		c->ops->smm(c, true);
	save(c, b);
	mem_write(c->mmu.mem, base + 0x8000 + SAVE_START, b, sizeof b);
	/* NMIs are held off; whether they were before is remembered. */
	c->sys.blocked |= BLOCK_SMM | (c->sys.blocked & BLOCK_NMI ? BLOCK_SMM_NMI : 0) | BLOCK_NMI;
	c->sys.blocked &= (u8)~BLOCK_SHUTDOWN;
	if (s->halted >= WAIT_MWAIT)
		mmu_monitor_off(&c->mmu);
	s->halted = s->shadow = 0;
	s->cr0 &= ~(u64)(CR0_PE | CR0_EM | CR0_TS) & ~CR0_PG;
	s->cr4 = 0;
	s->efer = 0;
	s->dr[7] = 0x400;
	debug_changed(c);
	x86_set_rflags(c, FL_FIXED1);
	for (n = SEG_ES; n <= SEG_GS; n++)
		x86_set_seg(c, n, 0, 0, 0xffffffff, SEGA_P | SEGA_S | SEGA_RW | SEGA_ACCESSED | SEGA_G);
	x86_set_seg(c, SEG_CS, (u16)(base >> 4), base, 0xffffffff,
		    SEGA_P | SEGA_S | SEGA_RW | SEGA_ACCESSED | SEGA_CODE | SEGA_G);
	set_cpl(c, 0);
	c->rip = base + 0x8000;
	x86_mode_changed(c);
}

bool smm_leave(struct x86 *c)
{
	u8 b[SAVE_SIZE];
	struct x86_state *s = &c->s;
	u64 cr0, cr4, efer;
	u32 n;

	if (mem_read(c->mmu.mem, c->sys.smbase + 0x8000 + SAVE_START, b, sizeof b))
		return false;
	cr0 = ld64(AT(S_CR0));
	cr4 = ld64(AT(S_CR4));
	efer = ld64(AT(S_EFER));
	/* What could never have been shuts the processor down, SDM 3C 31.4.1. */
	if (((cr0 & CR0_PG) && !(cr0 & CR0_PE)) || (cr0 & ~0xe005003fULL) || ((cr0 & BIT(29)) && !(cr0 & BIT(30))) ||
	    (cr4 & ~x86_cr4_bits(c)) || (efer & ~x86_efer_bits(c)) ||
	    ((efer & EFER_LMA) && !((cr0 & CR0_PG) && (cr4 & CR4_PAE))))
		return false;
	s->cr0 = cr0;
	s->cr3 = ld64(AT(S_CR3));
	s->cr4 = cr4;
	s->efer = efer;
	s->cr2 = ld64(AT(S_CR2));
	s->dr[6] = ld64(AT(S_DR6));
	s->dr[7] = ld64(AT(S_DR7));
	for (n = 0; n < SEG_COUNT; n++) {
		s->seg[n].sel = (u16)ld32(AT(sel_at[n]));
		s->seg[n].base = ld64(AT(S_HIDDEN + n * 16));
		s->seg[n].limit = ld32(AT(S_HIDDEN + n * 16 + 8));
		s->seg[n].attr = ld16(AT(S_HIDDEN + n * 16 + 12));
	}
	for (n = 0; n < 16; n++)
		c->r[gpr_order[n]] = ld64(AT(S_RDI - n * 8));
	s->gdt.base = ld32(AT(S_GDT_LO)) | (u64)ld32(AT(S_GDT_HI)) << 32;
	s->idt.base = ld32(AT(S_IDT_LO)) | (u64)ld32(AT(S_IDT_HI)) << 32;
	s->gdt.limit = ld32(AT(S_GDT_LIMIT));
	s->idt.limit = ld32(AT(S_IDT_LIMIT));
	x86_set_rflags(c, ld64(AT(S_RFLAGS)));
	s->cpl = *AT(S_CPL) & 3;
	s->shadow = *AT(S_SHADOW) & 3;
	s->halted = ld16(AT(S_HALT)) & 1 ? WAIT_HLT : 0;
	c->sys.smbase = ld32(AT(S_SMBASE));
	if (!(c->sys.blocked & BLOCK_SMM_NMI))
		c->sys.blocked &= (u8)~BLOCK_NMI;
	c->sys.blocked &= (u8)~(BLOCK_SMM | BLOCK_SMM_NMI);
	c->rip = rip_of(c, ld64(AT(S_RIP)));
	debug_changed(c);
	x86_mode_changed(c);
	pdptes_load(c, s->cr3);
	if (c->ops->smm)
		c->ops->smm(c, false);
	return true;
}
