# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml,kcsan smp=2 mem=512 clock=skips timeout=900 files=build/cargo/guest/release/flood
#
# The driver against itself.

. "${0%/*}/matrix.sh"

EXTRA_ROWS="
4 psk near change_version
6 psk near change_version
"

run_pair driver
