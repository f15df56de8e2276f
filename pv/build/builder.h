/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The domain builder: puts a kernel, its initrd, start_info, p2m list and first page tables into a new PV guest.
 */
#ifndef PV_BUILD_BUILDER_H
#define PV_BUILD_BUILDER_H

#include "base/log.h"
#include "base/types.h"
#include "xen/load/loader.h"

struct mem;

/* start_info's cmd_line has 1024 bytes with its NUL (Xen public/xen.h, MAX_GUEST_CMDLINE). */
#define PV_CMDLINE_MAX 1023

/* Byte offsets in a 64-bit struct start_info. */
enum pv_start_info64 {
	SI64_MAGIC = 0,
	SI64_NR_PAGES = 32,
	SI64_SHARED_INFO = 40, /* machine address */
	SI64_FLAGS = 48,
	SI64_STORE_MFN = 56,
	SI64_STORE_EVTCHN = 64,
	SI64_CONSOLE_MFN = 72,
	SI64_CONSOLE_EVTCHN = 80,
	SI64_PT_BASE = 88,
	SI64_NR_PT_FRAMES = 96,
	SI64_MFN_LIST = 104,
	SI64_MOD_START = 112,
	SI64_MOD_LEN = 120,
	SI64_CMD_LINE = 128,
	SI64_FIRST_P2M_PFN = 1152,
	SI64_NR_P2M_FRAMES = 1160,
	SI64_SIZE = 1168
};

/* And in a 32-bit one. */
enum pv_start_info32 {
	SI32_NR_PAGES = 32,
	SI32_SHARED_INFO = 36,
	SI32_FLAGS = 40,
	SI32_STORE_MFN = 44,
	SI32_STORE_EVTCHN = 48,
	SI32_CONSOLE_MFN = 52,
	SI32_CONSOLE_EVTCHN = 56,
	SI32_PT_BASE = 60,
	SI32_NR_PT_FRAMES = 64,
	SI32_MFN_LIST = 68,
	SI32_MOD_START = 72,
	SI32_MOD_LEN = 76,
	SI32_CMD_LINE = 80,
	SI32_FIRST_P2M_PFN = 1104,
	SI32_NR_P2M_FRAMES = 1108,
	SI32_SIZE = 1112
};

enum pv_si_flags { SIF_PRIVILEGED = 1, SIF_INITDOMAIN = 2, SIF_MOD_START_PFN = 8, SIF_VIRT_P2M_4TOOLS = 16 };

struct pv_build_in {
	struct mem *mem; /* frames mfn_base to mfn_base + nr_pages - 1 are there, fresh */
	u64 mfn_base;	 /* pfn p is frame mfn_base + p */
	u64 nr_pages;
	const struct xen_kernel *kernel;
	const u8 *initrd; /* NULL or length 0: none */
	size_t initrd_len;
	const char *initrd_name; /* for messages; NULL is allowed */
	const char *cmdline;	 /* NULL is "" */
	u64 shared_info_mfn;
	u32 store_evtchn, console_evtchn;
	const struct xen_progress *progress; /* NULL is allowed */
};

struct pv_build_out {
	u64 rip, rsp, rsi; /* of vCPU 0; rsi is the VA of start_info */
	u64 l4_mfn;	   /* to be pinned, and CR3; a 32-bit guest's L3 */
	u64 start_info_mfn, store_mfn, console_mfn;
	/* Page-table frames: of the boot region (the L4 is its first), and those that map only the p2m list. */
	u64 first_pt_mfn, nr_pt_frames;
	u64 first_p2m_pt_mfn, nr_p2m_pt_frames;
	u64 hypercall_page_mfn; /* filled already; 0 when the kernel has none (no mfn of a guest is 0 then) */
	bool has_hypercall_page;
	u64 virt_base, virt_end; /* the boot region: virt_base is pfn 0, virt_end the first address after it */
	u64 p2m_va, p2m_pfn, nr_p2m_frames; /* the list, without its tables */
	u64 initrd_pfn;			    /* valid with an initrd */
	u32 vm_assist;			    /* what the notes ask for: bits of VMASST_TYPE_* */
	u64 used_pages;			    /* pfns below this hold something or are mapped at start */
};

/*
 * Builds a guest, PV64 or PV32 by its kernel. Errors, each with a sentence: -ENOEXEC (no Xen notes, PVH only, another
 * loader), -ENOTSUP (32-bit without PAE, features we do not give), -ENOMEM (too little memory: the sentence says how
 * much would do), -E2BIG (command line), -EINVAL (addresses that make no sense), -EFAULT (a frame is missing).
 */
int pv_build(const struct pv_build_in *in, struct pv_build_out *out, struct error *e);

/* MiB that the guest needs to be loaded, or 0 when it cannot be built at all (pv_build() says why). */
u64 pv_build_min_mib(const struct xen_kernel *k, size_t initrd_len);

/* What differs between the two kinds of guest. pv/build/abi.c. */
struct pv_start_info {
	u64 nr_pages, shared_info, store_mfn, console_mfn, pt_base, nr_pt_frames, mfn_list, mod_start, mod_len,
		first_p2m_pfn, nr_p2m_frames;
	u32 flags, store_evtchn, console_evtchn;
	const char *cmdline;
};
struct pv_build_abi {
	u32 word; /* bytes of a p2m entry */
	bool pae;
	u32 si_size;
	void (*put_start_info)(u8 *page, const struct pv_start_info *si);
	void (*hypercall_page)(u8 *page);
	/* Pages from va on are the guest's to use, not the hypervisor's. */
	bool (*usable)(u64 va, u64 pages);
};
extern const struct pv_build_abi pv_build_abi64, pv_build_abi32;

/* MiB above which a 32-bit guest finds its frames no more in the M2P. */
u64 pv_build_max_mib32(void);

/*
 * Fills a page with PV64 hypercall stubs: slot n (32 bytes) issues hypercall n, keeping rcx and r11; slot 23 is the
 * iret that does not come back. Xen public/arch-x86/xen-x86_64.h.
 */
void pv_hypercall_page64(u8 *page);
/* The same for PV32, by INT 0x82: xen-x86_32.h. */
void pv_hypercall_page32(u8 *page);

#endif
