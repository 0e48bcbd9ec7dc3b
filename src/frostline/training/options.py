"""How to train: the search, what to test on, and who is told how far it is."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, final

import numpy as np

from frostline.arrays import Advance, IntArray
from frostline.data.copies import are_new
from frostline.data.dataset import Dataset
from frostline.data.split import holdout, in_turn, random_holdout
from frostline.errors import UsageError
from frostline.head.fitted import PLAIN_ANSWERS, AnswerOptions
from frostline.head.options import CascadeOptions, SearchOptions, tutorial_grid
from frostline.record import TestKind
from frostline.targets import Kind, Targets

if TYPE_CHECKING:
    from rich.console import Console

    from frostline.sweep.run import FoldChoice, Sweep

TUTORIAL_ROWS = 2000

Holdout = Literal["stratified", "random"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Who is told how far a training is, in each of its stages; nobody where it is None."""

    # `reading`, `searching`, `testing`, `learning`: Count distinct sentences; values of C, or labels where each has its
    # own; outer folds; subsets of the learning curve.
    reading: Advance | None = None
    searching: Advance | None = None
    testing: Advance | None = None
    learning: Advance | None = None


SEARCHING: dict[Kind, tuple[str, str]] = {
    "one label": ("Searching C", "values of C"),
    "several labels": ("Fitting", "labels"),
}
"""What a search is called while it runs, and what it counts."""


@contextlib.contextmanager
def training_progress(
    kind: Kind, *, options: "TrainingOptions | None" = None, console: "Console | None" = None
) -> Iterator[Progress]:
    """Draw how far a training is, step by step (`2 of 3`); silent where nobody looks.

    Parameters
    ----------
    kind : {"one label", "several labels"}
        Of the data set: `dataset.targets.kind`.
    options : TrainingOptions, optional
        Those of the training, which decide on its steps.
    console : rich.console.Console, optional
        Where to draw; standard error, or the notebook, if not given.

    Examples
    --------
    >>> with training_progress(dataset.targets.kind) as progress:  # doctest: +SKIP
    ...     training = train(dataset, encoder, progress=progress)
    """
    from rich.console import Console  # noqa: PLC0415 - where it is looked at

    from frostline.report.progress import shown_progress  # noqa: PLC0415 - as above

    chosen, where = options or TrainingOptions(), console or Console(stderr=True)
    n = 2 + chosen.nested + chosen.learning_curve
    with (
        shown_progress(where, "Reading", "sentences", step=(1, n)) as reading,
        shown_progress(where, *SEARCHING[kind], step=(2, n)) as searching,
        shown_progress(where, "Testing in turn", "outer folds", step=(3, n)) as testing,
        shown_progress(where, "Learning curve", "subsets", step=(n, n)) as learning,
    ):
        yield Progress(reading=reading, searching=searching, testing=testing, learning=learning)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """How to train.

    Parameters
    ----------
    search : SearchOptions
        The grid, the folds, the scorer, the class weights, the rule, standardisation, the seed of everything that is
        drawn. Folds are lowered, with a warning, to the size of the smallest class.
    holdout : {"stratified", "random"}
        How rows are held out for testing where there is no test file.
    test_fraction : float
        How many, as a share of all rows.
    nested : bool
        Test by nested cross-validation instead: every row is tested on, and the saved head learns from all of them.
    learning_curve : bool
        Measure how the score grows with the rows (`frostline.evaluate.learning_curve`): some four times the search.
    answers : AnswerOptions
        Calibration, thresholds, abstaining.
    strict : bool
        Refuse where otherwise a warning would do (fewer folds than asked for).
    near_together : bool
        That near copies of the training file belong together already (`with_near_copies`): it is not advised again.
    cascade : CascadeOptions, optional
        Put a cheap head before the full one, which answers the texts it is surest of.
    """

    search: SearchOptions = field(default_factory=SearchOptions)
    holdout: Holdout = "stratified"
    test_fraction: float = 0.25
    nested: bool = False
    learning_curve: bool = False
    answers: AnswerOptions = field(default_factory=AnswerOptions)
    strict: bool = False
    near_together: bool = False
    cascade: CascadeOptions | None = None

    def __post_init__(self) -> None:
        if not 0 < self.test_fraction < 1:
            percent = self.test_fraction / 100
            raise UsageError(
                f"The share of rows held out must be between 0 and 1 (got {self.test_fraction}).",
                hint=f"Did you mean {percent:g} (--holdout {percent:g})?" if 1 < self.test_fraction < 100 else "",
            )
        if self.search.n_folds < 2:
            raise UsageError(f"The number of folds must be at least 2 (got {self.search.n_folds}).")

    @classmethod
    def tutorial(cls, *, seed: int = 0) -> "TrainingOptions":
        """The practical's way: a random quarter held out, linspace(0.0001, 100, 20), features as they come.

        Probabilities stay as the regression gives them. With it go the first 2,000 rows (`TUTORIAL_ROWS`) and the
        features `cls@-1` (`TUTORIAL_FEATURES`).
        """
        search = SearchOptions(Cs=tutorial_grid(), standardise=False, seed=seed)
        return cls(search=search, holdout="random", answers=PLAIN_ANSWERS)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Rows to learn from and rows to test on; `rows` are numbers into all texts given, those of a test file last."""

    train: Dataset
    test: Dataset | None  # Copies of what is learned from are left out, unless nothing else is there
    train_rows: IntArray
    test_rows: IntArray
    kind: TestKind
    known: Dataset | None = None  # Those that were left out
    known_rows: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    is_of_new: bool = True  # Whether any test text is no copy of what is learned from


def split_rows(dataset: Dataset, test: Dataset | None, options: TrainingOptions) -> Split:
    """Which rows train and which test: a file's own, all of them in turn, or some held out."""
    rows = np.arange(len(dataset), dtype=np.int64)
    if test is not None:
        test_rows = len(rows) + np.arange(len(test), dtype=np.int64)
        return _tested_on_new(Split(train=dataset, test=test, train_rows=rows, test_rows=test_rows, kind="file"))
    if options.nested:
        return Split(train=dataset, test=None, train_rows=rows, test_rows=rows[:0], kind=in_turn(dataset.targets))
    seed, fraction = options.search.seed, options.test_fraction
    if options.holdout == "random":
        kept, held = random_holdout(len(rows), test_fraction=fraction, seed=seed)
    else:
        kept, held = holdout(dataset.targets, test_fraction=fraction, seed=seed)
    kept, held = _with_known_labels(dataset.targets, kept, held)
    kind: TestKind = "random hold-out" if options.holdout == "random" else "stratified hold-out"
    held_out = Split(train=dataset.take(kept), test=dataset.take(held), train_rows=kept, test_rows=held, kind=kind)
    return _tested_on_new(held_out)


