/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmu_update, mmuext_op and update_va_mapping (Xen public/xen.h). The soft TLB is coherent by construction (mmu/mmu.h),
 * so the flush operations only look at their arguments. Left out: tables and frames of other domains.
 */
#include "pv/hypercall.h"
#include "pv/mm/impl.h"

#define UPDATE_PREEMPTED 0x80000000u

enum mmu_update_cmd {
	MMU_NORMAL_PT_UPDATE, MMU_MACHPHYS_UPDATE, MMU_PT_UPDATE_PRESERVE_AD, MMU_PT_UPDATE_NO_TRANSLATE
};

enum mmuext_cmd {
	MMUEXT_PIN_L1_TABLE = 0, MMUEXT_PIN_L2_TABLE = 1, MMUEXT_PIN_L3_TABLE = 2, MMUEXT_PIN_L4_TABLE = 3,
	MMUEXT_UNPIN_TABLE = 4, MMUEXT_NEW_BASEPTR = 5, MMUEXT_TLB_FLUSH_LOCAL = 6, MMUEXT_INVLPG_LOCAL = 7,
	MMUEXT_TLB_FLUSH_MULTI = 8, MMUEXT_INVLPG_MULTI = 9, MMUEXT_TLB_FLUSH_ALL = 10, MMUEXT_INVLPG_ALL = 11,
	MMUEXT_FLUSH_CACHE = 12, MMUEXT_SET_LDT = 13, MMUEXT_NEW_USER_BASEPTR = 15, MMUEXT_CLEAR_PAGE = 16,
	MMUEXT_COPY_PAGE = 17, MMUEXT_FLUSH_CACHE_GLOBAL = 18, MMUEXT_MARK_SUPER = 19, MMUEXT_UNMARK_SUPER = 20
};

struct mmuext_op {
	u32 cmd, pad;
	u64 arg1; /* a frame or an address */
	u64 arg2; /* a number of entries, an address or a frame */
};
static const struct arg_field mmuext_fields[] = {
	ARG_IN(ARG_U32, struct mmuext_op, cmd), ARG_IN(ARG_ULONG, struct mmuext_op, arg1),
	ARG_IN(ARG_ULONG, struct mmuext_op, arg2), ARG_LAST
};
static const struct arg_layout mmuext_layout = { "mmuext_op", sizeof(struct mmuext_op), mmuext_fields };

/* Flags of update_va_mapping; the rest of the word points to a bitmap of vCPUs. */
enum { UVMF_TLB_FLUSH = 1, UVMF_INVLPG = 2, UVMF_FLUSHTYPE_MASK = 3, UVMF_ALL = 4 };

/*
 * Whose frames a call is about: 0 when the guest's own. Naming oneself by number is refused, as Xen does; there are
 * others, but nobody here may touch them.
 */
static int owner_check(struct vcpu *v, u32 domid)
{
	if (LIKELY(domid == DOMID_SELF))
		return 0;
	if (domid == v->d->id)
		return -XEN_ESRCH;
	if (domid == DOMID_IO || domid == DOMID_XEN || domid == XEN_BACKEND_DOMID)
		return -XEN_EPERM;
	return host_domain(v->d->host, domid) ? -XEN_EPERM : -XEN_ESRCH;
}

/* Adds to the number of requests done, where the caller wants to know it. */
static void done_add(struct vcpu *v, u64 va, u32 done, u32 n)
{
	u8 b[4];

	if (!va || !mm_addr_ok(va))
		return;
	st32(b, done + n);
	xen_copy_to(v, va, b, sizeof b);
}

/* What earlier parts of a continued call have done. */
static u32 done_before(struct vcpu *v, u64 va)
{
	u8 b[4] = { 0 };

	if (va && mm_addr_ok(va) && xen_copy_from(v, b, va, sizeof b))
		return 0;
	return ld32(b);
}

/*
 * Ends a list after i of count requests: reports, and asks to be called again when it was long and went well so far, or when
 * a request itself stopped half-way. A table that is left must be let go before the call ends: what the call ends with is then
 * an argument of the next round, as in Xen.
 */
