/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks a guest's nodes: each property by a row of a table, then nodes against each other. Left out: whether files are
 * there, and what only a service knows (specs of networks and devices); opening them tells.
 */
#include "guest/nodes.h"

#include <errno.h>
#include <string.h>

#include "base/nearest.h"
#include "guest/bootloader.h"
#include "guest/disks.h"
#include "guest/networks.h"
#include "guest/spec.h"
#include "hw/host/block/block.h"
#include "hw/host/display/keys.h"

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

bool guest_uuid_bytes(const char *text, u8 uuid[16])
{
	u32 i;

	memset(uuid, 0, 16);
	if (strlen(text) != 36)
		return false;
	for (i = 0; i < 16; i++, text += 2) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (*text++ != '-')
				return false;
		if (hex(text[0]) < 0 || hex(text[1]) < 0)
			return false;
		uuid[i] = (u8)(hex(text[0]) << 4 | hex(text[1]));
	}
	return true;
}

int guest_machine_check(const struct node *g, const struct guest_words *w, struct error *e)
{
	if (!strcmp(node_str(g, "machine", ""), "xenpv")) {
		if (node_has(g, "bios"))
			return error_set(e, -EINVAL, "%s %.200s: a Xen PV guest has no firmware: boot a kernel with %s, or use %s none", w->bios,
					 node_str(g, "bios", ""), w->kernel, w->machine);
		return bootloader_check(g, w, e);
	}
	if (node_has(g, "kernel") || node_has(g, "initrd") || *node_str(g, "cmdline", ""))
		return error_set(e, -EINVAL, "%s: %s none knows nothing of kernels: give a flat image with %s, or use %s xenpv",
				 node_has(g, "kernel") ? w->kernel : node_has(g, "initrd") ? w->initrd : w->cmdline, w->machine, w->bios,
				 w->machine);
	if (node_has(g, "xenstore"))
		return error_set(e, -EINVAL, "%s: %s none has no xenstore: leave it out, or use %s xenpv", w->xenstore, w->machine, w->machine);
	if (node_child(g, "disks"))
		return error_set(e, -EINVAL, "%s: %s none has no disks: leave %s out, or use %s xenpv", w->drive, w->machine, w->drives,
				 w->machine);
	if (node_child(g, "networks") || node_child(g, "nics"))
		return error_set(e, -EINVAL, "%s: %s none has no network cards: leave %s out, or use %s xenpv", w->card, w->machine, w->cards,
				 w->machine);
	if (node_u64(g, "maxvcpus", 1) > 1)
		return error_set(e, -EINVAL, "%s: %s none has one processor: leave %s out", w->vcpus, w->machine, w->vcpus);
	return bootloader_check(g, w, e);
}

/* ---- each property ----------------------------------------------------------------------------------------------- */

/* What is asked of a property. */
struct rule {
	const char *name;
	enum prop_kind kind;
	bool must;
	u64 min, max;      /* of a number; of a text max is bytes, 0: any */
	const char *words; /* a text must be one of these, between blanks; NULL: any */
	/* Checks a text further. 0, or -errno with a sentence about the value. NULL: nothing more is asked. */
	int (*text)(const char *value, struct error *e);
};

static int check_format(const char *value, struct error *e)
{
	return block_format_find(value) ? 0 : error_set(e, -EINVAL, "there are raw and qcow2, and those that qemu-nbd reads");
}

static int check_cache(const char *value, struct error *e)
{
	enum block_cache cache;

	return block_cache_parse(value, &cache, e);
}

static int check_mac(const char *value, struct error *e)
{
	u8 mac[6];

	return net_mac_parse(value, mac) ? 0 : error_set(e, -EINVAL, "an address is like 52:54:00:12:34:56, its first byte even");
}

static int check_uuid(const char *value, struct error *e)
{
	u8 uuid[16];

	return guest_uuid_bytes(value, uuid) ? 0 : error_set(e, -EINVAL, "a UUID is like 01234567-89ab-cdef-0123-456789abcdef");
}

static int check_keymap(const char *value, struct error *e)
{
	return keymap_find(value) ? 0 : error_set(e, -EINVAL, "there is no such layout");
}

#define NUMBER(n, low, high) { .name = n, .kind = PROP_U64, .min = low, .max = high }
#define MUST_NUMBER(n, low, high) { .name = n, .kind = PROP_U64, .must = true, .min = low, .max = high }
#define TEXT(n) { .name = n, .kind = PROP_STR }
#define MUST_TEXT(n) { .name = n, .kind = PROP_STR, .must = true }
#define TEXT_UP_TO(n, bytes) { .name = n, .kind = PROP_STR, .max = bytes }
#define TEXT_BY(n, fn) { .name = n, .kind = PROP_STR, .text = fn }
#define WORD(n, list) { .name = n, .kind = PROP_STR, .words = list }
#define MUST_WORD(n, list) { .name = n, .kind = PROP_STR, .must = true, .words = list }
#define FLAG(n) { .name = n, .kind = PROP_FLAG }
#define END { .name = NULL }

