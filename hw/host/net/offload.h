/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a card left undone of a frame: TCP and UDP checksums (RFC 1071) and the cutting of long TCP trains into segments. */
#ifndef HW_HOST_NET_OFFLOAD_H
#define HW_HOST_NET_OFFLOAD_H

#include "hw/host/net/net.h"

/* Fills a blank checksum of the frame in place (IPv4 and IPv6, VLAN tags and extension headers walked). False when it has none to fill. */
bool net_checksum(u8 *data, u32 len);
/*
 * Where the TCP or UDP header begins in the frame, where its checksum field does (from the header), and how many bytes all
 * headers have together. False when the frame has none.
 */
bool net_locate(const u8 *data, u32 len, u32 *start, u32 *field, u32 *headers);
/*
 * Hands emit the frame as somebody with these abilities (NET_CAN_*) can take it: as it is, with its checksum filled, or in
 * segments. scratch has NET_FRAME_MAX bytes. False when the frame does not parse; nothing was emitted then.
 */
bool net_finish(const struct net_frame *f, u32 can, u8 *scratch, void (*emit)(void *opaque, const struct net_frame *f),
		void *opaque);

#endif
