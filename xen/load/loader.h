/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel files: a bzImage or an ELF, packed or not, becomes a struct xen_kernel: its segments and its Xen notes.
 */
#ifndef XEN_LOAD_LOADER_H
#define XEN_LOAD_LOADER_H

#include "base/log.h"
#include "base/types.h"
#include "xen/load/decompress.h"

/* No kernel file, and no unpacked kernel, is larger. */
#define XEN_KERNEL_MAX ((size_t)1 << 30)

/* Note types, as in Xen public/elfnote.h. */
enum xen_note {
	XEN_NOTE_INFO,
	XEN_NOTE_ENTRY,
	XEN_NOTE_HYPERCALL_PAGE,
	XEN_NOTE_VIRT_BASE,
	XEN_NOTE_PADDR_OFFSET,
	XEN_NOTE_XEN_VERSION,
	XEN_NOTE_GUEST_OS,
	XEN_NOTE_GUEST_VERSION,
	XEN_NOTE_LOADER,
	XEN_NOTE_PAE_MODE,
	XEN_NOTE_FEATURES,
	XEN_NOTE_BSD_SYMTAB,
	XEN_NOTE_HV_START_LOW,
	XEN_NOTE_L1_MFN_VALID,
	XEN_NOTE_SUSPEND_CANCEL,
	XEN_NOTE_INIT_P2M,
	XEN_NOTE_MOD_START_PFN,
	XEN_NOTE_SUPPORTED_FEATURES,
	XEN_NOTE_PHYS32_ENTRY,
	XEN_NOTE_COUNT
};

/* Where the notes stood, in the order they are looked for. */
enum xen_note_source { XEN_NOTES_NONE, XEN_NOTES_SEGMENT, XEN_NOTES_SECTION, XEN_NOTES_GUEST_STRING };

enum xen_pae { XEN_PAE_NO, XEN_PAE_YES, XEN_PAE_EXTENDED_CR3, XEN_PAE_BIMODAL };

struct xen_notes {
	enum xen_note_source source;
	u32 have; /* bit XEN_NOTE_x: the note was there */
	u64 entry, virt_base, paddr_offset, init_p2m, hv_start_low, phys32_entry;
	u64 hypercall_page;	       /* VA; from a __xen_guest string it is already made one */
	u64 supported_features;	       /* SUPPORTED_FEATURES as it stands */
	u64 features_required;	       /* XENFEAT bits marked with ! in FEATURES */
	u64 features_wanted;	       /* all XENFEAT bits of FEATURES */
	u64 l1_mfn_mask, l1_mfn_value; /* a PTE holds an MFN when (pte & mask) == value */
	u64 suspend_cancel, mod_start_pfn;
	enum xen_pae pae;
	bool bsd_symtab;
	char features[128], unknown_required[32]; /* the string; the first required feature we do not know */
	char guest_os[32], guest_version[32], xen_version[32], loader[32];
};

struct xen_segment {
	u64 paddr, vaddr;
	u64 memsz, filesz; /* filesz <= memsz */
	const u8 *data;	   /* filesz bytes inside the kernel's image */
};

struct xen_kernel {
	char name[200];	 /* the file, for messages */
	char format[64]; /* for people: "bzImage 2.15, xz payload, ELF64 x86-64" */
	const u8 *image; /* the ELF */
	size_t image_len;
	u8 *owned; /* what unpacking allocated, or NULL when image is the caller's memory */
	bool elf64;
	u16 machine; /* e_machine: 62 x86-64, 3 i386 */
	u64 elf_entry;
	u32 nsegments;
	struct xen_segment *segments; /* those that are loaded, in file order */
	u64 pstart, pend;	     /* physical addresses they span, the symbols too (pend is the first one after) */
	u8 *symbols; /* what the note BSD_SYMTAB asks for, to be loaded behind the segments; NULL when it does not */
	size_t symbols_len;
	u64 symbols_paddr;
	struct xen_notes notes;
};

INLINE bool xen_kernel_has(const struct xen_kernel *k, enum xen_note n)
{
	return k->notes.have >> n & 1;
}

/*
 * Reads a kernel from the bytes of a file: unpacks it, checks the ELF, reads the notes. The bytes must stay until
 * xen_kernel_free(). That a kernel has no Xen notes is not an error here: notes.source says so, and the builder refuses
 * it. limit bounds what is unpacked (XEN_KERNEL_MAX is the usual one). progress may be NULL. Returns 0, or -errno with a
 * sentence in e; k then holds nothing to free.
 */
int xen_kernel_load(struct xen_kernel *k, const u8 *file, size_t len, const char *name, size_t limit,
		   const struct xen_progress *progress, struct error *e);
void xen_kernel_free(struct xen_kernel *k);

/*
 * Reads a whole file, or what comes out of a pipe, of 1 to max bytes into fresh memory (free() it). what names its part in
 * messages ("kernel", "initrd"). progress (NULL is allowed): only its stop is looked at, while a pipe is waited for. Returns 0,
 * or -errno with a sentence: no such file, a directory, a device, empty, too large, not readable, -EINTR.
 */
int xen_file_read(const char *path, const char *what, size_t max, const struct xen_progress *progress, u8 **data, size_t *len,
		 struct error *e);

#endif
