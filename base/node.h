/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tree of named nodes with properties, device-tree shaped (Devicetree Specification v0.4, chapters 2 and 6).
 * Whoever defines a guest (command line, configuration file, management) writes a subtree under /guests; the domain is
 * built from that. Printed as .dts text. Left out: reading .dts, phandles, labels, the binary format.
 */
#ifndef BASE_NODE_H
#define BASE_NODE_H

#include <stdio.h>

#include "base/types.h"

#define NODE_NAME_MAX 63u
#define NODE_DEPTH_MAX 32u

enum prop_kind { PROP_FLAG, PROP_STR, PROP_U64, PROP_BYTES };

struct prop {
	struct prop *next;
	char *name;
	enum prop_kind kind;
	u64 num;    /* PROP_U64 */
	u8 *data;   /* PROP_STR and PROP_BYTES; always followed by a zero byte */
	size_t len; /* bytes at data, the zero not counted */
};

struct node {
	char *name; /* "" for a root */
	struct node *parent, *next;
	struct node *first, *last; /* children, in the order they came */
	struct prop *props, *last_prop;
};

/* True for a name a node or property may have: 1 to 63 letters, digits and any of ",._+-@". */
bool node_name_ok(const char *name);
/* A node that stands alone; name "" makes a root. NULL when the name is bad or memory is short. */
struct node *node_new(const char *name);
/* Unlinks the node from its parent, if it has one, and frees it with everything below. NULL is allowed. */
void node_free(struct node *n);
/* Hangs a node that stands alone below parent. 0, -EEXIST (a child of that name is there) or -E2BIG (too deep). */
int node_attach(struct node *parent, struct node *child);

/* The direct child of that name, or NULL. */
struct node *node_child(const struct node *n, const char *name);
/* The node at a path like "/guests/demo", taken from n; "" and "/" are n itself. NULL when there is none. */
struct node *node_find(struct node *n, const char *path);
/* As node_find(), but makes what is missing. NULL when a name is bad, the path too deep or memory short. */
struct node *node_make(struct node *n, const char *path);
/* Writes the path of n into buf as snprintf() would; the root is "/". */
size_t node_path(const struct node *n, char *buf, size_t size);

/* Properties. Setting replaces; each gives 0, -EINVAL (bad name) or -ENOMEM. */
int node_set_flag(struct node *n, const char *name);
int node_set_str(struct node *n, const char *name, const char *value);
int node_set_u64(struct node *n, const char *name, u64 value);
int node_set_bytes(struct node *n, const char *name, const void *p, size_t len);
void node_unset(struct node *n, const char *name);

/* The property, or NULL. */
const struct prop *node_prop(const struct node *n, const char *name);
/* The value, or def when the property is missing or of another kind. */
const char *node_str(const struct node *n, const char *name, const char *def);
u64 node_u64(const struct node *n, const char *name, u64 def);
/* The bytes and their number, or NULL. */
const u8 *node_bytes(const struct node *n, const char *name, size_t *len);
/* True when the property is there, whatever its kind. */
bool node_has(const struct node *n, const char *name);

/* Calls fn for n and everything below, parents first. Stops and returns what fn returned when that is not 0. */
int node_walk(struct node *n, int (*fn)(void *opaque, struct node *n, u32 depth), void *opaque);
/* Prints n and everything below as .dts text; a root gets the "/dts-v1/;" line. */
void node_print(const struct node *n, FILE *out);

#endif
