/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expressions of the monitor: a descent by precedence, lowest first: & | ^, then + -, then * / %, then signs. Left out:
 * shifts and comparisons, which QEMU has not either, and floating point.
 */
#include "ui/expr.h"

#include <errno.h>
#include <string.h>

#define DEPTH_MAX 64u

struct parser {
	const char *p;
	const struct expr_env *env;
	struct error *e;
	u32 depth;
};

static int binary(struct parser *x, u32 level, u64 *v);

static void blanks(struct parser *x)
{
	while (*x->p == ' ' || *x->p == '\t')
		x->p++;
}

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
		return (c | 0x20) - 'a' + 10;
	return 99;
}

/* 123, 0x7b, 0173: as in C. */
static int number(struct parser *x, u64 *v)
{
	const char *start = x->p;
	u32 base = 10;

	*v = 0;
	if (*x->p == '0') {
		base = 8;
		x->p++;
		if ((*x->p | 0x20) == 'x') {
			base = 16;
			x->p++;
			if (digit_of(*x->p) >= 16)
				return error_set(x->e, -EINVAL, "'%.20s': digits must follow 0x", start);
		}
	}
	for (; digit_of(*x->p) < (int)base; x->p++) {
		u64 d = (u64)digit_of(*x->p);

		if (*v > (UINT64_MAX - d) / base)
			return error_set(x->e, -EINVAL, "'%.24s' is larger than 64 bits", start);
		*v = *v * base + d;
	}
	if (digit_of(*x->p) < 99 || *x->p == '_')
		return error_set(x->e, -EINVAL, "'%.24s' is no number", start);
	return 0;
}

static int reg(struct parser *x, u64 *v)
{
	char name[16];
	u32 n = 0;

	x->p++;
	while ((letter(*x->p) || (*x->p >= '0' && *x->p <= '9')) && n < sizeof name - 1)
		name[n++] = *x->p++;
	name[n] = 0;
	if (n && x->env && x->env->reg && x->env->reg(x->env->opaque, name, v))
		return 0;
	return error_set(x->e, -EINVAL, "there is no register $%s: 'info registers' shows those there are", name);
}

static int unary(struct parser *x, u64 *v)
{
	int rc;

	blanks(x);
	if (*x->p == '-' || *x->p == '+' || *x->p == '~' || *x->p == '(') {
		char op = *x->p++;

		if (x->depth == DEPTH_MAX)
			return error_set(x->e, -EINVAL, "the expression is nested more than %u deep", DEPTH_MAX);
		x->depth++;
		rc = op == '(' ? binary(x, 0, v) : unary(x, v);
		x->depth--;
		if (rc)
			return rc;
		if (op == '(') {
			blanks(x);
			if (*x->p != ')')
				return error_set(x->e, -EINVAL, "a ')' is missing before '%.20s'", x->p);
			x->p++;
		}
		*v = op == '-' ? 0 - *v : op == '~' ? ~*v : *v;
		return 0;
	}
	if (*x->p == '$')
		return reg(x, v);
	if (*x->p == '\'' && x->p[1] && x->p[2] == '\'') {
		*v = (u8)x->p[1];
		x->p += 3;
		return 0;
	}
	if (*x->p >= '0' && *x->p <= '9')
		return number(x, v);
	if (!*x->p)
		return error_set(x->e, -EINVAL, "the expression ends too early: a number or a register such as $rip must follow");
	return error_set(x->e, -EINVAL, "'%.24s': a number or a register such as $rip was expected", x->p);
}

static int apply(struct parser *x, char op, u64 *v, u64 b)
{
	switch (op) {
	case '&':
		*v &= b;
		break;
	case '|':
		*v |= b;
		break;
	case '^':
		*v ^= b;
		break;
	case '+':
		*v += b;
		break;
	case '-':
		*v -= b;
		break;
	case '*':
		*v *= b;
		break;
	default:
		if (!b)
			return error_set(x->e, -EINVAL, "division by zero");
		*v = op == '/' ? *v / b : *v % b;
	}
	return 0;
}

/* Operators of one level, and what binds closer between them. */
static int binary(struct parser *x, u32 level, u64 *v)
{
	static const char *const ops[] = { "&|^", "+-", "*/%" };
	int rc;

	if (level == ARRAY_SIZE(ops))
		return unary(x, v);
	rc = binary(x, level + 1, v);
	while (!rc) {
		u64 b;
		char op;

		blanks(x);
		op = *x->p;
		if (!op || !strchr(ops[level], op))
			break;
		x->p++;
		rc = binary(x, level + 1, &b);
		if (!rc)
			rc = apply(x, op, v, b);
	}
	return rc;
}

int expr_eval(const char **p, const struct expr_env *env, u64 *v, struct error *e)
{
	struct parser x = { .p = *p, .env = env, .e = e };
	int rc = binary(&x, 0, v);

	if (rc)
		return rc;
	blanks(&x);
	*p = x.p;
	return 0;
}
