"""The texts of a file labelled: what is answered of each window, and what is counted on the way."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, final

from frostline.arrays import Progress
from frostline.artifact.model import Model
from frostline.data.cells import written_list
from frostline.data.columns import LABEL_NAMES, mark_of, normalised, parted
from frostline.data.options import TableOptions
from frostline.data.picking import field_of
from frostline.disk import sha256_of
from frostline.errors import InputError, RetryError, shown
from frostline.score.answers import SEPARATOR, Layout, Prediction, has_sets, is_unlike, rows_of
from frostline.score.files import Sheet, altered, section
from frostline.score.job import Made, Window

PART_ROWS = 256  # whose probabilities are held at once, in float64
_LABEL = "label "  # before a label in a tally

Place: TypeAlias = str | int
"""A column: of objects its name, which may be `a.b`; else its number from 0."""

Truth: TypeAlias = Place | Mapping[str, Place]
"""Where a file's own labels stand: in a column, or each label in one of its own, which says whether a text has it."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Labelling:
    """Windows labelled by a model; a `Task`."""

    open_model: Callable[[], Model]
    manifest: Path  # Of the model
    manifest_sha256: str
    sheet: Sheet
    truth: "Truth | None" = None  # Where the file's own labels stand

    def open(self) -> Model:
        """The model, which must be the one that the job began with."""
        model = self.open_model()
        if sha256_of(self.manifest) != self.manifest_sha256:
            raise RetryError(f"{self.manifest} has changed since the job began.", hint="Run the same command again.")
        return model

    def made(self, opened: Model, window: Window, *, progress: Progress | None = None) -> Made:
        """A section of the file."""
        layout = self.sheet.layout
        with_likeness = layout.unlike_below is not None
        found = list(answers_in_parts(opened, window.texts, with_likeness=with_likeness, progress=progress))
        tally = tally_of(found, layout)
        tally.update(altered(self.sheet, window.cells))
        if self.truth is not None:
            known = {str(label) for label in layout.labels}
            met = opened.has_met(window.texts)
            for place, (row, prediction) in enumerate(zip(window.cells, found, strict=True)):
                is_met = met is not None and bool(met[place])
                tally.update(agreement(_own_label(row, self.truth), prediction, layout, known, is_met=is_met))
        return Made(section(self.sheet, window.cells, found), tally)


def answers_in_parts(
    model: Model, texts: Sequence[str], *, with_likeness: bool, progress: Progress | None = None
) -> Iterator[Prediction]:
    """A prediction for each text, the same as alone; texts are read together."""
    for start, answers in model.answer_parts(texts, PART_ROWS, with_likeness=with_likeness, progress=progress):
        yield from rows_of(texts[start : start + PART_ROWS], answers)


def tally_of(found: Collection[Prediction], layout: Layout) -> Counter[str]:
    """What is told of answers in the end: how many of each label; cut, unanswered, unlike."""
    tally: Counter[str] = Counter(all=len(found))
    for prediction in found:
        tally["cut"] += prediction.is_cut
        tally["early"] += prediction.is_early
        tally["unanswered"] += not prediction.is_answered
        tally["unlike"] += is_unlike(prediction, layout)
        tally.update(f"{_LABEL}{label}" for label in prediction.labels or ())
    return tally


def labels_in(tally: Counter[str]) -> Counter[str]:
    """How many texts got each label."""
    return Counter({key.removeprefix(_LABEL): count for key, count in tally.items() if key.startswith(_LABEL)})


def truth_of(names: Sequence[str], options: TableOptions, *, name: str, are_objects: bool = False) -> Truth | None:
    """Where the file's own labels stand, if that is plain.

    Raises `InputError`: the column that is named is not there.

    In that of `--label`, or those of `--labels`; or in what the model learned from; or in the only one that is called
    like labels.
    """

    def place_of(wanted: str) -> Place | None:
        if wanted in names:
            return wanted if are_objects else names.index(wanted)
        return wanted if are_objects and wanted.partition(".")[0] in names else None

    wanted = options.label
    if isinstance(wanted, int):
        wanted = names[wanted - 1] if wanted <= len(names) else str(wanted)
    if wanted is not None:
        found = place_of(wanted)
        if found is None:
            raise InputError(f"{name}: there is no label column {shown(wanted)}.", hint="Leave --label out.")
        return found
    for known in filter(None, (options.labels, options.guessed_label)):
        place = place_of(known)
        if place is not None:
            return place
        each = {label: place_of(label) for label in known.split(",")}
        if len(each) > 1 and None not in each.values():
            return {label: place for label, place in each.items() if place is not None}
    called = [own for own in names if normalised(own) in LABEL_NAMES]
    return place_of(called[0]) if len(called) == 1 else None


def _own_label(row: Any, truth: Truth) -> Any:
    if not isinstance(truth, Mapping):
        return field_of(row, str(truth)) if isinstance(row, dict) else row[truth]
    marks = {label: mark_of(_own_label(row, place)) for label, place in truth.items()}
    return None if None in marks.values() else [label for label, has_it in marks.items() if has_it]


def agreement(
    own: Any, prediction: Prediction, layout: Layout, known: Collection[str], *, is_met: bool = False
) -> Counter[str]:
    """Whether the file's own label says the same: of how many labels of the model's (`labelled`), how many `agree`.

    A label that the model does not know is `unknown`; an empty cell is no label, and a list of one label that label. Of
    a text that it learned from (`is_met`) it would say nothing: that is only `met`.
    """
    if own is None or own == "":
        return Counter()
    theirs = _set_of(own, layout) if has_sets(layout) else _one_of(own, known)
    if not theirs and not has_sets(layout):
        return Counter()
    if is_met and theirs <= {*known}:
        return Counter(met=1)
    ours = {str(label) for label in prediction.labels or ()}
    if prediction.labels is None:
        return Counter(silent=1)
    return Counter(labelled=1, agree=theirs == ours) if theirs <= {*known} else Counter(unknown=1)


def _spelt(own: Any) -> str:
    return own if isinstance(own, str) else json.dumps(own, default=str)


def _one_of(own: Any, known: Collection[str]) -> set[str]:
    """The label, which may stand in a list: of fastText's lines, and of files for several labels, it does."""
    written = written_list(own) if isinstance(own, str) and own not in known else None
    own = own if written is None else written
    return {*map(_spelt, own)} if isinstance(own, list | tuple) else {_spelt(own)}


def _set_of(own: Any, layout: Layout) -> set[str]:
    if isinstance(own, str):
        written = written_list(own) if layout.separator is None else None
        own = parted(own, layout.separator or SEPARATOR) if written is None else written
    return {*map(_spelt, own)} if isinstance(own, list | tuple) else {_spelt(own)}
