/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of the monitor about memory and expressions: x, xp, xm, print, gva2gpa (QEMU's HMP). A Xen guest has three
 * kinds of address: x takes virtual, xp pseudo-physical and xm machine addresses.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "cpu/x86/state.h"
#include "pv/mm/mm.h"
#include "ui/disasm.h"
#include "ui/expr.h"
#include "ui/monitor_impl.h"
#include "vm/x86.h"

#define COUNT_MAX 65536u
#define INSN_MAX 15u

struct vcpu *mon_vcpu(struct mon *m)
{
	struct domain *d = mon_domain(m);

	/* A reset may have brought fewer. */
	if (m->cpu >= d->nvcpus)
		m->cpu = 0;
	return d->vcpus[m->cpu];
}

MON_HANDLER(cpu)
{
	u64 n;

	if (!mon_number(m, "a vCPU's number", a->w[0], &n))
		return;
	if (n >= mon_domain(m)->nvcpus)
		mon_printf(m, "there is no vCPU %" PRIu64 ", only 0 to %u\n", n, mon_domain(m)->nvcpus - 1);
	else
		m->cpu = (u32)n;
}

/* ---- registers in expressions ------------------------------------------------------------------------------------ */

bool mon_register(void *opaque, const char *name, u64 *v)
{
	static const struct {
		const char *name;
		u8 reg;
	} gpr[] = { { "ax", RAX }, { "cx", RCX }, { "dx", RDX }, { "bx", RBX }, { "sp", RSP }, { "bp", RBP }, { "si", RSI }, { "di", RDI } };
	static const char *const seg[] = { "es", "cs", "ss", "ds", "fs", "gs" };
	struct mon *m = opaque;
	const struct x86_state *s;
	u32 i, n = 0;

	if (!mon_guest(m)->d)
		return false;
	cpu_sync(mon_vcpu(m)->cpu);
	s = &x86_of(mon_vcpu(m))->s;
	for (i = 0; i < ARRAY_SIZE(gpr); i++)
		if ((*name == 'r' || *name == 'e') && !strcmp(name + 1, gpr[i].name)) {
			*v = *name == 'r' ? s->gpr[gpr[i].reg] : (u32)s->gpr[gpr[i].reg];
			return true;
		}
	for (i = 0; i < ARRAY_SIZE(seg); i++)
		if (!strncmp(name, seg[i], 2) && (!name[2] || !strcmp(name + 2, "_base"))) {
			*v = name[2] ? s->seg[i].base : s->seg[i].sel;
			return true;
		}
	if (*name == 'r' && name[1] >= '0' && name[1] <= '9') {
		n = (u32)(name[1] - '0');
		if (name[2] >= '0' && name[2] <= '9' && n)
			n = n * 10 + (u32)(name[2] - '0');
		if (n >= 8 && n <= 15 && strlen(name) == (n > 9 ? 3u : 2u)) {
			*v = s->gpr[n];
			return true;
		}
		return false;
	}
	if (!strcmp(name, "rip") || !strcmp(name, "pc") || !strcmp(name, "eip"))
		*v = s->rip;
	else if (!strcmp(name, "rflags") || !strcmp(name, "eflags"))
		*v = s->rflags;
	else if (!strcmp(name, "cr0"))
		*v = s->cr0;
	else if (!strcmp(name, "cr2"))
		*v = mon_guest(m)->bare ? s->cr2 : pv_of(mon_vcpu(m))->s.ctrlreg[2];
	else if (!strcmp(name, "cr3"))
		*v = s->cr3;
	else if (!strcmp(name, "cr4"))
		*v = s->cr4;
	else
		return false;
	return true;
}

/* An expression at *p; the guest's registers are known. False, with a sentence said. */
static bool eval(struct mon *m, const char **p, u64 *v)
{
	struct expr_env env = { mon_register, m };
	struct error e = { "" };

	if (!expr_eval(p, &env, v, &e))
		return true;
	mon_printf(m, "%s\n", e.text);
	return false;
}

/* The same, and nothing may follow. */
bool mon_eval(struct mon *m, const char *p, u64 *v)
{
	if (!eval(m, &p, v))
		return false;
	if (!*p)
		return true;
	mon_printf(m, "'%.40s': more than an expression\n", p);
	return false;
}

/* ---- kinds of address -------------------------------------------------------------------------------------------- */

/* What the machine-to-physical table says, the other way round: an entry for each frame of the guest's. */
struct p2m_entry {
	u64 pfn, mfn;
};

struct mon_p2m {
	u64 n;
	struct p2m_entry e[]; /* by pfn, then by mfn */
};

static int by_pfn(const void *a, const void *b)
{
	const struct p2m_entry *x = a, *y = b;

	return x->pfn != y->pfn ? (x->pfn < y->pfn ? -1 : 1) : x->mfn < y->mfn ? -1 : x->mfn > y->mfn;
}

static struct mon_p2m *make_p2m(struct pv_domain *p)
{
	u64 frames = p->s.mfn_end - PV_MFN_BASE, i;
	struct mon_p2m *t = frames < SIZE_MAX / sizeof t->e[0] / 2 ? malloc(sizeof *t + (size_t)frames * sizeof t->e[0]) : NULL;

	if (!t)
		return NULL;
	t->n = 0;
	for (i = PV_MFN_BASE; i < p->s.mfn_end; i++)
		if (pv_mm_owned(p, i) && pv_m2p_get(p, i) != ~0ULL)
			t->e[t->n++] = (struct p2m_entry){ pv_m2p_get(p, i), i };
	qsort(t->e, (size_t)t->n, sizeof t->e[0], by_pfn);
	return t;
}

void mon_forget_p2m(struct mon *m)
{
	free(m->p2m);
	m->p2m = NULL;
}

bool mon_machine_frame(struct mon *m, u64 pfn, u64 *mfn)
{
	struct pv_domain *p = pv_dom(mon_domain(m));
	u64 low = 0, high;

	*mfn = PV_MFN_BASE + pfn;
	if (pfn < p->s.mfn_end - PV_MFN_BASE && pv_mm_owned(p, *mfn) && pv_m2p_get(p, *mfn) == pfn)
		return true;
	/* The guest has put its frames in another order: look at all of them once a command, not once a page. */
	if (!m->p2m)
		m->p2m = make_p2m(p);
	if (!m->p2m)
		return false;
	for (high = m->p2m->n; low < high;) {
		u64 mid = low + (high - low) / 2;

		if (m->p2m->e[mid].pfn < pfn)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == m->p2m->n || m->p2m->e[low].pfn != pfn)
		return false;
	*mfn = m->p2m->e[low].mfn;
	return true;
}

/* Reads as a debugger does, up to the first byte that is not there. Gives how many were. */
static u32 fetch(struct mon *m, enum mon_space space, u64 addr, u8 *out, u32 n)
{
	struct vcpu *v = mon_vcpu(m);
	struct domain *d = v->d;
	u32 done, piece;

	for (done = 0; done < n; done += piece) {
		u64 at = addr + done, mfn;

		piece = (u32)MIN((u64)(n - done), PAGE_SIZE - PAGE_OFFSET(at));
		if (space == MON_VIRTUAL) {
			if (mmu_debug_read(v->cpu->mmu, at, out + done, piece))
				return done;
			continue;
		}
		mfn = at >> PAGE_SHIFT;
		if (space == MON_PHYSICAL && !mon_guest(m)->bare && !mon_machine_frame(m, mfn, &mfn))
			return done;
		if (mem_read(&d->mem, mfn << PAGE_SHIFT | PAGE_OFFSET(at), out + done, piece))
			return done;
	}
	return n;
}

static const char *const space_names[] = { "at", "at physical address", "at machine address" };

void mon_say_missing(struct mon *m, enum mon_space space, u64 addr)
{
	mon_printf(m, "cannot read memory %s 0x%" PRIx64 "\n", space_names[space], addr);
}

/* ---- formats ----------------------------------------------------------------------------------------------------- */

struct format {
	u32 count, size;
	char letter;
};

/*
 * /12xw: a count, a letter for how (x d u o c s i), one for how wide (b h w g), in any order. False, with a sentence
 * said.
 */
static bool parse_format(struct mon *m, const char **p, struct format *f)
{
	static const char widths[] = "bhwg";
	const char *s = *p, *w;
	bool wide = false;

	*f = (struct format){ 1, m->size, (char)m->format };
	if (*s == '/') {
		u64 count = 0;
		bool counted = false;

		for (s++; *s && *s != ' ' && *s != '\t'; s++) {
			w = strchr(widths, *s);
			if (*s >= '0' && *s <= '9') {
				count = MIN(count * 10 + (u64)(*s - '0'), (u64)UINT32_MAX);
				counted = true;
			} else if (w) {
				f->size = 1u << (w - widths);
				wide = true;
			} else if (strchr("xduocsi", *s)) {
				f->letter = *s;
			} else {
				mon_printf(m, "'%c': a format is a count, one of x d u o c s i, and one of b h w g, as in /8xg\n",
					   *s >= ' ' && *s <= '~' ? *s : '?');
				return false;
			}
		}
		f->count = counted ? (u32)count : 1;
		if (f->letter == 'c' && !wide)
			f->size = 1;
		while (*s == ' ' || *s == '\t')
			s++;
	}
	if (f->count > COUNT_MAX) {
		mon_printf(m, "at most %u at a time\n", COUNT_MAX);
		return false;
	}
	*p = s;
	return true;
}

static void show_char(struct mon *m, u8 c)
{
	if (c == '\'' || c == '\\')
		mon_printf(m, "'\\%c'", c);
	else if (c == '\n')
		mon_printf(m, "'\\n'");
	else if (c == '\r')
		mon_printf(m, "'\\r'");
	else if (c >= ' ' && c <= '~')
		mon_printf(m, "'%c'", c);
	else
		mon_printf(m, "'\\x%02x'", c);
}

/* pad: columns line up. */
static void show_value(struct mon *m, const struct format *f, u64 v, bool pad)
{
	static const int decimal[9] = { 0, 3, 5, 0, 10, 0, 0, 0, 20 };
	i64 sv = (i64)(v << (64 - f->size * 8)) >> (64 - f->size * 8);

	switch (f->letter) {
	case 'd':
		mon_printf(m, "%*" PRId64, pad ? decimal[f->size] + 1 : 0, sv);
		break;
	case 'u':
		mon_printf(m, "%*" PRIu64, pad ? decimal[f->size] : 0, v);
		break;
	case 'o':
		mon_printf(m, "0%0*" PRIo64, pad ? (int)(f->size * 8 + 2) / 3 : 0, v);
		break;
	case 'c':
		show_char(m, (u8)v);
		break;
	default:
		mon_printf(m, "0x%0*" PRIx64, pad ? (int)f->size * 2 : 0, v);
		break;
	}
}

static u32 code_bits(const struct vcpu *v)
{
	u32 attr = x86_of(v)->s.seg[SEG_CS].attr;

	return attr & SEGA_L ? 64 : attr & SEGA_DB ? 32 : 16;
}

static void dump_code(struct mon *m, enum mon_space space, u64 addr, u32 count)
{
	u32 bits = code_bits(mon_vcpu(m)) | (m->all->env.host->log.want.att ? DISASM_ATT : 0), have, len, i, k;

	for (i = 0; i < count && !m->full; i++, addr += len) {
		u8 code[INSN_MAX];
		char text[160];

		have = fetch(m, space, addr, code, INSN_MAX);
		/* The page behind may be missing: take what is there. */
		len = have ? disasm_text(bits, code, have, addr, text, sizeof text) : 0;
		if (!have) {
			mon_say_missing(m, space, addr);
			return;
		}
		mon_printf(m, "0x%016" PRIx64 ": ", addr);
		for (k = 0; k < MAX(len, 1u); k++)
			mon_printf(m, " %02x", code[k]);
		mon_printf(m, "%*s%s\n", (int)(len < 11 ? 3 * (11 - MAX(len, 1u)) + 2 : 2), "", len ? text : "(bad)");
		len = MAX(len, 1u);
	}
}

#define STRING_MAX 4096u /* bytes of a string that are shown */

/* count strings, each with its address, as a debugger shows them. */
static void dump_strings(struct mon *m, enum mon_space space, u64 addr, u32 count)
{
	u32 i, n;
	u8 c;

	for (i = 0; i < count && !m->full; i++) {
		bool missing = false;

		mon_printf(m, "%016" PRIx64 ": \"", addr);
		for (n = 0; n < STRING_MAX; n++, addr++) {
			missing = !fetch(m, space, addr, &c, 1);
			if (missing || !c)
				break;
			if (c == '"' || c == '\\')
				mon_printf(m, "\\%c", c);
			else if (c == '\n' || c == '\r' || c == '\t')
				mon_printf(m, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
			else
				mon_printf(m, c >= ' ' && c <= '~' ? "%c" : "\\%03o", c);
		}
		mon_printf(m, "\"%s\n", n == STRING_MAX ? "..." : "");
		if (missing) {
			mon_say_missing(m, space, addr);
			return;
		}
		addr += n < STRING_MAX;
	}
}

static void dump(struct mon *m, enum mon_space space, const char *p)
{
	struct format f;
	u32 per_line, i;
	u64 addr;

	if (!parse_format(m, &p, &f) || !mon_eval(m, p, &addr))
		return;
	cpu_sync(mon_vcpu(m)->cpu);
	m->format = (u8)f.letter;
	m->size = f.size;
	if (f.letter == 'i') {
		dump_code(m, space, addr, f.count);
		return;
	}
	if (f.letter == 's') {
		dump_strings(m, space, addr, f.count);
		return;
	}
	per_line = f.letter == 'c' || (f.size == 1 && f.letter != 'o') ? 8 : f.letter == 'o' && f.size == 8 ? 1 : 16 / f.size;
	for (i = 0; i < f.count && !m->full; i++, addr += f.size) {
		u8 b[8] = { 0 };

		if (fetch(m, space, addr, b, f.size) < f.size) {
			mon_printf(m, "%s", i % per_line ? "\n" : "");
			mon_say_missing(m, space, addr);
			return;
		}
		if (i % per_line == 0)
			mon_printf(m, "%016" PRIx64 ":", addr);
		mon_printf(m, " ");
		show_value(m, &f, ld64(b), true);
		if (i % per_line == per_line - 1 || i == f.count - 1)
			mon_printf(m, "\n");
	}
}

MON_HANDLER(x)
{
	dump(m, MON_VIRTUAL, a->rest);
}

MON_HANDLER(xp)
{
	dump(m, MON_PHYSICAL, a->rest);
}

MON_HANDLER(xm)
{
	dump(m, MON_MACHINE, a->rest);
}

MON_HANDLER(print)
{
	const char *p = a->rest;
	struct format f;
	u64 v;

	if (!parse_format(m, &p, &f) || !mon_eval(m, p, &v))
		return;
	if (a->rest[0] != '/' || f.letter == 'i' || f.letter == 's')
		f.letter = 'x';
	m->format = (u8)f.letter;
	f.size = 8;
	show_value(m, &f, v, false);
	mon_printf(m, "\n");
}

MON_HANDLER(gva2gpa)
{
	struct vcpu *v = mon_vcpu(m);
	u64 va, mfn, pte;

	if (!mon_eval(m, a->rest, &va))
		return;
	cpu_sync(v->cpu);
	if (mmu_peek(v->cpu->mmu, va, &mfn, &pte)) {
		mon_printf(m, "nothing is mapped at 0x%" PRIx64 "\n", va);
		return;
	}
	if (mon_guest(m)->bare) {
		mon_printf(m, "gpa: 0x%" PRIx64 "\n", mfn << PAGE_SHIFT | PAGE_OFFSET(va));
		return;
	}
	if (pv_mm_owned(pv_dom(v->d), mfn) && pv_m2p_get(pv_dom(v->d), mfn) != ~0ULL)
		mon_printf(m, "gpa: 0x%" PRIx64 "\n", pv_m2p_get(pv_dom(v->d), mfn) << PAGE_SHIFT | PAGE_OFFSET(va));
	mon_printf(m, "machine: 0x%" PRIx64 ", entry 0x%016" PRIx64 "\n", mfn << PAGE_SHIFT | PAGE_OFFSET(va), pte);
}
