/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a domain builder does otherwise for 64-bit and for 32-bit guests: struct start_info (Xen public/xen.h), hypercall
 * pages and where the hypervisor's own addresses are (public/arch-x86/xen-x86_64.h, xen-x86_32.h).
 */
#include <string.h>

#include "base/endian.h"
#include "pv/build/builder.h"
#include "pv/compat/compat.h"
#include "pv/mm/mm.h"

#define HYPERCALL_IRET 23
#define SLOT 32u /* bytes of a hypercall in the page */
/* The hypervisor's own slots 256 to 271 of every L4, and where the low half ends. */
#define LOW_END 0x00007fffffffffffULL
#define HIGH_START 0xffff880000000000ULL

/* ---- 64-bit ----------------------------------------------------------------------------------------------------- */

void pv_hypercall_page64(u8 *page)
{
	u32 i;

	memset(page, 0xcc, PAGE_SIZE);
	for (i = 0; i < PAGE_SIZE / SLOT; i++) {
		static const u8 call[] = { 0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };
		/* iret takes rcx, r11 and rax from the stack. */
		static const u8 iret[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, HYPERCALL_IRET, 0, 0, 0, 0x0f, 0x05 };
		u8 *p = page + i * SLOT;

		if (i == HYPERCALL_IRET) {
			memcpy(p, iret, sizeof iret);
			continue;
		}
		memcpy(p, call, sizeof call);
		st32(p + 4, i);
	}
}

static void start_info64(u8 *p, const struct pv_start_info *si)
{
	memcpy(p + SI64_MAGIC, "xen-3.0-x86_64", 14);
	st64(p + SI64_NR_PAGES, si->nr_pages);
	st64(p + SI64_SHARED_INFO, si->shared_info);
	st32(p + SI64_FLAGS, si->flags);
	st64(p + SI64_STORE_MFN, si->store_mfn);
	st32(p + SI64_STORE_EVTCHN, si->store_evtchn);
	st64(p + SI64_CONSOLE_MFN, si->console_mfn);
	st32(p + SI64_CONSOLE_EVTCHN, si->console_evtchn);
	st64(p + SI64_PT_BASE, si->pt_base);
	st64(p + SI64_NR_PT_FRAMES, si->nr_pt_frames);
	st64(p + SI64_MFN_LIST, si->mfn_list);
	st64(p + SI64_MOD_START, si->mod_start);
	st64(p + SI64_MOD_LEN, si->mod_len);
	memcpy(p + SI64_CMD_LINE, si->cmdline, strlen(si->cmdline));
	st64(p + SI64_FIRST_P2M_PFN, si->first_p2m_pfn);
	st64(p + SI64_NR_P2M_FRAMES, si->nr_p2m_frames);
}

static bool usable64(u64 va, u64 pages)
{
	u64 last = va + (pages << PAGE_SHIFT) - 1;

	return pages && last > va && (last <= LOW_END || va >= HIGH_START);
}

const struct pv_build_abi pv_build_abi64 = {
	.word = 8,
	.si_size = SI64_SIZE,
	.put_start_info = start_info64,
	.hypercall_page = pv_hypercall_page64,
	.usable = usable64,
};

/* ---- 32-bit ----------------------------------------------------------------------------------------------------- */

void pv_hypercall_page32(u8 *page)
{
	u32 i;

	memset(page, 0xcc, PAGE_SIZE);
	for (i = 0; i < PAGE_SIZE / SLOT; i++) {
		u8 *p = page + i * SLOT;

		/* iret takes eax from the stack, and does not come back. */
		if (i == HYPERCALL_IRET)
			*p++ = 0x50;
		p[0] = 0xb8;
		st32(p + 1, i);
		p[5] = 0xcd;
		p[6] = COMPAT_HYPERCALL;
		if (i != HYPERCALL_IRET)
			p[7] = 0xc3;
	}
}

static void start_info32(u8 *p, const struct pv_start_info *si)
{
	memcpy(p, "xen-3.0-x86_32p", 15);
	st32(p + SI32_NR_PAGES, (u32)si->nr_pages);
	st32(p + SI32_SHARED_INFO, (u32)si->shared_info);
	st32(p + SI32_FLAGS, si->flags);
	st32(p + SI32_STORE_MFN, (u32)si->store_mfn);
	st32(p + SI32_STORE_EVTCHN, si->store_evtchn);
	st32(p + SI32_CONSOLE_MFN, (u32)si->console_mfn);
	st32(p + SI32_CONSOLE_EVTCHN, si->console_evtchn);
	st32(p + SI32_PT_BASE, (u32)si->pt_base);
	st32(p + SI32_NR_PT_FRAMES, (u32)si->nr_pt_frames);
	st32(p + SI32_MFN_LIST, (u32)si->mfn_list);
	st32(p + SI32_MOD_START, (u32)si->mod_start);
	st32(p + SI32_MOD_LEN, (u32)si->mod_len);
	memcpy(p + SI32_CMD_LINE, si->cmdline, strlen(si->cmdline));
	st32(p + SI32_FIRST_P2M_PFN, (u32)si->first_p2m_pfn);
	st32(p + SI32_NR_P2M_FRAMES, (u32)si->nr_p2m_frames);
}

static bool usable32(u64 va, u64 pages)
{
	return pages && va < COMPAT_HYPER_START && pages <= (COMPAT_HYPER_START - va) >> PAGE_SHIFT;
}

const struct pv_build_abi pv_build_abi32 = {
	.word = 4,
	.pae = true,
	.si_size = SI32_SIZE,
	.put_start_info = start_info32,
	.hypercall_page = pv_hypercall_page32,
	.usable = usable32,
};

u64 pv_build_max_mib32(void)
{
	u64 mib = 0;

	/* shared_info lies behind the guest's own numbers, and its address must have 32 bits. */
	while (pv_mm_limit((mib + 64) << (20 - PAGE_SHIFT)) <= MIN(COMPAT_MFN_END, BIT(32 - PAGE_SHIFT)))
		mib += 64;
	return mib;
}
