/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a 64-bit program sees of the processor under a kernel: single steps and data breakpoints over system calls, interrupts and
 * loads of SS; flags, segments, bases, x87 and SSE over system calls, signals and task switches; ports. The first program of a
 * guest, or any program of a Linux on a real processor: the answers are the same. Each line with MARK is looked at.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/io.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

typedef unsigned long u64;
enum { FL_TF = 1 << 8, FL_DF = 1 << 10, FL_NT = 1 << 14, FL_AC = 1 << 18, FL_ID = 1 << 21 };

static void mark(const char *what, int right)
{
	char line[120];
	int n = snprintf(line, sizeof line, "MARK %s %s\n", what, right ? "right" : "wrong");

	if (write(1, line, (size_t)n) != n)
		_exit(1);
}

/* ---- code that is stepped over ----------------------------------------------------------------------------------- */

/* name steps itself by TF; name_go is the code alone. */
#define CODE(name, body)                                                                                               \
	extern const char name##_go[], name##_end[];                                                                   \
	void name(void);                                                                                               \
	__asm__(".text\n.globl " #name ", " #name "_go, " #name "_end\n" #name ": pushfq; orq $0x100,(%rsp); popfq\n" #name  \
		"_go: " body "\n" #name "_end: nop; ret\n")

u64 word __attribute__((aligned(64))) = 0x2b;
CODE(c_nop, "nop; nop");
CODE(c_syscall, "mov $39,%eax; syscall; nop; nop");
CODE(c_int80, "mov $20,%eax; int $0x80; nop");
CODE(c_int3, "int3; nop; nop");
CODE(c_popf, "pushfq; popfq; nop");
CODE(c_ss, "mov %ss,%eax; mov %eax,%ss; nop; nop");
CODE(c_cpuid, "push %rbx; xor %eax,%eax; cpuid; pop %rbx");
CODE(c_rdtsc, "rdtsc; nop");
CODE(c_pause, "pause; nop");
CODE(c_rep, "mov $word,%edi; mov $3,%ecx; mov $0x2b,%eax; rep stosb; nop");
CODE(c_read, "mov word,%eax; nop; nop");
CODE(c_ss_read, "mov word,%ss; nop; nop");

static const struct {
	const char *name;
	void (*fn)(void);
	const char *go, *end;
	const char *tf, *traced; /* offsets where steps end; k: the kernel's own SIGTRAP, of INT3 */
} codes[] = {
	{ "nop", c_nop, c_nop_go, c_nop_end, "1 2 ", "1 2 " },
	{ "syscall", c_syscall, c_syscall_go, c_syscall_end, "5 8 9 ", "5 7 8 9 " },
	{ "int80", c_int80, c_int80_go, c_int80_end, "5 8 ", "5 7 8 " },
	{ "int3", c_int3, c_int3_go, c_int3_end, "1k 2 3 ", "1k 2 3 " },
	{ "popf", c_popf, c_popf_go, c_popf_end, "1 2 3 ", "1 2 3 " },
	{ "ss", c_ss, c_ss_go, c_ss_end, "2 5 6 ", "2 5 6 " },
	{ "cpuid", c_cpuid, c_cpuid_go, c_cpuid_end, "1 3 5 6 ", "1 3 5 6 " },
	{ "rdtsc", c_rdtsc, c_rdtsc_go, c_rdtsc_end, "2 3 ", "2 3 " },
	{ "pause", c_pause, c_pause_go, c_pause_end, "2 3 ", "2 3 " },
	{ "rep", c_rep, c_rep_go, c_rep_end, "5 10 15 15 15 17 18 ", "5 10 15 15 15 17 18 " },
};

static char came[400];
static const char *base, *stop;

static void came_at(u64 rip, int kernel)
{
	size_t n = strlen(came);

	if (n < sizeof came - 40)
		snprintf(came + n, sizeof came - n, "%ld%s ", (long)(rip - (u64)base), kernel ? "k" : "");
}

static void on_step(int sig, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	came_at((u64)g[REG_RIP], info->si_code == SI_KERNEL);
	if (g[REG_RIP] == (greg_t)stop)
		g[REG_EFL] &= ~(greg_t)FL_TF;
}

static void check_came(const char *how, const char *name, const char *want)
{
	char what[60];

	if (strcmp(came, want))
		printf("%s %s: %s, not %s\n", how, name, came, want);
	fflush(stdout);
	snprintf(what, sizeof what, "%s_%s", how, name);
	mark(what, !strcmp(came, want));
}

/* INT 0x80 is not served everywhere. */
static sigjmp_buf back;
static void on_fault(int sig)
{
	__asm__ volatile("pushq $0x202; popfq" ::: "cc");
	siglongjmp(back, sig);
}

static int int80(void)
{
	u64 r = 20;

	signal(SIGSEGV, on_fault);
	if (sigsetjmp(back, 1))
		return 0;
	__asm__ volatile("int $0x80" : "+a"(r) : : "memory");
	return r == (u64)getpid();
}

/* ---- by a tracer --------------------------------------------------------------------------------------------------- */

/* A child that stands at go. */
static pid_t traced(const char *go, struct user_regs_struct *r)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		__asm__ volatile("sub $128,%%rsp; int3" ::: "memory");
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ptrace(PTRACE_GETREGS, pid, NULL, r);
	r->rip = (u64)go;
	ptrace(PTRACE_SETREGS, pid, NULL, r);
	return pid;
}

