"""Which columns hold the text and the label, where that is clear; where it is not, an error that shows them.

The rules, in words: docs/formats/input.md.
"""

import difflib
import json
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from frostline.data.options import Column, TableOptions, joined_names, names_in
from frostline.errors import InputError, printable, shown

_REPEATING = 2  # how often a label occurs on average at least, in the column that holds labels
_LONGER = 2  # how many times longer than any other column's the texts are


def holds_lists(values: Sequence[object]) -> bool:
    """Whether a column's first values are lists, as far as they are anything; of objects they are no labels."""
    return any(isinstance(value, list | tuple) and not holds_objects(value) for value in values)


def parted(cell: str, separator: str) -> tuple[str, ...]:
    """The labels in a cell, blanks around each removed, each once, in order; none of an empty cell."""
    labels = dict.fromkeys(label.strip() for label in cell.split(separator))
    labels.pop("", None)
    return tuple(labels)


def columns_of_sets(columns: Sequence[Sequence[object]], options: TableOptions) -> tuple[int | None, int | None]:
    """Which columns hold the texts and the labels, where that is clear from the values.

    The labels are in the one column of lists; or in the one column whose cells, parted, repeat. The texts are in the
    one other column that is much longer than the rest.
    """
    label = _only([place for place, values in enumerate(columns) if holds_lists(values)])
    if label is None and options.labels_separator is not None:
        separator = options.labels_separator
        places = [place for place, values in enumerate(columns) if _repeat(values, separator)]
        if len(columns) == 2:  # of two that repeat, the texts are the longer ones
            places = sorted(places, key=lambda place: sum(len(str(value)) for value in columns[place]))[:1]
        label = _only(places)
    if label is None:
        return None, None
    sizes = {
        place: sum(len(value) for value in values if isinstance(value, str))
        for place, values in enumerate(columns)
        if place != label
    }
    longest = max(sizes, key=sizes.__getitem__, default=None)
    size = sizes[longest] if longest is not None else 0
    if not size or any(_LONGER * other > size for place, other in sizes.items() if place != longest):
        return None, label
    return longest, label


# What a column of one label may hold, as spreadsheets, pandas and JSON write it (True is 1, and so is 1.0, as a key)
MARKS: dict[object, bool] = {0: False, "0": False, "0.0": False, "false": False}
MARKS |= {1: True, "1": True, "1.0": True, "true": True}


def mark_of(value: object) -> bool | None:
    """Whether a value in the column of a label says that the text has it; None for what says neither."""
    key = value.strip().casefold() if isinstance(value, str) else value
    return MARKS.get(key) if isinstance(key, str | int | float) else None


def nested_names(options: TableOptions, names: Sequence[str]) -> list[str]:
    """Of the columns that are asked for, or that a model learned from, those that may lie within others: `a.b`."""
    asked = [options.text, options.label, options.group, options.labels]
    asked += [options.guessed_text, options.guessed_label, options.guessed_group]
    parts = [part.strip() for name in asked if isinstance(name, str) for part in names_in(name)]
    return [part for part in dict.fromkeys(parts) if "." in part and part not in names]


def fields_within(rows: Sequence[dict[str, Any]], most: int = 10) -> list[str]:
    """What lies within the fields of objects, named as `a.b` (at most 4 deep): all but objects and lists of them."""
    found: dict[str, None] = {}

    def add(name: str, value: object, depth: int) -> None:
        if isinstance(value, dict) and depth < 4:
            for key, inner in value.items():
                add(f"{name}.{key}", inner, depth + 1)
        elif depth > 1 and not isinstance(value, dict) and not (isinstance(value, list) and holds_objects(value)):
            found[name] = None

    for row in rows:
        for key, value in row.items():
            add(key, value, 1)
    return [name for name in found if not any(name in row for row in rows)][:most]


def holds_objects(values: Sequence[object]) -> bool:
    """Whether a list holds objects or lists."""
    return any(isinstance(value, dict | list) for value in values)


def _repeat(values: Sequence[object], separator: str) -> bool:
    cells = [value for value in values if isinstance(value, str)]
    if not cells or len(cells) < len(values):
        return False
    counts = Counter(label for cell in cells for label in parted(cell, separator))
    return bool(counts) and counts.total() >= _REPEATING * len(counts) and max(map(len, counts)) <= 100


def _only(places: Sequence[int]) -> int | None:
    return places[0] if len(places) == 1 else None


