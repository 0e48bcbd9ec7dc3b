"""The sentences and number forms that every report shares, so that they say the same thing everywhere.

Plain text, in which what came from the user is made printable; whoever has markup escapes it for theirs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np

from frostline.advice import FEW, ahead_of_it, ranked, ranked_of_evaluation
from frostline.data.dataset import Source
from frostline.encoder.reading import EncoderIdentity
from frostline.encoder.words import WORDS_ALONE
from frostline.evaluate.baselines import MAJORITY, WORDS, WORDS_EACH, Baseline, Lead
from frostline.evaluate.intervals import Estimate, Interval, wilson
from frostline.evaluate.paired import Difference, PairedDifference
from frostline.evaluate.probabilities import CalibrationScores, Reliability
from frostline.evaluate.scores import Evaluation, commonest_mistakes
from frostline.head.calibrating import COLDEST, HOTTEST
from frostline.head.options import MOST_SEARCHED
from frostline.record import (
    CalibrationRecord,
    DataRecord,
    DecisionRecord,
    EvaluationRecord,
    FeaturesRecord,
    PartsRecord,
    ProbabilityRecord,
    SearchRecord,
    TestRecord,
    TrainingRecord,
    TuningRecord,
    UnlikeRecord,
)
from frostline.report.values import LONGEST, count_text, printable
from frostline.targets import Kind, Label

DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What is said differently of texts with one label each, and of texts with several."""

    gives: str
    per_row: str
    are_ranked: bool
    conflict: str
    drawn: str
    searching: str
    made: str
    wrong_labels: str
    title: str
    saved: str
    task: str
    tags: tuple[str, ...]
    metrics: tuple[str, ...]
    predicted: str
    limit: str


WORDING: Mapping[Kind, Wording] = {
    "one label": Wording(
        gives="one of {labels}",
        per_row="",
        are_ranked=False,
        conflict="with two labels",
        drawn="the same share of every label",
        searching="searching C",
        made="a logistic regression",
        wrong_labels="some may be wrong labels (frostline review looks for them)",
        title="{n} labels",
        saved=",",
        task="Text classification",
        tags=(),
        metrics=("accuracy", "f1"),
        predicted="",
        limit="It always answers with one of its labels, whatever the text is about.",
    ),
    "several labels": Wording(
        gives="any number of {labels}, or none",
        per_row="{share:.2f} labels per row",
        are_ranked=True,
        conflict="with two sets",
        drawn="so that every label keeps its share",
        searching="fitting {n} labels",
        made="a logistic regression per label",
        wrong_labels="some may be labels that are wrong or missing in the file (frostline review looks for them)",
        title="{n} labels, any number of them per text",
        saved=" of {n} labels, any number of them per text;",
        task="Multi-label text classification",
        tags=("multi-label-classification",),
        metrics=("f1",),
        predicted="  # a tuple of labels for each text",
        limit="It knows its own labels only; a text of which none is true should get none, and may get one.",
    ),
}

Scored: TypeAlias = Evaluation | Baseline
"""What has scores by name."""

SCORES: Mapping[str, str] = {
    "accuracy": "accuracy",
    "micro_f1": "micro F1",
    "macro_f1": "macro F1",
    "subset_accuracy": "all right",
    "mean_average_precision": "average precision",
    "log_loss": "log loss",
}
"""Scores by name, and what a column of them is called, in the order of columns."""

SCORINGS: Mapping[str, str] = {"neg_log_loss": "minus log loss"}
"""Scorers whose own name says little to a reader; the minus stays, since the scores shown are below nought."""

LOSSES = frozenset({"log_loss"})
"""Scores that are no shares, and stand in nats."""

_MOST_COLUMNS = 4  # what 80 letters hold beside a name


def columns_of(scores: Mapping[str, Estimate]) -> tuple[str, ...]:
    """The scores that a table shows; the rest is said beneath it (`rest_text`)."""
    return tuple(name for name in SCORES if name in scores)[:_MOST_COLUMNS]


def column_name(name: str) -> str:
    """`accuracy %`, `log loss`."""
    return SCORES[name] if name in LOSSES else f"{SCORES[name]} %"


def scoring_name(scoring: str, limit: int = LONGEST) -> str:
    """`accuracy`, `minus log loss`: what scores that chose something are called."""
    return printable(SCORINGS.get(scoring, scoring), limit)


def scoring_scale(scoring: str) -> str:
    """What such scores are shown in: losses are no shares, and are shown in hundredths all the same."""
    return "in hundredths" if scoring.startswith("neg_") else "in %"


