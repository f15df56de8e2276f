/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches. A guest's watch puts a WATCH_EVENT message into its ring; while the same message still waits there it is not sent
 * again. A host's watch is a function that is called when the operation that changed the store is complete.
 */
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "xen/store/impl.h"
#include "xen/xen.h"

bool xs_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	if (!strcmp(top, "/"))
		return path[0] == '/';
	return !strncmp(path, top, n) && (path[n] == '/' || !path[n]);
}

/* A guest learns of a change only where it may read the node or the directory the node is in. */
static bool watch_allowed(const struct xs_conn *c, const char *path, const struct xs_node *node)
{
	char parent[XS_ABS_PATH_MAX + 1];
	const struct xs_node *up;
	size_t n;

	if (node && (xs_rights(c, node->perms, node->nperms) & XS_PERM_READ))
		return true;
	if (path[0] == '@')
		return false;
	n = strlen(path);
	if (n >= sizeof parent)
		return false;
	memcpy(parent, path, n + 1);
	do {
		n = xs_parent_len(parent);
		parent[n] = 0;
		up = xs_table_find(&c->s->nodes, parent);
	} while (!up && n > 1);
	return up && (xs_rights(c, up->perms, up->nperms) & XS_PERM_READ);
}

static void guest_event(struct xs_conn *c, const struct xs_guest_watch *w, const char *path)
{
	char prefix[40];
	u8 body[XS_PAYLOAD_MAX];
	const struct xs_msg *m;
	size_t n, k;

	if (c->dead || !c->introduced)
		return;
	if (w->relative) {
		n = (size_t)snprintf(prefix, sizeof prefix, "/local/domain/%u/", c->domid);
		if (!strncmp(path, prefix, n))
			path += n;
	}
	n = strlen(path) + 1;
	k = strlen(w->token) + 1;
	if (n + k > sizeof body)
		return;
	memcpy(body, path, n);
	memcpy(body + n, w->token, k);
	for (m = c->out; m; m = m->next)
		if (m->type == XS_WATCH_EVENT && !m->at && m->len == XS_HEADER + n + k &&
		    !memcmp(m->data + XS_HEADER, body, n + k))
			return;
	xs_send(c, XS_WATCH_EVENT, 0, 0, body, n + k);
	if (!c->client && !c->serving && xs_flush(c) && c->notify)
		c->notify(c->opaque);
}

static void host_event(struct xenstore *s, struct xs_host_watch *w, const char *path)
{
	size_t n = strlen(path) + 1;
	struct xs_host_event *e = malloc(sizeof *e + n);

	if (!e)
		return;
	e->next = NULL;
	e->watch = w;
	memcpy(e->path, path, n);
	*s->events_tail = e;
	s->events_tail = &e->next;
}

/* True when path lies at top, or no more than depth levels below. */
static bool within(const char *path, const char *top, u32 depth)
{
	const char *p;
	u32 n = 0;

	if (!xs_below(path, top))
		return false;
	if (depth == XS_ANY_DEPTH)
		return true;
	for (p = path + (top[1] ? strlen(top) : 0); *p; p++)
		n += *p == '/' && p[1];
	return n <= depth;
}

void xs_fire(struct xenstore *s, const char *path, const struct xs_node *node, bool exact)
{
	struct xs_conn *c;
	struct xs_guest_watch *w;
	struct xs_host_watch *h;

	for (c = s->conns; c; c = c->next) {
		int allowed = -1;

		for (w = c->watches; w; w = w->next) {
			if (exact ? strcmp(path, w->path) != 0 : !within(path, w->path, w->depth))
				continue;
			if (allowed < 0)
				allowed = watch_allowed(c, path, node);
			if (allowed)
				guest_event(c, w, path);
		}
	}
	for (h = s->host_watches; h; h = h->next)
		if (!h->gone && (exact ? !strcmp(path, h->path) : xs_below(path, h->path)))
			host_event(s, h, path);
}

