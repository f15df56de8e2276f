/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trees of page tables that take long to check and to let go: an event comes in between, at the hypercall, which then goes on
 * (Xen do_mmuext_op, new_guest_cr3; PGT_partial). One vCPU.
 */
#include "tests/guests/lib.h"

#define NL1 1500u
#define NL2 3u
#define SLOT 300u /* of the L4, where the tree hangs */

static u64 l1s[NL1][512] __attribute__((aligned(4096)));
static u64 l2s[NL2][512] __attribute__((aligned(4096)));
static u64 l3[512] __attribute__((aligned(4096)));
static u64 top[512] __attribute__((aligned(4096))); /* a copy of the kernel's L4, with the tree */
static u32 port;
static int halfway; /* the handler found the tree so, the last time */
static i64 met;     /* what an update of its top table gave then */
static u64 met_code;

/* Whether a table cannot be mapped writable, for it is one. */
static int is_table(void *p)
{
	if (va_set(A_(p), mfn_of(p) * PAGE | P_RWX_, 2))
		return 1;
	page_ro(p);
	return 0;
}

static void on_timer(u32 p)
{
	/* Tables are checked from the first entry on, and let go from the last one. */
	halfway = is_table(l1s[0]) && !is_table(l1s[NL1 - 1]);
	if (!halfway)
		return;
	met_code = *(const unsigned short *)upcall_rip;
	met = mmu1(entry_maddr(&l3[511]), 0);
}

ASMFN(to_cr3, "mov %rdi,%cr3; xor %eax,%eax");

/* What may take long, each with the result that is expected. */
enum work { W_PIN, W_UNPIN, W_REFUSED, W_ROOT, W_ROOT_BACK, W_CR3, W_CR3_BACK, W_ENTRY, W_ENTRY_BACK, W_MULTICALL, W_MULTI_BACK };
static const char *const names[] = { "pin", "unpin", "a pin that is refused", "new root", "old root again", "MOV to CR3",
				     "MOV to CR3 back", "an entry", "an entry's end", "pin in a multicall", "unpin in a multicall" };

static i64 mc(u32 cmd)
{
	static struct mmuext op;
	static struct multicall m[3];
	u32 i;

	op = (struct mmuext){ cmd, 0, mfn_of(top), 0 };
	for (i = 0; i < 3; i++)
		m[i] = (struct multicall){ HC_xen_version, 0x7777, { 0 } };
	m[1] = (struct multicall){ HC_mmuext_op, 0x7777, { A_(&op), 1, 0, DOMID_SELF, 0, 0 } };
	if (hc2(multicall, m, 3) || m[0].result != m[2].result || m[0].result == 0x7777)
		return -1;
	return m[1].result;
}

static i64 do_work(enum work w)
{
	switch (w) {
	case W_PIN:
	case W_REFUSED:
		return ext(PIN_L4, mfn_of(top), 0);
	case W_UNPIN:
		return ext(UNPIN, mfn_of(top), 0);
	case W_ROOT:
		return ext(NEW_BASEPTR, mfn_of(top), 0);
	case W_ROOT_BACK:
		return ext(NEW_BASEPTR, mfn_of(l4), 0);
	case W_CR3:
		return TRY(to_cr3, mfn_of(top) * PAGE, 0);
	case W_CR3_BACK:
		return TRY(to_cr3, mfn_of(l4) * PAGE, 0);
	case W_ENTRY:
		return mmu1(entry_maddr(&l4[SLOT]), mfn_of(l3) * PAGE | P_RWX_);
	case W_ENTRY_BACK:
		return mmu1(entry_maddr(&l4[SLOT]), 0);
	case W_MULTICALL:
		return mc(PIN_L4);
	default:
		return mc(UNPIN);
	}
}

/* Does it with a timer that goes off after ns. */
static i64 timed(enum work w, u64 ns)
{
	struct {
		u64 when;
		u32 flags, pad;
	} a = { now() + ns, 0, 0 };
	i64 rc;

	halfway = 0;
	hc3(vcpu_op, 8, 0, &a);
	rc = do_work(w);
	hc3(vcpu_op, 9, 0, NULL);
	return rc;
}

