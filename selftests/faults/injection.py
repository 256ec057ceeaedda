# SPDX-License-Identifier: GPL-2.0
"""Allocations that fail on purpose, by the kernel's failslab and fail_page_alloc.

Failures are aimed at one *site* at a time: a call in the module's code (tools/fault-sites), which the stack of whoever
asks for memory has to show. So what was failed, and how often, needs no log to be known.
"""

import os
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DEBUGFS = Path("/sys/kernel/debug")
SECTIONS = Path("/sys/module/wireguard/sections")
PLENTY = 1 << 30

# Frames between an allocation and the module. Behind them are others: who sends, when what is sent is received at once.
DEPTH = 28


@dataclass(frozen=True)
class Site:
    section: str
    offset: int
    """Of the instruction behind the call."""
    asks: bool
    """By itself; or through a wrapper, which has sites of its own."""
    name: str


def read_sites(path):
    with open(path, encoding="ascii") as file:
        for line in file:
            section, offset, kind, name = line.rstrip("\n").split(" ", 3)
            yield Site(section, int(offset, 16), kind == "asks", name)


class Knobs:
    """The files of one kind of failure."""

    def __init__(self, kind):
        self.folder = DEBUGFS / kind
        self.files = {path.name: os.open(path, os.O_WRONLY) for path in self.folder.iterdir()}

    def set(self, name, value):
        if name in self.files:
            os.write(self.files[name], str(value).encode())

    def get(self, name):
        return int((self.folder / name).read_text())


class Injection:
    """Failures at one site after the other, and the count of them."""

    def __init__(self, sites):
        self.sites = sites
        self.kinds = [Knobs("failslab"), Knobs("fail_page_alloc")]
        self.nth = os.open("/proc/thread-self/fail-nth", os.O_RDWR)
        self.bases = {}
        self.failed = Counter()
        for name, value in {
            "probability": 0, "verbose": 0, "space": 0, "stacktrace-depth": DEPTH, "task-filter": "N",
            "cache-filter": "N", "ignore-gfp-wait": "N", "ignore-gfp-highmem": "N", "min-order": 0,
        }.items():  # fmt: skip
            self.set(name, value)

    def set(self, name, value):
        for kind in self.kinds:
            kind.set(name, value)

    def missed(self):
        return [site for site in self.sites if not self.failed[site]]

    def locate(self):
        """Notes where the module is. It comes to lie there again when it is next loaded, or its sites are missed."""
        self.bases = {path.name: int(path.read_text(), 16) for path in SECTIONS.iterdir() if "text" in path.name}

    def address(self, site):
        return self.bases[site.section] + site.offset

    def aim(self, *sites):
        """At sites that are next to each other in the code."""
        self.aim_between(self.address(sites[0]), self.address(sites[-1]) + 1)

    def aim_everywhere(self):
        """At all that the module's code asks for."""
        self.aim_between(min(self.bases.values()), max(self.bases.values()) + (1 << 20))

    def aim_between(self, start, end):
        self.set("require-start", hex(start))
        self.set("require-end", hex(end))

    @contextmanager
    def counting(self, sites):
        """Fails nothing, and counts how often this thread asks at these sites."""
        self.aim(*sites)
        fault = Fault(self, None)
        os.pwrite(self.nth, str(PLENTY).encode(), 0)
        try:
            yield fault
        finally:
            fault.count = PLENTY - int(os.pread(self.nth, 32, 0))
            os.pwrite(self.nth, b"0", 0)

    def left(self):
        return sum(kind.get("times") for kind in self.kinds)

    @contextmanager
    def failing(self, site, nth):
        """Fails the nth allocation that this thread makes at a site, or none if it makes fewer."""
        self.aim(site)
        self.set("times", PLENTY)
        fault = Fault(self, site)
        os.pwrite(self.nth, str(nth).encode(), 0)
        try:
            yield fault
        finally:
            os.pwrite(self.nth, b"0", 0)
            fault.end()

    @contextmanager
    def failing_anyone(self, site, times=1, interval=1):
        """Fails allocations at a site whoever makes them: each that is the last of `interval`, `times` altogether."""
        self.aim(site)
        with self.armed(site, times, interval) as fault:
            yield fault

    @contextmanager
    def failing_slab(self, site):
        """Fails one allocation at a site whoever makes it, from a slab: such a one has nothing to fall back on."""
        self.aim(site)
        with self.armed(site, 1, 1, self.kinds[:1]) as fault:
            yield fault

    @contextmanager
    def failing_all(self):
        """Fails whatever the module's code asks for."""
        self.aim_everywhere()
        with self.armed(None, PLENTY, 1) as fault:
            yield fault

    @contextmanager
    def armed(self, site, times, interval, kinds=None):
        for kind in self.kinds:
            kind.set("times", times if kinds is None or kind in kinds else 0)
        self.set("interval", interval)
        fault = Fault(self, site)
        self.set("probability", 100)
        try:
            yield fault
        finally:
            self.set("probability", 0)
            fault.end()


class Fault:
    """What was failed while it was wanted."""

    def __init__(self, injection, site):
        self.injection = injection
        self.site = site
        self.before = injection.left()
        self.count = 0

    def happened(self):
        return self.count or self.injection.left() != self.before

    def end(self):
        self.count = self.before - self.injection.left()
        if self.site:
            self.injection.failed[self.site] += self.count
