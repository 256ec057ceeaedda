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
.PHONY: modules modules_install test test-repeats bench bench-latency flood bench-allowed-ips bench-diff bench-native bench-rehearsal scale demo judge shell deb lab fmt check-fmt clippy layers panics unsafe-report rust-analyzer test-dkms loom sanitize test-kcsan proofs fuzz-guest soak awg-matrix awg-sets awg-messages speed-module fuzz faults faults-coverage clean distclean help

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

# What costs much and finds mostly what was found on another kernel.
test-repeats:
	@$(MAKE) test TESTS=repeats

# On a kernel of its own, which is slow: apart from the other tests, too.
test-kcsan:
	@$(MAKE) test TESTS='kcsan/*'

# The suite `storm` for longer, and with other words for its program.
KERNELS ?= uml debug
fuzz-guest:
	@$(lab) up root $(KERNELS) guest
	@$(in_root) tools/run-tests guest-fuzz $(foreach kernel,$(KERNELS),$(kernel)/module $(kernel)/kmod-build)
	@$(in_root) tools/storm "$(KERNELS)" $(or $(MINUTES),10) "$(SEED)" "$(MORE)"

# Long runs on two CPUs: a hub whose peers change, and a million packets that have to stay in order.
KERNEL ?= stock
soaked  = wire-peer $(addsuffix /,$(filter-out stock,$(KERNEL)))module
on_two = tools/lab/run-guest --kernel $(KERNEL) --smp 2 --mem 1024 --module build/module/$(KERNEL)/wireguard.ko
soak:
	@$(lab) up root
	@$(lab) up $(KERNEL) guest $$($(in_root) tools/run-tests --steps $(soaked))
	@$(in_root) tools/run-tests $(soaked)
	@$(on_two) --timeout $$(($(or $(MINUTES),30) * 180 + 600)) --append soak=$(or $(MINUTES),30) selftests/soak.sh
	@$(on_two) --timeout 7200 --append order=1000000 --file build/cargo/guest/release/order selftests/order.sh

# $(call quietly,NAME,SUITE…): builds, of which only what fails is shown.
quietly = mkdir -p build && $(in_root) tools/run-tests $(2) >build/$(1).log || { tail -20 build/$(1).log >&2; exit 1; }

