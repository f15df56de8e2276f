/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network behind NAT, done in this process by libslirp: DHCP, DNS, TFTP and ports forwarded, with no rights needed. The
 * properties are those of QEMU's -netdev user. Left out: smb=, guestfwd= to sockets, urgent data, Windows.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/net/impl.h"

static const struct net_prop user_props[] = {
	{ "ipv4", NET_PROP_BOOL, 0 },      { "net", NET_PROP_STR, 0 },       { "host", NET_PROP_STR, 0 },
	{ "dhcpstart", NET_PROP_STR, 0 },  { "dns", NET_PROP_STR, 0 },       { "ipv6", NET_PROP_BOOL, 0 },
	{ "ipv6-net", NET_PROP_STR, 0 },   { "ipv6-host", NET_PROP_STR, 0 }, { "ipv6-dns", NET_PROP_STR, 0 },
	{ "restrict", NET_PROP_BOOL, 0 },  { "hostname", NET_PROP_STR, 0 },  { "domainname", NET_PROP_STR, 0 },
	{ "host-loopback", NET_PROP_BOOL, 0 },
	{ "dnssearch", NET_PROP_LIST, 0 }, { "tftp", NET_PROP_STR, 0 },      { "tftp-server-name", NET_PROP_STR, 0 },
	{ "bootfile", NET_PROP_STR, 0 },   { "hostfwd", NET_PROP_LIST, 0 },  { "guestfwd", NET_PROP_LIST, 0 },
	{ NULL, NET_PROP_STR, 0 },
};

#if !HAVE_SLIRP
static int user_open(struct netdev *n, const struct net_args *a, struct error *e)
{
	return error_set(
		e, -ENOSYS,
		"%.200s: user: built without libslirp: install libslirp-dev and configure again, or use tap or socket",
		n->spec);
}

static void user_close(struct netdev *n)
{
}

const struct net_kind net_user = { .name = "user", .props = user_props, .open = user_open, .close = user_close };
#else
#include <arpa/inet.h>
#include <libslirp.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/host/net/user.h"

#define FORWARDS_MAX 256u

/* A descriptor that slirp wants watched. */
struct slot {
	struct poll_item *it;
	u32 events, seen;
	u64 round; /* the last one in which it did */
	u64 deaf;  /* it listens, and nobody who comes is let in before this host time */
};

struct timer {
	struct timer *next;
	SlirpTimerId id;
	void *opaque;
	i64 due; /* ms of host time; negative: not set */
};

struct user {
	struct netdev *n;
	Slirp *slirp;
	struct poll_hook *hook;
	struct slot **slots; /* by descriptor; NULL where there never was one */
	u32 nslots;
	u64 round;
	bool filled, deaf;
	struct timer *timers;
	struct net_user_conf conf;
	struct net_guard guard;
	struct net_frags frags;
	char **forwards; /* hostfwd rules, as they are written */
	u32 nforwards;
	u8 train[NET_FRAME_MAX];
};

/* ---- slirp's view of us ------------------------------------------------------------------------------------------- */

static ssize_t on_packet(const void *p, size_t len, void *opaque)
{
	struct user *u = opaque;
	struct net_frame f = { .data = p, .len = (u32)MIN(len, (size_t)UINT32_MAX), .csum_good = true };

	net_guard_saw(&u->guard, p, f.len);
	net_deliver(u->n, &f);
	return (ssize_t)len;
}

static void on_guest_error(const char *msg, void *opaque)
{
}

static int64_t on_clock(void *opaque)
{
	return (int64_t)host_now();
}

static void *on_timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
	struct user *u = opaque;
	struct timer *t = calloc(1, sizeof *t);

	if (t) {
		*t = (struct timer){ .next = u->timers, .id = id, .opaque = cb_opaque, .due = -1 };
		u->timers = t;
	}
	return t;
}

