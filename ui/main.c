/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program: options in, a guest's lives, an exit code out (docs/manual.md). Left out: more than one guest.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/os.h"
#include "base/os_file.h"
#include "guest/guest.h"
#include "guest/screen.h"
#include "guest/snapshot.h"
#include "hw/host/signals.h"
#include "snapshot/file.h"
#include "snapshot/migrate.h"
#include "ui/autosave.h"
#include "ui/daemon.h"
#include "ui/exposed.h"
#include "ui/monitor.h"
#include "ui/options.h"
#include "ui/report.h"
#include "ui/sandbox.h"
#include "ui/screen.h"
#include "ui/snapshot_tool.h"
#include "ui/snapshots.h"
#include "ui/trace.h"
#include "vm/run.h"
#include "vm/x86.h"

enum exit_code { EXIT_OFF = 0, EXIT_ERROR = 1, EXIT_CRASH = 2, EXIT_TIME = 3, EXIT_REBOOT = 4 };

#define STAY_LOOK ((i64)100000000) /* ns between looks at -timeout while nothing runs */
#define ARRIVAL_LOOK 10000000u /* host ns between looks at signals while a guest comes */
#define PROGRESS_EVERY 2000000000u /* ns between lines of -progress */

struct run {
	struct options o;
	struct host host;
	struct signals *signals;
	struct guest guest;
	struct guest_watch watch; /* ours, of the guest */
	struct monitors *monitors;
	struct screen *screen; /* NULL: none is opened */
	struct autosave *autosave; /* NULL: not wanted */
	struct report_totals totals;
	struct report_speed speed;
	u64 next_progress;
	struct daemon daemon;
	u64 limit_from; /* -timeout counts from here: when the guest began to be made, or the wait for its console's peer */
	bool host_up;
	bool restart; /* a monitor wants a guest that was kept to begin anew */
	bool said_stuck; /* that nobody is there to say cont */
	bool reported;   /* the crash */
	bool confined;   /* all that the options name is open, and -sandbox on has begun if it is given */
	int quit_code;

	/* Snapshots. */
	char snapshots[1024];     /* their folder */
	struct snapshot incoming; /* what the next life begins with */
	struct incoming *arrival; /* a guest that comes from another process; NULL: none does */
	bool loads;               /* it is there, and the present life has ended for it */
	enum domain_end ended;    /* what that life's end was before */
};

static void on_quit_key(void *opaque)
{
	struct run *r = opaque;

	signals_request_quit(r->signals);
}

static void on_quit_word(void *opaque, int code)
{
	struct run *r = opaque;

	r->quit_code = code;
	signals_request_quit(r->signals);
}

static void on_restart_word(void *opaque)
{
	struct run *r = opaque;

	r->restart = true;
	poll_wake(r->host.poll);
}

/* loadvm or restore: the present life ends, and the next one begins with s. */
static void on_load_word(void *opaque, struct snapshot *s)
{
	struct run *r = opaque;

	snapshot_free(&r->incoming);
	r->incoming = *s;
	if (!r->loads)
		r->ended = r->guest.d->end;
	r->loads = true;
	monitors_set_loading(r->monitors, true);
	domain_end(r->guest.d, END_REBOOT);
	on_restart_word(r);
}

static bool out_of_time(void *opaque)
{
	const struct run *r = opaque;

	return r->o.timeout_ns && host_now() - r->limit_from >= r->o.timeout_ns;
}

static bool asked_to_end(const struct run *r)
{
	return r->host.kill && *r->host.kill;
}

/* Lines of the log are about to go to standard error. */
static void on_log_line(void *opaque)
{
	struct run *r = opaque;

	monitors_hide(r->monitors);
}

/* A guest that was stopped, and that nobody could let go on, would be waited for in silence. */
static void warn_if_stuck(struct run *r)
{
	if (r->said_stuck || !r->guest.d || !r->guest.d->paused || r->guest.d->end != END_RUNNING || monitors_live(r->monitors))
		return;
	r->said_stuck = true;
	msg_warn("the guest is stopped%s and no monitor is there to say cont: add -monitor unix:PATH,server=on,wait=off, or leave -S out",
		 r->o.stopped ? " (-S)" : "");
}

