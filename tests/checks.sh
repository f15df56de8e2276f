# SPDX-License-Identifier: GPL-2.0-or-later
# Counting checks in shell tests, and what those of guests have in common; read with ".". $suite names the test.
passed=0 failed=0
# For -append, where it is devices or the host that are tried: a kernel that leaves out trying its ciphers and looking through its
# page tables is in userspace after three fifths of the instructions. The first boots of tests/boot.sh leave out nothing.
# shellcheck disable=SC2034
brief='cryptomgr.notests rodata=off'

pass() {
	passed=$((passed + 1))
	# shellcheck disable=SC2154
	[ -z "${VERBOSE:-}" ] || echo "ok    $suite: $1"
}

fail() {
	failed=$((failed + 1))
	echo "FAIL  $suite: $1"
}

# is NAME GOT WANTED
is() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1: '$2', not '$3'"; fi
}

# has NAME FILE TEXT: some line of FILE has TEXT.
has() {
	if grep -qF -- "$3" "$2"; then pass "$1"; else fail "$1: no '$3' in $2"; fi
}

# kernel_modules KERNEL DIR MODULE...: copies modules, named as below kernel/ and without .ko, that lie beside the kernel.
kernel_modules() {
	modules=$(cd "$(dirname "$1")/.." && pwd)/lib/modules/$(basename "$1" | sed 's/^vmlinuz-//')/kernel to=$2
	shift 2
	for m; do
		[ ! -f "$modules/$m.ko" ] || cp "$modules/$m.ko" "$to"
	done
}
# measured FILE: what -stats said there that must be the same in runs that are.
measured() {
	sed -n -e '/^instructions:/p' -e '/^guest time:/p' -e '/^state hash:/p' "$1"
}

finish() {
	echo "$suite: $passed passed, $failed failed"
	[ "$failed" = 0 ]
	exit
}
