"""How good the head is, on rows that took part in nothing, beside simple classifiers on the same rows."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import numpy as np

from frostline.arrays import Advance, BoolArray, IntArray, Probabilities, dense_part
from frostline.data.copies import digests_of
from frostline.data.dataset import Dataset
from frostline.encoder.reading import SentenceEncoder
from frostline.evaluate.baselines import Baseline, Part, baselines, from_known_words
from frostline.evaluate.examples import Examples
from frostline.evaluate.intervals import Estimate, clopper_pearson, design_effect
from frostline.evaluate.probabilities import (
    Reliability,
    calibration_scores,
    coverage_curve,
    label_curves,
    reliability_of,
)
from frostline.evaluate.scores import AnswerScores, Evaluation, answer_scores, evaluate
from frostline.head.fitted import AnswerOptions, Fitted
from frostline.head.likeness import UNLIKE_BELOW, Likeness
from frostline.head.linear import PLAIN_THRESHOLD, LinearHead, decisions_for
from frostline.head.options import SearchOptions
from frostline.record import NearRecord, ProbabilityRecord, TestRecord, UnlikeRecord
from frostline.review.near import columns_to_compare
from frostline.review.repeats import near_copies
from frostline.targets import Answers, Targets
from frostline.training.options import Split

if TYPE_CHECKING:
    from frostline.evaluate.learning_curve import LearningCurve
    from frostline.evaluate.nested import Choice, Measured, NestedResult
    from frostline.head.cascade import Cascade


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tested:
    """How the head, or the procedure that made it, did on rows that took part in nothing."""

    part: Part  # The rows, in the order of their file
    evaluation: Evaluation
    # `probabilities`, `uncalibrated`: (n_texts, n_labels): As given, and without the calibration.
    probabilities: Probabilities
    uncalibrated: Probabilities
    favoured: BoolArray  # (n_texts, n_labels): What each row gets, sure or not
    answered: BoolArray  # (n_texts,): Whether the rule is sure enough
    # With a cascade: what the full head alone says, and `early`, the rows that the cheap one answers. All else here is
    # of the answers that are given. None: no cascade, or rows tested in turn.
    without: Answers | None = None
    against: tuple[Baseline, ...]
    n_fitted: int  # Rows that the tested head learned from; of several heads, the fewest
    nested: "NestedResult | None" = None  # Where every row was tested in turn

    @property
    def order(self) -> IntArray:
        """In which the rows are evaluated: as they come, or one fold after the other."""
        return np.arange(len(self.part), dtype=np.int64) if self.nested is None else self.nested.order

    def allowing(self, measured: "Measured") -> "Measured":
        """What was measured on the rows, with the intervals that rows tested in turn need."""
        if self.nested is None:
            return measured
        from frostline.evaluate.nested import allowing_for_heads  # noqa: PLC0415 - few test every row in turn

        return allowing_for_heads(measured)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Said:
    """What is said of rows, as whoever predicts gets it."""

    answers: Answers
    uncalibrated: Probabilities
    without: Answers | None  # As in `Tested`


def _said(head: LinearHead, part: Part, cascade: "Cascade | None") -> _Said:
    decisions = head.decision_function(part.rows)
    full, plain = head.answer(head.probabilities(decisions)), replace(head, calibration=None).probabilities(decisions)
    if cascade is None:
        return _Said(answers=full, uncalibrated=plain, without=None)
    first_decisions, first = cascade.hear(part.texts)
    early, cheap = first.answered, replace(cascade.head, calibration=None)
    return _Said(
        answers=full.filled(early, first.take(early)),
        uncalibrated=np.where(early[:, None], cheap.probabilities(first_decisions), plain),
        without=replace(full, early=early),
    )


def tested_on_rows(fitted: Fitted, train: Part, test: Part, *, seed: int, cascade: "Cascade | None") -> Tested:
    """What is given for rows held back, beside the baselines on the same rows."""
    said = _said(fitted.head, test, cascade)
    answer = said.answers
    known = None if fitted.parts is None else from_known_words(fitted.parts.words, test)
    return Tested(
        part=test,
        evaluation=evaluate(answer.probabilities, answer.favoured, test.targets, seed=seed),
        probabilities=answer.probabilities,
        uncalibrated=said.uncalibrated,
        favoured=answer.favoured,
        answered=answer.answered,
        without=said.without,
        against=baselines([(train, test)], favoured=answer.favoured, seed=seed, known=known),
        n_fitted=len(train),
    )


def tested_in_turn(
    train: Part, how: SearchOptions, answers: AnswerOptions, *, choose: "Choice | None", progress: Advance | None
) -> Tested:
    """The whole procedure, choice of features, search, calibration and rule included, on every row in turn."""
    from frostline.evaluate.nested import allowing_for_heads, nested_cross_validation  # noqa: PLC0415 - as above

    nested = nested_cross_validation(
        train.rows,
        train.targets,
        options=how,
        answers=answers,
        choose=choose,
        n_outer=how.n_folds,
        seed=how.seed,
        progress=progress,
    )
    held = [nested.fold_of == fold for fold in range(nested.n_outer)]
    splits = [(train.take(np.flatnonzero(~own)), train.take(np.flatnonzero(own))) for own in held]
    return Tested(
        part=train,
        evaluation=nested.evaluation,
        probabilities=nested.probabilities,
        uncalibrated=nested.uncalibrated,
        favoured=nested.favoured,
        answered=nested.answered,
        against=allowing_for_heads(baselines(splits, favoured=nested.favoured[nested.order], seed=how.seed)),
        n_fitted=nested.n_fitted,
        nested=nested,
    )


def at_half(tested: Tested, *, seed: int) -> Evaluation | None:
    """The same probabilities with every label given from 0.5 on; None where labels exclude each other."""
    if tested.evaluation.confusion is not None:
        return None
    rows = tested.order
    probabilities = tested.probabilities[rows]
    targets = tested.part.targets.take(rows)
    return tested.allowing(evaluate(probabilities, probabilities >= PLAIN_THRESHOLD, targets, seed=seed))


def uncalibrated(head: LinearHead, tested: Tested) -> Reliability | None:
    """As in `TrainingRecord`."""
    if head.calibration is None or tested.evaluation.confusion is not None:
        return None
    targets = tested.part.targets
    return tested.allowing(reliability_of(tested.uncalibrated, targets.members, lots=targets.shared_lots))


def examples_of(head: LinearHead, source: Dataset, tested: Tested) -> Examples:
    """The rows of `source`, which were tested, as the head, or those of the folds, answered them."""
    targets = tested.part.targets
    return Examples(
        labels=targets.labels,
        name=source.source.file_name,
        texts=source.texts,
        lines=source.lines,
        members=targets.members,
        favoured=tested.favoured,
        answered=tested.answered,
        probabilities=tested.probabilities,
        # each fold has a head of its own, and a cascade two: what is left of them is probabilities
        decisions=(
            head.decision_function(tested.part.rows)
            if tested.nested is None and tested.without is None
            else decisions_for(tested.probabilities, link=head.link)
        ),
        features=np.asarray(dense_part(tested.part.rows), dtype=np.float32),
    )


def measured_head(head: LinearHead, part: Part, *, cascade: "Cascade | None" = None) -> Tested:
    """A saved head, and the cascade before it, on rows of a file, beside nothing."""
    said = _said(head, part, cascade)
    answer = said.answers
    return Tested(
        part=part,
        evaluation=evaluate(answer.probabilities, answer.favoured, part.targets),
        probabilities=answer.probabilities,
        uncalibrated=said.uncalibrated,
        favoured=answer.favoured,
        answered=answer.answered,
        without=said.without,
        against=(),
        n_fitted=0,
    )


def with_known(
    head: LinearHead, new: Part | None, known: Part | None, *, cascade: "Cascade | None" = None, seed: int = 0
) -> Evaluation | None:
    """The scores of all test rows, those that are copies of rows learned from among them; None where there are none."""
    if new is None or known is None:
        return None
    answers = [_said(head, part, cascade).answers for part in (new, known)]
    return evaluate(
        np.concatenate([answer.probabilities for answer in answers]),
        np.concatenate([answer.favoured for answer in answers]),
        Targets.concatenated([new.targets, known.targets]),
        seed=seed,
    )


def measured_on_new(
    head: LinearHead, part: Part, learned: IntArray | None, *, n_fitted: int, cascade: "Cascade | None" = None
) -> tuple[Tested, IntArray, TestRecord | None]:
    """A saved head, or a cascade, on the rows of a file that it did not learn from, or on all where none is new.

    Parameters
    ----------
    learned : ndarray of shape (n_distinct,), dtype=int64, or None
        As in `Artifact`.

    Returns
    -------
    tested, rows, source : Tested, ndarray, TestRecord or None
        `rows` are the numbers of those tested on; None: it does not remember what it learned from.
    """
    every = np.arange(len(part), dtype=np.int64)
    if learned is None:
        return measured_head(head, part, cascade=cascade), every, None
    is_known = np.isin(digests_of(part.texts), learned)
    n_known = int(is_known.sum())
    if n_known in {0, len(part)}:
        source = TestRecord(kind="file", n_fitted=n_fitted, n_leaks=n_known)
        return measured_head(head, part, cascade=cascade), every, source
    new, known = part.take(every[~is_known]), part.take(every[is_known])
    whole = with_known(head, new, known, cascade=cascade)
    source = TestRecord(kind="file", n_fitted=n_fitted, n_leaks=n_known, with_leaks=whole)
    return measured_head(head, new, cascade=cascade), every[~is_known], source


def answered_well(tested: Tested, *, seed: int = 0) -> AnswerScores:
    """What the rule's answers are worth."""
    return tested.allowing(answer_scores(tested.favoured, tested.answered, tested.part.targets, seed=seed))


