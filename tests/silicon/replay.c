/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recorded cases in our core: records (record.h), and the lines that the tester itself printed on a host where ours
 * differed ("silicon -x ... # host/ours: ..."), whose cases are made again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/silicon/gen.h"
#include "tests/silicon/record.h"
#include "tests/silicon/vendor.h"

struct replay {
	u32 vendor, show;
	struct emul *emul;
	struct sil_window pattern;
	struct record c;
	struct record ours; /* r, after */
	FILE *f;
	struct replay_totals *t;
};

static void say(struct replay *p, const char *line, const char *text)
{
	if (++p->t->differences <= p->show)
		fprintf(p->f, "%.*s\n  recorded/ours: %s\n", (int)MIN(strcspn(line, "\n"), 300), line, text);
}

/* Where n bytes of one window, which lies at va, differ, in words. */
static bool window_alike(struct replay *p, const u8 *a, const u8 *b, u32 bytes, u64 va, char *buf, size_t n)
{
	u32 i;

	for (i = 0; i < bytes; i++, va++) {
		u8 apart = a[i] ^ b[i];

		if (!apart || (apart == 2 && p->vendor == VENDOR_AMD && vendor_mxcsr_mask(&p->c.k, va)))
			continue;
		snprintf(buf, n, "mem[%llx] %02x/%02x", (unsigned long long)va, a[i], b[i]);
		return false;
	}
	return true;
}

static bool memory_alike(struct replay *p, char *buf, size_t n)
{
	const struct sil_window *a = &p->c.after, *b = &p->ours.after;

	return window_alike(p, a->data, b->data, DATA_BYTES, DATA_VA + PAGE_SIZE, buf, n) &&
	       window_alike(p, a->stack, b->stack, STACK_BYTES, STACK_VA + PAGE_SIZE, buf, n);
}

/* The case of p->c has run here, and is compared with its result. */
static void compare_record(struct replay *p, const char *line)
{
	char text[2048] = "";
	enum verdict v;
	bool same = memory_alike(p, text, sizeof text) || undefined_result(&p->c.k);

	p->t->cases++;
	if (p->c.error_unknown)
		p->c.r.error = p->ours.r.error;
	v = judge(&p->c.k, &p->c.r, &p->ours.r, same, p->vendor, text, sizeof text);
	/* What is seen of Intel's silicon binds us, said by a manual or not. */
	if (p->vendor == VENDOR_INTEL && v == ALIKE && p->c.r.vector != p->ours.r.vector) {
		v = DIFFERENT;
		snprintf(text, sizeof text, "trap %d/%d", (i8)p->c.r.vector, (i8)p->ours.r.vector);
	}
	if (v == DIFFERENT || (v != ALIKE && p->vendor == VENDOR_INTEL))
		say(p, line, text);
}

static void one_record(struct replay *p, const char *line)
{
	const char *why = record_read(&p->c, line);

	if (why) {
		p->t->unmade++;
		fprintf(p->f, "%s: %.80s\n", why, line);
		return;
	}
	record_run_emul(p->emul, &p->c, &p->ours.r, &p->ours.after);
	compare_record(p, line);
}

/* ---- lines of the tester ---- */

