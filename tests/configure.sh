#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# configure.sh DIR [ARGS...]: what configure says at its end of libraries: found, left out by wish, or why they cannot be had.
# It runs in DIR with ARGS and with modules of pkg-config that are not all there. Ends with "configure: N passed, N failed".
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
[ $# -ge 1 ] || { echo "usage: $0 DIR [ARGS...]" >&2; exit 1; }
suite=configure
. "$root/tests/checks.sh"
rm -rf "$1"
mkdir -p "$1/modules" && cd "$1" || exit 1
shift

line() { # line LOG NAME: what the summary says of a library
	sed -n "/^libraries/,\$s/^  $2  *//p" "$1"
}

# As on a Debian with libslirp-dev and no libglib2.0-dev.
printf 'Name: slirp\nDescription: networks\nVersion: 4.7.0\nRequires: glib-2.0\nLibs: -lslirp\n' >modules/slirp.pc
if pkg-config --version >/dev/null 2>&1; then
	PKG_CONFIG_LIBDIR=$PWD/modules "$root/configure" --without-zlib "$@" >asked.log 2>&1
	is 'a library that lacks another: exit code' $? 0
	is 'a library that lacks another' "$(line asked.log slirp)" \
		"networks of type user                 left out: Package 'glib-2.0', required by 'slirp', not found (Debian: libslirp-dev libglib2.0-dev)"
	is 'a library that is not wanted' "$(line asked.log zlib)" 'gzip kernels                          left out: --without-zlib'
	# shellcheck disable=SC2013
	for name in $(sed -n 's/^PV_LIB(\[\([a-z0-9]*\)\].*/\1/p' "$root/configure.ac"); do
		case $(line asked.log "$name") in
		*' yes' | *' yes, '[0-9]* | *' left out: '?*) pass "$name is named" ;;
		*) fail "the summary does not tell of $name: '$(line asked.log "$name")'" ;;
		esac
	done
fi

# Debian has libslirp.h in a directory of its own, that only pkg-config tells.
PKG_CONFIG=/nonexistent/pkg-config "$root/configure" --with-slirp "$@" >alone.log 2>&1
is 'one that is insisted on: exit code' $? 1
has 'one that is insisted on' alone.log 'error: --with-slirp was asked for and slirp is not to be had: '
has 'no pkg-config' alone.log 'there is no pkg-config to ask where it is (Debian'
finish
