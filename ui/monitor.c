/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor's lines: from a device to a command and back (QEMU's HMP). A client that stalls, drops or sends nonsense
 * loses its own answers and nothing else. Left out: QMP, passwords.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/nearest.h"
#include "hw/host/block/block.h"
#include "ui/monitor_impl.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0.1"
#endif

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

/* ---- what a command says ----------------------------------------------------------------------------------------- */

void mon_write(struct mon *m, const void *p, size_t n)
{
	if (m->full)
		return;
	if (m->out.len + n > MON_OUT_MAX) {
		static const char cut[] = "\n... (cut: this is too long)\n";

		m->full = true;
		buf_put(&m->out, cut, sizeof cut - 1);
		return;
	}
	buf_put(&m->out, p, n);
}

void mon_printf(struct mon *m, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n > 0)
		mon_write(m, text, MIN((size_t)n, sizeof text - 1));
}

/* A terminal wants a carriage return too. */
static void send_text(struct mon *m, const char *p, size_t n)
{
	size_t i, from = 0;

	if (!m->cd)
		return;
	if (!chardev_is_terminal(m->cd)) {
		chardev_write(m->cd, p, n);
		return;
	}
	for (i = 0; i < n; i++)
		if (p[i] == '\n') {
			chardev_write(m->cd, p + from, i - from);
			chardev_write(m->cd, "\r\n", 2);
			from = i + 1;
		}
	chardev_write(m->cd, p + from, n - from);
}

static void send_out(struct mon *m)
{
	if (m->cd && m->out.len)
		send_text(m, (const char *)m->out.p, m->out.len);
	if (m->cd)
		m->out.len = 0;
	m->out.failed = m->full = false;
}

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

/* ---- one monitor ------------------------------------------------------------------------------------------------- */

static void on_line_out(void *opaque, const char *p, size_t n)
{
	send_text(opaque, p, n);
}

static void pump(struct mon *m);

static void finish_job(struct mon *m)
{
	while (m->job && m->job->step(m, true))
		;
}

#define JOB_EVERY 1000000u /* ns between pieces of a command that takes long */

/* A piece of such a command. At its end the next line may come. */
static void on_tick(void *opaque, u32 events)
{
	struct mon *m = opaque;

	if (m->job && m->job->step(m, false))
		return;
	poll_remove(m->all->env.host->poll, m->tick);
	m->tick = NULL;
	send_out(m);
	m->busy = false;
	line_show(m->le);
	pump(m);
	chardev_accept_input(m->cd);
}

static void on_line(void *opaque, const char *line)
{
	struct mon *m = opaque;

	m->busy = true;
	mon_run(m, line);
	send_out(m);
	if (m->job && !m->tick)
		m->tick = poll_every(m->all->env.host->poll, JOB_EVERY, on_tick, m);
	/* Without one, for want of memory, at once. */
	if (m->job && !m->tick) {
		finish_job(m);
		send_out(m);
	}
	if (m->job)
		return;
	m->busy = false;
	line_show(m->le);
}

static void on_too_long(void *opaque)
{
	struct mon *m = opaque;

	mon_printf(m, "this line is longer than %u bytes: it is not looked at\n", LINE_BYTES);
	send_out(m);
	line_show(m->le);
}

static const struct line_ops line_ops = { on_line_out, on_line, on_too_long, mon_complete };

static void show_prompt(struct mon *m)
{
	if (m->hidden)
		line_show(m->le);
	m->hidden = false;
}

/* Takes what has come, as long as its peer takes what is said. */
static void pump(struct mon *m)
{
	u32 i = 0;

	if (m->pumping)
		return;
	m->pumping = true;
	while (i < m->npending && !m->job && chardev_unsent(m->cd) < MON_OUT_PAUSE)
		line_byte(m->le, m->pending[i++]);
	memmove(m->pending, m->pending + i, m->npending - i);
	m->npending -= i;
	m->pumping = false;
}

static size_t on_can_receive(void *opaque)
{
	const struct mon *m = opaque;

	return MON_PENDING - m->npending;
}

static void on_receive(void *opaque, const u8 *p, size_t n)
{
	struct mon *m = opaque;

	show_prompt(m);
	n = MIN(n, (size_t)(MON_PENDING - m->npending));
	memcpy(m->pending + m->npending, p, n);
	m->npending += (u32)n;
	pump(m);
}

