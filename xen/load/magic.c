/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Magic numbers of files that people have near kernels (file(1)'s business otherwise; Linux Documentation/arch boot.rst of arm64
 * and riscv for their Images, init/do_mounts_rd.c for what may be a RAM disk).
 */
#include "xen/load/magic.h"

#include <string.h>

#include "xen/load/bzimage.h"
#include "xen/load/decompress.h"

struct magic {
	u32 at, len;
	const char *bytes, *what;
	enum magic_use use;
};

static const struct magic magics[] = {
	{ 0, 5, "07070", "a cpio archive, an initial RAM disk", MAGIC_INITRD },
	{ 0, 2, "\xc7\x71", "a cpio archive, an initial RAM disk", MAGIC_INITRD },
	{ 0, 4, "\177ELF", "an ELF file", MAGIC_KERNEL },
	{ 56, 4, "ARM\x64", "an arm64 Image, a kernel for another processor", MAGIC_KERNEL },
	{ 56, 4, "RSC\x05", "a RISC-V Image, a kernel for another processor", MAGIC_KERNEL },
	{ 0, 4, "\x27\x05\x19\x56", "a U-Boot image, a kernel for another board", MAGIC_KERNEL },
	{ 4, 4, "zimg", "an EFI zboot image, for EFI firmware", MAGIC_KERNEL },
	{ 0, 2, "MZ", "a program for EFI or DOS", MAGIC_OTHER },
	{ 0, 4, "PK\3\4", "a zip archive", MAGIC_OTHER },
	{ 0, 4, "QFI\xfb", "a qcow2 disk image", MAGIC_OTHER },
	{ 0, 4, "KDMV", "a VMDK disk image", MAGIC_OTHER },
	{ 0, 8, "conectix", "a VHD disk image", MAGIC_OTHER },
	{ 0, 8, "vhdxfile", "a VHDX disk image", MAGIC_OTHER },
	{ 0, 8, "!<arch>\n", "an ar archive, such as a .deb", MAGIC_OTHER },
	{ 0, 4, "\xed\xab\xee\xdb", "an RPM package", MAGIC_OTHER },
	{ 257, 5, "ustar", "a tar archive", MAGIC_OTHER },
	{ 0, 4, "hsqs", "a squashfs file system", MAGIC_INITRD },
	{ 0, 8, "-rom1fs-", "a romfs file system", MAGIC_INITRD },
	{ 0, 4, "\x45\x3d\xcd\x28", "a cramfs file system", MAGIC_INITRD },
	{ 1080, 2, "\x53\xef", "an ext2, ext3 or ext4 file system", MAGIC_INITRD },
	{ 32769, 5, "CD001", "an ISO 9660 image", MAGIC_OTHER },
	{ 0, 4, "\x89PNG", "a PNG picture", MAGIC_OTHER },
	{ 0, 4, "%PDF", "a PDF document", MAGIC_OTHER },
	{ 0, 2, "#!", "a script", MAGIC_OTHER },
	{ 510, 2, "\x55\xaa", "a disk image with a boot sector", MAGIC_OTHER },
};

static bool is_text(const u8 *p, size_t n)
{
	size_t i;

	n = MIN(n, 512u);
	for (i = 0; i < n; i++)
		if ((p[i] < ' ' || p[i] > '~') && p[i] != '\n' && p[i] != '\r' && p[i] != '\t')
			return false;
	return n > 0;
}

enum magic_use magic_of(const u8 *p, size_t n, const char **what)
{
	size_t i;

	if (bzimage_probe(p, n)) {
		*what = "a bzImage, a kernel";
		return MAGIC_KERNEL;
	}
	for (i = 0; i < ARRAY_SIZE(magics); i++) {
		const struct magic *m = &magics[i];

		if (n >= m->at + m->len && !memcmp(p + m->at, m->bytes, m->len)) {
			*what = m->what;
			return m->use;
		}
	}
	if (codec_detect(p, n) != CODEC_NONE) {
		*what = "a packed file";
		return MAGIC_PACKED;
	}
	if (is_text(p, n)) {
		*what = "a text";
		return MAGIC_OTHER;
	}
	*what = NULL;
	return MAGIC_UNKNOWN;
}
