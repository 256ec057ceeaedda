# SPDX-License-Identifier: GPL-2.0
"""What was measured, as a picture: stacked bars, a group for each workload."""

from html import escape

COLOURS = {"crypto": "#b8b8b8", "copy": "#e0c97a", "clear": "#efe3bd", "rest of N": "#5b8fb9", "W, the module": "#c8553d"}

LEFT, TOP, BAR, GAP, WIDTH = 150, 70, 18, 14, 640


def parts(counts):
    return dict(zip(COLOURS, (counts.crypto, counts.copy, counts.clear, counts.n - counts.w, counts.w), strict=True))


def text(x, y, words, size=12, anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(words)}</text>'


def box(x, y, width, height, colour):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" fill="{colour}"/>'


def legend():
    x = LEFT
    for name, colour in COLOURS.items():
        yield box(x, 40, 12, 12, colour)
        yield text(x + 17, 50, name)
        x += 130


def bars(results, workload, top):
    """Each workload has a scale of its own: its longest bar is as long as there is room."""
    longest = max(measured[workload].total for measured in results.values())
    for index, (driver, measured) in enumerate(results.items()):
        y, x = top + index * BAR, float(LEFT)
        yield text(LEFT - 8, y + BAR - 6, driver, 11, "end")
        for name, value in parts(measured[workload]).items():
            width = value / longest * WIDTH
            yield box(x, y, width, BAR - 3, COLOURS[name])
            x += width
        counts = measured[workload]
        yield text(x + 6, y + BAR - 6, f"{counts.total:.0f}, N {counts.n:.0f}", 11)


def picture(results, setting):
    group = len(results) * BAR + GAP
    height = TOP + group * len(setting.workloads)
    shapes = [text(20, 24, f"Instructions of the kernel per packet: {setting}", 15), *legend()]
    for index, workload in enumerate(setting.workloads):
        top = TOP + index * group
        shapes.append(text(20, top + BAR - 6, workload, 13))
        shapes += bars(results, workload, top)
    return "\n".join([
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!-- SPDX-License-Identifier: GPL-2.0 -->",
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 150}" height="{height}" font-family="sans-serif">',
        '<rect width="100%" height="100%" fill="white"/>',
        *shapes,
        "</svg>\n",
    ])  # fmt: skip
