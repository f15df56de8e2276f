/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page types: pins, what may be mapped how, stores to page tables, mmu_update, mmuext_op, memory_op, descriptors (Xen
 * public/xen.h, public/memory.h). Left out: 32-bit guests, superpages.
 */
#include "tests/guests/lib.h"

#define AT 0x40000000UL
enum {
	MEM_INCREASE = 0,
	MEM_DECREASE = 1,
	MEM_MAX_RAM = 2,
	MEM_CURRENT = 3,
	MEM_MAXIMUM = 4,
	MEM_M2P_LIST = 5,
	MEM_POPULATE = 6,
	MEM_MAP = 9,
	MEM_EXCHANGE = 11,
	MEM_M2P = 12
};
struct reservation {
	u64 *start, nr;
	u32 order, flags;
	u16 dom, pad[3];
};

static u8 *table_page(void)
{
	u8 *p = page_alloc();

	page_ro(p);
	return p;
}

static u64 entry(const void *p, u64 flags)
{
	return mfn_of(p) * PAGE | flags;
}

static void pins(void)
{
	u8 *l1 = table_page(), *t2, *t3, *t4, *rw = page_alloc(), *data = page_alloc();
	u64 *w;

	ck(ext(PIN_L1, mfn_of(rw), 0), -EINVAL, "pin a page mapped writable");
	ck(ext(PIN_L1, mfn_of(l1), 0), 0, "pin L1");
	ck(ext(PIN_L1, mfn_of(l1), 0), -EINVAL, "pin it twice");
	ck(ext(PIN_L2, mfn_of(l1), 0), -EINVAL, "pin it as L2");
	ck(va_set(A_(l1), entry(l1, P_RWX_), 2), -EBUSY, "a pinned table cannot be mapped writable");
	ck(va_set(A_(l1), entry(l1, P_RO_), 2), 0, "but read-only");
	ck(va_set(A_(l1), 0, 2), 0, "or not at all");
	ck(va_set(A_(l1), entry(l1, P_RO_), 2), 0, "and back");
	ck(ext(UNPIN, mfn_of(l1), 0), 0, "unpin");
	ck(ext(UNPIN, mfn_of(l1), 0), -EINVAL, "unpin twice");
	ck(va_set(A_(l1), entry(l1, P_RWX_), 2), 0, "writable again");
	/* A tree, filled while writable, pinned from the top. */
	t2 = page_alloc();
	t3 = page_alloc();
	t4 = page_alloc();
	((u64 *)l1)[3] = entry(data, P_RWX_);
	((u64 *)l1)[4] = entry(data, P_RO_);
	((u64 *)t2)[0] = entry(l1, P_RWX_);
	((u64 *)t3)[5] = entry(t2, P_RWX_);
	((u64 *)t4)[7] = entry(t3, P_RWX_);
	page_ro(t4);
	ck(ext(PIN_L4, mfn_of(t4), 0), -EINVAL, "pin L4 above tables mapped writable");
	page_ro(l1);
	page_ro(t2);
	page_ro(t3);
	ck(ext(PIN_L4, mfn_of(t4), 0), 0, "pin L4");
	ck(va_set(A_(t3), entry(t3, P_RWX_), 2), -EBUSY, "the L3 below is a table");
	ck(va_set(A_(l1), entry(l1, P_RWX_), 2), -EBUSY, "the L1 below is a table");
	ck(ext(PIN_L3, mfn_of(t3), 0), 0, "pin the L3 too");
	ck(ext(UNPIN, mfn_of(t4), 0), 0, "unpin L4");
	ck(va_set(A_(t4), entry(t4, P_RWX_), 2), 0, "L4 is free");
	ck(va_set(A_(t3), entry(t3, P_RWX_), 2), -EBUSY, "L3 is not, by its own pin");
	ck(ext(UNPIN, mfn_of(t3), 0), 0, "unpin L3");
	ck(va_set(A_(t3), entry(t3, P_RWX_), 2), 0, "L3 is free");
	ck(va_set(A_(l1), entry(l1, P_RWX_), 2), 0, "L1 is free");
	page_rw(t2);
	/* Contents that are refused. */
	w = (u64 *)l1;
	memset(l1, 0, PAGE);
	w[0] = 0x000ffffffffff000 | P_RO_;
	page_ro(l1);
	ck2(ext(PIN_L1, mfn_of(l1), 0), -EINVAL, -EPERM, "L1 with a frame that is not there");
	page_rw(l1);
	w[0] = entry(l1, P_RWX_);
	page_ro(l1);
	ck(ext(PIN_L1, mfn_of(l1), 0), -EBUSY, "L1 that maps itself writable");
	page_rw(l1);
	w[0] = entry(l1, P_RO_);
	page_ro(l1);
	ck(ext(PIN_L1, mfn_of(l1), 0), 0, "L1 that maps itself read-only");
	ck(ext(UNPIN, mfn_of(l1), 0), 0, "unpin it");
	page_rw(l1);
	w[0] = entry(data, P_RWX_ | P_PSE | 1UL << 8);
	page_ro(l1);
	ck2(ext(PIN_L1, mfn_of(l1), 0), 0, -EINVAL, "L1 with PAT and global");
	ext(UNPIN, mfn_of(l1), 0);
	page_rw(l1);
	w[0] = entry(data, P_RWX_ | P_PSE);
	page_ro(l1);
	ck(ext(PIN_L2, mfn_of(l1), 0), -EINVAL, "L2 with PSE");
	ck(ext(PIN_L3, mfn_of(l1), 0), -EINVAL, "L3 with PSE");
	page_rw(l1);
	w[0] = entry(data, P_RWX_);
	page_ro(l1);
	ck(ext(PIN_L2, mfn_of(l1), 0), -EINVAL, "L2 above a page mapped writable");
	page_rw(l1);
	w[0] = 0;
	w[511] = entry(data, P_RO_ | 0x800UL << 44);
	page_ro(l1);
	ck2(ext(PIN_L1, mfn_of(l1), 0), 0, -EINVAL, "L1 with available high bits");
	ext(UNPIN, mfn_of(l1), 0);
	page_rw(l1);
	ck(ext(PIN_L1, ~0UL >> 12, 0), -EINVAL, "pin no frame");
	ck(ext(UNPIN, ~0UL >> 12, 0), -EINVAL, "unpin no frame");
	ck(ext(99, 0, 0), -ENOSYS, "unknown mmuext_op");
}

