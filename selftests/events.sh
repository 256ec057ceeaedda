# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml smp=2 mem=384 clock=instructions,skips timeout=300 files=build/cargo/guest/release/wire-peer
#
# Events by netlink, of all kinds and once each; who does not read them, and what comes too fast. Labels, whether peers are
# alive, fixed endpoints, and the carrier.

. "${0%/*}/lib.sh"

check "load the module" dut_load
check "make namespaces" dut_namespaces
play events
check "unload the module" dut_unload

done_testing
