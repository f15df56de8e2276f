/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a guest's nodes make a guest.
 */
#include "guest/nodes.h"

#include <errno.h>
#include <string.h>

#include "guest/bootloader.h"

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

bool guest_uuid_bytes(const char *text, u8 uuid[16])
{
	u32 i;

	memset(uuid, 0, 16);
	if (strlen(text) != 36)
		return false;
	for (i = 0; i < 16; i++, text += 2) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (*text++ != '-')
				return false;
		if (hex(text[0]) < 0 || hex(text[1]) < 0)
			return false;
		uuid[i] = (u8)(hex(text[0]) << 4 | hex(text[1]));
	}
	return true;
}

int guest_machine_check(const struct node *g, const struct guest_words *w, struct error *e)
{
	if (!strcmp(node_str(g, "machine", ""), "xenpv")) {
		if (node_has(g, "bios"))
			return error_set(e, -EINVAL, "%s %.200s: a Xen PV guest has no firmware: boot a kernel with %s, or use %s none", w->bios,
					 node_str(g, "bios", ""), w->kernel, w->machine);
		return bootloader_check(g, w, e);
	}
	if (node_has(g, "kernel") || node_has(g, "initrd") || *node_str(g, "cmdline", ""))
		return error_set(e, -EINVAL, "%s: %s none knows nothing of kernels: give a flat image with %s, or use %s xenpv",
				 node_has(g, "kernel") ? w->kernel : node_has(g, "initrd") ? w->initrd : w->cmdline, w->machine, w->bios,
				 w->machine);
	if (node_has(g, "xenstore"))
		return error_set(e, -EINVAL, "%s: %s none has no xenstore: leave it out, or use %s xenpv", w->xenstore, w->machine, w->machine);
	if (node_child(g, "disks"))
		return error_set(e, -EINVAL, "%s: %s none has no disks: leave %s out, or use %s xenpv", w->drive, w->machine, w->drives,
				 w->machine);
	if (node_child(g, "networks") || node_child(g, "nics"))
		return error_set(e, -EINVAL, "%s: %s none has no network cards: leave %s out, or use %s xenpv", w->card, w->machine, w->cards,
				 w->machine);
	if (node_u64(g, "maxvcpus", 1) > 1)
		return error_set(e, -EINVAL, "%s: %s none has one processor: leave %s out", w->vcpus, w->machine, w->vcpus);
	return bootloader_check(g, w, e);
}
