/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A 32-bit guest that suspends itself, as tests/guests/suspend.c does: with the list of pages shown by an address, and as a tree of
 * frames. Run with -smp 3.
 */
#include "tests/guests/compat/lib.h"

#define PAGES 8192
#define MAGIC 0x11223344U

static u32 before[PAGES];
static u32 top[1024] __attribute__((aligned(4096))), mid[1024] __attribute__((aligned(4096)));
static u8 hole[PAGE] __attribute__((aligned(4096)));
static volatile u32 beats, wrong;
static u32 pending; /* words of events, as it came back */
static struct vcpu_context context;
static u64 *gdt;

/* Makes no hypercalls, so it is anywhere when all stops. */
static void second(u32 id)
{
	for (;;) {
		u32 a = MAGIC, b = MAGIC + 1, c;

		__asm__ volatile("movd %2, %%xmm5\n mov $200, %%ecx\n1: dec %%ecx\n jnz 1b\n movd %%xmm5, %0"
				 : "=r"(c), "+r"(a)
				 : "r"(b)
				 : "ecx", "memory");
		wrong = wrong + (a != MAGIC || c != MAGIC + 1);
		beats = beats + 1;
	}
}

static void third(u32 id)
{
}

static void wait_beats(void)
{
	u32 from = beats;

	while (beats - from < 3)
		hc2(sched_op, 0, NULL);
}

static void wait_down(void)
{
	while (hc3(vcpu_op, 3, 2, NULL) == 1)
		hc2(sched_op, 0, NULL);
}

static i32 begin(u32 id, void (*fn)(u32 id))
{
	i32 r;

	cpu_context(&context, id, fn);
	r = hc3(vcpu_op, 0, id, &context);
	return r ? r : hc3(vcpu_op, 1, id, NULL);
}

static u32 cr3(void)
{
	u32 x;

	__asm__ volatile("mov %%cr3, %0" : "=r"(x));
	return x;
}

static void give_back(void)
{
	u32 mfn = mfn_of(hole);
	struct {
		u32 *extents, nr, order, flags;
		u16 domid;
	} r = { &mfn, 1, 0, 0, DOMID_SELF };

	va_set(A_(hole), 0, 2);
	ck(hc2(memory_op, 1, &r), 1, "a page is given back");
	p2m[(A_(hole) - VIRT_BASE) / PAGE] = ~0U;
}

static void show_list(u32 round)
{
	u32 i, n = (si->nr_pages + 1023) / 1024;

	shi->max_pfn = si->nr_pages;
	shi->p2m_list = ~0U;
	shi->p2m_cr3 = shi->p2m_vaddr = 0;
	if (!round) {
		shi->p2m_cr3 = cr3();
		shi->p2m_vaddr = A_(p2m);
		return;
	}
	for (i = 0; i < n; i++)
		mid[i] = mfn_of(p2m + i * 1024);
	top[0] = mfn_of(mid);
	shi->p2m_list = mfn_of(top);
}