static void entries(void)
{
	u8 *a = page_alloc(), *b = page_alloc();
	u64 *e = pte_of(A_(a)), old = *e, be = entry(b, P_RWX_), x;
	u32 done = 9;
	struct mmu_update u[3];

	a[0] = 0xa;
	b[0] = 0xb;
	ck(mmu1(entry_maddr(e), be), 0, "mmu_update L1");
	ext(INVLPG_LOCAL, A_(a), 0);
	ck(a[0], 0xb, "the new page");
	ck(mmu1(entry_maddr(e) | 2, old | P_D), 0, "PRESERVE_AD");
	ext(INVLPG_LOCAL, A_(a), 0);
	ck(a[0], 0xa, "the old page");
	/* Plain stores to a table that is mapped read-only. */
	if (!dom0) /* whose stores go by the check for read-only I/O */
		ck(TRY(poke64, e, be), TRAPPED(14), "a store to an L1 entry without VMASST_TYPE_writable_pagetables");
	ck(hc2(vm_assist, 0, 2), 0, "vm_assist enable writable_pagetables");
	ck(TRY(poke64, e, be), 0, "a store to an L1 entry");
	ck(PTE_MFN(*e), mfn_of(b), "stored");
	ext(INVLPG_LOCAL, A_(a), 0);
	ck(a[0], 0xb, "and works");
	x = *e;
	__asm__ volatile("lock cmpxchgq %2,%0" : "+m"(*e), "+a"(x) : "r"(old) : "memory", "cc");
	ck(PTE_MFN(*e), PTE_MFN(old), "LOCK CMPXCHG of an entry");
	x = 0x1234;
	__asm__ volatile("lock cmpxchgq %2,%0" : "+m"(*e), "+a"(x) : "r"(be) : "memory", "cc");
	ck(PTE_MFN(*e), PTE_MFN(old), "LOCK CMPXCHG that does not match");
	ck(PTE_MFN(x), PTE_MFN(old), "LOCK CMPXCHG that does not match: rax");
	ext(INVLPG_LOCAL, A_(a), 0);
	ck(a[0], 0xa, "the old page again");
	ck(TRY(poke32, A_(e) + 4, (u32)(be >> 32)), 0, "a store of the high half");
	ck(*e >> 32, be >> 32, "stored high");
	ck(TRY(poke32, e, (u32)be), 0, "a store of the low half");
	ck(PTE_MFN(*e), PTE_MFN(be), "stored low");
	ck(TRY(poke8, e, 0), 0, "a byte: not present");
	ck(*e & P_P, 0, "stored byte");
	ext(INVLPG_LOCAL, A_(a), 0);
	ck(TRY(peek8, a, 0), TRAPPED(14), "the page is gone");
	ck(TRY(poke64, e, old), 0, "and back");
	x = 0;
	__asm__ volatile("xchgq %1,%0" : "+m"(*e), "+r"(x) : : "memory");
	ck(PTE_MFN(x), PTE_MFN(old), "XCHG of an entry");
	ck(*e, 0, "XCHG stored 0");
	poke64(A_(e), old);
	ck(TRY(poke64, e, entry(e, 0) | P_RWX_), TRAPPED(14), "a store that maps a table writable");
	ck(last.error, 3, "its error code");
	ck(PTE_MFN(*e), PTE_MFN(old), "and nothing was stored");
	ck(TRY(poke64, A_(e) - (A_(e) & 4095), READ(*(u64 *)(A_(e) & ~4095UL))), 0, "storing what is there");
	ck(TRY(poke64, &l4[300], 0), TRAPPED(14), "a store to an L4");
	/* Lists. */
	u[0] = (struct mmu_update){ entry_maddr(e), be };
	u[1] = (struct mmu_update){ entry_maddr(e), mfn_of((void *)(A_(e) & ~4095UL)) * PAGE | P_RWX_ };
	u[2] = (struct mmu_update){ entry_maddr(e), old };
	ck(hc4(mmu_update, u, 3, &done, DOMID_SELF), -EBUSY, "a list with a bad one");
	ck(done, 1, "done until there");
	ck(PTE_MFN(*e), PTE_MFN(be), "the first was");
	ck(hc4(mmu_update, u + 2, 1, &done, DOMID_SELF), 0, "a good list");
	ck(done, 1, "one done");
	ck(hc4(mmu_update, u, 0, &done, DOMID_SELF), 0, "none");
	ck(hc4(mmu_update, 0x1000, 1, &done, DOMID_SELF), -EFAULT, "bad pointer");
	ck(hc4(mmu_update, u, 1, NULL, 999), -ESRCH, "for no domain");
	ck(mmu1(entry_maddr(e) | 5, 0), -ENOSYS, "unknown command");
	ck(mmu1(~0UL & ~4095UL, 0), -EINVAL, "no frame");
	/* An untyped page: a plain store. */
	ck(mmu1(mfn_of(b) * PAGE + 80, 0x1122334455667788), 0, "mmu_update of a data page");
	ck(((u64 *)b)[10], 0x1122334455667788, "is a store");
	/* M2P. */
	ck(mmu1(mfn_of(a) * PAGE | 1, 0x12345), 0, "MACHPHYS");
	ck(M2P[mfn_of(a)], 0x12345, "M2P");
	mmu1(mfn_of(a) * PAGE | 1, (A_(a) - VIRT_BASE) / PAGE);
	ck(mmu1((~0UL & ~4095UL) | 1, 0), -EINVAL, "MACHPHYS: no frame");
	/* L4. */
	ck(mmu1(entry_maddr(&l4[256]), 0), -EINVAL, "L4 slot 256");
	ck(mmu1(entry_maddr(&l4[271]), 0), -EINVAL, "L4 slot 271");
	ck(mmu1(entry_maddr(&l4[272]), 0), 0, "L4 slot 272");
	ck(mmu1(entry_maddr(&l4[100]), entry(b, P_RWX_)), -EINVAL, "L4 entry to a page mapped writable");
	/* va_set. */
	ck(va_set(0x7000000000, 0, 0), -EINVAL, "update_va_mapping without a table");
	ck(va_set(0xffff800000000000, 0, 0), -EINVAL, "update_va_mapping in the host's space");
	ck(va_set(A_(a), entry(b, P_RWX_), 0), 0, "update_va_mapping");
	ext(FLUSH_LOCAL, 0, 0);
	ck(a[0], 0xb, "with a flush of all");
	ck(va_set(A_(a), old, 1 | 4), 0, "update_va_mapping with a flush of the TLB on all");
	ck(a[0], 0xa, "no other flush is needed");
	ck(va_set(A_(a), 0x000ffffffffff000 | P_RO_, 2) < 0, 1, "a frame that is not there");
	/* Accessed and dirty. */
	va_set(A_(a), mfn_of(a) * PAGE | P_P | P_RW | P_US, 2);
	ck(*e & (P_A | P_D), 0, "A and D are clear");
	ck(TRY(peek8, a, 0), 0xa, "read");
	ck(*e & (P_A | P_D), P_A, "A");
	a[1] = 1;
	ck(*e & (P_A | P_D), P_A | P_D, "D");
	ck(mmu1(entry_maddr(e) | 2, mfn_of(a) * PAGE | P_P | P_RW | P_US), 0, "PRESERVE_AD");
	ck(*e & (P_A | P_D), P_A | P_D, "A and D kept");
	ck(mmu1(entry_maddr(e), mfn_of(a) * PAGE | P_P | P_RW | P_US), 0, "NORMAL");
	ck(*e & (P_A | P_D), 0, "A and D not kept");
	va_set(A_(a), old, 2);
}

