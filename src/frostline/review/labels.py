"""The labels of a file, judged by heads that did not see them and by the nearest texts."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Features, Float64Array, IntArray, Probabilities, Progress, are_equal
from frostline.data import split
from frostline.errors import listed, shown
from frostline.evaluate.intervals import SMALLEST_PROBABILITY, wilson
from frostline.head.linear import LinearHead
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


def neighbour_shares(near: Neighbours, members: BoolArray, has_vote: BoolArray) -> Probabilities:
    """The share of each text's nearest texts that has each label (n_texts, n_labels); 0 where none is on its side.

    Weighted by cosine, among those that have a vote (n_texts,); `members` (n_texts, n_labels) says which have a label.
    """
    counts = (near.rows >= 0) & has_vote[near.rows]
    weights = np.where(counts, np.maximum(near.cosines, 0), 0).astype(np.float64)
    votes = np.zeros(members.shape)
    for place, rows in enumerate(near.rows.T):
        votes += weights[:, place, None] * members[rows]
    totals = weights.sum(axis=1, keepdims=True)
    shares: Probabilities = np.divide(votes, totals, out=np.zeros_like(votes), where=totals > 0)
    return shares


def class_thresholds(probabilities: Probabilities, codes: IntArray) -> Float64Array:
    """The mean probability of each label (n_labels,) over the rows that carry it."""
    of_given = probabilities[np.arange(len(codes)), codes]
    n_labels = probabilities.shape[1]
    sums = np.bincount(codes, weights=of_given, minlength=n_labels)
    means: Float64Array = sums / np.bincount(codes, minlength=n_labels)
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
    head: LinearHead  # Fitted on all rows
    # (n_groups,): Of each group of labels that share one (`Targets.groups`); NaN where none could be learned.
    chosen_C: Float64Array  # noqa: N815 - C is its name everywhere
    n_foldings: int
    n_folds: int


def held_out_probabilities(
    rows: Features,
    targets: Targets,
    *,
    options: SearchOptions,
    n_foldings: int = N_FOLDINGS,
    progress: Progress | None = None,
) -> HeldOut:
    """Out-of-fold probabilities of every label of every row (n_texts, n_features).

    Parameters
    ----------
    options : SearchOptions
        How C is searched; scored by log loss, each row weighing the same, whatever it says.
    n_foldings : int
        At least 1.
    progress : callable, optional
        Counts foldings.
    """
    n_folds = min(options.n_folds, targets.n_apart)
    how = replace(options, scoring="neg_log_loss", class_weight=None, n_folds=n_folds)
    count = progress or _untold
    count(0, n_foldings)
    searched = search(rows, targets, options=how, folds=split.folds(targets, n_folds=n_folds, seed=how.seed))
    first = searched.head.probabilities(searched.held_out_decisions)
    total = first
    for number in range(1, n_foldings):
        count(number, n_foldings)
        folds = split.folds(targets, n_folds=n_folds, seed=(how.seed + number) % 2**32)
        total = total + _again(rows, targets, folds, searched.chosen_C, how, instead=first)
    count(n_foldings, n_foldings)
    return HeldOut(
        probabilities=np.asarray(total / n_foldings),
        head=searched.head,
        chosen_C=searched.chosen_C,
        n_foldings=n_foldings,
        n_folds=n_folds,
    )


def _untold(done: int, total: int) -> None:
    """Tell nobody."""


def _again(  # noqa: PLR0913 - what is fitted, on which folds, with which C, and what stands where it cannot be
    rows: Features, targets: Targets, folds: IntArray, Cs: Float64Array, how: SearchOptions, *, instead: Probabilities
) -> Probabilities:
    """Out-of-fold probabilities with each group's C already chosen."""
    again = instead.copy()
    can_be = trained_labels(targets, folds)
    for C in sorted(set(Cs[~np.isnan(Cs)].tolist())):
        columns = np.concatenate([group for group, its in zip(targets.groups(), Cs.tolist(), strict=True) if its == C])
        columns = columns[can_be[columns]]
        if len(columns):
            fitted = search(rows, with_columns(targets, columns), options=replace(how, Cs=(C,)), folds=folds)
            again[:, columns] = fitted.head.probabilities(fitted.held_out_decisions)
    return again


def with_columns(targets: Targets, columns: IntArray) -> Targets:
    """Only these labels of each text."""
    labels = tuple(targets.labels[column] for column in columns.tolist())
    return replace(targets, labels=labels, members=targets.members[:, columns])


def trained_labels(targets: Targets, folds: IntArray) -> BoolArray:
    """Labels (n_labels,) with two texts that have it and two that don't, of which each fold learns from one or more."""
    training = np.ascontiguousarray(folds[:, None] != np.arange(int(folds.max()) + 1)).astype(np.float64)
    fewest = np.minimum(targets.members.T @ training, (~targets.members).T @ training).min(axis=1)
    n_with = targets.members.sum(axis=0)
    trained: BoolArray = (fewest > 0) & (np.minimum(n_with, len(targets) - n_with) > 1)
    return trained


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


