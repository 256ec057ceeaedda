# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml image=tools smp=1 mem=1024 repeats=uml timeout=400
#
# Whatever `wg` can do, by the version of 2021 and by today's: what it sets is what it shows, and the tunnel works.

. "${0%/*}/lib.sh"
. "${0%/*}/server.sh"

peer_a=$(wg genkey | wg pubkey)
peer_b=$(wg genkey | wg pubkey)
peer_c=$(wg genkey | wg pubkey)
zeros="0	0	0"

# Lines of `wg show wg1 FIELD` for a peer.
of() { wg show wg1 "$2" | grep -F "$1" | cut -f 2-; }

configuration() {
	cat <<-END
		[Interface]
		ListenPort = 51821
		FwMark = 0x2a
		PrivateKey = $private_1

		[Peer]
		PublicKey = $peer_a
		PresharedKey = $psk
		AllowedIPs = 10.1.0.0/16, 10.2.3.4/32, fd01::/48
		Endpoint = 192.0.2.9:1234
		PersistentKeepalive = 25

		[Peer]
		PublicKey = $peer_b
		AllowedIPs = 10.3.0.0/16
		Endpoint = [2001:db8::9]:4321
	END
}

set_everything() {
	wg set wg1 listen-port 51821 fwmark 0x2a private-key <(echo "$private_1") \
		peer "$peer_a" preshared-key <(echo "$psk") endpoint 192.0.2.9:1234 persistent-keepalive 25 \
		allowed-ips 10.1.0.0/16,10.2.3.4/32,fd01::/48 \
		peer "$peer_b" endpoint '[2001:db8::9]:4321' allowed-ips 10.3.0.0/16
}

test_show() {
	same "$v: show interfaces" "wg1" "$(wg show interfaces)"
	same "$v: show private-key" "$private_1" "$(wg show wg1 private-key)"
	same "$v: show public-key" "$public_1" "$(wg show wg1 public-key)"
	same "$v: show listen-port" 51821 "$(wg show wg1 listen-port)"
	same "$v: show fwmark" 0x2a "$(wg show wg1 fwmark)"
	same "$v: show peers" "$peer_a $peer_b" "$(wg show wg1 peers | xargs)"
	same "$v: show preshared-keys" "$psk (none)" "$(wg show wg1 preshared-keys | cut -f 2 | xargs)"
	same "$v: show endpoints" "192.0.2.9:1234 [2001:db8::9]:4321" "$(wg show wg1 endpoints | cut -f 2 | xargs)"
	same "$v: show allowed-ips" "10.1.0.0/16 10.2.3.4/32 fd01::/48" "$(of "$peer_a" allowed-ips)"
	same "$v: show latest-handshakes" "0 0" "$(wg show wg1 latest-handshakes | cut -f 2 | xargs)"
	same "$v: show transfer" "0 0 0 0" "$(wg show wg1 transfer | cut -f 2- | xargs)"
	same "$v: show persistent-keepalive" "25 off" "$(wg show wg1 persistent-keepalive | cut -f 2 | xargs)"
	same "$v: show dump" "$(
		printf '%s\t%s\t51821\t0x2a\n' "$private_1" "$public_1"
		printf '%s\t%s\t192.0.2.9:1234\t10.1.0.0/16,10.2.3.4/32,fd01::/48\t%s\t25\n' "$peer_a" "$psk" "$zeros"
		printf '%s\t(none)\t[2001:db8::9]:4321\t10.3.0.0/16\t%s\toff\n' "$peer_b" "$zeros"
	)" "$(wg show wg1 dump)"
	same "$v: show all dump is the same for one interface" "$(wg show wg1 dump | sed 's/^/wg1\t/')" "$(wg show all dump)"
	check "$v: show, for people" eval 'wg show wg1 | grep -q "persistent keepalive: every 25 seconds"'
	same "$v: showconf" "$(configuration | sed '/^$/d')" "$(wg showconf wg1 | sed '/^$/d')"
}

test_set() {
	check "$v: set everything" set_everything
	test_show
	check "$v: take it all away" wg set wg1 listen-port 0 fwmark off private-key /dev/null peer "$peer_a" remove peer "$peer_b" remove
	same "$v: nothing is left" "(none)	(none)	off" "$(wg show wg1 dump | cut -f 1,2,4)"
}

test_change() {
	wg setconf wg1 <(configuration)
	check "$v: other values for a peer" wg set wg1 peer "$peer_a" preshared-key /dev/null endpoint 192.0.2.10:5 \
		persistent-keepalive off allowed-ips 10.9.0.0/24
	same "$v: they stand" "$peer_a	(none)	192.0.2.10:5	10.9.0.0/24	$zeros	off" "$(wg show wg1 dump | grep -F "$peer_a")"
	check "$v: an address goes from one peer to another" wg set wg1 peer "$peer_b" allowed-ips 10.9.0.0/24,10.3.0.0/16
	same "$v: the one has it no more" "(none)" "$(of "$peer_a" allowed-ips)"
	same "$v: the other has it" "10.3.0.0/16 10.9.0.0/24" "$(of "$peer_b" allowed-ips | tr ' ' '\n' | sort | xargs)"
	check "$v: no addresses at all" wg set wg1 peer "$peer_b" allowed-ips ""
	same "$v: then there are none" "(none)" "$(of "$peer_b" allowed-ips)"
}

