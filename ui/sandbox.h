/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -sandbox: what the process may still do while a guest runs (docs/security.md), as it follows from the options.
 */
#ifndef UI_SANDBOX_H
#define UI_SANDBOX_H

#include "ui/options.h"

/* Whether -sandbox on is given. */
bool sandbox_wanted(const struct options *o);

/*
 * From here on the process may do what o's guest takes, and no more; all that the options name is open already, windows
 * excepted. Nothing without -sandbox on. 0, or -errno with a sentence.
 */
int sandbox_enter(const struct options *o, struct error *e);

#endif
