/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenstore for the host itself: back ends and management call it directly, with all rights and no quota.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "xen/store/impl.h"
#include "xen/xen.h"

int xs_write_bytes(struct xenstore *s, const char *path, const void *p, size_t n)
{
	return xs_do_write(NULL, s, s->host_txn, path, p, n);
}

int xs_write(struct xenstore *s, const char *path, const char *fmt, ...)
{
	char text[XS_PAYLOAD_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof text)
		return -XEN_E2BIG;
	return xs_write_bytes(s, path, text, (size_t)n);
}

int xs_mkdir(struct xenstore *s, const char *path)
{
	return xs_do_mkdir(NULL, s, s->host_txn, path);
}

const char *xs_read(struct xenstore *s, const char *path, size_t *n)
{
	const struct xs_node *node = xs_look(s, s->host_txn, path);

	if (n)
		*n = node ? node->len : 0;
	return node ? (const char *)node->value : NULL;
}

bool xs_read_u64(struct xenstore *s, const char *path, u64 *v)
{
	size_t n, i;
	const char *p = xs_read(s, path, &n);
	u64 x = 0;

	if (!p || !n || n > 20)
		return false;
	for (i = 0; i < n; i++) {
		u32 digit = (u32)(u8)p[i] - '0';

		if (digit > 9 || x > (UINT64_MAX - digit) / 10)
			return false;
		x = x * 10 + digit;
	}
	*v = x;
	return true;
}

const char *xs_directory(struct xenstore *s, const char *path, size_t *n)
{
	const struct xs_node *node = xs_look(s, s->host_txn, path);

	*n = node ? node->children_len : 0;
	return !node ? NULL : node->children ? node->children : "";
}

int xs_rm(struct xenstore *s, const char *path)
{
	int rc = xs_do_rm(NULL, s, s->host_txn, path);

	return rc == -XEN_ENOENT ? 0 : rc;
}

int xs_set_perms(struct xenstore *s, const char *path, const struct xs_perm *perms, u32 n)
{
	return xs_do_set_perms(NULL, s, s->host_txn, path, perms, n);
}

void xs_begin(struct xenstore *s)
{
	if (!s->host_txn)
		s->host_txn = xs_txn_new(0, UINT32_MAX);
}

int xs_end(struct xenstore *s)
{
	struct xs_txn *t = s->host_txn;
	int rc;

	if (!t)
		return -XEN_ENOENT;
	s->host_txn = NULL;
	xs_enter(s);
	rc = xs_txn_commit(NULL, s, t);
	xs_leave(s);
	xs_txn_free(t);
	return rc;
}

void xs_abort(struct xenstore *s)
{
	xs_txn_free(s->host_txn);
	s->host_txn = NULL;
}
