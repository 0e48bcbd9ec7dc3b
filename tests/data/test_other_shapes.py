"""Files as people have them: JSON that is no JSON Lines, fastText's lines, Arrow, Excel's and pandas' own ways."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather

from frostline.data.options import TableLimits, TableOptions
from frostline.data.tables import read_labelled, stream_texts
from frostline.errors import InputError

TEXTS = ["a fine film", "a bad one", 'so, "so"', "dull"]
LABELS = ["pos", "neg", "pos", "neg"]
ROWS = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
FRAME = pd.DataFrame(ROWS)


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(path: Path, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read_labelled(path, TableOptions(**options))
    return caught.value


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (json.dumps(ROWS), [1, 1, 1, 1]),
        (json.dumps(ROWS, indent=1), [2, 6, 10, 14]),
        ("\n".join(json.dumps(row, indent=2) for row in ROWS), [1, 5, 9, 13]),
        ("\ufeff[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n", [2, 3, 4, 5]),
        (json.dumps({"version": 3, "data": ROWS}), [1, 2, 3, 4]),
        (json.dumps({"version": "3", "data": ROWS}, indent=1), [1, 2, 3, 4]),
        (json.dumps({"text": TEXTS, "label": LABELS}), [1, 2, 3, 4]),
        ("".join(map(json.dumps, ROWS)), [1, 1, 1, 1]),
        (" ".join(map(json.dumps, ROWS)), [1, 1, 1, 1]),
        ("".join(f"\x1e{json.dumps(row)}\n" for row in ROWS), [1, 2, 3, 4]),
        (FRAME.to_json(), [1, 2, 3, 4]),
        (FRAME.to_json(orient="records"), [1, 1, 1, 1]),
        (FRAME.to_json(orient="split"), [1, 2, 3, 4]),
        (FRAME.to_json(orient="index"), [1, 2, 3, 4]),
        (json.dumps({"data": {"rows": ROWS}}), [1, 2, 3, 4]),
    ],
    ids=[
        "list",
        "list indented",
        "objects indented",
        "a row a line",
        "in data",
        "in data indented",
        "columns",
        "behind one another",
        "parted by blanks",
        "a text sequence",
        "pandas",
        "pandas records",
        "pandas split",
        "pandas index",
        "in data in rows",
    ],
)
@pytest.mark.parametrize("name", ["t.json", "t.jsonl", "t"])
def test_json_of_any_shape_is_read(tmp_path: Path, name: str, content: str, lines: list[int]) -> None:
    path = written(tmp_path, name, content)
    dataset = read_labelled(path)
    assert (list(dataset.texts), dataset.labels, list(dataset.lines)) == (TEXTS, LABELS, lines)
    assert [row.text for row in stream_texts(path)] == TEXTS


def test_json_lines_stay_json_lines(tmp_path: Path) -> None:
    """A row that holds lists, a list of objects, or whose first line is broken, is a row."""
    rows = [{"text": "a", "label": ["x", "y"], "spans": [{"at": 1}]}, {"text": "b", "label": [], "spans": []}]
    dataset = read_labelled(written(tmp_path, "t.jsonl", "\n".join(map(json.dumps, rows))))
    assert dataset.names == [("x", "y"), ()]
    broken = "{broken}\n" + "\n".join(map(json.dumps, ROWS))
    assert (
        "1 of 5 rows cannot be read (0 allowed): line 1: not JSON"
        in refused(written(tmp_path, "b.jsonl", broken)).message
    )
    whole = read_labelled(tmp_path / "b.jsonl", TableOptions(max_bad_rows=1))
    assert list(whole.lines) == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "[1, 2]",
            '2 of 2 rows cannot be read (0 allowed): line 1: must be a JSON object, as {"text": …, "label": …} (got a ',
        ),
        ("[{}\n{}]", "t.json:2: not JSON: a list must go on with a comma, or end."),
        ("[{},\n]", "t.json:1: not JSON: an element must follow a comma."),
        ("[\n{},", "t.json:2: not JSON: an element must follow a comma."),
        ("[{}", "t.json:1: not JSON: a list must go on with a comma, or end."),
        ("[", "t.json:1: not JSON: the list is not closed."),
        ("[{}]\n{}", "t.json:1: not JSON: something follows the list."),
        ("{\n'a': 1}", "t.json:2: not JSON: Expecting property name enclosed in double quotes."),
        ('{\n"a": NaN}', "t.json:1: NaN is not JSON."),
        ("[" * 70 + "]" * 70, "t.json:1: JSON nests deeper than 65 levels."),
        ('[{"text": 1e999}]', "text"),
    ],
    ids=range(11),
)
def test_json_that_is_broken_is_named_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    assert said in refused(written(tmp_path, "t.json", content)).message


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"document_bytes": 1024**2}, "must have at most 1 MB as one JSON document."),
        ({"document_values": 11}, "t.json:1: JSON holds more than 11 values."),
    ],
)
def test_a_document_is_bounded(tmp_path: Path, limits: dict[str, int], said: str) -> None:
    many = [*ROWS, {"text": "x" * 1024**2, "label": "pos"}]
    path = written(tmp_path, "t.json", json.dumps(many if "document_bytes" in limits else ROWS))
    assert said in refused(path, limits=TableLimits(**limits)).message
    fitting = TableOptions(limits=TableLimits(document_values=12, document_bytes=len(json.dumps(ROWS))))
    assert len(read_labelled(written(tmp_path, "u.json", json.dumps(ROWS)), fitting)) == 4


def test_bytes_of_another_encoding_in_a_document_are_named_or_replaced(tmp_path: Path) -> None:
    path = written(tmp_path, "t.json", json.dumps(ROWS, indent=1).encode().replace(b"dull", b"d\xfcll"))
    assert "t.json:15: invalid start byte" in refused(path).message
    assert read_labelled(path, TableOptions(encoding="latin-1")).texts[3] == "d\xfcll"
    assert read_labelled(path, TableOptions(on_bad_text="replace")).texts[3] == "d\ufffdll"


def test_whole_numbers_written_with_a_point_are_labels(tmp_path: Path) -> None:
    """Stars as many review sets have them."""
    rows = [{"text": text, "stars": stars} for text, stars in zip(TEXTS, [5.0, 1.0, 5.0, 1], strict=True)]
    assert read_labelled(written(tmp_path, "t.jsonl", "\n".join(map(json.dumps, rows)))).labels == ["5", "1", "5", "1"]
    rows[0]["stars"] = 4.5
    error = refused(written(tmp_path, "u.jsonl", "\n".join(map(json.dumps, rows))))
    assert "line 1: the label must be a string, a whole number or a boolean (got 4.5)" in error.message


def test_fasttexts_lines_are_read(tmp_path: Path) -> None:
    lines = [f"__label__{label} {text}" for label, text in zip(LABELS, TEXTS, strict=True)]
    path = written(tmp_path, "train.txt", "\n".join(lines) + "\n")
    dataset = read_labelled(path)
    assert (list(dataset.texts), dataset.labels, list(dataset.lines)) == (TEXTS, LABELS, [1, 2, 3, 4])
    assert [row.text for row in stream_texts(path)] == TEXTS
    assert len(read_labelled(written(tmp_path, "t.csv", path.read_bytes()), TableOptions(format="fasttext"))) == 4


def test_fasttexts_lines_may_have_several_labels(tmp_path: Path) -> None:
    """Known by the first 200 rows; later ones with another number are then faults."""
    path = written(tmp_path, "t.txt", "__label__a __label__b one\n\n__label__a two\nthree\n")
    dataset = read_labelled(path)
    assert (list(dataset.texts), dataset.names) == (["one", "two", "three"], [("a", "b"), ("a",), ()])
    late = "__label__a x\n" * 200 + "__label__a __label__b late\nnone\n__label__a\n"
    assert refused(written(tmp_path, "late.txt", late)).message.endswith(
        "3 of 203 rows cannot be read (0 allowed): "
        "line 201: must have one label, as the rows before it (it has 'a', 'b'); "
        "line 202: must have one label, as the rows before it (it has none); line 203: the text is empty."
    )
    nothing = refused(written(tmp_path, "none.txt", "a b c\n"), format="fasttext")
    assert nothing.message.endswith("none.txt must have labels that begin with __label__ (the first rows have none).")


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0", "  ", " \t ", "\0", " , ", "\x0b"], ids=ascii)
@pytest.mark.parametrize("before", ["", "  ", "\t"], ids=ascii)
def test_any_blank_parts_fasttexts_label_from_its_text(tmp_path: Path, before: str, blank: str) -> None:
    """With another one than a space the label was the whole line; fastText's own examples write a comma."""
    content = "".join(f"{before}__label__{label}{blank}{text}\n" for label, text in zip(LABELS, TEXTS, strict=True))
    data = read_labelled(written(tmp_path, "t.txt", content), TableOptions(format="fasttext"))
    assert (data.texts, data.labels) == (TEXTS, LABELS)
    if not before:  # and the file is known by its first line
        assert read_labelled(written(tmp_path, "t.txt", content)).labels == LABELS


