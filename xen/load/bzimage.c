/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The setup header of a bzImage. Linux Documentation/x86/boot.rst, boot protocol 2.08 and later.
 * Leaves out what a boot loader does with the real-mode part: a Xen host starts the ELF inside.
 */
#include "xen/load/bzimage.h"

#include <errno.h>
#include <string.h>

#include "base/endian.h"

enum {
	BZ_SETUP_SECTS = 0x1f1,
	BZ_BOOT_FLAG = 0x1fe,
	BZ_HEADER = 0x202,
	BZ_VERSION = 0x206,
	BZ_PAYLOAD_OFFSET = 0x248,
	BZ_PAYLOAD_LENGTH = 0x24c,
	BZ_END = 0x250
};

bool bzimage_probe(const u8 *file, size_t len)
{
	return len >= BZ_HEADER + 4 && !memcmp(file + BZ_HEADER, "HdrS", 4);
}

int bzimage_parse(const u8 *file, size_t len, const char *name, struct bzimage *b, struct error *e)
{
	u32 sects;
	u64 start, size;

	if (len < BZ_END)
		return error_set(e, -EINVAL,
				 "%s is truncated: a bzImage's setup header ends at byte %d and the file at %zu; "
				 "get the file again",
				 name, BZ_END, len);
	if (ld16(file + BZ_BOOT_FLAG) != 0xaa55)
		return error_set(e, -EINVAL,
				 "%s is damaged: it has a bzImage's header but boot flag 0x%04x instead of 0xaa55",
				 name, ld16(file + BZ_BOOT_FLAG));
	b->version = ld16(file + BZ_VERSION);
	if (b->version < 0x0208)
		return error_set(e, -ENOTSUP,
				 "%s is a bzImage of boot protocol %u.%02u, which does not say where its kernel "
				 "lies (2.08 and later do); give the vmlinux ELF instead",
				 name, b->version >> 8, b->version & 0xff);
	/* 0 setup sectors means 4: boot.rst, setup_sects. The payload counts from the protected-mode code. */
	sects = file[BZ_SETUP_SECTS] ? file[BZ_SETUP_SECTS] : 4;
	start = (u64)(sects + 1) * 512 + ld32(file + BZ_PAYLOAD_OFFSET);
	size = ld32(file + BZ_PAYLOAD_LENGTH);
	if (size < 8)
		return error_set(e, -EINVAL, "%s is a bzImage with a payload of %u bytes: there is no kernel in it",
				 name, (u32)size);
	if (start + size > len)
		return error_set(e, -EINVAL,
				 "%s is truncated: its payload ends at byte %llu and the file at %zu; get the file "
				 "again",
				 name, (unsigned long long)(start + size), len);
	b->offset = (size_t)start;
	b->len = (size_t)size;
	b->unpacked = ld32(file + start + size - 4);
	return 0;
}
