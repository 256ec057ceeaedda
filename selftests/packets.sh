# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml,kcsan smp=2 mem=384 clock=skips timeout=400 files=build/cargo/guest/release/wire-peer
#
# Packets in both directions: headers around them, ECN, padding, segments, what waits, what is refused, sources.

. "${0%/*}/lib.sh"

check "load the module" dut_load
check "make namespaces" dut_namespaces
play packets
check "no packet was dropped without a word" none_unnamed
check "unload the module" dut_unload

done_testing