# What scripts in Python have in common.
netlink_clients = $(addprefix --file ,$(wildcard selftests/netlink/*.py))

# All rows of the suite `awg-interop`, and random settings by the hundred thousand: with KASAN, in user-mode Linux.
with_kasan = tools/lab/run-guest --kernel uml --image tools --mem 1408 --module build/module/uml/wireguard.ko \
	$(netlink_clients)
awg-matrix awg-sets:
	@$(lab) up uml tools
	@$(call quietly,$@,uml/module awg-relay-build flood-build)
	@$($@)
awg-matrix = $(with_kasan) --timeout 1800 --append matrix=all \
	$(addprefix --file build/cargo/guest/release/,awg-relay flood) selftests/awg-interop.sh
awg-sets = $(with_kasan) --timeout 7200 --append sets=$(or $(SETS),100000) selftests/awg-netlink.sh

# AmneziaWG's messages of all sizes by the million, none of which is taken for another: in user-mode Linux at native speed.
awg-messages: speed-module
	@$(lab) up tools
	@$(call quietly,$@,flood-build)
	@tools/lab/run-guest --kernel speed --image tools --mem 1024 --timeout 7200 --append messages=$$(($(or $(MESSAGES),10000000) / 4)) \
		--module build/module/speed/wireguard.ko $(netlink_clients) \
		$(addprefix --file build/cargo/guest/release/,order flood) selftests/awg.sh

fuzz:
	@$(lab) up root
	@$(in_root) tools/fuzz/run --seconds $(or $(SECONDS),60) --jobs $(or $(JOBS),1) $(TARGETS)

# Provokes drops of all kinds, and sees each counted by its name.
faults:
	@$(MAKE) test TESTS='drops-table drops uml/drops uml/drops-forced'

# Fails more allocations than `make test` does, and tells how often each was failed that the driver makes.
faults-coverage:
	@$(lab) up root
	@$(lab) up uml tools
	@$(in_root) tools/run-tests uml/fault-sites
	@tools/lab/run-guest --kernel uml --image tools --mem 1152 --timeout 3600 --append faults=all \
		--module build/module/uml/wireguard.ko --file build/module/uml/wireguard.sites \
		$(netlink_clients) $(addprefix --file ,$(wildcard selftests/faults/*.py)) selftests/faults.sh

# What the options mean: tools/bench/bench --help.
option = $(if $($(1)),--$(2) "$($(1))")
flag = $(if $($(1)),--$(2))
bench_options = $(call option,WORKLOADS,workloads) $(call option,CPUS,cpus) $(call option,PEERS,peers) \
	$(call option,OUTSIDE,outside) $(call option,SCALE,scale) $(call option,SYMBOLS,symbols) $(call option,CALLS,calls) \
	$(call option,JOBS,jobs) $(call flag,REVERSE,reverse) $(call flag,GRO,gro) $(call flag,TRANSMIT_ONLY,transmit-only) \
	$(call flag,TRACE,trace)

# The drivers of AmneziaWG are set up by a program of the tree.
with_guises = $(if $(findstring awg,$(DRIVERS)),@$(call quietly,wgobf,wgobf-build))

bench: modules
	@$(lab) up stock guest
	$(with_guises)
	@$(in_root) tools/bench/bench $(call option,DRIVERS,drivers) $(bench_options)

# What a lookup among many allowed IPs takes, and what they take in memory.
bench-allowed-ips: modules
	@$(lab) up stock guest
	@$(in_root) tools/bench/allowed-ips $(if $(SIZES),--sizes $(SIZES))

# How long pings take beside streams of TCP.
bench-latency: modules
	@$(lab) up stock guest
	@$(in_root) tools/bench/latency $(call option,CPUS,cpus) $(call option,STREAMS,streams) $(call option,COUNT,count)

# What becomes of a device that is flooded, and of those who use it.
flood: modules
	@$(lab) up stock guest
	@$(call quietly,$@,flood-build)
	@$(in_root) tools/bench/flood $(call option,KINDS,kinds) $(call option,PARTS,parts) $(call option,COUNT,count)

# What has changed since another commit, by symbol.
bench-diff: modules
	@$(lab) up stock guest
	@old=$$(tools/bench/build-revision "$(REV)" $(kernel)/O $(strict)) && \
		$(in_root) tools/bench/bench --against "$$old" --symbols 12 $(bench_options)

# A kernel for native speed, which takes some ten minutes to build, and the driver for it.
speed-module:
	@$(lab) up root speed guest
	@mkdir -p build
	@$(in_root) tools/build-module speed $$($(lab) path speed)/O ARCH=um CC=$(cc) modules >build/speed.log 2>&1 || \
		{ echo "the module does not build for user-mode Linux (log: build/speed.log)" >&2; exit 1; }

# At native speed.
bench-native: speed-module
	$(with_guises)
	@$(in_root) tools/bench/native $(call option,WORKLOADS,workloads) $(call option,DRIVERS,drivers) $(call option,CPUS,cpus) \
		$(call option,ROUNDS,rounds) $(call option,SCALE,scale)

# The comparison for two real machines, between two namespaces of a guest.
bench-rehearsal: modules
	@$(lab) up stock guest tools
	@mkdir -p build/bench
	@$(in_root) $(cc) -O2 -Wall -Wextra -Werror -o build/bench/probe tools/bench/hw/probe.c
	@tools/lab/run-guest --image tools --smp 2 --mem 1152 --timeout 1800 --module build/module/stock/wireguard.ko \
		--file build/bench/probe --file tools/bench/hw/compare tools/bench/hw/rehearse.sh

# Peers by the thousand and by the million.
scale: modules
	@$(lab) up stock guest
	@$(call quietly,$@,scale-build)
	@$(in_root) tools/scale/measure $(call option,SIZES,sizes) $(call option,DRIVERS,drivers) $(call option,JOBS,jobs)

# What classifiers would say of real tunnels, captured in a guest. What is known of them beforehand is checked.
judge:
	@$(lab) up root
	@$(lab) up $$($(in_root) tools/run-tests --steps judge)
	@mkdir -p build/judge
	@$(in_root) tools/run-tests judge >build/judge/log || { grep -A3 '^not ok' build/judge/log >&2; \
		echo "judge: a control has failed, or the guest (log: build/judge/log)" >&2; exit 1; }
	@cat build/judge/tables && echo "plots: build/judge/*.svg; captures: build/log/judge/files"

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

# More interleavings than in `make test`, and all mistakes that the models must notice.
loom:
	@$(lab) up root
	@$(in_root) tools/test-loom --deeper

# The driver's data structures and the protocol core, in user space, for use of memory that is not theirs.
sanitize:
	@$(lab) up root
	@$(in_root) tools/test-sanitized

fmt check-fmt layers:
	@$(lab) up root
	@$(in_root) tools/check-$(subst check-,,$@) $(if $(filter fmt,$@),--fix)

panics: modules
	@$(in_root) tools/check-panics $(kernel)/O build/module/stock/wireguard.ko && echo "no way into a panic"

unsafe-report:
	@$(lab) up root
	@$(in_root) tools/unsafe-report

clippy:
	@$(lab) up kernel
	@$(in_root) tools/build-module clippy $(kernel)/O $(strict) CLIPPY=1 modules

proofs:
	@$(lab) up root
	@$(in_root) tools/proofs/prove --self-test
	@$(in_root) tools/proofs/prove
	@$(in_root) tools/proofs/prove --planted

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
	@echo 'make soak             half an hour of change, and a million packets in order; MINUTES=60 KERNEL=debug'
	@echo 'make awg-matrix       our kind amneziawg and another AmneziaWG: versions, options and who begins, each with each'
	@echo 'make fuzz             fuzz for longer: SECONDS=600 for each target, TARGETS="timers netlink", JOBS=2 at once'
	@echo 'make faults           have packets dropped for every reason that can be provoked, and see each counted'
	@echo 'make faults-coverage  fail every allocation of the driver; a table of them'
	@echo 'make bench            instructions, calls and bytes copied per packet, our module and the C driver; WORKLOADS="udp64 rtt" CPUS=2 SYMBOLS=20 CALLS=20'
	@echo 'make bench-latency    pings beside a stream of TCP; CPUS=2 STREAMS=4 COUNT=1000'
	@echo 'make flood            floods of handshakes, our module and the C driver; KINDS="spoofed mix" PARTS="cost" COUNT=1000'
	@echo 'make bench-allowed-ips  lookups among up to a million allowed IPs, and their memory, beside C; SIZES="1000 100000"'
	@echo 'make bench-diff       what the working tree has changed of that, by symbol; REV=main is what it is compared with'
	@echo 'make bench-native     both at native speed, in user-mode Linux; coarse'
	@echo 'make awg-sets         a hundred thousand random settings of AmneziaWG, right and wrong ones, amid traffic; SETS=1000'
	@echo 'make awg-messages     ten million messages of AmneziaWG, none taken for another; MESSAGES=1000000'
	@echo 'make bench-rehearsal  the comparison for two real machines, in a guest (tools/bench/hw)'
	@echo 'make scale            what up to a million peers cost, our module and the C driver; SIZES="1000 10000" DRIVERS=ours'
	@echo 'make demo             carry traffic between our module, wireguard-go and the C driver'
	@echo 'make judge            what classifiers of traffic say of real tunnels, and plots of those'
	@echo 'make shell            a shell in a guest with the module loaded; "exit" powers it off'
	@echo 'make deb              build the Debian package wireguard-rust-dkms'
	@echo 'make test-dkms        install that package on a Debian machine, and see what comes of it'
	@echo 'make loom             the models of lock-free structures, with more interleavings'
	@echo 'make sanitize         the tests of user space, under AddressSanitizer'
	@echo 'make test-repeats     tests that "make test" runs on one kernel only, on others'
	@echo 'make test-kcsan       run those tests that make data races likely on a kernel that finds them'
	@echo 'make proofs           prove what Documentation/proofs.rst says, and find planted defects'
	@echo 'make lab              set up the lab'
	@echo 'make fmt              format the Rust sources'
	@echo 'make check-fmt, make clippy, make layers, make panics'
	@echo 'make unsafe-report    every use of unsafe, with its reasons'
	@echo 'make rust-analyzer    write rust-project.json for the editor'
	@echo 'make clean            remove what was built, keep the lab'
	@echo 'make distclean        remove everything under build/'
	@echo
	@echo 'DUT=intree            with test or demo: the C driver takes the place of our module'
	@echo 'ACCEL=kvm             run guests with KVM instead of TCG'
	@echo 'LAB=<folder>          where the lab is (default build/lab)'
