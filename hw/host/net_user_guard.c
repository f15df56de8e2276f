/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest may make libslirp do: how many sockets it opens, and which addresses of the host it reaches. libslirp has no
 * bounds of its own, opens a socket for each new connection, UDP port and ping, and keeps one for up to four minutes.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#if HAVE_SLIRP
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#include "base/endian.h"
#include "base/os_file.h"
#include "hw/host/net_user.h"

#define EMBRYOS_MAX 32u  /* connections to guestfwd= that began and have no socket yet */
#define EMBRYO_TICKS 600 /* of half a second until libslirp has given up the last of them */

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10, URG = 0x20 };

static const struct {
	u32 most;
	const char *what;
} limits[NET_OPENS] = {
	[NET_OPENS_TCP] = { 512, "TCP connections" },
	[NET_OPENS_UDP] = { 256, "UDP ports" },
	[NET_OPENS_PING] = { 64, "pings" },
};

/* What a frame would have libslirp open. */
struct opening {
	enum net_opens kind;
	bool forwarded; /* by guestfwd= */
	struct net_sender from;
};

/* ---- sockets ------------------------------------------------------------------------------------------------------ */

/*
 * A quarter of the descriptors are the program's alone: those with the highest numbers that select() takes, for who waits
 * with select() (libvncserver) needs one of these. The host gives out the lowest number that is free, so the next one tells.
 */
static bool has_descriptors(void)
{
	long most = sysconf(_SC_OPEN_MAX);
	int limit = (int)(most < 0 || most > FD_SETSIZE ? FD_SETSIZE : most);
	int fd = os_socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		return false;
	os_close(fd);
	return fd < limit - limit / 4;
}

bool net_guard_full(struct net_guard *g, enum net_opens kind)
{
	bool many = g->open[kind] >= limits[kind].most;

	if (!many && has_descriptors())
		return false;
	if (!g->said[kind]) {
		if (many)
			msg_warn("%.100s: the guest has %u %s open: it gets no more as long as it does", g->who, g->open[kind],
				 limits[kind].what);
		else
			msg_warn("%.100s: the guest gets no more %s as long as descriptors are short: ulimit -n allows more, up to %d",
				 g->who, limits[kind].what, FD_SETSIZE);
		g->said[kind] = true;
	}
	return true;
}

static bool room_for(struct net_guard *g, int fd)
{
	u32 cap = MAX(g->cap, 64u);
	struct net_held *p;

	while (cap <= (u32)fd)
		cap *= 2;
	if (cap == g->cap)
		return true;
	p = realloc(g->held, cap * sizeof *p);
	if (!p)
		return false;
	memset(p + g->cap, 0, (cap - g->cap) * sizeof *p);
	g->held = p;
	g->cap = cap;
	return true;
}

void net_guard_opened(struct net_guard *g, int fd)
{
	struct net_held *h;

	/* What is opened while no frame of the guest's is looked at is a connection to a forwarded port. */
	if (fd < 0 || !room_for(g, fd))
		return;
	net_guard_closed(g, fd);
	h = &g->held[fd];
	h->kind = g->now ? g->now->kind : NET_OPENS_TCP;
	if (g->now)
		h->from = g->now->from;
	if (h->kind == NET_OPENS_NOTHING) {
		/* The answer that ends a handshake, where guestfwd= leads. */
		h->kind = NET_OPENS_TCP;
		g->embryos -= !!g->embryos;
	}
	g->open[h->kind]++;
}

void net_guard_closed(struct net_guard *g, int fd)
{
	/* libslirp tells of sockets, too, that it never told of when they were opened: those that listen. */
	if (!net_guard_holds(g, fd))
		return;
	g->open[g->held[fd].kind]--;
	memset(&g->held[fd], 0, sizeof g->held[fd]);
}

bool net_guard_holds(const struct net_guard *g, int fd)
{
	return fd >= 0 && (u32)fd < g->cap && g->held[fd].kind != NET_OPENS_NOTHING;
}

/* Whether the port of the guest's that sends has a socket already. */
static bool is_known(const struct net_guard *g, const struct net_sender *from)
{
	u32 i;

	for (i = 0; i < g->cap; i++)
		if (g->held[i].kind == NET_OPENS_UDP && !memcmp(&g->held[i].from, from, sizeof *from))
			return true;
	return false;
}

/* ---- frames ------------------------------------------------------------------------------------------------------- */

static bool is_syn(const u8 *tcp, u32 n)
{
	return n >= 14 && (tcp[13] & (SYN | FIN | RST | URG | ACK)) == SYN;
}

static bool is_forwarded(const struct net_guard *g, const u8 *addr, const u8 *port)
{
	u32 i;

	for (i = 0; i < g->nforwards; i++)
		if (!memcmp(&g->forwards[i].addr, addr, 4) && g->forwards[i].port == ldbe16(port))
			return true;
	return false;
}

static void from_port(struct opening *o, const u8 *addr, u32 len, const u8 *port)
{
	o->kind = NET_OPENS_UDP;
	memcpy(o->from.addr, addr, len);
	memcpy(o->from.port, port, 2);
}

