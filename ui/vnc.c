/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VNC: the listening sockets, the copy of the screen that all viewers share, and their input. What one viewer does is
 * in ui/vnc_viewer.c. Left out: the clipboard, for a paravirtual guest has none.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "ui/vnc.h"

#include <errno.h>

#if HAVE_VNCSERVER
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "ui/vnc_impl.h"

bool vnc_available(void)
{
	return true;
}

/* ---- the screen ------------------------------------------------------------------------------------------------ */

static void copy_rect(struct vnc *v, const struct surface *s, const struct rect *r)
{
	u32 y;

	for (y = r->y; y < r->y + r->h && y < v->height; y++)
		if (r->x < v->width)
			memcpy(v->pixels + (size_t)y * v->width + r->x, s->pixels + (size_t)y * s->stride + r->x,
			       MIN(r->w, v->width - r->x) * sizeof(u32));
}

static void on_switched(void *opaque, const struct surface *s)
{
	struct vnc *v = opaque;
	u32 w = s->pixels ? s->width : VNC_EMPTY_WIDTH, h = s->pixels ? s->height : VNC_EMPTY_HEIGHT;
	u32 *pixels = calloc((size_t)w * h, sizeof *pixels);
	struct viewer *c;

	if (!pixels)
		return;
	os_mutex_lock(&v->lock);
	free(v->pixels);
	v->pixels = pixels;
	v->width = w;
	v->height = h;
	v->generation++;
	if (s->pixels)
		copy_rect(v, s, &(struct rect){ 0, 0, w, h });
	for (c = v->viewers; c; c = c->next)
		viewer_wake(c);
	os_mutex_unlock(&v->lock);
}

static void on_update(void *opaque, const struct surface *s, const struct rect *r, u32 n)
{
	struct vnc *v = opaque;
	struct viewer *c;
	u32 i;

	os_mutex_lock(&v->lock);
	for (i = 0; i < n && v->pixels; i++) {
		copy_rect(v, s, &r[i]);
		for (c = v->viewers; c; c = c->next)
			if (c->in)
				viewer_changed(c, &r[i]);
	}
	for (c = v->viewers; c; c = c->next)
		if (c->in)
			viewer_wake(c);
	os_mutex_unlock(&v->lock);
}

static const struct listener_ops listener_ops = { on_switched, on_update };

/* ---- input ----------------------------------------------------------------------------------------------------- */

void vnc_queue(struct vnc *v, const struct vnc_event *ev)
{
	struct vnc_event *last;

	os_mutex_lock(&v->lock);
	last = v->nqueue ? &v->queue[v->nqueue - 1] : NULL;
	/* A pointer that only moved on needs no two places. */
	if (last && last->kind == VNC_POINTER && ev->kind == VNC_POINTER && last->buttons == ev->buttons && last->from == ev->from)
		*last = *ev;
	else if (v->nqueue < ARRAY_SIZE(v->queue))
		v->queue[v->nqueue++] = *ev;
	os_mutex_unlock(&v->lock);
	os_wake(v->wake[1]);
}

static void pointer(struct vnc *v, const struct vnc_event *ev)
{
	u32 pressed = ev->buttons & ~v->buttons;
	struct pointer_event pe = {
		.absolute = true,
		.x = (i32)ev->x,
		.y = (i32)ev->y,
		.wheel = pressed & 8 ? 1 : pressed & 16 ? -1 : 0,
		.buttons = (ev->buttons & 1 ? BUTTON_LEFT : 0u) | (ev->buttons & 2 ? BUTTON_MIDDLE : 0u) |
			   (ev->buttons & 4 ? BUTTON_RIGHT : 0u),
	};

	v->buttons = ev->buttons;
	display_pointer(v->display, &pe);
}

static void note_key(struct vnc *v, const void *from, u32 code, bool down)
{
	struct viewer *c;

	for (c = v->viewers; c && c != from; c = c->next)
		;
	if (c && down)
		c->down[code / 8] |= (u8)(1u << (code % 8));
	else if (c)
		c->down[code / 8] &= (u8) ~(1u << (code % 8));
}

