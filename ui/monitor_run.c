/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor's commands: a line is cut into words, the command is found in a table and run, at once or through the
 * door. And those that are about commands: help, info, quit. Left out: QMP, passwords.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/nearest.h"
#include "ui/monitor_impl.h"

const struct mon_command mon_commands[] = {
#define CMD(name, alias, args, min, max, flags, fn, help) { name, alias, args, help, min, max, flags, mon_##fn },
#define INFO(...)
#include "ui/monitor.def"
#undef CMD
#undef INFO
	{ NULL, NULL, NULL, NULL, 0, 0, 0, NULL },
};

const struct mon_command mon_infos[] = {
#define CMD(...)
#define INFO(name, args, max, flags, fn, help) { name, "", args, help, 0, max, flags, mon_##fn },
#include "ui/monitor.def"
#undef CMD
#undef INFO
	{ NULL, NULL, NULL, NULL, 0, 0, 0, NULL },
};

/* ---- words ------------------------------------------------------------------------------------------------------- */

bool mon_split(struct mon *m, struct mon_args *a, const char *rest)
{
	const char *p = rest;
	char *to = a->text;

	a->rest = rest;
	a->n = 0;
	for (;;) {
		bool quoted = false;

		while (*p == ' ' || *p == '\t')
			p++;
		if (!*p)
			return true;
		if (a->n == MON_WORDS) {
			mon_printf(m, "more than %u words: no command takes so many\n", MON_WORDS);
			return false;
		}
		a->w[a->n++] = to;
		for (; *p && (quoted || (*p != ' ' && *p != '\t')); p++) {
			if (*p == '"') {
				quoted = !quoted;
				continue;
			}
			if (*p == '\\' && quoted && (p[1] == '"' || p[1] == '\\'))
				p++;
			*to++ = *p;
		}
		*to++ = 0;
		if (quoted) {
			mon_printf(m, "a closing \" is missing\n");
			return false;
		}
	}
}

bool mon_number(struct mon *m, const char *what, const char *word, u64 *v)
{
	char *end;

	errno = 0;
	*v = *word >= '0' && *word <= '9' ? strtoull(word, &end, word[1] == 'x' || word[1] == 'X' ? 16 : 10) : 0;
	if (*word >= '0' && *word <= '9' && !*end && !errno)
		return true;
	mon_printf(m, "'%.40s': %s must be a whole number\n", word, what);
	return false;
}

const struct mon_command *mon_find(const struct mon_command *table, const char *name)
{
	const struct mon_command *c;

	for (c = table; c->name; c++)
		if (!strcmp(c->name, name) || (*c->alias && !strcmp(c->alias, name)))
			return c;
	return NULL;
}

const char *mon_nearest(const struct mon_command *table, const char *name)
{
	const struct mon_command *c;
	struct nearest n;

	nearest_begin(&n, name);
	for (c = table; c->name; c++)
		nearest_offer(&n, c->name);
	return nearest_word(&n);
}

/* ---- running a line ---------------------------------------------------------------------------------------------- */

bool mon_may(struct mon *m, const struct mon_command *c)
{
	const struct guest *g = mon_guest(m);

	if (!(c->flags & (MON_GUEST | MON_PV)))
		return true;
	if (!g->d)
		mon_printf(m, "%s: there is no guest yet\n", c->name);
	else if ((c->flags & MON_PV) && g->bare)
		mon_printf(m, "%s: this is for Xen guests (-M xenpv), and a bare processor is none\n", c->name);
	else if ((c->flags & MON_RUNNING) && g->d->end != END_RUNNING)
		mon_printf(m, "%s: the guest has ended; system_reset begins it anew\n", c->name);
	else
		return true;
	return false;
}

static void usage(struct mon *m, const char *what, const struct mon_command *c)
{
	mon_printf(m, "usage: %s%s%s%s\n", what, c->name, *c->args ? " " : "", c->args);
}

/* The command of a line, with what follows its name in *rest. */
static const struct mon_command *command_of(struct mon *m, const char *line, const char **rest)
{
	const struct mon_command *c;
	char name[32];
	const char *near;
	u32 n = 0;

	while (*line == ' ' || *line == '\t')
		line++;
	*rest = line;
	while (*line && *line != ' ' && *line != '\t' && *line != '/') {
		if (n < sizeof name - 1)
			name[n++] = *line;
		line++;
	}
	name[n] = 0;
	*rest = line;
	c = mon_find(mon_commands, name);
	if (c)
		return c;
	for (n = 0; name[n]; n++)
		if (name[n] < ' ' || name[n] > '~')
			name[n] = '?';
	near = mon_nearest(mon_commands, name);
	if (near)
		mon_printf(m, "unknown command: '%s': did you mean %s? ('help' lists all)\n", name, near);
	else
		mon_printf(m, "unknown command: '%s': 'help' lists those there are\n", name);
	return NULL;
}

static void execute(struct mon *m, const struct mon_command *c, const char *rest)
{
	struct mon_args a;

	if (c->flags & MON_REST) {
		a.n = 0;
		while (*rest == ' ' || *rest == '\t')
			rest++;
		a.rest = rest;
		if (!*rest) {
			usage(m, "", c);
			return;
		}
	} else if (!mon_split(m, &a, rest)) {
		return;
	} else if (a.n < c->min || a.n > c->max) {
		usage(m, "", c);
		return;
	}
	if (mon_may(m, c))
		c->run(m, &a);
	mon_forget_p2m(m);
}

static bool blank(const char *line)
{
	return !line[strspn(line, " \t")];
}

