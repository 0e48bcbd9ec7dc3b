"""One training, whole: labelled sentences in; a head, and all that is known about how good it is, out.

In:   a `Dataset` (and one to test on, if there is), an encoder, `TrainingOptions`.
Out:  a `Training`: the fitted head and its `TrainingRecord`.
Not:  reading files (data/), saving (artifact/), showing (report/).

The test rows take part in nothing: not in the search, not in the standardisation. What is reported as `test` is the
score of the very head that is saved (with nested cross-validation: of the procedure that made it).
"""

import time
from dataclasses import dataclass, field, replace
from typing import Literal, cast, final

import numpy as np

from frostline import __version__
from frostline.arrays import IntArray, Probabilities, Progress
from frostline.data.checks import Leaks, Repeats, duplicates, label_warnings, leaked, require_classes
from frostline.data.dataset import Dataset
from frostline.data.split import random_holdout, stratified_holdout
from frostline.encoder.reading import Reading, SentenceEncoder
from frostline.errors import InputError, UsageError, shown
from frostline.evaluate.baselines import Baseline, Part, baselines
from frostline.evaluate.metrics import Evaluation, evaluate
from frostline.evaluate.validation import NestedResult, nested_cross_validation
from frostline.head.linear import Label, LinearHead
from frostline.head.search import SearchOptions, SearchResult, search_C, tutorial_grid
from frostline.machine import this_machine
from frostline.record import DataRecord, FeaturesRecord, SearchRecord, Seconds, TestRecord, TrainingRecord
from frostline.sweep import Sweep, SweepOptions, sweep

TUTORIAL_ROWS = 2000
NAMED_ROWS = 5  # how many rows a warning names

