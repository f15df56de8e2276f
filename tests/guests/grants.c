/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grant tables: versions, the table's frames, maps and copies of the domain's own grants, errors (Xen
 * public/grant_table.h). Left out: uses of entries of version 2, transfer, other domains.
 */
#include "tests/guests/lib.h"

enum {
	MAP,
	UNMAP,
	SETUP,
	DUMP,
	TRANSFER,
	COPY,
	QUERY,
	UNMAP_REPLACE,
	SET_VERSION,
	GET_STATUS,
	GET_VERSION,
	SWAP,
	CACHE_FLUSH
};
enum {
	OKAY = 0,
	GENERAL = -1,
	BAD_DOMAIN = -2,
	BAD_GNTREF = -3,
	BAD_HANDLE = -4,
	BAD_VIRT = -5,
	BAD_DEV = -6,
	NO_SPACE = -7,
	PERMISSION = -8,
	BAD_PAGE = -9,
	BAD_COPY = -10
};
#define GTF_PERMIT 1
#define GTF_ACCEPT 2
#define GTF_TRANSITIVE 3
#define GTF_READONLY 4
#define GTF_READING 8
#define GTF_WRITING 16
#define GTF_SUB_PAGE 256
#define MAP_HOST 2u
#define MAP_READONLY 4u
#define MAP_PTE 16u
#define GREF 16u /* the first ones are the console's and xenstore's */

struct entry {
	u16 flags, domid;
	u32 frame;
};
struct map {
	u64 host;
	u32 flags, ref;
	u16 dom;
	short status;
	u32 handle;
	u64 bus;
};
struct unmap {
	u64 host, bus;
	u32 handle;
	short status;
	u16 pad;
};
struct setup {
	u16 dom, pad;
	u32 nr;
	short status;
	u16 pad2[3];
	u64 *frames;
};
struct copy {
	struct {
		u64 u;
		u16 dom, offset, pad[2];
	} src, dst;
	u16 len, flags;
	short status;
	u16 pad;
};

static struct entry *table;
static u16 self; /* our number: asked for by a grant to ourselves */

static i64 gop(u32 cmd, void *arg, u32 n)
{
	return hc3(grant_table_op, cmd, arg, n);
}

static i64 do_map(u64 host, u32 flags, u32 ref, u32 *handle)
{
	struct map m = { .host = host, .flags = flags, .ref = ref, .dom = self, .status = 99 };
	i64 r = gop(MAP, &m, 1);

	*handle = m.handle;
	return r ? r : m.status;
}

static i64 do_unmap(u64 host, u32 handle)
{
	struct unmap u = { .host = host, .handle = handle, .status = 99 };
	i64 r = gop(UNMAP, &u, 1);

	return r ? r : u.status;
}

static void grant(u32 ref, const void *page, u16 flags)
{
	table[ref].domid = self;
	table[ref].frame = (u32)mfn_of(page);
	barrier();
	table[ref].flags = flags;
}

/* Finds our own number as what a map of a grant to a domain accepts. */
static int find_self(u8 *page, u64 at)
{
	u32 h;

	for (self = 0; self < 16; self++) {
		grant(GREF, page, GTF_PERMIT);
		if (do_map(at, MAP_HOST, GREF, &h) == OKAY) {
			do_unmap(at, h);
			return 1;
		}
	}
	return 0;
}

