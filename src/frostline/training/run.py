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
from frostline.encoder.checkpoint import seen_file
from frostline.encoder.reading import Reading, SentenceEncoder
from frostline.encoder.words import FoldWords, Vocabulary, kept_reader, vocabulary_of, with_words
from frostline.errors import InputError
from frostline.evaluate.baselines import Part
from frostline.evaluate.examples import Examples
from frostline.head.fitted import Fitted, fit
from frostline.head.likeness import Likeness, fit_likeness
from frostline.head.linear import LinearHead
from frostline.head.options import MOST_SEARCHED, SearchOptions
from frostline.head.parts import PartName
from frostline.head.scoring import criterion_of
from frostline.legible import unknown_refused
from frostline.machine import this_machine
from frostline.record import CascadeRecord, NearRecord, PartsRecord, Seconds, TestRecord, TrainingRecord
from frostline.training.options import Progress, Split, TrainingOptions, is_in_turn, refuse_without_choice, split_rows
from frostline.training.records import (
    calibration_record,
    choice_record,
    data_record,
    decision_record,
    features_record,
    in_doubt,
    names_of_parts,
    parts_record,
    search_record,
    seconds_of,
    unread,
    with_choice,
)
from frostline.training.room import refuse_crowd, texts_that_fit
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
    from frostline.evaluate.learning_curve import LearningCurve
    from frostline.evaluate.nested import Choice
    from frostline.head.cascade import Cascade
    from frostline.head.cascading import CascadeFit
    from frostline.sweep.run import FoldChoice, Sweep
    from frostline.training.streamed import Sampled

    _Cascaded = tuple[Cascade, CascadeFit] | str | None  # or why there is none; None: none was asked for


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
    cascade: "Cascade | None" = None
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

    def words_of_folds(self) -> "Choice | None":
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
class _Plan:
    """What is learned from, what is tested on, and how."""

    dataset: Dataset  # All of it; or, where there is room for a part only, that
    test: Dataset | None
    split: Split
    how: SearchOptions
    options: TrainingOptions
    folds_told: tuple[str, ...]
    part: "Sampled | None"

    @property
    def texts(self) -> list[str]:
        """All that is read."""
        return [*self.dataset.texts, *(() if self.test is None else self.test.texts)]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Made:
    """All that a training came by, for its record."""

    plan: _Plan
    rows: _Rows
    fitted: Fitted
    tested: Tested
    examples: Examples
    likeness: Likeness | None
    learning: "LearningCurve | None"
    parts: PartsRecord | None
    near: NearRecord | None
    near_told: tuple[str, ...]
    cascade: "_Cascaded"

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
    plan = _planned(dataset, test, encoder, chosen)
    rows = _read(plan, encoder, told)
    _refuse_unread(rows, dataset.texts)
    read_at = time.perf_counter()
    fitted = fit(
        rows.learned.rows,
        rows.learned.targets,
        search=plan.how,
        answers=chosen.answers,
        unmet="refuse" if chosen.strict else "leave out",
        progress=told.searching,
    )
    if plan.part is not None:
        rows, fitted = _on_all(rows, fitted, plan.part, plan.how, told)
    fitted_at = time.perf_counter()
    made = _measured(plan, rows, fitted, choose=choose, told=told)
    record = _record(made, swept, seconds_of(started, read_at, fitted_at, time.perf_counter(), swept=swept))
    return Training(
        head=made.fitted.head,
        record=record if plan.part is None else _of_all(record, dataset, plan.part),
        test_probabilities=made.tested.probabilities,
        examples=made.examples,
        learned=made.rows.learned,
        vocabulary=vocabulary_of(made.rows.reader),
        likeness=made.likeness,
        unmet=made.unmet,
        cascade=_made_one(made.cascade),
        met=None if plan.part is None else plan.part.whole.texts,
    )


