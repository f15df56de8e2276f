#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# windows.sh BUILD KERNEL BUSYBOX WORKDIR: the program for Windows, built by Debian's mingw-w64 and run by its wine64, beside the
# native one in BUILD: unit tests, vectors, Debian boots and disks that must end in the same state on both, consoles and
# monitors on TCP, a wire between one guest on each. What does not run there is in tests/windows/left_out. Exit code 77: wine64 or
# mingw-w64 is not there.
#   JOBS (2)  of make and of unit tests        WINDOWS_UNIT="SUITE..."  these alone    WINDOWS_BUT="SUITE..."  without these
[ $# = 4 ] || { echo "usage: $0 BUILD KERNEL BUSYBOX WORKDIR" >&2; exit 1; }
native=$(cd "$1" && pwd) kernel=$2 busybox=$3 suite=windows
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/checks.sh"
. "$root/script/setup.sh"
cc=x86_64-w64-mingw32-gcc jobs=${JOBS:-2} wine=
for w in wine64 /usr/lib/wine/wine64 wine64-stable; do
	[ -n "$wine" ] || wine=$(command -v "$w")
done
if [ -z "$wine" ] || ! command -v $cc >/dev/null; then
	echo "there is no wine64 or no $cc (Debian packages: $windows_packages)"
	exit 77
fi
mkdir -p "$4" && dir=$(cd "$4" && pwd) && mkdir -p "$dir/build" || exit 1

# Windows of its own, without a screen; its server ends with us, and with it whatever still runs.
unset DISPLAY
# wine takes names and arguments to be in the locale's character set.
export LC_ALL=C.UTF-8
export WINEPREFIX="$dir/wine" WINEDEBUG=-all WINEARCH=win64 srcdir="$root"
server=$(command -v wineserver || echo /usr/lib/wine/wineserver)
trap '"$server" -k >/dev/null 2>&1' EXIT
"$server" -p >/dev/null 2>&1
win() { # win SECONDS PROGRAM ARGS...
	limit=$1
	shift
	timeout "$limit" "$wine" "$@"
}

# ---- building ----

(
	cd "$dir/build" || exit
	[ -f config.status ] && [ config.status -nt "$root/configure" ] ||
		"$root/configure" --host=x86_64-w64-mingw32 CFLAGS=-O1 --enable-werror --without-check --with-grub-xen=no GUEST_CC=no || exit
	$cc -std=gnu11 -O1 -c -o nocheck.o "$root/tests/vectors/nocheck/check.c" || exit
	make -j "$jobs" all obj/release/vectors.exe tests/check.exe CHECK_CFLAGS="-I$root/tests/vectors/nocheck" CHECK_LIBS=nocheck.o
) >"$dir/build.log" 2>&1
is 'it builds' $? 0
program=$dir/build/paravane.exe
if [ ! -f "$program" ]; then
	grep -a -E 'error|undefined' "$dir/build.log" | head -n 20
	finish
fi
# The first start makes the directory of Windows, which takes long.
win 600 "$program" -h >"$dir/help.out" 2>"$dir/help.err"
is 'help' $? 0

# ---- the processor, the units ----

win 1800 "$dir/build/obj/release/vectors.exe" -c "$root/tests/vectors/recorded" >"$dir/vectors.log" 2>&1
is "vectors ($(tail -n 1 "$dir/vectors.log" | tr -d '\r'))" $? 0

CK_LEAVE_OUT=$(sed -n 's/^test \([a-z0-9_:]*\).*/\1/p' "$root/tests/windows/left_out" | tr '\n' ' ' | sed 's/ $//')
# An ELF in a bzImage may be packed with what this build cannot unpack.
"$native/obj/release/vectors" unpack "$kernel" "$dir/vmlinux"
export CK_LEAVE_OUT PARAVANE_TEST_KERNEL="$dir/vmlinux"
units=${WINDOWS_UNIT:-$(win 60 "$dir/build/tests/check.exe" -l | tr -d '\r')}
for u in ${WINDOWS_BUT:-}; do
	units=$(echo "$units" | tr ' ' '\n' | grep -v -x "$u")
done
rm -rf "$dir/unit"
mkdir -p "$dir/unit"
export dir wine
# shellcheck disable=SC2016
echo "$units" | tr ' ' '\n' | xargs -P "$jobs" -I '{}' sh -c \
	'timeout 1200 "$wine" "$dir/build/tests/check.exe" {} 2>&1 | tr -d "\r" >"$dir/unit/{}.out"'
for u in $units; do
	said=$(grep -a '^[0-9]*%: Checks: ' "$dir/unit/$u.out")
	case $said in
	100%*) pass "unit tests: $u" ;;
	*)
		fail "unit tests: $u: ${said:-it did not end}"
		grep -a -E '^FAIL|:F:' "$dir/unit/$u.out" | head -n 10
		;;
	esac
done

