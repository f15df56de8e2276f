/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -netdev, -nic, -net, -device xen-net-device and -object filter-dump into the guest's node (QEMU's invocation manual).
 * What a type of network has for properties is hw/host/net/net.h's affair.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "guest/networks.h"
#include "guest/spec.h"
#include "ui/networks_option.h"

static int too_long(const char *said, struct error *e)
{
	return error_set(e, -E2BIG, "%.100s: a property has more than 1000 letters: shorten it", said);
}

static u32 count(const struct node *guest, const char *kind)
{
	const struct node *all = node_child(guest, kind), *c;
	u32 n = 0;

	for (c = all ? all->first : NULL; c; c = c->next)
		n++;
	return n;
}

/* A new node below kind. NULL with a sentence. */
static struct node *new_node(struct node *guest, const char *said, const char *kind, const char *id, struct error *e)
{
	struct node *all = node_make(guest, kind), *n;

	if (!node_name_ok(id)) {
		error_set(e, -EINVAL, "%.100s: id=%.60s: an id is a letter and then letters, digits, '-', '.' and '_'",
			  said, id);
		return NULL;
	}
	if (all && node_child(all, id)) {
		error_set(e, -EEXIST, "%.100s: there is a %s '%.60s' already: choose another id", said,
			  !strcmp(kind, "networks") ? "network"
			  : !strcmp(kind, "nics")   ? "card"
						    : "dump",
			  id);
		return NULL;
	}
	if (count(guest, kind) >= NETWORKS_MAX) {
		error_set(e, -ENOSPC, "%.100s: a guest has %u of these at most: leave one out", said, NETWORKS_MAX);
		return NULL;
	}
	n = all ? node_new(id) : NULL;
	if (!n || node_attach(all, n)) {
		node_free(n);
		error_set(e, -ENOMEM, "%.100s: the host is out of memory", said);
		return NULL;
	}
	return n;
}

/* An id that is free, as in nic0. */
static void free_id(const struct node *guest, const char *kind, const char *stem, char id[SPEC_ID])
{
	u32 i;

	for (i = 0; i <= NETWORKS_MAX; i++) {
		snprintf(id, SPEC_ID, "%s%u", stem, i);
		if (!guest_network_node(guest, kind, id))
			break;
	}
}

int networks_option_network(struct node *guest, const char *said, const char *spec, struct node **out, struct error *e)
{
	char id[SPEC_ID], option[16];
	struct node *n;

	spec_id(spec, id);
	if (!*id)
		return error_set(e, -EINVAL, "%.200s: id= is missing: cards find the network by it, as in user,id=n0",
				 said);
	n = new_node(guest, said, "networks", id, e);
	if (!n)
		return -EINVAL;
	snprintf(option, sizeof option, "%.*s ", (int)strcspn(said, " "), said);
	if (node_set_str(n, "spec", spec) || (*said == '-' && node_set_str(n, "option", option))) {
		node_free(n);
		return error_set(e, -ENOMEM, "%.100s: the host is out of memory", said);
	}
	if (out)
		*out = n;
	return 0;
}

static bool model_ok(const char *model)
{
	return !strcmp(model, "xen") || !strcmp(model, "xen-net-device") || !strcmp(model, "vif") ||
	       !strcmp(model, "netfront");
}

static int check_mac(const char *said, const char *text, struct error *e)
{
	u8 mac[6];

	return net_mac_parse(text, mac)
		       ? 0
		       : error_set(e, -EINVAL,
				   "%.100s: mac=%.40s: must be an address like 52:54:00:12:34:56, its first byte even",
				   said, text);
}

static int check_model(const char *said, const char *model, struct error *e)
{
	return model_ok(model)
		       ? 0
		       : error_set(e, -EINVAL,
				   "%.100s: model=%.40s: a Xen guest's cards are of model xen: leave model= out", said,
				   model);
}