static void maps(u8 *page, u64 at)
{
	u32 h, h2;

	page[5] = 0x77;
	grant(GREF, page, GTF_PERMIT);
	ck(do_map(at, MAP_HOST, GREF, &h), OKAY, "map");
	ck(table[GREF].flags, GTF_PERMIT | GTF_READING | GTF_WRITING, "flags while mapped");
	ck(TRY(peek8, at + 5, 0), 0x77, "the same page");
	ck(TRY(poke8, at + 5, 0x78), 0, "written through the mapping");
	ck(page[5], 0x78, "seen in the page");
	ck(PTE_MFN(*pte_of(at)), mfn_of(page), "the entry");
	ck(do_unmap(at, h + 100), BAD_HANDLE, "unmap: bad handle");
	ck(do_unmap(at + PAGE, h), GENERAL, "unmap: another address");
	ck(do_unmap(at, h), OKAY, "unmap");
	ck(table[GREF].flags, GTF_PERMIT, "flags afterwards");
	ck(TRY(peek8, at, 0), TRAPPED(14), "the mapping is gone");
	ck(do_unmap(at, h), BAD_HANDLE, "unmap twice");
	/* Read-only. */
	ck(do_map(at, MAP_HOST | MAP_READONLY, GREF, &h), OKAY, "map read-only");
	ck(table[GREF].flags, GTF_PERMIT | GTF_READING, "flags while mapped read-only");
	ck(TRY(poke8, at, 1), TRAPPED(14), "cannot be written");
	ck(do_map(at + PAGE, MAP_HOST, GREF, &h2), OKAY, "a second mapping, writable");
	ck(table[GREF].flags, GTF_PERMIT | GTF_READING | GTF_WRITING, "both flags");
	do_unmap(at + PAGE, h2);
	ck(table[GREF].flags, GTF_PERMIT | GTF_READING, "writing falls");
	do_unmap(at, h);
	ck(table[GREF].flags, GTF_PERMIT, "reading falls");
	grant(GREF, page, GTF_PERMIT | GTF_READONLY);
	ck(do_map(at, MAP_HOST, GREF, &h), GENERAL, "writable map of a read-only grant");
	ck(do_map(at, MAP_HOST | MAP_READONLY, GREF, &h), OKAY, "read-only map of it");
	do_unmap(at, h);
	/* By entry. */
	grant(GREF, page, GTF_PERMIT);
	ck(do_map(entry_maddr(pte_of(at)), MAP_HOST | MAP_PTE, GREF, &h), OKAY, "map by entry");
	ck(TRY(peek8, at + 5, 0), 0x78, "map by entry works");
	ck(do_unmap(at, h) == OKAY, 0, "unmapped by address it is refused");
	ck(do_unmap(entry_maddr(pte_of(at)), h), OKAY, "unmapped by entry");
	ck(do_map(entry_maddr(pte_of(at)) + 4, MAP_HOST | MAP_PTE, GREF, &h), GENERAL, "map by a misaligned entry");
	/* Refusals. */
	table[GREF].flags = 0;
	ck(do_map(at, MAP_HOST, GREF, &h), GENERAL, "map of an unused grant");
	ck(do_map(at, MAP_HOST, 1u << 30, &h), BAD_GNTREF, "map: reference too large");
	grant(GREF, page, GTF_PERMIT);
	table[GREF].domid = 0x1234;
	ck(do_map(at, MAP_HOST, GREF, &h), GENERAL, "map of a grant to another");
	table[GREF].domid = self;
	ck(do_map(at, 0, GREF, &h), BAD_GNTREF, "map: no kind of mapping");
	table[GREF].frame = 0xfffffff;
	ck(do_map(at, MAP_HOST, GREF, &h), BAD_PAGE, "map of no frame");
	ck(table[GREF].flags, GTF_PERMIT, "and no flag stays");
	{
		struct map m = { .host = at, .flags = MAP_HOST, .ref = GREF, .dom = 999 };

		ck(gop(MAP, &m, 1), 0, "map of no domain");
		ck(m.status, BAD_DOMAIN, "map of no domain: status");
	}
}

static i64 do_copy(u64 su, u16 sdom, u16 soff, u64 du, u16 ddom, u16 doff, u16 len, u16 flags)
{
	struct copy c;
	i64 r;

	memset(&c, 0, sizeof c);
	c.src.u = su;
	c.src.dom = sdom;
	c.src.offset = soff;
	c.dst.u = du;
	c.dst.dom = ddom;
	c.dst.offset = doff;
	c.len = len;
	c.flags = flags;
	c.status = 99;
	r = gop(COPY, &c, 1);
	return r ? r : c.status;
}

