# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Floods a device in each of the FLOODS, given as KIND:COUNT:BURST, in a guest whose instructions are counted.

. "${0%/*}/flooded.sh"

give_up() { echo "bench: $*"; exit 1; }

# flood KIND BURST PAUSE COUNT OPTION…: the device's workers have no processor before a burst has ended, so that it is
# one, whatever they have to do for each datagram. $by is what the program is run by.
flood() {
	# shellcheck disable=SC2086
	$by chrt -f 10 ip netns exec nobody /job/flood $(flood_of "$1" "$2" "$3") "count=$4" "${@:5}"
}

# Under load, or at rest, whatever came before.
prepare() {
	sleep 4
	[ "$1" -lt 512 ] || by="" flood known 1024 0 1024 >/dev/null
}

dut_load || give_up "no module"
flood_world || give_up "no world"
echo "$private_9" >/run/replayed
# Let what began with the boot come to its end. Sleep costs nothing where time is the number of instructions.
sleep 10
for words in $FLOODS; do
	IFS=: read -r kind count burst <<<"$words"
	prepare "$burst" || give_up "no load"
	by="/job/traffic count" flood "$kind" "$burst" 100 "$count" go=yes || give_up "$words failed"
	echo "flooded $words"
done
/job/traffic symbols
