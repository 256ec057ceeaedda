# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml,kcsan smp=2 mem=384 clock=skips timeout=240
#
# What wg, ip and rmmod may ask of the driver: what is refused with which error and changes nothing, what stands
# after it was set, what is gone after it was removed.

. "${0%/*}/lib.sh"

# refused DESCRIPTION MESSAGE COMMAND…: the command must fail with that message, and the configuration stay as it was.
refused() {
	local description=$1 message=$2 before output status
	shift 2
	before=$(wg showconf wg0)
	output=$("$@" 2>&1)
	status=$?
	if [ $status = 0 ]; then not_ok "$description: refused"; return; fi
	case $output in
	*"$message"*) ok "$description: refused with '$message'" ;;
	*) same "$description: refused with" "$message" "$output" ;;
	esac
	same "$description: nothing changed" "$before" "$(wg showconf wg0)"
}

peer_a=$(wg genkey | wg pubkey)
peer_b=$(wg genkey | wg pubkey)
peer_c=$(wg genkey | wg pubkey)

check "load the module" dut_load
check "make an interface" ip link add wg0 type wireguard

# --- a new interface
same "MTU of a new interface" 1420 "$(cat /sys/class/net/wg0/mtu)"
same "it has no key" "(none)" "$(wg show wg0 private-key)"
same "it has no mark" off "$(wg show wg0 fwmark)"
check "it is down" eval 'ip link show wg0 | grep -q "state DOWN"'
check "a second one of the same name is refused" eval '! ip link add wg0 type wireguard 2>/dev/null'

# --- what stands after it was set
cat >/tmp/wanted.conf <<END
[Interface]
ListenPort = 51821
FwMark = 0x2a
PrivateKey = $private_1

[Peer]
PublicKey = $peer_a
PresharedKey = $psk
AllowedIPs = 10.1.0.0/16, 10.1.2.3/32, fd01::/48
Endpoint = 192.0.2.9:1234
PersistentKeepalive = 25

[Peer]
PublicKey = $peer_b
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = [2001:db8::9]:4321
END
check "set a whole configuration" wg setconf wg0 /tmp/wanted.conf
shown=$(wg showconf wg0)
for line in "ListenPort = 51821" "FwMark = 0x2a" "PrivateKey = $private_1" "PublicKey = $peer_a" "PresharedKey = $psk" \
	"Endpoint = 192.0.2.9:1234" "PersistentKeepalive = 25" "PublicKey = $peer_b" "Endpoint = [2001:db8::9]:4321"; do
	check "shown: ${line%% =*}" grep -qxF "$line" <<<"$shown"
done
same "allowed IPs of the first peer" "10.1.0.0/16 10.1.2.3/32 fd01::/48" \
	"$(wg show wg0 allowed-ips | grep -F "$peer_a" | cut -f 2 | tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/ $//')"
wg showconf wg0 >/tmp/shown.conf
check "what was shown can be set" wg setconf wg0 /tmp/shown.conf
same "and is then shown again" "$shown" "$(wg showconf wg0)"
same "the public key fits the private one" "$public_1" "$(wg show wg0 public-key)"

# --- what is refused
refused "key of the wrong length" "Invalid length key in key file" wg set wg0 private-key <(echo short)
refused "public key of the wrong length" "Key is not the correct length or format" wg set wg0 peer AAAA allowed-ips 10.9.0.0/16
refused "not a port" "Servname not supported" wg set wg0 listen-port 99x
refused "prefix longer than the address" "AllowedIP is not in the correct format" wg set wg0 peer "$peer_a" allowed-ips 10.9.0.0/33
refused "not an address" "Unable to parse IP address" wg set wg0 peer "$peer_a" allowed-ips 10.9.0/8x
refused "unknown interface" "No such device" wg set wg7 listen-port 1
refused "interface that is not ours" "Operation not supported" wg set lo listen-port 1
same "showing an unknown interface fails alike" "Unable to access interface: No such device" "$(wg show wg7 2>&1)"

ip link set wg0 up
same "the interface is up" 51821 "$(ss -Hlun 'sport = 51821' | awk '{ n = split($4, a, ":"); print a[n]; exit }')"
check "another socket takes a port" eval 'ncat -lu 5999 >/dev/null 2>&1 & sleep 1'
refused "port that is in use" "Address already in use" wg set wg0 listen-port 5999
same "the old port still listens" 2 "$(ss -Hlun 'sport = 51821' | wc -l)"

# --- changes
check "move an address to another peer" wg set wg0 peer "$peer_b" allowed-ips 10.1.2.3/32
same "the other peer has it" "10.1.2.3/32" "$(wg show wg0 allowed-ips | grep -F "$peer_b" | cut -f 2)"
check "the first peer has it no more" eval "! wg show wg0 allowed-ips | grep -F '$peer_a' | grep -q 10.1.2.3"
check "take an address away" wg set wg0 peer "$peer_a" allowed-ips "-fd01::/48"
same "it is gone, the rest stays" "10.1.0.0/16" "$(wg show wg0 allowed-ips | grep -F "$peer_a" | cut -f 2)"
check "update-only leaves an unknown peer unknown" eval \
	"echo '[Peer]
PublicKey = $peer_c' | wg syncconf wg0 /dev/stdin && wg set wg0 peer $peer_c remove"
same "no peer is left" "" "$(wg show wg0 peers)"

check "set the configuration again" wg setconf wg0 /tmp/wanted.conf
check "remove a peer" wg set wg0 peer "$peer_a" remove
same "only the other is left" "$peer_b" "$(wg show wg0 peers)"
check "removing it again does no harm" wg set wg0 peer "$peer_a" remove
printf '[Interface]\nPrivateKey = %s\n[Peer]\nPublicKey = %s\n' "$private_1" "$peer_c" >/tmp/other.conf
check "replace all peers" wg setconf wg0 /tmp/other.conf
same "only the new one is there" "$peer_c" "$(wg show wg0 peers)"

check "a peer with our own key is not added" wg set wg0 peer "$public_1"
same "peers are as before" "$peer_c" "$(wg show wg0 peers)"
check "a private key that is a peer's" eval "wg set wg0 peer '$public_2' && wg set wg0 private-key <(echo '$private_2')"
same "removes that peer" "$peer_c" "$(wg show wg0 peers)"
check "take the private key away" wg set wg0 private-key /dev/null
same "it is gone" "(none)" "$(wg show wg0 private-key)"
check "the mark can be cleared" eval 'wg set wg0 fwmark 7 && wg set wg0 fwmark 0'
same "it is" off "$(wg show wg0 fwmark)"

# --- without privilege
check "showing needs privilege" eval '! setpriv --reuid 65534 --clear-groups wg show wg0 2>/dev/null'

# --- the end of interfaces and module
check "remove the interface" ip link del wg0
check "it is gone" eval '! ip link show wg0 2>/dev/null'
check "a namespace takes its interface with it" eval \
	'ip netns add n && ip -n n link add wg1 type wireguard && ip -n n link set wg1 up && ip netns del n'
for round in 1 2 3; do
	check "round $round: an interface in use" eval 'ip link add wg0 type wireguard && wg setconf wg0 /tmp/wanted.conf && ip link set wg0 up'
	check "round $round: unload removes it" eval 'dut_unload && ! ip link show wg0 2>/dev/null'
	check "round $round: load again" dut_load
done

done_testing
