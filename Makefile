# SPDX-License-Identifier: GPL-2.0
#
# For people. What kbuild reads is Kbuild.
#
# Without KDIR everything happens in the lab (tools/lab), which makes itself on first use under build/.
# With KDIR=<prepared kernel build folder> the module is built against that kernel with the host's own tools.

LAB ?= $(CURDIR)/build/lab
export LAB

lab     := tools/lab/lab
in_root := tools/lab/in-root
kernel   = $(shell $(lab) path kernel)
cc      := $(shell . tools/lab/config; echo $$KERNEL_CC)

# Warnings are errors here, but not for a user with a kernel or a compiler that we have not seen.
strict := CC=$(cc) KCFLAGS=-Werror KRUSTFLAGS=-Dwarnings

.DEFAULT_GOAL := modules
MAKEFLAGS += --no-print-directory
.PHONY: modules modules_install test fuzz-guest demo shell deb lab fmt check-fmt clippy layers rust-analyzer test-dkms clean distclean help

ifdef KDIR
kdir := $(abspath $(KDIR))
name := $(shell cat $(kdir)/include/config/kernel.release 2>/dev/null || echo other)

modules:
	@tools/build-module $(name) $(kdir) modules
	@ln -sf build/module/$(name)/wireguard.ko wireguard.ko && echo "built wireguard.ko for Linux $(name)"

modules_install: modules
	@tools/build-module $(name) $(kdir) modules_install
else
modules:
	@$(lab) up kernel
	@$(in_root) tools/build-module stock $(kernel)/O $(strict) modules
	@ln -sf build/module/stock/wireguard.ko wireguard.ko && echo "built wireguard.ko for the lab's stock kernel"

modules_install:
	@echo "make modules_install needs KDIR=<build folder of the running kernel>" >&2; exit 1
endif

lab:
	@$(lab) up

test:
	@$(lab) up root
	@$(lab) up $$($(in_root) tools/run-tests --steps $(TESTS))
	@$(in_root) tools/run-tests $(TESTS)

# The suite `storm` for longer, and with other words for its program.
KERNELS ?= uml debug
MINUTES ?= 10
fuzz-guest:
	@$(lab) up root $(KERNELS) guest
	@$(in_root) tools/run-tests guest-fuzz $(foreach kernel,$(KERNELS),$(kernel)/module $(kernel)/kmod-build)
	@$(in_root) tools/storm "$(KERNELS)" $(MINUTES) "$(SEED)" "$(MORE)"

demo: modules
	@$(lab) up stock guest
	@$(in_root) tools/demo/run

shell: modules
	@$(lab) up stock guest
	@tools/lab/run-guest --shell --smp 2 --mem 1024 --module build/module/stock/wireguard.ko tools/lab/shell-rc

deb:
	@$(lab) up root
	@$(in_root) tools/build-deb

# On a machine of its own, with real installations: apart from the other tests, since it takes its time.
test-dkms: deb
	@$(lab) up machine stock guest
	@tools/test-dkms

fmt check-fmt layers:
	@$(lab) up root
	@$(in_root) tools/check-$(subst check-,,$@) $(if $(filter fmt,$@),--fix)

clippy:
	@$(lab) up kernel
	@$(in_root) tools/build-module clippy $(kernel)/O $(strict) CLIPPY=1 modules

rust-analyzer: modules
	@$(in_root) env KERNEL_CC=$(cc) tools/rust-analyzer $(kernel)

clean:
	@rm -rf build/module build/log build/cargo build/deb build/*.deb wireguard.ko src/bindings_generated.rs

distclean: clean
	@$(lab) clean
	@rm -rf build rust-project.json

help:
	@echo 'make                  build wireguard.ko for the stock kernel of the lab'
	@echo 'make KDIR=<folder>    build wireguard.ko for another prepared kernel, with this host'"'"'s tools'
	@echo 'make modules_install KDIR=<folder>'
	@echo 'make test             all checks and tests; TESTS="tunnel config" runs only those'
	@echo 'make fuzz-guest       a random storm over the module on the debug kernels; SEED=7 MINUTES=60 KERNELS=uml'
	@echo 'make demo             carry traffic between our module, wireguard-go and the C driver'
	@echo 'make shell            a shell in a guest with the module loaded; "exit" powers it off'
	@echo 'make deb              build the Debian package wireguard-rust-dkms'
	@echo 'make test-dkms        install that package on a Debian machine, and see what comes of it'
	@echo 'make lab              set up the lab'
	@echo 'make fmt              format the Rust sources'
	@echo 'make check-fmt, make clippy, make layers'
	@echo 'make rust-analyzer    write rust-project.json for the editor'
	@echo 'make clean            remove what was built, keep the lab'
	@echo 'make distclean        remove everything under build/'
	@echo
	@echo 'DUT=intree            with test or demo: the C driver takes the place of our module'
	@echo 'ACCEL=kvm             run guests with KVM instead of TCG'
	@echo 'LAB=<folder>          where the lab is (default build/lab)'
