/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of both directions into a pcap file (draft-ietf-opsawg-pcap; little-endian, microseconds, Ethernet).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/os_file.h"
#include "hw/host/net/impl.h"

enum { PCAP_MAGIC = 0xa1b2c3d4, PCAP_MAJOR = 2, PCAP_MINOR = 4, LINKTYPE_ETHERNET = 1 };

struct net_dump {
	struct net_dump *next;
	FILE *file;
	char *path;
	u32 maxlen;
	u64 (*now)(void *);
	void *opaque;
};

int netdev_dump(struct netdev *n, const char *path, u32 maxlen, u64 (*now)(void *), void *opaque, struct error *e)
{
	struct net_dump *d;
	u8 header[24];

	if (!maxlen)
		return error_set(e, -EINVAL,
				 "%.200s: maxlen=0 would keep nothing of a frame: use 65536, or leave it out", path);
	d = calloc(1, sizeof *d);
	if (!d || !(d->path = strdup(path))) {
		free(d);
		return error_set(e, -ENOMEM, "%.200s: the host is out of memory", path);
	}
	d->file = os_fopen(path, "wb");
	if (!d->file) {
		int rc = -errno;

		error_set(e, rc, "%.200s: cannot be written (%s): name a file in a directory you may write to", path,
			  os_open_error(-rc));
		free(d->path);
		free(d);
		return rc;
	}
	d->maxlen = maxlen;
	d->now = now;
	d->opaque = opaque;
	st32(header, PCAP_MAGIC);
	st16(header + 4, PCAP_MAJOR);
	st16(header + 6, PCAP_MINOR);
	st32(header + 8, 0);
	st32(header + 12, 0);
	st32(header + 16, maxlen);
	st32(header + 20, LINKTYPE_ETHERNET);
	fwrite(header, sizeof header, 1, d->file);
	fflush(d->file);
	d->next = n->dumps;
	n->dumps = d;
	return 0;
}

/* A disk that is full ends the dump, not the network. */
static void write_record(struct net_dump *d, const struct net_frame *f)
{
	u64 us = d->now ? d->now(d->opaque) / 1000 : 0;
	u32 kept = MIN(f->len, d->maxlen);
	u8 header[16];

	if (!d->file)
		return;
	st32(header, (u32)(us / 1000000));
	st32(header + 4, (u32)(us % 1000000));
	st32(header + 8, kept);
	st32(header + 12, f->len);
	if (fwrite(header, sizeof header, 1, d->file) == 1 && fwrite(f->data, kept, 1, d->file) == 1)
		return;
	msg_warn("%.200s: cannot be written any more (%s): frames are no longer dumped", d->path, strerror(errno));
	fclose(d->file);
	d->file = NULL;
}

void net_dump_frame(struct netdev *n, const struct net_frame *f)
{
	struct net_dump *d;

	for (d = n->dumps; d; d = d->next)
		write_record(d, f);
}

void net_dump_close(struct netdev *n)
{
	struct net_dump *d;

	while ((d = n->dumps)) {
		n->dumps = d->next;
		if (d->file && fclose(d->file))
			msg_warn("%.200s: the last frames could not be written (%s)", d->path, strerror(errno));
		free(d->path);
		free(d);
	}
}
