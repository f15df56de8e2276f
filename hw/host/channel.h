/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream of bytes to another process, as migrations use it (QEMU's migration URIs): tcp:HOST:PORT, unix:PATH, fd:N, exec:COMMAND. Calls
 * that wait are for a thread; channel_cancel() ends them from another one.
 */
#ifndef HW_HOST_CHANNEL_H
#define HW_HOST_CHANNEL_H

#include "base/log.h"
#include "base/types.h"

struct channel;
enum channel_way { CHANNEL_OUT, CHANNEL_IN };

/* Whether the spec is one of these. */
bool channel_is_spec(const char *spec);
/*
 * Begins: out connects, or starts the command that is written to; in waits for one connection, or starts the command that is read.
 * Waits only for the name of a host to be found. 0, or -errno with a sentence.
 */
int channel_open(const char *spec, enum channel_way way, struct channel **out, struct error *e);
/* Waits until the peer is there. 0, or -errno with a sentence. */
int channel_wait(struct channel *c, struct error *e);
/* n bytes, fewer at the end only, or -errno. */
ssize_t channel_read(void *c, void *p, size_t n);
/* n bytes, 0 or -errno. */
int channel_write(void *c, const void *p, size_t n);
/* Whether the peer can answer. */
bool channel_answers(const struct channel *c);
/* Waits for so long. 0, or -ECANCELED. */
int channel_pause(struct channel *c, u64 ns);
/* Whoever waits gets -ECANCELED, now and later. On any thread. */
void channel_cancel(struct channel *c);
/* Nobody waits any more. Of a command: waits for its end; -EIO with a sentence when that was no success. NULL is allowed. */
int channel_close(struct channel *c, struct error *e);

#endif
