# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: stock=no debug=uml,x86 smp=2 mem=1024 clock=skips timeout=240 files=build/cargo/guest/release/guest-fuzz,build/module/{kernel}/selftests/kmod/wireguard_selftest_notify.ko
#
# A storm over the whole module (tools/guest-fuzz): whatever administrators, users and strangers can do, at once and in
# any order. Then all must be as if the module had just been loaded, and nothing may be left of what was before.
#
# The kernel's command line may say fuzz.seed=NUMBER, fuzz.seconds=NUMBER, and more for the program in fuzz.more=WORD,WORD.

. "${0%/*}/lib.sh"

seconds=$(told fuzz.seconds)
seconds=${seconds:-30}
seed=$(told fuzz.seed)
more=$(told fuzz.more)

storm() {
	# shellcheck disable=SC2086
	/job/guest-fuzz $dut_module --trace /dev/fd/7 --seconds "$seconds" ${seed:+--seed $seed} ${more//,/ }
}

# --- afterwards

fresh_tunnel() {
	add_namespace a && add_namespace b && join_namespaces a b &&
		ip -n a link add wg0 type wireguard && ip -n b link add wg0 type wireguard &&
		tunnel_end a wg0 1 2 "$(outside 4 2)" && tunnel_end b wg0 2 1 "$(outside 4 1)"
}

# Everything that goes by a name of ours: devices, memory, threads and workqueues.
remains() {
	ls /sys/class/net | grep -E '^wg'
	ip netns list
	grep -i '^wireguard' /proc/slabinfo
	ps -eo comm | grep -E '^kworker/R-wg-|^napi/wg'
	grep -o ' \[wireguard\]' /proc/kallsyms | sort -u
	grep -E '^wireguard ' /proc/modules
}
nothing_remains() { [ -z "$(remains 2>/dev/null)" ] || { remains; return 1; }; }

check "load $(dut_name)" dut_load
check "load what calls notifiers" insmod /job/wireguard_selftest_notify.ko
check "something is there to be found" eval '! nothing_remains >/dev/null'
retell storm 7>&1
check "no packet was dropped without a word" none_unnamed
check "unload the module" await 30 dut_unload
check "nothing of it is left" await 30 nothing_remains

check "load it again" dut_load
check "make a tunnel" fresh_tunnel
check "packets go through" ping_across a "$(inside 4 2)"
check "packets go back" ping_across b "$(inside 6 1)"
check "there was a handshake" handshake_is_recent a wg0
check "a stream goes through" tcp_across a b "$(inside 4 2)" 1M
check "a stream comes back" tcp_across a b "$(inside 6 2)" 1M -R
check "remove one namespace" ip netns del a
check "remove the other device" ip -n b link del wg0
check "remove its namespace" ip netns del b
check "unload the module again" await 30 dut_unload
check "nothing of it is left again" await 30 nothing_remains

done_testing
