/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The domain builder: what it puts where, walked through its own page tables, and what it refuses.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <check.h>
#include <errno.h>
#include <glob.h>

#include "mmu/frames.h"
#include "pv/build/bootmap.h"
#include "pv/build/builder.h"
#include "tests/suites.h"
#include "tests/unit/mkkernel.h"
#include "tests/unit/quick.h"

#define BASE 0x1234
#define NOT_MAPPED UINT64_MAX

struct guest {
	struct frame_pool pool;
	struct mem mem;
	struct buf file;
	struct xen_kernel k;
	struct pv_build_in in;
	struct pv_build_out out;
	struct error e;
	u8 si[SI64_SIZE];
};

static void guest_init(struct guest *g, u64 mib)
{
	u64 i;

	memset(g, 0, sizeof *g);
	ck_assert_int_eq(frame_pool_init(&g->pool), 0);
	ck_assert_int_eq(mem_init(&g->mem, &g->pool, BASE + mib * 256 + 10), 0);
	for (i = 0; i < mib * 256; i++)
		quick_eq(mem_add(&g->mem, BASE + i), 0);
	g->in.mem = &g->mem;
	g->in.mfn_base = BASE;
	g->in.nr_pages = mib * 256;
	g->in.kernel = &g->k;
	g->in.cmdline = "console=hvc0 quiet";
	g->in.shared_info_mfn = 0x777;
	g->in.store_evtchn = 1;
	g->in.console_evtchn = 2;
}

static void guest_free(struct guest *g)
{
	xen_kernel_free(&g->k);
	buf_free(&g->file);
	mem_free(&g->mem);
	frame_pool_free(&g->pool);
}

static void guest_kernel(struct guest *g, const struct mk *m)
{
	xen_kernel_free(&g->k);
	buf_free(&g->file);
	g->file = mk_elf(m);
	ck_assert_msg(!xen_kernel_load(&g->k, g->file.p, g->file.len, "testkernel", XEN_KERNEL_MAX, NULL, &g->e), "%s",
		      g->e.text);
}

static void guest_build(struct guest *g)
{
	int rc = pv_build(&g->in, &g->out, &g->e);

	ck_assert_msg(!rc, "%d: %s", rc, g->e.text);
	ck_assert_int_eq(mem_read(&g->mem, g->out.start_info_mfn << PAGE_SHIFT, g->si, sizeof g->si), 0);
}

static void guest_refused(struct guest *g, int want, const char *words)
{
	int rc;

	g->e.text[0] = 0;
	rc = pv_build(&g->in, &g->out, &g->e);
	ck_assert_msg(rc == want, "%d instead of %d: %s", rc, want, g->e.text);
	ck_assert_msg(strstr(g->e.text, words), "no \"%s\" in: %s", words, g->e.text);
}

/* The leaf entry for va by a walk from the L4, or NOT_MAPPED. Non-leaf entries must be P RW A D U. */
static u64 walk(const struct guest *g, u64 va)
{
	u64 mfn = g->out.l4_mfn;
	int level;

	for (level = 3;; level--) {
		u64 e = mem_read_u64(&g->mem, (mfn << PAGE_SHIFT) + (va >> (12 + 9 * level) & 511) * 8);

		if (!(e & 1))
			return NOT_MAPPED;
		if (!level)
			return e;
		quick_eq(e & 0xfff, 0x67);
		mfn = e >> PAGE_SHIFT;
	}
}

static bool is_table(const struct guest *g, u64 mfn)
{
	return mfn - g->out.first_pt_mfn < g->out.nr_pt_frames ||
	       mfn - g->out.first_p2m_pt_mfn < g->out.nr_p2m_pt_frames;
}

/* The bytes at va, through the tables. */
static void read_va(const struct guest *g, u64 va, void *dst, size_t n)
{
	u8 *d = dst;

	while (n) {
		size_t step = MIN(n, PAGE_SIZE - PAGE_OFFSET(va));
		u64 e = walk(g, va);

		ck_assert_uint_ne(e, NOT_MAPPED);
		ck_assert_int_eq(mem_read(&g->mem, PAGE_BASE(e) | PAGE_OFFSET(va), d, step), 0);
		d += step;
		va += step;
		n -= step;
	}
}

