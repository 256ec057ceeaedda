# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml,kcsan smp=2 mem=512 clock=skips timeout=400
#
# The driver behind a router that masquerades, to the driver in the open. The router forgets a mapping within seconds
# of silence, and gives each new one a port of its own choice.

. "${0%/*}/lib.sh"
. "${0%/*}/ends.sh"

near=(driver home wg0 1 2)
far=(driver open wg0 2 1)

# home 192.0.2.1 ─ 192.0.2.2 router 198.51.100.1 ─ 198.51.100.2 open
make_router() {
	add_namespace home && add_namespace router && add_namespace open && join_namespaces home router || return
	ip link add to-open netns router type veth peer name to-router netns open
	ip -n router address add 198.51.100.1/24 dev to-open && ip -n router link set to-open up
	ip -n open address add 198.51.100.2/24 dev to-router && ip -n open link set to-router up
	ip -n home route add default via 192.0.2.2
	at router sysctl -qw net.ipv4.ip_forward=1
	at router nft 'table ip nat {
		chain out { type nat hook postrouting priority srcnat; oifname to-open masquerade fully-random; }
	}' && at router sysctl -qw net.netfilter.nf_conntrack_udp_timeout=2 net.netfilter.nf_conntrack_udp_timeout_stream=2
}

reaches_open() { of near ping 10.7.0.2; }
reaches_home() { of far ping 10.7.0.1; }

# The port that the router gave to home, as open knows it.
mapping() { of far endpoint; }
masqueraded() { case $(mapping) in 198.51.100.1:*) ;; *) echo "home is at $(mapping)"; return 1 ;; esac; }

mappings() { at router conntrack -L -p udp --orig-port-dst "$(port_of 2)" 2>/dev/null; }
is_forgotten() { [ -z "$(mappings)" ]; }
is_mapped() { ! is_forgotten; }

# Attempts that open makes at the mapping keep it alive as little as they reach home: nothing is there.
open_is_cut_off() { ! at open ping -q -c 2 -i 0.5 -W 1 10.7.0.1; }

set_keepalive() { at home wg set wg0 peer "$public_2" persistent-keepalive "$1"; }

check "load the module" dut_load
check "make a router" make_router
check "make the ends" eval 'of near make && of far make'
check "configure the open end" of far configure
check "configure the end at home" of near configure 198.51.100.2

check "home reaches open" await 30 reaches_open
check "open knows the router's address" masqueraded
check "open reaches home while it is mapped" reaches_home

check "the mapping is forgotten in silence" await 60 is_forgotten
before=$(mapping)
check "open cannot reach home then" open_is_cut_off
check "the mapping is still forgotten" await 60 is_forgotten

check "home speaks again" await 30 reaches_open
check "it has another port" test "$(mapping)" != "$before"
check "open has followed" reaches_home

check "keep the mapping alive" set_keepalive 1
check "wait for more than its life" sleep 5
before=$(mapping)
check "open reaches home after silence" reaches_home
same "by the same mapping" "$before" "$(mapping)"

# The router is started anew. Keepalives make a mapping, and open follows, with no word from either user, and within
# the session there is.
handshake=$(at open wg show wg0 latest-handshakes)
at router conntrack -F >/dev/null 2>&1
check "keepalives make a new mapping" await 20 is_mapped
check "open has followed the keepalives" await 20 eval '[ "$(mapping)" != "$before" ]'
same "with no handshake" "$handshake" "$(at open wg show wg0 latest-handshakes)"
check "open reaches home" reaches_home

check "remove the ends" eval 'of near remove && of far remove'
check "unload the module" await 10 dut_unload
done_testing
