/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections to NBD servers: URIs, QEMU's own form of them, and a qemu-nbd that is started for an image of another format. Left
 * out: TLS beyond what a URI says.
 */
#include "config.h"
#include "hw/host/block/impl.h"

#if HAVE_NBD

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hw/host/block/nbd.h"

int nbd_connection_poll(const struct nbd_server *s, struct nbd_handle *h, u64 started, u32 ms)
{
	u64 quit_at = 0;
	int rc;

	do {
		u64 now = host_now();

		if (now - started >= (u64)ms * 1000000)
			return 0;
		if (s->stop.drop && *s->stop.drop)
			return 0;
		if (s->stop.quit && *s->stop.quit) {
			quit_at = quit_at ? quit_at : now;
			if (now - quit_at >= (u64)NBD_LAST_WORD * 1000000)
				return 0;
		}
		rc = nbd_poll(h, (int)MIN(ms, NBD_SLICE));
	} while (!rc);
	return rc < 0 ? -1 : 1;
}

void nbd_connection_drop(const struct nbd_server *s, struct nbd_handle *h)
{
	/* Closing waits for a qemu-nbd of ours, which may be stopped. */
	if (h && s->format)
		nbd_kill_subprocess(h, SIGKILL);
	nbd_close(h);
}

/* QEMU's own form: nbd:HOST:PORT or nbd:unix:PATH, and :exportname=NAME behind. rest is cut up. */
static int connect_qemu(struct nbd_handle *h, char *rest)
{
	char *name = strstr(rest, ":exportname="), *port;

	if (name) {
		*name = 0;
		if (nbd_set_export_name(h, name + strlen(":exportname=")))
			return -1;
	}
	if (!strncmp(rest, "unix:", 5))
		return nbd_aio_connect_unix(h, rest + 5);
	port = strrchr(rest, ':');
	if (!port)
		return nbd_aio_connect_tcp(h, *rest ? rest : "localhost", "10809");
	*port++ = 0;
	if (*rest == '[' && rest[strlen(rest) - 1] == ']') { /* an IPv6 address */
		rest[strlen(rest) - 1] = 0;
		rest++;
	}
	return nbd_aio_connect_tcp(h, *rest ? rest : "localhost", *port ? port : "10809");
}

/* Whether PATH has the program. */
static bool have_program(const char *name)
{
	const char *p = getenv("PATH");
	char path[600];

	for (; p && *p; p += *p == ':') {
		size_t n = strcspn(p, ":");

		if (n < 500) {
			snprintf(path, sizeof path, "%.*s/%s", (int)n, p, name);
			if (!access(path, X_OK))
				return true;
		}
		p += n;
	}
	return false;
}

/* The file is named as an option of its own, so that nothing in its name is read as more. */
static int start_server(struct nbd_handle *h, const struct nbd_server *s)
{
	size_t room = 2 * strlen(s->spec) + strlen(s->format) + 100;
	char *image = malloc(room), *to;
	const char *from;
	char *argv[] = { (char *)(uintptr_t)"qemu-nbd", (char *)(uintptr_t)"--image-opts", image, (char *)(uintptr_t)"--discard=unmap",
			 (char *)(uintptr_t)"--cache=writeback", s->readonly ? (char *)(uintptr_t)"-r" : NULL, NULL };
	sigset_t none, mask;
	int rc;

	if (!image)
		return -1;
	to = image + snprintf(image, room, "driver=%s,file.driver=file,file.filename=", s->format);
	for (from = s->spec; *from; from++) {
		if (*from == ',')
			*to++ = ',';
		*to++ = *from;
	}
	*to = 0;
	/* It inherits which signals reach us, and threads take none. */
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, &mask);
	rc = nbd_aio_connect_systemd_socket_activation(h, argv);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	free(image);
	return rc;
}

static int begin(struct nbd_handle *h, const struct nbd_server *s)
{
	char *copy;
	int rc;

	if (s->format)
		return start_server(h, s);
	if (strncmp(s->spec, "nbd:", 4) || !strncmp(s->spec, "nbd://", 6))
		return nbd_aio_connect_uri(h, s->spec);
	copy = strdup(s->spec);
	rc = copy ? connect_qemu(h, copy + 4) : -1;
	free(copy);
	return rc;
}

struct nbd_handle *nbd_connection(const struct nbd_server *s, u32 ms, struct error *e)
{
	struct nbd_handle *h = nbd_create();
	const char *why = "it hung up";
	u64 started = host_now();
	int rc;

	if (s->format && (!have_program("qemu-nbd") || (!s->readonly && access(s->spec, W_OK)) || access(s->spec, R_OK))) {
		if (!have_program("qemu-nbd"))
			error_set(e, -ENOENT, "%.200s: qemu-nbd reads %.40s, and there is none: install it (Debian: qemu-utils), or make a qcow2 "
				  "image of it with qemu-img convert", s->spec, s->format);
		else
			error_set(e, -errno, "%.300s: cannot open it: %s", s->spec, strerror(errno));
		nbd_close(h);
		return NULL;
	}
	rc = h ? begin(h, s) : -1;
	while (!rc && nbd_aio_is_connecting(h) > 0) {
		rc = nbd_connection_poll(s, h, started, ms);
		if (!rc) {
			error_set(e, -EIO, "%.200s: the NBD server there has said nothing for %u ms: see what it does", s->spec, ms);
			nbd_connection_drop(s, h);
			return NULL;
		}
		rc = MIN(rc, 0);
	}
	if (rc)
		why = h ? nbd_get_error() : "out of memory";
	else if (nbd_aio_is_ready(h) > 0)
		return h;
	if (s->format)
		error_set(e, -EIO, "%.200s: qemu-nbd does not read it as %.40s: %.200s", s->spec, s->format, why ? why : "it ended");
	else
		error_set(e, -EIO, "%.200s: no NBD server answers so: %.250s", s->spec, why ? why : "it cannot be connected to");
	nbd_connection_drop(s, h);
	return NULL;
}

#endif