Holdout = Literal["stratified", "random"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """How to train.

    Parameters
    ----------
    search : SearchOptions
        The grid, the folds, the scorer, the class weights, the rule, standardisation, the seed of everything that is
        drawn. Folds are lowered, with a warning, to the size of the smallest class.
    holdout : {"stratified", "random"}
        How rows are held out for testing where there is no test file.
    test_fraction : float
        How many, as a share of all rows.
    nested : bool
        Test by nested cross-validation instead: every row is tested on, and the saved head learns from all of them.
    strict : bool
        Refuse where otherwise a warning would do (fewer folds than asked for).
    """

    search: SearchOptions = field(default_factory=SearchOptions)
    holdout: Holdout = "stratified"
    test_fraction: float = 0.25
    nested: bool = False
    strict: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.test_fraction < 1:
            raise UsageError(f"The test fraction must be between 0 and 1 (got {self.test_fraction}).")
        if self.search.n_folds < 2:
            raise UsageError(f"The number of folds must be at least 2 (got {self.search.n_folds}).")

    @classmethod
    def tutorial(cls, *, seed: int = 0) -> "TrainingOptions":
        """The practical's way: a random quarter held out, linspace(0.0001, 100, 20), features as they come.

        With it go the first 2,000 rows (`TUTORIAL_ROWS`) and the features `cls@-1` (`TUTORIAL_FEATURES`).
        """
        return cls(search=SearchOptions(Cs=tutorial_grid(), standardise=False, seed=seed), holdout="random")


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """What a training leaves.

    Parameters
    ----------
    head : LinearHead
    record : TrainingRecord
    test_probabilities : ndarray of shape (n_test, n_labels) or None
        Of the rows tested on, in their order.
    """

    head: LinearHead
    record: TrainingRecord
    test_probabilities: Probabilities | None


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Split:
    """Rows to learn from and rows to test on; `rows` are numbers into all texts given, those of a test file last."""

    train: Dataset
    test: Dataset | None
    train_rows: IntArray
    test_rows: IntArray
    kind: Literal["file", "stratified hold-out", "random hold-out", "nested cross-validation"]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tested:
    """How the head did on rows that took part in nothing."""

    evaluation: Evaluation
    probabilities: Probabilities | None
    nested: NestedResult | None
    against: tuple[Baseline, ...]


def choose_features(  # noqa: PLR0913 - what `train` takes, and two kinds of progress
    dataset: Dataset,
    encoder: SentenceEncoder,
    *,
    test: Dataset | None = None,
    options: TrainingOptions | None = None,
    reading: Progress | None = None,
    searching: Progress | None = None,
) -> Sweep:
    """Sweep the very rows that `train` will learn from, given the same arguments; the others take no part.

    Parameters
    ----------
    encoder : SentenceEncoder
        Opened with `frostline.sweep.SWEEP_FEATURES`.
    reading, searching : callable, optional
        Count distinct sentences, and candidates.

    Raises
    ------
    UsageError
        Nested cross-validation is asked for: every outer fold would have to choose its own features.
    InputError, BackendError, ConvergenceError, StorageError
        As `sweep`.
    """
    chosen = options or TrainingOptions()
    if chosen.nested:
        raise UsageError(
            "Features chosen by a sweep cannot be tested by nested cross-validation.",
            hint="Name the features, or test on a hold-out or on a file of its own.",
        )
    require_classes(dataset, chosen.search.n_folds)
    return sweep(
        _split(dataset, test, chosen).train,
        encoder,
        options=SweepOptions(search=chosen.search, strict=chosen.strict),
        reading=reading,
        searching=searching,
    )


def train(  # noqa: PLR0913 - two inputs, what to test on, how, and where the features are from
    dataset: Dataset,
    encoder: SentenceEncoder,
    *,
    test: Dataset | None = None,
    options: TrainingOptions | None = None,
    swept: Sweep | None = None,
    reading: Progress | None = None,
    searching: Progress | None = None,
) -> Training:
    """Read every sentence once, search C, fit, and test on rows that took part in nothing.

    Parameters
    ----------
    dataset : Dataset
        At least two classes.
    encoder : SentenceEncoder
        An `Encoder`, or a `StoredEncoder`, which reads no sentence twice.
    test : Dataset, optional
        Rows to test on. Without it some of `dataset` are held out, or nested cross-validation is done.
    options : TrainingOptions, optional
    swept : Sweep, optional
        By which the encoder's features were chosen (`choose_features`): the record says so, and counts its time.
    reading, searching : callable, optional
        Count distinct sentences, and values of C.

    Raises
    ------
    InputError
        One class only; a class too small; a label of the test rows that no training row has.
    BackendError, ConvergenceError
        The encoder or the solver failed.
    StorageError
        Features could not be kept.
    """
    chosen = options or TrainingOptions()
    started = time.perf_counter()
    require_classes(dataset, chosen.search.n_folds)  # before anything is split: the words then speak of the whole file
    split = _split(dataset, test, chosen)
    plan = require_classes(split.train, chosen.search.n_folds, strict=chosen.strict)
    labels = tuple(split.train.counts())
    codes = codes_of(labels, split.train)
    test_codes = codes_of(labels, split.test) if split.test is not None else codes[:0]
    texts = [*dataset.texts, *(test.texts if test is not None else ())]
    found = encoder.encode(texts, progress=reading)
    read_at = time.perf_counter()
    how = replace(chosen.search, n_folds=plan.n_folds)
    train_part = Part(split.train.texts, found.rows[split.train_rows], codes)
    search = search_C(train_part.rows, codes, labels=labels, options=how, progress=searching)
    searched_at = time.perf_counter()
    if split.test is None:
        tested = _test_nested(train_part, labels, how)
    else:
        test_part = Part(split.test.texts, found.rows[split.test_rows], test_codes)
        tested = _test(search.head, train_part, test_part, seed=how.seed)
    leaks = leaked(split.train, split.test) if split.test is not None else Leaks(())
    ended = time.perf_counter()
    record = TrainingRecord(
        labels=labels,
        data=data_record(dataset),
        n_trained=len(split.train),
        encoder=encoder.identity,
        features=_with_sweep(features_record(encoder, found), swept),
        search=_search_record(search, how),
        test_source=TestRecord(
            kind=split.kind,
            n_fitted=len(split.train) if tested.nested is None else tested.nested.n_fitted,
            n_leaks=leaks.n_test_rows,
            data=data_record(test) if test is not None else None,
        ),
        test=tested.evaluation,
        nested=tested.nested,
        baselines=tested.against,
        seconds=_seconds(started, read_at, searched_at, ended, swept=swept),
        machine=this_machine(),
        seed=how.seed,
        warnings=(*plan.warnings, *oddities(dataset, leaks), *search.warnings),
        version=__version__,
    )
    return Training(head=search.head, record=record, test_probabilities=tested.probabilities)


def data_record(dataset: Dataset) -> DataRecord:
    """What a file held, in numbers."""
    repeats = duplicates(dataset)
    return DataRecord(
        name=dataset.source.name,
        sha256=dataset.source.sha256,
        size_bytes=dataset.source.size_bytes,
        n_rows=len(dataset),
        n_rejected=len(dataset.rejects),
        class_counts=cast("dict[Label, int]", dataset.counts()),
        n_duplicates=repeats.n_extra,
        n_conflicts=len(repeats.conflicts),
    )


def features_record(encoder: SentenceEncoder, reading: Reading) -> FeaturesRecord:
    """What the texts became, in numbers."""
    return FeaturesRecord(
        spec=str(encoder.spec),
        n_features=reading.rows.shape[1],
        max_length=encoder.identity.max_length,
        n_texts=len(reading.rows),
        n_cut=int(reading.cut.sum()),
        n_read=reading.n_read,
    )


def _with_sweep(features: FeaturesRecord, swept: Sweep | None) -> FeaturesRecord:
    if swept is None:
        return features
    return replace(features, n_candidates=len(swept.trials), n_read=features.n_read + swept.n_read)


def _seconds(started: float, read_at: float, searched_at: float, ended: float, *, swept: Sweep | None) -> Seconds:
    """Where the time went, that of choosing the features included."""
    before = (swept.seconds_read, swept.seconds_search) if swept is not None else (0.0, 0.0)
    return Seconds(
        read=read_at - started + before[0],
        search=searched_at - read_at + before[1],
        evaluate=ended - searched_at,
        total=ended - started + sum(before),
    )


def codes_of(labels: list[str] | tuple[str, ...], dataset: Dataset) -> IntArray:
    """The number of each row's label among `labels`.

    Raises
    ------
    InputError
        A row has a label that is not among them; its line is named.
    """
    number = {label: code for code, label in enumerate(labels)}
    for label, line in zip(dataset.labels, dataset.lines, strict=True):
        if label not in number:
            raise InputError(
                f"{dataset.source.name}:{line}: the label must be one of {', '.join(map(shown, labels))} "
                f"(got {shown(label)}).",
                hint="No training row has this label. Correct the row, or train with examples of it.",
            )
    return np.fromiter((number[label] for label in dataset.labels), np.int64, len(dataset))


def oddities(dataset: Dataset, leaks: Leaks) -> tuple[str, ...]:
    """What a person should look at before believing anything: near-equal labels, contradictions, leaks; by line."""
    found = list(label_warnings(dataset))
    repeats: Repeats = duplicates(dataset)
    if repeats.conflicts:
        lines = "; ".join(", ".join(map(str, repeat.lines)) for repeat in repeats.conflicts[:NAMED_ROWS])
        found.append(f"{len(repeats.conflicts)} texts stand there with different labels (lines {lines}).")
    if leaks.items:
        lines = ", ".join(str(line) for leak in leaks.items[:NAMED_ROWS] for line in leak.test_lines)
        found.append(f"{leaks.n_test_rows} test rows are also training rows, which flatters the score (lines {lines}).")
    return tuple(found)


def _split(dataset: Dataset, test: Dataset | None, options: TrainingOptions) -> _Split:
    rows = np.arange(len(dataset), dtype=np.int64)
    if test is not None:
        test_rows = len(rows) + np.arange(len(test), dtype=np.int64)
        return _Split(train=dataset, test=test, train_rows=rows, test_rows=test_rows, kind="file")
    if options.nested:
        return _Split(train=dataset, test=None, train_rows=rows, test_rows=rows[:0], kind="nested cross-validation")
    seed, fraction = options.search.seed, options.test_fraction
    if options.holdout == "random":
        kept, held = random_holdout(len(rows), test_fraction=fraction, seed=seed)
    else:
        codes = codes_of(tuple(dataset.counts()), dataset)
        kept, held = stratified_holdout(codes, test_fraction=fraction, seed=seed)
    return _Split(
        train=dataset.take(kept),
        test=dataset.take(held),
        train_rows=kept,
        test_rows=held,
        kind="random hold-out" if options.holdout == "random" else "stratified hold-out",
    )


def _test(head: LinearHead, train: Part, test: Part, *, seed: int) -> _Tested:
    """The head on rows held back, beside the baselines on the same rows."""
    probabilities = head.predict_proba(test.rows)
    predicted = probabilities.argmax(axis=1)
    against = baselines([(train, test)], labels=head.labels, predicted=predicted, seed=seed)
    evaluation = evaluate(probabilities, test.codes, labels=head.labels)
    return _Tested(evaluation=evaluation, probabilities=probabilities, nested=None, against=against)


def _test_nested(train: Part, labels: tuple[str, ...], how: SearchOptions) -> _Tested:
    """The whole procedure, search included, on every row in turn."""
    nested = nested_cross_validation(
        train.rows, train.codes, labels=labels, options=how, n_outer=how.n_folds, seed=how.seed
    )
    held = [np.flatnonzero(nested.fold_of == fold) for fold in range(nested.n_outer)]
    splits = [(train.take(np.flatnonzero(nested.fold_of != fold)), train.take(rows)) for fold, rows in enumerate(held)]
    predicted = nested.probabilities.argmax(axis=1)[np.concatenate(held)]
    against = baselines(splits, labels=labels, predicted=predicted, seed=how.seed)
    return _Tested(evaluation=nested.evaluation, probabilities=nested.probabilities, nested=nested, against=against)


def _search_record(search: SearchResult, how: SearchOptions) -> SearchRecord:
    means = search.fold_scores.mean(axis=1)
    errors = search.fold_scores.std(axis=1, ddof=1) / np.sqrt(search.fold_scores.shape[1])
    return SearchRecord(
        Cs=search.Cs,
        mean_scores=tuple(means.tolist()),
        std_errors=tuple(errors.tolist()),
        chosen_C=search.chosen_C,
        best_score=float(means.max()),
        rule=search.rule,
        scoring=search.scoring,
        n_folds=search.fold_scores.shape[1],
        standardise=how.standardise,
        class_weight=None if how.class_weight is None else str(how.class_weight),
        not_searched=search.not_searched,
    )
