/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest may make libslirp do: how many sockets it opens, how much it keeps, and which addresses of the host the guest
 * reaches. libslirp has no bounds of its own, opens a socket for each new connection, UDP port and ping, and keeps one for up to
 * four minutes.
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
#include "hw/host/net/user.h"

#define EMBRYOS_MAX 32u  /* connections to guestfwd= that began and have no socket yet */
#define EMBRYO_TICKS 600 /* of half a second until libslirp has given up the last of them */

#define EARLY_MAX 256u          /* segments of a connection that libslirp may keep until those before them come */
#define EARLY_BYTES (256u << 10) /* ... and what they have together: twice the window */

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
	struct net_ends ends;
	u32 seq, size; /* of a segment */
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

void *net_list_reach(void *list, u32 *cap, u32 index, size_t size)
{
	u32 want = MAX(*cap, 64u);
	u8 *p;

	while (want <= index)
		want *= 2;
	if (want == *cap)
		return list;
	p = realloc(list, want * size);
	if (!p)
		return NULL;
	memset(p + *cap * size, 0, (want - *cap) * size);
	*cap = want;
	return p;
}

/* A connection to a forwarded port: libslirp keeps the peer's port, and translates the address. */
static void note_peer(struct net_held *h, int fd)
{
	struct sockaddr_storage a = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof a;

	h->incoming = true;
	if (!getpeername(fd, (struct sockaddr *)&a, &len) && a.ss_family == AF_INET)
		memcpy(h->ends.host_port, &((struct sockaddr_in *)&a)->sin_port, 2);
}

void net_guard_opened(struct net_guard *g, int fd)
{
	struct net_held *h = fd < 0 ? NULL : net_list_reach(g->held, &g->cap, (u32)fd, sizeof *h);

	if (!h)
		return;
	g->held = h;
	/* What is opened while no frame of the guest's is looked at is a connection to a forwarded port. */
	net_guard_closed(g, fd);
	h = &g->held[fd];
	h->kind = g->now ? g->now->kind : NET_OPENS_TCP;
	if (g->now) {
		h->ends = g->now->ends;
		h->ack = g->now->seq + g->now->size;
	} else {
		note_peer(h, fd);
	}
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
	free(g->held[fd].early);
	memset(&g->held[fd], 0, sizeof g->held[fd]);
}

bool net_guard_holds(const struct net_guard *g, int fd)
{
	return fd >= 0 && (u32)fd < g->cap && g->held[fd].kind != NET_OPENS_NOTHING;
}

/* Whether the port of the guest's that sends has a socket already. */
static bool is_known(const struct net_guard *g, const struct net_ends *ends)
{
	u32 i;

	for (i = 0; i < g->cap; i++)
		if (g->held[i].kind == NET_OPENS_UDP && !memcmp(&g->held[i].ends, ends, sizeof *ends))
			return true;
	return false;
}

/* ---- segments before their turn ----------------------------------------------------------------------------------- */

/*
 * libslirp keeps a segment that comes before its turn in a buffer of 1.6 KiB or more, however little it holds, and as many as
 * have a byte in the window of 128 KiB. A guest that leaves out the first byte had it keep 100 MiB for each connection. Nothing
 * is ever reordered on the way here, so few come early from a guest that means well.
 */
struct net_early {
	u32 n, bytes;
	struct {
		u32 end, size;
	} seg[EARLY_MAX];
};

static bool is_after(u32 a, u32 b)
{
	return (i32)(a - b) > 0;
}

static bool is_of(const struct net_held *h, const struct net_ends *ends)
{
	if (h->kind != NET_OPENS_TCP || memcmp(h->ends.host_port, ends->host_port, 2))
		return false;
	return h->incoming || !memcmp(&h->ends, ends, sizeof *ends);
}

static struct net_held *connection(struct net_guard *g, const struct net_ends *ends)
{
	u32 i;

	if (g->last < g->cap && is_of(&g->held[g->last], ends))
		return &g->held[g->last];
	for (i = 0; i < g->cap; i++)
		if (is_of(&g->held[i], ends)) {
			g->last = i;
			return &g->held[i];
		}
	return NULL;
}

/* Forgets what has had its turn. */
static void settle(struct net_held *h)
{
	struct net_early *y = h->early;
	u32 i, n = 0;

	for (i = 0; y && i < y->n; i++) {
		if (is_after(y->seg[i].end, h->ack))
			y->seg[n++] = y->seg[i];
		else
			y->bytes -= y->seg[i].size;
	}
	if (y)
		y->n = n;
}

