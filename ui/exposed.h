/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network of type user leads to the host's own addresses. So a guest may reach its own monitor, if that listens on
 * TCP.
 */
#ifndef UI_EXPOSED_H
#define UI_EXPOSED_H

#include "base/node.h"

/*
 * Whether a device of the guest's node (a monitor, its console, VNC without a password) listens at a TCP address where
 * one of its networks leads: then out has a sentence, cut to n bytes, that names the options and the way out.
 */
bool exposed_describe(const struct node *guest, char *out, size_t n);

#endif
