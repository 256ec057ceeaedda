# SPDX-License-Identifier: GPL-2.0
"""What count.c has written, by symbol and by bucket."""

import re
import subprocess
from bisect import bisect_right
from collections import Counter

# Arithmetic that any driver must do; its amount depends on the number of bytes.
CRYPTO = re.compile(r"chacha|poly1305|blake2s|curve25519")

# What moves, clears or sums bytes. Each round of a repeated string instruction counts as one instruction.
COPY = re.compile(
    r"_*(memcpy|memmove|memset)(_orig|_erms)?$|rep_(movs|stos)_alternative$|_*copy_(from|to)_(iter|user)$"
    r"|_*csum_partial|csum_and_copy|copy_page|clear_(high)?pages?"
)

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
    return "copy" if COPY.match(name) else "rest"


class Counts:
    """Instructions of the kernel per packet, by symbol."""

    def __init__(self, by_symbol):
        self.by_symbol = by_symbol
        buckets = Counter()
        for name, count in by_symbol.items():
            buckets[bucket_of(name)] += count
        self.crypto = buckets["crypto"]
        self.copy = buckets["copy"]
        self.w = buckets["module"]
        self.n = buckets["module"] + buckets["rest"]
        self.total = sum(by_symbol.values())


def read_counts(path, symbols):
    """The instructions by symbol of each part that lay between two marks."""
    parts = []
    for line in path.read_text().splitlines():
        words = line.split()
        if words[0] == "section":
            parts.append(Counter())
        elif words[0] != "user":
            address, size, times = int(words[0], 16), int(words[1]), int(words[2])
            parts[-1][symbols.find(address)] += size * times
    return [readable(part) for part in parts]


def readable(part):
    """With the names that Rust mangles as they were written."""
    plain = subprocess.run(["c++filt"], input="\n".join(part), stdout=subprocess.PIPE, text=True, check=True).stdout
    counts = Counter()
    for name, count in zip(plain.splitlines(), part.values(), strict=True):
        counts[NOISE.sub("", name).replace(f" {MODULE}", MODULE)] += count
    return counts
