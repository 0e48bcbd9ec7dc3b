"""The plots that every report has: scores beside baselines, the confusion matrix, the scores over C.

In:   an `Evaluation`, a `SearchRecord`, or scores beside baselines.
Out:  `<svg …>` elements, the same bytes for the same record.
Not:  how plots are drawn (drawing.py), the page around them (page_*.py).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, final

import numpy as np

from frostline.evaluate.metrics import Estimate, Evaluation
from frostline.head_record import SearchRecord
from frostline.report import phrases
from frostline.report.drawing import GRID, INK, MUTED, RIGHT, SIZE, WIDTH, WRONG, Margins, drawn, inline, room_for

if TYPE_CHECKING:
    from matplotlib.patches import Rectangle

MOST_CELLS = 40
"""Labels beyond which a matrix could not be read; the page then lists the commonest mistakes alone."""

_NAME_LETTERS = 30  # of a line of a classifier's name
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
    size = min(SIZE, max(4.0, 110 / n_labels)) if large else SIZE
    width = _LARGE_WIDTH if large else WIDTH
    crowded = n_labels > 4 or room_for(names) > 72 * (width - 1.2) / n_labels
    beside = room_for(names, size)
    margins = Margins(left=beside + 28, bottom=(0.72 * beside if crowded else size) + 28, right=6, top=4)
    with drawn(width, width * (0.62 if n_labels == 2 else 0.92), margins) as drawing:
        axes = drawing.axes
        for row, column in np.ndindex(n_labels, n_labels):
            count = int(evaluation.confusion[row, column])
            if not count and n_labels > 12:
                continue
            colour = RIGHT if row == column else WRONG
            axes.add_patch(_cell(column, row, colour, 0.06 + 0.49 * float(shares[row, column])))
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=INK, fontsize=size)
        axes.set_xlim(-0.5, n_labels - 0.5)
        axes.set_ylim(n_labels - 0.5, -0.5)
        axes.set_xticks(range(n_labels), names, fontsize=size, rotation=45 if crowded else 0, parse_math=False)
        for tick in axes.get_xticklabels() if crowded else ():
            tick.set_horizontalalignment("right")
            tick.set_rotation_mode("anchor")
        axes.set_yticks(range(n_labels), names, fontsize=size, parse_math=False)
        axes.set_xlabel("predicted label")
        axes.set_ylabel("true label")
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    return inline(
        drawing, "confusion", "Confusion matrix: true labels in rows, predicted labels in columns.", large=large
    )


def curve_plot(search: SearchRecord) -> str:
    """Mean score of the folds over C, a band of one standard error, the chosen C marked."""
    order = np.argsort(search.Cs)
    places = np.log10(np.array(search.Cs)[order])  # matplotlib's own log axis parses its labels as formulae: 0.7 s
    means, errors = np.array(search.mean_scores)[order], np.nan_to_num(np.array(search.std_errors)[order])
    with drawn(WIDTH, 2.7, Margins(left=58)) as drawing:
        axes = drawing.axes
        axes.fill_between(places, means - errors, means + errors, color=RIGHT, alpha=0.2, linewidth=0)
        axes.plot(places, means, color=RIGHT, linewidth=1.6, marker="o", markersize=3)
        chosen = int(np.argmin(np.abs(places - np.log10(search.chosen_C))))
        axes.plot(places[chosen], means[chosen], color=WRONG, marker="D", markersize=7, linestyle="none")
        axes.annotate(
            f"chosen: {search.chosen_C:.3g}",
            (places[chosen], means[chosen]),
            xytext=(0, 8),
            textcoords="offset points",
            ha="left" if chosen == 0 else "right" if chosen == len(places) - 1 else "center",
            color=INK,
        )
        decades = range(math.floor(places[0]), math.ceil(places[-1]) + 1)
        axes.set_xticks(decades, [f"{10.0**decade:g}" for decade in decades])
        axes.set_xlabel("C (smaller: simpler)")
        axes.set_ylabel(f"{phrases.printable(search.scoring, 24)} over {search.n_folds} folds", parse_math=False)
        axes.grid(visible=True, axis="y", color=GRID, linewidth=0.6)
        axes.margins(y=0.2)
    return inline(drawing, "curve", f"Mean score of the folds over C; the chosen C is {search.chosen_C:.3g}.")


def scores_plot(bars: Sequence[Bar], title: str) -> str:
    """A point and its interval for each classifier, the one trained here on top."""
    names = [fill(bar.name, _NAME_LETTERS) for bar in bars]
    longest = room_for([line for name in names for line in name.split("\n")])
    with drawn(WIDTH, 0.75 + 0.4 * len(bars), Margins(left=longest + 8)) as drawing:
        axes = drawing.axes
        for place, bar in enumerate(bars):
            colour = RIGHT if bar.is_own else MUTED
            low, high = (100 * limit for limit in bar.score.interval)
            axes.plot([low, high], [place, place], color=colour, linewidth=4, alpha=0.45, solid_capstyle="round")
            axes.plot(100 * bar.score.value, place, color=colour, marker="o" if bar.is_own else "s", markersize=7)
            axes.annotate(
                phrases.percent(bar.score.value),
                (100 * bar.score.value, place),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                color=INK,
            )
        axes.set_yticks(range(len(bars)), names, parse_math=False)
        axes.set_ylim(len(bars) - 0.5, -0.7)
        axes.set_xlabel(title, loc="right")
        axes.margins(x=0.08)
        axes.grid(visible=True, axis="x", color=GRID, linewidth=0.6)
        axes.tick_params(axis="y", length=0)
    said = ", ".join(f"{bar.name} {phrases.estimate_text(bar.score)}" for bar in bars)
    return inline(drawing, "scores", f"{title}: {said}.")


def _cell(column: int, row: int, colour: str, alpha: float) -> "Rectangle":
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - 0.3 s, and only the HTML report needs it

    return Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, facecolor=colour, edgecolor="none", alpha=alpha)
