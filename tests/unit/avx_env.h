/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One instruction in a guest of a few pages and, where the host is an x86-64 one that has it, on the host itself, from
 * the same registers and memory. For the suites of what came after SSE4.2.
 */
#ifndef TESTS_UNIT_AVX_ENV_H
#define TESTS_UNIT_AVX_ENV_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/opcodes.h"
#include "cpu/x86/xlat.h"
#include "tests/unit/guest64.h"

#if HAVE_HOST
#include <cpuid.h>
#include <sys/mman.h>
#endif

#define MEM_BYTES 256u
#define MEM_BASE 128u /* where the base register points: in the middle */
#define BASE_REG R10

struct regs {
	u64 ymm[16][4];
	u64 gpr[16];
	u64 flags;
	u64 mxcsr;
	u64 mem[MEM_BYTES / 8];
};

struct env {
	struct guest guest;
	struct x86 *c; /* the guest's */
	u8 *exec; /* a page of the host's, or NULL */
	u8 *data; /* what the host's instruction works on */
	u64 host; /* BIT(enum x86_feature) of what the host has */
	u32 rows, forms, runs, compared, wrong;
};

static inline u64 host_features(void)
{
	u64 f = 0;
#if HAVE_HOST
	u32 a, b, c, d, lo = 0, hi = 0;

	__cpuid(1, a, b, c, d);
	if (c >> 27 & 1)
		__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	if ((lo & 6) != 6)
		return 0;
	f |= c >> 28 & 1 ? BIT(F_AVX) : 0;
	f |= c >> 29 & 1 ? BIT(F_F16C) : 0;
	f |= c >> 12 & 1 ? BIT(F_FMA) : 0;
	f |= c >> 22 & 1 ? BIT(F_MOVBE) : 0;
	f |= c >> 25 & 1 ? BIT(F_AES) : 0;
	f |= c >> 1 & 1 ? BIT(F_PCLMUL) : 0;
	__cpuid(0, a, b, c, d);
	if (a >= 7) {
		__cpuid_count(7, 0, a, b, c, d);
		f |= b >> 5 & 1 ? BIT(F_AVX2) : 0;
		f |= b >> 3 & 1 ? BIT(F_BMI1) : 0;
		f |= b >> 8 & 1 ? BIT(F_BMI2) : 0;
		f |= b >> 19 & 1 ? BIT(F_ADX) : 0;
		f |= b >> 29 & 1 ? BIT(F_SHA) : 0;
	}
	__cpuid(0x80000001, a, b, c, d);
	f |= c >> 5 & 1 ? BIT(F_LZCNT) : 0;
	if (!(f & BIT(F_AVX)))
		f = 0;
#endif
	return f;
}

static inline void env_open(struct env *g)
{
	memset(g, 0, sizeof *g);
	guest_open(&g->guest, false);
	g->c = g->guest.c;
	g->host = host_features();
#if HAVE_HOST
	g->exec = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANON, -1, 0);
	if (g->exec == MAP_FAILED)
		g->exec = NULL;
	else
		g->data = g->exec + 4096;
#endif
}

static inline void env_close(struct env *g)
{
#if HAVE_HOST
	if (g->exec)
		munmap(g->exec, 8192);
#endif
	guest_close(&g->guest);
}

/* The instruction of len bytes in the guest. -1, or the vector of its exception. */
static inline int env_guest(struct env *g, u32 len, struct regs *o)
{
	struct x86 *c = g->c;
	u8 *p = mem_rw(&g->guest.mem, DATA, 0, MEM_BYTES);

	memcpy(c->s.vec, o->ymm, sizeof o->ymm);
	for (u32 k = 0; k < MEM_BYTES / 8; k++)
		st64(p + 8 * k, o->mem[k]);
	memcpy(c->r, o->gpr, sizeof o->gpr);
	c->r[BASE_REG] = VA(DATA) + MEM_BASE;
	c->s.fpu.mxcsr = (u32)o->mxcsr;
	x86_set_rflags(c, o->flags);
	c->rip = VA(CODE);
	if (x86_run(c, 2) != CPU_STOPPED)
		ck_abort_msg("no exception behind the instruction");
	memcpy(o->ymm, c->s.vec, sizeof o->ymm);
	memcpy(o->gpr, c->r, sizeof o->gpr);
	o->gpr[BASE_REG] = 0;
	o->mxcsr = c->s.fpu.mxcsr;
	o->flags = x86_rflags(c) & FL_ARITH;
	p = mem_rw(&g->guest.mem, DATA, 0, MEM_BYTES);
	for (u32 k = 0; k < MEM_BYTES / 8; k++)
		o->mem[k] = ld64(p + 8 * k);
	return c->trap.rip == VA(CODE) + len ? -1 : c->trap.vector;
}

