/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets: how all of them are opened here.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "hw/host/sockets.h"

#ifdef _WIN32
extern int sockets_unused;
#else
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void socket_prepare(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int socket_clear_stale(const char *said, const struct sockaddr_un *sa, int type, struct error *e)
{
	struct stat st;
	bool served;
	int fd;

	if (lstat(sa->sun_path, &st))
		return 0; /* bind() will say what is wrong, if anything */
	if (!S_ISSOCK(st.st_mode))
		return error_set(e, -EEXIST,
				 "%.200s: a file that is no socket is there already: remove it or name another path", said);
	fd = socket(AF_UNIX, type, 0);
	if (fd < 0)
		return 0;
	socket_prepare(fd); /* one whose queue is full would keep us */
	served = !connect(fd, (const struct sockaddr *)sa, sizeof *sa) || errno == EAGAIN;
	close(fd);
	if (served)
		return error_set(e, -EADDRINUSE, "%.200s: another program serves this socket: stop it or name another path", said);
	unlink(sa->sun_path);
	return 0;
}
#endif