/* Everything that holds for any guest: the map, the tables, the list, start_info. */
static void check_guest(const struct guest *g)
{
	const struct pv_build_out *o = &g->out;
	u64 pages = (o->virt_end - o->virt_base) >> PAGE_SHIFT, i, entries = 0, n;
	u64 pt_base = ld64(g->si + SI64_PT_BASE), list = ld64(g->si + SI64_MFN_LIST);
	bool apart = list < o->virt_base;

	ck_assert_uint_eq(o->virt_end & ((4u << 20) - 1), 0);
	for (i = 0; i < pages; i++) {
		u64 e = walk(g, o->virt_base + (i << PAGE_SHIFT));

		if (e != ((BASE + i) << PAGE_SHIFT | (is_table(g, BASE + i) ? 0x21 : 0x23)))
			ck_abort_msg("page 0x%llx has entry 0x%llx", (unsigned long long)i, (unsigned long long)e);
	}
	/* Nothing else is mapped: so many entries are present in all tables together, each table but the L4 having one.
	 */
	for (i = BASE; i < BASE + g->in.nr_pages; i++) {
		if (!is_table(g, i))
			continue;
		for (n = 0; n < 512; n++)
			entries += mem_read_u64(&g->mem, (i << PAGE_SHIFT) + n * 8) != 0;
	}
	ck_assert_uint_eq(entries, pages + (apart ? o->nr_p2m_frames : 0) + o->nr_pt_frames + o->nr_p2m_pt_frames - 1);
	ck_assert_uint_eq(walk(g, o->virt_end), NOT_MAPPED);
	if (o->virt_base)
		ck_assert_uint_eq(walk(g, o->virt_base - PAGE_SIZE), NOT_MAPPED);

	/* The list says which frame each page is, wherever it lies. */
	n = DIV_UP(g->in.nr_pages, 512);
	ck_assert_uint_eq(list, o->p2m_va);
	ck_assert_uint_eq(n, o->nr_p2m_frames);
	for (i = 0; i < n; i++)
		ck_assert_uint_eq(walk(g, list + (i << PAGE_SHIFT)), (BASE + o->p2m_pfn + i) << PAGE_SHIFT | 0x23);
	for (i = 0; i < g->in.nr_pages; i++) {
		u64 e = mem_read_u64(&g->mem, ((BASE + o->p2m_pfn) << PAGE_SHIFT) + 8 * i);

		if (e != BASE + i)
			ck_abort_msg("p2m[0x%llx] is 0x%llx", (unsigned long long)i, (unsigned long long)e);
	}
	if (apart)
		ck_assert_uint_eq(walk(g, list + (n << PAGE_SHIFT)), NOT_MAPPED);
	ck_assert_uint_eq(ld64(g->si + SI64_FIRST_P2M_PFN), o->p2m_pfn);
	ck_assert_uint_eq(ld64(g->si + SI64_NR_P2M_FRAMES), n + (apart ? o->nr_p2m_pt_frames : 0));

	ck_assert_str_eq((const char *)g->si, "xen-3.0-x86_64");
	ck_assert_uint_eq(ld64(g->si + SI64_NR_PAGES), g->in.nr_pages);
	ck_assert_uint_eq(ld64(g->si + SI64_SHARED_INFO), 0x777000);
	ck_assert_uint_eq(ld64(g->si + SI64_STORE_MFN), o->store_mfn);
	ck_assert_uint_eq(ld32(g->si + SI64_STORE_EVTCHN), 1);
	ck_assert_uint_eq(ld64(g->si + SI64_CONSOLE_MFN), o->console_mfn);
	ck_assert_uint_eq(ld32(g->si + SI64_CONSOLE_EVTCHN), 2);
	ck_assert_uint_eq(ld64(g->si + SI64_NR_PT_FRAMES), o->nr_pt_frames);
	ck_assert_str_eq((const char *)g->si + SI64_CMD_LINE, g->in.cmdline);
	ck_assert_uint_eq(ld32(g->si + SI64_FLAGS) & ~8u, 16);

	/* The order of public/xen.h, page by page. */
	ck_assert_uint_eq(o->store_mfn, o->start_info_mfn + 1);
	ck_assert_uint_eq(o->console_mfn, o->start_info_mfn + 2);
	ck_assert_uint_eq(o->first_pt_mfn, o->start_info_mfn + 3);
	ck_assert_uint_eq(o->l4_mfn, o->first_pt_mfn);
	ck_assert_uint_eq(PAGE_BASE(walk(g, pt_base)) >> PAGE_SHIFT, o->l4_mfn);
	ck_assert_uint_eq(PAGE_BASE(walk(g, o->rsi)) >> PAGE_SHIFT, o->start_info_mfn);
	/* One page of stack right after the tables, then at least 512 KiB of pad. */
	ck_assert_uint_eq(o->rsp, pt_base + (o->nr_pt_frames + 1) * PAGE_SIZE);
	ck_assert_uint_ge(o->virt_end - o->rsp, 512 * 1024);
	ck_assert_uint_lt(o->virt_end - o->rsp, 512 * 1024 + (4 << 20) + PAGE_SIZE);
	ck_assert_uint_le(o->used_pages, g->in.nr_pages);
}

