# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Runs `compare` in a guest, between two namespaces in the place of two machines. Its figures mean nothing: see README.rst.

. "${0%/*}/lib.sh"

load_ours=$(for needed in $(modinfo -F depends $dut_module | tr , ' '); do printf 'modprobe %s; ' "$needed"; done)"insmod $dut_module"

add_namespace near && add_namespace far && join_namespaces near far || exit 1
python3 /job/compare --near 'ip netns exec near' --far 'ip netns exec far' --near-address 192.0.2.1 --far-address 192.0.2.2 \
	--a 'modprobe wireguard' --b "$load_ours" --probe /job/probe --blocks 2 --seconds 2 --rate 100 --out /tmp/turns.csv || exit 1
echo "# turns: $(($(wc -l </tmp/turns.csv) - 1))"
# A comparison leaves nothing behind.
! [ -e /sys/module/wireguard ]
