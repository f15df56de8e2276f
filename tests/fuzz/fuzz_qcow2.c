/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the metadata of qcow2: the input is the image. It is opened for reading and for writing and used as a guest
 * would, with operations that depend on its bytes alone.
 */
#include "base/hash.h"
#include "tests/unit/qcow2_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM ((size_t)16 << 20) /* bytes the file may grow to */
#define STEPS 40

static int give_base(void *opaque, const char *above, const char *path, const char *format, struct block_node **out,
		     struct error *e)
{
	u8 b[3000];

	memset(b, 0x55, sizeof b);
	*out = &mem_new(b, sizeof b)->node;
	return 0;
}

/* Snapshots inside of it: taken, gone back to, removed. */
static void use_snapshots(struct block_node *n, u64 *x)
{
	struct qcow2 *q = qcow2_of(n);
	struct block_snapshot s;
	struct error e = { "" };

	if (q->data != q->file || qcow2_snapshot_at(q, image_random(x) % 3, &s, &e) <= 0 || image_random(x) % 3 == 0)
		qcow2_snapshot_create(q, "fuzz", 1, 2, &s, &e);
	else if (image_random(x) % 2)
		qcow2_snapshot_apply(q, s.id, &e);
	else
		qcow2_snapshot_delete(q, s.id, &e);
}

static void use(struct block_node *n, u64 x, bool write_it)
{
	static const u64 spans[] = { 4096, 70000, 1 << 20 };
	u8 *p = calloc(1, 1 << 20);
	int i;

	for (i = 0; p && n->size && i < STEPS; i++) {
		u64 span = MIN(n->size, image_random(&x) % 2 ? 1 << 18 : n->size);
		u64 off = image_random(&x) % span, len = image_random(&x) % spans[image_random(&x) % 3] + 1;

		len = MIN(len, n->size - off);
		switch (write_it ? image_random(&x) % 11 : 9) {
		case 0:
		case 1:
		case 2:
		case 3:
			node_write(n, off, p, (size_t)len);
			break;
		case 4:
			n->ops->zero(n, off, len, 0);
			break;
		case 5:
			n->ops->discard(n, off, len);
			break;
		case 6:
			n->ops->flush(n);
			break;
		case 7:
			if (i % 8 == 0 && n->size < (u64)1 << 40)
				n->ops->resize(n, n->size + (image_random(&x) % (1 << 22)), NULL);
			break;
		case 8:
			use_snapshots(n, &x);
			break;
		default:
			node_read(n, off, p, (size_t)len);
			break;
		}
	}
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u64 x = hash_bytes(HASH_SEED, data, size) | 1;
	struct mem_file *m = mem_new(data, size);
	struct block_node *n;
	struct error e;

	m->keep = true;
	m->node.quiet = true;
	m->limit = MAX(ROOM, size);
	if (!qcow2_open(&m->node, true, give_base, NULL, NULL, &n, &e)) {
		use(n, x, false);
		node_close(n);
	}
	if (!qcow2_open(&m->node, false, give_base, NULL, NULL, &n, &e)) {
		use(n, x, true);
		node_close(n);
		m->node.size = m->len;
		if (!qcow2_open(&m->node, false, give_base, NULL, NULL, &n, &e)) {
			use(n, x + 1, true);
			node_close(n);
		}
	}
	mem_drop(m);
	return 0;
}
