/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen's ELF notes and the older __xen_guest string. Xen public/elfnote.h, public/features.h.
 * Crash and dump notes are left out: no kernel file has them.
 */
#include <string.h>

#include "base/endian.h"
#include "xen/load/elf.h"
#include "xen/load/loader.h"

static const char *const feature_names[] = {
	"writable_page_tables",
	"writable_descriptor_tables",
	"auto_translated_physmap",
	"supervisor_mode_kernel",
	"pae_pgdir_above_4gb",
	"mmu_pt_update_preserve_ad",
	"highmem_assist",
	"gnttab_map_avail_bits",
	"hvm_callback_vector",
	"hvm_safe_pvclock",
	"hvm_pirqs",
	"dom0",
	"grant_map_identity",
	"memory_op_vnode_supported",
	"ARM_SMCCC_supported",
	"linux_rsdp_unrestricted",
	"not_direct_mapped",
	"direct_mapped",
};

int pv_feature_bit(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(feature_names); i++)
		if (strlen(feature_names[i]) == len && !memcmp(feature_names[i], name, len))
			return (int)i;
	return -1;
}

/* Copies what is printable, up to a NUL: the strings end up in messages. */
static void copy_string(char *dst, size_t size, const u8 *p, size_t len)
{
	size_t i;

	for (i = 0; i < len && i < size - 1 && p[i]; i++)
		dst[i] = p[i] >= ' ' && p[i] < 0x7f ? (char)p[i] : '?';
	dst[i] = 0;
}

static bool is(const u8 *p, size_t len, const char *word)
{
	size_t n = strlen(word);

	return len >= n && !memcmp(p, word, n);
}

/* "name|!name": the ones with ! are required. */
static void parse_features(struct xen_notes *n, const char *s)
{
	while (*s) {
		size_t len = strcspn(s, "|");
		bool required = *s == '!';
		const char *name = s + required;
		size_t namelen = len - required;
		int bit = pv_feature_bit(name, namelen);

		if (bit >= 0) {
			n->features_wanted |= BIT(bit);
			if (required)
				n->features_required |= BIT(bit);
		} else if (required && !n->unknown_required[0]) {
			copy_string(n->unknown_required, sizeof n->unknown_required, (const u8 *)name, namelen);
		}
		s += len;
		if (*s == '|')
			s++;
	}
}

static enum xen_pae parse_pae(const u8 *p, size_t len)
{
	if (is(p, len, "yes[extended-cr3]"))
		return XEN_PAE_EXTENDED_CR3;
	if (is(p, len, "bimodal") || is(p, len, "yes,bimodal"))
		return XEN_PAE_BIMODAL;
	return is(p, len, "yes") ? XEN_PAE_YES : XEN_PAE_NO;
}

/* Numeric notes have the size their writer liked. */
static u64 number(const u8 *p, size_t len)
{
	switch (len) {
	case 1:
		return p[0];
	case 2:
		return ld16(p);
	case 4:
		return ld32(p);
	case 8:
		return ld64(p);
	default:
		return 0;
	}
}

static void take_note(struct xen_notes *n, u32 type, const u8 *p, size_t len)
{
	u64 v = number(p, len);

	switch (type) {
	case XEN_NOTE_ENTRY:
		n->entry = v;
		break;
	case XEN_NOTE_HYPERCALL_PAGE:
		n->hypercall_page = v;
		break;
	case XEN_NOTE_VIRT_BASE:
		n->virt_base = v;
		break;
	case XEN_NOTE_PADDR_OFFSET:
		n->paddr_offset = v;
		break;
	case XEN_NOTE_XEN_VERSION:
		copy_string(n->xen_version, sizeof n->xen_version, p, len);
		break;
	case XEN_NOTE_GUEST_OS:
		copy_string(n->guest_os, sizeof n->guest_os, p, len);
		break;
	case XEN_NOTE_GUEST_VERSION:
		copy_string(n->guest_version, sizeof n->guest_version, p, len);
		break;
	case XEN_NOTE_LOADER:
		copy_string(n->loader, sizeof n->loader, p, len);
		break;
	case XEN_NOTE_PAE_MODE:
		n->pae = parse_pae(p, len);
		break;
	case XEN_NOTE_FEATURES:
		copy_string(n->features, sizeof n->features, p, len);
		parse_features(n, n->features);
		break;
	case XEN_NOTE_BSD_SYMTAB:
		n->bsd_symtab = is(p, len, "yes");
		break;
	case XEN_NOTE_HV_START_LOW:
		n->hv_start_low = v;
		break;
	case XEN_NOTE_L1_MFN_VALID:
		/* Two numbers of half the size each; more pairs are allowed, and nobody has them. */
		if (len >= 16) {
			n->l1_mfn_mask = ld64(p);
			n->l1_mfn_value = ld64(p + 8);
		} else if (len == 8) {
			n->l1_mfn_mask = ld32(p);
			n->l1_mfn_value = ld32(p + 4);
		}
		break;
	case XEN_NOTE_SUSPEND_CANCEL:
		n->suspend_cancel = v;
		break;
	case XEN_NOTE_INIT_P2M:
		n->init_p2m = v;
		break;
	case XEN_NOTE_MOD_START_PFN:
		n->mod_start_pfn = v;
		break;
	case XEN_NOTE_SUPPORTED_FEATURES:
		n->supported_features = v;
		break;
	case XEN_NOTE_PHYS32_ENTRY:
		n->phys32_entry = v;
		break;
	default:
		break;
	}
	if (type < XEN_NOTE_COUNT)
		n->have |= 1u << type;
}

