"""A sweep: one reading; every block and the joins, each cross-validated on the same folds; one is chosen.

In:   a `Dataset`, an encoder that gives every block, rows to test on if there are any.
Out:  a `Sweep`: a `Trial` per candidate, the winner, its lead over the tutorial's features, its test.
Not:  reading files (data/), showing (report/sweep_*.py).

The winner's cross-validated score chose the winner, so it flatters, and its lead over the tutorial's features with it.
Neither is a test. Where there are test rows, the winner alone is tested on them, once, beside the tutorial's features.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import final

import numpy as np

from frostline import __version__
from frostline.arrays import IntArray, Probabilities, Progress
from frostline.data.checks import leaked, require_classes
from frostline.data.dataset import Dataset
from frostline.data.split import stratified_folds
from frostline.encoder.reading import SentenceEncoder
from frostline.errors import UsageError
from frostline.evaluate.metrics import evaluate, label_codes
from frostline.evaluate.paired import paired_difference
from frostline.head.search import SearchOptions
from frostline.machine import this_machine, usable_cores
from frostline.rows import Rows
from frostline.sweep.candidates import SWEEP_FEATURES, Candidate, candidates, named, tutorial_among
from frostline.sweep.columns import Columns
from frostline.sweep.cross import OutOfFold, cross_validate, one_thread, side_by_side
from frostline.sweep.results import Sweep, SweepTest, Trial

RULE = "the fewest numbers per text within one standard error of the best (of the difference, on the same rows)"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOptions:
    """How to sweep.

    Parameters
    ----------
    search : SearchOptions
        Of every candidate alike; its `threads` is how many candidates are searched at once (None: one per core).
    joins : tuple of str or None
        Instead of the usual joins; an empty tuple leaves single blocks alone.
    among : tuple of str or None
        The only features to try, `cls@-1` among them; `joins` then says nothing.
    strict : bool
        Refuse where otherwise folds would be lowered with a warning.
    """

    search: SearchOptions = field(default_factory=SearchOptions)
    joins: tuple[str, ...] | None = None
    among: tuple[str, ...] | None = None
    strict: bool = False


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
        At least two classes.
    encoder : SentenceEncoder
        Opened with `SWEEP_FEATURES`.
    test : Dataset, optional
        Rows that take part in nothing but the winner's test.
    test_kind : str
        Where they are from.
    options : SweepOptions, optional
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
    plan = require_classes(dataset, chosen.search.n_folds, strict=chosen.strict)
    n_layers = depth(encoder)
    tried = candidates(n_layers, joins=chosen.joins) if chosen.among is None else named(chosen.among, n_layers)
    labels = tuple(dataset.counts())
    codes = label_codes(dataset.labels, labels)
    test_codes = label_codes(test.labels, labels) if test is not None else codes[:0]
    folds = stratified_folds(codes, n_folds=plan.n_folds, seed=chosen.search.seed)
    begun = time.perf_counter()
    texts = [*dataset.texts, *(test.texts if test is not None else ())]
    read = encoder.encode(texts, progress=reading)
    read_at = time.perf_counter()
    columns = Columns.of(read, encoder, texts, n_swept=len(dataset))
    columns.refuse_equal_rows()
    tried, found = cross_validate_all(
        columns.possible(tried),
        columns.rows,
        codes,
        labels=labels,
        search=chosen.search,
        folds=folds,
        also_single_with_words=chosen.joins is None and chosen.among is None and columns.words is not None,
        told=searching,
    )
    trials = trials_of(tried, found)
    best, winner, tutorial = _best(found), winner_of(trials), tutorial_among(tried, n_layers)
    n_leaks = leaked(dataset, test).n_test_rows if test is not None else 0
    return Sweep(
        labels=labels,
        n=len(dataset),
        n_folds=plan.n_folds,
        n_layers=n_layers,
        encoder=encoder.identity,
        trials=trials,
        best=trials[best],
        winner=trials[winner],
        tutorial=trials[tutorial],
        lead=found[winner].minus(found[tutorial]),
        test=None
        if test is None
        else _tested(
            tuple(found[place].head.predict_proba(columns.test_rows(tried[place])) for place in (winner, tutorial)),
            test_codes,
            labels=labels,
            kind=test_kind,
            n_leaks=n_leaks,
        ),
        scoring=chosen.search.scoring,
        rule=RULE,
        seed=chosen.search.seed,
        n_texts=len(texts),
        n_read=read.n_read,
        n_cut=int(read.cut.sum()),
        seconds_read=read_at - begun,
        seconds_search=time.perf_counter() - read_at,
        machine=this_machine(),
        warnings=(*plan.warnings, *_leaks_told(n_leaks), *found[winner].warnings),
        version=__version__,
    )


def depth(encoder: SentenceEncoder) -> int:
    """The transformer layers of an encoder that gives every block.

    Raises
    ------
    UsageError
        It does not.
    """
    n_layers = max(block.layer for block in encoder.blocks)
    if len(encoder.blocks) != len(set(encoder.blocks)) or len(encoder.blocks) != 3 * (n_layers + 1):
        raise UsageError(f"A sweep needs an encoder opened with features={SWEEP_FEATURES!r} (got {encoder.spec}).")
    return n_layers


def cross_validate_all(  # noqa: PLR0913 - what every candidate shares
    tried: Sequence[Candidate],
    rows_of: Callable[[Candidate], Rows],
    codes: IntArray,
    *,
    labels: tuple[str, ...],
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
        return cross_validate(rows_of(candidate), codes, labels=labels, options=one_thread(search), folds=folds)

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
    best = found[_best(found)]
    return tuple(
        Trial(
            candidate=candidate,
            score=own.score,
            behind=own.minus(best),
            chosen_C=own.chosen_C,
            fold_scores=tuple(own.fold_scores.tolist()),
            n_features=own.n_features,
            seconds=own.seconds,
        )
        for candidate, own in zip(tried, found, strict=True)
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
    probabilities: tuple[Probabilities, ...], codes: IntArray, *, labels: tuple[str, ...], kind: str, n_leaks: int
) -> SweepTest:
    winner, tutorial = probabilities
    return SweepTest(
        kind=kind,
        evaluation=evaluate(winner, codes, labels=labels),
        tutorial=evaluate(tutorial, codes, labels=labels),
        lead=paired_difference(winner.argmax(axis=1), tutorial.argmax(axis=1), codes),
        n_leaks=n_leaks,
    )


def _leaks_told(n_leaks: int) -> tuple[str, ...]:
    return (f"{n_leaks:,} test rows were swept too, which flatters the test.",) if n_leaks else ()
