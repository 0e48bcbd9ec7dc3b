"""A record on the terminal: one screen, 80 columns.

In:   a `TrainingRecord` or an `EvaluationRecord`, and a rich console.
Out:  lines on that console.
Not:  numbers' meaning (phrases.py). Everything is written as `Text`, never as markup: a label may hold [brackets].
"""

from collections.abc import Iterable, Sequence

import numpy as np
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from frostline.evaluate.metrics import Evaluation
from frostline.head_record import SearchRecord
from frostline.record import DataRecord, EvaluationRecord, FeaturesRecord, TrainingRecord
from frostline.report import phrases
from frostline.report.mistakes import commonest_mistakes
from frostline.report.terminal_answers import print_answer_scores, print_calibration, print_decision
from frostline.report.terminal_trust import BARS, print_choice, print_learning, print_next, print_trust

MOST_LABELS = 12
"""Beyond this many labels the terminal shows the weakest and the commonest mistakes; the HTML report shows all."""


def print_report(record: TrainingRecord, console: Console) -> None:
    """The whole of a training."""
    encoder = record.encoder
    _facts(
        console,
        [
            ("Data", _counted(record.data)),
            ("Encoder", f"{phrases.printable(encoder.name)} ({encoder.family}, {encoder.precision}), frozen"),
            *phrases.precision_facts(record),
            ("Features", _features(record.features)),
            ("Head", phrases.search_text(record.search)),
        ],
    )
    _curve(console, record.search)
    if record.test is not None:
        _heading(
            console, f"Test: {phrases.count_text(record.test.n, 'text')}, {phrases.source_text(record.test_source)}"
        )
        _scores(console, record)
        _labels(console, record.test)
        _confusion(console, record.test)
        print_trust(record.probabilities, console)
        print_calibration(record.calibration, console)
        print_decision(record.decision, record.labels, console)
    print_learning(record.learning, console)
    print_choice(record.choice, console)
    if record.nested is not None and record.nested.evaluation is not record.test:
        nested = record.nested
        _heading(console, f"Nested cross-validation: {nested.n_outer} folds, all {nested.evaluation.n:,} rows")
        _say(
            console,
            f"accuracy {phrases.estimate_text(nested.evaluation.accuracy)}, "
            f"macro F1 {phrases.estimate_text(nested.evaluation.macro_f1)}",
        )
    if record.nested is not None:
        chosen = ", ".join(f"{C:.3g}" for C in record.nested.chosen_Cs)
        _say(console, f"C chosen in each outer fold: {chosen}", style="dim")
        if record.nested.chosen_features:
            _say(console, f"features, by its own rows: {', '.join(record.nested.chosen_features)}", style="dim")
    cautions = phrases.summary(record) if record.test is None else phrases.cautions(record)
    _closing(console, cautions + list(record.warnings))
    print_next(record, console)
    _say(console, phrases.seconds_text(record), style="dim")


def print_evaluation(record: EvaluationRecord, console: Console) -> None:
    """A saved classifier on a test file."""
    _facts(
        console,
        [
            ("Model", phrases.printable(record.model)),
            ("Data", _counted(record.data)),
            ("Features", _features(record.features)),
        ],
    )
    _heading(console, f"Test: {phrases.count_text(record.test.n, 'text')}")
    table = _table("", "accuracy %", "macro F1 %", "log loss")
    table.add_row(*_score_cells("this classifier", record.test))
    _show(console, table)
    _labels(console, record.test)
    _confusion(console, record.test)
    print_trust(record.probabilities, console)
    print_answer_scores(record.answers, record.test.labels, console)
    _closing(console, record.warnings)


