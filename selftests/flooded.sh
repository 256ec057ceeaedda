# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A device that is flooded, and those who have a right to it. Namespaces: `hub` has the device, wg0; `peers` has three
# others, each with one peer, the hub: wg2 has an established session, wg3 renews its own, wg4 is new; `nobody` floods, by
# a cable of its own, over which the hub finds whoever it pretends to be.

. "${BASH_SOURCE[0]%/*}/lib.sh"

# Of the addresses in the networks for tests of devices (RFC 2544) nobody has one.
strangers=198.18.0.0/15

make_keys 3
make_keys 4
# A peer of the hub that nobody plays but who replays what it once said.
make_keys 9

flood_world() {
	add_namespace hub && add_namespace peers && add_namespace nobody && join_namespaces hub peers &&
		ip link add to-nobody netns hub type veth peer name to-hub netns nobody &&
		ip -n hub address add 203.0.113.1/24 dev to-nobody && ip -n nobody address add 203.0.113.2/24 dev to-hub &&
		ip -n hub link set to-nobody up && ip -n nobody link set to-hub up &&
		ip -n hub route add "$strangers" via 203.0.113.2 && hub_device && peer_device 2 && peer_device 3 &&
		ping_across peers "$(inside 4 1)" 1 >/dev/null
}

hub_device() {
	ip -n hub link add wg0 type wireguard && tunnel_end hub wg0 1 2 && set_peer hub wg0 3 && set_peer hub wg0 4 &&
		at hub wg set wg0 peer "$public_9" allowed-ips 10.7.0.9/32
}

# peer_device NUMBER: a device of its own, which sends to the hub's address by that number.
peer_device() {
	ip -n peers link add "wg$1" type wireguard && tunnel_end peers "wg$1" "$1" 1 "$(outside 4 1)" &&
		ip -n peers rule add from "10.7.0.$1" lookup "$1" && ip -n peers route add 10.7.0.1 dev "wg$1" table "$1"
}

ping_hub_by() { at peers ping -q -c 1 -W "${2:-1}" -I "10.7.0.$1" 10.7.0.1 >/dev/null; }

# start_flood KIND BURST PAUSE: returns when it has begun.
start_flood() {
	local before
	before=$(hub_received)
	echo "$private_9" >/run/replayed
	# shellcheck disable=SC2086
	ip netns exec nobody /job/flood $(flood_of "$1" "$2" "$3") >/run/flood.log 2>&1 &
	echo $! >/run/flood.pid
	await 60 flood_flows "$before" || { cat /run/flood.log; return 1; }
}

# flood_of KIND BURST PAUSE: what the program is told.
flood_of() { echo "203.0.113.1:51821 $public_1 $2 $3 $1 key=/run/replayed sources=$strangers"; }

flood_flows() { is_flooded && [ $(($(hub_received) - $1)) -gt 3000 ]; }
# A process that has ended and that nobody has waited for has a number, but no program.
is_flooded() { [ -e "/proc/$(cat /run/flood.pid)/exe" ]; }
is_calm() { ! is_flooded; }

stop_flood() {
	is_flooded || { cat /run/flood.log; return 1; }
	kill "$(cat /run/flood.pid)"
	await 10 is_calm
}

# How many datagrams of the flood have come.
hub_received() { at hub cat /sys/class/net/to-nobody/statistics/rx_packets; }

# flow COUNT INTERVAL-IN-US: a paced flow in the established session, and in `flow_*` what came of it. It goes before all
# other threads: what is to be seen is what the kernel makes it wait for.
flow() {
	local line
	line=$(chrt -f 20 /job/flow "$1" "$2" peers hub 10.7.0.1) || return
	# shellcheck disable=SC2034
	read -r _ _ flow_sent _ flow_lost _ flow_again _ flow_late _ flow_p50 _ flow_p99 _ flow_max <<<"$line"
	echo "$line"
}

# --- handshakes

has_session() { [ "$(at peers wg show "$1" latest-handshakes | cut -f 2)" -gt "${2:-0}" ]; }

# The peer that is new comes. Tells how long its handshake has taken, in milliseconds.
newcomer() {
	local began
	began=$(date +%s%3N)
	peer_device 4 || return
	at peers ping -q -c 1 -W 1 -I 10.7.0.4 10.7.0.1 >/dev/null 2>&1 &
	# A try, and one more each five seconds and a third of a second.
	await 17 has_session wg4 || return
	echo "newcomer $(($(date +%s%3N) - began))"
	await 10 ping_hub_by 4
}

newcomer_leaves() {
	ip -n peers link del wg4 && ip -n peers rule del from 10.7.0.4 && ip -n hub neigh flush all &&
		at hub wg set wg0 peer "$public_4" remove && set_peer hub wg0 4
}

# renew_once: the peer that renews its session forgets the one it has, and gets another.
renew_once() {
	at peers wg set wg3 peer "$public_1" remove && set_peer peers wg3 1 "$(outside 4 1)" || return
	at peers ping -q -c 1 -W 1 -I 10.7.0.3 10.7.0.1 >/dev/null 2>&1 &
	await 17 has_session wg3
}

# --- memory

# What the kernel has for itself, in KiB.
kernel_memory() { awk '/^(Slab|VmallocUsed|Percpu):/ { sum += $2 } END { print sum }' /proc/meminfo; }

# returned BEFORE: whether the kernel has no more than it had then, but for a few MiB that caches keep.
returned() {
	local now
	now=$(kernel_memory)
	echo "kernel memory: $1 KiB, now $now KiB"
	[ $((now - $1)) -lt 8192 ]
}
