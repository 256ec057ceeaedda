# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml asleep=yes smp=1 mem=384 clock=skips timeout=500 files=build/cargo/guest/release/wire-peer
#
# What happens by itself as time goes by, for three minutes in which the guest mostly sleeps.

. "${0%/*}/lib.sh"

check "load the module" dut_load
check "make namespaces" dut_namespaces
play timers
check "no packet was dropped without a word" none_unnamed
check "unload the module" dut_unload

done_testing
