# SPDX-License-Identifier: GPL-2.0
"""Tests of the panic check itself, on objects that are built as the kernel builds them."""

import re
import shutil
import subprocess
from pathlib import Path

import check
import elf

FIXTURE = Path(__file__).resolve().parent / "fixture"
BUILD = FIXTURE.parents[2] / "build/panics"

# Each function of the fixture, and what it is to be blamed for, if anything.
RUST = {
    "indexes": "core::panicking::panic_bounds_check",
    "slices": "core::slice::index::slice_start_index_len_fail",
    "cuts": "core::str::slice_error_fail",
    "copies": "<[_]>::copy_from_slice::len_mismatch_fail",
    "adds": "core::panicking::panic_const::panic_const_add_overflow",
    "divides": "core::panicking::panic_const::panic_const_div_by_zero",
    "shifts": "core::panicking::panic_const::panic_const_shl_overflow",
    "unwraps": "core::option::unwrap_failed",
    "expects": "core::result::unwrap_failed",
    "panics": "core::panicking::panic_fmt",
    "asserts": "core::panicking::assert_failed",
    "grows": "core::panicking::panic_const::panic_const_sub_overflow",
    "parses": "<core::ffi::c_str::CStr>::from_bytes_until_nul",
    "looks_up": "<core::ffi::c_str::CStr>::from_bytes_until_nul",
    "is_not_built": "rust_build_error",
    "traps": "ud2",
    "asks": None,
    "gets": None,
    "wraps": None,
    "warns": None,
    "shows": None,
}
C = {
    "c_bug": "ud2",
    "c_indexes": "__ubsan_handle_out_of_bounds",
    "c_copies": "__fortify_panic",
    "c_warns": None,
    "c_adds": None,
    "c_calls": None,
}

KNOWN = {"<core::fmt::Formatter>::pad_integral": "needed by what shows", "core::fmt::write": "reaches no panic", "gone": ""}


def build(kernel, compiler):
    """Builds the fixture in a folder of its own; returns its objects."""
    shutil.rmtree(BUILD, ignore_errors=True)
    shutil.copytree(FIXTURE, BUILD)
    names = ["ways.o", "ways_c.o"]
    command = ["make", "-C", kernel, f"M={BUILD}", f"CC={compiler}", *names]
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if said.returncode:
        raise SystemExit(said.stdout)
    return [elf.Object(BUILD / name) for name in names]


def blamed(found):
    """The functions that are complained of, each with what it refers to."""
    pairs = [re.split(" calls | has a constant with ", complaint.splitlines()[0], maxsplit=1) for complaint in found]
    # What the compiler thinks to be unlikely, it may put elsewhere.
    return [(pair[0].removesuffix(".cold"), pair[1]) for pair in pairs if len(pair) == 2]


def cases(found, expected):
    for function, wanted in expected.items():
        about = [what for name, what in blamed(found) if name == function]
        if wanted is None:
            yield f"{function} is let pass", not about, about
        else:
            yield f"{function} is found", any(what.startswith(wanted) for what in about), about
    others = [pair for pair in blamed(found) if pair[0] not in expected]
    yield "nobody else is blamed", not others, others


def results(kernel, compiler):
    objects = check.read_kernel(kernel)
    rust, c = build(kernel, compiler)
    found = check.Checker(rust, objects, KNOWN).run()
    yield from cases(found, RUST)
    yield "what is known for nothing is found", "gone is known for nothing" in found, found
    yield "and what no panic is behind", "core::fmt::write is known for nothing" in found, found
    yield from cases(check.Checker(c, objects, {}).run(), C)
    unknown = check.Checker(rust, objects[2:], {}).run()
    nowhere = [name for name, what in blamed(unknown) if "nowhere in the kernel" in what]
    yield "code that is nowhere is found", "parses" in nowhere, unknown
    headless = check.Checker(c, objects[:1], {}).run()
    yield "a kernel without a panic handler is found", "no panic handler" in headless[0], headless


def run(kernel, compiler):
    """Prints the results in TAP; returns whether all passed."""
    passed, number = True, 0
    for number, (name, ok, found) in enumerate(results(kernel, compiler), 1):
        passed = passed and ok
        print(f"{'ok' if ok else 'not ok'} {number} - {name}")
        if not ok:
            print(f"# found: {found}")
    print(f"1..{number}")
    return passed
