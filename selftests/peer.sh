# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For guests that come in two, joined by a cable: this one is number 1 and gives orders, the peer is number 2 and
# runs what it is told (interop-c.peer). The cable is trusted: both ends are ours.

ORDERS_PORT=9999

# Brings up this end of the cable: join_peer NUMBER
join_peer() {
	modprobe virtio_net && await 10 test -e /sys/class/net/eth0 || return
	ip address add "192.0.2.$1/24" dev eth0
	ip address add "2001:db8::$1/64" dev eth0 nodad
	ip link set eth0 up
	[ "$1" = 2 ] || await 60 peer true
}

# peer COMMAND…: runs it on the peer, with its output here and its status as result.
peer() {
	local reply status
	# The other side takes the end of our input for the end of the talk: keep it open until the answer is there.
	reply=$({ printf '%q ' "$@"; echo; } | ncat --no-shutdown -w 90 192.0.2.2 $ORDERS_PORT)
	[ -n "$reply" ] || return
	status=${reply##*$'\n'}
	reply=${reply%$'\n'*}
	[ -z "$reply" ] || printf '%s\n' "${reply%$'\n'}"
	return "$status"
}

# The same on the side that takes orders, one per connection.
obey() {
	local order
	read -r order
	bash -c "$order" 2>&1 </dev/null
	printf '\n%d' $?
}

take_orders() { exec ncat -l -k -p $ORDERS_PORT --exec "/bin/bash ${BASH_SOURCE[0]} obey"; }

# The two ends of the tunnel: number 1 here, number 2 on the peer. Without an endpoint an end waits for the other.
here_end() {
	wg set wg0 private-key <(echo "$private_1") listen-port "$(port_of 1)" peer "$public_2" \
		preshared-key <(echo "$psk") allowed-ips 10.7.0.2/32,fd07::2/128 \
		persistent-keepalive 25 ${1:+endpoint "$1:$(port_of 2)"} &&
		ip address add 10.7.0.1/24 dev wg0 && ip address add fd07::1/64 dev wg0 nodad && ip link set wg0 up
}

peer_end() {
	peer bash -c "wg set wg0 private-key <(echo $private_2) listen-port $(port_of 2) peer $public_1 \
		preshared-key <(echo $psk) allowed-ips 10.7.0.1/32,fd07::1/128 ${1:+endpoint $1:$(port_of 1)} &&
		ip address add 10.7.0.2/24 dev wg0 && ip address add fd07::2/64 dev wg0 nodad && ip link set wg0 up"
}

# tcp_to_peer ADDRESS AMOUNT [IPERF3 OPTION…]
tcp_to_peer() { timeout 120 iperf3 -c "$1" -n "$2" -f m "${@:3}"; }

if [ "${1:-}" = obey ]; then obey; fi
