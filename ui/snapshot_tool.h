/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "paravane snapshot WORD ...": looks at files of snapshots, without a guest. docs/manual.md, "Files of snapshots".
 */
#ifndef UI_SNAPSHOT_TOOL_H
#define UI_SNAPSHOT_TOOL_H

#include <stdio.h>

#include "snapshot/codec.h"

/* argv[0] is "snapshot". An exit code; what went wrong was said on standard error. */
int snapshot_tool(int argc, char **argv, FILE *out);

/* ---- its words, each with an exit code ---- */

struct snapshot_args {
	FILE *out;
	char **file;
	int files;
	bool json, verbose;
	const char *raw, *elf, *picture, *full; /* of export; NULL: not wanted */
	enum image_codec compress;              /* IMAGE_CODECS: as the file is */
};

int snapshot_info(const struct snapshot_args *a);
int snapshot_diff(const struct snapshot_args *a);
int snapshot_export(const struct snapshot_args *a);

#endif
