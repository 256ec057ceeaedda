# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml image=tools smp=2 mem=768 clock=skips timeout=500 files=selftests/clients/send.py,selftests/clients/send_later.py,selftests/netlink/path_mtu.py,selftests/netlink/wireguard.py,selftests/netlink/netlink.py
#
# Trains: many messages in one packet of the stack, outside as UDP with generic segmentation, and what becomes of them
# on ways that cannot carry them whole. What arrives must be what was sent, whatever it went through.

. "${0%/*}/lib.sh"

check "load the module" dut_load
check "a tunnel" tunnel_of_two

make_file 6000000

# Messages that the peer's socket has received, and packets of the stack that they came in.
messages() { at a cat /sys/class/net/wg0/statistics/tx_packets; }
packets() { at b awk '$1 == "Udp:" && $2 ~ /[0-9]/ { sum += $2 } $1 == "Udp6InDatagrams" { sum += $2 } END { print sum }' \
	/proc/net/snmp /proc/net/snmp6; }

# travels whole|cut COMMAND…: how the messages of it reach the other end's socket.
travels() {
	local kind=$1 sent received
	shift
	sent=$(messages) received=$(packets)
	"$@" || return
	sent=$(($(messages) - sent)) received=$(($(packets) - received))
	echo "$sent messages were received in $received packets"
	case $kind in
	whole) [ $((received * 2)) -lt $sent ] ;;
	cut) [ $((received * 10)) -gt $((sent * 9)) ] ;;
	esac
}

# Two ways for UDP to be given trains: never cut below, or merged where packets come in.
for ip in 4 6; do
	at a wg set wg0 peer "$public_2" endpoint "$(outside $ip 2):$(port_of 2)"
	check "IPv$ip outside: trains are whole on a link that can carry them" travels whole file_across 4
	check "IPv$ip outside: IPv6 inside" travels whole file_across 6
done
at a wg set wg0 peer "$public_2" endpoint "$(outside 4 2):$(port_of 2)"

check "the link cannot segment any more" features a to-b tx-udp-segmentation off tso off
check "trains are cut" travels cut file_across 4
check "the other end merges what comes in" features b to-a gro on
check "trains are whole again" travels whole file_across 6
check "nothing is merged" features b to-a gro off
check "the link computes no checksums" features a to-b tx off
check "trains are cut, checksums and all" travels cut file_across 6

# What leaves by then has real checksums: looked at both outside and inside, before anything is merged.
wrong_checksums() {
	local capture=/tmp/capture pid
	at b tcpdump -Z root -nvv -c 400 -i "$1" "$2" >$capture 2>/tmp/capture.log &
	pid=$!
	await 10 grep -q listening /tmp/capture.log || { cat /tmp/capture.log; return 1; }
	file_across "$3" && wait $pid || return
	echo "$(grep -c 'udp sum ok\|(correct)' $capture) correct, $(grep -c 'bad udp cksum\|(incorrect' $capture) wrong"
	[ "$(grep -c 'udp sum ok\|(correct)' $capture)" -ge 200 ] && ! grep -q 'bad udp cksum\|(incorrect\|bad cksum' $capture
}

features b wg0 gro off
check "checksums outside are right" wrong_checksums to-a 'udp and src host 192.0.2.1' 4
check "checksums of segments are right, IPv4" wrong_checksums wg0 'src host 10.7.0.1 and greater 1000' 4
check "checksums of segments are right, IPv6" wrong_checksums wg0 'src host fd07::1 and greater 1000' 6
features b wg0 gro on
features a to-b tx on tx-udp-segmentation on tso on

inside_mtu() { ip -n a link set wg0 mtu "$1" && ip -n b link set wg0 mtu "$1"; }
outside_mtu() { ip -n a link set to-b mtu "$1" && ip -n b link set to-a mtu "$1"; }
# Nobody is told what the path takes, as by the C driver: here it is about what is too long.
tell_nobody() {
	local ns
	if is_ours; then for ns in a b; do at $ns python3 "${0%/*}/path_mtu.py" wg0 off || return; done; fi
}
check "messages can be as long as IPv6 takes them" eval \
	'tell_nobody && at a wg set wg0 peer "$public_2" endpoint "$(outside 6 2):$(port_of 2)" && inside_mtu 65488 && outside_mtu 9000'
# 65504 bytes; the header of IPv6 comes on top.
check "and they arrive, in pieces" at a ping -q -c 3 -i 0.2 -W 5 -s 65440 "$(inside 4 2)"
check "the device is as before" eval \
	'inside_mtu 1420 && outside_mtu 1500 && at a wg set wg0 peer "$public_2" endpoint "$(outside 4 2):$(port_of 2)"'

check "messages are too long for the link" outside_mtu 1300
check "they are cut and fragmented" file_across 4
at a wg set wg0 peer "$public_2" endpoint "$(outside 6 2):$(port_of 2)"
check "with IPv6 outside likewise" file_across 6
at a wg set wg0 peer "$public_2" endpoint "$(outside 4 2):$(port_of 2)"
check "messages fit again" outside_mtu 1500

