/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User mode for the test guests: a page of code and one of stack, seen from both modes, in page tables of the user's own.
 */
#include "tests/guests/lib.h"

u64 *user_setup(const u8 *begin, const u8 *end)
{
	u64 *user_l4 = page_alloc();
	u8 *code = page_alloc(), *stack = page_alloc();

	memcpy(code, begin, (u64)(end - begin));
	map(UCODE, mfn_of(code) * PAGE | P_RO_);
	map(USTACK, mfn_of(stack) * PAGE | P_RWX_ | P_NX);
	user_l4[0] = l4[0];
	page_ro(user_l4);
	return user_l4;
}

void user_tables(u64 *user_l4)
{
	ck(ext(PIN_L4, mfn_of(user_l4), 0), 0, "pin the user's L4");
	ck(ext(NEW_USER_BASEPTR, mfn_of(user_l4), 0), 0, "NEW_USER_BASEPTR");
}

void user_regs(struct regs *r, u64 rip, u64 rdi, u64 rflags)
{
	memset(r, 0, sizeof *r);
	r->rip = rip;
	r->rdi = rdi;
	r->rbx = 0xb0b;
	r->r8 = 0x88;
	r->r11 = 0x1111;
	r->rcx = 0xcccc;
	r->rax = 0xaaaa;
	r->cs = USER_CS;
	r->ss = USER_SS;
	r->rsp = USTACK + 4000;
	r->rflags = rflags;
}
