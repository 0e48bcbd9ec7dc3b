"""Everything known about one training or test, in one place, for every report and for the manifest.

No texts are in it, only counts, digests and names.

One rule shapes it: the mean score of the chosen C over the folds chose that C, so it flatters. It is kept as
`search.best_score` and nowhere else; `test` holds only scores of rows that took part in nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, final

from frostline.encoder.precision import PrecisionRecord
from frostline.encoder.reading import EncoderIdentity
from frostline.evaluate.baselines import Baseline
from frostline.evaluate.intervals import Estimate, Interval
from frostline.evaluate.paired import Difference
from frostline.evaluate.probabilities import CalibrationScores, CoverageCurve, LabelCurves, Reliability
from frostline.evaluate.scores import AnswerScores, Evaluation
from frostline.head.calibrating import Calibrate, Candidate, Way
from frostline.head.deciding import Promise
from frostline.legible import Legibility
from frostline.machine import Machine
from frostline.targets import Kind, Label

if TYPE_CHECKING:
    from frostline.evaluate.learning_curve import LearningCurve
    from frostline.evaluate.nested import NestedResult


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRecord:
    """How C was chosen, of each group of labels; all that exclude each other are one group, else each is one."""

    Cs: tuple[float, ...]  # length n_Cs: Those searched for at least one group. One C: nothing was searched.
    # n_groups: None: the label could not be learned.
    chosen_Cs: tuple[float | None, ...]  # noqa: N815 - C is its name everywhere
    rule: str  # `best mean score`, or `one standard error`
    n_folds: int
    standardise: bool
    # `mean_scores`, `std_errors`: length n_Cs, or empty: Of the only group: each C's mean score over the folds and that
    # mean's standard error.
    mean_scores: tuple[float, ...] = ()
    std_errors: tuple[float, ...] = ()
    # The highest of `mean_scores`. It made the choice, so it flatters: not a score of the model.
    best_score: float | None = None
    scoring: str = "neg_log_loss"  # A scikit-learn scorer's name
    # n_labels, or empty: The probability from which on each label is given, where a text may have several.
    thresholds: tuple[float, ...] = ()
    class_weight: str | None = None
    # Values of the default grid that were left out, since the scores had fallen for good; of many labels also smaller.
    not_searched: tuple[float, ...] = ()

    @property
    def chosen_C(self) -> float:  # noqa: N802 - C is its name everywhere
        """That of the only group; NaN where there are several."""
        only = self.chosen_Cs[0] if len(self.chosen_Cs) == 1 else None
        return math.nan if only is None else only


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """Features that were tried when features were chosen."""

    features: str  # As in `mean@all`
    # `layer`, `pooling`: Of a single block; None for a join.
    layer: int | None
    pooling: str | None
    score: float  # Cross-validated on the training rows, with C searched. It made the choice, so it flatters.
    interval: Interval  # 95 %
    n_features: int
    # None where the features are the same for every text.
    chosen_C: float | None  # noqa: N815 - C is its name everywhere


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRecord:
    """How the features were chosen, where a sweep chose them."""

    trials: tuple[TrialRecord, ...]  # The single blocks by pooling and layer, then the joins
    # `best`, `winner`, `tutorial`: Features with the highest score; those chosen; `cls@-1`.
    best: str
    winner: str
    tutorial: str
    # `n_layers`, `n_rows`, `n_folds`: Of the encoder; swept; of the cross-validation.
    n_layers: int
    n_rows: int
    n_folds: int
    scoring: str
    rule: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PartRecord:
    """The features, the words, or both, by the folds of the search; C and weights were chosen on the same rows."""

    features: str  # As in `mean@all+words`
    score: float
    interval: Interval  # 95 %
    lead: Difference  # Over the features alone, on the same rows and folds


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PartsRecord:
    """How features and the texts' own words came together."""

    is_chosen: bool  # Whether the folds chose what is kept; else both were asked for
    kept: str  # Features, as in `PartRecord`
    trials: tuple[PartRecord, ...]  # Features alone, words alone, both
    scoring: str
    n_folds: int
    # What the decisions of the features, those of the words and the labels' log shares are multiplied by, where both
    # are kept.
    weights: tuple[float, float, float]
    word_Cs: tuple[float | None, ...]  # noqa: N815 - n_groups: C of the words' head, as in `SearchRecord.chosen_Cs`


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRecord:
    """How the head was calibrated, by held-out decisions of the training rows."""

    asked: Calibrate
    way: Way  # What was taken
    why: str  # One clause
    temperature: float | None
    n: int  # Rows fitted on
    # What was tried, each on rows that its fit had not seen: log losses of a choice, not of the model.
    candidates: tuple[Candidate, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """How answers are made of probabilities, where not simply by the most probable label."""

    asked: str  # What was wished for, in words
    label: Label | None  # That a threshold was chosen for
    thresholds: tuple[float, ...]  # n_labels, or empty
    answer_from: float  # The probability below which there is no answer; 0: there always is one
    promises: tuple[Promise, ...] = ()  # What holds of new texts, with a confidence
    out_of_fold: AnswerScores  # Of the training rows, each by a rule chosen on the other folds
    test: AnswerScores | None  # Of the rows of `test`


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilityRecord:
    """How far the probabilities can be trusted, on the rows of `test`."""

    way: Literal["none", "temperature", "isotonic"]  # How the head is calibrated
    scores: CalibrationScores  # Of the probabilities as they are given
    # Of the same rows without the calibration; None where there is none, or it was not measured.
    before: CalibrationScores | None
    curves: tuple[LabelCurves, ...]  # ROC and precision-recall of each label
    coverage: CoverageCurve  # What abstaining brings


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class UnlikeRecord:
    """How many of the test texts are unlike anything that the head learned from."""

    below: float  # The likeness below which a text counts as unlike; so many of texts like those learned from would
    share: Estimate  # Of the test texts


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeTest:
    """What a cascade does to test texts."""

    early: Estimate  # The share that its cheap head answers, so that the encoder does not read them
    changed: Estimate  # The share of all whose answer is another than the full head's
    # `right`, `right_without`: The share with the right label, or exactly the right ones, by the cascade and by the
    # full head alone.
    right: Estimate
    right_without: Estimate
    speed_up: float | None  # How many times as many texts a second, as measured here; None where there was no telling
    n_timed: int  # Texts that were read for it


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeRecord:
    """A cascade: a cheap head that answers the texts it is surest of."""

    why: str  # A sentence that says why there is none; empty where there is one
    # `most_changed`, `below`: What was asked for: the share of answers changed, and the upper end of its interval.
    most_changed: float
    below: float
    features: str = ""  # What the cheap head goes by
    n_words: int = 0  # Words and pairs of words of the training texts among it
    answer_from: float = 0.0  # The confidence from which on it answers
    # `early`, `changed`: As in `CascadeTest`, of rows that neither head learned from. They chose the confidence.
    early: float = 0.0
    changed: Estimate | None = None
    test: CascadeTest | None = None  # None: every row was tested in turn, or none


TestKind: TypeAlias = Literal[
    "file", "stratified hold-out", "random hold-out", "nested cross-validation", "cross-validation"
]


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
    """What one file held."""

    # `name`, `sha256`, `size_bytes`: As in `frostline.data.dataset.Source`.
    name: str
    sha256: str
    size_bytes: int
    n_rows: int  # Rows used
    n_rejected: int = 0  # Rows left out; rows in the file = n_rows + n_rejected
    label_counts: Mapping[Label, int]  # Rows that have the label, in the labels' order
    kind: Kind = "one label"  # What a row has: exactly one, or any number
    n_given: int = 0  # Labels on all rows together
    n_unlabelled: int = 0  # Rows without a label
    n_duplicates: int = 0  # Rows of whose text an earlier row holds a copy
    n_conflicts: int = 0  # Texts that stand there, or copies of them, with different labels
    # `text_column` to `sheet`: As in `frostline.data.dataset.Source`; "" where there were none.
    text_column: str = ""
    label_column: str = ""
    group_column: str = ""
    other_columns: tuple[str, ...] = ()
    sheet: str = ""
    # What a file of fixes changed before anything else was done: rows in the file = n_rows + n_rejected +
    # fixes.n_dropped.
    fixes: FixesRecord | None = None


NEAR_MATTERS = 0.05
"""The share of test texts that nearly are training texts from which on the score says little of new texts."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NearRecord:
    """Test texts that nearly are texts that their head learned from, among those looked at."""

    n: int
    n_looked: int
    n_right: int  # Of the others looked at: how many were answered rightly
    can_be_kept: bool  # Whether --keep-near-copies-together would have them on one side: of one file, if not given

    @property
    def matters(self) -> bool:
        """Whether they are so many that the score says little of new texts."""
        return self.n >= NEAR_MATTERS * self.n_looked


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TestRecord:
    """Where the test rows came from."""

    kind: TestKind  # The last two: every row by a head that learned, and chose C and thresholds, without it
    n_fitted: int  # Rows that the tested head learned from (of a cross-validation, the fewest of any fold)
    # Test rows that are copies of training rows: left out of all that is told of the test, unless nothing else is there
    n_leaks: int = 0
    with_leaks: Evaluation | None = None  # Of all test rows, those among them; None where there are none, or no others
    data: DataRecord | None = None  # The test file, for `file`
    near: NearRecord | None = None  # None where none was met, or none could be looked for

    @property
    def is_of_new(self) -> bool:
        """Whether the test tells of texts that were not learned from."""
        return self.n_leaks == 0 or self.with_leaks is not None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesRecord:
    """What a text became."""

    spec: str  # As in `mean@all`
    n_features: int  # Numbers per text, those of words among them
    max_length: int  # Word pieces, [CLS] and [SEP] included
    # `n_texts`, `n_cut`: Texts embedded, and how many of them were longer than that and lost their end.
    n_texts: int
    n_cut: int
    n_read: int  # Distinct texts that the encoder read for this training; the rest were kept from before
    # Features among which these were chosen, by cross-validation on the training rows; 1: they were named, or there
    # were no others.
    n_candidates: int = 1
    n_words: int = 0  # Words and pairs of words of the training texts, each of which is a number; most are 0
    legibility: Legibility | None = None  # Of a sample of the texts; None where the encoder has no word pieces


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TuningRecord:
    """How the encoder was tuned, and whether it paid: beside the frozen one, on the rows of `test`."""

    frozen: float  # Share of those rows that are all right by the encoder as it was
    lead: Difference  # Of the tuned one over that
    n_frozen_layers: int
    losses: tuple[float, ...]  # Of each epoch, on the rows tuned on, in training
    # Log loss of the rows held out, at the temperature that suits them: before, and after each epoch; empty: none were.
    held_out: tuple[float, ...]
    best: int  # The epoch that is kept; 0: the encoder as it was
    was_stopped: bool  # By hand
    seconds: float
    size_bytes: int  # Of the tuned weights
    n_asked: int | None = None  # Epochs asked for; of few rows there are more
    is_contrasted: bool = False  # Whether texts of like labels were brought together first, which gained by folds


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
    """One training."""

    labels: tuple[Label, ...]  # n_labels: In column order
    data: DataRecord  # All rows given, those of a hold-out included
    n_trained: int  # Rows that the saved head learned from
    encoder: EncoderIdentity
    features: FeaturesRecord
    search: SearchRecord
    test_source: TestRecord | None
    test: Evaluation | None  # None if nothing was tested, or only copies of what was learned from
    # The same probabilities with every label given from 0.5 on: what the thresholds are worth; None where labels
    # exclude each other.
    at_half: Evaluation | None = None
    # Of the test rows without the calibration, where a text may have several labels; None where there is none.
    uncalibrated: Reliability | None = None
    nested: "NestedResult | None" = None
    baselines: tuple[Baseline, ...] = ()  # On the rows of `test`
    learning: "LearningCurve | None" = None  # None if none was asked for, or the rows are too few
    choice: ChoiceRecord | None = None  # How a sweep chose the features; None: none did
    parts: PartsRecord | None = None  # How features and words came together; None: there was one of them
    probabilities: ProbabilityRecord | None = None
    calibration: CalibrationRecord | None = None
    decision: DecisionRecord | None = None  # None: always the most probable label
    unlike: UnlikeRecord | None = None  # None: nothing was held out to test on, or too little learned from to tell
    precision: PrecisionRecord | None = None  # Which precision read, and why; None where nobody asked: float32
    tuning: TuningRecord | None = None  # None: the encoder reads as it came
    cascade: CascadeRecord | None = None  # None: none was asked for
    n_in_doubt: int = 0  # Texts learned from with a label that looks wrong to heads that did not see them
    seconds: Seconds
    machine: Machine
    seed: int
    warnings: tuple[str, ...] = ()  # Each one sentence; may hold the user's text
    version: str  # Of Frostline


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EvaluationRecord:
    """One test of a saved classifier."""

    model: str  # Its folder, as given
    C: float  # As chosen when it was trained; NaN where each label has its own
    data: DataRecord  # The test rows
    # What of them it learned from, which `test` leaves out; None: it does not remember
    source: TestRecord | None = None
    features: FeaturesRecord
    test: Evaluation
    probabilities: ProbabilityRecord | None = None
    answers: AnswerScores | None = None  # Where the head has a rule
    baselines: tuple[Baseline, ...] = ()  # Learned from the file itself, by folds
    unlike: UnlikeRecord | None = None  # None: the artifact does not know
    cascade: CascadeTest | None = None  # None: it has none
    seconds: Seconds  # `search` is 0: nothing is searched
    warnings: tuple[str, ...] = ()
    version: str  # Of Frostline
