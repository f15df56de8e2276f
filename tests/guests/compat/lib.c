/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The library of the 32-bit test guests: start, console, checks, traps, pages, other vCPUs (Xen public headers, SDM 3A
 * 4.4).
 */
#include "tests/guests/compat/lib.h"
#include "tests/guests/text.h"

#define SIF_INITDOMAIN 2u
#define ARENA_PAGES 192

struct start_info *si;
struct shared_info *shi;
u32 *p2m;
u64 *l3;
int dom0;
int (*trap_hook)(struct regs *r);
struct regs last;
u32 last_at, ntraps, last_cr2;
volatile u32 upcalls;
struct trap_info traps[257];

static u8 shared_page[PAGE] __attribute__((aligned(4096)));
static u8 arena[ARENA_PAGES][PAGE] __attribute__((aligned(4096)));
static u8 user_stack[PAGE] __attribute__((aligned(4096)));
static u32 arena_used;

/* ---- console ----------------------------------------------------------------------------------------------------- */

/* The ring of struct xencons_interface (Xen public/io/console.h): its indices behind the two buffers, out_cons and out_prod last. */
static void console_ring(volatile u8 *page, volatile u32 *index, const char *s, u32 n)
{
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
	__sync_synchronize();
	index[3] = prod;
	hc2(event_channel_op, 4, &port);
}

/* Once the ring was used, by a boot loader, Xen's own console is not shown any more. */
static void emit(const struct out *o)
{
	volatile u8 *page = va_of(si->console_mfn);
	volatile u32 *index = (volatile u32 *)(page + 3072);

	if (index[3])
		console_ring(page, index, o->buf, o->n);
	else
		hc3(console_io, 0, o->n, o->buf);
}

void check_(u32 got, u32 want, const char *fmt, ...)
{
	struct out o = { .n = 0 };
	__builtin_va_list ap;

	if (got == want)
		passed++;
	else
		failed++;
	put_text(&o, got == want ? "ok " : "not ok ");
	__builtin_va_start(ap, fmt);
	format(&o, fmt, ap);
	__builtin_va_end(ap);
	if (got != want) {
		put_text(&o, ": got ");
		put_number(&o, got, 16);
		put_text(&o, " want ");
		put_number(&o, want, 16);
	}
	put(&o, '\n');
	emit(&o);
}

/* ---- traps ------------------------------------------------------------------------------------------------------- */

void lib_trap(struct regs *r);
void lib_trap(struct regs *r)
{
	u32 outer = (r->cs & 3) != 1;

	if (r->vector == 256 && !trap_hook) {
		upcalls++;
		WRITE(vinfo()->pending, 0);
		return;
	}
	memcpy(&last, r, outer ? sizeof last : sizeof last - 8);
	last_at = outer ? A_(r + 1) : A_(&r->esp);
	last_cr2 = vinfo()->cr2;
	ntraps++;
	if (trap_hook && trap_hook(r))
		return;
	if (try_sp && !outer)
		try_throw((i32)TRAPPED(r->vector));
	printf("trap %u error %x at %x cs %x flags %x cr2 %x\n", r->vector, r->error, r->eip, r->cs, r->eflags, last_cr2);
	die("unexpected trap");
}

void traps_install(void)
{
	u32 i;

	for (i = 0; i < 256; i++) {
		traps[i].vector = (u8)i;
		traps[i].flags = i == 3 || i == 4 || i == 0x80 ? 3 : i == 0x90 ? 1 : 0;
		traps[i].cs = KERNEL_CS;
		traps[i].address = trap_entries[i];
	}
	memset(&traps[256], 0, sizeof traps[256]);
	hc1(set_trap_table, traps);
}

static int user_ends(struct regs *r)
{
	trap_hook = NULL;
	leave((i32)r->vector);
}

i32 user_run(void (*fn)(void), u32 eflags)
{
	struct regs r = { .eip = A_(fn), .cs = USER_CS, .eflags = eflags, .esp = A_(user_stack) + PAGE, .ss = USER_SS,
			  .ds = USER_SS, .es = USER_SS, .fs = 0, .gs = 0 };
	u32 page = A_(fn) & ~(PAGE - 1);
	i32 vector;

	va_set(page, pte((void *)page, P_RO_ | P_US), 2);
	va_set(page + PAGE, pte((void *)(page + PAGE), P_RO_ | P_US), 2);
	va_set(A_(user_stack), pte(user_stack, P_RWX_ | P_US), 2);
	if (!trap_hook)
		trap_hook = user_ends;
	vector = enter(&r);
	trap_hook = NULL;
	return vector;
}

/* ---- pages ------------------------------------------------------------------------------------------------------- */

void *page_alloc(void)
{
	if (arena_used == ARENA_PAGES)
		die("out of pages");
	return arena[arena_used++];
}

