# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# First act: this machine's tunnel to wireguard-go in another network namespace. Then, in the same machine, how fast
# our module is beside the C driver.

. "${0%/*}/story.sh"
. "${0%/*}/speed.sh"

start_go() {
	at go env WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD=1 wireguard-go go0 >/dev/null 2>&1 && tunnel_end go go0 2 1
}

scene "$(dut_name) and wireguard-go"
tell "Linux $(uname -r), $(wireguard-go --version 2>&1 | head -n 1), $(wg --version | cut -d ' ' -f 1,2)"

modprobe tun
add_namespace go
ip link add to-go type veth peer name to-here netns go
ip address add 192.0.2.1/24 dev to-go
ip address add 2001:db8::1/64 dev to-go nodad
ip link set to-go up
outside_address go to-here 2
at go iperf3 -s -D
write_keys

load_our_module
for out in 4 6; do
	tell "a tunnel over IPv$out to wireguard-go in namespace 'go'"
	start_go || give_up "wireguard-go did not start"
	our_end $out
	traffic
	status 0 0
	act ip link del wg0
	ip -n go link del go0
done
act rmmod wireguard

ip netns pids go | xargs -r kill
ip netns del go
compare_speed