static void trace(const char *go, const char *end)
{
	struct user_regs_struct r;
	pid_t pid = traced(go, &r);
	int status, n = 0;
	siginfo_t info;

	came[0] = 0;
	base = go;
	do {
		ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			break;
		ptrace(PTRACE_GETREGS, pid, NULL, &r);
		ptrace(PTRACE_GETSIGINFO, pid, NULL, &info);
		came_at(r.rip, info.si_code == SI_KERNEL);
	} while (r.rip != (u64)end && ++n < 50);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

/* A data breakpoint: the offset where the child stops. */
static long watched(const char *go, u64 dr7)
{
	struct user_regs_struct r;
	pid_t pid = traced(go, &r);
	int status;

	ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[0]), &word);
	if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[7]), dr7))
		r.rip = 0;
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP) {
		ptrace(PTRACE_GETREGS, pid, NULL, &r);
		if (!(ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[6]), NULL) & 1))
			r.rip = 0;
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return (long)(r.rip - (u64)go);
}

static int has_int80;

static void steps(void)
{
	struct sigaction sa = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	size_t i;

	has_int80 = int80();
	sigaction(SIGTRAP, &sa, NULL);
	for (i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		if (codes[i].fn == c_int80 && !has_int80)
			continue;
		came[0] = 0;
		base = codes[i].go;
		stop = codes[i].end;
		codes[i].fn();
		check_came("tf", codes[i].name, codes[i].tf);
	}
	for (i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		if (codes[i].fn == c_int80 && !has_int80)
			continue;
		trace(codes[i].go, codes[i].end);
		check_came("traced", codes[i].name, codes[i].traced);
	}
	mark("watch_read", watched(c_read_go, 0xf0001) == 7);
	word = 0x2b; /* REP STOS was there */
	mark("watch_ss", watched(c_ss_read_go, 0x70001) == 8);
	mark("watch_write", watched(c_rep_go, 0x10001) == 15);
}

/* ---- flags --------------------------------------------------------------------------------------------------------- */

/* Sets flags, makes a system call, reads flags. */
u64 over_call(u64 set, u64 nr, u64 a, u64 b);
__asm__(".text\n.globl over_call\nover_call:\nmov %rsi,%rax; mov %rdi,%r8; mov %rdx,%rdi; mov %rcx,%rsi\n"
	"pushfq; or %r8,(%rsp); popfq; syscall; pushfq; pop %rax; pushq $0x202; popfq; ret\n");
/* The same by INT 0x80. */
u64 over_int80(u64 set, u64 nr);
__asm__(".text\n.globl over_int80\nover_int80: mov %rsi,%rax; pushfq; or %rdi,(%rsp); popfq; int $0x80; pushfq; pop %rax; "
	"pushq $0x202; popfq; ret\n");

static volatile u64 seen, change;
static void on_signal(int sig, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	__asm__ volatile("pushfq; pop %0" : "=r"(*(u64 *)&seen));
	g[REG_EFL] ^= (greg_t)change;
}

