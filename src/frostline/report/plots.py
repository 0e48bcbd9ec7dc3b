"""The plots that every report has: scores beside baselines, the confusion matrix, the scores over C.

Each is an `<svg …>` element, the same bytes for the same record.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any, final

import numpy as np

from frostline.arrays import BoolArray, IntArray
from frostline.evaluate.examples import Examples, SentenceMap
from frostline.evaluate.intervals import Estimate
from frostline.evaluate.probabilities import CoverageCurve, Curve, LabelCurves, Reliability
from frostline.evaluate.scores import Evaluation
from frostline.record import ChoiceRecord, SearchRecord, TrialRecord, TuningRecord
from frostline.report import count_text, label_name, phrases, printable
from frostline.report.drawing import (
    DASHES,
    GRID,
    INK,
    MOST_COLOURS,
    MUTED,
    OTHERS,
    RIGHT,
    SIZE,
    WIDTH,
    WRONG,
    Margins,
    Sign,
    colour,
    drawn,
    inline,
    legend,
    points_path,
    rings_path,
    room_for,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from frostline.evaluate.learning_curve import LearningCurve

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
    confusion = evaluation.confusion
    if confusion is None:
        return ""
    n_labels = len(evaluation.labels)
    names = [label_name(label, 16) for label in evaluation.labels]
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    large = n_labels > 8
    size = min(SIZE, max(4.0, 110 / n_labels)) if large else SIZE
    width = _LARGE_WIDTH if large else WIDTH
    crowded = n_labels > 4 or room_for(names) > 72 * (width - 1.2) / n_labels
    beside = room_for(names, size)
    margins = Margins(left=beside + 28, bottom=(0.72 * beside if crowded else size) + 28, right=6, top=4)
    with drawn(width, width * (0.62 if n_labels == 2 else 0.92), margins) as drawing:
        axes = drawing.axes
        for row, column in np.ndindex(n_labels, n_labels):
            count = int(confusion[row, column])
            if not count and n_labels > 12:
                continue
            colour = RIGHT if row == column else WRONG
            alpha = 0.06 + 0.49 * float(shares[row, column])
            _cell(axes, column, row, facecolor=colour, edgecolor="none", alpha=alpha)
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
        _without_lines(axes)
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
        axes.set_ylabel(f"{printable(search.scoring, 24)} over {search.n_folds} folds", parse_math=False)
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
            axes.plot(
                _per_cent(bar.score.interval),
                [place, place],
                color=colour,
                linewidth=4,
                alpha=0.45,
                solid_capstyle="round",
            )
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


def _cell(axes: "Axes", column: int, row: int, *, height: float = 0.96, **look: Any) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - 0.3 s, and only the HTML report needs it

    axes.add_patch(Rectangle((column - 0.48, row - height / 2), 0.96, height, **look))


def _without_lines(axes: "Axes") -> None:
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


_NARROW = 3.4


def _per_cent(shares: Iterable[float]) -> list[float]:
    return [100 * share for share in shares]


def _of_bins(reliability: Reliability) -> tuple[list[float], list[float]]:
    """Of each bin what was claimed and what came true, in per cent."""
    bins = reliability.bins
    return _per_cent(one.mean_probability for one in bins), _per_cent(one.share_right for one in bins)


def _labelled(axes: "Axes", across: str, upward: str) -> None:
    """What the axes are, and a grid."""
    axes.set_xlabel(across)
    axes.set_ylabel(upward)
    axes.grid(visible=True, color=GRID, linewidth=0.6)


def reliability_plot(now: Reliability, before: Reliability | None) -> str:
    """A point per bin: claimed probability across, the share that came true upward; the diagonal is ideal."""
    lowest = min(one.mean_probability for one in (*now.bins, *(before.bins if before else ())))
    start = 0.05 * int(20 * min(lowest, 0.5))
    with drawn(WIDTH, 3.6, Margins(left=46)) as drawing:
        axes = drawing.axes
        axes.plot([100 * start, 100], [100 * start, 100], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        if before is not None:
            axes.plot(*_of_bins(before), color=WRONG, marker="s", markersize=4, linewidth=1, linestyle=DASHES[1])
        for one in now.bins:
            across = 100 * one.mean_probability
            axes.plot([across, across], _per_cent(one.interval), color=RIGHT, linewidth=2.4, alpha=0.4)
        axes.plot(*_of_bins(now), color=RIGHT, marker="o", markersize=5, linewidth=1.2)
        axes.set_xlim(100 * start - 2, 102)
        lows = [one.interval[0] for one in now.bins] + [one.share_right for one in (before or now).bins]
        axes.set_ylim(100 * min(start, *lows) - 2, 103)
        _labelled(axes, "predicted confidence, %", "actually right, %")
    said = f"Predicted confidence against the share that was right, in {len(now.bins)} bins."
    signs = [Sign("as given now", 0), Sign("before calibration", 1)] if before is not None else []
    return inline(drawing, "reliability", said) + (legend(signs, lines=True) if signs else "")


def coverage_plot(curve: CoverageCurve) -> str:
    """Right answers against the share of texts that get one; where the head stands is marked."""
    across = _per_cent(curve.coverage)
    with drawn(WIDTH, 2.9, Margins(left=46, right=14)) as drawing:
        axes = drawing.axes
        low, high = _per_cent(curve.low), _per_cent(curve.high)
        axes.fill_between(across, low, high, color=RIGHT, alpha=0.18, linewidth=0)
        axes.plot(across, _per_cent(curve.precision), color=RIGHT, linewidth=1.6)
        if curve.right is not None:
            axes.plot(100 * curve.covered.value, 100 * curve.right.value, color=WRONG, marker="D", markersize=7)
        axes.set_xlim(0, 102)
        axes.set_ylim(max(0.0, 100 * min(curve.precision) - 6), 101)
        _labelled(axes, "texts that get an answer, %", "answers that are right, %")
    return inline(drawing, "coverage", "Share of right answers against the share of texts that are answered.")


def curve_plots(curves: Sequence[LabelCurves]) -> str:
    """ROC and precision-recall, one beside the other where there is room; at most `MOST_COLOURS` labels."""
    shown = curves[:MOST_COLOURS]
    roc = _square(
        [each.roc for each in shown],
        "roc",
        ("taken among the other texts, %", "recall, %"),
        "ROC curves",
        chance=True,
    )
    recall = _square(
        [each.precision_recall for each in shown], "pr", ("recall, %", "precision, %"), "Precision-recall curves"
    )
    signs = [Sign(printable(each.label, 30), place) for place, each in enumerate(shown)]
    return f'<div class="pair">{roc}{recall}</div>' + (legend(signs, lines=True) if len(signs) > 1 else "")


def _square(curves: Sequence[Curve], name: str, axis: tuple[str, str], title: str, *, chance: bool = False) -> str:
    with drawn(_NARROW, _NARROW, Margins(left=44)) as drawing:
        axes = drawing.axes
        if chance:
            axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        for place, curve in enumerate(curves):
            style = DASHES[place]
            axes.plot(_per_cent(curve.x), _per_cent(curve.y), color=colour(place), linewidth=1.6, linestyle=style)
        axes.set_xlim(-2, 102)
        axes.set_ylim(-2, 103)
        axes.tick_params(color=INK)
        _labelled(axes, *axis)
    return inline(drawing, name, f"{title} of {count_text(len(curves), 'label')}.")


_CROWD = 500  # points that still have room


def map_plot(examples: Examples, layout: SentenceMap) -> str:
    """The map and its legend: commoner labels first, beyond `MOST_COLOURS` labels the rest together."""
    codes, has_label = _codes_shown(examples)
    codes, has_label = codes[layout.rows], has_label[layout.rows]
    places_of = _places_of(codes[has_label], len(examples.labels))
    decided = layout.kind == "decision"
    size = 1.0 if len(codes) <= _CROWD else 0.7
    with drawn(WIDTH, 3.9, Margins(left=20, right=6, top=6, bottom=24)) as drawing:
        axes = drawing.axes
        axes.set_xlim(*_limits(layout, 0))
        axes.set_ylim(*_limits(layout, 1))
        axes.set_xticks([])
        axes.set_yticks([])
        if decided:
            axes.axvline(0.0, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
            first, second = (label_name(label, 14) for label in examples.labels)
            axes.set_xlabel(f"← {first} · what it decides by · {second} →", color=MUTED, parse_math=False)
            axes.set_ylabel("what else differs", color=MUTED)
        else:
            axes.set_xlabel("direction 1", color=MUTED)
            axes.set_ylabel("direction 2", color=MUTED)
        for spine in axes.spines.values():
            spine.set_color(GRID)
        at = drawing.places(layout.places.copy())
        wrong = _is_wrong(examples)[layout.rows]
        for place in range(OTHERS, -1, -1):
            mine = np.where(has_label, places_of[codes], OTHERS) == place
            if mine.any():
                drawing.over.append(points_path(at[mine], place, size=size))
        if wrong.any():
            drawing.over.append(rings_path(at[wrong], size=size))
    said = f"Map of {len(codes):,} test texts by label, with {count_text(int(wrong.sum()), 'mistake')} ringed."
    signs = _signs(examples, places_of, int(wrong.sum()), n_without=int((~has_label).sum()))
    return inline(drawing, "map", said) + legend(signs)


def _codes_shown(examples: Examples) -> tuple[IntArray, BoolArray]:
    """The label that colours each text (n_texts,): of its own, the most probable one; and whether it has any."""
    codes: IntArray = np.where(examples.members, examples.probabilities, -1.0).argmax(axis=1)
    has_label = np.asarray(examples.members.any(axis=1))
    return codes, has_label


def _is_wrong(examples: Examples) -> BoolArray:
    """Whether a text was answered (n_texts,), and not with just the labels that it has."""
    wrong: BoolArray = (examples.favoured != examples.members).any(axis=1) & examples.answered
    return wrong


def map_words(examples: Examples, layout: SentenceMap) -> list[str]:
    """What one sees, for somebody who has never seen such a map."""
    n = len(layout.rows)
    shown = (
        f"{n:,} of {layout.n_texts:,} test texts, drawn at random" if n < layout.n_texts else f"all {n:,} test texts"
    )
    if layout.kind == "decision":
        first, second = (label_name(label) for label in examples.labels)
        return [
            (
                f"A point for each of {shown}. Left to right is how the classifier decides, from {first} to {second} "
                "(log-odds); at the dashed line it changes its mind, and far from it it is sure."
            ),
            (
                "Bottom to top is the direction in which the texts' features differ most besides "
                f"({phrases.percent(layout.shares[1])} % of what the decision leaves); it has no name."
            ),
        ]
    shares = " and ".join(phrases.percent(share) for share in layout.shares)
    return [
        (
            f"A point for each of {shown}. The axes are the two directions along which the classifier tells labels "
            f"apart the most: {shares} % of the differences in its decisions. Labels that lie on each other here may "
            "still be apart in the directions that a sheet of paper cannot show."
        ),
    ]


def _places_of(codes: IntArray, n_labels: int) -> IntArray:
    """For each label its place among the colours: in column order if there are few, else the commonest first."""
    places = np.full(n_labels, OTHERS, dtype=np.int64)
    if n_labels <= MOST_COLOURS:
        return np.arange(n_labels, dtype=np.int64)
    commonest = np.argsort(-np.bincount(codes, minlength=n_labels), kind="stable")[:MOST_COLOURS]
    places[np.sort(commonest)] = np.arange(MOST_COLOURS)
    return places


def _signs(examples: Examples, places_of: IntArray, n_wrong: int, *, n_without: int) -> list[Sign]:
    signs = [
        Sign(str(label), int(place)) for label, place in zip(examples.labels, places_of, strict=True) if place < OTHERS
    ]
    rest = int((places_of == OTHERS).sum())
    others = ([f"{rest} other labels"] if rest else []) + (["no label"] if n_without else [])
    signs += [Sign(" or ".join(others), OTHERS)] if others else []
    return signs + ([Sign("a mistake", -1)] if n_wrong else [])


def _limits(layout: SentenceMap, axis: int) -> tuple[float, float]:
    """All points, the line at 0 where there is one, and some air."""
    values = layout.places[:, axis]
    low, high = float(values.min()), float(values.max())
    if layout.kind == "decision" and axis == 0:
        low, high = min(low, 0.0), max(high, 0.0)
    air = 0.04 * (high - low) or 1.0
    return low - air, high + air


def heat_plot(choice: ChoiceRecord) -> str:
    """Single blocks of the sweep: rows are layers, the last on top; columns poolings; the best is framed."""
    singles = [trial for trial in choice.trials if trial.layer is not None]
    poolings = list(dict.fromkeys(trial.pooling for trial in singles))
    layers = sorted({trial.layer for trial in singles if trial.layer is not None})
    scores = [trial.score for trial in singles if trial.chosen_C is not None]
    low, high = min(scores), max(scores)
    best = max(singles, key=lambda trial: trial.score)
    names = [phrases.layer_name(layer) for layer in layers]
    with drawn(WIDTH, 0.6 + 0.26 * len(layers), Margins(left=room_for(names) + 28, bottom=34)) as drawing:
        axes = drawing.axes
        for trial in singles:
            column, row = poolings.index(trial.pooling), layers.index(trial.layer or 0)
            alpha = 0.04 + 0.5 * _share(trial, low, high)
            _cell(axes, column, row, height=0.92, facecolor=RIGHT, alpha=alpha, edgecolor="none")
            if trial is best:
                _cell(axes, column, row, height=0.92, fill=False, edgecolor=WRONG, linewidth=1.8)
            weight = "bold" if trial is best else "normal"
            score = f"{100 * trial.score:.1f}"
            axes.text(column, row, score, ha="center", va="center", color=INK, fontweight=weight)
        axes.set_xlim(-0.5, len(poolings) - 0.5)
        axes.set_ylim(-0.5, len(layers) - 0.5)
        axes.set_xticks(range(len(poolings)), [str(pooling) for pooling in poolings], parse_math=False)
        axes.set_yticks(range(len(layers)), names)
        axes.set_xlabel("pooling")
        axes.set_ylabel("layer")
        _without_lines(axes)
    said = f"Scores of each layer and pooling alone; the best block is {best.features} with {100 * best.score:.1f}."
    return inline(drawing, "heat", said)


def _share(trial: TrialRecord, low: float, high: float) -> float:
    return min(1.0, max(0.0, (trial.score - low) / (high - low))) if high > low else 1.0


def learning_plot(curve: "LearningCurve", right: str = "accuracy") -> str:
    """Points with whiskers; dashed, with a band, the power law through them to four times the rows."""
    sizes = [math.log2(point.n_rows) for point in curve.points]
    with drawn(WIDTH, 3.0, Margins(left=46, bottom=40)) as drawing:
        axes = drawing.axes
        ahead = curve.outlook
        if ahead is not None:
            places = [math.log2(n) for n in ahead.n_rows]
            low, high = _per_cent(ahead.low), _per_cent(ahead.high)
            axes.fill_between(places, low, high, color=WRONG, alpha=0.16, linewidth=0)
            axes.plot(places, _per_cent(ahead.accuracy), color=WRONG, linewidth=1.4, linestyle=(0, (5, 2)))
        for size, point in zip(sizes, curve.points, strict=True):
            axes.plot([size, size], _per_cent(point.accuracy.interval), color=RIGHT, linewidth=2.4, alpha=0.4)
        values = _per_cent(point.accuracy.value for point in curve.points)
        axes.plot(sizes, values, color=RIGHT, marker="o", markersize=5, linewidth=1.4)
        ticks = _ticks(curve)
        axes.set_xticks([math.log2(n) for n in ticks], [f"{n:,}" for n in ticks])
        upward = "accuracy, %" if right.startswith("accuracy") else "all labels right, %"
        _labelled(axes, "labelled rows learned from", upward)
        axes.margins(x=0.04, y=0.08)
    said = ", ".join(f"{point.n_rows:,} rows {100 * point.accuracy.value:.1f} %" for point in curve.points)
    return inline(drawing, "learning", f"{right[0].upper()}{right[1:]} against labelled rows: {said}.")


def tuning_plot(found: TuningRecord) -> str:
    """Loss against epochs, in training and on the rows held out; the epoch kept is ringed."""
    with drawn(WIDTH, 2.6, Margins(left=46, bottom=40)) as drawing:
        axes = drawing.axes
        epochs = range(1, len(found.losses) + 1)
        axes.plot(epochs, found.losses, color=MUTED, marker="o", markersize=4, linewidth=1.2, linestyle=(0, (5, 2)))
        if found.held_out:
            axes.plot(range(len(found.held_out)), found.held_out, color=RIGHT, marker="o", markersize=5, linewidth=1.6)
            axes.plot(
                [found.best], [found.held_out[found.best]], color=RIGHT, marker="o", markersize=11, fillstyle="none"
            )
        axes.set_xticks(range(len(found.losses) + 1))
        _labelled(axes, "epochs", "log loss")
        axes.margins(x=0.06, y=0.12)
    said = ", ".join(f"{epoch}: {loss:.3f}" for epoch, loss in enumerate(found.held_out)) or "none held out"
    return inline(drawing, "tuning", f"Log loss on rows held out after each epoch ({said}); dashed: in training.")


def _ticks(curve: "LearningCurve") -> list[int]:
    """Sizes that were measured and those looked ahead to, at most six, so that their numbers do not touch."""
    sizes = [point.n_rows for point in curve.points]
    sizes += [gain.n_rows for gain in curve.outlook.gains] if curve.outlook is not None else []
    step = math.ceil(len(sizes) / 6)
    return sizes[::-1][::step][::-1]
