/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any hypercall with any arguments from a small PV domain, whose memory holds argument structs made of the input too.
 * Whatever comes, the host goes on; the guest gets an error or crashes. libFuzzer target; without it a main that makes
 * its own input from a seed: fuzz_hypercall [RUNS [SEED]].
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "pv/hypercall.h"
#include "pv/mm/mm.h"
#include "pv/traps.h"
#include "vm/x86.h"
#include "xen/console.h"
#include "xen/evtchn.h"
#include "xen/grant.h"
#include "xen/info.h"
#include "xen/sched.h"
#include "xen/store/xenstore.h"
#include "xen/time.h"

#define FRAMES 32u
#define VCPUS 2u
#define CALLS_MAX 64u
#define VA(n) ((PV_MFN_BASE + (n)) << PAGE_SHIFT)

struct fz {
	struct host host;
	struct domain *d;
	struct pv_domain pv;
	struct pv_vcpu vcpu[VCPUS];
};

struct bytes {
	const u8 *p;
	size_t n;
};

static u32 take(struct bytes *b, u32 n)
{
	u32 x = 0;

	while (n-- && b->n) {
		x = x << 8 | *b->p++;
		b->n--;
	}
	return x;
}

static void swallow(void *opaque, const u8 *p, size_t n)
{
}

static void die(const char *what)
{
	fprintf(stderr, "fuzz_hypercall: %s\n", what);
	abort();
}

/* Translation is off: a guest address is a machine address. Frame 1 starts with what the input says. */
static struct fz *fz_new(struct bytes *b)
{
	struct fz *z = calloc(1, sizeof *z);
	u32 i, n;

	if (!z || host_init(&z->host, &x86_arch, 0))
		die("no host");
	z->d = domain_create(&z->host, "fuzz", pv_mm_limit(FRAMES), VCPUS, 0);
	if (!z->d)
		die("no domain");
	domain_become(z->d, DOMAIN_PV, &z->pv, NULL);
	z->pv.xen.d = z->d;
	z->pv.xen.ops = &pv_guest_ops;
	if (pv_mm_init(&z->pv, FRAMES, FRAMES + 8))
		die("no memory");
	z->pv.xen.s.shared_info = pv_mm_special(&z->pv);
	for (i = 0; i < VCPUS; i++) {
		struct x86 *c = x86_of(z->d->vcpus[i]);

		z->d->vcpus[i]->machine = &z->vcpu[i];
		z->vcpu[i].xen.v = z->d->vcpus[i];
		z->vcpu[i].s.flags = PV_KERNEL_MODE;
		c->ops = &pv_cpu_ops;
		pv_mm_vcpu_init(z->d->vcpus[i]);
		c->s.cr0 |= CR0_PE;
		c->s.efer = EFER_LME | EFER_LMA;
		c->s.cpl = 3;
		x86_set_seg(c, SEG_CS, FLAT_KERNEL_CS64, 0, 0xffffffff, 0xa0fb);
		x86_set_seg(c, SEG_SS, FLAT_KERNEL_SS, 0, 0xffffffff, 0xc0f3);
		x86_mode_changed(c);
	}
	if (evtchn_init(&z->pv.xen) || grants_init(&z->pv.xen) || xen_time_init(&z->pv.xen) || xs_domain_init(&z->pv.xen) ||
	    xen_console_init(&z->pv.xen, swallow, NULL))
		die("no services");
	z->pv.xen.s.store_mfn = PV_MFN_BASE + 2;
	z->pv.xen.s.console_mfn = PV_MFN_BASE + 3;
	z->vcpu[0].xen.s.flags |= XEN_VCPU_INITIALISED;
	xen_vcpu_up(z->d->vcpus[0]);
	xen_time_enter(z->d->vcpus[0]);
	n = take(b, 2) % 1024;
	for (i = 0; i < n && b->n; i++) {
		u8 x = (u8)take(b, 1);

		mem_write(&z->d->mem, VA(1) + i, &x, 1);
	}
	return z;
}

