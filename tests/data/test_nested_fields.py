"""Fields within fields of JSON, named as `a.b`."""

import json
from pathlib import Path
from typing import Any

import pytest

from frostline.data.columns import fields_within
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled, stream_texts
from frostline.errors import InputError

ROWS = [
    {"id": 1, "review": {"title": "Fine", "body": "a fine film"}, "meta": {"stars": {"given": 5.0}, "by": "Ann"}},
    {"id": 2, "review": {"title": "Dull", "body": "a dull film"}, "meta": {"stars": {"given": 1}, "by": "Bob"}},
]
OPTIONS = TableOptions(text="review.body", label="meta.stars.given")


def written(path: Path, rows: list[Any], *, is_list: bool = False) -> Path:
    path.write_text(json.dumps(rows, indent=1) if is_list else "\n".join(map(json.dumps, rows)), "utf-8")
    return path


@pytest.mark.parametrize("is_list", [True, False])
def test_a_field_within_a_field_is_named_with_dots(tmp_path: Path, is_list: bool) -> None:  # noqa: FBT001
    data = read_labelled(written(tmp_path / "a.json", [*ROWS], is_list=is_list), OPTIONS)
    assert data.texts == ["a fine film", "a dull film"]
    assert data.labels == ["5", "1"]
    assert (data.source.text_column, data.source.label_column) == ("review.body", "meta.stars.given")
    assert data.source.other_columns == ("id",), "of the others a field is used"


def test_several_texts_and_groups_may_lie_within(tmp_path: Path) -> None:
    options = TableOptions(text="review.title,review.body", label="meta.stars.given", group="meta.by")
    data = read_labelled(written(tmp_path / "a.jsonl", [*ROWS]), options)
    assert data.texts == ["Fine\na fine film", "Dull\na dull film"]
    assert data.groups == ["Ann", "Bob"]


def test_what_a_model_learned_from_is_found_again(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [*ROWS])
    found = stream_texts(path, TableOptions().guessing("review.body", "meta.stars.given"))
    assert [row.text for row in found] == ["a fine film", "a dull film"]


def test_a_name_with_a_dot_comes_first(tmp_path: Path) -> None:
    rows = [{"a.b": "outer", "a": {"b": "inner"}, "label": "x"}, {"a.b": "plain", "a": {"b": "deep"}, "label": "y"}]
    data = read_labelled(written(tmp_path / "a.jsonl", rows), TableOptions(text="a.b", label="label"))
    assert data.texts == ["outer", "plain"]
    assert data.source.other_columns == ("a",)


def test_a_row_without_it_and_a_file_without_it_are_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [*ROWS, {"id": 3, "review": "no object", "meta": {"stars": {"given": 2}}}])
    with pytest.raises(InputError, match=r"line 3: the key 'review\.body' is missing"):
        read_labelled(path, OPTIONS)
    with pytest.raises(InputError, match=r"there is no text column 'review\.text'"):
        read_labelled(path, TableOptions(text="review.text", label="meta.stars.given"))


WITHIN = "Within its fields lie 'row.text', 'row.label': name them with --text and --label."
NOT_CLEAR = f"Pass --text NAME --label NAME (a number counts from 1). {WITHIN}"
IN_LISTS = "What lies in a list of objects has no name: write it into a field of its own."


@pytest.mark.parametrize(
    ("beside", "hint"),
    [
        ({"id": 0, "cells": []}, NOT_CLEAR),
        ({}, WITHIN),
        ({"id": 0, "marks": [{"value": "a"}]}, f"{NOT_CLEAR} {IN_LISTS}"),
    ],
)
def test_what_lies_within_fields_is_named(tmp_path: Path, beside: dict[str, object], hint: str) -> None:
    """As hubs and programs for labelling write rows; numbers and lists of nothing were taken for text and label."""
    rows = [{**beside, "row": {"text": f"text {n}", "label": "ab"[n % 2]}} for n in range(6)]
    path = tmp_path / "t.json"
    for content in (json.dumps({"rows": rows}), "\n".join(map(json.dumps, rows))):
        path.write_text(content)
        with pytest.raises(InputError) as caught:
            read_labelled(path)
        assert str(caught.value.hint).endswith(hint)
        assert read_labelled(path, TableOptions(text="row.text", label="row.label")).labels[:2] == ["a", "b"]


def test_fields_are_named_as_deep_as_they_can_be_found(tmp_path: Path) -> None:
    within: dict[str, Any] = {"b": 1, "c": {"d": {"e": "y", "f": {"g": "too deep"}}}, "h": [1], "i": [{}], "j": {}}
    assert fields_within([{"a.b": "x", "a": within}]) == ["a.c.d.e", "a.h"]
    assert len(fields_within([{"a": {str(n): n for n in range(20)}}])) == 10
    path = tmp_path / "t.jsonl"  # in some rows alone
    path.write_text('{"text": "x", "label": "a"}\n{"text": {"en": "y"}, "label": "b"}\n')
    with pytest.raises(InputError) as caught:
        read_labelled(path)
    assert "or pass --max-bad-rows 1" in str(caught.value.hint)