disturb() { at a tc qdisc replace dev to-b root netem "$@"; }
check "the link reorders" disturb delay 2ms reorder 60% 25%
check "all arrives" file_across 4
check "the link loses and duplicates" disturb loss 1% duplicate 2%
check "all arrives after all" file_across 4
# The debug kernels do not have this one.
if ! is_debug; then
	check "the link is slow and takes small packets only" \
		at a tc qdisc replace dev to-b root tbf rate 40mbit burst 6000 latency 50ms
	check "all arrives at that rate" file_across 6
fi
at a tc qdisc del dev to-b root

filter() {
	at "$1" nft -f - <<-END
	table inet t {
		counter messages { }
		chain in { type filter hook input priority 0; ct state invalid drop; udp dport $2 counter name messages; }
		chain out { type filter hook output priority 0; ct state invalid drop; }
	}
	END
}
filtered_bytes() { at b nft list counter inet t messages | sed -n 's/.*bytes \([0-9]*\).*/\1/p'; }
check "connections are tracked at both ends" eval 'filter a $(port_of 1) && filter b $(port_of 2)'
check "trains are tracked" travels whole file_across 4
check "and all bytes of them counted" eval '[ "$(filtered_bytes)" -gt 6000000 ]'
for ns in a b; do at $ns nft flush ruleset; done

# The debug kernels do not have this either.
ipsec() {
	local key ns out in
	key=0x$(od -An -tx1 -N20 /dev/urandom | tr -d ' \n')
	for ns in a b; do
		ip -n $ns xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 1 reqid 1 mode transport \
			aead 'rfc4106(gcm(aes))' "$key" 128 &&
			ip -n $ns xfrm state add src 192.0.2.2 dst 192.0.2.1 proto esp spi 2 reqid 1 mode transport \
				aead 'rfc4106(gcm(aes))' "$key" 128 || return
		[ $ns = a ] && out=out in=in || out=in in=out
		ip -n $ns xfrm policy add src 192.0.2.1 dst 192.0.2.2 proto udp dir $out \
			tmpl proto esp reqid 1 mode transport &&
			ip -n $ns xfrm policy add src 192.0.2.2 dst 192.0.2.1 proto udp dir $in \
				tmpl proto esp reqid 1 mode transport || return
	done
}
in_esp() {
	local bytes
	bytes=$(ip -n b -s xfrm state | awk '/spi 0x00000001/ { ours = 1 } ours && /lifetime current/ { getline; print $1 + 0; exit }')
	echo "$bytes bytes"
	[ "$bytes" -gt 6000000 ]
}
if ! is_debug; then
	check "the way is secured by IPsec" ipsec
	check "all arrives through that" file_across 4
	check "and it went that way" in_esp
	for ns in a b; do ip -n $ns xfrm policy flush; ip -n $ns xfrm state flush; done
fi

# Datagrams of applications that are trains themselves.
check "trains inside: of datagrams" tcp_across a b "$(inside 4 2)" 2M -u -b 0 -l 1200
check "ping" ping_across a "$(inside 4 2)"

# --- what a train is to the device, the stack and the sender

# send ADDRESS COUNT SIZE SEGMENTS PORT…
send() { at a python3 "${0%/*}/send.py" "$@"; }

# statistics NAME…: of a's device.
statistics() { at a bash -c 'cd /sys/class/net/wg0/statistics && cat "$@"' - "$@" | xargs; }

refused=(tx_packets tx_bytes tx_dropped tx_errors tx_aborted_errors)
refusal() { [ "$(statistics "${refused[@]}")" = "$*" ]; }

# block iptables|ip6tables: IP refuses to send what is for the peer.
block() { at a "$1" -A OUTPUT -p udp --dport "$(port_of 2)" -j DROP; }

# refuse_train 4|6: a train that is refused counts as its messages do.
refuse_train() {
	local packets bytes dropped errors aborted
	read -r packets bytes dropped errors aborted < <(statistics "${refused[@]}")
	send 10.7.0.2 1 1380 32 6000 || return
	case $1 in
	4) dropped=$((dropped + 32)) ;;
	6) errors=$((errors + 32)) aborted=$((aborted + 32)) ;;
	esac
	await 10 refusal "$packets" "$bytes" "$dropped" "$errors" "$aborted" ||
		{ echo "$packets $bytes $dropped $errors $aborted expected of ${refused[*]}"; statistics "${refused[@]}"; return 1; }
}

check "IPv4 refuses trains" block iptables
check "each of the messages counts as dropped" refuse_train 4
at a iptables -F OUTPUT
at a wg set wg0 peer "$public_2" endpoint "$(outside 6 2):$(port_of 2)"
check "IPv6 refuses trains" block ip6tables
check "each of the messages counts as an error" refuse_train 6
at a ip6tables -F OUTPUT
at a wg set wg0 peer "$public_2" endpoint "$(outside 4 2):$(port_of 2)"
check "messages go through again" ping_across a "$(inside 4 2)"

is_in_class() { [ "$(class_packets "$1")" -gt "$2" ]; }