def scored_in(scoring: str, limit: int = LONGEST) -> str:
    """`accuracy in %`, `minus log loss in hundredths`."""
    return f"{scoring_name(scoring, limit)} {scoring_scale(scoring)}"


def score_header(scoring: str) -> str:
    """The head of a column of them."""
    scale = scoring_scale(scoring)
    return "score %" if scale == "in %" else f"score {scale}"


def headline_of(scores: Mapping[str, Estimate]) -> str:
    """The score that is drawn, and by which baselines are told apart."""
    return "accuracy" if "accuracy" in scores else "macro_f1"


def right_of(test: Evaluation) -> Estimate:
    """The share of texts that are right in everything."""
    return test.scores["accuracy"] if "accuracy" in test.scores else test.scores["subset_accuracy"]


def scores_text(scores: Mapping[str, Estimate], unit: str = "") -> str:
    """`accuracy 84.5 (82.7-86.1), macro F1 ...`: the shares in a row."""
    shares = [name for name in columns_of(scores) if name not in LOSSES]
    return ", ".join(f"{SCORES[name]} {estimate_text(scores[name])}{unit}" for name in shares)


def rest_text(scores: Mapping[str, Estimate]) -> str:
    """The scores that the table has no column for; empty where there are none."""
    shown = columns_of(scores)
    said = []
    if "samples_f1" in scores:
        said.append(f"F1 averaged over texts {estimate_text(scores['samples_f1'])}")
    if "hamming_loss" in scores:
        said.append(f"wrong decisions {estimate_text(scores['hamming_loss'])} %")
    if "log_loss" in scores and "log_loss" not in shown:
        said.append(f"log loss {loss_text(scores['log_loss'])}")
    return f" {'; '.join(said)}." if said else ""


def percent(value: float) -> str:
    """0.8446 as `84.5`; a share never rounds to 100.0 or 0.0 unless it is 1 or 0."""
    if 0.9995 <= value < 1:
        return "99.9"
    if 0 < value < 0.0005:
        return "0.1"
    return f"{100 * value:.1f}"


def percent_range(interval: Interval) -> str:
    """(0.827, 0.861) as `82.7-86.1`."""
    return f"{100 * interval[0]:.1f}{DASH}{100 * interval[1]:.1f}"


def estimate_text(estimate: Estimate | None, joint: str = " ") -> str:
    """`84.5 (82.7-86.1)`, or a dash where there is no value."""
    return DASH if estimate is None else f"{percent(estimate.value)}{joint}({percent_range(estimate.interval)})"


def score_text(name: str, estimate: Estimate | None, joint: str = " ") -> str:
    """A cell of a table: a share with its interval, a loss with three decimals."""
    if estimate is None or name not in LOSSES:
        return estimate_text(estimate, joint)
    return f"{estimate.value:.3f}"


def loss_text(estimate: Estimate | None) -> str:
    """`0.354 (0.331-0.380)`, or a dash."""
    if estimate is None:
        return DASH
    return f"{estimate.value:.3f} ({loss_range(estimate.interval)})"


def loss_range(interval: Interval) -> str:
    """(0.331, 0.380) as `0.331-0.380`."""
    return f"{interval[0]:.3f}{DASH}{interval[1]:.3f}"


def points(value: float) -> str:
    """A difference of shares in percentage points, signed."""
    return f"{100 * value:+z.1f}".replace("-", MINUS)


def lead_text(lead: Lead | PairedDifference | Difference) -> str:
    """`+3.2 (+1.5 to +4.8)`."""
    low, high = lead.interval
    return f"{points(lead.value)} ({points(low)} to {points(high)})"


def lead_of(baseline: Baseline) -> Lead:
    """The lead in the headline score."""
    return baseline.leads[headline_of(baseline.scores)]


def data_text(data: DataRecord) -> str:
    """The file, its rows and what was found amiss in them."""
    said = WORDING[data.kind]
    parts = [printable(data.name), count_text(data.n_rows, "row")]
    parts += [said.per_row.format(share=data.n_given / max(1, data.n_rows))] if said.per_row else []
    parts += [f"{data.n_unlabelled:,} without a label"] if data.n_unlabelled else []
    parts += [f"{data.n_rejected:,} rejected"] if data.n_rejected else []
    parts += [count_text(data.n_duplicates, "duplicate")] if data.n_duplicates else []
    parts += [f"{count_text(data.n_conflicts, 'text')} {said.conflict}"] if data.n_conflicts else []
    if data.fixes is not None:
        parts.append(f"{data.fixes.n_relabelled:,} relabelled and {data.fixes.n_dropped:,} dropped by fixes")
    return " · ".join(parts)


