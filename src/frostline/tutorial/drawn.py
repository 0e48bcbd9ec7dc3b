"""The pictures of the lesson: SVG and HTML that stand still without scripts and take the page's colours.

Whatever belongs to a word piece of the sentence that is followed has `data-piece`, whatever belongs to a sentence
`data-row`: lesson.js lights up all that have the same. A figure that moves holds its frames as JSON beside it.
"""

import base64
import html
import json
import math
from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, groupby
from unicodedata import east_asian_width

import numpy as np

from frostline.arrays import Features, Float64Array, IntArray
from frostline.encoder.tokens import Ids

WIDTH = 400
"""Of every picture's view box; a phone shows it at about its own size."""

N_COLOURS = 6
"""Labels beyond them share colours."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 38, 10, 10, 34  # Room around a plot


def tag(name: str, content: str = "", **attributes: object) -> str:
    """An element; `content` is markup. Attributes: `class_` is class, underscores are hyphens, None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{content}</{name}>"


def words(text: object) -> str:
    """Text as markup."""
    return html.escape(str(text))


def picture(content: str, *, height: float, says: str, class_: str | None = None) -> str:
    """An SVG that is read out as `says`."""
    return tag("svg", content, viewBox=f"0 0 {WIDTH} {height:g}", role="img", aria_label=says, class_=class_)


def label(text: object, x: float, y: float, *, anchor: str = "middle", class_: str | None = None) -> str:
    """Words in a picture."""
    return tag("text", words(text), x=_short(x), y=_short(y), text_anchor=anchor, class_=class_)


def box(x: float, y: float, width: float, height: float, **attributes: object) -> str:
    """A rectangle."""
    return tag("rect", "", x=_short(x), y=_short(y), width=_short(width), height=_short(height), **attributes)


def shortened(text: str, most: int) -> str:
    """At most as wide as `most` Latin characters, cut with a mark; Chinese ones are twice as wide."""
    ends = list(accumulate(2 if east_asian_width(letter) in "WF" else 1 for letter in text))
    return text if not ends or ends[-1] <= most else text[: bisect(ends, most - 1)] + "…"


def frames(data: Mapping[str, object]) -> str:
    """What a figure that moves holds for lesson.js."""
    content = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json">{content}</script>'


def packed(values: Float64Array | IntArray | Features) -> str:
    """Numbers from 0 to 1 as one byte each, base64."""
    levels = np.round(values.astype(np.float64) * 255)
    return base64.b64encode(np.clip(levels, 0, 255).astype(np.uint8).tobytes()).decode()


def slider(name: str, n: int, *, start: int, says: str, shown: str) -> str:
    """A slider over `n` frames; lesson.js shows what stands in its frames' `words` beside it."""
    ranged = tag("input", type="range", min=0, max=n - 1, value=start, data_slider=name, aria_label=says)
    ranged = ranged.removesuffix("</input>")
    return tag("label", f"{tag('span', words(says))} {ranged}{tag('output', words(shown))}", class_="slider")


def overview(  # noqa: PLR0913 - what stands in the boxes
    sentence: str, encoder: str, answer: str, *, hidden: int, said: Mapping[str, str], says: str
) -> str:
    """The two boxes between a sentence and its label."""
    middle = WIDTH / 2
    parts = [
        box(20, 4, 360, 30, rx=6, class_="paper"),
        label(shortened(sentence, 48), middle, 23),
        _arrow(middle, 34, 52),
        box(60, 52, 280, 46, rx=8, class_="frozen"),
        label(encoder, middle, 72, class_="strong"),
        label(said["frozen"], middle, 89, class_="quiet"),
        _arrow(middle, 98, 132),
        label(f"{hidden} {said['numbers']}", middle + 10, 119, anchor="start", class_="quiet"),
        box(60, 132, 280, 46, rx=8, class_="learned"),
        label(said["regression"], middle, 152, class_="strong"),
        label(said["learned"], middle, 169, class_="quiet"),
        _arrow(middle, 178, 196),
        box(120, 196, 160, 30, rx=6, class_="paper"),
        label(shortened(answer, 24), middle, 215, class_="strong"),
    ]
    return picture("".join(parts), height=230, says=says)


