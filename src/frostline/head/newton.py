"""Many logistic regressions solved together, each to its minimum, by inexact Newton steps.

Quasi-Newton steps bring the tasks near; where a score is all that is wanted, near enough. Then three rounds, each
starting where the one before ended: all in float32; then gradients and decisions in float64, steps
still in float32, which as a rule only confirms; and, for tasks that float32 steps cannot finish, everything in
float64. The float64 rounds end only when the gradient as scikit-learn would compute it is small *and*, for the final
head, one more step would not move the coefficients.
"""

from dataclasses import dataclass, replace
from typing import final

import numpy as np

from frostline.arrays import Float64Array
from frostline.head.curvature import OneApart, Preconditioner, factors_of, gram_of, preconditioner_of, stands_apart
from frostline.head.problem import (
    Front,
    Problem,
    Tasks,
    decisions_of,
    flat,
    front_of,
    gradient_of,
    total,
    transposed_product,
    value_of,
)
from frostline.head.quasi_newton import Memory, approach
from frostline.head.sparse import Block, Product

_MAX_ITERATIONS = 80


@final
@dataclass(frozen=True, slots=True, eq=False)
class Quadratic:
    """The second-order model of each task at its current coefficients."""

    # `probabilities`, `curvature`: (n_texts, n_tasks, n_coef_rows)
    probabilities: np.ndarray
    curvature: np.ndarray
    penalty: np.ndarray  # (n_features, n_tasks)
    # (n_features, n_tasks): Brings a gradient to the fold's own coordinates, in which the accuracy is judged.
    scale: np.ndarray
    groups: np.ndarray  # (n_tasks,): Which of the preconditioner's groups each task belongs to


@final
@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A step of each task."""

    coef: np.ndarray  # (n_features + 1, n_tasks, n_coef_rows)
    decisions: np.ndarray  # (n_texts, n_tasks, n_coef_rows): The change of the decisions
    # (n_tasks,): By how much the preconditioner was seen to shorten a direction at worst; 1 if it is exact.
    stretch: Float64Array
    iterations: int


def newton_step(  # noqa: PLR0913 - what defines the equations, and how exactly to solve them
    problem: Problem,
    model: Quadratic,
    gradient: np.ndarray,
    *,
    forcing: Float64Array,
    error: float,
    pre: Preconditioner | OneApart,
) -> Step:
    """Solve until each task's residual and error are small, both measured in the fold's coordinates.

    The residual must be `forcing` (n_tasks,) times the gradient, the estimated error of the step `error` times the
    step: where the data leave a direction almost free, a small residual does not say that the step is right.
    """
    residual = -gradient
    target = forcing * _norm(residual, model.scale)
    coef = np.zeros_like(residual)
    decisions = np.zeros((len(problem.standard), *residual.shape[1:]), dtype=residual.dtype)
    solved = pre.apply(residual, model.groups)
    direction = solved.copy()
    inner = _dots(residual, solved)
    stretch = np.ones(len(inner))
    going = inner > 0
    iterations = 0
    while going.any() and iterations < _MAX_ITERATIONS:
        iterations += 1
        moved, bent = _product(problem, model, direction)
        bend = _dots(direction, bent)
        length = np.divide(inner, bend, out=np.zeros_like(inner), where=bend > 0)
        np.maximum(stretch, length, out=stretch, where=going)
        length = length[None, :, None]
        coef += length * direction
        decisions += length * moved
        bent *= length
        residual -= bent
        size = _norm(residual, model.scale)
        if error >= 1 and (size <= target).all():
            break
        solved = pre.apply(residual, model.groups)
        near = stretch * _norm(solved, 1 / model.scale) <= error * _norm(coef, 1 / model.scale)
        before, inner = inner, _dots(residual, solved)
        going &= (size > 0.1 * target) | ~near  # one that is far past its target only collects rounding
        going &= inner > 0
        if ((size <= target) & near | ~going).all():
            break
        direction *= np.divide(inner, before, out=np.zeros_like(inner), where=going)[None, :, None]
        direction += solved
    return Step(coef, decisions, stretch, iterations)


def _product(problem: Problem, model: Quadratic, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a direction does to the decisions, and the second derivative times it; rows go block by block."""
    moved = np.empty((len(problem.standard), *direction.shape[1:]), dtype=direction.dtype)

    @np.errstate(over="ignore", invalid="ignore")  # for the thread that does this part
    def part(block: slice, rows: Block) -> Product:
        change = (rows @ flat(direction)).reshape(-1, *direction.shape[1:])
        moved[block] = change
        problem.loss.bend(change, model.probabilities[block], model.curvature[block])
        return transposed_product(rows, change)

    bent = total(problem.over_rows(part))
    bent[:-1] += model.penalty[:, :, None] * direction[:-1]
    return moved, bent


