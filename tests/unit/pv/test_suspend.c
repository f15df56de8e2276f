/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests that suspend themselves (tests/guests, where make has built them), of 64 and of 32 bits: their form, and what comes of it.
 * They check themselves what they come back with. A form that somebody has changed gives a sentence or a guest whose page types are
 * right, whatever it then does. $SUSPEND_ROUNDS: how many changed forms of each guest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "pv/compat/compat.h"
#include "pv/mm/mm.h"
#include "pv/suspend_impl.h"
#include "pv/traps.h"
#include "tests/suites.h"
#include "tests/unit/quick.h"
#include "vm/run.h"
#include "xen/control.h"
#include "xen/load/loader.h"

#define LIMIT 5000000u /* instructions; the guests end long before */
#define HOSTILE_RUN 30000u
#define VIRT 0xc0000000u /* an address of either kind of guest */

static const char *const names[] = { "suspend", "compat/suspend32" };

struct life {
	struct host h;
	struct domain *d;
	struct pv_create_in in;
	struct xen_kernel kernel;
	u8 *bytes;
	struct buf said;
};

struct form {
	struct mem mem;
	struct buf state;
};

static void on_console(void *opaque, const u8 *p, size_t n)
{
	buf_put(&((struct life *)opaque)->said, p, n);
}

/* False: make has not built it. */
static bool life_begin(struct life *l, const char *name)
{
	struct error e = { "" };
	char path[64];
	size_t len;
	FILE *f;

	memset(l, 0, sizeof *l);
	snprintf(path, sizeof path, "tests/guests/%s.elf", name);
	f = fopen(path, "rb");
	if (!f) {
		printf("skip  suspend: make has not built %s\n", path);
		return false;
	}
	fclose(f);
	ck_assert_msg(!xen_file_read(path, "kernel", XEN_KERNEL_MAX, NULL, &l->bytes, &len, &e), "%s", e.text);
	ck_assert_msg(!xen_kernel_load(&l->kernel, l->bytes, len, path, XEN_KERNEL_MAX, NULL, &e), "%s", e.text);
	ck_assert_int_eq(host_init(&l->h, &x86_arch, 16 << 20), 0);
	l->in = (struct pv_create_in){ .name = "guest", .vcpus = 3, .maxvcpus = 3, .memory = 32 << 20, .cmdline = "", .kernel = &l->kernel,
				       .console_out = on_console, .opaque = l };
	ck_assert_msg(!pv_create(&l->h, &l->in, &l->d, &e), "%s", e.text);
	l->d->keep_suspended = true;
	l->in.is32 = !l->kernel.elf64;
	l->in.kernel = NULL;
	return true;
}

static void life_end(struct life *l)
{
	host_exit(&l->h);
	xen_kernel_free(&l->kernel);
	free(l->bytes);
	buf_free(&l->said);
}

/* Until it suspends itself or ends. */
static void life_run(struct life *l, u64 limit)
{
	u64 end = domain_icount(l->d) + limit;

	while (l->d->end == END_RUNNING && !l->d->suspended && domain_icount(l->d) < end)
		domain_run(l->d, 1000);
}

static void form_take(struct life *l, struct form *f)
{
	struct error e = { "" };

	memset(f, 0, sizeof *f);
	ck_assert_msg(l->d->suspended, "it does not suspend itself: %.*s", (int)l->said.len, (const char *)l->said.p);
	ck_assert_msg(!pv_suspend_take(l->d, &f->mem, &f->state, &e), "%s", e.text);
}

static void form_free(struct form *f)
{
	mem_free(&f->mem);
	buf_free(&f->state);
}

/* A form is another domain, in the place of what there was. */
static int life_from(struct life *l, const struct form *f, struct error *e)
{
	int rc;

	if (l->d)
		domain_destroy(l->d);
	ck_assert_msg(!pv_create(&l->h, &l->in, &l->d, e), "%s", e->text);
	l->d->keep_suspended = true;
	rc = pv_suspend_resume(l->d, &l->in, &f->mem, f->state.p, f->state.len, e);
	return rc;
}

