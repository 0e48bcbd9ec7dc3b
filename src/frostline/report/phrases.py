"""The sentences and number forms that every report shares, so that they say the same thing everywhere.

Plain text, in which what came from the user is made printable; whoever has markup escapes it for theirs.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, final

from frostline.advice import ahead_of_it, limit_in_points
from frostline.data.dataset import Source
from frostline.encoder.reading import EncoderIdentity
from frostline.encoder.words import WORDS_ALONE
from frostline.errors import shown
from frostline.evaluate.baselines import Baseline, Lead
from frostline.evaluate.intervals import Estimate, Interval
from frostline.evaluate.paired import Difference, PairedDifference
from frostline.evaluate.probabilities import CalibrationScores
from frostline.evaluate.scores import Evaluation
from frostline.head.calibrating import COLDEST, HOTTEST
from frostline.head.options import MOST_SEARCHED
from frostline.record import (
    CalibrationRecord,
    DataRecord,
    DecisionRecord,
    FeaturesRecord,
    PartsRecord,
    ProbabilityRecord,
    SearchRecord,
    TestRecord,
    TrainingRecord,
    TuningRecord,
)
from frostline.report import LONGEST, count_text, label_name, printable
from frostline.report import seconds_text as spent
from frostline.targets import Kind

DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
_WHOLE = 1000  # characters of what is ours and may be long


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


def limit(value: float) -> str:
    """The end of such a difference's interval: never 0 where it is not, as a lead beyond chance would not be one."""
    return limit_in_points(value).replace("-", MINUS)


def lead_text(lead: Lead | PairedDifference | Difference) -> str:
    """`+3.2 (+1.5 to +4.8)`."""
    low, high = map(limit, lead.interval)
    return f"{points(lead.value)} ({low} to {high})"


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
    said = ", ".join(f"{label_name(label, longest)} {count:,}" for label, count in counts[:most])
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
    judged = f"{len(search.Cs)} by {printable(search.scoring)} over {search.n_folds} folds, {printable(search.rule)}"
    n_larger = sum(max(search.Cs) < C for C in search.not_searched)
    others = "larger ones" if n_larger == len(search.not_searched) else "smaller and larger ones"
    left_out = f" ({len(search.not_searched)} {others} were worse, so not tried)" if search.not_searched else ""
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
    behind = f", each text behind {shown(encoder.prefix, 60)}" if encoder.prefix else ""
    return f"{', by torch' if encoder.backend == 'torch' else ''}{behind}"


def cut_text(features: FeaturesRecord) -> str:
    """How many texts lost their end; empty where words are counted to the last."""
    if features.max_length == WORDS_ALONE.max_length:
        return ""
    if not features.n_cut:
        return f"no text was too long (limit {features.max_length} word pieces)"
    return f"{features.n_cut:,} of {features.n_texts:,} texts cut at {features.max_length} word pieces"


