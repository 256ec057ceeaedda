# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Our module here, the in-tree C driver in a second guest at the other end of a cable.

. /job/lib.sh
. /job/story.sh
. /job/peer.sh

chapter "3. A tunnel to the in-tree C driver, in a second guest at the other end of a cable"
join_peer 1 || fail "the cable"
load_driver
peer ip link add wg0 type wireguard && peer_end || fail "configuring the C driver"

run ip link add wg0 type wireguard
run wg set wg0 private-key /tmp/keys/ours listen-port 51821 \
	peer "$public_2" preshared-key /tmp/keys/shared \
	allowed-ips 10.7.0.2/32,fd07::2/128 endpoint 192.0.2.2:51822 persistent-keepalive 25
ip address add 10.7.0.1/24 dev wg0 && ip address add fd07::1/64 dev wg0 nodad && ip link set wg0 up || fail "addresses inside"

transfer() { wg show wg0 transfer | cut -f "$1"; }

for out in 4 6; do
	chapter "IPv$out outside"
	[ $out = 4 ] || run wg set wg0 peer "$public_2" endpoint "[2001:db8::2]:51822"
	rx=$(transfer 2) tx=$(transfer 3)
	for in in 4 6; do
		pings ping -q -c 3 -i 0.2 -W 5 "$(inside $in 2)"
		transfers iperf3 -f m -n 512K -c "$(inside $in 2)"
		transfers iperf3 -f m -n 512K -R -c "$(inside $in 2)"
	done
	moved "$rx" "$tx" "$(transfer 2)" "$(transfer 3)"
done

chapter "What wg knows of it"
run wg show wg0
age=$(($(date +%s) - $(wg show wg0 latest-handshakes | cut -f 2)))
[ $age -le 90 ] || fail "the handshake is $age seconds old"

chapter "And away with it"
run ip link del wg0
run rmmod wireguard
