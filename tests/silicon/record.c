/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recorded cases as text, and run again.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tests/silicon/record.h"

void record_standard(struct sil_state *s, bool c32)
{
	u32 i;

	memset(s, 0, sizeof *s);
	s->rflags = FL_FIXED1 | FL_IF;
	st16(s->fx, 0x37f);
	st32(s->fx + 24, 0x1f80);
	for (i = 0; i < 6; i++)
		s->seg[i] = c32 ? SEL_SS : 0;
	s->seg[SEG_CS] = c32 ? SEL_CS32 : SEL_CS;
	s->seg[SEG_SS] = SEL_SS;
	s->fsbase = c32 ? 0 : FS_BASE;
	s->gsbase = c32 ? 0 : GS_BASE;
}

char *record_word(char **at)
{
	char *from = *at + strspn(*at, " \r\n"), *end = from + strcspn(from, " \r\n");

	*at = *end ? end + 1 : end;
	*end = 0;
	return *from ? from : NULL;
}

/* A byte of a window, or NULL. */
static u8 *window_byte(struct sil_window *w, u64 va)
{
	if (va - (DATA_VA + PAGE_SIZE) < DATA_BYTES)
		return w->data + (va - (DATA_VA + PAGE_SIZE));
	if (va - (STACK_VA + PAGE_SIZE) < STACK_BYTES)
		return w->stack + (va - (STACK_VA + PAGE_SIZE));
	return NULL;
}

void record_window(struct sil_window *w, const struct sil_window *pattern, const struct sil_case *k)
{
	u32 i, j;

	*w = *pattern;
	for (i = 0; i < k->nmem; i++)
		for (j = 0; j < k->mem[i].len; j++)
			*window_byte(w, k->mem[i].va + j) = k->mem[i].bytes[j];
}

/* ---- writing ---- */

struct text {
	char *buf;
	size_t at;
	bool full;
};

static PRINTF(2, 3) void put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->at, RECORD_LINE - t->at, fmt, ap);
	va_end(ap);
	if (n < 0 || t->at + (size_t)n >= RECORD_LINE)
		t->full = true;
	else
		t->at += (size_t)n;
}

static void put_number(struct text *t, const char *name, u64 was, u64 now)
{
	if (was != now)
		put(t, " %s=%llx", name, (unsigned long long)now);
}

static void put_indexed(struct text *t, char kind, u32 i, const u8 *was, const u8 *now)
{
	if (kind == 's' && memcmp(was, now, 10))
		put(t, " s%u=%x.%016llx", i, ld16(now + 8), (unsigned long long)ld64(now));
	else if (kind != 's' && memcmp(was, now, 16))
		put(t, " %c%u=%llx_%016llx", kind, i, (unsigned long long)ld64(now + 8), (unsigned long long)ld64(now));
}

/* What b has other than a. */
static void put_state(struct text *t, const struct sil_state *a, const struct sil_state *b)
{
	char name[8];
	u32 i;

	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof name, "r%u", i);
		put_number(t, name, a->gpr[i], b->gpr[i]);
	}
	put_number(t, "f", a->rflags, b->rflags);
	put_number(t, "cw", ld16(a->fx), ld16(b->fx));
	put_number(t, "sw", ld16(a->fx + 2), ld16(b->fx + 2));
	put_number(t, "tag", a->fx[4], b->fx[4]);
	put_number(t, "fop", ld16(a->fx + 6), ld16(b->fx + 6));
	put_number(t, "fip", ld64(a->fx + 8), ld64(b->fx + 8));
	put_number(t, "fdp", ld64(a->fx + 16), ld64(b->fx + 16));
	put_number(t, "mxcsr", ld32(a->fx + 24), ld32(b->fx + 24));
	for (i = 0; i < 8; i++)
		put_indexed(t, 's', i, a->fx + 32 + 16 * i, b->fx + 32 + 16 * i);
	for (i = 0; i < 16; i++)
		put_indexed(t, 'x', i, a->fx + 160 + 16 * i, b->fx + 160 + 16 * i);
	for (i = 0; i < 16; i++)
		put_indexed(t, 'y', i, a->ymm[i] + 16, b->ymm[i] + 16);
	for (i = 0; i < 6; i++) {
		snprintf(name, sizeof name, "g%u", i);
		put_number(t, name, a->seg[i], b->seg[i]);
	}
	put_number(t, "fs", a->fsbase, b->fsbase);
	put_number(t, "gs", a->gsbase, b->gsbase);
}

static void put_memory(struct text *t, u64 va, const u8 *was, const u8 *now, u32 n)
{
	u32 i, j;

	for (i = 0; i < n; i = j + 1) {
		for (; i < n && was[i] == now[i]; i++)
			;
		if (i == n)
			return;
		put(t, " %llx=", (unsigned long long)(va + i));
		for (j = i; j < n && was[j] != now[j]; j++)
			put(t, "%02x", now[j]);
	}
}