/* Called by the scheduler now and then. */
static void on_tick(struct host *h, void *opaque)
{
	struct run *r = opaque;
	u32 notes = signals_take(r->signals);
	bool show = notes & SIGNAL_PROGRESS;

	if (notes & SIGNAL_SCREEN)
		screen_dump(r->screen);
	if (r->o.progress && host_now() >= r->next_progress) {
		show = true;
		r->next_progress = host_now() + PROGRESS_EVERY;
	}
	if (r->guest.d)
		screen_tick(r->screen, r->guest.d);
	warn_if_stuck(r);
	if (show && r->guest.d) {
		monitors_hide(r->monitors);
		report_progress(r->guest.d, &r->totals, &r->speed, stderr);
	}
}

/* What -d wants of its code is written from the first instruction on. */
static int on_attach(struct guest_watch *w, struct domain *d, struct error *e)
{
	trace_domain(d);
	return 0;
}

static const struct guest_watch_ops watch_ops = { .attach = on_attach };

static int open_host(struct run *r, struct error *e)
{
	int rc = host_init(&r->host, &x86_arch, r->o.tb_bytes);

	if (rc)
		return error_set(e, rc, "the host is out of memory%s",
				 r->o.tb_bytes ? ": give -accel interp,tb-size= a smaller value, or leave it out" : "");
	r->host_up = true;
	if (r->o.log_file)
		rc = log_later(&r->host.log, r->o.log_file);
	rc = rc ? rc : log_want(&r->host.log, &r->o.log);
	if (rc)
		return error_set(e, rc,
				 "-D %.200s: cannot be written (%s): name a file in a directory you may write to",
				 r->o.log_file, os_open_error(-rc));
	if (r->o.log_file && !r->o.log.items)
		msg_warn("-D %.200s: nothing is logged without -d ITEM: the file is made when a monitor's 'log' wants something",
			 r->o.log_file);
	r->host.log.before = on_log_line;
	r->host.log.before_opaque = r;
	memcpy(r->host.log.range, r->o.log_range, sizeof r->o.log_range);
	r->host.log.nranges = r->o.log_ranges;
	r->host.singlestep = r->o.singlestep;
	r->host.idle_sleep = r->o.idle_sleep;
	r->host.tick = on_tick;
	r->host.tick_opaque = r;
	signals_wake(r->signals, r->host.poll);
	r->host.kill = signals_quit_flag(r->signals);
	return 0;
}

static void say_loaded(const struct guest *g, struct report_loading *loading)
{
	char text[400];

	if (g->incoming)
		return;
	if (g->bare) {
		snprintf(text, sizeof text, "image %.200s: %zu bytes", node_str(g->node, "bios", ""), g->kernel_len);
		report_loaded(loading, text);
		return;
	}
	snprintf(text, sizeof text, "%s %s: %s, %.1f MiB", g->by_loader ? "boot loader" : "kernel", g->kernel.name, g->kernel.format,
		 (double)g->kernel.image_len / 1048576);
	report_loaded(loading, text);
	if (g->initrd) {
		snprintf(text, sizeof text, "initrd %.200s: %.1f MiB", node_str(g->node, "initrd", ""),
			 (double)g->initrd_len / 1048576);
		report_loaded(loading, text);
	}
}

static void tell_autosave(void *opaque, struct buf *out)
{
	const struct run *r = opaque;

	autosave_tell(r->autosave, out);
}

/* 0, or -errno with a sentence. */
static int begin_autosave(struct run *r, struct error *e)
{
	struct autosave_setup s = { &r->guest, r->snapshots, r->o.autosave_ns, r->o.autosave_keep, r->o.snapshot_codec, on_log_line, r };

	monitors_set_autosave(r->monitors, tell_autosave, r);
	if (!r->o.autosave_ns)
		return 0;
	r->autosave = autosave_begin(&s);
	return r->autosave ? 0 : error_set(e, -ENOMEM, "the host is out of memory");
}

/* Those of -monitor; the one behind the console comes with that. 0, or -errno with a sentence. */
static int open_monitors(struct run *r, struct error *e)
{
	struct monitors_env env = { &r->host, &r->guest, r->signals, on_quit_word, on_restart_word, on_load_word, r->snapshots,
				    r->o.snapshot_codec, r };
	const char *spec;
	u32 i;
	int rc = 0;

	if (r->o.snapshot_dir)
		snprintf(r->snapshots, sizeof r->snapshots, "%s", r->o.snapshot_dir);
	else
		snapshots_default_folder(r->o.guest->name, r->snapshots, sizeof r->snapshots);
	r->monitors = monitors_new(&env);
	if (!r->monitors)
		return error_set(e, -ENOMEM, "the host is out of memory");
	r->guest.stopped = r->o.stopped;
	rc = begin_autosave(r, e);
	for (i = 0; !rc && (spec = options_monitor(r->o.guest, i)); i++)
		rc = monitors_open(r->monitors, spec, e);
	return asked_to_end(r) ? -EINTR : rc;
}

