/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 32-bit PAE guests: what the builder makes, encodings, frames and the iret hypercall at their edges (pv/compat,
 * pv/build/abi.c). What a guest can see is tested by the guests of tests/guests/compat.
 */
#include "cpu/x86/decode.h"
#include "pv/build/builder.h"
#include "pv/compat/compat.h"
#include "pv/traps_impl.h"
#include "tests/suites.h"
#include "tests/unit/mkkernel.h"
#include "tests/unit/pv_env.h"
#include "tests/unit/quick.h"
#include "vm/x86.h"
#include "xen/load/elf.h"

/* ---- the builder ------------------------------------------------------------------------------------------------- */

#define BASE 0x40000ULL

struct built {
	struct frame_pool pool;
	struct mem mem;
	struct buf file;
	struct xen_kernel k;
	struct pv_build_in in;
	struct pv_build_out out;
	struct error e;
	u8 si[SI32_SIZE];
};

static void build(struct built *g, u64 vbase, const char *pae, u64 mib)
{
	struct mk m = mk_linux;
	u64 i;

	memset(g, 0, sizeof *g);
	m.elf32 = true;
	m.vbase = vbase;
	m.pae = pae;
	m.init_p2m = 0;
	m.mod_start_pfn = false;
	m.hypercall_page = vbase + 0x101000;
	ck_assert_int_eq(frame_pool_init(&g->pool), 0);
	ck_assert_int_eq(mem_init(&g->mem, &g->pool, BASE + mib * 256 + 10), 0);
	for (i = 0; i < mib * 256; i++)
		quick_msg(!mem_add(&g->mem, BASE + i), "frame");
	g->in = (struct pv_build_in){ .mem = &g->mem, .mfn_base = BASE, .nr_pages = mib * 256, .kernel = &g->k,
				      .cmdline = "hello", .shared_info_mfn = 0x777, .store_evtchn = 5,
				      .console_evtchn = 6, .initrd = (const u8 *)"initrd", .initrd_len = 6 };
	g->file = mk_elf(&m);
	ck_assert_msg(!xen_kernel_load(&g->k, g->file.p, g->file.len, "testkernel", XEN_KERNEL_MAX, NULL, &g->e), "%s",
		      g->e.text);
	ck_assert_msg(!pv_build(&g->in, &g->out, &g->e), "%s", g->e.text);
	ck_assert_int_eq(mem_read(&g->mem, g->out.start_info_mfn << PAGE_SHIFT, g->si, sizeof g->si), 0);
}

static void built_free(struct built *g)
{
	xen_kernel_free(&g->k);
	buf_free(&g->file);
	mem_free(&g->mem);
	frame_pool_free(&g->pool);
}

/* The leaf entry for va, or ~0. */
static u64 walk(const struct built *g, u32 va)
{
	u64 mfn = g->out.l4_mfn;
	u32 shift;

	for (shift = 30;; shift -= 9) {
		u64 e = mem_read_u64(&g->mem, (mfn << PAGE_SHIFT) + (va >> shift & 511) * 8);

		if (!(e & 1))
			return ~0ULL;
		if (shift == PAGE_SHIFT)
			return e;
		mfn = e >> PAGE_SHIFT;
	}
}

