# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# How long RTNL is held at a time, by whomever: probes of the kernel's own see when mutex_lock() returns with it, and when
# it is about to be given back. Where links are changed rtnl_lock() is inlined, so it is not that which is probed. Each call of
# mutex_lock() costs some thousands of instructions then, for whatever mutex. Requests of generic netlink call rtnl_lock(), which
# is seldom, and probed for them.

tracing=/sys/kernel/tracing
links_taken=$tracing/events/fprobes/rtnl_links_taken
requests_taken=$tracing/events/fprobes/rtnl_requests_taken
given=$tracing/events/kprobes/rtnl_given

prepare_holds() {
	local rtnl
	rtnl=$(awk '$3 == "rtnl_mutex" { print "0x" $1 }' /proc/kallsyms)
	mountpoint -q $tracing || mount -t tracefs tracing $tracing || return
	[ "$((rtnl))" != 0 ] || { echo "the kernel does not tell where rtnl_mutex is"; return 1; }
	# shellcheck disable=SC2016
	echo 'f:rtnl_links_taken mutex_lock%return lock=$arg1' >>$tracing/dynamic_events &&
		echo 'f:rtnl_requests_taken rtnl_lock%return' >>$tracing/dynamic_events &&
		echo 'p:rtnl_given netdev_run_todo' >>$tracing/dynamic_events || return
	requests_trigger="hist:keys=common_pid:since=common_timestamp.usecs"
	links_trigger="$requests_trigger if lock == $rtnl"
	# shellcheck disable=SC2016
	given_trigger='hist:keys=common_pid:held=common_timestamp.usecs-$since:onmax($held).save(common_comm)'
}

# watch_holds links|requests
watch_holds() {
	local place=$1_taken trigger=$1_trigger
	taken=${!place} taken_trigger=${!trigger}
	echo "$taken_trigger" >"$taken/trigger" && echo "$given_trigger" >$given/trigger
}

# Prints the longest time in microseconds since watch_holds.
longest_hold() {
	awk '$1 == "max:" && $2 > longest { longest = $2 } END { print longest + 0 }' $given/hist
	# What refers to the other's variable goes first.
	echo "!$given_trigger" >$given/trigger && echo "!$taken_trigger" >"$taken/trigger"
}
