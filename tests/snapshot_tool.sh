#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# snapshot_tool.sh PROGRAM KERNEL WORKDIR: "paravane snapshot" on files of a Debian kernel: what they say, whether they are whole, how
# they differ, and what other programs make of what is exported. $BUSYBOX is a static busybox (/bin/busybox).
[ $# = 3 ] || { echo "usage: $0 PROGRAM KERNEL WORKDIR" >&2; exit 1; }
program=$1 kernel=$2 dir=$3 suite=snapshot_tool
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/../script/setup.sh"
. "$here/monitored.sh"
rm -rf "$dir"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
make_initrd "${BUSYBOX:-/bin/busybox}" "$here/boot.d" "$dir/boot.gz"
cd "$dir" || exit 1

# A guest that is saved in the middle of its boot, later, and there twice.
begin looked -name looked-at -m 200 -smp 3 -kernel "$kernel" -initrd boot.gz -append "console=hvc0 quiet $brief work=0" -icount sleep=off \
	-timeout 900 -snapshot-dir .
after 700000000
say 'savevm first'
before=$at
after $((before + 200000000))
say 'stop'
count
say 'savevm second'
say 'savevm third'
# What is at an address, as the monitor says it.
say 'info registers'
# shellcheck disable=SC2016
say 'x /2xg $rsp'
say 'x /8xb $rip'
say 'quit'
wait $pid
is 'the guest: exit code' $? 0
pid=
tr -d '\r' <looked.mon >said

# snap NAME OPTIONS...: exit code in $code, both outputs in NAME.
snap() {
	name=$1
	shift
	"$program" snapshot "$@" >"$name" 2>&1 </dev/null
	code=$?
}

snap help --help
is 'help: exit code' $code 0
for word in info verify diff export; do has 'help' help "  $word "; done

snap info info second.snap
is 'info: exit code' $code 0
has 'info: the guest' info 'looked-at, machine xenpv, 64 bits, at most 3 vCPUs'
has 'info: instructions' info "$at, each takes 1 ns"
has 'info: features' info ' sse4.2 '
has 'info: chunks' info 'chunk state'
has 'info: memory' info 'zeros'
if command -v python3 >/dev/null; then
	snap json info --json first.snap second.snap
	is 'JSON: exit code' $code 0
	is 'JSON: what is in it' "$(python3 -c '
import json, sys
a, b = json.load(sys.stdin)
m = b["memories"][0]
print(b["guest"], b["machine"], b["bits"], b["vcpus"], b["instructions"], "avx2" in b["features"], len(b["digest"]), b["parents"],
      sorted(c["type"] for c in b["chunks"] if c["mandatory"]), m["name"], m["zero"] + m["parent"] + m["raw"] + m["packed"] == m["frames"],
      a["instructions"] < b["instructions"], a["digest"] != b["digest"])' <json 2>&1)" \
		"looked-at xenpv 64 3 $at True 64 [] ['about', 'state'] ram True True True"
fi

snap verify verify first.snap second.snap
is 'verify: exit code' $code 0
is 'verify: what it says' "$(cat verify)" "$(printf 'first.snap: good\nsecond.snap: good')"
cp second.snap bad.snap
dd if=/dev/zero of=bad.snap bs=1 seek=300000 count=64 conv=notrunc 2>/dev/null
snap verify verify first.snap bad.snap
is 'verify a damaged one: exit code' $code 1
has 'verify a damaged one' verify 'first.snap: good'
has 'verify a damaged one' verify 'bad.snap is damaged'

snap diff diff second.snap third.snap
is 'diff of the same: exit code' $code 0
is 'diff of the same: what it says' "$(cat diff)" ''
snap diff diff first.snap second.snap
is 'diff: exit code' $code 1
has 'diff: states' diff 'state x86 0 x86.rip: 0xffffffff'
has 'diff: frames' diff 'frames differ, of'
has 'diff: not all are shown' diff '-v shows all'
lines=$(wc -l <./diff)
snap diff diff -v first.snap second.snap
is 'diff -v: exit code' $code 1
has 'diff -v: bytes' diff ': at 0x'
is 'diff -v: it has more' "$([ "$(wc -l <./diff)" -gt "$lines" ] && echo yes)" yes
snap diff diff first.snap bad.snap
is 'diff with a damaged one: exit code' $code 2
snap diff diff first.snap nothing.snap
is 'diff with none: exit code' $code 2
has 'diff with none' diff 'nothing.snap: cannot be opened'

# Packed in other ways it is the same snapshot.
for codec in none zlib lz4 zstd; do
	snap "full.$codec" export second.snap --full "$codec.snap" --compress $codec
	if grep -q 'this build has it not' "full.$codec"; then
		is "--compress $codec: exit code" $code 1
		continue
	fi
	is "--compress $codec: exit code" $code 0
	snap diff diff second.snap "$codec.snap"
	is "--compress $codec: the same: exit code" $code 0
	is "--compress $codec: no difference" "$(cat diff)" ''
done
[ ! -f zlib.snap ] || is 'packed it is smaller' "$([ "$(wc -c <zlib.snap)" -lt "$(wc -c <none.snap)" ] && echo yes)" yes

# The console is said in memory, and the flat file has it.
snap raw export second.snap --raw memory --elf core
is 'export: exit code' $code 0
is 'the flat file has what the guest was given' "$(grep -a -c "console=hvc0 quiet $brief work=0" memory | sed 's/^[1-9][0-9]*$/yes/')" yes

# registers that a monitor said
of() {
	sed -n "s/.*\\<$1 *= *\\(0x\\)\\{0,1\\}0*\\([0-9a-f]*\\).*/\\2/Ip" said | head -n 1
}
if command -v gdb >/dev/null; then
	# shellcheck disable=SC2016
	gdb -nx -batch -ex 'core-file core' -ex 'info threads' -ex 'thread 1' -ex 'printf "RIP %lx\n", $rip' -ex 'printf "RSP %lx\n", $rsp' \
		-ex 'x/2gx $rsp' -ex 'x/8bx $rip' >gdb.out 2>&1 </dev/null
	has 'gdb: threads' gdb.out 'LWP 1'
	is 'gdb: rip' "$(sed -n 's/^RIP //p' gdb.out)" "$(of rip)"
	is 'gdb: rsp' "$(sed -n 's/^RSP //p' gdb.out)" "$(of rsp)"
	is 'gdb: what is on the stack and at rip' "$(sed -n 's/^0x[0-9a-f]*[^:]*://p' gdb.out | tail -n 2 | tr -s '\t ' ' ')" \
		"$(sed -n 's/^(paravane) [0-9a-f]\{16\}://p' said | tail -n 2 | tr -s '\t ' ' ')"
fi

# A guest with a screen has a picture in its snapshots, of what its screen shows: the same bytes each time.
for again in 1 2; do
	printf 'savevm seen%s\ninfo snapshots\nquit\n' $again | "$program" -name seen -m 128 -S -kernel "$kernel" -initrd boot.gz -display none \
		-snapshot-dir . -serial null -monitor stdio >seen.out 2>&1
	has 'a screen: info snapshots' seen.out "$(printf '%-7s -' yes)"
	snap picture export seen$again.snap --picture seen$again.png
	is 'a screen: export: exit code' $code 0
done
snap picture info seen1.snap
if grep -q '  picture ' picture; then
	has 'a screen: info' picture '320 x 200, of a screen of 640 x 400'
	is 'a screen: the picture is a PNG' "$(od -A n -t x1 -N 8 seen1.png | tr -d ' ')" 89504e470d0a1a0a
	is 'a screen: twice the same' "$(cmp seen1.png seen2.png 2>&1)" ''
else
	fail 'a screen: there is no picture'
fi

# refused TEXT WORDS...: with this in its sentence, and no file made.
refused() {
	text=$1
	shift
	snap refused "$@"
	is "$*: exit code" $code 1
	has "$*" refused "$text"
}
refused 'there are info, verify, diff and export' look first.snap
refused 'did you mean verify' verfy first.snap
refused 'info, verify, diff or export'
refused 'the names of files' info
refused 'the name of one file' export
refused 'nothing is wanted' export first.snap
refused 'only --full is packed' export first.snap --raw x --compress zlib
refused 'there are none, zlib, lz4 and zstd' export first.snap --full x --compress bzip2
refused 'a value must follow' export first.snap --raw
refused 'there is no such option' export first.snap --flat x
refused 'there is no such option' info -v first.snap
refused 'is not a snapshot' info boot.gz
refused 'cannot be opened' export none.at.all --raw x
refused 'it has no picture' export first.snap --picture x
refused 'is the snapshot itself' export first.snap --raw first.snap
refused 'cannot be written' export first.snap --raw no/such/folder
refused 'is damaged' export bad.snap --raw x
is 'nothing was left of what was refused' "$([ -e x ] || echo nothing)" nothing
snap refused diff first.snap
is 'diff of one file: exit code' $code 2
finish
