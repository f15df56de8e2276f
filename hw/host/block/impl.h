/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the block services: nodes stacked on each other (a format over a file), pieces of scattered memory, a lock.
 *
 * Functions of a node are called on any thread, several at once. They do what is asked or return -errno; ranges have
 * been checked by who calls.
 */
#ifndef HW_HOST_BLOCK_IMPL_H
#define HW_HOST_BLOCK_IMPL_H

#include "base/os_thread.h"
#include "hw/host/block/block.h"
#include "hw/host/block/filter.h"

/* len bytes of scattered memory, starting skip bytes into vec[0]. */
struct block_slice {
	const struct block_vec *vec;
	u32 n;
	size_t skip;
	u64 len;
};

/* The part of s from off on, len bytes; the caller knows that they are there. */
struct block_slice slice_cut(const struct block_slice *s, u64 off, u64 len);
void slice_put(const struct block_slice *s, const void *from); /* s = from */
void slice_get(const struct block_slice *s, void *to);         /* to = s */
void slice_zero(const struct block_slice *s);
/* Where s is, when that is one piece; else NULL. */
void *slice_flat(const struct block_slice *s);

/* Many readers or one writer; who comes later than a waiting writer waits behind it. */
struct block_rw {
	struct os_mutex lock;
	struct os_cond turn;
	u32 readers, waiting;
	bool writer;
};

void rw_init(struct block_rw *rw);
void rw_free(struct block_rw *rw);
void rw_rdlock(struct block_rw *rw);
void rw_rdunlock(struct block_rw *rw);
void rw_wrlock(struct block_rw *rw);
void rw_wrunlock(struct block_rw *rw);

/* Flags that end what may take long, when they are there and not 0: quit grants a server a last word, drop nothing. */
struct block_stop {
	const volatile int *quit, *drop;
};

INLINE bool block_stopped(const struct block_stop *s)
{
	return (s->quit && *s->quit) || (s->drop && *s->drop);
}

struct block_node;

struct block_node_ops {
	const char *name;
	/* Bytes past the end of a file read as zeros. */
	int (*read)(struct block_node *n, u64 off, const struct block_slice *s);
	/* A file grows as it is written past its end. */
	int (*write)(struct block_node *n, u64 off, const struct block_slice *s);
	int (*flush)(struct block_node *n);
	int (*zero)(struct block_node *n, u64 off, u64 len, u32 flags);
	int (*discard)(struct block_node *n, u64 off, u64 len);
	int (*resize)(struct block_node *n, u64 size, struct error *e);
	void (*close)(struct block_node *n);
	/* Takes its locks, or gives them back, its own images' below it, too; NULL: it has none. */
	void (*hold)(struct block_node *n, bool on);
};

struct block_node {
	const struct block_node_ops *ops;
	u64 size;   /* bytes; of a file below a format: at the time it was opened */
	u32 sector; /* 512 or 4096 */
	bool readonly;
	bool fixed;                 /* cannot grow: a host disk, an NBD export */
	bool nosync;                /* cache=unsafe */
	bool remote;                /* somebody else answers, or does not: not to be called on the execution thread */
	bool last_words;            /* of a file that is being closed: writes are passed on even after a flush failed */
	bool quiet;                 /* no warnings */
	struct block_stop stop;     /* opening ends with -EINTR */
	u64 dev, ino;               /* of a file; 0 when there are none */
	const char *name;           /* for sentences; lives as long as the node */
	struct block_node *backing; /* NULL for none; not owned */
};

int node_read(struct block_node *n, u64 off, void *p, size_t len);
int node_write(struct block_node *n, u64 off, const void *p, size_t len);
/* Writes zeros the long way. */
int node_write_zeros(struct block_node *n, u64 off, u64 len);
/* -EINTR with a sentence when whoever opens n is told to end; else 0. */
int node_quit(const struct block_node *n, struct error *e);
INLINE void node_close(struct block_node *n)
{
	if (n)
		n->ops->close(n);
}

INLINE void node_hold(struct block_node *n, bool on)
{
	if (n && n->ops->hold)
		n->ops->hold(n, on);
}

/* ---- the kinds ---- */

/* The images above one that is being opened, to find loops. */
struct block_chain {
	const struct block_chain *above;
	u64 dev, ino;
	u32 depth;
};

/* A file or host disk; locked against other processes until closed. chain may be NULL. */
int block_file_open(const char *path, bool readonly, enum block_cache cache, const struct block_chain *chain,
		    struct block_node **out, struct error *e);
/* Locks fd as QEMU does: a writer is alone, readers share. 0, -EBUSY; 0 too when the host cannot lock. */
int block_file_lock(int fd, bool writer);
/* Gives all locks on fd back. */
void block_file_unlock(int fd);
/* An unlinked temporary file. */
int block_file_temp(struct block_node **out, struct error *e);
/* Where path leads when links are followed; the caller frees it. NULL: nowhere. */
char *block_file_real(const char *path);

struct block_nbd_options {
	bool readonly;
	u32 connections, patience, open_patience, reconnect; /* ms as in block.h */
	struct block_stop stop;
	const char *format;        /* not NULL: spec is a file, and a qemu-nbd of ours reads this format */
};

/* NBD through libnbd. block_is_nbd() says whether a spec means it. */
bool block_is_nbd(const char *spec);
int block_nbd_open(const char *spec, const struct block_nbd_options *o, struct block_node **out, struct error *e);
/* Takes what is written into a temporary file; base is closed with it. */
int block_overlay_open(struct block_node *base, struct block_node **out, struct error *e);
/* Passes to below what faults let pass; below is closed with it. */
int block_filter_open(struct block_node *below, struct block_faults *faults, struct block_node **out, struct error *e);

#define BLOCK_PROBE 512u /* bytes at either end of an image that may say what it is */

/* The name for qemu-img of the format that the first and last bytes are of; NULL: of none. */
const char *block_probe(const u8 first[BLOCK_PROBE], const u8 last[BLOCK_PROBE]);
/* Where the last bytes begin. */
INLINE u64 block_probe_tail(u64 size)
{
	return size > BLOCK_PROBE ? size - BLOCK_PROBE : 0;
}

/* Opens the backing file (or the data file) of the image called above: path as it stands there, format or NULL. */
typedef int block_backing_fn(void *opaque, const char *above, const char *path, const char *format,
			     struct block_node **out, struct error *e);

/* True when the first bytes of an image are those of qcow2, whatever version. */
bool qcow2_probe(const u8 *p, size_t n);
/* qcow2 over file, which is closed with it, on failure too. backing NULL: what would be read from one is zeros. data opens
 * an external data file; NULL: images with one are refused. */
int qcow2_open(struct block_node *file, bool readonly, block_backing_fn *backing, block_backing_fn *data, void *opaque,
	       struct block_node **out, struct error *e);

#endif