# Headers of public data sets and of survey and review exports, as `normalised` spells them
TEXT_WORDS = """
    text texts sentence sentences review reviews comment comments tweet content body message utterance query question
    document input phrase description post headline verse reviewtext reviewbody commenttext tweettext
    anfrage anfragetext beschreibung inhalt kommentar nachricht satz commentaire texte comentario mensaje texto
    文本 句子 评论 内容
"""
LABEL_WORDS = """
    label labels class classes sentiment target category intent emotion topic y polarity rating stars score
    classlabel labelid queue kategorie klasse thema catégorie étiquette categoría etiqueta 标签 类别 情感
"""
TEXT_NAMES = frozenset(TEXT_WORDS.split())
LABEL_NAMES = frozenset(LABEL_WORDS.split())

LABEL_CHARACTERS = 100
_SHEET = re.compile(r"\.xls[xm](\.gz)?$", re.IGNORECASE)
_TYPED = re.compile(r"\.(parquet|pq|arrow|feather|ipc|jsonl?|ndjson)(\.gz)?$", re.IGNORECASE)
_NUMBERED = re.compile(r"column \d+(,column \d+)*")  # what the columns of a file without a header are called


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which columns of a table are taken, by their numbers from 0."""

    text: tuple[int, ...]  # One, or several that are joined
    label: int | None  # None where no label was asked for, or each label has a column
    labels: tuple[int, ...] = ()  # One for each label, where each has a column
    remark: str = ""  # Where a saved model's own columns are missing: what is taken instead

    def taken_from(self, names: Sequence[str], group: int | None = None, *, n_own: int | None = None) -> "Taken":
        """The same by their names, and that of the column of groups; names beyond `n_own` lie within those before."""
        own, within = names[:n_own], names[len(names) if n_own is None else n_own :]
        used = {*self.text, self.label, *self.labels, group}
        labels = self.labels if self.label is None else (self.label,)
        return Taken(
            text=joined_names([names[place] for place in self.text]),
            label=joined_names([names[place] for place in labels]),
            each_label=tuple(names[place] for place in self.labels),
            group="" if group is None else names[group],
            others=tuple(
                name
                for place, name in enumerate(own)
                if place not in used and not any(part.startswith(f"{name}.") for part in within)
            ),
            remark=self.remark,
            names=tuple(own),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What of a table was taken for what."""

    text: str = ""  # As `--text` takes it: several names parted by commas; empty where the file holds no rows
    label: str = ""  # Empty where no label was asked for; names parted by commas where each label has a column
    each_label: tuple[str, ...] = ()  # Those names
    group: str = ""  # Empty where rows are in no groups
    others: tuple[str, ...] = ()  # The columns that are not used
    sheet: str = ""  # Of a workbook with several
    remark: str = ""  # As in `Columns`
    names: tuple[str, ...] = ()  # All columns in their order; of JSON those of the first rows


def group_column(
    names: Sequence[str],
    columns: Sequence[Sequence[object]],
    *,
    options: TableOptions,
    name: str,
    are_named: bool = True,
) -> int | None:
    """The number (from 0) of the column that says which rows belong together, named or learned by."""
    table = _Table(names, columns, name, are_named=are_named)
    if options.group is None:
        return next(iter(table.guessed(options.guessed_group)), None)
    return table.numbered(options.group, "group")


def choose_columns(  # noqa: PLR0913 - a table as it was met; called from two places
    names: Sequence[str],
    columns: Sequence[Sequence[object]],
    *,
    options: TableOptions,
    name: str,
    needs_label: bool,
    are_named: bool = True,
) -> Columns:
    """The text columns and the label column.

    Parameters
    ----------
    names : sequence of str
        One per column.
    columns : sequence of sequences
        The first values of each column.
    needs_label : bool
        False: only the text is wanted, and the label given is None.
    are_named : bool
        Whether `names` come from the file.
    """
    table = _Table(names, columns, name, are_named=are_named)
    texts = () if options.text is None else table.joined(options.text, "text")
    if needs_label and (labels := table.label_columns(options)):
        guessed = () if texts or not options.guessed_text else table.guessed(options.guessed_text)
        missing = [] if texts or guessed or not options.guessed_text else [options.guessed_text]
        chosen = Columns(text=texts or guessed or (table.text_beside(labels),), label=None, labels=labels)
        if both := {*chosen.text} & {*labels}:
            raise InputError(f"{name}: the text and a label cannot be one column ({shown(names[min(both)])}).")
        return replace(chosen, remark=table.remark(missing, chosen)) if missing else chosen
    label = None if options.label is None or not needs_label else table.numbered(options.label, "label")
    missing = []
    if not texts and options.guessed_text:
        texts = table.guessed(options.guessed_text)
        missing += [] if texts else [options.guessed_text]
        texts = () if label in texts else texts
    if label is None and needs_label and options.guessed_label:
        guessed = table.guessed(options.guessed_label)
        missing += [] if guessed else [options.guessed_label]
        label = next((place for place in guessed if place not in texts), None)
    if len(texts) < 2:
        text, label = _chosen(table, texts[0] if texts else None, label, options=options, needs_label=needs_label)
        texts = (text,)
    if label is None and needs_label:
        label = table.only_named(LABEL_NAMES, besides=texts[0])
        label = columns_of_sets(columns, options)[1] if label is None else label
        if label is None:
            raise table.unclear(has_text=True, needs_label=True)
    if needs_label and label in texts:
        raise InputError(f"{name}: the text and the label cannot be one column ({shown(names[label])}).")
    chosen = Columns(text=texts, label=label if needs_label else None)
    return replace(chosen, remark=table.remark(missing, chosen)) if missing else chosen


