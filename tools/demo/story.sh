# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For the scripts of the demo: every command is shown, run, and held to what it must bring. The first that fails ends
# the story.

. "${0%/*}/lib.sh"

scene() { printf '\n=== %s\n\n' "$*"; }
tell() { printf -- '--- %s\n' "$*"; }

give_up() {
	printf '\n!!! %s\n' "$*"
	exit 1
}

# act COMMAND…: shows the command and what it says.
act() { act_as "$*" "$@"; }

# act_as WORDS COMMAND…: the same under other words, for a command that is long or not interesting as such.
act_as() {
	local words=$1
	shift
	printf '    $ %s\n' "$words"
	"$@" 2>&1 | sed 's/^/      /'
	[ "${PIPESTATUS[0]}" = 0 ] || give_up "the last command failed"
}

load_our_module() {
	local needed
	if [ ! -e $dut_module ]; then act modprobe wireguard; return; fi
	needed=$(modinfo -F depends $dut_module | tr , ' ')
	# shellcheck disable=SC2086
	act modprobe -a $needed
	act_as "insmod wireguard.ko" insmod $dut_module
}

# Pings and says how it went; any loss fails.
ping_story() {
	local output
	output=$(ping -q -c 3 -i 0.2 -W 5 "$1" 2>&1)
	grep -E 'packets transmitted|min/avg' <<<"$output"
	grep -q ' 0% packet loss' <<<"$output"
}

# A TCP transfer; -R turns it around. Says what iperf3 says of the receiving side.
tcp_story() {
	local output
	output=$(timeout 60 iperf3 -c "$1" -n 1M -f m -i 0.1 "${@:2}" 2>&1) || { printf '%s\n' "$output"; return 1; }
	grep receiver <<<"$output"
}

# Traffic over what is configured: both versions inside, both directions.
traffic() {
	local in address
	for in in 4 6; do
		address=$(inside $in 2)
		act_as "ping -c 3 $address" ping_story "$address"
		act_as "iperf3 -c $address -n 1M" tcp_story "$address"
		act_as "iperf3 -c $address -n 1M --reverse" tcp_story "$address" -R
	done
}

# Shows wg0 and holds it to a handshake just made and to counters that moved by what was sent.
status() {
	local rx=$1 tx=$2 age
	act wg show wg0
	age=$(($(date +%s) - $(wg show wg0 latest-handshakes | cut -f 2)))
	[ $age -ge 0 ] && [ $age -le 60 ] || give_up "the last handshake was $age s ago"
	rx=$(($(wg show wg0 transfer | cut -f 2) - rx)) tx=$(($(wg show wg0 transfer | cut -f 3) - tx))
	[ $rx -ge 1000000 ] && [ $tx -ge 1000000 ] || give_up "the counters moved by $rx and $tx bytes only"
	tell "the handshake was $age s ago; by now $rx bytes were received and $tx bytes sent"
}

write_keys() {
	mkdir -p /run/keys
	echo "$private_1" >/run/keys/private
	echo "$psk" >/run/keys/psk
}

# Our end, configured by the commands a user would type: our_end OUTSIDE-VERSION
our_end() {
	act ip link add wg0 type wireguard
	act wg set wg0 private-key /run/keys/private listen-port "$(port_of 1)"
	act wg set wg0 peer "$public_2" preshared-key /run/keys/psk allowed-ips 10.7.0.2/32,fd07::2/128 \
		endpoint "$(outside "$1" 2):$(port_of 2)" persistent-keepalive 25
	act ip address add 10.7.0.1/24 dev wg0
	act ip address add fd07::1/64 dev wg0 nodad
	act ip link set wg0 up
}
