/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks of the host: an image file, a host disk or an NBD export, as an array of bytes. Formats are raw and qcow2
 * (docs/interop/qcow2.txt of QEMU is its specification). Options and cache modes are spelled as QEMU does.
 *
 * Requests run on threads of the block; their completions are called on the thread that waits on the poll set.
 * Nothing here knows a guest: when one sees that a request is done is decided by its back end (xen/backend/vbd_io.c).
 */
#ifndef HW_HOST_BLOCK_BLOCK_H
#define HW_HOST_BLOCK_BLOCK_H

#include "base/log.h"
#include "base/poll.h"
#include "base/types.h"

struct block;
struct block_faults; /* hw/host/block/filter.h */

enum block_cache {
	BLOCK_WRITEBACK,    /* the host's page cache; what was flushed is on the disk */
	BLOCK_NONE,         /* past the page cache (O_DIRECT); flushes as above */
	BLOCK_WRITETHROUGH, /* the page cache, and each write is on the disk when it completes */
	BLOCK_DIRECTSYNC,   /* none and writethrough together */
	BLOCK_UNSAFE,       /* flushes are not passed on: fast, and lost when the host crashes */
};

struct block_options {
	/* "raw", "qcow2", one that qemu-nbd reads ("vmdk"), or NULL: looked up in the image, with a warning when raw is guessed */
	const char *format;
	bool no_backing;    /* an image's backing file is not opened: what it does not have itself reads as zeros */
	const char *folder; /* images may name files in this folder only, and below; NULL: any */
	bool readonly;
	bool snapshot; /* the image is only read; writes go to an unlinked temporary file and are thrown away */
	bool quiet;    /* no warnings on stderr; otherwise of a guessed format, and once of each way the host's disk fails */
	enum block_cache cache;
	u32 threads;                       /* 0: BLOCK_THREADS */
	const volatile int *quit;          /* not 0: opening ends at once; NULL: nobody says so */
	u32 patience;                      /* ms an NBD server may say nothing; 0: 30 seconds */
	u32 open_patience;                 /* the same while it is opened; 0: as patience */
	u32 reconnect;                     /* ms a request waits for an NBD server that is gone; 0: it fails at once */
	struct block_faults *faults;       /* of tests: injected below the format, at the host's file */
	struct block_faults *faults_above; /* of tests: injected above it, as a guest would see them */
};

#define BLOCK_THREADS 4
#define BLOCK_DEPTH_MAX 64 /* images in a chain of backing files */

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,
	BLOCK_DISCARD,      /* a hint: the bytes may read as anything of this disk's own, or zeros, from now on */
	BLOCK_WRITE_ZEROES, /* the bytes read as zeros from now on */
	BLOCK_OPS
};

enum block_flag {
	BLOCK_FUA = 1,   /* with WRITE and WRITE_ZEROES: on the disk when it completes */
	BLOCK_UNMAP = 2, /* with WRITE_ZEROES: the host's space may be given back */
};

struct block_vec {
	void *base;
	size_t len;
};

/* The caller's, memory of vec included, until done is called. */
struct block_request {
	enum block_op op;
	u32 flags;                   /* BLOCK_FUA, BLOCK_UNMAP */
	u64 offset, length;          /* bytes */
	const struct block_vec *vec; /* READ and WRITE: length bytes or more together */
	u32 nvec;
	void (*done)(struct block_request *req, int result); /* 0 or -errno */
	void *opaque;
	/* The block's own. */
	struct block_request *next;
	int result;
	bool finished;
};

struct block_stats {
	u64 ops[BLOCK_OPS], bytes[BLOCK_OPS], errors[BLOCK_OPS];
};

/*
 * Opens spec: a path, nbd:HOST:PORT[:exportname=NAME], nbd:unix:PATH[:exportname=NAME], nbd://HOST[:PORT]/NAME or
 * nbd+unix:///NAME?socket=PATH. ps may be NULL when nothing is going to be submitted. NULL and a sentence on failure;
 * *code (NULL is allowed) then has the -errno.
 */
struct block *block_open(const char *spec, const struct block_options *o, struct poll_set *ps, int *code,
			 struct error *e);

/*
 * block_open() on a thread of its own, for those who have other things to do meanwhile. NULL and a sentence when it cannot even
 * begin; the strings are copied.
 */