#if HAVE_HOST
#define EACH_YMM(X)                                                                                                  \
	X("0", "0") X("1", "32") X("2", "64") X("3", "96") X("4", "128") X("5", "160") X("6", "192") X("7", "224")    \
	X("8", "256") X("9", "288") X("10", "320") X("11", "352") X("12", "384") X("13", "416") X("14", "448")        \
	X("15", "480")
/* General registers but RSP, RBP and the three that run the show (R13-R15). */
#define EACH_GPR(X)                                                                                                  \
	X("rax", "512") X("rcx", "520") X("rdx", "528") X("rbx", "536") X("rsi", "560") X("rdi", "568") X("r8", "576") \
	X("r9", "584") X("r10", "592") X("r11", "600") X("r12", "608")
#define LOAD_YMM(n, off) "vmovups " off "(%%r15), %%ymm" n "\n"
#define SAVE_YMM(n, off) "vmovups %%ymm" n ", " off "(%%r15)\n"
#define LOAD_GPR(n, off) "mov " off "(%%r15), %%" n "\n"
#define SAVE_GPR(n, off) "mov %%" n ", " off "(%%r15)\n"

/* The same on the host, which must not raise an exception. */
static inline void env_host(struct env *g, const u8 *code, u32 len, struct regs *o)
{
	u32 plain = 0x1f80, *usual = &plain;
	struct regs *at = o;
	u8 *call = g->exec;

	memcpy(g->exec, code, len);
	g->exec[len] = 0xc3;
	memcpy(g->data, o->mem, MEM_BYTES);
	o->gpr[BASE_REG] = (u64)(uintptr_t)g->data + MEM_BASE;
	o->flags |= 0x202;
	__asm__ volatile("sub $256, %%rsp\n"
			 "push %%rbp\n"
			 "mov %%rax, %%r15\n"
			 "mov %%rcx, %%r14\n"
			 "mov %%rdx, %%r13\n" EACH_YMM(LOAD_YMM) "ldmxcsr 648(%%r15)\n"
			 "pushq 640(%%r15)\n"
			 "popfq\n" EACH_GPR(LOAD_GPR) "call *%%r14\n" EACH_GPR(SAVE_GPR) "pushfq\n"
			 "popq 640(%%r15)\n"
			 "stmxcsr 648(%%r15)\n" EACH_YMM(SAVE_YMM) "ldmxcsr (%%r13)\n"
			 "vzeroupper\n"
			 "cld\n"
			 "pop %%rbp\n"
			 "add $256, %%rsp\n"
			 : "+a"(at), "+c"(call), "+d"(usual)
			 :
			 : "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
			   "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
			   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	o->gpr[BASE_REG] = 0;
	o->flags &= FL_ARITH;
	memcpy(o->mem, g->data, MEM_BYTES);
}
#else
static inline void env_host(struct env *g, const u8 *code, u32 len, struct regs *o)
{
}
#endif

/* ---- encoding and operands ------------------------------------------------------------------------------------------ */

struct rng {
	u64 s;
};
static inline u64 rnd(struct rng *r)
{
	u64 z = r->s += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

struct code {
	u8 b[16];
	u32 n;
};

/* Numbers of the operands, disp8 of a memory one. */
struct form {
	bool mem, l, w, rexw, p66;
	u8 reg, rm, vvvv, index, imm;
	i8 disp;
};

static inline bool row_has(const struct oprow *row, const char *letters)
{
	for (u32 k = 0; k < 4; k++)
		if (row->op[k][0] && strchr(letters, row->op[k][0]))
			return true;
	return false;
}

static inline struct code encode(const struct oprow *row, const struct form *f)
{
	u32 o = row->opcode, map, pfx;
	bool three = (o >> 16 & 0xff) == 0x0f;
	struct code c = { .n = 0 };
	u8 rm = f->mem ? BASE_REG : f->rm, x = row->flags & VSIB ? f->index : 0;

	map = three ? ((o >> 8 & 0xff) == 0x38 ? 2 : 3) : 1;
	pfx = three ? o >> 24 : o >> 16;
	if (row->vex) {
		u8 pp = pfx == 0x66 ? 1 : pfx == 0xf3 ? 2 : pfx == 0xf2 ? 3 : 0;
		bool uses = row_has(row, "HB");

		c.b[c.n++] = 0xc4;
		c.b[c.n++] = (u8)((f->reg & 8 ? 0 : 0x80) | (x & 8 ? 0 : 0x40) | (rm & 8 ? 0 : 0x20) | map);
		c.b[c.n++] = (u8)(f->w << 7 | (uses ? ~f->vvvv & 15 : 15) << 3 | f->l << 2 | pp);
		c.b[c.n++] = (u8)o;
		if (!strcmp(row->name, "vzeroupper"))
			return c;
	} else {
		if (pfx)
			c.b[c.n++] = (u8)pfx;
		if (f->p66)
			c.b[c.n++] = 0x66;
		c.b[c.n++] = (u8)(0x40 | f->rexw << 3 | (f->reg & 8 ? 4 : 0) | (rm & 8 ? 1 : 0));
		c.b[c.n++] = 0x0f;
		if (map > 1)
			c.b[c.n++] = map == 2 ? 0x38 : 0x3a;
		c.b[c.n++] = (u8)o;
	}
	if (row->flags & VSIB) {
		c.b[c.n++] = (u8)(0x44 | (f->reg & 7) << 3);
		c.b[c.n++] = (u8)((f->imm & 1) << 6 | (x & 7) << 3 | (rm & 7));
		c.b[c.n++] = (u8)f->disp;
	} else {
		c.b[c.n++] = (u8)((f->mem ? 0x40 : 0xc0) | (f->reg & 7) << 3 | (rm & 7));
		if (f->mem)
			c.b[c.n++] = (u8)f->disp;
	}
	if (row_has(row, "IL"))
		c.b[c.n++] = f->imm;
	return c;
}

/* Compares, counts, and says what differs. mask: the flags that are defined. */
static inline void env_compare(struct env *g, const struct oprow *row, const struct form *f, const struct code *k,
			       const struct regs *in, const struct regs *host, const struct regs *guest, u32 mask)
{
	char bytes[64];
	u32 n = 0;

	g->compared++;
	if (!memcmp(host->ymm, guest->ymm, sizeof host->ymm) && !memcmp(host->gpr, guest->gpr, sizeof host->gpr) &&
	    !memcmp(host->mem, guest->mem, sizeof host->mem) && host->mxcsr == guest->mxcsr &&
	    !((host->flags ^ guest->flags) & mask))
		return;
	if (g->wrong++ > 20)
		return;
	for (u32 b = 0; b < k->n; b++)
		n += (u32)snprintf(bytes + n, sizeof bytes - n, "%02x ", k->b[b]);
	fprintf(stderr, "%s (%s L%u W%u %s): mxcsr %x -> host %x guest %x, flags host %x guest %x\n", row->name, bytes, f->l, f->w,
		f->mem ? "mem" : "reg", (u32)in->mxcsr, (u32)host->mxcsr, (u32)guest->mxcsr, (u32)host->flags & mask,
		(u32)guest->flags & mask);
	for (u32 r = 0; r < 16; r++) {
		if (memcmp(host->ymm[r], guest->ymm[r], 32))
			for (u32 q = 0; q < 4; q++)
				fprintf(stderr, "  ymm%u.%u in %016llx host %016llx guest %016llx; vvvv %016llx rm %016llx\n", r, q,
					(unsigned long long)in->ymm[r][q], (unsigned long long)host->ymm[r][q],
					(unsigned long long)guest->ymm[r][q], (unsigned long long)in->ymm[f->vvvv][q],
					(unsigned long long)(f->mem ? in->mem[(MEM_BASE + f->disp) / 8 + q] : in->ymm[f->rm][q]));
		if (host->gpr[r] != guest->gpr[r])
			fprintf(stderr, "  r%u in %016llx host %016llx guest %016llx\n", r, (unsigned long long)in->gpr[r],
				(unsigned long long)host->gpr[r], (unsigned long long)guest->gpr[r]);
	}
}

#endif
