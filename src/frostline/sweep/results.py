"""What a sweep found, as data.

In:   nothing.
Out:  `Trial`, `SweepTest`, `Sweep`.
Not:  finding it (run.py), showing it (report/sweep_*.py).
"""

from dataclasses import dataclass
from typing import final

from frostline.encoder.reading import EncoderIdentity
from frostline.evaluate.metrics import Evaluation
from frostline.evaluate.paired import PairedDifference
from frostline.machine import Machine
from frostline.sweep.candidates import Candidate
from frostline.sweep.scores import Difference, Score


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """One candidate's result.

    Parameters
    ----------
    candidate : Candidate
    score : Score
        Cross-validated, C searched on the same folds.
    behind : Difference
        This minus the best (0 for the best itself).
    chosen_C : float or None
        None where the features are the same for every text.
    fold_scores : tuple of float
    n_features : int
    seconds : float
        Of computing, on one thread.
    """

    candidate: Candidate
    score: Score
    behind: Difference
    chosen_C: float | None  # noqa: N815 - C is its name everywhere
    fold_scores: tuple[float, ...]
    n_features: int
    seconds: float

    @property
    def is_within_one_error(self) -> bool:
        """Whether it is no further behind the best than one standard error of that difference."""
        return self.behind.value >= -self.behind.std_error


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SweepTest:
    """The winner on rows that took part in nothing.

    Parameters
    ----------
    kind : str
        `file` or `stratified hold-out`.
    evaluation : Evaluation
        Of the winner, fitted on all rows of the sweep.
    tutorial : Evaluation
        Of the tutorial's features, fitted likewise.
    lead : PairedDifference
        The winner's accuracy minus the tutorial's.
    n_leaks : int
        Test rows whose text was swept too.
    """

    kind: str
    evaluation: Evaluation
    tutorial: Evaluation
    lead: PairedDifference
    n_leaks: int


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """What a sweep found.

    Parameters
    ----------
    labels : tuple of str
    n, n_folds, n_layers : int
        Rows swept; folds; transformer layers.
    encoder : EncoderIdentity
    trials : tuple of Trial
        The single blocks by pooling and layer, then the joins.
    best, winner, tutorial : Trial
        The highest score; the one chosen; `cls@-1`.
    lead : Difference
        The winner's score minus the tutorial's; the winner was chosen on the same rows.
    test : SweepTest or None
    scoring, rule : str
    seed : int
    n_texts, n_read, n_cut : int
        Texts; distinct ones that the encoder read now; those longer than it can see.
    seconds_read, seconds_search : float
    machine : Machine
    warnings : tuple of str
    version : str
    """

    labels: tuple[str, ...]
    n: int
    n_folds: int
    n_layers: int
    encoder: EncoderIdentity
    trials: tuple[Trial, ...]
    best: Trial
    winner: Trial
    tutorial: Trial
    lead: Difference
    test: SweepTest | None
    scoring: str
    rule: str
    seed: int
    n_texts: int
    n_read: int
    n_cut: int
    seconds_read: float
    seconds_search: float
    machine: Machine
    warnings: tuple[str, ...]
    version: str
