# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml image=tools smp=2 mem=896 clock=skips repeats=stock timeout=900 files=selftests/netlink,build/cargo/guest/release/order,build/cargo/guest/release/flood
#
# Profiles: one interface of the kind amneziawg, on one port, and five peers, of which one is a WireGuard interface and the others
# are AmneziaWG 1.0, 2.0, 3.0 and 3.1, each with settings of its own and without a word of profiles. What the peers wear is
# learned from them, or told; under load from all of them at once nothing is lost.

. "${0%/*}/lib.sh"

count=$(is_debug && echo 1500 || echo 4000)
pings=$(is_debug && echo 30 || echo 60)

# --- five peers

# Number 10 is the hub. It wears 2.0 itself.
settings_1=(Jc=4 Jmin=40 Jmax=70 S1=15 S2=68 H1=1004746675 H2=1157755290 H3=1213187503 H4=2101060487)
settings_2=("${settings_1[@]}" S3=21 S4=12 H1=5-500000000 H2=500000001-1000000000 H3=1000000001-1500000000
	H4=1500000001-4294967295 "I1=<b 0xc0ff><r 30><t><c>" "I2=<rc 20><rd 5>")
settings_3=("${settings_2[@]}" S1=42 S2=108 S3=13 H1=1 H2=2 H3=3 H4=4 ContentPaddingAddition=10-100
	"HeaderProtectionKey=$(wg genkey)" RekeyAfterTime=4-6 RekeyTimeout=2-3)
settings_3_1=("${settings_3[@]}" S4=33 "HeaderProtectionKey=$(wg genkey)" RandomTrailers=on DisableCookies=on)

# As 1.0, whatever else was set; and patient, so that nothing is begun anew while the ends differ.
only_1=("${settings_1[@]}" S3=0 S4=0 I1= I2= HeaderProtectionKey= ContentPaddingAddition=0 RekeyAfterTime=0 RekeyTimeout=0
	RandomTrailers=off DisableCookies=off KeepaliveTimeout=60)

names=(hub WireGuard 1.0 2.0 3.0 3.1)
wanted=(- 1 2 0 3 7)
looks=(Profile=1 Profile=2 "${settings_1[@]}" Profile=3 "${settings_3[@]}" Profile=7 "${settings_3_1[@]}")

for n in {1..5} 10; do make_keys "$n"; done
hub_as_peer=("PublicKey=$public_10" "AllowedIPs=10.7.0.0/16" Endpoint=192.0.2.10:51830)

awg() { at "$1" python3 "${0%/*}/amneziawg.py" "${@:2}"; }

make_hub() {
	add_namespace hub &&
		ip -n hub link add bridge type bridge && ip -n hub address add 192.0.2.10/24 dev bridge && ip -n hub link set bridge up &&
		ip -n hub link add awg0 type amneziawg &&
		awg hub set awg0 "PrivateKey=$private_10" ListenPort=51830 "${settings_2[@]}" "${looks[@]}" && ip -n hub link set awg0 up
}

# attach NUMBER: its namespace and its cable.
attach() {
	add_namespace "p$1" && ip -n hub address add "10.7.$1.1/24" dev awg0 &&
		ip link add cable netns "p$1" type veth peer name "to-p$1" netns hub && ip -n hub link set "to-p$1" master bridge up &&
		ip -n "p$1" address add "192.0.2.$1/24" dev cable && ip -n "p$1" link set cable up
}

# known NUMBER [KEY=VALUE…]: the hub has it as a peer.
known() {
	local public=public_$1
	awg hub set awg0 "PublicKey=${!public}" "AllowedIPs=10.7.$1.2/32" "${@:2}"
}
unknown() {
	local public=public_$1
	awg hub set awg0 "PublicKey=${!public}" Remove=on
}