static void flags(void)
{
	static const struct {
		u64 bit;
		const char *name;
	} rows[] = { { FL_NT, "nt" }, { FL_AC, "ac" }, { FL_ID, "id" }, { FL_DF, "df" } };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	static struct timespec nap = { 0, 2000000 };
	char what[40];
	size_t i;

	sigaction(SIGUSR1, &sa, NULL);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		u64 bit = rows[i].bit;
		int ok = (over_call(bit, SYS_getpid, 0, 0) & bit) && (!has_int80 || (over_int80(bit, 20) & bit)) &&
			 (over_call(bit, SYS_nanosleep, (u64)&nap, 0) & bit);

		snprintf(what, sizeof what, "flag_%s", rows[i].name);
		mark(what, ok);
		change = 0;
		ok = over_call(bit, SYS_kill, (u64)getpid(), SIGUSR1) & bit;
		snprintf(what, sizeof what, "flag_%s_signal", rows[i].name);
		mark(what, ok && (seen & bit) == (bit == FL_DF ? 0 : bit));
	}
	change = FL_AC;
	mark("sigreturn_ac", (over_call(0, SYS_kill, (u64)getpid(), SIGUSR1) & FL_AC) == FL_AC);
	change = FL_NT | FL_ID;
	mark("sigreturn_others", (over_call(FL_ID, SYS_kill, (u64)getpid(), SIGUSR1) & (FL_NT | FL_ID)) == FL_ID);
	change = 3 << 12 | 1 << 17 | 3 << 19;
	mark("sigreturn_system", (over_call(0, SYS_kill, (u64)getpid(), SIGUSR1) & (3 << 12 | 1 << 17 | 3 << 19)) == 0);
	change = 0;
}

/* ---- what tasks and signals must not mix up ------------------------------------------------------------------------- */

static u64 cell = 0x1122334455667788;
static int fsgsbase;

struct state {
	u64 gs, ds, es, gsbase, at_gs;
	double x[2];
	u64 xmm15;
	unsigned mxcsr;
	unsigned short cw;
};

/* Takes up a state of its own, lets others run, and looks whether it is still there. */
static int keeps(unsigned n, int by_ldt)
{
	static const struct timespec nap = { 0, 1000000 };
	unsigned short cw = n & 1 ? 0x27f : 0x37f, cw2 = 0;
	unsigned mxcsr = n & 1 ? 0x7f80 : 0x1f80, mxcsr2 = 0;
	u64 x = n * 0x123456789ul, x2 = 0, at = 0, selector = by_ldt ? 7 : 0, sel2, ds = n & 2 ? 0x2b : 0, ds2, base2 = 0;
	long nr = SYS_nanosleep, r;
	u64 gsbase = (u64)&cell - (n & 4 ? 8 : 0), off = by_ldt ? 0 : (u64)&cell - gsbase;

	if (by_ldt) {
		__asm__ volatile("mov %0,%%gs" : : "r"((unsigned)selector));
	} else {
		__asm__ volatile("mov %0,%%gs" : : "r"(0));
		if (fsgsbase)
			__asm__ volatile("wrgsbase %0" : : "r"(gsbase));
		else
			syscall(SYS_arch_prctl, 0x1001, gsbase);
	}
	__asm__ volatile("mov %k[ds],%%ds; mov %k[ds],%%es; fninit; fldcw %[cw]; fld1; fldpi; ldmxcsr %[mx]; movq %[x],%%xmm15\n"
			 "syscall\n"
			 "movq %%xmm15,%[x2]; stmxcsr %[mx2]; fnstcw %[cw2]; fsubp; fstp %%st(0); mov %%gs,%k[sel]; mov %%ds,%k[d2]\n"
			 "mov %%gs:(%[off]),%[at]"
			 : "=a"(r), [x2] "=&r"(x2), [mx2] "=m"(mxcsr2), [cw2] "=m"(cw2), [sel] "=&r"(sel2), [d2] "=&r"(ds2), [at] "=&r"(at)
			 : "0"(nr), "D"(&nap), "S"(0), [ds] "r"(ds), [cw] "m"(cw), [mx] "m"(mxcsr), [x] "r"(x), [off] "r"(off)
			 : "rcx", "r11", "memory", "xmm15", "st", "st(1)");
	if (fsgsbase && !by_ldt)
		__asm__ volatile("rdgsbase %0" : "=r"(base2));
	__asm__ volatile("fninit");
	mxcsr = 0x1f80;
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	mxcsr = n & 1 ? 0x7f80 : 0x1f80;
	return !r && x2 == x && (mxcsr2 & ~0x3fu) == mxcsr && cw2 == cw && (sel2 & 0xffff) == selector && (ds2 & 0xffff) == ds &&
	       at == cell && (!base2 || base2 == gsbase);
}

