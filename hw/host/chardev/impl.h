/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kinds of character device share. For the files of hw/host/chardev only.
 */
#ifndef HW_HOST_CHARDEV_IMPL_H
#define HW_HOST_CHARDEV_IMPL_H

#include "base/buf.h"
#include "hw/host/chardev/chardev.h"
#include "hw/host/sockets.h"

struct chardev_kind {
	/* Opens what follows the prefix; spec is the whole of it for messages. 0 or -errno with a sentence. */
	int (*open)(struct chardev *cd, const char *arg, struct error *e);
	/* The peer is gone: end of input or an error. The core has not touched the descriptors yet. */
	void (*hangup)(struct chardev *cd, bool output);
	void (*close)(struct chardev *cd);
	bool (*is_live)(const struct chardev *cd);
	/* Sends at most n bytes without waiting: the number, or -errno (-EAGAIN: later). */
	ssize_t (*send)(struct chardev *cd, const u8 *p, size_t n);
	u32 backlog;    /* bytes kept while there is no peer, the oldest dropped first */
	i64 close_wait; /* nanoseconds closing waits for a peer that does not read, negative: as long as it takes */
};

enum mux_state { MUX_OFF, MUX_PLAIN, MUX_ESCAPE };

struct chardev {
	const struct chardev_kind *kind;
	struct chardev_env env;
	char *spec, *path;
	const struct chardev_client *client;
	void *client_opaque;

	int rfd, wfd; /* -1: none; they may be the same */
	struct poll_item *rit, *wit;
	bool connected; /* wfd has a peer */
	struct buf out; /* unsent bytes are [out_at, out.len) */
	size_t out_at;
	struct buf in; /* bytes read that the client had no room for; only when keen */
	bool keen;     /* reads on even so, for the keys that are ours */
	enum mux_state mux;
	const struct chardev_second *second; /* behind Ctrl-A c; NULL: none */
	void *second_opaque;
	bool focus; /* the second reader gets the input */
	const struct chardev_watcher *watcher;
	void *watcher_opaque;
	bool full; /* as chardev_full() says */
	void (*room)(void *opaque);
	void *room_opaque;

	/* Of single kinds. */
	int listen_fd;
	struct poll_item *listen_it, *timer;
	struct os_stdin *input;
	struct socket_file file;
	bool lost; /* output could not be written, and a sentence has told */
	bool server, eof, tty, warned;
};

extern const struct chardev_kind chardev_stdio, chardev_pty, chardev_file, chardev_unix, chardev_tcp, chardev_null;

/* Starts traffic on descriptors that have a peer (-1 for none). 0 or -ENOMEM. */
int chardev_start(struct chardev *cd, int rfd, int wfd);
/* Stops traffic; the descriptors stay open. Unsent output is dropped but for the kind's backlog. */
void chardev_stop(struct chardev *cd);
/* Stops input only. */
void chardev_stop_input(struct chardev *cd);

#define CHARDEV_LOOK 100000000 /* ns between questions whether it is late */
bool chardev_late(const struct chardev *cd);
/* While opening: waits for events on fd; callbacks of the set may run. The events, or -EINTR if asked to end or late. */
int chardev_wait(struct chardev *cd, int fd, u32 events);

/* Takes our own keys (Ctrl-A ...) out of n bytes of input, in place. Returns how many are left. */
size_t chardev_mux_filter(struct chardev *cd, u8 *p, size_t n);

#endif
