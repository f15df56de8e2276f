/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest virtual memory, byte strings at a time: for slow paths, hypercalls and debuggers.
 */
#include <errno.h>
#include <string.h>

#include "mmu/mmu.h"

int mmu_read(struct mmu *m, u64 va, void *dst, size_t n, struct mmu_fault *f)
{
	u8 *d = dst;

	while (n) {
		size_t k = MIN(n, (size_t)(PAGE_SIZE - PAGE_OFFSET(va)));
		struct tlb_entry *e = tlb_slot(m, va);
		u64 mfn;
		int rc;

		if (e->rd != tlb_tag(m, va, 1)) {
			rc = mmu_translate(m, va, MMU_READ, &mfn, f);
			if (rc)
				return rc;
		}
		memcpy(d, tlb_host(e, va), k);
		d += k;
		va += k;
		n -= k;
	}
	return 0;
}

int mmu_probe_write(struct mmu *m, u64 va, size_t n, struct mmu_fault *f)
{
	while (n) {
		size_t k = MIN(n, (size_t)(PAGE_SIZE - PAGE_OFFSET(va)));
		u64 mfn;
		int rc;

		if (!mmu_hit_write(m, va, 1)) {
			rc = mmu_translate(m, va, MMU_WRITE, &mfn, f);
			if (rc)
				return rc;
		}
		va += k;
		n -= k;
	}
	return 0;
}

int mmu_write(struct mmu *m, u64 va, const void *src, size_t n, struct mmu_fault *f)
{
	const u8 *s = src;
	int rc;

	if (PAGE_OFFSET(va) + n > PAGE_SIZE) {
		rc = mmu_probe_write(m, va, n, f);
		if (rc)
			return rc;
	}
	while (n) {
		size_t k = MIN(n, (size_t)(PAGE_SIZE - PAGE_OFFSET(va)));
		u8 *p = mmu_hit_write(m, va, 1);
		u64 mfn;

		if (!p) {
			rc = mmu_translate(m, va, MMU_WRITE, &mfn, f);
			if (rc)
				return rc;
			p = mem_rw(m->mem, mfn, PAGE_OFFSET(va), (u32)k);
			if (!p)
				return -EFAULT;
			p += PAGE_OFFSET(va);
		}
		memcpy(p, s, k);
		s += k;
		va += k;
		n -= k;
	}
	return 0;
}

int mmu_debug_read(const struct mmu *m, u64 va, void *dst, size_t n)
{
	u8 *d = dst;

	while (n) {
		size_t k = MIN(n, (size_t)(PAGE_SIZE - PAGE_OFFSET(va)));
		u64 mfn, pte;

		if (mmu_peek(m, va, &mfn, &pte))
			return -EFAULT;
		memcpy(d, mem_ro(m->mem, mfn) + PAGE_OFFSET(va), k);
		d += k;
		va += k;
		n -= k;
	}
	return 0;
}