/* A command as it came through the door: from one of us, or from a recording. */
static void door_command(void *opaque, const struct door_input *in)
{
	struct monitors *all = opaque;
	const struct mon_command *c;
	struct mon *m = all->quiet;
	char line[LINE_BYTES + 1];
	const char *rest;
	u32 i, n;

	if (in->len < 4)
		return;
	for (i = 0; i < MONITORS_MAX; i++)
		if (all->list[i] && all->list[i]->id == ld32(in->data))
			m = all->list[i];
	n = MIN(in->len - 4, LINE_BYTES);
	memcpy(line, in->data + 4, n);
	line[n] = 0;
	if (blank(line))
		return;
	c = command_of(m, line, &rest);
	/* Others never go this way, so that a damaged recording cannot write files. */
	if (c && (c->flags & MON_INPUT))
		execute(m, c, rest);
}

int monitors_attach(struct monitors *all, struct domain *d)
{
	d->keep_suspended = monitors_count(all) > 0;
	all->loading = false;
	return door_handle(&d->door, DOOR_CONTROL, MONITOR_TARGET, door_command, all);
}

/* Posts the line, and lets it in at once where no slot runs: the answer belongs before the next prompt. */
static void through_door(struct mon *m, const char *line)
{
	struct domain *d = mon_domain(m);
	size_t n = strlen(line);
	u8 *b = malloc(4 + n);
	int rc = -ENOMEM;

	if (b) {
		st32(b, m->id);
		memcpy(b + 4, line, n);
		rc = door_post(&d->door, DOOR_CONTROL, MONITOR_TARGET, b, (u32)(4 + n));
		free(b);
	}
	if (rc)
		mon_printf(m, "the host is out of memory\n");
	else if (!d->running)
		door_open(&d->door, domain_icount(d), domain_now(d));
}

/* "change vnc password SECRET" is the host's business alone, and no secret may get into a recording. */
static bool vnc_password(struct mon *m, const struct mon_command *c, const char *rest)
{
	struct mon_args a;

	rest += strspn(rest, " \t");
	if (c->run != mon_change || strncmp(rest, "vnc", 3) || (rest[3] != ' ' && rest[3] != '\t'))
		return false;
	if (!mon_split(m, &a, rest))
		return true;
	if (a.n == 3 && !strcmp(a.w[1], "password"))
		mon_vnc_password(m, a.w[2]);
	else
		mon_printf(m, "usage: change vnc password SECRET\n");
	return true;
}

static bool by_door(struct mon *m, const struct mon_command *c)
{
	return (c->flags & MON_INPUT) && mon_guest(m)->d && !mon_guest(m)->bare && mon_domain(m)->end == END_RUNNING;
}

void mon_run(struct mon *m, const char *line)
{
	const struct mon_command *c;
	const char *rest;

	if (blank(line))
		return;
	c = command_of(m, line, &rest);
	if (!c || vnc_password(m, c, rest))
		return;
	if (!by_door(m, c))
		execute(m, c, rest);
	else if (!mon_open_first(m, c, rest, line))
		through_door(m, line);
}

void mon_run_opened(struct mon *m, const char *line, bool failed)
{
	const char *rest;
	const struct mon_command *c = command_of(m, line, &rest);

	if (c && by_door(m, c) && !failed)
		through_door(m, line);
	else if (c)
		execute(m, c, rest);
}

/* ---- help, info, quit -------------------------------------------------------------------------------------------- */

#define LIST_COLUMN 28

static void list_table(struct mon *m, const struct mon_command *c, const char *prefix)
{
	char left[80];

	for (; c->name; c++) {
		snprintf(left, sizeof left, "%s%s%s%s%s%s", prefix, c->name, *c->alias ? "|" : "", c->alias, *c->args ? " " : "",
			 c->args);
		if (strlen(left) > LIST_COLUMN)
			mon_printf(m, "%s\n%-*s -- %s\n", left, LIST_COLUMN, "", c->help);
		else
			mon_printf(m, "%-*s -- %s\n", LIST_COLUMN, left, c->help);
	}
}

MON_HANDLER(help)
{
	const struct mon_command *c;

	if (!a->n) {
		list_table(m, mon_commands, "");
		return;
	}
	if (!strcmp(a->w[0], "info")) {
		list_table(m, mon_infos, "info ");
		return;
	}
	c = mon_find(mon_commands, a->w[0]);
	if (c)
		mon_printf(m, "%s%s%s%s%s -- %s\n", c->name, *c->alias ? "|" : "", c->alias, *c->args ? " " : "", c->args, c->help);
	else
		mon_printf(m, "there is no command '%.40s': 'help' lists all\n", a->w[0]);
}

MON_HANDLER(info)
{
	const struct mon_command *c;
	const char *near;
	u32 i;

	if (!a->n) {
		list_table(m, mon_infos, "info ");
		return;
	}
	c = mon_find(mon_infos, a->w[0]);
	if (!c) {
		near = mon_nearest(mon_infos, a->w[0]);
		if (near)
			mon_printf(m, "info has no '%.40s': did you mean info %s?\n", a->w[0], near);
		else
			mon_printf(m, "info has no '%.40s': 'info' lists what it has\n", a->w[0]);
		return;
	}
	for (i = 1; i < a->n; i++)
		a->w[i - 1] = a->w[i];
	a->n--;
	if (a->n > c->max)
		usage(m, "info ", c);
	else if (mon_may(m, c))
		c->run(m, a);
}

MON_HANDLER(quit)
{
	u64 code = 0;

	if (a->n && !mon_number(m, "an exit code", a->w[0], &code))
		return;
	if (code > 255) {
		mon_printf(m, "an exit code is 0 to 255\n");
		return;
	}
	m->all->env.quit(m->all->env.opaque, (int)code);
}
