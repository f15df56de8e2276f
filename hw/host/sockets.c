/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets: the one place where they are opened.
 */
#include "hw/host/sockets.h"

#include <errno.h>
#include <string.h>

int socket_clear_stale(const char *said, const struct sockaddr_un *sa, int type, struct error *e)
{
	struct os_stat st;
	bool served;
	int fd;

	if (os_stat(sa->sun_path, &st))
		return 0; /* bind() will say what is wrong, if anything */
	if (st.kind != OS_SOCKET)
		return error_set(e, -EEXIST,
				 "%.200s: a file that is no socket is there already: remove it or name another path", said);
	fd = os_socket(AF_UNIX, type, 0);
	if (fd < 0)
		return 0;
	os_prepare(fd); /* one whose queue is full would keep us */
	served = !os_connect(fd, (const struct sockaddr *)sa, sizeof *sa) || errno == EAGAIN;
	os_close(fd);
	if (served)
		return error_set(e, -EADDRINUSE, "%.200s: another program serves this socket: stop it or name another path", said);
	os_unlink(sa->sun_path);
	return 0;
}

int socket_bind_file(int fd, const struct sockaddr_un *sa, struct socket_file *file)
{
	struct os_stat st;

	if (os_bind_private(fd, sa))
		return -errno;
	memcpy(file->path, sa->sun_path, sizeof file->path);
	if (!os_stat(file->path, &st)) {
		file->dev = st.dev;
		file->ino = st.ino;
	}
	return 0;
}

void socket_file_remove(struct socket_file *file)
{
	struct os_stat st;

	/* While the socket is open, no other file can have its number. */
	if (*file->path && !os_stat(file->path, &st) && st.kind == OS_SOCKET && st.dev == file->dev && st.ino == file->ino)
		os_unlink(file->path);
	file->path[0] = 0;
}
