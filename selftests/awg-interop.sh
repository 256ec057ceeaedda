# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: stock=no debug=uml image=tools smp=2 mem=1152 clock=skips timeout=400 files=build/cargo/guest/release/awg-relay,build/cargo/guest/release/flood,selftests/netlink
#
# The driver's kind amneziawg and another implementation of AmneziaWG: wireguard-go behind tools/awg-relay, which knows
# nothing of the driver's ideas of the format. Each row is a tunnel of its own: version, IP version outside, who begins,
# and what of the version is used; the first is WireGuard, which there is without settings. ROWS are the short form; with
# matrix=all on the kernel's command line those of MORE_ROWS follow.
#
# Through each tunnel go pings all the time, TCP and datagrams both ways, while sessions are replaced; not one ping or
# datagram may be lost. The relay tells what it has taken for which message: what the driver sends before its
# initiations must be all that it did not understand.

. "${0%/*}/lib.sh"
. "${0%/*}/ends.sh"

ROWS="
plain 4 near
1.0 4 near
1.0 6 far
2.0 4 far
2.0 6 near
3.0 4 near protected padded
3.0 6 far  protected
3.0 4 far  padded
3.0 6 near
3.1 4 near protected padded trailers
3.1 6 far  protected padded trailers
3.1 6 near padded trailers
3.1 4 far  trailers
"

MORE_ROWS="
3.0 6 far  protected padded
3.0 4 near protected cookies
3.0 6 near padded
3.0 4 far
3.1 4 near protected trailers
3.1 6 far  protected trailers
3.1 4 far  padded trailers
3.1 6 near trailers
3.1 6 near protected padded
3.1 4 far  protected padded
3.1 4 near protected
3.1 6 far  protected cookies
"

# What both ends must have alike, by versions.
shared_by_1_0="S1=15 S2=40 H1=1234567891 H2=1234567892 H3=1234567893 H4=1234567894"
shared_by_2_0="S1=42 S2=108 S3=13 S4=12 H1=100000000-499999999 H2=500000000-899999999 H3=5-99999999 H4=900000000-2147483647"
# With trailers and a range for every kind nothing is told by lengths and types any more.
shared_by_3_1="S1=42 S2=108 S3=13 S4=20 H1=5-1073741823 H2=1073741824-2147483647 H3=2147483648-3221225471 H4=3221225472-4294967295"
junk="Jc=4 Jmin=8 Jmax=80"
special=(
	"I1=<b 0xc000000001><r 64><rc 20><rd 10><t><c>"
	"I2=and <r 300> more"
	"I5=<c>"
)

# Short, so that the driver begins anew while there is traffic; but an answer may be late on a slow machine, and has to come
# before the driver begins once more.
times="RekeyAfterTime=5-6 RekeyTimeout=6-7"

# Pings, ten in a second: for longer than that.
pings=80

# How much goes each way of the datagrams: all of it finds room in any buffer on its way, however slow its reader is.
datagrams=400
datagram=1000

inside_of_relay=127.0.0.1:7000
far_public=$public_2 near_public=$public_1

run_row() {
	version=$1 out=$2 initiator=$3
	shift 3
	features=" $* "
	name="$version, IPv$out, $initiator begins${1:+, $*}"
	choose_settings
	check "$name: make the near end" make_near
	check "$name: start the relay" start_relay
	check "$name: configure the far end" configure_far
	check "$name: $initiator makes a session" reaches_first
	check "$name: the other answers" await 30 ping_once "$(other "$initiator")"
	check "$name: nobody else has begun" only_began "$initiator"
	watch_pings
	check "$name: TCP both ways" carry_tcp
	check "$name: datagrams both ways, without a loss" carry_datagrams
	check "$name: another session" another_session
	check "$name: no ping was lost" pings_came
	check "$name: the relay understood all but what came before initiations" await 5 all_understood
	check "$name: nothing on the wire looks like WireGuard, if nothing must" hidden
	if uses cookies; then use_cookies; fi
	check "$name: remove the tunnel" remove_tunnel
}

uses() { [[ $features = *" $1 "* ]]; }

# --- settings

