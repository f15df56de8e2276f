/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As much of libcheck's interface as our suites use, for hosts that have no libcheck: no fork, no timeout, a failed test
 * is left by longjmp. Build with CHECK_CFLAGS=-I.../tests/vectors/nocheck and CHECK_LIBS=check.o.
 */
#ifndef TESTS_NOCHECK_H
#define TESTS_NOCHECK_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct Suite Suite;
typedef struct TCase TCase;
typedef struct SRunner SRunner;
typedef void (*TFun)(int);
enum print_output { CK_SILENT, CK_MINIMAL, CK_NORMAL, CK_VERBOSE, CK_ENV };
enum fork_status { CK_FORK_GETENV, CK_FORK, CK_NOFORK };

Suite *suite_create(const char *name);
TCase *tcase_create(const char *name);
void suite_add_tcase(Suite *s, TCase *t);
void tcase_add_checked_fixture(TCase *t, void (*before)(void), void (*after)(void)); /* one of them */
void nocheck_add(TCase *t, TFun fn, const char *name, int from, int to);
#define tcase_add_test(t, fn) nocheck_add(t, fn, #fn, 0, 1)
#define tcase_add_loop_test(t, fn, from, to) nocheck_add(t, fn, #fn, from, to)
#define tcase_set_timeout(t, s) ((void)(t))
SRunner *srunner_create(Suite *s);
void srunner_add_suite(SRunner *r, Suite *s);
void srunner_set_fork_status(SRunner *r, enum fork_status f);
void srunner_run_all(SRunner *r, enum print_output how);
int srunner_ntests_failed(SRunner *r);
void srunner_free(SRunner *r);

#define START_TEST(name)                                                                                             \
	static void name(int _i __attribute__((unused)))                                                             \
	{
#define END_TEST }

#ifdef __MINGW_PRINTF_FORMAT
#define NOCHECK_PRINTF __MINGW_PRINTF_FORMAT /* "printf" is Windows' own there */
#else
#define NOCHECK_PRINTF printf
#endif
/* Says what failed and leaves the test. */
void nocheck_fail(const char *file, int line, const char *fmt, ...) __attribute__((format(NOCHECK_PRINTF, 3, 4), noreturn));

#define ck_abort_msg(...) nocheck_fail(__FILE__, __LINE__, __VA_ARGS__)
#define ck_assert_msg(e, ...) ((e) ? (void)0 : nocheck_fail(__FILE__, __LINE__, __VA_ARGS__))
#define ck_assert(e) ck_assert_msg(e, "%s", #e)
#define NOCHECK_COMPARE(type, fmt, a, op, b)                                                                         \
	do {                                                                                                         \
		type nc_a_ = (type)(a), nc_b_ = (type)(b);                                                           \
		ck_assert_msg(nc_a_ op nc_b_, "%s: %" fmt " and %" fmt, #a " " #op " " #b, nc_a_, nc_b_);            \
	} while (0)
#define ck_assert_int_eq(a, b) NOCHECK_COMPARE(intmax_t, PRIdMAX, a, ==, b)
#define ck_assert_int_ne(a, b) NOCHECK_COMPARE(intmax_t, PRIdMAX, a, !=, b)
#define ck_assert_int_lt(a, b) NOCHECK_COMPARE(intmax_t, PRIdMAX, a, <, b)
#define ck_assert_int_le(a, b) NOCHECK_COMPARE(intmax_t, PRIdMAX, a, <=, b)
#define ck_assert_int_gt(a, b) NOCHECK_COMPARE(intmax_t, PRIdMAX, a, >, b)
#define ck_assert_int_ge(a, b) NOCHECK_COMPARE(intmax_t, PRIdMAX, a, >=, b)
#define ck_assert_uint_eq(a, b) NOCHECK_COMPARE(uintmax_t, PRIxMAX, a, ==, b)
#define ck_assert_uint_ne(a, b) NOCHECK_COMPARE(uintmax_t, PRIxMAX, a, !=, b)
#define ck_assert_uint_lt(a, b) NOCHECK_COMPARE(uintmax_t, PRIxMAX, a, <, b)
#define ck_assert_uint_le(a, b) NOCHECK_COMPARE(uintmax_t, PRIxMAX, a, <=, b)
#define ck_assert_uint_gt(a, b) NOCHECK_COMPARE(uintmax_t, PRIxMAX, a, >, b)
#define ck_assert_uint_ge(a, b) NOCHECK_COMPARE(uintmax_t, PRIxMAX, a, >=, b)
#define NOCHECK_POINTER(a, op, b)                                                                                    \
	do {                                                                                                         \
		const void *nc_a_ = (a), *nc_b_ = (b);                                                               \
		ck_assert_msg(nc_a_ op nc_b_, "%s: %p and %p", #a " " #op " " #b, nc_a_, nc_b_);                     \
	} while (0)
#define ck_assert_ptr_eq(a, b) NOCHECK_POINTER(a, ==, b)
#define ck_assert_ptr_ne(a, b) NOCHECK_POINTER(a, !=, b)
#define ck_assert_ptr_null(a) NOCHECK_POINTER(a, ==, NULL)
#define ck_assert_ptr_nonnull(a) NOCHECK_POINTER(a, !=, NULL)
#define NOCHECK_STRING(a, op, b)                                                                                     \
	do {                                                                                                         \
		const char *nc_a_ = (a), *nc_b_ = (b);                                                               \
		ck_assert_msg(nc_a_ && nc_b_ && strcmp(nc_a_, nc_b_) op 0, "%s: \"%s\" and \"%s\"",                  \
			      #a " " #op " " #b, nc_a_ ? nc_a_ : "(none)", nc_b_ ? nc_b_ : "(none)");                \
	} while (0)
#define ck_assert_str_eq(a, b) NOCHECK_STRING(a, ==, b)
#define ck_assert_str_ne(a, b) NOCHECK_STRING(a, !=, b)
#define ck_assert_mem_eq(a, b, n) ck_assert_msg(!memcmp(a, b, n), "%s", #a " == " #b)
#define ck_assert_mem_ne(a, b, n) ck_assert_msg(memcmp(a, b, n), "%s", #a " != " #b)
#define NOCHECK_DOUBLE(a, op, b)                                                                                     \
	do {                                                                                                         \
		double nc_a_ = (a), nc_b_ = (b);                                                                     \
		ck_assert_msg(nc_a_ op nc_b_, "%s: %g and %g", #a " " #op " " #b, nc_a_, nc_b_);                     \
	} while (0)
#define ck_assert_double_eq(a, b) NOCHECK_DOUBLE(a, ==, b)
#define ck_assert_double_lt(a, b) NOCHECK_DOUBLE(a, <, b)
#define ck_assert_double_le(a, b) NOCHECK_DOUBLE(a, <=, b)
#define ck_assert_double_gt(a, b) NOCHECK_DOUBLE(a, >, b)
#define ck_assert_double_ge(a, b) NOCHECK_DOUBLE(a, >=, b)

#endif
