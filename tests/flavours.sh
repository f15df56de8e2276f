#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# flavours.sh PROGRAM BUSYBOX DIR: Debian's other kernels, from their first instruction to programs and power off, on one and on
# four vCPUs: the cloud kernel of Debian 12, and the newest backport that apt knows (also of the cloud flavour, for its size).
# Fetched once into DIR. Exits with 77 when apt has none of them. Real-time kernels (-rt) hang on any Xen: docs/manual.md.
[ $# = 3 ] || { echo "usage: $0 PROGRAM BUSYBOX DIR" >&2; exit 1; }
program=$1 busybox=$2 dir=$3 suite=flavours
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
. "$root/script/setup.sh"
. "$root/tests/checks.sh"
mkdir -p "$dir" || exit 1
have_apt && [ "$(dpkg --print-architecture)" = amd64 ] || { echo "no apt here that serves amd64"; exit 77; }

# newest META: the package that META stands for.
newest() {
	apt-cache depends "$1" 2>/dev/null | sed -n 's/^ *Depends: *\(linux-image-[^ ]*\)$/\1/p' | head -n 1
}

backport=$(apt-cache search --names-only '^linux-image-[0-9]+\.[0-9]+-cloud-amd64$' | cut -d' ' -f1 | sort -V | tail -n 1)
kernels=
for meta in linux-image-cloud-amd64 $backport; do
	package=$(newest "$meta")
	[ -n "$package" ] || continue
	if (fetch "$package" "$dir/$package") >"$dir/$package.log" 2>&1; then
		kernels="$kernels $package"
	else
		echo "left out: $package cannot be fetched: $(tail -n 1 "$dir/$package.log")"
	fi
done
[ -n "$kernels" ] || { echo "apt has no linux-image-cloud-amd64"; exit 77; }
make_initrd "$busybox" "$root/tests/boot.d" "$dir/initrd.gz"

# What the guest's init said of WHAT.
marked() {
	tr -d '\r' <"$dir/$1.out" | sed -n "s/.*MARK $2 *//p" | head -n 1
}

boots() { # boots PACKAGE VCPUS
	name=$1.$2
	"$program" -M xenpv -name flavour -m 512 -smp "$2" -kernel "$dir/$1"/boot/vmlinuz-* -initrd "$dir/initrd.gz" \
		-append 'console=hvc0 quiet work=0' -serial "file:$dir/$name.out" -icount sleep=off -timeout 500 \
		</dev/null >"$dir/$name.err" 2>&1
	is "$name: power off" $? 0
	is "$name: userspace" "$(marked "$name" userspace)" x86_64
	is "$name: hypervisor" "$(marked "$name" hypervisor)" 'xen 4.17'
	is "$name: clock source" "$(marked "$name" clocksource)" xen
	is "$name: complaints of the kernel" "$(marked "$name" complaints)" 0
	case $2 in
	1) is "$name: CPUs" "$(marked "$name" cpus)" '1 online 0' ;;
	*) is "$name: CPUs" "$(marked "$name" cpus)" "$2 online 0-$(($2 - 1))" ;;
	esac
	is "$name: end" "$(marked "$name" ending)" poweroff
}

for package in $kernels; do
	boots "$package" 1
	boots "$package" 4
done
finish