/* Everything that holds for any address. */
static void check_built(const struct built *g, u32 vbase)
{
	const struct pv_build_out *o = &g->out;
	u64 pages = (o->virt_end - o->virt_base) >> PAGE_SHIFT, i, wrong = 0;
	u32 pt_base = ld32(g->si + SI32_PT_BASE), list = ld32(g->si + SI32_MFN_LIST);
	u8 page[PAGE_SIZE], made[PAGE_SIZE];

	ck_assert_uint_eq(o->virt_base, vbase);
	for (i = 0; i < pages; i++) {
		bool table = BASE + i - o->first_pt_mfn < o->nr_pt_frames;

		wrong += walk(g, (u32)(vbase + (i << PAGE_SHIFT))) != ((BASE + i) << PAGE_SHIFT | (table ? 0x21 : 0x23));
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(walk(g, (u32)o->virt_end), ~0ULL);
	/* The last GiB has its table whether anything is there or not, and there is no fifth entry. */
	ck_assert_uint_ne(mem_read_u64(&g->mem, (o->l4_mfn << PAGE_SHIFT) + 24) & 1, 0);
	ck_assert_uint_eq(mem_read_u64(&g->mem, (o->l4_mfn << PAGE_SHIFT) + 32), 0);
	for (i = 0, wrong = 0; i < g->in.nr_pages; i++)
		wrong += mem_read_u32(&g->mem, ((BASE + o->p2m_pfn) << PAGE_SHIFT) + i * 4) != BASE + i;
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(o->nr_p2m_frames, DIV_UP(g->in.nr_pages, 1024));
	ck_assert_uint_eq(list, o->p2m_va);
	ck_assert_str_eq((const char *)g->si, "xen-3.0-x86_32p");
	ck_assert_uint_eq(ld32(g->si + SI32_NR_PAGES), g->in.nr_pages);
	ck_assert_uint_eq(ld32(g->si + SI32_SHARED_INFO), 0x777000);
	ck_assert_uint_eq(ld32(g->si + SI32_STORE_MFN), o->store_mfn);
	ck_assert_uint_eq(ld32(g->si + SI32_STORE_EVTCHN), 5);
	ck_assert_uint_eq(ld32(g->si + SI32_CONSOLE_MFN), o->console_mfn);
	ck_assert_uint_eq(ld32(g->si + SI32_CONSOLE_EVTCHN), 6);
	ck_assert_uint_eq(ld32(g->si + SI32_NR_PT_FRAMES), o->nr_pt_frames);
	ck_assert_uint_eq(ld32(g->si + SI32_MOD_LEN), 6);
	ck_assert_str_eq((const char *)g->si + SI32_CMD_LINE, "hello");
	ck_assert_uint_eq(ld32(g->si + SI32_FLAGS), 16);
	ck_assert_uint_eq(o->rsp, pt_base + (o->nr_pt_frames + 1) * PAGE_SIZE);
	ck_assert_uint_eq(walk(g, pt_base) >> PAGE_SHIFT, o->l4_mfn);
	ck_assert_int_eq(mem_read(&g->mem, walk(g, ld32(g->si + SI32_MOD_START)) & ~4095ULL, page, 8), 0);
	ck_assert_mem_eq(page, "initrd", 7);
	pv_hypercall_page32(made);
	ck_assert_int_eq(mem_read(&g->mem, o->hypercall_page_mfn << PAGE_SHIFT, page, sizeof page), 0);
	ck_assert_mem_eq(page, made, PAGE_SIZE);
}

START_TEST(builder)
{
	static const u32 bases[] = { 0, 0x1000000, 0x3fc00000, 0xbfc00000, 0xc0000000, 0xf0000000 };
	struct built g;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		build(&g, bases[i], i & 1 ? "yes[extended-cr3]" : NULL, 16);
		check_built(&g, bases[i]);
		ck_assert_uint_eq(g.out.vm_assist, i & 1 ? 8 : 0);
		built_free(&g);
	}
}
END_TEST

START_TEST(hypercall_page)
{
	u8 page[PAGE_SIZE];

	pv_hypercall_page32(page);
	ck_assert_mem_eq(page + 14 * 32, "\xb8\x0e\0\0\0\xcd\x82\xc3\xcc", 9);
	ck_assert_mem_eq(page + 23 * 32, "\x50\xb8\x17\0\0\0\xcd\x82\xcc", 9);
	ck_assert_mem_eq(page + 127 * 32, "\xb8\x7f\0\0\0\xcd\x82\xc3\xcc", 9);
}
END_TEST

