/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes snapshots to files, and reads them.
 */
#include "snapshot/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ABOUT "about" /* chunks: struct snapshot_about, the domain's states */
#define STATE "state"
#define RAM "ram"     /* the memory */

static int about_list(struct state_list *l, struct snapshot_about *a, struct snapshot_disks *d)
{
	int rc = state_add(l, "about", 0, &snapshot_about_desc, a, 1);

	return rc ? rc : state_add(l, "disks", 0, &snapshot_disks_desc, d, 1);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Perhaps on another thread than the snapshot's owner: no page is made for this. */
static void write_memory(struct image_writer *w, const struct mem *m)
{
	u8 page[PAGE_SIZE];
	u64 mfn;
	int rc = image_write_memory_begin(w, RAM, m->limit, mem_count(m));

	for (mfn = 0; mfn < m->limit && !rc; mfn++) {
		const u8 *p = mem_page(m, mfn, page);

		if (p)
			rc = image_write_page(w, mfn, p);
	}
	image_write_memory_end(w);
}

int snapshot_write(struct snapshot *s, const char *path, enum image_codec codec, struct error *e)
{
	struct image_options o = { .codec = codec };
	struct state_list l = { 0 };
	struct image_writer *w;
	struct buf about = { 0 };
	int rc = about_list(&l, &s->about, &s->disks);

	if (!rc)
		state_list_save(&l, &about);
	state_list_free(&l);
	if (rc || about.failed)
		rc = error_set(e, -ENOMEM, "%s: the host has no memory to write it", path);
	else
		rc = image_write_begin(path, &o, &w, e);
	if (rc) {
		buf_free(&about);
		return rc;
	}
	image_write_chunk(w, ABOUT, 0, IMAGE_MANDATORY, about.p, about.len);
	image_write_chunk(w, STATE, 0, IMAGE_MANDATORY, s->state.p, s->state.len);
	buf_free(&about);
	write_memory(w, &s->mem);
	return image_write_end(w, NULL, e);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static int read_about(struct image *img, struct snapshot_about *a, struct snapshot_disks *d, struct error *e)
{
	struct state_list l = { 0 };
	struct error why = { "" };
	struct reader in;
	u8 *data;
	size_t len;
	u32 i;
	int rc = image_chunk(img, ABOUT, 0, &data, &len, e);

	if (rc == -ENOENT)
		return error_set(e, -EINVAL, "%s: this is no snapshot of a guest", image_path(img));
	if (rc)
		return rc;
	memset(a, 0, sizeof *a);
	memset(d, 0, sizeof *d);
	rc = about_list(&l, a, d);
	reader_init(&in, data, len);
	if (!rc)
		rc = state_list_load(&l, &in, &why);
	state_list_free(&l);
	free(data);
	a->name[sizeof a->name - 1] = 0;
	for (i = 0; i < SNAPSHOT_DISKS; i++)
		d->disk[i].id[sizeof d->disk[i].id - 1] = 0;
	d->n = MIN(d->n, (u64)SNAPSHOT_DISKS);
	return rc ? error_set(e, rc, "%s: %s", image_path(img), rc == -ENOMEM ? "the host is out of memory" : why.text) : 0;
}

static int open_file(const char *path, struct image **img, struct error *e)
{
	static const char *const known[] = { ABOUT, STATE };
	int rc = image_open(path, NULL, img, e);

	if (rc)
		return rc;
	rc = image_expect(*img, known, ARRAY_SIZE(known), e);
	if (rc)
		image_close(*img);
	return rc;
}

int snapshot_look(const char *path, struct snapshot_about *about, struct error *e)
{
	struct snapshot_disks disks;
	struct image *img;
	int rc = open_file(path, &img, e);

	if (rc)
		return rc;
	rc = read_about(img, about, &disks, e);
	image_close(img);
	return rc;
}

static int put_extent(struct mem *m, const struct image_extent *x)
{
	u64 i;

	if (mem_add_zeros(m, x->mfn, x->count))
		return -ENOMEM;
	for (i = 0; x->kind == IMAGE_DATA && i < x->count; i++) {
		u8 *p = mem_unshare(m, x->mfn + i);

		if (!p)
			return -ENOMEM;
		memcpy(p, x->data + i * PAGE_SIZE, PAGE_SIZE);
	}
	return 0;
}

static int read_memory(struct snapshot *s, struct frame_pool *pool, struct image *img, struct error *e)
{
	struct image_memory *im;
	struct image_extent x;
	u64 mfn = 0;
	int rc = image_memory(img, RAM, &im, e);

	if (!rc && image_memory_limit(im) != s->about.frames)
		rc = error_set(e, -EINVAL, "%s: its memory is not as large as it says", image_path(img));
	if (!rc && mem_init(&s->mem, pool, s->about.frames))
		rc = error_set(e, -ENOMEM, "%s: the host has no memory for its guest", image_path(img));
	if (rc)
		return rc;
	while ((rc = image_extent(im, mfn, &x, e)) > 0) {
		if (x.kind != IMAGE_ABSENT && put_extent(&s->mem, &x))
			return error_set(e, -ENOMEM, "%s: the host has no memory for its guest", image_path(img));
		mfn = x.mfn + x.count;
	}
	return rc;
}

int snapshot_read(struct snapshot *s, struct frame_pool *pool, const char *path, struct error *e)
{
	struct image *img;
	u8 *state;
	size_t len;
	int rc;

	memset(s, 0, sizeof *s);
	rc = open_file(path, &img, e);
	if (rc)
		return rc;
	rc = image_verify(img, e);
	if (!rc)
		rc = read_about(img, &s->about, &s->disks, e);
	if (!rc) {
		rc = image_chunk(img, STATE, 0, &state, &len, e);
		if (!rc) {
			buf_put(&s->state, state, len);
			free(state);
			if (s->state.failed)
				rc = error_set(e, -ENOMEM, "%s: the host is out of memory", path);
		} else if (rc == -ENOENT) {
			rc = error_set(e, -EINVAL, "%s: it has no state of its guest", path);
		}
	}
	if (!rc)
		rc = read_memory(s, pool, img, e);
	image_close(img);
	if (rc)
		snapshot_free(s);
	return rc;
}
