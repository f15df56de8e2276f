#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# migrate.sh PROGRAM KERNEL WORKDIR: a Debian kernel goes from one process to another in the middle of its work, and ends as if nothing
# had been; whatever breaks on the way, it runs on where it was. $BUSYBOX is a static busybox (/bin/busybox).
[ $# = 3 ] || { echo "usage: $0 PROGRAM KERNEL WORKDIR" >&2; exit 1; }
program=$1 kernel=$2 dir=$3 suite=migrate
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/../script/setup.sh"
. "$here/monitored.sh"
patience=2400
busybox=${BUSYBOX:-/bin/busybox}
rm -rf "$dir"
mkdir -p "$dir/tree/lib" "$dir/tree/mnt"
dir=$(cd "$dir" && pwd)
cp "$here/disk.d/init" "$dir/tree/"
kernel_modules "$kernel" "$dir/tree/lib/" lib/crc16 crypto/crc32c_generic fs/mbcache fs/jbd2/jbd2 fs/ext4/ext4 drivers/block/xen-blkfront
make_initrd "$busybox" "$dir/tree" "$dir/initrd.gz"
cd "$dir" || exit 1
there_pid=
trap 'exec 3>&-; kill $pid $there_pid 2>/dev/null' EXIT

common="-M xenpv -name gone -m 200 -smp 2 -icount sleep=off -timeout 900 -stats"
append="console=hvc0 quiet $brief do=write"
# disks SUFFIX: options of them.
disks() {
	for d in a b c d; do echo "-drive file=$d$1.raw,format=raw"; done
}
for s in 0 1; do
	truncate -s 16M a$s.raw b$s.raw c$s.raw d$s.raw
done
# shellcheck disable=SC2046,SC2086
"$program" $common $(disks 0) -kernel "$kernel" -initrd initrd.gz -append "$append" -serial file:plain.out \
	</dev/null >plain.log 2>&1
is 'plain: exit code' $? 0
measured plain.log >plain.state
all=$(sed -n 's/^instructions: *//p' plain.state)

# there NAME URI OPTIONS...: waits for a guest in another process.
there() {
	to=$1 uri=$2
	shift 2
	# shellcheck disable=SC2046,SC2086
	"$program" $common $(disks 1) "$@" -incoming "$uri" -serial "file:$to.out" </dev/null >"$to.log" 2>&1 &
	there_pid=$!
}
# there_ended: its exit code is in rc.
there_ended() {
	wait $there_pid
	rc=$?
	there_pid=
}
# Until a file or socket is there.
until_there() {
	waited=0
	until [ -e "$1" ]; do
		waited=$((waited + 1))
		[ $waited -lt 600 ] || { fail "$1 does not come"; return 1; }
		sleep 0.05
	done
}
# go NAME: the guest that is to go.
go() {
	# shellcheck disable=SC2046,SC2086
	begin "$1" $common $(disks 1) -kernel "$kernel" -initrd initrd.gz -append "$append"
}
# status TEXT: asks until the migration's status is that.
status() {
	waited=0
	until tr -d '\r' <"$name.mon" | grep 'Migration status' | tail -n 1 | grep -q -- "$1"; do
		waited=$((waited + 1))
		if [ $waited -gt 1200 ] || ! kill -0 $pid 2>/dev/null; then
			fail "$name: the migration is never '$1'"
			return 1
		fi
		say 'info migrate'
		sleep 0.05
	done
}

# All that can break, in one guest, which then goes for good while it writes to its disks.
go first
after $((all / 3))
say 'migrate unix:nobody.sock'
answer 1 'nobody can be reached there'
say 'migrate nonsense'
answer 1 'a guest goes by tcp'
for n in 0 1 100 70000 5000000; do
	say "migrate exec:head -c $n >/dev/null"
done
answer 5 'the connection broke\|command failed'
say 'migrate exec:cat >/dev/null; exit 3'
answer 1 'exit 3: the command failed'
# Another size of memory there: it says why not.
there small unix:small.sock -m 128
until_there small.sock
say 'migrate unix:small.sock'
answer 1 'cannot take the guest: .*-m with which'
there_ended
is 'another memory: exit code there' $rc 1
# The other process dies, and is slow.
there dies unix:dies.sock
until_there dies.sock
say 'migrate_set_parameter max-bandwidth 2M'
say 'migrate -d unix:dies.sock'
status active
kill -9 $there_pid
there_ended
status 'failed (unix:dies.sock'
# Given up here.
there waits unix:waits.sock
until_there waits.sock
say 'migrate -d unix:waits.sock'
say 'migrate unix:again.sock'
answer 1 'on its way already'
say 'migrate_cancel'
there_ended
is 'cancelled: exit code there' $rc 1
has 'cancelled: what it says there' waits.log 'unix:waits.sock ends at byte'
status cancelled
say 'migrate_set_parameter max-bandwidth 0'
say 'info migrate_parameters'
answer 1 'max-bandwidth: 0'
# It goes.
there second unix:go.sock
until_there go.sock
after $((all * 8 / 10))
say 'migrate unix:go.sock'
wait $pid
is 'migrated: exit code here' $? 0
pid=
exec 3>&-
there_ended
is 'migrated: exit code there' $rc 0
measured second.log >second.state
is 'migrated: instructions, time and state are those of the run without a break' "$(cat second.state)" "$(cat plain.state)"
for d in a b c; do
	is "migrated: disk $d" "$(md5sum <${d}1.raw)" "$(md5sum <${d}0.raw)"
done
has 'migrated: what it said there' second.out 'MARK file again'

# Through a program and a file, without its disks; what it holds is tried, too.
append="console=hvc0 quiet $brief work=0"
disks() { :; }
make_initrd "$busybox" "$here/boot.d" initrd.gz
# shellcheck disable=SC2086
"$program" $common -kernel "$kernel" -initrd initrd.gz -append "$append" -serial null </dev/null >quiet.log 2>&1
is 'quiet: exit code' $? 0
measured quiet.log >quiet.state
all=$(sed -n 's/^instructions: *//p' quiet.state)
go third
after $((all / 2))
say 'migrate exec:cat >gone.img'
wait $pid
is 'to a file: exit code here' $? 0
pid=
there fourth 'exec:cat gone.img'
there_ended
is 'from a file: exit code' $rc 0
measured fourth.log >fourth.state
is 'from a file: instructions, time and state are those of the run without a break' "$(cat fourth.state)" "$(cat quiet.state)"
size=$(wc -c <gone.img)
for n in 0 1 127 128 1000 $((size / 2)) $((size - 1)); do
	there cut "exec:head -c $n gone.img"
	there_ended
	is "cut after $n bytes: exit code" $rc 1
done
for at in 40 200 4000 $((size / 3)) $((size / 2)) $((size - 100)); do
	cp gone.img bad.img
	printf '\377\000\377\001' | dd of=bad.img bs=1 seek="$at" conv=notrunc 2>/dev/null
	there damaged 'exec:cat bad.img'
	there_ended
	is "damaged at byte $at: exit code" $rc 1
done
there nothing 'exec:exit 0'
there_ended
is 'nothing comes: exit code' $rc 1
there wrong tcp:127.0.0.1
there_ended
is 'no port: exit code' $rc 1
finish
