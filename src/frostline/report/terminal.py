"""A record on the terminal: one screen, 80 columns.

Each section stands where the record holds what it shows.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from frostline.advice import curve_measure
from frostline.evaluate.baselines import Baseline
from frostline.evaluate.scores import AnswerScores, Evaluation, LabelScore, commonest_mistakes
from frostline.record import (
    CalibrationRecord,
    CascadeRecord,
    CascadeTest,
    ChoiceRecord,
    DataRecord,
    DecisionRecord,
    EvaluationRecord,
    FeaturesRecord,
    ProbabilityRecord,
    SearchRecord,
    TrainingRecord,
    UnlikeRecord,
)
from frostline.report import count_text, label_name, phrases, plain, printable
from frostline.report.brief import print_next
from frostline.report.lines import BARS, bars, closing, facts, fits, heading, say, shade, show, table
from frostline.report.phrases import Scored
from frostline.report.plain import next_step
from frostline.report.sections import outlook_words
from frostline.targets import Label

if TYPE_CHECKING:
    from frostline.evaluate.learning_curve import LearningCurve
    from frostline.evaluate.nested import NestedResult

_WANTED = (0.9, 0.95, 0.99)

MOST_LABELS = 12
"""Beyond this many labels the terminal shows the weakest and the commonest mistakes; the HTML report shows all."""

_FOLDED = 24  # letters by which a baseline's name may fold before intervals move beneath their values
_MOST_WITHOUT_MATRIX = 30  # a screen holds more of them where no confusion matrix follows


def print_report(record: TrainingRecord, console: Console, *, command: str = "") -> None:
    """The whole of a training; what does better than it stands on top."""
    for line in phrases.columns_text(record.data):
        say(console, line)
    closing(console, phrases.ahead_text(record))
    facts(
        console,
        [
            ("Data", _counted(record.data)),
            ("Encoder", phrases.encoder_text(record.encoder, is_tuned=record.tuning is not None)),
            *phrases.precision_facts(record),
            ("Features", _features(record.features)),
            *phrases.parts_facts(record),
            ("Head", phrases.head_text(record.search, record.decision)),
        ],
    )
    _curve(console, record.search)
    if record.test is not None:
        _tested(record, record.test, console)
    print_learning(record.learning, console, curve_measure(record))
    print_choice(record.choice, console)
    _nested(record.nested, record.test, console)
    untested = [] if record.test is not None else [plain.untested_text(record.test_source)]
    closing(console, [*untested, *record.warnings])
    if record.test is not None or record.test_source is not None:
        console.print()
        print_next(console, next_step(record), command)
    say(console, phrases.seconds_text(record), style="dim")


def print_evaluation(record: EvaluationRecord, console: Console, *, command: str = "") -> None:
    """A saved classifier on a test file; what to do next where `command` does it."""
    for line in phrases.columns_text(record.data):
        say(console, line)
    test = record.test
    facts(
        console,
        [
            ("Model", printable(record.model)),
            ("Data", _counted(record.data)),
            ("Features", _features(record.features)),
        ],
    )
    if record.source is not None and not record.source.is_of_new:  # no score, as in training
        closing(console, [plain.untested_text(record.source), *record.warnings])
        return
    heading(console, f"Test: {count_text(test.n, 'text')}")
    others: list[tuple[str, Scored]] = [(baseline.name, baseline) for baseline in record.baselines]
    own = "" if test.confusion is not None and not others else "bold"
    _score_table(console, [("this classifier", test), *others], own=own)
    for words in plain.leaks_text(record.source, test):
        say(console, words)
    _leads(console, record.baselines)
    if others:
        say(console, "The others learned from this file by folds: a saved classifier keeps no texts.", style="dim")
    rest = phrases.rest_text(test.scores)
    if rest:
        say(console, f"In brackets: 95 % intervals.{rest}", style="dim")
    _labels(console, test)
    _confusion(console, test)
    print_trust(record.probabilities, console)
    print_unlike(record.unlike, console)
    print_cascade(record.cascade, console)
    may_be_silent = record.probabilities is not None and record.probabilities.coverage.answer_from > 0
    print_answer_scores(record.answers, test.labels, console, may_be_silent=may_be_silent)
    closing(console, record.warnings)
    if command:
        console.print()
        print_next(console, plain.next_step_of(record), command)


def _tested(record: TrainingRecord, test: Evaluation, console: Console) -> None:
    """The scores beside those of simpler ways, label by label, and what the probabilities are worth."""
    source = phrases.source_text(record.test_source, record.data.kind)
    heading(console, f"Test: {count_text(test.n, 'text')}, {source}")
    half: list[tuple[str, Scored]] = [] if record.at_half is None else [("… each label from 0.5 on", record.at_half)]
    others: list[tuple[str, Scored]] = [(baseline.name, baseline) for baseline in record.baselines]
    _score_table(console, [("this classifier", test), *half, *others], own="bold")
    for words in plain.leaks_text(record.test_source, test):
        say(console, words)
    _leads(console, record.baselines)
    say(console, f"In brackets: 95 % intervals.{phrases.rest_text(test.scores)}", style="dim")
    _labels(console, test, record.search.thresholds)
    _confusion(console, test)
    print_trust(record.probabilities, console)
    print_calibration(record.calibration, console)
    print_unlike(record.unlike, console)
    print_cascade(record.cascade, console)
    print_decision(record.decision, record.labels, console)


def _nested(found: "NestedResult | None", test: Evaluation | None, console: Console) -> None:
    """The scores, unless they are those of the test itself, and what each outer fold chose."""
    if found is None:
        return
    if found.evaluation is not test:
        heading(console, f"Nested cross-validation: {found.n_outer} folds, all {found.evaluation.n:,} rows")
        say(console, phrases.scores_text(found.evaluation.scores))
    chosen = ", ".join(f"{C:.3g}" for C in found.chosen_Cs)
    which = "C chosen" if found.evaluation.confusion is not None else "Middle of the labels' C"
    say(console, f"{which} in each outer fold: {chosen}", style="dim")
    if found.chosen_features:
        say(console, f"features, by its own rows: {', '.join(found.chosen_features)}", style="dim")


def print_trust(found: ProbabilityRecord | None, console: Console) -> None:
    """How far the probabilities can be believed, and what answering only the surest texts would bring."""
    if found is None:
        return
    error = found.scores.reliability.error
    now = f"calibration error {phrases.percent(error.value)} points ({phrases.percent_range(error.interval)})"
    before = phrases.before_calibration(found)
    if before is not None:
        was = before.reliability.error
        now += f", {phrases.percent(was.value)} before ({found.way})"
    heading(console, "Probabilities")
    show(console, Text(f"{now}; Brier score {found.scores.brier.value:.3f}"))
    if no_help := phrases.no_help_text(found):
        show(console, Text(no_help))
    bins = found.scores.reliability.bins
    if len(bins) > 1 and not console.options.ascii_only:
        ends = f"{100 * bins[0].mean_probability:.0f} to {100 * bins[-1].mean_probability:.0f}"
        line = Text(bars([one.mean_probability for one in bins], low=0.0, high=1.0), style="dim")
        line.append(f"  predicted confidence, {ends} %\n", style="dim")
        line.append(bars([one.share_right for one in bins], low=0.0, high=1.0), style="cyan")
        line.append("  actually right", style="dim")
        show(console, line)
    said = surest_words(found)
    if said:
        show(console, Text(said))


def print_unlike(unlike: UnlikeRecord | None, console: Console) -> None:
    """How many of the texts are unlike anything that was learned from."""
    for sentence in plain.unlike_text(unlike):
        say(console, sentence)


def print_cascade(cascade: CascadeRecord | CascadeTest | None, console: Console) -> None:
    """What a cascade saves and changes."""
    for sentence in plain.cascade_text(cascade):
        say(console, sentence)


def surest_words(found: ProbabilityRecord) -> str:
    """Which share of the texts could be answered with so many answers right; empty where there is none to tell."""
    curve = found.coverage
    parts = []
    for wanted in _WANTED:
        places = [place for place, share in enumerate(curve.precision) if share >= wanted]
        if places and places[-1] < len(curve.coverage) - 1:
            parts.append(f"{phrases.percent(curve.coverage[places[-1]])} % for {100 * wanted:.0f} % right")
    if not parts:
        return ""
    return f"answering only when sure: {', '.join(parts)} (measured on these texts: slightly optimistic)"


def print_learning(curve: "LearningCurve | None", console: Console, right: str = "accuracy") -> None:
    """The learning curve as bars, and where it leads."""
    if curve is None:
        return
    first, last = curve.points[0], curve.points[-1]
    heading(console, "Learning curve")
    if first is last:
        show(console, Text(curve.no_outlook))
        return
    line = Text()
    if not console.options.ascii_only:
        line.append(bars([point.accuracy.value for point in curve.points]) + "  ", style="cyan")
    line.append(
        f"{first.n_rows:,} to {last.n_rows:,} rows: {right} {phrases.percent(first.accuracy.value)} to "
        f"{phrases.percent(last.accuracy.value)}"
    )
    show(console, line)
    for words in outlook_words(curve, right):
        show(console, Text(words))


def print_choice(choice: ChoiceRecord | None, console: Console) -> None:
    """The single blocks by layer and pooling, shaded by their scores; nothing where features were named."""
    if choice is None:
        return
    single = [(trial.layer, trial.pooling, trial) for trial in choice.trials if trial.layer is not None]
    singles = {(layer, pooling): trial for layer, pooling, trial in single}
    told = [trial.score for trial in singles.values() if trial.chosen_C is not None]
    if not told:
        return
    low, high = min(told), max(told)
    poolings = list(dict.fromkeys(pooling for _, pooling in singles))
    scored = phrases.scored_in(choice.scoring)
    heading(console, f"Features tried (scores that chose: {scored})")
    blocks = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, header_style="cyan")
    blocks.add_column(Text("layer"))
    for pooling in poolings:
        blocks.add_column(Text(str(pooling)), justify="right", width=7)
    for layer in sorted({layer for layer, _, _ in single}):
        row = [singles[layer, pooling] for pooling in poolings if (layer, pooling) in singles]
        blocks.add_row(
            phrases.layer_name(layer),
            *(
                Text(
                    f" {100 * trial.score:.1f}{'*' if trial.features == choice.winner else ' '}",
                    style=shade((trial.score - low) / (high - low) if high > low else 1.0),
                )
                for trial in row
            ),
        )
    show(console, blocks)
    rule = printable(choice.rule, 200)
    show(console, Text(f"taken: {choice.winner}, {rule}; {len(choice.trials)} were tried", style="dim"))


def print_calibration(found: CalibrationRecord | None, console: Console) -> None:
    """What the probabilities were made by, and why."""
    if found is not None:
        say(console, phrases.calibration_text(found), style="dim")


def print_decision(found: DecisionRecord | None, labels: Sequence[Label], console: Console) -> None:
    """What was wished for, and what came of it out of fold and on the test rows."""
    if found is None:
        return
    heading(console, "Answers")
    say(console, decision_text(found, labels))
    rows = [("out of fold", found.out_of_fold)]
    if found.test is not None:
        rows.append(("test", found.test))
    _answer_table(rows, found.label, labels, console, may_be_silent=found.answer_from > 0)


def print_answer_scores(
    found: AnswerScores | None, labels: Sequence[Label], console: Console, *, may_be_silent: bool
) -> None:
    """The same of a saved classifier on a test file."""
    if found is not None:
        heading(console, "Answers")
        _answer_table([("test", found)], None, labels, console, may_be_silent=may_be_silent)


def decision_text(found: DecisionRecord, labels: Sequence[Label]) -> str:
    """The rule in words."""
    of = "" if found.label is None else f" for {printable(found.label, 30)}"
    said = [f"Wished for: {found.asked}{of}."]
    if found.thresholds and found.label is not None:
        said.append(f"Taken from {found.thresholds[list(labels).index(found.label)]:.3f} on.")
    elif found.thresholds:
        each = [
            f"{label_name(label, 20)} {threshold:.3f}"
            for label, threshold in zip(labels[:12], found.thresholds[:12], strict=True)
        ]
        said.append(f"Thresholds: {', '.join(each)}{', …' if len(labels) > 12 else ''}.")
    elif not found.answer_from:
        said.append("No thresholds do better than the most probable label, which is taken.")
    if found.answer_from:
        said.append(f"Answered from a probability of {found.answer_from:.3f} on.")
    return " ".join([*said, *plain.promise_words(found)])


def _answer_table(
    rows: Sequence[tuple[str, AnswerScores]],
    label: Label | None,
    labels: Sequence[Label],
    console: Console,
    *,
    may_be_silent: bool,
) -> None:
    """A row for each set of texts; which share was answered stands there only where that need not be all."""
    names = ["answered %", "right of these %", "macro F1 of these %"] if may_be_silent else ["right %", "macro F1 %"]
    if label is not None:
        names[-1:] = ["precision %", "recall %"]
    answers = Table(box=None, pad_edge=False, header_style="dim")
    answers.add_column(Text(""), justify="left")
    for name in names:
        answers.add_column(Text(name), justify="right")
    for name, scores in rows:
        figures = [*([scores.coverage] if may_be_silent else []), scores.precision, scores.macro_f1]
        if label is not None:
            own = scores.per_label[list(labels).index(label)]
            figures[-1:] = [own.precision, own.recall]
        answers.add_row(Text(name), *(Text(phrases.estimate_text(figure)) for figure in figures))
    show(console, answers)


def _counted(data: DataRecord) -> str:
    return f"{phrases.data_text(data)}\n{phrases.counts_text(data, MOST_LABELS, longest=30)}"


def _features(features: FeaturesRecord) -> str:
    return "; ".join(filter(None, (phrases.features_text(features), phrases.cut_text(features))))


def _curve(console: Console, search: SearchRecord) -> None:
    """The scores over C as bars, from the lowest to the highest."""
    scores = np.array(search.mean_scores)
    if len(scores) < 2 or not np.isfinite(scores).all() or console.options.ascii_only:
        return
    span = float(scores.max() - scores.min()) or 1.0
    heights = np.round((scores - scores.min()) / span * (len(BARS) - 1)).astype(int)
    line = Text("  ")
    for C, height in zip(search.Cs, heights, strict=True):
        line.append(BARS[height], style="bold yellow" if search.chosen_C == C else "cyan")
    line.append(
        f"  C from {min(search.Cs):.3g} to {max(search.Cs):.3g}, score from {scores.min():.3f} to {scores.max():.3f}"
    )
    show(console, line)
    say(console, phrases.search_score_text(search), style="dim")


def _score_table(console: Console, rows: Sequence[tuple[str, Scored]], *, own: str) -> None:
    """The scores of the first, in the style `own`, and of those beside it; intervals beneath where room is short."""
    names = phrases.columns_of(rows[0][1].scores)

    def made(joint: str) -> Table:
        # "avg.", since the word would take the room of a column
        scores = table("", *(phrases.column_name(name).replace("average", "avg.") for name in names))
        for place, (called, one) in enumerate(rows):
            cells = [Text(phrases.score_text(name, one.scores.get(name), joint)) for name in names]
            scores.add_row(Text(called), *cells, style=own if place == 0 else "")
        return scores

    wide = made(" ")
    show(console, wide if fits(console, wide, folded=_FOLDED) else made("\n"))


def _leads(console: Console, baselines: Sequence[Baseline]) -> None:
    if not baselines:
        return
    console.print()
    name = phrases.headline_of(baselines[0].scores)
    leads = table("lead over", f"points of {phrases.SCORES[name]}", "")
    for baseline in baselines:
        lead = phrases.lead_of(baseline)
        leads.add_row(Text(baseline.name), Text(phrases.lead_text(lead)), Text(phrases.verdict(lead)))
    show(console, leads)


def _labels(console: Console, test: Evaluation, thresholds: Sequence[float] = ()) -> None:
    """A row per label, in the order of the matrix, else the commonest first; of many, those with the lowest F1."""
    most = MOST_LABELS if test.confusion is not None else _MOST_WITHOUT_MATRIX
    from_on = dict(zip(test.labels, thresholds, strict=False))
    scores = list(test.per_label)
    if len(scores) > most:
        scores = sorted(scores, key=_f1_or_last)[:most]
        heading(console, f"The {most} of {len(test.labels)} labels with the lowest F1")
    else:
        scores = scores if test.confusion is not None else sorted(scores, key=lambda score: -score.support)
        console.print()
    listed = table("label", "texts", *(["from"] if from_on else []), "precision %", "recall %", "F1 %")
    for score in scores:
        listed.add_row(
            Text(label_name(score.label, 24)),
            Text(f"{score.support:,}"),
            *([Text(f"{from_on[score.label]:.2f}")] if from_on else []),
            *(Text(phrases.estimate_text(figure)) for figure in (score.precision, score.recall, score.f1)),
        )
    show(console, listed)


def _f1_or_last(score: LabelScore) -> float:
    return 2.0 if score.f1 is None else score.f1.value


def _confusion(console: Console, test: Evaluation) -> None:
    """The matrix where it fits into the width, else the commonest mistakes; nothing where labels go together."""
    if test.confusion is None:
        return
    names = [label_name(label, 10) for label in test.labels]
    widest = test.confusion.max(axis=0).tolist()
    width = 14 + sum(max(len(name), len(f"{count:,}")) + 2 for name, count in zip(names, widest, strict=True))
    if len(names) > MOST_LABELS or width > console.width:
        _mistakes(console, test)
        return
    console.print()
    matrix = table("true ╲ predicted" if not console.options.ascii_only else "true \\ predicted", *names)
    for row, label in enumerate(test.labels):
        cells = [
            Text(f"{count:,}", style="bold" if row == column else "")
            for column, count in enumerate(test.confusion[row])
        ]
        matrix.add_row(Text(label_name(label, 16)), *cells)
    show(console, matrix)


def _mistakes(console: Console, test: Evaluation) -> None:
    listed = table("true label", "taken for", "texts")
    for true, taken, count in commonest_mistakes(test, most=8):
        listed.add_row(Text(label_name(true, 24)), Text(label_name(taken, 24)), Text(f"{count:,}"))
    if listed.row_count:
        console.print()
        show(console, listed)
