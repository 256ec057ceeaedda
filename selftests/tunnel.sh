# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: smp=2 mem=512 timeout=240
#
# The driver against itself in two namespaces: IPv4 and IPv6, inside and outside, both directions.

. "${0%/*}/lib.sh"

check "load the module" dut_load

add_namespace a
add_namespace b
check "join two namespaces" join_namespaces a b

for out in 4 6; do
	check "outside IPv$out: make the interfaces" eval \
		'ip -n a link add wg0 type wireguard && ip -n b link add wg0 type wireguard'
	check "outside IPv$out: configure a" tunnel_end a wg0 1 2 "$(outside $out 2)" 25
	check "outside IPv$out: configure b" tunnel_end b wg0 2 1
	for in in 4 6; do
		check "outside IPv$out, inside IPv$in: ping from a" ping_across a "$(inside $in 2)"
		check "outside IPv$out, inside IPv$in: ping from b" ping_across b "$(inside $in 1)"
		rx=$(counter a wg0 rx) tx=$(counter a wg0 tx)
		check "outside IPv$out, inside IPv$in: TCP from a to b" tcp_across a b "$(inside $in 2)" 2M
		check "outside IPv$out, inside IPv$in: TCP from b to a" tcp_across a b "$(inside $in 2)" 2M -R
		check "outside IPv$out, inside IPv$in: a's counters moved" counters_moved a wg0 "$rx" "$tx" 1000000
	done
	check "outside IPv$out: the handshake is recent" handshake_is_recent a wg0 60
	same "outside IPv$out: b learned a's endpoint" "$(outside $out 1):$(port_of 1)" "$(at b wg show wg0 endpoints | cut -f 2)"
	same "outside IPv$out: the keepalive interval stands" 25 "$(at a wg show wg0 persistent-keepalive | cut -f 2)"
	check "outside IPv$out: remove the interfaces" eval 'ip -n a link del wg0 && ip -n b link del wg0'
done

# A persistent keepalive makes a session with no other traffic.
ip -n a link add wg0 type wireguard
ip -n b link add wg0 type wireguard
tunnel_end b wg0 2 1
tunnel_end a wg0 1 2 "$(outside 4 2)" 1
check "keepalive alone makes a session" await 10 handshake_age b wg0
rx=$(counter b wg0 rx)
sleep 3
check "keepalives go on" test "$(counter b wg0 rx)" -gt "$rx"

# A wrong preshared key must keep the peers apart.
at b wg set wg0 peer "$public_1" preshared-key <(wg genpsk)
ip -n a link set wg0 down
ip -n a link set wg0 up
rx=$(counter a wg0 rx)
check "a wrong preshared key lets nothing through" eval '! at a ping -q -c 2 -W 2 10.7.0.2'

check "remove a's interface" ip -n a link del wg0
check "remove b's namespace with its interface" ip netns del b
check "unload the module" await 10 dut_unload

done_testing
