# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For guests that come in two, joined by a cable: this one is number 1 and gives orders, the peer is number 2 and
# does what it is told (c.peer). The cable is trusted: both ends are ours. Orders have addresses of their own, so that
# tests may do with 192.0.2.x and 2001:db8::x what they like.

ORDERS_PORT=9999
ORDER_DONE="--- order done"

# Brings up this end of the cable: join_peer NUMBER
join_peer() {
	modprobe -a virtio_net macvlan && await 30 test -e /sys/class/net/eth0 || return
	ip address add "198.51.100.$1/24" dev eth0
	ip link set eth0 up
	[ "$1" = 2 ] || await 120 peer_listens
}

peer_listens() { (exec {call}<>"/dev/tcp/198.51.100.2/$ORDERS_PORT") 2>/dev/null; }

# Opens the line for orders. Not in a subshell: it stays open for all that follow.
call_peer() { exec {orders}<>"/dev/tcp/198.51.100.2/$ORDERS_PORT"; }

# join_cable A B NUMBER: makes the namespace A, whose end of the cable is named after B, as join_namespaces does.
join_cable() {
	add_namespace "$1" && ip link add "to-$2" link eth0 netns "$1" type macvlan mode bridge &&
		outside_address "$1" "to-$2" "$3"
}

# peer COMMAND…: runs it in the peer's shell, with its output here and its status as result. Functions of lib.sh and
# ends.sh are commands there, too.
peer() {
	local line
	printf '%q ' "$@" >&"$orders"
	echo >&"$orders"
	while IFS= read -r -t 120 line <&"$orders"; do
		case $line in "$ORDER_DONE "*) return "${line##* }" ;; esac
		printf '%s\n' "$line"
	done
	echo "no answer from the peer"
	return 1
}

# The same on the side that takes orders, one shell per connection. What an order leaves running must not hold us.
obey() {
	local order said=/run/order.$BASHPID
	while IFS= read -r order; do
		eval "$order" >"$said" 2>&1 </dev/null
		printf '%s %d\n' "$ORDER_DONE" $? >>"$said"
		cat "$said"
	done
}

take_orders() { exec ncat -l -k -p $ORDERS_PORT --exec "/bin/bash ${BASH_SOURCE[0]} obey"; }

if [ "${1:-}" = obey ]; then
	. "${0%/*}/lib.sh"
	. "${0%/*}/ends.sh"
	obey
fi
