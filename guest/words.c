/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words for guests whose nodes were not written by a face with words of its own.
 */
#include "guest/words.h"

const struct guest_words guest_plain_words = {
	.machine = "machine",
	.memory = "memory",
	.vcpus = "maxvcpus",
	.kernel = "kernel",
	.initrd = "initrd",
	.cmdline = "cmdline",
	.bios = "bios",
	.bootloader = "bootloader",
	.serial = "serial0",
	.xenstore = "xenstore",
	.drive = "disks",
	.drives = "disks",
	.card = "nics",
	.cards = "nics and networks",
	.sandbox = "a sandbox",
	.disk = "disks/xvda/file disk.img",
	.examples = "",
	.network = " as networks/",
	.networks = "the guest has",
	.dump = "dump ",
};
