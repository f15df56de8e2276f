/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks of the host: which nodes an open disk is made of, and the synchronous calls. The threads are in block_queue.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_file.h"
#include "hw/host/block_queue.h"

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

/* ---- opening ---- */

static int open_below(const char *spec, bool readonly, const struct block_options *o, const struct block_chain *chain,
		      struct block_node **out, struct error *e)
{
	int rc;

	if (block_is_nbd(spec)) {
		rc = block_nbd_open(spec, readonly, o->threads ? o->threads : BLOCK_THREADS, o->patience, out, e);
		if (!rc)
			(*out)->nosync = o->cache == BLOCK_UNSAFE;
		return rc;
	}
	if (!strncmp(spec, "file:", 5))
		spec += 5;
	return block_file_open(spec, readonly, o->cache, chain, out, e);
}

struct backing_env {
	struct block_options o;
	struct block_chain chain;
};

static int open_format(struct block_node *file, const char *format, bool readonly, struct backing_env *env,
		       bool *guessed, struct block_node **out, struct error *e);

/* The directory of above and the name behind it, unless the name stands for itself. NULL: no memory. */
static char *backing_path(const char *above, const char *name)
{
	size_t dir = os_path_is_absolute(name) ? 0 : (size_t)(os_path_last(above) - above), n = strlen(name);
	char *path = malloc(dir + n + 1);

	if (path) {
		memcpy(path, above, dir);
		memcpy(path + dir, name, n + 1);
	}
	return path;
}

static int open_backing(void *opaque, const char *above, const char *name, const char *format, struct block_node **out,
			struct error *e)
{
	struct backing_env *up = opaque, env = *up;
	struct error why = { "" };
	size_t colon = strcspn(name, ":/");
	struct block_node *file;
	char *path;
	int rc;

	if (!strncmp(name, "file:", 5))
		name += 5;
	else if (name[colon] == ':' && colon > 1)
		return error_set(e, -ENOTSUP,
				 "%.200s: its backing file '%.200s' is no plain file; qemu-img rebase can name one",
				 above, name);
	if (up->chain.depth >= BLOCK_DEPTH_MAX)
		return error_set(e, -ELOOP,
				 "%.300s: more than %u backing files in a chain; qemu-img rebase makes it shorter",
				 above, BLOCK_DEPTH_MAX);
	path = backing_path(above, name);
	if (!path)
		return error_set(e, -ENOMEM, "%.300s: the host is out of memory", above);
	/* Backing files are read through the page cache whatever the image itself does. */
	rc = block_file_open(path, true, BLOCK_WRITEBACK, &up->chain, &file, &why);
	if (rc == -ENOENT)
		error_set(
			e, rc,
			"%.200s: its backing file %.200s is missing; put it there, or qemu-img rebase -u names another",
			above, path);
	else if (rc)
		error_set(e, rc, "%.120s: its backing file cannot be used: %.360s", above, why.text);
	free(path);
	if (rc)
		return rc;
	file->quiet = env.o.quiet;
	file->quit = env.o.quit;
	env.chain = (struct block_chain){ &up->chain, file->dev, file->ino, up->chain.depth + 1 };
	return open_format(file, format, true, &env, NULL, out, e);
}

/* The format over file; file is closed on failure. guessed: set when raw was; NULL for a backing file. */
static int open_format(struct block_node *file, const char *format, bool readonly, struct backing_env *env,
		       bool *guessed, struct block_node **out, struct error *e)
{
	bool is_qcow2 = format && !strcmp(format, "qcow2");
	u8 first[4];
	int rc = 0;

	if (!format) {
		rc = node_read(file, 0, first, sizeof first);
		if (rc)
			error_set(e, rc, "%.300s: cannot read it: %s", file->name, strerror(-rc));
		is_qcow2 = !rc && qcow2_probe(first, sizeof first);
		if (!rc && !is_qcow2 && guessed)
			*guessed = true;
	} else if (!is_qcow2 && strcmp(format, "raw")) {
		rc = error_set(e, -EINVAL, "%.300s: format=%.100s is not known; use raw or qcow2", file->name, format);
	}
	if (rc) {
		node_close(file);
		return rc;
	}
	if (is_qcow2)
		return qcow2_open(file, readonly, open_backing, env, out, e);
	/* Part of a sector at the end counts as one. */
	if (!file->fixed)
		file->size = ALIGN_UP(file->size, 512);
	*out = file;
	return 0;
}

static int open_nodes(struct block *b, const char *spec, struct error *e)
{
	const struct block_options *o = &b->options;
	bool readonly = o->readonly || o->snapshot;
	struct backing_env env = { *o, { NULL, 0, 0, 1 } };
	struct block_node *n, *top;
	int rc = open_below(spec, readonly, o, NULL, &n, e);

	if (rc)
		return rc;
	env.chain.dev = n->dev;
	env.chain.ino = n->ino;
	n->quiet = o->quiet;
	n->quit = o->quit;
	if (o->faults) {
		rc = block_filter_open(n, o->faults, &top, e);
		if (rc) {
			node_close(n);
			return rc;
		}
		n = top;
	}
	rc = open_format(n, o->format, readonly, &env, &b->guessed, &top, e);
	if (rc)
		return rc;
	b->node = top;
	b->format = !strcmp(top->ops->name, "qcow2") ? "qcow2" : "raw";
	b->backing = top->backing ? top->backing->name : NULL;
	if (o->snapshot && !o->readonly) {
		rc = block_overlay_open(b->node, &top, e);
		if (rc)
			return rc;
		b->node = top;
	}
	if (o->faults_above) {
		rc = block_filter_open(b->node, o->faults_above, &top, e);
		if (rc)
			return rc;
		b->node = top;
	}
	return 0;
}

struct block *block_open(const char *spec, const struct block_options *o, struct poll_set *ps, int *code,
			 struct error *e)
{
	struct block *b = calloc(1, sizeof *b);
	int rc;

	if (!b || !(b->spec = strdup(spec))) {
		free(b);
		rc = error_set(e, -ENOMEM, "%.300s: the host is out of memory", spec);
		if (code)
			*code = rc;
		return NULL;
	}
	b->options = *o;
	b->options.format = NULL; /* the caller's string is not kept */
	rc = block_queue_init(b, ps);
	if (rc)
		error_set(e, rc, "%.300s: the host is out of memory or of descriptors", spec);
	if (!rc) {
		b->options.format = o->format;
		rc = open_nodes(b, spec, e);
		b->options.format = NULL;
	}
	if (code)
		*code = rc;
	if (rc) {
		block_close(b);
		return NULL;
	}
	/* What is only read is not for guessing at: nothing can be written to it. */
	if (b->guessed && !o->quiet && !o->readonly)
		msg_warn("%.300s: taken to be raw, as nothing in it says otherwise; say format=raw to be sure (until then it cannot "
			 "be made to look like another format)",
			 spec);
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
	u8 first[4];
	struct block_slice part;
	int rc;

	if (!b->guessed || off >= sizeof first || !s->len)
		return 0;
	rc = node_read(b->node, 0, first, sizeof first);
	if (rc)
		return rc;
	part = slice_cut(s, 0, MIN(s->len, sizeof first - off));
	slice_get(&part, first + off);
	return qcow2_probe(first, sizeof first) ? -EPERM : 0;
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
