# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: image=tools smp=2 mem=1152 timeout=400 programs=no files=selftests/judge archives=classifiers:aioquic.cpio judge=tools/dpi-judge/controls
#
# Real traffic of four kinds for tools/dpi-judge to look at, each on a cable of its own and captured there:
#
#   plain   a tunnel of WireGuard that carries pings and pages
#   idle    one that carries nothing, kept alive
#   fake    one like plain, but on the port of QUIC, and behind an Initial packet of QUIC that somebody has put before it
#   quic    the same pages over genuine QUIC
#
# Ports are none that WireGuard is known by: a verdict by port alone would tell nothing.

. "${0%/*}/lib.sh"

here=${0%/*}
kinds="plain idle fake quic"
quic_port=443

# How long the idle tunnel is looked at, and how often it is kept alive, in seconds.
idle_for=45
keepalive=2

# What leaves a cable has been cut and has its checksums.
cable() {
	local a=$1-a b=$1-b
	add_namespace $a && add_namespace $b && join_namespaces $a $b &&
		features $a to-$b tx off tso off tx-udp-segmentation off &&
		features $b to-$a tx off tso off tx-udp-segmentation off
}

record() {
	at "$1-b" tcpdump -Z root --immediate-mode -U -s 0 -i "to-$1-a" -w "/tmp/$1.pcap" udp >"/tmp/$1.recorder" 2>&1 &
	recorders+=($!)
}
records() { grep -q 'listening on' "/tmp/$1.recorder"; }
recording_has_ended() { ! kill -0 "${recorders[@]}" 2>/dev/null; }

# tunnel KIND [PORT [KEEPALIVE]]: b listens on PORT and waits.
tunnel() {
	local a=$1-a b=$1-b port=${2:-$(port_of 2)}
	ip -n $a link add wg0 type wireguard && ip -n $b link add wg0 type wireguard &&
		tunnel_end $b wg0 2 1 && at $b wg set wg0 listen-port "$port" && tunnel_end $a wg0 1 2 &&
		at $a wg set wg0 peer "$public_2" endpoint "$(outside 4 2):$port" persistent-keepalive "${3:-0}"
}

pings() {
	local size
	for size in 56 120 333 800; do at "$1-a" ping -q -c 4 -i 0.2 -W 5 -s $size "$(inside 4 2)" || return; done
	at "$1-b" ping -q -c 4 -i 0.2 -W 5 "$(inside 6 1)"
}

pages_in_tunnel() { at "$1-a" python3 -B $here/web.py browse "$(inside 4 2)" "$2"; }
pages_over_quic() { at quic-a timeout 120 python3 -B $here/quic.py browse "$(outside 4 2)" 3 || ! cat /tmp/quic.server; }

# serve PROGRAM KIND ADDRESS
serve() {
	at "$2-b" python3 -B $here/"$1.py" serve "$3" >"/tmp/$2.server" 2>&1 &
	servers+=($!)
}
receives() { at "$1" ss -Hln "$2" "sport = $3" | grep -q .; }
servers() {
	await 30 receives plain-b -t 80 && await 30 receives fake-b -t 80 && await 60 receives quic-b -u $quic_port && return
	cat /tmp/*.server
	return 1
}

# One has the interface's port as long as that is down.
pretend() {
	ip -n fake-a link set wg0 down &&
		at fake-a python3 -B $here/quic.py pretend "$(port_of 1)" "$(outside 4 2)" &&
		ip -n fake-a link set wg0 up && ip -n fake-a address add "$(inside 6 1)/64" dev wg0 nodad
}

idle_is_over() { [ $((SECONDS - began)) -ge $idle_for ]; }

recorders=() servers=()
check "load the module" dut_load
for kind in $kinds; do
	check "$kind: a cable" cable "$kind"
	record "$kind"
	check "$kind: what is on it is recorded" await 10 records "$kind"
done
check "idle: a tunnel" tunnel idle "" $keepalive
began=$SECONDS
check "plain: a tunnel" tunnel plain
check "fake: a tunnel" tunnel fake $quic_port
serve web plain "$(inside 4 2)"
serve web fake "$(inside 4 2)"
serve quic quic "$(outside 4 2)"
check "servers" servers
check "plain: pings" pings plain
check "plain: pages" pages_in_tunnel plain 1
check "fake: an Initial packet of QUIC" pretend
check "fake: pings" pings fake
check "fake: pages" pages_in_tunnel fake 2
check "quic: pages" pages_over_quic
check "idle: long enough" await $idle_for idle_is_over
kill "${recorders[@]}" "${servers[@]}"
check "end of recording" await 10 recording_has_ended
for kind in $kinds; do ip netns del "$kind-a" && ip netns del "$kind-b"; done
check "unload the module" await 10 dut_unload
check "hand out the captures" hand_out /tmp/*.pcap
done_testing
