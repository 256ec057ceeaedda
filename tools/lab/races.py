# SPDX-License-Identifier: GPL-2.0
"""What a kernel with KCSAN says of data races on a guest's console, and whose they are.

The kernel has races of its own. A report is ours if either of its accesses is: if the function that made it is part of
our module, or was called by it for nothing but that access. A report that cannot be read counts as ours, too.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

# The time, who printed it, and the text.
LINE = re.compile(r"\[ *[\d.]+\]\[ *([TC]\d+)\] (.*)")

BEGIN = re.compile(r"BUG: KCSAN: (.*)")
END = re.compile(r"={60,}$")
ACCESS = re.compile(r"(race at unknown origin, with )?(assert|read|write)[-a-z (,)]* to 0x[0-9a-f]+ of \d+ bytes by ")
FRAME = re.compile(r" (0x[0-9a-f]+|\S+(?=\+0x))(?:\+0x[0-9a-f]+/0x[0-9a-f]+)?(?: \[(\w+)\])?$")

OURS = re.compile(r"wireguard(_selftest\w*)?$")

# Functions of the kernel that access memory for their callers: what Rust cannot call by itself, and the kernel crate.
ON_BEHALF = re.compile(r"rust_helper_|_R\w*6kernel|__?mem(cpy|move|set|cmp)|memcmp")


@dataclass
class Race:
    """One report."""

    title: str
    caller: str
    lines: list[int] = field(default_factory=list)
    """Where it is on the console."""
    stacks: list[list[tuple[str, str]]] = field(default_factory=list)
    """Of each access the functions and their modules, the innermost first."""
    whole: bool = False

    def add(self, index, text):
        self.lines.append(index)
        if ACCESS.match(text):
            self.stacks.append([])
        elif self.stacks and (frame := FRAME.match(text)):
            self.stacks[-1].append(frame.groups(default=""))
        self.whole = bool(END.match(text))

    def is_ours(self):
        accesses = [accessor(stack) for stack in self.stacks]
        return not self.whole or not all(accesses) or not accesses or any(is_our_frame(frame) for frame in accesses)

    def is_under_us(self):
        """Our module has called what made the access, or was called on the way there."""
        return any(is_our_frame(frame) for stack in self.stacks for frame in stack)


def accessor(stack):
    return next((frame for frame in stack if not ON_BEHALF.match(frame[0]) or is_our_frame(frame)), None)


def is_our_frame(frame):
    return bool(OURS.match(frame[1]))


def races(lines):
    """All reports, in their order. Others may print in the midst of one."""
    found, current = [], None
    for index, line in enumerate(lines):
        caller, text = match.groups() if (match := LINE.match(line)) else ("", "")
        if begin := BEGIN.match(text):
            current = Race(begin.group(1), caller)
            found.append(current)
        if current and caller == current.caller:
            current.add(index, text)
            current = None if current.whole else current
    return found


def excused(lines):
    """The lines of the console that belong to reports that are not ours."""
    return {index for race in races(lines) if not race.is_ours() for index in race.lines}


def notes(lines):
    """What is to be said of the reports that are not ours."""
    others = [race for race in races(lines) if not race.is_ours()]
    titles = Counter(race.title for race in others)
    under_us = Counter(race.title for race in others if race.is_under_us())
    yield f"{len(others)} reports of data races in the kernel's own code, {len(titles)} kinds"
    for title, count in under_us.most_common():
        yield f"{count} of them below our module: {title}"
