/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes what VNC viewers send: the input is a script of bytes of a viewer, changes of the screen and its size, and a second
 * viewer that comes and goes. Whatever it is, the viewers' threads end when their connections do, and what reaches the screen's
 * consoles is in bounds.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <stdint.h>
#include <stdlib.h>

#include "hw/host/display/keys.h"
#include "ui/vnc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#if HAVE_VNCSERVER && !defined(_WIN32)
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"

#define PATIENCE 20000000000u /* ns; whoever needs more hangs */
#define STEPS 64

struct world {
	struct poll_set *poll;
	struct display *d;
	struct display_console *c;
	struct vnc *v;
	int fd[2]; /* our ends; -1: not there */
};

static void on_key(void *opaque, u32 code, u32 ch, bool down)
{
	if (code >= KEYS || (!code && !ch))
		abort();
}

static void on_pointer(void *opaque, const struct pointer_event *ev)
{
	struct world *w = opaque;
	const struct surface *s = display_surface(w->c);

	if (ev->absolute && (ev->x < 0 || ev->y < 0 || (u32)ev->x >= s->width || (u32)ev->y >= s->height))
		abort();
}

static bool on_absolute(void *opaque)
{
	return true;
}

/* Takes what the server says, so that it never waits for us. */
static void drain(struct world *w)
{
	u8 sink[4096];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(w->fd); i++)
		while (w->fd[i] >= 0 && recv(w->fd[i], sink, sizeof sink, MSG_DONTWAIT) > 0)
			;
}

static void turn(struct world *w, i64 wait)
{
	poll_wait(w->poll, wait);
	drain(w);
}

static void join(struct world *w, u32 i)
{
	int fd[2];

	if (w->fd[i] >= 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		return;
	w->fd[i] = vnc_serve(w->v, fd[1]) ? (close(fd[0]), -1) : fd[0];
}

static void leave(struct world *w, u32 i)
{
	if (w->fd[i] >= 0)
		close(w->fd[i]);
	w->fd[i] = -1;
}

static void say(struct world *w, u32 i, const void *p, size_t n)
{
	if (w->fd[i] >= 0 && n && send(w->fd[i], p, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		drain(w); /* it does not matter: it is nonsense anyway */
}

static void step(struct world *w, struct reader *in)
{
	static const char hello[] = "RFB 003.008\n\1\1";
	u8 op = reader_u8(in);
	u32 who = op >> 7, x, y;
	const u8 *p;
	size_t n;

	switch (op & 7) {
	case 0:
		n = MIN(reader_u8(in), in->left);
		p = reader_get(in, n);
		say(w, who, p, p ? n : 0);
		break;
	case 1: say(w, who, hello, sizeof hello - 1); break;
	case 2:
		x = reader_u8(in);
		y = reader_u8(in);
		display_resize(w->c, x * 2, y);
		break;
	case 3:
		x = reader_u8(in);
		y = reader_u8(in);
		display_changed(w->c, x, y, reader_u8(in), reader_u8(in));
		break;
	case 4: join(w, who); break;
	case 5: leave(w, who); break;
	case 6:
		if (w->fd[who] >= 0)
			shutdown(w->fd[who], SHUT_WR);
		break;
	default: turn(w, (op >> 3 & 15) * 100000); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct console_ops ops = { NULL, on_key, on_pointer, on_absolute, NULL };
	struct world w = { .fd = { -1, -1 } };
	struct vnc_spec spec = { .none = true };
	struct error e = { "" };
	struct reader in;
	u32 i;
	u64 end;

	w.poll = poll_set_new();
	w.d = w.poll ? display_new(w.poll) : NULL;
	w.c = w.d ? display_console_add(w.d, 0, "graphics", &ops, &w) : NULL;
	w.v = w.c && !display_resize(w.c, 64, 48) ? vnc_open(&spec, w.d, w.poll, keymap_find(NULL), "fuzz", &e) : NULL;
	if (!w.v)
		abort();
	reader_init(&in, data, size);
	join(&w, 0);
	for (i = 0; i < STEPS && in.left; i++)
		step(&w, &in);
	/* The rest is one viewer's. */
	say(&w, 0, in.p, in.left);
	for (i = 0; i < 2; i++)
		if (w.fd[i] >= 0)
			shutdown(w.fd[i], SHUT_WR);
	end = host_now() + PATIENCE;
	while (vnc_viewers(w.v)) {
		turn(&w, 1000000);
		if (host_now() > end)
			abort();
	}
	for (i = 0; i < 2; i++)
		leave(&w, i);
	vnc_close(w.v);
	display_free(w.d);
	poll_set_free(w.poll);
	return 0;
}

#else

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return 0;
}

#endif
