# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml image=tools smp=2 mem=768 asleep=yes clock=skips repeats=stock timeout=700 programs=no files=selftests/netlink/path_mtu.py,selftests/netlink/amneziawg.py,selftests/netlink/wireguard.py,selftests/netlink/netlink.py
#
# What the path to a peer takes is learned, and senders are told (path-mtu.rst): with the default MTU TCP gets over a hop of
# 1400 bytes in whole datagrams, also where pieces of datagrams are dropped. Where nobody says anything it is as with the C
# driver, which is tried first.

. "${0%/*}/lib.sh"

# --- s - a - r - q - b: r and q are routers with the hop between them, s sends by way of a

end_of() { case $1 in 4) echo "192.0.2.$(($2 * 64))" ;; 6) echo "[2001:db8:$2::1]" ;; esac; }

# link A B NUMBER: A has the first address in a net of its own, B the other.
link() {
	ip link add "to-$2" netns "$1" type veth peer name "to-$1" netns "$2" &&
		ip -n "$1" address add "192.0.2.$(($3 * 64))/31" dev "to-$2" &&
		ip -n "$1" address add "2001:db8:$3::1/64" dev "to-$2" nodad &&
		ip -n "$2" address add "192.0.2.$(($3 * 64 + 1))/31" dev "to-$1" &&
		ip -n "$2" address add "2001:db8:$3::2/64" dev "to-$1" nodad &&
		ip -n "$1" link set "to-$2" up && ip -n "$2" link set "to-$1" up
}

# by NAMESPACE ADDRESS ADDRESS: routers to anywhere.
by() { ip -n "$1" route add default via "$2" && ip -n "$1" route add default via "$3"; }

path() {
	local ns
	for ns in s a r q b; do add_namespace $ns || return; done
	link a r 1 && link b q 2 && link r q 3 || return
	for ns in a r q; do at $ns sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 || return; done
	by a 192.0.2.65 2001:db8:1::2 && by b 192.0.2.129 2001:db8:2::2 &&
		by r 192.0.2.193 2001:db8:3::2 && by q 192.0.2.192 2001:db8:3::1 || return
	ip link add to-a netns s type veth peer name to-s netns a &&
		ip -n s address add 10.8.0.2/24 dev to-a && ip -n s address add fd08::2/64 dev to-a nodad &&
		ip -n a address add 10.8.0.1/24 dev to-s && ip -n a address add fd08::1/64 dev to-s nodad &&
		ip -n s link set to-a up && ip -n a link set to-s up &&
		ip -n s route add 10.7.0.0/24 via 10.8.0.1 && ip -n s route add fd07::/64 via fd08::1
}

hop() { ip -n r link set to-q mtu "$1" && ip -n q link set to-r mtu "$1"; }

# Pieces of datagrams that come over the hop, and datagrams from the ends that nobody may cut, in either direction.
watch_hop() {
	local ns
	for ns in r q; do
		at $ns nft -f - <<-END || return
		table inet hop {
			counter pieces { }
			counter whole { }
			chain pieces { counter name pieces; $1; }
			chain in {
				type filter hook prerouting priority -450;
				ip frag-off & 0x3fff != 0 goto pieces
				ip6 nexthdr 44 goto pieces
				iifname { "to-a", "to-b" } ip protocol udp ip frag-off & 0x4000 != 0 counter name whole
			}
		}
		END
	done
}
# pieces pass|are_dropped
pieces() {
	local ns
	for ns in r q; do at $ns nft delete table inet hop 2>/dev/null; done
	case $1 in pass) watch_hop accept ;; are_dropped) watch_hop drop ;; esac
}
seen() {
	local ns
	for ns in r q; do at $ns nft list counter inet hop "$1"; done | awk '/packets/ { sum += $2 } END { print sum }'
}
none_seen() { local found; found=$(seen "$1"); [ "$found" = 0 ] || { echo "$found $1"; return 1; }; }

