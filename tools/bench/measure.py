# SPDX-License-Identifier: GPL-2.0
"""Runs workloads in a guest whose instructions are counted."""

import ipaddress
import random
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
TREE = HERE.parents[1]
OUT = TREE / "build/bench"

sys.path.insert(0, str(TREE / "tools/lab"))
import guest  # noqa: E402
from counts import Counts, read_counts, read_symbols  # noqa: E402
from machine import ClockedQemu  # noqa: E402

# How much each workload moves: packets, and round trips of rtt.
AMOUNTS = {"udp64": 8192, "udp1380": 8192, "gso": 16384, "tcp": 16384, "rtt": 2048}

# Where addresses in tunnels are: 10.7.0.0/24.
TUNNELS = 0x0A070000

MOVED = re.compile(r"workload (\S+) moved (\d+) in \d+$")

# What the guest finds besides its script.
FILES = [TREE / "selftests/lib.sh", TREE / "selftests/tap.sh", HERE / "tunnels.sh", OUT / "traffic"]

WARNINGS = ["-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror"]


@dataclass
class Driver:
    """What carries the packets: a module, the kernel's own if there is none, or nothing but veth."""

    name: str
    module: Path | None = None
    tunnel: bool = True
    guise: dict[str, str] = field(default_factory=dict)
    """Settings of AmneziaWG, for both ends."""


C = Driver("c")
PLAIN = Driver("plain", tunnel=False)


MODULE = TREE / "build/module/stock/wireguard.ko"
WGOBF = TREE / "build/cargo/guest/release/wgobf"

# What is measured of AmneziaWG. Before their own settings, modes have those of the one before them.
JUNK = {"Jc": "5", "Jmin": "10", "Jmax": "50", "S1": "42", "S2": "108"}
RANGES = {
    "S3": "13", "S4": "12", "H1": "10000000-19999999", "H2": "20000000-29999999", "H3": "30000000-39999999",
    "H4": "1000000000-2000000000", "I1": "<b 0xc0ff><r 120>",
}  # fmt: skip
KEY = {"HeaderProtectionKey": "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s="}
PADDING = {"ContentPaddingAddition": "10-100"}
GUISES = {
    "awg-mask": {**KEY, **dict.fromkeys(("S1", "S2", "S3", "S4"), "12")},
    "awg-1.0": {**JUNK, "H1": "10000001", "H2": "20000002", "H3": "30000003", "H4": "1000000004"},
    "awg-2.0": {**JUNK, **RANGES},
    "awg-3.0": {**JUNK, **RANGES, **KEY, **PADDING},
    "awg-3.1": {**JUNK, **RANGES, **KEY, **PADDING, "RandomTrailers": "on", "DisableCookies": "on"},
}


def guised(name):
    return Driver(name, MODULE, guise=GUISES[name])


def ours(module=MODULE, name="ours"):
    return Driver(name, module)


@dataclass
class Setting:
    """What is measured, whatever the driver."""

    workloads: list[str] = field(default_factory=lambda: list(AMOUNTS))
    cpus: int = 1
    peers: int = 1
    outside: int = 4
    reverse: bool = False
    gro: bool = False
    transmit_only: bool = False
    prefixes: int = 0
    """How many allowed IPs besides those of the traffic the near end's first peer has."""
    trace: bool = False
    """Whether our tracepoints are on."""
    scale: float = 1
    seed: int = 42

    def environment(self, driver):
        flags = {"TUNNEL": driver.tunnel, "REVERSE": self.reverse, "GRO": self.gro, "TRANSMIT_ONLY": self.transmit_only}
        flags |= {"TRACE": self.trace and bool(driver.module)}
        return {
            "WORKLOADS": " ".join(f"{name}:{max(1, int(AMOUNTS[name] * self.scale))}" for name in self.workloads),
            "PEERS": str(self.peers),
            "OUTSIDE": str(self.outside),
            "PREFIXES": str(self.prefixes or ""),
            "GUISE": ";".join(f"{key} = {value}" for key, value in driver.guise.items()),
            **{name: "1" if value else "" for name, value in flags.items()},
        }

    def __str__(self):
        words = [f"{self.cpus} CPU{'s' if self.cpus > 1 else ''}", f"IPv{self.outside} outside"]
        words += [f"{self.peers} peers"] if self.peers > 1 else []
        words += ["from responder to initiator"] if self.reverse else []
        words += ["GRO in veth"] if self.gro else []
        words += ["traced"] if self.trace else []
        words += ["transmission only"] if self.transmit_only else []
        words += [f"{self.prefixes} more allowed IPs"] if self.prefixes else []
        return ", ".join(words)


