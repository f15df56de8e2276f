/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A snapshot's memory in files for other programs. Memory goes through in pieces, however much it is; where it is zeros the files
 * have holes. Each function returns 0, or -errno with a sentence, and then leaves no file.
 */
#ifndef SNAPSHOT_EXPORT_H
#define SNAPSHOT_EXPORT_H

#include "snapshot/image.h"

/* Memory "ram", each frame at its machine address. */
int export_raw(struct image *img, const char *path, struct error *e);
/*
 * An ELF core (System V ABI; Linux's notes): registers of each vCPU, memory by machine addresses, and before that the same memory by
 * the virtual addresses of the first vCPU's kernel, so that a debugger follows its pointers. Of
 * neighbouring pages that are one frame only the first has an address. For an x86 guest.
 */
int export_elf(struct image *img, const char *path, struct error *e);
/* The same snapshot in one file, without parents. */
int export_full(struct image *img, const char *path, enum image_codec codec, struct error *e);

/* ---- for its files ---- */

/* Virtual memory of the kernel, as one vCPU has it: rows that are one in both address spaces, in rising order. */
struct core_map {
	u64 va, mfn, count; /* pages */
};
struct state_view;
/* *n rows into *out, to be freed; none when there is no paging. 0, or -errno with a sentence. */
int core_map_find(struct image_memory *ram, const struct state_view *state, bool pv, bool is32, struct core_map **out, size_t *n,
		  struct error *e);

/* A file that is being made. */
struct export_file {
	int fd;
	const char *path;
};
int export_begin(struct export_file *f, const struct image *img, const char *path, struct error *e);
int export_put(struct export_file *f, u64 off, const void *p, size_t n, struct error *e);
/* Ends it with this size; rc: what came before, and is returned when it is an error. */
int export_end(struct export_file *f, int rc, u64 size, struct error *e);

#endif
