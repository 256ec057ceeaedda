# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# How a demo tells what it does: every command is shown, run and checked.

# The two characters of the story have the keys of lib.sh, by name.
umask 077
mkdir -p /tmp/keys
echo "$private_1" >/tmp/keys/ours
echo "$private_2" >/tmp/keys/theirs
echo "$psk" >/tmp/keys/shared

fail() { echo; echo "This did not work: $*"; exit 1; }

chapter() { printf '\n== %s\n' "$*"; }

# Shows a command and runs it; its output is indented. What it printed is kept in $said.
run() {
	printf '  $ %s\n' "${*}"
	# Colours and cursor games are for terminals.
	said=$("$@" 2>&1) || { printf '%s\n' "$said"; fail "$*"; }
	[ -z "$said" ] || printf '%s\n' "$said" | sed 's/^/      /'
}

# The same, but shows only the lines that match.
run_showing() {
	local pattern=$1
	shift
	printf '  $ %s\n' "${*}"
	said=$("$@" 2>&1) || { printf '%s\n' "$said"; fail "$*"; }
	printf '%s\n' "$said" | grep -E "$pattern" | sed 's/^ */      /' || fail "no word of '$pattern' from: $*"
}

# pings COMMAND…: a ping that loses nothing.
pings() {
	run_showing 'packets transmitted|^rtt' "$@"
	[[ $said == *" 0% packet loss"* ]] || fail "packets were lost"
}

# transfers COMMAND…: an iperf3 that receives what was sent.
transfers() { run_showing 'receiver' "$@"; }

# moved RX-BEFORE TX-BEFORE RX-NOW TX-NOW
moved() {
	[ $(($3 - $1)) -gt 500000 ] && [ $(($4 - $2)) -gt 500000 ] || fail "the byte counters did not move"
}

load_driver() {
	if [ ! -e /job/wireguard.ko ]; then run modprobe wireguard; return; fi
	run modprobe -a udp_tunnel ip6_udp_tunnel libcurve25519 libchacha20poly1305
	run insmod /job/wireguard.ko
}
