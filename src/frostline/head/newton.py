"""Many logistic regressions solved together, each to its minimum, by inexact Newton steps.

In:   a `Problem`, the (C, fold) tasks, coefficients to start from.
Out:  each task's coefficients in the shared coordinates, and how exactly they were reached.
Not:  which tasks go together and where they start (path.py).

Three rounds, each starting where the one before ended: all in float32; then gradients and decisions in float64, steps
still in float32, which as a rule only confirms; and, for tasks that float32 steps cannot finish, everything in
float64. The float64 rounds end only when the gradient as scikit-learn would compute it is small *and* one more step
would not move the coefficients.
"""

from dataclasses import dataclass, replace
from typing import Self, final

import numpy as np

from frostline.arrays import Float64Array, IntArray
from frostline.head.conjugate import Quadratic, Step, newton_step
from frostline.head.preconditioner import Preconditioner, preconditioner_of
from frostline.head.problem import Problem, flat, transposed_product

TOLERANCE = 1e-6  # of the gradient's norm, relative to that at zero
_MOVE = 2e-6  # of the coefficients' norm, by which one more step may still change them; an estimate, so well below 1e-4
_ROUGH = 2e-7  # where float32 gradients end: a little below the tolerance, so that float64 has only to confirm it
_ROUNDING = 1e-12  # a relative gradient below which nothing can be gained
_STEP_ERROR = 0.1  # of a step near the minimum
_STALE = 4.0  # a preconditioner that shortens steps more than this underestimates how far the minimum is
_PATIENCE = 6  # steps without progress after which a round gives up


@final
@dataclass(frozen=True, slots=True, eq=False)
class Tasks:
    """The problems to solve: one entry of C and of folds (column of `Problem.weights`) each."""

    C: Float64Array
    folds: IntArray

    def __len__(self) -> int:
        return len(self.C)

    def __getitem__(self, chosen: "IntArray | np.ndarray | slice") -> "Tasks":
        return Tasks(self.C[chosen], self.folds[chosen])


@final
@dataclass(frozen=True, slots=True, eq=False)
class Minimum:
    """Where the tasks ended.

    Parameters
    ----------
    coef : ndarray of shape (n_features + 1, n_tasks, n_coef_rows), dtype=float64
        Shared coordinates, intercept last.
    relative_gradient : ndarray of shape (n_tasks,), dtype=float64
        Norm of the gradient, in the fold's own coordinates, by that at zero.
    converged : ndarray of shape (n_tasks,), dtype=bool
    iterations : int
        Newton steps, of the task that took most.
    """

    coef: Float64Array
    relative_gradient: Float64Array
    converged: np.ndarray
    iterations: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Newton steps that each round may take."""

    rough: int = 40
    exact: int = 15
    double: int = 100


@final
@dataclass(slots=True, eq=False)
class _Front:
    """The tasks that still move: index into the round's tasks, and all that changes from step to step."""

    index: IntArray
    tasks: Tasks
    coef: Float64Array
    decisions: Float64Array
    probabilities: Float64Array
    value: Float64Array
    weights: Float64Array
    ratio: Float64Array
    penalty: Float64Array

    def kept(self, keep: np.ndarray) -> Self:
        """The front without the tasks that have arrived."""
        if keep.all():
            return self
        return type(self)(
            index=self.index[keep],
            tasks=self.tasks[keep],
            coef=self.coef[:, keep],
            decisions=self.decisions[:, keep],
            probabilities=self.probabilities[:, keep],
            value=self.value[keep],
            weights=self.weights[:, keep],
            ratio=self.ratio[:, keep],
            penalty=self.penalty[:, keep],
        )


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What a round leaves to the next: a preconditioner, and by how much it was seen to shorten each task's steps."""

    pre: Preconditioner
    stretch: Float64Array


