/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables of a 32-bit guest: the L3 of four entries, the L2 with the hypervisor's slots, 64-bit entries in two words,
 * the M2P (Xen public/arch-x86/xen-x86_32.h, public/xen.h; errors as Xen's arch/x86/mm.c gives them).
 */
#include "tests/guests/compat/lib.h"

#define TOP_FIRST 428 /* slot of 0xf5800000 in the last L2 */

ASMFN(get_cr3, "mov %cr3,%eax");
USERFN(user_peek, "mov (%ebx),%eax; ud2");
USERFN(user_poke, "movl $7,(%ebx); ud2");

static u64 *spare(void)
{
	u64 *p = page_alloc();

	memset(p, 0, PAGE);
	return p;
}

/* An L3 as the first one, with an L2 of its own for the last slot. */
static u64 *new_l3(u64 **top)
{
	u64 *n = spare(), *t = spare();
	u32 i;

	memcpy(t, va_of(PTE_MFN(l3[3])), TOP_FIRST * 8);
	for (i = 0; i < 4; i++)
		n[i] = l3[i];
	n[3] = pte(t, P_P);
	page_ro(t);
	page_ro(n);
	*top = t;
	return n;
}

static u32 l3_try(u64 **l3p, u32 slot, u64 e)
{
	u64 *top;
	u64 *n = new_l3(&top);
	i32 r;

	page_rw(n);
	n[slot] = e;
	page_ro(n);
	r = ext(PIN_L3, mfn_of(n), 0);
	*l3p = n;
	return (u32)r;
}

static void m2p(void)
{
	u32 mfn = mfn_of(stacks), pfn = (A_(stacks) - VIRT_BASE) / PAGE;

	ck(M2P[mfn], pfn, "the M2P");
	ck(TRY(poke32, &M2P[mfn], 0), TRAPPED(14), "... cannot be written");
	ck(last.error, 3, "... error code");
	ck(TRY(peek32, M2P, 0), dom0 ? A_(TRY(peek32, M2P, 0)) : TRAPPED(14), "... and faults where there is no memory");
	ck(mmu1((u64)mfn * PAGE | 1, pfn + 5), 0, "MMU_MACHPHYS_UPDATE");
	ck(M2P[mfn], pfn + 5, "... is seen");
	mmu1((u64)mfn * PAGE | 1, pfn);
	ck(p2m[1] - p2m[0], 1, "the p2m list has 4-byte entries");
	ck(TRY(peek32, 0xff000000, 0), TRAPPED(14), "nothing is mapped above");
}

static void entries(void)
{
	u32 *p = page_alloc();
	u64 *e = pte_of(A_(p)), was = *e;

	*p = 0xabcd;
	ck(*e & P_US, 0, "the U bit is as it was written");
	ck(va_set(A_(p), pte(p, P_RO_), 2), 0, "update_va_mapping with an entry in two words");
	ck(TRY(poke32, p, 1), TRAPPED(14), "... read-only");
	ck(va_set(A_(p), pte(p, P_RWX_ | P_NX), 2), 0, "... with NX in the upper one");
	ck((u32)(*e >> 63), 1, "... which is there");
	ck(TRY(call_at, p, 0), TRAPPED(14), "... and forbids execution");
	ck(last.error, 0x11, "... error code");
	ck(va_set(A_(p), pte(p, P_RWX_ | 1ULL << 53), 2), 0, "bits for software above 52 are fine");
	ck(va_set(A_(p), pte(p, P_RWX_ | 8), 2), -EINVAL, "PWT is not");
	ck(va_set(A_(p), 0x7fff000 | P_RWX_, 2), dom0 ? -EPERM : -EBUSY, "a frame of others is not");
	ck(va_set(HYPER_START, pte(p, P_RWX_), 2), -EINVAL, "update_va_mapping in the hypervisor's addresses");
	ck(va_set(0x400000, pte(p, P_RWX_), 2), -EINVAL, "... where there is no table");
	ck(mmu1(entry_maddr(e), was), 0, "mmu_update");
	ck(*p, 0xabcd, "... the page is back");
	ck(mmu1(entry_maddr(e), pte(l3, P_RWX_)), -EBUSY, "a writable mapping of a page table");
	/* Stores to an L1 table, emulated, of half an entry each. */
	ck(TRY(poke32, A_(e), (u32)(was & ~P_RW)), TRAPPED(14), "a store to an L1 without the assist");
	ck(hc2(vm_assist, 0, 2), 0, "vm_assist writable_pagetables");
	ck(TRY(poke32, A_(e), (u32)(was & ~P_RW)), 0, "a store to the lower half of an L1 entry");
	ck(TRY(poke32, p, 1), TRAPPED(14), "... is in force");
	ck(TRY(poke32, A_(e) + 4, 0x80000000), 0, "... and to the upper half");
	ck((u32)(*e >> 32), 0x80000000, "... is there");
	ck(TRY(poke32, A_(e) + 4, 0x00000fff), 0, "an upper half that names no frame");
	ck(*e & P_P, 0, "... takes the present bit away");
	ck(TRY(poke32, A_(e) + 4, 0), 0, "... until it is right again");
	ck(TRY(poke32, A_(e), (u32)was), 0, "... and the lower half says so");
	ck(*p, 0xabcd, "the page is back");
	hc2(vm_assist, 1, 2);
}

static int user_trap(struct regs *r)
{
	trap_hook = NULL;
	leave((i32)r->vector);
}

static u32 in_user(void (*fn)(void), u32 va)
{
	struct regs r = { .eip = A_(fn), .cs = USER_CS, .eflags = 2, .esp = 0, .ss = USER_SS, .ds = USER_SS, .es = USER_SS,
			  .ebx = va };

	user_run(fn, 2); /* makes its page a user's */
	trap_hook = user_trap;
	return (u32)enter(&r);
}

static void user_bit(void)
{
	u32 *p = page_alloc();

	*p = 0x55;
	ck(in_user(user_peek, A_(p)), 14, "ring 3 reads a page without U");
	ck(last.error, 5, "... error code");
	va_set(A_(p), pte(p, P_RO_ | P_US), 2);
	ck(in_user(user_peek, A_(p)), 6, "ring 3 reads a page with U");
	ck(last.eax, 0x55, "... what it has");
	ck(in_user(user_poke, A_(p)), 14, "... may not write it");
	ck(last.error, 7, "... error code");
	va_set(A_(p), pte(p, P_RWX_ | P_US), 2);
	ck(in_user(user_poke, A_(p)), 6, "... unless it has W");
	ck(*p, 7, "... and so it did");
	page_rw(p);
}

static void l3_rules(void)
{
	u64 *n, *top, *other;
	u32 first = get_cr3(0, 0) >> 12;

	ck(l3_try(&n, 3, 0), -EINVAL, "an L3 whose last slot is empty");
	page_rw(n);
	ck(l3_try(&n, 3, l3[3]), -EINVAL, "an L3 whose last L2 is another one's too");
	page_rw(n);
	ck(l3_try(&n, 1, pte(spare(), P_P) | P_NX), -EINVAL, "an L3 entry with NX");
	page_rw(n);
	ck(l3_try(&n, 1, pte(spare(), P_P) | 1ULL << 53), -EINVAL, "... with a bit for software above 52");
	page_rw(n);
	ck(l3_try(&n, 1, l3[3]), -EINVAL, "the last L2 in another slot");
	page_rw(n);
	ck(l3_try(&n, 1, pte(n, P_P)), -EINVAL, "an L3 that names another frame of no L2");
	page_rw(n);
	n = new_l3(&top);
	page_rw(n);
	n[1] = pte(n, P_P);
	page_ro(n);
	ck(ext(PIN_L3, mfn_of(n), 0), -EINVAL, "a linear table: an L3 in itself");
	page_rw(n);
	n[1] = 0;
	n[4] = 0x1234567;
	n[511] = ~0ULL;
	top = va_of(PTE_MFN(n[3]));
	page_rw(top);
	top[500] = 0x7777;
	page_ro(top);
	page_ro(n);
	ck(ext(PIN_L3, mfn_of(n), 0), 0, "an L3");
	ck(n[4] | n[511], 0, "... what was behind its four entries is gone");
	ck((u32)n[3] & (P_RW | P_US), P_RW | P_US, "... W and U are set in its entries");
	if (!dom0)
		ck(top[500], 0, "... and the hypervisor's slots of the last L2 are not the guest's");
	ck(ext(PIN_L3, mfn_of(n), 0), -EINVAL, "... twice");
	ck(ext(PIN_L2, mfn_of(top), 0), -EINVAL, "the last L2 cannot be pinned as another");
	ck(ext(PIN_L4, mfn_of(n), 0), 0, "PIN_L4 does nothing");
	ck(ext(NEW_USER_BASEPTR, mfn_of(n), 0), -EINVAL, "NEW_USER_BASEPTR");
	ck(mmu1(entry_maddr(&n[3]), n[3]), -EINVAL, "an update of the last L3 slot");
	ck(mmu1(entry_maddr(&n[4]), 0), -EINVAL, "... of one that does not exist");
	ck(mmu1(entry_maddr(&n[1]), pte(spare(), P_P | P_NX)), -EINVAL, "... with NX");
	ck(mmu1(entry_maddr(&top[TOP_FIRST]), 0), -EPERM, "an update of the hypervisor's slot in the last L2");
	ck(mmu1(entry_maddr(&top[TOP_FIRST - 1]), 0), 0, "... of the one before");
	other = spare();
	page_ro(other);
	ck(mmu1(entry_maddr(&n[1]), pte(other, P_P)), 0, "a new L2");
	ck((u32)n[1] & (P_RW | P_US), P_RW | P_US, "... W and U are set");
	ck(mmu1(entry_maddr(&other[0]), pte(other, P_P | P_RW)), -EINVAL, "a linear table: an L2 in itself, writable");
	ck(mmu1(entry_maddr(&other[0]), pte(other, P_P)), 0, "... read-only");
	ck(mmu1(entry_maddr(&other[1]), pte(top, P_P)), 0, "... the last L2");
	ck(mmu1(entry_maddr(&top[0]), pte(other, P_P)), -EINVAL, "... which names none then");
	ck(mmu1(entry_maddr(&other[1]), 0), 0, "... gone");
	ck(mmu1(entry_maddr(&other[0]), 0), 0, "... both");
	ck(mmu1(entry_maddr(&other[0]), pte(spare(), P_P | P_RW | 0x80)), -EINVAL, "a large page");
	ck(ext(NEW_BASEPTR, mfn_of(other), 0), -EINVAL, "NEW_BASEPTR with an L2");
	ck(ext(NEW_BASEPTR, 0, 0), -EINVAL, "... with nothing");
	ck(ext(NEW_BASEPTR, mfn_of(n), 0), 0, "NEW_BASEPTR");
	ck(get_cr3(0, 0), mfn_of(n) << 12, "... is CR3");
	/* What is mapped in one is not in the other. */
	{
		u64 *t = spare();
		u32 *p = page_alloc();

		*p = 0x999;
		page_ro(t);
		ck(mmu1(entry_maddr(&other[0]), pte(t, P_P | P_RW | P_US)), 0, "an L1 below it");
		ck(va_set(0x40000000, pte(p, P_RWX_), 2), 0, "update_va_mapping there");
		ck(*(volatile u32 *)0x40000000, 0x999, "... is seen");
		ck(M2P[mfn_of(p)], (A_(p) - VIRT_BASE) / PAGE, "the M2P is in every address space");
		ck(ext(UNPIN, mfn_of(n), 0), 0, "unpin while it is in use");
		ck(ext(NEW_BASEPTR, first, 0), 0, "back to the first");
		ck(TRY(peek32, 0x40000000, 0), TRAPPED(14), "... where it is not mapped");
	}
	ck(va_set(A_(n), pte(n, P_RWX_), 2), 0, "the old L3 is an ordinary page again");
}

void guest_main(void)
{
	m2p();
	entries();
	user_bit();
	l3_rules();
}
