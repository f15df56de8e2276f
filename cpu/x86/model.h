/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of processor models and of features for option -cpu. Models are the levels of the x86-64 psABI, some real processors,
 * and "max".
 */
#ifndef CPU_X86_MODEL_H
#define CPU_X86_MODEL_H

#include "base/log.h"
#include "base/types.h"

struct x86_model {
	const char *name;
	const char *what; /* one line, for a list */
	u64 features;     /* BIT(enum x86_feature) */
	u32 signature;    /* CPUID leaf 1 EAX: family, model, stepping */
	u32 leaves;       /* the last basic leaf of CPUID, when features do not need a later one */
	const char *brand; /* up to 47 bytes; NULL: none */
};

/* The models, ended by a NULL name. The first is "max", the default: all that x86_features_implemented() has. */
const struct x86_model *x86_model_list(void);
/* The n-th feature's name as in Linux's /proc/cpuinfo or QEMU (n: enum x86_feature), or NULL when it has none. */
const char *x86_feature_name(u32 n);
/* The model that a text as x86_features_parse() takes names; "max" when it names none. */
const struct x86_model *x86_model_named(const char *spec);
/*
 * Reads "MODEL", "MODEL,+FEATURE,-FEATURE", "+FEATURE,..." (upon *features as it is) and also FEATURE=on|off; letters may
 * be of either case. Features that need others bring them; taking one away takes those that need it. 0, or -EINVAL with
 * the nearest name, or -ENOTSUP for what exists but is not implemented; then *features is unchanged.
 */
int x86_features_parse(const char *spec, u64 *features, struct error *e);

/* The words of CPUID that hold features. SDM 2A CPUID. */
enum cpuid_word { L1_EDX, L1_ECX, L7_EBX, L7_ECX, L7_EDX, LD_EAX, LX_ECX, LX_EDX };
/* A set's bits in such a word. */
u32 cpuid_bits(u64 features, enum cpuid_word w);

#endif
