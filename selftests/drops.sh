# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml smp=2 mem=384 timeout=600 files=build/cargo/guest/release/wire-peer
#
# Every drop has a name: for each of many faults the count of its reason moves by as many packets as were dropped, and
# all others stay; who observes drops sees each at the place of that name (drops.rst). The C driver has no such counts.

. "${0%/*}/lib.sh"

check "load the module" dut_load
check "make namespaces" dut_namespaces
mountpoint -q /sys/kernel/tracing || mount -t tracefs nodev /sys/kernel/tracing 2>/dev/null
if is_ours; then play drops; fi
check "unload the module" dut_unload

done_testing
