/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a domain finds that a boot loader started (tests/grub.py), or the builder: start_info, p2m, its own page tables, its
 * module, the console's ring as it stands, and grants that nobody uses any more.
 */
#include "tests/guests/lib.h"

#define AT 0x30000000UL

static u64 frames, writable;

static u64 p2m_wrong(void)
{
	u64 i, bad = 0;

	for (i = 0; i < si->nr_pages; i++)
		bad += p2m[i] == ~0UL || M2P[p2m[i]] != i;
	return bad;
}

/* Counts a table and those below it, and those that could be written to. */
static void tables(u64 *t, int level)
{
	u64 i;

	frames++;
	writable += *pte_of(A_(t)) & P_RW ? 1 : 0;
	for (i = 0; level > 1 && i < 512; i++)
		if (t[i] & P_P && !(level == 4 && i >= 256 && i < 272)) /* Xen's own */
			tables(va_of(PTE_MFN(t[i])), level - 1);
}

static u64 grants_used(void)
{
	static u64 frame;
	struct {
		u16 dom, pad;
		u32 nr;
		short status;
		u16 pad2[3];
		u64 *frames;
	} setup = { .dom = 0x7ff0, .nr = 1, .frames = &frame };
	u64 i, n = 0;

	ck(hc3(grant_table_op, 2, &setup, 1), 0, "the grant table is there");
	ck((u64)setup.status, 0, "... its status");
	map(AT, 0); /* tables for the address */
	map(AT, frame << 12 | P_RWX_);
	for (i = 8; i < 512; i++) /* the first are the tools': console and store */
		n += *(volatile u16 *)(AT + i * 8) != 0;
	return n;
}

void guest_main(void)
{
	const u8 *module = (const u8 *)si->mod_start;
	u64 i, sum = 0;

	printf("cmdline [%s]\n", si->cmd_line);
	for (i = 0; module && i < si->mod_len; i++)
		sum += module[i] * (i % 251 + 1);
	printf("module %lu bytes, sum %lu\n", module ? si->mod_len : 0, sum);
	ck(memcmp(si->magic, "xen-3.0-x86_64", 14), 0, "magic");
	ck(p2m_wrong(), 0, "M2P of p2m is the identity");
	ck(shi->vcpu[0].mask, 1, "events start masked");
	ck(mfn_of((void *)(A_(guest_main) & ~(PAGE - 1))), PTE_MFN(*pte_of(A_(guest_main))), "own page tables");
	tables(l4, 4);
	ck(writable, 0, "page tables that can be written to");
	ck(frames <= si->nr_pt_frames, 1, "page tables: %lu, and %lu as start_info has it", frames, si->nr_pt_frames);
	ck(grants_used(), 0, "grants that are left");
}
