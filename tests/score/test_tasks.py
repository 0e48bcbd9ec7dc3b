"""What a window of a scored or embedded file becomes, exactly."""

import io
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline.data.options import TableOptions
from frostline.disk import sha256_of
from frostline.errors import ArtifactCorrupt, InputError, RetryError
from frostline.score import job
from frostline.score.answers import Layout, Prediction
from frostline.score.files import _safe, sheet_of
from frostline.score.job import Sections, Window
from frostline.score.labelling import Labelling, Truth, _own_label, agreement, labels_in, tally_of, truth_of
from frostline.score.rows import Embedding, join_rows

if TYPE_CHECKING:
    from frostline.artifact.model import Model

ONE = Layout(kind="one label", labels=("no", "yes"), unlike_below=0.01)
SETS = Layout(kind="several labels", labels=("a", "b"))


def said(*labels: str, **more: Any) -> Prediction:
    return Prediction(text="t", favoured=labels, shares=(0.75,), probability=0.75, probabilities=(0.25, 0.75), **more)


def test_a_window_becomes_its_rows_and_counts_the_texts_that_were_cut() -> None:
    encoder = FakeEncoder(max_length=4)
    texts = ["short", "a text of very many words indeed, cut"]
    made = Embedding(open_encoder=lambda: encoder).made(encoder, Window(0, 0, texts, [], ""))
    assert made.content == encoder.encode(texts).rows.astype("<f4").tobytes()
    assert made.tally == {"all": 2, "cut": int(encoder.encode(texts).cut.sum())}


@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
def test_windows_are_joined_under_the_header_of_the_format(suffix: str) -> None:
    rows = np.arange(6, dtype="<f4").reshape(3, 2)
    out = io.BytesIO()
    sections = Sections(out)
    join_rows(suffix, (3, 2), sections, [(rows[:2].tobytes(), 2), (rows[2:].tobytes(), 1)])
    if suffix == ".npy":
        assert (np.load(io.BytesIO(out.getvalue())) == rows).all()
    else:
        from safetensors.numpy import load  # noqa: PLC0415 - of this one alone

        (held,) = load(out.getvalue()).values()
        assert (held == rows).all()


@pytest.mark.parametrize(
    ("row", "truth"), [({"label": "yes"}, "label"), (["t", "yes"], 1), ({"a": {"b": "yes"}}, "a.b")]
)
def test_the_own_label_of_a_row(row: Any, truth: Any) -> None:
    assert _own_label(row, truth) == "yes"


def test_what_is_counted_of_answers() -> None:
    found = [
        said("yes", likeness=0.5),
        said("no", is_cut=True, likeness=0.0),
        said("no", is_answered=False, likeness=0.01),
    ]
    tally = tally_of(found, ONE)
    assert {name: tally[name] for name in ("all", "cut", "unanswered", "unlike")} == {
        "all": 3,
        "cut": 1,
        "unanswered": 1,
        "unlike": 1,
    }
    assert labels_in(tally) == {"yes": 1, "no": 1}


@pytest.mark.parametrize(
    ("own", "prediction", "layout", "expected"),
    [
        (None, said("yes"), ONE, {}),
        ("", said("yes"), ONE, {}),
        ("yes", said("yes"), ONE, {"labelled": 1, "agree": 1}),
        ("no", said("yes"), ONE, {"labelled": 1, "agree": 0}),
        ("maybe", said("yes"), ONE, {"unknown": 1}),
        ("yes", said("yes", is_answered=False), ONE, {"silent": 1}),
        (["yes"], said("yes"), ONE, {"labelled": 1, "agree": 1}),
        (("no",), said("yes"), ONE, {"labelled": 1, "agree": 0}),
        ('["yes"]', said("yes"), ONE, {"labelled": 1, "agree": 1}),
        ("['no', 'yes']", said("yes"), ONE, {"labelled": 1, "agree": 0}),
        (["no", "yes"], said("yes"), ONE, {"labelled": 1, "agree": 0}),
        (["maybe"], said("yes"), ONE, {"unknown": 1}),
        ([], said("yes"), ONE, {}),
        ("[]", said("yes"), ONE, {}),
        ([], said(), SETS, {"labelled": 1, "agree": 1}),
        ("a,b", said("b", "a"), SETS, {"labelled": 1, "agree": 1}),
        ('["a"]', said("a"), SETS, {"labelled": 1, "agree": 1}),
        (["a", "c"], said("a"), SETS, {"unknown": 1}),
        ("a", said("b"), SETS, {"labelled": 1, "agree": 0}),
    ],
)
def test_a_label_of_the_file_is_compared(own: Any, prediction: Prediction, layout: Layout, expected: Any) -> None:
    known = [str(label) for label in layout.labels]
    assert agreement(own, prediction, layout, known) == Counter(expected)
    is_counted = expected and "unknown" not in expected
    assert agreement(own, prediction, layout, known, is_met=True) == Counter({"met": 1} if is_counted else expected)


