# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml image=tools smp=2 mem=768 repeats=stock timeout=900 programs=no files=selftests/netlink
#
# Where a device listens, and how it sends: two devices at one port, a VRF, moves amid traffic, DSCP, and marks and priorities
# of single peers, as netfilter, queueing disciplines and routing rules see them. What is refused and shown is in
# netlink/sending_checks.py.

. "${0%/*}/lib.sh"

pings=$(is_debug && echo 600 || echo 2000)

for n in 1 2 3 4; do make_keys "$n"; done

# sending NAMESPACE [KIND:]DEVICE set|show|moves …
sending() { at "$1" python3 "${0%/*}/sending.py" "${@:2}"; }

# add_end NAMESPACE DEVICE NUMBER PORT ADDRESS…: a device, still down, whose key is that of NUMBER.
add_end() {
	local ns=$1 dev=$2 private=private_$3 port=$4 address
	shift 4
	ip -n "$ns" link add "$dev" type wireguard &&
		at "$ns" wg set "$dev" private-key <(echo "${!private}") listen-port "$port" || return
	for address; do ip -n "$ns" address add "$address" dev "$dev" nodad || return; done
}

# add_peer NAMESPACE DEVICE NUMBER ALLOWED [ENDPOINT [KEEPALIVE]]
add_peer() {
	local public=public_$3
	at "$1" wg set "$2" peer "${!public}" allowed-ips "$4" ${5:+endpoint "$5"} ${6:+persistent-keepalive "$6"}
}
remove_peer() {
	local public=public_$3
	at "$1" wg set "$2" peer "${!public}" remove
}

up() { ip -n "$1" link set "$2" up; }
endpoint_seen() { at "$1" wg show "$2" endpoints | cut -f 2; }
dropped() { at "$1" ethtool -S "$2" | sed -n "s/^ *$3: //p"; }

# no_ping_lost FROM ADDRESS COUNT INTERVAL
no_ping_lost() {
	local said
	said=$(at "$1" ping -q -c "$3" -i "$4" -W 10 "$2")
	echo "$said"
	grep -q "^$3 packets transmitted, $3 received" <<<"$said"
}
no_way() { ! at "$1" ping -q -c 2 -i 0.2 -W 1 "$2"; }

# seen NAMESPACE COUNTER
seen() { at "$1" nft list counter inet wire "$2" | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }
has_seen() { [ "$(seen "$1" "$2")" -gt 0 ]; }
forget_seen() { at "$1" nft reset counters table inet wire >/dev/null; }

