"""The map of the sentences: a point each, coloured by its label, the mistakes ringed.

In:   `Examples` with their `SentenceMap`.
Out:  an `<svg …>` with its legend, and what the axes are, in words.
Not:  the places (evaluate/sentence_map.py).
"""

import numpy as np

from frostline.arrays import IntArray
from frostline.evaluate.examples import Examples
from frostline.evaluate.sentence_map import SentenceMap
from frostline.report import phrases
from frostline.report.drawing import GRID, INK, MUTED, WIDTH, Margins, drawn, inline
from frostline.report.marks import MOST_COLOURS, OTHERS, Sign, legend, points_path, rings_path

_CROWD = 500  # points that still have room


def map_plot(examples: Examples, found: SentenceMap) -> str:
    """The map and its legend: commoner labels first, beyond `MOST_COLOURS` labels the rest together."""
    codes, answers = examples.codes[found.rows], examples.answers[found.rows]
    places_of = _places_of(codes, len(examples.labels))
    decided = found.kind == "decision"
    size = 1.0 if len(codes) <= _CROWD else 0.7
    with drawn(WIDTH, 3.9, Margins(left=20, right=6, top=6, bottom=24)) as drawing:
        axes = drawing.axes
        axes.set_xlim(*_limits(found, 0))
        axes.set_ylim(*_limits(found, 1))
        axes.set_xticks([])
        axes.set_yticks([])
        if decided:
            axes.axvline(0.0, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
            first, second = (phrases.printable(label, 14) for label in examples.labels)
            axes.set_xlabel(f"← {first} · what it decides by · {second} →", color=MUTED, parse_math=False)
            axes.set_ylabel("what else differs", color=MUTED)
        else:
            axes.set_xlabel("what tells labels apart the most", color=MUTED)
            axes.set_ylabel("the next most", color=MUTED)
        for spine in axes.spines.values():
            spine.set_color(GRID)
        at = drawing.places(found.places.copy())
        wrong = (codes != answers) & (answers >= 0)
        for place in range(OTHERS, -1, -1):
            mine = places_of[codes] == place
            if mine.any():
                drawing.over.append(points_path(at[mine], place, size=size))
        if wrong.any():
            drawing.over.append(rings_path(at[wrong], size=size))
    told = f"Map of {len(codes):,} test texts by label, with {phrases.count_text(int(wrong.sum()), 'mistake')} ringed."
    return inline(drawing, "map", told) + legend(_signs(examples, places_of, int(wrong.sum())))


def map_words(examples: Examples, found: SentenceMap) -> list[str]:
    """What one sees, for somebody who has never seen such a map."""
    n = len(found.rows)
    shown = f"{n:,} of {found.n_texts:,} test texts, drawn at random" if n < found.n_texts else f"all {n:,} test texts"
    if found.kind == "decision":
        first, second = (phrases.printable(label) for label in examples.labels)
        return [
            (
                f"A point for each of {shown}. Left to right is how the classifier decides, from {first} to {second} "
                "(log-odds); at the dashed line it changes its mind, and far from it it is sure."
            ),
            (
                "Bottom to top is the direction in which the texts' features differ most besides "
                f"({phrases.percent(found.shares[1])} % of what the decision leaves); it has no name."
            ),
        ]
    shares = " and ".join(phrases.percent(share) for share in found.shares)
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


def _signs(examples: Examples, places_of: IntArray, n_wrong: int) -> list[Sign]:
    signs = [
        Sign(str(label), int(place)) for label, place in zip(examples.labels, places_of, strict=True) if place < OTHERS
    ]
    rest = int((places_of == OTHERS).sum())
    signs += [Sign(f"{rest} other labels", OTHERS)] if rest else []
    return signs + ([Sign("a mistake", -1)] if n_wrong else [])


def _limits(found: SentenceMap, axis: int) -> tuple[float, float]:
    """All points, the line at 0 where there is one, and some air."""
    values = found.places[:, axis]
    low, high = float(values.min()), float(values.max())
    if found.kind == "decision" and axis == 0:
        low, high = min(low, 0.0), max(high, 0.0)
    air = 0.04 * (high - low) or 1.0
    return low - air, high + air
