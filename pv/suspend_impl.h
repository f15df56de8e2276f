/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What taking and resuming a suspended guest share.
 */
#ifndef PV_SUSPEND_IMPL_H
#define PV_SUSPEND_IMPL_H

#include "base/endian.h"
#include "pv/suspend.h"

#define SUSPEND_NONE (~0ULL) /* no page, no frame */

/* Bits of a page's kind: the level of a table, 1 to 4, and whether it is pinned. 0: neither. */
enum { SUSPEND_LEVEL = 7, SUSPEND_PINNED = 8 };

/* All that is not pages. */
struct pv_suspend_form {
	struct pv_suspend_state s;
	struct pv_suspend_vcpu *vcpu; /* nvcpus */
	u32 nvcpus;
	u8 *kind;      /* of each page */
	u64 *list;     /* pages that the list of pages lies in, in order, as pfns */
	u64 nlist;
	u32 word;      /* bytes of an entry in the list: 8, or 4 of a 32-bit guest */
};

/* Room for nvcpus, and for so many pages when s.pages is known. 0 or -ENOMEM. */
int suspend_form_vcpus(struct pv_suspend_form *f, u32 nvcpus);
int suspend_form_pages(struct pv_suspend_form *f);
void suspend_form_free(struct pv_suspend_form *f);
/* As bytes: a list of states (base/state.h). 0 or -ENOMEM. */
int suspend_form_save(struct pv_suspend_form *f, struct buf *out);
/* The reverse, of bytes that anybody wrote. 0, or -errno with a sentence. */
int suspend_form_load(struct pv_suspend_form *f, const u8 *p, size_t n, struct error *e);

/*
 * Puts other numbers in the place of the frames that the present entries of a page table name. False: to gave SUSPEND_NONE, for
 * *entry.
 */
bool suspend_table(u8 *page, u64 (*to)(const void *opaque, u64 frame), const void *opaque, u64 *entry);

/* Where shared_info has its fields about the list of pages (Xen public/arch-x86/xen.h, struct arch_shared_info). */
struct suspend_shared {
	u32 max_pfn, tree, p2m_cr3, p2m_vaddr, p2m_generation;
};
extern const struct suspend_shared suspend_shared64, suspend_shared32;

/* A word of a guest of 8 or 4 bytes. */
INLINE u64 suspend_word(const u8 *p, u32 word)
{
	return word == 8 ? ld64(p) : ld32(p);
}
INLINE void suspend_put_word(u8 *p, u32 word, u64 v)
{
	if (word == 8)
		st64(p, v);
	else
		st32(p, (u32)v);
}

#endif
