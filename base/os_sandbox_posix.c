/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Confinement on Linux: landlock(7), seccomp(2), prctl(2) PR_SET_NO_NEW_PRIVS. Left out: namespaces, which want privileges
 * or a child; OpenBSD's pledge(2), FreeBSD's capsicum(4).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_PATH, syscall() */
#endif

#include "config.h"

#include "base/os_sandbox.h"

#include <errno.h>

#if HAVE_SECCOMP && defined(__linux__)

#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- files: Landlock ---- */

/* The kernel's own headers are not everywhere, and older than the kernel where they are: linux/landlock.h's numbers. */
enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_REG = 1 << 8,
	FS_MAKE_SOCK = 1 << 9,
	FS_REFER = 1 << 13,
	FS_TRUNCATE = 1 << 14,
	NET_TCP = 1 << 0 | 1 << 1, /* bind, connect */
	SCOPE_ABSTRACT_UNIX = 1 << 0,
	SCOPE_SIGNAL = 1 << 1,
};
#define FS_OF_FILES ((u64)(FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE))
#define FS_READ ((u64)(FS_READ_FILE | FS_READ_DIR))
#define FS_WRITE ((u64)(FS_READ | FS_WRITE_FILE | FS_TRUNCATE | FS_REMOVE_FILE | FS_MAKE_REG | FS_MAKE_SOCK))
#define RULE_PATH_BENEATH 1
#define CREATE_VERSION 1u

struct ruleset_attr {
	u64 fs, net, scoped;
};

struct path_attr {
	u64 allowed;
	i32 fd;
} __attribute__((packed));

static int allow_path(int rules, const struct os_sandbox_path *p, u64 handled, struct error *e)
{
	struct path_attr attr = { 0, open(p->path, O_PATH | O_CLOEXEC) };
	struct stat st;
	int rc = 0;

	if (attr.fd < 0 && errno == ENOENT && p->rights & OS_SANDBOX_MAYBE)
		return 0;
	if (attr.fd < 0 || fstat(attr.fd, &st)) {
		rc = -errno;
	} else {
		attr.allowed |= p->rights & OS_SANDBOX_READ ? FS_READ : 0;
		attr.allowed |= p->rights & OS_SANDBOX_WRITE ? FS_WRITE : 0;
		attr.allowed |= p->rights & OS_SANDBOX_REMOVE ? FS_REMOVE_FILE : 0;
		attr.allowed &= handled;
		if (!S_ISDIR(st.st_mode))
			attr.allowed &= FS_OF_FILES;
		if (attr.allowed && syscall(SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, &attr, 0))
			rc = -errno;
	}
	if (attr.fd >= 0)
		close(attr.fd);
	return rc ? error_set(e, rc, "%.300s cannot be allowed (%s)", p->path, strerror(-rc)) : 0;
}

static int confine_files(const struct os_sandbox *s, bool *files, struct error *e)
{
	struct ruleset_attr attr = { 0 };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
	int rules, rc = 0;
	size_t i, size;

	*files = abi > 0;
	if (abi <= 0)
		return 0;
	/* landlock(7): 13 rights at first, REFER since 2, TRUNCATE since 3, the network since 4, scopes since 6. */
	attr.fs = FS_REFER - 1;
	attr.fs |= abi >= 2 ? FS_REFER : 0;
	attr.fs |= abi >= 3 ? FS_TRUNCATE : 0;
	attr.net = s->connects ? 0 : NET_TCP;
	attr.scoped = SCOPE_SIGNAL | (s->window ? 0 : SCOPE_ABSTRACT_UNIX);
	size = abi >= 6 ? sizeof attr : abi >= 4 ? 2 * sizeof(u64) : sizeof(u64);
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (rules < 0)
		return error_set(e, -errno, "this kernel refuses (landlock_create_ruleset: %s)", strerror(errno));
	for (i = 0; !rc && i < s->npaths; i++)
		rc = allow_path(rules, &s->paths[i], attr.fs, e);
	if (!rc && syscall(SYS_landlock_restrict_self, rules, 0))
		rc = error_set(e, -errno, "this kernel refuses (landlock_restrict_self: %s)", strerror(errno));
	close(rules);
	return rc;
}

