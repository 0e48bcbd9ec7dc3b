"""The texts themselves: where they lie, and the mistakes it was surest of.

In:   `Examples`, or nothing where the report is to hold no texts.
Out:  HTML.
Not:  the map (plot_map.py), which mistakes (evaluate/examples.py).
"""

from frostline.evaluate.examples import Examples, Mistake, surest_mistakes
from frostline.report import phrases
from frostline.report.markup import figure, paragraphs, quiet, quoted, safe, section
from frostline.report.plot_map import map_plot, map_words

MOST_MISTAKES = 12
_LONG = 500  # letters; a longer text is scrolled


def sentence_map(examples: Examples | None) -> str:
    """A point for each text; no text is in it."""
    if examples is None or examples.map is None:
        return ""
    words = paragraphs(map_words(examples, examples.map))
    return section("A map of the test texts", words + figure(map_plot(examples, examples.map)))


def mistakes(examples: Examples | None, *, quote: bool) -> str:
    """The mistakes made with the highest probability, in full; where texts stay out, their lines alone."""
    found = surest_mistakes(examples, most=MOST_MISTAKES) if examples is not None else ()
    if examples is None or not found:
        return ""
    said = "Here it was sure, and the file says otherwise. Some of these labels may be wrong in the file."
    items = "".join(_item(mistake, quote=quote) for mistake in found)
    return section(
        "The mistakes it was surest of",
        paragraphs([said]) + f'<ol class="texts">{items}</ol>' + quiet(note(examples.name, quote=quote)),
    )


def _item(mistake: Mistake, *, quote: bool) -> str:
    said = (
        f"said <strong>{label_words(mistake.taken_for)}</strong> with {phrases.percent(mistake.probability)} %; the "
        f"file says <strong>{label_words(mistake.true)}</strong> ({phrases.percent(mistake.true_probability)} %)"
    )
    return item(mistake.text, mistake.line, said, quote=quote)


def item(text: str, line: int, said: str, *, quote: bool) -> str:
    """A text in full, if it may be quoted, what is `said` of it (HTML), and its line."""
    focus = f' class="long" role="region" tabindex="0" aria-label="line {line}"'
    shown = f"<blockquote{focus if len(text) > _LONG else ''}>{quoted(text)}</blockquote>" if quote else ""
    return f'<li>{shown}<p>{said} <span class="quiet">line {line:,}</span></p></li>'


def note(name: str, *, quote: bool) -> str:
    """Whose texts they are, or that they were left out."""
    file = phrases.printable(name)
    if quote:
        return f"These are texts of {file}: whoever sees this page reads them (--no-examples leaves them out)."
    return f"The texts were left out of this page; the lines are those of {file}."


def label_words(label: object) -> str:
    """A label that may run from right to left, apart from what stands around it."""
    return f"<bdi>{safe(label, 80)}</bdi>"
