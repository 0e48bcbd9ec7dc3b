"""What more labels would bring, and what to do next.

In:   a `LearningCurve`, a `TrainingRecord`.
Out:  HTML.
Not:  the plot (plot_learning.py), the advice itself (advice.py).
"""

from frostline.advice import advise
from frostline.evaluate.learning_curve import LearningCurve
from frostline.record import TrainingRecord
from frostline.report import phrases
from frostline.report.markup import figure, paragraphs, quiet, safe, section, share, table
from frostline.report.plot_learning import learning_plot


def learning(curve: LearningCurve | None) -> str:
    """The curve, where it leads, and each point; nothing where it was not measured."""
    if curve is None:
        return ""
    said = outlook_words(curve)
    rows = [
        (
            f"{point.n_rows:,}",
            share(point.accuracy),
            share(point.macro_f1),
            phrases.percent(point.fitted_accuracy),
            str(point.n_subsets),
        )
        for point in curve.points
    ]
    names = ("rows", "accuracy %", "macro F1 %", "on its own rows %", "subsets")
    tested = "out of fold" if curve.is_out_of_fold else "held back"
    note = f"Tested on {curve.n_test:,} rows {tested}; C: {phrases.printable(curve.choice_of_C, 200)}."
    return section(
        "Whether more labels would help",
        paragraphs(said) + figure(learning_plot(curve)) + table(names, rows, called="The learning curve") + quiet(note),
    )


def advised(record: TrainingRecord) -> str:
    """What to do next, the most useful first, each with its reason; nothing where nothing was tested."""
    items = "".join(
        f"<li><strong>{safe(found.sentence, 1000)}</strong> {safe(found.reason, 1000)}</li>" for found in advise(record)
    )
    return section("What to do next", f'<ol class="advice">{items}</ol>' if items else "")


def outlook_words(curve: LearningCurve) -> list[str]:
    """Where the curve leads, or why it does not say."""
    if curve.outlook is None:
        return [curve.no_outlook] if curve.no_outlook else []
    return [
        f"With {gain.n_rows:,} labelled rows the accuracy should change by {phrases.points(gain.value)} points "
        f"({phrases.points(gain.interval[0])} to {phrases.points(gain.interval[1])})."
        for gain in curve.outlook.gains
    ]