def probability_record(head: LinearHead, tested: Tested) -> ProbabilityRecord:
    """The measures of its probabilities; those before calibration where there was one."""
    targets, given = tested.part.targets, tested.probabilities
    record = ProbabilityRecord(
        way="none" if head.calibration is None else head.calibration.method,
        scores=calibration_scores(given, targets),
        before=None if _is_plain(head, tested) else calibration_scores(tested.uncalibrated, targets),
        curves=label_curves(given, targets),
        coverage=coverage_curve(
            given,
            # also of rows tested in turn: the curve is where this head stands
            head.answer(given).favoured if tested.without is None else tested.favoured,
            targets,
            answer_from=0.0 if head.rule is None else head.rule.answer_from,
        ),
    )
    return tested.allowing(record)


def unlike_record(likeness: Likeness | None, tested: Tested) -> UnlikeRecord | None:
    """How many of the test texts are unlike anything learned from; None where there is no telling."""
    if likeness is None or not likeness.can_tell(UNLIKE_BELOW) or tested.nested is not None:
        return None
    is_unlike = likeness.of(dense_part(tested.part.rows), tested.probabilities) < UNLIKE_BELOW
    n, effect = len(is_unlike), design_effect(is_unlike.astype(np.float64), tested.part.targets.together)
    interval = clopper_pearson(int(is_unlike.sum()) / effect, n / effect)
    return UnlikeRecord(below=UNLIKE_BELOW, share=Estimate(float(is_unlike.mean()), interval, n, "Clopper-Pearson"))


