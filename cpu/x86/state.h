/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The architectural state of one x86 CPU: what the guest can observe, and nothing else. SDM 1 chapter 3, SDM 3A chapter 2.
 */
#ifndef CPU_X86_STATE_H
#define CPU_X86_STATE_H

#include "base/state.h"
#include "base/types.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };
enum x86_segreg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEG_COUNT };

/* RFLAGS, SDM 1 3.4.3. */
enum {
	FL_CF = 1 << 0,
	FL_FIXED1 = 1 << 1,
	FL_PF = 1 << 2,
	FL_AF = 1 << 4,
	FL_ZF = 1 << 6,
	FL_SF = 1 << 7,
	FL_TF = 1 << 8,
	FL_IF = 1 << 9,
	FL_DF = 1 << 10,
	FL_OF = 1 << 11,
	FL_IOPL = 3 << 12,
	FL_NT = 1 << 14,
	FL_RF = 1 << 16,
	FL_VM = 1 << 17,
	FL_AC = 1 << 18,
	FL_VIF = 1 << 19,
	FL_VIP = 1 << 20,
	FL_ID = 1 << 21,
	FL_ARITH = FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF
};

enum { CR0_PE = 1, CR0_MP = 2, CR0_EM = 4, CR0_TS = 8, CR0_ET = 16, CR0_NE = 32, CR0_WP = 1 << 16, CR0_AM = 1 << 18 };
#define CR0_PG BIT(31)
enum {
	CR4_VME = 1 << 0,
	CR4_PVI = 1 << 1,
	CR4_TSD = 1 << 2,
	CR4_DE = 1 << 3,
	CR4_PSE = 1 << 4,
	CR4_PAE = 1 << 5,
	CR4_MCE = 1 << 6,
	CR4_PGE = 1 << 7,
	CR4_PCE = 1 << 8,
	CR4_OSFXSR = 1 << 9,
	CR4_OSXMMEXCPT = 1 << 10,
	CR4_UMIP = 1 << 11,
	CR4_LA57 = 1 << 12,
	CR4_FSGSBASE = 1 << 16,
	CR4_PCIDE = 1 << 17,
	CR4_OSXSAVE = 1 << 18,
	CR4_SMEP = 1 << 20,
	CR4_SMAP = 1 << 21,
	CR4_PKE = 1 << 22
};
enum { EFER_SCE = 1 << 0, EFER_LME = 1 << 8, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11 };

/* Vectors, SDM 3A table 6-1. */
enum {
	X86_DE, X86_DB, X86_NMI, X86_BP, X86_OF, X86_BR, X86_UD, X86_NM, X86_DF, X86_TS = 10, X86_NP, X86_SS, X86_GP,
	X86_PF, X86_MF = 16, X86_AC, X86_MC, X86_XM
};

/* Descriptor attributes as in bits 40-55 of a descriptor: type 0-3, S 4, DPL 5-6, P 7, AVL 12, L 13, D/B 14, G 15. */
enum {
	SEGA_TYPE = 0xf,
	SEGA_ACCESSED = 1,
	SEGA_RW = 2,
	SEGA_CONFORM = 4, /* expand-down for data */
	SEGA_CODE = 8,
	SEGA_S = 1 << 4,
	SEGA_DPL = 3 << 5,
	SEGA_P = 1 << 7,
	SEGA_L = 1 << 13,
	SEGA_DB = 1 << 14,
	SEGA_G = 1 << 15
};

struct x86_seg {
	u64 base;
	u32 limit; /* in bytes, the last valid offset */
	u16 sel;
	u16 attr; /* SEGA_*; without SEGA_P the segment is unusable (a NULL selector) */
};

struct x86_dtr {
	u64 base;
	u32 limit;
	u32 pad;
};

/* An x87 register; MMX registers are the mantissas. */
struct x86_fpr {
	u64 mant;
	u16 se; /* sign and exponent */
	u16 pad[3];
};

/*
 * A vector register: 64-bit words, the low one first, each in the host's order. Use the VB/VW/VD/VQ macros for
 * elements, which are right on hosts of either order.
 */