static void check_text(const struct guest *g, const struct mk *m)
{
	u8 *p = malloc(m->text + m->bss);
	size_t i;

	read_va(g, m->vbase + m->paddr, p, m->text + m->bss);
	for (i = 0; i < m->text + m->bss; i++)
		if (p[i] != (i < m->text ? mk_byte(i) : 0))
			ck_abort_msg("byte %zu of the kernel differs", i);
	free(p);
}

START_TEST(as_linux)
{
	struct guest g;
	u8 initrd[10000], back[10000];
	size_t i;

	for (i = 0; i < sizeof initrd; i++)
		initrd[i] = mk_byte(i + 99);
	guest_init(&g, 32);
	guest_kernel(&g, &mk_linux);
	g.in.initrd = initrd;
	g.in.initrd_len = sizeof initrd;
	guest_build(&g);
	check_guest(&g);
	check_text(&g, &mk_linux);
	ck_assert_uint_eq(g.out.rip, 0xffffffff80100000);
	ck_assert_uint_eq(g.out.virt_base, 0xffffffff80000000);
	ck_assert_uint_eq(g.out.virt_end, 0xffffffff80400000);
	ck_assert_uint_eq(g.out.p2m_va, 0x8000000000);
	/* 0x100000 + 20000 + 12345 bytes end in page 0x108. */
	ck_assert_uint_eq(g.out.start_info_mfn, BASE + 0x108);
	/* L4, L3, L2, two L1 for 4 MiB; and L3, L2, L1 for the list. */
	ck_assert_uint_eq(g.out.nr_pt_frames, 5);
	ck_assert_uint_eq(g.out.nr_p2m_pt_frames, 3);
	/* The initrd comes first after the boot region, then the list, then its tables; none of it in the boot map. */
	ck_assert_uint_eq(ld32(g.si + SI64_FLAGS), 16 | 8);
	ck_assert_uint_eq(ld64(g.si + SI64_MOD_START), 0x400);
	ck_assert_uint_eq(ld64(g.si + SI64_MOD_LEN), sizeof initrd);
	ck_assert_int_eq(mem_read(&g.mem, (BASE + 0x400) << PAGE_SHIFT, back, sizeof back), 0);
	ck_assert_int_eq(memcmp(initrd, back, sizeof back), 0);
	ck_assert_uint_eq(g.out.p2m_pfn, 0x403);
	ck_assert_uint_eq(g.out.first_p2m_pt_mfn, BASE + 0x403 + 16);
	ck_assert_uint_eq(g.out.used_pages, 0x403 + 16 + 3);
	ck_assert(!g.out.has_hypercall_page);
	guest_free(&g);
}
END_TEST

/* What of an ELF file in guest memory starts at va: a number of 2 to 8 bytes at off. */
static u64 elf_word(const struct guest *g, u64 va, u32 off, u32 size)
{
	u8 b[8] = { 0 };

	read_va(g, va + off, b, size);
	return ld64(b);
}

static void check_bytes(const struct guest *g, u64 va, size_t n, size_t from)
{
	u8 *p = malloc(n);
	size_t i;

	ck_assert_ptr_nonnull(p);
	read_va(g, va, p, n);
	for (i = 0; i < n; i++)
		if (p[i] != mk_byte(from + i))
			ck_abort_msg("byte %zu differs", i);
	free(p);
}

