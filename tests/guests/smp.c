/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several vCPUs: initialise, up, down, is_up, IPIs, atomic counters, locks with PAUSE, runstate (Xen public/vcpu.h).
 * Takes up to eight of what the domain has; run with -smp 4.
 */
#include "tests/guests/lib.h"

#define ROUNDS 2000

static volatile u32 online, go_on, finished, down_seen;
static volatile u64 counter, plain;
static volatile u32 lock_word, ipi_got[8];
static u32 ipi_port[8], ncpus, slow_lock;
static volatile u64 last_seen;
static u64 backwards;

static void lock(void)
{
	while (__sync_lock_test_and_set(&lock_word, 1)) {
		slow_lock++;
		while (lock_word)
			pause_();
	}
}

static void unlock(void)
{
	__sync_lock_release(&lock_word);
}

static void work(void)
{
	u32 i;

	for (i = 0; i < ROUNDS; i++) {
		__sync_fetch_and_add(&counter, 1);
		lock();
		plain = plain + 1;
		if ((i & 63) == 0) {
			u64 t = now();

			if (t < last_seen)
				backwards++;
			last_seen = t;
		}
		unlock();
	}
	__sync_fetch_and_add(&finished, 1);
}

static void cpu_main(u32 id)
{
	__sync_fetch_and_add(&online, 1);
	events_on();
	while (!go_on)
		pause_();
	work();
	while (go_on < 2)
		hc2(sched_op, 1, NULL);
	for (;;) {
		__sync_fetch_and_add(&down_seen, 1);
		hc3(vcpu_op, 2, id, NULL); /* down: comes back by up */
	}
}

/* Waits for *p to reach want, or a second. */
static u64 wait(volatile u32 *p, u32 want)
{
	u64 t = now();

	while (*p != want && now() - t < 1000000000)
		hc2(sched_op, 0, NULL);
	return *p;
}

static volatile u32 failsafes;

static int on_failsafe(struct regs *r)
{
	if (r->vector != 260)
		return 0;
	failsafes++;
	hc3(vcpu_op, 2, cpu_id(), NULL);
	return 1;
}

static void on_port(u32 port)
{
	u32 i;

	for (i = 0; i < ncpus; i++)
		if (ipi_port[i] == port)
			__sync_fetch_and_add(&ipi_got[cpu_id()], cpu_id() == i ? 1 : 1000);
}

