# SPDX-License-Identifier: GPL-2.0
"""The rows of parity.rst and regressions.rst, and the tests that they name.

An entry is `suite: title; title, title`, or `suite, suite: title`, at the beginning of a paragraph or behind a full stop
or a semicolon. What is in brackets, and what follows a full stop, explains it.
"""

import fnmatch
import re
from pathlib import Path

DOCUMENTATION = Path(__file__).resolve().parents[1] / "Documentation"

ROW = re.compile(r"   \* - ([A-Z]{1,2}-\d+b?) \(([WUQB/]+)\)$")

NAME = r"[a-z][a-z0-9-]*(?:\\\*)?"
ENTRY = re.compile(rf"(?:^|\n|; |(?<!\.)\. )(?:({NAME}(?:, {NAME})*): |((?:copied|fixed|better|differs)\b))")
EXPLAINED = re.compile(r"\([^()]*\)")
SENTENCE = re.compile(r"(?<!\.)\.(?:\s|$)")

# Words that begin an entry without being a suite. The package has a target of its own.
OTHERS = {"reason", "internal", "dkms", "copied", "fixed", "better", "differs"}

# Suites that are too long for every day, and have targets of their own.
LONG = {"kcsan"}


def rows(table):
    """Each row's name and what is said of how it is shown, a line for each paragraph."""
    name, cells, between = None, [], " "
    for line in (DOCUMENTATION / table).read_text().splitlines():
        if match := ROW.match(line):
            if name:
                yield name, cells
            name, cells = match.group(1), []
        elif name and line and not line.startswith(" "):
            yield name, cells
            name = None
        elif name and line.startswith("     - "):
            cells.append(line[7:])
        elif name and line.startswith("       ") and cells:
            cells[-1] += between + line.strip()
        between = " " if line else "\n"
    if name:
        yield name, cells


def named(cell, suites):
    """Pairs of a suite that is named in a cell, or is none of `suites`, and what is said of its tests."""
    begins = [match for match in ENTRY.finditer(cell) if match.group(2) or is_entry(match.group(1), suites)]
    for begin, following in zip(begins, [*begins[1:], None]):
        text = cell[begin.end() : following.start() if following else None]
        for name in (begin.group(1) or "").split(", "):
            name = name.replace("\\", "")
            if name and name not in OTHERS:
                titles = SENTENCE.split(EXPLAINED.sub("", text.split("\n")[0]))[0].strip()
                yield from ((suite, titles) for suite in fnmatch.filter(suites, name) or [name])


def is_suite(name, suites):
    """Of a name that may have a wildcard."""
    return bool(fnmatch.filter(suites, name.replace("\\", "")))


def is_entry(names, suites):
    """A single word before a colon is meant for a suite; of several one must be, or they are none."""
    names = names.split(", ")
    return len(names) == 1 or any(is_suite(name, suites) for name in names)