def _planned(dataset: Dataset, test: Dataset | None, encoder: SentenceEncoder, options: TrainingOptions) -> _Plan:
    """Which rows are learned from and tested on, and how; all that can be refused is, before a sentence is read."""
    most = _room(dataset, test, encoder, options)
    split, part = split_rows(dataset, test, options), None
    if most is not None:
        from frostline.training.streamed import sampled  # noqa: PLC0415 - most files fit

        part = sampled(dataset, test, split, most, seed=options.search.seed)
        dataset, split = part.dataset, part.split
    n_held = 0 if split.kind == "file" else len(split.test_rows) + len(split.known_rows)
    learnable = require_learnable(split.train, options.search.n_folds, strict=options.strict, n_held=n_held)
    return _Plan(
        dataset=dataset,
        test=test,
        split=split,
        how=replace(options.search, n_folds=learnable.n_folds),
        options=options,
        folds_told=learnable.warnings,
        part=part,
    )


def _measured(plan: _Plan, rows: _Rows, fitted: Fitted, *, choose: "FoldChoice | None", told: Progress) -> _Made:
    """How good the head is, and what else is known of it; of rows and head what is kept."""
    split, how = plan.split, plan.how
    cascade = _cascade(fitted, rows, how, plan.options)
    tested = _tested(fitted, rows, how, plan.options, cascade=cascade, choose=choose, progress=told.testing)
    examples = examples_of(fitted.head, split.test or split.train, tested)
    lots = rows.learned.targets.shared_lots
    parts = parts_record(fitted, rows.reader.spec, is_chosen=how.choose_parts, lots=lots)
    near = near_record(rows.reader, rows.learned, tested, split, is_kept=plan.options.near_together)
    of_near = near_told(near, rows.learned, len(tested.part))
    if fitted.parts is not None and plan.part is None:
        rows, fitted = rows.of(fitted.parts.kept), fitted.of(fitted.parts.kept, rows.n_features)
    likeness = rows.likeness(fitted)
    curve = None
    if plan.options.learning_curve and split.is_of_new:
        curve = without_forecast(_curve(fitted, rows, tested, how, told), near)
    return _Made(
        plan=plan,
        rows=rows,
        fitted=fitted,
        tested=tested,
        examples=examples,
        likeness=likeness,
        learning=curve,
        parts=parts,
        near=near,
        near_told=of_near,
        cascade=cascade,
    )


def _on_all(rows: _Rows, fitted: Fitted, part: "Sampled", how: SearchOptions, told: Progress) -> tuple[_Rows, Fitted]:
    """What was chosen on a part, with the columns that are kept, and the head fitted on all texts."""
    if fitted.parts is not None:
        rows, fitted = rows.of(fitted.parts.kept), fitted.of(fitted.parts.kept, rows.n_features)
    from frostline.training.streamed import fitted_on_all  # noqa: PLC0415 - as above

    return rows, fitted_on_all(fitted, rows.reader, part.whole, how=how, progress=told.reading)


def _of_all(record: TrainingRecord, dataset: Dataset, part: "Sampled") -> TrainingRecord:
    """The same, of all texts that the head was fitted on."""
    source = record.test_source
    return replace(
        record,
        data=data_record(dataset),
        n_trained=len(part.whole),
        test_source=None if source is None else replace(source, n_fitted=len(part.whole)),
        warnings=(part.told, *record.warnings),
    )


def _cascade(fitted: Fitted, rows: _Rows, how: SearchOptions, options: TrainingOptions) -> "_Cascaded":
    """The cascade that was asked for; or why there is none."""
    if options.cascade is None:
        return None
    from frostline.head.cascading import made_cascade  # noqa: PLC0415 - few ask for one

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


def _made_one(cascade: "_Cascaded") -> "Cascade | None":
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
    cascade: "_Cascaded",
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
    if seen_file(encoder.identity.name) is not None:
        from frostline.encoder.seen import refuse_seen  # noqa: PLC0415 - of tuned encoders alone

        refuse_seen([*dataset.texts, *(() if test is None else test.texts)], encoder)
    n_texts, most = len(dataset) + (0 if test is None else len(test)), None
    fit_in = texts_that_fit(len(encoder.blocks) * encoder.hidden_size)
    if fit_in is not None and n_texts > fit_in:
        from frostline.training.streamed import room_for  # noqa: PLC0415 - most files fit

        most = room_for(dataset, test, encoder, chosen)
    refuse_crowd(n_texts, len(dataset.targets.labels))
    return most


