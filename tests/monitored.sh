# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# monitored.sh: for scripts about a guest whose monitor is talked to while it runs. They have read checks.sh, and set program, the
# guest's, and suite. Everything is in the present directory; a guest NAME leaves NAME.out, what it said, NAME.mon, what its monitor
# said, and NAME.log.
pid=
trap 'exec 3>&-; [ -z "$pid" ] || kill "$pid" 2>/dev/null' EXIT
# How often a script looks for an answer, 20 times a second.
patience=6000

# begin NAME OPTIONS...: a guest whose monitor is written to by 3.
begin() {
	name=$1 asked=0
	shift
	rm -f mon
	: >"$name.mon"
	: >"$name.out"
	mkfifo mon
	exec 3<>mon
	# shellcheck disable=SC2154
	"$program" "$@" -serial "file:$name.out" -monitor stdio <mon >"$name.mon" 2>"$name.log" &
	pid=$!
}
say() {
	echo "$1" >&3
}
# answer N TEXT [FILE]: waits until the monitor, or whoever writes to the file, has said TEXT in N lines.
answer() {
	waited=0
	while [ "$(tr -d '\r' <"${3:-$name.mon}" | grep -c -- "$2")" -lt "$1" ]; do
		waited=$((waited + 1))
		if [ $waited -gt "$patience" ] || ! kill -0 "$pid" 2>/dev/null; then
			fail "$name: there is no '$2' in ${3:-$name.mon}"
			return 1
		fi
		sleep 0.05
	done
}
# count: sets $at to the instructions that the guest has run.
count() {
	asked=$((asked + 1))
	say 'info status'
	answer $asked ' instructions' || return
	at=$(tr -d '\r' <"$name.mon" | sed -n 's/^.* s, \([0-9]*\) instructions/\1/p' | tail -n 1)
}
# after N: waits until the guest has run this many instructions.
after() {
	while kill -0 "$pid" 2>/dev/null; do
		count || return
		[ "$at" -lt "$1" ] || return 0
		sleep 0.02
	done
	fail "$name: it ended before $1 instructions"
}