static void on_timer_free(void *timer, void *opaque)
{
	struct user *u = opaque;
	struct timer **at;

	for (at = &u->timers; *at; at = &(*at)->next)
		if (*at == timer) {
			*at = (*at)->next;
			free(timer);
			return;
		}
}

static void on_timer_mod(void *timer, int64_t expire, void *opaque)
{
	struct timer *t = timer;

	if (t)
		t->due = expire;
}

static void on_opened(int fd, void *opaque)
{
	struct user *u = opaque;

	net_guard_opened(&u->guard, fd);
}

static void on_closed(int fd, void *opaque)
{
	struct user *u = opaque;

	net_guard_closed(&u->guard, fd);
}

static void on_notify(void *opaque)
{
	/* Whatever calls slirp here comes by the poll set again before it sleeps. */
}

static const SlirpCb callbacks = {
	.send_packet = on_packet,
	.guest_error = on_guest_error,
	.clock_get_ns = on_clock,
	.timer_free = on_timer_free,
	.timer_mod = on_timer_mod,
	.register_poll_fd = on_opened,
	.unregister_poll_fd = on_closed,
	.notify = on_notify,
	.timer_new_opaque = on_timer_new,
};

/* ---- our view of slirp's descriptors ------------------------------------------------------------------------------ */

static void on_event(void *opaque, u32 events)
{
	struct slot *s = opaque;

	s->seen |= events;
}

static void drop_slot(struct user *u, struct slot *s)
{
	poll_remove(u->n->ps, s->it);
	*s = (struct slot){ .it = NULL };
}

/* Places are addresses that the poll set keeps: each is allocated alone. */
static struct slot *get_slot(struct user *u, int fd)
{
	struct slot **p = net_list_reach(u->slots, &u->nslots, (u32)fd, sizeof *p);

	if (!p)
		return NULL;
	u->slots = p;
	if (!u->slots[fd])
		u->slots[fd] = calloc(1, sizeof *u->slots[fd]);
	return u->slots[fd];
}

/* The descriptors are mostly those of the round before: then nothing is to be done. The index is the descriptor. */
static int on_add_poll(int fd, int events, void *opaque)
{
	struct user *u = opaque;
	u32 want = (events & SLIRP_POLL_IN ? POLL_READABLE : 0u) | (events & SLIRP_POLL_OUT ? POLL_WRITABLE : 0u);
	struct slot *s = fd >= 0 ? get_slot(u, fd) : NULL;

	if (!s)
		return -1;
	s->seen = 0;
	s->round = u->round;
	if (s->deaf && host_now() < s->deaf) {
		want = 0;
		u->deaf = true;
	}
	if (!s->it)
		s->it = poll_add(u->n->ps, fd, want, on_event, s);
	else if (s->events != want)
		poll_change(u->n->ps, s->it, want, false);
	s->events = want;
	return fd;
}

#define DEAF_NS 100000000u

/* Who comes to a forwarded port while there are too many waits. */
static bool is_deaf(struct user *u, int fd, struct slot *s)
{
	int listens = 0;
	socklen_t len = sizeof listens;

	if (net_guard_holds(&u->guard, fd) || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) || !listens ||
	    !net_guard_full(&u->guard, NET_OPENS_TCP))
		return false;
	s->deaf = host_now() + DEAF_NS;
	return true;
}

static int on_get_revents(int idx, void *opaque)
{
	struct user *u = opaque;
	struct slot *s = idx >= 0 && (u32)idx < u->nslots ? u->slots[idx] : NULL;

	if (!s || s->round != u->round || (s->seen && is_deaf(u, idx, s)))
		return 0;
	return (s->seen & POLL_READABLE ? SLIRP_POLL_IN : 0) | (s->seen & POLL_WRITABLE ? SLIRP_POLL_OUT : 0) |
	       (s->seen & POLL_GONE ? SLIRP_POLL_HUP | SLIRP_POLL_ERR : 0);
}