def columns_text(data: DataRecord | Source) -> list[str]:
    """`Text: message · label: category · groups: author · not used: id`; nothing where there were no columns."""
    if not data.text_column:
        return []
    parts = [f"Text: {printable(data.text_column)}"]
    parts += [f"label: {printable(data.label_column)}"] if data.label_column else []
    parts += [f"groups: {printable(data.group_column)}"] if data.group_column else []
    parts += [f"sheet: {printable(data.sheet)}"] if data.sheet else []
    parts += [f"not used: {named([printable(name, 24) for name in data.other_columns])}"] if data.other_columns else []
    return [" · ".join(parts)]


def counts_text(data: DataRecord, most: int, *, longest: int = LONGEST) -> str:
    """The first `most` labels with their rows: in their order, or the commonest first."""
    counts = list(data.label_counts.items())
    if WORDING[data.kind].are_ranked:
        counts.sort(key=lambda item: -item[1])
    said = ", ".join(f"{printable(label, longest)} {count:,}" for label, count in counts[:most])
    more = len(counts) - most
    return f"{said} and {more} more labels" if more > 0 else said


def source_text(source: TestRecord | None, kind: Kind = "one label") -> str:
    """Where the test rows came from."""
    if source is None:
        return "rows that took no part in the training"
    if source.kind == "file":
        return f"the file {printable(source.data.name)}" if source.data is not None else "a file of their own"
    if source.kind.endswith("cross-validation"):
        return f"{source.kind}: each row is tested by a classifier that never saw it"
    drawn = f", {WORDING[kind].drawn}" if source.kind == "stratified hold-out" else ""
    return f"rows of the same file held out at random{drawn}"


def kind_of_head(record: TrainingRecord) -> str:
    """What decides: `logistic regression`, or of very many labels `linear discriminant`."""
    is_closed = len(record.labels) > MOST_SEARCHED and record.encoder != WORDS_ALONE
    return "linear discriminant" if is_closed else "logistic regression"


def head_text(search: SearchRecord, decision: DecisionRecord | None = None) -> str:
    """How C was chosen, and the weights of labels where there are such."""
    return f"{search_text(search, decision)}{weights_text(search)}"


def weights_text(search: SearchRecord) -> str:
    """`, labels weighted (balanced)`, or nothing."""
    return f", labels weighted ({printable(search.class_weight)})" if search.class_weight else ""


def search_text(search: SearchRecord, decision: DecisionRecord | None = None) -> str:
    """How C was chosen, and the thresholds where there are such."""
    if len(search.chosen_Cs) > 1:
        return _each_search_text(search, decision)
    if len(search.Cs) == 1:
        return f"C = {search.chosen_C:g}, given"
    judged = (
        f"{len(search.Cs)} by {printable(search.scoring)} over {search.n_folds} folds, rule: {printable(search.rule)}"
    )
    n_larger = sum(max(search.Cs) < C for C in search.not_searched)
    others = "larger ones" if n_larger == len(search.not_searched) else "smaller and larger ones"
    left_out = f" ({len(search.not_searched)} {others} left out: scores had fallen)" if search.not_searched else ""
    return f"C = {search.chosen_C:.4g}, chosen among {judged}{left_out}"


def exception_text(decision: DecisionRecord | None) -> str:
    """The label whose threshold was wished for otherwise, where each label has one of its own; empty where none."""
    if decision is None or decision.label is None:
        return ""
    return f" (that of {printable(decision.label, 30)}: {printable(decision.asked, 100)})"


def _each_search_text(search: SearchRecord, decision: DecisionRecord | None) -> str:
    learned = sorted(C for C in search.chosen_Cs if C is not None) or [math.nan]
    spread = f"C = {learned[0]:.4g}" if learned[0] == learned[-1] else f"C from {learned[0]:.4g} to {learned[-1]:.4g}"
    chosen = f"chosen among {len(search.Cs)} over {search.n_folds} folds, {printable(search.rule)}"
    kind = "linear discriminant" if len(search.chosen_Cs) > MOST_SEARCHED else "logistic regression"
    said = [f"one {kind} per label", f"{spread}, {'given' if len(search.Cs) == 1 else chosen}"]
    if search.thresholds:
        low, high = min(search.thresholds), max(search.thresholds)
        said.append(
            f"thresholds from {low:.2f} to {high:.2f}, chosen out of fold for the highest F1{exception_text(decision)}"
        )
    return "; ".join(said)


