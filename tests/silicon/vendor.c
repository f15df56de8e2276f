/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of what AMD's processors and Intel's do differently, and the verdict on a case by it. What both manuals
 * leave open is in compare.c.
 */
#include "tests/silicon/gen.h"
#include "tests/silicon/vendor.h"

#define XEON "seen on a Xeon, family 6 model 207"

static bool fault_of_memory(u8 vector)
{
	return (vector >= X86_SS && vector <= X86_PF) || vector == X86_AC;
}

static bool alignment_checked(const struct vendor_pair *p)
{
	return p->amd->vector == X86_AC && p->intel->vector != X86_AC && (p->k->in.rflags & FL_AC);
}

/* A VEX operand in memory that may have 16 bytes or more: not the scalars, nor the rows that want it aligned. */
static bool vex_unaligned(const struct vendor_pair *p)
{
	const struct oprow *r = p->k->row;
	u32 i;

	if (!r->vex || !p->k->d.mem || (r->flags & VSIB) ||
	    named(r, " vmovaps vmovapd vmovdqa vmovntps vmovntpd vmovntdq vmovntdqa vmaskmovps vmaskmovpd vpmaskmovd "
		     "vpmaskmovq "))
		return false;
	for (i = 0; i < 4; i++) {
		const char *o = r->op[i];

		if ((o[0] == 'W' || o[0] == 'M') && (o[1] == 'x' || o[1] == 'p' || !strcmp(o + 1, "dq")))
			return alignment_checked(p);
	}
	return false;
}

static bool m80(const struct vendor_pair *p)
{
	const struct oprow *r = p->k->row;

	return !strcmp(r->op[0], "Mt") || !strcmp(r->name, "fbstp");
}

/* The operand goes over the end of a page, and the second faults. */
static bool m80_half_written(const struct vendor_pair *p)
{
	return m80(p) && p->amd->vector == X86_PF && p->intel->vector == X86_PF &&
	       PAGE_OFFSET(p->k->ea) > PAGE_SIZE - 10;
}

static bool store_after_exception(const struct vendor_pair *p)
{
	return fault_of_memory(p->amd->vector) && p->intel->vector == NO_TRAP && (ld16(p->intel->s.fx + 2) & 0x80);
}

/* AMD's operand is as wide as the stack's; of a POP, to another fault or to none. */
static bool seg_wide_fault(const struct vendor_pair *p)
{
	return (p->amd->vector == X86_AC || (p->amd->vector == X86_PF && p->intel->vector != X86_AC)) &&
	       p->amd->vector != p->intel->vector;
}

static bool push_seg_zeros(const struct vendor_pair *p)
{
	return p->k->c32 && p->k->d.opsz == 4 && p->amd->vector == NO_TRAP && p->intel->vector == NO_TRAP;
}

static bool outer_stack_first(const struct vendor_pair *p)
{
	return (p->amd->vector == X86_AC || (p->amd->vector == X86_PF && p->intel->vector != X86_AC)) &&
	       p->intel->vector != p->amd->vector;
}

static bool call_wrote(const struct vendor_pair *p)
{
	return p->amd->vector == X86_GP && p->intel->vector == X86_GP;
}

static bool call_stack_or_target(const struct vendor_pair *p)
{
	return p->amd->vector == X86_GP && fault_of_memory(p->intel->vector) && p->intel->vector != X86_GP;
}

static bool xsave_aligned(const struct vendor_pair *p)
{
	return p->amd->vector == X86_GP && (p->k->ea & 63) &&
	       (p->intel->vector == X86_AC || p->intel->vector == X86_SS);
}

static bool bound_range_first(const struct vendor_pair *p)
{
	return p->amd->vector == X86_PF && p->intel->vector == X86_BR;
}

static bool xm_first(const struct vendor_pair *p)
{
	return fault_of_memory(p->amd->vector) && p->intel->vector == X86_XM;
}

static bool flags_of_faulting_store(const struct vendor_pair *p)
{
	u32 a = ld32(p->amd->s.fx + 24), b = ld32(p->intel->s.fx + 24), was = ld32(p->k->in.fx + 24);

	return p->amd->vector == p->intel->vector && p->amd->vector != NO_TRAP && a == was &&
	       (b & ~0x3fu) == (a & ~0x3fu) && (a & b) == a;
}

