# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: stock=no debug=uml mem=384 clock=skips timeout=200 files=build/cargo/guest/release/wgobf
#
# Tunnels whose settings tools/wgobf has made, checked, applied and shown: each of its presets carries pings, and what does
# not work is told and changes nothing.

. "${0%/*}/lib.sh"

wgobf() { at "$1" /job/wgobf "${@:2}"; }

# says STATUS TEXT COMMAND…: the command ends with that status and says that text, on one line.
says() {
	local said status=0
	said=$("${@:3}" 2>&1) || status=$?
	echo "$said"
	[ $status = "$1" ] && [ "$(grep -c . <<<"$said")" = 1 ] && grep -qF -- "$2" <<<"$said"
}

number_of() { [ "$1" = a ] && echo 1 || echo 2; }
other() { [ "$1" = a ] && echo b || echo a; }

# generate PRESET [OPTION…]: for both ends, in /run/a.conf and /run/b.conf.
generate() {
	rm -f /run/a.conf /run/b.conf
	/job/wgobf generate "$@" /run/a.conf /run/b.conf && [ "$(stat -c %a /run/a.conf)" = 600 ]
}

# What a generated file leaves open: addresses and ports.
complete() {
	local end number
	for end in a b; do
		number=$(number_of "$(other $end)")
		sed -i "s/^\[Interface\]/&\nListenPort = $(port_of "$(number_of $end)")/" /run/$end.conf &&
			printf '%s\n' "AllowedIPs = $(inside 4 "$number")/32, $(inside 6 "$number")/128" \
				"Endpoint = $(outside 4 "$number"):$(port_of "$number")" >>/run/$end.conf || return
	done
}

is_content() { [ -z "$(/job/wgobf check "$@" 2>&1)" ]; }
apply_both() { wgobf a apply awg0 /run/a.conf && wgobf b apply awg0 /run/b.conf; }

make_devices() {
	local ns
	for ns in a b; do
		ip -n $ns link add awg0 type amneziawg && inside_address $ns awg0 "$(number_of $ns)" || return
	done
}

once() { at a ping -q -c 1 -W 2 "$(inside "$1" 2)"; }
pings() { await 30 once 4 && await 30 once 6; }

shows() { wgobf a show "${@:2}" awg0 | tee /run/shown | grep -qxF -- "$1" || { cat /run/shown; return 1; }; }

# Not one of the keys that are no public ones.
hides_secrets() {
	local key
	wgobf a show awg0 >/run/shown || return
	for key in $(sed -nE 's/^(PrivateKey|HeaderProtectionKey|PresharedKey) = //p' /run/a.conf); do
		! grep -qF -- "$key" /run/shown || { cat /run/shown; return 1; }
	done
	[ "$(grep -c -- '--secrets shows it' /run/shown)" = 2 ]
}

are_equal() { [ "$1" = "$2" ] || { printf '%s\n\nis not\n\n%s\n' "$1" "$2"; return 1; }; }

# What is shown, but for the remarks.
shown() { wgobf a show --secrets "$1" | sed 's/ *#.*//' | grep .; }

# What is shown of one device makes another one the same.
copies() {
	wgobf a show --secrets awg0 >/run/copy.conf && is_content /run/copy.conf && ip -n a link add awg1 type amneziawg &&
		wgobf a apply awg1 /run/copy.conf && are_equal "$(shown awg0)" "$(shown awg1)" && ip -n a link del awg1
}

# The settings of compat, with two that do not go together.
spoil() { sed 's/^S1 = .*/S1 = 11/' /run/a.conf >/run/spoilt.conf; }

unchanged() { are_equal "$(</run/before)" "$(shown awg0)"; }

# One end's S4 is another.
disagree() { sed -i 's/^S4 = .*/S4 = 13/' /run/b.conf && wgobf b apply awg0 /run/b.conf; }
told_of_s4() { says 1 "S4 is 13 here and 12 in /run/a.conf: handshakes are completed and all data are lost" /job/wgobf check /run/[ab].conf; }
no_data() { ! at a ping -q -c 3 -i 0.2 -W 1 "$(inside 4 2)"; }

# judge listens, and misses only the judge: in a guest there is no tree.
listens() {
	local tree packets
	at a ping -q -i 0.5 -c 20 "$(inside 4 2)" >/dev/null &
	wgobf a judge --seconds 8 awg0 >/run/judged 2>&1
	wait
	cat /run/judged
	tree=$(sed -n 's|^wgobf: \(.*\)/tools/lab/in-root cannot be run: .*: run wgobf where its tree is$|\1|p' /run/judged)
	packets=$(tcpdump -Z root -nr "$tree/build/log/wgobf/awg0.pcap" "udp port $(port_of 1)" | grep -c "$(outside 4 2)")
	echo "$packets datagrams"
	[ "$packets" -ge 10 ]
}

mtu_is() { [ "$(at a cat /sys/class/net/awg0/mtu)" = "$1" ]; }

check "load the module" dut_load
check "join the ends" eval 'add_namespace a && add_namespace b && join_namespaces a b'
check "a device at each" make_devices

check "compat: generate" generate compat
check "compat: check" is_content /run/a.conf /run/b.conf
check "compat: complete it" complete
check "compat: apply" apply_both
check "compat: pings" pings
check "compat: shown as what it is" shows "# awg0 looks like AmneziaWG 3.1."
check "compat: the MTU is what was generated" eval 'grep -q "carries 1408: MTU = 1408" /run/a.conf && mtu_is 1408'
check "judge listens to a device" listens
check "no secrets are shown" hides_secrets
check "with secrets, what is shown makes another device the same" copies

check "remember the settings" eval 'shown awg0 >/run/before'
check "a file that the driver would refuse" spoil
check "check refuses it" says 1 "/run/spoilt.conf:" /job/wgobf check /run/spoilt.conf
check "and says why" says 1 "error: S1 must be >= 12 when HeaderProtectionKey is set" /job/wgobf check /run/spoilt.conf
check "apply refuses it" eval '! wgobf a apply awg0 /run/spoilt.conf'
check "and has changed nothing" unchanged

check "ends that disagree" disagree
check "check tells of it" told_of_s4
check "and it is so" no_data

for version in 2.0 1.0; do
	check "compat-$version: generate settings alone" generate compat-$version --no-keys
	check "compat-$version: check" is_content /run/a.conf /run/b.conf
	check "compat-$version: apply" apply_both
	check "compat-$version: pings" pings
	check "compat-$version: shown as what it is" shows "# awg0 looks like AmneziaWG $version."
done

check "vanilla: generate" generate vanilla --no-keys
check "vanilla: apply" apply_both
check "vanilla: pings" pings
check "vanilla: shown as what it is" shows "# awg0 looks like WireGuard."

check "no such device" says 1 "there is no interface awg9" wgobf a show awg9
check "another kind of device, in the kernel's words" says 1 "(not " wgobf a show lo
check "a device of WireGuard" ip -n a link add wg0 type wireguard
check "is shown" eval 'wgobf a show wg0 | grep -qF "# wg0 looks like WireGuard, and can look like nothing else."'
check "and cannot be applied to" says 1 "wg0 is a WireGuard interface" wgobf a apply wg0 /run/a.conf
check "no such file" says 2 "/run/none.conf cannot be read" wgobf a apply awg0 /run/none.conf

check "delete all namespaces" eval 'ip netns del a && ip netns del b'
check "unload the module" await 10 dut_unload
done_testing
