"""A record as one JSON object, for programs: keys always in the same order, what has no value is null.

Each key: docs/formats/report.md. A dataclass becomes an object of its fields; where the format's keys came before the
fields did, the names are listed here, and stay.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, TypeAlias, Union

import numpy as np

from frostline.advice import ranked, ranked_of_evaluation
from frostline.encoder.precision import PrecisionRecord
from frostline.encoder.reading import EncoderIdentity
from frostline.evaluate.baselines import Baseline, Lead
from frostline.evaluate.paired import Difference, PairedDifference, Score
from frostline.evaluate.scores import Evaluation
from frostline.head.linear import PLAIN_THRESHOLD
from frostline.record import DataRecord, EvaluationRecord, FeaturesRecord, SearchRecord, TestRecord, TrainingRecord
from frostline.report.plain import evaluation_words, plain_words
from frostline.targets import Kind

if TYPE_CHECKING:
    from frostline.evaluate.nested import NestedResult
    from frostline.sweep.compare import Comparison, Standing
    from frostline.sweep.run import Sweep, SweepTest, Trial

JSON: TypeAlias = Union[dict[str, "JSON"], list["JSON"], str, int, float, bool, None]  # noqa: UP007 - recursive

FORMAT = 1

_NOTHING: frozenset[str] = frozenset()
_POINTS = frozenset({"roc", "precision_recall", "by_label"})

_KIND: Mapping[Kind, dict[str, JSON]] = {"one label": {}, "several labels": {"kind": "several labels"}}
"""Documents of one label per text were there first, and name no kind."""

_COUNTS: Mapping[Kind, str] = {"one label": "class_counts", "several labels": "label_counts"}
_GIVEN: Mapping[Kind, tuple[str, ...]] = {"one label": (), "several labels": ("n_given", "n_unlabelled")}
_FILE = ("name", "sha256", "size_bytes", "n_rows", "n_rejected")
_COLUMNS = ("text_column", "label_column", "group_column", "other_columns")
_FEATURES = ("spec", "n_features", "n_words", "max_length", "n_texts", "n_cut", "n_read", "n_candidates", "legibility")
_READ_BY = ("name", "revision", "family", "precision", "weights_sha256")
_SEARCH = ("rule", "scoring", "n_folds", "standardise", "class_weight", "not_searched")
_OF_ONE_C = ("mean_scores", "std_errors", "chosen_C", "best_score")
_OF_ROWS = frozenset({"n_only_model", "n_only_baseline", "p_value"})
_OF_SETS = (
    "micro_f1",
    "macro_f1",
    "samples_f1",
    "subset_accuracy",
    "hamming_loss",
    "mean_average_precision",
    "log_loss",
)
_AT_HALF = ("micro_f1", "macro_f1", "subset_accuracy")


def as_json(value: object, *, without: frozenset[str] = _NOTHING) -> JSON:
    """`value` as JSON, leaving out the fields named in `without`, wherever they stand."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (tuple, list)):
        return [as_json(item, without=without) for item in value]
    if isinstance(value, np.ndarray):
        whole: JSON = value.tolist()
        is_plain = value.dtype.kind in "biu" or (value.dtype.kind == "f" and bool(np.isfinite(value).all()))
        return whole if is_plain else as_json(whole)
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: as_json(getattr(value, field.name), without=without)
            for field in fields(value)
            if field.name not in without
        }
    raise TypeError(f"{type(value).__name__} cannot stand in a document.")


def _picked(value: object, names: Sequence[str]) -> dict[str, JSON]:
    return {name: as_json(getattr(value, name)) for name in names}


