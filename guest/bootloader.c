/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds GRUB for Xen (Debian's grub-xen-host) on the host, and tells from its output when it found nothing to boot on
 * the guest's disks. Left out: pygrub's way, which reads the guest's disks on the host.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "guest/bootloader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/os_file.h"

#ifndef GRUB_XEN_DIR
#define GRUB_XEN_DIR ""
#endif
#ifndef INSTALL_PREFIX
#define INSTALL_PREFIX "/usr/local"
#endif

/* GRUB shows its prompt within a few hundred bytes. What comes much later is a kernel's output. */
#define WATCH_BYTES 16384u

static const char *const directories[] = {
	GRUB_XEN_DIR,
	"/usr/lib/grub-xen",
	"/usr/lib/xen/boot",
	INSTALL_PREFIX "/lib/grub-xen",
	INSTALL_PREFIX "/lib/xen/boot",
	INSTALL_PREFIX "/share/paravane",
};

/* As Debian's package calls it, and as Xen's own build does. */
static const char *const names[] = { "grub-x86_64-xen.bin", "pvgrub64" };

int bootloader_check(const struct node *g, const struct guest_words *w, struct error *e)
{
	const char *file = node_str(g, "bootloader", NULL);

	if (file && strcmp(node_str(g, "machine", ""), "xenpv"))
		return error_set(e, -EINVAL, "%s %.200s: %s none has no disks to boot from: leave it out, or use %s xenpv", w->bootloader,
				 file, w->machine, w->machine);
	if (file && node_has(g, "kernel"))
		return error_set(e, -EINVAL, "%s %.200s: with %s there is nothing for it to load: leave one of the two out", w->bootloader,
				 file, w->kernel);
	if (node_has(g, "kernel") || strcmp(node_str(g, "machine", ""), "xenpv"))
		return 0;
	if (node_has(g, "initrd"))
		return error_set(e, -EINVAL,
				 "%s %.200s: it goes with a kernel: name that too, as in %s vmlinuz (a boot loader takes both from "
				 "the guest's disk)",
				 w->initrd, node_str(g, "initrd", ""), w->kernel);
	if (*node_str(g, "cmdline", ""))
		return error_set(e, -EINVAL,
				 "%s '%.80s': it is a kernel's command line: name that too, as in %s vmlinuz (a boot loader's "
				 "kernel has the one of the guest's grub.cfg)",
				 w->cmdline, node_str(g, "cmdline", ""), w->kernel);
	return 0;
}

static bool readable(const char *path)
{
	FILE *f = os_fopen(path, "rb");

	if (f)
		fclose(f);
	return f;
}

int bootloader_find(const struct node *g, const struct guest_words *w, char *path, size_t n, struct error *e)
{
	const char *file = node_str(g, "bootloader", NULL);
	size_t i, k;

	if (!node_child(g, "disks"))
		return error_set(e, -EINVAL,
				 "there is nothing to boot: name a kernel, as in %s /boot/vmlinuz, or a disk with one and its "
				 "grub.cfg, as in %s%s",
				 w->kernel, w->disk, w->examples);
	if (file) {
		snprintf(path, n, "%s", file);
		return strlen(file) < n ? 0
					: error_set(e, -ENAMETOOLONG, "%s %.80s...: the name is too long: shorten it", w->bootloader, file);
	}
	for (i = 0; i < ARRAY_SIZE(directories); i++)
		for (k = 0; *directories[i] && k < ARRAY_SIZE(names); k++) {
			snprintf(path, n, "%s/%s", directories[i], names[k]);
			if (readable(path))
				return 0;
		}
	return error_set(e, -ENOENT,
			 "there is no GRUB for Xen here to boot the guest's disk with: install Debian's package grub-xen-host, name its "
			 "file with %s FILE (%s), or boot a kernel with %s FILE",
			 w->bootloader, names[0], w->kernel);
}

int bootloader_fits(const struct xen_kernel *k, const struct guest_words *w, const char *path, int rc, struct error *e)
{
	struct error why = { "it has no Xen notes" };

	if (k && k->notes.source != XEN_NOTES_NONE)
		return 0;
	if (rc)
		why = *e;
	return error_set(e, rc ? rc : -EINVAL,
			 "%.150s is no boot loader of a Xen PV guest: give Debian's grub-xen-host's, or a kernel with %s (%.200s)", path,
			 w->kernel, why.text);
}

void bootloader_watch(struct boot_watch *w)
{
	*w = (struct boot_watch){ .left = WATCH_BYTES };
}

bool bootloader_said(struct boot_watch *w, const u8 *p, size_t n)
{
	for (; n && w->left; p++, n--) {
		memmove(w->last, w->last + 1, sizeof w->last - 1);
		w->last[sizeof w->last - 1] = *p;
		if (!memcmp(w->last, "grub>", sizeof w->last) || !memcmp(w->last, "scue>", sizeof w->last)) {
			w->left = 0;
			return true;
		}
		w->left--;
	}
	return false;
}

void bootloader_typed(struct boot_watch *w)
{
	w->left = 0;
}
