"""Everything known about one training or test of texts with several labels each, for every report and the manifest.

In:   the dataclasses of data/, encoder/, head/ and evaluate/.
Out:  a `MultiTrainingRecord`, a `MultiEvaluationRecord`.
Not:  one label per text (record.py); measuring (evaluate/) or showing (report/multi_label_*.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

from frostline.encoder.reading import EncoderIdentity
from frostline.evaluate.calibration import Reliability
from frostline.evaluate.multi_baselines import MultiBaseline
from frostline.evaluate.multi_label import MultiEvaluation
from frostline.head.linear import Label
from frostline.head_record import CalibrationRecord
from frostline.machine import Machine
from frostline.record import FeaturesRecord, Seconds

MultiTestKind: TypeAlias = Literal["file", "stratified hold-out", "random hold-out", "cross-validation"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MultiDataRecord:
    """What one file held.

    Parameters
    ----------
    name, sha256, size_bytes, n_rows, n_rejected
        As in `DataRecord`.
    label_counts : mapping of label to int
        Rows that have the label, in the labels' order.
    n_given : int
        Labels on all rows together.
    n_unlabelled : int
        Rows without a label.
    n_duplicates, n_conflicts : int
        Rows whose text and labels stand in an earlier row too; distinct texts that stand there with different labels.
    """

    name: str
    sha256: str
    size_bytes: int
    n_rows: int
    n_rejected: int
    label_counts: Mapping[Label, int]
    n_given: int
    n_unlabelled: int
    n_duplicates: int
    n_conflicts: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MultiSearchRecord:
    """How each label's C and threshold were chosen.

    Parameters
    ----------
    Cs : tuple of float
        Those searched for at least one label.
    chosen_Cs : tuple of n_labels (float or None)
        None: the label could not be learned.
    thresholds : tuple of n_labels float
    rule : str
    n_folds : int
    standardise : bool
    """

    Cs: tuple[float, ...]
    chosen_Cs: tuple[float | None, ...]  # noqa: N815 - C is its name everywhere
    thresholds: tuple[float, ...]
    rule: str
    n_folds: int
    standardise: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MultiTestRecord:
    """Where the test rows came from.

    Parameters
    ----------
    kind : {"file", "stratified hold-out", "random hold-out", "cross-validation"}
        The last: every row by a head that learned, and chose C and thresholds, without it.
    n_fitted : int
        Rows that the tested head learned from (the fewest of any fold).
    n_leaks : int
        Test rows whose text is a training text too.
    data : MultiDataRecord or None
        The test file, for `file`.
    """

    kind: MultiTestKind
    n_fitted: int
    n_leaks: int
    data: MultiDataRecord | None


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MultiTrainingRecord:
    """One training.

    Parameters
    ----------
    labels : tuple of n_labels str
    data : MultiDataRecord
    n_trained : int
    encoder : EncoderIdentity
    features : FeaturesRecord
    search : MultiSearchRecord
    calibration : CalibrationRecord
    test_source : MultiTestRecord
    test : MultiEvaluation
    at_half : MultiEvaluation
        The same probabilities with every label given from 0.5 on: what the thresholds are worth.
    uncalibrated : Reliability or None
        Of the test rows without the calibration; None where there is none.
    baselines : tuple of MultiBaseline
    seconds : Seconds
    machine : Machine
    seed : int
    warnings : tuple of str
    version : str
    """

    labels: tuple[Label, ...]
    data: MultiDataRecord
    n_trained: int
    encoder: EncoderIdentity
    features: FeaturesRecord
    search: MultiSearchRecord
    calibration: CalibrationRecord
    test_source: MultiTestRecord
    test: MultiEvaluation
    at_half: MultiEvaluation
    uncalibrated: Reliability | None
    baselines: tuple[MultiBaseline, ...]
    seconds: Seconds
    machine: Machine
    seed: int
    warnings: tuple[str, ...]
    version: str


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MultiEvaluationRecord:
    """One test of a saved classifier."""

    model: str
    data: MultiDataRecord
    features: FeaturesRecord
    test: MultiEvaluation
    seconds: Seconds
    warnings: tuple[str, ...]
    version: str
