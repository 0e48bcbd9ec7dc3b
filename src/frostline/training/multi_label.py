"""One training on texts with several labels each: a head, and all that is known about how good it is, out.

In:   a `MultiDataset` (and one to test on, if there is), an encoder, `TrainingOptions`.
Out:  a `MultiTraining`.
Not:  one label per text (run.py); reading files (data/), showing (report/multi_label_*.py).

The test rows take part in nothing: not in the choice of C, not in that of the thresholds.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline import __version__
from frostline.arrays import BoolArray, IntArray, Probabilities, Progress
from frostline.data.checks import duplicates, label_warnings, leaked, leaked_in_turn
from frostline.data.multi import MultiDataset, members_of, require_labels
from frostline.data.multi_split import iterative_folds, iterative_holdout
from frostline.data.split import random_holdout
from frostline.encoder.reading import SentenceEncoder
from frostline.errors import UsageError
from frostline.evaluate.multi_baselines import MultiBaseline, MultiPart, multi_baselines
from frostline.evaluate.multi_examples import MultiExamples
from frostline.evaluate.multi_label import evaluate_multi, reliability_of
from frostline.head.fitting import Calibrate
from frostline.head.fitting_each import FinishedEach, finish_each
from frostline.head.linear import Label, LinearHead
from frostline.head.multi_label import EachSearch, search_each
from frostline.head.rule import Rule
from frostline.head.search import SearchOptions
from frostline.machine import this_machine
from frostline.multi_record import (
    MultiDataRecord,
    MultiSearchRecord,
    MultiTestKind,
    MultiTestRecord,
    MultiTrainingRecord,
)
from frostline.rows import JoinedRows, Rows
from frostline.training.answering import calibration_record
from frostline.training.oddities import conflicts_told, leaks_told
from frostline.training.options import TrainingOptions
from frostline.training.records import features_record, seconds_of
from frostline.words.encoder import vocabulary_of
from frostline.words.training import beside, with_words
from frostline.words.vocabulary import Vocabulary


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MultiTraining:
    """What a training leaves: the head, its record, the rows tested on, and the vocabulary of words among the features.

    `test_probabilities` (n_test, n_labels) are those of `examples`, in the same order.
    """

    head: LinearHead
    record: MultiTrainingRecord
    test_probabilities: Probabilities
    examples: MultiExamples
    vocabulary: Vocabulary | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Split:
    """Rows to learn from and to test on (numbers into all texts); none to test on for cross-validation."""

    train: MultiDataset
    test: MultiDataset | None
    train_rows: IntArray
    test_rows: IntArray
    kind: MultiTestKind


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Tested:
    """Probabilities and answers of the rows tested on, the truth, and the splits that the baselines get.

    `rows` are the rows' numbers in the dataset that they are from.
    """

    probabilities: Probabilities
    uncalibrated: Probabilities
    given: BoolArray
    members: BoolArray
    splits: tuple[tuple[MultiPart, MultiPart], ...]
    n_fitted: int
    rows: IntArray
    fold_of: IntArray | None = None


def train_multi(  # noqa: PLR0913 - as train
    dataset: MultiDataset,
    encoder: SentenceEncoder,
    *,
    test: MultiDataset | None = None,
    options: TrainingOptions | None = None,
    reading: Progress | None = None,
    searching: Progress | None = None,
) -> MultiTraining:
    """Read every sentence once, choose each label's C and threshold, fit, test on rows that took part in nothing.

    Parameters
    ----------
    dataset : MultiDataset
        At least two labels.
    encoder : SentenceEncoder
    test : MultiDataset, optional
        Rows to test on. Without it some of `dataset` are held out, or all are tested in turn (`options.nested`).
    options : TrainingOptions, optional
        Its learning curve and rule are for one label per text, and not looked at.
    reading, searching : callable, optional
        Count distinct sentences, and labels.

    Raises
    ------
    InputError
        No label, one only, none that can be learned; a label of the test rows that no training row has.
    UsageError
        Options that do not fit several labels per text.
    BackendError, ConvergenceError, StorageError
        As `train`.
    """
    chosen = options or TrainingOptions()
    started = time.perf_counter()
    require_labels(dataset, chosen.search.n_folds)
    split = _split(dataset, test, chosen)
    plan = require_labels(split.train, chosen.search.n_folds, strict=chosen.strict)
    labels = tuple(split.train.counts())
    members = members_of(labels, split.train)
    test_members = None if split.test is None else members_of(labels, split.test)
    texts = [*dataset.texts, *(test.texts if test is not None else ())]
    reader = with_words(encoder, split.train.texts)
    found = reader.encode(texts, progress=reading)
    read_at = time.perf_counter()
    how = replace(chosen.search, n_folds=plan.n_folds)
    rows = found.for_head[split.train_rows]
    search = search_each(rows, members, labels=labels, options=how, progress=searching)
    finished = finish_each(search, members, calibrate=chosen.answers.calibrate)
    searched_at = time.perf_counter()
    train_part = MultiPart(split.train.texts, members)
    if split.test is None or test_members is None:
        tested = _tested_in_turn(rows, train_part, labels, how, chosen.answers.calibrate)
    else:
        test_part = MultiPart(split.test.texts, test_members)
        tested = _tested_on_rows(search.head, finished, found.for_head[split.test_rows], train_part, test_part)
    at_half = Rule().sets(tested.probabilities)
    evaluated = evaluate_multi(tested.probabilities, tested.given, tested.members, labels=labels, seed=how.seed)
    plain = evaluate_multi(tested.probabilities, at_half, tested.members, labels=labels, seed=how.seed)
    against: tuple[MultiBaseline, ...] = multi_baselines(
        tested.splits, labels=labels, given=tested.given, seed=how.seed
    )
    asked = split.test or split.train
    n_leaks, oddities = _oddities(dataset, split, tested.fold_of)
    record = MultiTrainingRecord(
        labels=labels,
        data=multi_data_record(dataset),
        n_trained=len(split.train),
        encoder=encoder.identity,
        features=features_record(reader, found),
        search=_search_record(search, finished, how),
        calibration=calibration_record(finished.calibration),
        test_source=MultiTestRecord(
            kind=split.kind,
            n_fitted=tested.n_fitted,
            n_leaks=n_leaks,
            data=None if test is None else multi_data_record(test),
        ),
        test=evaluated,
        at_half=plain,
        uncalibrated=None if finished.head.calibration is None else reliability_of(tested.uncalibrated, tested.members),
        baselines=against,
        seconds=seconds_of(started, read_at, searched_at, time.perf_counter(), swept=None),
        machine=this_machine(),
        seed=how.seed,
        warnings=(*plan.warnings, *oddities, *search.warnings),
        version=__version__,
    )
    return MultiTraining(
        head=finished.head,
        record=record,
        test_probabilities=tested.probabilities,
        examples=multi_examples(asked.take(tested.rows), tested.probabilities, tested.given, tested.members, labels),
        vocabulary=vocabulary_of(reader),
    )


def multi_examples(
    dataset: MultiDataset,
    probabilities: Probabilities,
    given: BoolArray,
    members: BoolArray,
    labels: Sequence[Label],
) -> MultiExamples:
    """The rows of `dataset`, each (n_texts, n_labels), as they were answered."""
    return MultiExamples(
        labels=tuple(labels),
        name=dataset.source.file_name,
        texts=dataset.texts,
        lines=dataset.lines,
        given=given,
        members=members,
        probabilities=probabilities,
    )


def multi_data_record(dataset: MultiDataset) -> MultiDataRecord:
    """What a file held, in numbers."""
    repeats = duplicates(dataset.as_combinations())
    return MultiDataRecord(
        name=dataset.source.file_name,
        sha256=dataset.source.sha256,
        size_bytes=dataset.source.size_bytes,
        n_rows=len(dataset),
        n_rejected=len(dataset.rejects),
        label_counts=dict(dataset.counts().items()),
        n_given=dataset.n_given,
        n_unlabelled=dataset.n_unlabelled,
        n_duplicates=repeats.n_extra,
        n_conflicts=len(repeats.conflicts),
    )


def _split(dataset: MultiDataset, test: MultiDataset | None, options: TrainingOptions) -> _Split:
    rows = np.arange(len(dataset), dtype=np.int64)
    if test is not None:
        test_rows = len(rows) + np.arange(len(test), dtype=np.int64)
        return _Split(train=dataset, test=test, train_rows=rows, test_rows=test_rows, kind="file")
    if options.nested:
        return _Split(train=dataset, test=None, train_rows=rows, test_rows=rows[:0], kind="cross-validation")
    seed, fraction = options.search.seed, options.test_fraction
    kind: MultiTestKind
    if options.holdout == "random":
        (kept, held), kind = random_holdout(len(rows), test_fraction=fraction, seed=seed), "random hold-out"
    else:
        members = members_of(tuple(dataset.counts()), dataset)
        kept, held = iterative_holdout(members, test_fraction=fraction, seed=seed)
        kind = "stratified hold-out"
    kept, held = _with_known_labels(dataset, kept, held)
    return _Split(train=dataset.take(kept), test=dataset.take(held), train_rows=kept, test_rows=held, kind=kind)


def _with_known_labels(dataset: MultiDataset, kept: IntArray, held: IntArray) -> tuple[IntArray, IntArray]:
    """Rows with a label that no row to learn from has go over to those: a label of one row can only be learned."""
    known = {label for row in kept.tolist() for label in dataset.label_sets[row]}
    moved = np.array(
        [any(label not in known for label in dataset.label_sets[row]) for row in held.tolist()], dtype=bool
    )
    if moved.all():
        raise UsageError(
            "No row is left to test on: every one that was held out has a label of its own.",
            hint="Name a test file with --test, or hold out more.",
        )
    return np.sort(np.concatenate([kept, held[moved]])) if moved.any() else kept, held[~moved]


def _tested_on_rows(
    plain: LinearHead, finished: FinishedEach, rows: Rows, train: MultiPart, test: MultiPart
) -> _Tested:
    """The head on rows held back, as it was before and after it was finished."""
    probabilities = finished.head.predict_proba(rows)
    given = (finished.head.rule or Rule()).sets(probabilities)
    every = np.arange(len(test.texts), dtype=np.int64)
    return _Tested(
        probabilities, plain.predict_proba(rows), given, test.members, ((train, test),), len(train.texts), every
    )


def _tested_in_turn(
    rows: Rows, part: MultiPart, labels: tuple[str, ...], how: SearchOptions, calibrate: Calibrate
) -> _Tested:
    """The whole procedure, search, calibration and thresholds included, on every row in turn."""
    fold_of = iterative_folds(part.members, n_folds=how.n_folds, seed=how.seed)
    probabilities, uncalibrated, given, members, n_fitted = [], [], [], [], []
    splits: list[tuple[MultiPart, MultiPart]] = []
    for fold in range(how.n_folds):
        kept, held = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        own = beside(rows.dense, part.texts, fold_of != fold) if isinstance(rows, JoinedRows) else rows
        inner = replace(how, n_folds=min(how.n_folds, len(kept)))
        search = search_each(own[kept], part.members[kept], labels=labels, options=inner)
        finished = finish_each(search, part.members[kept], calibrate=calibrate)
        tested = _tested_on_rows(search.head, finished, own[held], part.take(kept), part.take(held))
        probabilities.append(tested.probabilities)
        uncalibrated.append(tested.uncalibrated)
        given.append(tested.given)
        members.append(tested.members)
        splits += tested.splits
        n_fitted.append(tested.n_fitted)
    return _Tested(
        np.concatenate(probabilities),
        np.concatenate(uncalibrated),
        np.concatenate(given),
        np.concatenate(members),
        tuple(splits),
        min(n_fitted),
        np.concatenate([np.flatnonzero(fold_of == fold) for fold in range(how.n_folds)]),
        fold_of,
    )


def _search_record(search: EachSearch, finished: FinishedEach, how: SearchOptions) -> MultiSearchRecord:
    rule = finished.head.rule or Rule()
    return MultiSearchRecord(
        Cs=search.Cs,
        chosen_Cs=tuple(None if np.isnan(C) else C for C in search.chosen_Cs.tolist()),
        thresholds=rule.thresholds,
        rule=search.rule,
        n_folds=int(search.folds.max()) + 1,
        standardise=how.standardise,
    )


def _oddities(dataset: MultiDataset, split: _Split, fold_of: IntArray | None) -> tuple[int, list[str]]:
    """How many test rows are training rows too, and what a person should look at before believing anything."""
    found = label_warnings(dataset)
    conflicts = duplicates(dataset.as_combinations()).conflicts
    if conflicts:
        found.append(conflicts_told(conflicts, "sets of labels"))
    if split.test is not None:
        leaks = leaked(split.train.as_combinations(), split.test.as_combinations())
    elif fold_of is not None:
        leaks = leaked_in_turn(split.train.as_combinations(), fold_of.tolist())
    else:
        return 0, found
    if leaks.items:
        found.append(leaks_told(leaks))
    return leaks.n_test_rows, found
