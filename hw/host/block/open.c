/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes the chain of nodes of a disk: its file, its format, the images that it names. An image may come from a stranger, so what
 * it says of other files is not trusted: a backing file without a format is raw, and options say which files it may name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_file.h"
#include "hw/host/block/queue.h"

static struct block_stop stop_of(const struct block *b)
{
	return (struct block_stop){ b->options.quit, &b->drop };
}

static int open_below(const struct block *b, bool readonly, struct block_node **out, struct error *e)
{
	const struct block_options *o = &b->options;
	const char *spec = b->spec;
	bool nbd = block_is_nbd(spec), served = o->format && strcmp(o->format, "raw") && strcmp(o->format, "qcow2");
	struct block_nbd_options n = {
		.readonly = readonly,
		.connections = o->threads ? o->threads : BLOCK_THREADS,
		.patience = o->patience,
		.open_patience = o->open_patience,
		.reconnect = o->reconnect,
		.stop = stop_of(b),
		.format = served ? o->format : NULL,
	};
	int rc;

	if (!nbd && !strncmp(spec, "file:", 5))
		spec += 5;
	if (served && nbd)
		return error_set(e, -ENOTSUP, "%.300s: only raw and qcow2 are read from an NBD server, and format=%.40s is not; have the "
				 "server read it (qemu-nbd -f %.40s)", spec, o->format, o->format);
	if (!nbd && !served)
		return block_file_open(spec, readonly, o->cache, NULL, out, e);
	rc = block_nbd_open(spec, &n, out, e);
	if (!rc)
		(*out)->nosync = o->cache == BLOCK_UNSAFE;
	return rc;
}

struct backing_env {
	struct block_options o;
	struct block_stop stop;
	struct block_chain chain;
};

static int open_format(struct block_node *file, const char *format, const char *above, struct backing_env *env,
		       struct block_node **out, struct error *e);

/* The directory of above and the name behind it, unless the name stands for itself. NULL: no memory. */
static char *backing_path(const char *above, const char *name)
{
	size_t dir = os_path_is_absolute(name) ? 0 : (size_t)(os_path_last(above) - above), n = strlen(name);
	char *path = malloc(dir + n + 1);

	if (path) {
		memcpy(path, above, dir);
		memcpy(path + dir, name, n + 1);
	}
	return path;
}

/* Whether the image called above may name the file at path, as far as options say: it lies in a folder, or below. */
static int check_folder(const struct block_options *o, const char *above, const char *path, struct error *e)
{
	char *folder, *file;
	size_t n;
	bool inside;

	if (!o->folder)
		return 0;
	folder = block_file_real(o->folder);
	file = block_file_real(path);
	n = folder ? strlen(folder) : 0;
	while (n && folder[n - 1] == '/')
		n--;
	inside = folder && file && !strncmp(folder, file, n) && file[n] == '/';
	free(folder);
	/* One that is not there is the opener's to tell of. */
	if (inside || !file) {
		free(file);
		return 0;
	}
	free(file);
	return error_set(e, -EPERM, "%.180s names %.180s, which is not in %.100s (backing-dir=): put it there, if it may be read",
			 above, path, o->folder);
}

static int open_backing(void *opaque, const char *above, const char *name, const char *format, struct block_node **out,
			struct error *e)
{
	struct backing_env *up = opaque, env = *up;
	struct error why = { "" };
	size_t colon = strcspn(name, ":/");
	struct block_node *file;
	char *path;
	int rc;

	if (!strncmp(name, "file:", 5))
		name += 5;
	else if (name[colon] == ':' && colon > 1)
		return error_set(e, -ENOTSUP,
				 "%.200s: its backing file '%.200s' is no plain file; qemu-img rebase can name one",
				 above, name);
	if (up->chain.depth >= BLOCK_DEPTH_MAX)
		return error_set(e, -ELOOP,
				 "%.300s: more than %u backing files in a chain; qemu-img rebase makes it shorter",
				 above, BLOCK_DEPTH_MAX);
	path = backing_path(above, name);
	if (!path)
		return error_set(e, -ENOMEM, "%.300s: the host is out of memory", above);
	rc = check_folder(&up->o, above, path, e);
	if (rc) {
		free(path);
		return rc;
	}
	/* Backing files are read through the page cache whatever the image itself does. */
	rc = block_file_open(path, true, BLOCK_WRITEBACK, &up->chain, &file, &why);
	if (rc == -ENOENT)
		error_set(
			e, rc,
			"%.200s: its backing file %.200s is missing; put it there, or qemu-img rebase -u names another",
			above, path);
	else if (rc)
		error_set(e, rc, "%.120s: its backing file cannot be used: %.360s", above, why.text);
	free(path);
	if (rc)
		return rc;
	file->quiet = env.o.quiet;
	file->stop = env.stop;
	env.chain = (struct block_chain){ &up->chain, file->dev, file->ino, up->chain.depth + 1 };
	return open_format(file, format, above, &env, out, e);
}

/*
 * The external data file of the image called above, which the guest may write to: it lies beside the image, or where options allow
 * it, for whoever made the image has chosen it.
 */
