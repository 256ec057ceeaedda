# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Drops that do not come by themselves: queues that are full, changes in the very moment, a lack of memory. As in the suite
# `drops`, the count of the reason moves by exactly as many, and no other does (drops.rst).
#
# guest: stock=no debug=uml image=tools mem=896 clock=skips timeout=200 files=selftests/netlink,selftests/faults,build/module/{kernel}/wireguard.sites

. "${0%/*}/lib.sh"

check "load the module" dut_load
retell python3 -u "${0%/*}/drops.py" "${0%/*}/wireguard.sites"
check "no packet was dropped without a word" none_unnamed
check "delete all namespaces" eval 'ip netns del a && ip netns del b'
check "unload the module" dut_unload

done_testing
