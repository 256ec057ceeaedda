# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Moves the data of all WORKLOADS, each given as NAME:AMOUNT, with one of two DRIVERS (c, or ours: by the name of its
# settings of AmneziaWG, which are in FIRST_GUISE and SECOND_GUISE) and then with the other, ROUNDS
# times: who is first changes each time, so that what else happens on the host meets both alike.

. "${0%/*}/tunnels.sh"

load_driver() {
	case $1 in
	c) modprobe wireguard ;;
	*) dut_load ;;
	esac
}

# run_driver PLACE DRIVER: the place, first or second, tells two of the same name apart.
run_driver() {
	local workload moved GUISE
	case $1 in
	first) GUISE=${FIRST_GUISE:-} ;;
	second) GUISE=${SECOND_GUISE:-} ;;
	esac
	load_driver "$2" || give_up "no module"
	begin_tunnels
	for workload in $WORKLOADS; do
		moved=$(run_workload "$workload") || give_up "$workload failed"
		echo "$1 $moved"
	done
	end_tunnels && rmmod wireguard || give_up "the module stays"
}

make_namespaces
read -r first second <<<"$DRIVERS"
for ((round = 0; round < ROUNDS; round++)); do
	if [ $((round % 2)) = 0 ]; then
		run_driver first "$first"
		run_driver second "$second"
	else
		run_driver second "$second"
		run_driver first "$first"
	fi
done
