"""What comes after the scores on the terminal: probabilities, abstaining, learning, features, and the next step.

In:   a `TrainingRecord` or a part of it, and a rich console.
Out:  lines on that console; small pictures of block letters where it can show them.
Not:  the scores (terminal.py), the words (plain_words.py).
"""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from frostline.evaluate.learning_curve import LearningCurve
from frostline.head_record import ChoiceRecord, ProbabilityRecord
from frostline.record import TrainingRecord
from frostline.report import phrases
from frostline.report.page_learning import outlook_words
from frostline.report.plain_words import next_step
from frostline.report.sweep_heat import layer_name, shade

BARS = "▁▂▃▄▅▆▇█"

_WANTED = (0.9, 0.95, 0.99)


def print_trust(found: ProbabilityRecord | None, console: Console) -> None:
    """How far the probabilities can be believed, and what answering only the surest texts would bring."""
    if found is None:
        return
    error = found.scores.reliability.error
    now = f"calibration error {phrases.percent(error.value)} points ({phrases.percent_range(error.interval)})"
    if found.before is not None:
        was = found.before.reliability.error
        now += f", {phrases.percent(was.value)} before ({found.way})"
    console.print()
    console.print(Text("Probabilities", style="bold"))
    _show(console, Text(f"{now}; Brier score {found.scores.brier.value:.3f}"))
    bins = found.scores.reliability.bins
    if len(bins) > 1 and not console.options.ascii_only:
        ends = f"{100 * bins[0].mean_probability:.0f} to {100 * bins[-1].mean_probability:.0f}"
        line = Text(bars([one.mean_probability for one in bins], low=0.0, high=1.0), style="dim")
        line.append(f"  claimed, {ends} %\n", style="dim")
        line.append(bars([one.share_right for one in bins], low=0.0, high=1.0), style="cyan")
        line.append("  came true", style="dim")
        _show(console, line)
    said = surest_words(found)
    if said:
        _show(console, Text(said))


def surest_words(found: ProbabilityRecord) -> str:
    """Which share of the texts could be answered with so many answers right; empty where there is none to tell."""
    curve = found.coverage
    parts = []
    for wanted in _WANTED:
        places = [place for place, share in enumerate(curve.precision) if share >= wanted]
        if places and places[-1] < len(curve.coverage) - 1:
            parts.append(f"{phrases.percent(curve.coverage[places[-1]])} % for {100 * wanted:.0f} % right")
    return f"answering the surest alone: {', '.join(parts)} (on these texts)" if parts else ""


def print_learning(curve: LearningCurve | None, console: Console) -> None:
    """The learning curve as bars, and where it leads."""
    if curve is None:
        return
    first, last = curve.points[0], curve.points[-1]
    console.print()
    console.print(Text("Learning curve", style="bold"))
    line = Text()
    if not console.options.ascii_only:
        line.append(bars([point.accuracy.value for point in curve.points]) + "  ", style="cyan")
    line.append(
        f"{first.n_rows:,} to {last.n_rows:,} rows: accuracy {phrases.percent(first.accuracy.value)} to "
        f"{phrases.percent(last.accuracy.value)}"
    )
    _show(console, line)
    for words in outlook_words(curve):
        _show(console, Text(words))


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
    console.print()
    console.print(Text("Features tried (scores that chose, in %)", style="bold"))
    table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, header_style="cyan")
    table.add_column(Text("layer"))
    for pooling in poolings:
        table.add_column(Text(str(pooling)), justify="right", width=7)
    for layer in sorted({layer for layer, _, _ in single}):
        row = [singles[layer, pooling] for pooling in poolings if (layer, pooling) in singles]
        table.add_row(
            layer_name(layer),
            *(
                Text(
                    f" {100 * trial.score:.1f}{'*' if trial.features == choice.winner else ' '}",
                    style=shade((trial.score - low) / (high - low) if high > low else 1.0),
                )
                for trial in row
            ),
        )
    _show(console, table)
    rule = phrases.printable(choice.rule, 200)
    _show(console, Text(f"taken: {choice.winner}, {rule}; {len(choice.trials)} were tried", style="dim"))


def print_next(record: TrainingRecord, console: Console) -> None:
    """What to do now."""
    if record.test is None:
        return
    console.print()
    _show(console, Text(next_step(record), style="bold green"))


def bars(values: Sequence[float], *, low: float | None = None, high: float | None = None) -> str:
    """A block letter for each value, between `low` and `high` (the smallest and the largest if not given)."""
    bottom = min(values) if low is None else low
    span = (max(values) if high is None else high) - bottom or 1.0
    top = len(BARS) - 1
    return "".join(BARS[min(top, max(0, round((value - bottom) / span * top)))] for value in values)


def _show(console: Console, what: Table | Text) -> None:
    console.print(Padding(what, (0, 0, 0, 2), expand=False), highlight=False)
