/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line of the vectors, and the comparison with lines recorded before.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "tests/vectors/vectors.h"

#define LINES_MAX 4096u

struct recorded {
	char name[48];
	u64 cases, hash;
	bool seen;
};

struct replay {
	struct recorded *lines; /* NULL: print */
	u32 n, same, differ, unknown;
};

static void usage(FILE *f)
{
	fprintf(f, "usage: vectors [-n cases] [-m machines] [-c FILE]\n"
		   "       vectors [-v vcpus] boot KERNEL [INSTRUCTIONS]\n"
		   "       vectors unpack KERNEL OUT\n"
		   "Prints a line for each instruction and mode: cases, and a hash of the states they end in. They are the same on\n"
		   "every host. -c compares with the lines of FILE instead (-n and -m as when it was made).\n");
}

static void got(void *opaque, const char *name, u64 cases, u64 hash)
{
	struct replay *r = opaque;
	u32 i;

	if (!r->lines) {
		printf("%-24s %8" PRIu64 " %016" PRIx64 "\n", name, cases, hash);
		return;
	}
	for (i = 0; i < r->n && strcmp(r->lines[i].name, name); i++)
		;
	if (i == r->n) {
		r->unknown++;
		printf("%s: not recorded yet\n", name);
		return;
	}
	r->lines[i].seen = true;
	if (r->lines[i].cases == cases && r->lines[i].hash == hash) {
		r->same++;
		return;
	}
	r->differ++;
	printf("%s: recorded %" PRIu64 " %016" PRIx64 ", here %" PRIu64 " %016" PRIx64 "\n", name, r->lines[i].cases,
	       r->lines[i].hash, cases, hash);
}

static bool read_lines(struct replay *r, const char *path)
{
	FILE *f = fopen(path, "r");
	char text[256];

	if (!f)
		return false;
	r->lines = calloc(LINES_MAX, sizeof *r->lines);
	while (r->lines && r->n < LINES_MAX && fgets(text, sizeof text, f)) {
		struct recorded *l = &r->lines[r->n];

		r->n += sscanf(text, "%47s %" SCNu64 " %" SCNx64, l->name, &l->cases, &l->hash) == 3;
	}
	fclose(f);
	return r->lines;
}

int main(int argc, char **argv)
{
	u64 cases = 100, machines = 60;
	struct replay r = { .n = 0 };
	u32 vcpus = 1, i;
	int opt, rc = 0;

	os_start(&argc, &argv);
	while ((opt = getopt(argc, argv, "n:m:c:v:h")) != -1)
		switch (opt) {
		case 'n':
			cases = strtoull(optarg, NULL, 0);
			break;
		case 'm':
			machines = strtoull(optarg, NULL, 0);
			break;
		case 'v':
			vcpus = (u32)strtoul(optarg, NULL, 0);
			break;
		case 'c':
			if (!read_lines(&r, optarg)) {
				fprintf(stderr, "vectors: %s cannot be read; \"vectors >%s\" makes it\n", optarg, optarg);
				return 2;
			}
			break;
		default:
			usage(opt == 'h' ? stdout : stderr);
			return opt == 'h' ? 0 : 2;
		}
	argc -= optind;
	argv += optind;
	if (argc >= 2 && !strcmp(argv[0], "boot")) {
		rc = vectors_boot(argv[1], argc > 2 ? strtoull(argv[2], NULL, 0) : 30000000, vcpus, got, &r);
	} else if (argc == 3 && !strcmp(argv[0], "unpack")) {
		rc = vectors_unpack(argv[1], argv[2]);
	} else if (argc) {
		usage(stderr);
		rc = 2;
	} else {
		vectors_rows(cases, got, &r);
		vectors_modes(machines, got, &r);
	}
	if (r.lines) {
		for (i = 0; !argc && i < r.n; i++)
			if (!r.lines[i].seen) {
				printf("%s: recorded, but there is no such instruction any more\n", r.lines[i].name);
				r.differ++;
			}
		printf("vectors: %u the same, %u not, %u not recorded\n", r.same, r.differ, r.unknown);
		rc = rc || r.differ;
		free(r.lines);
	}
	return rc;
}
