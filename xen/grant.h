/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grant tables: pages a guest lets others use (Xen public/grant_table.h). The host lends the guest the frames of the table. The
 * guest may change entries at any time, so each use is checked when it begins and counted in a table of our own.
 */
#ifndef XEN_GRANT_H
#define XEN_GRANT_H

#include "xen/xen.h"

enum gnt_status {
	GNTST_okay = 0, GNTST_general_error = -1, GNTST_bad_domain = -2, GNTST_bad_gntref = -3, GNTST_bad_handle = -4,
	GNTST_bad_virt_addr = -5, GNTST_bad_dev_addr = -6, GNTST_no_device_space = -7, GNTST_permission_denied = -8,
	GNTST_bad_page = -9, GNTST_bad_copy_arg = -10, GNTST_address_too_big = -11, GNTST_eagain = -12, GNTST_no_space = -13
};
/* Of a map; bits 16 to 18 are the guest's own (GNTMAP_guest_avail). */
enum { GNTMAP_device_map = 1, GNTMAP_host_map = 2, GNTMAP_readonly = 4, GNTMAP_application_map = 8, GNTMAP_contains_pte = 16 };
enum gnt_flags {
	GTF_permit_access = 1, GTF_accept_transfer = 2, GTF_transitive = 3, GTF_type_mask = 3,
	GTF_readonly = 4, GTF_reading = 8, GTF_writing = 16, GTF_sub_page = 256
};

#define GRANT_MAX_FRAMES 64u  /* Xen's gnttab_max_frames */
#define GRANT_STATUS_FRAMES 8u
#define GRANT_MAX_MAPS 4096u
#define GRANT_RESERVED 8u     /* entries the tool stack owns */
#define GRANT_REF_CONSOLE 0u
#define GRANT_REF_XENSTORE 1u

struct grants_state {
	u32 version; /* 1 or 2 */
	u32 nframes, nstatus, pad;
	u64 frames[GRANT_MAX_FRAMES]; /* mfn */
	u64 status[GRANT_STATUS_FRAMES];
};
extern const struct state_desc grants_state_desc;

/* Who uses an entry now. */
struct grant_act {
	u64 mfn; /* of the granter */
	u32 reads, writes;
};

/* A mapping somebody made of a grant; its index is the handle. */
struct grant_map {
	u64 mfn;   /* in the mapper's numbers */
	u32 ref;
	u16 domid; /* the granter; DOMID_INVALID when it is gone, and the frame is the mapper's alone */
	u16 flags; /* GNTMAP_* that are in force; 0: free */
};

struct grants {
	struct xen_domain *d;
	struct grants_state s;
	struct grant_act *acts; /* by reference, nacts of them */
	u32 nacts;
	struct grant_map *maps;
	u32 nmaps;
};

/* One frame of empty entries, version 1. Adds its state. 0 or -XEN_ENOMEM. */
int grants_init(struct xen_domain *d);
/* Grants the console and xenstore pages (d->s) to the backend domain, as the tool stack does. After the build. */
void grants_seed(struct xen_domain *d);
void grants_free(struct xen_domain *d);

/*
 * For back ends: begins the use of a page granted to XEN_BACKEND_DOMID. The entry says so to the guest until
 * grant_release() with the same write. Returns GNTST_okay with the frame in *mfn, or another GNTST_*.
 */
int grant_access(struct xen_domain *d, u32 ref, bool write, u64 *mfn);
void grant_release(struct xen_domain *d, u32 ref, bool write);
/* Copies n bytes from or to a granted page at offset, within the page and the grant. GNTST_*. */
int grant_copy_from(struct xen_domain *d, u32 ref, u32 offset, void *dst, u32 n);
int grant_copy_to(struct xen_domain *d, u32 ref, u32 offset, const void *src, u32 n);

/* ---- shared by xen/grant.c (the table) and xen/grant_op.c (the hypercall) ----------------------------------------- */

u32 grant_entries(const struct grants *g);
/* Begins a use by domain user. GNTST_*. Sub-page and transitive grants are refused. */
int grant_pin(struct xen_domain *d, u32 ref, u32 user, bool write, u64 *mfn);
void grant_unpin(struct xen_domain *d, u32 ref, bool write);
/* What a copy by domain user may touch: bytes [*off, *off + *len) of *mfn. GNTST_*. */
int grant_copy_window(struct xen_domain *d, u32 ref, u32 user, bool write, u64 *mfn, u32 *off, u32 *len);
/* Makes the table at least n frames long. 0, -XEN_EINVAL (more than the limit) or -XEN_ENOMEM. */
int grant_grow(struct grants *g, u32 n);
/*
 * 0, -XEN_EINVAL, -XEN_EBUSY (an entry is in use, or a status frame mapped), -XEN_ERANGE (a reserved entry does not fit
 * version 1) or -XEN_ENOMEM. The version stays when it is not 0.
 */
int grant_set_version(struct grants *g, u32 version);
/* Swaps two entries. GNTST_*. */
int grant_swap(struct grants *g, u32 a, u32 b);

#endif