def features_text(features: FeaturesRecord) -> str:
    """The features, and how they were chosen where nobody named them."""
    return f"{features.spec}: {numbers_text(features)}{choice_text(features)}"


def numbers_text(features: FeaturesRecord) -> str:
    """How many numbers a text becomes, and how many of them are words."""
    words = f", {features.n_words:,} of them words and pairs of words" if features.n_words else ""
    return f"{count_text(features.n_features, 'number')} per text{words}"


def encoder_text(encoder: EncoderIdentity, *, with_revision: bool = False, is_tuned: bool = False) -> str:
    """Who reads: `minilm (bert, float32), frozen`."""
    if encoder == WORDS_ALONE:
        return "none: words alone"
    revision = f", revision {encoder.revision}" if with_revision and encoder.revision else ""
    state = "tuned" if is_tuned else "frozen"
    return f"{printable(encoder.name)} ({encoder.family}, {encoder.precision}{revision}{_by(encoder)}), {state}"


def _by(encoder: EncoderIdentity) -> str:
    return ", by torch" if encoder.backend == "torch" else ""


def cut_text(features: FeaturesRecord) -> str:
    """How many texts lost their end; empty where words are counted to the last."""
    if features.max_length == WORDS_ALONE.max_length:
        return ""
    return f"{features.n_cut:,} of {features.n_texts:,} texts cut at {features.max_length} word pieces"


def vocabulary_text(features: FeaturesRecord) -> str:
    """What of the training texts is in the artifact, for a card."""
    return (
        f"- Words: `words.json` holds the {features.n_words:,} words and pairs of words that two training texts or "
        "more have, and in how many each occurs. Look at it before you publish a model of private texts."
    )


def choice_text(features: FeaturesRecord) -> str:
    """Nothing where the features were named, else that they were chosen, and on what."""
    if features.n_candidates == 1:
        return ""
    return f", chosen among {features.n_candidates} by cross-validation on the training rows"


def parts_facts(record: TrainingRecord) -> tuple[tuple[str, str], ...]:
    """What words beside the features bring, by the folds of the search; nothing where they were not tried."""
    return () if record.parts is None else (("Words", parts_text(record.parts)),)


def parts_text(parts: PartsRecord) -> str:
    """`kept: by 5 folds +1.5 (+1.0 to +2.0) points of accuracy over mean@all, a lead beyond chance`."""
    alone, words, both = parts.trials
    kept = next(trial for trial in parts.trials if trial.features == parts.kept)
    what = (
        "" if not parts.is_chosen else "left out: " if kept is alone else "kept: " if kept is both else "kept alone: "
    )
    scored = (
        f"points of {scoring_name(parts.scoring)}"
        if scoring_scale(parts.scoring) == "in %"
        else (f"hundredths of {scoring_name(parts.scoring)}")
    )
    told = both if kept is alone else kept
    said = f"{what}by {parts.n_folds} folds {lead_text(told.lead)} {scored} over {alone.features}"
    others = f"; alone {lead_text(words.lead)}" if told is both else f"; beside it {lead_text(both.lead)}"
    return f"{said}, {verdict(told.lead)}{others}"


def search_score_text(search: SearchRecord) -> str:
    """The score that chose C, with the reason why it is not a result."""
    value = f"{search.best_score or 0.0:.4f}".rstrip("0").rstrip(".")
    return f"Score while tuning: {value} (optimistic, since it chose C; no test score)"


def precision_facts(record: TrainingRecord) -> tuple[tuple[str, str], ...]:
    """Why the encoder read in this precision, where anything but float32 was asked for."""
    chosen = record.precision
    if chosen is None or chosen.asked == "float32":
        return ()
    wish = "as asked" if chosen.used == chosen.asked else f"{chosen.asked} was asked for"
    return (("Precision", f"{chosen.used} ({wish}): {printable(chosen.reason)}"),)


def seconds_text(record: TrainingRecord) -> str:
    """Where the time went."""
    seconds = record.seconds
    n_read = record.features.n_read
    source = f"{count_text(n_read, 'sentence')} read now" if n_read else "all rows were kept, no sentence was read"
    read = f"{seconds.read:.1f} getting the rows ({source})"
    searching = WORDING[record.data.kind].searching.format(n=len(record.labels))
    return f"{seconds.total:.1f} s: {read}, {seconds.search:.1f} {searching}, {seconds.evaluate:.1f} evaluating"


NOT_TESTED = "Nothing was tested: there is no telling how good this classifier is."


