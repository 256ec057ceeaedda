# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: image=tools smp=2 mem=1152 asleep=yes timeout=600 programs=no files=selftests/judge,selftests/netlink archives=classifiers:aioquic.cpio judge=tools/dpi-judge/controls
#
# Real traffic of seven kinds for tools/dpi-judge to look at, each on a cable of its own and captured there:
#
#   plain   a tunnel of WireGuard that carries pings and pages
#   idle    one that carries nothing, kept alive
#   fake    one like plain, but on the port of QUIC, and behind an Initial packet of QUIC that somebody has put before it
#   awg1    one like plain, with AmneziaWG's settings of 1.0
#   awg2    … of 2.0, with such a packet among what precedes a handshake
#   awg3    … of 3.1
#   quic    the same pages over genuine QUIC
#
# Ports are none that WireGuard is known by: a verdict by port alone would tell nothing.

. "${0%/*}/lib.sh"

here=${0%/*}
kinds="plain idle fake awg1 awg2 awg3 quic"
carriers="plain fake awg1 awg2 awg3"
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

# With no more room for each packet than one takes, many wait for a recorder that is late.
record() {
	ip netns exec "$1-b" tcpdump -Z root --immediate-mode -U -s 2000 -B 8192 -i "to-$1-a" -w "/tmp/$1.pcap" udp >"/tmp/$1.recorder" 2>&1 &
	recorders+=($!)
}
records() { grep -q 'listening on' "/tmp/$1.recorder"; }
recorded_all() { grep '^0 packets dropped by kernel' "/tmp/$1.recorder" || ! cat "/tmp/$1.recorder"; }

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

# read_pages PROGRAM KIND ADDRESS SEED: goes on for a while. All are read at once: who reads mostly waits.
read_pages() {
	{
		ip netns exec "$2-a" timeout 150 python3 $here/"$1.py" browse "$3" "$4"
		echo "status $?"
	} >"/tmp/$2.pages" 2>&1 &
}
pages_came() {
	await 160 grep -q '^status' "/tmp/$1.pages"
	cat "/tmp/$1.pages" "/tmp/$1.server"
	grep -q '^status 0' "/tmp/$1.pages"
}

# serve PROGRAM KIND ADDRESS
serve() {
	ip netns exec "$2-b" python3 $here/"$1.py" serve "$3" >"/tmp/$2.server" 2>&1 &
	servers+=($!)
}
receives() { at "$1" ss -Hln "$2" "sport = $3" | grep -q .; }
servers() {
	local kind
	for kind in $carriers; do await 150 receives $kind-b -t 80 || ! cat /tmp/$kind.server || return; done
	await 150 receives quic-b -u $quic_port || ! cat /tmp/quic.server
}

# guised KIND PORT SETTING…: the same of the kind `amneziawg`.
guised() {
	local a=$1-a b=$1-b
	ip -n $a link add wg0 type amneziawg && ip -n $b link add wg0 type amneziawg &&
		guise $b "$private_2" "$2" "${@:3}" "PublicKey=$public_1" "AllowedIPs=$(inside 4 1)/32,$(inside 6 1)/128" &&
		guise $a "$private_1" "$(port_of 1)" "${@:3}" "PublicKey=$public_2" "AllowedIPs=$(inside 4 2)/32,$(inside 6 2)/128" \
			"Endpoint=$(outside 4 2):$2" &&
		inside_address $a wg0 1 && inside_address $b wg0 2
}
guise() { at "$1" python3 $here/amneziawg.py set wg0 "PrivateKey=$2" "ListenPort=$3" "${@:4}"; }

junk="Jc=5 Jmin=10 Jmax=50 S1=42 S2=108"
ranges="S3=13 S4=12 H1=10000000-19999999 H2=20000000-29999999 H3=30000000-39999999 H4=1000000000-2000000000"
hidden="ContentPaddingAddition=10-100 RandomTrailers=on DisableCookies=on"

# One has the interface's port as long as that is down.
pretend() {
	ip -n fake-a link set wg0 down &&
		at fake-a python3 $here/quic.py pretend "$(port_of 1)" "$(outside 4 2)" &&
		ip -n fake-a link set wg0 up && ip -n fake-a address add "$(inside 6 1)/64" dev wg0 nodad
}

idle_is_over() { [ $((SECONDS - began)) -ge $idle_for ]; }

recorders=() servers=()
check "load the module" dut_load
for kind in $kinds; do
	check "$kind: a cable" cable "$kind"
	record "$kind"
	check "$kind: what is on it is recorded" await 30 records "$kind"
done
check "idle: a tunnel" tunnel idle "" $keepalive
began=$SECONDS
check "plain: a tunnel" tunnel plain
check "fake: a tunnel" tunnel fake $quic_port
# shellcheck disable=SC2086
{
	check "awg1: a tunnel" guised awg1 "$(port_of 2)" $junk H1=10000001 H2=20000002 H3=30000003 H4=1000000004
	check "awg2: a tunnel" guised awg2 $quic_port $junk $ranges "I1=<b 0x$(python3 $here/quic.py first)>"
	check "awg3: a tunnel" guised awg3 "$(port_of 2)" $junk $ranges $hidden "HeaderProtectionKey=$(wg genkey)"
}
for kind in $carriers; do serve web $kind "$(inside 4 2)"; done
serve quic quic "$(outside 4 2)"
check "servers" servers
check "fake: an Initial packet of QUIC" pretend
for kind in $carriers; do
	check "$kind: pings" pings $kind
	read_pages web $kind "$(inside 4 2)" $kind
done
read_pages quic quic "$(outside 4 2)" quic
for kind in $carriers quic; do check "$kind: pages" pages_came $kind; done
check "idle: long enough" await $idle_for idle_is_over
kill "${recorders[@]}" "${servers[@]}"
wait
for kind in $kinds; do check "$kind: nothing was missed" recorded_all "$kind"; done
for kind in $kinds; do ip netns del "$kind-a" && ip netns del "$kind-b"; done
check "unload the module" await 10 dut_unload
check "hand out the captures" hand_out /tmp/*.pcap
done_testing