# counts NAMESPACE NAME=LEAST-MOST…: what counters have seen.
counts() {
	local ns=$1 word found least most failed=0
	shift
	for word; do
		found=$(seen "$ns" "${word%=*}") least=${word#*=}
		most=${least#*-} least=${least%-*}
		echo "${word%=*}: $found, ${word#*=} wanted"
		[ "$found" -ge "$least" ] && [ "$found" -le "$most" ] || failed=1
	done
	return $failed
}

many=1-1000000

# --- two devices at one port

# There is one address more of each kind, and two tunnels, each to one of them. Of both, the end in a knows where the other is.
two_at_one_port() {
	add_namespace a && add_namespace b && join_namespaces a b &&
		ip -n a address add 192.0.2.11/24 dev to-b && ip -n a address add 2001:db8::11/64 dev to-b nodad &&
		add_end a wg0 1 51821 10.7.0.1/24 fd07::1/64 && add_end a wg1 2 51821 10.8.0.1/24 fd08::1/64 &&
		add_end b wg0 3 51823 10.7.0.2/24 fd07::2/64 && add_end b wg1 4 51824 10.8.0.2/24 fd08::2/64 &&
		add_peer a wg0 3 10.7.0.2/32,fd07::2/128 192.0.2.2:51823 && add_peer a wg1 4 10.8.0.2/32,fd08::2/128 192.0.2.2:51824 &&
		add_peer b wg0 1 10.7.0.1/32,fd07::1/128 && add_peer b wg1 2 10.8.0.1/32,fd08::1/128 &&
		sending a wg0 set Listen=192.0.2.1,2001:db8::1 && sending a wg1 set Listen=192.0.2.11,2001:db8::11 &&
		up a wg0 && up a wg1 && up b wg0 && up b wg1
}
their_addresses() { [ "$(endpoint_seen b wg0) $(endpoint_seen b wg1)" = "$1:51821 $2:51821" ] || { at b wg show all endpoints; return 1; }; }

# they_begin ADDRESS ADDRESS: anew, and by the ends in b.
they_begin() {
	remove_peer b wg0 1 && remove_peer b wg1 2 && add_peer b wg0 1 10.7.0.1/32,fd07::1/128 "$1:51821" &&
		add_peer b wg1 2 10.8.0.1/32,fd08::1/128 "$2:51821" && ping_across b 10.7.0.1 && ping_across b fd08::1
}
# to_each VERSION: the ends in a know where the others are, by that.
to_each() {
	add_peer a wg0 3 10.7.0.2/32,fd07::2/128 "$(outside "$1" 2):51823" && add_peer a wg1 4 10.8.0.2/32,fd08::2/128 "$(outside "$1" 2):51824"
}
both_across() { ping_across a 10.7.0.2 && ping_across a 10.8.0.2 && ping_across b fd07::1 && ping_across b fd08::1; }

# At the other device's address nobody knows this key.
not_at_the_other() {
	remove_peer b wg0 1 && add_peer b wg0 1 10.7.0.1/32,fd07::1/128 192.0.2.11:51821 && no_way b 10.7.0.1 &&
		remove_peer b wg0 1 && add_peer b wg0 1 10.7.0.1/32,fd07::1/128 192.0.2.1:51821 && ping_across b 10.7.0.1
}

# A peer of a family that is not listened on.
without_v4() {
	local before
	before=$(dropped a wg0 tx_family_unsupported)
	sending a wg0 set Listen=2001:db8::1 && no_way a 10.7.0.2 && [ "$(dropped a wg0 tx_family_unsupported)" -gt "$before" ] &&
		no_way b 10.7.0.1
}

# The address goes, and comes again.
address_goes() {
	local before
	before=$(dropped a wg1 tx_no_route)
	ip -n a address del 192.0.2.11/24 dev to-b && no_way a 10.8.0.2 && [ "$(dropped a wg1 tx_no_route)" -gt "$before" ] &&
		[ "$(endpoint_seen b wg1)" = 192.0.2.11:51821 ] && ip -n a address add 192.0.2.11/24 dev to-b && ping_across a 10.8.0.2
}
address6_goes() {
	local before
	before=$(dropped a wg1 tx_no_route)
	ip -n a address del 2001:db8::11/64 dev to-b && no_way a 10.8.0.2 && [ "$(dropped a wg1 tx_no_route)" -gt "$before" ] &&
		ip -n a address add 2001:db8::11/64 dev to-b nodad && ping_across a 10.8.0.2
}

check "load the module" dut_load
check "two devices at one port, at two addresses" two_at_one_port
same "there are their sockets, and no others" "192.0.2.11:51821 192.0.2.1:51821 [2001:db8::11]:51821 [2001:db8::1]:51821" \
	"$(at a ss -Hlun | awk '{ print $4 }' | LC_ALL=C sort | paste -sd ' ')"
check "they begin" both_across
check "each from its address" their_addresses 192.0.2.1 192.0.2.11
check "the others begin" they_begin 192.0.2.1 192.0.2.11
check "nothing but its own comes to a device" not_at_the_other
check "traffic both ways" both_across
check "each is at its address still" their_addresses 192.0.2.1 192.0.2.11
# Who would move lets its port be shared meanwhile, and no longer when it may not.
check "the other's address is refused" eval '! sending a wg0 set Listen=192.0.2.11'
check "what it listens on is still nobody else's" eval 'at a timeout 3 ncat -u -l 192.0.2.1 51821 2>&1 | grep "already in use"'
check "its address goes: nothing is sent from another; and comes again" address_goes
check "by IPv6" to_each 6
check "they begin" both_across
check "each from its address" their_addresses '[2001:db8::1]' '[2001:db8::11]'
check "the others begin" they_begin '[2001:db8::1]' '[2001:db8::11]'
check "its address goes: nothing is sent from another; and comes again" address6_goes
check "each is at its address still" their_addresses '[2001:db8::1]' '[2001:db8::11]'
check "by IPv4 again" eval 'to_each 4 && both_across'
check "without IPv4, a peer there is out of reach" without_v4
check "at all addresses again, but for the port" eval '! sending a wg0 set Listen= && sending a wg0 set Listen=192.0.2.1'
check "traffic both ways" both_across

# --- a VRF

# The addresses in it are those that are outside, too, so the two cannot be told apart but by the VRF.
make_vrf() {
	ip -n a link add vrf0 type vrf table 100 && up a vrf0 && ip -n a route replace table 100 unreachable default metric 4278198272
}
vrf() {
	add_namespace c && ip link add to-c netns a type veth peer name to-a netns c && make_vrf &&
		ip -n a link set to-c master vrf0 && outside_address a to-c 1 && outside_address c to-a 2 &&
		ip -n a address add 192.0.2.21/24 dev to-c && ip -n a address add 2001:db8::21/64 dev to-c nodad &&
		ip -n a address add 2001:db8::31/64 dev to-c nodad &&
		add_end a wg2 2 51831 10.9.0.1/24 fd09::1/64 && add_end c wg0 4 51832 10.9.0.2/24 fd09::2/64 &&
		add_peer a wg2 4 10.9.0.2/32,fd09::2/128 && add_peer c wg0 2 10.9.0.1/32,fd09::1/128 "$1:51831" &&
		sending a wg2 set Bind=vrf0 && up a wg2 && up c wg0
}
at_endpoint() { [ "$(endpoint_seen "$1" "$2")" = "$3" ] || { endpoint_seen "$1" "$2"; return 1; }; }
through_vrf() { ping_across c 10.9.0.1 && ping_across a 10.9.0.2 && ping_across c fd09::1 && ping_across a fd09::2; }

# From outside of the VRF, the same address and port are nobody's.
not_from_outside() {
	add_end b wg2 4 51832 10.9.0.2/24 && add_peer b wg2 2 10.9.0.1/32 192.0.2.1:51831 && up b wg2 && no_way b 10.9.0.1 &&
		[ "$(at b wg show wg2 latest-handshakes | cut -f 2)" = 0 ] && ip -n b link del wg2
}
# Nor does who is in it reach what is outside.
not_to_outside() {
	add_end c wg1 3 51823 10.7.0.2/24 && add_peer c wg1 1 10.7.0.1/32 192.0.2.1:51821 && up c wg1 && no_way c 10.7.0.1 &&
		[ "$(at c wg show wg1 latest-handshakes | cut -f 2)" = 0 ] && ip -n c link del wg1
}
# seek ADDRESS: the end in c knows the other at another address, and begins.
seek() { remove_peer c wg0 2 && add_peer c wg0 2 10.9.0.1/32,fd09::1/128 "$1:51831" && ping_across c 10.9.0.1; }
# The source that it remembers is of use when the route is looked up anew.
still_at() {
	ip -n a route add 203.0.113.0/24 dev to-c vrf vrf0 && ip -n a route del 203.0.113.0/24 dev to-c vrf vrf0 &&
		ip -n a route add 2001:db8:9::/64 dev to-c vrf vrf0 && ip -n a route del 2001:db8:9::/64 dev to-c vrf vrf0 &&
		ping_across a 10.9.0.2 && at_endpoint c wg0 "$1:51831"
}
# a begins, and is where the VRF's route has it.
vrf_begins() {
	remove_peer a wg2 4 && remove_peer c wg0 2 && add_peer c wg0 2 10.9.0.1/32,fd09::1/128 &&
		add_peer a wg2 4 10.9.0.2/32,fd09::2/128 "$1:51832" && ping_across a 10.9.0.2
}

vrf_goes() {
	local before
	before=$(dropped a wg2 tx_no_route)
	ip -n a link del vrf0 && no_way a 10.9.0.2 && [ "$(dropped a wg2 tx_no_route)" -gt "$before" ] && no_way c 10.9.0.1
}
# Another of the same name is not the one.
vrf_comes_again() {
	make_vrf && ip -n a link set to-c master vrf0 && ip -n a address replace 2001:db8::1/64 dev to-c nodad && no_way c 10.9.0.1 &&
		no_way a 10.9.0.2
}

check "a device in a VRF, with addresses that there are outside, too" vrf 192.0.2.1
check "its peer begins; traffic both ways" through_vrf
check "not from outside of the VRF" not_from_outside
check "not from the VRF to outside" not_to_outside
check "the other tunnels are as they were" both_across
check "a peer that knows it at another address" seek 192.0.2.21
check "is answered from there" at_endpoint c wg0 192.0.2.21:51831
check "also when the route is looked up anew" still_at 192.0.2.21
check "the same by IPv6" seek '[2001:db8::21]'
check "is answered from there" at_endpoint c wg0 '[2001:db8::21]:51831'
check "also when the route is looked up anew" still_at '[2001:db8::21]'
# Whichever of those two that are nowhere else routing would choose by itself, one of both is not it.
check "and at another of its addresses" seek '[2001:db8::31]'
check "is answered from there" at_endpoint c wg0 '[2001:db8::31]:51831'
check "also when the route is looked up anew" still_at '[2001:db8::31]'
check "and at one that there is outside, too" seek '[2001:db8::1]'
check "is answered from there" at_endpoint c wg0 '[2001:db8::1]:51831'
check "also when the route is looked up anew" still_at '[2001:db8::1]'
check "it begins itself" vrf_begins 192.0.2.2
check "and by IPv6" vrf_begins '[2001:db8::2]'
check "at one address of the VRF, it is there" eval 'sending a wg2 set Listen=192.0.2.21 && vrf_begins 192.0.2.2 && at_endpoint c wg0 192.0.2.21:51831'
check "bound to the interface in the VRF" eval 'sending a wg2 set Bind=to-c Listen= && vrf_begins 192.0.2.2 && through_vrf'
check "a link-local address of it" eval 'sending a wg2 set Listen=$(ip -n a -6 -o address show dev to-c scope link | sed "s/.*inet6 \([^/]*\).*/\1/") &&
	seek "[$(ip -n a -6 -o address show dev to-c scope link | sed "s/.*inet6 \([^/]*\).*/\1/")%to-a]"'
check "traffic both ways" through_vrf
check "bound to the VRF again" eval 'sending a wg2 set Listen= Bind=vrf0 && seek 192.0.2.1'
check "the VRF goes: nothing is sent, nothing comes" vrf_goes
check "nor by another VRF of that name" vrf_comes_again
check "bound to that, it is there again" eval 'sending a wg2 set Bind=vrf0 && seek 192.0.2.1 && through_vrf'
check "the VRF's tunnel goes" eval 'ip -n a link del wg2 && ip -n a link del to-c && ip -n a link del vrf0 && ip netns del c'

# --- moves

moves=(Listen= Listen=192.0.2.1 Bind=to-b Listen=192.0.2.1,2001:db8::1 Bind=0 Listen=+Bind=to-b Listen=192.0.2.1+Bind=0)

moves_amid_pings() {
	local job moved failed=0 seconds=6
	sending a wg0 moves $seconds "${moves[@]}" >/tmp/moved & job=$!
	no_ping_lost b 10.7.0.1 "$pings" 0.002 || failed=1
	wait $job || failed=1
	moved=$(cat /tmp/moved)
	echo "moved $moved times"
	[ "$moved" -ge 14 ] && [ $failed = 0 ]
}

check "the other device leaves the port" ip -n a link set wg1 down
check "it listens here and there, amid pings: none is lost" moves_amid_pings
check "the other device has its place again" eval 'ip -n a link set wg1 up && ip -n a address add fd08::1/64 dev wg1 nodad'
check "traffic both ways" both_across

# --- DSCP

# What a sends to b, by its kind and DSCP. Data messages are told by their type; an empty one is a keepalive.
watch_dscp() {
	local name
	{
		echo "table inet wire {"
		for name in zero ef fixed mapped af41 other ect1 long trains long_other keep_zero keep_fixed keep_other hand_af41 hand_other; do
			echo "counter $name { }"
		done
		for name in ip ip6; do
			cat <<-END
				chain long_$name {
					$name dscp ef counter name long
					$name dscp ef meta length > 3000 counter name trains
					$name dscp != ef counter name long_other
				}
				chain data_$name {
					meta length > 1000 goto long_$name
					$name ecn ect1 counter name ect1
					$name dscp 0 counter name zero return
					$name dscp 46 counter name ef return
					$name dscp 10 counter name fixed return
					$name dscp 12 counter name mapped return
					counter name other
				}
				chain keep_$name {
					$name dscp 0 counter name keep_zero return
					$name dscp 10 counter name keep_fixed return
					counter name keep_other
				}
				chain hand_$name {
					$name dscp af41 counter name hand_af41 return
					counter name hand_other
				}
			END
		done
		cat <<-END
			chain out {
				type filter hook output priority 0
				meta l4proto != udp return
				udp sport != 51821 return
				meta nfproto ipv4 @th,64,32 0x04000000 udp length 40 goto keep_ip
				meta nfproto ipv6 @th,64,32 0x04000000 udp length 40 goto keep_ip6
				meta nfproto ipv4 @th,64,32 0x04000000 goto data_ip
				meta nfproto ipv6 @th,64,32 0x04000000 goto data_ip6
				meta nfproto ipv4 goto hand_ip
				meta nfproto ipv6 goto hand_ip6
			}
			}
		END
	} | at a nft -f -
}

# Five pings each: of class EF, of class 8, and of none; and one of class EF with ECN.
classes() {
	local address
	for address in 10.7.0.2 fd07::2; do
		at a ping -q -c 5 -i 0.1 -W 5 -Q 0xb8 $address && at a ping -q -c 5 -i 0.1 -W 5 -Q 0x20 $address &&
			at a ping -q -c 5 -i 0.1 -W 5 $address && at a ping -q -c 1 -W 5 -Q 0xb9 $address || return
	done >/dev/null
}
# classes_seen NAME=COUNT…: after the pings above; what is not named is zero.
classes_seen() {
	local name words=() failed=0
	forget_seen a
	classes || return
	for name in zero ef fixed mapped other; do
		case " $* " in *" $name="*) ;; *) words+=("$name=0-0") ;; esac
	done
	counts a "$@" "${words[@]}" ect1=2-2
}
# The class of data in trains, by TCP that has it.
class_of_trains() {
	forget_seen a
	tcp_across a b "$1" 20M -S 0xb8 && counts a "long=$many" "trains=$many" long_other=0-0
}
# keepalives NAME: a handshake, whose messages have always the same, and a keepalive.
keepalives() {
	forget_seen a
	remove_peer a wg0 3 && add_peer a wg0 3 10.7.0.2/32,fd07::2/128 "$(outside "$2" 2):51823" 1 && await 10 has_seen a "$1" || return
	add_peer a wg0 3 10.7.0.2/32,fd07::2/128 "$(outside "$2" 2):51823" off
	counts a "$1=$many" keep_other=0-0 "hand_af41=$many" hand_other=0-0
}

