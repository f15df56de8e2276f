/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tap interface of the host (Linux Documentation/networking/tuntap.rst), with the kernel's offloads both ways. Left out:
 * bridge helper, several queues, vhost, other systems' taps.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/host/net/impl.h"

static const struct net_prop tap_props[] = {
	{ "ifname", NET_PROP_STR, 0 },     { "fd", NET_PROP_STR, 0 },        { "script", NET_PROP_STR, 0 },
	{ "downscript", NET_PROP_STR, 0 }, { "vnet_hdr", NET_PROP_BOOL, 0 }, { "vhost", NET_PROP_BOOL, 0 },
	{ "queues", NET_PROP_NUMBER, 64 }, { NULL, NET_PROP_STR, 0 },
};

#if !defined(__linux__) || !__has_include(<linux/if_tun.h>)
static int tap_open(struct netdev *n, const struct net_args *a, struct error *e)
{
	return error_set(e, -ENOSYS,
			 "%.200s: this build has no tap interfaces (they want Linux and its headers): use user, or socket with "
			 "another program",
			 n->spec);
}

static void tap_close(struct netdev *n)
{
}

const struct net_kind net_tap = { .name = "tap", .props = tap_props, .open = tap_open, .close = tap_close };
#else
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define READS 64

/* struct virtio_net_hdr of the legacy kind: this host's byte order, 10 bytes. */
enum {
	VNET_FLAGS = 0,
	VNET_GSO_TYPE = 1,
	VNET_HDR_LEN = 2,
	VNET_GSO_SIZE = 4,
	VNET_CSUM_START = 6,
	VNET_CSUM_OFFSET = 8,
	VNET_HDR = 10
};
enum { VNET_NEEDS_CSUM = 1, VNET_DATA_VALID = 2, VNET_GSO_TCPV4 = 1, VNET_GSO_TCPV6 = 4, VNET_GSO_ECN = 0x80 };

struct tap {
	struct netdev *n;
	int fd;
	struct poll_item *it;
	bool vnet;
	char ifname[IFNAMSIZ];
	char *downscript;
	u8 bytes[VNET_HDR + NET_FRAME_MAX];
};

static void put16(u8 *p, u32 v)
{
	u16 h = (u16)v;

	memcpy(p, &h, sizeof h);
}

static u16 get16(const u8 *p)
{
	u16 h;

	memcpy(&h, p, sizeof h);
	return h;
}

static void tap_send(struct netdev *n, const struct net_frame *f)
{
	struct tap *t = n->own;
	u8 h[VNET_HDR] = { 0 };
	struct iovec iov[2] = { { h, t->vnet ? VNET_HDR : 0 }, { (void *)(uintptr_t)f->data, f->len } };
	u32 start, field, headers;

	if (f->csum_blank || f->gso != NET_GSO_NONE) {
		if (!net_locate(f->data, f->len, &start, &field, &headers)) {
			net_lost(n);
			return;
		}
		h[VNET_FLAGS] = VNET_NEEDS_CSUM;
		put16(h + VNET_CSUM_START, start);
		put16(h + VNET_CSUM_OFFSET, field);
		if (f->gso != NET_GSO_NONE) {
			h[VNET_GSO_TYPE] = f->gso == NET_GSO_TCP4 ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6;
			put16(h + VNET_HDR_LEN, headers);
			put16(h + VNET_GSO_SIZE, f->gso_size);
		}
	} else if (f->csum_good) {
		h[VNET_FLAGS] = VNET_DATA_VALID;
	}
	if (writev(t->fd, iov + !t->vnet, t->vnet ? 2 : 1) < 0)
		net_lost(n); /* the interface is down, or its queue is full: as on a wire */
}

static void watch(struct tap *t)
{
	poll_change(t->n->ps, t->it, POLL_READABLE, net_blocked(t->n));
}

static void on_readable(void *opaque, u32 events)
{
	struct tap *t = opaque;
	u32 skip = t->vnet ? VNET_HDR : 0;
	int i;

	net_enter(t->n);
	for (i = 0; i < READS && !net_blocked(t->n); i++) {
		ssize_t got = read(t->fd, t->bytes + VNET_HDR - skip, skip + NET_FRAME_MAX);
		struct net_frame f = { .data = t->bytes + VNET_HDR };

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (got < 0) {
			/* Somebody removed the interface. */
			msg_warn("%.200s: the tap interface is gone (%s): the guest's cable is out", t->n->spec,
				 strerror(errno));
			poll_change(t->n->ps, t->it, 0, true);
			net_leave(t->n);
			return;
		}
		if ((u32)got < skip)
			continue;
		f.len = (u32)got - skip;
		if (t->vnet) {
			u8 type = t->bytes[VNET_GSO_TYPE] & (u8)~VNET_GSO_ECN;

			f.csum_blank = t->bytes[VNET_FLAGS] & VNET_NEEDS_CSUM;
			f.csum_good = t->bytes[VNET_FLAGS] & VNET_DATA_VALID;
			f.gso = type == VNET_GSO_TCPV4   ? NET_GSO_TCP4
				: type == VNET_GSO_TCPV6 ? NET_GSO_TCP6
							 : NET_GSO_NONE;
			f.gso_size = get16(t->bytes + VNET_GSO_SIZE);
		}
		net_deliver(t->n, &f);
	}
	watch(t);
	net_leave(t->n);
}

static void tap_room(struct netdev *n)
{
	struct tap *t = n->own;

	if (t && t->it)
		watch(t);
}

