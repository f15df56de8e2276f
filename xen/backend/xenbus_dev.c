/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What back ends work with: the front end's numbers, granted pages, event channels. All of it is written by the guest, and may
 * be anything at any time.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "xen/backend/xenbus_impl.h"
#include "xen/evtchn.h"
#include "xen/grant.h"

struct xen_domain *xenbus_domain(const struct xenbus_device *dev)
{
	return dev->d;
}

const struct xenbus_ops *xenbus_ops(const struct xenbus_device *dev)
{
	return dev->ops;
}

void *xenbus_service(const struct xenbus_device *dev)
{
	return dev->service;
}

u32 xenbus_id(const struct xenbus_device *dev)
{
	return dev->id;
}

bool xenbus_connected(const struct xenbus_device *dev)
{
	return dev->connected;
}

bool xenbus_replaced(const struct xenbus_device *dev)
{
	return dev->replaced;
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

static int put(struct xenbus_device *dev, const char *dir, const char *key, const char *fmt, va_list ap)
{
	char path[200], text[256];
	int n = vsnprintf(text, sizeof text, fmt, ap);
	int rc = 0;

	if (n < 0 || (size_t)n >= sizeof text ||
	    (size_t)snprintf(path, sizeof path, "%s/%s", dir, key) >= sizeof path)
		return -E2BIG;
	rc = xs_write_bytes(dev->d->store, path, text, (size_t)n);
	return rc == -XEN_ENOMEM ? -ENOMEM : rc ? -EINVAL : 0;
}

int xenbus_offer(struct xenbus_device *dev, const char *key, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = put(dev, dev->back_path, key, fmt, ap);
	va_end(ap);
	return rc;
}

int xenbus_tell(struct xenbus_device *dev, const char *key, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = put(dev, dev->front_path, key, fmt, ap);
	va_end(ap);
	return rc;
}

static const char *look(struct xenbus_device *dev, u32 queue, const char *key, size_t *n)
{
	char path[200];
	int len;

	if (dev->queues && queue != XENBUS_WHOLE)
		len = snprintf(path, sizeof path, "%s/queue-%u/%s", dev->front_path, queue, key);
	else
		len = snprintf(path, sizeof path, "%s/%s", dev->front_path, key);
	*n = 0;
	return len < (int)sizeof path ? xs_read(dev->d->store, path, n) : NULL;
}

int xenbus_read_u64(struct xenbus_device *dev, u32 queue, const char *key, u64 *v)
{
	size_t n, i;
	const char *p = look(dev, queue, key, &n);
	u64 x = 0;

	if (!p)
		return -ENOENT;
	if (!n || n > 20)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		u32 digit = (u32)(u8)p[i] - '0';

		if (digit > 9 || x > (UINT64_MAX - digit) / 10)
			return -EINVAL;
		x = x * 10 + digit;
	}
	*v = x;
	return 0;
}

u64 xenbus_read_or(struct xenbus_device *dev, u32 queue, const char *key, u64 missing)
{
	u64 v;

	return xenbus_read_u64(dev, queue, key, &v) ? missing : v;
}

int xenbus_read_str(struct xenbus_device *dev, u32 queue, const char *key, char *out, size_t n)
{
	size_t len;
	const char *p = look(dev, queue, key, &len);

	*out = 0;
	if (!p)
		return -ENOENT;
	len = MIN(len, n - 1);
	memcpy(out, p, len);
	out[len] = 0;
	return 0;
}

int xenbus_read_protocol(struct xenbus_device *dev, struct error *e)
{
	char text[32];

	if (xenbus_read_str(dev, XENBUS_WHOLE, "protocol", text, sizeof text))
		return XENBUS_NATIVE;
	if (!strcmp(text, "x86_64-abi"))
		return XENBUS_X86_64;
	if (!strcmp(text, "x86_32-abi"))
		return XENBUS_X86_32;
	return error_set(e, -EINVAL, "the ring's protocol is none that is known here");
}

int xenbus_queues(struct xenbus_device *dev, u32 max, struct error *e)
{
	u64 n = xenbus_read_or(dev, XENBUS_WHOLE, "multi-queue-num-queues", 1);

	if (!n || n > max)
		return error_set(e, -EINVAL, "%llu queues are asked for, and there may be 1 to %u", (unsigned long long)n, max);
	dev->queues = n > 1;
	return (int)n;
}

/* ---- granted pages --------------------------------------------------------------------------------------------- */

static struct xenbus_map *map_of(const struct xenbus_device *dev, int map)
{
	return map >= 0 && (u32)map < dev->nmaps && dev->maps[map].n ? &dev->maps[map] : NULL;
}

static void map_release(struct xenbus_device *dev, struct xenbus_map *m)
{
	while (m->n) {
		m->n--;
		grant_release(dev->d, m->ref[m->n], m->write);
	}
}

