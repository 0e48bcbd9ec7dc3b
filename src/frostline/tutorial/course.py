"""A whole lesson at once, for its page, its notebook and its JSON.

In a notebook: `lesson = open_lesson("train.tsv")`, then `lesson.picture("padding")` shows what the page shows there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, final

from frostline.arrays import Advance
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset
from frostline.encoder.checkpoint import DEFAULT_ENCODER
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import DEFAULT_FEATURES, TUTORIAL_FEATURES
from frostline.encoder.reading import SentenceEncoder
from frostline.store import FeatureStore, StoredEncoder
from frostline.tutorial.lesson import Computed, Language, Readers, Step, give_lesson
from frostline.tutorial.page import Drawing, Given, page_facts, page_words
from frostline.tutorial.pictured import pictures
from frostline.version import __version__

EVERY_LAYER = "cls@all"
FORMAT = "frostline-lesson"


def give_course(
    dataset: Dataset,
    readers: Readers,
    every_layer: SentenceEncoder,
    *,
    seed: int = 0,
    progress: Advance | None = None,
) -> Given:
    """The lesson of `give_lesson` to its end, and what its pictures show; `every_layer` computes `cls@all`.

    Raises `InputError` as `give_lesson` does.
    """
    steps: list[Step] = []

    def kept() -> Iterator[Step]:
        computed = yield from give_lesson(dataset, readers, seed=seed, progress=progress)
        found.append(computed)

    found: list[Computed] = []
    steps.extend(kept())
    first = every_layer.encode(dataset.texts, progress=progress).rows
    return Given(steps=steps, computed=found[0], shown=pictures(found[0], first, seed=seed, progress=progress))


def lesson_json(lessons: Sequence[Given]) -> dict[str, Any]:
    """Every number of the lesson, as the terminal's steps and the page's sections name them."""
    return {
        "format": FORMAT,
        "version": 1,
        "frostline": __version__,
        "lessons": [_numbers(given) for given in lessons],
    }


def _numbers(given: Given) -> dict[str, Any]:
    shown, computed = given.shown, given.computed
    facts = page_facts(given.steps, computed, shown)
    trust, found = shown.trust, shown.padding
    return {
        "steps": [{"name": step.name, "facts": _plain(step.facts)} for step in given.steps],
        "sections": {name: _plain(own) for name, own in facts.items() if name != "words"},
        "pieces": list(computed.pieces),
        "ids": computed.ids[computed.running].tolist(),
        "padding": {name: getattr(found, name) for name in ("one_batch", "batches", "sorted_batches", "equal_lengths")},
        "curve": {
            "C": list(trust.Cs),
            "learned_from": trust.learned.tolist(),
            "held_out": trust.held_out.tolist(),
        },
        "splits": shown.splits.tolist(),
        "layers": [{"layer": view.layer, "cls": view.first, "mean": view.mean} for view in shown.views],
        "answer": asdict(shown.answer),
    }


def _plain(facts: dict[str, object]) -> dict[str, object]:
    """Numbers of numpy's as Python's."""
    return {name: getattr(value, "item", lambda value=value: value)() for name, value in facts.items()}


@final
@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A picture of the lesson; a notebook shows it."""

    html: str

    def _repr_html_(self) -> str:
        style = (files(__package__) / "lesson.css").read_text("utf-8").replace(":root", "&")
        return f'<div class="frostline-lesson"><style>.frostline-lesson {{{style}}}</style>{self.html}</div>'


@final
class Lesson:
    """A lesson that was given. Made by `open_lesson`."""

    def __init__(self, given: Given, language: Language) -> None:
        self._drawing = Drawing(given, page_words(language))
        self.computed = given.computed

    def picture(self, name: str) -> Shown:
        """What the page shows in the section called `name`."""
        return Shown(self._drawing.figure(name))


def open_lesson(  # noqa: PLR0913 - what the command has as options
    path: str | Path,
    *,
    encoder: str = DEFAULT_ENCODER,
    options: TableOptions | None = None,
    limit: int = 2000,
    seed: int = 0,
    language: Language = "en",
) -> Lesson:
    """Give the whole lesson over the first `limit` sentences of a file; rows are kept, so a second time is quick.

    Raises `InputError`: the file cannot be read, or has too few rows of two classes.
    """
    dataset = read_dataset(Path(path), options or TableOptions(limit=limit))
    store = FeatureStore.open()

    def reader(features: str) -> SentenceEncoder:
        return StoredEncoder(Encoder.open(encoder, features=features), store)

    readers = Readers(
        practical=Encoder.open(encoder, features=TUTORIAL_FEATURES),
        first=reader(TUTORIAL_FEATURES),
        better=reader(DEFAULT_FEATURES),
    )
    return Lesson(give_course(dataset, readers, reader(EVERY_LAYER), seed=seed), language)
