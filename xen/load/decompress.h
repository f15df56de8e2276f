/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unpacking of the streams kernels are packed with: gzip, bzip2, lzma, xz, lzo, lz4 (legacy frames) and zstd.
 */
#ifndef XEN_LOAD_DECOMPRESS_H
#define XEN_LOAD_DECOMPRESS_H

#include "base/log.h"
#include "base/types.h"

enum codec {
	CODEC_NONE, CODEC_GZIP, CODEC_BZIP2, CODEC_LZMA, CODEC_XZ, CODEC_LZO, CODEC_LZ4 /* the legacy frame, of kernel builds */,
	CODEC_LZ4_FRAME, CODEC_ZSTD, CODEC_COUNT
};

/* Told now and then how far a long step has come; total is 0 where it is not known. */
struct xen_progress {
	void (*step)(void *opaque, const char *what, u64 done, u64 total); /* NULL: nobody is told */
	void *opaque;
	volatile int *stop; /* non-zero: the step ends with -EINTR; NULL: never */
};

static inline bool pv_stopped(const struct xen_progress *p)
{
	return p && p->stop && *p->stop;
}

struct unpacked {
	u8 *p; /* malloc()ed; never NULL after success */
	size_t len;
	size_t used; /* bytes of input the stream took */
};

/* What a stream that starts with these bytes is packed with; CODEC_NONE when it is nothing we know. */
enum codec codec_detect(const u8 *in, size_t len);
/* "gzip", "xz", ... */
const char *codec_name(enum codec c);
/* True when this build can unpack it. */
bool codec_builtin(enum codec c);
/* The codecs of this build, e.g. "gzip bzip2 lzma xz lz4 zstd"; "none" without any. */
const char *decompress_builtin(void);

/*
 * Unpacks one stream into fresh memory of at most limit bytes. hint is the expected size, 0 when not known (a wrong
 * one costs only time). Bytes after the end of the stream are left alone. name is the file, for messages. progress may
 * be NULL. Returns 0, -ENOTSUP (codec not built in), -EFBIG (over the limit), -EINVAL (damaged or truncated) or
 * -ENOMEM.
 */
int decompress(enum codec c, const u8 *in, size_t len, size_t limit, size_t hint, const struct xen_progress *progress,
	       const char *name, struct unpacked *out, struct error *e);

#endif
