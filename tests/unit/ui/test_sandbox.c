/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * base/os_sandbox.[ch]: a process that is confined tries what it may not, and does what it may. Each is a child of its own,
 * which answers with its exit code.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare(), process_vm_readv() */
#endif

#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os_sandbox.h"
#include "tests/suites.h"
#include "ui/sandbox.h"

#if HAVE_SECCOMP && defined(__linux__)

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <termios.h>

struct rig {
	char dir[64], ro[96], rw[96], out[96]; /* out: where nothing is allowed */
	int listener;  /* of out/socket */
	bool landlock; /* this kernel has it */
	struct os_sandbox s;
	struct os_sandbox_path path[4];
};

static void put(const char *dir, const char *name, const char *text)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void rig_init(struct rig *r)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	memset(r, 0, sizeof *r);
	strcpy(r->dir, "/tmp/sandbox-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(r->dir));
	snprintf(r->ro, sizeof r->ro, "%s/ro", r->dir);
	snprintf(r->rw, sizeof r->rw, "%s/rw", r->dir);
	snprintf(r->out, sizeof r->out, "%s/out", r->dir);
	ck_assert(!mkdir(r->ro, 0700) && !mkdir(r->rw, 0700) && !mkdir(r->out, 0700));
	put(r->ro, "a", "one");
	put(r->rw, "a", "two");
	put(r->out, "a", "three");
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s/socket", r->out);
	r->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert(!bind(r->listener, (struct sockaddr *)&sa, sizeof sa) && !listen(r->listener, 5));
	r->path[0] = (struct os_sandbox_path){ r->ro, OS_SANDBOX_READ };
	r->path[1] = (struct os_sandbox_path){ r->rw, OS_SANDBOX_WRITE };
	r->path[2] = (struct os_sandbox_path){ "/nowhere", OS_SANDBOX_READ | OS_SANDBOX_MAYBE };
	r->landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u) > 0;
	r->s.paths = r->path;
	r->s.npaths = 3;
}

static void rig_end(struct rig *r)
{
	char command[160];

	close(r->listener);
	snprintf(command, sizeof command, "rm -r %s", r->dir);
	ck_assert_int_eq(system(command), 0);
}

/* Refused, with what the sandbox says. What went through prints itself. */
#define DENIED(call) denied(#call, (errno = 0, (long)(call)))
static int wrong;
static bool quiet;
static void denied(const char *what, long result)
{
	if (result == -1 && (errno == EPERM || errno == EACCES))
		return;
	wrong++;
	if (!quiet)
		fprintf(stderr, "was not refused: %s: %ld, %s\n", what, result, strerror(errno));
}

#define ALLOWED(call) allowed(#call, (errno = 0, (long)(call)))
static void allowed(const char *what, long result)
{
	if (result >= 0)
		return;
	wrong++;
	if (!quiet)
		fprintf(stderr, "was refused: %s: %s\n", what, strerror(errno));
}

static const char *in(const char *dir, const char *name)
{
	static char path[8][200];
	static unsigned i;

	i = (i + 1) % 8;
	snprintf(path[i], sizeof path[i], "%s/%s", dir, name);
	return path[i];
}

static void try_files(const struct rig *r)
{
	char text[8] = "";
	int fd;

	if (!r->landlock)
		return;
	DENIED(open(in(r->out, "a"), O_RDONLY));
	DENIED(open(in(r->out, "a"), O_WRONLY));
	DENIED(open(in(r->out, "b"), O_WRONLY | O_CREAT, 0600));
	DENIED(open("/etc/passwd", O_RDONLY));
	DENIED(open("/", O_RDONLY | O_DIRECTORY));
	DENIED(open(in(r->ro, "../out/a"), O_RDONLY));
	DENIED(unlink(in(r->out, "a")));
	ALLOWED(fd = open(in(r->ro, "a"), O_RDONLY));
	ALLOWED(read(fd, text, sizeof text) == 3 && !strcmp(text, "one") ? 0 : -1);
	DENIED(open(in(r->ro, "a"), O_WRONLY));
	DENIED(open(in(r->ro, "b"), O_WRONLY | O_CREAT, 0600));
	DENIED(unlink(in(r->ro, "a")));
	ALLOWED(open(in(r->rw, "a"), O_RDWR));
	ALLOWED(fd = open(in(r->rw, "b"), O_WRONLY | O_CREAT | O_EXCL, 0600));
	ALLOWED(write(fd, "four", 4) == 4 ? ftruncate(fd, 2) : -1);
	ALLOWED(rename(in(r->rw, "b"), in(r->rw, "c")));
	DENIED(rename(in(r->rw, "c"), in(r->out, "c")));
	DENIED(rename(in(r->out, "a"), in(r->rw, "d")));
	DENIED(rename(in(r->out, "a"), in(r->out, "d")));
	DENIED(rename(in(r->ro, "a"), in(r->rw, "d")));
	DENIED(rename(in(r->ro, "a"), in(r->ro, "d")));
	ALLOWED(unlink(in(r->rw, "c")));
}

