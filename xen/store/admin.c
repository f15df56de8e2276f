/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenstore's requests for the control domain alone: domains introduced and released, CONTROL (Xen
 * docs/misc/xenstore.txt; the commands are xenstored's). Left out: live-update, and files written for a client.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "xen/store/impl.h"
#include "xen/xen.h"

/* The guest that the i-th string names: NULL with *err. */
static struct xs_conn *guest_arg(const struct xs_req *r, u32 i, int *err)
{
	const char *p = xs_arg(r, i);
	struct xs_conn *c;
	u32 id;

	*err = -XEN_EINVAL;
	if (!p || !xs_number(p, &id) || !id)
		return NULL;
	c = xs_guest(r->s, id);
	*err = c ? 0 : -XEN_ENOENT;
	return c;
}

/* The ring's frame was chosen when the domain was built: another cannot be given. */
static int do_introduce(struct xs_req *r)
{
	const char *frame = xs_arg(r, 1), *port = xs_arg(r, 2), *p;
	struct xs_conn *c;
	u64 mfn = 0;
	u32 n;
	int err;

	c = guest_arg(r, 0, &err);
	if (!frame || !port || !*frame || !xs_number(port, &n))
		return -XEN_EINVAL;
	for (p = frame; *p; p++) {
		if (*p < '0' || *p > '9' || mfn > UINT64_MAX / 10 - 1)
			return -XEN_EINVAL;
		mfn = mfn * 10 + (u64)(*p - '0');
	}
	if (!c)
		return -XEN_EINVAL;
	if (!c->introduced) {
		if (mfn != *c->mfn)
			return -XEN_EINVAL;
		c->introduced = true;
		c->shutdown = false;
		xs_fire_special(r->s, "@introduceDomain", c->domid);
	}
	return xs_ack(r);
}

static int do_release(struct xs_req *r)
{
	struct xs_conn *c;
	int err;

	c = guest_arg(r, 0, &err);
	if (!c || !c->introduced)
		return c ? -XEN_ENOENT : err;
	xs_conn_drop(c);
	c->introduced = false;
	c->target = XS_NO_TARGET;
	xs_rm_owned(r->s, c->domid);
	xs_fire_special(r->s, "@releaseDomain", c->domid);
	return xs_ack(r);
}

static int do_resume(struct xs_req *r)
{
	struct xs_conn *c;
	int err;

	c = guest_arg(r, 0, &err);
	if (!c || !c->introduced)
		return c ? -XEN_ENOENT : err;
	c->shutdown = false;
	return xs_ack(r);
}

static int do_set_target(struct xs_req *r)
{
	const char *target = xs_arg(r, 1);
	struct xs_conn *c;
	u32 id;
	int err;

	c = guest_arg(r, 0, &err);
	if (!target || !xs_number(target, &id))
		return -XEN_EINVAL;
	if (!c)
		return err;
	c->target = id;
	return xs_ack(r);
}

/* ---- CONTROL --------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name, *help;
	size_t off;
} quotas[XS_QUOTAS] = {
	{ "nodes", "nodes a domain may own", offsetof(struct xs_quota, nodes) },
	{ "node-size", "bytes of a node", offsetof(struct xs_quota, node_size) },
	{ "watches", "watches of a domain", offsetof(struct xs_quota, watches) },
	{ "transactions", "transactions a domain may have open", offsetof(struct xs_quota, transactions) },
	{ "transaction-nodes", "nodes looked at in a transaction", offsetof(struct xs_quota, accesses) },
	{ "node-permissions", "permissions of a node", offsetof(struct xs_quota, perms) },
	{ "outstanding", "replies waiting for a domain", offsetof(struct xs_quota, outstanding) },
};

static u32 *quota_of(struct xenstore *s, u32 i)
{
	return (u32 *)(void *)((u8 *)&s->quota + quotas[i].off);
}

static void put_text(struct buf *out, const char *text)
{
	buf_put(out, text, strlen(text));
}

/* True when each node is listed by its parent, and each name listed is a node. */
static bool store_sound(const struct xenstore *s)
{
	char path[XS_ABS_PATH_MAX + 1];
	u32 i, names = 0, listed = 0, at;

	for (i = 0; i < s->nodes.n; i++) {
		const struct xs_node *n = s->nodes.v[i], *up;
		const char *name = strrchr(n->path, '/');
		size_t len;
		bool found = false;

		if (i && strcmp(s->nodes.v[i - 1]->path, n->path) >= 0)
			return false;
		for (at = 0; at < n->children_len; at += (u32)strlen(n->children + at) + 1)
			listed++;
		if (!name || !n->path[1])
			continue;
		names++;
		len = xs_parent_len(n->path);
		memcpy(path, n->path, len);
		path[len] = 0;
		up = xs_table_find(&s->nodes, path);
		for (at = 0; up && !found && at < up->children_len; at += (u32)strlen(up->children + at) + 1)
			found = !strcmp(up->children + at, name + 1);
		if (!found)
			return false;
	}
	return names == listed;
}

