"""Many logistic regressions solved together, each to its minimum, by inexact Newton steps.

In:   a `Problem`, the (C, fold) tasks, coefficients to start from.
Out:  each task's coefficients in the shared coordinates, and how exactly they were reached.
Not:  which tasks go together and where they start (path.py).

Three rounds, each starting where the one before ended: all in float32; then gradients and decisions in float64, steps
still in float32, which as a rule only confirms; and, for tasks that float32 steps cannot finish, everything in
float64. The float64 rounds end only when the gradient as scikit-learn would compute it is small *and*, for the final
head, one more step would not move the coefficients.
"""

from dataclasses import dataclass, replace
from typing import Self, final

import numpy as np

from frostline.arrays import Float64Array, IntArray
from frostline.head.conjugate import Quadratic, Step, newton_step
from frostline.head.preconditioner import Preconditioner, gram_of, preconditioner_of
from frostline.head.problem import Problem, flat, total, transposed_product

TOLERANCE = 1e-6  # of the gradient's norm, relative to that at zero
_MOVE = 2e-6  # of the coefficients' norm, by which one more step may still change them; an estimate, so well below 1e-4
_ROUGH = 6e-7  # where float32 gradients end: below the tolerance, so that float64 has only to confirm it
_TOGETHER = 3.3  # ratio of C up to which tasks share a preconditioner
_ROUNDING = 1e-12  # a relative gradient below which nothing can be gained
_STEP_ERROR = 0.1  # of a step near the minimum
_STALE = 4.0  # a preconditioner that shortens steps more than this underestimates how far the minimum is
_LEAST_EFFORT = 12.0  # iterations of one step that no preconditioner would spare enough of
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
    gram : ndarray or None
        As from `gram_of`: the last one that was formed, for tasks that are near these.
    """

    coef: Float64Array
    relative_gradient: Float64Array
    converged: np.ndarray
    iterations: int
    gram: np.ndarray | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Newton steps that each round may take; and whether the coefficients must stand still at the end.

    Those of the final head must. For a score a small gradient is enough, which is all that scikit-learn asks for.
    """

    rough: int = 40
    exact: int = 15
    double: int = 100
    settle: bool = True


@final
@dataclass(slots=True, eq=False)
class _Front:
    """The tasks that still move: index into the round's tasks, and all that changes from step to step."""

    index: IntArray
    tasks: Tasks
    groups: IntArray
    coef: Float64Array
    gradient: Float64Array
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
            groups=self.groups[keep],
            coef=self.coef[:, keep],
            gradient=self.gradient[:, keep],
            decisions=self.decisions[:, keep],
            probabilities=self.probabilities[:, keep],
            value=self.value[keep],
            weights=self.weights[:, keep],
            ratio=self.ratio[:, keep],
            penalty=self.penalty[:, keep],
        )


@final
@dataclass(frozen=True, slots=True)
class _Aim:
    """When a round ends: at a relative gradient, judged in float64 if exact, with the coefficients settled or not."""

    tolerance: float
    steps: int
    exact: bool = False
    settle: bool = False


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What a round leaves to the next: a preconditioner, and by how much it was seen to shorten each task's steps."""

    pre: Preconditioner
    stretch: Float64Array
    gram: np.ndarray | None


def minimise(
    problem: Problem, tasks: Tasks, start: Float64Array, *, gram: np.ndarray | None, limits: Limits
) -> Minimum:
    """Solve the tasks from `start` (n_features + 1, n_tasks, n_coef_rows)."""
    rough, known = _round(problem, tasks, start, gram=gram, known=None, aim=_Aim(_ROUGH, limits.rough))
    aim = _Aim(TOLERANCE, limits.exact, exact=True, settle=limits.settle)
    exact, known = _round(problem, tasks, rough.coef, gram=gram, known=known, aim=aim)
    steps = rough.iterations + exact.iterations
    left = np.flatnonzero(~exact.converged)
    if not len(left):
        return replace(exact, iterations=steps, gram=known.gram)
    aim = replace(aim, steps=limits.double)
    double, _ = _round(problem.in_double(), tasks[left], exact.coef[:, left], gram=None, known=None, aim=aim)
    for whole, part in (
        (exact.relative_gradient, double.relative_gradient),
        (exact.converged, double.converged),
    ):
        whole[left] = part
    exact.coef[:, left] = double.coef
    return replace(exact, iterations=steps + double.iterations, gram=known.gram)