static void try_calls(const struct rig *r)
{
	char byte = 0;
	struct iovec mine = { &byte, 1 }, theirs = { &byte, 1 };
	char *const argv[] = { (char[]){ "true" }, NULL };

	/* Whatever is allowed: no other programs, processes or users. */
	DENIED(execv("/bin/true", argv));
	DENIED(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, NULL, 0));
	DENIED(fork());
	DENIED(kill(getppid(), 0));
	DENIED(syscall(SYS_tgkill, getppid(), getppid(), 0));
	DENIED(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
	DENIED(process_vm_readv(getppid(), &mine, 1, &theirs, 1, 0));
	DENIED(setuid(0));
	DENIED(setgid(0));
	DENIED(chmod(in(r->rw, "a"), 04755));
	DENIED(chown(in(r->rw, "a"), 0, 0));
	DENIED(link(in(r->rw, "a"), in(r->rw, "c")));
	DENIED(symlink("/etc/passwd", in(r->rw, "c")));
	DENIED(mkdir(in(r->rw, "c"), 0700));
	DENIED(mknod(in(r->rw, "c"), S_IFIFO | 0600, 0));
	DENIED(mount("none", r->rw, "tmpfs", 0, NULL));
	DENIED(umount(r->rw));
	DENIED(chroot(r->rw));
	DENIED(chdir("/"));
	DENIED(unshare(CLONE_NEWUSER));
	DENIED(syscall(SYS_bpf, 0, NULL, 0));
	DENIED(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
	DENIED(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	DENIED(syscall(SYS_io_uring_setup, 1, NULL));
	DENIED(syscall(SYS_userfaultfd, 0));
	DENIED(syscall(SYS_reboot, 0, 0, 0, NULL));
	DENIED(prctl(PR_SET_DUMPABLE, 1));
	DENIED(ioctl(0, TIOCSTI, "x"));
	DENIED(syscall(SYS_ioctl, 0, (1ul << 32) | TIOCSTI, "x"));
	ALLOWED(prctl(PR_SET_NAME, "confined"));
}

static void *in_thread(void *opaque)
{
	const struct rig *r = opaque;

	try_files(r);
	DENIED(fork());
	return NULL;
}

static void try_work(struct rig *r)
{
	pthread_t t;
	int fd[2];

	/* What is allowed to whoever runs a guest. */
	ALLOWED(pthread_create(&t, NULL, in_thread, r) ? -1 : pthread_join(t, NULL) ? -1 : 0);
	ALLOWED(socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	ALLOWED(pipe(fd));
	ALLOWED(write(fd[1], "x", 1));
	ALLOWED(raise(0) ? -1 : 0);
	ALLOWED(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
	ALLOWED(fcntl(r->listener, F_SETFL, O_NONBLOCK));
	ALLOWED(accept(r->listener, NULL, NULL) < 0 && errno == EAGAIN ? 0 : -1);
}

static void try_sockets(const struct rig *r)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s/socket", r->out);
	DENIED(socketpair(AF_UNIX, SOCK_DGRAM, 0, (int[2]){ 0 }));
	DENIED(socket(AF_PACKET, SOCK_RAW, 0));
	DENIED(socket(AF_VSOCK, SOCK_STREAM, 0));
	DENIED(socket(AF_ALG, SOCK_SEQPACKET, 0));
	if (r->s.connects) {
		ALLOWED(socket(AF_INET, SOCK_STREAM, 0));
		ALLOWED(socket(AF_INET, SOCK_DGRAM, 0));
	} else {
		DENIED(socket(AF_INET, SOCK_STREAM, 0));
		DENIED(socket(AF_INET6, SOCK_DGRAM, 0));
		DENIED(socket(AF_NETLINK, SOCK_RAW, 0));
	}
	if (r->s.local) {
		ALLOWED(fd = socket(AF_UNIX, SOCK_STREAM, 0));
		ALLOWED(connect(fd, (struct sockaddr *)&sa, sizeof sa));
	} else if (!r->s.window) {
		DENIED(socket(AF_UNIX, SOCK_STREAM, 0));
	}
}

static void try_code(const struct rig *r)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (r->s.window) {
		ALLOWED(mprotect(p, 4096, PROT_READ | PROT_EXEC));
		return;
	}
	DENIED(mprotect(p, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
	DENIED(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
	if (!r->s.connects)
		DENIED(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int tries(struct rig *r)
{
	struct error e = { "" };
	int open_before = open(in(r->out, "a"), O_RDWR);
	bool files;

	if (os_sandbox_enter(&r->s, &files, &e)) {
		fprintf(stderr, "%s\n", e.text);
		return 2;
	}
	wrong += files != r->landlock;
	wrong += prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0;
	try_files(r);
	try_calls(r);
	try_work(r);
	try_sockets(r);
	try_code(r);
	ALLOWED(write(open_before, "still", 5));
	return wrong ? 1 : 0;
}

static int child_says(struct rig *r, int (*fn)(struct rig *r))
{
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(fn(r));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "it died of signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

START_TEST(a_process_tries)
{
	u32 i;

	for (i = 0; i < 8; i++) {
		struct rig r;

		rig_init(&r);
		r.s.connects = i & 1;
		r.s.local = i & 2;
		r.s.window = i & 4;
		ck_assert_msg(!child_says(&r, tries), "connects %d, local %d, window %d", r.s.connects, r.s.local, r.s.window);
		rig_end(&r);
	}
}
END_TEST

/* That they are tried can be seen: the same without a sandbox. */
static int tries_free(struct rig *r)
{
	quiet = true;
	try_files(r);
	return wrong ? 1 : 0;
}

static void *waits(void *opaque)
{
	pause();
	return opaque;
}

/* A thread that was there before would be free: it must not begin. */
static int with_thread(struct rig *r)
{
	struct error e = { "" };
	pthread_t t;
	bool files;

	if (pthread_create(&t, NULL, waits, NULL))
		return 2;
	return os_sandbox_enter(&r->s, &files, &e) == -EBUSY && strstr(e.text, "threads") && open(in(r->out, "a"), O_RDONLY) >= 0 ? 0 : 1;
}

static int with_nothing_there(struct rig *r)
{
	struct error e = { "" };
	bool files;

	r->path[2].rights = OS_SANDBOX_READ;
	return os_sandbox_enter(&r->s, &files, &e) == -ENOENT && strstr(e.text, "/nowhere") ? 0 : 1;
}

START_TEST(refuses)
{
	struct rig r;

	rig_init(&r);
	ck_assert_int_eq(child_says(&r, with_thread), 0);
	if (r.landlock) {
		ck_assert_int_eq(child_says(&r, tries_free), 1);
		ck_assert_int_eq(child_says(&r, with_nothing_there), 0);
	}
	rig_end(&r);
}
END_TEST

#else

START_TEST(not_there)
{
	struct os_sandbox s = { 0 };
	struct error e = { "" };
	bool files = true;

	ck_assert_int_eq(os_sandbox_enter(&s, &files, &e), -ENOTSUP);
	ck_assert(!files && *e.text);
}
END_TEST

#endif

Suite *sandbox_suite(void)
{
	Suite *s = suite_create("sandbox");
	TCase *t = tcase_create("sandbox");

	tcase_set_timeout(t, 60);
#if HAVE_SECCOMP && defined(__linux__)
	tcase_add_test(t, a_process_tries);
	tcase_add_test(t, refuses);
#else
	tcase_add_test(t, not_there);
#endif
	suite_add_tcase(s, t);
	return s;
}
