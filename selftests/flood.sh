# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml smp=2 mem=512 clock=skips timeout=300 files=build/cargo/guest/release/flood,build/cargo/guest/release/flow
#
# A device is flooded in every way that tools/flood knows, while others use it. What that costs is measured by `make flood`.

. "${0%/*}/flooded.sh"

# A pause leaves the processors, of which there are few and slow ones, to those who are tested.
burst=1500 pause=400

survives() {
	local kind=$1
	check "$kind: begin" start_flood "$kind" $burst $pause
	beside flow flow_is_whole
	beside renewal renew_once
	beside newcomer newcomer
	check "$kind: an established flow loses nothing" ended flow
	check "$kind: a session is renewed" ended renewal
	check "$kind: who is new gets a session" ended newcomer
	check "$kind: end" stop_flood
	check "$kind: all as before" newcomer_leaves
}

# beside NAME COMMAND…: runs beside what follows, until `ended NAME`, which tells how it went.
beside() {
	rm -f "/run/$1.status"
	{ "${@:2}" >"/run/$1.said" 2>&1; echo $? >"/run/$1.status"; } &
}

ended() {
	await 60 [ -s "/run/$1.status" ]
	cat "/run/$1.said"
	return "$(cat "/run/$1.status")"
}

flow_is_whole() {
	flow 200 5000 || return
	[ "$flow_lost" -le 1 ] && [ "$flow_again" = 0 ] || return
}

check "load the module" dut_load
check "a hub and its peers" flood_world
memory=$(kernel_memory)
for kind in random forged spoofed replayed proven mix; do survives "$kind"; done
# The last cookie is two seconds old at least, and one handshake more has come.
sleep 3
check "one more session" renew_once
check "memory is given back" returned "$memory"
check "no device is left" ip -n hub link del wg0
done_testing
