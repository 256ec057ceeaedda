# SPDX-License-Identifier: GPL-2.0
"""The titles of the tests of a suite, as far as its sources have them in one piece.

A title is a text in quotes, in which parts may be put in when it runs, or the name of a test function or of a file of
these. The tables may abbreviate a title: to its beginning, by dots in place of a part, or, where several titles are named
that differ in a few words, by a slash between these.
"""

import functools
import re
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]

# Suites whose tests are cargo's: named by their functions.
CARGO = {"proto": "src/proto", "host-test": "tools/host-test/src"}

# Suites whose titles are put together by programs, or are not theirs: for these, what is said is not looked up.
UNKNOWN = {"loom", "proofs", "fuzz", "upstream", "storm", "faults", "kcsan"}

# All tests of a suite.
ALL = "all"

DOTS = re.compile(r"\s*(?:…|\.\.\.?|\\\*)")
HOLE = "\0"
QUOTED = re.compile(r"(?<!\w)'([^']+)'(?!\w)")

TEXT = {
    ".sh": re.compile(r'(?<![-$\w])[a-z_]+ "((?:[^"\\\n]|\\.)*)"'),
    ".py": re.compile(r'"((?:[^"\\\n]|\\.)*)"'),
    ".rs": re.compile(r'"((?:[^"\\]|\\.|\\\n)*?)"'),
}
PUT_IN = {
    ".sh": re.compile(r"\$\([^()]*\)|\$\{[^{}]*\}|\$\w+"),
    ".py": re.compile(r"\{[^{}]*\}"),
    ".rs": re.compile(r"\{[^{}]*\}"),
}
SOURCED = re.compile(r'^\. "\$\{[^}]*\}/(\w[\w-]*\.sh)"', re.MULTILINE)
FUNCTION = {
    ".sh": re.compile(r"^item_(\w+)\(\)", re.MULTILINE),
    ".py": re.compile(r"^def (\w+)\(", re.MULTILINE),
    ".rs": re.compile(r"#\[test\](?:\s*#\[[^\]]*\])*\s*fn (\w+)"),
}


def scripts(name):
    """A script, and those that it reads in."""
    script = TREE / "selftests" / name
    if script.exists() and name not in ("lib.sh", "tap.sh"):
        yield script
        for other in SOURCED.findall(script.read_text()):
            yield from scripts(other)


def sources(suite):
    if suite in CARGO:
        yield from sorted((TREE / CARGO[suite]).rglob("*.rs"))
        return
    yield from scripts(f"{suite}.sh")
    played = TREE / "tools/wire-peer/src/suites"
    for folder in (TREE / "selftests" / suite, played / suite):
        yield from (file for file in sorted(folder.rglob("*")) if file.suffix in TEXT)
    if (played / f"{suite}.rs").exists():
        yield played / f"{suite}.rs"
    if suite == "requests":
        yield TREE / "selftests/netlink/request_table.py"


def texts_of(file):
    source = file.read_text()
    for text in TEXT[file.suffix].findall(source):
        title = PUT_IN[file.suffix].sub(HOLE, re.sub(r"\\\n\s*", "", text))
        yield title
        # What many titles begin with may be left out.
        yield title.removeprefix(f"{HOLE}: ")


@functools.cache
def titles(suite):
    """What may be a title: with a word of its own, beside what is put in."""
    found = set()
    for file in sources(suite):
        functions = FUNCTION[file.suffix].findall(file.read_text())
        if suite in CARGO:
            module = file.parent.name if file.stem == "mod" else file.stem
            found |= {f"{module}::{function}" for function in functions} | {*functions, *([module] if functions else [])}
        else:
            found |= {function.replace("_", " ") for function in functions} | set(texts_of(file))
    return {title for title in found if re.search(r"\w{3}", title.replace(HOLE, " "))}


def pattern(text, gap, filling=".+", behind=""):
    return re.compile(filling.join(map(re.escape, gap.split(text))) + behind, re.DOTALL)


@functools.cache
def with_holes(suite):
    return [pattern(title, re.compile(HOLE), "(.+)") for title in titles(suite) if HOLE in title]


def is_filled(suite, known, text):
    """Whether it is a title with something put in: a word, a number, dots, or another text of the suite."""
    match = known.fullmatch(text)
    return match and all(" " not in part or part in titles(suite) for part in match.groups())


def is_title(suite, text):
    """Whether it is a title or its beginning, up to the end of a word."""
    abbreviated = pattern(text, DOTS, behind=r"(?!\w).*")
    if any(map(abbreviated.fullmatch, titles(suite))):
        return True
    return any(is_filled(suite, known, text) for known in with_holes(suite))


def is_named(suite, text):
    if is_title(suite, text):
        return True
    first, *others = text.split(" / ")
    return is_title(suite, first) and all(any(other in title for title in titles(suite)) for other in others)


def are_named(suite, parts):
    """Whether all of the parts are titles; several of them may be one, since a title may have commas."""
    return not parts or any(
        is_named(suite, ", ".join(parts[:number])) and are_named(suite, parts[number:]) for number in range(1, len(parts) + 1)
    )


def titles_in(said):
    """What is in single quotes, where something is, or else what is between semicolons, with commas in it."""
    for part in said.split("; "):
        part = re.sub(r"\s+(?=[\s,]|$)", "", part.strip())
        yield from QUOTED.findall(part) or [part]


def missing(suite, said, is_suite):
    """What is said to be a test of a suite and is none, nor the name of another suite, which means all of it."""
    if suite in UNKNOWN:
        return
    for part in titles_in(said):
        if not (part and all(map(is_suite, part.split(", ")))) and part != ALL and not are_named(suite, part.split(", ")):
            yield part