/* Debian's GRUB has a last note that says it has 12 bytes where the file ends after 4. */
START_TEST(cut_note)
{
	static const u8 raw[] = { 4, 0, 0, 0, 12, 0, 0, 0, XEN_NOTE_PAE_MODE, 0, 0, 0, 'X', 'e', 'n', 0, 'y', 'e', 's', ',' };
	struct xen_notes n = { .source = XEN_NOTES_NONE };

	ck_assert_int_eq(elf_notes_parse(&n, raw, sizeof raw, sizeof raw), 1);
	ck_assert_int_eq(n.pae, XEN_PAE_YES);
	ck_assert_int_eq(elf_notes_parse(&n, raw, sizeof raw - 4, sizeof raw - 4), -1);
}
END_TEST

/* ---- encodings --------------------------------------------------------------------------------------------------- */

START_TEST(encodings)
{
	ck_assert_uint_eq(compat_mfn_to_cr3(0x40123), 0x40123000);
	ck_assert_uint_eq(compat_mfn_to_cr3(0x512345), 0x12345005);
	ck_assert_uint_eq(compat_cr3_to_mfn(0x12345005), 0x512345);
	ck_assert_uint_eq(compat_cr3_to_mfn(0x40123000), 0x40123);
	ck_assert_uint_eq(compat_selector(0xe018), 0xe019);
	ck_assert_uint_eq(compat_selector(0xe02b), 0xe02b);
	ck_assert_uint_eq(compat_selector(0xe01a), 0xe01a);
	ck_assert_uint_eq(COMPAT_HYPER_L2_FIRST, 428);
	ck_assert_uint_eq(compat_stretch(0x00cf93000000ffff), 0x00cf93000000ffff);
	ck_assert_uint_eq(compat_stretch(0x00cf930000005fff), 0x00cf93000000ffff);
	ck_assert_uint_eq(compat_stretch(0x00cf9300000057ff), 0x00cf9300000057ff);
	ck_assert_uint_eq(compat_stretch(0x01cf930000005fff), 0x01cf930000005fff);
	ck_assert_uint_eq(compat_stretch(0x00c593000000ffff), 0x00c593000000ffff);
	ck_assert_uint_eq(compat_features(~0ULL) & (BIT(F_LM) | BIT(F_SYSCALL) | BIT(F_CX16)), 0);
}
END_TEST

/* ---- frames ------------------------------------------------------------------------------------------------------ */

#define STACK ENV_VA(3) /* ends here */
#define GDT_MFN ENV_MFN(4)
#define ENTRY_IP 0x40005000u

static struct env *c_new(void)
{
	struct env *e = env_new();
	struct vcpu *v = e->d->vcpus[0];
	struct pv_vcpu_state *s = &e->vcpu[0].s;

	e->pv.xen.s.is32 = 1;
	s->flags = 0;
	x86_of(v)->ops = &pv_cpu_ops;
	x86_of(v)->s.cr0 |= CR0_PE;
	x86_of(v)->s.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	compat_cpu_init(v);
	x86_mode_changed(x86_of(v));
	x86_set_rflags(x86_of(v), FL_IF | FL_TF);
	s->kernel_ss = COMPAT_KERNEL_SS;
	s->kernel_sp = STACK;
	s->gdt_frames[0] = GDT_MFN;
	s->gdt_entries = 512;
	xen_info_set_u8(v, VI_MASK, 0);
	xen_info_set_u8(v, VI_PENDING, 0);
	x86_of(v)->rip = 0x1234;
	x86_of(v)->r[RSP] = STACK - 0x100;
	return e;
}

static struct bounce handler(u32 flags)
{
	return (struct bounce){ .ip = ENTRY_IP, .cs = COMPAT_KERNEL_CS, .flags = flags, .error = 0x77, .what = "a test" };
}

static void user_mode(struct env *e)
{
	u32 err;

	ck_assert_int_eq(pv_load_code_stack(e->d->vcpus[0], COMPAT_USER_CS, COMPAT_USER_SS, &err), -1);
	ck_assert(!pv_kernel_mode(e->d->vcpus[0]));
}

static u32 at(struct env *e, u64 va)
{
	return mem_read_u32(&e->d->mem, va);
}