def test_a_model_that_is_another_than_the_jobs_is_not_taken(tmp_path: Path) -> None:
    """By a process that opens it later than the first."""
    manifest, model = tmp_path / "manifest.json", cast("Model", object())
    manifest.write_text("{}")
    sheet = sheet_of(Path("f.csv"), ONE, names=(), kinds=())
    task = Labelling(
        open_model=lambda: model, manifest=manifest, manifest_sha256=sha256_of(manifest), sheet=sheet, truth=None
    )
    assert task.open() is model
    manifest.write_text("{ }")
    with pytest.raises(RetryError, match=r"manifest\.json has changed since the job began\. Run the same"):
        task.open()


@pytest.mark.parametrize(
    ("names", "options", "place"),
    [
        (["text", "label"], TableOptions(), 1),
        (["text", "label", "labels"], TableOptions(), None),
        (["text", "other"], TableOptions(), None),
        (["text", "other"], TableOptions(label=2), 1),
        (["text", "other"], TableOptions(label="other"), 1),
        (["other", "text", "label"], TableOptions(guessed_label="other"), 0),
        (["text", "a", "b"], TableOptions(guessed_label="a,b"), {"a": 1, "b": 2}),
        (["text", "a", "b"], TableOptions(labels="b,a"), {"b": 2, "a": 1}),
        (["text", "a"], TableOptions(guessed_label="a,b"), None),
    ],
)
def test_the_column_of_the_own_labels(names: list[str], options: TableOptions, place: Truth | None) -> None:
    assert truth_of(names, options, name="f.tsv") == place


def test_labels_within_objects_and_in_columns_of_their_own() -> None:
    """`a.b` leads into an object; of columns of 0 and 1 those with 1, and none where a cell says neither."""
    within = TableOptions(guessed_label="meta.v")
    assert truth_of(["review", "meta"], within, name="f", are_objects=True) == "meta.v"
    assert truth_of(["review", "meta"], TableOptions(label="meta.v"), name="f", are_objects=True) == "meta.v"
    assert truth_of(["review", "meta"], within, name="f") is None
    assert truth_of(["review", "other"], within, name="f", are_objects=True) is None
    each = {"a": 1, "b": 2}
    assert _own_label(["x", "1", "0"], each) == ["a"]
    assert _own_label(["x", "0", "false"], each) == []
    assert _own_label(["x", "0", "?"], each) is None
    assert _own_label({"t": "x", "a": True, "m": {"b": 1}}, {"a": "a", "b": "m.b"}) == ["a", "b"]
    assert _own_label({"t": "x"}, {"a": "a"}) is None


@pytest.mark.parametrize("label", ["none", 3])
def test_a_label_column_that_is_not_there_is_refused(label: Any) -> None:
    with pytest.raises(InputError, match=rf"^f\.tsv: there is no label column '{label}'\. Leave label out\.$"):
        truth_of(["text", "label"], TableOptions(label=label), name="f.tsv")


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"),
        (" =1+1", "' =1+1"),
        ("=", "'="),
        ("@a", "'@a"),
        *((f"{begin}a", f"'{begin}a") for begin in ("+", "\uff1d", "\uff0b", "\uff0d", "\uff20")),
        *((f" {left_out}=1", f"' {left_out}=1") for left_out in '" \t\r\n\0'),
        ("\ta", "'\ta"),
        ("\0", "'\0"),
        ("-1.5", "-1.5"),
        ("-a", "'-a"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_a_cell_that_a_spreadsheet_would_compute_gets_an_apostrophe(cell: str, safe: str) -> None:
    assert _safe(cell) == safe


def test_cells_are_left_as_they_are_unless_it_is_asked_for() -> None:
    sheet = sheet_of(Path("f.csv"), ONE, names=("t",), kinds=("text",))
    assert sheet.is_safe is False


def test_a_manifest_of_a_job_has_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(b'{"a": 1}')
    monkeypatch.setattr(job, "_MANIFEST_BYTES", 8)
    assert job._content(path) == {"a": 1}
    monkeypatch.setattr(job, "_MANIFEST_BYTES", 7)
    with pytest.raises(ArtifactCorrupt, match=r"m\.json must have at most 7 bytes\.$"):
        job._content(path)
