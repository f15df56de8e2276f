/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes that are no instruction to us and one to some processors: extensions we do not have, by vendor (SDM 2, APM 3; which
 * of a vendor's processors have them is the processor's own affair). What is neither here nor in our tables is unknown.
 */
#include "tests/silicon/gen.h"
#include "tests/silicon/vendor.h"

#define ANY (-1)
enum { MEM = 1, REG = 2, BOTH = MEM | REG };
#define AMD VENDOR_AMD
#define INTEL VENDOR_INTEL

struct known {
	const char *name;
	u32 vendors;
	i32 pfx;    /* 0 none, 66H, F2H, F3H, F0H; or ANY */
	u32 opcode; /* with its map: 0F01H, 0F38F8H */
	u32 mod;
	i32 reg;    /* of ModRM; or ANY */
	i32 modrm;  /* the whole byte; or ANY */
};

static const struct known known[] = {
	/* SVM and what came to it. */
	{ "vmrun", AMD, ANY, 0x0f01, REG, ANY, 0xd8 },
	{ "vmmcall", AMD, ANY, 0x0f01, REG, ANY, 0xd9 },
	{ "vmload", AMD, ANY, 0x0f01, REG, ANY, 0xda },
	{ "vmsave", AMD, ANY, 0x0f01, REG, ANY, 0xdb },
	{ "stgi", AMD, ANY, 0x0f01, REG, ANY, 0xdc },
	{ "clgi", AMD, ANY, 0x0f01, REG, ANY, 0xdd },
	{ "skinit", AMD, ANY, 0x0f01, REG, ANY, 0xde },
	{ "invlpga", AMD, ANY, 0x0f01, REG, ANY, 0xdf },
	{ "monitorx, mcommit", AMD, ANY, 0x0f01, REG, ANY, 0xfa },
	{ "mwaitx", AMD, ANY, 0x0f01, REG, ANY, 0xfb },
	{ "clzero", AMD, ANY, 0x0f01, REG, ANY, 0xfc },
	{ "rdpru, rmpquery", AMD, ANY, 0x0f01, REG, ANY, 0xfd },
	{ "invlpgb, rmpadjust, rmpupdate", AMD, ANY, 0x0f01, REG, ANY, 0xfe },
	{ "tlbsync, psmash, pvalidate", AMD, ANY, 0x0f01, REG, ANY, 0xff },
	/* LOCK makes CR8 of CR0 (AltMovCr8, APM 3 "MOV CRn"). */
	{ "mov cr8", AMD, 0xf0, 0x0f20, BOTH, ANY, ANY },
	{ "mov cr8", AMD, 0xf0, 0x0f22, BOTH, ANY, ANY },
	{ "lock verr, verw", AMD, 0xf0, 0x0f00, BOTH, ANY, ANY },
	/* SSE4A. */
	{ "movntss", AMD, 0xf3, 0x0f2b, MEM, ANY, ANY },
	{ "movntsd", AMD, 0xf2, 0x0f2b, MEM, ANY, ANY },
	{ "extrq", AMD, 0x66, 0x0f78, REG, 0, ANY },
	{ "insertq", AMD, 0xf2, 0x0f78, REG, ANY, ANY },
	{ "extrq", AMD, 0x66, 0x0f79, REG, ANY, ANY },
	{ "insertq", AMD, 0xf2, 0x0f79, REG, ANY, ANY },
	/* 3DNow!, before Zen. */
	{ "femms", AMD, ANY, 0x0f0e, BOTH, ANY, ANY },
	{ "3dnow", AMD, ANY, 0x0f0f, BOTH, ANY, ANY },
	/* VMX, SGX, SMX, TSX, user interrupts. */
	{ "enclv", INTEL, 0, 0x0f01, REG, ANY, 0xc0 },
	{ "vmlaunch", INTEL, 0, 0x0f01, REG, ANY, 0xc2 },
	{ "vmresume", INTEL, 0, 0x0f01, REG, ANY, 0xc3 },
	{ "vmxoff", INTEL, 0, 0x0f01, REG, ANY, 0xc4 },
	{ "pconfig", INTEL, 0, 0x0f01, REG, ANY, 0xc5 },
	{ "encls", INTEL, 0, 0x0f01, REG, ANY, 0xcf },
	{ "vmfunc", INTEL, 0, 0x0f01, REG, ANY, 0xd4 },
	{ "xend", INTEL, 0, 0x0f01, REG, ANY, 0xd5 },
	{ "xtest", INTEL, 0, 0x0f01, REG, ANY, 0xd6 },
	{ "enclu", INTEL, 0, 0x0f01, REG, ANY, 0xd7 },
	{ "xsusldtrk", INTEL, 0xf2, 0x0f01, REG, ANY, 0xe8 },
	{ "xresldtrk", INTEL, 0xf2, 0x0f01, REG, ANY, 0xe9 },
	{ "uiret", INTEL, 0xf3, 0x0f01, REG, ANY, 0xec },
	{ "testui", INTEL, 0xf3, 0x0f01, REG, ANY, 0xed },
	{ "clui", INTEL, 0xf3, 0x0f01, REG, ANY, 0xee },
	{ "stui", INTEL, 0xf3, 0x0f01, REG, ANY, 0xef },
	{ "senduipi", INTEL, 0xf3, 0x0fc7, REG, 6, ANY },
	{ "getsec", INTEL, 0, 0x0f37, BOTH, ANY, ANY },
	{ "vmread", INTEL, 0, 0x0f78, BOTH, ANY, ANY },
	{ "vmwrite", INTEL, 0, 0x0f79, BOTH, ANY, ANY },
	{ "vmptrld", INTEL, 0, 0x0fc7, MEM, 6, ANY },
	{ "vmclear", INTEL, 0x66, 0x0fc7, MEM, 6, ANY },
	{ "vmxon", INTEL, 0xf3, 0x0fc7, MEM, 6, ANY },
	{ "vmptrst", INTEL, 0, 0x0fc7, MEM, 7, ANY },
	{ "invept", INTEL, 0x66, 0x0f3880, MEM, ANY, ANY },
	{ "invvpid", INTEL, 0x66, 0x0f3881, MEM, ANY, ANY },
	/* Trace, waiting, and stores to devices. */
	{ "ptwrite", INTEL, 0xf3, 0x0fae, BOTH, 4, ANY },
	{ "umonitor", INTEL, 0xf3, 0x0fae, REG, 6, ANY },
	{ "umwait", INTEL, 0xf2, 0x0fae, REG, 6, ANY },
	{ "tpause", INTEL, 0x66, 0x0fae, REG, 6, ANY },
	{ "enqcmd", INTEL, 0xf2, 0x0f38f8, MEM, ANY, ANY },
	{ "enqcmds", INTEL, 0xf3, 0x0f38f8, MEM, ANY, ANY },
	{ "movdir64b", AMD | INTEL, 0x66, 0x0f38f8, MEM, ANY, ANY },
	{ "movdiri", AMD | INTEL, 0, 0x0f38f9, MEM, ANY, ANY },
	/* Key Locker. */
	{ "aesencwide, aesdecwide", INTEL, 0xf3, 0x0f38d8, MEM, ANY, ANY },
	{ "loadiwkey, aesenc128kl", INTEL, 0xf3, 0x0f38dc, BOTH, ANY, ANY },
	{ "aesdec128kl", INTEL, 0xf3, 0x0f38dd, MEM, ANY, ANY },
	{ "aesenc256kl", INTEL, 0xf3, 0x0f38de, MEM, ANY, ANY },
	{ "aesdec256kl", INTEL, 0xf3, 0x0f38df, MEM, ANY, ANY },
	{ "encodekey128", INTEL, 0xf3, 0x0f38fa, REG, ANY, ANY },
	{ "encodekey256", INTEL, 0xf3, 0x0f38fb, REG, ANY, ANY },
	/* Shadow stacks (CET). */
	{ "setssbsy", AMD | INTEL, 0xf3, 0x0f01, REG, ANY, 0xe8 },
	{ "saveprevssp", AMD | INTEL, 0xf3, 0x0f01, REG, ANY, 0xea },
	{ "rstorssp", AMD | INTEL, 0xf3, 0x0f01, MEM, 5, ANY },
	{ "incssp", AMD | INTEL, 0xf3, 0x0fae, REG, 5, ANY },
	{ "clrssbsy", AMD | INTEL, 0xf3, 0x0fae, MEM, 6, ANY },
	{ "wruss", AMD | INTEL, 0x66, 0x0f38f5, MEM, ANY, ANY },
	{ "wrss", AMD | INTEL, 0, 0x0f38f6, MEM, ANY, ANY },
	/* GFNI, XSAVES. */
	{ "gf2p8mulb", AMD | INTEL, 0x66, 0x0f38cf, BOTH, ANY, ANY },
	{ "gf2p8affineqb", AMD | INTEL, 0x66, 0x0f3ace, BOTH, ANY, ANY },
	{ "gf2p8affineinvqb", AMD | INTEL, 0x66, 0x0f3acf, BOTH, ANY, ANY },
	{ "xrstors", AMD | INTEL, 0, 0x0fc7, MEM, 3, ANY },
	{ "xsaves", AMD | INTEL, 0, 0x0fc7, MEM, 5, ANY },
};

const char *known_bytes(const u8 *p, u32 vendor)
{
	u32 opcode, i;
	i32 pfx = 0;
	u8 m;

	/* LOCK before all; a repeat prefix before 66H; REX wherever it is. */
	for (; *p == 0x66 || *p == 0xf2 || *p == 0xf3 || *p == 0xf0 || (*p & 0xf0) == 0x40; p++)
		if ((*p & 0xf0) != 0x40 && pfx != 0xf0 && !(*p == 0x66 && pfx))
			pfx = *p;
	if (p[0] != 0x0f)
		return NULL;
	opcode = 0x0f00 | p[1];
	m = p[2];
	if (p[1] == 0x38 || p[1] == 0x3a) {
		opcode = opcode << 8 | p[2];
		m = p[3];
	}
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		const struct known *e = &known[i];

		if (e->opcode == opcode && (e->vendors & vendor) && (e->pfx == ANY || e->pfx == pfx) &&
		    (e->mod & (m >= 0xc0 ? REG : MEM)) && (e->reg == ANY || e->reg == (m >> 3 & 7)) &&
		    (e->modrm == ANY || e->modrm == m))
			return e->name;
	}
	return NULL;
}
