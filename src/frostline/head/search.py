"""Search C by cross-validation, and fit the head with the C it chose, for any targets.

Labels that exclude each other share a C. Otherwise labels do not see each other, so each has a C of its own: rare ones
want another than common ones (docs/decisions/0012-several-labels.md). They are solved a block of labels at a time,
whose columns together keep a product busy.

What the head is worth is measured elsewhere (evaluate/): the score that chose C is too good.
"""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import numpy as np

from frostline.arrays import BoolArray, Float64Array, IntArray, JoinedRows, Progress, Rows, dense_part
from frostline.data import split
from frostline.errors import shown
from frostline.head.curvature import gram_of, stands_apart
from frostline.head.linear import LinearHead, link_of
from frostline.head.loss import loss_of
from frostline.head.newton import TOLERANCE, Limits, Minimum
from frostline.head.options import (
    MOST_SEARCHED,
    ClassWeight,
    SearchOptions,
    check_class_weight,
    check_grid,
    check_rows,
    default_grid,
    discriminant_grid,
    in_closed_form,
    learnable,
    row_weights,
    share_c,
    training_of,
    word_grid,
)
from frostline.head.path import (
    Climb,
    Regressions,
    SolverFacts,
    Trial,
    block_width,
    chosen,
    climbed,
    groups_of,
    sharpened,
    solve_tasks,
)
from frostline.head.problem import Problem, Tasks, problem_with, scaling_of
from frostline.head.quasi_newton import Memory
from frostline.head.scoring import Criterion, criterion_of, micro_f1
from frostline.machine import one_blas_thread
from frostline.targets import Targets
from frostline.threads import Crew

if TYPE_CHECKING:
    from frostline.head import discriminant

_CLIMBING = 1e-5  # relative gradient: chose the same C as 1e-6 and moved no score by two rows (decision 7)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    """What a search found."""

    head: LinearHead  # Fitted on all rows at `chosen_C`; neither calibrated nor with a rule
    Cs: tuple[float, ...]  # length n_Cs: Those searched for any group of labels, in the order given
    not_searched: tuple[float, ...]  # Values of the default grid left out: larger than those searched, or smaller
    # (n_Cs, n_groups, n_folds): A group is all labels where they exclude each other, else one label. NaN where a group
    # was not searched so far.
    scores: Float64Array
    # (n_groups,): The smallest among equals; NaN for a label that could not be learned.
    chosen_C: Float64Array  # noqa: N815 - C is its name everywhere
    rule: str  # `best mean score`, `one standard error`, `best log loss of each label` and the like
    scoring: str
    # (n_labels,): The other labels have too few rows with or without them; their probability is their share.
    learned: BoolArray
    # (n_texts, n_coef_rows): Of each row at `chosen_C`, by the fold that held it out: for calibration.
    held_out_decisions: Float64Array
    folds: IntArray  # (n_texts,)
    solver: SolverFacts
    warnings: tuple[str, ...] = ()  # Such as a chosen C at the edge of the grid, or labels that were not learned
    kept_scores: Float64Array | None = None  # (n_folds,): Of what was kept of two parts (parts.py); None: of one part

    @property
    def mean_scores(self) -> Float64Array:
        """The mean over folds (n_Cs, n_groups)."""
        means: Float64Array = self.scores.mean(axis=2)
        return means

    @property
    def middle_C(self) -> float:  # noqa: N802 - C is its name everywhere
        """The C of all labels; the geometric mean of the labels learned where each has its own."""
        return float(self.chosen_C[0]) if len(self.chosen_C) == 1 else float(np.exp(np.nanmean(np.log(self.chosen_C))))

    @property
    def fold_scores(self) -> Float64Array:
        """The score of the chosen C in each fold (n_folds,); the mean of the labels learned where each has its own."""
        if self.kept_scores is not None:
            return self.kept_scores
        learned = np.flatnonzero(~np.isnan(self.chosen_C))
        chosen = [
            self.scores[self.Cs.index(C), group] for group, C in zip(learned, self.chosen_C[learned], strict=True)
        ]
        means: Float64Array = np.mean(chosen, axis=0)
        return means


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Climbed:
    """All trials of one group of labels, and what its last fit starts with."""

    columns: IntArray
    trials: list[Trial]
    gram: np.ndarray | None
    memory: Memory | None

    def at(self, position: int) -> Trial:
        """The trial of one C."""
        return next(trial for trial in self.trials if trial.position == position)


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Start:
    """A group of labels to be fitted on all rows: its C, and where it starts (n_features + 1, 1, n_coef_rows)."""

    columns: IntArray
    C: float
    coef: Float64Array
    gram: np.ndarray | None
    memory: Memory | None = None