/* 1: cancelled. Between the two nothing may be printed. */
static i32 suspend(void)
{
	u32 store = si->store_mfn, console = si->console_mfn, reason = 2, i;
	i32 r;

	memcpy(before, p2m, si->nr_pages * 4);
	si->store_mfn = M2P[store];
	si->console_mfn = M2P[console];
	va_set(A_(shi), pte(shi, P_RWX_), 2);
	r = hc3(sched_op, 2, &reason, mfn_of(si));
	va_set(A_(shi), (u64)si->shared_info | P_RWX_, 2);
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

static void look_at_pages(u32 round, i32 cancelled)
{
	u32 i, same = 0, there = 0, m2p_wrong = 0, table_wrong = 0, va;
	u16 self[4] = { DOMID_SELF };

	for (i = 0; i < si->nr_pages; i++) {
		if (p2m[i] == ~0U) {
			same += before[i] == ~0U;
			continue;
		}
		there++;
		same += p2m[i] == before[i];
		m2p_wrong += M2P[p2m[i]] != i;
	}
	if (cancelled)
		ck(same, si->nr_pages, "%u: all frames are as before", round);
	else
		ck(same <= 1 + si->nr_pages / 64, 1, "%u: frames are others (%u are not)", round, same - 1);
	ck(there, si->nr_pages - 1, "%u: pages that are there", round);
	ck(hc2(memory_op, 3, self), there, "%u: and by Xen's count", round);
	ck(m2p_wrong, 0, "%u: the M2P has the list's frames", round);
	for (va = VIRT_BASE; va < A_(_end); va += PAGE) {
		u64 *e = pte_of(va);

		if (va != A_(shi) && va != A_(hole))
			table_wrong += !e || !(*e & P_P) || PTE_MFN(*e) != mfn_of((void *)va);
	}
	ck(table_wrong, 0, "%u: page tables have them", round);
	ck(cr3(), mfn_of(l3) << 12, "%u: CR3", round);
	ck(TRY(poke32, l3, 0), TRAPPED(14), "%u: tables cannot be written", round);
	ck(ext(PIN_L3, mfn_of(l3), 0), -EINVAL, "%u: the tables are pinned", round);
	page_ro(hole + PAGE);
	page_rw(hole + PAGE);
}

static void look_at_cpu(u32 round)
{
	u32 x;

	ck(hc1(get_debugreg, 0), MAGIC, "%u: DR0", round);
	__asm__ volatile("lar %1, %0" : "=r"(x) : "r"(0x11));
	ck(x & 0xff00, 0xb300, "%u: the GDT has its descriptors", round);
	__asm__ volatile("mov %%fs, %0" : "=r"(x));
	ck(x & 0xffff, 0x11, "%u: FS", round);
	__asm__ volatile("movl %%fs:0, %0" : "=r"(x));
	ck(x, *(u32 *)A_(gdt), "%u: and its base", round);
	x = beats;
	wait_beats();
	ck(beats > x, 1, "%u: the other vCPU goes on", round);
	ck(wrong, 0, "%u: with its registers", round);
}

static void look_at_rest(u32 round, i32 cancelled, u32 port)
{
	u32 st[6] = { DOMID_SELF, port }, virq[3] = { 0 };
	i32 r;
	u64 deadline = 1;

	r = evtchn(5, st);
	ck(!r && st[2] != 0, cancelled, "%u: its event channel is %s", round, cancelled ? "there" : "gone");
	if (!cancelled) {
		ck(pending, 0, "%u: no event is pending", round);
		ck(shi->vcpu[0].mask, 1, "%u: events are off", round);
		ck(shi->max_pfn, si->nr_pages, "%u: shared_info has the number of pages", round);
	}
	r = begin(2, third);
	ck(r, cancelled ? -EEXIST : 0, "%u: a vCPU that was down is %s", round, cancelled ? "there" : "gone");
	ck(evtchn(1, virq), 0, "%u: bind_virq", round);
	/* Upcalls here look at no port: what an earlier one left is cleared. */
	memset(shi->pending, 0, sizeof shi->pending);
	WRITE(vinfo()->sel, 0);
	event_on();
	upcalls = 0;
	evtchn(9, &virq[2]);
	hc2(set_timer_op, deadline, deadline >> 32);
	while (!upcalls)
		hc2(sched_op, 0, NULL);
	event_off();
	ck(upcalls != 0, 1, "%u: a timer comes by a new event channel", round);
	evtchn(3, &virq[2]);
}

void guest_main(void)
{
	u32 frames[1], round, unbound[2];
	i32 r;

	gdt = page_alloc();
	gdt[0] = MAGIC;
	/* Ring 1, of one page from gdt on. */
	gdt[2] = 0x00c0b30000000000ULL | (u64)(A_(gdt) & 0xffffff) << 16 | (u64)(A_(gdt) >> 24) << 56;
	page_ro(gdt);
	frames[0] = mfn_of(gdt);
	ck(hc2(set_gdt, frames, 8), 0, "set_gdt");
	__asm__ volatile("mov %0, %%fs" : : "r"(0x11));
	ck(hc2(set_debugreg, 0, MAGIC), 0, "set_debugreg");
	ck(begin(1, second), 0, "a second vCPU");
	ck(begin(2, third), 0, "a third one");
	wait_beats();
	give_back();
	for (round = 0; round < 2; round++) {
		unbound[0] = DOMID_SELF;
		unbound[1] = 0;
		ck(evtchn(6, unbound), 0, "%u: alloc_unbound", round);
		show_list(round);
		wait_down();
		r = suspend();
		printf("%u: %s\n", round, r ? "cancelled" : "resumed");
		look_at_pages(round, r);
		look_at_cpu(round);
		look_at_rest(round, r, unbound[1]);
	}
}