static void check_types(struct life *l, const char *when)
{
	u64 mfn = 0;
	const char *wrong = pv_mm_check(pv_dom(l->d), &mfn);

	ck_assert_msg(!wrong, "%s: frame 0x%llx: %s", when, (unsigned long long)mfn, wrong ? wrong : "");
}

static void check_said(struct life *l, const char *word)
{
	char want[32];
	u32 i;

	buf_put_u8(&l->said, 0);
	ck_assert_msg(strstr((const char *)l->said.p, " failed 0") && !strstr((const char *)l->said.p, "not ok"), "%s", (const char *)l->said.p);
	for (i = 0; i < 2; i++) {
		snprintf(want, sizeof want, "%u: %s", i, word);
		ck_assert_msg(strstr((const char *)l->said.p, want), "no '%s': %s", want, (const char *)l->said.p);
	}
	l->said.len = 0;
}

/* ---- what it should be --------------------------------------------------------------------------------------------- */

/* Each suspend is the end of a domain, and another goes on. A form always gives the same guest. */
START_TEST(resumed)
{
	struct error e = { "" };
	struct form f;
	struct life l;
	u64 hash, now;
	u32 i, k;

	if (!life_begin(&l, names[_i]))
		return;
	for (i = 0; i < 2; i++) {
		life_run(&l, LIMIT);
		form_take(&l, &f);
		now = domain_now(l.d);
		hash = 0;
		for (k = 0; k < 2; k++) {
			u64 again;

			ck_assert_msg(!life_from(&l, &f, &e), "%s", e.text);
			check_types(&l, "resumed");
			ck_assert_uint_eq(domain_now(l.d), now);
			again = domain_hash(l.d);
			ck_assert_msg(!k || again == hash, "two of one form are not the same");
			hash = again;
		}
		form_free(&f);
	}
	life_run(&l, LIMIT);
	check_types(&l, "at its end");
	ck_assert_int_eq(l.d->end, END_POWEROFF);
	check_said(&l, "resumed");
	life_end(&l);
}
END_TEST

/* A guest whose form was taken goes on where it is, and its form stays what it was. */
START_TEST(cancelled)
{
	struct form f;
	struct life l;
	u64 hash;
	u32 i;

	if (!life_begin(&l, names[_i]))
		return;
	for (i = 0; i < 2; i++) {
		life_run(&l, LIMIT);
		form_take(&l, &f);
		hash = mem_hash(&f.mem, 0);
		check_types(&l, "taken");
		ck_assert(xen_control_resume(xen_dom(l.d)));
		life_run(&l, LIMIT);
		ck_assert_uint_eq(mem_hash(&f.mem, 0), hash);
		form_free(&f);
	}
	check_types(&l, "at its end");
	check_said(&l, "cancelled");
	life_end(&l);
}
END_TEST

/* No machine frame is in it: in tables, list and contexts there are pages. */
START_TEST(names_pages)
{
	struct pv_suspend_form f = { 0 };
	struct error e = { "" };
	struct form form;
	struct life l;
	u32 tables = 0, pinned = 0;
	u64 i, k;

	if (!life_begin(&l, names[_i]))
		return;
	life_run(&l, LIMIT);
	form_take(&l, &form);
	f.word = l.in.is32 ? 4 : 8;
	ck_assert_int_eq(suspend_form_vcpus(&f, 3), 0);
	ck_assert_msg(!suspend_form_load(&f, form.state.p, form.state.len, &e), "%s", e.text);
	ck_assert_uint_eq(f.s.pages, 32 << 8);
	ck_assert(f.vcpu[0].online && f.vcpu[1].online && !f.vcpu[2].online);
	for (i = 0; i < f.s.pages; i++) {
		const u8 *p = mem_ro(&form.mem, i);

		if (!f.kind[i])
			continue;
		tables++;
		pinned += f.kind[i] & SUSPEND_PINNED ? 1 : 0;
		for (k = 0; k < PAGE_SIZE; k += 8)
			quick(!(ld64(p + k) & PTE_P) || PTE_MFN(ld64(p + k)) < f.s.pages);
	}
	ck_assert_uint_ge(tables, 4);
	ck_assert_uint_ge(pinned, 1);
	for (i = 0; i < f.s.pages; i++) {
		u64 v = suspend_word(mem_ro(&form.mem, f.list[i / (PAGE_SIZE / f.word)]) + i % (PAGE_SIZE / f.word) * f.word, f.word);

		quick(v == (mem_frame(&form.mem, i) ? i : f.word == 4 ? UINT32_MAX : UINT64_MAX));
	}
	suspend_form_free(&f);
	form_free(&form);
	life_end(&l);
}
END_TEST