def knowledge_of(probabilities: Probabilities, members: BoolArray) -> Knowledge:
    """What the heads know of labels that exclude each other (n_texts, n_labels); at least two rows."""
    shares = np.broadcast_to(members.mean(axis=0), members.shape)[members]
    return knowledge(np.log(np.maximum(probabilities[members], SMALLEST_PROBABILITY)), np.log(shares))


def knowledge(heads: Float64Array, shares: Float64Array) -> Knowledge:
    """What the heads know, from the logarithms (n_texts,) of what they and the labels' shares give each row."""
    return Knowledge(
        heads=float(-heads.mean()),
        shares=float(-shares.mean()),
        standard_error=float((heads - shares).std(ddof=1) / np.sqrt(len(heads))),
        n=len(heads),
    )


SHOWN_NEIGHBOURS = 2


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What is known of the labels that could be judged; a row for each pair of a text and its label, or set of them."""

    file: Reviewed
    rows: IntArray  # (n_checked,): The row of the file that each is about
    targets: Targets  # n_checked
    held_out: HeldOut
    votes: Probabilities  # (n_checked, n_labels): The share of the nearest texts that has each label
    text_members: BoolArray  # (n_distinct, n_labels): Which labels each different text has
    has_vote: BoolArray  # (n_distinct,): Whether it stands there with one label, or set of them, alone

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(map(str, self.targets.labels))

    @property
    def texts(self) -> IntArray:
        """The number of each row's text."""
        return self.file.distinct.of_row[self.rows]

    def near(self, number: int, column: int, *, have_it: bool) -> tuple[NearText, ...]:
        """Of the texts nearest to text `number`, the first few that have a label, or lack it."""
        file, texts = self.file, []
        for other, cosine in zip(file.near.rows[number].tolist(), file.near.cosines[number].tolist(), strict=True):
            if other >= 0 and self.has_vote[other] and self.text_members[other, column] == have_it:
                row = int(file.distinct.first[other])
                line, text = file.dataset.lines[row], file.dataset.texts[row]
                texts.append(NearText(line=line, label=file.names[row], text=text, cosine=cosine))
        return tuple(texts[:SHOWN_NEIGHBOURS])


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


def judge(  # noqa: PLR0913 - the file and its rows; which of them and of the labels; what is known; how, and progress
    file: Reviewed,
    features: Features,
    *,
    rows: IntArray,
    targets: Targets,
    knows: Callable[[Probabilities, BoolArray], Knowledge],
    search: SearchOptions,
    n_foldings: int,
    progress: Progress | None,
) -> Judged | str:
    """What is known of the labels `targets` of some rows of a file; or, in a sentence, why nothing is.

    Parameters
    ----------
    features : ndarray of shape (n_texts, n_features)
        Of all rows of the file.
    rows : ndarray of shape (n_checked,), dtype=int64
    knows : callable
        What heads know, by their probabilities and the indicator (n_checked, n_labels) of the labels given.
    """
    used = features if len(rows) == len(features) else features[rows]
    if are_equal(used):
        return "Labels could not be checked: the encoder gives all these texts the same vector."
    texts = file.distinct.of_row[rows]
    held_out = held_out_probabilities(used, targets, options=search, n_foldings=n_foldings, progress=progress)
    known = knows(held_out.probabilities, targets.members)
    if not known.is_sure:
        return _know_nothing(known)
    n_distinct = len(file.distinct.first)
    text_members = np.zeros((n_distinct, len(targets.labels)), dtype=bool)
    np.logical_or.at(text_members, texts, targets.members)
    all_pairs = file.distinct.of_row[first_rows_by_label(file)]
    has_vote = (np.bincount(texts, minlength=n_distinct) == 1) & (np.bincount(all_pairs, minlength=n_distinct) == 1)
    return Judged(
        file=file,
        rows=rows,
        targets=targets,
        held_out=held_out,
        votes=neighbour_shares(file.near, text_members, has_vote)[texts],
        text_members=text_members,
        has_vote=has_vote,
    )


