/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the bytes of a kernel file to its ELF: what kind of file it is, and which wrappers to take off.
 * Leaves out EFI zboot images, multiboot and whatever is not x86.
 */
#include "xen/load/loader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/os_file.h"
#include "xen/load/bzimage.h"
#include "xen/load/elf.h"
#include "xen/load/magic.h"

/* Adds ", more" to the description. */
static void describe(struct xen_kernel *k, const char *s)
{
	size_t n = strlen(k->format);

	snprintf(k->format + n, sizeof k->format - n, "%s%s", n ? ", " : "", s);
}

static int unpack_bzimage(struct xen_kernel *k, const u8 *file, size_t len, size_t limit,
			  const struct xen_progress *progress, struct unpacked *out, struct error *e)
{
	struct bzimage b;
	enum codec c;
	char s[48];
	int rc = bzimage_parse(file, len, k->name, &b, e);

	if (rc)
		return rc;
	file += b.offset;
	c = codec_detect(file, b.len);
	if (c == CODEC_NONE)
		return error_set(e, -EINVAL,
				 "%s: its payload starts with %02x %02x %02x %02x, which is no packing we know (%s); "
				 "unpack the kernel first (extract-vmlinux)",
				 k->name, file[0], file[1], file[2], file[3], decompress_builtin());
	rc = decompress(c, file, b.len, limit, b.unpacked, progress, k->name, out, e);
	if (rc)
		return rc;
	/* lz4, lzo and lzma streams have no sum that we check, so the size trailer must do. */
	if ((c == CODEC_LZ4 || c == CODEC_LZO || c == CODEC_LZMA) && (u32)out->len != b.unpacked) {
		free(out->p);
		return error_set(e, -EINVAL,
				 "%s is damaged: its %s payload unpacks to %zu bytes and should give %u; get the file "
				 "again",
				 k->name, codec_name(c), out->len, b.unpacked);
	}
	snprintf(s, sizeof s, "bzImage %u.%u, %s payload", b.version >> 8, b.version & 0xff, codec_name(c));
	describe(k, s);
	return 0;
}

/* A sentence that names what the file, or what is packed in it, is. */
static int not_a_kernel(const struct xen_kernel *k, struct error *e)
{
	const char *inside = k->owned ? "what is packed in it is " : "it is ", *what;
	enum magic_use use = magic_of(k->image, k->image_len, &what);

	if (use == MAGIC_INITRD)
		return error_set(e, -EINVAL, "%s is not a kernel: %s%s: give it with -initrd, and the kernel with -kernel", k->name, inside,
				 what);
	if (what)
		return error_set(e, -EINVAL, "%s is not a kernel for this machine: %s%s: give a bzImage or an ELF file with Xen's notes",
				 k->name, inside, what);
	return error_set(e, -EINVAL, "%s is not a kernel: neither ELF nor bzImage nor a packed one (it starts with %02x %02x %02x %02x)",
			 k->name, k->image[0], k->image_len > 1 ? k->image[1] : 0, k->image_len > 2 ? k->image[2] : 0,
			 k->image_len > 3 ? k->image[3] : 0);
}

/* Takes off one wrapper. Returns 1 when the bytes are an ELF already. */
static int unwrap(struct xen_kernel *k, size_t limit, const struct xen_progress *progress, struct error *e)
{
	struct unpacked out;
	enum codec c;
	int rc;

	if (elf_probe(k->image, k->image_len))
		return 1;
	if (bzimage_probe(k->image, k->image_len)) {
		rc = unpack_bzimage(k, k->image, k->image_len, limit, progress, &out, e);
	} else {
		c = codec_detect(k->image, k->image_len);
		if (c == CODEC_NONE)
			return not_a_kernel(k, e);
		/* gzip's last word is the size. */
		rc = decompress(c, k->image, k->image_len, limit,
				c == CODEC_GZIP && k->image_len > 18 ? ld32(k->image + k->image_len - 4) : 0, progress,
				k->name, &out, e);
		if (!rc)
			describe(k, codec_name(c));
	}
	if (rc)
		return rc;
	free(k->owned);
	k->owned = out.p;
	k->image = out.p;
	k->image_len = out.len;
	return 0;
}

