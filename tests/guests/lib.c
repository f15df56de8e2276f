/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The library of the test guests: start, console, checks, traps, pages, events, other vCPUs, time (Xen public headers,
 * SDM 3A 4.5). Left out: 32-bit guests.
 */
#include "tests/guests/lib.h"
#include "tests/guests/text.h"

#define NO_TRY 0UL
#define SIF_INITDOMAIN 2u
#define ARENA_PAGES 768

struct start_info *si;
struct shared_info *shi;
u64 *p2m, *l4;
int dom0;
u64 quiet_failed;
int (*trap_hook)(struct regs *r);
struct regs last;
u32 ntraps;
u64 last_cr2;
void (*port_hook)(u32 port);
volatile u32 upcalls;
u64 upcall_rip;
volatile u32 port_count[4096];
int use_fifo, console_by_io;
struct trap_info traps[257];

static u8 shared_page[PAGE] __attribute__((aligned(4096)));
static u8 arena[ARENA_PAGES][PAGE] __attribute__((aligned(4096)));
static u32 arena_used;
static u32 print_lock;

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

u64 strlen(const char *s)
{
	u64 n = 0;

	while (s[n])
		n++;
	return n;
}

/* ---- console ----------------------------------------------------------------------------------------------------- */

/* struct xencons_interface: in[1024], out[2048], in_cons, in_prod, out_cons, out_prod. */
void console_ring(const char *s, u64 n)
{
	volatile u8 *page = va_of(si->console_mfn);
	volatile u32 *index = (volatile u32 *)(page + 3072);
	u32 port = si->console_evtchn, prod = index[3];

	while (n) {
		while (prod - index[2] >= 2048) {
			index[3] = prod;
			hc2(event_channel_op, 4, &port);
			hc2(sched_op, 0, NULL);
		}
		page[1024 + (prod++ & 2047)] = (u8)*s++;
		n--;
	}
	barrier();
	index[3] = prod;
	hc2(event_channel_op, 4, &port);
}

static void emit(const struct out *o)
{
	while (__sync_lock_test_and_set(&print_lock, 1))
		pause_();
	if (dom0 || console_by_io)
		hc3(console_io, 0, o->n, o->buf);
	else
		console_ring(o->buf, o->n);
	__sync_lock_release(&print_lock);
}

void check_(u64 got, u64 want, u64 other, const char *fmt, ...)
{
	int ok = got == want || got == other;
	struct out o = { .n = 0 };
	__builtin_va_list ap;

	__sync_fetch_and_add(ok ? &passed : &failed, 1);
	put_text(&o, ok ? "ok " : "not ok ");
	__builtin_va_start(ap, fmt);
	format(&o, fmt, ap);
	__builtin_va_end(ap);
	if (!ok) {
		put_text(&o, ": got 0x");
		put_number(&o, got, 16);
		put_text(&o, " want 0x");
		put_number(&o, want, 16);
	}
	put(&o, '\n');
	emit(&o);
}

void quiet_ok(const char *name)
{
	ck(quiet_failed, 0, "%s", name);
	quiet_failed = 0;
}

/* ---- traps ------------------------------------------------------------------------------------------------------- */

static void upcall_2level(void)
{
	struct vcpu_info *vi = vinfo();
	u64 sel, bits;

	WRITE(vi->pending, 0);
	barrier();
	sel = __atomic_exchange_n(&vi->sel, 0, __ATOMIC_SEQ_CST);
	while (sel) {
		u32 w = (u32)__builtin_ctzl(sel);

		sel &= sel - 1;
		bits = READ(shi->pending[w]) & ~READ(shi->mask[w]);
		while (bits) {
			u32 port = w * 64 + (u32)__builtin_ctzl(bits);

			bits &= bits - 1;
			__sync_fetch_and_and(&shi->pending[w], ~(1UL << (port & 63)));
			port_count[port]++;
			if (port_hook)
				port_hook(port);
		}
	}
}

