# SPDX-License-Identifier: GPL-2.0
"""One stream of TAP out of many suites, of which several may run at once."""

import re
import threading
import time
import traceback

TAP_LINE = re.compile(r"(ok|not ok)\b *\d* *-? *(.*)")
TAP_PLAN = re.compile(r"1\.\.(\d+)$")


# More suites than this that fail are not late by chance.
MOST_SECOND_TRIES = 3

# What is shown again at the end of what a result that is bad has to say.
DETAILS = 2


class Report:
    """Numbers the results of all suites as one stream of TAP. A suite's lines stay together.

    A suite that another try is fair to (`second_try`, see GuestSuite) is run once more when nothing else runs, and then counts.
    """

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.failures = []
        self.waiting = []
        self.lock = threading.Lock()
        print("TAP version 13", flush=True)

    def run(self, suite):
        """Runs a suite, and passes on what it said when it is through."""
        section = self.section_of(suite)
        with self.lock:
            if section.second_try and not section.passed():
                self.waiting.append((suite, section))
                print(f"# {suite.name} has failed: once more by itself at the end", flush=True)
            else:
                self.pass_on(section)

    def section_of(self, suite):
        started = time.monotonic()
        with self.lock:
            print(f"# {suite.name} begins", flush=True)
        section = Section()
        try:
            suite.run(section)
        except Exception:  # noqa: BLE001: whatever it is, the suites behind this one have to run.
            section.result(False, f"{suite.name}: the whole suite", traceback.format_exc())
        section.note(f"{suite.name}: {time.monotonic() - started:.0f} s")
        return section

    def run_again(self):
        """Second tries. What the first ones found bad is told, whatever comes of it."""
        few = len(self.waiting) <= MOST_SECOND_TRIES
        for suite, first in self.waiting:
            if few:
                again = self.section_of(suite)
                first.demote()
                self.pass_on(first)
                self.pass_on(again)
            else:
                self.pass_on(first)

    def pass_on(self, section):
        for ok, text in section.lines:
            self.line(ok, text)

    def line(self, ok, text):
        if ok is not None:
            self.passed += ok
            self.failed += not ok
            text = f"{'ok' if ok else 'not ok'} {self.passed + self.failed} - {text}"
            if not ok:
                self.failures.append([text])
        elif self.failures and len(self.failures[-1]) <= DETAILS:
            self.failures[-1].append(text)
        print(text, flush=True)

    def end(self):
        """The last words. What was bad is said once more there: nobody should have to look for it in thousands of lines."""
        self.run_again()
        for suite, _ in self.waiting:
            print(f"# tried twice: {suite.name}")
        for failure in self.failures:
            print("\n".join(f"# bad: {line.removeprefix('# ')}" for line in failure))
        print(f"1..{self.passed + self.failed}")
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0


class Section:
    """What one suite has to say."""

    def __init__(self):
        self.lines = []
        self.second_try = False
        """Whether what is bad in it may be owed to what else was running."""

    def demote(self):
        """Makes notes of all that was bad, and drops the rest."""
        lines, self.lines, bad = self.lines, [], False
        for ok, text in lines:
            if ok is not None:
                bad = not ok
            if bad:
                self.note(f"first try: {'not ok - ' if ok is not None else ''}{text.removeprefix('# ')}")

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
