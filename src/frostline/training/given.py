"""Texts and labels as an estimator is given them: what it learns from, and what it is scored by."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import BoolArray
from frostline.data.cells import refuse_written_lists
from frostline.data.copies import together_of
from frostline.data.dataset import Dataset, Source, tidy_key
from frostline.errors import InputError, shown
from frostline.head.linear import LinearHead
from frostline.targets import Answers, Label, Targets, flat_labels, is_matrix, one_label, sample_weights, several_labels


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Given:
    """What is learned from."""

    texts: Sequence[str]  # Those that count for something
    targets: Targets
    names: Sequence[Label]  # What each text has, as the digest of the data names it
    is_matrix: bool  # Whether y was a 0/1 matrix, as the answers then are


def given(
    texts: Sequence[str],
    y: Sequence[Any] | NDArray[Any],
    *,
    sample_weight: Sequence[float] | NDArray[Any] | None,
    groups: Sequence[Any] | NDArray[Any] | None,
) -> Given:
    """Texts that were checked, with labels and weights that nobody has looked at; parameters as of `fit`."""
    several = several_labels(y, n_texts=len(texts))
    as_matrix = several is not None and is_matrix(y)
    if several is None:
        labels, codes = one_label(y, n_texts=len(texts))
        refuse_written_lists(labels)
    targets = Targets.of_codes(codes, labels) if several is None else several
    targets = replace(targets, together=together_of(texts, groups=groups))
    weights = None if sample_weight is None else sample_weights(sample_weight, n_texts=len(texts))
    if weights is not None:
        kept = np.flatnonzero(weights)
        texts = [texts[row] for row in kept.tolist()]
        targets = replace(targets, weights=weights).take(kept)
        targets = targets if as_matrix else targets.occurring()
        if several is None and len(targets.labels) < 2:
            raise InputError("Two classes or more are needed (got one class among texts with a weight above zero).")
    if not targets.labels:
        raise InputError("At least one text must have a label (got none).")
    named = [targets.names(row) for row in range(len(targets))]
    names = [own[0] for own in named] if several is None else [repr(list(own)) for own in named]
    return Given(texts=texts, targets=targets, names=names, is_matrix=as_matrix)


def known_sets(y: Sequence[Any] | NDArray[Any], head: LinearHead, *, n_texts: int) -> Targets | None:
    """Sets of labels that the head knows; None where it gives each text one."""
    if not head.answers_sets:
        return None
    wanted = several_labels(y, n_texts=n_texts, known=head.labels)
    if wanted is None:
        raise InputError("y must hold a set of labels for each text, or be a 0/1 matrix, as it was for fit.")
    return wanted


def require_known(y: Sequence[Any] | NDArray[Any], head: LinearHead, *, n_texts: int) -> None:
    """Raise as `right` does for labels of which none could be right, before a text is read."""
    if known_sets(y, head, n_texts=n_texts) is None:
        _refuse_unknown(flat_labels(y, n_texts=n_texts).tolist(), head.labels)


def right(answer: Answers, y: Sequence[Any] | NDArray[Any], head: LinearHead) -> BoolArray:
    """Whether each text (n_texts,) was given the right label, or exactly the right ones; without an answer it was not.

    Raises `InputError`: none of the labels of `y` is known, or they are of another type; one is missing.
    """
    wanted = known_sets(y, head, n_texts=len(answer.answered))
    if wanted is not None:
        exact: BoolArray = (answer.favoured == wanted.members).all(axis=1) & answer.answered
        return exact
    labels = flat_labels(y, n_texts=len(answer.answered)).tolist()
    _refuse_unknown(labels, head.labels)
    return np.array([own == label for own, label in zip(head.named(answer).tolist(), labels, strict=True)], dtype=bool)


def given_dataset(texts: Sequence[str], y: Sequence[Any] | NDArray[Any], head: LinearHead) -> Dataset:
    """Labelled texts to be tested on, as if they were a file's."""
    targets = known_sets(y, head, n_texts=len(texts))
    if targets is None:
        _refuse_unknown(np.asarray(y, dtype=object).tolist(), head.labels)
        labels = [str(label) for label in np.asarray(y, dtype=object).tolist()]
        if len(labels) != len(texts):
            raise InputError(f"There must be one label per text (got {len(texts):,} texts, {len(labels):,} labels).")
        targets = Targets.of_labels(labels)
    named = replace(targets, labels=tuple(str(label) for label in targets.labels))
    source = Source(name="the texts given", sha256="0" * 64, size_bytes=0, text_column="", label_column="")
    return Dataset(texts=texts, targets=named, lines=range(1, len(texts) + 1), source=source)


def _refuse_unknown(y: Sequence[Any], labels: Sequence[Label]) -> None:
    """Raise where no label of `y` could be right: each is of another type, or none is known."""
    _refuse_other_type(y, labels)
    if set(y).isdisjoint(labels):
        known = {tidy_key(str(label)): label for label in labels}
        likes = [(label, known[tidy_key(str(label))]) for label in sorted(set(y)) if tidy_key(str(label)) in known]
        raise InputError(
            f"None of the labels of y is one of those that the classifier learned, {_some(labels)} "
            f"(got {_some(sorted(set(y)))}).",
            hint=f"{shown(likes[0][0])} differs from {shown(likes[0][1])} only by case or blanks: spell it so in y."
            if likes
            else "",
        )


def _some(labels: Sequence[Label]) -> str:
    return ", ".join(map(shown, labels[:10])) + (", …" if len(labels) > 10 else "")


def _refuse_other_type(y: Sequence[Any] | NDArray[Any], labels: Sequence[Label]) -> None:
    """Raise for a label of `y` that is a string where the known ones are none, or none where they are strings."""
    learned = type(labels[0]).__name__
    for label in y:
        if isinstance(label, str) != isinstance(labels[0], str):
            raise InputError(
                f"Labels of y must be of the type that the classifier learned: {_some(labels)} are {learned} "
                f"(got {label!r}, {type(label).__name__}).",
                hint="Convert them before, such as "
                + ("[label == 'True' for label in y]." if learned == "bool" else f"[{learned}(label) for label in y]."),
            )
