/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's end of bench/guest/io.c: a TCP server on 127.0.0.1 that prints its port and then, a process a connection, does what
 * the first nine bytes ask: 'o' takes so many bytes and answers with one, 'i' sends so many, 'r' echoes so many one by one. POSIX.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t chunk[262144];

static void serve(int fd)
{
	uint8_t ask[9], c;
	uint64_t left = 0;
	ssize_t n;

	for (size_t have = 0; have < sizeof(ask); have += (size_t)n)
		if ((n = read(fd, ask + have, sizeof(ask) - have)) <= 0)
			return;
	for (int i = 8; i > 0; i--)
		left = left << 8 | ask[i];
	for (; left; left -= (uint64_t)n) {
		size_t most = left < sizeof(chunk) ? (size_t)left : sizeof(chunk);

		if (ask[0] == 'r')
			n = read(fd, &c, 1) == 1 ? write(fd, &c, 1) : -1;
		else
			n = ask[0] == 'o' ? read(fd, chunk, most) : write(fd, chunk, most);
		if (n <= 0)
			return;
	}
	if (ask[0] == 'o' && write(fd, "", 1) != 1)
		return;
	/* The other side hangs up first. */
	while (read(fd, chunk, sizeof(chunk)) > 0)
		;
}

int main(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_STREAM, 0), fd, one = 1;
	socklen_t len = sizeof(a);

	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 16) ||
	    getsockname(s, (struct sockaddr *)&a, &len)) {
		perror("peer");
		return 1;
	}
	printf("%u\n", ntohs(a.sin_port));
	fflush(stdout);
	while ((fd = accept(s, NULL, NULL)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (!fork()) {
			serve(fd);
			_exit(0);
		}
		close(fd);
	}
	return 1;
}
