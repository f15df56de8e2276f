/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pages a guest shares with its host: shared_info and vcpu_info (Xen public/xen.h), of 64-bit and 32-bit guests.
 * The few fields that every module needs (xen_info_*) are declared in xen/xen.h.
 */
#ifndef XEN_INFO_H
#define XEN_INFO_H

#include "xen/xen.h"

#define VCPU_INFO_SIZE 64u
#define SI_LEGACY_VCPUS 32u /* vcpu_info slots inside shared_info */

enum si_bits { SI_EVTCHN_PENDING, SI_EVTCHN_MASK };

/* Bits of a machine word of this guest: 64 or 32. A selector bit stands for so many ports. */
INLINE u32 xen_word_bits(const struct xen_domain *p)
{
	return p->s.is32 ? 32 : 64;
}

/* One bit of guest memory at a machine address: test; set or clear and return what it was. A missing frame reads 0. */
bool xen_bit_test(const struct mem *m, u64 maddr, u32 bit);
bool xen_bit_set(struct mem *m, u64 maddr, u32 bit);
bool xen_bit_clear(struct mem *m, u64 maddr, u32 bit);

/* The machine address of a bit array of shared_info. */
u64 xen_shared_bits(const struct xen_domain *p, enum si_bits which);
/* Writes the wall clock: seconds and nanoseconds since 1970 at system time 0, under version. */
void xen_shared_set_wallclock(struct xen_domain *p, u32 version, u64 sec, u32 nsec);

/* Sets a bit of evtchn_pending_sel of this vCPU; returns what it was. */
bool xen_info_set_sel(struct vcpu *v, u32 bit);
/* Writes n bytes of vcpu_info. */
void xen_info_write(struct vcpu *v, u32 off, const void *src, u32 n);
/* The vcpu_info inside shared_info of a vCPU, a machine address; 0 for those past the 32nd. */
u64 xen_info_legacy(const struct xen_domain *p, u32 id);
/*
 * VCPUOP_register_vcpu_info: moves vcpu_info to another place and marks everything pending. 0 or -XEN_E*.
 * The caller has looked at who asks.
 */
i64 xen_info_register(struct vcpu *v, u64 mfn, u64 off);

#endif