# filter NAMESPACE CHAIN RULE: drops what the rule matches.
filter() {
	at "$1" nft "add table inet f; add chain inet f $2 { type filter hook $2 priority 0; }; add rule inet f $2 $3 drop"
}
unfilter() { at "$1" nft delete table inet f; }
# too_small passes|is_filtered: what routers say of their MTUs.
too_small() {
	local ns
	for ns in r q; do
		case $1 in
		is_filtered) filter $ns output "icmp type destination-unreachable" && filter $ns output "icmpv6 type packet-too-big" ;;
		passes) unfilter $ns ;;
		esac || return
	done
}

# --- the tunnel

# tunnel 4|6: made anew, and nothing is known of any path.
tunnel() {
	local ns
	forget_tunnel
	for ns in a b; do ip -n $ns link add wg0 type wireguard || return; done
	tunnel_end b wg0 2 1 "$(end_of "$1" 1)" && tunnel_end a wg0 1 2 "$(end_of "$1" 2)" &&
		at b wg set wg0 peer "$public_1" allowed-ips 10.7.0.1/32,fd07::1/128,10.8.0.0/24,fd08::/64 &&
		at a wg set wg0 peer "$public_2" allowed-ips 10.7.0.2/32,10.7.0.9/32,fd07::2/128,fd07::9/128 &&
		ip -n b address add 10.7.0.9/32 dev wg0 && ip -n b address add fd07::9/128 dev wg0 nodad &&
		ip -n b route add 10.8.0.0/24 dev wg0 && ip -n b route add fd08::/64 dev wg0 &&
		ping_across a "$(inside 4 2)"
}
forget_tunnel() {
	local ns
	for ns in a b; do ip -n $ns link del wg0 2>/dev/null; ip -n $ns link del awg0 2>/dev/null; done
	forget_paths
}
forget_paths() {
	local ns
	for ns in s a r q b; do ip -n $ns route flush cache; ip -n $ns -6 route flush cache; done
}

device=wg0
client() { at "$1" python3 "${0%/*}/path_mtu.py" $device "$2"; }
# path_of NAMESPACE: what it takes, or "unknown".
path_of() { client "$1" show | awk 'NR == 2 { print $2 }'; }
takes() { local found; found=$(path_of "$1"); [ "$found" = "$2" ] || { echo "the path takes $found, and not $2"; return 1; }; }

dropped() { at "$1" ethtool -S $device | sed -n "s/^ *$2: //p"; }
# all_dropped NAMESPACE: by reason, on one line.
all_dropped() { at "$1" ethtool -S $device | grep -vE ' 0$|statistics' | xargs; }

# --- traffic

make_file 400000

# tcp FROM TO ADDRESS: that file; patience is short where it is known to stall.
patience=60
tcp() {
	local found pid
	at "$2" timeout $patience ncat -l "$3" 5400 --recv-only >/tmp/received &
	pid=$!
	await 10 listening "$2" 5400 || return
	at "$1" timeout $patience ncat --send-only "$3" 5400 </tmp/data
	wait $pid
	found=$(sha256sum </tmp/received)
	[ "$found" = "$wanted" ] || { echo "received $(stat -c %s /tmp/received) bytes"; return 1; }
}
both_ways() { tcp a b "$(inside "$1" 2)" && tcp b a "$(inside "$1" 1)"; }
stalls() { local patience=8; ! "$@"; }

# --- the C driver

check "a path with a hop of 1400 bytes" eval 'path && hop 1400'
check "the C driver" modprobe wireguard
check "the C driver: a tunnel" tunnel 4
check "the C driver: pieces pass" pieces pass
check "the C driver: TCP" both_ways 4
check "the C driver: it was cut" eval '[ "$(seen pieces)" -gt 50 ]'
check "the C driver: pieces are dropped" pieces are_dropped
check "the C driver: TCP stalls" stalls tcp a b "$(inside 4 2)"
check "the C driver can go" eval 'forget_tunnel; rmmod wireguard'

check "load the module" dut_load

# --- what is learned, and by whom

