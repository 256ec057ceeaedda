# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml image=tools smp=2 mem=768 clock=skips repeats=stock timeout=900 files=selftests/clients/send.py,selftests/netlink/amneziawg.py,selftests/netlink/wireguard.py,selftests/netlink/netlink.py,build/cargo/guest/release/order,build/cargo/guest/release/flood
#
# AmneziaWG, the driver against itself: messages of all its versions carry what those of WireGuard do, and do not look
# like them. Beside each tunnel there is one of WireGuard.
#
# With messages=NUMBER on the kernel's command line four times as many are told from all others, whatever their size, and nothing
# else is tested.

. "${0%/*}/lib.sh"

count=$(told messages)
: "${count:=$(is_debug && echo 10000 || echo 20000)}"

# What each version has. H that are ranges leave no more than a few numbers out, so type and length say little.
settings_1=(Jc=4 Jmin=40 Jmax=70 S1=15 S2=68 H1=1004746675 H2=1157755290 H3=1213187503 H4=2101060487)
settings_2=("${settings_1[@]}" S3=21 S4=12 H1=5-500000000 H2=500000001-1000000000 H3=1000000001-1500000000
	H4=1500000001-4294967295 "I1=<b 0xc0ff><r 30><t><c>" "I2=<rc 20><rd 5>")
settings_3=("${settings_2[@]}" S1=42 S2=108 S3=13 H1=1 H2=2 H3=3 H4=4 ContentPaddingAddition=10-100
	"HeaderProtectionKey=$(wg genkey)" RekeyAfterTime=4-6 RekeyTimeout=2-3)
settings_3_1=("${settings_3[@]}" RandomTrailers=on DisableCookies=on)
settings_wide=(S1=90 S2=33 S3=77 S4=24 H1=5-1000000 H2=1000001-2000000 H3=2000001-2147483648 H4=2147483649-4294967295
	"HeaderProtectionKey=$(wg genkey)" RandomTrailers=on ContentPaddingAddition=0-200)

# --- ends of tunnels

awg() { at "$1" python3 "${0%/*}/amneziawg.py" "${@:2}"; }

# awg_end NAMESPACE SELF OTHER IP-VERSION SETTING…
awg_end() {
	local ns=$1 self=$2 other=$3 out=$4 private=private_$2 public=public_$3
	shift 4
	ip -n "$ns" link add awg0 type amneziawg &&
		awg "$ns" set awg0 "PrivateKey=${!private}" "ListenPort=$(port_of "$self")" "$@" "PublicKey=${!public}" \
			"AllowedIPs=10.7.0.$other/32,fd07::$other/128" "Endpoint=$(outside "$out" "$other"):$(port_of "$other")" &&
		inside_address "$ns" awg0 "$self"
}

# awg_tunnel IP-VERSION SETTING…
awg_tunnel() { awg_end b 2 1 "$@" && awg_end a 1 2 "$@"; }

remove_tunnel() { ip -n a link del awg0 && ip -n b link del awg0; }

# WireGuard's, numbers 3 and 4, on the same module.
wireguard_tunnel() { make_keys 3 && make_keys 4 && wireguard_end b 4 3 && wireguard_end a 3 4; }

wireguard_end() {
	local ns=$1 self=$2 other=$3 private=private_$2 public=public_$3
	ip -n "$ns" link add wg0 type wireguard &&
		at "$ns" wg set wg0 private-key <(echo "${!private}") listen-port "$(port_of "$self")" peer "${!public}" \
			allowed-ips "10.8.0.$other/32" endpoint "192.0.2.$((other - 2)):$(port_of "$other")" &&
		ip -n "$ns" address add "10.8.0.$self/24" dev wg0 && ip -n "$ns" link set wg0 up
}

# --- what is on the wire

