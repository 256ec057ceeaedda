# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What becomes of those who use a device while it is flooded in each of the KINDS, in a guest whose clock is the number of
# instructions. There is one processor for all: two that are emulated in turns make each other wait.

. "${0%/*}/flooded.sh"

give_up() { echo "bench: $*"; exit 1; }

# A packet each five milliseconds, COUNT of them.
flow_by_itself() { flow "$COUNT" 5000 || give_up "no flow"; }

dut_load || give_up "no module"
flood_world || give_up "no world"
sleep 10
for kind in calm $KINDS; do
	before=$(kernel_memory)
	[ "$kind" = calm ] || start_flood "$kind" 64 0 || give_up "no flood of $kind"
	received=$(hub_received) began=$(date +%s%N)
	flow_by_itself >/run/flow &
	flow=$!
	newcomer >/run/newcomer || echo "newcomer never" >/run/newcomer
	if renew_once; then renewed=yes; else renewed=no; fi
	wait $flow
	rate=$((($(hub_received) - received) * 1000000000 / ($(date +%s%N) - began)))
	during=$(kernel_memory)
	[ "$kind" = calm ] || stop_flood || give_up "the flood of $kind has ended"
	newcomer_leaves || give_up "who was new does not leave"
	# Later than what is remembered of sources.
	sleep 4
	renew_once || give_up "no session after a flood of $kind"
	sleep 1
	echo "$kind $(cat /run/flow) rate $rate $(cat /run/newcomer) renewed $renewed memory $before $during $(kernel_memory)"
done
