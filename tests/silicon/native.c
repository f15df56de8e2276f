/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's side: loads the whole state, runs one instruction, and takes the state back, by a jump behind the
 * instruction or from a signal. 32-bit code runs in the compatibility segment that Linux keeps in its GDT: IRETQ goes
 * there, a far jump or a signal comes back. x86-64 Linux; elsewhere there is no native side.
 */
#define _GNU_SOURCE
#include "tests/silicon/silicon.h"
#include "tests/silicon/vendor.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>

/* At CTX_VA, so that the stubs reach it by 32-bit addresses whatever the registers hold. */
struct native_ctx {
	struct sil_state in, out;
	u64 frame[5]; /* for IRETQ: rip, cs, rflags, rsp, ss */
	u64 saved_rsp;
	u64 host_fs, handler; /* of the C code, which wants its FS back before anything else */
	u32 mxcsr, signo;
	u64 vector, error, cr2;
	bool step, rep, taken;
	u32 steps;
	const char *no32;
	bool running; /* between the way in and a way out: signals are the instruction's */
};
#define SIGSTACK_VA (CTX_VA + 0x10000)
#define SIGSTACK_BYTES (256 * 1024)
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef ARCH_SET_GS /* asm/prctl.h, which a C library may come without */
#define ARCH_SET_GS 0x1001
#define ARCH_GET_FS 0x1003
#endif
static const int signals[] = { SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS };
#define CTX ((struct native_ctx *)(uintptr_t)CTX_VA)
#define CTX_AT(f) ((u32)(CTX_VA + offsetof(struct native_ctx, f)))

enum { IN_AT = 0, OUT_AT = 0x500, BACK_AT = 0xb00, TAKEN_AT = 0xb80, SIGNAL_AT = 0xc00, RESUME_AT = 0xd00 };

static u8 *put32(u8 *p, u32 v)
{
	st32(p, v);
	return p + 4;
}
static u8 *put(u8 *p, const char *bytes, u32 n)
{
	memcpy(p, bytes, n);
	return p + n;
}
#define PUT(p, lit) put(p, lit, sizeof(lit) - 1)

/* MOV between a register and an absolute address. */
static u8 *put_mov(u8 *p, u8 op, u32 reg, u32 at)
{
	*p++ = (u8)(0x48 | (reg >> 3) << 2);
	*p++ = op;
	*p++ = (u8)((reg & 7) << 3 | 4);
	*p++ = 0x25;
	return put32(p, at);
}

/* VMOVDQU between a YMM register and an absolute address. */
static u8 *put_ymm(u8 *p, u8 op, u32 reg, u32 at)
{
	*p++ = 0xc5;
	*p++ = reg < 8 ? 0xfe : 0x7e;
	*p++ = op;
	*p++ = (u8)((reg & 7) << 3 | 4);
	*p++ = 0x25;
	return put32(p, at);
}

/* MOV of a segment register, and WRFSBASE or WRGSBASE behind it, by way of RAX. */
static u8 *put_load_seg(u8 *p, const u16 *seg, u32 sr, const u64 *base)
{
	p = PUT(p, "\x8e");
	*p++ = (u8)(sr << 3 | 4);
	*p++ = 0x25;
	p = put32(p, (u32)(uintptr_t)(seg + sr));
	if (!base)
		return p;
	p = put_mov(p, 0x8b, RAX, (u32)(uintptr_t)base);
	p = PUT(p, "\xf3\x48\x0f\xae");
	*p++ = sr == SEG_FS ? 0xd0 : 0xd8;
	return p;
}

/* The selectors and bases into out; the C code's FS. Changes RAX. */
static u8 *put_save_segs(u8 *p)
{
	u32 sr;

	for (sr = 0; sr < 6; sr++) {
		p = PUT(p, "\x8c");
		*p++ = (u8)(sr << 3 | 4);
		*p++ = 0x25;
		p = put32(p, CTX_AT(out.seg) + 2 * sr);
	}
	if (!native_segments())
		return p;
	p = PUT(p, "\xf3\x48\x0f\xae\xc0"); /* RDFSBASE, RDGSBASE */
	p = put_mov(p, 0x89, RAX, CTX_AT(out.fsbase));
	p = PUT(p, "\xf3\x48\x0f\xae\xc8");
	p = put_mov(p, 0x89, RAX, CTX_AT(out.gsbase));
	p = PUT(p, "\x31\xc0\x8e\xe0");
	p = put_mov(p, 0x8b, RAX, CTX_AT(host_fs));
	return PUT(p, "\xf3\x48\x0f\xae\xd0");
}

