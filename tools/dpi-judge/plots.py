# SPDX-License-Identifier: GPL-2.0
"""A flow for the eye, as SVG: the first bytes of its datagrams, their sizes, and the gaps between them."""

import base64
import itertools
import math
import struct
import zlib
from collections import Counter
from xml.sax.saxutils import escape

from shape import COLUMNS

WIDTH, HEIGHT, MARGIN = 420, 260, 50
ROWS = 128
COLOURS = {"initiator": "#1f6fb4", "responder": "#c8502d"}

# Gaps are sorted into five steps for each factor of ten, from a tenth of a millisecond on.
STEPS = 5
SHORTEST = -4


def plot(name, flow):
    sides = dict(zip(COLOURS, flow.directions, strict=True))
    panels = [columns(f"bytes from the {side}", one) for side, one in sides.items()] + [sizes(sides), gaps(sides)]
    placed = (f'<g transform="translate({MARGIN + at * (WIDTH + MARGIN)},{MARGIN})">{panel}</g>' for at, panel in enumerate(panels))
    wide, high = len(panels) * (WIDTH + MARGIN) + MARGIN, HEIGHT + 2 * MARGIN
    return (
        '<?xml version="1.0"?>\n<!-- SPDX-License-Identifier: GPL-2.0 -->\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" font-family="sans-serif" font-size="11">'
        f'<rect width="100%" height="100%" fill="white"/><text x="10" y="18" font-size="14">{escape(name)}</text>'
        f"{''.join(placed)}</svg>\n"
    )


def frame(title, across, down, inside):
    return (
        f'{inside}<rect width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#888"/>'
        f'<text y="-6">{title}</text><text x="{WIDTH}" y="{HEIGHT + 16}" text-anchor="end">{across}</text>'
        f'<text x="0" y="{HEIGHT + 16}">{down}</text>'
    )


def columns(title, datagrams):
    """A row for each datagram, a column for each offset: the darker the larger the byte. What is alike shows as stripes."""
    rows = [one.payload[:COLUMNS].ljust(COLUMNS, b"\xff") for one in datagrams[:ROWS]] or [bytes(COLUMNS)]
    inside = (
        f'<image width="{WIDTH}" height="{HEIGHT}" preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{base64.b64encode(png(rows)).decode()}"/>'
    )
    return frame(title, f"offset 0 to {COLUMNS - 1}", f"down: the first {len(rows)} datagrams; black behind their ends", inside)


def png(rows):
    """Rows of grey bytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    # Dark on white.
    pixels = b"".join(b"\0" + bytes(255 - byte for byte in row) for row in rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def sizes(sides):
    every = [one for datagrams in sides.values() for one in datagrams]
    begin = min(one.time for one in every)
    length = max(one.time for one in every) - begin or 1
    largest = max(len(one.payload) for one in every) or 1
    dots = (
        f'<circle cx="{(one.time - begin) / length * WIDTH:.1f}" cy="{HEIGHT - len(one.payload) / largest * HEIGHT:.1f}" '
        f'r="1.5" fill="{COLOURS[side]}"/>'
        for side, datagrams in sides.items()
        for one in datagrams
    )
    return frame(f"sizes up to {largest} bytes; {legend()}", f"{length:.1f} s", "0 s", "".join(dots))


def legend():
    return ", ".join(f'<tspan fill="{colour}">{side}</tspan>' for side, colour in COLOURS.items())


def gaps(sides):
    counts = {side: Counter(map(step_of, gaps_of(found))) for side, found in sides.items()}
    most = max((many for one in counts.values() for many in one.values()), default=1)
    steps = range(SHORTEST * STEPS, 2 * STEPS)
    wide = WIDTH / len(steps) / len(sides)
    bars = (
        f'<rect x="{(at * len(sides) + which) * wide:.1f}" width="{wide:.1f}" fill="{COLOURS[side]}" '
        f'y="{HEIGHT - counts[side][step] / most * HEIGHT:.1f}" height="{counts[side][step] / most * HEIGHT:.1f}"/>'
        for at, step in enumerate(steps)
        for which, side in enumerate(sides)
    )
    return frame(f"gaps, up to {most} of a length", "100 s", "0.1 ms", "".join(bars))


def gaps_of(datagrams):
    return (two.time - one.time for one, two in itertools.pairwise(datagrams))


def step_of(gap):
    return max(SHORTEST * STEPS, min(2 * STEPS - 1, math.floor(math.log10(max(gap, 1e-9)) * STEPS)))