/* BSD_SYMTAB: symbols and their names behind the kernel, as Xen's loader lays them; then what follows a kernel. */
START_TEST(symbols)
{
	struct mk m = mk_linux;
	struct guest g;
	u64 at, elf, word = 8;
	struct xen_kernel k;

	guest_init(&g, 32);
	m.symtab = 24 * 300 + 1;
	m.strtab = 5003;
	guest_kernel(&g, &m);
	ck_assert_ptr_null(g.k.symbols); /* nobody asked */
	m.bsd_symtab = true;
	guest_kernel(&g, &m);
	guest_build(&g);
	check_guest(&g);
	check_text(&g, &m);
	at = ALIGN_UP(m.vbase + m.paddr + m.text + m.bss, word);
	elf = at + 4;
	ck_assert_uint_eq(elf_word(&g, at, 0, 4), 260 + ALIGN_UP(m.symtab, word) + m.strtab);
	ck_assert_uint_eq(elf_word(&g, elf, 0, 4), 0x464c457f);
	ck_assert_uint_eq(elf_word(&g, elf, 16, 2), 2);
	ck_assert_uint_eq(elf_word(&g, elf, 18, 2), 62);
	ck_assert_uint_eq(elf_word(&g, elf, 24, 8), g.out.rip);
	ck_assert_uint_eq(elf_word(&g, elf, 32, 8), 0);
	ck_assert_uint_eq(elf_word(&g, elf, 40, 8), 64);
	ck_assert_uint_eq(elf_word(&g, elf, 52, 8), 64 | 64ULL << 48);
	ck_assert_uint_eq(elf_word(&g, elf, 60, 4), 3);
	ck_assert_uint_eq(elf_word(&g, elf, 64, 8), 0);
	ck_assert_uint_eq(elf_word(&g, elf, 128 + 4, 4), 2);
	ck_assert_uint_eq(elf_word(&g, elf, 128 + 24, 8), 260);
	ck_assert_uint_eq(elf_word(&g, elf, 128 + 32, 8), m.symtab);
	ck_assert_uint_eq(elf_word(&g, elf, 128 + 40, 4), 2);
	ck_assert_uint_eq(elf_word(&g, elf, 192 + 4, 4), 3);
	ck_assert_uint_eq(elf_word(&g, elf, 192 + 24, 8), 260 + ALIGN_UP(m.symtab, word));
	ck_assert_uint_eq(elf_word(&g, elf, 192 + 32, 8), m.strtab);
	check_bytes(&g, elf + 260, m.symtab, 77);
	check_bytes(&g, elf + 260 + ALIGN_UP(m.symtab, word), m.strtab, 77 + m.symtab);
	ck_assert_uint_eq(g.out.start_info_mfn,
			  BASE + DIV_UP(ALIGN_UP(elf + 260 + ALIGN_UP(m.symtab, word) + m.strtab, word) - m.vbase, PAGE_SIZE));
	/* A table without names, or cut off, is none; the kernel starts all the same. */
	st32(g.file.p + ld64(g.file.p + 40) + 3 * 64 + 40, 1);
	ck_assert_int_eq(xen_kernel_load(&k, g.file.p, g.file.len, "testkernel", XEN_KERNEL_MAX, NULL, &g.e), 0);
	ck_assert_ptr_null(k.symbols);
	xen_kernel_free(&k);
	st32(g.file.p + ld64(g.file.p + 40) + 3 * 64 + 40, 4);
	ck_assert_int_eq(xen_kernel_load(&k, g.file.p, g.file.len - 1, "testkernel", XEN_KERNEL_MAX, NULL, &g.e), 0);
	ck_assert_ptr_null(k.symbols);
	ck_assert_uint_eq(k.pend, m.paddr + m.text + m.bss);
	xen_kernel_free(&k);
	/* 32 bits: words of 4 bytes, headers of 40, in the same room. */
	m.elf32 = true;
	m.vbase = 0xc0000000;
	m.init_p2m = 0;
	guest_kernel(&g, &m);
	at = ALIGN_UP(m.paddr + m.text + m.bss, 4);
	ck_assert_uint_eq(g.k.symbols_paddr, at);
	ck_assert_uint_eq(g.k.pend, at + g.k.symbols_len);
	ck_assert_uint_eq(ld32(g.k.symbols), 256 + ALIGN_UP(m.symtab, 4) + m.strtab);
	ck_assert_uint_eq(ld32(g.k.symbols + 4 + 28), 0);
	ck_assert_uint_eq(ld32(g.k.symbols + 4 + 32), 64);
	ck_assert_uint_eq(ld64(g.k.symbols + 4 + 40), 52 | 40ULL << 48);
	ck_assert_uint_eq(ld16(g.k.symbols + 4 + 48), 3);
	ck_assert_uint_eq(ld32(g.k.symbols + 4 + 104 + 16), 256);
	ck_assert_uint_eq(ld32(g.k.symbols + 4 + 104 + 24), 2);
	ck_assert_uint_eq(ld32(g.k.symbols + 4 + 144 + 16), 256 + ALIGN_UP(m.symtab, 4));
	ck_assert_uint_eq(g.k.symbols[260], mk_byte(77));
	guest_free(&g);
}
END_TEST

