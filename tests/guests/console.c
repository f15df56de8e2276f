/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a domain finds at its start: start_info, p2m, M2P, shared_info, hypercall page, its symbols, xen_version, both
 * consoles.
 */
#include "tests/guests/lib.h"

/* The note BSD_SYMTAB. */
__asm__(".pushsection .note.Xen, \"a\", @note\n.balign 4\n.long 4, 4, 11\n.asciz \"Xen\"\n.asciz \"yes\"\n.popsection");

struct elf_symbol {
	u32 name;
	u8 info, other;
	u16 section;
	u64 value, size;
};
struct elf_section {
	u32 name, type;
	u64 flags, address, offset, size;
	u32 link, info;
	u64 align, entry_size;
};

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

void guest_main(void);

/* Behind the end, at the next 8 bytes: a length, then an ELF file of three sections. */
static void symbols(void)
{
	extern u8 _end[];
	u64 at = (A_(_end) + 7) & ~7UL, i, n, found = 0;
	const u8 *elf = (u8 *)at + 4;
	const struct elf_section *s = (struct elf_section *)(elf + 64);
	const struct elf_symbol *sym;
	const char *names;

	ck(*(u32 *)elf, 0x464c457f, "an ELF behind the end");
	ck(*(u64 *)(elf + 24), A_(hypercall_page) & ~0xfffffUL, "its entry point");
	ck(*(u64 *)(elf + 32), 0, "no program headers");
	ck(*(u64 *)(elf + 40), 64, "section headers");
	ck(*(u16 *)(elf + 60), 3, "three sections");
	ck(s[1].type | s[2].type << 8, 2 | 3 << 8, "symbols and strings");
	ck(s[1].link, 2, "that belong together");
	ck(s[1].offset, 260, "where the symbols are");
	ck(s[2].offset, 260 + ((s[1].size + 7) & ~7UL), "and the strings");
	ck(*(u32 *)at, s[2].offset + s[2].size, "the length of it all");
	sym = (struct elf_symbol *)(elf + s[1].offset);
	names = (char *)elf + s[2].offset;
	for (i = 0, n = s[1].size / sizeof *sym; i < n; i++)
		if (same(names + sym[i].name, "guest_main"))
			found = sym[i].value;
	ck(found, A_(guest_main), "a symbol");
}

void guest_main(void)
{
	u64 i, bad = 0;
	i64 r;
	struct {
		u32 submap, bits;
	} fi = { 0, 0 };
	char extra[16];

	printf("ok console ring\n");
	symbols();
	ck(memcmp(si->magic, "xen-3.0-x86_64", 14), 0, "magic");
	ck(si->nr_pages > 1000, 1, "nr_pages");
	for (i = 0; i < si->nr_pages; i++)
		bad += p2m[i] == ~0UL || M2P[p2m[i]] != i;
	ck(bad, 0, "M2P of p2m is the identity");
	ck(shi->vcpu[0].mask, 1, "events start masked");
	ck(shi->vcpu[0].time.version & 1, 0, "time version even");
	ck(shi->vcpu[0].time.mul != 0, 1, "time is filled");
	r = hc2(xen_version, 0, NULL);
	ck((u64)r >> 16, 4, "xen_version major");
	ck(hc2(xen_version, 1, extra), 0, "extraversion");
	ck(hc2(xen_version, 6, &fi), 0, "get_features");
	ck2(fi.bits & 0x1ff, 0xe0, 0xf0,
	    "features 0-8"); /* the oracle sets bit 4 by the FEATURES note, the tools only for 32 bits */
	ck(hc2(xen_version, 99, NULL), -ENOSYS, "xen_version unknown sub");
	ck(hc2(xen_version, 1, 0x1000), -EFAULT, "xen_version bad pointer");
	{
		i64 (*page)(u64, u64) = (i64(*)(u64, u64))(hypercall_page + HC_xen_version * 32);

		ck(page(0, 0), r, "hypercall page");
	}
	ck(hc(63, 0, 0, 0, 0, 0), -ENOSYS, "hypercall 63");
	ck(hc(1000, 0, 0, 0, 0, 0), -ENOSYS, "hypercall 1000");
	ck(hc(~0UL, 0, 0, 0, 0, 0), -ENOSYS, "hypercall -1");
	ckd(hc3(console_io, 9, 0, NULL), -EPERM, -ENOSYS, "console_io unknown"); /* who is asked first */
	ckd(hc3(console_io, 1, 0, NULL), -EPERM, 0, "console_io read");
	ck(PTE_MFN(*pte_of(A_(guest_main))), mfn_of((void *)(A_(guest_main) & ~(PAGE - 1))), "own page tables");
	ck(*pte_of(A_(pte_of(VIRT_BASE + 0x100000))) & P_RW, 0, "page tables are mapped read-only");
	ck(hc2(vm_assist, 0, 2), 0, "vm_assist");
	ck(hc2(vm_assist, 0, 77), -EINVAL, "vm_assist unknown type");
	ck(hc2(vm_assist, 9, 2), -ENOSYS, "vm_assist unknown command");
}
