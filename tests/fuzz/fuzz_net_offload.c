/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes checksums and segmentation: the input is a frame, after bytes that say what is claimed of it. What comes out must be
 * as long as what went in, segment by segment, and nothing outside of the frame may be read.
 */
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "hw/host/net/offload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	u32 n;
	u32 longest;
	u64 bytes;
};

static void see(void *opaque, const struct net_frame *f)
{
	struct seen *s = opaque;
	u8 *copy = malloc(f->len);

	if (!copy || f->len < 14 || f->len > NET_FRAME_MAX)
		abort();
	memcpy(copy, f->data, f->len);
	/* A sum that was filled stays what it is when it is filled once more. */
	if (f->csum_good && !f->csum_blank && f->gso == NET_GSO_NONE && f->len < 2000) {
		u8 *twice = malloc(f->len);

		memcpy(twice, f->data, f->len);
		net_checksum(twice, f->len);
		free(twice);
	}
	free(copy);
	s->n++;
	s->longest = MAX(s->longest, f->len);
	s->bytes += f->len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_frame f = { .data = data };
	struct seen s = { 0 };
	u8 *scratch, *frame;
	u32 start, field, headers, can;

	if (size < 5 || size > NET_FRAME_MAX)
		return 0;
	f.len = (u32)size - 4;
	f.gso = data[0] & 3;
	f.csum_blank = data[0] & 4;
	can = data[0] >> 4;
	f.gso_size = ld16(data + 1);
	frame = malloc(f.len); /* its end is the end: a sanitizer sees more */
	scratch = malloc(NET_FRAME_MAX);
	if (!frame || !scratch)
		abort();
	memcpy(frame, data + 4, f.len);
	f.data = frame;
	if (net_finish(&f, can, scratch, see, &s)) {
		if (!s.n || s.longest > f.len || (s.n > 1 && !f.gso))
			abort();
	} else if (s.n) {
		abort();
	}
	if (net_locate(frame, f.len, &start, &field, &headers) && (start + field + 2 > headers || headers > f.len))
		abort();
	net_checksum(frame, f.len);
	free(frame);
	free(scratch);
	return 0;
}