static i64 before_wait(void *opaque)
{
	struct user *u = opaque;
	uint32_t ms = UINT32_MAX;
	i64 now = (i64)(host_now() / 1000000);
	const struct timer *t;
	u32 i;

	u->round++;
	u->deaf = false;
	/* A guest that has no room: its peers wait too, as slirp reads no more from them. */
	u->filled = !net_blocked(u->n);
	if (u->filled)
		slirp_pollfds_fill(u->slirp, &ms, on_add_poll, u);
	for (i = 0; i < u->nslots; i++)
		if (u->slots[i] && u->slots[i]->it && u->slots[i]->round != u->round)
			drop_slot(u, u->slots[i]);
	if (u->deaf)
		ms = MIN(ms, DEAF_NS / 1000000);
	for (t = u->timers; t; t = t->next)
		if (t->due >= 0)
			ms = MIN(ms, (uint32_t)MIN(MAX(t->due - now, 0), (i64)UINT32_MAX - 1));
	return ms == UINT32_MAX ? -1 : (i64)ms * 1000000;
}

static void run_timers(struct user *u)
{
	i64 now = (i64)(host_now() / 1000000);
	struct timer *t;

	for (t = u->timers; t; t = t->next)
		if (t->due >= 0 && t->due <= now) {
			t->due = -1;
			slirp_handle_timer(u->slirp, t->id, t->opaque);
			return; /* it may have changed the list; the next round does the next one */
		}
}

static void after_wait(void *opaque)
{
	struct user *u = opaque;

	net_enter(u->n);
	if (u->filled) {
		slirp_pollfds_poll(u->slirp, 0, on_get_revents, u);
		net_guard_tick(&u->guard, host_now());
	}
	u->filled = false;
	run_timers(u);
	net_leave(u->n);
}

/* ---- frames ------------------------------------------------------------------------------------------------------- */

static void on_passed(void *opaque, const u8 *f, u32 len)
{
	struct user *u = opaque;

	slirp_input(u->slirp, f, (int)len);
}

static void user_send(struct netdev *n, const struct net_frame *f)
{
	struct user *u = n->own;
	const u8 *p = f->data;
	u32 len = f->len;

	/* A train goes in as one long segment: slirp has no wire that it would have to fit. */
	if (f->gso != NET_GSO_NONE) {
		memcpy(u->train, f->data, f->len);
		if (!net_checksum(u->train, f->len)) {
			net_lost(n);
			return;
		}
		p = u->train;
	}
	if (net_is_fragment(p, len) && !(p = net_frags_put(&u->frags, p, len, host_now(), &len)))
		return;
	if (!net_guard_pass(&u->guard, p, len, on_passed, u))
		net_lost(n);
}

/* ---- ports of the host -------------------------------------------------------------------------------------------- */

static int remember(struct user *u, const char *rule)
{
	char **p = realloc(u->forwards, (u->nforwards + 1) * sizeof *p), *copy = strdup(rule);

	if (p)
		u->forwards = p;
	if (!p || !copy) {
		free(copy);
		return -ENOMEM;
	}
	p[u->nforwards++] = copy;
	return 0;
}

static void forget(struct user *u, const struct net_forward *w)
{
	struct net_forward old;
	u32 i;

	for (i = 0; i < u->nforwards; i++)
		if (!net_forward_parse(&old, u->n->spec, u->forwards[i], false, &u->conf, NULL) && old.udp == w->udp &&
		    old.host_port == w->host_port && old.host.s_addr == w->host.s_addr) {
			free(u->forwards[i]);
			u->forwards[i] = u->forwards[--u->nforwards];
			return;
		}
}

