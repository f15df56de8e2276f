/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must be alike after an instruction, and what the manuals leave undefined (SDM 2, each instruction's "Flags
 * Affected"; SDM 1 8.1.3 for the x87 condition codes).
 */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "tests/silicon/silicon.h"

static bool named(const struct oprow *r, const char *names)
{
	char name[40];

	snprintf(name, sizeof name, " %s ", r->name);
	return strstr(names, name);
}

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
static u32 undefined_flags(const struct sil_case *k)
{
	const struct oprow *r = k->row;
	u32 n, bits = operand_bits(k);

	if (named(r, " and or xor test "))
		return FL_AF;
	if (named(r, " mul imul imul1 "))
		return FL_SF | FL_ZF | FL_AF | FL_PF;
	if (named(r, " div idiv "))
		return FL_ARITH;
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

/* RCPPS and RSQRTPS promise 1.5 * 2^-12. */
static bool near32(u32 a, u32 b)
{
	float fa, fb;

	memcpy(&fa, &a, 4);
	memcpy(&fb, &b, 4);
	if (a == b)
		return true;
	return fa * fb > 0 && fabsf(fa - fb) <= fabsf(fa) * (3.0f / 4096);
}

static const char *const regs[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
				      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };

static void compare_fx(struct out *o, const struct sil_case *k, const u8 *a, const u8 *b)
{
	bool approx = named(k->row, " f2xm1 fyl2x fyl2xp1 fptan fpatan fsin fcos fsincos ");
	bool rough = named(k->row, " rcpps rcpss rsqrtps rsqrtss ");
	u16 swmask = 0xffff;
	u32 i, j;

	if (approx)
		swmask &= (u16)~0x0200;
	if (ld16(a) != ld16(b))
		say(o, "cw %04x/%04x", ld16(a), ld16(b));
	if ((ld16(a + 2) ^ ld16(b + 2)) & swmask)
		say(o, "sw %04x/%04x (was %04x)", ld16(a + 2), ld16(b + 2), ld16(k->in.fx + 2));
	if (a[4] != b[4])
		say(o, "tag %02x/%02x", a[4], b[4]);
	if (ld32(a + 24) != ld32(b + 24))
		say(o, "mxcsr %04x/%04x (was %04x)", ld32(a + 24), ld32(b + 24), ld32(k->in.fx + 24));
	for (i = 0; i < 8; i++) {
		const u8 *x = a + 32 + 16 * i, *y = b + 32 + 16 * i;

		if (memcmp(x, y, 10) && !(approx && near80(x, y, 4)))
			say(o, "st%u %04x.%016llx/%04x.%016llx (was %04x.%016llx)", i, ld16(x + 8),
			    (unsigned long long)ld64(x), ld16(y + 8), (unsigned long long)ld64(y),
			    ld16(k->in.fx + 40 + 16 * i), (unsigned long long)ld64(k->in.fx + 32 + 16 * i));
	}
	for (i = 0; i < 16; i++) {
		const u8 *x = a + 160 + 16 * i, *y = b + 160 + 16 * i, *w = k->in.fx + 160 + 16 * i;
		bool ok = !memcmp(x, y, 16);

		if (!ok && rough)
			for (ok = true, j = 0; j < 16; j += 4)
				ok = ok && near32(ld32(x + j), ld32(y + j));
		if (!ok)
			say(o, "xmm%u %016llx_%016llx/%016llx_%016llx (was %016llx_%016llx)", i,
			    (unsigned long long)ld64(x + 8), (unsigned long long)ld64(x), (unsigned long long)ld64(y + 8),
			    (unsigned long long)ld64(y), (unsigned long long)ld64(w + 8), (unsigned long long)ld64(w));
	}
}

bool compare(const struct sil_case *k, const struct sil_result *nat, const struct sil_result *emu, char *buf, size_t n)
{
	struct out o = { buf, n, 0, false };
	u32 fl = FL_ARITH | FL_DF | FL_ID | FL_AC | FL_NT, i;

	buf[0] = 0;
	if (nat->vector != emu->vector) {
		say(&o, "trap %d/%d", nat->vector == NO_TRAP ? -1 : nat->vector, emu->vector == NO_TRAP ? -1 : emu->vector);
		if (nat->vector == X86_PF || emu->vector == X86_PF)
			say(&o, "cr2 %llx/%llx", (unsigned long long)nat->cr2, (unsigned long long)emu->cr2);
	} else if (nat->vector == X86_PF) {
		if (nat->cr2 != emu->cr2)
			say(&o, "cr2 %llx/%llx", (unsigned long long)nat->cr2, (unsigned long long)emu->cr2);
		/* P too where nothing but the page tables decides. */
		if ((nat->error ^ emu->error) & PF_W)
			say(&o, "error %x/%x", nat->error, emu->error);
	} else if (nat->vector != NO_TRAP && nat->error != emu->error) {
		say(&o, "error %x/%x", nat->error, emu->error);
	}
	if (nat->vector == NO_TRAP && emu->vector == NO_TRAP)
		fl &= ~undefined_flags(k);
	for (i = 0; i < 16; i++)
		if (nat->s.gpr[i] != emu->s.gpr[i])
			say(&o, "%s %llx/%llx (was %llx)", regs[i], (unsigned long long)nat->s.gpr[i],
			    (unsigned long long)emu->s.gpr[i], (unsigned long long)k->in.gpr[i]);
	if (nat->s.rip != emu->s.rip)
		say(&o, "rip +%llx/+%llx", (unsigned long long)(nat->s.rip - k->at), (unsigned long long)(emu->s.rip - k->at));
	if ((nat->s.rflags ^ emu->s.rflags) & fl)
		say(&o, "flags %x/%x (was %x)", (u32)(nat->s.rflags & fl), (u32)(emu->s.rflags & fl), (u32)k->in.rflags);
	compare_fx(&o, k, nat->s.fx, emu->s.fx);
	return !o.bad;
}
