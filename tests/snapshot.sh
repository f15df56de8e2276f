#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# snapshot.sh PROGRAM KERNEL WORKDIR: a Debian kernel saved in the middle of its work and brought back: it ends as if nothing had
# been, with several processors and with disks under way; what does not fit is refused, and the guest goes on. The kernel's modules
# are looked for beside it; $BUSYBOX is a static busybox (/bin/busybox).
[ $# = 3 ] || { echo "usage: $0 PROGRAM KERNEL WORKDIR" >&2; exit 1; }
program=$1 kernel=$2 dir=$3 suite=snapshot
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/../script/setup.sh"
. "$here/monitored.sh"
busybox=${BUSYBOX:-/bin/busybox}
rm -rf "$dir"
mkdir -p "$dir/tree/lib" "$dir/tree/mnt"
dir=$(cd "$dir" && pwd)
cp "$here/disk.d/init" "$dir/tree/"
kernel_modules "$kernel" "$dir/tree/lib/" lib/crc16 crypto/crc32c_generic fs/mbcache fs/jbd2/jbd2 fs/ext4/ext4 drivers/block/xen-blkfront
make_initrd "$busybox" "$dir/tree" "$dir/initrd.gz"
make_initrd "$busybox" "$here/boot.d" "$dir/boot.gz"
cd "$dir" || exit 1

# options DISKS: of every guest here; DISKS is a suffix of its disks' names.
options() {
	echo -M xenpv -name saved -m 200 -smp 4 -icount sleep=off -timeout 900 -stats \
		-drive "file=a$1.raw,format=raw" -drive "file=b$1.raw,format=raw" -drive "file=c$1.raw,format=raw" \
		-drive "file=d$1.raw,format=raw"
}
make_disks() {
	rm -f a"$1".raw b"$1".raw c"$1".raw d"$1".raw
	truncate -s 16M a"$1".raw b"$1".raw c"$1".raw d"$1".raw
}
copy_disks() {
	for d in a b c d; do cp -p "$d$1.raw" "$d$2.raw"; done
}

# run NAME OPTIONS...: to its end; run_from_kernel NAME OPTIONS... from its beginning.
run() {
	name=$1
	shift
	"$program" "$@" -serial "file:$name.out" </dev/null >"$name.log" 2>&1
	echo $? >"$name.rc"
	state "$name"
}
# What must be the same. A guest that was saved has said a part of it before: the end counts.
state() {
	measured "$1.log" >"$1.state"
	tr -d '\r' <"$1.out" | grep -a '^MARK' | tail -n 3 >"$1.marks"
}
same() {
	is "$1: exit code" "$(cat "$1.rc")" 0
	is "$1: instructions, time and state are those of the run without a break" "$(cat "$1.state")" "$(cat "$2.state")"
	is "$1: and so is what it said" "$(cat "$1.marks")" "$(cat "$2.marks")"
}

# ended: with a note of its exit code.
ended() {
	wait $pid
	echo $? >"$name.rc"
	pid=
	exec 3>&-
	sed 's/^(paravane) //' "$name.mon" >>"$name.log"
	state "$name"
}

from_kernel="-kernel $kernel -initrd $dir/initrd.gz"
append="console=hvc0 quiet $brief do=write"

# Without a break.
make_disks 0
# shellcheck disable=SC2046,SC2086
run plain $(options 0) $from_kernel -append "$append"
is 'plain: exit code' "$(cat plain.rc)" 0
has 'plain: it did its work' plain.out 'MARK file again'
all=$(sed -n 's/^instructions: *//p' plain.state)
all_disks=$all

# Saved while it boots, and while it writes to its disks; each file is brought back twice, with the disks of that time.
for part in 30 80 95; do
	make_disks 1
	# shellcheck disable=SC2046,SC2086
	begin saved$part $(options 1) $from_kernel -append "$append"
	after $((all * part / 100))
	say "save at$part.snap"
	ended
	is "saved at $part %: exit code" "$(cat saved$part.rc)" 0
	[ -s at$part.snap ] || fail "there is no at$part.snap"
	copy_disks 1 2
	for again in 1 2; do
		# shellcheck disable=SC2046
		run back$part.$again $(options $again) -incoming "file:at$part.snap"
		same back$part.$again plain
		for d in a b c; do
			is "back$part.$again: disk $d" "$(md5sum <$d$again.raw)" "$(md5sum <${d}0.raw)"
		done
	done
done

# Tags, in one guest: it goes on, goes back, goes on; what does not fit leaves it alone.
ram="$(options 0 | sed 's/ -drive.*//')"
# shellcheck disable=SC2086
run tagless $ram -kernel "$kernel" -initrd boot.gz -append "console=hvc0 quiet $brief work=0"
all=$(sed -n 's/^instructions: *//p' tagless.state)
# shellcheck disable=SC2086
begin tags $ram -kernel "$kernel" -initrd boot.gz -append "console=hvc0 quiet $brief work=0" -snapshot-dir kept
after $((all / 4))
say 'savevm first'
after $((all / 2))
say 'savevm second'
say 'info snapshots'
answer 1 '^second .*MiB'
say 'loadvm first'
say 'loadvm none'
answer 1 'none.snap'
head -c 200000 kept/second.snap >kept/cut.snap
say 'loadvm cut'
answer 1 'cut.snap'
dd if=/dev/zero of=kept/second.snap bs=1 seek=100000 count=64 conv=notrunc 2>/dev/null
say 'loadvm second'
answer 1 'second.snap'
say 'savevm ../x'
answer 1 'a tag is'
say 'delvm second'
say 'delvm cut'
say 'info snapshots'
say 'save -c copy.snap'
ended
same tags tagless
is 'tags: what is left of them' "$(ls kept)" first.snap
# shellcheck disable=SC2086
run tag $ram -loadvm first -snapshot-dir kept
same tag tagless
# shellcheck disable=SC2086
run copy $ram -incoming file:copy.snap
same copy tagless

# Only what changed, in files that are not packed and are read while their guest runs.
# shellcheck disable=SC2086
begin grown $ram -kernel "$kernel" -initrd boot.gz -append "console=hvc0 quiet $brief work=0" -snapshot-dir grown.d -snapshot-compress none
say 'savevm -i orphan'
answer 1 'without -i first'
after $((all / 4))
say 'savevm base'
after $((all / 2))
say 'savevm -i more'
after $((all * 3 / 4))
say 'savevm -i most'
say 'savevm -i most'
answer 1 'another tag'
say 'info snapshots'
answer 1 '^more .* base'
say 'delvm base'
answer 1 'delvm more first'
say 'savevm more'
answer 1 'delvm most first'
say 'loadvm more'
say 'savevm -i twig'
ended
same grown tagless
is 'grown: no word too many' "$(grep -c 'usage\|cannot' grown.mon)" 1
for tag in base more most twig; do
	# shellcheck disable=SC2086
	run $tag $ram -loadvm $tag -snapshot-dir grown.d
	same $tag tagless
done
size() { wc -c <"grown.d/$1.snap"; }
[ $(($(size twig) * 20)) -lt "$(size base)" ] || fail "twig has $(size twig) bytes, and base $(size base)"
cp -r grown.d torn.d
dd if=/dev/zero of=torn.d/base.snap bs=1M seek=12 count=8 conv=notrunc 2>/dev/null
# shellcheck disable=SC2086
run torn $ram -loadvm base -snapshot-dir torn.d
is 'torn: exit code' "$(cat torn.rc)" 1
has 'torn: what it says' torn.log 'base.snap is damaged: the sum of a page'

# Snapshots by themselves: the run is the same, the newest take the place of the oldest, and each can be gone on from.
# shellcheck disable=SC2086
run itself $ram -kernel "$kernel" -initrd boot.gz -append "console=hvc0 quiet $brief work=0" -snapshot-dir auto -autosave 1,keep=2
same itself tagless
is 'by itself: at most two' "$([ -s auto/auto-1.snap ] && find auto -type f ! -name auto-1.snap ! -name auto-2.snap)" ''
for tag in auto/*.snap; do
	tag=$(basename "$tag" .snap)
	# shellcheck disable=SC2086
	run "$tag" $ram -loadvm "$tag" -snapshot-dir auto
	is "$tag: it ends as the run without a break" "$(cat "$tag.state")" "$(cat tagless.state)"
done
# One that another needs stays.
# shellcheck disable=SC2086
begin needed $ram -kernel "$kernel" -initrd boot.gz -append "console=hvc0 quiet $brief work=0" -snapshot-dir needed.d -autosave 1,keep=1 -S
say 'savevm auto-1'
say 'savevm -i child'
say 'info snapshots'
answer 1 '^child .* auto-1'
say cont
ended
same needed tagless
has 'needed: what it says' needed.log 'is needed by another snapshot'
# shellcheck disable=SC2086
run child $ram -loadvm child -snapshot-dir needed.d
is "child: it ends as the run without a break" "$(cat child.state)" "$(cat tagless.state)"
# A folder in which nothing can be written is told of once.
: >file
# shellcheck disable=SC2086
run nowhere $ram -kernel "$kernel" -initrd boot.gz -append "console=hvc0 quiet $brief work=0" -snapshot-dir file/auto -autosave 1
same nowhere tagless
is 'nowhere to write: told once' "$(grep -c 'autosave.*the guest runs on' nowhere.log)" 1

# Disks that go along. drives TYPE SUFFIX: the options of a guest with disks of this type.
drives() {
	options none | sed 's/ -drive.*//'
	for d in a b c d; do
		case $1 in
		on) echo "-drive file=$d$2.raw,format=raw,snapshot=on" ;;
		qcow2) echo "-drive file=$d$2.qcow2,format=qcow2" ;;
		esac
	done
}
# along TYPE: saved under a tag while it writes to its disks, gone back to twice in the same process and twice in others, from
# where all goes as it went without a break.
along() {
	# shellcheck disable=SC2046,SC2086
	begin "along_$1" $(drives "$1" "_$1") $from_kernel -append "$append" -snapshot-dir "with_$1"
	after $((all_disks * 75 / 100))
	say 'savevm mid'
	after $((all_disks * 80 / 100))
	say 'savevm mid' # in its place
	after $((all_disks * 93 / 100))
	say 'loadvm mid'
	after $((all_disks * 90 / 100))
	say 'loadvm mid'
	say 'savevm other'
	say 'delvm other'
	say 'save -c nowhere/failed.snap'
	ended
	has "along_$1: a save that fails" "along_$1.log" 'nowhere/failed.snap'
	same "along_$1" plain
	for again in 1 2; do
		# shellcheck disable=SC2046
		run "again_$1.$again" $(drives "$1" "_$1") -loadvm mid -snapshot-dir "with_$1"
		same "again_$1.$again" plain
	done
}
make_disks _on
md5sum ./?_on.raw >on.sums
along on
is 'snapshot=on: the images are as they were' "$(md5sum ./?_on.raw)" "$(cat on.sums)"

