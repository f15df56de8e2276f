/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -chardev BACKEND,id=ID,... (QEMU's invocation manual): a device that -serial and -monitor name as chardev:ID. It becomes one of
 * our own spelling (hw/host/chardev/chardev.h). Left out: udp, pipe, ringbuf, tty and the like; logfile=, reconnect=, TLS.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guest/spec.h"
#include "ui/optvalue.h"

#define PATH_BYTES 1024u

struct chardev_words {
	char id[SPEC_ID], path[PATH_BYTES], host[PATH_BYTES], port[64], flags[80];
	bool mux;
};

static const char *const backends[] = { "socket", "stdio", "pty", "file", "null", "vc" };

/* "on" or "off", or QEMU's other words for them. */
static int on_off(const char *said, const struct spec_word *w, bool *on, struct error *e)
{
	*on = !w->has_value || !strcmp(w->value, "on") || !strcmp(w->value, "yes") || !strcmp(w->value, "true");
	if (*on || !strcmp(w->value, "off") || !strcmp(w->value, "no") || !strcmp(w->value, "false"))
		return 0;
	return error_set(e, -EINVAL, "%.100s: %s=%.40s must be on or off", said, w->name, w->value);
}

static int take_word(const char *said, const char *backend, const struct spec_word *w, struct chardev_words *c, struct error *e)
{
	const bool socket = !strcmp(backend, "socket");
	bool on = false;
	int rc;

	if (!strcmp(w->name, "id") && strlen(w->value) < sizeof c->id) {
		strcpy(c->id, w->value);
	} else if (!strcmp(w->name, "path") && (socket || !strcmp(backend, "file"))) {
		memcpy(c->path, w->value, sizeof c->path);
	} else if (!strcmp(w->name, "host") && socket) {
		memcpy(c->host, w->value, sizeof c->host);
	} else if (!strcmp(w->name, "port") && socket && strlen(w->value) < sizeof c->port) {
		strcpy(c->port, w->value);
	} else if (socket && (!strcmp(w->name, "server") || !strcmp(w->name, "wait") || !strcmp(w->name, "nodelay"))) {
		size_t at = strlen(c->flags);

		rc = on_off(said, w, &on, e);
		if (rc)
			return rc;
		if (at < sizeof c->flags - 20)
			snprintf(c->flags + at, sizeof c->flags - at, ",%s=%s", w->name, on ? "on" : "off");
	} else if (socket && (!strcmp(w->name, "nowait") || !strcmp(w->name, "noserver")) && !w->has_value) {
		size_t at = strlen(c->flags);

		if (at < sizeof c->flags - 20)
			snprintf(c->flags + at, sizeof c->flags - at, ",%s=off", w->name + 2);
	} else if (!strcmp(w->name, "mux")) {
		rc = on_off(said, w, &c->mux, e);
		if (!rc && c->mux && strcmp(backend, "stdio"))
			rc = error_set(e, -EINVAL, "%.100s: mux=on is for stdio alone: leave it out", said);
		return rc;
	} else if (!strcmp(w->name, "signal") && !strcmp(backend, "stdio")) {
		/* A terminal is raw, and Ctrl-C the guest's. */
		rc = on_off(said, w, &on, e);
		if (!rc && on)
			rc = error_set(e, -EINVAL, "%.100s: signal=on is not supported: Ctrl-C is the guest's, and Ctrl-A x ends it", said);
		return rc;
	} else {
		return error_set(e, -EINVAL, "%.100s: '%.40s' is no property of it: there are id, %s", said, w->name,
				 socket			   ? "path, host, port, server, wait and nodelay"
				 : !strcmp(backend, "file") ? "path"
							   : "for stdio mux, and no other");
	}
	return 0;
}

/* A name in which a comma is doubled, as chardev_open() has it. */
static void double_commas(char *to, size_t size, const char *from)
{
	size_t n = 0;

	for (; *from && n + 2 < size; from++) {
		if (*from == ',')
			to[n++] = ',';
		to[n++] = *from;
	}
	to[n] = 0;
}

/* Our own spelling of it. */
static int spell(const char *said, const char *backend, const struct chardev_words *c, char *spec, size_t size, struct error *e)
{
	char path[2 * PATH_BYTES];

	double_commas(path, sizeof path, c->path);
	if (!strcmp(backend, "socket")) {
		if (*c->path && !*c->host && !*c->port)
			snprintf(spec, size, "unix:%s%s", path, c->flags);
		else if (!*c->path && *c->port)
			/* An IPv6 address goes in brackets. */
			snprintf(spec, size, strchr(c->host, ':') && c->host[0] != '[' ? "tcp:[%s]:%s%s" : "tcp:%s:%s%s", c->host, c->port,
				 c->flags);
		else
			return error_set(e, -EINVAL, "%.100s: a socket has either path= or port= (and host=): write socket,id=s0,path=/tmp/s0", said);
	} else if (!strcmp(backend, "file")) {
		if (!*c->path)
			return error_set(e, -EINVAL, "%.100s: path= is missing, as in file,id=f0,path=console.log", said);
		snprintf(spec, size, "file:%s", c->path);
	} else {
		snprintf(spec, size, "%s%s", c->mux ? "mon:" : "", backend);
	}
	return 0;
}

int value_chardev(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	char said[200], spec[2 * PATH_BYTES + 200], backend[16] = "";
	struct chardev_words c = { .mux = false };
	const char *rest = value;
	struct spec_word w;
	size_t i;
	int rc = 0;

	snprintf(said, sizeof said, "-%s %.180s", row->name, value);
	if (!strcmp(value, "help") || !strcmp(value, "?")) {
		fputs("Available chardev backend types:\n", o->out);
		for (i = 0; i < ARRAY_SIZE(backends); i++)
			fprintf(o->out, "  %s\n", backends[i]);
		return OPTIONS_DONE;
	}
	if (spec_next(&rest, &w) && !w.has_value && strlen(w.name) < sizeof backend)
		strcpy(backend, w.name);
	for (i = 0; i < ARRAY_SIZE(backends) && strcmp(backends[i], backend); i++)
		;
	if (i == ARRAY_SIZE(backends))
		return error_set(e, -EINVAL, "%.100s: '%.40s' is no kind of device here: use socket, stdio, pty, file, null or vc", said, w.name);
	while (!rc && spec_next(&rest, &w))
		rc = take_word(said, backend, &w, &c, e);
	rc = rc ? rc : spell(said, backend, &c, spec, sizeof spec, e);
	if (rc)
		return rc;
	if (!node_name_ok(c.id))
		return error_set(e, -EINVAL, "%.100s: id= is missing or no name: -serial and -monitor find it by that, as in id=c0", said);
	if (!o->chardevs)
		o->chardevs = node_new("chardevs");
	if (!o->chardevs)
		return -ENOMEM;
	if (node_has(o->chardevs, c.id))
		return error_set(e, -EEXIST, "%.100s: there is a device '%.60s' already: choose another id", said, c.id);
	return node_set_str(o->chardevs, c.id, spec);
}

/* Puts the device in place of chardev:ID in a property of the guest's node. */
static int resolve(struct options *o, const char *option, const char *prop, struct error *e)
{
	const char *value = node_str(o->guest, prop, ""), *spec;
	char id[SPEC_ID];

	if (strncmp(value, "chardev:", 8))
		return 0;
	snprintf(id, sizeof id, "%.60s", value + 8);
	spec = o->chardevs ? node_str(o->chardevs, id, NULL) : NULL;
	if (!spec)
		return error_set(e, -ENOENT, "%s chardev:%.60s: there is no such device: define it, as in -chardev pty,id=%.60s, and name it once",
				 option, id, id);
	if (node_set_str(o->guest, prop, spec))
		return error_set(e, -ENOMEM, "the host is out of memory");
	node_unset(o->chardevs, id);
	return 0;
}

int value_finish_chardevs(struct options *o, struct error *e)
{
	char name[24];
	int rc = resolve(o, "-serial", "serial0", e);
	u32 i;

	for (i = 0; !rc && i < o->nmonitors; i++) {
		snprintf(name, sizeof name, "monitor%u", i);
		rc = resolve(o, "-monitor", name, e);
		/* What -monitor itself would have refused. */
		if (!rc && (!strncmp(node_str(o->guest, name, ""), "file:", 5) || !strcmp(node_str(o->guest, name, ""), "vc")))
			rc = error_set(e, -EINVAL, "-monitor %.80s: a monitor needs a device that answers: use stdio, pty or a socket",
				       node_str(o->guest, name, ""));
		if (!rc && !strcmp(node_str(o->guest, name, ""), "mon:stdio") && node_set_str(o->guest, name, "stdio"))
			rc = error_set(e, -ENOMEM, "the host is out of memory");
	}
	return rc;
}