static void copies(u8 *page)
{
	u8 *local = page_alloc();
	u32 i;

	for (i = 0; i < 4096; i++)
		page[i] = (u8)(i * 7);
	grant(GREF, page, GTF_PERMIT | GTF_READONLY);
	ck(do_copy(GREF, DOMID_SELF, 100, mfn_of(local), DOMID_SELF, 200, 300, 1), OKAY, "copy from a grant");
	ck(memcmp(local + 200, page + 100, 300), 0, "copied");
	ck(local[199] | local[500], 0, "and no more");
	ck(table[GREF].flags, GTF_PERMIT | GTF_READONLY, "copy: flags afterwards");
	ck(do_copy(mfn_of(local), DOMID_SELF, 0, GREF, DOMID_SELF, 0, 8, 2), GENERAL, "copy to a read-only grant");
	grant(GREF, page, GTF_PERMIT);
	ck(do_copy(mfn_of(local), DOMID_SELF, 0, GREF, DOMID_SELF, 0, 8, 2), OKAY, "copy to a grant");
	ck(page[0], 0, "arrived");
	ck(do_copy(GREF, DOMID_SELF, 4000, mfn_of(local), DOMID_SELF, 0, 97, 1), BAD_COPY,
	   "copy past the source's page");
	ck(do_copy(GREF, DOMID_SELF, 0, mfn_of(local), DOMID_SELF, 4000, 97, 1), BAD_COPY,
	   "copy past the destination's page");
	ck(do_copy(GREF, DOMID_SELF, 4000, mfn_of(local), DOMID_SELF, 4000, 96, 1), OKAY, "copy to the end");
	ck(do_copy(1u << 30, DOMID_SELF, 0, mfn_of(local), DOMID_SELF, 0, 8, 1), BAD_GNTREF,
	   "copy: reference too large");
	ck(do_copy(GREF, 999, 0, mfn_of(local), DOMID_SELF, 0, 8, 1), BAD_DOMAIN, "copy from no domain");
	ck(do_copy(GREF, DOMID_SELF, 0, 0xfffffffff, DOMID_SELF, 0, 8, 1), BAD_PAGE, "copy to no frame");
	page_ro(local);
}

/* Entries of version 2: only the reserved ones stay when the layout changes. */
struct entry2 {
	u16 flags, domid;
	u32 bounds;
	u64 frame;
};

static i64 set_version(u32 version, u32 *then)
{
	i64 r = gop(SET_VERSION, &version, 1);

	*then = version;
	return r;
}

/* The table is mapped at 0x30000000; the status frames must not be when the guest goes back to version 1. */
static void versions(void)
{
	u64 frame = 0, at = 0x31000000;
	struct {
		u32 nr;
		u16 dom;
		short status;
		u64 *frames;
	} st = { 1, DOMID_SELF, 99, &frame };
	volatile struct entry2 *wide = (struct entry2 *)table;
	volatile u16 *status = (u16 *)at;
	struct entry first = table[0];
	u32 v;

	ck(gop(GET_STATUS, &st, 1), 0, "get_status_frames of version 1");
	ck(st.status, GENERAL, "get_status_frames of version 1: status");
	table[GREF].flags = GTF_PERMIT;
	ck(set_version(2, &v), 0, "set_version 2");
	ck(v, 2, "version 2");
	ck(wide[0].frame, first.frame, "a reserved entry is kept");
	ck(wide[GREF].flags, 0, "others are not");
	st.status = 99;
	ck(gop(GET_STATUS, &st, 1), 0, "get_status_frames");
	ck(st.status, OKAY, "get_status_frames: status");
	map(at, frame * PAGE | P_RWX_);
	status[7] = GTF_READING;
	wide[4] = (struct entry2){ GTF_TRANSITIVE, 0, 0, 0 };
	ck(set_version(1, &v), -ERANGE, "back with a transitive entry");
	ck(v, 2, "still version 2");
	wide[4] = (struct entry2){ GTF_PERMIT, 0, 0, 1UL << 32 };
	ck(set_version(1, &v), -ERANGE, "back with a wide frame number");
	wide[4] = (struct entry2){ GTF_PERMIT | GTF_SUB_PAGE, 3, 16 | 32 << 16, 0x1234 };
	wide[5] = (struct entry2){ GTF_ACCEPT, 3, 0, 1UL << 32 };
	wide[7] = (struct entry2){ GTF_PERMIT, 3, 0, 0x777 };
	ck(set_version(1, &v), -EBUSY, "back with a status frame mapped");
	ck(v, 2, "version 2 again");
	ck(wide[4].bounds, 16 | 32 << 16, "the entries are as they were");
	ck(status[7], GTF_READING, "and their status too");
	map(at, 0);
	ck(set_version(1, &v), 0, "set_version 1");
	ck(v, 1, "version 1");
	ck(table[0].frame, first.frame, "a reserved entry is kept again");
	ck(table[4].flags, GTF_PERMIT | GTF_SUB_PAGE, "a sub-page keeps its flag");
	ck(table[4].frame, 0x1234, "and its frame");
	ck(table[5].flags | table[5].domid | table[5].frame, 0, "an offer is emptied");
	ck(table[7].flags, GTF_PERMIT | GTF_READING, "the status goes into the entry");
	ck(va_set(at, frame * PAGE | P_RO_, 0) != 0, 1, "the status frame is no more the guest's");
	memset(&table[4], 0, 4 * sizeof *table);
}

