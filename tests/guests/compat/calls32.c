/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercalls of a 32-bit guest whose arguments are laid out otherwise than a 64-bit one's: each struct by its bytes (Xen
 * public headers as a 32-bit compiler sees them).
 */
#include "tests/guests/compat/lib.h"

static u8 buf[PAGE] __attribute__((aligned(4096)));
static u32 *const w = (u32 *)buf;

static void version(void)
{
	ck(hc2(xen_version, 0, NULL) >> 16, 4, "version");
	memset(buf, 0xee, 64);
	ck(hc2(xen_version, 5, buf), 0, "platform_parameters");
	ck(w[0], HYPER_START, "... the hypervisor begins");
	ck(w[1], 0xeeeeeeee, "... and nothing is written behind that");
	hc2(vm_assist, 1, 3); /* a boot loader may have set it */
	w[0] = 0;
	ck(hc2(xen_version, 6, buf), 0, "get_features");
	ck(w[1] >> 4 & 1, 0, "... pae_pgdir_above_4gb follows the assist");
	ck(hc2(vm_assist, 0, 3), 0, "vm_assist pae_extended_cr3");
	hc2(xen_version, 6, buf);
	ck(w[1] >> 4 & 1, 1, "... then it is there");
	ck(hc2(vm_assist, 0, 0), 0, "vm_assist 4gb_segments");
	ck(hc2(vm_assist, 1, 0), 0, "... off");
	ck(hc2(vm_assist, 0, 32), -EINVAL, "vm_assist m2p_strict is for 64-bit guests");
	ck(hc2(xen_version, 7, NULL), PAGE, "pagesize");
	ck(hc3(console_io, 0, 0, NULL), 0, "console_io of nothing");
	ck(hc1(iret + 100, 0), -ENOSYS, "a hypercall that there is not");
	ck(hc2(xen_version, 6, 0xfffffffe), -EFAULT, "an address that runs over 4 GiB");
}

static void multicalls(void)
{
	struct multicall m[4] = { { .op = HC_xen_version, .args = { 0 } },
				  { .op = HC_xen_version, .args = { 77 } },
				  { .op = HC_set_segment_base, .args = { 0, 0 } },
				  { .op = HC_update_va_mapping } };
	u32 *p = page_alloc();

	*p = 0x1357;
	m[3].args[0] = A_(p);
	m[3].args[1] = (u32)pte(p, P_RO_);
	m[3].args[2] = (u32)(pte(p, P_RO_) >> 32);
	m[3].args[3] = 2;
	ck(sizeof m[0], 32, "a multicall entry has 32 bytes");
	ck(hc2(multicall, m, 4), 0, "multicall");
	ck(m[0].result >> 16, 4, "... 1");
	ck(m[1].result, -ENOSYS, "... 2");
	ck(m[2].result, -ENOSYS, "... 3");
	ck(m[3].result, 0, "... 4");
	ck(TRY(poke32, p, 0), TRAPPED(14), "... is done");
	page_rw(p);
}

static void memory(void)
{
	struct {
		u32 start, nr, order, flags;
		u16 domid;
	} r = { A_(buf), 1, 0, 0, (u16)DOMID_SELF };
	u8 *p = page_alloc();
	u32 pfn = (A_(p) - VIRT_BASE) / PAGE, mfn = mfn_of(p), total;
	u16 self = (u16)DOMID_SELF;

	total = (u32)hc2(memory_op, 3, &self);
	ck(dom0 ? 0x10000000 : total, dom0 ? 0x10000000 : si->nr_pages, "current_reservation");
	va_set(A_(p), 0, 2);
	w[0] = mfn;
	w[1] = 0x12121212;
	ck(hc2(memory_op, 1, &r), 1, "decrease_reservation of a list of 4-byte numbers");
	ck(hc2(memory_op, 3, &self), total - 1, "... one less");
	w[0] = pfn;
	ck(hc2(memory_op, 6, &r), 1, "populate_physmap");
	ck(w[1], 0x12121212, "... one number is written");
	ck(M2P[w[0]], pfn, "... and is in the M2P");
	p2m[pfn] = w[0];
	ck(va_set(A_(p), pte(p, P_RWX_), 2), 0, "... may be mapped");
	{
		struct {
			u32 in[4];
			u16 in_dom, pad;
			u32 out[4];
			u16 out_dom, pad2;
			u32 done;
		} x = { { A_(buf), 1, 0, 0 }, (u16)DOMID_SELF, 0, { A_(buf + 64), 1, 0, 0 }, (u16)DOMID_SELF, 0, 0 };

		va_set(A_(p), 0, 2);
		w[0] = mfn_of(p);
		w[16] = pfn;
		ck(hc2(memory_op, 11, &x), 0, "exchange");
		ck(x.done, 1, "... one was");
		ck(M2P[w[16]], pfn, "... and is in the M2P");
		p2m[pfn] = w[16];
		ck(va_set(A_(p), pte(p, P_RWX_), 2), 0, "... may be mapped");
	}
	ck(hc2(memory_op, 12, buf), 0, "machphys_mapping");
	ck(w[0], HYPER_START, "... from");
	ck(w[1], 0xf6800000, "... to");
	if (!dom0) {
		w[0] = 1;
		w[1] = A_(buf + 64);
		memset(buf + 64, 0xee, 32);
		ck(hc2(memory_op, 9, buf), 0, "memory_map");
		ck(w[16 + 2] >> 20, total >> 8, "... one region");
		ck(w[16 + 4], 1, "... of RAM, in 20 bytes");
		ck(w[16 + 5], 0xeeeeeeee, "... and no more");
	}
	shi->max_pfn = 0x4321;
	ck(hc2(memory_op, 14, &self), 0x4320, "maximum_gpfn by shared_info");
}