check "listen everywhere again" eval 'ip -n a link del wg1 && ip -n b link del wg1 && sending a wg0 set Listen= && ping_across a 10.7.0.2'
check "watch the wire" watch_dscp
for out in 4 6; do
	check "over IPv$out" add_peer a wg0 3 10.7.0.2/32,fd07::2/128 "$(outside $out 2):51823"
	check "as ever: no class of data shows outside" classes_seen zero=32-32
	check "keepalives have none either, handshakes their own" eval "keepalives keep_zero $out && counts a keep_fixed=0-0"
	check "one for all" sending a wg0 set Dscp=10
	check "shows, whatever their own is" classes_seen fixed=32-32
	check "keepalives have it, handshakes their own" eval "keepalives keep_fixed $out && counts a keep_zero=0-0"
	check "another for each" sending a wg0 set Dscp=46:12,8:10,0:0
	check "shows by what they are" classes_seen mapped=12-12 fixed=10-10 zero=10-10
	check "their own" sending a wg0 set Dscp=copy
	check "shows" classes_seen ef=12-12 other=10-10 zero=10-10
	check "also in trains" class_of_trains 10.7.0.2
	check "and by IPv6 inside" class_of_trains fd07::2
	check "none any more" sending a wg0 set Dscp=off
	check "as before" classes_seen zero=32-32
