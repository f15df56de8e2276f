/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of a guest's life share.
 */
#ifndef GUEST_IMPL_H
#define GUEST_IMPL_H

#include "guest/guest.h"

/* Frees what guest_load() and guest_unpack() brought. */
void guest_unload(struct guest *g);

/* The guest's output, for whoever makes its domain. */
void guest_console_out(void *opaque, const u8 *p, size_t n);
/* The console of a Xen guest's new domain. 0. */
int guest_console_attach(struct guest *g, struct error *e);
void guest_console_detach(struct guest *g);

#endif
