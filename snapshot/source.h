/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A snapshot's file as where pages of memory wait (mmu/late.h): each is read, and compared with its sum, when somebody first looks
 * at it, on whatever thread.
 */
#ifndef SNAPSHOT_SOURCE_H
#define SNAPSHOT_SOURCE_H

#include "mmu/late.h"
#include "snapshot/image.h"

/*
 * Gives m, which is empty, all frames of a memory of img. Img belongs to the source from here on, in any case. 0, or -errno with a
 * sentence.
 */
int image_source(struct image *img, struct image_memory *im, struct mem *m, struct error *e);

#endif
