# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Half an hour on two CPUs (make soak): a hub with five peers, traffic of all kinds between them, and all the while
# something is changed: how the hub polls, who its peers are, their keys, ports and state. After each minute every peer
# must get an answer through its tunnel: one wake-up that is lost, and one of them waits forever.

. "${0%/*}/lib.sh"

minutes=$(told soak)
others=(2 3 4 5 6)
ends=(hub "${others[@]/#/p}")

# attach NUMBER: the namespace of a peer, on the hub's bridge.
attach() {
	add_namespace "p$1"
	ip link add cable netns "p$1" type veth peer name "to-p$1" netns hub && ip -n hub link set "to-p$1" master bridge up &&
		outside_address "p$1" cable "$1" &&
		ip -n "p$1" link add wg0 type wireguard && tunnel_end "p$1" wg0 "$1" 1 "$(outside 4 1)"
}

make_hub() {
	add_namespace hub
	ip -n hub link add bridge type bridge && outside_address hub bridge 1 && ip -n hub link add wg0 type wireguard &&
		tunnel_end hub wg0 1 2 "$(outside 4 2)"
}

# forever NAMESPACE COMMAND…: again and again until the end.
forever() {
	local ns=$1
	shift
	at "$ns" bash -c 'while :; do "$@"; sleep 0.2; done' forever "$@" >/dev/null 2>&1 &
}

start_traffic() {
	local n
	for n in "${others[@]}"; do
		forever "p$n" iperf3 -s -p 5301 --idle-timeout 30
		# One packet at a time; streams with answers; rows of datagrams without any.
		forever "p$n" ping -q -c 100 -i 0.1 -W 1 "$(inside 4 1)"
		forever hub ping -q -c 100 -i 0.15 -W 1 -s 1200 "$(inside 6 "$n")"
	done
	forever hub iperf3 -c "$(inside 4 2)" -p 5301 -t 20 --connect-timeout 2000
	forever hub iperf3 -c "$(inside 4 3)" -p 5301 -t 20 -R --connect-timeout 2000
	forever hub iperf3 -c "$(inside 6 4)" -p 5301 -t 20 -P 3 --connect-timeout 2000
	forever hub iperf3 -c "$(inside 4 5)" -p 5301 -t 20 -u -b 4M -l 1200 --connect-timeout 2000
	forever hub iperf3 -c "$(inside 4 6)" -p 5301 -t 20 -u -b 1M -l 64 -R --connect-timeout 2000
}

stop_traffic() {
	local ns
	for ns in "${ends[@]}"; do ip netns pids "$ns" | xargs -r kill -9; done
	wait
	return 0
} 2>/dev/null

any() { echo "${others[RANDOM % ${#others[@]}]}"; }

threaded() { at hub sh -c "echo $((RANDOM % 2)) >/sys/class/net/wg0/threaded"; }

readded() {
	local n public
	n=$(any) public=public_$n
	at hub wg set wg0 peer "${!public}" remove && set_peer hub wg0 "$n" "$(outside 4 "$n")"
}

# Without the key there are no sessions any more.
rekeyed() {
	local n private
	n=$(any) private=private_$n
	at "p$n" wg set wg0 private-key <(wg genkey) && at "p$n" wg set wg0 private-key <(echo "${!private}")
}

moved() { at "p$(any)" wg set wg0 listen-port $((52000 + RANDOM % 1000)); }

# IPv6 addresses do not survive it.
was_down() {
	local ns=${ends[RANDOM % ${#ends[@]}]}
	ip -n "$ns" link set wg0 down && ip -n "$ns" link set wg0 up &&
		ip -n "$ns" address replace "fd07::$(number_of "$ns")/64" dev wg0 nodad
}

number_of() { [ "$1" = hub ] && echo 1 || echo "${1#p}"; }

# Which CPUs the stack of the hub's cables works on.
steered() { at hub sh -c "echo $((RANDOM % 4)) >/sys/class/net/to-p$(any)/queues/rx-0/rps_cpus"; }

changes=(threaded readded rekeyed moved was_down steered)
made=0

# Changes something every second or so for a minute.
minute_of_changes() {
	local end=$((SECONDS + 60)) change
	while [ $SECONDS -lt $end ]; do
		change=${changes[RANDOM % ${#changes[@]}]}
		$change || { echo "$change did not work"; return 1; }
		made=$((made + 1))
		sleep 0.$((RANDOM % 10))
	done
	echo "$made changes so far"
}

answers() {
	local n
	for n in "${others[@]}"; do
		await 30 at "p$n" ping -q -c 1 -W 1 "$(inside 4 1)" >/dev/null || { echo "peer $n has no answer"; return 1; }
		await 30 at hub ping -q -c 1 -W 1 "$(inside 6 "$n")" >/dev/null || { echo "peer $n does not answer"; return 1; }
	done
}

for n in "${others[@]}"; do make_keys "$n"; done
check "load the module" dut_load
check "make a hub" make_hub
for n in "${others[@]}"; do
	check "make peer $n" attach "$n"
	check "tell the hub of it" set_peer hub wg0 "$n" "$(outside 4 "$n")"
done
check "every peer gets an answer" answers
start_traffic
for ((minute = 1; minute <= minutes; minute++)); do
	check "minute $minute: all is changed" minute_of_changes
	check "minute $minute: every peer gets an answer" answers
done
check "stop the traffic" stop_traffic
for n in "${others[@]}"; do
	check "a stream to peer $n" tcp_across hub "p$n" "$(inside 4 "$n")" 1M
	check "a stream from peer $n" tcp_across hub "p$n" "$(inside 6 "$n")" 1M -R
done
check "remove everything" eval 'for ns in "${ends[@]}"; do ip netns del $ns; done'
check "unload the module" await 20 dut_unload
done_testing
