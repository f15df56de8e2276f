/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest-visible state, described once.
 *
 * A module keeps what the guest can observe in a pointer-free struct and puts a table of fields beside it. Save, load,
 * compare, hash and print all walk that table, so they cannot disagree. The table must cover every byte of the struct
 * (state_check() and the poison test prove it): name padding explicitly, as a field called pad.
 */
#ifndef BASE_STATE_H
#define BASE_STATE_H

#include <stdio.h>

#include "base/buf.h"
#include "base/types.h"

struct error;

enum state_kind { STATE_KIND_INT, STATE_KIND_BYTES, STATE_KIND_STRUCT };

struct state_desc;

struct state_field {
	const char *name;
	u32 offset; /* bytes from the start of the struct */
	u32 size;   /* bytes of one element: 1, 2, 4 or 8 for integers */
	u32 count;  /* elements */
	enum state_kind kind;
	const struct state_desc *sub; /* for STATE_KIND_STRUCT */
	bool optional; /* a build that does not know the field can do without what is in it */
};

struct state_desc {
	const char *name;
	u32 version; /* raised when a field means something else; that there are more or fewer needs no other version */
	u32 size;    /* sizeof the struct */
	u32 nfields;
	const struct state_field *fields;
	u32 oldest;  /* the oldest version whose fields mean the same; 0: this one alone */
};

#define STATE_MEMBER_SIZE(s, m) sizeof(((s *)0)->m)
/* One integer member, and one that is optional. */
#define STATE_INT(s, m) { #m, offsetof(s, m), STATE_MEMBER_SIZE(s, m), 1, STATE_KIND_INT, NULL, false }
#define STATE_INT_OPTIONAL(s, m) { #m, offsetof(s, m), STATE_MEMBER_SIZE(s, m), 1, STATE_KIND_INT, NULL, true }
/* An array of integers. */
#define STATE_INTS(s, m)                                                                                             \
	{ #m, offsetof(s, m), STATE_MEMBER_SIZE(s, m[0]), STATE_MEMBER_SIZE(s, m) / STATE_MEMBER_SIZE(s, m[0]),       \
	  STATE_KIND_INT, NULL, false }
/* Bytes with no order of their own (strings, pages). */
#define STATE_BYTES(s, m) { #m, offsetof(s, m), STATE_MEMBER_SIZE(s, m), 1, STATE_KIND_BYTES, NULL, false }
/* One struct member, and an array of them, described by another table. */
#define STATE_SUB(s, m, d) { #m, offsetof(s, m), STATE_MEMBER_SIZE(s, m), 1, STATE_KIND_STRUCT, d, false }
#define STATE_SUBS(s, m, d)                                                                                          \
	{ #m, offsetof(s, m), STATE_MEMBER_SIZE(s, m[0]), STATE_MEMBER_SIZE(s, m) / STATE_MEMBER_SIZE(s, m[0]),       \
	  STATE_KIND_STRUCT, d, false }
#define STATE_DESC(sym, nm, ver, s, f)                                                                               \
	const struct state_desc sym = { nm, ver, sizeof(s), ARRAY_SIZE(f), f, 0 }

/*
 * One struct. Where out has a schema the table is written into that once, else its name, version and size come before its
 * fields.
 */
void state_save(const struct state_desc *d, const void *obj, struct buf *out);
/*
 * With a schema: by the names of fields. One that the file does not have stays as it is in obj. 0, or -EINVAL with a sentence
 * in the schema. Without: 0, or -EINVAL when the reader runs out or the table's name, version or size differ.
 */
int state_load(const struct state_desc *d, void *obj, struct reader *in);
u64 state_hash(const struct state_desc *d, const void *obj, u64 h);
/* NULL when equal, else the name of the first field that differs (of the outermost struct). */
const char *state_differs(const struct state_desc *d, const void *a, const void *b);
void state_print(const struct state_desc *d, const void *obj, FILE *out, int indent);
/* True when the fields cover every byte of the struct exactly once. */
bool state_check(const struct state_desc *d);
/* An integer of 1, 2, 4 or 8 bytes in the host's order. */
u64 state_int_get(const void *p, u32 size);
void state_int_set(void *p, u32 size, u64 v);

/*
 * The list of everything a domain's state consists of. Modules add their structs (or arrays of them) when a domain is
 * built; the walkers then see all of it. What does not fit a struct (a tree, a table that grows) is an item with its
 * own pair of functions over a buffer.
 */
struct state_item {
	const char *name;
	u32 instance; /* e.g. the vCPU's number */
	const struct state_desc *desc;
	void *obj;
	u32 count; /* elements at obj */
	void (*save)(void *opaque, struct buf *out);
	int (*load)(void *opaque, struct reader *in);
	void *opaque;
	bool unseen; /* by the guest: not in a hash */
};

/* What a module does when the state of all modules has been loaded, see state_list_loaded(). */
struct state_hook {
	int (*fn)(void *opaque, struct error *e);
	void *opaque;
};

struct state_list {
	struct state_item *items;
	u32 n, cap;
	struct state_hook *hooks;
	u32 nhooks;
};

/* Adds an array of count structs. 0 or -ENOMEM. */
int state_add(struct state_list *l, const char *name, u32 instance, const struct state_desc *d, void *obj, u32 count);
/* Adds an item with its own functions. 0 or -ENOMEM. */
int state_add_custom(struct state_list *l, const char *name, u32 instance,
		     void (*save)(void *, struct buf *), int (*load)(void *, struct reader *), void *opaque);
/* The same for what no guest sees, and what decides all the same how things go on: it is saved, and not hashed. */
int state_add_unseen(struct state_list *l, const char *name, u32 instance,
		     void (*save)(void *, struct buf *), int (*load)(void *, struct reader *), void *opaque);
/* Adds a function that state_list_loaded() calls. 0 or -ENOMEM. */
int state_add_loaded(struct state_list *l, int (*fn)(void *opaque, struct error *e), void *opaque);
/* Removes every item and every function whose obj or opaque lies at p. */
void state_remove(struct state_list *l, const void *p);
void state_list_free(struct state_list *l);
u64 state_list_hash(const struct state_list *l, u64 h);
/*
 * Saves all: first the schema, which has the names, versions and fields of all tables that are used, then the items by their
 * names. docs/snapshot-format.md has the bytes. out->failed: no memory.
 */
void state_list_save(const struct state_list *l, struct buf *out);
/*
 * Loads all items of l, in l's order; the file may have them in another one. The objects are those of a domain that was just
 * made: what a table has and the file does not stays as it is. 0, or -EINVAL or -ENOMEM with a sentence that names what does
 * not fit: then the domain is of no use any more.
 */
int state_list_load(const struct state_list *l, struct reader *in, struct error *e);
/*
 * After state_list_load(), when memory has been loaded too: every module makes anew what it derives from its state
 * (timers, frames that domains share), in the order in which they were added. 0, or -errno with a sentence: the domain
 * cannot run.
 */
int state_list_loaded(const struct state_list *l, struct error *e);

#endif
