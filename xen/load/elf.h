/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel ELF files, 32 and 64 bit, and the notes by which a kernel speaks to a Xen domain builder.
 */
#ifndef XEN_LOAD_ELF_H
#define XEN_LOAD_ELF_H

#include "base/log.h"
#include "base/types.h"

struct xen_kernel;
struct xen_notes;

enum { ELF_M_386 = 3, ELF_M_X86_64 = 62, ELF_M_AARCH64 = 183 };
enum { ELF_PT_LOAD = 1, ELF_PT_NOTE = 4, ELF_SHT_SYMTAB = 2, ELF_SHT_STRTAB = 3, ELF_SHT_NOTE = 7, ELF_SHT_NOBITS = 8 };

/* True when the bytes begin with ELF's magic. */
bool elf_probe(const u8 *p, size_t len);
/*
 * Reads k->image: header, segments, notes, and symbols when the notes ask for them. 0, or -EINVAL / -ENOTSUP / -ENOMEM with a
 * sentence. Frees nothing.
 */
int elf_parse(struct xen_kernel *k, struct error *e);

/*
 * Takes the notes named "Xen" from an area of len bytes, of avail (>= len) that may be read. Returns how many were
 * taken, or -1 when a name runs past the area or a descriptor past avail; the last one may be cut there.
 */
int elf_notes_parse(struct xen_notes *n, const u8 *p, size_t len, size_t avail);
/* Reads the old "NAME=value,NAME=value" string of a __xen_guest section; it ends at its first NUL or after len bytes.
 */
void elf_guest_string_parse(struct xen_notes *n, const u8 *p, size_t len);

/* "XENFEAT_dom0" is 11 and spelled "dom0" in notes; -1 for a name that public/features.h does not have. */
int pv_feature_bit(const char *name, size_t len);

#endif
