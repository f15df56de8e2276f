/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Confinement on Windows: none. Left out: AppContainer, job objects.
 */
#include "base/os_sandbox.h"

#include <errno.h>

int os_sandbox_enter(const struct os_sandbox *s, bool *files, struct error *e)
{
	(void)s;
	*files = false;
	return error_set(e, -ENOTSUP, "there is none on Windows: run the program as a user of its own");
}
