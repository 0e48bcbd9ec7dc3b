"""Heads fitted on parts of the rows: several parts and several values of C at once.

In:   features, codes, which rows are in which part, values of C.
Out:  a head for each part and C.
Not:  which parts to draw, which C to take (evaluate/curve_points.py).

Parts that hold most of the rows are solved together, as masks over the same rows; a part that holds few of them is
solved over its own rows, several parts side by side, since a pass over all rows costs what it costs, however few of
them a part holds.
"""

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray
from frostline.blas import one_blas_thread
from frostline.head.checking import label_weights
from frostline.head.crew import Crew
from frostline.head.front import Tasks
from frostline.head.linear import LinearHead
from frostline.head.newton import Limits
from frostline.head.path import solve_tasks
from frostline.head.preconditioner import gram_of
from frostline.head.problem import problem_of
from frostline.head.search import SearchOptions, head_of
from frostline.head.standardise import scaling_of
from frostline.rows import Rows

_SHARED = 0.4  # share of the rows from which on parts are solved together


def fit_subsets(  # noqa: PLR0913 - two arrays, and what is fitted on which of them
    rows: Rows, codes: IntArray, *, n_labels: int, training: BoolArray, Cs: Float64Array, options: SearchOptions
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

        def alone(part: int) -> tuple[LinearHead, ...]:
            members = np.flatnonzero(training[:, part])
            every = np.ones((len(members), 1), dtype=bool)
            own = Cs[part : part + 1]
            with Crew(1) as one:
                return _solved(
                    rows[members],
                    codes[members],
                    n_labels=n_labels,
                    training=every,
                    Cs=own,
                    options=options,
                    crew=one,
                )[0]

        return tuple(crew.map(alone, range(training.shape[1])))


def _solved(  # noqa: PLR0913 - what the fits share
    rows: Rows,
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
    n_parts, n_Cs = Cs.shape
    tasks = Tasks(Cs.ravel(), np.repeat(np.arange(n_parts), n_Cs))
    start = np.zeros((problem.n_features + 1, len(tasks), problem.loss.n_coef_rows))
    solved = solve_tasks(problem, tasks, start, gram=gram_of(problem), limits=Limits(settle=False))
    heads = [head_of(problem, solved.coef[:, task], labels) for task in range(len(tasks))]
    return tuple(tuple(heads[first : first + n_Cs]) for first in range(0, len(tasks), n_Cs))
