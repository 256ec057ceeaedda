# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Dumps, rights, sockets and sessions, as far as netlink has to do with them: the same scenarios with the C driver and
# then with the module under test.
#
# guest: debug=uml image=tools smp=2 mem=896 clock=instructions,skips timeout=400 files=selftests/netlink

. "${0%/*}/lib.sh"

compare_drivers scenarios
done_testing
