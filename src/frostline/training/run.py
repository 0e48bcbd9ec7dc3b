"""One training, whole: labelled sentences in; a head, and all that is known about how good it is, out.

In:   a `Dataset` (and one to test on, if there is), an encoder, `TrainingOptions`.
Out:  a `Training`: the fitted head and its `TrainingRecord`.
Not:  reading files (data/), saving (artifact/), showing (report/).

The test rows take part in nothing: not in the search, not in the standardisation. What is reported as `test` is the
score of the very head that is saved (with nested cross-validation: of the procedure that made it).
"""

import time
from dataclasses import dataclass, replace
from typing import final

from frostline import __version__
from frostline.arrays import Probabilities, Progress
from frostline.data.checks import Leaks, leaked, leaked_in_turn, require_classes
from frostline.data.dataset import Dataset
from frostline.encoder.reading import SentenceEncoder
from frostline.evaluate.baselines import Part
from frostline.evaluate.examples import Examples
from frostline.evaluate.validation import Choice, NestedResult
from frostline.head.finishing import finish, folds_of
from frostline.head.linear import LinearHead
from frostline.head.search import search_C
from frostline.machine import this_machine
from frostline.record import TestRecord, TrainingRecord
from frostline.sweep import Sweep
from frostline.sweep.nested import FoldChoice
from frostline.training.answering import calibration_record, decision_record
from frostline.training.choosing import is_in_turn, refuse_without_choice
from frostline.training.examples import examples_of
from frostline.training.learning import measured_curve
from frostline.training.oddities import oddities
from frostline.training.options import TrainingOptions
from frostline.training.parts import Split, codes_of, split_rows
from frostline.training.probabilities import probability_record
from frostline.training.records import (
    choice_record,
    data_record,
    features_record,
    search_record,
    seconds_of,
    with_sweep,
)
from frostline.training.testing import tested_in_turn, tested_on_rows
from frostline.words.encoder import vocabulary_of
from frostline.words.training import FoldWords, with_words
from frostline.words.vocabulary import Vocabulary


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
    examples : Examples or None
        Those rows with their texts, which the record does not hold.
    learned : Part or None
        What the head was fitted on, for `--keep-neighbours`.
    vocabulary : Vocabulary or None
        Of the words among the features.
    """

    head: LinearHead
    record: TrainingRecord
    test_probabilities: Probabilities | None
    examples: Examples | None = None
    learned: Part | None = None
    vocabulary: Vocabulary | None = None


def train(  # noqa: PLR0913 - two inputs, what to test on, how, and where the features are from
    dataset: Dataset,
    encoder: SentenceEncoder,
    *,
    test: Dataset | None = None,
    options: TrainingOptions | None = None,
    swept: Sweep | None = None,
    choose: FoldChoice | None = None,
    reading: Progress | None = None,
    searching: Progress | None = None,
    testing: Progress | None = None,
    learning: Progress | None = None,
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
    choose : FoldChoice, optional
        By which every outer fold chooses its own (`choice_in_turn`); needed where both `swept` and nested.
    reading, searching, testing, learning : callable, optional
        Count distinct sentences, values of C, outer folds, and sizes of the learning curve.

    Raises
    ------
    InputError
        One class only; a class too small; a label of the test rows that no training row has; a precision or recall
        that no threshold reaches.
    BackendError, ConvergenceError
        The encoder or the solver failed.
    StorageError
        Features could not be kept.
    """
    chosen = options or TrainingOptions()
    started = time.perf_counter()
    refuse_without_choice(swept, choose, in_turn=is_in_turn(test, chosen))
    require_classes(dataset, chosen.search.n_folds)  # before anything is split: the words then speak of the whole file
    split = split_rows(dataset, test, chosen)
    plan = require_classes(split.train, chosen.search.n_folds, strict=chosen.strict)
    labels = tuple(split.train.counts())
    codes = codes_of(labels, split.train)
    test_codes = codes_of(labels, split.test) if split.test is not None else codes[:0]
    texts = [*dataset.texts, *(test.texts if test is not None else ())]
    reader = with_words(encoder, split.train.texts)
    found = reader.encode(texts, progress=reading)
    read_at = time.perf_counter()
    how = replace(chosen.search, n_folds=plan.n_folds)
    rows = found.for_head
    train_part = Part(split.train.texts, rows[split.train_rows], codes)
    folds = folds_of(codes, how)
    search = search_C(train_part.rows, codes, labels=labels, options=how, folds=folds, progress=searching)
    finished = finish(search, codes, folds=folds, search_options=how, options=chosen.answers)
    head = finished.head
    searched_at = time.perf_counter()
    if split.test is None:
        asked = train_part
        own: Choice | None = choose
        if choose is None and found.words is not None:
            own = FoldWords(found.rows, split.train.texts)
        tested = tested_in_turn(train_part, labels, how, chosen.answers, choose=own, progress=testing)
    else:
        asked = Part(split.test.texts, rows[split.test_rows], test_codes)
        tested = tested_on_rows(head, train_part, asked, seed=how.seed)
    leaks = _leaks(split, tested.nested)
    curve = None
    if chosen.learning_curve:
        curve = measured_curve(train_part, asked, search=search, nested=tested.nested, how=how, progress=learning)
    ended = time.perf_counter()
    record = TrainingRecord(
        labels=labels,
        data=data_record(dataset),
        n_trained=len(split.train),
        encoder=encoder.identity,
        features=with_sweep(features_record(reader, found), swept),
        search=search_record(search, how),
        choice=choice_record(swept),
        test_source=TestRecord(
            kind=split.kind,
            n_fitted=len(split.train) if tested.nested is None else tested.nested.n_fitted,
            n_leaks=leaks.n_test_rows,
            data=data_record(test) if test is not None else None,
        ),
        test=tested.evaluation,
        probabilities=probability_record(head, asked, tested),
        calibration=calibration_record(finished.calibration),
        decision=decision_record(finished, codes, tested, asked.codes, asked=chosen.answers.rule),
        nested=tested.nested,
        baselines=tested.against,
        learning=curve,
        seconds=seconds_of(started, read_at, searched_at, ended, swept=swept),
        machine=this_machine(),
        seed=how.seed,
        warnings=(*plan.warnings, *oddities(dataset, leaks), *search.warnings),
        version=__version__,
    )
    examples = examples_of(head, asked, split.test or split.train, tested)
    return Training(
        head=head,
        record=record,
        test_probabilities=tested.probabilities,
        examples=examples,
        learned=train_part,
        vocabulary=vocabulary_of(reader),
    )


def _leaks(split: Split, nested: NestedResult | None) -> Leaks:
    """Texts tested that were learned from too; tested in turn, those with a copy in another fold."""
    if split.test is not None:
        return leaked(split.train, split.test)
    return Leaks(()) if nested is None else leaked_in_turn(split.train, nested.fold_of.tolist())
