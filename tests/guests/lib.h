/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The library of the test guests: hypercalls, console, traps, page tables, events, other vCPUs. The ABI's numbers and
 * structs are written here from Xen's public headers, 64-bit only.
 */
#ifndef GUEST_LIB_H
#define GUEST_LIB_H

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC target("general-regs-only") /* handlers must not touch what they do not save; clang needs the option */
#endif

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;
#define NULL ((void *)0)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE 4096UL
#define VIRT_BASE 0xffffffff80000000UL
#define M2P ((const u64 *)0xffff800000000000UL)
#define barrier() __asm__ volatile("" ::: "memory")
#define READ(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE(x, y) (*(volatile __typeof__(x) *)&(x) = (y))

/* Errors of Xen. */
enum {
	EPERM = 1,
	ENOENT = 2,
	ESRCH = 3,
	E2BIG = 7,
	EAGAIN = 11,
	ENOMEM = 12,
	EACCES = 13,
	EFAULT = 14,
	EBUSY = 16,
	EEXIST = 17,
	EXDEV = 18,
	ENODEV = 19,
	EINVAL = 22,
	ENOSPC = 28,
	ERANGE = 34,
	ENOSYS = 38,
	EOPNOTSUPP = 95
};
#define DOMID_SELF 0x7ff0UL
#define DOMID_IO 0x7ff1UL
#define DOMID_XEN 0x7ff2UL

/* Hypercalls. */
enum {
	HC_set_trap_table = 0,
	HC_mmu_update,
	HC_set_gdt,
	HC_stack_switch,
	HC_set_callbacks,
	HC_fpu_taskswitch,
	HC_sched_op_compat,
	HC_platform_op,
	HC_set_debugreg,
	HC_get_debugreg,
	HC_update_descriptor,
	HC_memory_op = 12,
	HC_multicall,
	HC_update_va_mapping,
	HC_set_timer_op,
	HC_event_channel_op_compat,
	HC_xen_version,
	HC_console_io,
	HC_physdev_op_compat,
	HC_grant_table_op,
	HC_vm_assist,
	HC_iret = 23,
	HC_vcpu_op,
	HC_set_segment_base,
	HC_mmuext_op,
	HC_sched_op = 29,
	HC_callback_op,
	HC_event_channel_op = 32,
	HC_physdev_op
};

static inline i64 hc(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	i64 r;
	register u64 r10 __asm__("r10") = d;
	register u64 r8 __asm__("r8") = e;

	__asm__ volatile("syscall"
			 : "=a"(r), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
			 : "0"(nr)
			 : "rcx", "r11", "memory");
	return r;
}
#define A_(x) ((u64)(x))
#define hc1(n, a) hc(HC_##n, A_(a), 0, 0, 0, 0)
#define hc2(n, a, b) hc(HC_##n, A_(a), A_(b), 0, 0, 0)
#define hc3(n, a, b, c) hc(HC_##n, A_(a), A_(b), A_(c), 0, 0)
#define hc4(n, a, b, c, d) hc(HC_##n, A_(a), A_(b), A_(c), A_(d), 0)

/* ---- shared structures ----------------------------------------------------------------------------------------- */

struct start_info {
	char magic[32];
	u64 nr_pages, shared_info;
	u32 flags, pad0;
	u64 store_mfn;
	u32 store_evtchn, pad1;
	u64 console_mfn;
	u32 console_evtchn, pad2;
	u64 pt_base, nr_pt_frames, mfn_list, mod_start, mod_len;
	char cmd_line[1024];
};
struct vcpu_time {
	u32 version, pad0;
	u64 tsc, system_time;
	u32 mul;
	signed char shift;
	u8 flags, pad1[2];
};
struct vcpu_info {
	u8 pending, mask, pad[6];
	u64 sel, cr2, arch_pad;
	struct vcpu_time time;
};
struct shared_info {
	struct vcpu_info vcpu[32];
	u64 pending[64], mask[64];
	u32 wc_version, wc_sec, wc_nsec, wc_sec_hi;
	u64 max_pfn, p2m_list, nmi_reason, p2m_cr3, p2m_vaddr, p2m_generation;
};
struct trap_info {
	u8 vector, flags;
	u16 cs;
	u64 address;
};
struct regs {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, vector, error, rip, cs, rflags,
		rsp, ss;
};
struct vcpu_context {
	u8 fpu[512];
	u64 flags;
	struct {
		u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
		u32 error, vector;
		u64 rip, cs, rflags, rsp, ss, es, ds, fs, gs;
	} user;
	struct trap_info trap[256];
	u64 ldt_base, ldt_ents, gdt_frames[16], gdt_ents, kernel_ss, kernel_sp, ctrlreg[8], debugreg[8];
	u64 event_ip, failsafe_ip, syscall_ip, vm_assist, fs_base, gs_base_kernel, gs_base_user;
} __attribute__((aligned(16)));
#define KERNEL_CS 0xe033UL
#define KERNEL_SS 0xe02bUL
#define USER_CS KERNEL_CS
#define USER_SS KERNEL_SS

