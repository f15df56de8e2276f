/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was written to disks with snapshot=on, as a part of snapshots: frozen, in a file, and back on the disk.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/block/frozen.h"
#include "snapshot/file.h"

/* The memory of the i-th disk in a file. */
static void memory_name(char *name, size_t n, u32 i)
{
	snprintf(name, n, "disk%u", i);
}

static u64 pages_of(u64 bytes)
{
	return DIV_UP(bytes, PAGE_SIZE);
}

void snapshot_disks_free(struct snapshot *s)
{
	u32 i;

	for (i = 0; i < SNAPSHOT_DISKS; i++)
		block_frozen_free(s->frozen[i]);
	memset(s->frozen, 0, sizeof s->frozen);
	image_close(s->written);
	s->written = NULL;
}

/* ---- to a file ---------------------------------------------------------------------------------------------------- */

/* Extents begin and end where chunks do, so at pages, or at the disk's end. */
static u64 pages_written(const struct block_frozen *f)
{
	u64 off, len, n = 0, size = block_frozen_size(f);

	for (off = 0; off < size; off += len)
		if (block_frozen_extent(f, off, &len) != FROZEN_BELOW)
			n += pages_of(len);
	return n;
}

static int write_data(const struct block_frozen *f, struct image_writer *w, u64 off, u64 len)
{
	u8 page[PAGE_SIZE];
	u64 i;

	for (i = 0; i < len; i += PAGE_SIZE) {
		int rc = block_frozen_read(f, off + i, page, (size_t)MIN(len - i, PAGE_SIZE));

		if (rc)
			return rc;
		if (len - i < PAGE_SIZE)
			memset(page + (len - i), 0, (size_t)(PAGE_SIZE - (len - i)));
		image_write_page(w, (off + i) / PAGE_SIZE, page);
	}
	return 0;
}

static int write_disk(const struct block_frozen *f, struct image_writer *w, u32 i)
{
	u64 off, len, size = block_frozen_size(f);
	char name[IMAGE_NAME_MAX + 1];
	int rc = 0;

	memory_name(name, sizeof name, i);
	image_write_memory_begin(w, name, pages_of(size), pages_written(f));
	for (off = 0; off < size && !rc; off += len) {
		enum block_frozen_kind kind = block_frozen_extent(f, off, &len);

		if (kind == FROZEN_ZERO)
			image_write_zero(w, off / PAGE_SIZE, pages_of(len));
		else if (kind == FROZEN_DATA)
			rc = write_data(f, w, off, len);
	}
	image_write_memory_end(w);
	return rc;
}

int snapshot_disks_write(const struct snapshot *s, struct image_writer *w, struct error *e)
{
	int rc = 0;
	u32 i;

	for (i = 0; i < s->disks.n && !rc; i++) {
		if (s->disks.disk[i].kind != SNAPSHOT_DISK_WRITTEN)
			continue;
		rc = s->frozen[i] ? write_disk(s->frozen[i], w, i) : -ENOTSUP;
		if (rc)
			error_set(e, rc, "disk %s: what was written to it cannot be read (%s)", s->disks.disk[i].id, strerror(-rc));
	}
	return rc;
}

/* ---- from a file -------------------------------------------------------------------------------------------------- */

static int find_memory(struct image *img, const struct snapshot *s, u32 i, struct image_memory **mem, struct error *e)
{
	char name[IMAGE_NAME_MAX + 1];
	int rc;

	memory_name(name, sizeof name, i);
	rc = image_memory(img, name, mem, e);
	if (!rc && image_memory_limit(*mem) != pages_of(s->disks.disk[i].bytes))
		rc = error_set(e, -EINVAL, "%s: disk %s is not as large in it as it says", image_path(img), s->disks.disk[i].id);
	return rc;
}

int snapshot_disks_read(struct snapshot *s, struct image **img, struct error *e)
{
	struct image_memory *mem;
	bool wanted = false;
	int rc = 0;
	u32 i;

	for (i = 0; i < s->disks.n && !rc; i++)
		if (s->disks.disk[i].kind == SNAPSHOT_DISK_WRITTEN) {
			wanted = true;
			rc = find_memory(*img, s, i, &mem, e);
		}
	if (!rc && wanted) {
		s->written = *img;
		*img = NULL;
	}
	return rc;
}

/* ---- to a disk ---------------------------------------------------------------------------------------------------- */

static int fill(struct snapshot *s, u32 i, struct block *b, struct error *e)
{
	u64 bytes = s->disks.disk[i].bytes, mfn = 0;
	struct image_memory *mem;
	struct image_extent x;
	int rc = find_memory(s->written, s, i, &mem, e);

	if (!rc)
		rc = block_thaw(b, NULL, bytes, e);
	if (rc)
		return rc;
	while ((rc = image_extent(mem, mfn, &x, e)) > 0) {
		u64 off = x.mfn * PAGE_SIZE, len = MIN(x.count * PAGE_SIZE, bytes - off);

		rc = x.kind == IMAGE_ABSENT ? 0 : block_thaw_put(b, off, x.kind == IMAGE_DATA ? x.data : NULL, len);
		if (rc)
			return error_set(e, rc, "disk %s: what the snapshot has of it cannot be written (%s)", s->disks.disk[i].id,
					 strerror(-rc));
		mfn = x.mfn + x.count;
	}
	return rc;
}

int snapshot_disk_restore(struct snapshot *s, u32 i, struct block *b, struct error *e)
{
	if (s->frozen[i])
		return block_thaw(b, s->frozen[i], 0, e);
	return s->written ? fill(s, i, b, e) : error_set(e, -EINVAL, "disk %s: the snapshot has nothing of it", s->disks.disk[i].id);
}