START_TEST(frames)
{
	struct env *e = c_new();
	struct vcpu *v = e->d->vcpus[0];
	struct bounce b = handler(BOUNCE_ERROR);

	ck_assert(compat_bounce(v, &b));
	ck_assert_uint_eq(x86_of(v)->r[RSP], STACK - 0x100 - 16);
	ck_assert_uint_eq(at(e, STACK - 0x110), 0x77);
	ck_assert_uint_eq(at(e, STACK - 0x10c), 0x1234);
	ck_assert_uint_eq(at(e, STACK - 0x108), COMPAT_KERNEL_CS);
	ck_assert_uint_eq(at(e, STACK - 0x104), FL_IF | FL_TF | FL_FIXED1);
	ck_assert_uint_eq(x86_of(v)->rip, ENTRY_IP);
	ck_assert_uint_eq(x86_rflags(x86_of(v)) & (FL_TF | FL_IF), FL_IF);
	ck_assert_uint_eq(x86_of(v)->s.cpl, 1);
	/* From ring 3, masked, to the stack's top. */
	user_mode(e);
	xen_info_set_u8(v, VI_MASK, 1);
	x86_of(v)->r[RSP] = 0xfffffff0;
	x86_of(v)->rip = 0x5678;
	b = handler(BOUNCE_FAILSAFE | BOUNCE_MASK);
	ck_assert(compat_bounce(v, &b));
	ck_assert_uint_eq(x86_of(v)->r[RSP], STACK - 36);
	ck_assert_uint_eq(at(e, STACK - 36), 0); /* DS of ring 1 was dropped on the way to ring 3 */
	ck_assert_uint_eq(at(e, STACK - 20), 0x5678);
	ck_assert_uint_eq(at(e, STACK - 16), COMPAT_USER_CS | 1u << 16);
	ck_assert_uint_eq(at(e, STACK - 12) & FL_IF, 0);
	ck_assert_uint_eq(at(e, STACK - 8), 0xfffffff0);
	ck_assert_uint_eq(at(e, STACK - 4), COMPAT_USER_SS);
	ck_assert_uint_eq(x86_of(v)->s.seg[SEG_SS].sel, COMPAT_KERNEL_SS);
	env_free(e);
}
END_TEST

