"""Labels told apart in pictures: a colour, a shape and a dash each, so that colour is never alone.

In:   a label's place among those that are drawn.
Out:  path data for its points, its colour's CSS variable, its dashes; a legend beside the picture.
Not:  the pictures (plot_*.py). The colours' contrast and distance are held by tests/report/test_colours.py.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from frostline.arrays import Float64Array
from frostline.report import phrases
from frostline.report.drawing import LABELS, MUTED

MOST_COLOURS = len(LABELS)
OTHERS = MOST_COLOURS
"""The place of every label beyond those that have a colour of their own."""

DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (7, 1.5, 1.5, 1.5)), (0, (3, 1, 1, 1, 1, 1)), (0, (9, 3)), ":")

# one point each, drawn around where the pen stands; lines get a width, shapes are filled
_SHAPES = (
    "m-2.6 0a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0-5.2 0z",
    "m-2.3-2.3h4.6v4.6h-4.6z",
    "m0-3.2l3 5.4h-6z",
    "m0-3.4l3.4 3.4l-3.4 3.4l-3.4-3.4z",
    "m0 3.2l3-5.4h-6z",
    "m-.9-3h1.8v2.1h2.1v1.8h-2.1v2.1h-1.8v-2.1h-2.1v-1.8h2.1z",
    "m-1.7 0a1.7 1.7 0 1 0 3.4 0a1.7 1.7 0 1 0-3.4 0z",
)
_RING = "m-4.6 0a4.6 4.6 0 1 0 9.2 0a4.6 4.6 0 1 0-9.2 0"


@final
@dataclass(frozen=True, slots=True)
class Sign:
    """A line of a legend: what it says, and the picture before it (`place` of a label; -1 for a mistake)."""

    words: str
    place: int


def colour(place: int) -> str:
    """The stand-in colour (see drawing.py) of the label at `place`."""
    return LABELS[place] if place < MOST_COLOURS else MUTED


def points_path(places: Float64Array, place: int, *, size: float = 1.0) -> str:
    """One element for all points (n, 2) of a label, `size` times as large as in the legend; about 40 bytes a point."""
    shape = _scaled(_SHAPES[min(place, OTHERS)], size)
    drawn = "".join(f"M{x:.1f} {y:.1f}{shape}" for x, y in places.tolist())
    return f'<path d="{drawn}" fill="var({_variable(place)})" fill-opacity=".75"/>'


def rings_path(places: Float64Array, *, size: float = 1.0) -> str:
    """One element that puts a ring around each place (n, 2): a mistake."""
    shape = _scaled(_RING, size)
    drawn = "".join(f"M{x:.1f} {y:.1f}{shape}" for x, y in places.tolist())
    return f'<path d="{drawn}" fill="none" stroke="var(--ink)" stroke-opacity=".75" stroke-width="{size:.1f}"/>'


def legend(signs: Sequence[Sign], *, lines: bool = False) -> str:
    """A list that says what the points, or the lines, stand for."""
    items = "".join(
        f"<li>{_line_icon(sign.place) if lines else _point_icon(sign.place)}"
        f"<bdi>{html.escape(phrases.printable(sign.words))}</bdi></li>"
        for sign in signs
    )
    return f'<ul class="legend">{items}</ul>'


def _scaled(shape: str, size: float) -> str:
    """The same path, smaller; what follows an `a` besides lengths is 0 or 1, which stays whole."""
    if size == 1.0:
        return shape
    return re.sub(r"\d*\.\d+|[2-9]", lambda found: f"{float(found[0]) * size:.1f}", shape)


def _point_icon(place: int) -> str:
    if place < 0:
        inner = f'<path d="M8 6{_RING}" fill="none" stroke="var(--ink)" stroke-width="1.1"/>'
    else:
        inner = f'<path d="M8 6{_SHAPES[min(place, OTHERS)]}" fill="var({_variable(place)})"/>'
    return f'<svg class="icon" viewBox="0 0 16 12" aria-hidden="true">{inner}</svg>'


def _line_icon(place: int) -> str:
    dash = DASHES[min(place, OTHERS)]
    gaps = "" if dash == "-" else ' stroke-dasharray="1 2"' if isinstance(dash, str) else _dasharray(dash[1])
    inner = f'<path d="M0 6h28" stroke="var({_variable(place)})" stroke-width="2"{gaps}/>'
    return f'<svg class="icon line" viewBox="0 0 28 12" aria-hidden="true">{inner}</svg>'


def _dasharray(gaps: tuple[float, ...]) -> str:
    return f' stroke-dasharray="{" ".join(f"{2 * gap:g}" for gap in gaps)}"'


def _variable(place: int) -> str:
    return f"--label-{place + 1}" if place < MOST_COLOURS else "--muted"
