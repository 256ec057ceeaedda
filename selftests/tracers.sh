# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The tracepoints by the programs that people use: perf, bpftrace and dropwatch, as Debian has them, are told of packets that were
# counted, and of drops by their names (tracing.rst, drops.rst).
#
# guest: image=tools smp=2 mem=2048 asleep=yes timeout=240 programs=no files=tools/trace archives=tracers:tracers.cpio

. "${0%/*}/lib.sh"

PATH=$PATH:/opt/tracers/bin
data=/tmp/perf.data
said=/tmp/said

mount_tracefs() { mount -t tracefs tracefs /sys/kernel/tracing; }

make_tunnel() {
	add_namespace a && add_namespace b && join_namespaces a b &&
		ip -n a link add wga type wireguard && ip -n b link add wgb type wireguard &&
		tunnel_end b wgb 2 1 && tunnel_end a wga 1 2 "$(outside 4 2)" && ping_across a "$(inside 4 2)" 1
}

# Five packets go each way, and what there is of them, one after the other so that none travels with another.
pings="ip netns exec a ping -q -c 5 -i 0.1 -W 20 $(inside 4 2)"
stages="xmit stage encrypt transmit receive decrypt deliver"

# Seven datagrams that are no messages come to a, each of its own.
cat >/tmp/bad.sh <<'END'
for _ in 1 2 3 4 5 6 7; do ip netns exec b bash -c 'echo bad >/dev/udp/192.0.2.1/51821'; done
END
bad="bash /tmp/bad.sh"

dropped() { at a ethtool -S wga | sed -n "s/^ *$1: //p"; }

# moves WANTED REASON COMMAND…: the device counts so many more.
moves() {
	local wanted=$1 reason=$2 before
	before=$(dropped "$reason")
	"${@:3}"
	[ $(($(dropped "$reason") - before)) = "$wanted" ]
}

# of FILE: what bpftrace has in its maps, sorted.
maps() { grep '^@' "$1" | sort; }

# The number that a line of a file has for a pattern.
number() { awk -F, -v event="$1" '$0 ~ event { print $1 }' $said; }

check "load the module" dut_load
check "mount tracefs" mount_tracefs
check "a tunnel" make_tunnel

# anew: with a young session, so that no handshake comes between, nor its keepalive.
anew() { at a wg set wga peer "$public_2" remove && set_peer a wga 2 "$(outside 4 2)" && ping_across a "$(inside 4 2)" 1 >/dev/null; }

# --- perf

check "perf knows the events" eval 'perf list "wireguard:*" >$said 2>&1; [ "$(grep -c "wireguard:wg_" $said)" = 9 ]'
anew
check "perf counts" perf stat -a -x , -o $said -e 'wireguard:*' -- $pings
for stage in $stages; do same "what perf has counted at $stage" 10 "$(number "wg_$stage\$|wg_$stage,")"; done

anew
check "perf records" perf record -q -a -o $data -e 'wireguard:*' -- $pings
check "perf shows what it has recorded" eval 'perf script --ns -i $data >$said'
for stage in $stages; do
	same "what perf has recorded at $stage" "5 dev=wga 5 dev=wgb" \
		"$(grep -F "wireguard:wg_$stage:" $said | grep -o 'dev=wg[ab]' | sort | uniq -c | xargs)"
done
check "a table of it" eval 'python3 /job/latency $said >/tmp/table && cat /tmp/table'
same "has each packet" 10 "$(awk 'index($0, "= out ") == 1 { print $(NF - 5) }' /tmp/table)"
# It may leave when the command does, before it has said all that it was told.
check "perf traces" eval 'perf trace -a -e wireguard:wg_deliver -- bash -c "$pings; sleep 0.5" 2>$said'
same "what perf has traced" "5 wga 5 wgb" "$(grep -F wireguard:wg_deliver $said | grep -o 'wg[ab]\b' | sort | uniq -c | xargs)"

