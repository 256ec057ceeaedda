# SPDX-License-Identifier: GPL-2.0
"""The table as a picture: for each step a bar to its longest time, darker to the percentiles, on a scale of decades."""

import math
from html import escape

# From the longest time to the least percentile.
COLOURS = ("#dfe8f0", "#a9c4dc", "#5b8fb9", "#c8553d")

LEFT, TOP, BAR, WIDTH = 190, 70, 24, 640


def text(x, y, words, size=12, anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(words)}</text>'


def box(x, y, width, height, colour):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height}" fill="{colour}"/>'


class Scale:
    """From the decade below the least median to that above the longest time."""

    def __init__(self, rows):
        least = min((row[3] for row in rows if row[3] > 0), default=0.001)
        self.first = math.floor(math.log10(max(least, 0.001)))
        self.last = max(self.first + 1, math.ceil(math.log10(max(row[-1] for row in rows) or 0.001)))

    def place(self, value):
        decades = math.log10(max(value, 10.0**self.first)) - self.first
        return LEFT + WIDTH * decades / (self.last - self.first)

    def decades(self):
        return [10.0**power for power in range(self.first, self.last + 1)]


def legend(percents):
    names = ["longest", *(f"{percent} %" for percent in reversed(percents))]
    for number, (name, colour) in enumerate(zip(names, COLOURS)):
        yield box(LEFT + number * 110, 38, 12, 12, colour)
        yield text(LEFT + number * 110 + 17, 48, name)


def bars(row, y, scale):
    name, count, _, *percentiles, longest = row
    yield text(LEFT - 8, y + BAR - 9, f"{name}, {count}", 12, "end")
    for value, colour in zip((longest, *reversed(percentiles)), COLOURS):
        yield box(LEFT, y, scale.place(value) - LEFT, BAR - 6, colour)


def picture(rows, percents):
    scale = Scale(rows)
    bottom = TOP + len(rows) * BAR
    shapes = [text(20, 24, "Microseconds that messages take, and how many messages", 15), *legend(percents)]
    for number, row in enumerate(rows):
        shapes += bars(row, TOP + number * BAR, scale)
    for value in scale.decades():
        x = scale.place(value)
        shapes.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{bottom}" stroke="#888" stroke-width="0.5"/>')
        shapes.append(text(x, bottom + 16, f"{value:g}", 11, "middle"))
    return "\n".join([
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!-- SPDX-License-Identifier: GPL-2.0 -->",
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 40}" height="{bottom + 30}" font-family="sans-serif">',
        '<rect width="100%" height="100%" fill="white"/>',
        *shapes,
        "</svg>\n",
    ])  # fmt: skip
