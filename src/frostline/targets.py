"""What is learned: labels, which text has which, and whether labels exclude each other.

Everything that is learned is an (n_texts, n_labels) indicator, and labels exclude each other or they don't: a
classifier of one label per text and one of several differ in this and in nothing else. What depends on it is asked in
six places (docs/structure.md); everything else works on columns.

A caller's `y` becomes `Targets` here too: a list of labels; a list of sets of labels; or a 0/1 matrix, whose columns
are the labels (what scikit-learn calls a label indicator matrix).
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import BoolArray, Float64Array, IntArray, Probabilities, plain_column
from frostline.errors import InputError, TextTypeError, shown

Label: TypeAlias = str | int | bool
Names: TypeAlias = str | tuple[str, ...]  # of a row of a file: its label, or its set of labels

Kind: TypeAlias = Literal["one label", "several labels"]
"""What a text has: by it tables are keyed that say things of each."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Which labels each text has."""

    labels: tuple[Label, ...]  # n_labels: In column order
    # (n_texts, n_labels): Whether the text has the label. Where labels exclude each other, exactly one in a row is
    # True.
    members: BoolArray
    exclusive: bool  # Whether labels exclude each other
    # (n_texts,): A number for each text, the same for those that must stand on one side of every split. None: each
    # stands alone.
    together: IntArray | None = None
    # (n_texts,): What each text weighs in learning and scoring, above 0; None: all the same. A text of 2 counts as two.
    weights: Float64Array | None = None

    @classmethod
    def of_codes(cls, codes: IntArray, labels: Sequence[Label]) -> "Targets":
        """Of labels that exclude each other, given as the column of each text's label (n_texts,)."""
        members = np.zeros((len(codes), len(labels)), dtype=bool)
        members[np.arange(len(codes)), codes] = True
        return cls(tuple(labels), members, exclusive=True)

    @classmethod
    def of_labels(cls, given: Sequence[Label]) -> "Targets":
        """Of one label for each text; columns in sorted order."""
        labels = sorted(set(given))
        column = {label: place for place, label in enumerate(labels)}
        return cls.of_codes(np.fromiter((column[label] for label in given), np.int64, len(given)), labels)

    @classmethod
    def of_sets(cls, given: Sequence[Sequence[Label]]) -> "Targets":
        """Of any number of labels for each text; columns in sorted order."""
        labels = sorted({label for labels in given for label in labels})
        column = {label: place for place, label in enumerate(labels)}
        members = np.zeros((len(given), len(labels)), dtype=bool)
        for row, text_labels in enumerate(given):
            members[row, [column[label] for label in text_labels]] = True
        return cls(tuple(labels), members, exclusive=False)

    def __len__(self) -> int:
        return len(self.members)

    @property
    def codes(self) -> IntArray:
        """The column of each text's label (n_texts,), where labels exclude each other."""
        columns: IntArray = self.members.argmax(axis=1)
        return columns

    @property
    def kind(self) -> Kind:
        """What tables are keyed by that say one thing where labels exclude each other, and another where they don't."""
        return "one label" if self.exclusive else "several labels"

    def counts(self) -> dict[Label, int]:
        """How many texts have each label, in column order."""
        return dict(zip(self.labels, self.members.sum(axis=0).tolist(), strict=True))

    @property
    def weighed_counts(self) -> Float64Array:
        """What the texts that have each label weigh together (n_labels,)."""
        counts: Float64Array = (
            self.members.sum(axis=0).astype(np.float64) if self.weights is None else self.weights @ self.members
        )
        return counts

    @property
    def weighed_total(self) -> float:
        """What all texts weigh together."""
        return float(len(self)) if self.weights is None else float(self.weights.sum())

    def groups(self) -> tuple[IntArray, ...]:
        """The columns that share a value of C: all of them where labels exclude each other, else each by itself."""
        columns = np.arange(len(self.labels), dtype=np.int64)
        return (columns,) if self.exclusive else tuple(columns[:, None])

    def take(self, rows: IntArray | BoolArray) -> "Targets":
        """The texts numbered in `rows`, in that order; the columns stay."""
        together = None if self.together is None else self.together[rows]
        weights = None if self.weights is None else self.weights[rows]
        return replace(self, members=self.members[rows], together=together, weights=weights)

    def occurring(self) -> "Targets":
        """Without the labels that no text has."""
        columns = np.flatnonzero(self.members.any(axis=0)).tolist()
        labels = tuple(self.labels[column] for column in columns)
        return replace(self, labels=labels, members=self.members[:, columns])

    @property
    def n_apart(self) -> int:
        """How many texts there are, if those that belong together count once."""
        return len(self) if self.together is None else len(np.unique(self.together))

    @property
    def lots(self) -> IntArray:
        """The number (n_texts,) of each text's lot, all that belong together; from 0, in the order of first texts."""
        if self.together is None:
            return np.arange(len(self), dtype=np.int64)
        _, first, by_number = np.unique(self.together, return_index=True, return_inverse=True)
        lots: IntArray = np.argsort(np.argsort(first))[by_number]
        return lots

    @property
    def shared_lots(self) -> IntArray | None:
        """The lots, where any text belongs to another: what intervals count, since copies tell nothing new."""
        return None if self.stand_alone else self.lots

    @property
    def stand_alone(self) -> bool:
        """Whether no two texts belong together."""
        return self.n_apart == len(self)

    def counts_apart(self) -> dict[Label, int]:
        """How many texts have each label, in column order, if those that belong together count once."""
        if self.together is None:
            return self.counts()
        together = self.together
        return {label: len(np.unique(together[has])) for label, has in zip(self.labels, self.members.T, strict=True)}

    def names(self, row: int) -> tuple[Label, ...]:
        """The labels of one text, in column order."""
        return tuple(self.labels[column] for column in np.flatnonzero(self.members[row]).tolist())

    @classmethod
    def concatenated(cls, parts: "Sequence[Targets]") -> "Targets":
        """The texts of parts of one file, one part after the other."""
        numbers = [part.together for part in parts if part.together is not None]
        together = np.concatenate(numbers) if len(numbers) == len(parts) else None
        own = [part.weights for part in parts if part.weights is not None]
        return replace(
            parts[0],
            members=np.concatenate([part.members for part in parts]),
            together=together,
            weights=np.concatenate(own) if len(own) == len(parts) else None,
        )

    def keys(self) -> list[bytes]:
        """A key for each text, equal where their labels are."""
        return [row.tobytes() for row in np.packbits(self.members, axis=1)]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a classifier says of some texts: the one thing that predicting, scoring, serving and exporting share."""

    labels: tuple[Label, ...]  # n_labels: In column order
    # (n_texts, n_labels): The labels that each text gets, or would get if the classifier were sure enough. Where labels
    # exclude each other, exactly one in a row is True.
    favoured: BoolArray
    # (n_texts,): Whether it is sure enough. Of several labels per text the answer may be: none of them.
    answered: BoolArray
    probabilities: Probabilities  # (n_texts, n_labels)
    cut: BoolArray  # (n_texts,): Whether the text is longer than the encoder can see, and was judged by its beginning
    exclusive: bool  # As in `Targets`
    # (n_texts,): Of texts like those learned from, how many would be as unlike them; None where nobody asked.
    likeness: Float64Array | None = None
    # (n_texts,): Whether a cascade's cheap head answered, and nothing read the text; None where there is no cascade.
    early: BoolArray | None = None

    def __len__(self) -> int:
        return len(self.favoured)

    @property
    def kind(self) -> Kind:
        """As `Targets.kind`."""
        return "one label" if self.exclusive else "several labels"

    def take(self, rows: IntArray | BoolArray | slice) -> "Answers":
        """What is said of some of the texts."""
        likeness = None if self.likeness is None else self.likeness[rows]
        return replace(
            self,
            favoured=self.favoured[rows],
            answered=self.answered[rows],
            probabilities=self.probabilities[rows],
            cut=self.cut[rows],
            likeness=likeness,
            early=None if self.early is None else self.early[rows],
        )

    def filled(self, rows: BoolArray, other: "Answers") -> "Answers":
        """The same, but that of the texts in `rows` (n_texts,) it says what `other` says, one after the other."""
        favoured, answered = self.favoured.copy(), self.answered.copy()
        probabilities, cut = self.probabilities.copy(), self.cut.copy()
        favoured[rows], answered[rows] = other.favoured, other.answered
        probabilities[rows], cut[rows] = other.probabilities, other.cut
        return replace(self, favoured=favoured, answered=answered, probabilities=probabilities, cut=cut)

    @property
    def given(self) -> BoolArray:
        """The labels given (n_texts, n_labels); none where there is no answer."""
        return self.favoured & self.answered[:, None]


def several_labels(y: Any, *, n_texts: int, known: Sequence[Label] | None = None) -> Targets | None:
    """The targets, or None where `y` is no matrix and holds no sets.

    Parameters
    ----------
    y : sequence of collections, array of shape (n_texts, n_labels), or anything else
    known : sequence of labels, optional
        Of a fitted classifier: the columns, in their order; sets may hold no others.

    Raises
    ------
    InputError
        Not as many as texts; a matrix of other values than 0 and 1; a set with a label that is not known.
    TextTypeError
        A label is neither str, int nor bool, or labels are of several types; a text has no set where others have.
    """
    if y is None:
        return None
    _refuse_unordered(y)
    y = plain_column(y)
    _refuse_masked(y)
    if not isinstance(y, Iterable):  # something that only numpy knows how to read
        y = np.asarray(y)
    shape = getattr(y, "shape", None)
    if shape is not None and len(shape) == 2:
        return _of_matrix(y, n_texts=n_texts, known=known) if shape[1] > 1 else None
    items = list(y)
    if not any(_is_set(item) for item in items):
        return None
    if len(items) != n_texts:
        raise InputError(f"There must be one set of labels per text (got {n_texts} texts and {len(items)} sets).")
    return _of_sets(items, known)


def is_matrix(y: Any) -> bool:
    """Whether `y` came as a 0/1 matrix, so that answers shall be one too."""
    return len(getattr(y, "shape", ())) == 2


def _of_matrix(y: Any, *, n_texts: int, known: Sequence[Label] | None) -> Targets:
    found = np.asarray(y.toarray() if callable(getattr(y, "toarray", None)) else y)
    if len(found) != n_texts:
        raise InputError(f"There must be one row of y per text (got {n_texts} texts and {len(found)} rows).")
    if found.dtype.kind not in "biuf" or not np.isin(found, (0, 1)).all():
        raise InputError("A matrix y must hold 0 and 1 only: whether the text has the label of that column.")
    labels = tuple(range(found.shape[1])) if known is None else tuple(known)
    if len(labels) != found.shape[1]:
        raise InputError(f"A matrix y must have a column for each of the {len(labels)} labels (got {found.shape[1]}).")
    return Targets(labels, found.astype(bool), exclusive=False)


def _of_sets(items: Sequence[Any], known: Sequence[Label] | None) -> Targets:
    sets = []
    for place, item in enumerate(items):
        if not _is_set(item):
            raise TextTypeError(f"Item {place} of y must be a list, tuple or set of labels (got {shown(item)}).")
        sets.append([_plain(label, place) for label in item])
    distinct = {label for own in sets for label in own}
    kinds = {type(label).__name__ for label in distinct}
    if len(kinds) > 1:
        raise TextTypeError(f"Labels must all be of one type (got {', '.join(sorted(kinds))}).")
    labels = tuple(sorted(distinct)) if known is None else tuple(known)
    column = {label: place for place, label in enumerate(labels)}
    members = np.zeros((len(sets), len(labels)), dtype=bool)
    for row, own in enumerate(sets):
        for label in own:
            if label not in column:
                raise InputError(f"Every label must be one that the classifier knows (got {shown(label)}).")
            members[row, column[label]] = True
    return Targets(labels, members, exclusive=False)


def _is_set(item: object) -> bool:
    return isinstance(item, Collection) and not isinstance(item, str | bytes | dict) and getattr(item, "ndim", 1) == 1


def _plain(label: Any, place: int) -> Any:
    """A label of numpy's as Python's own."""
    plain = label.item() if isinstance(label, np.generic) else label
    if not isinstance(plain, str | int):
        raise TextTypeError(f"Item {place} of y must hold labels that are str, int or bool (got {shown(plain)}).")
    _refuse_odd(plain, place)
    return str(plain) if isinstance(plain, str) else plain


def one_label(y: Sequence[Any] | NDArray[Any], *, n_texts: int) -> tuple[tuple[Any, ...], IntArray]:
    """The distinct labels in sorted order, and the number (n_texts,) of each text's label among them.

    Raises
    ------
    InputError, TextTypeError
        No y, another length than the texts', one class only, labels of several types, missing ones.
    """
    from sklearn.utils.multiclass import check_classification_targets  # noqa: PLC0415 - 0.9 s, and the estimator has it

    found = flat_labels(y, n_texts=n_texts)
    if n_texts == 0:
        raise InputError("At least two labelled texts are needed (got none).")
    if found.dtype == object:
        kinds = {"str" if isinstance(label, str) else type(label).__name__ for label in found}
        if len(kinds) > 1:
            raise TextTypeError(f"Labels must all be of one type (got {', '.join(sorted(kinds))}).")
        found = np.array(found.tolist())  # scikit-learn knows no labels of type object
    try:
        check_classification_targets(found)
    except ValueError as error:  # numbers that are no classes
        raise InputError(str(error), hint="Labels are str, int or bool; a number that is measured is none.") from error
    except TypeError as error:
        raise TextTypeError(str(error)) from error
    labels, codes = np.unique(found, return_inverse=True)
    if len(labels) < 2:
        raise InputError(f"Two classes or more are needed (got one class, {shown(labels.tolist()[0])}).")
    return tuple(labels.tolist()), codes.astype(np.int64)


def flat_labels(y: Sequence[Any] | NDArray[Any], *, n_texts: int) -> NDArray[Any]:
    """A caller's labels, one for each text, as one column (n_texts,); a frame or a matrix of one column is flattened.

    Raises `InputError`: no y, another length than the texts', a label is missing; `ValueError`, as scikit-learn has it:
    several columns.
    """
    from sklearn.utils.validation import column_or_1d  # noqa: PLC0415 - 0.9 s, and the estimator has it

    if y is None:
        raise InputError("SentenceClassifier requires y to be passed, but the target y is None: one label per text.")
    _refuse_unordered(y)
    y = plain_column(y)
    _refuse_masked(y)
    found = np.asarray(y)
    if found.dtype.kind == "T":
        found = found.astype(object)
    if found.dtype.kind == "U":  # numpy has made one of 1 and "1", and a word of NaN: look at them as they came
        found = np.asarray(y, dtype=object)
    if found.dtype.kind in "mMcV":
        raise InputError(
            f"Labels must be str, int or bool (got {found.dtype.name}).",
            hint="Pass them as words: [str(label) for label in y].",
        )
    column: NDArray[Any] = column_or_1d(found, warn=True)
    if len(column) != n_texts:
        raise InputError(f"There must be one label per text (got {n_texts} texts and {len(column)} labels).")
    _refuse_missing(column)
    for place, label in enumerate(column.tolist() if column.dtype.kind in "UOu" else ()):
        _refuse_odd(label, place)
    return column


MOST_WEIGHT = 1e9
"""Of a text, and beside the least: sums of products of more are no longer what the small ones add to."""


def sample_weights(weights: Sequence[float] | NDArray[Any], *, n_texts: int) -> Float64Array | None:
    """A caller's weights (n_texts,); None where all are 1, which changes nothing.

    Raises
    ------
    InputError
        Not one number for each text, one that is missing, infinite or below 0, or none above 0.
    """
    try:
        found = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"sample_weight must hold numbers ({error}).") from error
    if found.shape != (n_texts,):
        raise InputError(
            f"sample_weight must hold one number for each text (got shape {found.shape} for {n_texts:,} texts)."
        )
    odd = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if len(odd):
        raise InputError(f"sample_weight must hold finite numbers from 0 on (item {odd[0]} is {found[odd[0]]:g}).")
    least, most = found[found > 0].min(initial=np.inf), found.max(initial=0)
    if most > MOST_WEIGHT or most > MOST_WEIGHT * least:
        odd_one = int(found.argmax())
        raise InputError(
            f"The largest sample_weight must be at most {MOST_WEIGHT:g}, and {MOST_WEIGHT:g} times the smallest above "
            f"zero (item {odd_one} is {most:g}, the smallest is {least:g}).",
            hint="Divide all of them by their mean, and look at those that are far from 1.",
        )
    if not found.any():
        raise InputError("Some text must have a sample_weight above zero (all are zero).")
    return None if (found == 1).all() else found


def _refuse_masked(y: object) -> None:
    """Raise for the first label that a mask hides: numpy's own functions would take the number beneath it."""
    if isinstance(y, np.ma.MaskedArray) and np.ma.getmaskarray(y).any():
        place = int(np.nonzero(np.ma.getmaskarray(y))[0][0])
        raise InputError(
            f"Each text must have a label (item {place} of y is masked).",
            hint="Leave such texts out, or give them their label.",
        )


