/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "paravane snapshot diff": in what two snapshots differ. The date and the picture do not count: they are for people.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/state_view.h"
#include "snapshot/file.h"
#include "ui/snapshot_tool.h"

#define ROWS_SHOWN 20u /* of frames that differ, without -v */
#define BYTES_SHOWN 16u

struct diff {
	FILE *out;
	bool verbose, differs;
	struct image *a, *b;
	const char *chunk;

	/* Frames of a memory. */
	u64 frames, rows;
	u64 first, count; /* the row that may go on */
	char bytes[128];  /* of -v: the first that differ in it */
};

/* ---- states ------------------------------------------------------------------------------------------------------ */

static void put_bytes(FILE *out, const u8 *p, u64 n)
{
	u64 i;

	for (i = 0; i < MIN(n, (u64)BYTES_SHOWN); i++)
		fprintf(out, "%02x", p[i]);
	fputs(n > BYTES_SHOWN ? "..." : "", out);
}

static void put_value(FILE *out, u8 kind, const u8 *p, u64 n)
{
	u8 le[8] = { 0 };

	if (!p) {
		fputs("none", out);
	} else if (kind == STATE_KIND_INT && n <= sizeof le) {
		memcpy(le, p, (size_t)n);
		fprintf(out, "0x%" PRIx64, ld64(le));
	} else if (kind == STATE_KIND_BYTES) {
		put_bytes(out, p, n);
	} else {
		fputs("there", out);
	}
}

static void tell_item(const struct diff *d, const struct state_difference *x)
{
	u64 i, n = MIN(x->size_a, x->size_b);

	for (i = 0; i < n && x->a[i] == x->b[i]; i++)
		;
	fprintf(d->out, "%" PRIu64 " and %" PRIu64 " bytes, which differ from byte %" PRIu64 " on", x->size_a, x->size_b, i);
	if (i < n) {
		fputs(": ", d->out);
		put_bytes(d->out, x->a + i, x->size_a - i);
		fputs(" | ", d->out);
		put_bytes(d->out, x->b + i, x->size_b - i);
	}
}

/* Bytes are shown from the first on that differs. */
static void on_difference(void *opaque, const struct state_difference *x)
{
	struct diff *d = opaque;
	u64 same = 0;

	if (!strcmp(d->chunk, SNAPSHOT_ABOUT) && !strcmp(x->where, "about.date"))
		return;
	d->differs = true;
	fprintf(d->out, "%s %s %u", d->chunk, x->item, x->instance);
	fprintf(d->out, "%s%s: ", *x->where ? " " : "", x->where);
	if (x->side != STATE_BOTH && !*x->where) {
		fprintf(d->out, "only in %s", image_path(x->side == STATE_ONLY_A ? d->a : d->b));
	} else if (!*x->where) {
		tell_item(d, x);
	} else {
		if (x->kind == STATE_KIND_BYTES && x->a && x->b && x->size_a == x->size_b)
			while (same < x->size_a && x->a[same] == x->b[same])
				same++;
		if (same)
			fprintf(d->out, "from byte %" PRIu64 " on ", same);
		put_value(d->out, x->kind, x->a ? x->a + same : NULL, x->size_a - same);
		fputs(" | ", d->out);
		put_value(d->out, x->kind, x->b ? x->b + same : NULL, x->size_b - same);
	}
	fputc('\n', d->out);
}

static int compare_bytes(struct diff *d, const u8 *a, size_t na, const u8 *b, size_t nb)
{
	if (na == nb && !memcmp(a, b, na))
		return 0;
	d->differs = true;
	fprintf(d->out, "%s: other bytes\n", d->chunk);
	return 0;
}

