# SPDX-License-Identifier: GPL-2.0
"""Captures, and all verdicts on them."""

import sys
from dataclasses import dataclass
from pathlib import Path

import guest

STEPS = ("classifiers", "observers")
# For strict QUIC's cryptography.
sys.path.append(str(guest.step("classifiers") / "aioquic"))

from packets import Unreadable, flows, read  # noqa: E402
from plots import plot  # noqa: E402
from programs import PROGRAMS, Failed  # noqa: E402
from rules import RULES, on_all  # noqa: E402


class Unusable(Exception):
    """Nothing can be said; why, in one line."""


@dataclass
class Judgement:
    name: str
    flows: list
    verdicts: dict
    """By the rule's or program's name."""

    def table(self):
        """Verdicts of rules that have found what they look for are marked."""
        count = sum(len(flow.datagrams) for flow in self.flows)
        yield f"{self.name}: {count} datagrams, {len(self.flows)} flow{'s' * (len(self.flows) != 1)}"
        wide = max(len(one.word) for one in self.verdicts.values())
        for rule, one in self.verdicts.items():
            yield f"  {'*' if one.flagged else ' '} {rule:<18} {one.word:<{wide}}  {one.why}".rstrip()


def look_at(path, plots=None):
    if missing := [step for step in STEPS if not (guest.step(step) / ".done").exists()]:
        raise Unusable(f"the lab has no {' and no '.join(missing)}: tools/lab/lab up {' '.join(missing)}")
    try:
        found = flows(read(path))
        if not found:
            raise Unusable(f"{path}: there is no UDP in it")
        verdicts = {name: ask(path) for name, ask in PROGRAMS.items()}
    except (Unreadable, Failed) as error:
        raise Unusable(error) from None
    verdicts |= {name: on_all(rule, found) for name, rule in RULES.items()}
    if plots:
        plots.mkdir(parents=True, exist_ok=True)
        (plots / f"{Path(path).stem}.svg").write_text(plot(path.stem, max(found, key=lambda flow: len(flow.datagrams))))
    return Judgement(path.name, found, verdicts)