# as_plain SUFFIX: what is on qcow2 disks at the end, and that the images and the file system are clean.
as_plain() {
	for d in a b c d; do
		qemu-img check -q "$d$1.qcow2" || fail "$d$1.qcow2: it is not clean"
		qemu-img convert -f qcow2 -O raw "$d$1.qcow2" "$d$1.flat"
		[ $d = d ] || is "$1: disk $d" "$(md5sum <$d"$1".flat)" "$(md5sum <${d}0.raw)"
	done
	! command -v e2fsck >/dev/null || e2fsck -fn "d$1.flat" >"fsck$1.log" 2>&1 || fail "$1: the file system is not clean"
}
if command -v qemu-img >/dev/null; then
	for d in a b c d; do
		qemu-img create -q -f qcow2 ${d}_qcow2.qcow2 16M
	done
	along qcow2
	as_plain _qcow2
	is 'qcow2: the snapshots in the images' "$(for d in a b c d; do qemu-img snapshot -l ${d}_qcow2.qcow2 | awk '/^[0-9]/ { print $2 }'; done | tr '\n' ' ')" \
		'mid mid mid mid '
	# A disk that cannot be put back, when others have been: the guest goes on as it was, with its disks.
	for d in a b c d; do
		rm ${d}_qcow2.qcow2
		qemu-img create -q -f qcow2 ${d}_qcow2.qcow2 16M
	done
	# shellcheck disable=SC2046,SC2086
	begin stays $(drives qcow2 _qcow2) $from_kernel -append "$append" -snapshot-dir stays
	after $((all_disks * 70 / 100))
	say 'savevm mid'
	after $((all_disks * 85 / 100))
	table=$(od -An -tx1 -j64 -N8 c_qcow2.qcow2 | tr -d ' ')
	printf '\001' | dd of=c_qcow2.qcow2 bs=1 seek=$((0x$table + 7)) conv=notrunc 2>/dev/null
	say 'loadvm mid'
	ended
	has 'stays: it says why' stays.log "c_qcow2.qcow2 is damaged"
	has 'stays: it goes on' stays.log 'the guest goes on as it was'
	same stays plain
	rm -f stays/mid.snap
	for d in a b c d; do
		qemu-img snapshot -l ${d}_qcow2.qcow2 | grep -q before-loadvm && fail "stays: a snapshot of before is left in ${d}_qcow2.qcow2"
	done