def untested_text(source: TestRecord | None) -> str:
    """Why there is no score: nothing was tested, or every test text is a copy of one that was learned from."""
    if source is None or source.is_of_new:
        return NOT_TESTED
    if source.n_leaks == 1:
        return "The only test text is a copy of one that it learned from: how good it is on new ones is not known."
    return (
        f"All {source.n_leaks:,} test texts are copies of texts that it learned from: how good it is on new ones "
        "is not known."
    )


def leaks_text(source: TestRecord | None, test: Evaluation) -> list[str]:
    """What test texts that are copies of training texts do to the score, where there are any."""
    if source is None or not source.n_leaks:
        return []
    if source.with_leaks is None:
        return [untested_text(source)]
    are, them = ("text is a copy of one", "it") if source.n_leaks == 1 else ("texts are copies of texts", "them")
    right, rightly = (percent(right_of(one).value) for one in (source.with_leaks, test))
    left_out = f"{source.n_leaks:,} test {are} that it learned from, and left out here"
    return [f"{left_out}: with {them} {right} % would be right, not {rightly} %."]


_FEW_OTHERS = 10  # test texts that are no near copies, below which their share says nothing


def near_text(source: TestRecord | None) -> list[str]:
    """What test texts that nearly are training texts do to the score, where they are many."""
    near = None if source is None else source.near
    if near is None or not near.matters:
        return []
    said = f"But of {near.n_looked:,} of these texts {near.n:,} are nearly texts that it learned from"
    n_others = near.n_looked - near.n
    if not n_others:
        return [f"{said}: how good it is on new ones is not known."]
    if n_others < _FEW_OTHERS:
        return [f"{said}: how good it is on new ones the {count_text(n_others, 'other')} cannot tell."]
    return [
        f"{said}; of the {count_text(n_others, 'other')} {near.n_right:,} were right, which tells more of new ones."
    ]


def ahead_text(record: TrainingRecord) -> list[str]:
    """What surely does better than this classifier, and the command for it: to stand on top of every report."""
    return [] if record.test is None else [f"{one.reason} {one.sentence}" for one in ahead_of_it(record)]


def verdict(lead: Lead | PairedDifference | Difference) -> str:
    """What a lead means, in a few words."""
    low, high = lead.interval
    if low > 0:
        return "a lead beyond chance"
    return "behind it, beyond chance" if high < 0 else "could be chance"


def calibration_text(found: CalibrationRecord) -> str:
    """One sentence: `Calibrated by a temperature of 0.92, since ...`."""
    if found.way == "none":
        said = "Not calibrated"
    elif found.temperature is not None:
        end = {COLDEST: ", the lowest allowed", HOTTEST: ", the highest allowed"}.get(round(found.temperature, 9), "")
        said = f"Calibrated by a temperature of {found.temperature:.3g}{end}"
    else:
        said = "Calibrated by an isotonic map"
    if found.asked != "auto":
        return f"{said}, as asked."
    tried = ", ".join(f"{candidate.way} {candidate.log_loss:.4f}" for candidate in found.candidates)
    losses = f" (held-out log loss: {tried})" if len(found.candidates) > 1 else ""
    return f"{said}: {found.why}{losses}."


def before_calibration(found: ProbabilityRecord) -> CalibrationScores | None:
    """The scores without the calibration, to set beside those with it.

    None too where the saved head is not calibrated: nested cross-validation tests other heads, which may have been.
    """
    return None if found.way == "none" else found.before


def no_help_text(found: ProbabilityRecord) -> str:
    """Where a calibration, chosen on training rows, put the probabilities of these texts further off; else empty."""
    before = before_calibration(found)
    now, was = (None if one is None else percent(one.reliability.error.value) for one in (found.scores, before))
    if before is None or now == was or found.scores.reliability.error.value <= before.reliability.error.value:
        return ""
    return f"On these texts calibrating did not help: without it they would be {was} points off, not {now}."


def unlike_text(unlike: UnlikeRecord | None) -> list[str]:
    """How many of the test texts are unlike those learned from, and whether that is more than chance has it."""
    if unlike is None:
        return []
    said = (
        f"Unlike anything it learned from: {estimate_text(unlike.share)} % of the test texts; "
        f"of texts like those it would be about {percent(unlike.below)} %."
    )
    if unlike.share.interval[0] <= unlike.below:
        return [said]
    return [said, "That is more than chance: some of the test texts are of another kind."]


_NEW = "that it had not learned from"
_NAMED = 6  # labels that a sentence can hold
_WIDE = 0.15  # of an interval, from end to end: beyond, a score is a hint
_TRUSTED = 4  # points that percentages may be off on average and be taken at their word


