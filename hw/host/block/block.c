/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks of the host: their lives, and the synchronous calls. What an open disk is made of is in open.c, the threads are in
 * queue.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_file.h"
#include "hw/host/block/queue.h"

static const char *const cache_names[] = { "writeback", "none", "writethrough", "directsync", "unsafe" };

int block_cache_parse(const char *word, enum block_cache *cache, struct error *e)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(cache_names); i++)
		if (!strcmp(word, cache_names[i])) {
			*cache = (enum block_cache)i;
			return 0;
		}
	return error_set(e, -EINVAL, "cache=%.100s: use writeback, none, writethrough, directsync or unsafe", word);
}

const char *block_cache_name(enum block_cache cache)
{
	return cache_names[cache];
}

int block_new(const char *spec, const struct block_options *o, struct poll_set *ps, struct block **out, struct error *e)
{
	struct block *b = calloc(1, sizeof *b);
	int rc;

	if (!b || !(b->spec = strdup(spec))) {
		free(b);
		return error_set(e, -ENOMEM, "%.300s: the host is out of memory", spec);
	}
	b->options = *o;
	rc = block_queue_init(b, ps);
	if (rc) {
		block_close(b);
		return error_set(e, rc, "%.300s: the host is out of memory or of descriptors", spec);
	}
	*out = b;
	return 0;
}

struct block *block_opened(struct block *b, int rc)
{
	b->options.format = b->options.folder = NULL; /* the caller's strings are not kept */
	if (rc) {
		block_close(b);
		return NULL;
	}
	/* What is only read is not for guessing at: nothing can be written to it. */
	if (b->guessed && !b->options.quiet && !b->options.readonly)
		msg_warn("%.300s: taken to be raw, as nothing in it says otherwise; say format=raw to be sure (until then it cannot "
			 "be made to look like another format)",
			 b->spec);
	return b;
}

struct block *block_open(const char *spec, const struct block_options *o, struct poll_set *ps, int *code,
			 struct error *e)
{
	struct block *b = NULL;
	int rc = block_new(spec, o, ps, &b, e);

	if (!rc) {
		rc = block_open_nodes(b, e);
		b = block_opened(b, rc);
	}
	if (code)
		*code = rc;
	return b;
}

void block_close(struct block *b)
{
	if (!b)
		return;
	block_queue_end(b);
	node_close(b->node);
	free(b->spec);
	free(b);
}

/* ---- looking ---- */

u64 block_size(const struct block *b)
{
	return b->node->size;
}

u32 block_sector_size(const struct block *b)
{
	return b->node->sector;
}

bool block_readonly(const struct block *b)
{
	return b->node->readonly;
}

bool block_is_temporary(const struct block *b)
{
	return b->options.snapshot && !b->node->readonly;
}

bool block_remote(const struct block *b)
{
	return b->node->remote;
}

const char *block_format(const struct block *b)
{
	return b->format;
}

const struct block_stats *block_stats(const struct block *b)
{
	return &b->stats;
}

void block_describe(const struct block *b, char *s, size_t n)
{
	snprintf(s, n, "%s (%s, %llu bytes%s%s%s%s), cache=%s", b->spec, b->format, (unsigned long long)b->node->size,
		 b->options.readonly ? ", read-only" : "", b->options.snapshot ? ", snapshot" : "",
		 b->backing ? ", backing file " : "", b->backing ? b->backing : "", block_cache_name(b->options.cache));
}

/* ---- one operation, on any thread ---- */

/*
 * A guest that writes another format's magic into an image whose format was guessed would choose, at the next start,
 * what that image is, and with a backing file what of the host it reads.
 */
static int guard(struct block *b, u64 off, const struct block_slice *s)
{
	u8 ends[2][BLOCK_PROBE];
	u64 at[2] = { 0, block_probe_tail(b->node->size) };
	u32 i;

	if (!b->guessed || (off >= BLOCK_PROBE && off + s->len <= at[1]))
		return 0;
	for (i = 0; i < 2; i++) {
		u64 from = MAX(off, at[i]), to = MIN(off + s->len, at[i] + BLOCK_PROBE);
		struct block_slice part;
		int rc = node_read(b->node, at[i], ends[i], BLOCK_PROBE);

		if (rc)
			return rc;
		if (from >= to)
			continue;
		part = slice_cut(s, from - off, to - from);
		slice_get(&part, ends[i] + (from - at[i]));
	}
	return block_probe(ends[0], ends[1]) ? -EPERM : 0;
}

static int check(const struct block *b, enum block_op op, u64 off, u64 len)
{
	if (op == BLOCK_FLUSH)
		return 0;
	if (op != BLOCK_READ && b->node->readonly)
		return -EROFS;
	return off > b->node->size || len > b->node->size - off ? -EINVAL : 0;
}

int block_run(struct block *b, enum block_op op, u32 flags, u64 off, struct block_slice s)
{
	const struct block_node_ops *ops = b->node->ops;
	bool through = b->options.cache == BLOCK_WRITETHROUGH || b->options.cache == BLOCK_DIRECTSYNC;
	int rc = check(b, op, off, s.len);

	if (rc || (op != BLOCK_FLUSH && !s.len))
		return rc;
	switch (op) {
	case BLOCK_READ:
		return ops->read(b->node, off, &s);
	case BLOCK_WRITE:
		rc = guard(b, off, &s);
		if (!rc)
			rc = ops->write(b->node, off, &s);
		break;
	case BLOCK_FLUSH:
		return ops->flush(b->node);
	case BLOCK_DISCARD:
		return ops->discard(b->node, off, s.len);
	case BLOCK_WRITE_ZEROES:
		rc = ops->zero(b->node, off, s.len, flags);
		break;
	default:
		return -EINVAL;
	}
	return !rc && (through || flags & BLOCK_FUA) ? ops->flush(b->node) : rc;
}

static int run_here(struct block *b, enum block_op op, u32 flags, u64 off, void *p, u64 n)
{
	struct block_vec v = { p, (size_t)n };
	struct block_slice s = { &v, 1, 0, n };

	return block_run(b, op, flags, off, s);
}

int block_pread(struct block *b, u64 offset, void *p, size_t n)
{
	return run_here(b, BLOCK_READ, 0, offset, p, n);
}

int block_pwrite(struct block *b, u64 offset, const void *p, size_t n)
{
	return run_here(b, BLOCK_WRITE, 0, offset, (void *)(uintptr_t)p, n);
}

int block_flush(struct block *b)
{
	return run_here(b, BLOCK_FLUSH, 0, 0, NULL, 0);
}

int block_leave(struct block *b)
{
	int rc = b->node->readonly ? 0 : block_flush(b);

	if (!rc)
		node_hold(b->node, false);
	return rc;
}

void block_stay(struct block *b)
{
	node_hold(b->node, true);
}

int block_discard(struct block *b, u64 offset, u64 n)
{
	return run_here(b, BLOCK_DISCARD, 0, offset, NULL, n);
}

int block_write_zeroes(struct block *b, u64 offset, u64 n, u32 flags)
{
	return run_here(b, BLOCK_WRITE_ZEROES, flags, offset, NULL, n);
}

int block_resize(struct block *b, u64 size, struct error *e)
{
	if (b->node->readonly)
		return error_set(e, -EROFS, "%.300s is open for reading only", b->spec);
	if (size & 511 || !size || size > (u64)INT64_MAX)
		return error_set(e, -EINVAL, "%.300s: %llu bytes are no whole number of sectors of 512", b->spec,
				 (unsigned long long)size);
	block_drain(b);
	return b->node->ops->resize(b->node, size, e);
}
