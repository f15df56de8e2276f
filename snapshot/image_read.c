/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens snapshot files with their parents, and compares whole files with their sums.
 */
#include "snapshot/image_read.h"

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

#define PATH_ROOM 4096

int image_damaged(const struct image *img, struct error *e, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return error_set(e, -EINVAL, "%.180s is damaged: %s; take another copy of it, or another snapshot", img->path, what);
}

int image_no_memory(const struct image *img, struct error *e)
{
	return error_set(e, -ENOMEM, "%.200s: the host has not enough memory to read this snapshot", img->path);
}

static int truncated(const struct image *img, u64 at, struct error *e)
{
	return error_set(e, -EINVAL, "%.200s is truncated: it ends at byte %" PRIu64 ", before its end; copy it again, or take another "
			 "snapshot", img->path, at);
}

int image_read(struct image *img, u64 off, void *p, size_t n, struct error *e)
{
	u8 *to = p;

	while (n) {
		struct iovec v = { to, MIN(n, (size_t)1 << 30) };
		ssize_t got = os_transfer(img->fd, false, &v, 1, off);

		if (got < 0)
			return error_set(e, (int)got, "%.200s: cannot be read (%s): see to the disk it is on", img->path,
					 os_strerror((int)-got));
		if (!got)
			return truncated(img, off, e);
		to += got;
		off += (u64)got;
		n -= (size_t)got;
	}
	return 0;
}

/* ---- opening one ---- */

static int check_head(struct image *img, struct error *e)
{
	const u8 *h = img->head;
	int rc;

	if (img->size < HEAD_BYTES) {
		rc = image_read(img, 0, img->head, (size_t)img->size, e);
		if (rc)
			return rc;
		if (img->size && !memcmp(h, IMAGE_MAGIC, (size_t)MIN(img->size, 8)))
			return truncated(img, img->size, e);
	} else {
		rc = image_read(img, 0, img->head, HEAD_BYTES, e);
		if (rc)
			return rc;
	}
	return image_check_start(img, e);
}

int image_check_start(struct image *img, struct error *e)
{
	static const u8 none[HEAD_CRC - HEAD_ZERO];
	const u8 *h = img->head;
	u64 features;
	int c;

	if (memcmp(h, IMAGE_MAGIC, 8))
		return error_set(e, -EINVAL, "%.200s is not a snapshot: give the name of one", img->path);
	if (ld32(h + HEAD_VERSION) > IMAGE_VERSION)
		return error_set(e, -ENOTSUP, "%.200s is a snapshot of format %u, and this version knows them up to %u: read it with a newer "
				 "Paravane", img->path, ld32(h + HEAD_VERSION), IMAGE_VERSION);
	if (ld32(h + HEAD_CRC) != crc32c(0, h, HEAD_CRC))
		return image_damaged(img, e, "the sum of its head is wrong");
	features = ld64(h + HEAD_MANDATORY);
	for (c = 0; c < 64; c++) {
		if (!(features & BIT(c)))
			continue;
		if (!(FEATURES & BIT(c)))
			return error_set(e, -ENOTSUP, "%.200s needs the feature number %d of snapshots, which this version does not know: read "
					 "it with a newer Paravane", img->path, c);
		if (c && !image_codec_builtin((enum image_codec)c))
			return error_set(e, -ENOTSUP, "%.200s is packed with %s, which this build cannot unpack: build it with %s", img->path,
					 image_codec_name((enum image_codec)c), image_codec_library((enum image_codec)c));
	}
	if (!ld32(h + HEAD_VERSION) || ld32(h + HEAD_LENGTH) != HEAD_BYTES || memcmp(h + HEAD_ZERO, none, sizeof none) ||
	    (!(features & FEATURE_PARENT) && memcmp(h + HEAD_PARENT, none, IMAGE_DIGEST)))
		return image_damaged(img, e, "its head has what cannot be there");
	return 0;
}

void image_find_digest(const struct image *img, u8 *out)
{
	struct blake2b h;

	blake2b_init(&h, IMAGE_DIGEST);
	blake2b_add(&h, img->head, sizeof img->head);
	blake2b_add(&h, img->index, img->index_len);
	blake2b_end(&h, out);
}

