/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was written to a disk with snapshot=on, as it was at one instant. It is made without a copy and lives on its own: the disk
 * may be written to, change, or be closed meanwhile.
 */
#ifndef HW_HOST_BLOCK_FROZEN_H
#define HW_HOST_BLOCK_FROZEN_H

#include "hw/host/block/block.h"

struct block_frozen;

/* Of a disk that block_is_temporary(), with nothing under way. NULL with a sentence. */
struct block_frozen *block_freeze(struct block *b, struct error *e);
/* NULL is allowed. */
void block_frozen_free(struct block_frozen *f);

enum block_frozen_kind { FROZEN_BELOW /* as in the image below */, FROZEN_ZERO, FROZEN_DATA };
u64 block_frozen_size(const struct block_frozen *f); /* of the disk, bytes */
/* What is from off on, below the size, and for how many bytes; on any thread. */
enum block_frozen_kind block_frozen_extent(const struct block_frozen *f, u64 off, u64 *len);
/* Bytes of an extent of data; on any thread. 0 or -errno. */
int block_frozen_read(const struct block_frozen *f, u64 off, void *p, size_t n);

/*
 * All that was written to a disk with snapshot=on becomes what f has; nothing may be under way. f NULL: nothing was written, and
 * the disk has size bytes. f can be used again. 0, or -errno with a sentence: then nothing has changed.
 */
int block_thaw(struct block *b, const struct block_frozen *f, u64 size, struct error *e);
/* Writes past the checks of a guest's requests: n bytes, or zeros for p NULL. 0 or -errno. */
int block_thaw_put(struct block *b, u64 off, const void *p, u64 n);
/* Of the image below: bytes. A frozen disk is not smaller. */
u64 block_thaw_base(const struct block *b);

#endif
