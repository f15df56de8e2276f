/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE instructions that are no vector arithmetic: MXCSR, fences, prefetches, cache-line flushes. SDM 1 10.2.3, 10.4.6.
 * There is no cache here and memory is strongly ordered, so hints and fences have no effect.
 */
#include "cpu/x86/sse.h"

/* Bits of MXCSR that exist; setting others is #GP. MXCSR_MASK of FXSAVE says the same. */
#define MXCSR_MASK 0xffffu

static HANDLER(op_ldmxcsr)
{
	u32 v;

	LOAD32(v, EA(c, i));
	if (UNLIKELY(v & ~MXCSR_MASK))
		RAISE(X86_GP, 0);
	c->s.fpu.mxcsr = v;
	NEXT;
}
static HANDLER(op_stmxcsr)
{
	STORE32(EA(c, i), c->s.fpu.mxcsr);
	NEXT;
}

/* Prefetches and fences: nothing, not even a fault. */
static HANDLER(op_nothing)
{
	NEXT;
}

/* CLFLUSH and relatives fault as a load of a byte does. */
static HANDLER(op_clflush)
{
	if (UNLIKELY(!slow_probe(c, EA(c, i), 1, false)))
		return raise_fault(c, i);
	NEXT;
}

#define EMIT_PLAIN(name, fn)                                                                                         \
	EMITTER(name)                                                                                                \
	{                                                                                                            \
		emit(x, dec, fn);                                                                                    \
		return true;                                                                                         \
	}
EMIT_PLAIN(ldmxcsr, op_ldmxcsr)
EMIT_PLAIN(stmxcsr, op_stmxcsr)
EMIT_PLAIN(prefetchnta, op_nothing)
EMIT_PLAIN(prefetcht0, op_nothing)
EMIT_PLAIN(prefetcht1, op_nothing)
EMIT_PLAIN(prefetcht2, op_nothing)
EMIT_PLAIN(lfence, op_nothing)
EMIT_PLAIN(mfence, op_nothing)
EMIT_PLAIN(sfence, op_nothing)
EMIT_PLAIN(clflush, op_clflush)
EMIT_PLAIN(clflushopt, op_clflush)
EMIT_PLAIN(clwb, op_clflush)
