# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml smp=2 mem=512 repeats=stock clock=skips timeout=900 files=build/cargo/guest/release/flood,boringtun:bin/boringtun-cli
#
# The driver and boringtun.

. "${0%/*}/matrix.sh"

run_pair boringtun
