# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Our module and wireguard-go in two network namespaces, then our module against the C driver by speed.

. /job/lib.sh
. /job/story.sh

chapter "1. A tunnel to wireguard-go, in another network namespace of $(uname -r)"
load_driver

add_namespace ours && add_namespace theirs && join_namespaces ours theirs || fail "making namespaces"
modprobe tun
in_ours="ip netns exec ours"

start_go() {
	at theirs env WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD=1 wireguard-go go0 >/dev/null 2>&1 &&
		tunnel_end theirs go0 2 1 && at theirs iperf3 -s -D
}

for out in 4 6; do
	chapter "IPv$out outside"
	start_go || fail "starting wireguard-go"
	run ip -n ours link add wg0 type wireguard
	run $in_ours wg set wg0 private-key /tmp/keys/ours listen-port 51821 \
		peer "$public_2" preshared-key /tmp/keys/shared \
		allowed-ips 10.7.0.2/32,fd07::2/128 endpoint "$(outside $out 2):51822" persistent-keepalive 25
	inside_address ours wg0 1 || fail "addresses inside"
	for in in 4 6; do
		pings $in_ours ping -q -c 3 -i 0.2 -W 5 "$(inside $in 2)"
		transfers $in_ours iperf3 -f m -n 512K -c "$(inside $in 2)"
		transfers $in_ours iperf3 -f m -n 512K -R -c "$(inside $in 2)"
	done
	run $in_ours wg show wg0
	handshake_is_recent ours wg0 90 >/dev/null || fail "the handshake is not recent"
	moved 0 0 "$(counter ours wg0 rx)" "$(counter ours wg0 tx)"
	run ip -n ours link del wg0
	pkill iperf3
	ip -n theirs link del go0
done
run rmmod wireguard

[ -e /job/wireguard.ko ] || exit 0
chapter "2. By speed: iperf3 over TCP between two namespaces, our module and the C driver in turn"

# Prints the Mbit/s of one run with the driver that is loaded.
speed() {
	local out
	ip -n ours link add wg0 type wireguard && ip -n theirs link add wg0 type wireguard &&
		tunnel_end ours wg0 1 2 192.0.2.2 && tunnel_end theirs wg0 2 1 &&
		ping_across ours 10.7.0.2 1 >/dev/null || return
	out=$(at ours iperf3 -f k -t 2 -c 10.7.0.2 | awk '/receiver/ { print $(NF - 2) }')
	ip -n ours link del wg0 && ip -n theirs link del wg0 && rmmod wireguard && echo "$out"
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

at theirs iperf3 -s -D
our_speeds="" c_speeds=""
for round in 1 2 3; do
	insmod /job/wireguard.ko && ours=$(speed) || fail "the speed of our module"
	modprobe wireguard && c=$(speed) || fail "the speed of the C driver"
	awk -v r="$round" -v o="$ours" -v c="$c" \
		'BEGIN { printf "  round %d: ours %5.1f Mbit/s, C %5.1f Mbit/s\n", r, o / 1000, c / 1000 }'
	our_speeds+="$ours"$'\n' c_speeds+="$c"$'\n'
done
ours=$(printf %s "$our_speeds" | median) c=$(printf %s "$c_speeds" | median)
awk -v o="$ours" -v c="$c" 'BEGIN { printf "  medians: ours / C = %.2f\n", o / c; exit o / c < 0.5 }' ||
	fail "our module is less than half as fast as the C driver"
