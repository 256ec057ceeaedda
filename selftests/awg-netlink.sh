# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The link kind and the family `amneziawg`: what is taken, refused and shown; beside them, `wg` and `wg-quick` have WireGuard
# as ever; random requests against traffic, 300 or as many as the kernel's command line says (sets=100000).
#
# guest: debug=uml repeats=stock image=tools smp=2 mem=896 clock=skips timeout=600 files=selftests/netlink

. "${0%/*}/lib.sh"

sets=$(told sets)
here=${0%/*}
conf=/etc/wireguard/wgq0.conf

is_alias() { modinfo -F alias $dut_module | grep -qx -- "$1"; }

has_family() { python3 -c "import sys; sys.path.insert(0, '$here'); import netlink; netlink.find_family('$1')"; }
has_no_family() { ! has_family "$1"; }
has_no_kind() { ! ip link add awg9 type "$1"; }

device_type() { grep -qx "DEVTYPE=$2" "/sys/class/net/$1/uevent"; }
link_kind() { ip -d link show "$1" | grep -qw "$2"; }

# One file tells wg-quick all.
quick_up() {
	mkdir -p /etc/wireguard
	cat >$conf <<-END
		[Interface]
		Address = 10.9.0.1/24
		ListenPort = 51899
		PrivateKey = $private_1
		[Peer]
		PublicKey = $public_2
		AllowedIPs = 10.9.0.2/32
		Endpoint = 192.0.2.99:51820
	END
	chmod 600 $conf
	wg-quick up wgq0 && [ "$(wg show wgq0 listen-port)" = 51899 ] && link_kind wgq0 wireguard
}

# wg speaks to the family wireguard alone.
wg_sees_only_its_own() {
	local seen
	seen=$(wg show interfaces) && [ "$seen" = wg9 ] && ! wg set awg9 listen-port 7 && wg set wg9 listen-port 7
}

for alias in rtnl-link-wireguard net-pf-16-proto-16-family-wireguard rtnl-link-amneziawg net-pf-16-proto-16-family-amneziawg; do
	check "the module is found as $alias" is_alias $alias
done

check "load the module without AmneziaWG" dut_load amneziawg=0
check "there is no such kind" has_no_kind amneziawg
check "nor such a family" has_no_family amneziawg
check "there is WireGuard" has_family wireguard
check "a tunnel" tunnel_of_two
check "and a ping" ping_across a "$(inside 4 2)"
check "unload it" eval 'ip netns del a && ip netns del b && dut_unload'

check "load the module" dut_load
check "a device of each kind" eval 'ip link add wg9 type wireguard && ip link add awg9 type amneziawg'
check "user space is told of the one" device_type wg9 wireguard
check "and of the other" device_type awg9 amneziawg
check "iproute2 shows the kind" link_kind awg9 amneziawg
check "wg sees the one, and not the other" wg_sees_only_its_own
check "wg-quick makes WireGuard" quick_up
check "and takes it away" wg-quick down wgq0
check "the devices go" eval 'ip link del wg9 && ip link del awg9'

retell python3 -u "$here/awg_checks.py"

check "a tunnel of WireGuard beside it" tunnel_of_two
check "${sets:-300} random requests amid traffic" python3 -u "$here/awg_random.py" "${sets:-300}"
check "the tunnel is as before" ping_across a "$(inside 4 2)"
check "delete all namespaces" eval 'ip netns del a && ip netns del b'
check "devices are left to the module" eval 'ip link add awg9 type amneziawg && ip link add wg9 type wireguard'
check "unload it" dut_unload

done_testing
