/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bare machine, -M none: a processor in its reset state, flat memory, a flat image, and a few ports. For programs
 * that bring everything else themselves.
 *
 *	0x92 write  bit 1: the A20 gate (on at reset, as there is no keyboard controller)
 *	0xb2 write  system management interrupt
 *	0xe9 write  a byte to the console; reads give 0xe9
 *	0xf4 write  ends the machine; the exit code is value * 2 + 1, as of QEMU's isa-debug-exit
 *	0xf5 write  raises INTR with this vector; the acknowledge cycle lowers it
 *	0xf6 write  NMI
 *	0xf7 write  INIT; other than 0: and then a SIPI with this vector
 */
#ifndef HW_BARE_H
#define HW_BARE_H

#include "base/log.h"
#include "vm/domain.h"

/* No memory lies where the image ends at 4 GiB. */
#define BARE_MEMORY_MAX 0xc0000000u
#define BARE_ROM_MAX 0x80000u /* bytes of an image for BARE_ROM */

enum bare_boot {
	BARE_ROM,  /* the image ends at 4 GiB and is also below 1 MiB; the processor starts at F000:FFF0 (base FFFF0000) */
	BARE_BOOT, /* the image lies at 0000:7C00 and is entered there, in real mode */
	BARE_EMPTY, /* no image: memory and state are loaded afterwards */
	BARE_FLAT  /* the image lies at load and is entered there in real mode, CS:IP = load >> 4 : load & 15 */
};

struct bare_config {
	const void *image;
	size_t len;
	enum bare_boot boot;
	u64 load;   /* for BARE_FLAT: below 1 MiB */
	u64 memory; /* bytes from address 0; rounded up to pages, at least 1 MiB */
	u32 shift;  /* an instruction is 2^shift ns */
	const char *cpu; /* model and features as -cpu has them (cpu/x86/model.h); NULL: "max" */
	void (*out)(void *opaque, u8 c); /* port 0xe9; NULL: nowhere */
	void *opaque;
};

/* Makes the machine as a domain of one vCPU, ready to run. NULL with a sentence in e. The image is copied. */
struct domain *bare_create(struct host *h, const char *name, const struct bare_config *cfg, struct error *e);
/* What was written to port 0xf4, as an exit code; -1 while nothing was. */
int bare_exit_code(const struct domain *d);

#endif
