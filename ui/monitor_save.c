/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of the monitor that read much memory: sum, memsave, pmemsave (QEMU's HMP). They see memory as it is when the
 * command is given: the frames of all pages are looked up then, and a fork keeps their bytes. The rest is done in
 * pieces between slots, while the guest and other monitors go on.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/os_file.h"
#include "base/poll.h"
#include "ui/monitor_impl.h"

#define PIECE_MAX (64ULL << 30) /* bytes a command may be about */
#define STEP_NS 2000000u        /* host time of a piece of the work */

struct save {
	struct mon_job job;
	struct mem fork; /* what was in memory */
	u64 addr, left;  /* bytes to do from there on */
	u64 *mfn;        /* the frames of its pages, in order */
	u64 page, npages;
	FILE *file; /* NULL: a checksum */
	char name[1000];
	u16 sum;
};

static struct save *save_of(struct mon *m)
{
	return container_of(m->job, struct save, job);
}

static void job_free(struct mon *m)
{
	struct save *j = save_of(m);

	m->job = NULL;
	mem_free(&j->fork);
	free(j->mfn);
	free(j);
}

/* Removes a file that is not whole. A device or a pipe stays. */
static void drop_file(struct save *j)
{
	struct stat st;
	bool plain = !fstat(fileno(j->file), &st) && S_ISREG(st.st_mode);

	fclose(j->file);
	j->file = NULL;
	if (plain)
		remove(j->name);
}

static void job_done(struct mon *m)
{
	struct save *j = save_of(m);
	int rc = 0;

	if (!j->file) {
		mon_printf(m, "%05u\n", j->sum);
	} else if (fflush(j->file)) {
		rc = errno;
		drop_file(j);
	} else if (fclose(j->file)) {
		rc = errno;
		remove(j->name);
	}
	if (rc)
		mon_printf(m, "%.200s: not all could be written (%s): there is no such file now\n", j->name, strerror(rc));
	job_free(m);
}

/* BSD: rotate right, add. */
static u16 add_up(u16 sum, const u8 *p, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		sum = (u16)((sum >> 1 | sum << 15) + p[i]);
	return sum;
}

static bool step(struct mon *m, bool alone)
{
	struct save *j = save_of(m);
	u64 end = host_now() + STEP_NS;

	while (j->left) {
		u32 off = PAGE_OFFSET(j->addr), n = (u32)MIN(j->left, PAGE_SIZE - off);
		const u8 *p = mem_ro(&j->fork, j->mfn[j->page]) + off;

		if (!j->file) {
			j->sum = add_up(j->sum, p, n);
		} else if (fwrite(p, 1, n, j->file) != n) {
			int err = errno;

			drop_file(j);
			mon_printf(m, "%.200s: not all could be written (%s): there is no such file now\n", j->name, strerror(err));
			job_free(m);
			return false;
		}
		j->page++;
		j->addr += n;
		j->left -= n;
		if (!(j->page % 16) && host_now() >= end)
			return true;
	}
	job_done(m);
	return false;
}

/* The frame of the page at an address. False: there is none. */
static bool frame_at(struct mon *m, enum mon_space space, u64 addr, u64 *mfn)
{
	struct vcpu *v = mon_vcpu(m);
	u64 pte;

	*mfn = addr >> PAGE_SHIFT;
	if (space == MON_VIRTUAL && mmu_peek(v->cpu->mmu, addr, mfn, &pte))
		return false;
	if (space == MON_PHYSICAL && !mon_guest(m)->bare && !mon_machine_frame(m, *mfn, mfn))
		return false;
	return mem_frame(&v->d->mem, *mfn) != NULL;
}

/* Looks up the frames of all its pages. False, with a sentence said, when one is missing. */
static bool find_frames(struct mon *m, struct save *j, enum mon_space space)
{
	u64 at = j->addr, room = 0, last = j->addr + j->left - 1;

	for (;; at = PAGE_BASE(at) + PAGE_SIZE) {
		if (j->npages == room) {
			u64 more = room ? room * 2 : 64;
			u64 *grown = more < SIZE_MAX / sizeof *grown ? realloc(j->mfn, (size_t)more * sizeof *grown) : NULL;

			if (!grown) {
				mon_printf(m, "the host is out of memory\n");
				return false;
			}
			j->mfn = grown;
			room = more;
		}
		if (!frame_at(m, space, at, &j->mfn[j->npages])) {
			mon_say_missing(m, space, at);
			return false;
		}
		j->npages++;
		if (last - at < PAGE_SIZE - PAGE_OFFSET(at))
			return true;
	}
}

/* Begins the work on SIZE bytes from ADDR; file: its name, NULL: their checksum. */
static void begin(struct mon *m, struct mon_args *a, enum mon_space space, const char *file)
{
	struct domain *d = mon_domain(m);
	struct save *j;
	u64 addr, size;

	if (!mon_eval(m, a->w[0], &addr) || !mon_eval(m, a->w[1], &size))
		return;
	if (size > PIECE_MAX || (size && addr + size - 1 < addr)) {
		mon_printf(m, "%" PRIu64 " bytes from 0x%" PRIx64 " on: at most %llu GiB at a time, up to the last address\n", size, addr,
			   PIECE_MAX >> 30);
		return;
	}
	j = calloc(1, sizeof *j);
	if (!j || mem_init(&j->fork, &m->all->env.host->frames, d->mem.limit)) {
		free(j);
		mon_printf(m, "the host is out of memory\n");
		return;
	}
	j->job.step = step;
	m->job = &j->job;
	j->addr = addr;
	j->left = size;
	cpu_sync(mon_vcpu(m)->cpu);
	/* Before there is a file: what cannot be read leaves none. */
	if (size && !find_frames(m, j, space)) {
		job_free(m);
		return;
	}
	if (mem_fork(&j->fork, &d->mem)) {
		mon_printf(m, "the host is out of memory\n");
		job_free(m);
		return;
	}
	if (file) {
		snprintf(j->name, sizeof j->name, "%s", file);
		j->file = strlen(file) < sizeof j->name ? os_fopen(file, "wb") : NULL;
	}
	if (file && !j->file) {
		mon_printf(m, "%.200s: cannot be written (%s)\n", file, os_open_error(errno));
		job_free(m);
		return;
	}
}

MON_HANDLER(sum)
{
	begin(m, a, MON_PHYSICAL, NULL);
}

MON_HANDLER(memsave)
{
	begin(m, a, MON_VIRTUAL, a->w[2]);
}

MON_HANDLER(pmemsave)
{
	begin(m, a, MON_PHYSICAL, a->w[2]);
}
