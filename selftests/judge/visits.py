# SPDX-License-Identifier: GPL-2.0
"""What somebody who reads pages asks a server for: the same over TCP in a tunnel and over QUIC."""

import random

# A page, and what it consists of besides: style, scripts, pictures.
PAGE = (2_000, 30_000)
PART = (200, 40_000)
PARTS = (2, 6)

# How long pages are looked at, in seconds.
READING = (0.1, 1.2)

PAGES = 6


def visits(seed):
    """For each page the sizes of what is fetched, and then how long it is read."""
    chance = random.Random(seed)
    for _ in range(PAGES):
        parts = [chance.randint(*PART) for _ in range(chance.randint(*PARTS))]
        yield [chance.randint(*PAGE), *parts], chance.uniform(*READING)


def body(path):
    """What is at /SIZE."""
    return chr(ord("a") + len(path) % 26).encode() * int(path.strip("/"))