# What the ends of AmneziaWG send: any type of WireGuard's where such a message begins, any mark, any fragment.
recorders=()
watch_wire() {
	local type ports v4="" v6=""
	for type in 1 2 3 4; do
		v4+="${v4:+ or }udp[8:4] = 0x0${type}000000" v6+="${v6:+ or }ip6[48:4] = 0x0${type}000000"
	done
	ports="udp and src portrange $(port_of 1)-$(port_of 2)"
	ip netns exec "$1" tcpdump -Z root --immediate-mode -l -nn -i any "$ports and ((ip and ($v4)) or (ip6 and ($v6)))" \
		>"/tmp/types-$1" 2>"/tmp/recorder-$1" &
	recorders+=($!)
	await 30 grep -q 'listening on' "/tmp/recorder-$1" || return
	at "$1" nft -f - <<-END
	table inet wire {
		counter sent { }
		counter long { }
		counter marks { }
		counter cookies { }
		counter dressed_cookies { }
		counter proofs { }
		chain out {
			type filter hook output priority 0
			meta l4proto != udp return
			udp sport != $(port_of 1)-$(port_of 2) return
			counter name sent
			udp length > 900 counter name long
			ip dscp != 0 counter name marks
			ip6 dscp != 0 counter name marks
			udp length 72 @th,64,32 0x03000000 counter name cookies
			udp length 102 counter name dressed_cookies
			udp length 156 @th,64,32 0x01000000 @th,1120,128 != 0 counter name proofs
		}
	}
	END
}

# seen NAMESPACE COUNTER: packets since forget_seen.
seen() { at "$1" nft list counter inet wire "$2" | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }
forget_seen() {
	: >/tmp/types-a && : >/tmp/types-b
	at a nft reset counters table inet wire >/dev/null && at b nft reset counters table inet wire >/dev/null
}

looks_like_nothing() {
	local ns found
	sleep 1
	for ns in a b; do
		[ "$(seen $ns sent)" -gt 0 ] || { echo "$ns has sent nothing"; return 1; }
		found=$(seen $ns marks)
		[ "$found" = 0 ] || { echo "$found packets with marks from $ns"; return 1; }
		! grep -a 'IP' "/tmp/types-$ns" || return
	done
}

# fragments: how many IP has made in both namespaces.
fragments() {
	for ns in a b; do at $ns cat /proc/net/snmp /proc/net/snmp6; done |
		awk '$1 == "Ip:" && $2 ~ /[0-9]/ { sum += $19 } $1 == "Ip6FragCreates" { sum += $2 } END { print sum }'
}

# --- traffic

both_ways() { ping_across a "$(inside "$1" 2)" && ping_across b "$(inside "$1" 1)"; }

make_file 3000000

statistic() { at "$1" cat "/sys/class/net/awg0/statistics/$2"; }

nothing_dropped() {
	local ns name
	for ns in a b; do
		for name in rx_errors rx_dropped tx_errors tx_dropped; do
			[ "$(statistic $ns $name)" = 0 ] || { echo "$ns: $(statistic $ns $name) $name"; return 1; }
		done
	done
}

# As long as the device takes them, neither cut before nor after.
full_size() {
	local mtu before
	mtu=$(at a cat /sys/class/net/awg0/mtu) before=$(fragments)
	at a ping -q -c 5 -i 0.2 -W 5 -M "do" -s $((mtu - 28)) "$(inside 4 2)" &&
		at a ping -q -c 5 -i 0.2 -W 5 -M "do" -s $((mtu - 48)) "$(inside 6 2)" || return
	same_number "fragments" "$before" "$(fragments)"
}

same_number() { [ "$2" = "$3" ] || { echo "$1: $3, and not $2"; return 1; }; }

# How often packets of full size are copied for want of room in front.
trace=/sys/kernel/tracing
can_trace() {
	mountpoint -q $trace || mount -t tracefs nodev $trace 2>/dev/null
	[ -e $trace/kprobe_events ]
}

not_copied() {
	local mtu hits
	mtu=$(at a cat /sys/class/net/awg0/mtu)
	echo 'p:copied pskb_expand_head' >$trace/kprobe_events && echo 1 >$trace/events/kprobes/copied/enable || return
	at a ping -q -c 20 -i 0.05 -W 5 -M "do" -s $((mtu - 28)) "$(inside 4 2)"
	echo 0 >$trace/events/kprobes/copied/enable
	hits=$(awk '$1 == "copied" { print $2 }' $trace/kprobe_profile)
	echo >$trace/kprobe_events
	echo "${hits:-no} copies of packets while 40 went through the tunnel"
	[ "${hits:-none}" -lt 10 ]
}

