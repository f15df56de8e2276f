/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV domain builder. Xen public/xen.h "Start-of-day memory layout", public/elfnote.h; what they leave open is as
 * Xen's own tools do it; 64-bit and 32-bit guests differ in pv/build/abi.c. Leaves out what is not the guest's own
 * memory: shared_info, M2P, event channels, grants.
 */
#include "pv/build/builder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/endian.h"
#include "mmu/frames.h"
#include "pv/build/bootmap.h"
#include "pv/compat/compat.h"
#include "xen/load/elf.h"

#define MIB_PAGES 256u
#define BOOT_ALIGN (4u << 20)
#define BOOT_PAD_PAGES (512u * 1024 / PAGE_SIZE)
/* Guests larger than this many pages (256 TiB) make the sums below overflow, and exist nowhere. */
#define PAGES_MAX BIT(36)
/* Xen public/features.h: modes that PV guests of 64-bit hypervisors no longer have. */
#define XENFEAT_AUTO_TRANSLATED_PHYSMAP 2
#define XENFEAT_SUPERVISOR_MODE_KERNEL 3

#define VMASST_PAE_EXTENDED_CR3 3 /* Xen public/xen.h */

#define ULL(x) ((unsigned long long)(x))

/* What lies where, in pfns. */
struct plan {
	const struct pv_build_abi *abi;
	u64 vbase;
	u64 kernel_pfn, kernel_end;
	u64 initrd_pfn, initrd_pages;
	u64 p2m_va, p2m_pfn, p2m_pages;
	u64 start_info_pfn, store_pfn, console_pfn, stack_pfn;
	u64 end_pfn; /* of the boot region */
	u64 total;
	bool p2m_apart, initrd_apart;
	struct bootmap map;
};

/* Is this a kernel we can start at all? */
static int check_kernel(const struct xen_kernel *k, struct error *e)
{
	const struct xen_notes *n = &k->notes;
	u64 refused = BIT(XENFEAT_AUTO_TRANSLATED_PHYSMAP) | BIT(XENFEAT_SUPERVISOR_MODE_KERNEL);

	if (n->source == XEN_NOTES_NONE)
		return error_set(e, -ENOEXEC,
				 "%s has no Xen notes, so it cannot start as a Xen guest: give a kernel built with "
				 "CONFIG_XEN_PV (Debian's linux-image-amd64 is)",
				 k->name);
	if (!xen_kernel_has(k, XEN_NOTE_ENTRY) && xen_kernel_has(k, XEN_NOTE_PHYS32_ENTRY))
		return error_set(e, -ENOEXEC,
				 "%s has Xen notes for PVH only (PHYS32_ENTRY, no ENTRY): to start it as a PV guest it "
				 "must be built with CONFIG_XEN_PV",
				 k->name);
	if (strncmp(n->loader, "generic", 7) && strncmp(n->guest_os, "linux", 5))
		return error_set(e, -ENOEXEC,
				 "%s asks for the loader \"%s\" (guest \"%s\"); only \"generic\" kernels can be loaded",
				 k->name, n->loader, n->guest_os);
	if (strncmp(n->xen_version, "xen-3.0", 7))
		return error_set(e, -ENOEXEC,
				 "%s is made for the Xen interface \"%s\", not \"xen-3.0\"; give a newer kernel",
				 k->name, n->xen_version);
	if (k->machine != (k->elf64 ? ELF_M_X86_64 : ELF_M_386))
		return error_set(e, -ENOTSUP,
				 "%s is an ELF%d file for machine %u; a Xen guest is ELF64 for x86-64 or ELF32 for i386",
				 k->name, k->elf64 ? 64 : 32, k->machine);
	if (!k->elf64 && n->pae == XEN_PAE_NO)
		return error_set(e, -ENOTSUP,
				 "%s is a 32-bit kernel without PAE, and no Xen of today runs such guests; give one with PAE, or "
				 "a 64-bit one",
				 k->name);
	if (!k->elf64 && n->hv_start_low > COMPAT_HYPER_START)
		return error_set(e, -ENOTSUP,
				 "%s wants the addresses below its note HV_START_LOW 0x%llx, and Xen's begin at 0x%x",
				 k->name, ULL(n->hv_start_low), COMPAT_HYPER_START);
	if (n->features_required & refused || n->unknown_required[0])
		return error_set(e, -ENOTSUP, "%s requires a feature that no PV guest is given: FEATURES \"%s\"%s%s",
				 k->name, n->features, n->unknown_required[0] ? ", unknown: " : "",
				 n->unknown_required);
	return 0;
}

