#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# vif.sh PROGRAM KERNEL BUSYBOX NETFRONT WORKDIR: Debian's unmodified xen-netfront (NETFRONT is xen-netfront.ko) with one
# queue and with three: transfers both ways, into and out of the guest, the driver let go and bound again; both ways on a cable;
# and a card that hangs on nothing, twice the same run.
[ $# = 5 ] || { echo "usage: $0 PROGRAM KERNEL BUSYBOX NETFRONT WORKDIR" >&2; exit 1; }
program=$1 kernel=$2 busybox=$3 module=$4 dir=$5 suite=vif
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/../script/setup.sh"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
command -v python3 >/dev/null 2>&1 || { echo "vif: there is no python3 here; skipped"; exit 0; }
if "$program" -netdev help 2>/dev/null | grep -qw user; then user=1; else user=0; fi
rm -rf "$dir/tree"
cp -R "$here/vif.d" "$dir/tree"
mkdir -p "$dir/tree/bin"
mv "$dir/tree/lease" "$dir/tree/bin/lease"
chmod +x "$dir/tree/bin/lease"
cp "$module" "$dir/tree/xen-netfront.ko"
make_initrd "$busybox" "$dir/tree" "$dir/initrd.gz"

# boot NAME APPEND OPTIONS...: a guest in the background; console in NAME.out.
boot() {
	name=$1 append=$2
	shift 2
	"$program" -M xenpv -name "$name" -m 256 -kernel "$kernel" -initrd "$dir/initrd.gz" \
		-append "console=hvc0 quiet $brief $append" -serial stdio -timeout 300 "$@" </dev/null >"$dir/$name.out" 2>"$dir/$name.err" &
}

marked() {
	tr -d '\r' <"$dir/$1.out" | sed -n "s/.*MARK $2 *//p" | head -n 1
}

field() {
	sed -n "s/^$2 //p" "$dir/$1.host"
}

# A cable between two programs.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
boot first do=first -netdev "socket,id=n0,listen=127.0.0.1:$port" -device xen-net-device,netdev=n0
first=$!
rc=1 tries=0
# Until the first listens.
while [ $rc = 1 ] && [ $tries -lt 20 ]; do
	boot second do=second -netdev "socket,id=n0,connect=127.0.0.1:$port" -device xen-net-device,netdev=n0
	wait $!
	rc=$?
	[ $rc != 1 ] || sleep 0.3
	tries=$((tries + 1))
done
is 'second: power off' $rc 0
wait $first
is 'first: power off' $? 0
is 'pair: ping' "$(marked second peer)" answers
is 'pair: from the first to the second' "$(marked second in)" "$(marked first out)"
is 'pair: from the second to the first' "$(marked first in)" "$(marked second out)"
is 'pair: hashes are there' "$(marked first out | wc -c) $(marked second out | wc -c)" '65 65'
for g in first second; do
	is "$g: errors" "$(marked $g errors)" 0
	is "$g: complaints of the kernel" "$(marked $g complaints)" 0
done

# A card that hangs on nothing leaves a run what it is.
for i in 1 2; do
	boot alone do=alone -device xen-net-device,mac=00:16:3e:00:00:01 -icount sleep=off -stats
	wait $!
	is "alone: power off" $? 0
	sed -n -e '/^instructions:/p' -e '/^guest time:/p' -e '/^state hash:/p' "$dir/alone.err" >"$dir/alone$i.state"
done
is 'alone: twice the same run' "$(cat "$dir/alone2.state")" "$(cat "$dir/alone1.state")"
is 'alone: and there is something to compare' "$(wc -l <"$dir/alone1.state")" 3

# A NAT network. The host's side: a web server, a sink, and a client of the guest's own servers.
[ $user = 1 ] || { echo 'vif: no user network in this build'; finish; }
for cpus in 1 3; do
	name=user$cpus
	rm -f "$dir/$name.host" "$dir/$name.ports"
	python3 - "$dir/$name" 6000000 <<'END' &
import hashlib, http.server, os, random, socket, sys, threading, time, urllib.request
base, size = sys.argv[1], int(sys.argv[2])
data = random.Random(7).randbytes(size)
log = open(base + ".host", "w", buffering=1)
def say(*a): print(*a, file=log)
say("data", hashlib.sha256(data).hexdigest())
class Web(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(data)
web = http.server.HTTPServer(("127.0.0.1", 0), Web)
threading.Thread(target=web.serve_forever, daemon=True).start()
sink = socket.socket()
sink.bind(("127.0.0.1", 0))
sink.listen(5)
held = [socket.socket() for i in range(2)]
for s in held: s.bind(("127.0.0.1", 0))
fwd = [s.getsockname()[1] for s in held]
for s in held: s.close()
with open(base + ".tmp", "w") as f: print(web.server_port, sink.getsockname()[1], *fwd, file=f)
os.rename(base + ".tmp", base + ".ports")
sink.settimeout(250)
c, _ = sink.accept()
h = hashlib.sha256()
while True:
    d = c.recv(1 << 18)
    if not d: break
    h.update(d)
say("up", h.hexdigest())
c.close()
for attempt in range(100):
    try:
        got = urllib.request.urlopen("http://127.0.0.1:%d/down" % fwd[0], timeout=100).read()
        say("httpd", hashlib.sha256(got).hexdigest())
        break
    except OSError:
        time.sleep(0.1)
for attempt in range(100):
    try:
        c = socket.create_connection(("127.0.0.1", fwd[1]), timeout=100)
        c.sendall(data)
        c.shutdown(socket.SHUT_WR)
        c.recv(1)
        break
    except OSError:
        time.sleep(0.1)
say("end")
END
	host=$!
	tries=0
	while [ ! -f "$dir/$name.ports" ] && [ $tries -lt 500 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	read -r web sink http raw <"$dir/$name.ports"
	boot "$name" "do=user web=$web sink=$sink" -smp $cpus \
		-netdev "user,id=n0,hostfwd=tcp:127.0.0.1:$http-:80,hostfwd=tcp:127.0.0.1:$raw-:99" \
		-device xen-net-device,netdev=n0,mac=00:16:3e:12:34:56
	wait $!
	is "$name: power off" $? 0
	kill $host 2>/dev/null
	wait $host 2>/dev/null
	is "$name: hardware address" "$(marked "$name" mac)" 00:16:3e:12:34:56
	is "$name: queues" "$(marked "$name" queues)" $cpus
	is "$name: address" "$(marked "$name" address)" 10.0.2.15/24
	is "$name: ping" "$(marked "$name" gateway)" answers
	is "$name: download" "$(marked "$name" down)" "$(field "$name" data)"
	is "$name: upload" "$(field "$name" up)" "$(field "$name" data)"
	is "$name: let go and back" "$(marked "$name" gone) $(marked "$name" again)" '0 10.0.2.15/24'
	is "$name: from the guest's server" "$(field "$name" httpd)" "$(field "$name" data)"
	is "$name: into the guest" "$(marked "$name" in)" "$(field "$name" data)"
	is "$name: errors" "$(marked "$name" errors)" 0
	is "$name: complaints of the kernel" "$(marked "$name" complaints)" 0
done
finish
