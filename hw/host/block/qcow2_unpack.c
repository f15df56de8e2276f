/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compressed clusters of qcow2: raw deflate (RFC 1951), or zstd frames (RFC 8878). Reading only.
 */
#include <errno.h>
#include <string.h>

#include "config.h"
#include "hw/host/block/qcow2.h"

#if HAVE_ZLIB
#include <zlib.h>
#endif
#if HAVE_ZSTD
#include <zstd.h>
#endif

#if HAVE_ZLIB
static int unpack_zlib(const u8 *p, size_t n, u8 *out, size_t size)
{
	z_stream z;
	int rc;

	memset(&z, 0, sizeof z);
	z.next_in = (Bytef *)(uintptr_t)p;
	z.avail_in = (uInt)n;
	z.next_out = out;
	z.avail_out = (uInt)size;
	if (inflateInit2(&z, -15) != Z_OK)
		return -ENOMEM;
	rc = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	/* Z_BUF_ERROR with a full cluster: its last bytes did not need the end mark. */
	return (rc == Z_STREAM_END || rc == Z_BUF_ERROR) && !z.avail_out ? 0 : -EIO;
}
#endif

#if HAVE_ZSTD
static int unpack_zstd(const u8 *p, size_t n, u8 *out, size_t size)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();
	ZSTD_inBuffer in = { p, n, 0 };
	ZSTD_outBuffer to = { out, size, 0 };

	if (!d)
		return -ENOMEM;
	while (to.pos < size) {
		size_t in_was = in.pos, out_was = to.pos;
		size_t rc = ZSTD_decompressStream(d, &to, &in);

		if (ZSTD_isError(rc) || (in.pos == in_was && to.pos == out_was))
			break;
	}
	ZSTD_freeDCtx(d);
	return to.pos == size ? 0 : -EIO;
}
#endif

int qcow2_unpack(const struct qcow2 *q, const u8 *p, size_t n, u8 *out)
{
	size_t size = (size_t)q->cluster_size;

	(void)size;
#if HAVE_ZLIB
	if (q->compression == 0)
		return unpack_zlib(p, n, out, size);
#endif
#if HAVE_ZSTD
	if (q->compression == 1)
		return unpack_zstd(p, n, out, size);
#endif
	return -ENOTSUP;
}