/* The last TAIL_BYTES, and of them the digest. */
static int load_tail(struct image *img, u8 *tail, struct error *e)
{
	int rc;

	if (img->size < HEAD_BYTES + RECORD_BYTES + TAIL_BYTES)
		return truncated(img, img->size, e);
	rc = image_read(img, img->size - TAIL_BYTES, tail, TAIL_BYTES, e);
	if (rc)
		return rc;
	if (memcmp(tail, IMAGE_TAIL_MAGIC, 8))
		return truncated(img, img->size, e);
	if (ld32(tail + TAIL_CRC) != crc32c(0, tail, TAIL_CRC) || ld32(tail + TAIL_ZERO))
		return image_damaged(img, e, "the sum of its end is wrong");
	memcpy(img->digest, tail + TAIL_DIGEST, sizeof img->digest);
	return 0;
}

/* The tail, and the index that it leads to. */
static int load_index(struct image *img, struct error *e)
{
	struct record r = { .name = "index", .kind = RECORD_INDEX };
	u8 tail[TAIL_BYTES], digest[IMAGE_DIGEST], head[RECORD_BYTES];
	u64 end = img->size - TAIL_BYTES, n;
	int rc = load_tail(img, tail, e);

	if (rc)
		return rc;
	img->index_at = ld64(tail + TAIL_INDEX);
	if (img->index_at < HEAD_BYTES || img->index_at > end - RECORD_BYTES)
		return image_damaged(img, e, "its index would be at byte %" PRIu64 " of %" PRIu64, img->index_at, img->size);
	n = end - img->index_at;
	if (n > INDEX_MAX + RECORD_BYTES)
		return image_damaged(img, e, "its index would have %" PRIu64 " MiB", n >> 20);
	img->index_len = (size_t)n;
	img->index = malloc(img->index_len);
	if (!img->index)
		return image_no_memory(img, e);
	rc = image_read(img, img->index_at, img->index, img->index_len, e);
	if (rc)
		return rc;
	image_find_digest(img, digest);
	if (memcmp(digest, img->digest, sizeof digest))
		return image_damaged(img, e, "its index does not fit its digest");
	r.number = ld64(tail + TAIL_RECORDS);
	r.length = r.stored = n - RECORD_BYTES;
	r.offset = img->index_at + RECORD_BYTES;
	record_encode(&r, head, NULL);
	if (memcmp(head, img->index, sizeof head))
		return image_damaged(img, e, "what stands before its index does not fit it");
	return image_parse(img, r.number, e);
}

/* Without its parents. */
static int open_one(int fd, const char *name, struct image **out, struct error *e)
{
	struct image *img = calloc(1, sizeof *img);
	struct os_stat st;
	int rc;

	*out = NULL;
	if (img)
		img->path = strdup(name);
	if (!img || !img->path) {
		free(img);
		os_close(fd);
		return error_set(e, -ENOMEM, "%.200s: the host has not enough memory to read this snapshot", name);
	}
	img->fd = fd;
	img->group_slot = NO_SLOT;
	if (os_fstat(fd, &st) || st.kind != OS_FILE) {
		rc = error_set(e, -EINVAL, "%.200s is no file, and a snapshot is one: give the name of one", name);
	} else {
		img->size = st.size;
		rc = check_head(img, e);
		if (!rc)
			rc = load_index(img, e);
	}
	if (rc)
		image_close(img);
	else
		*out = img;
	return rc;
}

static int open_path(const char *path, struct image **out, struct error *e)
{
	int fd = os_open_some(path);

	*out = NULL;
	if (fd < 0)
		return error_set(e, -errno, "%.200s: cannot be opened (%s): give the name of a snapshot", path, os_open_error(errno));
	return open_one(fd, path, out, e);
}

void image_close(struct image *img)
{
	while (img) {
		struct image *parent = img->parent;

		if (img->map)
			os_unmap(img->map, (size_t)img->size);
		codec_state_free(&img->state);
		os_close(img->fd);
		free(img->path);
		free(img->index);
		free(img->slot);
		free(img->chunk);
		free(img->buffer);
		free(img->group);
		free(img);
		img = parent;
	}
}

/* ---- parents ---- */

struct look {
	const char *folder; /* with what stands before a name */
	const u8 *digest;
	char *best; /* the first by name, or "" */
	size_t n;
};

