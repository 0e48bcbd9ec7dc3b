"""What to do next, from what a training has measured: label more, other features, fine-tune, or stop.

Advice is given where a figure says so by more than its own uncertainty; where the figures cannot tell, it says that.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, final

from frostline.data.checks import alike, joined
from frostline.encoder.features import WORDS as WORDS_FEATURES
from frostline.errors import listed, pasteable, shown
from frostline.evaluate.baselines import CENTROID, MAJORITY, WORDS, WORDS_EACH, Baseline, Lead
from frostline.evaluate.intervals import TOGETHER, Interval, Z, one_of_many, rows_as_one, wilson
from frostline.evaluate.scores import Evaluation, right_of
from frostline.legible import MULTILINGUAL
from frostline.record import EvaluationRecord, TrainingRecord
from frostline.targets import Label

if TYPE_CHECKING:
    from frostline.evaluate.learning_curve import Gain, LearningCurve

MATTERS = 0.005
"""Accuracy below which a difference is not worth the work: half a point."""

WANTED_HALF_WIDTH = 0.02
"""Of the accuracy's interval: two points to either side."""

LOPSIDED = 5.0
"""Rows of the commonest label for each row of the rarest, from which on they are unequal."""

FEW = 20
"""Texts of a label below which its own figures say little, where a text may have several."""

ENOUGH_TO_FINE_TUNE = 1000
"""Labelled rows. Fine-tuning moves millions of weights; of fewer rows it seldom makes more than a linear head does."""

NOT_TOLD_APART = 0.05
"""Of its own rows that a head surely gets wrong: from there on it is the features that lack, not rows."""

FEW_ROWS = 1000
"""Rows learned from below which it is asked whether more would help."""

CONTRADICTED = 0.01
"""The share of rows from which on texts with two labels are worth a person's time first of all."""

IN_DOUBT = 0.1
"""The share of the texts learned from whose labels look wrong, from which on they are to be looked at first."""

Kind: TypeAlias = Literal[
    "near copies",
    "labels alike",
    "labels joined",
    "contradictions",
    "wrong labels",
    "no better than words",
    "weak label",
    "few rows",
    "leaks",
    "baseline ahead",
    "another kind",
    "label more",
    "unsure",
    "other features",
    "fine-tune",
    "stop",
    "more test rows",
    "unequal labels",
]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command that does what is advised: a verb on the same file, or None for the same command again; with options.

    The command line makes a line of it that can be pasted (`frostline.cli.again`).
    """

    verb: Literal["train", "review", "sweep", "compare", "finetune"] | None = None
    options: tuple[str, ...] = ()


_REVIEW = Step(verb="review", options=("--out", "fixes.tsv"))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing to do."""

    kind: Kind
    sentence: str  # What to do. Labels in it are fit for a terminal; HTML must escape them.
    reason: str  # The figures that say so
    step: Step | None = None  # None: no command does it


def ranked(record: TrainingRecord) -> tuple[Advice, ...]:
    """All that the record's figures advise, what costs the most first.

    What spoils the labels comes first, then what surely does better, then what makes the score meaningless, then what
    may do better or bring more, and last what is left out of the score anyway.

    Returns
    -------
    tuple of Advice
        Empty where nothing was tested.
    """
    if record.test is None:
        return ()
    language, ahead = _about_language(record), ahead_of_it(record)
    found = (
        *_about_alike(record),
        *_about_joined(record),
        *(language if ahead else ()),  # then likely why
        *ahead,
        *_about_conflicts(record),
        *_about_wrong(record),
        *(() if ahead else language),
        *about_near(record),
        *_about_words(record),
        *_about_weakest(record.test),
        *_about_rows(record),
        *_about_labels(record),
        *_about_few(record),
        *_about_test(record),
        *_about_leaks(record),
    )
    return found if record.tuning is None else tuple(map(_by_train, found))


def _by_train(advice: Advice) -> Advice:
    """The same for who has tuned an encoder: what asks for the same command anew, with options of `train`, names it."""
    if advice.step is None or advice.step.verb is not None:
        return advice
    sentence = advice.sentence.replace("run the same command with", "frostline train, with the same file and")
    return replace(advice, sentence=sentence, step=replace(advice.step, verb="train"))


