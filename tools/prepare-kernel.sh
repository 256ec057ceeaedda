# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Prepares a kernel's source so far that modules in Rust can be built against it. Debian's headers packages lack what
# they need (the metadata of the kernel's own crates), so it is made again from the same source, configuration and
# toolchain. That the outcome fits the kernel is checked. Sourced, under `set -e`, by what has a function `die MESSAGE`.

# unpack_source TARBALL FOLDER
unpack_source() {
	mkdir -p "$2"
	tar -xf "$1" -C "$2" --strip-components=1
}

# prepare_kernel SOURCE OUT HEADERS RELEASE CC: makes the build folder OUT for the kernel RELEASE, whose .config and
# Module.symvers are in the folder HEADERS, with the C compiler that it was built with.
prepare_kernel() {
	local source=$1 out=$2 headers=$3 release=$4 cc=$5
	local make=(make -C "$source" O="$out" CC="$cc" -j"$(nproc)")
	mkdir -p "$out"
	cp "$headers/.config" "$out/.config"
	name_release "$source" "$out" "$release"
	"${make[@]}" olddefconfig
	check_config "$headers/.config" "$out/.config"
	"${make[@]}" prepare modules_prepare
	cp "$headers/Module.symvers" "$out/Module.symvers"
	check_release "$out" "$release"
	check_rust_names "$out"
}

# The part of the release that the source does not know by itself.
name_release() {
	local upstream
	upstream=$(make -s -C "$1" kernelversion)
	printf '%s' "${3#"$upstream"}" >"$2/localversion"
}

# A toolchain that lacks something makes options change or disappear.
check_config() {
	local differ
	differ=$(diff <(options "$1") <(options "$2") | sed -n 's/^[<>] //p' | head -n 3 | tr '\n' ' ')
	[ -z "$differ" ] || die "with this toolchain the kernel's configuration changes (${differ% }): it does not fit"
	grep -q '^CONFIG_RUST=y' "$2" || die "the kernel was built without CONFIG_RUST: no module in Rust can be loaded into it"
}

# Which revision of one compiler it was makes no difference.
options() { grep '^CONFIG_' "$1" | grep -v '^CONFIG_CC_VERSION_TEXT=' | sort; }

check_release() {
	local made
	made=$(cat "$1/include/config/kernel.release")
	[ "$made" = "$2" ] || die "the prepared kernel calls itself $made, not $2: the source is of another version"
}

# Names of Rust symbols carry a hash of the compiler: they agree only if that does.
check_rust_names() {
	local made=$1/rust/names-made stock=$1/rust/names-stock differ
	grep -hoE '\b_R[[:alnum:]_]+' "$1"/rust/exports_*_generated.h | sort -u >"$made"
	awk '$2 ~ /^_R/ { print $2 }' "$1/Module.symvers" | sort -u >"$stock"
	[ -s "$stock" ] || die "the kernel exports no Rust symbols"
	differ=$(comm -3 "$made" "$stock" | wc -l)
	[ "$differ" = 0 ] || die "$differ Rust symbols of the prepared kernel differ from the real one's: the toolchain does not fit"
	echo "$(wc -l <"$stock") Rust symbols agree"
}
