/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's life as its node tells it: the files it is loaded from, its console's device, its domain.
 */
#ifndef UI_GUEST_H
#define UI_GUEST_H

#include "base/node.h"
#include "hw/host/chardev.h"
#include "pv/loader.h"
#include "vm/domain.h"

struct guest {
	struct host *host;
	const struct node *node; /* /guests/NAME, see ui/options.h */
	struct chardev *console;
	struct domain *d; /* NULL while there is none */
	/* What guest_load() brought; freed by guest_create(). */
	struct pv_kernel kernel;
	u8 *kernel_file, *initrd;
	size_t kernel_len, initrd_len;
	bool loaded;
};

/* Reads and unpacks the files. 0, or -errno with a sentence. */
int guest_load(struct guest *g, const struct pv_progress *progress, struct error *e);
/* Opens the console's device. 0, or -errno with a sentence. */
int guest_open_console(struct guest *g, const struct chardev_env *env, struct error *e);
/* Makes the domain. 0, or -errno with a sentence. */
int guest_create(struct guest *g, const struct pv_progress *progress, struct error *e);
/* Ends its life; the console stays. */
void guest_destroy(struct guest *g);
void guest_close_console(struct guest *g);

#endif
