/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The benchmark's workloads, as init of an initial RAM disk or as a plain program (native). Each does a fixed amount of
 * work between two marks on the console, and a host clock does the timing; nothing here reads a clock but for getrusage.
 * Arguments: rounds=N, only=NAME,NAME..., list. The same machine code runs everywhere: no libc routine chosen by CPUID.
 */
#include <emmintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

struct workload {
	const char *name;
	uint64_t (*run)(unsigned n); /* returns a check sum, the same on every machine; 0 where there is none */
	unsigned n;                  /* the amount of work */
};

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Memory of its own for each workload; touched by the caller before the clock starts where that matters. */
static void *area(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("bench: mmap");
		_exit(1);
	}
	return p;
}

/* ---- compute ---- */

/* CRC-32 of 64 KiB, a byte at a time through a table. */
static uint64_t run_crc(unsigned n)
{
	uint32_t table[256];
	uint8_t *data = area(65536);
	uint32_t crc = 0xffffffff;
	uint64_t seed = 1;

	for (unsigned i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
		table[i] = c;
	}
	for (unsigned i = 0; i < 65536; i++)
		data[i] = (uint8_t)next(&seed);
	for (unsigned r = 0; r < n; r++)
		for (unsigned i = 0; i < 65536; i++)
			crc = table[(crc ^ data[i]) & 0xff] ^ crc >> 8;
	munmap(data, 65536);
	return crc;
}

/* Quicksort with insertion sort below 12 elements. */
static NOINLINE void sort(int32_t *a, long lo, long hi)
{
	while (hi - lo > 12) {
		int32_t pivot = a[lo + (hi - lo) / 2];
		long i = lo, j = hi;

		while (i <= j) {
			while (a[i] < pivot)
				i++;
			while (a[j] > pivot)
				j--;
			if (i <= j) {
				int32_t t = a[i];

				a[i++] = a[j];
				a[j--] = t;
			}
		}
		sort(a, lo, j);
		lo = i;
	}
	for (long i = lo + 1; i <= hi; i++) {
		int32_t v = a[i];
		long j = i;

		for (; j > lo && a[j - 1] > v; j--)
			a[j] = a[j - 1];
		a[j] = v;
	}
}

static uint64_t run_sort(unsigned n)
{
	enum { COUNT = 50000 };
	int32_t *a = area(COUNT * sizeof(*a));
	uint64_t seed = 2, sum = 0;

	for (unsigned r = 0; r < n; r++) {
		for (unsigned i = 0; i < COUNT; i++)
			a[i] = (int32_t)next(&seed);
		sort(a, 0, COUNT - 1);
		for (unsigned i = 0; i < COUNT; i++)
			sum = sum * 31 + (uint32_t)a[i];
	}
	munmap(a, COUNT * sizeof(*a));
	return sum;
}

/* A small interpreter: every step an indirect call through a table of functions. */
struct machine {
	uint64_t acc, x;
	unsigned pc;
};

static NOINLINE void op_add(struct machine *m, unsigned v)
{
	m->acc += v;
}
static NOINLINE void op_xor(struct machine *m, unsigned v)
{
	m->acc ^= v;
}
static NOINLINE void op_rol(struct machine *m, unsigned v)
{
	m->acc = m->acc << 7 | m->acc >> 57;
}
static NOINLINE void op_mul(struct machine *m, unsigned v)
{
	m->acc *= v | 1;
}
static NOINLINE void op_swap(struct machine *m, unsigned v)
{
	uint64_t t = m->acc;

	m->acc = m->x;
	m->x = t + v;
}
static NOINLINE void op_skip(struct machine *m, unsigned v)
{
	m->pc += m->acc & 1;
}
static NOINLINE void op_sub(struct machine *m, unsigned v)
{
	m->x -= v;
}
static NOINLINE void op_mix(struct machine *m, unsigned v)
{
	m->acc += m->x >> (v & 15);
}

static uint64_t run_indirect(unsigned n)
{
	static void (*volatile const table[8])(struct machine *, unsigned) = { op_add,  op_xor,  op_rol, op_mul,
									       op_swap, op_skip, op_sub, op_mix };
	uint8_t code[1024];
	struct machine m = { 1, 2, 0 };
	uint64_t seed = 3;

	for (unsigned i = 0; i < sizeof(code); i++)
		code[i] = (uint8_t)next(&seed);
	for (unsigned i = 0; i < n * 1000; i++) {
		uint8_t c = code[m.pc++ & 1023];

		table[c & 7](&m, c >> 3);
	}
	return m.acc ^ m.x;
}

