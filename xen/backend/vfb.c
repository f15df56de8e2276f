/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The framebuffer's device: its connection, its state, the picture it is told of. Comparing pictures is in vfb_look.c.
 */
#include "xen/backend/vfb_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "xen/backend/framepage.h"

/* struct xenfb_page: indexes, what is shown, the directory. */
#define OUT_CONS 8u
#define OUT_PROD 12u
#define PAGE_WIDTH 16u
#define PAGE_HEIGHT 20u
#define PAGE_LINE 24u
#define PAGE_BYTES 28u
#define PAGE_DEPTH 32u
#define PAGE_DIRECTORY64 40u
#define PAGE_DIRECTORY32 36u
#define DIRECTORY_ENTRIES 256u

#define OUT_RING 2048u
#define EVENT 40u
#define RING_LEN (2048u / EVENT)

enum vfb_event { EVENT_UPDATE = 2, EVENT_RESIZE = 3 };

static const struct state_field vfb_fields[] = {
	STATE_INT(struct vfb_state, page),   STATE_INT(struct vfb_state, width),   STATE_INT(struct vfb_state, height),
	STATE_INT(struct vfb_state, stride), STATE_INT(struct vfb_state, offset),  STATE_INT(struct vfb_state, bytes),
	STATE_INT(struct vfb_state, depth),  STATE_INT(struct vfb_state, updates), STATE_INT(struct vfb_state, nframes),
};
STATE_DESC(vfb_state_desc, "vfb", 1, struct vfb_state, vfb_fields);

/* ---- the display ------------------------------------------------------------------------------------------------ */

static void on_refresh(void *opaque)
{
	struct vfb *v = opaque;

	vfb_look(v);
	/* A guest that never says when something changes is looked at again and again. */
	if (v->s.page && !v->s.updates)
		display_poke(v->console);
}

/* ---- input ----------------------------------------------------------------------------------------------------- */

static void on_key(void *opaque, u32 code, u32 ch, bool down)
{
	struct vfb *v = opaque;

	if (v->input && code)
		v->input->key(v->opaque, code, down);
}

static void on_pointer(void *opaque, const struct pointer_event *ev)
{
	struct vfb *v = opaque;

	if (v->input && v->s.width && v->s.height)
		v->input->pointer(v->opaque, ev, v->s.width, v->s.height);
}

static bool on_absolute(void *opaque)
{
	struct vfb *v = opaque;

	return v->input && v->input->absolute(v->opaque);
}

static struct console_note *on_note(void *opaque)
{
	return vfb_note(opaque);
}

static const struct console_ops console_ops = { on_refresh, on_key, on_pointer, on_absolute, on_note };

void vfb_set_input(struct vfb *v, const struct vfb_input *input, void *opaque)
{
	v->input = input;
	v->opaque = opaque;
}

/* ---- the front end --------------------------------------------------------------------------------------------- */

/* Whether a picture of this form lies in what is shared. 0 or -EINVAL with a sentence. */
static int check_form(const struct vfb_state *s, struct error *e)
{
	u32 size = s->depth / 8;

	if (s->depth != 8 && s->depth != 16 && s->depth != 24 && s->depth != 32)
		return error_set(e, -EINVAL, "%u bits a pixel are asked for, and 8, 16, 24 and 32 are known", s->depth);
	if (!s->width || !s->height || s->width > DISPLAY_MAX_WIDTH || s->height > DISPLAY_MAX_HEIGHT ||
	    (u64)s->width * s->height > VFB_MAX_PIXELS)
		return error_set(e, -EINVAL, "a picture of %u x %u is asked for, and that is too large or nothing", s->width, s->height);
	if (s->stride < s->width * size || s->offset > s->bytes ||
	    (u64)(s->height - 1) * s->stride + (u64)s->width * size > s->bytes - s->offset)
		return error_set(e, -EINVAL, "a picture of %u x %u with lines of %u bytes at %u does not lie in %u bytes", s->width,
				 s->height, s->stride, s->offset, s->bytes);
	return 0;
}

/* Shows a picture of this form from now on. */
static int take_form(struct vfb *v, const struct vfb_state *s)
{
	const struct surface *f = display_surface(v->console);
	int rc = 0;

	v->s = *s;
	vfb_look_anew(v);
	/* A change of size calls on_refresh() when somebody looks. */
	if (!f->pixels || f->width != s->width || f->height != s->height)
		rc = display_resize(v->console, s->width, s->height);
	display_poke(v->console);
	return rc;
}