/* Runs a script with the interface's name, as QEMU's -netdev tap does, and waits for it. */
static int run_script(const char *path, const char *ifname)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		execl(path, path, ifname, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

static const char *script_of(const struct net_args *a, const char *name)
{
	const char *s = net_arg(a, name);

	return s && strcmp(s, "no") && *s ? s : NULL;
}

static int make_interface(struct tap *t, const char *ifname, bool vnet, struct error *e)
{
	const char *spec = t->n->spec;
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	unsigned features = 0;
	int rc;

	if (ifname && (!*ifname || strlen(ifname) >= IFNAMSIZ || strchr(ifname, '/')))
		return error_set(e, -EINVAL,
				 "%.200s: ifname=%.40s: an interface's name has 1 to %d letters and no slash", spec,
				 ifname, IFNAMSIZ - 1);
	t->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (t->fd < 0) {
		rc = -errno;
		if (rc == -EACCES || rc == -EPERM)
			return error_set(
				e, rc,
				"%.200s: no permission for /dev/net/tun: have it opened for you (fd=), or use user",
				spec);
		return error_set(
			e, rc, "%.200s: /dev/net/tun cannot be opened (%s): load the kernel's module tun, or use user",
			spec, strerror(-rc));
	}
	if (ioctl(t->fd, TUNGETFEATURES, &features) == 0 && features & IFF_VNET_HDR && vnet) {
		ifr.ifr_flags |= IFF_VNET_HDR;
		t->vnet = true;
	}
	if (ifname)
		memcpy(ifr.ifr_name, ifname, strlen(ifname) + 1);
	if (ioctl(t->fd, TUNSETIFF, &ifr)) {
		rc = -errno;
		if (rc == -EPERM || rc == -EACCES)
			return error_set(
				e, rc,
				"%.200s: no permission to make or open the interface%s%.16s: let an administrator make "
				"it with "
				"'ip tuntap add dev NAME mode tap user %ld' and name it with ifname=, or use user",
				spec, ifname ? " " : "", ifname ? ifname : "", (long)getuid());
		if (rc == -EBUSY)
			return error_set(
				e, rc,
				"%.200s: the interface %.16s is in use by another program: name another with ifname=",
				spec, ifname ? ifname : "");
		return error_set(e, rc,
				 "%.200s: no tap interface%s%.16s (%s): is there one of another kind by that name?",
				 spec, ifname ? " " : "", ifname ? ifname : "", strerror(-rc));
	}
	memcpy(t->ifname, ifr.ifr_name, sizeof t->ifname - 1);
	return 0;
}

static int tap_open(struct netdev *n, const struct net_args *a, struct error *e)
{
	const char *fd = net_arg(a, "fd"), *script = script_of(a, "script"), *down = script_of(a, "downscript");
	struct tap *t;
	int rc, size = VNET_HDR;

	if (net_arg_on(a, "vhost", false))
		return error_set(e, -ENOTSUP,
				 "%.200s: vhost=on is for guests that the host's kernel knows: leave it out", n->spec);
	if (net_arg_number(a, "queues", 1) != 1)
		return error_set(e, -ENOTSUP, "%.200s: queues=%s: one queue is all that is used: leave it out", n->spec,
				 net_arg(a, "queues"));
	if (fd && (net_arg(a, "ifname") || script || down))
		return error_set(e, -EINVAL,
				 "%.200s: fd= is an interface already made: leave ifname=, script= and downscript= out",
				 n->spec);
	t = calloc(1, sizeof *t);
	if (!t)
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory", n->spec);
	t->n = n;
	t->fd = -1;
	n->own = t;
	if (fd) {
		struct ifreq ifr = { .ifr_flags = 0 };

		t->fd = net_inherit_fd(n->spec, fd, e);
		if (t->fd < 0)
			return t->fd;
		if (ioctl(t->fd, TUNGETIFF, &ifr))
			return error_set(e, -EINVAL,
					 "%.200s: fd=%s is no tap interface: use -netdev socket,fd= for sockets",
					 n->spec, fd);
		t->vnet = ifr.ifr_flags & IFF_VNET_HDR;
		memcpy(t->ifname, ifr.ifr_name, sizeof t->ifname - 1);
	} else {
		rc = make_interface(t, net_arg(a, "ifname"), net_arg_on(a, "vnet_hdr", true), e);
		if (rc)
			return rc;
	}
	if (t->vnet)
		ioctl(t->fd, TUNSETVNETHDRSZ, &size);
	if (t->vnet && !ioctl(t->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6))
		n->can = NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_TSO6;
	if (script && (rc = run_script(script, t->ifname)))
		return error_set(e, rc, "%.200s: the script %.100s failed for %s: see what it said, or use script=no",
				 n->spec, script, t->ifname);
	if (down && !(t->downscript = strdup(down)))
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory", n->spec);
	t->it = poll_add(n->ps, t->fd, POLL_READABLE, on_readable, t);
	return t->it ? 0 : error_set(e, -ENOMEM, "%.200s: the host is out of memory", n->spec);
}

static void tap_close(struct netdev *n)
{
	struct tap *t = n->own;

	if (!t)
		return;
	poll_remove(n->ps, t->it);
	if (t->downscript && run_script(t->downscript, t->ifname))
		msg_warn("%.200s: the script %.200s failed for %s", n->spec, t->downscript, t->ifname);
	if (t->fd >= 0)
		close(t->fd);
	free(t->downscript);
	free(t);
	n->own = NULL;
}

static void tap_describe(const struct netdev *n, struct buf *out)
{
	const struct tap *t = n->own;
	char line[80];

	snprintf(line, sizeof line, ",ifname=%s%s", t->ifname, n->can ? ",offloads" : "");
	buf_put(out, line, strlen(line));
}

const struct net_kind net_tap = {
	.name = "tap",
	.props = tap_props,
	.open = tap_open,
	.close = tap_close,
	.send = tap_send,
	.room = tap_room,
	.describe = tap_describe,
};
#endif
