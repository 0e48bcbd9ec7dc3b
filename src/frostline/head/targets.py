"""What `y` is: a label for each text; or, where a text may have several, sets of labels or a 0/1 matrix.

In:   `y` as a caller of the estimator has it.
Out:  `Targets`, or None where each text has one label; labels and codes.
Not:  fitting on them (fitted.py).

A list holds a set for each text: lists, tuples, sets. A matrix is an array of two dimensions (numpy, sparse, a data
frame), whose columns are the labels: what scikit-learn calls a label indicator matrix.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import BoolArray, IntArray
from frostline.errors import InputError, TextTypeError, shown
from frostline.head.linear import Label


@final
@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Which labels each text has.

    Parameters
    ----------
    labels : tuple of n_labels str, int or bool
        Sorted; for a matrix the numbers of its columns.
    members : ndarray of shape (n_texts, n_labels), dtype=bool
    is_indicator : bool
        Whether they came as a matrix, and answers shall be one.
    """

    labels: tuple[Label, ...]
    members: BoolArray
    is_indicator: bool

    def rows(self) -> list[str]:
        """Each text's labels as one word, to tell data apart."""
        return [repr([label for label, has in zip(self.labels, row, strict=True) if has]) for row in self.members]


def several_labels(y: Any, *, n_texts: int, known: Sequence[Label] | None = None) -> Targets | None:
    """The targets, or None where `y` is no matrix and holds no sets.

    Parameters
    ----------
    y : sequence of collections, array of shape (n_texts, n_labels), or anything else
    n_texts : int
    known : sequence of labels, optional
        Of a fitted classifier: the columns, in their order; sets may hold no others.

    Raises
    ------
    InputError
        Not as many as texts; a matrix of other values than 0 and 1; a set with a label that is not known.
    TextTypeError
        A label is neither str, int nor bool, or labels are of several types; a text has no set where others have.
    """
    if y is None or isinstance(y, str):
        return None
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


def _of_matrix(y: Any, *, n_texts: int, known: Sequence[Label] | None) -> Targets:
    found = np.asarray(y.toarray() if callable(getattr(y, "toarray", None)) else y)
    if len(found) != n_texts:
        raise InputError(f"There must be one row of y per text (got {n_texts} texts and {len(found)} rows).")
    if found.dtype.kind not in "biuf" or not np.isin(found, (0, 1)).all():
        raise InputError("A matrix y must hold 0 and 1 only: whether the text has the label of that column.")
    labels = tuple(range(found.shape[1])) if known is None else tuple(known)
    if len(labels) != found.shape[1]:
        raise InputError(f"A matrix y must have a column for each of the {len(labels)} labels (got {found.shape[1]}).")
    return Targets(labels, found.astype(bool), is_indicator=True)


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
    return Targets(labels, members, is_indicator=False)


def _is_set(item: object) -> bool:
    return isinstance(item, Collection) and not isinstance(item, str | bytes | dict) and getattr(item, "ndim", 1) == 1


def _plain(label: Any, place: int) -> Any:
    """A label of numpy's as Python's own."""
    plain = label.item() if isinstance(label, np.generic) else label
    if not isinstance(plain, str | int):
        raise TextTypeError(f"Item {place} of y must hold labels that are str, int or bool (got {shown(plain)}).")
    return str(plain) if isinstance(plain, str) else plain


def one_label(y: Sequence[Any] | NDArray[Any], *, n_texts: int) -> tuple[tuple[Any, ...], IntArray]:
    """The distinct labels in sorted order, and the number (n_texts,) of each text's label among them.

    Raises
    ------
    InputError, TextTypeError
        No y, another length than the texts', one class only, labels of several types, missing ones.
    """
    from sklearn.utils.multiclass import check_classification_targets  # noqa: PLC0415 - 0.9 s, and the estimator has it
    from sklearn.utils.validation import column_or_1d  # noqa: PLC0415 - as above

    if y is None:
        raise InputError("SentenceClassifier requires y to be passed, but the target y is None: one label per text.")
    found = np.asarray(y)
    if found.dtype.kind == "U":  # numpy has made one of 1 and "1", and a word of NaN: look at them as they came
        found = np.asarray(y, dtype=object)
    found = column_or_1d(found, warn=True)
    if len(found) != n_texts:
        raise InputError(f"There must be one label per text (got {n_texts} texts and {len(found)} labels).")
    if n_texts == 0:
        raise InputError("At least two labelled texts are needed (got none).")
    if found.dtype == object:
        kinds = {"str" if isinstance(label, str) else type(label).__name__ for label in found}
        if len(kinds) > 1:
            raise TextTypeError(f"Labels must all be of one type (got {', '.join(sorted(kinds))}).")
        found = np.array(found.tolist())  # scikit-learn knows no labels of type object
    check_classification_targets(found)
    labels, codes = np.unique(found, return_inverse=True)
    if len(labels) < 2:
        raise InputError(f"Two classes or more are needed (got one class, {shown(labels.tolist()[0])}).")
    return tuple(labels.tolist()), codes.astype(np.int64)
