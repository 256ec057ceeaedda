# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml image=tools smp=2 mem=768 timeout=900 files=selftests/netlink/amneziawg.py,selftests/netlink/wireguard.py,selftests/netlink/netlink.py,build/cargo/guest/release/order
#
# AmneziaWG, the driver against itself: messages of all its versions carry what those of WireGuard do, and do not look
# like them.

. "${0%/*}/lib.sh"

awg() { python3 -B "${0%/*}/amneziawg.py" "$@"; }

# What each version has, as a configuration file would. Seconds are few, so that sessions are renewed meanwhile.
settings_1=(Jc=4 Jmin=40 Jmax=70 S1=15 S2=68 H1=1004746675 H2=1157755290 H3=1213187503 H4=2101060487)
settings_2=("${settings_1[@]}" S3=21 S4=12 H1=5-500000000 H2=500000001-1000000000 H3=1000000001-1500000000
	H4=1500000001-4294967295 "I1=<b 0xc0ff><r 30><t><c>" "I2=<rc 20><rd 5>")
settings_3=("${settings_2[@]}" S1=42 S2=108 S3=13 H1=1 H2=2 H3=3 H4=4 ContentPaddingAddition=10-100
	HeaderProtectionKey="$(wg genkey)")
settings_3_1=("${settings_3[@]}" RandomTrailers=on DisableCookies=on)

ends() {
	ip -n a link add awg0 type amneziawg && ip -n b link add awg0 type amneziawg &&
		end b 2 1 "$@" && end a 1 2 "$@"
}

# end NAMESPACE SELF OTHER SETTING…
end() {
	local ns=$1 self=$2 other=$3 private=private_$2 public=public_$3
	shift 3
	at "$ns" python3 -B "${0%/*}/amneziawg.py" set awg0 "PrivateKey=${!private}" "ListenPort=$(port_of "$self")" "$@" \
		"PublicKey=${!public}" "AllowedIPs=10.7.0.$other/32,fd07::$other/128" "Endpoint=$(outside 4 "$other"):$(port_of "$other")" &&
		inside_address "$ns" awg0 "$self"
}

check "load the module" dut_load
check "namespaces" eval 'add_namespace a && add_namespace b && join_namespaces a b'
for version in 1 2 3 3_1; do
	declare -n settings=settings_$version
	name="AmneziaWG ${version/_/.}"
	check "$name: make both ends" ends "${settings[@]}"
	at a tcpdump -Z root -nvvXX -c 40 -i to-b udp >/tmp/dump 2>&1 &
	check "$name: ping" ping_across a "$(inside 4 2)"
	check "$name: ping back, IPv6" ping_across b "$(inside 6 1)"
	check "$name: TCP" tcp_across a b "$(inside 4 2)" 10M
	sleep 1
	sed -n 1,60p /tmp/dump | sed 's/^/# /'
	at a python3 -B "${0%/*}/amneziawg.py" show awg0 | sed 's/^/# /'
	ip -n a -s link show awg0 | sed 's/^/# /'
	ip -n a link del awg0; ip -n b link del awg0
done
check "unload the module" await 10 dut_unload
done_testing