static i64 list_end(struct hc *h, i64 rc, u32 i, u32 count, u32 done, u64 next, struct mm_slice *sl)
{
	done_add(h->v, h->args[2], done, i);
	pv_dom(h->v->d)->xen.work += i;
	mm_keep(h->v, sl);
	if (rc == -XEN_ERESTART || (!rc && i < count)) {
		h->args[0] = next;
		h->args[1] = (count - i) | UPDATE_PREEMPTED;
		return hc_continue(h);
	}
	if (!pv_of(h->v)->s.old_table)
		return rc;
	h->args[0] = h->args[2] = 0;
	h->args[1] = UPDATE_PREEMPTED;
	h->args[3] = (u32)rc;
	return hc_continue(h);
}

/* ---- mmu_update ------------------------------------------------------------------------------------------------- */

/* An update whose frames are said to be devices' (DOMID_IO): a guest has none. */
static int update_io(struct pv_domain *p, u64 maddr, u64 val, bool preserve_ad, struct mm_slice *sl)
{
	const struct pv_page *pg = mm_owned(p->mm, maddr >> PAGE_SHIFT);

	if (pg && mm_is_table(pg->type) && pg->type != PG_L1)
		return -XEN_EINVAL;
	if (pg && pg->type == PG_L1 && (val & PTE_P) && mm_page(p->mm, PTE_MFN(val)))
		return -XEN_EBUSY;
	return mm_update(p->mm, maddr, val, preserve_ad, sl);
}

/* owner and table_owner: 0 or the error for frames and tables of another domain; io: the frames are to be devices'. */
static int update_one(struct vcpu *v, u64 ptr, u64 val, int owner, int table_owner, bool io, struct mm_slice *sl)
{
	struct pv_domain *p = pv_dom(v->d);
	u32 cmd = ptr & 7;

	switch (cmd) {
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_PRESERVE_AD:
	case MMU_PT_UPDATE_NO_TRANSLATE:
		if (UNLIKELY(table_owner || (owner && !io)))
			return table_owner ? table_owner : owner;
		if (UNLIKELY(io))
			return update_io(p, ptr - cmd, val, cmd == MMU_PT_UPDATE_PRESERVE_AD, sl);
		return mm_update(p->mm, ptr - cmd, val, cmd == MMU_PT_UPDATE_PRESERVE_AD, sl);
	case MMU_MACHPHYS_UPDATE:
		if (table_owner || (owner && !io))
			return -XEN_EPERM;
		if (io || !mm_owned(p->mm, ptr >> PAGE_SHIFT)) {
			mm_refused(p->mm, "M2P update of frame 0x%llx, which is not the guest's",
				   (unsigned long long)(ptr >> PAGE_SHIFT));
			return -XEN_EINVAL;
		}
		pv_m2p_set(p, ptr >> PAGE_SHIFT, val);
		return 0;
	default:
		return -XEN_ENOSYS;
	}
}

i64 hc_mmu_update(struct hc *h)
{
	struct vcpu *v = h->v;
	u64 va = h->args[0];
	u32 count = (u32)h->args[1], foreign = (u32)h->args[3];
	u32 done = 0, i;
	struct mm_slice sl = MM_SLICE;
	int owner, table_owner = 0;
	i64 rc = 0;

	if (mm_settle(v, &sl))
		return hc_continue(h);
	if (count == UPDATE_PREEMPTED && !va)
		return (i32)foreign;
	if (count & UPDATE_PREEMPTED) {
		count &= ~UPDATE_PREEMPTED;
		done = done_before(v, h->args[2]);
	}
	if (!mm_addr_ok(va))
		return -XEN_EFAULT;
	if (foreign >> 16 && (foreign >> 16) - 1 != v->d->id) {
		table_owner = owner_check(v, (foreign >> 16) - 1);
		/* Unlike a frame's owner, a table's must be named by number. */
		if ((foreign >> 16) - 1 >= DOMID_SELF || table_owner == -XEN_ESRCH)
			return -XEN_ESRCH;
	}
	owner = owner_check(v, foreign & 0xffff);
	if (owner == -XEN_ESRCH) {
		done_add(v, h->args[2], done, 0);
		return owner;
	}
	for (i = 0; i < count && !hc_enough(h, i) && !sl.left; i++, va += 16) {
		u8 req[16];

		if (UNLIKELY(xen_copy_from(v, req, va, sizeof req)))
			rc = -XEN_EFAULT;
		else
			rc = update_one(v, ld64(req), ld64(req + 8), owner, table_owner,
					(foreign & 0xffff) == DOMID_IO, &sl);
		if (UNLIKELY(rc))
			break;
	}
	return list_end(h, rc, i, count, done, va, &sl);
}