handshake_time() { awg "$1" show awg0 | sed -n 's/^handshake = //p'; }

# The near end knows the far one anew, without a session.
forget_far() {
	awg a set awg0 "PublicKey=$public_2" Remove=on &&
		awg a set awg0 "PublicKey=$public_2" "AllowedIPs=10.7.0.2/32,fd07::2/128" "Endpoint=$(outside 4 2):$(port_of 2)"
}

# So it makes one; the far end stays as it is.
renew() {
	local before
	before=$(handshake_time b)
	forget_far && both_ways 4 && [ "$(handshake_time b)" -gt "$before" ]
}

# leave_as PACKETS LENGTH: forty packets of that length, which wait for a session, leave together in so many, or fewer; or all alone.
leave_as() {
	local count
	forget_seen
	# Nobody hears the first initiation.
	at b nft 'table inet deaf { chain in { type filter hook input priority 0; udp dport '"$(port_of 2)"' drop; }; }' &&
		forget_far && at a python3 "${0%/*}/send.py" "$(inside 4 2)" 40 $(($2 - 28)) 1 6000 && at b nft delete table inet deaf &&
		await 20 has_sent a long && both_ways 4 || return
	count=$(seen a long)
	echo "they left as $count"
	case $1 in
	alone) [ "$count" = 40 ] ;;
	*) [ "$count" -le "$1" ] ;;
	esac
}

# renewed SECONDS: sessions by their ages, while pings go on and none is lost.
renewed() {
	local before
	before=$(handshake_time a)
	at a ping -q -c $(($1 * 5)) -i 0.2 -W 5 "$(inside 4 2)" | tee /tmp/pings | grep -q ' 0% packet loss' || { cat /tmp/pings; return 1; }
	[ "$(handshake_time a)" -gt "$before" ] || { echo "there is no session but that of $before"; return 1; }
}

# All that are sent arrive: none was taken for anything else. Their order is not up to the cable here.
none_lost() {
	local said
	said=$("${0%/*}/order" a b "$(inside 4 2)" "$count")
	echo "$said"
	grep -q "^$count datagrams sent, $count arrived" <<<"$said"
}

has_sent() { [ "$(seen "$1" "$2")" -gt 0 ]; }
# Where the flood is slow there is load at times only, but then for a second.
session_by_cookie() {
	forget_seen
	await 30 has_sent b dressed_cookies && renew >/dev/null && has_sent a proofs
}

# Trains come whole, then cut and merged again, then alone.
tell_messages_apart() {
	check "pings" both_ways 4
	check "none of $count messages is mistaken" none_lost
	check "who receives merges what comes" eval 'features a to-b gro on tx-udp-segmentation off tso off && features b to-a gro on'
	check "none of $count messages is mistaken" none_lost
	check "all have the same length, if they can" eval 'awg a set awg0 ContentPaddingAddition=0 && awg b set awg0 ContentPaddingAddition=0'
	check "none of $count messages is mistaken" none_lost
	check "the cable is as before" eval 'features a to-b tx-udp-segmentation on tso on'
	check "none of $count messages is mistaken" none_lost
}

# --- the tests

check "load the module" dut_load
check "namespaces" eval 'add_namespace a && add_namespace b && join_namespaces a b'

if [ "$(told messages)" ]; then
	check "wide H, unequal S, trailers, padding: a tunnel" awg_tunnel 4 "${settings_wide[@]}"
	tell_messages_apart
	check "nothing was dropped" nothing_dropped
	check "remove everything" eval 'ip netns del a && ip netns del b'
	check "no packet was dropped without a word" none_unnamed
	check "unload the module" await 10 dut_unload
	done_testing
fi

check "watch the wire" eval 'watch_wire a && watch_wire b'
check "a tunnel of WireGuard" wireguard_tunnel

