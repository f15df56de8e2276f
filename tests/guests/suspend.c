/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Suspends itself as Linux does (Xen public/sched.h, SHUTDOWN_suspend), twice: with the list of pages shown by an address, and as a
 * tree of frames. Where nobody saves it, it finds its suspend cancelled, and all as before; when it was saved and resumed, it looks
 * at what it came back with: frames, page tables, processors, and that events and the like are gone. Run with -smp 3.
 */
#include "tests/guests/lib.h"

#define FAR 0x7000000000UL /* an address of the user's half */
#define PAGES 8192
#define MAGIC 0x1122334455667788UL
#define BASE_FS 0x123456789000UL
#define BASE_GS 0xffffffff81234000UL

static u64 before[PAGES];
static u64 top[512] __attribute__((aligned(4096))), mid[512] __attribute__((aligned(4096)));
static volatile u64 beats, wrong;
static u32 pending; /* words of events, as it came back */
static u64 *gdt, *far_page, *gone;

/* Counts, with something in its registers that must stay; makes no hypercalls, so it is anywhere when all stops. */
static void second(u32 id)
{
	for (;;) {
		u64 a = MAGIC, b = MAGIC + 1, c;

		__asm__ volatile("movq %2, %%xmm5\n mov $200, %%rcx\n1: dec %%rcx\n jnz 1b\n movq %%xmm5, %0"
				 : "=r"(c), "+r"(a)
				 : "r"(b)
				 : "rcx", "memory");
		wrong = wrong + (a != MAGIC || c != MAGIC + 1);
		beats = beats + 1;
	}
}

static void third(u32 id)
{
}

static void wait_beats(void)
{
	u64 from = beats;

	while (beats - from < 3)
		hc2(sched_op, 0, NULL);
}

static void wait_down(void)
{
	while (hc3(vcpu_op, 3, 2, NULL) == 1)
		hc2(sched_op, 0, NULL);
}

static u64 now_pages(void)
{
	u16 self[4] = { DOMID_SELF };

	return A_(hc2(memory_op, 3, self)); /* XENMEM_current_reservation */
}

/* A page that is given back before: the list has a hole. */
static void give_back(void)
{
	u64 mfn;
	struct {
		u64 *extents, nr;
		u32 order, flags;
		u16 domid;
	} r = { &mfn, 1, 0, 0, (u16)DOMID_SELF };

	gone = page_alloc();
	mfn = mfn_of(gone);
	va_set(A_(gone), 0, 2);
	ck(hc2(memory_op, 1, &r), 1, "a page is given back");
	p2m[(A_(gone) - VIRT_BASE) / PAGE] = ~0UL;
}

static void show_list(u32 round)
{
	u64 i, n = (si->nr_pages + 511) / 512;

	shi->max_pfn = si->nr_pages;
	shi->p2m_list = ~0UL;
	shi->p2m_cr3 = shi->p2m_vaddr = 0;
	if (!round) {
		shi->p2m_cr3 = mfn_of(l4) * PAGE;
		shi->p2m_vaddr = A_(p2m);
		return;
	}
	for (i = 0; i < n; i++)
		mid[i] = mfn_of(p2m + i * 512);
	top[0] = mfn_of(mid);
	shi->p2m_list = mfn_of(top);
}

/* 1: cancelled. Between the two nothing may be printed. */
static i64 suspend(void)
{
	u64 store = si->store_mfn, console = si->console_mfn;
	u32 reason = 2, i;
	i64 r;

	memcpy(before, p2m, si->nr_pages * 8);
	si->store_mfn = M2P[store];
	si->console_mfn = M2P[console];
	va_set(A_(shi), mfn_of(shi) * PAGE | P_RWX_, 2);
	r = hc3(sched_op, 2, &reason, mfn_of(si));
	va_set(A_(shi), si->shared_info | P_RWX_, 2);
	if (r) {
		si->store_mfn = store;
		si->console_mfn = console;
	} else {
		for (pending = i = 0; i < ARRAY_SIZE(shi->pending); i++)
			pending += READ(shi->pending[i]) != 0;
		memset(shi->mask, 0xff, sizeof shi->mask);
	}
	return r;
}

