/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks of an NBD server, through libnbd. Left out: coming back to a server that went away, or that said nothing for
 * too long (requests then fail with -EIO).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "hw/host/block_impl.h"

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

int block_nbd_open(const char *spec, bool readonly, u32 connections, u32 patience, struct block_node **out, struct error *e)
{
	return error_set(e, -ENOTSUP,
			 "%.300s: this program was built without NBD; install libnbd (Debian: libnbd-dev), configure "
			 "and make again",
			 spec);
}

#else

#include <libnbd.h>

#define CONNECTIONS_MAX 8
#define PIECE (1u << 20) /* bytes a request: what every server takes */
#define PATIENCE 30000u  /* ms that a server may say nothing while it is asked */

struct nbd {
	struct block_node node;
	char *spec;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	struct nbd_handle *idle[CONNECTIONS_MAX]; /* connections that nobody uses now; NULL: one that was given up */
	u32 nidle;
	u32 patience;
	bool can_flush, can_trim, can_zero;
};

static struct nbd *nbd_of(struct block_node *n)
{
	return container_of(n, struct nbd, node);
}

static struct nbd_handle *take(struct nbd *d)
{
	struct nbd_handle *h;

	pthread_mutex_lock(&d->lock);
	while (!d->nidle)
		pthread_cond_wait(&d->turn, &d->lock);
	h = d->idle[--d->nidle];
	pthread_mutex_unlock(&d->lock);
	return h;
}

static void give(struct nbd *d, struct nbd_handle *h)
{
	pthread_mutex_lock(&d->lock);
	d->idle[d->nidle++] = h;
	pthread_cond_signal(&d->turn);
	pthread_mutex_unlock(&d->lock);
}

/* What the server said, or -EIO for all that is not about the disk. */
static int failure(void)
{
	int err = nbd_get_errno();

	return err == ENOSPC || err == EPERM || err == EROFS || err == ENOMEM ? -err : -EIO;
}

/*
 * Waits for a request on *h. A server that says nothing would hold the guest, and us with it, for ever: its connection is
 * given up, and *h is NULL.
 */
static int finish(struct nbd *d, struct nbd_handle **h, i64 cookie)
{
	int rc = cookie < 0 ? -1 : 0;

	while (!rc) {
		rc = nbd_aio_command_completed(*h, (u64)cookie);
		if (rc)
			break;
		rc = nbd_poll(*h, (int)d->patience);
		if (!rc) {
			msg_warn("%.300s: the server has said nothing for %u ms: it is not asked any more", d->spec, d->patience);
			nbd_close(*h);
			*h = NULL;
			return -EIO;
		}
		rc = MIN(rc, 0);
	}
	return rc < 0 ? failure() : 0;
}

static int move(struct block_node *n, bool write_it, u64 off, const struct block_slice *s)
{
	struct nbd *d = nbd_of(n);
	struct nbd_handle *h = take(d);
	u8 *bounce = NULL;
	u64 done = 0;
	int rc = h ? 0 : -EIO;

	while (!rc && done < s->len) {
		struct block_slice part = slice_cut(s, done, MIN(s->len - done, PIECE));
		u8 *p = slice_flat(&part);

		if (!p) {
			if (!bounce && !(bounce = malloc(PIECE))) {
				rc = -ENOMEM;
				break;
			}
			p = bounce;
			if (write_it)
				slice_get(&part, p);
		}
		rc = finish(d, &h,
			    write_it ? nbd_aio_pwrite(h, p, (size_t)part.len, off + done, NBD_NULL_COMPLETION, 0)
				     : nbd_aio_pread(h, p, (size_t)part.len, off + done, NBD_NULL_COMPLETION, 0));
		if (!rc && !write_it && p == bounce)
			slice_put(&part, p);
		done += part.len;
	}
	give(d, h);
	free(bounce);
	return rc;
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
	return off + s->len > n->size ? -ENOSPC : move(n, true, off, s);
}

static int nbd_node_flush(struct block_node *n)
{
	struct nbd *d = nbd_of(n);
	struct nbd_handle *h;
	int rc;

	if (!d->can_flush || n->nosync || n->readonly)
		return 0;
	/* With several connections the server has promised that a flush on one is good for all. */
	h = take(d);
	rc = h ? finish(d, &h, nbd_aio_flush(h, NBD_NULL_COMPLETION, 0)) : -EIO;
	give(d, h);
	return rc;
}

static int nbd_node_zero(struct block_node *n, u64 off, u64 len, u32 flags)
{
	struct nbd *d = nbd_of(n);
	struct nbd_handle *h;
	int rc;

	if (!d->can_zero)
		return node_write_zeros(n, off, len);
	h = take(d);
	rc = h ? 0 : -EIO;
	while (!rc && len) {
		u64 k = MIN(len, 1u << 30);

		rc = finish(d, &h, nbd_aio_zero(h, k, off, NBD_NULL_COMPLETION, flags & BLOCK_UNMAP ? 0 : LIBNBD_CMD_FLAG_NO_HOLE));
		off += k;
		len -= k;
	}
	give(d, h);
	return rc;
}

