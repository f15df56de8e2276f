/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the NBD disks: a connection's beginning (nbd_connect.c), its requests (nbd.c). For these only.
 */
#ifndef HW_HOST_BLOCK_NBD_H
#define HW_HOST_BLOCK_NBD_H

#include <libnbd.h>

#include "hw/host/block/impl.h"

#define NBD_SLICE 100u     /* ms between looks at whether we are told to end */
#define NBD_LAST_WORD 1000u /* ms a server has for an answer then */

struct nbd_server {
	char *spec, *format; /* format: NULL, or what a qemu-nbd of ours reads spec as */
	bool readonly;
	u32 patience; /* ms */
	struct block_stop stop;
};

/* A connection that is ready, within ms milliseconds; NULL with a sentence. */
struct nbd_handle *nbd_connection(const struct nbd_server *s, u32 ms, struct error *e);
/* Lets one go whose server does not listen any more. NULL is allowed. */
void nbd_connection_drop(const struct nbd_server *s, struct nbd_handle *h);
/*
 * Waits for something to happen on h, started being the host_now() at which that began: 1, 0 when the server has said nothing
 * for ms or when we are told to end, -1 when the connection is broken.
 */
int nbd_connection_poll(const struct nbd_server *s, struct nbd_handle *h, u64 started, u32 ms);

#endif
