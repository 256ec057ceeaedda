# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Builds a debug kernel out of the lab's source: what to build modules against, and what guests boot. Sourced after
# lib.sh.

. "$LAB_SCRIPTS/modules.sh"

# make_debug_kernel OUT IMAGE FRAGMENTS MAKE-ARGUMENT…: IMAGE is the file of the build folder that is booted.
make_debug_kernel() {
	local out=$1 image=$2 fragments=$3 source release
	shift 3
	source=$(step_dir kernel)/source
	mkdir -p "$out/O"
	kbuild() { nice make -C "$source" O="$out/O" -j"$(nproc)" "$@"; }

	configure "$out/O" "$fragments" "$@"
	kbuild "$@" "$image" modules
	kbuild "$@" modules_install INSTALL_MOD_PATH="$out/installed/usr"
	release=$(cat "$out/O/include/config/kernel.release")
	ln -s usr/lib "$out/installed/lib"
	pack_modules "$out/installed" "$release" "$out/modules.cpio" ''
	mv "$out/O/$image" "$out/kernel"
	printf '%s\n' "$release" >"$out/release"
	clean_up "$out"
}

# Nothing is on but what the fragments ask for and what that needs.
configure() {
	local folder=$1 fragments=$2
	shift 2
	(cd "$LAB_SCRIPTS/kernels" && cat $fragments) >"$folder/wanted.config"
	kbuild "$@" KCONFIG_ALLCONFIG="$folder/wanted.config" allnoconfig
	check_options "$folder/wanted.config" "$folder/.config"
}

# Kconfig drops without a word what it cannot satisfy.
check_options() {
	local wanted=$1 found=$2 line name lost=()
	while read -r line; do
		name=${line%%=*}
		case $line in
		CONFIG_*=n) ! grep -q "^$name=" "$found" || lost+=("$name (wanted off)") ;;
		CONFIG_*) grep -qxF "$line" "$found" || lost+=("$line") ;;
		esac
	done <"$wanted"
	[ ${#lost[@]} = 0 ] || die "this kernel's configuration cannot have: ${lost[*]}"
}

# Modules are built against the rest.
clean_up() {
	rm -rf "$1/installed" "$1/O"/vmlinux* "$1/O"/linux "$1/O"/.tmp_vmlinux*
	find "$1/O" \( -name '*.o' -o -name '*.a' -o -name '*.ko' -o -name '*.cmd' \) -path "$1/O/*/*" \
		! -path "$1/O/scripts/*" ! -path "$1/O/tools/*" -delete
	du -sh "$1"
}