static void put_window(struct text *t, const struct sil_window *was, const struct sil_window *now)
{
	put_memory(t, DATA_VA + PAGE_SIZE, was->data, now->data, DATA_BYTES);
	put_memory(t, STACK_VA + PAGE_SIZE, was->stack, now->stack, STACK_BYTES);
}

bool record_write(const struct record *c, FILE *f)
{
	struct text t = { .buf = malloc(RECORD_LINE) };
	struct sil_window *zero = calloc(1, sizeof *zero);
	struct sil_state standard;
	bool ok;
	u32 i;

	if (!t.buf || !zero)
		abort();
	record_standard(&standard, c->k.c32);
	put(&t, "%s %u %llx ", c->k.row->name, c->k.c32 ? 32 : 64, (unsigned long long)c->k.at);
	for (i = 0; i < c->k.len; i++)
		put(&t, "%02x", c->k.bytes[i]);
	put(&t, "%s%s", c->k.step ? " step" : "", c->k.rep ? " rep" : "");
	put_number(&t, "put", c->k.len, c->k.put);
	put_number(&t, "ea", 0, c->k.ea);
	put_state(&t, &standard, &c->k.in);
	put_window(&t, zero, &c->before);
	if (c->r.vector == NO_TRAP)
		put(&t, " : t=-");
	else
		put(&t, " : t=%x", c->r.vector);
	if (c->error_unknown)
		put(&t, " e=?");
	else
		put_number(&t, "e", 0, c->r.error);
	put_number(&t, "c", 0, c->r.cr2);
	put(&t, " ip=%llx", (unsigned long long)c->r.s.rip);
	put_state(&t, &c->k.in, &c->r.s);
	put_window(&t, &c->before, &c->after);
	ok = !t.full && fprintf(f, "%s\n", t.buf) > 0;
	free(t.buf);
	free(zero);
	return ok;
}

/* ---- reading ---- */

