# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Throughput of the module under test beside that of the C driver: the same tunnel between two namespaces of this
# machine, in turns, so that what else the host does hits both alike. Medians are compared.

SPEED_ROUNDS=3
SPEED_SECONDS=2
SPEED_LEAST=50 # percent of the C driver's

load_ours() { dut_load; }
load_c() { modprobe wireguard; }

make_speed_tunnel() {
	ip -n left link add wg0 type wireguard && ip -n right link add wg0 type wireguard &&
		tunnel_end right wg0 2 1 && tunnel_end left wg0 1 2 "$(outside 4 2)" &&
		ping_across left "$(inside 4 2)" 1
}

# Prints the throughput of one run, in kbit/s.
one_run() {
	load_"$1" && make_speed_tunnel >/dev/null || return
	at left timeout 60 iperf3 -c "$(inside 4 2)" -t $SPEED_SECONDS -f k |
		sed -nE 's/.* ([0-9]+) Kbits\/sec .*receiver.*/\1/p'
	ip -n left link del wg0 && ip -n right link del wg0 && rmmod wireguard
}

median() { tr ' ' '\n' <<<"$*" | sort -n | sed -n "$((($# + 1) / 2))p"; }

in_mbits() { echo "$(($1 / 1000)).$(($1 % 1000 / 100)) Mbit/s"; }

compare_speed() {
	local round which rate ours=() c=()
	scene "Throughput of $(dut_name) and of the C driver, in turns"
	add_namespace left
	add_namespace right
	join_namespaces left right
	at right iperf3 -s -D
	for ((round = 0; round < SPEED_ROUNDS; round++)); do
		# A B, B A, A B: no one is always first.
		for which in $([ $((round % 2)) = 0 ] && echo ours c || echo c ours); do
			rate=$(one_run $which)
			[ "${rate:-0}" -gt 0 ] || give_up "no throughput measured with $which"
			tell "$([ $which = ours ] && dut_name || echo "the C driver"): $(in_mbits "$rate")"
			if [ $which = ours ]; then ours+=("$rate"); else c+=("$rate"); fi
		done
	done
	judge_speed "$(median "${ours[@]}")" "$(median "${c[@]}")"
}

judge_speed() {
	local ours=$1 c=$2 percent
	percent=$((100 * ours / c))
	tell "medians: $(in_mbits "$ours") and $(in_mbits "$c"), ratio $((percent / 100)).$(printf %02d $((percent % 100)))"
	[ $percent -ge $SPEED_LEAST ] || give_up "that is less than 0.$SPEED_LEAST"
}