/* Where the entries of each level for va are seen when slot LINEAR of the L4 names the L4. */
#define LINEAR 100UL
#define TABLES(up) (LINEAR << 39 | ((up) > 1 ? LINEAR << 30 : 0) | ((up) > 2 ? LINEAR << 21 : 0) | ((up) > 3 ? LINEAR << 12 : 0))
#define SEEN(up, va) ((u64 *)(TABLES(up) | (((va) & 0xffffffffffffUL) >> 9 * (up) & ((1UL << (48 - 9 * (up))) - 1) & ~7UL)))

static void linear(void)
{
	u64 at = 0x5000000000, *l3, *l2, *l1, *e, *n = page_alloc(), *k = page_alloc(), *x = page_alloc();
	u8 *a = page_alloc();

	ck(mmu1(entry_maddr(&l4[LINEAR]), entry(l4, P_RWX_)), -EINVAL, "L4 entry to itself, writable");
	ck(mmu1(entry_maddr(&l4[LINEAR]), entry(l4, P_RO_)), 0, "L4 entry to itself, read-only");
	ck(mmu1(entry_maddr(&l4[LINEAR]), entry(l4, P_RWX_)), -EINVAL, "and writable after that");
	map(at, entry(a, P_RWX_));
	e = pte_of(at);
	l1 = (u64 *)(A_(e) & ~(PAGE - 1));
	l3 = va_of(PTE_MFN(l4[at >> 39]));
	l2 = va_of(PTE_MFN(l3[at >> 30 & 511]));
	ck(*SEEN(1, at), *e, "the L1 entry, by the linear table");
	ck(*SEEN(2, at), l2[at >> 21 & 511], "the L2 entry");
	ck(*SEEN(3, at), l3[at >> 30 & 511], "the L3 entry");
	ck(*SEEN(4, at), l4[at >> 39], "the L4 entry");
	ck(*SEEN(4, LINEAR << 39), l4[LINEAR], "the linear entry itself");
	ck(va_set(at + PAGE, entry(a, P_RO_), 2), 0, "another page");
	ck(*SEEN(1, at + PAGE), e[1], "is seen at once");
	ck(va_set(A_(SEEN(1, at)), entry(a, P_RO_), 2), -EINVAL, "update_va_mapping of the linear table");
	/* The entry that maps an L1 table there is the L2's. */
	ck(TRY(poke64, SEEN(1, at + PAGE), entry(a, P_RWX_)), TRAPPED(14), "a store to an L1 table that its L2 entry lets write");
	ck(last.error & 3, 3, "is a fault of protection");
	ck(mmu1(entry_maddr(&l2[at >> 21 & 511]), entry(l1, P_RO_)), 0, "an L2 entry, read-only");
	ck(TRY(poke64, SEEN(1, at + PAGE), entry(x, P_RWX_)), 0, "then it is emulated");
	ck(PTE_MFN(e[1]), mfn_of(x), "as a store to the table is");
	ck(TRY(poke64, SEEN(2, at), 0), TRAPPED(14), "a store to an L2 table");
	ck(TRY(poke64, SEEN(4, at), 0), TRAPPED(14), "a store to the L4");
	va_set(at + PAGE, 0, 2);
	/* L3 and L2. */
	ck(mmu1(entry_maddr(&l3[5]), entry(l3, P_RWX_)), -EINVAL, "L3 entry to itself, writable");
	ck(mmu1(entry_maddr(&l3[5]), entry(l3, P_RO_)), 0, "read-only");
	ck(mmu1(entry_maddr(&l2[5]), entry(l2, P_RO_)), 0, "L2 entry to itself");
	ck(mmu1(entry_maddr(&l2[6]), entry(l3, P_RO_)), -EINVAL, "L2 entry to an L3");
	ck(mmu1(entry_maddr(&l3[5]), 0) | mmu1(entry_maddr(&l2[5]), 0), 0, "and gone");
	/* Another root. */
	memset(n, 0, PAGE);
	memset(k, 0, PAGE);
	n[7] = entry(l4, P_RWX_);
	page_ro(n);
	page_ro(k);
	ck(ext(PIN_L4, mfn_of(n), 0), -EINVAL, "pin an L4 with another in it, writable");
	page_rw(n);
	n[7] = entry(l4, P_RO_);
	n[8] = entry(n, P_RO_);
	page_ro(n);
	ck(ext(PIN_L4, mfn_of(n), 0), 0, "with another and itself, read-only");
	ck(mmu1(entry_maddr(&l4[LINEAR + 1]), entry(n, P_RO_)), -EINVAL, "the other way round");
	ck(ext(PIN_L4, mfn_of(k), 0), 0, "pin an empty L4");
	ck(mmu1(entry_maddr(&k[7]), entry(n, P_RO_)), -EINVAL, "an entry to one that has such entries");
	ck(mmu1(entry_maddr(&l4[LINEAR + 1]), entry(k, P_RO_)), -EINVAL, "an entry in one that others name");
	ck(mmu1(entry_maddr(&n[9]), entry(k, P_RO_)), 0, "a second one");
	ck(ext(UNPIN, mfn_of(k), 0), 0, "unpin it");
	ck(va_set(A_(k), entry(k, P_RWX_), 2), -EBUSY, "it is a table as long as it is named");
	ck(mmu1(entry_maddr(&n[9]), 0), 0, "no more");
	ck(va_set(A_(k), entry(k, P_RWX_), 2), 0, "then it is free");
	ck(ext(UNPIN, mfn_of(n), 0), 0, "unpin the other");
	ck(va_set(A_(n), entry(n, P_RWX_), 2), 0, "that is free too");
	ck(mmu1(entry_maddr(&l4[LINEAR]), 0), 0, "no linear table");
	ck(TRY(peek64, SEEN(1, at), 0), TRAPPED(14), "there is nothing to see");
	va_set(at, 0, 2);
}

