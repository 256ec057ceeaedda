# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every pair of implementations must be able to do: the driver at the near end, and one of the kinds of ends.sh
# at the far end. A script for a pair is its guest and `run_pair KIND`.
#
# Each row is a tunnel of its own, made for the purpose: IP version outside, preshared key, who begins, and what is
# done then. Rows of one pair that has special needs go into EXTRA_ROWS.

. "${0%/*}/lib.sh"
. "${0%/*}/ends.sh"
. "${0%/*}/peer.sh"
. "${0%/*}/wire.sh"

ROWS="
4 psk    near traffic rekey rekey roam_near
4 psk    far  rekey roam_far
4 no_psk near rekey under_load_far
4 no_psk far  rekey keepalive
6 psk    near rekey roam_near wrong_psk
6 psk    far  rekey rekey under_load_near
6 no_psk near rekey roam_far
6 no_psk far  traffic rekey
"

# Debug kernels are slow. There each step is taken once, and the rest is left to the stock kernel.
ROWS_OF_DEBUG="
4 no_psk near traffic roam_far under_load_far
4 psk    far  rekey keepalive
6 psk    near roam_near wrong_psk
6 no_psk far  rekey under_load_near
"

run_pair() {
	local row
	near=(driver a wg0 1 2)
	case $1 in
	driver | c) far=("$1" b wg0 2 1) ;;
	*) far=("$1" b wg1 2 1) ;;
	esac
	check "load the module" dut_load
	if [ "$1" = c ]; then
		check "join the peer's machine" join_peer 1
		call_peer
	fi
	check "join the ends" join_ends
	check "listen at the far end" of far serve_tcp
	check "count what is on the wire" count_wire 21 22
	while read -r row; do
		# shellcheck disable=SC2086
		[ -z "$row" ] || run_row $row
	done <<<"$(if is_debug; then echo "$ROWS_OF_DEBUG"; else echo "$ROWS"; fi)${EXTRA_ROWS:-}"
	check "unload the module" await 10 dut_unload
	done_testing
}

# run_row OUTSIDE PSK INITIATOR STEP…
run_row() {
	local out=$1 keyed=$2 initiator=$3 step
	local name="IPv$out, ${keyed/_/ }, $initiator begins"
	shift 3
	check "$name: make the ends" eval 'of near make && of far make'
	if [ "$keyed" = psk ]; then psk=$(wg genpsk); else psk=; fi
	check "$name: configure them" configure
	session
	for step; do "$step"; done
	check "$name: remove the ends" eval 'of near remove && of far remove'
}

configure() {
	share_keys && configure_ends "$initiator"
}

session() {
	forget_wire
	check "$name: $initiator reaches the other" reaches "$initiator" 4
	check "$name: the other reaches $initiator" reaches "$(other "$initiator")" 6
	check "$name: it was $initiator who began" eval "handshake_by $initiator && never $(other "$initiator")"
	check "$name: the handshake is recent" handshake_is_recent a wg0 60
	same "$name: the far end is where it is" "$(endpoint_of far)" "$(of near endpoint)"
	same "$name: the near end is where it is" "$(endpoint_of near)" "$(of far endpoint)"
}

# --- steps

# Sessions are replaced, by each end in turn.
rekey() {
	local who
	for who in far near; do
		forget_wire
		check "$name: $who begins anew" eval "renew $who && reaches $who && reaches $(other $who) && handshake_by $who"
	done
}

renew() { of "$1" renew "$(outside_of "$(other "$1")")"; }

traffic() {
	local in rx tx
	rx=$(counter a wg0 rx) tx=$(counter a wg0 tx)
	for in in 4 6; do
		check "$name, inside IPv$in: TCP to the far end" tcp_to_far "$(inside $in 2)" 1M
		check "$name, inside IPv$in: TCP from the far end" tcp_to_far "$(inside $in 2)" 1M -R
	done
	# Two MiB each way, but for what iperf3 has yet to send when it ends a slow transfer.
	check "$name: counters moved" counters_moved a wg0 "$rx" "$tx" 1000000
}

tcp_to_far() { at a timeout 120 iperf3 -c "$1" -n "$2" -f m "${@:3}"; }

