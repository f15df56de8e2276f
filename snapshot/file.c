/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes snapshots to files, and reads them.
 */
#include "snapshot/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/display/display.h"
#include "snapshot/file_impl.h"
#include "snapshot/source.h"


static int about_list(struct state_list *l, struct snapshot_about *a, struct snapshot_disks *d)
{
	int rc = state_add(l, "about", 0, &snapshot_about_desc, a, 1);

	return rc ? rc : state_add(l, "disks", 0, &snapshot_disks_desc, d, 1);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Perhaps on another thread than the snapshot's owner: no page is made for this. */
static void write_memory(struct image_writer *w, struct snapshot *s)
{
	const struct mem *m = &s->mem;
	const u64 *changed = s->changed;
	u8 page[PAGE_SIZE];
	u32 told = 0;
	u64 mfn;
	int rc = image_write_memory_begin(w, s->suspended ? PSEUDO : SNAPSHOT_RAM, m->limit, mem_count(m));

	for (mfn = mem_next(m, 0); mfn < m->limit && !rc; mfn = mem_next(m, mfn + 1)) {
		bool same = changed && !(changed[mfn / 64] >> (mfn % 64) & 1);
		const u8 *p = same ? NULL : mem_page(m, mfn, page);

		if (same)
			rc = image_write_same(w, mfn, 1);
		else if (p)
			rc = image_write_page(w, mfn, p);
		else
			continue;
		__atomic_store_n(&s->told, ++told, __ATOMIC_RELAXED);
	}
	image_write_memory_end(w);
}

/* Nothing depends on it, so it is left out when there is no memory for it. */
static void write_picture(struct image_writer *w, const struct snapshot *s)
{
	struct picture p = { 0 };
	struct buf png = { 0 };

	if (s->screen && !picture_make(s->screen, &s->mem, &p) && !picture_png(&p, &png))
		image_write_chunk(w, SNAPSHOT_PICTURE, 0, 0, png.p, png.len);
	picture_free(&p);
	buf_free(&png);
}

/* Whoever reads the file finds its parent in the same folder, and so do we. */
static int open_parent(const struct snapshot *s, const char *path, struct image **parent, struct error *e)
{
	char name[4096];

	if (image_find_beside(path, s->parent, name, sizeof name))
		return error_set(e, -ENOENT,
				 "%.200s: the snapshot that it should be told against is not in this folder any more: save it whole, without -i",
				 path);
	return image_open(name, NULL, parent, e);
}

int snapshot_write_all(struct snapshot *s, struct image_writer *w, bool states, u8 *digest, struct error *e)
{
	struct state_list l = { 0 };
	struct buf about = { 0 };
	const char *lost;
	int rc = about_list(&l, &s->about, &s->disks);

	if (!rc)
		state_list_save(&l, &about);
	state_list_free(&l);
	if (rc || about.failed) {
		image_write_cancel(w);
		buf_free(&about);
		return error_set(e, -ENOMEM, "the host has no memory to write a snapshot");
	}
	image_write_chunk(w, SNAPSHOT_ABOUT, 0, IMAGE_MANDATORY, about.p, about.len);
	buf_free(&about);
	if (states)
		image_write_chunk(w, s->suspended ? SUSPENDED : SNAPSHOT_STATE, 0, IMAGE_MANDATORY, s->state.p, s->state.len);
	write_picture(w, s);
	write_memory(w, s);
	rc = snapshot_disks_write(s, w, e);
	lost = rc ? NULL : mem_lost(&s->mem);
	if (lost)
		rc = error_set(e, -EIO, "%.400s", lost);
	if (!rc)
		return image_write_end(w, digest, e);
	image_write_cancel(w);
	return rc;
}

/* s is that file from now on. */
static void is_file(struct snapshot *s, const char *path, const u8 *digest)
{
	char *name = s->file ? strdup(path) : NULL;

	if (!name)
		return;
	free(s->file->path);
	s->file->path = name;
	memcpy(s->file->digest, digest, sizeof s->file->digest);
}

int snapshot_write(struct snapshot *s, const char *path, enum image_codec codec, struct error *e)
{
	struct image_options o = { .codec = codec };
	u8 digest[IMAGE_DIGEST_BYTES];
	struct image_writer *w;
	int rc = s->changed ? open_parent(s, path, &o.parent_image, e) : 0;

	if (!rc)
		rc = image_write_begin(path, &o, &w, e);
	if (!rc)
		rc = snapshot_write_all(s, w, true, digest, e);
	if (!rc)
		is_file(s, path, digest);
	image_close(o.parent_image);
	return rc;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

int snapshot_parse_about(const char *name, const u8 *data, size_t len, struct snapshot_about *a, struct snapshot_disks *d, struct error *e)
{
	struct state_list l = { 0 };
	struct error why = { "" };
	struct reader in;
	u32 i;
	int rc;

	memset(a, 0, sizeof *a);
	memset(d, 0, sizeof *d);
	rc = about_list(&l, a, d);
	reader_init(&in, data, len);
	if (!rc)
		rc = state_list_load(&l, &in, &why);
	state_list_free(&l);
	a->name[sizeof a->name - 1] = 0;
	for (i = 0; i < SNAPSHOT_DISKS; i++) {
		struct snapshot_disk *disk = &d->disk[i];

		disk->id[sizeof disk->id - 1] = disk->inside_id[sizeof disk->inside_id - 1] = 0;
		disk->inside_name[sizeof disk->inside_name - 1] = 0;
	}
	d->n = MIN(d->n, (u64)SNAPSHOT_DISKS);
	if (!rc && a->frames > SNAPSHOT_FRAMES_MAX) {
		rc = -EINVAL;
		error_set(&why, rc, "its memory would have more than %u GiB", SNAPSHOT_FRAMES_MAX >> 18);
	}
	return rc ? error_set(e, rc, "%s: %s", name, rc == -ENOMEM ? "the host is out of memory" : why.text) : 0;
}

static int read_about(struct image *img, struct snapshot_about *a, struct snapshot_disks *d, struct error *e)
{
	u8 *data;
	size_t len;
	int rc = image_chunk(img, SNAPSHOT_ABOUT, 0, &data, &len, e);

	if (rc == -ENOENT)
		return error_set(e, -EINVAL, "%s: this is no snapshot of a guest", image_path(img));
	if (rc)
		return rc;
	rc = snapshot_parse_about(image_path(img), data, len, a, d, e);
	free(data);
	return rc;
}

static int open_file(const char *path, struct image **img, struct error *e)
{
	static const char *const known[] = { SNAPSHOT_ABOUT, SNAPSHOT_STATE, SUSPENDED };
	int rc = image_open(path, NULL, img, e);

	if (rc)
		return rc;
	rc = image_expect(*img, known, ARRAY_SIZE(known), e);
	if (rc)
		image_close(*img);
	return rc;
}

static int open_about(const char *path, struct image **img, struct snapshot_about *about, struct snapshot_disks *disks, struct error *e)
{
	int rc = open_file(path, img, e);

	if (rc)
		return rc;
	rc = read_about(*img, about, disks, e);
	if (rc)
		image_close(*img);
	return rc;
}

int snapshot_open(const char *path, struct image **img, struct snapshot_about *about, struct error *e)
{
	struct snapshot_disks disks;

	return open_about(path, img, about, &disks, e);
}

int snapshot_look_disks(const char *path, struct snapshot_disks *disks, struct error *e)
{
	struct snapshot_about about;
	struct image *img;
	int rc = open_about(path, &img, &about, disks, e);

	if (!rc)
		image_close(img);
	return rc;
}

/* The memory waits in the file, which is img's no more, in any case. */
static int read_memory(struct snapshot *s, struct frame_pool *pool, struct image *img, struct error *e)
{
	struct image_memory *im;
	int rc = image_memory(img, s->suspended ? PSEUDO : SNAPSHOT_RAM, &im, e);

	if (!rc && (s->suspended ? image_memory_limit(im) > PSEUDO_MAX : image_memory_limit(im) != s->about.frames))
		rc = error_set(e, -EINVAL, "%s: its memory is not as large as it says", image_path(img));
	if (!rc && mem_init(&s->mem, pool, image_memory_limit(im)))
		rc = error_set(e, -ENOMEM, "%s: the host has no memory for its guest", image_path(img));
	if (!rc)
		return image_source(img, im, &s->mem, e);
	image_close(img);
	return rc;
}

static int read_state(struct snapshot *s, struct image *img, struct error *e)
{
	u8 *state;
	size_t len;
	int rc = image_chunk(img, SNAPSHOT_STATE, 0, &state, &len, e);

	s->suspended = rc == -ENOENT;
	if (s->suspended)
		rc = image_chunk(img, SUSPENDED, 0, &state, &len, e);
	if (rc == -ENOENT)
		return error_set(e, -EINVAL, "%s: it has no state of its guest", image_path(img));
	if (rc)
		return rc;
	buf_put(&s->state, state, len);
	free(state);
	s->file = calloc(1, sizeof *s->file);
	if (s->state.failed || !s->file)
		return error_set(e, -ENOMEM, "%s: the host is out of memory", image_path(img));
	is_file(s, image_path(img), image_digest(img));
	return 0;
}

/* Disks take theirs from the file when they are put back: it is opened another time for that. */
static int read_disks(struct snapshot *s, const char *path, struct error *e)
{
	struct image *img;
	int rc;
	u32 i;

	for (i = 0; i < s->disks.n && s->disks.disk[i].kind != SNAPSHOT_DISK_WRITTEN; i++)
		;
	if (i == s->disks.n)
		return 0;
	rc = open_file(path, &img, e);
	if (rc)
		return rc;
	rc = memcmp(image_digest(img), s->file->digest, IMAGE_DIGEST_BYTES) ?
		     error_set(e, -EAGAIN, "%.300s: somebody has changed it just now: read it again", path) :
		     snapshot_disks_read(s, &img, e);
	image_close(img);
	return rc;
}

int snapshot_read(struct snapshot *s, struct frame_pool *pool, const char *path, enum snapshot_verify verify, struct error *e)
{
	struct image *img;
	int rc;

	memset(s, 0, sizeof *s);
	rc = open_about(path, &img, &s->about, &s->disks, e);
	if (rc)
		return rc;
	rc = read_state(s, img, e);
	/* Of one that suspended itself all pages are looked at when it comes back, and none may turn out to be lost then. */
	if (!rc && (verify == SNAPSHOT_VERIFY || image_packed(img) || s->suspended))
		rc = image_verify(img, e);
	if (!rc)
		rc = read_memory(s, pool, img, e);
	else
		image_close(img);
	if (!rc)
		rc = read_disks(s, path, e);
	if (rc)
		snapshot_free(s);
	return rc;
}