/* ---- mmuext_op -------------------------------------------------------------------------------------------------- */

/* Reads the words of a bitmap of vCPUs that matter. 0 or -XEN_EFAULT. */
static int vcpumask_check(struct vcpu *v, u64 va)
{
	u32 bits = pv_dom(v->d)->xen.s.is32 ? 32 : 64;
	u32 bias;

	for (bias = 0; bias < v->d->nvcpus; bias += bits, va += bits / 8) {
		u8 word[8] = { 0 };

		if (!mm_addr_ok(va) || xen_copy_from(v, word, va, bits / 8))
			return -XEN_EFAULT;
		if (v->d->nvcpus - bias < 64 && ld64(word) >> (v->d->nvcpus - bias))
			break; /* names one that is not: the rest is not read */
	}
	return 0;
}

static int clear_page(struct pv_mm *mm, u64 mfn)
{
	struct pv_page *pg = mm_owned(mm, mfn);
	u8 *p;

	if (!pg || (pg->types && pg->type != PG_WRITABLE)) {
		mm_refused(mm, "clear of frame 0x%llx, which cannot be written", (unsigned long long)mfn);
		return -XEN_EINVAL;
	}
	p = mem_rw(mm->mem, mfn, 0, PAGE_SIZE);
	if (!p)
		return -XEN_ENOMEM;
	memset(p, 0, PAGE_SIZE);
	return 0;
}

static int copy_page(struct pv_mm *mm, u64 dst, u64 src)
{
	struct pv_page *pg = mm_owned(mm, dst);
	u8 *p;

	if (!mm_owned(mm, src) || !pg || (pg->types && pg->type != PG_WRITABLE)) {
		mm_refused(mm, "copy of frame 0x%llx to 0x%llx", (unsigned long long)src, (unsigned long long)dst);
		return -XEN_EINVAL;
	}
	p = mem_rw(mm->mem, dst, 0, PAGE_SIZE);
	if (!p)
		return -XEN_ENOMEM;
	memmove(p, mem_ro(mm->mem, src), PAGE_SIZE);
	return 0;
}

static int ext_one(struct vcpu *v, const struct mmuext_op *op, struct mm_slice *sl)
{
	struct pv_domain *p = pv_dom(v->d);

	switch (op->cmd) {
	case MMUEXT_PIN_L4_TABLE:
		if (p->xen.s.is32)
			return 0;
		/* fall through */
	case MMUEXT_PIN_L1_TABLE:
	case MMUEXT_PIN_L2_TABLE:
	case MMUEXT_PIN_L3_TABLE:
		return mm_pin(p->mm, op->arg1, PG_L1 + (op->cmd - MMUEXT_PIN_L1_TABLE), sl);
	case MMUEXT_UNPIN_TABLE:
		return mm_unpin(p->mm, op->arg1, sl);
	case MMUEXT_NEW_BASEPTR:
		return mm_set_kernel_root(v, op->arg1, sl);
	case MMUEXT_NEW_USER_BASEPTR:
		if (p->xen.s.is32)
			return -XEN_EINVAL; /* U/S is enough there */
		return mm_set_user_root(v, op->arg1, sl);
	case MMUEXT_TLB_FLUSH_LOCAL:
	case MMUEXT_INVLPG_LOCAL:
	case MMUEXT_TLB_FLUSH_ALL:
	case MMUEXT_INVLPG_ALL:
		return 0;
	case MMUEXT_TLB_FLUSH_MULTI:
	case MMUEXT_INVLPG_MULTI:
		return vcpumask_check(v, op->arg2) ? -XEN_EINVAL : 0;
	case MMUEXT_FLUSH_CACHE:
		return -XEN_EACCES; /* for those with hardware only */
	case MMUEXT_FLUSH_CACHE_GLOBAL:
		return -XEN_EINVAL;
	case MMUEXT_SET_LDT:
		return pv_mm_set_ldt(v, op->arg1, (u32)op->arg2);
	case MMUEXT_CLEAR_PAGE:
		return clear_page(p->mm, op->arg1);
	case MMUEXT_COPY_PAGE:
		return copy_page(p->mm, op->arg1, op->arg2);
	case MMUEXT_MARK_SUPER:
	case MMUEXT_UNMARK_SUPER:
		return -XEN_EOPNOTSUPP;
	default:
		return -XEN_ENOSYS;
	}
}

