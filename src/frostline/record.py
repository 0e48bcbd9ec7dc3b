"""Everything known about one training, in one place, for every report and for the manifest.

In:   the dataclasses of data/, encoder/, head/ and evaluate/.
Out:  a `TrainingRecord`.
Not:  measuring (evaluate/) or showing (report/). No texts are in it, only counts, digests and names.

One rule shapes it: the mean score of the chosen C over the folds chose that C, so it flatters. It is kept as
`search.best_score` and nowhere else; `test` holds only scores of rows that took part in nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

from frostline.encoder.gate import PrecisionRecord
from frostline.encoder.reading import EncoderIdentity
from frostline.evaluate.answers import AnswerScores
from frostline.evaluate.baselines import Baseline
from frostline.evaluate.calibration import CalibrationScores
from frostline.evaluate.coverage import CoverageCurve
from frostline.evaluate.curves import LabelCurves
from frostline.evaluate.intervals import Interval
from frostline.evaluate.learning_curve import LearningCurve
from frostline.evaluate.metrics import Evaluation
from frostline.evaluate.validation import NestedResult
from frostline.head.fitting import Calibrate, Candidate, Way
from frostline.head.linear import Label
from frostline.machine import Machine

TestKind: TypeAlias = Literal["file", "stratified hold-out", "random hold-out", "nested cross-validation"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FixesRecord:
    """What a file of fixes changed: its name and digest, and how many rows were relabelled and dropped."""

    name: str
    sha256: str
    n_relabelled: int
    n_dropped: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DataRecord:
    """What one file held.

    Parameters
    ----------
    name, sha256, size_bytes
        As in `frostline.data.dataset.Source`.
    n_rows : int
        Rows used.
    n_rejected : int
        Rows left out; rows in the file = n_rows + n_rejected.
    class_counts : mapping of label to int
        Rows per label, in the labels' order.
    n_duplicates : int
        Rows whose text and label stand in an earlier row too.
    n_conflicts : int
        Distinct texts that carry more than one label.
    fixes : FixesRecord or None
        What a file of fixes changed before anything else was done: rows in the file = n_rows + n_rejected +
        fixes.n_dropped.
    """

    name: str
    sha256: str
    size_bytes: int
    n_rows: int
    n_rejected: int = 0
    class_counts: Mapping[Label, int]
    n_duplicates: int = 0
    n_conflicts: int = 0
    fixes: FixesRecord | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TestRecord:
    """Where the test rows came from.

    Parameters
    ----------
    kind : {"file", "stratified hold-out", "random hold-out", "nested cross-validation"}
    n_fitted : int
        Rows that the tested head learned from (for nested cross-validation, the fewest of any fold).
    n_leaks : int
        Test rows whose text is a training text too.
    data : DataRecord or None
        The test file, for `file`.
    """

    kind: TestKind
    n_fitted: int
    n_leaks: int = 0
    data: DataRecord | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesRecord:
    """What a text became.

    Parameters
    ----------
    spec : str
        As in `mean@all`.
    n_features : int
        Numbers per text, those of words among them.
    max_length : int
        Word pieces, [CLS] and [SEP] included.
    n_texts, n_cut : int
        Texts embedded, and how many of them were longer than that and lost their end.
    n_read : int
        Distinct texts that the encoder read for this training; the rest were kept from before.
    n_candidates : int
        Features among which these were chosen, by cross-validation on the training rows; 1: they were named.
    n_words : int
        Words and pairs of words of the training texts, each of which is a number; most are 0.
    """

    spec: str
    n_features: int
    max_length: int
    n_texts: int
    n_cut: int
    n_read: int
    n_candidates: int = 1
    n_words: int = 0


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


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """Where the time went. `read` is the time to get the rows: reading sentences, or fetching what was kept."""

    read: float
    search: float
    evaluate: float
    total: float


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingRecord:
    """One training.

    Parameters
    ----------
    labels : tuple of n_labels str, int or bool
        In column order.
    data : DataRecord
        All rows given, those of a hold-out included.
    n_trained : int
        Rows that the saved head learned from.
    encoder : EncoderIdentity
    features : FeaturesRecord
    search : SearchRecord
    choice : ChoiceRecord or None
        How the features were chosen; None: they were named.
    test_source : TestRecord or None
    test : Evaluation or None
        None if nothing was tested.
    probabilities : ProbabilityRecord or None
    calibration : CalibrationRecord or None
    decision : DecisionRecord or None
        None: always the most probable label.
    nested : NestedResult or None
    baselines : tuple of Baseline
        On the rows of `test`.
    learning : LearningCurve or None
        None if none was asked for, or the rows are too few.
    precision : PrecisionRecord or None
        Which precision read, and why; None where nobody asked: float32.
    seconds : Seconds
    machine : Machine
    seed : int
    warnings : tuple of str
        Each one sentence; may hold the user's text.
    version : str
        Of Frostline.
    """

    labels: tuple[Label, ...]
    data: DataRecord
    n_trained: int
    encoder: EncoderIdentity
    features: FeaturesRecord
    search: SearchRecord
    test_source: TestRecord | None
    test: Evaluation | None
    nested: NestedResult | None = None
    baselines: tuple[Baseline, ...] = ()
    learning: LearningCurve | None = None
    choice: ChoiceRecord | None = None
    probabilities: ProbabilityRecord | None = None
    calibration: CalibrationRecord | None = None
    decision: DecisionRecord | None = None
    precision: PrecisionRecord | None = None
    seconds: Seconds
    machine: Machine
    seed: int
    warnings: tuple[str, ...] = ()
    version: str


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EvaluationRecord:
    """One test of a saved classifier.

    Parameters
    ----------
    model : str
        Its folder, as given.
    C : float
        As chosen when it was trained.
    data : DataRecord
        The test rows.
    features : FeaturesRecord
    test : Evaluation
    probabilities : ProbabilityRecord or None
    answers : AnswerScores or None
        Where the head has a rule.
    seconds : Seconds
        `search` is 0: nothing is searched.
    warnings : tuple of str
    version : str
        Of Frostline.
    """

    model: str
    C: float
    data: DataRecord
    features: FeaturesRecord
    test: Evaluation
    probabilities: ProbabilityRecord | None = None
    answers: AnswerScores | None = None
    seconds: Seconds
    warnings: tuple[str, ...] = ()
    version: str