def chips(pieces: Sequence[str], ids: Sequence[int], *, says: str) -> str:
    """Word pieces in a row that wraps, with their ids below them."""
    items = [
        tag(
            "li",
            words(piece) + tag("small", str(ids[place])),
            data_piece=place,
            tabindex=0,
            class_="special" if piece.startswith("[") else None,
        )
        for place, piece in enumerate(pieces)
    ]
    return tag("ol", "".join(items), class_="chips", aria_label=says)


def cut_into(pieces: Sequence[str], cut_words: Sequence[str], *, says: str) -> str:
    """Words above the pieces that they become."""
    groups: list[tuple[str, list[int]]] = []
    for place, word in enumerate(cut_words):
        is_same = word and groups and groups[-1][0] == word and pieces[place].startswith("##")
        if is_same:
            groups[-1][1].append(place)
        else:
            groups.append((word, [place]))
    items = []
    for word, places in groups:
        own = "".join(tag("span", words(pieces[place]), data_piece=place, tabindex=0) for place in places)
        items.append(tag("li", tag("b", words(word) or "&nbsp;") + own, class_="cut" if len(places) > 1 else None))
    return tag("ol", "".join(items), class_="chips words", aria_label=says)


def one_hot(
    piece_id: int, vocabulary: int, row: Features, neighbours: Sequence[tuple[int, Features]], says: str
) -> str:
    """A one at the place of the id, times the table, is a row of the table."""
    parts = [label("0 0 … 0", 60, 22, class_="mono"), box(98, 8, 20, 20, rx=3, class_="lit-cell")]
    parts += [label("1", 108, 22, class_="mono strong"), label("0 … 0", 150, 22, class_="mono")]
    parts.append(label(f"(1, {vocabulary:,})", 235, 22, class_="quiet"))
    for number, (each, values) in enumerate(neighbours):
        y = 42 + 22 * number
        is_own = each == piece_id
        parts.append(label(f"{each}", 52, y + 14, anchor="end", class_="mono strong" if is_own else "mono quiet"))
        for column, value in enumerate(values[:6]):
            parts.append(box(60 + 54 * column, y, 50, 19, rx=2, class_="lit-cell" if is_own else "paper"))
            parts.append(label(f"{value:+.3f}", 85 + 54 * column, y + 13, class_="mono small"))
        parts.append(label("…", 390, y + 13, class_="quiet"))
    y = 42 + 22 * len(neighbours)
    parts += [_arrow(WIDTH / 2, y, y + 16)]
    for column, value in enumerate(row[:6]):
        parts.append(box(60 + 54 * column, y + 18, 50, 19, rx=2, class_="lit-cell"))
        parts.append(label(f"{value:+.3f}", 85 + 54 * column, y + 31, class_="mono small"))
    return picture("".join(parts), height=y + 42, says=says)


def rectangle(ids: Sequence[Ids], rows: Sequence[int], longest: int, *, says: str) -> str:
    """Some sentences as rows of cells, padding hatched; the first of `rows` is the sentence that is followed."""
    side = (WIDTH - 4) / longest
    height = max(side, 9)
    parts = []
    for place, row in enumerate(rows):
        y, n = 2 + place * (height + 2), len(ids[row])
        cells = [
            box(2 + side * column, y, side - 0.5, height, class_="piece", data_piece=column if place == 0 else None)
            for column in range(n)
        ]
        if n < longest:
            cells.append(box(2 + side * n, y, side * (longest - n) - 0.5, height, class_="padding"))
        parts.append(tag("g", "".join(cells), data_row=row, tabindex=0))
    return picture("".join(parts), height=4 + len(rows) * (height + 2), says=says)