static void key(struct vnc *v, const struct vnc_event *ev)
{
	u32 ch, code = keymap_keysym(v->keymap, ev->keysym, &ch);

	if (ev->xt && display_key_by_xt(ev->xt))
		code = display_key_by_xt(ev->xt);
	if (code < KEYS)
		note_key(v, ev->from, code, ev->down);
	display_key(v->display, code, ch, ev->down);
}

/* A viewer has gone: what it alone held is let go of. */
static void let_go(struct vnc *v, const struct viewer *gone)
{
	const struct viewer *c;
	u32 code;

	for (code = 1; code < KEYS; code++) {
		if (!(gone->down[code / 8] >> (code % 8) & 1))
			continue;
		for (c = v->viewers; c && !(c->down[code / 8] >> (code % 8) & 1); c = c->next)
			;
		if (!c)
			display_key(v->display, code, 0, false);
	}
}

static void reap(struct vnc *v)
{
	struct viewer **p = &v->viewers, *c;

	while ((c = *p)) {
		if (!c->ended) {
			p = &c->next;
			continue;
		}
		os_mutex_lock(&v->lock);
		*p = c->next;
		v->nin -= c->in;
		os_mutex_unlock(&v->lock);
		let_go(v, c);
		viewer_free(c);
		v->nviewers--;
	}
	if (!v->viewers && v->listener) {
		display_unlisten(v->listener);
		v->listener = NULL;
	}
}

static void on_queue(void *opaque, u32 events)
{
	struct vnc *v = opaque;
	struct vnc_event take[ARRAY_SIZE(v->queue)];
	u32 n, i;

	os_wake_clear(v->wake[0]);
	os_mutex_lock(&v->lock);
	n = v->nqueue;
	memcpy(take, v->queue, n * sizeof *take);
	v->nqueue = 0;
	for (struct viewer *c = v->viewers; c; c = c->next)
		c->ended = c->over;
	os_mutex_unlock(&v->lock);
	for (i = 0; i < n; i++) {
		if (take[i].kind == VNC_KEY)
			key(v, &take[i]);
		else
			pointer(v, &take[i]);
	}
	reap(v);
}

/* ---- who comes ------------------------------------------------------------------------------------------------- */

#define HANDSHAKE_NS 10000000000u /* until a viewer must have logged in, or be asked for a password */
#define PASSWORD_NS 30000000000u  /* until it must have given one */
#define PATIENCE_NS 1000000000u   /* between two looks who is late */
#define RETRY_NS 100000000u       /* after the host had no descriptor for a viewer */
#define CROWD_NS 25000000u        /* after one that came when all places for strangers were taken */
#define BACKLOG 64                /* who waits meanwhile */

