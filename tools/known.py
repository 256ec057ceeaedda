# SPDX-License-Identifier: GPL-2.0
"""Good results that would come out the same again, since nothing that they depend on has changed.

For suites that depend neither on chance nor on time. Bad results are not kept.
"""

import hashlib
import json
import os
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]
# In the lab, which clones of the tree may share.
KNOWN = Path(os.environ["LAB"]) / "known"

# The versions of all programs in the lab's root, compilers and provers among them.
PROGRAMS = Path("/var/lib/dpkg/status")

# What builds leave beside sources.
MADE_FOLDERS = {"target", "__pycache__"}
MADE_FILES = (".o", ".cmd", "_generated.rs")


def files_in(path):
    """A file itself, or all in a folder."""
    if path.is_file():
        yield path
    for folder, folders, files in os.walk(path):
        folders[:] = set(folders) - MADE_FOLDERS
        yield from (Path(folder, file) for file in files if not file.endswith(MADE_FILES))


def digest(paths):
    """Of the names and contents of all files in the tree that are named or in folders that are named."""
    sums = hashlib.sha256(PROGRAMS.read_bytes())
    for file in sorted(file for path in paths for file in files_in(TREE / path)):
        content = file.read_bytes()
        sums.update(f"{file.relative_to(TREE)} {len(content)}\n".encode() + content)
    return sums.hexdigest()


def unless_known(name, run, made_from):
    """A suite that tells what it told before if all that it is made from is the same, and runs otherwise."""
    place = KNOWN / name

    def suite(section):
        before = digest(made_from)
        if (lines := kept(place, before)) is not None:
            section.lines += lines
            section.note(f"{name}: as before, nothing has changed that this depends on")
            return
        run(section)
        if section.passed() and digest(made_from) == before:
            keep(place, [before, section.lines])

    return suite


def keep(place, outcome):
    """Whole or not at all: somebody else may read it just now."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=place.parent, delete=False) as file:
        json.dump(outcome, file)
    os.replace(file.name, place)


def kept(place, wanted):
    """The lines of a run on just that, or None."""
    try:
        key, lines = json.loads(place.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return lines if key == wanted else None
