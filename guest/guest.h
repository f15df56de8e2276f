/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's life as its node tells it: the files it is loaded from, its console's device, its domain.
 */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include "base/node.h"
#include "guest/bootloader.h"
#include "guest/panic.h"
#include "guest/words.h"
#include "hw/host/chardev/chardev.h"
#include "xen/load/loader.h"
#include "vm/domain.h"

struct guest_disks;
struct guest_networks;
struct guest_screen;
struct xs_socket;

/* Somebody who accompanies a guest over its lives: a monitor, a window, a report. A part of a larger struct. */
struct guest_watch;
struct guest_watch_ops {
	/* A life begins: d was made. 0, or -errno with a sentence: then it does not. Each of these may be NULL. */
	int (*attach)(struct guest_watch *w, struct domain *d, struct error *e);
	/* It is over: the domain that was attached is gone. */
	void (*detach)(struct guest_watch *w);
	/* The guest's output on its console. */
	void (*console)(struct guest_watch *w, const u8 *p, size_t n);
	/* Whether something could come from there still, so that an idle guest sleeps for as long as its timers say. */
	bool (*live)(const struct guest_watch *w);
};
struct guest_watch {
	const struct guest_watch_ops *ops;
	struct guest_watch *next;
};

struct guest {
	struct host *host;
	struct node *node; /* /guests/NAME, see guest/nodes.h */
	const struct guest_words *words; /* of whoever wrote the node; NULL: the plain ones */
	struct chardev *console;
	struct xs_socket *store; /* -xenstore; NULL: none */
	struct guest_watch *watches; /* in the order they came */
	bool stopped; /* by somebody outside: its domains are born paused */
	struct guest_disks *disks; /* guest/disks.h */
	struct guest_networks *nets; /* guest/networks.h */
	struct guest_screen *screen; /* guest/screen.h; NULL: no screens */
	struct domain *d; /* NULL while there is none */
	bool bare;        /* -M none */
	bool by_loader;   /* what is loaded is a boot loader */
	struct boot_watch watch;
	struct panic_watch panic;
	bool looked;      /* at the initrd, for a warning */
	bool held;        /* time stands until the console's peer has read */
	bool output_lost; /* the console's device could not be written */
	char loader_path[1024];
	const char *kernel_path; /* of the kernel, or of the boot loader */
	/* What guest_load() and guest_unpack() brought; freed by guest_create(). */
	struct xen_kernel kernel;
	u8 *kernel_file, *initrd; /* of a bare machine: the image is kernel_file */
	size_t kernel_len, initrd_len;
	bool loaded;
};

INLINE const struct guest_words *guest_words(const struct guest *g)
{
	return g->words ? g->words : &guest_plain_words;
}

/*
 * In this order, for each life: guest_load(), guest_unpack(), guest_create(), guest_destroy(); and at the end guest_close(). What is
 * opened between them is opened once: the console, the screen (guest/screen.h), the store.
 */

/* Reads the files; in the first life opens disks and networks. progress as in xen_file_read(). 0, or -errno with a sentence. */
int guest_load(struct guest *g, const struct xen_progress *progress, struct error *e);
/* Looks at what was read, and unpacks it. 0, or -errno with a sentence. */
int guest_unpack(struct guest *g, const struct xen_progress *progress, struct error *e);
/* Makes the domain, and attaches all to it. 0, or -errno with a sentence: then there is none. */
int guest_create(struct guest *g, const struct xen_progress *progress, struct error *e);
/* Ends its life: nothing is left of the domain, and what was opened stays open. */
void guest_destroy(struct guest *g);
/* guest_destroy(), and closes everything. */
void guest_close(struct guest *g);

/* Opens the console's device. 0, or -errno with a sentence. */
int guest_console_open(struct guest *g, const struct chardev_env *env, struct error *e);
/* Before guest_close(), by whoever wants its last words out. */
void guest_console_close(struct guest *g);
/* Serves the xenstore's socket, if one is asked for. 0, or -errno with a sentence. */
int guest_store_open(struct guest *g, struct error *e);
void guest_store_close(struct guest *g);

/* What a bare machine's guest wants the program to exit with, 0 to 255; -1: it did not say, or is no such machine's. */
int guest_exit_code(const struct guest *g);
/* From now on, and not any more (also when it never was). */
void guest_watch_add(struct guest *g, struct guest_watch *w, const struct guest_watch_ops *ops);
void guest_watch_remove(struct guest *g, struct guest_watch *w);
/* Somebody types at a face that shows the console. What the guest has no room for is lost as a whole. */
void guest_type(struct guest *g, const u8 *p, size_t n);
/* Its domain has ended: who watches that in the xenstore is told. */
void guest_ended(struct guest *g);

#endif
