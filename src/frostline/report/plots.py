"""Three plots as SVG that can stand inside a page: they take its colours, and its light or dark.

In:   an `Evaluation`, a `SearchRecord`, or scores beside baselines.
Out:  `<svg …>` elements, the same bytes for the same record.
Not:  the page around them (html.py). No pyplot: it keeps state, and looks for a display.

Colours are drawn as the stand-ins below and replaced by CSS variables; blue against orange is told apart by nearly
everyone. Text stays text, so the browser's fonts serve labels in any script; `parse_math` is off: a label may hold $.
"""

import html
import io
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from frostline.evaluate.metrics import Estimate, Evaluation
from frostline.record import SearchRecord
from frostline.report import phrases

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Rectangle

MOST_CELLS = 40
"""Labels beyond which a matrix could not be read; the page then lists the commonest mistakes alone."""

_INK, _MUTED, _GRID, _RIGHT, _WRONG = "#010203", "#010204", "#010205", "#010206", "#010207"
_VARIABLES = {_INK: "--ink", _MUTED: "--muted", _GRID: "--line", _RIGHT: "--right", _WRONG: "--wrong"}
_WIDTH = 4.5  # inches; a phone shows it at about its own size
_LARGE_WIDTH = 6.5  # more labels than 8: the page lets it scroll