int xenbus_map(struct xenbus_device *dev, const u32 *refs, u32 n, bool write, struct error *e)
{
	struct xenbus_map *m;
	u32 at;

	if (!n || n > XENBUS_RING_PAGES)
		return error_set(e, -EINVAL, "%u pages cannot be mapped together, only 1 to %u", n, XENBUS_RING_PAGES);
	for (at = 0; at < dev->nmaps && dev->maps[at].n; at++)
		;
	if (at == XENBUS_MAPS)
		return error_set(e, -ENOSPC, "more than %u rings cannot be mapped", XENBUS_MAPS);
	if (at == dev->nmaps) {
		m = realloc(dev->maps, (dev->nmaps + 1) * sizeof *m);
		if (!m)
			return error_set(e, -ENOMEM, "the host is out of memory");
		dev->maps = m;
		dev->nmaps++;
	}
	m = &dev->maps[at];
	memset(m, 0, sizeof *m);
	m->write = write;
	for (; m->n < n; m->n++) {
		int rc = grant_access(dev->d, refs[m->n], write, &m->mfn[m->n]);

		if (rc) {
			map_release(dev, m);
			return error_set(e, -EINVAL, "grant reference %u cannot be mapped (grant status %d)", refs[m->n], rc);
		}
		m->ref[m->n] = refs[m->n];
	}
	return (int)at;
}

int xenbus_map_ring(struct xenbus_device *dev, u32 queue, const char *key, u32 max, struct error *e)
{
	u64 order = xenbus_read_or(dev, XENBUS_WHOLE, "ring-page-order", 0), v;
	u32 refs[XENBUS_RING_PAGES], n, i;
	char name[64];
	int rc;

	if (order > 8 || 1u << order > MIN(max, XENBUS_RING_PAGES))
		return error_set(e, -EINVAL, "a ring of 2^%llu pages is asked for, and it may have %u", (unsigned long long)order, max);
	n = 1u << order;
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof name, "%s%u", key, i);
		rc = xenbus_read_u64(dev, queue, name, &v);
		if (rc == -ENOENT && n == 1) {
			snprintf(name, sizeof name, "%s", key);
			rc = xenbus_read_u64(dev, queue, name, &v);
		}
		if (rc || v > UINT32_MAX)
			return error_set(e, rc == -ENOENT ? rc : -EINVAL, "%s of the front end is %s", name,
					 rc == -ENOENT ? "missing" : "no grant reference");
		refs[i] = (u32)v;
	}
	return xenbus_map(dev, refs, n, true, e);
}

u32 xenbus_map_size(const struct xenbus_device *dev, int map)
{
	const struct xenbus_map *m = map_of(dev, map);

	return m ? m->n * (u32)PAGE_SIZE : 0;
}

static bool map_inside(const struct xenbus_map *m, u32 off, u32 n)
{
	u32 size = m ? m->n * (u32)PAGE_SIZE : 0;

	return off <= size && n <= size - off;
}

int xenbus_map_read(struct xenbus_device *dev, int map, u32 off, void *dst, u32 n)
{
	const struct xenbus_map *m = map_of(dev, map);
	u8 *p = dst;

	if (!map_inside(m, off, n))
		return -EFAULT;
	while (n) {
		u32 at = off & (u32)(PAGE_SIZE - 1), k = MIN(n, (u32)PAGE_SIZE - at);

		if (mem_read(&dev->d->d->mem, (m->mfn[off >> PAGE_SHIFT] << PAGE_SHIFT) + at, p, k))
			return -EFAULT;
		p += k;
		off += k;
		n -= k;
	}
	return 0;
}

int xenbus_map_write(struct xenbus_device *dev, int map, u32 off, const void *src, u32 n)
{
	const struct xenbus_map *m = map_of(dev, map);
	const u8 *p = src;

	if (!map_inside(m, off, n))
		return -EFAULT;
	if (!m->write)
		return -EACCES;
	while (n) {
		u32 at = off & (u32)(PAGE_SIZE - 1), k = MIN(n, (u32)PAGE_SIZE - at);

		if (mem_write(&dev->d->d->mem, (m->mfn[off >> PAGE_SHIFT] << PAGE_SHIFT) + at, p, k))
			return -EFAULT;
		p += k;
		off += k;
		n -= k;
	}
	return 0;
}

u32 xenbus_map_u32(struct xenbus_device *dev, int map, u32 off)
{
	u8 b[4];

	return xenbus_map_read(dev, map, off, b, 4) ? 0 : ld32(b);
}

int xenbus_map_set_u32(struct xenbus_device *dev, int map, u32 off, u32 v)
{
	u8 b[4];

	st32(b, v);
	return xenbus_map_write(dev, map, off, b, 4);
}

