/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all who use sockets here have in common.
 */
#ifndef HW_HOST_SOCKETS_H
#define HW_HOST_SOCKETS_H

#include "base/log.h"
#include "base/os_socket.h"
#include "base/types.h"

/*
 * Removes the file of a Unix socket of that type (SOCK_STREAM, SOCK_DGRAM) that nobody serves any more, before bind(). 0,
 * or -EEXIST or -EADDRINUSE with a sentence that begins with said: the file is something else, or somebody serves it.
 */
int socket_clear_stale(const char *said, const struct sockaddr_un *sa, int type, struct error *e);

#endif
