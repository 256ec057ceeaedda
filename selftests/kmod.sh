# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Loads the modules of selftests/kmod, which check parts of the driver inside the kernel, and tells what they say.
#
# guest: debug=uml smp=2 mem=512 clock=skips timeout=240 append="kunit.enable=1 kunit.autorun=1" files=build/module/{kernel}/selftests/kmod/wireguard_selftest.ko,build/module/{kernel}/selftests/kmod/wireguard_selftest_aead.ko

. /job/lib.sh

# The lines of TAP that a module has written to the kernel log, behind the time and perhaps the thread.
said() { dmesg | sed -nE "s/^(\[[^]]*\] ?)*$1: //p"; }

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

# The same of KUnit's results, which are in the log on a kernel that has it: one line for each test.
retell_kunit() {
	local line suite=
	while read -r line; do
		case $line in
		"# Subtest: "*) suite=${line#*: } ;;
		"ok "*" $suite" | "not ok "*" $suite") ;;
		"ok "*) ok "$suite: ${line#ok * }" ;;
		"not ok "*) not_ok "$suite: ${line#not ok * }" ;;
		"# /"*) echo "$line" ;;
		esac
	done < <(dmesg | sed -nE '/KTAP version/,$ { s/^(\[[^]]*\])? *//; s/^wireguard_selftest: //; p }')
}

# How many tests a module said it would run, in either form.
planned() {
	if has_kunit "$1"; then
		dmesg | sed -nE 's/^(\[[^]]*\])? {4,5}1\.\.([0-9]+)$/\2/p' | awk '{ sum += $1 } END { print sum }'
	else
		said "$1" | sed -n 's/^1\.\.//p'
	fi
}

# Whether the tests of this module are suites of KUnit here.
has_kunit() { [ "$1" = wireguard_selftest ] && [ -e /sys/module/kunit ]; }

run_module() {
	local name=$1 module=/job/$1.ko needed before=$tests
	for needed in $(modinfo -F depends "$module" | tr , ' '); do modprobe "$needed"; done
	insmod "$module"
	local status=$?
	if has_kunit "$name"; then retell_kunit; else retell "$name"; fi
	same "$name ran all it planned" "$(planned "$name")" $((tests - before))
	same "$name agreed to load" 0 $status
	check "$name unloads" rmmod "$name"
}

run_module wireguard_selftest
run_module wireguard_selftest_aead
done_testing