/* But for these two registers the vectors are alike. */
static bool other_vectors_alike(const struct vendor_pair *p, u32 one, u32 two)
{
	u32 i;

	for (i = 0; i < 16; i++)
		if (i != one && i != two &&
		    (memcmp(p->amd->s.fx + 160 + 16 * i, p->intel->s.fx + 160 + 16 * i, 16) ||
		     memcmp(p->amd->s.ymm[i] + 16, p->intel->s.ymm[i] + 16, 16)))
			return false;
	return true;
}

/* The destination of a gather with 128 bits, and what a fault leaves of its mask. */
static bool gather(const struct vendor_pair *p)
{
	const struct sil_case *k = p->k;
	const u8 *a, *b, *zero = (const u8 *)"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
	u32 i, reg = k->d.reg, mask = k->d.vvvv;

	if (!(k->row->flags & VSIB) || p->amd->vector != p->intel->vector || !other_vectors_alike(p, reg, mask))
		return false;
	if (memcmp(p->amd->s.fx + 160 + 16 * reg, p->intel->s.fx + 160 + 16 * reg, 16))
		return false;
	a = p->amd->s.ymm[reg] + 16;
	b = p->intel->s.ymm[reg] + 16;
	if (memcmp(a, b, 16) && (memcmp(b, zero, 16) || memcmp(a, k->in.ymm[reg] + 16, 16)))
		return false;
	/* Of the mask its sign bits are there. */
	for (i = 0; i < 16; i++) {
		a = p->amd->s.fx + 160 + 16 * mask;
		b = p->intel->s.fx + 160 + 16 * mask;
		if (a[i] != b[i] && (p->amd->vector == NO_TRAP || (b[i] != 0xff && b[i])))
			return false;
	}
	return true;
}

static bool both_nan(const u8 *a, const u8 *b, u32 size)
{
	u64 inf = size == 4 ? 0x7f800000 : 0x7ff0000000000000;
	u64 x = size == 4 ? ld32(a) : ld64(a), y = size == 4 ? ld32(b) : ld64(b), m = size == 4 ? 0x7fffffff : ~BIT(63);

	return (x & m) > inf && (y & m) > inf;
}

static bool sum_of_nans(const struct vendor_pair *p)
{
	u32 size = p->k->row->name[strlen(p->k->row->name) - 1] == 's' ? 4 : 8, reg = p->k->d.reg, i;
	const u8 *a, *b;

	if (p->amd->vector != p->intel->vector || !other_vectors_alike(p, reg, reg))
		return false;
	for (i = 0; i < 32; i += size) {
		a = i < 16 ? p->amd->s.fx + 160 + 16 * reg + i : p->amd->s.ymm[reg] + i;
		b = i < 16 ? p->intel->s.fx + 160 + 16 * reg + i : p->intel->s.ymm[reg] + i;
		if (memcmp(a, b, size) && !both_nan(a, b, size))
			return false;
	}
	return true;
}

/* ECX is 0, or the first of the repetitions faults. */
static bool rep_none(const struct vendor_pair *p)
{
	const struct sil_case *k = p->k;
	u32 i;

	if (k->c32 || k->d.adsz != 4 || !k->d.rep || p->amd->vector != p->intel->vector)
		return false;
	for (i = 0; i < 16; i++) {
		u64 a = p->amd->s.gpr[i], b = p->intel->s.gpr[i];

		if (a != b && ((i != RCX && i != RSI && i != RDI) || a != k->in.gpr[i] || b != (u32)a))
			return false;
	}
	return true;
}

static bool scas_fault(const struct vendor_pair *p)
{
	return p->k->d.rep && p->amd->vector == p->intel->vector && p->amd->vector != NO_TRAP &&
	       !((p->intel->s.rflags ^ p->k->in.rflags) & FL_ARITH);
}

static bool pause(const struct vendor_pair *p)
{
	u32 i;

	for (i = 0; i < 16; i++)
		if (p->intel->s.gpr[i] != p->k->in.gpr[i] ||
		    (i != RAX && i != R8 && p->amd->s.gpr[i] != p->k->in.gpr[i]))
			return false;
	return p->k->d.rep == 0xf3 && (p->k->d.rex & 1);
}

/* A store of an MMX register sets TOP to 0 or not; the registers themselves are the same. */
static bool mmx_store_top(const struct vendor_pair *p)
{
	const u8 *a = p->amd->s.fx, *b = p->intel->s.fx;
	u32 top = ld16(a + 2) >> 11 & 7, i;

	if (!p->k->d.mem || top != (ld16(p->k->in.fx + 2) >> 11 & 7) || (ld16(b + 2) & 0x3800) || a[4] != b[4] ||
	    ((ld16(a + 2) ^ ld16(b + 2)) & ~0x3800))
		return false;
	for (i = 0; i < 8; i++)
		if (memcmp(a + 32 + 16 * ((i - top) & 7), b + 32 + 16 * i, 10))
			return false;
	return true;
}