done
check "the wire is watched no more" at a nft delete table inet wire

# --- marks and priorities

# Two peers and a third, all in b, of one device: by their ports.
three_peers() {
	local n
	ip -n a link del wg0 && ip -n b link del wg0 && add_end a wg0 1 51821 10.7.0.1/24 fd07::1/64 && at a wg set wg0 fwmark 0x77 && up a wg0 || return
	for n in 2 3 4; do
		add_namespace "b$n" && ip -n b link add wg$n type wireguard && ip -n b link set wg$n netns "b$n" &&
			at "b$n" wg set wg$n private-key <(eval "echo \$private_$n") listen-port $((51820 + n)) &&
			ip -n "b$n" address add "10.7.0.$n/24" dev wg$n && add_peer "b$n" wg$n 1 10.7.0.1/32 192.0.2.1:51821 && up "b$n" wg$n &&
			add_peer a wg0 $n "10.7.0.$n/32" || return
	done
}
# known_at ENDPOINT…: where the three are.
known_at() { local n; for n in 2 3 4; do add_peer a wg0 $n "10.7.0.$n/32" "$1:$((51820 + n))" || return; done; }

watch_marks() {
	local n kind
	{
		echo "table inet wire {"
		for n in 2 3 4; do
			for kind in begin answer keep data trains other elsewhere; do echo "counter ${kind}_$n { }"; done
		done
		for n in 2 3 4; do
			cat <<-END
				chain right_$n {
					oifname "alt" counter name elsewhere_$n
					@th,64,32 0x01000000 counter name begin_$n return
					@th,64,32 0x02000000 counter name answer_$n return
					udp length 40 counter name keep_$n return
					meta length > 3000 counter name trains_$n
					counter name data_$n
				}
				chain of_$n {
					meta mark $(mark_of $n) meta priority $(priority_of $n) goto right_$n
					counter name other_$n
				}
			END
		done
		echo "chain out { type filter hook output priority 0; meta l4proto != udp return; udp sport != 51821 return"
		for n in 2 3 4; do echo "udp dport $((51820 + n)) goto of_$n"; done
		printf '}\n}\n'
	} | at a nft -f -
}
# The third has what the device has, and none.
mark_of() { case $1 in 2) echo 0x2 ;; 3) echo 0x33333333 ;; 4) echo 0x77 ;; esac; }
priority_of() { case $1 in 2) echo 1:2 ;; 3) echo 1:3 ;; 4) echo 0:0 ;; esac; }
marks() { sending a wg0 set "PublicKey=$public_2" Mark=0x2 Priority=0x10002 "PublicKey=$public_3" Mark=0x33333333 Priority=0x10003; }