START_TEST(as_old_guest)
{
	struct mk m = mk_linux;
	struct guest g;
	u8 initrd[5000], back[5000], page[PAGE_SIZE];
	static const u8 slot2[] = { 0x51, 0x41, 0x53, 0xb8, 2, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3, 0xcc };
	static const u8 slot23[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, 23, 0, 0, 0, 0x0f, 0x05, 0xcc };
	u64 start;

	/* Initrd and list in the boot region, a hypercall page, notes in the old string, the lowest base. */
	memset(initrd, 0xab, sizeof initrd);
	m.where = MK_STRING;
	m.vbase = 0;
	m.init_p2m = 0;
	m.string = "GUEST_OS=mini,XEN_VER=xen-3.0,LOADER=generic,VIRT_BASE=0,VIRT_ENTRY=0x100020,HYPERCALL_PAGE=0x102";
	guest_init(&g, 16);
	guest_kernel(&g, &m);
	g.in.initrd = initrd;
	g.in.initrd_len = sizeof initrd;
	guest_build(&g);
	check_guest(&g);
	ck_assert_uint_eq(g.out.rip, 0x100020);
	ck_assert_uint_eq(ld32(g.si + SI64_FLAGS), 16);
	start = ld64(g.si + SI64_MOD_START);
	ck_assert_uint_eq(start, 0x108000);
	read_va(&g, start, back, sizeof back);
	ck_assert_int_eq(memcmp(initrd, back, sizeof back), 0);
	ck_assert_uint_eq(g.out.p2m_va, 0x10a000);
	ck_assert_uint_eq(g.out.nr_p2m_pt_frames, 0);
	ck_assert_uint_eq(g.out.rsi, 0x10a000 + 8 * PAGE_SIZE);
	ck_assert(g.out.has_hypercall_page);
	ck_assert_uint_eq(g.out.hypercall_page_mfn, BASE + 0x102);
	read_va(&g, 0x102000, page, sizeof page);
	ck_assert_int_eq(memcmp(page + 2 * 32, slot2, sizeof slot2), 0);
	ck_assert_int_eq(memcmp(page + 23 * 32, slot23, sizeof slot23), 0);
	ck_assert_uint_eq(ld32(page + 127 * 32 + 4), 127);
	guest_free(&g);
}
END_TEST

/* Sizes at which something rolls over: the pad meets a 4 MiB boundary, an L1 more is needed. */
START_TEST(many_sizes)
{
	struct mk m = mk_linux;
	struct guest g;
	size_t pages;

	m.paddr = 0;
	m.bss = 0;
	for (pages = 1024 - 140; pages < 1024 + 20; pages += 3) {
		m.text = pages * PAGE_SIZE - 1;
		guest_init(&g, 20);
		guest_kernel(&g, &m);
		guest_build(&g);
		check_guest(&g);
		guest_free(&g);
	}
}
END_TEST

