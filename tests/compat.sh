#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# compat.sh PROGRAM KERNEL WORKDIR: 32 bits. A program of 32 bits as the first one of a 64-bit kernel; GRUB's image for 32-bit
# Xen guests (Debian's grub-xen-host): its menu from a disk, a key, a directory, and a 32-bit guest that it loads. $CC makes
# the programs (cc); parts whose tools are not there are left out.
[ $# = 3 ] || { echo "usage: $0 PROGRAM KERNEL WORKDIR" >&2; exit 1; }
program=$1 kernel=$2 dir=$3 suite=compat
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/../script/setup.sh"
busybox=${BUSYBOX:-/bin/busybox}
grub=${GRUB_I386_XEN:-/usr/lib/grub-xen/grub-i386-xen.bin}
mke2fs=$(command -v mke2fs || echo /sbin/mke2fs)
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
flags='-std=gnu11 -O2 -m32 -march=i686 -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none
	-fno-asynchronous-unwind-tables -mgeneral-regs-only -nostdlib -static -no-pie -Wl,--build-id=none'

rm -rf "$dir/tree" "$dir/disk" "$dir/disk.img"
mkdir -p "$dir/tree" "$dir/disk/boot/grub"
# shellcheck disable=SC2086
if ! ${CC:-cc} $flags -o "$dir/tree/init" "$here/compat.d/init.c" 2>"$dir/cc.err"; then
	echo "compat: ${CC:-cc} makes no 32-bit programs: skipped"
	exit 0
fi

if [ -x "$busybox" ]; then
	make_initrd "$busybox" "$dir/tree" "$dir/initrd.gz"
	"$program" -M xenpv -name compat -m 200 -kernel "$kernel" -initrd "$dir/initrd.gz" -append "console=hvc0 quiet $brief" \
		-serial stdio -timeout 600 -icount sleep=off </dev/null >"$dir/linux.out" 2>"$dir/linux.err"
	for what in vdso int80 fast many tls sigaction signal ldt based offset fork end; do
		has "32-bit program: $what" "$dir/linux.out" "MARK $what"
	done
	is '32-bit program: nothing is wrong' "$(grep -c 'MARK.*wrong' "$dir/linux.out")" 0
else
	echo "compat: no $busybox: no 32-bit program under Linux"
fi

if [ ! -f "$grub" ] || [ ! -x "$mke2fs" ]; then
	echo "compat: no $grub or no mke2fs: GRUB is left out"
	finish
fi
# shellcheck disable=SC2086
${CC:-cc} $flags -I"$here/.." -Wl,-z,max-page-size=4096 -Wl,-T,"$here/guests/compat/guest.lds" -o "$dir/disk/guest.elf" \
	"$here/guests/compat/start.S" "$here/guests/compat/calls32.c" "$here/guests/compat/lib.c" 2>"$dir/cc.err" ||
	fail 'the guest is made'
cat >"$dir/disk/boot/grub/grub.cfg" <<'EOF'
set timeout=-1
menuentry "The first entry" {
	linux /guest.elf from=grub
	boot
}
menuentry "The second entry" {
	cat /hello.txt
	ls (xen/xvda)/
	halt
}
EOF
echo hello-from-the-disk >"$dir/disk/hello.txt"
truncate -s 16M "$dir/disk.img"
"$mke2fs" -q -t ext4 -d "$dir/disk" "$dir/disk.img" || fail 'a file system is made'

# grub NAME KEYS: presses keys when the menu is there, to the end of the guest.
grub() {
	rm -f "$dir/keys"
	mkfifo "$dir/keys"
	"$program" -M xenpv -name grub -m 96 -kernel "$grub" -hda "$dir/disk.img" -serial stdio -timeout 300 <"$dir/keys" \
		>"$dir/$1.out" 2>"$dir/$1.err" &
	pid=$!
	exec 3>"$dir/keys"
	until grep -q 'The second entry' "$dir/$1.out" || ! kill -0 $pid 2>/dev/null; do
		sleep 1
	done
	sleep 1
	# shellcheck disable=SC2059
	printf "$2" >&3
	wait $pid
	code=$?
	exec 3>&-
}

grub second '\033[B\r'
has 'GRUB: its menu' "$dir/second.out" 'The first entry'
has 'GRUB: a file of the disk' "$dir/second.out" 'hello-from-the-disk'
has 'GRUB: a directory of the disk' "$dir/second.out" 'lost+found/'
is 'GRUB: halt' "$code" 0
grub first '\r'
has 'GRUB: a guest it loads' "$dir/first.out" 'RESULT passed'
is 'GRUB: ... whose checks are right' "$(sed -n 's/^RESULT passed [0-9]* failed \([0-9]*\).*/\1/p' "$dir/first.out")" 0
is 'GRUB: ... which powers off' "$code" 0
finish