def search(
    rows: Rows,
    targets: Targets,
    *,
    options: SearchOptions,
    folds: IntArray | None = None,
    progress: Progress | None = None,
) -> Search:
    """Fit every C on every fold, score it on the rows held out, and fit all rows with the best C.

    Parameters
    ----------
    rows : ndarray of shape (n_texts, n_features)
    folds : ndarray of shape (n_texts,), dtype=int64, optional
        The fold that holds each row out; made by the options where not given.
    progress : callable, optional
        Counts values of C, of which the default grid may end before its last; labels where each has its own.

    Raises
    ------
    InputError
        One label only, a label without rows, none that can be learned, a row with NaN, rows that are all equal.
    UsageError
        An option that cannot be, a scorer that does not exist, a fold without training rows of some label.
    ConvergenceError
        A regression did not converge.
    """
    begun = time.perf_counter()
    plan, given = _checked(rows, targets, options, folds)
    if in_closed_form(rows, targets):
        return _in_closed_form(given, plan, progress, begun)
    if isinstance(rows, JoinedRows) and len(targets.labels) > MOST_SEARCHED:
        warnings.warn(
            f"{len(targets.labels):,} labels with words are searched by regressions, which may take hours (600 labels: "
            "seconds; features without words are solved in closed form).",
            UserWarning,
            stacklevel=2,
        )
    with one_blas_thread(), Crew(options.threads) as crew:
        blocks, regressions = _prepared(given, plan.n_folds, crew)
        regressions = replace(regressions, gram=gram_of(regressions.problem))
        climbs = _climbed(regressions, blocks, plan, progress)
        best, scores = _choices(climbs, plan, targets)
        starts = [
            _Start(one.columns, plan.grid[trial.position], trial.coef.mean(axis=1, keepdims=True), one.gram, one.memory)
            for one, trial in zip(climbs, best, strict=True)
        ]
        coef, last = _fitted(regressions, starts)
    chosen_C = np.full(len(targets.groups()), np.nan)
    for start in starts:
        chosen_C[start.columns[0]] = start.C
    searched = [position for position in range(len(plan.grid)) if not np.isnan(scores[position]).all()]
    edge_notes = _edge_notes(plan.grid, starts[0].C) if plan.criterion.is_shared else ()
    return Search(
        head=_head(regressions, coef),
        Cs=tuple(plan.grid[position] for position in searched),
        not_searched=tuple(sorted({C for position, C in enumerate(plan.grid) if position not in searched})),
        scores=scores[searched],
        chosen_C=chosen_C,
        rule=plan.criterion.rule,
        scoring=plan.criterion.name,
        learned=given.learned,
        held_out_decisions=_held_out(climbs, best, targets),
        folds=plan.folds,
        solver=_facts(climbs, last, n_folds=plan.n_folds, seconds=time.perf_counter() - begun),
        warnings=(*edge_notes, *_share_notes(targets, given.learned)),
    )


