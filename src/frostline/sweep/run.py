"""A sweep: one reading; every block and the joins, each cross-validated on the same folds; one is chosen.

The winner's cross-validated score chose the winner, so it flatters, and its lead over the tutorial's features with it.
Neither is a test. Where there are test rows, the winner alone is tested on them, once, beside the tutorial's features.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import final

import numpy as np

from frostline.arrays import BoolArray, IntArray, Progress, Rows
from frostline.data import split
from frostline.data.checks import require_learnable
from frostline.data.copies import are_new
from frostline.data.dataset import Dataset
from frostline.encoder.features import SWEEP_FEATURES
from frostline.encoder.reading import EncoderIdentity, Reading, SentenceEncoder
from frostline.encoder.seen import refuse_seen
from frostline.errors import UsageError
from frostline.evaluate.paired import Difference, PairedDifference, Score, paired_difference
from frostline.evaluate.scores import Evaluation, evaluate
from frostline.head.linear import LinearHead
from frostline.head.options import MOST_SEARCHED, SearchOptions
from frostline.head.scoring import criterion_of
from frostline.legible import reading_warnings
from frostline.machine import Machine, this_machine, usable_cores
from frostline.sweep.candidates import Candidate, Columns, candidates, named, tutorial_among
from frostline.sweep.cross import OutOfFold, cross_validate, differences, one_thread
from frostline.targets import Targets
from frostline.threads import side_by_side
from frostline.version import __version__


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """One candidate's result."""

    candidate: Candidate
    score: Score  # Cross-validated, C searched on the same folds
    behind: Difference  # This minus the best (0 for the best itself)
    # None where the features are the same for every text; the geometric mean where each label has its own.
    chosen_C: float | None  # noqa: N815 - C is its name everywhere
    fold_scores: tuple[float, ...]
    n_features: int
    seconds: float  # Of computing, on one thread

    @property
    def is_within_one_error(self) -> bool:
        """Whether it is no further behind the best than one standard error of that difference."""
        return self.behind.value >= -self.behind.std_error


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SweepTest:
    """The winner on rows that took part in nothing."""

    kind: str  # `file` or `stratified hold-out`
    evaluation: Evaluation  # Of the winner, fitted on all rows of the sweep
    tutorial: Evaluation  # Of the tutorial's features, fitted likewise
    lead: PairedDifference  # The winner's share of rows with exactly the right labels, minus the tutorial's
    n_leaks: int  # Test rows that are copies of rows swept: left out of all else, unless nothing else is there
    with_leaks: Evaluation | None = None  # Of the winner on all test rows; None where there are none, or no others


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """What a sweep found."""

    labels: tuple[str, ...]
    # `n`, `n_folds`, `n_layers`: Rows swept; folds; transformer layers.
    n: int
    n_folds: int
    n_layers: int
    encoder: EncoderIdentity
    trials: tuple[Trial, ...]  # The single blocks by pooling and layer, then the joins
    # `best`, `winner`, `tutorial`: The highest score; the one chosen; `cls@-1`.
    best: Trial
    winner: Trial
    tutorial: Trial
    lead: Difference  # The winner's score minus the tutorial's; the winner was chosen on the same rows
    test: SweepTest | None
    scoring: str
    rule: str
    seed: int
    # `n_texts`, `n_read`, `n_cut`: Texts; distinct ones that the encoder read now; those longer than it can see.
    n_texts: int
    n_read: int
    n_cut: int
    seconds_read: float
    seconds_search: float
    machine: Machine
    warnings: tuple[str, ...]
    version: str


RULE = "the fewest numbers per text within one standard error of the best (of the difference, on the same rows)"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOptions:
    """How to sweep."""

    # Of every candidate alike; its `threads` is how many candidates are searched at once (None: one per core).
    search: SearchOptions = field(default_factory=SearchOptions)
    joins: tuple[str, ...] | None = None  # Instead of the usual joins; an empty tuple leaves single blocks alone
    among: tuple[str, ...] | None = None  # The only features to try, `cls@-1` among them; `joins` then says nothing
    strict: bool = False  # Refuse where otherwise folds would be lowered with a warning


