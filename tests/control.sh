#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# control.sh PROGRAM KERNEL WORKDIR: a Debian kernel with the RAM disk of tests/control.d, commanded from the monitor behind
# Ctrl-A c: stop and go on, memory, vCPUs, sysrq, suspend, reset, reboot, power off; clients that talk nonsense.
[ $# = 3 ] || { echo "usage: $0 PROGRAM KERNEL WORKDIR" >&2; exit 1; }
program=$1 kernel=$2 dir=$3 suite=control
here=$(dirname "$0")
. "$here/checks.sh"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
busybox=${BUSYBOX:-$(command -v busybox || echo /bin/busybox)}
spot=$(mktemp -d)
trap 'exec 3>&-; [ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$spot"' EXIT
pid=

# The RAM disk, with the modules of front ends where they lie beside the kernel.
root=$(cd "$here/.." && pwd)
. "$root/script/setup.sh"
version=$(basename "$kernel" | sed 's/^vmlinuz-//')
modules=$(dirname "$kernel")/../lib/modules/$version/kernel/drivers
rm -rf "$dir/tree"
cp -R "$here/control.d" "$dir/tree"
mkdir -p "$dir/tree/modules"
for m in block/xen-blkfront net/xen-netfront; do
	[ -f "$modules/$m.ko" ] && cp "$modules/$m.ko" "$dir/tree/modules/"
	[ -f "$modules/$m.ko.xz" ] && xz -dc "$modules/$m.ko.xz" >"$dir/tree/modules/$(basename "$m").ko"
done
make_initrd "$busybox" "$dir/tree" "$dir/initrd.gz"

# begin NAME OPTIONS...: a guest whose console, and monitor behind it, are written to by 3 and kept in NAME.out.
begin() {
	name=$1 out=$dir/$1.out
	shift
	rm -f "$spot/in" "$out"
	mkfifo "$spot/in"
	: >"$out"
	exec 3<>"$spot/in"
	"$program" -M xenpv -name control -m 256 -smp 4 -kernel "$kernel" -initrd "$dir/initrd.gz" -append "console=hvc0 quiet $brief" \
		-serial mon:stdio -timeout 900 "$@" <"$spot/in" >"$out" 2>"$dir/$name.err" &
	pid=$!
}

# ended NAME WANTED: it ends, with this exit code.
ended() {
	wait $pid
	is "$1" $? "$2"
	pid=
	exec 3>&-
}

# until TEXT [N]: waits until the guest or the monitor has said so, in N lines.
until_said() {
	tries=0
	while [ "$(tr -d '\r' <"$out" | grep -cE -- "$1")" -lt "${2:-1}" ]; do
		tries=$((tries + 1))
		kill -0 $pid 2>/dev/null || tries=9999
		if [ $tries -gt 1200 ]; then
			fail "$name: nothing said '$1' (${2:-1})"
			return 1
		fi
		sleep 0.1
	done
	pass "$name: $1"
}

# ask COMMAND: the monitor's answer to it.
echo 0 >"$spot/turn"
ask() {
	kill -0 $pid 2>/dev/null || return
	turn=$(($(cat "$spot/turn") + 1))
	echo $turn >"$spot/turn"
	printf '\001cp /d 77000+%d\n%s\np /d 78000+%d\n\001c' $turn "$1" $turn >&3
	tries=0
	while [ $tries -lt 6000 ] && ! grep -q "^$((78000 + turn))\|) $((78000 + turn))" "$out" && kill -0 $pid 2>/dev/null; do
		tries=$((tries + 1))
		sleep 0.05
	done
	tr -d '\r' <"$out" | sed -n "/$((77000 + turn))\$/,/$((78000 + turn))\$/p" | sed -e '1d' -e '$d' -e 's/^(paravane) //' |
		grep -v '^MARK\|^$'
}

# guest LINE: the guest's shell runs it.
guest() {
	kill -0 $pid 2>/dev/null || return
	printf '%s\n' "$1" >&3
}

# eventually NAME COMMAND TEXT: the monitor's answer will have it.
eventually() {
	tries=0
	while ! ask "$2" | grep -q -- "$3"; do
		tries=$((tries + 1))
		if [ $tries -gt 1500 ]; then
			fail "$1: '$2' never says '$3'"
			return
		fi
		sleep 0.2
	done
	pass "$1"
}

# younger NAME INSTRUCTIONS: the guest began anew: it has run less than that.
younger() {
	tries=0
	until [ "$(instructions)" -lt "$2" ]; do
		tries=$((tries + 1))
		if [ $tries -gt 1500 ]; then
			fail "$1: $(instructions) instructions, and $2 before"
			return
		fi
		sleep 0.2
	done
	pass "$1"
}

instructions() {
	ask 'info status' | sed -n 's/^guest time.*, \([0-9]*\) instructions.*/\1/p'
}

kib() {
	ask 'info memory' | sed -n 's/^host.*: \([0-9]*\) KiB/\1/p'
}

begin main -no-shutdown -monitor "unix:$spot/mon,server=on,wait=off"
until_said 'MARK ready 0-3'
is 'running' "$(ask 'info status' | head -n 1)" 'VM status: running'
is 'what it listens for' "$(ask 'info control' | head -n 1)" 'the guest listens for: poweroff reboot suspend'
is 'name' "$(ask 'info name')" control
is 'an unknown word' "$(ask sytem_reset)" "unknown command: 'sytem_reset': did you mean system_reset? ('help' lists all)"
is 'vCPUs' "$(ask 'info cpus' | grep -c 'CPU #')" 4
is 'registers' "$(ask 'info registers -a' | grep -c '^RIP=')" 4
is 'sum' "$(ask 'p (1+2)*3')" 0x9
# The kernel's banner, by its address in the page tables and by that of the frame.
guest "echo MARK text \$(grep -w _text /proc/kallsyms | cut -d' ' -f1)"
until_said 'MARK text'
text=$(sed -n 's/.*MARK text \([0-9a-f]*\).*/\1/p' "$out" | tr -d '\r')
code=$(ask "x /4xg 0x$text" | cut -d: -f2-)
machine=$(ask "gva2gpa 0x$text" | sed -n 's/machine: \(0x[0-9a-f]*\),.*/\1/p')
is 'x and xm' "$(ask "xm /4xg $machine" | cut -d: -f2-)" "$code"
physical=$(ask "gva2gpa 0x$text" | sed -n 's/gpa: //p')
is 'x and xp' "$(ask "xp /4xg $physical" | cut -d: -f2-)" "$code"

# A stopped guest: no time, no output.
ask stop >/dev/null
one=$(ask 'info status')
guest 'echo MARK alive'
sleep 1
two=$(ask 'info status')
is 'time stands still' "$two" "$one"
is 'stopped' "$(echo "$two" | head -n 1)" 'VM status: paused'
if grep -q 'MARK alive' "$out"; then fail 'a stopped guest speaks'; else pass 'it is silent'; fi
ask cont >/dev/null
until_said 'MARK alive'

# Half of the memory and back, in the guest and in the host.
total='echo MARK memory $(sed -n "s/MemTotal: *\([0-9]*\) kB/\1/p" /proc/meminfo)'
guest "dd if=/dev/zero of=/tmp/fill bs=1M count=90 2>/dev/null; rm /tmp/fill; $total"
until_said 'MARK memory'
before=$(kib)
ask 'balloon 128' >/dev/null
eventually 'half of the memory' 'info balloon' 'actual=128 target=128 max=256'
after=$(kib)
if [ $((before - after)) -gt 60000 ]; then pass 'the host has it back'; else fail "the host had $before KiB and has $after"; fi
guest "$total"
until_said 'MARK memory' 2
ask 'balloon 256' >/dev/null
eventually 'all of it' 'info balloon' 'actual=256 target=256 max=256'
guest "$total; dd if=/dev/zero of=/tmp/fill bs=1M count=90 2>/dev/null && echo MARK filled; rm /tmp/fill"
until_said 'MARK filled'
sizes=$(tr -d '\r' <"$out" | sed -n 's/.*MARK memory \([0-9]*\).*/\1/p' | tr '\n' ' ')
is 'the guest sees it' "$(echo "$sizes" | awk '{ print $1 - $2, $3 - $1 }')" '131072 0'
is 'too little' "$(ask 'balloon 8')" '8 MiB: guest control can have 16 to 256 MiB of memory'

# vCPUs.
ask 'vcpu-set 1' >/dev/null
until_said 'MARK cpus 0$'
eventually 'one vCPU' 'info control' 'vCPUs: 1 up, 1 wanted, 4 at most'
ask 'vcpu-set 4' >/dev/null
until_said 'MARK cpus 0-3$' 2
ask 'vcpu-set 2 off' >/dev/null
until_said 'MARK cpus 0-1,3$'
ask 'vcpu-set 2 on' >/dev/null
until_said 'MARK cpus 0-3$' 3
guest 'for i in 1 2 3 4 5 6 7 8; do seq 1 500 | md5sum & done | sort -u | wc -l | sed "s/^/MARK jobs /"'
until_said 'MARK jobs 1$'

ask 'sysrq h' >/dev/null
until_said 'sysrq: HELP'

# Suspend: it stops, is kept, and goes on.
ask system_suspend >/dev/null
eventually 'suspended' 'info status' 'paused (suspended)'
one=$(ask 'info status')
sleep 1
is 'a suspended guest stands still' "$(ask 'info status')" "$one"
ask system_wakeup >/dev/null
guest 'echo MARK woken'
until_said 'MARK woken'

# Clients that talk nonsense, stall and drop.
if command -v python3 >/dev/null 2>&1; then
	python3 - "$spot/mon" >"$dir/clients" <<-'END'
	import os, socket, sys, time
	def client():
	    s = socket.socket(socket.AF_UNIX)
	    s.connect(sys.argv[1])
	    s.settimeout(20)
	    return s
	def answer(s):
	    b = b""
	    while not b.endswith(b"(paravane) "):
	        d = s.recv(65536)
	        if not d: break
	        b += d
	    return b
	for i in range(20):
	    s = client()
	    answer(s)
	    if i % 4 == 0: s.send(os.urandom(3000))
	    if i % 4 == 1: s.send(b"help")
	    if i % 4 == 2: s.send(b"x" * 100000)
	    if i % 4 == 3:
	        # Asks much and reads nothing.
	        s.setblocking(False)
	        try:
	            while True: s.send(b"help\n" * 1000)
	        except BlockingIOError:
	            time.sleep(0.2)
	    s.close()
	s = client()
	answer(s)
	s.send(b"y" * 5000 + b"\n")
	print("long" if b"longer than 4095" in answer(s) else "?")
	s.send(b"info name\n")
	print(answer(s).decode().split("\n")[0])
	s.send(b"p 1\np 2\r\np 3\n")
	time.sleep(0.5)
	print(answer(s).decode().count("0x"))
	END
	is 'after the nonsense' "$(tr '\n' ' ' <"$dir/clients")" 'long control 3 '
fi
if [ -f "$dir/tree/modules/xen-blkfront.ko" ] && [ -f "$dir/tree/modules/xen-netfront.ko" ]; then
	. "$here/control_plug.sh"
else
	echo "control: no modules of front ends for $version beside the kernel; disks and cards are skipped"
fi

# The ends and the beginnings.
before=$(instructions)
ask system_reboot >/dev/null
until_said 'MARK obeys reboot'
younger 'a new life' "$before"
sleep 1
before=$(instructions)
ask system_reset >/dev/null
younger 'and another' "$before"
until_said 'MARK ready' 2
ask system_powerdown >/dev/null
until_said 'MARK obeys poweroff'
eventually 'off, and kept' 'info status' 'paused (shutdown)'
is 'nothing to stop' "$(ask 'system_powerdown')" 'system_powerdown: the guest has ended; system_reset begins it anew'
ask system_reset >/dev/null
eventually 'on again' 'info status' 'VM status: running'
printf '\001cquit\n' >&3
ended 'quit' 0

# -S: not before somebody says so.
begin stopped -S
eventually 'not begun' 'info status' 'paused (prelaunch)'
sleep 1
is 'nothing has run' "$(ask 'info status' | tail -n 1)" 'guest time 0.000000000 s, 0 instructions'
ask cont >/dev/null
eventually 'begun' 'info status' 'VM status: running'
printf '\001cquit 7\n' >&3
ended 'quit with a code' 7

finish