@final
@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the plot of scores: a name, and a score with its interval."""

    name: str
    score: Estimate
    is_own: bool


def confusion_plot(evaluation: Evaluation) -> str:
    """The matrix: how many rows of each true label (rows) were given which label (columns); shade: share of the row."""
    n_labels = len(evaluation.labels)
    names = [phrases.printable(label, 16) for label in evaluation.labels]
    shares = evaluation.confusion / np.maximum(evaluation.confusion.sum(axis=1, keepdims=True), 1)
    large = n_labels > 8
    size = min(9.0, max(4.0, 110 / n_labels)) if large else 9.0
    width = _LARGE_WIDTH if large else _WIDTH
    with _drawn(width, width * (0.62 if n_labels == 2 else 0.92)) as (axes, out):
        for row in range(n_labels):
            for column in range(n_labels):
                colour = _RIGHT if row == column else _WRONG
                corner = (column - 0.48, row - 0.48)
                axes.add_patch(_rectangle(corner, 0.96, 0.96, colour, 0.06 + 0.49 * float(shares[row, column])))
                count = int(evaluation.confusion[row, column])
                if count or n_labels <= 12:
                    axes.text(column, row, f"{count:,}", ha="center", va="center", color=_INK, fontsize=size)
        axes.set_xlim(-0.5, n_labels - 0.5)
        axes.set_ylim(n_labels - 0.5, -0.5)
        crowded = n_labels > 4 or max(map(len, names)) > 10
        axes.set_xticks(range(n_labels), names, fontsize=size, rotation=45 if crowded else 0, parse_math=False)
        for tick in axes.get_xticklabels() if crowded else ():
            tick.set_horizontalalignment("right")
        axes.set_yticks(range(n_labels), names, fontsize=size, parse_math=False)
        axes.set_xlabel("predicted label")
        axes.set_ylabel("true label")
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    svg = _inline(out, "confusion", "Confusion matrix: true labels in rows, predicted labels in columns.")
    return svg.replace("<svg ", '<svg class="large" ', 1) if large else svg


def curve_plot(search: SearchRecord) -> str:
    """Mean score of the folds over C, a band of one standard error, the chosen C marked."""
    order = np.argsort(search.Cs)
    places = np.log10(np.array(search.Cs)[order])  # matplotlib's own log axis parses its labels as formulae: 0.7 s
    means, errors = np.array(search.mean_scores)[order], np.nan_to_num(np.array(search.std_errors)[order])
    with _drawn(_WIDTH, 2.7) as (axes, out):
        axes.fill_between(places, means - errors, means + errors, color=_RIGHT, alpha=0.2, linewidth=0)
        axes.plot(places, means, color=_RIGHT, linewidth=1.6, marker="o", markersize=3)
        chosen = int(np.argmin(np.abs(places - np.log10(search.chosen_C))))
        axes.plot(places[chosen], means[chosen], color=_WRONG, marker="D", markersize=7, linestyle="none")
        axes.annotate(
            f"chosen: {search.chosen_C:.3g}",
            (places[chosen], means[chosen]),
            xytext=(0, -17),
            textcoords="offset points",
            ha="left" if chosen == 0 else "right" if chosen == len(places) - 1 else "center",
            color=_INK,
        )
        decades = range(math.floor(places[0]), math.ceil(places[-1]) + 1)
        axes.set_xticks(decades, [f"{10.0**decade:g}" for decade in decades])
        axes.set_xlabel("C (smaller: simpler)")
        axes.set_ylabel(f"{phrases.printable(search.scoring, 24)} over {search.n_folds} folds", parse_math=False)
        axes.grid(visible=True, axis="y", color=_GRID, linewidth=0.6)
        axes.margins(y=0.15)
    return _inline(out, "curve", f"Mean score of the folds over C; the chosen C is {search.chosen_C:.3g}.")


def scores_plot(bars: Sequence[Bar], title: str) -> str:
    """A point and its interval for each classifier, the one trained here on top."""
    with _drawn(_WIDTH, 0.75 + 0.4 * len(bars)) as (axes, out):
        for place, bar in enumerate(bars):
            colour = _RIGHT if bar.is_own else _MUTED
            low, high = (100 * limit for limit in bar.score.interval)
            axes.plot([low, high], [place, place], color=colour, linewidth=4, alpha=0.45, solid_capstyle="round")
            axes.plot(100 * bar.score.value, place, color=colour, marker="o" if bar.is_own else "s", markersize=7)
            axes.annotate(
                phrases.percent(bar.score.value),
                (100 * bar.score.value, place),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                color=_INK,
                fontsize=9,
            )
        axes.set_yticks(range(len(bars)), [bar.name for bar in bars], parse_math=False)
        axes.set_ylim(len(bars) - 0.5, -0.7)
        axes.set_xlabel(title)
        axes.margins(x=0.08)
        axes.grid(visible=True, axis="x", color=_GRID, linewidth=0.6)
        axes.tick_params(axis="y", length=0)
    said = ", ".join(f"{bar.name} {phrases.estimate_text(bar.score)}" for bar in bars)
    return _inline(out, "scores", f"{title}: {said}.")


@contextmanager
def _drawn(width: float, height: float) -> "Iterator[tuple[Axes, io.StringIO]]":
    """A figure in inches to draw into; on leaving, its SVG is in the buffer."""
    import matplotlib as mpl  # noqa: PLC0415 - 0.3 s, and only the HTML report needs it
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - as above
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "frostline",
        "font.family": "DejaVu Sans",  # comes with matplotlib: the layout is the same on every machine
        "font.size": 9,
        "text.color": _INK,
        "axes.labelcolor": _MUTED,
        "axes.edgecolor": _MUTED,
        "xtick.color": _MUTED,
        "ytick.color": _MUTED,
        "xtick.labelcolor": _INK,
        "ytick.labelcolor": _INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
    }
    with mpl.rc_context(settings), warnings.catch_warnings():
        # the glyphs are the browser's; that DejaVu lacks some matters only to the width it guesses
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font", category=UserWarning)
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support", category=UserWarning)
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        out = io.StringIO()
        yield figure.add_subplot(), out
        figure.savefig(
            out, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )


def _rectangle(corner: tuple[float, float], width: float, height: float, colour: str, alpha: float) -> "Rectangle":
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - as above

    return Rectangle(corner, width, height, facecolor=colour, edgecolor="none", alpha=alpha)


def _inline(out: io.StringIO, name: str, description: str) -> str:
    """The SVG without what belongs to a file of its own, coloured by the page, and told to screen readers.

    `name` goes before every id: several such elements stand in one page.
    """
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :].strip()
    for stand_in, variable in _VARIABLES.items():
        svg = svg.replace(stand_in, f"var({variable})")
    svg = re.sub(r'( id="|url\(#|href="#)', rf"\1{name}-", svg)
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, count=1, flags=re.DOTALL)
    svg = svg.replace("font-family: 'DejaVu Sans'; ", "")
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(description)}" ', 1)
