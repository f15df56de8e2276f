/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the monitor share. For ui/monitor*.c and their tests only.
 */
#ifndef UI_MONITOR_IMPL_H
#define UI_MONITOR_IMPL_H

#include "base/buf.h"
#include "guest/guest.h"
#include "ui/lineedit.h"
#include "ui/monitor.h"

#define MON_WORDS 16u
#define MON_OUT_MAX (256u << 10) /* bytes a command may say */
#define MON_OUT_PAUSE (64u << 10) /* bytes unsent, and no further command is taken */
#define MON_PENDING 4096u
#define MON_PROMPT "(paravane) "

struct mon;

/* A command that goes on while the guest runs. */
struct mon_job {
	/*
	 * Does a piece of it, in little time unless alone is set: nothing else goes on until it is done. False: it is done, m->job is
	 * NULL, and all that there was to say has been said.
	 */
	bool (*step)(struct mon *m, bool alone);
	void (*drop)(struct mon *m); /* gives it up; NULL: it is done to its end */
};

/* One monitor. */
struct mon {
	struct monitors *all;
	struct chardev *cd; /* NULL: the one of monitors_run() */
	bool owned;         /* it is closed with us */
	bool full;          /* the command said too much */
	bool focus;         /* behind a console: the keys are ours */
	u32 id;
	struct line_edit *le;
	struct buf out; /* of the command that runs */
	u8 pending[MON_PENDING];
	u32 npending;
	bool pumping;
	bool busy;   /* a command runs: no prompt is shown */
	bool hidden; /* the prompt, for lines of others on its terminal */
	u32 cpu; /* the vCPU that registers and addresses are of */
	struct mon_p2m *p2m; /* while a command runs: where the guest's pages are, when it has put them in another order */
	struct mon_job *job; /* NULL: none */
	struct block_opening *opened; /* for the command that is at the door */
	struct poll_item *tick; /* does a piece of it */
	u32 format, size; /* of x and print, as last given: the letter, bytes */
};

struct monitors {
	struct guest_watch watch;
	struct monitors_env env;
	struct mon *list[MONITORS_MAX];
	struct mon *quiet; /* monitors_run(), and a replayed command */
	u32 next_id;
	struct poll_hook *hook; /* shows prompts again */
	u64 hidden_at; /* host_now() of the last line of others */
	const struct monitor_screen *screen;
	void *screen_opaque;
	struct monitor_migration *migration; /* NULL: nobody has asked for one */
	bool loading; /* the guest is about to go on from a snapshot: commands wait for that life */
	void (*autosave)(void *opaque, struct buf *out); /* NULL: it is not known */
	void *autosave_opaque;
};

struct mon_args {
	const char *rest; /* behind the command's name */
	char *w[MON_WORDS]; /* its words, quotes taken off */
	u32 n;
	char text[LINE_BYTES + 1];
};

enum mon_flags {
	MON_GUEST = 1,   /* needs a domain */
	MON_PV = 2,      /* ... of a Xen guest */
	MON_RUNNING = 4, /* ... that has not ended */
	MON_INPUT = 8,   /* changes it: goes through the door as it was typed */
	MON_REST = 16    /* takes the rest of the line as it is, not words */
};

struct mon_command {
	const char *name, *alias, *args, *help;
	u32 min, max; /* words */
	u32 flags;
	void (*run)(struct mon *m, struct mon_args *a);
};
/* End with a NULL name. */
extern const struct mon_command mon_commands[];
extern const struct mon_command mon_infos[];

void mon_printf(struct mon *m, const char *fmt, ...) PRINTF(2, 3);
void mon_write(struct mon *m, const void *p, size_t n);
/* Runs a line: everything but the prompt. */
void mon_run(struct mon *m, const char *line);
/* Cuts rest into words. False, with a sentence said, when there are too many or a quote is open. */
bool mon_split(struct mon *m, struct mon_args *a, const char *rest);
/* A whole number, decimal or 0x. False, with a sentence said. */
bool mon_number(struct mon *m, const char *what, const char *word, u64 *v);
/* The table's name that a mistyped one is nearest to, or NULL. */
const char *mon_nearest(const struct mon_command *table, const char *name);
/* The command or item of that name or alias, or NULL. */
const struct mon_command *mon_find(const struct mon_command *table, const char *name);
/* What the guest must be for this command is so. False, with a sentence said. */
bool mon_may(struct mon *m, const struct mon_command *c);
/* The completions of the last word of text. */
void mon_complete(void *opaque, struct line_edit *le, const char *text);

INLINE struct guest *mon_guest(struct mon *m)
{
	return m->all->env.guest;
}

/* The domain; commands with MON_GUEST have one. */
INLINE struct domain *mon_domain(struct mon *m)
{
	return m->all->env.guest->d;
}

