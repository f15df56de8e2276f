/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small kernels made up for tests: an ELF with any set of Xen notes, and a bzImage around any payload.
 */
#ifndef TESTS_UNIT_MKKERNEL_H
#define TESTS_UNIT_MKKERNEL_H

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/endian.h"
#include "xen/load/loader.h"

enum mk_where { MK_NONE, MK_SEGMENT, MK_SECTION, MK_STRING };

struct mk {
	enum mk_where where;
	bool elf32;
	u64 vbase, paddr; /* paddr of the segment; its vaddr is vbase + paddr */
	size_t text;	  /* bytes of pattern in the file */
	u64 bss;
	u64 entry; /* 0: the first byte */
	const char *loader, *guest_os, *xen_version, *features, *pae; /* pae: NULL is "yes" */
	u64 init_p2m, hypercall_page, phys32_entry, hv_start_low;
	bool mod_start_pfn, no_entry;
	size_t symtab, strtab; /* bytes of symbols, of their names; sections 3 and 4 */
	bool bsd_symtab;       /* the note */
	const char *string; /* for MK_STRING */
};

/* A kernel much like Linux: 16 MiB above its base, all notes. */
static const struct mk mk_linux UNUSED = {
	.where = MK_SEGMENT,
	.vbase = 0xffffffff80000000,
	.paddr = 0x100000,
	.text = 20000,
	.bss = 12345,
	.loader = "generic",
	.guest_os = "linux",
	.xen_version = "xen-3.0",
	.features = "!writable_page_tables|pae_pgdir_above_4gb",
	.init_p2m = 0x8000000000,
	.mod_start_pfn = true,
};

static UNUSED u8 mk_byte(size_t i)
{
	return (u8)(i * 7 + (i >> 8) * 13 + 1);
}

static UNUSED void mk_pad(struct buf *b, size_t align)
{
	while (b->len % align)
		buf_put_u8(b, 0);
}

static UNUSED void mk_note(struct buf *b, u32 type, const void *p, size_t len)
{
	buf_put_u32(b, 4);
	buf_put_u32(b, (u32)len);
	buf_put_u32(b, type);
	buf_put(b, "Xen", 4);
	buf_put(b, p, len);
	mk_pad(b, 4);
}

static UNUSED void mk_note_num(struct buf *b, u32 type, u64 v, size_t len)
{
	u8 raw[8];

	st64(raw, v);
	mk_note(b, type, raw, len);
}

static UNUSED void mk_note_str(struct buf *b, u32 type, const char *s)
{
	if (s)
		mk_note(b, type, s, strlen(s) + 1);
}

