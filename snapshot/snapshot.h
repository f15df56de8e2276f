/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain at one instant: its memory, forked, and its states as bytes. It is taken while the domain is between two slots,
 * which costs what the states cost, and lives on its own: the domain may run on, or end. From it fresh domains are made, here
 * or, by way of a file (snapshot/file.h), in another process and on another host.
 *
 * The law: restore is a constructor. Whoever makes guests makes a domain with the same devices and nothing in it, and
 * snapshot_restore() gives it memory and states and lets each module make anew what it derives from them.
 */
#ifndef SNAPSHOT_SNAPSHOT_H
#define SNAPSHOT_SNAPSHOT_H

#include "base/buf.h"
#include "base/log.h"
#include "base/state.h"
#include "mmu/frames.h"
#include "mmu/look.h"
#include "vm/domain.h"

#define SNAPSHOT_DIGEST 32u /* bytes: IMAGE_DIGEST_BYTES */

/* What a domain must be like to take the state, and what a person wants to know of a snapshot. */
struct snapshot_about {
	u8 name[64];     /* of the guest, with zeros behind it */
	u64 kind;        /* enum domain_kind */
	u64 is32;        /* a 32-bit guest */
	u64 vcpus;       /* at most */
	u64 frames;      /* numbers of frames, by which its memory is known */
	u64 features;    /* of its processors, bits of enum x86_feature */
	u64 shift;       /* an instruction takes 2^shift ns */
	u64 instructions;
	u64 now;         /* guest time, ns */
	u64 date;        /* of the host, s since 1970; for people */
};
extern const struct state_desc snapshot_about_desc;

/* What a snapshot has of a disk that the guest may write. Numbers are in files. */
enum snapshot_disk_kind {
	SNAPSHOT_DISK_NOTED = 0,   /* nothing: its image must be as it was */
	SNAPSHOT_DISK_WRITTEN = 1, /* snapshot=on: what was written; the image below must be as it was */
	SNAPSHOT_DISK_INSIDE = 2,  /* nothing: its image has a snapshot of its own, and is told apart by what follows */
	SNAPSHOT_DISK_SHARED = 3,  /* nothing: it is no file, but a server's or a device, and both sides of a migration have it */
};
#define SNAPSHOT_DISKS 26u
struct snapshot_disk {
	u8 id[64];
	u64 size;     /* of the file, bytes */
	u64 modified; /* when, ns since 1970 */
	u64 kind;     /* enum snapshot_disk_kind */
	u64 bytes;    /* of the disk, as the guest had it; 0 in files of older versions */
	/* Of SNAPSHOT_DISK_INSIDE, which needs no size and time of change (hw/host/block/snapshots.h): */
	u8 inside_id[32], inside_name[64]; /* with zeros behind */
	u64 inside_date;                   /* ns since 1970 */
	u64 inside_clock;
};
struct snapshot_disks {
	u64 n;
	struct snapshot_disk disk[SNAPSHOT_DISKS];
};
extern const struct state_desc snapshot_disks_desc;

/*
 * What a running domain's next snapshot can be told against: the file of an earlier one, and which frames changed since the domain
 * was as there.
 */
struct snapshot_base {
	char *path; /* where the file was; NULL: it is not written yet */
	u8 digest[SNAPSHOT_DIGEST];
	struct mem_look look;
};
/* NULL is allowed. */
void snapshot_base_free(struct snapshot_base *b);

struct console_note; /* hw/host/display/display.h */
struct block;        /* hw/host/block/block.h */
struct block_frozen; /* hw/host/block/frozen.h */
struct image;        /* snapshot/image.h */

struct snapshot {
	struct snapshot_about about;
	/*
	 * Not the domain as it was, but a guest that has suspended itself, in a form of its own (pv/suspend.h): mem has its pages by
	 * pfn, and state is that form's. It is not for snapshot_restore(), and its disks are whatever images they may be.
	 */
	bool suspended;
	struct snapshot_disks disks;
	struct mem mem;             /* of one that was read: pages wait in the file */
	struct buf state;
	struct snapshot_base *file; /* it was read from; or taken, and written there later. Its look is at the domain's memory; NULL: none */
	u64 *changed;               /* a bit for each frame that is not as in the parent; NULL: it has no parent */
	u8 parent[SNAPSHOT_DIGEST];
	u32 told;                   /* frames that are written so far; others than the writer's thread look at it */
	struct console_note *screen; /* what it shows, for people; NULL: it has none */
	/* Of SNAPSHOT_DISK_WRITTEN: what was written, or NULL: then it is in the file from which the snapshot was read. */
	struct block_frozen *frozen[SNAPSHOT_DISKS];
	struct image *written; /* that file, open as long as it is wanted for that; else NULL */
};

/*
 * Takes one of a domain that is not in a slot. On: a file that it is told against, or NULL: it is whole. 0, or -errno with a
 * sentence; then there is none.
 */
int snapshot_take(struct domain *d, const struct snapshot_base *on, struct snapshot *s, struct error *e);
/* Only its memory, and what it is about: for who sends one before the other. */
int snapshot_take_memory(struct domain *d, const struct snapshot_base *on, struct snapshot *s, struct error *e);
/* Begins one of a guest that has suspended itself: says what it is. mem and state are for the caller to fill. */
void snapshot_begin_suspended(struct domain *d, struct snapshot *s);
/* Frees it. One that was never taken, and is all zeros, is allowed. */
void snapshot_free(struct snapshot *s);
/* Whether d, which was just made, is as the snapshot's domain was. 0, or -EINVAL with a sentence that says what differs. */
int snapshot_fits(const struct snapshot_about *about, struct domain *d, struct error *e);
/*
 * Gives d, which was just made and has the same devices, the snapshot's memory and state. The snapshot can be used again. When it was
 * read from a file *base (NULL is allowed) is that now, for the next one that is taken; else it is as before. 0, or -errno with a
 * sentence: then d must be destroyed.
 */
int snapshot_restore(struct snapshot *s, struct domain *d, struct snapshot_base **base, struct error *e);

/* ---- disks with snapshot=on (snapshot/disks.c) ---- */

/* All that was written to b becomes what s has of its i-th disk. 0, or -errno with a sentence: part of it may be there. */
int snapshot_disk_restore(struct snapshot *s, u32 i, struct block *b, struct error *e);
/* Lets go of what it has of disks; a part of snapshot_free(). */
void snapshot_disks_free(struct snapshot *s);

#endif
