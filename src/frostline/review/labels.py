"""The labels of a file, judged by heads that did not see them and by the nearest texts."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.arrays import Features, Float64Array, IntArray, Probabilities, Progress, are_equal
from frostline.data.split import stratified_folds
from frostline.errors import shown
from frostline.evaluate.intervals import SMALLEST_PROBABILITY
from frostline.head.linear import LinearHead, probabilities
from frostline.head.options import SearchOptions
from frostline.head.search import search
from frostline.review.near import Neighbours
from frostline.review.repeats import Reviewed, first_rows_by_label
from frostline.review.results import CellSummary, DoubtfulLabel, LabelSummary, NearText, WrongLabel
from frostline.targets import Names, Targets

NEIGHBOURS_SHARE = 0.2


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelCheck:
    """Which labels are probably wrong."""

    flagged: IntArray  # (n_flagged,): Rows, the most suspicious first
    # (n_texts,): Of each row, the most probable label; a flagged row's is another than the one given.
    suggested: IntArray
    confidence: Float64Array  # (n_texts,): The given label's share of the blend: 0 (surely wrong) to 1 (surely right)
    blend: Probabilities  # (n_texts, n_labels): Rows sum to 1
    thresholds: Float64Array  # (n_labels,): The mean probability of each label over the rows that carry it
    # (n_labels, n_labels): Estimated rows; row: the label given, column: the true one. Each row sums to the rows that
    # carry the label.
    joint: Float64Array


def check_labels(probabilities: Probabilities, codes: IntArray, votes: Probabilities) -> LabelCheck:
    """Rank the rows by how probably their labels are wrong, and say how many to look at.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels)
        Of each row by a head that did not see it; rows sum to 1.
    codes : ndarray of shape (n_texts,), dtype=int64
        Column of each row's given label; each label has a row.
    votes : ndarray of shape (n_texts, n_labels)
        The labels of each row's nearest texts, as `neighbour_shares` gives them.
    """
    is_told = votes.sum(axis=1, keepdims=True) > 0
    blend = np.where(is_told, (1 - NEIGHBOURS_SHARE) * probabilities + NEIGHBOURS_SHARE * votes, probabilities)
    confidence = blend[np.arange(len(codes)), codes]
    suggested = blend.argmax(axis=1)
    thresholds = class_thresholds(probabilities, codes)
    joint = confident_joint(probabilities, codes, thresholds)
    others = np.flatnonzero(suggested != codes)
    order = others[np.argsort(confidence[others], kind="stable")]
    return LabelCheck(
        flagged=order[: noise_count(probabilities, codes, joint)],
        suggested=suggested,
        confidence=confidence,
        blend=blend,
        thresholds=thresholds,
        joint=joint,
    )


def neighbour_shares(near: Neighbours, codes: IntArray, *, n_labels: int) -> Probabilities:
    """The labels of each text's nearest texts (n_texts, n_labels), weighted by cosine; 0 where none is on its side.

    Parameters
    ----------
    near : Neighbours
        Of each text among the same texts.
    codes : ndarray of shape (n_texts,), dtype=int64
        -1: the text has no vote.
    """
    given = codes[near.rows]
    counts = (near.rows >= 0) & (given >= 0)
    weights = np.where(counts, np.maximum(near.cosines, 0), 0).astype(np.float64)
    cells = np.arange(len(weights))[:, None] * n_labels + np.maximum(given, 0)
    votes = np.bincount(cells.ravel(), weights.ravel(), minlength=len(weights) * n_labels).reshape(-1, n_labels)
    totals = votes.sum(axis=1, keepdims=True)
    shares: Probabilities = np.divide(votes, totals, out=np.zeros_like(votes), where=totals > 0)
    return shares


def class_thresholds(probabilities: Probabilities, codes: IntArray) -> Float64Array:
    """The mean probability of each label (n_labels,) over the rows that carry it."""
    own = probabilities[np.arange(len(codes)), codes]
    n_labels = probabilities.shape[1]
    means: Float64Array = np.bincount(codes, weights=own, minlength=n_labels) / np.bincount(codes, minlength=n_labels)
    return means


def confident_joint(probabilities: Probabilities, codes: IntArray, thresholds: Float64Array) -> Float64Array:
    """Estimated rows (n_labels, n_labels) of each given label (row) and true label (column).

    A row counts for the most probable of the labels whose threshold it reaches, if there is one; the counts of each
    given label are then stretched to the rows that carry it.
    """
    n_labels = probabilities.shape[1]
    is_confident = probabilities >= thresholds - 1e-12
    best = np.where(is_confident, probabilities, -1).argmax(axis=1)
    counted = is_confident.any(axis=1)
    cells = codes[counted] * n_labels + best[counted]
    counts = np.bincount(cells, minlength=n_labels * n_labels).reshape(n_labels, n_labels).astype(np.float64)
    given = np.bincount(codes, minlength=n_labels)
    sums = counts.sum(axis=1)
    empty = np.flatnonzero(sums == 0)
    counts[empty, empty] = 1  # nothing is known of the label: all its rows count as right
    joint: Float64Array = counts * (given / counts.sum(axis=1))[:, None]
    return joint


def noise_count(probabilities: Probabilities, codes: IntArray, joint: Float64Array) -> int:
    """How many rows pruning by noise rate takes away.

    Of each given label and each other one, as many rows as the joint says, those whose probabilities speak most for the
    other; each row once, and none whose most probable label is the given one.
    """
    best = probabilities.argmax(axis=1)
    count = 0
    for given in range(len(joint)):
        rows = np.flatnonzero(codes == given)
        leads = probabilities[rows] - probabilities[rows, given][:, None]
        is_taken = np.zeros(len(rows), dtype=bool)
        for other in np.flatnonzero(np.round(joint[given]) > 0):
            if other != given:
                is_taken[np.argsort(-leads[:, other], kind="stable")[: round(joint[given, other])]] = True
        count += int((is_taken & (best[rows] != given)).sum())
    return count


N_FOLDINGS = 3


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """Out-of-fold probabilities."""

    probabilities: Probabilities  # (n_texts, n_labels): The mean over the foldings
    head: LinearHead  # Fitted on all rows; its labels are the codes
    chosen_C: float  # noqa: N815 - C is its name everywhere
    n_foldings: int
    n_folds: int


def held_out_probabilities(  # noqa: PLR0913 - rows, labels and texts; how, how often, and progress
    rows: Features,
    codes: IntArray,
    *,
    groups: IntArray,
    options: SearchOptions,
    n_foldings: int = N_FOLDINGS,
    progress: Progress | None = None,
) -> HeldOut:
    """Out-of-fold probabilities of every row.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
    codes : ndarray of shape (n_texts,), dtype=int64
        From 0, without gaps; each on two rows or more.
    groups : ndarray of shape (n_texts,), dtype=int64
        The text of each row, numbered from 0: rows of one text are held out together.
    options : SearchOptions
        How C is searched; scored by log loss whatever it says.
    n_foldings : int
        At least 1.
    progress : callable, optional
        Counts foldings.
    """
    how = replace(options, scoring="neg_log_loss", n_folds=min(options.n_folds, len(codes)))
    targets = Targets.of_codes(codes, range(int(codes.max()) + 1))
    if progress is not None:
        progress(0, n_foldings)
    found = search(rows, targets, options=how, folds=_folds(codes, groups, how))
    chosen_C = float(found.chosen_C[0])
    total = probabilities(found.held_out_decisions)
    for number in range(1, n_foldings):
        if progress is not None:
            progress(number, n_foldings)
        folds = _folds(codes, groups, replace(how, seed=(how.seed + number) % 2**32))
        again = search(rows, targets, options=replace(how, Cs=(chosen_C,)), folds=folds)
        total += probabilities(again.held_out_decisions)
    if progress is not None:
        progress(n_foldings, n_foldings)
    return HeldOut(
        probabilities=np.asarray(total / n_foldings),
        head=found.head,
        chosen_C=chosen_C,
        n_foldings=n_foldings,
        n_folds=int(how.n_folds),
    )


def _folds(codes: IntArray, groups: IntArray, how: SearchOptions) -> IntArray:
    """Stratified folds in which rows of one text stay together, unless a label would then be held out whole."""
    folds = stratified_folds(codes, n_folds=how.n_folds, seed=how.seed)
    _, first, of_row = np.unique(groups, return_index=True, return_inverse=True)
    together = folds[first][of_row]
    sizes = np.bincount(together, minlength=how.n_folds)
    counts = np.zeros((int(codes.max()) + 1, how.n_folds), np.int64)
    np.add.at(counts, (codes, together), 1)
    is_fit = sizes.min() > 0 and int((counts.max(axis=1) == counts.sum(axis=1)).sum()) == 0
    return together if is_fit else folds


_ERRORS = 2.0  # standard errors that the gain must be above 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """Mean log losses in nats of the heads and of the labels' shares on the same rows; the gain's standard error."""

    heads: float
    shares: float
    standard_error: float
    n: int

    @property
    def is_sure(self) -> bool:
        """Whether the heads are surely better than the shares: the gain is above two of its standard errors."""
        return self.shares - self.heads > _ERRORS * self.standard_error


def knowledge_of(probabilities: Probabilities, codes: IntArray) -> Knowledge:
    """What the heads know.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_labels)
        Of each row by a head that did not see it; rows sum to 1.
    codes : ndarray of shape (n_texts,), dtype=int64
        Column of each row's given label; at least two rows.
    """
    own = np.maximum(probabilities[np.arange(len(codes)), codes], SMALLEST_PROBABILITY)
    shares = (np.bincount(codes, minlength=probabilities.shape[1]) / len(codes))[codes]
    return knowledge(np.log(own), np.log(shares))


def knowledge(heads: Float64Array, shares: Float64Array) -> Knowledge:
    """What the heads know, from the logarithms (n_texts,) of what they and the labels' shares give each row."""
    return Knowledge(
        heads=float(-heads.mean()),
        shares=float(-shares.mean()),
        standard_error=float((heads - shares).std(ddof=1) / np.sqrt(len(heads))),
        n=len(heads),
    )


