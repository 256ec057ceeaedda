# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the lab's scripts share: places, messages, and the keys that name what a step has made.

set -euo pipefail

LAB_SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TREE=$(cd "$LAB_SCRIPTS/../.." && pwd)
LAB=$(realpath -m "${LAB:-$TREE/build/lab}")

. "$LAB_SCRIPTS/config"

say() { printf '%s\n' "$*" >&2; }
die() { printf 'lab: %s\n' "$*" >&2; exit 1; }

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -- "$@"; fi
}

# A short name for the contents of some files and the values of some words: key_of FILE… -- WORD…
key_of() {
	{
		while [ $# -gt 0 ] && [ "$1" != -- ]; do cat "$1"; shift; done
		printf '%s\n' "$@"
	} | sha256sum | cut -c1-12
}

# Keys hang on each other, so a change upstream makes everything downstream anew. The kernel's build folder holds
# absolute paths: it belongs to the place it was made in.
root_key() {
	key_of "$LAB_SCRIPTS/steps/root" "$LAB_SCRIPTS/debian.sh" -- "$DEBIAN_SUITE" "$TOOLCHAIN_PACKAGES" "$PACKAGING_PACKAGES" "$QEMU_PACKAGES"
}
packages_key() {
	key_of "$LAB_SCRIPTS/steps/packages" -- "$(root_key)" "$KERNEL_SERIES" "$KERNEL_RELEASE" "$KERNEL_DEBIAN" "$KERNEL_FLAVOUR"
}
kernel_key() {
	key_of "$LAB_SCRIPTS/steps/kernel" "$TREE/tools/prepare-kernel.sh" -- "$(packages_key)" "$KERNEL_CC" "$LAB"
}
stock_key() {
	key_of "$LAB_SCRIPTS/steps/stock" "$LAB_SCRIPTS/modules.sh" -- "$(packages_key)" "$GUEST_MODULES"
}
boringtun_key() {
	key_of "$LAB_SCRIPTS/steps/boringtun" -- "$(root_key)" "$BORINGTUN_VERSION"
}
observers_key() {
	key_of "$LAB_SCRIPTS/steps/observers" "$LAB_SCRIPTS/unpack.sh" -- "$(root_key)" "$OBSERVER_PACKAGES"
}
tracers_key() {
	key_of "$LAB_SCRIPTS/steps/tracers" "$LAB_SCRIPTS/unpack.sh" -- "$(root_key)" "$TRACER_PACKAGES"
}
classifiers_key() {
	key_of "$LAB_SCRIPTS/steps/classifiers" "$LAB_SCRIPTS/unpack.sh" "$LAB_SCRIPTS"/wheels/*.txt -- \
		"$(root_key)" "$CLASSIFIER_PACKAGES"
}
userland_key() {
	key_of "$LAB_SCRIPTS/steps/userland" "$LAB_SCRIPTS/debian.sh" -- \
		"$DEBIAN_SUITE" "$IMAGE_PACKAGES" "$GUEST_PACKAGES" "$TOOLS_PACKAGES" "$OLD_TOOLS"
}
guest_key() {
	key_of "$LAB_SCRIPTS/steps/guest" "$LAB_SCRIPTS/image.sh" "$LAB_SCRIPTS/guest-init" -- "$(userland_key)"
}
tools_key() {
	key_of "$LAB_SCRIPTS/steps/tools" "$LAB_SCRIPTS/image.sh" "$LAB_SCRIPTS/guest-init" -- "$(userland_key)"
}

machine_key() {
	key_of "$LAB_SCRIPTS/steps/machine" "$LAB_SCRIPTS/debian.sh" "$TREE/packaging/debian/control" -- \
		"$(packages_key)" "$KERNEL_OTHER_FLAVOUR"
}

uml_key() { debug_kernel_key uml; }
debug_key() { debug_kernel_key debug; }
kcsan_key() { debug_kernel_key kcsan; }
speed_key() {
	key_of "$LAB_SCRIPTS/steps/speed" "$LAB_SCRIPTS/debug-kernel.sh" "$LAB_SCRIPTS/modules.sh" \
		"$LAB_SCRIPTS/kernels/speed.config" -- "$(kernel_key)"
}
debug_kernel_key() {
	key_of "$LAB_SCRIPTS/steps/$1" "$LAB_SCRIPTS/debug-kernel.sh" "$LAB_SCRIPTS/modules.sh" \
		"$LAB_SCRIPTS/kernels/common.config" "$LAB_SCRIPTS/kernels/$1.config" -- "$(kernel_key)"
}

# Where the result of a step is, whether or not it has been made yet.
step_dir() { printf '%s/%s-%s\n' "$LAB" "$1" "$("${1}_key")"; }
step_done() { [ -e "$1/.done" ]; }

# pack TREE FILE: as an archive that a kernel unpacks at boot; several may be put behind each other.
pack() {
	(cd "$1" && find . -print0 | LC_ALL=C sort -z | cpio --quiet -0 -o -H newc -R 0:0) >"$2"
}
