/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "snapshot/source.h"

#include <errno.h>
#include <stdlib.h>

#include "base/os_thread.h"

struct source {
	struct mem_source s;
	struct os_mutex lock; /* a reader of files is for one thread at a time */
	struct image *img;
	struct image_memory *im;
	bool lost;
	struct error why;
};

static struct source *of(struct mem_source *s)
{
	return container_of(s, struct source, s);
}

static enum mem_late_page read_page(struct mem_source *ms, u64 mfn, u8 *page)
{
	struct source *s = of(ms);
	struct error e = { "" };
	int kind;

	os_mutex_lock(&s->lock);
	kind = image_page(s->im, mfn, page, &e);
	if (kind < 0 && !s->lost) {
		s->why = e;
		s->lost = true;
	}
	os_mutex_unlock(&s->lock);
	return kind < 0 ? LATE_LOST : kind == IMAGE_DATA ? LATE_DATA : LATE_ZERO;
}

/* What is written to why once is not changed again. */
static const char *lost(struct mem_source *ms)
{
	struct source *s = of(ms);
	bool is;

	os_mutex_lock(&s->lock);
	is = s->lost;
	os_mutex_unlock(&s->lock);
	return is ? s->why.text : NULL;
}

static void source_free(struct mem_source *ms)
{
	struct source *s = of(ms);

	image_close(s->img);
	os_mutex_destroy(&s->lock);
	free(s);
}

static const struct mem_source_ops ops = { read_page, lost, source_free };

int image_source(struct image *img, struct image_memory *im, struct mem *m, struct error *e)
{
	struct source *s = calloc(1, sizeof *s);
	struct image_extent x;
	u64 mfn = 0;
	int rc;

	if (!s) {
		image_close(img);
		return error_set(e, -ENOMEM, "the host is out of memory");
	}
	s->s = (struct mem_source){ &ops, 1 };
	s->img = img;
	s->im = im;
	os_mutex_init(&s->lock);
	while ((rc = image_kinds(im, mfn, &x, e)) > 0) {
		if (x.kind != IMAGE_ABSENT && mem_add_late(m, x.mfn, x.count, &s->s)) {
			rc = error_set(e, -ENOMEM, "%s: the host has no memory for its guest", image_path(img));
			break;
		}
		mfn = x.mfn + x.count;
	}
	mem_source_put(&s->s);
	return rc;
}