def near_record(
    encoder: SentenceEncoder, train: Part, tested: Tested, split: Split, *, is_kept: bool
) -> NearRecord | None:
    """Which test texts are nearly texts that their head learned from: training rows, or those of the other folds.

    None where there are none, where all are copies anyway, and of words alone, which have no rows to compare. None too
    where near copies of the file were kept together: by one comparison of the whole file all of them are, and another,
    of its parts about other means, would find a few at the bound that are none by that one.
    """
    if is_kept and split.kind != "file":
        return None
    if not split.is_of_new or not dense_part(train.rows).shape[1]:
        return None
    columns = columns_to_compare(encoder.blocks, encoder.hidden_size)
    learned, rows = (np.asarray(dense_part(part.rows)[:, columns], np.float32) for part in (train, tested.part))
    texts, n = tested.part.texts, len(tested.part)
    fold_of = np.zeros(n, np.int64) if tested.nested is None else tested.nested.fold_of
    is_near, is_looked, n_folds = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool), int(fold_of.max()) + 1
    for fold in range(n_folds):
        held, others = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
        known = (train.texts, learned)
        if tested.nested is not None:
            known = ([texts[row] for row in others.tolist()], rows[others])
        near, looked = near_copies([texts[row] for row in held.tolist()], rows[held], *known, n_parts=n_folds)
        is_near[held[near]], is_looked[held[looked]] = True, True
    if not is_near.any():
        return None
    is_right = (tested.favoured == tested.part.targets.members).all(axis=1)
    return NearRecord(
        n=int(is_near.sum()),
        n_looked=int(is_looked.sum()),
        n_right=int(is_right[is_looked & ~is_near].sum()),
        can_be_kept=not is_kept and split.kind not in {"file", "random hold-out"},
    )