def _in_closed_form(given: "_Given", plan: "_Plan", progress: Progress | None, begun: float) -> Search:
    """The same for more labels than are searched: a discriminant, whose C is chosen as ever."""
    from frostline.head import discriminant  # noqa: PLC0415 - few heads have so many labels

    targets, learned = given.targets, given.learned
    with one_blas_thread(), Crew(plan.options.threads) as crew:
        found = discriminant.searched(
            _discriminant(given, crew),
            plan.grid,
            plan.folds,
            plan.criterion,
            one_standard_error=plan.options.one_standard_error,
            crew=crew,
            progress=progress,
        )
    found.decisions[:, ~learned] = _log_odds(_shares(targets))[~learned]
    edge_notes = _edge_notes(plan.grid, found.chosen_C[0]) if plan.criterion.is_shared else ()
    return Search(
        head=_closed_head(found.coef, found.intercept, targets, learned),
        Cs=plan.grid,
        not_searched=(),
        scores=found.scores,
        chosen_C=found.chosen_C,
        rule=plan.criterion.rule,
        scoring=plan.criterion.name,
        learned=learned,
        held_out_decisions=found.decisions,
        folds=plan.folds,
        solver=SolverFacts(
            tasks=len(plan.grid) * plan.n_folds + 1,
            iterations=1,
            relative_gradient=0.0,
            seconds=time.perf_counter() - begun,
        ),
        warnings=(_told(targets), *edge_notes, *_share_notes(targets, learned)),
    )


def _told(targets: Targets) -> str:
    """What is otherwise with so many labels."""
    return (
        f"{len(targets.labels):,} labels are more than {MOST_SEARCHED}: in place of a logistic regression a linear "
        "discriminant was solved in closed form; words were tried neither beside the features nor as a baseline; there "
        "is no isotonic map, and no calibration and curve of single labels."
    )


def _discriminant(given: "_Given", crew: Crew) -> "discriminant.Given":
    from frostline.head import discriminant  # noqa: PLC0415 - few heads have so many labels

    options, weights = given.options, given.targets.weights
    scaling = scaling_of(given.rows, given.training, standardise=options.standardise, crew=crew, weights=weights)
    return discriminant.Given(
        dense_part(given.rows), given.targets, given.training, given.learned, scaling, options.class_weight
    )


def _closed_head(coef: Float64Array, intercept: Float64Array, targets: Targets, learned: BoolArray) -> LinearHead:
    coef[~learned], intercept[~learned] = 0, _log_odds(_shares(targets))[~learned]
    return LinearHead(labels=targets.labels, coef=coef, intercept=intercept, link=link_of(targets))


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """What regressions are fitted on: (n_texts, n_folds) rows that train, and the labels that can be learned."""

    rows: Rows
    targets: Targets
    training: BoolArray
    learned: BoolArray
    options: SearchOptions


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Which values of C are tried on which folds, and what they are chosen by."""

    grid: tuple[float, ...]
    folds: IntArray
    criterion: Criterion
    options: SearchOptions

    @property
    def n_folds(self) -> int:
        return int(self.folds.max()) + 1

    @property
    def may_stop(self) -> bool:
        """All labels' decisions together are known only where none of them has stopped."""
        return self.options.Cs is None and not self.criterion.is_pooled

    def chosen(self, trials: Sequence[Trial]) -> Trial:
        return chosen(trials, self.grid, one_standard_error=self.options.one_standard_error)


def _checked(rows: Rows, targets: Targets, options: SearchOptions, folds: IntArray | None) -> tuple[_Plan, _Given]:
    """What was asked for, once it is known that it can be done."""
    default = word_grid if isinstance(rows, JoinedRows) and not dense_part(rows).shape[1] else default_grid
    default = discriminant_grid if in_closed_form(rows, targets) else default
    grid = default() if options.Cs is None else tuple(options.Cs)
    check_grid(grid)
    criterion = criterion_of(options.scoring, targets, one_standard_error=options.one_standard_error)
    check_class_weight(options.class_weight, targets.labels)
    check_rows(rows, targets)
    if folds is None:
        folds = split.folds(targets, n_folds=options.n_folds, seed=options.seed)
    training = training_of(folds, len(rows))
    plan = _Plan(grid, folds, criterion, options)
    return plan, _Given(rows, targets, training, learnable(targets, training), options)


