"""How it was made: data, encoder, features, head, time, machine, all that it takes to make it again.

In:   a `TrainingRecord` or an `EvaluationRecord`.
Out:  HTML.
Not:  what came of it.
"""

from collections.abc import Sequence

from frostline.record import DataRecord, EvaluationRecord, FeaturesRecord, TrainingRecord
from frostline.report import phrases
from frostline.report.markup import safe, section

_LABELS = 40


def training_facts(record: TrainingRecord) -> str:
    """Of a training."""
    encoder, machine = record.encoder, record.machine
    revision = f", revision {encoder.revision}" if encoder.revision else ""
    return _listed(
        (
            *_data(record.data),
            ("Rows learned from", f"{record.n_trained:,}"),
            ("Encoder", f"{encoder.name} ({encoder.family}, {encoder.precision}{revision}), frozen"),
            *phrases.precision_facts(record),
            ("Its weights' sha256", encoder.weights_sha256),
            *_features(record.features),
            ("Head", _head(record)),
            ("Seed", str(record.seed)),
            ("Seconds", phrases.seconds_text(record)),
            ("Machine", f"{machine.processor}, {phrases.count_text(machine.cores, 'core')}, {machine.system}"),
        )
    )


def evaluation_facts(record: EvaluationRecord) -> str:
    """Of a test of a saved classifier."""
    seconds = record.seconds
    return _listed(
        (
            ("Model", record.model),
            *_data(record.data),
            *_features(record.features),
            ("Seconds", f"{seconds.total:.1f}, of which {seconds.read:.1f} getting the rows"),
        )
    )


def _data(data: DataRecord) -> Sequence[tuple[str, str]]:
    counts = ", ".join(
        f"{phrases.printable(label)} {count:,}" for label, count in list(data.class_counts.items())[:_LABELS]
    )
    more = len(data.class_counts) - _LABELS
    counts += f" and {more} more labels" if more > 0 else ""
    return (("Data", phrases.data_text(data)), ("Its sha256", data.sha256), ("Rows per label", counts))


def _features(features: FeaturesRecord) -> Sequence[tuple[str, str]]:
    return (
        ("Features", phrases.features_text(features)),
        ("Cut at", f"{features.max_length} word pieces: {features.n_cut:,} of {features.n_texts:,} texts"),
    )


def _head(record: TrainingRecord) -> str:
    search = record.search
    scaled = "features standardised" if search.standardise else "features as they are"
    weighted = f", labels weighted ({search.class_weight})" if search.class_weight else ""
    return f"logistic regression, {scaled}{weighted}"


def _listed(facts: Sequence[tuple[str, str]]) -> str:
    inner = "".join(f"<dt>{safe(name)}</dt><dd>{safe(fact, 12_000)}</dd>" for name, fact in facts)
    return section("How it was made", f"<dl>{inner}</dl>")
