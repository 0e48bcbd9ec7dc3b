"""How every plot of the page is drawn: SVG that takes the page's colours, and its light or dark.

No pyplot: it keeps state, and looks for a display.

Colours are drawn as the stand-ins below and replaced by CSS variables (page.html). Text stays text, so the browser's
fonts serve labels in any script; `parse_math` is off: a label may hold $. Margins are reckoned from the words that
stand in them: matplotlib's own layout draws everything twice, for widths that are another font's anyway.
"""

import html
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

from rich.cells import cell_len

from frostline.arrays import Float64Array
from frostline.disk import home, private_folder
from frostline.errors import FrostlineError
from frostline.report import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, GRID, RIGHT, WRONG, CARD = "#010203", "#010204", "#010205", "#010206", "#010207", "#010208"
LABELS = ("#010211", "#010212", "#010213", "#010214", "#010215", "#010216")
"""Colours of labels, told apart by the colour-blind; more labels than these share the muted one."""

_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--line",
    RIGHT: "--right",
    WRONG: "--wrong",
    CARD: "--card",
    **{stand_in: f"--label-{number}" for number, stand_in in enumerate(LABELS, start=1)},
}

WIDTH = 4.5
"""Inches; a phone shows it at about its own size."""

SIZE = 10.0
"""Of letters, in points."""

_LETTER = 0.6  # an ordinary letter's width, as a share of its size
_NUMBER = re.compile(r"-?\d+\.\d+")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """Room beside the axes, in points."""

    left: float = 44.0
    right: float = 10.0
    top: float = 8.0
    bottom: float = 38.0


@final
@dataclass(slots=True)
class Drawing:
    """Axes to draw into; elements to put over them; what stands in `svg` once the drawing is left."""

    axes: "Axes"
    over: list[str] = field(default_factory=list)
    svg: str = ""

    def places(self, points: Float64Array) -> Float64Array:
        """Points (n, 2) of the axes in the coordinates of the SVG."""
        places: Float64Array = self.axes.transData.transform(points)
        places[:, 1] = self.axes.figure.bbox.height - places[:, 1]
        return places


def room_for(words: Sequence[str], size: float = SIZE) -> float:
    """Points that the widest of `words` takes, about."""
    return _LETTER * size * max((cell_len(word) for word in words), default=0)


def keep_fonts_at_home() -> None:
    """Before matplotlib is loaded: let it keep its list of fonts in Frostline's home, which it else does in the user's.

    Whoever has loaded it, or told it where, has decided already; where our home cannot be written to it decides itself.
    """
    if "matplotlib" not in sys.modules and "MPLCONFIGDIR" not in os.environ:
        with suppress(FrostlineError):
            os.environ["MPLCONFIGDIR"] = str(private_folder(home() / "matplotlib"))


@contextmanager
def drawn(width: float, height: float, margins: Margins) -> Iterator[Drawing]:
    """A figure in inches to draw into; on leaving, its SVG is in the drawing."""
    keep_fonts_at_home()
    import matplotlib as mpl  # noqa: PLC0415 - 0.3 s, and only the HTML report needs it
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - as above
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    with mpl.rc_context(_settings()), warnings.catch_warnings():
        # the glyphs are the browser's; that DejaVu lacks some matters only to the width it guesses
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font", category=UserWarning)
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support", category=UserWarning)
        figure = Figure(figsize=(width, height), dpi=72)
        FigureCanvasSVG(figure)
        across, up = 72 * width, 72 * height
        axes = figure.add_axes(
            (
                margins.left / across,
                margins.bottom / up,
                max(0.1, 1 - (margins.left + margins.right) / across),
                max(0.1, 1 - (margins.bottom + margins.top) / up),
            )
        )
        drawing = Drawing(axes)
        yield drawing
        out = io.StringIO()
        figure.savefig(
            out, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
        drawing.svg = out.getvalue()


def inline(drawing: Drawing, name: str, description: str, *, large: bool = False) -> str:
    """The SVG without what belongs to a file of its own, coloured by the page, and told to screen readers.

    Parameters
    ----------
    name : str
        Goes before every id: several such elements stand in one page.
    description : str
        What one sees, in a sentence; may hold the user's words, printable.
    large : bool
        Whether it may be wider than a phone, and is scrolled there.
    """
    svg = drawing.svg[drawing.svg.index("<svg") :].strip()
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"<[^>]+>", lambda tag: _tag(tag[0], name), svg)  # tags alone: a label may be called #010203
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    kind = ' class="large"' if large else ""
    svg = svg.replace("</svg>", f"{''.join(drawing.over)}</svg>")
    return svg.replace("<svg ", f'<svg{kind} role="img" aria-label="{html.escape(description)}" ', 1)


def _tag(tag: str, name: str) -> str:
    tag = re.sub(r' d="([^"]*)"', lambda match: f' d="{_rounded(match[1])}"', tag)
    tag = re.sub(r"#0102\d\d", lambda match: f"var({_VARIABLES[match[0]]})", tag)
    tag = re.sub(r'( id="|url\(#|href="#)', rf"\1{name}-", tag)
    return tag.replace("font-family: 'DejaVu Sans'; ", "").replace("'DejaVu Sans'", "")


def _rounded(path: str) -> str:
    """Path data with one decimal: a tenth of a point is less than a pixel."""
    return " ".join(_NUMBER.sub(lambda match: f"{float(match[0]):.1f}", path).split())


def _settings() -> dict[Any, Any]:
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "frostline",
        "font.family": "DejaVu Sans",  # comes with matplotlib: the layout is the same on every machine
        "font.size": SIZE,
        "text.color": INK,
        "axes.labelcolor": MUTED,
        "axes.edgecolor": MUTED,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
    }


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
        f"<bdi>{html.escape(printable(sign.words))}</bdi></li>"
        for sign in signs
    )
    return f'<ul class="legend">{items}</ul>'


def _scaled(shape: str, size: float) -> str:
    """The same path, smaller; what follows an `a` besides lengths is 0 or 1, which stays whole."""
    if size == 1.0:
        return shape
    return re.sub(r"\d*\.\d+|[2-9]", lambda match: f"{float(match[0]) * size:.1f}", shape)


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