# each_counts NAME=LEAST-MOST…: of all three.
each_counts() {
	local n word words=()
	for n in 2 3 4; do for word; do words+=("${word/=/_$n=}"); done; done
	counts a "${words[@]}"
}
each_peer() { local n; for n in 2 3 4; do "$@" "10.7.0.$n" || return; done; }
all_begin() { local n; for n in 2 3 4; do ping_across a "10.7.0.$n" || return; done; }
# The peers begin, with an end that knows nothing of them any more but their keys.
peers_begin() {
	local n
	for n in 2 3 4; do
		remove_peer "b$n" wg$n 1 && add_peer "b$n" wg$n 1 10.7.0.1/32 192.0.2.1:51821 && ping_across "b$n" 10.7.0.1 || return
	done
}
all_keep() {
	local n
	for n in 2 3 4; do add_peer a wg0 $n "10.7.0.$n/32" "" 1 || return; done
	for n in 2 3 4; do await 10 has_seen a keep_$n || return; done
	for n in 2 3 4; do add_peer a wg0 $n "10.7.0.$n/32" "" off || return; done
}
tcp_to_all() { local n; for n in 2 3 4; do tcp_across a "b$n" "10.7.0.$n" 5M || return; done; }

# Class 1:2 and 1:3 by the priority alone, and 1:9 for what has none.
shape() {
	at a tc qdisc add dev to-b root handle 1: htb default 9 && at a tc class add dev to-b parent 1: classid 1:2 htb rate 500mbit &&
		at a tc class add dev to-b parent 1: classid 1:3 htb rate 2mbit burst 15k && at a tc class add dev to-b parent 1: classid 1:9 htb rate 500mbit
}
in_class() { at a tc -s class show dev to-b | awk -v class="1:$1" '$3 == class { getline; print $4 }'; }
overlimits() { at a tc -s class show dev to-b | awk -v class="1:$1" '$3 == class { getline; sub(/,/, "", $9); print $9 }'; }
# sent_to N: kilobytes, and the milliseconds that they took.
milliseconds_to() {
	local start
	start=$(date +%s%3N)
	tcp_across a "b$1" "10.7.0.$1" 600K >/dev/null || return
	echo $(($(date +%s%3N) - start))
}
shaped() {
	local before2 before3 before9 took2 took3
	before2=$(in_class 2) before3=$(in_class 3) before9=$(in_class 9)
	took2=$(milliseconds_to 2) && [ "$(in_class 3)" = "$before3" ] && [ "$(in_class 2)" -gt "$before2" ] || return
	before2=$(in_class 2)
	took3=$(milliseconds_to 3) && [ "$(in_class 2)" = "$before2" ] && [ "$(in_class 3)" -gt "$before3" ] || return
	before3=$(in_class 3) before9=$(in_class 9)
	milliseconds_to 4 && [ "$(in_class 2) $(in_class 3)" = "$before2 $before3" ] && [ "$(in_class 9)" -gt "$before9" ] || return
	echo "600 KB took $took2 ms and $took3 ms"
	# 600 KB less what the burst and the queue's end let by, at 2 Mbit/s.
	[ "$took3" -ge 1500 ] && [ "$took3" -gt "$took2" ]
}

