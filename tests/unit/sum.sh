#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# sum.sh DIR SUITE...: adds up the suites that "make unit" ran beside each other. Each has left in DIR/SUITE.out what it said
# and, as the last line, how it ended. Shows all but libcheck's own head and sums, then one line of sums for all as libcheck has it.
# A suite that died is an error of its own.
dir=$1
shift
for suite; do
	if [ -f "$dir/$suite.out" ]; then cat "$dir/$suite.out"; else echo 'exit: it did not start'; fi
	echo "end of $suite"
done | awk '
/^Running suite\(s\): / { next }
/^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$/ {
	gsub(/[^0-9 ]/, ""); said = 1; c = $2; f = $3; e = $4
	next
}
/^exit: / { sub(/^exit: /, ""); status = $0; next }
/^end of / {
	if (!said || (status != "0" && !f && !e)) {
		printf "%s:E: the suite ended with no word of a failure: %s\n", $3, status
		c++
		e++
	}
	checks += c; failures += f; errors += e; n++
	said = c = f = e = 0
	status = "killed"
	next
}
{ print }
END {
	good = checks ? int(100 * (checks - failures - errors) / checks) : 0
	printf "%d%%: Checks: %d, Failures: %d, Errors: %d\n", good, checks, failures, errors
	exit(failures || errors || !checks)
}'