def _prepared(given: _Given, n_tasks: int, crew: Crew) -> tuple[list[IntArray], Regressions]:
    """Blocks of labels to be solved together, each with `n_tasks`; and the regressions, the first block ready."""
    training, targets, options = given.training, given.targets, given.options
    scaling = scaling_of(given.rows, training, standardise=options.standardise, crew=crew, weights=targets.weights)
    blocks = _blocks(targets, given.learned, n_tasks)
    weights = row_weights(options.class_weight, targets, blocks[0], training)
    loss = loss_of(targets, blocks[0], are_weighed=weights.ndim == 3)
    problem = problem_with(loss, given.rows, weights=weights, scaling=scaling, crew=crew)
    return blocks, Regressions(
        problem=problem,
        targets=targets,
        learned=given.learned,
        training=training,
        class_weight=options.class_weight,
        gram=None,
    )


def _blocks(targets: Targets, learned: BoolArray, n_columns: int) -> list[IntArray]:
    """Labels that share a C together; others in blocks of like frequency, which share their first approximations."""
    if share_c(targets):
        return list(targets.groups())
    order = np.argsort(targets.members.sum(axis=0), kind="stable")
    order = order[learned[order]]
    width = block_width(len(targets), n_columns)
    return [order[start : start + width] for start in range(0, len(order), width)]


def _climbed(
    regressions: Regressions, blocks: Sequence[IntArray], plan: _Plan, progress: Progress | None
) -> list[_Climbed]:
    """Every group's trials; of one group `progress` counts values of C, else groups."""
    is_one, tolerance = share_c(regressions.targets), plan.options.tolerance
    rough = _CLIMBING if plan.options.Cs is None or not is_one else TOLERANCE
    limits = Limits(settle=False, tolerance=tolerance or rough)
    climbs: list[_Climbed] = []
    for block in blocks:
        problem = regressions.of(block)
        groups = groups_of(problem, regressions.targets, block, plan.criterion.score)
        climb = Climb(problem, groups, plan.folds, regressions.gram, limits, Memory() if is_one else None)
        if is_one and _is_compressed(problem):
            from frostline.head.compressed import by_fold  # noqa: PLC0415 - of many labels alone

            climb = by_fold(climb, regressions)
        counted = progress if is_one else None
        trials = climbed(climb, plan.grid, may_stop=plan.may_stop, regressions=regressions, progress=counted)
        if is_one and plan.may_stop and tolerance is None:
            trials = [sharpened(climb, trials[0], plan.grid)]
        climbs += [
            _Climbed(group.columns, own, climb.gram, climb.memory) for group, own in zip(groups, trials, strict=True)
        ]
        if progress is not None and not is_one:
            progress(len(climbs), int(regressions.learned.sum()))
    return climbs


def _is_compressed(problem: Problem) -> bool:
    """Whether each fold is solved in a basis of its own rows."""
    if not stands_apart(problem):
        return False
    from frostline.head import compressed  # noqa: PLC0415 - of many labels alone

    return compressed.is_worth_it(problem)


def _choices(climbs: Sequence[_Climbed], plan: _Plan, targets: Targets) -> tuple[list[Trial], Float64Array]:
    """The trial chosen for each group, and the scores (n_grid, n_groups, n_folds) they were chosen by."""
    scores = np.full((len(plan.grid), len(targets.groups()), plan.n_folds), np.nan)
    pooled = []
    if plan.criterion.is_pooled:
        pooled = [_pooled(climbs, place, targets, plan) for place in range(len(plan.grid))]
    for one in climbs:
        for trial in pooled or one.trials:
            scores[trial.position, one.columns[0]] = trial.scores
    if pooled:
        position = plan.chosen(pooled).position
        return [one.at(position) for one in climbs], scores
    return [plan.chosen(one.trials) for one in climbs], scores


def _pooled(climbs: Sequence[_Climbed], position: int, targets: Targets, plan: _Plan) -> Trial:
    """One C of all labels as a trial whose scores are the micro F1 of each fold."""
    own = [one.at(position) for one in climbs]
    decisions = _held_out(climbs, own, targets)
    held = [plan.folds == fold for fold in range(plan.n_folds)]
    taken = [targets.take(rows) for rows in held]
    scores = np.array(
        [micro_f1(part.members, decisions[rows], part.weights) for part, rows in zip(taken, held, strict=True)]
    )
    return replace(own[0], scores=scores)