/* Memory costs nothing until it is written, so this is allowed. */
static void warn_memory(const struct guest *g)
{
	u64 have = os_memory_bytes(), want = node_u64(g->node, "memory", 0);

	if (have && want > have)
		msg_warn("the guest has %llu MiB of memory and this machine %llu: should it use all of it, it ends; -m gives it less",
			 (unsigned long long)(want >> 20), (unsigned long long)(have >> 20));
}

/* Looks at the kernel. 0, or -errno with a sentence (none after -EINTR). */
static int unpack(struct run *r, struct report_loading *loading, struct error *e)
{
	int rc = guest_unpack(&r->guest, &loading->hook, e);

	report_loading_done(loading, !rc);
	if (!rc)
		say_loaded(&r->guest, loading);
	return asked_to_end(r) ? -EINTR : rc;
}

/* In the first life: shuts the door behind what is open now; a window comes from inside. 0, or -errno with a sentence. */
static int confine(struct run *r, struct error *e)
{
	int rc;

	if (r->confined)
		return 0;
	rc = sandbox_enter(&r->o, e);
	r->confined = !rc;
	return rc ? rc : screen_open_window(r->screen, e);
}

static void warn_exposed(const struct node *guest)
{
	char text[600];

	if (exposed_describe(guest, text, sizeof text))
		msg_warn("%s", text);
}

/* 0, or -errno with a sentence. */
static int open_screen(struct run *r, struct error *e)
{
	int rc = guest_screen_open(&r->guest, e);

	if (!rc && !r->screen)
		rc = screen_open(&r->guest, on_quit_key, r, &r->screen, e);
	if (!rc && r->screen && screen_set_snapshots(r->screen, r->snapshots, r->o.snapshot_codec, on_load_word, r))
		rc = error_set(e, -ENOMEM, "the host is out of memory");
	if (r->screen)
		monitors_set_screen(r->monitors, screen_words(), r->screen);
	return rc;
}

/* Begins a life of the guest. 0, or -errno with a sentence (none after -EINTR). */
static int start_life(struct run *r, struct error *e)
{
	struct chardev_env env = { r->host.poll, r->signals, "serial0", on_quit_key, out_of_time, r };
	struct report_loading loading;
	/* A kernel that is none is told before anybody is waited for. But nothing of the guest's is looked at outside a sandbox. */
	bool early = r->confined || !sandbox_wanted(&r->o);
	int rc;

	monitors_hide(r->monitors);
	report_loading_init(&loading, stderr, !os_is_terminal(2));
	loading.hook.stop = r->host.kill;
	rc = guest_load(&r->guest, &loading.hook, e);
	report_loading_done(&loading, !rc);
	if (!rc && asked_to_end(r))
		rc = -EINTR;
	if (!rc && early)
		rc = unpack(r, &loading, e);
	if (!rc && !r->guest.console) {
		r->limit_from = host_now();
		rc = guest_console_open(&r->guest, &env, e);
		if (rc && out_of_time(r))
			return -ETIMEDOUT;
		if (!rc && monitors_share(r->monitors, r->guest.console))
			rc = error_set(e, -ENOMEM, "the host is out of memory");
	}
	if (!rc && !r->guest.store) {
		rc = guest_store_open(&r->guest, e);
		if (r->guest.store)
			signals_guard_file(r->signals, node_str(r->guest.node, "xenstore", "unix:") + strlen("unix:"));
	}
	if (!rc)
		rc = open_screen(r, e);
	if (!rc)
		rc = confine(r, e);
	if (!rc && !early)
		rc = unpack(r, &loading, e);
	if (!rc && !r->totals.start) {
		warn_memory(&r->guest);
		r->limit_from = host_now();
	}
	if (!rc)
		rc = guest_create(&r->guest, &loading.hook, e);
	report_loading_done(&loading, !rc);
	if (!rc) {
		monitors_show(r->monitors);
		daemon_ready(&r->daemon);
	}
	return asked_to_end(r) ? -EINTR : rc;
}

/* True as long as the thread has work and nobody wants an end. */
static bool waits_for(struct run *r)
{
	while (!incoming_done(r->arrival, ARRIVAL_LOOK)) {
		poll_wait(r->host.poll, 0);
		if (asked_to_end(r) || out_of_time(r))
			return false;
	}
	return true;
}

/* -incoming of anything but a file: the guest comes from another process. 0, or -errno with a sentence. */
static int arrive(struct run *r, struct error *e)
{
	struct error why = { "" };
	bool paused = false;
	int rc;

	r->limit_from = host_now();
	rc = incoming_begin(r->o.incoming, &r->host.frames, &r->arrival, &why);

	if (!rc && !waits_for(r)) {
		incoming_free(r->arrival, NULL);
		r->arrival = NULL;
		return asked_to_end(r) ? -EINTR : -ETIMEDOUT;
	}
	if (!rc)
		rc = incoming_take(r->arrival, &r->incoming, &paused, &why);
	if (rc)
		return error_set(e, rc, "-incoming %.480s", why.text);
	r->guest.stopped |= paused;
	r->guest.incoming = &r->incoming;
	return 0;
}

/* The guest that came is here, or cannot be (rc, with a sentence): the other side hears of it, and gives it up or keeps it. */
static int arrived(struct run *r, int rc, struct error *e)
{
	struct error why = *e;

	if (!r->arrival)
		return rc;
	incoming_answer(r->arrival, rc ? why.text : NULL);
	if (!waits_for(r) && !rc)
		rc = asked_to_end(r) ? -EINTR : -ETIMEDOUT;
	if (incoming_free(r->arrival, &why) && !rc) {
		rc = -EPIPE;
		error_set(e, rc, "-incoming %.480s", why.text);
	}
	r->arrival = NULL;
	return rc;
}

/* -loadvm and -incoming: the first life begins with a snapshot. 0, or -errno with a sentence. */
static int first_snapshot(struct run *r, struct error *e)
{
	const char *option = r->o.loadvm ? "-loadvm" : "-incoming";
	char path[1200];
	struct error why = { "" };
	int rc = 0;

	if (r->o.loadvm)
		rc = snapshots_path(r->snapshots, r->o.loadvm, path, sizeof path, &why);
	else if (!r->o.incoming)
		return 0;
	else if (!strncmp(r->o.incoming, "file:", 5))
		snprintf(path, sizeof path, "%s", r->o.incoming + 5);
	else
		return arrive(r, e);
	if (!rc)
		rc = snapshot_read(&r->incoming, &r->host.frames, path, SNAPSHOT_VERIFY_PACKED, &why);
	if (rc)
		return error_set(e, rc, "%s %.480s", option, why.text);
	r->guest.incoming = &r->incoming;
	return 0;
}

/* The life that a snapshot was for has begun, or cannot. */
static void snapshot_used(struct run *r)
{
	r->guest.incoming = NULL;
	snapshot_free(&r->incoming);
}

/*
 * Goes on from r->incoming instead of the present life, to which it goes back when that cannot be done. 0, or -errno with a
 * sentence: then there is no life.
 */
static int swap_lives(struct run *r, struct error *e)
{
	struct error why = { "" };
	struct snapshot back;
	int rc;

	r->loads = false;
	r->guest.d->end = r->ended;
	rc = guest_snapshot_take_back(&r->guest, &r->incoming, &back, &why);
	if (rc) {
		msg_error("%s", why.text);
		snapshot_free(&r->incoming);
		monitors_set_loading(r->monitors, false);
		return 0;
	}
	guest_destroy(&r->guest);
	r->guest.incoming = &r->incoming;
	rc = start_life(r, &why);
	snapshot_used(r);
	if (rc && rc != -EINTR) {
		monitors_hide(r->monitors);
		msg_error("%s; the guest goes on as it was", why.text);
		r->guest.incoming = &back;
		rc = start_life(r, e);
		r->guest.incoming = NULL;
	}
	/* Where there is no way back either, what the disks had is kept in their images. */
	if ((!rc || rc == -EINTR) && guest_snapshot_forget(&r->guest, &back.disks, &why))
		msg_warn("%s", why.text);
	snapshot_free(&back);
	return rc;
}

/* True when the guest's end is a reboot that begins another life. */
static bool reboots(const struct run *r)
{
	return r->guest.d->end == END_REBOOT && strcmp(node_str(r->guest.node, "on-reboot", ""), "restart") == 0 &&
	       !asked_to_end(r);
}

/* -timeout counts from where the first life's making began; each host_run() begins its own count. False when nothing is left. */
static bool set_timeout(struct run *r)
{
	if (out_of_time(r))
		return false;
	r->host.timeout_ns = r->o.timeout_ns ? r->o.timeout_ns - (host_now() - r->limit_from) : 0;
	return true;
}

static void say_crash(struct run *r)
{
	struct domain *d = r->guest.d;
	char last[2 * PANIC_LINE + 80];

	if (!*d->crash && d->end != END_CRASH)
		snprintf(d->crash, sizeof d->crash, "%s",
			 d->end == END_WATCHDOG ? "its watchdog ran out" : "it asked for a soft reset, which is not supported");
	panic_describe(&r->guest.panic, last, sizeof last);
	report_crash(d, last, stderr);
	r->reported = true;
}

static bool crashed(const struct domain *d)
{
	return d->end == END_CRASH || d->end == END_WATCHDOG || d->end == END_SOFT_RESET;
}

static bool ends_well(const struct domain *d)
{
	return d->end == END_POWEROFF || d->end == END_MIGRATED;
}

/*
 * -action shutdown=pause, panic=pause: console, monitors and xenstore stay open, nothing runs. True when a monitor begins the
 * guest anew.
 */
static bool stay(struct run *r)
{
	const char *prop = crashed(r->guest.d) ? "on-crash" : ends_well(r->guest.d) ? "on-poweroff" : NULL;

	if (!prop || guest_exit_code(&r->guest) >= 0 || strcmp(node_str(r->guest.node, prop, ""), "preserve"))
		return false;
	if (crashed(r->guest.d)) {
		monitors_hide(r->monitors);
		say_crash(r);
	}
	r->restart = false;
	while (!asked_to_end(r) && !out_of_time(r) && !r->restart) {
		poll_wait(r->host.poll, r->o.timeout_ns ? STAY_LOOK : (i64)-1);
		door_open(&r->guest.d->door, domain_icount(r->guest.d), domain_now(r->guest.d));
	}
	r->reported &= !r->restart;
	return r->restart && !asked_to_end(r);
}

/* Lets the guest live until it ends for good. 0, or -errno with a sentence. */
static int live(struct run *r, struct error *e)
{
	int rc = first_snapshot(r, e);

	if (!rc)
		rc = start_life(r, e);
	rc = arrived(r, rc, e);
	if (r->guest.incoming)
		snapshot_used(r);
	r->totals.start = host_now();
	r->next_progress = r->totals.start + PROGRESS_EVERY;
	while (!rc) {
		if (!set_timeout(r)) {
			domain_end(r->guest.d, END_TIMEOUT);
			guest_ended(&r->guest);
			break;
		}
		host_run(&r->host);
		if (!r->loads && !reboots(r)) {
			guest_ended(&r->guest);
			if (!stay(r))
				break;
		}
		if (r->loads) {
			rc = swap_lives(r, e);
			continue;
		}
		r->totals.instructions += domain_icount(r->guest.d);
		r->totals.guest_ns += domain_now(r->guest.d);
		r->totals.reboots++;
		guest_destroy(&r->guest);
		rc = start_life(r, e);
	}
	return rc;
}

static enum exit_code say_timeout(const struct run *r)
{
	msg_info("guest '%s' was ended after %g s, as -timeout says", r->guest.node->name, (double)r->o.timeout_ns / 1e9);
	return EXIT_TIME;
}

/* Says what there is to say about the guest's end, and makes an exit code of it. */
static int conclude(struct run *r)
{
	struct domain *d = r->guest.d;
	int sig = signals_last(r->signals);

	if (r->quit_code && !sig)
		return r->quit_code;
	switch (d->end) {
	case END_POWEROFF:
		if (guest_exit_code(&r->guest) >= 0)
			return guest_exit_code(&r->guest);
		if (!strcmp(node_str(r->guest.node, "on-poweroff", ""), "preserve") && out_of_time(r))
			return say_timeout(r);
		return EXIT_OFF;
	case END_HALTED:
	case END_MIGRATED:
		return EXIT_OFF;
	case END_REBOOT:
		/* Else it would have begun anew, had nobody asked us to end. */
		if (!strcmp(node_str(r->guest.node, "on-reboot", ""), "destroy"))
			return EXIT_REBOOT;
		return sig ? EXIT_ERROR : EXIT_OFF;
	case END_TIMEOUT:
		return say_timeout(r);
	case END_KILLED:
	case END_RUNNING:
		if (!sig)
			return r->quit_code; /* of quit; Ctrl-A x: 0 */
		msg_info("guest '%s' was ended by signal %d (%s)", d->name, sig, signals_name(sig));
		return EXIT_ERROR;
	case END_LOST:
		msg_error("guest '%s' was stopped: %.480s", d->name, d->crash);
		return EXIT_ERROR;
	case END_SUSPEND:
		msg_error("guest '%s' suspended itself, and this version cannot save it: resume is not possible",
			  d->name);
		return EXIT_ERROR;
	case END_CRASH:
	case END_WATCHDOG:
	case END_SOFT_RESET:
		if (!r->reported)
			say_crash(r);
		if (!strcmp(node_str(r->guest.node, "on-crash", ""), "preserve") && out_of_time(r))
			return say_timeout(r);
		return strcmp(node_str(r->guest.node, "on-crash", ""), "poweroff") ? EXIT_CRASH : EXIT_OFF;
	}
	return EXIT_CRASH;
}

