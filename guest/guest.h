/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest, made of its node (guest/nodes.h). It has one domain at a time: a reboot ends that domain and makes another.
 * What is opened on the host (disk images, networks, the console's device) stays open from one domain to the next. The
 * time from a domain's making to its end is called a life.
 */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include "base/node.h"
#include "guest/bootloader.h"
#include "guest/panic.h"
#include "guest/words.h"
#include "hw/host/chardev/chardev.h"
#include "vm/domain.h"
#include "xen/load/loader.h"

struct guest_disks;
struct guest_networks;
struct guest_screen;
struct snapshot; /* snapshot/snapshot.h */
struct snapshot_base;
struct xs_socket;

/*
 * Somebody who is told how a guest is doing: a monitor, a window, the log. The struct is a part of a larger one, which
 * container_of() finds. Each function may be NULL.
 */
struct guest_watch;
struct guest_watch_ops {
	/* d was made, and has not run. 0, or -errno with a sentence: then guest_create() fails. */
	int (*attach)(struct guest_watch *w, struct domain *d, struct error *e);
	/* The domain is gone. */
	void (*detach)(struct guest_watch *w);
	/* The guest wrote this on its console. */
	void (*console)(struct guest_watch *w, const u8 *p, size_t n);
	/*
	 * Whether it could still send something. While anybody could, an idle guest waits in real time and does not
	 * skip ahead.
	 */
	bool (*live)(const struct guest_watch *w);
};
struct guest_watch {
	const struct guest_watch_ops *ops;
	struct guest_watch *next;
};

struct guest {
	/* Given by whoever makes the guest; the rest is zero then. */
	struct host *host;
	struct node *node;               /* /guests/NAME */
	const struct guest_words *words; /* how its writer spells properties; NULL: guest_plain_words */
	bool stopped;                    /* domains are made paused; a monitor changes it, too */

	/* Open from the first life to guest_close(). */
	struct guest_watch *watches; /* in the order they were added */
	struct chardev *console;
	struct xs_socket *store;     /* NULL: nobody may connect to the xenstore */
	struct guest_disks *disks;   /* guest/disks.h */
	struct guest_networks *nets; /* guest/networks.h */
	struct guest_screen *screen; /* guest/screen.h; NULL: none */
	bool output_lost;            /* the console's device could not be written */

	struct snapshot *incoming; /* the next life begins with it, not with a kernel; NULL otherwise */

	/* This life. */
	struct domain *d; /* NULL while there is none */
	struct snapshot_base *base; /* the last snapshot that was written, or that it began with; NULL: none */
	bool bare;        /* machine "none" */
	bool by_loader;   /* a boot loader is loaded, not a kernel */
	bool looked;      /* at the initrd: a warning comes once */
	bool held;        /* the domain's time is held until the console's peer has read */
	struct boot_watch watch;
	struct panic_watch panic;

	/* What guest_load() and guest_unpack() brought; freed by guest_create(). */
	char loader_path[1024];
	const char *kernel_path; /* of the kernel, or of the boot loader */
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
 * The order of calls in each life: guest_load(), guest_unpack(), guest_create(), guest_destroy(). In the first life the
 * console, the screen (guest/screen.h) and the store are opened before guest_create(). guest_close() is the last call.
 */

/*
 * Checks the nodes and reads the files; in the first life opens disks and networks. progress as in xen_file_read(). 0,
 * or -errno with a sentence.
 */
int guest_load(struct guest *g, const struct xen_progress *progress, struct error *e);
/* Looks at what was read, and unpacks it. 0, or -errno with a sentence. */
int guest_unpack(struct guest *g, const struct xen_progress *progress, struct error *e);
/* Makes the domain, and attaches all to it. 0, or -errno with a sentence: then there is none. */
int guest_create(struct guest *g, const struct xen_progress *progress, struct error *e);
/* Ends the life: frees the domain and all that belongs to it. What is open on the host stays open. */
void guest_destroy(struct guest *g);
/* guest_destroy(), and closes everything. */
void guest_close(struct guest *g);

/* Opens the console's device. 0, or -errno with a sentence. */
int guest_console_open(struct guest *g, const struct chardev_env *env, struct error *e);
/* Writes out what is queued, and closes it. guest_close() does that too, if it was not done. */
void guest_console_close(struct guest *g);
/* Serves the xenstore's socket, if one is asked for. 0, or -errno with a sentence. */
int guest_store_open(struct guest *g, struct error *e);
void guest_store_close(struct guest *g);

/* What a bare machine's guest wants the program to exit with, 0 to 255; -1: it did not say, or is no such machine's. */
int guest_exit_code(const struct guest *g);
/* w is told from now on, after those that were added before. It need not have been added to be removed. */
void guest_watch_add(struct guest *g, struct guest_watch *w, const struct guest_watch_ops *ops);
void guest_watch_remove(struct guest *g, struct guest_watch *w);
/* Bytes that were typed where the console is shown. If the guest has no room for all of them, all are lost. */
void guest_type(struct guest *g, const u8 *p, size_t n);
/* Its domain has ended: fires the xenstore watch on that (@releaseDomain). */
void guest_ended(struct guest *g);

#endif
