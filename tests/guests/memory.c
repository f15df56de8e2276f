/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory as instructions see it: code that changes itself, code across pages, aliases, LOCK and accesses across pages,
 * and faults in the middle, which leave nothing half done (SDM 3A 8.1.3, 11.6; SDM 2B REP).
 */
#include "tests/guests/lib.h"

#define AT 0x50000000UL

ASMFN(smc_next, "movb $0x22,1f+1(%rip)\n1: mov $0x11,%al; movzbl %al,%eax; movb $0x11,1b+1(%rip)");
ASMFN(do_stosb, "mov %rsi,%rcx; mov $0x5a,%eax; rep stosb");
ASMFN(do_stosq, "mov %rsi,%rcx; mov $-1,%rax; rep stosq");
ASMFN(do_lockadd, "lock addq $1,(%rdi); xor %eax,%eax");
ASMFN(do_add, "addq $1,(%rdi); xor %eax,%eax");
ASMFN(do_xchg, "mov $-1,%rax; xchg %rax,(%rdi)");
ASMFN(do_cmpxchg, "xor %eax,%eax; mov $-1,%rcx; lock cmpxchg %rcx,(%rdi); xor %eax,%eax");
ASMFN(do_movups, "pcmpeqd %xmm0,%xmm0; movups %xmm0,(%rdi); xor %eax,%eax");
ASMFN(do_fxsave, "fxsave (%rdi); xor %eax,%eax");
ASMFN(do_cmpxchg16, "xor %eax,%eax; xor %edx,%edx; mov %rbx,%r8; mov $1,%ebx; mov $2,%ecx; lock cmpxchg16b (%rdi); mov "
		    "%r8,%rbx; sete %al; movzbl %al,%eax");
ASMFN(do_bts, "lock btsq $0,(%rdi); setc %al; movzbl %al,%eax");
ASMFN(do_shl, "shlq $1,(%rdi); xor %eax,%eax");
ASMFN(do_popm, "pushq $-1; popq (%rdi); xor %eax,%eax");

static void self_modifying(void)
{
	u8 *code = page_alloc(), *two = page_alloc(), *three = page_alloc();
	u64 i, bad = 0;

	ck(smc_next(0, 0), 0x22, "the next instruction changed");
	ck(smc_next(0, 0), 0x22, "and again");
	code[0] = 0xb8; /* mov eax, imm32; ret */
	code[5] = 0xc3;
	for (i = 0; i < 1000; i++) {
		*(volatile u32 *)(code + 1) = (u32)i * 77;
		bad += call_at(A_(code), 0) != (i64)(u32)(i * 77);
	}
	ck(bad, 0, "a constant rewritten a thousand times");
	/* By an alias. */
	map(AT, mfn_of(code) * PAGE | P_RWX_);
	for (i = 0; i < 100; i++) {
		*(volatile u32 *)(AT + 1) = (u32)i;
		bad += call_at(A_(code), 0) != (i64)i;
		*(volatile u32 *)(code + 1) = (u32)i + 5;
		bad += call_at(AT, 0) != (i64)i + 5;
	}
	ck(bad, 0, "rewritten by an alias");
	/* Across pages: two, three are neighbours. */
	if (three == two + PAGE) {
		u8 *at = three - 3;

		at[0] = 0xb8;
		*(volatile u32 *)(at + 1) = 0x11223344;
		at[5] = 0xc3;
		ck(call_at(A_(at), 0), 0x11223344, "an instruction across pages");
		three[0] = 0x99; /* third byte of the constant */
		ck(call_at(A_(at), 0), 0x11993344, "its second half changed");
		two[4095] = 0x77;
		ck(call_at(A_(at), 0), 0x11997744, "its first half changed");
		memcpy(code, three, 16);
		code[0] = 0x55;
		va_set(A_(three), mfn_of(code) * PAGE | P_RWX_, 2);
		ck(call_at(A_(at), 0), 0x11557744, "its second page mapped anew");
		va_set(A_(three), 0, 2);
		ck(TRY(call_at, at, 0), TRAPPED(14), "its second page gone");
		ck(last_cr2, A_(three), "CR2 is the second page");
		ck(last.rip, A_(at), "rip is the instruction");
		ck(last.error, 0x10, "a fetch");
		va_set(A_(three), mfn_of(three) * PAGE | P_RWX_ | P_NX, 2);
		ck(TRY(call_at, at, 0), TRAPPED(14), "its second page NX");
		ck(last.error, 0x11, "a protected fetch");
		va_set(A_(three), mfn_of(three) * PAGE | P_RWX_, 2);
		ck(call_at(A_(at), 0), 0x11997744, "and back");
	}
	/* A loop that rewrites what is in front of it, copied over itself by REP MOVS. */
	code = page_alloc();
	for (i = 0; i < 50; i++) {
		u8 f[8] = { 0xb0, (u8)i, 0x0f, 0xb6, 0xc0, 0xc3 };

		memcpy(code + 100, f, 6);
		bad += call_at(A_(code) + 100, 0) != (i64)i;
	}
	ck(bad, 0, "code written by REP MOVS");
}

static u8 *first, *second;

static u8 *across(u64 before)
{
	memset(first, 0x11, PAGE);
	return second - before;
}

