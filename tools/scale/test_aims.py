# SPDX-License-Identifier: GPL-2.0
"""Checks that what misses an aim is said to, and nothing else."""

from dataclasses import dataclass

from aims import judge
from curves import panels, picture
from figures import Figures, table


@dataclass
class Packet:
    """As far as tools/bench has more in it, nobody asks."""

    total: float
    n: float = 1
    w: float = 1


PER_PEER = {"load": 10_000, "remove": 5_000, "clear": 3_000, "delete": 3_000}


def figures(driver, size, factor=1, packet=1000.0, **changes):
    """Sound ones, with times that are `factor` times as long."""
    found = {name: time * factor * size for name, time in PER_PEER.items()}
    found |= {"before-free": 2_000_000 + 900 * size, "loaded-free": 2_000_000, "load-hold": 19_000_000}
    found |= {name.replace("_", "-"): value for name, value in changes.items()}
    return Figures(driver, size, found, {way: Packet(packet) for way in ("transmit", "receive")})


def few(**changes):
    return figures("ours", 10_000, **changes)


def many(**changes):
    return figures("ours", 100_000, **changes)


def other(factor=20, size=100_000):
    return figures("c", size, factor)


# What it is, the figures, what was left out, and the beginnings of the aims that are then missed.
CASES = [
    ("sound figures miss nothing", [few(), many(), other()], [], []),
    ("too many bytes", [few(), many(before_free=2_000_000 + 1100 * 100_000), other()], [], ["at most 1024 bytes"]),
    ("a load that takes longer the more there are", [few(), many(load=2_100_000_000), other(50)], [], ["load: linear"]),
    ("a removal that does", [few(), many(remove=1_100_000_000), other(50)], [], ["remove one by one: linear"]),
    ("a removal of all that does", [few(), many(clear=700_000_000), other(50)], [], ["remove all at once: linear"]),
    ("a deletion that does", [few(), many(delete=700_000_000), other(50)], [], ["delete the interface: linear"]),
    ("no faster than the C driver", [few(), many(), other(9)], [],
     [f"{what}: at least 10 times" for what in ("load", "remove one by one", "remove all at once", "delete the interface")]),
    ("RTNL held for long once", [few(key_hold=20_000_000), many(), other()], [], ["RTNL is held"]),
    ("RTNL held for long by removals", [few(), many(remove_hold=25_000_000), other()], [], ["RTNL is held"]),
    ("packets that are dear among many", [few(), many(packet=1301.0), other()], [], ["transmit:", "receive:"]),
    ("peers that were left out", [few(), many(), other()], [("ours", 1_000_000)], ["ours: 1000000 peers"]),
]  # fmt: skip


def run():
    passed = True
    for number, (name, results, skipped, wanted) in enumerate(CASES, 1):
        missed = [aim.words for aim in judge(results, skipped) if aim.missed]
        ok = len(missed) == len(wanted) and all(map(str.startswith, missed, wanted)) and table(results)
        passed = passed and bool(ok)
        print(f"{'ok' if ok else 'not ok'} {number} - {name}")
        if not ok:
            print(f"# missed: {missed}")
    rest = {
        "of what was not measured nothing is said": all(aim.holds is None for aim in judge([], [])),
        "curves show what the table has": shows_the_table(),
    }
    for number, (name, ok) in enumerate(rest.items(), len(CASES) + 1):
        print(f"{'ok' if ok else 'not ok'} {number} - {name}")
    print(f"1..{len(CASES) + len(rest)}")
    return passed and all(rest.values())


def shows_the_table():
    """Each figure at its size, in the line of its driver, also out of a text around it; and nothing that is not there."""
    text = f"Figures::\n\n{table([few(), many(), other()])}\n\nMore of it.\n".replace("\n", "\n    ")
    found = {(panel.unit, panel.title): panel.lines for panel in panels(text)}
    load = {"ours": [(10_000, 10.0), (100_000, 10.0)], "c": [(100_000, 200.0)]}
    wanted = found.get(("Time per peer, µs", "load")) == load and ("Time per peer, µs", "link up") not in found
    return wanted and picture([*panels(text)], "").count("<circle") == sum(len(line) for lines in found.values() for line in lines.values())