/* What a C function expects back: x87 empty, MXCSR as found, clean flags, its registers; and return. */
static u8 *put_back(u8 *p)
{
	if (native_has(F_AVX))
		p = PUT(p, "\xc5\xf8\x77");
	p = PUT(p, "\xdb\xe3\x0f\xae\x14\x25");
	p = put32(p, CTX_AT(mxcsr));
	p = PUT(p, "\x68\x02\x02\x00\x00\x9d");
	return PUT(p, "\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3");
}

static void make_stubs(u8 *base)
{
	u8 *p = base + IN_AT;
	u32 r;

	p = PUT(p, "\x53\x55\x41\x54\x41\x55\x41\x56\x41\x57");
	p = put_mov(p, 0x89, RSP, CTX_AT(saved_rsp));
	p = put32(PUT(p, "\x48\x0f\xae\x0c\x25"), CTX_AT(in.fx));
	for (r = 0; native_has(F_AVX) && r < 16; r++)
		p = put_ymm(p, 0x6f, r, CTX_AT(in.ymm) + 32 * r);
	p = put_load_seg(p, CTX->in.seg, SEG_ES, NULL);
	p = put_load_seg(p, CTX->in.seg, SEG_DS, NULL);
	if (native_segments()) {
		p = put_load_seg(p, CTX->in.seg, SEG_FS, &CTX->in.fsbase);
		p = put_load_seg(p, CTX->in.seg, SEG_GS, &CTX->in.gsbase);
	}
	p = put32(PUT(p, "\x48\xc7\xc4"), CTX_AT(frame));
	for (r = 0; r < 16; r++)
		if (r != RSP)
			p = put_mov(p, 0x8b, r, CTX_AT(in.gpr) + 8 * r);
	p = PUT(p, "\x48\xcf");

	p = base + OUT_AT;
	for (r = 0; r < 16; r++)
		p = put_mov(p, 0x89, r, CTX_AT(out.gpr) + 8 * r);
	p = put_mov(p, 0x8b, RSP, CTX_AT(saved_rsp));
	p = put32(PUT(p, "\x9c\x8f\x04\x25"), CTX_AT(out.rflags));
	p = put32(PUT(p, "\x48\x0f\xae\x04\x25"), CTX_AT(out.fx));
	for (r = 0; native_has(F_AVX) && r < 16; r++)
		p = put_ymm(p, 0x7f, r, CTX_AT(out.ymm) + 32 * r);
	p = put_save_segs(p);
	put_back(p);

	/* A signal's handler: C may run when AC is clear and FS is right. */
	p = PUT(base + SIGNAL_AT, "\x68\x02\x02\x00\x00\x9d");
	p = put_save_segs(p);
	p = put_mov(p, 0x8b, RAX, CTX_AT(handler));
	PUT(p, "\xff\xe0");

	/* Before a handler returns into the instruction. */
	p = base + RESUME_AT;
	if (native_segments())
		p = put_load_seg(p, CTX->out.seg, SEG_FS, &CTX->out.fsbase);
	PUT(p, "\xc3");

	/* MOV byte changes no flag. */
	p = put32(PUT(base + TAKEN_AT, "\xc6\x04\x25"), CTX_AT(taken));
	*p++ = 1;
	*p++ = 0xe9;
	put32(p, (u32)(OUT_AT - (p + 4 - base)));

	p = put_mov(base + BACK_AT, 0x8b, RSP, CTX_AT(saved_rsp));
	put_back(p);
}

static const u8 order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
			      REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };

/* The upper halves lie behind the XSAVE header, unless they are all zero. SDM 1 13.4. */
static void take_ymm(struct native_ctx *x, const u8 *area)
{
	bool there = ld32(area + 464) == 0x46505853 && (ld64(area + 512) & 4);
	u32 i;

	for (i = 0; i < 16; i++) {
		if (there)
			memcpy(x->out.ymm[i] + 16, area + 576 + 16 * i, 16);
		else
			memset(x->out.ymm[i] + 16, 0, 16);
	}
}

