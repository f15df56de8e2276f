/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the libraries of 64-bit and 32-bit test guests have in common: bytes, lines of text and the end of a guest. Read by
 * each lib.c, after its lib.h and once; a register is an unsigned long.
 */
#ifndef GUEST_TEXT_H
#define GUEST_TEXT_H

static u32 passed, failed;

void *memset(void *p, int c, unsigned long n)
{
	void *d = p;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return p;
}

void *memcpy(void *d, const void *s, unsigned long n)
{
	void *to = d;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(s), "+c"(n) : : "memory");
	return d;
}

int memcmp(const void *a, const void *b, unsigned long n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

struct out {
	char buf[256];
	u32 n;
};

static void emit(const struct out *o);

static void put(struct out *o, char c)
{
	if (o->n < sizeof o->buf)
		o->buf[o->n++] = c;
}

static void put_text(struct out *o, const char *s)
{
	while (*s)
		put(o, *s++);
}

static void put_number(struct out *o, unsigned long x, u32 base)
{
	char digits[24];
	u32 n = 0;

	do
		digits[n++] = "0123456789abcdef"[x % base];
	while (x /= base);
	while (n)
		put(o, digits[--n]);
}

/* %s %c %d %u %x %p %%, with l. */
static void format(struct out *o, const char *f, __builtin_va_list ap)
{
	for (; *f; f++) {
		unsigned long x;
		int is_long = 0;

		if (*f != '%') {
			put(o, *f);
			continue;
		}
		for (f++; *f == 'l'; f++)
			is_long = 1;
		if (*f == 's') {
			put_text(o, __builtin_va_arg(ap, const char *));
			continue;
		}
		if (*f == '%') {
			put(o, '%');
			continue;
		}
		if (*f == 'p')
			is_long = 1;
		x = is_long ? __builtin_va_arg(ap, unsigned long) : (unsigned long)(long)__builtin_va_arg(ap, int);
		if (*f == 'd') {
			if ((long)x < 0) {
				put(o, '-');
				x = -x;
			}
			put_number(o, x, 10);
		} else if (*f == 'c') {
			put(o, (char)x);
		} else {
			put_number(o, is_long ? x : (u32)x, *f == 'u' ? 10 : 16);
		}
	}
}

void printf(const char *fmt, ...)
{
	struct out o = { .n = 0 };
	__builtin_va_list ap;

	__builtin_va_start(ap, fmt);
	format(&o, fmt, ap);
	__builtin_va_end(ap);
	emit(&o);
}

void done(void)
{
	u32 reason = failed ? 3 : 0; /* crash, poweroff */

	printf("RESULT passed %u failed %u\n", passed, failed);
	if (dom0)
		reason = 1; /* the oracle's machine ends by a reboot */
	hc2(sched_op, 2, &reason);
	for (;;)
		hc2(sched_op, 1, NULL);
}

void die(const char *why)
{
	printf("not ok %s\n", why);
	failed++;
	done();
}

#endif
