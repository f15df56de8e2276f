/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the process may still open while a guest runs in a sandbox (base/os_sandbox.h). The guest's own parts are known
 * from its nodes; faces of the program add what they open themselves.
 */
#ifndef GUEST_SANDBOX_H
#define GUEST_SANDBOX_H

#include "base/log.h"
#include "base/node.h"
#include "base/os_sandbox.h"
#include "guest/words.h"

#define GUEST_SANDBOX_PATHS 128u

struct guest_sandbox {
	struct os_sandbox s; /* for os_sandbox_enter() */
	struct os_sandbox_path path[GUEST_SANDBOX_PATHS];
	char *names[GUEST_SANDBOX_PATHS]; /* those of them that are to be freed */
	char loader[1024];                /* the boot loader's */
	bool libraries;                   /* are added */
	int rc;                           /* -ENOMEM, -E2BIG: something is missing */
};

/* What the guest's parts take. 0, or -errno with a sentence. guest_sandbox_end() in each case. */
int guest_sandbox_begin(struct guest_sandbox *p, const struct node *guest, const struct guest_words *w, struct error *e);
void guest_sandbox_end(struct guest_sandbox *p);

/* A file or folder, which stays the caller's; rights: OS_SANDBOX_*. NULL and "" are nothing. */
void guest_sandbox_add(struct guest_sandbox *p, const char *path, u32 rights);
/* The same of the first len bytes of path, which are copied. */
void guest_sandbox_add_name(struct guest_sandbox *p, const char *path, size_t len, u32 rights);
/* Files that need not be there, to be read. */
void guest_sandbox_add_all(struct guest_sandbox *p, const char *const *list, size_t n);
/* The folder of a file that is to be removed at the end. */
void guest_sandbox_add_folder(struct guest_sandbox *p, const char *file, size_t len);
/* What a device takes that is spelled as chardev_open() has it, or the store, or VNC. NULL is nothing. */
void guest_sandbox_add_spec(struct guest_sandbox *p, const char *spec);
/* The host's libraries, for whoever loads one late. */
void guest_sandbox_add_libraries(struct guest_sandbox *p);

#endif
