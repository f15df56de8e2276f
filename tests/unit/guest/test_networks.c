/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ui/networks: options into nodes, sentences of refusal, networks and cards of a guest and what a monitor does to them.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/guest.h"
#include "guest/networks.h"
#include "guest/nodes.h"
#include "tests/suites.h"
#include "tests/unit/net_env.h"
#include "tests/unit/vif_env.h"
#include "ui/exposed.h"
#include "ui/networks_option.h"
#include "ui/options.h"
#include "ui/vnc.h"

#define MAX_ARGS 24

static int parse(struct options *o, struct error *e, const char *line)
{
	char *copy = strdup(line), *argv[MAX_ARGS + 1] = { (char *)"paravane" }, *p;
	FILE *f = tmpfile();
	int argc = 1, rc;

	for (p = strtok(copy, " "); p && argc < MAX_ARGS; p = strtok(NULL, " "))
		argv[argc++] = p;
	e->text[0] = 0;
	rc = options_parse(o, argc, argv, f, e);
	fclose(f);
	free(copy);
	return rc;
}

static void bad(const char *line, const char *w1, const char *w2)
{
	struct options o;
	struct error e;
	int rc = parse(&o, &e, line);

	ck_assert_msg(rc < 0, "%s: taken", line);
	ck_assert_msg(strstr(e.text, w1) && strstr(e.text, w2), "%s: '%s'", line, e.text);
	options_free(&o);
}

static void good(struct options *o, const char *line)
{
	struct error e;
	int rc = parse(o, &e, line);

	ck_assert_msg(rc == OPTIONS_RUN, "%s: %d %s", line, rc, e.text);
	ck_assert_msg(!guest_nodes_check(o->guest, &options_words, &e), "%s: %s", line, e.text);
}

/* The text of a property below the guest. */
static const char *at(const struct options *o, const char *path, const char *name)
{
	struct node *n = node_find(o->guest, path);

	ck_assert_msg(n != NULL, "%s is not there", path);
	return node_str(n, name, "");
}

START_TEST(nodes)
{
	struct options o;

	good(&o,
	     "-netdev user,id=n0,hostfwd=tcp::2222-:22 -device xen-net-device,netdev=n0,mac=52:54:00:00:00:01,id=c0");
	ck_assert_str_eq(at(&o, "networks/n0", "spec"), "user,id=n0,hostfwd=tcp::2222-:22");
	ck_assert_str_eq(at(&o, "nics/c0", "netdev"), "n0");
	ck_assert_str_eq(at(&o, "nics/c0", "mac"), "52:54:00:00:00:01");
	options_free(&o);
	/* -nic is both at once; the address follows from the name. */
	good(&o, "-name demo -nic tap,ifname=a,,b,model=xen,script=no -nic hostname=x,mac=52:54:00:00:00:02 -nic none");
	ck_assert_str_eq(at(&o, "networks/nic0", "spec"), "tap,ifname=a,,b,script=no,id=nic0");
	ck_assert_str_eq(at(&o, "nics/vif0", "netdev"), "nic0");
	{
		char text[20];
		u8 m[6];

		net_mac_for("demo", 0, m);
		snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
		ck_assert_str_eq(at(&o, "nics/vif0", "mac"), text);
	}
	ck_assert_str_eq(at(&o, "networks/nic1", "spec"), "user,hostname=x,id=nic1");
	ck_assert_str_eq(at(&o, "nics/vif1", "mac"), "52:54:00:00:00:02");
	ck_assert_uint_eq(node_u64(node_find(o.guest, "nics/vif1"), "unit", 99), 1);
	options_free(&o);
	/* One that another card was given is left to that. */
	{
		char line[80];
		u8 m[6], n[6];

		net_mac_for("demo", 0, m);
		snprintf(line, sizeof line, "-name demo -nic user -nic user,mac=%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
			 m[3], m[4], m[5]);
		good(&o, line);
		ck_assert(net_mac_parse(at(&o, "nics/vif0", "mac"), n) && memcmp(m, n, 6));
		ck_assert(net_mac_parse(at(&o, "nics/vif1", "mac"), n) && !memcmp(m, n, 6));
		options_free(&o);
	}
	good(&o,
	     "-nic user,id=lan,mac=52:54:00:00:00:03 -object filter-dump,id=f,netdev=lan,file=/tmp/x.pcap,maxlen=99");
	ck_assert_str_eq(at(&o, "networks/lan", "spec"), "user,id=lan");
	ck_assert_str_eq(at(&o, "dumps/f", "file"), "/tmp/x.pcap");
	ck_assert_uint_eq(node_u64(node_find(o.guest, "dumps/f"), "maxlen", 0), 99);
	options_free(&o);
	/* The old way: all on one hub, but for cards that name their network. */
	good(&o, "-net nic,macaddr=52:54:00:00:00:04 -net user,hostname=h -netdev user,id=n -net nic,netdev=n");
	ck_assert_str_eq(at(&o, "networks/hub0port0", "spec"), "hubport,id=hub0port0,hubid=0");
	ck_assert_str_eq(at(&o, "networks/net0", "spec"), "user,hostname=h,id=net0");
	ck_assert_str_eq(at(&o, "networks/hub0port1", "spec"), "hubport,id=hub0port1,hubid=0,netdev=net0");
	ck_assert_str_eq(at(&o, "nics/vif0", "netdev"), "hub0port0");
	ck_assert_str_eq(at(&o, "nics/vif0", "mac"), "52:54:00:00:00:04");
	ck_assert_str_eq(at(&o, "nics/vif1", "netdev"), "n");
	options_free(&o);
	good(&o, "-net none");
	ck_assert(!node_find(o.guest, "nics"));
	options_free(&o);
}
END_TEST

