# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: smp=2 mem=512 timeout=300
#
# What rtnetlink, sysfs, ethtool and the kernel log show of the module and its devices, with the C driver and then with
# the module under test in one guest: item by item, it is the same.

. /job/lib.sh

wg_link() { ip -n "$1" link add "$2" type wireguard; }

# --- the items: each a function that prints a text, in the namespaces a and b, where there are no interfaces

item_modinfo() {
	local field
	for field in version license alias parm; do modinfo -F "$field" "$dut_file" | sed "s/^/$field: /"; done | sort
	cat /sys/module/wireguard/version
	ls /sys/module/wireguard/parameters 2>&1
}

item_load_message() { dmesg | sed -nE 's/.*(wireguard: .*www.wireguard.com.*)/\1/p' | tail -n 1; }

item_names() {
	local _
	for _ in 1 2 3; do ip -n a link add type wireguard; done
	ip -n a link add wg%d type wireguard
	ip -n a link add wireguard1 type wireguard
	ip -n a -o link show | cut -d : -f 2
}

portrait_of() { ip -n a -d -o link show dev wg0 | cut -d : -f 2- | sed -E 's/ +/ /g'; }

item_link_down() { wg_link a wg0 && portrait_of; }

item_link_up() {
	wg_link a wg0 && ip -n a link set wg0 up && portrait_of
	ip -n a -o address show dev wg0
}

item_sysfs() {
	wg_link a wg0 && at a bash -c 'cd /sys/class/net/wg0 && for file in *; do
		case $file in ifindex | iflink) continue ;; esac
		[ ! -f $file ] || echo "$file: $(cat $file 2>&1 | sed -E "s/IFINDEX=.*//")"; done'
}

item_ethtool() {
	wg_link a wg0
	at a ethtool -k wg0
	at a ethtool -i wg0
	at a ethtool wg0 2>&1
	at a ethtool -S wg0 2>&1
	at a ethtool -T wg0 2>&1
	at a ethtool -l wg0 2>&1
}

item_toggle_features() {
	wg_link a wg0
	at a ethtool -K wg0 tso off gso off tx off rx off sg off 2>&1
	at a ethtool -k wg0
	ip -n a link set wg0 gso_max_size 524280 && portrait_of
	ip -n a link set wg0 gso_max_size 524281 2>&1
}

item_mtu() {
	local mtu
	wg_link a wg0
	for mtu in 0 1 67 68 1279 1280 65535 65536 2147483552 2147483553 4294967295; do
		echo "$mtu: $(ip -n a link set wg0 mtu $mtu 2>&1) $(at a cat /sys/class/net/wg0/mtu)"
	done
}

item_refusals() {
	wg_link a wg0
	wg_link a wg0 2>&1
	ip -n a link set wg0 type wireguard 2>&1
	ip -n a link set wg0 address 02:00:00:00:00:01 2>&1
	ip -n a link set wg0 type vlan 2>&1
	ip -n a link add wg1 mtu 2147483553 type wireguard 2>&1
	ip -n a link add wg1 address 02:00:00:00:00:01 type wireguard 2>&1
	ip -n a link add link wg0 name wg0.1 type vlan id 1 2>&1
	ip -n a link add link wg0 name mv0 type macvlan 2>&1
	ip -n a -o link show | cut -d : -f 2
}

item_flags() {
	local flag
	wg_link a wg0 && ip -n a link set wg0 up
	for flag in multicast allmulticast promisc dynamic arp carrier trailers; do
		ip -n a link set wg0 $flag on 2>&1
		portrait_of | grep -o '<.*>'
	done
}

item_open_effects() {
	wg_link a wg0
	at a sysctl -q -w net.ipv4.conf.all.send_redirects=1 net.ipv4.conf.wg0.send_redirects=1
	at a sysctl net.ipv6.conf.wg0.addr_gen_mode
	ip -n a link set wg0 up
	at a sysctl net.ipv4.conf.{all,default,wg0}.send_redirects net.ipv6.conf.wg0.addr_gen_mode
	ip -n a -o -6 address show dev wg0
	at a tcpdump -L -i wg0 2>&1
}

item_queues() {
	wg_link a wg0 && ip -n a link set wg0 up
	tc -n a qdisc show dev wg0 2>&1
	at a cat /sys/class/net/wg0/{tx_queue_len,carrier,operstate}
}

item_workqueues() {
	wg_link a wg0
	cat /proc/[0-9]*/comm | grep wg-
	ip -n a link set wg0 name other
	cat /proc/[0-9]*/comm | grep wg-
}

# sockets NAMESPACE: how many UDP sockets there are.
sockets() { at "$1" ss -Hlun | wc -l; }
socket_places() { echo "a $(sockets a) b $(sockets b) here $(ss -Hlun | wc -l)"; }

item_creating_namespace() {
	local options
	for options in "" "netns b" "link-netns b"; do
		# shellcheck disable=SC2086
		ip -n a link add wg0 $options type wireguard 2>&1
		ip -n a link set wg0 up 2>/dev/null
		ip -n b link set wg0 up 2>/dev/null
		echo "created in a, '$options': $(socket_places)"
		ip -n a -d -o link show wg0 2>/dev/null | grep -o 'link-netns.*'
		ip -n a link delete wg0 2>/dev/null || ip -n b link delete wg0
	done
	socket_places
}

item_moving() {
	wg_link a wg0 && at a wg set wg0 listen-port 999 && ip -n a link set wg0 up && socket_places
	ip -n a link set wg0 netns b && socket_places && ip -n b -o link show wg0 | grep -o '<.*> '
	ip -n b link set wg0 up && socket_places
	at b wg show wg0 listen-port
	ip -n b link set wg0 netns a
	ip -n a link set wg0 up && socket_places
}