fi

# refused NAME TEXT OPTIONS...: such a start is refused, with this in its sentence.
refused() {
	name=$1 text=$2
	shift 2
	"$program" "$@" -serial null </dev/null >"$name.log" 2>&1
	is "$name: exit code" $? 1
	has "$name" "$name.log" "$text"
}
rm torn.d/base.snap
# shellcheck disable=SC2086
refused 'a parent that is not there' 'needs its parent' $ram -loadvm most -snapshot-dir torn.d
# shellcheck disable=SC2086
refused 'another memory' '-m with which' $ram -m 128 -incoming file:copy.snap
# shellcheck disable=SC2086
refused 'fewer processors' '-smp with which' $ram -smp 2 -incoming file:copy.snap
# shellcheck disable=SC2086
refused 'another processor' '-cpu with which' $ram -cpu x86-64-v2 -incoming file:copy.snap
# shellcheck disable=SC2086
refused 'another speed' '-icount with which' $ram -icount 2,sleep=off -incoming file:copy.snap
# shellcheck disable=SC2046
refused 'a disk that was written to' 'was written to since' $(options 0) -incoming file:at80.snap
# shellcheck disable=SC2086
refused 'no disk' 'there is none now' $ram -incoming file:at80.snap
# shellcheck disable=SC2046
refused 'too many disks' 'there are 4 now' $(options 1) -incoming file:copy.snap
# shellcheck disable=SC2046
refused 'a disk that had snapshot=on' 'give it that again' $(options _on) -loadvm mid -snapshot-dir with_on
if command -v qemu-img >/dev/null; then
	# shellcheck disable=SC2046
	refused 'a qcow2 disk with snapshot=on' 'not with snapshot=on' $(drives qcow2 _qcow2) -snapshot -loadvm mid -snapshot-dir with_qcow2
	# shellcheck disable=SC2046
	refused 'images without the snapshot' "has no snapshot 'mid'" $(drives qcow2 _qcow2) -loadvm mid -snapshot-dir with_qcow2
fi
touch b_on.raw
# shellcheck disable=SC2046
refused 'the image below was written to' 'image of disk xvdb was written to since' $(drives on _on) -loadvm mid -snapshot-dir with_on
head -c 1000 copy.snap >short.snap
# shellcheck disable=SC2086
refused 'a file cut short' short.snap $ram -incoming file:short.snap
# shellcheck disable=SC2086
refused 'no snapshot at all' initrd.gz $ram -incoming file:initrd.gz
# shellcheck disable=SC2086
refused 'no such tag' nobody.snap $ram -loadvm nobody
finish