def _dots(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Each task's inner product of two arrays (n_features + 1, n_tasks, n_coef_rows)."""
    dots: np.ndarray = np.einsum("ijk,ijk->j", left, right)
    return dots


def _norm(gradient: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Each task's norm of an array (n_features + 1, n_tasks, n_coef_rows), the columns scaled; intercept as it is."""
    scaled = gradient[:-1] * scale[:, :, None]
    norm: np.ndarray = np.sqrt(_dots(scaled, scaled) + (gradient[-1] ** 2).sum(axis=1))
    return norm


TOLERANCE = 1e-6  # of the gradient's norm, relative to that at zero
_MOVE = 2e-7  # of the coefficients' norm, by which one more step may still change them; an estimate, so well below 1e-4
_ROUGH = 0.6  # of the tolerance, where float32 gradients end: float64 has only to confirm it
_CLEAR = 5e-6  # a tolerance that float32 gradients can be trusted to have reached: they err by 3e-7
_ROUNDING = 1e-12  # a relative gradient below which nothing can be gained
_STEP_ERROR = 0.1  # of a step near the minimum
_STALE = 4.0  # a preconditioner that shortens steps more than this underestimates how far the minimum is
_LEAST_EFFORT = 8.0  # iterations of one step that no preconditioner spares enough of
_LEAST_EFFORT_SOFTMAX = 30.0  # the same: labels bend on different rows, so a new one spares a fifth
_PATIENCE = 6  # steps without progress after which a round gives up


@final
@dataclass(frozen=True, slots=True, eq=False)
class Minimum:
    """Where the tasks ended."""

    coef: Float64Array  # (n_features + 1, n_tasks, n_coef_rows): Shared coordinates, intercept last
    relative_gradient: Float64Array  # (n_tasks,): Norm of the gradient, in the fold's own coordinates, by that at zero
    converged: np.ndarray  # (n_tasks,)
    iterations: int  # Newton steps, of the task that took most
    gram: np.ndarray | None = None  # As from `gram_of`: the last one that was formed, for tasks that are near these


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Passes of the approach, steps of each round; and whether the coefficients must stand still at the end.

    The coefficients of the final head must. For a score a small gradient is enough, all that scikit-learn asks for.
    `tolerance` is that of the gradient, relative to that at zero coefficients.
    """

    near: int = 150
    rough: int = 40
    exact: int = 15
    double: int = 100
    settle: bool = True
    tolerance: float = TOLERANCE


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

    pre: Preconditioner | OneApart
    stretch: Float64Array
    gram: np.ndarray | None


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # the gradient tells what ran beyond all numbers
def minimise(  # noqa: PLR0913 - the tasks, what is known before, and when to end
    problem: Problem,
    tasks: Tasks,
    start: Float64Array,
    *,
    gram: np.ndarray | None,
    limits: Limits,
    memory: Memory | None = None,
) -> Minimum:
    """Solve the tasks from `start` (n_features + 1, n_tasks, n_coef_rows); what was learned goes into `memory`."""
    memory = Memory() if memory is None else memory
    is_clear = not limits.settle and limits.tolerance >= _CLEAR
    aim = limits.tolerance * (1 if is_clear else _ROUGH)
    near = approach(problem, tasks, start, memory=memory, gram=gram, tolerance=aim, passes=limits.near)
    gram = memory.gram
    if is_clear and near.arrived.all():
        return Minimum(near.coef, near.relative_gradient, near.arrived, near.passes, gram)
    minimum = _confirmed(problem, tasks, near.coef, gram=gram, limits=limits)
    return replace(minimum, iterations=near.passes + minimum.iterations)


def _confirmed(
    problem: Problem, tasks: Tasks, start: Float64Array, *, gram: np.ndarray | None, limits: Limits
) -> Minimum:
    """The three rounds."""
    rough, known = _round(
        problem, tasks, start, gram=gram, known=None, aim=_Aim(_ROUGH * limits.tolerance, limits.rough)
    )
    aim = _Aim(limits.tolerance, limits.exact, exact=True, settle=limits.settle)
    exact, known = _round(problem, tasks, rough.coef, gram=gram, known=known, aim=aim)
    steps = rough.iterations + exact.iterations
    left = np.flatnonzero(~exact.converged)
    gram = gram if known is None else known.gram
    if not len(left):
        return replace(exact, iterations=steps, gram=gram)
    aim = replace(aim, steps=limits.double)
    double = _in_double(problem, tasks[left], exact.coef[:, left], aim=aim)
    for whole, part in (
        (exact.relative_gradient, double.relative_gradient),
        (exact.converged, double.converged),
    ):
        whole[left] = part
    exact.coef[:, left] = double.coef
    return replace(exact, iterations=steps + double.iterations, gram=gram)


def _in_double(problem: Problem, tasks: Tasks, start: Float64Array, *, aim: _Aim) -> Minimum:
    """The last round; tasks that are driven beyond all numbers from where they stand begin again from nothing.

    The mean of the folds' coefficients can be such a start: of two rows to a fold a column varies so little that its
    coefficient is a thousand times that of all rows.
    """
    wide = problem.in_double()
    arrived, _ = _round(wide, tasks, start, gram=None, known=None, aim=aim)
    lost = np.flatnonzero(~np.isfinite(arrived.relative_gradient))
    if not len(lost):
        return arrived
    again, _ = _round(wide, tasks[lost], np.zeros_like(start[:, lost]), gram=None, known=None, aim=aim)
    arrived.relative_gradient[lost], arrived.converged[lost] = again.relative_gradient, again.converged
    arrived.coef[:, lost] = again.coef
    return replace(arrived, iterations=arrived.iterations + again.iterations)


def _round(  # noqa: PLR0913 - the parts of one round; they come from three places
    problem: Problem,
    tasks: Tasks,
    start: Float64Array,
    *,
    gram: np.ndarray | None,
    known: _Known | None,
    aim: _Aim,
) -> tuple[Minimum, _Known | None]:
    """Newton steps until each task has arrived or the steps are spent."""
    front = front_of(problem, tasks, start, exact=aim.exact)
    coef = start.copy()
    relative = np.zeros(len(tasks))
    arrived = np.zeros(len(tasks), dtype=bool)
    if stands_apart(problem) and not aim.settle:  # many labels' factors cost more than a look whether they are needed
        relative[:] = _relative(problem, front)
        if (relative <= aim.tolerance).all():
            return Minimum(coef, relative, ~arrived, 0), known
    if known is None:
        gram = _gram(problem, front) if gram is None else gram
        known = _Known(_preconditioner(problem, front, gram), np.full(len(tasks), np.inf), gram)
    pre, stretch, gram = known.pre, known.stretch, known.gram
    effort, best, idle = 0, np.inf, 0
    for taken in range(aim.steps + 1):
        relative[front.index] = _relative(problem, front)
        stale = aim.settle and bool((stretch[front.index][np.isfinite(stretch[front.index])] > _STALE).any())
        if stale:
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
        if effort > _worth(problem, front) and not stale:
            gram = _gram(problem, front)
            pre = pre.updated(_preconditioner(problem, front, gram))
        goal = 0.5 * aim.tolerance / relative[front.index]
        forcing = np.clip(np.sqrt(relative[front.index]), np.maximum(goal, 1e-4), 0.1)
        step = _advance(problem, front, forcing=forcing, pre=pre, aim=aim)
        effort, stretch[front.index] = step.iterations, step.stretch
    return Minimum(coef, relative, arrived, taken), _Known(pre, stretch, gram)


def _relative(problem: Problem, front: Front) -> Float64Array:
    """The norm of each task's gradient, in the fold's own coordinates, by that at zero coefficients."""
    relative: Float64Array = problem.own_norm(front.gradient, front.tasks.folds) / problem.start_norm[front.tasks.folds]
    return relative


def _move(front: Front, step: np.ndarray) -> Float64Array:
    """The length of a step relative to the coefficients, in the fold's own coordinates."""

    def length(coef: np.ndarray) -> Float64Array:
        size: Float64Array = ((coef[:-1] * front.ratio[:, :, None]) ** 2).sum(axis=(0, 2), dtype=np.float64)
        return np.asarray(np.sqrt(size))

    relative: Float64Array = length(step) / np.maximum(length(front.coef), np.finfo(np.float64).tiny)
    return relative


def _worth(problem: Problem, front: Front) -> float:
    """Conjugate-gradient iterations after which a preconditioner of the present curvature pays.

    By operations it costs (d + d^2 / 3n) / 4 n_columns iterations; they go four times as fast as narrow products do.
    """
    n_texts = len(problem.standard)
    side = float(min(problem.standard.shape))
    n_columns = len(front.tasks) / len(np.unique(front.groups)) * problem.loss.n_coef_rows
    operations = (side + side**2 / (3 * n_texts)) / (4 * n_columns)
    least = _LEAST_EFFORT if problem.loss.n_coef_rows == 1 else _LEAST_EFFORT_SOFTMAX
    return max(least, float(operations) / 4)


def _curvature(problem: Problem, front: Front) -> Float64Array:
    """The second derivative of the losses (n_texts, n_tasks, n_coef_rows) in each label's own decision."""
    diagonal = problem.loss.curvature(front.probabilities, front.weights)
    if problem.loss.is_coupled:
        diagonal *= 1 - front.probabilities
    return diagonal


def _gram(problem: Problem, front: Front) -> np.ndarray | None:
    """The Gram matrix, its rows weighted by their mean curvature."""
    return gram_of(problem, _curvature(problem, front).mean(axis=(1, 2)))


def _preconditioner(problem: Problem, front: Front, gram: np.ndarray | None) -> Preconditioner | OneApart:
    """For each group's mean curvature, and its mean penalty in the geometric sense; of one task each label's own."""
    if stands_apart(problem) and len(front.tasks) == 1:
        return OneApart(factors_of(problem, gram).apart(front))
    groups = np.unique(front.groups)
    each = [front.groups == group for group in groups]
    all_ = _curvature(problem, front)
    curvature = np.stack([all_[:, own].mean(axis=1) for own in each], axis=1)
    penalty = np.stack([np.exp(np.log(front.penalty[:, own]).mean(axis=1)) for own in each], axis=1)
    return preconditioner_of(problem, groups, curvature, penalty, gram=gram)


def _advance(
    problem: Problem, front: Front, *, forcing: Float64Array, pre: Preconditioner | OneApart, aim: _Aim
) -> Step:
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
    if problem.loss.is_coupled:  # what rounding adds to all labels alike, no later step would take away
        coef -= coef.mean(axis=2, keepdims=True)
    change = decisions_of(problem, coef) if aim.exact else step.decisions.astype(np.float64) * unit
    slope = (front.gradient * coef).sum(axis=(0, 2))
    length = np.ones(len(front.tasks))
    for _ in range(40):
        stretch = length[None, :, None]
        new_coef, decisions = front.coef + stretch * coef, front.decisions + stretch * change
        losses, probabilities = problem.loss.evaluate(decisions, slice(None))
        value = value_of(front.penalty, front.weights, new_coef, losses)
        worse = ~(value <= front.value + 1e-4 * length * slope + 1e-10 * np.abs(front.value))
        if not worse.any():
            break
        length[worse] /= 2
    front.coef, front.decisions, front.probabilities, front.value = new_coef, decisions, probabilities, value
    front.gradient = gradient_of(problem, front, exact=aim.exact)
    return step
