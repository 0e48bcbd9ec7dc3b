"""What is said about labels, repeated texts and leaks before anything is learned."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from frostline.data.checks import (
    FoldPlan,
    Leaks,
    RowsOf,
    conflicts_told,
    duplicates,
    folds_for,
    label_warnings,
    leaked,
    oddities,
    require_learnable,
    tidied,
)
from frostline.data.dataset import AppliedFixes, Dataset, Source
from frostline.errors import InputError
from frostline.targets import Targets

SOURCE = Source(name="t.tsv", sha256="0" * 64, size_bytes=1, text_column="text", label_column="label")


def dataset(rows: Sequence[tuple[str, str]]) -> Dataset:
    return Dataset(
        texts=[text for text, _ in rows],
        targets=Targets.of_labels([label for _, label in rows]),
        lines=[number + 10 for number in range(len(rows))],
        source=SOURCE,
    )


def test_repeats_and_contradictions_are_counted_and_listed() -> None:
    found = duplicates(dataset([("a", "1"), ("b", "0"), ("a", "1"), ("c", "1"), ("b", "1"), ("a", "1"), ("A", "1")]))
    assert [(item.text, item.lines) for item in found.items] == [("a", (10, 12, 15, 16)), ("b", (11, 14))]
    assert found.n_extra == 4
    assert [(item.text, item.labels) for item in found.conflicts] == [("b", (("0",), ("1",)))]


def test_copies_contradict_each_other_as_one_text_does() -> None:
    """Case, blanks and punctuation aside, which is said where it matters."""
    exact, spelled = [("a", "1"), ("a", "0")], [("So  good!", "1"), ("so good", "0"), ("so good, too", "0")]
    assert conflicts_told(duplicates(dataset(exact)).conflicts, "labels") == (
        "1 text appears more than once, with different labels (lines 10, 11)."
    )
    assert conflicts_told(duplicates(dataset(exact + spelled)).conflicts, "labels") == (
        "2 texts appear more than once, with different labels "
        "(lines 10, 11; 12, 13; case, blanks and punctuation aside)."
    )


def test_leaks_list_the_lines_to_test_on() -> None:
    train = dataset([("a", "1"), ("b", "0"), ("a", "0")])
    test = dataset([("x", "1"), ("a", "1"), ("b ", "1"), ("a", "0")])
    found = leaked(train, test)
    assert [(item.text, item.test_lines) for item in found.items] == [("a", (11, 13)), ("b ", (12,))]
    assert found.n_test_rows == 3
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
    with pytest.raises(InputError, match=r"t\.tsv: two labels or more are needed \(all 3 rows are labelled 'good'\)"):
        require_learnable(dataset([("a", "good"), ("b", "good"), ("c", "good")]), 5)
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
    with pytest.raises(InputError, match="'lone' has only one row"):
        require_learnable(dataset([("a", "x"), ("b", "x"), ("c", "lone")]), 2)


def test_the_warning_of_labels_alike_counts_the_rows_of_each() -> None:
    rows = dataset([("t", "Pos")] * 1200 + [("t", "pos ")] * 2 + [("t", "neg")])
    assert label_warnings(rows) == [
        (
            "The labels 'Pos', 'pos ' differ only by case or blanks at the ends, and count as different labels "
            "(1,200, 2 rows)."
        )
    ]


@pytest.mark.parametrize(
    ("counts", "n_folds", "plan"),
    [
        ({"a": 3, "b": 9}, 3, FoldPlan(3)),
        ({"a": 2, "b": 9}, 3, FoldPlan(2, ("'a' has fewer rows than there are folds (3); 2 folds are used.",))),
        (
            {"c": 3, "b": 2, "a": 3},
            5,
            FoldPlan(2, ("'b', 'a', 'c' have fewer rows than there are folds (5); 2 folds are used.",)),
        ),
        (
            dict.fromkeys("abcde", 2),
            3,
            FoldPlan(2, ("'a', 'b', 'c', 'd', 'e' have fewer rows than there are folds (3); 2 folds are used.",)),
        ),
        (
            dict.fromkeys("abcdef", 2),
            3,
            FoldPlan(
                2, ("'a', 'b', 'c', 'd', 'e' and 1 more have fewer rows than there are folds (3); 2 folds are used.",)
            ),
        ),
    ],
)
def test_the_plan_of_folds_is_this(counts: dict[str, int], n_folds: int, plan: FoldPlan) -> None:
    """The rarest class first, equals by name; five are named."""
    assert folds_for(counts, n_folds) == plan


@pytest.mark.parametrize(
    ("counts", "message", "hint"),
    [
        (
            {"a": 1234},
            "x.tsv: two labels or more are needed (all 1,234 rows are labelled 'a').",
            "Add rows of another label; check --label.",
        ),
        ({}, "x.tsv: two labels or more are needed (there is none).", "Add rows of another label; check --label."),
        (
            {"a": 1, "b": 9, "c": 9},
            "x.tsv: 'a' has only one row; each label needs two.",
            "Add rows, or leave it out with --max-bad-rows 1.",
        ),
        (
            {"a": 1, "b": 9},
            "x.tsv: 'a' has only one row; each label needs two.",
            "Add rows: a classifier is learned from two labels with two rows each, or more.",
        ),
        (
            {"B ": 1, "b": 9, "c": 9},
            "x.tsv: 'B ' has only one row; each label needs two.",
            "'B ' and 'b' differ only by case or blanks: --tidy-labels merges such.",
        ),
        (
            {"c": 1, "a": 1, "b": 9, "d": 2},
            "x.tsv: 'a', 'c' have only one row; each label needs two.",
            "Add rows, or leave them out with --max-bad-rows 2.",
        ),
        (
            {"a": 2, "b": 9},
            "x.tsv: 'a' has fewer rows than there are folds (3); the smallest has 2.",
            "Add rows, or ask for 2 folds.",
        ),
    ],
)
def test_classes_that_will_not_do_are_refused_in_these_words(counts: dict[str, int], message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        folds_for(counts, 3, of=RowsOf(name="x.tsv"), strict=True)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_rows_taken_keep_text_label_and_line_together() -> None:
    """In the order asked for, a row twice if it is asked for twice; what the dataset is of stays."""
    rows = dataset([("a", "1"), ("b", "0"), ("c", "1")])
    taken = rows.take(np.array([2, 0, 2]))
    assert (taken.texts, taken.labels, taken.lines) == (["c", "a", "c"], ["1", "1", "1"], [12, 10, 12])
    assert (taken.source, len(taken), len(rows)) == (SOURCE, 3, 3)
    assert list(rows.counts().items()) == [("0", 1), ("1", 2)]


@pytest.mark.parametrize(
    ("name", "short"),
    [("a/b/c.tsv", "c.tsv"), ("c.tsv", "c.tsv"), ("-", "-"), ("sample (train)", "sample (train)"), ("/", "/")],
)
def test_a_source_tells_its_name_without_folders(name: str, short: str) -> None:
    assert replace(SOURCE, name=name).file_name == short


@pytest.mark.parametrize("mark", [",", ";", "|"])
def test_labels_that_are_others_joined_are_told(mark: str) -> None:
    """As where sets are read without their separator; a name that has a comma in it is none."""
    rows = dataset([("a", "cat"), ("b", "dog"), ("c", f"cat{mark} dog"), ("d", f"cat{mark}bird")])
    (said,) = label_warnings(rows)
    assert said == (
        f"1 of the 4 labels are other labels joined by {mark!r}, such as 'cat{mark} dog', and count as labels of their "
        "own (--labels-separator)."
    )
    assert label_warnings(dataset([("a", "cat"), ("b", f"cat{mark}bird")])) == []


def test_labels_that_differ_by_case_or_blanks_are_taken_for_the_commonest() -> None:
    rows = dataset([("a", "Pos"), ("b", "pos "), ("c", "pos "), ("d", "neg"), ("e", "very  bad"), ("f", "very  bad")])
    found = tidied(rows)
    assert found.labels == ["pos", "pos", "pos", "neg", "very bad", "very bad"]
    assert "'Pos' as 'pos', 'pos ' as 'pos'" in found.source.remark
    plain = dataset([("a", "x"), ("b", "y")])
    assert tidied(plain) is plain


def test_labels_become_those_that_are_known() -> None:
    """Where several known ones are like each other, they were told apart: nothing is merged."""
    rows = dataset([("a", "BILLING"), ("b", "billing "), ("c", "billing "), ("d", "tech")])
    assert tidied(rows, {"Billing", "tech"}).labels == ["Billing", "Billing", "Billing", "tech"]
    assert tidied(rows, {"Billing", "billing ", "tech"}).labels == rows.labels


def test_sets_of_labels_are_joined_where_a_text_has_two_spellings() -> None:
    rows = dataset([("a", "x"), ("b", "y")])
    targets = Targets.of_sets([("Dog", "dog"), ("dog", "cat")])
    found = tidied(replace(rows, targets=targets))
    assert found.names == [("dog",), ("cat", "dog")]


def test_fixes_of_which_every_action_is_keep_are_told_to_change_nothing() -> None:
    """Whoever pastes `train --fixes` without having set an action would think that something was mended."""
    found = dataset([("a text", "1"), ("another", "0")])
    nothing = AppliedFixes(name="fixes.tsv", sha256="0" * 64, relabelled=(), dropped=())
    assert oddities(replace(found, fixes=nothing), Leaks(())) == (
        "fixes.tsv changes nothing: set the action of its rows (frostline review --take-advice does).",
    )
    (said,) = oddities(replace(found, fixes=replace(nothing, dropped=(2,))), Leaks(()))
    assert said.startswith("Rows relabelled by fixes: 0; dropped: 1.")
    assert oddities(found, Leaks(())) == ()


def test_what_rows_held_out_took_is_not_the_file_s_fault() -> None:
    """The file has three rows of a class, of which two are left to learn from."""
    of = RowsOf(name="x.tsv", n_held=20)
    reason = "'a' has fewer rows than there are folds (3), without the 20 rows that are held out"
    assert folds_for({"a": 2, "b": 9}, 3, of=of).warnings == (f"{reason}; 2 folds are used.",)
    with pytest.raises(InputError) as caught:
        folds_for({"a": 2, "b": 9}, 3, of=of, strict=True)
    assert caught.value.message == f"x.tsv: {reason}; the smallest has 2."
    assert caught.value.hint == ("Add rows, ask for 2 folds, hold out fewer (--holdout), or name a test file (--test).")