static void name_peer(struct viewer *c)
{
	struct sockaddr_storage a = { 0 };
	socklen_t len = sizeof a;
	char host[48], port[8];

	snprintf(c->peer, sizeof c->peer, "a local socket");
	if (os_getpeername(c->fd, (struct sockaddr *)&a, &len) || (a.ss_family != AF_INET && a.ss_family != AF_INET6))
		return;
	/* Of IPv6's addresses a host may take as many as it likes that have the same first half. */
	if (a.ss_family == AF_INET)
		memcpy(c->from, &((struct sockaddr_in *)&a)->sin_addr, 4);
	else
		memcpy(c->from, &((struct sockaddr_in6 *)&a)->sin6_addr, sizeof c->from);
	if (!getnameinfo((struct sockaddr *)&a, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(c->peer, sizeof c->peer, a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* Who has not logged in and was not sent away. Under the lock. */
static bool is_stranger(const struct viewer *c)
{
	return !c->in && !c->stop && !c->over;
}

/* Those from where like comes, or all. Under the lock. */
static u32 count_strangers(const struct vnc *v, const struct viewer *like)
{
	const struct viewer *c;
	u32 n = 0;

	for (c = v->viewers; c; c = c->next)
		n += is_stranger(c) && (!like || !memcmp(c->from, like->from, sizeof c->from));
	return n;
}

static u32 strangers(struct vnc *v)
{
	u32 n;

	os_mutex_lock(&v->lock);
	n = count_strangers(v, NULL);
	os_mutex_unlock(&v->lock);
	return n;
}

/* Sends one away: the oldest of those from where most come, so that nobody can take the places of others' hosts. */
static void make_room(struct vnc *v)
{
	struct viewer *c, *worst = NULL;
	u32 n, most = 0;

	os_mutex_lock(&v->lock);
	/* The newest is first in the list. */
	for (c = v->viewers; c; c = c->next) {
		n = is_stranger(c) ? count_strangers(v, c) : 0;
		if (n && n >= most) {
			most = n;
			worst = c;
		}
	}
	os_mutex_unlock(&v->lock);
	if (worst)
		viewer_stop(worst);
}

/* One that is asked for a password has time to type it, and while it waits for its turn that is our doing. */
static bool is_late(struct viewer *c, u64 now)
{
	bool late;

	os_mutex_lock(&c->v->lock);
	late = is_stranger(c) && !c->answered && now - c->since > (c->asked ? PASSWORD_NS : HANDSHAKE_NS);
	os_mutex_unlock(&c->v->lock);
	return late;
}

static void on_patience(void *opaque, u32 events)
{
	struct vnc *v = opaque;
	struct viewer *c;

	for (c = v->viewers; c; c = c->next)
		if (is_late(c, host_now()))
			viewer_stop(c);
	if (!strangers(v)) {
		poll_remove(v->poll, v->patience);
		v->patience = NULL;
	}
}

/* Viewers that may be there, threads that still end included. */
#define VNC_ALL (VNC_VIEWERS + VNC_STRANGERS + VNC_ENDING)

static bool is_full(struct vnc *v)
{
	bool full;

	os_mutex_lock(&v->lock);
	full = v->nin >= VNC_VIEWERS || v->nviewers >= VNC_ALL;
	os_mutex_unlock(&v->lock);
	return full;
}

int vnc_serve(struct vnc *v, int fd)
{
	struct viewer *c;

	if (is_full(v)) {
		os_close(fd);
		return -EBUSY;
	}
	os_prepare(fd);
	if (!v->patience)
		v->patience = poll_every(v->poll, PATIENCE_NS, on_patience, v);
	if (!v->listener) {
		v->listener = display_listen(v->display, &listener_ops, v);
		if (!v->listener || !v->pixels) {
			os_close(fd);
			return -ENOMEM;
		}
	}
	if (strangers(v) >= VNC_STRANGERS)
		make_room(v);
	c = viewer_new(v, fd);
	if (!c) {
		reap(v);
		return -ENOMEM;
	}
	name_peer(c);
	os_mutex_lock(&v->lock);
	c->next = v->viewers;
	v->viewers = c;
	os_mutex_unlock(&v->lock);
	v->nviewers++;
	return 0;
}

static void on_retry(void *opaque, u32 events)
{
	struct vnc *v = opaque;
	u32 i;

	poll_remove(v->poll, v->retry);
	v->retry = NULL;
	for (i = 0; i < v->nlisten; i++)
		poll_change(v->poll, v->items[i], POLL_READABLE, false);
}

static void on_accept(void *opaque, u32 events)
{
	struct vnc *v = opaque;
	bool short_of = false;
	u32 i;

	for (i = 0; i < v->nlisten; i++) {
		int fd = os_accept(v->listen[i], NULL, NULL);

		if (fd >= 0)
			vnc_serve(v, fd);
		else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != ECONNABORTED)
			short_of = true;
	}
	/*
	 * The viewer goes on knocking: without a pause we would do nothing but say no. With one, those whom newcomers
	 * push out have had time to log in.
	 */
	short_of = short_of || v->nviewers >= VNC_ALL;
	if (!v->retry && (short_of || strangers(v) >= VNC_STRANGERS) &&
	    (v->retry = poll_every(v->poll, short_of ? RETRY_NS : CROWD_NS, on_retry, v)))
		for (i = 0; i < v->nlisten; i++)
			poll_change(v->poll, v->items[i], 0, true);
}

static int take_listener(struct vnc *v, int fd)
{
	v->items[v->nlisten] = poll_add(v->poll, fd, POLL_READABLE, on_accept, v);
	if (!v->items[v->nlisten])
		return -ENOMEM;
	os_prepare(fd);
	v->listen[v->nlisten++] = fd;
	return 0;
}

static int listen_unix(struct vnc *v, const struct vnc_spec *spec, struct error *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, rc;

	memcpy(a.sun_path, spec->host, MIN(strlen(spec->host), sizeof a.sun_path - 1));
	/* One that was left behind by a process that is gone is in nobody's way. */
	rc = socket_clear_stale(spec->host, &a, SOCK_STREAM, e);
	if (rc)
		return rc;
	fd = os_socket(AF_UNIX, SOCK_STREAM, 0);
	rc = fd < 0 ? -errno : socket_bind_file(fd, &a, &v->file);
	if (!rc && os_listen(fd, BACKLOG))
		rc = -errno;
	if (rc) {
		socket_file_remove(&v->file);
		if (fd >= 0)
			os_close(fd);
		return error_set(e, rc, "no socket can be made at %s (%s): choose another path, or remove what is there", spec->host,
				 os_strerror(-rc));
	}
	snprintf(v->address, sizeof v->address, "%s", spec->host);
	return take_listener(v, fd);
}

/* All addresses of the host for one port. 0, -EADDRINUSE, or -errno. */
static int listen_port(struct vnc *v, const struct vnc_spec *spec, u32 port)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM }, *list, *a;
	char service[8];
	int rc = 0, one = 1;

	snprintf(service, sizeof service, "%u", port);
	if (getaddrinfo(*spec->host ? spec->host : NULL, service, &hints, &list))
		return -ENOENT;
	for (a = list; a && !rc && v->nlisten < VNC_LISTEN; a = a->ai_next) {
		int fd = os_socket(a->ai_family, a->ai_socktype, a->ai_protocol);

		if (fd < 0)
			continue; /* a host without IPv6 */
		os_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
#ifdef IPV6_V6ONLY
		if (a->ai_family == AF_INET6)
			os_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
#endif
		if (os_bind(fd, a->ai_addr, a->ai_addrlen) || os_listen(fd, BACKLOG)) {
			int err = errno;

			os_close(fd);
			if (a->ai_family == AF_INET6 && err == EADDRNOTAVAIL)
				continue;
			rc = -err;
		} else {
			rc = take_listener(v, fd);
		}
	}
	freeaddrinfo(list);
	if (!rc && !v->nlisten)
		rc = -EADDRNOTAVAIL;
	return rc;
}

static void stop_listening(struct vnc *v)
{
	while (v->nlisten) {
		v->nlisten--;
		poll_remove(v->poll, v->items[v->nlisten]);
		os_close(v->listen[v->nlisten]);
	}
}

static int listen_tcp(struct vnc *v, const struct vnc_spec *spec, struct error *e)
{
	const char *host = *spec->host ? spec->host : "every address";
	u32 n;
	int rc = -EADDRINUSE;

	for (n = spec->first; n <= spec->last && rc == -EADDRINUSE; n++) {
		rc = listen_port(v, spec, VNC_PORT + n);
		if (rc)
			stop_listening(v);
		else
			snprintf(v->address, sizeof v->address, "%s:%u", *spec->host ? spec->host : "*", VNC_PORT + n);
	}
	if (rc == -EADDRINUSE)
		return error_set(e, rc, "port %u of %s is taken by another program: choose another display number%s", VNC_PORT + spec->last,
				 host, spec->first == spec->last ? ", or give it room, as in :1,to=9" : "");
	if (rc == -ENOENT || rc == -EADDRNOTAVAIL)
		return error_set(e, rc, "%s is no address of this computer: use localhost, 0.0.0.0 or a name it has", host);
	if (rc)
		return error_set(e, rc, "nothing can listen on port %u of %s (%s): choose another", VNC_PORT + spec->first, host,
				 os_strerror(-rc));
	return 0;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

struct vnc *vnc_open(const struct vnc_spec *spec, struct display *d, struct poll_set *poll, const struct keymap *keymap,
		     const char *name, struct error *e)
{
	struct vnc *v = calloc(1, sizeof *v);
	int rc;

	if (!v || os_wake_open(v->wake)) {
		free(v);
		error_set(e, -ENOMEM, "the host is out of memory or files");
		return NULL;
	}
	os_mutex_init(&v->lock);
	v->display = d;
	v->poll = poll;
	v->keymap = keymap;
	v->password = spec->password;
	snprintf(v->secret, sizeof v->secret, "%s", spec->secret);
	snprintf(v->name, sizeof v->name, "%s", name);
	viewers_init(v);
	v->wake_item = poll_add(poll, v->wake[0], POLL_READABLE, on_queue, v);
	if (!v->wake_item)
		rc = error_set(e, -ENOMEM, "the host is out of memory");
	else if (spec->none)
		rc = 0;
	else
		rc = spec->local ? listen_unix(v, spec, e) : listen_tcp(v, spec, e);
	if (rc) {
		vnc_close(v);
		return NULL;
	}
	return v;
}

void vnc_close(struct vnc *v)
{
	struct viewer *c;

	if (!v)
		return;
	socket_file_remove(&v->file);
	stop_listening(v);
	poll_remove(v->poll, v->retry);
	poll_remove(v->poll, v->patience);
	for (c = v->viewers; c; c = c->next)
		viewer_stop(c);
	while ((c = v->viewers)) {
		v->viewers = c->next;
		viewer_free(c);
	}
	viewers_exit(v);
	display_unlisten(v->listener);
	poll_remove(v->poll, v->wake_item);
	os_wake_close(v->wake);
	os_mutex_destroy(&v->lock);
	free(v->pixels);
	free(v);
}

const char *vnc_address(const struct vnc *v)
{
	return v->address;
}

u32 vnc_viewers(const struct vnc *v)
{
	return v->nviewers;
}

bool vnc_viewer_describe(const struct vnc *v, u32 i, char *out, size_t n)
{
	const struct viewer *c;

	for (c = v->viewers; c && i; c = c->next)
		i--;
	if (c)
		snprintf(out, n, "%s", c->peer);
	return c != NULL;
}

bool vnc_wants_password(struct vnc *v)
{
	bool wanted;

	os_mutex_lock(&v->lock);
	wanted = v->password;
	os_mutex_unlock(&v->lock);
	return wanted;
}

void vnc_set_password(struct vnc *v, const char *secret)
{
	os_mutex_lock(&v->lock);
	v->password = true;
	snprintf(v->secret, sizeof v->secret, "%s", secret ? secret : "");
	os_mutex_unlock(&v->lock);
}

#else

#include "base/os_file.h"

bool vnc_available(void)
{
	return false;
}

struct vnc *vnc_open(const struct vnc_spec *spec, struct display *d, struct poll_set *poll, const struct keymap *keymap,
		     const char *name, struct error *e)
{
	error_set(e, -ENOSYS, "this build has no VNC: configure it where libvncserver is (Debian: libvncserver-dev)");
	return NULL;
}

void vnc_close(struct vnc *v)
{
}

const char *vnc_address(const struct vnc *v)
{
	return "";
}

u32 vnc_viewers(const struct vnc *v)
{
	return 0;
}

bool vnc_viewer_describe(const struct vnc *v, u32 i, char *out, size_t n)
{
	return false;
}

bool vnc_wants_password(struct vnc *v)
{
	return false;
}

void vnc_set_password(struct vnc *v, const char *secret)
{
}

int vnc_serve(struct vnc *v, int fd)
{
	os_close(fd);
	return -ENOSYS;
}

#endif