START_TEST(sentences)
{
	bad("-netdev user", "id= is missing", "user,id=n0");
	bad("-netdev user,id=a -netdev tap,id=a", "there is a network 'a' already", "another id");
	bad("-netdev user,id=a/b", "id=a/b", "letters");
	bad("-nic user,mac=53:54:00:00:00:01", "mac=53:54:00:00:00:01", "even");
	bad("-nic user,mac=xyz", "mac=xyz", "52:54:00:12:34:56");
	bad("-nic user,model=e1000", "model=e1000", "model xen");
	bad("-nic user,mac=52:54:00:00:00:01 -nic user,mac=52-54-00-00-00-01", "card vif0: the card 'vif1' has the address", "mac=");
	bad("-nic user,id=a -nic user,id=a", "there is a network 'a' already", "");
	bad("-device e1000,netdev=n0", "'e1000' is no device", "xen-net-device");
	bad("-device xen-net-device,netdev=n0", "there is no network 'n0'", "-netdev user,id=n0");
	bad("-device xen-net-device,netdv=n0", "'netdv' is no property of a card", "did you mean netdev?");
	bad("-device xen-net-device,colour=red", "'colour' is no property of a card", "netdev, mac, id and model");
	bad("-object rng-random,id=r", "'rng-random' is no object", "filter-dump");
	bad("-object filter-dump,id=f,file=x", "netdev= is missing", "");
	bad("-object filter-dump,id=f,netdev=n", "file= is missing", "");
	bad("-object filter-dump,id=f,netdev=n,file=x", "there is no network 'n'", "");
	bad("-nic user,id=n -object filter-dump,id=f,netdev=n,file=x,maxlen=0", "maxlen=0", "from 1");
	{
		char line[1300];

		snprintf(line, sizeof line, "-nic user,id=n -object filter-dump,id=f,netdev=n,file=/%01100d", 0);
		bad(line, "more than 1000 letters", "shorten");
	}
	bad("-M none -nic user", "-M none has no network cards", "xenpv");
}
END_TEST

static void guest_with(struct guest *g, struct host *h, struct options *o, const char *line)
{
	good(o, line);
	memset(h, 0, sizeof *h);
	h->poll = poll_set_new();
	*g = (struct guest){ .host = h, .node = o->guest };
}

/* What a monitor does: a text into a node, and that into the guest. */
static int add_network(struct guest *g, const char *spec, struct error *e)
{
	struct node *n;
	int rc = networks_option_network(g->node, spec, spec, &n, e);

	return rc ? rc : guest_netdev_add(g, n, e);
}