/*
 * Lays everything out for a guest of nr_pages pages; whether it fits is not looked at here. The order is that of
 * public/xen.h: kernel, [initrd], [p2m], start_info, xenstore, console, page tables, stack; then what is not mapped.
 */
static int make_plan(const struct xen_kernel *k, size_t initrd_len, u64 nr_pages, struct plan *p, struct error *e)
{
	const struct xen_notes *n = &k->notes;
	u64 at, entry, kstart, kend, pages, last;

	memset(p, 0, sizeof *p);
	p->abi = k->elf64 ? &pv_build_abi64 : &pv_build_abi32;
	p->map.pae = p->abi->pae;
	p->vbase = n->virt_base;
	kstart = k->pstart - n->paddr_offset + p->vbase;
	kend = k->pend - n->paddr_offset + p->vbase;
	entry = xen_kernel_has(k, XEN_NOTE_ENTRY) ? n->entry : k->elf_entry;
	if (PAGE_OFFSET(p->vbase))
		return error_set(e, -EINVAL, "%s: its note VIRT_BASE 0x%llx is not the address of a page", k->name,
				 ULL(p->vbase));
	if (kstart < p->vbase || kend <= kstart || kend - p->vbase > PAGES_MAX << PAGE_SHIFT)
		return error_set(
			e, -EINVAL,
			"%s: its segments (physical 0x%llx to 0x%llx) do not lie above its VIRT_BASE 0x%llx with "
			"PADDR_OFFSET 0x%llx",
			k->name, ULL(k->pstart), ULL(k->pend), ULL(p->vbase), ULL(n->paddr_offset));
	if (entry < kstart || entry >= kend)
		return error_set(e, -EINVAL, "%s: its entry point 0x%llx lies outside of it (0x%llx to 0x%llx)",
				 k->name, ULL(entry), ULL(kstart), ULL(kend));
	p->kernel_pfn = (kstart - p->vbase) >> PAGE_SHIFT;
	p->kernel_end = DIV_UP(kend - p->vbase, PAGE_SIZE);
	p->initrd_pages = DIV_UP((u64)initrd_len, PAGE_SIZE);
	p->initrd_apart = n->mod_start_pfn != 0;
	p->p2m_pages = DIV_UP(nr_pages, PAGE_SIZE / p->abi->word);
	p->p2m_apart = k->elf64 && xen_kernel_has(k, XEN_NOTE_INIT_P2M) && n->init_p2m < p->vbase && !PAGE_OFFSET(n->init_p2m);

	at = p->kernel_end;
	if (!p->initrd_apart) {
		p->initrd_pfn = at;
		at += p->initrd_pages;
	}
	if (!p->p2m_apart) {
		p->p2m_pfn = at;
		p->p2m_va = p->vbase + (at << PAGE_SHIFT);
		at += p->p2m_pages;
	}
	p->start_info_pfn = at++;
	p->store_pfn = at++;
	p->console_pfn = at++;
	/* The tables must map themselves, the stack and the pad, up to a boundary of 4 MiB. */
	pages = 1 + BOOT_PAD_PAGES;
	if (!p->abi->usable(p->vbase, at + pages + BOOT_ALIGN / PAGE_SIZE))
		goto unusable;
	for (;;) {
		last = (p->vbase + ((at + pages) << PAGE_SHIFT)) | (BOOT_ALIGN - 1);
		if (last < p->vbase || !p->abi->usable(p->vbase, ((last - p->vbase) >> PAGE_SHIFT) + 1))
			goto unusable;
		bootmap_count(&p->map, 0, p->vbase, last);
		pages = p->map.area[0].npt + 1 + BOOT_PAD_PAGES;
		if (at + pages <= ((last - p->vbase) >> PAGE_SHIFT) + 1)
			break;
	}
	bootmap_place(&p->map, 0, 0, at);
	p->stack_pfn = at + p->map.area[0].npt;
	p->end_pfn = ((last - p->vbase) >> PAGE_SHIFT) + 1;
	at = p->end_pfn;
	if (p->initrd_apart) {
		p->initrd_pfn = at;
		at += p->initrd_pages;
	}
	if (p->p2m_apart) {
		p->p2m_pfn = at;
		p->p2m_va = n->init_p2m;
		at += p->p2m_pages;
		last = p->p2m_va + (p->p2m_pages << PAGE_SHIFT) - 1;
		if (!p->abi->usable(p->p2m_va, p->p2m_pages) || last >= p->vbase)
			return error_set(e, -EINVAL,
					 "%s: its note INIT_P2M 0x%llx leaves no room for a list of %llu pages",
					 k->name, ULL(p->p2m_va), ULL(p->p2m_pages));
		bootmap_count(&p->map, 1, p->p2m_va, last);
		bootmap_place(&p->map, 1, p->p2m_pfn, at);
		at += p->map.area[1].npt;
	}
	p->total = at;
	return 0;
unusable:
	return error_set(e, -EINVAL, "%s: %llu MiB from its VIRT_BASE 0x%llx are not all addresses a PV guest may use",
			 k->name, ULL(DIV_UP(at + pages, MIB_PAGES)), ULL(p->vbase));
}

