/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tree of nodes that guests are defined by, and its .dts text (Devicetree Specification v0.4, chapter 6).
 */
#include "base/node.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool name_ok(const char *p, size_t len)
{
	size_t i;

	if (!len || len > NODE_NAME_MAX)
		return false;
	for (i = 0; i < len; i++) {
		bool alnum =
			(p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= '0' && p[i] <= '9');

		if (!alnum && (!p[i] || !strchr(",._+-@", p[i])))
			return false;
	}
	/* Would be taken for steps of a path by whoever maps nodes to files. */
	return !(p[0] == '.' && (len == 1 || (len == 2 && p[1] == '.')));
}

bool node_name_ok(const char *name)
{
	return name_ok(name, strlen(name));
}

static char *dup_bytes(const void *p, size_t len)
{
	char *d = len < SIZE_MAX ? malloc(len + 1) : NULL;

	if (d) {
		if (len)
			memcpy(d, p, len);
		d[len] = 0;
	}
	return d;
}

static struct node *new_node(const char *name, size_t len)
{
	struct node *n = calloc(1, sizeof *n);

	if (!n)
		return NULL;
	n->name = dup_bytes(name, len);
	if (!n->name) {
		free(n);
		return NULL;
	}
	return n;
}

struct node *node_new(const char *name)
{
	if (*name && !node_name_ok(name))
		return NULL;
	return new_node(name, strlen(name));
}

static void prop_free(struct prop *p)
{
	free(p->name);
	free(p->data);
	free(p);
}

static void unlink_node(struct node *n)
{
	struct node *parent = n->parent, *prev = NULL, *c;

	if (!parent)
		return;
	for (c = parent->first; c != n; c = c->next)
		prev = c;
	if (prev)
		prev->next = n->next;
	else
		parent->first = n->next;
	if (parent->last == n)
		parent->last = prev;
	n->parent = NULL;
	n->next = NULL;
}

void node_free(struct node *n)
{
	struct prop *p, *next;

	if (!n)
		return;
	while (n->first)
		node_free(n->first);
	unlink_node(n);
	for (p = n->props; p; p = next) {
		next = p->next;
		prop_free(p);
	}
	free(n->name);
	free(n);
}

static u32 depth_of(const struct node *n)
{
	u32 d = 0;

	for (; n->parent; n = n->parent)
		d++;
	return d;
}

static u32 height_of(const struct node *n)
{
	const struct node *c;
	u32 h = 0;

	for (c = n->first; c; c = c->next)
		h = MAX(h, height_of(c) + 1);
	return h;
}

int node_attach(struct node *parent, struct node *child)
{
	if (child->parent || !*child->name || node_child(parent, child->name))
		return -EEXIST;
	if (depth_of(parent) + 1 + height_of(child) > NODE_DEPTH_MAX)
		return -E2BIG;
	child->parent = parent;
	child->next = NULL;
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
	return 0;
}

static struct node *child_of(const struct node *n, const char *name, size_t len)
{
	struct node *c;

	for (c = n->first; c; c = c->next)
		if (strlen(c->name) == len && !memcmp(c->name, name, len))
			return c;
	return NULL;
}

struct node *node_child(const struct node *n, const char *name)
{
	return child_of(n, name, strlen(name));
}

static struct node *go(struct node *n, const char *path, bool make)
{
	while (n) {
		struct node *c;
		size_t len;

		while (*path == '/')
			path++;
		if (!*path)
			return n;
		len = strcspn(path, "/");
		c = child_of(n, path, len);
		if (!c && make && name_ok(path, len)) {
			c = new_node(path, len);
			if (c && node_attach(n, c)) {
				node_free(c);
				c = NULL;
			}
		}
		n = c;
		path += len;
	}
	return NULL;
}

struct node *node_find(struct node *n, const char *path)
{
	return go(n, path, false);
}

struct node *node_make(struct node *n, const char *path)
{
	return go(n, path, true);
}

size_t node_path(const struct node *n, char *buf, size_t size)
{
	const struct node *up[NODE_DEPTH_MAX + 1];
	size_t len = 0;
	u32 k = 0;

	for (; n->parent && k < ARRAY_SIZE(up); n = n->parent)
		up[k++] = n;
	if (!k)
		return (size_t)snprintf(buf, size, "/");
	while (k--)
		len += (size_t)snprintf(len < size ? buf + len : NULL, len < size ? size - len : 0, "/%s", up[k]->name);
	return len;
}

static struct prop *find_prop(const struct node *n, const char *name)
{
	struct prop *p;