/* The lowest number that no card has. */
static u32 free_unit(const struct node *guest)
{
	const struct node *all = node_child(guest, "nics"), *c;
	u32 unit = 0;

	for (c = all ? all->first : NULL; c;)
		if (node_u64(c, "unit", UINT64_MAX) == unit) {
			unit++;
			c = all->first;
		} else {
			c = c->next;
		}
	return unit;
}

int networks_option_card(struct node *guest, const char *said, const char *spec, struct node **out, struct error *e)
{
	static const char *const names[] = {
		"netdev", "mac", "macaddr", "id", "name", "model", "bus", "addr", "vectors"
	};
	char id[SPEC_ID] = "", netdev[SPEC_ID] = "", mac[24] = "";
	u32 unit = free_unit(guest), i;
	struct spec_word w;
	struct node *n;
	int rc = 0;

	while (!rc && spec_next(&spec, &w)) {
		if (w.too_long)
			return too_long(said, e);
		if (!strcmp(w.name, "mac") || !strcmp(w.name, "macaddr")) {
			rc = check_mac(said, w.value, e);
			snprintf(mac, sizeof mac, "%.20s", w.value);
		} else if (!strcmp(w.name, "model")) {
			rc = check_model(said, w.value, e);
		} else if (!strcmp(w.name, "netdev") || !strcmp(w.name, "id") || !strcmp(w.name, "name")) {
			if (!*w.value || strlen(w.value) >= SPEC_ID - 1)
				rc = error_set(e, -EINVAL, "%.100s: %s=%.60s: must be an id of 1 to %d letters", said,
					       w.name, w.value, SPEC_ID - 2);
			else
				strcpy(!strcmp(w.name, "netdev") ? netdev : id, w.value);
		} else {
			struct nearest near;

			nearest_begin(&near, w.name);
			for (i = 0; i < ARRAY_SIZE(names) - 3; i++)
				nearest_offer(&near, names[i]);
			if (nearest_word(&near))
				rc = error_set(e, -EINVAL, "%.100s: '%.40s' is no property of a card: did you mean %s?",
					       said, w.name, nearest_word(&near));
			else
				rc = error_set(
					e, -EINVAL,
					"%.100s: '%.40s' is no property of a card: it has netdev, mac, id and model",
					said, w.name);
		}
	}
	if (rc)
		return rc;
	if (!*id)
		free_id(guest, "nics", "vif", id);
	n = new_node(guest, said, "nics", id, e);
	if (!n)
		return -EINVAL;
	rc = node_set_u64(n, "unit", unit);
	if (!rc && *netdev)
		rc = node_set_str(n, "netdev", netdev);
	if (!rc && *mac)
		rc = node_set_str(n, "mac", mac);
	if (rc) {
		node_free(n);
		return error_set(e, -ENOMEM, "%.100s: the host is out of memory", said);
	}
	if (out)
		*out = n;
	return 0;
}

int networks_option_dump(struct node *guest, const char *said, const char *spec, struct node **out, struct error *e)
{
	char id[SPEC_ID] = "", netdev[SPEC_ID] = "", file[1024] = "", *end;
	unsigned long maxlen = 65536;
	struct spec_word w;
	struct node *n;
	int rc = 0;

	while (spec_next(&spec, &w)) {
		if (w.too_long)
			return too_long(said, e);
		if (!strcmp(w.name, "id") && strlen(w.value) < sizeof id)
			strcpy(id, w.value);
		else if (!strcmp(w.name, "netdev") && strlen(w.value) < sizeof netdev)
			strcpy(netdev, w.value);
		else if (!strcmp(w.name, "file"))
			strcpy(file, w.value);
		else if (!strcmp(w.name, "maxlen")) {
			maxlen = strtoul(w.value, &end, 10);
			if (*w.value < '0' || *w.value > '9' || *end || !maxlen || maxlen > 1u << 30)
				return error_set(e, -EINVAL,
						 "%.100s: maxlen=%.40s: must be a number of bytes from 1 on", said,
						 w.value);
		} else if (strcmp(w.name, "queue") && strcmp(w.name, "status")) {
			return error_set(
				e, -EINVAL,
				"%.100s: '%.40s' is no property of filter-dump: it has id, netdev, file and maxlen",
				said, w.name);
		}
	}
	if (!*netdev || !*file)
		return error_set(e, -EINVAL, "%.100s: %s= is missing: write filter-dump,id=f0,netdev=n0,file=n0.pcap",
				 said, *netdev ? "file" : "netdev");
	if (!*id)
		free_id(guest, "dumps", "dump", id);
	n = new_node(guest, said, "dumps", id, e);
	if (!n)
		return -EINVAL;
	rc = node_set_str(n, "netdev", netdev);
	rc = rc ? rc : node_set_str(n, "file", file);
	rc = rc ? rc : node_set_u64(n, "maxlen", maxlen);
	if (rc) {
		node_free(n);
		return error_set(e, -ENOMEM, "%.100s: the host is out of memory", said);
	}
	if (out)
		*out = n;
	return 0;
}