# A persistent keepalive makes a session with no other traffic, in either end. The other end has none: what one sends puts
# off what the other would.
keepalive() {
	local who before
	for who in near far; do
		check "$name: $(other $who) keeps quiet" of "$(other $who)" replace_peer "$(outside_of $who)"
		forget_wire
		check "$name: $who gets a persistent keepalive" of $who replace_peer "$(outside_of "$(other $who)")" 1
		check "$name: that alone makes a session" await 30 handshake_by $who
		before=$(sent_by $who)
		check "$name: and goes on" await 30 sends_on $who "$before"
	done
}

# By the driver's own counters, since boringtun's leave keepalives out.
sent_by() { counter a wg0 "$([ "$1" = near ] && echo tx || echo rx)"; }
sends_on() { [ "$(sent_by "$1")" -ge $(($2 + 3 * 32)) ]; }

# Peers with different preshared keys do not come together.
wrong_psk() {
	local right=$psk
	psk=$(wg genpsk)
	check "$name: far gets another preshared key" eval 'share_keys && of far replace_peer ""'
	forget_wire
	check "$name: nothing gets through" eval 'renew near && ! of near ping "$(inside 4 2)"'
	check "$name: though there was an answer" handshake_by near
	psk=$right
	check "$name: far gets the right one" eval 'share_keys && of far replace_peer ""'
	check "$name: something gets through" eval 'renew near && reaches near'
}

# An end gets other addresses, then another port; and back.
roam_near() { roam near; }
roam_far() { roam far; }

roam() {
	local who=$1 home there
	home=$(number_of "$who")
	there=$((home + 20))
	check "$name: $who changes addresses" moved "$home" "$there" "$home"
	check "$name: $who changes its port" ported "$there" "$there"
	check "$name: $who changes both back" moved_back
}

moved() { of "$who" move "$1" "$2" && found "$2" "$3"; }
ported() { of "$who" set_port "$(port_of "$2")" && found "$1" "$2"; }
moved_back() { of "$who" set_port "$(port_of "$home")" && moved "$there" "$home" "$home"; }

# found ADDRESS-NUMBER PORT-NUMBER: the roamer speaks first, then the other knows where it is, and reaches it. A handshake
# would tell it as well, but data must do.
found() {
	local wanted
	wanted=$(outside "$out" "$1"):$(port_of "$2")
	forget_wire
	reaches "$who" && await 10 knows "$(other "$who")" "$wanted" && reaches "$(other "$who")" && never near && never far
}

knows() {
	local found
	found=$(of "$1" endpoint)
	[ "$found" = "$2" ] || { echo "$1 believes the other at $found, not at $2"; return 1; }
}

# The near end goes over to the other IP version outside. What was on its way by the former one may bring it back.
change_version() {
	local out=$((10 - out))
	check "$name: over to IPv$out" await 20 eval '
		of near set_endpoint "$(endpoint_of far)" && reaches near && knows far "$(endpoint_of near)" && reaches far'
}

# An end is flooded with handshakes from nobody. Then it asks who wants a new session for a proof of address, and gets
# it: a cookie reply crosses, and an initiation with mac2, and they have a session.
under_load_near() { under_load near; }
under_load_far() { under_load far; }

under_load() {
	local victim=$1
	# shellcheck disable=SC2046
	check "$name: flood $victim" of "$(other "$victim")" flood "$(endpoint_of "$victim")" "$(public_of "$victim")" \
		$(flood_for "$(kind_of "$victim")")
	check "$name: $victim asks for cookies" await 180 asks_for_cookies
	check "$name: a session by cookie" await 120 session_by_cookie "$victim"
	check "$name: end of the flood" of "$(other "$victim")" unflood
}

# How many initiations at once, and the pause between: enough to be under load, not so many that all else is lost.
flood_for() {
	case $1 in
	driver | c) echo 1500 300 ;; # under load at 512 waiting, loses what comes at 4096
	go) echo 300 50 ;;           # at 128 waiting
	boringtun) echo 100 50 ;;    # at 100 in a second, with a small socket buffer
	esac
}

asks_for_cookies() { read_wire && [ "${wire[flood_cookies]}" -gt 0 ]; }

session_by_cookie() {
	# boringtun has a socket for each peer it knows the way to, and asks only strangers for cookies.
	[ "$(kind_of "$1")" != boringtun ] || of "$1" renew "" || return
	forget_wire
	# Where the flood is slow there is load at times only, but then for a second.
	await 30 asks_for_cookies || return
	renew "$(other "$1")" && reaches "$(other "$1")" && reaches "$1" && cookie_handshake_by "$(other "$1")"
}
