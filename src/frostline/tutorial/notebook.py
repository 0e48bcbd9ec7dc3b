"""The lesson as a Jupyter notebook: the same steps as cells that run, with what they show.

Source: the notebook format 4.5, https://nbformat.readthedocs.io/en/latest/format_description.html
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from frostline.data.options import TableOptions
from frostline.tutorial.course import Shown
from frostline.tutorial.lesson import Language
from frostline.tutorial.page import Asked, Drawing, Given, page_words
from frostline.version import __version__

_MARKUP = re.compile(r"[&<>\"'`*_~$|\\\[\]]|\s")

_CODE = {
    "overview": """from frostline.data.options import TableOptions
from frostline.tutorial.course import open_lesson

reading = {reading}
lesson = open_lesson({path!r}, encoder={encoder!r}, options=reading, seed={seed}, language={language!r}{kept})""",
    "data": """from frostline.data.tables import read_dataset

dataset = read_dataset({path!r}, reading)
print(dataset.counts())""",
    "pieces": """from frostline.encoder.encoder import Encoder

encoder = Encoder.open({encoder!r}, features="cls@-1"{reader})
text = dataset.texts[{running}]
print(encoder.word_pieces.pieces(text))""",
    "ids": """ids = encoder.word_pieces.tokenize(dataset.texts).ids
print(ids[{running}])""",
    "padding": """from frostline.tutorial.lesson import padded_matrix

padded, mask = padded_matrix(ids)
print(padded.shape, f"{{1 - mask.mean():.0%}} padding")""",
    "mask": "print(mask[:4, :12])",
    "table": """features = encoder.encode(dataset.texts).rows
print(features.shape)""",
    "labels": """import numpy as np

labels, codes = np.unique(dataset.labels, return_inverse=True)
print(labels, codes[:8])""",
    "split": """from frostline.data.split import random_holdout

train, test = random_holdout(len(codes), test_fraction=0.25, seed={seed})
print(len(train), len(test))""",
    "trust": """from frostline.data.split import stratified_folds
from frostline.head.options import SearchOptions, tutorial_grid
from frostline.head.search import search
from frostline.targets import Targets

folds = stratified_folds(codes[train], n_folds=5, seed={seed})
targets = Targets.of_codes(codes[train], tuple(range(len(labels))))
options = SearchOptions(Cs=tutorial_grid(), standardise=False)
found = search(features[train], targets, options=options, folds=folds)
print(found.chosen_C[0], found.mean_scores.max())""",
    "test": """print((found.head.predict(features[test]) == codes[test]).mean())""",
    "answer": """print(found.head.predict_proba(features[{running}:{running} + 1]))""",
    "onward": """from frostline import SentenceClassifier

texts = [str(text) for text in dataset.texts]
classifier = SentenceClassifier(encoder={encoder!r}{kept}).fit([texts[row] for row in train], labels[codes[train]])
print(classifier.score([texts[row] for row in test], labels[codes[test]]))""",
    "tuned": """from frostline.finetune import FineTune
from frostline.training.tuning import tuned_beside

better = Encoder.open({encoder!r}, features="mean@all"{reader})
how = FineTune(seed={seed})
record = tuned_beside(dataset, better, train_rows=train, test_rows=test, how=how)  # minutes
print(record.frozen, record.frozen + record.lead.value, record.held_out)""",
}
"""What each step does, in lines of Python; then comes the picture."""


def lesson_notebook(
    given: Given, *, path: str, seed: int, language: Language, asked: Asked | None = None
) -> dict[str, Any]:
    """The notebook, as the JSON that an .ipynb file holds; every picture stands in it before it is run."""
    asked, drawing = asked or Asked(), Drawing(given, page_words(language))
    facts = drawing.facts["words"]
    names = {
        "path": path,
        "encoder": facts["encoder"],
        "reading": _reading(asked.reading),
        "reader": _arguments({name: value for name, value in asked.reader.items() if name != "store"}),
        "kept": _arguments(asked.reader),
        "seed": seed,
        "language": language,
        "running": given.computed.running,
    }
    facts = _literal(facts)
    title = drawing.word["title"].format(**facts)
    cells = [_words("title", f"# {title}\n\n{drawing.word['subtitle'].format(**facts)}")]
    for number, name in enumerate(given.sections(), start=1):
        said, own = drawing.said[name], drawing.facts[name]
        practical = said["practical"].format(**own)
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", practical)), default=0))
        own = _literal(own)
        question, answer = said["question"].format(**own), said["answer"].format(**own)
        text = (
            f"## {number}. {said['heading'].format(**own)}\n\n{drawing.sentence(name, 'says').format(**own)}\n\n"
            f"{drawing.word['in_practical']}:\n\n{fence}python\n{practical}\n{fence}\n\n"
            f"<details><summary>{drawing.word['think']} {question}</summary>\n\n{answer}\n\n</details>"
        )
        cells.append(_words(name, text))
        lines = _CODE.get(name, "").format(**names)
        again = "" if name == "tuned" else f'\nlesson.picture("{name}")'  # which would be tuned once more
        source = f"{lines}{again}".lstrip("\n")
        cells.append(_code(f"{name}-picture", source, Shown(drawing.figure(name))))
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "frostline": {"version": __version__},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _literal(facts: Mapping[str, object]) -> dict[str, object]:
    """The facts for Markdown: nothing in a label or in the name of a file is markup there."""
    return {name: _MARKUP.sub(_entity, value) if isinstance(value, str) else value for name, value in facts.items()}


def _entity(found: re.Match[str]) -> str:
    return " " if found[0].isspace() else f"&#{ord(found[0])};"


def _reading(options: TableOptions) -> str:
    """The options in Python, those that were given."""
    given = {
        each.name: getattr(options, each.name)
        for each in fields(options)
        if getattr(options, each.name) != getattr(TableOptions(), each.name)
    }
    return f"TableOptions({', '.join(f'{name}={value!r}' for name, value in given.items())})"


def _arguments(given: Mapping[str, object]) -> str:
    return "".join(f", {name}={value!r}" for name, value in given.items())


def _words(name: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source.splitlines(keepends=True)}


def _code(name: str, source: str, shown: Shown) -> dict[str, Any]:
    output = {
        "output_type": "execute_result",
        "execution_count": None,
        "metadata": {},
        "data": {"text/html": shown._repr_html_().splitlines(keepends=True), "text/plain": [f"<{name}>"]},
    }
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {},
        "execution_count": None,
        "source": source.splitlines(keepends=True),
        "outputs": [output],
    }
