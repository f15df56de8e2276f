/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The door: the input queue of a domain.
 */
#include "vm/input.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void door_init(struct door *d)
{
	memset(d, 0, sizeof *d);
	d->tail = &d->head;
}

static void drop(struct door *d)
{
	struct door_input *in;

	while ((in = d->head)) {
		d->head = in->next;
		free(in);
	}
	d->tail = &d->head;
}

void door_free(struct door *d)
{
	drop(d);
	free(d->handlers);
	door_init(d);
}

int door_handle(struct door *d, u32 kind, u32 target, void (*fn)(void *, const struct door_input *), void *opaque)
{
	struct door_handler *p = realloc(d->handlers, (d->nhandlers + 1) * sizeof *p);

	if (!p)
		return -ENOMEM;
	d->handlers = p;
	p[d->nhandlers++] = (struct door_handler){ kind, target, fn, opaque };
	return 0;
}

void door_unhandle(struct door *d, u32 kind, u32 target)
{
	u32 i, n = 0;

	for (i = 0; i < d->nhandlers; i++)
		if (d->handlers[i].kind != kind || d->handlers[i].target != target)
			d->handlers[n++] = d->handlers[i];
	d->nhandlers = n;
}

int door_post(struct door *d, u32 kind, u32 target, const void *data, u32 len)
{
	struct door_input *in = malloc(sizeof *in + len);

	if (!in)
		return -ENOMEM;
	in->next = NULL;
	in->kind = kind;
	in->target = target;
	in->len = len;
	if (len)
		memcpy(in->data, data, len);
	*d->tail = in;
	d->tail = &in->next;
	return 0;
}

u32 door_count(const struct door *d, u32 kind, u32 target, u64 *bytes)
{
	const struct door_input *in;
	u32 n = 0;

	for (in = d->head; in; in = in->next)
		if (in->kind == kind && in->target == target) {
			n++;
			*bytes += in->len;
		}
	return n;
}

void door_save(void *opaque, struct buf *out)
{
	const struct door *d = opaque;
	const struct door_input *in;
	u32 n = 0;

	for (in = d->head; in; in = in->next)
		n++;
	buf_put_u32(out, n);
	for (in = d->head; in; in = in->next) {
		buf_put_u32(out, in->kind);
		buf_put_u32(out, in->target);
		buf_put_u32(out, in->len);
		buf_put(out, in->data, in->len);
	}
}

int door_load(void *opaque, struct reader *in)
{
	struct door *d = opaque;
	u32 n = reader_u32(in);

	drop(d);
	for (; n && !in->failed; n--) {
		u32 kind = reader_u32(in), target = reader_u32(in), len = reader_u32(in);
		const u8 *p = reader_get(in, len);

		if (p && door_post(d, kind, target, p, len))
			return -ENOMEM;
	}
	return in->failed ? -EINVAL : 0;
}

/* Shows it to the recorder, then to whoever takes it. */
static void let_in(struct door *d, const struct door_input *in)
{
	u32 i;

	if (d->on_input)
		d->on_input(d->recorder, in);
	for (i = 0; i < d->nhandlers; i++)
		if (d->handlers[i].kind == in->kind && d->handlers[i].target == in->target)
			d->handlers[i].fn(d->handlers[i].opaque, in);
}

bool door_open(struct door *d, u64 icount, u64 now)
{
	bool any = d->head != NULL;

	while (d->head) {
		struct door_input *in = d->head;

		d->head = in->next;
		if (!d->head)
			d->tail = &d->head;
		in->icount = icount;
		in->now = now;
		let_in(d, in);
		free(in);
	}
	return any;
}

void door_enter(struct door *d, u32 kind, u32 target, const void *data, u32 len, u64 icount, u64 now)
{
	u64 room[DIV_UP(sizeof(struct door_input) + DOOR_SMALL, sizeof(u64))];
	struct door_input *in = (struct door_input *)(void *)room;

	assert(len <= DOOR_SMALL);
	door_open(d, icount, now);
	*in = (struct door_input){ .icount = icount, .now = now, .kind = kind, .target = target, .len = len };
	memcpy(in->data, data, len);
	let_in(d, in);
}