/* What a table's first field is that differs, after those that must were made equal. */
static void check_same(const struct state_desc *d, const void *a, const void *b, u32 vcpu)
{
	const char *field = state_differs(d, a, b);

	ck_assert_msg(!field, "vCPU %u has another %s in its %s", vcpu, field, d->name);
}

/* Everything of the processors and of what Xen has for them is as before, but for frames and the answer to vCPU 0's call. */
START_TEST(processors)
{
	static struct x86_state cpu[2];
	static struct pv_vcpu_state pv[2];
	struct error e = { "" };
	struct form f;
	struct life l;
	u32 i, k;

	if (!life_begin(&l, names[_i]))
		return;
	life_run(&l, LIMIT);
	domain_sync(l.d);
	for (i = 0; i < 2; i++) {
		struct x86 *c = x86_of(l.d->vcpus[i]);
		struct pv_vcpu_state *s = &pv_of(l.d->vcpus[i])->s;

		/* What the guests have no use for. */
		for (k = 0; k < (l.in.is32 ? 8u : 16u) * 4; k++)
			VQ(&c->s.vec[k / 4], k % 4) = 0x0102030405060708ULL * (k + 1) + i;
		c->s.xcr0 = 7;
		c->s.tsc_aux = 77 + i;
		c->s.pkru = 0x5555 + i;
		c->s.fpu.top = 3;
		c->s.fpu.tag = 0x18;
		c->s.fpu.st[3].mant = 1ULL << 63 | i;
		c->s.fpu.st[3].se = 0x3fff;
		c->s.fpu.cw = 0x27f;
		c->s.fpu.mxcsr = 0x3f80;
		s->flags |= PV_SYSCALL32_MASK | PV_SYSENTER_MASK | PV_FAILSAFE_MASK | (l.in.is32 ? 0 : PV_SYSCALL_MASK);
		s->syscall32_cs = s->sysenter_cs = l.in.is32 ? COMPAT_KERNEL_CS : FLAT_KERNEL_CS64;
		s->syscall32_ip = VIRT + 0x123;
		s->sysenter_ip = VIRT + 0x456;
		s->mc_ctl2[0] = 5 + i;
		s->iopl = 1;
		pv_set_ts(l.d->vcpus[i], i);
		x86_load(c);
		domain_sync(l.d);
		cpu[i] = c->s;
		pv[i] = *s;
	}
	form_take(&l, &f);
	ck_assert_msg(!life_from(&l, &f, &e), "%s", e.text);
	domain_sync(l.d);
	for (i = 0; i < 2; i++) {
		struct x86_state *c = &x86_of(l.d->vcpus[i])->s;
		struct pv_vcpu_state *s = &pv_of(l.d->vcpus[i])->s;

		ck_assert(c->cr3 != cpu[i].cr3 && s->kernel_root != pv[i].kernel_root);
		cpu[i].cr3 = c->cr3;
		if (!i) {
			ck_assert(c->gpr[RAX] == 0 && cpu[0].gpr[RAX] == 1);
			ck_assert_uint_eq(c->gpr[RDX], pv_dom(l.d)->s.start_info);
			cpu[0].gpr[RAX] = 0;
			cpu[0].gpr[RDX] = c->gpr[RDX];
		}
		check_same(&x86_state_desc, &cpu[i], c, i);
		ck_assert(s->gdt_entries || i);
		/* Kept for a mode that does not run; FS has one base for both. */
		pv[i].fs_base = s->fs_base;
		pv[i].kernel_root = s->kernel_root;
		pv[i].user_root = s->user_root;
		memcpy(pv[i].gdt_frames, s->gdt_frames, sizeof s->gdt_frames);
		check_same(&pv_vcpu_state_desc, &pv[i], s, i);
	}
	form_free(&f);
	life_end(&l);
}
END_TEST

