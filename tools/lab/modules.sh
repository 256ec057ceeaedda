# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Packs the modules of a kernel for guests. Sourced after lib.sh.

# pack_modules FROM RELEASE FILE PATH…: of the modules installed under FROM those at PATH under kernel/ and what they
# depend on, unpacked: loading them is then quick under emulation. The archive goes behind the guest's own.
pack_modules() {
	local base=$1 release=$2 file=$3 tree path
	shift 3
	local from=$base/usr/lib/modules/$release
	tree=$(mktemp -d)
	local to=$tree/usr/lib/modules/$release
	mkdir -p "$to"
	cp "$from"/modules.{builtin,builtin.modinfo,order} "$to/"
	depmod -b "$base" "$release"
	for path in "$@"; do
		sed -n "s,^\(kernel/$path[^:]*\): *\(.*\),\1 \2,p" "$from/modules.dep"
	done | tr -s ' ' '\n' | sort -u | while read -r path; do
		[ -n "$path" ] || continue
		install -D -m 644 "$from/$path" "$to/$path"
	done
	find "$to" -name '*.xz' -exec xz -d {} +
	ln -s usr/lib "$tree/lib"
	depmod -b "$tree" "$release"
	rm "$tree/lib"
	pack "$tree" "$file"
	rm -rf "$tree"
}