SILENT_LIMIT = (
    "Where it is not sure enough it gives no answer; where it is, the text may still be about something else."
)
"""A card's first limit, where a head may abstain."""


def is_silent_at_times(record: TrainingRecord) -> bool:
    """Whether some texts may get no answer."""
    return record.decision is not None and record.decision.answer_from > 0


def how_often_answered(found: ProbabilityRecord | None) -> list[str]:
    """How many texts get an answer at all, where not all do, and how many of those answers are right."""
    if found is None or not found.coverage.answer_from:
        return []
    covered, right = found.coverage.covered.value, found.coverage.right
    said = f"It answers only where it is sure enough: {of_hundred(covered)} of these texts got an answer"
    if right is None:
        return [f"{said}."]
    expected = f"of more such answers it should be between {between(right.interval)}"
    return [f"{said}, and {of_hundred(right.value)} of those answers were right; {expected}."]


_PROMISED = {
    "answers": "its answers are right",
    "sets": "the sets of labels that it gives are exactly right",
    "precision": "the texts taken for {label} are that",
    "recall": "the texts that are {label} are taken for it",
}


def promise_words(decision: DecisionRecord | None) -> list[str]:
    """What holds of new texts, and how sure that is; nothing where nothing was promised."""
    if decision is None:
        return []
    label = printable(decision.label, 30)
    return [
        f"Promised with {100 * promise.confidence:g} % confidence: at least {100 * promise.share:g} % of "
        f"{_PROMISED[promise.of].format(label=label)}, on new texts like those it learned from "
        f"(tested on {count_text(promise.n, 'held-out text')}, {percent(promise.coverage)} % of them "
        f"{'answered' if promise.of in {'answers', 'sets'} else 'taken for it'})."
        for promise in decision.promises
    ]


def plain_words(record: TrainingRecord) -> list[str]:
    """The paragraph that a manager reads, without terms of the trade, in the order in which it is asked for."""
    said = [
        (
            f"This classifier gives a text {_gives(record.data.kind, record.labels)}. It learned from "
            f"{count_text(record.n_trained, 'labelled text')} of {printable(record.data.name)}."
        )
    ]
    if record.test is None:
        return [*said, untested_text(record.test_source)]
    said += [
        *how_often(record.test, _NEW),
        *near_text(record.test_source),
        *leaks_text(record.test_source, record.test),
    ]
    said += [*how_often_answered(record.probabilities), *promise_words(record.decision)]
    said += [
        _beside_words(baseline)
        for name in (MAJORITY, WORDS, WORDS_EACH)
        for baseline in record.baselines
        if baseline.name == name
    ]
    said += confuses(record.test) + how_sure(record.probabilities, record.test)
    return [*said, next_step(record)]


def brief_words(record: TrainingRecord) -> list[str]:
    """The same without what a dozen lines on a terminal say beside it."""
    said = [f"This classifier gives a text {_gives(record.data.kind, record.labels)}."]
    if record.test is None:
        return [*said, untested_text(record.test_source)]
    return [
        *said,
        *how_often(record.test, _NEW),
        *leaks_text(record.test_source, record.test),
        *near_text(record.test_source),
        *how_often_answered(record.probabilities),
        *promise_words(record.decision),
        *how_sure(record.probabilities, record.test),
    ]


def evaluation_words(record: EvaluationRecord) -> list[str]:
    """The same of a saved classifier on a file."""
    said = (
        f"The classifier {printable(record.model)} gives a text {_gives(record.data.kind, record.test.labels)}. "
        f"It was tested on {printable(record.data.name)}."
    )
    if record.source is not None and not record.source.is_of_new:
        return [said, untested_text(record.source)]
    sure = how_sure(record.probabilities, record.test)
    often = how_often(record.test, "of that file")
    if record.source is not None:
        often = [*how_often(record.test, _NEW), *near_text(record.source), *leaks_text(record.source, record.test)]
    often += how_often_answered(record.probabilities)
    often += [
        _beside_words(one, ", learned from this file by folds,")
        for one in record.baselines
        if one.name in {WORDS, WORDS_EACH}
    ]
    return [said, *often, *confuses(record.test), *sure, next_step_of(record)]


def brief_evaluation_words(record: EvaluationRecord) -> list[str]:
    """The same without what a dozen lines on a terminal say beside it."""
    if record.source is not None and not record.source.is_of_new:
        return [untested_text(record.source)]
    which, unlike = "of that file" if record.source is None else _NEW, unlike_text(record.unlike)
    return [
        *how_often(record.test, which),
        *near_text(record.source),
        *leaks_text(record.source, record.test),
        *how_often_answered(record.probabilities),
        *(unlike if len(unlike) > 1 else ()),
        *how_sure(record.probabilities, record.test),
    ]


