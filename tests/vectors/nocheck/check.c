/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The runner behind check.h.
 */
#include "check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#define TESTS_MAX 4096

struct Suite {
	const char *name;
	TCase *cases;
	Suite *next;
};
struct TCase {
	const char *name;
	TCase *next;
	void (*before)(void), (*after)(void);
	struct {
		TFun fn;
		const char *name;
		int from, to;
	} tests[TESTS_MAX / 16];
	int n;
};
struct SRunner {
	Suite *suites, **end;
	int run, failed;
};

static jmp_buf out;

static void *made(size_t n)
{
	void *p = calloc(1, n);

	if (!p)
		abort();
	return p;
}

Suite *suite_create(const char *name)
{
	Suite *s = made(sizeof *s);

	s->name = name;
	return s;
}

TCase *tcase_create(const char *name)
{
	TCase *t = made(sizeof *t);

	t->name = name;
	return t;
}

void suite_add_tcase(Suite *s, TCase *t)
{
	TCase **p = &s->cases;

	while (*p)
		p = &(*p)->next;
	*p = t;
}

void tcase_add_checked_fixture(TCase *t, void (*before)(void), void (*after)(void))
{
	t->before = before;
	t->after = after;
}

void nocheck_add(TCase *t, TFun fn, const char *name, int from, int to)
{
	if (t->n == TESTS_MAX / 16)
		abort();
	t->tests[t->n].fn = fn;
	t->tests[t->n].name = name;
	t->tests[t->n].from = from;
	t->tests[t->n++].to = to;
}

SRunner *srunner_create(Suite *s)
{
	SRunner *r = made(sizeof *r);

	r->end = &r->suites;
	if (s)
		srunner_add_suite(r, s);
	return r;
}

void srunner_add_suite(SRunner *r, Suite *s)
{
	*r->end = s;
	r->end = &s->next;
}

void srunner_set_fork_status(SRunner *r, enum fork_status f)
{
	(void)r;
	(void)f;
}

void nocheck_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("%s:%d:F:", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	longjmp(out, 1);
}

/* CK_LEAVE_OUT="SUITE:TEST SUITE:TEST...": those that this host cannot do. */
static int left_out(const char *suite, const char *test)
{
	const char *list = getenv("CK_LEAVE_OUT"), *p = list;
	char name[200];
	size_t len;

	snprintf(name, sizeof name, "%s:%s", suite, test);
	len = strlen(name);
	while (p && (p = strstr(p, name))) {
		if ((p == list || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
			return 1;
		p += len;
	}
	return 0;
}

static void run(SRunner *r, const Suite *s, const TCase *t, int n, int i)
{
	if (left_out(s->name, t->tests[n].name)) {
		if (!i)
			printf("left out: %s: %s\n", s->name, t->tests[n].name);
		return;
	}
	r->run++;
	if (setjmp(out)) {
		r->failed++;
		printf("FAIL %s: %s: %s[%d]\n", s->name, t->name, t->tests[n].name, i);
		return;
	}
	if (t->before)
		t->before();
	t->tests[n].fn(i);
	if (t->after)
		t->after();
}

void srunner_run_all(SRunner *r, enum print_output how)
{
	Suite *s;
	TCase *t;
	int n, i;

	(void)how;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (s = r->suites; s; s = s->next) {
		int before = r->run;

		for (t = s->cases; t; t = t->next)
			for (n = 0; n < t->n; n++)
				for (i = t->tests[n].from; i < t->tests[n].to; i++)
					run(r, s, t, n, i);
		printf("%s: %d tests\n", s->name, r->run - before);
	}
	printf("%d%%: Checks: %d, Failures: %d, Errors: 0\n", r->run ? (r->run - r->failed) * 100 / r->run : 100, r->run, r->failed);
}

int srunner_ntests_failed(SRunner *r)
{
	return r->failed;
}

void srunner_free(SRunner *r)
{
	Suite *s, *s2;
	TCase *t, *t2;

	for (s = r->suites; s; s = s2) {
		s2 = s->next;
		for (t = s->cases; t; t = t2) {
			t2 = t->next;
			free(t);
		}
		free(s);
	}
	free(r);
}