def _held_out(climbs: Sequence[_Climbed], best: Sequence[Trial], targets: Targets) -> Float64Array:
    """Decisions (n_texts, n_coef_rows) of each row by the fold that held it out; a label not learned has its share."""
    if share_c(targets):
        return best[0].decisions
    decisions = np.tile(_log_odds(_shares(targets)), (len(targets), 1))
    for one, trial in zip(climbs, best, strict=True):
        decisions[:, one.columns] = trial.decisions
    return decisions


def _fitted(regressions: Regressions, starts: Sequence[_Start]) -> tuple[Float64Array, list[Minimum]]:
    """Coefficients (n_features + 1, n_coef_rows) of the last fold, which trains on all rows, in shared coordinates."""
    is_one = share_c(regressions.targets)
    n_labels = len(regressions.targets.labels)
    n_coef_rows = regressions.problem.loss.n_coef_rows if is_one else n_labels
    coef = np.zeros((regressions.problem.n_features + 1, n_coef_rows))
    last = np.array([regressions.training.shape[1] - 1])
    if is_one and _is_compressed(regressions.problem):
        from frostline.head import compressed  # noqa: PLC0415 - of many labels alone

        one, (basis,) = starts[0], compressed.bases_of(regressions, last.tolist())
        coef, alone = basis.solve(one.C, one.coef[:, 0], Limits())
        return coef, [alone]
    width = block_width(len(regressions.targets), 1)
    found: list[Minimum] = []
    for C in sorted({start.C for start in starts}):
        alike = [start for start in starts if start.C == C]
        for first in range(0, len(alike), width):
            block = alike[first : first + width]
            columns = np.concatenate([start.columns for start in block])
            solved = solve_tasks(
                regressions.of(columns),
                Tasks(np.array([C]), last),
                np.concatenate([start.coef for start in block], axis=2),
                gram=block[0].gram,
                limits=Limits(),
                memory=block[0].memory,
            )
            coef[:, slice(None) if is_one else columns] = solved.coef[:, 0]
            found.append(solved)
    return coef, found


def _facts(climbs: Sequence[_Climbed], last: Sequence[Minimum], *, n_folds: int, seconds: float) -> SolverFacts:
    trials = [trial for one in climbs for trial in one.trials]
    gradients = [trial.relative_gradient for trial in trials]
    return SolverFacts(
        tasks=len(trials) * n_folds + len(climbs),
        iterations=max(*(solved.iterations for solved in last), *(trial.iterations for trial in trials)),
        relative_gradient=max(*(float(solved.relative_gradient.max()) for solved in last), *gradients),
        seconds=seconds,
    )


def _head(regressions: Regressions, coef: Float64Array) -> LinearHead:
    """Coefficients in shared coordinates (n_features + 1, n_coef_rows) as a head over the features as they are."""
    problem, targets, learned = regressions.problem, regressions.targets, regressions.learned
    plain = (coef[:-1] / problem.scaling.std[:, None]).T
    intercept = coef[-1] - plain @ problem.scaling.mean
    if problem.loss.is_coupled:
        intercept -= intercept.mean()  # the softmax leaves it open; scikit-learn's is centred
    if not learned.all():
        intercept[~learned] = _log_odds(_shares(targets))[~learned]
    return LinearHead(
        labels=targets.labels,
        coef=np.asarray(problem.as_given(plain), order="C"),
        intercept=intercept,
        link=link_of(targets),
    )


def _shares(targets: Targets) -> Float64Array:
    """Each label's share of the texts (n_labels,), kept off 0 and 1 by half a text."""
    shares: Float64Array = (targets.weighed_counts + 0.5) / (targets.weighed_total + 1)
    return shares


def _log_odds(shares: Float64Array) -> Float64Array:
    odds: Float64Array = np.log(shares / (1 - shares))
    return odds