static int compare_states(struct diff *d, const u8 *a, size_t na, const u8 *b, size_t nb, struct error *e)
{
	struct state_view *x = NULL, *y = NULL;
	struct error why = { "" };
	const struct image *bad = d->a;
	int rc = state_view_new(a, na, &x, &why);

	if (!rc) {
		bad = d->b;
		rc = state_view_new(b, nb, &y, &why);
	}
	if (rc)
		error_set(e, rc, "%.200s: chunk %s: %.250s", image_path(bad), d->chunk, why.text);
	else
		state_view_compare(x, y, on_difference, d);
	state_view_free(x);
	state_view_free(y);
	return rc;
}

/* A chunk of both. */
static int compare_chunk(struct diff *d, const struct image_chunk_info *c, struct error *e)
{
	u8 *a = NULL, *b = NULL;
	size_t na, nb;
	int rc;

	if (!strcmp(c->type, SNAPSHOT_PICTURE))
		return 0;
	rc = image_chunk(d->a, c->type, c->instance, &a, &na, e);
	if (!rc)
		rc = image_chunk(d->b, c->type, c->instance, &b, &nb, e);
	if (rc == -ENOENT) {
		d->differs = true;
		fprintf(d->out, "%s: only in %s\n", c->type, image_path(d->a));
		rc = 0;
	} else if (!rc) {
		d->chunk = c->type;
		if (!strcmp(c->type, SNAPSHOT_ABOUT) || !strcmp(c->type, SNAPSHOT_STATE))
			rc = compare_states(d, a, na, b, nb, e);
		else
			rc = compare_bytes(d, a, na, b, nb);
	}
	free(a);
	free(b);
	return rc;
}

