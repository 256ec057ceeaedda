# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# How long RTNL is held at a time, by whomever: probes of the kernel's own see when mutex_lock() returns with it, and when
# it is about to be given back. Some of rtnl_lock() is inlined, so it is not that which is probed. Each call costs some
# ten thousand instructions then: where requests are many and short, time them without.

tracing=/sys/kernel/tracing
taken=$tracing/events/fprobes/rtnl_taken
given=$tracing/events/kprobes/rtnl_given

prepare_holds() {
	local rtnl
	rtnl=$(awk '$3 == "rtnl_mutex" { print "0x" $1 }' /proc/kallsyms)
	mountpoint -q $tracing || mount -t tracefs tracing $tracing || return
	[ "$((rtnl))" != 0 ] || { echo "the kernel does not tell where rtnl_mutex is"; return 1; }
	# shellcheck disable=SC2016
	echo 'f:rtnl_taken mutex_lock%return lock=$arg1' >>$tracing/dynamic_events &&
		echo 'p:rtnl_given netdev_run_todo' >>$tracing/dynamic_events || return
	taken_trigger="hist:keys=common_pid:since=common_timestamp.usecs if lock == $rtnl"
	# shellcheck disable=SC2016
	given_trigger='hist:keys=common_pid:held=common_timestamp.usecs-$since:onmax($held).save(common_comm)'
}

watch_holds() { echo "$taken_trigger" >$taken/trigger && echo "$given_trigger" >$given/trigger; }

# Prints the longest time in microseconds since watch_holds.
longest_hold() {
	awk '$1 == "max:" && $2 > longest { longest = $2 } END { print longest + 0 }' $given/hist
	# What refers to the other's variable goes first.
	echo "!$given_trigger" >$given/trigger && echo "!$taken_trigger" >$taken/trigger
}
