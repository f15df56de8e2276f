# SPDX-License-Identifier: GPL-2.0-or-later
# What script/demo and script/test share: packages, the Debian kernel, initial RAM disks. Read with ".".
# Expects $root (the source tree), $yes (1: ask nothing). Sets nothing up by itself.

die() {
	echo "$0: $*" >&2
	exit 1
}

step() {
	printf '%s\n' "$*"
}

# quietly LOG COMMAND...: its output goes to LOG; on failure the end of it is shown.
quietly() {
	log=$1
	shift
	if ! "$@" >"$log" 2>&1; then
		tail -n 25 "$log" >&2
		die "'$*' failed; all it said is in $log"
	fi
}

have_apt() {
	command -v apt-get >/dev/null 2>&1 && command -v dpkg-query >/dev/null 2>&1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		su -c "$*"
	fi
}

# need PACKAGE...: installs those that are missing, after asking. Without apt it says what to look for.
need() {
	if ! have_apt; then
		step "this is not a Debian system: the following must be there (Debian's names), by hand: $*"
		return 0
	fi
	missing=
	for p in "$@"; do
		case $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null) in
		*"ok installed"*) ;;
		*) missing="$missing $p" ;;
		esac
	done
	[ -n "$missing" ] || return 0
	step "missing packages:$missing"
	if [ "$yes" != 1 ]; then
		[ -t 0 ] || die "nobody to ask: run it with --yes, or install them first (apt-get install$missing)"
		printf 'Install them now with apt-get? [Y/n] '
		read -r answer
		case $answer in
		'' | [Yy]*) ;;
		*) die "install them and start again: apt-get install$missing" ;;
		esac
	fi
	step "installing$missing"
	mkdir -p "$root/build"
	apt_lists
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive quietly "$root/build/apt.log" as_root apt-get install -y --no-install-recommends $missing
}

# A machine that never ran apt-get update knows no packages.
apt_lists() {
	apt-cache show busybox-static >/dev/null 2>&1 && apt-cache show zlib1g-dev >/dev/null 2>&1 && return 0
	quietly "$root/build/apt-update.log" as_root apt-get update
}

# fetch PACKAGE DIR: unpacks a package into DIR without installing it.
fetch() {
	[ -e "$2/.done" ] && return 0
	mkdir -p "$2"
	rm -f "$2"/*.deb
	if ! (cd "$2" && apt-get download "$1" >fetch.log 2>&1); then
		# The lists may be older than the archive.
		quietly "$2/update.log" as_root apt-get update
		(cd "$2" && quietly fetch.log apt-get download "$1") || exit 1
	fi
	quietly "$2/unpack.log" dpkg-deb -x "$2"/*.deb "$2"
	rm -f "$2"/*.deb
	touch "$2/.done"
}

# Debian's kernel for amd64 and a static busybox, under DIR: $kernel and $busybox name them.
fetch_guest() {
	have_apt || die "no apt here to fetch a kernel with: give --kernel FILE and --initrd FILE"
	[ "$(dpkg --print-architecture)" = amd64 ] ||
		die "apt here does not serve amd64: give --kernel FILE (Debian's linux-image-amd64) and --initrd FILE"
	mkdir -p "$1"
	if [ ! -e "$1/kernel/.done" ]; then
		apt_lists
		package=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: *\(linux-image-[^ ]*\)$/\1/p' | head -n 1)
		[ -n "$package" ] || die "apt knows no linux-image-amd64: is main of Debian 12 in /etc/apt/sources.list?"
		step "fetching $package"
		fetch "$package" "$1/kernel"
	fi
	if [ ! -e "$1/busybox/.done" ]; then
		step "fetching busybox-static"
		fetch busybox-static "$1/busybox"
	fi
	kernel=$(echo "$1"/kernel/boot/vmlinuz-*)
	busybox=$(find "$1/busybox" -name busybox -type f -perm -100 | head -n 1)
	[ -f "$kernel" ] && [ -x "$busybox" ] || die "the packages under $1 are not as expected: remove it and start again"
}

# make_initrd BUSYBOX TREE OUT: busybox, the files of TREE (an init among them), packed as the kernel wants them.
make_initrd() {
	rm -rf "$3.d"
	mkdir -p "$3.d/bin" "$3.d/dev" "$3.d/etc" "$3.d/proc" "$3.d/root" "$3.d/run" "$3.d/sys" "$3.d/tmp"
	cp "$1" "$3.d/bin/busybox"
	ln -s busybox "$3.d/bin/sh"
	cp -R "$2/." "$3.d/"
	chmod -R u=rwX,go=rX "$3.d"
	chmod +x "$3.d/init"
	# The same bytes on every day: sorted names, one time stamp.
	find "$3.d" -exec touch -h -d '2023-06-10 00:00:00 UTC' {} +
	(cd "$3.d" && find . | LC_ALL=C sort | "$1" cpio -o -H newc -R 0:0 2>/dev/null | gzip -9n) >"$3"
	rm -rf "$3.d"
}

jobs_here() {
	getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1
}

# build DIR ARGS...: configures (when needed) and makes the program in DIR. What is left out is said.
build() {
	dir=$1
	shift
	mkdir -p "$dir"
	if [ ! -f "$dir/config.status" ] || [ "$root/configure" -nt "$dir/config.status" ] ||
		[ "$(cat "$dir/configure.args" 2>/dev/null)" != "$*" ]; then
		(cd "$dir" && quietly configure.log "$root/configure" "$@") || exit 1
		echo "$*" >"$dir/configure.args"
	fi
	# The unit tests are script/test's business.
	grep '^  .* left out: ' "$dir/configure.log" | grep -v '^  check '
	quietly "$dir/make.log" make -C "$dir" -j "$(jobs_here)" all
}

# What the program is built from and with, in Debian's names: all that the command lines of README.md take. (slirp.pc wants glib's,
# which libslirp-dev does not bring.) Where these packages are, configure has to find them.
build_packages="gcc make libc6-dev pkg-config zlib1g-dev libbz2-dev liblzma-dev liblzo2-dev liblz4-dev libzstd-dev libzydis-dev \
	libslirp-dev libglib2.0-dev libnbd-dev libseccomp-dev libsdl2-dev libvncserver-dev libvterm-dev"
insist=
if have_apt; then
	for library in zlib bz2 lzma lzo lz4 zstd zydis slirp nbd seccomp sdl2 vncserver vterm; do
		insist="$insist --with-$library"
	done
	# GRUB for Xen, which boots disks, is made for PCs.
	if [ "$(dpkg --print-architecture)" = amd64 ]; then
		build_packages="$build_packages grub-xen-host"
		insist="$insist --with-grub-xen"
	fi
fi

# The boot loader of guests without -kernel, which tests/grub.py and tests/debian.py boot with.
loader_packages="grub-xen-host e2fsprogs"

# What tests/cross.sh takes, and does without.
cross_packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-s390x-linux-gnu libc6-dev-s390x-cross gcc-i686-linux-gnu \
	libc6-dev-i386-cross musl-tools qemu-user"

# What tests/windows.sh builds and runs the program for Windows with, and does without.
windows_packages="gcc-mingw-w64-x86-64 libz-mingw-w64-dev wine64"

# What tests/debian_image.sh makes its disk with, and what tests/debian.py asks of it.
image_packages="mmdebstrap e2fsprogs openssh-client qemu-utils iproute2"
# What tests/screen.sh looks at screens with.
screen_packages="vncsnapshot xvfb xdotool imagemagick"

# What tests/installer.py looks at: large, and without it that is left out.
installer_packages=debian-installer-12-netboot-amd64
