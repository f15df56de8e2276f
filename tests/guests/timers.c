/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time: pvclock, RDTSC, wall clock, single-shot and periodic timers, set_timer_op (Xen public/vcpu.h, public/xen.h).
 */
#include "tests/guests/lib.h"

static u32 port;
static u64 fired_at;

static void on_timer(u32 p)
{
	fired_at = now();
}

static i64 single(u64 when, u32 flags)
{
	struct {
		u64 when;
		u32 flags, pad;
	} a = { when, flags, 0 };

	return hc3(vcpu_op, 8, 0, &a);
}

static i64 periodic(u64 period)
{
	return hc3(vcpu_op, 6, 0, &period);
}

/* Sleeps until the port has been seen n times more, at most a second. */
static u32 wait(u32 n)
{
	u32 start = port_count[port];
	u64 t = now();

	for (;;) {
		events_off();
		if (port_count[port] - start >= n || now() - t > 1000000000)
			break;
		if (!vinfo()->pending) {
			struct {
				u32 *ports;
				u32 n, pad;
				u64 timeout;
			} a = { &port, 1, 0, t + 1100000000 };

			hc2(sched_op, 3, &a);
		}
		events_on();
	}
	return port_count[port] - start;
}

ASMFN(do_rdtscp, "rdtscp; shl $32,%rdx; or %rdx,%rax");

void guest_main(void)
{
	u64 a, b, t, i, tsc;

	hc3(vcpu_op, 7, 0, NULL);
	ck(shi->vcpu[0].time.version & 1, 0, "version even");
	a = now();
	for (i = 0; i < 3000; i++) {
		b = now();
		if (b < a)
			ckq(1, 0, "time goes back");
		a = b;
	}
	quiet_ok("pvclock is monotonic");
	tsc = rdtsc();
	for (i = 0; i < 1000; i++) {
		u64 x = rdtsc();

		if (x <= tsc)
			ckq(1, 0, "rdtsc goes back");
		tsc = x;
	}
	quiet_ok("RDTSC is monotonic");
	a = rdtsc();
	ck((u64)TRY(do_rdtscp, 0, 0) > a, 1, "RDTSCP");
	ck(shi->wc_version & 1, 0, "wall clock's version");
	ck(shi->wc_sec != 0 || shi->wc_sec_hi == 0, 1, "wall clock");
	port = (u32)bind_virq(0, 0);
	port_hook = on_timer;
	port_unmask(port);
	shi->pending[port / 64] &= ~(1UL << (port & 63));
	port_count[port] = 0;
	t = now() + 2000000;
	ck(single(t, 0), 0, "set_singleshot_timer");
	ck(wait(1), 1, "it fires");
	ck(fired_at >= t, 1, "not before its time");
	ck(fired_at < t + 100000000, 1, "nor long after");
	events_off();
	t = now();
	ck(single(t > 1000 ? t - 1000 : 1, 0), 0, "a deadline that is past");
	ck(wait(1), 1, "fires at once");
	ck2(single(now() - 1000, 1), -62, 0,
	    "a past deadline with VCPU_SSHOTTMR_future"); /* ETIME, until Xen dropped the flag */
	wait(1);
	ck(single(now() + 3000000, 0), 0, "set it");
	ck(hc3(vcpu_op, 9, 0, NULL), 0, "stop it");
	port_count[port] = 0;
	t = now() + 6000000;
	while (now() < t)
		pause_();
	events_on();
	ck(port_count[port], 0, "a stopped timer does not fire");
	single(now() + 50000000, 0);
	single(now() + 1000000, 0);
	t = now();
	ck(wait(1), 1, "a second setting replaces the first");
	ck(now() - t < 40000000, 1, "and is earlier");
	/* set_timer_op */
	t = now() + 1500000;
	ck(hc1(set_timer_op, t), 0, "set_timer_op");
	ck(wait(1), 1, "fires");
	ck(fired_at >= t, 1, "not before its time");
	ck(hc1(set_timer_op, now() + 3000000), 0, "set_timer_op again");
	ck(hc1(set_timer_op, 0), 0, "set_timer_op 0 stops");
	port_count[port] = 0;
	t = now() + 6000000;
	while (now() < t)
		pause_();
	events_on();
	ck(port_count[port], 0, "nothing fires");
	/* Periodic. */
	ck(periodic(100), -EINVAL, "a period too short");
	ck(periodic(2000000), 0, "set_periodic_timer 2 ms");
	t = now();
	port_count[port] = 0;
	events_on();
	while (port_count[port] < 5 && now() - t < 1000000000)
		pause_(); /* it fires only while the vCPU runs */
	ck(port_count[port] >= 5, 1, "five ticks");
	a = now() - t;
	ck(a >= 8000000, 1, "take 8 ms or more");
	ck(hc3(vcpu_op, 7, 0, NULL), 0, "stop_periodic_timer");
	events_on();
	events_off();
	port_count[port] = 0;
	t = now() + 6000000;
	while (now() < t)
		pause_();
	events_on();
	ck(port_count[port] <= 1, 1, "no more ticks");
	ck(hc3(vcpu_op, 8, 0, 0x1000), -EFAULT, "set_singleshot_timer: bad pointer");
	ck(hc3(vcpu_op, 8, 99, &t), -ENOENT, "set_singleshot_timer: no such vCPU");
	ck(hc3(vcpu_op, 6, 0, 0x1000), -EFAULT, "set_periodic_timer: bad pointer");
	{
		static struct vcpu_time area __attribute__((aligned(64)));
		u64 ptr = A_(&area);

		ck(hc3(vcpu_op, 13, 0, &ptr), 0, "register_vcpu_time_memory_area");
		hc2(sched_op, 0, NULL);
		ck(area.mul, shi->vcpu[0].time.mul, "its scale");
		ck(area.version & 1, 0, "its version");
		ck(area.system_time != 0 || area.tsc == 0, 1, "its time");
	}
	{
		struct {
			u64 mfn;
			u32 offset, pad;
		} info = { mfn_of(page_alloc()), 4096 - 32, 0 };

		ck(hc3(vcpu_op, 10, 0, &info), -6, "register_vcpu_info past the page");
	}
}
