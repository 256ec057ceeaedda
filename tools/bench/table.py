# SPDX-License-Identifier: GPL-2.0
"""What was measured, as text."""

from counts import bucket_of

COLUMNS = ("total", "crypto", "copy", "n", "w")

HEAD = """\
Instructions of the kernel per packet ({per}), both ends together: {setting}.
N is the total without cryptography and copying, W the part of N in the module itself.
"""
PER = "per segment of 1368 bytes with tcp, per round trip with rtt"

NAME_WIDTH = 72


def line(workload, driver, cells):
    return f"{workload:9} {driver:11}" + "".join(f"{cell:>9}" for cell in cells)


def ratio(a, b):
    return f"{a / b:.3f}" if b else "-"


def values(counts):
    return [getattr(counts, column) for column in COLUMNS]


def comparison(results, setting):
    """`results` by driver, then by workload. Ratios are those of the first driver to the second."""
    lines = [HEAD.format(per=PER, setting=setting), line("", "", ["total", "crypto", "copy", "N", "W"])]
    first, second = [*results, None, None][:2]
    for workload in setting.workloads:
        for driver, measured in results.items():
            name = workload if driver == first else ""
            lines.append(line(name, driver, [f"{value:.0f}" for value in values(measured[workload])]))
        if second:
            pairs = zip(values(results[first][workload]), values(results[second][workload]), strict=True)
            lines.append(line("", f"{first}/{second}", [ratio(a, b) for a, b in pairs]))
    return "\n".join(lines)


def short(name):
    return name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 14] + "…" + name[-13:]


def symbol_rows(names, drivers, measured):
    """One line for each name: each driver's count, and how much the first has more than the second."""
    for name in names:
        cells = [measured[driver].by_symbol.get(name, 0) for driver in drivers]
        cells += [cells[0] - cells[1]] if len(cells) > 1 else []
        yield "".join(f"{cell:9.1f}" for cell in cells) + f"  {short(name)}"


def symbols(results, setting, count):
    """For each workload the symbols of N that cost most with any driver."""
    drivers = list(results)
    head = "".join(f"{driver:>9}" for driver in [*drivers, "more"][: len(drivers) + (len(drivers) > 1)])
    for workload in setting.workloads:
        measured = {driver: results[driver][workload] for driver in drivers}
        cost = {}
        for counts in measured.values():
            for name, value in counts.by_symbol.items():
                if bucket_of(name) in ("module", "rest"):
                    cost[name] = max(value, cost.get(name, 0))
        names = sorted(cost, key=cost.get, reverse=True)[:count]
        yield "\n".join([f"{workload}: symbols of N", head, *symbol_rows(names, drivers, measured)])


def changes(results, setting, count):
    """For each workload the symbols, of whatever bucket, that differ most between two drivers."""
    first, second = results
    for workload in setting.workloads:
        measured = {first: results[first][workload], second: results[second][workload]}
        new, old = measured[first].by_symbol, measured[second].by_symbol
        more = {name: new.get(name, 0) - old.get(name, 0) for name in {*new, *old}}
        names = [name for name in sorted(more, key=lambda name: (-abs(more[name]), name)) if abs(more[name]) >= 0.5][:count]
        names.sort(key=lambda name: -more[name])
        head = f"{first:>9}{second:>9}{'more':>9}"
        rows = list(symbol_rows(names, [first, second], measured)) or ["  no symbol differs"]
        yield "\n".join([f"{workload}: symbols that differ most", head, *rows])
