# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: smp=2 mem=384 asleep=yes timeout=600 files=build/cargo/guest/release/wire-peer
#
# Keys that are given up are wiped: the guest's memory is searched for them, as a played peer knows them.

. "${0%/*}/lib.sh"

check "load $(dut_name)" dut_load
check "make namespaces" dut_namespaces
play secrets
done_testing
