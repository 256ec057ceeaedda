# SPDX-License-Identifier: GPL-2.0
"""Checks that are functions, and their results for a script to pass on."""

import time
import traceback

CHECKS = []


def check(name):
    """Adds a function that raises what is wrong."""

    def add(function):
        CHECKS.append((name, function))
        return function

    return add


def tell_all():
    """Runs all checks; returns the status to end with."""
    failures = 0
    for name, function in CHECKS:
        start, wrong = time.monotonic(), None
        try:
            function()
        except Exception:  # noqa: BLE001: one that fails shall not end the others
            wrong = traceback.format_exc()
            failures += 1
        print(f"{'not ok' if wrong else 'ok'} {name}")
        for line in (wrong or "").splitlines():
            print(f"# {line[:1000]}")
        print(f"# {time.monotonic() - start:.1f} s", flush=True)
    return min(failures, 1)
