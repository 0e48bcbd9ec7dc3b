"""Accuracy against the number of labelled rows, with its band, and where the curve leads.

In:   a `LearningCurve`.
Out:  an `<svg …>`.
Not:  measuring or extrapolating (evaluate/).
"""

import math

from frostline.evaluate.learning_curve import LearningCurve
from frostline.report.drawing import GRID, RIGHT, WIDTH, WRONG, Margins, drawn, inline


def learning_plot(curve: LearningCurve) -> str:
    """Points with whiskers; dashed, with a band, the power law through them to four times the rows."""
    sizes = [math.log2(point.n_rows) for point in curve.points]
    with drawn(WIDTH, 3.0, Margins(left=46, bottom=40)) as drawing:
        axes = drawing.axes
        ahead = curve.outlook
        if ahead is not None:
            places = [math.log2(n) for n in ahead.n_rows]
            axes.fill_between(
                places,
                [100 * value for value in ahead.low],
                [100 * value for value in ahead.high],
                color=WRONG,
                alpha=0.16,
                linewidth=0,
            )
            axes.plot(
                places, [100 * value for value in ahead.accuracy], color=WRONG, linewidth=1.4, linestyle=(0, (5, 2))
            )
        for size, point in zip(sizes, curve.points, strict=True):
            limits = [100 * limit for limit in point.accuracy.interval]
            axes.plot([size, size], limits, color=RIGHT, linewidth=2.4, alpha=0.4)
        values = [100 * point.accuracy.value for point in curve.points]
        axes.plot(sizes, values, color=RIGHT, marker="o", markersize=5, linewidth=1.4)
        ticks = _ticks(curve)
        axes.set_xticks([math.log2(n) for n in ticks], [f"{n:,}" for n in ticks])
        axes.set_xlabel("labelled rows learned from")
        axes.set_ylabel("accuracy, %")
        axes.grid(visible=True, color=GRID, linewidth=0.6)
        axes.margins(x=0.04, y=0.08)
    told = ", ".join(f"{point.n_rows:,} rows {100 * point.accuracy.value:.1f} %" for point in curve.points)
    return inline(drawing, "learning", f"Accuracy against labelled rows: {told}.")


def _ticks(curve: LearningCurve) -> list[int]:
    """Sizes that were measured and those looked ahead to, at most six, so that their numbers do not touch."""
    found = [point.n_rows for point in curve.points]
    found += [gain.n_rows for gain in curve.outlook.gains] if curve.outlook is not None else []
    step = math.ceil(len(found) / 6)
    return found[::-1][::step][::-1]
