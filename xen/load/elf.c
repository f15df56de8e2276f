/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF executables. System V ABI chapters 4 and 5; which segments are loaded and where notes are looked for follow Xen's
 * libelf, and so does the form in which a kernel is given its symbols. Leaves out relocation and everything of shared
 * objects.
 */
#include "xen/load/elf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "xen/load/loader.h"

/* A header, program header or section header, in either class. */
struct ehdr {
	u64 entry, phoff, shoff;
	u32 phnum, phentsize, shnum, shentsize, shstrndx;
	u16 type, machine;
};

struct phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz;
};

struct shdr {
	u32 name, type, link;
	u64 offset, size;
	const u8 *raw;
};

bool elf_probe(const u8 *p, size_t len)
{
	return len >= 4 && !memcmp(p, "\177ELF", 4);
}

static bool inside(const struct xen_kernel *k, u64 off, u64 len)
{
	return off <= k->image_len && len <= k->image_len - off;
}

static int get_ehdr(struct xen_kernel *k, struct ehdr *h, struct error *e)
{
	const u8 *p = k->image;
	size_t need;

	if (k->image_len < 16)
		return error_set(e, -EINVAL, "%s is truncated: its ELF is only %zu bytes long; get the file again",
				 k->name, k->image_len);
	if (p[4] != 1 && p[4] != 2)
		return error_set(e, -EINVAL, "%s is damaged: ELF class %u is neither 1 (32 bit) nor 2 (64 bit)",
				 k->name, p[4]);
	if (p[5] != 1)
		return error_set(e, -ENOTSUP,
				 "%s is a big-endian ELF (data encoding %u); x86 kernels are little-endian", k->name,
				 p[5]);
	k->elf64 = p[4] == 2;
	need = k->elf64 ? 64 : 52;
	if (k->image_len < need)
		return error_set(e, -EINVAL,
				 "%s is truncated: its ELF header ends at byte %zu and the ELF at %zu; get the file "
				 "again",
				 k->name, need, k->image_len);
	h->type = ld16(p + 16);
	h->machine = ld16(p + 18);
	if (k->elf64) {
		h->entry = ld64(p + 24);
		h->phoff = ld64(p + 32);
		h->shoff = ld64(p + 40);
		p += 54;
	} else {
		h->entry = ld32(p + 24);
		h->phoff = ld32(p + 28);
		h->shoff = ld32(p + 32);
		p += 42;
	}
	h->phentsize = ld16(p);
	h->phnum = ld16(p + 2);
	h->shentsize = ld16(p + 4);
	h->shnum = ld16(p + 6);
	h->shstrndx = ld16(p + 8);
	if (h->machine != ELF_M_386 && h->machine != ELF_M_X86_64)
		return error_set(e, -ENOTSUP,
				 "%s is an ELF for machine %u, not x86 (3 or 62); give a kernel built for x86", k->name,
				 h->machine);
	/* 2 is ET_EXEC, 3 is ET_DYN (position independent, loaded where its headers say). */
	if (h->type != 2 && h->type != 3)
		return error_set(e, -EINVAL,
				 "%s is an ELF of type %u, not an executable (2 or 3); give the linked kernel", k->name,
				 h->type);
	if (!h->phnum || h->phentsize < (k->elf64 ? 56u : 32u))
		return error_set(e, -EINVAL, "%s has no program headers to load (%u of %u bytes)", k->name, h->phnum,
				 h->phentsize);
	if (!inside(k, h->phoff, (u64)h->phnum * h->phentsize))
		return error_set(e, -EINVAL,
				 "%s is truncated: its %u program headers at byte %llu lie past the end (%zu bytes)",
				 k->name, h->phnum, (unsigned long long)h->phoff, k->image_len);
	return 0;
}

static struct phdr get_phdr(const struct xen_kernel *k, const struct ehdr *h, u32 i)
{
	const u8 *p = k->image + h->phoff + (u64)i * h->phentsize;
	struct phdr ph = { .type = ld32(p) };