u64 pv_build_min_mib(const struct xen_kernel *k, size_t initrd_len)
{
	struct plan p;
	u64 mib = 1;
	int i;

	/* The p2m list grows with the guest, slowly: this settles in a few rounds. */
	for (i = 0; i < 64; i++) {
		if (check_kernel(k, NULL) || make_plan(k, initrd_len, mib * MIB_PAGES, &p, NULL))
			return 0;
		if (p.total <= mib * MIB_PAGES)
			break;
		mib = DIV_UP(p.total, MIB_PAGES);
	}
	return mib;
}

static int too_small(const struct pv_build_in *in, struct error *e)
{
	u64 need = pv_build_min_mib(in->kernel, in->initrd_len);
	/* Room to unpack the initrd and to run something. */
	u64 good = ALIGN_UP(need + need / 4 + 24 + 3 * ((u64)in->initrd_len >> 20), 32);
	char initrd[160] = "";

	if (in->initrd_len)
		snprintf(initrd, sizeof initrd, " with the initrd %.100s (%llu KiB)",
			 in->initrd_name ? in->initrd_name : "", ULL(DIV_UP(in->initrd_len, 1024)));
	return error_set(e, -ENOMEM,
			 "%llu MiB of memory are too little: %s%s needs %llu MiB to be loaded; give it -m %llu or more",
			 ULL(in->nr_pages / MIB_PAGES), in->kernel->name, initrd, ULL(need), ULL(good));
}

