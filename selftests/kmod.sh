# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Loads the modules of selftests/kmod, which check parts of the driver inside the kernel, and tells what they say.
#
# guest: smp=2 mem=512 timeout=240 files=build/module/stock/selftests/kmod/wireguard_selftest.ko,build/module/stock/selftests/kmod/wireguard_selftest_aead.ko

. /job/lib.sh

# The lines of TAP that a module has written to the kernel log.
said() { dmesg | sed -nE "s/^(\[[^]]*\])? ?$1: //p"; }

# Repeats each line of a module's TAP as one of ours.
retell() {
	local line
	while read -r line; do
		case $line in
		"ok "*) ok "${line#ok * - }" ;;
		"not ok "*) not_ok "${line#not ok * - }" ;;
		"# "*) echo "$line" ;;
		esac
	done < <(said "$1")
}

run_module() {
	local name=$1 module=/job/$1.ko needed planned before=$tests
	for needed in $(modinfo -F depends "$module" | tr , ' '); do modprobe "$needed"; done
	insmod "$module"
	local status=$?
	retell "$name"
	planned=$(said "$name" | sed -n 's/^1\.\.//p')
	same "$name ran all it planned" "$planned" $((tests - before))
	same "$name agreed to load" 0 $status
	check "$name unloads" rmmod "$name"
}

run_module wireguard_selftest
run_module wireguard_selftest_aead
done_testing
