/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -action and -uuid (QEMU's invocation manual): what happens at a guest's end, and its identity. Left out: watchdog=.
 */
#include <errno.h>
#include <string.h>

#include "guest/nodes.h"
#include "guest/spec.h"
#include "ui/optvalue.h"

/* event=action, and what that is in the guest's node. */
static const struct {
	const char *event, *action, *prop, *value;
} actions[] = {
	{ "reboot", "reset", "on-reboot", "restart" },        { "reboot", "shutdown", "on-reboot", "destroy" },
	{ "shutdown", "poweroff", "on-poweroff", "destroy" }, { "shutdown", "pause", "on-poweroff", "preserve" },
	{ "panic", "exit-failure", "on-crash", "destroy" },   { "panic", "pause", "on-crash", "preserve" },
	{ "panic", "shutdown", "on-crash", "poweroff" },
};

int value_action(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	const char *rest = value;
	struct spec_word w;
	size_t i;
	int rc = 0;

	if (!*value)
		return error_set(e, -EINVAL, "-%s '': an event is missing, as in %s reboot=shutdown", row->name, "-action");
	while (!rc && spec_next(&rest, &w)) {
		bool event = false;

		for (i = 0; i < ARRAY_SIZE(actions); i++) {
			event |= !strcmp(actions[i].event, w.name);
			if (!strcmp(actions[i].event, w.name) && !strcmp(actions[i].action, w.value))
				break;
		}
		if (i < ARRAY_SIZE(actions))
			rc = node_set_str(o->guest, actions[i].prop, actions[i].value);
		else if (event)
			rc = error_set(e, -EINVAL, "-%s %.80s: %s=%.40s is no action: use reboot=reset|shutdown, shutdown=poweroff|pause or "
				       "panic=pause|shutdown|exit-failure", row->name, value, w.name, w.value);
		else
			rc = error_set(e, -EINVAL, "-%s %.80s: '%.40s' is no event: use reboot=, shutdown= or panic=", row->name, value, w.name);
	}
	return rc;
}

int value_uuid(struct options *o, const struct option_row *row, const char *value, struct error *e)
{
	u8 uuid[16];

	if (!guest_uuid_bytes(value, uuid))
		return error_set(e, -EINVAL, "-%s %.80s: a UUID has 32 hexadecimal digits, as in 01234567-89ab-cdef-0123-456789abcdef", row->name,
				 value);
	return node_set_str(o->guest, "uuid", value);
}
