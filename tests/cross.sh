#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The core on other hosts: built with Debian's cross compilers, or for another C library, with that library alone. It runs
# natively where this kernel can, else under qemu-user. Vectors, the first instructions of a kernel, the unit tests and whole
# boots of Debian must end there as they do here. What cannot be run is named and counted as neither. Ends with
# "cross: N passed, N failed".
#   cross.sh VECTORS [HOST...]      VECTORS: the native build's program; HOST: aarch64 s390x i686 armhf musl
#   CROSS_DIR (./cross)  where to build        PARAVANE_TEST_KERNEL (/boot/vmlinuz-*-amd64)  the kernel
#   JOBS (2)             of make               PARAVANE, BUSYBOX     the native program and a static busybox, for whole boots
#   CROSS_SLOW=no        leaves out what takes minutes: unit tests, most cases of the vectors, whole boots under qemu-user and with one vCPU
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
[ $# -ge 1 ] && [ -x "$1" ] || {
	echo "cross.sh: the first argument is the native program 'vectors'; \"make check-cross\" gives it" >&2
	exit 2
}
native=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
[ $# -gt 0 ] || set -- aarch64 s390x i686 armhf musl
out=${CROSS_DIR:-cross}
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
. "$root/tests/checks.sh"
cases='' vcpus='1 4'
if [ "${CROSS_SLOW:-yes}" = no ]; then
	cases='-n 32 -m 8' vcpus=4
else
	brief=
fi

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
# shellcheck disable=SC2086
"$native" $cases >"$out/vectors.here"
said $? "vectors, here ($(wc -l <"$out/vectors.here") groups)"

# whole NAME VCPUS COMMAND...: Debian from its first instruction to power off. NAME.run has what must be the same everywhere.
whole() {
	n=$1 smp=$2
	shift 2
	"$@" -M xenpv -name whole -m 512 -smp "$smp" -kernel "$out/vmlinux" -initrd "$out/initrd.gz" \
		-append "console=hvc0 quiet $brief work=0" -serial "file:$n.console" -icount sleep=off -stats -timeout 3000 \
		</dev/null >"$n.log" 2>&1 || return
	grep -a -E '^(instructions|guest time|state hash):' "$n.log" >"$n.run" && tr -d '\r' <"$n.console" >>"$n.run" &&
		grep -q -a 'MARK ending poweroff' "$n.run"
}
whole_boots=no
if [ -n "$kernel" ] && [ -x "${PARAVANE:-}" ] && [ -x "${BUSYBOX:-}" ]; then
	# shellcheck source=script/setup.sh
	. "$root/script/setup.sh"
	make_initrd "$BUSYBOX" "$root/tests/boot.d" "$out/initrd.gz"
	for v in $vcpus; do
		whole "$out/whole$v" "$v" "$PARAVANE"
		said $? "Debian to power off, here, vCPUs: $v" "$out/whole$v.log"
	done
	whole_boots=yes
else
	echo "skip  whole boots: they want a kernel, PARAVANE (make gives it) and BUSYBOX (Debian package: busybox-static)"
fi

host() {
	a=$1 d=$out/$1 triple=$1-linux-gnu emu=qemu-$1 optimize=-O1
	case $a in
	aarch64) packages='gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user' ;;
	s390x) packages='gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user' ;;
	i686) emu=qemu-i386 packages='gcc-i686-linux-gnu libc6-dev-i386-cross qemu-user' ;;
	armhf) triple=arm-linux-gnueabihf emu=qemu-arm packages='gcc-arm-linux-gnueabihf libc6-dev-armhf-cross qemu-user' ;;
	musl)
		# 64-bit, for this kernel: quick enough to be the one without optimisation, whose handlers return to a loop.
		triple='' emu=none packages=musl-tools optimize=-O0
		;;
	*) packages="gcc-$a-linux-gnu qemu-user" ;;
	esac
	compiler=${triple:+$triple-gcc}
	compiler=${compiler:-$a-gcc}
	command -v "$compiler" >/dev/null || {
		echo "skip  $a: there is no $compiler (Debian packages: $packages)"
		return
	}
	mkdir -p "$d" || return
	(
		cd "$d" || exit
		[ -f config.status ] && [ config.status -nt "$root/configure" ] ||
			"$root/configure" ${triple:+"--host=$triple"} CC="$compiler" --enable-werror CFLAGS=$optimize LDFLAGS=-static \
				GUEST_CC=no --without-zlib --without-bz2 --without-lzma --without-lzo --without-lz4 --without-zstd --without-zydis \
				--without-nbd --without-seccomp --without-slirp --without-vterm --without-sdl2 --without-vncserver --without-check || exit
		make -j "${JOBS:-2}" all obj/release/vectors
	) >"$d.build" 2>&1
	built=$?
	said $built "$a: builds with libc alone" "$d.build"
	[ $built = 0 ] || return
	how=$emu
	if "$d/paravane" -version >/dev/null 2>&1; then
		emu='' how=natively
	elif ! command -v "$emu" >/dev/null; then
		echo "skip  $a, what would run: there is no $emu (Debian package: qemu-user)"
		return
	fi
	# shellcheck disable=SC2086
	$emu "$d/obj/release/vectors" $cases -c "$out/vectors.here" >"$d.vectors" 2>&1
	said $? "$a, $how: vectors, $(tail -n 1 "$d.vectors")" "$d.vectors"
	if [ -n "$kernel" ]; then
		# shellcheck disable=SC2086
		boots $emu "$d/obj/release/vectors" >"$d.boot" 2>&1 && cmp -s "$out/boot.here" "$d.boot"
		said $? "$a, $how: a kernel's first 100 million instructions, and 60 million on two vCPUs" "$d.boot"
	fi
	if [ $whole_boots = yes ] && { [ -z "$emu" ] || [ "${CROSS_SLOW:-yes}" != no ]; }; then
		for v in $vcpus; do
			# shellcheck disable=SC2086
			whole "$d.whole$v" "$v" $emu "$d/paravane" && cmp -s "$out/whole$v.run" "$d.whole$v.run"
			said $? "$a, $how: Debian to power off, vCPUs: $v, $(sed -n 's/^state hash: */state hash /p' "$d.whole$v.log")" \
				"$d.whole$v.log"
		done
	fi
	[ "${CROSS_SLOW:-yes}" != no ] || return
	# No libcheck for that host is needed: ours has its interface.
	(
		cd "$d" || exit
		"$compiler" -std=gnu11 -O1 -c -o nocheck.o "$root/tests/vectors/nocheck/check.c" &&
			make -j "${JOBS:-2}" tests/check CHECK_CFLAGS="-I$root/tests/vectors/nocheck" CHECK_LIBS=nocheck.o
	) >"$d.unit" 2>&1
	said $? "$a: unit tests build" "$d.unit"
	[ -x "$d/tests/check" ] || return
	# What is slow there and says nothing of the host: boots (above), and what starts programs.
	suites=$(cd "$d" && $emu tests/check -l | grep -v -x -E 'boot|chardev|terminal|options')
	# shellcheck disable=SC2086
	(cd "$d" && CK_FORK=no srcdir=$root timeout 1800 $emu tests/check $suites) >"$d.unit" 2>&1
	said $? "$a, $how: unit tests, $(tail -n 1 "$d.unit")" "$d.unit"
}

for h; do
	host "$h"
done
echo "cross: $passed passed, $failed failed"
[ "$failed" = 0 ]
