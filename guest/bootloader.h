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

/* Watches the console of a boot loader for its prompt. All zero: it does not watch. */
struct boot_watch {
	u32 left;    /* bytes of output until it stops watching */
	u8 last[5];  /* the latest of them */
	u8 pad[3];
};

/*
 * Refuses properties that contradict each other: a boot loader and a kernel, an initrd without a kernel... 0, or -errno
 * with a sentence.
 */
int bootloader_check(const struct node *guest, const struct guest_words *w, struct error *e);
/*
 * Finds the boot loader of a guest without a kernel: the one of its node, else GRUB for Xen. GRUB is looked for in the
 * directory that configure was given, in those of Debian's grub-xen-host and of Xen's own build, and below the
 * program's prefix. 0 with the file's name in path (n bytes), or -errno with a sentence.
 */
int bootloader_find(const struct node *guest, const struct guest_words *w, char *path, size_t n, struct error *e);

/*
 * Whether the file at path, which was loaded as k, is a boot loader of a PV guest. k is NULL when it could not be
 * loaded: then rc and e tell why. 0, or -errno with a sentence.
 */
int bootloader_fits(const struct xen_kernel *k, const struct guest_words *w, const char *path, int rc, struct error *e);

/* Begins to watch: a boot loader starts. */
void bootloader_watch(struct boot_watch *w);
/* Its output. True once, when it shows its prompt and nobody has typed: it found nothing to boot. */
bool bootloader_said(struct boot_watch *w, const u8 *p, size_t n);
/* Somebody typed, so a prompt is no sign of trouble: stops watching. */
void bootloader_typed(struct boot_watch *w);

#endif
