/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The schema of a saved list of states, for those who read one: base/state_wire.c with our tables, base/state_view.c without.
 */
#ifndef BASE_STATE_WIRE_H
#define BASE_STATE_WIRE_H

#include "base/log.h"
#include "base/state.h"

#define TABLES_MAX 1024u
#define FIELDS_MAX 512u

/* A field and a table as a file has them. */
struct file_field {
	const u8 *name;
	u8 namelen;
	u8 kind;
	bool optional;
	u32 size, count;
	u32 sub;  /* of its table; lower than the table's own number */
	u32 ours; /* the field of our table, or NONE */
};
#define NONE UINT32_MAX

struct file_table {
	const u8 *name;
	u8 namelen;
	u32 version;
	u32 nfields;
	struct file_field *fields;
	const struct state_desc *ours; /* what it was resolved for */
	bool same;                     /* field for field */
};

struct state_schema {
	/* While saving. */
	const struct state_desc *used[TABLES_MAX];
	/* While loading. */
	struct file_table *tables;
	u32 n;
	struct error e; /* why a load failed */
};

/* The tables at the beginning of a list into s, which is all zeros. 0, or -errno with a sentence in s->e. */
int state_schema_read(struct state_schema *s, struct reader *in);
/* Frees s and its tables. */
void state_schema_free(struct state_schema *s);

#endif
