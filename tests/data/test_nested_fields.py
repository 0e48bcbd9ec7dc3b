"""Fields within fields of JSON, named as `a.b`."""

import json
from pathlib import Path
from typing import Any

import pytest

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


def test_a_row_without_it_and_a_file_without_it_are_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [*ROWS, {"id": 3, "review": "no object", "meta": {"stars": {"given": 2}}}])
    with pytest.raises(InputError, match=r"line 3: the key 'review\.body' is missing"):
        read_labelled(path, OPTIONS)
    with pytest.raises(InputError, match=r"there is no text column 'review\.text'"):
        read_labelled(path, TableOptions(text="review.text", label="meta.stars.given"))
