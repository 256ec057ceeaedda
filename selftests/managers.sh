# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml image=tools smp=1 mem=1024 repeats=uml timeout=400
#
# systemd-networkd and NetworkManager make a tunnel from their files, and send all of it again whenever they are told to
# look into them: sessions survive that.

. "${0%/*}/lib.sh"
. "${0%/*}/server.sh"

# What both need to run without systemd being process 1.
start_bus_and_udev() {
	mkdir -p /run/dbus /run/udev /var/lib /etc/systemd/network /run/systemd/netif
	chown systemd-network: /run/systemd/netif
	dbus-uuidgen --ensure=/etc/machine-id
	dbus-daemon --system --fork --nopidfile && /usr/lib/systemd/systemd-udevd --daemon || return
	udevadm trigger --type=devices --subsystem-match=net && udevadm settle
}

shown() { wg show "$1" "$2" | cut -f 2- | xargs; }

# --- systemd-networkd

netdev=/etc/systemd/network/50-wgn0.netdev

write_netdev() {
	cat >$netdev <<-END
		[NetDev]
		Name=wgn0
		Kind=wireguard

		[WireGuard]
		PrivateKey=$private_1
		ListenPort=$(port_of 1)
		FirewallMark=0x2a
		RouteTable=main
		RouteMetric=77

		[WireGuardPeer]
		PublicKey=$public_2
		PresharedKey=$psk
		AllowedIPs=10.7.0.2/32,fd07::2/128
		AllowedIPs=$beyond_4/32
		Endpoint=192.0.2.2:$(port_of 2)
		PersistentKeepalive=25
	END
	cat >/etc/systemd/network/50-wgn0.network <<-END
		[Match]
		Name=wgn0

		[Network]
		Address=10.7.0.1/24
		Address=fd07::1/64
		LinkLocalAddressing=no
		IPv6AcceptRA=no
	END
	chown root:systemd-network $netdev && chmod 640 $netdev
}

start_networkd() {
	SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console /usr/lib/systemd/systemd-networkd >>/tmp/networkd.log 2>&1 3>&- &
}

networkd_has_configured() { networkctl --no-pager list wgn0 2>/dev/null | grep -q ' routable *configured'; }

stop() { kill "$(pidof "systemd-$1")" && await 20 eval "! pidof systemd-$1"; }

restart_networkd() {
	stop networkd
	start_networkd
	await 30 networkd_has_configured
}

reload_networkd() { touch $netdev; networkctl reload; sleep 2; await 30 networkd_has_configured; }
reconfigure_link() { networkctl reconfigure wgn0; sleep 2; await 30 networkd_has_configured; }

test_networkd() {
	write_netdev
	start_networkd
	check "networkd: makes the interface" await 30 networkd_has_configured || { grep -v 'Sent message\|Got message\|route' /tmp/networkd.log | tail -100 | diag; return; }
	same "networkd: its peer" "$public_2" "$(wg show wgn0 peers)"
	same "networkd: its allowed IPs" "10.7.0.2/32 198.51.100.1/32 fd07::2/128" "$(shown wgn0 allowed-ips | tr ' ' '\n' | sort | xargs)"
	same "networkd: its mark" 0x2a "$(wg show wgn0 fwmark)"
	same "networkd: its keepalive" 25 "$(shown wgn0 persistent-keepalive)"
	check "networkd: routes to what is allowed" eval 'ip route show $beyond_4 | grep -q "dev wgn0 .*metric 77"'
	check "networkd: the tunnel carries traffic" ping_server
	same "networkd: the type of the interface" wireguard "$(networkctl --no-pager list wgn0 | awk '$2 == "wgn0" { print $3 }')"
	session_survives "networkd: reconfigure" reconfigure_link
	session_survives "networkd: reload" reload_networkd
	session_survives "networkd: restart" restart_networkd
	sed -i 's/PersistentKeepalive=25/PersistentKeepalive=11/' $netdev
	session_survives "networkd: another keepalive" reload_networkd
	same "networkd: it has been sent" 11 "$(shown wgn0 persistent-keepalive)"
	stop networkd
	check "networkd: remove the interface" ip link del wgn0
}

# --- NetworkManager

write_profile() {
	cat >/tmp/wgm0.conf <<-END
		[Interface]
		Address = 10.7.0.1/24, fd07::1/64
		ListenPort = $(port_of 1)
		PrivateKey = $private_1
		MTU = 1400

		[Peer]
		PublicKey = $public_2
		PresharedKey = $psk
		AllowedIPs = 10.7.0.2/32, fd07::2/128, $beyond_4/32
		Endpoint = 192.0.2.2:$(port_of 2)
		PersistentKeepalive = 25
	END
}

start_networkmanager() {
	mkdir -p /etc/NetworkManager /run/NetworkManager /var/lib/NetworkManager
	cat >/etc/NetworkManager/NetworkManager.conf <<-'END'
		[main]
		plugins=keyfile
		auth-polkit=root-only
		dns=none
		[keyfile]
		unmanaged-devices=interface-name:to-*
		[logging]
		level=INFO
	END
	NetworkManager --no-daemon >/tmp/nm.log 2>&1 3>&- &
	await 60 nmcli -t -f RUNNING general
}

test_networkmanager() {
	write_profile
	check "NetworkManager: starts" start_networkmanager || { diag </tmp/nm.log; return; }
	check "NetworkManager: imports a configuration" nmcli connection import type wireguard file /tmp/wgm0.conf
	check "NetworkManager: is connected" await 60 eval 'nmcli -t -f DEVICE,STATE device | grep -qx wgm0:connected' || diag </tmp/nm.log
	same "NetworkManager: the type of the device" wireguard "$(nmcli -g GENERAL.TYPE device show wgm0)"
	same "NetworkManager: its peer" "$public_2" "$(wg show wgm0 peers)"
	same "NetworkManager: its allowed IPs" "10.7.0.2/32 198.51.100.1/32 fd07::2/128" "$(shown wgm0 allowed-ips | tr ' ' '\n' | sort | xargs)"
	same "NetworkManager: its MTU" 1400 "$(cat /sys/class/net/wgm0/mtu)"
	check "NetworkManager: routes to what is allowed" eval 'ip route show $beyond_4 | grep -q "dev wgm0"'
	check "NetworkManager: the tunnel carries traffic" ping_server
	check "NetworkManager: another mark" nmcli connection modify wgm0 connection.autoconnect yes wireguard.fwmark 7
	session_survives "NetworkManager: it is applied" nmcli device reapply wgm0
	same "NetworkManager: it stands" 0x7 "$(wg show wgm0 fwmark)"
	check "NetworkManager: down" nmcli connection down wgm0
	check "NetworkManager: the interface is gone" await 20 eval '! ip link show wgm0 2>/dev/null'
	check "NetworkManager: up again" nmcli connection up wgm0
	check "NetworkManager: the tunnel carries traffic again" ping_server
	check "NetworkManager: forget it" nmcli connection delete wgm0
}

check "load the module" dut_load
check "make a server" make_server
check "start a bus and udev" start_bus_and_udev
test_networkd
test_networkmanager

done_testing