static void fz_free(struct fz *z)
{
	u32 i;

	xs_domain_free(&z->pv.xen);
	xen_console_free(&z->pv.xen);
	grants_free(&z->pv.xen);
	xen_time_free(&z->pv.xen);
	evtchn_free(&z->pv.xen);
	pv_mm_free(&z->pv);
	for (i = 0; i < VCPUS; i++)
		z->d->vcpus[i]->machine = NULL;
	z->d->machine = NULL;
	domain_destroy(z->d);
	host_exit(&z->host);
	free(z);
}

/* A value that means something more often than not. */
static u64 argument(struct bytes *b)
{
	u32 kind = take(b, 1);

	switch (kind % 12) {
	case 0:
		return 0;
	case 1:
	case 2:
		return take(b, 1) % 48; /* commands, counts, ports, vCPUs */
	case 3:
	case 4:
	case 5:
		return VA(1) + (take(b, 2) & 0x3f8);
	case 6:
		return VA(take(b, 1) % (FRAMES + 4)) + (take(b, 2) & 0xfff);
	case 7:
		return PV_MFN_BASE + take(b, 1) % (FRAMES + 4);
	case 8:
		return (u64)take(b, 4) << 32 | take(b, 4);
	case 9:
		return PV_M2P_START + (take(b, 4) & 0xfffffff);
	case 10:
		return DOMID_SELF;
	default:
		return ~0ULL - take(b, 1);
	}
}

/* A word of the arguments' memory, so that lists and pointers inside of structs make sense too. */
static void poke(struct fz *z, struct bytes *b)
{
	u32 off = take(b, 1) * 4;
	u32 wide = take(b, 1) & 1;
	u64 val = argument(b);

	if (wide)
		mem_write_u64(&z->d->mem, VA(1) + (off & ~7u), val);
	else
		mem_write_u32(&z->d->mem, VA(1) + off, (u32)val);
}

static void one_call(struct fz *z, struct bytes *b)
{
	static const u8 order[6] = { RDI, RSI, RDX, R10, R8, R9 };
	struct vcpu *v = z->d->vcpus[0];
	struct x86 *c = x86_of(v);
	u32 i, n = take(b, 1) % 8;

	while (n--)
		poke(z, b);
	c->rip = 0x1000;
	c->r[RSP] = VA(4) + 0x800;
	c->r[RAX] = take(b, 1) % 48;
	for (i = 0; i < 6; i++)
		c->r[order[i]] = argument(b);
	/* A call that wants to go on does so a few times. */
	for (i = 0; i < 4; i++) {
		c->rip = 0x1002;
		if (!pv_cpu_ops.syscall(c) || c->rip != 0x1000)
			break;
	}
	if (take(b, 1) & 1)
		pv_cpu_ops.boundary(c);
	/* On with the next call, whatever this one did to the vCPU. */
	if (z->d->end == END_RUNNING) {
		if (!pv_kernel_mode(v))
			pv_set_mode(v, true);
		if (v->s.run != VCPU_RUNNABLE)
			xen_vcpu_unblock(v);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct bytes b = { data, len };
	struct fz *z = fz_new(&b);
	const char *wrong;
	u64 mfn = 0;
	u32 i;

	for (i = 0; i < CALLS_MAX && b.n && z->d->end == END_RUNNING; i++)
		one_call(z, &b);
	wrong = pv_mm_check(&z->pv, &mfn);
	if (wrong) {
		fprintf(stderr, "fuzz_hypercall: frame %llx: %s\n", (unsigned long long)mfn, wrong);
		abort();
	}
	fz_free(z);
	return 0;
}

#ifndef FUZZ_LIBFUZZER
int main(int argc, char **argv)
{
	u64 runs = argc > 1 ? strtoull(argv[1], NULL, 0) : 2000;
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	u8 data[2048];
	u64 r;

	for (r = 0; r < runs; r++) {
		u64 x = (seed + r) * 0x9e3779b97f4a7c15ULL + 1;
		size_t i;

		for (i = 0; i < sizeof data; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			data[i] = (u8)(x >> 32);
		}
		LLVMFuzzerTestOneInput(data, sizeof data);
	}
	printf("%llu runs\n", (unsigned long long)runs);
	return 0;
}
#endif