check "perf records drops" moves 7 rx_too_short perf record -q -a -o $data -e skb:kfree_skb -- $bad
perf script -i $data >$said 2>&1
same "it has their names" 7 "$(grep skb:kfree_skb: $said | grep -c rx_too_short)"
same "and the nearest of the core's" 7 "$(grep rx_too_short $said | grep -c PKT_TOO_SMALL)"

# --- bpftrace

# bpf PROGRAM COMMAND…: what the program has in the end, of what happened while the command ran.
bpf() { bpftrace -q -e "$1" -c "${*:2}" >$said 2>&1; }

anew
check "bpftrace counts packets" bpf 'tracepoint:wireguard:wg_xmit { @[args.name, args.messages] = count(); }' $pings
same "at both ends" "@[wga, 1]: 5 @[wgb, 1]: 5" "$(maps $said | xargs)"
anew
check "bpftrace counts all stages" bpf 'tracepoint:wireguard:wg_* { @[probe] = count(); }' $pings
same "ten at each" "$(printf '@[tracepoint:wireguard:wg_%s]: 10\n' $stages | sort)" "$(maps $said)"
check "bpftrace measures, as in tracing.rst" bpf '
	tracepoint:wireguard:wg_xmit { @at[args.skbaddr] = nsecs; }
	tracepoint:wireguard:wg_stage /@at[args.skbaddr]/ {
		@ns[args.name] = hist(nsecs - @at[args.skbaddr]);
		@waited[args.name] = count();
		delete(@at, args.skbaddr);
	}' $pings
same "all of them" "@waited[wga]: 5 @waited[wgb]: 5" "$(maps $said | grep waited | xargs)"
check "bpftrace counts drops" moves 7 rx_too_short bpf 'tracepoint:wireguard:wg_drop { @[args.name] = sum(args.messages); }' $bad
same "for their device" "@[wga]: 7" "$(maps $said)"
check "bpftrace sees packets dropped" moves 7 rx_too_short bpf 'tracepoint:skb:kfree_skb { @[ksym(args.location)] = count(); }' $bad
same "at the place of that name" 7 "$(sed -n 's/^@.*rx_too_short.*: //p' $said)"

bpftrace -q -e 'tracepoint:wireguard:wg_xmit { @ = count(); }' >$said 2>&1 &
holder=$!
attached() { grep -q '^wireguard [0-9]* [1-9]' /proc/modules; }
check "bpftrace holds an event" await 60 attached
check "and the module with it" eval '! rmmod wireguard'
kill -INT $holder
wait $holder

# --- dropwatch

# It wants a terminal.
mux() { tmux -u -f /dev/null "$@"; }
on_screen() { mux capture-pane -p | grep -qE -- "$1"; }

# It names no function of a module, but tells where it is: how many it has seen in the one of that name.
seen() {
	local count where place sum=0
	place=$(grep -m 1 rx_too_short /proc/kallsyms | cut -d ' ' -f 1)
	while read -r count where; do
		if [ $((where - 0x$place)) -ge 0 ] && [ $((where - 0x$place)) -lt 256 ]; then sum=$((sum + count)); fi
	done < <(mux capture-pane -p | sed -nE 's/^([0-9]+) drops at .*\((0x[0-9a-f]+)\).*/\1 \2/p')
	echo $sum
}
all_seen() { [ "$(seen)" -ge 7 ]; }

watch_drops() {
	modprobe drop_monitor
	mux new-session -d -x 200 -y 50 "/opt/tracers/bin/dropwatch -l kas" && await 60 on_screen '^dropwatch>' &&
		mux send-keys start Enter && await 60 on_screen '[Mm]onitoring activated' && $bad && await 30 all_seen
	mux capture-pane -p | grep .
}
check "dropwatch counts the same" moves 7 rx_too_short watch_drops
same "in the function of that name" 7 "$(seen)"
mux kill-server

check "the module goes" eval 'ip netns del a && ip netns del b && await 30 dut_unload'
done_testing