static int nbd_node_discard(struct block_node *n, u64 off, u64 len)
{
	struct nbd *d = nbd_of(n);
	struct nbd_handle *h;

	if (!d->can_trim)
		return 0;
	h = take(d);
	while (h && len) {
		u64 k = MIN(len, 1u << 30);

		if (finish(d, &h, nbd_aio_trim(h, k, off, NBD_NULL_COMPLETION, 0)))
			break; /* a hint */
		off += k;
		len -= k;
	}
	give(d, h);
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
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->turn);
	free(d->spec);
	free(d);
}

static const struct block_node_ops nbd_ops = {
	"nbd",         nbd_node_read,    nbd_node_write,  nbd_node_flush,
	nbd_node_zero, nbd_node_discard, nbd_node_resize, nbd_node_close,
};

/* QEMU's own form: nbd:HOST:PORT or nbd:unix:PATH, and :exportname=NAME behind. rest is cut up. */
static int connect_qemu(struct nbd_handle *h, char *rest)
{
	char *name = strstr(rest, ":exportname="), *port;

	if (name) {
		*name = 0;
		if (nbd_set_export_name(h, name + strlen(":exportname=")))
			return -1;
	}
	if (!strncmp(rest, "unix:", 5))
		return nbd_aio_connect_unix(h, rest + 5);
	port = strrchr(rest, ':');
	if (!port)
		return nbd_aio_connect_tcp(h, *rest ? rest : "localhost", "10809");
	*port++ = 0;
	if (*rest == '[' && rest[strlen(rest) - 1] == ']') { /* an IPv6 address */
		rest[strlen(rest) - 1] = 0;
		rest++;
	}
	return nbd_aio_connect_tcp(h, *rest ? rest : "localhost", *port ? port : "10809");
}

static struct nbd_handle *connect_one(const char *spec, u32 patience, struct error *e)
{
	struct nbd_handle *h = nbd_create();
	char *copy = strdup(spec);
	const char *why = "it hung up";
	int rc = -1;

	if (h && copy) {
		if (!strncmp(spec, "nbd:", 4) && strncmp(spec, "nbd://", 6))
			rc = connect_qemu(h, copy + 4);
		else
			rc = nbd_aio_connect_uri(h, spec);
	}
	while (!rc && nbd_aio_is_connecting(h) > 0) {
		rc = nbd_poll(h, (int)patience);
		if (!rc) {
			error_set(e, -EIO, "%.200s: the NBD server there has said nothing for %u ms: see what it does", spec, patience);
			nbd_close(h);
			free(copy);
			return NULL;
		}
		rc = MIN(rc, 0);
	}
	if (rc)
		why = h ? nbd_get_error() : "out of memory";
	else if (nbd_aio_is_ready(h) <= 0)
		rc = -1;
	if (rc) {
		error_set(e, -EIO, "%.200s: no NBD server answers so: %.250s", spec, why ? why : "it cannot be connected to");
		nbd_close(h);
		h = NULL;
	}
	free(copy);
	return h;
}

static int ask(struct nbd *d, struct nbd_handle *h, bool readonly, struct error *e)
{
	i64 size = nbd_get_size(h), least = nbd_get_block_size(h, LIBNBD_SIZE_MINIMUM);

	if (size < 0)
		return error_set(e, -EIO, "%.200s: the server does not say how large it is: %.200s", d->spec,
				 nbd_get_error());
	if (!readonly && nbd_is_read_only(h) > 0)
		return error_set(e, -EROFS,
				 "%.300s: the server offers it for reading only; use readonly=on or snapshot=on",
				 d->spec);
	if (least > 4096)
		return error_set(e, -ENOTSUP, "%.300s: the server wants blocks of %lld bytes, and 4096 are the most",
				 d->spec, (long long)least);
	d->node.size = (u64)size;
	d->node.sector = least > 512 ? 4096 : 512;
	d->can_flush = nbd_can_flush(h) > 0;
	d->can_trim = nbd_can_trim(h) > 0;
	d->can_zero = nbd_can_zero(h) > 0;
	return 0;
}

int block_nbd_open(const char *spec, bool readonly, u32 connections, u32 patience, struct block_node **out, struct error *e)
{
	struct nbd *d = calloc(1, sizeof *d);
	struct nbd_handle *h;
	int rc;

	if (!d || !(d->spec = strdup(spec))) {
		free(d);
		return error_set(e, -ENOMEM, "%.300s: the host is out of memory", spec);
	}
	d->node.ops = &nbd_ops;
	d->node.name = d->spec;
	d->node.readonly = readonly;
	d->node.fixed = true;
	d->patience = patience ? patience : PATIENCE;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->turn, NULL);
	h = connect_one(spec, d->patience, e);
	rc = h ? 0 : -EIO;
	if (h)
		d->idle[d->nidle++] = h;
	if (!rc)
		rc = ask(d, h, readonly, e);
	if (rc) {
		nbd_node_close(&d->node);
		return rc;
	}
	/* A connection a thread, where the server says that they see one disk; fewer do too. */
	while (nbd_can_multi_conn(h) > 0 && d->nidle < MIN(connections, CONNECTIONS_MAX)) {
		struct nbd_handle *more = connect_one(spec, d->patience, NULL);

		if (!more || nbd_get_size(more) != (i64)d->node.size) {
			nbd_close(more);
			break;
		}
		d->idle[d->nidle++] = more;
	}
	*out = &d->node;
	return 0;
}

#endif
