/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The benchmark of snapshots: boots a Debian kernel so far, and times what a person or a guest waits for. docs/bench.md.
 *   snapshot KERNEL INITRD [MIB [INSTRUCTIONS]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_file.h"
#include "base/poll.h"
#include "pv/create.h"
#include "snapshot/file.h"
#include "vm/run.h"
#include "vm/x86.h"

#define ROUNDS 9
#define CHILD_NAME "bench-child.snap"
#define FILE_NAME "bench-snapshot.snap"

struct bench {
	struct host h;
	volatile int kill;
	u64 until;
	struct pv_create_in in;
	struct xen_kernel kernel;
	u8 *kernel_file, *initrd;
};

static void console_out(void *opaque, const u8 *p, size_t n)
{
}

static void on_tick(struct host *h, void *opaque)
{
	struct bench *b = opaque;

	if (h->domains && domain_icount(h->domains) >= b->until)
		b->kill = 1;
}

static int by_size(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static u64 median(u64 *v)
{
	qsort(v, ROUNDS, sizeof *v, by_size);
	return v[ROUNDS / 2];
}

static int read_files(struct bench *b, char **argv, struct error *e)
{
	size_t n;
	int rc = xen_file_read(argv[1], "kernel", XEN_KERNEL_MAX, NULL, &b->kernel_file, &n, e);

	if (!rc)
		rc = xen_kernel_load(&b->kernel, b->kernel_file, n, argv[1], XEN_KERNEL_MAX, NULL, e);
	if (!rc)
		rc = xen_file_read(argv[2], "initrd", (size_t)1 << 29, NULL, &b->initrd, &b->in.initrd_len, e);
	b->in.kernel = &b->kernel;
	b->in.initrd = b->initrd;
	return rc;
}

static void say(const char *what, u64 ns, const char *least, const char *aim)
{
	printf("%-34s %9.3f ms    %10s %10s\n", what, (double)ns / 1e6, least, aim);
}

/* A file of s, written and read ROUNDS times. 0, or -errno with a sentence. */
static int files(struct bench *b, struct snapshot *s, enum image_codec codec, struct error *e)
{
	u64 write[ROUNDS], read[ROUNDS], t;
	struct snapshot other;
	struct os_stat st = { .size = 0 };
	char what[60];
	u32 i;
	int rc = 0;

	for (i = 0; i < ROUNDS && !rc; i++) {
		t = host_now();
		rc = snapshot_write(s, FILE_NAME, codec, e);
		write[i] = host_now() - t;
		t = host_now();
		if (!rc)
			rc = snapshot_read(&other, &b->h.frames, FILE_NAME, SNAPSHOT_VERIFY_PACKED, e);
		read[i] = host_now() - t;
		if (!rc)
			snapshot_free(&other);
	}
	if (rc || os_stat(FILE_NAME, &st))
		return rc;
	snprintf(what, sizeof what, "written, %s, %.1f MiB", image_codec_name(codec), (double)st.size / 1048576);
	say(what, median(write), "", "");
	say("  read, compared with its sums", median(read), "", "");
	return 0;
}

/* Runs the guest on by this many instructions, or to its end. */
static void run_on(struct bench *b, struct domain *d, u64 n)
{
	b->until = domain_icount(d) + n;
	b->kill = 0;
	host_run(&b->h);
	d->end = END_RUNNING;
}

static void first_instruction(struct domain *d)
{
	struct vcpu *v = d->vcpus[0];

	d->running = v;
	d->ops->enter(v);
	cpu_run(v->cpu, 1);
	d->ops->leave(v);
	d->running = NULL;
}

/* From a file that is not packed, in the page cache, to the first instruction. d is destroyed, and another is made. */
static int quick_start(struct bench *b, struct snapshot *s, struct domain **d, struct error *e)
{
	struct snapshot other;
	u64 all[ROUNDS], t;
	u32 i;
	int rc = snapshot_write(s, FILE_NAME, IMAGE_RAW, e);

	for (i = 0; i < ROUNDS && !rc; i++) {
		domain_destroy(*d);
		t = host_now();
		rc = pv_create(&b->h, &b->in, d, e);
		if (!rc)
			rc = snapshot_read(&other, &b->h.frames, FILE_NAME, SNAPSHOT_VERIFY_PACKED, e);
		if (!rc)
			rc = snapshot_restore(&other, *d, NULL, e);
		if (!rc)
			first_instruction(*d);
		all[i] = host_now() - t;
		snapshot_free(&other);
	}
	if (!rc)
		say("raw file to the first instruction", median(all), "8 ms", "2 ms");
	return rc;
}

/* What a snapshot on a parent has beside the pages that changed: after nothing, and after some work. */
static int increments(struct bench *b, struct domain *d, struct error *e)
{
	static const u64 work[] = { 0, 1000000, 20000000 };
	struct snapshot s, next;
	struct os_stat st;
	u64 changed, i, t;
	size_t k;
	int rc = snapshot_take(d, NULL, &s, e);

	if (!rc)
		rc = snapshot_write(&s, FILE_NAME, IMAGE_RAW, e);
	for (k = 0; k < ARRAY_SIZE(work) && !rc; k++) {
		run_on(b, d, work[k]);
		t = host_now();
		rc = snapshot_take(d, s.file, &next, e);
		if (rc)
			break;
		for (i = 0, changed = 0; i < d->mem.limit; i++)
			changed += (next.changed[i / 64] >> (i % 64) & 1) && mem_has(&next.mem, i);
		rc = snapshot_write(&next, CHILD_NAME, image_codec_best(), e);
		t = host_now() - t;
		if (!rc && !os_stat(CHILD_NAME, &st))
			printf("on a parent, %6" PRIu64 " pages changed %9.3f ms, file of the pages %+.1f KiB\n", changed, (double)t / 1e6,
			       ((double)st.size - (double)changed * PAGE_SIZE) / 1024);
		snapshot_free(&next);
	}
	snapshot_free(&s);
	os_unlink(CHILD_NAME);
	return rc;
}

static int measure(struct bench *b, struct domain *d, struct error *e)
{
	u64 take[ROUNDS], make[ROUNDS], put[ROUNDS], t;
	struct snapshot s = { .state = { 0 } };
	u32 i;
	int rc = 0;

	for (i = 0; i < ROUNDS && !rc; i++) {
		snapshot_free(&s);
		t = host_now();
		rc = snapshot_take(d, NULL, &s, e);
		take[i] = host_now() - t;
	}
	if (rc)
		return rc;
	printf("at %" PRIu64 " instructions; states of %zu bytes\n", s.about.instructions, s.state.len);
	printf("%-34s %12s    %10s %10s\n", "median", "", "at least", "aim");
	say("the guest's pause", median(take), "1 ms", "0.1 ms");
	for (i = 0; i < IMAGE_CODECS && !rc; i++)
		if (image_codec_builtin((enum image_codec)i))
			rc = files(b, &s, (enum image_codec)i, e);
	if (!rc)
		rc = increments(b, d, e);
	b->in.kernel = NULL;
	if (!rc)
		rc = quick_start(b, &s, &d, e);
	os_unlink(FILE_NAME);
	for (i = 0; i < ROUNDS && !rc; i++) {
		domain_destroy(d);
		t = host_now();
		rc = pv_create(&b->h, &b->in, &d, e);
		make[i] = host_now() - t;
		t = host_now();
		if (!rc)
			rc = snapshot_restore(&s, d, NULL, e);
		put[i] = host_now() - t;
	}
	if (!rc) {
		say("a fresh domain", median(make), "", "");
		say("restored from memory", median(put), "8 ms", "2 ms");
	}
	snapshot_free(&s);
	return rc;
}

int main(int argc, char **argv)
{
	struct bench *b = calloc(1, sizeof *b);
	struct error e = { "" };
	struct domain *d;
	int rc;

	if (argc < 3 || !b) {
		fprintf(stderr, "usage: %s KERNEL INITRD [MIB [INSTRUCTIONS]]\n", argv[0]);
		return 1;
	}
	b->until = argc > 4 ? strtoull(argv[4], NULL, 0) : 2500000000u;
	b->in = (struct pv_create_in){ .name = "bench", .vcpus = 1, .maxvcpus = 1, .cmdline = "console=hvc0 quiet",
				       .memory = (argc > 3 ? strtoull(argv[3], NULL, 0) : 256) << 20, .console_out = console_out };
	rc = host_init(&b->h, &x86_arch, 0) ? error_set(&e, -1, "the host is out of memory") : read_files(b, argv, &e);
	if (!rc)
		rc = pv_create(&b->h, &b->in, &d, &e);
	if (!rc) {
		b->h.idle_sleep = false;
		b->h.kill = (volatile int *)&b->kill;
		b->h.tick = on_tick;
		b->h.tick_opaque = b;
		host_run(&b->h);
		rc = measure(b, d, &e);
	}
	if (rc)
		fprintf(stderr, "%s\n", e.text);
	return rc != 0;
}
