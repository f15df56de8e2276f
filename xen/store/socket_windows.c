/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * There is no xenstore socket on Windows. A client has all rights over the guest, and on Windows the file of a Unix socket has
 * no permissions that would keep others from connecting.
 */
#include "xen/store/socket.h"

#include <errno.h>

bool xs_socket_spec_ok(const char *spec, struct error *e)
{
	error_set(e, -ENOSYS, "-xenstore %.200s: not on this system, whose sockets anybody may use: leave it out", spec);
	return false;
}

struct xs_socket *xs_socket_open(const char *spec, struct poll_set *ps, struct error *e)
{
	xs_socket_spec_ok(spec, e);
	return NULL;
}

void xs_socket_attach(struct xs_socket *k, struct door *door, struct xenstore *store)
{
}

void xs_socket_detach(struct xs_socket *k)
{
}

void xs_socket_close(struct xs_socket *k)
{
}

u32 xs_socket_clients(const struct xs_socket *k)
{
	return 0;
}