/* ---- system calls: seccomp ---- */

/* What the program, the C library and threads use in a guest's life. Names that this processor has not are passed over. */
static const char *const always[] = {
	/* files */
	"read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2", "lseek", "_llseek", "close",
	"close_range", "fstat", "fstat64", "stat", "stat64", "lstat", "lstat64", "fstatat64", "newfstatat", "statx", "fstatfs", "fstatfs64",
	"statfs", "statfs64", "access", "faccessat", "open", "openat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "readlink",
	"readlinkat", "getcwd", "getdents", "getdents64", "ftruncate", "ftruncate64", "fallocate", "fsync", "fdatasync", "sync_file_range", "fadvise64", "fadvise64_64",
	"copy_file_range", "sendfile", "sendfile64", "fcntl", "fcntl64", "flock", "dup", "dup2", "dup3", "pipe", "pipe2", "umask",
	/* waiting */
	"poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64", "epoll_create", "epoll_create1", "epoll_ctl",
	"epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_settime64",
	"timerfd_gettime", "nanosleep", "clock_nanosleep", "clock_nanosleep_time64", "restart_syscall", "pause", "alarm", "setitimer",
	"getitimer",
	/* memory */
	"brk", "munmap", "mremap", "madvise", "mincore", "membarrier", "mlock", "munlock", "msync",
	/* threads and signals */
	"futex", "futex_time64", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "arch_prctl", "sched_yield",
	"sched_getaffinity", "exit", "exit_group", "gettid", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "rt_sigpending",
	"rt_sigtimedwait", "rt_sigsuspend", "sigaltstack", "wait4", "waitid", "waitpid",
	/* clocks and facts */
	"clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64", "gettimeofday", "time", "times", "getrandom", "uname",
	"sysinfo", "getrlimit", "ugetrlimit", "getrusage", "getpid", "getppid", "getpgrp", "getpgid", "getuid", "getuid32", "geteuid",
	"geteuid32", "getgid", "getgid32", "getegid", "getegid32", "getcpu",
	/* sockets that are open */
	"accept", "accept4", "listen", "recv", "recvfrom", "recvmsg", "recvmmsg", "send", "sendto", "sendmsg", "sendmmsg", "shutdown",
	"getsockname", "getpeername", "getsockopt", "setsockopt",
};

static const char *const sockets[] = { "bind", "connect" };

/* The threads of renderers make code; graphics are driven by ioctl(). */
static const char *const windows[] = {
	"shmget", "shmat", "shmdt", "shmctl", "memfd_create", "mmap", "mmap2", "mprotect", "sched_getparam", "sched_getscheduler",
	"sched_get_priority_max", "sched_get_priority_min", "sched_setaffinity", "inotify_init", "inotify_init1", "inotify_add_watch",
	"inotify_rm_watch", "ioctl", "get_mempolicy", "getpriority", "mlock2", "pkey_alloc",
};

static const unsigned long ioctls[] = {
	TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ, TIOCGPGRP, TIOCGPTN, FIONBIO, FIONREAD,
	0x00001268, /* BLKSSZGET */
	0x80081272, /* BLKGETSIZE64 */
};

/* Bits of mask must be as value has them. */
#define BITS(n, mask, value) ((struct scmp_arg_cmp){ (n), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask), (scmp_datum_t)(value) })
#define EQUAL(n, value) ((struct scmp_arg_cmp){ (n), SCMP_CMP_EQ, (scmp_datum_t)(value), 0 })

static int allow(scmp_filter_ctx f, const char *const *names, size_t n)
{
	int rc = 0;
	size_t i;

	for (i = 0; !rc && i < n; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);

		if (nr != __NR_SCMP_ERROR)
			rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 0);
	}
	return rc;
}

