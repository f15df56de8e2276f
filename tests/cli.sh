#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# cli.sh PROGRAM KERNEL WORKDIR: bad input. Each case exits with 1 and says, in one line on standard error, the file or
# the value and the way out.
[ $# = 3 ] || { echo "usage: $0 PROGRAM KERNEL WORKDIR" >&2; exit 1; }
program=$1 kernel=$2 dir=$3 suite=cli
. "$(dirname "$0")/checks.sh"
mkdir -p "$dir"

# refused NAME TEXT OPTIONS...
refused() {
	name=$1 text=$2
	shift 2
	"$program" -timeout 20 -serial null "$@" </dev/null >"$dir/out" 2>"$dir/err"
	is "$name: exit code" $? 1
	has "$name: sentence" "$dir/err" "$text"
	is "$name: one line" "$(grep -c . "$dir/err")" 1
}

: >"$dir/empty"
head -c 3000 "$kernel" >"$dir/short"
head -c 4000000 "$kernel" >"$dir/half"
printf '\177ELF\002\001\001' >"$dir/elf"
cat "$program" >"$dir/notes" # an ELF file, and no guest
head -c 2000 /dev/zero | tr '\0' x >"$dir/long"

refused 'no kernel' kernel
refused 'missing kernel' "$dir/none" -kernel "$dir/none"
refused 'kernel is a directory' "$dir" -kernel "$dir"
refused 'empty kernel' "$dir/empty" -kernel "$dir/empty"
refused 'short bzImage' "$dir/short" -kernel "$dir/short"
refused 'truncated bzImage' "$dir/half" -kernel "$dir/half"
refused 'truncated ELF' "$dir/elf" -kernel "$dir/elf"
refused 'ELF without notes' "$dir/notes" -kernel "$dir/notes"
refused 'missing initrd' "$dir/none" -kernel "$kernel" -initrd "$dir/none"
refused 'initrd is a directory' "$dir" -kernel "$kernel" -initrd "$dir"
refused 'too little memory' 'MiB' -kernel "$kernel" -m 32
refused 'no memory' '-m' -kernel "$kernel" -m 0
refused 'memory of no number' 'lots' -kernel "$kernel" -m lots
refused 'many CPUs' 999 -kernel "$kernel" -smp 999
refused 'no CPUs' '-smp' -kernel "$kernel" -smp 0
refused 'long command line' 1023 -kernel "$kernel" -append "$(cat "$dir/long")"
refused 'unknown option' kernel -kernal "$kernel"
refused 'option without value' '-kernel' -kernel
refused 'unknown machine' pc -M pc -kernel "$kernel"
refused 'unknown CPU' 486 -cpu 486 -kernel "$kernel"
refused 'unknown log item' everything -d everything -kernel "$kernel"
refused 'log nowhere' "$dir/no/log" -d int -D "$dir/no/log" -kernel "$kernel"
refused 'console nowhere' "$dir/no/console" -kernel "$kernel" -serial "file:$dir/no/console"

# shown NAME TEXT OPTIONS...
shown() {
	name=$1 text=$2
	shift 2
	"$program" "$@" </dev/null >"$dir/out" 2>"$dir/err"
	is "$name: exit code" $? 0
	has "$name" "$dir/out" "$text"
	is "$name: nothing else" "$(grep -c . "$dir/err")" 0
}
shown help 'Exit codes' -h
shown 'help, the long word' Examples --help
shown version 'paravane version 0.1.0' -version
shown machines xenpv -M help
shown 'CPU models' max -cpu help
shown 'log items' guest_errors -d help
shown 'the tree' /dts-v1/ -kernel "$kernel" -dumpdts
finish