# plain_end NUMBER, awg_end NUMBER SETTING…: the interface of a peer that knows the hub.
plain_end() {
	local private=private_$1
	ip -n "p$1" link add awg0 type wireguard &&
		at "p$1" wg set awg0 private-key <(echo "${!private}") listen-port "$(port_of "$1")" peer "$public_10" \
			allowed-ips 10.7.0.0/16 endpoint 192.0.2.10:51830 && up "$1"
}
awg_end() {
	local private=private_$1
	ip -n "p$1" link add awg0 type amneziawg &&
		awg "p$1" set awg0 "PrivateKey=${!private}" "ListenPort=$(port_of "$1")" "${@:2}" "${hub_as_peer[@]}" && up "$1"
}
up() { ip -n "p$1" address add "10.7.$1.2/24" dev awg0 && ip -n "p$1" link set awg0 up; }

make_peers() {
	local n
	for n in {1..5}; do attach "$n" && known "$n" || return; done
	plain_end 1 && awg_end 2 "${settings_1[@]}" && awg_end 3 "${settings_2[@]}" && awg_end 4 "${settings_3[@]}" &&
		awg_end 5 "${settings_3_1[@]}"
}

# anew NUMBER [SETTING…]: the peer looks otherwise, and knows the hub anew, by one request: so it makes a session.
anew() { awg "p$1" set awg0 "${@:2}" "PublicKey=$public_10" Remove=on "${hub_as_peer[@]}"; }

# --- what the hub shows

# worn NUMBER: the profile of a peer.
worn() {
	local public=public_$1
	awg hub profiles awg0 | awk -v key="${!public}" '$3 == key { print $4 }'
}
wears() { [ "$(worn "$1")" = "$2" ] || { echo "${names[$1]} wears $(worn "$1"), and not $2"; return 1; }; }
none_is_known() { local n; for n in {1..5}; do wears "$n" 0 || return; done; }
all_wear() { local n; for n in {1..5}; do wears "$n" "${wanted[$n]}" || return; done; }

handshake_time() {
	local public=public_$1
	awg hub show awg0 | awk -v key="${!public}" '$3 == key { found = 1 } found && $1 == "handshake" { print $3; exit }'
}

# --- traffic

make_file 400000

# each COMMAND…: for each peer at once, with its number behind; what any of them had to say, and whether all went well.
each() {
	local n failed=0 jobs=()
	for n in {1..5}; do "$@" "$n" >"/tmp/said-$n" 2>&1 & jobs+=($!); done
	for n in {1..5}; do
		wait "${jobs[n - 1]}" || { failed=1; echo "${names[$n]}:"; cat "/tmp/said-$n"; }
	done
	return $failed
}

ping_hub() { ping_across "p$1" "10.7.$1.1"; }
ping_peer() { ping_across hub "10.7.$1.2"; }

# all_arrive FROM TO ADDRESS COUNT: datagrams alone, in rows and in trains. Their order is not up to the cable here.
all_arrive() {
	local said
	said=$("${0%/*}/order" "$@")
	echo "$said"
	grep -q "^$4 datagrams sent, $4 arrived" <<<"$said"
}

# no_ping_lost FROM ADDRESS COUNT
no_ping_lost() {
	local said
	said=$(at "$1" ping -q -c "$3" -i 0.1 -W 10 "$2")
	echo "$said"
	grep -q "^$3 packets transmitted, $3 received" <<<"$said"
}

listens() { at "$1" ss -Hltn "src = $2 and sport = 5400" | grep -q .; }

# file FROM TO ADDRESS
file() {
	local found server
	at "$2" timeout 200 ncat -l "$3" 5400 --recv-only >"/tmp/received-$3" &
	server=$!
	await 20 listens "$2" "$3" || return
	at "$1" timeout 200 ncat --send-only "$3" 5400 </tmp/data || return
	wait $server
	found=$(sha256sum <"/tmp/received-$3")
	[ "$found" = "$wanted_sum" ] || { echo "to $3: $(stat -c %s "/tmp/received-$3") bytes, and not the right ones"; return 1; }
}
wanted_sum=$(sha256sum </tmp/data)

# load NUMBER: pings and TCP both ways at once, and datagrams to the hub. None may be lost.
load() {
	local p=p$1 here=10.7.$1.1 there=10.7.$1.2 job failed=0 jobs=()
	no_ping_lost "$p" "$here" "$pings" & jobs+=($!)
	no_ping_lost hub "$there" "$pings" & jobs+=($!)
	all_arrive "$p" hub "$here" "$count" & jobs+=($!)
	file "$p" hub "$here" & jobs+=($!)
	file hub "$p" "$there" & jobs+=($!)
	for job in "${jobs[@]}"; do wait "$job" || failed=1; done
	return $failed
}