def _chosen(
    table: "_Table", text: int | None, label: int | None, *, options: TableOptions, needs_label: bool
) -> tuple[int, int | None]:
    """One text column and the label column, where that is clear."""
    names, columns = table.names, table.columns
    if label is None and (needs_label or text is None):
        label = table.only_named(LABEL_NAMES, besides=text)
    if text is None:
        text = table.only_named(TEXT_NAMES, besides=label)
    if text is None or (needs_label and label is None):
        text, label = _by_sets(columns, text, label, options)
    if len(names) == 2 and (text is None) != (label is None):
        text, label = (1 - label, label) if label is not None else (text, 1 - text if text is not None else None)
    if len(names) == 2 and text is None:
        text, label = table.by_known_labels(options.known_labels) or table.by_content()
    if len(names) == 1 and text is None:
        text = 0
    if text is None or (needs_label and label is None):
        raise table.unclear(has_text=text is not None, needs_label=needs_label)
    return text, label


def _by_sets(
    columns: Sequence[Sequence[object]], text: int | None, label: int | None, options: TableOptions
) -> tuple[int | None, int | None]:
    """What is still open, where cells that hold several labels show it."""
    found_text, found_label = columns_of_sets(columns, options)
    if label is None and found_label != text:
        label = found_label
    if text is None and found_text != label and label == found_label:
        text = found_text
    return text, label


def normalised(name: str) -> str:
    """A column's name without case, blanks, `_`, `-` and `.`."""
    return re.sub(r"[\s_.\-]+", "", name).casefold()


