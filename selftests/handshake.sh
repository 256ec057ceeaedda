# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml,kcsan smp=2 mem=384 clock=instructions,skips timeout=400 files=build/cargo/guest/release/wire-peer
#
# Handshakes in both roles, sessions and their rotation, cookies under load, as a peer sees them that is played.

. "${0%/*}/lib.sh"

check "load the module" dut_load
check "make namespaces" dut_namespaces
play handshake
check "no packet was dropped without a word" none_unnamed
check "unload the module" dut_unload

done_testing
