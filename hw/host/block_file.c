/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files and disks of the host as block nodes (POSIX, and what Linux, the BSDs and macOS add to it). Left out: io_uring
 * and its like; requests run on threads.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_DIRECT, fallocate() */
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifndef _WIN32
#include <sys/ioctl.h>
#include <sys/uio.h>
#endif
#ifdef __linux__
#include <linux/falloc.h>
#include <linux/fs.h>
#endif

#include "hw/host/block_impl.h"

#ifdef _WIN32
#include <io.h>
#define HAVE_VECTORS 0
#else
#define HAVE_VECTORS 1
#endif
#ifndef O_BINARY
#define O_BINARY 0
#endif
#ifndef O_CLOEXEC
#define O_CLOEXEC 0
#endif
#ifndef O_NONBLOCK
#define O_NONBLOCK 0
#endif

#define AT_ONCE 64 /* pieces of memory in one call */

struct file {
	struct block_node node;
	char *path;
	int fd;
	u32 align;             /* of offset, length and memory with O_DIRECT; 1 without */
	pthread_mutex_t lock;  /* who reads, changes and writes back what is not aligned; positions on Windows */
	bool disk;             /* a host disk, not a file */
	int failed;            /* a flush failed: what it should have written may be gone, and no later one can know */
	bool no_zero, no_hole; /* the file system cannot */
};

static struct file *file_of(struct block_node *n)
{
	return container_of(n, struct file, node);
}

/* ---- plain transfers: bytes moved, or -errno ---- */