def _refuse_unordered(y: object) -> None:
    """Raise for what has no order in common with the texts, or can be gone through once only."""
    if isinstance(y, str | bytes | Mapping | AbstractSet | Iterator):
        raise TextTypeError(
            f"y must be a sequence of labels in the order of the texts (got a {type(y).__name__}).",
            hint="Pass a list, such as [label_of[text] for text in texts].",
        )


def _refuse_odd(label: object, place: int) -> None:
    """Raise for a label that nothing can keep: no UTF-8 form, a NUL at its end or over 64 bits, which numpy changes."""
    if isinstance(label, str):
        if label.endswith("\0"):
            raise InputError(
                f"A label must not end in a NUL character (item {place} of y is {shown(label)}).",
                hint="numpy leaves it out, and would take two labels for one. Strip it: label.rstrip('\\0').",
            )
        try:
            label.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InputError(
                f"A label must be text (item {place} of y holds a lone surrogate: {shown(label)}).",
                hint="It usually comes from a broken \\u escape in JSON. Replace it, for example with U+FFFD.",
            ) from error
    elif isinstance(label, int) and not -(2**63) <= label < 2**63:
        raise InputError(
            f"A label that is a whole number must lie from -2**63 to 2**63 - 1 (item {place} of y is {shown(label)}).",
            hint="Pass such labels as words: [str(label) for label in y].",
        )


def _refuse_missing(y: NDArray[Any]) -> None:
    """Raise for the first label that is None, NaN, or what pandas has in their place."""
    if y.dtype.kind not in "fcO":
        return
    for place, label in enumerate(y.tolist()):
        is_nan = isinstance(label, float) and math.isnan(label)
        if label is None or is_nan or type(label).__name__ in {"NAType", "NaTType"}:
            raise InputError(
                f"Each text must have a label (item {place} of y is {shown(str(label))[1:-1]}).",
                hint="Leave such texts out, or give them their label.",
            )
