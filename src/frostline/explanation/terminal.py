"""An explanation on the terminal, readable without colour as well.

In:   an `Explanation` and a rich console.
Out:  lines on that console.
Not:  the sentences (sentences.py). Everything is written as `Text`, never as markup: a text may hold [brackets].
"""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from frostline.errors import printable as escaped
from frostline.explanation.explaining import Explanation
from frostline.explanation.leave_out import LabelExplained
from frostline.explanation.nearest import Nearest
from frostline.explanation.sentences import HOW_TO_KEEP, additivity, answer_text, remarks, strongest, together_text
from frostline.report.phrases import printable

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
    _heading(console, f"Word pieces ({len(found.pieces)})")
    more = len(found.pieces) - MOST_PIECES
    pieces = Text(" ".join(map(printable, found.pieces[:MOST_PIECES])), style="dim")
    pieces.append(f" … and {more} more (--json has all)" if more > 0 else "")
    console.print(Padding(pieces, (0, 0, 0, 2), expand=False))
    for own in found.labels:
        _label(console, found, own)
    _heading(console, "Nearest training sentences")
    if found.nearest is None:
        console.print(Padding(Text(HOW_TO_KEEP), (0, 0, 0, 2), expand=False))
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
    _heading(console, f"What each word adds to {printable(str(own.label))} ({own.probability:.3f})")
    console.print(Padding(_coloured(found, own), (0, 0, 1, 2), expand=False))
    console.print(_words(found, own))
    for repeated in strongest(own.repeated)[:MOST_REPEATED]:
        console.print(Padding(Text(together_text(repeated)), (0, 0, 0, 2), expand=False))
    console.print(Padding(Text(additivity(own), style="dim"), (0, 0, 0, 2), expand=False))


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


def _heading(console: Console, title: str) -> None:
    console.print()
    console.print(Text(title, style="bold"))