for version in 1 2 3 3_1; do
	declare -n settings=settings_$version
	name="AmneziaWG ${version/_/.}"
	check "$name: a tunnel" awg_tunnel 4 "${settings[@]}"
	forget_seen
	check "$name: pings, IPv4 inside" both_ways 4
	check "$name: pings, IPv6 inside" both_ways 6
	check "$name: TCP" eval 'file_across 4 && file_across 6'
	check "$name: WireGuard beside it" ping_across a 10.8.0.4
	check "$name: packets of full size are not cut" full_size
	if can_trace; then check "$name: nor copied" not_copied; fi
	check "$name: a new session" renew
	case $version in
	2) check "$name: packets leave together" leave_as 4 1000 ;;
	3_1)
		check "$name: packets of full size leave together" leave_as 4 "$(at a cat /sys/class/net/awg0/mtu)"
		check "$name: those that are padded by chance leave alone" leave_as alone 1000
		;;
	esac
	case $version in 3*) check "$name: sessions are renewed by their age" renewed 15 ;; esac
	check "$name: nothing was dropped" nothing_dropped
	check "$name: nothing looks like WireGuard" looks_like_nothing
	check "$name: remove the tunnel" remove_tunnel
	check "$name: over IPv6" awg_tunnel 6 "${settings[@]}"
	check "$name: over IPv6: pings" eval 'both_ways 4 && both_ways 6'
	check "$name: over IPv6: TCP" file_across 4
	check "$name: over IPv6: packets of full size are not cut" full_size
	check "$name: over IPv6: nothing was dropped, nothing looks like WireGuard" eval 'nothing_dropped && looks_like_nothing'
	check "$name: remove that, too" remove_tunnel
done

check "only H that differ: a tunnel" awg_tunnel 4 H1=11 H2=12 H3=13 H4=14
check "only H that differ: pings" both_ways 4
check "the other end has another S4" awg b set awg0 S4=20
check "nothing gets through" eval '! both_ways 4'
check "nothing comes out at the other end" test "$(statistic b rx_errors)" = 0
check "both ends have it" awg a set awg0 S4=20
check "it gets through, in the same session" both_ways 4
check "both ends are WireGuard's" eval 'awg a set awg0 H1=1 H2=2 H3=3 H4=4 S4=0 && awg b set awg0 H1=1 H2=2 H3=3 H4=4 S4=0'
check "it gets through, in the same session" both_ways 4
check "remove the tunnel" remove_tunnel

check "wide H, unequal S, trailers, padding: a tunnel" awg_tunnel 4 "${settings_wide[@]}"
forget_seen
tell_messages_apart
check "nothing was dropped, nothing looks like WireGuard" eval 'nothing_dropped && looks_like_nothing'
check "remove the tunnel" remove_tunnel

# The flood is of WireGuard's initiations, so those are as they were; what answers them is not.
check "a tunnel that cookies are sent in" awg_tunnel 4
check "pings" both_ways 4
at a "${0%/*}/flood" "$(outside 4 2):$(port_of 2)" "$public_2" 1500 300 >/tmp/flood.log 2>&1 &
flood=$!
check "under load there are cookies" await 120 has_sent b cookies
check "cookies are off" awg b set awg0 DisableCookies=on
forget_seen
sleep 5
check "there are none" test "$(seen b cookies)" = 0
check "cookies have another type and a prefix" eval '
	awg b set awg0 DisableCookies=off S3=30 H3=3000-4000 && awg a set awg0 S3=30 H3=3000-4000'
check "cookies are sent so" eval 'forget_seen; await 60 has_sent b dressed_cookies'
# What the debug kernels take to make the peer anew is longer than a load lasts there.
if ! is_debug; then check "by one there is a session" await 120 session_by_cookie; fi
check "they have WireGuard's type no more" test "$(seen b cookies)" = 0
check "end of the flood" kill $flood
check "remove the tunnel" remove_tunnel

kill "${recorders[@]}"
wait "${recorders[@]}" 2>/dev/null
check "remove everything" eval 'ip netns del a && ip netns del b'
check "no packet was dropped without a word" none_unnamed
check "unload the module" await 10 dut_unload
done_testing
