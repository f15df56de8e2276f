/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys and the pointer. What a person does is posted to the door (vm/input.h). When the door lets it in, it waits in a queue for
 * room in the ring.
 */
#include "xen/backend/vkbd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "hw/host/display/keys.h"
#include "xen/backend/framepage.h"
#include "xen/backend/vfb.h"

/* struct xenkbd_page and its ring of events to the guest. */
#define IN_CONS 0u
#define IN_PROD 4u
#define IN_RING 1024u
#define EVENT 40u
#define RING_LEN (2048u / EVENT)

enum vkbd_event { EVENT_MOTION = 1, EVENT_KEY = 3, EVENT_POS = 4 };

#define RAW_MAX 0x7fffu /* positions with feature-raw-pointer */

/* An event as it passes the door: kind, pressed, two bytes of nothing, then three 32-bit words. */
#define MESSAGE 16u

struct vkbd_state {
	u64 page; /* the shared page's frame; 0: not connected */
	u32 absolute; /* 0: moves; 1: positions in pixels of VFB_WIDTH x VFB_HEIGHT; 2: from 0 to RAW_MAX */
	u32 head, count; /* of queue */
	u32 buttons; /* BUTTON_* that the guest has been told are held */
	u8 queue[VKBD_QUEUE * MESSAGE];
};

static const struct state_field vkbd_fields[] = {
	STATE_INT(struct vkbd_state, page),  STATE_INT(struct vkbd_state, absolute), STATE_INT(struct vkbd_state, head),
	STATE_INT(struct vkbd_state, count), STATE_INT(struct vkbd_state, buttons),  STATE_BYTES(struct vkbd_state, queue),
};
STATE_DESC(vkbd_state_desc, "vkbd", 1, struct vkbd_state, vkbd_fields);

struct vkbd {
	struct xenbus_device *dev; /* NULL once it is gone */
	struct xen_domain *p;
	struct vkbd_state s;
	u32 posted;  /* before the door; the host's own bookkeeping */
	u32 buttons; /* as told last: state, and what waits before the door */
};

static const struct {
	u32 button, code;
} buttons[] = {
	{ BUTTON_LEFT, KEY_BTN_LEFT }, { BUTTON_MIDDLE, KEY_BTN_MIDDLE }, { BUTTON_RIGHT, KEY_BTN_RIGHT },
	{ BUTTON_SIDE, KEY_BTN_SIDE }, { BUTTON_EXTRA, KEY_BTN_EXTRA },
};

/* The buttons that are held after an event, of those that were. */
static u32 buttons_after(u32 held, const u8 *m)
{
	u32 i;

	for (i = 0; m[0] == EVENT_KEY && i < ARRAY_SIZE(buttons); i++)
		if (buttons[i].code == ld32(m + 4))
			held = m[1] ? held | buttons[i].button : held & ~buttons[i].button;
	return held;
}

/* ---- to the guest ---------------------------------------------------------------------------------------------- */

/* Moves queued events into the ring. */
static void push(struct vkbd *k)
{
	u8 index[8], b[EVENT], word[4];
	u32 cons, prod, before = k->s.count;

	if (!k->s.page)
		return;
	if (framepage_read(k->p, k->s.page, IN_CONS, index, sizeof index)) {
		xenbus_fail(k->dev, -EFAULT, "the shared page is gone");
		return;
	}
	cons = ld32(index);
	prod = ld32(index + 4);
	if (prod - cons > RING_LEN) {
		xenbus_fail(k->dev, -EPROTO, "the ring's indexes are %u apart, and it has %u places", prod - cons, RING_LEN);
		return;
	}
	while (k->s.count && prod - cons < RING_LEN) {
		const u8 *m = k->s.queue + k->s.head * MESSAGE;

		memset(b, 0, sizeof b);
		memcpy(b, m, MESSAGE);
		if (framepage_write(k->p, k->s.page, IN_RING + prod % RING_LEN * EVENT, b, sizeof b)) {
			xenbus_fail(k->dev, -EFAULT, "the shared page cannot be written");
			return;
		}
		prod++;
		k->s.head = (k->s.head + 1) % VKBD_QUEUE;
		k->s.count--;
	}
	if (k->s.count == before)
		return;
	st32(word, prod);
	if (framepage_write(k->p, k->s.page, IN_PROD, word, sizeof word))
		xenbus_fail(k->dev, -EFAULT, "the shared page cannot be written");
	else
		xenbus_notify(k->dev, 0);
}

