"""Texts with several labels each: which label is probably missing, and which should not be there.

Each label of each text is judged by itself: a cell of the indicator of texts and labels. Heads that did not see a text
say how probable its label is; a small regression over all cells adds what the text's other labels make of that (a text
without any label probably lacks one; labels that go together vouch for each other). From how often a label is given
that nothing speaks for, and lacking where all speaks for it, follows how probably a cell is wrong, and how many are:
docs/decisions/0014-review.md.
"""

import math
from collections import Counter
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Features, Float64Array, IntArray, Probabilities, Progress
from frostline.data import split
from frostline.errors import listed
from frostline.head.options import SearchOptions
from frostline.head.search import fit_at
from frostline.review.labels import (
    Judged,
    Knowledge,
    Verdict,
    judge,
    knowledge,
    on_one_text,
    trained_labels,
    with_columns,
)
from frostline.review.repeats import Reviewed, first_rows_by_label
from frostline.review.results import CellSummary, DoubtfulLabel
from frostline.targets import Names, Targets

PSEUDO_TEXTS = 2.0  # texts that two labels share, added to both counts: a pair seen once tells little
SMALLEST = 1e-6  # of a probability as log odds
NO_SUPPORT = 0.003  # the probability of the surest other label where the text has no other one
LOWEST_SHARE = 0.3  # of all cells, those whose label is least expected: what is given there was added
SUREST_SHARE = 0.05  # as many cells as this share of the labels given, the most expected: what lacks there is missing
SUREST = 20  # cells at least
LARGEST_RATE = 0.4
MARGIN = 1.2  # cells to look at for each one expected to be wrong
FEW, SMALL_DOUBT = 20, 0.05  # cells to look at all the same, where each is wrong this probably
MOST_CELLS = 200_000  # that the regression over cells learns from
_BLOCK = 4096  # texts worked on at a time


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellCheck:
    """Which labels are probably missing or wrong."""

    flagged: IntArray  # (n_flagged, 2): Text and label, the most suspicious first
    doubts: Float64Array  # (n_texts, n_labels): How probably each cell is wrong as it stands
    expected: Probabilities  # (n_texts, n_labels): How probably the label would be given, by all but the cell itself
    # `added`, `removed`: Estimated: the share of texts with a label that should not have it, of those that should have
    # none, and of those that lack it though they should.
    added: float
    removed: float


def check_cells(probabilities: Probabilities, members: BoolArray) -> CellCheck:
    """Rank all cells by how probably they are wrong, and say how many to look at.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels)
        Of each label by a head that did not see the text.
    members : ndarray of shape (n_texts, n_labels), dtype=bool
        Which labels each text has; each label is on some texts and missing from some.
    """
    expected = expectations(probabilities, members)
    added, removed = noise_rates(expected, members)
    doubts = doubts_of(expected, members, added=added, removed=removed)
    few = min(FEW, int((doubts >= SMALL_DOUBT).sum()))
    order = np.argsort(-doubts.ravel(), kind="stable")[: max(few, round(MARGIN * float(doubts.sum())))]
    flagged = np.stack(np.unravel_index(order, doubts.shape), axis=1).astype(np.int64)
    return CellCheck(flagged=flagged, doubts=doubts, expected=expected, added=added, removed=removed)


def expectations(probabilities: Probabilities, members: BoolArray) -> Probabilities:
    """How probably each label would be given (n_texts, n_labels), by the head and by the text's other labels."""
    known = attractions(members)
    every = max(1, math.ceil(members.size / MOST_CELLS))
    learned = cell_features(probabilities[::every], members[::every], known)
    codes = members[::every].ravel().astype(np.int64)
    head = fit_at(learned, Targets.of_codes(codes, (0, 1)), C=1.0)
    expected = np.empty(members.shape)
    for start in range(0, len(members), _BLOCK):
        part = slice(start, start + _BLOCK)
        rows = cell_features(probabilities[part], members[part], known)
        expected[part] = head.predict_proba(rows)[:, 1].reshape(-1, members.shape[1])
    return expected


@final
@dataclass(frozen=True, slots=True, eq=False)
class Attractions:
    """How much oftener two labels stand together than by chance: logarithms (n_labels, n_labels), 0 on the diagonal."""

    # `with_all`, `with_others`: By all texts; and by all but one that has both: for a text must not vouch for
    # itself.
    with_all: Float64Array
    with_others: Float64Array


def attractions(members: BoolArray) -> Attractions:
    """How labels go together on these texts (n_texts, n_labels)."""
    indicator = members.astype(np.float64)
    together = indicator.T @ indicator
    counts = members.sum(axis=0)
    by_chance = np.outer(counts, counts) / len(members) + PSEUDO_TEXTS

    def logarithms(counted: Float64Array) -> Float64Array:
        logs: Float64Array = np.log((counted + PSEUDO_TEXTS) / by_chance)
        np.fill_diagonal(logs, 0)
        return logs

    return Attractions(logarithms(together), logarithms(np.maximum(together - 1, 0)))


