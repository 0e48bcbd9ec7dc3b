"""A file of fixes for texts with several labels adds and removes single labels, and nothing that does not fit."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from frostline.data.dataset import Dataset, Source
from frostline.data.fixes import Action, Fix, Fixes, FixRow, apply_fixes, read_fixes, text_check, write_fixes
from frostline.errors import InputError
from frostline.targets import Targets

SETS: tuple[list[str], ...] = (["joy"], ["anger", "fear"], [], ["fear"])


def dataset_of(sets: Sequence[Sequence[str]] = SETS) -> Dataset:
    source = Source(name="data.tsv", sha256="0" * 64, size_bytes=1, text_column="1", label_column="2")
    return Dataset(
        texts=[f"text {row}" for row in range(len(sets))],
        targets=Targets.of_sets(sets),
        lines=[2 * row + 1 for row in range(len(sets))],
        source=source,
    )


def fix_of(row: int, action: Action, label: str = "", number: int = 2) -> Fix:
    return Fix(action=action, line=2 * row + 1, label=label, suggested="", check=text_check(f"text {row}"), row=number)


def applied(*fixes: Fix) -> Dataset:
    return apply_fixes(dataset_of(), Fixes("fixes.tsv", "f" * 64, fixes))


def test_labels_are_added_and_removed_and_rows_dropped() -> None:
    """Several labels of one row too; what is not named stays, and the lines changed are told."""
    fixed = applied(fix_of(0, "add", "anger"), fix_of(1, "remove", "anger"), fix_of(1, "add", "joy"), fix_of(2, "drop"))
    assert fixed.names == [("anger", "joy"), ("fear", "joy"), ("fear",)]
    assert list(fixed.lines) == [1, 3, 7]
    assert fixed.fixes is not None
    assert (fixed.fixes.relabelled, fixed.fixes.dropped) == ((1, 3), (5,))


def test_a_row_may_be_left_without_labels_and_a_label_without_rows() -> None:
    """No label is an answer too; a label that nobody has is none of the targets'."""
    fixed = applied(fix_of(0, "remove", "joy"))
    assert fixed.names == [(), ("anger", "fear"), (), ("fear",)]
    assert fixed.targets.labels == ("anger", "fear")
    assert not fixed.targets.exclusive


def test_keeping_changes_nothing() -> None:
    """Of a label that the row has, of one that it lacks, and of the whole row."""
    fixed = applied(fix_of(0, "keep", "joy"), fix_of(0, "keep", "fear"), fix_of(1, "keep"))
    assert fixed.names == dataset_of().names
    assert fixed.fixes is not None
    assert fixed.fixes.relabelled == ()


@pytest.mark.parametrize(
    ("fixes", "said"),
    [
        ([fix_of(0, "add", "joy")], "adds the label 'joy' of line 1, which has it already"),
        ([fix_of(0, "remove", "fear")], "removes the label 'fear' of line 1, which does not have it"),
        ([fix_of(0, "add", "awe")], "the label 'awe', which no row of data.tsv has"),
        ([fix_of(0, "keep", "awe")], "the label 'awe', which no row of data.tsv has"),
        ([fix_of(0, "add")], "changes the labels of line 1, but names no label"),
        ([fix_of(0, "relabel", "joy")], "relabel is for rows with one label each"),
        ([fix_of(0, "add", "fear"), fix_of(0, "keep", "fear", 3)], "rows 2 and 3 are both about the label 'fear'"),
        ([fix_of(0, "drop"), fix_of(0, "keep", "", 3)], "rows 2 and 3 are both about line 1"),
        ([fix_of(0, "drop"), fix_of(0, "add", "fear", 3)], "row 2 drops line 1, and row 3 changes its labels"),
        ([fix_of(9, "keep")], "no row in that line"),
        ([fix_of(row, "drop", "", row + 2) for row in range(4)], "drops every row"),
    ],
)
def test_what_does_not_fit_is_refused(fixes: list[Fix], said: str) -> None:
    """Each by a sentence of its own."""
    with pytest.raises(InputError) as caught:
        applied(*fixes)
    assert said in str(caught.value)


def test_another_text_in_the_line_is_refused() -> None:
    """The file was sorted since."""
    shifted = Fix(action="keep", line=1, label="joy", suggested="", check=text_check("text 1"), row=2)
    with pytest.raises(InputError, match="about another text in line 1"):
        applied(shifted)


@pytest.mark.parametrize("action", ["add", "remove"])
def test_rows_with_one_label_are_relabelled_not_added_to(action: Action) -> None:
    """The sentence says what to do."""
    source = Source(name="data.tsv", sha256="0" * 64, size_bytes=1, text_column="1", label_column="2")
    one = Dataset(texts=["text 0", "text 1"], targets=Targets.of_labels(["x", "y"]), lines=[1, 3], source=source)
    with pytest.raises(InputError, match=f"{action} is for rows with several labels each"):
        apply_fixes(one, Fixes("fixes.tsv", "f" * 64, (fix_of(0, action, "x"),)))


def test_the_file_gives_labels_back_as_they_were(tmp_path: Path) -> None:
    """Also a label that a spreadsheet would take for a formula."""
    data = dataset_of([["=x"], ["-y", "=x"], ["z"]])
    changes: list[tuple[Action, int, str]] = [("add", 1, "-y"), ("remove", 3, "=x"), ("keep", 5, "")]
    rows = [
        FixRow(action=action, advice=action, line=line, label=label, score=0.9, reason="why", text=f"text {line // 2}")
        for action, line, label in changes
    ]
    write_fixes(tmp_path / "fixes.tsv", rows)
    assert apply_fixes(data, read_fixes(tmp_path / "fixes.tsv")).names == [("-y", "=x"), ("-y",), ("z",)]
