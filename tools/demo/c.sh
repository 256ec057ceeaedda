# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Second act: this machine's tunnel to the in-tree C driver in another machine. It says of itself what it is.

. "${0%/*}/story.sh"
. "${0%/*}/ends.sh"
. "${0%/*}/peer.sh"

near=(driver here wg0 1 2)
far=(c there wg0 2 1)

scene "$(dut_name) and the in-tree C driver in a second machine"
write_keys
join_peer 1 || give_up "the second machine does not answer"
call_peer
ip address add 192.0.2.1/24 dev eth0 && ip address add 2001:db8::1/64 dev eth0 nodad || give_up "no cable"
share_keys && peer join_cable there here 2 && of far serve_tcp ||
	give_up "the second machine cannot be joined to this one"
tell "there: Linux $(peer uname -r), $(peer modinfo -F filename wireguard)"

load_our_module
for out in 4 6; do
	tell "a tunnel over IPv$out to the second machine"
	of far make && of far configure || give_up "the second machine cannot make its end"
	our_end $out
	traffic
	status 0 0
	act ip link del wg0
	of far remove || give_up "the second machine cannot remove its end"
done
act rmmod wireguard
