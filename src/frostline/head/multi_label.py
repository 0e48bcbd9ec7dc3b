"""Several labels per text: one logistic regression for each, all of them on the same rows and folds.

In:   features, which labels each text has, folds, options.
Out:  an `EachSearch`: the head fitted on all rows, the C of each label, held-out decisions.
Not:  how the folds are dealt (data/multi_split.py), calibration and thresholds (fitting_each.py), what it is worth
      (evaluate/).

Labels do not see each other, so each has the C with the best log loss of its own: rare ones want another than common
ones (docs/decisions/0012-several-labels.md). They are solved a block of labels at a time, whose columns together keep
a product busy; nothing grows with the number of labels but one held-out decision per text and label.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, Probabilities, Progress
from frostline.blas import one_blas_thread
from frostline.data.multi_split import iterative_folds
from frostline.errors import InputError, UsageError, shown
from frostline.head.calibration import logistic
from frostline.head.checking import check_features, check_grid
from frostline.head.climb_each import EachTrial, climb_each
from frostline.head.crew import Crew
from frostline.head.front import Tasks
from frostline.head.linear import Label, LinearHead
from frostline.head.loss import LogisticEach
from frostline.head.newton import Limits
from frostline.head.path import SolverFacts, solve_tasks
from frostline.head.preconditioner import gram_of
from frostline.head.problem import Problem, problem_with, with_loss
from frostline.head.rule import Rule
from frostline.head.search import SearchOptions, default_grid
from frostline.head.standardise import scaling_of
from frostline.rows import Rows

COLUMNS = 40  # labels times folds of a block: a product takes no less time per column if it is wider
PART_ELEMENTS = 2_000_000  # decisions of one task that are worked on at a time
SCORINGS = ("accuracy", "neg_log_loss")  # the default of the options, and what it becomes here


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EachSearch:
    """What a search found.

    Parameters
    ----------
    head : LinearHead
        Fitted on all rows, each label at its C; neither calibrated nor with thresholds (fitting_each.py).
    Cs : tuple of float, length n_Cs
        Those searched for at least one label, ascending.
    losses : ndarray of shape (n_Cs, n_labels), dtype=float64
        Mean held-out log loss; NaN where a label's search had ended, or the label could not be learned.
    chosen_Cs : ndarray of shape (n_labels,), dtype=float64
        NaN for a label that could not be learned.
    learned : ndarray of shape (n_labels,), dtype=bool
        Labels that have two rows with and two without them at least; the others' probability is their share.
    held_out_decisions : ndarray of shape (n_texts, n_labels), dtype=float64
        Of each row by the fold that held it out, at each label's C.
    folds : ndarray of shape (n_texts,), dtype=int64
    rule : str
        `best log loss of each label`, or `one standard error, each label`.
    solver : SolverFacts
    warnings : tuple of str
    """

    head: LinearHead
    Cs: tuple[float, ...]
    losses: Float64Array
    chosen_Cs: Float64Array  # noqa: N815 - C is its name everywhere
    learned: BoolArray
    held_out_decisions: Float64Array
    folds: IntArray
    rule: str
    solver: SolverFacts
    warnings: tuple[str, ...] = ()

    @property
    def held_out(self) -> Probabilities:
        """The decisions as probabilities."""
        return logistic(self.held_out_decisions)


def search_each(  # noqa: PLR0913 - as search_C
    rows: Rows,
    members: BoolArray,
    *,
    labels: Sequence[Label],
    options: SearchOptions,
    folds: IntArray | None = None,
    progress: Progress | None = None,
) -> EachSearch:
    """Fit every C on every fold for every label, take each label's best, fit all rows.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
    members : ndarray of shape (n_texts, n_labels), dtype=bool
        Which labels each text has; none is an answer too.
    labels : sequence of n_labels str, int or bool
    options : SearchOptions
        `scoring` stays `accuracy` or is `neg_log_loss`, both of which mean the log loss of each label, and
        `class_weight` None: the thresholds do what it would do.
    folds : ndarray of shape (n_texts,), dtype=int64, optional
        Made by iterative stratification where not given.
    progress : callable, optional
        Counts labels.

    Raises
    ------
    InputError
        No label that some texts have and some have not; a row with NaN, rows that are all equal.
    UsageError
        Options that do not fit several labels per text.
    ConvergenceError
        A regression did not converge.
    """
    begun = time.perf_counter()
    grid = default_grid() if options.Cs is None else tuple(sorted(options.Cs))
    check_grid(grid)
    _check_options(options)
    check_features(rows)
    if folds is None:
        folds = iterative_folds(members, n_folds=options.n_folds, seed=options.seed)
    n_folds = int(folds.max()) + 1
    learned = learnable(members, folds)
    if not learned.any():
        raise _nothing_to_learn(members, labels)
    training = np.hstack([folds[:, None] != np.arange(n_folds), np.ones((len(rows), 1), dtype=bool)])
    with one_blas_thread(), Crew(options.threads) as crew:
        scaling = scaling_of(rows, training, standardise=options.standardise, crew=crew)
        blocks = _blocks(members, learned, width=_width(len(rows), n_folds))
        first = LogisticEach(members[:, blocks[0]])
        problem = problem_with(first, rows, weights=training.astype(np.float64), scaling=scaling, crew=crew)
        gram = gram_of(problem)
        trials: list[EachTrial] = []
        for block in blocks:
            trials += climb_each(problem, members, block, grid, folds, gram=gram, options=options)
            if progress is not None:
                progress(len(trials), int(learned.sum()))
        coef, steps, gradient = _fitted(problem, members, trials, gram=gram)
    held_out = np.tile(_log_odds(_shares(members)), (len(rows), 1))
    chosen_Cs = np.full(len(labels), np.nan)
    for trial in trials:
        held_out[:, trial.label] = trial.decisions
        chosen_Cs[trial.label] = trial.C
    Cs = tuple(sorted({C for trial in trials for C in trial.losses}))
    return EachSearch(
        head=_head(problem, coef, members, labels),
        Cs=Cs,
        losses=_losses(trials, Cs, len(labels)),
        chosen_Cs=chosen_Cs,
        learned=learned,
        held_out_decisions=held_out,
        folds=folds,
        rule="one standard error, each label" if options.one_standard_error else "best log loss of each label",
        solver=SolverFacts(
            tasks=sum(len(trial.losses) * n_folds + 1 for trial in trials),
            iterations=max(steps, *(trial.iterations for trial in trials)),
            relative_gradient=max(gradient, *(trial.relative_gradient for trial in trials)),
            seconds=time.perf_counter() - begun,
        ),
        warnings=_notes(members, learned, labels),
    )


def fit_each(
    rows: Rows, members: BoolArray, *, labels: Sequence[Label], C: float, standardise: bool = True
) -> LinearHead:
    """Fit all labels on all rows with the given C; each label is answered from 0.5 on; errors as in `search_each`."""
    check_grid([C])
    check_features(rows)
    learned = learnable(members, None)
    if not learned.any():
        raise _nothing_to_learn(members, labels)
    training = np.ones((len(rows), 1), dtype=bool)
    with one_blas_thread(), Crew(None) as crew:
        scaling = scaling_of(rows, training, standardise=standardise, crew=crew)
        blocks = _blocks(members, learned, width=_width(len(rows), 1))
        first = LogisticEach(members[:, blocks[0]])
        problem = problem_with(first, rows, weights=training.astype(np.float64), scaling=scaling, crew=crew)
        size = problem.n_features + 1
        trials = [EachTrial.given(int(label), float(C), size) for block in blocks for label in block]
        coef, _, _ = _fitted(problem, members, trials, gram=gram_of(problem))
    return replace(_head(problem, coef, members, labels), rule=Rule())


def learnable(members: BoolArray, folds: IntArray | None) -> BoolArray:
    """Labels (n_labels,) that can be learned in every fold: rows with and rows without it are left to learn from."""
    counts = members.sum(axis=0)
    if folds is None:
        found: BoolArray = (counts > 0) & (counts < len(members))
        return found
    found = np.minimum(counts, len(members) - counts) >= 2
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        inside = members[held].sum(axis=0)
        found &= (inside < counts) & (held.sum() - inside < len(members) - counts)
    return found


def _width(n_texts: int, n_folds: int) -> int:
    return max(1, min(COLUMNS // n_folds, PART_ELEMENTS // n_texts))


def _blocks(members: BoolArray, learned: BoolArray, *, width: int) -> list[IntArray]:
    """Learnable labels in blocks, those of like frequency together: they share what is computed of the curvature."""
    order = np.argsort(members.sum(axis=0), kind="stable")
    order = order[learned[order]]
    return [order[start : start + width] for start in range(0, len(order), width)]


def _fitted(
    problem: Problem, members: BoolArray, trials: Sequence[EachTrial], *, gram: np.ndarray | None
) -> tuple[Float64Array, int, float]:
    """Coefficients (n_features + 1, n_labels) of the last fold, which trains on all rows, in shared coordinates."""
    coef = np.zeros((problem.n_features + 1, members.shape[1]))
    last = problem.weights.shape[1] - 1
    width = _width(len(problem.rows), 1)
    steps, gradient = 0, 0.0
    for C in sorted({trial.C for trial in trials}):
        own = [trial for trial in trials if trial.C == C]
        for start in range(0, len(own), width):
            block = own[start : start + width]
            columns = np.array([trial.label for trial in block])
            near = np.stack([trial.coef for trial in block], axis=1)[:, None]
            task = Tasks(np.array([C]), np.array([last]))
            part = with_loss(problem, LogisticEach(members[:, columns]))
            solved = solve_tasks(part, task, near, gram=gram, limits=Limits())
            coef[:, columns] = solved.coef[:, 0]
            steps, gradient = max(steps, solved.iterations), max(gradient, float(solved.relative_gradient[0]))
    return coef, steps, gradient


def _shares(members: BoolArray) -> Float64Array:
    """Each label's share of the texts (n_labels,), kept off 0 and 1 by half a text."""
    shares: Float64Array = (members.sum(axis=0) + 0.5) / (len(members) + 1)
    return shares