def silhouette(lengths: Sequence[int], widths: Sequence[int], *, says: str) -> str:
    """A rectangle from above: each row's word pieces, and the padding that its batch gives it."""
    longest, height = max(widths), 150
    drawn = box(0, 0, WIDTH, height, class_="outside")
    drawn += tag("path", d=outline(widths, longest, height), class_="padding")
    drawn += tag("path", d=outline(lengths, longest, height), class_="piece")
    return picture(drawn, height=height, says=says, class_="silhouette")


def outline(lengths: Sequence[int], longest: int, height: float = 150) -> str:
    """The path around rows of these lengths, one below the other; rows of one length are one step."""
    step, path, before = height / len(lengths), "M0 0", -1
    for place, length in enumerate(lengths):
        if length != before:
            path += f"{'V' + _short(step * place) if place else ''}H{WIDTH * length / longest:.0f}"
            before = length
    return f"{path}V{height:g}H0Z"


def bars(rows: Iterable[tuple[str, float, str]], *, says: str, most: float = 1.0, own: int = -1) -> str:
    """Bars from 0 on with what they stand for above them; the one numbered `own` stands out."""
    parts, y = [], 0.0
    for number, (what, value, shown) in enumerate(rows):
        parts.append(label(shortened(what, 50), 0, y + 12, anchor="start", class_="quiet"))
        parts.append(box(0, y + 16, WIDTH - 60, 12, rx=3, class_="ground"))
        width = max(0.5, (WIDTH - 60) * value / most)
        kind = f"bar own n{number}" if number == own else f"bar n{number}"
        parts.append(box(0, y + 16, width, 12, rx=3, class_=kind))
        parts.append(label(shown, WIDTH - 52, y + 26, anchor="start", class_="mono"))
        y += 36
    return picture("".join(parts), height=y, says=says)


def ones_and_zeros(ids: Sequence[Ids], rows: Sequence[int], *, n_columns: int, says: str) -> str:
    """The mask of some sentences, its first columns."""
    side = (WIDTH - 22) / n_columns
    parts = []
    for place, row in enumerate(rows):
        for column in range(n_columns):
            is_piece = column < len(ids[row])
            x, y = 2 + side * column, 2 + place * 18
            mark = label(int(is_piece), x + side / 2, y + 12, class_="mono small" if is_piece else "mono small quiet")
            cell = box(x, y, side - 1, 16, class_="piece light" if is_piece else "padding")
            own = column if place == 0 and is_piece else None
            parts.append(tag("g", cell + mark, data_row=row, data_piece=own))
        parts.append(label("…", WIDTH - 10, 14 + place * 18, class_="quiet"))
    return picture("".join(parts), height=4 + 18 * len(rows), says=says)


def attention_matrix(pieces: Sequence[str], shares: Features, *, says: str, axes: tuple[str, str]) -> str:
    """Who looks at whom: rows look, columns are looked at (n_pieces, n_pieces)."""
    n, left, top = len(pieces), 86, 86
    visible = visible_shares(shares)
    side = (WIDTH - left - 4) / n
    parts = [label(axes[0], 2, top - 6, anchor="start", class_="quiet small")]
    parts.append(label(axes[1], left, 10, anchor="start", class_="quiet small"))
    for place, piece in enumerate(pieces):
        name, middle = shortened(piece, 12), (place + 0.7) * side
        parts.append(tag("text", words(name), x=left - 5, y=_short(top + middle), text_anchor="end", data_piece=place))
        turned = f"translate({_short(left + middle)} {top - 5}) rotate(-60)"
        parts.append(tag("text", words(name), transform=turned, data_piece=place))
    size = side - 0.6
    parts += [
        box(
            left + side * column,
            top + side * row,
            size,
            size,
            class_="cell",
            fill_opacity=_short(float(visible[row, column])),
            data_piece=row,
        )
        for row in range(n)
        for column in range(n)
    ]
    return picture("".join(parts), height=top + side * n + 4, says=says)


