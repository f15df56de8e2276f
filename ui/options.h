/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line: QEMU's options into a node tree that defines the guest, and a struct for what concerns the host.
 */
#ifndef UI_OPTIONS_H
#define UI_OPTIONS_H

#include <stdio.h>

#include "base/log.h"
#include "base/node.h"
#include "base/types.h"
#include "guest/words.h"
#include "snapshot/codec.h"

#define OPTIONS_MAX_MONITORS 7u /* one more is behind Ctrl-A c of the console */

struct options {
	struct node *tree;  /* the root */
	struct node *guest; /* /guests/NAME in it (guest/nodes.h) */
	struct log_choice log; /* -d */
	struct log_range log_range[LOG_RANGES]; /* -dfilter */
	u32 log_ranges;
	char *log_file;     /* NULL: stderr */
	u64 timeout_ns;     /* host time; 0: none */
	u64 tb_bytes;       /* cache of decoded code; 0: the default */
	bool idle_sleep;    /* -icount sleep= */
	bool stopped;       /* -S */
	bool daemonize;
	char *pidfile;      /* NULL: none */
	char *loadvm;       /* a tag; NULL: none */
	enum image_codec snapshot_codec; /* how snapshots are packed */
	char *incoming;     /* as it was given; NULL: none */
	char *snapshot_dir; /* NULL: the default */
	u64 autosave_ns;    /* host time from one snapshot to the next; 0: none */
	u32 autosave_keep;
	struct node *sandbox; /* -sandbox: flag on; path0, path1, ... with ro or rw (str), a file or folder. NULL: not given */
	bool singlestep, stats, progress;
	/* Only while parsing. */
	char *name;
	FILE *out;
	struct node *chardevs; /* a property for each -chardev that nobody has named yet: its id, and the spec */
	u32 nserial, nmonitors;
	bool dumpdts, nographic, rtc;
};

enum options_result { OPTIONS_RUN = 0, OPTIONS_DONE = 1 };

struct option_row {
	const char *name, *arg, *group, *help;
	int (*handle)(struct options *o, const struct option_row *row, const char *value, struct error *e);
};
/* Ends with a NULL name. */
extern const struct option_row option_rows[];

/*
 * Parses argv[1..]. OPTIONS_RUN; OPTIONS_DONE when help, a list or the version was printed to out; or -errno with a
 * sentence in e. options_free() in each case.
 */
int options_parse(struct options *o, int argc, char **argv, FILE *out, struct error *e);
void options_free(struct options *o);

/* How options spell what sentences about a guest advise. */
extern const struct guest_words options_words;

/* The device of the guest's monitor number i; NULL: it has no more. */
const char *options_monitor(const struct node *guest, u32 i);

/* The name in the table that a mistyped one is nearest to, or NULL when none is near. */
const char *options_nearest(const char *name);

/* Texts of -h and -version. */
void options_print_help(FILE *out);
void options_print_version(FILE *out);

#endif
