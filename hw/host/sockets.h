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

/* The file of a Unix socket that is ours. All zero: none. */
struct socket_file {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	u64 dev, ino;
};

/*
 * Binds a Unix socket. Who may connect may do everything with what is behind it, so that only the owner may (mode 0600).
 * 0, then file is what socket_file_remove() wants, or -errno.
 */
int socket_bind_file(int fd, const struct sockaddr_un *sa, struct socket_file *file);
/* Before the socket is closed: removes its file, unless somebody has put another there since. */
void socket_file_remove(struct socket_file *file);

#endif
