/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes snapshot files, front to back: what a record says of itself is known before it is written, so nothing is ever gone back
 * to. A file is written aside and renamed when it is on the medium. Left out: several threads that pack.
 */
#include "snapshot/image.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/os.h"
#include "base/os_file.h"
#include "snapshot/blake2b.h"
#include "snapshot/crc32c.h"
#include "snapshot/image_format.h"
#include "snapshot/image_impl.h"

#ifndef EDQUOT /* Windows has no quotas of that name */
#define EDQUOT ENOSPC
#endif

#define BUFFER (1u << 20)
#define PACKED_PAGES 16u /* of a group: what has to be unpacked for one page */
#define ASIDE_TRIES 16
#define ASIDE_ROOM 16u   /* for ".part16" */
#define CHUNK_WORTH 64u  /* a smaller chunk is not packed */

struct image_writer {
	int fd;
	struct image_output to; /* or whoever takes the bytes; no write: none */
	char *name;  /* for sentences */
	char *path;  /* of the file to be, or NULL: a descriptor of somebody else's */
	char *aside; /* what is written meanwhile */
	enum image_codec codec;
	struct codec_state state;
	struct image *parent;
	bool has_parent;
	int rc; /* of the first error, whose sentence is e */
	struct error e;

	u8 head[HEAD_BYTES];
	u64 at; /* bytes written and buffered */
	u8 *buffer;
	size_t buffered;

	u8 *index;
	size_t index_len, index_room;
	u64 records;

	/* The memory being written. */
	bool in_memory;
	char memory[9];
	struct image_memory *memory_parent;
	char names[MEMORIES_MAX][9];
	u32 nnames;
	u64 limit, frames_left;
	u64 next;  /* frames below are done with */
	u64 first; /* of the group */
	u32 runs, pages;
	struct run {
		u32 kind, count;
	} run[RUNS_MAX];
	u8 *group; /* GROUP_MAX pages */
	u8 *packed;
};

static int PRINTF(3, 4) fail(struct image_writer *w, int rc, const char *fmt, ...)
{
	va_list ap;

	if (w->rc)
		return w->rc;
	w->rc = rc;
	va_start(ap, fmt);
	vsnprintf(w->e.text, sizeof w->e.text, fmt, ap);
	va_end(ap);
	return rc;
}

static int no_memory(struct image_writer *w)
{
	return fail(w, -ENOMEM, "%.200s: the host is out of memory; no snapshot was written", w->name);
}

static int cannot_write(struct image_writer *w, int err)
{
	const char *why = os_strerror(err);

	if (w->to.write)
		return fail(w, -err, "%.200s: the connection broke (%s)", w->name, why);
	if (err == ENOSPC || err == EDQUOT || err == EFBIG)
		return fail(w, -err, "%.200s: the snapshot does not fit there (%s) and was not written: make room or choose another disk",
			    w->name, why);
	return fail(w, -err, "%.200s: the snapshot cannot be written (%s): choose another place", w->name, why);
}

/* ---- bytes ---- */

static void write_out(struct image_writer *w, const u8 *p, size_t n)
{
	if (w->to.write && n && !w->rc) {
		int rc = w->to.write(w->to.opaque, p, n);

		if (rc)
			cannot_write(w, -rc);
		return;
	}
	while (n && !w->rc) {
		ssize_t did = os_write(w->fd, p, n);

		if (did < 0 && errno == EINTR)
			continue;
		if (did <= 0) {
			cannot_write(w, did ? errno : ENOSPC);
			return;
		}
		p += did;
		n -= (size_t)did;
	}
}

static void flush(struct image_writer *w)
{
	write_out(w, w->buffer, w->buffered);
	w->buffered = 0;
}

static void put(struct image_writer *w, const void *p, size_t n)
{
	const u8 *from = p;

	w->at += n;
	while (n && !w->rc) {
		size_t k = MIN(n, BUFFER - w->buffered);

		memcpy(w->buffer + w->buffered, from, k);
		w->buffered += k;
		from += k;
		n -= k;
		if (w->buffered == BUFFER)
			flush(w);
	}
}

static void put_zeros(struct image_writer *w, u64 n)
{
	static const u8 zeros[PAGE_SIZE];

	put(w, zeros, (size_t)n);
}

/* ---- records ---- */

