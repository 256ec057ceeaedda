# SPDX-License-Identifier: GPL-2.0
"""The table of `make scale` as a picture: a small one for each row, with a line for each driver.

  python3 tools/scale/curves.py <TABLE >PICTURE      also from a text that has the table in it, such as Documentation/scale.rst
"""

import math
import re
import sys
from dataclasses import dataclass, field
from html import escape

from figures import TITLE_WIDTH, WIDTH

CAPTION = "by the number of peers"
COLOURS = {"ours": "#1f6fb4", "c": "#c8553d"}

# Of a panel, and how many there are in a row.
WIDE, HIGH, MARGIN, ACROSS = 240, 150, 46, 4

COLUMN = re.compile(r"(\w+) (\d+)$")
NUMBER = re.compile(r"-?\d+(\.\d+)?$")


@dataclass
class Panel:
    """A row of the table: lines of peers and figures, by driver."""

    title: str
    unit: str
    lines: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    def points(self):
        return [point for line in self.lines.values() for point in line]


def cells(line):
    """What stands below the columns of a line, in its order."""
    return [line[at : at + WIDTH].strip() for at in range(TITLE_WIDTH, len(line.rstrip()), WIDTH)]


def panels(text):
    """One for each row of the table that has at least two figures above zero to show."""
    columns = unit = None
    for line in map(outdented, text.splitlines()):
        head = [COLUMN.match(cell) for cell in cells(line) if cell]
        if head and all(head):
            columns = [match and (match[1], int(match[2])) for match in map(COLUMN.match, cells(line))]
            unit = line[:TITLE_WIDTH].strip()
        elif columns and line.startswith("  ") and len(cells(line)) <= len(columns):
            panel = Panel(line[:TITLE_WIDTH].strip(), unit)
            for column, cell in zip(columns, cells(line)):
                if column and NUMBER.match(cell) and float(cell) > 0:
                    driver, size = column
                    panel.lines.setdefault(driver, []).append((size, float(cell)))
            if len(panel.points()) >= 2:
                yield panel
        else:
            columns = None


def outdented(line):
    """A line of a literal block, as the table has it."""
    return line.removeprefix("    ")


def decades(values):
    """The powers of ten that the values lie between."""
    return math.floor(math.log10(min(values))), max(math.ceil(math.log10(max(values))), math.floor(math.log10(min(values))) + 1)


def place(value, low, high, length):
    return (math.log10(value) - low) / (high - low) * length


def text(x, y, words, size=11, anchor="start", colour="black"):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'


def drawn(panel, across):
    """Both axes are logarithmic; all panels have the same across."""
    left, right = across
    low, high = decades([figure for _, figure in panel.points()])
    yield text(0, -18, panel.title, 12)
    yield text(0, -5, panel.unit, 9, colour="#666")
    yield f'<rect width="{WIDE}" height="{HIGH}" fill="none" stroke="#999"/>'
    for power in range(low, high + 1):
        y = HIGH - place(10.0**power, low, high, HIGH)
        yield f'<line x1="0" x2="{WIDE}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        yield text(-4, y + 3, f"{10.0**power:g}", 9, "end")
    for power in range(left, right + 1):
        x = place(10.0**power, left, right, WIDE)
        yield text(x, HIGH + 12, f"{10**power:,}", 8, "middle")
    for driver, line in panel.lines.items():
        dots = [(place(size, left, right, WIDE), HIGH - place(figure, low, high, HIGH)) for size, figure in line]
        colour = COLOURS[driver]
        yield f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in dots)}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in dots)


def picture(found, caption):
    """Panels, as SVG."""
    if not found:
        raise ValueError("there is no table with two figures to compare")
    across = decades([size for panel in found for size, _ in panel.points()])
    step = (WIDE + MARGIN + 14, HIGH + MARGIN + 24)
    shapes = [text(20, 24, "ours", 15, colour=COLOURS["ours"]), text(70, 24, "the C driver", 15, colour=COLOURS["c"])]
    shapes.append(text(180, 24, caption, 15))
    for number, panel in enumerate(found):
        down, right = divmod(number, ACROSS)
        x, y = MARGIN + 10 + right * step[0], 76 + down * step[1]
        shapes.append(f'<g transform="translate({x},{y})">{"".join(drawn(panel, across))}</g>')
    height = 60 + math.ceil(len(found) / ACROSS) * step[1]
    return "\n".join([
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!-- SPDX-License-Identifier: GPL-2.0 -->",
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{20 + ACROSS * step[0]}" height="{height}" font-family="sans-serif">',
        '<rect width="100%" height="100%" fill="white"/>',
        *shapes,
        "</svg>\n",
    ])  # fmt: skip


if __name__ == "__main__":
    try:
        sys.stdout.write(picture([*panels(sys.stdin.read())], CAPTION))
    except ValueError as error:
        sys.exit(f"curves: {error}")
