/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads the files of a guest's life: kernel or boot loader and initrd, or the image of a bare machine.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/disks.h"
#include "guest/impl.h"
#include "guest/networks.h"
#include "guest/nodes.h"
#include "hw/bare.h"
#include "xen/load/magic.h"

/* No initial RAM disk is larger. */
#define INITRD_MAX ((size_t)1 << (sizeof(size_t) > 4 ? 34 : 29))

void guest_unload(struct guest *g)
{
	if (g->loaded)
		xen_kernel_free(&g->kernel);
	free(g->kernel_file);
	free(g->initrd);
	g->kernel_file = g->initrd = NULL;
	g->kernel_len = g->initrd_len = 0;
	g->loaded = false;
}

/* Reads no more than the guest has memory: a pipe may have no end. */
static int read_initrd(struct guest *g, const char *path, const struct xen_progress *progress, struct error *e)
{
	u64 memory = node_u64(g->node, "memory", 0);
	int rc = xen_file_read(path, "initrd", (size_t)MIN(memory, INITRD_MAX), progress, &g->initrd, &g->initrd_len, e);

	if (rc == -EFBIG && memory < INITRD_MAX)
		error_set(e, rc, "the initrd %s is larger than the guest's memory, %llu MiB; give it more with %s", path,
			  (unsigned long long)(memory >> 20), guest_words(g)->memory);
	return rc;
}

/*
 * A kernel may take anything as its RAM disk. So a file that does not look like one gets a warning, and is not refused.
 */
static void look_at_initrd(const struct guest *g, const char *path)
{
	const char *what;
	enum magic_use use = magic_of(g->initrd, g->initrd_len, &what);

	if (use == MAGIC_KERNEL)
		msg_warn("the initrd %.200s is %s: are %s and %s swapped?", path, what, guest_words(g)->kernel, guest_words(g)->initrd);
	else if (use == MAGIC_OTHER)
		msg_warn("the initrd %.200s is %s, and Linux takes a cpio archive, packed or not: its kernel may find no root", path, what);
	else if (use == MAGIC_UNKNOWN)
		msg_warn("the initrd %.200s is of no kind that Linux knows (it starts with %02x %02x %02x %02x): its kernel may find no root",
			 path, g->initrd[0], g->initrd_len > 1 ? g->initrd[1] : 0, g->initrd_len > 2 ? g->initrd[2] : 0,
			 g->initrd_len > 3 ? g->initrd[3] : 0);
}

static int load_bios(struct guest *g, const struct xen_progress *progress, struct error *e)
{
	const char *bios = node_str(g->node, "bios", NULL);
	int rc;

	if (!bios)
		return error_set(e, -EINVAL, "no image is given: %s none needs one, as in %s rom.bin", guest_words(g)->machine,
				 guest_words(g)->bios);
	rc = xen_file_read(bios, "image", BARE_ROM_MAX, progress, &g->kernel_file, &g->kernel_len, e);
	if (rc == -EFBIG)
		error_set(e, rc, "%s %.200s: the image is larger than %u KiB: use a smaller one", guest_words(g)->bios, bios,
			  BARE_ROM_MAX >> 10);
	return rc;
}

int guest_load(struct guest *g, const struct xen_progress *progress, struct error *e)
{
	const char *kernel = node_str(g->node, "kernel", NULL), *initrd = node_str(g->node, "initrd", NULL);
	int rc = guest_nodes_check(g->node, guest_words(g), e);

	if (rc)
		return rc;
	g->bare = !strcmp(node_str(g->node, "machine", ""), "none");
	if (g->bare)
		return g->incoming ? 0 : load_bios(g, progress, e);
	g->by_loader = !kernel;
	g->kernel_path = g->by_loader ? g->loader_path : kernel;
	if (g->by_loader && !g->incoming)
		rc = bootloader_find(g->node, guest_words(g), g->loader_path, sizeof g->loader_path, e);
	if (!rc)
		rc = guest_disks_open(g, e);
	if (!rc)
		rc = guest_networks_open(g, e);
	if (!rc && g->incoming)
		return 0;
	if (!rc)
		rc = xen_file_read(g->kernel_path, g->by_loader ? "boot loader" : "kernel", XEN_KERNEL_MAX, progress,
				  &g->kernel_file, &g->kernel_len, e);
	if (!rc && initrd)
		rc = read_initrd(g, initrd, progress, e);
	if (rc)
		guest_unload(g);
	return rc;
}

int guest_unpack(struct guest *g, const struct xen_progress *progress, struct error *e)
{
	const char *initrd = node_str(g->node, "initrd", NULL);
	int rc;

	if (g->bare || g->incoming)
		return 0;
	rc = xen_kernel_load(&g->kernel, g->kernel_file, g->kernel_len, g->kernel_path, XEN_KERNEL_MAX, progress, e);
	g->loaded = !rc;
	if (!rc && initrd && !g->looked)
		look_at_initrd(g, initrd);
	g->looked |= !rc;
	if (g->by_loader)
		rc = bootloader_fits(rc ? NULL : &g->kernel, guest_words(g), g->kernel_path, rc, e);
	if (rc)
		guest_unload(g);
	return rc;
}
