"""A sweep or a comparison on the terminal, one screen of 80 columns; and a sweep as a picture."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from frostline.disk import publish_bytes
from frostline.encoder.features import POOLINGS, Block, Pooling
from frostline.errors import UsageError
from frostline.evaluate.paired import Difference, Score
from frostline.record import DataRecord
from frostline.report import count_text, phrases, printable, seconds_text
from frostline.report.drawing import keep_fonts_at_home
from frostline.report.lines import facts, fits, heading, say, shade, show, table, warn
from frostline.sweep.compare import Comparison
from frostline.sweep.run import Sweep, SweepTest, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@final
@dataclass(frozen=True, slots=True)
class Heat:
    """The single blocks: cells[layer][pooling]; `range` is of the scores that are not the same for every text."""

    layers: tuple[str, ...]
    poolings: tuple[Pooling, ...]
    cells: tuple[tuple[Trial, ...], ...]
    range: tuple[float, float]


def heat_of(sweep: Sweep) -> Heat:
    """The blocks of `sweep` by layer and pooling."""
    by_block = {trial.candidate.blocks[0]: trial for trial in sweep.trials if trial.candidate.is_single}
    layers = range(sweep.n_layers + 1)
    cells = tuple(tuple(by_block[Block(layer, pooling)] for pooling in POOLINGS) for layer in layers)
    told = [trial.score.value for trial in by_block.values() if trial.chosen_C is not None]
    return Heat(tuple(map(phrases.layer_name, layers)), POOLINGS, cells, (min(told), max(told)))


SHOWN = 12
"""Of the candidates, the best this many are listed; the heat map has every block, and --json everything."""


def print_sweep(sweep: Sweep, data: DataRecord, console: Console) -> None:
    """Every block as a heat map, the best as a table, the choice, its test."""
    for line in phrases.columns_text(data):
        say(console, line)
    layers = count_text(sweep.n_layers, "layer")
    encoder = f"{printable(sweep.encoder.name)}, {layers}, frozen"
    facts(console, [("Data", phrases.data_text(data)), ("Encoder", encoder)])
    heading(console, f"Score by layer and pooling: {_how(sweep.scoring, sweep.n, sweep.n_folds)}")
    _heat_map(sweep, console)
    heading(console, f"The best {min(SHOWN, len(sweep.trials))} of {len(sweep.trials)} candidates{_added(sweep)}")
    wide = _trials(sweep, " ")
    show(console, wide if fits(console, wide) else _trials(sweep, "\n"))
    _choice(sweep, console)
    if sweep.test is None:
        say(console, "For a score of the choice itself: --test FILE, or --holdout 0.25.", style="dim")
    else:
        _test(sweep, sweep.test, console)
    for caution in sweep.warnings:
        warn(console, caution)
    sentences = count_text(sweep.n_read, "sentence")
    read = f"{seconds_text(sweep.seconds_read)} reading ({sentences} read now, the rest kept)"
    say(console, f"{read}, {seconds_text(sweep.seconds_search)} searching", style="dim")


def _test(sweep: Sweep, test: SweepTest, console: Console) -> None:
    features = sweep.winner.candidate.features
    heading(console, f"Test of {features}: {count_text(test.evaluation.n, 'text')}, {_source(test.kind)}")
    names = [name for name in phrases.columns_of(test.evaluation.scores) if name not in phrases.LOSSES]
    scores = table("", *map(phrases.column_name, names))
    for called, found in ((features, test.evaluation), ("the tutorial's cls@-1", test.tutorial)):
        cells = (Text(phrases.estimate_text(found.scores.get(name))) for name in names)
        scores.add_row(Text(called), *cells)
    show(console, scores)
    low, high = map(phrases.limit, test.lead.interval)
    of_what = "" if "accuracy" in names else " of texts with all labels right"
    say(
        console,
        f"{phrases.points(test.lead.value)} points{of_what} ({low} to {high}): {phrases.verdict(test.lead)}. "
        "In brackets: 95 % intervals.",
    )


def print_comparison(comparison: Comparison, data: DataRecord, console: Console) -> None:
    """A line for each, the best first; where that has no room, what belongs together stands one beneath the other."""
    for line in phrases.columns_text(data):
        say(console, line)
    facts(console, [("Data", phrases.data_text(data))])
    heading(console, f"Compared: {_how(comparison.scoring, comparison.n, comparison.n_folds)}")
    wide = _compared(comparison, " ")
    show(console, wide if fits(console, wide) else _compared(comparison, "\n"))
    paired = "row by row" if comparison.standings[0].score.over == "rows" else "fold by fold"
    say(
        console,
        f"To the best: difference in points, {paired}; 95 % intervals allow for the best having been picked. "
        "p: Holm's correction.",
        style="dim",
    )
    say(console, "MB: the encoder's weights on disk; used: memory of a process that reads with it.", style="dim")
    say(
        console,
        "Cross-validated: the score of the best of several is optimistic, the more so the closer they are.",
        style="dim",
    )
    for caution in comparison.warnings:
        warn(console, caution)


def _compared(comparison: Comparison, joint: str) -> Table:
    """With a line break as `joint`, the features stand beneath their encoder, and intervals beneath their value."""
    is_narrow = joint == "\n"
    names = ("encoder,\nfeatures",) if is_narrow else ("encoder", "features")
    figures = (phrases.score_header(comparison.scoring), "to the best", "p", f"s /{joint}1,000", "MB", f"MB{joint}used")
    compared = table(*names, *figures, left=("features",))
    for place, standing in enumerate(comparison.standings):
        named = [printable(standing.encoder), printable(standing.features, 30)]
        compared.add_row(
            *([Text(joint.join(named))] if is_narrow else map(Text, named)),
            _score_text(standing.score, joint),
            Text("best") if place == 0 else _difference_text(standing.behind, joint),
            Text("" if place == 0 else _p_text(standing.p_adjusted)),
            Text(f"{standing.seconds_per_1000:.2f}"),
            Text(f"{standing.size_bytes / 1e6:.0f}"),
            Text("" if standing.peak_bytes is None else f"{standing.peak_bytes / 1e6:.0f}"),
            style="bold" if place == 0 else "",
        )
    return compared


def _heat_map(sweep: Sweep, console: Console) -> None:
    heat = heat_of(sweep)
    blocks = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, header_style="cyan")
    blocks.add_column(Text("layer"))
    for pooling in heat.poolings:
        blocks.add_column(Text(pooling), justify="right", width=7)
    for layer, row in zip(heat.layers, heat.cells, strict=True):
        cells = []
        for trial in row:
            low, high = heat.range
            share = (trial.score.value - low) / (high - low) if high > low else 1.0
            mark = "*" if trial is sweep.winner else " "
            cells.append(Text(f" {_plain(trial.score)}{mark}", style=shade(share)))
        blocks.add_row(Text(layer), *cells)
    show(console, blocks)


def _ranked(sweep: Sweep) -> list[Trial]:
    return sorted(sweep.trials, key=lambda trial: (-trial.score.value, trial.n_features))


def _added(sweep: Sweep) -> str:
    """Which rows stand beneath the best, though they are none of them."""
    best = _ranked(sweep)[:SHOWN]
    named = {"the one chosen": sweep.winner, "the tutorial's": sweep.tutorial}
    beneath = [name for name, trial in named.items() if trial not in best]
    if len(beneath) == 2 and sweep.winner is sweep.tutorial:
        beneath = ["the one chosen"]
    return f", and {' and '.join(beneath)}" if beneath else ""


def _trials(sweep: Sweep, joint: str) -> Table:
    """With a line break as `joint`, intervals stand beneath their value, so that the names need not fold."""
    trials = table("features", "numbers", phrases.score_header(sweep.scoring), "to the best", "C", "", left=("",))
    ranked = _ranked(sweep)
    listed = ranked[:SHOWN] + [trial for trial in (sweep.winner, sweep.tutorial) if trial not in ranked[:SHOWN]]
    for trial in dict.fromkeys(listed):
        trials.add_row(
            Text(trial.candidate.features),
            Text(f"{trial.n_features:,}"),
            _score_text(trial.score, joint),
            Text("best") if trial is sweep.best else _difference_text(trial.behind, joint),
            Text(phrases.DASH if trial.chosen_C is None else f"{trial.chosen_C:.2g}"),
            Text(_remark(trial, sweep, joint)),
            style="bold" if trial is sweep.winner else "",
        )
    return trials


def _remark(trial: Trial, sweep: Sweep, joint: str) -> str:
    if trial.chosen_C is None:
        return f"same for{joint}every text"
    if trial is sweep.winner:
        return "chosen"
    return "the tutorial's" if trial is sweep.tutorial else ""


def _choice(sweep: Sweep, console: Console) -> None:
    console.print()
    winner, lead = sweep.winner, sweep.lead
    line = Text("Chosen: ")
    line.append(winner.candidate.features, style="bold")
    line.append(f", {sweep.rule}.")
    show(console, line)
    if winner is not sweep.tutorial:
        say(
            console,
            f"Over the tutorial's cls@-1: {_difference_text(lead, ' ')} points; the interval allows for the choice.",
        )
    say(console, "Score while tuning: it chose these features, so it is optimistic; no test score.", style="dim")


def _how(scoring: str, n: int, n_folds: int) -> str:
    return f"{phrases.scored_in(scoring)}, cross-validated ({n:,} rows, {n_folds} folds, C searched)"


def _source(kind: str) -> str:
    return "a file of their own" if kind == "file" else "held out, which took part in nothing"


def _plain(score: Score) -> str:
    return f"{100 * score.value:.1f}"


def _score_text(score: Score, joint: str) -> Text:
    return _interval(_plain(score), phrases.percent_range(score.interval), joint)


def _difference_text(difference: Difference, joint: str) -> Text:
    low, high = map(phrases.limit, difference.interval)
    return _interval(phrases.points(difference.value), f"{low} to {high}", joint)


def _p_text(p_value: float) -> str:
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _interval(value: str, interval: str, joint: str) -> Text:
    return Text(f"{value}{joint}({interval})")


SUFFIXES = (".svg", ".png")
LISTED = 16

_BLUE, _ORANGE, _GREY = "#0072b2", "#d55e00", "#767676"  # Okabe and Ito: told apart by nearly everyone


def refuse_plot(path: Path) -> None:
    """Raise `UsageError`, before any work, unless `path` ends in a format that can be drawn."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: the plot's name must end in {' or '.join(SUFFIXES)}, which says the format.")


