# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Moves the data of all WORKLOADS, each given as NAME:AMOUNT, in a guest whose instructions are counted.

. "${0%/*}/tunnels.sh"

make_namespaces
if [ -n "$TUNNEL" ]; then
	dut_load || give_up "no module"
	begin_tunnels
fi
if [ -n "${TRACE:-}" ]; then
	mount -t tracefs tracefs /sys/kernel/tracing && echo 1 >/sys/kernel/tracing/events/wireguard/enable || give_up "no tracing"
fi
# Let what began with the boot come to its end. Sleep costs nothing where time is the number of instructions.
sleep 10
for workload in $WORKLOADS; do run_workload "$workload" || give_up "$workload failed"; done
/job/traffic symbols