/* An IPv4 packet. False: it is not to pass. */
static bool look4(const struct net_guard *g, const u8 *ip, u32 n, struct opening *o)
{
	static const u8 all[4] = { 0xff, 0xff, 0xff, 0xff };
	u32 header = n >= 20 ? (ip[0] & 15) * 4u : 0, port;
	const u8 *dst = ip + 16, *p = ip + header;
	bool host;

	if (header < 20 || n < header + 8)
		return true; /* libslirp drops it */
	/* libslirp hands these to the host's kernel, for which they are the host. */
	if (!g->host_loopback && (dst[0] == 127 || !dst[0]))
		return false;
	n -= header;
	host = !memcmp(dst, &g->conf->host, 4);
	port = ldbe16(p + 2);
	if (ip[9] == IPPROTO_TCP && is_syn(p, n)) {
		o->kind = NET_OPENS_TCP;
		o->forwarded = is_forwarded(g, dst, p + 2);
	} else if (ip[9] == IPPROTO_UDP) {
		/* DHCP and TFTP are libslirp's own. */
		if (!(port == 67 && (host || !memcmp(dst, all, 4))) && !(port == 69 && host))
			from_port(o, ip + 12, 4, p);
	} else if (ip[9] == IPPROTO_ICMP && *p == 8 && !host && memcmp(dst, &g->conf->dns, 4)) {
		o->kind = NET_OPENS_PING;
	}
	return true;
}

/* The host's kernel takes these for itself: ::, ::1 and what stands for IPv4's 127.0.0.0/8 and 0.0.0.0/8. */
static bool is_loopback6(const u8 *a)
{
	static const u8 zero[15];

	if (!memcmp(a, zero, 15) && a[15] <= 1)
		return true;
	return !memcmp(a, zero, 10) && a[10] == 0xff && a[11] == 0xff && (a[12] == 127 || !a[12]);
}

/* An address that libslirp itself answers pings for. */
static bool is_own6(const struct net_user_conf *c, const u8 *a)
{
	static const u8 link[8] = { 0xfe, 0x80 };

	return !memcmp(a, &c->host6, 16) || !memcmp(a, &c->dns6, 16) ||
	       (!memcmp(a, link, 8) && (!memcmp(a + 8, c->host6.s6_addr + 8, 8) || !memcmp(a + 8, c->dns6.s6_addr + 8, 8)));
}

static bool look6(const struct net_guard *g, const u8 *ip, u32 n, struct opening *o)
{
	static const u8 dhcp[16] = { 0xff, 2, [13] = 1, [15] = 2 };
	const u8 *dst = ip + 24, *p = ip + 40;
	bool host;
	u32 port;

	if (n < 48)
		return true;
	if (!g->host_loopback && is_loopback6(dst))
		return false;
	n -= 40;
	host = !memcmp(dst, &g->conf->host6, 16);
	port = ldbe16(p + 2);
	if (ip[6] == IPPROTO_TCP && is_syn(p, n)) {
		/* A restricted libslirp 4.7 takes four bytes of the guest's address for a destination that guestfwd= names. */
		if (g->restricted)
			return false;
		o->kind = NET_OPENS_TCP;
	} else if (ip[6] == IPPROTO_UDP) {
		if (!(port == 547 && (host || !memcmp(dst, dhcp, 16))) && !(port == 69 && host))
			from_port(o, ip + 8, 16, p);
	} else if (ip[6] == IPPROTO_ICMPV6 && *p == 128 && !is_own6(g->conf, dst)) {
		/* libslirp cannot pass on pings here, and would write a line to standard error for each. */
		return false;
	}
	return true;
}

/* Connections where guestfwd= leads get a socket, or a process, late, and each that fails writes a line to standard error. */
static bool is_crowded(struct net_guard *g)
{
	if (g->embryos >= EMBRYOS_MAX)
		return true;
	g->embryos++;
	g->embryo_ticks = 0;
	return false;
}

bool net_guard_pass(struct net_guard *g, const u8 *f, u32 len, void (*pass)(void *opaque, const u8 *f, u32 len), void *opaque)
{
	struct opening o = { .kind = NET_OPENS_NOTHING };
	bool ok = len >= NET_ETH_HEADER;

	if (ok && ldbe16(f + 12) == 0x0800)
		ok = look4(g, f + NET_ETH_HEADER, len - NET_ETH_HEADER, &o);
	else if (ok && ldbe16(f + 12) == 0x86dd)
		ok = look6(g, f + NET_ETH_HEADER, len - NET_ETH_HEADER, &o);
	if (o.kind != NET_OPENS_NOTHING && !(o.kind == NET_OPENS_UDP && is_known(g, &o.from)))
		ok = ok && !net_guard_full(g, o.kind);
	ok = ok && !(o.forwarded && is_crowded(g));
	if (!ok)
		return false;
	g->now = &o;
	pass(opaque, f, len);
	g->now = NULL;
	return true;
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

int net_guard_forward(struct net_guard *g, struct in_addr addr, u32 port)
{
	struct net_guestfwd *p = realloc(g->forwards, (g->nforwards + 1) * sizeof *p);

	if (!p)
		return -ENOMEM;
	g->forwards = p;
	p[g->nforwards++] = (struct net_guestfwd){ addr, port };
	return 0;
}

void net_guard_tick(struct net_guard *g, u64 now)
{
	if (now - g->ticked < 500000000)
		return;
	g->ticked = now;
	if (g->embryos && ++g->embryo_ticks >= EMBRYO_TICKS)
		g->embryos = 0;
}

void net_guard_free(struct net_guard *g)
{
	free(g->held);
	free(g->forwards);
	memset(g, 0, sizeof *g);
}
#endif
