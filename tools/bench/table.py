# SPDX-License-Identifier: GPL-2.0
"""What was measured, as text."""

from counts import bucket_of

HEAD = """\
Instructions of the kernel per packet ({per}), both ends together: {setting}.
N is the total without cryptography, copying and clearing, W the part of N in the module itself.
"""
PER = "per segment of 1368 bytes with tcp, per round trip with rtt"

# What a column is called, and what of Counts it shows.
INSTRUCTIONS = {"total": "total", "crypto": "crypto", "copy": "copy", "clear": "clear", "N": "n", "W": "w"}

BESIDES = """\
Calls per packet: of the module's Rust to its shims in C, of its Rust to functions of the kernel, of all of the module to those.
Bytes per packet that the kernel copied, and that it cleared.
"""
CALLS_AND_BYTES = {"shims": "shims", "direct": "direct", "kernel": "kernel", "copied": "copied", "cleared": "cleared"}

NAME_WIDTH = 72


def line(workload, driver, cells):
    return f"{workload:9} {driver:11}" + "".join(f"{cell:>9}" for cell in cells)


def ratio(a, b):
    return f"{a / b:.3f}" if b else "-"


def table(columns, digits, results, setting):
    """`results` by driver, then by workload. Ratios are those of the first driver to the second."""
    lines = [line("", "", columns)]
    first, second = [*results, None, None][:2]
    for workload in setting.workloads:
        values = {driver: [getattr(results[driver][workload], name) for name in columns.values()] for driver in results}
        for driver, row in values.items():
            name = workload if driver == first else ""
            lines.append(line(name, driver, [f"{value:.{digits}f}" for value in row]))
        if second:
            pairs = zip(values[first], values[second], strict=True)
            lines.append(line("", f"{first}/{second}", [ratio(a, b) for a, b in pairs]))
    return "\n".join(lines)


def comparison(results, setting):
    instructions = table(INSTRUCTIONS, 0, results, setting)
    besides = table(CALLS_AND_BYTES, 1, results, setting)
    return "\n".join([HEAD.format(per=PER, setting=setting), instructions, "", BESIDES, besides])


def short(name):
    return name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 14] + "…" + name[-13:]


def rows(names, counters):
    """One line for each name: each driver's count, and how much the first has more than the second."""
    for name in names:
        cells = [counter[name] for counter in counters]
        cells += [cells[0] - cells[1]] if len(cells) > 1 else []
        yield "".join(f"{cell:9.1f}" for cell in cells) + f"  {short(name)}"


def costliest(title, counters, count, wanted=lambda name: True):
    """The names that count most with any of the drivers that `counters` has counts of."""
    drivers = list(counters)
    head = "".join(f"{driver:>9}" for driver in [*drivers, "more"][: len(drivers) + (len(drivers) > 1)])
    cost = {}
    for counter in counters.values():
        for name, value in counter.items():
            if wanted(name):
                cost[name] = max(value, cost.get(name, 0))
    names = sorted(cost, key=lambda name: (-cost[name], name))[:count]
    return "\n".join([title, head, *rows(names, counters.values())])


def of_each(results, workload, what):
    """One of the counters of a workload, by driver."""
    return {driver: getattr(measured[workload], what) for driver, measured in results.items()}


def symbols(results, setting, count):
    """For each workload the symbols of N that cost most with any driver."""
    for workload in setting.workloads:
        counters = of_each(results, workload, "by_symbol")
        yield costliest(f"{workload}: symbols of N", counters, count, lambda name: bucket_of(name) in ("module", "rest"))


def calls(results, setting, count):
    """For each workload what is called most out of the module's Rust and out of the module, and what writes most bytes."""
    for workload in setting.workloads:
        for title, what in (
            ("shims called by Rust", "shim_calls"),
            ("functions of the kernel called by Rust", "direct_calls"),
            ("functions of the kernel called by the module", "kernel_calls"),
            ("bytes copied, by what copied them", "copied_by"),
            ("bytes cleared, by what cleared them", "cleared_by"),
        ):
            counters = of_each(results, workload, what)
            if any(counters.values()):
                yield costliest(f"{workload}: {title}", counters, count)


def changes(results, setting, count):
    """For each workload the symbols, of whatever bucket, that differ most between two drivers."""
    first, second = results
    for workload in setting.workloads:
        counters = of_each(results, workload, "by_symbol")
        new, old = counters.values()
        more = {name: new[name] - old[name] for name in {*new, *old}}
        names = [name for name in sorted(more, key=lambda name: (-abs(more[name]), name)) if abs(more[name]) >= 0.5][:count]
        names.sort(key=lambda name: -more[name])
        head = f"{first:>9}{second:>9}{'more':>9}"
        lines = list(rows(names, counters.values())) or ["  no symbol differs"]
        yield "\n".join([f"{workload}: symbols that differ most", head, *lines])
