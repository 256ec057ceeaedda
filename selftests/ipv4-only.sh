# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml smp=1 mem=384 clock=skips timeout=180 append=ipv6.disable=1
#
# A kernel whose IPv6 is disabled has tunnels over IPv4 only.

. /job/lib.sh

v4_only() {
	add_namespace a && add_namespace b &&
		ip link add to-b netns a type veth peer name to-a netns b &&
		ip -n a address add 192.0.2.1/24 dev to-b && ip -n a link set to-b up &&
		ip -n b address add 192.0.2.2/24 dev to-a && ip -n b link set to-a up
}

# end NAMESPACE SELF OTHER
end() {
	local private=private_$2 public=public_$3
	ip -n "$1" link add wg0 type wireguard &&
		at "$1" wg set wg0 private-key <(echo "${!private}") listen-port "$(port_of "$2")" peer "${!public}" \
			allowed-ips "10.7.0.$3/32,fd07::$3/128" endpoint "192.0.2.$3:$(port_of "$3")" &&
		ip -n "$1" address add "10.7.0.$2/24" dev wg0 && ip -n "$1" link set wg0 up
}

sockets() { at "$1" ss -Hlun | awk '{ print $4 }'; }

check "IPv6 is disabled" eval '[ "$(cat /sys/module/ipv6/parameters/disable)" = 1 ]'
check "load $(dut_name)" dut_load
check "two namespaces" v4_only
check "one end" end a 1 2
check "the other end" end b 2 1
same "there is one socket" "0.0.0.0:51821" "$(sockets a)"
check "packets go through" ping_across a 10.7.0.2
check "an endpoint that cannot be reached is taken" at a wg set wg0 peer "$public_2" endpoint '[2001:db8::2]:1'
check "a new port" at a wg set wg0 listen-port 4000
same "is that of the one socket" "0.0.0.0:4000" "$(sockets a)"
check "packets to it do no harm" eval '! at a ping -c 1 -W 1 10.7.0.2'
if is_ours; then same "each is counted" 1 "$(at a ethtool -S wg0 | sed -n 's/ *tx_family_unsupported: //p')"; fi
check "the endpoint before" at a wg set wg0 peer "$public_2" endpoint 192.0.2.2:51822
check "packets go through again" ping_across a 10.7.0.2
check "down and up" eval "ip -n a link set wg0 down && ip -n a link set wg0 up"
check "packets go through again" ping_across a 10.7.0.2
check "unload" dut_unload
done_testing