static void roots(void)
{
	u64 *n = page_alloc(), *saved = l4;
	u8 *p = page_alloc();

	memcpy(n, l4, PAGE);
	memset(n + 256, 0, 16 * 8);
	page_ro(n);
	ck(ext(NEW_BASEPTR, mfn_of(p), 0), -EINVAL, "NEW_BASEPTR of a data page");
	ck(ext(PIN_L4, mfn_of(n), 0), 0, "pin a copy of the L4");
	ck(ext(NEW_BASEPTR, mfn_of(n), 0), 0, "NEW_BASEPTR");
	p[0] = 3;
	ck(p[0], 3, "life goes on");
	ck(M2P[mfn_of(p)], (A_(p) - VIRT_BASE) / PAGE, "with the M2P");
	ck(ext(UNPIN, mfn_of(n), 0), 0, "unpin the running one");
	ck(va_set(A_(n), entry(n, P_RWX_), 2), -EBUSY, "it is still in use");
	ck(ext(NEW_BASEPTR, mfn_of(saved), 0), 0, "the old one");
	ck(va_set(A_(n), entry(n, P_RWX_), 2), 0, "then it is free");
	ck(ext(NEW_USER_BASEPTR, 0, 0), 0, "no user tables");
	/* CLEAR_PAGE and COPY_PAGE. */
	memset(p, 7, PAGE);
	ck(ext(COPY_PAGE, mfn_of(n), mfn_of(p)), 0, "COPY_PAGE");
	ck(*(u8 *)n, 7, "copied");
	ck(ext(CLEAR_PAGE, mfn_of(p), 0), 0, "CLEAR_PAGE");
	ck(p[100], 0, "cleared");
	ck(ext(CLEAR_PAGE, mfn_of(l4), 0), -EINVAL, "CLEAR_PAGE of a table");
}