# Whoever sends datagrams has one port for it: those of the hub go to one peer after the other.
all_at_once() {
	local n sender failed=0
	for n in {1..5}; do all_arrive hub "p$n" "10.7.$n.2" "$count" || exit; done >/tmp/said-hub 2>&1 & sender=$!
	each load || failed=1
	wait $sender || { failed=1; echo "from the hub:"; cat /tmp/said-hub; }
	return $failed
}

nothing_dropped() {
	local n name found ns
	for ns in hub p1 p2 p3 p4 p5; do
		for name in rx_errors rx_dropped tx_errors tx_dropped; do
			found=$(at "$ns" cat "/sys/class/net/awg0/statistics/$name")
			[ "$found" = 0 ] || { echo "$ns: $found $name"; return 1; }
		done
	done
}

# --- what is on the wire

# What the hub sends to each of the peers: all of it, and what has a type or a mark of WireGuard's.
watch_wire() {
	local n type
	{
		echo "table inet wire {"
		for n in {1..5}; do echo "counter sent$n { }"; echo "counter types$n { }"; echo "counter marks$n { }"; done
		echo "chain out { type filter hook output priority 0; udp sport != 51830 return"
		for n in {1..5}; do
			echo "ip daddr 192.0.2.$n counter name sent$n"
			echo "ip daddr 192.0.2.$n ip dscp != 0 counter name marks$n"
			for type in 1 2 3 4; do echo "ip daddr 192.0.2.$n @th,64,32 0x0${type}000000 counter name types$n"; done
		done
		printf '}\n}\n'
	} | at hub nft -f -
}
seen() { at hub nft list counter inet wire "$1" | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }
forget_seen() { at hub nft reset counters table inet wire >/dev/null; }

looks_right() {
	local n
	for n in {1..5}; do
		echo "${names[$n]}: $(seen "sent$n") sent, $(seen "types$n") with WireGuard's types, $(seen "marks$n") with marks"
		[ "$(seen "sent$n")" -gt 0 ] || return
		case $n in
		1) [ "$(seen types1)" = "$(seen sent1)" ] && [ "$(seen marks1)" -gt 0 ] || return ;;
		*) [ "$(seen "types$n")" = 0 ] && [ "$(seen "marks$n")" = 0 ] || return ;;
		esac
	done
}

# --- what happens

# Only the far end says that a session is over.
sessions_by_peers() {
	at p1 wg set awg0 peer "$public_10" remove &&
		at p1 wg set awg0 peer "$public_10" allowed-ips 10.7.0.0/16 endpoint 192.0.2.10:51830 &&
		anew 2 && anew 3 && anew 4 && anew 5 && each ping_hub
}

# told NUMBER: the hub forgets the peer, is told where it is and what it wears, and begins.
told_and_begins() {
	unknown "$1" && known "$1" "Endpoint=192.0.2.$1:$(port_of "$1")" "Profile=${wanted[$1]}" && ping_peer "$1"
}

# changes NUMBER PROFILE SETTING…: amid pings, which go on.
changes() {
	local n=$1 profile=$2 said job
	shift 2
	at "p$n" ping -q -c 50 -i 0.1 -W 10 "10.7.$n.1" >/tmp/changing &
	job=$!
	sleep 1.5
	anew "$n" "$@" || return
	wait $job
	said=$(cat /tmp/changing)
	echo "$said"
	# What was under way when it changed the hub has received, and answered in what it did not understand any more.
	[ "$(sed -n 's/.* \([0-9]*\) received.*/\1/p' <<<"$said")" -ge 45 ] && wears "$n" "$profile"
}
while_others() {
	local n jobs=() failed=0
	for n in 1 3 4 5; do no_ping_lost "p$n" "10.7.$n.1" 60 & jobs+=($!); done
	changes "$@" || failed=1
	for n in "${jobs[@]}"; do wait "$n" || failed=1; done
	return $failed
}

