/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets: how all of them are opened here.
 */
#include "hw/host/sockets.h"

#include <errno.h>

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
