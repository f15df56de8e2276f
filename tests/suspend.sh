#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# suspend.sh PROGRAM KERNEL WORKDIR: a Debian kernel that suspends itself and is saved (save -s), and what it is like when it is
# resumed from the file, twice and with other images: a process, a disk, a network card with a TCP connection, one vCPU and two;
# a guest that goes on; guests of both widths that look at themselves. The kernel's modules are looked for beside it; $BUSYBOX is a static busybox (/bin/busybox).
[ $# = 3 ] || { echo "usage: $0 PROGRAM KERNEL WORKDIR" >&2; exit 1; }
program=$1 kernel=$2 dir=$3 suite=suspend
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/../script/setup.sh"
. "$here/monitored.sh"
busybox=${BUSYBOX:-/bin/busybox}
guests=$(dirname "$program")/tests/guests
rm -rf "$dir"
mkdir -p "$dir/tree/modules"
dir=$(cd "$dir" && pwd)
cp "$here/suspend.d/init" "$dir/tree/"
kernel_modules "$kernel" "$dir/tree/modules/" drivers/block/xen-blkfront drivers/net/xen-netfront
make_initrd "$busybox" "$dir/tree" "$dir/initrd.gz"
cd "$dir" || exit 1
server=''
trap 'exec 3>&-; [ -z "$pid" ] || kill "$pid" 2>/dev/null; [ -z "$server" ] || kill "$server" 2>/dev/null' EXIT

common="-M xenpv -icount sleep=off -timeout 900 -stats"
# start NAME OPTIONS...: a guest with a monitor.
start() {
	name=$1
	shift
	# shellcheck disable=SC2086
	begin "$name" $common "$@"
}
ended() {
	wait $pid
	is "$name: exit code" $? "$1"
	pid=
	exec 3>&-
}
# run NAME OPTIONS...: to its end.
run() {
	name=$1
	shift
	# shellcheck disable=SC2086
	"$program" $common "$@" -serial "file:$name.out" </dev/null >"$name.log" 2>&1
	is "$name: exit code" $? 0
	measured "$name.log" >"$name.state"
}
# marked NAME WHAT: what the guest said of it last.
marked() {
	tr -d '\r' <"$1.out" | sed -n "s/^MARK $2 *//p" | tail -n 1
}
looks_well() {
	is "$1: its process goes on" "$(marked "$1" counts)" on
	is "$1: its disk can be read" "$(marked "$1" disk)" "$2"
	is "$1: and written" "$(marked "$1" wrote)" 0
	is "$1: its devices are connected" "$(marked "$1" states)" "$3"
	is "$1: its vCPUs" "$(marked "$1" cpus)" "$4"
	is "$1: its kernel complains" "$(marked "$1" complaints)" 0
}

# Debian's kernel. The disk is the same image, then another.
for d in a b; do
	dd if=/dev/urandom of=$d.raw bs=1M count=8 2>/dev/null
done
first() {
	head -c 1048576 "$1" | md5sum | cut -c1-32
}
for cpus in 1 2; do
	options="-name saved -m 160 -smp $cpus"
	# shellcheck disable=SC2086
	start saved$cpus $options -kernel "$kernel" -initrd initrd.gz -append "console=hvc0 quiet $brief" -drive file=a.raw,format=raw
	answer 1 'MARK ready' saved$cpus.out
	say "save -s $cpus.snap"
	ended 0
	[ -s $cpus.snap ] || fail "there is no $cpus.snap"
	for again in 1 2 3; do
		image=a.raw
		[ $again != 3 ] || image=b.raw
		cp $image copy.raw
		# shellcheck disable=SC2086
		run back$cpus.$again $options -incoming file:$cpus.snap -drive file=copy.raw,format=raw
		looks_well back$cpus.$again "$(first $image)" vbd-51712:Connected "$([ $cpus = 1 ] && echo 0 || echo 0-1)"
	done
	is "back$cpus: twice the same" "$(cat back$cpus.1.state)" "$(cat back$cpus.2.state)"
done

# One that goes on, since its file cannot be written; with -c; and comes back in the place of the one that runs.
# shellcheck disable=SC2086
start goes_on $options -kernel "$kernel" -initrd initrd.gz -append "console=hvc0 quiet $brief times=4" -drive file=a.raw,format=raw
answer 1 'MARK ready' goes_on.out
say 'save -s nosuch/x.snap'
answer 1 'MARK back 1' goes_on.out
answer 1 'nosuch/x.snap.*the guest goes on' goes_on.mon
looks_well goes_on "$(first a.raw)" vbd-51712:Connected 0-1
whole=$(marked goes_on memory)
say 'save -c -s on.snap'
answer 1 'MARK back 2' goes_on.out
looks_well goes_on "$(first a.raw)" vbd-51712:Connected 0-1
say 'restore on.snap'
answer 2 'MARK back 2' goes_on.out
looks_well goes_on "$(first a.raw)" vbd-51712:Connected 0-1
# In place.
say 'system_suspend'
for _ in 1 2 3 4 5 6 7 8 9 10; do
	say 'info status'
	sleep 0.2
done
answer 1 suspended goes_on.mon && say 'system_wakeup'
answer 1 'MARK back 3' goes_on.out
looks_well goes_on "$(first a.raw)" vbd-51712:Connected 0-1
is 'goes_on: its memory' "$(marked goes_on memory)" "$whole"
# Saved when it has given back some of its memory, and has suspended itself already; it ends.
say 'balloon 120'
for n in $(seq 200); do
	say 'info balloon'
	answer "$n" '^balloon: actual\|) balloon: actual' goes_on.mon
	! grep -q 'actual=120 ' goes_on.mon || break
	sleep 0.1
done
say 'system_suspend'
say 'save -s last.snap'
ended 0
# shellcheck disable=SC2086
run last $options -incoming file:last.snap -drive file=a.raw,format=raw
looks_well last "$(first a.raw)" vbd-51712:Connected 0-1
is 'last: it has come back four times' "$(marked last back)" 4
is 'last: what it gave back is not there' "$(marked last memory)" $((whole - 40960))

# What does not fit.
refused() {
	name=$1 text=$2
	shift 2
	"$program" -M xenpv -icount sleep=off "$@" -serial null </dev/null >"$name.log" 2>&1
	is "$name: exit code" $? 1
	has "$name" "$name.log" "$text"
}
refused 'another memory' '-m with which' -m 128 -smp 2 -incoming file:2.snap
refused 'fewer processors' '-smp with which' -m 160 -smp 1 -incoming file:2.snap
refused 'another processor' '-cpu with which' -m 160 -smp 2 -cpu x86-64-v2 -incoming file:2.snap

# A network card, and a server of the host's before and afterwards.
if "$program" -netdev help 2>/dev/null | grep -qw user && command -v python3 >/dev/null 2>&1; then
	python3 - >port 2>/dev/null <<'END' &
import socket, sys, threading

def serve(c):
    with c:
        line = c.makefile('rb').readline()
        c.sendall(b'you said ' + line)

s = socket.socket()
s.bind(('127.0.0.1', 0))
s.listen()
print(s.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(s.accept()[0],)).start()
END
	server=$!
	while [ ! -s port ]; do sleep 0.05; done
	card='-netdev user,id=n0 -device xen-net-device,netdev=n0'
	# shellcheck disable=SC2086
	start net $options $card -kernel "$kernel" -initrd initrd.gz -append "console=hvc0 quiet $brief tcp=10.0.2.2:$(cat port)" \
		-drive file=a.raw,format=raw
	answer 1 'MARK ready' net.out
	is 'net: a connection' "$(marked net tcp)" 'you said hello before'
	say 'save -s net.snap'
	ended 0
	# shellcheck disable=SC2086
	run netback $options $card -incoming file:net.snap -drive file=a.raw,format=raw
	looks_well netback "$(first a.raw)" 'vbd-51712:Connected vif-0:Connected' 0-1
	is 'netback: DHCP' "$(marked netback lease)" 10.0.2.15
	is 'netback: a connection' "$(marked netback tcp)" 'you said hello after'
fi

# Guests that look at what they come back with.
for g in suspend compat/suspend32; do
	[ -f "$guests/$g.elf" ] || continue
	base=$(basename $g)
	start "$base" -m 32 -smp 3 -kernel "$guests/$g.elf"
	say "save -s $base.0.snap"
	ended 0
	start "$base.0" -m 32 -smp 3 -incoming "file:$base.0.snap"
	say "save -s $base.1.snap"
	ended 0
	run "$base.1" -m 32 -smp 3 -incoming "file:$base.1.snap"
	has "$base: its checks" "$base.1.out" ' failed 0'
	has "$base: it was resumed" "$base.0.out" '0: resumed'
	has "$base: and again" "$base.1.out" '1: resumed'
done
finish
