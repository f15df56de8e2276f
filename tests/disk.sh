#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# disk.sh PROGRAM KERNEL WORKDIR: Debian's xen-blkfront on disks of all kinds: what it writes is there, also for qemu-img (if
# there is one), after a reboot and after SIGKILL; what it must not write is not; and disks that will not do. The kernel's modules
# are looked for beside it, as the package has them; $BUSYBOX is a static busybox (/bin/busybox).
[ $# = 3 ] || { echo "usage: $0 PROGRAM KERNEL WORKDIR" >&2; exit 1; }
program=$1 kernel=$2 dir=$3 suite=disk
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/../script/setup.sh"
busybox=${BUSYBOX:-/bin/busybox}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
version=$(basename "$kernel" | sed 's/^vmlinuz-//')
modules=$(cd "$(dirname "$kernel")/.." && pwd)/lib/modules/$version/kernel
if [ ! -f "$modules/drivers/block/xen-blkfront.ko" ] || [ ! -x "$busybox" ]; then
	echo "disk: no modules of the kernel in $modules, or no $busybox: skipped"
	exit 0
fi

rm -rf "$dir/tree"
mkdir -p "$dir/tree/lib" "$dir/tree/mnt"
cp "$here/disk.d/init" "$dir/tree/"
kernel_modules "$kernel" "$dir/tree/lib/" lib/crc16 crypto/crc32c_generic fs/mbcache fs/jbd2/jbd2 fs/ext4/ext4 drivers/block/xen-blkfront
make_initrd "$busybox" "$dir/tree" "$dir/initrd.gz"

# run NAME DO OPTIONS...: a guest to its end.
run() {
	name=$1 what=$2
	shift 2
	"$program" -M xenpv -name disk -m 200 -kernel "$kernel" -initrd "$dir/initrd.gz" -append "console=hvc0 quiet $brief do=$what" \
		-serial stdio -timeout 600 -icount sleep=off -stats "$@" </dev/null >"$dir/$name.out" 2>"$dir/$name.err"
	code=$?
	tr -d '\r' <"$dir/$name.out" | grep -a '^MARK' >"$dir/$name.marks"
	return $code
}

# mark NAME WORDS: what the guest said after these words.
mark() {
	sed -n "s/^MARK $2 //p" "$dir/$1.marks" | head -n 1
}

# head_sum FILE KIB
head_sum() {
	head -c "$(($2 * 1024))" "$1" | md5sum | cut -c1-32
}

img=
if command -v qemu-img >/dev/null 2>&1; then img=1; fi

# Disks of all kinds. $1: a suffix.
make_disks() {
	truncate -s 16M "$dir/a$1.raw" "$dir/d$1.raw"
	if [ -n "$img" ]; then
		qemu-img create -q -f qcow2 "$dir/b$1.qcow2" 16M
		head -c 8388608 "$kernel" >"$dir/base$1.raw"
		qemu-img create -q -f qcow2 -b "base$1.raw" -F raw "$dir/c$1.qcow2" 16M
	else
		truncate -s 16M "$dir/b$1.qcow2" "$dir/c$1.qcow2"
	fi
	format=raw
	[ -z "$img" ] || format=qcow2
}

# write_run SUFFIX: a guest that writes to all four.
write_run() {
	run "write$1" write -drive "file=$dir/a$1.raw,format=raw" -drive "file=$dir/b$1.qcow2,format=$format,cache=unsafe" \
		-drive "file=$dir/c$1.qcow2,format=$format" -drive "file=$dir/d$1.raw,format=raw,id=files,cache=writethrough"
	echo $? >"$dir/write$1.code"
}

rm -f "$dir"/*.raw "$dir"/*.qcow2
make_disks 1
make_disks 2
base_sum=$(md5sum 2>/dev/null <"$dir/base1.raw")
write_run 2 &
other=$!
write_run 1
wait $other
is 'writing ends well' "$(cat "$dir/write1.code")" 0
is 'four disks' "$(mark write1 disks)" 'xvda:16384 xvdb:16384 xvdc:16384 xvdd:16384 '
is 'no complaints' "$(mark write1 complaints)" 0
is 'queue' "$(mark write1 queue)" 'write back 4096 0 '
data=$(mark write1 data)
for d in xvda xvdb xvdc; do
	is "$d reads what was written" "$(mark write1 "$d whole")" "$data"
done
pieces=$(mark write1 'xvda pieces')
is 'pieces: qcow2 as raw' "$(mark write1 'xvdb pieces')" "$pieces"
is 'pieces: over a backing file' "$(mark write1 'xvdc pieces')" "$pieces"
is 'a file' "$(mark write1 file)" "$data"
is 'a file, mounted again' "$(mark write1 'file again')" "$data"
is 'raw on the host' "$(head_sum "$dir/a1.raw" 6144)" "$pieces"
is 'twice the same' "$(grep -E '^(instructions|guest time|state hash)' "$dir/write1.err")" \
	"$(grep -E '^(instructions|guest time|state hash)' "$dir/write2.err")"
is 'and there is something to compare' "$(grep -cE '^(instructions|guest time|state hash)' "$dir/write1.err")" 3
if [ -n "$img" ]; then
	for d in b1 c1; do
		qemu-img check -q "$dir/$d.qcow2" >"$dir/check" 2>&1
		is "$d: qemu-img check" "$?$(cat "$dir/check")" 0
		qemu-img convert -O raw "$dir/$d.qcow2" "$dir/$d.plain"
		is "$d on the host" "$(head_sum "$dir/$d.plain" 6144)" "$pieces"
		rm -f "$dir/$d.plain"
	done
	qemu-img compare -q -f qcow2 -F raw "$dir/b1.qcow2" "$dir/a1.raw" >"$dir/compare" 2>&1
	is 'qemu-img compare' "$?$(cat "$dir/compare")" 0
	is 'the backing file is as it was' "$(md5sum <"$dir/base1.raw")" "$base_sum"
fi
if command -v e2fsck >/dev/null 2>&1; then
	e2fsck -fn "$dir/d1.raw" >"$dir/fsck" 2>&1
	is 'e2fsck' $? 0
fi

# What must not be written: -snapshot of two, one read-only.
before=$(cat "$dir/a1.raw" "$dir/b1.qcow2" "$dir/d1.raw" | sha256sum)
run keep read -hda "$dir/a1.raw" -drive "file=$dir/b1.qcow2,format=$format" -drive "file=$dir/d1.raw,format=raw,readonly=on" \
	-snapshot &
keep=$!

# Written, rebooted, read, written, synced, killed.
truncate -s 4M "$dir/e.raw"
[ -z "$img" ] || qemu-img create -q -f qcow2 "$dir/e.raw" 4M
"$program" -M xenpv -m 200 -kernel "$kernel" -initrd "$dir/initrd.gz" -append "console=hvc0 quiet $brief do=twice" -serial stdio \
	-timeout 600 -icount sleep=off -drive "file=$dir/e.raw,format=$format" </dev/null >"$dir/twice.out" 2>"$dir/twice.err" &
pid=$!
tries=0
while [ $tries -lt 600 ] && ! grep -qa 'MARK synced' "$dir/twice.out" && kill -0 $pid 2>/dev/null; do
	tries=$((tries + 1))
	sleep 0.1
done
sleep 0.3
kill -KILL $pid
wait $pid 2>/dev/null
tr -d '\r' <"$dir/twice.out" | grep -a '^MARK' >"$dir/twice.marks"
is 'a reboot keeps data' "$(mark twice second)" "$(mark twice first)"
if [ -n "$img" ]; then
	# Clusters that nobody uses are all that may be wrong.
	qemu-img check -q "$dir/e.raw" >"$dir/check" 2>&1
	code=$?
	case $code in 0 | 3) pass 'check after SIGKILL' ;; *) fail "qemu-img check after SIGKILL: $code" ;; esac
	qemu-img convert -U -O raw "$dir/e.raw" "$dir/e.plain"
else
	cp "$dir/e.raw" "$dir/e.plain"
fi
is 'synced data outlives SIGKILL' "$(head_sum "$dir/e.plain" 1024)" "$(mark twice synced)"
is 'and there is some' "$(mark twice synced | wc -c)" 33

wait $keep
is '-snapshot, readonly: nothing changed' "$(cat "$dir/a1.raw" "$dir/b1.qcow2" "$dir/d1.raw" | sha256sum)" "$before"
is 'snapshot: the guest read it' "$(mark keep 'xvda before')" "$(head_sum "$dir/a1.raw" 1024)"
is 'snapshot: the guest wrote' "$(mark keep 'xvda after')" "$(head -c 1048576 /dev/zero | md5sum | cut -c1-32)"
is 'snapshot of qcow2: the guest wrote' "$(mark keep 'xvdb after')" "$(mark keep 'xvda after')"
is 'readonly: the guest knows' "$(mark keep 'xvda ro')$(mark keep 'xvdc ro')" 01
is 'readonly: the guest did not write' "$(mark keep 'xvdc after')" "$(mark keep 'xvdc before')"

# The host loses a flush: the guest is told of that one, though xen-blkfront would rather not, and of each write from then on.
if [ "$(uname -s)" = Linux ] && ${CC:-cc} -shared -fPIC -o "$dir/faulty.so" "$here/disk.d/faulty.c" 2>/dev/null; then
	truncate -s 4M "$dir/f.raw"
	LD_PRELOAD="$dir/faulty.so" run flush flush -drive "file=$dir/f.raw,format=raw"
	is 'a lost flush: what the guest was told' "$(mark flush flushes)" '0 0 1 1 1 '
	has 'a lost flush: a sentence' "$dir/flush.err" 'failed to bring to its disk'
fi

# A server that says nothing: the guest's time stands, the monitor answers, and a signal ends it soon.
if command -v qemu-nbd >/dev/null 2>&1 && ! "$program" -hda "nbd:unix:$dir/none" 2>&1 </dev/null | grep -q 'without NBD'; then
	truncate -s 4M "$dir/n.raw"
	qemu-nbd -f raw -t -e 8 -k "$dir/nbd.sock" "$dir/n.raw" >/dev/null 2>&1 &
	server=$!
	tries=0
	while [ $tries -lt 100 ] && [ ! -S "$dir/nbd.sock" ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	rm -f "$dir/mon"
	mkfifo "$dir/mon"
	"$program" -M xenpv -m 200 -kernel "$kernel" -initrd "$dir/initrd.gz" -append "console=hvc0 quiet $brief do=loop" \
		-serial "file:$dir/hung.out" -monitor stdio -timeout 600 -icount sleep=off \
		-drive "file=nbd:unix:$dir/nbd.sock,format=raw" <"$dir/mon" >"$dir/mon.out" 2>"$dir/hung.err" &
	pid=$!
	exec 5>"$dir/mon"
	tries=0
	while [ $tries -lt 900 ] && ! grep -qa 'MARK round' "$dir/hung.out" 2>/dev/null && kill -0 $pid 2>/dev/null; do
		tries=$((tries + 1))
		sleep 0.1
	done
	kill -STOP $server
	sleep 3
	rounds=$(grep -ca 'MARK round' "$dir/hung.out")
	echo 'info status' >&5
	tries=0
	while [ $tries -lt 50 ] && ! grep -q 'held' "$dir/mon.out"; do
		tries=$((tries + 1))
		sleep 0.1
	done
	has 'a server that says nothing: the monitor answers' "$dir/mon.out" running
	has 'a server that says nothing: and why' "$dir/mon.out" 'time is held until disk xvda'
	is 'a server that says nothing: time stands' "$(grep -ca 'MARK round' "$dir/hung.out")" "$rounds"
	is 'and it went before' "$([ "$rounds" -gt 0 ] && echo yes)" yes
	begin=$(date +%s)
	kill -TERM $pid
	wait $pid
	took=$(($(date +%s) - begin))
	[ $took -lt 20 ] && pass 'a server that says nothing: ended soon' || fail "a server that says nothing: $took s to the end"
	exec 5>&-
	kill -CONT $server
	kill $server
	wait $server 2>/dev/null
fi

# refused NAME TEXT OPTIONS...
refused() {
	name=$1 text=$2
	shift 2
	"$program" -timeout 20 -serial null -kernel "$kernel" "$@" </dev/null >"$dir/out" 2>"$dir/err"
	is "$name: exit code" $? 1
	has "$name: sentence" "$dir/err" "$text"
	is "$name: one line" "$(grep -c . "$dir/err")" 1
}

refused 'missing' "-hda $dir/none" -hda "$dir/none"
refused 'missing drive' "$dir/no,ne" -drive "file=$dir/no,,ne"
refused 'a directory' "$dir" -hdb "$dir"
refused 'same place' 'xvda is' -hda "$dir/a1.raw" -drive "file=$dir/d1.raw,index=0"
refused 'no format' 'format=vmdx' -drive "file=$dir/a1.raw,format=vmdx"
refused 'backing' 'backing=maybe' -drive "file=$dir/a1.raw,backing=maybe"
refused 'reconnect' 'reconnect-delay=soon' -drive "file=$dir/a1.raw,reconnect-delay=soon"
refused 'no property' "'bus'" -drive "file=$dir/a1.raw,bus=1"
refused 'cache' 'cache=fast' -drive "file=$dir/a1.raw,cache=fast"
refused 'if' 'if=ide' -drive "file=$dir/a1.raw,if=ide"
refused 'index' 'index=99' -drive "file=$dir/a1.raw,index=99"
refused 'readonly' 'readonly=maybe' -drive "file=$dir/a1.raw,readonly=maybe"
refused 'no file' 'no file is given' -drive format=raw
refused 'locked' "$dir/a1.raw" -drive "file=$dir/a1.raw,format=raw" -drive "file=$dir/a1.raw,format=raw"
"$program" -M none -bios /dev/null -hda "$dir/a1.raw" </dev/null >/dev/null 2>"$dir/err"
is 'bare: exit code' $? 1
has 'bare' "$dir/err" '-M none has no disks'
if [ -n "$img" ]; then
	refused 'no backing file' 'base2.raw is missing' -hda "$dir/c2.qcow2" -drive "file=$(rm "$dir/base2.raw")$dir/d2.raw,format=raw"
	refused 'another folder' 'which is not in' -drive "file=$dir/c1.qcow2,backing-dir=$dir/tree"
	qemu-img create -q -f vmdk "$dir/v.vmdk" 1M
	refused 'vmdk' 'looks like a vmdk image' -hda "$dir/v.vmdk"
	head -c 70000 "$dir/b2.qcow2" >"$dir/short.qcow2"
	refused 'truncated' "$dir/short.qcow2" -hda "$dir/short.qcow2"
	cp "$dir/b2.qcow2" "$dir/bits.qcow2"
	printf '\200' | dd of="$dir/bits.qcow2" bs=1 seek=72 conv=notrunc 2>/dev/null
	refused 'unknown bits' "$dir/bits.qcow2" -hda "$dir/bits.qcow2"
fi
rm -rf "$dir/faulty.so" "$dir/mon" "$dir"/*.raw "$dir"/*.qcow2 "$dir"/*.vmdk "$dir"/*.plain "$dir/tree"
finish