SHOWN_NEIGHBOURS = 2
NAMED_PAIRS = 5
_NAMED_LABELS = 5


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What is known of the labels."""

    file: Reviewed
    labels: tuple[str, ...]  # n_labels: Those that could be judged, in column order
    # (n_checked,): The row of the file that each row of the arrays is about: one per pair of text and label.
    rows: IntArray
    codes: IntArray  # (n_checked,)
    held_out: HeldOut
    votes: Probabilities  # (n_checked, n_labels): The labels of the nearest texts
    check: LabelCheck
    # (n_distinct,): The label of each different text; -1: it has two, or one that could not be judged.
    text_codes: IntArray


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """What a review says of the labels, whether or not they exclude each other."""

    labels: tuple[str, ...]  # Those that could be judged, in column order
    summary: LabelSummary | CellSummary
    wrong: tuple[WrongLabel, ...] = ()  # Of labels that exclude each other
    doubtful: tuple[DoubtfulLabel, ...] = ()  # Of others
    # The likeliest label of each text that stands there with two, or its likeliest set, by its number.
    suggested: Mapping[int, Names]
    head: LinearHead  # Fitted on all rows
    # Given probabilities (n_texts, n_labels): of each text the label to ask about, its probability, and the
    # probabilities whose margin tells how unsure the head is.
    asked: Callable[[Probabilities], tuple[IntArray, Float64Array, Probabilities]]


def judge_labels(
    file: Reviewed, rows: Features, *, search: SearchOptions, n_foldings: int, progress: Progress | None = None
) -> tuple[Verdict | None, tuple[str, ...]]:
    """What a review says of labels that exclude each other; parameters as `judge`."""
    judged, notes = judge(file, rows, search=search, n_foldings=n_foldings, progress=progress)
    if judged is None:
        return None, notes
    return Verdict(
        labels=judged.labels,
        summary=summary_of(judged),
        wrong=wrong_labels(judged),
        suggested=suggested_labels(judged),
        head=judged.held_out.head,
        asked=likeliest,
    ), notes


def likeliest(probabilities: Probabilities) -> tuple[IntArray, Float64Array, Probabilities]:
    """Of each text the label to ask about and its probability; and all of them."""
    return probabilities.argmax(axis=1), probabilities.max(axis=1), probabilities


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
    given = file.dataset.labels
    counts = Counter(given[row] for row in every.tolist())
    labels = tuple(sorted(label for label, count in counts.items() if count > 1))
    notes = _left_out(counts, labels)
    if len(labels) < 2:
        return None, (*notes, _too_few(counts, labels))
    number = {label: code for code, label in enumerate(labels)}
    kept = np.array([row for row in every.tolist() if given[row] in number], np.int64)
    codes = np.array([number[given[row]] for row in kept.tolist()], np.int64)
    used = rows if len(kept) == len(rows) else rows[kept]
    if are_equal(used):
        return None, (*notes, "Labels could not be checked: the encoder gives all these texts the same vector.")
    groups = file.distinct.of_row[kept]
    held_out = held_out_probabilities(
        used, codes, groups=groups, options=search, n_foldings=n_foldings, progress=progress
    )
    known = knowledge_of(held_out.probabilities, codes)
    if not known.is_sure:
        return None, (*notes, know_nothing(known))
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


def suggested_labels(judged: Judged) -> dict[int, Names]:
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
    rows = tuple(other for other in file.rows_of[number] if file.names[other] == judged.labels[given])
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
    return (on_one_text(single),)


def on_one_text(single: Sequence[str]) -> str:
    """That these labels could not be checked."""
    named = ", ".join(map(shown, single[:_NAMED_LABELS]))
    more = f" and {len(single) - _NAMED_LABELS} more" if len(single) > _NAMED_LABELS else ""
    return (
        f"{named}{more}: on one text only, so {'it' if len(single) == 1 else 'they'} could not be "
        "checked, nor suggested."
    )


def _too_few(counts: Counter[str], labels: tuple[str, ...]) -> str:
    what = (
        f"all are labelled {shown(next(iter(counts)))}" if len(counts) == 1 else f"{len(labels)} of {len(counts)} are"
    )
    return f"Labels could not be checked: that needs two labels, each on two different texts or more ({what})."


def know_nothing(known: Knowledge) -> str:
    """That labels could not be checked, since the heads know nothing of them."""
    return (
        "Labels could not be checked: heads that did not see a text know its label not surely better than the labels' "
        f"shares do (log loss {known.heads:.3f} against {known.shares:.3f} of {known.n:,}). The labels may have little "
        "to do with the texts, the rows may be too few, or other features or another encoder may be needed."
    )
