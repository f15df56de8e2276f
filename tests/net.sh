#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# net.sh PROGRAM KERNEL BUSYBOX NETFRONT WORKDIR: Debian's kernel and its netfront (NETFRONT is xen-netfront.ko) with networks:
# NAT both ways with files compared, a forwarded port, two guests on a wire, a pcap file.
[ $# = 5 ] || { echo "usage: $0 PROGRAM KERNEL BUSYBOX NETFRONT WORKDIR" >&2; exit 1; }
program=$1 kernel=$2 busybox=$3 netfront=$4 dir=$5 suite=net
here=$(dirname "$0")
. "$here/checks.sh"
. "$here/../script/setup.sh"
mkdir -p "$dir"
rm -rf "$dir/tree" "$dir/www"
mkdir -p "$dir/tree/modules" "$dir/www"
cp "$here/net.d/init" "$dir/tree/init"
cp "$netfront" "$dir/tree/modules/"
make_initrd "$busybox" "$dir/tree" "$dir/initrd.gz"
head -c 4000000 /dev/urandom >"$dir/www/file"
sum=$(sha256sum "$dir/www/file" | cut -d ' ' -f 1)

# Ports for this run alone.
base=$((20000 + $$ % 20000))
http=$base put=$((base + 1)) forward=$((base + 2))

# guest NAME APPEND OPTIONS...: console in NAME.out, messages in NAME.err, exit code in NAME.rc.
guest() {
	name=$1 append=$2
	shift 2
	"$program" -name "$name" -m 128 -kernel "$kernel" -initrd "$dir/initrd.gz" -append "console=hvc0 quiet $brief $append" \
		-serial stdio -timeout 600 "$@" </dev/null >"$dir/$name.out" 2>"$dir/$name.err"
	echo $? >"$dir/$name.rc"
}

marked() {
	tr -d '\r' <"$dir/$1.out" | sed -n "s/.*MARK $2 *//p" | head -n 1
}

# waits NAME WORD: until the guest has said it.
waits() {
	n=0
	while [ -z "$(marked "$1" "$2")" ] && [ $n -lt 1500 ]; do
		sleep 0.2
		n=$((n + 1))
	done
}

"$busybox" httpd -f -p "127.0.0.1:$http" -h "$dir/www" &
httpd=$!
rm -f "$dir/quiet"
mkfifo "$dir/quiet"
"$busybox" nc -l -p "$put" >"$dir/put" <"$dir/quiet" & # an input that never ends, or the guest's nc would
sink=$!
exec 9>"$dir/quiet"
trap 'kill $httpd $sink 2>/dev/null' EXIT

: >"$dir/nat.out"
guest nat "get=http://10.0.2.2:$http/file put=10.0.2.2:$put serve=22" \
	-nic "user,id=n0,hostfwd=tcp:127.0.0.1:$forward-:22" -object "filter-dump,id=f0,netdev=n0,file=$dir/nat.pcap" &
nat=$!
waits nat serving
"$busybox" nc 127.0.0.1 "$forward" <"$dir/www/file"
wait $nat
is 'NAT: exit code' "$(cat "$dir/nat.rc")" 0
is 'NAT: DHCP' "$(marked nat lease)" '10.0.2.15 10.0.2.2 10.0.2.3'
is 'NAT: a file fetched' "$(marked nat got)" "$sum"
is 'NAT: a file sent' "$(sha256sum <"$dir/put" | cut -d ' ' -f 1)" "$sum"
is 'NAT: a file through a forwarded port' "$(marked nat served)" "$sum"
is 'NAT: complaints of the kernel' "$(marked nat complaints)" 0
is 'pcap: magic' "$(od -A n -t x1 -N 4 "$dir/nat.pcap" | tr -d ' ')" d4c3b2a1
if [ "$(wc -c <"$dir/nat.pcap")" -gt 12000000 ]; then pass 'pcap: whole'; else fail 'pcap: too small for what was sent'; fi

# The address follows from the name.
first=$(marked nat mac)
mv "$dir/nat.out" "$dir/nat-first.out"
guest nat '' -nic user
is 'an address stable by name' "$(marked nat mac)" "$first"
is 'the prefix of Xen' "$(echo "$first" | cut -d : -f 1-3)" 00:16:3e
guest other '' -nic user
if [ "$first" != "$(marked other mac)" ]; then pass 'two names, two addresses'; else fail "both guests have $first"; fi

# Two guests on one wire.
rm -f "$dir/wire"
guest left "addr=192.168.9.1/24 serve=99" -nic "stream,server=on,addr.type=unix,addr.path=$dir/wire" &
left=$!
guest right "addr=192.168.9.2/24 wait=192.168.9.1 send=192.168.9.1:99" \
	-nic "stream,addr.type=unix,addr.path=$dir/wire,reconnect=1" &
right=$!
wait $left $right
is 'wire: exit codes' "$(cat "$dir/left.rc" "$dir/right.rc" | tr '\n' ' ')" '0 0 '
is 'wire: ping' "$(marked right ping)" answered
is 'wire: a file' "$(marked left served)" "$(marked right sent)"
is 'wire: complaints of the kernels' "$(marked left complaints) $(marked right complaints)" '0 0'

# QEMU at the other end of each kind of wire: its own NAT gives the address.
if command -v qemu-system-x86_64 >/dev/null 2>&1; then
	p=$((base + 3)) q=$((base + 4))
	gateway() {
		sleep 1
		exec qemu-system-x86_64 -M none -display none -monitor none -serial none -netdev user,id=u \
			-netdev hubport,id=h0,hubid=0,netdev=u -netdev "$1" -netdev hubport,id=h1,hubid=0,netdev=s
	}
	# with_qemu NAME OURS THEIRS
	with_qemu() {
		gateway "$3" >"$dir/qemu.log" 2>&1 &
		qemu=$!
		guest "qemu-$1" '' -nic "$2"
		kill $qemu
		wait $qemu 2>/dev/null
		is "QEMU: $1" "$(marked "qemu-$1" lease)" '10.0.2.15 10.0.2.2 10.0.2.3'
	}
	with_qemu socket "socket,listen=127.0.0.1:$p" "socket,id=s,connect=127.0.0.1:$p"
	with_qemu stream "stream,server=on,addr.type=unix,addr.path=$dir/qemu.wire" \
		"stream,id=s,server=off,addr.type=unix,addr.path=$dir/qemu.wire"
	with_qemu dgram "dgram,local.type=inet,local.host=127.0.0.1,local.port=$p,remote.type=inet,remote.host=127.0.0.1,remote.port=$q" \
		"dgram,id=s,local.type=inet,local.host=127.0.0.1,local.port=$q,remote.type=inet,remote.host=127.0.0.1,remote.port=$p"
fi
finish
