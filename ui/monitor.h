/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor: a person or a program commands the guest and looks at it, in the words of QEMU's HMP. There may be several,
 * each on a character device of its own or behind Ctrl-A c of the console. Commands run between slots of the guest.
 */
#ifndef UI_MONITOR_H
#define UI_MONITOR_H

#include "hw/host/chardev/chardev.h"
#include "snapshot/codec.h"
#include "vm/domain.h"

#define MONITORS_MAX 8u
#define MONITOR_TARGET 1u /* DOOR_CONTROL target: a command that changes the guest's devices, as it was typed */

struct buf;
struct guest;
struct monitors;
struct snapshot; /* snapshot/snapshot.h */

/* What the monitors are about. Everything must outlive them. */
struct monitors_env {
	struct host *host;
	struct guest *guest;
	struct signals *signals; /* may be NULL */
	/* The program is to end with this exit code. */
	void (*quit)(void *opaque, int code);
	/* The guest, which has ended and been kept (-no-shutdown), is to begin anew. */
	void (*restart)(void *opaque);
	/* The guest is to go on from this snapshot, which fits it; s is the callee's from now on. */
	void (*load)(void *opaque, struct snapshot *s);
	const char *snapshots; /* the folder of snapshots */
	enum image_codec codec; /* how they are packed */
	void *opaque;
};

/* The display, for screendump and the keys and mouse of the guest. All give 0, or -errno with a sentence. */
struct monitor_screen {
	int (*dump)(void *opaque, const char *file, struct error *e);
	/* keys as QEMU names them, "ctrl-alt-f1"; hold in ms. */
	int (*keys)(void *opaque, const char *keys, u32 hold, struct error *e);
	int (*move)(void *opaque, i32 dx, i32 dy, i32 dz, struct error *e);
	/* A bit for each button that is down: left 1, right 2, middle 4. */
	int (*buttons)(void *opaque, u32 down, struct error *e);
	/* Text for info vnc, info mice and info displays. */
	void (*vnc)(void *opaque, struct buf *out);
	void (*mice)(void *opaque, struct buf *out);
	void (*displays)(void *opaque, struct buf *out);
	/* What VNC viewers must know from now on; "" lets nobody in. */
	int (*password)(void *opaque, const char *secret, struct error *e);
	/* The screen in this slot is shown from now on. */
	int (*show)(void *opaque, u32 slot, struct error *e);
};

/* NULL when memory is short. */
struct monitors *monitors_new(const struct monitors_env *env);
/* NULL is allowed. */
void monitors_free(struct monitors *m);
/* One on a device of its own (hw/host/chardev/chardev.h). 0, or -errno with a sentence. */
int monitors_open(struct monitors *m, const char *spec, struct error *e);
/* One behind Ctrl-A c of a console, if that has such keys. 0 or -ENOMEM. */
int monitors_share(struct monitors *m, struct chardev *console);
/* The console closes. */
void monitors_unshare(struct monitors *m, struct chardev *console);
/* How many there are. */
u32 monitors_count(const struct monitors *m);
/*
 * Somebody is about to write whole lines to the terminal of a monitor: its prompt goes away, and comes back a while after the
 * last of them, or with the next key. NULL is allowed.
 */
void monitors_hide(struct monitors *m);
/* It comes back now. */
void monitors_show(struct monitors *m);
/* Whether a command could still come. */
bool monitors_live(const struct monitors *m);
/* The guest has a new domain, which guest_create() tells us: its door is told. 0 or -ENOMEM. */
int monitors_attach(struct monitors *m, struct domain *d);
/* The guest is about to go on from a snapshot: commands wait for that life, and if there is none (false) no more. NULL is allowed. */
void monitors_set_loading(struct monitors *m, bool loading);
/* Text for info autosave. */
void monitors_set_autosave(struct monitors *m, void (*tell)(void *opaque, struct buf *out), void *opaque);
/* NULL: there is no display. */
void monitors_set_screen(struct monitors *m, const struct monitor_screen *screen, void *opaque);

/* Runs one line and gives what it said, a string to be freed; for tests and for whoever has no device. NULL: no memory. */
char *monitors_run(struct monitors *m, const char *line);

#endif
