# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: smp=2 mem=512 timeout=240 files=build/cargo/guest/release/wire-peer judge=tools/captures/judge
#
# Captures of traffic through a tunnel, outside and on both inner ends, for tools/captures/judge, which has tshark
# decode them. The peer is played, so its keys are known.
#
#   dut ── middle ── peers ── far
#
# dut has the device, middle is a bridge, peers has the played peer, and far is behind it.
#
# What leaves a cable towards where it is captured has been cut and has its checksums, whoever had to see to that.

. "${0%/*}/lib.sh"

# Who receives has a queue for each processor that sends, or the order is lost; so there is one processor that receives.
in_order() { at "$1" sh -c "echo 1 >/sys/class/net/$2/queues/rx-0/rps_cpus"; }

no_offloads() { features "$1" "$2" tx off tso off tx-udp-segmentation off; }

cables() {
	local ns
	for ns in dut middle peers far; do add_namespace $ns || return; done
	ip link add to-peers netns dut type veth peer name to-dut netns middle &&
		ip link add to-peers netns middle type veth peer name to-dut netns peers &&
		ip -n middle link add br0 type bridge && ip -n middle link set br0 up &&
		ip -n middle link set to-dut master br0 up && ip -n middle link set to-peers master br0 up &&
		outside_address dut to-peers 1 && outside_address peers to-dut 2 &&
		no_offloads dut to-peers && no_offloads middle to-peers && no_offloads peers to-dut
}

# Both ends have the same hardware address, which whatever is sent goes to: so nobody has to ask for it.
behind() {
	ip link add to-far netns peers address 02:00:00:00:00:01 type veth \
		peer name to-peers netns far address 02:00:00:00:00:01 &&
		ip -n peers link set to-far arp off up && ip -n far link set to-peers mtu 1420 arp off up &&
		ip -n peers route add 10.7.0.0/24 dev to-far && ip -n peers route add fd07::/64 dev to-far &&
		no_offloads peers to-far && no_offloads far to-peers
}

check "load the module" dut_load
check "cables" cables
check "what is behind the peer" behind
check "cables keep the order" eval 'in_order dut to-peers && in_order middle to-dut && in_order middle to-peers &&
	in_order peers to-dut && in_order peers to-far && in_order far to-peers'
play captures
check "unload the module" dut_unload
check "hand out the captures" hand_out /tmp/captures/*
done_testing
