/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages and the trace log.
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_file.h"

const struct log_item_desc log_items[] = {
	{ LOG_IN_ASM, "in_asm", "guest code of each block, disassembled, when it is first decoded" },
	{ LOG_EXEC, "exec", "each block as it is entered" },
	{ LOG_INT, "int", "traps, exceptions and events delivered to the guest" },
	{ LOG_HYPERCALL, "hypercall", "hypercalls with arguments and results" },
	{ LOG_GUEST_ERRORS, "guest_errors", "what a guest asked for and was refused" },
	{ LOG_CPU, "cpu", "registers at each block entry, with exec" },
	{ LOG_MMU, "mmu", "page faults; frames that become page tables or descriptors, and cease to be" },
	{ LOG_XENSTORE, "xenstore", "xenstore requests and replies" },
	{ LOG_UNIMP, "unimp", "what a guest asked for and is not implemented" },
	{ LOG_CONSOLE, "console", "what a guest writes to Xen's own console (CONSOLEIO_write)" },
	{ LOG_ALL, "all", "everything above" },
	{ 0, NULL, NULL },
};

void log_init(struct log *log)
{
	*log = (struct log){ .out = stderr };
}

/* ---- what is wanted ------------------------------------------------------------------------------------------------ */

/* "1.5", "20ms" (guest time) or "3000000i" (instructions). 0 or -EINVAL. */
static int parse_moment(const char *s, size_t n, struct log_moment *m)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "", 1e9 }, { "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 }, { "ns", 1 }, { "i", 1 } };
	char text[40], *end;
	double v;
	size_t i;

	if (!n || n >= sizeof text || *s < '0' || *s > '9')
		return -EINVAL;
	memcpy(text, s, n);
	text[n] = 0;
	v = strtod(text, &end);
	for (i = 0; i < ARRAY_SIZE(units) && strcmp(end, units[i].unit); i++)
		;
	if (i == ARRAY_SIZE(units) || !(v * units[i].ns < 9e18))
		return -EINVAL;
	m->kind = *end == 'i' ? LOG_MOMENT_ICOUNT : LOG_MOMENT_TIME;
	/* Whole numbers exactly: a double has 53 bits. */
	m->at = units[i].ns == 1 ? strtoull(text, NULL, 10) : (u64)(v * units[i].ns);
	return 0;
}

static int parse_word(const char *p, size_t n, struct log_choice *c)
{
	const struct log_item_desc *it;

	if (n > 5 && !memcmp(p, "from=", 5))
		return parse_moment(p + 5, n - 5, &c->from);
	if (n > 3 && !memcmp(p, "to=", 3))
		return parse_moment(p + 3, n - 3, &c->to);
	if (n == 10 && !memcmp(p, "syntax=att", 10)) {
		c->att = true;
		return 0;
	}
	if (n == 12 && !memcmp(p, "syntax=intel", 12)) {
		c->att = false;
		return 0;
	}
	for (it = log_items; it->name; it++)
		if (strlen(it->name) == n && !memcmp(it->name, p, n)) {
			c->items |= it->bit;
			return 0;
		}
	return -EINVAL;
}

int log_parse(const char *list, struct log_choice *c, char *bad, size_t badlen)
{
	struct log_choice got = *c;
	const char *p = list;

	while (*p) {
		size_t n = strcspn(p, ",");

		if (parse_word(p, n, &got)) {
			snprintf(bad, badlen, "%.*s", (int)MIN(n, 200), p);
			return -EINVAL;
		}
		p += n;
		if (*p == ',')
			p++;
	}
	*c = got;
	return 0;
}

/* A number that the text begins with. False: there is none. */
static bool number(const char **p, u64 *v)
{
	char *end;

	if (**p < '0' || **p > '9')
		return false;
	errno = 0;
	*v = strtoull(*p, &end, 0);
	*p = end;
	return !errno;
}

static int parse_range(const char *p, const char *end, struct log_range *r)
{
	u64 a, b;
	char how;

	if (!number(&p, &a) || p >= end)
		return -EINVAL;
	how = *p++;
	if (how == '.' && *p++ != '.')
		return -EINVAL;
	if (!number(&p, &b) || p != end)
		return -EINVAL;
	*r = how == '-' ? (struct log_range){ a - b + 1, a } : (struct log_range){ a, how == '+' ? a + b - 1 : b };
	/* Neither empty nor over the end of the address space. */
	return strchr("+-.", how) && b && r->first <= r->last ? 0 : -EINVAL;
}

int log_add_ranges(struct log_range *range, u32 *n, const char *list, char *bad, size_t badlen)
{
	const char *p = list;

	for (;;) {
		size_t len = strcspn(p, ",");

		snprintf(bad, badlen, "%.*s", (int)MIN(len, 200), p);
		if (*n == LOG_RANGES)
			return -ENOSPC;
		if (parse_range(p, p + len, &range[*n]))
			return -EINVAL;
		(*n)++;
		if (!p[len])
			return 0;
		p += len + 1;
	}
}

