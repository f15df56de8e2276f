/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must be alike after an instruction, and what the manuals leave undefined (SDM 2, each instruction's "Flags
 * Affected"; SDM 1 8.1.3 for the x87 condition codes). Where the vendors differ is in vendor.c.
 */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "tests/silicon/gen.h"
#include "tests/silicon/vendor.h"

/* The count of a shift or rotate, masked as the processor does. */
static u32 shift_count(const struct sil_case *k)
{
	const struct oprow *r = k->row;
	const char *last = r->op[2][0] && r->op[2][0] != '_' ? r->op[2] : r->op[1];
	u32 n = last[0] == 'n' ? 1 : last[0] == 'I' ? (u32)k->d.imm : (u32)k->in.gpr[RCX];

	return n & (k->d.opsz == 8 && r->op[0][1] != 'b' ? 63 : 31);
}

static u32 operand_bits(const struct sil_case *k)
{
	return k->row->op[0][1] == 'b' ? 8 : k->d.opsz * 8u;
}

/* Flags that are undefined after this very instruction. */
u32 undefined_flags(const struct sil_case *k)
{
	const struct oprow *r = k->row;
	u32 n, bits = operand_bits(k);

	if (named(r, " and or xor test "))
		return FL_AF;
	if (named(r, " mul imul imul1 "))
		return FL_SF | FL_ZF | FL_AF | FL_PF;
	if (named(r, " div idiv "))
		return FL_ARITH;
	if (named(r, " daa das "))
		return FL_OF;
	if (named(r, " aaa aas "))
		return FL_OF | FL_SF | FL_ZF | FL_PF;
	if (named(r, " aam aad "))
		return FL_OF | FL_AF | FL_CF;
	if (named(r, " tzcnt lzcnt "))
		return FL_OF | FL_SF | FL_AF | FL_PF;
	if (named(r, " bextr "))
		return FL_SF | FL_AF | FL_PF;
	if (named(r, " andn bzhi blsi blsr blsmsk "))
		return FL_AF | FL_PF;
	if (named(r, " bsf bsr "))
		return FL_CF | FL_OF | FL_SF | FL_AF | FL_PF;
	if (named(r, " bt bts btr btc "))
		return FL_OF | FL_SF | FL_AF | FL_PF;
	if (named(r, " shl shr sar shld shrd ")) {
		n = shift_count(k);
		if (!n)
			return 0;
		if (r->name[3] == 'd' && n > bits)
			return FL_ARITH;
		return FL_AF | (n > 1 ? FL_OF : 0) | (n >= bits && r->name[1] != 'a' ? FL_CF : 0);
	}
	if (named(r, " rol ror rcl rcr ")) {
		n = shift_count(k);
		return n > 1 ? FL_OF : 0;
	}
	return 0;
}

/* SHLD and SHRD by more than the operand is wide. */
bool undefined_result(const struct sil_case *k)
{
	return named(k->row, " shld shrd ") && shift_count(k) > operand_bits(k);
}

/* Registers whose value is the host's own: a bit each. */
static u32 own_registers(const struct sil_case *k)
{
	const struct oprow *r = k->row;

	if (named(r, " cpuid "))
		return BIT(RAX) | BIT(RBX) | BIT(RCX) | BIT(RDX);
	if (named(r, " rdtsc rdtscp xgetbv "))
		return BIT(RAX) | BIT(RDX) | (r->name[5] == 'p' ? BIT(RCX) : 0);
	if (named(r, " rdrand rdseed rdpid "))
		return BIT(k->d.rm & 15);
	return 0;
}

struct out {
	char *buf;
	size_t n, at;
	bool bad;
};

static PRINTF(2, 3) void say(struct out *o, const char *fmt, ...)
{
	va_list ap;
	int n;

	o->bad = true;
	if (o->at + 1 >= o->n)
		return;
	if (o->at)
		o->buf[o->at++] = ' ';
	va_start(ap, fmt);
	n = vsnprintf(o->buf + o->at, o->n - o->at, fmt, ap);
	va_end(ap);
	o->at = MIN(o->at + (size_t)n, o->n - 1);
}

/* Within n units in the last place, as x87 values. */
static bool near80(const u8 *a, const u8 *b, u64 ulps)
{
	u64 ma = ld64(a), mb = ld64(b);
	i64 ea = ld16(a + 8), eb = ld16(b + 8);

	if (ea == eb)
		return (ma > mb ? ma - mb : mb - ma) <= ulps;
	if (ea + 1 == eb)
		return (mb - BIT(63)) * 2 + (~0ULL - ma) + 1 <= 2 * ulps;
	if (eb + 1 == ea)
		return (ma - BIT(63)) * 2 + (~0ULL - mb) + 1 <= 2 * ulps;
	return false;
}

/*
 * Two that RCPPS and RSQRTPS may give: each is within 1.5 * 2^-12. What comes near the smallest normal number may be it
 * or zero (SDM 2B, RCPPS: a band of large sources for which a tiny result is not said).
 */
static bool near32(u32 a, u32 b)
{
	const u32 tiny = 0x00800000 + 0x1000;
	float fa, fb;

	memcpy(&fa, &a, 4);
	memcpy(&fb, &b, 4);
	if (a == b || (a >> 31 == b >> 31 && (a << 1 == 0 || b << 1 == 0) && (a & ~BIT(31)) <= tiny && (b & ~BIT(31)) <= tiny))
		return true;
	return (a ^ b) >> 31 == 0 && fabs((double)fa - fb) <= fabs((double)fa) * (3.0 / 4096);
}

/* The upper halves of vector registers. */
static void compare_ymm(struct out *o, const struct sil_case *k, const struct sil_state *a, const struct sil_state *b)
{
	bool rough = named(k->row, " vrcpps vrsqrtps ");
	u32 i, j;

	for (i = 0; i < 16; i++) {
		const u8 *x = a->ymm[i] + 16, *y = b->ymm[i] + 16, *w = k->in.ymm[i] + 16;
		bool ok = !memcmp(x, y, 16);

		if (!ok && rough)
			for (ok = true, j = 0; j < 16; j += 4)
				ok = ok && near32(ld32(x + j), ld32(y + j));
		if (!ok)
			say(o, "ymm%u.upper %016llx_%016llx/%016llx_%016llx (was %016llx_%016llx)", i,
			    (unsigned long long)ld64(x + 8), (unsigned long long)ld64(x), (unsigned long long)ld64(y + 8),
			    (unsigned long long)ld64(y), (unsigned long long)ld64(w + 8), (unsigned long long)ld64(w));
	}
}

static const char *const regs[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
				      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };

static bool touches_mmx(const struct oprow *r)
{
	return r->op[0][0] == 'P' || r->op[1][0] == 'P' || r->op[1][0] == 'N' || !strcmp(r->op[1], "Qpi") ||
	       r->op[0][0] == 'N';
}

static void compare_fx(struct out *o, const struct sil_case *k, const u8 *a, const u8 *b, bool trapped, u32 may)
{
	bool mode_only = false;
	bool approx = named(k->row, " f2xm1 fyl2x fyl2xp1 fptan fpatan fsin fcos fsincos ");
	bool rough = named(k->row, " rcpps rcpss rsqrtps rsqrtss vrcpps vrcpss vrsqrtps vrsqrtss ");
	u16 swmask = 0xffff;
	u32 i, j;

	/* C1 (rounded up) of an approximation. */
	if (approx)
		swmask &= (u16)~0x0200;
	if (may & MAY_X87)
		mode_only = true;
	/* Whether the x87 goes into MMX mode before an instruction faults is not said. */
	if (trapped && touches_mmx(k->row)) {
		if ((a[4] == 0xff && !(ld16(a + 2) & 0x3800)) || (b[4] == 0xff && !(ld16(b + 2) & 0x3800)))
			mode_only = true;
	}
	if (ld16(a) != ld16(b))
		say(o, "cw %04x/%04x", ld16(a), ld16(b));
	if (!mode_only && ((ld16(a + 2) ^ ld16(b + 2)) & swmask))
		say(o, "sw %04x/%04x (was %04x)", ld16(a + 2), ld16(b + 2), ld16(k->in.fx + 2));
	if (!mode_only && a[4] != b[4])
		say(o, "tag %02x/%02x", a[4], b[4]);
	if (ld32(a + 24) != ld32(b + 24) && !(may & MAY_MXCSR))
		say(o, "mxcsr %04x/%04x (was %04x)", ld32(a + 24), ld32(b + 24), ld32(k->in.fx + 24));
	/* AMD keeps the pointers only while an exception is pending: then only are they looked at. */
	if ((a[2] & 0x80) && !(k->in.fx[2] & 0x80) && !trapped && !named(k->row, " fldenv frstor fxrstor xrstor ")) {
		if (ld64(a + 8) != ld64(b + 8))
			say(o, "fip %llx/%llx", (unsigned long long)ld64(a + 8), (unsigned long long)ld64(b + 8));
		if (k->d.mem && ld64(a + 16) != ld64(b + 16))
			say(o, "fdp %llx/%llx", (unsigned long long)ld64(a + 16), (unsigned long long)ld64(b + 16));
		if (ld16(a + 6) != ld16(b + 6))
			say(o, "fop %x/%x", ld16(a + 6), ld16(b + 6));
	}
	for (i = mode_only ? 8 : 0; i < 8; i++) {
		const u8 *x = a + 32 + 16 * i, *y = b + 32 + 16 * i;

		if (memcmp(x, y, 10) && !(approx && near80(x, y, 1)))
			say(o, "st%u %04x.%016llx/%04x.%016llx (was %04x.%016llx)", i, ld16(x + 8),
			    (unsigned long long)ld64(x), ld16(y + 8), (unsigned long long)ld64(y),
			    ld16(k->in.fx + 40 + 16 * i), (unsigned long long)ld64(k->in.fx + 32 + 16 * i));
	}
	for (i = 0; i < 16; i++) {
		const u8 *x = a + 160 + 16 * i, *y = b + 160 + 16 * i, *w = k->in.fx + 160 + 16 * i;
		bool ok = !memcmp(x, y, 16) || (may & MAY_VEC);

		if (!ok && rough)
			for (ok = true, j = 0; j < 16; j += 4)
				ok = ok && near32(ld32(x + j), ld32(y + j));
		if (!ok)
			say(o, "xmm%u %016llx_%016llx/%016llx_%016llx (was %016llx_%016llx)", i,
			    (unsigned long long)ld64(x + 8), (unsigned long long)ld64(x), (unsigned long long)ld64(y + 8),
			    (unsigned long long)ld64(y), (unsigned long long)ld64(w + 8), (unsigned long long)ld64(w));
	}
}

static void compare_segments(struct out *o, const struct sil_state *a, const struct sil_state *b, u32 may)
{
	static const char *const names[6] = { "es", "cs", "ss", "ds", "fs", "gs" };
	u32 i;

	for (i = 0; i < 6; i++)
		/* Linux's own IRETQ makes any NULL selector 0. */
		if (a->seg[i] != b->seg[i] && (a->seg[i] | b->seg[i]) & ~3)
			say(o, "%s %x/%x", names[i], a->seg[i], b->seg[i]);
	if (may & MAY_BASES)
		return;
	if (a->fsbase != b->fsbase)
		say(o, "fsbase %llx/%llx", (unsigned long long)a->fsbase, (unsigned long long)b->fsbase);
	if (a->gsbase != b->gsbase)
		say(o, "gsbase %llx/%llx", (unsigned long long)a->gsbase, (unsigned long long)b->gsbase);
}

/* What neither manual says: the order of two accesses, or whether there is one at all. */
bool loose(const struct sil_case *k, const struct sil_result *nat, const struct sil_result *emu)
{
	/* Whether bytes that the mask leaves out can fault. */
	if (named(k->row, " maskmovdqu mmx_maskmovq vmaskmovdqu ") && nat->vector != emu->vector)
		return nat->vector >= X86_SS && nat->vector <= X86_PF;
	/* SDM 3A 5.3: an access over the end of 4 GiB may fault by the limit or go on at 0. AMD and KVM fault. */
	if (k->c32 && (nat->vector == X86_SS || nat->vector == X86_GP) &&
	    ((emu->vector == X86_PF && emu->cr2 >= 0xffffff00) ||
	     ((emu->vector == X86_GP || emu->vector == X86_AC) && k->ea >= 0xfffffc00)))
		return true;
	/* Which of two operands in memory is looked at first. */
	if (named(k->row, " cmps movs pop ") && nat->vector >= X86_SS && nat->vector <= X86_PF && emu->vector >= X86_SS &&
	    emu->vector <= X86_PF)
		return true;
	return named(k->row, " cmps movs ") && (nat->vector == X86_AC || emu->vector == X86_AC) &&
	       (nat->vector == X86_PF || emu->vector == X86_PF);
}

#define IMAGES " retf iret cmps movs fnstenv fldenv fnsave frstor fxsave fxrstor xsave xsavec xsaveopt xrstor maskmovdqu mmx_maskmovq vmaskmovdqu " \
	       "vmaskmovps vmaskmovpd vpmaskmovd vpmaskmovq "

bool compare(const struct sil_case *k, const struct sil_result *nat, const struct sil_result *emu, u32 may, char *buf, size_t n)
{
	struct out o = { buf, n, 0, false };
	bool narrow;
	u32 fl = FL_ARITH | FL_DF | FL_ID | FL_AC | FL_NT, i;

	buf[0] = 0;
	if (loose(k, nat, emu) || (may & MAY_ALL) == MAY_ALL)
		return true;
	if (k->rep && named(k->row, " ins outs ") && !(k->in.gpr[RCX] & (k->d.adsz == 4 ? 0xffffffff : ~0ULL)))
		return true;
	if (nat->vector != emu->vector) {
		say(&o, "trap %d/%d", nat->vector == NO_TRAP ? -1 : nat->vector, emu->vector == NO_TRAP ? -1 : emu->vector);
		if (nat->vector == X86_PF || emu->vector == X86_PF)
			say(&o, "cr2 %llx/%llx", (unsigned long long)nat->cr2, (unsigned long long)emu->cr2);
	} else if (nat->vector == X86_PF) {
		u64 apart = nat->cr2 ^ emu->cr2;

		/* Which byte or operand of several is touched first is not said. */
		if (apart && !named(k->row, IMAGES))
			say(&o, "cr2 %llx/%llx", (unsigned long long)nat->cr2, (unsigned long long)emu->cr2);
		/* P too where nothing but the page tables decides. */
		if ((nat->error ^ emu->error) & PF_W)
			say(&o, "error %x/%x", nat->error, emu->error);
	} else if (nat->vector != NO_TRAP && nat->error != emu->error) {
		say(&o, "error %x/%x", nat->error, emu->error);
	}
	if (nat->vector == NO_TRAP && emu->vector == NO_TRAP)
		fl &= ~(k->seq.n ? k->seq.undef[k->seq.n] : undefined_flags(k));
	else if (k->seq.n)
		for (i = 0; i < k->seq.n; i++)
			if (nat->s.rip == k->at + k->seq.at[i])
				fl &= ~k->seq.undef[i];
	if (may & MAY_FLAGS)
		fl = 0;
	/* In compatibility mode upper halves and the upper eight are nobody's. */
	narrow = k->c32 || nat->s.seg[SEG_CS] == SEL_CS32;
	for (i = 0; i < (narrow ? 8 : 16) && !(may & MAY_GPR); i++)
		if (((nat->s.gpr[i] ^ emu->s.gpr[i]) & (narrow ? 0xffffffff : ~0ULL)) && !(own_registers(k) >> i & 1) &&
		    !(undefined_result(k) && !k->d.mem && i == k->d.rm))
			say(&o, "%s %llx/%llx (was %llx)", regs[i], (unsigned long long)nat->s.gpr[i],
			    (unsigned long long)emu->s.gpr[i], (unsigned long long)k->in.gpr[i]);
	/* Under KVM the trap of INT1 is at the instruction. */
	if (nat->s.rip != emu->s.rip && !(named(k->row, " int1 ") && nat->s.rip == k->at))
		say(&o, "rip +%llx/+%llx", (unsigned long long)(nat->s.rip - k->at), (unsigned long long)(emu->s.rip - k->at));
	if ((nat->s.rflags ^ emu->s.rflags) & fl)
		say(&o, "flags %x/%x (was %x)", (u32)(nat->s.rflags & fl), (u32)(emu->s.rflags & fl), (u32)k->in.rflags);
	compare_segments(&o, &nat->s, &emu->s, may);
	if (!(may & MAY_VEC))
		compare_ymm(&o, k, &nat->s, &emu->s);
	compare_fx(&o, k, nat->s.fx, emu->s.fx, nat->vector != NO_TRAP, may);
	return !o.bad;
}