for out in 4 6; do
	case $out in 4) mtu=1340 ;; 6) mtu=1320 ;; esac
	for kind in are_dropped pass; do
		name="IPv$out outside, pieces ${kind/_/ }"
		for in in 4 6; do
			check "$name: a tunnel" eval 'pieces $kind && tunnel $out'
			check "$name: TCP by IPv$in" both_ways $in
			check "$name: both ends know the path" eval 'takes a $mtu && takes b $mtu'
			check "$name: from now on" pieces $kind
			check "$name: TCP by IPv$in again" both_ways $in
			check "$name: nothing was cut" none_seen pieces
		done
	done
done

check "what is forwarded: a tunnel" eval 'pieces are_dropped && tunnel 4'
check "what is forwarded: TCP by IPv4, in super-packets" tcp s b "$(inside 4 2)"
check "what is forwarded: by IPv6" tcp s b "$(inside 6 2)"
check "what is forwarded: to there" eval 'tcp b s 10.8.0.2 && tcp b s fd08::2'
check "what is forwarded: from now on" pieces are_dropped
check "what is forwarded: TCP again" eval 'tcp s b "$(inside 4 2)" && tcp s b "$(inside 6 2)"'
check "what is forwarded: nothing was cut" none_seen pieces
check "what is forwarded: in packets of one segment" eval 'features s to-a tso off gso off && features a to-s gro off'
check "what is forwarded: a sender that knows nothing yet" eval 'forget_paths; tcp s b "$(inside 4 2)"'
check "what is forwarded: it goes in super-packets" features s to-a tso on gso on

# Whoever ICMP does not get to is as well off as with the C driver.
check "a sender that hears no ICMP: a tunnel" eval 'pieces pass && tunnel 4 && both_ways 4'
check "a sender that hears no ICMP" eval 'filter s input "icmp type destination-unreachable" && filter s input "icmpv6 type packet-too-big"'
check "a sender that hears no ICMP: TCP" eval 'pieces pass && tcp s b "$(inside 4 2)" && tcp s b "$(inside 6 2)"'
check "a sender that hears no ICMP: it was cut" eval '[ "$(seen pieces)" -gt 50 ]'
unfilter s

check "routers say nothing: a tunnel" eval 'too_small is_filtered && pieces pass && tunnel 4'
check "routers say nothing: TCP" both_ways 4
check "routers say nothing: it was cut" eval '[ "$(seen pieces)" -gt 50 ]'
check "routers say nothing: the path seems wider than it is" takes a 1440
check "routers speak again" too_small passes

# --- senders of datagrams

# refused SIZE ADDRESS: pings to one that nobody has sent anything to. The first is dropped by the device, which tells, and the
# second by who has been told.
refused() {
	local before after said
	before=$(dropped a tx_path_mtu)
	said=$(at a ping -c 2 -i 0.2 -W 2 -M "do" -s "$1" "$2" 2>&1)
	after=$(dropped a tx_path_mtu)
	echo "$said"
	grep -qiE 'frag needed|too big' <<<"$said" && grep -qi 'message too long' <<<"$said" &&
		! grep -q 'bytes from' <<<"$said" && same_number "dropped" $((before + 1)) "$after"
}
same_number() { [ "$2" = "$3" ] || { echo "$1: $3, and not $2"; return 1; }; }

check "datagrams: a tunnel" eval 'pieces are_dropped && tunnel 4 && both_ways 4 && takes a 1340'
check "datagrams: the longest that nobody may cut" at a ping -q -c 2 -i 0.2 -W 2 -M "do" -s $((1340 - 28)) "$(inside 4 2)"
check "datagrams: by IPv6" at a ping -q -c 2 -i 0.2 -W 2 -M "do" -s $((1340 - 48)) "$(inside 6 2)"
check "datagrams: one byte more is refused" refused $((1340 - 27)) 10.7.0.9
check "datagrams: by IPv6 likewise" refused $((1340 - 47)) fd07::9
check "datagrams: who lets others cut them knows as well" at a ping -q -c 2 -i 0.2 -W 2 -M dont -s 1392 10.7.0.9
check "datagrams: nothing was dropped for another reason" eval '! all_dropped a | sed -E "s/(tx_path_mtu|rx_replayed): [0-9]+//g" | grep "[a-z]"'

# --- what changes