def test_no_label_of_fasttexts_is_left_in_the_text(tmp_path: Path) -> None:
    """Wherever it stands; fastText takes it for a label there too. A word that holds the mark is a word."""
    content = "__label__a one __label__b two\nx__label__c three, , four __label__a\n__label__b\t__label__a five\n"
    path = written(tmp_path, "t.txt", content)
    data = read_labelled(path)
    assert data.texts == ["one two", "x__label__c three, , four", "five"]
    assert data.names == [("a", "b"), ("a",), ("a", "b")]
    assert [row.text for row in stream_texts(path)] == data.texts


@pytest.mark.parametrize("name", ["t.feather", "t.arrow", "t", "t.csv"])
@pytest.mark.parametrize("way", ["file", "stream", "feather"])
def test_arrow_is_read(tmp_path: Path, name: str, way: str) -> None:
    table, out = pa.table({"id": [4, 5, 6, 7], "text": TEXTS, "label": LABELS}), io.BytesIO()
    if way == "feather":
        feather.write_feather(table, out)
    else:
        with (pa.ipc.new_file if way == "file" else pa.ipc.new_stream)(out, table.schema) as writer:
            writer.write_table(table)
    path = written(tmp_path, name, out.getvalue())
    dataset = read_labelled(path)
    assert (list(dataset.texts), dataset.labels, list(dataset.lines)) == (TEXTS, LABELS, [1, 2, 3, 4])
    assert [row.text for row in stream_texts(path)] == TEXTS
    message = refused(written(tmp_path, name, out.getvalue()[:60])).message
    assert message.startswith(f"{path} is not an Arrow file that can be read: ")


