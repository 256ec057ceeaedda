# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The monitor tools/wgmon, on a terminal of tmux and elsewhere, with the C driver and with the module under test: what it shows is
# what `wg` shows, and it survives small terminals, devices that vanish and many peers.
#
# guest: debug=uml repeats=stock image=tools smp=2 mem=1152 asleep=yes clock=skips timeout=600 files=build/cargo/guest/release/wgmon,build/cargo/guest/release/scale,selftests/wgmon,selftests/netlink

. "${0%/*}/lib.sh"

names=/tmp/names.conf
out=/tmp/wgmon.out
address=127.0.0.1:9586

wgmon() { at a /job/wgmon "$@"; }
look() { python3 "${0%/*}/json_lines.py" "$@"; }
dump() { at a wg show wg0 dump; }

# says STATUS TEXT COMMAND…: the command ends with that status and says that text, on one line.
says() {
	local said status=0
	said=$("${@:3}" 2>&1 </dev/null) || status=$?
	echo "$said"
	[ $status = "$1" ] && [ "$(grep -c . <<<"$said")" = 1 ] && grep -qF -- "$2" <<<"$said"
}

# --- a terminal

mux() { tmux -u -f /dev/null "$@"; }
screen() { mux capture-pane -p "$@"; }
press() { mux send-keys "$@"; }

# begin WIDTH HEIGHT [OPTION…]: the table on a terminal of that size. When it has ended the terminal says so.
begin() {
	local command="ip netns exec a env NO_COLOR=${no_color:-} /job/wgmon --interval 1 --names $names ${*:3}"
	mux kill-server
	# The server before may not be through with its end.
	await 10 mux new-session -d -x "$1" -y "$2" "$command; echo ended with \$?; exec sleep 1000"
}

resize() { mux resize-window -x "$1" -y "$2"; }

# on_screen PATTERN: there is a line of that kind.
on_screen() { screen | grep -qE -- "$1"; }

# Waits for a line, and tells what there was if none came.
shows() {
	await 20 on_screen "$1" && return
	screen
	return 1
}
off_screen() { ! on_screen "$1"; }
hides() { await 20 off_screen "$1"; }

# For whoever reads the log, and for Documentation/wgmon.rst.
picture() { screen | sed 's/^/# | /'; }

coloured() { mux capture-pane -e -p | grep -qE "$(printf '\033\\[([0-9]+;)*(3[1-7]|38;5;[0-9]+)m')"; }

# For those patterns: what a key begins with, and all of it.
beginning() { echo "^${1:0:12}" | sed 's/+/[+]/g'; }
spelt() { sed 's/+/[+]/g' <<<"$1"; }

# Two lines are in this order.
in_order() { screen | grep -E "$1|$2" | head -n 1 | grep -qE "$1"; }

# --- what is watched

traffic() { at a ping -q -i 0.02 -s 1200 -w "$1" "$(inside 4 2)" >/dev/null 2>&1; }

write_names() { printf '[Peer]\n# friendly_name = office\nPublicKey = %s\n' "$public_2" >$names; }

make_tunnel() { tunnel_of_two && write_names; }

# Packets may come between one and the other.
json_agrees() { wgmon --json --once >$out && look snapshot $out wg0 "$(dump)"; }
metrics_agree() { at a python3 "${0%/*}/json_lines.py" metrics $address wg0 "$(dump)"; }

json_for() { at a timeout --preserve-status "$1" /job/wgmon --json --interval 1 >$out; }

served() { python3 -c "import urllib.request as u; u.urlopen('http://$address/metrics', timeout=10)" 2>/dev/null; }

serve() {
	at a /job/wgmon --prometheus $address --interval 0.1 --names $names >$out 2>&1 &
	server=$!
	# In the namespace of the server.
	at a bash -c "$(declare -f await served); address=$address; await 10 served"
}

answer_of() { printf "$1" | at a timeout 10 ncat 127.0.0.1 9586 | head -n 1 | tr -d '\r'; }

