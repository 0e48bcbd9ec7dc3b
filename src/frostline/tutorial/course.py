"""A whole lesson at once, for its page, its notebook and its JSON.

In a notebook: `lesson = open_lesson("train.tsv")`, then `lesson.picture("padding")` shows what the page shows there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, final

import numpy as np

from frostline.arrays import Advance, Features
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_dataset
from frostline.encoder.architecture import AskedBackend, Device
from frostline.encoder.checkpoint import DEFAULT_ENCODER
from frostline.encoder.encoder import Encoder
from frostline.encoder.features import DEFAULT_FEATURES, TUTORIAL_FEATURES
from frostline.encoder.precision import Precision
from frostline.encoder.reading import SentenceEncoder
from frostline.store import FeatureStore, StoredEncoder
from frostline.tutorial.facts import embeddings_near, n_parameters, shown_rows
from frostline.tutorial.lesson import Computed, Language, Readers, Step, give_lesson
from frostline.tutorial.page import N_COLUMNS, Drawing, Given, page_facts, page_words
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
    return {
        "steps": [{"name": step.name, "facts": _plain(step.facts)} for step in given.steps],
        "sections": {name: _plain(own) for name, own in facts.items() if name != "words"},
        "pictures": _pictured(given),
    }


def _pictured(given: Given) -> dict[str, Any]:
    """What each picture shows beside the facts of its section; features and shares to four digits."""
    shown, computed = given.shown, given.computed
    trust, moved, running = shown.trust, shown.moved, computed.running
    rows = shown_rows(computed)
    table = {"rows": rows, "first_columns": _rounded(computed.rows[rows][:, :N_COLUMNS])}
    labels, counts = list(computed.labels), np.bincount(computed.codes).tolist()
    lengths = shown.padding.lengths.tolist()
    tuned = {} if given.tuned is None else {"tuned": asdict(given.tuned)}
    return tuned | {
        "data": {"labels": labels, "counts": counts, "label_of_each_row": computed.codes.tolist()},
        "pieces": {"pieces": list(computed.pieces), "words": list(computed.words)},
        "ids": {"ids": computed.ids[running].tolist()},
        "embeddings": {str(each): _rounded(values) for each, values in embeddings_near(computed)},
        "padding": {"lengths": lengths, "share": {name: way.share for name, way in shown.padding.ways().items()}},
        "mask": {"lengths": lengths},
        "overview": {"hidden": computed.rows.shape[1]},
        "attention": {"shares": _rounded(shown.attention)},
        "table": table,
        "labels": table,
        "split": {"test_rows": computed.test.tolist()},
        "trust": {
            "C": list(trust.Cs),
            "learned_from": trust.learned.tolist(),
            "held_out": trust.held_out.tolist(),
            "plane_extent": trust.extent,
            "plane_right": trust.plane_right.tolist(),
        },
        "splits": {"accuracy": shown.splits.tolist()},
        "answer": asdict(shown.answer) | {"other_columns": computed.rows.shape[1] - len(shown.answer.parts)},
        "unmasked": {"rows": moved.rows.tolist(), "padding": moved.padding.tolist(), "share": moved.share.tolist()},
        "views": [{"layer": view.layer, "cls": view.first, "mean": view.mean} for view in shown.views],
        "beside": {"parameters": n_parameters(computed)},
        "onward": {
            "cls": list(computed.trial.interval),
            "mean": list(computed.better_trial.interval),
        },
    }


def _rounded(values: Features) -> Any:
    return np.round(values.astype(np.float64), 4).tolist()


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
    revision: str | None = None,
    max_length: int | None = None,
    threads: int | None = None,
    precision: Precision = "float32",
    backend: AskedBackend = "auto",
    device: Device = "auto",
    store: bool = True,
) -> Lesson:
    """Give the whole lesson over the first sentences of a file; rows are kept, so a second time is quick.

    `limit` says how many where there are no `options`; how the encoder reads: see `Encoder.open`.

    Raises `InputError`: the file cannot be read, or has too few rows of two classes.
    """
    dataset = read_dataset(Path(path), options or TableOptions(limit=limit))
    memory = FeatureStore.open() if store else None

    def fresh(features: str) -> Encoder:
        return Encoder.open(
            encoder,
            features=features,
            revision=revision,
            max_length=max_length,
            threads=threads,
            precision=precision,
            backend=backend,
            device=device,
        )

    def reader(features: str) -> SentenceEncoder:
        return fresh(features) if memory is None else StoredEncoder(fresh(features), memory)

    readers = Readers(
        practical=fresh(TUTORIAL_FEATURES),
        first=reader(TUTORIAL_FEATURES),
        better=reader(DEFAULT_FEATURES),
    )
    return Lesson(give_course(dataset, readers, reader(EVERY_LAYER), seed=seed), language)