def visible_shares(shares: Features) -> Features:
    """Shares as they are drawn: small ones must be seen."""
    return np.asarray(np.sqrt(np.clip(shares, 0, 1)))


def block(  # noqa: PLR0913 - what stands on the axes, and how they are called
    rows: Sequence[int],
    pieces: Sequence[str],
    *,
    longest: int,
    sizes: tuple[int, int, int],
    axes: tuple[str, str, str],
    says: str,
    is_first_kept: bool = False,
) -> str:
    """The block, its axes named: sentences down, positions to the right, numbers into the depth."""
    columns = min(longest, max(len(pieces) + 2, 12))
    left, top, depth, lift = 66.0, 74.0, 80.0, 48.0
    across, down = (WIDTH - left - depth - 8) / columns, 15.0
    wide, high = across * columns, down * len(rows)
    faces = [
        box(left, top, wide, high, class_="face"),
        _four((left, top), (depth, -lift), (wide, 0), class_="face upper"),
        _four((left + wide, top), (depth, -lift), (0, high), class_="face side"),
    ]
    lines = [_line(left, top + down * row, left + wide, top + down * row) for row in range(1, len(rows))]
    lines += [_line(left + across * at, top, left + across * at, top + high) for at in range(1, columns)]
    slabs = []
    for column in range(columns):
        x = left + across * column
        shape = box(x, top, across, high) + _four((x, top), (depth, -lift), (across, 0))
        kept = "slab kept" if is_first_kept and column == 0 else "slab"
        slabs.append(tag("g", shape, class_=kept, data_piece=column if column < len(pieces) else None))
    for place, row in enumerate(rows):
        y = top + down * place
        shape = box(left, y, wide, down) + _four((left + wide, y), (depth, -lift), (0, down))
        slabs.append(tag("g", shape, class_="slab across", data_row=row))
    named = [
        label(axes[0], left - 8, top + high / 2 - 2, anchor="end", class_="small"),
        label(f"{sizes[0]:,}", left - 8, top + high / 2 + 12, anchor="end", class_="small"),
        label(f"{axes[1]}{sizes[1]}", left + wide / 2, top + high + 16, class_="small"),
        label(f"{axes[2]}{sizes[2]}", left + depth / 2 - 8, top - lift / 2 - 6, anchor="end", class_="small"),
    ]
    if is_first_kept:
        named.append(label("[CLS]", left + across / 2, top + high + 30, class_="strong small"))
    return picture("".join(faces + lines + slabs + named), height=top + high + 36, says=says)


def heat_table(
    rows: Sequence[int], texts: Sequence[str], values: Features, *, says: str, labels: Sequence[str] = ()
) -> str:
    """The first columns of some rows (n_rows, n_shown), and their labels where they are given."""
    n_columns, left = values.shape[1], 118
    side = (WIDTH - left - (52 if labels else 14)) / n_columns
    largest = float(np.abs(values).max()) or 1.0
    parts = []
    for place, row in enumerate(rows):
        y = 2 + 20 * place
        own = [label(shortened(texts[row], 17), left - 6, y + 13, anchor="end", class_="small")]
        for column in range(n_columns):
            value = float(values[place, column])
            strength = _short(math.sqrt(abs(value) / largest))
            cell = tag("title", f"{value:+.3f}")
            own.append(
                f'<rect x="{_short(left + side * column)}" y="{y}" width="{_short(side - 0.8)}" height="17" '
                f'class="{"below" if value < 0 else "above"}" fill-opacity="{strength}">{cell}</rect>'
            )
        own.append(label("…", left + side * n_columns + 6, y + 12, class_="quiet"))
        if labels:
            own.append(label(shortened(labels[place], 7), WIDTH - 2, y + 13, anchor="end", class_="strong small"))
        parts.append(tag("g", "".join(own), data_row=row, tabindex=0))
    return picture("".join(parts), height=4 + 20 * len(rows), says=says)