static i64 mem(u32 op, u64 *list, u64 n, u32 order)
{
	struct reservation r = { list, n, order, 0, DOMID_SELF, { 0 } };

	return hc2(memory_op, op, &r);
}

static void memory(void)
{
	u8 *p = page_alloc(), *q = page_alloc();
	u64 pfn = (A_(p) - VIRT_BASE) / PAGE, mfn = mfn_of(p), was, list[2], out[2];
	i64 cur, r;
	u16 dom = DOMID_SELF;

	cur = hc2(memory_op, MEM_CURRENT, &dom);
	ck(cur >= (i64)si->nr_pages, 1, "current_reservation");
	ck(hc2(memory_op, MEM_MAXIMUM, &dom) != 0, 1, "maximum_reservation");
	ck(hc2(memory_op, MEM_MAX_RAM, NULL) >= (i64)mfn, 1, "maximum_ram_page");
	ck(hc2(memory_op, 63, NULL), -ENOSYS, "unknown memory_op");
	ck(hc2(memory_op, MEM_DECREASE, 0x1000), 0, "decrease: bad pointer: none done");
	va_set(A_(p), 0, 2);
	list[0] = mfn;
	ck(mem(MEM_DECREASE, list, 1, 0), 1, "decrease_reservation");
	ck(hc2(memory_op, MEM_CURRENT, &dom), cur - 1, "one page fewer");
	ck(va_set(A_(p), mfn * PAGE | P_RWX_, 2) != 0, 1, "the frame is no longer ours");
	ck(mem(MEM_DECREASE, list, 1, 0), 0, "decrease it again: none");
	list[0] = pfn;
	ck(mem(MEM_POPULATE, list, 1, 0), 1, "populate_physmap");
	mfn = list[0];
	p2m[pfn] = mfn;
	ck(M2P[mfn], pfn, "M2P of the new frame");
	ck(va_set(A_(p), mfn * PAGE | P_RWX_, 2), 0, "it can be mapped");
	ck(p[0] | p[4095], 0, "and is zero");
	ck(hc2(memory_op, MEM_CURRENT, &dom), cur, "as many as before");
	/* exchange */
	{
		struct {
			struct reservation in, out;
			u64 done;
		} x = { { list, 1, 0, 0, DOMID_SELF, { 0 } }, { out, 1, 0, 0, DOMID_SELF, { 0 } }, 0 };

		va_set(A_(q), 0, 2);
		was = mfn_of(q);
		list[0] = was;
		out[0] = (A_(q) - VIRT_BASE) / PAGE;
		ck(hc2(memory_op, MEM_EXCHANGE, &x), 0, "exchange");
		ck(x.done, 1, "exchange: one done");
		ck(M2P[out[0]], (A_(q) - VIRT_BASE) / PAGE, "exchange: M2P");
		p2m[(A_(q) - VIRT_BASE) / PAGE] = out[0];
		ck(va_set(A_(q), out[0] * PAGE | P_RWX_, 2), 0, "exchange: can be mapped");
		x.out.nr = 2;
		x.done = 0;
		ck(hc2(memory_op, MEM_EXCHANGE, &x), -EINVAL, "exchange of unequal sizes");
	}
	{
		struct {
			u64 start, end, max;
		} m = { 0, 0, 0 };

		ck(hc2(memory_op, MEM_M2P, &m), 0, "machphys_mapping");
		ck(m.start, A_(M2P), "its start");
		ck(m.max >= mfn, 1, "its end");
	}
	/* A page in use keeps its frame. */
	list[0] = mfn_of(p);
	r = mem(MEM_DECREASE, list, 1, 0);
	ck(r, 1, "decrease of a mapped page");
	p[0] = 1;
	ck(p[0], 1, "it lasts while it is mapped");
	va_set(A_(p), 0, 2);
	ck(va_set(A_(p), list[0] * PAGE | P_RWX_, 2) != 0, 1, "but no longer");
}