# ---- Debian: the same run on both ----

# guest HOST NAME OPTIONS...: HOST is native or windows; console in HOST-NAME.out, numbers in HOST-NAME.err.
guest() {
	host=$1 name=$2
	shift 2
	if [ "$host" = native ]; then set -- "$native/paravane" "$@"; else set -- "$wine" "$program" "$@"; fi
	timeout 1200 "$@" </dev/null >"$dir/$host-$name.out" 2>"$dir/$host-$name.err"
	echo $? >"$dir/$host-$name.rc"
}

# state HOST-NAME: what both must agree on.
state() {
	sed -n -e '/^instructions:/p' -e '/^guest time:/p' -e '/^state hash:/p' "$dir/$1.err" | tr -s ' \r\n' ' '
}

marked() { # marked HOST-NAME WORDS
	tr -d '\r' <"$dir/$1.out" | sed -n "s/.*MARK $2 *//p" | head -n 1
}

# both NAME OPTIONS...: the run on each, in a directory of its own, compared.
both() {
	what=$1
	shift
	for h in native windows; do
		(
			cd "$dir/$h" || exit
			guest $h "$what" "$@"
		)
	done
	is "$what: power off" "$(cat "$dir/windows-$what.rc")" 0
	is "$what: the same run as here" "$(state "windows-$what")" "$(state "native-$what")"
	if [ -s "$dir/native-$what.out" ] && cmp -s "$dir/native-$what.out" "$dir/windows-$what.out"; then
		pass "$what: the same console"
	else
		fail "$what: consoles differ: $dir/native-$what.out $dir/windows-$what.out"
	fi
}

rm -rf "$dir/native" "$dir/windows"
mkdir -p "$dir/native" "$dir/windows"
make_initrd "$busybox" "$root/tests/boot.d" "$dir/initrd.gz"
cp "$dir/initrd.gz" "$dir/Erste Platte Größe €.gz"
both boot -M xenpv -name boot -m 256 -smp 2 -kernel ../vmlinux -initrd '../Erste Platte Größe €.gz' -append "console=hvc0 quiet $brief work=0" \
	-serial stdio -icount sleep=off -stats -timeout 1100

version=$(basename "$kernel" | sed 's/^vmlinuz-//')
modules=$(cd "$(dirname "$kernel")/.." && pwd)/lib/modules/$version/kernel/drivers
if [ -f "$modules/block/xen-blkfront.ko" ] && command -v qemu-img >/dev/null; then
	rm -rf "$dir/tree"
	mkdir -p "$dir/tree/lib" "$dir/tree/mnt"
	cp "$root/tests/disk.d/init" "$dir/tree/"
	cp "$modules/block/xen-blkfront.ko" "$dir/tree/lib/"
	make_initrd "$busybox" "$dir/tree" "$dir/disk.gz"
	for h in native windows; do
		truncate -s 16M "$dir/$h/ein Bild für 世界.raw"
		qemu-img create -q -f qcow2 "$dir/$h/b.qcow2" 16M
		head -c 8388608 "$kernel" >"$dir/$h/base.raw"
		(cd "$dir/$h" && qemu-img create -q -f qcow2 -b base.raw -F raw 'c é.qcow2' 16M)
	done
	both disks -M xenpv -name disk -m 200 -kernel ../vmlinux -initrd ../disk.gz -append "console=hvc0 quiet $brief do=write" -serial stdio \
		-timeout 1100 -icount sleep=off -stats -drive 'file=ein Bild für 世界.raw,format=raw,cache=none' \
		-drive file=b.qcow2,format=qcow2 -drive 'file=c é.qcow2,format=qcow2'
	is 'disks: the pieces are where they belong' "$(marked windows-disks 'xvda pieces')$(marked windows-disks 'xvdb pieces')" \
		"$(marked native-disks 'xvda pieces')$(marked native-disks 'xvdb pieces' | grep . || echo something)"
	if cmp "$dir/native/ein Bild für 世界.raw" "$dir/windows/ein Bild für 世界.raw"; then pass 'raw: the same image'; else
		fail 'raw: the images differ'; fi
	for f in b.qcow2 'c é.qcow2'; do
		qemu-img check -q "$dir/windows/$f" >/dev/null 2>&1
		is "$f: its tables are right" $? 0
		qemu-img compare -q "$dir/native/$f" "$dir/windows/$f"
		is "$f: the same contents" $? 0
	done
else
	echo "left out: disks (no xen-blkfront.ko beside the kernel, or no qemu-img)"
fi

# ---- sockets ----

cat >"$dir/tcp.py" <<'END'
# tcp.py KIND PORT: what comes from a console, or a conversation with a monitor.
import socket, sys, time
for i in range(600):
	try:
		s = socket.create_connection(("127.0.0.1", int(sys.argv[2])), 600)
		break
	except OSError:
		time.sleep(0.2)
