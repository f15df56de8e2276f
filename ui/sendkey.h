/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys that are pressed together for a while, one combination after another (QEMU's sendkey).
 */
#ifndef UI_SENDKEY_H
#define UI_SENDKEY_H

#include "hw/host/display/display.h"
#include "vm/domain.h"

#define SENDKEY_TOGETHER 16u /* keys of one combination */
#define SENDKEY_WAITING 64u  /* combinations */

struct sendkey;

/* NULL when memory is short. */
struct sendkey *sendkey_new(struct display *d, struct poll_set *poll);
/* NULL is allowed. */
void sendkey_free(struct sendkey *s);
/* Whose time counts, and NULL when there is nobody: then what waits is dropped. */
void sendkey_set_domain(struct sendkey *s, const struct domain *d);
/* Presses keys, "ctrl-alt-f1", for hold ms when those before are done. 0, or -errno with a sentence. */
int sendkey_add(struct sendkey *s, const char *keys, u32 hold, struct error *e);

#endif