def sweep(  # noqa: PLR0913 - two inputs, what to test on, how, and two kinds of progress
    dataset: Dataset,
    encoder: SentenceEncoder,
    *,
    test: Dataset | None = None,
    test_kind: str = "file",
    options: SweepOptions | None = None,
    reading: Progress | None = None,
    searching: Progress | None = None,
) -> Sweep:
    """Read every sentence once, cross-validate every candidate, choose, and test the choice once.

    Parameters
    ----------
    dataset : Dataset
        At least two labels.
    encoder : SentenceEncoder
        Opened with `SWEEP_FEATURES`.
    test : Dataset, optional
        Rows that take part in nothing but the winner's test.
    test_kind : str
        Where they are from.
    reading, searching : callable, optional
        Count distinct sentences, and candidates.

    Raises
    ------
    InputError
        One class only, a class of one row, texts that are all alike to the encoder, a test label never seen.
    UsageError
        The encoder lacks blocks; a join cannot be.
    BackendError, ConvergenceError, StorageError
        The encoder, a solver or the store failed.
    """
    chosen = options or SweepOptions()
    plan = require_learnable(dataset, chosen.search.n_folds, strict=chosen.strict)
    criterion_of(chosen.search.scoring, dataset.targets, one_standard_error=False)  # refused before a sentence is read
    n_layers = depth(encoder)
    tried = candidates(n_layers, joins=chosen.joins) if chosen.among is None else named(chosen.among, n_layers)
    targets = dataset.targets_over(tuple(dataset.counts()))
    test_targets = None if test is None else test.targets_over(targets.labels)
    begun = time.perf_counter()
    texts = [*dataset.texts, *(test.texts if test is not None else ())]
    refuse_seen(texts, encoder)
    read = encoder.encode(texts, progress=reading)
    read_at = time.perf_counter()
    columns = Columns.of(read, encoder, texts, n_swept=len(dataset))
    columns.refuse_equal_rows()
    with_words = chosen.joins is None and chosen.among is None and columns.words is not None
    with_words = with_words and len(targets.labels) <= MOST_SEARCHED
    tried, found = cross_validate_all(
        columns.possible(tried),
        columns.rows,
        targets,
        search=chosen.search,
        folds=split.folds(targets, n_folds=plan.n_folds, seed=chosen.search.seed),
        also_single_with_words=with_words,
        told=searching,
    )
    tested = None
    if test is not None and test_targets is not None:
        places = winner_of(trials_of(tried, found)), tutorial_among(tried, n_layers)
        rows = [columns.test_rows(tried[place]) for place in places]
        heads = [found[place].head for place in places]
        tested = _tested(heads, rows, test_targets, kind=test_kind, is_new=are_new(test.texts, dataset.texts))
    unread = reading_warnings(encoder, texts, read.cut)
    made = _Made(tried, found, tested, n_layers, read, chosen.search, (*unread, *plan.warnings), plan.n_folds)
    return _swept(made, encoder.identity, targets, seconds=(read_at - begun, time.perf_counter() - read_at))


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """All that a sweep came by."""

    tried: Sequence[Candidate]
    found: Sequence[OutOfFold]
    test: SweepTest | None
    n_layers: int
    reading: Reading
    search: SearchOptions
    warnings: tuple[str, ...]
    n_folds: int


def _swept(made: _Made, encoder: EncoderIdentity, targets: Targets, *, seconds: tuple[float, float]) -> Sweep:
    trials = trials_of(made.tried, made.found)
    winner, tutorial = winner_of(trials), tutorial_among(made.tried, made.n_layers)
    return Sweep(
        labels=tuple(map(str, targets.labels)),
        n=len(targets),
        n_folds=made.n_folds,
        n_layers=made.n_layers,
        encoder=encoder,
        trials=trials,
        best=trials[_best(made.found)],
        winner=trials[winner],
        tutorial=trials[tutorial],
        lead=differences(made.found, tutorial)[winner],
        test=made.test,
        scoring=made.found[winner].scoring,
        rule=RULE,
        seed=made.search.seed,
        n_texts=len(made.reading.rows),
        n_read=made.reading.n_read,
        n_cut=int(made.reading.cut.sum()),
        seconds_read=seconds[0],
        seconds_search=seconds[1],
        machine=this_machine(),
        warnings=(*made.warnings, *_leaks_told(made.test), *made.found[winner].warnings),
        version=__version__,
    )


def depth(encoder: SentenceEncoder) -> int:
    """The transformer layers of an encoder that gives every block."""
    n_layers = max(block.layer for block in encoder.blocks)
    if len(encoder.blocks) != len(set(encoder.blocks)) or len(encoder.blocks) != 3 * (n_layers + 1):
        raise UsageError(f"A sweep needs an encoder opened with features={SWEEP_FEATURES!r} (got {encoder.spec}).")
    return n_layers


def cross_validate_all(  # noqa: PLR0913 - what every candidate shares
    tried: Sequence[Candidate],
    rows_of: Callable[[Candidate], Rows],
    targets: Targets,
    *,
    search: SearchOptions,
    folds: IntArray,
    also_single_with_words: bool,
    told: Progress | None = None,
) -> tuple[tuple[Candidate, ...], tuple[OutOfFold, ...]]:
    """Every candidate's result, in their order; the widest are begun first, so that no thread waits for one at last.

    At the end, where that is wished for, the best single block is tried with words beside it.
    """
    tried = tuple(tried)
    order = sorted(range(len(tried)), key=lambda place: (-tried[place].words, -len(tried[place].blocks)))

    def work(candidate: Candidate) -> OutOfFold:
        return cross_validate(rows_of(candidate), targets, options=one_thread(search), folds=folds)

    pieces: list[Callable[[], OutOfFold]] = [partial(work, tried[place]) for place in order]
    found = side_by_side(pieces, threads=search.threads or usable_cores(), progress=told)
    back = np.argsort(order)
    found = tuple(found[place] for place in back)
    if not also_single_with_words:
        return tried, found
    singles = [place for place, candidate in enumerate(tried) if candidate.is_single]
    more = tried[max(singles, key=lambda place: found[place].score.value)].with_words()
    return (*tried, more), (*found, work(more))


