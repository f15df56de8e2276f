/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the xenstore share. For the files of xen/store only.
 *
 * A node is a record keyed by its whole path and lists the names of its children; the store is one sorted table of
 * records. A transaction keeps a private copy of every record it touches and the generation it saw; the end of it
 * compares generations and puts the copies in place.
 */
#ifndef XEN_STORE_IMPL_H
#define XEN_STORE_IMPL_H

#include "xen/store/xenstore.h"

enum xs_type {
	XS_CONTROL, XS_DIRECTORY, XS_READ, XS_GET_PERMS, XS_WATCH, XS_UNWATCH, XS_TRANSACTION_START, XS_TRANSACTION_END,
	XS_INTRODUCE, XS_RELEASE, XS_GET_DOMAIN_PATH, XS_WRITE, XS_MKDIR, XS_RM, XS_SET_PERMS, XS_WATCH_EVENT, XS_ERROR,
	XS_IS_DOMAIN_INTRODUCED, XS_RESUME, XS_SET_TARGET, XS_RESTRICT, XS_RESET_WATCHES, XS_DIRECTORY_PART, XS_TYPES
};

/* Limits on each guest; CONTROL may change them. */
struct xs_quota {
	u32 nodes;        /* owned */
	u32 node_size;    /* bytes: value, names of children and permissions */
	u32 watches;
	u32 transactions; /* open */
	u32 accesses;     /* paths looked at in one transaction */
	u32 perms;        /* entries of a node */
	u32 outstanding;  /* replies waiting for the guest before no more requests are read */
};
#define XS_QUOTAS 7u

/* Limits on a client of the control domain, who may do everything but must not take the host down. */
#define XS_CLIENT_NODES 16384u /* of the whole store */
#define XS_CLIENT_WATCHES 256u
#define XS_CLIENT_TRANSACTIONS 10u
#define XS_CLIENT_ACCESSES 4096u
#define XS_CLIENTS 32u
#define XS_OUT_PAUSE (16u * 1024)  /* bytes of replies waiting for the guest before no more requests are read */
#define XS_OUT_MAX (256u * 1024)   /* bytes of replies and events waiting before the connection is given up */
#define XS_HEADER 16u
#define XS_NO_TARGET 0xffffffffu
#define XS_ANY_DEPTH 0xffffffffu

struct xs_node {
	char *path;
	u64 gen;
	struct xs_perm *perms;
	u32 nperms;
	u32 len;
	u8 *value; /* a NUL follows */
	u32 children_len;
	char *children; /* names, each with its NUL, oldest first */
};

struct xs_table {
	struct xs_node **v; /* sorted by path */
	u32 n, cap;
};

/* One path a transaction has looked at. */
struct xs_access {
	char *path;
	u64 gen;             /* of the record then; 0: there was none */
	struct xs_node *node; /* as the transaction sees it now; NULL: none */
	bool written;        /* the private copy replaces the record at the end */
	bool event;          /* watches fire for it at the end ... */
	bool exact;          /* ... but only those on this very path */
};

struct xs_txn {
	struct xs_txn *next;
	u32 id, max; /* accesses */
	bool poisoned; /* it ran into a limit and cannot be committed */
	struct xs_access **v; /* in order of first access */
	u32 n, cap;
};

struct xs_guest_watch {
	struct xs_guest_watch *next;
	char *path, *token;
	u32 depth;     /* levels below path that count */
	bool relative; /* events name paths relative to /local/domain/N */
};

struct xs_msg {
	struct xs_msg *next;
	u32 type;
	u32 len, at; /* bytes, and how many have been sent */
	u8 data[];
};

struct xs_conn {
	struct xs_conn *next;
	struct xenstore *s;
	u32 domid, target;
	u32 client;      /* of a client of the control domain: its number, not 0; it has no ring */
	bool introduced; /* requests are served */
	bool shutdown;   /* @releaseDomain has been told */
	struct mem *mem;
	const u64 *mfn;
	void (*notify)(void *opaque);
	void *opaque;
	struct xs_guest_watch *watches; /* oldest first */
	struct xs_txn *txns;            /* oldest first */
	u32 next_txn;
	bool dead, serving;
	u8 in[XS_HEADER + XS_PAYLOAD_MAX];
	u32 in_len;
	struct xs_msg *out, **out_tail;
	u32 out_bytes;
	u32 out_replies; /* of out, those that are no events */
};