def plot_sweep(sweep: Sweep, path: Path) -> None:
    """Draw `sweep` into `path`.

    Raises `UsageError`: the name ends in neither .svg nor .png; `StorageError` or `AccessError` or `OutputError`:
    disk full, I/O error, no permission, no such folder; nothing is left behind.
    """
    refuse_plot(path)
    keep_fonts_at_home()
    import matplotlib as mpl  # noqa: PLC0415 - 0.3 s, and only a plot needs it
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - as above
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    settings: dict[Any, Any] = {
        "svg.fonttype": "path",  # the file stands alone: it looks the same wherever it is opened
        "svg.hashsalt": "frostline",
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    listed = _listed(sweep)
    height = max(3.2, 1.4 + 0.3 * max(len(listed), sweep.n_layers + 1))
    with mpl.rc_context(settings):
        figure = Figure(figsize=(10.0, height), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.6))
        _heat(sweep, figure, left)
        _intervals(sweep, right)
        out = io.BytesIO()
        kind = path.suffix.lower()[1:]
        figure.savefig(out, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else {"Software": None})
    publish_bytes(path, out.getvalue())


def _heat(sweep: Sweep, figure: "Figure", axes: "Axes") -> None:
    heat = heat_of(sweep)
    values = np.array([[trial.score.value for trial in row] for row in heat.cells])
    low, high = heat.range
    image = axes.imshow(100 * values, cmap="cividis", vmin=100 * low, vmax=100 * high, aspect="auto", origin="lower")
    for layer, row in enumerate(heat.cells):
        for place, trial in enumerate(row):
            bright = high == low or (trial.score.value - low) / (high - low) > 0.5
            axes.text(
                place,
                layer,
                f"{100 * trial.score.value:.1f}",
                ha="center",
                va="center",
                color="black" if bright else "white",
                fontweight="bold" if trial is sweep.winner else "normal",
            )
    axes.set_xticks(range(len(heat.poolings)), heat.poolings)
    axes.set_yticks(range(len(heat.layers)), heat.layers)
    axes.set_xlabel("pooling")
    axes.set_ylabel("layer")
    axes.tick_params(length=0)
    axes.set_title("one block alone", fontsize=10)
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label(
        f"{phrases.scoring_name(sweep.scoring, 24)}, {phrases.scoring_scale(sweep.scoring).removeprefix('in ')}",
        parse_math=False,
    )