def minimise(
    problem: Problem, tasks: Tasks, start: Float64Array, *, gram: np.ndarray | None, limits: Limits
) -> Minimum:
    """Solve the tasks from `start` (n_features + 1, n_tasks, n_coef_rows)."""
    rough, known = _round(problem, tasks, start, gram=gram, known=None, steps=limits.rough, exact=False)
    exact, _ = _round(problem, tasks, rough.coef, gram=gram, known=known, steps=limits.exact)
    steps = rough.iterations + exact.iterations
    left = np.flatnonzero(~exact.converged)
    if not len(left):
        return replace(exact, iterations=steps)
    double, _ = _round(
        problem.in_double(), tasks[left], exact.coef[:, left], gram=None, known=None, steps=limits.double
    )
    for whole, part in (
        (exact.relative_gradient, double.relative_gradient),
        (exact.converged, double.converged),
    ):
        whole[left] = part
    exact.coef[:, left] = double.coef
    return replace(exact, iterations=steps + double.iterations)


def _round(  # noqa: PLR0913 - the parts of one round; they come from three places
    problem: Problem,
    tasks: Tasks,
    start: Float64Array,
    *,
    gram: np.ndarray | None,
    known: _Known | None,
    steps: int,
    exact: bool = True,
) -> tuple[Minimum, _Known]:
    """Newton steps until each task has arrived or `steps` are spent; exactly, or all in float32."""
    tolerance = TOLERANCE if exact else _ROUGH
    front = _front(problem, tasks, start, exact=exact)
    coef = start.copy()
    relative = np.zeros(len(tasks))
    arrived = np.zeros(len(tasks), dtype=bool)
    stretch = np.full(len(tasks), np.inf) if known is None else known.stretch
    pre = known.pre if known is not None else _preconditioner(problem, front, gram)
    effort, best, idle = 0, np.inf, 0
    for taken in range(steps + 1):
        gradient = _gradient(problem, front, exact=exact)
        norm = np.sqrt((problem.own(gradient, front.tasks.folds) ** 2).sum(axis=(0, 2)))
        relative[front.index] = norm / problem.start_norm[front.tasks.folds]
        stale = exact and bool((stretch[front.index][np.isfinite(stretch[front.index])] > _STALE).any())
        if effort > _worth(problem, len(front.tasks)) or stale:
            pre = _preconditioner(problem, front, None)
        if exact:
            moving = stretch[front.index] * _move(front, pre.apply(gradient.astype(problem.standard.dtype)))
            here = (relative[front.index] <= tolerance) & (moving <= _MOVE)
            here |= relative[front.index] <= _ROUNDING
        else:
            here = relative[front.index] <= tolerance
        arrived[front.index] = here
        coef[:, front.index] = front.coef
        slowest = float((relative[front.index] / np.where(here, np.inf, 1)).max())
        best, idle = (slowest, 0) if slowest < 0.7 * best else (best, idle + 1)
        if here.all() or taken == steps or idle == _PATIENCE:
            break
        gradient, front = gradient[:, ~here], front.kept(~here)
        goal = 0.3 * tolerance / relative[front.index]
        forcing = np.clip(np.sqrt(relative[front.index]), np.maximum(goal, 1e-4), 0.1)
        step = _advance(problem, front, gradient, forcing=forcing, pre=pre, exact=exact)
        effort, stretch[front.index] = step.iterations, step.stretch
    return Minimum(coef, relative, arrived, taken), _Known(pre, stretch)


def _front(problem: Problem, tasks: Tasks, coef: Float64Array, *, exact: bool) -> _Front:
    """All tasks, at `coef`."""
    weights = problem.weights[:, tasks.folds]
    ratio = problem.scaling.ratio[:, tasks.folds]
    decisions = _decisions(problem, coef, exact=exact)
    losses, probabilities = problem.loss.evaluate(decisions, slice(None))
    front = _Front(
        np.arange(len(tasks)), tasks, coef, decisions, probabilities, np.empty(0), weights, ratio, ratio**2 / tasks.C
    )
    front.value = _value(front, coef, losses)
    return front


def _decisions(problem: Problem, coef: Float64Array, *, exact: bool) -> Float64Array:
    """The decisions (n_texts, n_tasks, n_coef_rows) of coefficients."""
    if not exact:
        product = problem.standard @ flat(coef.astype(problem.standard.dtype))
        return np.asarray(product.reshape(-1, *coef.shape[1:]), dtype=np.float64)
    decisions = np.empty((len(problem.rows), *coef.shape[1:]))
    for block, rows in problem.exact_blocks():
        decisions[block] = (rows @ flat(coef)).reshape(-1, *coef.shape[1:])
    return decisions