	if (k->elf64) {
		ph.flags = ld32(p + 4);
		ph.offset = ld64(p + 8);
		ph.vaddr = ld64(p + 16);
		ph.paddr = ld64(p + 24);
		ph.filesz = ld64(p + 32);
		ph.memsz = ld64(p + 40);
	} else {
		ph.offset = ld32(p + 4);
		ph.vaddr = ld32(p + 8);
		ph.paddr = ld32(p + 12);
		ph.filesz = ld32(p + 16);
		ph.memsz = ld32(p + 20);
		ph.flags = ld32(p + 24);
	}
	return ph;
}

static struct shdr get_shdr(const struct xen_kernel *k, const struct ehdr *h, u32 i)
{
	const u8 *p = k->image + h->shoff + (u64)i * h->shentsize;
	struct shdr sh = { .name = ld32(p), .type = ld32(p + 4), .raw = p };

	if (k->elf64) {
		sh.offset = ld64(p + 24);
		sh.size = ld64(p + 32);
		sh.link = ld32(p + 40);
	} else {
		sh.offset = ld32(p + 16);
		sh.size = ld32(p + 20);
		sh.link = ld32(p + 24);
	}
	return sh;
}

static int get_segments(struct xen_kernel *k, const struct ehdr *h, struct error *e)
{
	u64 sum = 0;
	u32 i;

	k->segments = calloc(h->phnum, sizeof *k->segments);
	if (!k->segments)
		return error_set(e, -ENOMEM, "%s: not enough memory for %u program headers", k->name, h->phnum);
	k->pstart = UINT64_MAX;
	k->pend = 0;
	for (i = 0; i < h->phnum; i++) {
		struct phdr ph = get_phdr(k, h, i);
		struct xen_segment *s;

		/* A segment nobody may read, write or execute is not loaded. */
		if (ph.type != ELF_PT_LOAD || !(ph.flags & 7) || !ph.memsz)
			continue;
		if (ph.filesz > ph.memsz)
			return error_set(e, -EINVAL,
					 "%s is damaged: program header %u has %llu bytes in the file for %llu in "
					 "memory",
					 k->name, i, (unsigned long long)ph.filesz, (unsigned long long)ph.memsz);
		if (!inside(k, ph.offset, ph.filesz))
			return error_set(e, -EINVAL,
					 "%s is truncated: program header %u needs bytes %llu to %llu and the ELF has "
					 "%zu; get the file again",
					 k->name, i, (unsigned long long)ph.offset,
					 (unsigned long long)(ph.offset + ph.filesz), k->image_len);
		if (ph.paddr + ph.memsz < ph.paddr || ph.paddr + ph.memsz > UINT64_MAX - PAGE_SIZE)
			return error_set(e, -EINVAL,
					 "%s is damaged: program header %u puts %llu bytes at physical address 0x%llx, "
					 "past the end of the address space",
					 k->name, i, (unsigned long long)ph.memsz, (unsigned long long)ph.paddr);
		s = &k->segments[k->nsegments++];
		s->paddr = ph.paddr;
		s->vaddr = ph.vaddr;
		s->memsz = ph.memsz;
		s->filesz = ph.filesz;
		s->data = k->image + ph.offset;
		k->pstart = MIN(k->pstart, ph.paddr);
		k->pend = MAX(k->pend, ph.paddr + ph.memsz);
		sum = sum + ph.memsz < sum ? UINT64_MAX : sum + ph.memsz;
	}
	if (!k->nsegments)
		return error_set(e, -EINVAL, "%s has no segment to load in its %u program headers", k->name, h->phnum);
	/* Loading takes time by this sum: 65535 headers for the same gigabyte are not a kernel. */
	if (sum > k->pend - k->pstart)
		return error_set(e, -EINVAL, "%s is damaged: its segments overlap (%llu bytes from 0x%llx to 0x%llx)",
				 k->name, (unsigned long long)sum, (unsigned long long)k->pstart,
				 (unsigned long long)k->pend);
	return 0;
}

