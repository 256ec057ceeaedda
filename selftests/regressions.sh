# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml image=tools smp=2 mem=768 clock=skips timeout=300 files=selftests/clients/inject.py
#
# Ways into the device that other implementations have stumbled on; see Documentation/regressions.rst.

. "${0%/*}/lib.sh"

inject() { at a python3 "${0%/*}/inject.py" wg0 "$@"; }

# How many packets the interface could not send.
tx_errors() { at a cat /sys/class/net/wg0/statistics/tx_errors; }

# ICMP messages that namespace a has sent to itself: "destination unreachable" of either family.
unreachables() { at a awk '/^Icmp: [0-9]/ { sum += $5 } /^Icmp6InDestUnreachs/ { sum += $2 } END { print sum + 0 }' /proc/net/snmp /proc/net/snmp6; }

# Packets that came out of the tunnel in namespace b.
arrived() { at b cat /sys/class/net/wg0/statistics/rx_packets; }

# --- packet sockets

# A packet socket may leave it to the device to tell what protocol a packet is of.
test_injection() {
	local before errors silent what
	for what in ipv4 ipv6; do
		before=$(arrived)
		check "inject $what without naming its protocol" inject $what
		check "it arrives" await 10 eval "[ \$(arrived) -gt $before ]"
	done
	errors=$(tx_errors) silent=$(unreachables)
	for what in empty-ipv4 short-ipv4 short-ipv6 version-0 version-5 version-15 one-byte; do
		check "inject what is no packet: $what" inject $what
	done
	same "each is counted" $((errors + 7)) "$(tx_errors)"
	same "nobody is told by ICMP of what is no packet" "$silent" "$(unreachables)"
}

# --- metadata of another tunnel

# Packets on their way out by dummy0 are given to the device instead, with the metadata of a tunnel in the place of their
# route, as a program for several tunnels leaves them.
redirect_with_metadata() {
	ip -n a link add dummy0 type dummy && ip -n a link set dummy0 up &&
		ip -n a route add 10.7.0.2/32 dev dummy0 src 10.7.0.1 &&
		at a tc qdisc add dev dummy0 clsact &&
		at a tc filter add dev dummy0 egress matchall \
			action tunnel_key set src_ip 198.51.100.1 dst_ip 198.51.100.2 id 7 dst_port 4789 \
			action mirred egress redirect dev wg0
}

test_metadata() {
	check "redirect packets into the device with a tunnel's metadata" redirect_with_metadata
	check "they go through" ping_across a 10.7.0.2
	# Where no peer has the address, the answer by ICMP must not trust what is not a route.
	at a wg set wg0 peer "$public_2" allowed-ips fd07::2/128
	local errors
	errors=$(tx_errors)
	at a ping -q -c 1 -W 1 10.7.0.2 >/dev/null
	check "one for nobody is refused" [ "$(tx_errors)" -gt "$errors" ]
	at a wg set wg0 peer "$public_2" allowed-ips 10.7.0.2/32,fd07::2/128
	check "take it away" ip -n a link del dummy0
	check "packets go through by the route" ping_across a 10.7.0.2
}

# --- the hash of a flow

# send_flows PORT…: a datagram to each port.
send_flows() { local port; for port; do at a bash -c "echo flow >/dev/udp/10.7.0.2/$port"; done; }

test_flow_hash() {
	local first second
	check "put packets of the cable into two classes by their hash" split_by_hash
	first=$(class_packets 1:1) second=$(class_packets 1:2)
	# All of them have the same addresses and ports outside.
	send_flows {6001..6064}
	sleep 0.5
	first=$(($(class_packets 1:1) - first)) second=$(($(class_packets 1:2) - second))
	diag <<<"64 flows: $first and $second packets"
	check "flows inside are told apart outside" [ $((first > 8 && second > 8)) = 1 ]
	check "take the classes away" at a tc qdisc del dev to-b root
}

check "load $(dut_name)" dut_load
check "a tunnel" tunnel_of_two
check "packets go through" ping_across a 10.7.0.2
test_injection
# The debug kernels do not have what these two put in the packets' way.
if ! is_debug; then
	test_metadata
	test_flow_hash
fi
check "remove the namespaces" eval "ip netns del a && ip netns del b"
check "unload" dut_unload
done_testing
