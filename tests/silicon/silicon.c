/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line of the differential tester.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/silicon/record.h"
#include "tests/silicon/silicon.h"

static void usage(FILE *f)
{
	fprintf(f, "usage: silicon [-n cases] [-s seed] [-i first] [-r mnemonic-or-row] [-x \"bytes\"] [-k shown] [-f file] [-w file] [-q] [-u] [-t] [-v]\n"
		   "Runs random instructions on this processor and in the emulator's core, and compares.\n"
		   "  -q  sequences of instructions that run as blocks, instead of single ones\n"
		   "  -u  bytes that are no instruction to us: what the host makes of them\n"
		   "  -t  prints docs/instructions.md\n"
		   "  -f  FILE: replays recorded cases in our core alone: of tests/silicon/recorded, or lines that -n printed\n"
		   "  -w  FILE: writes records of what this host answers: where the vendors differ, and every 1000th case\n"
		   "  -x  just these bytes (hexadecimal), with the state of case -i of seed -s\n");
}

static int replay_recorded(const char *path, u32 show)
{
	struct replay_totals t;

	if (replay_file(path, show, stdout, &t)) {
		fprintf(stderr, "silicon: %s cannot be read\n", path);
		return 2;
	}
	printf("%llu recorded cases, %llu differences, %llu that cannot be made again\n", (unsigned long long)t.cases,
	       (unsigned long long)t.differences, (unsigned long long)t.unmade);
	return t.differences || t.unmade;
}

int main(int argc, char **argv)
{
	struct sil_options o = { .cases = 1000000, .seed = 1, .show = 3 };
	struct sil_totals t;
	struct timespec a, b;
	u8 bytes[16];
	bool n_given = false;
	const char *replay = NULL;
	int opt;

	while ((opt = getopt(argc, argv, "n:s:i:r:x:k:f:w:qutvh")) != -1) {
		char *p = optarg;

		switch (opt) {
		case 'n':
			o.cases = strtoull(optarg, NULL, 0);
			n_given = true;
			break;
		case 's':
			o.seed = strtoull(optarg, NULL, 0);
			break;
		case 'i':
			o.first = strtoull(optarg, NULL, 0);
			break;
		case 'r':
			o.row = optarg;
			break;
		case 'k':
			o.show = (u32)strtoul(optarg, NULL, 0);
			break;
		case 'x':
			for (o.nbytes = 0; *p && o.nbytes < 15; o.nbytes++) {
				char *end;

				bytes[o.nbytes] = (u8)strtoul(p, &end, 16);
				if (end == p)
					break;
				p = end;
			}
			o.bytes = bytes;
			break;
		case 'f':
			replay = optarg;
			break;
		case 'w':
			o.record = fopen(optarg, "w");
			if (!o.record) {
				fprintf(stderr, "silicon: %s cannot be written\n", optarg);
				return 2;
			}
			break;
		case 'q':
			o.sequences = true;
			break;
		case 'u':
			o.undefined = true;
			break;
		case 't':
			silicon_table(stdout);
			return 0;
		case 'v':
			o.verbose = true;
			break;
		default:
			usage(opt == 'h' ? stdout : stderr);
			return opt == 'h' ? 0 : 2;
		}
	}
	if (replay)
		return replay_recorded(replay, o.show);
	if (o.bytes && !n_given)
		o.cases = 1;
	clock_gettime(CLOCK_MONOTONIC, &a);
	if (silicon_run(&o, stdout, &t)) {
		fprintf(stderr, "silicon: this host cannot run x86-64 instructions of a test; it takes x86-64 Linux\n");
		return 77;
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (t.cases > 1000)
		printf("%.0f cases a second\n",
		       (double)t.cases / ((double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9));
	return t.differences ? 1 : 0;
}
