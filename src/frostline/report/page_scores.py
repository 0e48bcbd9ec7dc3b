"""How good it is: beside simpler ways, label by label, what is taken for what.

In:   an `Evaluation`, baselines.
Out:  HTML.
Not:  the plots (plots.py).
"""

from collections.abc import Sequence

from frostline.evaluate.baselines import Baseline
from frostline.evaluate.metrics import Estimate, Evaluation
from frostline.report import phrases
from frostline.report.markup import figure, loss, quiet, safe, scrolled, section, share, stacked, table
from frostline.report.mistakes import commonest_mistakes
from frostline.report.plots import MOST_CELLS, Bar, confusion_plot, scores_plot


def beside(test: Evaluation, baselines: Sequence[Baseline]) -> str:
    """The scores beside the baselines'; nothing where there are none."""
    if not baselines:
        return ""
    bars = [Bar("this classifier", test.accuracy, is_own=True)]
    bars += [Bar(baseline.name, baseline.accuracy, is_own=False) for baseline in baselines]
    rows = [_line("this classifier", test.accuracy, test.macro_f1, test.log_loss, lead="")]
    rows += [
        _line(
            baseline.name,
            baseline.accuracy,
            baseline.macro_f1,
            baseline.log_loss,
            lead=stacked(
                phrases.points(baseline.lead.value),
                f"{phrases.points(baseline.lead.interval[0])} to {phrases.points(baseline.lead.interval[1])}",
            ),
        )
        for baseline in baselines
    ]
    names = ("", "accuracy %", "macro F1 %", "log loss", "its lead, points")
    made = " ".join(f"{baseline.name}: {baseline.made_of}." for baseline in baselines)
    return section(
        "Beside simpler ways",
        figure(scores_plot(bars, "accuracy in %, with 95 % interval"))
        + table(names, rows, called="Scores beside baselines", own=0)
        + quiet(f"Lead: accuracy of this classifier minus that of the other, on the same texts. {made}"),
    )


def per_label(test: Evaluation) -> str:
    """A row for each label."""
    rows = [
        (safe(score.label, 80), f"{score.support:,}", share(score.precision), share(score.recall), share(score.f1))
        for score in test.per_label
    ]
    note = (
        "Precision: of the texts given this label, the share that has it. Recall: of the texts that have it, the share "
        "that was given it. F1: their harmonic mean."
    )
    names = ("label", "texts", "precision %", "recall %", "F1 %")
    return section("Label by label", table(names, rows, called="Scores of each label") + quiet(note))


def confusion(test: Evaluation) -> str:
    """The matrix where it can be read, and the commonest mistakes where there are more labels than two."""
    plot = ""
    if len(test.labels) <= MOST_CELLS:
        plot = confusion_plot(test)
        plot = figure(scrolled(plot, "Confusion matrix") if len(test.labels) > 8 else plot)
    found = commonest_mistakes(test, most=10) if len(test.labels) > 2 else []
    rows = [(safe(true, 80), safe(taken, 80), f"{count:,}") for true, taken, count in found]
    names = ("true label", "taken for", "texts")
    listed = table(names, rows, called="The commonest mistakes", n_words=2) if rows else ""
    note = "Rows: the true label; columns: what was said. Numbers are texts; shades are shares of the row."
    return section("What is taken for what", plot + (quiet(note) if plot else "") + listed)


def _line(name: str, accuracy: Estimate, macro_f1: Estimate, log_loss: Estimate | None, *, lead: str) -> Sequence[str]:
    return (safe(name), share(accuracy), share(macro_f1), loss(log_loss), lead)