def ranked_of_evaluation(record: EvaluationRecord) -> tuple[Advice, ...]:
    """The same of a saved classifier on a file: what makes the score meaningless first, then what does better.

    Returns
    -------
    tuple of Advice
        Empty where no figure advises anything.
    """
    if record.source is not None and not record.source.is_of_new:
        return (
            Advice(
                kind="leaks",
                sentence="Test it on texts that it did not learn from.",
                reason=f"All {record.source.n_leaks:,} test texts are copies of texts that it learned from.",
            ),
        )
    return (*_about_this_file(record), *_about_unlike(record), *_about_weakest(record.test))


_OF_THIS_FILE = Step(verb="train", options=("--out", "retrained"))


def _about_this_file(record: EvaluationRecord) -> list[Advice]:
    """A simple way that learned from the file itself surely does better."""
    ahead = _furthest_ahead(record.baselines)
    if ahead is None:
        return []
    return [
        Advice(
            kind="baseline ahead",
            sentence="Let it learn from texts like these: train on this file, or on both together.",
            reason=f"{ahead.name}, learned from this file by folds, does better by {_ahead_by(ahead)}.",
            step=_OF_THIS_FILE,
        )
    ]


def _about_unlike(record: EvaluationRecord) -> list[Advice]:
    """More texts than by chance are unlike what it learned from."""
    unlike = record.unlike
    if unlike is None or unlike.share.interval[0] <= unlike.below:
        return []
    return [
        Advice(
            kind="another kind",
            sentence="Some of these texts are of another kind: train on this file, or on both together.",
            reason=f"{100 * unlike.share.value:.1f} % of them are unlike anything it learned from; of texts like those "
            f"it would be about {100 * unlike.below:.1f} %.",
            step=_OF_THIS_FILE,
        )
    ]


def advise(record: TrainingRecord) -> tuple[Advice, ...]:
    """What the record's figures advise.

    Returns
    -------
    tuple of Advice
        Empty where nothing was tested.
    """
    if record.test is None:
        return ()
    return (*about_near(record), *_about_rows(record), *_about_labels(record), *_about_test(record))


def about_near(record: TrainingRecord) -> tuple[Advice, ...]:
    """To part near copies, where many test texts are such of training texts: until then no score can be relied on."""
    source = record.test_source
    if source is None or source.near is None or not source.near.matters:
        return ()
    near, file = source.near, pasteable(record.data.name)
    sentence, step = f"Look at near copies, and leave them out: frostline review {file}{_tested_on(record)}", _REVIEW
    if near.can_be_kept:
        sentence = "Test with near copies on one side: run the same command with --keep-near-copies-together."
        step = Step(options=("--keep-near-copies-together",))
    reason = f"{near.n:,} of {near.n_looked:,} test texts are nearly training texts."
    return (Advice(kind="near copies", sentence=sentence, reason=reason, step=step),)


def _about_alike(record: TrainingRecord) -> list[Advice]:
    """Labels that differ by case or blanks: rows of one label are then learned as several."""
    counts = {str(label): count for label, count in record.data.label_counts.items()}
    groups = alike(counts)
    if not groups:
        return []
    n_rows = sum(sum(counts[label] for label in group) - max(counts[label] for label in group) for group in groups)
    return [
        Advice(
            kind="labels alike",
            sentence="Merge labels that differ only by case or blanks: run the same command with --tidy-labels.",
            reason=f"{listed(groups[0])} count as different labels; {n_rows:,} of {record.data.n_rows:,} rows have "
            "such a spelling that others have not.",
            step=Step(options=("--tidy-labels",)),
        )
    ]


def _about_joined(record: TrainingRecord) -> list[Advice]:
    """Labels that are other labels with a mark between them: sets, learned as labels of their own."""
    if record.data.kind == "several labels":
        return []
    counts = {str(label): count for label, count in record.data.label_counts.items()}
    mark, sets = joined(counts)
    if not sets:
        return []
    return [
        Advice(
            kind="labels joined",
            sentence=f"Take {shown(sets[0])} for several labels: run the same command with "
            f"--labels-separator {mark!r}.",
            reason=f"{len(sets):,} of {len(counts):,} labels are other labels joined by {mark!r}; "
            f"{sum(counts[label] for label in sets):,} of {record.data.n_rows:,} rows have such.",
            step=Step(options=("--labels-separator", mark)),
        )
    ]