static int compare_chunks(struct diff *d, struct error *e)
{
	struct image_chunk_info c, other;
	u64 i = 0, k;
	int rc = 0;

	while (!rc && image_next_chunk(d->a, &i, &c))
		rc = compare_chunk(d, &c, e);
	for (i = 0; !rc && image_next_chunk(d->b, &i, &c);) {
		bool there = !strcmp(c.type, SNAPSHOT_PICTURE);

		for (k = 0; !there && image_next_chunk(d->a, &k, &other);)
			there = !strcmp(other.type, c.type) && other.instance == c.instance;
		if (there)
			continue;
		d->differs = true;
		fprintf(d->out, "%s: only in %s\n", c.type, image_path(d->b));
	}
	return rc;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void end_row(struct diff *d)
{
	if (!d->count)
		return;
	d->rows++;
	if (d->verbose || d->rows <= ROWS_SHOWN) {
		if (d->count == 1)
			fprintf(d->out, "  frame 0x%" PRIx64 "%s\n", d->first, d->bytes);
		else
			fprintf(d->out, "  frames 0x%" PRIx64 " to 0x%" PRIx64 " (%" PRIu64 ")%s\n", d->first, d->first + d->count - 1, d->count,
				d->bytes);
	}
	d->count = 0;
}

/* The first bytes that differ of a frame; NULL: it is not there. */
static void note_bytes(struct diff *d, const u8 *a, const u8 *b)
{
	u32 i, k, n;
	int at;

	*d->bytes = 0;
	if (!a || !b) {
		snprintf(d->bytes, sizeof d->bytes, ": only in %s", a ? "the first" : "the second");
		return;
	}
	for (i = 0; i < PAGE_SIZE - 1 && a[i] == b[i]; i++)
		;
	n = MIN(8u, PAGE_SIZE - i);
	at = snprintf(d->bytes, sizeof d->bytes, ": at 0x%03x ", i);
	for (k = 0; k < n; k++)
		at += snprintf(d->bytes + at, sizeof d->bytes - (size_t)at, "%02x", a[i + k]);
	at += snprintf(d->bytes + at, sizeof d->bytes - (size_t)at, " | ");
	for (k = 0; k < n; k++)
		at += snprintf(d->bytes + at, sizeof d->bytes - (size_t)at, "%02x", b[i + k]);
}

/* Rows of -v are of frames with a mark each, so they have one frame. */
static void frame_differs(struct diff *d, u64 mfn, const u8 *a, const u8 *b)
{
	d->differs = true;
	if (!d->frames++)
		fprintf(d->out, "memory %s:\n", d->chunk);
	if (d->count && (d->verbose || d->first + d->count != mfn))
		end_row(d);
	if (d->verbose)
		note_bytes(d, a, b);
	else
		*d->bytes = 0;
	if (!d->count)
		d->first = mfn;
	d->count++;
}

/* What is from a frame on in a memory; beyond its end nothing is. */
static int look(struct image_memory *m, u64 mfn, u64 limit, struct image_extent *x, struct error *e)
{
	int rc = image_extent(m, mfn, x, e);

	if (!rc)
		*x = (struct image_extent){ .mfn = mfn, .count = limit - mfn, .kind = IMAGE_ABSENT };
	return MIN(rc, 0);
}

static int compare_memory(struct diff *d, struct image_memory *ma, struct image_memory *mb, struct error *e)
{
	static const u8 zeros[PAGE_SIZE];
	u64 limit = MAX(image_memory_limit(ma), image_memory_limit(mb)), mfn, i, n;
	struct image_extent a, b;

	d->chunk = image_memory_name(ma);
	d->frames = d->rows = 0;
	for (mfn = 0; mfn < limit; mfn += n) {
		int rc = look(ma, mfn, limit, &a, e);

		if (!rc)
			rc = look(mb, mfn, limit, &b, e);
		if (rc)
			return rc;
		n = MIN(a.count, b.count);
		if (a.kind == b.kind && a.kind != IMAGE_DATA)
			continue;
		for (i = 0; i < n; i++) {
			const u8 *p = a.kind == IMAGE_ABSENT ? NULL : a.kind == IMAGE_ZERO ? zeros : a.data + i * PAGE_SIZE;
			const u8 *q = b.kind == IMAGE_ABSENT ? NULL : b.kind == IMAGE_ZERO ? zeros : b.data + i * PAGE_SIZE;

			if (!p || !q || memcmp(p, q, PAGE_SIZE))
				frame_differs(d, mfn + i, p, q);
		}
	}
	end_row(d);
	if (!d->verbose && d->rows > ROWS_SHOWN)
		fprintf(d->out, "  and %" PRIu64 " rows more: -v shows all\n", d->rows - ROWS_SHOWN);
	if (d->frames)
		fprintf(d->out, "  %" PRIu64 " frames differ, of %" PRIu64 " and %" PRIu64 "\n", d->frames, image_memory_frames(ma),
			image_memory_frames(mb));
	return 0;
}

static int compare_memories(struct diff *d, struct error *e)
{
	struct image_memory *m, *other;
	u32 i;
	int rc = 0;

	for (i = 0; !rc && (m = image_memory_at(d->a, i)); i++) {
		if (!image_memory(d->b, image_memory_name(m), &other, NULL)) {
			rc = compare_memory(d, m, other, e);
			continue;
		}
		d->differs = true;
		fprintf(d->out, "memory %s: only in %s\n", image_memory_name(m), image_path(d->a));
	}
	for (i = 0; !rc && (m = image_memory_at(d->b, i)); i++) {
		if (!image_memory(d->a, image_memory_name(m), &other, NULL))
			continue;
		d->differs = true;
		fprintf(d->out, "memory %s: only in %s\n", image_memory_name(m), image_path(d->b));
	}
	return rc;
}

int snapshot_diff(const struct snapshot_args *a)
{
	struct diff d = { .out = a->out, .verbose = a->verbose };
	struct error e = { "" };
	int rc = image_open(a->file[0], NULL, &d.a, &e);

	if (!rc)
		rc = image_open(a->file[1], NULL, &d.b, &e);
	if (!rc)
		rc = compare_chunks(&d, &e);
	if (!rc)
		rc = compare_memories(&d, &e);
	image_close(d.a);
	image_close(d.b);
	if (rc) {
		msg_error("%s", e.text);
		return 2;
	}
	return d.differs;
}
