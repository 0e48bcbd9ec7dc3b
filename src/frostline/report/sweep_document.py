"""A sweep or a comparison as one JSON object, for programs.

In:   a `Sweep` or a `Comparison`, the `DataRecord` of the file, and which precision read.
Out:  nested dicts and lists, keys always in the same order, every number finite (what has no value is null).
Not:  writing it out.

Cross-validated scores stand under `cross_validated`, never under `test`: they made the choice.
"""

import math
from dataclasses import asdict

from frostline.encoder.gate import PrecisionRecord
from frostline.encoder.reading import EncoderIdentity
from frostline.evaluate.paired import PairedDifference
from frostline.record import DataRecord
from frostline.report.document import evaluation_document
from frostline.report.document_types import JSON
from frostline.sweep.compare import Comparison, Standing
from frostline.sweep.results import Sweep, SweepTest, Trial
from frostline.sweep.scores import Difference, Score

FORMAT = 1


def as_sweep_document(sweep: Sweep, data: DataRecord, precision: PrecisionRecord | None = None) -> dict[str, JSON]:
    """What `frostline sweep --json` prints."""
    return {
        "format": FORMAT,
        "frostline": sweep.version,
        "data": {**_data(data), "n_swept": sweep.n},
        "labels": list(sweep.labels),
        "encoder": {**_encoder(sweep.encoder), "n_layers": sweep.n_layers},
        "precision": None if precision is None else asdict(precision),
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
        "machine": {**asdict(sweep.machine), "instructions": list(sweep.machine.instructions)},
        "warnings": list(sweep.warnings),
    }


def as_comparison_document(
    comparison: Comparison, data: DataRecord, precision: PrecisionRecord | None = None
) -> dict[str, JSON]:
    """What `frostline compare --json` prints."""
    return {
        "format": FORMAT,
        "frostline": comparison.version,
        "data": _data(data),
        "labels": list(comparison.labels),
        "precision": None if precision is None else asdict(precision),
        "n_folds": comparison.n_folds,
        "scoring": comparison.scoring,
        "seed": comparison.seed,
        "compared": [_standing(standing) for standing in comparison.standings],
        "machine": {**asdict(comparison.machine), "instructions": list(comparison.machine.instructions)},
        "warnings": list(comparison.warnings),
    }


def _trial(trial: Trial) -> JSON:
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


def _named(trial: Trial) -> JSON:
    return {
        "features": trial.candidate.features,
        "n_features": trial.n_features,
        "C": trial.chosen_C,
        "cross_validated": _score(trial.score),
    }


def _standing(standing: Standing) -> JSON:
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


def _test(test: SweepTest) -> JSON:
    tutorial = evaluation_document(test.tutorial)
    return {
        "source": {"kind": test.kind, "n_leaks": test.n_leaks},
        **evaluation_document(test.evaluation),
        "tutorial": {"accuracy": tutorial["accuracy"], "macro_f1": tutorial["macro_f1"]},
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
        "name": identity.name,
        "revision": identity.revision,
        "family": identity.family,
        "weights_sha256": identity.weights_sha256,
        "max_length": identity.max_length,
        "fingerprint": identity.fingerprint(),
    }


def _data(data: DataRecord) -> dict[str, JSON]:
    counts: list[JSON] = [{"label": label, "n": count} for label, count in data.class_counts.items()]
    return {
        "name": data.name,
        "sha256": data.sha256,
        "n_rows": data.n_rows,
        "n_rejected": data.n_rejected,
        "class_counts": counts,
    }
