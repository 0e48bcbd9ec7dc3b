"""The labels of a file, judged by heads that did not see them and by the nearest texts.

In:   a `Reviewed` file, its rows of features.
Out:  `Judged`, or why labels cannot be judged; from it `WrongLabel`s in lines and words.
Not:  the mathematics (held_out.py, wrong_labels.py).
"""

from collections import Counter
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Features, IntArray, Probabilities, Progress
from frostline.errors import shown
from frostline.head.search import SearchOptions
from frostline.review.held_out import HeldOut, held_out_probabilities
from frostline.review.results import LabelSummary, NearText, WrongLabel
from frostline.review.reviewed import Reviewed, first_rows_by_label
from frostline.review.trust import Knowledge, knowledge_of
from frostline.review.wrong_labels import LabelCheck, check_labels, neighbour_shares
from frostline.rows import are_equal

SHOWN_NEIGHBOURS = 2
NAMED_PAIRS = 5
_NAMED_LABELS = 5


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What is known of the labels.

    Parameters
    ----------
    file : Reviewed
    labels : tuple of n_labels str
        Those that could be judged, in column order.
    rows : ndarray of shape (n_checked,), dtype=int64
        The row of the file that each row of the arrays is about: one per pair of text and label.
    codes : ndarray of shape (n_checked,), dtype=int64
    held_out : HeldOut
    votes : ndarray of shape (n_checked, n_labels)
        The labels of the nearest texts.
    check : LabelCheck
    text_codes : ndarray of shape (n_distinct,), dtype=int64
        The label of each different text; -1: it has two, or one that could not be judged.
    """

    file: Reviewed
    labels: tuple[str, ...]
    rows: IntArray
    codes: IntArray
    held_out: HeldOut
    votes: Probabilities
    check: LabelCheck
    text_codes: IntArray


def judge(
    file: Reviewed, rows: Features, *, search: SearchOptions, n_foldings: int, progress: Progress | None = None
) -> tuple[Judged | None, tuple[str, ...]]:
    """Judge every label that stands on two different texts or more; and, in words, what could not be judged.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
        Of the file's rows.
    """
    every = first_rows_by_label(file)
    counts = Counter(file.dataset.labels[row] for row in every.tolist())
    labels = tuple(sorted(label for label, count in counts.items() if count > 1))
    notes = _left_out(counts, labels)
    if len(labels) < 2:
        return None, (*notes, _too_few(counts, labels))
    number = {label: code for code, label in enumerate(labels)}
    kept = np.array([row for row in every.tolist() if file.dataset.labels[row] in number], np.int64)
    codes = np.array([number[file.dataset.labels[row]] for row in kept.tolist()], np.int64)
    used = rows if len(kept) == len(rows) else rows[kept]
    if are_equal(used):
        return None, (*notes, "Labels could not be checked: the encoder gives all these texts the same vector.")
    groups = file.distinct.of_row[kept]
    held_out = held_out_probabilities(
        used, codes, groups=groups, options=search, n_foldings=n_foldings, progress=progress
    )
    known = knowledge_of(held_out.probabilities, codes)
    if not known.is_sure:
        return None, (*notes, _know_nothing(known))
    text_codes = _text_codes(file, kept, codes)
    votes = neighbour_shares(file.near, text_codes, n_labels=len(labels))[groups]
    check = check_labels(held_out.probabilities, codes, votes)
    return Judged(
        file=file,
        labels=labels,
        rows=kept,
        codes=codes,
        held_out=held_out,
        votes=votes,
        check=check,
        text_codes=text_codes,
    ), notes


def wrong_labels(judged: Judged) -> tuple[WrongLabel, ...]:
    """The labels that are probably wrong, the most suspicious first."""
    return tuple(_wrong(judged, place) for place in judged.check.flagged.tolist())


def suggested_labels(judged: Judged) -> dict[int, str]:
    """The most probable label of each text that stands there with two, by its number."""
    groups = judged.file.distinct.of_row[judged.rows]
    sums: dict[int, Probabilities] = {}
    for number, blend in zip(groups.tolist(), judged.check.blend, strict=True):
        if len(judged.file.rows_of[number]) > 1:
            sums[number] = sums.get(number, 0) + blend
    return {number: judged.labels[int(total.argmax())] for number, total in sums.items()}


def summary_of(judged: Judged) -> LabelSummary:
    """How the labels were checked, and the commonest confusions."""
    flagged = judged.check.flagged
    pairs = Counter(zip(judged.codes[flagged].tolist(), judged.check.suggested[flagged].tolist(), strict=True))
    return LabelSummary(
        n_checked=len(judged.rows),
        n_flagged=len(flagged),
        chosen_C=judged.held_out.chosen_C,
        n_folds=judged.held_out.n_folds,
        n_foldings=judged.held_out.n_foldings,
        n_neighbours=judged.file.near.rows.shape[1],
        pairs=tuple((judged.labels[given], judged.labels[other], n) for (given, other), n in pairs.most_common(5)),
    )


def _wrong(judged: Judged, place: int) -> WrongLabel:
    file, row = judged.file, int(judged.rows[place])
    given, suggested = int(judged.codes[place]), int(judged.check.suggested[place])
    number = int(file.distinct.of_row[row])
    rows = tuple(other for other in file.rows_of[number] if file.dataset.labels[other] == judged.labels[given])
    return WrongLabel(
        rows=rows,
        lines=file.lines(rows),
        text=file.dataset.texts[row],
        label=judged.labels[given],
        suggested=judged.labels[suggested],
        probability=float(judged.held_out.probabilities[place, given]),
        probability_suggested=float(judged.held_out.probabilities[place, suggested]),
        votes=float(judged.votes[place, given]),
        votes_suggested=float(judged.votes[place, suggested]),
        score=float(1 - judged.check.confidence[place]),
        near=_nearest_with(judged, number, suggested),
    )


def _nearest_with(judged: Judged, number: int, code: int) -> tuple[NearText, ...]:
    """Of the nearest texts, the first few that have the label `code`."""
    file, found = judged.file, []
    for other, cosine in zip(file.near.rows[number].tolist(), file.near.cosines[number].tolist(), strict=True):
        if other >= 0 and judged.text_codes[other] == code:
            row = int(file.distinct.first[other])
            found.append(
                NearText(
                    line=file.dataset.lines[row],
                    label=judged.labels[code],
                    text=file.dataset.texts[row],
                    cosine=float(cosine),
                )
            )
    return tuple(found[:SHOWN_NEIGHBOURS])


def _text_codes(file: Reviewed, rows: IntArray, codes: IntArray) -> IntArray:
    """The label of each different text, -1 where it has two or none that could be judged."""
    found = np.full(len(file.distinct.first), -1, np.int64)
    numbers = file.distinct.of_row[rows]
    found[numbers] = codes
    rows_per_text = np.bincount(numbers, minlength=len(found))
    found[rows_per_text != 1] = -1
    return found


def _left_out(counts: Counter[str], labels: tuple[str, ...]) -> tuple[str, ...]:
    single = sorted(set(counts) - set(labels))
    if not single or len(labels) < 2:
        return ()
    named = ", ".join(map(shown, single[:_NAMED_LABELS]))
    more = f" and {len(single) - _NAMED_LABELS} more" if len(single) > _NAMED_LABELS else ""
    words = (
        f"{named}{more}: on one text only, so {'it' if len(single) == 1 else 'they'} could not be "
        "checked, nor suggested."
    )
    return (words,)


def _too_few(counts: Counter[str], labels: tuple[str, ...]) -> str:
    what = (
        f"all are labelled {shown(next(iter(counts)))}" if len(counts) == 1 else f"{len(labels)} of {len(counts)} are"
    )
    return f"Labels could not be checked: that needs two labels, each on two different texts or more ({what})."


def _know_nothing(known: Knowledge) -> str:
    return (
        "Labels could not be checked: heads that did not see a text know its label not surely better than the labels' "
        f"shares do (log loss {known.heads:.3f} against {known.shares:.3f} of {known.n:,}). The labels may have little "
        "to do with the texts, the rows may be too few, or other features or another encoder may be needed."
    )