# They connect and say nothing, more of them than are served.
hold_connections() {
	at a python3 -c "
import socket, time
held = [socket.create_connection(('127.0.0.1', 9586)) for _ in range(100)]
time.sleep(30)" >/dev/null 2>&1 &
	idle=$!
}

within() {
	local start=$SECONDS
	"${@:2}" || return
	echo "$((SECONDS - start)) s"
	[ $((SECONDS - start)) -le "$1" ]
}

# --- what both drivers offer

check_errors() {
	check "$d: an interface that is not there" says 1 "there is no interface wg9: make it by" wgmon --once wg9
	check "$d: an interface of another kind" says 1 "lo is neither a WireGuard nor" wgmon --once lo
	check "$d: an option that is none" says 2 "there is no option --bad" wgmon --bad
	check "$d: without a terminal" says 1 "needs a terminal: use --once or --json" wgmon
	check "$d: who is not root" says 1 "only root may ask for wg0: run it by sudo" \
		at a setpriv --reuid 65534 --regid 65534 --clear-groups /job/wgmon --once
	check "$d: an address of somebody else" says 1 "name another address" wgmon --prometheus 203.0.113.1:1
}

check_table() {
	check "$d: the table begins" begin 110 24
	check "$d: there is the peer, by its name" shows '^office +never +never'
	check "$d: a handshake" ping_across a "$(inside 4 2)"
	check "$d: the peer is up" shows '^office +up +[0-9]+ s '
	traffic 60 &
	check "$d: rates while there is traffic" shows '^office +up .* [0-9.]+ KiB/s +[0-9.]+ KiB/s'
	check "$d: and those of all" shows '^1 of 1 up  rx [0-9.]+ KiB/s  tx [0-9.]+ KiB/s'
	picture
	pkill -x ping
	check "$d: none when it has ended" shows '^office +up .* 0 B/s +0 B/s'

	check "$d: another peer" at a wg set wg0 peer "$public_3" allowed-ips 10.9.0.0/16
	check "$d: it comes" shows "$(beginning $public_3)"
	check "$d: named ones are first" in_order "^office" "$(beginning $public_3)"
	check "$d: the other way round" eval 'press r && shows "PEER▴" && in_order "$(beginning $public_3)" "^office"'
	check "$d: sorted by state" eval 'press r s && shows "STATE▾" && in_order "^office" "$(beginning $public_3)"'
	check "$d: a filter" eval 'press / 10.9. Enter && shows "1 hidden by /10.9." && ! on_screen "^office"'
	check "$d: and none" eval 'press Escape && shows "^office"'
	check "$d: details of the selected one" eval 'press Home Enter && shows "^public key +$(spelt $public_2)"'
	check "$d: with its addresses" shows '^allowed ips .*fd07::2/128'
	picture
	check "$d: back, and help" eval 'press Escape && shows "^office" && press "?" && shows "ctrl-c"'
	check "$d: back again" eval 'press Escape && shows "^office"'
	check "$d: the other peer goes" at a wg set wg0 peer "$public_3" remove
	check "$d: it is not shown any more" hides "$(beginning $public_3)"
}

check_terminals() {
	check "$d: a terminal of 20 times 5" resize 20 5
	check "$d: has the peer" shows '^office +up$'
	same "$d: on five lines" 5 "$(screen | wc -l)"
	picture
	check "$d: one of 1 times 1" eval 'resize 1 1; sleep 1; ! on_screen ended'
	check "$d: a wide one" resize 200 50
	check "$d: has all" shows '^office .* 192.0.2.2:51822 +10.7.0.2/32'
	check "$d: there are colours" coloured
	check "$d: q quits" eval 'press q && shows "^ended with 0"'
	no_color=1
	check "$d: NO_COLOR" eval 'begin 80 24 && shows "^office +up"'
	check "$d: there are none" eval '! coloured'
	no_color=
	check "$d: who is told to end gives the terminal back" eval 'pkill -TERM -x wgmon && shows "^ended with 0"'
}