def _edge_notes(grid: Sequence[float], best: float) -> tuple[str, ...]:
    """What a reader should know: the best C lies where the grid ends, so a better one may lie beyond it."""
    smallest, largest = min(grid), max(grid)
    if smallest == largest or best not in {smallest, largest}:
        return ()
    edge, side = ("smallest", "smaller") if best == smallest else ("largest", "larger")
    return (f"The chosen C = {best:g} is the {edge} of the grid; a {side} one may score higher.",)


def _share_notes(targets: Targets, learned: BoolArray) -> tuple[str, ...]:
    """What a reader should know: labels that could not be learned."""
    is_everywhere = targets.members.all(axis=0)
    notes = []
    if (~learned & is_everywhere).any():
        named = _listed(targets, ~learned & is_everywhere)
        notes.append(f"Every row has {named}: nothing can be learned of it, and every text will get it.")
    if (~learned & ~is_everywhere).any():
        what = f"{_listed(targets, ~learned & ~is_everywhere)}: too few rows with it, or without it, to learn from"
        notes.append(f"{what}; every text gets its share of the {len(targets):,} rows as its probability.")
    return tuple(notes)


def _listed(targets: Targets, which: BoolArray) -> str:
    labels = [targets.labels[column] for column in np.flatnonzero(which).tolist()]
    more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return ", ".join(shown(label) for label in labels[:5]) + more


def fit_at(
    rows: Rows, targets: Targets, *, C: float, class_weight: ClassWeight = None, standardise: bool = True
) -> LinearHead:
    """Fit one head on all rows (n_texts, n_features) with the given C; errors as in `search`."""
    check_grid([C])
    check_class_weight(class_weight, targets.labels)
    check_rows(rows, targets)
    options = SearchOptions(class_weight=class_weight, standardise=standardise)
    given = _all_of(rows, targets, options)
    with one_blas_thread(), Crew(None) as crew:
        if in_closed_form(rows, targets):
            from frostline.head import discriminant  # noqa: PLC0415 - few heads have so many labels

            return _closed_head(*discriminant.fitted(_discriminant(given, crew), C), targets, given.learned)
        blocks, regressions = _prepared(given, 1, crew)
        gram = gram_of(regressions.problem) if len(blocks) > 1 else None  # a single block forms its own
        size = regressions.problem.n_features + 1
        is_one = share_c(targets)
        nothing = np.zeros((size, 1, regressions.problem.loss.n_coef_rows if is_one else 1))
        groups = blocks if is_one else [columns for block in blocks for columns in block[:, None]]
        starts = [_Start(columns, float(C), nothing, gram) for columns in groups]
        coef, _ = _fitted(regressions, starts)
    return _head(regressions, coef)


def fit_again(rows: Rows, targets: Targets, found: Search, *, options: SearchOptions) -> LinearHead:
    """Fit a head on other rows with the C that a search chose, each label's own where it has one.

    Rows may be a `numpy.memmap`: they are then read block by block, and nothing of their size is kept.
    """
    check_rows(rows, targets)
    given = _all_of(rows, targets, options)
    chosen = np.where(np.isnan(found.chosen_C), found.middle_C, found.chosen_C)
    with one_blas_thread(), Crew(options.threads) as crew:
        blocks, regressions = _prepared(given, 1, crew)
        gram = gram_of(regressions.problem) if len(blocks) > 1 else None  # a single block forms its own
        size, is_one = regressions.problem.n_features + 1, share_c(targets)
        nothing = np.zeros((size, 1, regressions.problem.loss.n_coef_rows if is_one else 1))
        groups = blocks if is_one else [columns for block in blocks for columns in block[:, None]]
        starts = [_Start(columns, float(chosen[0 if is_one else columns[0]]), nothing, gram) for columns in groups]
        coef, _ = _fitted(regressions, starts)
    return _head(regressions, coef)


def _all_of(rows: Rows, targets: Targets, options: SearchOptions) -> _Given:
    """Rows that all train."""
    training = np.ones((len(rows), 1), dtype=bool)
    return _Given(rows, targets, training, learnable(targets, training), options)