struct xs_host_watch {
	struct xs_host_watch *next;
	char *path;
	void (*fn)(void *opaque, const char *path);
	void *opaque;
	bool gone; /* freed when nobody walks the list */
};

/* A call of a host watch that waits for the running operation to be complete. */
struct xs_host_event {
	struct xs_host_event *next;
	struct xs_host_watch *watch;
	char path[];
};

struct xenstore {
	struct log *log;
	struct xs_table nodes;
	u64 gen; /* of the last change */
	struct xs_quota quota;
	struct xs_conn *conns; /* by domid, then by client */
	const struct xs_client_ops *client_ops; /* NULL: nobody hears clients' replies */
	void *client_opaque;
	struct xs_host_watch *host_watches;
	struct xs_host_event *events, **events_tail;
	struct xs_txn *host_txn;
	u32 depth; /* operations under way: host watches are called at depth 0 */
};

/* ---- xenstore.c: nodes. Errors are negative XEN_E* so that they mean the same on every host. -------------------- */

/* True for a path a node may have. */
bool xs_path_ok(const char *path);
/* True for the names of the events that xenstored makes up; they have permissions and nothing else. */
bool xs_special(const char *path);
/* Removes what a domain that is gone owned. */
void xs_rm_owned(struct xenstore *s, u32 domid);
/* Length of the parent's part of a path; "/" is its own parent (1). */
size_t xs_parent_len(const char *path);
/* Rights of the connection (NULL: the host) on something with these permissions. */
u32 xs_rights(const struct xs_conn *c, const struct xs_perm *perms, u32 n);
/* The record as seen in t (NULL: the store itself), or NULL. */
const struct xs_node *xs_look(struct xenstore *s, struct xs_txn *t, const char *path);
/* The record if the connection has these rights. NULL with *err: -XEN_ENOENT, -XEN_EACCES, ... */
const struct xs_node *xs_get(struct xs_conn *c, struct xenstore *s, struct xs_txn *t, const char *path, u32 rights, int *err);
int xs_do_write(struct xs_conn *c, struct xenstore *s, struct xs_txn *t, const char *path, const void *p, size_t n);
int xs_do_mkdir(struct xs_conn *c, struct xenstore *s, struct xs_txn *t, const char *path);
int xs_do_rm(struct xs_conn *c, struct xenstore *s, struct xs_txn *t, const char *path);
int xs_do_set_perms(struct xs_conn *c, struct xenstore *s, struct xs_txn *t, const char *path, const struct xs_perm *p, u32 n);
/* Nodes a domain owns. */
u32 xs_owned(const struct xenstore *s, u32 domid);
u32 xs_entry_size(const struct xs_node *n);

/* ---- table.c: records --------------------------------------------------------------------------------- */

struct xs_node *xs_node_new(const char *path);
struct xs_node *xs_node_copy(const struct xs_node *n);
void xs_node_free(struct xs_node *n);
int xs_node_set(struct xs_node *n, const void *p, size_t len);
int xs_node_perms(struct xs_node *n, const struct xs_perm *p, u32 count);
int xs_node_add_child(struct xs_node *n, const char *name);
void xs_node_del_child(struct xs_node *n, const char *name);
struct xs_node *xs_table_find(const struct xs_table *t, const char *path);
/* Puts a record in place of the one with its path, which is freed. 0 or -ENOMEM (then n is still the caller's). */
int xs_table_put(struct xs_table *t, struct xs_node *n);
/* Removes a record alone. */
void xs_table_del_one(struct xs_table *t, const char *path);
/* Removes a record and all below it. Returns how many. */
u32 xs_table_del(struct xs_table *t, const char *path);
void xs_table_free(struct xs_table *t);
void xs_node_save(const struct xs_node *n, struct buf *out);
/* NULL: bad input or no memory. */
struct xs_node *xs_node_load(struct reader *in);
char *xs_strdup(const char *s);
void xs_put_str(struct buf *out, const char *s);
/* A string that xs_put_str() wrote, newly allocated; NULL on error. */
char *xs_get_str(struct reader *in, u32 max);

/* ---- txn.c -------------------------------------------------------------------------------------------- */