def _log_odds(shares: Float64Array) -> Float64Array:
    found: Float64Array = np.log(shares / (1 - shares))
    return found


def _head(problem: Problem, coef: Float64Array, members: BoolArray, labels: Sequence[Label]) -> LinearHead:
    """Coefficients in shared coordinates as a head over the features as they are."""
    plain = (coef[:-1] / problem.scaling.std[:, None]).T
    intercept = coef[-1] - plain @ problem.scaling.mean
    constant = ~coef.any(axis=0)
    intercept[constant] = _log_odds(_shares(members)[constant])
    return LinearHead(
        labels=tuple(labels),
        coef=np.asarray(problem.as_given(plain), order="C"),
        intercept=intercept,
        link="logistic",
    )


def _losses(trials: Sequence[EachTrial], Cs: Sequence[float], n_labels: int) -> Float64Array:
    losses = np.full((len(Cs), n_labels), np.nan)
    for trial in trials:
        for C, per_fold in trial.losses.items():
            losses[Cs.index(C), trial.label] = per_fold.mean()
    return losses


def _check_options(options: SearchOptions) -> None:
    if options.scoring not in SCORINGS:
        raise UsageError(
            "Where a text may have several labels, C is chosen by the log loss of each "
            f"(got {shown(options.scoring)}).",
            hint="Leave the scoring out.",
        )
    if options.class_weight is not None:
        raise UsageError(
            "Where a text may have several labels, class weights have no meaning: each label has its own threshold.",
            hint="Leave the class weight out.",
        )


def _nothing_to_learn(members: BoolArray, labels: Sequence[Label]) -> InputError:
    if not members.any():
        return InputError(
            f"No text has a label (all {len(members):,} rows have none).", hint="Look for the label column."
        )
    return InputError(
        f"Some label must be on two texts or more and missing from two or more (none of {len(labels)} is, among "
        f"{len(members):,} rows).",
        hint="Add rows.",
    )


def _notes(members: BoolArray, learned: BoolArray, labels: Sequence[Label]) -> tuple[str, ...]:
    """What a reader should know: labels that could not be learned."""
    left = [labels[column] for column in np.flatnonzero(~learned).tolist()]
    if not left:
        return ()
    named = ", ".join(shown(label) for label in left[:5]) + (f" and {len(left) - 5} more" if len(left) > 5 else "")
    told = f"{named}: too few rows with it, or without it, to learn from"
    return (f"{told}; every text gets its share of the {len(members):,} rows as its probability.",)
