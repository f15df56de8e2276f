/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses and forwarding rules of networks of type user, as QEMU writes them.
 */
#include "hw/host/net/user.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool number(const char *s, size_t len, u32 max, u32 *v)
{
	size_t i;

	*v = 0;
	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9' || *v > max)
			return false;
		*v = *v * 10 + (u32)(s[i] - '0');
	}
	return len && *v <= max;
}

/* "10.0.2.0/24", "10.0.2.0/255.255.255.0" or "10.0.2.0". */
static int parse_net(struct net_user_conf *c, const char *spec, const char *s, struct error *e)
{
	size_t len = strcspn(s, "/");
	char addr[32];
	u32 bits = 24, mask;

	snprintf(addr, sizeof addr, "%.*s", (int)MIN(len, 31), s);
	if (inet_pton(AF_INET, addr, &c->net) != 1)
		return error_set(e, -EINVAL, "%.150s: net=%.60s: must be an IPv4 network, as in net=10.0.2.0/24", spec,
				 s);
	if (s[len] && number(s + len + 1, strlen(s + len + 1), 32, &bits))
		mask = bits ? (u32)(0xffffffffull << (32 - bits)) : 0;
	else if (s[len] && inet_pton(AF_INET, s + len + 1, &c->mask) == 1)
		mask = ntohl(c->mask.s_addr);
	else if (s[len])
		return error_set(e, -EINVAL,
				 "%.150s: net=%.60s: '%.30s' is no mask: write a number of bits or 255.255.255.0", spec,
				 s, s + len + 1);
	else
		mask = 0xffffff00;
	if ((~mask & (~mask + 1)) || mask > 0xfffffff0 || mask < 0xff000000)
		return error_set(
			e, -EINVAL,
			"%.150s: net=%.60s: the network must have 8 to 28 bits, so that there are addresses to give",
			spec, s);
	c->mask.s_addr = htonl(mask);
	c->net.s_addr &= c->mask.s_addr;
	return 0;
}

/* One address of the network, by default its host number n. */
static int parse_in_net(const struct net_user_conf *c, const char *spec, const struct net_args *a, const char *name,
			u32 n, struct in_addr *addr, struct error *e)
{
	const char *s = net_arg(a, name);
	u32 host;

	addr->s_addr = c->net.s_addr | htonl(MIN(n, ~ntohl(c->mask.s_addr) - 1));
	if (!s)
		return 0;
	if (inet_pton(AF_INET, s, addr) != 1)
		return error_set(e, -EINVAL, "%.150s: %s=%.60s: must be an IPv4 address", spec, name, s);
	host = ntohl(addr->s_addr & ~c->mask.s_addr);
	if ((addr->s_addr & c->mask.s_addr) != c->net.s_addr || !host || host == ~ntohl(c->mask.s_addr))
		return error_set(e, -EINVAL,
				 "%.150s: %s=%.60s: must be an address inside of the guest's network: choose another, "
				 "or give net= too",
				 spec, name, s);
	return 0;
}

static int parse6(const char *spec, const struct net_args *a, const char *name, struct in6_addr *addr, struct error *e)
{
	const char *s = net_arg(a, name);

	if (s && inet_pton(AF_INET6, s, addr) != 1)
		return error_set(e, -EINVAL, "%.150s: %s=%.60s: must be an IPv6 address", spec, name, s);
	return 0;
}

static int parse_net6(struct net_user_conf *c, const char *spec, const struct net_args *a, struct error *e)
{
	const char *s = net_arg(a, "ipv6-net");
	size_t len = s ? strcspn(s, "/") : 0;
	char addr[64];
	u32 bits = 64;
	int rc;

	inet_pton(AF_INET6, "fec0::", &c->net6);
	if (s) {
		snprintf(addr, sizeof addr, "%.*s", (int)MIN(len, 63), s);
		if (inet_pton(AF_INET6, addr, &c->net6) != 1 ||
		    (s[len] && !number(s + len + 1, strlen(s + len + 1), 126, &bits)))
			return error_set(e, -EINVAL,
					 "%.150s: ipv6-net=%.80s: must be an IPv6 network, as in ipv6-net=fec0::/64",
					 spec, s);
	}
	c->prefix6 = (u8)bits;
	c->host6 = c->dns6 = c->net6;
	c->host6.s6_addr[15] |= 2;
	c->dns6.s6_addr[15] |= 3;
	rc = parse6(spec, a, "ipv6-host", &c->host6, e);
	return rc ? rc : parse6(spec, a, "ipv6-dns", &c->dns6, e);
}

