"""Search C by cross-validation, and fit the head with the C it chose.

In:   features, codes of the labels, folds, options.
Out:  a `SearchResult`: the head fitted on all rows, every fold's score for every C, held-out decisions.
Not:  what the head is worth (evaluate/): the score that chose C is too good.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Features, Float64Array, IntArray
from frostline.data.split import stratified_folds
from frostline.head.checking import check_C, check_rows, label_weights, training_of
from frostline.head.linear import Label, LinearHead
from frostline.head.newton import Limits, Tasks
from frostline.head.path import SolverFacts, Wave, seconds_since, solve_tasks, solve_waves
from frostline.head.problem import Problem, flat, problem_of
from frostline.head.scoring import Score, score_named
from frostline.head.standardise import scaling_of


def default_grid() -> tuple[float, ...]:
    """Thirteen values of C, two to a decade, for standardised features: 1e-5 to 10."""
    return tuple(float(C) for C in np.logspace(-5, 1, 13))


def tutorial_grid() -> tuple[float, ...]:
    """The tutorial's twenty values: np.linspace(0.0001, 100, 20)."""
    return tuple(float(C) for C in np.linspace(0.0001, 100, 20))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """How C is searched.

    Parameters
    ----------
    Cs : tuple of float
        The grid, in any order.
    n_folds : int
        Used where no folds are given.
    scoring : str
        The name of a scorer of scikit-learn: accuracy, f1_macro, neg_log_loss, roc_auc, ...
    class_weight : mapping of label to float, 'balanced' or None
        As in scikit-learn; 'balanced' counts each fold's training rows.
    one_standard_error : bool
        Choose the smallest C whose mean score is within one standard error of the best.
    standardise : bool
        As a Pipeline of StandardScaler and LogisticRegression would: on each fold's training rows.
    seed : int
        Of the folds, where none are given.
    threads : int or None
        None is two, or one where the machine has no more.
    """

    Cs: tuple[float, ...] = field(default_factory=default_grid)
    n_folds: int = 5
    scoring: str = "accuracy"
    class_weight: Mapping[Label, float] | str | None = None
    one_standard_error: bool = False
    standardise: bool = True
    seed: int = 0
    threads: int | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchResult:
    """What a search found.

    Parameters
    ----------
    head : LinearHead
        Fitted on all rows at `chosen_C`.
    Cs : tuple of float, length n_Cs
        As they were given.
    fold_scores : ndarray of shape (n_Cs, n_folds), dtype=float64
    chosen_C : float
        The smallest among equals.
    rule : str
        `best mean score` or `one standard error`.
    scoring : str
    held_out_decisions : ndarray of shape (n_texts, n_coef_rows), dtype=float64
        Of each row at `chosen_C`, by the fold that held it out: for calibration.
    solver : SolverFacts
    warnings : tuple of str
        Such as a chosen C at the edge of the grid.
    """

    head: LinearHead
    Cs: tuple[float, ...]
    fold_scores: Float64Array
    chosen_C: float
    rule: str
    scoring: str
    held_out_decisions: Float64Array
    solver: SolverFacts
    warnings: tuple[str, ...] = ()


def search_C(
    rows: Features | Float64Array,
    codes: IntArray,
    *,
    labels: Sequence[Label],
    options: SearchOptions,
    folds: IntArray | None = None,
) -> SearchResult:
    """Fit every C on every fold, score it on the rows held out, and fit all rows with the best C.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
    codes : ndarray of shape (n_texts,), dtype=int64
        Column of each row's label.
    labels : sequence of n_labels str, int or bool
    options : SearchOptions
    folds : ndarray of shape (n_texts,), dtype=int64, optional
        The fold that holds each row out; made by the options where not given.

    Raises
    ------
    InputError
        One label only, a label without rows, a row with NaN, rows that are all equal.
    UsageError
        An option that cannot be, a scorer that does not exist, a fold without training rows of some label.
    ConvergenceError
        A regression did not converge.
    """
    begun = time.perf_counter()
    check_C(options.Cs)
    score = score_named(options.scoring, len(labels))
    check_rows(rows, codes, labels)
    if folds is None:
        folds = stratified_folds(codes, n_folds=options.n_folds, seed=options.seed)
    training = training_of(codes, folds, labels)
    n_folds = training.shape[1]
    training = np.hstack([training, np.ones((len(rows), 1), dtype=bool)])  # the last trains on all: the head itself
    problem = _problem(
        rows, codes, labels, training, class_weight=options.class_weight, standardise=options.standardise
    )
    Cs = np.array(options.Cs, dtype=np.float64)
    scores = np.zeros((len(Cs), n_folds))
    decisions = np.zeros((len(Cs), len(rows), problem.loss.n_coef_rows))
    coefs: list[Float64Array] = [np.empty(0)] * len(Cs)
    waves: list[Wave] = []
    with _one_blas_thread():
        for wave in solve_waves(problem, options.Cs, n_folds=n_folds, threads=options.threads, limits=Limits()):
            waves.append(wave)
            held = _held_out(problem, wave.coef, folds)
            for turn, position in enumerate(wave.positions):
                decisions[position] = held[:, turn]
                coefs[position] = wave.coef[:, turn].mean(axis=1)
                scores[position] = _fold_scores(score, codes, decisions[position], folds)
        best = _chosen(Cs, scores, one_standard_error=options.one_standard_error)
        task = Tasks(Cs[[best]], np.array([n_folds]))
        last = solve_tasks(problem, task, coefs[best][:, None], gram=None, limits=Limits())
    return SearchResult(
        head=_head(problem, last.coef[:, 0], labels),
        Cs=options.Cs,
        fold_scores=scores,
        chosen_C=float(Cs[best]),
        rule="one standard error" if options.one_standard_error else "best mean score",
        scoring=options.scoring,
        held_out_decisions=decisions[best],
        solver=SolverFacts(
            tasks=len(Cs) * n_folds + 1,
            iterations=max(last.iterations, *(wave.iterations for wave in waves)),
            relative_gradient=max(float(last.relative_gradient[0]), *(wave.relative_gradient for wave in waves)),
            seconds=seconds_since(begun),
        ),
        warnings=_notes(Cs, best),
    )