/* The chosen vCPU. */
struct vcpu *mon_vcpu(struct mon *m);
/* The value of $name on the chosen vCPU. */
bool mon_register(void *opaque, const char *name, u64 *v);

/* ---- memory: ui/monitor_memory.c ---- */

enum mon_space { MON_VIRTUAL, MON_PHYSICAL, MON_MACHINE };

/* An expression and nothing else. False, with a sentence said. */
bool mon_eval(struct mon *m, const char *p, u64 *v);
void mon_say_missing(struct mon *m, enum mon_space space, u64 addr);
/* The machine frame of a pseudo-physical one, by the machine-to-physical table. False: the guest has none there. */
bool mon_machine_frame(struct mon *m, u64 pfn, u64 *mfn);
/* After a command: its frames may be in another order when the next one comes. */
void mon_forget_p2m(struct mon *m);

/* ---- commands that open a disk: ui/monitor_open.c ---- */

/* Whether a job has begun that opens what this line (c's, rest follows its name) needs, and then does mon_run_opened(). */
bool mon_open_first(struct mon *m, const struct mon_command *c, const char *rest, const char *line);
/* The image that was opened for this command, or NULL; the caller's from now on. */
struct block_opening *mon_take_opened(struct mon *m);
/* Runs a line whose image is m->opened. failed: it could not be opened, so this changes nothing and only says why. */
void mon_run_opened(struct mon *m, const char *line, bool failed);

/* ui/monitor_snapshot.c: "[ 43 % 12.1 of 28.0 MiB, 1 s left ]", after ns of the work. */
void mon_progress(u64 done, u64 all, u64 ns, char *text, size_t n);

/* Handlers, by file. */
#define MON_HANDLER(name) void mon_##name(struct mon *m, struct mon_args *a)
/* ui/monitor_run.c */
MON_HANDLER(help);
MON_HANDLER(info);
MON_HANDLER(quit);
/* ui/monitor_control.c */
MON_HANDLER(stop);
MON_HANDLER(cont);
MON_HANDLER(powerdown);
MON_HANDLER(reboot);
MON_HANDLER(reset);
MON_HANDLER(suspend);
MON_HANDLER(wakeup);
MON_HANDLER(balloon);
MON_HANDLER(vcpu_set);
MON_HANDLER(sysrq);
MON_HANDLER(nmi);
MON_HANDLER(log);
MON_HANDLER(logfile);
/* ui/monitor_memory.c */
MON_HANDLER(cpu);
MON_HANDLER(x);
MON_HANDLER(xp);
MON_HANDLER(xm);
MON_HANDLER(print);
MON_HANDLER(gva2gpa);
/* ui/monitor_save.c */
MON_HANDLER(sum);
MON_HANDLER(memsave);
MON_HANDLER(pmemsave);

MON_HANDLER(savevm);
MON_HANDLER(loadvm);
MON_HANDLER(delvm);
MON_HANDLER(save);
MON_HANDLER(restore);
MON_HANDLER(info_snapshots);
MON_HANDLER(migrate);
MON_HANDLER(migrate_cancel);
MON_HANDLER(migrate_set_parameter);
MON_HANDLER(info_migrate);
MON_HANDLER(info_migrate_parameters);
/* Ends a migration that is under way, and forgets it. */
void monitors_migration_drop(struct monitors *all);
MON_HANDLER(info_autosave);
/* ui/monitor_screen.c */
MON_HANDLER(screendump);
MON_HANDLER(sendkey);
MON_HANDLER(mouse_move);
MON_HANDLER(mouse_button);
MON_HANDLER(set_password);
MON_HANDLER(console);
MON_HANDLER(info_vnc);
MON_HANDLER(info_mice);
MON_HANDLER(info_displays);
/* "change vnc password SECRET". */
void mon_vnc_password(struct mon *m, const char *secret);
/* ui/monitor_device.c */
MON_HANDLER(device_add);
MON_HANDLER(device_del);
MON_HANDLER(drive_add);
MON_HANDLER(disk_add);
MON_HANDLER(disk_remove);
MON_HANDLER(netdev_add);
MON_HANDLER(netdev_del);
MON_HANDLER(hostfwd_add);
MON_HANDLER(hostfwd_remove);
MON_HANDLER(set_link);
MON_HANDLER(block_resize);
MON_HANDLER(eject);
MON_HANDLER(change);
/* ui/monitor_info.c */
MON_HANDLER(info_balloon);
MON_HANDLER(info_block);
MON_HANDLER(info_chardev);
MON_HANDLER(info_control);
MON_HANDLER(info_cpus);
MON_HANDLER(info_history);
MON_HANDLER(info_memory);
MON_HANDLER(info_name);
MON_HANDLER(info_network);
MON_HANDLER(info_registers);
MON_HANDLER(info_status);
MON_HANDLER(info_usernet);
MON_HANDLER(info_uuid);
MON_HANDLER(info_version);
MON_HANDLER(info_xenstore);

#endif