static bool sine_of_denormal(const struct vendor_pair *p)
{
	return (ld16(p->k->in.fx + 40) & 0x7fff) <= 1;
}

static bool ud_of_sysret(const struct vendor_pair *p)
{
	return p->k->c32 && p->amd->vector == X86_GP && p->intel->vector == X86_UD;
}

static u16 sw_apart(const struct vendor_pair *p)
{
	return ld16(p->amd->s.fx + 2) ^ ld16(p->intel->s.fx + 2);
}

static bool c1_left(const struct vendor_pair *p)
{
	return sw_apart(p) == 0x200 && !(ld16(p->intel->s.fx + 2) & 0x200);
}

/* #IA or #D, and not masked. */
static bool unmasked_compare(const struct vendor_pair *p)
{
	return !(sw_apart(p) & ~0x4700) && !((ld16(p->intel->s.fx + 2) ^ ld16(p->k->in.fx + 2)) & 0x4500) &&
	       (ld16(p->amd->s.fx + 2) & ~ld16(p->amd->s.fx) & 3);
}

static bool null_base(const struct vendor_pair *p)
{
	const struct sil_state *a = &p->amd->s, *b = &p->intel->s;

	return (a->fsbase != b->fsbase || a->gsbase != b->gsbase) &&
	       (a->fsbase == b->fsbase || (!(a->seg[SEG_FS] & ~3) && !b->fsbase)) &&
	       (a->gsbase == b->gsbase || (!(a->seg[SEG_GS] & ~3) && !b->gsbase));
}

static bool vex_w(const u8 *p)
{
	while (*p != 0xc4 && *p != 0xc5)
		p++;
	return *p == 0xc4 && p[2] >> 7;
}

static bool w_in_32(const struct vendor_pair *p)
{
	return p->k->c32 && p->amd->vector == X86_UD && vex_w(p->k->bytes);
}

static bool sha_aligned(const struct vendor_pair *p)
{
	return row_feature(p->k->row) == F_SHA && (p->k->ea & 15) && p->intel->vector == X86_GP;
}

static bool ac_of_code_segment(const struct vendor_pair *p)
{
	return p->k->c32 && p->amd->vector == X86_AC && p->intel->vector == X86_GP;
}

static bool mf_pending(const struct vendor_pair *p)
{
	return p->k->d.mem && p->intel->vector == X86_MF && p->amd->vector != X86_MF;
}

static bool popa_part(const struct vendor_pair *p)
{
	u32 i;

	for (i = 0; i < 8; i++)
		if ((u32)p->intel->s.gpr[i] != (u32)p->k->in.gpr[i] ||
		    (i == RSP && (u32)p->amd->s.gpr[i] != (u32)p->k->in.gpr[i]))
			return false;
	return p->amd->vector == p->intel->vector && p->amd->vector != NO_TRAP;
}

static bool mxcsr_bit_17(const struct vendor_pair *p)
{
	return p->amd->vector == NO_TRAP && (ld32(p->amd->s.fx + 24) & BIT(17)) && p->intel->vector == X86_GP;
}

/* But for these the general registers are alike. */
static bool others_alike(const struct vendor_pair *p, u64 regs)
{
	u32 i;

	for (i = 0; i < 16; i++)
		if (!(regs >> i & 1) && p->amd->s.gpr[i] != p->intel->s.gpr[i])
			return false;
	return true;
}

static bool far_offset_64(const struct vendor_pair *p)
{
	return p->k->d.mem && p->k->d.opsz == 8 &&
	       others_alike(p, BIT(RSP) | (p->k->row->name[0] == 'l' ? BIT(p->k->d.reg) : 0));
}

static bool near_66(const struct vendor_pair *p)
{
	return !p->k->c32 && others_alike(p, BIT(RSP)) && p->k->d.p66 && (p->k->row->flags & F64) &&
	       !(p->k->d.rex & 8) &&
	       (p->amd->s.rip < 0x10000 || p->amd->vector != NO_TRAP || p->amd->s.rip + 2 == p->intel->s.rip ||
		p->k->put < p->k->len);
}

static bool loop_rep(const struct vendor_pair *p)
{
	return p->k->d.rep;
}

static bool lock_refused(const struct vendor_pair *p)
{
	return p->k->d.lock && p->intel->vector == X86_UD;
}

