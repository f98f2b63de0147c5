"""The results as a picture: one line a row, one mark an allocator, speed against glibc's on a logarithmic axis.

Plain SVG, without scripts or fonts of its own; its colours stand on white and on dark.
"""

import math
from xml.sax.saxutils import escape

import figures as compare
from catalogue import GROUPS

# Told apart by people who see few colours, too.
COLOURS = {"jemalloc": "#E69F00", "mimalloc": "#3A9BDC", "tcmalloc": "#009E73", "hakmem": "#D55E00"}
MORE_COLOURS = ("#CC79A7", "#8172B2", "#B0A020", "#5F9EA0", "#A0522D")
INK = "#7a828c"
LINE = "#8b949e"
LEFT, WIDTH, RIGHT = 170, 640, 20
ROW, GROUP, TOP, BOTTOM = 17, 25, 62, 34


def colours(names):
    spare = iter(MORE_COLOURS * len(names))
    return {name: COLOURS.get(name) or next(spare) for name in names}


def text(x, y, content, anchor="start", weight="normal", size=12):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" '
            f'font-size="{size}">{escape(content)}</text>')


def line(x1, y1, x2, y2, width, opacity):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{LINE}" '
            f'stroke-width="{width}" stroke-opacity="{opacity}"/>')


def mark(x, y, name, colour, told):
    """hakmem's is a diamond, the others' are circles."""
    if name.startswith("hakmem"):
        shape = f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z" fill="{colour}">'
        return f"{shape}<title>{escape(told)}</title></path>"
    shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}" fill-opacity="0.85">'
    return f"{shape}<title>{escape(told)}</title></circle>"


def speeds(rows, results, names, base):
    """{row name: {allocator: how many times as fast as base}}, for rows in which base was measured."""
    table = {}
    for row in rows:
        all_figures = results.get(row.name, {})
        if base in all_figures:
            floor = compare.row_floor(all_figures)
            table[row.name] = {
                n: compare.speed_ratio(all_figures[n], all_figures[base], floor).value
                for n in names if n in all_figures and n != base
            }
    return table


class Axis:
    """From speeds to places: powers of two, wide enough for all."""

    def __init__(self, values):
        logs = [math.log2(v) for v in values] or [0]
        self.low = min(-1, math.floor(min(logs)))
        self.high = max(1, math.ceil(max(logs)))

    def place(self, value):
        return LEFT + WIDTH * (math.log2(value) - self.low) / (self.high - self.low)

    def ticks(self):
        return [2.0**n for n in range(self.low, self.high + 1)]


def legend(names, palette, base):
    parts = [text(10, 20, f"Speed, {base} = 1; further right is faster", weight="bold", size=14)]
    x = 10
    for name in names:
        parts.append(mark(x + 6, 38, name, palette[name], name))
        parts.append(text(x + 16, 42, name))
        x += 34 + 7 * len(name)
    return parts


def svg(allocators, rows, results):
    """The picture, as text; empty without anything to compare."""
    names = [a.name for a in allocators]
    base = "glibc" if "glibc" in names else names[0]
    shown = [n for n in names if n != base]
    table = speeds(rows, results, names, base)
    if not shown or not table:
        return ""
    # hakmem's marks lie on top.
    shown.sort(key=lambda n: n.startswith("hakmem"))
    palette = colours(shown)
    axis = Axis([v for line_ in table.values() for v in line_.values()])
    parts, y = legend(shown, palette, base), TOP
    for group in GROUPS:
        chosen = [row for row in rows if row.group == group and row.name in table]
        if not chosen:
            continue
        y += GROUP
        parts.append(text(10, y - 6, group, weight="bold"))
        for row in chosen:
            y += ROW
            parts.append(text(LEFT - 10, y - 4, row.name, anchor="end"))
            parts.append(line(LEFT, y - 8, LEFT + WIDTH, y - 8, 1, 0.25))
            for name in shown:
                value = table[row.name].get(name)
                if value:
                    told = f"{row.name}, {name}: {value:.2f} times {base}"
                    parts.append(mark(axis.place(value), y - 8, name, palette[name], told))
    grid = []
    for tick in axis.ticks():
        x = axis.place(tick)
        grid.append(line(x, TOP, x, y + 4, 2 if tick == 1 else 1, 0.9 if tick == 1 else 0.4))
        grid.append(text(x, y + 20, f"{tick:g}x", anchor="middle"))
    height, width = y + BOTTOM, LEFT + WIDTH + RIGHT
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" font-family="sans-serif" fill="{INK}" role="img">\n'
            "<title>Speed of each allocator in each row</title>\n" + "\n".join(grid + parts) + "\n</svg>\n")
