/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cuts a spec into words. The meaning of words is the caller's affair.
 */
#include "guest/spec.h"

#include <string.h>

bool spec_next(const char **s, struct spec_word *w)
{
	const char *p = *s;
	size_t n = 0;

	if (!*p)
		return false;
	memset(w, 0, sizeof *w);
	w->raw = p;
	for (; *p && (*p != ',' || p[1] == ','); p++) {
		if (*p == ',')
			p++;
		if (*p == '=' && !w->has_value) {
			w->has_value = true;
			n = 0;
			continue;
		}
		if (n + 1 >= (w->has_value ? sizeof w->value : sizeof w->name)) {
			w->too_long = true;
			continue;
		}
		if (w->has_value)
			w->value[n++] = *p;
		else
			w->name[n++] = *p;
	}
	w->raw_len = (size_t)(p - w->raw);
	*s = *p ? p + 1 : p;
	return true;
}

void spec_id(const char *spec, char id[SPEC_ID])
{
	struct spec_word w;

	id[0] = 0;
	while (spec_next(&spec, &w))
		if (!strcmp(w.name, "id") && w.has_value && strlen(w.value) < SPEC_ID)
			memcpy(id, w.value, strlen(w.value) + 1);
}