static bool movsxd_16(const struct vendor_pair *p)
{
	return !p->k->c32 && p->k->d.opsz == 2 && p->k->d.mem && fault_of_memory(p->amd->vector);
}

static bool prefetch_register(const struct vendor_pair *p)
{
	return !p->k->d.mem && p->k->row->opcode == 0x0f0d && p->amd->vector == X86_UD && p->intel->vector == NO_TRAP;
}

const struct vendor_entry vendor_table[] = {
	/* Alignment. */
	{ NULL, vex_unaligned, MAY_ALL, "#AC where VEX operands of 16 bytes and more are misaligned", "no such check",
	  XEON, true },
	{ " movups movupd movdqu lddqu pcmpestrm pcmpestri pcmpistrm pcmpistri ", alignment_checked, MAY_ALL, "#AC",
	  "no such check", XEON, true },
	{ " xsave xsavec xsaveopt xrstor ", xsave_aligned, MAY_ALL, "#GP before #AC and before #SS",
	  "#AC and #SS first", XEON, true },
	{ " fxsave pop ", ac_of_code_segment, MAY_ALL, "#AC before the #GP of a store to the code segment", "#GP first",
	  "SDM 3A 6.9", false },
	{ NULL, sha_aligned, MAY_ALL, "no alignment wanted of SHA operands", "#GP", "SDM 2B, SHA instructions, type 4",
	  false },
	/* Which comes first. */
	{ NULL, xm_first, MAY_ALL, "faults of memory before #XM", "#XM before #AC; VCVTPS2PH: before its store", XEON,
	  true },
	{ " fst fstp fist fistp fisttp fbstp ", store_after_exception, MAY_ALL,
	  "the operand is looked at before what is unmasked is raised",
	  "the exception is pending, memory is not touched", XEON, true },
	{ " bound ", bound_range_first, MAY_ALL, "both bounds are read", "#BR by the lower one", XEON, true },
	{ " retf iret ", outer_stack_first, MAY_ALL,
	  "the outer stack pointer is read, as far up as RETF n has it, before all else",
	  "selectors and privileges first", XEON, true },
	{ " call ", call_stack_or_target, MAY_ALL, "the target first", "the push first", "as with CALL below",
	  false },
	{ " cvtpi2ps ", mf_pending, MAY_ALL, "no #MF with the source in memory", "#MF", "SDM 2A, CVTPI2PS",
	  false },
	{ " sysret ", ud_of_sysret, MAY_ALL, "#GP in 32-bit code of a user", "#UD", XEON, true },
	/* What is written and read. */
	{ " call ", call_wrote, MAY_MEM, "nothing is written when the target is not canonical", "the return address is",
	  XEON, true },
	{ " push_seg ", push_seg_zeros, MAY_MEM, "four bytes in 32-bit code", "two bytes", XEON ", SDM 2B, PUSH",
	  true },
	{ " push_seg pop_seg ", seg_wide_fault, MAY_ALL, "the access is as wide as the operand", "it has two bytes",
	  XEON, true },
	{ " fstp fbstp ", m80_half_written, MAY_MEM, "nothing is written when the second page faults",
	  "the first eight bytes may be", XEON, true },
	{ " movsxd_arpl ", movsxd_16, MAY_ALL, "32 bits are read for a 16-bit result", "16 bits", "SDM 2B, MOVSXD",
	  false },
	{ " jmpf callf lss lfs lgs ", far_offset_64, MAY_ALL, "REX.W is ignored: the offset has 32 bits", "m16:64",
	  "SDM 2A, JMP; APM 3, JMP (Far)", false },
	/* Strings. */
	{ " movs cmps stos lods scas ", rep_none, MAY_GPR,
	  "67H, REP and ECX = 0, or a fault at once, change nothing in 64-bit mode",
	  "RCX, and RSI and RDI of MOVS and STOS, are zero-extended", XEON, true },
	{ " scas ", scas_fault, MAY_FLAGS, "flags of the last comparison when a repetition faults",
	  "flags as before the instruction", XEON, true },
	{ " popa ", popa_part, MAY_GPR, "registers are loaded up to the fault", "none is", "SDM 3A 6.5: faults restart",
	  false },
	/* Vectors. */
	{ NULL, gather, MAY_VEC, "the upper half, and the rest of the mask, as they were at a fault",
	  "zero; sign bits all over", XEON ", SDM 2C, VGATHER (the mask)", true },
	{ " dpps dppd vdpps vdppd ", sum_of_nans, MAY_VEC, "another order of sums: another of two NaNs",
	  "that of SDM 2A, DPPS", XEON, true },
	{ " vcvtps2ph ", flags_of_faulting_store, MAY_MXCSR, "no flag in MXCSR when the store faults", "flags are set",
	  XEON, true },
	{ " vpextrd vpinsrd ", w_in_32, MAY_ALL, "VEX.W is #UD in 32-bit code", "VEX.W is ignored",
	  "SDM 2B, PEXTRD", false },
	{ " ldmxcsr vldmxcsr fxrstor xrstor ", mxcsr_bit_17, MAY_ALL, "MXCSR has a bit 17 (MM)", "#GP",
	  "SDM 1 10.2.3, APM 2", false },
	/* x87 and MMX. */
	{ " mmx_movd mmx_movq mmx_movntq ", mmx_store_top, MAY_X87, "a store leaves TOP", "TOP becomes 0",
	  XEON ", SDM 1 9.5.1", true },
	{ " fsin fsincos ", sine_of_denormal, MAY_X87, "not rounded across the smallest normal number", "rounded", XEON,
	  true },
	{ " fcomi fcomip fucomi fucomip ", c1_left, MAY_X87, "C1 as before", "C1 cleared", "SDM 2A, FCOMI", false },
	{ " fcom fcomp fcompp fucom fucomp fucompp ficom ficomp ftst fcomi fcomip fucomi fucomip ", unmasked_compare,
	  MAY_X87 | MAY_FLAGS, "the result of a comparison is set with an unmasked #IA too", "it is not", "SDM 1 8.5.1",
	  false },
	/* Segments, branches, prefixes. */
	{ LOADS, null_base, MAY_BASES, "a NULL selector leaves the base", "the base is cleared", "SDM 3A 3.4.4",
	  false },
	{ " nop xchg ", pause, MAY_GPR, "F3 with REX.B is XCHG r8, rAX", "PAUSE", XEON, true },
	{ " jcc jmp call ret loop jcxz ", near_66, MAY_ALL, "66H makes offset and rip 16 bits wide", "66H is ignored",
	  "SDM 2A, JMP", false },
	{ " loop ", loop_rep, MAY_ALL, "a repeat prefix decides the kind of LOOP", "it is ignored", "SDM 2A 2.1.1",
	  false },
	{ " verr verw mov_from_cr mov_to_cr ", lock_refused, MAY_ALL, "LOCK is taken", "#UD",
	  "SDM 2A, LOCK; APM 3, MOV CRn", false },
	{ NULL, prefetch_register, MAY_ALL, "the register form is #UD", "it is a NOP", "SDM 2B, PREFETCHW", false },
};
const u32 vendor_entries = ARRAY_SIZE(vendor_table);