def _best(found: Sequence[OutOfFold]) -> int:
    """The highest score; of equals the narrowest."""
    return max(range(len(found)), key=lambda place: (found[place].score.value, -found[place].n_features))


def trials_of(tried: Sequence[Candidate], found: Sequence[OutOfFold]) -> tuple[Trial, ...]:
    """Each candidate's result beside the best."""
    return tuple(
        Trial(
            candidate=candidate,
            score=own.score,
            behind=behind,
            chosen_C=own.chosen_C,
            fold_scores=tuple(own.fold_scores.tolist()),
            n_features=own.n_features,
            seconds=own.seconds,
        )
        for candidate, own, behind in zip(tried, found, differences(found, _best(found)), strict=True)
    )


def winner_of(trials: Sequence[Trial]) -> int:
    """The position that the one-standard-error rule chooses: the narrowest within one of the best; of equals the best.

    The error is that of the difference: the same rows are hard for both, so the difference is known far better than
    either score, and a score's own error would let features pass that are surely worse. Features that are the same for
    every text are passed over, whatever they score: no regression learns from them.

    References
    ----------
    Breiman, Friedman, Olshen, Stone (1984), Classification and Regression Trees, section 3.4.3.
    """
    telling = [place for place, trial in enumerate(trials) if trial.chosen_C is not None] or list(range(len(trials)))
    near = [place for place in telling if trials[place].is_within_one_error]
    if not near:
        return max(telling, key=lambda place: (trials[place].score.value, -trials[place].n_features))
    return min(near, key=lambda place: (trials[place].n_features, -trials[place].score.value))


def _tested(
    heads: Sequence[LinearHead], rows: Sequence[Rows], targets: Targets, *, kind: str, is_new: BoolArray
) -> SweepTest:
    """The winner's head, and the tutorial's, on the test rows of their features."""
    answers = [head.answer(head.predict_proba(part)) for head, part in zip(heads, rows, strict=True)]
    whole = evaluate(answers[0].probabilities, answers[0].favoured, targets)
    n_leaks, has_new = int((~is_new).sum()), bool(is_new.any())
    told = is_new if has_new else np.ones_like(is_new)
    targets = targets.take(told)
    winner, tutorial = (evaluate(answer.probabilities[told], answer.favoured[told], targets) for answer in answers)
    first, second = ((answer.favoured[told] == targets.members).all(axis=1).astype(np.int64) for answer in answers)
    return SweepTest(
        kind=kind,
        with_leaks=whole if n_leaks and has_new else None,
        evaluation=winner,
        tutorial=tutorial,
        lead=paired_difference(first, second, np.ones_like(first), lots=targets.shared_lots),
        n_leaks=n_leaks,
    )


def _leaks_told(test: SweepTest | None) -> tuple[str, ...]:
    if test is None or not test.n_leaks:
        return ()
    if test.with_leaks is None:
        return ("Every test row is a copy of a row that was swept: nothing is known of new texts.",)
    are = ("row is a copy" if test.n_leaks == 1 else "rows are copies") + " of what was swept,"
    name = next(iter(test.evaluation.scores))
    with_them, without = (100 * one.scores[name].value for one in (test.with_leaks, test.evaluation))
    return (f"{test.n_leaks:,} test {are} left out of the test: with them {with_them:.1f} %, without {without:.1f} %.",)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoldChoice:
    """The sweep's rule, to be applied to any part of the rows."""

    columns: Columns  # Of all rows that an outer fold may hold or leave out
    tried: Sequence[Candidate]
    targets: Targets
    search: SearchOptions
    also_single_with_words: bool = False  # As for `cross_validate_all`

    @property
    def n_candidates(self) -> int:
        """Among how many the choice is made."""
        return len(self.tried) + self.also_single_with_words

    def __call__(self, training: BoolArray) -> tuple[str, Rows]:
        """The features that the rows in `training` (n_texts,) choose: their name, and all rows of them."""
        targets = self.targets.take(training)
        n_folds = split.possible_folds(self.search.n_folds, targets)
        columns = self.columns.fitted_on(training)
        tried, found = cross_validate_all(
            columns.possible(self.tried),
            lambda candidate: columns.rows(candidate)[training],
            targets,
            search=replace(self.search, n_folds=n_folds),
            folds=split.folds(targets, n_folds=n_folds, seed=self.search.seed),
            also_single_with_words=self.also_single_with_words and columns.words is not None,
        )
        chosen = tried[winner_of(trials_of(tried, found))]
        return chosen.features, columns.rows(chosen)
