/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots as flat files, and as snapshots of their own.
 */
#include "snapshot/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/os_file.h"
#include "snapshot/file.h"

/* ---- a file ------------------------------------------------------------------------------------------------------ */

static int same_file(const struct image *img, const char *path, struct error *e)
{
	struct os_stat a, b;

	if (os_stat(path, &a))
		return 0;
	if (a.kind == OS_DIRECTORY)
		return error_set(e, -EISDIR, "%.200s is a directory: give the name of a file", path);
	for (; img; img = image_parent(img))
		if (!os_stat(image_path(img), &b) && a.dev == b.dev && a.ino == b.ino && (a.ino || !strcmp(path, image_path(img))))
			return error_set(e, -EEXIST, "%.200s is the snapshot itself, or a parent of it: give the name of another file", path);
	return 0;
}

int export_begin(struct export_file *f, const struct image *img, const char *path, struct error *e)
{
	int rc = same_file(img, path, e);

	if (rc)
		return rc;
	f->path = path;
	/* A guest's memory has secrets. */
	f->fd = os_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (f->fd < 0)
		return error_set(e, -errno, "%.200s cannot be written (%s): name a file in a directory you may write to", path,
				 os_open_error(errno));
	return 0;
}

int export_put(struct export_file *f, u64 off, const void *p, size_t n, struct error *e)
{
	const u8 *from = p;

	while (n) {
		struct iovec v = { (void *)(uintptr_t)from, MIN(n, (size_t)1 << 24) };
		ssize_t done = os_transfer(f->fd, true, &v, 1, off);

		if (done <= 0)
			return error_set(e, done ? (int)done : -EIO, "%.200s: not all could be written (%s): there is no such file now", f->path,
					 os_strerror(done ? (int)-done : EIO));
		from += done;
		off += (u64)done;
		n -= (size_t)done;
	}
	return 0;
}

int export_end(struct export_file *f, int rc, u64 size, struct error *e)
{
	if (!rc) {
		rc = os_truncate(f->fd, size);
		if (rc)
			error_set(e, rc, "%.200s: not all could be written (%s): there is no such file now", f->path, os_strerror(-rc));
	}
	if (os_close(f->fd) && !rc)
		rc = error_set(e, -errno, "%.200s: not all could be written (%s): there is no such file now", f->path, os_strerror(errno));
	if (rc)
		os_unlink(f->path);
	return rc;
}

/* ---- flat -------------------------------------------------------------------------------------------------------- */

int export_raw(struct image *img, const char *path, struct error *e)
{
	struct image_memory *ram;
	struct export_file f;
	struct image_extent x;
	u64 mfn = 0, end = 0;
	int rc = image_memory(img, SNAPSHOT_RAM, &ram, e);

	rc = rc ? rc : export_begin(&f, img, path, e);
	if (rc)
		return rc;
	while ((rc = image_extent(ram, mfn, &x, e)) > 0) {
		mfn = x.mfn + x.count;
		if (x.kind == IMAGE_ABSENT)
			continue;
		end = mfn;
		if (x.kind == IMAGE_DATA)
			rc = export_put(&f, x.mfn * PAGE_SIZE, x.data, (size_t)x.count * PAGE_SIZE, e);
		if (rc < 0)
			break;
	}
	return export_end(&f, rc, end * PAGE_SIZE, e);
}

/* ---- whole ------------------------------------------------------------------------------------------------------- */

static int copy_chunks(struct image *img, struct image_writer *w, struct error *e)
{
	struct image_chunk_info c;
	u64 i = 0;

	while (image_next_chunk(img, &i, &c)) {
		u8 *data;
		size_t len;
		int rc = image_chunk(img, c.type, c.instance, &data, &len, e);

		if (rc)
			return rc;
		image_write_chunk(w, c.type, c.instance, c.flags, data, len);
		free(data);
	}
	return 0;
}

static int copy_memory(struct image_memory *m, struct image_writer *w, struct error *e)
{
	struct image_extent x;
	u64 mfn = 0, i;
	int rc, put = image_write_memory_begin(w, image_memory_name(m), image_memory_limit(m), image_memory_frames(m));

	while (!put && (rc = image_extent(m, mfn, &x, e)) != 0) {
		if (rc < 0)
			return rc;
		mfn = x.mfn + x.count;
		if (x.kind == IMAGE_ZERO)
			put = image_write_zero(w, x.mfn, x.count);
		for (i = 0; x.kind == IMAGE_DATA && i < x.count && !put; i++)
			put = image_write_page(w, x.mfn + i, x.data + i * PAGE_SIZE);
	}
	image_write_memory_end(w);
	return 0;
}

int export_full(struct image *img, const char *path, enum image_codec codec, struct error *e)
{
	struct image_options o = { .codec = codec };
	struct image_memory *m;
	struct image_writer *w;
	u32 i;
	int rc = same_file(img, path, e);

	rc = rc ? rc : image_write_begin(path, &o, &w, e);
	if (rc)
		return rc;
	rc = copy_chunks(img, w, e);
	for (i = 0; !rc && (m = image_memory_at(img, i)); i++)
		rc = copy_memory(m, w, e);
	if (!rc)
		return image_write_end(w, NULL, e);
	image_write_cancel(w);
	return rc;
}
