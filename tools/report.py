# SPDX-License-Identifier: GPL-2.0
"""One stream of TAP out of many suites, of which several may run at once."""

import re
import threading
import time

TAP_LINE = re.compile(r"(ok|not ok)\b *\d* *-? *(.*)")
TAP_PLAN = re.compile(r"1\.\.(\d+)$")


class Report:
    """Numbers the results of all suites as one stream of TAP. A suite's lines stay together."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.lock = threading.Lock()
        print("TAP version 13", flush=True)

    def run(self, suite):
        """Runs a suite, and passes on what it said when it is through."""
        started = time.monotonic()
        with self.lock:
            print(f"# {suite.name} begins", flush=True)
        section = Section()
        suite.run(section)
        section.note(f"{suite.name}: {time.monotonic() - started:.0f} s")
        with self.lock:
            for ok, text in section.lines:
                self.line(ok, text)

    def line(self, ok, text):
        if ok is not None:
            self.passed += ok
            self.failed += not ok
            text = f"{'ok' if ok else 'not ok'} {self.passed + self.failed} - {text}"
        print(text, flush=True)

    def end(self):
        print(f"1..{self.passed + self.failed}")
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0


class Section:
    """What one suite has to say."""

    def __init__(self):
        self.lines = []

    def result(self, ok, name, details=""):
        self.lines.append((bool(ok), name))
        if not ok and details:
            self.note(details)

    def passed(self):
        """Whether there are results, all of them good."""
        results = [ok for ok, _ in self.lines if ok is not None]
        return bool(results) and all(results)

    def note(self, text):
        self.lines += [(None, f"# {line}") for line in text.splitlines()]


class TapListener:
    """Passes on the TAP of one suite, and checks that it is whole."""

    def __init__(self, section, name):
        self.section = section
        self.name = name
        self.count = 0
        self.failed = 0
        self.plan = None

    def line(self, line):
        if match := TAP_PLAN.match(line):
            self.plan = int(match.group(1))
        elif match := TAP_LINE.match(line):
            self.count += 1
            ok = match.group(1) == "ok"
            self.failed += not ok
            self.section.result(ok, f"{self.name}: {match.group(2)}")
        elif line.strip():
            self.section.note(line.removeprefix("# "))

    def end(self, problems):
        if self.plan is None:
            problems = [*problems, "the script did not get to its end"]
        elif self.plan != self.count:
            problems = [*problems, f"{self.plan} tests planned, {self.count} run"]
        if problems:
            self.section.result(False, f"{self.name}: the whole script", "\n".join(problems))