def _round(  # noqa: PLR0913 - the parts of one round; they come from three places
    problem: Problem,
    tasks: Tasks,
    start: Float64Array,
    *,
    gram: np.ndarray | None,
    known: _Known | None,
    aim: _Aim,
) -> tuple[Minimum, _Known]:
    """Newton steps until each task has arrived or the steps are spent."""
    front = _front(problem, tasks, start, exact=aim.exact)
    coef = start.copy()
    relative = np.zeros(len(tasks))
    arrived = np.zeros(len(tasks), dtype=bool)
    if known is None:
        gram = _gram(problem, front) if gram is None else gram
        known = _Known(_preconditioner(problem, front, gram), np.full(len(tasks), np.inf), gram)
    pre, stretch, gram = known.pre, known.stretch, known.gram
    effort, best, idle = 0, np.inf, 0
    for taken in range(aim.steps + 1):
        norm = np.sqrt((problem.own(front.gradient, front.tasks.folds) ** 2).sum(axis=(0, 2)))
        relative[front.index] = norm / problem.start_norm[front.tasks.folds]
        stale = aim.settle and bool((stretch[front.index][np.isfinite(stretch[front.index])] > _STALE).any())
        if effort > _worth(problem, front) or stale:
            gram = _gram(problem, front)
            pre = pre.updated(_preconditioner(problem, front, gram))
        here = relative[front.index] <= aim.tolerance
        if aim.settle:
            ahead = pre.apply(front.gradient.astype(problem.standard.dtype), front.groups)
            here &= stretch[front.index] * _move(front, ahead) <= _MOVE
            here |= relative[front.index] <= _ROUNDING
        arrived[front.index] = here
        coef[:, front.index] = front.coef
        slowest = float((relative[front.index] / np.where(here, np.inf, 1)).max())
        best, idle = (slowest, 0) if slowest < 0.7 * best else (best, idle + 1)
        if here.all() or taken == aim.steps or idle == _PATIENCE:
            break
        front = front.kept(~here)
        goal = 0.5 * aim.tolerance / relative[front.index]
        forcing = np.clip(np.sqrt(relative[front.index]), np.maximum(goal, 1e-4), 0.1)
        step = _advance(problem, front, forcing=forcing, pre=pre, aim=aim)
        effort, stretch[front.index] = step.iterations, step.stretch
    return Minimum(coef, relative, arrived, taken), _Known(pre, stretch, gram)


def _groups(C: Float64Array) -> IntArray:
    """Which tasks share a preconditioner: those whose C are near each other; numbered from 0."""
    groups = np.zeros(len(C), dtype=np.int64)
    first, group = 0.0, -1
    for task in np.argsort(C, kind="stable"):
        if group < 0 or C[task] > _TOGETHER * first:
            first, group = float(C[task]), group + 1
        groups[task] = group
    return groups


def _front(problem: Problem, tasks: Tasks, coef: Float64Array, *, exact: bool) -> _Front:
    """All tasks, at `coef`."""
    weights = problem.weights[:, tasks.folds]
    ratio = problem.scaling.ratio[:, tasks.folds]
    penalty = ratio**2 / tasks.C
    matrix = flat(coef if exact else coef.astype(problem.standard.dtype))
    decisions = np.empty((len(problem.rows), *coef.shape[1:]))
    probabilities = np.empty_like(decisions)
    losses = np.empty(decisions.shape[:2])

    def part(block: slice, rows: np.ndarray) -> np.ndarray:
        decisions[block] = (rows @ matrix).reshape(-1, *coef.shape[1:])
        losses[block], probabilities[block] = problem.loss.evaluate(decisions[block], block)
        residual = problem.loss.residual(probabilities[block], weights[block], block)
        return transposed_product(rows, residual.astype(rows.dtype))

    gradient = total(problem.over_rows(part, exact=exact)).astype(np.float64)
    gradient[:-1] += penalty[:, :, None] * coef[:-1]
    value = _value(penalty, weights, coef, losses)
    index = np.arange(len(tasks))
    return _Front(
        index, tasks, _groups(tasks.C), coef, gradient, decisions, probabilities, value, weights, ratio, penalty
    )


def _decisions(problem: Problem, coef: Float64Array) -> Float64Array:
    """The decisions (n_texts, n_tasks, n_coef_rows) of coefficients, exactly."""
    matrix = flat(coef)
    parts = problem.over_rows(lambda _, rows: rows @ matrix, exact=True)
    return np.concatenate(parts).reshape(-1, *coef.shape[1:])


def _value(penalty: Float64Array, weights: Float64Array, coef: Float64Array, losses: Float64Array) -> Float64Array:
    """Each task's objective, divided by its C."""
    value: Float64Array = np.einsum("ij,ij->j", losses, weights)
    value += 0.5 * np.einsum("ij,ijk,ijk->j", penalty, coef[:-1], coef[:-1])
    return value


