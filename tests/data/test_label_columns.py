"""One column of 0 and 1 for each label: `--labels toxic,insult,threat`."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from frostline.data.options import TableOptions, joined_names, names_in
from frostline.data.tables import read_dataset, read_labelled, stream_texts
from frostline.errors import InputError, UsageError

TEXTS = ["you are kind", "you are a fool", "I will find you, fool", "see you there"]
MARKS = {"toxic": [0, 1, 1, 0], "insult": [0, 1, 1, 0], "threat": [0, 0, 1, 0]}
NAMES = [(), ("insult", "toxic"), ("insult", "threat", "toxic"), ()]
FRAME = pd.DataFrame({"id": ["a1", "a2", "a3", "a4"], "comment_text": TEXTS, **MARKS})
OPTIONS = TableOptions(labels="toxic,insult,threat")


def saved(folder: Path, frame: pd.DataFrame, suffix: str) -> Path:
    path = folder / f"rows.{suffix}"
    match suffix:
        case "tsv":
            frame.to_csv(path, sep="\t", index=False)
        case "csv":
            frame.to_csv(path, index=False)
        case "json":
            frame.to_json(path, orient="records", indent=1)
        case "jsonl":
            frame.to_json(path, orient="records", lines=True)
        case "parquet":
            frame.to_parquet(path)
        case "feather":
            feather.write_feather(frame, path)
    return path


@pytest.mark.parametrize("kind", [int, bool, float, str])
@pytest.mark.parametrize("suffix", ["tsv", "csv", "json", "jsonl", "parquet", "feather"])
def test_each_column_is_a_label(tmp_path: Path, suffix: str, kind: type) -> None:
    path = saved(tmp_path, FRAME.astype(dict.fromkeys(MARKS, kind)), suffix)
    data = read_labelled(path, OPTIONS)
    assert (data.texts, data.names) == (TEXTS, NAMES)
    source = data.source
    assert (source.text_column, source.label_column) == ("comment_text", "toxic,insult,threat")
    assert source.other_columns == ("id",)


@pytest.mark.parametrize("labels", ["3,4,5", "3-5", " toxic , 4-5", "toxic,insult,threat,toxic"])
def test_columns_are_named_by_names_numbers_and_from_one_to_another(tmp_path: Path, labels: str) -> None:
    assert read_labelled(saved(tmp_path, FRAME, "csv"), TableOptions(labels=labels)).names == NAMES


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_a_column_whose_name_holds_a_comma_is_named_in_quotes(tmp_path: Path, suffix: str) -> None:
    """As in CSV; a model that learned from it finds it again."""
    odd = {"toxic": "hate, threat", "insult": '5" of it', "threat": "threat"}
    path = saved(tmp_path, FRAME.rename(columns=odd), suffix)
    named = TableOptions(
        labels='"hate, threat", "5"" of it",threat', text="comment_text", quoted=suffix in {"csv", "tsv"}
    )
    data = read_labelled(path, named)
    assert data.names == [tuple(sorted(odd[name] for name in names)) for names in NAMES]
    assert data.source.label_column == '"hate, threat","5"" of it",threat'
    again = TableOptions(quoted=named.quoted).guessing(data.source.text_column, data.source.label_column)
    assert read_labelled(path, again).names == data.names
    with pytest.raises(InputError) as caught:
        read_labelled(path, TableOptions(quoted=named.quoted))
    assert str(caught.value.hint).endswith("""--labels '"hate, threat","5"" of it",threat'.""")


def test_what_names_columns_is_parted_at_commas_outside_quotes() -> None:
    for names in (["a", "b"], ["a,b", "c"], ['"a"', 'b"c', ","], ["a, b"], ['say "so"'], ["a", " b "]):
        assert names_in(joined_names(names)) == names if len(names) > 1 else joined_names(names) == names[0]
    assert names_in('a\n,"b') == ["a\n", '"b']  # no CSV
    with pytest.raises(UsageError, match="two at least"):
        TableOptions(labels='"hate, threat"')


def test_without_a_header_labels_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("".join(f"{text}\t{n % 2}\t1\n" for n, text in enumerate(TEXTS)), "utf-8")
    data = read_labelled(path, TableOptions(labels="2,3"))
    assert data.names == [("column 3",), ("column 2", "column 3")] * 2


def test_a_model_reads_them_again(tmp_path: Path) -> None:
    """By the names that were kept, for labels and for texts alone; an option that names others comes first."""
    known = TableOptions().guessing("comment_text", "toxic,insult,threat")
    path = saved(tmp_path, FRAME, "tsv")
    assert read_labelled(path, known).names == NAMES
    assert [row.text for row in stream_texts(path, known)] == TEXTS
    other = TableOptions(labels="threat,insult").guessing("comment_text", "toxic,insult,threat")
    assert read_labelled(path, other).names == [(), ("insult",), ("insult", "threat"), ()]
    one = TableOptions(label="threat").guessing("comment_text", "toxic,insult,threat")
    assert read_labelled(path, one).labels == ["0", "0", "1", "0"]


def test_a_file_without_the_columns_learned_from_is_told(tmp_path: Path) -> None:
    known = TableOptions().guessing("words", "toxic,insult,threat")
    found = read_labelled(saved(tmp_path, FRAME, "tsv"), known)
    assert found.source.remark.endswith(
        "the column that the model learned from is not there ('words'): texts are 'comment_text', labels are "
        "'toxic,insult,threat'."
    )


def test_the_texts_are_the_longest_of_the_others(tmp_path: Path) -> None:
    frame = FRAME.rename(columns={"comment_text": "was gesagt wurde"})
    assert read_labelled(saved(tmp_path, frame, "csv"), OPTIONS).texts == TEXTS
    frame["more"] = frame["was gesagt wurde"]
    with pytest.raises(InputError, match="which column is the text is not clear"):
        read_labelled(saved(tmp_path, frame, "csv"), OPTIONS)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(("value", "told"), [("yes", "'yes'"), ("-1", "'-1'"), ("2", "'2'"), ("", "''")])
def test_any_other_value_is_named_with_its_line(tmp_path: Path, suffix: str, value: str, told: str) -> None:
    frame = FRAME.astype(dict.fromkeys(MARKS, str))
    frame.loc[2, "insult"] = value
    path = saved(tmp_path, frame, suffix)
    line = {"csv": 4}.get(suffix, 3)
    with pytest.raises(
        InputError, match=rf"1 of 4 rows .*line {line}: the column 'insult' must hold 0 or 1 \(got {told}\)"
    ):
        read_labelled(path, OPTIONS)
    assert len(read_labelled(path, TableOptions(labels="toxic,insult,threat", max_bad_rows=1))) == 3


@pytest.mark.parametrize(
    ("value", "told"), [(2, "2"), (0.5, "0.5"), (None, "null"), ([1], "a list"), ({}, "an object")]
)
def test_other_values_of_json_are_named(tmp_path: Path, value: Any, told: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"text": "a", "x": 1, "y": 0}, {"text": "b", "x": value, "y": 1}]), "utf-8")
    with pytest.raises(InputError, match=rf"line 1: the column 'x' must hold 0 or 1 \(got {told}\)"):
        read_labelled(path, TableOptions(labels="x,y"))


def test_missing_values_of_parquet_are_named(tmp_path: Path) -> None:
    table = pa.table({"text": TEXTS, "x": [1, None, 0, 1], "y": [0, 1, 1, 1]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"line 2: the column 'x' must hold 0 or 1 \(got null\)"):
        read_labelled(tmp_path / "a.parquet", TableOptions(labels="x,y"))


def test_a_key_that_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "x": 1, "y": 0}\n{"text": "b", "x": 1}\n', "utf-8")
    with pytest.raises(InputError, match="line 2: the key 'y' is missing"):
        read_labelled(path, TableOptions(labels="x,y"))


def test_a_column_of_zeros_is_no_label_and_said(tmp_path: Path) -> None:
    frame = FRAME.assign(spam=0, fraud=0)
    found = read_labelled(saved(tmp_path, frame, "tsv"), TableOptions(labels="toxic,spam,fraud"))
    assert found.targets.labels == ("toxic",)
    assert found.source.remark.endswith(": 'spam', 'fraud' hold 0 in every row: no text has the labels.")
    found = read_labelled(saved(tmp_path, frame, "tsv"), TableOptions(labels="toxic,spam"))
    assert found.source.remark.endswith(": 'spam' holds 0 in every row: no text has the label.")


def test_fields_within_fields_may_be_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [
        {"text": text, "cats": {"toxic": mark, "kind": 1 - mark}}
        for text, mark in zip(TEXTS, [0, 1, 1, 0], strict=True)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    expected = [("cats.kind",), ("cats.toxic",), ("cats.toxic",), ("cats.kind",)]
    assert read_labelled(path, TableOptions(labels="cats.toxic,cats.kind")).names == expected
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert read_labelled(tmp_path / "a.parquet", TableOptions(labels="cats.toxic,cats.kind")).names == expected


def test_whoever_does_not_name_them_is_told_how(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_labelled(saved(tmp_path, FRAME, "csv"))
    assert "which column is the label is not clear" in caught.value.message
    assert caught.value.hint is not None
    assert caught.value.hint.endswith("If each label has a column of 0 and 1: --labels toxic,insult,threat.")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"labels": "a,b", "label": "a"}, "and a label column exclude each other"),
        ({"labels": "a,b", "labels_separator": ";"}, "and a separator of labels exclude each other"),
        ({"labels": "a"}, "two at least"),
        ({"labels": "a,"}, "two at least"),
        ({"labels": ""}, "two at least"),
    ],
)
def test_senseless_options_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        TableOptions(**options)


def test_refusals_of_the_file(tmp_path: Path) -> None:
    path = saved(tmp_path, FRAME, "csv")
    with pytest.raises(InputError, match=r"no labels column 'insults'\. Did you mean 'insult'\?") as caught:
        read_labelled(path, TableOptions(labels="toxic,insults"))
    assert caught.value.hint == "Pass --labels NAME,NAME (a number counts from 1)."
    with pytest.raises(InputError, match="there is no column 9"):
        read_labelled(path, TableOptions(labels="3,9"))
    with pytest.raises(InputError, match="the text and a label cannot be one column"):
        read_labelled(path, TableOptions(text="toxic", labels="toxic,insult"))
    with pytest.raises(InputError, match="here a text has one label"):
        read_dataset(path, OPTIONS)
    (tmp_path / "ft").write_text("__label__a some text\n", "utf-8")
    with pytest.raises(InputError, match="fastText's lines have no columns of 0 and 1"):
        read_labelled(tmp_path / "ft", OPTIONS)