static void on_signal(int sig, siginfo_t *si, void *uc_)
{
	ucontext_t *uc = uc_;
	greg_t *g = uc->uc_mcontext.gregs;
	struct native_ctx *x = CTX;
	u32 r;

	/* One of the tester's own: let it happen again, without us. */
	if (!x->running) {
		signal(sig, SIG_DFL);
		return;
	}
	/* A repeated instruction traps after each turn. */
	if (x->step && x->rep && g[REG_TRAPNO] == X86_DB && (u64)g[REG_RIP] == x->in.rip && x->steps++ < 1000) {
		((void (*)(void))(uintptr_t)(STUB_VA + RESUME_AT))();
		return;
	}
	for (r = 0; r < 16; r++)
		x->out.gpr[r] = (u64)g[order[r]];
	x->out.rip = (u64)g[REG_RIP];
	x->out.rflags = (u64)g[REG_EFL];
	x->out.seg[SEG_CS] = (u16)g[REG_CSGSFS];
	x->out.seg[SEG_SS] = (u16)((u64)g[REG_CSGSFS] >> 48);
	memcpy(x->out.fx, uc->uc_mcontext.fpregs, 512);
	take_ymm(x, (const u8 *)uc->uc_mcontext.fpregs);
	x->signo = (u32)sig;
	x->vector = (u64)g[REG_TRAPNO];
	x->error = (u64)g[REG_ERR];
	x->cr2 = (u64)g[REG_CR2];
	if (x->step && x->vector == X86_DB)
		x->vector = NO_TRAP;
	((void (*)(void))(uintptr_t)(STUB_VA + BACK_AT))();
}

static bool map_at(u64 va, u64 n, int prot)
{
	void *want = (void *)(uintptr_t)va;

	return mmap(want, n, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == want;
}

/*
 * One case, a NOP: comes back through the far jump where the kernel has the segment, otherwise IRETQ or the jump raises
 * a signal, which finds its way by the handler as any other.
 */
static const char *try32(void)
{
	struct sil_case *k;
	struct sil_result *r = malloc(sizeof *r);
	const char *why = NULL;
	u32 n;

	k = calloc(1, sizeof *k);
	if (!native_segments())
		why = "the kernel does not let programs write segment bases (Linux 5.9 on a processor with FSGSBASE does)";
	for (n = 0; k && r && !why && n < 2; n++) { /* to its end, and by a signal out of the segment */
		k->c32 = true;
		k->bytes[0] = n ? 0xcc : 0x90;
		k->put = k->len = 1;
		k->at = CODE_VA + 256;
		k->in.rflags = FL_FIXED1 | FL_IF;
		k->in.seg[SEG_CS] = SEL_CS32;
		k->in.seg[SEG_SS] = k->in.seg[SEG_DS] = k->in.seg[SEG_ES] = k->in.seg[SEG_FS] = k->in.seg[SEG_GS] = SEL_SS;
		k->in.gpr[RSP] = STACK_VA + 2 * PAGE_SIZE;
		st16(k->in.fx, 0x37f);
		st32(k->in.fx + 24, 0x1f80);
		native_run(k, r);
		if (r->vector != (n ? X86_BP : NO_TRAP) || r->s.rip != k->at + 1 || (n && r->s.seg[SEG_CS] != SEL_CS32))
			why = "the kernel does not run code in segment 0x23";
	}
	free(k);
	free(r);
	return why;
}

const char *native_no32(void)
{
	return CTX->no32;
}

bool native_segments(void)
{
	return getauxval(AT_HWCAP2) & 2;
}

bool native_open(const struct sil_window *pattern)
{
	const int rw = PROT_READ | PROT_WRITE, rwx = rw | PROT_EXEC;
	struct sigaction sa;
	stack_t ss = { .ss_size = SIGSTACK_BYTES, .ss_sp = (void *)(uintptr_t)SIGSTACK_VA };
	u32 i;

	if (!map_at(CODE_VA, 2 * PAGE_SIZE, rwx) || !map_at(SIGSTACK_VA, SIGSTACK_BYTES, rw))
		return false;
	if (!map_at(STUB_VA, PAGE_SIZE, rwx) || !map_at(CTX_VA, PAGE_SIZE, rw) ||
	    !map_at(DATA_VA + PAGE_SIZE, DATA_BYTES, rw) || !map_at(STACK_VA + PAGE_SIZE, STACK_BYTES, rw))
		return false;
	memcpy(native_data(), pattern->data, DATA_BYTES);
	memcpy(native_stack(), pattern->stack, STACK_BYTES);
	mprotect((void *)(uintptr_t)(DATA_VA + 3 * PAGE_SIZE), PAGE_SIZE, PROT_READ);
	memset((void *)(uintptr_t)CODE_VA, 0xcc, 2 * PAGE_SIZE);
	if (syscall(SYS_arch_prctl, ARCH_GET_FS, &CTX->host_fs))
		return false;
	CTX->handler = (u64)(uintptr_t)on_signal;
	make_stubs((u8 *)(uintptr_t)STUB_VA);
	CTX->mxcsr = 0x1f80;
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)GS_BASE))
		return false;
	if (sigaltstack(&ss, NULL))
		return false;
	memset(&sa, 0, sizeof sa);
	sa.sa_sigaction = (void (*)(int, siginfo_t *, void *))(uintptr_t)(STUB_VA + SIGNAL_AT);
	sa.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		if (sigaction(signals[i], &sa, NULL))
			return false;
	CTX->no32 = try32();
	return true;
}