def _gradient(problem: Problem, front: _Front, *, exact: bool) -> Float64Array:
    """Each task's gradient (n_features + 1, n_tasks, n_coef_rows), divided by its C, in the shared coordinates."""

    def part(block: slice, rows: np.ndarray) -> np.ndarray:
        residual = problem.loss.residual(front.probabilities[block], front.weights[block], block)
        return transposed_product(rows, residual.astype(rows.dtype))

    gradient = total(problem.over_rows(part, exact=exact)).astype(np.float64)
    gradient[:-1] += front.penalty[:, :, None] * front.coef[:-1]
    return gradient


def _move(front: _Front, step: np.ndarray) -> Float64Array:
    """The length of a step relative to the coefficients, in the fold's own coordinates."""

    def length(coef: np.ndarray) -> Float64Array:
        size: Float64Array = ((coef[:-1] * front.ratio[:, :, None]) ** 2).sum(axis=(0, 2), dtype=np.float64)
        return np.asarray(np.sqrt(size))

    relative: Float64Array = length(step) / np.maximum(length(front.coef), np.finfo(np.float64).tiny)
    return relative


def _worth(problem: Problem, front: _Front) -> float:
    """Conjugate-gradient iterations after which a preconditioner of the present curvature pays.

    By operations it costs (d + d^2 / 3n) / 4 n_columns iterations; they go four times as fast as narrow products do.
    """
    n_texts = len(problem.standard)
    side = float(min(problem.standard.shape))
    n_columns = len(front.tasks) / len(np.unique(front.groups)) * problem.loss.n_coef_rows
    operations = (side + side**2 / (3 * n_texts)) / (4 * n_columns)
    return max(_LEAST_EFFORT, float(operations) / 4)


def _curvature(problem: Problem, front: _Front) -> Float64Array:
    """The second derivative of the losses (n_texts, n_tasks, n_coef_rows) in each label's own decision."""
    diagonal = problem.loss.curvature(front.probabilities, front.weights)
    if problem.loss.n_coef_rows > 1:
        diagonal *= 1 - front.probabilities
    return diagonal


def _gram(problem: Problem, front: _Front) -> np.ndarray | None:
    """The Gram matrix, its rows weighted by their mean curvature."""
    return gram_of(problem, _curvature(problem, front).mean(axis=(1, 2)))


def _preconditioner(problem: Problem, front: _Front, gram: np.ndarray | None) -> Preconditioner:
    """For each group's mean curvature, and its mean penalty in the geometric sense."""
    groups = np.unique(front.groups)
    each = [front.groups == group for group in groups]
    all_ = _curvature(problem, front)
    curvature = np.stack([all_[:, own].mean(axis=1) for own in each], axis=1)
    penalty = np.stack([np.exp(np.log(front.penalty[:, own]).mean(axis=1)) for own in each], axis=1)
    return preconditioner_of(problem, groups, curvature, penalty, gram=gram)


def _advance(problem: Problem, front: _Front, *, forcing: Float64Array, pre: Preconditioner, aim: _Aim) -> Step:
    """Take one step of each task, as far as its objective falls."""
    dtype = problem.standard.dtype
    model = Quadratic(
        front.probabilities.astype(dtype),
        problem.loss.curvature(front.probabilities, front.weights).astype(dtype),
        front.penalty.astype(dtype),
        (1 / front.ratio).astype(dtype),
        front.groups,
    )
    unit = np.sqrt((front.gradient**2).sum(axis=(0, 2)))[None, :, None]
    error = _STEP_ERROR if aim.settle else 1.0
    step = newton_step(problem, model, (front.gradient / unit).astype(dtype), forcing=forcing, error=error, pre=pre)
    coef = step.coef.astype(np.float64) * unit
    if coef.shape[2] > 1:  # what rounding adds to all labels alike, no later step would take away
        coef -= coef.mean(axis=2, keepdims=True)
    change = _decisions(problem, coef) if aim.exact else step.decisions.astype(np.float64) * unit
    slope = (front.gradient * coef).sum(axis=(0, 2))
    length = np.ones(len(front.tasks))
    for _ in range(40):
        stretch = length[None, :, None]
        new_coef, decisions = front.coef + stretch * coef, front.decisions + stretch * change
        losses, probabilities = problem.loss.evaluate(decisions, slice(None))
        value = _value(front.penalty, front.weights, new_coef, losses)
        worse = ~(value <= front.value + 1e-4 * length * slope + 1e-10 * np.abs(front.value))
        if not worse.any():
            break
        length[worse] /= 2
    front.coef, front.decisions, front.probabilities, front.value = new_coef, decisions, probabilities, value
    front.gradient = _gradient(problem, front, exact=aim.exact)
    return step
