/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back end of the first PV console: the ring page of start_info (Xen public/io/console.h). Output is taken at the
 * guest's event, at that very instruction; input comes through the door. Left out: further consoles (xenstore devices).
 */
#ifndef XEN_CONSOLE_H
#define XEN_CONSOLE_H

#include "xen/xen.h"

#define XEN_CONSOLE_TARGET 0u /* DOOR_CHAR target of this console */
#define XEN_CONSOLE_QUEUE 4096u

struct xen_console_state {
	u32 head, count; /* of queue: input the ring had no room for */
	u32 broken;      /* the ring's indexes made no sense: reported once, ignored from then on */
	u32 used;        /* something came over the ring */
	u8 queue[XEN_CONSOLE_QUEUE];
};
extern const struct state_desc xen_console_state_desc;

/*
 * Allocates the event channel (d->s.console_port) and takes DOOR_CHAR inputs. Needs d->evtchn; the ring page is looked up
 * in d->s.console_mfn when it is used. out gets the guest's output. 0 or -errno.
 */
int xen_console_init(struct xen_domain *d, void (*out)(void *opaque, const u8 *p, size_t n), void *opaque);
void xen_console_free(struct xen_domain *d);
/* The guest was resumed with a fresh ring page: a broken ring is forgiven. */
void xen_console_reset(struct xen_domain *d);

/* Leaves typed bytes before the door. Bytes beyond xen_console_room() are lost. 0 or -ENOMEM. */
int xen_console_input(struct xen_domain *d, const u8 *p, size_t n);
/* How many bytes xen_console_input() may bring now. */
size_t xen_console_room(const struct xen_domain *d);
/* room is called when xen_console_room() has grown. */
void xen_console_on_room(struct xen_domain *d, void (*room)(void *opaque), void *opaque);

/*
 * What the guest writes to Xen's own console (CONSOLEIO_write). It is logged (-d console), line by line; until something came
 * over the ring it is output too, for those who die before they have a console.
 */
void xen_console_raw(struct xen_domain *d, const u8 *p, size_t n);

#endif