def as_document(record: TrainingRecord, *, points: bool = True, is_whole: bool = False) -> dict[str, JSON]:
    """What `frostline train --json` prints; without `points`, no label has curves of its own, nor one of 201 scores.

    Where it `is_whole`, the latter have their scores, without the curves.
    """
    return {
        "format": FORMAT,
        **_KIND[record.data.kind],
        "frostline": record.version,
        "labels": list(record.labels),
        "data": {**_data(record.data), "n_trained": record.n_trained},
        "encoder": {
            **_picked(record.encoder, _READ_BY),
            **_prefix(record.encoder),
            "fingerprint": record.encoder.fingerprint(),
        },
        "precision": as_json(record.precision),
        "features": _features(record.features),
        "chosen": _chosen(record),
        "search": _search(record.search),
        "choice": as_json(record.choice),
        "parts": as_json(record.parts),
        "in_plain_words": list(plain_words(record)),
        "test": None
        if record.test is None
        else {**_source(record.test_source), **_tested(record.test, points=points or is_whole)},
        **_of_thresholds(record),
        "probabilities": as_json(record.probabilities, without=_NOTHING if points else _POINTS),
        "calibration": as_json(record.calibration),
        "decision": as_json(record.decision),
        "unlike": as_json(record.unlike),
        "learning": as_json(record.learning),
        **({} if record.tuning is None else {"tuning": as_json(record.tuning)}),
        **({} if record.cascade is None else {"cascade": as_json(record.cascade)}),
        "advice": as_json(ranked(record)),
        "nested": None if record.nested is None else _nested(record.nested),
        "baselines": [_baseline(baseline, record.test) for baseline in record.baselines if record.test is not None],
        "seconds": as_json(record.seconds),
        "machine": as_json(record.machine),
        "seed": record.seed,
        "warnings": list(record.warnings),
    }


def as_evaluation_document(record: EvaluationRecord) -> dict[str, JSON]:
    """What `frostline evaluate --json` prints: the same keys as for a training where they mean the same."""
    return {
        "format": FORMAT,
        **_KIND[record.data.kind],
        "frostline": record.version,
        "model": record.model,
        "labels": list(record.test.labels),
        "data": _data(record.data),
        "features": _features(record.features),
        "chosen": {"C": as_json(record.C), "features": record.features.spec},
        "in_plain_words": list(evaluation_words(record)),
        "test": {**_evaluated(record.source), **evaluation_document(record.test)},
        "probabilities": as_json(record.probabilities),
        "answers": as_json(record.answers),
        "unlike": as_json(record.unlike),
        **({} if record.cascade is None else {"cascade": as_json(record.cascade)}),
        "baselines": [_baseline(baseline, record.test) for baseline in record.baselines],
        "advice": as_json(ranked_of_evaluation(record)),
        "seconds": as_json(record.seconds),
        "warnings": list(record.warnings),
    }


_MOST_PAIRED = 1000  # labels of which each pair's texts are counted in JSON: a million numbers
_MOST_KEPT = 200  # labels of which a manifest has room for each one's scores, and each pair's texts


def _tested(test: Evaluation, *, points: bool) -> dict[str, JSON]:
    document = evaluation_document(test)
    if not points and len(test.labels) > _MOST_KEPT:
        document |= {name: None for name in ("confusion", "per_label") if name in document}
    return document


def evaluation_document(test: Evaluation) -> dict[str, JSON]:
    """The scores alone, as they stand under `test`."""
    scores = {name: as_json(test.scores.get(name)) for name in _score_names(test)}
    per_label: list[dict[str, JSON]] = [
        {"label": score.label, "support": score.support, **_picked(score, ("precision", "recall", "f1"))}
        for score in test.per_label
    ]
    if test.confusion is not None:
        confusion = as_json(test.confusion) if len(test.labels) <= _MOST_PAIRED else None
        return {"n": test.n, **scores, "confusion": confusion, "per_label": [*per_label]}
    ranked = [None] * len(per_label) if test.average_precisions is None else test.average_precisions.tolist()
    return {
        "n": test.n,
        "n_given": test.n_given,
        "n_true": test.n_true,
        **scores,
        "reliability": as_json(test.reliability),
        "per_label": [
            {**own, "average_precision": as_json(precision)} for own, precision in zip(per_label, ranked, strict=True)
        ],
    }


def _score_names(test: Evaluation) -> Sequence[str]:
    # a score that cannot be had is missing there, and null here
    return tuple(test.scores) if test.confusion is not None else _OF_SETS


def _source(source: TestRecord | None) -> dict[str, JSON]:
    if source is None:
        return {}
    data = None if source.data is None else _data(source.data)
    counts: dict[str, JSON] = {"kind": source.kind, "n_fitted": source.n_fitted, "n_leaks": source.n_leaks}
    return {"source": {**counts, **_with_leaks(source.n_leaks, source.with_leaks), "data": data}}


def _with_leaks(n_leaks: int, test: Evaluation | None) -> dict[str, JSON]:
    """Beside a number of test rows that were learned from: the scores with them, null where there are no others."""
    return {"with_leaks": None if test is None else evaluation_document(test)} if n_leaks else {}


