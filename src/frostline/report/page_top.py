"""The top of the page: four figures, the paragraph in plain words, what to be careful about.

In:   an `Evaluation`, sentences, warnings.
Out:  HTML.
Not:  the sentences themselves (plain_words.py, phrases.py).
"""

from collections.abc import Iterable, Sequence

from frostline.evaluate.metrics import Evaluation
from frostline.report import phrases
from frostline.report.markup import paragraphs, safe, section


def figures(test: Evaluation | None) -> str:
    """The scores in large, each with its interval."""
    if test is None:
        return ""
    shown = (
        ("accuracy", f"{phrases.percent(test.accuracy.value)} %", f"{phrases.percent_range(test.accuracy.interval)} %"),
        ("macro F1", f"{phrases.percent(test.macro_f1.value)} %", f"{phrases.percent_range(test.macro_f1.interval)} %"),
        ("log loss", f"{test.log_loss.value:.3f}", phrases.loss_range(test.log_loss.interval)),
        ("test texts", f"{test.n:,}", phrases.count_text(len(test.labels), "label")),
    )
    return tiles(shown)


def tiles(shown: Iterable[tuple[str, str, str]]) -> str:
    """The figures on top: a name, a value, a note each."""
    cells = (
        f'<div class="figure"><span class="quiet">{safe(name)}</span><strong>{safe(value)}</strong>'
        f'<span class="quiet">{safe(note)}</span></div>'
        for name, value, note in shown
    )
    return f'<div class="figures">{"".join(cells)}</div>'


def in_plain_words(sentences: Sequence[str]) -> str:
    """One paragraph; what begins with `Next:` stands by itself, since it is what one does."""
    said = [sentence for sentence in sentences if not sentence.startswith("Next:")]
    steps = [sentence for sentence in sentences if sentence.startswith("Next:")]
    inner = f'<p class="lead">{safe(" ".join(said), 4000)}</p>' if said else ""
    return section("In plain words", inner + paragraphs(steps, kind="next"))


def cautions(found: Sequence[str]) -> str:
    """Warnings, if there are any."""
    items = "".join(f"<li>{safe(warning, 1000)}</li>" for warning in found)
    return section("To be careful about", f"<ul>{items}</ul>" if items else "", kind="caution")