static int hex_digit(char ch)
{
	return isdigit((u8)ch) ? ch - '0' : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* Pairs of digits to the end. Returns their number, 0 when there is anything else. */
static u32 read_bytes(const char *p, u8 *to, u32 max)
{
	u32 n;

	for (n = 0; p[2 * n] && n < max; n++) {
		int a = hex_digit(p[2 * n]), b = a < 0 ? -1 : hex_digit(p[2 * n + 1]);

		if (b < 0)
			return 0;
		to[n] = (u8)(a << 4 | b);
	}
	return p[2 * n] ? 0 : n;
}

static bool read_vector(const char *v, u8 *to, bool x87)
{
	char *end;
	u64 hi = strtoull(v, &end, 16), lo;

	if (*end != (x87 ? '.' : '_'))
		return false;
	lo = strtoull(end + 1, &end, 16);
	st64(to, lo);
	if (x87)
		st16(to + 8, (u16)hi);
	else
		st64(to + 8, hi);
	return !*end;
}

static bool read_memory(struct sil_window *w, u64 va, const char *v)
{
	u8 bytes[DATA_BYTES];
	u32 n = read_bytes(v, bytes, sizeof bytes), i;

	for (i = 0; i < n; i++) {
		u8 *p = window_byte(w, va + i);

		if (!p)
			return false;
		*p = bytes[i];
	}
	return n;
}

/* name=value into a state or a window. */
static bool read_item(struct sil_state *s, struct sil_window *w, const char *name, const char *v)
{
	char *end, *rest;
	u64 x = strtoull(v, &end, 16);
	u32 i = isdigit((u8)name[1]) ? (u32)strtoul(name + 1, &rest, 10) : 0;
	bool indexed = isdigit((u8)name[1]) && !*rest;

	if (indexed && i < 16 && name[0] == 'x')
		return read_vector(v, s->fx + 160 + 16 * i, false);
	if (indexed && i < 16 && name[0] == 'y')
		return read_vector(v, s->ymm[i] + 16, false);
	if (indexed && i < 8 && name[0] == 's')
		return read_vector(v, s->fx + 32 + 16 * i, true);
	if (isdigit((u8)name[0]))
		return read_memory(w, strtoull(name, NULL, 16), v);
	if (*end)
		return false;
	if (indexed && i < 16 && name[0] == 'r')
		s->gpr[i] = x;
	else if (indexed && i < 6 && name[0] == 'g')
		s->seg[i] = (u16)x;
	else if (!strcmp(name, "f"))
		s->rflags = x;
	else if (!strcmp(name, "cw"))
		st16(s->fx, (u16)x);
	else if (!strcmp(name, "sw"))
		st16(s->fx + 2, (u16)x);
	else if (!strcmp(name, "tag"))
		s->fx[4] = (u8)x;
	else if (!strcmp(name, "fop"))
		st16(s->fx + 6, (u16)x);
	else if (!strcmp(name, "fip"))
		st64(s->fx + 8, x);
	else if (!strcmp(name, "fdp"))
		st64(s->fx + 16, x);
	else if (!strcmp(name, "mxcsr"))
		st32(s->fx + 24, (u32)x);
	else if (!strcmp(name, "fs"))
		s->fsbase = x;
	else if (!strcmp(name, "gs"))
		s->gsbase = x;
	else
		return false;
	return true;
}

/* Of a word with '=' before the colon, or behind it. */
static bool read_word(struct record *c, bool result, char *word)
{
	char *v = strchr(word, '=');

	if (!v)
		return false;
	*v++ = 0;
	if (result && !strcmp(word, "t")) {
		c->r.vector = *v == '-' ? NO_TRAP : (u8)strtoul(v, NULL, 16);
	} else if (result && !strcmp(word, "e")) {
		c->error_unknown = *v == '?';
		c->r.error = *v == '?' ? 0 : (u32)strtoul(v, NULL, 16);
	} else if (result && !strcmp(word, "c")) {
		c->r.cr2 = strtoull(v, NULL, 16);
	} else if (result && !strcmp(word, "ip")) {
		c->r.s.rip = strtoull(v, NULL, 16);
	} else if (!result && !strcmp(word, "put")) {
		c->k.put = (u32)strtoul(v, NULL, 16);
	} else if (!result && !strcmp(word, "ea")) {
		c->k.ea = strtoull(v, NULL, 16);
	} else {
		return read_item(result ? &c->r.s : &c->k.in, result ? &c->after : &c->before, word, v);
	}
	return true;
}

static const char *read_words(struct record *c, char *text)
{
	char *word, *name;
	bool result = false;
	u32 n = 0, i;

	name = record_word(&text);
	while ((word = record_word(&text))) {
		if (n == 0) {
			c->k.c32 = !strcmp(word, "32");
			record_standard(&c->k.in, c->k.c32);
		} else if (n == 1) {
			c->k.at = c->k.in.rip = strtoull(word, NULL, 16);
		} else if (n == 2) {
			c->k.len = c->k.put = read_bytes(word, c->k.bytes, 15);
		} else if (!strcmp(word, "step")) {
			c->k.step = true;
		} else if (!strcmp(word, "rep")) {
			c->k.rep = true;
		} else if (!strcmp(word, ":")) {
			for (i = 0; i < 16; i++)
				memcpy(c->k.in.ymm[i], c->k.in.fx + 160 + 16 * i, 16);
			c->r.s = c->k.in;
			c->after = c->before;
			result = true;
		} else if (!read_word(c, result, word)) {
			return "an item that is none";
		}
		n++;
	}
	if (!result || !c->k.len || c->k.put > c->k.len || c->k.at - CODE_VA >= 2 * PAGE_SIZE - c->k.put)
		return c->k.at - CODE_VA == 2 * PAGE_SIZE - c->k.put && result && c->k.len ? NULL : "no whole record";
	return name ? NULL : "no name";
}

const char *record_read(struct record *c, const char *line)
{
	char *text = strdup(line);
	const char *why;
	u32 i;

	if (!text)
		abort();
	memset(c, 0, sizeof *c);
	why = read_words(c, text);
	for (i = 0; i < 16; i++)
		memcpy(c->r.s.ymm[i], c->r.s.fx + 160 + 16 * i, 16);
	if (!why) {
		x86_decode(&c->k.d, c->k.bytes, 15, mode_key(c->k.c32), 0);
		c->k.row = c->k.d.row;
		if (!c->k.row || strcmp(c->k.row->name, text))
			why = "bytes of another instruction";
	}
	free(text);
	return why;
}

/* ---- running ---- */

void record_run_emul(void *emul, const struct record *in, struct sil_result *r, struct sil_window *after)
{
	struct emul *e = emul;
	u32 p;

	emul_poke(e, DATA_VA + PAGE_SIZE, in->before.data, DATA_BYTES);
	emul_poke(e, STACK_VA + PAGE_SIZE, in->before.stack, STACK_BYTES);
	emul_run(e, &in->k, r);
	for (p = 0; p < 5; p++)
		memcpy(p < 3 ? after->data + p * PAGE_SIZE : after->stack + (p - 3) * PAGE_SIZE, emul_page(e, 2 + p),
		       PAGE_SIZE);
}

void record_run_native(void *unused, const struct record *in, struct sil_result *r, struct sil_window *after)
{
	native_poke(DATA_VA + PAGE_SIZE, in->before.data, 2 * PAGE_SIZE);
	native_poke(DATA_VA + 3 * PAGE_SIZE, in->before.data + 2 * PAGE_SIZE, PAGE_SIZE);
	native_poke(STACK_VA + PAGE_SIZE, in->before.stack, STACK_BYTES);
	native_run(&in->k, r);
	memcpy(after->data, native_data(), DATA_BYTES);
	memcpy(after->stack, native_stack(), STACK_BYTES);
}
