/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back end of the first PV console (Xen public/io/console.h), and console_io, the hypercall that writes to Xen's own.
 */
#include "xen/console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xen/evtchn.h"
#include "xen/hypercall.h"
#include "xen/ring.h"

/* struct xencons_interface: in[1024], out[2048], in_cons, in_prod, out_cons, out_prod. */
static const struct byte_ring ring_in = { 0, 1024, 3072, 3076 };
static const struct byte_ring ring_out = { 1024, 2048, 3080, 3084 };

struct xen_console {
	struct xen_domain *d;
	struct xen_console_state s;
	size_t posted; /* bytes before the door; the host's own bookkeeping */
	void (*out)(void *opaque, const u8 *p, size_t n);
	void *opaque;
	void (*room)(void *opaque);
	void *room_opaque;
	char line[128]; /* of Xen's console, for the log */
	u32 nline;
};

static const struct state_field console_fields[] = {
	STATE_INT(struct xen_console_state, head),   STATE_INT(struct xen_console_state, count),
	STATE_INT(struct xen_console_state, broken), STATE_INT(struct xen_console_state, used),
	STATE_BYTES(struct xen_console_state, queue),
};
STATE_DESC(xen_console_state_desc, "pv-console", 1, struct xen_console_state, console_fields);

static void console_broken(struct xen_console *c, i64 rc)
{
	if (c->s.broken)
		return;
	c->s.broken = 1;
	log_line(&c->d->d->host->log, LOG_GUEST_ERRORS, "console: %s; the console is ignored from now on",
		 rc == -EPROTO ? "ring indexes are further apart than the ring is long" : "the ring page is gone");
}

/* A loaded state may say anything. */
static void console_check(struct xen_console *c)
{
	c->s.head %= XEN_CONSOLE_QUEUE;
	c->s.count = MIN(c->s.count, XEN_CONSOLE_QUEUE);
}

/* Moves queued input into the ring. True when some went in. */
static bool console_push(struct xen_console *c)
{
	bool moved = false;

	console_check(c);
	while (c->s.count && !c->s.broken) {
		u32 n = MIN(c->s.count, XEN_CONSOLE_QUEUE - c->s.head);
		i64 done = ring_give(&c->d->d->mem, c->d->s.console_mfn, &ring_in, c->s.queue + c->s.head, n);

		if (done < 0)
			console_broken(c, done);
		if (done <= 0)
			break;
		c->s.head = (c->s.head + (u32)done) % XEN_CONSOLE_QUEUE;
		c->s.count -= (u32)done;
		moved = true;
	}
	return moved;
}

static void console_emit(struct xen_console *c, const u8 *p, size_t n)
{
	if (c->out && n)
		c->out(c->opaque, p, n);
}

static bool console_pull(struct xen_console *c)
{
	u8 bytes[2048];
	i64 n = ring_take(&c->d->d->mem, c->d->s.console_mfn, &ring_out, bytes, sizeof bytes);

	if (n < 0)
		console_broken(c, n);
	if (n <= 0)
		return false;
	c->s.used = 1;
	console_emit(c, bytes, (size_t)n);
	return true;
}

/* The guest says that it wrote or that it read. */
static void console_event(void *opaque)
{
	struct xen_console *c = opaque;
	bool news;

	if (c->s.broken)
		return;
	news = console_pull(c);
	if (console_push(c)) {
		news = true;
		if (c->room)
			c->room(c->room_opaque);
	}
	if (news)
		evtchn_notify(c->d, c->d->s.console_port);
}

static void console_typed(void *opaque, const struct door_input *in)
{
	struct xen_console *c = opaque;
	u32 n, i;

	console_check(c);
	n = MIN(in->len, XEN_CONSOLE_QUEUE - c->s.count);
	c->posted -= MIN(c->posted, (size_t)in->len);
	if (c->s.broken)
		return;
	if (n < in->len)
		log_line(&c->d->d->host->log, LOG_GUEST_ERRORS, "console: %u bytes of input lost, the guest does not read",
			 in->len - n);
	for (i = 0; i < n; i++)
		c->s.queue[(c->s.head + c->s.count + i) % XEN_CONSOLE_QUEUE] = in->data[i];
	c->s.count += n;
	if (console_push(c)) {
		evtchn_notify(c->d, c->d->s.console_port);
		if (c->room)
			c->room(c->room_opaque);
	}
}

