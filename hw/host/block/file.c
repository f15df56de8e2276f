/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files and disks of the host as block nodes (base/os_file.h). Left out: io_uring and its like; requests run on threads.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_DIRECT */
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/os_file.h"
#include "hw/host/block/impl.h"

#define AT_ONCE 64 /* pieces of memory in one call */

struct file {
	struct block_node node;
	char *path;
	int fd;
	u32 align;             /* of offset, length and memory with O_DIRECT; 1 without */
	struct os_mutex lock;  /* who reads, changes and writes back what is not aligned */
	bool disk;             /* a host disk, not a file */
	u64 end;               /* bytes that were in the file once; the file grows, nothing else changes its length */
	int failed;            /* writes fail from now on: a flush did, and what it should have written may be gone, or cut is set */
	bool cut;              /* somebody made the file shorter than end */
	bool no_zero, no_hole; /* the file system cannot */
};

static struct file *file_of(struct block_node *n)
{
	return container_of(n, struct file, node);
}

/* ---- plain transfers: bytes moved, or -errno ---- */

static ssize_t transfer(struct file *f, bool write_it, u64 off, const struct block_slice *s)
{
	struct iovec v[AT_ONCE];
	size_t skip = s->skip;
	u64 left = s->len;
	int n = 0;
	u32 i;

	for (i = 0; i < s->n && left && n < AT_ONCE; i++) {
		size_t k = (size_t)MIN(left, s->vec[i].len - skip);

		if (k > 1u << 30)
			k = 1u << 30; /* a short transfer: the caller goes on */
		v[n].iov_base = (u8 *)s->vec[i].base + skip;
		v[n++].iov_len = k;
		left -= k;
		if (k < s->vec[i].len - skip)
			break;
		skip = 0;
	}
	return os_transfer(f->fd, write_it, v, n, off);
}