/* The guest's list of frames, by its directory. */
static int read_frames(struct vfb *v, u64 page, u32 bytes, bool narrow, struct error *e)
{
	u32 n = DIV_UP(bytes, (u32)PAGE_SIZE), entry = narrow ? 4 : 8, per = (u32)PAGE_SIZE / entry, i;
	u8 b[8] = { 0 };
	u64 list = 0;

	free(v->frames);
	v->frames = calloc(n ? n : 1, sizeof *v->frames);
	if (!v->frames)
		return error_set(e, -ENOMEM, "the host is out of memory");
	for (i = 0; i < n; i++) {
		if (i % per == 0) {
			if (i / per >= DIRECTORY_ENTRIES ||
			    framepage_read(v->p, page, (narrow ? PAGE_DIRECTORY32 : PAGE_DIRECTORY64) + i / per * entry, b, entry))
				return error_set(e, -EINVAL, "the directory of frames is too short");
			list = narrow ? ld32(b) : ld64(b);
		}
		if (framepage_read(v->p, list, i % per * entry, b, entry))
			return error_set(e, -EINVAL, "frame %llx, which should list others, is not the guest's", (unsigned long long)list);
		v->frames[i] = narrow ? ld32(b) : ld64(b);
		if (!xen_owned(v->p, v->frames[i]))
			return error_set(e, -EINVAL, "frame %llx of the picture is not the guest's", (unsigned long long)v->frames[i]);
	}
	v->s.nframes = n;
	return 0;
}

static int take_front(struct xenbus_device *dev, struct error *e)
{
	struct vfb *v = xenbus_service(dev);
	struct vfb_state s = { 0 };
	u8 b[PAGE_DEPTH + 1];
	int protocol, rc;

	protocol = xenbus_read_protocol(dev, e);
	if (protocol < 0)
		return protocol;
	if (xenbus_read_u64(dev, XENBUS_WHOLE, "page-ref", &s.page))
		return error_set(e, -EINVAL, "page-ref of the front end is missing or no number");
	if (!s.page || !framepage_ok(v->p, s.page) || framepage_read(v->p, s.page, 0, b, sizeof b))
		return error_set(e, -EINVAL, "page-ref %llx is no page the guest can share", (unsigned long long)s.page);
	s.width = ld32(b + PAGE_WIDTH);
	s.height = ld32(b + PAGE_HEIGHT);
	s.stride = ld32(b + PAGE_LINE);
	s.bytes = ld32(b + PAGE_BYTES);
	s.depth = b[PAGE_DEPTH];
	s.updates = xenbus_read_or(dev, XENBUS_WHOLE, "feature-update", 0) != 0;
	if (s.bytes > VFB_MAX_BYTES)
		return error_set(e, -EINVAL, "%u bytes are shared, and there may be %u", s.bytes, VFB_MAX_BYTES);
	rc = check_form(&s, e);
	if (rc)
		return rc;
	rc = read_frames(v, s.page, s.bytes, protocol == XENBUS_X86_32 || (protocol == XENBUS_NATIVE && v->p->s.is32), e);
	if (rc)
		return rc;
	s.nframes = v->s.nframes;
	rc = xenbus_bind(dev, XENBUS_WHOLE, "event-channel", e);
	if (rc < 0)
		return rc;
	rc = take_form(v, &s);
	return rc ? error_set(e, rc, "the host is out of memory for a picture of %u x %u", s.width, s.height) : 0;
}

static void vfb_disconnect(struct xenbus_device *dev)
{
	struct vfb *v = xenbus_service(dev);

	memset(&v->s, 0, sizeof v->s);
	vfb_look_anew(v);
	free(v->frames);
	v->frames = NULL;
	display_resize(v->console, 0, 0);
}

static int vfb_connect(struct xenbus_device *dev, struct error *e)
{
	int rc = take_front(dev, e);

	if (rc < 0)
		vfb_disconnect(dev);
	return rc;
}

static void resized(struct vfb *v, const u8 *b)
{
	struct vfb_state s = v->s;
	struct error e = { "" };

	s.width = ld32(b + 4);
	s.height = ld32(b + 8);
	s.stride = ld32(b + 12);
	s.depth = ld32(b + 16);
	s.offset = ld32(b + 20);
	if (check_form(&s, &e))
		log_line(&v->p->d->host->log, LOG_GUEST_ERRORS, "vfb: %s; the picture stays as it is", e.text);
	else if (take_form(v, &s))
		log_line(&v->p->d->host->log, LOG_GUEST_ERRORS, "vfb: the host is out of memory for %u x %u", s.width, s.height);
}

