"""What the page of the lesson shows and the terminal does not: computed from the same rows, the same split, the same C.

Nothing here is drawn; page.py draws it, and `frostline tutorial --json` prints it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Advance, Features, Float32Array, Float64Array, IntArray
from frostline.data.split import random_holdout, stratified_folds
from frostline.encoder.attention import attention
from frostline.head.options import SearchOptions
from frostline.head.search import fit_at, search
from frostline.machine import one_blas_thread
from frostline.targets import Label, Targets
from frostline.tutorial.lesson import DRAWN_PIECES, N_FOLDS, TEST_FRACTION, Computed

N_SPLITS = 25
BATCH_ROWS = 32
FROM_CAREFUL_TO_TRUSTING = tuple(float(C) for C in np.logspace(-4, 2, 13))
LAYER_CS = (0.01, 0.1, 1.0, 10.0)
MOST_POINTS = 300
ACROSS, DOWN = 24, 18  # Cells of the plane that the boundary is drawn on
LARGEST_PARTS = 8


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filling:
    """One way of putting sentences into rectangles."""

    order: IntArray  # (n_texts,): Rows one below the other
    widths: IntArray  # (n_texts,): Of the rectangle that each of them is in
    share: float  # Of its cells that stand for nothing


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Padding:
    """What share of the numbers that are computed stands for nothing, by the way sentences share a rectangle."""

    lengths: IntArray  # (n_texts,): Word pieces, in the file's order
    one_batch: Filling  # The practical's way: all as long as the longest
    batches: Filling  # 32 at a time, in the file's order
    sorted_batches: Filling  # 32 at a time, in order of length
    equal_lengths: Filling  # Sentences of one length together

    def ways(self) -> dict[str, Filling]:
        """All four by name, the dearest first."""
        names = ("one_batch", "batches", "sorted_batches", "equal_lengths")
        return {name: getattr(self, name) for name in names}


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moved:
    """How far a [CLS] vector moves when the mask is left out, for some sentences."""

    rows: IntArray  # (n_shown,): Which sentences
    padding: IntArray  # (n_shown,): Columns of padding
    share: Float64Array  # (n_shown,): Of the vector's own length
    # (n_shown, 2): On the two directions that tell most, in standard deviations of the rows learned from
    masked: Float64Array
    unmasked: Float64Array


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """The same sentences as one layer sees them."""

    layer: int
    points: Float64Array  # (n_shown, 2): [CLS] on the two directions that tell most, each of standard deviation 1
    # Accuracy over five folds of the training rows, of a head on this layer's [CLS], and on its mean over word pieces
    first: float
    mean: float


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trust:
    """C from too careful to too trusting."""

    Cs: tuple[float, ...]
    learned: Float64Array  # (n_Cs,): Accuracy on the rows learned from
    held_out: Float64Array  # (n_Cs, n_folds)
    # The plane of the two directions that tell most: what a head on them answers where, and how sure it is
    codes: IntArray  # (n_Cs, DOWN * ACROSS)
    sureness: Float64Array  # (n_Cs, DOWN * ACROSS): Probability of that answer
    points: Float64Array  # (n_shown, 2): Training rows
    extent: float  # The plane reaches from -extent to extent, both ways
    plane_right: Float64Array  # (n_Cs,): Accuracy of that head on the training rows


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one column of a row adds to the log-odds, beside the average row of those learned from."""

    column: int
    adds: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScore:
    """What a row's columns come to for one of three labels or more."""

    label: Label
    score: float
    share: float  # The probability that softmax makes of it


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the answer to the sentence that is followed is made of: the log-odds of a label against the next one."""

    label: Label
    against: Label
    is_learned_from: bool  # Whether it is one of the training rows
    parts: tuple[Part, ...]  # The largest, in order of what they add, most in favour first
    others: float  # All the other columns together
    average: float  # Of the average row: the intercept in it
    log_odds: float
    probability: float  # Of the label
    is_right: bool
    scores: tuple[LabelScore, ...] = ()  # Of the best four, where there are three labels or more


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pictures:
    """All of it."""

    shown: IntArray  # (n_shown,): Rows that stand for all where there are too many to draw
    padding: Padding
    moved: Moved
    attention: Float32Array  # (n_layers, n_heads, n_drawn, n_drawn): Of the first pieces
    views: tuple[View, ...]  # The embeddings, then every layer
    trust: Trust
    splits: Float64Array  # (N_SPLITS,): Accuracy on the rows held out, at the C that was chosen
    answer: Answer


def pictures(computed: Computed, first: Features, *, seed: int = 0, progress: Advance | None = None) -> Pictures:
    """What the page shows of a lesson that was given.

    Parameters
    ----------
    first : ndarray of shape (n_texts, (n_layers + 1) * hidden)
        `cls@all`: [CLS] of the embeddings and of every layer.
    progress : callable, optional
        Counts layers, values of C and splits.
    """
    with one_blas_thread():  # small matrices: its threads would only wait for each other
        return _pictures(computed, first, seed=seed, progress=progress)


def _pictures(computed: Computed, first: Features, *, seed: int, progress: Advance | None) -> Pictures:
    train, codes = computed.train, computed.codes
    shown = spread(train, MOST_POINTS)
    n_views = len(computed.states)
    total = n_views + len(FROM_CAREFUL_TO_TRUSTING) + N_SPLITS

    def count(done: int) -> None:
        if progress is not None:
            progress(done, total)

    views = []
    for layer in range(n_views):
        views.append(_view(computed, first, layer, shown, seed=seed))
        count(layer + 1)
    trust = _trust(computed, shown, seed=seed)
    count(n_views + len(trust.Cs))
    splits = []
    for number in range(N_SPLITS):
        learned, held = random_holdout(len(codes), test_fraction=TEST_FRACTION, seed=seed + number)
        head = fit_at(
            computed.rows[learned],
            _targets(codes[learned], computed),
            C=computed.trial.search.middle_C,
            standardise=False,
        )
        splits.append(float((head.predict(computed.rows[held]) == codes[held]).mean()))
        count(n_views + len(trust.Cs) + number + 1)
    return Pictures(
        shown=shown,
        padding=padding_of(np.array([len(row) for row in computed.ids])),
        moved=_moved(computed),
        attention=attention(computed.architecture, computed.states)[:, :, :DRAWN_PIECES, :DRAWN_PIECES],
        views=tuple(views),
        trust=trust,
        splits=np.array(splits),
        answer=answer_of(computed),
    )


def padding_of(lengths: IntArray) -> Padding:
    """The share of padding, by four ways of putting sentences (n_texts,) of these lengths into rectangles."""

    def filled(order: IntArray, rows: int) -> Filling:
        ordered = lengths[order]
        widths = np.maximum.reduceat(ordered, np.arange(0, len(ordered), rows))
        each = np.repeat(widths, rows)[: len(ordered)]
        return Filling(order=order, widths=each, share=1 - int(lengths.sum()) / int(each.sum()))

    in_file, by_length = np.arange(len(lengths)), np.argsort(-lengths, kind="stable")
    return Padding(
        lengths=lengths,
        one_batch=filled(in_file, len(lengths)),
        batches=filled(in_file, BATCH_ROWS),
        sorted_batches=filled(by_length, BATCH_ROWS),
        equal_lengths=Filling(order=by_length, widths=lengths[by_length], share=0.0),
    )


def directions(rows: Float64Array, coef: Float64Array) -> Float64Array:
    """Two unit vectors (n_features, 2): along what the coefficients look at, then along what varies most besides.

    Three labels and more have two directions of their own; two labels have one.
    """
    apart = coef - coef.mean(axis=0) if len(coef) > 1 else coef
    basis = np.linalg.svd(apart, full_matrices=False)[2][: min(2, max(1, len(coef) - 1))]
    if len(basis) < 2:
        rest = rows - (rows @ basis.T) @ basis
        widest = np.linalg.eigh(rest.T @ rest)[1][:, -1]  # of features, not of rows: a tenth of the time of an SVD
        basis = np.concatenate([basis, widest[None] * np.sign(widest[np.abs(widest).argmax()])])
    return np.asarray(basis.T)


def _view(computed: Computed, first: Features, layer: int, shown: IntArray, *, seed: int) -> View:
    hidden = computed.rows.shape[1]
    columns = slice(layer * hidden, (layer + 1) * hidden)
    rows = first[:, columns]
    coef = None
    if layer == 0:  # [CLS] has looked at nothing yet: the same vector in every sentence
        right = float(np.bincount(computed.codes[computed.train]).max() / len(computed.train))
    else:
        right, coef = _cross_validated(computed, rows, seed=seed)
    mean, _ = _cross_validated(computed, computed.better[:, columns], seed=seed)
    centred = rows[computed.train].astype(np.float64)
    middle = centred.mean(axis=0)
    if coef is None:
        points = np.zeros((len(shown), 2))
    else:
        points = _on_plane(rows[shown], middle, directions(centred - middle, coef))
    return View(layer=layer, points=points, first=right, mean=mean)


def _cross_validated(computed: Computed, rows: Features, *, seed: int) -> tuple[float, Float64Array]:
    """Accuracy over the folds at the best of a few values of C; the coefficients on all training rows."""
    codes = computed.codes[computed.train]
    folds = stratified_folds(codes, n_folds=N_FOLDS, seed=seed)
    options = SearchOptions(Cs=LAYER_CS, standardise=False)
    found = search(rows[computed.train], _targets(codes, computed), options=options, folds=folds)
    return float(found.scores[:, 0].mean(axis=1).max()), found.head.coef


def _on_plane(
    rows: Features, middle: Float64Array, basis: Float64Array, *, beside: Features | None = None
) -> Float64Array:
    """In standard deviations of `rows`, or of `beside`."""
    points, others = ((each.astype(np.float64) - middle) @ basis for each in (rows, rows if beside is None else beside))
    spread = others.std(axis=0)
    return np.asarray(points / np.where(spread > 0, spread, 1))


def _trust(computed: Computed, shown: IntArray, *, seed: int) -> Trust:
    train, codes = computed.train, computed.codes[computed.train]
    rows, targets = computed.rows[train], _targets(codes, computed)
    folds = stratified_folds(codes, n_folds=N_FOLDS, seed=seed)
    options = SearchOptions(Cs=FROM_CAREFUL_TO_TRUSTING, standardise=False)
    found = search(rows, targets, options=options, folds=folds)
    middle = rows.astype(np.float64).mean(axis=0)
    basis = directions(rows - middle, computed.trial.search.head.coef)
    plane = _on_plane(rows, middle, basis).astype(np.float32)
    extent = float(np.quantile(np.abs(plane), 0.995))
    cells = _cells(extent)
    learned, answers, sure, plane_right = [], [], [], []
    for C in FROM_CAREFUL_TO_TRUSTING:
        head = fit_at(rows, targets, C=C, standardise=False)
        learned.append(float((head.predict(rows) == codes).mean()))
        flat = fit_at(plane, targets, C=C, standardise=False)
        probabilities = flat.predict_proba(cells)
        answers.append(probabilities.argmax(axis=1))
        sure.append(probabilities.max(axis=1))
        plane_right.append(float((flat.predict(plane) == codes).mean()))
    place = {int(row): number for number, row in enumerate(train)}
    return Trust(
        Cs=found.Cs,
        learned=np.array(learned),
        held_out=found.scores[:, 0],
        codes=np.array(answers),
        sureness=np.array(sure),
        points=plane[[place[int(row)] for row in shown]].astype(np.float64),
        extent=extent,
        plane_right=np.array(plane_right),
    )


def _cells(extent: float) -> Features:
    """The middles of the plane's cells (DOWN * ACROSS, 2), from the upper left, row by row."""
    across = (np.arange(ACROSS) + 0.5) / ACROSS * 2 * extent - extent
    down = extent - (np.arange(DOWN) + 0.5) / DOWN * 2 * extent
    return np.stack([np.tile(across, DOWN), np.repeat(down, ACROSS)], axis=1).astype(np.float32)


