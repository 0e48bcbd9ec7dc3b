"""A sweep or a comparison on the terminal: one screen, 80 columns.

In:   a `Sweep` or a `Comparison`, the `DataRecord` of the file, and a rich console.
Out:  lines on that console.
Not:  JSON (sweep_document.py), a picture (sweep_plot.py). Everything is written as `Text`, never as markup.
"""

from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from frostline.record import DataRecord
from frostline.report import phrases
from frostline.report.sweep_heat import heat_of, shade
from frostline.sweep.compare import Comparison
from frostline.sweep.results import Sweep, Trial
from frostline.sweep.scores import Difference, Score

SHOWN = 12
"""Of the candidates, the best this many are listed; the heat map has every block, and --json everything."""


def print_sweep(sweep: Sweep, data: DataRecord, console: Console) -> None:
    """Every block as a heat map, the best as a table, the choice, its test."""
    _facts(console, data, f"{phrases.printable(sweep.encoder.name)}, {sweep.n_layers} layers, frozen")
    _heading(console, f"Score by layer and pooling: {_how(sweep.scoring, sweep.n, sweep.n_folds)}")
    _heat_map(sweep, console)
    _heading(console, f"The best {min(SHOWN, len(sweep.trials))} of {len(sweep.trials)} candidates")
    _trials(sweep, console)
    _choice(sweep, console)
    if sweep.test is not None:
        test = sweep.test
        _heading(
            console, f"Test of {sweep.winner.candidate.features}: {test.evaluation.n:,} texts, {_source(test.kind)}"
        )
        table = _table("", "accuracy %", "macro F1 %")
        for name, found in (
            (sweep.winner.candidate.features, test.evaluation),
            ("the tutorial's cls@-1", test.tutorial),
        ):
            table.add_row(
                Text(name), Text(phrases.estimate_text(found.accuracy)), Text(phrases.estimate_text(found.macro_f1))
            )
        _show(console, table)
        low, high = (phrases.points(limit) for limit in test.lead.interval)
        _say(
            console,
            f"{phrases.points(test.lead.value)} points ({low} to {high}): {phrases.verdict(test.lead)}. "
            "In brackets: 95 % intervals.",
        )
    else:
        _say(console, "For a score of the choice itself: --test FILE, or --holdout 0.25.", style="dim")
    _closing(console, sweep.warnings)
    read = f"{sweep.seconds_read:.1f} reading ({phrases.count_text(sweep.n_read, 'sentence')} read now, the rest kept)"
    _say(console, f"{read}, {sweep.seconds_search:.1f} s searching", style="dim")


def print_comparison(comparison: Comparison, data: DataRecord, console: Console) -> None:
    """A line for each, the best first."""
    _facts(console, data, "")
    _heading(console, f"Compared: {_how(comparison.scoring, comparison.n, comparison.n_folds)}")
    table = _table("encoder", "features", "score %", "to the best", "p", "s / 1,000", "MB", "MB used")
    for place, standing in enumerate(comparison.standings):
        table.add_row(
            Text(phrases.printable(standing.encoder, 24)),
            Text(phrases.printable(standing.features, 30)),
            Text(_score_text(standing.score)),
            Text("best" if place == 0 else _difference_text(standing.behind)),
            Text("" if place == 0 else _p_text(standing.p_adjusted)),
            Text(f"{standing.seconds_per_1000:.2f}"),
            Text(f"{standing.size_bytes / 1e6:.0f}"),
            Text("" if standing.peak_bytes is None else f"{standing.peak_bytes / 1e6:.0f}"),
            style="bold" if place == 0 else "",
        )
    _show(console, table)
    _say(console, "To the best: difference in points with its 95 % interval, row by row. p: Holm's correction.", "dim")
    _say(console, "MB: the encoder's weights on disk; used: memory of a process that reads with it.", "dim")
    _say(
        console,
        "Cross-validated: the score of the best of several flatters, the more so the closer they are.",
        style="dim",
    )
    _closing(console, comparison.warnings)


