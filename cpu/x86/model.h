/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of processors and of features, as -cpu takes them. The psABI's levels, a few real ones, "max".
 */
#ifndef CPU_X86_MODEL_H
#define CPU_X86_MODEL_H

#include "base/log.h"
#include "base/types.h"

struct cpu_model {
	const char *name;
	const char *what; /* one line, for a list */
	u64 features;     /* BIT(enum x86_feature) */
};

/* The models, ended by a NULL name. "max" is all that cpu_features_implemented() has. */
const struct cpu_model *cpu_model_list(void);
/* The n-th feature's name as in Linux's /proc/cpuinfo or QEMU (n: enum x86_feature), or NULL when it has none. */
const char *cpu_feature_name(u32 n);
/*
 * What a guest has when nothing is said: x86-64-v2 with FSGSBASE, RDTSCP, RDRAND, RDSEED and XSAVE. What is beyond is
 * for those who ask.
 */
u64 cpu_features_default(void);
/*
 * Reads "MODEL", "MODEL,+FEATURE,-FEATURE", "+FEATURE,..." (upon *features as it is) and also FEATURE=on|off. Features
 * that need others bring them; taking one away takes those that need it. 0, or -EINVAL with the nearest name, or
 * -ENOTSUP for what exists but is not implemented; then *features is unchanged.
 */
int cpu_features_parse(const char *spec, u64 *features, struct error *e);

#endif
