"""Fewer rows than columns, and many labels: each fold's rows in as many columns as it has rows to learn from.

With a ridge the best coefficients lie in the span of the rows learned from, so that an orthonormal basis of it loses
nothing: losses, penalty, the norm of the gradient and the answers are the same, and a product is as wide as there are
rows. A basis belongs to one fold's own coordinates, in which its penalty is the same in all directions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from frostline.arrays import Float64Array
from frostline.head.curvature import stands_apart
from frostline.head.loss import loss_of
from frostline.head.newton import Limits, Minimum
from frostline.head.options import row_weights
from frostline.head.path import Climb, Regressions, Trial, Wave, solve_tasks
from frostline.head.problem import Problem, Scaling, Tasks, problem_with
from frostline.head.quasi_newton import Memory

_FEWER = 0.8  # times as many rows as columns, at most: a basis costs some passes


def is_worth_it(problem: Problem) -> bool:
    """Whether labels are many, and rows few beside the columns; words are sparse, and would not be so in a basis."""
    are_few = len(problem.rows) <= _FEWER * problem.n_features
    return are_few and problem.words is None and stands_apart(problem)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """The rows that one fold learns from, in coordinates of their own, and the way back."""

    problem: Problem  # Over those rows alone, in one fold
    gram: np.ndarray  # As from `gram_of`
    directions: Float64Array  # (n_features, n_columns): Orthonormal, in the fold's own coordinates
    # `ratio`, `shift`: (n_features,): As in `Scaling`.
    ratio: Float64Array
    shift: Float64Array

    def climb(self, whole: Climb) -> Climb:
        """The way up of this fold alone."""
        folds = np.zeros(len(self.problem.rows), dtype=np.int64)
        return Climb(self.problem, whole.groups, folds, self.gram, whole.limits, Memory())

    def solve(self, C: float, start: Float64Array, limits: Limits) -> tuple[Float64Array, Minimum]:
        """The coefficients (n_features + 1, n_coef_rows) of one C in shared coordinates, from such ones."""
        tasks, begun = Tasks(np.array([C]), np.array([0])), self.own(start)[:, None]
        solved = solve_tasks(self.problem, tasks, begun, gram=self.gram, limits=limits, memory=Memory())
        return self.shared(solved.coef[:, 0]), solved

    def shared(self, coef: Float64Array) -> Float64Array:
        """Coefficients (n_columns + 1, n_coef_rows) as those of the coordinates that all folds share."""
        plain = self.directions @ coef[:-1]
        plain /= self.ratio[:, None]
        return np.concatenate([plain, coef[-1:] - self.shift @ plain])

    def own(self, coef: Float64Array) -> Float64Array:
        """Coefficients (n_features + 1, n_coef_rows) of the shared coordinates as those of this basis."""
        along = self.directions.T @ (self.ratio[:, None] * coef[:-1])
        return np.concatenate([along, coef[-1:] + self.shift @ coef[:-1]])


def bases_of(regressions: Regressions, folds: Sequence[int]) -> list[Basis]:
    """The basis of each fold's rows; the last fold's are all."""
    whole, targets, training = regressions.problem, regressions.targets, regressions.training
    scaling, columns = whole.scaling, np.arange(len(targets.labels))

    def turned(fold: int) -> tuple[Float64Array, Float64Array]:
        rows = (whole.rows[training[:, fold]].astype(np.float64) - scaling.mean) / scaling.std
        rows -= scaling.shift[:, fold]
        rows /= scaling.ratio[:, fold]
        directions, triangle = np.linalg.qr(rows.T)
        return directions, np.ascontiguousarray(triangle.T)

    weights = row_weights(regressions.class_weight, targets, columns, training)
    found = []
    for fold, (directions, rows) in zip(folds, whole.crew.map(turned, folds), strict=True):
        learns, alone = training[:, fold], np.zeros((len(rows), 1))
        problem = problem_with(
            loss_of(targets.take(learns), columns, are_weighed=False),
            rows,
            weights=weights[learns, fold : fold + 1],
            scaling=Scaling(mean=alone[:, 0], std=alone[:, 0] + 1, ratio=alone + 1, shift=alone),
            crew=whole.crew,
        )
        gram = problem.standard.T @ problem.standard
        found.append(Basis(problem, gram, directions, scaling.ratio[:, fold], scaling.shift[:, fold]))
    return found


@final
@dataclass(slots=True, eq=False)
class ClimbByFold(Climb):
    """Each fold goes up by itself, in its own basis; what is told of it is in the coordinates that all folds share."""

    bases: Sequence[Basis] = ()
    climbs: Sequence[Climb] = ()

    @property
    def width(self) -> int:
        """See `Climb`."""
        return 1

    def solve(self, Cs: Float64Array) -> Wave:
        """See `Climb`."""
        return self._told([own.solve(Cs) for own in self.climbs])

    def again(self, C: float, coef: Float64Array) -> Wave:
        """See `Climb`."""
        each = zip(self.bases, self.climbs, strict=True)
        return self._told([own.again(C, basis.own(coef[:, fold])[:, None]) for fold, (basis, own) in enumerate(each)])

    def stand_on(self, trials: Sequence[Trial], grid: Sequence[float]) -> None:
        """See `Climb`."""
        for fold, (basis, own) in enumerate(zip(self.bases, self.climbs, strict=True)):
            known = [(trial, basis.own(trial.coef[:, fold])[:, None]) for trial in trials]
            own.stand_at([(grid[trial.position], coef) for trial, coef in known])

    def _told(self, waves: Sequence[Wave]) -> Wave:
        shared = [
            np.stack([basis.shared(wave.coef[:, turn, 0]) for turn in range(wave.coef.shape[1])], axis=1)
            for basis, wave in zip(self.bases, waves, strict=True)
        ]
        return Wave(
            np.stack(shared, axis=2),
            max(wave.iterations for wave in waves),
            max(wave.relative_gradient for wave in waves),
        )


def by_fold(climb: Climb, regressions: Regressions) -> ClimbByFold:
    """The same way up, each fold in its own basis."""
    bases = bases_of(regressions, range(climb.n_folds))
    return ClimbByFold(
        climb.problem,
        climb.groups,
        climb.folds,
        None,
        climb.limits,
        climb.memory,
        bases=bases,
        climbs=[basis.climb(climb) for basis in bases],
    )