def near_told(near: NearRecord | None, train: Part, n_test: int) -> tuple[str, ...]:
    """The warning of near copies; of words alone, that there is no telling."""
    if not dense_part(train.rows).shape[1]:
        return ("Near copies were not looked for: words alone have no rows by which texts are near.",)
    if near is None:
        return ()
    of = f"{near.n_looked:,} test texts" + (" looked at" if near.n_looked < n_test else "")
    are = "is nearly a training text" if near.n == 1 else "are nearly training texts"
    what = "--keep-near-copies-together has" if near.can_be_kept else "frostline review lists"
    end = " on one side" if near.can_be_kept else ""
    return (f"{near.n:,} of {of} {are}: {what} such{end}.",)


def without_forecast(curve: "LearningCurve", near: NearRecord | None) -> "LearningCurve":
    """The same, but that nothing is forecast of new texts where many of those tested on are nearly training texts."""
    if curve.outlook is None or near is None or not near.matters:
        return curve
    why = f"{near.n:,} of {near.n_looked:,} test texts are near copies of training texts"
    return replace(curve, outlook=None, no_outlook=f"What more rows bring to new texts is not forecast: {why}.")


def _is_plain(head: LinearHead, tested: Tested) -> bool:
    return head.calibration is None and tested.nested is None


def measured_curve(
    fitted: Fitted, train: Part, tested: Tested, *, how: SearchOptions, progress: Advance | None = None
) -> "LearningCurve":
    """Measure on the test rows; with nested cross-validation out of its folds.

    Parameters
    ----------
    fitted : Fitted
        The head that learned from all rows.
    progress : callable, optional
        Counts subsets.
    """
    from frostline.evaluate.curve_points import (  # noqa: PLC0415 - few trainings draw the curve
        Trial,
        Whole,
        given_by,
        learning_curve,
        share_right,
    )

    plain, nested = fitted.search.head, tested.nested
    fitted_accuracy = share_right(given_by(plain, train.rows), train.targets)
    if nested is None:
        trials = [Trial(np.arange(len(train)), tested.part.rows, tested.part.targets)]
        favoured, C = given_by(plain, tested.part.rows), fitted.search.middle_C
    else:
        held = [np.flatnonzero(nested.fold_of == fold) for fold in range(nested.n_outer)]
        trials = [
            Trial(np.flatnonzero(nested.fold_of != fold), train.rows[rows], train.targets.take(rows))
            for fold, rows in enumerate(held)
        ]
        favoured = plain.answer(nested.uncalibrated).favoured[nested.order]
        C = float(np.exp(np.mean(np.log(nested.chosen_Cs))))
    whole = Whole(favoured=favoured, C=C, fitted_accuracy=fitted_accuracy)
    return learning_curve(train.rows, train.targets, trials=trials, whole=whole, options=how, progress=progress)