void xs_fire_special(struct xenstore *s, const char *name, u32 domid)
{
	const struct xs_node *node = xs_table_find(&s->nodes, name);
	char which[40];
	struct xs_conn *c;
	struct xs_guest_watch *w;
	struct xs_host_watch *h;

	snprintf(which, sizeof which, "%s/%u", name, domid);
	xs_enter(s);
	for (c = s->conns; c; c = c->next)
		for (w = c->watches; w; w = w->next)
			if (!strcmp(w->path, name) && watch_allowed(c, name, node))
				/* Who gives a depth is told which domain. */
				guest_event(c, w, w->depth && w->depth != XS_ANY_DEPTH ? which : name);
	for (h = s->host_watches; h; h = h->next)
		if (!h->gone && !strcmp(h->path, name))
			host_event(s, h, name);
	xs_leave(s);
}

int xs_guest_watch(struct xs_conn *c, const char *path, const char *token, bool relative, u32 depth)
{
	struct xs_guest_watch **p, *w;
	u32 n = 0;

	for (p = &c->watches; *p; p = &(*p)->next, n++)
		if (!strcmp((*p)->path, path) && !strcmp((*p)->token, token))
			return -XEN_EEXIST;
	if (n >= (c->client ? XS_CLIENT_WATCHES : c->s->quota.watches))
		return -XEN_E2BIG;
	w = calloc(1, sizeof *w);
	if (!w)
		return -XEN_ENOMEM;
	w->path = xs_strdup(path);
	w->token = xs_strdup(token);
	w->relative = relative;
	w->depth = depth;
	if (!w->path || !w->token) {
		free(w->path);
		free(w->token);
		free(w);
		return -XEN_ENOMEM;
	}
	*p = w;
	return 0;
}

void xs_guest_watch_first(struct xs_conn *c, const char *path, const char *token)
{
	struct xs_guest_watch *w;

	for (w = c->watches; w; w = w->next)
		if (!strcmp(w->path, path) && !strcmp(w->token, token))
			guest_event(c, w, path);
}

static void watch_free(struct xs_guest_watch *w)
{
	free(w->path);
	free(w->token);
	free(w);
}

int xs_guest_unwatch(struct xs_conn *c, const char *path, const char *token)
{
	struct xs_guest_watch **p, *w;

	for (p = &c->watches; (w = *p); p = &w->next) {
		if (!strcmp(w->path, path) && !strcmp(w->token, token)) {
			*p = w->next;
			watch_free(w);
			return 0;
		}
	}
	return -XEN_ENOENT;
}

void xs_guest_watches_drop(struct xs_conn *c)
{
	struct xs_guest_watch *w;

	while ((w = c->watches)) {
		c->watches = w->next;
		watch_free(w);
	}
}

void xs_enter(struct xenstore *s)
{
	s->depth++;
}

void xs_leave(struct xenstore *s)
{
	struct xs_host_watch **p, *w;
	struct xs_host_event *e;

	/* What a called function changes joins the end of the list. */
	while (s->depth == 1 && (e = s->events)) {
		s->events = e->next;
		if (!s->events)
			s->events_tail = &s->events;
		if (!e->watch->gone)
			e->watch->fn(e->watch->opaque, e->path);
		free(e);
	}
	if (--s->depth)
		return;
	for (p = &s->host_watches; (w = *p);) {
		if (w->gone) {
			*p = w->next;
			free(w->path);
			free(w);
		} else {
			p = &w->next;
		}
	}
}

struct xs_host_watch *xs_watch(struct xenstore *s, const char *path, void (*fn)(void *opaque, const char *path),
			       void *opaque)
{
	struct xs_host_watch **p;
	struct xs_host_watch *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->path = xs_strdup(path);
	if (!w->path) {
		free(w);
		return NULL;
	}
	w->fn = fn;
	w->opaque = opaque;
	for (p = &s->host_watches; *p; p = &(*p)->next)
		;
	*p = w;
	xs_enter(s);
	host_event(s, w, path);
	xs_leave(s);
	return w;
}

void xs_unwatch(struct xenstore *s, struct xs_host_watch *w)
{
	if (!w)
		return;
	xs_enter(s);
	w->gone = true;
	xs_leave(s);
}
