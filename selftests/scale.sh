# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml mem=512 timeout=300 clock=instructions,skips files=build/cargo/guest/release/scale,tools/scale/hold.sh
#
# A device with ten thousand peers (tools/scale), two thousand on debug kernels: all are listed as given, none costs more than
# another, and nothing is left of them. `make scale` measures that, and goes on to a million. On the stock kernel time is the
# number of instructions.

. "${0%/*}/lib.sh"
. "${0%/*}/hold.sh"

# The C driver has a thread for each. Debug kernels see with fewer what they can see.
count=1000
if is_ours; then count=$(is_debug && echo 2000 || echo 10000); fi
chunk=$((count / 20))

# scale COMMAND [COUNT [OPTION…]]
scale() { at a /job/scale "$1" wg1 "${2:-$count}" "${@:3}"; }

# --- time

# chunks COMMAND: loads or removes all peers, a twentieth at a time; prints the nanoseconds that each took per peer.
chunks() {
	local first
	for ((first = 0; first < count; first += chunk)); do
		scale "$1" $chunk --first $first | cut -d ' ' -f 4
	done
}

least() { sort -n | head -n 1; }

# level TIMES: the last twentieths took no more than twice as long as the first, or the other way round. Of five the shortest
# counts: tables grow now and then.
level() {
	local first last
	first=$(head -n 5 <<<"$1" | least) last=$(tail -n 5 <<<"$1" | least)
	echo "$first ns per peer in the beginning, $last ns in the end"
	[ "$(wc -l <<<"$1")" = 20 ] && [ "$last" -le $((2 * first)) ] && [ "$first" -le $((2 * last)) ]
}

# --- memory

# Bytes that are free, also in the lists of processors, after RCU has freed what it is to free and slabs have let go of what is
# empty.
free_memory() {
	local cache
	sleep 5
	echo 3 >/proc/sys/vm/drop_caches
	for cache in /sys/kernel/slab/*/shrink; do echo 1 >"$cache"; done 2>/dev/null
	awk '$1 == "count:" { sum += $2 * 4096 } $1 == "MemFree:" { sum += $2 * 1024 } END { print sum }' \
		/proc/zoneinfo /proc/meminfo
}

# returned BEFORE LOADED AFTER: at least three quarters of what was taken. Slabs keep some pages that are hardly used.
returned() {
	echo "$(($1 - $2)) bytes taken, $(($1 - $3)) of them not returned"
	[ $(($1 - $2)) -gt $((count * 100)) ] && [ $((4 * ($1 - $3))) -lt $(($1 - $2)) ]
}

# Debug kernels keep freed memory for a while, to see who still uses it, and the host has a say in their time.
check_if_plain() { is_debug || check "$@"; }

# --- RTNL

# brief COMMAND…: holds RTNL for less than a millisecond at a time. A walk along all peers takes longer.
brief() {
	local held
	if is_debug; then "$@"; return; fi
	watch_holds links && "$@" || return
	held=$(longest_hold)
	echo "RTNL was held for $held us"
	[ "$held" -gt 0 ] && [ "$held" -lt 1000 ]
}

# --- lists

# shown [OPTION…]: wg shows what it should.
shown() {
	local said wanted
	said=$(at a wg show wg1 dump | tail -n +2 | sort) wanted=$(scale expect "$count" "$@" | sort)
	[ "$said" = "$wanted" ] || { echo "wg shows $(wc -l <<<"$said") lines, such as $(head -n 1 <<<"$said")"; return 1; }
}

# refused WORDS…: one line, and nothing else happens.
refused() {
	local said
	said=$(at a /job/scale "$@" 2>&1)
	[ $? = 2 ] && [ "$(wc -l <<<"$said")" = 1 ] || { echo "$said"; return 1; }
}

make_device() { ip -n a link add wg1 type wireguard && ip -n a link set wg1 up; }
quick() { "$@" >/dev/null; }

check "load $(dut_name)" dut_load
check "make a tunnel" tunnel_of_two
check "make a device" make_device
check "a wrong number of peers is refused" refused load wg1 1048577
check "a wrong option is refused" refused load wg1 10 --shift
# What the first peers bring along is not theirs.
check "some peers come and go" eval 'quick scale load 200 && quick scale clear 200'

# What watching takes is not theirs either.
is_debug || prepare_holds
before=$(free_memory)
times=$(chunks load)
check_if_plain "peers come as quickly when there are many" level "$times"
loaded=$(free_memory)
check "all are listed as given" scale list
check "wg shows the same" shown
check "addresses move from peer to peer" scale move "$count" --shift 1
check "all are listed as they are then" scale list "$count" --shift 1
check "wg shows that, too" shown --shift 1
check "one is taken away" scale remove 1 --first 5
check "that is noticed" eval '! scale list "$count" --shift 1'

check "the others go in one request" scale clear
cleared=$(free_memory)
check_if_plain "their memory is returned" returned "$before" "$loaded" "$cleared"
same "no peer is left" "" "$(at a wg show wg1 peers)"

check "all come again" scale load
times=$(chunks remove)
check_if_plain "they go one by one as quickly when there are many" level "$times"
same "no peer is left" "" "$(at a wg show wg1 peers)"
check_if_plain "their memory is returned" returned "$before" "$loaded" "$(free_memory)"

check "all come again" scale load
check "the device goes down" brief ip -n a link set wg1 down
check "it comes up" brief ip -n a link set wg1 up
check "it goes with all its peers" brief ip -n a link del wg1
check_if_plain "their memory is returned" returned "$before" "$loaded" "$(free_memory)"

# --- beside a tunnel

some=$((count / 10))
coming_and_going() {
	quick at a /job/scale load wg0 $some && quick at a /job/scale list wg0 $some --others 1 &&
		quick at a /job/scale remove wg0 $some
}
pings() { ping_across a "$(inside 4 2)" 20; }

check "packets go through the tunnel" ping_across a "$(inside 4 2)"
pings >/tmp/pings 2>&1 &
check "peers come and go in the same device" coming_and_going
check "they come and go again" coming_and_going
wait $!
check "no packet was lost meanwhile" grep -q ' 0% packet loss' /tmp/pings
same "the tunnel has its peer" 1 "$(at a wg show wg0 peers | wc -l)"
check "unload the module" eval 'ip netns del a; ip netns del b; await 30 dut_unload'

done_testing