struct noted {
	int count; /* Xen notes taken */
	u64 bytes; /* looked at so far */
};

/* Takes Xen's notes from the area; counts them, or says that it is not well formed. */
static int take_notes(struct xen_kernel *k, u64 off, u64 len, const char *where, u32 i, struct noted *noted,
		      struct error *e)
{
	int n;

	if (!inside(k, off, len))
		return error_set(e, -EINVAL,
				 "%s is truncated: the notes of %s %u at byte %llu lie past the end (%zu bytes)",
				 k->name, where, i, (unsigned long long)off, k->image_len);
	/* Areas may overlap a little, but not so often that reading them takes long. */
	noted->bytes += len;
	if (noted->bytes > 4 * (u64)k->image_len)
		return error_set(e, -EINVAL, "%s is damaged: its note areas overlap (%s %u)", k->name, where, i);
	n = elf_notes_parse(&k->notes, k->image + off, (size_t)len, (size_t)(k->image_len - off));
	if (n < 0)
		return error_set(e, -EINVAL, "%s is damaged: a note of %s %u runs past the end of what there is",
				 k->name, where, i);
	noted->count += n;
	return 0;
}

/* True when section i has this name. */
static bool section_named(const struct xen_kernel *k, const struct ehdr *h, const struct shdr *sh, const char *name)
{
	struct shdr str;
	size_t n = strlen(name) + 1;

	if (h->shstrndx >= h->shnum)
		return false;
	str = get_shdr(k, h, h->shstrndx);
	return inside(k, str.offset, str.size) && sh->name < str.size && str.size - sh->name >= n &&
	       !memcmp(k->image + str.offset + sh->name, name, n);
}

/* Sections only help those who have them: a stripped or cut table is no error. */
static bool has_sections(const struct xen_kernel *k, const struct ehdr *h)
{
	return h->shnum && h->shentsize >= (k->elf64 ? 64u : 40u) && inside(k, h->shoff, (u64)h->shnum * h->shentsize);
}

/* Segments first, then sections, then the old string, as in libelf. */
static int get_notes(struct xen_kernel *k, const struct ehdr *h, struct error *e)
{
	bool sections = has_sections(k, h);
	struct noted noted = { 0 };
	int rc;
	u32 i;

	for (i = 0; i < h->phnum; i++) {
		struct phdr ph = get_phdr(k, h, i);

		if (ph.type != ELF_PT_NOTE || !ph.filesz)
			continue;
		rc = take_notes(k, ph.offset, ph.filesz, "program header", i, &noted, e);
		if (rc)
			return rc;
	}
	if (noted.count) {
		k->notes.source = XEN_NOTES_SEGMENT;
		return 0;
	}
	for (i = 0; sections && i < h->shnum; i++) {
		struct shdr sh = get_shdr(k, h, i);

		if (sh.type != ELF_SHT_NOTE || !sh.size)
			continue;
		rc = take_notes(k, sh.offset, sh.size, "section", i, &noted, e);
		if (rc)
			return rc;
	}
	if (noted.count) {
		k->notes.source = XEN_NOTES_SECTION;
		return 0;
	}
	for (i = 0; sections && i < h->shnum; i++) {
		struct shdr sh = get_shdr(k, h, i);

		if (sh.type == ELF_SHT_NOBITS || !inside(k, sh.offset, sh.size) ||
		    !section_named(k, h, &sh, "__xen_guest"))
			continue;
		elf_guest_string_parse(&k->notes, k->image + sh.offset, (size_t)sh.size);
		k->notes.source = XEN_NOTES_GUEST_STRING;
		break;
	}
	return 0;
}

/* ---- symbols ---------------------------------------------------------------------------------------------------- */

