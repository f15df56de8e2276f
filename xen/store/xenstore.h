/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenstore: a tree of paths with values and permissions, watches, transactions (Xen docs/misc/xenstore.txt,
 * public/io/xs_wire.h). Guests talk to it over a shared ring, clients of the control domain by messages; back ends call
 * it directly. Left out: live update.
 */
#ifndef XEN_STORE_XENSTORE_H
#define XEN_STORE_XENSTORE_H

#include "base/log.h"
#include "base/state.h"
#include "mmu/frames.h"

#define XS_PAYLOAD_MAX 4096u
#define XS_ABS_PATH_MAX 3072u
#define XS_REL_PATH_MAX 2048u

/* Modes of a permission entry; the first entry of a node names its owner, its mode is everybody else's. */
enum xs_mode { XS_PERM_NONE = 0, XS_PERM_READ = 1, XS_PERM_WRITE = 2, XS_PERM_OWNER = 4 };

struct xs_perm {
	u32 domid;
	u32 mode;
};

struct xenstore;
struct xs_conn;
struct xs_host_watch;

/* An empty store with "/", "/local", "/local/domain", "/tool" and "/vm". NULL when memory is short. */
struct xenstore *xenstore_new(struct log *log);
void xenstore_free(struct xenstore *s);
/* Everything in it in one deterministic order, guests' connections included, host watches not. */
void xenstore_save(struct xenstore *s, struct buf *out);
/*
 * Replaces the contents. The same guests must be connected as when it was saved; host watches stay as they are and do
 * not fire. 0, -EINVAL or -ENOMEM; after an error the store is empty.
 */
int xenstore_load(struct xenstore *s, struct reader *in);

/* ---- for the host: back ends, management. Absolute paths; everything is allowed, nothing counts against a quota. -- */

/* Writes a value (no terminating NUL in it), making the node and its parents as needed. 0 or a negative XEN_E*. */
int xs_write(struct xenstore *s, const char *path, const char *fmt, ...) PRINTF(3, 4);
int xs_write_bytes(struct xenstore *s, const char *path, const void *p, size_t n);
/* Makes an empty node if there is none. */
int xs_mkdir(struct xenstore *s, const char *path);
/* The value, always followed by a NUL that *n (may be NULL) does not count; or NULL. Valid until the store changes. */
const char *xs_read(struct xenstore *s, const char *path, size_t *n);
/* The value as a decimal number. False when there is no such node or it is no number. */
bool xs_read_u64(struct xenstore *s, const char *path, u64 *v);
/* Names of children, each ended by a NUL, *n bytes in all; NULL when there is no such node. Valid until a change. */
const char *xs_directory(struct xenstore *s, const char *path, size_t *n);
/* Removes a node and all below. 0, also when there was none. */
int xs_rm(struct xenstore *s, const char *path);
int xs_set_perms(struct xenstore *s, const char *path, const struct xs_perm *perms, u32 n);
/*
 * Calls fn with each path at or below path that changes, after the change and the request that made it are complete;
 * and once now, as watches do. fn may call the store. NULL when memory is short.
 */
struct xs_host_watch *xs_watch(struct xenstore *s, const char *path, void (*fn)(void *opaque, const char *path),
			       void *opaque);
void xs_unwatch(struct xenstore *s, struct xs_host_watch *w);
/* A transaction of the host: what xs_* do until xs_end() becomes visible at once. Only for lone writers: never EAGAIN. */
void xs_begin(struct xenstore *s);
int xs_end(struct xenstore *s);
/* Forgets what was done since xs_begin(). */
void xs_abort(struct xenstore *s);

/* ---- for guests ------------------------------------------------------------------------------------------------ */

/*
 * Connects a domain by the ring in its frame *mfn (looked up at each use). notify tells the guest that something
 * was read or written. NULL when memory is short.
 */
struct xs_conn *xs_connect(struct xenstore *s, u32 domid, struct mem *mem, const u64 *mfn,
			   void (*notify)(void *opaque), void *opaque);
/* Forgets watches, transactions and half-done messages. */
void xs_disconnect(struct xenstore *s, struct xs_conn *c);
/* As xs_disconnect(), but the connection lives on, fresh: the guest was resumed. */
void xs_reset(struct xs_conn *c);
/* The guest's event: serves every request that is complete. */
void xs_serve(struct xs_conn *c);
/* True when the guest broke the protocol and is served no more. */
bool xs_dead(const struct xs_conn *c);
/* A domain has shut down: those who watch @releaseDomain hear of it, once. */
void xs_shutdown(struct xenstore *s, u32 domid);
/* ... and one that had suspended itself goes on. */
void xs_resumed(struct xenstore *s, u32 domid);
/* domid may do to domain target's nodes what target may (XS_SET_TARGET). */
void xs_set_target(struct xs_conn *c, u32 target);

/* ---- for clients of the control domain (domain 0): whole messages, at definite instants -------------------------- */

/* What a client is told goes out here, at once; nothing of it is kept in the store. */
struct xs_client_ops {
	void (*send)(void *opaque, u32 id, u32 type, u32 req, u32 tx, const void *p, size_t n);
	/* A request of n bytes has been served. */
	void (*served)(void *opaque, u32 id, u32 n);
	/* The store has closed the connection, or refused it. */
	void (*gone)(void *opaque, u32 id);
};
/* NULL: replies and events are dropped. */
void xs_clients_listen(struct xenstore *s, const struct xs_client_ops *ops, void *opaque);

/*
 * Lets go of every client. Also after a load, when nobody will go on feeding the clients that the state came with, and
 * before new ones come.
 */
void xs_clients_drop(struct xenstore *s);

/* A message to the store from outside, as it goes through the door (DOOR_STORE): client, enum xs_client_op, bytes. */
enum xs_client_op { XS_CLIENT_OPEN, XS_CLIENT_REQUEST, XS_CLIENT_CLOSE };
#define XS_CLIENT_HEADER 8u
#define XS_MESSAGE_MAX (16u + XS_PAYLOAD_MAX) /* bytes of a request with its header */
/* Anything may be in it. */
void xs_client_input(struct xenstore *s, const u8 *p, size_t n);

/* ---- xen/store/domain.c: a PV domain's own ------------------------------------------------------------------- */

struct xen_domain;
struct xenstore_config {
	const char *name;       /* of the guest */
	u64 memory_kib;         /* memory/target */
	u64 memory_max_kib;     /* memory/static-max */
	u32 vcpus_online, vcpus_max;
};
/* Makes d->store, its event channel (d->s.store_port) and its state item. Needs d->evtchn. 0 or -errno. */
int xs_domain_init(struct xen_domain *d);
/* Writes the guest's initial tree and introduces it; call when d->s.store_mfn and console_mfn are known. 0 or -errno. */
int xs_domain_start(struct xen_domain *d, const struct xenstore_config *cfg);
void xs_domain_free(struct xen_domain *d);
/* The connection of the guest itself. */
struct xs_conn *xs_domain_conn(struct xen_domain *d);

#endif