def _about_conflicts(record: TrainingRecord) -> list[Advice]:
    """Texts with different labels, where they are many: no classifier can be right about all of them."""
    n, n_rows = record.data.n_conflicts, record.data.n_rows
    if n < CONTRADICTED * n_rows or not n:
        return []
    return [
        Advice(
            kind="contradictions",
            sentence="Settle which label is right where a text has two: frostline review, with the same file.",
            reason=f"Of {n_rows:,} rows {n:,} texts appear with different labels.",
            step=_REVIEW,
        )
    ]


def _about_wrong(record: TrainingRecord) -> list[Advice]:
    """Labels that look wrong to heads that did not see their texts, where they are many."""
    n, n_rows = record.n_in_doubt, record.n_trained
    if n < IN_DOUBT * n_rows or not n:
        return []
    return [
        Advice(
            kind="wrong labels",
            sentence="Look at labels that look wrong, before anything else: frostline review, with the same file.",
            reason=f"Of {n_rows:,} texts learned from {n:,} have a label that looks wrong to heads that did not see "
            "them.",
            step=_REVIEW,
        )
    ]


def _about_language(record: TrainingRecord) -> list[Advice]:
    """Texts in a script that the encoder lacks, from as many on as its warning speaks of: what the warning names."""
    read = record.features.legibility
    if read is None or not read.is_hard or not read.scripts or record.features.spec == WORDS_FEATURES:
        return []
    option, cure = ("--encoder", MULTILINGUAL), "Take an encoder that can read these texts"
    if record.encoder.name == MULTILINGUAL:
        option, cure = ("--features", "words"), "Count words, as no encoder here can read these texts"
    return [
        Advice(
            kind="other features",
            sentence=f"{cure}: run the same command with {' '.join(option)}.",
            reason=f"{shown(record.encoder.name)} can hardly read {read.n_unreadable:,} of {read.n_texts:,} texts "
            f"looked at ({read.scripts[0].script}).",
            step=Step(options=option),
        )
    ]


def is_faultless(test: Evaluation | None) -> bool:
    """Whether every answer of a test was right: nothing does better there, and there are no mistakes to be read."""
    return test is not None and right_of(test).value == 1.0


def _about_words(record: TrainingRecord) -> list[Advice]:
    """Word counting may do as well, and nobody has looked for other features yet."""
    if record.choice is not None or record.features.spec == WORDS_FEATURES or is_faultless(record.test):
        return []
    for baseline in record.baselines:
        lead = _lead_over(baseline)
        low, high = lead.interval
        may_be = 0 <= high < MATTERS or (low <= 0 <= high and lead.value < MATTERS)
        if baseline.name in {WORDS, WORDS_EACH} and may_be:
            said = "Whether it does better than counting words cannot be told: the lead is"
            if high < MATTERS:
                said = f"It does no better than counting words, or by less than {100 * MATTERS:g} points: the lead is"
            return [
                Advice(
                    kind="no better than words",
                    sentence="Try other features: run the same command with --features auto.",
                    reason=f"{said} {_difference(lead.value, lead.interval)}.",
                    step=Step(options=("--features", "auto")),
                )
            ]
    return []


def _about_weakest(test: Evaluation | None) -> list[Advice]:
    """A label that is told worse than the labels are on average, beyond chance."""
    known = [] if test is None else [(score.f1, score.label) for score in test.per_label if score.f1 is not None]
    if test is None or len(known) < 2 or "macro_f1" not in test.scores:
        return []
    f1, label = min(known, key=lambda pair: pair[0].value)
    low, high = one_of_many(f1, len(known))
    if high >= test.scores["macro_f1"].interval[0]:
        return []
    allowing = f", allowing for {len(known):,} labels looked at" if len(known) > 2 else ""
    return [
        Advice(
            kind="weak label",
            sentence=f"Look at the rows of {shown(label)} for wrong labels: frostline review, with the same file.",
            reason=f"Its F1 is {100 * f1.value:.0f} % ({100 * low:.0f} to {100 * high:.0f}{allowing}), below the mean "
            "of all labels beyond chance.",
            step=_REVIEW,
        )
    ]


