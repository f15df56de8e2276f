/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A real kernel's first instructions as a vector.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pv/create.h"
#include "tests/vectors/vectors.h"
#include "vm/run.h"
#include "vm/x86.h"

/* The bytes outlive what is loaded from them. */
static int load(struct xen_kernel *k, const char *path, u8 **bytes)
{
	struct error e = { "" };
	size_t len;

	*bytes = NULL;
	if (xen_file_read(path, "kernel", XEN_KERNEL_MAX, NULL, bytes, &len, &e) ||
	    xen_kernel_load(k, *bytes, len, "the kernel", XEN_KERNEL_MAX, NULL, &e)) {
		fprintf(stderr, "vectors: %s\n", e.text);
		free(*bytes);
		return 1;
	}
	return 0;
}

static void no_console(void *opaque, const u8 *p, size_t n)
{
}

int vectors_boot(const char *kernel, u64 n, u32 vcpus, vec_line line, void *opaque)
{
	struct pv_create_in in = { .name = "boot", .memory = 200 << 20, .vcpus = vcpus, .maxvcpus = vcpus,
				   .cmdline = "console=hvc0 nokaslr", .console_out = no_console };
	struct error e = { "" };
	struct xen_kernel k;
	struct domain *d;
	struct host h;
	u8 *bytes;
	int rc = 1;

	if (load(&k, kernel, &bytes))
		return 1;
	in.kernel = &k;
	if (host_init(&h, &x86_arch, 0)) {
		fprintf(stderr, "vectors: no memory for a host\n");
	} else {
		if (pv_create(&h, &in, &d, &e)) {
			fprintf(stderr, "vectors: %s\n", e.text);
		} else {
			while (d->s.retired < n && domain_run(d, n - d->s.retired))
				;
			line(opaque, "boot-time", d->s.retired, d->time.s.now);
			line(opaque, "boot-state", d->s.retired, domain_hash(d));
			rc = d->end != END_RUNNING;
			if (rc)
				fprintf(stderr, "vectors: the kernel ended: %s\n", d->crash);
		}
		host_exit(&h);
	}
	xen_kernel_free(&k);
	free(bytes);
	return rc;
}

int vectors_unpack(const char *kernel, const char *out)
{
	struct xen_kernel k;
	FILE *f = NULL;
	u8 *bytes;
	int rc;

	if (load(&k, kernel, &bytes))
		return 1;
	f = fopen(out, "wb");
	rc = !f || fwrite(k.image, 1, k.image_len, f) != k.image_len;
	if ((f && fclose(f)) || rc) {
		fprintf(stderr, "vectors: %s cannot be written\n", out);
		rc = 1;
	}
	xen_kernel_free(&k);
	free(bytes);
	return rc;
}