def _intervals(sweep: Sweep, axes: "Axes") -> None:
    listed = _listed(sweep)
    for place, trial in enumerate(listed):
        chosen, tutorial = trial is sweep.winner, trial is sweep.tutorial
        colour = _BLUE if chosen else _ORANGE if tutorial else _GREY
        low, high = (100 * limit for limit in trial.score.interval)
        axes.plot([low, high], [place, place], color=colour, linewidth=3, alpha=0.45, solid_capstyle="round")
        marker = "D" if chosen else "s" if tutorial else "o"  # shapes too: colour is never alone
        axes.plot(100 * trial.score.value, place, color=colour, marker=marker, markersize=6)
    names = [
        trial.candidate.features
        + (" (chosen)" if trial is sweep.winner else " (tutorial)" if trial is sweep.tutorial else "")
        for trial in listed
    ]
    axes.set_yticks(range(len(listed)), names)
    axes.set_ylim(len(listed) - 0.4, -0.6)
    axes.set_xlabel(
        f"{phrases.scored_in(sweep.scoring, 24)}, 95 % interval; {sweep.n:,} rows, {sweep.n_folds} folds",
        parse_math=False,
    )
    axes.grid(visible=True, axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title("cross-validated: what chose is no test", fontsize=10)


def _listed(sweep: Sweep) -> list[Any]:
    """The best candidates, and always the winner and the tutorial's, from the highest score down."""
    ranked = sorted(sweep.trials, key=lambda trial: (-trial.score.value, trial.n_features))
    kept = ranked[:LISTED]
    return [trial for trial in ranked if trial in kept or trial in {sweep.winner, sweep.tutorial}]
