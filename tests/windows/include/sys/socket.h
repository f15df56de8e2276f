/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Windows has none: the calls go to base/os_socket.h. */
#ifndef TESTS_WINDOWS_SOCKET_H
#define TESTS_WINDOWS_SOCKET_H

#include "tests/windows/posix.h"

#define socketpair(family, type, protocol, fd) ((type) == SOCK_STREAM ? os_socketpair(fd) : -1)
#define socket os_socket
#define bind os_bind
#define listen os_listen
#define accept os_accept
#undef connect
#define connect os_connect
#define getsockname os_getsockname
#define getsockopt os_getsockopt
#define setsockopt os_setsockopt

#endif
