/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The benchmark's input and output, as init of an initial RAM disk that has the kernel's driver modules in /lib: a disk with
 * O_DIRECT, and TCP to bench/peer.c through each network. Marks are those of bench/guest/work.c, with KiB (rtt: round trips) as
 * the amount; a host clock does the timing. Arguments: port=N, rounds=N, only=NAME,NAME...
 * The first half of the disk is read and never written, so that sums of it are the same on every machine.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_DIRECT */
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define HALF (128u << 20) /* bytes: of the disk */
#define SMALL 4096u
#define BIG (1u << 20)
#define JOBS 4u      /* who read and write at once */
#define CHUNK 65536u /* bytes a call, of TCP and of the page cache */

static const char *disk;
static uint8_t *memory; /* BIG bytes a job, page-aligned */
static unsigned port;

static void say(const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = write(1, text, left);

		if (n <= 0)
			return;
		text += n;
		left -= (size_t)n;
	}
	tcdrain(1);
}

static void fail(const char *what)
{
	char line[128];

	snprintf(line, sizeof(line), "io: %s: %s\n", what, strerror(errno));
	say(line);
	_exit(1);
}

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* ---- the disk ---- */

static uint64_t word_of(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* All of a half, KiB in all, BIG bytes at a time. */
static uint64_t sequential(int writing, unsigned kib)
{
	int fd = open(disk, (writing ? O_RDWR : O_RDONLY) | O_DIRECT);
	uint64_t sum = 0, at = 0, left = (uint64_t)kib << 10;

	if (fd < 0)
		fail(disk);
	for (; left; left -= BIG, at = (at + BIG) % HALF) {
		ssize_t n = writing ? pwrite(fd, memory, BIG, (off_t)(HALF + at)) : pread(fd, memory, BIG, (off_t)at);

		if (n != (ssize_t)BIG)
			fail("a MiB of the disk");
		if (!writing)
			sum = sum * 31 + word_of(memory) + word_of(memory + BIG / 2);
	}
	if (writing && fsync(fd))
		fail("fsync");
	close(fd);
	return sum;
}

/* The same through the page cache, which is empty before. */
static uint64_t cached(int writing, unsigned kib)
{
	int fd = open(disk, writing ? O_RDWR : O_RDONLY);
	uint64_t sum = 0, at = 0, left = (uint64_t)kib << 10;

	if (fd < 0 || ioctl(fd, BLKFLSBUF, 0) || (writing && lseek(fd, HALF, SEEK_SET) < 0))
		fail(disk);
	for (; left; left -= CHUNK, at += CHUNK) {
		ssize_t n = writing ? write(fd, memory, CHUNK) : read(fd, memory, CHUNK);

		if (at % HALF == HALF - CHUNK) {
			ioctl(fd, BLKFLSBUF, 0);
			lseek(fd, writing ? (off_t)HALF : 0, SEEK_SET);
		}
		if (n != (ssize_t)CHUNK)
			fail("64 KiB of the disk");
		if (!writing)
			sum = sum * 31 + word_of(memory);
	}
	if (writing && fsync(fd))
		fail("fsync");
	close(fd);
	return sum;
}

static uint64_t random_job(int writing, unsigned job, unsigned n)
{
	int fd = open(disk, (writing ? O_RDWR : O_RDONLY) | O_DIRECT);
	uint8_t *p = memory + (size_t)job * BIG;
	uint64_t sum = 0, seed = job + 1;

	if (fd < 0)
		fail(disk);
	while (n--) {
		uint64_t at = next(&seed) % (HALF / SMALL) * SMALL;
		ssize_t k = writing ? pwrite(fd, p, SMALL, (off_t)(HALF + at)) : pread(fd, p, SMALL, (off_t)at);

		if (k != (ssize_t)SMALL)
			fail("4 KiB of the disk");
		if (!writing)
			sum = sum * 31 + word_of(p);
	}
	close(fd);
	return sum;
}

/* KiB in all, each job its part. */
static uint64_t at_random(int writing, unsigned jobs, unsigned kib)
{
	unsigned n = kib / (SMALL >> 10) / jobs, i;
	int status;

	if (jobs == 1)
		return random_job(writing, 0, n);
	for (i = 0; i < jobs; i++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork");
		if (!pid) {
			random_job(writing, i, n);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		if (status)
			_exit(1);
	return 0;
}

static uint64_t run_read(unsigned n)
{
	return sequential(0, n);
}
static uint64_t run_write(unsigned n)
{
	return sequential(1, n);
}
static uint64_t run_cread(unsigned n)
{
	return cached(0, n);
}
static uint64_t run_cwrite(unsigned n)
{
	return cached(1, n);
}
static uint64_t run_rread(unsigned n)
{
	return at_random(0, 1, n);
}
static uint64_t run_rwrite(unsigned n)
{
	return at_random(1, 1, n);
}
static uint64_t run_rread4(unsigned n)
{
	return at_random(0, JOBS, n);
}
static uint64_t run_rwrite4(unsigned n)
{
	return at_random(1, JOBS, n);
}

/* ---- networks ---- */

static int meet(const char *host, char op, uint64_t bytes)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	uint8_t ask[9] = { (uint8_t)op };
	int fd = -1, one = 1;

	inet_aton(host, &to.sin_addr);
	for (int tries = 0; tries < 50; tries++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (fd < 0)
			fail("socket");
		if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
			break;
		close(fd);
		fd = -1;
		usleep(100000);
	}
	if (fd < 0)
		fail(host);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	memcpy(ask + 1, &bytes, sizeof(bytes));
	if (write(fd, ask, sizeof(ask)) != (ssize_t)sizeof(ask))
		fail("the peer");
	return fd;
}

/* Until the peer says that it has all of it. */
static uint64_t send_to(const char *host, unsigned kib)
{
	uint64_t left = (uint64_t)kib << 10;
	int fd = meet(host, 'o', left);
	uint8_t c;

	while (left) {
		ssize_t n = write(fd, memory, left < CHUNK ? left : CHUNK);

		if (n <= 0)
			fail("sending");
		left -= (uint64_t)n;
	}
	if (read(fd, &c, 1) != 1)
		fail("the peer's word");
	close(fd);
	return 0;
}

static uint64_t receive_from(const char *host, unsigned kib)
{
	uint64_t left = (uint64_t)kib << 10;
	int fd = meet(host, 'i', left);

	while (left) {
		ssize_t n = read(fd, memory, CHUNK);

		if (n <= 0)
			fail("receiving");
		left -= (uint64_t)n;
	}
	close(fd);
	return 0;
}

static uint64_t round_trips(const char *host, unsigned n)
{
	int fd = meet(host, 'r', n);
	uint8_t c = 0;

	while (n--)
		if (write(fd, &c, 1) != 1 || read(fd, &c, 1) != 1)
			fail("a round trip");
	close(fd);
	return 0;
}

#define USER "10.0.2.2"
#define WIRE "10.0.3.2"

static uint64_t run_uout(unsigned n)
{
	return send_to(USER, n);
}
static uint64_t run_uin(unsigned n)
{
	return receive_from(USER, n);
}
static uint64_t run_urtt(unsigned n)
{
	return round_trips(USER, n);
}
static uint64_t run_sout(unsigned n)
{
	return send_to(WIRE, n);
}
static uint64_t run_sin(unsigned n)
{
	return receive_from(WIRE, n);
}
static uint64_t run_srtt(unsigned n)
{
	return round_trips(WIRE, n);
}

static const struct workload {
	const char *name;
	uint64_t (*run)(unsigned n);
	unsigned n;
} workloads[] = {
	{ "read", run_read, 512 << 10 },     { "write", run_write, 512 << 10 },    { "cread", run_cread, 256 << 10 },
	{ "cwrite", run_cwrite, 256 << 10 }, { "rread", run_rread, 32 << 10 },     { "rwrite", run_rwrite, 32 << 10 },
	{ "rread4", run_rread4, 32 << 10 },  { "rwrite4", run_rwrite4, 32 << 10 }, { "uout", run_uout, 64 << 10 },
	{ "uin", run_uin, 64 << 10 },        { "urtt", run_urtt, 2000 },           { "sout", run_sout, 24 << 10 },
	{ "sin", run_sin, 24 << 10 },        { "srtt", run_srtt, 2000 },
};

/* ---- the machine ---- */

static void load_modules(void)
{
	static const char *const names[] = { "virtio_ring",
					     "virtio",
					     "virtio_pci_modern_dev",
					     "virtio_pci_legacy_dev",
					     "virtio_pci",
					     "virtio_blk",
					     "failover",
					     "net_failover",
					     "virtio_net",
					     "xen-blkfront",
					     "xen-netfront" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64];
		int fd;

		snprintf(path, sizeof(path), "/lib/%s.ko", names[i]);
		fd = open(path, O_RDONLY);
		if (fd >= 0) {
			syscall(SYS_finit_module, fd, "", 0); /* another machine's driver may find nothing */
			close(fd);
		}
	}
}

/* The card whose MAC ends so has 10.0.N+1.15; there is no route but to its neighbours. */
static int bring_up(int s, unsigned last)
{
	for (int i = 0; i < 4; i++) {
		struct ifreq r = { 0 };
		struct sockaddr_in *a = (struct sockaddr_in *)&r.ifr_addr;

		snprintf(r.ifr_name, sizeof(r.ifr_name), "eth%d", i);
		if (ioctl(s, SIOCGIFHWADDR, &r) || (uint8_t)r.ifr_hwaddr.sa_data[5] != last)
			continue;
		memset(&r.ifr_addr, 0, sizeof(r.ifr_addr));
		a->sin_family = AF_INET;
		a->sin_addr.s_addr = htonl(0x0a00000f + ((last + 1) << 8));
		if (ioctl(s, SIOCSIFADDR, &r))
			fail("an address");
		a->sin_addr.s_addr = htonl(0xffffff00);
		if (ioctl(s, SIOCSIFNETMASK, &r))
			fail("a netmask");
		r.ifr_flags = IFF_UP | IFF_RUNNING;
		if (ioctl(s, SIOCSIFFLAGS, &r))
			fail("a card");
		return 1;
	}
	return 0;
}

static void start_machine(void)
{
	static const char *const disks[] = { "/dev/xvda", "/dev/vda" };
	int s, user = 0, wire = 0;

	mkdir("/dev", 0755);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	load_modules();
	s = socket(AF_INET, SOCK_DGRAM, 0);
	/* What is not there within a second is not to come. */
	for (int tries = 0; tries < 50 && !(disk && user && wire); tries++) {
		for (int i = 0; i < 2 && !disk; i++)
			if (!access(disks[i], R_OK))
				disk = disks[i];
		user = user || bring_up(s, 1);
		wire = wire || bring_up(s, 2);
		if (!(disk && user && wire))
			usleep(20000);
	}
	close(s);
	memory = mmap(NULL, JOBS * BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		fail("memory");
	/* Whether a buffer of a MiB lies in a page of 2 MiB would be chance; those of dd and the like do not. */
	madvise(memory, JOBS * BIG, MADV_NOHUGEPAGE);
	memset(memory, 0x5a, JOBS * BIG);
	/* Neighbours found, buffers grown. */
	if (user && port)
		round_trips(USER, 10);
	if (wire && port)
		round_trips(WIRE, 10);
}

static int wanted(const char *only, const char *name)
{
	size_t len = strlen(name);

	if (!only)
		return 1;
	for (const char *p = only; (p = strstr(p, name)); p += len)
		if ((p == only || strchr(",+", p[-1])) && (!p[len] || strchr(",+", p[len])))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	const char *only = NULL;
	unsigned rounds = 1;
	char line[128];

	say("\nBENCH boot end 1 0\n");
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "rounds=", 7))
			rounds = (unsigned)atoi(argv[i] + 7);
		else if (!strncmp(argv[i], "port=", 5))
			port = (unsigned)atoi(argv[i] + 5);
		else if (!strncmp(argv[i], "only=", 5))
			only = argv[i] + 5;
	}
	start_machine();
	for (unsigned r = 0; r < rounds; r++)
		for (unsigned w = 0; w < sizeof(workloads) / sizeof(workloads[0]); w++) {
			const struct workload *wl = &workloads[w];
			uint64_t sum;

			if (!wanted(only, wl->name))
				continue;
			snprintf(line, sizeof(line), "BENCH %s start\n", wl->name);
			say(line);
			sum = wl->run(wl->n);
			snprintf(line, sizeof(line), "BENCH %s end %u 0 %llx\n", wl->name, wl->n,
				 (unsigned long long)sum);
			say(line);
		}
	say("BENCH all done\n");
	if (getpid() == 1) {
		sync();
		reboot(RB_POWER_OFF);
		for (;;)
			pause();
	}
	return 0;
}
