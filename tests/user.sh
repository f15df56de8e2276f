#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# user.sh PROGRAM KERNEL WORKDIR: what a 64-bit program sees of the processor under Debian's kernel: single steps, breakpoints,
# flags, segments, floating point, ports (user.d/init.c). Alone, with several vCPUs, and on a lesser processor. $CC makes it (cc).
[ $# = 3 ] || { echo "usage: $0 PROGRAM KERNEL WORKDIR" >&2; exit 1; }
program=$1 kernel=$2 dir=$3 suite=user
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/../script/setup.sh"
busybox=${BUSYBOX:-/bin/busybox}
rm -rf "$dir/tree"
mkdir -p "$dir/tree"
dir=$(cd "$dir" && pwd)

# Its inline assembly pushes, and its addresses are of 32 bits.
if ! ${CC:-cc} -std=gnu11 -O2 -static -no-pie -fno-pie -mno-red-zone -fcf-protection=none -o "$dir/tree/init" "$here/user.d/init.c" \
	2>"$dir/cc.err" || [ ! -x "$busybox" ]; then
	echo "user: ${CC:-cc} makes no static programs, or there is no $busybox: skipped"
	exit 0
fi
make_initrd "$busybox" "$dir/tree" "$dir/initrd.gz"

# run NAME OPTIONS...
run() {
	name=$1
	shift
	"$program" -M xenpv -name user -m 200 -kernel "$kernel" -initrd "$dir/initrd.gz" -append "console=hvc0 quiet $brief" -serial stdio \
		-timeout 600 -icount sleep=off "$@" </dev/null >"$dir/$name.out" 2>"$dir/$name.err"
	is "$name: what is right" "$(grep -c 'MARK .* right' "$dir/$name.out")" 48
	is "$name: what is wrong" "$(sed -n 's/.*MARK \(.*\) wrong.*/\1/p' "$dir/$name.out" | tr '\n' ' ')" ''
	has "$name: its end" "$dir/$name.out" 'MARK end right'
}

run max
run smp -smp 2
run v2 -cpu x86-64-v2
finish
