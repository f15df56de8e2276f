#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh PROGRAM GUEST.elf...: runs each guest twice, and once more with -singlestep when it is short; the instruction
# counts and state hashes must agree. Prints a line a guest; exits with 0 when all did what they should.
# GUEST_VERBOSE=1 shows what the guests print; GUEST_TIMEOUT is in seconds a run (60).

program=$1
shift
seconds=${GUEST_TIMEOUT:-60}
short=20000000
passed=0
failed=0
dir=$(mktemp -d "${TMPDIR:-/tmp}/guests.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

# run NAME ELF ARGUMENT...: output in $dir/NAME, exit code returned
run() {
	out=$dir/$1
	elf=$2
	shift 2
	"$program" -M xenpv -m 32 -kernel "$elf" -nographic -icount sleep=off -rtc base=2024-01-01 \
		-timeout "$seconds" -stats "$@" </dev/null >"$out" 2>&1
}

# number FILE: instructions; hash FILE
number() { sed -n 's/^instructions: *//p' "$1"; }
hash() { sed -n 's/^state hash: *//p' "$1"; }

for elf; do
	name=$(basename "$elf" .elf)
	case $name in
	smp | smp32) options='-smp 4' ;;
	suspend | suspend32) options='-smp 3 -serial stdio -monitor none' ;; # nobody resumes it: at once
	*) options= ;;
	esac
	problem=
	# shellcheck disable=SC2086
	run one "$elf" $options
	code=$?
	[ -z "$GUEST_VERBOSE" ] || cat "$dir/one"
	result=$(sed -n 's/^RESULT passed \([0-9]*\) failed \([0-9]*\).*/\1 \2/p' "$dir/one")
	good=${result% *}
	if [ -z "$result" ]; then
		problem="no result, exit code $code"
	elif [ "${result#* }" != 0 ]; then
		problem="${result#* } of $((good + ${result#* })) checks"
	elif [ "$code" != 0 ]; then
		problem="exit code $code"
	elif [ -z "$(hash "$dir/one")" ]; then
		problem='no state hash'
	else
		# shellcheck disable=SC2086
		run two "$elf" $options
		if [ "$(number "$dir/one")$(hash "$dir/one")" != "$(number "$dir/two")$(hash "$dir/two")" ]; then
			problem='a second run ended in another state'
		elif [ "$(number "$dir/one")" -le "$short" ]; then
			# shellcheck disable=SC2086
			run three "$elf" $options -singlestep
			[ "$(number "$dir/one")$(hash "$dir/one")" = "$(number "$dir/three")$(hash "$dir/three")" ] ||
				problem='-singlestep ended in another state'
		fi
	fi
	if [ -z "$problem" ]; then
		passed=$((passed + 1))
		echo "ok $name: $good checks, $(number "$dir/one") instructions"
	else
		failed=$((failed + 1))
		echo "not ok $name: $problem"
		grep -a '^not ok' "$dir/one" | head -20 | sed 's/^/    /'
		[ -n "$result" ] || tail -30 "$dir/one" | sed 's/^/    /'
	fi
done
echo "guests: $passed passed, $failed failed"
[ "$failed" = 0 ]
