"""What is said about labels, repeated texts and leaks before anything is learned."""

from collections.abc import Sequence

import pytest

from frostline.data.checks import duplicates, folds_for, label_warnings, leaked, require_classes
from frostline.data.dataset import Dataset, Source
from frostline.errors import InputError

SOURCE = Source(name="t.tsv", sha256="0" * 64, size_bytes=1, text_column="text", label_column="label")


def dataset(rows: Sequence[tuple[str, str]]) -> Dataset:
    return Dataset(
        texts=[text for text, _ in rows],
        labels=[label for _, label in rows],
        lines=[number + 10 for number in range(len(rows))],
        source=SOURCE,
    )


def test_repeats_and_contradictions_are_counted_and_listed() -> None:
    found = duplicates(dataset([("a", "1"), ("b", "0"), ("a", "1"), ("c", "1"), ("b", "1"), ("a", "1"), ("A", "1")]))
    assert [(item.text, item.lines) for item in found.items] == [("a", (10, 12, 15)), ("b", (11, 14))]
    assert found.n_extra == 3
    assert [(item.text, item.labels) for item in found.conflicts] == [("b", ("0", "1"))]


def test_leaks_list_the_lines_on_both_sides() -> None:
    train = dataset([("a", "1"), ("b", "0"), ("a", "0")])
    test = dataset([("x", "1"), ("a", "1"), ("b ", "1"), ("a", "0")])
    found = leaked(train, test)
    assert [(item.text, item.train_lines, item.test_lines) for item in found.items] == [("a", (10, 12), (11, 13))]
    assert found.n_test_rows == 2
    assert leaked(train, dataset([("x", "1")])).n_test_rows == 0


def test_labels_that_look_alike_are_warned_of_and_stay_apart() -> None:
    rows = dataset([("a", "1"), ("b", " 1 "), ("c", "Pos"), ("d", "pos"), ("e", "neg"), ("f", "1.0")])
    warnings = label_warnings(rows)
    assert len(warnings) == 2
    assert "' 1 ', '1'" in warnings[0]
    assert "'Pos', 'pos'" in warnings[1]
    assert label_warnings(dataset([("a", "x"), ("b", "y")])) == []
    assert label_warnings(dataset([("a", "x\n\x1b"), ("b", "X\n\x1b")]))[0].isprintable()


def test_one_class_only_is_named() -> None:
    with pytest.raises(InputError, match=r"t\.tsv: two classes or more are needed \(all 3 rows are labelled 'good'\)"):
        require_classes(dataset([("a", "good"), ("b", "good"), ("c", "good")]), 5)
    with pytest.raises(InputError, match="there is none"):
        folds_for({}, 5)


def test_a_class_smaller_than_the_folds_lowers_them_and_is_named() -> None:
    counts = {"big": 100, "small": 3, "medium": 4}
    plan = folds_for(counts, 5)
    assert plan.n_folds == 3
    assert "'small', 'medium'" in plan.warnings[0]
    with pytest.raises(InputError, match="'small', 'medium' have fewer rows than there are folds"):
        folds_for(counts, 5, strict=True)
    assert folds_for(counts, 3).n_folds == 3
    assert folds_for(counts, 3, strict=True).warnings == ()


def test_a_class_of_one_row_cannot_be_checked() -> None:
    with pytest.raises(InputError, match="'lone' has one"):
        require_classes(dataset([("a", "x"), ("b", "x"), ("c", "lone")]), 2)
