# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Does OPERATIONS to a device with LOADED peers, each between the marks that instructions are counted by.

. "${0%/*}/tunnels.sh"

make_device() { ip -n left link add wg0 type wireguard && ip -n left link set wg0 up; }
scale() { at left /job/scale "$1" wg0 "$LOADED" "${@:2}"; }

load() { scale load; }
remove() { scale remove; }
alone() { scale remove --bytes 1; }
clear() { scale clear; }
delete() { ip -n left link del wg0; }

export -f at scale load remove alone clear delete
export LOADED

# What the first of all peers bring along is not theirs.
warm_up() { at left /job/scale load wg0 200 && at left /job/scale clear wg0 200; }

profile() {
	make_device && warm_up >/dev/null || return
	if [ "$1" != load ]; then load >/dev/null || return; fi
	sleep 5
	/job/traffic count bash -c "echo ready; read -r; $1 >/dev/null && echo sent" || return
	ip -n left link del wg0 2>/dev/null || true
	sleep 5
}

echo 4194304 >/proc/sys/kernel/pid_max && echo 4194304 >/proc/sys/kernel/threads-max || give_up "threads are bounded"
make_namespaces
dut_load || give_up "no module"
for operation in $OPERATIONS; do profile "$operation" || give_up "$operation failed"; done
/job/traffic symbols