def _gives(kind: Kind, labels: Sequence[Label]) -> str:
    names = named([printable(label, 24) for label in labels])
    return WORDING[kind].gives.format(labels=f"{len(labels)} labels ({names})")


def how_often(test: Evaluation, which: str) -> list[str]:
    """How often it is right, of a hundred."""
    right = right_of(test)
    low, high = right.interval
    few = " With so few texts this is little more than a hint." if high - low > _WIDE else ""
    expected = f"on more texts of the same kind it should be between {between(right.interval)}."
    on_texts = f"On {count_text(test.n, 'text')} {which}"
    if test.confusion is not None:
        return [f"{on_texts} it was right {of_hundred(right.value)} times; {expected}{few}"]
    said = [
        f"{on_texts}, {_labels_found(test)}.{few}",
        f"All labels of a text were met for {of_hundred(right.value)} texts; {expected}",
    ]
    known = [(score.f1, printable(score.label, 30)) for score in test.per_label if score.f1 and score.support >= FEW]
    least, most = (choose(known, key=lambda pair: pair[0].value, default=None) for choose in (min, max))
    if least and most and least[0].interval[1] < most[0].interval[0]:
        said.append(f"Of the labels on {FEW} texts or more it tells {most[1]} better than {least[1]}.")
    return said


def _labels_found(test: Evaluation) -> str:
    """How many of the labels given are right, and how many of those that are there it found."""
    # micro F1 = 2 hits / (given + true), so the hits need not be kept
    hits = round(test.scores["micro_f1"].value * (test.n_given + test.n_true) / 2)
    right = f"{of_hundred(hits / test.n_given)} labels that it gave were right" if test.n_given else "it gave no label"
    return right + (f", and it found {of_hundred(hits / test.n_true)} of those that were there" if test.n_true else "")


def confuses(test: Evaluation) -> list[str]:
    """The commonest mistake and its share of all; that it is the commonest, where the next is rarer beyond chance."""
    if test.confusion is None:
        return []
    found = commonest_mistakes(test, most=2)
    if not found:
        return ["It made no mistake there, which says that the test was easy or small, not that it makes none."]
    true, taken, count = found[0]
    n_wrong = int(test.confusion.sum() - np.trace(test.confusion))
    says = f"says {printable(taken, 30)} where {printable(true, 30)} is right"
    if count == n_wrong:
        whose = "Its only mistake there" if n_wrong == 1 else f"All of its {n_wrong:,} mistakes there"
        return [f"{whose}: it {says}."]
    next_count = found[1][2]
    is_commonest = wilson(count, count + next_count)[0] > 0.5
    begun = "What it gets wrong most: it" if is_commonest else "Among its mistakes: it"
    return [f"{begun} {says} ({count:,} of {n_wrong:,})."]


def how_sure(found: ProbabilityRecord | None, test: Evaluation | None = None) -> list[str]:
    """Whether its probabilities can be taken at their word."""
    reliability = found.scores.reliability if found is not None else None if test is None else test.reliability
    return [] if reliability is None else [misses(reliability)]


def misses(found: Reliability) -> str:
    """By how much probabilities are off, by the interval of that: the value alone says nothing."""
    low, high = found.error.interval
    least, value, most = math.floor(100 * low), hundredths(found.error.value), math.ceil(100 * high)
    if most <= _TRUSTED:
        points_off = count_text(most, "point")
        return f"Its percentages can be taken at their word: on average they are at most {points_off} off."
    if low <= 0:
        return f"Too few texts to say how far its percentages are off: on average it can be up to {most} points."
    said = f"its percentages are about {count_text(max(value, 1), 'point')} off (between {least} and {most})"
    return f"On average {said}: read them with care." if least >= _TRUSTED else f"On average {said}."


def next_step(record: TrainingRecord) -> str:
    """What the figures at hand advise, the most useful first; that it be tested, where it was not."""
    if record.test_source is not None and not record.test_source.is_of_new:
        return "Next: test it on texts that it did not learn from."
    if record.test is None:
        return "Next: test it on texts with labels."
    advice = ranked(record)
    if advice:
        return f"Next: {advice[0].sentence}"
    return f"Next: read its surest mistakes; {WORDING[record.data.kind].wrong_labels}."