void guest_main(void)
{
	u64 frames[32], at = 0x20000000;
	struct setup s = { .dom = DOMID_SELF, .nr = 1, .frames = frames };
	struct {
		u16 dom, pad;
		u32 nr, max;
		short status;
	} q = { .dom = DOMID_SELF, .status = 99 };
	struct {
		u32 version;
	} v = { 1 };
	struct {
		u16 dom, pad;
		u32 version;
	} gv = { DOMID_SELF, 0, 0 };
	u8 *page = page_alloc();

	ck(gop(QUERY, &q, 1), 0, "query_size");
	ck(q.status, OKAY, "query_size: status");
	ck(q.nr > 0 && q.max >= q.nr, 1, "query_size: frames");
	ck(gop(SET_VERSION, &v, 1), 0, "set_version 1");
	ck(gop(GET_VERSION, &gv, 1), 0, "get_version");
	ck(gv.version, 1, "get_version: 1");
	v.version = 7;
	ck(gop(SET_VERSION, &v, 1), -EINVAL, "set_version 7");
	ck(gop(SETUP, &s, 1), 0, "setup_table");
	ck(s.status, OKAY, "setup_table: status");
	s.nr = 100000;
	ck(gop(SETUP, &s, 1), 0, "setup_table of too many");
	ck(s.status, GENERAL, "setup_table of too many: status");
	ck(gop(SETUP, &s, 2), -EINVAL, "setup_table of two");
	s.nr = 1;
	s.dom = 999;
	gop(SETUP, &s, 1);
	ck(s.status, BAD_DOMAIN, "setup_table of no domain");
	map(at, 0); /* tables for the address */
	map(at + PAGE, 0);
	map(0x30000000, frames[0] * PAGE | P_RWX_);
	table = (struct entry *)0x30000000;
	ck(TRY(peek64, table, 0) != (i64)TRAPPED(14), 1, "the table can be mapped");
	ck(find_self(page, at), 1, "a grant to itself can be mapped");
	ck(dom0 ? self == 0 : self != 0, 1, "own number %u", self);
	maps(page, at);
	copies(page);
	ck(gop(99, &s, 1), -ENOSYS, "unknown command");
	ck(gop(MAP, (void *)0x1000, 1), -EFAULT, "map: bad pointer");
	ck(gop(COPY, (void *)0x1000, 1), -EFAULT, "copy: bad pointer");
	ck(gop(MAP, &s, 0), 0, "none to do");
	ck(gop(MAP, &s, 0x80000000), -EINVAL, "a negative count");
	versions();
}
