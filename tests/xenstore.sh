#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xenstore.sh PROGRAM KERNEL INITRD WORKDIR: Debian's stock xenstore clients (package xenstore-utils) on the store of a
# running guest (the RAM disk of tests/boot.d), paths that will not do, and the socket's file after every end.
[ $# = 4 ] || { echo "usage: $0 PROGRAM KERNEL INITRD WORKDIR" >&2; exit 1; }
program=$1 kernel=$2 initrd=$3 dir=$4 suite=xenstore
. "$(dirname "$0")/checks.sh"
mkdir -p "$dir"
for tool in ls read write rm list exists chmod watch; do
	if ! command -v "xenstore-$tool" >/dev/null 2>&1; then
		echo "xenstore: there is no xenstore-$tool here: install Debian's xenstore-utils to try the stock clients; skipped"
		exit 0
	fi
done
dir=$(cd "$dir" && pwd)
# A socket's path is short.
spot=$(mktemp -d)
trap 'rm -rf "$spot"' EXIT
XENSTORED_PATH=$spot/sock
export XENSTORED_PATH
home=/local/domain/1

# begin NAME APPEND OPTIONS...: starts a guest and waits until it says where it has got to.
begin() {
	name=$1 append=$2
	shift 2
	rm -f "$dir/$name.out"
	"$program" -M xenpv -name boot -m 256 -kernel "$kernel" -initrd "$initrd" -append "console=hvc0 quiet $brief work=0 $append" \
		-serial stdio -timeout 600 -xenstore "unix:$XENSTORED_PATH" "$@" </dev/null >"$dir/$name.out" 2>"$dir/$name.err" &
	pid=$!
	tries=0
	while [ $tries -lt 300 ] && ! grep -q 'MARK ending' "$dir/$name.out" 2>/dev/null; do
		tries=$((tries + 1))
		sleep 0.2
	done
}

# a COMMAND...: one client, never for long.
a() {
	timeout 120 "$@" 2>&1
}

gone() {
	if [ -e "$XENSTORED_PATH" ]; then fail "$1: the socket's file is still there"; else pass "$1: no socket left"; fi
}

begin live end=hang
is 'who may connect' "$(stat -c %a "$XENSTORED_PATH")" 600
a xenstore-ls -f >"$dir/ls"
has 'the guest says what it can do' "$dir/ls" "$home/control/feature-poweroff = \"1\""
is 'name' "$(a xenstore-read $home/name)" boot
is 'two at once' "$(a xenstore-read $home/domid $home/memory/target | tr '\n' ' ')" '1 262144 '
is 'a node that is none' "$(a xenstore-read /none; echo $?)" "xenstore-read: couldn't read path /none
1"
a xenstore-write $home/data/one 1 $home/data/two 'a value' >/dev/null
is 'written and read' "$(a xenstore-read $home/data/two)" 'a value'
is 'list' "$(a xenstore-list $home/data | tr '\n' ' ')" 'one two '
is 'exists' "$(a xenstore-exists $home/data/one; echo $?)" 0
is 'does not' "$(a xenstore-exists $home/data/three; echo $?)" 1
a xenstore-chmod $home/data/one b0 r1 >/dev/null
is 'permissions' "$(a xenstore-ls -fp $home/data | grep 'data/one ' | sed 's/.*(//')" 'b0,r1)'
a xenstore-rm $home/data/one >/dev/null
is 'removed' "$(a xenstore-exists $home/data/one; echo $?)" 1

# A watcher hears of a change by another client.
a xenstore-watch -n 3 $home/data >"$dir/watched" &
watcher=$!
sleep 1
a xenstore-write $home/data/x 1 >/dev/null
a xenstore-rm $home/data/x >/dev/null
wait $watcher
is 'watched' "$(tr '\n' ' ' <"$dir/watched")" "$home/data $home/data/x $home/data/x "

# A directory longer than a message.
i=0
while [ $i -lt 30 ]; do
	set --
	k=0
	while [ $k -lt 10 ]; do
		set -- "$@" "/tool/many/a-name-of-some-length-$i-$k" v
		k=$((k + 1))
	done
	a xenstore-write "$@" >/dev/null
	i=$((i + 1))
done
is 'a long directory' "$(a xenstore-list /tool/many | wc -l)" 300
a xenstore-rm /tool/many >/dev/null

# Eight at once, each its own transactions.
jobs=
for i in 1 2 3 4 5 6 7 8; do
	(for k in 1 2 3 4 5 6 7 8 9 10; do a xenstore-write "/tool/job$i/$k" $k "/tool/all/$i-$k" $k; done) >"$dir/job$i" 2>&1 &
	jobs="$jobs $!"
done
for j in $jobs; do wait "$j"; done
is 'eight at once' "$(a xenstore-list /tool/all | wc -l) $(cat "$dir"/job? | wc -c)" '80 0'

# Who speaks nonsense, or says nothing, harms nobody.
if command -v python3 >/dev/null 2>&1; then
	python3 - "$XENSTORED_PATH" <<-'END'
	import os, socket, sys
	for i in range(60):
	    s = socket.socket(socket.AF_UNIX)
	    s.connect(sys.argv[1])
	    if i % 3 == 0: s.send(os.urandom(3000))
	    if i % 3 == 1: s.send(b"\2\0\0\0")
	    s.close()
	END
	is 'after the nonsense' "$(a xenstore-read $home/name)" boot
fi

# The guest reads what is written: the kernel powers off at sysrq o. Who watches hears of the end.
(a xenstore-watch -n 2 @releaseDomain >"$dir/released") &
watcher=$!
sleep 0.5
a xenstore-write $home/control/sysrq o >/dev/null
wait $pid
is 'power off' $? 0
wait $watcher
is 'the end is told' "$(tr '\n' ' ' <"$dir/released")" '@releaseDomain @releaseDomain '
has 'the guest was told' "$dir/live.out" 'Power Off'
gone 'power off'

begin killed end=hang
kill -TERM $pid
wait $pid
is 'SIGTERM' $? 1
gone 'SIGTERM'
begin panic end=panic
wait $pid
is 'panic' $? 2
gone 'panic'

# Powered off, and kept: the store is still there.
begin kept end=poweroff -no-shutdown
sleep 1
is 'after its end' "$(a xenstore-read $home/name)" boot
kill -TERM $pid
wait $pid
gone 'kept'
begin crash end=hang
kill -SEGV $pid
wait $pid 2>/dev/null
gone 'SIGSEGV'

# A guest that reboots: the socket stays, its store is a new one.
begin reboot end=reboot
sleep 1
is 'after a reboot' "$(a xenstore-read $home/name)" boot
# Killed without a chance to clean up: the next one takes the place.
kill -KILL $pid
wait $pid 2>/dev/null
if [ -e "$XENSTORED_PATH" ]; then pass 'left behind'; else fail 'SIGKILL left no socket: what is this test worth?'; fi
begin again end=hang
is 'a stale socket is replaced' "$(a xenstore-read $home/name)" boot

# refused NAME PATH SENTENCE
refused() {
	"$program" -kernel "$kernel" -serial null -timeout 5 -xenstore "$2" </dev/null >/dev/null 2>"$dir/$1.err"
	is "$1: exit code" $? 1
	has "$1" "$dir/$1.err" "$3"
}

refused used "unix:$XENSTORED_PATH" 'another program serves this socket'
is 'and left alone' "$(a xenstore-read $home/name)" boot
kill -TERM $pid
wait $pid
# Nobody comes: the run is what it is without a socket.
for with in "-xenstore unix:$XENSTORED_PATH" ''; do
	# shellcheck disable=SC2086
	"$program" -name boot -m 256 -kernel "$kernel" -initrd "$initrd" -append "console=hvc0 quiet $brief work=0" -serial stdio \
		-icount sleep=off -timeout 600 -stats $with </dev/null 2>&1 |
		grep -E '^(instructions|guest time|state hash)' >"$dir/same${with:+1}"
done
is 'a socket alone changes nothing' "$(cat "$dir/same1")" "$(cat "$dir/same")"
is 'and there is something to compare' "$(wc -l <"$dir/same")" 3

"$program" -M none -bios /dev/null -xenstore "unix:$spot/x" </dev/null >/dev/null 2>"$dir/bare.err"
is 'bare: exit code' $? 1
has 'bare' "$dir/bare.err" '-M none has no xenstore'
refused directory "unix:$spot/none/sock" 'No such file or directory'
refused long "unix:/$(printf '%0200d' 0)" 'use a shorter one'
refused word sock 'as in -xenstore unix:'
: >"$spot/file"
refused file "unix:$spot/file" 'a file that is no socket'
finish