#ifdef _WIN32
static ssize_t transfer(struct file *f, bool write_it, u64 off, const struct block_slice *s)
{
	void *p = (u8 *)s->vec->base + s->skip;
	unsigned n = (unsigned)MIN(MIN(s->len, s->vec->len - s->skip), 1u << 30);
	ssize_t rc;

	pthread_mutex_lock(&f->lock);
	if (_lseeki64(f->fd, (i64)off, SEEK_SET) < 0)
		rc = -errno;
	else if ((rc = write_it ? _write(f->fd, p, n) : _read(f->fd, p, n)) < 0)
		rc = -errno;
	pthread_mutex_unlock(&f->lock);
	return rc;
}
#else
static ssize_t transfer(struct file *f, bool write_it, u64 off, const struct block_slice *s)
{
	struct iovec v[AT_ONCE];
	size_t skip = s->skip;
	u64 left = s->len;
	int n = 0;
	u32 i;
	ssize_t rc;

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
	do {
		if (n == 1)
			rc = write_it ? pwrite(f->fd, v[0].iov_base, v[0].iov_len, (off_t)off)
				      : pread(f->fd, v[0].iov_base, v[0].iov_len, (off_t)off);
		else
			rc = write_it ? pwritev(f->fd, v, n, (off_t)off) : preadv(f->fd, v, n, (off_t)off);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : rc;
}
#endif

static int transfer_all(struct file *f, bool write_it, u64 off, struct block_slice s)
{
	while (s.len) {
		ssize_t n = transfer(f, write_it, off, &s);

		if (n < 0)
			return (int)n;
		if (!n && write_it)
			return -ENOSPC; /* the end of a host disk */
		if (!n) {
			slice_zero(&s);
			return 0;
		}
		off += (u64)n;
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

static void *aligned_alloc_of(size_t n)
{
#ifdef _WIN32
	return _aligned_malloc(n, 4096);
#else
	void *p;

	return posix_memalign(&p, 4096, n) ? NULL : p;
#endif
}

static void aligned_free(void *p)
{
#ifdef _WIN32
	_aligned_free(p);
#else
	free(p);
#endif
}

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
	u8 *p = aligned_alloc_of(BOUNCE + 2 * (size_t)f->align);
	u64 done = 0;
	int rc = p ? 0 : -ENOMEM;

	if (write_it)
		pthread_mutex_lock(&f->lock);
	while (!rc && done < s->len) {
		struct block_slice part = slice_cut(s, done, MIN(s->len - done, BOUNCE));

		rc = bounce_piece(f, write_it, off + done, &part, p);
		done += part.len;
	}
	if (write_it)
		pthread_mutex_unlock(&f->lock);
	aligned_free(p);
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

	return f->align == 1 || aligned(f, off, s) ? transfer_all(f, true, off, *s) : bounce(f, true, off, s);
}

/* ---- the rest ---- */

static int sync_data(int fd)
{
#if defined(_WIN32)
	return _commit(fd) ? -errno : 0;
#elif defined(__APPLE__)
	return fcntl(fd, F_FULLFSYNC) && fsync(fd) ? -errno : 0;
#elif defined(_POSIX_SYNCHRONIZED_IO) && _POSIX_SYNCHRONIZED_IO > 0
	return fdatasync(fd) ? -errno : 0;
#else
	return fsync(fd) ? -errno : 0;
#endif
}

static int file_flush(struct block_node *n)
{
	struct file *f = file_of(n);
	int rc;

	if (n->nosync || n->readonly)
		return 0;
	/* After a failure the host may have dropped what it could not write, and would now say that all is well. */
	rc = __atomic_load_n(&f->failed, __ATOMIC_RELAXED);
	if (rc)
		return rc;
	do
		rc = sync_data(f->fd);
	while (rc == -EINTR);
	if (rc)
		__atomic_store_n(&f->failed, rc, __ATOMIC_RELAXED);
	return rc;
}

/* 0, or -ENOTSUP: do it another way. */
static int punch(struct file *f, u64 off, u64 len)
{
#if defined(__linux__) && defined(FALLOC_FL_PUNCH_HOLE)
	int rc;

	if (__atomic_load_n(&f->no_hole, __ATOMIC_RELAXED))
		return -ENOTSUP;
	do
		rc = fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len);
	while (rc && errno == EINTR);
	if (!rc)
		return 0;
	if (errno == EOPNOTSUPP || errno == ENOSYS || errno == ENODEV)
		__atomic_store_n(&f->no_hole, true, __ATOMIC_RELAXED);
	return errno == EIO ? -EIO : -ENOTSUP;
#else
	return -ENOTSUP;
#endif
}

static int zero_range(struct file *f, u64 off, u64 len)
{
#if defined(__linux__) && defined(FALLOC_FL_ZERO_RANGE)
	int rc;

	if (__atomic_load_n(&f->no_zero, __ATOMIC_RELAXED))
		return -ENOTSUP;
	do
		rc = fallocate(f->fd, FALLOC_FL_ZERO_RANGE, (off_t)off, (off_t)len);
	while (rc && errno == EINTR);
	if (!rc)
		return 0;
	if (errno == EOPNOTSUPP || errno == ENOSYS || errno == ENODEV)
		__atomic_store_n(&f->no_zero, true, __ATOMIC_RELAXED);
	return errno == EIO || errno == ENOSPC ? -errno : -ENOTSUP;
#else
	return -ENOTSUP;
#endif
}

static int file_zero(struct block_node *n, u64 off, u64 len, u32 flags)
{
	struct file *f = file_of(n);
	int rc = -ENOTSUP;

	if (!((off | len) & (f->align - 1))) {
		if (flags & BLOCK_UNMAP && off + len <= n->size)
			rc = punch(f, off, len);
		if (rc == -ENOTSUP)
			rc = zero_range(f, off, len);
	}
	return rc == -ENOTSUP ? node_write_zeros(n, off, len) : rc;
}

static int file_discard(struct block_node *n, u64 off, u64 len)
{
	int rc;

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

static i64 file_length(const struct file *f)
{
#ifdef _WIN32
	i64 r = _lseeki64(f->fd, 0, SEEK_END);
#else
	i64 r = (i64)lseek(f->fd, 0, SEEK_END);
#endif

	return r < 0 ? -errno : r;
}

static int file_resize(struct block_node *n, u64 size, struct error *e)
{
	struct file *f = file_of(n);

	if (f->disk) {
		i64 now = file_length(f);

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
	if (ftruncate(f->fd, (off_t)size)) {
		int rc = -errno;

		return error_set(e, rc, "%.300s: cannot grow to %llu bytes: %s", n->name, (unsigned long long)size,
				 strerror(-rc));
	}
	n->size = size;
	return 0;
}

static void file_close(struct block_node *n)
{
	struct file *f = file_of(n);

	if (f->fd >= 0)
		close(f->fd);
	pthread_mutex_destroy(&f->lock);
	free(f->path);
	free(f);
}

static const struct block_node_ops file_ops = {
	"file", file_read, file_write, file_flush, file_zero, file_discard, file_resize, file_close,
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
	u8 *p = aligned_alloc_of(4096);
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
	aligned_free(p);
	f->align = n;
	return 0;
}

static int check_kind(struct file *f, bool readonly, struct error *e)
{
	struct stat st;
	i64 len;

	if (fstat(f->fd, &st))
		return open_sentence(f->path, errno, readonly, e);
	if (S_ISDIR(st.st_mode))
		return open_sentence(f->path, EISDIR, readonly, e);
#ifdef S_ISBLK
	f->disk = S_ISBLK(st.st_mode);
#endif
#if defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__) || defined(__APPLE__)
	f->disk |= S_ISCHR(st.st_mode); /* raw disks are character devices there */
#endif
	if (!f->disk && !S_ISREG(st.st_mode))
		return error_set(e, -EINVAL, "%.300s is neither a file nor a disk", f->path);
	len = file_length(f);
	if (len < 0)
		return open_sentence(f->path, (int)-len, readonly, e);
	f->node.size = (u64)len;
	f->node.fixed = f->disk;
	f->node.dev = (u64)st.st_dev;
	f->node.ino = (u64)st.st_ino;
#ifdef BLKSSZGET
	if (f->disk) {
		int sector = 512;

		if (!ioctl(f->fd, BLKSSZGET, &sector) && sector > 512 && sector <= 4096)
			f->node.sector = 4096;
	}
#endif
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
	pthread_mutex_init(&f->lock, NULL);
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
	int flags = (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_BINARY | O_NONBLOCK;

#ifdef O_DIRECT
	if (direct)
		flags |= O_DIRECT;
#endif
	/* O_NONBLOCK: a pipe that somebody calls an image must not hang us. */
	f->fd = open(f->path, flags);
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

int block_file_temp(struct block_node **out, struct error *e)
{
	const char *dir = getenv("TMPDIR");
	char path[512];
	struct file *f;
	int rc = 0;

#ifdef _WIN32
	if (!dir && !(dir = getenv("TEMP")))
		dir = ".";
#else
	if (!dir || !*dir)
		dir = "/var/tmp"; /* as big as a disk may become, /tmp is often memory */
#endif
	snprintf(path, sizeof path, "%.400s/paravane-XXXXXX", dir);
	f = file_new(path);
	if (!f)
		return error_set(e, -ENOMEM, "snapshot: the host is out of memory");
	f->node.nosync = true;
#ifdef _WIN32
	if (!_mktemp(f->path) ||
	    (f->fd = open(f->path, O_RDWR | O_CREAT | O_EXCL | _O_BINARY | _O_TEMPORARY, 0600)) < 0)
		rc = -errno;
#else
	f->fd = mkstemp(f->path);
	if (f->fd < 0) {
		rc = -errno;
	} else {
		fcntl(f->fd, F_SETFD, FD_CLOEXEC);
		unlink(f->path);
	}
#endif
	if (rc) {
		error_set(e, rc, "snapshot: no temporary file in %.300s: %s; set TMPDIR to a place with room", dir,
			  strerror(-rc));
		file_close(&f->node);
		return rc;
	}
	*out = &f->node;
	return 0;
}