# Another way from a to b, that only a rule leads to.
other_way() {
	ip link add alt netns a type veth peer name alt netns b && up a alt && up b alt &&
		ip -n a route add 192.0.2.2/32 dev alt src 192.0.2.1 table 200 && ip -n a rule add fwmark 0x2 lookup 200 &&
		ip -n b route add 192.0.2.1/32 dev to-a
}
goes_elsewhere() {
	forget_seen a
	each_peer ping_across a && each_counts data=3-1000 other=0-0 && counts a elsewhere_2=3-1000 elsewhere_3=0-0 elsewhere_4=0-0
}
# The mark goes, or is another: so does the way, at once.
mark_goes() {
	sending a wg0 set "PublicKey=$public_2" Mark=0 && forget_seen a && ping_across a 10.7.0.2 && counts a elsewhere_2=0-0 other_2=3-100 &&
		sending a wg0 set "PublicKey=$public_3" Mark=0x2 && ping_across a 10.7.0.3 && counts a other_3=3-100 && goes_by_alt 3
}
goes_by_alt() { local before; before=$(alt_sent) && ping_across a "10.7.0.$1" && [ $(($(alt_sent) - before)) -ge 3 ]; }
alt_sent() { at a cat /sys/class/net/alt/statistics/tx_packets; }
# The priority alone goes: the mark, and the way, stay.
priority_goes() {
	marks && sending a wg0 set "PublicKey=$public_2" Priority=0 && forget_seen a && ping_across a 10.7.0.2 && counts a other_2=3-100 &&
		goes_by_alt 2 && marks && goes_elsewhere
}
# The device's mark is for those that have none of their own.
device_mark() { at a wg set wg0 fwmark 0x78 && forget_seen a && all_begin && counts a other_2=0-0 other_3=0-0 other_4=3-100 data_2=3-100 data_3=3-100; }

