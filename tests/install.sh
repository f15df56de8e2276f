#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# install.sh BUILD DIR: "make install" of the configured BUILD into the empty DIR puts there what the list says and nothing else;
# "make uninstall" takes away just that, and leaves what other packages have put beside it. Ends with "install: N passed, N failed".
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
[ $# = 2 ] || { echo "usage: $0 BUILD DIR" >&2; exit 1; }
suite=install
. "$here/checks.sh"
build=$1
rm -rf "$2"
mkdir -p "$2" && dir=$(cd "$2" && pwd) || exit 1
make=${MAKE:-make}

files() {
	(cd "$1" && find . ! -type d | LC_ALL=C sort)
}

# made TARGET VARIABLE=VALUE...: make of that with DESTDIR $dir/to.
made() {
	"$make" -C "$build" DESTDIR="$dir/to" "$@" >>"$dir/log" 2>&1
}

# installed WHAT LIST VARIABLE=VALUE...
installed() {
	what=$1 list=$2
	shift 2
	rm -rf "$dir/to"
	made install "$@" || fail "$what: make install failed, see $dir/log"
	files "$dir/to" >"$dir/got"
	LC_ALL=C sort "$list" | diff - "$dir/got" | grep '^[<>]' >"$dir/differs"
	is "$what: missing (<) or too much (>)" "$(cat "$dir/differs")" ''
}

# Here, for it is about the same makefile: what may be asked for is said.
"$make" -C "$build" help >"$dir/help" 2>&1
targets=$(sed -n -e ':more' -e '/^\.PHONY:.*\\$/{N;s/\\\n//;b more' -e '}' -e 's/^\.PHONY: //p' "$build/Makefile")
for target in $targets; do
	case $target in
	help | FORCE) ;;
	*)
		grep -q -E "(^| |\")$target( |\"|$)" "$dir/help"
		is "make help has $target" $? 0
		;;
	esac
done

cat >"$dir/wanted" <<END
./usr/bin/paravane
./usr/share/doc/paravane/ARCHITECTURE.md
./usr/share/doc/paravane/CONTRIBUTING.md
./usr/share/doc/paravane/COPYING
./usr/share/doc/paravane/README.md
./usr/share/doc/paravane/bench.md
./usr/share/doc/paravane/instructions.md
./usr/share/doc/paravane/manual.md
./usr/share/doc/paravane/porting.md
./usr/share/doc/paravane/security.md
./usr/share/doc/paravane/snapshot-format.md
./usr/share/man/man1/paravane.1
END
installed 'prefix /usr' "$dir/wanted" prefix=/usr
is 'the program may be run' "$([ -x "$dir/to/usr/bin/paravane" ] && echo yes)" yes
has 'the manual page has the options' "$dir/to/usr/share/man/man1/paravane.1" 'nographic'

# Another package has its documents beside ours, and one of the same name as ours.
mkdir -p "$dir/to/usr/share/doc/other"
for f in README.md COPYING other/README.md; do
	echo other >"$dir/to/usr/share/doc/$f"
done
made uninstall prefix=/usr || fail "make uninstall failed, see $dir/log"
is 'what uninstall leaves' "$(files "$dir/to" | tr '\n' ' ')" \
	'./usr/share/doc/COPYING ./usr/share/doc/README.md ./usr/share/doc/other/README.md '
is 'our directory of documents is gone' "$([ -d "$dir/to/usr/share/doc/paravane" ] || echo gone)" gone

# What somebody keeps among our documents stays.
sed 's,^\./usr/,./opt/p/,; s,/share/doc/paravane/,/papers/,' "$dir/wanted" >"$dir/wanted.papers"
installed 'a docdir of its own' "$dir/wanted.papers" prefix=/opt/p docdir=/opt/p/papers
echo mine >"$dir/to/opt/p/papers/notes"
made uninstall prefix=/opt/p docdir=/opt/p/papers || fail "make uninstall failed beside another's file, see $dir/log"
is 'what uninstall leaves there' "$(files "$dir/to")" ./opt/p/papers/notes
made uninstall prefix=/opt/p docdir=/opt/p/papers || fail "make uninstall failed a second time, see $dir/log"
rm -rf "$dir/to"
finish