static void hash(u8 *out, const void *p, size_t n)
{
	struct blake2b h;

	blake2b_init(&h, IMAGE_DIGEST);
	blake2b_add(&h, p, n);
	blake2b_end(&h, out);
}

/* Adds to the index; true when there was room. */
static bool index_add(struct image_writer *w, const void *p, size_t n)
{
	if (n > INDEX_MAX - w->index_len) {
		fail(w, -EFBIG, "%.200s: a snapshot with so many pages does not fit into one file: it would have an index of more than %u MiB",
		     w->name, INDEX_MAX >> 20);
		return false;
	}
	if (n > w->index_room - w->index_len) {
		size_t room = MAX(w->index_room * 2, w->index_len + MAX(n, 65536u));
		u8 *grown = realloc(w->index, room);

		if (!grown) {
			no_memory(w);
			return false;
		}
		w->index = grown;
		w->index_room = room;
	}
	if (n)
		memcpy(w->index + w->index_len, p, n);
	w->index_len += n;
	return true;
}

/* Writes a record: its place, sum and hash are found here. */
static int put_record(struct image_writer *w, struct record *r, const void *tables, const void *stored)
{
	u8 head[RECORD_BYTES];
	size_t n = (size_t)record_tables(r);

	if (w->rc)
		return w->rc;
	r->offset = record_offset(r, w->at);
	if (r->kind != RECORD_INDEX) {
		r->sum = record_aligned(r) ? 0 : crc32c(0, stored, (size_t)r->stored);
		hash(r->hash, stored, (size_t)r->stored);
	}
	record_encode(r, head, tables);
	if (r->kind != RECORD_INDEX) {
		if (!index_add(w, head, sizeof head) || !index_add(w, tables, n))
			return w->rc;
		w->records++;
	}
	put(w, head, sizeof head);
	put(w, tables, n);
	put_zeros(w, r->offset - w->at);
	put(w, stored, (size_t)r->stored);
	return w->rc;
}

static bool name_record(struct image_writer *w, struct record *r, const char *name)
{
	size_t n = strlen(name);

	memset(r->name, 0, sizeof r->name);
	memcpy(r->name, name, MIN(n, 8));
	if (n > 8 || !record_name_good(r->name)) {
		fail(w, -EINVAL, "%.200s: \"%.20s\" is no name for a part of a snapshot", w->name, name);
		return false;
	}
	return true;
}

int image_write_chunk(struct image_writer *w, const char *type, u64 instance, u32 flags, const void *data, size_t len)
{
	struct record r = { .kind = RECORD_CHUNK, .flags = (u16)(flags & IMAGE_MANDATORY), .number = instance };
	u8 *packed = NULL;
	size_t n = 0;

	if (w->rc || !name_record(w, &r, type))
		return w->rc;
	if (w->in_memory)
		return fail(w, -EINVAL, "%.200s: a chunk %s in the middle of memory %s", w->name, r.name, w->memory);
	if (len > CHUNK_MAX)
		return fail(w, -EFBIG, "%.200s: %s has %zu bytes, and a snapshot takes %u MiB at most of each such thing", w->name,
			    r.name, len, CHUNK_MAX >> 20);
	if (w->codec != IMAGE_RAW && len >= CHUNK_WORTH && len <= PACKED_MAX) {
		packed = malloc(len);
		if (!packed)
			return no_memory(w);
		n = codec_pack(&w->state, w->codec, data, len, packed, len - len / 8);
	}
	r.codec = n ? (u8)w->codec : IMAGE_RAW;
	r.length = len;
	r.stored = n ? n : len;
	put_record(w, &r, NULL, n ? packed : data);
	free(packed);
	return w->rc;
}

/* ---- memories ---- */

int image_write_memory_begin(struct image_writer *w, const char *name, u64 limit, u64 nframes)
{
	struct record r = { .kind = RECORD_MEMORY, .number = nframes, .length = limit };
	u32 i;

	if (w->rc || !name_record(w, &r, name))
		return w->rc;
	for (i = 0; i < w->nnames && strcmp(w->names[i], r.name); i++)
		;
	if (w->in_memory || i < w->nnames || i == MEMORIES_MAX || limit > LIMIT_MAX || nframes > limit)
		return fail(w, -EINVAL, "%.200s: memory %s cannot begin here: one at a time, each once, %u in all, at most %" PRIu64
			    " frames (%" PRIu64 " of %" PRIu64 ")", w->name, r.name, MEMORIES_MAX, LIMIT_MAX, nframes, limit);
	memcpy(w->names[w->nnames++], r.name, sizeof r.name);
	memcpy(w->memory, r.name, sizeof r.name);
	w->memory_parent = NULL;
	if (w->parent)
		image_memory(w->parent, r.name, &w->memory_parent, NULL);
	w->in_memory = true;
	w->limit = limit;
	w->frames_left = nframes;
	w->next = 0;
	return put_record(w, &r, NULL, NULL);
}

