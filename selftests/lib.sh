# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For scripts that run in a guest: the module under test, namespaces, tunnels, traffic.

. "${BASH_SOURCE[0]%/*}/tap.sh"

# --- the driver under test

dut_module=/job/wireguard.ko

# dut_load [PARAMETER=VALUE…]
dut_load() {
	local needed made_for
	if [ ! -e $dut_module ]; then modprobe wireguard "$@"; return; fi
	made_for=$(modinfo -F vermagic $dut_module | cut -d ' ' -f 1)
	if [ "$made_for" != "$(uname -r)" ]; then
		echo "wireguard.ko was built for Linux $made_for, and this is Linux $(uname -r)"
		return 1
	fi
	for needed in $(modinfo -F depends $dut_module | tr , ' '); do modprobe "$needed" || return; done
	insmod $dut_module "$@"
}

dut_unload() { rmmod wireguard; }

# none_unnamed: the module has said of each packet that it dropped why (Documentation/drops.rst). The C driver says nothing.
none_unnamed() {
	local count
	is_ours || return 0
	ip link add unnamed0 type wireguard && count=$(ethtool -S unnamed0 | sed -n 's/^ *unnamed: //p') && ip link del unnamed0 || return
	[ "$count" = 0 ] || { echo "${count:-no count} packets were dropped without a word"; return 1; }
}
is_ours() { [ -e $dut_module ]; }
dut_name() { if is_ours; then echo "our module"; else echo "the C driver"; fi; }

# Is this one of the lab's debug kernels?
is_debug() { case $(uname -r) in *-debug | *-kcsan) true ;; *) false ;; esac; }

# told NAME: what the kernel's command line says of it, as NAME=VALUE.
told() { sed -nE "s/^(.* )?$1=([^ ]*).*/\2/p" /proc/cmdline; }

# --- namespaces

# at NAMESPACE COMMAND…
at() { ip netns exec "$@"; }

add_namespace() {
	ip netns add "$1" && ip -n "$1" link set lo up
}

# join_namespaces A B [NUMBER NUMBER]: a veth pair, each end named after the other's; 192.0.2.x and 2001:db8::x outside.
join_namespaces() {
	local a=$1 b=$2
	ip link add "to-$b" netns "$a" type veth peer name "to-$a" netns "$b" || return
	outside_address "$a" "to-$b" "${3:-1}" && outside_address "$b" "to-$a" "${4:-2}"
}

outside_address() {
	ip -n "$1" address add "192.0.2.$3/24" dev "$2" &&
		ip -n "$1" address add "2001:db8::$3/64" dev "$2" nodad &&
		ip -n "$1" link set "$2" up
}

# features NAMESPACE INTERFACE FEATURE on|off…
features() { at "$1" ethtool -K "$2" "${@:3}" >/dev/null; }

outside() { case $1 in 4) echo "192.0.2.$2" ;; 6) echo "[2001:db8::$2]" ;; esac; }
inside() { case $1 in 4) echo "10.7.0.$2" ;; 6) echo "fd07::$2" ;; esac; }

# Addresses inside the tunnel and the interface up: inside_address NAMESPACE INTERFACE NUMBER
inside_address() {
	ip -n "$1" address add "10.7.0.$3/24" dev "$2" &&
		ip -n "$1" address add "fd07::$3/64" dev "$2" nodad &&
		ip -n "$1" link set "$2" up
}

# --- keys

psk=$(wg genpsk)

# make_keys NUMBER: the static keys of an end of a tunnel, in private_NUMBER and public_NUMBER.
make_keys() {
	local private=private_$1
	printf -v "private_$1" %s "$(wg genkey)"
	printf -v "public_$1" %s "$(wg pubkey <<<"${!private}")"
}

make_keys 1
make_keys 2

port_of() { echo $((51820 + $1)); }

# tunnel_end NAMESPACE INTERFACE SELF OTHER [ENDPOINT [KEEPALIVE]]: configures one end of a tunnel, number SELF, whose
# peer is number OTHER. Without an endpoint this end waits for the other. An empty $psk means none.
tunnel_end() {
	local ns=$1 dev=$2 self=$3 private=private_$3
	at "$ns" wg set "$dev" private-key <(echo "${!private}") listen-port "$(port_of "$self")" &&
		set_peer "$ns" "$dev" "${@:4}" && inside_address "$ns" "$dev" "$self"
}

# set_peer NAMESPACE INTERFACE OTHER [ENDPOINT [KEEPALIVE]]
set_peer() {
	local ns=$1 dev=$2 other=$3 public=public_$3
	local words=(peer "${!public}" allowed-ips "10.7.0.$other/32,fd07::$other/128")
	[ -z "${4:-}" ] || words+=(endpoint "$4:$(port_of "$other")")
	[ -z "${5:-}" ] || words+=(persistent-keepalive "$5")
	if [ -n "$psk" ]; then
		at "$ns" wg set "$dev" "${words[@]}" preshared-key <(echo "$psk")
	else
		at "$ns" wg set "$dev" "${words[@]}"
	fi
}

# Namespaces a and b, and between them a tunnel, for which b waits.
tunnel_of_two() {
	add_namespace a && add_namespace b && join_namespaces a b &&
		ip -n a link add wg0 type wireguard && ip -n b link add wg0 type wireguard &&
		tunnel_end b wg0 2 1 && tunnel_end a wg0 1 2 "$(outside 4 2)"
}

