# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The ends of a tunnel, whatever is there. An end is an array of five words:
#
#   KIND NAMESPACE INTERFACE NUMBER NUMBER-OF-THE-OTHER
#
# and KIND is one of
#
#   driver      the module under test
#   c           the in-tree driver, in a second guest (peer.sh)
#   go          wireguard-go
#   boringtun   boringtun-cli

# of END VERB [ARGUMENT…]: has an end do something, on the machine where it is: of far make
of() {
	local -n end=$1
	local verb=$2
	shift 2
	if [ "${end[0]}" = c ]; then
		peer "end_$verb" "${end[@]}" "$@"
	else
		"end_$verb" "${end[@]}" "$@"
	fi
}

# What an end is, and what is known of it: kind_of END, …. The IP version outside is $out.
kind_of() { local -n end=$1 && echo "${end[0]}"; }
number_of() { local -n end=$1 && echo "${end[3]}"; }
public_of() { local -n end=$1 && local key=public_${end[3]} && echo "${!key}"; }
outside_of() { outside "$out" "$(number_of "$1")"; }
endpoint_of() { echo "$(outside_of "$1"):$(port_of "$(number_of "$1")")"; }
other() { [ "$1" = near ] && echo far || echo near; }

# Namespaces for the two ends, joined.
join_ends() {
	local a=${near[1]} b=${far[1]}
	if [ "${far[0]}" = c ]; then
		join_cable "$a" "$b" "${near[3]}" && peer join_cable "$b" "$a" "${far[3]}"
	else
		add_namespace "$a" && add_namespace "$b" && join_namespaces "$a" "$b" "${near[3]}" "${far[3]}"
	fi
}

# For a peer in another guest, which has keys of its own.
share_keys() {
	[ "${far[0]}" = c ] || return 0
	local public=public_${near[3]} private=private_${far[3]}
	peer eval "psk=$psk $public=${!public} $private=${!private}"
}

# reaches END [VERSION]: until a ping gets across; what is lost while daemons come up does not count.
reaches() { await 40 of "$1" ping "$(inside "${2:-4}" "$(number_of "$(other "$1")")")"; }

# That end waits for the other, which knows where it is: configure_ends INITIATOR
configure_ends() {
	of "$(other "$1")" configure && of "$1" configure "$(outside_of "$(other "$1")")"
}

# An interface without configuration.
end_make() {
	case $1 in
	driver | c) ip -n "$2" link add "$3" type wireguard ;;
	go) start_daemon "$2" "$3" env WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD=1 wireguard-go -f "$3" ;;
	boringtun) start_daemon "$2" "$3" /job/boringtun-cli --foreground --disable-drop-privileges "$3" ;;
	esac
}

end_remove() {
	case $1 in
	driver | c) ip -n "$2" link del "$3" ;;
	*) stop_daemon "$2" "$3" ;;
	esac
}

# Without an endpoint the end waits for the other: of far configure [ENDPOINT [KEEPALIVE]]
end_configure() { tunnel_end "${@:2}"; }

# Has the end forget its sessions, so that its next packet begins a handshake. The argument is the other's endpoint,
# for those who cannot forget sessions without the peer.
end_renew() {
	case $1 in
	driver | c) ip -n "$2" link set "$3" down && ip -n "$2" link set "$3" up ;;
	*) end_replace_peer "$@" ;;
	esac
}

# A new peer in place of the old: of far replace_peer ENDPOINT [KEEPALIVE]
end_replace_peer() {
	local key=public_$5
	at "$2" wg set "$3" peer "${!key}" remove && set_peer "$2" "$3" "${@:5}"
}

# of near ping ADDRESS
end_ping() { at "$2" ping -q -c 1 -W 2 "$6"; }

# Pings once a second, beside all else: of near watch COUNT ADDRESS. Then, how that went: of near lost_none COUNT
end_watch() { at "$2" ping -q -i 1 -W 20 -c "$6" "$7" >"/run/$3.watch" 2>&1 & }

end_lost_none() {
	await $(($6 + 60)) grep -q 'packets transmitted' "/run/$3.watch"
	cat "/run/$3.watch"
	grep -q "^$6 packets transmitted, $6 received" "/run/$3.watch"
}

# Where the end believes the other to be.
end_endpoint() { at "$2" wg show "$3" endpoints | cut -f 2; }
end_set_endpoint() { local key=public_$5 && at "$2" wg set "$3" peer "${!key}" endpoint "$6"; }

# Changes addresses on the outside, or the port: of near move FROM TO
end_move() {
	local link
	link=$(ip -n "$2" -o address show to "192.0.2.$6" | awk '{ print $2 }')
	ip -n "$2" address del "192.0.2.$6/24" dev "$link" && ip -n "$2" address del "2001:db8::$6/64" dev "$link" &&
		outside_address "$2" "$link" "$7" || return
	# Its sockets are connected, and would cling to the address that is gone.
	[ "$1" != boringtun ] || end_set_port "${@:1:5}" "$(at "$2" wg show "$3" listen-port)"
}

end_set_port() { at "$2" wg set "$3" listen-port "$6"; }

end_serve_tcp() { at "$2" iperf3 -s -D && await 10 listening "$2" 5201; }

# Keeps a device busy with handshakes until unflood: of near flood ENDPOINT PUBLIC-KEY BURST PAUSE
end_flood() {
	ip netns exec "$2" /job/flood "${@:6}" >/run/flood.log 2>&1 &
	echo $! >/run/flood.pid
}

end_unflood() {
	kill -0 "$(cat /run/flood.pid)" || { cat /run/flood.log; return 1; }
	kill "$(cat /run/flood.pid)"
}

# --- daemons

# start_daemon NAMESPACE INTERFACE COMMAND…
start_daemon() {
	modprobe tun
	# A daemon that hangs as it begins is its own fault: it gets a second chance, and no third.
	start_once "$@" || { stop_daemon "$1" "$2" && start_once "$@"; }
}

start_once() {
	ip netns exec "$1" "${@:3}" >"/run/$2.log" 2>&1 &
	echo $! >"/run/$2.pid"
	await 30 at "$1" timeout 5 wg show "$2" >/dev/null 2>&1 || { cat "/run/$2.log"; return 1; }
}

stop_daemon() {
	kill -KILL "$(cat "/run/$2.pid")"
	await 10 no_link "$1" "$2"
}

no_link() { ! ip -n "$1" link show "$2" >/dev/null 2>&1; }