/* Writes the group: its runs, and its pages packed if that saves an eighth. */
static void put_group(struct image_writer *w)
{
	struct record r = { .kind = RECORD_PAGES, .number = w->first, .runs = w->runs, .length = (u64)w->pages * PAGE_SIZE };
	u8 tables[RUNS_MAX * RUN_BYTES + GROUP_MAX * 4], *p = tables;
	size_t n = 0;
	u32 i;

	if (!w->runs)
		return;
	memcpy(r.name, w->memory, sizeof r.name);
	for (i = 0; i < w->runs; i++, p += RUN_BYTES) {
		st32(p, w->run[i].kind);
		st32(p + 4, w->run[i].count);
	}
	if (w->codec != IMAGE_RAW)
		n = codec_pack(&w->state, w->codec, w->group, (size_t)r.length, w->packed, (size_t)(r.length - r.length / 8));
	if (n) {
		r.codec = (u8)w->codec;
		r.stored = n;
	} else {
		r.stored = r.length;
		for (i = 0; i < w->pages; i++, p += 4)
			st32(p, crc32c(0, w->group + (size_t)i * PAGE_SIZE, PAGE_SIZE));
	}
	put_record(w, &r, tables, n ? w->packed : w->group);
	w->runs = w->pages = 0;
}

static void add_run(struct image_writer *w, enum run_kind kind, u64 count)
{
	while (count) {
		u32 n = (u32)MIN(count, UINT32_MAX);
		struct run *last = w->runs ? &w->run[w->runs - 1] : NULL;

		if (last && last->kind == kind && n <= UINT32_MAX - last->count)
			last->count += n;
		else
			w->run[w->runs++] = (struct run){ kind, n };
		count -= n;
	}
}

static int add(struct image_writer *w, enum run_kind kind, u64 mfn, u64 count)
{
	if (w->rc)
		return w->rc;
	if (!w->in_memory || mfn < w->next || mfn > w->limit || count > w->limit - mfn || count > w->frames_left)
		return fail(w, -EINVAL, "%.200s: memory %s: frames 0x%" PRIx64 " +0x%" PRIx64 " are not expected (next 0x%" PRIx64
			    ", 0x%" PRIx64 " to come, limit 0x%" PRIx64 ")", w->name, w->in_memory ? w->memory : "(none)", mfn, count,
			    w->next, w->frames_left, w->limit);
	/* A gap and what follows it are at most so many runs each: the whole of LIMIT_MAX frames. */
	if (w->runs + 2 * (LIMIT_MAX / UINT32_MAX + 1) > RUNS_MAX)
		put_group(w);
	if (!w->runs)
		w->first = mfn;
	else
		add_run(w, RUN_ABSENT, mfn - w->next);
	add_run(w, kind, count);
	w->next = mfn + count;
	w->frames_left -= count;
	return w->rc;
}

static bool all_zero(const u8 *p)
{
	/* The first word, and then each equals the one before. */
	return !ld64(p) && !memcmp(p, p + 8, PAGE_SIZE - 8);
}

int image_write_page(struct image_writer *w, u64 mfn, const void *data)
{
	bool zero = !data || all_zero(data);
	int rc = add(w, zero ? RUN_ZERO : RUN_DATA, mfn, 1);

	if (rc || zero)
		return rc;
	memcpy(w->group + (size_t)w->pages++ * PAGE_SIZE, data, PAGE_SIZE);
	if (w->pages == (w->codec == IMAGE_RAW ? GROUP_MAX : PACKED_PAGES))
		put_group(w);
	return w->rc;
}

int image_write_zero(struct image_writer *w, u64 mfn, u64 count)
{
	return add(w, RUN_ZERO, mfn, count);
}