struct mmu_update {
	u64 ptr, val;
};
struct mmuext {
	u32 cmd, pad;
	u64 arg1, arg2;
};
enum {
	PIN_L1,
	PIN_L2,
	PIN_L3,
	PIN_L4,
	UNPIN,
	NEW_BASEPTR,
	FLUSH_LOCAL,
	INVLPG_LOCAL,
	FLUSH_MULTI,
	INVLPG_MULTI,
	FLUSH_ALL,
	INVLPG_ALL,
	FLUSH_CACHE,
	SET_LDT,
	NEW_USER_BASEPTR = 15,
	CLEAR_PAGE,
	COPY_PAGE,
	FLUSH_CACHE_GLOBAL,
	MARK_SUPER,
	UNMARK_SUPER
};
struct multicall {
	u64 op;
	i64 result;
	u64 args[6];
};

#define P_P 1UL
#define P_RW 2UL
#define P_US 4UL
#define P_A 0x20UL
#define P_D 0x40UL
#define P_PSE 0x80UL
#define P_NX (1UL << 63)
#define P_RWX_ (P_P | P_RW | P_US | P_A | P_D)
#define P_RO_ (P_P | P_US | P_A)
#define PTE_MFN(e) (((e)&0x000ffffffffff000UL) >> 12)

#define FL_CF 1UL
#define FL_TF 0x100UL
#define FL_IF 0x200UL
#define FL_DF 0x400UL
#define FL_RF 0x10000UL

/* ---- lib.c ------------------------------------------------------------------------------------------------------- */

extern struct start_info *si;
extern struct shared_info *shi;
extern u64 *p2m;
extern u64 *l4;  /* the kernel's top table, as mapped (read-only) */
extern int dom0; /* runs as the oracle's first domain: more is allowed */
extern u64 iret_flags, try_sp, failsafe_ds, failsafe_es, failsafe_fs, failsafe_gs;
extern const u64 trap_entries[260];
extern u8 stacks[9][16384], hypercall_page[], _end[];
void secondary_start(void), failsafe_entry(void), try_back(void);

/* Each guest's own. */
void guest_main(void);

void printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *memset(void *p, int c, u64 n);
void *memcpy(void *d, const void *s, u64 n);
int memcmp(const void *a, const void *b, u64 n);
u64 strlen(const char *s);
void console_ring(const char *s, u64 n);

/* One line a check; the name is printf-like. */
#define ck(got, want, ...) check_(A_(got), A_(want), A_(want), __VA_ARGS__)
/* Either answer is right: dom0's privileges or the build change it. */
#define ck2(got, want, other, ...) check_(A_(got), A_(want), A_(other), __VA_ARGS__)
/* The oracle answers otherwise (said beside it why): its own processor's error, or what only a first domain may. */
#define ckd(got, want, oracle, ...)                                                                                    \
	do {                                                                                                           \
		if (dom0)                                                                                              \
			ck(got, oracle, __VA_ARGS__);                                                                  \
		else                                                                                                   \
			ck(got, want, __VA_ARGS__);                                                                    \
	} while (0)
