"""How a head came to be: what was tried for features and C, how it was calibrated, how it answers.

In:   the dataclasses of head/ and evaluate/.
Out:  the parts of a `TrainingRecord` that are about its head.
Not:  the data, the features and the test (record.py).
"""

from dataclasses import dataclass
from typing import Literal, final

from frostline.evaluate.answers import AnswerScores
from frostline.evaluate.calibration import CalibrationScores
from frostline.evaluate.coverage import CoverageCurve
from frostline.evaluate.curves import LabelCurves
from frostline.evaluate.intervals import Interval
from frostline.head.fitting import Calibrate, Candidate, Way
from frostline.head.linear import Label


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRecord:
    """How C was chosen.

    Parameters
    ----------
    Cs, mean_scores, std_errors : tuple of float, length n_Cs
        Each C, its mean score over the folds and that mean's standard error. One C: nothing was searched.
    chosen_C : float
    best_score : float
        The highest of `mean_scores`. It made the choice, so it flatters: not a score of the model.
    rule : str
        `best mean score`, or `one standard error`.
    scoring : str
        A scikit-learn scorer's name.
    n_folds : int
    standardise : bool
    class_weight : str or None
    not_searched : tuple of float
        Larger values of the default grid that were left out, since the scores had fallen for good.
    """

    Cs: tuple[float, ...]
    mean_scores: tuple[float, ...]
    std_errors: tuple[float, ...]
    chosen_C: float  # noqa: N815 - C is its name everywhere
    best_score: float
    rule: str
    scoring: str
    n_folds: int
    standardise: bool
    class_weight: str | None
    not_searched: tuple[float, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """Features that were tried when features were chosen.

    Parameters
    ----------
    features : str
        As in `mean@all`.
    layer, pooling : int and str, or None
        Of a single block; None for a join.
    score : float
        Cross-validated on the training rows, with C searched. It made the choice, so it flatters.
    interval : (float, float)
        95 %.
    n_features : int
    chosen_C : float or None
        None where the features are the same for every text.
    """

    features: str
    layer: int | None
    pooling: str | None
    score: float
    interval: Interval
    n_features: int
    chosen_C: float | None  # noqa: N815 - C is its name everywhere


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRecord:
    """How the features were chosen, where a sweep chose them.

    Parameters
    ----------
    trials : tuple of TrialRecord
        The single blocks by pooling and layer, then the joins.
    best, winner, tutorial : str
        Features with the highest score; those chosen; `cls@-1`.
    n_layers, n_rows, n_folds : int
        Of the encoder; swept; of the cross-validation.
    scoring, rule : str
    """

    trials: tuple[TrialRecord, ...]
    best: str
    winner: str
    tutorial: str
    n_layers: int
    n_rows: int
    n_folds: int
    scoring: str
    rule: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRecord:
    """How the head was calibrated, by held-out decisions of the training rows.

    Parameters
    ----------
    asked : {"auto", "none", "temperature", "isotonic"}
    way : {"none", "temperature", "isotonic"}
        What was taken.
    why : str
        One clause.
    temperature : float or None
    n : int
        Rows fitted on.
    candidates : tuple of Candidate
        What was tried, each on rows that its fit had not seen: log losses of a choice, not of the model.
    """

    asked: Calibrate
    way: Way
    why: str
    temperature: float | None
    n: int
    candidates: tuple[Candidate, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """How answers are made of probabilities, where not simply by the most probable label.

    Parameters
    ----------
    asked : str
        What was wished for, in words.
    label : str, int, bool or None
        That a threshold was chosen for.
    thresholds : tuple of n_labels float, or empty
    answer_from : float
        The probability below which there is no answer; 0: there always is one.
    out_of_fold : AnswerScores
        Of the training rows, each by a rule chosen on the other folds.
    test : AnswerScores or None
        Of the rows of `test`.
    """

    asked: str
    label: Label | None
    thresholds: tuple[float, ...]
    answer_from: float
    out_of_fold: AnswerScores
    test: AnswerScores | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilityRecord:
    """How far the probabilities can be trusted, on the rows of `test`.

    Parameters
    ----------
    way : {"none", "temperature", "isotonic"}
        How the head is calibrated.
    scores : CalibrationScores
        Of the probabilities as they are given.
    before : CalibrationScores or None
        Of the same rows without the calibration; None where there is none, or it was not measured.
    curves : tuple of LabelCurves
        ROC and precision-recall of each label.
    coverage : CoverageCurve
        What abstaining brings.
    """

    way: Literal["none", "temperature", "isotonic"]
    scores: CalibrationScores
    before: CalibrationScores | None
    curves: tuple[LabelCurves, ...]
    coverage: CoverageCurve
