# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=x86 repeats=stock smp=1 mem=512 timeout=900 peer=c.peer files=build/cargo/guest/release/flood
#
# The driver and the in-tree C driver, which is in a second guest.

. "${0%/*}/matrix.sh"

EXTRA_ROWS="
4 psk near change_version
6 psk near change_version
"

run_pair c