static void on_drained(void *opaque)
{
	struct mon *m = opaque;

	if (!m->npending)
		return;
	pump(m);
	chardev_accept_input(m->cd);
}

static void greet(struct mon *m)
{
	mon_printf(m, "Paravane %s monitor - type 'help' for more information\n", PACKAGE_VERSION);
	send_out(m);
	line_show(m->le);
}

static void on_connected(void *opaque)
{
	struct mon *m = opaque;

	m->npending = 0;
	line_reset(m->le, chardev_is_terminal(m->cd));
	if (!m->job)
		greet(m);
}

static void on_focus(void *opaque, bool on)
{
	struct mon *m = opaque;

	m->focus = on;
	m->hidden = false;
	send_text(m, "\n", 1);
	if (on)
		greet(m);
}

static const struct chardev_client client = { on_can_receive, on_receive };
static const struct chardev_watcher watcher = { on_connected, on_drained };
static const struct chardev_second second = { on_receive, on_focus };

static void mon_free(struct mon *m)
{
	if (!m)
		return;
	/* What was asked for is done, though nobody hears of it; or there is nobody left to do it for. */
	if (m->job && m->job->drop)
		m->job->drop(m);
	finish_job(m);
	block_open_drop(m->opened);
	poll_remove(m->all->env.host->poll, m->tick);
	if (m->owned) {
		chardev_set_client(m->cd, NULL, NULL);
		chardev_watch(m->cd, NULL, NULL);
		chardev_close(m->cd);
	} else if (m->cd) {
		chardev_set_second(m->cd, NULL, NULL);
		chardev_watch(m->cd, NULL, NULL);
	}
	line_free(m->le);
	buf_free(&m->out);
	free(m);
}

static struct mon *mon_new(struct monitors *all)
{
	struct mon *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->all = all;
	m->id = all->next_id++;
	m->format = 'x';
	m->size = 4;
	m->le = line_new(&line_ops, m, MON_PROMPT, false);
	if (m->le)
		return m;
	free(m);
	return NULL;
}

/* ---- lines of others on a monitor's terminal ----------------------------------------------------------------------- */

#define SHOW_AFTER 100000000 /* ns without such a line until the prompt comes back */

static bool on_terminal(const struct mon *m)
{
	return m && m->cd && !m->busy && (m->owned || m->focus) && chardev_is_own_terminal(m->cd);
}

void monitors_hide(struct monitors *all)
{
	static const char erase[] = "\r\033[K";
	u32 i;

	for (i = 0; all && i < MONITORS_MAX; i++) {
		struct mon *m = all->list[i];

		if (!on_terminal(m))
			continue;
		if (!m->hidden)
			chardev_write(m->cd, erase, sizeof erase - 1);
		m->hidden = true;
		all->hidden_at = host_now();
	}
}

void monitors_show(struct monitors *all)
{
	u32 i;

	for (i = 0; all && i < MONITORS_MAX; i++)
		if (all->list[i])
			show_prompt(all->list[i]);
}

static i64 show_due(void *opaque)
{
	const struct monitors *all = opaque;
	bool hidden = false;
	u32 i;

	for (i = 0; i < MONITORS_MAX; i++)
		hidden |= all->list[i] && all->list[i]->hidden;
	return hidden ? SHOW_AFTER : -1;
}