int image_write_same(struct image_writer *w, u64 mfn, u64 count)
{
	if (w->rc)
		return w->rc;
	if (!w->has_parent)
		return fail(w, -EINVAL, "%.200s: frame 0x%" PRIx64 " is as in a parent, and there is none", w->name, mfn);
	if (w->parent && !image_has(w->memory_parent, mfn, count))
		return fail(w, -EINVAL, "%.200s: frames 0x%" PRIx64 " +0x%" PRIx64 " of memory %s are not in the parent %.150s", w->name, mfn,
			    count, w->memory, image_path(w->parent));
	return add(w, RUN_PARENT, mfn, count);
}

int image_write_memory_end(struct image_writer *w)
{
	if (w->rc)
		return w->rc;
	if (!w->in_memory || w->frames_left)
		return fail(w, -EINVAL, "%.200s: memory %s ends, and %" PRIu64 " frames are missing", w->name, w->memory, w->frames_left);
	put_group(w);
	w->in_memory = false;
	return w->rc;
}

/* ---- the file ---- */

static void put_head(struct image_writer *w, const u8 *parent)
{
	u8 *h = w->head;

	memcpy(h, IMAGE_MAGIC, 8);
	st32(h + HEAD_VERSION, IMAGE_VERSION);
	st32(h + HEAD_LENGTH, HEAD_BYTES);
	st64(h + HEAD_MANDATORY, (parent ? FEATURE_PARENT : 0) | (w->codec != IMAGE_RAW ? FEATURE_CODEC(w->codec) : 0));
	if (parent)
		memcpy(h + HEAD_PARENT, parent, IMAGE_DIGEST);
	st32(h + HEAD_CRC, crc32c(0, h, HEAD_CRC));
	put(w, h, HEAD_BYTES);
}

static void writer_free(struct image_writer *w)
{
	codec_state_free(&w->state);
	free(w->name);
	free(w->path);
	free(w->aside);
	free(w->buffer);
	free(w->index);
	free(w->group);
	free(w->packed);
	free(w);
}

static int begin(const char *name, const struct image_options *o, struct image_writer **out, struct error *e)
{
	const u8 *parent = o->parent_image ? image_digest(o->parent_image) : o->parent;
	struct image_writer *w;
	u32 depth = 0;
	struct image *p;

	*out = NULL;
	if (!image_codec_builtin(o->codec))
		return error_set(e, -ENOTSUP, "%.200s: cannot be packed with %s: build this program with %s, or choose another way to pack",
				 name, image_codec_name(o->codec), image_codec_library(o->codec));
	for (p = o->parent_image; p; p = image_parent(p))
		depth++;
	if (depth > PARENTS_MAX)
		return error_set(e, -EMLINK, "%.200s: its parent %.150s has %u files before it, and no snapshot may have more than %u: "
				 "save the whole, without a parent", name, image_path(o->parent_image), depth - 1, PARENTS_MAX);
	w = calloc(1, sizeof *w);
	if (w) {
		w->fd = -1;
		w->codec = o->codec;
		w->parent = o->parent_image;
		w->has_parent = parent != NULL;
		w->name = strdup(name);
		w->buffer = malloc(BUFFER);
		w->group = malloc(GROUP_MAX * PAGE_SIZE);
		w->packed = malloc(GROUP_MAX * PAGE_SIZE);
	}
	if (!w || !w->name || !w->buffer || !w->group || !w->packed) {
		if (w)
			writer_free(w);
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory; no snapshot was written", name);
	}
	put_head(w, parent);
	*out = w;
	return 0;
}

int image_write_fd(int fd, const char *name, const struct image_options *o, struct image_writer **out, struct error *e)
{
	int rc = begin(name, o, out, e);

	if (!rc)
		(*out)->fd = fd;
	return rc;
}

int image_write_to(const struct image_output *to, const struct image_options *o, struct image_writer **out, struct error *e)
{
	int rc = begin(to->name, o, out, e);

	if (!rc)
		(*out)->to = *to;
	return rc;
}

/* Where the file is to be: a symbolic link is followed, and only a file is replaced. */
static int find_place(struct image_writer *w, const char *path, struct error *e)
{
	const char *wrong = NULL;
	struct os_stat st;

	if (os_stat(path, &st)) {
		w->path = strdup(path); /* nothing is there */
	} else if (st.kind == OS_OTHER) {
		w->path = os_path_real(path);
		wrong = !w->path ? "a link that leads nowhere" : NULL;
	} else {
		w->path = strdup(path);
	}
	if (w->path && !os_stat(w->path, &st) && st.kind != OS_FILE)
		wrong = st.kind == OS_DIRECTORY ? "a directory" : "no plain file";
	if (wrong)
		return error_set(e, st.kind == OS_DIRECTORY ? -EISDIR : -EINVAL, "%.200s is %s: choose another name for the snapshot", path,
				 wrong);
	w->aside = w->path ? malloc(strlen(w->path) + ASIDE_ROOM) : NULL;
	return w->aside ? 0 : error_set(e, -ENOMEM, "%.200s: the host is out of memory; no snapshot was written", path);
}

