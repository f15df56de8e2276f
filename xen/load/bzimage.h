/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linux's bzImage: where in the file the packed kernel lies.
 */
#ifndef XEN_LOAD_BZIMAGE_H
#define XEN_LOAD_BZIMAGE_H

#include "base/log.h"
#include "base/types.h"

struct bzimage {
	u16 version;	    /* boot protocol, 0x020f is 2.15 */
	size_t offset, len; /* the payload in the file, its size trailer included */
	u32 unpacked;	    /* the trailer: size of what the payload unpacks to */
};

/* True when the bytes begin with a Linux boot sector (or the beginning of one that was cut short after it). */
bool bzimage_probe(const u8 *file, size_t len);
/* Finds the payload. 0, or -EINVAL / -ENOTSUP (older than protocol 2.08) with a sentence. */
int bzimage_parse(const u8 *file, size_t len, const char *name, struct bzimage *b, struct error *e);

#endif
