# SPDX-License-Identifier: GPL-2.0
"""What shows of a protocol whatever its bytes mean: columns that are not random, sizes on a grid, and a beat."""

import itertools
import math
from collections import Counter, defaultdict

import quic
from verdict import NOTHING, Verdict

# Columns: of how many first bytes, from how many datagrams on, and by how many standard deviations equal pairs may be more
# than random bytes have.
COLUMNS = 64
COLUMN_DATAGRAMS = 40
COLUMN_DEVIATIONS = 6

# Lengths: the grid, how many sizes there must be to tell, and which part of them is on it if there is one. Of sixteen
# classes the fullest has a quarter of ten random sizes, rarely more.
GRID = 16
GRID_SIZES = 10
GRID_PART = 0.6

# A beat: what counts as silence before it, in what steps of time and up to what part of the whole it is looked for, in
# seconds; how many beats there must be, which part of them another one follows at that distance, and how likely that may
# be by chance.
SILENCE = 0.5
STEP = 0.1
BEAT_SHARE = 0.5
BEATS = 8
BEAT_PART = 0.5
BEAT_CHANCE = 1e-6


def columns(flow):
    """Offsets whose bytes are alike more often than by chance, for each direction. QUIC has some of them, too."""
    found = [(way, odd_columns(payloads), payloads) for way, payloads in directions(flow) if len(payloads) >= COLUMN_DATAGRAMS]
    if not found:
        return NOTHING
    why = ", ".join(f"{way} {ranges(odd) or 'none'}" for way, odd, _ in found)
    odd = [(odd, payloads) for _, odd, payloads in found if odd]
    if not odd:
        return Verdict("none", why)
    if all(is_short_header(*one) for one in odd):
        return Verdict("as QUIC", why)
    return Verdict("columns", why, flagged=True)


def directions(flow):
    return zip("><", ([one.payload for one in way] for way in flow.directions), strict=True)


def odd_columns(payloads):
    return [at for at in range(COLUMNS) if is_odd([data[at] for data in payloads if len(data) > at])]


def is_odd(column):
    """By how many pairs are equal, which says the same as chi-square but holds for few datagrams."""
    count = len(column)
    if count < COLUMN_DATAGRAMS:
        return False
    equal = sum(math.comb(many, 2) for many in Counter(column).values())
    pairs = math.comb(count, 2)
    deviation = math.sqrt(pairs * 255) / 256
    return (equal - pairs / 256) / deviation > COLUMN_DEVIATIONS


def is_short_header(odd, payloads):
    """The first byte with its fixed bit, and right behind it an identifier of the connection, if there is one."""
    short = sum(data[0] & 0xC0 == 0x40 for data in payloads if data)
    return odd == list(range(len(odd))) and len(odd) <= 1 + quic.LONGEST_ID and short * 10 >= len(payloads) * 8


def ranges(numbers):
    """0-3,8 for 0, 1, 2, 3, 8."""
    found = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(f"{one}-{two}" if one < two else str(one) for one, two in found)


def lengths(flow):
    """Which part of all different sizes leave the same remainder. The largest is left out: it is what the link allows."""
    sizes = {len(one.payload) for one in flow.datagrams}
    sizes -= {max(sizes)}
    if len(sizes) < GRID_SIZES:
        return NOTHING
    remainder, count = Counter(size % GRID for size in sizes).most_common(1)[0]
    flagged = count >= GRID_PART * len(sizes)
    why = f"{count} of {len(sizes)} sizes leave {remainder}"
    return Verdict("on a grid" if flagged else "no grid", why, flagged)


def beat(flow):
    """At which distance in time datagrams after a silence follow each other again and again: autocorrelation."""
    found = [one for way in flow.directions if (one := strongest_beat([one.time for one in way]))]
    if not found:
        return NOTHING
    chance, part, seconds = min(found)
    flagged = chance <= BEAT_CHANCE and part >= BEAT_PART
    return Verdict("a beat" if flagged else "no beat", f"{part:.0%} again after {seconds:.1f} s", flagged)


def strongest_beat(times):
    """How likely it is by chance that so many beats have another one at the best distance, which part has, and the distance.

    None if there are too few beats.
    """
    beats = [two for one, two in zip([-math.inf, *times], times, strict=False) if two - one >= SILENCE]
    if len(beats) < BEATS:
        return None
    whole = beats[-1] - beats[0]
    # What falls between two steps belongs to both.
    by_chance = min(1, len(beats) / whole * 3 * STEP)
    followed = defaultdict(set)
    for one, two in itertools.combinations(beats, 2):
        if two - one <= whole * BEAT_SHARE:
            step = round((two - one) / STEP)
            for near in (step - 1, step, step + 1):
                followed[near].add(one)
    return min((rated(len(which), possible(beats, step), by_chance, step) for step, which in followed.items()), default=None)


def possible(beats, step):
    """How many beats could have one at that distance."""
    return sum(one + (step - 1) * STEP <= beats[-1] for one in beats)


def rated(hits, tries, probability, step):
    tries = max(tries, hits)
    chance = sum(math.comb(tries, k) * probability**k * (1 - probability) ** (tries - k) for k in range(hits, tries + 1))
    return chance, hits / tries, step * STEP