void xenbus_unmap(struct xenbus_device *dev, int map)
{
	struct xenbus_map *m = map_of(dev, map);

	if (m)
		map_release(dev, m);
}

/* ---- event channels -------------------------------------------------------------------------------------------- */

static void on_event(void *opaque)
{
	struct xenbus_channel *ch = opaque;

	if (ch->dev->connected)
		ch->dev->ops->event(ch->dev, ch->index);
}

/* The guest may have closed the port, and got its number again for something else. */
static bool still_ours(const struct xenbus_channel *ch)
{
	struct evtchn *e = ch->dev->d->evtchn;

	return ch->port && evtchn_port_valid(e, ch->port) && evtchn_port_host(e, ch->port)->opaque == ch;
}

int xenbus_bind(struct xenbus_device *dev, u32 queue, const char *key, struct error *e)
{
	struct xenbus_channel *ch = &dev->channels[dev->nchannels];
	u64 port;
	int rc = xenbus_read_u64(dev, queue, key, &port);

	if (rc)
		return error_set(e, rc, "%s of the front end is %s", key, rc == -ENOENT ? "missing" : "no number");
	if (dev->nchannels == XENBUS_CHANNELS)
		return error_set(e, -ENOSPC, "more than %u event channels cannot be bound", XENBUS_CHANNELS);
	if (port > UINT32_MAX || evtchn_connect_host(dev->d, (u32)port, on_event, ch))
		return error_set(e, -EINVAL, "event channel %llu is not offered to domain %u", (unsigned long long)port,
				 XEN_BACKEND_DOMID);
	*ch = (struct xenbus_channel){ dev, dev->nchannels, (u32)port };
	return (int)dev->nchannels++;
}

void xenbus_notify(struct xenbus_device *dev, int channel)
{
	if (channel >= 0 && (u32)channel < dev->nchannels && still_ours(&dev->channels[channel]))
		evtchn_notify(dev->d, dev->channels[channel].port);
}

void xenbus_release(struct xenbus_device *dev)
{
	u32 i;

	for (i = 0; i < dev->nchannels; i++) {
		if (still_ours(&dev->channels[i]))
			evtchn_close_host(dev->d, dev->channels[i].port);
		dev->channels[i].port = 0;
	}
	for (i = 0; i < dev->nmaps; i++)
		map_release(dev, &dev->maps[i]);
	free(dev->maps);
	dev->maps = NULL;
	dev->nmaps = dev->nchannels = 0;
	dev->queues = false;
}

/* ---- state ----------------------------------------------------------------------------------------------------- */

void xenbus_resources_save(const struct xenbus_device *dev, struct buf *out)
{
	u32 i, k;

	buf_put_u32(out, dev->nmaps);
	for (i = 0; i < dev->nmaps; i++) {
		buf_put_u32(out, dev->maps[i].n);
		buf_put_u8(out, dev->maps[i].write);
		for (k = 0; k < dev->maps[i].n; k++) {
			buf_put_u32(out, dev->maps[i].ref[k]);
			buf_put_u64(out, dev->maps[i].mfn[k]);
		}
	}
	buf_put_u32(out, dev->nchannels);
	for (i = 0; i < dev->nchannels; i++)
		buf_put_u32(out, still_ours(&dev->channels[i]) ? dev->channels[i].port : 0);
}

int xenbus_resources_load(struct xenbus_device *dev, struct reader *in)
{
	u32 i, k, n = reader_u32(in);

	free(dev->maps);
	dev->maps = NULL;
	dev->nmaps = dev->nchannels = 0;
	if (n > XENBUS_MAPS)
		return -EINVAL;
	dev->maps = calloc(n ? n : 1, sizeof *dev->maps);
	if (!dev->maps)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		struct xenbus_map m = { .n = reader_u32(in), .write = reader_u8(in) != 0 };

		if (m.n > XENBUS_RING_PAGES)
			return -EINVAL;
		for (k = 0; k < m.n; k++) {
			m.ref[k] = reader_u32(in);
			m.mfn[k] = reader_u64(in);
			if (!xen_owned(dev->d, m.mfn[k]))
				return -EINVAL;
		}
		dev->maps[dev->nmaps++] = m;
	}
	n = reader_u32(in);
	if (n > XENBUS_CHANNELS)
		return -EINVAL;
	for (i = 0; i < n; i++)
		dev->channels[i] = (struct xenbus_channel){ dev, i, reader_u32(in) };
	dev->nchannels = n;
	return in->failed ? -EINVAL : 0;
}

void xenbus_resources_attach(struct xenbus_device *dev)
{
	u32 i;

	for (i = 0; i < dev->nchannels; i++)
		if (dev->channels[i].port &&
		    evtchn_attach_host(dev->d, dev->channels[i].port, on_event, &dev->channels[i]))
			dev->channels[i].port = 0;
}
