# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml,kcsan smp=2 mem=384 clock=skips timeout=400 files=build/cargo/guest/release/wire-peer
#
# Malformed and hostile datagrams: dropped in silence, counted as the C driver does, and without harm to others.

. "${0%/*}/lib.sh"

check "load the module" dut_load
check "make namespaces" dut_namespaces
play datagrams
check "remove the interface" ip -n dut link del wg0
check "no packet was dropped without a word" none_unnamed
check "unload the module" eval 'ip -n peers link del wg1; dut_unload'

done_testing