class CountingQemu(ClockedQemu):
    """The same, with the instructions counted by block of code."""

    def __init__(self, out, seed):
        super().__init__(seed)
        self.out = out

    def accelerator(self):
        return [*super().accelerator(), "-plugin", f"{OUT / 'count.so'},out={self.out}"]


def chosen(words, known, what):
    words = words.split()
    for word in words:
        if word not in known:
            sys.exit(f"bench: there is no {what} {word}; there are {', '.join(known)}")
    if not words or len(set(words)) < len(words):
        sys.exit(f"bench: name each {what} once, out of {', '.join(known)}")
    return words


def compiler():
    config = TREE / "tools/lab/config"
    return subprocess.check_output(["bash", "-c", f'. "{config}"; echo "$KERNEL_CC"'], text=True).strip()


def build(compiler):
    """The plugin, and the program that the guest runs."""
    OUT.mkdir(parents=True, exist_ok=True)
    for target, options in (("count.so", ["-fPIC", "-shared"]), ("traffic", [])):
        source = HERE / f"{Path(target).stem}.c"
        subprocess.run([compiler, *WARNINGS, *options, "-o", OUT / target, source], check=True)


def need(module):
    if module and not module.exists():
        sys.exit(f"bench: there is no {module}: build it first, with make")


def empty_folder(kind, driver):
    """For what the guest of a driver leaves behind."""
    out = OUT / kind / driver.name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    return out


def prefixes(count, seed=1):
    """So many different IPv4 addresses other than those of tunnels, with their length, in no order."""
    chance, found = random.Random(seed), {}
    while len(found) < count:
        bits = chance.getrandbits(32)
        if bits >> 8 != TUNNELS >> 8:
            found[bits] = None
    return [f"{ipaddress.IPv4Address(bits)}/32" for bits in found]


def measure(driver, setting, told=None):
    """Measures one driver; returns its counts by workload. `told` gets what the guest says."""
    need(driver.module)
    if driver.guise:
        need(WGOBF)
    out = empty_folder("guest", driver)
    if setting.prefixes:
        (out / "prefixes").write_text("".join(f"AllowedIPs = {prefix}\n" for prefix in prefixes(setting.prefixes)))
    lines = [] if told is None else told
    problems = guest.run(job(driver, setting, out), emit=lines.append)
    moved = [match.groups() for match in map(MOVED.match, lines) if match]
    if problems or [name for name, _ in moved] != setting.workloads:
        raise RuntimeError("\n".join([f"no measurement of {driver.name}", *lines[-20:], *problems]))
    parts = read_counts(out / "counts", read_symbols(out / "symbols"))
    return {name: Counts(part, int(packets)) for (name, packets), part in zip(moved, parts, strict=True)}


def job(driver, setting, out):
    return guest.Job(
        script=HERE / "counted.sh",
        module=driver.module,
        smp=setting.cpus,
        mem=512 if setting.prefixes < 50_000 else 2048,
        timeout=3600,
        append="nokaslr mitigations=off cryptomgr.notests=1",
        files=[*FILES, *([out / "prefixes"] if setting.prefixes else []), *([WGOBF] if driver.guise else [])],
        environment=setting.environment(driver),
        machine=CountingQemu(out, setting.seed),
        reproducible=True,
        log=out,
    )
