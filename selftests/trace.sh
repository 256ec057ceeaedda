# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=x86 image=tools smp=2 mem=896 timeout=300 files=tools/trace,selftests/trace
#
# Tracepoints: what there are, what they tell of pings, streams, handshakes and drops, that they tell nothing while they
# are off, what tools/trace/latency makes of it, and that devices and the module can go while they are on.
# User-mode Linux has no tracing.

. "${0%/*}/lib.sh"

tracefs=/sys/kernel/tracing
events=$tracefs/events/wireguard

mount_tracefs() {
	mount -t tracefs tracefs $tracefs || return
	# One clock for both CPUs.
	echo global >$tracefs/trace_clock && echo 8192 >$tracefs/buffer_size_kb
}

all_on() { echo 1 >$events/enable; }
all_off() { echo 0 >$events/enable; }
forget() { echo >$tracefs/trace; }

fields() { sed -nE 's/^\tfield:[^;]*[ *]([a-z_]+)(\[[0-9]*\])?;.*/\1/p' "$events/$1/format" | grep -v ^common_ | sort | xargs; }

# traced PATTERN: what events tell, without times.
traced() { sed -nE 's/.*: wg_([a-z]+: .*)/\1/p' $tracefs/trace | grep -E -- "$1"; }

# values FIELD: of all events in turn.
values() { traced . | sed -E "s/.*\b$1=([^ ]*).*/\1/"; }

make_tunnel() {
	add_namespace a && add_namespace b && join_namespaces a b &&
		ip -n a link add wga type wireguard && ip -n b link add wgb type wireguard &&
		tunnel_end b wgb 2 1 && tunnel_end a wga 1 2 "$(outside 4 2)"
}

ping_once() { at a ping -q -c 1 -W 20 "$(inside 4 2)"; }

phases() { traced ^handshake | sed -E 's/.*dev=(\S+) .*role=(\S+) (\S+) -> (\S+) .*/\1 \2 \3 \4/'; }

# id_of DEVICE: of its peer, as the debug messages have it.
id_of() { dmesg | sed -nE "s/.*wireguard: $1: Peer ([0-9]+) created/\1/p"; }

# distinct PATTERN FIELD: its values in such events.
distinct() { traced "$1" | sed -E "s/.*\b$2=([^ ]*).*/\1/" | sort -u | xargs; }

# cell ROW COLUMN: of the table.
cell() { awk -v row="$1" -v column="$2" 'index($0, row " ") == 1 { print $(NF - 6 + column) }' /tmp/table; }
count() { cell "$1" 1; }

adds_up() {
	awk -v sum="$1" -v all="$2" 'BEGIN { d = sum - all; print sum, all; exit !(all > 0 && d < 0.01 && d > -0.01) }'
}

sum_of_means() {
	local sum=0 row
	for row; do sum=$(awk -v a="$sum" -v b="$(cell "$row" 2)" 'BEGIN { printf "%.3f", a + b }'); done
	echo "$sum"
}

check "load the module" dut_load
check "mount tracefs" mount_tracefs

# --- what there is

same "all events are there" \
	"wg_decrypt wg_deliver wg_drop wg_encrypt wg_handshake wg_receive wg_stage wg_transmit wg_xmit" \
	"$(ls $events | grep -v -e '^enable$' -e '^filter$' | xargs)"
same "what xmit tells" "len messages name peer skbaddr" "$(fields wg_xmit)"
for event in stage encrypt transmit receive decrypt deliver; do
	same "what $event tells" "counter index len messages name peer skbaddr" "$(fields wg_$event)"
done
same "what drop tells" "messages name peer reason" "$(fields wg_drop)"
same "what handshake tells" "index name new_phase old_phase peer role" "$(fields wg_handshake)"

# --- a handshake

echo 'module wireguard +p' >/sys/kernel/debug/dynamic_debug/control
forget
all_on
check "a tunnel" make_tunnel
check "a ping that asks for a session" ping_once
same "a handshake goes from phase to phase at both ends" "wga initiator zeroed created-initiation
wgb responder zeroed consumed-initiation
wgb responder consumed-initiation created-response
wgb responder created-response zeroed
wga initiator created-initiation consumed-response
wga initiator consumed-response zeroed" "$(phases)"
echo 'module wireguard -p' >/sys/kernel/debug/dynamic_debug/control
near=$(id_of wga)
same "peers are numbered as in debug messages" "$near $(id_of wgb)" \
	"$(distinct 'handshake.*dev=wga' peer) $(distinct 'handshake.*dev=wgb' peer)"
