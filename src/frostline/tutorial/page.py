"""The lesson as one HTML file that needs nothing else: no network, no fonts, one script that its policy names.

The frame, its style and its script lie beside this file; what is said stands in page.en.toml and page.zh.toml, what is
shown is drawn by drawn.py. Every picture stands still without scripts.
"""

import base64
import hashlib
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import files
from string import Template
from typing import final

import numpy as np

from frostline.arrays import IntArray
from frostline.data.options import TableOptions
from frostline.evaluate.intervals import n_apart_of, wilson
from frostline.record import TuningRecord
from frostline.tutorial.drawn import (
    WIDTH,
    Axes,
    attention_matrix,
    bars,
    block,
    box,
    chips,
    cut_into,
    dots,
    frames,
    heat_table,
    intervals,
    marks,
    one_hot,
    ones_and_zeros,
    outline,
    overview,
    packed,
    picture,
    rectangle,
    shortened,
    silhouette,
    slider,
    strokes,
    swarm,
    tag,
    visible_shares,
    waterfall,
    words,
)
from frostline.tutorial.facts import embeddings_near, facts_of_all, n_parameters, opening, own_facts, shown_rows
from frostline.tutorial.lesson import DRAWN_PIECES, Computed, Language, Step, Words, tuned_step
from frostline.tutorial.pictured import ACROSS, DOWN, Pictures, spread
from frostline.version import __version__

N_COLUMNS = 16  # Of a row of features
MASK_COLUMNS = 24
ROWS_FROM_ABOVE = 300
PUBLISHED = (("DistilBERT", 6, 768, 66, "0.81", "90.7"), ("BERT", 12, 768, 110, "", "94.9"))
"""Layers, width, millions of parameters (Sanh et al. 2019; Devlin et al. 2019); scores as the practicals state them."""

_LETTERS_OF_A_SENTENCE = 60
_MINUS = re.compile(r"(?<=[\s(])-(?=\d)")
_CODE = re.compile("`([^`]+)`")
_BACKTICK = "\ue000"  # One of the file's own, which begins no code
_BEFORE_A_NUMBER = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[+-]?\d)")