	for (p = n->props; p; p = p->next)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

static int set_prop(struct node *n, const char *name, enum prop_kind kind, u64 num, const void *data, size_t len)
{
	struct prop *p = find_prop(n, name);
	u8 *copy = NULL;

	if (!node_name_ok(name))
		return -EINVAL;
	if (kind == PROP_STR || kind == PROP_BYTES) {
		copy = (u8 *)dup_bytes(data, len);
		if (!copy)
			return -ENOMEM;
	}
	if (!p) {
		p = calloc(1, sizeof *p);
		if (p)
			p->name = dup_bytes(name, strlen(name));
		if (!p || !p->name) {
			free(p);
			free(copy);
			return -ENOMEM;
		}
		if (n->last_prop)
			n->last_prop->next = p;
		else
			n->props = p;
		n->last_prop = p;
	}
	free(p->data);
	p->kind = kind;
	p->num = num;
	p->data = copy;
	p->len = len;
	return 0;
}

int node_set_flag(struct node *n, const char *name)
{
	return set_prop(n, name, PROP_FLAG, 0, NULL, 0);
}

int node_set_str(struct node *n, const char *name, const char *value)
{
	return set_prop(n, name, PROP_STR, 0, value, strlen(value));
}

int node_set_u64(struct node *n, const char *name, u64 value)
{
	return set_prop(n, name, PROP_U64, value, NULL, 0);
}

int node_set_bytes(struct node *n, const char *name, const void *p, size_t len)
{
	return set_prop(n, name, PROP_BYTES, 0, p, len);
}

void node_unset(struct node *n, const char *name)
{
	struct prop *p, *prev = NULL;

	for (p = n->props; p; prev = p, p = p->next) {
		if (strcmp(p->name, name))
			continue;
		if (prev)
			prev->next = p->next;
		else
			n->props = p->next;
		if (n->last_prop == p)
			n->last_prop = prev;
		prop_free(p);
		return;
	}
}

const struct prop *node_prop(const struct node *n, const char *name)
{
	return find_prop(n, name);
}

const char *node_str(const struct node *n, const char *name, const char *def)
{
	const struct prop *p = find_prop(n, name);

	return p && p->kind == PROP_STR ? (const char *)p->data : def;
}

u64 node_u64(const struct node *n, const char *name, u64 def)
{
	const struct prop *p = find_prop(n, name);

	return p && p->kind == PROP_U64 ? p->num : def;
}

const u8 *node_bytes(const struct node *n, const char *name, size_t *len)
{
	const struct prop *p = find_prop(n, name);

	if (!p || p->kind != PROP_BYTES)
		return NULL;
	*len = p->len;
	return p->data;
}

bool node_has(const struct node *n, const char *name)
{
	return find_prop(n, name) != NULL;
}

static int walk(struct node *n, u32 depth, int (*fn)(void *, struct node *, u32), void *opaque)
{
	struct node *c, *next;
	int rc = fn(opaque, n, depth);

	for (c = n->first; c && !rc; c = next) {
		next = c->next;
		rc = walk(c, depth + 1, fn, opaque);
	}
	return rc;
}

int node_walk(struct node *n, int (*fn)(void *opaque, struct node *n, u32 depth), void *opaque)
{
	return walk(n, 0, fn, opaque);
}

static void indent(FILE *out, u32 depth)
{
	while (depth--)
		fputc('\t', out);
}

/* A string in quotes, with the escapes .dts takes from C. */
static void print_str(FILE *out, const u8 *p, size_t len)
{
	size_t i;

	fputc('"', out);
	for (i = 0; i < len; i++) {
		if (p[i] == '"' || p[i] == '\\')
			fprintf(out, "\\%c", p[i]);
		else if (p[i] == '\n')
			fputs("\\n", out);
		else if (p[i] < 0x20 || p[i] == 0x7f)
			fprintf(out, "\\%03o", p[i]); /* octal: \x would swallow hex digits that follow */
		else
			fputc(p[i], out);
	}
	fputc('"', out);
}

static void print_prop(const struct prop *p, FILE *out)
{
	size_t i;

	fputs(p->name, out);
	switch (p->kind) {
	case PROP_FLAG:
		break;
	case PROP_STR:
		fputs(" = ", out);
		print_str(out, p->data, p->len);
		break;
	case PROP_U64:
		fprintf(out, " = /bits/ 64 <0x%" PRIx64 ">", p->num);
		break;
	case PROP_BYTES:
		fputs(" = [", out);
		for (i = 0; i < p->len; i++)
			fprintf(out, "%s%02x", i ? " " : "", p->data[i]);
		fputc(']', out);
		break;
	}
	fputs(";\n", out);
}

static void print(const struct node *n, FILE *out, u32 depth)
{
	const struct prop *p;
	const struct node *c;

	indent(out, depth);
	fprintf(out, "%s {\n", *n->name ? n->name : "/");
	for (p = n->props; p; p = p->next) {
		indent(out, depth + 1);
		print_prop(p, out);
	}
	for (c = n->first; c; c = c->next) {
		if (n->props || c != n->first)
			fputc('\n', out);
		print(c, out, depth + 1);
	}
	indent(out, depth);
	fputs("};\n", out);
}

void node_print(const struct node *n, FILE *out)
{
	if (!*n->name)
		fputs("/dts-v1/;\n\n", out);
	print(n, out, 0);
}
