/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames in a stream of bytes, as QEMU's -netdev socket and stream have them: each with its length before it, 32 bits,
 * most significant byte first.
 */
#ifndef HW_HOST_NET_FRAMES_H
#define HW_HOST_NET_FRAMES_H

#include "hw/host/net/net.h"

#define NET_FRAMES_HEADER 4u
#define NET_FRAMES_BUFFER (2u * (NET_FRAMES_HEADER + NET_FRAME_MAX))

/* What came and was not taken yet is [at, len). */
struct net_frames {
	u32 at, len;
	u8 bytes[NET_FRAMES_BUFFER];
};

/* Room for more bytes at *p, always some once net_frames_next() has said 0. */
u32 net_frames_room(struct net_frames *s, u8 **p);
/* n bytes have been put there. */
void net_frames_put(struct net_frames *s, u32 n);
/* The next whole frame, valid until more is put: 1; 0: there is none yet; -1: the other side talks something else. */
int net_frames_next(struct net_frames *s, struct net_frame *f);

#endif
