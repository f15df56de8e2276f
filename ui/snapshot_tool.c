/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words of "paravane snapshot", and verify.
 */
#include "ui/snapshot_tool.h"

#include <errno.h>
#include <string.h>

#include "base/nearest.h"
#include "snapshot/image.h"

static int snapshot_verify(const struct snapshot_args *a)
{
	int code = 0, i;

	for (i = 0; i < a->files; i++) {
		struct error e = { "" };
		struct image *img = NULL;
		int rc = image_open(a->file[i], NULL, &img, &e);

		if (!rc)
			rc = image_verify(img, &e);
		if (rc) {
			fprintf(a->out, "%s\n", e.text);
			code = 1;
		} else {
			const struct image *p;
			u32 parents = 0;

			for (p = image_parent(img); p; p = image_parent(p))
				parents++;
			if (parents)
				fprintf(a->out, "%s: good, and so %s %u parent%s\n", a->file[i], parents > 1 ? "are its" : "is its", parents,
					parents > 1 ? "s" : "");
			else
				fprintf(a->out, "%s: good\n", a->file[i]);
		}
		image_close(img);
	}
	return code;
}

struct word {
	const char *name, *args, *help;
	int (*fn)(const struct snapshot_args *a);
	const char *options; /* between blanks */
	int min, max;        /* files */
	int trouble;         /* the exit code of what cannot be done */
};

static const struct word words[] = {
	{ "info", "[--json] FILE...", "what is in a snapshot: its guest, chunks, memory, parents", snapshot_info, " json ", 1, 1 << 20, 1 },
	{ "verify", "FILE...", "read all of it and of its parents, and compare that with its sums", snapshot_verify, " ", 1, 1 << 20, 1 },
	{ "diff", "[-v] A B", "what differs: fields of states, frames of memory; exit code 0 nothing, 1 something, 2 trouble",
	  snapshot_diff, " v ", 2, 2, 2 },
	{ "export", "FILE [--raw OUT] [--elf OUT] [--picture OUT.png] [--full OUT [--compress none|zlib|lz4|zstd]]",
	  "its memory as a flat file or as an ELF core for gdb, the picture of its screen, the same snapshot without parents",
	  snapshot_export, " raw elf picture full compress ", 1, 1, 1 },
};

static void print_help(FILE *out)
{
	size_t i;

	fputs("usage: paravane snapshot WORD ...\n\nLooks at files that savevm and save wrote.\n", out);
	for (i = 0; i < ARRAY_SIZE(words); i++)
		fprintf(out, "\n  %s %s\n      %s\n", words[i].name, words[i].args, words[i].help);
	fputs("\n--help says this.\n", out);
}

static const struct word *find_word(const char *name)
{
	struct nearest n;
	const char *near;
	size_t i;

	nearest_begin(&n, name);
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(name, words[i].name))
			return &words[i];
		nearest_offer(&n, words[i].name);
	}
	near = nearest_word(&n);
	msg_error("snapshot %.80s: there is no such word%s%s%s: there are info, verify, diff and export; snapshot --help explains them", name,
		  near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
	return NULL;
}

static bool take_codec(struct snapshot_args *a, const char *value)
{
	a->compress = image_codec_find(value);
	if (a->compress == IMAGE_CODECS) {
		msg_error("snapshot export --compress %.80s: there is no such way to pack: there are none, zlib, lz4 and zstd", value);
		return false;
	}
	if (image_codec_builtin(a->compress))
		return true;
	msg_error("snapshot export --compress %s: this build has it not: build it with %s", value, image_codec_library(a->compress));
	return false;
}

/* An option of a word; *i is its place. False: something is wrong, which was said. */
static bool take_option(const struct word *w, struct snapshot_args *a, int argc, char **argv, int *i)
{
	static const char *const names[] = { "json", "v", "raw", "elf", "picture", "full", "compress" };
	const char **const files[] = { NULL, NULL, &a->raw, &a->elf, &a->picture, &a->full, NULL };
	const char *name = argv[*i] + (argv[*i][1] == '-' ? 2 : 1);
	char key[20];
	size_t k;

	snprintf(key, sizeof key, " %.16s ", name);
	for (k = 0; k < ARRAY_SIZE(names) && strcmp(name, names[k]); k++)
		;
	if (k == ARRAY_SIZE(names) || !strstr(w->options, key)) {
		msg_error("snapshot %s %.80s: there is no such option: paravane snapshot %s %s", w->name, argv[*i], w->name, w->args);
		return false;
	}
	if (!strcmp(name, "json"))
		a->json = true;
	else if (!strcmp(name, "v"))
		a->verbose = true;
	else if (++*i == argc)
		msg_error("snapshot %s --%s: a value must follow: paravane snapshot %s %s", w->name, name, w->name, w->args);
	else if (files[k])
		*files[k] = argv[*i];
	else
		return take_codec(a, argv[*i]);
	return *i < argc;
}

int snapshot_tool(int argc, char **argv, FILE *out)
{
	struct snapshot_args a = { .out = out, .file = argv, .compress = IMAGE_CODECS };
	const struct word *w;
	bool only_files = false;
	int i, code;

	if (argc < 2) {
		msg_error("snapshot: a word must follow: info, verify, diff or export; snapshot --help explains them");
		return 1;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(out);
		return 0;
	}
	w = find_word(argv[1]);
	if (!w)
		return 1;
	for (i = 2; i < argc; i++) {
		if (!only_files && !strcmp(argv[i], "--"))
			only_files = true;
		else if (only_files || argv[i][0] != '-' || !argv[i][1])
			argv[a.files++] = argv[i];
		else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			print_help(out);
			return 0;
		} else if (!take_option(w, &a, argc, argv, &i))
			return w->trouble;
	}
	if (a.files < w->min || a.files > w->max) {
		msg_error("snapshot %s: it takes %s: paravane snapshot %s %s", w->name,
			  w->max > 2 ? "the names of files" : w->max == 2 ? "the names of two files" : "the name of one file", w->name, w->args);
		return w->trouble;
	}
	code = w->fn(&a);
	if (fflush(out) || ferror(out)) {
		msg_error("standard output cannot be written (%s)", strerror(errno ? errno : EIO));
		return w->trouble;
	}
	return code;
}
