# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Peers that are configured when they call, by tools/jit-peers: namespace b has a tunnel without peers, a calls it.
#
# guest: debug=uml repeats=stock image=tools smp=2 mem=896 clock=skips timeout=240 files=selftests/netlink,tools/jit-peers

. "${0%/*}/lib.sh"

jit_peers=${0%/*}/jit-peers
known=/tmp/peers.conf
log=/tmp/jit-peers.log

section() { printf '[Peer]\nPublicKey = %s\nPresharedKey = %s\nAllowedIPs = 10.7.0.%s/32, fd07::%s/128\n' "$2" "$psk" "$1" "$1"; }

# A peer that never calls, and the one that does.
make_keys 3
{ section 3 "$public_3"; section 1 "$public_1"; } >$known

tunnel_without_peers() {
	add_namespace a && add_namespace b && join_namespaces a b &&
		ip -n a link add wg0 type wireguard && ip -n b link add wg0 type wireguard &&
		at b wg set wg0 private-key <(echo "$private_2") listen-port "$(port_of 2)" && inside_address b wg0 2 &&
		tunnel_end a wg0 1 2 "$(outside 4 2)"
}

peers_of_b() { at b wg show wg0 peers; }
has_peer() { peers_of_b | grep -qFx "$1"; }
has_no_peers() { [ -z "$(peers_of_b)" ]; }
says() { grep -qF "$1" $log; }

serve() {
	(at b sh -c 'echo $$ >/tmp/server.pid; exec python3 "$@"' sh "$jit_peers" wg0 $known "$@"; echo "ended with $?") >$log 2>&1 &
	await 30 says "waiting for"
}
end_server() { kill "$(cat /tmp/server.pid)" && await 10 says "ended with 0"; }

# One initiation is 148 bytes, and a ping 128; the first packet may be a keepalive of 32.
one_initiation() {
	local sent
	sent=$(counter a wg0 tx)
	echo "a has sent $sent bytes"
	[ "$sent" -ge $((148 + 128)) ] && [ "$sent" -lt $((2 * 148 + 128)) ]
}

# Whoever calls begins anew.
call_again() {
	at a wg set wg0 peer "$public_2" remove && set_peer a wg0 2 "$(outside "${1:-4}" 2)"
}

refuses() {
	local said
	said=$(at b python3 "$jit_peers" "${@:2}" 2>&1) && return 1
	echo "$said"
	[ "$(wc -l <<<"$said")" = 1 ] && grep -qF "$1" <<<"$said"
}

# What no administrator asks for: to hear of unknown peers.
listen_as_nobody() {
	at b setpriv --reuid 65534 --regid 65534 --clear-groups python3 - "${0%/*}" <<-END
		import sys
		sys.path.insert(0, sys.argv[1])
		from netlink import Socket, find_groups
		try:
		    Socket().join(find_groups("wireguard")["unknown-peers"])
		except PermissionError:
		    sys.exit(0)
		sys.exit("nobody may listen")
	END
}

check "load the module" dut_load
check "make a tunnel that b knows no peers of" tunnel_without_peers
check "b does not answer" eval '! ping_across a "$(inside 4 2)" 1 >/dev/null'
check "nor has it any peers" has_no_peers

check "a file that is not there" refuses "/tmp/none cannot be read" wg0 /tmp/none
check "an interface that is not there" refuses "no such interface" wg7 $known
check "an interface of another kind" refuses "not a WireGuard interface" lo $known
check "a time that is too long" refuses "from 1 to 5000" wg0 $known --hold 5001
printf '[Peer]\nPublicKey = x\n' >/tmp/bad.conf
check "a key that is none" refuses "/tmp/bad.conf:2: a key is" wg0 /tmp/bad.conf
check "nobody but administrators hears of unknown peers" listen_as_nobody

check "begin to serve peers" serve --hold 2000
check "nobody is configured before" has_no_peers
check "call again" call_again
check "b answers the first packet" at a ping -q -c 1 -W 4 "$(inside 4 2)"
check "after one initiation" one_initiation
check "who called is configured" has_peer "$public_1"
check "and nobody else" eval '[ "$(peers_of_b | wc -l)" = 1 ]'
check "packets go through" ping_across a "$(inside 6 2)"
check "they go back" ping_across b "$(inside 4 1)"

check "the peer is removed, and calls over IPv6" eval 'at b wg set wg0 peer "$public_1" remove && call_again 6'
check "b answers the first packet again" at a ping -q -c 1 -W 4 "$(inside 4 2)"
check "after one initiation again" one_initiation

check "the file loses the peer" eval 'at b wg set wg0 peer "$public_1" remove && section 3 "$public_3" >$known'
check "call once more" call_again
check "b does not answer now" eval '! at a ping -q -c 1 -W 3 "$(inside 4 2)"'
check "the server says why" await 30 says "$public_1 at 192.0.2.1:$(port_of 1) is not in the file"
check "no peer is configured" has_no_peers

check "the server ends" end_server
{ section 3 "$public_3"; section 1 "$public_1"; } >$known
check "call without a server" call_again
check "nobody is held or answered" eval '! at a ping -q -c 1 -W 3 "$(inside 4 2)"'
check "serve, and forget who is silent for 3 s" serve --forget 3
check "b answers" at a ping -q -c 1 -W 20 "$(inside 4 2)"
check "who is silent is forgotten" await 60 has_no_peers
check "the server ends again" end_server

check "unload the module" eval 'ip netns del a && ip netns del b && await 30 dut_unload'

done_testing