void guest_main(void)
{
	static struct vcpu_context bad;
	u64 rs[6];
	u32 i;

	for (i = 0; i < 64 && hc3(vcpu_op, 3, i, NULL) >= 0; i++)
		;
	ncpus = i > 8 ? 8 : i;
	printf("vCPUs: %u\n", i);
	ck(ncpus >= 2, 1, "at least two vCPUs");
	ck(hc3(vcpu_op, 3, i, NULL), -ENOENT, "is_up past the last");
	ck(hc3(vcpu_op, 3, 8191, NULL), -ENOENT, "is_up 8191");
	ck(hc3(vcpu_op, 3, 1000000, NULL), -ENOENT, "is_up 1000000");
	ck(hc3(vcpu_op, 3, 0, NULL), 1, "vCPU 0 is up");
	ck(hc3(vcpu_op, 3, 1, NULL), 0, "vCPU 1 is not");
	ck(hc3(vcpu_op, 1, 1, NULL), -EINVAL, "up before initialise");
	ck(hc3(vcpu_op, 0, 1, 0x1000), -EFAULT, "initialise: bad pointer");
	ck(hc3(vcpu_op, 0, 99, &bad), -ENOENT, "initialise: no such vCPU");
	ck(hc3(vcpu_op, 99, 0, NULL), -ENOSYS, "unknown command");
	cpu_context(&bad, 1);
	bad.ctrlreg[3] = mfn_of(page_alloc()) * PAGE;
	ck(hc3(vcpu_op, 0, 1, &bad), -EINVAL, "initialise with CR3 a writable page");
	cpu_context(&bad, 1);
	bad.user.rip = 1UL << 63;
	ck(hc3(vcpu_op, 0, 1, &bad), -EINVAL, "initialise: rip not canonical");
	if (ncpus > 2) {
		/* A context with a selector that cannot be loaded: the failsafe callback, and then it goes down. */
		i = --ncpus;
		cpu_context(&bad, i);
		bad.user.ds = 0x1237;
		trap_hook = on_failsafe;
		ck(hc3(vcpu_op, 0, i, &bad), 0, "initialise with a bad DS");
		ck(hc3(vcpu_op, 1, i, NULL), 0, "start it");
		ck(wait(&failsafes, 1), 1, "the failsafe callback");
		ck(failsafe_ds, 0x1237, "and its DS");
		trap_hook = NULL;
	}
	for (i = 1; i < ncpus; i++)
		ck(cpu_start(i, cpu_main), 0, "start vCPU %u", i);
	cpu_context(&bad, 1);
	ck(hc3(vcpu_op, 0, 1, &bad), -EEXIST, "initialise twice");
	ck(wait(&online, ncpus - 1), ncpus - 1, "all came up");
	ck(hc3(vcpu_op, 3, 1, NULL), 1, "is_up");
	ck(hc3(vcpu_op, 1, 1, NULL), 0, "up twice");
	port_hook = on_port;
	for (i = 0; i < ncpus; i++) {
		ipi_port[i] = (u32)bind_ipi(i);
		port_unmask(ipi_port[i]);
	}
	events_on();
	for (i = 0; i < ncpus; i++) {
		ck(port_send(ipi_port[i]), 0, "IPI to %u", i);
		ck(wait(&ipi_got[i], 1), 1, "taken by %u", i);
	}
	go_on = 1;
	work();
	ck(wait(&finished, ncpus), ncpus, "all finished");
	ck(counter, ncpus * ROUNDS, "atomic counter");
	ck(plain, ncpus * ROUNDS, "counter under a lock");
	if (shi->vcpu[0].time.flags & 1) /* PVCLOCK_TSC_STABLE_BIT; without it, the guest has to see to that */
		ck(backwards, 0, "time does not go backwards across vCPUs");
	ckd(shi->vcpu[0].time.flags & 1, 1, 0, "the TSC is stable");
	ck(hc3(vcpu_op, 4, 1, rs), 0, "runstate");
	ck(rs[1] <= now() && rs[2] + rs[3] + rs[4] + rs[5] > 0, 1, "runstate: times");
	ck(rs[2] + rs[3] + rs[4] + rs[5] <= now(), 1, "runstate: their sum");
	/* They block; an IPI wakes. */
	ck((hc3(vcpu_op, 4, 1, rs), (u32)rs[0] == 2 || (u32)rs[0] <= 1), 1, "runstate: state");
	port_send(ipi_port[1]);
	ck(wait(&ipi_got[1], 2), 2, "an IPI wakes a blocked vCPU");
	go_on = 2;
	for (i = 1; i < ncpus; i++)
		port_send(ipi_port[i]);
	ck(wait(&down_seen, ncpus - 1), ncpus - 1, "all go down");
	for (i = 1; i < ncpus; i++) {
		u64 t = now();

		while (hc3(vcpu_op, 3, i, NULL) && now() - t < 1000000000)
			hc2(sched_op, 0, NULL);
		ck(hc3(vcpu_op, 3, i, NULL), 0, "vCPU %u is down", i);
	}
	ck(hc3(vcpu_op, 1, 1, NULL), 0, "up again");
	ck(wait(&down_seen, ncpus), ncpus, "it goes on behind its down");
	ck(port_send(ipi_port[2 % ncpus]), 0, "IPI to a vCPU that is down");
	ck(evtchn2(BIND_VCPU, ipi_port[1], 0), -EINVAL, "IPIs stay where they are");
	{
		u32 a = (u32)alloc_unbound(DOMID_SELF, DOMID_SELF), b = (u32)bind_interdomain(DOMID_SELF, a);

		shi->pending[b / 64] &= ~(1UL << (b & 63));
		ck(evtchn2(BIND_VCPU, b, 1), 0, "bind_vcpu to vCPU 1");
		WRITE(shi->vcpu[1].pending, 0);
		shi->vcpu[1].sel = 0;
		port_unmask(b);
		port_send(a);
		ck(shi->vcpu[1].pending, 1, "its event goes there");
		ck(shi->vcpu[0].sel >> (b / 64) & 1, 0, "and not here");
	}
	ck(hc3(vcpu_op, 4, 0, rs), 0, "own runstate");
	ck((u32)rs[0], 0, "running");
	{
		static u64 area[6] __attribute__((aligned(64)));
		u64 ptr = A_(area);

		area[1] = ~0UL;
		ck(hc3(vcpu_op, 5, 0, &ptr), 0, "register_runstate_memory_area");
		hc2(sched_op, 0, NULL);
		ck((u32)READ(area[0]), 0, "area: running");
		ck((READ(area[1]) & ~(1UL << 63)) <= now(), 1, "area: entry time");
	}
	ck(hc3(vcpu_op, 7, 0, NULL), 0, "stop_periodic_timer");
}
