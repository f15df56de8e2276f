/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One viewer. It has a thread and a libvncserver of its own, so one that stalls, or sends half a message or nonsense,
 * keeps nobody waiting. It gets a copy of the screen when it has logged in, and little memory before. Keys come as scan
 * codes, too (the RFB protocol's "QEMU Extended Key Event").
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#if HAVE_VNCSERVER
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

#include <rfb/rfb.h>

#include "base/endian.h"
#include "base/os_socket.h"
#include "base/os_thread.h"
#include "ui/vnc_impl.h"

#define STALL_MS 20000 /* a viewer that takes or sends nothing for so long in the middle of a message is dropped */
#define EXTENDED_KEY (-258)

/* The library wants its table writable and for the time it is in use. */
struct viewer_extension {
	rfbProtocolExtension table;
	int encodings[2];
};

struct rfb {
	rfbScreenInfoPtr screen;
	rfbClientPtr client; /* NULL once it is gone */
	u32 *pixels, width, height, generation;
	bool acknowledge; /* say that extended keys are understood */
	bool refused;
};

static struct viewer *viewer_of(rfbClientPtr cl)
{
	return cl->screen->screenData;
}

/* ---- what the library calls ------------------------------------------------------------------------------------ */

static void on_key(rfbBool down, rfbKeySym sym, rfbClientPtr cl)
{
	struct viewer *c = viewer_of(cl);
	struct vnc_event ev = { .kind = VNC_KEY, .from = c, .down = down, .keysym = sym };

	vnc_queue(c->v, &ev);
}

static void on_pointer(int buttons, int x, int y, rfbClientPtr cl)
{
	struct viewer *c = viewer_of(cl);
	struct vnc_event ev = { .kind = VNC_POINTER, .from = c, .x = (u32)MAX(x, 0), .y = (u32)MAX(y, 0), .buttons = (u32)buttons };

	vnc_queue(c->v, &ev);
}

static rfbBool ext_enable(rfbClientPtr cl, void **data, int encoding)
{
	if (encoding != EXTENDED_KEY)
		return FALSE;
	viewer_of(cl)->rfb->acknowledge = true;
	return TRUE;
}

static rfbBool ext_message(rfbClientPtr cl, void *data, const rfbClientToServerMsg *m)
{
	struct viewer *c = viewer_of(cl);
	u8 b[11]; /* the kind, u16 down, u32 keysym, u32 scan code; big-endian */

	if (m->type != rfbQemuEvent)
		return FALSE;
	if (rfbReadExact(cl, (char *)b, sizeof b) <= 0 || b[0]) {
		rfbCloseClient(cl);
		return TRUE;
	}
	vnc_queue(c->v, &(struct vnc_event){
				.kind = VNC_KEY,
				.from = c,
				.down = b[1] | b[2],
				.keysym = (u32)b[3] << 24 | (u32)b[4] << 16 | (u32)b[5] << 8 | b[6],
				.xt = ((u32)b[9] << 8 | b[10]) & 0xff,
			});
	return TRUE;
}

static void on_gone(rfbClientPtr cl)
{
	rfbExtensionData *x;

	viewer_of(cl)->rfb->client = NULL;
	/* What the library allocated for extensions it forgets. */
	while ((x = cl->extensions)) {
		cl->extensions = x->next;
		free(x);
	}
}

/* Waits at most until host time. False: the viewer has to stop. */
static bool wait_until(struct viewer *c, u64 when)
{
	struct os_pollfd p = { .fd = c->wake[0], .events = POLLIN };
	bool stop = false;
	u64 now;

	while (!stop && (now = host_now()) < when) {
		os_poll(&p, 1, (i64)MIN(when - now, 1000000000));
		os_wake_clear(c->wake[0]);
		os_mutex_lock(&c->v->lock);
		stop = c->stop;
		os_mutex_unlock(&c->v->lock);
	}
	return !stop;
}

/* Whether nobody waits whose password came before this one's. Under the lock. */
static bool is_first(const struct viewer *c)
{
	const struct viewer *o;

	for (o = c->v->viewers; o; o = o->next)
		if (o->answered && o->answered < c->answered && !o->stop)
			return false;
	return true;
}

static bool is_gone(const struct viewer *c)
{
	char b;

	return !recv(c->fd, &b, 1, MSG_PEEK | MSG_DONTWAIT);
}

#define TURN_NS 100000000u /* between two looks who has gone */

/*
 * Waits for this one's turn, and takes it. False: the viewer has to stop or is gone, and has cost those behind it
 * nothing.
 */
static bool take_turn(struct viewer *c, char secret[64])
{
	struct vnc *v = c->v;
	bool mine = false;
	u64 when = 0;

	os_mutex_lock(&v->lock);
	c->answered = ++v->answers;
	os_mutex_unlock(&v->lock);
	while (!mine && wait_until(c, when) && !is_gone(c)) {
		u64 now = host_now();

		os_mutex_lock(&v->lock);
		mine = now >= v->next_try && is_first(c);
		when = now + TURN_NS;
		if (mine) {
			c->answered = 0;
			if (v->failures)
				v->next_try = now + (1000000000ull << MIN(v->failures - 1, 3));
			memcpy(secret, v->secret, sizeof v->secret);
		}
		os_mutex_unlock(&v->lock);
	}
	if (!mine) {
		os_mutex_lock(&v->lock);
		c->answered = 0;
		os_mutex_unlock(&v->lock);
	}
	return mine;
}

/*
 * After a wrong password all viewers wait before the next one is looked at: 1, 2, 4, at most 8 seconds, longer with
 * each that is wrong.
 */
static rfbBool on_password(rfbClientPtr cl, const char *response, int len)
{
	struct viewer *c = viewer_of(cl);
	struct vnc *v = c->v;
	char secret[sizeof v->secret], *list[2] = { secret, NULL };
	void *saved = cl->screen->authPasswdData;
	bool right;
	u64 turn;

	if (!take_turn(c, secret))
		return false;
	cl->screen->authPasswdData = list;
	right = *secret && rfbCheckPasswordByList(cl, response, len);
	cl->screen->authPasswdData = saved;
	memset(secret, 0, sizeof secret);
	os_mutex_lock(&v->lock);
	v->failures = right ? 0 : v->failures + 1;
	if (right)
		v->next_try = 0;
	else
		v->next_try = MAX(v->next_try, host_now() + 1000000000);
	turn = v->next_try;
	os_mutex_unlock(&v->lock);
	/* The answer too comes late. */
	if (!right)
		wait_until(c, turn);
	return right;
}

/* ---- the thread ------------------------------------------------------------------------------------------------ */

static void copy(struct rfb *r, const struct vnc *v, const struct rect *d)
{
	u32 y;

	for (y = d->y; y < d->y + d->h && y < r->height && y < v->height; y++)
		if (d->x < MIN(r->width, v->width))
			memcpy(r->pixels + (size_t)y * r->width + d->x, v->pixels + (size_t)y * v->width + d->x,
			       MIN(d->w, MIN(r->width, v->width) - d->x) * sizeof(u32));
	if (d->x < r->width && d->y < r->height)
		rfbMarkRectAsModified(r->screen, (int)d->x, (int)d->y, (int)MIN(d->x + d->w, r->width),
				      (int)MIN(d->y + d->h, r->height));
}

static void set_format(rfbScreenInfoPtr s)
{
	s->serverFormat.redShift = 16;
	s->serverFormat.greenShift = 8;
	s->serverFormat.blueShift = 0;
	s->serverFormat.redMax = s->serverFormat.greenMax = s->serverFormat.blueMax = 255;
	s->serverFormat.depth = 24;
}

/* Gives the library a picture of the size that the screen has now; pixels: NULL before the login. */
static void new_size(struct rfb *r, const struct vnc *v, u32 *pixels)
{
	rfbNewFramebuffer(r->screen, (char *)pixels, (int)v->width, (int)v->height, 8, 3, 4);
	set_format(r->screen);
	free(r->pixels);
	r->pixels = pixels;
	r->width = v->width;
	r->height = v->height;
}

/* Takes over what changed. Under the lock. False: memory is short. */
static bool take_picture(struct viewer *c)
{
	const struct vnc *v = c->v;
	struct rfb *r = c->rfb;
	bool resizes = r->client && (r->client->useNewFBSize || r->client->useExtDesktopSize), fresh = !r->pixels;
	u32 i;

	/* The size that it was told when it logged in. */
	if (fresh) {
		r->pixels = calloc((size_t)r->width * r->height, sizeof *r->pixels);
		if (!r->pixels)
			return false;
		r->screen->frameBuffer = (char *)r->pixels;
	}
	if (fresh || r->generation != v->generation || (resizes && (r->width != v->width || r->height != v->height))) {
		if (resizes && (r->width != v->width || r->height != v->height)) {
			u32 *pixels = calloc((size_t)v->width * v->height, sizeof *pixels);

			if (!pixels)
				return false;
			new_size(r, v, pixels);
		} else if (r->width != v->width || r->height != v->height) {
			/* One that cannot follow sees as much as fits. */
			memset(r->pixels, 0, (size_t)r->width * r->height * sizeof *r->pixels);
			rfbMarkRectAsModified(r->screen, 0, 0, (int)r->width, (int)r->height);
		}
		r->generation = v->generation;
		copy(r, v, &(struct rect){ 0, 0, v->width, v->height });
	} else {
		for (i = 0; i < c->ndirty; i++)
			copy(r, v, &c->dirty[i]);
	}
	c->ndirty = 0;
	return true;
}

/* Before the login only the size counts, which is told then. */
static void take_size(struct viewer *c)
{
	if (c->rfb->generation != c->v->generation) {
		c->rfb->generation = c->v->generation;
		new_size(c->rfb, c->v, NULL);
	}
}

/* How far the login has come. False: there is no place for one more. */
static bool take_place(struct viewer *c)
{
	struct vnc *v = c->v;
	bool place = true;

	os_mutex_lock(&v->lock);
	c->asked = c->rfb->client->state == RFB_AUTHENTICATION;
	if (c->rfb->client->state == RFB_NORMAL) {
		place = v->nin < VNC_VIEWERS && !c->stop;
		c->in = place;
		v->nin += place;
	}
	os_mutex_unlock(&v->lock);
	return place;
}

/* An update of one rectangle without pixels: that is how the server agrees. */
static void acknowledge(struct rfb *r)
{
	u8 b[16] = { 0, 0, 0, 1, 0, 0, 0, 0, (u8)(r->width >> 8), (u8)r->width, (u8)(r->height >> 8), (u8)r->height,
		     0xff, 0xff, 0xfe, 0xfe };

	r->acknowledge = false;
	rfbWriteExact(r->client, (char *)b, sizeof b);
}

static void serve(struct viewer *c)
{
	struct rfb *r = c->rfb;
	bool in = false, more = true;

	while (more && r->client) {
		struct os_pollfd p[2] = { { .fd = c->fd, .events = POLLIN }, { .fd = c->wake[0], .events = POLLIN } };

		os_poll(p, 2, -1);
		os_wake_clear(c->wake[0]);
		os_mutex_lock(&c->v->lock);
		more = !c->stop && (!in || take_picture(c));
		if (!in)
			take_size(c);
		os_mutex_unlock(&c->v->lock);
		if (!more)
			break;
		/* One message at most: what comes after the one that ends the login finds a picture. */
		rfbProcessEvents(r->screen, 0);
		if (!r->client)
			break;
		if (!in)
			more = take_place(c);
		in = r->client->state == RFB_NORMAL;
		if (more && r->acknowledge && in)
			acknowledge(r);
		/* A descriptor in error that the library has not closed would make us spin. */
		if (p[0].revents & (POLLERR | POLLNVAL))
			break;
	}
}

/*
 * Gives the viewer to the library, on a second descriptor of its socket: the library may close that at any time, while
 * others shut down ours. The library first looks whether a web browser speaks. If 1 to 3 bytes are there it spins until
 * more come. So it is given a silent socket first and sends its version there; then the viewer's takes that socket's
 * place.
 */
static rfbClientPtr meet(struct viewer *c)
{
	rfbClientPtr cl = NULL;
	char version[64];
	ssize_t n;
	int fd[2], one = 1;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		return NULL;
	if (fd[1] < FD_SETSIZE)
		cl = rfbNewClient(c->rfb->screen, fd[1]); /* which closes it when it fails */
	else
		close(fd[1]);
	n = cl ? recv(fd[0], version, sizeof version, MSG_DONTWAIT) : -1;
	close(fd[0]);
	if (!cl)
		return NULL;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
	/* What cannot be sent to the viewer now, when nothing was yet, is for nobody. */
	if (n <= 0 || dup2(c->fd, cl->sock) < 0 || write(c->fd, version, (size_t)n) != n)
		rfbCloseClient(cl);
	else
		fcntl(cl->sock, F_SETFD, FD_CLOEXEC);
	return cl;
}

static bool open_screen(struct viewer *c)
{
	struct vnc *v = c->v;
	struct rfb *r = c->rfb;
	rfbScreenInfoPtr s;
	bool password;

	os_mutex_lock(&v->lock);
	r->width = v->width;
	r->height = v->height;
	r->generation = v->generation;
	password = v->password;
	os_mutex_unlock(&v->lock);
	s = r->screen = rfbGetScreen(NULL, NULL, (int)r->width, (int)r->height, 8, 3, 4);
	if (!s)
		return false;
	set_format(s);
	s->screenData = c;
	s->desktopName = v->name;
	s->cursor = NULL;
	s->autoPort = FALSE;
	s->port = s->ipv6port = 0;
	s->deferUpdateTime = s->deferPtrUpdateTime = 0;
	s->maxClientWait = STALL_MS;
	s->alwaysShared = TRUE;
	s->ignoreSIGPIPE = TRUE;
	s->kbdAddEvent = on_key;
	s->ptrAddEvent = on_pointer;
	if (password) {
		s->authPasswdData = v; /* anything: on_password() looks at v */
		s->passwordCheck = on_password;
	}
	rfbInitServer(s);
	r->client = meet(c);
	if (!r->client)
		return false;
	r->client->clientGoneHook = on_gone;
	return true;
}

static void *run(void *opaque)
{
	struct viewer *c = opaque;
	struct rfb *r = c->rfb;

	if (open_screen(c))
		serve(c);
	if (r->client) {
		rfbCloseClient(r->client);
		rfbClientConnectionGone(r->client);
	}
	if (r->screen) {
		r->screen->frameBuffer = NULL;
		r->screen->authPasswdData = NULL;
		rfbScreenCleanup(r->screen);
	}
	free(r->pixels);
	os_shutdown(c->fd, SHUT_RDWR);
	os_mutex_lock(&c->v->lock);
	c->over = true;
	os_mutex_unlock(&c->v->lock);
	os_wake(c->v->wake[1]);
	return NULL;
}

/* ---- for the execution thread ---------------------------------------------------------------------------------- */

void viewers_init(struct vnc *v)
{
	struct viewer_extension *x = calloc(1, sizeof *x);

	rfbLogEnable(FALSE);
	if (!x)
		return; /* then without extended keys */
	x->encodings[0] = EXTENDED_KEY;
	x->table.pseudoEncodings = x->encodings;
	x->table.enablePseudoEncoding = ext_enable;
	x->table.handleMessage = ext_message;
	rfbRegisterProtocolExtension(&x->table);
	v->extension = x;
}

void viewers_exit(struct vnc *v)
{
	if (v->extension)
		rfbUnregisterProtocolExtension(&v->extension->table);
	free(v->extension);
	v->extension = NULL;
}

struct viewer *viewer_new(struct vnc *v, int fd)
{
	struct viewer *c = calloc(1, sizeof *c);

	/* The library waits with select(). */
	if (!c || fd >= FD_SETSIZE || os_wake_open(c->wake)) {
		free(c);
		os_close(fd);
		return NULL;
	}
	c->v = v;
	c->fd = fd;
	c->since = host_now();
	c->rfb = calloc(1, sizeof *c->rfb);
	if (!c->rfb || os_thread_create(&c->thread, run, c)) {
		os_wake_close(c->wake);
		os_close(fd);
		free(c->rfb);
		free(c);
		return NULL;
	}
	return c;
}

void viewer_changed(struct viewer *c, const struct rect *r)
{
	if (c->ndirty < VNC_RECTS) {
		c->dirty[c->ndirty++] = *r;
		return;
	}
	/* A slow one gets what changed in larger pieces. */
	c->dirty[0] = rect_join(&c->dirty[0], r);
}

void viewer_wake(struct viewer *c)
{
	os_wake(c->wake[1]);
}

void viewer_stop(struct viewer *c)
{
	os_mutex_lock(&c->v->lock);
	c->stop = true;
	/* Whatever it waits for on its socket ends now. */
	if (!c->over)
		os_shutdown(c->fd, SHUT_RDWR);
	os_mutex_unlock(&c->v->lock);
	viewer_wake(c);
}

void viewer_free(struct viewer *c)
{
	pthread_join(c->thread, NULL);
	os_close(c->fd);
	os_wake_close(c->wake);
	free(c->rfb);
	free(c);
}

#endif
