"""Two parts of the page of several labels per text: whether its probabilities can be trusted, and its mistakes.

In:   a `MultiEvaluation`, `MultiExamples`.
Out:  HTML.
Not:  which mistakes (evaluate/multi_examples.py), the plot (plot_probabilities.py), the page (multi_label_html.py).
"""

from collections.abc import Sequence

from frostline.evaluate.calibration import Reliability
from frostline.evaluate.multi_examples import MultiExamples, MultiMistake, furthest_missed, surest_given
from frostline.evaluate.multi_label import LEAST_CLAIMED, MultiEvaluation
from frostline.head.linear import Label
from frostline.report import phrases
from frostline.report.markup import figure, paragraphs, quiet, quoted, safe, section
from frostline.report.plot_probabilities import reliability_plot

MOST_MISTAKES = 8
_LONG = 500  # letters; a longer text is scrolled


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
    name = phrases.printable(examples.name)
    note = (
        f"These are texts of {name}: whoever sees this page reads them (--no-examples leaves them out)."
        if quote
        else f"The texts were left out of this page; the lines are those of {name}."
    )
    return section(
        "The mistakes it was surest of",
        paragraphs(["Here it was sure, and the file says otherwise. Some of these labels may be wrong in the file."])
        + _listed("Given, and not there", given, quote=quote)
        + _listed("There, and not given", missed, quote=quote)
        + quiet(note),
    )


def _listed(heading: str, found: Sequence[MultiMistake], *, quote: bool) -> str:
    if not found:
        return ""
    return f'<h3>{heading}</h3><ol class="texts">{"".join(_item(mistake, quote=quote) for mistake in found)}</ol>'


def _item(mistake: MultiMistake, *, quote: bool) -> str:
    focus = f' class="long" role="region" tabindex="0" aria-label="line {mistake.line}"'
    text = f"<blockquote{focus if len(mistake.text) > _LONG else ''}>{quoted(mistake.text)}</blockquote>"
    says = ", ".join(map(_label, mistake.true)) or "no label"
    return (
        f"<li>{text if quote else ''}<p><strong>{_label(mistake.label)}</strong> with "
        f"{phrases.percent(mistake.probability)} %; the file says {says} "
        f'<span class="quiet">line {mistake.line:,}</span></p></li>'
    )


def _label(label: Label) -> str:
    return f"<bdi>{safe(label, 80)}</bdi>"