# A peer that is removed, and comes again, has none.
comes_anew() {
	remove_peer a wg0 2 && add_peer a wg0 2 10.7.0.2/32 192.0.2.2:51822 && forget_seen a && ping_across a 10.7.0.2 &&
		counts a other_2=4-100 data_2=0-0 begin_2=0-0
}

# What precedes handshakes of AmneziaWG, too: all that goes to the peer's port has its mark.
awg() { at "$1" python3 "${0%/*}/amneziawg.py" "${@:2}"; }
awg_marked() {
	local settings=(Jc=4 Jmin=40 Jmax=70 S1=15 S2=68 H1=11 H2=12 H3=13 H4=14)
	ip -n a link add awg0 type amneziawg && awg a set awg0 "PrivateKey=$private_1" ListenPort=51841 "${settings[@]}" "PublicKey=$public_2" \
		AllowedIPs=10.6.0.2/32 Endpoint=192.0.2.2:51842 && sending a amneziawg:awg0 set "PublicKey=$public_2" Mark=0x2 Priority=0x10002 &&
		ip -n b link add awg0 type amneziawg && awg b set awg0 "PrivateKey=$private_2" ListenPort=51842 "${settings[@]}" "PublicKey=$public_1" \
		AllowedIPs=10.6.0.1/32 &&
		ip -n a address add 10.6.0.1/24 dev awg0 && ip -n b address add 10.6.0.2/24 dev awg0 &&
		at a nft 'table inet wire { counter awg_right { }; counter awg_wrong { }; chain awg { type filter hook output priority 1;
			meta l4proto != udp return; udp sport != 51841 return; meta mark 0x2 meta priority 1:2 counter name awg_right return; counter name awg_wrong; }; }' &&
		up a awg0 && up b awg0 && ping_across a 10.6.0.2 && counts a awg_right=8-100 awg_wrong=0-0
}