def _read(plan: _Plan, encoder: SentenceEncoder, told: Progress) -> _Rows:
    """Every distinct text once; words are those of the texts to learn from."""
    split, tries_words = plan.split, plan.how.choose_parts
    reader = with_words(encoder, split.train.texts, tried=tries_words)
    vocabulary, labels = vocabulary_of(reader), tuple(split.train.counts())
    if vocabulary is not None:
        n_features = len(encoder.blocks) * encoder.hidden_size + len(vocabulary.terms)
        if tries_words and not encoder.spec.words and len(labels) > min(MOST_SEARCHED, most_rows(n_features)):
            reader = encoder  # their regressions would take hours, and the head could not be saved
        else:
            refuse_labels(labels, n_features, LINKS[plan.dataset.targets.kind])
    reading = reader.encode(plan.texts, progress=told.reading)
    learned = Part(split.train.texts, reading.for_head[split.train_rows], split.train.targets_over(labels))
    if split.test is None:
        return _Rows(reader, reading, learned, None)
    tested = Part(split.test.texts, reading.for_head[split.test_rows], split.test.targets_over(labels))
    if split.known is None:
        return _Rows(reader, reading, learned, tested)
    known = Part(split.known.texts, reading.for_head[split.known_rows], split.known.targets_over(labels))
    return _Rows(reader, reading, learned, tested, known)


def _curve(fitted: Fitted, rows: _Rows, tested: Tested, how: SearchOptions, told: Progress) -> "LearningCurve":
    """By the head alone, without a cascade."""
    own = tested if rows.tested is None else replace(tested, part=rows.tested)
    return measured_curve(fitted, rows.learned, own, how=how, progress=told.learning)


def _record(made: _Made, swept: "Sweep | None", seconds: Seconds) -> TrainingRecord:
    plan, fitted, tested = made.plan, made.fitted, made.tested
    split, seed = plan.split, plan.how.seed
    leaks = Leaks(()) if split.test is None else leaked(split.train, split.known or split.test)
    n_test = sum(len(part) for part in (split.test, split.known) if part is not None)
    features = features_record(made.rows.reader, made.rows.reading, plan.texts)
    record = TrainingRecord(
        labels=fitted.head.labels,
        data=data_record(plan.dataset),
        n_trained=len(split.train),
        encoder=made.rows.reader.identity,
        features=with_choice(features, swept, made.parts),
        search=search_record(fitted, plan.how),
        choice=choice_record(swept),
        parts=made.parts,
        test_source=TestRecord(
            kind=split.kind,
            n_fitted=tested.n_fitted,
            n_leaks=leaks.n_test_rows,
            with_leaks=with_known(
                fitted.head, made.rows.tested, made.rows.known, cascade=_made_one(made.cascade), seed=seed
            ),
            data=None if plan.test is None else data_record(plan.test),
            near=made.near,
        ),
        test=tested.evaluation,
        at_half=at_half(tested, seed=seed),
        uncalibrated=uncalibrated(fitted.head, tested),
        probabilities=probability_record(fitted.head, tested),
        calibration=calibration_record(fitted.calibration),
        decision=decision_record(fitted, made.rows.learned.targets, tested, seed=seed),
        unlike=unlike_record(made.likeness, tested),
        cascade=_cascade_record(made),
        nested=tested.nested,
        n_in_doubt=in_doubt(fitted.calibration.held_out, made.rows.learned.targets),
        baselines=tested.against,
        learning=made.learning,
        seconds=seconds,
        machine=this_machine(),
        seed=seed,
        warnings=(
            *made.unmet,
            *oddities(plan.dataset, leaks, n_test=n_test),
            *unread(made.rows.reader, features),
            *plan.folds_told,
            *(() if split.test is None else shared_groups_told(split.train, split.test)),
            *([plan.dataset.source.remark] if plan.dataset.source.remark else []),
            *([plan.test.source.remark] if plan.test is not None and plan.test.source.remark else []),
            *made.near_told,
            *fitted.search.warnings,
        ),
        version=__version__,
    )
    return record if split.is_of_new else _of_known_texts(record)


def _cascade_record(made: _Made) -> CascadeRecord | None:
    asked = made.plan.options.cascade
    if made.cascade is None or asked is None:
        return None
    from frostline.training.cascaded import cascade_record  # noqa: PLC0415 - few ask for one

    return cascade_record(made.cascade, asked, made.rows.learned.targets, made.rows.reader, made.tested)


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
