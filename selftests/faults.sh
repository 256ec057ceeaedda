# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Every allocation of the driver is failed at least once: errors, nothing half-applied, traffic that goes on, and nothing
# leaked, for which the guest looks at the end. With `faults=all` among the kernel's parameters more of them, and a table.
#
# guest: stock=no debug=uml image=tools mem=896 clock=skips timeout=400 files=selftests/netlink,selftests/faults,build/module/{kernel}/wireguard.sites

. "${0%/*}/lib.sh"

check "load the module" dut_load
check "unload it" dut_unload
retell python3 -u "${0%/*}/faults.py" "${0%/*}/wireguard.sites" $(grep -o "faults=all" /proc/cmdline)

done_testing