ASMFN(load_ds, "mov %edi,%ds; mov %ds,%eax; xor %ecx,%ecx; mov %ecx,%ds");
ASMFN(do_lar, "xor %eax,%eax; lar %edi,%eax");

static void descriptors(void)
{
	u64 *gdt = page_alloc(), *ldt = page_alloc(), frame[16], at;
	i64 r;

	gdt[1] = 0x00cff3000000ffff;
	page_ro(gdt);
	frame[0] = mfn_of(gdt);
	at = mfn_of(gdt) * PAGE;
	ck(hc2(set_gdt, frame, 8193), -EINVAL, "set_gdt: too many");
	ck(hc2(set_gdt, frame, 7168 + 1), -EINVAL, "set_gdt: into the host's part");
	ck(hc2(set_gdt, 0x1000, 8), -EFAULT, "set_gdt: bad pointer");
	ck(hc2(set_gdt, frame, 512), 0, "set_gdt");
	ck(va_set(A_(gdt), entry(gdt, P_RWX_), 2), -EBUSY, "a GDT's page cannot be mapped writable");
	ck(TRY(poke64, gdt + 1, 0), TRAPPED(14), "nor be stored to");
	ck(hc2(update_descriptor, at + 16, 0x00cff3000000ffff), 0, "update_descriptor");
	ck(TRY(load_ds, 19, 0), 19, "works");
	ck(hc2(update_descriptor, at + 24, 0x00cf93000000ffff), 0, "update_descriptor: DPL 0");
	ck(TRY(load_ds, 27, 0), 27, "is DPL 3 then");
	ck(gdt[3] >> 45 & 3, 3, "in the table too");
	ck(hc2(update_descriptor, at + 32, 0x00008b0000000067), -EINVAL, "update_descriptor: a TSS");
	ck(hc2(update_descriptor, at + 32, 0x00008e0000000000 | KERNEL_CS << 16), -EINVAL,
	   "update_descriptor: an interrupt gate");
	ck(hc2(update_descriptor, at + 32, 0x0000ec0000000000 | KERNEL_CS << 16), 0, "update_descriptor: a call gate");
	ck(hc2(update_descriptor, at + 32, 0), 0, "update_descriptor: none");
	ck(hc2(update_descriptor, at + 33, 0), -EINVAL, "update_descriptor: misaligned");
	ck(hc2(update_descriptor, ~0UL & ~7UL, 0), -EINVAL, "update_descriptor: no frame");
	ldt[2] = 0x00cff3000000ffff;
	page_ro(ldt);
	ck(ext(SET_LDT, A_(ldt) + 8, 16), -EINVAL, "SET_LDT: misaligned");
	ck(ext(SET_LDT, A_(ldt), 8193), -EINVAL, "SET_LDT: too many");
	ck(ext(SET_LDT, A_(ldt), 16), 0, "SET_LDT");
	ck(TRY(load_ds, 2 * 8 + 7, 0), 23, "a segment from the LDT");
	ck(TRY(load_ds, 20 * 8 + 7, 0), TRAPPED(13), "one past its end");
	r = hc2(update_descriptor, mfn_of(ldt) * PAGE + 24, 0x00cff3000000ffff);
	ck(r, 0, "update_descriptor in the LDT");
	ck(TRY(load_ds, 3 * 8 + 7, 0), 31, "works");
	ck(ext(SET_LDT, 0, 0), 0, "SET_LDT none");
	ck(va_set(A_(ldt), entry(ldt, P_RWX_), 2), 0, "its page is free");
	ck(hc2(set_gdt, frame, 0), 0, "set_gdt none");
	ck(va_set(A_(gdt), entry(gdt, P_RWX_), 2), 0, "its page is free too");
}

void guest_main(void)
{
	pins();
	entries();
	linear();
	roots();
	descriptors();
	memory();
	/* Frames of others. */
	ck(va_set(A_(page_alloc()), 0xff000UL << 12 | P_RWX_, 2) && !dom0, !dom0,
	   "a frame beyond RAM"); /* I/O space to dom0 */
	ck(va_set(A_(page_alloc()), si->shared_info | P_RO_, 2), 0, "shared_info again, read-only");
	ck(ext(PIN_L1, si->shared_info / PAGE, 0), -EINVAL, "shared_info is no page table");
	ck(hc4(mmuext_op, 0x1000, 1, NULL, DOMID_SELF), -EFAULT, "mmuext_op: bad pointer");
	ck(hc4(mmuext_op, 0x1000, 1, NULL, 999), -ESRCH, "mmuext_op: no domain");
}
