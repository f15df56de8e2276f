/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the first and the last bytes of an image say it is: the formats that qemu-img knows, by its names, and the marks that
 * its block drivers look for. Left out: LUKS headers that lie elsewhere, formats without a mark.
 */
#include <string.h>

#include "base/endian.h"
#include "hw/host/block/impl.h"

struct mark {
	const char *format;
	u32 at;       /* bytes from the start of the first sector, or of the last */
	bool at_end;
	u8 n;         /* bytes */
	const char *bytes;
};

#define MARK(format, at, at_end, bytes) { format, at, at_end, sizeof bytes - 1, bytes }

static const struct mark marks[] = {
	MARK("vmdk", 0, false, "KDMV"),
	MARK("vmdk", 0, false, "COWD"),
	MARK("vmdk", 0, false, "# Disk DescriptorFile"),
	MARK("vdi", 0x40, false, "\x7f\x10\xda\xbe"),
	MARK("vpc", 0, false, "conectix"), /* VHD: a copy of its last sector, when it grows as it is written */
	MARK("vpc", 0, true, "conectix"),
	MARK("vhdx", 0, false, "vhdxfile"),
	MARK("qed", 0, false, "QED\0"),
	MARK("parallels", 0, false, "WithoutFreeSpace"),
	MARK("parallels", 0, false, "WithouFreSpacExt"),
	MARK("luks", 0, false, "LUKS\xba\xbe"),
	MARK("bochs", 0, false, "Bochs Virtual HD Image"),
	MARK("cloop", 0, false, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop"),
	MARK("dmg", 0, true, "koly"),
};

const char *block_probe(const u8 first[BLOCK_PROBE], const u8 last[BLOCK_PROBE])
{
	size_t i;

	if (qcow2_probe(first, BLOCK_PROBE))
		return ldbe32(first + 4) < 2 ? "qcow" : "qcow2";
	for (i = 0; i < ARRAY_SIZE(marks); i++)
		if (!memcmp((marks[i].at_end ? last : first) + marks[i].at, marks[i].bytes, marks[i].n))
			return marks[i].format;
	return NULL;
}

const char *block_format_find(const char *name)
{
	static const char *const plain[] = { "raw", "qcow2", "qcow" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(plain); i++)
		if (!strcmp(name, plain[i]))
			return plain[i];
	for (i = 0; i < ARRAY_SIZE(marks); i++)
		if (!strcmp(name, marks[i].format))
			return marks[i].format;
	return NULL;
}
