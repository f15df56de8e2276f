/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What kind of host this is, found out by trying: which segments its kernel has, and what a kernel or a hypervisor
 * answers in the processor's place. A host that does nothing of the kind has every case compared.
 */
#include <stdlib.h>

#include "tests/silicon/gen.h"
#include "tests/silicon/host.h"

#define CODE_END (CODE_VA + 2 * PAGE_SIZE)
#define FETCH_MAX 15u /* bytes of an instruction; who emulates one may read so many */

static void start(struct sil_case *k, u64 at, const char *bytes, u32 len)
{
	memset(k, 0, offsetof(struct sil_case, mem));
	memcpy(k->bytes, bytes, len);
	k->len = k->put = len;
	k->at = at;
	k->in.rflags = FL_FIXED1 | FL_IF;
	k->in.seg[SEG_CS] = SEL_CS;
	k->in.seg[SEG_SS] = SEL_SS;
	k->in.gsbase = GS_BASE;
	k->in.gpr[RSP] = STACK_VA + 2 * PAGE_SIZE;
	st16(k->in.fx, 0x37f);
	st32(k->in.fx + 24, 0x1f80);
}

/* LAR sees the segments that a program may use. */
static void probe_segments(struct sil_host *h, struct sil_case *k, struct sil_result *r)
{
	static const u16 users[] = { SEL_CS32, SEL_SS, SEL_CS };
	u32 i;

	h->segments = SEGMENTS_ALL;
	for (i = 0; i < ARRAY_SIZE(users); i++) {
		start(k, CODE_VA + 256, "\x0f\x02\xc1", 3);
		k->in.gpr[RCX] = users[i];
		native_run(k, r);
		if (r->vector != NO_TRAP || !(r->s.rflags & FL_ZF))
			h->segments &= ~(1u << (users[i] >> 3));
	}
}

/* INT n of a program is a fault: Linux has gates for 3, 4 and 80H only. */
static void probe_interrupts(struct sil_host *h, struct sil_case *k, struct sil_result *r)
{
	char code[2] = "\xcd";
	u32 n;

	for (n = 0; n < 256; n++) {
		if (n == X86_BP || n == X86_OF || n == 0x80)
			continue;
		code[1] = (char)n;
		start(k, CODE_VA + 256, code, 2);
		k->step = true; /* whoever takes it may go on elsewhere */
		native_run(k, r);
		if (r->vector != X86_GP || r->error != n * 8 + 2 || r->s.rip != k->at)
			h->interrupts[n / 32] |= 1u << n % 32;
	}
}

/* Who emulates an instruction, or a trap, may read further than the processor does. */
static void probe_code_end(struct sil_host *h, struct sil_case *k, struct sil_result *r)
{
	start(k, CODE_END - 2, "\x0f\xa2", 2);
	k->step = true;
	native_run(k, r);
	h->cpuid_at_end = r->vector == NO_TRAP;
	start(k, CODE_END - 3, "\xf3\x48\xaa", 3);
	k->step = k->rep = true;
	k->in.gpr[RCX] = 3;
	k->in.gpr[RDI] = DATA_VA + PAGE_SIZE;
	k->in.gpr[RAX] = native_data()[0];
	native_run(k, r);
	h->rep_at_end = r->vector == NO_TRAP && !r->s.gpr[RCX];
}

void host_probe(struct sil_host *h, const struct sil_window *pattern)
{
	struct sil_case *k = calloc(1, sizeof *k);
	struct sil_result *r = calloc(1, sizeof *r);

	memset(h, 0, sizeof *h);
	if (!k || !r)
		abort();
	probe_segments(h, k, r);
	probe_interrupts(h, k, r);
	probe_code_end(h, k, r);
	memcpy(native_data(), pattern->data, PAGE_SIZE);
	free(k);
	free(r);
}

static bool by_fs(const struct xi *d)
{
	return d->seg == REG_FS || d->segovr == REG_FS;
}

/* Whether an instruction of the case uses FS. */
static bool case_by_fs(const struct sil_case *k)
{
	struct xi d;
	u8 b[15];
	u32 n;

	if (!k->seq.n)
		return by_fs(&k->d);
	for (n = 0; n < k->seq.n; n++) {
		memcpy(b, k->seq.bytes + k->seq.at[n], sizeof b);
		x86_decode(&d, b, sizeof b, mode_key(k->c32), 0);
		if (by_fs(&d))
			return true;
	}
	return false;
}

/* Puts a selector, or a base, where the C code's own would be lost. */
static bool loads_segment(const struct oprow *r)
{
	return named(r, " mov_to_seg pop_seg lfs lgs rdfsbase rdgsbase wrfsbase wrgsbase ");
}

const char *host_leaves(const struct sil_host *h, const struct sil_case *k)
{
	if (k->c32 && native_no32())
		return "32-bit code does not run here";
	if (!native_segments() && (case_by_fs(k) || loads_segment(k->row)))
		return "programs cannot write segment bases here";
	if (k->seq.n)
		return NULL;
	if (named(k->row, " int ") && (h->interrupts[k->d.imm / 32 & 7] >> (k->d.imm & 31) & 1))
		return "the kernel or a hypervisor answers this interrupt itself";
	if (named(k->row, " cpuid ") && !h->cpuid_at_end && k->at + FETCH_MAX > CODE_END)
		return "a hypervisor reads beyond a CPUID at the end of a page";
	if (k->step && k->rep && !h->rep_at_end && k->at + FETCH_MAX > CODE_END)
		return "a repeated instruction cannot be stepped at the end of a page here";
	return NULL;
}

void host_report(const struct sil_host *h, FILE *f)
{
	u32 n;

	if (native_no32())
		fprintf(f, "no 32-bit code: %s\n", native_no32());
	for (n = 0; n < 32; n++)
		if (!(h->segments >> n & 1) && (SEGMENTS_ALL >> n & 1))
			fprintf(f, "no segment %#x: the kernel does not have it, so neither do we\n", n * 8 | 3);
	for (n = 0; n < 256; n++)
		if (h->interrupts[n / 32] >> (n % 32) & 1)
			fprintf(f, "no INT %#x: the kernel or a hypervisor answers it itself\n", n);
	if (!h->cpuid_at_end)
		fprintf(f, "no CPUID at the end of a page: a hypervisor reads beyond it\n");
	if (!h->rep_at_end)
		fprintf(f, "no repeated instruction at the end of a page: it cannot be stepped here\n");
}
