/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character devices on the host: where a guest's console goes (QEMU's -serial spelling: stdio, mon:stdio, pty, file:,
 * unix:, tcp:, null). Left out: telnet, udp, pipe:, reconnecting clients, TLS.
 *
 * Output never loses a byte while a peer is there: nobody is waited for here, and who brings much asks chardev_full() whether
 * to bring more (a guest's time stands still then). With no peer it is dropped. Input comes by callback in poll_wait(), and the
 * client carries it to the guest through the one door.
 */
#ifndef HW_HOST_CHARDEV_CHARDEV_H
#define HW_HOST_CHARDEV_CHARDEV_H

#include "base/log.h"
#include "base/poll.h"
#include "base/types.h"

struct chardev;
struct signals;

#define CHARDEV_QUEUE_MAX (1024u * 1024) /* bytes unsent, and no more are to be brought */
#define CHARDEV_BACKLOG_MAX (64u * 1024) /* bytes a pty keeps for the peer to come; input kept for a slow guest */

/* What the opener provides. Everything must outlive the device. */
struct chardev_env {
	struct poll_set *poll;
	struct signals *signals;    /* guards the terminal of stdio; NULL: its mode is left alone */
	const char *label;          /* e.g. "serial0"; for messages */
	void (*quit)(void *opaque); /* Ctrl-A x was typed; NULL: the key is not offered */
	bool (*late)(void *opaque); /* asked while we wait for a peer: true to wait no longer; NULL: never */
	void *opaque;
};

/* Who reads what comes in. */
struct chardev_client {
	/* How many bytes the client can take now; chardev_accept_input() must follow when a 0 grows. */
	size_t (*can_receive)(void *opaque);
	/* Never more than can_receive() said. */
	void (*receive)(void *opaque, const u8 *p, size_t n);
};

/*
 * Opens a device. A server with wait=on returns when its first peer is there. NULL with a sentence in e (it names
 * spec, not the option) on failure.
 */
struct chardev *chardev_open(const char *spec, const struct chardev_env *env, struct error *e);
/*
 * Writes out what is queued (within limits for a peer that does not read) and closes. NULL is allowed. False when a file or
 * standard output could not be written, which a sentence has told: some of what was sent is lost.
 */
bool chardev_close(struct chardev *cd);

/* Sets who gets the input; NULL for nobody, then input stays unread. */
void chardev_set_client(struct chardev *cd, const struct chardev_client *client, void *opaque);
/* Tells the device that the client may have room again. */
void chardev_accept_input(struct chardev *cd);

/* Who wants to know how the peer is doing. Called in poll_wait(), chardev_write() and chardev_watch(). Both may be NULL. */
struct chardev_watcher {
	void (*connected)(void *opaque); /* a peer is there; also at once, when one is there already */
	void (*drained)(void *opaque);   /* nothing is unsent any more */
};
void chardev_watch(struct chardev *cd, const struct chardev_watcher *w, void *opaque);
/* Bytes that the peer has not taken yet. */
size_t chardev_unsent(const struct chardev *cd);
/* True when the other side is a terminal: keys come one by one, and are to be shown. */
bool chardev_is_terminal(const struct chardev *cd);

/* The second reader of a device whose Ctrl-A keys are ours: Ctrl-A c switches between it and the client. */
struct chardev_second {
	void (*receive)(void *opaque, const u8 *p, size_t n);
	void (*focus)(void *opaque, bool on);
};
void chardev_set_second(struct chardev *cd, const struct chardev_second *second, void *opaque);
/* True when the other side is the terminal that the program's own messages go to as well. */
bool chardev_is_own_terminal(const struct chardev *cd);
/* True when the device takes Ctrl-A keys, so that a second reader can be reached. */
bool chardev_has_mux(const struct chardev *cd);

/* Sends bytes to the peer, or queues them; never waits. Called on the execution thread. */
void chardev_write(struct chardev *cd, const void *p, size_t n);
/* True from when more than CHARDEV_QUEUE_MAX bytes are unsent until half of that is, or the peer has left. */
bool chardev_full(const struct chardev *cd);
/* Who is called when chardev_full() ends, in poll_wait() or chardev_write(); not in chardev_close(). NULL: nobody. */
void chardev_on_room(struct chardev *cd, void (*room)(void *opaque), void *opaque);

/* True while a person or a peer could still send something: then an idle guest sleeps in real time. */
bool chardev_is_live(const struct chardev *cd);
/* The path of a pty or socket file, "host:port" of a TCP server, else NULL. */
const char *chardev_path(const struct chardev *cd);

#endif
