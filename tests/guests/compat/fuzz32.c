/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Garbage from a 32-bit guest, the same each run: every hypercall with odd words and with pointers to odd bytes, random
 * descriptors, selectors and frames to go to ring 3 with. The domain lives on, and its page types still add up as its tables
 * can be let go and checked again.
 */
#include "tests/guests/compat/lib.h"

#define ROUNDS 400

static u32 a[5];
static u32 odd[1024] __attribute__((aligned(4096)));
static u64 gdt[512] __attribute__((aligned(4096)));

/* xorshift. */
static u32 rnd(void)
{
	static u32 x = 20261121;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static u32 word(void)
{
	static const u32 words[] = { 0, 1, 2, 3, 4, 7, 8, 0xff, 0xfff, 0x1000, 0x7ff0, 0x7ff1, 0x7ff4, 0xffff, 0x7fffffff,
				     0x80000000, 0xffffffff, 0xf5800000, 0xf67ffffc, 0xfffff000, 0xe008, 0xe019, 0xe021, 0xe02b,
				     0x40000000, 0x40000 };

	switch (rnd() & 7) {
	case 0:
		return rnd();
	case 1:
		return rnd() & 0xfff;
	case 2:
		return A_(odd) + (rnd() & 0xffc);
	case 3:
		return mfn_of(stacks) + (rnd() & 255);
	default:
		return words[rnd() % ARRAY_SIZE(words)];
	}
}

/* Calls that sleep for ever, end the domain or take away what this program stands on, as they should. */
static int skip(u32 nr)
{
	switch (nr) {
	case HC_iret:
	case HC_console_io:
	case HC_memory_op: /* would give pages of this program back */
	case HC_mmu_update:
	case HC_mmuext_op:
	case HC_update_va_mapping:
	case HC_update_va_mapping + 8: /* ... otherdomain */
	case HC_multicall:             /* any of these */
	case HC_update_descriptor:     /* may write to any page that is writable */
	case HC_grant_table_op:
		return 1;
	case HC_sched_op:
		return a[0] >= 1 && a[0] <= 6;
	case 6: /* sched_op_compat */
		return a[0] == 1 || a[0] == 2;
	case HC_vcpu_op:
		return a[0] == 2 || a[0] == 10; /* down; vcpu_info */
	default:
		return 0;
	}
}

static i32 one(u32 nr, u32 b)
{
	return hc(nr, a[0], a[1], a[2], a[3], a[4]);
}

static void repair(void)
{
	traps_install();
	hc4(set_callbacks, KERNEL_CS, trap_entries[256], KERNEL_CS, failsafe_entry);
	hc2(stack_switch, KERNEL_SS, stacks[1]);
	ext(SET_LDT, 0, 0);
	event_off();
}

static void calls(void)
{
	u32 nr, i, k, n = 0, errors = 0;

	for (i = 0; i < ROUNDS; i++) {
		for (nr = 0; nr < 64; nr++) {
			for (k = 0; k < 5; k++)
				a[k] = word();
			if (rnd() & 1)
				a[0] = rnd() & 31;
			for (k = 0; k < 16; k++)
				odd[rnd() & 1023] = word();
			if (skip(nr))
				continue;
			n++;
			errors += TRY(one, nr, 0) < 0;
			if (nr < 5)
				repair();
		}
		repair();
	}
	ck(errors > n / 2, 1, "garbage calls are mostly errors");
}

/* Page tables: entries of garbage in tables of one's own. */
static void tables(void)
{
	u64 *l1 = page_alloc(), *l2 = page_alloc();
	u32 i, k, n = 0;

	for (i = 0; i < 200; i++) {
		for (k = 0; k < 4; k++) {
			u64 mfn = rnd() & 1 ? mfn_of(stacks) + (rnd() & 1023) : rnd();

			l1[rnd() & 511] = mfn << 12 | (rnd() & 0x67) | (u64)(rnd() & 1) << 63;
			l2[rnd() & 511] = (rnd() & 3 ? mfn_of(l1) : mfn) << 12 | (rnd() & 0x67);
		}
		page_ro(l1);
		page_ro(l2);
		if (!ext(rnd() & 1 ? PIN_L1 : PIN_L2, mfn_of(rnd() & 1 ? l1 : l2), 0))
			n++;
		mmu1(entry_maddr(&l1[rnd() & 511]), (u64)word() << 12 | (rnd() & 0xff));
		mmu1(entry_maddr(&l2[rnd() & 511]), (u64)word() << 12 | (rnd() & 0xff));
		ext(UNPIN, mfn_of(l1), 0);
		ext(UNPIN, mfn_of(l2), 0);
		if (va_set(A_(l1), pte(l1, P_RWX_), 2) || va_set(A_(l2), pte(l2, P_RWX_), 2))
			break;
		if (i % 8 == 0) {
			memset(l1, 0, PAGE);
			memset(l2, 0, PAGE);
		}
	}
	ck(i, 200, "garbage tables can always be let go");
	ck(n > 10, 1, "... and some are tables");
}

static int ends(struct regs *r)
{
	leave((i32)r->vector);
}

USERFN(user_any, "mov (%ebx),%eax; mov %eax,(%ecx); push %edx; pop %gs; ud2");

/* Ring 1 to 3 with any selectors and flags: a trap comes back. */
static void frames(void)
{
	u32 frame = mfn_of(gdt), i, k;

	user_run(user_any, 2); /* makes its page a user's */
	page_ro(gdt);
	ck(hc2(set_gdt, &frame, 512), 0, "a GDT");
	for (i = 0; i < 3000; i++) {
		struct regs r = { .eip = rnd() & 3 ? A_(user_any) : word(), .cs = USER_CS, .ss = USER_SS, .esp = word(),
				  .ds = USER_SS, .es = USER_SS, .ebx = word(), .ecx = word(), .edx = word() };

		for (k = 0; k < 4; k++) {
			u64 at = entry_maddr(&gdt[2 + (rnd() & 15)]);

			hc4(update_descriptor, at, at >> 32, word(), rnd());
		}
		if (rnd() & 1)
			r.cs = rnd() & 1 ? (rnd() & 0x7c) + 19 : word() | 3;
		if (rnd() & 1)
			r.ss = rnd() & 1 ? (rnd() & 0x7c) + 19 : word() | 3;
		r.eflags = rnd() & ~(FL_IF | 0x20000u); /* events off, not to virtual-8086 mode */
		trap_hook = ends;
		enter(&r);
		trap_hook = NULL;
	}
	ck(i, 3000, "garbage frames come back");
	ck(hc2(set_gdt, NULL, 0), 0, "no GDT");
	ck(va_set(A_(gdt), pte(gdt, P_RWX_), 2), 0, "... and its page is an ordinary one");
}

void guest_main(void)
{
	if (dom0) /* who may do real harm */
		return;
	calls();
	tables();
	frames();
	ck(hc2(xen_version, 0, NULL) >> 16, 4, "the host still answers");
}