def cell_features(probabilities: Probabilities, members: BoolArray, known: Attractions) -> Features:
    """What is known of each cell but the cell itself (n_texts * n_labels, 7).

    The log odds of its label, those of the likeliest other label and of the likeliest other one given; whether there
    are one, two, three others given or more; how much the others given attract it.
    """
    others = members.sum(axis=1, keepdims=True) - members
    indicator = members.astype(np.float64)
    columns = [
        _log_odds(probabilities),
        _log_odds(_largest_other(probabilities)),
        _log_odds(_largest_other(np.where(members, probabilities, 0))),
        *((others >= count).astype(np.float64) for count in (1, 2, 3)),
        np.where(members, indicator @ known.with_others, indicator @ known.with_all),
    ]
    return np.stack([column.ravel() for column in columns], axis=1).astype(np.float32)


def _largest_other(values: Float64Array) -> Float64Array:
    """The largest value of each row without the cell itself (n_texts, n_labels), `NO_SUPPORT` at least."""
    if values.shape[1] == 1:
        return np.full(values.shape, NO_SUPPORT)
    top = np.partition(values, -2, axis=1)
    first, second = top[:, -1:], top[:, -2:-1]
    largest: Float64Array = np.maximum(np.where(values == first, second, first), NO_SUPPORT)
    return largest


def _log_odds(probabilities: Float64Array) -> Float64Array:
    kept = np.clip(probabilities, SMALLEST, 1 - SMALLEST)
    odds: Float64Array = np.log(kept / (1 - kept))
    return odds