def _about_few(record: TrainingRecord) -> list[Advice]:
    """Few rows, and nobody has measured yet whether more would help."""
    if record.learning is not None or record.n_trained >= FEW_ROWS:
        return []
    return [
        Advice(
            kind="few rows",
            sentence="Measure whether more labels would help: run the same command with --learning-curve.",
            reason=f"It learned from {record.n_trained:,} rows, which is few.",
            step=Step(options=("--learning-curve",)),
        )
    ]


def _about_leaks(record: TrainingRecord) -> list[Advice]:
    """Test rows of a file that are copies of training rows; the scores are without them."""
    source = record.test_source
    if source is None or source.data is None or not source.n_leaks:
        return []
    return [
        Advice(
            kind="leaks",
            sentence="Look at test texts that were also trained on: frostline review, with the same files.",
            reason=f"{source.n_leaks:,} of them are left out of the scores.",
            step=_REVIEW,
        )
    ]


def ahead_of_it(record: TrainingRecord) -> tuple[Advice, ...]:
    """The baseline that does better on the test rows by most, where one surely does, and what to do about it.

    Surely: the whole 95 % interval of the difference, on the same rows, lies on its side.
    """
    baseline = _furthest_ahead(record.baselines)
    if baseline is None:
        return ()
    return (
        Advice(
            kind="baseline ahead",
            sentence=_instead(record, baseline.name)[0],
            step=_instead(record, baseline.name)[1],
            reason=f"{baseline.name} does better here by {_ahead_by(baseline)}.",
        ),
    )


def _furthest_ahead(baselines: Sequence[Baseline]) -> Baseline | None:
    """The one that surely does better by most; None where none does."""
    ahead = [one for one in baselines if _lead_over(one).interval[1] < 0]
    return min(ahead, key=lambda one: _lead_over(one).value, default=None)


def _lead_over(baseline: Baseline) -> Lead:
    return baseline.leads.get("accuracy") or baseline.leads["macro_f1"]


def _ahead_by(baseline: Baseline) -> str:
    lead, score = _lead_over(baseline), "accuracy" if "accuracy" in baseline.leads else "macro F1"
    low, high = (limit_in_points(-limit).lstrip("+") for limit in reversed(lead.interval))
    return f"{-100 * lead.value:.1f} points ({low} to {high}) of {score}, beyond chance"


def _instead(record: TrainingRecord, name: str) -> tuple[str, Step]:
    """What to do where that baseline does better. No whole command: the options of this training are not known here."""
    if name == MAJORITY:
        return "Look for wrong labels: frostline review, with the same file and columns.", _REVIEW
    if name == CENTROID or record.features.spec == WORDS_FEATURES:
        return "Try other features than these: frostline sweep, with the same file and columns.", Step(verb="sweep")
    return (
        'Take what does better: run the same command with --features words (in Python: features="words").',
        Step(options=("--features", "words")),
    )


def _tested_on(record: TrainingRecord) -> str:
    file = None if record.test_source is None else record.test_source.data
    return "" if file is None else f" --test {pasteable(file.name)}"


def curve_measure(record: TrainingRecord) -> str:
    """What the learning curve measures: plain heads, whatever rule of answering the saved head has.

    A threshold chosen anew for every subset would take rows that small subsets do not have.
    """
    if record.data.kind == "several labels":
        return "share of texts with all labels right (each label from 0.5 on)"
    if record.decision is not None and record.decision.thresholds:
        return "accuracy of the most probable label"
    return "accuracy"


def rows_for(half_width: float, share: float) -> int:
    """Test rows from which a share's 95 % interval (Wilson's) is no wider than `half_width` to either side.

    Wilson's half-width is Z sqrt(p q / n + Z^2 / 4 n^2) / (1 + Z^2 / n); solved for n.
    """
    spread = share * (1 - share)
    a = half_width**2
    b = 2 * half_width**2 * Z**2 - Z**2 * spread
    c = half_width**2 * Z**4 - Z**4 / 4
    return max(1, math.ceil((-b + math.sqrt(max(0.0, b * b - 4 * a * c))) / (2 * a)))