static void show_again(void *opaque)
{
	struct monitors *all = opaque;

	if (host_now() - all->hidden_at >= SHOW_AFTER)
		monitors_show(all);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static int on_attach(struct guest_watch *w, struct domain *d, struct error *e)
{
	return monitors_attach(container_of(w, struct monitors, watch), d) ? error_set(e, -ENOMEM, "the host is out of memory") : 0;
}

static bool is_live(const struct guest_watch *w)
{
	return monitors_live(container_of(w, struct monitors, watch));
}

static const struct guest_watch_ops watch_ops = { .attach = on_attach, .live = is_live };

struct monitors *monitors_new(const struct monitors_env *env)
{
	struct monitors *all = calloc(1, sizeof *all);

	if (!all)
		return NULL;
	all->env = *env;
	guest_watch_add(env->guest, &all->watch, &watch_ops);
	all->quiet = mon_new(all);
	all->hook = poll_hook_add(env->host->poll, show_due, show_again, all);
	if (all->quiet && all->hook)
		return all;
	guest_watch_remove(env->guest, &all->watch);
	poll_hook_remove(env->host->poll, all->hook);
	mon_free(all->quiet);
	free(all);
	return NULL;
}

void monitors_free(struct monitors *all)
{
	u32 i;

	if (!all)
		return;
	guest_watch_remove(all->env.guest, &all->watch);
	poll_hook_remove(all->env.host->poll, all->hook);
	for (i = 0; i < MONITORS_MAX; i++)
		mon_free(all->list[i]);
	mon_free(all->quiet);
	free(all);
}

u32 monitors_count(const struct monitors *all)
{
	u32 i, n = 0;

	for (i = 0; i < MONITORS_MAX; i++)
		n += all->list[i] != NULL;
	return n;
}

static struct mon **free_place(struct monitors *all)
{
	u32 i;

	for (i = 0; i < MONITORS_MAX; i++)
		if (!all->list[i])
			return &all->list[i];
	return NULL;
}

int monitors_open(struct monitors *all, const char *spec, struct error *e)
{
	struct mon **place = free_place(all), *m;
	struct chardev_env env = { .poll = all->env.host->poll, .signals = all->env.signals };
	struct error why = { "" };
	static const char *const labels[MONITORS_MAX] = { "monitor0", "monitor1", "monitor2", "monitor3",
							  "monitor4", "monitor5", "monitor6", "monitor7" };

	if (!place)
		return error_set(e, -ENOSPC, "-monitor %.200s: there are %u monitors already: leave one out", spec, MONITORS_MAX);
	env.label = labels[place - all->list];
	m = mon_new(all);
	if (!m)
		return error_set(e, -ENOMEM, "-monitor %.200s: the host is out of memory", spec);
	m->cd = chardev_open(spec, &env, &why);
	if (!m->cd) {
		mon_free(m);
		return error_set(e, -EINVAL, "-monitor %s", why.text);
	}
	m->owned = true;
	*place = m;
	chardev_watch(m->cd, &watcher, m);
	chardev_set_client(m->cd, &client, m);
	return 0;
}

int monitors_share(struct monitors *all, struct chardev *console)
{
	static const struct chardev_watcher quiet_watcher = { NULL, on_drained };
	struct mon **place = free_place(all);

	if (!place || !chardev_has_mux(console))
		return 0;
	*place = mon_new(all);
	if (!*place)
		return -ENOMEM;
	(*place)->cd = console;
	line_reset((*place)->le, chardev_is_terminal(console));
	chardev_watch(console, &quiet_watcher, *place);
	chardev_set_second(console, &second, *place);
	return 0;
}

void monitors_unshare(struct monitors *all, struct chardev *console)
{
	u32 i;

	for (i = 0; i < MONITORS_MAX; i++)
		if (all->list[i] && all->list[i]->cd == console && !all->list[i]->owned) {
			mon_free(all->list[i]);
			all->list[i] = NULL;
		}
}

bool monitors_live(const struct monitors *all)
{
	u32 i;

	for (i = 0; i < MONITORS_MAX; i++)
		if (all->list[i] && chardev_is_live(all->list[i]->cd))
			return true;
	return false;
}

int monitors_attach(struct monitors *all, struct domain *d)
{
	d->keep_suspended = monitors_count(all) > 0;
	return door_handle(&d->door, DOOR_CONTROL, MONITOR_TARGET, door_command, all);
}

void monitors_set_screen(struct monitors *all, const struct monitor_screen *screen, void *opaque)
{
	all->screen = screen;
	all->screen_opaque = opaque;
}

char *monitors_run(struct monitors *all, const char *line)
{
	struct mon *m = all->quiet;
	char *text;

	m->out.len = 0;
	m->full = m->out.failed = false;
	mon_run(m, line);
	finish_job(m);
	text = malloc(m->out.len + 1);
	if (!text)
		return NULL;
	if (m->out.len)
		memcpy(text, m->out.p, m->out.len);
	text[m->out.len] = 0;
	m->out.len = 0;
	return text;
}