def _tested_on_new(split: Split) -> Split:
    """The same, tested on texts of which no copy is learned from; on all of them where that leaves none."""
    if split.test is None:
        return split
    is_new = are_new(split.test.texts, split.train.texts)
    if is_new.all() or not is_new.any():
        return replace(split, is_of_new=bool(is_new.any()))
    new, known = np.flatnonzero(is_new), np.flatnonzero(~is_new)
    return replace(
        split,
        test=split.test.take(new),
        test_rows=split.test_rows[new],
        known=split.test.take(known),
        known_rows=split.test_rows[known],
    )


def _with_known_labels(targets: Targets, kept: IntArray, held: IntArray) -> tuple[IntArray, IntArray]:
    """Rows with a label that too few rows to learn from have go over to those: a label of one row can only be learned.

    Where labels share a C, each needs two rows, or it could not be held against the others.
    """
    needed = 2 if len(targets.groups()) == 1 else 1
    left = np.array([*targets.take(kept).counts_apart().values()])
    moved = targets.members[held][:, left < needed].any(axis=1)
    if targets.together is not None:
        moved = np.isin(targets.together[held], targets.together[held[moved]])
    if moved.all():
        raise UsageError(
            "No row is left to test on: every one that was held out has a label that too few others have.",
            hint="Name a test file with --test, or add rows: a label that is tested too needs three or more.",
        )
    return np.sort(np.concatenate([kept, held[moved]])) if moved.any() else kept, held[~moved]


def is_in_turn(test: Dataset | None, options: TrainingOptions) -> bool:
    """Whether `train` will test every row in turn, so that every outer fold has to choose."""
    return options.nested and test is None


def refuse_without_choice(swept: "Sweep | None", choose: "FoldChoice | None", *, in_turn: bool) -> None:
    """Raise where nested cross-validation would test features that its test rows have helped to choose."""
    if in_turn and swept is not None and choose is None:
        raise UsageError(
            "Features chosen by a sweep must be chosen anew in every outer fold of nested cross-validation.",
            hint="Pass choose=choice_in_turn(...), name the features, or test on rows held out.",
        )