static int open_data(void *opaque, const char *above, const char *name, const char *format, struct block_node **out, struct error *e)
{
	struct backing_env *env = opaque;
	bool readonly = env->o.readonly || env->o.snapshot || env->chain.depth > 1;
	struct error why = { "" };
	char *path;
	int rc;

	if (!strncmp(name, "file:", 5))
		name += 5;
	if (!env->o.folder && name[strcspn(name, ":/\\")])
		return error_set(e, -EPERM, "%.180s keeps its data in %.160s, which does not lie beside it: put it there (qemu-img amend "
				 "-o data_file= names it), or allow its folder by backing-dir=", above, name);
	path = backing_path(above, name);
	if (!path)
		return error_set(e, -ENOMEM, "%.300s: the host is out of memory", above);
	rc = check_folder(&env->o, above, path, e);
	if (!rc) {
		rc = block_file_open(path, readonly, env->o.cache, &env->chain, out, &why);
		if (rc)
			error_set(e, rc, "%.120s: its data file cannot be used: %.360s", above, why.text);
		else
			(*out)->quiet = env->o.quiet;
	}
	free(path);
	return rc;
}

/* What the bytes of file say it is; NULL: nothing. */
static int probe(struct block_node *file, const char **kind, struct error *e)
{
	u8 first[BLOCK_PROBE], last[BLOCK_PROBE];
	int rc = node_read(file, 0, first, sizeof first);

	if (!rc)
		rc = node_read(file, block_probe_tail(file->size), last, sizeof last);
	if (rc)
		return error_set(e, rc, "%.300s: cannot read it: %s", file->name, strerror(-rc));
	*kind = block_probe(first, last);
	return 0;
}

/*
 * The format of an image when nobody has said it. above: the overlay that names it as its backing file, or NULL. What a guest
 * wrote into a raw disk would choose the format of a backing file, and by it further files: such a one is raw, or refused.
 */
static int find_format(struct block_node *file, const char *above, const char **format, struct error *e)
{
	const char *kind = NULL;
	int rc = probe(file, &kind, e);

	*format = "raw";
	if (rc || !kind)
		return rc;
	if (above)
		return error_set(e, -EINVAL, "%.140s does not say of which format its backing file %.140s is, and that looks like %s: "
				 "qemu-img rebase -u -b BACKING -F %s (or -F raw) OVERLAY says it",
				 above, file->name, kind, kind);
	*format = "qcow2";
	if (!strncmp(kind, "qcow", 4))
		return 0;
	return error_set(e, -EINVAL, "%.200s looks like a %s image, not a raw one: format=%s has qemu-nbd read it, qemu-img convert -f %s "
			 "-O qcow2 makes one that is read here, format=raw shows it to the guest as it is",
			 file->name, kind, kind, kind);
}

/*
 * The format over file; file is closed on failure. above: the image that names it as its backing file, or NULL. A format that
 * qemu-nbd reads for us is raw by now.
 */
static int open_format(struct block_node *file, const char *format, const char *above, struct backing_env *env,
		       struct block_node **out, struct error *e)
{
	int rc = 0;

	if (!format)
		rc = find_format(file, above, &format, e);
	else if (strcmp(format, "qcow2") && strcmp(format, "raw"))
		rc = error_set(e, -EINVAL, "%.300s: format=%.100s is not known; use raw or qcow2 (qemu-img convert makes one of them)",
			       file->name, format);
	if (rc) {
		node_close(file);
		return rc;
	}
	if (!strcmp(format, "qcow2"))
		return qcow2_open(file, above || env->o.readonly || env->o.snapshot, env->o.no_backing ? NULL : open_backing, open_data, env,
				  out, e);
	/* Part of a sector at the end counts as one. */
	if (!file->fixed)
		file->size = ALIGN_UP(file->size, 512);
	*out = file;
	return 0;
}

/* The uppermost node of what b->spec names, without what options put over it. */
static int open_image(struct block *b, struct block_node **out, struct error *e)
{
	const struct block_options *o = &b->options;
	struct backing_env env = { *o, stop_of(b), { NULL, 0, 0, 1 } };
	struct block_node *n, *top;
	const char *format = o->format;
	int rc = 0;

	if (format && !block_format_find(format))
		return error_set(e, -EINVAL, "%.300s: format=%.100s is not known; use raw or qcow2 (qemu-img convert makes one of them)", b->spec,
				 format);
	rc = open_below(b, o->readonly || o->snapshot, &n, e);
	if (rc)
		return rc;
	env.chain.dev = n->dev;
	env.chain.ino = n->ino;
	n->quiet = o->quiet;
	n->stop = env.stop;
	if (o->faults) {
		rc = block_filter_open(n, o->faults, &top, e);
		if (rc) {
			node_close(n);
			return rc;
		}
		n = top;
	}
	b->format = "raw";
	if (format && strcmp(format, "qcow2")) { /* the reader of it serves it as raw */
		b->format = block_format_find(format);
		format = "raw";
	}
	rc = open_format(n, format, NULL, &env, out, e);
	if (rc)
		return rc;
	if (!strcmp((*out)->ops->name, "qcow2"))
		b->format = "qcow2";
	b->guessed = !format && strcmp(b->format, "qcow2");
	return 0;
}

int block_open_nodes(struct block *b, struct error *e)
{
	const struct block_options *o = &b->options;
	struct block_node *top;
	int rc = open_image(b, &top, e);

	if (rc)
		return rc;
	b->node = top;
	b->backing = top->backing ? top->backing->name : NULL;
	if (o->snapshot && !o->readonly) {
		rc = block_overlay_open(b->node, &top, e);
		if (rc)
			return rc;
		b->node = top;
	}
	if (o->faults_above) {
		rc = block_filter_open(b->node, o->faults_above, &top, e);
		if (rc)
			return rc;
		b->node = top;
	}
	return 0;
}