static void gone(void)
{
	va_set(A_(second), 0, 2);
}

static void back(void)
{
	va_set(A_(second), mfn_of(second) * PAGE | P_RWX_, 2);
}

static void read_only(void)
{
	va_set(A_(second), mfn_of(second) * PAGE | P_RO_, 2);
}

static u64 tail(u64 n)
{
	u64 i, changed = 0;

	for (i = 0; i < n; i++)
		changed += second[-1 - (i64)i] != 0x11;
	return changed;
}

static int map_again(struct regs *r)
{
	if (r->vector != 14)
		return 0;
	back();
	return 1;
}

static void faults(void)
{
	static const struct {
		const char *name;
		i64 (*fn)(u64 a, u64 b);
		u32 before;
	} t[] = { { "mov", poke64, 3 },
		  { "lock add", do_lockadd, 5 },
		  { "add", do_add, 1 },
		  { "xchg", do_xchg, 7 },
		  { "lock cmpxchg", do_cmpxchg, 4 },
		  { "movups", do_movups, 9 },
		  { "fxsave", do_fxsave, 64 },
		  { "shl", do_shl, 2 },
		  { "pop", do_popm, 6 },
		  { "16-bit mov", poke16, 1 },
		  { "32-bit mov", poke32, 2 } };
	u32 i, k;
	u8 *p;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		for (k = 0; k < 2; k++) {
			p = across(t[i].before);
			if (t[i].fn == do_fxsave)
				p = second - 64 - (A_(second - 64) & 15);
			k ? read_only() : gone();
			ck(TRY(t[i].fn, p, ~0UL), TRAPPED(14), "%s across pages, %s", t[i].name,
			   k ? "read-only" : "gone");
			ck(last_cr2, A_(second), "%s: CR2", t[i].name);
			ck(last.error & 1, k, "%s: error code", t[i].name);
			if (!dom0 || (t[i].fn != do_movups && t[i].fn != do_fxsave)) /* QEMU stores these in parts */
				ck(tail(512), 0, "%s: nothing half done", t[i].name);
			back();
		}
	}
	/* The same across pages that are there. */
	p = across(3);
	memset(second, 0x11, 16);
	ck(TRY(do_lockadd, p, 0), 0, "lock add across pages");
	ck(*(u64 *)p, 0x1111111111111112, "its sum");
	ck(TRY(do_xchg, p, 0), 0x1111111111111112, "xchg across pages");
	ck(*(u64 *)p, ~0UL, "its new value");
}

static void strings(void)
{
	u8 *p;
	u32 before;

	p = across(100);
	gone();
	ck(TRY(do_stosb, p, 200), TRAPPED(14), "rep stosb into a hole");
	ck(last.rcx, 100, "rep stosb: rcx is what is left");
	ck(last.rdi, A_(second), "rep stosb: rdi is where it stopped");
	ck(tail(100), 100, "rep stosb: what came before is done");
	ck(tail(101), 100, "and no more");
	back();
	p = across(20);
	gone();
	ck(TRY(do_stosq, p, 10), TRAPPED(14), "rep stosq, an element across the hole");
	ck(last.rcx, 8, "rep stosq: rcx");
	ck(last.rdi, A_(p) + 16, "rep stosq: rdi");
	ck(tail(20), 16, "rep stosq: that element not begun");
	back();
	/* Resumed. */
	p = across(100);
	gone();
	trap_hook = map_again;
	before = ntraps;
	TRY(do_stosb, p, 200);
	trap_hook = NULL;
	ck(ntraps - before, 1, "rep stosb resumed: one fault");
	ck(tail(100), 100, "resumed: first half");
	ck(second[99] == 0x5a && second[100] != 0x5a, 1, "resumed: second half");
	/* Backwards, and overlapping. */
	p = across(100);
	{
		u64 i, bad = 0;
		void *d = p + 59, *s = p + 49, *d2 = p + 1, *s2 = p;
		u64 n = 50, m = 64;

		for (i = 0; i < 100; i++)
			p[i] = (u8)i;
		__asm__ volatile("std; rep movsb; cld" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
		for (i = 10; i < 60; i++)
			bad += p[i] != i - 10;
		ck(bad, 0, "rep movsb backwards, overlapping");
		p[0] = 0x42;
		__asm__ volatile("rep movsb" : "+D"(d2), "+S"(s2), "+c"(m) : : "memory");
		for (i = 0; i < 65; i++)
			bad += p[i] != 0x42;
		ck(bad, 0, "rep movsb forwards over itself is a fill");
	}
}

void guest_main(void)
{
	u64 *q = page_alloc();

	self_modifying();
	do
		first = page_alloc(), second = page_alloc();
	while (second != first + PAGE);
	faults();
	strings();
	ck(TRY(do_cmpxchg16, q, 0), 1, "cmpxchg16b equal");
	ck(q[0] == 1 && q[1] == 2, 1, "cmpxchg16b stored");
	ck(TRY(do_cmpxchg16, q, 0), 0, "cmpxchg16b not equal");
	q[8] = 0;
	ck(TRY(do_bts, q + 8, 0), 0, "lock bts of 0");
	ck(TRY(do_bts, q + 8, 0), 1, "lock bts of 1");
}
