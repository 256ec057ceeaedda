# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the images of guests have in common. Sourced after lib.sh, in the userland.

# What every guest has that no package brings: make_skeleton TREE
make_skeleton() {
	local tree=$1 dir
	mkdir -p "$tree"/{dev,etc/modprobe.d,proc,sys,run,tmp,root,var,usr/lib/modules}
	for dir in bin sbin lib lib64; do
		mkdir -p "$tree/usr/$dir"
		[ -L "$tree/$dir" ] || ln -s "usr/$dir" "$tree/$dir"
	done
	[ -L "$tree/var/run" ] || ln -s ../run "$tree/var/run"
	# Nothing but an explicit modprobe loads the in-tree driver: it must not take the place of the one under test.
	echo 'blacklist wireguard' >"$tree/etc/modprobe.d/wireguard.conf"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$tree/etc/hosts"
	install -m 755 "$LAB_SCRIPTS/guest-init" "$tree/init"
}

# pack_image TREE FOLDER
pack_image() {
	pack "$1" "$2/initramfs.cpio"
	rm -rf "$1"
	ls -l "$2"
}