check "three peers" three_peers
check "two of them have marks and priorities" marks
check "watch them" watch_marks
check "they are where they are" known_at 192.0.2.2
check "the device begins" all_begin
check "handshakes and data have what their peer has" each_counts begin=1-3 data=3-100 other=0-0
check "the peers begin" peers_begin
check "answers have it" each_counts answer=1-3 other=0-0
check "keepalives" all_keep
check "have it" each_counts keep=$many other=0-0
check "trains" tcp_to_all
check "have it" each_counts trains=$many other=0-0
check "classes with rates of their own" shape
check "the priority is the class, and the class the rate" shaped
check "no class any more" at a tc qdisc del dev to-b root
check "another way, by the mark" other_way
check "is that of the one, and of no other" goes_elsewhere
check "another mark, another way, at once" mark_goes
check "the priority alone is taken away" priority_goes
check "the device's mark is for the others" device_mark
check "who was removed and comes again has none" comes_anew
check "AmneziaWG's junk has it, too" awg_marked
check "nothing was dropped without a word" none_unnamed
check "remove everything" eval 'for n in 2 3 4; do ip netns del b$n || exit; done; ip netns del a && ip netns del b'

retell python3 -u "${0%/*}/sending_checks.py"

check "unload the module" await 20 dut_unload
done_testing
