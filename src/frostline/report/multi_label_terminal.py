"""A record of several labels per text on the terminal.

In:   a `MultiTrainingRecord` or a `MultiEvaluationRecord`, and a rich console.
Out:  lines on that console.
Not:  numbers' meaning (multi_label_words.py). Everything is `Text`, never markup: a label may hold [brackets].
"""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from frostline.evaluate.calibration import Reliability
from frostline.evaluate.multi_label import LEAST_CLAIMED, MultiEvaluation
from frostline.multi_record import MultiDataRecord, MultiEvaluationRecord, MultiTrainingRecord
from frostline.record import FeaturesRecord
from frostline.report import multi_label_words as words
from frostline.report import phrases
from frostline.report.multi_plain_words import next_step

MOST_LABELS = 30
"""Beyond this many the terminal shows the weakest; the HTML report shows all."""


def print_multi_report(record: MultiTrainingRecord, console: Console) -> None:
    """The whole of a training."""
    encoder = record.encoder
    _facts(
        console,
        [
            ("Data", _counted(record.data)),
            ("Encoder", f"{phrases.printable(encoder.name)} ({encoder.family}, {encoder.precision}), frozen"),
            ("Features", _features(record.features)),
            ("Head", words.search_text(record.search)),
        ],
    )
    _heading(console, f"Test: {phrases.count_text(record.test.n, 'text')}, {words.source_text(record.test_source)}")
    table = _table("", "micro F1 %", "macro F1 %", "all right %", "avg. precision %")
    table.add_row(*_cells("this classifier", record.test), style="bold")
    table.add_row(*_cells("… each label from 0.5 on", record.at_half))
    for baseline in record.baselines:
        figures = (baseline.micro_f1, baseline.macro_f1, baseline.subset_accuracy, baseline.mean_average_precision)
        table.add_row(Text(baseline.name), *(Text(phrases.estimate_text(figure)) for figure in figures))
    _show(console, table)
    if record.baselines:
        console.print()
        leads = _table("lead over", "points of macro F1", "")
        for baseline in record.baselines:
            lead = baseline.lead_macro_f1
            leads.add_row(Text(baseline.name), Text(words.lead_text(lead)), Text(words.verdict(lead)))
        _show(console, leads)
    _say(console, f"In brackets: 95 % intervals. {_others(record.test)}", style="dim")
    _trust(console, record.test, record.uncalibrated)
    _say(console, phrases.calibration_text(record.calibration), style="dim")
    _labels(console, record.test, record.search.thresholds)
    _closing(console, words.cautions(record))
    console.print()
    _say(console, next_step(record), style="bold green")
    _say(console, _seconds(record), style="dim")


def print_multi_evaluation(record: MultiEvaluationRecord, console: Console) -> None:
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
    table = _table("", "micro F1 %", "macro F1 %", "all right %", "avg. precision %")
    table.add_row(*_cells("this classifier", record.test), style="bold")
    _show(console, table)
    _say(console, f"In brackets: 95 % intervals. {_others(record.test)}", style="dim")
    _trust(console, record.test)
    _labels(console, record.test, None)
    _closing(console, record.warnings)


def _cells(name: str, test: MultiEvaluation) -> list[Text]:
    figures = (test.micro_f1, test.macro_f1, test.subset_accuracy, test.mean_average_precision)
    return [Text(name), *(Text(phrases.estimate_text(figure)) for figure in figures)]


def _others(test: MultiEvaluation) -> str:
    return (
        f"F1 averaged over texts {phrases.estimate_text(test.samples_f1)}; wrong decisions "
        f"{phrases.estimate_text(test.hamming_loss)} %; log loss {phrases.loss_text(test.log_loss)}."
    )


def _trust(console: Console, test: MultiEvaluation, before: Reliability | None = None) -> None:
    found = test.reliability
    if found is None:
        return
    error = f"{phrases.percent(found.error.value)} points ({phrases.percent_range(found.error.interval)})"
    was = "" if before is None else f", {phrases.percent(before.error.value)} before"
    _say(console, f"Calibration error of probabilities from {100 * LEAST_CLAIMED:.0f} % on: {error}{was}.", style="dim")


def _labels(console: Console, test: MultiEvaluation, thresholds: Sequence[float] | None) -> None:
    """A row per label, the commonest first; of many labels, those with the lowest F1."""
    each: Sequence[float | None] = thresholds or (None,) * len(test.per_label)
    rows = list(zip(test.per_label, each, strict=True))
    if len(rows) > MOST_LABELS:
        rows = sorted(rows, key=lambda row: 2.0 if row[0].f1 is None else row[0].f1.value)[:MOST_LABELS]
        _heading(console, f"The {MOST_LABELS} weakest of {len(test.labels)} labels")
    else:
        rows = sorted(rows, key=lambda row: -row[0].support)
        console.print()
    table = _table("label", "texts", *(["from"] if thresholds else []), "precision %", "recall %", "F1 %")
    for score, threshold in rows:
        table.add_row(
            Text(phrases.printable(score.label, 24)),
            Text(f"{score.support:,}"),
            *([] if threshold is None else [Text(f"{threshold:.2f}")]),
            *(Text(phrases.estimate_text(figure)) for figure in (score.precision, score.recall, score.f1)),
        )
    _show(console, table)


def _counted(data: MultiDataRecord) -> str:
    return f"{words.data_text(data)}\n{words.counts_text(data, 12)}"


def _features(features: FeaturesRecord) -> str:
    cut = f"{features.n_cut:,} of {features.n_texts:,} texts cut at {features.max_length} word pieces"
    return f"{phrases.features_text(features)}; {cut}"


def _seconds(record: MultiTrainingRecord) -> str:
    seconds, n_read = record.seconds, record.features.n_read
    source = f"{phrases.count_text(n_read, 'sentence')} read now" if n_read else "all rows were kept"
    return (
        f"{seconds.total:.1f} s: {seconds.read:.1f} getting the rows ({source}), {seconds.search:.1f} fitting "
        f"{len(record.labels)} labels, {seconds.evaluate:.1f} evaluating"
    )


def _facts(console: Console, facts: Sequence[tuple[str, str]]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in facts:
        table.add_row(Text(name), Text(fact))
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
        table.add_column(Text(name), justify="right")
    return table


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _say(console: Console, text: str, *, style: str = "") -> None:
    _show(console, Text(text, style=style))


def _show(console: Console, what: Table | Text) -> None:
    console.print(Padding(what, (0, 0, 0, 2), expand=False), highlight=False)