/* "item host/ours" into a result, as compare.c and run.c print them. False: no such item. */
static bool take_item(struct record *c, const char *name, const char *v)
{
	static const char *const regs[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };
	static const char *const segs[6] = { "es", "cs", "ss", "ds", "fs", "gs" };
	struct sil_state *s = &c->r.s;
	char *end;
	u64 x = strtoull(v, &end, 16), y = *end == '_' || *end == '.' ? strtoull(end + 1, NULL, 16) : 0;
	u32 i;

	for (i = 0; i < 16; i++)
		if (!strcmp(name, regs[i])) {
			s->gpr[i] = x;
			return true;
		}
	for (i = 0; i < 6; i++)
		if (!strcmp(name, segs[i])) {
			s->seg[i] = (u16)x;
			return true;
		}
	i = (u32)strtoul(name + (name[0] == 's' ? 2 : 3), NULL, 10) & 15;
	if (!strcmp(name, "trap")) {
		c->r.vector = (u8)strtol(v, NULL, 10);
		c->r.cr2 = 0;
		c->error_unknown = true;
	} else if (!strcmp(name, "cr2")) {
		c->r.cr2 = c->r.vector == X86_PF ? x : 0;
	} else if (!strcmp(name, "error")) {
		c->r.error = (u32)x;
	} else if (!strcmp(name, "rip")) {
		s->rip = c->k.at + strtoull(v + 1, NULL, 16);
	} else if (!strcmp(name, "flags")) {
		y = x ^ (strchr(v, '/') ? strtoull(strchr(v, '/') + 1, NULL, 16) : x);
		s->rflags = (s->rflags & ~y) | (x & y);
	} else if (!strcmp(name, "fsbase")) {
		s->fsbase = x;
	} else if (!strcmp(name, "gsbase")) {
		s->gsbase = x;
	} else if (!strcmp(name, "cw")) {
		st16(s->fx, (u16)x);
	} else if (!strcmp(name, "sw")) {
		st16(s->fx + 2, (u16)x);
	} else if (!strcmp(name, "tag")) {
		s->fx[4] = (u8)x;
	} else if (!strcmp(name, "fop")) {
		st16(s->fx + 6, (u16)x);
	} else if (!strcmp(name, "fip")) {
		st64(s->fx + 8, x);
	} else if (!strcmp(name, "fdp")) {
		st64(s->fx + 16, x);
	} else if (!strcmp(name, "mxcsr")) {
		st32(s->fx + 24, (u32)x);
	} else if (!strncmp(name, "xmm", 3)) {
		st64(s->fx + 160 + 16 * i, y);
		st64(s->fx + 168 + 16 * i, x);
	} else if (!strncmp(name, "ymm", 3)) {
		st64(s->ymm[i] + 16, y);
		st64(s->ymm[i] + 24, x);
	} else if (!strncmp(name, "st", 2)) {
		st64(s->fx + 32 + 16 * (i & 7), y);
		st16(s->fx + 40 + 16 * (i & 7), (u16)x);
	} else if (!strncmp(name, "mem[", 4)) {
		u64 va = strtoull(name + 4, NULL, 16);
		u8 *w = va - (DATA_VA + PAGE_SIZE) <= DATA_BYTES - 16 ? c->after.data + (va - (DATA_VA + PAGE_SIZE))
			: va - (STACK_VA + PAGE_SIZE) <= STACK_BYTES - 16
				? c->after.stack + (va - (STACK_VA + PAGE_SIZE))
				: NULL;

		if (w) {
			st64(w, y);
			st64(w + 8, x);
		}
		return w;
	} else {
		return false;
	}
	return true;
}

static bool take_items(struct record *c, char *text)
{
	char *name, *v;

	while ((name = record_word(&text))) {
		v = record_word(&text);
		if (!v || (name[0] != '(' && !take_item(c, name, v)))
			return false;
	}
	return true;
}

/*
 * The recorded result: what the line has of the host's, and else what the tester's own core had then. That is ours now,
 * or, where it trapped, the state before. A line has 16 bytes a page of what is written, and no bases beside NULL selectors
 * before there was a table of vendors: of these ours stand for the rest.
 */
static bool expect(struct replay *p, char *text)
{
	const char *trap = strstr(text, "trap ");

	p->c.r = p->ours.r;
	p->c.after = p->ours.after;
	p->c.error_unknown = false;
	if (trap && strchr(trap, '/') && strchr(trap, '/')[1] != '-') {
		p->c.r.s = p->c.k.in;
		p->c.r.error = 0;
		if (!strstr(text, "mem["))
			p->c.after = p->c.before;
		if (named(p->c.k.row, LOADS)) {
			p->c.r.s.fsbase = p->ours.r.s.fsbase;
			p->c.r.s.gsbase = p->ours.r.s.gsbase;
		}
	}
	return take_items(&p->c, text);
}

/* Whether these numbers still make a case with these bytes. */
static bool same_case(struct replay *p, u32 row, u64 seed, u64 i, const u8 *bytes, u32 n)
{
	return gen_case(&p->c.k, row, seed, i, NULL, 0) && p->c.k.len == n && !memcmp(p->c.k.bytes, bytes, n);
}