static int allow_some(scmp_filter_ctx f, const struct os_sandbox *s)
{
	/* s390 has clone()'s flags behind its stack (clone(2)). */
#ifdef __s390__
	const u32 flags = 1;
#else
	const u32 flags = 0;
#endif
	static const int maps[] = { SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect) };
	int rc = 0;
	size_t i;

	/* Threads and no processes. Of clone3() a filter cannot see the flags; the C library then takes clone(). */
	rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, BITS(flags, 0x00010000 /* CLONE_THREAD */, 0x00010000));
	rc |= seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	rc |= seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(faccessat2), 0);
	rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, EQUAL(0, PR_SET_NAME));
	rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, EQUAL(0, getpid()));
	/* Limits are read, not set. */
	rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, EQUAL(2, 0));
	/* No memory becomes code; where libraries are loaded later, none that can be written. */
	for (i = 0; i < ARRAY_SIZE(maps) && !s->window; i++) {
		rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, maps[i], 1, BITS(2, PROT_EXEC, 0));
		if (s->connects)
			rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, maps[i], 1, BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC));
	}
	rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 2, EQUAL(0, AF_UNIX), BITS(1, 0xf, SOCK_STREAM));
	if (s->connects) {
		rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, EQUAL(0, AF_INET));
		rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, EQUAL(0, AF_INET6));
		/* The C library looks for the host's addresses with it. */
		rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, EQUAL(0, AF_NETLINK), EQUAL(2, 0 /* NETLINK_ROUTE */));
	}
	if (s->local || s->window)
		rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, EQUAL(0, AF_UNIX));
	if (s->connects || s->local || s->window)
		rc |= allow(f, sockets, ARRAY_SIZE(sockets));
	for (i = 0; i < ARRAY_SIZE(ioctls) && !s->window; i++)
		rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, EQUAL(1, ioctls[i]));
	return rc;
}

/*
 * Where any ioctl() may come: not those that type for the user at the terminal. The kernel looks at 32 bits of the request. It
 * is a filter of its own, since in one a rule that allows all would hold first.
 */
static int confine_terminal(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int rc = f ? 0 : -ENOMEM;

	rc = rc ? rc : seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, BITS(1, 0xffffffff, TIOCSTI));
	rc = rc ? rc : seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, BITS(1, 0xffffffff, 0x541c /* TIOCLINUX */));
	rc = rc ? rc : seccomp_load(f);
	if (f)
		seccomp_release(f);
	return rc;
}

static int confine_calls(const struct os_sandbox *s, struct error *e)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc;

	if (!f)
		return error_set(e, -ENOMEM, "the host is out of memory");
	rc = allow(f, always, ARRAY_SIZE(always));
	rc |= s->window ? allow(f, windows, ARRAY_SIZE(windows)) : 0;
	rc |= allow_some(f, s);
	if (!rc && s->window)
		rc = confine_terminal();
	if (!rc)
		rc = seccomp_load(f);
	seccomp_release(f);
	return rc ? error_set(e, rc < 0 ? rc : -EINVAL, "this kernel refuses (seccomp: %s)", strerror(rc < 0 ? -rc : EINVAL)) : 0;
}

/* Landlock's rules hold for the thread that calls, so there may be no other. The directory is missing where /proc is. */
static bool alone(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) || st.st_nlink <= 3;
}

int os_sandbox_enter(const struct os_sandbox *s, bool *files, struct error *e)
{
	int rc;

	*files = false;
	if (!alone())
		return error_set(e, -EBUSY, "threads are running already, which it would not confine: this is a fault of the program");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return error_set(e, -errno, "this kernel refuses (no_new_privs: %s)", strerror(errno));
	rc = confine_files(s, files, e);
	return rc ? rc : confine_calls(s, e);
}

#else

int os_sandbox_enter(const struct os_sandbox *s, bool *files, struct error *e)
{
	(void)s;
	*files = false;
#ifdef __linux__
	return error_set(e, -ENOTSUP, "this program was built without libseccomp: build it with Debian's libseccomp-dev, or leave it out");
#else
	return error_set(e, -ENOTSUP, "there is none on this system: leave it out, and run the program as a user of its own");
#endif
}

#endif