/* The event channel calls us again, unless the guest had closed it. What was typed may wait before the door. */
static int loaded(void *opaque, struct error *e)
{
	struct xen_console *c = opaque;
	u64 bytes = 0;

	door_count(&c->d->d->door, DOOR_CHAR, XEN_CONSOLE_TARGET, &bytes);
	c->posted = (size_t)bytes;
	evtchn_attach_first(c->d, c->d->s.console_port, console_event, c);
	return 0;
}

int xen_console_init(struct xen_domain *d, void (*out)(void *opaque, const u8 *p, size_t n), void *opaque)
{
	struct xen_console *c = calloc(1, sizeof *c);
	int rc;

	if (!c)
		return -ENOMEM;
	c->d = d;
	c->out = out;
	c->opaque = opaque;
	d->console = c;
	rc = evtchn_bind_host(d, &d->s.console_port, console_event, c);
	if (!rc)
		rc = door_handle(&d->d->door, DOOR_CHAR, XEN_CONSOLE_TARGET, console_typed, c);
	if (!rc)
		rc = state_add(&d->d->states, "pv-console", 0, &xen_console_state_desc, &c->s, 1);
	if (!rc)
		rc = state_add_loaded(&d->d->states, loaded, c);
	if (rc)
		xen_console_free(d);
	return rc;
}

void xen_console_free(struct xen_domain *d)
{
	if (!d->console)
		return;
	state_remove(&d->d->states, &d->console->s);
	state_remove(&d->d->states, d->console);
	free(d->console);
	d->console = NULL;
}

int xen_console_input(struct xen_domain *d, const u8 *p, size_t n)
{
	struct xen_console *c = d->console;
	int rc;

	n = MIN(n, xen_console_room(d));
	if (!n)
		return 0;
	rc = door_post(&d->d->door, DOOR_CHAR, XEN_CONSOLE_TARGET, p, (u32)n);
	if (!rc)
		c->posted += n;
	return rc;
}

size_t xen_console_room(const struct xen_domain *d)
{
	const struct xen_console *c = d->console;
	size_t taken = c->s.count + c->posted;

	return taken < XEN_CONSOLE_QUEUE ? XEN_CONSOLE_QUEUE - taken : 0;
}

void xen_console_on_room(struct xen_domain *d, void (*room)(void *opaque), void *opaque)
{
	d->console->room = room;
	d->console->room_opaque = opaque;
}

/* What cannot be printed is left out, as Xen does. */
static void console_log(struct xen_console *c, u8 byte)
{
	if (byte == '\t' || (byte >= ' ' && byte < 0x7f))
		c->line[c->nline++] = (char)byte;
	if (byte != '\n' && c->nline < sizeof c->line)
		return;
	log_line(&c->d->d->host->log, LOG_CONSOLE, "xen console: %.*s", (int)c->nline, c->line);
	c->nline = 0;
}

void xen_console_raw(struct xen_domain *d, const u8 *p, size_t n)
{
	struct xen_console *c = d->console;
	size_t i, from = 0;

	for (i = 0; c && i < n; i++) {
		console_log(c, p[i]);
		if (c->s.used || p[i] != '\n' || (i && p[i - 1] == '\r'))
			continue;
		/* The other console is a terminal without a driver. */
		console_emit(c, p + from, i - from);
		console_emit(c, (const u8 *)"\r\n", 2);
		from = i + 1;
	}
	if (c && !c->s.used)
		console_emit(c, p + from, n - from);
}

void xen_console_reset(struct xen_domain *d)
{
	d->console->s.broken = 0;
}

/* ---- console_io ------------------------------------------------------------------------------------------------ */

/* Xen's own console: a guest may write to it, as to one of a debug build, and nothing else. */
i64 hc_console_io(struct hc *h)
{
	u8 text[512];
	u32 n, count = (u32)h->args[1];

	h->chatter = true;
	h->sub = (u32)h->args[0];
	if (h->sub)
		return -XEN_EPERM;
	n = MIN(count, (u32)sizeof text);
	if (xen_copy_from(h->v, text, h->args[2], n))
		return -XEN_EFAULT;
	xen_console_raw(xen_dom(h->v->d), text, n);
	if (n == count)
		return 0;
	h->args[1] = count - n;
	h->args[2] += n;
	return hc_continue(h);
}