def _facts(console: Console, data: DataRecord, encoder: str) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text("Data"), Text(phrases.data_text(data)))
    if encoder:
        table.add_row(Text("Encoder"), Text(encoder))
    _show(console, table)


def _heat_map(sweep: Sweep, console: Console) -> None:
    heat = heat_of(sweep)
    table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, header_style="cyan")
    table.add_column(Text("layer"))
    for pooling in heat.poolings:
        table.add_column(Text(pooling), justify="right", width=7)
    for layer, row in zip(heat.layers, heat.cells, strict=True):
        cells = []
        for trial in row:
            low, high = heat.range
            share = (trial.score.value - low) / (high - low) if high > low else 1.0
            mark = "*" if trial is sweep.winner else " "
            cells.append(Text(f" {_plain(trial.score)}{mark}", style=shade(share)))
        table.add_row(Text(layer), *cells)
    _show(console, table)


def _trials(sweep: Sweep, console: Console) -> None:
    table = _table("features", "numbers", "score %", "to the best", "C", "")
    ranked = sorted(sweep.trials, key=lambda trial: (-trial.score.value, trial.n_features))
    listed = ranked[:SHOWN] + [trial for trial in (sweep.winner, sweep.tutorial) if trial not in ranked[:SHOWN]]
    for trial in dict.fromkeys(listed):
        table.add_row(
            Text(trial.candidate.features),
            Text(f"{trial.n_features:,}"),
            Text(_score_text(trial.score)),
            Text("best" if trial is sweep.best else _difference_text(trial.behind)),
            Text(phrases.DASH if trial.chosen_C is None else f"{trial.chosen_C:.2g}"),
            Text(_remark(trial, sweep)),
            style="bold" if trial is sweep.winner else "",
        )
    _show(console, table)


def _remark(trial: Trial, sweep: Sweep) -> str:
    if trial.chosen_C is None:
        return "same for every text"
    if trial is sweep.winner:
        return "chosen"
    return "the tutorial's" if trial is sweep.tutorial else ""


def _choice(sweep: Sweep, console: Console) -> None:
    console.print()
    winner, lead = sweep.winner, sweep.lead
    line = Text("Chosen: ")
    line.append(winner.candidate.features, style="bold")
    line.append(f", {sweep.rule}.")
    _show(console, line)
    if winner is not sweep.tutorial:
        _say(console, f"Over the tutorial's cls@-1: {_difference_text(lead)} points, on the rows that chose it.")
    _say(console, "Its cross-validated score chose it, so it flatters; it is no test score.", style="dim")


def _how(scoring: str, n: int, n_folds: int) -> str:
    return f"{phrases.printable(scoring)} in %, cross-validated ({n:,} rows, {n_folds} folds, C searched)"


def _source(kind: str) -> str:
    return "a file of their own" if kind == "file" else "held out, which took part in nothing"


def _plain(score: Score) -> str:
    return f"{100 * score.value:.1f}"


def _score_text(score: Score) -> str:
    return f"{_plain(score)} ({phrases.percent_range(score.interval)})"


def _difference_text(difference: Difference) -> str:
    low, high = (phrases.points(limit) for limit in difference.interval)
    return f"{phrases.points(difference.value)} ({low} to {high})"


def _p_text(p_value: float) -> str:
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _closing(console: Console, cautions: Iterable[str]) -> None:
    for caution in cautions:
        _show(console, Text(f"! {phrases.printable(caution, 400)}", style="yellow"))


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="cyan")
    table.add_column(Text(first), overflow="fold")
    for name in others:
        table.add_column(Text(name), justify="left" if name in {"", "features"} else "right", no_wrap=True)
    return table


def _heading(console: Console, words: str) -> None:
    console.print()
    console.print(Text(words, style="bold"))


def _say(console: Console, words: str, style: str = "") -> None:
    _show(console, Text(words, style=style))


def _show(console: Console, what: Table | Text) -> None:
    console.print(Padding(what, (0, 0, 0, 2), expand=False), highlight=False)