/* The door lets an event in. */
static void let_in(void *opaque, const struct door_input *in)
{
	struct vkbd *k = opaque;

	k->posted -= MIN(k->posted, 1);
	if (!k->dev || !k->s.page || in->len != MESSAGE)
		return;
	k->s.buttons = buttons_after(k->s.buttons, in->data);
	if (k->s.count == VKBD_QUEUE) {
		log_line(&k->p->d->host->log, LOG_GUEST_ERRORS, "vkbd: an event is lost, the guest does not read");
		return;
	}
	memcpy(k->s.queue + (k->s.head + k->s.count) % VKBD_QUEUE * MESSAGE, in->data, MESSAGE);
	k->s.count++;
	push(k);
}

/* ---- from the person ------------------------------------------------------------------------------------------- */

static void post(struct vkbd *k, u32 kind, bool pressed, u32 a, u32 b, u32 c)
{
	u8 m[MESSAGE] = { (u8)kind, pressed };

	if (!k->dev || !k->s.page || k->posted >= VKBD_QUEUE)
		return;
	st32(m + 4, a);
	st32(m + 8, b);
	st32(m + 12, c);
	if (!door_post(&k->p->d->door, DOOR_INPUT, VKBD_TARGET, m, sizeof m))
		k->posted++;
}

static void on_key(void *opaque, u32 code, bool down)
{
	post(opaque, EVENT_KEY, down, code, 0, 0);
}

static u32 scale(i32 v, u32 size, u32 to)
{
	return size > 1 ? (u32)((u64)(u32)MAX(v, 0) * (to - 1) / (size - 1)) : 0;
}

static void on_pointer(void *opaque, const struct pointer_event *ev, u32 width, u32 height)
{
	struct vkbd *k = opaque;
	u32 wheel = (u32)-ev->wheel, changed = k->buttons ^ ev->buttons, i; /* towards the person is positive in the ring */

	if (ev->absolute) {
		u32 w = k->s.absolute == 2 ? RAW_MAX + 1 : VFB_WIDTH, h = k->s.absolute == 2 ? RAW_MAX + 1 : VFB_HEIGHT;

		post(k, EVENT_POS, false, scale(ev->x, width, w), scale(ev->y, height, h), wheel);
	} else if (ev->x || ev->y || ev->wheel) {
		post(k, EVENT_MOTION, false, (u32)ev->x, (u32)ev->y, wheel);
	}
	for (i = 0; i < ARRAY_SIZE(buttons); i++)
		if (changed & buttons[i].button)
			post(k, EVENT_KEY, ev->buttons & buttons[i].button, buttons[i].code, 0, 0);
	k->buttons = ev->buttons;
}

static bool on_absolute(void *opaque)
{
	struct vkbd *k = opaque;

	return k->s.page && k->s.absolute;
}

static const struct vfb_input input = { on_key, on_pointer, on_absolute };

/* ---- the front end --------------------------------------------------------------------------------------------- */

static int vkbd_publish(struct xenbus_device *dev)
{
	return xenbus_offer(dev, "feature-abs-pointer", "1") | xenbus_offer(dev, "feature-raw-pointer", "1") |
	       xenbus_offer(dev, "width", "%u", VFB_WIDTH) | xenbus_offer(dev, "height", "%u", VFB_HEIGHT);
}

