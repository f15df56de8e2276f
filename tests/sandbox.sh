#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# sandbox.sh PROGRAM KERNEL INITRD WORKDIR: Debian's kernel in a process that is confined (-sandbox on): the same run as without,
# with disks, reboots, sockets; what a monitor may then open and what not. That a process cannot do more is tests/unit/ui/test_sandbox.c's.
[ $# = 4 ] || { echo "usage: $0 PROGRAM KERNEL INITRD WORKDIR" >&2; exit 1; }
program=$1 kernel=$2 initrd=$3 suite=sandbox
. "$(dirname "$0")/checks.sh"
rm -rf "$4"
mkdir -p "$4/in" "$4/out" && dir=$(cd "$4" && pwd) || exit 1
if ! "$program" -version | grep -q 'libseccomp .*yes'; then
	"$program" -kernel "$kernel" -timeout 20 -serial null -sandbox on </dev/null >"$dir/out.txt" 2>"$dir/err.txt"
	is 'a build without: exit code' $? 1
	has 'a build without: a sentence' "$dir/err.txt" '-sandbox on: '
	finish
fi

# run NAME APPEND OPTIONS...: its standard input is ours.
run() {
	name=$1 append=$2
	shift 2
	"$program" -M xenpv -name sandbox -m 200 -kernel "$kernel" -initrd "$initrd" -append "console=hvc0 quiet $brief work=0 $append" \
		-icount sleep=off -stats -timeout 600 "$@" >"$dir/$name.out" 2>"$dir/$name.err"
	echo $? >"$dir/$name.rc"
}

state() {
	sed -n -e '/^instructions:/p' -e '/^guest time:/p' -e '/^state hash:/p' "$dir/$1.err" | tr -s ' \n' ' '
}

truncate -s 16M "$dir/a.raw" "$dir/base.raw"
if command -v qemu-img >/dev/null; then
	qemu-img create -q -f qcow2 -b "$dir/base.raw" -F raw "$dir/b.img" 16M
else
	cp "$dir/base.raw" "$dir/b.img"
fi
for sandbox in off on; do
	run $sandbox '' -serial stdio -drive "file=$dir/a.raw,format=raw" -drive "file=$dir/b.img" -sandbox $sandbox </dev/null
	is "$sandbox: power off" "$(cat "$dir/$sandbox.rc")" 0
done
is 'confined it is the same run' "$(state on)" "$(state off | grep . || echo one)"
cmp -s "$dir/off.out" "$dir/on.out"
is 'and the same console' $? 0

# It boots again and again, is asked by a monitor, and ends. What is made lies in in/, and nowhere else.
mkfifo "$dir/fifo"
: >"$dir/again.con"
run again end=reboot -serial "file:$dir/again.con" -monitor stdio -pidfile "$dir/in/pid" -xenstore "unix:$dir/in/store" -vnc "unix:$dir/in/vnc" -snapshot-dir "$dir/kept" \
	-sandbox "on,rw=$dir/in,ro=$dir/base.raw" <"$dir/fifo" &
job=$!
exec 3>"$dir/fifo"
tries=0
until [ "$(grep -c 'MARK userspace' "$dir/again.con" 2>/dev/null)" -ge 2 ] || [ $tries = 1200 ]; do
	tries=$((tries + 1))
	sleep 0.2
done
for c in 'savevm one' "save -c $dir/out/two.snap" 'delvm none' "disk_add file=$dir/base.raw,format=raw,readonly=on,id=one" "disk_add file=$dir/a.raw,format=raw,id=two" 'info block' \
	"pmemsave 0 4096 $dir/in/memory" "pmemsave 0 4096 $dir/out/memory" "screendump $dir/in/a.png" "screendump $dir/out/a.png" \
	'netdev_add socket,id=n0,connect=127.0.0.1:9' 'print 7*6' quit; do
	echo "$c"
done >&3
exec 3>&-
wait $job
is 'it booted again' "$([ "$(grep -c 'MARK userspace' "$dir/again.con")" -ge 2 ] && echo yes)" yes
is 'the monitor: quit' "$(cat "$dir/again.rc")" 0
has 'the monitor: the word before it' "$dir/again.out" 0x2a
has 'the monitor: a disk from ro=' "$dir/again.out" "one: $dir/base.raw"
has 'the monitor: a disk from elsewhere' "$dir/again.out" "drive $dir/a.raw: no permission"
has 'the monitor: memory to elsewhere' "$dir/again.out" "$dir/out/memory: cannot be written (Permission denied)"
has 'the monitor: a picture to elsewhere' "$dir/again.out" "the picture $dir/out/a.png cannot be written (Permission denied)"
is 'the monitor: a snapshot in its folder' "$(ls "$dir/kept")" one.snap
has 'the monitor: a snapshot elsewhere' "$dir/again.out" "$dir/out/two.snap"
has 'the monitor: a network' "$dir/again.out" 'not permitted'
is 'what was made, and what was left' "$(cd "$dir" && find in out -type f -o -type s | LC_ALL=C sort | tr '\n' ' ')" 'in/a.png in/memory '

# refused NAME TEXT OPTIONS...
refused() {
	name=$1 text=$2
	shift 2
	"$program" -kernel "$kernel" -timeout 20 -serial null "$@" </dev/null >"$dir/out.txt" 2>"$dir/err.txt"
	is "$name: exit code" $? 1
	has "$name: sentence" "$dir/err.txt" "$text"
	is "$name: one line" "$(grep -c . "$dir/err.txt")" 1
}
refused 'a folder that is not there' "$dir/none cannot be allowed (No such file" -sandbox "on,rw=$dir/none"
refused 'neither on nor off' 'write on or off' -sandbox maybe
refused 'an unknown word' "'foo' is not known" -sandbox on,foo=deny
refused 'what cannot be allowed' 'spawn= is always deny here' -sandbox on,spawn=allow
finish
