"""Texts with several labels: which cells are label sets, and what becomes of every row."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.data.checks import FoldPlan, require_learnable
from frostline.data.columns import columns_of_sets, parted
from frostline.data.dataset import Dataset, Source
from frostline.data.options import TableLimits, TableOptions
from frostline.data.split import iterative_folds, iterative_holdout
from frostline.data.tables import read_dataset, read_labelled
from frostline.errors import InputError, UsageError
from frostline.targets import Label, Targets, several_labels

COMMA = TableOptions(labels_separator=",")


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def sets_of(dataset: Dataset) -> list[tuple[Label, ...]]:
    """The labels of each row, in column order."""
    return [dataset.targets.names(row) for row in range(len(dataset))]


def unlabelled_and_given(dataset: Dataset) -> tuple[int, int]:
    """Rows without a label, and labels on all rows together."""
    sizes = [len(labels) for labels in sets_of(dataset)]
    return sizes.count(0), sum(sizes)


def several(path: Path, options: TableOptions = COMMA) -> Dataset:
    found = read_labelled(path, options)
    assert isinstance(found, Dataset)
    return found


def jsonl(folder: Path, rows: list[object]) -> Path:
    return written(folder, "rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def test_joined_labels_are_parted_trimmed_and_counted_once(tmp_path: Path) -> None:
    """An empty cell means no label, and is a row like any other."""
    path = written(tmp_path, "a.tsv", "text\tlabels\none\tjoy, love,joy,,\ntwo\t\nthree\t27\nfour\t , \n")
    found = several(path)
    assert sets_of(found) == [("joy", "love"), (), ("27",), ()]
    assert (found.counts(), *unlabelled_and_given(found)) == ({"27": 1, "joy": 1, "love": 1}, 2, 3)


def test_the_columns_of_a_headless_file_with_ids_are_found(tmp_path: Path) -> None:
    """As in GoEmotions: text, joined label numbers, an id; no option but the separator is needed."""
    rows = [f"this is sentence {n}, and it goes on\t{n % 3},{n % 5}\tid{n}x" for n in range(40)]
    found = several(written(tmp_path, "emotions.tsv", "\n".join(rows)))
    assert (found.source.text_column, found.source.label_column) == ("column 1", "column 2")
    assert sets_of(found)[7] == ("1", "2")


def test_a_first_row_with_known_labels_is_no_header(tmp_path: Path) -> None:
    """Its combination occurs nowhere else; its labels do."""
    rows = ["the first sentence of all\ta,b,c", *(f"sentence number {n}\t{'abc'[n % 3]}" for n in range(40))]
    assert len(several(written(tmp_path, "two.tsv", "\n".join(rows)))) == 41


def test_lists_in_jsonl_are_found_without_a_word(tmp_path: Path) -> None:
    """A label in a list may hold the separator; a lone string is one label, numbers and booleans are spelled."""
    rows = [{"text": "a", "tags": ["x,y", "z"]}, {"text": "b", "tags": []}, {"text": "c", "tags": "x,y"}]
    found = several(jsonl(tmp_path, [*rows, {"text": "d", "tags": [1, True, 1]}]), TableOptions())
    assert sets_of(found) == [("x,y", "z"), (), ("x,y",), ("1", "true")]


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (None, "null"),
        ([None], "must be a string"),
        ([["a"]], "a list"),
        (["a", " "], "blank"),
        ([1.5], "1.5"),
        ({"a": 1}, "an object"),
    ],
)
def test_rows_in_are_rows_out_and_rows_rejected(tmp_path: Path, labels: object, reason: str) -> None:
    """What is no set of labels is named with its line and reason."""
    path = jsonl(tmp_path, [{"text": "a", "labels": ["x"]}, {"text": "b", "labels": labels}])
    found = several(path, TableOptions(max_bad_rows=1))
    assert (len(found), [reject.line for reject in found.rejects]) == (1, [2])
    assert reason in found.rejects[0].reason


@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.large_list(pa.large_string()), pa.list_(pa.int64())])
def test_parquet_lists_are_found(tmp_path: Path, kind: pa.DataType) -> None:
    """Of strings or numbers; a null says nothing and is rejected, an empty list says that there is none."""
    values = [[1, 2, 1], [], None, [3]] if kind.value_type == pa.int64() else [["1", "2", "1"], [], None, ["3"]]
    table = pa.table({"text": list("abcd"), "labels": pa.array(values, kind), "id": [1, 2, 3, 4]})
    pq.write_table(table, tmp_path / "rows.parquet")
    found = several(tmp_path / "rows.parquet", TableOptions(max_bad_rows=1))
    assert sets_of(found) == [("1", "2"), (), ("3",)]
    assert [reject.line for reject in found.rejects] == [3]


def test_a_null_within_a_parquet_list_rejects_the_row(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", "b"], "labels": [["x"], ["y", None]]}), tmp_path / "rows.parquet")
    assert [reject.reason for reject in several(tmp_path / "rows.parquet", TableOptions(max_bad_rows=1)).rejects] == [
        "the label must be a string, a whole number or a boolean (got null)"
    ]


def test_a_row_may_have_hundreds_of_labels_but_not_any_number(tmp_path: Path) -> None:
    many = ",".join(f"l{n}" for n in range(300))
    path = written(tmp_path, "a.tsv", f"text\tlabels\none\t{many}\ntwo\tl1,l2\n")
    assert len(sets_of(several(path))[0]) == 300
    few = TableOptions(labels_separator=",", limits=TableLimits(labels=299), max_bad_rows=1)
    assert several(path, few).rejects[0].reason == "there are more than 299 labels"


def test_one_label_per_text_is_asked_for_where_sets_are_refused(tmp_path: Path) -> None:
    """Before any row is read."""
    path = jsonl(tmp_path, [{"text": "a", "labels": ["x"]}])
    with pytest.raises(InputError, match="holds lists"):
        read_dataset(path)
    with pytest.raises(UsageError, match="one label"):
        read_dataset(path, COMMA)


@given(st.lists(st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"]))))
def test_parting_what_was_joined_gives_the_labels_back(labels: list[str]) -> None:
    """Trimmed, without empty ones, each once."""
    expected = list(dict.fromkeys(label.strip() for label in labels if label.strip()))
    assert list(parted(",".join(labels), ",")) == expected


@given(st.integers(2, 6), st.integers(0, 50), st.integers(1, 8))
def test_folds_share_out_every_label_as_evenly_as_rows_allow(n_folds: int, seed: int, n_labels: int) -> None:
    """Every row is in one fold; a label that is alone on its rows differs by one between folds at most."""
    random = np.random.RandomState(seed)
    codes = random.randint(0, n_labels + 1, 60)
    members = codes[:, None] == np.arange(n_labels)
    folds = iterative_folds(members, n_folds=n_folds, seed=seed)
    counts = np.stack([members[folds == fold].sum(axis=0) for fold in range(n_folds)])
    assert (counts.max(axis=0) - counts.min(axis=0)).max() <= 1
    assert np.array_equal(folds, iterative_folds(members, n_folds=n_folds, seed=seed))


def test_rare_labels_beside_common_ones_are_spread() -> None:
    """Which random folds would not do: each of three rows of a rare label is in a fold of its own."""
    random = np.random.RandomState(3)
    members = random.rand(2000, 6) < [0.9, 0.4, 0.3, 0.1, 0.01, 0]
    members[[5, 700, 1400], 5] = True
    folds = iterative_folds(members, n_folds=5, seed=0)
    counts = np.stack([members[folds == fold].sum(axis=0) for fold in range(5)])
    assert counts[:, 5].tolist().count(1) == 3
    expected = members.sum(axis=0) / 5
    assert (np.abs(counts - expected) <= np.maximum(1, 0.06 * expected)).all()
    missing = np.stack([(~members[folds == fold]).sum(axis=0)[0] for fold in range(5)])
    assert missing.max() - missing.min() <= 6


def test_a_holdout_takes_the_asked_share_of_rows_and_labels() -> None:
    members = np.random.RandomState(0).rand(1000, 5) < 0.2
    train, test = iterative_holdout(members, test_fraction=0.25, seed=1)
    assert sorted([*train, *test]) == list(range(1000))
    assert abs(len(test) - 250) <= 5
    assert np.abs(members[test].sum(axis=0) / members.sum(axis=0) - 0.25).max() < 0.01


def test_labels_that_are_hard_to_learn_are_said(tmp_path: Path) -> None:
    """Fewer rows than folds; and a file whose rows have one label each. Of a label on every row the head tells."""
    path = written(
        tmp_path, "a.tsv", "text\tlabels\n" + "".join(f"t{n}\ta{',b' if n == 1 else ''}\n" for n in range(9))
    )
    plan = require_learnable(several(path), 5)
    assert plan.n_folds == 5
    assert plan.warnings == (
        "'b' has fewer rows than there are folds (5): what is said of it rests on next to nothing.",
    )
    with pytest.raises(InputError, match="the rarest has 1"):
        require_learnable(several(path), 5, strict=True)
    one_each = written(tmp_path, "b.tsv", "text\tlabels\n" + "".join(f"t{n}\t{'ab'[n % 2]}\n" for n in range(20)))
    assert "exactly one label" in require_learnable(several(one_each), 5).warnings[0]


@pytest.mark.parametrize(("labels", "says"), [("", "no row has a label"), ("a", "two labels or more")])
def test_nothing_to_tell_apart_is_refused(tmp_path: Path, labels: str, says: str) -> None:
    path = written(tmp_path, "a.tsv", "text\tlabels\n" + f"one\t{labels}\ntwo\t\n" * 3)
    with pytest.raises(InputError, match=says):
        require_learnable(several(path), 2)


def test_an_unknown_label_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, "a.tsv", "text\tlabels\none\ta\ntwo\tb,c\n")
    with pytest.raises(InputError, match=r"a\.tsv:3: the label must be one of 'a', 'b' \(got 'c'\)"):
        several(path).targets_over(("a", "b"))


FEW_OF_BOTH = ("'a', 'b' have fewer rows than there are folds (3): what is said of them rests on next to nothing.",)
SOURCE = Source(name="t.tsv", sha256="0" * 64, size_bytes=1, text_column="text", label_column="label")


def made(*label_sets: tuple[str, ...]) -> Dataset:
    texts = [f"text {row}" for row in range(len(label_sets))]
    return Dataset(texts=texts, targets=Targets.of_sets(label_sets), lines=range(10, 10 + len(texts)), source=SOURCE)


@pytest.mark.parametrize(
    ("rows", "n_folds", "plan"),
    [
        (made(("a", "b"), ("a",), ("b",), ("b", "a"), ()), 2, FoldPlan(2)),
        (made(("a", "b"), ("a",), ("b",)), 5, FoldPlan(3, FEW_OF_BOTH)),
        (made(("a", "b"), ("a",), ("a", "b"), ("a",)), 2, FoldPlan(2)),
        (
            made(("a",), ("b",), ("a",), ("b",)),
            2,
            FoldPlan(
                2,
                ("Every row has exactly one label: without several labels per text they may be told apart better.",),
            ),
        ),
        (
            made(*[("a", "b")] * 3, ("c", "a"), ()),
            2,
            FoldPlan(
                2,
                ("'c' has fewer rows than there are folds (2): what is said of it rests on next to nothing.",),
            ),
        ),
        (
            made(*[tuple("xyz")] * 3, tuple("abcdef"), ()),
            3,
            FoldPlan(
                3,
                (
                    (
                        "'a', 'b', 'c', 'd', 'e' and 1 more have fewer rows than there are folds (3): what is said of "
                        "them rests on next to nothing."
                    ),
                ),
            ),
        ),
        (
            made(*[tuple("xyz")] * 3, tuple("abcde"), ()),
            3,
            FoldPlan(
                3,
                (
                    (
                        "'a', 'b', 'c', 'd', 'e' have fewer rows than there are folds (3): what is said of them rests "
                        "on next to nothing."
                    ),
                ),
            ),
        ),
    ],
)
def test_the_plan_for_sets_of_labels_is_this(rows: Dataset, n_folds: int, plan: FoldPlan) -> None:
    """The rarest label first, equals by name; folds no more than rows."""
    assert require_learnable(rows, n_folds) == plan


@pytest.mark.parametrize(
    ("rows", "message", "hint"),
    [
        (made((), ()), "t.tsv: no row has a label (2 rows).", "Check --label."),
        (
            made(("a", "b")),
            "t.tsv: there are too few rows to learn from (1, without those held out).",
            "Add rows: a label is learned from two that have it and two that lack it, or more.",
        ),
        (
            made((), ("a",)),
            "t.tsv: there must be two labels or more (all that occurs is 'a').",
            "Check --labels or --labels-separator: one label alone is learned from a column of 0 and 1 (--label).",
        ),
        (
            made(("a", "b"), ("a",), ("a",)),
            "t.tsv: 'b' has fewer rows than there are folds (3); the rarest has 1.",
            "Add rows, or ask for fewer folds.",
        ),
    ],
)
def test_sets_of_labels_that_will_not_do_are_refused_in_these_words(rows: Dataset, message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        require_learnable(rows, 3, strict=True)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_which_labels_each_text_has_as_a_table() -> None:
    """Columns in the order of the labels asked for; ten of them are listed where one is unknown."""
    rows = made(("b",), (), ("a", "c"))
    assert rows.targets_over(("a", "b", "c")).members.tolist() == [
        [False, True, False],
        [False] * 3,
        [True, False, True],
    ]
    for n, listed in (
        (10, ", ".join(f"'l{n}'" for n in range(10))),
        (11, ", ".join(f"'l{n}'" for n in range(10)) + ", …"),
    ):
        got = "'a' in 1 row, 'b' in 1 row, 'c' in 1 row"
        with pytest.raises(InputError) as caught:
            rows.targets_over([f"l{place}" for place in range(n)])
        assert caught.value.message == f"t.tsv:10: the label must be one of {listed} (got {got})."
        assert caught.value.hint == (
            "No training row has these labels. Correct the rows, or train with examples of them."
            " Or pass --max-bad-rows 2."
        )


@pytest.mark.parametrize(
    "rows",
    [
        made(("a",), ("z",), ("b",), ("y",), ("z",)),
        Dataset(
            texts=[f"text {row}" for row in range(5)],
            targets=Targets.of_labels(["a", "z", "b", "y", "z"]),
            lines=range(10, 15),
            source=SOURCE,
        ),
    ],
    ids=["several labels", "one label"],
)
def test_rows_with_unknown_labels_are_all_named_or_left_out(rows: Dataset) -> None:
    """As many as are allowed, whatever the targets; what is left out stands among the rejects and in the remark."""
    with pytest.raises(InputError) as caught:
        rows.known_to(["a", "b"], allowed=2)
    assert caught.value.message == ("t.tsv:11: the label must be one of 'a', 'b' (got 'z' in 2 rows, 'y' in 1 row).")
    assert caught.value.hint == (
        "No training row has these labels. Correct the rows, or train with examples of them. Or pass --max-bad-rows 3."
    )
    kept = rows.known_to(["a", "b"], allowed=3)
    assert list(kept.lines) == [10, 12]
    assert kept.targets_over(["a", "b"]).members.tolist() == [[True, False], [False, True]]
    assert [(reject.line, reject.reason) for reject in kept.rejects] == [
        (11, "no training row has the label 'z'"),
        (13, "no training row has the label 'y'"),
        (14, "no training row has the label 'z'"),
    ]
    assert kept.source.remark == "t.tsv: 3 rows were left out: no training row has 'z' in 2 rows, 'y' in 1 row."
    assert rows.known_to(["a", "b", "y", "z"], allowed=0) is rows
    with pytest.raises(InputError, match="'z' in 2 rows") as caught:  # nothing would be left: no such advice
        rows.known_to(["c"], allowed=9)
    assert "--max-bad-rows" not in (caught.value.hint or "")


def test_of_very_many_unknown_labels_the_first_are_named() -> None:
    rows = made(*[(f"l{row:02d}",) for row in range(21)], ("a",))
    for n, more in ((20, ""), (21, " and 1 more")):
        with pytest.raises(InputError) as caught:
            rows.take(np.array([*range(n), 21])).known_to(["a"], allowed=0)
        assert f"'l19' in 1 row{more})." in caught.value.message


def test_rows_of_sets_are_taken_and_counted_together() -> None:
    rows = made(("b", "a"), (), ("c",), ("b",))
    taken = rows.take(np.array([3, 0]))
    assert (taken.texts, sets_of(taken), taken.lines) == (["text 3", "text 0"], [("b",), ("a", "b")], [13, 10])
    members = rows.targets.members
    assert (int((~members.any(axis=1)).sum()), int(members.sum()), len(rows)) == (1, 4, 4)
    assert list(rows.counts().items()) == [("a", 1), ("b", 2), ("c", 1)]
    assert members.tolist() == [[True, True, False], [False] * 3, [False, False, True], [False, True, False]]


@pytest.mark.parametrize(
    ("columns", "separator", "found"),
    [
        ([["one text", "another"], [["a"], ["b"]]], None, (0, 1)),
        ([[["a"], ()], ["one text", "another"]], None, (1, 0)),
        ([["a,b", "b,a"], ["a long text here", "another long one"]], ",", (1, 0)),
        ([["a long text here", "another long one"], ["a,b", "b,a"]], ",", (0, 1)),
        ([["a long text here", "another long one"], ["a,b", "c,d"]], ",", (None, None)),
        ([["a,b", "b,a"], ["id1", "id2"], ["a much longer text", "and one more of them"]], ",", (2, 0)),
        (
            [["a,b", "b,a"], ["twenty letters in it", "twenty letters in it"], ["fifteen letters", "fifteen letters"]],
            ",",
            (None, None),
        ),
        ([["a,b", "b,a"], ["1234", "5678"], ["12", "34"]], ",", (1, 0)),
        ([["a,b", "b,a"], ["1234", "567"], ["12", "34"]], ",", (None, 0)),
        ([["a", 5], [["a"], ["b"]], [["c"], ["d"]]], None, (None, None)),
        ([["x" * 100, "x" * 100], ["a text of one kind", "a text of another kind"]], "|", (1, 0)),
    ],
)
def test_the_columns_of_texts_and_sets_are_found_by_what_they_hold(
    columns: list[list[object]], separator: str | None, found: tuple[int | None, int | None]
) -> None:
    """Lists are labels; so is what repeats twice on average; texts are twice as long as any other column."""
    assert columns_of_sets(columns, TableOptions(labels_separator=separator)) == found


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset, np.array])
def test_sets_of_labels_come_in_any_collection(kind: type) -> None:
    found = several_labels([kind(["b", "a"]), kind([]), kind(["b"])], n_texts=3)
    assert found is not None
    assert (found.labels, found.members.tolist()) == (("a", "b"), [[True, True], [False, False], [False, True]])


def test_a_matrix_is_what_has_two_dimensions() -> None:
    """And holds 0 and 1; one column is one label per text, as for scikit-learn."""
    found = several_labels(np.array([[1, 0], [0, 0]]), n_texts=2)
    assert found is not None
    assert (found.labels, found.exclusive) == ((0, 1), False)
    assert several_labels(np.array([[1], [0]]), n_texts=2) is None
    assert several_labels(["ab", "cd"], n_texts=2) is None
    with pytest.raises(InputError, match="0 and 1"):
        several_labels(np.array([[1, 2], [0, 0]]), n_texts=2)
    with pytest.raises(InputError, match="one type"):
        several_labels([["a"], [1]], n_texts=2)
    with pytest.raises(InputError, match="Item 1"):
        several_labels([["a"], "b"], n_texts=2)