START_TEST(odd_places)
{
	struct mk m = mk_linux;
	struct guest g;

	/* The list shares an L3 and an L2 with the boot region, below it. */
	m.vbase = 0x40000000;
	m.init_p2m = 0x3fe00000;
	guest_init(&g, 32);
	guest_kernel(&g, &m);
	guest_build(&g);
	check_guest(&g);
	ck_assert_uint_eq(g.out.nr_p2m_pt_frames, 2);
	m.vbase = 0x40400000;
	m.init_p2m = 0x40000000;
	guest_free(&g);
	guest_init(&g, 32);
	guest_kernel(&g, &m);
	guest_build(&g);
	check_guest(&g);
	ck_assert_uint_eq(g.out.nr_p2m_pt_frames, 1);
	/* Above the base, or not at a page: it goes into the boot region, as Xen's tools do. */
	m.init_p2m = 0x50000000;
	guest_free(&g);
	guest_init(&g, 32);
	guest_kernel(&g, &m);
	guest_build(&g);
	check_guest(&g);
	ck_assert_uint_gt(g.out.p2m_va, m.vbase);
	/* No room for the list. */
	m.init_p2m = m.vbase - PAGE_SIZE;
	guest_kernel(&g, &m);
	guest_refused(&g, -EINVAL, "INIT_P2M 0x403ff000");
	/* Across the hole, in the hypervisor's slots, past the top. */
	m.init_p2m = 0;
	m.vbase = 0x7fffffe00000;
	guest_kernel(&g, &m);
	guest_refused(&g, -EINVAL, "VIRT_BASE 0x7fffffe00000");
	m.vbase = 0xffff800000000000;
	guest_kernel(&g, &m);
	guest_refused(&g, -EINVAL, "VIRT_BASE 0xffff800000000000");
	m.vbase = 0xffffffffffe00000;
	guest_kernel(&g, &m);
	guest_refused(&g, -EINVAL, "VIRT_BASE 0xffffffffffe00000");
	m.vbase = 0xffffffff80000800;
	guest_kernel(&g, &m);
	guest_refused(&g, -EINVAL, "not the address of a page");
	guest_free(&g);
}
END_TEST

START_TEST(refusals)
{
	struct mk m = mk_linux;
	struct guest g;
	char line[1025];

	guest_init(&g, 8);
	m.where = MK_NONE;
	guest_kernel(&g, &m);
	guest_refused(&g, -ENOEXEC, "CONFIG_XEN_PV");
	m = mk_linux;
	m.no_entry = true;
	m.phys32_entry = 0x100000;
	guest_kernel(&g, &m);
	guest_refused(&g, -ENOEXEC, "PVH only");
	m = mk_linux;
	m.loader = "special";
	m.guest_os = "odd";
	guest_kernel(&g, &m);
	guest_refused(&g, -ENOEXEC, "\"special\"");
	m = mk_linux;
	m.xen_version = "xen-2.0";
	guest_kernel(&g, &m);
	guest_refused(&g, -ENOEXEC, "\"xen-2.0\"");
	m = mk_linux;
	m.features = "!auto_translated_physmap";
	guest_kernel(&g, &m);
	guest_refused(&g, -ENOTSUP, "auto_translated_physmap");
	m.features = "!telepathy";
	guest_kernel(&g, &m);
	guest_refused(&g, -ENOTSUP, "unknown: telepathy");
	m = mk_linux;
	m.entry = m.vbase + 5;
	guest_kernel(&g, &m);
	guest_refused(&g, -EINVAL, "entry point 0xffffffff80000005");
	m = mk_linux;
	m.hypercall_page = m.vbase;
	guest_kernel(&g, &m);
	guest_refused(&g, -EINVAL, "HYPERCALL_PAGE");
	m = mk_linux;
	m.elf32 = true;
	m.vbase = 0xc0000000;
	m.pae = "no";
	guest_kernel(&g, &m);
	guest_refused(&g, -ENOTSUP, "without PAE");
	m.pae = NULL;
	m.vbase = 0xf5400000;
	guest_kernel(&g, &m);
	guest_refused(&g, -EINVAL, "not all addresses");
	m.vbase = 0xffffffffffe00000;
	m.paddr = 0;
	guest_kernel(&g, &m);
	guest_refused(&g, -EINVAL, "");
	m.paddr = 0x100000;
	m.vbase = 0xc0000000;
	m.hv_start_low = 0xf6000000;
	guest_kernel(&g, &m);
	guest_refused(&g, -ENOTSUP, "HV_START_LOW 0xf6000000");

	guest_kernel(&g, &mk_linux);
	memset(line, 'x', 1024);
	line[1024] = 0;
	g.in.cmdline = line;
	guest_refused(&g, -E2BIG, "1024 bytes");
	line[1023] = 0;
	guest_build(&g);
	check_guest(&g);
	g.in.nr_pages = 0;
	guest_refused(&g, -EINVAL, "0 pages");
	/* A frame the caller forgot. */
	guest_free(&g);
	guest_init(&g, 8);
	guest_kernel(&g, &mk_linux);
	mem_remove(&g.mem, BASE + 0x103);
	guest_refused(&g, -EFAULT, "no frame for page 0x103");
	guest_free(&g);
}
END_TEST

