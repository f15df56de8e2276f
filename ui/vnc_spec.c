/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The value of -vnc (QEMU's invocation manual). Left out: websockets, TLS, SASL, share policies.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ui/vnc.h"

#define DISPLAY_LAST 59635u /* that port 65535 belongs to */

static bool number(const char *p, size_t n, u32 *v)
{
	u32 x = 0;
	size_t i;

	if (!n || n > 5)
		return false;
	for (i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		x = x * 10 + (u32)(p[i] - '0');
	}
	*v = x;
	return x <= DISPLAY_LAST;
}

static int option(const char *p, size_t n, struct vnc_spec *s, struct error *e)
{
	if (n == 11 && !memcmp(p, "password=on", n)) {
		s->password = true;
	} else if (n == 8 && !memcmp(p, "password", n)) {
		s->password = true;
	} else if (n == 12 && !memcmp(p, "password=off", n)) {
		s->password = false;
	} else if (n > 9 && !memcmp(p, "password=", 9)) {
		if (n - 9 >= sizeof s->secret)
			return error_set(e, -EINVAL, "the password is too long: VNC uses its first %u characters", VNC_PASSWORD_MAX);
		s->password = true;
		memcpy(s->secret, p + 9, n - 9);
		s->secret[n - 9] = 0;
	} else if (n > 3 && !memcmp(p, "to=", 3) && number(p + 3, n - 3, &s->last) && s->last >= s->first) {
		return 0;
	} else {
		return error_set(e, -EINVAL, "'%.*s' is nothing that is known here: to=NUMBER and password=SECRET are", (int)MIN(n, 60), p);
	}
	return 0;
}

int vnc_parse(const char *text, struct vnc_spec *s, struct error *e)
{
	size_t n = strcspn(text, ",");
	const char *p = text + n, *colon;
	int rc = 0;

	memset(s, 0, sizeof *s);
	if (n == 4 && !memcmp(text, "none", 4)) {
		s->none = true;
	} else if (n >= 5 && !memcmp(text, "unix:", 5)) {
		if (n == 5 || n - 5 >= 104)
			return error_set(e, -EINVAL, "the path of a socket has 1 to 103 characters, as in unix:/tmp/demo.vnc");
		s->local = true;
		memcpy(s->host, text + 5, n - 5);
	} else {
		for (colon = text + n; colon > text && *colon != ':'; colon--)
			;
		if (*colon != ':' || !number(colon + 1, (size_t)(text + n - colon - 1), &s->first) ||
		    (size_t)(colon - text) >= sizeof s->host)
			return error_set(e, -EINVAL, "a display is HOST:NUMBER, as in localhost:1 (port %u), or :1, or unix:PATH, or none",
					 VNC_PORT + 1);
		/* An IPv6 address stands in brackets. */
		if (*text == '[' && colon[-1] == ']')
			memcpy(s->host, text + 1, (size_t)(colon - text) - 2);
		else
			memcpy(s->host, text, (size_t)(colon - text));
	}
	s->last = s->first;
	while (!rc && *p == ',') {
		p++;
		n = strcspn(p, ",");
		rc = option(p, n, s, e);
		p += n;
	}
	return rc;
}
