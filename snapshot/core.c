/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots as ELF cores (System V ABI; the x86-64 and i386 supplements; notes as Linux writes them: elf_prstatus). gdb reads such
 * a file with the kernel's own vmlinux; a thread is a vCPU, the first has number 1.
 *
 *     ELF header, program headers, a section header if there are too many of those, notes, pages
 */
#include "snapshot/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/endian.h"
#include "base/state_view.h"
#include "snapshot/file.h"
#include "vm/domain.h"

#define PN_XNUM 0xffffu
#define PRSTATUS64 336u /* bytes, where the registers begin, where the thread's number is */
#define REGS64 112u
#define PID64 32u
#define PRSTATUS32 144u
#define REGS32 72u
#define PID32 24u

/* Frames that are there, and where their bytes are in the file. */
struct row {
	u64 mfn, count, off;
};

struct core {
	struct image *img;
	struct image_memory *ram;
	struct state_view *state;
	struct error *e;
	bool pv, is32;
	struct row *row;
	size_t rows, cap;
	struct core_map *map; /* as found */
	size_t maps;
	struct buf loads, notes; /* program headers, notes */
	u64 nloads;
	struct export_file f;
};

/* ---- registers --------------------------------------------------------------------------------------------------- */

struct reg {
	const char *field;
	u32 index;
	const char *sub;
};
enum { R_ORIG = 0x7fffffff }; /* orig_rax: no system call is on its way */
#define GPR(n) { "gpr", n, NULL }
#define SEL(n) { "seg", n, "sel" }

/* user_regs_struct of Linux. gpr are in the order of encodings, seg in that of enum x86_segreg. */
static const struct reg regs64[] = {
	GPR(15), GPR(14), GPR(13), GPR(12), GPR(5), GPR(3), GPR(11), GPR(10), GPR(9), GPR(8), GPR(0), GPR(1), GPR(2), GPR(6), GPR(7),
	{ NULL, R_ORIG, NULL }, { "rip", 0, NULL }, SEL(1), { "rflags", 0, NULL }, GPR(4), SEL(2), { "seg", 4, "base" }, { "seg", 5, "base" },
	SEL(3), SEL(0), SEL(4), SEL(5),
};
static const struct reg regs32[] = {
	GPR(3), GPR(1), GPR(2), GPR(6), GPR(7), GPR(5), GPR(0), SEL(3), SEL(0), SEL(4), SEL(5), { NULL, R_ORIG, NULL }, { "rip", 0, NULL },
	SEL(1), { "rflags", 0, NULL }, GPR(4), SEL(2),
};

static void put_prstatus(struct core *c, u32 vcpu)
{
	const struct reg *reg = c->is32 ? regs32 : regs64;
	u32 n = c->is32 ? ARRAY_SIZE(regs32) : ARRAY_SIZE(regs64), i, wide = c->is32 ? 4 : 8;
	u32 size = c->is32 ? PRSTATUS32 : PRSTATUS64;
	u8 *p;

	buf_put_u32(&c->notes, 5);
	buf_put_u32(&c->notes, size);
	buf_put_u32(&c->notes, 1); /* NT_PRSTATUS */
	buf_put(&c->notes, "CORE\0\0\0", 8);
	p = buf_reserve(&c->notes, size);
	if (!p)
		return;
	memset(p, 0, size);
	st32(p + (c->is32 ? PID32 : PID64), vcpu + 1);
	p += c->is32 ? REGS32 : REGS64;
	for (i = 0; i < n; i++, p += wide) {
		u64 v = ~0ULL;

		if (reg[i].field && !state_view_int(c->state, "x86", vcpu, reg[i].field, reg[i].index, reg[i].sub, &v))
			v = 0;
		if (c->is32)
			st32(p, (u32)v);
		else
			st64(p, v);
	}
	c->notes.len += size;
}