# The hub has been told, the peer has not yet: what the peer sends arrives, by the session that there is.
one_is_ahead() {
	local before
	before=$(handshake_time 2)
	known 2 Profile=3 && all_arrive p2 hub 10.7.2.1 "$count" && [ "$(handshake_time 2)" = "$before" ] && wears 2 3
}
and_the_other_follows() { awg p2 set awg0 "${settings_3[@]}" && ping_hub 2 && wears 2 3; }

# renewed NUMBER: a session by its age, while pings go on.
renewed() {
	local before plain
	told_and_begins 1 || return
	before=$(handshake_time "$1") plain=$(handshake_time 1)
	no_ping_lost hub "10.7.$1.2" 120 || return
	[ "$(handshake_time "$1")" -gt "$before" ] || { echo "there is no session but that of $before"; return 1; }
	[ "$(handshake_time 1)" = "$plain" ] || { echo "WireGuard's is renewed, too"; return 1; }
}

# A profile that goes while its peer is there, and comes again.
goes() {
	awg hub set awg0 Profile=2 Remove=on && ! awg hub profiles awg0 | grep -qx "Profile = 2" && ! ping_across p2 10.7.2.1 2
}
comes_again() { awg hub set awg0 Profile=2 "${settings_1[@]}" && ping_hub 2; }

# Two profiles that a message fits: the peer stays in the one that it is in, and is not in the first.
stays() {
	awg hub set awg0 Profile=5 "${settings_1[@]}" Jc=9 && known 2 Profile=5 && anew 2 && ping_hub 2 && wears 2 5
}

has_seen() { [ "$(seen "$1")" -gt 0 ]; }

# --- the tests

check "load the module" dut_load
check "one interface with five looks" make_hub
check "five peers" make_peers
check "watch the wire" watch_wire
check "nobody has told what they wear" none_is_known
check "each of them gets through" each ping_hub
check "what they wear is learned" all_wear
check "all at once, under load: nothing is lost" all_at_once
check "nothing was dropped" nothing_dropped
check "each is sent what looks as it does" looks_right
forget_seen
check "other sessions, begun by the peers" sessions_by_peers
check "each is answered in what it wears" eval 'all_wear && looks_right'
forget_seen
check "other sessions, begun by the hub, which is told" each told_and_begins
check "each is called in what it wears" eval 'all_wear && looks_right'
check "under load again: nothing is lost" all_at_once
check "nothing was dropped" nothing_dropped
check "the times of a profile are its peers' own" renewed 4

check "1.0 becomes 3.1 amid traffic; no other peer loses a packet" while_others 2 7 "${settings_3_1[@]}"
check "and is 1.0 again" changes 2 2 "${only_1[@]}"
check "the hub is ahead of it: what comes in what was before arrives" one_is_ahead
check "it follows" and_the_other_follows
check "1.0 once more, and that is learned" eval 'anew 2 "${only_1[@]}" && ping_hub 2 && wears 2 2'
check "its profile goes: nothing gets through" goes
check "it comes again: all gets through" comes_again
check "what fits two profiles leaves a peer in its own" stays
check "each of them gets through" each ping_hub

# The flood is of WireGuard's initiations, which fit the profile that is that.
at p1 "${0%/*}/flood" 192.0.2.10:51830 "$public_10" 1500 300 >/tmp/flood.log 2>&1 &
flood=$!
at hub nft add counter inet wire cookies && at hub nft insert rule inet wire out ip daddr 192.0.2.1 udp length 72 @th,64,32 0x03000000 counter name cookies
check "who floods as WireGuard is told so to prove where he is" await 120 has_seen cookies
forget_seen
check "that profile has no cookies" awg hub set awg0 Profile=1 DisableCookies=on
forget_seen
sleep 3
check "there are none" test "$(seen cookies)" = 0
check "end of the flood" kill $flood

retell python3 -u "${0%/*}/awg_profiles.py"

check "remove everything" eval 'for n in {1..5}; do ip netns del p$n || exit; done; ip netns del hub'
check "unload the module" await 20 dut_unload
done_testing
