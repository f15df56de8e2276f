/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys that are pressed for a while. They are released after that much guest time or host time, whichever passes first.
 * With host time alone a guest that skips idle time would see a key held for minutes; with guest time alone a slow
 * guest would keep a person waiting.
 */
#include "ui/sendkey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000u /* ns */
#define BETWEEN (20 * MS) /* between two combinations */

struct combination {
	u16 codes[SENDKEY_TOGETHER];
	u32 n, hold;
};

struct sendkey {
	struct display *display;
	struct poll_set *poll;
	struct poll_hook *hook; /* while there is something to do */
	const struct domain *d;
	struct combination list[SENDKEY_WAITING];
	u32 head, count;
	bool pressed;		/* list[head] is down */
	bool resting;		/* nothing is down, the next comes soon */
	u64 host_end, guest_end; /* of that */
};

struct sendkey *sendkey_new(struct display *d, struct poll_set *poll)
{
	struct sendkey *s = calloc(1, sizeof *s);

	if (s) {
		s->display = d;
		s->poll = poll;
	}
	return s;
}

static void press(struct sendkey *s, const struct combination *c, bool down)
{
	u32 i;

	for (i = 0; i < c->n; i++)
		display_send_key(s->display, c->codes[down ? i : c->n - 1 - i], down);
	s->pressed = down;
}

static void wait_for(struct sendkey *s, u64 ns)
{
	s->host_end = host_now() + ns;
	s->guest_end = s->d ? domain_now(s->d) + ns : UINT64_MAX;
}

static bool waited(const struct sendkey *s)
{
	return host_now() >= s->host_end || (s->d && domain_now(s->d) >= s->guest_end);
}

static void forget(struct sendkey *s)
{
	if (s->pressed)
		press(s, &s->list[s->head], false);
	s->count = 0;
	s->resting = false;
	poll_hook_remove(s->poll, s->hook);
	s->hook = NULL;
}

/* Before each wait: what is due? Gives the time until the next look. */
static i64 step(void *opaque)
{
	struct sendkey *s = opaque;
	u64 now;

	if (s->pressed && waited(s)) {
		press(s, &s->list[s->head], false);
		s->head = (s->head + 1) % SENDKEY_WAITING;
		s->count--;
		s->resting = true;
		wait_for(s, BETWEEN);
	} else if (s->resting && waited(s)) {
		s->resting = false;
	}
	if (!s->pressed && !s->resting && s->count) {
		press(s, &s->list[s->head], true);
		wait_for(s, (u64)s->list[s->head].hold * MS);
	}
	if (!s->pressed && !s->resting)
		return -1;
	now = host_now();
	return s->host_end > now ? (i64)(s->host_end - now) : 0;
}

static void after(void *opaque)
{
	struct sendkey *s = opaque;

	if (!s->pressed && !s->resting && !s->count)
		forget(s);
}

void sendkey_free(struct sendkey *s)
{
	if (!s)
		return;
	s->pressed = false; /* nobody is there to be told */
	forget(s);
	free(s);
}

void sendkey_set_domain(struct sendkey *s, const struct domain *d)
{
	if (!d)
		forget(s);
	s->d = d;
}

int sendkey_add(struct sendkey *s, const char *keys, u32 hold, struct error *e)
{
	struct combination c = { .hold = hold };
	const char *p = keys;
	size_t len;
	u32 code, i;

	for (;; p++) {
		len = strcspn(p, "-");
		code = display_key_by_name(p, len);
		if (!code)
			return error_set(e, -EINVAL, "there is no key '%.*s': 'sendkey' takes names as in ctrl-alt-f1, ret, a, kp_0, "
						     "or a scan code as 0x1c",
					 (int)MIN(len, 40), p);
		for (i = 0; i < c.n && c.codes[i] != code; i++)
			;
		if (i < c.n)
			return error_set(e, -EINVAL, "the key '%.*s' comes twice: name it once", (int)MIN(len, 40), p);
		if (c.n == SENDKEY_TOGETHER)
			return error_set(e, -EINVAL, "%u keys at most are pressed together: name fewer", SENDKEY_TOGETHER);
		c.codes[c.n++] = (u16)code;
		p += len;
		if (!*p)
			break;
	}
	if (s->count == SENDKEY_WAITING)
		return error_set(e, -EBUSY, "%u combinations wait already: send this one later", SENDKEY_WAITING);
	if (!s->hook)
		s->hook = poll_hook_add(s->poll, step, after, s);
	if (!s->hook)
		return error_set(e, -ENOMEM, "the host is out of memory");
	s->list[(s->head + s->count++) % SENDKEY_WAITING] = c;
	poll_wake(s->poll);
	return 0;
}