static const struct rule guest_rules[] = {
	MUST_WORD("machine", " xenpv none "),
	MUST_NUMBER("memory", GUEST_MIN_MEMORY, GUEST_MAX_MEMORY),
	NUMBER("vcpus", 1, GUEST_MAX_VCPUS),
	NUMBER("maxvcpus", 1, GUEST_MAX_VCPUS),
	TEXT("cpu"),
	NUMBER("icount-shift", 0, GUEST_MAX_SHIFT),
	TEXT("kernel"),
	TEXT("initrd"),
	TEXT_UP_TO("cmdline", GUEST_MAX_CMDLINE),
	TEXT("bootloader"),
	TEXT("bios"),
	TEXT("serial0"),
	TEXT("xenstore"),
	WORD("clock-base", " utc localtime fixed "),
	NUMBER("clock-epoch", 0, UINT64_MAX / 1000000000u),
	TEXT_BY("uuid", check_uuid),
	WORD("on-reboot", " restart destroy "),
	WORD("on-poweroff", " destroy preserve "),
	WORD("on-crash", " destroy preserve poweroff "),
	WORD("display", " sdl vnc none "),
	TEXT("vnc"),
	TEXT_BY("keymap", check_keymap),
	NUMBER("full-screen", 0, 1),
	NUMBER("display-by-default", 0, 1),
	NUMBER("display-software", 0, 1),
	END
};

static const struct rule disks_rules[] = {
	FLAG("snapshot"),
	END
};

static const struct rule drive_rules[] = {
	MUST_NUMBER("index", 0, DISK_SLOTS - 1),
	TEXT("file"),
	TEXT_BY("format", check_format),
	WORD("media", " disk cdrom "),
	TEXT_BY("cache", check_cache),
	FLAG("readonly"),
	FLAG("no-backing"),
	WORD("snapshot", " on off "),
	TEXT("backing-dir"),
	NUMBER("reconnect-delay", 0, 99999),
	TEXT("said"),
	END
};

static const struct rule network_rules[] = {
	MUST_TEXT("spec"),
	TEXT("option"),
	END
};

static const struct rule card_rules[] = {
	MUST_NUMBER("unit", 0, 65535),
	TEXT("netdev"),
	TEXT_BY("mac", check_mac),
	END
};

static const struct rule dump_rules[] = {
	MUST_TEXT("netdev"),
	MUST_TEXT("file"),
	NUMBER("maxlen", 1, 1u << 30),
	END
};

static const struct rule no_rules[] = { END };

static const struct rule *find_rule(const struct rule *rules, const char *name)
{
	for (; rules->name; rules++)
		if (!strcmp(rules->name, name))
			return rules;
	return NULL;
}

/* monitor0, monitor1, ... */
static bool is_monitor(const char *name)
{
	static const char stem[] = "monitor";
	size_t n = sizeof stem - 1;

	return !strncmp(name, stem, n) && name[n] && strspn(name + n, "0123456789") == strlen(name + n);
}

static int unknown(const char *path, const char *name, const struct rule *rules, struct error *e)
{
	struct nearest near;

	nearest_begin(&near, name);
	for (; rules->name; rules++)
		nearest_offer(&near, rules->name);
	if (nearest_word(&near))
		return error_set(e, -EINVAL, "%.150s: there is no property '%.60s': did you mean %s?", path, name, nearest_word(&near));
	return error_set(e, -EINVAL, "%.150s: there is no property '%.60s': leave it out", path, name);
}

static int check_kind(const char *path, const struct prop *p, enum prop_kind kind, struct error *e)
{
	if (p->kind == kind)
		return 0;
	if (kind == PROP_FLAG)
		return error_set(e, -EINVAL, "%.150s: %s is a flag: write it without a value", path, p->name);
	if (kind == PROP_U64)
		return error_set(e, -EINVAL, "%.150s: %s must be a number, as in %s = /bits/ 64 <1>", path, p->name, p->name);
	return error_set(e, -EINVAL, "%.150s: %s must be a text, as in %s = \"...\"", path, p->name, p->name);
}

static int check_number(const char *path, const struct prop *p, const struct rule *r, struct error *e)
{
	if (p->num >= r->min && p->num <= r->max)
		return 0;
	return error_set(e, -ERANGE, "%.150s: %s is %llu, and must be from %llu to %llu", path, p->name, (unsigned long long)p->num,
			 (unsigned long long)r->min, (unsigned long long)r->max);
}

static int check_text(const char *path, const struct prop *p, const struct rule *r, struct error *e)
{
	const char *value = (const char *)p->data;
	struct error why = { "" };
	char word[40];

	if (strlen(value) != p->len)
		return error_set(e, -EINVAL, "%.150s: %s has a zero byte in it: write one text", path, p->name);
	if (!*value && r->must)
		return error_set(e, -EINVAL, "%.150s: %s is empty: give a value", path, p->name);
	if (r->max && p->len > r->max)
		return error_set(e, -E2BIG, "%.150s: %s is %zu bytes long and may have %llu: shorten it", path, p->name, p->len,
				 (unsigned long long)r->max);
	snprintf(word, sizeof word, " %.30s ", value);
	if (r->words && (strchr(value, ' ') || !strstr(r->words, word)))
		return error_set(e, -EINVAL, "%.150s: %s is '%.40s': there are%.*s", path, p->name, value, (int)strlen(r->words) - 1, r->words);
	if (r->text && r->text(value, &why))
		return error_set(e, -EINVAL, "%.150s: %s is '%.60s': %.200s", path, p->name, value, why.text);
	return 0;
}