def _evaluated(source: TestRecord | None) -> dict[str, JSON]:
    """Of a saved classifier: how many rows it learned from; null where it does not remember."""
    if source is None:
        return {"n_leaks": None}
    return {"n_leaks": source.n_leaks, **_with_leaks(source.n_leaks, source.with_leaks)}


def _chosen(record: TrainingRecord) -> dict[str, JSON]:
    """The one C, or that of each label with its threshold."""
    search = record.search
    if len(search.chosen_Cs) == 1:
        return {"C": as_json(search.chosen_C), "features": record.features.spec}
    thresholds = search.thresholds or (PLAIN_THRESHOLD,) * len(record.labels)  # none are chosen where none is held out
    each = zip(record.labels, search.chosen_Cs, thresholds, strict=True)
    return {
        "features": record.features.spec,
        "per_label": [{"label": label, "C": C, "threshold": threshold} for label, C, threshold in each],
    }


def _search(search: SearchRecord) -> dict[str, JSON]:
    of_one = _picked(search, _OF_ONE_C) if len(search.chosen_Cs) == 1 else {}
    return {"Cs": as_json(search.Cs), **of_one, **_picked(search, _SEARCH)}


def _of_thresholds(record: TrainingRecord) -> dict[str, JSON]:
    """What the thresholds of labels that do not exclude each other are worth."""
    if record.at_half is None:
        return {}
    at_half: dict[str, JSON] = {name: as_json(record.at_half.scores[name]) for name in _AT_HALF}
    return {"at_half": at_half, "uncalibrated": as_json(record.uncalibrated)}


def _baseline(baseline: Baseline, test: Evaluation) -> JSON:
    return {
        "name": baseline.name,
        "made_of": baseline.made_of,
        **{name: as_json(baseline.scores.get(name)) for name in _score_names(test)},
        **{"lead" if name == "accuracy" else f"lead_{name}": _lead(lead) for name, lead in baseline.leads.items()},
        "seconds": as_json(baseline.seconds),
    }


def _lead(lead: Lead) -> JSON:
    return as_json(lead, without=_OF_ROWS if lead.n_only_model is None else _NOTHING)


def _nested(nested: "NestedResult") -> JSON:
    return {
        "n_outer": nested.n_outer,
        "chosen_C": as_json(nested.chosen_Cs),
        "chosen_features": list(nested.chosen_features),
        "fold_accuracy": as_json(nested.fold_accuracies),
        "pooled": evaluation_document(nested.evaluation),
    }


def _data(data: DataRecord) -> dict[str, JSON]:
    # counts are a list, not an object: labels may be numbers, and JSON's keys are strings
    counts: list[JSON] = [{"label": label, "n": count} for label, count in data.label_counts.items()]
    return {
        **_picked(data, (*_FILE, *_GIVEN[data.kind])),
        _COUNTS[data.kind]: counts,
        **_picked(data, ("n_duplicates", "n_conflicts", "fixes", *_COLUMNS)),
        **_sheet(data),
    }


def _sheet(data: DataRecord) -> dict[str, JSON]:
    """Of workbooks with several sheets alone."""
    return {"sheet": data.sheet} if data.sheet else {}


def _features(features: FeaturesRecord) -> dict[str, JSON]:
    return _picked(features, _FEATURES)


def as_sweep_document(sweep: "Sweep", data: DataRecord, precision: PrecisionRecord | None = None) -> dict[str, JSON]:
    """What `frostline sweep --json` prints."""
    return {
        "format": FORMAT,
        "frostline": sweep.version,
        "data": {**_swept_data(data), "n_swept": sweep.n},
        "labels": list(sweep.labels),
        "encoder": {**_encoder(sweep.encoder), "n_layers": sweep.n_layers},
        "precision": as_json(precision),
        "features": {"n_texts": sweep.n_texts, "n_read": sweep.n_read, "n_cut": sweep.n_cut},
        "n_folds": sweep.n_folds,
        "scoring": sweep.scoring,
        "rule": sweep.rule,
        "seed": sweep.seed,
        "candidates": [_trial(trial) for trial in sweep.trials],
        "best": _named(sweep.best),
        "winner": _named(sweep.winner),
        "tutorial": _named(sweep.tutorial),
        "lead": _difference(sweep.lead),
        "test": None if sweep.test is None else _test(sweep.test),
        "seconds": {"read": sweep.seconds_read, "search": sweep.seconds_search},
        "machine": as_json(sweep.machine),
        "warnings": list(sweep.warnings),
    }


