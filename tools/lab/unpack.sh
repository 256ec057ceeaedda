# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What steps have in common that unpack programs beside the root, without installing them in it, so that the root and all
# that hangs on it stay as they are. Sourced after lib.sh, in the root.

# unpack_packages FOLDER PACKAGE…: and what they need beyond the root, in FOLDER/tree.
unpack_packages() {
	local out=$1 package
	shift
	mkdir -p "$out/lists/partial" "$out/cache/archives/partial" "$out/tree"
	# Nothing is installed, so the lock of those who install is not needed.
	local apt=(-q -o Dir::State::lists="$out/lists" -o Dir::Cache="$out/cache" -o Acquire::Languages=none
		-o APT::Sandbox::User="$(id -un 2>/dev/null || id -u)" -o Debug::NoLocking=1)
	apt-get "${apt[@]}" -o APT::Update::Error-Mode=any update
	apt-get "${apt[@]}" -y --no-install-recommends --download-only install "$@"
	for package in "$out"/cache/archives/*.deb; do dpkg-deb -x "$package" "$out/tree"; done
	rm -rf "$out/lists" "$out/cache" "$out/tree"/usr/share/{doc,man,locale,lintian}
}

# start FOLDER PROGRAM [NAME=VALUE…]: FOLDER/bin has what starts the program with its own libraries.
start() {
	local out=$1 program=$2
	shift 2
	mkdir -p "$out/bin"
	{
		printf '#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0\n'
		printf 'export LD_LIBRARY_PATH=%q\n' "$out/tree/usr/lib/x86_64-linux-gnu"
		[ $# = 0 ] || printf 'export %q\n' "$@"
		printf 'exec %q "$@"\n' "$out/tree/usr/bin/$program"
	} >"$out/bin/$program"
	chmod 755 "$out/bin/$program"
}