# port_in_class CLASS: one that datagrams to are in the class. One message may be another.
port_in_class() {
	local port before
	for port in {6001..6064}; do
		before=$(class_packets "$1")
		send 10.7.0.2 5 100 1 "$port"
		await 1 is_in_class "$1" $((before + 3)) && { echo "$port"; return; }
	done
	return 1
}

# Packets of two flows, in turn by one socket, are told apart by their hash.
two_flows() {
	local ports first second
	ports=$(port_in_class 1:1 && port_in_class 1:2) || return
	first=$(class_packets 1:1) second=$(class_packets 1:2)
	# shellcheck disable=SC2086 # Two words.
	send 10.7.0.2 4000 100 1 $ports
	sleep 1
	first=$(($(class_packets 1:1) - first)) second=$(($(class_packets 1:2) - second))
	echo "$first and $second messages"
	# A few more are ICMP errors' doing.
	[ "$first" -ge 2000 ] && [ "$first" -lt 2020 ] && [ "$second" -ge 2000 ] && [ "$second" -lt 2020 ]
}

# Who sends without end waits until what was sent has left a slow link: nothing is lost, though the queue is short.
waits() {
	local before after
	at a tc qdisc replace dev to-b root tbf rate 40mbit burst 70000 limit 400000 || return
	before=$(statistics tx_packets)
	send 10.7.0.2 "$1" 1380 "$2" 6000 || return
	await 30 eval '! at a tc -s qdisc show dev to-b | grep -q "backlog [1-9]"' || return
	after=$(statistics tx_packets)
	at a tc -s qdisc show dev to-b
	[ $((after - before)) -ge $(($1 * $2)) ] && at a tc -s qdisc show dev to-b | grep -q "dropped 0,"
}

# Eighty datagrams that are to leave from two seconds on, one every 25 ms: none does sooner. The clock is read after them,
# and a few are other messages.
later() {
	local first arrived count=0 now
	at a tc qdisc replace dev to-b root fq || return
	arrived=$(messages_of_b)
	first=$(at a python3 "${0%/*}/send_later.py" 10.7.0.2 6000) || return
	until [ $count -ge 80 ]; do
		count=$(($(messages_of_b) - arrived))
		read -r now _ </proc/uptime
		awk -v count=$count -v now="$now" -v first="$first" \
			'BEGIN { exit !(count <= 8 + (now > first ? (now - first) * 40 : 0)) }' ||
			{ echo "$count have arrived at $now, from $first on"; return 1; }
		awk -v now="$now" -v first="$first" 'BEGIN { exit !(now < first + 30) }' || return
		sleep 0.1
	done
}
messages_of_b() { at b cat /sys/class/net/wg0/statistics/rx_packets; }

# The debug kernels have none of these.
if ! is_debug; then
	check "packets leave when they are to" later
	at a tc qdisc del dev to-b root
	check "packets of the link are in two classes, by their hash" split_by_hash
	check "flows inside that mix are told apart outside" two_flows
	at a tc qdisc del dev to-b root
	check "datagrams wait for a slow link" waits 1500 1
	check "super-packets wait for a slow link" waits 50 32
	at a tc qdisc del dev to-b root
fi

# A machine in between: as a bridge, and as a router that puts packets together as lists of packets.
add_namespace r
between() {
	ip link add to-r netns a type veth peer name to-a netns r && ip link add to-r netns b type veth peer name to-b netns r &&
		ip -n a link set to-r up && ip -n r link set to-a up && ip -n b link set to-r up && ip -n r link set to-b up
}
bridge() {
	ip -n r link add bridge type bridge && ip -n r link set to-a master bridge && ip -n r link set to-b master bridge &&
		ip -n r link set bridge up && ip -n a address add 198.51.100.1/24 dev to-r &&
		ip -n b address add 198.51.100.2/24 dev to-r
}
router() {
	ip -n r link del bridge && ip -n a address flush dev to-r && ip -n b address flush dev to-r &&
		ip -n a address add 198.51.100.1/25 dev to-r && ip -n r address add 198.51.100.2/25 dev to-a &&
		ip -n r address add 198.51.100.129/25 dev to-b && ip -n b address add 198.51.100.130/25 dev to-r &&
		at r sysctl -qw net.ipv4.ip_forward=1 && ip -n a route add 198.51.100.128/25 via 198.51.100.2 &&
		ip -n b route add 198.51.100.0/25 via 198.51.100.129
}
check "a machine in between" between
check "it is a bridge" bridge
at a wg set wg0 peer "$public_2" endpoint "198.51.100.2:$(port_of 2)"
check "trains are whole behind it" travels whole file_across 4
check "it is a router" router
at a wg set wg0 peer "$public_2" endpoint "198.51.100.130:$(port_of 2)"
check "trains are whole behind it" travels whole file_across 6
check "it gets them cut, and makes lists of them" \
	eval 'features a to-r tx-udp-segmentation off tso off && features r to-a gro on rx-gro-list on'
check "lists are taken as trains" travels whole file_across 4
check "and with IPv6 inside" travels whole file_across 6

check "remove everything" eval 'ip netns del a && ip netns del r && ip netns del b'
check "no packet was dropped without a word" none_unnamed
check "unload the module" await 20 dut_unload
done_testing
