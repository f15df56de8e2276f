/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Properties of networks as QEMU's command line has them: "NAME=VALUE,...", with ",," for a comma in a value.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "hw/host/net/impl.h"

static const struct net_prop common = { "id", NET_PROP_STR, 0 };

static const struct net_prop *find_prop(const struct net_prop *props, const char *name)
{
	for (; props->name; props++)
		if (!strcmp(props->name, name))
			return props;
	return strcmp(name, common.name) ? NULL : &common;
}

static int unknown(const char *spec, const char *name, const struct net_prop *props, struct error *e)
{
	char list[260] = "";
	const struct net_prop *p;
	struct nearest near;
	size_t len = 0;

	nearest_begin(&near, name);
	for (p = props; p->name; p++) {
		nearest_offer(&near, p->name);
		if (len < sizeof list - 40)
			len += (size_t)snprintf(list + len, sizeof list - len, "%s%.30s", len ? ", " : "", p->name);
	}
	nearest_offer(&near, common.name);
	if (nearest_word(&near))
		return error_set(e, -EINVAL, "%.150s: '%.40s' is no property of it: did you mean %s?", spec, name,
				 nearest_word(&near));
	return error_set(e, -EINVAL, "%.120s: '%.40s' is no property of it: it has id, %s", spec, name, list);
}

bool net_is_on(const char *v)
{
	return !strcmp(v, "on") || !strcmp(v, "yes") || !strcmp(v, "true") || !strcmp(v, "y");
}

static bool is_off(const char *v)
{
	return !strcmp(v, "off") || !strcmp(v, "no") || !strcmp(v, "false") || !strcmp(v, "n");
}

static int check_value(const char *spec, const struct net_prop *p, const char *v, struct error *e)
{
	unsigned long n;
	char *end;

	if (p->kind == NET_PROP_BOOL && !net_is_on(v) && !is_off(v))
		return error_set(e, -EINVAL, "%.150s: %s=%.40s: must be on or off", spec, p->name, v);
	if (p->kind == NET_PROP_NUMBER) {
		errno = 0;
		n = strtoul(v, &end, 10);
		if (*v < '0' || *v > '9' || *end || errno || n > p->max)
			return error_set(e, -EINVAL, "%.150s: %s=%.40s: must be a number from 0 to %u", spec, p->name,
					 v, p->max);
	}
	return 0;
}

static int add(struct net_args *a, const char *spec, char *word, const struct net_prop *props, struct error *e)
{
	char *eq = strchr(word, '=');
	const struct net_prop *p;
	struct net_arg *more;
	const char *value;
	int rc;
	u32 i;

	if (eq)
		*eq = 0;
	p = find_prop(props, word);
	if (!p)
		return unknown(spec, word, props, e);
	if (!eq && p->kind != NET_PROP_BOOL)
		return error_set(e, -EINVAL, "%.150s: %s needs a value: write %s=...", spec, p->name, p->name);
	value = eq ? eq + 1 : "on";
	rc = check_value(spec, p, value, e);
	if (rc)
		return rc;
	for (i = 0; i < a->n && p->kind != NET_PROP_LIST; i++)
		if (a->arg[i].prop == p)
			return error_set(e, -EINVAL, "%.150s: %s is given twice: leave one out", spec, p->name);
	more = realloc(a->arg, (a->n + 1) * sizeof *more);
	if (more) {
		a->arg = more;
		a->arg[a->n] = (struct net_arg){ p, strdup(value) };
	}
	if (!more || !a->arg[a->n].value)
		return error_set(e, -ENOMEM, "%.150s: the host is out of memory", spec);
	a->n++;
	return 0;
}

int net_args_parse(struct net_args *a, const char *spec, const char *text, const struct net_prop *props,
		   struct error *e)
{
	char *copy = strdup(text), *s = copy;
	int rc = copy ? 0 : error_set(e, -ENOMEM, "%.150s: the host is out of memory", spec);

	*a = (struct net_args){ 0 };
	while (!rc && *s) {
		char *word = s, *d = s;
		bool more;

		while (*s && (*s != ',' || s[1] == ',')) {
			if (*s == ',')
				s++;
			*d++ = *s++;
		}
		more = *s != 0;
		s += more;
		*d = 0;
		if (*word)
			rc = add(a, spec, word, props, e);
		else
			rc = error_set(e, -EINVAL, "%.150s: a property is missing between two commas or at the end",
				       spec);
		if (more && !*s && !rc)
			rc = error_set(e, -EINVAL, "%.150s: a property is missing after the last comma", spec);
	}
	free(copy);
	if (rc)
		net_args_free(a);
	return rc;
}

void net_args_free(struct net_args *a)
{
	u32 i;

	for (i = 0; i < a->n; i++)
		free(a->arg[i].value);
	free(a->arg);
	*a = (struct net_args){ 0 };
}

const char *net_arg_nth(const struct net_args *a, const char *name, u32 i)
{
	u32 k;

	for (k = 0; k < a->n; k++)
		if (!strcmp(a->arg[k].prop->name, name) && !i--)
			return a->arg[k].value;
	return NULL;
}

const char *net_arg(const struct net_args *a, const char *name)
{
	return net_arg_nth(a, name, 0);
}

bool net_arg_on(const struct net_args *a, const char *name, bool otherwise)
{
	const char *v = net_arg(a, name);

	return v ? net_is_on(v) : otherwise;
}

u32 net_arg_number(const struct net_args *a, const char *name, u32 otherwise)
{
	const char *v = net_arg(a, name);

	return v ? (u32)strtoul(v, NULL, 10) : otherwise;
}
