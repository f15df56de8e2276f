#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# boot.sh PROGRAM KERNEL INITRD WORKDIR [quick]: Debian's kernel with the RAM disk of tests/boot.d, UP and SMP, twice, with
# other caches and a log; and every way a guest can end. Quick: once with one vCPU, once with two. BOOT_STEPS=yes: once more, to
# userspace, step by step, which takes minutes; tests/unit/pv/test_boot.c and tests/guests/run.sh step through less. Prints failures and
# one line with the counts.
[ $# = 4 ] || [ "$#,${5:-}" = 5,quick ] || { echo "usage: $0 PROGRAM KERNEL INITRD WORKDIR [quick]" >&2; exit 1; }
program=$1 kernel=$2 initrd=$3 dir=$4 suite=boot
. "$(dirname "$0")/checks.sh"
mkdir -p "$dir"

# run NAME APPEND OPTIONS...: console in NAME.out, messages and numbers in NAME.err, exit code in NAME.rc.
run() {
	name=$1 append=$2
	shift 2
	"$program" -M xenpv -name boot -m 512 -kernel "$kernel" -initrd "$initrd" -append "console=hvc0 $append" \
		-serial stdio -icount sleep=off -stats "$@" </dev/null >"$dir/$name.out" 2>"$dir/$name.err" &
	echo $! >"$dir/$name.pid"
	wait $!
	echo $? >"$dir/$name.rc"
}

rc() {
	cat "$dir/$1.rc"
}

# What must not differ between two runs of the same thing.
state() {
	sed -n -e '/^instructions:/p' -e '/^guest time:/p' -e '/^state hash:/p' "$dir/$1.err" | tr -s ' \n' ' '
}

marked() {
	tr -d '\r' <"$dir/$1.out" | sed -n "s/.*MARK $2 *//p" | head -n 1
}

# Whatever the run found, each with its one right answer.
right() {
	is "$1: power off" "$(rc "$1")" 0
	is "$1: userspace" "$(marked "$1" userspace)" x86_64
	is "$1: hypervisor" "$(marked "$1" hypervisor)" 'xen 4.17'
	is "$1: CPUs" "$(marked "$1" cpus)" "$2"
	is "$1: clock source" "$(marked "$1" clocksource)" xen
	is "$1: year" "$(marked "$1" year)" 2023
	is "$1: complaints of the kernel" "$(marked "$1" complaints)" 0
	is "$1: sleep" "$(marked "$1" sleep)" right
	is "$1: sum" "$(marked "$1" sum)" 200010000
	is "$1: floating point" "$(marked "$1" float)" '1.41421356237309 3333333333.3333335'
	is "$1: sort" "$(marked "$1" sorted)" 796dff5eb1113e2e7fe15bb3d93c03ce
	is "$1: gzip" "$(marked "$1" gzip)" 5647f05ec18958947d32874eeb788fa396a05d0bab7c1b71f112ceb7e9b31eee
	is "$1: eight jobs" "$(marked "$1" jobs)" 26d384f5c11b301068ece50446e68276efc4fc99
	is "$1: signal" "$(marked "$1" signal)" 143
	is "$1: processors that worked" "$(marked "$1" processors)" "$3"
	is "$1: end" "$(marked "$1" ending)" poweroff
}

same() {
	is "$1 and $2 are the same run" "$(state "$2")" "$(state "$1")"
	if cmp -s "$dir/$1.out" "$dir/$2.out"; then pass "console of $1 and $2"; else
		fail "the consoles of $1 and $2 differ: $dir/$1.out $dir/$2.out"; fi
}

if [ $# = 5 ]; then
	run up '' -timeout 900
	right up '1 online 0' 1
	run smp '' -smp 2 -timeout 900
	right smp '2 online 0-1' 2
	finish
fi

# Step by step is slow: beside the others, to userspace and no further.
steps=
if [ "${BOOT_STEPS:-}" = yes ]; then
	run steps 'quiet work=0' -singlestep -timeout 1800 &
	steps=$!
fi

run up '' -timeout 300
right up '1 online 0' 1
run up2 '' -timeout 300 -accel interp,tb-size=1 -d guest_errors,unimp,xenstore -D "$dir/up2.log"
same up up2
# A part of the run, in which programs work; the run stays the same.
run part '' -timeout 300 -d int,hypercall,mmu,from=2s,to=3s -D "$dir/part.log"
same up part
for what in 'd1 v0: trap 14 #PF error' 'd1 v0: event at ' ' (virq timer)' '] d1 v0: '; do
	has "log of a part: $what" "$dir/part.log" "$what"
done
is 'log of a part: nothing before, nothing behind' \
	"$(sed -n 's/^\[[0-9]* \([0-9.]*\)\].*/\1/p' "$dir/part.log" | awk '$1 < 2 || $1 >= 3' | grep -c .)" 0
run start 'quiet work=0' -timeout 300 -d int,mmu,hypercall,to=100ms -D "$dir/start.log"
for what in '#UD at' 'forced CPUID' 'becomes an L4 table' 'ceases to be an L4 table' 'becomes descriptors' 'set_trap_table('; do
	has "log of the start: $what" "$dir/start.log" "$what"
done

run smp '' -smp 4 -timeout 300
right smp '4 online 0-3' 4
run smp2 '' -smp 4 -timeout 300 -accel interp,tb-size=2
same smp smp2

# Live: an idle guest sleeps.
run live "quiet $brief work=0" -timeout 300 -icount sleep=on
is 'live: power off' "$(rc live)" 0
is 'live: end' "$(marked live ending)" poweroff

# The ends.
run quick 'quiet work=0' -timeout 300
is 'quick: power off' "$(rc quick)" 0
run halt "quiet $brief work=0 end=halt" -timeout 300
is 'halt' "$(rc halt)" 0
run reboot "quiet $brief work=0 end=reboot" -timeout 300 -no-reboot
is 'reboot with -no-reboot' "$(rc reboot)" 4
# It runs until the time is up. A loaded machine may not come so far: then it gets longer.
for limit in 10 40 300; do
	run again "quiet $brief work=0 end=reboot" -timeout $limit
	[ "$(grep -c 'MARK userspace' "$dir/again.out")" -lt 2 ] || break
done
is 'reboot for ever, until the timeout' "$(rc again)" 3
if [ "$(grep -c 'MARK userspace' "$dir/again.out")" -ge 2 ]; then pass 'it came up again'; else
	fail 'it did not come up again after a reboot'; fi
run panic "$brief work=0 end=panic" -timeout 300
is 'panic' "$(rc panic)" 2
for what in rip rax 'last traps' 'last hypercalls' sched_op; do
	has "report of the panic: $what" "$dir/panic.err" "$what"
done
is 'report of the panic: its last line' "$(sed '/^instructions:/,$d' "$dir/panic.err" | tail -n 1 | cut -c1-54)" \
	'paravane: guest panicked: Kernel panic - not syncing: '
is "report of the panic: the console's own calls" "$(grep -c 'event_channel_op(4' "$dir/panic.err")" 0
run forgiven "$brief work=0 end=panic" -timeout 300 -action panic=shutdown
is 'a panic that is no failure' "$(rc forgiven)" 0
run exit "$brief work=0 end=exit" -timeout 300
is 'init exits' "$(rc exit)" 2
has 'the kernel says why' "$dir/exit.out" 'Attempted to kill init'
run timeout 'quiet' -timeout 2
is 'timeout' "$(rc timeout)" 3
# time_is_up HOW OPTIONS...: while it spins, or hangs.
time_is_up() {
	how=$1
	shift
	for limit in 8 40 300; do
		run "$how" "quiet $brief work=0 end=$how" -timeout $limit "$@"
		[ "$(marked "$how" ending)" != "$how" ] || break
	done
	is "timeout: $how" "$(rc "$how")" 3
	is "timeout: it came so far as to $how" "$(marked "$how" ending)" "$how"
}
time_is_up spin
time_is_up hang -icount sleep=on

# Ended from outside.
run killed "quiet $brief work=0 end=spin" -timeout 600 &
job=$!
tries=0
until grep -q 'MARK ending' "$dir/killed.out" || [ $tries = 600 ]; do
	tries=$((tries + 1))
	sleep 0.2
done
kill -TERM "$(cat "$dir/killed.pid")"
wait $job
is 'SIGTERM' "$(rc killed)" 1
has 'SIGTERM is told' "$dir/killed.err" SIGTERM

if [ -n "$steps" ]; then
	wait "$steps"
	is 'step by step: power off' "$(rc steps)" 0
	same quick steps
fi
finish
