/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "paravane snapshot export": a snapshot in files for other programs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/os_file.h"
#include "snapshot/export.h"
#include "snapshot/file.h"
#include "ui/snapshot_tool.h"

static int export_picture(struct image *img, const char *path, struct error *e)
{
	struct export_file f;
	u8 *data;
	size_t len;
	int rc = image_chunk(img, SNAPSHOT_PICTURE, 0, &data, &len, e);

	if (rc == -ENOENT)
		return error_set(e, rc, "%.200s: it has no picture: its guest had no screen (-display, -vnc)", image_path(img));
	if (rc)
		return rc;
	rc = export_begin(&f, img, path, e);
	if (!rc)
		rc = export_end(&f, export_put(&f, 0, data, len, e), len, e);
	free(data);
	return rc;
}

int snapshot_export(const struct snapshot_args *a)
{
	struct error e = { "" };
	struct image *img;
	int rc;

	if (!a->raw && !a->elf && !a->picture && !a->full) {
		msg_error("snapshot export: nothing is wanted: give --raw, --elf, --picture or --full with the name of a file");
		return 1;
	}
	if (a->compress != IMAGE_CODECS && !a->full) {
		msg_error("snapshot export --compress: only --full is packed: give that, too");
		return 1;
	}
	rc = image_open(a->file[0], NULL, &img, &e);
	if (!rc && a->raw)
		rc = export_raw(img, a->raw, &e);
	if (!rc && a->elf)
		rc = export_elf(img, a->elf, &e);
	if (!rc && a->picture)
		rc = export_picture(img, a->picture, &e);
	if (!rc && a->full)
		rc = export_full(img, a->full, a->compress == IMAGE_CODECS ? image_codec(img) : a->compress, &e);
	image_close(img);
	if (rc)
		msg_error("%s", e.text);
	return rc ? 1 : 0;
}