/* The symbol table and its strings. False: there are none that can be loaded. */
static bool find_symbols(const struct xen_kernel *k, const struct ehdr *h, struct shdr *sym, struct shdr *str)
{
	u32 i;

	for (i = 0; has_sections(k, h) && i < h->shnum; i++) {
		*sym = get_shdr(k, h, i);
		if (sym->type != ELF_SHT_SYMTAB || sym->link >= h->shnum)
			continue;
		*str = get_shdr(k, h, sym->link);
		return str->type == ELF_SHT_STRTAB && inside(k, sym->offset, sym->size) && inside(k, str->offset, str->size);
	}
	return false;
}

static void put_word(const struct xen_kernel *k, u8 *p, u64 v)
{
	if (k->elf64)
		st64(p, v);
	else
		st32(p, (u32)v);
}

/* A section header as in the file, with another place and link. */
static void put_section(const struct xen_kernel *k, u8 *p, const struct shdr *sh, u64 offset, u32 link)
{
	memcpy(p, sh->raw, k->elf64 ? 64 : 40);
	put_word(k, p + (k->elf64 ? 24 : 16), offset);
	st32(p + (k->elf64 ? 40 : 24), link);
}

/*
 * What BSD_SYMTAB asks for, behind the segments: the length of all that follows (u32), then an ELF file of three sections
 * (none, symbols, strings), in which Xen's loader has room for headers of 64 bytes whatever the class. A kernel without
 * symbols gets none.
 */
static int get_symbols(struct xen_kernel *k, const struct ehdr *h, struct error *e)
{
	u64 word = k->elf64 ? 8 : 4, sym_at, str_at, len, start = ALIGN_UP(k->pend, word);
	u32 ehsize = k->elf64 ? 64 : 52, shsize = k->elf64 ? 64 : 40;
	struct shdr sym, str;
	u8 *p;

	if (!k->notes.bsd_symtab || !find_symbols(k, h, &sym, &str))
		return 0;
	sym_at = ALIGN_UP(4 + 4 * 64, word);
	str_at = ALIGN_UP(sym_at + sym.size, word);
	len = ALIGN_UP(str_at + str.size, word);
	if (start < k->pend || len > UINT64_MAX - PAGE_SIZE - start)
		return error_set(e, -EINVAL, "%s is damaged: there is no room for its symbols behind 0x%llx", k->name,
				 (unsigned long long)k->pend);
	p = calloc(1, (size_t)len);
	if (!p)
		return error_set(e, -ENOMEM, "%s: not enough memory for %llu bytes of symbols", k->name,
				 (unsigned long long)len);
	k->symbols = p;
	k->symbols_len = (size_t)len;
	k->symbols_paddr = start;
	k->pend = start + len;
	memcpy(p + sym_at, k->image + sym.offset, (size_t)sym.size);
	memcpy(p + str_at, k->image + str.offset, (size_t)str.size);
	st32(p, (u32)(str_at + str.size - 4));
	p += 4;
	memcpy(p, k->image, ehsize);
	st32(p + 20, 1); /* e_version */
	put_word(k, p + (k->elf64 ? 32 : 28), 0);
	put_word(k, p + (k->elf64 ? 40 : 32), 64);
	/* e_ehsize, no program headers, e_shentsize, e_shnum, no section of names */
	st16(p + ehsize - 12, (u16)ehsize);
	st32(p + ehsize - 10, 0);
	st16(p + ehsize - 6, (u16)shsize);
	st16(p + ehsize - 4, 3);
	st16(p + ehsize - 2, 0);
	put_section(k, p + 64 + shsize, &sym, sym_at - 4, 2);
	put_section(k, p + 64 + 2 * shsize, &str, str_at - 4, str.link);
	return 0;
}

int elf_parse(struct xen_kernel *k, struct error *e)
{
	struct ehdr h = { 0 };
	int rc = get_ehdr(k, &h, e);

	if (!rc)
		rc = get_segments(k, &h, e);
	if (!rc)
		rc = get_notes(k, &h, e);
	if (!rc)
		rc = get_symbols(k, &h, e);
	if (rc)
		return rc;
	k->machine = h.machine;
	k->elf_entry = h.entry;
	return 0;
}
