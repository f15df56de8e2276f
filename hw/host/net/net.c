/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks: the table of types, and the way of frames both ways with its bounded queues.
 */
#include "hw/host/net/net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "hw/host/net/impl.h"

static const struct net_kind *const kinds[] = {
	&net_user, &net_tap, &net_socket, &net_stream, &net_dgram, &net_hubport
};

/* ---- queues of frames --------------------------------------------------------------------------------------------- */

void net_queue_init(struct net_queue *q)
{
	*q = (struct net_queue){ 0 };
	q->tail = &q->head;
}

bool net_queue_put(struct net_queue *q, const struct net_frame *f, void *from)
{
	struct net_packet *p;

	if (q->frames >= NET_QUEUE_FRAMES || q->bytes + f->len > NET_QUEUE_BYTES)
		return false;
	p = malloc(sizeof *p + f->len);
	if (!p)
		return false;
	memcpy(p->bytes, f->data, f->len);
	p->f = *f;
	p->f.data = p->bytes;
	p->from = from;
	p->next = NULL;
	*q->tail = p;
	q->tail = &p->next;
	q->frames++;
	q->bytes += f->len;
	return true;
}

struct net_packet *net_queue_take(struct net_queue *q)
{
	struct net_packet *p = q->head;

	if (p) {
		q->head = p->next;
		if (!q->head)
			q->tail = &q->head;
		q->frames--;
		q->bytes -= p->f.len;
	}
	return p;
}

void net_queue_clear(struct net_queue *q)
{
	struct net_packet *p;

	while ((p = net_queue_take(q)))
		free(p);
}

/* ---- towards the guest -------------------------------------------------------------------------------------------- */

/* One that the client can take as it is. */
static void offer(void *opaque, const struct net_frame *f)
{
	struct netdev *n = opaque;

	if (!n->client) {
		n->stats.in_dropped++;
		return;
	}
	if (n->in.head || !n->client->receive(n->client_opaque, f)) {
		if (!net_queue_put(&n->in, f, NULL)) {
			n->stats.in_dropped++;
			return;
		}
	}
	n->stats.in_frames++;
	n->stats.in_bytes += f->len;
}

void net_deliver(struct netdev *n, const struct net_frame *f)
{
	if (f->len < NET_ETH_HEADER || f->len > NET_FRAME_MAX) {
		n->stats.in_dropped++;
		return;
	}
	if (n->dumps)
		net_dump_frame(n, f);
	if (!n->client || !net_finish(f, n->client->can, n->in_scratch, offer, n))
		n->stats.in_dropped++;
}

void netdev_accept(struct netdev *n)
{
	if (n->accepting)
		return;
	n->accepting = true;
	while (n->in.head && n->client && n->client->receive(n->client_opaque, &n->in.head->f))
		free(net_queue_take(&n->in));
	if (n->busy)
		n->room_due = true;
	else if (!n->in.head && n->kind->room)
		n->kind->room(n);
	n->accepting = false;
}

void netdev_set_client(struct netdev *n, const struct net_client *client, void *opaque)
{
	/* What waits was made ready for the one before. */
	n->stats.in_dropped += n->in.frames;
	n->stats.in_frames -= n->in.frames;
	n->stats.in_bytes -= n->in.bytes;
	net_queue_clear(&n->in);
	n->client = client;
	n->client_opaque = opaque;
	netdev_accept(n);
}

/* ---- from the guest ----------------------------------------------------------------------------------------------- */

static void pass(void *opaque, const struct net_frame *f)
{
	struct netdev *n = opaque;

	n->kind->send(n, f);
}

static void send_now(struct netdev *n, const struct net_frame *f)
{
	if (!net_finish(f, n->can, n->out_scratch, pass, n))
		net_lost(n);
}

void net_enter(struct netdev *n)
{
	n->busy = true;
}

void net_leave(struct netdev *n)
{
	u32 budget = NET_QUEUE_FRAMES; /* a client that answers each frame at once must not keep us for ever */
	struct net_packet *p;

	while (budget-- && (p = net_queue_take(&n->out))) {
		send_now(n, &p->f);
		free(p);
	}
	n->stats.out_dropped += n->out.frames;
	net_queue_clear(&n->out);
	if (n->kind->flush)
		n->kind->flush(n);
	n->busy = false;
	if (n->room_due) {
		n->room_due = false;
		netdev_accept(n);
	}
}