u32 mfn_of(const void *va)
{
	return p2m[(A_(va) - VIRT_BASE) / PAGE];
}

void *va_of(u32 mfn)
{
	return (void *)(VIRT_BASE + M2P[mfn] * PAGE);
}

u64 pte(const void *p, u64 bits)
{
	return (u64)mfn_of(p) * PAGE | bits;
}

u64 *pte_of(u32 va)
{
	u64 *t = l3;
	u32 shift;

	for (shift = 30; shift > 12; shift -= 9) {
		u64 e = t[va >> shift & (shift == 30 ? 3 : 511)];

		if (!(e & P_P))
			return NULL;
		t = va_of(PTE_MFN(e));
	}
	return &t[va >> 12 & 511];
}

u64 entry_maddr(const void *entry)
{
	return (u64)mfn_of(entry) * PAGE + (A_(entry) & (PAGE - 1));
}

i32 mmu1(u64 ptr, u64 val)
{
	u64 u[2] = { ptr, val };

	return hc4(mmu_update, u, 1, NULL, DOMID_SELF);
}

i32 va_set(u32 va, u64 e, u32 flags)
{
	return hc4(update_va_mapping, va, e, e >> 32, flags);
}

void page_ro(void *p)
{
	if (va_set(A_(p), pte(p, P_RO_), 2))
		die("page_ro");
}

void page_rw(void *p)
{
	if (va_set(A_(p), pte(p, P_RWX_), 2))
		die("page_rw");
}

i32 ext(u32 cmd, u32 arg1, u32 arg2)
{
	struct mmuext e = { cmd, arg1, arg2 };

	return hc4(mmuext_op, &e, 1, NULL, DOMID_SELF);
}

i32 poke32(u32 va, u32 val)
{
	*(volatile u32 *)va = val;
	return 0;
}

i32 peek32(u32 va, u32 b)
{
	return *(volatile i32 *)va;
}

i32 call_at(u32 va, u32 b)
{
	return ((i32(*)(u32))va)(b);
}

/* ---- events and vCPUs -------------------------------------------------------------------------------------------- */

u32 cpu_id(void)
{
	u32 sp;

	__asm__("movl %%esp, %0" : "=r"(sp));
	return (sp - A_(stacks)) / sizeof stacks[0];
}

struct vcpu_info *vinfo(void)
{
	return &shi->vcpu[cpu_id()];
}

int evtchn(u32 cmd, void *arg)
{
	return hc2(event_channel_op, cmd, arg);
}

void event_off(void)
{
	WRITE(vinfo()->mask, 1);
	barrier();
}

void event_on(void)
{
	barrier();
	WRITE(vinfo()->mask, 0);
	barrier();
	if (READ(vinfo()->pending))
		hc2(xen_version, 0, NULL);
}

static void (*secondary_fn[5])(u32 id);

void lib_secondary(u32 id);
void lib_secondary(u32 id)
{
	secondary_fn[id](id);
	for (;;)
		hc3(vcpu_op, 2, id, NULL);
}

static u32 cr3(void)
{
	u32 x;

	__asm__ volatile("mov %%cr3, %0" : "=r"(x));
	return x;
}

void cpu_context(struct vcpu_context *c, u32 id, void (*fn)(u32 id))
{
	memset(c, 0, sizeof *c);
	secondary_fn[id] = fn;
	c->flags = 4; /* VGCF_in_kernel */
	c->user.eip = A_(secondary_start);
	c->user.edi = id;
	c->user.cs = KERNEL_CS;
	c->user.ss = c->user.ds = c->user.es = KERNEL_SS;
	c->user.esp = A_(stacks[id + 1]);
	c->user.eflags = FL_IF;
	c->kernel_ss = KERNEL_SS;
	c->kernel_sp = A_(stacks[id + 1]);
	memcpy(c->trap, traps, sizeof c->trap);
	c->ctrlreg[3] = cr3();
	c->event_cs = c->failsafe_cs = KERNEL_CS;
	c->event_ip = trap_entries[256];
	c->failsafe_ip = A_(failsafe_entry);
}

/* ---- start ------------------------------------------------------------------------------------------------------- */

void lib_start(struct start_info *info);
void lib_start(struct start_info *info)
{
	si = info;
	p2m = (u32 *)si->mfn_list;
	l3 = (u64 *)si->pt_base;
	dom0 = si->flags & SIF_INITDOMAIN;
	shi = (struct shared_info *)shared_page;
	if (va_set(A_(shared_page), (u64)si->shared_info | P_RWX_, 2))
		die("shared_info cannot be mapped");
	memset(shi->mask, 0xff, sizeof shi->mask);
	traps_install();
	ck(hc4(set_callbacks, KERNEL_CS, trap_entries[256], KERNEL_CS, failsafe_entry), 0, "set_callbacks");
	hc2(stack_switch, KERNEL_SS, stacks[1]);
	guest_main();
	done();
}