static int keeps_all(unsigned n)
{
	unsigned i;
	int ok = 1;

	for (i = 0; i < 30; i++)
		ok &= keeps(n + i, 0) && keeps(n + i, 1);
	return ok;
}

static void on_mess(int sig)
{
	unsigned mxcsr = 0x1f80 | 0x2000;

	__asm__ volatile("fninit; fldz; ldmxcsr %0; pxor %%xmm15,%%xmm15" : : "m"(mxcsr) : "xmm15");
}

static void tasks(void)
{
	struct user_desc d = { .entry_number = 0, .base_addr = (unsigned)(u64)&cell, .limit = 0xfff, .seg_32bit = 1, .useable = 1 };
	struct sigaction sa = { .sa_handler = on_mess, .sa_flags = SA_RESTART };
	struct timespec ms = { 0, 3000000 };
	int i, status, ok = 1;
	timer_t timer;
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	struct itimerspec it = { { 0, 700000 }, { 0, 700000 } };

	fsgsbase = getauxval(AT_HWCAP2) >> 1 & 1;
	printf("fsgsbase: %d\n", fsgsbase);
	fflush(stdout);
	mark("ldt", !syscall(SYS_modify_ldt, 1, &d, sizeof d));
	mark("one", keeps_all(0));
	for (i = 1; i < 4; i++)
		if (!fork())
			_exit(!keeps_all((unsigned)i * 5));
	ok = keeps_all(0);
	for (i = 1; i < 4; i++)
		ok &= wait(&status) > 0 && WIFEXITED(status) && !WEXITSTATUS(status);
	mark("tasks", ok);
	/* Signals over loops of calculation. */
	sigaction(SIGUSR2, &sa, NULL);
	timer_create(CLOCK_MONOTONIC, &ev, &timer);
	timer_settime(timer, 0, &it, NULL);
	for (i = 0, ok = 1; i < 20; i++) {
		u64 x = 0;
		unsigned mxcsr = 0x5f80, after = 0;

		__asm__ volatile("ldmxcsr %[mx]; movq %[in],%%xmm15; fninit; fld1; mov $100000,%%ecx; 1: dec %%ecx; jnz 1b\n"
				 "fistpll %[x]; movq %%xmm15,%%rcx; stmxcsr %[after]; sub %[in],%%rcx; add %%rcx,%[x]"
				 : [x] "+m"(x), [after] "=m"(after) : [mx] "m"(mxcsr), [in] "r"(0x5555aaaaul) : "rcx", "xmm15", "memory");
		ok &= x == 1 && after == mxcsr;
	}
	timer_delete(timer);
	nanosleep(&ms, NULL);
	mark("signals", ok);
}

/* ---- ports, alignment ---------------------------------------------------------------------------------------------- */

static int out_faults(unsigned short port)
{
	int sig = sigsetjmp(back, 1);

	if (!sig)
		outb(0, port);
	return sig;
}

static void ports(void)
{
	int status, sig;

	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	mark("port_denied", out_faults(0x80) == SIGSEGV);
	mark("ioperm", !ioperm(0x80, 1, 1));
	mark("ioperm_out", out_faults(0x80) == 0);
	mark("ioperm_other", out_faults(0x81) == SIGSEGV);
	if (!fork()) {
		int bad = out_faults(0x80) != 0; /* inherited */

		ioperm(0x80, 1, 0);
		_exit(bad || out_faults(0x80) != SIGSEGV);
	}
	wait(&status);
	mark("ioperm_child", !status && out_faults(0x80) == 0);
	mark("iopl", !iopl(3) && out_faults(0x3fa) == 0 && out_faults(0xffff) == 0);
	mark("iopl_end", !iopl(0) && out_faults(0x81) == SIGSEGV && out_faults(0x80) == 0);
	mark("ioperm_end", !ioperm(0x80, 1, 0) && out_faults(0x80) == SIGSEGV);
	sig = sigsetjmp(back, 1);
	if (!sig)
		__asm__ volatile("pushfq; orl $0x40000,(%%rsp); popfq; mov 1(%0),%%eax; pushq $0x202; popfq" : : "r"(&word) : "eax", "memory");
	mark("alignment", sig == SIGBUS);
}

int main(int argc, char **argv)
{
	steps();
	flags();
	tasks();
	if (getpid() == 1 || argc > 1)
		ports();
	mark("end", 1);
	if (getpid() == 1)
		reboot(RB_POWER_OFF);
	return 0;
}
