"""Search C by cross-validation, and fit the head with the C it chose.

In:   features, codes of the labels, folds, options.
Out:  a `SearchResult`: the head fitted on all rows, every fold's score for every C, held-out decisions.
Not:  what the head is worth (evaluate/): the score that chose C is too good.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Float64Array, IntArray, Progress
from frostline.blas import one_blas_thread
from frostline.data.split import stratified_folds
from frostline.head.checking import check_grid, check_rows, label_weights, training_of
from frostline.head.crew import Crew
from frostline.head.front import Tasks
from frostline.head.linear import Label, LinearHead
from frostline.head.newton import TOLERANCE, Limits
from frostline.head.path import Climb, SolverFacts, solve_tasks
from frostline.head.preconditioner import gram_of
from frostline.head.problem import Problem, problem_of
from frostline.head.scoring import score_named
from frostline.head.standardise import scaling_of
from frostline.head.trials import Judge, chosen, climbed, sharpened
from frostline.rows import Rows

_CLIMBING = 1e-5  # relative gradient: chose the same C as 1e-6 and moved no score by two rows (decision 7)


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
    Cs : tuple of float or None
        The grid, in any order; every C in it is searched. None is `default_grid()`, climbed from the smallest C until
        the scores have fallen for good, or the folds only overfit (trials.py): the rest would cost most.
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
    tolerance : float or None
        Of the folds' gradients, relative to those at zero coefficients. None is 1e-6, or 1e-5 for the default grid,
        where all that counts is which C is best: there those that tie for it are solved to 1e-6. The head itself is
        always solved to that, and until its coefficients stand still.
    """

    Cs: tuple[float, ...] | None = None
    n_folds: int = 5
    scoring: str = "accuracy"
    class_weight: Mapping[Label, float] | str | None = None
    one_standard_error: bool = False
    standardise: bool = True
    seed: int = 0
    threads: int | None = None
    tolerance: float | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchResult:
    """What a search found.

    Parameters
    ----------
    head : LinearHead
        Fitted on all rows at `chosen_C`.
    Cs : tuple of float, length n_Cs
        Those searched, in the order given.
    not_searched : tuple of float
        Values of the default grid that were left out, all larger than those searched.
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
    not_searched: tuple[float, ...]
    chosen_C: float  # noqa: N815 - C is its name everywhere
    rule: str
    scoring: str
    held_out_decisions: Float64Array
    solver: SolverFacts
    warnings: tuple[str, ...] = ()


def search_C(  # noqa: N802, PLR0913 - C is its name everywhere; two arrays, and what any search may be told
    rows: Rows,
    codes: IntArray,
    *,
    labels: Sequence[Label],
    options: SearchOptions,
    folds: IntArray | None = None,
    progress: Progress | None = None,
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
    progress : callable, optional
        Counts values of C; the default grid may end before its last.

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
    grid = default_grid() if options.Cs is None else options.Cs
    check_grid(grid)
    score = score_named(options.scoring, len(labels))
    check_rows(rows, codes, labels)
    if folds is None:
        folds = stratified_folds(codes, n_folds=options.n_folds, seed=options.seed)
    training = training_of(codes, folds, labels)
    n_folds = training.shape[1]
    training = np.hstack([training, np.ones((len(rows), 1), dtype=bool)])  # the last trains on all: the head itself
    weights = label_weights(options.class_weight, codes, labels, training)
    with one_blas_thread(), Crew(options.threads) as crew:
        scaling = scaling_of(rows, training, standardise=options.standardise, crew=crew)
        problem = problem_of(rows, codes, n_labels=len(labels), weights=weights, scaling=scaling, crew=crew)
        may_stop = options.Cs is None
        tolerance = options.tolerance or (_CLIMBING if may_stop else TOLERANCE)
        climb = Climb(problem, n_folds, gram_of(problem), Limits(settle=False, tolerance=tolerance))
        judge = Judge(codes, folds, weights[:, n_folds], score)
        trials = climbed(climb, grid, judge, may_stop=may_stop, progress=progress)
        if options.tolerance is None and may_stop:
            trials = sharpened(climb, trials, grid, judge)
        trials.sort(key=lambda trial: trial.position)
        best = chosen(trials, grid, one_standard_error=options.one_standard_error)
        task = Tasks(np.array([grid[best.position]]), np.array([n_folds]))
        last = solve_tasks(
            problem, task, best.coef.mean(axis=1, keepdims=True), gram=climb.gram, limits=Limits(), memory=climb.memory
        )
    Cs = tuple(grid[trial.position] for trial in trials)
    return SearchResult(
        head=head_of(problem, last.coef[:, 0], labels),
        Cs=Cs,
        fold_scores=np.stack([trial.scores for trial in trials]),
        not_searched=tuple(sorted(set(grid) - set(Cs))),
        chosen_C=grid[best.position],
        rule="one standard error" if options.one_standard_error else "best mean score",
        scoring=options.scoring,
        held_out_decisions=best.decisions,
        solver=SolverFacts(
            tasks=len(trials) * n_folds + 1,
            iterations=max(last.iterations, *(trial.iterations for trial in trials)),
            relative_gradient=max(float(last.relative_gradient[0]), *(trial.relative_gradient for trial in trials)),
            seconds=time.perf_counter() - begun,
        ),
        warnings=_notes(grid, grid[best.position]),
    )


def fit_head(  # noqa: PLR0913 - the estimator's own parameters
    rows: Rows,
    codes: IntArray,
    *,
    labels: Sequence[Label],
    C: float,
    class_weight: Mapping[Label, float] | str | None = None,
    standardise: bool = True,
) -> LinearHead:
    """Fit one head on all rows (n_texts, n_features) with the given C; errors as in `search_C`."""
    check_grid([C])
    check_rows(rows, codes, labels)
    training = np.ones((len(rows), 1), dtype=bool)
    weights = label_weights(class_weight, codes, labels, training)
    with one_blas_thread(), Crew(None) as crew:
        scaling = scaling_of(rows, training, standardise=standardise, crew=crew)
        problem = problem_of(rows, codes, n_labels=len(labels), weights=weights, scaling=scaling, crew=crew)
        start = np.zeros((problem.n_features + 1, 1, problem.loss.n_coef_rows))
        fitted = solve_tasks(problem, Tasks(np.array([float(C)]), np.array([0])), start, gram=None, limits=Limits())
    return head_of(problem, fitted.coef[:, 0], labels)


def head_of(problem: Problem, coef: Float64Array, labels: Sequence[Label]) -> LinearHead:
    """Coefficients in shared coordinates (n_features + 1, n_coef_rows) as a head over the features as they are."""
    plain = (coef[:-1] / problem.scaling.std[:, None]).T
    intercept = coef[-1] - plain @ problem.scaling.mean
    if len(intercept) > 1:
        intercept -= intercept.mean()  # the softmax leaves it open; scikit-learn's is centred
    return LinearHead(labels=tuple(labels), coef=np.asarray(problem.as_given(plain), order="C"), intercept=intercept)


def _notes(grid: Sequence[float], chosen: float) -> tuple[str, ...]:
    """What a reader should know: the best C lies where the grid ends, so a better one may lie beyond it."""
    smallest, largest = min(grid), max(grid)
    if smallest == largest or chosen not in {smallest, largest}:
        return ()
    edge, side = ("smallest", "smaller") if chosen == smallest else ("largest", "larger")
    return (f"The chosen C = {chosen:g} is the {edge} of the grid; a {side} one may score higher.",)
