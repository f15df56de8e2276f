#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# cli.sh PROGRAM KERNEL WORKDIR: bad input. Each case exits with 1 and says, in one line on standard error, the file or
# the value and the way out.
[ $# = 3 ] || { echo "usage: $0 PROGRAM KERNEL WORKDIR" >&2; exit 1; }
program=$1 kernel=$2 dir=$3 suite=cli
. "$(dirname "$0")/checks.sh"
mkdir -p "$dir"

# refused NAME TEXT OPTIONS...
refused() {
	name=$1 text=$2
	shift 2
	"$program" -timeout 20 -serial null "$@" </dev/null >"$dir/out" 2>"$dir/err"
	is "$name: exit code" $? 1
	has "$name: sentence" "$dir/err" "$text"
	is "$name: one line" "$(grep -c . "$dir/err")" 1
}

: >"$dir/empty"
head -c 3000 "$kernel" >"$dir/short"
head -c 4000000 "$kernel" >"$dir/half"
printf '\001\002\003\004\005' >"$dir/notext"
printf '\177ELF\002\001\001' >"$dir/elf"
cat "$program" >"$dir/notes" # an ELF file, and no guest
head -c 2000 /dev/zero | tr '\0' x >"$dir/long"

refused 'no kernel' -kernel
refused 'no kernel, no disk' '-hda disk.img'
refused 'a RAM disk without a kernel' 'as in -kernel vmlinuz' -initrd "$dir/short" -hda "$dir/short"
refused 'a command line without a kernel' 'as in -kernel vmlinuz' -append console=hvc0 -hda "$dir/short"
refused 'a boot loader and a kernel' 'leave one of the two out' -bootloader "$dir/short" -kernel "$kernel" -hda "$dir/short"
refused 'a boot loader without a name' "-bootloader ''" -bootloader '' -hda "$dir/short"
refused 'a boot loader without a disk' '-hda disk.img' -bootloader "$kernel"
refused 'a boot loader for a bare machine' '-M xenpv' -M none -bios "$dir/short" -bootloader "$dir/short"
refused 'a missing boot loader' "boot loader $dir/none" -bootloader "$dir/none" -drive "file=$dir/short,format=raw"
refused 'a directory as boot loader' "boot loader $dir" -bootloader "$dir" -drive "file=$dir/short,format=raw"
refused 'an empty boot loader' "boot loader $dir/empty" -bootloader "$dir/empty" -drive "file=$dir/short,format=raw"
refused 'a text as boot loader' "$dir/long is no boot loader" -bootloader "$dir/long" -drive "file=$dir/short,format=raw"
refused 'a program as boot loader' "$dir/notes is no boot loader" -bootloader "$dir/notes" -drive "file=$dir/short,format=raw"
refused 'missing kernel' "$dir/none" -kernel "$dir/none"
refused 'kernel is a directory' "$dir" -kernel "$dir"
refused 'empty kernel' "$dir/empty" -kernel "$dir/empty"
refused 'short bzImage' "$dir/short" -kernel "$dir/short"
refused 'truncated bzImage' "$dir/half" -kernel "$dir/half"
refused 'truncated ELF' "$dir/elf" -kernel "$dir/elf"
refused 'ELF without notes' "$dir/notes" -kernel "$dir/notes"
# arm64's mark at byte 56; a cpio archive, packed; a zip archive.
{ head -c 56 /dev/zero; printf 'ARM\144'; head -c 100 /dev/zero; } >"$dir/arm64"
printf '07070100000000' | gzip -c >"$dir/cpio.gz"
printf 'PK\003\004 and so on' >"$dir/zip"
refused 'an arm64 Image' 'an arm64 Image' -kernel "$dir/arm64"
refused 'a zip' 'a zip archive' -kernel "$dir/zip"
refused 'swapped kernel and initrd' 'give it with -initrd' -kernel "$dir/cpio.gz" -initrd "$kernel"
refused 'missing initrd' "$dir/none" -kernel "$kernel" -initrd "$dir/none"
refused 'initrd is a directory' "$dir" -kernel "$kernel" -initrd "$dir"
refused 'too little memory' 'MiB' -kernel "$kernel" -m 32
refused 'no memory' '-m' -kernel "$kernel" -m 0
refused 'memory of no number' 'lots' -kernel "$kernel" -m lots
refused 'many CPUs' 999 -kernel "$kernel" -smp 999
refused 'no CPUs' '-smp' -kernel "$kernel" -smp 0
refused 'long command line' 1023 -kernel "$kernel" -append "$(cat "$dir/long")"
refused 'unknown option' kernel -kernal "$kernel"
refused 'option without value' '-kernel' -kernel
refused 'an option of QEMU alone' 'this option of QEMU' -gdb tcp::1234
refused 'a network by its option' "-nic 'foo'" -kernel "$kernel" -nic foo
refused 'a pid file nowhere' "$dir/no/pid" -pidfile "$dir/no/pid" -kernel "$kernel"
refused 'background that fails' "$dir/none" -daemonize -kernel "$dir/none"
refused 'unknown machine' pc -M pc -kernel "$kernel"
refused 'unknown CPU' "'haswell'" -cpu haswel -kernel "$kernel"
refused 'unknown feature' "'fsgsbase'" -cpu max,+fsgsbas -kernel "$kernel"
refused 'feature we lack' 'not implemented' -cpu max,+avx512f -kernel "$kernel"
refused 'level we lack' 'x86-64-v3' -cpu x86-64-v4 -kernel "$kernel"
refused 'a 32-bit CPU' x86-64-v1 -cpu 486 -kernel "$kernel"
refused 'long mode taken away' 'long mode' -cpu max,-sse2 -kernel "$kernel"
refused 'no image' -bios -M none
refused 'missing image' "$dir/none" -M none -bios "$dir/none"
refused 'empty image' "$dir/empty" -M none -bios "$dir/empty"
refused 'large image' '512 KiB' -M none -bios "$dir/half"
refused 'bare machine with a kernel' -bios -M none -kernel "$kernel"
refused 'bare machine with CPUs' -smp -M none -bios "$dir/short" -smp 2
refused 'bare machine with much memory' 3072 -M none -bios "$dir/short" -m 4G
refused 'firmware for a PV guest' '-M none' -bios "$dir/short"
refused 'unknown type of network' 'user?' -kernel "$kernel" -nic usr
refused 'unknown property of a network' 'hostfwd?' -kernel "$kernel" -nic user,hostfw=tcp::1-:1
refused 'card without its network' n0 -kernel "$kernel" -device xen-net-device,netdev=n0
refused 'nobody on the wire' 'start the other side' -kernel "$kernel" -nic "stream,addr.type=unix,addr.path=$dir/none"
refused 'pcap file that cannot be' "$dir/none/x" -kernel "$kernel" -nic stream,id=n,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port=0 \
	-object "filter-dump,netdev=n,file=$dir/none/x"
refused 'unknown log item' everything -d everything -kernel "$kernel"
refused 'log nowhere' "$dir/no/log" -d int -D "$dir/no/log" -kernel "$kernel"
refused 'console nowhere' "$dir/no/console" -kernel "$kernel" -serial "file:$dir/no/console"

# shown NAME TEXT OPTIONS...
shown() {
	name=$1 text=$2
	shift 2
	"$program" "$@" </dev/null >"$dir/out" 2>"$dir/err"
	is "$name: exit code" $? 0
	has "$name" "$dir/out" "$text"
	is "$name: nothing else" "$(grep -c . "$dir/err")" 0
}
shown help 'Exit codes' -h
shown 'help, the long word' Examples --help
shown version 'paravane version 0.1.0' -version
# The program's libraries are those that configure looks for, save the one of the unit tests.
is 'version: libraries' "$(sed '1,/^libraries:/d; /^License/,$d' "$dir/out" | grep -c -E ' (yes|not built in)$')" \
	"$(grep '^PV_LIB(' "$(dirname "$0")/../configure.ac" | grep -c -v '^PV_LIB(\[check\]')"
shown machines xenpv -M help
shown 'CPU models' max -cpu help
shown 'log items' guest_errors -d help
shown 'the tree' /dts-v1/ -kernel "$kernel" -dumpdts
shown 'features' avx2 -cpu help
shown 'bare machine' none -M help

# Memory that the guest does not use costs nothing, however much it is; a time limit holds while the guest is made.
"$program" -timeout 1 -stats -serial null -m 900G -kernel "$kernel" </dev/null >"$dir/out" 2>"$dir/err"
is 'memory without end: exit code' $? 3
[ "$(getconf _PHYS_PAGES 2>/dev/null || echo 0)" -gt 200000000 ] ||
	has 'memory without end: a warning' "$dir/err" 'and this machine'
used=$(sed -n 's/^resident memory: *\([0-9]*\).*/\1/p' "$dir/err")
is "memory without end: ${used:-no number of} MiB are used" "$((${used:-9999} < 600))" 1

# warned NAME TEXT OPTIONS...: the guest runs, until the timeout, and a line says so.
warned() {
	name=$1 text=$2
	shift 2
	# A loaded machine may not come so far in a moment: then it gets longer.
	for limit in 2 40; do
		"$program" -kernel "$kernel" -timeout $limit -serial null "$@" </dev/null >"$dir/out" 2>"$dir/err"
		rc=$?
		! grep -qF -- "$text" "$dir/err" || break
	done
	# In so long a time the kernel finds out that it has no disk, and panics.
	if [ "$limit" != 2 ] && [ "$rc" = 2 ]; then rc=3; fi
	is "$name: exit code" "$rc" 3
	has "$name: sentence" "$dir/err" "$text"
	is "$name: said once" "$(grep -cF -- "$text" "$dir/err")" 1
}
warned 'stopped for ever' 'no monitor is there to say cont' -S
warned 'a kernel as initrd' 'are -kernel and -initrd swapped?' -initrd "$kernel"
warned 'a zip as initrd' 'a zip archive' -initrd "$dir/zip"
warned 'nonsense as initrd' 'of no kind that Linux knows' -initrd "$dir/notext"
if "$program" -version | grep -q 'libslirp.*yes'; then
	warned 'a monitor within reach' 'add host-loopback=off to the network, or use unix:PATH' -nic user \
		-monitor tcp:127.0.0.1:0,server=on,wait=off
fi
rm -f "$dir/nolog"
warned 'a log of nothing' 'nothing is logged without -d' -D "$dir/nolog"
is 'a log of nothing: no file' "$(ls "$dir/nolog" 2>/dev/null)" ''
warned 'a log on a full disk' 'the log /dev/full cannot be written (No space left on device)' -d hypercall -D /dev/full
"$program" -kernel "$kernel" -initrd "$dir/cpio.gz" -timeout 2 -serial null </dev/null >"$dir/out" 2>"$dir/err"
is 'a good initrd: no warning' "$(grep -c warning "$dir/err")" 0

# Output that leads nowhere: one sentence, and the exit code of an error of the host's.
"$program" -version >/dev/full 2>"$dir/err"
is 'version on a full disk: exit code' $? 1
has 'version on a full disk' "$dir/err" 'standard output cannot be written'

# image NAME FILE: a bare guest's image, from its array.
image() {
	sed -n "/blob_$1\\[\\]/,/^};/p" "$(dirname "$0")/guests/bare/blobs.h" | tr -d '\t\n' | sed 's/.*{//; s/}.*//' |
		tr ',' '\n' | awk '
		function put(v) { line = line sprintf("\\%03o", v); if (++n % 64 == 0) { print "printf \047" line "\047"; line = "" } }
		state == 0 { at = $1; state = 1; next }
		state == 1 { left = $1; if (!left) exit; while (n < at) put(0); state = 2; next }
		{ put($1); if (--left == 0) state = 0 }
		END { while (n < 65536) put(0) }' | sh >"$2"
}
image real "$dir/real.bin"
# bare NAME EXIT-CODE OPTIONS...
bare() {
	name=$1 code=$2
	shift 2
	"$program" -M none -m 8 -timeout 20 -stats -serial "file:$dir/con" "$@" </dev/null >"$dir/out" 2>"$dir/err"
	is "$name: exit code" $? "$code"
}
# Images of 48 bytes: code at F000:FFD0, the way there from F000:FFF0.
reset=$(printf '%014d' 0 | sed 's/0/\\220/g') # nops
reset="\\353\\336$reset"
# mov al, 'A'; out 0xe9, al; cli; hlt: it prints, and ends.
printf '\260A\346\351\372\364%b%b' "$(printf '%026d' 0 | sed 's/0/\\220/g')" "$reset" >"$dir/hello"
# jmp to itself.
printf '\353\376%b%b' "$(printf '%030d' 0 | sed 's/0/\\220/g')" "$reset" >"$dir/spin"
bare 'bare machine' 1 -bios "$dir/real.bin"
is 'bare machine: checks' "$(grep -c '^ok' "$dir/con")" 43
is 'bare machine: failures' "$(grep -c '^not ok' "$dir/con")" 0
hash=$(grep 'state hash' "$dir/err")
bare 'bare machine, single steps' 1 -bios "$dir/real.bin" -singlestep
is 'bare machine, single steps: state' "$(grep 'state hash' "$dir/err")" "$hash"
bare 'bare machine, log' 1 -bios "$dir/real.bin" -d in_asm,int -D "$dir/log"
has 'bare machine, log' "$dir/log" 'IN: vcpu 0'
has 'bare machine, log: traps' "$dir/log" 'INT 0x'
is 'bare machine, log: each trap with count and time' "$(grep ' trap ' "$dir/log" | grep -vc '^\[[0-9]* [0-9]*\.[0-9]*\] d1 v0: ')" 0
bare 'bare machine, log of a part' 1 -bios "$dir/real.bin" -d exec,int,from=1000i,to=1500i -D "$dir/log"
is 'bare machine, log of a part: its end' "$(sed -n 's/^Trace.*\[\([0-9]*\)\]$/\1/p' "$dir/log" | awk '$1 < 1000 || $1 >= 1500' | grep -c .)" 0
has 'bare machine, log of a part' "$dir/log" 'Trace 0: '
bare 'bare machine, log of an address' 1 -bios "$dir/real.bin" -d exec,in_asm -dfilter 0xf0000..0xfffff -D "$dir/log"
is 'bare machine, log of an address: no other' "$(grep -c '^Trace 0: 0000000000000' "$dir/log")" 0

# The console of a guest that ends well, on a full disk and on a pipe that is closed.
for to in /dev/full closed; do
	: >"$dir/rc"
	if [ $to = closed ]; then
		{ "$program" -M none -m 8 -bios "$dir/hello" -timeout 20 -serial stdio </dev/null 2>"$dir/err"; echo $? >"$dir/rc"; } | true
	else
		"$program" -M none -m 8 -bios "$dir/hello" -timeout 20 -serial stdio </dev/null >$to 2>"$dir/err"
		echo $? >"$dir/rc"
	fi
	is "console, $to: exit code" "$(cat "$dir/rc")" 1
	has "console, $to: sentence" "$dir/err" 'what the guest prints from here on is lost'
	is "console, $to: one line" "$(grep -c . "$dir/err")" 1
done
"$program" -M none -m 8 -bios "$dir/hello" -timeout 20 -serial file:/dev/full </dev/null >"$dir/out" 2>"$dir/err"
is 'console file, full: exit code' $? 1
is 'console file, full: one line' "$(grep -c . "$dir/err")" 1
"$program" -M none -m 8 -bios "$dir/hello" -timeout 20 -serial stdio </dev/null >"$dir/out" 2>"$dir/err"
is 'console, a good one: exit code' $? 0

# A console's peer that does not read: the guest stands, its monitor answers, and nothing is lost or another than without.
if command -v python3 >/dev/null 2>&1; then
	# mov ebx, 3000000; mov al, 'A'; out 0xe9, al; dec ebx; jnz out; cli; hlt
	printf 'f\273\300\306\055\000\260A\346\351fKu\372\372\364%b%b' "$(printf '%016d' 0 | sed 's/0/\\220/g')" "$reset" >"$dir/chatty"
	"$program" -M none -m 8 -bios "$dir/chatty" -timeout 300 -stats -serial null </dev/null 2>"$dir/err" >"$dir/out"
	hash=$(grep 'state hash' "$dir/err")
	spot=$(mktemp -d)
	"$program" -M none -m 8 -bios "$dir/chatty" -timeout 300 -stats -serial "unix:$spot/con,server=on,wait=on" \
		-monitor "unix:$spot/mon,server=on,wait=off" </dev/null 2>"$dir/err" >"$dir/out" &
	pid=$!
	python3 - "$spot" >"$dir/out.peer" <<-'END'
		import socket, sys, time

		def connect(name):
		    s = socket.socket(socket.AF_UNIX)
		    s.settimeout(100)
		    for _ in range(1000):
		        try:
		            s.connect(sys.argv[1] + "/" + name)
		            return s
		        except OSError:
		            time.sleep(0.05)

		def said(s):
		    text = b""
		    while not text.endswith(b"(paravane) "):
		        text += s.recv(4096)
		    return text

		con, mon = connect("con"), connect("mon")
		said(mon)
		at = []
		while len(at) < 3 or len(set(at[-3:])) > 1:
		    time.sleep(0.3)
		    mon.sendall(b"info status\n")
		    at.append(said(mon))
		print("stands" if b"running" in at[-1] and b" 9000005 " not in at[-1] else at[-1])
		print("why" if b"held until somebody reads" in at[-1] and b"disk" not in at[-1] else at[-1])
		n = 0
		while True:
		    got = con.recv(65536)
		    if not got or got.strip(b"A"):
		        break
		    n += len(got)
		print(n)
	END
	wait $pid
	is 'a peer that does not read: exit code' $? 0
	is 'a peer that does not read: the guest stands, the monitor answers, nothing is lost' "$(tr '\n' ' ' <"$dir/out.peer")" 'stands why 3000000 '
	is 'a peer that does not read: state' "$(grep 'state hash' "$dir/err")" "$hash"
	rm -rf "$spot"
fi

# Told to end while its kernel is read: whoever opens a FIFO to write has waited for it to be opened to read.
spot=$(mktemp -d)
mkfifo "$spot/kernel"
"$program" -M xenpv -kernel "$spot/kernel" -serial null -timeout 60 </dev/null >"$dir/out" 2>"$dir/err" &
pid=$!
exec 4>"$spot/kernel"
kill -TERM $pid
wait $pid
is 'a signal while a kernel is read: exit code' $? 1
exec 4>&-
has 'a signal while a kernel is read: sentence' "$dir/err" 'ended by signal 15 (SIGTERM) before the guest ran'
# Nobody ever writes into it.
"$program" -M xenpv -kernel "$kernel" -initrd "$spot/kernel" -serial null -timeout 60 </dev/null >"$dir/out" 2>"$dir/err" &
pid=$!
sleep 1
kill -TERM $pid
wait $pid
is 'a FIFO without a writer: exit code' $? 1
has 'a FIFO without a writer: sentence' "$dir/err" 'ended by signal 15 (SIGTERM) before the guest ran'
# What comes out of a pipe is as good as a file, if it has an end.
cat "$kernel" >"$spot/kernel" &
"$program" -M xenpv -kernel "$spot/kernel" -serial null -timeout 1 </dev/null >"$dir/out" 2>"$dir/err"
is 'a kernel out of a pipe: it runs until the time is up' $? 3
yes >"$spot/kernel" 2>/dev/null &
refused 'a pipe without an end' "larger than the guest's memory" -kernel "$kernel" -m 64 -initrd "$spot/kernel"
refused 'a device as kernel' 'the kernel /dev/zero is a device' -kernel /dev/zero
refused 'a device as RAM disk' 'the initrd /dev/zero is a device' -kernel "$kernel" -initrd /dev/zero
refused 'a device as image' 'the image /dev/zero is a device' -M none -bios /dev/zero
refused 'a FIFO as disk' "$spot/kernel" -kernel "$kernel" -drive "file=$spot/kernel,format=raw"
refused 'a log that nobody reads' 'nobody reads this FIFO' -kernel "$kernel" -d hypercall -D "$spot/kernel"
rm -rf "$spot"

# In the background: back when the guest is there, a pid file that is its own, and gone at the end.
"$program" -M none -m 8 -bios "$dir/spin" -serial null -daemonize -pidfile "$dir/pid" -timeout 60 </dev/null >"$dir/out" 2>"$dir/err"
is 'background: exit code' $? 0
pid=$(cat "$dir/pid")
if kill -0 "$pid" 2>/dev/null; then pass 'background: it runs'; else fail "background: no process '$pid'"; fi
is 'background: a session of its own' "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid"
refused 'a pid file that is taken' 'another process has it' -M none -bios "$dir/spin" -pidfile "$dir/pid"
is 'a pid file that is taken stays' "$(cat "$dir/pid")" "$pid"
kill "$pid"
tries=0
while [ -e "$dir/pid" ] && [ $tries -lt 300 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
is 'background: the pid file is gone' "$(ls "$dir/pid" 2>/dev/null)" ''

# At a crash and at an end the pid file goes, unless it is another's by then.
for sig in ABRT TERM; do
	for change in none replaced; do
		rm -f "$dir/pid"
		# shellcheck disable=SC3045
		(ulimit -c 0 && exec "$program" -M none -m 8 -bios "$dir/spin" -serial null -pidfile "$dir/pid" -timeout 60 </dev/null >"$dir/out" 2>"$dir/err") &
		pid=$!
		tries=0
		while [ ! -s "$dir/pid" ] && [ $tries -lt 300 ]; do
			tries=$((tries + 1))
			sleep 0.1
		done
		sleep 0.3 # until it is guarded
		[ $change = none ] || { echo other >"$dir/pid.new" && mv "$dir/pid.new" "$dir/pid"; }
		kill -$sig $pid
		wait $pid 2>/dev/null
		if [ $change = none ]; then wanted=; else wanted=other; fi
		is "a pid file after SIG$sig, $change" "$(cat "$dir/pid" 2>/dev/null)" "$wanted"
	done
done
rm -f "$dir/pid"
ln -s /dev/null "$dir/pid"
refused 'a pid file that is a device' 'no plain file' -M none -bios "$dir/spin" -pidfile "$dir/pid"
rm -f "$dir/pid"
mkfifo "$dir/pid"
refused 'a pid file that is a FIFO' 'no plain file' -M none -bios "$dir/spin" -pidfile "$dir/pid"
if [ -p "$dir/pid" ]; then pass 'a FIFO stays'; else fail 'a FIFO was removed'; fi
rm -f "$dir/pid"

# mov eax, 1; cpuid; shr ax, 8; and al, 15; out 0xf4, al; hlt: the exit code is family * 2 + 1.
printf '\146\270\001\000\000\000\017\242\301\350\010\044\017\346\364\364%b%b' "$(printf '%016d' 0 | sed 's/0/\\220/g')" \
	"$reset" >"$dir/family"
bare 'family of max' 13 -bios "$dir/family"
bare 'family of a 486' 9 -bios "$dir/family" -cpu 486
# lidt cs:[0xffe0] (limit 0); cmove ax, ax; mov al, 5; out 0xf4, al; hlt: where there is no CMOV, #UD finds no table.
printf '\056\017\001\036\340\377\017\104\300\260\005\346\364\364\220\220\000\000\000\000\000\000%b%b' \
	"$(printf '%010d' 0 | sed 's/0/\\220/g')" "$reset" >"$dir/cmov"
bare 'CMOV' 11 -bios "$dir/cmov"
bare 'CMOV on a 486' 2 -bios "$dir/cmov" -cpu 486
has 'CMOV on a 486' "$dir/err" 'triple fault'
# Where the boot loader is not installed: an empty directory in its place, for one process.
hidden='for d in /usr/lib/grub-xen /usr/lib/xen/boot; do [ ! -d $d ] || mount -t tmpfs none $d; done'
if unshare -rm sh -c "$hidden" 2>/dev/null; then
	truncate -s 1M "$dir/disk"
	unshare -rm sh -c "$hidden"'; exec "$@"' sh "$program" -serial null -timeout 20 -drive "file=$dir/disk,format=raw" \
		</dev/null >"$dir/out" 2>"$dir/err"
	is 'no boot loader: exit code' $? 1
	has 'no boot loader: the package' "$dir/err" grub-xen-host
	has 'no boot loader: the option' "$dir/err" '-bootloader FILE'
	is 'no boot loader: one line' "$(grep -c . "$dir/err")" 1
fi
finish