# --- traffic

ping_across() { at "$1" ping -q -c "${3:-3}" -i 0.2 -W 5 "$2"; }

# tcp_across CLIENT-NAMESPACE SERVER-NAMESPACE ADDRESS AMOUNT [IPERF3 OPTION…]: prints iperf3's summary.
tcp_across() {
	local client=$1 server=$2 address=$3 amount=$4
	shift 4
	at "$server" iperf3 -s -1 -D -B "$address" --idle-timeout 60
	await 10 listening "$server" 5201 || return
	at "$client" timeout 120 iperf3 -c "$address" -n "$amount" -f m "$@"
}

listening() { at "$1" ss -Hltn "sport = $2" | grep -q .; }

# make_file BYTES: random ones, for file_across.
make_file() {
	head -c "$1" /dev/urandom >/tmp/data
	wanted=$(sha256sum </tmp/data)
}

# file_across 4|6: that file from a to b, by TCP.
file_across() {
	local found
	at b timeout 120 ncat -l "$(inside "$1" 2)" 5400 --recv-only >/tmp/received &
	await 10 listening b 5400 || return
	at a timeout 120 ncat --send-only "$(inside "$1" 2)" 5400 </tmp/data || return
	wait $!
	found=$(sha256sum </tmp/received)
	[ "$found" = "$wanted" ] || { echo "received $(stat -c %s /tmp/received) bytes, and not the right ones"; return 1; }
}

# await SECONDS COMMAND…: until the command succeeds.
await() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# --- the hash of a flow

# Half of the flows, by the hash that their packets carry, leave through each of two classes.
split_by_hash() {
	at a tc qdisc add dev to-b root handle 1: drr && at a tc class add dev to-b parent 1: classid 1:1 drr &&
		at a tc class add dev to-b parent 1: classid 1:2 drr &&
		at a tc filter add dev to-b parent 1: protocol all handle 1 flow hash keys rxhash divisor 2 baseclass 1:1
}

# class_packets CLASS
class_packets() { at a tc -s class show dev to-b | awk -v class="$1" '$3 == class { getline; print $4 }'; }

# --- what wg tells

# Seconds since the last handshake of the interface's only peer; fails if there was none.
handshake_age() {
	local when
	when=$(at "$1" wg show "$2" latest-handshakes | cut -f 2)
	[ "${when:-0}" != 0 ] && echo $(($(date +%s) - when))
}

handshake_is_recent() {
	local age
	age=$(handshake_age "$1" "$2") || { echo "there was no handshake"; return 1; }
	echo "handshake $age s ago"
	[ "$age" -ge 0 ] && [ "$age" -le "${3:-20}" ]
}

# counter NAMESPACE INTERFACE rx|tx
counter() { at "$1" wg show "$2" transfer | cut -f "$([ "$3" = rx ] && echo 2 || echo 3)"; }

# counters_moved NAMESPACE INTERFACE RX-BEFORE TX-BEFORE AT-LEAST
counters_moved() {
	local rx tx
	rx=$(($(counter "$1" "$2" rx) - $3)) tx=$(($(counter "$1" "$2" tx) - $4))
	echo "received $rx and sent $tx bytes more, at least $5 each wanted"
	[ $rx -ge "$5" ] && [ $tx -ge "$5" ]
}

# --- files for whoever has started the guest

# hand_out FILE…: needs a suite with judge= in its header.
hand_out() {
	local file
	for file; do
		[ -f "$file" ] && printf '%s %s\n' "${file##*/}" "$(stat -c %s "$file")" && cat "$file" || return
	done >/dev/vport0p1
}

# --- programs that tell results by themselves

# retell COMMAND…: repeats its lines "ok …" and "not ok …" as ours, the others as notes.
retell() {
	local line ended= before=$failures
	while IFS= read -r line; do
		case $line in
		"ok "*) ok "${line#ok }" ;;
		"not ok "*) not_ok "${line#not ok }" ;;
		"ended with "*) ended=${line#ended with } ;;
		*) echo "# ${line#\# }" ;;
		esac
	done < <("$@" 2>&1; echo "ended with $?")
	# A failure may show in the status as well.
	[ "$ended" = 0 ] || [ "$ended$((failures > before))" = 11 ] || not_ok "$1 ended with status $ended"
}

# --- the scripted peer

# The namespace of the device under test, and that of its peers, joined.
dut_namespaces() { add_namespace dut && add_namespace peers && join_namespaces dut peers; }

# play SUITE: runs a suite of tools/wire-peer, and passes its results on.
play() { retell at peers /job/wire-peer "$@"; }

# --- the C driver and the module under test, by the Python programs of selftests/netlink

# compare_drivers SUBJECT: lets both drivers do the same and tells where they differ.
compare_drivers() {
	check "$1 with the C driver" record_driver "$1" modprobe wireguard
	if [ ! -e $dut_module ]; then
		retell compare tell "$1" "/tmp/$1.modprobe"
		return
	fi
	check "$1 with the module under test" record_driver "$1" dut_load
	retell compare tell "$1" "/tmp/$1.modprobe" "/tmp/$1.dut_load"
}

compare() { python3 "${0%/*}/compare.py" "$@"; }

# record_driver SUBJECT COMMAND…: with the driver that the command loads.
record_driver() {
	"${@:2}" && compare record "$1" "/tmp/$1.$2" && rmmod wireguard
}