def vocabulary_text(n_words: int) -> str:
    """What of the training texts is in the artifact, for a card."""
    return (
        f"- Words: `words.json` holds the {n_words:,} words and pairs of words that two training texts or "
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


def parts_text(parts: PartsRecord, *, is_brief: bool = False) -> str:
    """`kept: by 5 folds +1.5 (+1.0 to +2.0) points of accuracy over mean@all, a lead beyond chance`.

    Brief: `kept: +1.5 points by 5 folds (+1.0 to +2.0), beyond chance`.
    """
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
    if is_brief and scoring_scale(parts.scoring) != "in %":
        return f"{what}{_loss_told(told.lead, parts)}, {chance(told.lead)}"
    if is_brief:
        figure, limits = lead_text(told.lead).split(" ", 1)
        unit = scored.removesuffix(" of accuracy")
        return f"{what}{figure} {unit} by {parts.n_folds} folds {limits}, {chance(told.lead)}"
    said = f"{what}by {parts.n_folds} folds {lead_text(told.lead)} {scored} over {alone.features}"
    others = f"; alone {lead_text(words.lead)}" if told is both else f"; beside it {lead_text(both.lead)}"
    return f"{said}, {verdict(told.lead)}{others}"


def _loss_told(lead: Difference, parts: PartsRecord) -> str:
    """`log loss 0.015 lower by 5 folds (0.010 to 0.020)`: a scorer that is minus a loss, told as that loss."""
    sign, way = (-1, "higher") if lead.value < 0 else (1, "lower")
    low, high = sorted(sign * one for one in lead.interval)
    name = scoring_name(parts.scoring).removeprefix("minus ")
    return f"{name} {abs(lead.value):.3f} {way} by {parts.n_folds} folds ({low:z.3f} to {high:z.3f})".replace(
        "-", MINUS
    )


def search_score_text(search: SearchRecord) -> str:
    """The score that chose C, with the reason why it is not a result."""
    value = search.best_score or 0.0
    said = f"{value:.4f}".rstrip("0").rstrip(".") if search.scoring.startswith("neg_") else f"{percent(value)} %"
    return f"Score while tuning: {said} (optimistic, since it chose C; no test score)"


def precision_facts(record: TrainingRecord) -> tuple[tuple[str, str], ...]:
    """Why the encoder read in this precision, where anything but float32 was asked for."""
    chosen = record.precision
    if chosen is None or chosen.asked == "float32":
        return ()
    wish = "as asked" if chosen.used == chosen.asked else f"{chosen.asked} was asked for"
    return (("Precision", f"{chosen.used} ({wish}): {printable(chosen.reason, _WHOLE)}"),)


def seconds_text(record: TrainingRecord) -> str:
    """Where the time went."""
    seconds = record.seconds
    n_read = record.features.n_read
    source = f"{count_text(n_read, 'sentence')} read now" if n_read else "all rows were kept, no sentence was read"
    searching = WORDING[record.data.kind].searching.format(n=len(record.labels))
    read, search, evaluate, total = map(spent, (seconds.read, seconds.search, seconds.evaluate, seconds.total))
    return f"{total}: {read} getting the rows ({source}), {search} {searching}, {evaluate} evaluating"


NOT_TESTED = "Nothing was tested: there is no telling how good this classifier is."


def ahead_text(record: TrainingRecord) -> list[str]:
    """What surely does better than this classifier, and the command for it: to stand on top of every report."""
    return [] if record.test is None else [f"{one.reason} {one.sentence}" for one in ahead_of_it(record)]


def chance(lead: Lead | PairedDifference | Difference) -> str:
    """Whether a difference, to either side, could be chance: where a line has no room for `verdict`."""
    low, high = lead.interval
    return "maybe chance" if low <= 0 <= high else "beyond chance"


def verdict(lead: Lead | PairedDifference | Difference) -> str:
    """What a lead means, in a few words."""
    low, high = lead.interval
    if low > 0:
        return "a lead beyond chance"
    return "behind it, beyond chance" if high < 0 else "could be chance"


def calibration_text(found: CalibrationRecord) -> str:
    """One sentence: `Calibrated by a temperature of 0.92, since ...`."""
    if found.way == "none":
        said = "Probabilities not corrected"
    elif found.temperature is not None:
        end = {COLDEST: ", the lowest allowed", HOTTEST: ", the highest allowed"}.get(round(found.temperature, 9), "")
        said = f"Probabilities corrected by a temperature of {found.temperature:.3g}{end}"
    else:
        said = "Probabilities corrected by an isotonic map"
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


_NAMED = 6  # labels that a sentence can hold

SILENT_LIMIT = (
    "Where it is not sure enough it gives no answer; where it is, the text may still be about something else."
)
"""A card's first limit, where a head may abstain."""


def is_silent_at_times(record: TrainingRecord) -> bool:
    """Whether some texts may get no answer."""
    return record.decision is not None and record.decision.answer_from > 0


def hundredths(share: float) -> int:
    """0.845 as 85: the only place where a share or a difference becomes a whole number."""
    return math.floor(100 * share + 0.5)


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
    by = f"{points(found.lead.value)} points ({limit(low)} to {limit(high)})"
    size = f"{found.size_bytes / 1e6:,.0f} MB"
    return [
        f"{verdict}: {tuned} against {frozen} % of the same {n} test texts right, {by}.",
        f"{_kept_epoch(found)} It took {found.seconds:,.0f} s; the tuned weights are {size}.",
    ]


def _kept_epoch(found: TuningRecord) -> str:
    stopped = " It was stopped by hand." if found.was_stopped else ""
    if found.best == 0:
        return (
            "No epoch did better on the rows held out: the encoder is as it was; its head learned without those rows, "
            f"so that the two may differ.{stopped}"
        )
    first = " Before, texts of like labels were brought together, which gained by folds." if found.is_contrasted else ""
    n_epochs, asked = len(found.losses), found.n_asked
    more = f" ({asked} asked for: so few rows take more)" if asked is not None and n_epochs > asked else ""
    return f"Epoch {found.best} of {n_epochs}{more} is kept.{first}{stopped}"


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


def is_of_near_copies(caution: str) -> bool:
    """Whether it warns of test texts that nearly are training texts, and of nothing else."""
    return " nearly a training text: " in caution or " nearly training texts: " in caution
