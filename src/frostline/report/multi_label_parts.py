"""Two parts of the page of several labels per text: whether its probabilities can be trusted, and its mistakes.

In:   a `MultiEvaluation`, `MultiExamples`.
Out:  HTML.
Not:  which mistakes (evaluate/multi_examples.py), the plot (plot_probabilities.py), the page (multi_label_html.py).
"""

from collections.abc import Sequence

from frostline.evaluate.calibration import Reliability
from frostline.evaluate.multi_examples import MultiExamples, MultiMistake, furthest_missed, surest_given
from frostline.evaluate.multi_label import LEAST_CLAIMED, MultiEvaluation
from frostline.report import page_examples, phrases
from frostline.report.markup import figure, paragraphs, quiet, section
from frostline.report.page_examples import item, label_words
from frostline.report.plot_probabilities import reliability_plot

MOST_MISTAKES = 8


def reliability(test: MultiEvaluation, before: Reliability | None = None, how: str = "") -> str:
    """Claimed against true, all labels together; `before` without the calibration, and how that was chosen."""
    found = test.reliability
    if found is None:
        return ""
    said = (
        "A probability should come true as often as it says: points on the dashed line. Of the "
        f"{found.error.n:,} times that a label of a text had {100 * LEAST_CLAIMED:.0f} % or more, they miss by "
        f"{phrases.percent(found.error.value)} points on average ({phrases.percent_range(found.error.interval)}), "
        "chance taken out; labels of one text are counted as if they had nothing to do with each other."
    )
    return section(
        "Whether its probabilities can be trusted",
        paragraphs([said]) + figure(reliability_plot(found, before)) + (quiet(how) if how else ""),
    )


def mistakes(examples: MultiExamples | None, *, quote: bool) -> str:
    """The labels given most surely that are not there, and those missed by most, with their texts."""
    if examples is None:
        return ""
    given, missed = surest_given(examples, most=MOST_MISTAKES), furthest_missed(examples, most=MOST_MISTAKES)
    if not given and not missed:
        return ""
    return section(
        "The mistakes it was surest of",
        paragraphs(["Here it was sure, and the file says otherwise. Some of these labels may be wrong in the file."])
        + _listed("Given, and not there", given, quote=quote)
        + _listed("There, and not given", missed, quote=quote)
        + quiet(page_examples.note(examples.name, quote=quote)),
    )


def _listed(heading: str, found: Sequence[MultiMistake], *, quote: bool) -> str:
    if not found:
        return ""
    return f'<h3>{heading}</h3><ol class="texts">{"".join(_item(mistake, quote=quote) for mistake in found)}</ol>'


def _item(mistake: MultiMistake, *, quote: bool) -> str:
    says = ", ".join(map(label_words, mistake.true)) or "no label"
    given = f"<strong>{label_words(mistake.label)}</strong> with {phrases.percent(mistake.probability)} %"
    return item(mistake.text, mistake.line, f"{given}; the file says {says}", quote=quote)