union x86_vec {
	u64 q[4];
	u32 d[8];
	u16 w[16];
	u8 b[32];
};
#define VQ(v, n) ((v)->q[n])
#define VD(v, n) ((v)->d[(n) ^ (HOST_BIG_ENDIAN ? 1 : 0)])
#define VW(v, n) ((v)->w[(n) ^ (HOST_BIG_ENDIAN ? 3 : 0)])
#define VB(v, n) ((v)->b[(n) ^ (HOST_BIG_ENDIAN ? 7 : 0)])

struct x86_fpu {
	struct x86_fpr st[8]; /* physical registers R0..R7: ST(i) is st[(top + i) & 7] */
	u16 cw, sw;           /* sw without TOP, which is in top; use fpu_sw() */
	u8 top;
	u8 tag;  /* a bit a physical register: 1 = in use (as the abridged tag word of FXSAVE) */
	u16 fop; /* last opcode, 11 bits */
	u64 fip, fdp;
	u16 fcs, fds;
	u32 mxcsr;
};

struct x86_state {
	u64 gpr[16];
	u64 rip, rflags;
	struct x86_seg seg[SEG_COUNT];
	struct x86_dtr gdt, idt;
	u64 cr0, cr2, cr3, cr4, cr8, xcr0;
	u64 dr[8];
	u64 efer, star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux, sysenter_cs, sysenter_esp, sysenter_eip;
	u64 pat, apic_base, misc_enable, tsc_offset;
	u64 rng; /* state of RDRAND and RDSEED */
	struct x86_fpu fpu;
	union x86_vec vec[16];
	u8 cpl;
	u8 halted;
	u8 shadow; /* interrupts are held off for one more instruction */
	u8 held;   /* of a CPU without tables of its own: B0-B3 of a debug exception to come, and HELD_BS */
	u32 pkru; /* protection keys, SDM 3A 4.6.2: two bits a key */
};

extern const struct state_desc x86_state_desc;

/* What is pending, in struct x86_sys. */
enum { EV_INTR = 1, EV_NMI = 2, EV_SMI = 4, EV_INIT = 8, EV_INIT_WAIT = 16, EV_SIPI = 32 };
/* What holds events off. */
enum { BLOCK_NMI = 1, BLOCK_SMM = 2, BLOCK_SHUTDOWN = 4, BLOCK_SMM_NMI = 8, BLOCK_SIPI = 16 };
/* x86_state.halted: HLT, or MWAIT, which a masked interrupt may end too. */
enum { WAIT_HLT = 1, WAIT_MWAIT, WAIT_MWAIT_BREAK };
/* x86_state.shadow: what follows STI, and what follows a load of SS (which holds debug traps off as well). */
enum { SHADOW_STI = 1, SHADOW_SS = 2 };
/* DR6 and DR7, SDM 3B 17.2. */
enum { HELD_BS = 16 };
enum { DR6_BD = 1 << 13, DR6_BS = 1 << 14, DR6_BT = 1 << 15, DR7_GD = 1 << 13, DEBUGCTL_LBR = 1, DEBUGCTL_BTF = 2 };

/*
 * What a processor with no hypervisor in its place has besides: machines of their own register it with their state, a
 * paravirtual guest never sees any of it.
 */
struct x86_sys {
	u64 pdpte[4];     /* as MOV CR3 loaded them, SDM 3A 4.4.1 */
	u64 debugctl;
	u64 smbase;
	u64 mtrr_def_type, mtrr_fix[11], mtrr_base[8], mtrr_mask[8];
	u64 feature_control, apic_tsc_deadline, microcode, mcg_status;
	u64 monitor;      /* as struct mmu has it */
	u32 db_pending;   /* DR6 bits of a debug trap to come */
	u8 events;        /* EV_* */
	u8 blocked;       /* BLOCK_* */
	u8 a20_off;       /* bit 20 of physical addresses is masked */
	u8 sipi;          /* the vector of EV_SIPI */
};

extern const struct state_desc x86_sys_desc;

#endif
