/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID, the time stamp and performance counters, random numbers; SDM 2A and 2B.
 */
#include "cpu/x86/flags.h"
#include "cpu/x86/opcodes.h"
#include "cpu/x86/priv.h"
#include "cpu/x86/seg.h"
#include "cpu/x86/xlat.h"

static NOINLINE void cpuid(struct x86 *c, const struct insn *i)
{
	u32 out[4] = { 0, 0, 0, 0 };

	c->cur = i;
	if (c->ops->cpuid)
		c->ops->cpuid(c, (u32)c->r[RAX], (u32)c->r[RCX], out);
	c->cur = NULL;
	c->r[RAX] = out[0];
	c->r[RBX] = out[1];
	c->r[RCX] = out[2];
	c->r[RDX] = out[3];
}

static HANDLER(op_cpuid)
{
	cpuid(c, i);
	NEXT;
}

bool x86_emit_cpuid(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_cpuid);
	return true;
}

/* RDTSC and RDTSCP (aux). */
static HANDLER(op_rdtsc)
{
	u64 v = 0;

	if ((c->s.cr4 & CR4_TSD) && !cpl0(c)) {
		ASK_FOR(PRIV_RDTSC, 0, v);
	} else if (c->ops->tsc) {
		c->cur = i;
		v = c->ops->tsc(c);
		c->cur = NULL;
	}
	c->r[RAX] = (u32)v;
	c->r[RDX] = v >> 32;
	if (i->aux)
		c->r[RCX] = (u32)c->s.tsc_aux;
	NEXT;
}

bool x86_emit_rdtsc(struct xlat *x, const struct xi *dec)
{
	if (!(x->c->features & BIT(F_TSC)))
		return emit_ud(x, dec);
	emit(x, dec, op_rdtsc);
	return true;
}

bool x86_emit_rdtscp(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_rdtsc)->aux = 1;
	return true;
}

static HANDLER(op_rdpmc)
{
	u64 v = 0;

	/* No counters that could be read: #GP for each, as for a number that does not exist. */
	if (cpl0(c))
		RAISE(X86_GP, 0);
	ASK_FOR(PRIV_RDPMC, (u32)c->r[RCX], v);
	c->r[RAX] = (u32)v;
	c->r[RDX] = v >> 32;
	NEXT;
}

bool x86_emit_rdpmc(struct xlat *x, const struct xi *dec)
{
	emit(x, dec, op_rdpmc);
	return true;
}

/* RDRAND and RDSEED: a splitmix sequence from the CPU's own state, so that a run repeats. */
static HANDLER(op_rdrand)
{
	u64 z = (c->s.rng += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	z ^= z >> 31;
	if (i->aux == 2)
		SET16(c, i->dst, z);
	else if (i->aux == 4)
		SET32(c, i->dst, z);
	else
		SET64(c, i->dst, z);
	flags_set_all(c, FL_CF);
	NEXT;
}

bool x86_emit_rdrand(struct xlat *x, const struct xi *dec)
{
	struct insn *r;

	if (dec->rep)
		return emit_ud(x, dec);
	r = emit(x, dec, op_rdrand);
	r->dst = xi_off(dec, dec->rm, dec->opsz);
	r->aux = dec->opsz;
	return true;
}
