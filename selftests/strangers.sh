# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml,x86 smp=2 mem=384 clock=skips timeout=300 files=build/cargo/guest/release/wire-peer
#
# Initiations of peers that are not configured: who is announced, who is held and for how long, and what is answered.

. "${0%/*}/lib.sh"

check "load the module" dut_load
check "make namespaces" dut_namespaces
play strangers
check "unload the module" dut_unload

done_testing