/* A random cycle through 4 MiB, a load at a time. */
static uint64_t run_pointer(unsigned n)
{
	enum { COUNT = 4 << 20 >> 6 };
	struct node {
		struct node *next;
		uint64_t value[7];
	} *nodes = area(COUNT * sizeof(*nodes)), *p;
	uint32_t *order = area(COUNT * sizeof(*order));
	uint64_t seed = 4, sum = 0;

	for (unsigned i = 0; i < COUNT; i++)
		order[i] = i;
	for (unsigned i = COUNT - 1; i > 0; i--) {
		unsigned j = next(&seed) % (i + 1);
		uint32_t t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
	for (unsigned i = 0; i < COUNT; i++) {
		nodes[order[i]].next = &nodes[order[(i + 1) % COUNT]];
		nodes[order[i]].value[0] = i;
	}
	p = nodes;
	for (unsigned i = 0; i < n * 1000; i++) {
		sum += p->value[0];
		p = p->next;
	}
	munmap(order, COUNT * sizeof(*order));
	munmap(nodes, COUNT * sizeof(*nodes));
	return sum;
}

/* Doubles in SSE: the inner loop of bodies that attract one another, with square roots and divisions. */
static uint64_t run_sse(unsigned n)
{
	struct body {
		double p[3], v[3], mass;
	} b[5];
	uint64_t seed = 5, sum = 0;

	for (unsigned i = 0; i < 5; i++) {
		for (unsigned k = 0; k < 3; k++) {
			b[i].p[k] = (double)(int16_t)next(&seed) / 512.0;
			b[i].v[k] = (double)(int16_t)next(&seed) / 65536.0;
		}
		b[i].mass = 1.0 + (double)(next(&seed) & 255) / 64.0;
	}
	for (unsigned r = 0; r < n * 100; r++) {
		for (unsigned i = 0; i < 5; i++)
			for (unsigned j = i + 1; j < 5; j++) {
				double d[3], dist = 0.25, mag;

				for (unsigned k = 0; k < 3; k++) {
					d[k] = b[i].p[k] - b[j].p[k];
					dist += d[k] * d[k];
				}
				mag = 0.001 / (dist * _mm_cvtsd_f64(_mm_sqrt_pd(_mm_set1_pd(dist))));
				for (unsigned k = 0; k < 3; k++) {
					b[i].v[k] -= d[k] * b[j].mass * mag;
					b[j].v[k] += d[k] * b[i].mass * mag;
				}
			}
		for (unsigned i = 0; i < 5; i++)
			for (unsigned k = 0; k < 3; k++)
				b[i].p[k] += 0.001 * b[i].v[k];
	}
	for (unsigned i = 0; i < 5; i++)
		for (unsigned k = 0; k < 3; k++) {
			uint64_t bits;

			memcpy(&bits, &b[i].p[k], 8);
			sum = sum * 31 + bits;
		}
	return sum;
}

/* long double: a polynomial and a square root an element, an x87 compare now and then. */
static uint64_t run_x87(unsigned n)
{
	volatile long double start = 0.37L;
	long double x = start, acc = 0;
	uint64_t bits;

	for (unsigned i = 0; i < n * 1000; i++) {
		long double y = ((x * 0.25L - 1.5L) * x + 2.25L) * x - 0.125L;

		if (y < 0)
			y = -y;
		y += 1.0L;
		__asm__("fsqrt" : "+t"(y));
		acc += y / (x + 3.0L);
		x = x * 3.77L * (1.0L - x);
	}
	x = acc - (long double)(int64_t)acc;
	bits = (uint64_t)(x * 1e15L);
	return bits + (uint64_t)acc;
}

/* What a libc does: 16-byte moves up to 2 KiB, REP MOVSB above. */
static NOINLINE void copy_sse(uint8_t *to, const uint8_t *from, size_t bytes)
{
	for (size_t i = 0; i + 64 <= bytes; i += 64) {
		__m128i a = _mm_loadu_si128((const __m128i *)(from + i));
		__m128i b = _mm_loadu_si128((const __m128i *)(from + i + 16));
		__m128i c = _mm_loadu_si128((const __m128i *)(from + i + 32));
		__m128i d = _mm_loadu_si128((const __m128i *)(from + i + 48));

		_mm_storeu_si128((__m128i *)(to + i), a);
		_mm_storeu_si128((__m128i *)(to + i + 16), b);
		_mm_storeu_si128((__m128i *)(to + i + 32), c);
		_mm_storeu_si128((__m128i *)(to + i + 48), d);
	}
}

static NOINLINE void copy_rep(uint8_t *to, const uint8_t *from, size_t bytes)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

static uint64_t run_memcpy(unsigned n)
{
	enum { BYTES = 512 << 10 };
	uint8_t *a = area(BYTES), *b = area(BYTES);
	uint64_t seed = 6, sum = 0;

	for (unsigned i = 0; i < BYTES; i++) {
		a[i] = (uint8_t)next(&seed);
		b[i] = 0;
	}
	for (unsigned r = 0; r < n; r++) {
		for (unsigned i = 0; i < 1024; i++)
			copy_sse(b + (i * 411 & 0xffff), a + (i * 77 & 0xffff), 64u << (i % 6));
		for (unsigned i = 0; i < 16; i++)
			copy_rep(b + i * 4099, a + i * 511, 4096u << (i % 7));
	}
	for (unsigned i = 0; i < BYTES; i++)
		sum = sum * 31 + b[i];
	munmap(a, BYTES);
	munmap(b, BYTES);
	return sum;
}

/* ---- operating system ---- */

static uint64_t run_syscall(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		syscall(SYS_getppid);
	return 0;
}

static uint64_t run_fork(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(7);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
			return ~0u;
	}
	return 0;
}

