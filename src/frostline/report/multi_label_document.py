"""A record of several labels per text as JSON: the keys of document.py where they mean the same.

In:   a `MultiTrainingRecord` or a `MultiEvaluationRecord`.
Out:  dicts and lists that json writes.
Not:  printing them.

Format: docs/formats/report.md.
"""

from frostline.evaluate.multi_label import MultiEvaluation
from frostline.multi_record import MultiDataRecord, MultiEvaluationRecord, MultiTrainingRecord
from frostline.report.document_types import JSON
from frostline.report.multi_plain_words import multi_plain_words
from frostline.report.plain_json import as_json

FORMAT = 1
KIND = "several labels"


def as_multi_document(record: MultiTrainingRecord) -> dict[str, JSON]:
    """What `frostline train --json` prints for texts with several labels."""
    encoder, search, source = record.encoder, record.search, record.test_source
    test: dict[str, JSON] = {
        "source": {
            "kind": source.kind,
            "n_fitted": source.n_fitted,
            "n_leaks": source.n_leaks,
            "data": None if source.data is None else _data(source.data),
        },
        **multi_evaluation_document(record.test),
    }
    per_label = zip(record.labels, search.chosen_Cs, search.thresholds, strict=True)
    return {
        "format": FORMAT,
        "kind": KIND,
        "frostline": record.version,
        "labels": list(record.labels),
        "data": {**_data(record.data), "n_trained": record.n_trained},
        "encoder": {
            "name": encoder.name,
            "revision": encoder.revision,
            "family": encoder.family,
            "precision": encoder.precision,
            "weights_sha256": encoder.weights_sha256,
            "fingerprint": encoder.fingerprint(),
        },
        "features": as_json(record.features),
        "chosen": {
            "features": record.features.spec,
            "per_label": [{"label": label, "C": C, "threshold": threshold} for label, C, threshold in per_label],
        },
        "search": {
            "Cs": list(search.Cs),
            "rule": search.rule,
            "n_folds": search.n_folds,
            "standardise": search.standardise,
        },
        "calibration": as_json(record.calibration),
        "in_plain_words": list(multi_plain_words(record)),
        "test": test,
        "at_half": {
            "micro_f1": as_json(record.at_half.micro_f1),
            "macro_f1": as_json(record.at_half.macro_f1),
            "subset_accuracy": as_json(record.at_half.subset_accuracy),
        },
        "uncalibrated": as_json(record.uncalibrated),
        "baselines": [as_json(baseline) for baseline in record.baselines],
        "seconds": as_json(record.seconds),
        "machine": as_json(record.machine),
        "seed": record.seed,
        "warnings": list(record.warnings),
    }


def as_multi_evaluation_document(record: MultiEvaluationRecord) -> dict[str, JSON]:
    """What `frostline evaluate --json` prints for texts with several labels."""
    return {
        "format": FORMAT,
        "kind": KIND,
        "frostline": record.version,
        "model": record.model,
        "labels": list(record.test.labels),
        "data": _data(record.data),
        "features": as_json(record.features),
        "test": multi_evaluation_document(record.test),
        "seconds": as_json(record.seconds),
        "warnings": list(record.warnings),
    }


def multi_evaluation_document(test: MultiEvaluation) -> dict[str, JSON]:
    """The scores alone, as they stand under `test`."""
    ranked = test.average_precisions.tolist()
    return {
        "n": test.n,
        "n_given": test.n_given,
        "n_true": test.n_true,
        "micro_f1": as_json(test.micro_f1),
        "macro_f1": as_json(test.macro_f1),
        "samples_f1": as_json(test.samples_f1),
        "subset_accuracy": as_json(test.subset_accuracy),
        "hamming_loss": as_json(test.hamming_loss),
        "mean_average_precision": as_json(test.mean_average_precision),
        "log_loss": as_json(test.log_loss),
        "reliability": as_json(test.reliability),
        "per_label": [
            {
                "label": score.label,
                "support": score.support,
                "precision": as_json(score.precision),
                "recall": as_json(score.recall),
                "f1": as_json(score.f1),
                "average_precision": as_json(precision),
            }
            for score, precision in zip(test.per_label, ranked, strict=True)
        ],
    }


def _data(data: MultiDataRecord) -> dict[str, JSON]:
    return {
        "name": data.name,
        "sha256": data.sha256,
        "size_bytes": data.size_bytes,
        "n_rows": data.n_rows,
        "n_rejected": data.n_rejected,
        "n_given": data.n_given,
        "n_unlabelled": data.n_unlabelled,
        "label_counts": [{"label": label, "n": count} for label, count in data.label_counts.items()],
        "n_duplicates": data.n_duplicates,
        "n_conflicts": data.n_conflicts,
    }
