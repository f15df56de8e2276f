/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/save.h"

#include <errno.h>
#include <stdlib.h>

#include "base/os.h"
#include "base/os_file.h"
#include "guest/guest.h"
#include "guest/snapshot.h"
#include "snapshot/file.h"

struct guest_saving {
	struct guest *g;
	struct snapshot_writing *writing;
	struct snapshot_disks disks, before; /* of the file, and of the one in whose place it comes */
};

/* What images have for a file that is none, or is gone. */
static void forget(struct guest *g, const struct snapshot_disks *disks)
{
	struct error e = { "" };

	if (guest_snapshot_forget(g, disks, &e))
		msg_warn("%s", e.text);
}

/* What images have for a file. One that cannot be read says nothing. */
static void look(const char *path, struct snapshot_disks *disks)
{
	struct error none = { "" };

	if (snapshot_look_disks(path, disks, &none))
		disks->n = 0;
}

struct guest_saving *guest_save_begin(struct guest *g, struct snapshot *s, const char *path, enum image_codec codec, struct error *e)
{
	struct guest_saving *w = calloc(1, sizeof *w);

	if (!w) {
		error_set(e, -ENOMEM, "%.300s: the host is out of memory", path);
	} else {
		w->g = g;
		w->disks = s->disks;
		look(path, &w->before);
		w->writing = snapshot_write_begin(s, path, codec, e);
	}
	if (w && w->writing)
		return w;
	forget(g, &s->disks);
	snapshot_free(s);
	free(w);
	return NULL;
}

bool guest_save_done(struct guest_saving *w, u64 ns)
{
	return snapshot_write_done(w->writing, ns);
}

void guest_save_progress(struct guest_saving *w, u64 *told, u64 *all)
{
	snapshot_write_progress(w->writing, told, all);
}

int guest_save_end(struct guest_saving *w, bool is_base, struct error *e)
{
	int rc = snapshot_write_end(w->writing, is_base ? &w->g->base : NULL, e);

	forget(w->g, rc ? &w->disks : &w->before);
	free(w);
	return rc;
}

int guest_save_remove(struct guest *g, const char *path, struct error *e)
{
	struct snapshot_disks disks;

	look(path, &disks);
	if (os_unlink(path))
		return error_set(e, -errno, "%.200s: %s", path,
				 errno == ENOENT ? "there is no such snapshot: 'info snapshots' lists them" : os_strerror(errno));
	forget(g, &disks);
	return 0;
}