static bool all_zero(const u8 *p, size_t n)
{
	return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

/*
 * Copies to guest-physical pa, or fills with zeros (src NULL). Frames that are still the shared page of zeros stay so
 * where zeros are to be written. what names the step.
 */
static int put(const struct pv_build_in *in, u64 pa, const u8 *src, u64 len, const char *what, struct error *e)
{
	static const u8 zeros[PAGE_SIZE];
	u64 done = 0;

	while (done < len) {
		u64 mfn = in->mfn_base + (pa >> PAGE_SHIFT);
		size_t n = (size_t)MIN(len - done, PAGE_SIZE - PAGE_OFFSET(pa));
		const u8 *from = src ? src + done : zeros;
		struct frame *f = mem_frame(in->mem, mfn);

		if (!f || pa >> PAGE_SHIFT >= in->nr_pages)
			return error_set(e, -EFAULT, "%s: there is no frame for page 0x%llx of the guest",
					 in->kernel->name, ULL(pa >> PAGE_SHIFT));
		if (!(f == in->mem->pool->zero && all_zero(from, n)) &&
		    mem_write(in->mem, (mfn << PAGE_SHIFT) + PAGE_OFFSET(pa), from, n))
			return error_set(e, -ENOMEM, "not enough memory on this machine to load %s", in->kernel->name);
		pa += n;
		done += n;
		/* What is small is there before anybody could read of it. */
		if (src && len >> 20 && in->progress && in->progress->step && (done >> 20 != (done - n) >> 20 || done == len))
			in->progress->step(in->progress->opaque, what, done, len);
		if (pv_stopped(in->progress))
			return error_set(e, -EINTR, "%s: asked to end while the %s was loaded", in->kernel->name, what);
	}
	return 0;
}

static int put_kernel(const struct pv_build_in *in, struct error *e)
{
	const struct xen_kernel *k = in->kernel;
	u32 i;

	for (i = 0; i < k->nsegments; i++) {
		const struct xen_segment *s = &k->segments[i];
		u64 pa = s->paddr - k->notes.paddr_offset;
		int rc = put(in, pa, s->data, s->filesz, "kernel", e);

		if (!rc)
			rc = put(in, pa + s->filesz, NULL, s->memsz - s->filesz, "kernel", e);
		if (rc)
			return rc;
	}
	return k->symbols ? put(in, k->symbols_paddr - k->notes.paddr_offset, k->symbols, k->symbols_len, "symbols", e) : 0;
}

static int put_hypercall_page(const struct pv_build_in *in, const struct plan *p, struct pv_build_out *out,
			      struct error *e)
{
	const struct xen_kernel *k = in->kernel;
	u64 va = k->notes.hypercall_page, pfn = (va - p->vbase) >> PAGE_SHIFT;
	u8 page[PAGE_SIZE];

	if (!xen_kernel_has(k, XEN_NOTE_HYPERCALL_PAGE))
		return 0;
	if (PAGE_OFFSET(va) || va < p->vbase || pfn < p->kernel_pfn || pfn >= p->kernel_end)
		return error_set(e, -EINVAL,
				 "%s: its note HYPERCALL_PAGE 0x%llx is not the address of a page inside the kernel",
				 k->name, ULL(va));
	p->abi->hypercall_page(page);
	out->hypercall_page_mfn = in->mfn_base + pfn;
	out->has_hypercall_page = true;
	return put(in, pfn << PAGE_SHIFT, page, PAGE_SIZE, "hypercall page", e);
}

/* Page p is frame mfn_base + p. Of a long list most is made when the guest looks at it. */
static int put_p2m(const struct pv_build_in *in, const struct plan *p, struct error *e)
{
	u64 full = in->nr_pages / (PAGE_SIZE / p->abi->word), first = full * (PAGE_SIZE / p->abi->word), i;
	u8 page[PAGE_SIZE] = { 0 };
	int rc = mem_add_series(in->mem, in->mfn_base + p->p2m_pfn, full, in->mfn_base, p->abi->word);

	if (rc == -EINVAL)
		return error_set(e, -EFAULT, "%s: frames are missing where its list of pages goes", in->kernel->name);
	if (rc)
		return error_set(e, -ENOMEM, "not enough memory on this machine to load %s", in->kernel->name);
	for (i = first; i < in->nr_pages; i++)
		if (p->abi->word == 8)
			st64(page + (i - first) * 8, in->mfn_base + i);
		else
			st32(page + (i - first) * 4, (u32)(in->mfn_base + i));
	return full == p->p2m_pages ? 0 : put(in, (p->p2m_pfn + full) << PAGE_SHIFT, page, PAGE_SIZE, "p2m list", e);
}

static int put_start_info(const struct pv_build_in *in, const struct plan *p, struct error *e)
{
	u8 page[PAGE_SIZE] = { 0 };
	struct pv_start_info si = {
		.nr_pages = in->nr_pages,
		.shared_info = in->shared_info_mfn << PAGE_SHIFT,
		.flags = SIF_VIRT_P2M_4TOOLS,
		.store_mfn = in->mfn_base + p->store_pfn,
		.store_evtchn = in->store_evtchn,
		.console_mfn = in->mfn_base + p->console_pfn,
		.console_evtchn = in->console_evtchn,
		.pt_base = p->vbase + (p->map.area[0].pt_pfn << PAGE_SHIFT),
		/* Only the tables of the boot region; first_p2m_pfn and nr_p2m_frames count the list with its own tables. */
		.nr_pt_frames = p->map.area[0].npt,
		.mfn_list = p->p2m_va,
		.first_p2m_pfn = p->p2m_pfn,
		.nr_p2m_frames = p->p2m_pages + (p->p2m_apart ? p->map.area[1].npt : 0),
		.cmdline = in->cmdline ? in->cmdline : "",
	};

	if (in->initrd_len) {
		si.mod_start = p->initrd_apart ? p->initrd_pfn : p->vbase + (p->initrd_pfn << PAGE_SHIFT);
		si.mod_len = in->initrd_len;
		if (p->initrd_apart)
			si.flags |= SIF_MOD_START_PFN;
	}
	p->abi->put_start_info(page, &si);
	return put(in, p->start_info_pfn << PAGE_SHIFT, page, p->abi->si_size, "start_info", e);
}

int pv_build(const struct pv_build_in *in, struct pv_build_out *out, struct error *e)
{
	const struct xen_kernel *k = in->kernel;
	size_t cmdlen = in->cmdline ? strlen(in->cmdline) : 0;
	struct plan p;
	int rc;

	memset(out, 0, sizeof *out);
	rc = check_kernel(k, e);
	if (rc)
		return rc;
	if (cmdlen > PV_CMDLINE_MAX)
		return error_set(
			e, -E2BIG,
			"the kernel command line has %zu bytes, and a Xen guest takes at most %d; shorten -append",
			cmdlen, PV_CMDLINE_MAX);
	if (!in->nr_pages || in->nr_pages > PAGES_MAX)
		return error_set(e, -EINVAL, "a guest cannot have %llu pages of memory", ULL(in->nr_pages));
	rc = make_plan(k, in->initrd_len, in->nr_pages, &p, e);
	if (rc)
		return rc;
	if (p.total > in->nr_pages)
		return too_small(in, e);

	rc = put_kernel(in, e);
	if (!rc)
		rc = put_hypercall_page(in, &p, out, e);
	if (!rc && in->initrd_len)
		rc = put(in, p.initrd_pfn << PAGE_SHIFT, in->initrd, in->initrd_len, "initrd", e);
	if (!rc)
		rc = put_p2m(in, &p, e);
	if (!rc)
		rc = put_start_info(in, &p, e);
	if (rc)
		return rc;
	bootmap_write(&p.map, in->mem, in->mfn_base);

	out->rip = xen_kernel_has(k, XEN_NOTE_ENTRY) ? k->notes.entry : k->elf_entry;
	out->rsp = p.vbase + ((p.stack_pfn + 1) << PAGE_SHIFT);
	out->rsi = p.vbase + (p.start_info_pfn << PAGE_SHIFT);
	out->l4_mfn = in->mfn_base + p.map.area[0].level[k->elf64 ? PT_L4 : PT_L3].pfn;
	out->start_info_mfn = in->mfn_base + p.start_info_pfn;
	out->store_mfn = in->mfn_base + p.store_pfn;
	out->console_mfn = in->mfn_base + p.console_pfn;
	out->first_pt_mfn = in->mfn_base + p.map.area[0].pt_pfn;
	out->nr_pt_frames = p.map.area[0].npt;
	if (p.p2m_apart) {
		out->first_p2m_pt_mfn = in->mfn_base + p.map.area[1].pt_pfn;
		out->nr_p2m_pt_frames = p.map.area[1].npt;
	}
	out->virt_base = p.vbase;
	out->virt_end = p.vbase + (p.end_pfn << PAGE_SHIFT);
	out->p2m_va = p.p2m_va;
	out->p2m_pfn = p.p2m_pfn;
	out->nr_p2m_frames = p.p2m_pages;
	out->initrd_pfn = p.initrd_pfn;
	out->used_pages = p.total;
	out->vm_assist = !k->elf64 && k->notes.pae == XEN_PAE_EXTENDED_CR3 ? BIT(VMASST_PAE_EXTENDED_CR3) : 0;
	return 0;
}
