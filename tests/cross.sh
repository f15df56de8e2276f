#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The core on other hosts: built with Debian's cross compilers and libc alone, run under qemu-user. Vectors, the first
# instructions of a kernel and the unit tests must end there as they do here. What cannot be run is named and counted as
# neither. Ends with "cross: N passed, N failed".
#   cross.sh VECTORS [HOST...]      VECTORS: the native build's program; HOST: aarch64 s390x i686
#   CROSS_DIR (./cross)  where to build        PARAVANE_TEST_KERNEL (/boot/vmlinuz-*-amd64)  the kernel
#   JOBS (2)             of make               CROSS_UNIT=no  leaves the unit tests out
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
[ $# -ge 1 ] && [ -x "$1" ] || {
	echo "cross.sh: the first argument is the native program 'vectors'; \"make check-cross\" gives it" >&2
	exit 2
}
native=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
[ $# -gt 0 ] || set -- aarch64 s390x i686
out=${CROSS_DIR:-cross}
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
passed=0 failed=0

said() { # said STATUS WHAT [LOG]
	if [ "$1" = 0 ]; then
		passed=$((passed + 1))
		echo "ok    $2"
	else
		failed=$((failed + 1))
		echo "FAIL  $2${3:+: $3}"
		[ -z "${3:-}" ] || grep -a -E 'error|recorded|vectors:|^FAIL|:F:' "$3" | head -n 20
	fi
}

# Where libraries are missing, only the unpacked kernel can be read.
kernel=${PARAVANE_TEST_KERNEL:-}
[ -n "$kernel" ] || for kernel in /boot/vmlinuz-*-amd64; do break; done
boots() { # boots COMMAND...: the lines of two boots
	"$@" boot "$out/vmlinux" 100000000 && "$@" -v 2 boot "$out/vmlinux" 60000000
}
if [ -f "$kernel" ]; then
	"$native" unpack "$kernel" "$out/vmlinux" && boots "$native" >"$out/boot.here"
	said $? 'kernel, here'
else
	echo "skip  the kernel: none at $kernel (Debian package: linux-image-amd64, or set PARAVANE_TEST_KERNEL)"
	kernel=
fi
"$native" >"$out/vectors.here"
said $? "vectors, here ($(wc -l <"$out/vectors.here") groups)"

host() {
	a=$1 d=$out/$1
	case $a in
	aarch64) emu=qemu-aarch64 packages='gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user' ;;
	s390x) emu=qemu-s390x packages='gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user' ;;
	i686) emu=qemu-i386 packages='gcc-i686-linux-gnu libc6-dev-i386-cross qemu-user' ;;
	*) emu=qemu-$a packages="gcc-$a-linux-gnu qemu-user" ;;
	esac
	for p in "$a-linux-gnu-gcc" $emu; do
		command -v "$p" >/dev/null && continue
		echo "skip  $a: there is no $p (Debian packages: $packages)"
		return
	done
	mkdir -p "$d" || return
	(
		cd "$d" || exit
		[ -f config.status ] && [ config.status -nt "$root/configure" ] ||
			"$root/configure" --host="$a-linux-gnu" --enable-werror CFLAGS=-O2 LDFLAGS=-static GUEST_CC=no --without-zlib --without-bz2 \
				--without-lzma --without-lzo --without-lz4 --without-zstd --without-zydis --without-check || exit
		make -j "${JOBS:-2}" all obj/release/vectors
	) >"$d.build" 2>&1
	built=$?
	said $built "$a: builds with libc alone" "$d.build"
	[ $built = 0 ] || return
	$emu "$d/obj/release/vectors" -c "$out/vectors.here" >"$d.vectors" 2>&1
	said $? "$a: vectors, $(tail -n 1 "$d.vectors")" "$d.vectors"
	if [ -n "$kernel" ]; then
		boots "$emu" "$d/obj/release/vectors" >"$d.boot" 2>&1 && cmp -s "$out/boot.here" "$d.boot"
		said $? "$a: a kernel's first 100 million instructions, and 60 million on two vCPUs" "$d.boot"
	fi
	[ "${CROSS_UNIT:-yes}" != no ] || return
	# No libcheck for that host is needed: ours has its interface.
	(
		cd "$d" || exit
		"$a-linux-gnu-gcc" -std=gnu11 -O1 -c -o nocheck.o "$root/tests/vectors/nocheck/check.c" &&
			make -j "${JOBS:-2}" tests/check CHECK_CFLAGS="-I$root/tests/vectors/nocheck" CHECK_LIBS=nocheck.o
	) >"$d.unit" 2>&1
	said $? "$a: unit tests build" "$d.unit"
	[ -x "$d/tests/check" ] || return
	# What is slow there and says nothing of the host: boots (above), and what starts programs.
	suites=$(cd "$d" && $emu tests/check -l | grep -v -x -E 'boot|chardev|terminal|options')
	# shellcheck disable=SC2086
	(cd "$d" && CK_FORK=no srcdir=$root timeout 900 $emu tests/check $suites) >"$d.unit" 2>&1
	said $? "$a: unit tests, $(tail -n 1 "$d.unit")" "$d.unit"
}

for h; do
	host "$h"
done
echo "cross: $passed passed, $failed failed"
[ "$failed" = 0 ]