static void vfb_event(struct xenbus_device *dev, u32 channel)
{
	struct vfb *v = xenbus_service(dev);
	u8 index[8], b[EVENT], word[4];
	u32 cons, prod, used;

	if (framepage_read(v->p, v->s.page, OUT_CONS, index, sizeof index)) {
		xenbus_fail(dev, -EFAULT, "the shared page is gone");
		return;
	}
	cons = ld32(index);
	prod = ld32(index + 4);
	used = prod - cons;
	if (!used)
		return;
	if (used > RING_LEN) {
		xenbus_fail(dev, -EPROTO, "the ring's indexes are %u apart, and it has %u places", used, RING_LEN);
		return;
	}
	for (; cons != prod; cons++) {
		if (framepage_read(v->p, v->s.page, OUT_RING + cons % RING_LEN * EVENT, b, sizeof b))
			break;
		if (b[0] == EVENT_UPDATE)
			display_poke(v->console); /* where is seen by what was written */
		else if (b[0] == EVENT_RESIZE)
			resized(v, b);
		else
			log_line(&v->p->d->host->log, LOG_GUEST_ERRORS, "vfb: there is no event %u", b[0]);
	}
	st32(word, cons);
	if (framepage_write(v->p, v->s.page, OUT_CONS, word, sizeof word)) {
		xenbus_fail(dev, -EFAULT, "the shared page cannot be written");
		return;
	}
	/* Only a guest that found no room waits to hear of some. */
	if (used == RING_LEN)
		xenbus_notify(dev, 0);
}

static int vfb_publish(struct xenbus_device *dev)
{
	return xenbus_offer(dev, "request-update", "1") | xenbus_offer(dev, "feature-resize", "1") |
	       xenbus_offer(dev, "videoram", "%u", VFB_VIDEORAM);
}

static void vfb_removed(void *service)
{
	struct vfb *v = service;

	v->dev = NULL;
	vfb_look_anew(v); /* the memory goes away */
	display_resize(v->console, 0, 0);
}

static void vfb_save(struct xenbus_device *dev, struct buf *out)
{
	const struct vfb *v = xenbus_service(dev);
	u32 i;

	state_save(&vfb_state_desc, &v->s, out);
	for (i = 0; i < v->s.nframes; i++)
		buf_put_u64(out, v->frames[i]);
}

/* What is saved may say anything; a picture that does not hold together is none. */
static int vfb_load(struct xenbus_device *dev, struct reader *in)
{
	struct vfb *v = xenbus_service(dev);
	struct vfb_state s;
	u64 *frames;
	u32 i;

	if (state_load(&vfb_state_desc, &s, in))
		return -EINVAL;
	if (!s.page) {
		memset(&v->s, 0, sizeof v->s);
		vfb_look_anew(v);
		return s.nframes ? -EINVAL : 0;
	}
	if (s.bytes > VFB_MAX_BYTES || s.nframes != DIV_UP(s.bytes, (u32)PAGE_SIZE) || check_form(&s, NULL))
		return -EINVAL;
	frames = calloc(s.nframes ? s.nframes : 1, sizeof *frames);
	if (!frames)
		return -ENOMEM;
	for (i = 0; i < s.nframes; i++)
		frames[i] = reader_u64(in);
	if (in->failed) {
		free(frames);
		return -EINVAL;
	}
	free(v->frames);
	v->frames = frames;
	return take_form(v, &s) ? -ENOMEM : 0;
}

const struct xenbus_ops vfb_ops = {
	.name = "vfb",
	.ready = XENBUS_INITIALISED,
	.publish = vfb_publish,
	.connect = vfb_connect,
	.disconnect = vfb_disconnect,
	.event = vfb_event,
	.removed = vfb_removed,
	.save = vfb_save,
	.load = vfb_load,
};

int vfb_add(struct xen_domain *p, struct display *d, u32 slot, struct vfb **out, struct error *e)
{
	struct vfb *v = calloc(1, sizeof *v);
	int rc;

	if (!v)
		return error_set(e, -ENOMEM, "the host is out of memory");
	v->p = p;
	v->console = display_console_add(d, slot, "graphics", &console_ops, v);
	if (!v->console) {
		free(v);
		return error_set(e, -ENOMEM, "the host is out of memory");
	}
	rc = xenbus_add(p, &vfb_ops, 0, v, &v->dev, e);
	if (rc) {
		display_console_remove(v->console);
		free(v);
		return rc;
	}
	*out = v;
	return 0;
}

void vfb_free(struct vfb *v)
{
	if (!v)
		return;
	mem_look_stop(&v->look);
	display_console_remove(v->console);
	free(v->frames);
	free(v);
}

u64 vfb_compared(const struct vfb *v)
{
	return v->compared;
}
