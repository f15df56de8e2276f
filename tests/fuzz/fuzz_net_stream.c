/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes frames in a stream: the input is what a peer sends, in pieces whose sizes it chooses too. What comes out must be what
 * a reader that sees all at once would find.
 */
#include <stdlib.h>
#include <string.h>

#include "hw/host/net/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The frame at *at of the whole stream: 1, 0 or -1, as net_frames_next(). */
static int whole(const u8 *p, size_t size, size_t *at, const u8 **frame, u32 *len)
{
	u32 n;

	if (size - *at < 4)
		return 0;
	n = (u32)p[*at] << 24 | (u32)p[*at + 1] << 16 | (u32)p[*at + 2] << 8 | p[*at + 3];
	if (n > NET_FRAME_MAX)
		return -1;
	if (size - *at - 4 < n)
		return 0;
	*frame = p + *at + 4;
	*len = n;
	*at += 4 + (size_t)n;
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_frames *s = calloc(1, sizeof *s);
	size_t at = 0, sent = 0;
	const u8 *frame;
	u32 seed = size ? data[0] : 0, len;
	int rc = 0;

	if (!s)
		abort();
	while (rc >= 0) {
		struct net_frame f;
		u8 *p;
		u32 room = net_frames_room(s, &p), piece;

		seed = seed * 1103515245 + 12345;
		piece = MIN(room, 1 + (seed >> 16) % (seed & 4 ? 3u : 5000u));
		piece = (u32)MIN((size_t)piece, size - sent);
		if (!room)
			abort();
		if (!piece)
			break;
		memcpy(p, data + sent, piece);
		net_frames_put(s, piece);
		sent += piece;
		while ((rc = net_frames_next(s, &f)) > 0)
			if (whole(data, size, &at, &frame, &len) != 1 || len != f.len || memcmp(frame, f.data, len))
				abort();
	}
	if (whole(data, size, &at, &frame, &len) != rc)
		abort();
	free(s);
	return 0;
}
