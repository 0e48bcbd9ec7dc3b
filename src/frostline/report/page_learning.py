"""What more labels would bring.

In:   a `LearningCurve`.
Out:  HTML.
Not:  the plot (plot_learning.py), the advice (evaluate/).
"""

from frostline.evaluate.learning_curve import LearningCurve
from frostline.report import phrases
from frostline.report.markup import figure, paragraphs, quiet, section, share, table
from frostline.report.plot_learning import learning_plot


def learning(curve: LearningCurve | None, advice: str = "") -> str:
    """The curve, where it leads, and each point; nothing where it was not measured."""
    if curve is None:
        return ""
    said = [advice] if advice else []
    said += outlook_words(curve)
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


def outlook_words(curve: LearningCurve) -> list[str]:
    """Where the curve leads, or why it does not say."""
    if curve.outlook is None:
        return [curve.no_outlook] if curve.no_outlook else []
    return [
        f"With {gain.n_rows:,} labelled rows the accuracy should be {phrases.points(gain.value)} points "
        f"({phrases.points(gain.interval[0])} to {phrases.points(gain.interval[1])})."
        for gain in curve.outlook.gains
    ]