check_vanishing() {
	check "$d: watch a device" begin 100 24
	check "$d: it is there" shows '^office +up'
	check "$d: it vanishes" ip -n a link del wg0
	check "$d: that is told" shows 'wg0  the interface is gone'
	check "$d: nothing is left" shows '^0 of 0 up  no interface'
	check "$d: there is another one" eval 'ip -n a link add wg0 type wireguard && tunnel_end a wg0 1 2 "$(outside 4 2)"'
	check "$d: it is shown" shows '^office +never'
	check "$d: packets go through" ping_across a "$(inside 4 2)"
	check "$d: that is shown" shows '^office +up'
	check "$d: q quits then, too" eval 'press q && shows "^ended with 0"'
}

check_lines() {
	local before
	check "$d: the table once" eval 'wgmon --once --names $names | tee $out | grep -qE "^wg0 +office +up +"' || cat $out
	check "$d: JSON once" await 10 json_agrees
	traffic 20 &
	check "$d: JSON for some time" json_for 4
	pkill -x ping
	check "$d: has rates in the end" look rates $out wg0
	check "$d: who has read enough" eval '[ "$(wgmon --json --interval 0.1 | head -n 1 | wc -l)" = 1 ]'
}

check_metrics() {
	serve || not_ok "$d: metrics are not served"
	check "$d: metrics say what wg says" await 10 metrics_agree
	check "$d: packets go through meanwhile" ping_across a "$(inside 4 2)"
	check "$d: and metrics say the same again" await 10 metrics_agree
	same "$d: another page" "HTTP/1.1 404 Not Found" "$(answer_of 'GET / HTTP/1.1\r\n\r\n')"
	same "$d: another method" "HTTP/1.1 405 Method Not Allowed" "$(answer_of 'POST /metrics HTTP/1.1\r\n\r\n')"
	same "$d: no request at all" "HTTP/1.1 400 Bad Request" "$(answer_of 'hello\r\n\r\n')"
	hold_connections
	sleep 1
	check "$d: a hundred clients that say nothing keep nobody waiting" within 5 \
		await 10 metrics_agree
	kill $idle
	pkill -TERM -x wgmon
	wait $server
	same "$d: who is told to end does" 0 $?
}

# check_many COUNT SECONDS
check_many() {
	check "$d: $1 peers" eval 'ip -n a link add wg1 type wireguard && at a /job/scale load wg1 '"$1"' >/dev/null'
	check "$d: are told within $2 s" within "$2" eval 'wgmon --json --once wg1 >$out'
	check "$d: all of them" look count $out wg1 "$1"
	check "$d: watch them" begin 100 30 wg1
	check "$d: they are shown" shows "^0 of $1 up"
	check "$d: to the last" eval 'press End Enter && shows "^public key"'
	check "$d: keys are obeyed within $2 s" within "$2" eval 'press q && shows "^ended with 0"'
	check "$d: they go" ip -n a link del wg1
}

# --- what only one of them offers

check_events() {
	check "$d: watch events" begin 112 17
	check "$d: the groups are listened to" shows 'events: config endpoint liveness session'
	at a timeout 60 /job/wgmon --json --interval 2 >$out 2>&1 &
	local told=$!
	sleep 2
	check "$d: a peer comes" at a wg set wg0 peer "$public_3" allowed-ips 10.9.0.0/16
	check "$d: that is told" shows "$(spelt ${public_3:0:12}).*peer added"
	check "$d: it goes" at a wg set wg0 peer "$public_3" remove
	check "$d: that is told, too" shows "$(spelt ${public_3:0:12}).*peer removed"
	check "$d: the peer begins anew" eval 'at a wg set wg0 peer "$public_2" remove && set_peer a wg0 2 "$(outside 4 2)"'
	check "$d: packets go through" ping_across a "$(inside 4 2)"
	check "$d: a session is told, and who began it" shows 'office.*session begun as initiator'
	check "$d: the peer has another address" eval 'ip -n b address del 192.0.2.2/24 dev to-a && ip -n b address add 192.0.2.3/24 dev to-a'
	check "$d: it is heard from there" ping_across b "$(inside 4 1)"
	check "$d: that it roamed is told" shows 'office.*roamed from 192.0.2.2:51822 to 192.0.2.3:51822'
	picture
	pkill -TERM -x wgmon
	wait $told
	check "$d: JSON has told the same" look events $out wg0 peer_added peer_removed peer_added session_begun roamed
}