int image_write_begin(const char *path, const struct image_options *o, struct image_writer **out, struct error *e)
{
	struct image_writer *w;
	int rc = begin(path, o, &w, e), i;

	*out = NULL;
	if (rc)
		return rc;
	rc = find_place(w, path, e);
	/* Another writer's file is never touched; one that was killed has left its own. */
	for (i = 0; !rc && w->fd < 0 && i < ASIDE_TRIES; i++) {
		char number[12] = "";

		if (i)
			snprintf(number, sizeof number, "%d", i + 1);
		snprintf(w->aside, strlen(w->path) + ASIDE_ROOM, "%s.part%s", w->path, number);
		w->fd = os_open(w->aside, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (w->fd < 0 && errno != EEXIST)
			rc = error_set(e, -errno, "%.200s: the snapshot cannot be written there (%s): choose another place", path,
				       os_strerror(errno));
	}
	if (!rc && w->fd < 0)
		rc = error_set(e, -EEXIST, "%.200s.part and %d more such files are there already: remove those that nobody writes", path,
			       ASIDE_TRIES - 1);
	if (rc)
		writer_free(w);
	else
		*out = w;
	return rc;
}

static void put_index(struct image_writer *w, u8 *digest)
{
	struct record r = { .name = "index", .kind = RECORD_INDEX, .number = w->records, .length = w->index_len, .stored = w->index_len };
	u8 head[RECORD_BYTES], tail[TAIL_BYTES] = { 0 };
	struct blake2b h;
	u64 at = w->at;

	put_record(w, &r, NULL, w->index);
	record_encode(&r, head, NULL);
	blake2b_init(&h, IMAGE_DIGEST);
	blake2b_add(&h, w->head, sizeof w->head);
	blake2b_add(&h, head, sizeof head);
	blake2b_add(&h, w->index, w->index_len);
	blake2b_end(&h, digest);
	memcpy(tail, IMAGE_TAIL_MAGIC, 8);
	st64(tail + TAIL_INDEX, at);
	st64(tail + TAIL_RECORDS, w->records);
	memcpy(tail + TAIL_DIGEST, digest, IMAGE_DIGEST);
	st32(tail + TAIL_CRC, crc32c(0, tail, TAIL_CRC));
	put(w, tail, sizeof tail);
	flush(w);
}

int image_write_end(struct image_writer *w, u8 *digest, struct error *e)
{
	u8 sum[IMAGE_DIGEST];
	int rc;

	if (w->in_memory)
		fail(w, -EINVAL, "%.200s: memory %s has no end", w->name, w->memory);
	if (!w->rc)
		put_index(w, sum);
	if (!w->rc && w->path) {
		rc = os_sync(w->fd);
		if (rc)
			cannot_write(w, -rc);
		rc = os_close(w->fd) ? errno : 0;
		w->fd = -1;
		if (rc)
			cannot_write(w, rc);
		if (!w->rc && os_rename(w->aside, w->path))
			fail(w, -errno, "%.200s: the new snapshot cannot take the place of the old one (%s): see that no program has that open",
			     w->name, os_strerror(errno));
		if (!w->rc) {
			free(w->aside);
			w->aside = NULL;
			rc = os_sync_names(w->path);
			if (rc)
				fail(w, rc, "%.200s: the snapshot is written, but may be lost if the power fails now (%s): save again",
				     w->name, os_strerror(-rc));
		}
	}
	rc = w->rc;
	if (rc)
		error_set(e, rc, "%s", w->e.text);
	else if (digest)
		memcpy(digest, sum, sizeof sum);
	image_write_cancel(w);
	return rc;
}

void image_write_cancel(struct image_writer *w)
{
	if (!w)
		return;
	if (w->path && w->fd >= 0)
		os_close(w->fd);
	if (w->path && w->aside)
		os_unlink(w->aside);
	writer_free(w);
}