def strokes(is_test: Sequence[bool], *, says: str) -> str:
    """Every row as a stroke, in the file's order: to learn from, or to be tested on."""
    per_line = max(100, math.ceil(len(is_test) / 8))
    step = WIDTH / per_line
    paths: dict[bool, list[str]] = {False: [], True: []}
    for row, held in enumerate(is_test):
        line, place = divmod(row, per_line)
        paths[bool(held)].append(f"M{(place + 0.5) * step:.1f} {line * 18}v14")
    width = _short(max(0.6, step * 0.7))
    drawn = "".join(
        tag("path", d="".join(parts), class_=f"stroke {'test' if held else 'train'}", stroke_width=width)
        for held, parts in paths.items()
    )
    return picture(drawn, height=18 * math.ceil(len(is_test) / per_line), says=says)


class Axes:
    """A plot's frame: numbers to places."""

    def __init__(self, across: tuple[float, float], up: tuple[float, float], *, height: float = 230) -> None:
        self.across, self.up, self.height = across, up, height

    def x(self, value: float) -> float:
        """Where a number stands across."""
        share = (value - self.across[0]) / ((self.across[1] - self.across[0]) or 1)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        """Where a number stands, from the top."""
        share = (value - self.up[0]) / ((self.up[1] - self.up[0]) or 1)
        return self.height - _BOTTOM - share * (self.height - _BOTTOM - _TOP)

    def line(self, xs: Iterable[float], ys: Iterable[float], class_: str) -> str:
        """Points joined."""
        path = "".join(
            f"{'L' if n else 'M'}{self.x(x):.1f} {self.y(y):.1f}" for n, (x, y) in enumerate(zip(xs, ys, strict=True))
        )
        return tag("path", d=path, class_=class_)

    def frame(self, *, x_marks: Sequence[tuple[float, str]], y_marks: Sequence[tuple[float, str]], x_says: str) -> str:
        """Lines, numbers beside them, and what stands below."""
        parts = []
        for value, shown in y_marks:
            parts.append(tag("path", d=f"M{_LEFT} {self.y(value):.1f}H{WIDTH - _RIGHT}", class_="grid"))
            parts.append(label(shown, _LEFT - 5, self.y(value) + 4, anchor="end", class_="quiet small scale"))
        for value, shown in x_marks:
            parts.append(label(shown, self.x(value), self.height - _BOTTOM + 14, class_="quiet small scale"))
        parts.append(label(x_says, (WIDTH + _LEFT) / 2, self.height - 4, class_="quiet small"))
        return "".join(parts)


def marks(low: float, high: float, *, n: int = 4) -> list[tuple[float, str]]:
    """A few round numbers between two, with what is written for them."""
    rough = (high - low) / n or 0.1
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [(place * step, f"{place * step:.{digits}f}") for place in range(first, math.floor(high / step + 1e-9) + 1)]


def dots(xs: Sequence[float], ys: Sequence[float], kinds: Sequence[int], *, class_: str = "dots") -> str:
    """Dots of some kinds, those of one kind as one path: one element for lesson.js to move, not hundreds.

    A path's points are the next of its `data-n`, so points are given with all of a kind together.
    """
    drawn, places = "", list(zip(xs, ys, strict=True))
    for kind, group in groupby(enumerate(kinds), key=lambda each: each[1]):
        own = [places[place] for place, _ in group]
        path = "".join(f"M{x:.1f} {y:.1f}h.01" for x, y in own)
        drawn += tag("path", d=path, class_=f"{class_} s{kind % N_COLOURS}", data_n=len(own))
    return drawn


