"""One training, whole: labelled texts in; a head, and all that is known about how good it is, out.

The test rows take part in nothing: not in the search, not in the standardisation, not in the choice of thresholds.
What is reported as `test` is the score of the very head that is saved (of rows tested in turn: of the procedure that
made it).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import numpy as np

from frostline.arrays import Advance, Probabilities, are_equal, dense_part
from frostline.artifact.manifest import LINKS
from frostline.artifact.tables import most_rows, refuse_labels
from frostline.data.checks import Leaks, leaked, oddities, require_learnable, shared_groups_told
from frostline.data.dataset import Dataset
from frostline.encoder.reading import Reading, SentenceEncoder
from frostline.encoder.seen import refuse_seen
from frostline.encoder.words import FoldWords, Vocabulary, kept_reader, vocabulary_of, with_words
from frostline.errors import InputError
from frostline.evaluate.baselines import Part
from frostline.evaluate.examples import Examples
from frostline.evaluate.learning_curve import LearningCurve
from frostline.evaluate.nested import Choice
from frostline.head.cascade import Cascade
from frostline.head.cascading import CascadeFit, made_cascade
from frostline.head.fitted import Fitted, fit
from frostline.head.likeness import Likeness, fit_likeness
from frostline.head.linear import LinearHead
from frostline.head.options import MOST_SEARCHED, SearchOptions
from frostline.head.parts import PartName
from frostline.head.scoring import criterion_of
from frostline.legible import unknown_refused
from frostline.machine import this_machine
from frostline.record import NearRecord, PartsRecord, Seconds, TestRecord, TrainingRecord
from frostline.review.run import n_in_doubt
from frostline.training.cascaded import cascade_record
from frostline.training.options import Progress, Split, TrainingOptions, is_in_turn, refuse_without_choice, split_rows
from frostline.training.records import (
    calibration_record,
    choice_record,
    data_record,
    decision_record,
    features_record,
    names_of_parts,
    parts_record,
    search_record,
    seconds_of,
    unread,
    with_choice,
)
from frostline.training.room import refuse_crowd
from frostline.training.streamed import Sampled, fitted_on_all, room_for, sampled
from frostline.training.tested import (
    Tested,
    at_half,
    examples_of,
    measured_curve,
    near_record,
    near_told,
    probability_record,
    tested_in_turn,
    tested_on_rows,
    uncalibrated,
    unlike_record,
    with_known,
    without_forecast,
)
from frostline.version import __version__

if TYPE_CHECKING:
    from frostline.sweep.run import FoldChoice, Sweep


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """What a training leaves."""

    head: LinearHead
    record: TrainingRecord
    test_probabilities: Probabilities  # (n_test, n_labels): Of the rows tested on, in their order
    examples: Examples  # Those rows with their texts, which the record does not hold
    learned: Part | None = None  # What the head was fitted on, for `--keep-neighbours`
    vocabulary: Vocabulary | None = None  # Of the words among the features
    likeness: Likeness | None = None  # Of those rows, for `--flag-unlike`
    unmet: tuple[str, ...] = ()  # A sentence for each wish that it was made without, the first of the record's warnings
    cascade: Cascade | None = None
    met: Sequence[str] | None = None  # All texts that it learned from, where those are more than in `learned`


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What was read: the rows to learn from, those to test on (None: every row in turn), and how they were read."""

    reader: SentenceEncoder
    reading: Reading
    learned: Part
    tested: Part | None
    known: Part | None = None  # Test rows that are copies of rows learned from

    def of(self, part: PartName) -> "_Rows":
        """The same with the columns of one part alone."""
        tested, known = (None if tests is None else tests.of(part) for tests in (self.tested, self.known))
        reading = self.reading if part == "both" else replace(self.reading, words=None)
        if part == "words":
            nothing = np.zeros(len(reading.rows), dtype=bool)
            reading = replace(self.reading, rows=reading.rows[:, :0], cut=nothing)
        return _Rows(kept_reader(self.reader, part), reading, self.learned.of(part), tested, known)

    @property
    def n_features(self) -> int:
        """Columns of the encoder's own numbers."""
        return int(dense_part(self.learned.rows).shape[1])

    def words_of_folds(self) -> Choice | None:
        """A vocabulary of its own for each outer fold, where words are among the features."""
        return None if self.reading.words is None else FoldWords(self.reading.rows, self.learned.texts)

    def likeness(self, fitted: Fitted) -> Likeness | None:
        """What the head remembers of the rows that it learned from."""
        return fit_likeness(
            dense_part(self.learned.rows),
            fitted.calibration.held_out,
            n_blocks=len(self.reader.blocks),
            lots=self.learned.targets.lots,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Made:
    """All that a training came by, for its record."""

    dataset: Dataset
    test: Dataset | None
    split: Split
    rows: _Rows
    fitted: Fitted
    tested: Tested
    likeness: Likeness | None
    learning: LearningCurve | None
    how: SearchOptions
    options: TrainingOptions
    folds_told: tuple[str, ...]
    parts: PartsRecord | None
    near: NearRecord | None
    near_told: tuple[str, ...]
    cascade: tuple[Cascade, CascadeFit] | str | None

    @property
    def unmet(self) -> tuple[str, ...]:
        """A sentence for each wish that was left out."""
        told = tuple(f"{sentence} The classifier was made without that wish." for sentence in self.fitted.unmet)
        return (*told, self.cascade) if isinstance(self.cascade, str) else told


def train(  # noqa: PLR0913 - two inputs, what to test on, how, and where the features are from
    dataset: Dataset,
    encoder: SentenceEncoder,
    *,
    test: Dataset | None = None,
    options: TrainingOptions | None = None,
    swept: "Sweep | None" = None,
    choose: "FoldChoice | None" = None,
    progress: Progress | None = None,
) -> Training:
    """Read every text once, search C, calibrate and decide, and test on rows that took part in nothing.

    Parameters
    ----------
    dataset : Dataset
        At least two labels.
    encoder : SentenceEncoder
        An `Encoder`, or a `StoredEncoder`, which reads no sentence twice.
    test : Dataset, optional
        Rows to test on. Without it some of `dataset` are held out, or every row is tested in turn.
    options : TrainingOptions, optional
    swept : Sweep, optional
        By which the encoder's features were chosen (`choose_features`): the record says so, and counts its time.
    choose : FoldChoice, optional
        By which every outer fold chooses its own (`choice_in_turn`); needed where both `swept` and nested.
    progress : Progress, optional

    Raises
    ------
    InputError
        One label only; a class too small; none that can be learned; a label of the test rows that no training row has;
        a precision or recall that no threshold reaches; more rows than there is room for.
    UsageError
        Options that do not fit the targets.
    BackendError, ConvergenceError
        The encoder or the solver failed.
    StorageError
        Features could not be kept.
    """
    chosen, told = options or TrainingOptions(), progress or Progress()
    started = time.perf_counter()
    refuse_without_choice(swept, choose, in_turn=is_in_turn(test, chosen))
    most = _room(dataset, test, encoder, chosen)
    split = split_rows(dataset, test, chosen)
    part = None if most is None else sampled(dataset, test, split, most, seed=chosen.search.seed)
    given, split = (dataset, split) if part is None else (part.dataset, part.split)
    n_held = 0 if split.kind == "file" else len(split.test_rows) + len(split.known_rows)
    plan = require_learnable(split.train, chosen.search.n_folds, strict=chosen.strict, n_held=n_held)
    how = replace(chosen.search, n_folds=plan.n_folds)
    rows = _read(given, test, split, encoder, told, tries_words=how.choose_parts)
    _refuse_unread(rows, dataset.texts)
    read_at = time.perf_counter()
    fitted = fit(
        rows.learned.rows,
        rows.learned.targets,
        search=how,
        answers=chosen.answers,
        unmet="refuse" if chosen.strict else "leave out",
        progress=told.searching,
    )
    if part is not None:
        rows, fitted = _on_all(rows, fitted, part, how, told)
    fitted_at = time.perf_counter()
    cascade = _cascade(fitted, rows, how, chosen)
    tested = _tested(fitted, rows, how, chosen, cascade=cascade, choose=choose, progress=told.testing)
    examples = examples_of(fitted.head, split.test or split.train, tested)
    lots = rows.learned.targets.shared_lots
    parts = parts_record(fitted, rows.reader.spec, is_chosen=how.choose_parts, lots=lots)
    near = near_record(rows.reader, rows.learned, tested, split, is_kept=chosen.near_together)
    of_near = near_told(near, rows.learned, len(tested.part))
    if fitted.parts is not None and part is None:
        rows, fitted = rows.of(fitted.parts.kept), fitted.of(fitted.parts.kept, rows.n_features)
    likeness = rows.likeness(fitted)
    curve = None
    if chosen.learning_curve and split.is_of_new:
        curve = without_forecast(_curve(fitted, rows, tested, how, told), near)
    seconds = seconds_of(started, read_at, fitted_at, time.perf_counter(), swept=swept)
    made = _Made(
        dataset=given,
        test=test,
        split=split,
        rows=rows,
        fitted=fitted,
        tested=tested,
        likeness=likeness,
        learning=curve,
        how=how,
        options=chosen,
        folds_told=plan.warnings,
        parts=parts,
        near=near,
        near_told=of_near,
        cascade=cascade,
    )
    record = _record(made, swept, seconds)
    return Training(
        head=fitted.head,
        record=record if part is None else _of_all(record, dataset, part),
        test_probabilities=tested.probabilities,
        examples=examples,
        learned=rows.learned,
        vocabulary=vocabulary_of(rows.reader),
        likeness=likeness,
        unmet=made.unmet,
        cascade=_made_one(cascade),
        met=None if part is None else part.whole.texts,
    )


def _on_all(rows: _Rows, fitted: Fitted, part: Sampled, how: SearchOptions, told: Progress) -> tuple[_Rows, Fitted]:
    """What was chosen on a part, with the columns that are kept, and the head fitted on all texts."""
    if fitted.parts is not None:
        rows, fitted = rows.of(fitted.parts.kept), fitted.of(fitted.parts.kept, rows.n_features)
    return rows, fitted_on_all(fitted, rows.reader, part.whole, how=how, progress=told.reading)


def _of_all(record: TrainingRecord, dataset: Dataset, part: Sampled) -> TrainingRecord:
    """The same, of all texts that the head was fitted on."""
    source = record.test_source
    return replace(
        record,
        data=data_record(dataset),
        n_trained=len(part.whole),
        test_source=None if source is None else replace(source, n_fitted=len(part.whole)),
        warnings=(part.told, *record.warnings),
    )


def _cascade(
    fitted: Fitted, rows: _Rows, how: SearchOptions, options: TrainingOptions
) -> tuple[Cascade, CascadeFit] | str | None:
    """The cascade that was asked for; or why there is none."""
    if options.cascade is None:
        return None
    encoder = rows.reader if fitted.parts is None else kept_reader(rows.reader, fitted.parts.kept)
    made = made_cascade(
        encoder,
        rows.learned.texts,
        rows.learned.targets,
        fitted,
        vocabulary=vocabulary_of(rows.reader),
        search_options=how,
        answers=options.answers,
        options=options.cascade,
    )
    if isinstance(made, str) and options.strict:
        raise InputError(made, hint="Leave --cascade out, or --strict.")
    return made


def _made_one(cascade: tuple[Cascade, CascadeFit] | str | None) -> Cascade | None:
    return cascade[0] if isinstance(cascade, tuple) else None


def _refuse_unread(rows: _Rows, texts: Sequence[str]) -> None:
    """Raise where all texts are one to the encoder, since no piece of its vocabulary spells them: emoji alone, say."""
    if are_equal(rows.learned.rows) and (said := unknown_refused(rows.reader, texts)):
        raise InputError(said[0], hint=said[1])


def _tested(  # noqa: PLR0913 - what made the head, and what each outer fold must do anew
    fitted: Fitted,
    rows: _Rows,
    how: SearchOptions,
    options: TrainingOptions,
    *,
    cascade: tuple[Cascade, CascadeFit] | str | None,
    choose: "FoldChoice | None",
    progress: Advance | None,
) -> Tested:
    """The head on rows held out; or the procedure, its choice of parts included, on every row in turn."""
    if rows.tested is not None:
        return tested_on_rows(fitted, rows.learned, rows.tested, seed=how.seed, cascade=_made_one(cascade))
    own = choose or rows.words_of_folds()
    answers = replace(options.answers, rule=fitted.wishes)
    tested = tested_in_turn(rows.learned, how, answers, choose=own, progress=progress)
    nested = tested.nested
    if nested is None or nested.chosen_features or not how.choose_parts:
        return tested
    names = names_of_parts(rows.reader.spec)
    return replace(tested, nested=replace(nested, chosen_features=tuple(names[part] for part in nested.kept_parts)))


def _room(dataset: Dataset, test: Dataset | None, encoder: SentenceEncoder, chosen: TrainingOptions) -> int | None:
    """How many rows fit into memory where not all do; what cannot be trained is refused, before a sentence is read."""
    require_learnable(dataset, chosen.search.n_folds)  # before the split: the words then speak of the whole file
    criterion_of(chosen.search.scoring, dataset.targets, one_standard_error=False)
    refuse_labels(dataset.targets.labels, len(encoder.blocks) * encoder.hidden_size, LINKS[dataset.targets.kind])
    refuse_seen([*dataset.texts, *(() if test is None else test.texts)], encoder)
    most = room_for(dataset, test, encoder, chosen)
    refuse_crowd(len(dataset) + (0 if test is None else len(test)), len(dataset.targets.labels))
    return most


def _read(  # noqa: PLR0913 - two files, how they are split, who reads, who is told, and whether words are tried
    dataset: Dataset,
    test: Dataset | None,
    split: Split,
    encoder: SentenceEncoder,
    told: Progress,
    *,
    tries_words: bool,
) -> _Rows:
    """Every distinct text once; words are those of the texts to learn from."""
    reader = with_words(encoder, split.train.texts, tried=tries_words)
    vocabulary, labels = vocabulary_of(reader), tuple(split.train.counts())
    if vocabulary is not None:
        n_features = len(encoder.blocks) * encoder.hidden_size + len(vocabulary.terms)
        if tries_words and not encoder.spec.words and len(labels) > min(MOST_SEARCHED, most_rows(n_features)):
            reader = encoder  # their regressions would take hours, and the head could not be saved
        else:
            refuse_labels(labels, n_features, LINKS[dataset.targets.kind])
    reading = reader.encode([*dataset.texts, *(() if test is None else test.texts)], progress=told.reading)
    learned = Part(split.train.texts, reading.for_head[split.train_rows], split.train.targets_over(labels))
    if split.test is None:
        return _Rows(reader, reading, learned, None)
    tested = Part(split.test.texts, reading.for_head[split.test_rows], split.test.targets_over(labels))
    if split.known is None:
        return _Rows(reader, reading, learned, tested)
    known = Part(split.known.texts, reading.for_head[split.known_rows], split.known.targets_over(labels))
    return _Rows(reader, reading, learned, tested, known)


def _curve(fitted: Fitted, rows: _Rows, tested: Tested, how: SearchOptions, told: Progress) -> LearningCurve:
    """By the head alone, without a cascade."""
    own = tested if rows.tested is None else replace(tested, part=rows.tested)
    return measured_curve(fitted, rows.learned, own, how=how, progress=told.learning)


def _record(made: _Made, swept: "Sweep | None", seconds: Seconds) -> TrainingRecord:
    split, fitted, tested, seed = made.split, made.fitted, made.tested, made.how.seed
    leaks = Leaks(()) if split.test is None else leaked(split.train, split.known or split.test)
    n_test = sum(len(part) for part in (split.test, split.known) if part is not None)
    texts = [*made.dataset.texts, *(() if made.test is None else made.test.texts)]
    features = features_record(made.rows.reader, made.rows.reading, texts)
    record = TrainingRecord(
        labels=fitted.head.labels,
        data=data_record(made.dataset),
        n_trained=len(split.train),
        encoder=made.rows.reader.identity,
        features=with_choice(features, swept, made.parts),
        search=search_record(fitted, made.how),
        choice=choice_record(swept),
        parts=made.parts,
        test_source=TestRecord(
            kind=split.kind,
            n_fitted=tested.n_fitted,
            n_leaks=leaks.n_test_rows,
            with_leaks=with_known(
                fitted.head, made.rows.tested, made.rows.known, cascade=_made_one(made.cascade), seed=seed
            ),
            data=None if made.test is None else data_record(made.test),
            near=made.near,
        ),
        test=tested.evaluation,
        at_half=at_half(tested, seed=seed),
        uncalibrated=uncalibrated(fitted.head, tested),
        probabilities=probability_record(fitted.head, tested),
        calibration=calibration_record(fitted.calibration),
        decision=decision_record(fitted, made.rows.learned.targets, tested, seed=seed),
        unlike=unlike_record(made.likeness, tested),
        cascade=None
        if made.cascade is None or made.options.cascade is None
        else cascade_record(made.cascade, made.options.cascade, made.rows.learned.targets, made.rows.reader, tested),
        nested=tested.nested,
        n_in_doubt=n_in_doubt(fitted.calibration.held_out, made.rows.learned.targets),
        baselines=tested.against,
        learning=made.learning,
        seconds=seconds,
        machine=this_machine(),
        seed=seed,
        warnings=(
            *made.unmet,
            *oddities(made.dataset, leaks, n_test=n_test),
            *unread(made.rows.reader, features),
            *made.folds_told,
            *(() if split.test is None else shared_groups_told(split.train, split.test)),
            *([made.dataset.source.remark] if made.dataset.source.remark else []),
            *([made.test.source.remark] if made.test is not None and made.test.source.remark else []),
            *made.near_told,
            *fitted.search.warnings,
        ),
        version=__version__,
    )
    return record if split.is_of_new else _of_known_texts(record)


def _of_known_texts(record: TrainingRecord) -> TrainingRecord:
    """The same without all that was measured on its test texts, of which none is new."""
    decision = None if record.decision is None else replace(record.decision, test=None)
    return replace(
        record,
        test=None,
        at_half=None,
        uncalibrated=None,
        baselines=(),
        probabilities=None,
        unlike=None,
        decision=decision,
        cascade=None if record.cascade is None else replace(record.cascade, test=None),
    )
