#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# fresh.sh TARBALL DIR [IMAGES]: a Debian 12 with gcc and make and nothing else (a chroot in DIR), where somebody unpacks TARBALL
# ("make dist") and does what README.md says: script/demo, both lines of "Using it", and as far as time allows script/test: its
# packages, or with FRESH_QUICK=yes its quick part. The disk of the second line is Debian's of tests/debian_image.sh, in
# IMAGES; without, that line is left out.
# Needs root, mmdebstrap and the mirror that apt uses; this machine's settings of apt are taken along. What has been fetched is kept
# in DIR for the next time. Exit code 77: it cannot be done here. Ends with "fresh: N passed, N failed".
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
[ $# = 2 ] || [ $# = 3 ] || { echo "usage: $0 TARBALL DIR [IMAGES]" >&2; exit 1; }
for tool in mmdebstrap unshare nsenter dpkg ip python3 ssh qemu-img; do
	command -v $tool >/dev/null 2>&1 && continue
	echo "there is no $tool here: install Debian's mmdebstrap, iproute2, python3, openssh-client and qemu-utils" >&2
	exit 77
done
[ "$(id -u)" = 0 ] || { echo "a fresh machine is made by root only" >&2; exit 77; }
[ "$(dpkg --print-architecture)" = amd64 ] || { echo "the fresh machine is an amd64 one" >&2; exit 77; }
# Mounts and processes are apart: both are gone when this one is, however it ends.
if [ "${FRESH_APART:-}" != yes ]; then
	unshare -mpn --fork true 2>/dev/null || { echo "this root may not have mounts and networks of its own" >&2; exit 77; }
	FRESH_APART=yes exec unshare -mp --fork --kill-child --mount-proc sh "$0" "$@"
fi

suite=fresh
. "$root/tests/checks.sh"
mkdir -p "$2/debs" || exit 1
tarball=$(cd "$(dirname "$1")" && pwd)/$(basename "$1") dir=$(cd "$2" && pwd) images=${3:-}
[ -f "$tarball" ] || { echo "there is no $tarball" >&2; exit 1; }
tree=$dir/root

# Only what is below $tree is ever unmounted or removed, and nothing beyond a mount.
tidy() {
	[ -z "${lonely:-}" ] || kill "$lonely" 2>/dev/null
	[ -z "${running:-}" ] || kill "$running" 2>/dev/null
	umount -R "$tree/dev" "$tree/proc" "$tree/var/cache/apt/archives" 2>/dev/null
	rm -rf --one-file-system "$tree"
}
trap tidy EXIT
trap 'exit 1' INT TERM HUP

# ---- the machine -----------------------------------------------------------------------------------------------------

# A Debian 12 host's mirrors are the fresh machine's too; proxies and the like are in any case.
apt-config dump | grep '^Acquire::' >"$dir/acquire.conf"
set --
if (. /etc/os-release && [ "${VERSION_CODENAME:-}" = bookworm ]) 2>/dev/null; then
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
		! grep -q -i '^ *\(deb\|types:.*deb\)' "$f" 2>/dev/null || set -- "$@" "$f"
	done
fi
# What is thrown away again need not be safe on the disk after each file, and nobody reads there.
{
	echo force-unsafe-io
	for d in doc man locale info lintian; do
		echo "path-exclude=/usr/share/$d/*"
	done
} >"$dir/thrown-away"
# A month old it would bring as many packages anew as it saves.
if [ -z "$(find "$dir/base.tar" -newer "$0" -mtime -30 2>/dev/null)" ]; then
	rm -f "$dir/base.tar" "$dir"/debs/*.deb
	if ! TMPDIR=$dir mmdebstrap --quiet --mode=root --variant=apt --include=gcc,make --aptopt="$dir/acquire.conf" \
		--dpkgopt=force-unsafe-io --essential-hook="cp '$dir/thrown-away' \"\$1/etc/dpkg/dpkg.cfg.d/\"" \
		--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
		--setup-hook='for d in keyrings trusted.gpg.d auth.conf.d; do
			if [ -d /etc/apt/$d ]; then mkdir -p "$1/etc/apt/$d" && cp -R /etc/apt/$d/. "$1/etc/apt/$d/"; fi
		done' \
		--customize-hook='cp /usr/share/keyrings/* "$1/usr/share/keyrings/" 2>/dev/null || true' \
		bookworm - "$@" >"$dir/base.new" 2>"$dir/base.log"; then
		tail -n 3 "$dir/base.log"
		fail "there is no Debian 12 to begin with: see $dir/base.log"
		finish
	fi
	mv "$dir/base.new" "$dir/base.tar"
fi
rm -rf --one-file-system "$tree"
mkdir -p "$tree" && tar xf "$dir/base.tar" -C "$tree" || exit 1
cp -L /etc/resolv.conf "$tree/etc/resolv.conf"
mkdir -p "$tree/proc" "$tree/dev" "$tree/var/cache/apt/archives"
mount -t proc proc "$tree/proc" && mount --rbind /dev "$tree/dev" && mount --bind "$dir/debs" "$tree/var/cache/apt/archives" || exit 1
mkdir "$tree/root/src" && tar xzf "$tarball" -C "$tree/root/src" --strip-components=1 || exit 1

fresh() { # fresh COMMAND: by its shell, in the unpacked tree
	# It is built with less optimisation, for that is most of the time.
	chroot "$tree" env -i CFLAGS=-O1 HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
		http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" sh -c "cd /root/src && $1"
}
is 'it has gcc and make, and nothing else that building takes' \
	"$(fresh 'for c in gcc make pkg-config git python3 autoconf ld.lld busybox; do command -v $c; done' | tr '\n' ' ')" '/usr/bin/gcc /usr/bin/make '

# ---- guests on it ----------------------------------------------------------------------------------------------------

# begin NAME COMMAND...: its input is descriptor 3, what it says is in NAME.out.
begin() {
	name=$1
	shift
	rm -f "$dir/in"
	mkfifo "$dir/in"
	"$@" <"$dir/in" >"$dir/$name.out" 2>&1 3>&- &
	running=$!
	exec 3>"$dir/in"
}

# until_says TEXT: or until it has ended, or an hour is over (a loaded machine installs and builds for long).
until_says() {
	left=12000
	until grep -a -qF -- "$1" "$dir/$name.out" || ! kill -0 "$running" 2>/dev/null || [ $left = 0 ]; do
		sleep 0.3
		left=$((left - 1))
	done
	has "$name: it says '$1'" "$dir/$name.out" "$1"
}

ends() { # ends WANTED: its exit code
	left=3000
	while kill -0 "$running" 2>/dev/null && [ $left != 0 ]; do
		sleep 0.3
		left=$((left - 1))
	done
	kill "$running" 2>/dev/null && fail "$name: it does not end"
	wait "$running"
	is "$name: exit code" $? "$1"
	running=
	exec 3>&-
	[ "$failed" = 0 ] || tail -n 15 "$dir/$name.out"
}

begin demo fresh 'script/demo --yes'
until_says 'root@paravane:~# '
printf 'echo "on $(uname -s) of $(cat /sys/hypervisor/type)"; poweroff\n' >&3
until_says 'on Linux of xen'
ends 0
is 'the demo leaves nothing out' "$(grep 'left out' "$dir/demo.out")" ''
fresh 'build/paravane -version' >"$dir/version"
is 'libraries that are built in' "$(grep -c ' yes$' "$dir/version")" "$(grep '^PV_LIB(' "$root/configure.ac" | grep -c -v '(\[check\]')"
is 'libraries that are not' "$(grep 'not built in' "$dir/version")" ''

# README's lines, word by word, with a program that is installed. They have a network of their own, where no port is taken.
unshare -n sleep 7200 3>&- &
lonely=$!
until [ "$(readlink "/proc/$lonely/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
alone() {
	nsenter -t "$lonely" -n "$@"
}
alone ip link set lo up
fresh 'make -C build install >/dev/null' && fresh 'cp build/demo/kernel/boot/vmlinuz-* vmlinuz && cp build/demo/initrd.gz ird.gz'
is 'make install' $? 0
sed -n 's/^    \(paravane -M .*\)/\1/p' "$tree/root/src/README.md" >"$dir/lines"
is "README's lines" "$(wc -l <"$dir/lines")" 2

begin kernel fresh "$(sed -n 1p "$dir/lines")"
until_says 'root@paravane:~# '
printf 'poweroff\n' >&3
ends 0

if [ -n "$images" ] && [ -f "$images/disk.raw" ]; then
	qemu-img convert -O qcow2 "$images/disk.raw" "$tree/root/src/disk.qcow2"
	begin disk alone chroot "$tree" sh -c "cd /root/src && $(sed -n 2p "$dir/lines")"
	until_says 'executed automatically'
	printf '\r' >&3
	until_says 'login: '
	is 'a viewer is greeted' "$(alone python3 -c 'import socket; print(socket.create_connection(("127.0.0.1", 5901), 60).recv(4).decode())')" 'RFB '
	# sshd may come after the prompt.
	left=100
	until alone ssh -q -i "$images/key" -p 2222 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=60 \
		root@127.0.0.1 'findmnt -no SOURCE /' >"$dir/ssh" 2>&1 </dev/null || [ $left = 0 ]; do
		sleep 1
		left=$((left - 1))
	done
	is 'by the forwarded port: its root' "$(cat "$dir/ssh")" /dev/xvda
	alone ssh -q -i "$images/key" -p 2222 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		root@127.0.0.1 poweroff >/dev/null 2>&1 </dev/null
	ends 0
else
	echo "skip  README's second line: there is no disk of tests/debian_image.sh"
fi

# ---- script/test -----------------------------------------------------------------------------------------------------

packages=$(fresh 'script/test --packages')
is 'script/test names its packages' $? 0
fresh "apt-get install -s --no-install-recommends $packages" >"$dir/packages.log" 2>&1
is "all of them can be had ($dir/packages.log)" $? 0
if [ "${FRESH_QUICK:-}" = yes ]; then
	fresh 'script/test --quick --yes' >"$dir/quick.log" 2>&1
	is "script/test --quick ($dir/quick.log)" $? 0
fi
finish