/* max: accesses allowed. NULL: no memory. */
struct xs_txn *xs_txn_new(u32 id, u32 max);
/* Opens a transaction of a connection. 0, -XEN_ENOSPC or -XEN_ENOMEM. */
int xs_txn_open(struct xs_conn *c, u32 *id);
void xs_txns_drop(struct xs_conn *c);
void xs_txn_free(struct xs_txn *t);
/* The access of a path, made at the first look. NULL: no memory, or too many (t->poisoned is set). */
struct xs_access *xs_txn_access(struct xenstore *s, struct xs_txn *t, const char *path);
/* 0, -XEN_EAGAIN, -XEN_ENOSPC or -XEN_ENOMEM. Fires watches. t is not freed. */
int xs_txn_commit(struct xs_conn *c, struct xenstore *s, struct xs_txn *t);
void xs_txn_save(const struct xs_txn *t, struct buf *out);
struct xs_txn *xs_txn_load(struct reader *in);

/* ---- watch.c ------------------------------------------------------------------------------------------ */

/* True when path lies at or below top. */
bool xs_below(const char *path, const char *top);
/*
 * Something happened to path. node: its record (or the one it had), NULL if there is none. exact: only for watches on
 * this very path.
 */
void xs_fire(struct xenstore *s, const char *path, const struct xs_node *node, bool exact);
/* "@introduceDomain" or "@releaseDomain" for a domain. */
void xs_fire_special(struct xenstore *s, const char *name, u32 domid);
int xs_guest_watch(struct xs_conn *c, const char *path, const char *token, bool relative, u32 depth);
int xs_guest_unwatch(struct xs_conn *c, const char *path, const char *token);
/* Sends the event that every new watch gets. */
void xs_guest_watch_first(struct xs_conn *c, const char *path, const char *token);
void xs_guest_watches_drop(struct xs_conn *c);
/* Brackets of every operation: host watches are called at the end of the outermost. */
void xs_enter(struct xenstore *s);
void xs_leave(struct xenstore *s);

/* ---- wire.c ------------------------------------------------------------------------------------------- */

extern const char *const xs_type_names[XS_TYPES];
/* "EINVAL" for -XEN_EINVAL, and so on. */
const char *xs_errno_name(int err);
/* Queues a message for the guest, or hands it to the client. */
void xs_send(struct xs_conn *c, u32 type, u32 req, u32 tx, const void *p, size_t n);
/* Moves queued messages into the ring. True when bytes went. */
bool xs_flush(struct xs_conn *c);

/* ---- request.c, admin.c ---------------------------------------------------------------------- */

struct xs_req {
	struct xs_conn *c;
	struct xenstore *s;
	struct xs_txn *t;
	u32 type, req, tx, len;
	const char *p; /* payload, len bytes, and a NUL after them */
};

/* Does what a request asks for and replies; or, with nothing sent, a negative XEN_E*. */
int xs_request(struct xs_req *r);
/* CONTROL, INTRODUCE, RELEASE, RESUME and SET_TARGET, as xs_request(). */
int xs_admin(struct xs_req *r);
void xs_reply(struct xs_req *r, const void *p, size_t n);
/* Replies "OK". Returns 0. */
int xs_ack(struct xs_req *r);
/* The i-th string of the payload, or NULL. */
const char *xs_arg(const struct xs_req *r, u32 i);
/* How many strings there are. */
u32 xs_args(const struct xs_req *r);
/* The payload as exactly one string, or NULL. */
const char *xs_only_arg(const struct xs_req *r);
/* A decimal number of 32 bits and nothing else; the same on hosts of any word size. */
bool xs_number(const char *p, u32 *v);

/* ---- conn.c ------------------------------------------------------------------------------------------- */

/* Forgets everything the guest has under way. */
void xs_conn_drop(struct xs_conn *c);
/* The connection of a guest, or NULL. */
struct xs_conn *xs_guest(struct xenstore *s, u32 domid);
struct xs_conn *xs_client(struct xenstore *s, u32 id);
/* NULL: no memory, a number in use or 0, or too many. */
struct xs_conn *xs_client_new(struct xenstore *s, u32 id);
void xs_conn_save(const struct xs_conn *c, struct buf *out);
int xs_conn_load(struct xs_conn *c, struct reader *in);

#endif