void native_close(void)
{
	stack_t off = { .ss_flags = SS_DISABLE };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_DFL);
	sigaltstack(&off, NULL);
	munmap((void *)(uintptr_t)CODE_VA, 2 * PAGE_SIZE);
	munmap((void *)(uintptr_t)STUB_VA, PAGE_SIZE);
	munmap((void *)(uintptr_t)CTX_VA, PAGE_SIZE);
	munmap((void *)(uintptr_t)SIGSTACK_VA, SIGSTACK_BYTES);
	munmap((void *)(uintptr_t)(DATA_VA + PAGE_SIZE), DATA_BYTES);
	munmap((void *)(uintptr_t)(STACK_VA + PAGE_SIZE), STACK_BYTES);
}

u8 *native_data(void)
{
	return (u8 *)(uintptr_t)(DATA_VA + PAGE_SIZE);
}

u8 *native_stack(void)
{
	return (u8 *)(uintptr_t)(STACK_VA + PAGE_SIZE);
}

void native_poke(u64 va, const u8 *bytes, u32 n)
{
	bool ro = va + n > DATA_VA + 3 * PAGE_SIZE && va < DATA_VA + 4 * PAGE_SIZE;

	if (ro)
		mprotect((void *)(uintptr_t)(DATA_VA + 3 * PAGE_SIZE), PAGE_SIZE, PROT_READ | PROT_WRITE);
	memcpy((void *)(uintptr_t)va, bytes, n);
	if (ro)
		mprotect((void *)(uintptr_t)(DATA_VA + 3 * PAGE_SIZE), PAGE_SIZE, PROT_READ);
}

