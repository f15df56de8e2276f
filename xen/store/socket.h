/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenstore's Unix socket for clients of the control domain, such as Debian's xenstore-utils with XENSTORED_PATH.
 * A request goes through the one door, whole; its answer goes out at once.
 */
#ifndef XEN_STORE_SOCKET_H
#define XEN_STORE_SOCKET_H

#include "base/log.h"
#include "base/poll.h"
#include "vm/input.h"
#include "xen/store/xenstore.h"

#define XS_DOOR_TARGET 0u /* DOOR_STORE target of the domain's store */

struct xs_socket;

/* True for a spec that xs_socket_open() understands: "unix:PATH". Else a sentence. */
bool xs_socket_spec_ok(const char *spec, struct error *e);
/* Serves at the path of spec, readable and writable for its owner alone. NULL with a sentence. */
struct xs_socket *xs_socket_open(const char *spec, struct poll_set *ps, struct error *e);
/* From now on clients are let in, to this store through this door. */
void xs_socket_attach(struct xs_socket *k, struct door *door, struct xenstore *store);
/* The store is gone: so are the clients; new ones wait. */
void xs_socket_detach(struct xs_socket *k);
/* Removes the socket's file too. NULL is allowed. */
void xs_socket_close(struct xs_socket *k);
/* How many clients there are. */
u32 xs_socket_clients(const struct xs_socket *k);

#endif