START_TEST(too_little_memory)
{
	struct mk m = mk_linux;
	struct guest g;
	u8 *initrd = calloc(1, 5 << 20);
	u64 need;

	m.bss = 30 << 20;
	guest_init(&g, 64);
	guest_kernel(&g, &m);
	g.in.initrd = initrd;
	g.in.initrd_len = 5 << 20;
	g.in.initrd_name = "ird.gz";
	need = pv_build_min_mib(&g.k, g.in.initrd_len);
	ck_assert_uint_ge(need, 36);
	ck_assert_uint_le(need, 42);
	/* One MiB less is too little, and the sentence says so; what it asks for does. */
	g.in.nr_pages = (need - 1) * 256;
	guest_refused(&g, -ENOMEM, "ird.gz (5120 KiB)");
	ck_assert_ptr_nonnull(strstr(g.e.text, "testkernel"));
	ck_assert_ptr_nonnull(strstr(g.e.text, "-m 96"));
	g.in.nr_pages = need * 256;
	guest_build(&g);
	check_guest(&g);
	g.in.nr_pages = 1;
	guest_refused(&g, -ENOMEM, "too little");
	guest_free(&g);
	free(initrd);
}
END_TEST

/* Pages of zeros stay the one shared page: a large guest costs what it writes. */
START_TEST(sparse)
{
	struct mk m = mk_linux;
	struct guest g;

	m.bss = 100 << 20;
	guest_init(&g, 200);
	guest_kernel(&g, &m);
	guest_build(&g);
	check_guest(&g);
	ck_assert_uint_lt(g.pool.live, 300);
	guest_free(&g);
}
END_TEST

/* Debian's kernel, where there is one (PARAVANE_TEST_KERNEL names another). */
START_TEST(real_kernel)
{
	const char *path = getenv("PARAVANE_TEST_KERNEL");
	glob_t gl = { 0 };
	struct guest g;
	u8 *file;
	size_t len;
	u8 head[64];
	int rc;

	if (!path && !glob("/boot/vmlinuz-*-amd64", 0, NULL, &gl) && gl.gl_pathc)
		path = gl.gl_pathv[gl.gl_pathc - 1];
	if (!path) {
		globfree(&gl);
		return;
	}
	guest_init(&g, 256);
	ck_assert_msg(!xen_file_read(path, "kernel", XEN_KERNEL_MAX, NULL, &file, &len, &g.e), "%s", g.e.text);
	rc = xen_kernel_load(&g.k, file, len, path, XEN_KERNEL_MAX, NULL, &g.e);
	if (rc == -ENOTSUP) {
		/* Its codec is not in this build. */
		guest_free(&g);
		free(file);
		globfree(&gl);
		return;
	}
	ck_assert_msg(!rc, "%s", g.e.text);
	ck_assert_int_ne(g.k.notes.source, XEN_NOTES_NONE);
	ck_assert_uint_eq(g.k.notes.virt_base, 0xffffffff80000000);
	ck_assert_uint_eq(g.k.notes.init_p2m, 0x8000000000);
	ck_assert_uint_eq(g.k.notes.hv_start_low, 0xffff800000000000);
	ck_assert_uint_eq(g.k.notes.l1_mfn_mask, 1);
	ck_assert_uint_eq(g.k.notes.features_required, 1);
	ck_assert_str_eq(g.k.notes.guest_os, "linux");
	ck_assert(xen_kernel_has(&g.k, XEN_NOTE_MOD_START_PFN) && xen_kernel_has(&g.k, XEN_NOTE_SUSPEND_CANCEL));
	guest_build(&g);
	check_guest(&g);
	/* startup_xen begins with cld. */
	read_va(&g, g.out.rip, head, sizeof head);
	ck_assert_uint_eq(head[0], 0xfc);
	guest_free(&g);
	free(file);
	globfree(&gl);
}
END_TEST

Suite *builder_suite(void)
{
	Suite *s = suite_create("builder");
	TCase *t = tcase_create("builder");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, as_linux);
	tcase_add_test(t, symbols);
	tcase_add_test(t, as_old_guest);
	tcase_add_test(t, many_sizes);
	tcase_add_test(t, odd_places);
	tcase_add_test(t, refusals);
	tcase_add_test(t, too_little_memory);
	tcase_add_test(t, sparse);
	tcase_add_test(t, real_kernel);
	suite_add_tcase(s, t);
	return s;
}