test_conf() {
	check "$v: setconf" wg setconf wg1 <(configuration)
	test_show
	check "$v: addconf of a peer" wg addconf wg1 <(printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.4.0.0/16\n' "$peer_c")
	same "$v: it is added" "$peer_a $peer_b $peer_c" "$(wg show wg1 peers | xargs)"
	check "$v: addconf of an address" wg addconf wg1 <(printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.5.0.0/16\n' "$peer_c")
	same "$v: it takes the place of the others" 10.5.0.0/16 "$(of "$peer_c" allowed-ips)"
	check "$v: syncconf" wg syncconf wg1 <(configuration)
	test_show
	check "$v: setconf of a single peer" wg setconf wg1 <(printf '[Peer]\nPublicKey = %s\n' "$peer_c")
	same "$v: it is the only one" "$peer_c" "$(wg show wg1 peers)"
}

# A peer with more addresses than a message of a dump holds, after and before others.
large_configuration() {
	local n
	printf '[Interface]\nPrivateKey = %s\n' "$private_1"
	for n in {1..40}; do printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.100.%d.0/24, fd00:%d::/32\n' "${many_keys[n]}" "$n" "$n"; done
	printf '[Peer]\nPublicKey = %s\n' "$peer_a"
	for n in {0..2999}; do printf 'AllowedIPs = 10.%d.%d.%d/32\n' $((n / 1000)) $((n / 250 % 4)) $((n % 250)); done
	printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.200.0.0/16\n' "$peer_b"
}

test_large() {
	check "$v: setconf of 42 peers and 3081 addresses" wg setconf wg1 /tmp/large.conf
	same "$v: all peers are shown" 42 "$(wg show wg1 peers | wc -l)"
	same "$v: all addresses are shown" "80 3000 1" "$(wg show wg1 allowed-ips | awk '
		{ n += NF - 1 } /^'"${peer_a//[+\/]/.}"'/ { before = n - (NF - 1); many = NF - 1 } END { print before, many, n - before - many }')"
	same "$v: what is shown is set again to the same" "$(wg showconf wg1 | tee /tmp/shown.conf | sha256sum)" \
		"$(wg setconf wg1 /tmp/shown.conf && wg showconf wg1 | sha256sum)"
	check "$v: syncconf to it changes nothing" eval 'wg syncconf wg1 /tmp/shown.conf && wg showconf wg1 | cmp - /tmp/shown.conf'
}

test_increments() {
	wg setconf wg1 <(configuration)
	if [ "$v" = old ]; then
		check "$v: knows no removal of single addresses" eval '! wg set wg1 peer "$peer_a" allowed-ips -10.2.3.4/32'
		same "$v: then nothing changes" "10.1.0.0/16 10.2.3.4/32 fd01::/48" "$(of "$peer_a" allowed-ips)"
		return
	fi
	check "$v: add and remove single addresses" wg set wg1 peer "$peer_a" allowed-ips +10.6.0.0/16,-10.2.3.4/32,-fd01::/48
	same "$v: the others stay" "10.1.0.0/16 10.6.0.0/16" "$(of "$peer_a" allowed-ips)"
	check "$v: remove what the peer has not" wg set wg1 peer "$peer_a" allowed-ips -10.3.0.0/16
	same "$v: its owner keeps it" 10.3.0.0/16 "$(of "$peer_b" allowed-ips)"
	check "$v: take one from another peer" wg set wg1 peer "$peer_a" allowed-ips +10.3.0.0/16
	same "$v: it is gone there" "(none)" "$(of "$peer_b" allowed-ips)"
}

tunnel_configuration() {
	printf '[Interface]\nPrivateKey = %s\nListenPort = %d\n' "$private_1" "$(port_of 1)"
	printf '[Peer]\nPublicKey = %s\nPresharedKey = %s\nAllowedIPs = 10.7.0.2/32, fd07::2/128\n' "$public_2" "$psk"
	printf 'Endpoint = 192.0.2.2:%d\n' "$(port_of 2)"
}

test_tunnel() {
	tunnel_configuration >/tmp/tunnel.conf
	check "$v: configure a tunnel" wg setconf wg1 /tmp/tunnel.conf
	check "$v: give it addresses" inside_address host wg1 1
	check "$v: it carries traffic" ping_server
	check "$v: the handshake is shown" eval 'wg show wg1 | grep -E "latest handshake: (Now|[0-9]+ seconds? ago)"'
	check "$v: so is what was transferred" eval 'wg show wg1 | grep -E "transfer: [0-9.]+ (KiB|B) received, [0-9.]+ (KiB|B) sent"'
	nothing_lost "$v: syncconf to the same under traffic" wg syncconf wg1 /tmp/tunnel.conf
}

check "load the module" dut_load
check "make a server" make_server
mapfile -t many_keys < <(for _ in {0..40}; do head -c 32 /dev/urandom | base64; done)
large_configuration >/tmp/large.conf

for v in old new; do
	use_tools $v
	check "$v: the version" eval 'wg --version | grep -F "$version"'
	check "$v: make an interface" ip link add wg1 type wireguard
	# Calico does that. The C driver refuses it as long as there are no peers.
	if is_ours; then check "$v: threads are asked for before there are peers" eval 'echo 1 >/sys/class/net/wg1/threaded'; fi
	for group in set change conf increments large tunnel; do test_$group; done
	check "$v: remove the interface" ip link del wg1
done

done_testing
