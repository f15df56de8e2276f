/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The library of the 32-bit test guests: hypercalls, checks, traps, page tables, other vCPUs. The ABI's numbers and structs
 * are written here from Xen's public headers.
 */
#ifndef GUEST32_LIB_H
#define GUEST32_LIB_H

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC target("general-regs-only") /* handlers must not touch what they do not save; clang needs the option */
#endif

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
#define NULL ((void *)0)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE 4096U
#define VIRT_BASE 0xc0000000U
#define HYPER_START 0xf5800000U
#define M2P ((const u32 *)HYPER_START)
#define barrier() __asm__ volatile("" ::: "memory")
#define READ(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE(x, y) (*(volatile __typeof__(x) *)&(x) = (y))

enum { EPERM = 1, ENOENT = 2, ESRCH = 3, EFAULT = 14, EBUSY = 16, EEXIST = 17, EINVAL = 22, ERANGE = 34, ENOSYS = 38,
       EOPNOTSUPP = 95 };
#define DOMID_SELF 0x7ff0U

enum { HC_set_trap_table = 0, HC_mmu_update, HC_set_gdt, HC_stack_switch, HC_set_callbacks, HC_fpu_taskswitch,
       HC_set_debugreg = 8, HC_get_debugreg, HC_update_descriptor, HC_memory_op = 12, HC_multicall, HC_update_va_mapping,
       HC_set_timer_op, HC_xen_version = 17, HC_console_io, HC_grant_table_op = 20, HC_vm_assist, HC_iret = 23, HC_vcpu_op,
       HC_set_segment_base, HC_mmuext_op, HC_sched_op = 29, HC_callback_op, HC_event_channel_op = 32, HC_physdev_op };

static inline i32 hc(u32 nr, u32 a, u32 b, u32 c, u32 d, u32 e)
{
	i32 r;

	__asm__ volatile("int $0x82" : "=a"(r), "+b"(a), "+c"(b), "+d"(c), "+S"(d), "+D"(e) : "0"(nr) : "memory");
	return r;
}
#define A_(x) ((u32)(x))
#define hc1(n, a) hc(HC_##n, A_(a), 0, 0, 0, 0)
#define hc2(n, a, b) hc(HC_##n, A_(a), A_(b), 0, 0, 0)
#define hc3(n, a, b, c) hc(HC_##n, A_(a), A_(b), A_(c), 0, 0)
#define hc4(n, a, b, c, d) hc(HC_##n, A_(a), A_(b), A_(c), A_(d), 0)

struct start_info {
	char magic[32];
	u32 nr_pages, shared_info, flags, store_mfn, store_evtchn, console_mfn, console_evtchn, pt_base, nr_pt_frames, mfn_list,
		mod_start, mod_len;
	char cmd_line[1024];
	u32 first_p2m_pfn, nr_p2m_frames;
};
struct vcpu_info {
	u8 pending, mask, pad[2];
	u32 sel, cr2, arch_pad[5];
	u32 time[8];
};
struct shared_info {
	struct vcpu_info vcpu[32];
	u32 pending[32], mask[32];
	u32 wc_version, wc_sec, wc_nsec;
	u32 max_pfn, p2m_list, nmi_reason, p2m_cr3, p2m_vaddr, p2m_generation, wc_sec_hi;
};
struct trap_info {
	u8 vector, flags;
	u16 cs;
	u32 address;
};
struct regs {
	u32 edi, esi, ebp, esp_, ebx, edx, ecx, eax, ds, es, fs, gs, vector, error, eip, cs, eflags, esp, ss;
};
struct vcpu_context {
	u8 fpu[512];
	u32 flags;
	struct {
		u32 ebx, ecx, edx, esi, edi, ebp, eax, error_vector, eip, cs, eflags, esp, ss, es, ds, fs, gs;
	} user;
	struct trap_info trap[256];
	u32 ldt_base, ldt_ents, gdt_frames[16], gdt_ents, kernel_ss, kernel_sp, ctrlreg[8], debugreg[8], event_cs, event_ip,
		failsafe_cs, failsafe_ip, vm_assist;
};
_Static_assert(sizeof(struct vcpu_context) == 2800, "as Xen has it");
#define KERNEL_CS 0xe019U
#define KERNEL_SS 0xe021U
#define USER_CS 0xe02bU
#define USER_SS 0xe033U

struct mmuext {
	u32 cmd, arg1, arg2;
};
enum { PIN_L1, PIN_L2, PIN_L3, PIN_L4, UNPIN, NEW_BASEPTR, INVLPG_LOCAL = 7, SET_LDT = 13, NEW_USER_BASEPTR = 15 };
struct multicall {
	u32 op;
	i32 result;
	u32 args[6];
};

