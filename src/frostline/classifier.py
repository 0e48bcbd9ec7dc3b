"""`SentenceClassifier`: a scikit-learn estimator over texts.

It works in Pipeline, cross_val_score, GridSearchCV and clone.
"""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast, final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils import TransformerTags
from sklearn.utils.validation import check_is_fitted

from frostline.arrays import Advance, Float64Array, IntArray, Probabilities, Rows, dense_part
from frostline.artifact import ArtifactRecord, Neighbours, TrainingData, refuse_size, save_artifact
from frostline.artifact.model import open_model, refuse_likeness
from frostline.artifact.save import portable_name
from frostline.data.copies import digests_of
from frostline.encoder.architecture import AskedBackend, Device
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import DEFAULT_FEATURES, FeatureSpec
from frostline.encoder.precision import AskedPrecision, Precision, PrecisionWarning
from frostline.encoder.reading import Reading, SentenceEncoder, check_texts
from frostline.encoder.seen import refuse_seen
from frostline.encoder.words import WordsAlone, kept_reader, vocabulary_of, with_words
from frostline.errors import InputError, OutputError, UsageError, in_python, listed, shown
from frostline.evaluate.baselines import Part
from frostline.finetune.options import FineTune
from frostline.head.cascade import Cascade, Heard, hear
from frostline.head.cascading import CascadeFit, made_cascade
from frostline.head.deciding import RuleOptions, parsed_wish
from frostline.head.fitted import AnswerOptions, chosen_document, fit, possible_folds, refuse_held_out
from frostline.head.likeness import Likeness, fit_likeness
from frostline.head.linear import LinearHead
from frostline.head.options import CONFIDENCE, MOST_SEARCHED, CascadeOptions, SearchOptions
from frostline.head.parts import part_of
from frostline.head.scoring import criterion_of
from frostline.head.search import fit_at, search
from frostline.legible import LegibilityWarning, reading_warnings
from frostline.precision import settle
from frostline.report.notebook import Shown
from frostline.report.progress import shown_progress
from frostline.store import FeatureStore, StoredEncoder
from frostline.targets import Targets, one_label, sample_weights
from frostline.training.given import given, given_dataset, require_known, right
from frostline.training.options import SEARCHING
from frostline.training.parameters import (
    ELSEWHERE,
    cascade_options,
    check_parameters,
    kept_parameters,
    named_encoder,
    read_parameters,
    refuse_with_finetune,
)
from frostline.training.room import refuse_crowd, refuse_no_room

if TYPE_CHECKING:
    from frostline.encoder.precision import PrecisionRecord
    from frostline.explanation.explaining import Explanation
    from frostline.finetune import Curve
    from frostline.head.calibrating import Calibrate, CalibrationFit
    from frostline.head.deciding import RuleFit
    from frostline.head.search import Search
    from frostline.record import EvaluationRecord


@final
@dataclass(frozen=True, slots=True)
class _Answering:
    head: LinearHead
    encoder: SentenceEncoder
    cascade: Cascade | None


@contextlib.contextmanager
def _as_before_where_it_fails(classifier: "SentenceClassifier") -> Iterator[None]:
    """What was fitted before answers as it did, also where another fit is refused in the middle, or stopped."""
    before = dict(classifier.__dict__)
    try:
        yield
    except BaseException:
        classifier.__dict__.clear()
        classifier.__dict__.update(before)
        raise


