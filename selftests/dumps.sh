# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Dumps of one peer, of what has changed, and of many peers while they change: 10,000, or as many as the kernel's command line
# says (dumped=100000).
#
# guest: debug=uml image=tools smp=2 mem=896 timeout=400 files=selftests/netlink

. "${0%/*}/lib.sh"

many=$(told dumped)

check "load the module" dut_load
retell python3 -u "${0%/*}/partial.py"
retell python3 -u "${0%/*}/many.py" "${many:-10000}"
check "unload it" dut_unload
done_testing
