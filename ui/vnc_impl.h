/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ui/vnc.c and ui/vnc_viewer.c share. The lock guards what both sides touch; neither holds it while it waits.
 */
#ifndef UI_VNC_IMPL_H
#define UI_VNC_IMPL_H

#include "base/os_thread.h"
#include "hw/host/display/keys.h"
#include "hw/host/sockets.h"
#include "ui/vnc.h"

#define VNC_LISTEN 8u
#define VNC_ENDING 16u /* who were sent away and whose threads have not noticed */
#define VNC_QUEUE 512u
#define VNC_RECTS 16u
#define VNC_EMPTY_WIDTH 640u /* of a screen that shows nothing */
#define VNC_EMPTY_HEIGHT 400u

enum vnc_event_kind { VNC_KEY, VNC_POINTER };

struct vnc_event {
	enum vnc_event_kind kind;
	const void *from; /* the viewer */
	bool down;
	u32 keysym, xt; /* xt: 0 when the viewer does not say */
	u32 x, y, buttons;
};

struct viewer;
struct viewer_extension;

struct vnc {
	struct display *display;
	struct display_listener *listener; /* while there are viewers */
	struct poll_set *poll;
	const struct keymap *keymap;
	char name[64], address[192];
	struct socket_file file;
	int listen[VNC_LISTEN];
	struct poll_item *items[VNC_LISTEN], *retry, *patience;
	u32 nlisten;
	int wake[2];
	struct poll_item *wake_item;
	struct viewer *viewers; /* changed by the execution thread, under the lock */
	u32 nviewers;
	u32 buttons;
	struct viewer_extension *extension;
	/* ---- under the lock ---- */
	struct os_mutex lock;
	u32 *pixels, width, height;
	u32 generation; /* another with each size */
	struct vnc_event queue[VNC_QUEUE];
	u32 nqueue;
	u32 nin; /* viewers that have logged in */
	bool password;
	char secret[64];
	u64 next_try; /* host time before which no other password is looked at */
	u64 answers;  /* passwords that came so far */
	u32 failures; /* in a row */
};

struct viewer {
	struct vnc *v;
	struct viewer *next;
	int fd, wake[2];
	pthread_t thread;
	bool ended; /* the execution thread's copy of over */
	char peer[72]; /* where it comes from */
	u8 from[8];    /* the same without what one sender can change: host, or network of IPv6 */
	u64 since;     /* host time when it came */
	u8 down[KEYS / 8]; /* keys that it holds */
	/* ---- under the lock ---- */
	bool stop, over;
	bool in;      /* it has logged in, and has a place and a picture */
	bool asked;   /* a password was asked for: a person may be typing */
	u64 answered; /* its number among the passwords that came, while it waits for its turn; else 0 */
	struct rect dirty[VNC_RECTS];
	u32 ndirty;
	/* ---- the viewer's thread alone ---- */
	struct rfb *rfb;
};

/* For viewers' threads. */
void vnc_queue(struct vnc *v, const struct vnc_event *ev);

/* For the execution thread. viewer_changed(), for one that is in, and viewer_wake(): under the lock. */
void viewers_init(struct vnc *v);
void viewers_exit(struct vnc *v);
struct viewer *viewer_new(struct vnc *v, int fd);
void viewer_changed(struct viewer *c, const struct rect *r);
void viewer_wake(struct viewer *c);
void viewer_stop(struct viewer *c);
/* Waits for its thread. */
void viewer_free(struct viewer *c);

#endif