static int run_guest(struct run *r)
{
	struct error e = { "" };
	int code = EXIT_ERROR, rc = 0;

	/* First of all: a guest that is told to end while it is being made has something to say, too. */
	r->signals = signals_open(NULL);
	if (!r->signals)
		rc = error_set(&e, -ENOMEM, "the host is out of memory");
	if (!rc && r->o.daemonize)
		rc = daemon_start(&r->daemon, r->signals, &e);
	if (!rc && r->o.pidfile)
		rc = daemon_pidfile(&r->daemon, r->o.pidfile, &e);
	if (!rc && r->o.pidfile)
		signals_guard_file(r->signals, r->o.pidfile);
	rc = rc ? rc : open_host(r, &e);
	if (!rc) {
		r->guest.host = &r->host;
		r->guest.node = r->o.guest;
		r->guest.words = &options_words;
		guest_watch_add(&r->guest, &r->watch, &watch_ops);
		warn_exposed(r->o.guest);
		rc = open_monitors(r, &e);
		if (!rc)
			rc = live(r, &e);
	}
	/* First the console: what the guest said last must be out, and the terminal as it was, before we speak. */
	if (r->monitors && r->guest.console)
		monitors_unshare(r->monitors, r->guest.console);
	guest_console_close(&r->guest);
	monitors_free(r->monitors);
	r->monitors = NULL;
	autosave_end(r->autosave);
	if (rc == -EINTR && r->signals && asked_to_end(r)) {
		if (signals_last(r->signals))
			msg_info("ended by signal %d (%s) before the guest ran", signals_last(r->signals),
				 signals_name(signals_last(r->signals)));
		else
			code = EXIT_OFF;
	} else if (rc == -ETIMEDOUT) {
		msg_info("nobody connected to the console within %g s, the limit that -timeout sets",
			 (double)r->o.timeout_ns / 1e9);
		code = EXIT_TIME;
	} else if (rc) {
		msg_error("%s", e.text);
	} else {
		code = conclude(r);
		if (r->o.stats)
			report_stats(r->guest.d, &r->totals, stderr);
	}
	/* The device's own sentence has told that it is full, or closed. */
	if (code == EXIT_OFF && r->guest.output_lost)
		code = EXIT_ERROR;
	guest_destroy(&r->guest);
	snapshot_free(&r->incoming);
	screen_close(r->screen);
	guest_close(&r->guest);
	daemon_end(&r->daemon);
	return code;
}

int main(int argc, char **argv)
{
	struct run r = { .daemon = { .ready = -1, .pid_fd = -1 } };
	struct error e = { "" };
	int code, rc;

	os_start(&argc, &argv);
	if (argc > 1 && !strcmp(argv[1], "snapshot"))
		return snapshot_tool(argc - 1, argv + 1, stdout);
	rc = options_parse(&r.o, argc, argv, stdout, &e);
	if (rc == OPTIONS_RUN) {
		code = run_guest(&r);
		signals_close(r.signals);
		if (r.host_up) {
			log_close(&r.host.log);
			host_exit(&r.host);
		}
	} else {
		if (rc < 0)
			msg_error("%s", e.text);
		code = rc < 0 ? EXIT_ERROR : EXIT_OFF;
		if (rc >= 0 && (fflush(stdout) || ferror(stdout))) {
			msg_error("standard output cannot be written (%s)", strerror(errno ? errno : EIO));
			code = EXIT_ERROR;
		}
	}
	options_free(&r.o);
	return code;
}
