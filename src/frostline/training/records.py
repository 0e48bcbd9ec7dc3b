"""What a training met and did, in numbers, for its record.

In:   the dataset, the reading, the search, the sweep.
Out:  the parts of a `TrainingRecord`.
Not:  the record itself (record.py), putting it together (run.py).
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from frostline.data.checks import duplicates
from frostline.data.dataset import Dataset
from frostline.encoder.reading import Reading, SentenceEncoder
from frostline.head.search import SearchOptions, SearchResult
from frostline.head_record import ChoiceRecord, SearchRecord, TrialRecord
from frostline.record import DataRecord, FeaturesRecord, FixesRecord, Seconds
from frostline.sweep import Sweep


def data_record(dataset: Dataset) -> DataRecord:
    """What a file held, in numbers."""
    repeats = duplicates(dataset)
    return DataRecord(
        name=dataset.source.file_name,
        sha256=dataset.source.sha256,
        size_bytes=dataset.source.size_bytes,
        n_rows=len(dataset),
        n_rejected=len(dataset.rejects),
        class_counts=dict(dataset.counts().items()),
        n_duplicates=repeats.n_extra,
        n_conflicts=len(repeats.conflicts),
        fixes=_fixes_record(dataset),
    )


def _fixes_record(dataset: Dataset) -> FixesRecord | None:
    fixes = dataset.fixes
    if fixes is None:
        return None
    return FixesRecord(
        name=Path(fixes.name).name,
        sha256=fixes.sha256,
        n_relabelled=len(fixes.relabelled),
        n_dropped=len(fixes.dropped),
    )


def features_record(encoder: SentenceEncoder, reading: Reading) -> FeaturesRecord:
    """What the texts became, in numbers."""
    return FeaturesRecord(
        spec=str(encoder.spec),
        n_features=reading.for_head.shape[1],
        n_words=0 if reading.words is None else reading.words.n_terms,
        max_length=encoder.identity.max_length,
        n_texts=len(reading.rows),
        n_cut=int(reading.cut.sum()),
        n_read=reading.n_read,
    )


def with_sweep(features: FeaturesRecord, swept: Sweep | None) -> FeaturesRecord:
    """The same, with what choosing them took."""
    if swept is None:
        return features
    return replace(features, n_candidates=len(swept.trials), n_read=features.n_read + swept.n_read)


def choice_record(swept: Sweep | None) -> ChoiceRecord | None:
    """How a sweep chose the features, in small."""
    if swept is None:
        return None
    trials = []
    for trial in swept.trials:
        block = trial.candidate.blocks[0] if trial.candidate.is_single else None
        trials.append(
            TrialRecord(
                features=trial.candidate.features,
                layer=None if block is None else block.layer,
                pooling=None if block is None else block.pooling,
                score=trial.score.value,
                interval=trial.score.interval,
                n_features=trial.n_features,
                chosen_C=trial.chosen_C,
            )
        )
    return ChoiceRecord(
        trials=tuple(trials),
        best=swept.best.candidate.features,
        winner=swept.winner.candidate.features,
        tutorial=swept.tutorial.candidate.features,
        n_layers=swept.n_layers,
        n_rows=swept.n,
        n_folds=swept.n_folds,
        scoring=swept.scoring,
        rule=swept.rule,
    )


def seconds_of(started: float, read_at: float, searched_at: float, ended: float, *, swept: Sweep | None) -> Seconds:
    """Where the time went, that of choosing the features included."""
    before = (swept.seconds_read, swept.seconds_search) if swept is not None else (0.0, 0.0)
    return Seconds(
        read=read_at - started + before[0],
        search=searched_at - read_at + before[1],
        evaluate=ended - searched_at,
        total=ended - started + sum(before),
    )


def search_record(search: SearchResult, how: SearchOptions) -> SearchRecord:
    """How C was chosen, in numbers."""
    means = search.fold_scores.mean(axis=1)
    errors = search.fold_scores.std(axis=1, ddof=1) / np.sqrt(search.fold_scores.shape[1])
    return SearchRecord(
        Cs=search.Cs,
        mean_scores=tuple(means.tolist()),
        std_errors=tuple(errors.tolist()),
        chosen_C=search.chosen_C,
        best_score=float(means.max()),
        rule=search.rule,
        scoring=search.scoring,
        n_folds=search.fold_scores.shape[1],
        standardise=how.standardise,
        class_weight=None if how.class_weight is None else str(how.class_weight),
        not_searched=search.not_searched,
    )
