"""Whether its probabilities mean what they say, what abstaining would bring, and each label at every threshold.

In:   a `ProbabilityRecord`.
Out:  HTML.
Not:  the plots (plot_probabilities.py).
"""

from collections.abc import Sequence

from frostline.evaluate.calibration import CalibrationScores
from frostline.evaluate.coverage import CoverageCurve
from frostline.evaluate.curves import LabelCurves
from frostline.head_record import ProbabilityRecord
from frostline.report import phrases
from frostline.report.marks import MOST_COLOURS
from frostline.report.markup import figure, loss, paragraphs, quiet, safe, section, share, stacked, table
from frostline.report.plot_probabilities import coverage_plot, curve_plots, reliability_plot

_WANTED = (0.9, 0.95, 0.98, 0.99)


def probabilities(found: ProbabilityRecord | None) -> str:
    """Three sections: reliability, abstaining, thresholds."""
    if found is None:
        return ""
    return _reliability(found) + _coverage(found.coverage) + _curves(found.curves)


def _reliability(found: ProbabilityRecord) -> str:
    now = found.scores
    how = {
        "none": "They are as the regression gives them.",
        "temperature": "They are calibrated by a temperature, found on rows held out of each fold.",
        "isotonic": "They are calibrated by an isotonic map, found on rows held out of each fold.",
    }[found.way]
    error = now.reliability.error
    low, high = error.interval
    said = (
        f"A probability should come true as often as it says: points on the dashed line. {how} They miss by "
        f"{phrases.percent(error.value)} points on average ({phrases.percent(low)} to {phrases.percent(high)}, chance "
        "taken out)."
    )
    rows = [_scores("as given" if found.before is None else "calibrated", now)]
    rows += [_scores("before calibration", found.before)] if found.before is not None else []
    names = ("", "calibration error, points", "in bins, points", "Brier score", "log loss")
    return section(
        "Whether its probabilities can be trusted",
        paragraphs([said])
        + figure(reliability_plot(now.reliability, found.before.reliability if found.before is not None else None))
        + table(names, rows, called="Calibration", own=0)
        + quiet(
            "Calibration error: the expected one, chance taken out; in bins: as other tools print it, with what exact "
            "probabilities would show beneath. Brier score and log loss: smaller is better."
        ),
    )


def _scores(name: str, scores: CalibrationScores) -> Sequence[str]:
    found = scores.reliability
    return (
        safe(name),
        share(found.error),
        stacked(phrases.percent(found.plain_error), f"chance {phrases.percent(found.chance)}"),
        loss(scores.brier),
        loss(scores.log_loss),
    )


def _coverage(found: CoverageCurve) -> str:
    if len(found.coverage) < 2:
        return ""
    said = "If it answered only where it is sure: fewer answers, more of them right. The band is the 95 % interval."
    if found.answer_from:
        right = phrases.DASH if found.right is None else f"{phrases.estimate_text(found.right)} %"
        said += (
            f" It answers from a probability of {found.answer_from:.3f} on: {phrases.estimate_text(found.covered)} % "
            f"of the test texts, of which {right} rightly."
        )
    rows = [row for row in (_at(found, wanted) for wanted in _WANTED) if row is not None]
    names = ("right answers wanted", "answer from", "texts answered %", "right %")
    note = "Read off these very test texts, so a little hopeful; train --abstain-precision chooses it out of fold."
    listed = table(names, rows, called="Abstaining") + quiet(note) if rows else ""
    return section("When it should rather not answer", paragraphs([said]) + figure(coverage_plot(found)) + listed)


def _at(found: CoverageCurve, wanted: float) -> Sequence[str] | None:
    """The largest coverage with at least the wanted share right; None where that is all texts, or none."""
    enough = [place for place, share in enumerate(found.precision) if share >= wanted]
    if not enough or enough[-1] == len(found.coverage) - 1:
        return None
    place = enough[-1]
    return (
        f"{100 * wanted:.0f} %",
        f"{found.thresholds[place]:.3f}",
        phrases.percent(found.coverage[place]),
        stacked(phrases.percent(found.precision[place]), phrases.percent_range((found.low[place], found.high[place]))),
    )


def _curves(curves: Sequence[LabelCurves]) -> str:
    if not curves:
        return ""
    weakest = sorted(curves, key=lambda found: found.average_precision.value)
    shown = list(curves) if len(curves) <= MOST_COLOURS else weakest[:MOST_COLOURS]
    said = "Left: how many texts of a label are found, against how many others are taken along. "
    said += "Right: how many are found, against how many of those taken are right."
    if len(shown) < len(curves):
        said += f" Drawn are the {len(shown)} weakest of {len(curves)} labels."
    rows = [
        (safe(found.label, 80), f"{found.n_with:,}", share(found.auc), share(found.average_precision))
        for found in curves
    ]
    names = ("label", "texts", "area under ROC %", "average precision %")
    return section(
        "Label against the rest, at every threshold",
        paragraphs([said]) + figure(curve_plots(shown)) + table(names, rows, called="Areas under the curves"),
    )