def judge_labels(
    file: Reviewed, features: Features, *, search: SearchOptions, n_foldings: int, progress: Progress | None = None
) -> tuple[Verdict | None, tuple[str, ...]]:
    """Judge every label, of those that exclude each other, that stands on two different texts or more.

    What could not be judged is said in words. `features` (n_texts, n_features) are of the file's rows.
    """
    every = first_rows_by_label(file)
    targets = file.dataset.targets.take(every)
    counts = np.array([*targets.counts_apart().values()])
    columns, single = np.flatnonzero(counts > 1), np.flatnonzero(counts == 1)
    if len(columns) < 2:
        is_one = len(columns) + len(single) == 1
        name = shown(file.names[0])
        what = f"all are labelled {name}" if is_one else f"{len(columns)} of {len(columns) + len(single)} are"
        needed = "Labels could not be checked: that needs two labels, each on two different texts or more"
        return None, (f"{needed} ({what}).",)
    notes = (on_one_text([str(targets.labels[column]) for column in single.tolist()]),) if len(single) else ()
    kept: BoolArray = np.asarray(targets.members[:, columns].any(axis=1))
    judged = judge(
        file,
        features,
        rows=every[kept],
        targets=with_columns(targets.take(kept), columns),
        knows=knowledge_of,
        search=search,
        n_foldings=n_foldings,
        progress=progress,
    )
    if isinstance(judged, str):
        return None, (*notes, judged)
    check = check_labels(judged.held_out.probabilities, judged.targets.codes, judged.votes)
    return Verdict(
        labels=judged.labels,
        summary=_summary(judged, check),
        wrong=tuple(_wrong(judged, check, place) for place in check.flagged.tolist()),
        suggested=_suggested(judged, check),
        head=judged.held_out.head,
        asked=likeliest,
    ), notes


def likeliest(probabilities: Probabilities) -> tuple[IntArray, Float64Array, Probabilities]:
    """Of each text the label to ask about and its probability; and all of them."""
    return probabilities.argmax(axis=1), probabilities.max(axis=1), probabilities


def _suggested(judged: Judged, check: LabelCheck) -> dict[int, Names]:
    """The most probable label of each text that stands there with two, by its number."""
    sums: dict[int, Probabilities] = {}
    for number, blend in zip(judged.texts.tolist(), check.blend, strict=True):
        if len(judged.file.rows_of[number]) > 1:
            sums[number] = sums.get(number, 0) + blend
    return {number: judged.labels[int(total.argmax())] for number, total in sums.items()}


def _summary(judged: Judged, check: LabelCheck) -> LabelSummary:
    """How the labels were checked, and the commonest confusions."""
    flagged, codes = check.flagged, judged.targets.codes
    pairs = Counter(zip(codes[flagged].tolist(), check.suggested[flagged].tolist(), strict=True))
    return LabelSummary(
        n_checked=len(judged.rows),
        n_flagged=len(flagged),
        chosen_C=float(judged.held_out.chosen_C[0]),
        n_folds=judged.held_out.n_folds,
        n_foldings=judged.held_out.n_foldings,
        n_neighbours=judged.file.near.rows.shape[1],
        pairs=tuple((judged.labels[given], judged.labels[other], n) for (given, other), n in pairs.most_common(5)),
    )


def _wrong(judged: Judged, check: LabelCheck, place: int) -> WrongLabel:
    file, row = judged.file, int(judged.rows[place])
    given, suggested = int(judged.targets.codes[place]), int(check.suggested[place])
    rows = file.copies(row)
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
        score=float(1 - check.confidence[place]),
        near=judged.near(int(judged.texts[place]), suggested, have_it=True),
    )


_NOISE = (0.1, 0.45)  # labels that the surest third of answers contradict: below few are wrong, above the heads err


def labels_in_doubt(probabilities: Probabilities, targets: Targets) -> int:
    """How many texts have a label that looks wrong to heads that did not see them (n_texts, n_labels).

    As a review judges, but by one folding and without the nearest texts; 0 where the heads know too little to judge,
    and where labels are merely hard: heads err on hard texts where they are unsure, and on wrong labels as often where
    they are surest.
    """
    counts = targets.members.sum(axis=0)
    if len(targets) < 2 or (counts < 2).any() or not knowledge_of(probabilities, targets.members).is_sure:
        return 0
    surest = np.argsort(-probabilities.max(axis=1), kind="stable")[: max(1, len(targets) // 3)]
    n_contradicted = int((probabilities[surest].argmax(axis=1) != targets.codes[surest]).sum())
    low, high = wilson(n_contradicted, len(surest))
    if low < _NOISE[0] or high > _NOISE[1]:
        return 0
    return len(check_labels(probabilities, targets.codes, np.zeros(probabilities.shape)).flagged)


def on_one_text(single: Sequence[str]) -> str:
    """That these labels could not be checked."""
    they = "it" if len(single) == 1 else "they"
    return f"{listed(single)}: on one text only, so {they} could not be checked, nor suggested."


def _know_nothing(known: Knowledge) -> str:
    return (
        "Labels could not be checked: heads that did not see a text know its label not surely better than the labels' "
        f"shares do (log loss {known.heads:.3f} against {known.shares:.3f} of {known.n:,}). The labels may have little "
        "to do with the texts, the rows may be too few, or other features or another encoder may be needed."
    )
