# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml smp=2 mem=512 clock=skips timeout=300
#
# What rtnetlink, sysfs, ethtool and the kernel log show of the module and its devices, with the C driver and then with
# the module under test in one guest: item by item, it is the same.

. /job/lib.sh

wg_link() { ip -n "$1" link add "$2" type wireguard; }

# --- the items: each a function that prints a text, in the namespaces a and b, where there are no interfaces

item_modinfo() {
	local field
	# AmneziaWG is ours alone.
	for field in version license alias parm; do modinfo -F "$field" "$dut_file" | sed "s/^/$field: /"; done | grep -v amneziawg | sort
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
		case $file in ifindex | iflink | threaded) continue ;; esac
		[ ! -f $file ] || echo "$file: $(cat $file 2>&1 | sed -E "s/IFINDEX=.*//")"; done'
}

item_ethtool() {
	wg_link a wg0
	at a ethtool -k wg0
	# Ours has statistics: below.
	at a ethtool -i wg0 | grep -v '^supports-statistics: '
	at a ethtool wg0 2>&1
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

# What workers are called is for the moment, but a rescuer always bears its workqueue's name.
rescuers() { cat /proc/[0-9]*/comm 2>/dev/null | grep R-wg-; }
no_rescuers() { ! rescuers >/dev/null; }

# Devices of before go after their namespaces.
item_workqueues() {
	await 20 no_rescuers
	wg_link a wg0
	rescuers
	ip -n a link set wg0 name other
	rescuers
}

# A link that is to get its name from the core.
item_unnamed_workqueues() { await 20 no_rescuers && ip -n a link add type wireguard && rescuers; }

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

# to_nowhere ENDPOINT: a device whose peer does not answer.
to_nowhere() {
	wg_link a wg0 && at a wg set wg0 private-key <(echo "$private_1") \
		peer "$public_2" allowed-ips 10.7.0.2 endpoint "$1" && inside_address a wg0 1
}

# send_some NUMBER: so many small packets to the peer.
send_some() { at a bash -c "for ((i = 0; i < $1; i++)); do echo >/dev/udp/10.7.0.2/7; done"; }

# Packets wait for a session: no more than so many, and none when the device goes down.
item_staged_packets() {
	to_nowhere 127.0.0.1:9
	send_some 140
	errors | cut -d ' ' -f 3-
	ip -n a link set wg0 down
	errors | cut -d ' ' -f 3-
}

# IP refuses to send the initiation: that is counted once by the device, and as sent by the peer.
item_blocked_packets() {
	local endpoint
	at a iptables -A OUTPUT -p udp --dport 9 -j DROP
	at a ip6tables -A OUTPUT -p udp --dport 9 -j DROP
	for endpoint in 127.0.0.1:9 '[::1]:9'; do
		to_nowhere "$endpoint"
		send_some 1
		await 30 counted_error
		errors
		at a cat /sys/class/net/wg0/statistics/tx_aborted_errors
		at a wg show wg0 transfer | cut -f 2-
		ip -n a link delete wg0
	done
}
counted_error() { errors | grep -qvE '^0 0 0 0 '; }

# The peer is where there is no route to.
item_no_route() {
	to_nowhere 192.0.2.9:9
	send_some 1
	await 30 eval 'dmesg | tail -n 50 | grep -q "No route to 192.0.2.9:9, error -101"' && echo "told so"
	errors
	at a wg show wg0 transfer | cut -f 2-
}

# The texts of debug messages since a mark, each once, with other numbers than addresses left out. On a busy machine a
# handshake may take a second try.
messages_since() {
	dmesg | sed "1,/$1/d" | sed -nE 's/.*(wireguard: wg0: .*)/\1/p' | sed -E -e '/, retrying \(try /d' \
		-e 's/(eer|eypair) [0-9]+/\1 N/g' -e 's/(192.0.2.[0-9]+):[0-9]+/\1:P/' | sort -u
}

# datagram TYPE LENGTH: to the other end of the tunnel, which knows nothing of it.
datagram() { at a bash -c "printf '\\$1\\0\\0\\0%0$(($2 - 4))d' 0 >/dev/udp/192.0.2.2/51822"; }

seen() { messages_since "$1" | grep -q "$2"; }

item_messages() {
	local mark="mark $RANDOM$RANDOM"
	echo "$mark" >/dev/kmsg
	join_namespaces a b && wg_link a wg0 && wg_link b wg0
	tunnel_end a wg0 1 2 192.0.2.2 && tunnel_end b wg0 2 1
	ping_across a 10.7.0.2 1 >/dev/null && echo "answered"
	ip -n a address add 10.7.0.9/24 dev wg0
	at a ping -q -c 1 -W 1 -I 10.7.0.9 10.7.0.2 >/dev/null
	at a ping -q -c 1 -W 1 10.7.0.77 >/dev/null 2>&1
	at a ping -q -c 1 -W 1 fd07::77 >/dev/null 2>&1
	datagram 1 148 && datagram 2 92 && datagram 3 64
	await 30 seen "$mark" "cookie response"
	at a wg set wg0 peer "$public_2" persistent-keepalive 1
	await 30 seen "$mark" "Receiving keepalive"
	ip -n a link delete wg0 && ip -n b link delete wg0
	messages_since "$mark"
}

# How often it is looked up where a peer is, while packets go there: as a rule never, since it is known from the first.
item_routes() {
	local events=/sys/kernel/debug/tracing/events/fib number
	join_namespaces a b && wg_link a wg0 && wg_link b wg0
	tunnel_end a wg0 1 2 192.0.2.2 && tunnel_end b wg0 2 1
	ping_across a 10.7.0.2 8 >/dev/null && echo "answered"
	# The debug kernels have no such events.
	[ -e $events/fib_table_lookup/filter ] || return 0
	echo "dport == 51822" >$events/fib_table_lookup/filter
	echo >${events%/events*}/trace
	echo 1 >$events/fib_table_lookup/enable
	ping_across a 10.7.0.2 40 >/dev/null && echo "answered"
	number=$(grep -c 'fib_table_lookup:' ${events%/events*}/trace)
	at a wg set wg0 peer "$public_2" endpoint 192.0.2.2:51822
	ping_across a 10.7.0.2 1 >/dev/null && echo "answered"
	[ "$number" -le 4 ] && echo "not looked up again" || echo "looked up $number times"
	[ "$(grep -c 'fib_table_lookup:' ${events%/events*}/trace)" -gt "$number" ] && echo "looked up for the endpoint that was set"
	echo 0 >$events/fib_table_lookup/enable
	ip -n a link delete wg0 && ip -n b link delete wg0
}

item_threaded() {
	wg_link a wg0
	at a wg set wg0 private-key <(echo "$private_1") peer "$public_2" allowed-ips 10.7.0.2
	ip -n a link set wg0 up
	set_threaded 0
	set_threaded 1
	# One for each peer, or one for each CPU: what they are called is the same.
	cat /proc/[0-9]*/comm | grep ^napi/ | sort -u
	set_threaded 0
}
set_threaded() { at a bash -c "cd /sys/class/net/wg0 && echo $1 >threaded; cat threaded" 2>&1; }

item_unload() {
	wg_link a wg0 && wg_link b wg1 && ip link add wg2 type wireguard && ip -n a link set wg0 up
	rmmod wireguard 2>&1
	ip -n a -o link show | wc -l
	ip -n b -o link show | wc -l
	ip link show wg2 2>&1
	wg_link a wg0 2>&1
}

items=$(declare -F | sed -n 's/^declare -f item_//p' | grep -vx unload)

# Those in which the drivers are not the same, with checks of their own below.
differing=unnamed_workqueues

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
# says ITEM PATTERN: so that both being the same does not mean that nothing was seen.
says() { grep -qE "$2" /tmp/dut/"$1" || { cat /tmp/dut/"$1"; return 1; }; }

# The way to a peer, which each CPU remembers, is not forgotten when a mark is set that is the same as before.
same_mark() {
	local events=/sys/kernel/debug/tracing/events/fib number before=0 mark
	[ -e $events/fib_table_lookup/filter ] || return 0
	add_namespace a && add_namespace b && join_namespaces a b && wg_link a wg0 && wg_link b wg0
	tunnel_end a wg0 1 2 192.0.2.2 && tunnel_end b wg0 2 1 && ping_on_each_cpu || return
	echo "dport == 51822" >$events/fib_table_lookup/filter
	echo 1 >$events/fib_table_lookup/enable
	for mark in 9 9; do
		before=${number:-0}
		echo >${events%/events*}/trace
		at a wg set wg0 fwmark $mark
		ping_on_each_cpu || return
		number=$(grep -c 'fib_table_lookup:' ${events%/events*}/trace)
		echo "mark $mark: looked up $number times"
	done
	echo 0 >$events/fib_table_lookup/enable
	ip netns delete a && ip netns delete b
	[ "$before" -gt 0 ] && [ "$number" = 0 ]
}
ping_on_each_cpu() {
	local cpu
	for cpu in 0 1; do at a taskset -c $cpu ping -q -c 4 -i 0.2 -W 5 10.7.0.2 >/dev/null || return; done
}

# Ours shows how many packets were dropped, by reason; the C driver has nothing to show.
statistics() {
	add_namespace a && wg_link a wg0
	at a ethtool -i wg0 | grep '^supports-statistics: '
	at a ethtool -S wg0 2>&1 | sed -n '1p;s/^ *\(tx_no_peer: .*\)/\1/p'
	ip netns delete a
}

# Ours also takes it before the first peer, since its pollers belong to the device, and has no threads
# unless asked for them.
threaded_without_peers() {
	add_namespace a && wg_link a wg0
	at a bash -c 'cd /sys/class/net/wg0 && cat threaded && echo 1 >threaded && cat threaded && echo 0 >threaded' 2>&1
	ip netns delete a
}

mount -t debugfs debugfs /sys/kernel/debug
debug_messages() { echo 'module wireguard +p' >/sys/kernel/debug/dynamic_debug/control; }

sysctl -q -w net.core.message_cost=0
dut_file=$(modinfo -n wireguard)
check "load the C driver" modprobe wireguard
same "the C driver has no statistics" $'supports-statistics: no\nno stats available' "$(statistics)"
debug_messages
items_of /tmp/c
[ ! -e $dut_module ] || dut_file=$dut_module
dmesg -C
check "load $(dut_name)" dut_load
debug_messages
items_of /tmp/dut
dut_load
if [ -e $dut_module ]; then same "threaded is writable before the first peer" $'0\n1' "$(threaded_without_peers)"; fi
if is_ours; then same "ours has statistics" $'supports-statistics: yes\nNIC statistics:\ntx_no_peer: 0' "$(statistics)"; fi
if [ -e $dut_module ]; then check "the same mark forgets no route" same_mark; fi
for item in $items unload; do [ $item = $differing ] || check "${item//_/ }" compare "$item"; done

check "names are wireguard0 and so on" says names '^ wireguard2$'
check "an MTU out of range is refused" says mtu '^2147483553: Error'
check "the namespace of the request has the sockets" says creating_namespace "'netns b': a 2 b 0 here 0"
check "the namespace named as the link's has the sockets" says creating_namespace "'link-netns b': a 0 b 2 here 0"
check "without its namespace a device does not come up" says creating_namespace_ends 'not on the network'
check "there is no carrier then" says creating_namespace_ends 'NO-CARRIER'
check "packets without a peer are refused" says refused_packets 'Required key not available'
check "packets to nowhere are refused" says refused_packets 'Destination address required'
check "packets wait, up to a limit" says staged_packets '^0 11 '
check "and are dropped when the device goes down" says staged_packets '^0 140 '
check "what IPv4 refuses is dropped" says blocked_packets '^0 0 0 1 '
check "what IPv6 refuses is an error" says blocked_packets '^0 0 1 0 '
check "no route is told in a debug message" says no_route 'told so'
if ! is_debug; then
	check "it is known where a peer is" says routes 'not looked up again'
	check "until it is told anew" says routes 'looked up for the endpoint that was set'
fi
check "debug messages tell of a handshake" says messages 'Receiving handshake initiation from peer N \(192'
check "and of what comes from an address that is not allowed" says messages 'unallowed src IP \(10.7.0.9\) from peer N'
check "the workqueue is named after the interface" says workqueues "^kworker/R-wg-crypt-wg0"
same "of an unnamed link the C driver has the pattern of the name" "kworker/R-wg-crypt-wireguard%d" "$(</tmp/c/unnamed_workqueues)"
if is_ours; then same "ours has the name" "kworker/R-wg-crypt-wireguard0" "$(</tmp/dut/unnamed_workqueues)"; fi
check "threads are named after the interface" says threaded '^napi/wg0-0$'
check "rmmod deletes interfaces" says unload 'Unknown device type'
done_testing
