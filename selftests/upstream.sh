# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml smp=2 mem=1024 repeats=uml timeout=1500 append="log_buf_len=16M" source=tools/testing/selftests/wireguard/netns.sh
#
# The kernel's own test of WireGuard, as it is in the kernel's source. Its last check finds in the kernel log that all
# objects that were created have been destroyed; here we see that there were any.

. /job/lib.sh

log=/tmp/netns.log

# The test's pauses read from its standard input, which must neither end nor say anything.
run_upstream() {
	local pipe=/tmp/pipe
	mkfifo $pipe
	bash /job/netns.sh 0<>$pipe >$log 2>&1 && return
	tail -n 40 $log
	return 1
}

# Lines about objects that came or went, each as OBJECT created|destroyed.
objects() { sed -nE 's/.*(wg[0-9]+: [A-Z][a-z]+ ?[0-9]*) .*(created|destroyed).*/\1\t\2/p'; }

# kind_seen WORD: at least one such object was created.
kind_seen() { grep -qE "^wg[0-9]+: $1 ?[0-9]*"$'\t'"created" /tmp/objects; }

# As many were destroyed as were created, of each object; prints those of which that does not hold.
balanced() {
	awk -F '\t' '
		{ sum[$1] += $2 == "created" ? 1 : -1 }
		END { for (object in sum) if (sum[object]) { print object ": " sum[object] " left"; bad = 1 } exit bad }' "$@"
}

# Would it be noticed if the last one of a kind had been left?
one_is_missed() { ! tac /tmp/objects | sed "0,/: $1.*destroyed/{//d}" | balanced >/dev/null; }

check "load the module" dut_load
mount -t debugfs debugfs /sys/kernel/debug
check "debug messages are switched on" eval 'echo "module wireguard +p" >/sys/kernel/debug/dynamic_debug/control'
check "upstream's netns.sh passes" run_upstream
check "its last word is about objects" eval "grep -q 'Objects that were created were also destroyed' $log"

dmesg | objects >/tmp/objects
for kind in Interface Peer Keypair; do check "objects of the kind $kind were seen" kind_seen $kind; done
for kind in Interface Peer Keypair; do check "one left of the kind $kind would be noticed" one_is_missed $kind; done
check "the log is whole" eval "dmesg | grep -q 'Linux version'"
check "all objects that were created were destroyed" balanced /tmp/objects
diag <<<"$(grep -c created /tmp/objects) objects in all"
check "unload the module" dut_unload
done_testing