@final
class _Table:
    """The columns of a file, as far as they are known."""

    def __init__(
        self, names: Sequence[str], columns: Sequence[Sequence[object]], file: str, *, are_named: bool
    ) -> None:
        self.names = names
        self.columns = columns
        self.file = file
        self.are_named = are_named

    def numbered(self, wanted: Column, role: str) -> int:
        """The number of the column that the caller wants, from 0."""
        if isinstance(wanted, int):
            if wanted > len(self.names):
                raise InputError(f"{self.file}: there is no column {wanted}. {self.shown()}", hint=self._hint(role))
            return wanted - 1
        places = [place for place, name in enumerate(self.names) if name == wanted] if self.are_named else []
        if len(places) == 1:
            return places[0]
        if places:
            which = " and ".join(str(place + 1) for place in places)
            raise InputError(
                f"{self.file}: columns {which} are both named {shown(wanted)}.", hint=f"Pass --{role} {places[0] + 1}."
            )
        near = difflib.get_close_matches(wanted.casefold(), [name.casefold() for name in self.names], n=1, cutoff=0.5)
        meant = next((name for name in self.names if near and name.casefold() == near[0]), None)
        guess = f" Did you mean {shown(meant)}?" if meant is not None and self.are_named else ""
        raise InputError(
            f"{self.file}: there is no {role} column {shown(wanted)}.{guess} {self.shown()}",
            hint=self._hint(role, meant),
        )

    def joined(self, wanted: Column, role: str) -> tuple[int, ...]:
        """One column, or several: parted by commas where none is named just so."""
        if isinstance(wanted, int) or "," not in wanted or (self.are_named and wanted in self.names):
            return (self.numbered(wanted, role),)
        parts = dict.fromkeys(part if part in self.names else part.strip() for part in names_in(wanted))
        return tuple(
            self.numbered(int(part) if part not in self.names and part.isdecimal() else part, role) for part in parts
        )

    def label_columns(self, options: TableOptions) -> tuple[int, ...]:
        """The columns of 0 and 1, one for each label, that are asked for or that a model learned from."""
        if options.labels is not None:
            parts = (part if part in self.names else part.strip() for part in names_in(options.labels))
            wanted = [number for part in parts if part for number in self._in_range(part)]
            return tuple(dict.fromkeys(self.numbered(column, "labels") for column in wanted))
        if options.label is not None or options.labels_separator is not None or not options.guessed_label:
            return ()
        places = self.guessed(options.guessed_label)
        return places if len(places) > 1 else ()

    def _in_range(self, part: str) -> list[Column]:
        """The column that `part` names, or all of `3-8`."""
        ends = None if part in self.names else re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part, re.ASCII)
        return [part] if ends is None else [*range(int(ends[1]), int(ends[2] or ends[1]) + 1)]

    def text_beside(self, labels: Sequence[int]) -> int:
        """The column of texts, where those of the labels are known: by name, the only other, or by far the longest."""
        others = [place for place in range(len(self.names)) if place not in labels]
        named = self.only_named(TEXT_NAMES, besides=None)
        if named in others:
            return named
        sizes = {
            place: sum(len(value) for value in self.columns[place] if isinstance(value, str))
            for place in others
            if place < len(self.columns)
        }
        longest = max(sizes, key=sizes.__getitem__, default=None)
        others_size = max((size for place, size in sizes.items() if place != longest), default=0)
        if longest is None or (len(others) > 1 and _LONGER * others_size > sizes[longest]):
            raise self.unclear(has_text=False, needs_label=False)
        return longest

    def guessed(self, wanted: str) -> tuple[int, ...]:
        """The columns that a model learned from, where all of them are there; else none.

        The numbers of a file without a header say something of another one with three columns or more alone: of two,
        what they hold says more.
        """
        if _NUMBERED.fullmatch(wanted) and not self.are_named and len(self.names) < 3:
            return ()
        parts = [wanted] if wanted in self.names else names_in(wanted)
        found = [self._placed(part) for part in parts]
        places = tuple(place for place in found if place is not None)
        return places if len(places) == len(parts) else ()

    def _placed(self, name: str) -> int | None:
        """The one column of that name; else, where it has none, the one whose name is spelled a little otherwise."""
        names = self.names if name in self.names or not self.are_named else [normalised(own) for own in self.names]
        wanted = name if names is self.names else normalised(name)
        return names.index(wanted) if names.count(wanted) == 1 else None

    def remark(self, missing: Sequence[str], chosen: Columns) -> str:
        """That other columns are taken than the model learned from; nothing where those had no names."""
        named = [shown(name) for name in missing if not _NUMBERED.fullmatch(name)]
        if not named:
            return ""
        taken = chosen.taken_from(self.names)
        said = f"texts are {shown(taken.text)}" + (f", labels are {shown(taken.label)}" if taken.label else "")
        are = "columns that the model learned from are" if len(named) > 1 else "column that the model learned from is"
        return f"{self.file}: the {are} not there ({', '.join(named)}): {said}."

    def only_named(self, known: frozenset[str], *, besides: int | None) -> int | None:
        """The one column whose name is among `known`; of several, the one named just `text` or `label`; or None."""
        if not self.are_named:
            return None
        names = [normalised(name) for name in self.names]
        places = [place for place, name in enumerate(names) if place != besides and name in known]
        plain = [place for place in places if names[place] in {"text", "label"}]
        return next((group[0] for group in (places, plain) if len(group) == 1), None)

    def by_known_labels(self, known: frozenset[str]) -> tuple[int, int] | None:
        """Of two columns: the one that holds known labels is the label, if the other one holds none."""
        held = [any(_label(value) in known for value in values) for values in self.columns]
        return (1 - held.index(True), held.index(True)) if held.count(True) == 1 else None

    def by_content(self) -> tuple[int | None, int | None]:
        """Of two columns: the long, varied one is the text if the other one's values are short and repeat."""
        for text in (0, 1):
            if are_labels(self.columns[1 - text], beside=self.columns[text]):
                return text, 1 - text
        return None, None

    def shown(self) -> str:
        """Every column with an example, for a message."""
        listed = []
        for number, (name, values) in enumerate(zip(self.names[:20], self.columns, strict=False), 1):
            example = f" (e.g. {shown(values[0], 40)})" if len(values) else ""
            listed.append(f"{number}{' = ' + shown(name) if self.are_named else ''}{example}")
        more = f", and {len(self.names) - 20} more" if len(self.names) > 20 else ""
        return f"Its columns: {', '.join(listed)}{more}."

    def unclear(self, *, has_text: bool, needs_label: bool) -> InputError:
        """The error that asks."""
        if len(self.names) == 1:
            return InputError(
                f"{self.file}: a text and a label column are needed (there is one column). {self.shown()}",
                hint="To label these texts: frostline predict MODEL FILE." + self._hint_of_one(),
            )
        missing = "the label" if has_text else "the text and the label" if needs_label else "the text"
        plural = "s are" if missing.count("the") > 1 else " is"
        return InputError(
            f"{self.file}: which column{plural} {missing} is not clear. {self.shown()}",
            hint=self._hint() + (self._hint_of_marks() or self._hint_of_looks() if needs_label else ""),
        )

    def _hint_of_one(self) -> str:
        """What may be meant where all cells seem to be in one column; nothing where cells can't be parted otherwise."""
        values = [value for value in self.columns[0] if isinstance(value, str)] if self.columns else []
        if any("__label__" in value for value in values):
            return " If these are fastText's lines, with its labels (__label__…) anywhere in them: --format fasttext."
        if _TYPED.search(self.file):
            return " A field within a column is named with a dot: --text OUTER.INNER --label OUTER.INNER."
        if _SHEET.search(self.file):
            return " In a sheet text and label stand in two columns."
        return " If cells are parted otherwise: --delimiter."

    def _hint(self, role: str = "", meant: str | None = None) -> str:
        kind = "NAME" if self.are_named else "NUMBER"
        option = f"--group {kind if meant is None or not self.are_named else printable(shlex.quote(meant))}"
        named = {"group": option, "labels": f"--labels {kind},{kind}"}.get(role, f"--text {kind} --label {kind}")
        return f"Pass {named}" + (" (a number counts from 1)." if self.are_named else ".")

    def _hint_of_looks(self) -> str:
        """The text and the label that the first rows look like: the longest cells, the fewest kinds; else nothing."""
        every = list(enumerate(self.columns))
        text, cells = max(every, key=lambda pair: sum(len(str(value)) for value in pair[1]), default=(0, ()))
        kinds = {
            place: len({*map(str, values)})
            for place, values in every
            if place != text and are_labels(values, beside=cells)
        }
        several = [place for place in kinds if kinds[place] > 1]
        if not several:
            return ""
        label = min(reversed(several), key=lambda place: kinds[place])
        names = [shlex.quote(self.names[place]) if self.are_named else str(place + 1) for place in (text, label)]
        return printable(f" Probably --text {names[0]} --label {names[1]}.")

    def _hint_of_marks(self) -> str:
        """What to pass where several columns hold nothing but 0 and 1, which may be a label each; else nothing."""
        places = [
            place
            for place, values in enumerate(self.columns)
            if len(values) and all(mark_of(value) is not None for value in values)
        ]
        if len(places) < 2:
            return ""
        shown_names = [self.names[place] if self.are_named else str(place + 1) for place in places]
        return f" If each label has a column of 0 and 1: --labels {printable(shlex.quote(joined_names(shown_names)))}."


def _label(value: object) -> str | None:
    """The label that a value would be: see `CellRules`."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, bool | int) else None


_MANY = 20  # labels, of which few need repeat among the first rows


def are_labels(values: Sequence[object], *, beside: Sequence[object]) -> bool:
    """Whether the values of one of two columns are labels, going by both: short, and repeating."""
    labels, texts = [str(value) for value in values], [str(value) for value in beside]
    if not labels or max(map(len, labels)) > LABEL_CHARACTERS:
        return False
    kinds = len(set(labels))
    is_repeating = kinds <= max(2, len(labels) // 2) or (
        _MANY <= kinds < len(labels) and _are_words_beside_sentences(labels, texts)
    )
    return is_repeating and kinds <= len(set(texts)) and sum(map(len, labels)) < sum(map(len, texts))


def _are_words_beside_sentences(labels: Sequence[str], texts: Sequence[str]) -> bool:
    """Of hundreds of labels few repeat among the first rows: each is one word, and nine texts in ten are more."""
    n_sentences = sum(len(text.split()) > 1 for text in texts)
    return n_sentences >= 0.9 * len(texts) and all(len(label.split()) == 1 for label in labels)