/* True when a file seems to be the snapshot with this digest. */
static bool seems(const char *path, const u8 *digest)
{
	u8 magic[8], tail[TAIL_BYTES];
	struct iovec head = { magic, sizeof magic }, end = { tail, sizeof tail };
	int fd = os_open_some(path);
	struct os_stat st;
	bool is;

	if (fd < 0)
		return false;
	is = !os_fstat(fd, &st) && st.kind == OS_FILE && st.size >= HEAD_BYTES + TAIL_BYTES &&
	     os_transfer(fd, false, &head, 1, 0) == (ssize_t)sizeof magic && !memcmp(magic, IMAGE_MAGIC, sizeof magic) &&
	     os_transfer(fd, false, &end, 1, st.size - TAIL_BYTES) == (ssize_t)sizeof tail && !memcmp(tail, IMAGE_TAIL_MAGIC, 8) &&
	     !memcmp(tail + TAIL_DIGEST, digest, IMAGE_DIGEST);
	os_close(fd);
	return is;
}

int image_digests(const char *path, u8 *digest, u8 *parent, struct error *e)
{
	struct image img = { .fd = os_open_some(path) };
	u8 tail[TAIL_BYTES];
	struct os_stat st;
	int rc;

	if (img.fd < 0)
		return error_set(e, -errno, "%.200s: cannot be opened (%s): give the name of a snapshot", path, os_open_error(errno));
	img.path = strdup(path);
	if (!img.path)
		rc = error_set(e, -ENOMEM, "%.200s: the host has not enough memory to read this snapshot", path);
	else if (os_fstat(img.fd, &st) || st.kind != OS_FILE)
		rc = error_set(e, -EINVAL, "%.200s is no file, and a snapshot is one: give the name of one", path);
	else
		img.size = st.size, rc = check_head(&img, e);
	if (!rc)
		rc = load_tail(&img, tail, e);
	if (!rc) {
		memcpy(digest, img.digest, IMAGE_DIGEST);
		memcpy(parent, img.head + HEAD_PARENT, IMAGE_DIGEST);
		rc = ld64(img.head + HEAD_MANDATORY) & FEATURE_PARENT ? 1 : 0;
	}
	os_close(img.fd);
	free(img.path);
	return rc;
}

static void look_at(void *opaque, const char *name, bool directory)
{
	struct look *l = opaque;
	char path[PATH_ROOM];

	if (directory || (size_t)snprintf(path, sizeof path, "%s%s", l->folder, name) >= MIN(sizeof path, l->n))
		return;
	if ((!*l->best || strcmp(path, l->best) < 0) && seems(path, l->digest))
		strcpy(l->best, path);
}

int image_find_beside(const char *child, const u8 *digest, char *path, size_t n)
{
	char folder[PATH_ROOM];
	struct look l = { folder, digest, path, n };

	*path = 0;
	if ((size_t)snprintf(folder, sizeof folder, "%.*s", (int)(os_path_last(child) - child), child) < sizeof folder)
		os_list_directory(folder, look_at, &l);
	return *path ? 0 : -ENOENT;
}