/* Guests that cannot be saved so, and domains that a form does not fit. */
START_TEST(refused)
{
	struct error e = { "" };
	struct form f = { 0 };
	struct life l;

	if (!life_begin(&l, names[_i]))
		return;
	/* It has not begun, and said nothing yet. */
	ck_assert_int_eq(pv_suspend_take(l.d, &f.mem, &f.state, &e), -EINVAL);
	ck_assert_msg(strstr(e.text, "does not say in its shared_info"), "%s", e.text);
	ck_assert_ptr_null(f.mem.root);
	life_run(&l, LIMIT);
	form_take(&l, &f);
	/* A vCPU that does not name a page of its own. */
	x86_of(l.d->vcpus[0])->r[RDX] = 5;
	buf_free(&f.state);
	mem_free(&f.mem);
	memset(&f, 0, sizeof f);
	ck_assert_int_eq(pv_suspend_take(l.d, &f.mem, &f.state, &e), -EINVAL);
	ck_assert_msg(strstr(e.text, "start_info"), "%s", e.text);
	buf_free(&f.state);
	life_end(&l);

	if (!life_begin(&l, names[_i]))
		return;
	life_run(&l, LIMIT);
	form_take(&l, &f);
	l.in.memory = 31 << 20;
	ck_assert_int_eq(life_from(&l, &f, &e), -EINVAL);
	ck_assert_msg(strstr(e.text, "more pages than guest guest has memory (31 MiB)"), "%s", e.text);
	l.in.memory = 32 << 20;
	l.in.vcpus = l.in.maxvcpus = 2;
	ck_assert_int_eq(life_from(&l, &f, &e), -EINVAL);
	form_free(&f);
	life_end(&l);
}
END_TEST

/* ---- what somebody has changed ------------------------------------------------------------------------------------- */

