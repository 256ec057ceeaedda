# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Pings through a tunnel that streams of TCP keep as busy as the processors can, COUNT of them, in a guest whose clock
# is the number of instructions.

. "${0%/*}/tunnels.sh"

make_namespaces
dut_load || give_up "no module"
begin_tunnels
# Let what began with the boot come to its end. Sleep costs nothing where time is the number of instructions.
sleep 10

# pings NAME: prints the times of all that come back.
pings() {
	at left ping -c "$COUNT" -i 0.01 -W 10 "$(inside 4 2)" | sed -n "s/.* time=\([0-9.]*\) ms\$/$1 \1/p"
}

pings idle
at right iperf3 -s -D
await 10 listening right 5201 || give_up "no iperf3"
at left iperf3 -c "$(inside 4 2)" -t 10000 -P "$STREAMS" >/tmp/iperf3 2>&1 &
sleep 1
before=$(counter left wg0 tx)
began=$(date +%s%N)
pings busy
echo "moved $(($(counter left wg0 tx) - before)) in $((($(date +%s%N) - began)))"
kill $!