# Words that a configuration of AmneziaWG has: what both ends must have alike, what each has of its own, and how many
# packets come before an initiation.
choose_settings() {
	local word
	# shellcheck disable=SC2206
	case $version in
	plain) shared=() ;;
	1.0) shared=($shared_by_1_0) ;;
	2.0 | 3.0) shared=($shared_by_2_0) ;;
	3.1) shared=($shared_by_3_1) ;;
	esac
	if uses protected; then shared+=("HeaderProtectionKey=$(wg genkey)"); fi
	if uses trailers; then shared+=(RandomTrailers=on DisableCookies=on); fi
	own=() before=0
	# shellcheck disable=SC2206
	case $version in
	plain) ;;
	1.0) own=($junk) before=4 ;;
	*) own=($junk "${special[@]}") before=$((4 + ${#special[@]})) ;;
	esac
	# shellcheck disable=SC2206
	of_driver=($times)
	if uses padded; then of_driver+=(ContentPaddingAddition=10-100); fi
	s4=0
	for word in "${shared[@]}"; do
		case $word in S4=*) s4=${word#S4=} ;; esac
	done
}

# --- the near end: the driver

make_near() {
	local peer=("PublicKey=$far_public" "AllowedIPs=$(inside 4 2)/32,$(inside 6 2)/128")
	[ "$initiator" = far ] || peer+=("Endpoint=$(outside "$out" 2):$(port_of 2)")
	ip -n a link add awg0 type amneziawg &&
		at a python3 "${0%/*}/amneziawg.py" set awg0 "PrivateKey=$private_1" "ListenPort=$(port_of 1)" \
			"${shared[@]}" "${own[@]}" "${of_driver[@]}" "${peer[@]}" &&
		inside_address a awg0 1
}

renew_near() {
	ip -n a link set awg0 down && ip -n a link set awg0 up
}

# --- the far end: wireguard-go and the relay

make_far() {
	end_make go b wg1 2 1 &&
		at b wg set wg1 private-key <(echo "$private_2") listen-port 7001 && inside_address b wg1 2 &&
		ip -n b link set wg1 txqueuelen 10000 && at b tc qdisc replace dev wg1 root pfifo limit 10000
}

relay_settings() {
	echo "[Interface]"
	printf '%s\n' "PublicKey=$far_public" Device=127.0.0.1:7001 "Inside=$inside_of_relay" "Listen=[::]:$(port_of 2)"
	printf '%s\n' "${shared[@]}" "${own[@]}"
	echo "[Peer]"
	echo "PublicKey=$near_public"
	[ "$initiator" = near ] || echo "Endpoint=$(outside "$out" 1):$(port_of 1)"
}

start_relay() { relay_settings >/run/relay.conf && run_relay relay; }

# run_relay NAME: by the settings in the file of that name.
run_relay() {
	: >"/run/$1.log"
	ip netns exec b /job/awg-relay "/run/$1.conf" >"/run/$1.log" 2>&1 &
	echo $! >"/run/$1.pid"
	await 20 grep -q '^inside' "/run/$1.log" || { cat "/run/$1.conf" "/run/$1.log"; return 1; }
}

stop_relay() {
	kill "$(cat /run/relay.pid)" && await 10 relay_is_gone
}
relay_is_gone() { ! at b ss -Hlun "sport = :${inside_of_relay#*:}" | grep -q .; }

configure_far() {
	ip -n b link set wg1 mtu $((1420 - s4)) &&
		at b wg set wg1 peer "$near_public" endpoint "$inside_of_relay" allowed-ips "$(inside 4 1)/32,$(inside 6 1)/128"
}

# For the far end, which does not begin anew by itself for two minutes.
renew_far() { at b wg set wg1 peer "$near_public" remove && configure_far; }

remove_tunnel() {
	stop_relay && ip -n a link del awg0 && at b wg set wg1 peer "$near_public" remove
}

# --- sessions

namespace_of() { [ "$1" = near ] && echo a || echo b; }
address_of() { inside "$2" "$([ "$1" = near ] && echo 1 || echo 2)"; }

ping_once() { at "$(namespace_of "$1")" ping -q -c 1 -W 2 "$(address_of "$(other "$1")" 4)" >/dev/null; }

reaches_first() { await 40 ping_once "$initiator" || { cat /run/relay.log; return 1; }; }

# told_by_relay WHAT: how often the relay has said it.
told_by_relay() { grep -c "^$1" /run/relay.log; }
begun_by() { told_by_relay "$([ "$1" = near ] && echo received || echo sent) initiation"; }
answered_by() { told_by_relay "$([ "$1" = near ] && echo received || echo sent) response"; }

only_began() {
	cat /run/relay.log
	[ "$(begun_by "$1")" -ge 1 ] && [ "$(answered_by "$(other "$1")")" -ge 1 ] && [ "$(begun_by "$(other "$1")")" = 0 ]
}

# The driver's sessions are replaced since they are too old by its settings; those of the far end are taken away.
another_session() {
	local before
	if [ "$initiator" = near ]; then
		await 20 replaced near 2
	else
		before=$(answered_by near)
		pings_came >/dev/null && renew_far && await 40 ping_once far && replaced far $((before + 1))
	fi || { cat /run/relay.log; return 1; }
}

replaced() { [ "$(begun_by "$1")" -ge "$2" ] && [ "$(answered_by "$(other "$1")")" -ge "$2" ]; }

# All else that the driver sends is understood. It may just be about to begin once more.
all_understood() {
	local wanted=$((before * $(begun_by near)))
	cat /run/relay.log
	echo "$wanted wanted"
	[ "$(told_by_relay ignored)" = $wanted ] && ! grep -E '^(lost|not sent)' /run/relay.log
}

# --- cookies

# Each end in turn is busy with handshakes of strangers. Then the other gets a session only after it was given a cookie.
use_cookies() {
	check "$name: keep the near end busy" flood_near
	check "$name: the far end gets a session by cookie" await 120 by_cookie far received
	check "$name: let the near end rest" stop_flood_of_near
	check "$name: keep the far end busy" flood_from b 127.0.0.1:7001 "$far_public" 300 50
	check "$name: the near end gets a session by cookie" await 120 by_cookie near sent
	check "$name: let the far end rest" end_unflood
}

# flood_from NAMESPACE ADDRESS PUBLIC-KEY BURST PAUSE
flood_from() { end_flood driver "$1" - - - "${@:2}"; }

# Through a relay of its own, since they have to look like AmneziaWG. The log of it all is not wanted. A burst comes as a
# whole before the driver's workers may run, however slow the machine: that is a load, which then holds for a second.
flood_near() {
	sed -E "s/^Inside=.*/Inside=127.0.0.1:7002/; s/^Listen=.*/Listen=[::]:$(port_of 3)/; /^(Jc|I[1-5]|Endpoint)=/d" \
		/run/relay.conf >/run/strangers.conf
	echo "Endpoint=$(outside "$out" 1):$(port_of 1)" >>/run/strangers.conf
	run_relay strangers && at_once strangers && flood_from b 127.0.0.1:7002 "$near_public" 1500 300 && at_once flood
}

at_once() { chrt -a -f -p 1 "$(cat "/run/$1.pid")"; }

stop_flood_of_near() { end_unflood && kill "$(cat /run/strangers.pid)"; }

# by_cookie INITIATOR WHAT-THE-RELAY-DOES-WITH-COOKIE-REPLIES
by_cookie() {
	local before
	before=$(told_by_relay "$2 cookie reply")
	"renew_$1" && await 15 ping_once "$1" && [ "$(told_by_relay "$2 cookie reply")" -gt "$before" ]
}

# --- traffic

# For some seconds, beside all else, until so many answers have come: without -w, ping would not wait for late ones.
watch_pings() {
	local version=$((10 - out))
	at a ping -n -i 0.1 -w 60 -c $pings -s 500 "$(address_of far $version)" >/run/pings 2>&1 &
}

pings_came() {
	await 70 grep -q 'packets transmitted' /run/pings
	cat /run/pings
	ip -n a -s link show awg0
	ip -n b -s link show wg1
	[ "$(sed -nE 's/.*icmp_seq=([0-9]+) .*/\1/p' /run/pings | sort -n | paste -sd ' ')" = "$(seq -s ' ' $pings)" ]
}

# iperf FROM VERSION OPTION…: whoever sends ends it, so that is a client.
iperf() { at "$(namespace_of "$1")" timeout 120 iperf3 -c "$(address_of "$(other "$1")" "$2")" -f m "${@:3}"; }

# With a small window, for what waits somewhere is as long on its way.
carry_tcp() { iperf near 4 -n 1M -w 64K && iperf far 6 -n 1M -w 64K; }

carry_datagrams() { send_datagrams near 6 && send_datagrams far 4; }

send_datagrams() {
	local said
	said=$(iperf "$1" "$2" -u -b 2M -l $datagram -n $((datagrams * datagram))) || return
	echo "$said"
	grep -qE " 0/[1-9][0-9]* \(0%\) +receiver" <<<"$said"
}

# --- the wire

WIRE='
table inet wire {
	counter datagrams { }
	counter plain { }
	chain leaving {
		type filter hook output priority 0
		meta l4proto udp oifname "to-b" jump look
	}
	chain coming {
		type filter hook input priority 0
		meta l4proto udp iifname "to-b" jump look
	}
	chain look {
		counter name datagrams
		@th,64,32 { 0x01000000, 0x02000000, 0x03000000, 0x04000000 } counter name plain
	}
}'

watch_wire() { at a nft -f - <<<"$WIRE"; }

# Without settings all of it does.
hidden() {
	local all plain
	read -r all plain < <(at a nft list counters table inet wire | awk '/packets/ { print $2 }' | paste -sd ' ')
	at a nft reset counters table inet wire >/dev/null
	echo "$all datagrams, and $plain that look like WireGuard"
	[ "$all" -gt 100 ] && [ "$plain" = "$([ "$version" = plain ] && echo "$all" || echo 0)" ]
}

rows() {
	echo "$ROWS"
	[ "$(told matrix)" != all ] || echo "$MORE_ROWS"
}

# Room for all that is sent at once.
room() { sysctl -qw net.core.rmem_default=8388608 net.core.rmem_max=8388608; }

check "load the module" dut_load
check "room in sockets" room
check "join the ends" eval 'add_namespace a && add_namespace b && join_namespaces a b'
check "look at the wire" watch_wire
check "make the far end" make_far
check "listen at both ends" eval 'end_serve_tcp driver a awg0 && end_serve_tcp go b wg1'
while read -r row; do
	# shellcheck disable=SC2086
	[ -z "$row" ] || run_row $row
done <<<"$(rows)"
check "remove the far end" end_remove go b wg1
check "unload the module" await 10 dut_unload
done_testing