/* One that is next always may come. */
static bool may_come(struct net_guard *g, const struct opening *o)
{
	struct net_held *h = o->size ? connection(g, &o->ends) : NULL;
	u32 end = o->seq + o->size, i;
	struct net_early *y;

	if (!h || !is_after(o->seq, h->ack))
		return true;
	if (!h->early)
		h->early = calloc(1, sizeof *h->early);
	y = h->early;
	if (!y || y->n == EARLY_MAX || y->bytes + o->size > EARLY_BYTES)
		return false;
	/* One that is repeated is kept once. */
	for (i = 0; i < y->n; i++)
		if (y->seg[i].end == end && y->seg[i].size == o->size)
			return true;
	y->seg[y->n].end = end;
	y->seg[y->n++].size = o->size;
	y->bytes += o->size;
	return true;
}

/* ---- frames ------------------------------------------------------------------------------------------------------- */

static bool is_syn(const u8 *tcp, u32 n)
{
	return n >= 14 && (tcp[13] & (SYN | FIN | RST | URG | ACK)) == SYN;
}

static void segment(struct opening *o, const u8 *src, const u8 *dst, u32 addr, const u8 *tcp, u32 n)
{
	u32 header = n >= 20 ? (tcp[12] >> 4) * 4u : 0;

	if (header < 20 || header > n)
		return;
	memcpy(o->ends.guest, src, addr);
	memcpy(o->ends.host, dst, addr);
	memcpy(o->ends.guest_port, tcp, 2);
	memcpy(o->ends.host_port, tcp + 2, 2);
	o->seq = ldbe32(tcp + 4);
	o->size = n - header + !!(tcp[13] & SYN) + !!(tcp[13] & FIN);
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
	memcpy(o->ends.guest, addr, len);
	memcpy(o->ends.guest_port, port, 2);
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
	n = MIN(n, MAX(ldbe16(ip + 2), header)) - header;
	host = !memcmp(dst, &g->conf->host, 4);
	if (ip[9] == IPPROTO_TCP)
		segment(o, ip + 12, dst, 4, p, n);
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
	n = MIN(n - 40, ldbe16(ip + 4));
	host = !memcmp(dst, &g->conf->host6, 16);
	if (ip[6] == IPPROTO_TCP)
		segment(o, ip + 8, dst, 16, p, n);
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
	ok = ok && may_come(g, &o);
	if (o.kind != NET_OPENS_NOTHING && !(o.kind == NET_OPENS_UDP && is_known(g, &o.ends)))
		ok = ok && !net_guard_full(g, o.kind);
	ok = ok && !(o.forwarded && is_crowded(g));
	if (!ok)
		return false;
	g->now = &o;
	pass(opaque, f, len);
	g->now = NULL;
	return true;
}

void net_guard_saw(struct net_guard *g, const u8 *f, u32 len)
{
	const u8 *ip = f + NET_ETH_HEADER, *tcp;
	struct net_ends e = { .guest = { 0 } };
	struct net_held *h;
	u32 addr, at;

	if (len >= NET_ETH_HEADER + 40 && ldbe16(f + 12) == 0x0800 && ip[9] == IPPROTO_TCP) {
		addr = 4;
		at = (ip[0] & 15) * 4u;
		memcpy(e.host, ip + 12, addr);
		memcpy(e.guest, ip + 16, addr);
	} else if (len >= NET_ETH_HEADER + 60 && ldbe16(f + 12) == 0x86dd && ip[6] == IPPROTO_TCP) {
		addr = 16;
		at = 40;
		memcpy(e.host, ip + 8, addr);
		memcpy(e.guest, ip + 24, addr);
	} else {
		return;
	}
	tcp = ip + at;
	if (len < NET_ETH_HEADER + at + 20)
		return;
	memcpy(e.host_port, tcp, 2);
	memcpy(e.guest_port, tcp + 2, 2);
	h = connection(g, &e);
	if (!h)
		return;
	/* It speaks first, and to the guest alone, where somebody came to a forwarded port. */
	if (h->incoming && (tcp[13] & (SYN | ACK)) == SYN) {
		h->ends = e;
		h->incoming = false;
	}
	if (!h->incoming && tcp[13] & ACK) {
		h->ack = ldbe32(tcp + 8);
		settle(h);
	}
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
	u32 i;

	for (i = 0; i < g->cap; i++)
		free(g->held[i].early);
	free(g->held);
	free(g->forwards);
	memset(g, 0, sizeof *g);
}
#endif