static int user_hostfwd(struct netdev *n, bool add, const char *rule, struct error *e)
{
	struct user *u = n->own;
	const char *who = *n->id ? n->id : n->spec;
	struct net_forward w;
	int rc = net_forward_parse(&w, who, rule, !add, &u->conf, e);

	if (rc)
		return rc;
	if (!add) {
		if (slirp_remove_hostfwd(u->slirp, w.udp, w.host, w.host_port))
			return error_set(
				e, -ENOENT,
				"%.100s: hostfwd '%.80s': no such port is forwarded: 'info usernet' lists them", who,
				rule);
		forget(u, &w);
		return 0;
	}
	if (u->nforwards >= FORWARDS_MAX)
		return error_set(e, -ENOSPC, "%.100s: hostfwd '%.80s': %u ports are forwarded already: remove one", who,
				 rule, FORWARDS_MAX);
	errno = 0;
	if (slirp_add_hostfwd(u->slirp, w.udp, w.host, w.host_port, w.guest, w.guest_port)) {
		rc = errno ? -errno : -EADDRINUSE;
		if (rc == -EADDRINUSE)
			return error_set(e, rc,
					 "%.100s: hostfwd '%.80s': port %u of the host is taken: choose another, or "
					 "stop who has it",
					 who, rule, w.host_port);
		if (rc == -EACCES || rc == -EPERM)
			return error_set(e, rc,
					 "%.100s: hostfwd '%.80s': no permission for port %u: choose one from 1024 on",
					 who, rule, w.host_port);
		if (rc == -EADDRNOTAVAIL)
			return error_set(
				e, rc,
				"%.100s: hostfwd '%.80s': that is no address of this machine: leave it out for any",
				who, rule);
		return error_set(e, rc, "%.100s: hostfwd '%.80s': the port cannot be served (%s): choose another", who,
				 rule, strerror(-rc));
	}
	return remember(u, rule) ? error_set(e, -ENOMEM, "%.100s: the host is out of memory", who) : 0;
}

