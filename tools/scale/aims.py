# SPDX-License-Identifier: GPL-2.0
"""What is aimed at, and whether it is met."""

from dataclasses import dataclass

from figures import HOLDS, TIMES

# All in, per idle peer.
MAX_BYTES = 1024
# Of the same work per peer, with most peers to that with fewest.
MAX_GROWTH = 2.0
# The C driver's time to ours, with as many peers as it can have here.
MIN_SPEEDUP = 10
COMPARED_SIZE = 100_000
# Of RTNL at a time, in milliseconds.
MAX_HOLD = 20
# Of instructions per packet, with most peers to that with fewest.
MAX_LOOKUP = 1.3

# With fewer peers, what comes once outweighs them.
LEAST_SIZE = 10_000

REMOVALS = ("remove", "clear", "delete")


@dataclass
class Aim:
    words: str
    found: str
    holds: bool | None
    """None if it was not measured."""

    @property
    def missed(self):
        return self.holds is False

    def __str__(self):
        verdict = {True: "met", False: "MISSED", None: "not measured"}[self.holds]
        return f"{verdict}: {self.words}" + (f" ({self.found})" if self.found else "")


def judge(results, skipped=()):
    """All aims. What would have taken too long is one that is missed."""
    for driver, size in skipped:
        yield Aim(f"{driver}: {size} peers can be measured", "would take too long", False)
    mine = [figures for figures in results if figures.driver == "ours" and figures.size >= LEAST_SIZE]
    other = next((figures for figures in results if figures.driver == "c" and figures.size == COMPARED_SIZE), None)
    yield memory(mine)
    for name in ("load", *REMOVALS):
        yield growth(mine, name)
    same = next((figures for figures in mine if figures.size == COMPARED_SIZE), None)
    for name in ("load", *REMOVALS):
        yield speedup(same, other, name)
    yield holds(mine)
    yield from lookups([figures for figures in results if figures.driver == "ours"])


def memory(mine):
    found = [(figures.bytes_per_peer(), figures.size) for figures in mine if figures.bytes_per_peer() is not None]
    words = f"at most {MAX_BYTES} bytes per idle peer, all in"
    if not found:
        return Aim(words, "", None)
    worst, size = max(found)
    return Aim(words, f"{worst:.0f} with {size} peers", worst <= MAX_BYTES)


def growth(mine, name):
    words = f"{TIMES[name]}: linear, at most {MAX_GROWTH} times as long per peer with most as with fewest"
    times = [figures.per_peer(name) for figures in mine]
    if len(times) < 2 or None in times:
        return Aim(words, "", None)
    ratio = times[-1] / times[0]
    return Aim(words, f"{ratio:.2f}, {mine[-1].size} and {mine[0].size} peers", ratio <= MAX_GROWTH)


def speedup(mine, other, name):
    words = f"{TIMES[name]}: at least {MIN_SPEEDUP} times as fast as the C driver with {COMPARED_SIZE} peers"
    times = [figures.per_peer(name) if figures else None for figures in (mine, other)]
    if None in times:
        return Aim(words, "", None)
    ratio = times[1] / times[0]
    return Aim(words, f"{ratio:.1f}", ratio >= MIN_SPEEDUP)


def holds(mine):
    words = f"RTNL is held for less than {MAX_HOLD} ms at a time"
    found = [(*longest, figures.size) for figures in mine if (longest := figures.longest_hold())]
    if not found:
        return Aim(words, "", None)
    time, name, size = max(found)
    return Aim(words, f"{time:.1f} ms: {HOLDS[name]}, {size} peers", time < MAX_HOLD)


def lookups(mine):
    for way in mine[-1].packets if mine else ():
        words = f"{way}: at most {MAX_LOOKUP} times the instructions per packet with most peers as with fewest"
        if len(mine) < 2:
            yield Aim(words, "", None)
            continue
        few, many = (figures.packets[way].total for figures in (mine[0], mine[-1]))
        found = f"{many / few:.3f}, {mine[-1].size} and {mine[0].size} peers"
        yield Aim(words, found, many <= MAX_LOOKUP * few)
