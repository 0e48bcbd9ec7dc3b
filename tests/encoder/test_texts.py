"""One door for texts: what a caller may pass, and the one sentence for what not."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from frostline.encoder.reading import check_texts
from frostline.errors import InputError, TextTypeError

GIVEN = ["a film", "", "nul \0 inside", "line\u2028separator", "雪 ❄️ שלג"]


@pytest.mark.parametrize(
    "texts",
    [
        GIVEN,
        tuple(GIVEN),
        np.array(GIVEN),
        np.array(GIVEN, dtype=object),
        pd.Series(GIVEN),
        pd.Series(GIVEN, dtype=object, index=[9, 8, 7, 6, 5]),
        pl.Series(GIVEN),
        (text for text in GIVEN),
    ],
    ids=["list", "tuple", "numpy", "object", "pandas", "pandas-object", "polars", "generator"],
)
def test_sequences_of_str_come_out_as_they_are(texts: Any) -> None:
    """Whatever holds them; and each is a plain str afterwards."""
    checked = check_texts(texts)
    assert checked == GIVEN
    assert {type(text) for text in checked} == {str}


@pytest.mark.parametrize("bad", [None, float("nan"), 3, ["nested"], b"bytes", np.float64(2)], ids=repr)
def test_an_item_that_is_not_a_str_is_named_by_its_index(bad: Any) -> None:
    with pytest.raises(TextTypeError, match="item 2 is") as caught:
        check_texts(["a", "b", bad, "c", None])
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "holder", [pd.Series(["a", None], dtype=object), pl.Series(["a", None])], ids=["pandas", "polars"]
)
def test_a_missing_value_in_a_series_is_named(holder: Any) -> None:
    with pytest.raises(TextTypeError, match="item 1 is"):
        check_texts(holder)


@pytest.mark.parametrize("lone", ["a sentence", b"bytes", np.str_("numpy's")], ids=repr)
def test_a_lone_str_is_refused_with_the_way_out(lone: Any) -> None:
    """Gone through as a sequence it would be one text per letter."""
    with pytest.raises(TextTypeError, match=r"\[text\]"):
        check_texts(lone)


@pytest.mark.parametrize("thing", [None, 7, {"a": 1}, np.array("lone"), np.array([["a", "b"]])], ids=repr)
def test_what_is_no_sequence_of_texts_is_refused(thing: Any) -> None:
    with pytest.raises(TextTypeError):
        check_texts(thing)


def test_a_lone_surrogate_is_named_with_its_position() -> None:
    """It has no UTF-8 form, and would end in a misleading TypeError inside the tokenizer."""
    with pytest.raises(InputError, match=r"Text 1 holds a lone surrogate \(U\+D800 at character 3\)"):
        check_texts(["fine", "abc\ud800def"])


def test_messages_hold_no_control_characters() -> None:
    with pytest.raises(TextTypeError) as caught:
        check_texts("\x1b[31mred\n")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(("item", "told"), [(b"x", "Decode them"), (["a", "b"], "one str for each"), (None, "Leave")])
def test_what_is_no_text_is_told_what_to_make_of_it(item: object, told: str) -> None:
    with pytest.raises(TextTypeError) as caught:
        check_texts(["fine", item])
    assert caught.value.hint.startswith(told) or told in caught.value.hint