/* Checks all properties of a node, and that none is missing. */
static int check_props(const struct node *n, const struct rule *rules, struct error *e)
{
	static const struct rule monitor = TEXT("monitor");
	const struct rule *r;
	const struct prop *p;
	char path[200];
	int rc = 0;

	node_path(n, path, sizeof path);
	for (p = n->props; p && !rc; p = p->next) {
		r = find_rule(rules, p->name);
		if (!r && rules == guest_rules && is_monitor(p->name))
			r = &monitor;
		rc = r ? check_kind(path, p, r->kind, e) : unknown(path, p->name, rules, e);
		if (!rc && r->kind == PROP_U64)
			rc = check_number(path, p, r, e);
		if (!rc && r->kind == PROP_STR)
			rc = check_text(path, p, r, e);
	}
	for (r = rules; r->name && !rc; r++)
		if (r->must && !node_has(n, r->name))
			rc = error_set(e, -ENOENT, "%.150s: %s is missing: give it a value", path, r->name);
	return rc;
}

/* ---- nodes together ---------------------------------------------------------------------------------------------- */

/* Refuses n when another node beside it has the same number. */
static int check_alone(const struct node *n, const char *prop, struct error *e)
{
	const struct node *o;

	for (o = n->parent ? n->parent->first : NULL; o; o = o->next)
		if (o != n && node_u64(o, prop, UINT64_MAX) == node_u64(n, prop, 0))
			return error_set(e, -EEXIST, "%s and %s: both have %s %llu: give each its own", o->name, n->name, prop,
					 (unsigned long long)node_u64(n, prop, 0));
	return 0;
}

static int check_drive(const struct node *n, struct error *e)
{
	return check_alone(n, "index", e);
}

static int check_network(const struct node *n, struct error *e)
{
	char id[SPEC_ID];

	spec_id(node_str(n, "spec", ""), id);
	if (strcmp(id, n->name))
		return error_set(e, -EINVAL, "network %s: its spec has id=%s: write id=%s there", n->name, id, n->name);
	return 0;
}

static int check_card(const struct node *n, struct error *e)
{
	return check_alone(n, "unit", e);
}

static const struct kind {
	const char *name; /* of the node they are below */
	const struct rule *of_all, *rules;
	int (*together)(const struct node *n, struct error *e); /* NULL: nothing more */
	u32 max;
} kinds[] = {
	{ "disks", disks_rules, drive_rules, check_drive, DISK_SLOTS },
	{ "networks", no_rules, network_rules, check_network, NETWORKS_MAX },
	{ "nics", no_rules, card_rules, check_card, NETWORKS_MAX },
	{ "dumps", no_rules, dump_rules, NULL, NETWORKS_MAX },
};

static const struct kind *find_kind(const char *name)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

static int check_child(const struct kind *k, const struct node *n, struct error *e)
{
	int rc = check_props(n, k->rules, e);

	if (!rc && n->first)
		rc = error_set(e, -EINVAL, "%s/%s: there is nothing below it: take '%s' out", k->name, n->name, n->first->name);
	return rc || !k->together ? rc : k->together(n, e);
}

int guest_node_check(const struct node *n, const char *kind, struct error *e)
{
	return check_child(find_kind(kind), n, e);
}

static int check_below(const struct node *all, struct error *e)
{
	const struct kind *k = find_kind(all->name);
	const struct node *n;
	u32 count = 0;
	int rc;

	if (!k)
		return error_set(e, -EINVAL, "guest %s: '%s' is no part of a guest: there are disks, networks, nics and dumps", all->parent->name,
				 all->name);
	rc = check_props(all, k->of_all, e);
	for (n = all->first; n && !rc; n = n->next) {
		rc = check_child(k, n, e);
		if (!rc && ++count > k->max)
			rc = error_set(e, -E2BIG, "guest %s: %s has more than %u: leave some out", all->parent->name, all->name, k->max);
	}
	return rc;
}

int guest_nodes_check(struct node *guest, const struct guest_words *w, struct error *e)
{
	const struct node *n;
	int rc = check_props(guest, guest_rules, e);

	if (!rc && node_u64(guest, "vcpus", 1) > node_u64(guest, "maxvcpus", 1))
		rc = error_set(e, -EINVAL, "guest %s: vcpus is %llu, more than maxvcpus: raise that", guest->name,
			       (unsigned long long)node_u64(guest, "vcpus", 1));
	for (n = guest->first; n && !rc; n = n->next)
		rc = check_below(n, e);
	rc = rc ? rc : guest_machine_check(guest, w, e);
	return rc ? rc : guest_networks_check(guest, guest->name, w, e);
}
