"""How to train: the search, and what to test on.

In:   nothing.
Out:  `TrainingOptions`.
Not:  training (run.py).
"""

from dataclasses import dataclass, field
from typing import Literal, final

from frostline.errors import UsageError
from frostline.head.finishing import PLAIN_ANSWERS, AnswerOptions
from frostline.head.search import SearchOptions, tutorial_grid

TUTORIAL_ROWS = 2000

Holdout = Literal["stratified", "random"]


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
        Measure how the score grows with the rows (`frostline.evaluate.learning_curve`): about as long as the search.
    answers : AnswerOptions
        Calibration, thresholds, abstaining.
    strict : bool
        Refuse where otherwise a warning would do (fewer folds than asked for).
    """

    search: SearchOptions = field(default_factory=SearchOptions)
    holdout: Holdout = "stratified"
    test_fraction: float = 0.25
    nested: bool = False
    learning_curve: bool = False
    answers: AnswerOptions = field(default_factory=AnswerOptions)
    strict: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.test_fraction < 1:
            raise UsageError(f"The test fraction must be between 0 and 1 (got {self.test_fraction}).")
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
