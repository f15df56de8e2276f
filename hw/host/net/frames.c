/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames in a stream of bytes.
 */
#include "hw/host/net/frames.h"

#include <string.h>

u32 net_frames_room(struct net_frames *s, u8 **p)
{
	if (s->at) {
		memmove(s->bytes, s->bytes + s->at, s->len - s->at);
		s->len -= s->at;
		s->at = 0;
	}
	*p = s->bytes + s->len;
	return NET_FRAMES_BUFFER - s->len;
}

void net_frames_put(struct net_frames *s, u32 n)
{
	s->len += n;
}

int net_frames_next(struct net_frames *s, struct net_frame *f)
{
	const u8 *p = s->bytes + s->at;
	u32 left = s->len - s->at, n;

	if (left < NET_FRAMES_HEADER)
		return 0;
	n = (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
	if (n > NET_FRAME_MAX)
		return -1;
	if (left - NET_FRAMES_HEADER < n)
		return 0;
	*f = (struct net_frame){ .data = p + NET_FRAMES_HEADER, .len = n };
	s->at += NET_FRAMES_HEADER + n;
	return 1;
}
