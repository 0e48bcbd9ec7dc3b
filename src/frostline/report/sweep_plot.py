"""A sweep as a picture in a file: the heat map of layer and pooling, and the candidates with their intervals.

In:   a `Sweep`, and a file name ending in .svg or .png.
Out:  that file, whole or not there; the same bytes for the same sweep.
Not:  the terminal's heat map (sweep_terminal.py). No pyplot: it keeps state, and looks for a display.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from frostline.errors import UsageError
from frostline.publish import publish_bytes
from frostline.report import phrases
from frostline.report.sweep_heat import heat_of
from frostline.sweep.results import Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".svg", ".png")
LISTED = 16

_BLUE, _ORANGE, _GREY = "#0072b2", "#d55e00", "#767676"  # Okabe and Ito: told apart by nearly everyone


def refuse_plot(path: Path) -> None:
    """Raise `UsageError`, before any work, unless `path` ends in a format that can be drawn."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: the plot's name must end in {' or '.join(SUFFIXES)}, which says the format.")


def plot_sweep(sweep: Sweep, path: Path) -> None:
    """Draw `sweep` into `path`.

    Raises
    ------
    UsageError
        The name ends in neither .svg nor .png.
    StorageError, AccessError, OutputError
        Disk full, I/O error, no permission, no such folder; nothing is left behind.
    """
    refuse_plot(path)
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
    bar.set_label(f"{phrases.printable(sweep.scoring, 24)}, %", parse_math=False)


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
        f"{phrases.printable(sweep.scoring, 24)} in %, 95 % interval; {sweep.n:,} rows, {sweep.n_folds} folds",
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
