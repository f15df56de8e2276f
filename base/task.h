/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A piece of the host's work that is done on a thread while others have something to do: opening an image whose server is slow,
 * writing a snapshot.
 */
#ifndef BASE_TASK_H
#define BASE_TASK_H

#include "base/log.h"
#include "base/types.h"

struct task;

/*
 * Begins it: fn returns 0, or -errno with a sentence. Where the host gives no thread it is done here, at once. NULL: no memory, and
 * nothing was done.
 */
struct task *task_begin(int (*fn)(void *opaque, struct error *e), void *opaque);
/* Waits at most ns; true when it has ended. */
bool task_done(struct task *t, u64 ns);
/* Waits for its end, and frees it. What fn returned, with its sentence. */
int task_end(struct task *t, struct error *e);

#endif
