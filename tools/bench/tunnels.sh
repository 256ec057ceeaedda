# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Two namespaces in a guest, tunnels between them, and data that moves through. In the environment: PEERS; OUTSIDE, 4 or 6;
# TUNNEL, without which veth alone carries the data, REVERSE, GRO, TRANSMIT_ONLY, and PREFIXES, for the allowed IPs in
# /job/prefixes, which are empty or not; GUISE, settings of AmneziaWG with semicolons between, for which PEERS is 1.

. "${BASH_SOURCE[0]%/*}/lib.sh"

give_up() { echo "bench: $*"; exit 1; }

make_namespaces() {
	add_namespace left && add_namespace right && join_namespaces left right || give_up "no namespaces"
	[ -z "$GRO" ] || gro_on >/dev/null || give_up "no GRO"
}

# One device at this end, and a device of its own for each of its peers.
make_tunnels() {
	local number
	if [ -n "${GUISE:-}" ]; then
		guised_end left 1 2 && guised_end right 2 1
		return
	fi
	ip -n left link add wg0 type wireguard && tunnel_end left wg0 1 2 "$(outside "$OUTSIDE" 2)" || return
	for number in $(peers); do
		if [ "$number" != 2 ]; then
			make_keys "$number" && set_peer left wg0 "$number" "$(outside "$OUTSIDE" 2)" || return
		fi
		ip -n right link add "wg$number" type wireguard &&
			tunnel_end right "wg$number" "$number" 1 "$(outside "$OUTSIDE" 1)" || return
	done
	[ "$PEERS" = 1 ] || answer_by_source
}

# guised_end NAMESPACE SELF OTHER: a device of AmneziaWG, whose name is that of the other kind of device.
guised_end() {
	local private=private_$2 public=public_$3 dev=wg$(($2 == 1 ? 0 : $2)) file=/tmp/end-$2.conf
	{
		printf '[Interface]\nPrivateKey = %s\nListenPort = %s\n' "${!private}" "$(port_of "$2")"
		tr ';' '\n' <<<"$GUISE"
		printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.7.0.%s/32, fd07::%s/128\n' "${!public}" "$3" "$3"
		printf 'Endpoint = %s\n' "$([ "$OUTSIDE" = 4 ] && echo "$(outside 4 "$3")" || echo "[$(outside 6 "$3")]"):$(port_of "$3")"
	} >"$file"
	ip -n "$1" link add "$dev" type amneziawg && at "$1" /job/wgobf apply "$dev" "$file" && inside_address "$1" "$dev" "$2"
}

# The numbers of the far ends.
peers() { seq 2 $((1 + PEERS)); }

# All far ends have the near one behind them: which way an answer goes depends on where it comes from.
answer_by_source() {
	local number
	for number in $(peers); do
		ip -n right route add 10.7.0.1 dev "wg$number" table "$number" &&
			ip -n right rule add from "10.7.0.$number" lookup "$number" || return
	done
}

handshakes() {
	local number
	for number in $(peers); do ping_across left "$(inside 4 "$number")" 1 || return; done
}

# What is sent is thrown away as soon as it has left the tunnel.
divert() {
	modprobe dummy && ip -n left link add away type dummy && ip -n left link set away up &&
		case $OUTSIDE in
		4) ip -n left route add 192.0.2.2/32 dev away ;;
		6) ip -n left route add 2001:db8::2/128 dev away ;;
		esac
}

gro_on() { at left ethtool -K to-right gro on && at right ethtool -K to-left gro on; }

# The addresses that data is sent to: receivers NUMBER…
receivers() {
	local number
	if [ -z "$TUNNEL" ]; then outside 4 "$1"; return; fi
	for number in "$@"; do inside 4 "$number"; done
}

run_workload() {
	local moved ends
	# shellcheck disable=SC2046
	if [ -n "$REVERSE" ]; then ends="right left $(receivers 1)"; else ends="left right $(receivers $(peers))"; fi
	# shellcheck disable=SC2086
	moved=$(/job/traffic "${1%:*}" "${1#*:}" $ends ${TRANSMIT_ONLY:+transmit-only}) && echo "workload ${1%:*} $moved"
}

# More allowed IPs for the first peer of the near end, and what the kernel's objects take before and after, in KiB.
add_prefixes() {
	slab before
	# They take the place of those that the peer has.
	{ printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.7.0.2/32,fd07::2/128\n' "$public_2" && cat /job/prefixes; } >/tmp/peer &&
		at left wg addconf wg0 /tmp/peer && rm /tmp/peer || return
	# What was freed meanwhile goes a grace period later.
	sleep 5
	slab after
}

slab() { echo "slab $1 $(sed -n 's/^Slab: *\([0-9]*\) kB/\1/p' /proc/meminfo)"; }

# With the driver loaded.
begin_tunnels() {
	make_tunnels || give_up "no tunnels"
	[ -z "${PREFIXES:-}" ] || add_prefixes || give_up "cannot add allowed IPs"
	handshakes >/dev/null || give_up "no handshake"
	[ -z "$TRANSMIT_ONLY" ] || divert || give_up "cannot divert"
}

end_tunnels() {
	local number
	ip -n left link del wg0
	for number in $(peers); do ip -n right link del "wg$number"; done
}
