# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=x86,kcsan smp=2 mem=768 timeout=300
#
# Two CPUs, traffic both ways, and the configuration torn away under it. What counts is that everything ends, that
# traffic flows again afterwards, and that the kernel stays silent.

. "${0%/*}/lib.sh"

check "load the module" dut_load
add_namespace a
add_namespace b
check "join two namespaces" join_namespaces a b

make_tunnel() {
	ip -n a link add wg0 type wireguard && ip -n b link add wg0 type wireguard &&
		tunnel_end b wg0 2 1 "$(outside 4 1)" && tunnel_end a wg0 1 2 "$(outside 4 2)"
}

# Endless traffic in both directions until stop_traffic: TCP streams and a ping flood.
start_traffic() {
	traffic=()
	local port
	for port in 5301 5302; do
		at b iperf3 -s -p $port >/dev/null 2>&1 &
		traffic+=($!)
	done
	await 10 listening b 5302
	at a bash -c 'while :; do iperf3 -c 10.7.0.2 -p 5301 -t 600 -P 4 --connect-timeout 2000; sleep 0.2; done' >/dev/null 2>&1 &
	traffic+=($!)
	at a bash -c 'while :; do iperf3 -c 10.7.0.2 -p 5302 -t 600 -P 2 -R --connect-timeout 2000; sleep 0.2; done' >/dev/null 2>&1 &
	traffic+=($!)
	at b bash -c 'while :; do ping -q -i 0.002 -s 1000 10.7.0.1; sleep 0.1; done' >/dev/null 2>&1 &
	traffic+=($!)
}

stop_traffic() {
	local pid
	for pid in "${traffic[@]}"; do kill "$pid"; done
	for ns in a b; do ip netns pids $ns | xargs -r kill -9; done
	wait "${traffic[@]}"
	return 0
} 2>/dev/null

flows() {
	local before
	before=$(counter a wg0 rx)
	await 20 eval '[ "$(counter a wg0 rx)" -gt $((before + 200000)) ]'
}

check "make a tunnel" make_tunnel
check "parallel streams both ways, alone" tcp_across a b "$(inside 4 2)" 8M -P 4
check "parallel streams both ways, backwards" tcp_across a b "$(inside 6 2)" 8M -P 4 -R

start_traffic
check "traffic flows" flows

for round in {1..8}; do
	ip -n a link set wg0 down
	ip -n a link set wg0 up
	[ $((round % 2)) = 0 ] || { ip -n b link set wg0 down; ip -n b link set wg0 up; }
done
check "traffic flows after interfaces went down and up under it" flows

for round in {1..8}; do
	at a wg set wg0 peer "$public_2" remove
	at a wg set wg0 peer "$public_2" preshared-key <(echo "$psk") endpoint "$(outside 4 2):$(port_of 2)" \
		allowed-ips "10.7.0.2/32,fd07::2/128"
done
check "traffic flows after the peer was removed and added under it" flows

for round in {1..8}; do
	at a wg set wg0 private-key <(wg genkey)
	at a wg set wg0 private-key <(echo "$private_1") listen-port $((52000 + round))
done
at a wg set wg0 listen-port "$(port_of 1)"
check "traffic flows after keys and ports changed under it" flows

for round in {1..4}; do
	ip -n a link del wg0
	ip -n a link add wg0 type wireguard
	tunnel_end a wg0 1 2 "$(outside 4 2)"
done
check "traffic flows after the interface was made anew under it" flows

check "no packet was dropped without a word" none_unnamed
check "unload the module under traffic" dut_unload
check "load it again" dut_load
check "make a tunnel again under what is left of the traffic" make_tunnel
check "traffic flows" flows

check "a namespace goes under traffic" ip netns del b
check "stop the traffic" stop_traffic
check "the other interface still answers" at a wg show wg0
check "remove the other namespace" ip netns del a
check "unload the module" await 20 dut_unload

done_testing