void native_run(const struct sil_case *k, struct sil_result *out)
{
	struct native_ctx *x = CTX;
	u8 *code = (u8 *)(uintptr_t)k->at;
	u32 len = k->seq.n ? k->seq.len : k->put, i;

	memcpy(code, k->seq.n ? k->seq.bytes : k->bytes, len);
	if (!k->step && k->c32) {
		code[len] = 0xea;
		st32(code + len + 1, STUB_VA + OUT_AT);
		st16(code + len + 5, SEL_CS);
	} else if (!k->step) {
		code[len] = 0xe9;
		st32(code + len + 1, (u32)(STUB_VA + OUT_AT - (k->at + len + 5)));
	}
	if (k->seq.jcc) {
		code[len + 5] = 0xe9;
		st32(code + len + 6, (u32)(STUB_VA + TAKEN_AT - (k->at + len + 10)));
	}
	x->taken = false;
	x->in = k->in;
	x->frame[0] = k->at;
	x->frame[1] = k->in.seg[SEG_CS];
	x->frame[2] = k->in.rflags | (k->step ? FL_TF : 0);
	x->frame[3] = k->in.gpr[RSP];
	x->frame[4] = k->in.seg[SEG_SS];
	/* INT1 is a debug trap by itself. */
	x->step = k->step && !(k->row && !strcmp(k->row->name, "int1"));
	x->rep = k->rep || (k->row && k->row->flags & VSIB); /* a gather may trap half way */
	x->steps = 0;
	x->vector = NO_TRAP;
	x->out.rip = k->at + (k->seq.n ? len : k->len);
	x->error = x->cr2 = 0;
	x->running = true;
	((void (*)(void))(uintptr_t)(STUB_VA + IN_AT))();
	x->running = false;
	memset(code, 0xcc, len + (k->step ? 0 : k->seq.jcc ? 10 : 7));
	if (x->taken)
		x->out.rip += 5;
	if (x->vector == NO_TRAP && !k->step)
		x->out.seg[SEG_CS] = k->in.seg[SEG_CS];
	out->s = x->out;
	if (!native_segments()) {
		out->s.fsbase = k->in.fsbase;
		out->s.gsbase = k->in.gsbase;
	}
	for (i = 0; !native_has(F_AVX) && i < 16; i++)
		memcpy(out->s.ymm[i] + 16, k->in.ymm[i] + 16, 16);
	out->vector = (u8)x->vector;
	out->error = (u32)x->error;
	out->cr2 = x->vector == X86_PF ? x->cr2 : 0;
}

u32 native_vendor(void)
{
	u32 a, b, c, d;

	__cpuid(0, a, b, c, d);
	/* "AuthenticAMD", and "HygonGenuine", which is Zen. */
	return c == 0x444d4163 || c == 0x656e6975 ? VENDOR_AMD : VENDOR_INTEL;
}

bool native_has(u32 feature)
{
	u32 a, b, c, d;
	static const u8 leaf1c[][2] = { { F_SSE3, 0 },   { F_PCLMUL, 1 }, { F_SSSE3, 9 }, { F_FMA, 12 },	{ F_CX16, 13 },
					{ F_SSE41, 19 }, { F_SSE42, 20 }, { F_MOVBE, 22 }, { F_POPCNT, 23 }, { F_AES, 25 },
					{ F_XSAVE, 26 }, { F_AVX, 28 },	  { F_F16C, 29 } };
	static const u8 leaf7b[][2] = { { F_FSGSBASE, 0 }, { F_BMI1, 3 }, { F_AVX2, 5 },       { F_BMI2, 8 },
					{ F_ADX, 19 },	   { F_SMAP, 20 }, { F_CLFLUSHOPT, 23 }, { F_CLWB, 24 },
					{ F_SHA, 29 } };
	u32 i;

	__cpuid_count(1, 0, a, b, c, d);
	for (i = 0; i < ARRAY_SIZE(leaf1c); i++)
		if (leaf1c[i][0] == feature)
			return c >> leaf1c[i][1] & 1;
	if (__get_cpuid_max(0, NULL) < 7)
		return false;
	__cpuid_count(7, 0, a, b, c, d);
	for (i = 0; i < ARRAY_SIZE(leaf7b); i++)
		if (leaf7b[i][0] == feature)
			return b >> leaf7b[i][1] & 1;
	if (feature == F_SERIALIZE)
		return d >> 14 & 1;
	if (feature == F_LZCNT || feature == F_3DNOWPREFETCH) {
		__cpuid(0x80000001, a, b, c, d);
		return c >> (feature == F_LZCNT ? 5 : 8) & 1;
	}
	return true;
}

#else
u32 native_vendor(void)
{
	return VENDOR_INTEL;
}
bool native_segments(void)
{
	return false;
}
const char *native_no32(void)
{
	return "";
}
void native_close(void)
{
}
bool native_open(const struct sil_window *pattern)
{
	return false;
}
void native_run(const struct sil_case *k, struct sil_result *out)
{
}
u8 *native_data(void)
{
	return NULL;
}
u8 *native_stack(void)
{
	return NULL;
}
void native_poke(u64 va, const u8 *bytes, u32 n)
{
}
bool native_has(u32 feature)
{
	return false;
}
#endif
