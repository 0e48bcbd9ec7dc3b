"""Layer by pooling, shaded by the score: where in the encoder the labels are.

In:   a `ChoiceRecord`.
Out:  an `<svg …>`.
Not:  the same on the terminal (terminal_choice.py); the sweep's own picture in a file (sweep_plot.py).
"""

from frostline.head_record import ChoiceRecord, TrialRecord
from frostline.report.drawing import INK, RIGHT, WIDTH, WRONG, Margins, drawn, inline, room_for
from frostline.report.sweep_heat import layer_name


def heat_plot(choice: ChoiceRecord) -> str:
    """Single blocks of the sweep: rows are layers, the last on top; columns poolings; the best is framed."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - 0.3 s, and only the HTML report needs it

    singles = [trial for trial in choice.trials if trial.layer is not None]
    poolings = list(dict.fromkeys(trial.pooling for trial in singles))
    layers = sorted({trial.layer for trial in singles if trial.layer is not None})
    told = [trial.score for trial in singles if trial.chosen_C is not None]
    low, high = min(told), max(told)
    best = max(singles, key=lambda trial: trial.score)
    names = [layer_name(layer) for layer in layers]
    with drawn(WIDTH, 0.6 + 0.26 * len(layers), Margins(left=room_for(names) + 28, bottom=34)) as drawing:
        axes = drawing.axes
        for trial in singles:
            column, row = poolings.index(trial.pooling), layers.index(trial.layer or 0)
            share = _share(trial, low, high)
            axes.add_patch(
                Rectangle(
                    (column - 0.48, row - 0.46),
                    0.96,
                    0.92,
                    facecolor=RIGHT,
                    alpha=0.04 + 0.5 * share,
                    edgecolor="none",
                )
            )
            if trial is best:
                frame = Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, fill=False, edgecolor=WRONG, linewidth=1.8)
                axes.add_patch(frame)
            axes.text(
                column,
                row,
                f"{100 * trial.score:.1f}",
                ha="center",
                va="center",
                color=INK,
                fontweight="bold" if trial is best else "normal",
            )
        axes.set_xlim(-0.5, len(poolings) - 0.5)
        axes.set_ylim(-0.5, len(layers) - 0.5)
        axes.set_xticks(range(len(poolings)), [str(pooling) for pooling in poolings], parse_math=False)
        axes.set_yticks(range(len(layers)), names)
        axes.set_xlabel("pooling")
        axes.set_ylabel("layer")
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    said = f"Scores of each layer and pooling alone; the best block is {best.features} with {100 * best.score:.1f}."
    return inline(drawing, "heat", said)


def _share(trial: TrialRecord, low: float, high: float) -> float:
    return min(1.0, max(0.0, (trial.score - low) / (high - low))) if high > low else 1.0
