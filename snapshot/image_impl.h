/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the writer of a snapshot file asks of the reader of its parent.
 */
#ifndef SNAPSHOT_IMAGE_IMPL_H
#define SNAPSHOT_IMAGE_IMPL_H

#include "snapshot/image.h"

/* True when all these frames are in the memory: as data, as zeros, or as in its own parent. NULL: a memory without any. */
bool image_has(struct image_memory *mem, u64 mfn, u64 count);

#endif