def _moved(computed: Computed) -> Moved:
    lengths = np.array([len(row) for row in computed.ids])
    rows = spread(np.argsort(lengths, kind="stable"), MOST_POINTS)
    before = computed.rows[rows].astype(np.float64)
    away = np.linalg.norm(computed.unmasked[rows] - before, axis=1)
    learned = computed.rows[computed.train].astype(np.float64)
    middle = learned.mean(axis=0)
    basis = directions(learned - middle, computed.trial.search.head.coef)
    masked, unmasked = (
        _on_plane(each[rows], middle, basis, beside=computed.rows[computed.train])
        for each in (computed.rows, computed.unmasked)
    )
    share = away / np.linalg.norm(before, axis=1)
    return Moved(rows=rows, padding=lengths.max() - lengths[rows], share=share, masked=masked, unmasked=unmasked)


def answer_of(computed: Computed) -> Answer:
    """What the answer to the sentence that is followed is made of."""
    head, row = computed.trial.search.head, computed.rows[computed.running].astype(np.float64)
    probabilities = head.predict_proba(computed.rows[computed.running][None])[0]
    best, second = (int(code) for code in np.argsort(-probabilities, kind="stable")[:2])
    if len(head.coef) == 1:  # one row of coefficients, towards the second label
        sign = 1 if best == 1 else -1
        coefficients, intercept = sign * head.coef[0], sign * float(head.intercept[0])
    else:
        coefficients, intercept = (
            head.coef[best] - head.coef[second],
            float(head.intercept[best] - head.intercept[second]),
        )
    middle = computed.rows[computed.train].astype(np.float64).mean(axis=0)
    adds = (row - middle) * coefficients  # from the row itself, columns that are alike in every row would lead
    largest = np.argsort(-np.abs(adds), kind="stable")[:LARGEST_PARTS]
    largest = largest[np.argsort(-adds[largest], kind="stable")]
    average = float(middle @ coefficients) + intercept
    return Answer(
        label=computed.labels[best],
        against=computed.labels[second],
        is_learned_from=bool((computed.train == computed.running).any()),
        parts=tuple(Part(column=int(column), adds=float(adds[column])) for column in largest),
        others=float(adds.sum() - adds[largest].sum()),
        average=average,
        log_odds=average + float(adds.sum()),
        probability=float(probabilities[best]),
        is_right=best == int(computed.codes[computed.running]),
        scores=_label_scores(computed, probabilities),
    )


def _label_scores(computed: Computed, probabilities: Float64Array) -> tuple[LabelScore, ...]:
    head, row = computed.trial.search.head, computed.rows[computed.running].astype(np.float64)
    if len(head.coef) == 1:
        return ()
    scores = head.coef @ row + head.intercept
    return tuple(
        LabelScore(label=computed.labels[code], score=float(scores[code]), share=float(probabilities[code]))
        for code in np.argsort(-probabilities, kind="stable")[:4]
    )


def _targets(codes: IntArray, computed: Computed) -> Targets:
    return Targets.of_codes(codes, tuple(range(len(computed.labels))))


def spread(rows: IntArray | Sequence[int], most: int) -> IntArray:
    """At most `most` of them, evenly, in their order."""
    rows = np.asarray(rows, np.int64)
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]
