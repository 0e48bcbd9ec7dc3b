"""A record as one JSON object, for programs.

In:   a `TrainingRecord` or an `EvaluationRecord`.
Out:  nested dicts and lists, keys always in the same order, every number finite (what has no value is null).
Not:  writing it out. Each key: docs/formats/report.md.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict

from frostline.advice import advise
from frostline.evaluate.baselines import Baseline
from frostline.evaluate.metrics import Estimate, Evaluation, LabelScore
from frostline.evaluate.validation import NestedResult
from frostline.head.linear import Label
from frostline.head_record import SearchRecord
from frostline.record import DataRecord, EvaluationRecord, FeaturesRecord, Seconds, TrainingRecord
from frostline.report.document_types import JSON
from frostline.report.plain_json import as_json
from frostline.report.plain_words import evaluation_words, plain_words

FORMAT = 1

_NOTHING: frozenset[str] = frozenset()
_POINTS = frozenset({"roc", "precision_recall", "by_label"})


def as_document(record: TrainingRecord, *, points: bool = True) -> dict[str, JSON]:
    """What `frostline train --json` prints; without `points`, no label has curves of its own."""
    source = record.test_source
    test = None if record.test is None else evaluation_document(record.test)
    if test is not None and source is not None:
        test = {
            "source": {
                "kind": source.kind,
                "n_fitted": source.n_fitted,
                "n_leaks": source.n_leaks,
                "data": None if source.data is None else _data(source.data),
            },
            **test,
        }
    return {
        "format": FORMAT,
        "frostline": record.version,
        "labels": list(record.labels),
        "data": {**_data(record.data), "n_trained": record.n_trained},
        "encoder": {
            "name": record.encoder.name,
            "revision": record.encoder.revision,
            "family": record.encoder.family,
            "precision": record.encoder.precision,
            "weights_sha256": record.encoder.weights_sha256,
            "fingerprint": record.encoder.fingerprint(),
        },
        "precision": None if record.precision is None else asdict(record.precision),
        "features": _features(record.features),
        "chosen": {"C": record.search.chosen_C, "features": record.features.spec},
        "search": _search(record.search),
        "choice": as_json(record.choice),
        "in_plain_words": list(plain_words(record)),
        "test": test,
        "probabilities": as_json(record.probabilities, without=_NOTHING if points else _POINTS),
        "calibration": as_json(record.calibration),
        "decision": as_json(record.decision),
        "learning": as_json(record.learning),
        "advice": as_json(advise(record)),
        "nested": None if record.nested is None else _nested(record.nested),
        "baselines": [_baseline(baseline) for baseline in record.baselines],
        "seconds": _seconds(record.seconds),
        "machine": {
            "system": record.machine.system,
            "processor": record.machine.processor,
            "cores": record.machine.cores,
            "instructions": list(record.machine.instructions),
            "python": record.machine.python,
        },
        "seed": record.seed,
        "warnings": list(record.warnings),
    }


def as_evaluation_document(record: EvaluationRecord) -> dict[str, JSON]:
    """What `frostline evaluate --json` prints: the same keys as for a training where they mean the same."""
    return {
        "format": FORMAT,
        "frostline": record.version,
        "model": record.model,
        "labels": list(record.test.labels),
        "data": _data(record.data),
        "features": _features(record.features),
        "chosen": {"C": record.C, "features": record.features.spec},
        "in_plain_words": list(evaluation_words(record)),
        "test": evaluation_document(record.test),
        "probabilities": as_json(record.probabilities),
        "answers": as_json(record.answers),
        "seconds": _seconds(record.seconds),
        "warnings": list(record.warnings),
    }


def evaluation_document(evaluation: Evaluation) -> dict[str, JSON]:
    """The scores alone, as they stand under `test`."""
    return {
        "n": evaluation.n,
        "accuracy": _estimate(evaluation.accuracy),
        "macro_f1": _estimate(evaluation.macro_f1),
        "log_loss": _estimate(evaluation.log_loss),
        "confusion": [[int(count) for count in row] for row in evaluation.confusion],
        "per_label": [_label(score) for score in evaluation.per_label],
    }


def _estimate(estimate: Estimate | None) -> JSON:
    if estimate is None:
        return None
    return {
        "value": _finite(estimate.value),
        "interval": _finites(estimate.interval),
        "n": estimate.n,
        "method": estimate.method,
    }


def _label(score: LabelScore) -> JSON:
    return {
        "label": score.label,
        "support": score.support,
        "precision": _estimate(score.precision),
        "recall": _estimate(score.recall),
        "f1": _estimate(score.f1),
    }


def _baseline(baseline: Baseline) -> JSON:
    lead = baseline.lead
    return {
        "name": baseline.name,
        "made_of": baseline.made_of,
        "accuracy": _estimate(baseline.accuracy),
        "macro_f1": _estimate(baseline.macro_f1),
        "log_loss": _estimate(baseline.log_loss),
        "lead": {
            "value": _finite(lead.value),
            "interval": _finites(lead.interval),
            "n": lead.n,
            "n_only_model": lead.n_only_first,
            "n_only_baseline": lead.n_only_second,
            "p_value": _finite(lead.p_value),
        },
        "seconds": _finite(baseline.seconds),
    }


def _nested(nested: NestedResult) -> JSON:
    return {
        "n_outer": nested.n_outer,
        "chosen_C": _finites(nested.chosen_Cs),
        "chosen_features": list(nested.chosen_features),
        "fold_accuracy": _finites(nested.fold_accuracies),
        "pooled": evaluation_document(nested.evaluation),
    }


def _search(search: SearchRecord) -> JSON:
    return {
        "Cs": _finites(search.Cs),
        "mean_scores": _finites(search.mean_scores),
        "std_errors": _finites(search.std_errors),
        "chosen_C": _finite(search.chosen_C),
        "best_score": _finite(search.best_score),
        "rule": search.rule,
        "scoring": search.scoring,
        "n_folds": search.n_folds,
        "standardise": search.standardise,
        "class_weight": search.class_weight,
        "not_searched": _finites(search.not_searched),
    }


def _data(data: DataRecord) -> dict[str, JSON]:
    return {
        "name": data.name,
        "sha256": data.sha256,
        "size_bytes": data.size_bytes,
        "n_rows": data.n_rows,
        "n_rejected": data.n_rejected,
        "class_counts": [_count(label, count) for label, count in data.class_counts.items()],
        "n_duplicates": data.n_duplicates,
        "n_conflicts": data.n_conflicts,
        "fixes": as_json(data.fixes),
    }


def _count(label: Label, count: int) -> JSON:
    # a list, not an object: labels may be numbers, and JSON's keys are strings
    return {"label": label, "n": count}


def _features(features: FeaturesRecord) -> JSON:
    return {
        "spec": features.spec,
        "n_features": features.n_features,
        "n_words": features.n_words,
        "max_length": features.max_length,
        "n_texts": features.n_texts,
        "n_cut": features.n_cut,
        "n_read": features.n_read,
        "n_candidates": features.n_candidates,
    }


def _seconds(seconds: Seconds) -> JSON:
    return {
        "read": _finite(seconds.read),
        "search": _finite(seconds.search),
        "evaluate": _finite(seconds.evaluate),
        "total": _finite(seconds.total),
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _finites(values: Sequence[float]) -> list[JSON]:
    return [_finite(value) for value in values]