static int add_card(struct guest *g, const char *spec, struct error *e)
{
	struct node *n;
	int rc = networks_option_card(g->node, "card", spec, &n, e);

	return rc ? rc : guest_nic_add(g, n, e);
}

static int add_dump(struct guest *g, const char *spec, struct error *e)
{
	struct node *n;
	int rc = networks_option_dump(g->node, "filter-dump", spec, &n, e);

	return rc ? rc : guest_dump_add(g, n, e);
}

/* What needs no domain. */
START_TEST(while_it_runs)
{
	struct options o;
	struct host h;
	struct guest g;
	struct error e = { "" };
	struct buf b = { 0 };
	char spec[120], path[80];
	int fd[2];

	ck_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	snprintf(path, sizeof path, "/tmp/paravane-networks-%ld.pcap", (long)getpid());
	guest_with(&g, &h, &o, "-netdev hubport,id=p0,hubid=3");
	ck_assert_int_eq(guest_networks_open(&g, &e), 0);
	ck_assert(!guest_networks_live(&g));
	snprintf(spec, sizeof spec, "socket,id=s0,fd=%d", fd[0]);
	ck_assert_int_eq(add_network(&g, spec, &e), 0);
	ck_assert_int_lt(add_network(&g, "socket,id=s0,fd=99", &e), 0);
	ck_assert_msg(strstr(e.text, "'s0' already") != NULL, "%s", e.text);
	ck_assert_int_lt(add_network(&g, "socket,id=s1,fd=999", &e), 0);
	ck_assert_msg(strstr(e.text, "fd=999") != NULL, "%s", e.text);
	ck_assert(!node_find(o.guest, "networks/s1"));
	ck_assert_int_eq(add_network(&g, "hubport,id=p1,hubid=3,netdev=s0", &e), 0);
	ck_assert_int_eq(add_dump(&g, "netdev=p1", &e), -EINVAL);
	snprintf(spec, sizeof spec, "netdev=p1,file=%s", path);
	ck_assert_int_eq(add_dump(&g, spec, &e), 0);
	guest_net_describe(&g, &b);
	buf_put(&b, "", 1);
	ck_assert_msg(strstr((char *)b.p, "p0: type=hubport,hubid=3") && strstr((char *)b.p, "s0: type=socket") &&
			      strstr((char *)b.p, "p1: type=hubport,hubid=3,netdev=s0"),
		      "%s", (char *)b.p);
	buf_free(&b);
	ck_assert_int_eq(guest_hostfwd(&g, true, NULL, "tcp::1-:1", &e), -ENODEV);
	ck_assert_int_eq(guest_hostfwd(&g, true, "p0", "tcp::1-:1", &e), -ENOTSUP);
	ck_assert_msg(strstr(e.text, "hubport") != NULL, "%s", e.text);
	ck_assert_int_eq(guest_hostfwd(&g, true, "zz", "tcp::1-:1", &e), -ENODEV);
	ck_assert_int_eq(guest_netdev_del(&g, "zz", &e), -ENOENT);
	ck_assert_int_eq(guest_netdev_del(&g, "s0", &e), 0);
	ck_assert(!node_find(o.guest, "networks/s0"));
	ck_assert_int_eq(guest_netdev_del(&g, "p1", &e), 0);
	ck_assert_int_eq(access(path, F_OK), 0);
	unlink(path);
	ck_assert_int_eq(add_card(&g, "netdev=p0", &e), -ENODEV);
	guest_networks_close(&g);
	close(fd[1]);
	options_free(&o);
	poll_set_free(h.poll);
	/* One that does not open closes those before it. */
	guest_with(&g, &h, &o, "-netdev hubport,id=p0,hubid=3 -netdev socket,id=s,fd=999");
	ck_assert_int_lt(guest_networks_open(&g, &e), 0);
	ck_assert_msg(strstr(e.text, "-netdev socket,id=s,fd=999") != NULL, "%s", e.text);
	ck_assert(!g.nets);
	options_free(&o);
	poll_set_free(h.poll);
}
END_TEST

