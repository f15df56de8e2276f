/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program of 32 bits without any library, to be the first one of a 64-bit kernel: system calls by INT 0x80 and by the
 * vDSO's way (SYSENTER or SYSCALL), thread segments, an LDT, signals. Each line that begins with MARK is looked at.
 */
typedef unsigned int u32;

enum { SYS_exit = 1, SYS_fork = 2, SYS_write = 4, SYS_waitpid = 7, SYS_getpid = 20, SYS_reboot = 88, SYS_uname = 122,
       SYS_modify_ldt = 123, SYS_rt_sigaction = 174, SYS_set_thread_area = 243 };

static u32 vsyscall;

/* By INT 0x80, or through the vDSO. */
static int call(int fast, u32 nr, u32 a, u32 b, u32 c, u32 d)
{
	int r;

	if (fast)
		__asm__ volatile("call *%6" : "=a"(r) : "0"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "m"(vsyscall) : "memory");
	else
		__asm__ volatile("int $0x80" : "=a"(r) : "0"(nr), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	return r;
}

static u32 length(const char *s)
{
	u32 n = 0;

	while (s[n])
		n++;
	return n;
}

static void say(const char *s)
{
	call(0, SYS_write, 1, (u32)s, length(s), 0);
}

static void mark(const char *what, int right)
{
	say("MARK ");
	say(what);
	say(right ? " right\n" : " wrong\n");
}

struct user_desc {
	u32 entry, base, limit, flags;
};
struct sigaction32 {
	void (*handler)(int);
	u32 flags;
	void (*restorer)(void);
	u32 mask[2];
};

static volatile u32 cell[4] = { 0x11111111, 0x22222222, 0x33333333, 0x44444444 };
static volatile int caught, where;

void restore(void);
__asm__("restore: mov $173, %eax; int $0x80"); /* rt_sigreturn */

/* Steps over the store of 10 bytes that faulted. */
static void segv(int n, void *info, u32 *uc)
{
	caught++;
	where = (int)((u32 *)info)[3];
	uc[19] += 10; /* uc_mcontext.eip */
}

static void ill(int n, void *info, u32 *uc)
{
	where = (int)uc[19];
	uc[19] += 2;
}

static u32 read_seg(u32 sel, u32 off)
{
	u32 x;

	__asm__ volatile("mov %1, %%gs; movl %%gs:(%2), %0; xor %1, %1; mov %1, %%gs" : "=r"(x), "+r"(sel) : "r"(off));
	return x;
}

/* For a code segment that begins here: its EIP is an offset, also where it is interrupted. */
extern char based[];
__asm__("based: mov $20, %eax; int $0x80; ud2; lret"); /* getpid, then what only a handler steps over */

static int far_call(u32 sel)
{
	u32 to[2] = { 0, sel };
	int r;

	__asm__ volatile("lcall *%1" : "=a"(r) : "m"(to) : "memory");
	return r;
}

void first(u32 *sp);
__asm__(".globl _start\n_start: mov %esp, %eax; and $-16, %esp; push %eax; call first; hlt");

void first(u32 *sp)
{
	struct user_desc tls = { (u32)-1, (u32)cell, 3, 1 << 0 | 0 << 1 | 1 << 6 };  /* 32-bit, useable */
	struct user_desc ldt = { 5, (u32)(cell + 1), 7, 1 << 0 | 1 << 6 };
	struct user_desc code = { 6, (u32)based, 0xfff, 1 << 0 | 2 << 1 | 1 << 6 };
	struct sigaction32 sa = { (void (*)(int))(void *)segv, 0x04000004, restore, { 0, 0 } }; /* SA_RESTORER | SA_SIGINFO */
	u32 *p = sp + 1 + *sp + 1;
	int pid, i, sum = 0, status = 0;

	while (*p++)
		;
	for (; p[0]; p += 2)
		if (p[0] == 32) /* AT_SYSINFO */
			vsyscall = p[1];
	mark("vdso", vsyscall != 0);
	mark("int80", call(0, SYS_getpid, 0, 0, 0, 0) == 1);
	if (vsyscall)
		mark("fast", call(1, SYS_getpid, 0, 0, 0, 0) == 1);
	for (i = 0; i < 10000; i++)
		sum += call(i & 1 && vsyscall, SYS_getpid, 0, 0, 0, 0);
	mark("many", sum == 10000);
	mark("tls", !call(0, SYS_set_thread_area, (u32)&tls, 0, 0, 0) && read_seg(tls.entry * 8 + 3, 0) == 0x11111111);
	mark("sigaction", !call(0, SYS_rt_sigaction, 11, (u32)&sa, 0, 8));
	__asm__ volatile("movl $1, 0x10" ::: "memory");
	mark("signal", caught == 1 && where == 0x10);
	mark("ldt", !call(0, SYS_modify_ldt, 1, (u32)&ldt, sizeof ldt, 0) && read_seg(5 * 8 + 7, 4) == 0x33333333);
	sa.handler = (void (*)(int))(void *)ill;
	call(0, SYS_rt_sigaction, 4, (u32)&sa, 0, 8);
	mark("based", !call(0, SYS_modify_ldt, 1, (u32)&code, sizeof code, 0) && far_call(6 * 8 + 7) == 1);
	mark("offset", where == 7);
	pid = call(vsyscall != 0, SYS_fork, 0, 0, 0, 0);
	if (!pid)
		call(1, SYS_exit, read_seg(tls.entry * 8 + 3, 0) & 0x7f, 0, 0, 0);
	call(0, SYS_waitpid, (u32)pid, (u32)&status, 0, 0);
	mark("fork", pid > 1 && status >> 8 == (0x11111111 & 0x7f));
	say("MARK end\n");
	call(0, SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc, 0);
	for (;;)
		;
}