int xen_kernel_load(struct xen_kernel *k, const u8 *file, size_t len, const char *name, size_t limit,
		   const struct xen_progress *progress, struct error *e)
{
	char s[40];
	int rc = 0, depth;

	memset(k, 0, sizeof *k);
	snprintf(k->name, sizeof k->name, "%s", name);
	k->image = file;
	k->image_len = len;
	if (!len)
		return error_set(e, -EINVAL, "%s is empty; give a kernel (bzImage or ELF)", k->name);
	/* At most a packed bzImage. */
	for (depth = 0; depth < 3 && !rc; depth++) {
		if (!k->image_len)
			rc = error_set(e, -EINVAL, "%s unpacks to nothing; get the file again", k->name);
		else
			rc = unwrap(k, limit, progress, e);
	}
	if (!rc)
		rc = error_set(e, -EINVAL, "%s is packed %d times over, and there is no kernel even below that",
			       k->name, depth);
	if (rc == 1)
		rc = elf_parse(k, e);
	if (rc) {
		xen_kernel_free(k);
		return rc;
	}
	snprintf(s, sizeof s, "ELF%d %s", k->elf64 ? 64 : 32, k->machine == ELF_M_X86_64 ? "x86-64" : "i386");
	describe(k, s);
	return 0;
}

void xen_kernel_free(struct xen_kernel *k)
{
	free(k->segments);
	free(k->symbols);
	free(k->owned);
	memset(k, 0, sizeof *k);
}

#define PIPE_SLICE 100000000u /* ns between looks at whether we are told to end */

/* All of fd, at most max + 1 bytes, into *data, which is the caller's to free in any case. 0 or -errno. */
static int read_all(int fd, size_t cap, size_t max, const struct xen_progress *progress, u8 **data, size_t *len)
{
	u8 *p = malloc(cap), *q;
	size_t have = 0;

	*data = p;
	*len = 0;
	while (p && have <= max) {
		ssize_t n;

		if (have == cap) {
			q = cap > SIZE_MAX / 2 ? NULL : realloc(p, cap * 2);
			if (!q)
				return -ENOMEM;
			*data = p = q;
			cap *= 2;
		}
		n = os_read_some(fd, p + have, cap - have, PIPE_SLICE);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (pv_stopped(progress))
			return -EINTR;
		if (!n)
			break;
		have += n > 0 ? (size_t)n : 0;
		*len = have;
	}
	return p ? 0 : -ENOMEM;
}

int xen_file_read(const char *path, const char *what, size_t max, const struct xen_progress *progress, u8 **data, size_t *len,
		 struct error *e)
{
	int fd = os_open_some(path), rc = 0;
	struct os_stat st = { .kind = OS_FILE };
	size_t cap = 1 << 16;

	if (fd < 0 && errno == EISDIR)
		return error_set(e, -EISDIR, "the %s %s is a directory; give a file", what, path);
	if (fd < 0)
		return error_set(e, -errno, "cannot open the %s %s: %s", what, path, strerror(errno));
	if (!os_fstat(fd, &st) && st.kind == OS_DIRECTORY)
		rc = error_set(e, -EISDIR, "the %s %s is a directory; give a file", what, path);
	else if (st.kind != OS_FILE && st.kind != OS_STREAM)
		rc = error_set(e, -EINVAL, "the %s %s is a device; give a file, or a pipe", what, path);
	if (rc) {
		os_close(fd);
		return rc;
	}
	if (st.kind == OS_FILE && st.size > 0 && st.size <= max)
		cap = (size_t)st.size + 1;
	rc = read_all(fd, cap, max, progress, data, len);
	os_close(fd);
	if (rc == -ENOMEM)
		error_set(e, rc, "not enough memory to read the %s %s", what, path);
	else if (rc == -EINTR)
		error_set(e, rc, "told to end while the %s %s was read", what, path);
	else if (rc)
		error_set(e, rc, "cannot read the %s %s: %s", what, path, strerror(-rc));
	else if (!*len)
		rc = error_set(e, -EINVAL, "the %s %s is empty; give another file", what, path);
	else if (*len > max)
		rc = error_set(e, -EFBIG, "the %s %s is larger than %zu MiB, the limit", what, path, max >> 20);
	if (rc) {
		free(*data);
		*data = NULL;
	}
	return rc;
}