def test_what_is_said_to_be_arrow_must_begin_so(tmp_path: Path) -> None:
    error = refused(written(tmp_path, "t.arrow", "text,label\na,b\n"))
    assert error.message.endswith("t.arrow must begin as Arrow files and streams do.")


@pytest.mark.parametrize("mark", [";", ",", "\t", "|"])
@pytest.mark.parametrize("begin", ["", "\ufeff"])
@pytest.mark.parametrize(("name", "quote"), [("t.csv", ""), ("t", ""), ("t.csv", '"'), ("t", '"')])
def test_excels_line_that_names_the_delimiter_is_no_row(
    tmp_path: Path, name: str, quote: str, begin: str, mark: str
) -> None:
    rows = "".join(
        f'"{text.replace(chr(34), chr(34) * 2)}"{mark}{label}\r\n' for text, label in zip(TEXTS, LABELS, strict=True)
    )
    path = written(tmp_path, name, f"{begin}{quote}sep={mark}{quote}\r\ntext{mark}label\r\n{rows}")
    dataset = read_labelled(path)
    assert (list(dataset.texts), dataset.labels, list(dataset.lines)) == (TEXTS, LABELS, [3, 4, 5, 6])
    assert [row.text for row in stream_texts(path)] == TEXTS
    assert list(read_labelled(path, TableOptions(delimiter=mark)).lines) == [3, 4, 5, 6]