/* The first bytes of a digest, enough to tell it from others. */
static void digest_text(const u8 *digest, char out[17])
{
	int i;

	for (i = 0; i < 8; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static int open_parent(struct image *img, const struct image_finder *f, struct error *e)
{
	const u8 *digest = img->head + HEAD_PARENT;
	char path[PATH_ROOM], want[17], got[17];
	int rc;

	digest_text(digest, want);
	rc = f && f->find ? f->find(f->opaque, img->path, digest, path, sizeof path) :
			    image_find_beside(img->path, digest, path, sizeof path);
	if (rc)
		return error_set(e, rc, "%.200s needs its parent, the snapshot whose digest begins with %s, which is not there: put it into "
				 "the same folder", img->path, want);
	rc = open_path(path, &img->parent, e);
	if (rc || !memcmp(img->parent->digest, digest, IMAGE_DIGEST))
		return rc;
	digest_text(img->parent->digest, got);
	return error_set(e, -EINVAL, "%.150s is not the parent of %.150s: its digest begins with %s, and that one's parent has %s: find "
			 "the right one", path, img->path, got, want);
}

static int open_parents(struct image *img, const struct image_finder *f, struct error *e)
{
	struct image *last = img;
	u32 depth = 0;
	int rc;

	for (; ld64(last->head + HEAD_MANDATORY) & FEATURE_PARENT; last = last->parent) {
		if (depth++ == PARENTS_MAX)
			return error_set(e, -EMLINK, "%.200s has more than %u parents: save it whole, without a parent", img->path,
					 PARENTS_MAX);
		rc = open_parent(last, f, e);
		if (rc)
			return rc;
	}
	return 0;
}

/* Goes on where a file was opened, or was not. */
static int with_parents(int rc, struct image *img, const struct image_finder *f, struct image **out, struct error *e)
{
	*out = NULL;
	if (rc)
		return rc;
	rc = open_parents(img, f, e);
	if (rc)
		image_close(img);
	else
		*out = img;
	return rc;
}

int image_open_fd(int fd, const char *name, const struct image_finder *finder, struct image **out, struct error *e)
{
	struct image *img;
	int rc = open_one(fd, name, &img, e);

	return with_parents(rc, img, finder, out, e);
}

int image_open(const char *path, const struct image_finder *finder, struct image **out, struct error *e)
{
	struct image *img;
	int rc = open_path(path, &img, e);

	return with_parents(rc, img, finder, out, e);
}

int image_map(struct image *img)
{
	for (; img; img = img->parent) {
		if (img->map)
			continue;
		img->map = img->size <= SIZE_MAX / 2 ? os_map(img->fd, (size_t)img->size) : NULL;
		if (!img->map)
			return img->size <= SIZE_MAX / 2 ? -errno : -EFBIG;
	}
	return 0;
}

const u8 *image_digest(const struct image *img)
{
	return img->digest;
}

const char *image_path(const struct image *img)
{
	return img->path;
}

bool image_packed(const struct image *img)
{
	for (; img; img = img->parent)
		if (ld64(img->head + HEAD_MANDATORY) & FEATURES & ~(u64)FEATURE_PARENT)
			return true;
	return false;
}

struct image *image_parent(const struct image *img)
{
	return img->parent;
}

/* ---- the whole ---- */

static bool zeros(const u8 *p, size_t n)
{
	return !n || (!*p && !memcmp(p, p + 1, n - 1));
}

/* A record in the file against the index: its head and tables are the same, the rest up to its bytes is zeros. */
static int verify_head(struct image *img, size_t slot, const struct record *r, const u8 *tables, struct error *e)
{
	const struct slot *s = &img->slot[slot];
	size_t n = RECORD_BYTES + (size_t)record_tables(r), all = (size_t)(r->offset - s->at);
	int rc = image_read(img, s->at, img->buffer, all, e);

	if (rc)
		return rc;
	if (memcmp(img->buffer, tables - RECORD_BYTES, n))
		return image_damaged(img, e, "the record \"%s\" at byte %" PRIu64 " is another than the index says", r->name, s->at);
	if (!zeros(img->buffer + n, all - n))
		return image_damaged(img, e, "there is something between byte %" PRIu64 " and %" PRIu64, s->at + n, r->offset);
	return 0;
}

static int verify_record(struct image *img, size_t slot, struct error *e)
{
	u8 hash[IMAGE_DIGEST];
	const u8 *tables, *sums;
	struct blake2b h;
	struct record r;
	u32 sum = 0;
	u64 at, n;
	int rc;

	tables = image_record(img, slot, &r);
	sums = tables + (size_t)r.runs * RUN_BYTES;
	rc = verify_head(img, slot, &r, tables, e);
	blake2b_init(&h, IMAGE_DIGEST);
	for (at = 0; !rc && at < r.stored; at += n) {
		size_t i;

		n = MIN(r.stored - at, IMAGE_BUFFER);
		rc = image_read(img, r.offset + at, img->buffer, (size_t)n, e);
		if (rc)
			break;
		blake2b_add(&h, img->buffer, (size_t)n);
		if (!record_aligned(&r))
			sum = crc32c(sum, img->buffer, (size_t)n);
		for (i = 0; record_aligned(&r) && i < n / PAGE_SIZE; i++)
			if (crc32c(0, img->buffer + i * PAGE_SIZE, PAGE_SIZE) != ld32(sums + i * 4))
				return image_damaged(img, e, "the sum of a page of memory %s at byte %" PRIu64 " is wrong", r.name,
						     r.offset + i * PAGE_SIZE);
	}
	if (rc)
		return rc;
	blake2b_end(&h, hash);
	if (sum != r.sum || memcmp(hash, r.hash, sizeof hash))
		return image_damaged(img, e, "the sum of \"%s\" at byte %" PRIu64 " is wrong", r.name, r.offset);
	return 0;
}

int image_verify(struct image *img, struct error *e)
{
	for (; img; img = img->parent) {
		int rc = image_buffers(img, e);
		size_t i;

		for (i = 0; !rc && i < img->slots; i++)
			rc = verify_record(img, i, e);
		if (rc)
			return rc;
	}
	return 0;
}
