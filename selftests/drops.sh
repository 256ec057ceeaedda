# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml image=tools smp=2 mem=896 timeout=600 files=build/cargo/guest/release/wire-peer,selftests/netlink/amneziawg.py,selftests/netlink/wireguard.py,selftests/netlink/netlink.py
#
# Every drop has a name: for each of many faults the count of its reason moves by as many packets as were dropped, and
# all others stay; who observes drops sees each at the place of that name (drops.rst). The C driver has no such counts.

. "${0%/*}/lib.sh"

# --- what takes minutes with WireGuard's times, and what only AmneziaWG has

awg() { at "$1" python3 "${0%/*}/amneziawg.py" "${@:2}"; }

# awg_end NAMESPACE SELF OTHER SETTING…
awg_end() {
	local ns=$1 self=$2 other=$3 private=private_$2 public=public_$3
	shift 3
	ip -n "$ns" link add awg0 type amneziawg &&
		awg "$ns" set awg0 "PrivateKey=${!private}" "ListenPort=$(port_of "$self")" "$@" "PublicKey=${!public}" \
			"AllowedIPs=10.7.0.$other/32" "Endpoint=192.0.2.$other:$(port_of "$other")" &&
		inside_address "$ns" awg0 "$self"
}

# dropped NAMESPACE REASON
dropped() { at "$1" ethtool -S awg0 | sed -n "s/^ *$2: //p"; }
is_dropped() { [ "$(dropped "$1" "$2")" = "$3" ]; }

# others_dropped NAMESPACE REASON…: what was dropped for other reasons than these.
others_dropped() {
	local reasons=${*:2}
	at "$1" ethtool -S awg0 | grep -vE "^ *(${reasons// /|}): | 0$|statistics"
}

looks=(Jc=4 Jmin=40 Jmax=70 S1=15 S2=68 H1=1004746675 H2=1157755290 H3=1213187503 H4=2101060487)

# Four datagrams of junk precede each initiation.
junk_ends() {
	local junk
	ping_across a 10.7.0.2 1 || return
	junk=$(dropped b rx_junk)
	echo "$junk datagrams of junk"
	[ "$junk" -gt 0 ] && [ $((junk % 4)) = 0 ]
}

# The far end's session is over, and the near one does not know yet.
session_ends() {
	sleep 4
	! at a ping -q -c 1 -W 1 10.7.0.2 && is_dropped b rx_session_expired 1
}

nobody_answers() {
	local _
	for _ in 1 2 3; do at a bash -c "echo >/dev/udp/10.7.0.2/9"; done
	await 60 is_dropped a tx_no_answer 3
}

amneziawg_drops() {
	check "namespaces for AmneziaWG" eval 'add_namespace a && add_namespace b && join_namespaces a b'
	check "two ends, one with sessions of two seconds" eval \
		'awg_end b 2 1 "${looks[@]}" RekeyAfterTime=1 RejectAfterTime=2 && awg_end a 1 2 "${looks[@]}"'
	check "junk ends as such" junk_ends
	check "what comes by a session that is over" session_ends
	same "nothing else was dropped at the far end" "" "$(others_dropped b rx_junk rx_session_expired)"
	same "nothing was dropped at the near end" "" "$(others_dropped a)"
	check "remove both" eval 'ip -n a link del awg0 && ip -n b link del awg0'
	check "an end that gives up soon" awg_end a 1 2 RekeyTimeout=1 MaxHandshakeAttempts=1
	check "what waits for an answer that does not come" nobody_answers
	same "nothing else was dropped" "" "$(others_dropped a tx_no_answer)"
	check "remove it" ip -n a link del awg0
}

check "load the module" dut_load
check "make namespaces" dut_namespaces
# Under /sys, of which each network namespace sees its own, it would be out of sight; user-mode Linux has none.
mkdir -p /run/tracing
is_debug || check "mount tracefs" mount -t tracefs nodev /run/tracing
if is_ours; then
	play drops
	amneziawg_drops
fi
check "unload the module" dut_unload

done_testing
