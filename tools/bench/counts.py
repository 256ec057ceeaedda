# SPDX-License-Identifier: GPL-2.0
"""What count.c has written, by symbol and by bucket, and what of it are calls out of a module."""

import re
import subprocess
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field

# Arithmetic that any driver must do; its amount depends on the number of bytes.
CRYPTO = re.compile(r"chacha|poly1305|blake2s|curve25519")

# What moves or sums bytes. Each round of a repeated string instruction counts as one instruction.
COPY = re.compile(
    r"_*(memcpy|memmove)(_orig|_erms)?$|rep_movs_alternative$|_*copy_(from|to)_(iter|user)$"
    r"|_*csum_partial|csum_and_copy|copy_page"
)

# What clears bytes, or fills them.
CLEAR = re.compile(r"_*memset(_orig|_erms)?$|rep_stos_alternative$|_*clear_(high)?pages?|_*clear_user$")

# Those that take other instructions for it than string instructions, too: assembly, which stores nothing else.
COPY_BY_STORES = re.compile(r"_*(memcpy|memmove)(_orig|_erms)?$|csum_partial_copy_generic$")
CLEAR_BY_STORES = re.compile(r"_*memset(_orig|_erms)?$|clear_page_orig$")

MODULE = "[wireguard]"

# What the names of Rust say more than a reader needs: a hash of each crate, and that this crate is ours.
NOISE = re.compile(r"\bwireguard(\[[0-9a-f]{16}\])?::|\[[0-9a-f]{16}\]")


class Symbols:
    """Names of code by address: those of a module with its name in brackets behind."""

    def __init__(self, pairs):
        self.addresses = [address for address, _ in pairs]
        self.names = [name for _, name in pairs]

    def find(self, address):
        index = bisect_right(self.addresses, address) - 1
        return self.names[index] if index >= 0 else "?"


def read_symbols(path):
    """Of /proc/kallsyms."""
    pairs = []
    for line in path.read_text().splitlines():
        address, kind, name = line.split(None, 2)
        if kind in "tTwW" and not name.startswith(".L"):
            pairs.append((int(address, 16), name.replace("\t", " ")))
    return Symbols(sorted(pairs))


def bucket_of(name):
    if name.endswith(MODULE):
        return "module"
    if CRYPTO.search(name):
        return "crypto"
    if COPY.match(name):
        return "copy"
    return "clear" if CLEAR.match(name) else "rest"


# Whose code a symbol is, by its name before it is made readable.
def room_of(name):
    if not name.endswith(MODULE):
        return "kernel"
    return "rust" if name.startswith("_R") else "c"


# Calls that leave a room, by the rooms that they lead from and to. What C calls in Rust goes through pointers.
WAYS = {("rust", "c"): "shim", ("rust", "kernel"): "direct", ("c", "kernel"): "by C"}


@dataclass
class Part:
    """What lay between two marks."""

    instructions: Counter = field(default_factory=Counter)
    """By symbol."""
    copied: Counter = field(default_factory=Counter)
    """Bytes, by symbol."""
    cleared: Counter = field(default_factory=Counter)
    """Bytes, by symbol."""
    calls: dict = field(default_factory=lambda: {way: Counter() for way in WAYS.values()})
    """Out of the module, by way and by what is called."""

    def add(self, line, symbols):
        address, size, times, target, moved, filled, stored = line
        name = symbols.find(int(address, 16))
        self.instructions[name] += int(size) * int(times)
        self.copied[name] += int(moved) + (int(stored) if COPY_BY_STORES.match(name) else 0)
        self.cleared[name] += int(filled) + (int(stored) if CLEAR_BY_STORES.match(name) else 0)
        if target != "0" and name.endswith(MODULE):
            self.add_calls(name, symbols.find(int(target, 16)), int(times))

    def add_calls(self, caller, called, times):
        way = WAYS.get((room_of(caller), room_of(called)))
        if way:
            self.calls[way][called] += times

    def counters(self):
        return [self.instructions, self.copied, self.cleared, *self.calls.values()]

    def map(self, change):
        """The same with each counter changed."""
        calls = {way: change(counter) for way, counter in self.calls.items()}
        return Part(change(self.instructions), change(self.copied), change(self.cleared), calls)


class Counts:
    """What the kernel did per packet: instructions by symbol and bucket, bytes copied and cleared, calls out of the module."""

    def __init__(self, part, packets):
        each = part.map(lambda counter: Counter({name: count / packets for name, count in counter.items() if count}))
        self.by_symbol = each.instructions
        buckets = Counter()
        for name, count in self.by_symbol.items():
            buckets[bucket_of(name)] += count
        self.crypto = buckets["crypto"]
        self.copy = buckets["copy"]
        self.clear = buckets["clear"]
        self.w = buckets["module"]
        self.n = buckets["module"] + buckets["rest"]
        self.total = self.by_symbol.total()

        self.copied_by, self.cleared_by = each.copied, each.cleared
        self.copied, self.cleared = each.copied.total(), each.cleared.total()

        self.shim_calls = each.calls["shim"]
        self.direct_calls = each.calls["direct"]
        self.kernel_calls = each.calls["direct"] + each.calls["by C"]
        self.shims = self.shim_calls.total()
        self.direct = self.direct_calls.total()
        self.kernel = self.kernel_calls.total()


def read_counts(path, symbols):
    """The parts, with the names of symbols as they were written."""
    parts = []
    for line in path.read_text().splitlines():
        words = line.split()
        if words[0] == "section":
            parts.append(Part())
        elif words[0] != "user":
            parts[-1].add(words, symbols)
    return [readable(part) for part in parts]


def readable(part):
    """With the names that Rust mangles as they were written."""
    names = sorted({name for counter in part.counters() for name in counter})
    plain = subprocess.run(["c++filt"], input="\n".join(names), stdout=subprocess.PIPE, text=True, check=True).stdout
    written = dict(zip(names, (plain_name(name) for name in plain.splitlines()), strict=True))
    return part.map(lambda counter: renamed(counter, written))


def plain_name(name):
    return NOISE.sub("", name).replace(f" {MODULE}", MODULE)


def renamed(counter, written):
    counts = Counter()
    for name, count in counter.items():
        counts[written[name]] += count
    return counts
