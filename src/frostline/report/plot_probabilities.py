"""Pictures of probabilities: claimed against true, ROC and precision-recall, and what abstaining brings.

In:   the dataclasses of evaluate/calibration.py, curves.py and coverage.py.
Out:  `<svg …>` elements, with a legend where there are several lines.
Not:  the figures (evaluate/), the words around them (page_probabilities.py).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from frostline.evaluate.calibration import Reliability
from frostline.evaluate.coverage import CoverageCurve
from frostline.evaluate.curves import Curve, LabelCurves
from frostline.report import phrases
from frostline.report.drawing import GRID, INK, MUTED, RIGHT, WIDTH, WRONG, Margins, drawn, inline
from frostline.report.marks import DASHES, MOST_COLOURS, Sign, colour, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NARROW = 3.4


def reliability_plot(now: Reliability, before: Reliability | None) -> str:
    """A point per bin: claimed probability across, the share that came true upward; the diagonal is ideal."""
    lowest = min(found.mean_probability for found in (*now.bins, *(before.bins if before else ())))
    start = 0.05 * int(20 * min(lowest, 0.5))
    with drawn(WIDTH, 3.6, Margins(left=46)) as drawing:
        axes = drawing.axes
        axes.plot([100 * start, 100], [100 * start, 100], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        if before is not None:
            axes.plot(
                [100 * found.mean_probability for found in before.bins],
                [100 * found.share_right for found in before.bins],
                color=WRONG,
                marker="s",
                markersize=4,
                linewidth=1,
                linestyle=DASHES[1],
            )
        for found in now.bins:
            across = 100 * found.mean_probability
            axes.plot(
                [across, across], [100 * limit for limit in found.interval], color=RIGHT, linewidth=2.4, alpha=0.4
            )
        axes.plot(
            [100 * found.mean_probability for found in now.bins],
            [100 * found.share_right for found in now.bins],
            color=RIGHT,
            marker="o",
            markersize=5,
            linewidth=1.2,
        )
        axes.set_xlim(100 * start - 2, 102)
        lows = [found.interval[0] for found in now.bins] + [found.share_right for found in (before or now).bins]
        axes.set_ylim(100 * min(start, *lows) - 2, 103)
        axes.set_xlabel("probability claimed, %")
        axes.set_ylabel("came true, %")
        axes.grid(visible=True, color=GRID, linewidth=0.6)
    told = f"Claimed probability against the share that came true, in {len(now.bins)} bins."
    signs = [Sign("as given now", 0), Sign("before calibration", 1)] if before is not None else []
    return inline(drawing, "reliability", told) + (legend(signs, lines=True) if signs else "")


def coverage_plot(found: CoverageCurve) -> str:
    """Right answers against the share of texts that get one; where the head stands is marked."""
    across = [100 * share for share in found.coverage]
    with drawn(WIDTH, 2.9, Margins(left=46, right=14)) as drawing:
        axes = drawing.axes
        bands = [[100 * limit for limit in limits] for limits in (found.low, found.high)]
        axes.fill_between(across, bands[0], bands[1], color=RIGHT, alpha=0.18, linewidth=0)
        axes.plot(across, [100 * share for share in found.precision], color=RIGHT, linewidth=1.6)
        if found.right is not None:
            axes.plot(100 * found.covered.value, 100 * found.right.value, color=WRONG, marker="D", markersize=7)
        axes.set_xlim(0, 102)
        axes.set_ylim(max(0.0, 100 * min(found.precision) - 6), 101)
        axes.set_xlabel("texts that get an answer, %")
        axes.set_ylabel("answers that are right, %")
        axes.grid(visible=True, color=GRID, linewidth=0.6)
    return inline(drawing, "coverage", "Share of right answers against the share of texts that are answered.")


def curve_plots(curves: Sequence[LabelCurves]) -> str:
    """ROC and precision-recall, one beside the other where there is room; at most `MOST_COLOURS` labels."""
    shown = curves[:MOST_COLOURS]
    roc = _square(
        [found.roc for found in shown],
        "roc",
        ("taken among the other texts, %", "recall, %"),
        "ROC curves",
        chance=True,
    )
    recall = _square(
        [found.precision_recall for found in shown], "pr", ("recall, %", "precision, %"), "Precision-recall curves"
    )
    signs = [Sign(phrases.printable(found.label, 30), place) for place, found in enumerate(shown)]
    return f'<div class="pair">{roc}{recall}</div>' + (legend(signs, lines=True) if len(signs) > 1 else "")


def _square(curves: Sequence[Curve], name: str, axis: tuple[str, str], told: str, *, chance: bool = False) -> str:
    with drawn(_NARROW, _NARROW, Margins(left=44)) as drawing:
        axes = drawing.axes
        if chance:
            axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        for place, curve in enumerate(curves):
            _line(axes, curve, place)
        axes.set_xlim(-2, 102)
        axes.set_ylim(-2, 103)
        axes.set_xlabel(axis[0])
        axes.set_ylabel(axis[1])
        axes.tick_params(color=INK)
        axes.grid(visible=True, color=GRID, linewidth=0.6)
    return inline(drawing, name, f"{told} of {phrases.count_text(len(curves), 'label')}.")


def _line(axes: "Axes", curve: Curve, place: int) -> None:
    axes.plot(
        [100 * value for value in curve.x],
        [100 * value for value in curve.y],
        color=colour(place),
        linewidth=1.6,
        linestyle=DASHES[place],
    )