def page_words(language: Language) -> Words:
    """What the page says, by section."""
    said: Words = tomllib.loads((files(__package__) / f"page.{language}.toml").read_text("utf-8"))
    return said


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Given:
    """A lesson that was given, by one encoder."""

    steps: Sequence[Step]
    computed: Computed
    shown: Pictures
    tuned: TuningRecord | None = None  # Where fine-tuning was asked for

    def sections(self) -> tuple[str, ...]:
        """The sections that it has, in order."""
        return tuple(name for name in SECTIONS if name != "tuned" or self.tuned is not None)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How a lesson was asked for: what its commands and its notebook say again."""

    made: str = ""  # The command that made it
    files: Mapping[str, str] = field(default_factory=dict)  # By verb: the file, and the options of reading it
    reading: TableOptions = field(default_factory=TableOptions)
    reader: Mapping[str, object] = field(default_factory=dict)  # What `Encoder.open` was told beside the name


VERBS = ("train", "tutorial", "embed", "sweep", "compare", "finetune")
"""Those that the page names a file to."""

_VERB = re.compile(rf"frostline ({'|'.join(VERBS)})\b")
_OPTION = re.compile(r"(?<![\w-])--[a-z-]*[a-z]")


def tuned_too(given: Given, record: TuningRecord) -> Given:
    """The lesson with a last step: the encoder frozen beside tuned."""
    step = tuned_step(str(given.steps[-1].facts["path"]), record)
    return replace(given, steps=[*given.steps, step], tuned=record)


def lesson_html(lessons: Sequence[Given], *, language: Language, asked: Asked | None = None) -> str:
    """The page: the same bytes for the same lesson, but for the seconds that it took.

    Of two lessons, on the same sentences by two encoders, the page shows one at a time.
    """
    asked = asked or Asked()
    drawings = [
        Drawing(given, page_words(language), suffix=f"-{n}" if n else "", files=asked.files)
        for n, given in enumerate(lessons)
    ]
    first, computed = drawings[0], lessons[0].computed
    style, script = ((files(__package__) / name).read_text("utf-8") for name in ("lesson.css", "lesson.js"))
    said, facts = first.word, first.facts["words"]
    names = [str(drawing.facts["words"]["encoder"]) for drawing in drawings]
    beside = f" --beside {names[1]}" if len(names) > 1 else ""
    command = f"frostline tutorial {shlex.quote(str(facts['name']))} --html lesson.html --lang {language}{beside}"
    frame = Template((files(__package__) / "lesson.html").read_text("utf-8"))
    return frame.substitute(
        lang={"en": "en", "zh": "zh-Hans"}[language],
        style=style,
        script=script,
        style_digest=_digest(style),
        script_digest=_digest(script),
        title=words(said["title"].format(**facts)),
        subtitle=set_words(said["subtitle"].format(**facts | {"encoder": said["and"].join(names)})),
        contents=words(said["contents"]),
        links="".join(tag("li", tag("a", first.heading(name), href=f"#{name}")) for name in lessons[0].sections()),
        encoders=_switch(names, said),
        follow=words(said["follow"]),
        touch=words(said["touch"]),
        running=computed.running,
        sentence=words(shortened(computed.texts[computed.running], 300)),
        lessons="\n".join(tag("main", drawing.sections()) for drawing in drawings),
        made=words(said["made"].format(version=__version__)),
        command=words(asked.made or command),
        stop=words(said["stop"]),
        still=words(said["still"]),
    )


def set_words(sentence: str) -> str:
    """A sentence as markup; in Chinese no line begins with a number."""
    return _MINUS.sub("\u2212", _BEFORE_A_NUMBER.sub("\u00a0", words(sentence)))


def _switch(names: Sequence[str], said: Mapping[str, str]) -> str:
    """A button for each encoder; lesson.js shows them."""
    if len(names) < 2:
        return ""
    buttons = "".join(tag("button", words(name), type="button", aria_pressed="false") for name in names)
    return f'<div class="encoders" role="group" aria-label="{words(said["encoder"])}" hidden>{buttons}</div>'


def page_facts(steps: Sequence[Step], computed: Computed, shown: Pictures) -> dict[str, dict[str, object]]:
    """What each section names: the facts of the steps of the lesson, and what only the page tells."""
    of = {step.name: step.facts for step in steps}
    common, own = facts_of_all(of, computed), own_facts(of, computed, shown)
    names = ("words", *(name for name in SECTIONS if name != "tuned" or name in of))
    return {name: common | dict(of.get(name, {})) | own.get(name, {}) for name in names}


class Drawing:
    """The sections of one page."""

    def __init__(self, given: Given, said: Words, *, suffix: str = "", files: Mapping[str, str] | None = None) -> None:
        self.files = files or {}
        self.given, self.said, self.suffix = given, said, suffix
        self.computed, self.shown = given.computed, given.shown
        self.facts, self.word = page_facts(given.steps, given.computed, given.shown), said["words"]
        answer, onward = given.shown.answer, self.facts["onward"]
        self.facts["answer"] |= {
            "is_right": said["answer"]["right" if answer.is_right else "wrong"],
            "learned_note": said["answer"]["from_train" if answer.is_learned_from else "from_test"],
        }
        if answer.scores:
            scores = [said["answer"]["one_score"].format(**asdict(each)) for each in answer.scores]
            self.facts["answer"]["scores"] = said["words"]["comma"].join(scores)
        self._choose()
        is_sure = onward["low"] > 0 or onward["high"] < 0  # type: ignore[operator]
        onward["verdict"] = said["onward"]["sure" if is_sure else "unsure"]
        if given.tuned is not None:
            self.facts["tuned"]["verdict"] = said["tuned"][given.steps[-1].asides[0]]
        self.rows, self.pieces = shown_rows(given.computed), given.computed.pieces[:DRAWN_PIECES]
        whole = len(given.computed.pieces) == len(self.pieces)
        for name in ("pieces", "ids", "attention"):
            self.facts[name] |= {"n_drawn": len(self.pieces), "n_pieces": len(given.computed.pieces)}
            note = said[name]["all_drawn" if whole else "some_drawn"]
            self.facts[name]["drawn"] = note.format(**self.facts[name])

    def _choose(self) -> None:
        """Sentences that follow from the figures."""
        data, pieces = self.facts["data"], self.facts["pieces"]
        is_numbered = isinstance(data["texts_in"], int)
        split, unmasked = self.facts["split"], self.facts["unmasked"]
        without, with_mask = (f"{unmasked[name]:.3f}" for name in ("unmasked_accuracy", "accuracy"))
        is_flattered = split["learned_accuracy"] > split["accuracy"]  # type: ignore[operator]
        for name, place, key in (
            ("data", "columns", "numbered" if is_numbered else "named"),
            ("pieces", "unknowns", "some_unknown" if pieces["unknown_share"] else "none_unknown"),
            ("pieces", "cut", "some_cut" if pieces["n_cut"] else "none_cut"),
            ("padding", "cut", "some_cut" if pieces["n_cut"] else "none_cut"),
            ("split", "gap", "some_gap" if is_flattered else "no_gap"),
            ("unmasked", "verdict", "unchanged" if without == with_mask else "changed"),
        ):
            self.facts[name][place] = self.said[name][key].format(**self.facts[name])

    def sentence(self, name: str, key: str) -> str:
        """What a section says under a key, or under that for three labels and more, its facts not yet in place."""
        many = f"{key}_many"
        own = self.said[name]
        return own[many] if len(self.computed.labels) > 2 and many in own else own[key]

    def sections(self) -> str:
        """All of them, in order."""
        return "\n".join(self.section(number, name) for number, name in enumerate(self.given.sections(), start=1))

    def heading(self, name: str) -> str:
        """Of one section."""
        return words(self.said[name]["heading"].format(**self.facts[name]))

    def section(self, number: int, name: str) -> str:
        """One step: what happens, the code, the picture, the question."""
        said, facts = self.said[name], self.facts[name]

        def told(key: str) -> str:
            if key == "ours":
                pasted = "\n".join(self._pasted(line, facts) for line in said[key].splitlines())
                return _OPTION.sub(r'<span class="whole">\g<0></span>', pasted)  # a line may end behind a hyphen
            if key == "practical":
                return words(said[key].format(**facts))
            kept = {
                name: value.replace("`", _BACKTICK) if isinstance(value, str) else value
                for name, value in facts.items()
            }
            told = _CODE.sub(r"<code>\1</code>", set_words(self.sentence(name, key).format(**kept)))
            return told.replace(_BACKTICK, "`")

        codes = (
            f"<b>{words(self.word['in_practical'])}</b>{tag('pre', tag('code', told('practical')))}"
            f"<b>{words(self.word['in_frostline'])}</b>{tag('pre', tag('code', told('ours')), class_='ours')}"
        )
        folded = tag(
            "details", f"<summary>{words(self.word['think'])} {told('question')}</summary>{tag('p', told('answer'))}"
        )
        if "maths" in said:
            folded += tag(
                "details", f"<summary>{words(self.word['maths'])}</summary>{tag('p', told('maths'), class_='mono')}"
            )
        text = tag("div", tag("p", told("says")) + tag("div", codes, class_="codes") + folded)
        figure = self.figure(name)
        heading = tag("h2", f"{number}. {self.heading(name)}")
        return tag("section", heading + tag("div", text + figure, class_="two"), id=name + self.suffix)

    def _pasted(self, line: str, facts: Mapping[str, object]) -> str:
        """A line of code with the file as its verb reads it, as markup."""
        verb = _VERB.match(line)
        name = shlex.quote(str(facts["name"]))
        return words(line.format(**{**facts, "name": self.files.get(verb[1], name) if verb else name}))

    def figure(self, name: str) -> str:
        """The picture of a section, with its caption."""
        caption = self.said[name]["caption"].format(**self.facts[name])
        drawn, class_ = SECTIONS[name](self, caption)
        return tag("figure", drawn + tag("figcaption", set_words(caption)), class_=class_)

    def _overview(self, says: str) -> tuple[str, str | None]:
        computed, answer = self.computed, str(self.shown.answer.label)
        boxes = (computed.texts[computed.running], str(self.facts["overview"]["encoder"]), answer)
        return overview(*boxes, hidden=computed.rows.shape[1], said=self.word, says=says), None

    def _data(self, says: str) -> tuple[str, str | None]:
        computed, name = self.computed, self.computed.labels
        lines = "".join(
            tag(
                "tr",
                tag("td", words(shortened(computed.texts[row], _LETTERS_OF_A_SENTENCE)))
                + tag("td", words(name[computed.codes[row]])),
                data_row=row,
                tabindex=0,
            )
            for row in self.rows[:6]
        )
        head = tag("thead", f"<tr><th>{words(self.word['sentence'])}</th><th>{words(self.word['label'])}</th></tr>")
        counts = np.bincount(computed.codes)
        sizes = [(str(each), float(count), f"{count:,}") for each, count in zip(name, counts, strict=True)]
        largest = sorted(range(len(sizes)), key=lambda place: -sizes[place][1])[:6]
        drawn = tag("table", head + tag("tbody", lines))
        return drawn + bars([sizes[place] for place in largest], says=says, most=float(counts.max())), None

    def _pieces(self, says: str) -> tuple[str, str | None]:
        return cut_into(self.pieces, self.computed.words[: len(self.pieces)], says=says), None

    def _ids(self, says: str) -> tuple[str, str | None]:
        return chips(self.pieces, self.computed.ids[self.computed.running].tolist(), says=says), None

    def _embeddings(self, says: str) -> tuple[str, str | None]:
        self.computed.architecture.check()
        table = self.computed.architecture.tensors["words"]
        own = int(self.facts["embeddings"]["piece_id"])  # type: ignore[call-overload]
        near = embeddings_near(self.computed)
        return one_hot(own, len(table), table[own], near, says), None

    def _padding(self, says: str) -> tuple[str, str | None]:
        found, ways, said = self.shown.padding, self.shown.padding.ways(), self.word
        longest = int(found.lengths.max())
        moving: list[dict[str, list[str] | list[list[str]]]] = []
        outlines = []
        for number, (name, way) in enumerate(ways.items()):
            places = spread(np.arange(len(way.order)), ROWS_FROM_ABOVE)
            outlines.append((found.lengths[way.order[places]].tolist(), way.widths[places].tolist()))
            lit = [
                [f".n{each}", "class", f"bar own n{each}" if each == number else f"bar n{each}"] for each in range(4)
            ]
            edges = [
                [f".silhouette .{kind}", "d", outline(sizes, longest)]
                for kind, sizes in zip(("piece", "padding"), outlines[-1], strict=True)
            ]
            moving.append({"words": [f"{said[name]}{said['colon']}{way.share:.0%}"], "set": edges + lit})
        shares = [(said[name], way.share, f"{way.share:.0%}") for name, way in ways.items()]
        first = f"{said['one_batch']}{said['colon']}{found.one_batch.share:.0%}"
        drawn = rectangle(self.computed.ids, self.rows, longest, says=says)
        drawn += slider("way", len(ways), start=0, says=said["way"], shown=first) + silhouette(*outlines[0], says=says)
        drawn += bars(shares, says=says, own=0) + frames({"among": [len(ways)], "frames": moving})
        return drawn, "moves pair"

    def _mask(self, says: str) -> tuple[str, str | None]:
        n_columns = min(MASK_COLUMNS, int(self.shown.padding.lengths.max()))
        return ones_and_zeros(self.computed.ids, self.rows, n_columns=n_columns, says=says), None

    def _attention(self, says: str) -> tuple[str, str | None]:
        shares, said = self.shown.attention, self.word
        n_layers, n_heads = shares.shape[:2]
        layer, head = n_layers - 1, 0
        axes = (said["from_piece"], said["to_piece"])
        still = attention_matrix(self.pieces, shares[layer, head], says=says, axes=axes)
        moving = [
            {"cells": packed(visible_shares(shares[at, of].ravel())), "words": [str(at + 1), str(of + 1)]}
            for at in range(n_layers)
            for of in range(n_heads)
        ]
        controls = slider("layer", n_layers, start=layer, says=said["layer"], shown=str(layer + 1))
        controls += slider("head", n_heads, start=head, says=said["head"], shown=str(head + 1))
        return controls + still + frames({"among": [n_layers, n_heads], "frames": moving}), "moves"

    def _block(self, says: str) -> tuple[str, str | None]:
        return self._solid(says, is_first_kept=False), None

    def _slice(self, says: str) -> tuple[str, str | None]:
        return self._solid(says, is_first_kept=True), None

    def _solid(self, says: str, *, is_first_kept: bool) -> str:
        longest = int(self.shown.padding.lengths.max())
        sizes = (len(self.computed.codes), longest, self.computed.rows.shape[1])
        colon = self.word["colon"]
        axes = (self.word["sentences"], self.word["pieces"] + colon, self.word["numbers"] + colon)
        return block(
            self.rows, self.pieces, longest=longest, sizes=sizes, axes=axes, says=says, is_first_kept=is_first_kept
        )

    def _table(self, says: str) -> tuple[str, str | None]:
        values = self.computed.rows[self.rows][:, :N_COLUMNS]
        return heat_table(self.rows, self.computed.texts, values, says=says), None

    def _labels(self, says: str) -> tuple[str, str | None]:
        values = self.computed.rows[self.rows][:, :N_COLUMNS]
        labels = [str(self.computed.labels[self.computed.codes[row]]) for row in self.rows]
        return heat_table(self.rows, self.computed.texts, values, says=says, labels=labels), None

    def _split(self, says: str) -> tuple[str, str | None]:
        is_test = np.zeros(len(self.computed.codes), dtype=bool)
        is_test[self.computed.test] = True
        key = self._key(
            [
                ("c0", f"{self.word['train']}{self.word['colon']}{(~is_test).sum():,}"),
                ("c1", f"{self.word['test']}{self.word['colon']}{is_test.sum():,}"),
            ]
        )
        return strokes(is_test.tolist(), says=says) + key, None

    def _trust(self, says: str) -> tuple[str, str | None]:
        trust, said = self.shown.trust, self.word
        powers = np.log10(trust.Cs)
        means = trust.held_out.mean(axis=1)
        low = min(float(trust.held_out.min()), float(trust.learned.min()))
        axes = Axes((powers[0], powers[-1]), (low, max(1.0, float(trust.learned.max()))))
        shown_powers = [(float(power), f"{10**power:g}") for power in range(-4, 3, 2)]
        start = opening(self.computed, self.shown)
        at = axes.x(powers[start])
        curves = axes.frame(x_marks=shown_powers, y_marks=marks(*axes.up), x_says="C")
        curves += "".join(axes.line(powers, fold, "curve fold") for fold in trust.held_out.T)
        curves += axes.line(powers, trust.learned, "curve") + axes.line(powers, means, "curve held")
        curves += tag("path", d="M0 10V196", class_="at", transform=f"translate({at:.1f} 0)")
        key = self._key([("c0", said["learned_from"]), ("c1", said["held_out"])])
        moving = [
            {
                "words": [f"C = {C:.3g}"],
                "codes": base64.b64encode(codes.astype(np.uint8).tobytes()).decode(),
                "cells": packed((sure - 1 / len(self.computed.labels)) * 0.9),
                "set": [[".at", "transform", f"translate({axes.x(power):.1f} 0)"]],
            }
            for C, power, codes, sure in zip(trust.Cs, powers, trust.codes, trust.sureness, strict=True)
        ]
        drawn = slider("C", len(trust.Cs), start=start, says="C", shown=f"C = {trust.Cs[start]:.3g}")
        drawn += picture(curves, height=axes.height, says=says) + key + self._plane(start, says)
        return drawn + frames({"among": [len(trust.Cs)], "frames": moving}), "moves"

    def _plane(self, start: int, says: str) -> str:
        """What is answered where on the two directions that tell most, and the sentences there."""
        trust, height = self.shown.trust, 300
        wide, high = WIDTH / ACROSS, height / DOWN
        sure = (trust.sureness[start] - 1 / len(self.computed.labels)) * 0.9
        ground = "".join(
            box(
                place % ACROSS * wide,
                place // ACROSS * high,
                wide,
                high,
                class_=f"cell c{code % 6}",
                fill_opacity=f"{strength:.3f}",
            )
            for place, (code, strength) in enumerate(zip(trust.codes[start], sure, strict=True))
        )
        inside = np.clip(trust.points, -trust.extent, trust.extent)
        xs = (inside[:, 0] + trust.extent) / (2 * trust.extent) * WIDTH
        ys = (trust.extent - inside[:, 1]) / (2 * trust.extent) * height
        order, kinds = self._kinds(self.shown.shown)
        cloud = dots(xs[order].tolist(), ys[order].tolist(), kinds)
        return picture(tag("g", ground, class_="plane") + cloud, height=height, says=says) + self._label_key()

    def _kinds(self, rows: IntArray) -> tuple[IntArray, list[int]]:
        """An order of these rows with all of one label together, and the labels' numbers in it."""
        codes = self.computed.codes[rows]
        order = np.argsort(codes, kind="stable")
        return order, codes[order].tolist()

    def _test(self, says: str) -> tuple[str, str | None]:
        trial, majority = self.computed.trial, float(self.facts["test"]["test_majority"])  # type: ignore[arg-type]
        rows = [(self.word["accuracy"], trial.accuracy, trial.interval), (self.word["majority"], majority, None)]
        return self._intervals(rows, says), None

    def _splits(self, says: str) -> tuple[str, str | None]:
        scores, said = self.shown.splits, self.word
        room = (scores.max() - scores.min()) * 0.1 or 0.01
        axes = Axes((scores.min() - room, scores.max() + room), (0, 1), height=120)
        moving, spoken = [], ""
        for thrown in range(1, len(scores) + 1):
            so_far = scores[:thrown]
            spoken = f"{thrown}{said['colon']}{so_far.mean():.3f}"
            spoken += f" ± {so_far.std(ddof=1):.3f}" if thrown > 1 else ""
            at = [".at", "transform", f"translate({axes.x(float(so_far.mean())):.1f} 0)"]
            moving.append(
                {"words": [spoken], "cells": packed((np.arange(len(scores)) < thrown).astype(np.float64)), "set": [at]}
            )
        drawn = slider("thrown", len(scores), start=len(scores) - 1, says=said["thrown"], shown=spoken)
        drawn += swarm(scores.tolist(), axes=axes, says=says, x_says=said["accuracy"])
        return drawn + frames({"among": [len(scores)], "frames": moving}), "moves"

    def _answer(self, says: str) -> tuple[str, str | None]:
        answer, said = self.shown.answer, self.word
        parts = [(said["intercept"], answer.average)]
        parts += [(said["column"].format(n=part.column), part.adds) for part in answer.parts]
        parts.append((said["others"].format(n=self.computed.rows.shape[1] - len(answer.parts)), answer.others))
        return waterfall(parts, (said["total"], answer.log_odds), says=says), None

    def _unmasked(self, says: str) -> tuple[str, str | None]:
        moved, said = self.shown.moved, self.word
        axes = Axes((0, max(1, int(moved.padding.max()))), (0, max(0.01, float(moved.share.max()))))
        frame = axes.frame(
            x_marks=marks(*axes.across),
            y_marks=[(v, f"{v:.0%}") for v, _ in marks(*axes.up)],
            x_says=said["padding_pieces"],
        )
        order, kinds = self._kinds(moved.rows)
        ways = {said["with_mask"]: _places(moved.masked[order]), said["without_mask"]: _places(moved.unmasked[order])}
        moving = [{"words": [what], "points": place.ravel().tolist()} for what, place in ways.items()]
        drawn = slider("mask", 2, start=0, says=said["mask"], shown=said["with_mask"])
        start = ways[said["with_mask"]]
        drawn += picture(dots(start[:, 0].tolist(), start[:, 1].tolist(), kinds), height=_VIEW, says=says)
        drawn += self._label_key()
        xs, ys = [axes.x(v) for v in moved.padding.tolist()], [axes.y(v) for v in moved.share.tolist()]
        still = dots(xs, ys, [0] * len(xs), class_="points")
        drawn += picture(frame + still, height=axes.height, says=says)
        return drawn + frames({"among": [2], "frames": moving}), "moves"

    def _views(self, says: str) -> tuple[str, str | None]:
        views, said = self.shown.views, self.word
        layers, start = [view.layer for view in views], len(views) - 1
        scores = [[view.first for view in views], [view.mean for view in views]]
        axes = Axes((layers[0], layers[-1]), (min(map(min, scores)), max(map(max, scores))))
        curves = axes.frame(x_marks=[(n, str(n)) for n in layers], y_marks=marks(*axes.up), x_says=said["layer"])
        curves += axes.line(layers, scores[0], "curve") + axes.line(layers, scores[1], "curve held")
        curves += tag("path", d="M0 10V196", class_="at", transform=f"translate({axes.x(start):.1f} 0)")
        order, kinds = self._kinds(self.shown.shown)
        places = [_places(view.points[order]) for view in views]
        moving = [
            {
                "words": [str(view.layer) if view.layer else self._more("0", self.word["embeddings"])],
                "points": place.ravel().tolist(),
                "set": [[".at", "transform", f"translate({axes.x(view.layer):.1f} 0)"]],
            }
            for view, place in zip(views, places, strict=True)
        ]
        drawn = slider("layer", len(views), start=start, says=said["layer"], shown=str(start))
        drawn += (
            picture(dots(places[start][:, 0].tolist(), places[start][:, 1].tolist(), kinds), height=_VIEW, says=says)
            + self._label_key()
        )
        drawn += picture(curves, height=axes.height, says=says)
        drawn += self._key([("c0", said["first"]), ("c1", said["mean"])])
        return drawn + frames({"among": [len(views)], "frames": moving}), "moves"

    def _beside(self, says: str) -> tuple[str, str | None]:
        said, computed = self.said["beside"], self.computed
        shape = computed.architecture.shape
        seconds = self.facts["beside"]["seconds"]
        own = (str(self.facts["beside"]["encoder"]), shape.n_layers, shape.hidden_size)
        lines = [
            (said["layers"], *(str(each[1]) for each in (*PUBLISHED, own))),
            (said["hidden_numbers"], *(str(each[2]) for each in (*PUBLISHED, own))),
            (said["parameters"], *(str(each[3]) for each in PUBLISHED), f"{n_parameters(computed):.0f}"),
            (
                said["practical_score"].format(**self.facts["beside"]),
                *(each[4] for each in PUBLISHED),
                f"{computed.trial.accuracy:.3f}",
            ),
            (said["fine_tuned"], *(each[5] for each in PUBLISHED), ""),
            *([(said["seconds"], "", "", f"{seconds:.1f}")] if seconds is not None else []),
        ]
        names = [self._more(str(each[0]), said["published"]) for each in PUBLISHED] + [
            self._more(own[0], said["yours"])
        ]
        head = tag("tr", "<td></td>" + "".join(tag("th", words(name), class_="number") for name in names))
        body = "".join(
            tag("tr", tag("th", words(what)) + "".join(tag("td", words(one), class_="number") for one in each))
            for what, *each in lines
        )
        table = tag("table", tag("thead", head) + tag("tbody", body), aria_label=says)
        return tag("div", table, class_="wide", tabindex=0, role="region", aria_label=says), None

    def _onward(self, says: str) -> tuple[str, str | None]:
        one, other = self.computed.trial, self.computed.better_trial
        rows = [("cls@-1", one.accuracy, one.interval), ("mean@all", other.accuracy, other.interval)]
        return self._intervals(rows, says), None

    def _tuned(self, says: str) -> tuple[str, str | None]:
        record, said = self.given.tuned, self.word
        if record is None:
            return "", None
        lead, trial = record.lead, self.computed.trial
        as_one = max(1.0, len(trial.is_right) / n_apart_of(trial.accuracy, trial.interval))  # copies among the rows
        n_apart = lead.n / as_one
        scores = [(said["stays_frozen"], record.frozen), (said["is_tuned"], record.frozen + lead.value)]
        drawn = self._intervals([(what, score, wilson(score * n_apart, n_apart)) for what, score in scores], says)
        epochs = list(range(len(record.losses) + 1))
        curves = [list(zip(epochs[1:], record.losses, strict=True)), list(enumerate(record.held_out))]
        all_losses = [loss for curve in curves for _, loss in curve]
        axes = Axes((0, len(record.losses)), (min(all_losses), max(all_losses)))
        plot = axes.frame(x_marks=[(n, str(n)) for n in epochs], y_marks=marks(*axes.up), x_says=said["epoch"])
        for curve, class_ in zip(curves, ("curve", "curve held"), strict=True):
            plot += axes.line([epoch for epoch, _ in curve], [loss for _, loss in curve], class_)
        plot += tag("path", d="M0 10V196", class_="at", transform=f"translate({axes.x(record.best):.1f} 0)")
        spoken = []
        for epoch in epochs:
            losses = [f"{dict(curve)[epoch]:.3f}" if epoch in dict(curve) else "-" for curve in curves]
            spoken.append(f"{epoch}{said['colon']}{' / '.join(losses)}")
        ats = [[".at", "transform", f"translate({axes.x(epoch):.1f} 0)"] for epoch in epochs]
        moving = [{"words": [each], "set": [at]} for each, at in zip(spoken, ats, strict=True)]
        drawn += slider("epoch", len(epochs), start=record.best, says=said["epoch"], shown=spoken[record.best])
        drawn += picture(plot, height=axes.height, says=says)
        drawn += self._key([("c0", said["loss_learned"]), ("c1", said["loss_held"])])
        return drawn + frames({"among": [len(epochs)], "frames": moving}), "moves"

    def _intervals(self, rows: Sequence[tuple[str, float, tuple[float, float] | None]], says: str) -> str:
        return intervals([(what + self.word["colon"], value, span) for what, value, span in rows], says=says)

    def _more(self, what: str, more: str) -> str:
        return self.word["bracketed"].format(what=what, more=more)

    def _key(self, entries: Sequence[tuple[str, str]]) -> str:
        items = "".join(
            tag(
                "li",
                tag("svg", tag("circle", cx=8, cy=8, r=6, class_=class_), viewBox="0 0 16 16", aria_hidden="true")
                + f" {words(what)}",
            )
            for class_, what in entries
        )
        return tag("ul", items, class_="key")

    def _label_key(self) -> str:
        return self._key([(f"c{n % 6}", str(each)) for n, each in enumerate(self.computed.labels[:12])])


_VIEW = 300


def _places(
    points: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Points of standard deviation 1 as places in a picture, to a tenth."""
    inside = np.clip(points, -3, 3) * (1, -1)
    return np.round(inside / 6 * (WIDTH - 16, _VIEW - 16) + (WIDTH / 2, _VIEW / 2), 1)


def _digest(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


SECTIONS: dict[str, Callable[[Drawing, str], tuple[str, str | None]]] = {
    name: getattr(Drawing, f"_{name}")
    for name in (
        "overview",
        "data",
        "pieces",
        "ids",
        "embeddings",
        "padding",
        "mask",
        "attention",
        "block",
        "slice",
        "table",
        "labels",
        "split",
        "trust",
        "test",
        "splits",
        "answer",
        "unmasked",
        "views",
        "beside",
        "onward",
        "tuned",
    )
}
"""Every section of the page, in order, and what draws its figure: markup, and `moves` where it has sliders.

The last one is there where fine-tuning was asked for.
"""