static void set_mask(struct log *log, u32 mask)
{
	u32 more = mask & ~log->mask;

	log->mask = mask;
	if ((more & LOG_CODE) && log->code)
		log->code(log->code_opaque);
}

static bool windowed(const struct log *log)
{
	return log->want.from.kind || log->want.to.kind;
}

/* The run has come to m. */
static bool reached(const struct log_moment *m, u64 icount, u64 now)
{
	return m->kind == LOG_MOMENT_TIME ? now >= m->at : icount >= m->at;
}

void log_piece(struct log *log, u64 icount, u64 now, u64 instructions, u64 ns)
{
	const struct log_moment *from = &log->want.from, *to = &log->want.to;
	bool in;

	if (!windowed(log))
		return;
	in = (!from->kind || reached(from, icount + instructions, now + ns)) && !(to->kind && reached(to, icount, now));
	set_mask(log, in ? log->want.items : 0);
}

static bool in_window(const struct log *log)
{
	u64 icount, now;

	if (!windowed(log) || !log->clock || !log->who)
		return true;
	log->clock(log->who, &icount, &now);
	return (!log->want.from.kind || reached(&log->want.from, icount, now)) &&
	       !(log->want.to.kind && reached(&log->want.to, icount, now));
}

bool log_inside(const struct log *log, u64 va)
{
	u32 i;

	if (!in_window(log))
		return false;
	for (i = 0; i < log->nranges; i++)
		if (va >= log->range[i].first && va <= log->range[i].last)
			return true;
	return !log->nranges;
}

/* ---- where it goes ------------------------------------------------------------------------------------------------- */

/* Nothing more can be written: said once. */
static void lost(struct log *log, int err)
{
	log->want.items = 0;
	log->mask = 0;
	if (log->out != stderr)
		msg_error("the log %.200s cannot be written (%s): nothing more is logged", log->path, strerror(err));
	log->failed = log->out != stderr;
	clearerr(log->out);
}

int log_later(struct log *log, const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	log_close(log);
	log->path = copy;
	return 0;
}

int log_open(struct log *log, const char *path)
{
	FILE *f = os_fopen(path, "w");
	int rc = f ? 0 : -errno;

	rc = rc ? rc : log_later(log, path);
	if (!rc)
		log->out = f;
	else if (f)
		fclose(f);
	return rc;
}

int log_want(struct log *log, const struct log_choice *c)
{
	if (c->items && log->path && log->out == stderr) {
		FILE *f = os_fopen(log->path, "w");

		if (!f)
			return -errno;
		log->out = f;
	}
	log->want = *c;
	set_mask(log, c->items);
	return 0;
}

void log_close(struct log *log)
{
	if (log->out != stderr) {
		bool bad = ferror(log->out);

		errno = 0;
		if ((fclose(log->out) || bad) && !log->failed) {
			int err = errno ? errno : EIO;

			msg_error("the log %.200s could not be written whole (%s)", log->path, strerror(err));
		}
	} else {
		fflush(log->out);
	}
	free(log->path);
	log->path = NULL;
	log->out = stderr;
	log->failed = false;
}

void log_begin(struct log *log)
{
	if (log->before && log->out == stderr)
		log->before(log->before_opaque);
	errno = 0;
}

void log_end(struct log *log)
{
	if (UNLIKELY(ferror(log->out)))
		lost(log, errno ? errno : EIO);
}

void log_line(struct log *log, u32 item, const char *fmt, ...)
{
	u64 icount, now;
	va_list ap;

	if (!log_on(log, item) || !in_window(log))
		return;
	log_begin(log);
	if (log->clock && log->who) {
		log->clock(log->who, &icount, &now);
		fprintf(log->out, "[%" PRIu64 " %" PRIu64 ".%09" PRIu64 "] ", icount, now / 1000000000, now % 1000000000);
	}
	va_start(ap, fmt);
	vfprintf(log->out, fmt, ap);
	va_end(ap);
	fputc('\n', log->out);
	log_end(log);
}

/* ---- messages ------------------------------------------------------------------------------------------------------ */

static void say(const char *kind, const char *fmt, va_list ap)
{
	char line[1200];

	vsnprintf(line, sizeof line, fmt, ap);
	/* One call, so that lines of two writers do not mix. */
	fprintf(stderr, "paravane: %s%s\n", kind, line);
}

void msg_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

void msg_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("warning: ", fmt, ap);
	va_end(ap);
}

void msg_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

int error_set(struct error *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (e) {
		va_start(ap, fmt);
		vsnprintf(e->text, sizeof e->text, fmt, ap);
		va_end(ap);
	}
	return code;
}
