# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Counts the handshake messages that cross the outside of the near end's namespace, by kind and direction. What does not
# go between $near and $far of the tunnel is the flood's.

# The first word of a message, its length with the UDP header, and mac2, which is in the last 16 bytes.
WIRE_RULES='
table inet wire {
	counter near_initiations { }
	counter far_initiations { }
	counter near_responses { }
	counter far_responses { }
	counter near_cookies { }
	counter far_cookies { }
	counter near_mac2 { }
	counter far_mac2 { }
	counter flood { }
	counter flood_cookies { }
	set ports { type inet_service; elements = { PORTS } }
	chain near {
		type filter hook output priority 0
		udp length 72 @th,64,32 0x03000000 udp dport != @ports counter name flood_cookies return
		udp sport != @ports return
		udp length 156 @th,64,32 0x01000000 counter name near_initiations
		udp length 156 @th,64,32 0x01000000 @th,1120,128 != 0 counter name near_mac2
		udp length 100 @th,64,32 0x02000000 counter name near_responses
		udp length 72 @th,64,32 0x03000000 counter name near_cookies
	}
	chain far {
		type filter hook input priority 0
		udp length 72 @th,64,32 0x03000000 udp dport != @ports counter name flood_cookies return
		udp length 156 @th,64,32 0x01000000 udp sport != @ports counter name flood return
		udp length 156 @th,64,32 0x01000000 counter name far_initiations
		udp length 156 @th,64,32 0x01000000 @th,1120,128 != 0 counter name far_mac2
		udp length 100 @th,64,32 0x02000000 counter name far_responses
		udp length 72 @th,64,32 0x03000000 counter name far_cookies
	}
}'

declare -A wire

# count_wire [NUMBER…]: between the ports of $near and $far, and of the numbers.
count_wire() {
	local ports
	ports=$(for number in ${near[3]} ${far[3]} "$@"; do port_of $number; done | paste -sd ,)
	at "${near[1]}" nft -f - <<<"${WIRE_RULES/PORTS/$ports}"
}

forget_wire() { at "${near[1]}" nft reset counters table inet wire >/dev/null; }

# Fills $wire with what was counted since forget_wire.
read_wire() {
	local name packets
	while read -r name packets; do wire[$name]=$packets; done < <(
		at "${near[1]}" nft list counters table inet wire | awk '/counter/ { name = $2 } /packets/ { print name, $2 }'
	)
	[ ${#wire[@]} -gt 0 ] || { echo "nothing counts on the wire"; return 1; }
}

# crossed NAME…: at least one of each.
crossed() {
	local name
	read_wire || return
	for name; do
		[ "${wire[$name]}" -gt 0 ] || { echo "no $name among $(declare -p wire)"; return 1; }
	done
}

handshake_by() { crossed "$1_initiations" "$(other "$1")_responses"; }
cookie_handshake_by() { crossed "$1_initiations" "$(other "$1")_cookies" "$1_mac2" "$(other "$1")_responses"; }
never() { read_wire && { [ "${wire[$1_initiations]}" = 0 ] || { declare -p wire; false; }; }; }
