"""Which texts belong together: copies, equal but for case, blanks and punctuation; and those of one group."""

import hashlib
import re
import unicodedata
from collections.abc import Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import BoolArray, IntArray
from frostline.errors import UsageError, shown

_DROPPED = ("P", "Z", "C", "Sk")  # Unicode's punctuation, blanks, invisible characters, and signs such as ^ and `
_SIGNS = "<>=|~\u2800"  # ASCII's signs of quotation, tables and emphasis, and Braille's blank
_LETTERS = "\u02b9\u02bb\u02bc\u02c8\u034f\u115f\u1160\u3164\uffa0"  # apostrophes, fillers: "letters"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"  # how the character before is to look
_NOTHING = re.compile(f"[{_SIGNS}{_LETTERS}{_SELECTORS}]")
_DOTTED = "i\u0307"  # what the capital dotted I becomes in lower case


class _Kept(dict[int, int | None]):
    """What `str.translate` makes of a character: itself where it counts; each is looked up once."""

    def __missing__(self, character: int) -> int | None:
        category = unicodedata.category(chr(character))
        self[character] = None if category.startswith(_DROPPED) else character
        return self[character]


def copy_keys(texts: Iterable[str]) -> list[str]:
    """A key for each text, equal where texts are copies: no case, no blanks, no punctuation of any script.

    Letters, accents, digits and symbols (emoji, currency, +) stay; signs of quotation, tables and emphasis (> | = ~)
    go. A text of punctuation alone is known by just that, without blanks: ":)" and ":(" are no copies.
    """
    kept = _Kept()
    keys = []
    for text in texts:
        plain = text.translate(kept)  # first: of the acute accent NFKC would make one over a letter
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", plain).casefold())
        key = _NOTHING.sub("", folded.translate(kept)).replace(_DOTTED, "i")
        keys.append(key or "".join(unicodedata.normalize("NFKC", text).casefold().split()))
    return keys


def together_of(texts: Sequence[str], *, groups: Sequence[Any] | NDArray[Any] | None = None) -> IntArray:
    """A number for each text (n_texts,), the same for those that must stand on one side of every split.

    Copies belong together: texts that are equal but for case, blanks and punctuation. So do the texts of one group;
    and whatever belongs to one text through another.

    Parameters
    ----------
    texts : sequence of str
    groups : sequence of n_texts hashable values, optional
        Author, thread, document. A text whose value is missing (None, NaN, NA, NaT) or blank is in no group.

    Raises
    ------
    UsageError
        Not one group per text, or one that is not hashable.

    Examples
    --------
    >>> together_of(["Fine!", "dull", "fine", "a bore"], groups=["ann", "bob", None, "bob"]).tolist()
    [0, 1, 0, 1]
    """
    copies = numbered(copy_keys(texts))
    if groups is None:
        return copies
    is_unordered = isinstance(groups, str | Mapping | AbstractSet) or not hasattr(groups, "__len__")
    if is_unordered or len(getattr(groups, "shape", (len(groups),))) != 1:
        raise UsageError(f"The groups must be a list or a column of one value per text (got {shown(groups)}).")
    if len(groups) != len(texts):
        raise UsageError(f"There must be one group per text (got {len(texts)} texts and {len(groups)} groups).")
    return joined(copies, numbered(_group_key(group, row) for row, group in enumerate(groups)))


def are_new(texts: Iterable[str], known: Iterable[str]) -> BoolArray:
    """Whether each text (n_texts,) is no copy of any of those known."""
    keys = set(copy_keys(known))
    return np.array([key not in keys for key in copy_keys(texts)], dtype=bool)


def digests_of(texts: Iterable[str]) -> IntArray:
    """8 bytes for each text (n_texts,), equal where texts are copies: what a model keeps of those it learned from."""
    keys = (key.encode("utf-8", "surrogatepass") for key in copy_keys(texts))
    return np.frombuffer(b"".join(hashlib.blake2b(key, digest_size=8).digest() for key in keys), "<i8").astype(np.int64)


def numbered(keys: Iterable[Hashable]) -> IntArray:
    """The number of each key (n,), from 0 in the order in which they first occur."""
    number: dict[Hashable, int] = {}
    return np.array([number.setdefault(key, len(number)) for key in keys], dtype=np.int64)


def joined(first: IntArray, second: IntArray) -> IntArray:
    """Texts together (n_texts,) that are so by either numbering, or by a chain of both."""
    together = first
    while True:
        before = together
        for numbers in (second, first):
            lowest = np.full(int(numbers.max(initial=0)) + 1, len(numbers))
            np.minimum.at(lowest, numbers, together)
            together = lowest[numbers]
        if (together == before).all():
            return np.unique(together, return_inverse=True)[1].astype(np.int64)


def _group_key(group: object, row: int) -> Hashable:
    """Of the group, or of the row alone where there is none."""
    try:
        hash(group)
    except TypeError:
        raise UsageError(
            f"A group must be hashable, such as a str or a number (got {shown(group)} at position {row})."
        ) from None
    if group is None or (isinstance(group, str) and not group.strip()):
        return "", row
    if isinstance(group, str):
        return group.strip(), "name"
    if isinstance(group, float | np.floating) and float(group).is_integer():
        return str(int(group)), "name"
    if isinstance(group, int | np.integer) and not isinstance(group, bool):
        return str(int(group)), "name"
    same: object = group == group  # noqa: PLR0124 - what is missing does not equal itself, and pandas' NA does not say
    return (group,) if isinstance(same, bool | np.bool_) and same else ("", row)
