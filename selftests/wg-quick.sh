# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml image=tools smp=1 mem=1024 repeats=uml timeout=400
#
# `wg-quick` with the tunnel as the default route, hooks and a kill switch: everything goes through the tunnel, nothing
# beside it, a new configuration is taken over without a packet lost, and after `down` all is as it was before.

. "${0%/*}/lib.sh"
. "${0%/*}/server.sh"

conf=/etc/wireguard/wgq0.conf

# A program of this name keeps what it is told about name servers; wg-quick finds it first.
make_resolvconf() {
	mkdir -p /run/dns
	cat >"$1/resolvconf" <<-'END'
		#!/bin/sh
		case $1 in
		-a) cat >"/run/dns/$2" ;;
		-d) rm -f "/run/dns/$2" ;;
		-l) cat "/run/dns/$2" ;;
		esac
	END
	chmod 755 "$1/resolvconf"
}

write_configuration() {
	mkdir -p /etc/wireguard
	cat >$conf <<-END
		[Interface]
		Address = 10.7.0.1/24, fd07::1/64
		DNS = 10.7.0.2, example.org
		ListenPort = $(port_of 1)
		PrivateKey = $private_1
		PreUp = echo pre-up >>/run/hooks
		PostUp = echo post-up %i >>/run/hooks; nft -f /run/kill-switch
		PreDown = echo pre-down %i >>/run/hooks; nft delete table inet kill_switch
		PostDown = echo post-down >>/run/hooks
		SaveConfig = true

		[Peer]
		PublicKey = $public_2
		PresharedKey = $psk
		AllowedIPs = 0.0.0.0/0, ::/0
		Endpoint = 192.0.2.2:$(port_of 2)
		PersistentKeepalive = 25
	END
	chmod 600 $conf
}

# Nothing leaves but through the tunnel, or from it.
write_kill_switch() {
	cat >/run/kill-switch <<-'END'
		table inet kill_switch {
			counter refused { }
			chain output {
				type filter hook output priority 0
				oifname != { "wgq0", "lo" } meta mark != 51820 fib daddr type != local ip6 daddr != ff02::/16 counter name refused reject
				oifname != { "wgq0", "lo" } meta mark != 51820 ip daddr 198.51.100.0/24 counter name refused reject
			}
		}
	END
}

# All that wg-quick changes, but for the sysctl that it leaves.
state() {
	ip -o link | sed 's/^[0-9]*: //' | cut -d ' ' -f 1-8
	ip rule; ip -6 rule
	ip route show table all; ip -6 route show table all
	nft list ruleset
	ls /run/dns
}

reaches() { ping -q -c 2 -i 0.2 -W 10 $beyond_4 && ping -q -c 2 -i 0.2 -W 10 $beyond_6; }

# What has come to the server through the tunnel and beside it, as echo requests.
count_paths() {
	at server nft -f - <<-'END'
		table inet paths {
			counter tunnel { }
			counter beside { }
			chain arriving {
				type filter hook input priority 0
				iifname wg0 meta l4proto { icmp, icmpv6 } @th,0,8 { 8, 128 } counter name tunnel
				iifname to-host meta l4proto { icmp, icmpv6 } @th,0,8 { 8, 128 } counter name beside
			}
		}
	END
}

# echoes: how many there were since the last call: tunnel, beside.
echoes() { at server nft reset counters table inet paths | sed -n 's/.*packets \([0-9]*\) .*/\1/p' | xargs; }

test_up() {
	check "$v: up" wg-quick up wgq0
	same "$v: hooks were called" "pre-up post-up wgq0" "$(xargs </run/hooks)"
	same "$v: the MTU is that of the way to the endpoint, less the overhead" 1332 "$(cat /sys/class/net/wgq0/mtu)"
	same "$v: the name servers were told" "nameserver 10.7.0.2 search example.org" "$(xargs </run/dns/wgq0)"
	same "$v: the tunnel's own packets are marked" 0xca6c "$(wg show wgq0 fwmark)"
	check "$v: rules lead the others into a table of its own" eval \
		'ip rule | grep -q "not from all fwmark 0xca6c lookup 51820" && ip -6 rule | grep -q "not from all fwmark 0xca6c lookup 51820"'
	echoes >/dev/null
	check "$v: the world is reached" reaches
	same "$v: through the tunnel, not beside it" "4 0" "$(echoes)"
}

test_kill_switch() {
	check "$v: the kill switch refuses what would pass by the tunnel" eval \
		'! ping -q -c 1 -W 2 -I to-server $beyond_4 && nft list counter inet kill_switch refused | grep -q "packets [1-9]"'
	same "$v: and it does not" "0 0" "$(echoes)"
	at server ip route replace 10.7.0.1/32 via 192.0.2.1 src 192.0.2.2
	check "$v: what comes to the tunnel's address from outside is dropped" eval '! at server ping -q -c 1 -W 2 -I 192.0.2.2 10.7.0.1'
	at server ip route del 10.7.0.1/32 via 192.0.2.1
}

test_sync() {
	local other
	other=$(wg genkey | wg pubkey)
	# The file leaves the mark to wg-quick, and without one syncconf takes it away.
	wg-quick strip wgq0 | sed '/^.Interface/a FwMark = 51820' >/run/same
	session_survives "$v: syncconf of the same" wg syncconf wgq0 /run/same
	(cat /run/same; printf '\n[Peer]\nPublicKey = %s\nAllowedIPs = 10.8.0.0/24\n' "$other") >/run/more
	session_survives "$v: syncconf with a peer more" wg syncconf wgq0 /run/more
	same "$v: it is there" 2 "$(wg show wgq0 peers | wc -l)"
	session_survives "$v: syncconf without it" wg syncconf wgq0 /run/same
	same "$v: it is gone" 1 "$(wg show wgq0 peers | wc -l)"
	nothing_lost "$v: a peer comes and goes by syncconf" eval 'wg syncconf wgq0 /run/more && wg syncconf wgq0 /run/same'
	session_survives "$v: setconf of the same" wg setconf wgq0 /run/same
}

test_down() {
	local added
	added=$(wg genkey | wg pubkey)
	check "$v: a peer is added by hand" wg set wgq0 peer "$added" allowed-ips 10.9.0.0/24
	check "$v: down" wg-quick down wgq0
	same "$v: hooks were called" "pre-up post-up wgq0 pre-down wgq0 post-down" "$(xargs </run/hooks)"
	same "$v: all is as before" "$before" "$(state)"
	check "$v: the peer was saved" grep -qxF "PublicKey = $added" $conf
	check "$v: so was the rest" eval 'grep -qx "AllowedIPs = 0.0.0.0/0, ::/0" $conf && grep -q "^PostUp = .*kill-switch" $conf'
	echoes >/dev/null
	check "$v: the world is reached" reaches
	same "$v: without the tunnel" "0 4" "$(echoes)"
}

check "load the module" dut_load
check "make a server" make_server
check "count what comes to it" count_paths
mkdir -p /run/bin && make_resolvconf /run/bin && PATH=/run/bin:$PATH
write_kill_switch
ip link set to-server mtu 1412
# The address that the link gets by itself takes a moment.
check "the link is settled" await 20 eval 'ip -6 address show dev to-server scope link -tentative | grep -q fe80'
check "have a default route" eval 'ip route add default via 192.0.2.2 && ip -6 route add default via 2001:db8::2'
check "the world is reached" reaches
before=$(state)

for v in old new; do
	use_tools $v
	rm -f /run/hooks
	write_configuration
	for group in up kill_switch sync down; do test_$group; done
done

done_testing