def _value(front: _Front, coef: Float64Array, losses: Float64Array) -> Float64Array:
    """Each task's objective, divided by its C."""
    penalty = 0.5 * np.einsum("ij,ijk,ijk->j", front.penalty, coef[:-1], coef[:-1])
    value: Float64Array = np.einsum("ij,ij->j", losses, front.weights) + penalty
    return value


def _gradient(problem: Problem, front: _Front, *, exact: bool) -> Float64Array:
    """Each task's gradient (n_features + 1, n_tasks, n_coef_rows), divided by its C, in the shared coordinates."""
    residual = problem.loss.residual(front.probabilities, front.weights, slice(None))
    if exact:
        gradient = np.zeros(front.coef.shape)
        for block, rows in problem.exact_blocks():
            gradient += transposed_product(rows, residual[block])
    else:
        product = transposed_product(problem.standard, residual.astype(problem.standard.dtype))
        gradient = product.astype(np.float64, order="C")
    gradient[:-1] += front.penalty[:, :, None] * front.coef[:-1]
    return gradient


def _move(front: _Front, step: np.ndarray) -> Float64Array:
    """The length of a step relative to the coefficients, in the fold's own coordinates."""

    def length(coef: np.ndarray) -> Float64Array:
        size: Float64Array = ((coef[:-1] * front.ratio[:, :, None]) ** 2).sum(axis=(0, 2), dtype=np.float64)
        return np.asarray(np.sqrt(size))

    relative: Float64Array = length(step) / np.maximum(length(front.coef), np.finfo(np.float64).tiny)
    return relative


def _worth(problem: Problem, n_tasks: int) -> float:
    """Conjugate-gradient iterations after which a preconditioner of the present curvature pays.

    By operations it costs (d + d^2 / 3n) / 4 n_tasks iterations; they go four times as fast as narrow products do.
    """
    n_texts, n_columns = problem.standard.shape
    side = float(min(n_texts, n_columns))
    operations = (side + side**2 / (3 * n_texts)) / (4 * n_tasks)
    return max(8.0, float(operations) / 4)


def _preconditioner(problem: Problem, front: _Front, gram: np.ndarray | None) -> Preconditioner:
    """For the front's mean curvature, and its mean penalty in the geometric sense."""
    diagonal = problem.loss.curvature(front.probabilities, front.weights)
    if problem.loss.n_coef_rows > 1:
        diagonal *= 1 - front.probabilities
    return preconditioner_of(problem, diagonal.mean(axis=1), np.exp(np.log(front.penalty).mean(axis=1)), gram)


def _advance(  # noqa: PLR0913 - the parts of one step
    problem: Problem,
    front: _Front,
    gradient: Float64Array,
    *,
    forcing: Float64Array,
    pre: Preconditioner,
    exact: bool,
) -> Step:
    """Take one step of each task, as far as its objective falls."""
    dtype = problem.standard.dtype
    model = Quadratic(
        front.probabilities.astype(dtype),
        problem.loss.curvature(front.probabilities, front.weights).astype(dtype),
        front.penalty.astype(dtype),
        (1 / front.ratio).astype(dtype),
    )
    unit = np.sqrt((gradient**2).sum(axis=(0, 2)))[None, :, None]
    error = _STEP_ERROR if exact else 1.0
    step = newton_step(problem, model, (gradient / unit).astype(dtype), forcing=forcing, error=error, pre=pre)
    coef = step.coef.astype(np.float64) * unit
    if coef.shape[2] > 1:  # what rounding adds to all labels alike, no later step would take away
        coef -= coef.mean(axis=2, keepdims=True)
    change = _decisions(problem, coef, exact=True) if exact else step.decisions.astype(np.float64) * unit
    slope = (gradient * coef).sum(axis=(0, 2))
    length = np.ones(len(front.tasks))
    for _ in range(40):
        stretch = length[None, :, None]
        new_coef, decisions = front.coef + stretch * coef, front.decisions + stretch * change
        losses, probabilities = problem.loss.evaluate(decisions, slice(None))
        value = _value(front, new_coef, losses)
        worse = ~(value <= front.value + 1e-4 * length * slope + 1e-10 * np.abs(front.value))
        if not worse.any():
            break
        length[worse] /= 2
    front.coef, front.decisions, front.probabilities, front.value = new_coef, decisions, probabilities, value
    return step
