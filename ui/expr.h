/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expressions of the monitor, as QEMU's: 64-bit numbers, $registers, ( ) ~ - + * / % & | ^.
 */
#ifndef UI_EXPR_H
#define UI_EXPR_H

#include "base/log.h"
#include "base/types.h"

struct expr_env {
	/* The value of a register, its name without the $. False: there is none of that name. NULL: no registers. */
	bool (*reg)(void *opaque, const char *name, u64 *v);
	void *opaque;
};

/*
 * Evaluates what stands at *p as far as it is an expression, and moves *p behind it and the blanks that follow. 0, or
 * -EINVAL with a sentence.
 */
int expr_eval(const char **p, const struct expr_env *env, u64 *v, struct error *e);

#endif