def noise_rates(expected: Probabilities, members: BoolArray) -> tuple[float, float]:
    """The shares of labels added and removed by mistake, from the cells about which there is least doubt."""
    flat, given = expected.ravel(), members.ravel()
    order = np.argsort(flat, kind="stable")
    lowest = order[: max(1, int(LOWEST_SHARE * len(flat)))]
    n_given = int(given.sum())
    surest = order[-max(1, min(max(SUREST, int(SUREST_SHARE * n_given)), n_given // 2)) :]
    added = (int(given[lowest].sum()) + 0.5) / (len(lowest) + 1)
    removed = (int((~given[surest]).sum()) + 0.5) / (len(surest) + 1)
    return min(added, LARGEST_RATE), min(removed, LARGEST_RATE)


def doubts_of(expected: Probabilities, members: BoolArray, *, added: float, removed: float) -> Float64Array:
    """How probably each cell is wrong as it stands (n_texts, n_labels), by Bayes' rule."""
    belongs = np.clip((expected - added) / (1 - added - removed), 1e-5, 1 - 1e-5)
    given_rightly, given_wrongly = (1 - removed) * belongs, added * (1 - belongs)
    lacking_wrongly, lacking_rightly = removed * belongs, (1 - added) * (1 - belongs)
    doubts: Float64Array = np.where(
        members,
        given_wrongly / (given_wrongly + given_rightly),
        lacking_wrongly / (lacking_wrongly + lacking_rightly),
    )
    return doubts


def judge_sets(
    file: Reviewed, features: Features, *, search: SearchOptions, n_foldings: int, progress: Progress | None = None
) -> tuple[Verdict | None, tuple[str, ...]]:
    """Judge every label that some texts have and some lack; and, in words, what could not be judged.

    `features` (n_texts, n_features) are of the file's rows.
    """
    rows = first_rows_by_label(file)
    targets = file.dataset.targets.take(rows)
    texts = file.distinct.of_row[rows]
    n_texts = len(file.distinct.first)
    text_members = np.zeros((n_texts, len(targets.labels)), dtype=bool)
    np.logical_or.at(text_members, texts, targets.members)
    counts = text_members.sum(axis=0)
    notes = _left_out(targets, counts, n_texts)
    targets = with_columns(targets, np.flatnonzero((counts > 1) & (counts < n_texts - 1)))
    if targets.labels and targets.n_apart > 1:
        folds = split.folds(targets, n_folds=min(search.n_folds, targets.n_apart), seed=search.seed)
        targets = with_columns(targets, np.flatnonzero(trained_labels(targets, folds)))
    if not targets.labels or targets.n_apart < 2:
        return None, (*notes, _TOO_FEW)
    judged = judge(
        file,
        features,
        rows=rows,
        targets=targets,
        knows=_knowledge,
        search=search,
        n_foldings=n_foldings,
        progress=progress,
    )
    if isinstance(judged, str):
        return None, (*notes, judged)
    check = check_cells(judged.held_out.probabilities, targets.members)
    return Verdict(
        labels=judged.labels,
        summary=_summary(judged, check),
        doubtful=tuple(_doubtful(judged, check, place, column) for place, column in check.flagged.tolist()),
        suggested=_suggested(judged, check),
        head=judged.held_out.head,
        asked=least_sure,
    ), notes


def least_sure(probabilities: Probabilities) -> tuple[IntArray, Float64Array, Probabilities]:
    """Of each text the label to ask about, its probability, and (n_texts, 2) that it lacks and that it has it."""
    columns = np.abs(probabilities - 0.5).argmin(axis=1)
    has = probabilities[np.arange(len(columns)), columns]
    return columns, has, np.stack([1 - has, has], axis=1)


def _knowledge(probabilities: Probabilities, members: BoolArray) -> Knowledge:
    """What the heads know of whole sets, beside the labels' shares."""
    shares = members.mean(axis=0)
    kept = np.clip(probabilities, SMALLEST, 1 - SMALLEST)
    return knowledge(
        np.log(np.where(members, kept, 1 - kept)).sum(axis=1),
        np.log(np.where(members, shares, 1 - shares)).sum(axis=1),
    )


def _doubtful(judged: Judged, check: CellCheck, place: int, column: int) -> DoubtfulLabel:
    file, row = judged.file, int(judged.rows[place])
    is_given = bool(judged.targets.members[place, column])
    rows = file.copies(row)
    return DoubtfulLabel(
        rows=rows,
        lines=file.lines(rows),
        text=file.dataset.texts[row],
        label=judged.labels[column],
        is_given=is_given,
        labels=tuple(file.names[row]),
        probability=float(judged.held_out.probabilities[place, column]),
        votes=float(judged.votes[place, column]),
        score=float(check.doubts[place, column]),
        near=judged.near(int(judged.texts[place]), column, have_it=not is_given),
    )


def _suggested(judged: Judged, check: CellCheck) -> dict[int, Names]:
    """Of each text that stands there with several sets of labels, the likeliest of them, by its number."""
    expected = np.clip(check.expected, SMALLEST, 1 - SMALLEST)
    copies: dict[int, list[int]] = {}
    for place, number in enumerate(judged.texts.tolist()):
        copies.setdefault(number, []).append(place)
    likeliest: dict[int, Names] = {}
    for number, places in copies.items():
        if len(places) > 1:
            mean, members = expected[places].mean(axis=0), judged.targets.members[places]
            worth = np.log(np.where(members, mean, 1 - mean)).sum(axis=1)
            likeliest[number] = judged.file.names[int(judged.rows[places[int(worth.argmax())]])]
    return likeliest


def _summary(judged: Judged, check: CellCheck) -> CellSummary:
    missing: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for place, column in check.flagged.tolist():
        (wrong if judged.targets.members[place, column] else missing)[judged.labels[column]] += 1
    totals = missing + wrong
    return CellSummary(
        n_checked=len(judged.rows),
        n_labels=len(judged.labels),
        n_flagged=len(check.flagged),
        added=check.added,
        removed=check.removed,
        chosen_C=tuple(judged.held_out.chosen_C.tolist()),
        n_folds=judged.held_out.n_folds,
        n_foldings=judged.held_out.n_foldings,
        n_neighbours=judged.file.near.rows.shape[1],
        by_label=tuple((label, missing[label], wrong[label]) for label, _ in totals.most_common()),
    )


_LIKELY = 0.5


def sets_in_doubt(probabilities: Probabilities, targets: Targets) -> int:
    """How many texts have or lack a label that looks wrong to heads that did not see them (n_texts, n_labels)."""
    counts = targets.members.sum(axis=0)
    columns = np.flatnonzero((counts > 1) & (counts < len(targets) - 1))
    if not len(columns):
        return 0
    check = check_cells(probabilities[:, columns], targets.members[:, columns])
    texts, labels = check.flagged.T
    return len(np.unique(texts[check.doubts[texts, labels] >= _LIKELY]))


def _left_out(targets: Targets, counts: IntArray, n_texts: int) -> tuple[str, ...]:
    labels = list(map(str, targets.labels))
    single = [label for label, count in zip(labels, counts.tolist(), strict=True) if count == 1]
    common = [  # of two texts, one is "all but one", too: that note is made already
        label for label, count in zip(labels, counts.tolist(), strict=True) if count >= max(2, n_texts - 1)
    ]
    notes = [on_one_text(single)] if single else []
    if common and n_texts > 1:
        notes.append(f"{listed(common)}: on all texts, or all but one, so nothing is said of it.")
    return tuple(notes)


_TOO_FEW = "Labels could not be checked: that needs a label that two texts or more have, and two or more have not."