void check_(u64 got, u64 want, u64 other, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* As ck, but says nothing when right: for long lists; quiet_ok(n, name) then counts them as one. */
extern u64 quiet_failed;
#define ckq(got, want, ...)                                                                                            \
	do {                                                                                                           \
		if (A_(got) != A_(want)) {                                                                             \
			quiet_failed++;                                                                                \
			ck(got, want, __VA_ARGS__);                                                                    \
		}                                                                                                      \
	} while (0)
void quiet_ok(const char *name);
void done(void) __attribute__((noreturn));
void die(const char *why) __attribute__((noreturn));

/* Traps. A hook that returns nonzero has dealt with it; else try_call's caller is told; else the guest ends. */
extern int (*trap_hook)(struct regs *r);
extern struct regs last; /* of the last trap */
extern struct trap_info traps[257];
extern u32 ntraps;
extern u64 last_cr2;
void traps_install(void);
/* Calls fn(a, b): its value, or -1 - vector when it trapped (then see last). */
i64 try_call(u64 fn, u64 a, u64 b);
#define TRY(fn, a, b) try_call(A_(fn), A_(a), A_(b))
#define TRAPPED(vector) A_(-1 - (i64)(vector))
/* Enters what r says by the iret hypercall; comes back with what leave() is given in a trap hook. */
i64 enter(struct regs *r);
void leave(i64 value) __attribute__((noreturn));
void go(struct regs *r) __attribute__((noreturn));
i64 poke8(u64 va, u64 val), poke16(u64 va, u64 val), poke32(u64 va, u64 val), poke64(u64 va, u64 val);
i64 peek8(u64 va, u64 b), peek64(u64 va, u64 b), call_at(u64 va, u64 b);

/* A function in assembly: i64 name(u64 a, u64 b), a in rdi, b in rsi; NAME_at is a label the body may set. */
#define ASMFN(name, body)                                                                                              \
	i64 name(u64 a, u64 b);                                                                                        \
	__asm__(".text\n.globl " #name "\n" #name ":\n" body "\nret\n")
#define LABEL(name) extern u8 name[]

/* Events. */
extern void (*port_hook)(u32 port);
extern volatile u32 upcalls;
extern u64 upcall_rip; /* where the last one came */
extern volatile u32 port_count[4096];
extern int use_fifo;      /* port_hook does the whole upcall */
extern int console_by_io; /* prints by hypercall 18 */
struct vcpu_info *vinfo(void);
u32 cpu_id(void);
void events_on(void);
void events_off(void);
static inline void pause_(void)
{
	__asm__ volatile("pause" ::: "memory");
}
int evtchn(u32 cmd, void *arg);
void port_unmask(u32 port);
enum {
	BIND_INTERDOMAIN,
	BIND_VIRQ,
	BIND_PIRQ,
	CLOSE,
	SEND,
	STATUS,
	ALLOC_UNBOUND,
	BIND_IPI,
	BIND_VCPU,
	UNMASK,
	RESET,
	INIT_CONTROL,
	EXPAND_ARRAY,
	SET_PRIORITY
};
/* The port, or the error. */
i64 bind_virq(u32 virq, u32 vcpu), bind_ipi(u32 vcpu), alloc_unbound(u16 dom, u16 remote),
	bind_interdomain(u16 dom, u32 port);
i64 port_send(u32 port), port_close(u32 port), port_status(u32 port, u32 *st); /* st[6]: struct evtchn_status */
i64 evtchn2(u32 cmd, u32 a, u32 b);                                            /* of two words */

/* lib_user.c: user mode. Code between two labels is seen at UCODE; the tables that this gives are to be handed to the host. */
#define UCODE 0x10000000UL
#define USTACK 0x10001000UL
u64 *user_setup(const u8 *begin, const u8 *end);
void user_tables(u64 *user_l4);
/* Registers for enter(): there, with a stack, and something in all that is checked. */
void user_regs(struct regs *r, u64 rip, u64 rdi, u64 rflags);

/* Pages. */
void *page_alloc(void); /* zeroed, writable, the domain's own */
u64 mfn_of(const void *va);
void *va_of(u64 mfn);
u64 *pte_of(u64 va);                /* the L1 entry in the kernel's tables, as mapped; NULL: no table */
u64 entry_maddr(const void *entry); /* machine address of a table entry */
i64 mmu1(u64 ptr, u64 val);
i64 va_set(u64 va, u64 pte, u64 flags); /* update_va_mapping */
void page_ro(void *p);
void page_rw(void *p);
void map(u64 va, u64 pte);            /* makes tables as needed, in the kernel's L4 */
i64 ext(u32 cmd, u64 arg1, u64 arg2); /* one mmuext_op */

/* Other vCPUs. */
i64 cpu_start(u32 id, void (*fn)(u32 id)); /* initialise and up */
void cpu_context(struct vcpu_context *c, u32 id);

/* Random numbers, the same each run. */
u64 rnd(void);

/* Time. */
u64 now(void); /* ns since boot, as pvclock says on this vCPU */
static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (u64)hi << 32;
}

#endif
