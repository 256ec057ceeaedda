# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Checks, and their results in TAP.

tests=0
failures=0

ok() { tests=$((tests + 1)); echo "ok $tests - $*"; }
not_ok() { tests=$((tests + 1)); failures=$((failures + 1)); echo "not ok $tests - $*"; }
diag() { sed 's/^/# /'; }

# check DESCRIPTION COMMAND…: passes if the command succeeds; shows what it said if not.
check() {
	local description=$1 output status
	shift
	output=$("$@" 2>&1)
	status=$?
	if [ $status = 0 ]; then ok "$description"; return 0; fi
	not_ok "$description"
	printf '%s\nstatus %d: %s\n' "$output" $status "$*" | diag
	return 1
}

# same DESCRIPTION WANTED FOUND
same() {
	if [ "$2" = "$3" ]; then ok "$1"; return 0; fi
	not_ok "$1"
	printf 'wanted: %s\nfound:  %s\n' "$2" "$3" | diag
	return 1
}

# Ends the script; a script that dies before has no plan, and fails by that.
done_testing() {
	echo "1..$tests"
	[ $failures = 0 ]
	exit
}
