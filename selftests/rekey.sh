# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=x86 asleep=yes smp=2 mem=512 repeats=x86 timeout=900 peer=c.peer files=boringtun:bin/boringtun-cli
#
# Sessions end by age: the driver and every other implementation, all at once, each pair with either end as the
# initiator, or with one of them on debug kernels. A ping a second goes both ways through each tunnel for longer than
# REKEY_AFTER_TIME, and not one may be lost. Then the far ends die without a word, and come back with no memory.

. "${0%/*}/lib.sh"
. "${0%/*}/ends.sh"
. "${0%/*}/peer.sh"
. "${0%/*}/wire.sh"

out=4
pings=135 # 120 s until a session is too old, and some more

# initiators KIND: who begins, in one tunnel each.
initiators() {
	if ! is_debug; then echo near far; return; fi
	case $1 in driver | boringtun) echo near ;; *) echo far ;; esac
}

# for_all COMMAND…: for the ends of each tunnel in turn, which has the ends number 2 T - 1 and 2 T.
for_all() {
	local tunnel=0 kind initiator
	for kind in driver go boringtun c; do
		for initiator in $(initiators "$kind"); do
			tunnel=$((tunnel + 1))
			near=(driver "n$tunnel" "wg$tunnel" $((2 * tunnel - 1)) $((2 * tunnel)))
			far=("$kind" "f$tunnel" "wx$tunnel" $((2 * tunnel)) $((2 * tunnel - 1)))
			name="$kind, $initiator began"
			"$@"
		done
	done
}

make_tunnel() {
	make_keys "${near[3]}"
	make_keys "${far[3]}"
	check "$name: join the ends" eval 'share_keys && join_ends'
	check "$name: make them" eval 'of near make && of far make'
	check "$name: configure them" configure_ends "$initiator"
	check "$name: make a session" eval "reaches $initiator && reaches $(other "$initiator")"
	check "$name: count what is on the wire" count_wire
	began[tunnel]=$(handshake_time)
	watch
}

handshake_time() { at "${near[1]}" wg show "${near[2]}" latest-handshakes | cut -f 2; }

watch() {
	local who
	for who in near far; do
		of $who watch $pings "$(inside 4 "$(number_of "$(other $who)")")"
	done
}

judge_tunnel() {
	local age
	check "$name: no ping from the near end was lost" of near lost_none $pings
	check "$name: no ping from the far end was lost" of far lost_none $pings
	age=$(($(handshake_time) - began[tunnel]))
	# Sessions are known here by their first data, which come late on a slow machine.
	check "$name: there is a session $age s younger" test $age -ge 100
	check "$name: who began did so again, and only it" eval "handshake_by $initiator && never $(other "$initiator")"
}

revive() {
	check "$name: the far end dies and is made anew" eval 'of far remove && of far make && of far configure'
	of near watch 60 "$(inside 4 "${far[3]}")"
}

# It is up to the near end alone to find out, and to make a new session.
recover() { check "$name: they reach each other again" eval 'reaches near && reaches far'; }

check "load the module" dut_load
check "join the peer's machine" join_peer 1
call_peer
began=()
for_all make_tunnel
for_all judge_tunnel
for_all revive
for_all recover
for_all eval 'check "$name: remove the ends" eval "of near remove && of far remove"'
check "unload the module" await 10 dut_unload
done_testing