item_creating_namespace_ends() {
	ip netns add c && wg_link c wg0 && ip -n c link set wg0 netns a && ip -n a link set wg0 up
	at c ss -Hlun | wc -l
	ip netns delete c && await 30 no_carrier
	ip -n a -o link show wg0 | grep -o '<.*> '
	at a wg set wg0 listen-port 5 2>&1
	at a wg set wg0 fwmark 5 2>&1
	at a wg set wg0 private-key <(echo "$private_1") peer "$public_2" endpoint 192.0.2.2:1 allowed-ips 10.7.0.2 2>&1
	ip -n a link set wg0 down && ip -n a link set wg0 up 2>&1
	ip -n a link delete wg0 2>&1
}
no_carrier() { ip -n a -o link show wg0 | grep -q NO-CARRIER; }

item_residence_ends() {
	ip netns add c && wg_link a wg0 && ip -n a link set wg0 netns c && ip -n c link set wg0 up
	socket_places
	ip netns delete c && await 30 no_sockets a
	socket_places
}
no_sockets() { [ "$(sockets "$1")" = 0 ]; }

errors() { at a cat /sys/class/net/wg0/statistics/{tx,rx}_{packets,bytes,errors,dropped} | xargs; }

ping_refused() {
	local address
	for address in 10.7.0.2 fd07::2; do at a ping -c 1 -W 1 $address 2>&1 | sed 's/, time.*//'; done
}

item_refused_packets() {
	wg_link a wg0 && at a wg set wg0 private-key <(echo "$private_1") && inside_address a wg0 1
	ping_refused
	at a wg set wg0 peer "$public_2" allowed-ips 10.7.0.2,fd07::2
	ping_refused
	errors
}

# Packets wait for a session: no more than so many, and none when the device goes down.
item_staged_packets() {
	local i
	wg_link a wg0 && at a wg set wg0 private-key <(echo "$private_1") \
		peer "$public_2" allowed-ips 10.7.0.2 endpoint 127.0.0.1:9
	inside_address a wg0 1
	for ((i = 0; i < 140; i++)); do echo "$i" >/dev/udp/10.7.0.2/9; done
	errors | cut -d ' ' -f 3-
	ip -n a link set wg0 down
	errors | cut -d ' ' -f 3-
}

item_threaded() {
	wg_link a wg0
	at a cat /sys/class/net/wg0/threaded
	at a wg set wg0 private-key <(echo "$private_1") peer "$public_2" allowed-ips 10.7.0.2
	ip -n a link set wg0 up
	at a cat /sys/class/net/wg0/threaded
	at a bash -c 'for value in 0 1 0; do echo $value >/sys/class/net/wg0/threaded; cat /sys/class/net/wg0/threaded; done' 2>&1
}

item_unload() {
	wg_link a wg0 && wg_link b wg1 && ip link add wg2 type wireguard && ip -n a link set wg0 up
	rmmod wireguard 2>&1
	ip -n a -o link show | wc -l
	ip -n b -o link show | wc -l
	ip link show wg2 2>&1
	wg_link a wg0 2>&1
}

items=$(declare -F | sed -n 's/^declare -f item_//p' | grep -vx unload)

# items_of FOLDER: all of them, each on fresh namespaces.
items_of() {
	local item
	mkdir "$1"
	for item in $items unload; do
		add_namespace a && add_namespace b
		(item_"$item") >"$1/$item" 2>&1 || true
		ip netns delete a && ip netns delete b
	done
}

# compare ITEM: shows what only one of them says.
compare() {
	local c=/tmp/c/$1 dut=/tmp/dut/$1
	[ "$(<"$c")" != "$(<"$dut")" ] || return 0
	grep -vxFf "$dut" "$c" | sed 's/^/C driver: /'
	grep -vxFf "$c" "$dut" | sed 's/^/dut:      /'
	return 1
}
says() { grep -qE "$2" /tmp/dut/"$1"; }

# Ours also takes it before the first peer, since its pollers belong to the device.
threaded_without_peers() {
	add_namespace a && wg_link a wg0
	at a bash -c 'cd /sys/class/net/wg0 && echo 0 >threaded && cat threaded && echo 1 >threaded && cat threaded' 2>&1
	ip netns delete a
}

dut_file=$(modinfo -n wireguard)
check "load the C driver" modprobe wireguard
items_of /tmp/c
[ ! -e $dut_module ] || dut_file=$dut_module
check "load $(dut_name)" dut_load
items_of /tmp/dut
dut_load
if [ -e $dut_module ]; then same "threaded is writable before the first peer" $'0\n1' "$(threaded_without_peers)"; fi
for item in $items unload; do check "${item//_/ }" compare "$item"; done

# That both are the same proves nothing if nothing was seen.
check "names are wireguard0 and so on" says names '^ wireguard2$'
check "an MTU out of range is refused" says mtu '^2147483553: Error'
check "the namespace of the request has the sockets" says creating_namespace "'netns b': a 2 b 0 here 0"
check "the namespace named as the link's has the sockets" says creating_namespace "'link-netns b': a 0 b 2 here 0"
check "without its namespace a device does not come up" says creating_namespace_ends 'not on the network'
check "there is no carrier then" says creating_namespace_ends 'NO-CARRIER'
check "packets without a peer are refused" says refused_packets 'Required key not available'
check "packets to nowhere are refused" says refused_packets 'Destination address required'
check "rmmod deletes interfaces" says unload 'Unknown device type'
done_testing