def _about_rows(record: TrainingRecord) -> list[Advice]:
    """Label more, or not, by what the learning curve says of twice and four times the rows."""
    curve = record.learning
    if curve is None:
        return []
    if curve.outlook is None:
        return [
            Advice(
                kind="unsure",
                sentence="Whether more labels would help cannot be told yet: label some, and measure again.",
                reason=curve.no_outlook,
            )
        ]
    twice, furthest, of = curve.outlook.gains[0], curve.outlook.gains[-1], _of(record)
    if twice.interval[0] > 0 and twice.value >= MATTERS:
        return [
            Advice(
                kind="label more",
                sentence=f"Label more: {twice.n_rows:,} rows in all should bring {_points(twice)} {of}.",
                reason=f"The learning curve still rises; {furthest.n_rows:,} rows should bring {_points(furthest)}.",
            ),
            *_about_tuning(record, curve, is_flat=False),
        ]
    if twice.interval[1] < MATTERS:
        return _flat(record, curve, twice, furthest)
    return [
        Advice(
            kind="unsure",
            sentence=f"More labels may bring up to {100 * twice.interval[1]:.1f} points: label some, and train again.",
            reason=f"{twice.n_rows:,} rows in all should bring {_points(twice)} {of}.",
        ),
        *_about_tuning(record, curve, is_flat=False),
    ]


def _about_tuning(record: TrainingRecord, curve: "LearningCurve", *, is_flat: bool) -> list[Advice]:
    """Whether training the encoder too is likely to pay: by what the head cannot even tell of its own rows."""
    last = curve.points[-1]
    if record.n_trained < ENOUGH_TO_FINE_TUNE or record.tuning is not None or record.features.spec == WORDS_FEATURES:
        return []
    wrong = 1 - last.fitted_accuracy
    n_apart = last.n_rows / _rows_that_tell_as_one(record)
    low, high = wilson(wrong * n_apart, n_apart)
    share = f"{100 * wrong:.1f} % wrong ({100 * low:.1f} to {100 * high:.1f})"
    found = f"of its own {last.n_rows:,} rows the head gets {share}"
    step = Step(verb="finetune", options=("--out", "tuned"))
    if low >= NOT_TOLD_APART:
        return [
            Advice(
                kind="fine-tune",
                sentence="Fine-tune the encoder, which is frozen here: it is likely to pay.",
                step=step,
                reason=f"These features do not tell the labels apart: {found}. That rests on one file, SST-2, where "
                "tuning brought 3.1 points (1.8 to 4.3).",
            )
        ]
    if not is_flat:
        return []
    return [
        Advice(
            kind="fine-tune",
            sentence="Fine-tune the encoder, which is frozen here: whether it would pay cannot be told without trying.",
            step=step,
            reason=f"The learning curve is flat, and {found}: the features tell most of them apart.",
        )
    ]


def _flat(record: TrainingRecord, curve: "LearningCurve", twice: "Gain", furthest: "Gain") -> list[Advice]:
    """The curve is flat: another reading of the texts may help, more rows will not."""
    advice = []
    missed = 0.0 if is_faultless(record.test) else 1 - curve.points[-1].accuracy.interval[0]
    of = _of(record)
    reason = f"The learning curve is flat: {twice.n_rows:,} rows in all should bring {_points(twice)} {of}"
    if missed >= MATTERS and record.choice is None:
        advice.append(
            Advice(
                kind="other features",
                sentence="Choose other features or another encoder: frostline sweep, frostline compare.",
                step=Step(verb="sweep"),
                reason=f"{reason}, and these features ({record.features.spec}) were not chosen among others.",
            )
        )
    elif missed >= MATTERS:
        advice.append(
            Advice(
                kind="other features",
                sentence="Choose another encoder: frostline compare.",
                step=Step(verb="compare"),
                reason=f"{reason}, and these features were chosen among {record.features.n_candidates} of it.",
            )
        )
    if missed >= MATTERS:
        advice += _about_tuning(record, curve, is_flat=True)
    if furthest.interval[1] < MATTERS:
        advice.append(
            Advice(
                kind="stop",
                sentence="Stop labelling for these features.",
                reason=f"Even {furthest.n_rows:,} rows should bring {_points(furthest)} {of}: "
                f"less than {100 * MATTERS:g}.",
            )
        )
    return advice