/* ---- the options -------------------------------------------------------------------------------------------------- */

static int help(FILE *out)
{
	fputs("Networks:\n"
	      "user     NAT through this program: net=, host=, dns=, dhcpstart=, hostfwd=, guestfwd=, restrict=, "
	      "host-loopback=, tftp=, ...\n"
	      "tap      an interface of the host (Linux): ifname=, fd=, script=, downscript=\n"
	      "socket   another program: listen=, connect=, mcast=, udp= with localaddr=, fd=\n"
	      "stream   the same over a stream: server=, addr.type=inet|unix|fd, addr.host=, addr.port=, addr.path=, "
	      "reconnect=\n"
	      "dgram    the same over datagrams: local.type=, local.*=, remote.type=, remote.*=\n"
	      "hubport  a port of a hub: hubid=, netdev=\n",
	      out);
	return 1;
}

static bool asks_help(const char *value)
{
	return !strcmp(value, "help") || !strcmp(value, "?");
}

/* Puts the words that are the card's into card, the others into net. */
static int split_nic(const char *said, const char *value, struct buf *card, struct buf *net, bool *has_id,
		     struct error *e)
{
	struct spec_word w;
	bool first = true;

	while (spec_next(&value, &w)) {
		bool of_card = !strcmp(w.name, "mac") || !strcmp(w.name, "macaddr") || !strcmp(w.name, "model");
		struct buf *b = of_card ? card : net;

		if (w.too_long)
			return too_long(said, e);
		/* A type comes first; without one it is QEMU's default. */
		if (first && w.has_value)
			buf_put(net, "user", 4);
		if (!strcmp(w.name, "id"))
			*has_id = true;
		if (b->len)
			buf_put(b, ",", 1);
		buf_put(b, w.raw, w.raw_len);
		first = false;
	}
	return 0;
}

/* -nic TYPE,...: a network and a card on it. */
static int option_nic(struct node *guest, const char *said, const char *value, struct error *e)
{
	struct buf card = { 0 }, net = { 0 };
	char id[SPEC_ID], text[SPEC_ID + 20];
	bool has_id = false;
	int rc = split_nic(said, value, &card, &net, &has_id, e);

	buf_put(&net, "", 1);
	if (!rc && !has_id) {
		free_id(guest, "networks", "nic", id);
		net.len--;
		snprintf(text, sizeof text, ",id=%s", id);
		buf_put(&net, text, strlen(text) + 1);
	}
	if (!rc && net.failed)
		rc = error_set(e, -ENOMEM, "%.100s: the host is out of memory", said);
	if (!rc)
		spec_id((const char *)net.p, id);
	if (!rc && guest_network_node(guest, "networks", id) && has_id)
		rc = error_set(e, -EEXIST, "%.100s: there is a network '%.60s' already: choose another id", said, id);
	if (!rc) {
		snprintf(text, sizeof text, "%snetdev=%s", card.len ? "," : "", id);
		buf_put(&card, text, strlen(text) + 1);
		rc = card.failed ? error_set(e, -ENOMEM, "%.100s: the host is out of memory", said)
				 : networks_option_card(guest, said, (const char *)card.p, NULL, e);
	}
	if (!rc)
		rc = networks_option_network(guest, said, (const char *)net.p, NULL, e);
	buf_free(&card);
	buf_free(&net);
	return rc;
}