int elf_notes_parse(struct xen_notes *n, const u8 *p, size_t len, size_t avail)
{
	size_t at = 0;
	int count = 0;

	/* {namesz, descsz, type}, name and descriptor each padded to 4; what is shorter than a header is padding. */
	while (at < len && len - at >= 12) {
		u32 namesz = ld32(p + at), descsz = ld32(p + at + 4), type = ld32(p + at + 8);
		u64 desc = at + 12 + ALIGN_UP((u64)namesz, 4);
		u64 next = desc + ALIGN_UP((u64)descsz, 4);

		/* GRUB's i386 image counts 4 bytes of its last descriptor's 12, and Debian's file ends there. */
		if (desc <= len && descsz > avail - desc && avail - desc >= 4 && descsz - (avail - desc) <= 8)
			descsz = (u32)(avail - desc);
		if (desc > len || descsz > avail - desc)
			return -1;
		if (namesz == 4 && !memcmp(p + at + 12, "Xen", 4)) {
			take_note(n, type, p + desc, descsz);
			count++;
		}
		/* A descriptor may end after the area. */
		at = (size_t)MIN(next, len);
	}
	return count;
}

/* A number as strtoull() with base 0 reads it, but bounded. */
static u64 text_number(const u8 *p, size_t len)
{
	u64 v = 0, base = 10;
	size_t i = 0;

	if (len > 2 && p[0] == '0' && (p[1] | 32) == 'x') {
		base = 16;
		i = 2;
	} else if (len > 1 && p[0] == '0') {
		base = 8;
	}
	for (; i < len; i++) {
		u32 c = p[i] | 32u, d = 99;

		if (c >= '0' && c <= '9')
			d = c - '0';
		else if (c >= 'a' && c <= 'f')
			d = c - 'a' + 10;
		if (d >= base)
			break;
		v = v * base + d;
	}
	return v;
}

/* Which note an entry of the old string stands for; its numbers are text. */
static const struct {
	const char *name;
	enum xen_note note;
	bool numeric;
} guest_words[] = {
	{ "LOADER", XEN_NOTE_LOADER, false },
	{ "GUEST_OS", XEN_NOTE_GUEST_OS, false },
	{ "GUEST_VER", XEN_NOTE_GUEST_VERSION, false },
	{ "XEN_VER", XEN_NOTE_XEN_VERSION, false },
	{ "PAE", XEN_NOTE_PAE_MODE, false },
	{ "FEATURES", XEN_NOTE_FEATURES, false },
	{ "VIRT_BASE", XEN_NOTE_VIRT_BASE, true },
	{ "VIRT_ENTRY", XEN_NOTE_ENTRY, true },
	{ "ELF_PADDR_OFFSET", XEN_NOTE_PADDR_OFFSET, true },
	{ "HYPERCALL_PAGE", XEN_NOTE_HYPERCALL_PAGE, true },
};

void elf_guest_string_parse(struct xen_notes *n, const u8 *p, size_t len)
{
	const u8 *end = memchr(p, 0, len);
	size_t at = 0, i;

	if (end)
		len = (size_t)(end - p);
	while (at < len) {
		const u8 *word = p + at, *comma = memchr(word, ',', len - at), *eq;
		size_t wlen = comma ? (size_t)(comma - word) : len - at, klen, vlen;
		u8 raw[8];

		at += wlen + 1;
		eq = memchr(word, '=', wlen);
		klen = eq ? (size_t)(eq - word) : wlen;
		vlen = eq ? wlen - klen - 1 : 0;
		if (klen == 10 && !memcmp(word, "BSD_SYMTAB", 10)) {
			n->bsd_symtab = true;
			n->have |= 1u << XEN_NOTE_BSD_SYMTAB;
		}
		for (i = 0; eq && i < ARRAY_SIZE(guest_words); i++) {
			if (strlen(guest_words[i].name) != klen || memcmp(guest_words[i].name, word, klen))
				continue;
			if (guest_words[i].numeric) {
				st64(raw, text_number(eq + 1, vlen));
				take_note(n, guest_words[i].note, raw, 8);
			} else {
				take_note(n, guest_words[i].note, eq + 1, vlen);
			}
		}
	}
	/* Two defaults differ from the notes': the hypercall page is a page number, and addresses in the ELF are
	 * virtual. */
	if (n->have & 1u << XEN_NOTE_HYPERCALL_PAGE)
		n->hypercall_page = (n->hypercall_page << PAGE_SHIFT) + n->virt_base;
	if (!(n->have & 1u << XEN_NOTE_PADDR_OFFSET))
		n->paddr_offset = n->virt_base;
}