/* What the table accounts for between the two. */
static u32 vendor_may(const struct vendor_pair *p, bool unseen_only)
{
	u32 may = 0, i;

	for (i = 0; i < vendor_entries; i++) {
		const struct vendor_entry *e = &vendor_table[i];

		if ((!e->seen || !unseen_only) && (!e->rows || named(p->k->row, e->rows)) && e->when(p))
			may |= e->may;
	}
	return may;
}

enum verdict judge(const struct sil_case *k, const struct sil_result *host, const struct sil_result *ours,
		   bool memory_alike, u32 vendor, char *buf, size_t n)
{
	struct vendor_pair p = { k, host, ours };
	size_t used = strlen(buf);
	char rest[256];
	u32 may;

	if (compare(k, host, ours, 0, buf + used, n - used) && memory_alike)
		return ALIKE;
	may = k->seq.n ? 0 : vendor_may(&p, vendor != VENDOR_AMD);
	if (!may || !compare(k, host, ours, may, rest, sizeof rest) || (!memory_alike && !(may & MAY_MEM)))
		return DIFFERENT;
	return vendor == VENDOR_AMD ? BY_TABLE : BY_MANUAL;
}

bool vendor_mxcsr_mask(const struct sil_case *k, u64 va)
{
	return named(k->row, " fxsave xsave xsavec xsaveopt ") && va == k->ea + 30;
}

bool vendor_sequence(const struct sil_case *k)
{
	u32 n, i;

	for (n = 0; n < k->seq.n; n++) { /* F3 with REX.B and 90 */
		const u8 *b = k->seq.bytes + k->seq.at[n];
		u32 len = k->seq.at[n + 1] - k->seq.at[n];

		if (len > 2 && b[len - 1] == 0x90 && (b[len - 2] & 0xf1) == 0x41)
			for (i = 0; i + 2 < len; i++)
				if (b[i] == 0xf3)
					return true;
	}
	return false;
}
