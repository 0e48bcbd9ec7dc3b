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
from frostline.evaluate.learning_curve import LearningCurve
from frostline.evaluate.metrics import Evaluation
from frostline.evaluate.validation import NestedResult
from frostline.head.linear import Label
from frostline.head_record import CalibrationRecord, ChoiceRecord, DecisionRecord, ProbabilityRecord, SearchRecord
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
