"""The few elements that the page is made of, each with its text made safe.

Everything that may be a user's goes through `safe`, which shows control and direction characters and escapes what HTML
would take for markup. Only what was made here may be put together without it.
"""

import html
import re
from collections.abc import Sequence

from frostline.evaluate.intervals import Estimate
from frostline.report import phrases, printable

LONGEST_TEXT = 2000
"""Letters of a quoted text; the page stays small whatever the texts are."""

_TALL = 30  # rows; a table of more is scrolled

_JOINERS = {
    "\u200c": "\u200c",
    "\u200d": "\u200d",
}  # zero width: words of Persian and faces need them, and they move nothing
_RANGE = re.compile(r"\(?[+\u2212-]?\d[\d.,]*(?:\u2013| to )[+\u2212-]?\d[\d.]*\d\)?(?: %)?")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]{1,24}[a-z](?![\w-])")
_BREAKS = re.compile(r"\r\n|[\r\n\u2028\u2029]")


def safe(value: object, limit: int = 400) -> str:
    """`value` as it may stand in an element or in a quoted attribute."""
    return html.escape(printable(value, limit))


def quoted(text: str) -> str:
    """A user's text in full (its first `LONGEST_TEXT` letters), breaks shown as ↵, its direction kept to itself."""
    lines = _BREAKS.split(text[:LONGEST_TEXT])
    shown = " ↵ ".join("".join(_JOINERS.get(letter) or printable(letter) for letter in line) for line in lines)
    rest = len(text) - LONGEST_TEXT
    more = f' <span class="quiet">(… {rest:,} more letters)</span>' if rest > 0 else ""
    return f'<bdi dir="auto">{html.escape(shown) or "<i>an empty text</i>"}</bdi>{more}'


def section(title: str, inner: str, *, kind: str = "") -> str:
    """A card with a heading; nothing where there is nothing in it."""
    if not inner:
        return ""
    of_kind = f' class="{kind}"' if kind else ""
    return f"<section{of_kind}><h2>{safe(title)}</h2>{inner}</section>"


def paragraphs(sentences: Sequence[str], *, kind: str = "") -> str:
    """Each in a paragraph of its own."""
    of_kind = f' class="{kind}"' if kind else ""
    return "".join(f"<p{of_kind}>{whole_ranges(safe(sentence, 2000))}</p>" for sentence in sentences)


def whole_ranges(words: str) -> str:
    """HTML with the two ends of each interval on one line, and each option of a command."""
    return whole_options(_RANGE.sub(r'<span class="whole">\g<0></span>', words))


def whole_options(words: str) -> str:
    """HTML with each option of a command on one line."""
    return _OPTION.sub(r'<span class="whole">\g<0></span>', words)


def whole(words: str) -> str:
    """Words that stay on one line, as a figure and what follows it."""
    return f'<span class="whole">{safe(words)}</span>'


def quiet(words: str) -> str:
    """A remark in smaller letters."""
    return paragraphs([words], kind="quiet")


def figure(inner: str) -> str:
    """A picture with its legend, kept on one sheet of paper."""
    return f"<figure>{inner}</figure>"


def scrolled(inner: str, name: str, *, tall: bool = False) -> str:
    """What may be wider than a phone, or longer than one wants to pass by: it scrolls by itself, also by keyboard."""
    return (
        f'<div class="wide{" tall" if tall else ""}" role="region" tabindex="0" aria-label="{safe(name)}">{inner}</div>'
    )


def table(names: Sequence[str], rows: Sequence[Sequence[str]], *, called: str, own: int = -1, n_words: int = 1) -> str:
    """A table whose cells are HTML already; its first `n_words` columns are words, and row `own` stands out.

    Parameters
    ----------
    called : str
        What a screen reader says it is.
    """
    kinds = [' class="words"' if column < n_words else "" for column in range(len(names))]
    head = "".join(f'<th scope="col"{kind}>{safe(name)}</th>' for kind, name in zip(kinds, names, strict=True))
    lines = [
        ('<tr class="own">' if number == own else "<tr>") + _cells(row, kinds) + "</tr>"
        for number, row in enumerate(rows)
    ]
    body = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return scrolled(body, called, tall=len(rows) > _TALL)


def share(estimate: Estimate | None) -> str:
    """A cell with a share in per cent, its interval beneath it."""
    if estimate is None:
        return phrases.DASH
    return stacked(phrases.percent(estimate.value), phrases.percent_range(estimate.interval))


def loss(estimate: Estimate | None) -> str:
    """A cell with three decimals, its interval beneath it."""
    if estimate is None:
        return phrases.DASH
    return stacked(f"{estimate.value:.3f}", phrases.loss_range(estimate.interval))


def stacked(value: str, note: str) -> str:
    """A value with a remark beneath it, which stays on its line: a table too wide for a phone is scrolled."""
    return f"{safe(value)}<small>{safe(note)}</small>"


def _cells(row: Sequence[str], kinds: Sequence[str]) -> str:
    first = f'<th scope="row" class="words">{row[0]}</th>'
    return first + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds[1:], row[1:], strict=True))
