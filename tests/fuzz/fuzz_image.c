/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the reader of snapshot files: the input is the file. As it is it seldom gets past the digest, so it is opened again with all
 * sums made right; then what it says of itself is all there is to check.
 */
#include <stdlib.h>
#include <string.h>

#include "base/os_file.h"
#include "snapshot/file.h"
#include "snapshot/image_stream.h"
#include "tests/unit/image_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int no_parent(void *opaque, const char *child, const u8 *digest, char *path, size_t n)
{
	return -1;
}

/* A few hundred steps through each memory: a run of nothing may have 2^40 frames, but there are few runs in a small file. */
static void use(const u8 *p, size_t size, bool map)
{
	struct image_finder f = { no_parent, NULL };
	u8 page[PAGE_SIZE];
	struct iovec v = { (void *)(uintptr_t)p, size };
	struct image_memory *mem;
	struct image *img;
	struct error e;
	char dir[256];
	int fd = os_temp_file(dir, sizeof dir);
	u32 i, k;

	if (fd < 0)
		return;
	if (size && os_transfer(fd, true, &v, 1, 0) != (ssize_t)size) {
		os_close(fd);
		return;
	}
	if (image_open_fd(fd, "input", &f, &img, &e))
		return;
	if (map)
		image_map(img);
	image_verify(img, &e);
	image_read_all(img, &e);
	for (i = 0; (mem = image_memory_at(img, i)); i++)
		for (k = 0; k < 200; k++)
			image_page(mem, k % 2 ? k : image_memory_limit(mem) - k, page, &e);
	image_close(img);
}

struct input {
	const u8 *p;
	size_t left;
};

static ssize_t get(void *opaque, void *p, size_t n)
{
	struct input *in = opaque;

	n = MIN(n, in->left);
	memcpy(p, in->p, n);
	in->p += n;
	in->left -= n;
	return (ssize_t)n;
}

/* The same as a guest that comes. */
static void receive(const u8 *p, size_t size)
{
	struct input x = { p, size };
	struct image_input in = { get, &x, "input" };
	struct snapshot_part part;
	struct frame_pool pool;
	struct snapshot s = { .suspended = false };
	struct error e;

	if (frame_pool_init(&pool))
		return;
	pool.limit = 1000;
	if (!snapshot_receive(&s, &pool, &in, &part, &e))
		snapshot_free(&s);
	frame_pool_free(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u8 *p = malloc(size + !size);

	if (!p)
		return 0;
	memcpy(p, data, size);
	use(p, size, false);
	image_mend(p, size);
	use(p, size, size % 2);
	receive(p, size);
	free(p);
	return 0;
}
