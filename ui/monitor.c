/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitors: lines of their devices go to commands (ui/monitor_run.c), and what those say goes back (QEMU's HMP). A
 * client that stalls, drops or sends nonsense loses its own answers and nothing else.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/block/block.h"
#include "ui/monitor_impl.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0.1"
#endif

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
	while (i < m->npending && !m->job && !m->all->loading && chardev_unsent(m->cd) < MON_OUT_PAUSE)
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

/*
 * ---- lines of others on a monitor's terminal -----------------------------------------------------------------------
 */

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

	for (i = 0; all && i < MONITORS_MAX; i++) {
		struct mon *m = all->list[i];

		if (!m)
			continue;
		show_prompt(m);
		if (m->npending) {
			pump(m);
			chardev_accept_input(m->cd);
		}
	}
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

static void on_detach(struct guest_watch *w)
{
	monitors_migration_drop(container_of(w, struct monitors, watch));
}

static const struct guest_watch_ops watch_ops = { .attach = on_attach, .detach = on_detach, .live = is_live };

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
	monitors_migration_drop(all);
	free(all->migration);
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

void monitors_set_loading(struct monitors *all, bool loading)
{
	if (!all)
		return;
	all->loading = loading;
	if (!loading)
		monitors_show(all);
}

void monitors_set_autosave(struct monitors *all, void (*tell)(void *opaque, struct buf *out), void *opaque)
{
	all->autosave = tell;
	all->autosave_opaque = opaque;
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