def as_comparison_document(
    comparison: "Comparison", data: DataRecord, precision: PrecisionRecord | None = None
) -> dict[str, JSON]:
    """What `frostline compare --json` prints."""
    return {
        "format": FORMAT,
        "frostline": comparison.version,
        "data": _swept_data(data),
        "labels": list(comparison.labels),
        "precision": as_json(precision),
        "n_folds": comparison.n_folds,
        "scoring": comparison.scoring,
        "seed": comparison.seed,
        "compared": [_standing(standing) for standing in comparison.standings],
        "machine": as_json(comparison.machine),
        "warnings": list(comparison.warnings),
    }


def _trial(trial: "Trial") -> JSON:
    return {
        "features": trial.candidate.features,
        "blocks": [{"layer": block.layer, "pooling": block.pooling} for block in trial.candidate.blocks],
        "n_features": trial.n_features,
        "C": trial.chosen_C,
        "cross_validated": _score(trial.score),
        "fold_scores": list(trial.fold_scores),
        "behind_best": _difference(trial.behind),
        "within_one_standard_error": trial.is_within_one_error,
        "same_for_every_text": trial.chosen_C is None,
        "seconds": trial.seconds,
    }


def _named(trial: "Trial") -> JSON:
    return {
        "features": trial.candidate.features,
        "n_features": trial.n_features,
        "C": trial.chosen_C,
        "cross_validated": _score(trial.score),
    }


def _standing(standing: "Standing") -> JSON:
    return {
        "encoder": _encoder(standing.identity),
        "features": standing.features,
        "n_features": standing.n_features,
        "C": standing.chosen_C,
        "cross_validated": _score(standing.score),
        "behind_best": {**_difference(standing.behind), "p_adjusted": standing.p_adjusted},
        "seconds_per_1000": standing.seconds_per_1000,
        "n_timed": standing.n_timed,
        "size_bytes": standing.size_bytes,
        "peak_bytes": standing.peak_bytes,
        "n_read": standing.n_read,
        "n_cut": standing.n_cut,
        "seconds_search": standing.seconds_search,
    }


def _score(score: Score) -> JSON:
    return {
        "value": score.value,
        "std_error": score.std_error,
        "interval": list(score.interval),
        "n": score.n,
        "over": score.over,
    }


def _difference(difference: Difference) -> dict[str, JSON]:
    return {
        "value": difference.value,
        "std_error": difference.std_error,
        "interval": list(difference.interval),
        "n": difference.n,
        "over": difference.over,
        "n_only_first": difference.n_only_first,
        "n_only_second": difference.n_only_second,
        "p_value": difference.p_value if math.isfinite(difference.p_value) else None,
    }


_HEADLINES = ("accuracy", "micro_f1", "macro_f1", "subset_accuracy", "mean_average_precision")
"""Scores by which a sweep's winner stands beside the tutorial's features, as far as the targets have them."""


def _test(test: "SweepTest") -> JSON:
    tutorial = test.tutorial.scores
    return {
        "source": {"kind": test.kind, "n_leaks": test.n_leaks, **_with_leaks(test.n_leaks, test.with_leaks)},
        **evaluation_document(test.evaluation),
        "tutorial": {name: as_json(tutorial[name]) for name in _HEADLINES if name in tutorial},
        "lead": _paired(test.lead),
    }


def _paired(lead: PairedDifference) -> JSON:
    return {
        "value": lead.value,
        "interval": list(lead.interval),
        "n": lead.n,
        "n_only_winner": lead.n_only_first,
        "n_only_tutorial": lead.n_only_second,
        "p_value": lead.p_value,
    }


def _encoder(identity: EncoderIdentity) -> dict[str, JSON]:
    return {
        **_picked(identity, ("name", "revision", "family", "weights_sha256", "max_length")),
        **_prefix(identity),
        "fingerprint": identity.fingerprint(),
    }


def _prefix(identity: EncoderIdentity) -> dict[str, JSON]:
    return {"prefix": identity.prefix} if identity.prefix else {}


def _swept_data(data: DataRecord) -> dict[str, JSON]:
    counts: list[JSON] = [{"label": label, "n": count} for label, count in data.label_counts.items()]
    return {
        "name": data.name,
        "sha256": data.sha256,
        "n_rows": data.n_rows,
        "n_rejected": data.n_rejected,
        "class_counts": counts,
        **_picked(data, _COLUMNS),
        **_sheet(data),
    }
