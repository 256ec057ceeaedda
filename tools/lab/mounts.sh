# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What a Debian root needs from the host. For use as root, in a mount namespace of one's own.

bind() { mkdir -p "$2"; mount --bind "$1" "$2"; }

# A file of the host over the root's own, if the host has one.
bind_file() {
	[ -e "$1" ] || return 0
	[ -e "$2" ] || { mkdir -p "$(dirname "$2")"; touch "$2"; }
	mount --bind "$(realpath "$1")" "$2"
}

mount_devices() {
	local dev=$1/dev node
	mount -t tmpfs -o mode=755 none "$dev"
	for node in null zero full random urandom tty kvm; do
		[ -e "/dev/$node" ] || continue
		touch "$dev/$node"
		mount --bind "/dev/$node" "$dev/$node"
	done
	mkdir "$dev/pts" "$dev/shm"
	mount -t devpts -o newinstance,ptmxmode=666 none "$dev/pts"
	mount -t tmpfs -o mode=1777 none "$dev/shm"
	ln -s pts/ptmx "$dev/ptmx"
	ln -s /proc/self/fd "$dev/fd"
}
