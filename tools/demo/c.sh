# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Second act: this machine's tunnel to the in-tree C driver in another machine. It says of itself what it is.

. "${0%/*}/story.sh"
. "${0%/*}/peer.sh"

scene "$(dut_name) and the in-tree C driver in a second machine"
write_keys
join_peer 1 || give_up "the second machine does not answer"
tell "there: Linux $(peer uname -r), $(peer modinfo -F filename wireguard)"

load_our_module
for out in 4 6; do
	tell "a tunnel over IPv$out to the second machine"
	peer ip link add wg0 type wireguard && peer_end || give_up "the second machine cannot make its end"
	our_end $out
	traffic
	status 0 0
	act ip link del wg0
	peer ip link del wg0 || give_up "the second machine cannot remove its end"
done
act rmmod wireguard
