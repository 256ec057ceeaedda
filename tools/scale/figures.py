# SPDX-License-Identifier: GPL-2.0
"""What measure.sh has found in one guest, and all of it as a table."""

from dataclasses import dataclass

# With fewer peers only packets are looked at: what comes once outweighs what comes for each peer.
LEAST_LIFE = 1000


@dataclass
class Figures:
    driver: str
    size: int
    found: dict[str, int]
    """Times in nanoseconds and memory in bytes, by name."""
    packets: dict
    """Counts of instructions per packet, by the way that packets go: see counts.py of tools/bench."""

    def get(self, name):
        return self.found.get(name)

    def per_peer(self, name):
        """Time for each peer, in microseconds."""
        time = self.get(name)
        return None if time is None else time / 1000 / self.found.get(f"{name}-count", self.size)

    def spent(self):
        """All that was timed, and the loads that were not."""
        loads = max(0, self.found["load"] - self.found.get("key", 0)) * 3
        return loads + sum(self.found.get(name, 0) for name in TIMES)

    def hold(self, name):
        """In milliseconds."""
        time = self.get(f"{name}-hold")
        return None if time is None else time / 1e6

    def longest_hold(self):
        """In milliseconds, and what was done then."""
        holds = [(self.hold(name), name) for name in HOLDS if self.hold(name) is not None]
        return max(holds, default=None)

    def bytes_per_peer(self, label="loaded"):
        """Memory that is not free any more, by any means."""
        return self.more(f"{label}-free", -1)

    def more(self, name, sign=1):
        """How much a figure has changed since there were no peers, for each peer."""
        label, _, kind = name.partition("-")
        before, after = self.get(f"before-{kind}"), self.get(f"{label}-{kind}")
        return None if None in (before, after) else sign * (after - before) / self.size

    def caches(self):
        """Bytes for each peer by slab cache, the largest first."""
        names = [name.removeprefix("loaded-slab:") for name in self.found if name.startswith("loaded-slab:")]
        grown = {name: (self.get(f"loaded-slab:{name}") - (self.get(f"before-slab:{name}") or 0)) / self.size for name in names}
        return sorted(((size, name) for name, size in grown.items() if size >= 8), reverse=True)

    def rate(self, name):
        """How many a second."""
        time, count = self.get(name), self.get(f"{name}-count")
        return count * 1e9 / time if time and count else None


# What is done, as its figures are called and as a reader calls it.
TIMES = {
    "load": "load",
    "list": "list, by a dump",
    "show": "wg show dump",
    "move": "move allowed IPs",
    "up": "link up",
    "down": "link down",
    "key": "new private key",
    "remove": "remove one by one",
    "remove-alone": "the same, a request each",
    "clear": "remove all at once",
    "delete": "delete the interface",
}
HOLDS = {"load": "load", "move": "move allowed IPs", "up": "link up", "down": "link down", "key": "new private key",
         "remove": "remove one by one", "clear": "remove all at once", "delete": "delete the interface"}  # fmt: skip
MEMORY = {"loaded-Slab": "in slabs", "loaded-VmallocUsed": "in vmalloc", "loaded-Percpu": "per CPU"}

# Which instructions per packet, by the name that Counts has for them.
INSTRUCTIONS = {"total": "total", "n": "N", "w": "W"}

# Parts that have a column for each size, and the way that packets go.
CURVES = {"Instructions per packet, transmit": "transmit", "Instructions per packet, receive": "receive"}

TITLE_WIDTH, WIDTH = 34, 14


def rows():
    """The title of each part, and its rows: their titles, and what of Figures they show with how many digits."""
    yield "Time per peer, µs", [(title, 2, lambda f, n=name: f.per_peer(n)) for name, title in TIMES.items()]
    yield "Longest hold of RTNL, ms", [(title, 2, lambda f, n=name: f.hold(n)) for name, title in HOLDS.items()]
    memory = [("all that is not free any more", 0, Figures.bytes_per_peer)]
    memory += [(title, 0, lambda f, n=name: f.more(n)) for name, title in MEMORY.items()]
    memory += [("not freed after removal", 0, lambda f: f.bytes_per_peer("removed"))]
    memory += [("not freed after deletion", 0, lambda f: f.bytes_per_peer("deleted"))]
    yield "Bytes per idle peer", memory
    yield "Handshakes", [("answered per second", 0, lambda f: f.rate("handshakes"))]
    for title, way in CURVES.items():
        yield title, [(name, 0, lambda f, w=way, n=what: getattr(f.packets[w], n)) for what, name in INSTRUCTIONS.items()]


def cell(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def table(results):
    """One column for each guest, in the form that Documentation/scale.rst has."""
    lines = []
    for title, part in rows():
        columns = results if title in CURVES else [figures for figures in results if figures.size >= LEAST_LIFE]
        head = [f"{figures.driver} {figures.size}" for figures in columns]
        lines += ["", f"{title:{TITLE_WIDTH}}" + "".join(f"{word:>{WIDTH}}" for word in head)]
        for name, digits, value in part:
            cells = [cell(value(figures), digits) for figures in columns]
            lines.append(f"  {name:{TITLE_WIDTH - 2}}" + "".join(f"{word:>{WIDTH}}" for word in cells))
    return "\n".join([*lines[1:], "", *caches(results)])


def caches(results):
    for figures in results:
        if figures.size < LEAST_LIFE:
            continue
        if listed := figures.caches():
            words = ", ".join(f"{name} {size:.0f}" for size, name in listed[:8])
            yield f"Slab caches, bytes per peer, {figures.driver} {figures.size}: {words}"