def intervals(rows: Sequence[tuple[str, float, tuple[float, float] | None]], *, says: str) -> str:
    """Scores on one line each behind what they are called, with their intervals."""
    low = min(min(value, *(span or (value,))) for _, value, span in rows)
    high = max(max(value, *(span or (value,))) for _, value, span in rows)
    room = (high - low) * 0.15 or 0.05
    height = 44 * len(rows) + 30
    axes = Axes((max(0, low - room), min(1, high + room)), (0, 1), height=height)
    parts = [axes.frame(x_marks=marks(*axes.across), y_marks=[], x_says="")]
    for place, (what, value, span) in enumerate(rows):
        y = 26 + 44 * place
        parts.append(label(f"{what}{value:.3f}", _LEFT, y - 10, anchor="start", class_="small"))
        if span is not None:
            parts.append(tag("path", d=f"M{axes.x(span[0]):.1f} {y}H{axes.x(span[1]):.1f}", class_="span"))
        parts.append(tag("circle", r=5, cx=_short(axes.x(value)), cy=y, class_="mark" if span else "mark plain"))
    return picture("".join(parts), height=height, says=says)


def waterfall(parts: Sequence[tuple[str, float]], total: tuple[str, float], *, says: str) -> str:
    """Parts that add up, one below the other, each beginning where the one above ends."""
    ends = np.cumsum([value for _, value in parts])
    low, high = min(0.0, float(ends.min())), max(0.0, float(ends.max()))
    left, right = 128, WIDTH - 48

    def x(value: float) -> float:
        return left + (value - low) / ((high - low) or 1) * (right - left)

    drawn, at = [tag("path", d=f"M{x(0):.1f} 0V{22 * (len(parts) + 1)}", class_="grid")], 0.0
    for place, (what, value) in enumerate([*parts, total]):
        is_total = place == len(parts)
        start = 0.0 if is_total else at
        y, end = 22 * place, start + value
        width, shown = max(1.0, abs(x(end) - x(start))), f"{value:+.2f}".replace("-", "\u2212")
        kind = "bar own" if is_total else "above" if value >= 0 else "below"
        drawn.append(label(what, left - 8, y + 15, anchor="end", class_="strong small" if is_total else "small"))
        drawn.append(box(min(x(start), x(end)), y + 4, width, 14, rx=2, class_=kind))
        drawn.append(label(shown, WIDTH - 2, y + 15, anchor="end", class_="mono small"))
        at = end
    return picture("".join(drawn), height=22 * (len(parts) + 1) + 4, says=says)


def swarm(values: Sequence[float], *, axes: Axes, says: str, x_says: str) -> str:
    """Scores as dots that stand on each other where they are equal; the mean as a line, the first of them ringed."""
    parts = [axes.frame(x_marks=marks(*axes.across), y_marks=[], x_says=x_says)]
    parts.append(
        tag("path", d="M0 8V84", class_="at", transform=f"translate({axes.x(sum(values) / len(values)):.1f} 0)")
    )
    places = [round(axes.x(value) / 9) for value in values]
    step = min(9.0, 76 / max(map(places.count, places)))  # the highest stack ends below the picture's edge
    heights: dict[int, int] = {}
    for place in places:
        heights[place] = heights.get(place, 0) + 1
        parts.append(tag("circle", r=4, cx=place * 9, cy=_short(88 - step * heights[place]), class_="cell"))
    parts.append(tag("circle", r=7, cx=places[0] * 9, cy=_short(88 - step), class_="ring"))
    return picture("".join(parts), height=120, says=says)


def _arrow(x: float, start: float, end: float) -> str:
    return tag("path", d=f"M{x} {start}V{end - 3}m-4 -4l4 5l4 -5", class_="arrow")


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return tag("path", d=f"M{_short(x1)} {_short(y1)}L{_short(x2)} {_short(y2)}", class_="grid")


def _four(
    start: tuple[float, float], first: tuple[float, float], second: tuple[float, float], class_: str | None = None
) -> str:
    """A parallelogram from a corner along two sides."""
    (x, y), (a, b), (c, d) = start, first, second
    corners = [(x, y), (x + a, y + b), (x + a + c, y + b + d), (x + c, y + d)]
    return tag("polygon", points=" ".join(f"{_short(px)},{_short(py)}" for px, py in corners), class_=class_)


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