if sys.argv[1] == "monitor":
	s.sendall(b"info name\ninfo status\nquit\n")
while True:
	try:
		data = s.recv(65536)
	except ConnectionResetError:
		break
	if not data:
		break
	sys.stdout.buffer.write(data)
END
p=$((20000 + $$ % 20000))
guest windows tcp -M xenpv -name tcp -m 128 -kernel "$dir/vmlinux" -initrd "$dir/initrd.gz" -append "console=hvc0 quiet $brief work=0" \
	-serial "tcp:127.0.0.1:$p,server=on" -timeout 1100 &
g=$!
timeout 1100 python3 "$dir/tcp.py" console "$p" >"$dir/tcp.out"
wait $g
is 'console on TCP: power off' "$(cat "$dir/windows-tcp.rc")" 0
has 'console on TCP: to the end' "$dir/tcp.out" 'MARK ending poweroff'

guest windows monitor -M xenpv -name watched -m 128 -kernel "$dir/vmlinux" -append console=hvc0 -serial "file:$dir/windows/console ü.txt" \
	-monitor "tcp:127.0.0.1:$((p + 1)),server=on,wait=off" -S -timeout 1100 &
g=$!
timeout 1100 python3 "$dir/tcp.py" monitor "$((p + 1))" >"$dir/monitor.out"
wait $g
is 'monitor on TCP: quit' "$(cat "$dir/windows-monitor.rc")" 0
has 'monitor on TCP: it answers' "$dir/monitor.out" watched
has 'monitor on TCP: the guest waits' "$dir/monitor.out" paused

# The standard input is read by a thread.
(printf 'info name\n' && sleep 2 && printf 'quit\n' && sleep 30) | win 600 "$program" -M xenpv -name piped -m 128 \
	-kernel "$dir/vmlinux" -monitor stdio -serial null -S >"$dir/stdio.out" 2>"$dir/stdio.err"
is 'monitor on the standard input: quit' $? 0
has 'monitor on the standard input: it answers' "$dir/stdio.out" piped

guest windows unix -M xenpv -m 128 -kernel "$dir/vmlinux" -serial "unix:$dir/sock,server=on,wait=off" -timeout 5
case $(cat "$dir/windows-unix.rc") in
1) has 'unix: a sentence' "$dir/windows-unix.err" 'no Unix sockets' ;;
*) is 'unix: is there, or refused' "$(cat "$dir/windows-unix.rc")" 3 ;;
esac
guest windows pty -M xenpv -m 128 -kernel "$dir/vmlinux" -serial pty
is 'pty: refused' "$(cat "$dir/windows-pty.rc")" 1
has 'pty: a sentence' "$dir/windows-pty.err" 'no pseudo-terminals'

if [ -f "$modules/net/xen-netfront.ko" ]; then
	rm -rf "$dir/tree"
	mkdir -p "$dir/tree/modules"
	cp "$root/tests/net.d/init" "$dir/tree/init"
	cp "$modules/net/xen-netfront.ko" "$dir/tree/modules/"
	make_initrd "$busybox" "$dir/tree" "$dir/net.gz"
	wire() { # wire HOST NAME APPEND NIC
		guest "$1" "$2" -name "$2" -m 128 -kernel "$dir/vmlinux" -initrd "$dir/net.gz" -append "console=hvc0 quiet $brief $3" -serial stdio \
			-timeout 1100 -nic "$4"
	}
	q=$((p + 2))
	wire windows left 'addr=192.168.9.1/24 serve=99' "stream,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port=$q" &
	left=$!
	wire windows right 'addr=192.168.9.2/24 wait=192.168.9.1 send=192.168.9.1:99' \
		"stream,addr.type=inet,addr.host=127.0.0.1,addr.port=$q,reconnect=1" &
	right=$!
	wait $left $right
	is 'wire: exit codes' "$(cat "$dir/windows-left.rc" "$dir/windows-right.rc" | tr '\n' ' ')" '0 0 '
	is 'wire: ping' "$(marked windows-right ping)" answered
	is 'wire: a file' "$(marked windows-left served)" "$(marked windows-right sent | grep . || echo something)"
	wire windows left 'addr=192.168.9.1/24 serve=99' "socket,listen=127.0.0.1:$((p + 3))" &
	left=$!
	wire native right 'addr=192.168.9.2/24 wait=192.168.9.1 send=192.168.9.1:99' \
		"stream,addr.type=inet,addr.host=127.0.0.1,addr.port=$((p + 3)),reconnect=1" &
	right=$!
	wait $left $right
	is 'wire to here: exit codes' "$(cat "$dir/windows-left.rc" "$dir/native-right.rc" | tr '\n' ' ')" '0 0 '
	is 'wire to here: a file' "$(marked windows-left served)" "$(marked native-right sent | grep . || echo something)"
else
	echo 'left out: the wire (no xen-netfront.ko beside the kernel)'
fi
finish