/* Cards of a domain: number 0 is one that no node knows. */
START_TEST(cards)
{
	struct vworld *w = vworld_new();
	struct guest g = { .host = &w->e->host, .d = w->e->d, .node = node_new("demo") };
	struct error e = { "" };
	struct buf b = { 0 };
	char text[100];
	u8 m[6];

	ck_assert_int_eq(add_network(&g, "hubport,id=n0,hubid=5", &e), 0);
	ck_assert_int_eq(add_card(&g, "netdev=n1", &e), -ENOENT);
	ck_assert(!node_find(g.node, "nics/vif0"));
	ck_assert_msg(!add_card(&g, "netdev=n0,id=c0", &e), "%s", e.text);
	ck_assert_uint_eq(node_u64(node_find(g.node, "nics/c0"), "unit", 99), 1);
	net_mac_for("demo", 1, m);
	snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	ck_assert_str_eq(node_str(node_find(g.node, "nics/c0"), "mac", ""), text);
	ck_assert_ptr_nonnull(xenbus_find(&w->e->pv.xen, "vif", 1));
	ck_assert(guest_networks_live(&g));
	ck_assert_int_eq(add_card(&g, "netdev=n0,id=c0", &e), -EINVAL);
	ck_assert_int_eq(add_card(&g, "netdev=n0,id=c1", &e), -EBUSY);
	ck_assert_msg(strstr(e.text, "has the card 'c0' already") != NULL, "%s", e.text);
	ck_assert_int_eq(add_card(&g, "id=c2,mac=52:54:00:00:00:09", &e), 0);
	ck_assert_ptr_nonnull(xenbus_find(&w->e->pv.xen, "vif", 2));
	ck_assert_int_eq(guest_set_link(&g, "c0", false, &e), 0);
	ck_assert_int_eq(guest_set_link(&g, "n0", true, &e), 0);
	ck_assert_int_eq(guest_set_link(&g, "zz", true, &e), -ENOENT);
	ck_assert_int_eq(guest_netdev_del(&g, "n0", &e), -EBUSY);
	ck_assert_msg(strstr(e.text, "'c0' is plugged into 'n0'") != NULL, "%s", e.text);
	guest_net_describe(&g, &b);
	buf_put(&b, "", 1);
	ck_assert_msg(strstr((char *)b.p, "c0: model=xen,macaddr=") &&
			      strstr((char *)b.p, "c2: model=xen,macaddr=52:54:00:00:00:09,netdev=(none)"),
		      "%s", (char *)b.p);
	buf_free(&b);
	ck_assert_int_eq(guest_nic_remove(&g, "zz", &e), -ENOENT);
	ck_assert_int_eq(guest_nic_remove(&g, "c0", &e), 0);
	ck_assert_ptr_null(xenbus_find(&w->e->pv.xen, "vif", 1));
	ck_assert_int_eq(add_card(&g, "netdev=n0", &e), 0);
	/* Another life: the nodes say what there is. */
	guest_networks_detach(&g);
	ck_assert_ptr_null(xenbus_find(&w->e->pv.xen, "vif", 1));
	ck_assert_ptr_null(xenbus_find(&w->e->pv.xen, "vif", 2));
	ck_assert_int_eq(guest_networks_attach(&g, &e), 0);
	ck_assert_ptr_nonnull(xenbus_find(&w->e->pv.xen, "vif", 1));
	ck_assert_ptr_nonnull(xenbus_find(&w->e->pv.xen, "vif", 2));
	guest_networks_detach(&g);
	guest_networks_close(&g);
	node_free(g.node);
	vworld_free(w);
}
END_TEST

/* The sentence for a command line has these words; NULL: there is none. */
static void exposed_by(const char *line, const char *w1, const char *w2)
{
	struct options o;
	char text[600] = "", all[300];
	bool said;

	snprintf(all, sizeof all, "-kernel k -nographic %s", line);
	good(&o, all);
	said = exposed_describe(o.guest, text, sizeof text);
	ck_assert_msg(said == (w1 != NULL), "%s: '%s'", line, text);
	ck_assert_msg(!said || (strstr(text, w1) && strstr(text, w2)), "%s: '%s'", line, text);
	options_free(&o);
}

