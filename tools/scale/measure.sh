# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What a device with LOADED peers costs, and what is done to it, in a guest whose clock is the number of instructions.
# PHASES are some of those below, in that order. All that is found is printed as `figure NAME VALUE`: times in nanoseconds,
# memory in bytes.

. "${0%/*}/tunnels.sh"
. "${0%/*}/hold.sh"

# How many removals have a request each.
ALONE=$((LOADED < 10000 ? LOADED / 10 : 1000))

figure() { echo "figure $1 $2"; }

# scale COMMAND [OPTION…], with all peers.
scale() { at left /job/scale "$1" wg0 "$LOADED" "${@:2}"; }

# --- time

# timed NAME COMMAND…: of scale, which tells the time itself.
timed() {
	local said
	said=$("${@:2}") || give_up "$1 failed: $said"
	figure "$1" "$(cut -d ' ' -f 3 <<<"$said")"
}

# clocked NAME COMMAND…: of any command, from the start of its process to the end.
clocked() {
	local began
	began=$(date +%s%N)
	"${@:2}" >/dev/null || give_up "$1 failed"
	figure "$1" $(($(date +%s%N) - began))
}

# held links|requests timed|clocked NAME COMMAND…: the longest hold of RTNL meanwhile, too.
held() {
	watch_holds "$1" || give_up "RTNL cannot be watched"
	shift
	"$@"
	figure "$2-hold" $(($(longest_hold) * 1000))
}

# --- memory

# memory NAME: after RCU has freed what it is to free. What waits in lists of the processors is free, too.
memory() {
	sync
	sleep 5
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	awk -v name="$1" '
		FILENAME == "/proc/zoneinfo" { if ($1 == "count:") free += $2 * 4096; next }
		$1 == "MemFree:" { free += $2 * 1024 }
		$1 ~ /^(Slab|VmallocUsed|Percpu):$/ { print "figure " name "-" substr($1, 1, length($1) - 1), $2 * 1024 }
		END { print "figure " name "-free", free }
	' /proc/zoneinfo /proc/meminfo
	awk -v name="$1" 'NR > 2 && $15 > 0 { print "figure " name "-slab:" $1, $15 * $6 * 4096 }' /proc/slabinfo
}

# --- phases

make_device() { ip -n left link add wg0 type wireguard && ip -n left link set wg0 up; }
drop_device() { ip -n left link del wg0; }
set_key() { at left wg set wg0 private-key "$1"; }
link_goes() { ip -n left link set wg0 "$1"; }

# What the first of all peers bring along is not theirs.
warm_up() { at left /job/scale load wg0 200 && at left /job/scale clear wg0 200; }

# How peers go. The device has no private key before the last of them do, which makes no difference for that, but spares the C
# driver to compute secrets: unless it is measured how it gets one when all peers are there.
removal() {
	scale load >/dev/null || give_up "no peers"
	timed remove-alone at left /job/scale remove wg0 $ALONE --bytes 1
	figure remove-alone-count $ALONE
	held requests timed remove at left /job/scale remove wg0 $((LOADED - ALONE)) --first $ALONE
	figure remove-count $((LOADED - ALONE))
	memory removed
	scale load >/dev/null || give_up "no peers"
	held requests timed clear scale clear
	memory cleared
	scale load >/dev/null || give_up "no peers"
	if [ "$KEY" = yes ]; then held requests timed key scale key; fi
	held links clocked delete drop_device
	memory deleted
	make_device || give_up "no device"
}

# How peers come, and what they are like. They stay.
load() {
	set_key <(echo "$private_1") || give_up "no key"
	memory before
	held requests timed load scale load
	memory loaded
	timed list scale list
	clocked show at left wg show wg0 dump
	held requests timed move scale move --shift 1
	timed list-moved scale list --shift 1
	held links clocked down link_goes down
	held links clocked up link_goes up
}

# Strangers to the others begin handshakes, one after the other.
handshakes() {
	ip -n right route add local 198.19.0.0/16 dev lo && ip -n left route add 198.19.0.0/16 via 192.0.2.2 ||
		give_up "no ways for handshakes"
	timed handshakes at left /job/scale greet wg0 "$CALLERS" --from right --to 192.0.2.1
	figure handshakes-count "$CALLERS"
}

# One more peer is another device, which has no other peers. Data goes to it and comes from it: the one way packets are
# looked up by their destination among all the allowed IPs, the other way by their source. From here on instructions are counted,
# which slows all down: this is the last phase.
packets() {
	ip -n right link add wg2 type wireguard && tunnel_end left wg0 1 2 "$(outside 4 2)" &&
		tunnel_end right wg2 2 1 "$(outside 4 1)" || give_up "no tunnel"
	ping_across left "$(inside 4 2)" 1 >/dev/null || give_up "no handshake"
	# What began with all that comes to its end. Sleep costs nothing where time is the number of instructions.
	sleep 10
	run_workload "udp64:$PACKETS" && REVERSE=1 run_workload "udp64:$PACKETS" || give_up "no data"
	/job/traffic symbols
}

# --- all of it

# What the C driver has for each peer. The kernel's bounds are far below a hundred thousand.
echo 4194304 >/proc/sys/kernel/pid_max && echo 4194304 >/proc/sys/kernel/threads-max || give_up "threads are bounded"

make_namespaces
dut_load || give_up "no module"
prepare_holds || give_up "no probes"
make_device || give_up "no device"
warm_up >/dev/null || give_up "no peers"
for phase in $PHASES; do $phase; done