check "a link: a tunnel" eval 'pieces are_dropped && tunnel 4 && both_ways 4 && takes a 1340'
check "a link: it gets narrower amid traffic" eval '
	tcp a b "$(inside 4 2)" & ip -n a link set to-r mtu 1350; wait $!'
check "a link: that is known" eval 'tcp a b "$(inside 4 2)" && takes a 1290'
check "a link: it gets wider, and more than the hop takes is not taken for granted" eval '
	ip -n a link set to-r mtu 1500 && forget_paths && tcp a b "$(inside 4 2)" && takes a 1340'
# Nothing was sent since, by which it could have been learned.
wider() {
	local said
	hop 1500 && ip -n a link set to-r mtu 1500 && forget_paths && said=$(at s ping -c 1 -W 5 -M probe -s 1392 "$(inside 4 2)")
	hop 1400
	echo "$said"
	grep -q 'bytes from' <<<"$said" && ! grep -qi 'frag needed' <<<"$said"
}
check "a link: narrower again" eval 'tunnel 4 && ip -n a link set to-r mtu 1350 && tcp a b "$(inside 4 2)" && takes a 1290'
check "a link: with the hop it gets wider: nobody is told what it took before" wider

expire() { local ns; for ns in s a b; do at $ns sysctl -qw net.ipv4.route.mtu_expires="$1" net.ipv6.route.mtu_expires="$1"; done; }
for out in 4 6; do
	case $out in 4) mtu=1340 wide=1440 ;; 6) mtu=1320 wide=1420 ;; esac
	check "IPv$out outside, a path gets wider: a tunnel" eval 'expire 4 && tunnel $out && tcp a b "$(inside 4 2)" && takes a $mtu'
	hop 1500
	check "IPv$out outside, a path gets wider: that is found out" await 40 eval 'tcp a b "$(inside 4 2)" && takes a $wide'
	hop 1400
done
expire 600

# Nobody is told less than any host must take: then it goes in pieces.
check "a narrow hop: a tunnel" eval 'pieces pass && tunnel 4 && hop 1300'
check "a narrow hop: TCP by IPv4" eval 'both_ways 4 && takes a 1240'
check "a narrow hop: IPv4 is not cut from now on" eval 'pieces are_dropped && both_ways 4 && none_seen pieces'
check "a narrow hop: TCP by IPv6" eval 'pieces pass && both_ways 6'
check "a narrow hop: IPv6 was cut" eval '[ "$(seen pieces)" -gt 50 ]'
hop 1400

check "a peer moves: a tunnel" eval 'tunnel 4 && both_ways 4 && takes a 1340'
check "a peer moves: nothing is known of the other path" eval 'at a wg set wg0 peer "$public_2" endpoint "$(end_of 6 2):$(port_of 2)" && takes a unknown'
check "a peer moves: until it is learned" eval 'tcp a b "$(inside 4 2)" && takes a 1320'
check "a peer roams: a tunnel" eval 'tunnel 4 && both_ways 4 && takes a 1340'
check "a peer roams: nothing is known of the other path" eval '
	at b wg set wg0 listen-port 51999 && ping_across b "$(inside 4 1)" && takes a unknown'

# As wg-quick does it: all goes into the tunnel that has no mark.
check "by mark: a tunnel is the default route" eval 'tunnel 4 && at a wg set wg0 fwmark 0x77 &&
	ip -n a rule add not fwmark 0x77 table 77 && ip -n a route add default dev wg0 table 77 &&
	ip -n a rule add pref 100 to 10.0.0.0/8 lookup main'
check "by mark: TCP" eval 'both_ways 4 && takes a 1340'
ip -n a rule del table 77
ip -n a rule del pref 100

# --- questions