def _about_labels(record: TrainingRecord) -> list[Advice]:
    """Labels of very unequal number, where nothing was done about it; where each is learned by itself, rare ones."""
    counts = record.data.label_counts
    if record.test is None or "accuracy" not in record.test.scores:
        return _about_rare(counts)
    rarest, commonest = min(counts, key=lambda label: counts[label]), max(counts, key=lambda label: counts[label])
    is_weighed = record.search.class_weight is not None or record.search.scoring not in {"accuracy", "neg_log_loss"}
    recall = next((score.recall for score in record.test.per_label if score.label == rarest), None)
    is_found = recall is not None and recall.interval[1] >= record.test.scores["accuracy"].interval[0]  # or may be
    if counts[commonest] < LOPSIDED * counts[rarest] or is_weighed or is_found:
        return []
    share = counts[rarest] / sum(counts.values())
    found = "none was tested"
    if recall is not None:
        low, high = recall.interval
        found = f"of {recall.n:,} tested {100 * recall.value:.0f} % were found ({100 * low:.0f} to {100 * high:.0f})"
    return [
        Advice(
            kind="unequal labels",
            sentence=f"Give the rows of {shown(rarest)} more weight: run the same command with --class-weight balanced "
            "--scoring f1_macro.",
            step=Step(options=("--class-weight", "balanced", "--scoring", "f1_macro")),
            reason=f"{shown(rarest)} has {counts[rarest]:,} rows, {shown(commonest)} {counts[commonest]:,}: "
            f"{100 * share:.1f} % of the accuracy hang on it; {found}.",
        )
    ]


def _about_rare(counts: Mapping[Label, int]) -> list[Advice]:
    """Labels that too few texts have."""
    rare = sorted(((count, label) for label, count in counts.items() if count < FEW), key=lambda pair: pair[0])
    if not rare:
        return []
    count, label = rare[0]
    others = f" and of {len(rare) - 1} more on fewer than {FEW} texts" if len(rare) > 1 else ""
    return [
        Advice(
            kind="label more",
            sentence=f"Label more texts of {shown(label)} (it is on {count:,}){others}.",
            reason=f"Each label is learned by itself, and of fewer than {FEW} texts its figures tell little.",
        )
    ]


def _about_test(record: TrainingRecord) -> list[Advice]:
    """A test that leaves the share of right texts too uncertain; planned for the worst that the interval allows."""
    if record.test is None:
        return []
    share = right_of(record.test)
    low, high = share.interval
    if (high - low) / 2 <= WANTED_HALF_WIDTH:
        return []
    needed = rows_for(WANTED_HALF_WIDTH, min(max(low, 0.5), high))
    rows = "texts of which none belongs to another" if TOGETHER in share.method else "rows"
    what = "accuracy" if "accuracy" in record.test.scores else "share of texts with all labels right"
    sentence, step = f"Test on {needed:,} {rows}, to know the {what} to {100 * WANTED_HALF_WIDTH:g} points", None
    if record.test_source is not None and record.test_source.kind.endswith("hold-out"):
        sentence += f": run the same command with --nested, which tests all {record.data.n_rows:,} of this file"
        step = Step(options=("--nested",))
    return [
        Advice(
            kind="more test rows",
            sentence=f"{sentence}.",
            step=step,
            reason=f"By {share.n:,} rows it lies between {100 * low:.1f} and {100 * high:.1f} %; planned is for "
            "the end of that which needs the most rows.",
        )
    ]


def _rows_that_tell_as_one(record: TrainingRecord) -> float:
    """How many rows of the file tell as much as one that stands alone: its copies, or what those tested on show."""
    by_copies = record.data.n_rows / max(1, record.data.n_rows - record.data.n_duplicates)
    return by_copies if record.test is None else max(by_copies, rows_as_one(right_of(record.test)))


def _of(record: TrainingRecord) -> str:
    measure = curve_measure(record)
    return "of accuracy" if measure == "accuracy" else f"in the {measure}"


def _points(gain: "Gain") -> str:
    return _difference(gain.value, gain.interval)


def _difference(value: float, interval: Interval) -> str:
    low, high = interval
    return f"{100 * value:+z.1f} points ({limit_in_points(low)} to {limit_in_points(high)})"


def limit_in_points(limit: float) -> str:
    """The end of a difference's interval in percentage points, signed; to three digits, before it is shown as 0."""
    shown_digits = next((digits for digits in (1, 2, 3) if round(100 * limit, digits)), 1)
    return f"{100 * limit:+z.{shown_digits}f}"