/* Of vCPUs that are there; the first always. */
static int put_notes(struct core *c)
{
	u64 rip, run;
	u32 i;

	for (i = 0; state_view_int(c->state, "x86", i, "rip", 0, NULL, &rip); i++)
		if (!i || !state_view_int(c->state, "vcpu", i, "run", 0, NULL, &run) || run != VCPU_OFFLINE)
			put_prstatus(c, i);
	return i ? 0 : error_set(c->e, -EINVAL, "%.200s: it has no state of an x86 processor", image_path(c->img));
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static int add_row(void *opaque, u64 mfn, u64 count)
{
	struct core *c = opaque;
	size_t cap = c->cap ? c->cap * 2 : 64;

	if (c->rows == c->cap) {
		struct row *p = realloc(c->row, cap * sizeof *p);

		if (!p)
			return error_set(c->e, -ENOMEM, "the host is out of memory");
		c->row = p;
		c->cap = cap;
	}
	c->row[c->rows++] = (struct row){ mfn, count, 0 };
	return 0;
}

/* The row with this frame, or the next one; NULL: there is none. */
static const struct row *row_at(const struct core *c, u64 mfn)
{
	size_t lo = 0, hi = c->rows;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->row[mid].mfn + c->row[mid].count <= mfn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->rows ? &c->row[lo] : NULL;
}

/* A program header of type PT_LOAD or PT_NOTE. */
static void put_load(struct core *c, struct buf *out, u32 type, u64 off, u64 va, u64 pa, u64 size, u64 align)
{
	if (c->is32) {
		const u32 w[] = { type, (u32)off, (u32)va, (u32)pa, (u32)size, (u32)size, type == 1 ? 7 : 0, (u32)align };
		size_t i;

		for (i = 0; i < ARRAY_SIZE(w); i++)
			buf_put_u32(out, w[i]);
		return;
	}
	buf_put_u32(out, type);
	buf_put_u32(out, type == 1 ? 7 : 0); /* read, write, execute */
	buf_put_u64(out, off);
	buf_put_u64(out, va);
	buf_put_u64(out, pa);
	buf_put_u64(out, size);
	buf_put_u64(out, size);
	buf_put_u64(out, align);
}

/* Calls fn for each piece of the map that lies in one row. */
static void each_mapped(struct core *c, void (*fn)(struct core *c, const struct row *r, u64 va, u64 mfn, u64 count))
{
	size_t i;

	for (i = 0; i < c->maps; i++) {
		u64 mfn = c->map[i].mfn, end = mfn + c->map[i].count, va = c->map[i].va;

		while (mfn < end) {
			const struct row *r = row_at(c, mfn);
			u64 from = r ? MAX(mfn, r->mfn) : end, to = r ? MIN(end, r->mfn + r->count) : end;

			if (from >= end)
				break;
			va += (from - mfn) * PAGE_SIZE;
			fn(c, r, va, from, to - from);
			va += (to - from) * PAGE_SIZE;
			mfn = to;
		}
	}
}

static void count_mapped(struct core *c, const struct row *r, u64 va, u64 mfn, u64 count)
{
	c->nloads++;
}

static void put_mapped(struct core *c, const struct row *r, u64 va, u64 mfn, u64 count)
{
	put_load(c, &c->loads, 1, r->off + (mfn - r->mfn) * PAGE_SIZE, va, mfn * PAGE_SIZE, count * PAGE_SIZE, PAGE_SIZE);
}

/* Where everything lies, and the headers that say so. *end: the size of the file. */
static int lay_out(struct core *c, struct buf *head, u64 *end)
{
	u32 ehdr = c->is32 ? 52 : 64, phdr = c->is32 ? 32 : 56, shdr = c->is32 ? 40 : 64;
	u64 headers, sections, at;
	bool many;
	size_t i;
	u8 *h;

	each_mapped(c, count_mapped);
	c->nloads += c->rows + 1;
	many = c->nloads >= PN_XNUM;
	headers = ehdr + c->nloads * phdr;
	sections = headers;
	at = sections + (many ? shdr : 0);
	put_load(c, &c->loads, 4, at, 0, 0, c->notes.len, 4);
	at = ALIGN_UP(at + c->notes.len, PAGE_SIZE);
	for (i = 0; i < c->rows; i++) {
		c->row[i].off = at;
		at += c->row[i].count * PAGE_SIZE;
	}
	*end = at;
	if (c->is32 && (at >> 32 || (c->rows && (c->row[c->rows - 1].mfn + c->row[c->rows - 1].count) * PAGE_SIZE > BIT(32))))
		return error_set(c->e, -EFBIG, "%.200s: its memory goes beyond 4 GiB, where a 32-bit ELF file has no addresses: take --raw",
				 image_path(c->img));
	/* First the kernel's addresses: where both spaces have one a debugger takes what comes first. */
	each_mapped(c, put_mapped);
	for (i = 0; i < c->rows; i++)
		put_load(c, &c->loads, 1, c->row[i].off, c->row[i].mfn * PAGE_SIZE, c->row[i].mfn * PAGE_SIZE, c->row[i].count * PAGE_SIZE,
			 PAGE_SIZE);
	h = buf_reserve(head, ehdr + shdr);
	if (!h || c->loads.failed || c->notes.failed)
		return error_set(c->e, -ENOMEM, "the host is out of memory");
	memset(h, 0, ehdr + shdr);
	memcpy(h, "\x7f" "ELF", 4);
	h[4] = c->is32 ? 1 : 2;
	h[5] = h[6] = 1; /* little-endian, version 1 */
	st16(h + 16, 4); /* ET_CORE */
	st16(h + 18, c->is32 ? 3 : 62);
	st32(h + 20, 1);
	if (c->is32) {
		st32(h + 28, ehdr);
		st32(h + 32, many ? (u32)sections : 0);
	} else {
		st64(h + 32, ehdr);
		st64(h + 40, many ? sections : 0);
	}
	h += c->is32 ? 40 : 52;
	st16(h, (u16)ehdr);
	st16(h + 2, (u16)phdr);
	st16(h + 4, (u16)(many ? PN_XNUM : c->nloads));
	st16(h + 6, (u16)shdr);
	st16(h + 8, many);
	head->len = ehdr;
	buf_put(head, c->loads.p, c->loads.len);
	if (many) {
		u8 s[64] = { 0 };

		/* sh_info has the number. */
		st32(s + (c->is32 ? 28 : 44), (u32)c->nloads);
		buf_put(head, s, shdr);
	}
	buf_put(head, c->notes.p, c->notes.len);
	return head->failed ? error_set(c->e, -ENOMEM, "the host is out of memory") : 0;
}

static int write_core(struct core *c)
{
	struct buf head = { 0 };
	struct image_extent x;
	u64 end, mfn = 0;
	int rc = lay_out(c, &head, &end);

	rc = rc ? rc : export_begin(&c->f, c->img, c->f.path, c->e);
	if (rc) {
		buf_free(&head);
		return rc;
	}
	rc = export_put(&c->f, 0, head.p, head.len, c->e);
	buf_free(&head);
	while (!rc && (rc = image_extent(c->ram, mfn, &x, c->e)) > 0) {
		const struct row *r = row_at(c, x.mfn);

		mfn = x.mfn + x.count;
		rc = 0;
		if (x.kind == IMAGE_DATA)
			rc = export_put(&c->f, r->off + (x.mfn - r->mfn) * PAGE_SIZE, x.data, (size_t)x.count * PAGE_SIZE, c->e);
		if (mfn >= image_memory_limit(c->ram))
			break;
	}
	return export_end(&c->f, rc, end, c->e);
}

/* A chunk as a list of states; *data is to be freed behind it. */
static int view_chunk(struct core *c, const char *type, struct state_view **v, u8 **data)
{
	struct error why = { "" };
	size_t len;
	int rc = image_chunk(c->img, type, 0, data, &len, c->e);

	if (rc)
		return rc;
	rc = state_view_new(*data, len, v, &why);
	return rc ? error_set(c->e, rc, "%.200s: %s", image_path(c->img), why.text) : 0;
}

/* What its guest is. */
static int find_kind(struct core *c)
{
	struct state_view *about = NULL;
	u64 kind = 0, is32 = 0, efer = 0;
	u8 *data = NULL;
	int rc = view_chunk(c, SNAPSHOT_ABOUT, &about, &data);

	if (!rc && (!state_view_int(about, "about", 0, "kind", 0, NULL, &kind) || !state_view_int(about, "about", 0, "is32", 0, NULL, &is32)))
		rc = error_set(c->e, -EINVAL, "%.200s: it does not say what its guest is", image_path(c->img));
	state_view_free(about);
	free(data);
	c->pv = kind == DOMAIN_PV;
	state_view_int(c->state, "x86", 0, "efer", 0, NULL, &efer);
	c->is32 = c->pv ? is32 != 0 : !(efer & BIT(10)); /* LMA */
	return rc;
}

int export_elf(struct image *img, const char *path, struct error *e)
{
	struct core c = { .img = img, .e = e, .f = { .path = path } };
	u8 *data = NULL;
	int rc = view_chunk(&c, SNAPSHOT_STATE, &c.state, &data);

	rc = rc ? rc : find_kind(&c);
	rc = rc ? rc : image_memory(img, SNAPSHOT_RAM, &c.ram, e);
	rc = rc ? rc : put_notes(&c);
	rc = rc ? rc : image_rows(c.ram, add_row, &c);
	rc = rc ? rc : core_map_find(c.ram, c.state, c.pv, c.is32, &c.map, &c.maps, e);
	rc = rc ? rc : write_core(&c);
	state_view_free(c.state);
	free(data);
	free(c.row);
	free(c.map);
	buf_free(&c.loads);
	buf_free(&c.notes);
	return rc;
}
