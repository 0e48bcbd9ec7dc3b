"""An explanation on the terminal, readable without colour as well; and as a page of HTML.

On the terminal everything is written as `Text`, never as markup: a text may hold [brackets].
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from frostline.errors import printable as escaped
from frostline.explanation.explaining import Explanation, Nearest
from frostline.explanation.leave_out import Change, LabelExplained, Together
from frostline.report.lines import heading, say, show
from frostline.report.markup import paragraphs, quiet, quoted, safe, section, table
from frostline.report.page import page
from frostline.report.phrases import count_text, printable
from frostline.targets import Kind
from frostline.version import __version__

HOW_TO_KEEP = (
    "The model kept no training sentences: the nearest cannot be shown. "
    "Train it with --keep-neighbours to have them in the artifact."
)


_OF_WHAT: Mapping[Kind, str] = {"one label": "", "several labels": " of all its labels together"}


def answer_text(found: Explanation) -> str:
    """What the classifier says of the text."""
    shares = dict(found.probabilities)
    if found.answer is None:
        return "no answer"
    named = ", ".join(f"{printable(str(label))} ({shares[label]:.3f})" for label in found.answer)
    return named or "none of the labels"


def remarks(found: Explanation) -> list[str]:
    """What a reader must know of this text before believing the rest."""
    said = []
    best, share = max(found.probabilities, key=lambda pair: pair[1])
    if found.answer is None:
        said.append(
            f"The classifier gives no answer below a probability of {found.answer_from:.3g}{_OF_WHAT[found.kind]}; the "
            f"most probable label is {printable(str(best))} ({share:.3f})."
        )
    elif not found.answer:
        said.append(f"No label reaches its threshold; the most probable is {printable(str(best))} ({share:.3f}).")
    elif best not in found.answer:
        said.append(
            f"{printable(str(best))} is more probable ({share:.3f}); the thresholds of the labels decide otherwise."
        )
    if found.is_cut:
        rest = len(found.text) - found.seen_to
        said.append(
            f"The encoder sees {found.max_length} word pieces of a text: the last {count_text(rest, 'letter')} "
            "of this one took no part."
        )
    if not found.words:
        said.append("The text has no word pieces: the probabilities are those of an empty text.")
    if found.n_tried < len(found.words):
        said.append(
            f"Of {len(found.words)} words the first {found.n_tried} were left out in turn; the others were not tried "
            "(--max-words)."
        )
    if len(found.words) == 1:
        said.append("It is the only word: left out, an empty text remains.")
    return said


def additivity(own: LabelExplained) -> str:
    """Why the changes are no sum."""
    return (
        f"One word is left out at a time, so the changes do not add up: they sum to {own.sum_of_words:+.2f}; "
        f"the whole text against an empty one makes {own.of_nothing.log_odds:+.2f}."
    )


def strongest(repeated: tuple[Together, ...]) -> list[Together]:
    """Those that change most first."""
    return sorted(repeated, key=lambda found: -abs(found.change.log_odds))


def together_text(repeated: Together) -> str:
    """A repeated word, all its places left out at once."""
    return (
        f"“{printable(repeated.text)}” stands there {len(repeated.places)} times: left out everywhere, "
        f"{repeated.change.log_odds:+.2f}."
    )


MOST_WORDS = 20
"""Words in the table: those that change most. JSON and HTML have all."""

MOST_PIECES = 130
MOST_LABELS = 8
MOST_REPEATED = 5
_FOR, _AGAINST = "blue", "dark_orange"  # told apart by the colour-blind, on light and on dark
_BAR = 12
_MOST_UNTRIED = 200  # letters of what was not tried, or not seen


def print_explanation(found: Explanation, console: Console) -> None:
    """The answer; the pieces; what each word adds, label by label; the nearest training sentences."""
    console.print(Text.assemble(("Answer  ", "bold"), answer_text(found)))
    for remark in remarks(found):
        console.print(Text(remark, style="italic"))
    console.print(_probabilities(found))
    heading(console, f"Word pieces ({len(found.pieces)})")
    more = len(found.pieces) - MOST_PIECES
    pieces = Text(" ".join(map(printable, found.pieces[:MOST_PIECES])), style="dim")
    pieces.append(f" … and {more} more (--json has all)" if more > 0 else "")
    show(console, pieces)
    for own in found.labels:
        _label(console, found, own)
    heading(console, "Nearest training sentences")
    if found.nearest is None:
        say(console, HOW_TO_KEEP)
    else:
        console.print(_nearest(found.nearest))


def _probabilities(found: Explanation) -> Text:
    ordered = sorted(found.probabilities, key=lambda pair: -pair[1])
    named = "   ".join(f"{printable(str(label))}: {share:.3f}" for label, share in ordered[:MOST_LABELS])
    more = len(ordered) - MOST_LABELS
    return Text(named + (f"   and {more} more" if more > 0 else ""), style="dim")


def _label(console: Console, found: Explanation, own: LabelExplained) -> None:
    if not own.words:
        return
    heading(console, f"What each word adds to {printable(str(own.label))} ({own.probability:.3f})")
    console.print(Padding(_coloured(found, own), (0, 0, 1, 2), expand=False))
    console.print(_words(found, own))
    for repeated in strongest(own.repeated)[:MOST_REPEATED]:
        say(console, together_text(repeated))
    say(console, additivity(own), style="dim")


def _coloured(found: Explanation, own: LabelExplained) -> Text:
    """The text itself: blue speaks for the label, orange against it, the more the bolder; unseen is struck out."""
    most = max((abs(change.log_odds) for change in own.words), default=0.0)
    text, at = Text(), 0
    for word, change in zip(found.words, own.words, strict=False):
        text.append(escaped(found.text[at : word.start]))
        strength = abs(change.log_odds) / most if most > 0 else 0.0
        colour = _FOR if change.log_odds > 0 else _AGAINST
        style = "" if strength < 0.1 else colour if strength < 0.5 else f"bold {colour} reverse"
        text.append(printable(word.text), style=style)
        at = word.end
    text.append(printable(found.text[at : found.seen_to], _MOST_UNTRIED), style="dim")
    text.append(printable(found.text[found.seen_to :], _MOST_UNTRIED), style="dim strike")
    return text


def _words(found: Explanation, own: LabelExplained) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), show_header=True, header_style="dim")
    table.add_column("   word")
    table.add_column("pieces", style="dim", overflow="fold")
    table.add_column("log-odds", justify="right")
    table.add_column("probability", justify="right")
    table.add_column("against ◂ ▸ for", no_wrap=True)
    most = max(abs(change.log_odds) for change in own.words)
    ranked = sorted(range(len(own.words)), key=lambda place: -abs(own.words[place].log_odds))
    for place in sorted(ranked[:MOST_WORDS]):
        word, change = found.words[place], own.words[place]
        table.add_row(
            Text("   " + printable(word.text)),
            Text(" ".join(printable(piece) for piece in word.pieces)),
            f"{change.log_odds:+.2f}",
            f"{change.probability:+.3f}",
            _bar(change.log_odds, most),
        )
    if len(ranked) > MOST_WORDS:
        table.add_row(Text(f"   and {len(ranked) - MOST_WORDS} words that change less", style="dim"))
    return table


def _bar(value: float, most: float) -> Text:
    """To the right for the label, to the left against it: seen without colour too."""
    filled = round(_BAR * abs(value) / most) if most > 0 else 0
    if value > 0:
        return Text(" " * _BAR + "│").append("█" * filled, style=_FOR)
    return Text(" " * (_BAR - filled)).append("█" * filled, style=_AGAINST).append("│", style="default")


def _nearest(found: tuple[Nearest, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
    table.add_column("  cosine", justify="right")
    table.add_column("label", overflow="fold")
    table.add_column("sentence", overflow="fold")
    for sentence in found:
        named = ", ".join(printable(str(label)) for label in sentence.labels) or "none"
        table.add_row(f"{sentence.cosine:.2f}", Text(named), Text(printable(sentence.text, 300)))
    return table


_STRONGEST = 55  # per cent of the colour; ink on it stays readable (contrast above 4.5) in light and in dark
_MINUS = "\N{MINUS SIGN}"


def explanation_html(found: Explanation) -> str:
    """The page: the same bytes for the same explanation."""
    parts = [
        section("Answer", paragraphs([answer_text(found)], kind="lead") + paragraphs(remarks(found))),
        *(_label_section(found, own) for own in found.labels),
        section("Nearest training sentences", _nearest_section(found.nearest)),
        section("Word pieces", quiet(" ".join(found.pieces))),
        section("Probabilities", _probability_table(found)),
    ]
    return page(
        "Why this answer",
        printable(found.text, 300) or "An empty text.",
        parts,
        version=__version__,
        note="A word's change is that of the answer when the text is read again without it.",
    )


def _label_section(found: Explanation, own: LabelExplained) -> str:
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


def _nearest_section(found: tuple[Nearest, ...] | None) -> str:
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


def _probability_table(found: Explanation) -> str:
    ordered = sorted(found.probabilities, key=lambda pair: -pair[1])
    rows = [[safe(str(label)), f"{share:.3f}"] for label, share in ordered]
    return table(["Label", "Probability"], rows, called="The probability of each label")


def _signed(value: float, digits: int, *, plus: str = "+") -> str:
    text = f"{abs(value):.{digits}f}"
    return (_MINUS if value < 0 else plus) + text


def explanation_document(found: Explanation) -> dict[str, Any]:
    """Everything; word i of a label's `words` is word i of `words`, and those beyond were not tried."""
    return {
        "text": found.text,
        "answer": found.plain_answer,
        "probabilities": {str(label): share for label, share in found.probabilities},
        "pieces": list(found.pieces),
        "words": [asdict(word) for word in found.words],
        "seen_to": found.seen_to,
        "is_cut": found.is_cut,
        "explained": [_label_explained(own) for own in found.labels],
        "nearest": None if found.nearest is None else [asdict(sentence) for sentence in found.nearest],
        "remarks": remarks(found),
    }


def _label_explained(own: LabelExplained) -> dict[str, Any]:
    return {
        "label": own.label,
        "probability": own.probability,
        "log_odds": own.log_odds,
        "words": [asdict(change) for change in own.words],
        "repeated": [asdict(repeated) for repeated in own.repeated],
        "sum_of_words": own.sum_of_words,
        "whole_text_against_empty": asdict(own.of_nothing),
    }
