/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads and writes of byte strings in guest virtual memory: for slow paths, hypercalls and debuggers.
 */
#include <errno.h>
#include <string.h>

#include "mmu/mmu.h"

/* Where there is no memory there may be a device. */
static bool device(struct mmu *m, void *buf, size_t n, bool write, const struct mmu_fault *f)
{
	return f->kind == MMU_NO_MEMORY && m->hooks && m->hooks->device &&
	       m->hooks->device(m->opaque, m, f->paddr, buf, (u32)n, write);
}

int mmu_read(struct mmu *m, u64 va, void *dst, size_t n, struct mmu_fault *f)
{
	u8 *d = dst;

	while (n) {
		size_t k = MIN(n, (size_t)(PAGE_SIZE - PAGE_OFFSET(va)));
		const u8 *p;
		u64 mfn;
		int rc = 0;

		va = mmu_linear(m, va);
		p = mmu_find_read(m, va, 1);
		if (!p) {
			rc = mmu_translate(m, va, MMU_READ, &mfn, f);
			p = tlb_host(tlb_slot(m, va), va);
		}
		if (!rc)
			memcpy(d, p, k);
		else if (!device(m, d, k, false, f))
			return rc;
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

		va = mmu_linear(m, va);
		if (!mmu_find_write(m, va, 1)) {
			rc = mmu_translate(m, va, MMU_WRITE, &mfn, f);
			if (rc && !(f->kind == MMU_NO_MEMORY && m->hooks && m->hooks->device))
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
		u8 b[64];
		u8 *p;
		u64 mfn;

		va = mmu_linear(m, va);
		p = mmu_find_write(m, va, 1);
		if (!p) {
			rc = mmu_translate(m, va, MMU_WRITE, &mfn, f);
			if (rc) {
				k = MIN(k, sizeof b);
				memcpy(b, s, k);
				if (!device(m, b, k, true, f))
					return rc;
				s += k;
				va += k;
				n -= k;
				continue;
			}
			p = mem_rw(m->mem, mfn, PAGE_OFFSET(va), (u32)k);
			if (!p) {
				*f = (struct mmu_fault){ .va = va, .paddr = mfn << PAGE_SHIFT, .kind = MMU_NO_MEMORY };
				return -EFAULT;
			}
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
