# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: debug=uml image=tools smp=1 mem=1024 repeats=uml timeout=300 files=selftests/clients,kernel:source/tools/net/ynl/pyynl/cli.py,kernel:source/tools/net/ynl/pyynl/lib,kernel:source/Documentation/netlink/specs/wireguard.yaml,Documentation/netlink-own.yaml,Documentation/netlink-amneziawg.yaml
#
# Clients that speak netlink themselves: pyroute2, and the kernel's own YNL with the kernel's own specification.

. "${0%/*}/lib.sh"
. "${0%/*}/server.sh"

here=${0%/*}

# --- pyroute2

pyroute2() { python3 "$here/with_pyroute2.py" "$@"; }

test_pyroute2() {
	check "pyroute2: make an interface" pyroute2 create wgp0
	check "pyroute2: configure it" pyroute2 configure wgp0 "$private_1" "$public_2" "$psk" 10.7.0.2/32 fd07::2/128
	same "pyroute2: what it was told is what it gets" "$(cat <<-END
		IFNAME wgp0
		LISTEN_PORT 51821
		FWMARK 42
		PRIVATE_KEY $private_1
		PUBLIC_KEY $public_1
		PEER PUBLIC_KEY $public_2
		PEER PRESHARED_KEY $psk
		PEER PERSISTENT_KEEPALIVE_INTERVAL 25
		PEER PROTOCOL_VERSION 1
		PEER ENDPOINT 192.0.2.2 51822
		PEER ALLOWEDIP 10.7.0.2/32
		PEER ALLOWEDIP fd07::2/128
	END
	)" "$(pyroute2 show wgp0)"
	check "pyroute2: give it addresses" inside_address host wgp0 1
	check "pyroute2: the tunnel carries traffic" ping_server
	session_survives "pyroute2: the same again" \
		pyroute2 configure wgp0 "$private_1" "$public_2" "$psk" 10.7.0.2/32 fd07::2/128
	same "pyroute2: an interface of another kind" "errno 95" "$(pyroute2 configure lo "$private_1" "$public_2" "$psk" 2>&1)"
	same "pyroute2: no such interface" "errno 19" "$(pyroute2 configure wg9 "$private_1" "$public_2" "$psk" 2>&1)"
	check "pyroute2: remove the peer" pyroute2 remove-peer wgp0 "$public_2"
	same "pyroute2: it is gone" "" "$(wg show wgp0 peers)"
	check "pyroute2: remove the interface" ip link del wgp0
}

# --- YNL

# The client and its library are found beside each other, as in the kernel's tree.
unpack_ynl() {
	mkdir -p /tmp/pyynl/lib && cp "$here/cli.py" /tmp/pyynl/ &&
		cp "$here"/{__init__,doc_generator,nlspec,specdir,ynl}.py /tmp/pyynl/lib/
}

ynl() { python3 /tmp/pyynl/cli.py --no-schema --spec "$here/wireguard.yaml" --output-json "$@"; }

hex() { base64 -d <<<"$1" | od -An -v -tx1 | tr -d ' \n'; }

ynl_set() { ynl --do set-device --json "$1"; }

# ynl_refused DESCRIPTION WORDS JSON: setting fails with those words, after the driver's own if it has some.
ynl_refused() {
	local said
	if said=$(ynl_set "$3" 2>&1); then not_ok "YNL: $1"; return; fi
	check "YNL: $1: $2" grep -E "Netlink error: (.*: )?($2)|^.*Exception: ($2)" <<<"$said" || diag <<<"$said"
}

# ynl_get EXPRESSION: a Python expression on the device `d` and its first peer `p`.
ynl_get() {
	ynl --dump get-device --json '{"ifname": "wgy0"}' | python3 -c "
import json, sys
d = json.load(sys.stdin)[0]
p = d.get('peers', [{}])[0]
p = p if 'public-key' in p else next(iter(p.values()), {})
print($1)"
}

tunnel() {
	cat <<-END
		{"ifname": "wgy0", "private-key": "$(hex "$private_1")", "listen-port": 51821, "fwmark": 42, "flags": "replace-peers",
		 "peers": [{"public-key": "$(hex "$public_2")", "preshared-key": "$(hex "$psk")", "flags": "replace-allowedips",
		  "endpoint": "0200ca6ec00002020000000000000000", "persistent-keepalive-interval": 25,
		  "allowedips": [{"family": 2, "ipaddr": "10.7.0.2", "cidr-mask": 32},
		                 {"family": 10, "ipaddr": "fd07::2", "cidr-mask": 128}]}]}
	END
}

# with_peer ATTRIBUTES: a request about the peer.
with_peer() { printf '{"ifname": "wgy0", "peers": [{"public-key": "%s", %s}]}' "$(hex "$public_2")" "$1"; }

# What only our driver has.
ynl_own() { python3 /tmp/pyynl/cli.py --no-schema --spec "$here/netlink-own.yaml" --output-json "$@"; }

# own_get ATTRIBUTES EXPRESSION: the answer to a request for the device with those attributes, as in ynl_get.
own_get() {
	ynl_own --dump get-device --json "{\"ifname\": \"wgy0\", $1}" | python3 -c "
import json, sys
d = json.load(sys.stdin)[0]
print($2)"
}

test_ynl_own() {
	check "YNL: have unknown peers held" ynl_own --do set-device --json '{"ifname": "wgy0", "hold-unknown": 300}'
	same "YNL: ask for changes, knowing nothing" "True True 300 1" \
		"$(own_get '"generation": 0' "d['generation'] > 0, 'all-peers' in d, d['hold-unknown'], len(d['peers'])")"
	same "YNL: there are none since" "False 0" \
		"$(own_get "\"generation\": $(own_get '"generation": 0' "d['generation']")" "'all-peers' in d, len(d.get('peers', []))")"
	same "YNL: ask for one peer" "1 False" \
		"$(own_get "\"peer-key\": \"$(hex "$public_2")\"" "len(d['peers']), 'generation' in d")"
	check "YNL: have nobody held" ynl_own --do set-device --json '{"ifname": "wgy0", "hold-unknown": 0}'
}

# The family amneziawg.
ynl_awg() { python3 /tmp/pyynl/cli.py --no-schema --spec "$here/netlink-amneziawg.yaml" --output-json "$@"; }

test_ynl_awg() {
	check "YNL: make an interface of the kind amneziawg" ip link add awgy0 type amneziawg
	check "YNL: configure it" ynl_awg --do set-device --json "{\"ifname\": \"awgy0\", \"jc\": 5, \"jmin\": 8, \"jmax\": 80, \"s4\": 16,
		\"h1\": $((9 << 32 | 5)), \"i2\": \"<b 0xf00d><r 9>\", \"rekey-timeout\": $((7 << 16 | 3)), \"random-trailers\": 1,
		\"peers\": [{\"public-key\": \"$(hex "$public_2")\", \"persistent-keepalive-interval\": $((30 << 16 | 20))}]}"
	same "YNL: it is shown" "5 8 80 16 $((9 << 32 | 5)) <b 0xf00d><r 9> $((7 << 16 | 3)) 1 $((30 << 16 | 20)) True" \
		"$(ynl_awg --dump get-device --json '{"ifname": "awgy0"}' | python3 -c "
import json, sys
d = json.load(sys.stdin)[0]
p = d['peers'][0]
p = p if 'public-key' in p else next(iter(p.values()))
print(*(d[name] for name in ('jc', 'jmin', 'jmax', 's4', 'h1', 'i2', 'rekey-timeout', 'random-trailers')),
      p['persistent-keepalive-interval'], 'has-advanced-security' in p['flags'])")"
	check "YNL: a profile, and a peer that wears it" ynl_awg --do set-device --json "{\"ifname\": \"awgy0\",
		\"profiles\": [{\"number\": 2, \"s1\": 30, \"i1\": \"<r 5>\"}], \"peers\": [{\"public-key\": \"$(hex "$public_2")\", \"profile\": 2}]}"
	same "YNL: they are shown to who wants them" "2 30 <r 5> 2" \
		"$(ynl_awg --dump get-device --json '{"ifname": "awgy0", "wanted": "profiles"}' | python3 -c "
import json, sys
d = json.load(sys.stdin)[0]
first = lambda list, name: list[0] if name in list[0] else next(iter(list[0].values()))
l, p = first(d['profiles'], 'number'), first(d['peers'], 'public-key')
print(l['number'], l['s1'], l['i1'], p['profile'])")"
	check "YNL: remove it" ip link del awgy0
}

test_ynl() {
	check "YNL: find the client" unpack_ynl
	check "YNL: make an interface" ip link add wgy0 type wireguard
	check "YNL: configure it" ynl_set "$(tunnel)"
	same "YNL: the device" "wgy0 51821 42" "$(ynl_get "d['ifname'], d['listen-port'], d['fwmark']" | tr -d "'(),")"
	same "YNL: its key" "$(hex "$private_1")" "$(ynl_get "d['private-key'].replace(' ', '')")"
	same "YNL: its peer" "$(hex "$public_2") $(hex "$psk") 25 1" "$(ynl_get "p['public-key'].replace(' ', ''), \
		p['preshared-key'].replace(' ', ''), p['persistent-keepalive-interval'], p['protocol-version']" | tr -d "'(),")"
	check "YNL: wg sees the same" eval 'wg show wgy0 allowed-ips | grep -q "10.7.0.2/32 fd07::2/128"'
	check "YNL: give it addresses" inside_address host wgy0 1
	check "YNL: the tunnel carries traffic" ping_server
	session_survives "YNL: the same again, to replace all peers" ynl_set "$(tunnel)"
	ynl_refused "no such interface" "No such device" '{"ifname": "wg9"}'
	ynl_refused "an interface of another kind" "Operation not supported" '{"ifname": "lo"}'
	ynl_refused "no interface named" "Invalid request descriptor" '{"listen-port": 1}'
	ynl_refused "a key of the wrong length" "Numerical result out of range" '{"ifname": "wgy0", "private-key": "00"}'
	ynl_refused "a bit that means nothing" "Invalid argument" '{"ifname": "wgy0", "flags": 2}'
	# The client gets lost when it is told that the fault is in a peer; the C driver leaves that out.
	ynl_refused "a mask that is too long" "Invalid argument|Can't dive into 8" "$(with_peer '"allowedips":
		[{"family": 2, "ipaddr": "10.0.0.0", "cidr-mask": 33}]')"
	ynl_refused "an unknown protocol version" "Protocol family not supported|Can't dive into 8" "$(with_peer '"protocol-version": 2')"
	check "YNL: errors change nothing" eval 'ping_server && [ "$(wg show wgy0 peers)" = "$public_2" ]'
	if is_ours; then test_ynl_own; fi
	check "YNL: remove the peer" ynl_set "$(with_peer '"flags": "remove-me"')"
	same "YNL: it is gone" "" "$(wg show wgy0 peers)"
	if is_ours; then test_ynl_awg; fi
}

check "load the module" dut_load
check "make a server" make_server
test_pyroute2
test_ynl

done_testing