static void grown(struct file *f, u64 end)
{
	u64 now = __atomic_load_n(&f->end, __ATOMIC_RELAXED);

	while (now < end && !__atomic_compare_exchange_n(&f->end, &now, end, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* Somebody cut the file short: what was in the rest is lost, and what is written would hide that. */
static int cut_short(struct file *f, u64 length, u64 end)
{
	if (!__atomic_exchange_n(&f->cut, true, __ATOMIC_RELAXED) && !f->node.quiet)
		msg_warn("%.300s: somebody cut it short while it is in use, from %llu bytes to %llu: the guest gets errors for the rest, "
			 "and nothing more is written until it is opened anew", f->path, (unsigned long long)end, (unsigned long long)length);
	__atomic_store_n(&f->failed, -EIO, __ATOMIC_RELAXED);
	return -EIO;
}

/* Whether the file may be written to: nothing that was flushed is lost, as far as one can know. 0 or -errno. */
static int check_whole(struct file *f)
{
	u64 end = __atomic_load_n(&f->end, __ATOMIC_RELAXED); /* before its length, which others make larger */
	int rc = __atomic_load_n(&f->failed, __ATOMIC_RELAXED);
	i64 length;

	if (rc)
		return f->node.last_words && !__atomic_load_n(&f->cut, __ATOMIC_RELAXED) ? 0 : rc;
	if (f->disk)
		return 0;
	length = os_length(f->fd);
	return length >= 0 && (u64)length < end ? cut_short(f, (u64)length, end) : 0;
}

static int transfer_all(struct file *f, bool write_it, u64 off, struct block_slice s)
{
	while (s.len) {
		ssize_t n = transfer(f, write_it, off, &s);

		if (n < 0)
			return (int)n;
		if (!n && write_it)
			return -ENOSPC; /* the end of a host disk */
		if (!n) {
			u64 end = __atomic_load_n(&f->end, __ATOMIC_RELAXED);

			if (off < end && !f->disk)
				return cut_short(f, off, end);
			if (off < end)
				return -EIO;
			slice_zero(&s);
			return 0;
		}
		off += (u64)n;
		if (write_it)
			grown(f, off);
		s = slice_cut(&s, (u64)n, s.len - (u64)n);
	}
	return 0;
}

/* ---- O_DIRECT: what is not aligned goes through memory that is ---- */

static bool aligned(const struct file *f, u64 off, const struct block_slice *s)
{
	u32 mask = f->align - 1;
	size_t skip = s->skip;
	u64 left = s->len;
	u32 i;

	if ((off | s->len) & mask)
		return false;
	for (i = 0; mask && left && i < s->n; i++) {
		size_t k = (size_t)MIN(left, s->vec[i].len - skip);

		if (((uintptr_t)s->vec[i].base + skip) & mask || k & mask)
			return false;
		left -= k;
		skip = 0;
	}
	return true;
}

#define BOUNCE (1u << 20)

/* One piece, [off, off + len) within [start, end), at most BOUNCE bytes. */
static int bounce_piece(struct file *f, bool write_it, u64 off, const struct block_slice *s, u8 *p)
{
	u64 start = ALIGN_DOWN(off, f->align), end = ALIGN_UP(off + s->len, f->align);
	struct block_vec v = { p, (size_t)(end - start) };
	struct block_slice all = { &v, 1, 0, end - start };
	int rc = 0;

	if (!write_it || start != off || end != off + s->len)
		rc = transfer_all(f, false, start, all);
	if (rc)
		return rc;
	if (!write_it) {
		slice_put(s, p + (off - start));
		return 0;
	}
	slice_get(s, p + (off - start));
	return transfer_all(f, true, start, all);
}

static int bounce(struct file *f, bool write_it, u64 off, const struct block_slice *s)
{
	u8 *p = os_page_alloc(BOUNCE + 2 * (size_t)f->align);
	u64 done = 0;
	int rc = p ? 0 : -ENOMEM;

	if (write_it)
		os_mutex_lock(&f->lock);
	while (!rc && done < s->len) {
		struct block_slice part = slice_cut(s, done, MIN(s->len - done, BOUNCE));

		rc = bounce_piece(f, write_it, off + done, &part, p);
		done += part.len;
	}
	if (write_it)
		os_mutex_unlock(&f->lock);
	os_page_free(p);
	return rc;
}

static int file_read(struct block_node *n, u64 off, const struct block_slice *s)
{
	struct file *f = file_of(n);

	return f->align == 1 || aligned(f, off, s) ? transfer_all(f, false, off, *s) : bounce(f, false, off, s);
}

static int file_write(struct block_node *n, u64 off, const struct block_slice *s)
{
	struct file *f = file_of(n);
	int rc = check_whole(f);

	if (rc)
		return rc;
	return f->align == 1 || aligned(f, off, s) ? transfer_all(f, true, off, *s) : bounce(f, true, off, s);
}

/* ---- the rest ---- */

static int file_flush(struct block_node *n)
{
	struct file *f = file_of(n);
	int rc;

	if (n->nosync || n->readonly)
		return 0;
	/* After a failure the host may have dropped what it could not write, and would now say that all is well. */
	rc = __atomic_load_n(&f->failed, __ATOMIC_RELAXED);
	if (!rc)
		rc = check_whole(f);
	if (rc)
		return rc;
	rc = os_sync(f->fd);
	if (rc && !__atomic_exchange_n(&f->failed, rc, __ATOMIC_RELAXED) && !n->quiet)
		msg_warn("%.300s: the host failed to bring to its disk what was written since the last flush (%s), and some of it may be "
			 "lost: all that the guest writes fails until the disk is opened anew; look after the host's disk first",
			 f->path, strerror(-rc));
	return rc;
}

/* Remembers what the file system cannot. 0, or -ENOTSUP: do it another way. */
static int learn(int rc, bool *never)
{
	if (rc != -ENOSYS)
		return rc;
	__atomic_store_n(never, true, __ATOMIC_RELAXED);
	return -ENOTSUP;
}

static int punch(struct file *f, u64 off, u64 len)
{
	if (__atomic_load_n(&f->no_hole, __ATOMIC_RELAXED))
		return -ENOTSUP;
	return learn(os_punch_hole(f->fd, off, len), &f->no_hole);
}

static int zero_range(struct file *f, u64 off, u64 len)
{
	if (__atomic_load_n(&f->no_zero, __ATOMIC_RELAXED))
		return -ENOTSUP;
	return learn(os_zero_range(f->fd, off, len), &f->no_zero);
}

static int file_zero(struct block_node *n, u64 off, u64 len, u32 flags)
{
	struct file *f = file_of(n);
	int rc = check_whole(f);

	if (rc)
		return rc;
	rc = -ENOTSUP;
	if (!((off | len) & (f->align - 1))) {
		if (flags & BLOCK_UNMAP && off + len <= n->size)
			rc = punch(f, off, len);
		if (rc == -ENOTSUP)
			rc = zero_range(f, off, len);
		if (!rc)
			grown(f, MIN(off + len, (u64)MAX(os_length(f->fd), 0)));
	}
	return rc == -ENOTSUP ? node_write_zeros(n, off, len) : rc;
}

static int file_discard(struct block_node *n, u64 off, u64 len)
{
	int rc = check_whole(file_of(n));

	if (rc)
		return rc;
	/* A host disk wants whole sectors. */
	if (file_of(n)->disk) {
		u64 start = ALIGN_UP(off, n->sector), end = ALIGN_DOWN(off + len, n->sector);

		if (start >= end)
			return 0;
		off = start;
		len = end - start;
	}
	rc = punch(file_of(n), off, len);
	return rc == -ENOTSUP ? 0 : rc;
}

static int file_resize(struct block_node *n, u64 size, struct error *e)
{
	struct file *f = file_of(n);
	int rc;

	if (f->disk) {
		i64 now = os_length(f->fd);

		if (now < 0 || (u64)now < size)
			return error_set(
				e, -ENOTSUP,
				"%.300s: a disk of the host has the size it has, %lld bytes; grow it on the host first",
				n->name, (long long)now);
		n->size = size;
		return 0;
	}
	if (size < n->size)
		return error_set(e, -ENOTSUP, "%.300s: an image does not shrink", n->name);
	if (check_whole(f))
		return error_set(e, -EIO, "%.300s: cannot grow: its host's disk has failed", n->name);
	rc = os_truncate(f->fd, size);
	if (rc)
		return error_set(e, rc, "%.300s: cannot grow to %llu bytes: %s", n->name, (unsigned long long)size,
				 strerror(-rc));
	grown(f, size);
	n->size = size;
	return 0;
}

static void file_close(struct block_node *n)
{
	struct file *f = file_of(n);

	if (f->fd >= 0)
		os_close(f->fd);
	os_mutex_destroy(&f->lock);
	free(f->path);
	free(f);
}

/* Whoever comes meanwhile may have it then: who takes it back must know that nobody did anything to it. */
static void file_hold(struct block_node *n, bool on)
{
	if (on)
		block_file_lock(file_of(n)->fd, !n->readonly);
	else
		block_file_unlock(file_of(n)->fd);
}

static const struct block_node_ops file_ops = {
	"file", file_read, file_write, file_flush, file_zero, file_discard, file_resize, file_close, file_hold,
};

/* ---- opening ---- */

static int open_sentence(const char *path, int err, bool readonly, struct error *e)
{
	switch (err) {
	case ENOENT:
		return error_set(e, -err,
				 "%.300s: there is no such image; look at the path, or make one with qemu-img create",
				 path);
	case EISDIR:
		return error_set(e, -err, "%.300s is a directory, not a disk image", path);
	case EACCES:
	case EPERM:
		return error_set(e, -err, "%.300s: no permission to %s it; %s", path, readonly ? "read" : "write",
				 readonly ? "change its mode or owner"
					  : "change its mode, or open it with readonly=on");
	case EROFS:
		return error_set(e, -err,
				 "%.300s is on a file system that is mounted read-only; open it with readonly=on",
				 path);
	case EBUSY:
		return error_set(
			e, -err, "%.300s is locked: another process (or another disk of this one) has it open%s", path,
			readonly ? " for writing" : "; end that first, or open both with readonly=on or snapshot=on");
	default:
		return error_set(e, -err, "%.300s: cannot open it: %s", path, strerror(err));
	}
}

/* The alignment that O_DIRECT wants: what a read at 0 gets away with. */
static int find_align(struct file *f)
{
	u8 *p = os_page_alloc(4096);
	u32 n;

	if (!p)
		return -ENOMEM;
	for (n = 512; n < 4096; n *= 2) {
		struct block_vec v = { p, n };
		struct block_slice s = { &v, 1, 0, n };
		struct block_vec w = { p + n, n };

		if (transfer(f, false, 0, &s) >= 0) {
			s.vec = &w;
			if (transfer(f, false, n, &s) >= 0)
				break;
		}
	}
	os_page_free(p);
	f->align = n;
	return 0;
}

static int check_kind(struct file *f, bool readonly, struct error *e)
{
	struct os_stat st;
	i64 len;

	if (os_fstat(f->fd, &st))
		return open_sentence(f->path, errno, readonly, e);
	if (st.kind == OS_DIRECTORY)
		return open_sentence(f->path, EISDIR, readonly, e);
	f->disk = st.kind == OS_DISK;
	if (!f->disk && st.kind != OS_FILE)
		return error_set(e, -EINVAL, "%.300s is neither a file nor a disk", f->path);
	len = os_length(f->fd);
	if (len < 0)
		return open_sentence(f->path, (int)-len, readonly, e);
	f->node.size = f->end = (u64)len;
	f->node.fixed = f->disk;
	f->node.dev = st.dev;
	f->node.ino = st.ino;
	if (f->disk) {
		u32 sector = os_sector_size(f->fd);

		if (sector > 512 && sector <= 4096)
			f->node.sector = 4096;
	}
	return 0;
}

static struct file *file_new(const char *path)
{
	struct file *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->node.ops = &file_ops;
	f->node.sector = 512;
	f->fd = -1;
	f->align = 1;
	os_mutex_init(&f->lock);
	f->node.name = f->path = strdup(path);
	if (!f->path) {
		file_close(&f->node);
		return NULL;
	}
	return f;
}

static bool looped(const struct file *f, const struct block_chain *chain)
{
	for (; chain; chain = chain->above)
		if (chain->ino && chain->dev == f->node.dev && chain->ino == f->node.ino)
			return true;
	return false;
}

static int open_fd(struct file *f, bool readonly, bool direct)
{
	int flags = (readonly ? O_RDONLY : O_RDWR) | O_NONBLOCK;

#ifdef O_DIRECT
	if (direct)
		flags |= O_DIRECT;
#endif
	/* O_NONBLOCK: a pipe that somebody calls an image must not hang us. */
	f->fd = os_open(f->path, flags, 0);
	if (f->fd < 0)
		return -errno;
#if !defined(O_DIRECT) && defined(F_NOCACHE)
	if (direct)
		fcntl(f->fd, F_NOCACHE, 1);
#endif
	return 0;
}

int block_file_open(const char *path, bool readonly, enum block_cache cache, const struct block_chain *chain,
		    struct block_node **out, struct error *e)
{
	struct file *f = file_new(path);
	bool direct = cache == BLOCK_NONE || cache == BLOCK_DIRECTSYNC;
	int rc;

	if (!f)
		return error_set(e, -ENOMEM, "%.300s: the host is out of memory", path);
	f->node.readonly = readonly;
	f->node.nosync = cache == BLOCK_UNSAFE;
	rc = open_fd(f, readonly, direct);
	if (rc == -EINVAL && direct)
		error_set(e, rc, "%.300s: its file system cannot go past the page cache; use cache=writeback", path);
	else if (rc)
		open_sentence(path, -rc, readonly, e);
	if (!rc)
		rc = check_kind(f, readonly, e);
	if (!rc && looped(f, chain))
		rc = error_set(e, -ELOOP, "%.300s is its own backing file, at some remove", path);
	if (!rc && block_file_lock(f->fd, !readonly))
		rc = open_sentence(path, EBUSY, readonly, e);
#ifdef O_DIRECT
	if (!rc && direct && (rc = find_align(f)))
		error_set(e, rc, "%.300s: the host is out of memory", path);
#endif
	if (rc) {
		file_close(&f->node);
		return rc;
	}
	*out = &f->node;
	return 0;
}

char *block_file_real(const char *path)
{
	return os_path_real(path);
}

int block_file_temp(struct block_node **out, struct error *e)
{
	char dir[304];
	struct file *f = file_new("snapshot");
	int rc;

	if (!f)
		return error_set(e, -ENOMEM, "snapshot: the host is out of memory");
	f->node.nosync = true;
	rc = f->fd = os_temp_file(dir, sizeof dir);
	if (rc < 0) {
		error_set(e, rc, "snapshot: no temporary file in %.300s: %s; set TMPDIR to a place with room", dir,
			  strerror(-rc));
		file_close(&f->node);
		return rc;
	}
	*out = &f->node;
	return 0;
}