/* "tcp:GUESTSIDE:PORT-cmd:COMMAND" or "-unix:PATH". */
static int add_guestfwd(struct user *u, const char *rule, struct error *e)
{
	struct in_addr addr;
	const char *target;
	u32 port;
	int rc = net_guestfwd_parse(u->n->spec, rule, &u->conf, &addr, &port, &target, e);

	if (rc)
		return rc;
	if (!strncmp(target, "cmd:", 4))
		rc = slirp_add_exec(u->slirp, target + 4, &addr, (int)port);
	else
		rc = slirp_add_unix(u->slirp, target + 5, &addr, (int)port);
	if (rc)
		return error_set(e, -EINVAL,
				 "%.150s: guestfwd '%.80s': that address and port are not free in the guest's network: "
				 "choose another, as in "
				 "tcp:10.0.2.100:1234-cmd:...",
				 u->n->spec, rule);
	return net_guard_forward(&u->guard, addr, port) ? error_set(e, -ENOMEM, "%.200s: the host is out of memory", u->n->spec) : 0;
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static int user_open(struct netdev *n, const struct net_args *a, struct error *e)
{
	struct user *u = calloc(1, sizeof *u);
	SlirpConfig cfg = { .version = 4 };
	const char *s, **search;
	struct stat st;
	int rc;
	u32 i;

	if (!u)
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory", n->spec);
	u->n = n;
	n->own = u;
	rc = net_user_conf(&u->conf, n->spec, a, e);
	if (rc)
		return rc;
	s = net_arg(a, "tftp");
	if (s && (stat(s, &st) || !S_ISDIR(st.st_mode)))
		return error_set(
			e, -ENOTDIR,
			"%.150s: tftp=%.100s: there is no such directory: name one whose files the guest may read",
			n->spec, s);
	u->guard.who = *n->id ? n->id : n->spec;
	u->guard.conf = &u->conf;
	u->guard.restricted = net_arg_on(a, "restrict", false);
	u->guard.host_loopback = net_arg_on(a, "host-loopback", true);
	cfg.restricted = u->guard.restricted;
	cfg.disable_host_loopback = !u->guard.host_loopback;
	cfg.in_enabled = u->conf.ipv4;
	cfg.vnetwork = u->conf.net;
	cfg.vnetmask = u->conf.mask;
	cfg.vhost = u->conf.host;
	cfg.vdhcp_start = u->conf.dhcp;
	cfg.vnameserver = u->conf.dns;
	cfg.in6_enabled = u->conf.ipv6;
	cfg.vprefix_addr6 = u->conf.net6;
	cfg.vprefix_len = u->conf.prefix6;
	cfg.vhost6 = u->conf.host6;
	cfg.vnameserver6 = u->conf.dns6;
	cfg.vhostname = net_arg(a, "hostname");
	cfg.tftp_path = s;
	cfg.tftp_server_name = net_arg(a, "tftp-server-name");
	cfg.bootfile = net_arg(a, "bootfile");
	cfg.vdomainname = net_arg(a, "domainname");
	search = calloc(a->n + 1, sizeof *search);
	if (!search)
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory", n->spec);
	for (i = 0; (s = net_arg_nth(a, "dnssearch", i)); i++)
		search[i] = s;
	cfg.vdnssearch = i ? search : NULL;
	u->slirp = slirp_new(&cfg, &callbacks, u);
	free(search);
	if (!u->slirp)
		return error_set(e, -EINVAL,
				 "%.200s: libslirp refuses this combination: leave net=, host=, dns= or dhcpstart= out",
				 n->spec);
	n->can = NET_CAN_TSO4;
	u->hook = poll_hook_add(n->ps, before_wait, after_wait, u);
	if (!u->hook)
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory", n->spec);
	for (i = 0; (s = net_arg_nth(a, "hostfwd", i)); i++)
		if ((rc = user_hostfwd(n, true, s, e)))
			return rc;
	for (i = 0; (s = net_arg_nth(a, "guestfwd", i)); i++)
		if ((rc = add_guestfwd(u, s, e)))
			return rc;
	return 0;
}

static void user_close(struct netdev *n)
{
	struct user *u = n->own;
	u32 i;

	if (!u)
		return;
	n->client = NULL;
	poll_hook_remove(n->ps, u->hook);
	if (u->slirp)
		slirp_cleanup(u->slirp);
	for (i = 0; i < u->nslots; i++) {
		if (u->slots[i])
			drop_slot(u, u->slots[i]);
		free(u->slots[i]);
	}
	while (u->timers)
		on_timer_free(u->timers, u);
	net_guard_free(&u->guard);
	net_frags_free(&u->frags);
	for (i = 0; i < u->nforwards; i++)
		free(u->forwards[i]);
	free(u->forwards);
	free(u->slots);
	free(u);
	n->own = NULL;
}

static void user_describe(const struct netdev *n, struct buf *out)
{
	const struct user *u = n->own;
	char line[200], net[INET_ADDRSTRLEN], mask[INET_ADDRSTRLEN];
	char *info;
	u32 i;

	inet_ntop(AF_INET, &u->conf.net, net, sizeof net);
	inet_ntop(AF_INET, &u->conf.mask, mask, sizeof mask);
	snprintf(line, sizeof line, ",net=%s/%s", net, mask);
	buf_put(out, line, strlen(line));
	for (i = 0; i < u->nforwards; i++) {
		snprintf(line, sizeof line, "\n  hostfwd %.180s", u->forwards[i]);
		buf_put(out, line, strlen(line));
	}
	info = slirp_connection_info(u->slirp);
	if (info) {
		size_t len = strlen(info);

		while (len && info[len - 1] == '\n')
			len--;
		buf_put(out, "\n", 1);
		buf_put(out, info, len);
		free(info);
	}
}

const struct net_kind net_user = {
	.name = "user",
	.props = user_props,
	.open = user_open,
	.close = user_close,
	.send = user_send,
	.describe = user_describe,
	.hostfwd = user_hostfwd,
};
#endif