same "messages have the index of the receiver's session" \
	"$(distinct 'handshake.*dev=wgb.*-> zeroed' index) $(distinct 'handshake.*dev=wga.*-> zeroed' index)" \
	"$(distinct 'transmit.*dev=wga' index) $(distinct 'transmit.*dev=wgb' index)"

# --- a ping

forget
check "a ping" ping_once
way="xmit stage encrypt transmit receive decrypt deliver"
same "its stages follow each other, there and back" "$way $way" "$(traced . | cut -d : -f 1 | xargs)"
same "at these devices" "wga wga wga wga wgb wgb wgb wgb wgb wgb wgb wga wga wga" "$(values dev | xargs)"
same "each tells the length that the packet has there" "84 84 128 128 128 96 84 84 84 128 128 128 96 84" "$(values len | xargs)"
same "it is one message each way" 1 "$(distinct . messages)"
same "a message has one index and one counter" 2 "$(traced counter= | grep -o 'index=.*' | uniq | wc -l)"
same "a packet keeps its address until it is sent" 1 "$(values skbaddr | head -n 4 | sort -u | wc -l)"

same "a filter" "xmit stage encrypt transmit receive decrypt deliver" "$(
	forget
	echo "peer == $near" >$events/filter
	ping_once >/dev/null
	echo 0 >$events/filter
	traced . | cut -d : -f 1 | xargs
)"

same "perf counts the packets of three pings at both ends" 6 \
	"$(python3 /job/perf.py wg_xmit ip netns exec a ping -q -c 3 -i 0.2 -W 20 "$(inside 4 2)")"

# --- drops

forget
at a ping -q -c 1 -W 1 "$(inside 4 9)" >/dev/null 2>&1
same "a packet without a peer" "drop: dev=wga peer=0 messages=1 reason=tx_no_peer" "$(traced ^drop)"
forget
ip -n b address add 10.8.0.1/32 dev wgb
at b ping -q -c 1 -W 1 -I 10.8.0.1 "$(inside 4 1)" >/dev/null 2>&1
same "a packet whose source is not allowed" "drop: dev=wga peer=$near messages=1 reason=rx_allowed_ips" "$(traced ^drop)"

# --- a stream, and what is made of it

amount=$(is_debug && echo 100K || echo 1M)
forget
check "TCP across" tcp_across a b "$(inside 4 2)" "$amount"
cp $tracefs/trace /tmp/trace
check "nothing of it was overwritten" grep -qE '^# entries-in-buffer/entries-written: ([0-9]+)/\1 ' /tmp/trace
check "a table and a picture of it" eval "python3 /job/latency --draw /tmp/picture.svg /tmp/trace >/tmp/table"
diag </tmp/table
same "each packet of the stack is in the table" "$(traced ^xmit | awk -F messages= '{ sum += $2 } END { print sum }')" "$(count '= out')"
same "each packet for the stack is in the table" "$(traced ^deliver | wc -l)" "$(count '= in')"
check "steps on the way out add up" adds_up "$(sum_of_means 'wait for a session' encrypt 'wait for its turn')" "$(cell '= out' 2)"
check "steps on the way in add up" adds_up "$(sum_of_means 'poll and decrypt' 'check and deliver')" "$(cell '= in' 2)"
check "the ways add up" adds_up "$(sum_of_means '= out' 'between the ends' '= in')" "$(cell '= from end to end' 2)"
check "the picture is one" python3 -c 'from xml.etree import ElementTree as e; e.parse("/tmp/picture.svg")'
is_debug || check "messages travel together" eval "traced ^transmit | grep -q 'messages=[0-9][0-9]'"

# --- off

all_off
forget
check "a ping that nobody watches" ping_once
same "nothing is told" "" "$(traced .)"

# --- the end of what is traced

all_on
cat $tracefs/trace_pipe >/dev/null &
reader=$!
at a ping -q -i 0.002 "$(inside 4 2)" >/dev/null 2>&1 &
pings=$!
sleep 1
check "a device goes amid traffic" ip -n b link del wgb
sleep 1
check "the other, too" ip -n a link del wga
kill $pings
held=$(python3 /job/perf.py wg_xmit rmmod wireguard 2>/dev/null)
same "perf keeps the module" "0 1" "$held $?"
check "the module goes while its events are on and read" dut_unload
same "and its events with it" "" "$(ls $events 2>/dev/null)"
check "the trace can still be read" eval "cat $tracefs/trace >/dev/null"
kill $reader
check "load it again" dut_load
same "its events are off" 0 "$(cat $events/enable)"
check "unload it" dut_unload
done_testing
