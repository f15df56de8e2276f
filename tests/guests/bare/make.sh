#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Assembles the bare-metal guests with the host's gas and writes them as C arrays into blobs.h, runs of equal bytes
# shortened. Needs gcc and binutils for x86; blobs.h is kept in the tree so that every host can run the guests.
set -e
cd "$(dirname "$0")"
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
{
	echo '/* SPDX-License-Identifier: GPL-2.0-or-later */'
	echo '/* Made by tests/guests/bare/make.sh from the .S files beside it: { offset, length, bytes... }, end with length 0. */'
	for f in *.S; do
		n=${f%.S}
		gcc -m64 -c -x assembler-with-cpp -I. -o "$t/$n.o" "$f"
		ld -m elf_x86_64 -Ttext 0 -e 0 -o "$t/$n.elf" "$t/$n.o"
		objcopy -O binary -j .text "$t/$n.elf" "$t/$n.bin"
		echo "static const u16 blob_$n[] = {"
		od -An -v -tu1 -w1 "$t/$n.bin" | awk '
			{ b[NR - 1] = $1 + 0 }
			function flush(from, to,  i) {
				if (to <= from) return
				printf "\t%d, %d,", from, to - from
				for (i = from; i < to; i++) { if ((i - from) % 24 == 0) printf "\n\t"; printf "%d,", b[i] }
				printf "\n"
			}
			END {
				start = -1; zeros = 0
				for (i = 0; i < NR; i++) {
					if (b[i] != 0) { if (start < 0) start = i; zeros = 0 }
					else if (start >= 0 && ++zeros == 16) { flush(start, i - 15); start = -1; zeros = 0 }
				}
				if (start >= 0) flush(start, NR)
				print "\t0, 0"
			}'
		echo '};'
	done
} >"$t/blobs.h"
mv "$t/blobs.h" blobs.h