static bool one_case(struct replay *p, const char *line, char *text)
{
	u32 row, n = 0, i;
	unsigned long long seed, at;
	u8 bytes[16];
	char *q = strstr(text, "silicon -x \"") + 12, *what = strstr(text, "host/ours:");

	for (; *q && *q != '"' && n < 15; n++) {
		char *end;

		bytes[n] = (u8)strtoul(q, &end, 16);
		if (end == q)
			return false;
		for (q = end; *q == ' '; q++)
			;
	}
	if (!what || sscanf(q, "\" -r %u -s %llu -i %llu", &row, &seed, &at) != 3 || !row || row >= SIL_ROWS ||
	    gen_skip(row_at(row)))
		return false;
	if (!same_case(p, row, seed, at, bytes, n) && !same_case(p, row, seed | SEED_ALL, at, bytes, n))
		return false;
	for (i = 0; i < 16; i++)
		memcpy(p->c.k.in.ymm[i], p->c.k.in.fx + 160 + 16 * i, 16);
	record_window(&p->c.before, &p->pattern, &p->c.k);
	record_run_emul(p->emul, &p->c, &p->ours.r, &p->ours.after);
	if (!expect(p, what + 10))
		return false;
	compare_record(p, line);
	return true;
}

static bool one_sequence(struct replay *p, const char *line, char *text)
{
	unsigned long long seed, at;
	char *what = strstr(text, "host/ours:");

	if (!what || sscanf(strstr(text, "silicon -q"), "silicon -q -s %llu -i %llu", &seed, &at) != 2)
		return false;
	gen_sequence(&p->c.k, seed, at);
	record_window(&p->c.before, &p->pattern, &p->c.k);
	record_run_emul(p->emul, &p->c, &p->ours.r, &p->ours.after);
	if (!expect(p, what + 10))
		return false;
	compare_record(p, line);
	return true;
}

/* Bytes that the host knew: by now we do, or the table. */
static bool one_undefined(struct replay *p, const char *line, const char *text)
{
	unsigned long long seed, at;

	if (sscanf(strstr(text, "silicon -u"), "silicon -u -s %llu -i %llu", &seed, &at) != 2)
		return false;
	p->t->cases++;
	if (gen_undefined(&p->c.k, seed, at) && !known_bytes(p->c.k.bytes, p->vendor))
		say(p, line, "bytes that nobody is known to have");
	return true;
}

static void one_line(struct replay *p, const char *line)
{
	char *text;
	bool made = true;

	if (!strncmp(line, "vendor ", 7)) {
		p->vendor = !strncmp(line + 7, "amd", 3) ? VENDOR_AMD : VENDOR_INTEL;
		return;
	}
	text = strdup(line);
	if (!text)
		abort();
	if (strstr(line, "silicon -x \""))
		made = one_case(p, line, text);
	else if (strstr(line, "silicon -q "))
		made = one_sequence(p, line, text);
	else if (strstr(line, "silicon -u "))
		made = one_undefined(p, line, text);
	else if (strstr(line, " : t="))
		one_record(p, line);
	if (!made) {
		p->t->unmade++;
		fprintf(p->f, "cannot be made again: %.80s\n", line);
	}
	free(text);
}

int replay_file(const char *path, u32 show, FILE *f, struct replay_totals *t)
{
	struct replay *p = calloc(1, sizeof *p);
	struct sil_window *zero = calloc(1, sizeof *zero);
	FILE *in = fopen(path, "r");
	char *line = malloc(RECORD_LINE);
	int rc = in ? 0 : -errno;

	if (!p || !zero || !line)
		abort();
	memset(t, 0, sizeof *t);
	p->vendor = VENDOR_INTEL;
	p->show = show;
	p->f = f;
	p->t = t;
	gen_pattern(&p->pattern);
	p->emul = emul_open(zero);
	while (!rc && fgets(line, RECORD_LINE, in))
		if (line[0] != '#')
			one_line(p, line);
	if (in)
		fclose(in);
	emul_close(p->emul);
	free(line);
	free(zero);
	free(p);
	return rc;
}
