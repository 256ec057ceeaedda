# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# guest: smp=2 mem=512 asleep=yes timeout=300 append="log_buf_len=4M" files=build/cargo/guest/release/wire-peer,build/module/{kernel}/selftests/kmod/wireguard_selftest_vmfork.ko
#
# A machine that is suspended forgets all session keys; one that was copied sends no more with them. What sessions there
# are is seen in the kernel log; then a peer that is played says what it can still send and receive.

. /job/lib.sh

inject=/sys/kernel/debug/notifier-error-inject/pm/actions

tunnel() {
	add_namespace a && add_namespace b && join_namespaces a b &&
		ip -n a link add wg0 type wireguard && ip -n b link add wg0 type wireguard &&
		tunnel_end a wg0 1 2 192.0.2.2 && tunnel_end b wg0 2 1
}

# How often a message of the driver's was seen.
said() { dmesg | grep -c "wireguard: wg[0-9]: .*$1"; }
sessions() { echo $(($(said "Keypair.*created") - $(said "Keypair.*destroyed"))); }
no_sessions() { [ "$(sessions)" = 0 ]; }
some_sessions() { [ "$(sessions)" -ge 2 ]; }
answered() { at a ping -q -c 1 -W 1 10.7.0.2 >/dev/null; }

# Asks for a sleep that is refused, but not before all who want to know have been told that it comes.
fall_asleep() {
	local state=$1 event=$2
	echo -16 >$inject/"$event"/error
	! echo "$state" >/sys/power/state
}

check "load $(dut_name)" dut_load
mount -t debugfs debugfs /sys/kernel/debug
check "debug messages are switched on" eval 'echo "module wireguard +p" >/sys/kernel/debug/dynamic_debug/control'
check "errors can be injected" modprobe pm-notifier-error-inject priority=-1
sysctl -q -w net.core.message_cost=0
check "a tunnel" tunnel
check "packets go through" ping_across a 10.7.0.2
check "there are sessions" some_sessions

for sleep in "freeze PM_SUSPEND_PREPARE" "disk PM_HIBERNATION_PREPARE"; do
	# shellcheck disable=SC2086
	check "the system is about to sleep: ${sleep% *}" fall_asleep $sleep
	check "no sessions are left" await 10 no_sessions
	# An initiation may follow the one before after five seconds.
	check "packets go through again" await 60 answered
	check "there are sessions again" some_sessions
done

# A response has been sent less than five seconds ago.
check "packets go through" ping_across a 10.7.0.2 1
before=$(said "Sending handshake initiation") kept=$(said "Keypair.*destroyed")
check "the machine is copied" insmod /job/wireguard_selftest_vmfork.ko
same "sessions go on receiving" "$kept" "$(said "Keypair.*destroyed")"
check "the next packet goes through" answered
check "with another session" [ "$(said "Sending handshake initiation")" -gt "$before" ]

rmmod wireguard_selftest_vmfork
check "make namespaces" dut_namespaces
play forget
check "unload" dut_unload
done_testing
