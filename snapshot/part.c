/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots that go out of the process as a row of images, each told against the one before, and come in as they arrive. The last
 * one has the states.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot/file_impl.h"
#include "snapshot/image_stream.h"

/* The chunk PART. */
struct part {
	u8 answers, paused, last;
};

static const struct state_field part_fields[] = {
	STATE_INT(struct part, answers),
	STATE_INT(struct part, paused),
	STATE_INT(struct part, last),
};
static STATE_DESC(part_desc, "part", 1, struct part, part_fields);

int snapshot_send(struct snapshot *s, const struct image_output *to, const struct snapshot_part *part, u8 *digest, struct error *e)
{
	struct part p = { part->answers, part->paused, part->states };
	struct image_options o = { .codec = part->codec, .parent = part->parent };
	struct state_list l = { 0 };
	struct buf chunk = { 0 };
	struct image_writer *w;
	int rc = state_add(&l, "part", 0, &part_desc, &p, 1);

	if (!rc)
		state_list_save(&l, &chunk);
	state_list_free(&l);
	if (rc || chunk.failed)
		rc = error_set(e, -ENOMEM, "%.200s: the host is out of memory", to->name);
	else
		rc = image_write_to(to, &o, &w, e);
	if (!rc) {
		image_write_chunk(w, PART, 0, IMAGE_MANDATORY, chunk.p, chunk.len);
		rc = snapshot_write_all(s, w, part->states, digest, e);
	}
	buf_free(&chunk);
	return rc;
}

/* ---- coming in ---- */

struct arrival {
	struct snapshot *s;
	struct frame_pool *pool;
	const char *name;
	struct part part;
	bool has_about, has_state, has_memory; /* of this image */
	u64 limit;                             /* frames of the memory; 0: it has not come yet */
	bool begun;
};

static int on_chunk(void *opaque, const struct image_chunk_info *c, const u8 *data, struct error *e)
{
	struct arrival *a = opaque;
	struct error why = { "" };

	if (!strcmp(c->type, SNAPSHOT_ABOUT)) {
		a->has_about = true;
		return snapshot_parse_about(a->name, data, c->len, &a->s->about, &a->s->disks, e);
	}
	if (!strcmp(c->type, SNAPSHOT_STATE)) {
		a->has_state = true;
		buf_free(&a->s->state);
		buf_put(&a->s->state, data, c->len);
		return a->s->state.failed ? error_set(e, -ENOMEM, "%s: the host is out of memory", a->name) : 0;
	}
	if (!strcmp(c->type, PART)) {
		struct state_list l = { 0 };
		struct reader in;
		int rc = state_add(&l, "part", 0, &part_desc, &a->part, 1);

		reader_init(&in, data, c->len);
		if (!rc)
			rc = state_list_load(&l, &in, &why);
		state_list_free(&l);
		return rc ? error_set(e, rc, "%s: %s", a->name, rc == -ENOMEM ? "the host is out of memory" : why.text) : 0;
	}
	if (c->flags & IMAGE_MANDATORY)
		return error_set(e, -ENOTSUP, "%s: has \"%s\", which this version does not know and must: use a newer Paravane here", a->name, c->type);
	return 0;
}

static int on_memory(void *opaque, const char *name, u64 limit, struct error *e)
{
	struct arrival *a = opaque;

	if (strcmp(name, SNAPSHOT_RAM) || !a->has_about || limit != a->s->about.frames || (a->limit && limit != a->limit))
		return error_set(e, -EINVAL, "%s: its memory \"%s\" is not what it says before", a->name, name);
	a->has_memory = true;
	if (a->limit)
		return 0;
	a->limit = limit;
	return mem_init(&a->s->mem, a->pool, limit) ? error_set(e, -ENOMEM, "%s: the host has no memory for its guest", a->name) : 0;
}

static int put_data(struct mem *m, u64 mfn, const u8 *page)
{
	u8 *p;

	if (!mem_frame(m, mfn) && mem_add(m, mfn))
		return -ENOMEM;
	p = mem_unshare(m, mfn);
	if (p)
		memcpy(p, page, PAGE_SIZE);
	return p ? 0 : -ENOMEM;
}

static int on_frames(void *opaque, u64 mfn, u64 n, bool same, enum image_kind kind, const u8 *data, struct error *e)
{
	struct arrival *a = opaque;
	struct mem *m = &a->s->mem;
	u64 end = mfn + n, i;
	int rc = 0;

	if (same) {
		for (i = mfn; i < end && mem_has(m, i); i++)
			;
		return i == end ? 0 : error_set(e, -EINVAL, "%s: frame 0x%llx should be as before, and was not there", a->name,
						(unsigned long long)i);
	}
	if (kind != IMAGE_DATA)
		for (i = mem_next(m, mfn); i < end; i = mem_next(m, i + 1))
			mem_remove(m, i);
	if (kind == IMAGE_ZERO)
		rc = mem_add_zeros(m, mfn, n);
	for (i = mfn; kind == IMAGE_DATA && i < end && !rc; i++)
		rc = put_data(m, i, data + (i - mfn) * PAGE_SIZE);
	return rc ? error_set(e, -ENOMEM, "%s: the host has no memory for its guest", a->name) : 0;
}

int snapshot_receive(struct snapshot *s, struct frame_pool *pool, const struct image_input *in, struct snapshot_part *part,
		     struct error *e)
{
	struct arrival a = { .s = s, .pool = pool, .name = in->name };
	struct image_sink sink = { on_chunk, on_memory, on_frames, &a };
	u8 digest[IMAGE_DIGEST_BYTES];
	int rc = 0;

	do {
		a.has_about = a.has_state = a.has_memory = false;
		a.part = (struct part){ .last = 1 }; /* a plain snapshot's file has no such chunk, and is alone */
		rc = image_stream(in, a.begun ? digest : NULL, &sink, digest, e);
		if (rc == 1)
			rc = error_set(e, -EPIPE, "%s: it ended before the guest was here", a.name);
		if (!rc && (!a.has_about || !a.has_memory || (a.part.last && !a.has_state)))
			rc = error_set(e, -EINVAL, "%s: this is no snapshot of a guest", a.name);
		a.begun = true;
	} while (!rc && !a.part.last);
	part->answers = a.part.answers;
	part->paused = a.part.paused;
	if (rc)
		snapshot_free(s);
	return rc;
}
