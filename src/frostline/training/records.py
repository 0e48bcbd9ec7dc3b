"""What a training met and did, in numbers, for its record."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from frostline.arrays import IntArray, Probabilities
from frostline.artifact.manifest import LONGEST_LABEL_COLUMN
from frostline.data.checks import duplicates
from frostline.data.dataset import Dataset
from frostline.encoder.features import FeatureSpec
from frostline.encoder.reading import Reading, SentenceEncoder
from frostline.evaluate.paired import accuracy_difference, accuracy_score, fold_difference, fold_score
from frostline.evaluate.scores import answer_scores
from frostline.head.calibrating import CalibrationFit
from frostline.head.deciding import RuleFit
from frostline.head.fitted import Fitted
from frostline.head.linear import Rule
from frostline.head.options import SearchOptions
from frostline.head.parts import PartName
from frostline.legible import legibility, legibility_warnings, sample_of
from frostline.record import (
    CalibrationRecord,
    ChoiceRecord,
    DataRecord,
    DecisionRecord,
    FeaturesRecord,
    FixesRecord,
    PartRecord,
    PartsRecord,
    SearchRecord,
    Seconds,
    TrialRecord,
)
from frostline.targets import Targets
from frostline.training.tested import Tested, answered_well

if TYPE_CHECKING:
    from frostline.sweep.run import Sweep

LONGEST_NAME = 1000
"""Characters of a column's name that is kept."""


def data_record(dataset: Dataset) -> DataRecord:
    """What a file held, in numbers."""
    repeats = duplicates(dataset)
    return DataRecord(
        name=dataset.source.file_name,
        sha256=dataset.source.sha256,
        size_bytes=dataset.source.size_bytes,
        n_rows=len(dataset),
        n_rejected=len(dataset.rejects),
        label_counts=dict(dataset.counts().items()),
        kind=dataset.targets.kind,
        n_given=int(dataset.targets.members.sum()),
        n_unlabelled=int((~dataset.targets.members.any(axis=1)).sum()),
        n_duplicates=repeats.n_extra,
        n_conflicts=len(repeats.conflicts),
        fixes=_fixes_record(dataset),
        text_column=_kept_name(dataset.source.text_column),
        label_column=_kept_name(dataset.source.label_column, longest=LONGEST_LABEL_COLUMN),
        group_column=_kept_name(dataset.source.group_column),
        other_columns=tuple(map(_kept_name, dataset.source.other_columns)),
        sheet=_kept_name(dataset.source.sheet),
    )


def _kept_name(column: str, *, longest: int = LONGEST_NAME) -> str:
    """The name of a column, unless it is none that a manifest could hold."""
    try:
        column.encode()
    except UnicodeEncodeError:
        return ""
    return column if len(column) <= longest else ""


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


def features_record(encoder: SentenceEncoder, reading: Reading, texts: Sequence[str]) -> FeaturesRecord:
    """What the texts became, in numbers."""
    return FeaturesRecord(
        spec=str(encoder.spec),
        n_features=reading.for_head.shape[1],
        n_words=0 if reading.words is None else reading.words.n_terms,
        max_length=encoder.identity.max_length,
        n_texts=len(reading.rows),
        n_cut=int(reading.cut.sum()),
        n_read=reading.n_read,
        legibility=legibility(encoder, sample_of(texts)),
    )


def unread(encoder: SentenceEncoder, features: FeaturesRecord) -> list[str]:
    """What of the texts was not read, where it is so much that it may matter."""
    return legibility_warnings(encoder, features.legibility, n_cut=features.n_cut, n_texts=features.n_texts)


def with_choice(features: FeaturesRecord, swept: "Sweep | None", parts: PartsRecord | None) -> FeaturesRecord:
    """The same, with what choosing them took."""
    if swept is None:
        return features if parts is None or not parts.is_chosen else replace(features, n_candidates=len(parts.trials))
    return replace(features, n_candidates=len(swept.trials), n_read=features.n_read + swept.n_read)


def choice_record(swept: "Sweep | None") -> ChoiceRecord | None:
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


def parts_record(fitted: Fitted, spec: FeatureSpec, *, is_chosen: bool, lots: IntArray | None) -> PartsRecord | None:
    """How features and words came together, in numbers; `spec` is of the features with or without words.

    `lots` are the rows' `Targets.shared_lots`.
    """
    parts = fitted.parts
    if parts is None:
        return None
    names = names_of_parts(spec)
    scores = {part: trial.fold_scores for part, trial in parts.trials.items()}
    is_share = fitted.search.scoring == "accuracy"
    trials = []
    for part, name in names.items():
        right, alone = parts.trials[part].right, parts.trials["features"].right
        score = accuracy_score(right, lots) if is_share else fold_score(scores[part])
        lead = (
            accuracy_difference(right, alone, lots) if is_share else fold_difference(scores[part], scores["features"])
        )
        trials.append(PartRecord(features=name, score=score.value, interval=score.interval, lead=lead))
    return PartsRecord(
        is_chosen=is_chosen,
        kept=names[parts.kept],
        trials=tuple(trials),
        scoring=fitted.search.scoring,
        n_folds=int(fitted.search.folds.max()) + 1,
        weights=parts.weights,
        word_Cs=tuple(None if np.isnan(C) else C for C in parts.words.chosen_C.tolist()),
    )


