# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For tests of programs that configure tunnels: the guest itself is number 1, a namespace called host in ip's words. What
# it configures is a tunnel to number 2, the namespace server, which waits for it and counts the handshakes.

old_tools=/opt/wireguard-tools-old/usr/bin

# use_tools old|new: which wg and wg-quick are meant from now on.
use_tools() {
	PATH=${PATH#"$old_tools:"} version=v1.0.202
	if [ "$1" = old ]; then PATH=$old_tools:$PATH version=v1.0.2021; fi
	hash -r
}

# What is beyond the tunnel, at the server: the Internet, for who uses the tunnel as his default route.
beyond_4=198.51.100.1
beyond_6=2001:db8:ffff::1

make_server() {
	ip netns attach host $$ && add_namespace server && join_namespaces host server || return
	ip -n server link add wg0 type wireguard && tunnel_end server wg0 2 1 || return
	ip -n server address add $beyond_4/32 dev lo && ip -n server address add $beyond_6/128 dev lo || return
	count_initiations
}

# Handshake initiations that come to the server and that it sends.
count_initiations() {
	at server nft -f - <<-'END'
		table inet seen {
			counter initiations { }
			chain arriving {
				type filter hook input priority 0
				udp length 156 @th,64,32 0x01000000 counter name initiations
			}
			chain leaving {
				type filter hook output priority 0
				udp length 156 @th,64,32 0x01000000 counter name initiations
			}
		}
	END
}

initiations() { at server nft list counter inet seen initiations | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }

# session_survives DESCRIPTION COMMAND…: passes if the command succeeds, and what is sent afterwards to the server needs
# no new handshake. Wants a session to begin with.
session_survives() {
	local description=$1 before
	shift
	before=$(initiations)
	check "$description" "$@" || return
	check "$description: the tunnel carries on" ping_server
	# The C driver makes new peers where all are replaced.
	is_ours || return 0
	same "$description: without a handshake" "$before" "$(initiations)"
}

ping_server() { ping -q -c 2 -i 0.2 -W 10 10.7.0.2 && ping -q -c 2 -i 0.2 -W 10 fd07::2; }

# nothing_lost DESCRIPTION COMMAND…: runs the command over and over while packets go through the tunnel at a quick pace.
nothing_lost() {
	local description=$1 pings rounds=0
	shift
	ping -q -n -c 300 -i 0.01 -W 20 10.7.0.2 >/tmp/pings 2>&1 &
	pings=$!
	while kill -0 $pings 2>/dev/null; do
		"$@" || { not_ok "$description: $*"; wait $pings; return 1; }
		rounds=$((rounds + 1))
	done
	# The C driver has a moment without the addresses that are to be replaced.
	is_ours || return 0
	check "$description: no packet was lost" grep ' 300 received' /tmp/pings || { diag </tmp/pings; return 1; }
	check "$description: $rounds times" test $rounds -ge 2
}