/* Frames that cannot be made are the guest's end, in a sentence. */
START_TEST(bad_frames)
{
	static const struct {
		u16 cs, ss;
		u64 sp;
		const char *words;
	} cases[] = {
		{ 3, COMPAT_KERNEL_SS, STACK, "no handler" },
		{ COMPAT_KERNEL_CS, 1, STACK, "cannot be written" },
		{ COMPAT_KERNEL_CS, COMPAT_KERNEL_CS, STACK, "cannot be written" },
		{ COMPAT_KERNEL_CS, 0x5001, STACK, "cannot be written" },
		{ COMPAT_KERNEL_CS, COMPAT_KERNEL_SS, 0x1000, "cannot be written" },
		{ COMPAT_KERNEL_CS, COMPAT_KERNEL_SS, 4, "cannot be written" },
		{ COMPAT_KERNEL_CS, COMPAT_USER_SS, STACK, "cannot be loaded" },
		{ COMPAT_KERNEL_SS, COMPAT_KERNEL_SS, STACK, "cannot be loaded" },
		{ 0x5001, COMPAT_KERNEL_SS, STACK, "cannot be loaded" },
		{ 0xe039, COMPAT_KERNEL_SS, STACK, "cannot be loaded" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct env *e = c_new();
		struct bounce b = handler(0);

		user_mode(e);
		b.cs = cases[i].cs;
		e->vcpu[0].s.kernel_ss = cases[i].ss;
		e->vcpu[0].s.kernel_sp = cases[i].sp;
		ck_assert_msg(!compat_bounce(e->d->vcpus[0], &b) && e->d->end == END_CRASH &&
				      strstr(e->d->crash, cases[i].words),
			      "case %zu: %s", i, e->d->crash);
		env_free(e);
	}
}
END_TEST

/* ---- iret -------------------------------------------------------------------------------------------------------- */

static void iret_frame(struct env *e, u32 cs, u32 fl, u32 ss)
{
	struct vcpu *v = e->d->vcpus[0];
	const u32 w[6] = { 0xaaaa, 0x4321, cs, fl, 0x9999, ss };
	u32 i;

	x86_of(v)->r[RSP] = STACK - 0x200;
	for (i = 0; i < 6; i++)
		mem_write_u32(&e->d->mem, STACK - 0x200 + i * 4, w[i]);
}

static void iret(struct env *e)
{
	struct hc h = { .v = e->d->vcpus[0], .nr = 23 };

	hc_iret(&h);
	ck_assert(h.no_result);
}

START_TEST(iret_ways)
{
	struct env *e = c_new();
	struct x86 *c = x86_of(e->d->vcpus[0]);

	iret_frame(e, COMPAT_KERNEL_CS | 0xff0000, FL_IOPL, 0);
	iret(e);
	ck_assert_uint_eq(c->r[RSP], STACK - 0x200 + 16);
	ck_assert_uint_eq(c->rip, 0x4321);
	ck_assert_uint_eq(c->r[RAX], 0xaaaa);
	ck_assert_uint_eq(x86_rflags(c) & (FL_IF | FL_IOPL), FL_IF);
	ck_assert_uint_eq(xen_info_u8(e->d->vcpus[0], VI_MASK), 1);
	iret_frame(e, COMPAT_USER_CS, FL_IF, COMPAT_USER_SS);
	iret(e);
	ck_assert_uint_eq(c->r[RSP], 0x9999);
	ck_assert_uint_eq(c->s.cpl, 3);
	ck_assert_uint_eq(c->s.seg[SEG_DS].attr, 0);
	ck_assert_uint_eq(xen_info_u8(e->d->vcpus[0], VI_MASK), 0);
	env_free(e);
	/* Selectors that do not load are a fault in the place the guest went to. */
	e = c_new();
	c = x86_of(e->d->vcpus[0]);
	e->vcpu[0].s.traps[X86_GP] = (struct pv_trap_entry){ .address = ENTRY_IP, .cs = COMPAT_KERNEL_CS };
	iret_frame(e, COMPAT_USER_CS, FL_IF, COMPAT_KERNEL_SS);
	iret(e);
	ck_assert_uint_eq(c->rip, ENTRY_IP);
	ck_assert_uint_eq(at(e, STACK - 24), COMPAT_KERNEL_SS & ~3u);
	ck_assert_uint_eq(at(e, STACK - 20), 0x4321);
	ck_assert_uint_eq(at(e, STACK - 16), COMPAT_USER_CS);
	ck_assert_uint_eq(at(e, STACK - 8), 0x9999);
	env_free(e);
}
END_TEST

START_TEST(iret_refused)
{
	struct env *e = c_new();

	iret_frame(e, COMPAT_KERNEL_CS & ~3u, FL_IF, 0);
	iret(e);
	ck_assert_ptr_nonnull(strstr(e->d->crash, "ring 0"));
	env_free(e);
	e = c_new();
	iret_frame(e, COMPAT_USER_CS, FL_VM, 0);
	iret(e);
	ck_assert_ptr_nonnull(strstr(e->d->crash, "virtual-8086"));
	env_free(e);
	e = c_new();
	x86_of(e->d->vcpus[0])->r[RSP] = 0x1000;
	iret(e);
	ck_assert_ptr_nonnull(strstr(e->d->crash, "cannot be read"));
	env_free(e);
}
END_TEST

Suite *compat_suite(void)
{
	Suite *s = suite_create("compat");
	TCase *t = tcase_create("compat");

	tcase_add_test(t, builder);
	tcase_add_test(t, hypercall_page);
	tcase_add_test(t, cut_note);
	tcase_add_test(t, encodings);
	tcase_add_test(t, frames);
	tcase_add_test(t, bad_frames);
	tcase_add_test(t, iret_ways);
	tcase_add_test(t, iret_refused);
	suite_add_tcase(s, t);
	return s;
}
