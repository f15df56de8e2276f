/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boot loader of a guest without a kernel: GRUB for Xen, which reads grub.cfg on the guest's own disks.
 */
#ifndef GUEST_BOOTLOADER_H
#define GUEST_BOOTLOADER_H

#include "base/log.h"
#include "base/node.h"
#include "base/types.h"
#include "guest/words.h"
#include "xen/load/loader.h"

/* Looks out for a boot loader that found nothing to boot. All zero: looks no more. */
struct boot_watch {
	u32 left;    /* bytes of output to look at yet */
	u8 last[5];  /* the latest of them */
	u8 pad[3];
};

/* What is there must go with a boot loader, or with a kernel. 0, or -errno with a sentence that names the property. */
int bootloader_check(const struct node *guest, const struct guest_words *w, struct error *e);
/*
 * The file to boot a guest with that has no kernel: the node's boot loader, or the first of Debian's package grub-xen-host and its like in
 * the directory configure was told, the usual ones and the program's prefix. 0 with the name in path (n bytes), or -errno with a
 * sentence that names the way out.
 */
int bootloader_find(const struct node *guest, const struct guest_words *w, char *path, size_t n, struct error *e);

/*
 * Whether what was read from path is a boot loader of a PV guest; k: NULL, and rc and e tell why it cannot be loaded. 0, or -errno
 * with a sentence.
 */
int bootloader_fits(const struct xen_kernel *k, const struct guest_words *w, const char *path, int rc, struct error *e);

/* A boot loader begins. */
void bootloader_watch(struct boot_watch *w);
/* It wrote that to the console. True once, when it stands at its prompt before anybody typed: nothing it could boot. */
bool bootloader_said(struct boot_watch *w, const u8 *p, size_t n);
/* Somebody typed: a prompt is what they want. */
void bootloader_typed(struct boot_watch *w);

#endif
