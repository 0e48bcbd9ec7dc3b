"""An explanation as one small HTML file: no network, no scripts, light and dark.

In:   an `Explanation`.
Out:  the page as a str.
Not:  its frame and style (report/page.html), the sentences (sentences.py).

Blue speaks for the label and is underlined, orange against it and is dotted: seen by the colour-blind and on paper.
"""

from frostline import __version__
from frostline.explanation.explaining import Explanation
from frostline.explanation.leave_out import Change, LabelExplained
from frostline.explanation.nearest import Nearest
from frostline.explanation.sentences import HOW_TO_KEEP, additivity, answer_text, remarks, strongest, together_text
from frostline.report.html import page
from frostline.report.markup import paragraphs, quiet, quoted, safe, section, table
from frostline.report.phrases import printable

_STRONGEST = 55  # per cent of the colour; ink on it stays readable (contrast above 4.5) in light and in dark
_MINUS = "\N{MINUS SIGN}"


def explanation_html(found: Explanation) -> str:
    """The page: the same bytes for the same explanation."""
    parts = [
        section("Answer", paragraphs([answer_text(found)], kind="lead") + paragraphs(remarks(found))),
        *(_label(found, own) for own in found.labels),
        section("Nearest training sentences", _nearest(found.nearest)),
        section("Word pieces", quiet(" ".join(found.pieces))),
        section("Probabilities", _probabilities(found)),
    ]
    return page(
        "Why this answer",
        printable(found.text, 300) or "An empty text.",
        parts,
        version=__version__,
        note="A word's change is that of the answer when the text is read again without it.",
    )


def _label(found: Explanation, own: LabelExplained) -> str:
    said = [together_text(repeated) for repeated in strongest(own.repeated)]
    if not own.words:
        return ""
    inner = (
        f'<p class="lead" dir="auto">{_marked(found, own)}</p>'
        + _legend()
        + paragraphs(said)
        + table(
            ["Word", "Pieces", "Log-odds", "Probability"],
            [
                [
                    safe(word.text),
                    safe(" ".join(word.pieces)),
                    _signed(change.log_odds, 2),
                    _signed(change.probability, 3),
                ]
                for word, change in zip(found.words, own.words, strict=False)
            ],
            called=f"What each word adds to {own.label}",
            n_words=2,
        )
        + quiet(additivity(own))
    )
    return section(f"What each word adds to {printable(str(own.label))} ({own.probability:.3f})", inner)


def _marked(found: Explanation, own: LabelExplained) -> str:
    """The text with each word marked by what it adds."""
    most = max(abs(change.log_odds) for change in own.words)
    parts, at = [], 0
    for word, change in zip(found.words, own.words, strict=False):
        parts += [safe(found.text[at : word.start], len(found.text)), _word(word.text, change, most)]
        at = word.end
    parts.append(safe(found.text[at : found.seen_to], len(found.text)))
    if found.is_cut:
        parts.append(f'<s class="quiet">{safe(found.text[found.seen_to :], 400)}</s>')
    return "".join(parts)


def _word(text: str, change: Change, most: float) -> str:
    strength = abs(change.log_odds) / most if most > 0 else 0.0
    told = f'title="{_signed(change.log_odds, 2)}"'
    if strength < 0.05:
        return f"<span {told}>{safe(text)}</span>"
    return f'<span {told} style="{_style(strength, is_for=change.log_odds > 0)}">{safe(text)}</span>'


def _style(strength: float, *, is_for: bool) -> str:
    colour, line = ("--right", "solid") if is_for else ("--wrong", "dotted")
    return (
        f"background:color-mix(in srgb,var({colour}) {round(_STRONGEST * strength)}%,transparent);"
        f"border-bottom:{1 + round(2 * strength)}px {line} var({colour});border-radius:.2rem"
    )


def _legend() -> str:
    marks = (("speaks for it", True), ("speaks against it", False))
    items = "".join(f'<li><span style="{_style(0.8, is_for=is_for)}">{words}</span></li>' for words, is_for in marks)
    return f'<ul class="legend">{items}</ul>'


def _nearest(found: tuple[Nearest, ...] | None) -> str:
    if found is None:
        return quiet(HOW_TO_KEEP)
    rows = [
        [safe(", ".join(map(str, near.labels)) or "none"), quoted(near.text), _signed(near.cosine, 2, plus="")]
        for near in found
    ]
    return table(["Label", "Sentence", "Cosine"], rows, called="The nearest training sentences", n_words=2) + quiet(
        "Cosine of the two sentences' features, each less the training sentences' mean: 1 is the same, 0 nothing in "
        "common."
    )


def _probabilities(found: Explanation) -> str:
    ordered = sorted(found.probabilities, key=lambda pair: -pair[1])
    rows = [[safe(str(label)), f"{share:.3f}"] for label, share in ordered]
    return table(["Label", "Probability"], rows, called="The probability of each label")


def _signed(value: float, digits: int, *, plus: str = "+") -> str:
    text = f"{abs(value):.{digits}f}"
    return (_MINUS if value < 0 else plus) + text