class SentenceClassifier(ClassifierMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A frozen encoder and a logistic regression, as one scikit-learn classifier over texts.

    Parameters
    ----------
    encoder : str, path or SentenceEncoder, default="minilm"
        `minilm` (bundled), `distilbert`, `bert`, a folder, a hub id, or an encoder that is open already
        (then `features`, `revision`, `max_length`, `store` and `threads` are its own).
    features : str or None, default=None
        Which pooling of which layers becomes a row: `cls@-1`, `mean@all`, `cls@-1+mean@-1`; and, with `+words` at the
        end, the texts' own words and pairs of words beside it, by the vocabulary of the texts that `fit` is given;
        `words`: these alone, for which no encoder is opened. None is `mean@all`, and where C is searched, words are
        tried too: both are taken, or words alone, where the folds say so.
    C : float or None, default=None
        Inverse strength of the regularisation. None searches `Cs` by stratified folds.
    Cs : sequence of float or None, default=None
        The grid to search; None is the default log grid (`head.search.default_grid`), climbed as far as it pays.
    n_folds : int, default=5
        Folds of the search.
    scoring : str or None, default=None
        Any scikit-learn scorer's name; None is `accuracy`. Where a text may have several labels: `neg_log_loss`, which
        None is there, `average_precision` or `f1_macro` of each label; or `f1_micro`, for which they share a C.
    class_weight : dict, "balanced" or None, default=None
        As in scikit-learn. Where a text may have several labels: what the rows weigh that have the label; "balanced"
        makes them weigh as much as those that don't.
    one_standard_error : bool, default=False
        Take the smallest C whose mean score is within one standard error of the best.
    standardise : bool, default=True
        Bring every feature to mean 0 and variance 1 first; folded into `coef_` afterwards.
    revision : str or None, default=None
        The hub commit, for an encoder named by a hub id.
    max_length : int or None, default=None
        Word pieces per text, [CLS] and [SEP] included; None is what its makers' files say, or the encoder's limit.
    prefix : str or None, default=None
        Put before every text, such as `query: `; None is what the encoder's family needs (E5, Nomic) or its makers'
        files say, an empty one none.
    store : bool or path, default=True
        Keep features on disk so that no sentence is read twice; a path chooses where, False keeps nothing.
    threads : int or None, default=None
        Threads that read; None is one per core.
    precision : {"float32", "int8", "bfloat16", "auto"}, default="float32"
        int8 is faster on processors made for it, and changes few answers; elsewhere float32 is used, with a warning.
        `auto` takes it if it changes at most 1 % of the answers on the texts that `fit` is given.
    random_state : int, default=0
        Decides the folds.
    calibrate : {"auto", "none", "temperature", "isotonic"}, default="auto"
        How probabilities are made to mean what they say, by the held-out decisions of the search; `auto` takes what
        loses least there. Where C is given nothing is held out: `auto` is then none, and the others are refused.
    backend : {"auto", "onnx", "torch"}, default="auto"
        Who reads: our own graph, or torch, which reads any architecture; auto: our graph where the family has one.
    device : {"auto", "cpu", "cuda", "mps"}, default="auto"
        Where torch reads.
    abstain_precision : float or None, default=None
        Answer only where so sure that at least this share of the answers is right, of several labels exactly right;
        `predict` gives None for the other texts. Where that cannot be promised, as where the texts are too few, `fit`
        leaves it out, and a warning says why.
    confidence : float, default=0.95
        With which that, and what `threshold_for` says, is promised of new texts.
    threshold_for : str or None, default=None
        `precision=0.9` or `recall=0.9`: take one label from where on it reaches at least that.
    threshold_label : str, int, bool or None, default=None
        That label; None is the second of two.
    thresholds : {"f1"} or None, default=None
        A threshold for each label, for the highest macro F1; several labels per text have that anyway.
    finetune : FineTune or None, default=None
        Train the encoder too, above `finetune.freeze_layers`, from the fitted regression on (needs frostline[torch]).
        Where every label has 64 texts or more, a tenth of them judge the epochs, and by these `calibrate`, thresholds
        and abstaining are settled. `class_weight` may then be "balanced" or None, `precision` float32, and words are
        no features. The texts of `fit` are known by the tuned encoder, which refuses any score over them.
    cascade : bool or CascadeOptions, default=False
        Put a cheap head before the full one: it answers the texts that it is surest of by their words and the mean of
        their word embeddings, so that the encoder reads the others alone. Out of fold at most 0.5 % of all answers
        change, surely fewer than 1 % (`CascadeOptions(changed=0.005, upper=0.01)`); where that cannot be promised
        there is none, and a warning says why. Probabilities and log-odds of a text are those of the head that answers.
    verbose : bool, default=False
        Show how far the reading, the search and the tuning are, on standard error or in the notebook: `2 of 3`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
    head_ : LinearHead
        All that predicting needs, its calibration and its rule among it.
    coef_ : ndarray of shape (n_labels or 1, n_features)
        Over the features as the encoder gives them, and the words after them.
    intercept_ : ndarray of shape (n_labels or 1,)
    C_ : float, or ndarray of shape (n_labels,)
        The C in use, given or chosen; one per label where a text may have several.
    search_ : Search or None
        The search over C; None where C was given. Its scores are scores of a choice, not of this classifier.
    calibration_ : CalibrationFit or None
        What was tried, and why the probabilities are as they are; None where C was given.
    rule_ : RuleFit or None
        How the answers were chosen, where anything was wished for.
    likeness_ : Likeness or None
        What `likeness` goes by; None where C was given, since nothing was held out.
    encoder_ : SentenceEncoder
    cascade_ : Cascade or None
    cascade_fit_ : CascadeFit or None
        Which training texts it answered early, and of which it changed the answer, out of fold.
    tuning_ : Curve or None
        Losses by epoch, the epoch that was kept, and whether Ctrl-C ended it, where the encoder was tuned.
    precision_ : PrecisionRecord or None
        Which precision read, and why; None where the encoder was given as an object.
    n_read_ : int
        Distinct sentences that `fit` sent through the encoder; the others were remembered.
    n_cut_ : int
        Training texts longer than the encoder could see.

    Examples
    --------
    >>> from frostline import SentenceClassifier
    >>> texts = ["a fine film", "a joy", "a dull film", "a bore"] * 5
    >>> clf = SentenceClassifier(C=1.0).fit(texts, [1, 1, 0, 0] * 5)
    >>> clf.predict(["such a joy"]).tolist()
    [1]
    """

    def __init__(  # noqa: PLR0913 - the parameters of an estimator are those of its constructor
        self,
        encoder: str | os.PathLike[str] | SentenceEncoder = "minilm",
        *,
        features: str | None = None,
        C: float | None = None,
        Cs: Sequence[float] | None = None,
        n_folds: int = 5,
        scoring: str | None = None,
        class_weight: dict[Any, float] | str | None = None,
        one_standard_error: bool = False,
        standardise: bool = True,
        revision: str | None = None,
        max_length: int | None = None,
        prefix: str | None = None,
        store: bool | str | Path = True,
        threads: int | None = None,
        precision: AskedPrecision = "float32",
        backend: AskedBackend = "auto",
        device: Device = "auto",
        random_state: int = 0,
        calibrate: "Calibrate" = "auto",
        abstain_precision: float | None = None,
        confidence: float = CONFIDENCE,
        threshold_for: str | None = None,
        threshold_label: Any = None,
        thresholds: Literal["f1"] | None = None,
        finetune: FineTune | None = None,
        cascade: bool | CascadeOptions = False,
        verbose: bool = False,
    ) -> None:
        self.encoder = encoder
        self.features = features
        self.C = C
        self.Cs = Cs
        self.n_folds = n_folds
        self.scoring = scoring
        self.class_weight = class_weight
        self.one_standard_error = one_standard_error
        self.standardise = standardise
        self.revision = revision
        self.max_length = max_length
        self.prefix = prefix
        self.store = store
        self.threads = threads
        self.precision = precision
        self.backend = backend
        self.device = device
        self.random_state = random_state
        self.calibrate = calibrate
        self.abstain_precision = abstain_precision
        self.confidence = confidence
        self.threshold_for = threshold_for
        self.threshold_label = threshold_label
        self.thresholds = thresholds
        self.finetune = finetune
        self.cascade = cascade
        self.verbose = verbose

    def fit(
        self,
        X: Sequence[str],
        y: Sequence[Any] | NDArray[Any],
        *,
        sample_weight: Sequence[float] | NDArray[Any] | None = None,
        groups: Sequence[Any] | NDArray[Any] | None = None,
    ) -> Self:
        """Read the texts once, choose C where it is not given, fit the head on all of them.

        Texts that are equal but for case, blanks and punctuation are in one fold of the search. Where others split the
        rows (`cross_val_score`), `frostline.together_of(X)` gives them the groups for a `StratifiedGroupKFold`.

        Parameters
        ----------
        X : sequence of str, length n_texts
        y : sequence of str, int or bool, length n_texts
            Or, where a text may have several labels or none: a list of lists, tuples or sets of labels; or a 0/1 array
            of shape (n_texts, n_labels). Each label then has a C and a threshold of its own, chosen out of fold.
        sample_weight : sequence of n_texts numbers from 0 on, optional
            What each text counts for: one of 2 is learned from, scaled and scored as if it stood there twice, one of 0
            is left out. Folds are dealt, words of the vocabulary and what a promise is tested on counted by texts,
            whatever they weigh.
        groups : sequence of n_texts hashable values, optional
            Author, thread, document: texts of one group are in one fold too. Missing or blank: in no group.

        Raises
        ------
        UsageError
            Not one group per text, or one that is not hashable.
        TextTypeError
            An item of X is not a str (its position is named), or X is a lone str.
        InputError
            X and y differ in length, y has one class only or missing values, a weight is no number from 0 on; more rows
            than there is room for.

        Warns
        -----
        LegibilityWarning
            The encoder can hardly read 2 % of the texts or more, or reads only the beginning of as many: also where
            texts are answered.
        """
        check_parameters(self.get_params(deep=False))
        refuse_with_finetune(
            self.finetune,
            precision=self.precision,
            class_weight=self.class_weight,
            features=None if self._named is None else self.features,
        )
        wished = cascade_options(self.cascade, C=self.C, is_tuned=self.finetune is not None)
        with _as_before_where_it_fails(self):
            own = given(check_texts(X), y, sample_weight=sample_weight, groups=groups)
            texts, targets, self.is_indicator_ = own.texts, own.targets, own.is_matrix
            self._refuse_options(targets)
            may_try = self.features is None and self.C is None and self.finetune is None
            tried = may_try and self._named is not None and len(targets.labels) <= MOST_SEARCHED
            settled = self._settled_encoder(texts, targets)
            refuse_seen(texts, settled)
            refuse_no_room(texts, settled)
            refuse_crowd(len(texts), len(targets.labels))
            if self.finetune is not None:
                from frostline.training.tuning import refuse_untunable  # noqa: PLC0415 - not what others fit with

                refuse_untunable(settled, self.finetune)
            self.encoder_ = with_words(settled, texts, tried=tried)
            reading = self._read_all(texts, step=self._step(1))
            self.tuning_: Curve | None = None
            self.cascade_: Cascade | None = None
            self.cascade_fit_: CascadeFit | None = None
            if self.finetune is None:
                self._fit_head(texts, reading.for_head, targets, choose_parts=tried, cascade=wished)
            else:
                self._fit_tuned(texts, reading.rows, targets, self.finetune)
            self.data_: TrainingData | None = TrainingData.of_rows(texts, own.names)
            self.learned_: IntArray | None = np.unique(digests_of(texts))
            self.n_read_ = reading.n_read
            self.n_cut_ = int(reading.cut.sum())
        return self

    def decision_function(self, X: Sequence[str]) -> Float64Array:
        """Log-odds: (n_texts,) for two classes, (n_texts, n_labels) otherwise."""
        decisions = self._heard(X).decisions()
        return decisions[:, 0] if decisions.shape[1] == 1 else decisions

    def predict_proba(self, X: Sequence[str]) -> Probabilities:
        """Probabilities (n_texts, n_labels), columns in the order of `classes_`."""
        return self._heard(X).answers().probabilities

    def fit_transform(
        self,
        X: Sequence[str],
        y: Sequence[Any] | NDArray[Any],
        *,
        sample_weight: Sequence[float] | NDArray[Any] | None = None,
        groups: Sequence[Any] | NDArray[Any] | None = None,
    ) -> Probabilities:
        """Fit, and give the probabilities (n_texts, n_labels) of each text by a head that did not learn from it.

        What is learned from them, beside other columns as in a `ColumnTransformer`, is then told of this classifier
        what it will be on new texts. Parameters as for `fit`.

        Raises
        ------
        UsageError
            C is given, or the encoder is tuned: nothing is held out.
        """
        if self.C is not None or self.finetune is not None:
            raise UsageError(
                "fit_transform gives what is said of texts that were not learned from, and where C is given or the "
                "encoder is tuned none is held out.",
                hint="Leave C out: it is searched, by folds.",
            )
        self.fit(X, y, sample_weight=sample_weight, groups=groups)
        held_out = cast("CalibrationFit", self.calibration_).held_out
        if len(held_out) == len(X):
            return held_out
        shares = self.predict_proba(X)  # texts of no weight were not learned from
        shares[np.flatnonzero(np.asarray(sample_weight, dtype=np.float64))] = held_out
        return shares

    def transform(self, X: Sequence[str]) -> Probabilities:
        """The same as `predict_proba`, for texts that are new."""
        return self.predict_proba(X)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[Any]:
        """What the columns of `transform` are: a label each."""
        del input_features
        self._head()
        return np.asarray([str(label) for label in self.classes_.tolist()], dtype=object)

    def likeness(self, X: Sequence[str]) -> Float64Array:
        """How like each text (n_texts,) is to those learned from: how many of such texts would be as unlike as it.

        Of new texts of the same kind one in a hundred has a likeness below 0.01; texts about something else, or of
        another kind, have one more often.

        Raises
        ------
        UsageError
            C was given, so that nothing was held out to go by; or an earlier version saved the classifier.
        """
        head = self._head()
        refuse_likeness(self.likeness_)
        rows = self._read_all(X).for_head
        return cast("Likeness", self.likeness_).of(dense_part(rows), head.predict_proba(rows))

    def predict(self, X: Sequence[str]) -> NDArray[Any]:
        """The answer for each text (n_texts,): the most probable label, or what the head's rule makes of it.

        With `abstain_precision` the array is of objects, and holds None where the classifier is not sure enough. Where
        a text may have several labels: an array of tuples of labels; or, if `y` was a matrix, a 0/1 matrix. With
        `abstain_precision` that is one of floats, and a text without an answer has a row of NaN: zeros would say that
        it has none of the labels. scikit-learn's scores refuse NaN; take such rows out first.
        """
        head, answer = self._head(), self._heard(X).answers()
        if not self.is_indicator_:
            return head.named(answer)
        if head.rule is None or not head.rule.answer_from:
            return answer.favoured.astype(np.int64)
        return np.where(answer.answered[:, None], answer.favoured, np.nan)

    def score(
        self, X: Sequence[str], y: Sequence[Any] | NDArray[Any], sample_weight: Float64Array | None = None
    ) -> float:
        """The share of the texts that are given the right label, or exactly the right labels.

        A text without an answer is not given the right one.

        Raises
        ------
        InputError
            None of the labels of `y` is one that the classifier knows, or they are numbers where it knows strings, or
            the other way round: none could be right. One is missing, there are not as many as texts, or no text.
        """
        head, X = self._head(), check_texts(X)
        if not X:
            raise InputError("At least one text is needed to score (got none).")
        weights = None if sample_weight is None else sample_weights(sample_weight, n_texts=len(X))
        require_known(y, head, n_texts=len(X))  # so that nothing is read in vain
        return float(np.average(right(self._heard(X).answers(), y, head), weights=weights))

    def evaluate(self, X: Sequence[str], y: Sequence[Any] | NDArray[Any]) -> "Shown[EvaluationRecord]":
        """How good it is on labelled texts, with intervals; texts that it learned from are left out, and counted.

        Parameters
        ----------
        X : sequence of str, length n_texts
        y : labels as for `fit`

        Returns
        -------
        Shown
            `value` is the record (`value.test.scores["accuracy"].interval`); printed it is the report, in a notebook
            the page, which `save("page.html")` writes. `report_` is the last one.

        Raises
        ------
        InputError
            A label that the classifier does not know.
        """
        from frostline.report.page import evaluation_html  # noqa: PLC0415 - reports are not what fitting needs
        from frostline.report.terminal import print_evaluation  # noqa: PLC0415
        from frostline.training.measured import Classifier, measure  # noqa: PLC0415

        head, texts = self._head(), check_texts(X)
        dataset = given_dataset(texts, y, head)
        who = Classifier(
            name="fitted here",
            head=head,
            encoder=self.encoder_,
            learned=self.learned_,
            likeness=self.likeness_,
            cascade=self.cascade_,
            n_fitted=0 if self.data_ is None else self.data_.rows,
        )
        measured = measure(who, dataset)
        record = replace(measured.record, warnings=tuple(map(in_python, measured.record.warnings)))
        self._report: Shown[EvaluationRecord] = Shown(
            value=record,
            print_to=lambda console: print_evaluation(record, console),
            as_page=lambda: evaluation_html(record, measured.examples()),
        )
        return self._report

    def explain(self, text: str, *, labels: Sequence[Any] = ()) -> "Shown[Explanation]":
        """Why it answers so for one text: what each word adds, by reading the text again without it.

        Parameters
        ----------
        labels : sequence of labels, optional
            To explain; the answer's unless given.

        Returns
        -------
        Shown
            `value` is the explanation; printed it is a table, in a notebook a page.

        Raises
        ------
        UsageError
            A label that is none of `classes_`; an encoder that has no word pieces.
        """
        from frostline.explanation.explaining import explain  # noqa: PLC0415 - not what fitting needs
        from frostline.report.explanation import NOT_KEPT, explanation_html, print_explanation  # noqa: PLC0415

        found = explain(_Answering(self._head(), self.encoder_, self.cascade_), text, labels=labels)
        return Shown(
            value=found,
            print_to=lambda console: print_explanation(found, console, to_keep=NOT_KEPT),
            as_page=lambda: explanation_html(found, to_keep=NOT_KEPT),
        )

    @property
    def report_(self) -> "Shown[EvaluationRecord]":
        """What `evaluate` found last."""
        if "_report" not in vars(self):
            raise AttributeError("There is no report_ yet: evaluate(texts, labels) makes it.")
        return self._report

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """The parameters; once fitted also labels, C and how many texts it learned from."""
        said = str(super().__repr__(N_CHAR_MAX))
        if not hasattr(self, "classes_"):
            return said
        learned = np.ravel(self.C_)
        Cs = sorted({f"{C:.4g}" for C in learned[np.isfinite(learned)].tolist()}, key=float)
        C = "" if not Cs else f", C = {Cs[0]}" if len(Cs) == 1 else f", C from {Cs[0]} to {Cs[-1]}"
        rows = "" if self.data_ is None else f", {self.data_.rows:,} texts"
        return f"{said}  # fitted: {len(self.classes_)} labels ({listed(self.classes_.tolist())}){C}{rows}"

    def save(
        self,
        path: str | Path,
        *,
        overwrite: bool = False,
        with_encoder: bool = False,
        neighbours: tuple[Sequence[str], Sequence[Any]] | None = None,
        keep_digests: bool = True,
    ) -> None:
        """Save as an artifact folder: arrays and JSON, no pickle.

        Parameters
        ----------
        path : path of the folder to make
        overwrite : bool, default=False
            Replace what is there; the old one stays whole until the new one is.
        with_encoder : bool, default=False
            Add the encoder's files, for machines without a network.
        neighbours : (texts, labels), optional
            Sentences with their labels to keep in the artifact, those of `fit` as a rule: `explain` shows the nearest.
        keep_digests : bool, default=True
            Keep 8 bytes of each text of `fit`, by which `frostline evaluate` knows which texts are new.

        Raises
        ------
        InputError
            A neighbour's label is none of `classes_`, or they are too many to be kept; labels are float.
        """
        head = self._head()
        if not overwrite and Path(path).exists():
            raise OutputError(f"{path} exists already.", hint="Choose another name, or pass overwrite=True.")
        if isinstance(
            head.labels[0], float
        ):  # scikit-learn takes them for classes, a saved model has no place for them
            raise InputError(
                f"Labels are saved as str, int or bool (these are float: {shown(str(head.labels[0]))}).",
                hint="Fit with y.astype(int), or with [str(label) for label in y].",
            )
        save_artifact(
            Path(path),
            head=head,
            encoder=self.encoder_,
            record=ArtifactRecord(
                data=self.data_,
                choice={
                    **chosen_document(
                        head.labels,
                        C=np.broadcast_to(self.C_, len(head.labels) if head.answers_sets else 1),
                        search=self.search_,
                        is_indicator=self.is_indicator_,
                    ),
                    "parameters": self._kept_parameters(),
                },
                neighbours=None if neighbours is None else self._neighbours(*neighbours),
                learned=self.learned_ if keep_digests else None,
                likeness=self.likeness_,
                cascade=self.cascade_,
            ),
            overwrite=overwrite,
            with_encoder=with_encoder,
        )

    def push(self, hub_id: str, *, public: bool = False, message: str | None = None, with_encoder: bool = False) -> str:
        """Send it to the hub, as a repository that holds what `save` writes, and a card.

        Parameters
        ----------
        hub_id : str
            `owner/name`. The repository is made where there is none.
        public : bool, default=False
            A repository that is made now can be read by anybody.
        message : str, optional
            Of the commit.
        with_encoder : bool, default=False
            Send the encoder's files too. Without, whoever loads it gets the encoder by its name.

        Returns
        -------
        str
            The commit, for `SentenceClassifier.load(hub_id, revision=...)`.

        Raises
        ------
        AccessError
            There is no token of the hub, or it may not write there.
        UnavailableError
            The hub does not answer.
        """
        from frostline.artifact.push import push_classifier  # noqa: PLC0415 - with the hub, which fitting needs not
        from frostline.report.card import plain_card  # noqa: PLC0415 - reports are not what fitting needs

        with tempfile.TemporaryDirectory(prefix="frostline-push-") as folder:
            path = Path(folder) / "model"
            self.save(path, with_encoder=with_encoder)
            card = lambda artifact: plain_card(artifact.manifest)  # noqa: E731 - of this very artifact
            return push_classifier(path, hub_id, public=public, message=message, card=card).commit

    @classmethod
    def load(cls, path: str | Path, *, revision: str | None = None, fetch: bool = False) -> Self:
        """A fitted classifier from an artifact folder, or from the hub, every digest and the self-test checked.

        Parameters
        ----------
        path : path of a folder, or `owner/name` of the hub
        revision : str, optional
            A commit, branch or tag of the hub, which is then asked for the classifier. Without, `main` as it was
            when it was last asked for is loaded.
        fetch : bool, default=False
            Ask the hub for a classifier, and for an encoder that it names, that are not on this machine.

        Raises
        ------
        ConsentError
            One of them would have to be fetched, and `fetch` is false.
        MissingInputError
            There is no artifact at `path`, and none of that name on the hub.
        UnavailableError
            The hub does not answer.
        ArtifactCorrupt
            It is damaged, forged, or of a newer format.
        """
        from frostline.artifact.hub import find_classifier  # noqa: PLC0415 - with the hub, which fitting needs not

        model = open_model(find_classifier(path, revision=revision, fetch=fetch), fetch=fetch)
        identity, is_words = model.encoder.identity, model.encoder.spec.is_words_alone
        names = set(cls().get_params(deep=False)) - ELSEWHERE
        parameters: dict[str, Any] = {
            "features": str(model.encoder.spec),
            "revision": identity.revision,
            "max_length": identity.max_length,
            "prefix": identity.prefix,
            "precision": cast("Precision", identity.precision),
            **read_parameters(model.manifest, names),
        }
        named = named_encoder(model.manifest)  # a tuned one is tuned anew from what it was before
        own = identity.name if parameters.get("finetune") is None else named or identity.name
        loaded = cls(named or cls().encoder if is_words else own, **parameters)
        loaded.precision_ = None
        loaded.encoder_ = model.encoder
        loaded.data_ = model.manifest.data
        loaded.C_ = float(model.manifest.choice.get("C", np.nan))
        loaded.learned_ = model.learned
        loaded.search_ = None
        loaded.calibration_ = loaded.rule_ = None
        loaded.likeness_ = model.likeness
        loaded.tuning_ = None
        loaded.cascade_, loaded.cascade_fit_ = model.cascade, None
        loaded.is_indicator_ = bool(model.manifest.choice.get("is_indicator", False))
        loaded._adopt(model.head)
        return loaded

    def __sklearn_tags__(self) -> Any:
        """Texts in: one-dimensional strings, not a matrix of numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.classifier_tags.multi_label = True
        tags.transformer_tags = TransformerTags(preserves_dtype=[])
        return tags

    def _settled_encoder(self, texts: Sequence[str], targets: Targets) -> SentenceEncoder:
        """The encoder in the precision that was asked for, or that `auto` found; `precision_` says which, and why."""
        if not isinstance(self.encoder, str | os.PathLike):
            self.precision_: PrecisionRecord | None = None
            return self.encoder
        if self._spec.is_words_alone:
            self.precision_ = None
            return WordsAlone()
        self.precision_ = settle(self.precision, self._open_encoder, texts, targets)
        if self.precision == "int8" and self.precision_.used == "float32":
            told = f"float32 is used instead of int8. {self.precision_.reason}"
            warnings.warn(told, PrecisionWarning, stacklevel=3)
        return self._open_encoder(self.precision_.used)

    @property
    def _spec(self) -> FeatureSpec:
        return FeatureSpec.parse(DEFAULT_FEATURES if self.features is None else self.features)

    @property
    def _named(self) -> str | None:
        """What the encoder is called, where it is to be opened; None of one that is open."""
        return os.fspath(self.encoder) if isinstance(self.encoder, str | os.PathLike) else None

    def _open_encoder(self, precision: Precision) -> SentenceEncoder:
        encoder = Encoder.open(
            str(self._named),
            features=str(self._spec),
            revision=self.revision,
            max_length=self.max_length,
            threads=self.threads,
            precision=precision,
            backend=self.backend,
            device=self.device,
            prefix=self.prefix,
        )
        if self.store is False:
            return encoder
        return StoredEncoder(encoder, FeatureStore.open(None if self.store is True else Path(self.store)))

    def _fit_head(
        self,
        texts: Sequence[str],
        rows: Rows,
        targets: Targets,
        *,
        choose_parts: bool,
        cascade: CascadeOptions | None,
    ) -> None:
        answers = self._answer_options()
        if self.C is not None:
            refuse_held_out(answers, self.C)
            self.C_: float | Float64Array = float(self.C)
            self.search_: Search | None = None
            self.calibration_: CalibrationFit | None = None
            self.rule_: RuleFit | None = None
            self.likeness_: Likeness | None = None
            how = self.class_weight
            return self._adopt(fit_at(rows, targets, C=self.C_, class_weight=how, standardise=self.standardise))
        options = self._search_options(possible_folds(targets, int(self.n_folds)))
        how_parts = replace(options, choose_parts=choose_parts)
        with contextlib.ExitStack() as held:
            told = self._told(held, *SEARCHING[targets.kind], step=self._step(2))
            fitted = fit(rows, targets, search=how_parts, answers=answers, unmet="leave out", progress=told)
        for sentence in fitted.unmet:
            warnings.warn(f"{sentence} The classifier was made without that wish.", UserWarning, stacklevel=3)
        whole, vocabulary = fitted, vocabulary_of(self.encoder_)
        if fitted.parts is not None:
            kept = fitted.parts.kept
            fitted, self.encoder_ = fitted.of(kept, dense_part(rows).shape[1]), kept_reader(self.encoder_, kept)
            rows = part_of(rows, kept)
        for note in () if fitted.search.learned.all() else fitted.search.warnings:
            warnings.warn(note, UserWarning, stacklevel=3)
        if cascade is not None:
            made = made_cascade(
                self.encoder_,
                texts,
                targets,
                whole,
                vocabulary=vocabulary,
                search_options=options,
                answers=answers,
                options=cascade,
            )
            if isinstance(made, str):
                warnings.warn(made, UserWarning, stacklevel=3)
            else:
                self.cascade_, self.cascade_fit_ = made
        self.C_ = fitted.search.chosen_C if fitted.head.answers_sets else float(fitted.search.chosen_C[0])
        self.search_, self.calibration_, self.rule_ = fitted.search, fitted.calibration, fitted.rule
        self.likeness_ = fit_likeness(
            dense_part(rows),
            fitted.calibration.held_out,
            n_blocks=len(self.encoder_.blocks),
            lots=targets.lots,
        )
        return self._adopt(fitted.head)

    def set_params(self, **params: Any) -> Self:
        """As in scikit-learn; `finetune__rate` and its like make a new `FineTune` of the one there is."""
        others = {name: value for name, value in params.items() if not name.startswith("finetune__")}
        super().set_params(**others)
        inner = {name.removeprefix("finetune__"): params[name] for name in params.keys() - others.keys()}
        if not inner:
            return self
        known = {field.name for field in fields(FineTune)}
        if not isinstance(self.finetune, FineTune) or not inner.keys() <= known:
            raise UsageError(
                f"finetune__… sets what a FineTune has (got {listed(sorted(inner))}, of {shown(self.finetune)}).",
                hint=f"SentenceClassifier(finetune=FineTune()) has {', '.join(sorted(known))}.",
            )
        self.finetune = replace(self.finetune, **inner)
        return self

    def _fit_tuned(self, texts: Sequence[str], rows: Rows, targets: Targets, how: FineTune) -> None:
        """Search C on the frozen rows, and tune encoder and head together from there."""
        from frostline.training.tuning import grow_apart  # noqa: PLC0415 - not what others fit with

        if self.encoder_.spec.words:
            raise UsageError("Fine-tuning takes features of the encoder alone: leave words out.")
        self.search_ = None
        if self.C is None:
            options = self._search_options(possible_folds(targets, int(self.n_folds)))
            with contextlib.ExitStack() as held:
                searching = self._told(held, *SEARCHING[targets.kind], step=self._step(2))
                self.search_ = search(rows, targets, options=options, progress=searching)
        chosen = self.search_.chosen_C if self.search_ is not None else np.array([self.C], dtype=np.float64)
        self.C_ = chosen if len(chosen) > 1 else float(chosen[0])
        with contextlib.ExitStack() as held:
            told, last = None, self._step(3 if self.C is None else 2)
            steps = self._told(held, "Tuning", "steps", step=last)
            if steps is not None:
                told = lambda so_far: steps(so_far.step, so_far.n_steps)  # noqa: E731 - a progress bar's ear
            grown = grow_apart(
                Part(texts, rows, targets),
                self.encoder_,
                C=float(np.nanmedian(chosen)),
                answers=self._answer_options(),
                how=how if self.class_weight is None else replace(how, class_weight="balanced"),
                told=told,
            )
        if grown.curve.was_stopped:
            warnings.warn("Tuning was stopped by hand: the best so far is kept.", UserWarning, stacklevel=3)
        self.encoder_, self.tuning_ = grown.encoder, grown.curve
        self.calibration_, self.rule_, self.likeness_ = grown.calibration, grown.rule, None
        self._adopt(grown.head)

    def _refuse_options(self, targets: Targets) -> None:
        """Raise for a search, or answers, that cannot be had of these labels, before a text is read."""
        options, answers = self._search_options(self.n_folds), self._answer_options()
        criterion_of(options.scoring, targets, one_standard_error=options.one_standard_error)
        if self.C is not None and self.finetune is None:
            refuse_held_out(answers, self.C)

    def _search_options(self, n_folds: int) -> SearchOptions:
        """How C is searched, over as many folds as there can be."""
        if not isinstance(self.scoring, str | None):
            raise UsageError(
                f"scoring must be the name of a scorer (got {shown(self.scoring)}).",
                hint="sklearn.metrics.get_scorer_names() lists them; a scorer of your own goes to GridSearchCV over C.",
            )
        return SearchOptions(
            Cs=None if self.Cs is None else tuple(float(C) for C in self.Cs),
            n_folds=n_folds,
            scoring=self.scoring,
            class_weight=self.class_weight,
            one_standard_error=self.one_standard_error,
            standardise=self.standardise,
            seed=int(self.random_state),
        )

    def _answer_options(self) -> AnswerOptions:
        """How decisions become probabilities, and probabilities answers."""
        return AnswerOptions(
            calibrate=self.calibrate,
            rule=RuleOptions(
                abstain_precision=self.abstain_precision,
                confidence=self.confidence,
                threshold_for=None if self.threshold_for is None else parsed_wish(self.threshold_for),
                threshold_label=self.threshold_label,
                thresholds=self.thresholds,
            ),
        )

    def _kept_parameters(self) -> dict[str, Any]:
        """What is kept in an artifact; of words alone, or tuned, also the encoder, which nothing else there names."""
        kept = kept_parameters(self.get_params(deep=False))
        name = self._named
        if name is None:
            return kept
        is_folder = Path(name).expanduser().is_dir()
        if self.finetune is not None:
            own = portable_name(name)
            return {**kept, "encoder": f"./{own}" if is_folder else own}
        # folders are of one machine
        return {**kept, "encoder": name} if self.encoder_.spec.is_words_alone and not is_folder else kept

    def _neighbours(self, X: Sequence[str], y: Sequence[Any]) -> Neighbours:
        texts = check_texts(X)
        known, codes = one_label(y, n_texts=len(texts))
        labels = self.classes_.tolist()
        for label in known:
            if label not in labels:
                raise InputError(f"A neighbour's label must be one that the classifier knows (got {shown(label)}).")
        refuse_size(len(texts), len(self.encoder_.blocks) * self.encoder_.hidden_size)
        column_of = np.array([labels.index(label) for label in known], dtype=np.int64)
        return Neighbours.of_rows(texts, column_of[codes], self._read_all(texts).rows)

    def _adopt(self, head: LinearHead) -> None:
        self.head_ = head
        self.classes_ = np.asarray(head.labels)
        self.coef_ = head.coef
        self.intercept_ = head.intercept

    def _head(self) -> LinearHead:
        check_is_fitted(self, "coef_")
        return replace(self.head_, coef=self.coef_, intercept=self.intercept_)

    def _step(self, number: int) -> tuple[int, int] | None:
        """Which of how many steps of `fit` this is; None where it has one only."""
        n_steps = 1 + (self.C is None) + (self.finetune is not None)
        return (number, n_steps) if n_steps > 1 else None

    def _told(
        self, held: contextlib.ExitStack, description: str, unit: str, *, step: tuple[int, int] | None
    ) -> Advance | None:
        """Who is told how far this is, while it is `held`; None unless verbose."""
        if not self.verbose:
            return None
        return held.enter_context(shown_progress(Console(stderr=True), description, unit, step=step))

    def _read_all(self, X: Sequence[str], *, step: tuple[int, int] | None = None) -> Reading:
        texts = check_texts(X)
        with contextlib.ExitStack() as held:
            reading = self.encoder_.encode(texts, progress=self._told(held, "Reading", "texts", step=step))
        for said in reading_warnings(self.encoder_, texts, reading.cut):
            warnings.warn(in_python(said), LegibilityWarning, stacklevel=3)
        return reading

    def _heard(self, X: Sequence[str]) -> Heard:
        """Texts read as far as they have to be."""
        head, texts = self._head(), check_texts(X)
        with contextlib.ExitStack() as held:
            told = self._told(held, "Reading", "texts", step=None)
            heard = hear(texts, head, self.encoder_, cascade=self.cascade_, progress=told)
        for said in reading_warnings(self.encoder_, texts, heard.cut):
            warnings.warn(in_python(said), LegibilityWarning, stacklevel=3)
        return heard