void lib_trap(struct regs *r);
void lib_trap(struct regs *r)
{
	if (r->vector == 256) {
		__sync_fetch_and_add(&upcalls, 1);
		upcall_rip = r->rip;
		if (use_fifo && port_hook)
			port_hook(0);
		else
			upcall_2level();
		return;
	}
	last = *r;
	last_cr2 = vinfo()->cr2;
	ntraps++;
	if (trap_hook && trap_hook(r))
		return;
	if (try_sp) {
		r->rsp = try_sp;
		r->rip = A_(try_back);
		r->rax = TRAPPED(r->vector);
		r->rflags &= ~FL_TF;
		return;
	}
	printf("trap %lu error %lx at %lx cs %lx flags %lx rsp %lx cr2 %lx\n", r->vector, r->error, r->rip, r->cs,
	       r->rflags, r->rsp, last_cr2);
	die("unexpected trap");
}

void traps_install(void)
{
	u32 i;

	for (i = 0; i < 256; i++) {
		traps[i].vector = (u8)i;
		traps[i].flags = i == 3 || i == 4 || i == 0x80 ? 3 : 0;
		traps[i].cs = KERNEL_CS;
		traps[i].address = trap_entries[i];
	}
	memset(&traps[256], 0, sizeof traps[256]);
	hc1(set_trap_table, traps);
}

/* ---- pages ------------------------------------------------------------------------------------------------------- */

void *page_alloc(void)
{
	if (arena_used == ARENA_PAGES)
		die("out of pages");
	return arena[arena_used++];
}

u64 mfn_of(const void *va)
{
	return p2m[(A_(va) - VIRT_BASE) / PAGE];
}

void *va_of(u64 mfn)
{
	return (void *)(VIRT_BASE + M2P[mfn] * PAGE);
}

u64 *pte_of(u64 va)
{
	u64 *t = l4;
	u32 shift;

	for (shift = 39; shift > 12; shift -= 9) {
		u64 e = READ(t[va >> shift & 511]);

		if (!(e & P_P))
			return NULL;
		t = va_of(PTE_MFN(e));
	}
	return &t[va >> 12 & 511];
}

u64 entry_maddr(const void *entry)
{
	return mfn_of((const void *)(A_(entry) & ~(PAGE - 1))) * PAGE + (A_(entry) & (PAGE - 1));
}

i64 mmu1(u64 ptr, u64 val)
{
	struct mmu_update u = { ptr, val };

	return hc4(mmu_update, &u, 1, NULL, DOMID_SELF);
}

i64 va_set(u64 va, u64 pte, u64 flags)
{
	return hc3(update_va_mapping, va, pte, flags);
}

void page_ro(void *p)
{
	if (va_set(A_(p), mfn_of(p) * PAGE | P_RO_, 2))
		die("page_ro");
}

void page_rw(void *p)
{
	if (va_set(A_(p), mfn_of(p) * PAGE | P_RWX_, 2))
		die("page_rw");
}

void map(u64 va, u64 pte)
{
	u64 *t = l4;
	u32 shift;

	for (shift = 39; shift > 12; shift -= 9) {
		u64 *e = &t[va >> shift & 511];

		if (!(READ(*e) & P_P)) {
			void *n = page_alloc();

			page_ro(n);
			if (mmu1(entry_maddr(e), mfn_of(n) * PAGE | P_RWX_))
				die("map: table");
		}
		t = va_of(PTE_MFN(READ(*e)));
	}
	if (mmu1(entry_maddr(&t[va >> 12 & 511]), pte))
		die("map: page");
	ext(INVLPG_LOCAL, va, 0);
}

i64 ext(u32 cmd, u64 arg1, u64 arg2)
{
	struct mmuext e = { cmd, 0, arg1, arg2 };

	return hc4(mmuext_op, &e, 1, NULL, DOMID_SELF);
}

#define ACCESS(n, type)                                                                                                \
	i64 poke##n(u64 va, u64 val)                                                                                   \
	{                                                                                                              \
		*(volatile type *)va = (type)val;                                                                      \
		return 0;                                                                                              \
	}
ACCESS(8, u8)
ACCESS(16, u16)
ACCESS(32, u32)
ACCESS(64, u64)

i64 peek8(u64 va, u64 b)
{
	return *(volatile u8 *)va;
}

i64 peek64(u64 va, u64 b)
{
	return *(volatile i64 *)va;
}

i64 call_at(u64 va, u64 b)
{
	return ((i64(*)(u64))va)(b);
}

/* ---- events and vCPUs -------------------------------------------------------------------------------------------- */