void net_lost(struct netdev *n)
{
	n->stats.out_dropped++;
}

void netdev_send(struct netdev *n, const struct net_frame *f)
{
	if (f->len < NET_ETH_HEADER || f->len > NET_FRAME_MAX) {
		net_lost(n);
		return;
	}
	n->stats.out_frames++;
	n->stats.out_bytes += f->len;
	if (n->dumps)
		net_dump_frame(n, f);
	if (n->busy) {
		if (!net_queue_put(&n->out, f, NULL))
			net_lost(n);
		return;
	}
	net_enter(n);
	send_now(n, f);
	net_leave(n);
}

/* ---- hubs' list of networks --------------------------------------------------------------------------------------- */

struct net_hubs {
	struct netdev *devs;
	struct net_hub *hubs;
};

struct net_hubs *net_hubs_new(void)
{
	return calloc(1, sizeof(struct net_hubs));
}

void net_hubs_free(struct net_hubs *h)
{
	free(h);
}

struct net_hub **net_hubs_first(struct net_hubs *h)
{
	return &h->hubs;
}

struct netdev *net_find(struct net_hubs *h, const char *id)
{
	struct netdev *n;

	for (n = h ? h->devs : NULL; n; n = n->next)
		if (!strcmp(n->id, id))
			return n;
	return NULL;
}

static void unlist(struct netdev *n)
{
	struct netdev **at;

	for (at = n->hubs ? &n->hubs->devs : NULL; at && *at; at = &(*at)->next)
		if (*at == n) {
			*at = n->next;
			break;
		}
}

/* ---- opening ------------------------------------------------------------------------------------------------------ */

static const struct net_kind *find_kind(const char *spec, struct error *e)
{
	size_t i, len = strcspn(spec, ",");
	struct nearest near;
	char word[41];

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strlen(kinds[i]->name) == len && !memcmp(kinds[i]->name, spec, len))
			return kinds[i];
	snprintf(word, sizeof word, "%.*s", (int)MIN(len, 40), spec);
	nearest_begin(&near, word);
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		nearest_offer(&near, kinds[i]->name);
	if (nearest_word(&near))
		error_set(e, -EINVAL, "'%s' is no type of network: did you mean %s?", word, nearest_word(&near));
	else
		error_set(
			e, -EINVAL,
			"'%s' is no type of network: use user, tap, socket, stream, dgram or hubport, as in user,id=n0",
			word);
	return NULL;
}

