# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Malformed and unlikely netlink requests: the same table for the C driver and then for the module under test.
#
# guest: debug=uml image=tools smp=1 mem=896 clock=skips timeout=300 files=selftests/netlink

. "${0%/*}/lib.sh"

compare_drivers requests
done_testing
