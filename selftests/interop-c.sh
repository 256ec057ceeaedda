# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: smp=1 mem=512 timeout=240 peer=interop-c.peer
#
# The driver here and the in-tree C driver in a second guest, each once the initiator and once the responder.

. "${0%/*}/lib.sh"
. "${0%/*}/peer.sh"

check "load the module" dut_load
check "join the peer's machine" join_peer 1

for out in 4 6; do
	for initiator in driver peer; do
		name="IPv$out, $initiator initiates"
		check "$name: make the interface" ip link add wg0 type wireguard
		check "$name: make the peer's interface" peer ip link add wg0 type wireguard
		if [ $initiator = driver ]; then
			check "$name: configure the driver" here_end "$(outside $out 2)"
			check "$name: configure the peer" peer_end
			check "$name: first ping" ping -q -c 3 -i 0.2 -W 5 "$(inside 4 2)"
		else
			check "$name: configure the peer" peer_end "$(outside $out 1)"
			check "$name: configure the driver" here_end
			check "$name: first ping" peer ping -q -c 3 -i 0.2 -W 5 "$(inside 4 1)"
		fi
		for in in 4 6; do
			check "$name, inside IPv$in: TCP to the peer" tcp_to_peer "$(inside $in 2)" 1M
			check "$name, inside IPv$in: TCP from the peer" tcp_to_peer "$(inside $in 2)" 1M -R
		done
		check "$name: the handshake is recent" test "$(($(date +%s) - $(wg show wg0 latest-handshakes | cut -f 2)))" -le 60
		check "$name: counters moved" test "$(wg show wg0 transfer | cut -f 2)" -ge 1000000 -a "$(wg show wg0 transfer | cut -f 3)" -ge 1000000
		check "$name: remove the interface" ip link del wg0
		check "$name: remove the peer's interface" peer ip link del wg0
	done
done

check "unload the module" dut_unload
done_testing
