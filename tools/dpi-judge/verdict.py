# SPDX-License-Identifier: GPL-2.0
"""What a rule says of one flow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    word: str
    """What it takes the flow for, or what it has found."""
    why: str = ""
    flagged: bool = False
    """Whether that is what the rule looks for."""


NOTHING = Verdict("-")
