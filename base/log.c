/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages and the trace log.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/os_file.h"

const struct log_item_desc log_items[] = {
	{ LOG_IN_ASM, "in_asm", "guest code of each block, disassembled, when it is first decoded" },
	{ LOG_EXEC, "exec", "each block as it is entered" },
	{ LOG_INT, "int", "traps, exceptions and events delivered to the guest" },
	{ LOG_HYPERCALL, "hypercall", "hypercalls with arguments and results" },
	{ LOG_GUEST_ERRORS, "guest_errors", "what a guest asked for and was refused" },
	{ LOG_CPU, "cpu", "registers at each block entry, with exec" },
	{ LOG_MMU, "mmu", "page faults and page-type changes" },
	{ LOG_XENSTORE, "xenstore", "xenstore requests and replies" },
	{ LOG_UNIMP, "unimp", "what a guest asked for and is not implemented" },
	{ LOG_CONSOLE, "console", "what a guest writes to Xen's own console (CONSOLEIO_write)" },
	{ LOG_ALL, "all", "everything above" },
	{ 0, NULL, NULL },
};

void log_init(struct log *log)
{
	log->mask = 0;
	log->out = stderr;
	log->owned = false;
}

int log_parse(const char *list, u32 *mask, char *bad, size_t badlen)
{
	const char *p = list;
	u32 m = 0;

	while (*p) {
		size_t n = strcspn(p, ",");
		const struct log_item_desc *it;

		for (it = log_items; it->name; it++)
			if (strlen(it->name) == n && !memcmp(it->name, p, n))
				break;
		if (!it->name) {
			snprintf(bad, badlen, "%.*s", (int)MIN(n, 200), p);
			return -EINVAL;
		}
		m |= it->bit;
		p += n;
		if (*p == ',')
			p++;
	}
	*mask = m;
	return 0;
}

int log_open(struct log *log, const char *path)
{
	FILE *f = os_fopen(path, "w");

	if (!f)
		return -errno;
	log_close(log);
	log->out = f;
	log->owned = true;
	return 0;
}

void log_close(struct log *log)
{
	if (log->owned)
		fclose(log->out);
	else if (log->out)
		fflush(log->out);
	log->out = stderr;
	log->owned = false;
}

void log_line(struct log *log, u32 item, const char *fmt, ...)
{
	va_list ap;

	if (!log_on(log, item))
		return;
	va_start(ap, fmt);
	vfprintf(log->out, fmt, ap);
	va_end(ap);
	fputc('\n', log->out);
}

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
