"""Answers as files, as JSON and as lines: every byte, for one label per text and for several, with and without one."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow.parquet as pq
import pytest

from fakes import FakeEncoder
from frostline.artifact.model import Model
from frostline.errors import UsageError
from frostline.head.linear import LinearHead, Rule
from frostline.score.answers import (
    Layout,
    Prediction,
    answered,
    as_document,
    as_line,
    layout_of,
    predictions,
)
from frostline.score.files import refuse_separator, write_predictions
from frostline.targets import Label

ODD = 'a "plain"\tone,\r\ntwo\u2028three'
"""Everything that a table has to quote, and a line break that is none."""


def one(text: str, label: Label, probability: float, *others: float, **more: Any) -> Prediction:
    """Of labels that exclude each other."""
    return Prediction(
        text=text, favoured=(label,), shares=(probability,), probability=probability, probabilities=others, **more
    )


def some(text: str, favoured: dict[Label, float], probability: float, *others: float, **more: Any) -> Prediction:
    """Of labels that do not."""
    return Prediction(
        text=text,
        favoured=tuple(favoured),
        shares=tuple(favoured.values()),
        probability=probability,
        probabilities=others,
        **more,
    )


ONE = Layout(kind="one label", labels=("a,é", "b"), may_abstain=True)
ONES = [
    one(ODD, "b", 0.75, 0.25, 0.75),
    one("", "b", 0.8765432109, 0.1234567891, 0.8765432109, is_cut=True, is_answered=False),
    one("=1+1", "a,é", 0.4, 0.4, 0.6),
]
SEVERAL = Layout(kind="several labels", labels=("a", "b", "c\t1"))
SETS = [
    some(ODD, {"c\t1": 0.75, "a": 0.5}, 0.1, 0.5, 0.1234567891, 0.75),
    some("", {}, 0.1, 0.1, 0.2, 0.3, is_cut=True),
    some("=1+1", {"b": 1.0}, 0.1, 0.0, 1.0, 1e-9),
]


BYTES = {
    "one.tsv": (
        "text\tlabel\tprobability\tp(a,é)\tp(b)\n"
        'a "plain" one,  two\u2028three\tb\t0.75\t0.25\t0.75\n'
        "\t\t0.876543\t0.123457\t0.876543\n"
        "=1+1\ta,é\t0.4\t0.4\t0.6\n"
    ),
    "one.csv": (
        'text,label,probability,"p(a,é)",p(b)\n'
        '"a ""plain""\tone,\r\ntwo\u2028three",b,0.75,0.25,0.75\n'
        ",,0.876543,0.123457,0.876543\n"
        '=1+1,"a,é",0.4,0.4,0.6\n'
    ),
    "one.jsonl": (
        '{"text": "a \\"plain\\"\\tone,\\r\\ntwo\u2028three", "label": "b", '
        '"probabilities": {"a,é": 0.25, "b": 0.75}}\n'
        '{"text": "", "label": null, "probabilities": {"a,é": 0.1234567891, "b": 0.8765432109}}\n'
        '{"text": "=1+1", "label": "a,é", "probabilities": {"a,é": 0.4, "b": 0.6}}\n'
    ),
    "several.tsv": (
        "text\tlabels\tp(a)\tp(b)\tp(c 1)\n"
        'a "plain" one,  two\u2028three\tc 1,a\t0.5\t0.123457\t0.75\n'
        "\t\t0.1\t0.2\t0.3\n"
        "=1+1\tb\t0\t1\t1e-09\n"
    ),
    "several.csv": (
        "text,labels,p(a),p(b),p(c\t1)\n"
        '"a ""plain""\tone,\r\ntwo\u2028three","c\t1,a",0.5,0.123457,0.75\n'
        ",,0.1,0.2,0.3\n"
        "=1+1,b,0,1,1e-09\n"
    ),
    "several.jsonl": (
        '{"text": "a \\"plain\\"\\tone,\\r\\ntwo\u2028three", "labels": ["c\\t1", "a"], '
        '"probabilities": {"a": 0.5, "b": 0.1234567891, "c\\t1": 0.75}}\n'
        '{"text": "", "labels": [], "probabilities": {"a": 0.1, "b": 0.2, "c\\t1": 0.3}}\n'
        '{"text": "=1+1", "labels": ["b"], "probabilities": {"a": 0.0, "b": 1.0, "c\\t1": 1e-09}}\n'
    ),
}


@pytest.mark.parametrize("name", BYTES)
def test_a_file_has_these_bytes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    made, layout = (ONES, ONE) if name.startswith("one") else (SETS, SEVERAL)
    assert write_predictions(path, iter(made), layout) == 3
    assert path.read_bytes().decode("utf-8") == BYTES[name]


def test_parquet_has_these_columns(tmp_path: Path) -> None:
    write_predictions(tmp_path / "one.parquet", ONES, ONE)
    table = pq.read_table(tmp_path / "one.parquet")
    assert [str(field.type) for field in table.schema] == ["string", "string", "double", "double", "double"]
    assert table.to_pydict() == {
        "text": [ODD, "", "=1+1"],
        "label": ["b", None, "a,é"],
        "probability": [0.75, 0.8765432109, 0.4],
        "p(a,é)": [0.25, 0.1234567891, 0.4],
        "p(b)": [0.75, 0.8765432109, 0.6],
    }
    write_predictions(tmp_path / "several.parquet", SETS, SEVERAL)
    table = pq.read_table(tmp_path / "several.parquet")
    assert [str(field.type) for field in table.schema] == ["string", "list<element: string>", *["double"] * 3]
    assert table.to_pydict() == {
        "text": [ODD, "", "=1+1"],
        "labels": [["c\t1", "a"], [], ["b"]],
        "p(a)": [0.5, 0.1, 0.0],
        "p(b)": [0.1234567891, 0.2, 1.0],
        "p(c\t1)": [0.75, 0.3, 1e-9],
    }


@pytest.mark.parametrize("layout", [ONE, SEVERAL])
def test_no_text_at_all_gives_a_file_with_its_columns(tmp_path: Path, layout: Layout) -> None:
    for suffix in ("tsv", "csv", "jsonl", "parquet"):
        assert write_predictions(tmp_path / f"none.{suffix}", [], layout) == 0
    header = (tmp_path / "none.tsv").read_text("utf-8").rstrip("\n").split("\t")
    assert header[0] == "text"
    assert (tmp_path / "none.jsonl").read_bytes() == b""
    assert len(pq.read_table(tmp_path / "none.parquet").schema) == len(header)


def test_labels_that_are_no_strings_stay_what_they_are_in_json_alone(tmp_path: Path) -> None:
    layout = Layout(kind="one label", labels=(False, True))
    made = one("x", True, 0.75, 0.25, 0.75)
    assert as_document(made, layout) == {"text": "x", "label": True, "probabilities": {"False": 0.25, "True": 0.75}}
    write_predictions(tmp_path / "a.tsv", [made], layout)
    assert (tmp_path / "a.tsv").read_text("utf-8").splitlines()[1] == "x\tTrue\t0.75\t0.25\t0.75"
    several = Layout(kind="several labels", labels=(1, 2))
    assert as_document(some("x", {2: 0.5}, 0.1, 0.1, 0.5), several)["labels"] == [2]


# --- no answer, beside the answer that is no label


SEVERAL_UNSURE = Layout(kind="several labels", labels=("a", "b"), may_abstain=True)
UNSURE = [
    some("sure of none", {}, 0.9801, 0.01, 0.01),
    some("unsure of none", {}, 0.3025, 0.45, 0.45, is_answered=False),
    some("unsure of a", {"a": 0.6}, 0.36, 0.6, 0.4, is_answered=False),
]


def test_no_answer_is_told_from_an_answer_without_labels_in_every_format(tmp_path: Path) -> None:
    for suffix in ("tsv", "csv", "jsonl", "parquet"):
        write_predictions(tmp_path / f"a.{suffix}", UNSURE, SEVERAL_UNSURE)
    assert (tmp_path / "a.tsv").read_text("utf-8") == (
        "text\tlabels\tanswered\tp(a)\tp(b)\n"
        "sure of none\t\ttrue\t0.01\t0.01\n"
        "unsure of none\t\tfalse\t0.45\t0.45\n"
        "unsure of a\t\tfalse\t0.6\t0.4\n"
    )
    assert (tmp_path / "a.csv").read_text("utf-8").splitlines()[:2] == [
        "text,labels,answered,p(a),p(b)",
        "sure of none,,true,0.01,0.01",
    ]
    assert pq.read_table(tmp_path / "a.parquet")["labels"].to_pylist() == [[], None, None]
    assert [as_document(made, SEVERAL_UNSURE)["labels"] for made in UNSURE] == [[], None, None]
    assert [as_line(made, SEVERAL_UNSURE) for made in UNSURE] == ["\t", "\t0.3025", "\t0.3600"]


def test_a_line_of_one_label_is_label_tab_probability() -> None:
    assert [as_line(made, ONE) for made in ONES] == ["b\t0.7500", "\t0.8765", "a,é\t0.4000"]
    steering = one("x", "\x1b[2J", 0.5, 0.5, 0.5)
    assert as_line(steering, ONE) == "'\\x1b[2J'\t0.5000"


def test_a_line_of_several_joins_them_and_quotes_what_holds_the_separator() -> None:
    made = some("x", {"a": 0.75, "b,c": 0.5}, 0.1, 0.75, 0.5)
    assert as_line(made, Layout(kind="several labels", labels=("a", "b,c"))) == "a, 'b,c'\t0.7500, 0.5000"
    assert as_line(made, Layout(kind="several labels", labels=("a", "b,c"), separator=";")) == "a;b,c\t0.7500;0.5000"


def test_only_where_labels_are_joined_must_they_not_hold_the_separator() -> None:
    joined = Layout(kind="several labels", labels=("a,b", "c"))
    for suffix in (".tsv", ".csv"):
        with pytest.raises(UsageError, match=r"The separator ',' must not occur in a label \(it does in 'a,b'\)"):
            refuse_separator(Path(f"x{suffix}"), joined)
    for suffix in (".jsonl", ".parquet"):
        refuse_separator(Path(f"x{suffix}"), joined)
    refuse_separator(Path("x.tsv"), Layout(kind="several labels", labels=("a,b", "c"), separator=";"))
    refuse_separator(Path("x.tsv"), Layout(kind="one label", labels=("a,b", "c")))


# --- from the model to the prediction


def made_model(link: Any, shares: list[float], rule: Rule | None = None) -> Model:
    """A head that looks at nothing: every text has these probabilities."""
    encoder = FakeEncoder()
    odds = np.log(shares) if link == "softmax" else np.log(shares) - np.log1p(-np.array(shares))
    odds = odds[1:] - odds[:1] if link == "softmax" and len(odds) == 2 else odds
    head = LinearHead(
        labels=tuple("abc"[: len(shares)]),
        coef=np.zeros((len(odds), encoder.n_features)),
        intercept=odds,
        link=link,
        rule=rule,
    )
    return Model(manifest=cast("Any", SimpleNamespace(labels=head.labels)), head=head, encoder=encoder)


def test_a_model_answers_with_the_label_it_favours_and_says_which_texts_were_cut() -> None:
    long = "word " * (FakeEncoder().identity.max_length + 5)
    answers = made_model("softmax", [0.2, 0.5, 0.3]).answer(["short", long])
    assert answers.labels == ("a", "b", "c")
    assert answers.kind == "one label"
    assert answers.given.tolist() == [[False, True, False]] * 2
    assert answers.cut.tolist() == [False, True]
    assert answers.probabilities.tolist() == [pytest.approx([0.2, 0.5, 0.3])] * 2


@pytest.mark.parametrize(("answer_from", "is_answered"), [(0.4, True), (0.6, False)])
def test_a_model_that_is_not_sure_enough_gives_no_label(answer_from: float, *, is_answered: bool) -> None:
    model = made_model("softmax", [0.5, 0.2, 0.3], Rule(answer_from=answer_from))
    (made,) = predictions(model, ["x"])
    assert made.labels == (("a",) if is_answered else None)
    assert (made.favoured, made.shares) == (("a",), (made.probability,))
    assert made.probability == pytest.approx(0.5)
    assert model.answer(["x"]).given.any() == is_answered


@pytest.mark.parametrize(("answer_from", "is_answered"), [(0.23, True), (0.25, False)])
def test_several_labels_are_given_where_the_whole_set_is_probable_enough(
    answer_from: float, *, is_answered: bool
) -> None:
    """0.6 (1 - 0.5) 0.8 = 0.24: the most probable first."""
    model = made_model("logistic", [0.6, 0.4999999999, 0.8], Rule(answer_from=answer_from))
    (made,) = predictions(model, ["x"])
    assert made.favoured == ("c", "a")
    assert made.shares == pytest.approx((0.8, 0.6))
    assert made.probability == pytest.approx(0.24)
    assert made.labels == (("c", "a") if is_answered else None)
    assert layout_of(model) == Layout(kind="several labels", labels=("a", "b", "c"), may_abstain=True)


def test_no_label_is_an_answer_of_several() -> None:
    (made,) = predictions(made_model("logistic", [0.1, 0.2]), ["x"])
    assert (made.labels, made.shares) == ((), ())
    assert made.probability == pytest.approx(0.9 * 0.8)


def test_windows_hold_as_many_texts_as_asked_for_and_all_in_order() -> None:
    model = made_model("softmax", [0.5, 0.5])
    long = "word " * (model.encoder.identity.max_length + 5)
    assert [made.is_cut for made in predictions(model, ["short", long, "short"], window=2)] == [False, True, False]
    windows = list(answered(model, map(str, range(5)), window=2))
    assert [list(texts) for texts, _ in windows] == [["0", "1"], ["2", "3"], ["4"]]
    assert [len(answers) for _, answers in windows] == [2, 2, 1]
    assert [made.text for made in predictions(model, map(str, range(5)), window=2)] == list("01234")
