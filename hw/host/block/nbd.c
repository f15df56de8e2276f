/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks of an NBD server, through libnbd: each request has a connection to itself, several at once where the server allows it. A
 * server that went away, or said nothing for too long, is asked for again: once a second, and for reconnect milliseconds by
 * requests that are waiting (QEMU's reconnect-delay).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "hw/host/block/impl.h"

bool block_is_nbd(const char *spec)
{
	static const char *const prefixes[] = {
		"nbd:", "nbds:", "nbd+unix:", "nbds+unix:", "nbd+vsock:", "nbds+vsock:"
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(spec, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

#if !HAVE_NBD

int block_nbd_open(const char *spec, const struct block_nbd_options *o, struct block_node **out, struct error *e)
{
	return error_set(e, -ENOTSUP,
			 "%.300s: this program was built without NBD; install libnbd (Debian: libnbd-dev), configure "
			 "and make again",
			 spec);
}

#else

#include "hw/host/block/nbd.h"

#define CONNECTIONS_MAX 8
#define PIECE (1u << 20)     /* bytes a request: what every server takes */
#define PATIENCE 30000u      /* ms that a server may say nothing while it is asked */
#define AGAIN 1000000000ull /* ns between attempts to reach one that is gone */

struct nbd {
	struct block_node node;
	struct nbd_server server;
	u32 reconnect; /* ms */
	bool can_flush, can_trim, can_zero;
	struct os_mutex lock;
	struct os_cond turn;
	/* Under lock. */
	struct nbd_handle *idle[CONNECTIONS_MAX]; /* connections that nobody uses now; NULL: one that is to be made anew */
	u32 nidle;
	u64 tried;   /* host time of the last attempt to make one anew */
	bool gone;   /* and a person was told */
	bool failed; /* a flush failed: what the server was to keep may be lost, and no later one can know */
};

struct command {
	enum block_op op;
	u8 *p; /* of READ and WRITE */
	u64 off, len;
	u32 flags;
};

static struct nbd *nbd_of(struct block_node *n)
{
	return container_of(n, struct nbd, node);
}

static struct nbd_handle *take(struct nbd *d)
{
	struct nbd_handle *h;

	os_mutex_lock(&d->lock);
	while (!d->nidle)
		os_cond_wait(&d->turn, &d->lock);
	h = d->idle[--d->nidle];
	os_mutex_unlock(&d->lock);
	return h;
}

static void give(struct nbd *d, struct nbd_handle *h)
{
	os_mutex_lock(&d->lock);
	d->idle[d->nidle++] = h;
	os_cond_signal(&d->turn);
	os_mutex_unlock(&d->lock);
}

/* What the server said, or -EIO for all that is not about the disk. */
static int failure(void)
{
	int err = nbd_get_errno();

	return err == ENOSPC || err == EPERM || err == EROFS || err == ENOMEM ? -err : -EIO;
}

static i64 issue(struct nbd_handle *h, const struct command *c)
{
	switch (c->op) {
	case BLOCK_READ:
		return nbd_aio_pread(h, c->p, (size_t)c->len, c->off, NBD_NULL_COMPLETION, 0);
	case BLOCK_WRITE:
		return nbd_aio_pwrite(h, c->p, (size_t)c->len, c->off, NBD_NULL_COMPLETION, 0);
	case BLOCK_WRITE_ZEROES:
		return nbd_aio_zero(h, c->len, c->off, NBD_NULL_COMPLETION, c->flags & BLOCK_UNMAP ? 0 : LIBNBD_CMD_FLAG_NO_HOLE);
	case BLOCK_DISCARD:
		return nbd_aio_trim(h, c->len, c->off, NBD_NULL_COMPLETION, 0);
	default:
		return nbd_aio_flush(h, NBD_NULL_COMPLETION, 0);
	}
}

/* Tells a person, once each time, that the server is gone, or there again. */
static void tell(struct nbd *d, bool gone, const char *why)
{
	bool news;

	os_mutex_lock(&d->lock);
	news = d->gone != gone;
	d->gone = gone;
	os_mutex_unlock(&d->lock);
	if (!news || d->node.quiet)
		return;
	if (gone)
		msg_warn("%.300s: the NBD server %s: the guest gets errors until it is there again", d->server.spec, why);
	else
		msg_warn("%.300s: the NBD server is there again", d->server.spec);
}

/* Does a command on *h, which is NULL afterwards when the connection is no more. */
static int command(struct nbd *d, struct nbd_handle **h, const struct command *c)
{
	u64 started = host_now();
	i64 cookie = issue(*h, c);
	int rc = cookie < 0 ? -1 : 0, alive;

	while (!rc) {
		rc = nbd_aio_command_completed(*h, (u64)cookie);
		if (rc)
			break;
		alive = nbd_connection_poll(&d->server, *h, started, d->server.patience);
		if (!alive) {
			tell(d, true, "says nothing any more");
			nbd_connection_drop(&d->server, *h);
			*h = NULL;
			return -EIO;
		}
		rc = MIN(alive, 0);
	}
	rc = rc < 0 ? failure() : 0;
	if (nbd_aio_is_ready(*h) <= 0) {
		tell(d, true, "has gone away");
		nbd_connection_drop(&d->server, *h);
		*h = NULL;
		rc = rc ? -EIO : 0;
	}
	return rc;
}

/* Whether it is time for another attempt; then this is it. */
static bool may_try(struct nbd *d)
{
	u64 now = host_now();
	bool yes;

	os_mutex_lock(&d->lock);
	yes = now - d->tried >= AGAIN;
	if (yes)
		d->tried = now;
	os_mutex_unlock(&d->lock);
	return yes;
}

/* A new connection for a request that began at started, or NULL. The image of a qemu-nbd of ours is not opened a second time. */
static struct nbd_handle *come_back(struct nbd *d, u64 started)
{
	static const struct timespec slice = { 0, NBD_SLICE * 1000000l };
	u64 end = started + (u64)d->reconnect * 1000000;

	while (!d->server.format && !block_stopped(&d->server.stop)) {
		u64 now = host_now();
		struct nbd_handle *h = NULL;

		if (may_try(d))
			h = nbd_connection(&d->server, MIN(d->server.patience, now < end ? (u32)((end - now) / 1000000) + 1000 : 1000), NULL);
		if (h && nbd_get_size(h) != (i64)d->node.size) {
			tell(d, true, "came back with another disk");
			nbd_connection_drop(&d->server, h);
			h = NULL;
		}
		if (h) {
			tell(d, false, NULL);
			return h;
		}
		if (host_now() >= end)
			break;
		nanosleep(&slice, NULL);
	}
	return NULL;
}

static int run(struct nbd *d, const struct command *c)
{
	u64 started = host_now();
	struct nbd_handle *h = take(d);
	int rc = -EIO;

	for (;;) {
		if (!h)
			h = come_back(d, started);
		if (!h)
			break;
		rc = command(d, &h, c);
		/* What the server answered is an answer; what it did not is asked again. */
		if (!rc || h || host_now() - started >= (u64)d->reconnect * 1000000)
			break;
	}
	give(d, h);
	return rc;
}

static int move(struct block_node *n, bool write_it, u64 off, const struct block_slice *s)
{
	u8 *bounce = NULL;
	u64 done = 0;
	int rc = 0;

	while (!rc && done < s->len) {
		struct block_slice part = slice_cut(s, done, MIN(s->len - done, PIECE));
		struct command c = { write_it ? BLOCK_WRITE : BLOCK_READ, slice_flat(&part), off + done, part.len, 0 };

		if (!c.p) {
			if (!bounce && !(bounce = malloc(PIECE))) {
				rc = -ENOMEM;
				break;
			}
			c.p = bounce;
			if (write_it)
				slice_get(&part, bounce);
		}
		rc = run(nbd_of(n), &c);
		if (!rc && !write_it && c.p == bounce)
			slice_put(&part, bounce);
		done += part.len;
	}
	free(bounce);
	return rc;
}

static bool has_failed(struct nbd *d)
{
	bool failed;

	os_mutex_lock(&d->lock);
	failed = d->failed;
	os_mutex_unlock(&d->lock);
	return failed;
}

/* The last bytes of an export that is no multiple of 512 are not there. */
static int nbd_node_read(struct block_node *n, u64 off, const struct block_slice *s)
{
	u64 have = off < n->size ? MIN(s->len, n->size - off) : 0;
	struct block_slice part = slice_cut(s, 0, have);
	int rc = have ? move(n, false, off, &part) : 0;

	if (have < s->len) {
		part = slice_cut(s, have, s->len - have);
		slice_zero(&part);
	}
	return rc;
}

static int nbd_node_write(struct block_node *n, u64 off, const struct block_slice *s)
{
	if (has_failed(nbd_of(n)) && !n->last_words)
		return -EIO;
	return off + s->len > n->size ? -ENOSPC : move(n, true, off, s);
}

static int nbd_node_flush(struct block_node *n)
{
	struct nbd *d = nbd_of(n);
	int rc;

	if (!d->can_flush || n->nosync || n->readonly)
		return 0;
	if (has_failed(d))
		return -EIO;
	/* With several connections the server has promised that a flush on one is good for all. */
	rc = run(d, &(struct command){ .op = BLOCK_FLUSH });
	if (!rc)
		return 0;
	os_mutex_lock(&d->lock);
	d->failed = true;
	os_mutex_unlock(&d->lock);
	if (!n->quiet)
		msg_warn("%.300s: the server failed to keep what was written since the last flush (%s), and some of it may be lost: all that "
			 "the guest writes fails until the disk is opened anew", d->server.spec, strerror(-rc));
	return rc;
}

/* In pieces that a server can do in the time it has. */
static int in_pieces(struct nbd *d, enum block_op op, u64 off, u64 len, u32 flags)
{
	int rc = has_failed(d) ? -EIO : 0;

	while (!rc && len) {
		struct command c = { op, NULL, off, MIN(len, 1u << 30), flags };

		rc = run(d, &c);
		off += c.len;
		len -= c.len;
	}
	return rc;
}

static int nbd_node_zero(struct block_node *n, u64 off, u64 len, u32 flags)
{
	struct nbd *d = nbd_of(n);

	return d->can_zero ? in_pieces(d, BLOCK_WRITE_ZEROES, off, len, flags) : node_write_zeros(n, off, len);
}

static int nbd_node_discard(struct block_node *n, u64 off, u64 len)
{
	struct nbd *d = nbd_of(n);

	if (d->can_trim)
		in_pieces(d, BLOCK_DISCARD, off, len, 0); /* a hint */
	return 0;
}

static int nbd_node_resize(struct block_node *n, u64 size, struct error *e)
{
	return error_set(e, -ENOTSUP,
			 "%.300s: an NBD export has the size it has; grow it at the server and open it anew", n->name);
}

static void nbd_node_close(struct block_node *n)
{
	struct nbd *d = nbd_of(n);
	u32 i;

	for (i = 0; i < d->nidle; i++) {
		/* nbd_shutdown() would wait for a server that may not listen; it is told that we leave, if it does. */
		if (d->idle[i] && nbd_aio_is_ready(d->idle[i]) > 0 && !nbd_aio_disconnect(d->idle[i], 0))
			nbd_poll(d->idle[i], 100);
		nbd_close(d->idle[i]);
	}
	os_mutex_destroy(&d->lock);
	os_cond_destroy(&d->turn);
	free(d->server.spec);
	free(d->server.format);
	free(d);
}

static const struct block_node_ops nbd_ops = {
	"nbd",         nbd_node_read,    nbd_node_write,  nbd_node_flush,
	nbd_node_zero, nbd_node_discard, nbd_node_resize, nbd_node_close, NULL,
};

static int ask(struct nbd *d, struct nbd_handle *h, bool readonly, struct error *e)
{
	i64 size = nbd_get_size(h), least = nbd_get_block_size(h, LIBNBD_SIZE_MINIMUM);

	if (size < 0)
		return error_set(e, -EIO, "%.200s: the server does not say how large it is: %.200s", d->server.spec,
				 nbd_get_error());
	if (!readonly && nbd_is_read_only(h) > 0)
		return error_set(e, -EROFS,
				 "%.300s: the server offers it for reading only; use readonly=on or snapshot=on",
				 d->server.spec);
	if (least > 4096)
		return error_set(e, -ENOTSUP, "%.300s: the server wants blocks of %lld bytes, and 4096 are the most",
				 d->server.spec, (long long)least);
	d->node.size = (u64)size;
	d->node.sector = least > 512 ? 4096 : 512;
	d->can_flush = nbd_can_flush(h) > 0;
	d->can_trim = nbd_can_trim(h) > 0;
	d->can_zero = nbd_can_zero(h) > 0;
	return 0;
}

int block_nbd_open(const char *spec, const struct block_nbd_options *o, struct block_node **out, struct error *e)
{
	struct nbd *d = calloc(1, sizeof *d);
	u32 most = o->format ? 1 : MIN(o->connections, CONNECTIONS_MAX);
	struct nbd_handle *h;
	int rc;

	if (!d || !(d->server.spec = strdup(spec)) || (o->format && !(d->server.format = strdup(o->format)))) {
		if (d)
			free(d->server.spec);
		free(d);
		return error_set(e, -ENOMEM, "%.300s: the host is out of memory", spec);
	}
	d->node.ops = &nbd_ops;
	d->node.name = d->server.spec;
	d->node.readonly = d->server.readonly = o->readonly;
	d->node.fixed = true;
	d->node.remote = true;
	d->server.patience = o->patience ? o->patience : PATIENCE;
	d->server.stop = o->stop;
	d->reconnect = o->reconnect;
	os_mutex_init(&d->lock);
	os_cond_init(&d->turn);
	h = nbd_connection(&d->server, o->open_patience ? o->open_patience : d->server.patience, e);
	rc = h ? 0 : -EIO;
	if (h)
		d->idle[d->nidle++] = h;
	if (!rc)
		rc = ask(d, h, o->readonly, e);
	if (rc) {
		nbd_node_close(&d->node);
		return rc;
	}
	/* A connection a thread, where the server says that they see one disk; fewer do too. */
	while (nbd_can_multi_conn(h) > 0 && d->nidle < most) {
		struct nbd_handle *more = nbd_connection(&d->server, d->server.patience, NULL);

		if (!more || nbd_get_size(more) != (i64)d->node.size) {
			nbd_connection_drop(&d->server, more);
			break;
		}
		d->idle[d->nidle++] = more;
	}
	*out = &d->node;
	return 0;
}

#endif