/* The other way about, after which all is as before. */
static void undo(enum work w)
{
	if (w == W_PIN || w == W_MULTICALL)
		do_work(W_UNPIN);
	else if (w == W_UNPIN || w == W_MULTI_BACK)
		do_work(W_PIN);
	else if (w == W_ROOT || w == W_CR3)
		do_work(W_ROOT_BACK);
	else if (w == W_ROOT_BACK || w == W_CR3_BACK)
		do_work(W_ROOT);
	else if (w == W_ENTRY)
		do_work(W_ENTRY_BACK);
	else if (w == W_ENTRY_BACK)
		do_work(W_ENTRY);
}

/* Does it with later and later timers, until one goes off while it is under way. */
static void try(enum work w, i64 want)
{
	u64 ns;

	for (ns = 40; ns < 20000000; ns += ns / 16 + 1) {
		i64 rc = timed(w, ns);

		ckq(rc, want, "%s with a timer after %lu ns", names[w], ns);
		if (halfway)
			break;
		if (rc == 0)
			undo(w);
	}
	ck(halfway, 1, "an event during: %s", names[w]);
	if (w != W_CR3 && w != W_CR3_BACK)
		ck(met_code, 0x050f, "it came at the hypercall: %s", names[w]);
	/* What is let go is let go before anything else is done; what is checked is no table yet. */
	if (w == W_PIN || w == W_ROOT || w == W_CR3 || w == W_ENTRY || w == W_MULTICALL)
		ck(met, -EINVAL, "an update of a table that is half checked");
	else if (w != W_REFUSED)
		ck(met, 0, "an update of a table that is half let go");
}

/* All tables are writable again, or nothing is. */
static void all_rw(int rw)
{
	u32 i;

	for (i = 0; i < NL1; i++)
		(rw ? page_rw : page_ro)(l1s[i]);
	for (i = 0; i < NL2; i++)
		(rw ? page_rw : page_ro)(l2s[i]);
	(rw ? page_rw : page_ro)(l3);
	(rw ? page_rw : page_ro)(top);
}

void guest_main(void)
{
	u8 *data = page_alloc();
	u32 i;

	for (i = 0; i < NL1; i++) {
		l1s[i][i % 512] = mfn_of(data) * PAGE | P_RO_;
		l2s[i / 512][i % 512] = mfn_of(l1s[i]) * PAGE | P_RWX_;
	}
	for (i = 0; i < NL2; i++)
		l3[i * 7] = mfn_of(l2s[i]) * PAGE | P_RWX_;
	for (i = 0; i < 512; i++)
		top[i] = i >= 256 && i < 272 ? 0 : l4[i];
	top[SLOT] = mfn_of(l3) * PAGE | P_RWX_;
	all_rw(0);
	port = (u32)bind_virq(0, 0);
	port_hook = on_timer;
	port_unmask(port);
	hc3(vcpu_op, 7, 0, NULL);
	events_on();
	try(W_PIN, 0);
	ck(ext(PIN_L4, mfn_of(top), 0), -EINVAL, "it is pinned");
	ck(va_set(A_(l1s[NL1 - 1]), mfn_of(l1s[NL1 - 1]) * PAGE | P_RWX_, 2), -EBUSY, "and the last table is one");
	try(W_UNPIN, 0);
	ck(ext(UNPIN, mfn_of(top), 0), -EINVAL, "it is not pinned any more");
	all_rw(1);
	quiet_ok("all tables are writable again");
	all_rw(0);
	try(W_ROOT, 0);
	try(W_ROOT_BACK, 0);
	try(W_CR3, 0);
	try(W_CR3_BACK, 0);
	try(W_ENTRY, 0);
	try(W_ENTRY_BACK, 0);
	try(W_MULTICALL, 0);
	try(W_MULTI_BACK, 0);
	all_rw(1);
	/* The last table of all is none: what was checked before it is let go again. */
	l1s[NL1 - 1][511] = mfn_of(l4) * PAGE | P_RWX_;
	all_rw(0);
	try(W_REFUSED, -EBUSY);
	ck(ext(UNPIN, mfn_of(top), 0), -EINVAL, "what was refused is not pinned");
	all_rw(1);
	events_off();
	quiet_ok("and all tables are writable again");
}
