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
from frostline.report import count_text, printable
from frostline.report.lines import heading, say, show
from frostline.report.markup import paragraphs, quiet, quoted, safe, section, table
from frostline.report.page import page
from frostline.targets import Kind
from frostline.version import __version__

HOW_TO_KEEP = (
    "The model kept no training sentences: the nearest cannot be shown. "
    "Train it with --keep-neighbours to have them in the artifact."
)
NOT_KEPT = (
    "A fitted classifier keeps no training sentences: save(folder, neighbours=(texts, labels)) does, and "
    "frostline.explain shows the nearest."
)


ANSWERED_BY = {
    True: (
        "The cascade's cheap head answered, by words and word embeddings: what it goes by is shown here, and the "
        "encoder did not read the text."
    ),
    False: "The full head answered: the cascade's cheap head was not sure enough.",
}

_OF_WHAT: Mapping[Kind, str] = {"one label": "", "several labels": " of all its labels together"}


def answer_text(explanation: Explanation) -> str:
    """What the classifier says of the text."""
    shares = dict(explanation.probabilities)
    if explanation.answer is None:
        return "no answer"
    named = ", ".join(f"{printable(str(label))} ({shares[label]:.3f})" for label in explanation.answer)
    return named or "none of the labels"


def remarks(explanation: Explanation) -> list[str]:
    """What a reader must know of this text before believing the rest."""
    said = []
    if explanation.is_early is not None:
        said.append(ANSWERED_BY[explanation.is_early])
    best, share = max(explanation.probabilities, key=lambda pair: pair[1])
    if explanation.answer is None:
        said.append(
            f"The classifier gives no answer below a probability of {explanation.answer_from:.3g}"
            f"{_OF_WHAT[explanation.kind]}; the most probable label is {printable(str(best))} ({share:.3f})."
        )
    elif not explanation.answer:
        said.append(f"No label reaches its threshold; the most probable is {printable(str(best))} ({share:.3f}).")
    elif best not in explanation.answer:
        said.append(
            f"{printable(str(best))} is more probable ({share:.3f}); the thresholds of the labels decide otherwise."
        )
    if explanation.is_cut:
        rest = len(explanation.text) - explanation.seen_to
        said.append(
            f"The encoder sees {explanation.max_length} word pieces of a text: the last {count_text(rest, 'letter')} "
            "of this one took no part."
        )
    if not explanation.words:
        said.append("The text has no word pieces: the probabilities are those of an empty text.")
    if explanation.n_tried < len(explanation.words):
        said.append(
            f"Of {len(explanation.words)} words the first {explanation.n_tried} were left out in turn; the others were "
            "not tried (--max-words)."
        )
    if len(explanation.words) == 1:
        said.append("It is the only word: left out, an empty text remains.")
    return said


ACT_TOGETHER = "Words act together, so single effects do not add up."

_TELLING = 0.005  # of a probability: where no word changes it by more, log-odds tell the words apart


def additivity(label: LabelExplained) -> str:
    """Why the changes are no sum."""
    return (
        f"Words act together, so single effects do not add up: one at a time {label.sum_of_words:+.2f} in all, "
        f"the whole text against an empty one {label.of_nothing.log_odds:+.2f} (log-odds)."
    )


def strongest(repeated: tuple[Together, ...]) -> list[Together]:
    """Those that change most first."""
    return sorted(repeated, key=lambda one: -abs(one.change.log_odds))


