/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds monitors, consoles and VNC servers that the guest can reach through its own network. Left out: servers on one
 * address of the host other than loopback, and networks that a monitor adds.
 */
#include "ui/exposed.h"

#include <stdio.h>
#include <string.h>

#include "guest/spec.h"
#include "hw/host/net/net.h"
#include "ui/options.h"
#include "ui/vnc.h"

enum reach { REACH_NONE, REACH_LOOPBACK, REACH_ALL };

/* By which address, without brackets, a server is reached from this machine itself. */
static enum reach reach_of(const char *host)
{
	if (!*host || !strcmp(host, "0.0.0.0") || !strcmp(host, "::"))
		return REACH_ALL;
	if (!strcmp(host, "localhost") || !strcmp(host, "::1") || !strncmp(host, "127.", 4))
		return REACH_LOOPBACK;
	return REACH_NONE;
}

/* tcp:HOST:PORT,server=on and the like, as chardev_open() takes it. */
static enum reach reach_of_device(const char *spec)
{
	char host[128] = "";
	struct spec_word w;
	bool server = false;
	size_t n;

	if (strncmp(spec, "tcp:", 4))
		return REACH_NONE;
	spec += 4;
	n = strcspn(spec, ",");
	while (n && spec[n] != ':')
		n--;
	if (n >= 2 && *spec == '[' && spec[n - 1] == ']')
		snprintf(host, sizeof host, "%.*s", (int)MIN(n - 2, sizeof host - 1), spec + 1);
	else
		snprintf(host, sizeof host, "%.*s", (int)MIN(n, sizeof host - 1), spec);
	while (spec_next(&spec, &w))
		if (!strcmp(w.name, "server"))
			server = !w.has_value || net_is_on(w.value);
	return server ? reach_of(host) : REACH_NONE;
}

static enum reach reach_of_vnc(const char *text)
{
	struct vnc_spec spec;
	struct error e;

	if (vnc_parse(text, &spec, &e) || spec.none || spec.local || spec.password)
		return REACH_NONE;
	return reach_of(spec.host);
}

/* The first network that leads to the host's loopback, or NULL. */
static const struct node *leading(const struct node *guest)
{
	const struct node *all = node_child(guest, "networks"), *c;
	struct spec_word w;

	for (c = all ? all->first : NULL; c; c = c->next) {
		const char *spec = node_str(c, "spec", "");
		bool open = true;

		if (!spec_next(&spec, &w) || strcmp(w.name, "user"))
			continue;
		while (spec_next(&spec, &w)) {
			if (!strcmp(w.name, "host-loopback"))
				open = open && net_is_on(w.value);
			else if (!strcmp(w.name, "restrict"))
				open = open && !net_is_on(w.value);
		}
		if (open)
			return c;
	}
	return NULL;
}

struct found {
	enum reach most;
	u32 n;
	char names[300];
	size_t len;
};

static void add(struct found *f, const char *option, const char *value, enum reach r)
{
	if (r == REACH_NONE)
		return;
	f->most = MAX(f->most, r);
	if (f->len < sizeof f->names - 80)
		f->len += (size_t)snprintf(f->names + f->len, sizeof f->names - f->len, "%s%s %.*s", f->n ? " and " : "", option,
					   (int)MIN(strcspn(value, ","), 60), value);
	f->n++;
}

bool exposed_describe(const struct node *guest, char *out, size_t n)
{
	const struct node *net = leading(guest);
	struct found f = { .most = REACH_NONE };
	const char *spec, *vnc = node_str(guest, "vnc", "none");
	u32 i;

	if (!net)
		return false;
	for (i = 0; (spec = options_monitor(guest, i)); i++)
		add(&f, "-monitor", spec, reach_of_device(spec));
	spec = node_str(guest, "serial0", "");
	add(&f, "-serial", spec, reach_of_device(spec));
	add(&f, "-vnc", vnc, reach_of_vnc(vnc));
	if (!f.n)
		return false;
	snprintf(out, n, "the guest can reach %s through its network %s: %s%s", f.names, net->name,
		 f.most == REACH_ALL ? "use unix:PATH, or 127.0.0.1 and for the network host-loopback=off"
				     : "add host-loopback=off to the network, or use unix:PATH",
		 reach_of_vnc(vnc) != REACH_NONE ? " (or, for VNC, a password)" : "");
	return true;
}