static bool id_ok(const char *id)
{
	size_t i;

	for (i = 0; id[i]; i++) {
		char c = id[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && (!i || !((c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '#')) &&
		    !(c == '#' && !i))
			return false;
	}
	return i >= 1 && i <= 60;
}

static int start(struct netdev *n, const char *text, struct error *e)
{
	struct net_args a;
	const char *id;
	int rc = net_args_parse(&a, n->spec, text, n->kind->props, e);

	if (rc)
		return rc;
	id = net_arg(&a, "id");
	if (id && !id_ok(id))
		rc = error_set(e, -EINVAL,
			       "%.200s: id=%.40s: an id is a letter and then letters, digits, '-', '.' and '_'",
			       n->spec, id);
	else if (id && net_find(n->hubs, id))
		rc = error_set(e, -EEXIST, "%.200s: there is a network '%s' already: choose another id", n->spec, id);
	else if (!(n->id = strdup(id ? id : "")))
		rc = error_set(e, -ENOMEM, "%.200s: the host is out of memory", n->spec);
	else
		rc = n->kind->open(n, &a, e);
	net_args_free(&a);
	return rc;
}

static void discard(struct netdev *n)
{
	net_dump_close(n);
	net_queue_clear(&n->in);
	net_queue_clear(&n->out);
	free(n->in_scratch);
	free(n->out_scratch);
	free(n->spec);
	free(n->id);
	free(n);
}

struct netdev *netdev_open(const char *spec, struct net_hubs *hubs, struct poll_set *ps, struct error *e)
{
	const struct net_kind *kind = find_kind(spec, e);
	struct netdev *n = kind ? calloc(1, sizeof *n) : NULL;
	size_t len = strcspn(spec, ",");

	if (!kind)
		return NULL;
	if (n) {
		net_queue_init(&n->in);
		net_queue_init(&n->out);
		n->kind = kind;
		n->ps = ps;
		n->hubs = hubs;
		n->spec = strdup(spec);
		n->in_scratch = malloc(NET_FRAME_MAX);
		n->out_scratch = malloc(NET_FRAME_MAX);
	}
	if (!n || !n->spec || !n->in_scratch || !n->out_scratch) {
		error_set(e, -ENOMEM, "%.200s: the host is out of memory", spec);
		if (n)
			discard(n);
		return NULL;
	}
	if (start(n, spec[len] ? spec + len + 1 : "", e)) {
		n->kind->close(n);
		discard(n);
		return NULL;
	}
	if (hubs) {
		n->next = hubs->devs;
		hubs->devs = n;
	}
	return n;
}

void netdev_close(struct netdev *n)
{
	if (!n)
		return;
	unlist(n);
	if (n->taken)
		net_hub_forget(n);
	n->client = NULL;
	n->kind->close(n);
	discard(n);
}

/* ---- what there is to know ---------------------------------------------------------------------------------------- */

const char *netdev_id(const struct netdev *n)
{
	return n->id;
}

const char *netdev_type(const struct netdev *n)
{
	return n->kind->name;
}

const struct netdev_stats *netdev_stats(const struct netdev *n)
{
	return &n->stats;
}

void netdev_describe(const struct netdev *n, char *s, size_t size)
{
	struct buf b = { 0 };
	char line[300];

	snprintf(line, sizeof line, "%.60s: type=%s", *n->id ? n->id : "(no id)", n->kind->name);
	buf_put(&b, line, strlen(line));
	if (n->kind->describe)
		n->kind->describe(n, &b);
	snprintf(line, sizeof line,
		 "\n  to the guest: %llu frames, %llu bytes, %llu dropped; from it: %llu frames, %llu bytes, %llu "
		 "dropped\n",
		 (unsigned long long)n->stats.in_frames, (unsigned long long)n->stats.in_bytes,
		 (unsigned long long)n->stats.in_dropped, (unsigned long long)n->stats.out_frames,
		 (unsigned long long)n->stats.out_bytes, (unsigned long long)n->stats.out_dropped);
	buf_put(&b, line, strlen(line));
	if (size)
		snprintf(s, size, "%.*s", (int)MIN(b.len, size - 1), b.p ? (const char *)b.p : "");
	buf_free(&b);
}

static int hostfwd(struct netdev *n, bool add, const char *rule, struct error *e)
{
	if (!n->kind->hostfwd)
		return error_set(e, -ENOTSUP,
				 "%s: a network of type %s forwards no ports of the host: use one of type user",
				 *n->id ? n->id : n->spec, n->kind->name);
	return n->kind->hostfwd(n, add, rule, e);
}

int netdev_hostfwd_add(struct netdev *n, const char *rule, struct error *e)
{
	return hostfwd(n, true, rule, e);
}

int netdev_hostfwd_remove(struct netdev *n, const char *rule, struct error *e)
{
	return hostfwd(n, false, rule, e);
}

/* ---- addresses ---------------------------------------------------------------------------------------------------- */

void net_mac_for(const char *guest, u32 index, u8 mac[6])
{
	u32 h = 0x811c9dc5; /* FNV-1a */
	u32 i;

	for (; *guest; guest++)
		h = (h ^ (u8)*guest) * 0x01000193;
	for (i = 0; i < 4; i++)
		h = (h ^ (index >> 8 * i & 0xff)) * 0x01000193;
	/* The last bytes go through few rounds: let all bits bear on the 24 that are kept. */
	h ^= h >> 16;
	h *= 0x85ebca6b;
	h ^= h >> 13;
	mac[0] = 0x00;
	mac[1] = 0x16;
	mac[2] = 0x3e;
	mac[3] = (u8)(h >> 16);
	mac[4] = (u8)(h >> 8);
	mac[5] = (u8)h;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

bool net_mac_parse(const char *s, u8 mac[6])
{
	u8 m[6];
	u32 i;

	for (i = 0; i < 6; i++, s += 3) {
		int hi = hex_digit(s[0]), lo = hi < 0 ? -1 : hex_digit(s[1]);

		if (lo < 0 || (i < 5 ? s[2] != ':' && s[2] != '-' : s[2] != 0))
			return false;
		m[i] = (u8)(hi << 4 | lo);
	}
	if (m[0] & 1)
		return false;
	for (i = 0; i < 6; i++)
		if (m[i])
			break;
	if (i == 6)
		return false;
	memcpy(mac, m, 6);
	return true;
}