def names_of_parts(spec: FeatureSpec) -> dict[PartName, str]:
    """What the features alone, the words alone and both are called."""
    return {
        "features": str(replace(spec, words=False)),
        "words": str(FeatureSpec((), words=True)),
        "both": str(replace(spec, words=True)),
    }


def seconds_of(started: float, read_at: float, searched_at: float, ended: float, *, swept: "Sweep | None") -> Seconds:
    """Where the time went, that of choosing the features included."""
    before = (swept.seconds_read, swept.seconds_search) if swept is not None else (0.0, 0.0)
    return Seconds(
        read=read_at - started + before[0],
        search=searched_at - read_at + before[1],
        evaluate=ended - searched_at,
        total=ended - started + sum(before),
    )


def search_record(fitted: Fitted, how: SearchOptions) -> SearchRecord:
    """How C was chosen, in numbers."""
    search = fitted.search
    record = SearchRecord(
        Cs=search.Cs,
        chosen_Cs=tuple(None if np.isnan(C) else C for C in search.chosen_C.tolist()),
        rule=search.rule,
        scoring=search.scoring,
        n_folds=int(search.folds.max()) + 1,
        standardise=how.standardise,
        class_weight=None if how.class_weight is None else str(how.class_weight),
        not_searched=search.not_searched,
    )
    if search.scores.shape[1] > 1:
        return replace(record, Cs=tuple(sorted(search.Cs)), thresholds=(fitted.head.rule or Rule()).thresholds)
    scores = search.scores[:, 0]
    means, errors = scores.mean(axis=1), scores.std(axis=1, ddof=1) / np.sqrt(scores.shape[1])
    return replace(
        record,
        mean_scores=tuple(means.tolist()),
        std_errors=tuple(errors.tolist()),
        best_score=float(means.max() if search.kept_scores is None else search.kept_scores.mean()),
    )


def in_doubt(probabilities: Probabilities, targets: Targets) -> int:
    """How many texts look wrongly labelled to heads that did not see them (n_texts, n_labels): a review in small."""
    return _IN_DOUBT[targets.kind](probabilities, targets)


def _labels_in_doubt(probabilities: Probabilities, targets: Targets) -> int:
    from frostline.review.labels import labels_in_doubt  # noqa: PLC0415 - of two reviews only one is needed

    return labels_in_doubt(probabilities, targets)


def _sets_in_doubt(probabilities: Probabilities, targets: Targets) -> int:
    from frostline.review.cells import sets_in_doubt  # noqa: PLC0415 - as above

    return sets_in_doubt(probabilities, targets)


_IN_DOUBT = {"one label": _labels_in_doubt, "several labels": _sets_in_doubt}


def calibration_record(fit: CalibrationFit) -> CalibrationRecord:
    """What was tried, and why this was taken."""
    return CalibrationRecord(
        asked=fit.asked,
        way=fit.way,
        why=fit.why,
        temperature=None if fit.way != "temperature" or fit.calibration is None else fit.calibration.temperature,
        n=fit.n,
        candidates=fit.candidates,
    )


def decision_record(fitted: Fitted, targets: Targets, tested: Tested, *, seed: int) -> DecisionRecord | None:
    """What was wished for and what came of it, out of fold and on the test rows; None where nothing was.

    Where each label has a C of its own it has a threshold of its own too: `SearchRecord` tells it.
    """
    rule, fit = fitted.head.rule, fitted.rule
    if fit is None and (rule is None or len(fitted.search.chosen_C) > 1):
        return None
    out_of_fold = fitted.head.answer(fitted.calibration.held_out) if fit is None else fit
    return DecisionRecord(
        asked=_in_words(fit),
        label=None if fit is None else fit.label,
        thresholds=() if rule is None else rule.thresholds,
        answer_from=0.0 if rule is None else rule.answer_from,
        promises=() if fit is None else fit.promises,
        out_of_fold=answer_scores(out_of_fold.favoured, out_of_fold.answered, targets, seed=seed),
        test=answered_well(tested, seed=seed),
    )


def _in_words(fit: RuleFit | None) -> str:
    if fit is None:
        return "the answers that the class weights give"
    wishes, asked = [], fit.wishes
    if asked.threshold_for is not None:
        wishes.append(f"{asked.threshold_for[0]} {asked.threshold_for[1]:g}")
    if asked.thresholds is not None:
        wishes.append("the highest macro F1")
    if asked.abstain_precision is not None:
        wishes.append(f"answers only where {100 * asked.abstain_precision:g} % are right")
    return ", ".join(wishes)
