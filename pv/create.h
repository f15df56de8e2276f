/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Creates a PV domain: memory, page types, events, grants, xenstore, console, the kernel by the builder, vCPU 0 ready
 * to run.
 */
#ifndef PV_CREATE_H
#define PV_CREATE_H

#include "pv/pv.h"
#include "xen/load/decompress.h"
#include "xen/load/loader.h"

struct pv_create_in {
	const char *name;
	u8 uuid[16]; /* as its text has it, from the left */
	u64 memory; /* bytes */
	u32 vcpus, maxvcpus;
	u32 shift;   /* an instruction takes 2^shift ns */
	const char *cpu; /* model and features as -cpu has them (cpu/x86/model.h); NULL: "max" */
	u64 wall_ns; /* the wall clock at start, ns since 1970; goes through the door */
	const struct xen_kernel *kernel; /* NULL: none, for a guest whose memory and state are loaded afterwards */
	bool is32;                       /* then: whether it is a 32-bit guest */
	const u8 *initrd; /* NULL: none */
	size_t initrd_len;
	const char *initrd_name, *cmdline;
	/* Takes the console's output. */
	void (*console_out)(void *opaque, const u8 *p, size_t n);
	void *opaque;
	const struct xen_progress *progress; /* NULL is allowed */
};

/* 0 with the domain in *out, or -errno with a sentence. kernel and initrd are not needed afterwards. */
int pv_create(struct host *h, const struct pv_create_in *in, struct domain **out, struct error *e);
/*
 * For whoever fills a domain that was made without a kernel: what a guest finds beside its memory (grants of its rings, its nodes in
 * the store, the wall clock), when the frames of its rings are known. 0 or -errno.
 */
int pv_domain_begin(struct pv_domain *p, const struct pv_create_in *in, u64 memory_kib);

#endif