static int vkbd_connect(struct xenbus_device *dev, struct error *e)
{
	struct vkbd *k = xenbus_service(dev);
	u64 page;
	int rc;

	if (xenbus_read_u64(dev, XENBUS_WHOLE, "page-ref", &page))
		return error_set(e, -EINVAL, "page-ref of the front end is missing or no number");
	if (!page || !framepage_ok(k->p, page))
		return error_set(e, -EINVAL, "page-ref %llx is no page the guest can share", (unsigned long long)page);
	rc = xenbus_bind(dev, XENBUS_WHOLE, "event-channel", e);
	if (rc < 0)
		return rc;
	k->s.page = page;
	k->s.absolute = xenbus_read_or(dev, XENBUS_WHOLE, "request-raw-pointer", 0)   ? 2
			: xenbus_read_or(dev, XENBUS_WHOLE, "request-abs-pointer", 0) ? 1
										      : 0;
	k->s.head = k->s.count = 0;
	k->s.buttons = k->buttons = 0;
	return 0;
}

static void vkbd_disconnect(struct xenbus_device *dev)
{
	struct vkbd *k = xenbus_service(dev);

	memset(&k->s, 0, sizeof k->s);
}

static void vkbd_event(struct xenbus_device *dev, u32 channel)
{
	push(xenbus_service(dev));
}

static void vkbd_removed(void *service)
{
	struct vkbd *k = service;

	k->dev = NULL;
	memset(&k->s, 0, sizeof k->s);
	state_remove(&k->p->d->states, k);
}

static void vkbd_save(struct xenbus_device *dev, struct buf *out)
{
	const struct vkbd *k = xenbus_service(dev);

	state_save(&vkbd_state_desc, &k->s, out);
}

static int vkbd_load(struct xenbus_device *dev, struct reader *in)
{
	struct vkbd *k = xenbus_service(dev);
	struct vkbd_state s;

	if (state_load(&vkbd_state_desc, &s, in) || s.absolute > 2 || s.head >= VKBD_QUEUE || s.count > VKBD_QUEUE)
		return -EINVAL;
	k->s = s;
	return 0;
}

/* Buttons that the guest knows to be held are let go by the next event that a pointer sends. */
static int vkbd_loaded(void *opaque, struct error *e)
{
	struct vkbd *k = opaque;
	const struct door_input *in;

	k->posted = 0;
	k->buttons = k->s.buttons;
	for (in = k->p->d->door.head; in; in = in->next)
		if (in->kind == DOOR_INPUT && in->target == VKBD_TARGET) {
			k->posted++;
			if (in->len == MESSAGE)
				k->buttons = buttons_after(k->buttons, in->data);
		}
	return 0;
}

const struct xenbus_ops vkbd_ops = {
	.name = "vkbd",
	.ready = XENBUS_INITIALISED,
	.publish = vkbd_publish,
	.connect = vkbd_connect,
	.disconnect = vkbd_disconnect,
	.event = vkbd_event,
	.removed = vkbd_removed,
	.save = vkbd_save,
	.load = vkbd_load,
};

int vkbd_add(struct xen_domain *p, struct vfb *fb, struct vkbd **out, struct error *e)
{
	struct vkbd *k = calloc(1, sizeof *k);
	int rc;

	if (!k || state_add_loaded(&p->d->states, vkbd_loaded, k) ||
	    door_handle(&p->d->door, DOOR_INPUT, VKBD_TARGET, let_in, k)) {
		state_remove(&p->d->states, k);
		free(k);
		return error_set(e, -ENOMEM, "the host is out of memory");
	}
	k->p = p;
	*out = k; /* from here on vkbd_free() has it, after the domain: the door knows it */
	rc = xenbus_add(p, &vkbd_ops, 0, k, &k->dev, e);
	if (rc)
		return rc;
	vfb_set_input(fb, &input, k);
	return 0;
}

void vkbd_free(struct vkbd *k)
{
	free(k);
}