static UNUSED void mk_notes(struct buf *b, const struct mk *m, u64 entry)
{
	size_t word = m->elf32 ? 4 : 8;

	/* A note of somebody else first, with an odd size. */
	buf_put_u32(b, 5);
	buf_put_u32(b, 3);
	buf_put_u32(b, XEN_NOTE_ENTRY);
	buf_put(b, "Ours\0\0\0\0abc\0", 12);
	mk_note_str(b, XEN_NOTE_GUEST_OS, m->guest_os);
	mk_note_str(b, XEN_NOTE_GUEST_VERSION, "2.6");
	mk_note_str(b, XEN_NOTE_XEN_VERSION, m->xen_version);
	mk_note_str(b, XEN_NOTE_LOADER, m->loader);
	mk_note_num(b, XEN_NOTE_VIRT_BASE, m->vbase, word);
	mk_note_num(b, XEN_NOTE_PADDR_OFFSET, 0, word);
	if (!m->no_entry)
		mk_note_num(b, XEN_NOTE_ENTRY, entry, word);
	if (m->features)
		mk_note(b, XEN_NOTE_FEATURES, m->features, strlen(m->features));
	mk_note_num(b, XEN_NOTE_SUPPORTED_FEATURES, 0x8801, 4);
	mk_note_str(b, XEN_NOTE_PAE_MODE, m->pae ? m->pae : "yes");
	mk_note(b, XEN_NOTE_L1_MFN_VALID, "\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 16);
	mk_note_num(b, XEN_NOTE_SUSPEND_CANCEL, 1, 4);
	mk_note_num(b, XEN_NOTE_HV_START_LOW,
		    m->hv_start_low ? m->hv_start_low : m->elf32 ? 0xf5800000 : 0xffff800000000000, word);
	if (m->bsd_symtab)
		mk_note_str(b, XEN_NOTE_BSD_SYMTAB, "yes");
	if (m->mod_start_pfn)
		mk_note_num(b, XEN_NOTE_MOD_START_PFN, 1, 4);
	if (m->init_p2m)
		mk_note_num(b, XEN_NOTE_INIT_P2M, m->init_p2m, 8);
	if (m->hypercall_page)
		mk_note_num(b, XEN_NOTE_HYPERCALL_PAGE, m->hypercall_page, word);
	if (m->phys32_entry)
		mk_note_num(b, XEN_NOTE_PHYS32_ENTRY, m->phys32_entry, 4);
}

static UNUSED void mk_phdr(struct buf *b, bool elf32, u32 type, u64 off, u64 vaddr, u64 paddr, u64 filesz, u64 memsz)
{
	if (elf32) {
		buf_put_u32(b, type);
		buf_put_u32(b, (u32)off);
		buf_put_u32(b, (u32)vaddr);
		buf_put_u32(b, (u32)paddr);
		buf_put_u32(b, (u32)filesz);
		buf_put_u32(b, (u32)memsz);
		buf_put_u32(b, 7);
		buf_put_u32(b, 4096);
		return;
	}
	buf_put_u32(b, type);
	buf_put_u32(b, 7);
	buf_put_u64(b, off);
	buf_put_u64(b, vaddr);
	buf_put_u64(b, paddr);
	buf_put_u64(b, filesz);
	buf_put_u64(b, memsz);
	buf_put_u64(b, 4096);
}

static UNUSED void mk_shdr(struct buf *b, bool elf32, u32 name, u32 type, u64 off, u64 size)
{
	size_t start = b->len;

	buf_put_u32(b, name);
	buf_put_u32(b, type);
	if (elf32) {
		buf_put_u32(b, 0);
		buf_put_u32(b, 0);
		buf_put_u32(b, (u32)off);
		buf_put_u32(b, (u32)size);
	} else {
		buf_put_u64(b, 0);
		buf_put_u64(b, 0);
		buf_put_u64(b, off);
		buf_put_u64(b, size);
	}
	while (b->len - start < (elf32 ? 40u : 64u))
		buf_put_u8(b, 0);
}

/* The ELF. Its headers, then the text at 4096, then notes, names and sections. */
static UNUSED struct buf mk_elf(const struct mk *m)
{
	static const char names[] = "\0.note.Xen\0__xen_guest\0.shstrtab";
	struct buf b = { 0 };
	u64 vaddr = m->vbase + m->paddr, entry = m->entry ? m->entry : vaddr;
	size_t eh = m->elf32 ? 52 : 64, ph = m->elf32 ? 32 : 56, notes, notes_len, strings, sections, i;
	/* Addresses in the ELF of a kernel with the old string are virtual unless it says otherwise. */
	u64 paddr = m->where == MK_STRING ? vaddr : m->paddr;

	for (i = 0; i < 4096; i++)
		buf_put_u8(&b, 0);
	for (i = 0; i < m->text; i++)
		buf_put_u8(&b, mk_byte(i));
	mk_pad(&b, 4);
	notes = b.len;
	if (m->where == MK_STRING)
		buf_put(&b, m->string, strlen(m->string) + 1);
	else if (m->where != MK_NONE)
		mk_notes(&b, m, entry);
	notes_len = b.len - notes;
	strings = b.len;
	buf_put(&b, names, sizeof names);
	mk_pad(&b, 8);
	sections = b.len;
	mk_shdr(&b, m->elf32, 0, 0, 0, 0);
	mk_shdr(&b, m->elf32, m->where == MK_STRING ? 11 : 1, m->where == MK_SECTION ? 7 : 1, notes, notes_len);
	mk_shdr(&b, m->elf32, 23, 3, strings, sizeof names);
	if (m->symtab) {
		u64 at = sections + 5 * (m->elf32 ? 40 : 64);

		mk_shdr(&b, m->elf32, 0, 2, at, m->symtab);
		st32(b.p + b.len - (m->elf32 ? 40 - 24 : 64 - 40), 4); /* sh_link */
		mk_shdr(&b, m->elf32, 0, 3, at + m->symtab, m->strtab);
		for (i = 0; i < m->symtab + m->strtab; i++)
			buf_put_u8(&b, mk_byte(i + 77));
	}

	memcpy(b.p, "\177ELF", 4);
	b.p[4] = m->elf32 ? 1 : 2;
	b.p[5] = 1;
	b.p[6] = 1;
	st16(b.p + 16, 2);
	st16(b.p + 18, m->elf32 ? 3 : 62);
	st32(b.p + 20, 1);
	if (m->elf32) {
		st32(b.p + 24, (u32)entry);
		st32(b.p + 28, (u32)eh);
		st32(b.p + 32, (u32)sections);
	} else {
		st64(b.p + 24, entry);
		st64(b.p + 32, eh);
		st64(b.p + 40, sections);
	}
	st16(b.p + eh - 12, (u16)eh);
	st16(b.p + eh - 10, (u16)ph);
	st16(b.p + eh - 8, m->where == MK_SEGMENT ? 2 : 1);
	st16(b.p + eh - 6, m->elf32 ? 40 : 64);
	st16(b.p + eh - 4, m->symtab ? 5 : 3);
	st16(b.p + eh - 2, 2);
	{
		struct buf h = { 0 };

		mk_phdr(&h, m->elf32, 1, 4096, vaddr, paddr, m->text, m->text + m->bss);
		if (m->where == MK_SEGMENT)
			mk_phdr(&h, m->elf32, 4, notes, 0, 0, notes_len, notes_len);
		memcpy(b.p + eh, h.p, h.len);
		buf_free(&h);
	}
	return b;
}

/* A bzImage of protocol 2.15 around a packed payload; the size trailer is added. */
static UNUSED struct buf mk_bzimage(const u8 *payload, size_t len, u32 unpacked)
{
	struct buf b = { 0 };
	u32 sects = 3, pm_pad = 0x2d0, i;

	for (i = 0; i < (sects + 1) * 512 + pm_pad; i++)
		buf_put_u8(&b, 0);
	b.p[0x1f1] = (u8)sects;
	st16(b.p + 0x1fe, 0xaa55);
	memcpy(b.p + 0x202, "HdrS", 4);
	st16(b.p + 0x206, 0x020f);
	st32(b.p + 0x248, pm_pad);
	st32(b.p + 0x24c, (u32)len + 4);
	buf_put(&b, payload, len);
	buf_put_u32(&b, unpacked);
	/* What follows the payload in a real one. */
	for (i = 0; i < 100; i++)
		buf_put_u8(&b, 0xee);
	return b;
}

#endif