def _facts(console: Console, facts: Sequence[tuple[str, str]]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in facts:
        table.add_row(Text(name), Text(fact))
    _show(console, table)


def _counted(data: DataRecord) -> str:
    shown = list(data.class_counts.items())[:MOST_LABELS]
    counts = ", ".join(f"{phrases.printable(label, 30)} {count:,}" for label, count in shown)
    more = len(data.class_counts) - len(shown)
    return f"{phrases.data_text(data)}\n{counts}{f' and {more} more labels' if more else ''}"


def _features(features: FeaturesRecord) -> str:
    cut = f"{features.n_cut:,} of {features.n_texts:,} texts cut at {features.max_length} word pieces"
    return f"{phrases.features_text(features)}; {cut}"


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
    _show(console, line)
    _say(console, phrases.search_score_text(search), style="dim")


def _scores(console: Console, record: TrainingRecord) -> None:
    test = record.test
    if test is None:
        return
    table = _table("", "accuracy %", "macro F1 %", "log loss")
    table.add_row(*_score_cells("this classifier", test), style="bold")
    for baseline in record.baselines:
        table.add_row(
            Text(baseline.name),
            Text(phrases.estimate_text(baseline.accuracy)),
            Text(phrases.estimate_text(baseline.macro_f1)),
            Text(phrases.DASH if baseline.log_loss is None else f"{baseline.log_loss.value:.3f}"),
        )
    _show(console, table)
    if record.baselines:
        console.print()
        leads = _table("lead over", "points of accuracy", "")
        for baseline in record.baselines:
            leads.add_row(Text(baseline.name), Text(phrases.lead_text(baseline)), Text(phrases.verdict(baseline.lead)))
        _show(console, leads)
    _say(console, "In brackets: 95 % intervals.", style="dim")


def _score_cells(name: str, test: Evaluation) -> list[Text]:
    return [
        Text(name),
        Text(phrases.estimate_text(test.accuracy)),
        Text(phrases.estimate_text(test.macro_f1)),
        Text(f"{test.log_loss.value:.3f}"),
    ]


def _labels(console: Console, test: Evaluation) -> None:
    """A row per label; of many labels, those with the lowest F1."""
    scores = list(test.per_label)
    if len(scores) > MOST_LABELS:
        scores = sorted(scores, key=lambda score: 2.0 if score.f1 is None else score.f1.value)[:MOST_LABELS]
        _heading(console, f"The {MOST_LABELS} weakest of {len(test.labels)} labels")
    else:
        console.print()
    table = _table("label", "texts", "precision %", "recall %", "F1 %")
    for score in scores:
        table.add_row(
            Text(phrases.printable(score.label, 24)),
            Text(f"{score.support:,}"),
            *(Text(phrases.estimate_text(figure)) for figure in (score.precision, score.recall, score.f1)),
        )
    _show(console, table)


def _confusion(console: Console, test: Evaluation) -> None:
    """The matrix where it fits into the width, else the commonest mistakes."""
    names = [phrases.printable(label, 10) for label in test.labels]
    width = 14 + sum(
        max(len(name), len(f"{test.confusion[:, column].max():,}")) + 2 for column, name in enumerate(names)
    )
    if len(names) > MOST_LABELS or width > console.width:
        _mistakes(console, test)
        return
    console.print()
    table = _table("true ╲ predicted" if not console.options.ascii_only else "true \\ predicted", *names)
    for row, label in enumerate(test.labels):
        cells = [
            Text(f"{count:,}", style="bold" if row == column else "")
            for column, count in enumerate(test.confusion[row])
        ]
        table.add_row(Text(phrases.printable(label, 16)), *cells)
    _show(console, table)


def _mistakes(console: Console, test: Evaluation) -> None:
    table = _table("true label", "taken for", "texts")
    for true, taken, count in commonest_mistakes(test, most=8):
        table.add_row(Text(phrases.printable(true, 24)), Text(phrases.printable(taken, 24)), Text(f"{count:,}"))
    if table.row_count:
        console.print()
        _show(console, table)


def _closing(console: Console, cautions: Iterable[str]) -> None:
    for number, caution in enumerate(cautions):
        if number == 0:
            console.print()
        _show(console, Text(f"! {phrases.printable(caution, 400)}", style="yellow"))


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="cyan")
    table.add_column(Text(first), overflow="fold")
    for name in others:
        table.add_column(Text(name), justify="right", no_wrap=True)
    return table


def _heading(console: Console, words: str) -> None:
    console.print()
    console.print(Text(words, style="bold"))


def _say(console: Console, words: str, *, style: str = "") -> None:
    _show(console, Text(words, style=style))


def _show(console: Console, what: Table | Text) -> None:
    console.print(Padding(what, (0, 0, 0, 2), expand=False), highlight=False)
