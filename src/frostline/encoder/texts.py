"""One door for texts: whatever sequence a caller has, a list of `str` that can be encoded comes out, or one sentence.

In:   a list, tuple, numpy array, pandas or polars Series; anything that can be gone through once.
Out:  a list of plain `str`, in the same order.
Not:  cutting or tokenizing (tokens.py); deciding whether an empty text is welcome (data/, classifier.py).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from frostline.errors import InputError, TextTypeError, shown


def check_texts(texts: Iterable[Any]) -> list[str]:
    """The texts as a list of `str`, every one of which has a UTF-8 form.

    Parameters
    ----------
    texts : iterable of str, length n_texts >= 0
        `numpy.str_` is a str; NUL, empty texts and U+2028 are kept as they are.

    Raises
    ------
    TextTypeError
        `texts` is a lone str, bytes or a mapping, is of two dimensions, or holds something that is not a str (the
        index of the first such item is named).
    InputError
        A text holds a lone surrogate, which has no UTF-8 form (its index and position are named).
    """
    if isinstance(texts, str | bytes | bytearray):
        raise TextTypeError(
            f"Texts must be a list of str (got one {type(texts).__name__}: {shown(texts)}).",
            hint="Wrap it in a list: [text].",
        )
    if isinstance(texts, Mapping):
        raise TextTypeError(f"Texts must be a list of str (got a {type(texts).__name__}).")
    try:
        items = list(texts)
    except TypeError as error:
        raise TextTypeError(f"Texts must be a list of str (got {shown(texts)}).") from error
    for index, item in enumerate(items):
        if not isinstance(item, str):
            raise TextTypeError(
                f"Each text must be a str (item {index} is {_named(item)}).",
                hint="Leave such rows out, or say what they should read: an empty text is ''.",
            )
        if not item.isascii():
            _refuse_surrogate(item, index)
    return [str(item) for item in items]


def _named(item: object) -> str:
    return "None" if item is None else f"a {type(item).__name__}: {shown(item)}"


def _refuse_surrogate(text: str, index: int) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"Text {index} holds a lone surrogate (U+{ord(text[error.start]):04X} at character {error.start}), "
            f"which is not a character: {shown(text[max(0, error.start - 20) :])}.",
            hint="It usually comes from a broken \\u escape in JSON. Replace it, for example with U+FFFD.",
        ) from error
