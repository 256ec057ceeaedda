# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: smp=2 mem=512 timeout=240
#
# The driver and wireguard-go in two namespaces, each once the initiator and once the responder.

. "${0%/*}/lib.sh"

start_go() { at "$1" env WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD=1 wireguard-go "$2" >/dev/null 2>&1; }

check "load the module" dut_load
modprobe tun

add_namespace a
add_namespace b
join_namespaces a b

for out in 4 6; do
	for initiator in driver go; do
		name="IPv$out, $initiator initiates"
		check "$name: make the interface" ip -n a link add wg0 type wireguard
		check "$name: start wireguard-go" start_go b go0
		if [ $initiator = driver ]; then
			check "$name: configure the driver" tunnel_end a wg0 1 2 "$(outside $out 2)"
			check "$name: configure wireguard-go" tunnel_end b go0 2 1
			check "$name: first ping" ping_across a "$(inside 4 2)"
		else
			check "$name: configure wireguard-go" tunnel_end b go0 2 1 "$(outside $out 1)"
			check "$name: configure the driver" tunnel_end a wg0 1 2
			check "$name: first ping" ping_across b "$(inside 4 1)"
		fi
		check "$name: the handshake is recent" handshake_is_recent a wg0
		rx=$(counter a wg0 rx) tx=$(counter a wg0 tx)
		for in in 4 6; do
			check "$name, inside IPv$in: TCP to wireguard-go" tcp_across a b "$(inside $in 2)" 1M
			check "$name, inside IPv$in: TCP from wireguard-go" tcp_across a b "$(inside $in 2)" 1M -R
		done
		check "$name: the driver's counters moved" counters_moved a wg0 "$rx" "$tx" 1000000
		check "$name: stop" eval 'ip -n a link del wg0 && ip -n b link del go0'
	done
done

check "unload the module" dut_unload
done_testing
