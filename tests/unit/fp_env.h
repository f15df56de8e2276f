/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the suites of cpu/fp.h: random operands, and what the host's own unit said.
 */
#ifndef TESTS_UNIT_FP_ENV_H
#define TESTS_UNIT_FP_ENV_H

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "cpu/fp.h"
#include "tests/suites.h"

#ifndef FP_ROUNDS
#define FP_ROUNDS 40000
#endif

struct rng {
	u64 s;
};

static inline u64 next(struct rng *r)
{
	r->s += 0x9e3779b97f4a7c15ull;
	u64 z = r->s;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* A significand of the given width: random, sparse, or near a power of two. */
static inline u64 gen_bits(struct rng *r, unsigned bits)
{
	u64 mask = bits == 64 ? ~0ull : (1ull << bits) - 1, v;
	switch (next(r) % 6) {
	case 0:
		v = 1ull << next(r) % bits;
		break;
	case 1:
		v = mask << next(r) % bits;
		break;
	case 2:
		v = next(r) % 4;
		break;
	case 3:
		v = mask - next(r) % 4;
		break;
	default:
		v = next(r);
	}
	return v & mask;
}

/* A biased exponent: anything, near the middle, near either end. */
static inline u64 gen_exp(struct rng *r, unsigned bits)
{
	u64 max = (1ull << bits) - 1;
	switch (next(r) % 8) {
	case 0:
		return 0;
	case 1:
		return max;
	case 2:
		return next(r) % 70;
	case 3:
		return max - next(r) % 70;
	case 4:
		return next(r) & max;
	default:
		return (max >> 1) + next(r) % 140 - 70;
	}
}

static inline f32 gen32(struct rng *r)
{
	return (f32)((next(r) & 1) << 31 | (gen_exp(r, 8) & 0xff) << 23 | gen_bits(r, 23));
}

static inline f64 gen64(struct rng *r)
{
	return (next(r) & 1) << 63 | gen_exp(r, 11) << 52 | gen_bits(r, 52);
}

static inline struct f80 gen80(struct rng *r)
{
	struct f80 v;
	v.se = (u16)((next(r) & 1) << 15 | gen_exp(r, 15));
	v.mant = gen_bits(r, 64);
	if (next(r) % 8)
		v.mant = (v.se & 0x7fff) ? v.mant | 1ull << 63 : v.mant & ~(1ull << 63);
	if (!(next(r) % 16))
		v.mant = 1ull << 63;
	return v;
}

#if defined(__x86_64__) && defined(__linux__)
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

/* The host's MXCSR after one instruction; a SIGFPE is caught and its MXCSR taken from the frame. */
static sigjmp_buf hw_jump;
static UNUSED volatile u32 hw_mxcsr;
static UNUSED volatile u16 hw_sw;

static inline void hw_fault(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	hw_mxcsr = uc->uc_mcontext.fpregs->mxcsr;
	hw_sw = uc->uc_mcontext.fpregs->swd;
	siglongjmp(hw_jump, 1);
}

static inline void hw_catch(void)
{
	struct sigaction sa = { .sa_sigaction = hw_fault, .sa_flags = SA_SIGINFO };
	sigaction(SIGFPE, &sa, NULL);
}

#endif

#endif
