/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a file is, by its first bytes: for the sentences about files that are given in place of a kernel or an initial RAM disk.
 */
#ifndef XEN_LOAD_MAGIC_H
#define XEN_LOAD_MAGIC_H

#include "base/types.h"

enum magic_use {
	MAGIC_OTHER,  /* neither of the two */
	MAGIC_KERNEL, /* a kernel for this machine, or for another */
	MAGIC_INITRD, /* what Linux takes for an initial RAM disk, packed or not */
	MAGIC_PACKED, /* packed: may be either */
	MAGIC_UNKNOWN
};

/* The kind, with an article, in *what ("a zip archive"); NULL when it is unknown. */
enum magic_use magic_of(const u8 *p, size_t n, const char **what);

#endif