int net_user_conf(struct net_user_conf *c, const char *spec, const struct net_args *a, struct error *e)
{
	int rc = parse_net(c, spec, net_arg(a, "net") ? net_arg(a, "net") : "10.0.2.0/24", e);

	c->ipv4 = net_arg_on(a, "ipv4", true);
	c->ipv6 = net_arg_on(a, "ipv6", true);
	if (!rc && !c->ipv4 && !c->ipv6)
		rc = error_set(e, -EINVAL, "%.200s: ipv4=off and ipv6=off together leave nothing: leave one out", spec);
	rc = rc ? rc : parse_in_net(c, spec, a, "host", 2, &c->host, e);
	rc = rc ? rc : parse_in_net(c, spec, a, "dns", 3, &c->dns, e);
	rc = rc ? rc : parse_in_net(c, spec, a, "dhcpstart", 15, &c->dhcp, e);
	if (!rc && ntohl(~c->mask.s_addr) < 16 && !net_arg(a, "dhcpstart"))
		c->dhcp.s_addr = c->net.s_addr | htonl(4);
	rc = rc ? rc : parse_net6(c, spec, a, e);
	if (rc)
		return rc;
	if (c->host.s_addr == c->dns.s_addr)
		return error_set(e, -EINVAL, "%.200s: host= and dns= are the same address: choose two", spec);
	if (c->dhcp.s_addr == c->host.s_addr || c->dhcp.s_addr == c->dns.s_addr)
		return error_set(e, -EINVAL,
				 "%.200s: dhcpstart= is the address of host= or dns=: choose one above both", spec);
	return 0;
}

/* "[ADDR]:PORT", len letters. An empty address leaves *addr. */
static bool address_and_port(const char *s, size_t len, struct in_addr *addr, u32 *port)
{
	const char *colon = memchr(s, ':', len);
	char text[32];

	if (!colon || !number(colon + 1, (size_t)(s + len - colon - 1), 65535, port) || !*port)
		return false;
	if (colon == s)
		return true;
	snprintf(text, sizeof text, "%.*s", (int)MIN(colon - s, 31), s);
	return inet_pton(AF_INET, text, addr) == 1;
}

int net_forward_parse(struct net_forward *w, const char *who, const char *rule, bool half,
		      const struct net_user_conf *c, struct error *e)
{
	const char *p = rule, *dash;
	u32 host_port, guest_port = 0;
	size_t len;

	*w = (struct net_forward){ .udp = false };
	w->host.s_addr = INADDR_ANY;
	w->guest = c->dhcp;
	if (!strncmp(p, "udp:", 4))
		w->udp = true;
	else if (strncmp(p, "tcp:", 4) && *p != ':')
		return error_set(e, -EINVAL,
				 "%.100s: hostfwd '%.80s': must begin with tcp: or udp:, as in hostfwd=tcp::2222-:22",
				 who, rule);
	p += *p == ':' ? 1 : 4;
	dash = strchr(p, '-');
	len = dash ? (size_t)(dash - p) : strlen(p);
	if (!dash && !half)
		return error_set(e, -EINVAL,
				 "%.100s: hostfwd '%.80s': the guest's port is missing, as in hostfwd=tcp::2222-:22",
				 who, rule);
	if (!address_and_port(p, len, &w->host, &host_port))
		return error_set(e, -EINVAL,
				 "%.100s: hostfwd '%.80s': '%.*s' is no address and port of the host, as in "
				 "hostfwd=tcp:127.0.0.1:2222-:22",
				 who, rule, (int)MIN(len, 60), p);
	if (dash && !address_and_port(dash + 1, strlen(dash + 1), &w->guest, &guest_port))
		return error_set(e, -EINVAL,
				 "%.100s: hostfwd '%.80s': '%.60s' is no address and port of the guest, as in "
				 "hostfwd=tcp::2222-10.0.2.15:22",
				 who, rule, dash + 1);
	if (dash && (w->guest.s_addr & c->mask.s_addr) != c->net.s_addr)
		return error_set(e, -EINVAL,
				 "%.100s: hostfwd '%.80s': the guest's address is outside of its network: leave it out "
				 "for the first it is given",
				 who, rule);
	w->host_port = (u16)host_port;
	w->guest_port = (u16)guest_port;
	return 0;
}

int net_guestfwd_parse(const char *spec, const char *rule, const struct net_user_conf *c, struct in_addr *addr,
		       u32 *port, const char **target, struct error *e)
{
	const char *p = rule, *dash;

	if (strncmp(p, "tcp:", 4) && *p != ':')
		return error_set(
			e, -EINVAL,
			"%.150s: guestfwd '%.80s': must begin with tcp:, as in guestfwd=tcp:10.0.2.100:1234-cmd:cat",
			spec, rule);
	p += *p == ':' ? 1 : 4;
	dash = strchr(p, '-');
	addr->s_addr = c->net.s_addr | htonl(4);
	if (!dash || !address_and_port(p, (size_t)(dash - p), addr, port))
		return error_set(e, -EINVAL,
				 "%.150s: guestfwd '%.80s': must have an address and a port that the guest sees, as in "
				 "guestfwd=tcp:10.0.2.100:1234-cmd:cat",
				 spec, rule);
	if ((addr->s_addr & c->mask.s_addr) != c->net.s_addr)
		return error_set(
			e, -EINVAL,
			"%.150s: guestfwd '%.80s': the address is outside of the guest's network: choose one inside",
			spec, rule);
	*target = dash + 1;
	if ((strncmp(*target, "cmd:", 4) || !(*target)[4]) && (strncmp(*target, "unix:", 5) || !(*target)[5]))
		return error_set(e, -EINVAL,
				 "%.120s: guestfwd '%.80s': after '-' comes cmd:COMMAND, run for each connection, or "
				 "unix:PATH; for TCP use cmd:nc "
				 "HOST PORT",
				 spec, rule);
	return 0;
}
