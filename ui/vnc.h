/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VNC (RFC 6143, by libvncserver): -vnc as QEMU spells it. Each viewer has a thread that knows nothing of the guest: it gets
 * copies of what changed, and leaves its input in a queue that the execution thread empties.
 */
#ifndef UI_VNC_H
#define UI_VNC_H

#include "hw/host/display/display.h"
#include "hw/host/display/keys.h"

#define VNC_VIEWERS 32u  /* who have logged in: without a password, who have finished the handshake */
#define VNC_STRANGERS 8u /* who have not; for one more the oldest from the address with most of them is hung up on */
#define VNC_PORT 5900u
#define VNC_PASSWORD_MAX 8u /* bytes that count: the protocol's limit */

/* HOST:N[,to=N][,password=on|off|SECRET], unix:PATH[,...], none. */
struct vnc_spec {
	bool none, local; /* local: a Unix socket */
	char host[128];   /* or the path; empty: every address */
	u32 first, last;  /* display numbers to try */
	bool password;    /* one is wanted */
	char secret[64];  /* empty: none was set, nobody gets in */
};

/* 0, or -EINVAL with a sentence. */
int vnc_parse(const char *text, struct vnc_spec *spec, struct error *e);

struct vnc;

/* False in a build without libvncserver. */
bool vnc_available(void);
/* Listens. name: the guest's. NULL with a sentence. Everything must outlive it. */
struct vnc *vnc_open(const struct vnc_spec *spec, struct display *d, struct poll_set *poll, const struct keymap *keymap,
		     const char *name, struct error *e);
/* NULL is allowed. */
void vnc_close(struct vnc *v);
/* Where it listens: "host:port" or a path. */
const char *vnc_address(const struct vnc *v);
/* All that are connected. */
u32 vnc_viewers(const struct vnc *v);
/* Where viewer i comes from, cut to n bytes. False: there are not so many. */
bool vnc_viewer_describe(const struct vnc *v, u32 i, char *out, size_t n);
/* Whether viewers must know a password. */
bool vnc_wants_password(struct vnc *v);
/* What viewers must know from now on; NULL or "": nobody gets in. */
void vnc_set_password(struct vnc *v, const char *secret);
/* Serves a connection that is there already (tests); the descriptor is taken over. 0, -EBUSY (no place) or -ENOMEM. */
int vnc_serve(struct vnc *v, int fd);

#endif