/* A guest whose network leads to its own monitor. */
START_TEST(exposed)
{
	static const char *const servers[] = { "127.0.0.1:4444", "localhost:4444", "127.1.2.3:4444", "[::1]:4444" };
	static const char *const safe[] = { "unix:/tmp/m", "unix:/tmp/m,server=on,wait=off", "tcp:127.0.0.1:4444",
					    "tcp:127.0.0.1:4444,server=off", "tcp:192.0.2.1:4444,server=on", "none" };
	char line[200], name[100];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(servers); i++) {
		snprintf(name, sizeof name, "-monitor tcp:%s through its network n0", servers[i]);
		snprintf(line, sizeof line, "-nic user,id=n0 -monitor tcp:%s,server=on,wait=off", servers[i]);
		exposed_by(line, name, "add host-loopback=off to the network, or use unix:PATH");
		snprintf(line, sizeof line, "-nic user,host-loopback=off -monitor tcp:%s,server=on,wait=off", servers[i]);
		exposed_by(line, NULL, NULL);
		snprintf(line, sizeof line, "-nic user,restrict=on -monitor tcp:%s,server=on,wait=off", servers[i]);
		exposed_by(line, NULL, NULL);
		snprintf(line, sizeof line, "-nic hubport,hubid=0 -monitor tcp:%s,server=on,wait=off", servers[i]);
		exposed_by(line, NULL, NULL);
	}
	for (i = 0; i < ARRAY_SIZE(safe); i++) {
		snprintf(line, sizeof line, "-nic user -monitor %s", safe[i]);
		exposed_by(line, NULL, NULL);
	}
	/* Every address of the host has the others, too, which host-loopback= says nothing of. */
	exposed_by("-nic user -monitor tcp::4444,server", "-monitor tcp::4444 ", "use unix:PATH, or 127.0.0.1 and");
	exposed_by("-nic user -monitor tcp:0.0.0.0:4444,server=on", "tcp:0.0.0.0:4444 ", "use unix:PATH, or 127.0.0.1 and");
	exposed_by("-netdev user,id=a,host-loopback=off -netdev user,id=b -serial tcp:localhost:1234,server=on",
		   "-serial tcp:localhost:1234 through its network b:", "host-loopback=off");
	exposed_by("-nic user -chardev socket,id=c,host=127.0.0.1,port=4444,server=on,wait=off -monitor chardev:c",
		   "-monitor tcp:127.0.0.1:4444", "host-loopback=off");
	/* All in one sentence. */
	exposed_by("-nic user -serial tcp:[::]:1234,server=on -monitor tcp:127.0.0.1:4444,server=on",
		   "-monitor tcp:127.0.0.1:4444 and -serial tcp:[::]:1234 through", "or 127.0.0.1 and");
}
END_TEST

/* The same of VNC, where that is built in. */
START_TEST(exposed_vnc)
{
	if (!vnc_available())
		return;
	exposed_by("-nic user -vnc :1", "-vnc :1 through", "a password");
	exposed_by("-nic user -vnc 127.0.0.1:1", "-vnc 127.0.0.1:1 through", "add host-loopback=off");
	exposed_by("-nic user -vnc 127.0.0.1:1,password=on", NULL, NULL);
	exposed_by("-nic user -vnc unix:/tmp/v", NULL, NULL);
	exposed_by("-nic user -vnc none", NULL, NULL);
	exposed_by("-nic none -vnc :1", NULL, NULL);
}
END_TEST

Suite *networks_suite(void)
{
	Suite *s = suite_create("networks");
	TCase *t = tcase_create("options");

	tcase_add_test(t, nodes);
	tcase_add_test(t, sentences);
	tcase_add_test(t, while_it_runs);
	tcase_add_test(t, cards);
	tcase_add_test(t, exposed);
	tcase_add_test(t, exposed_vnc);
	suite_add_tcase(s, t);
	return s;
}