i64 hc_mmuext_op(struct hc *h)
{
	struct vcpu *v = h->v;
	u64 va = h->args[0];
	u32 size = arg_guest_size(v, &mmuext_layout);
	u32 count = (u32)h->args[1], foreign = (u32)h->args[3];
	u32 done = 0, i;
	struct mm_slice sl = MM_SLICE;
	i64 rc;

	if (mm_settle(v, &sl))
		return hc_continue(h);
	if (count == UPDATE_PREEMPTED && !va)
		return (i32)foreign;
	if (count & UPDATE_PREEMPTED) {
		count &= ~UPDATE_PREEMPTED;
		done = done_before(v, h->args[2]);
	}
	if (!mm_addr_ok(va))
		return -XEN_EFAULT;
	rc = owner_check(v, foreign & 0xffff);
	if (rc)
		return rc;
	for (i = 0; i < count && !hc_enough(h, i) && !sl.left; i++, va += size) {
		struct mmuext_op op = { 0 };

		rc = arg_copy_in(v, &mmuext_layout, &op, va);
		if (!rc) {
			h->sub = op.cmd;
			rc = ext_one(v, &op, &sl);
		}
		if (rc)
			break;
	}
	return list_end(h, rc, i, count, done, va, &sl);
}

/* ---- update_va_mapping ------------------------------------------------------------------------------------------ */

static i64 update_va(struct vcpu *v, u64 va, u64 val, u64 flags)
{
	struct pv_mm *mm = pv_dom(v->d)->mm;
	u64 type = flags & UVMF_FLUSHTYPE_MASK, mask = flags - type;
	const struct pv_page *pg;
	u64 maddr, pte;
	i64 rc;

	if (!pv_mm_find_pte(v, va, &maddr, &pte)) {
		mm_refused(mm, "update_va_mapping at %llx: no table there", (unsigned long long)va);
		return -XEN_EINVAL;
	}
	pg = mm_owned(mm, maddr >> PAGE_SHIFT);
	if (!pg || pg->type != PG_L1)
		return -XEN_EINVAL;
	rc = mm_mod_l1(mm, maddr, val, false, false);
	if (rc)
		return rc;
	/* The entry stays changed even when the bitmap cannot be read. */
	if ((type == UVMF_TLB_FLUSH || type == UVMF_INVLPG) && mask && mask != UVMF_ALL)
		return vcpumask_check(v, mask);
	return 0;
}

i64 hc_update_va_mapping(struct hc *h)
{
	const u64 *a = h->args;

	if (pv_dom(h->v->d)->xen.s.is32)
		return update_va(h->v, a[0], (a[1] & UINT32_MAX) | a[2] << 32, a[3]);
	return update_va(h->v, a[0], a[1], a[2]);
}

i64 hc_update_va_mapping_otherdomain(struct hc *h)
{
	const u64 *a = h->args;
	bool is32 = pv_dom(h->v->d)->xen.s.is32;
	int rc = owner_check(h->v, (u16)a[is32 ? 4 : 3]);

	return rc ? rc : hc_update_va_mapping(h);
}