static int control_check(struct xs_req *r, struct buf *out)
{
	if (!store_sound(r->s))
		return -XEN_EIO;
	put_text(out, "OK");
	return 0;
}

static int control_help(struct xs_req *r, struct buf *out);

static int control_log(struct xs_req *r, struct buf *out)
{
	struct log_choice want = r->s->log->want;
	const char *how = xs_arg(r, 1);

	if (!how || (strcmp(how, "on") && strcmp(how, "off")))
		return -XEN_EINVAL;
	if (!strcmp(how, "on"))
		want.items |= LOG_XENSTORE;
	else
		want.items &= ~(u32)LOG_XENSTORE;
	if (log_want(r->s->log, &want))
		return -XEN_EIO;
	put_text(out, "OK");
	return 0;
}

static int control_memreport(struct xs_req *r, struct buf *out)
{
	const struct xs_conn *c;
	char line[120];
	u64 bytes = 0;
	u32 i;

	for (i = 0; i < r->s->nodes.n; i++)
		bytes += xs_entry_size(r->s->nodes.v[i]) + strlen(r->s->nodes.v[i]->path);
	snprintf(line, sizeof line, "nodes: %u, bytes: %llu\n", r->s->nodes.n, (unsigned long long)bytes);
	put_text(out, line);
	for (c = r->s->conns; c; c = c->next) {
		const struct xs_guest_watch *w;
		const struct xs_txn *t;
		u32 watches = 0, txns = 0;

		for (w = c->watches; w; w = w->next)
			watches++;
		for (t = c->txns; t; t = t->next)
			txns++;
		snprintf(line, sizeof line, "%s %u: nodes %u, watches %u, transactions %u, bytes waiting %u\n",
			 c->client ? "client" : "domain", c->client ? c->client : c->domid,
			 c->client ? 0 : xs_owned(r->s, c->domid), watches, txns, c->out_bytes);
		put_text(out, line);
	}
	return 0;
}

static int control_print(struct xs_req *r, struct buf *out)
{
	const char *text = xs_arg(r, 1), *p;

	if (!text)
		return -XEN_EINVAL;
	for (p = text; *p; p++)
		if ((u8)*p < 0x20 || (u8)*p > 0x7e)
			return -XEN_EINVAL;
	log_line(r->s->log, LOG_XENSTORE, "xenstore: client %u says: %s", r->c->client, text);
	put_text(out, "OK");
	return 0;
}

static int control_quota(struct xs_req *r, struct buf *out)
{
	const char *how = xs_arg(r, 1), *name = xs_arg(r, 2), *value = xs_arg(r, 3);
	char line[120];
	u32 i, v;

	if (!how) {
		for (i = 0; i < XS_QUOTAS; i++) {
			snprintf(line, sizeof line, "%-17s: %8u %s\n", quotas[i].name, *quota_of(r->s, i), quotas[i].help);
			put_text(out, line);
		}
		return 0;
	}
	if (strcmp(how, "set") || !name || !value || !xs_number(value, &v) || !v)
		return -XEN_EINVAL;
	for (i = 0; i < XS_QUOTAS; i++) {
		if (strcmp(quotas[i].name, name))
			continue;
		*quota_of(r->s, i) = v;
		put_text(out, "OK");
		return 0;
	}
	return -XEN_EINVAL;
}

static const struct {
	const char *name;
	int (*fn)(struct xs_req *r, struct buf *out);
} commands[] = {
	{ "check", control_check },	    { "help", control_help },	{ "log", control_log },
	{ "memreport", control_memreport }, { "print", control_print }, { "quota", control_quota },
};

static int control_help(struct xs_req *r, struct buf *out)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		put_text(out, commands[i].name);
		put_text(out, "\n");
	}
	return 0;
}

static int do_control(struct xs_req *r)
{
	const char *command = xs_arg(r, 0);
	struct buf out = { 0 };
	int rc = -XEN_EINVAL;
	u32 i;

	for (i = 0; command && i < ARRAY_SIZE(commands); i++)
		if (!strcmp(command, commands[i].name))
			rc = commands[i].fn(r, &out);
	if (!rc) {
		out.len = MIN(out.len, (size_t)XS_PAYLOAD_MAX - 1);
		buf_put_u8(&out, 0);
		rc = out.failed ? -XEN_ENOMEM : 0;
	}
	if (!rc)
		xs_reply(r, out.p, out.len);
	buf_free(&out);
	return rc;
}

int xs_admin(struct xs_req *r)
{
	switch (r->type) {
	case XS_INTRODUCE:
		return do_introduce(r);
	case XS_RELEASE:
		return do_release(r);
	case XS_RESUME:
		return do_resume(r);
	case XS_SET_TARGET:
		return do_set_target(r);
	default:
		return do_control(r);
	}
}