def together_text(repeated: Together) -> str:
    """A repeated word, all its places left out at once."""
    return (
        f"“{printable(repeated.text)}” appears {len(repeated.places)} times: left out everywhere, "
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


def print_explanation(
    explanation: Explanation, console: Console, *, details: bool = False, to_keep: str = HOW_TO_KEEP
) -> None:
    """The answer; the pieces; what each word adds, label by label; the nearest training sentences."""
    console.print(Text.assemble(("Answer  ", "bold"), answer_text(explanation)))
    for remark in remarks(explanation):
        console.print(Text(remark, style="italic"))
    console.print(_probabilities(explanation))
    heading(console, f"Word pieces ({len(explanation.pieces)})")
    more = len(explanation.pieces) - MOST_PIECES
    pieces = Text(" ".join(map(printable, explanation.pieces[:MOST_PIECES])), style="dim")
    pieces.append(f" … and {more} more (--json has all)" if more > 0 else "")
    show(console, pieces)
    for label in explanation.labels:
        _label(console, explanation, label, details=details)
    heading(console, "Nearest training sentences")
    if explanation.nearest is None:
        say(console, to_keep)
    else:
        console.print(_nearest(explanation.nearest))


def _probabilities(explanation: Explanation) -> Text:
    ordered = sorted(explanation.probabilities, key=lambda pair: -pair[1])
    named = "   ".join(f"{printable(str(label))}: {share:.3f}" for label, share in ordered[:MOST_LABELS])
    more = len(ordered) - MOST_LABELS
    return Text(named + (f"   and {more} more" if more > 0 else ""), style="dim")


def _label(console: Console, explanation: Explanation, label: LabelExplained, *, details: bool) -> None:
    if not label.words:
        return
    heading(console, f"What each word adds to {printable(str(label.label))} ({label.probability:.3f})")
    console.print(Padding(_coloured(explanation, label), (0, 0, 1, 2), expand=False))
    by_odds = details or max(abs(change.probability) for change in label.words) < _TELLING
    console.print(_words(explanation, label, details=details, by_odds=by_odds))
    for repeated in strongest(label.repeated)[:MOST_REPEATED]:
        say(console, together_text(repeated))
    say(console, additivity(label) if details else ACT_TOGETHER, style="dim")


def _coloured(explanation: Explanation, label: LabelExplained) -> Text:
    """The text itself: blue speaks for the label, orange against it, the more the bolder; unseen is struck out."""
    most = max((abs(change.log_odds) for change in label.words), default=0.0)
    text, at = Text(), 0
    for word, change in zip(explanation.words, label.words, strict=False):
        text.append(escaped(explanation.text[at : word.start]))
        strength = abs(change.log_odds) / most if most > 0 else 0.0
        colour = _FOR if change.log_odds > 0 else _AGAINST
        style = "" if strength < 0.1 else colour if strength < 0.5 else f"bold {colour} reverse"
        text.append(printable(word.text), style=style)
        at = word.end
    text.append(printable(explanation.text[at : explanation.seen_to], _MOST_UNTRIED), style="dim")
    text.append(printable(explanation.text[explanation.seen_to :], _MOST_UNTRIED), style="dim strike")
    return text


def _words(explanation: Explanation, label: LabelExplained, *, details: bool, by_odds: bool) -> Table:
    """One figure a word, the probability's change; log-odds where that is next to nothing, and both in detail."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), show_header=True, header_style="dim")
    table.add_column("   word")
    table.add_column("pieces", style="dim", overflow="fold")
    names = ["log-odds"] if by_odds else []
    names += ["probability"] if details or not by_odds else []
    for name in names:
        table.add_column(name, justify="right")
    table.add_column("against ◂ ▸ for", no_wrap=True)
    figures = [change.log_odds if by_odds else change.probability for change in label.words]
    most = max(map(abs, figures))
    ranked = sorted(range(len(figures)), key=lambda place: -abs(figures[place]))
    for place in sorted(ranked[:MOST_WORDS]):
        word, change = explanation.words[place], label.words[place]
        table.add_row(
            Text("   " + printable(word.text)),
            Text(" ".join(printable(piece) for piece in word.pieces)),
            *(f"{change.log_odds:+.2f}" if name == "log-odds" else f"{change.probability:+.3f}" for name in names),
            _bar(figures[place], most),
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


def _nearest(sentences: tuple[Nearest, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
    table.add_column("  cosine", justify="right")
    table.add_column("label", overflow="fold")
    table.add_column("sentence", overflow="fold")
    for sentence in sentences:
        named = ", ".join(printable(str(label)) for label in sentence.labels) or "none"
        table.add_row(f"{sentence.cosine:.2f}", Text(named), Text(printable(sentence.text, 300)))
    return table


_STRONGEST = 55  # per cent of the colour; ink on it stays readable (contrast above 4.5) in light and in dark
_MINUS = "\N{MINUS SIGN}"


def explanation_html(explanation: Explanation, *, to_keep: str = HOW_TO_KEEP) -> str:
    """The page: the same bytes for the same explanation."""
    parts = [
        section("Answer", paragraphs([answer_text(explanation)], kind="lead") + paragraphs(remarks(explanation))),
        *(_label_section(explanation, label) for label in explanation.labels),
        section("Nearest training sentences", _nearest_section(explanation.nearest, to_keep)),
        section("Word pieces", quiet(" ".join(explanation.pieces))),
        section("Probabilities", _probability_table(explanation)),
    ]
    return page(
        "Why this answer",
        printable(explanation.text, 300) or "An empty text.",
        parts,
        version=__version__,
        note="A word's change is that of the answer when the text is read again without it.",
    )


def _label_section(explanation: Explanation, label: LabelExplained) -> str:
    said = [together_text(repeated) for repeated in strongest(label.repeated)]
    if not label.words:
        return ""
    inner = (
        f'<p class="lead" dir="auto">{_marked(explanation, label)}</p>'
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
                for word, change in zip(explanation.words, label.words, strict=False)
            ],
            called=f"What each word adds to {label.label}",
            n_words=2,
        )
        + quiet(additivity(label))
    )
    return section(f"What each word adds to {printable(str(label.label))} ({label.probability:.3f})", inner)


def _marked(explanation: Explanation, label: LabelExplained) -> str:
    """The text with each word marked by what it adds."""
    most = max(abs(change.log_odds) for change in label.words)
    parts, at = [], 0
    for word, change in zip(explanation.words, label.words, strict=False):
        parts += [safe(explanation.text[at : word.start], len(explanation.text)), _word(word.text, change, most)]
        at = word.end
    parts.append(safe(explanation.text[at : explanation.seen_to], len(explanation.text)))
    if explanation.is_cut:
        parts.append(f'<s class="quiet">{safe(explanation.text[explanation.seen_to :], 400)}</s>')
    return "".join(parts)


def _word(text: str, change: Change, most: float) -> str:
    strength = abs(change.log_odds) / most if most > 0 else 0.0
    title = f'title="{_signed(change.log_odds, 2)}"'
    if strength < 0.05:
        return f"<span {title}>{safe(text)}</span>"
    return f'<span {title} style="{_style(strength, is_for=change.log_odds > 0)}">{safe(text)}</span>'


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


def _nearest_section(sentences: tuple[Nearest, ...] | None, to_keep: str) -> str:
    if sentences is None:
        return quiet(to_keep)
    rows = [
        [safe(", ".join(map(str, near.labels)) or "none"), quoted(near.text), _signed(near.cosine, 2, plus="")]
        for near in sentences
    ]
    return table(["Label", "Sentence", "Cosine"], rows, called="The nearest training sentences", n_words=2) + quiet(
        "Cosine of the two sentences' features, each less the training sentences' mean: 1 is the same, 0 nothing in "
        "common."
    )


def _probability_table(explanation: Explanation) -> str:
    ordered = sorted(explanation.probabilities, key=lambda pair: -pair[1])
    rows = [[safe(str(label)), f"{share:.3f}"] for label, share in ordered]
    return table(["Label", "Probability"], rows, called="The probability of each label")


def _signed(value: float, digits: int, *, plus: str = "+") -> str:
    text = f"{abs(value):.{digits}f}"
    return (_MINUS if value < 0 else plus) + text


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """Everything; word i of a label's `words` is word i of `words`, and those beyond were not tried."""
    return {
        "text": explanation.text,
        "answer": explanation.plain_answer,
        "probabilities": {str(label): share for label, share in explanation.probabilities},
        "pieces": list(explanation.pieces),
        "words": [asdict(word) for word in explanation.words],
        "seen_to": explanation.seen_to,
        "is_cut": explanation.is_cut,
        "explained": [_label_explained(label) for label in explanation.labels],
        **({} if explanation.is_early is None else {"is_early": explanation.is_early}),
        "nearest": None if explanation.nearest is None else [asdict(sentence) for sentence in explanation.nearest],
        "remarks": remarks(explanation),
    }


def _label_explained(label: LabelExplained) -> dict[str, Any]:
    return {
        "label": label.label,
        "probability": label.probability,
        "log_odds": label.log_odds,
        "words": [asdict(change) for change in label.words],
        "repeated": [asdict(repeated) for repeated in label.repeated],
        "sum_of_words": label.sum_of_words,
        "whole_text_against_empty": asdict(label.of_nothing),
    }