def test_a_tsv_that_pandas_quoted_is_read_as_it_was(tmp_path: Path) -> None:
    """Where every cell with a quote is well quoted, and one has doubled ones; else a quote is a letter."""
    path = tmp_path / "t.tsv"
    FRAME.to_csv(path, sep="\t", index=False)
    assert list(read_labelled(path).texts) == TEXTS
    assert [row.text for row in stream_texts(path)] == TEXTS
    assert read_labelled(path, TableOptions(quoted=False)).texts[2] == '"so, ""so"""'
    for text in ('"so"', '5" screen', '"a ""b"" c" d'):
        path.write_text(f'text\tlabel\n"so, ""so"""\tpos\n{text}\tneg\n')
        expected = "so" if text == '"so"' else text
        assert read_labelled(path).texts[1] == expected
    path.write_text('text\tlabel\n"so"\tpos\nb\tneg\n')
    assert read_labelled(path).texts[0] == '"so"'


@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("header", [["text", "stars"], None])
def test_a_tsv_whose_every_text_is_quoted_is_read_without_the_quotes(
    tmp_path: Path, header: list[str] | None, quoting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They became part of texts and labels, in silence; through a pipe, too, as far as its first 200 lines tell."""
    frame = pd.DataFrame({"text": TEXTS * 2, "stars": [5, 1] * 4})
    frame["text"] = frame["text"].str.replace('"', "")
    content = frame.to_csv(sep="\t", index=False, header=header is not None, quoting=quoting).encode()
    options = TableOptions(text=1, label=2, header=header is not None)
    for read in (read_labelled(written(tmp_path, "t.tsv", content), options), None):
        if read is None:
            monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": io.BytesIO(content)}))
        data = read or read_labelled("-", replace(options, format="tsv"))
        assert (data.texts, data.labels) == (list(frame["text"]), ["5", "1"] * 4)
    speech = "".join(f'"so {n}"\ta\n' for n in range(5)) + "bare\tb\n" + '"so"\tb\n'
    assert read_labelled(written(tmp_path, "s.tsv", speech)).texts[0] == '"so 0"'  # some of the texts alone: speech
    assert read_labelled(written(tmp_path, "r.tsv", '"so"\ta\n"oh"\tb\n')).texts == ['"so"', '"oh"']  # two are few


def test_empty_cells_beyond_the_header_are_none(tmp_path: Path) -> None:
    """As spreadsheets leave them; a cell with something in it is a fault of its row."""
    path = written(tmp_path, "t.csv", 'text,label\na,x,,\nb,y,,\n"",x,\nc,y\n')
    assert list(read_labelled(path, TableOptions(max_bad_rows=1)).texts) == ["a", "b", "c"]
    error = refused(written(tmp_path, "u.csv", "text,label\na,x,,\nb,y,,z\n"))
    assert "line 3: must have 2 cells (it has 4)" in error.message


def test_two_lists_of_rows_are_not_guessed_between(tmp_path: Path) -> None:
    error = refused(written(tmp_path, "t.json", json.dumps({"train": ROWS, "test": ROWS})))
    assert error.message.endswith("t.json must hold one list of rows (it holds 2: 'train', 'test').")
    assert error.hint == "Write each into a file of its own."


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt", "t.jsonl", "t.ft"])
def test_fasttext_is_known_by_its_first_line_whatever_the_suffix(tmp_path: Path, name: str) -> None:
    data = read_labelled(written(tmp_path, name, "__label__pos nice, good\n__label__neg bad; dull\n"))
    assert (data.texts, data.labels) == (["nice, good", "bad; dull"], ["pos", "neg"])


@pytest.mark.parametrize(("name", "mark"), [("t.tsv", "\t"), ("t.csv", ",")])
def test_a_column_of_such_labels_is_a_column(tmp_path: Path, name: str, mark: str) -> None:
    content = "".join(f"__label__{'pos' if n % 2 else 'neg'}{mark}a film of some length {n}\n" for n in range(6))
    data = read_labelled(written(tmp_path, name, content))
    assert data.texts[1] == "a film of some length 1"