/* A port on hub 0, for the network of that id, or for a card (NULL). Its own id goes to port. */
static int hub_port(struct node *guest, const char *said, const char *id, char port[SPEC_ID], struct error *e)
{
	char spec[3 * SPEC_ID];

	free_id(guest, "networks", "hub0port", port);
	snprintf(spec, sizeof spec, "hubport,id=%s,hubid=0%s%s", port, id ? ",netdev=" : "", id ? id : "");
	return networks_option_network(guest, said, spec, NULL, e);
}

/* -net nic[,...] and -net TYPE[,...]: all on hub 0, but for cards with netdev=. */
static int option_net(struct node *guest, const char *said, const char *value, struct error *e)
{
	char id[SPEC_ID], port[SPEC_ID], *spec;
	const char *rest = value;
	struct spec_word w;
	size_t size = strlen(value) + 2 * SPEC_ID;
	int rc;

	if (!spec_next(&rest, &w))
		return error_set(e, -EINVAL, "%s '': a type is missing, as in -net nic -net user", said);
	spec = malloc(size);
	if (!spec)
		return error_set(e, -ENOMEM, "%.100s: the host is out of memory", said);
	if (!strcmp(w.name, "nic") && !w.has_value) {
		bool plugged = strstr(rest, "netdev=") != NULL;

		rc = plugged ? 0 : hub_port(guest, said, NULL, port, e);
		snprintf(spec, size, "%s%s%s%s", rest, *rest && !plugged ? "," : "",
			 plugged ? "" : "netdev=", plugged ? "" : port);
		rc = rc ? rc : networks_option_card(guest, said, spec, NULL, e);
	} else {
		spec_id(value, id);
		snprintf(spec, size, "%s", value);
		if (!*id) {
			free_id(guest, "networks", "net", id);
			snprintf(spec, size, "%s,id=%s", value, id);
		}
		rc = networks_option_network(guest, said, spec, NULL, e);
		rc = rc ? rc : hub_port(guest, said, id, port, e);
	}
	free(spec);
	return rc;
}

/* The first word must be what; the rest goes to *rest. */
static int first_word(const char *said, const char *value, const char *what, const char *kind, const char **rest,
		      struct error *e)
{
	size_t len = strcspn(value, ",");

	if (strlen(what) == len && !memcmp(value, what, len)) {
		*rest = value + len + (value[len] == ',');
		return 0;
	}
	return error_set(e, -EINVAL, "%.100s: '%.*s' is no %s that there is: the only one is %s", said,
			 (int)MIN(len, 60), value, kind, what);
}

int networks_option(struct node *guest, const char *option, const char *value, FILE *out, struct error *e)
{
	char said[200];
	const char *rest;
	int rc;

	snprintf(said, sizeof said, "-%s %.180s", option, value);
	if (!strcmp(option, "netdev"))
		return asks_help(value) ? help(out) : networks_option_network(guest, said, value, NULL, e);
	if (!strcmp(option, "object")) {
		rc = first_word(said, value, "filter-dump", "object", &rest, e);
		return rc ? rc : networks_option_dump(guest, said, rest, NULL, e);
	}
	if (!strcmp(option, "device")) {
		rc = first_word(said, value, "xen-net-device", "device", &rest, e);
		return rc ? rc : networks_option_card(guest, said, rest, NULL, e);
	}
	if (asks_help(value))
		return help(out);
	if (!strcmp(value, "model=help") || strstr(value, ",model=help")) {
		fputs("Models of network cards:\nxen      the paravirtual card of Xen guests (xen-net-device)\n", out);
		return 1;
	}
	if (!strcmp(value, "none"))
		return 0; /* there is none unless one is asked for */
	return !strcmp(option, "nic") ? option_nic(guest, said, value, e) : option_net(guest, said, value, e);
}