static void grants(void)
{
	struct {
		u16 dom, pad;
		u32 nr;
		u16 status, pad2;
		u32 list;
	} s = { (u16)DOMID_SELF, 0, 1, 9, 0, A_(buf) };
	u8 *table = page_alloc(), *from = page_alloc(), *to = page_alloc();
	u32 *entry = (u32 *)(table + 8 * 8);
	struct {
		u32 src;
		u16 src_dom, src_off;
		u32 dst;
		u16 dst_dom, dst_off, len, flags, status, pad;
	} c = { 8, (u16)DOMID_SELF, 16, mfn_of(to), (u16)DOMID_SELF, 32, 5, 1, 9, 0 };

	w[1] = 0x12121212;
	ck(hc3(grant_table_op, 2, &s, 1), 0, "grant setup_table");
	ck(s.status, 0, "... status");
	ck(w[1], 0x12121212, "... the list has 4-byte numbers");
	ck(va_set(A_(table), (u64)w[0] * PAGE | P_RWX_, 2), 0, "... the table may be mapped");
	s.nr = 0;
	ck(hc3(grant_table_op, 6, &s, 1), 0, "grant query_size");
	ck(s.nr > 0, 1, "... frames");
	/* Domain 0 is the oracle's own number; here a guest has another, which alloc_unbound tells. */
	{
		struct {
			u16 dom, pad;
			u32 port, status, vcpu;
			u16 rdom, pad2;
			u32 rport;
		} st = { (u16)DOMID_SELF, 0, 0, 0, 0, 0, 0, 0 };
		struct {
			u16 dom, rdom;
			u32 port;
		} a = { (u16)DOMID_SELF, (u16)DOMID_SELF, 0 };

		ck(evtchn(6, &a), 0, "alloc_unbound");
		st.port = a.port;
		ck(evtchn(5, &st), 0, "evtchn status");
		ck(st.status, 1, "... unbound");
		evtchn(3, &a.port);
		memcpy(from + 16, "hello", 6);
		entry[1] = mfn_of(from);
		entry[0] = 1 | 4 | (u32)st.rdom << 16; /* permit_access, readonly */
	}
	ck(hc3(grant_table_op, 5, &c, 1), 0, "grant copy");
	ck(c.status, 0, "... status");
	ck(memcmp(to + 32, "hello", 5), 0, "... what was granted");
	ck(to[37], 0, "... and no more");
	{
		struct {
			u64 addr;
			u32 flags, ref;
			u16 dom, status;
			u32 handle;
			u64 bus;
		} __attribute__((packed)) m = { A_(to), 2 | 4, 8, (u16)(entry[0] >> 16), 9, 0, 0 };
		struct {
			u64 addr, bus;
			u32 handle;
			u16 status, pad;
		} __attribute__((packed)) u = { A_(to), 0, 0, 9, 0 };

		ck(hc3(grant_table_op, 0, &m, 1), 0, "map_grant_ref");
		ck(m.status, 0, "... status");
		ck((u32)m.bus, mfn_of(from) * PAGE, "... the address is 32 bytes in");
		ck(memcmp(to + 16, "hello", 5), 0, "... it is mapped");
		u.handle = m.handle;
		ck(hc3(grant_table_op, 1, &u, 1), 0, "unmap_grant_ref");
		ck(u.status, 0, "... status");
		ck(TRY(peek32, to, 0), TRAPPED(14), "... it is mapped no more");
	}
	page_rw(to);
}

static void vcpu(void)
{
	u32 *area = (u32 *)(buf + 1024);
	u32 lo, hi;

	memset(area, 0xee, 128);
	w[0] = A_(area);
	w[1] = 0x99999999; /* the union's other half */
	ck(hc3(vcpu_op, 5, 0, buf), 0, "register_runstate_memory_area");
	ck(area[0], 0, "... running");
	ck(area[11], 0xeeeeeeee, "... 44 bytes");
	ck(area[10] != 0xeeeeeeee, 1, "... all of them");
	memset(area + 16, 0xee, 64);
	ck(hc3(vcpu_op, 4, 0, area + 16), 0, "get_runstate_info");
	ck(area[16], 0, "... running");
	ck(area[27], 0xeeeeeeee, "... 44 bytes");
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	w[0] = lo - 1;
	w[1] = hi;
	w[2] = 1; /* VCPU_SSHOTTMR_future, at byte 8 */
	if (!dom0)
		ck(hc3(vcpu_op, 8, 0, buf), -62, "set_singleshot_timer that is past");
	w[2] = 0;
	ck(hc3(vcpu_op, 8, 0, buf), 0, "... without the flag");
	ck(hc3(vcpu_op, 9, 0, NULL), 0, "stop_singleshot_timer");
	ck(hc3(vcpu_op, 3, 0, NULL), 1, "is_up");
	ck(hc3(vcpu_op, 3, 99, NULL), -ENOENT, "is_up of none");
	/* sched_poll: list, count, then 8 bytes at byte 8. */
	w[16] = 1;
	w[0] = A_(w + 16);
	w[1] = 0;
	w[2] = 1;
	w[3] = 0;
	ck(hc2(sched_op, 3, buf), 0, "poll with a time that is past");
	w[0] = 0;
	ck(hc3(vcpu_op, 5, 0, buf), 0, "no runstate area");
}

void guest_main(void)
{
	version();
	multicalls();
	memory();
	grants();
	vcpu();
}