#define P_P 1ULL
#define P_RW 2ULL
#define P_US 4ULL
#define P_A 0x20ULL
#define P_D 0x40ULL
#define P_NX (1ULL << 63)
#define P_RWX_ (P_P | P_RW | P_A | P_D)
#define P_RO_ (P_P | P_A)
#define PTE_MFN(e) ((u32)(((e)&0x000ffffffffff000ULL) >> 12))

#define FL_TF 0x100U
#define FL_IF 0x200U
#define FL_IOPL 0x3000U
#define FL_NT 0x4000U

/* ---- lib.c ------------------------------------------------------------------------------------------------------- */

extern struct start_info *si;
extern struct shared_info *shi;
extern u32 *p2m;
extern u64 *l3;  /* the first page tables' top, as mapped (read-only) */
extern int dom0; /* runs as the oracle's first domain: more is allowed */
extern u32 try_sp, failsafe_segs[4], first_esp, first_cs, first_ss, first_ds;
extern const u32 trap_entries[259];
extern u8 stacks[5][16384], hypercall_page[], _end[];
void secondary_start(void), failsafe_entry(void);

/* Each guest's own. */
void guest_main(void);

void printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *memset(void *p, int c, unsigned long n);
void *memcpy(void *d, const void *s, unsigned long n);
int memcmp(const void *a, const void *b, unsigned long n);

/* One line a check; the name is printf-like. */
#define ck(got, want, ...) check_(A_(got), A_(want), __VA_ARGS__)
void check_(u32 got, u32 want, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void done(void) __attribute__((noreturn));
void die(const char *why) __attribute__((noreturn));

/* Traps. A hook that returns nonzero has dealt with it; else try_call's caller is told; else the guest ends. */
extern int (*trap_hook)(struct regs *r);
extern struct regs last; /* of the last trap; esp and ss as they were */
extern u32 last_at;      /* where its frame ended: the stack pointer before it */
extern struct trap_info traps[257];
extern u32 ntraps, last_cr2;
extern volatile u32 upcalls;
void traps_install(void);
/* Calls fn(a, b): its value, or -1 - vector when it trapped (then see last). */
i32 try_call(u32 fn, u32 a, u32 b);
#define TRY(fn, a, b) try_call(A_(fn), A_(a), A_(b))
#define TRAPPED(vector) A_(-1 - (i32)(vector))
void try_throw(i32 value) __attribute__((noreturn));
/* Enters what r says by the iret hypercall; comes back with what leave() is given in a trap hook. */
i32 enter(struct regs *r);
void leave(i32 value) __attribute__((noreturn));
/* Runs code in ring 3 until it traps: the vector, and last. */
i32 user_run(void (*fn)(void), u32 eflags);
i32 poke32(u32 va, u32 val), peek32(u32 va, u32 b), call_at(u32 va, u32 b);

/* A function in assembly: i32 name(u32 a, u32 b), a at 4(%esp), b at 8(%esp). */
#define ASMFN(name, body)                                                                                              \
	i32 name(u32 a, u32 b);                                                                                        \
	__asm__(".text\n.globl " #name "\n" #name ":\n" body "\nret\n")
/* Code for ring 3, in a page of its own that it may read; NAME_at is a label it may set. */
#define USERFN(name, body)                                                                                             \
	void name(void);                                                                                               \
	__asm__(".text\n.balign 16\n.globl " #name "\n" #name ":\n" body "\n ud2\n")
#define LABEL(name) extern u8 name[]

struct vcpu_info *vinfo(void);
u32 cpu_id(void);
int evtchn(u32 cmd, void *arg);

/* Pages. */
void *page_alloc(void); /* zeroed, writable, the domain's own */
u32 mfn_of(const void *va);
void *va_of(u32 mfn);
u64 *pte_of(u32 va);                /* the L1 entry in the first tables, as mapped; NULL: no table */
u64 entry_maddr(const void *entry); /* machine address of a table entry */
i32 mmu1(u64 ptr, u64 val);
i32 va_set(u32 va, u64 pte, u32 flags); /* update_va_mapping */
void page_ro(void *p);
void page_rw(void *p);
i32 ext(u32 cmd, u32 arg1, u32 arg2); /* one mmuext_op */
u64 pte(const void *p, u64 bits);

/* Other vCPUs. */
void cpu_context(struct vcpu_context *c, u32 id, void (*fn)(u32 id));
void event_on(void), event_off(void);

#endif