/* A byte to another process and back. */
static uint64_t run_pipe(unsigned n)
{
	int there[2], back[2];
	char c = 0;
	pid_t pid;

	if (pipe(there) || pipe(back) || (pid = fork()) < 0)
		return ~0u;
	if (pid == 0) {
		close(there[1]);
		close(back[0]);
		while (read(there[0], &c, 1) == 1)
			if (write(back[1], &c, 1) != 1)
				break;
		_exit(0);
	}
	close(there[0]);
	close(back[1]);
	for (unsigned i = 0; i < n; i++)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			return ~0u;
	close(there[1]);
	close(back[0]);
	waitpid(pid, NULL, 0);
	return 0;
}

/* Map 32 pages, write to each, unmap. */
static uint64_t run_mmap(unsigned n)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++) {
		volatile uint8_t *p = area(32 * 4096);

		for (unsigned k = 0; k < 32; k++)
			p[k * 4096 + k] = (uint8_t)(i + 1);
		sum += p[4097];
		munmap((void *)p, 32 * 4096);
	}
	return sum;
}

static const struct workload workloads[] = {
	{ "crc", run_crc, 400 },
	{ "sort", run_sort, 20 },
	{ "indirect", run_indirect, 6000 },
	{ "pointer", run_pointer, 12000 },
	{ "sse", run_sse, 800 },
	{ "x87", run_x87, 1000 },
	{ "memcpy", run_memcpy, 400 },
	{ "syscall", run_syscall, 300000 },
	{ "fork", run_fork, 300 },
	{ "pipe", run_pipe, 5000 },
	{ "mmap", run_mmap, 500 },
};

/* ---- marks ---- */

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
	tcdrain(1); /* out on the line before the work starts */
}

/* CPU time of this process and its children, in microseconds: what a native run is measured by. */
static unsigned long cpu_time(void)
{
	struct rusage u;
	unsigned long t = 0;

	for (int i = 0; i < 2; i++)
		if (getrusage(i ? RUSAGE_CHILDREN : RUSAGE_SELF, &u) == 0)
			t += (unsigned long)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000UL +
			     (unsigned long)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
	return t;
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
	unsigned rounds = 1;
	const char *only = NULL;
	char line[128];

	say("\nBENCH boot end 1 0\n");
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "rounds=", 7))
			rounds = (unsigned)atoi(argv[i] + 7);
		else if (!strncmp(argv[i], "only=", 5))
			only = argv[i] + 5;
		else if (!strcmp(argv[i], "list")) {
			for (unsigned w = 0; w < sizeof(workloads) / sizeof(workloads[0]); w++)
				printf("%s\n", workloads[w].name);
			return 0;
		}
	}
	for (unsigned r = 0; r < rounds; r++)
		for (unsigned w = 0; w < sizeof(workloads) / sizeof(workloads[0]); w++) {
			const struct workload *wl = &workloads[w];
			unsigned long before;
			uint64_t sum;

			if (!wanted(only, wl->name))
				continue;
			snprintf(line, sizeof(line), "BENCH %s start\n", wl->name);
			say(line);
			before = cpu_time();
			sum = wl->run(wl->n);
			snprintf(line, sizeof(line), "BENCH %s end %u %lu %llx\n", wl->name, wl->n, cpu_time() - before,
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