others_dropped() { all_dropped "$1" | sed "s/rx_replayed: $2//" | grep '[1-9]'; }
# is_asked TIMES ANSWERS: those that nobody answers get to the peer.
is_asked() { same_number "questions" "$1" "$(seen whole)" && same_number "replays" $(($1 - $2)) "$(dropped b rx_replayed)"; }
check "questions: a tunnel and a path that takes all" eval 'hop 1500 && pieces pass && tunnel 4'
check "questions: small packets are none" eval 'ping_across a "$(inside 4 2)" && is_asked 0 0'
start=$SECONDS
check "questions: one while traffic goes on" eval 'tcp a b "$(inside 4 2)" && sleep 6 && tcp a b "$(inside 4 2)" && sleep 6 && tcp a b "$(inside 4 2)" && is_asked 1 0'
check "questions: it was in time" test $((SECONDS - start)) -lt 59
check "questions: nothing else was dropped" eval '! others_dropped b 1 && ! others_dropped a 0'
check "questions: they are not counted as sent" eval 'same_number packets "$(at a cat /sys/class/net/wg0/statistics/tx_packets)" "$(at b cat /sys/class/net/wg0/statistics/rx_packets)"'
sleep $((62 - (SECONDS - start)))
check "questions: one more a minute later" eval 'tcp a b "$(inside 4 2)" && is_asked 2 0'
# The answer is news, so it is asked whether that is all.
check "questions: a path that gets narrower is noticed by the next" eval 'hop 1400 && pieces are_dropped &&
	sleep 62 && tcp a b "$(inside 4 2)" && takes a 1340 && same_number "questions" 2 "$(seen whole)"'
check "questions: nothing else was dropped" eval 'same_number replays 3 "$(dropped b rx_replayed)" && ! others_dropped b 3'
check "questions: none by IPv6" eval 'tunnel 6 && pieces pass && both_ways 4 && is_asked 0 0'

# --- as the C driver

check "off: a tunnel" eval 'hop 1400 && pieces are_dropped && tunnel 4 && client a off && client b off'
check "off: TCP stalls" stalls tcp a b "$(inside 4 2)"
check "off: no question is asked, and nothing known" eval 'none_seen whole && [ "$(client a show | head -n 1)" = off ] && takes a unknown'
check "off: nobody is told" same_number "dropped" 0 "$(dropped a tx_path_mtu)"
check "on again: TCP" eval 'client a on && client b on && tcp a b "$(inside 4 2)" && takes a 1340'

# --- what looks like something else

awg() { at "$1" python3 "${0%/*}/amneziawg.py" "${@:2}"; }
awg_end() {
	local private=private_$2 public=public_$3
	ip -n "$1" link add awg0 type amneziawg &&
		awg "$1" set awg0 "PrivateKey=${!private}" "ListenPort=$(port_of "$2")" S4=20 H4=77 "PublicKey=${!public}" \
			"AllowedIPs=10.7.0.$3/32,fd07::$3/128" "Endpoint=$(end_of "$4" "$3"):$(port_of "$3")" &&
		inside_address "$1" awg0 "$2"
}
awg_tunnel() { forget_tunnel; awg_end a 1 2 "$1" && awg_end b 2 1 "$1" && ping_across a "$(inside 4 2)"; }
device=awg0
check "AmneziaWG over IPv6: a tunnel" awg_tunnel 6
check "AmneziaWG over IPv6: TCP" eval 'both_ways 4 && takes a 1300 && takes b 1300'
check "AmneziaWG over IPv6: nothing is cut from now on" eval 'pieces are_dropped && both_ways 6 && none_seen pieces'
check "AmneziaWG over IPv4: a tunnel" eval 'pieces pass && awg_tunnel 4'
check "AmneziaWG over IPv4: TCP" both_ways 4
check "AmneziaWG over IPv4: no question is asked" eval 'none_seen whole && takes a 1420 && same_number replays 0 "$(dropped b rx_replayed)"'
check "AmneziaWG over IPv4: a link is known" eval 'ip -n a link set to-r mtu 1400 && pieces are_dropped && tcp a b "$(inside 4 2)" && takes a 1320'
check "AmneziaWG over IPv4: nothing is cut from now on" eval 'pieces are_dropped && tcp a b "$(inside 4 2)" && none_seen pieces'

check "remove everything" eval 'ip netns del s && ip netns del a && ip netns del r && ip netns del q && ip netns del b'
check "no packet was dropped without a word" none_unnamed
check "unload the module" await 20 dut_unload
done_testing