# Datagrams that are none of ours, and what ethtool says of them: the first reason that was counted, and how often.
check_drops() {
	local count reason
	check "$d: 7 bad datagrams" eval 'for _ in {1..7}; do echo bad | at b ncat -u -w 1 --send-only 192.0.2.1 51821; done'
	read -r count reason < <(at a ethtool -S wg0 | awk -F '[: ]+' '$3 > 0 { print $3, $2; exit }')
	check "$d: ethtool counts them" [ "${count:-0}" -ge 7 ]
	check "$d: watch drops" begin 112 17
	check "$d: they are shown by reason" shows "$count  $reason"
	picture
	check "$d: on a page, too" eval 'press d && shows "$count  $reason  wg0" && press q && shows "^ended with 0"'
	check "$d: JSON tells them" eval 'wgmon --json --once | grep -qF "\"$reason\":$count"'
}

# disguised_end NAMESPACE SELF OTHER
disguised_end() {
	local private=private_$2 public=public_$3
	ip -n "$1" link add awg0 type amneziawg &&
		at "$1" python3 "${0%/*}/amneziawg.py" set awg0 "PrivateKey=${!private}" "ListenPort=5189$2" S1=20 S2=20 S3=20 S4=20 \
			"HeaderProtectionKey=$psk" "PublicKey=${!public}" "AllowedIPs=10.8.0.$3/32" "Endpoint=192.0.2.$3:5189$3" &&
		ip -n "$1" address add "10.8.0.$2/24" dev awg0 && ip -n "$1" link set awg0 up
}

# A device of the kind amneziawg beside the other, which only its own family tells of.
check_disguise() {
	check "$d: a tunnel of AmneziaWG" eval 'disguised_end a 1 2 && disguised_end b 2 1'
	check "$d: watch it" begin 110 24 awg0
	check "$d: there is its peer, by name" shows '^office +never +never'
	check "$d: a handshake in disguise" ping_across a 10.8.0.2
	check "$d: the peer is up" shows '^office +up +[0-9]+ s '
	check "$d: its addresses" eval 'press Home Enter && shows "^allowed ips +10.8.0.2/32"'
	picture
	check "$d: q quits there, too" eval 'press Escape q && shows "^ended with 0"'
	check "$d: interfaces of both kinds once" eval \
		'wgmon --once --names $names >$out && grep -qE "^wg0 +office" $out && grep -qE "^awg0 +office +up" $out'
	check "$d: as JSON" eval 'wgmon --json --once awg0 >$out && look count $out awg0 1'
	check "$d: the key that headers are masked with is not among it" eval '! grep -qF "$psk" $out'
	check "$d: it goes" eval 'ip -n a link del awg0 && ip -n b link del awg0'
}

check_driver() {
	check "$d: load it" "$@" || return
	check "$d: before there is an interface" says 1 "there is no WireGuard interface: make one" /job/wgmon --once
	check "$d: make a tunnel" make_tunnel
	check_errors
	check_table
	check_terminals
	check_vanishing
	check_lines
	check_metrics
	check_many "$many" 30
	if [ "$d" != "the C driver" ]; then
		check_disguise
		check_events
		check_drops
	fi
	mux kill-server 2>/dev/null
	check "$d: unload it" eval 'ip netns del a && ip netns del b && await 30 rmmod wireguard'
}

make_keys 3

check "without a driver" says 1 "wireguard is not there: load the module, by modprobe wireguard" /job/wgmon --once

d="the C driver" many=1000
check_driver modprobe wireguard

if is_ours; then
	d="the module under test" many=10000
	check_driver dut_load
fi

done_testing