u32 cpu_id(void)
{
	u64 sp;

	__asm__("movq %%rsp, %0" : "=r"(sp));
	return (u32)((sp - A_(stacks)) / sizeof stacks[0]);
}

struct vcpu_info *vinfo(void)
{
	return &shi->vcpu[cpu_id()];
}

void events_off(void)
{
	WRITE(vinfo()->mask, 1);
	barrier();
}

void events_on(void)
{
	struct vcpu_info *vi = vinfo();

	barrier();
	WRITE(vi->mask, 0);
	barrier();
	if (READ(vi->pending))
		hc2(xen_version, 0, NULL); /* any hypercall is a boundary */
}

int evtchn(u32 cmd, void *arg)
{
	return (int)hc2(event_channel_op, cmd, arg);
}

void port_unmask(u32 port)
{
	evtchn(9, &port);
}

static void (*secondary_fn[9])(u32 id);
static struct vcpu_context context;

void lib_secondary(u32 id);
void lib_secondary(u32 id)
{
	secondary_fn[id](id);
	for (;;)
		hc3(vcpu_op, 2, id, NULL);
}

void cpu_context(struct vcpu_context *c, u32 id)
{
	memset(c, 0, sizeof *c);
	c->flags = 4; /* VGCF_in_kernel */
	c->user.rip = A_(secondary_start);
	c->user.rdi = id;
	c->user.cs = KERNEL_CS;
	c->user.ss = KERNEL_SS;
	c->user.rsp = A_(stacks[id + 1]);
	c->user.rflags = FL_IF;
	c->kernel_ss = KERNEL_SS;
	c->kernel_sp = A_(stacks[id + 1]);
	memcpy(c->trap, traps, sizeof c->trap);
	c->ctrlreg[3] = mfn_of(l4) * PAGE;
	c->event_ip = trap_entries[256];
	c->failsafe_ip = A_(failsafe_entry);
	c->syscall_ip = trap_entries[257];
}

i64 cpu_start(u32 id, void (*fn)(u32 id))
{
	i64 r;

	cpu_context(&context, id);
	secondary_fn[id] = fn;
	r = hc3(vcpu_op, 0, id, &context);
	return r ? r : hc3(vcpu_op, 1, id, NULL);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

u64 now(void)
{
	struct vcpu_time *t = &vinfo()->time;
	u64 ns, delta;
	u32 version;

	do {
		version = READ(t->version);
		barrier();
		delta = rdtsc() - READ(t->tsc);
		delta = t->shift >= 0 ? delta << t->shift : delta >> -t->shift;
		ns = READ(t->system_time) + (u64)((unsigned __int128)delta * READ(t->mul) >> 32);
		barrier();
	} while (version & 1 || version != READ(t->version));
	return ns;
}

/* Knuth's LCG (MMIX), high half. */
u64 rnd(void)
{
	static u64 x = 20231021;
	u64 hi;

	x = x * 6364136223846793005UL + 1442695040888963407UL;
	hi = x >> 32;
	x = x * 6364136223846793005UL + 1442695040888963407UL;
	return hi << 32 | x >> 32;
}

/* ---- start ------------------------------------------------------------------------------------------------------- */

void lib_start(struct start_info *info);
void lib_start(struct start_info *info)
{
	struct {
		u16 type, flags;
		u32 pad;
		u64 address;
	} cb = { .address = trap_entries[256] };

	si = info;
	p2m = (u64 *)si->mfn_list;
	l4 = (u64 *)si->pt_base;
	dom0 = si->flags & SIF_INITDOMAIN;
	shi = (struct shared_info *)shared_page;
	if (va_set(A_(shared_page), si->shared_info | P_RWX_, 2)) {
		shi = NULL;
		printf("not ok shared_info cannot be mapped\n");
	} else
		memset(shi->mask, 0xff, sizeof shi->mask); /* the console's port among them */
	traps_install();
	hc2(callback_op, 0, &cb);
	cb.type = 1;
	cb.address = A_(failsafe_entry);
	hc2(callback_op, 0, &cb);
	cb.type = 2;
	cb.address = trap_entries[257];
	hc2(callback_op, 0, &cb);
	hc2(stack_switch, KERNEL_SS, stacks[1]);
	guest_main();
	done();
}