static u64 rnd(u64 *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* A number that may mean something: a page, or nothing like it. */
static u64 some_page(u64 *x, u64 pages)
{
	return rnd(x) % 8 ? rnd(x) % pages : rnd(x);
}

static void change_domain(struct pv_suspend_form *f, u64 *x)
{
	u64 *const at[] = { &f->s.start_info, &f->s.now, &f->s.p2m_vaddr, &f->s.p2m_root };

	*at[rnd(x) % ARRAY_SIZE(at)] = some_page(x, f->s.pages);
}

static void change_vcpu(struct pv_suspend_form *f, u64 *x)
{
	struct pv_suspend_vcpu *v = &f->vcpu[rnd(x) % f->nvcpus];
	u8 *bytes = (u8 *)v;
	u32 n = 1 + (u32)(rnd(x) % 8), at;

	while (n--) {
		/* A third of it in what is not trap handlers. */
		at = (u32)(rnd(x) % 3 ? rnd(x) % sizeof *v : offsetof(struct pv_suspend_vcpu, context) + 512 + rnd(x) % 208);
		bytes[at] = (u8)rnd(x);
	}
}

/* An entry of a table, a word of start_info or of any page. */
static void change_page(struct pv_suspend_form *f, struct mem *m, u64 *x)
{
	u64 pfn = rnd(x) % 4 ? rnd(x) % f->s.pages : f->s.start_info % f->s.pages, i;
	u32 at = (u32)(rnd(x) % 512) * 8;
	u8 *p;

	for (i = 0; i < f->s.pages && rnd(x) % 16 && !f->kind[pfn]; i++)
		pfn = (pfn + 1) % f->s.pages;
	p = mem_frame(m, pfn) ? mem_rw(m, pfn, 0, PAGE_SIZE) : NULL;
	if (!p)
		return;
	/* Mostly an entry that is in use. */
	for (i = 0; i < 512 && f->kind[pfn] && rnd(x) % 64 && !(ld64(p + at) & PTE_P); i++)
		at = (at + 8) % PAGE_SIZE;
	if (rnd(x) % 2)
		st64(p + at, (ld64(p + at) & ~PTE_ADDR) | some_page(x, f->s.pages) << PAGE_SHIFT);
	else
		p[at + rnd(x) % 8] ^= (u8)BIT(rnd(x) % 8);
}

static void change_form(struct form *out, const struct form *from, struct life *l, u64 *x)
{
	struct pv_suspend_form f = { .word = l->in.is32 ? 4 : 8 };
	struct mem *src = (struct mem *)&from->mem;
	struct error e = { "" };
	u32 n = 1 + (u32)(rnd(x) % 4);

	memset(out, 0, sizeof *out);
	ck_assert_int_eq(mem_init(&out->mem, src->pool, src->limit), 0);
	ck_assert_int_eq(mem_fork(&out->mem, src), 0);
	ck_assert_int_eq(suspend_form_vcpus(&f, 3), 0);
	ck_assert_msg(!suspend_form_load(&f, from->state.p, from->state.len, &e), "%s", e.text);
	while (n--)
		switch (rnd(x) % 8) {
		case 0:
			change_domain(&f, x);
			break;
		case 1:
			f.kind[rnd(x) % f.s.pages] = (u8)(1 + rnd(x) % 4 + (rnd(x) % 2 ? SUSPEND_PINNED : 0));
			break;
		case 2:
			f.list[rnd(x) % f.nlist] = rnd(x) % f.s.pages;
			break;
		case 3:
			mem_remove(&out->mem, rnd(x) % f.s.pages);
			break;
		case 4:
		case 5:
			change_vcpu(&f, x);
			break;
		default:
			change_page(&f, &out->mem, x);
			break;
		}
	ck_assert_int_eq(suspend_form_save(&f, &out->state), 0);
	suspend_form_free(&f);
	/* And bytes as they come. */
	if (rnd(x) % 4 == 0)
		out->state.p[rnd(x) % out->state.len] = (u8)rnd(x);
	if (rnd(x) % 64 == 0)
		out->state.len = rnd(x) % out->state.len;
}

START_TEST(hostile)
{
	const char *rounds = getenv("SUSPEND_ROUNDS");
	u64 n = rounds ? strtoull(rounds, NULL, 0) : 300, x = 88172645463325252ULL + (u64)_i, lives = 0, i;
	struct form f, bad;
	struct life l;

	if (!life_begin(&l, names[_i]))
		return;
	life_run(&l, LIMIT);
	form_take(&l, &f);
	for (i = 0; i < n; i++) {
		struct error e = { "" };
		char when[32];

		snprintf(when, sizeof when, "form %llu", (unsigned long long)i);
		change_form(&bad, &f, &l, &x);
		if (life_from(&l, &bad, &e)) {
			ck_assert_msg(*e.text, "%s is refused without a word", when);
		} else {
			lives++;
			check_types(&l, when);
			life_run(&l, HOSTILE_RUN);
			check_types(&l, when);
		}
		form_free(&bad);
		l.said.len = 0;
	}
	/* Some are harmless, and most are not. */
	ck_assert_msg(lives > n / 20 && lives < n - n / 20, "%llu of %llu forms came to life", (unsigned long long)lives, (unsigned long long)n);
	form_free(&f);
	life_end(&l);
}
END_TEST

Suite *suspend_suite(void)
{
	Suite *s = suite_create("suspend");
	TCase *t = tcase_create("suspend");

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, resumed, 0, ARRAY_SIZE(names));
	tcase_add_loop_test(t, cancelled, 0, ARRAY_SIZE(names));
	tcase_add_loop_test(t, names_pages, 0, ARRAY_SIZE(names));
	tcase_add_loop_test(t, processors, 0, ARRAY_SIZE(names));
	tcase_add_loop_test(t, refused, 0, ARRAY_SIZE(names));
	tcase_add_loop_test(t, hostile, 0, ARRAY_SIZE(names));
	suite_add_tcase(s, t);
	return s;
}
