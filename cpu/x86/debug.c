/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug registers: instruction, data and port breakpoints. SDM 3B 17.2 and 17.3. While DR7 enables one, the CPU runs
 * instruction by instruction, and accesses to pages with data breakpoints take the slow path, which checks them.
 */
#include "cpu/x86/seg.h"

enum { RW_CODE, RW_WRITE, RW_IO, RW_DATA };

static bool enabled(const struct x86 *c, u32 n)
{
	return c->s.dr[7] >> (2 * n) & 3;
}

static u32 rw_of(const struct x86 *c, u32 n)
{
	return c->s.dr[7] >> (16 + 4 * n) & 3;
}

static u32 len_of(const struct x86 *c, u32 n)
{
	static const u8 lens[4] = { 1, 2, 8, 4 };

	return lens[c->s.dr[7] >> (18 + 4 * n) & 3];
}

void debug_changed(struct x86 *c)
{
	u32 n, k = 0;

	c->breakpoints_armed = false;
	for (n = 0; n < 4; n++)
		if (enabled(c, n)) {
			c->breakpoints_armed = true;
			if (rw_of(c, n) & 1)
				c->mmu.slow_page[k++] = PAGE_BASE(c->s.dr[n]);
		}
	if (k || c->mmu.nslow)
		mmu_flush(&c->mmu);
	c->mmu.nslow = (u8)k;
}

void x86_debug_pending(struct x86 *c, u32 dr6)
{
	c->sys.db_pending |= dr6;
	c->exact_next = true;
}

u32 debug_code(const struct x86 *c, u64 rip)
{
	u32 n, bits = 0;
	bool hit = false;

	for (n = 0; n < 4; n++)
		if (rw_of(c, n) == RW_CODE && c->s.dr[n] == rip) {
			bits |= 1u << n;
			hit |= enabled(c, n);
		}
	return hit ? bits : 0;
}

/* Breakpoints of these kinds over [at, at + n). */
static void match(struct x86 *c, u64 at, u32 n, u32 kinds)
{
	u32 k, bits = 0;
	bool hit = false;

	for (k = 0; k < 4; k++) {
		u32 len = len_of(c, k);
		u64 from = c->s.dr[k] & ~(u64)(len - 1);

		if ((kinds >> rw_of(c, k) & 1) && at < from + len && from < at + n) {
			bits |= 1u << k;
			hit |= enabled(c, k);
		}
	}
	if (hit)
		c->sys.db_pending |= bits;
}

void debug_note(struct x86 *c, u64 bits)
{
	c->trap = (struct x86_trap){ .vector = X86_DB, .kind = TRAP_TRAP, .rip = c->rip, .soft = true };
	c->trap.dr6 = c->sys.db_pending | bits;
	c->sys.db_pending = 0;
}

bool debug_due(struct x86 *c)
{
	u32 db;

	if (c->s.shadow)
		return false;
	if (c->sys.db_pending) {
		debug_note(c, 0);
		return true;
	}
	if (!c->breakpoints_armed || (c->eflags & FL_RF) || !(db = debug_code(c, c->rip)))
		return false;
	c->trap = (struct x86_trap){ .vector = X86_DB, .rip = c->rip, .dr6 = db };
	return true;
}

void debug_data(struct x86 *c, u64 va, u32 n, bool write)
{
	match(c, va, n, write ? 1 << RW_WRITE | 1 << RW_DATA : 1 << RW_DATA);
}

void debug_port(struct x86 *c, u16 port, u32 n)
{
	if (c->s.cr4 & CR4_DE)
		match(c, port, n, 1 << RW_IO);
}