static void look_at_pages(u32 round, i64 cancelled)
{
	u64 i, same = 0, there = 0, m2p_wrong = 0, table_wrong = 0, va;

	for (i = 0; i < si->nr_pages; i++) {
		if (p2m[i] == ~0UL) {
			same += before[i] == ~0UL;
			continue;
		}
		there++;
		same += p2m[i] == before[i];
		m2p_wrong += M2P[p2m[i]] != i;
	}
	/* One that is given back counts. */
	if (cancelled)
		ck(same, si->nr_pages, "%u: all frames are as before", round);
	else
		ck(same <= 1 + si->nr_pages / 64, 1, "%u: frames are others (%lu are not)", round, same - 1);
	ck(there, si->nr_pages - 1, "%u: pages that are there", round);
	ck(now_pages(), there, "%u: and by Xen's count", round);
	ck(p2m[(A_(gone) - VIRT_BASE) / PAGE], ~0UL, "%u: the one that was given back is not", round);
	ck(m2p_wrong, 0, "%u: the M2P has the list's frames", round);
	for (va = VIRT_BASE; va < A_(_end); va += PAGE) {
		u64 *e = pte_of(va);

		if (va != A_(shi) && va != A_(gone))
			table_wrong += !e || !(*e & P_P) || PTE_MFN(*e) != mfn_of((void *)va);
	}
	ck(table_wrong, 0, "%u: page tables have them", round);
	ck(pte_of(A_(gone)) && (*pte_of(A_(gone)) & P_P), 0, "%u: what is not mapped stays so", round);
	ck(*(u64 *)FAR, MAGIC, "%u: a page at two addresses", round);
	*far_page = MAGIC + round + 1;
	ck(*(u64 *)FAR, MAGIC + round + 1, "%u: is one page", round);
	*far_page = MAGIC;
	ck(TRY(poke64, l4, 0), TRAPPED(14), "%u: tables cannot be written", round);
	ck(ext(PIN_L4, mfn_of(l4), 0), -EINVAL, "%u: the tables are pinned", round);
	ck(mmu1(entry_maddr(pte_of(FAR)), mfn_of(far_page) * PAGE | P_RO_), 0, "%u: an entry is made another", round);
	ck(TRY(poke64, FAR, 0), TRAPPED(14), "%u: and is another", round);
	ck(mmu1(entry_maddr(pte_of(FAR)), mfn_of(far_page) * PAGE | P_RWX_), 0, "%u: and back", round);
}

/* FS.base and GS.base, by their MSRs. */
static u64 base_of(u32 which)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0xc0000100 + which));
	return lo | (u64)hi << 32;
}

static void look_at_cpu(u32 round)
{
	u64 x;
	u32 sel = 0x13;

	ck(hc1(get_debugreg, 0), MAGIC & 0xffffffff, "%u: DR0", round);
	__asm__ volatile("lar %1, %0" : "=r"(x) : "r"(A_(sel)));
	ck(x & 0xff00, 0xf300, "%u: the GDT has its descriptors", round);
	ck(gdt[2] >> 40 & 0xff, 0xf3, "%u: and the page them", round);
	ck(base_of(0), BASE_FS, "%u: FS.base", round);
	ck(base_of(1), BASE_GS, "%u: GS.base", round);
	x = beats;
	wait_beats();
	ck(beats > x, 1, "%u: the other vCPU goes on", round);
	ck(wrong, 0, "%u: with its registers", round);
}

static void look_at_rest(u32 round, i64 cancelled, u32 port, u64 clock)
{
	u32 st[6], virq;
	i64 r;

	r = port_status(port, st);
	ck(!r && st[2] != 0, cancelled, "%u: its event channel is %s", round, cancelled ? "there" : "gone");
	if (!cancelled) {
		ck(pending, 0, "%u: no event is pending", round);
		ck(shi->vcpu[0].mask, 1, "%u: events are off", round);
		ck(shi->max_pfn, si->nr_pages, "%u: shared_info has the number of pages", round);
	}
	ck(now() >= clock, 1, "%u: time goes on", round);
	/* One that was down is not there any more, and can be begun. */
	r = cpu_start(2, third);
	ck(r, cancelled ? -EEXIST : 0, "%u: a vCPU that was down is %s", round, cancelled ? "there" : "gone");
	virq = (u32)bind_virq(0, 0);
	events_on();
	port_unmask(virq);
	port_count[virq] = 0;
	hc1(set_timer_op, now() + 100000);
	while (!port_count[virq])
		hc2(sched_op, 1, NULL);
	events_off();
	ck(port_count[virq], 1, "%u: a timer comes by a new event channel", round);
	port_close(virq);
}

void guest_main(void)
{
	u64 frames[1], clock;
	u32 round, port;
	i64 r;

	far_page = page_alloc();
	*far_page = MAGIC;
	map(FAR, mfn_of(far_page) * PAGE | P_RWX_);
	gdt = page_alloc();
	gdt[2] = 0x00cff3000000ffff;
	page_ro(gdt);
	frames[0] = mfn_of(gdt);
	ck(hc2(set_gdt, frames, 8), 0, "set_gdt");
	ck(hc2(set_segment_base, 0, BASE_FS) | hc2(set_segment_base, 2, BASE_GS), 0, "set_segment_base");
	ck(hc2(set_debugreg, 0, MAGIC & 0xffffffff), 0, "set_debugreg");
	ck(cpu_start(1, second), 0, "a second vCPU");
	ck(cpu_start(2, third), 0, "a third one");
	wait_beats();
	give_back();
	for (round = 0; round < 2; round++) {
		port = (u32)alloc_unbound((u16)DOMID_SELF, 0);
		show_list(round);
		clock = now();
		wait_down();
		r = suspend();
		printf("%u: %s\n", round, r ? "cancelled" : "resumed");
		look_at_pages(round, r);
		look_at_cpu(round);
		look_at_rest(round, r, port, clock);
	}
}
