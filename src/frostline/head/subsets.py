"""Heads fitted on parts of the rows: several parts and several values of C at once.

In:   features, codes, which rows are in which part, values of C.
Out:  a head for each part and C.
Not:  which parts to draw, which C to take (evaluate/curve_points.py).

Parts that hold most of the rows are solved together, as masks over the same rows; a part that holds few of them is
solved over its own rows, since a pass over all of them would cost as much for a sixteenth of the rows as for all.
"""

from collections.abc import Sequence

import numpy as np

from frostline.arrays import BoolArray, Features, Float64Array, IntArray
from frostline.head.checking import label_weights
from frostline.head.crew import Crew
from frostline.head.front import Tasks
from frostline.head.linear import LinearHead
from frostline.head.newton import Limits
from frostline.head.path import solve_tasks
from frostline.head.preconditioner import gram_of
from frostline.head.problem import Problem, problem_of
from frostline.head.search import SearchOptions, head_of, one_blas_thread
from frostline.head.standardise import scaling_of

_SHARED = 0.4  # share of the rows from which on parts are solved together


def fit_subsets(  # noqa: PLR0913 - two arrays, and what is fitted on which of them
    rows: Features, codes: IntArray, *, n_labels: int, training: BoolArray, Cs: Float64Array, options: SearchOptions
) -> tuple[tuple[LinearHead, ...], ...]:
    """Fit a head on each part of the rows with each of its values of C.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
    codes : ndarray of shape (n_texts,), dtype=int64
    n_labels : int
    training : ndarray of shape (n_texts, n_parts), dtype=bool
        The rows of each part; each holds every label.
    Cs : ndarray of shape (n_parts, n_Cs), dtype=float64
        Ascending in each row.
    options : SearchOptions
        Its class weights, standardisation and threads; nothing is searched.

    Returns
    -------
    tuple of n_parts tuples of n_Cs LinearHead
        Their labels are the codes.

    Raises
    ------
    ConvergenceError
        A regression did not converge.
    """
    with one_blas_thread(), Crew(options.threads) as crew:
        if training.mean() >= _SHARED:
            return _solved(rows, codes, n_labels=n_labels, training=training, Cs=Cs, options=options, crew=crew)
        heads: list[tuple[LinearHead, ...]] = []
        for part, own in enumerate(training.T):
            members = np.flatnonzero(own)
            every = np.ones((len(members), 1), dtype=bool)
            heads += _solved(
                rows[members],
                codes[members],
                n_labels=n_labels,
                training=every,
                Cs=Cs[part : part + 1],
                options=options,
                crew=crew,
            )
        return tuple(heads)


def _solved(  # noqa: PLR0913 - what the fits share
    rows: Features,
    codes: IntArray,
    *,
    n_labels: int,
    training: BoolArray,
    Cs: Float64Array,
    options: SearchOptions,
    crew: Crew,
) -> tuple[tuple[LinearHead, ...], ...]:
    labels = tuple(range(n_labels))
    weights = label_weights(options.class_weight, codes, labels, training)
    scaling = scaling_of(rows, training, standardise=options.standardise, crew=crew)
    problem = problem_of(rows, codes, n_labels=n_labels, weights=weights, scaling=scaling, crew=crew)
    gram = gram_of(problem)
    n_parts = training.shape[1]
    coef = np.zeros((problem.n_features + 1, n_parts, problem.loss.n_coef_rows))
    by_C: list[list[LinearHead]] = []
    for column in Cs.T:
        solved = solve_tasks(problem, Tasks(column, np.arange(n_parts)), coef, gram=gram, limits=Limits(settle=False))
        coef, gram = solved.coef, solved.gram
        by_C.append(_heads(problem, coef, labels))
    return tuple(zip(*by_C, strict=True))


def _heads(problem: Problem, coef: Float64Array, labels: Sequence[int]) -> list[LinearHead]:
    return [head_of(problem, coef[:, part], tuple(labels)) for part in range(coef.shape[1])]