struct block_opening;
struct block_opening *block_open_begin(const char *spec, const struct block_options *o, struct poll_set *ps, struct error *e);
/* Whether it has ended; waits for that, for at most ns. */
bool block_open_done(struct block_opening *op, u64 ns);
/* Whether it has ended in vain. */
bool block_open_failed(struct block_opening *op);
/* Whether block_open() of this would open the same in the same way. */
bool block_open_is(const struct block_opening *op, const char *spec, const struct block_options *o);
/* What block_open() would give; waits for it. op is gone then. */
struct block *block_open_end(struct block_opening *op, int *code, struct error *e);
/* Nobody wants it any more: it is given up, or closed. NULL is allowed. */
void block_open_drop(struct block_opening *op);

/*
 * Another process is to have the image: all that was written is on its host, and the locks are given back, until block_stay(). Nothing
 * may be under way. 0, or -errno: then they are not.
 */
int block_leave(struct block *b);
/* Takes the locks again. */
void block_stay(struct block *b);
/* Waits for what is under way (completions are called), writes everything out, gives the locks back. NULL is allowed. */
void block_close(struct block *b);

/* "writeback", "none", "writethrough", "directsync" or "unsafe" into *cache; 0 or -EINVAL with a sentence. */
int block_cache_parse(const char *word, enum block_cache *cache, struct error *e);
const char *block_cache_name(enum block_cache cache);

u64 block_size(const struct block *b); /* bytes */
u32 block_sector_size(
	const struct block *b); /* bytes a request should be a multiple of, for speed or at all: 512 or 4096 */
/* Our own copy of a format's name: "raw" or one of those that qemu-img has. NULL: there is none such. */
const char *block_format_find(const char *name);
/* Whether a server answers for it, or does not: requests are never done on the caller's thread. */
bool block_remote(const struct block *b);
bool block_readonly(const struct block *b);
/* Whether what is written to it goes to a file without a name, and is thrown away in the end. */
bool block_is_temporary(const struct block *b);
/* "raw", "qcow2", ... */
const char *block_format(const struct block *b);
/* One line for a monitor: file, format, backing file, cache mode. Always terminated. */
void block_describe(const struct block *b, char *s, size_t n);
/* Counts of what was submitted and has completed. */
const struct block_stats *block_stats(const struct block *b);

/*
 * Hands a request to the threads. done is called exactly once: from poll_wait() on the block's poll set, block_reap(),
 * block_wait(), block_drain() or block_close(), never inside block_submit() and never on another thread. Requests may
 * overtake each other; a FLUSH covers the writes that had completed when it was submitted. Results: 0, -EINVAL (outside
 * the disk), -EROFS, -EIO, -ENOSPC and what else the host's disk says. After a flush that the host's disk failed all writes fail:
 * what it should have kept may be lost.
 */
void block_submit(struct block *b, struct block_request *req);
/*
 * The same for one that the caller will wait for soon: unless now is set or more is waiting, no thread is woken for it, and
 * block_wait() or block_drain() does it on the calling thread.
 */
void block_submit_late(struct block *b, struct block_request *req, bool now);
/* Calls done of those that have completed, without waiting. Returns how many. */
u32 block_reap(struct block *b);
/* Waits until req has completed and its done was called; other completions are called meanwhile. */
void block_wait(struct block *b, struct block_request *req);
/* The same, for at most ns nanoseconds beyond what is done here; req may not have completed. */
void block_wait_some(struct block *b, struct block_request *req, u64 ns);
/*
 * Whether the block's poll set learns of what completes, as it does from the start. Who turns it off saves the host a call a
 * request. False: there is no poll set.
 */
bool block_watch(struct block *b, bool on);
/* Waits until nothing is under way. */
void block_drain(struct block *b);
/* Requests submitted whose done was not called yet. */
u32 block_in_flight(const struct block *b);

/* The same, on the calling thread. 0 or -errno. */
int block_pread(struct block *b, u64 offset, void *p, size_t n);
int block_pwrite(struct block *b, u64 offset, const void *p, size_t n);
int block_flush(struct block *b);
int block_discard(struct block *b, u64 offset, u64 n);
int block_write_zeroes(struct block *b, u64 offset, u64 n, u32 flags);

/*
 * Grows the disk to size bytes (a multiple of 512); new bytes are zeros. Waits for what is under way first. A host disk
 * is looked at anew, and must have grown already. 0 or -errno with a sentence; -ENOTSUP where it cannot grow.
 */
int block_resize(struct block *b, u64 size, struct error *e);

#endif