def next_step_of(record: EvaluationRecord) -> str:
    """The same of a saved classifier on a file."""
    advice = ranked_of_evaluation(record)
    said = advice[0].sentence if advice else f"read its surest mistakes; {WORDING[record.data.kind].wrong_labels}."
    return f"Next: {said}"


def hundredths(share: float) -> int:
    """0.845 as 85: the only place where a share or a difference becomes a whole number."""
    return math.floor(100 * share + 0.5)


def of_hundred(share: float) -> str:
    """0.8446 as `about 84 of 100`; never all or none unless it is."""
    if share in {0.0, 1.0}:
        return f"{hundredths(share)} of 100"
    if share > 0.99:
        return "more than 99 of 100"
    return "fewer than 1 of 100" if share < 0.01 else f"about {hundredths(share)} of 100"


def between(interval: Interval) -> str:
    """The limits of a share, of a hundred, rounded away from each other: what is said must hold."""
    low, high = interval
    return f"{math.floor(100 * low + 1e-9)} and {math.ceil(100 * high - 1e-9)}"


def _beside_words(baseline: Baseline, how: str = "") -> str:
    """How a baseline does beside it: the difference and its interval, each rounded once."""
    way = ("Always giving the commonest label" if baseline.name == MAJORITY else "Counting words") + how
    lead = lead_of(baseline)
    low, high = sorted(map(abs, lead.interval))
    if lead.interval[0] <= 0 <= lead.interval[1]:
        return f"Whether {way.lower()} does better or worse cannot be told: the difference could be chance."
    if "accuracy" not in baseline.scores:  # a lead in F1 is no number of texts
        return f"{way} does {'worse' if lead.value > 0 else 'better'}, beyond chance."
    than = "fewer" if lead.value > 0 else "more"
    size = f"about {hundredths(abs(lead.value))} texts" if abs(lead.value) >= 0.015 else "about 1 text"
    return f"{way} is right for {size} in 100 {than} (between {between((low, high))})."


def named(labels: list[str]) -> str:
    """Labels in a row; of many the first, and how many more there are."""
    if len(labels) <= _NAMED:
        return ", ".join(labels)
    return f"{', '.join(labels[:_NAMED])} and {len(labels) - _NAMED} more"


def layer_name(layer: int) -> str:
    """Layer 0 is what comes before the first transformer layer, which its number does not tell."""
    return "0 (embeddings)" if layer == 0 else str(layer)


def tuning_text(found: TuningRecord) -> list[str]:
    """Whether tuning paid, which epoch is kept, and what it cost."""
    low, high = found.lead.interval
    verdict = "Tuning brought nothing that is sure"
    if low > 0 or high < 0:
        verdict = f"The tuned encoder does {'better' if low > 0 else 'worse'} than the frozen one"
    tuned, frozen, n = percent(found.frozen + found.lead.value), percent(found.frozen), f"{found.lead.n:,}"
    by = f"{points(found.lead.value)} points ({points(low)} to {points(high)})"
    size = f"{found.size_bytes / 1e6:,.0f} MB"
    return [
        f"{verdict}: {tuned} against {frozen} % of the same {n} test texts right, {by}.",
        f"{_kept_epoch(found)} It took {found.seconds:,.0f} s; the tuned weights are {size}.",
    ]


def _kept_epoch(found: TuningRecord) -> str:
    stopped = " It was stopped by hand." if found.was_stopped else ""
    if found.best == 0:
        return f"No epoch did better on the rows held out: the encoder is as it was.{stopped}"
    return f"Epoch {found.best} of {len(found.losses)} is kept.{stopped}"


MOST_LISTED = 100  # labels
_EXTREME = 30  # weakest and largest of more


def labels_listed(test: Evaluation) -> tuple[list[int], str]:
    """The columns that get a row, and of very many labels which those are."""
    columns, scores = list(range(len(test.labels))), test.per_label
    if test.confusion is None:
        columns.sort(key=lambda column: -scores[column].support)
    if len(columns) <= MOST_LISTED:
        return columns, ""
    known = {column: score.f1.value for column, score in enumerate(scores) if score.f1 is not None}
    weakest = sorted(known, key=lambda column: known[column])[:_EXTREME]
    largest = sorted(columns, key=lambda column: -scores[column].support)[:_EXTREME]
    shown = {*weakest, *largest}
    return [column for column in columns if column in shown], (
        f"Of {len(columns):,} labels those {len(shown)} are listed that have the lowest F1 or the most texts; "
        "the others are in the JSON (--json), and in record.json of the saved classifier. "
    )