def fit_head(  # noqa: PLR0913 - the estimator's own parameters
    rows: Features | Float64Array,
    codes: IntArray,
    *,
    labels: Sequence[Label],
    C: float,
    class_weight: Mapping[Label, float] | str | None = None,
    standardise: bool = True,
) -> LinearHead:
    """Fit one head on all rows (n_texts, n_features) with the given C; errors as in `search_C`."""
    check_C([C])
    check_rows(rows, codes, labels)
    training = np.ones((len(rows), 1), dtype=bool)
    problem = _problem(rows, codes, labels, training, class_weight=class_weight, standardise=standardise)
    start = np.zeros((problem.n_features + 1, 1, problem.loss.n_coef_rows))
    with _one_blas_thread():
        fitted = solve_tasks(problem, Tasks(np.array([float(C)]), np.array([0])), start, gram=None, limits=Limits())
    return _head(problem, fitted.coef[:, 0], labels)


def _problem(  # noqa: PLR0913 - what defines the problem
    rows: Features | Float64Array,
    codes: IntArray,
    labels: Sequence[Label],
    training: BoolArray,
    *,
    class_weight: Mapping[Label, float] | str | None,
    standardise: bool,
) -> Problem:
    weights = label_weights(class_weight, codes, labels, training)
    scaling = scaling_of(rows, training, standardise=standardise)
    return problem_of(rows, codes, n_labels=len(labels), weights=weights, scaling=scaling)


def _head(problem: Problem, coef: Float64Array, labels: Sequence[Label]) -> LinearHead:
    """Coefficients in shared coordinates (n_features + 1, n_coef_rows) as a head over the features as they are."""
    plain = (coef[:-1] / problem.scaling.std[:, None]).T
    intercept = coef[-1] - plain @ problem.scaling.mean
    if len(intercept) > 1:
        intercept -= intercept.mean()  # the softmax leaves it open; scikit-learn's is centred
    return LinearHead(labels=tuple(labels), coef=np.asarray(plain, order="C"), intercept=intercept)


def _held_out(problem: Problem, coef: Float64Array, folds: IntArray) -> Float64Array:
    """Decisions (n_texts, n_Cs, n_coef_rows) of each row by the fold that held it out."""
    decisions = np.empty((len(folds), coef.shape[1], coef.shape[3]))
    for block, standard in problem.exact_blocks():
        for fold in np.unique(folds[block]):
            held = folds[block] == fold
            product = standard[held] @ flat(coef[:, :, fold])
            decisions[block][held] = product.reshape(-1, *decisions.shape[1:])
    return decisions


def _fold_scores(score: Score, codes: IntArray, decisions: Float64Array, folds: IntArray) -> list[float]:
    return [score(codes[folds == fold], decisions[folds == fold]) for fold in range(int(folds.max()) + 1)]


def _chosen(Cs: Float64Array, scores: Float64Array, *, one_standard_error: bool) -> int:
    """Position of the best mean score, or of one within a standard error of it; the smallest C of those that do."""
    means = scores.mean(axis=1)
    best = float(means.max())
    if one_standard_error:
        best -= float(scores[int(means.argmax())].std(ddof=1)) / np.sqrt(scores.shape[1])
    good = np.flatnonzero(means >= best)
    return int(good[Cs[good].argmin()])


def _notes(Cs: Float64Array, best: int) -> tuple[str, ...]:
    """What a reader should know: the best C lies where the grid ends, so a better one may lie beyond it."""
    smallest, largest = Cs.min(), Cs.max()
    if smallest == largest or Cs[best] not in (smallest, largest):
        return ()
    edge, side = ("smallest", "smaller") if Cs[best] == smallest else ("largest", "larger")
    return (f"The chosen C = {Cs[best]:g} is the {edge} of the grid; a {side} one may score higher.",)


def _one_blas_thread() -> AbstractContextManager[object]:
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits
