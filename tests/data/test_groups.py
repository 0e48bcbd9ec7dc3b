"""`--group`: a column of any format says which rows belong together."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes import FakeEncoder
from frostline.data.checks import require_learnable, shared_groups_told
from frostline.data.copies import together_of
from frostline.data.dataset import Dataset
from frostline.data.options import TableOptions
from frostline.data.tables import read_labelled
from frostline.errors import InputError, UsageError
from frostline.head.options import SearchOptions
from frostline.report.phrases import columns_text
from frostline.training import TrainingOptions, train
from frostline.training.records import data_record

QUICK = TrainingOptions(search=SearchOptions(Cs=(0.1,), n_folds=2))

ROWS = [
    ("a fine film", "good", 7),
    ("dull", "bad", 7),
    ("a joy", "good", None),
    ("a bore", "bad", 8),
    ("Dull!", "bad", 9),
    ("new", "good", 9),
    ("old", "bad", None),
]


def written(folder: Path, kind: str) -> Path:
    path = folder / f"rows.{kind}"
    if kind in {"tsv", "csv"}:
        mark = "\t" if kind == "tsv" else ","
        lines = [mark.join((text, label, "" if who is None else str(who))) for text, label, who in ROWS]
        path.write_text("\n".join([mark.join(("text", "label", "who")), *lines]) + "\n", "utf-8")
    elif kind == "jsonl":
        objects = [{"text": text, "label": label, **({} if who is None else {"who": who})} for text, label, who in ROWS]
        path.write_text("".join(json.dumps(value) + "\n" for value in objects), "utf-8")
    else:
        pq.write_table(
            pa.table(dict(zip(("text", "label", "who"), map(list, zip(*ROWS, strict=True)), strict=True))), path
        )
    return path


def read(path: Path, group: str | int | None) -> Dataset:
    return read_labelled(path, TableOptions(text="text", label="label", group=group))


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "parquet"])
def test_rows_of_one_group_belong_together(tmp_path: Path, kind: str) -> None:
    """7 and 9 through a copy of one text; rows without a group stand alone, and that is told."""
    path = written(tmp_path, kind)
    dataset = read(path, "who")
    assert dataset.targets.lots.tolist() == [0, 0, 1, 2, 0, 0, 3]
    assert dataset.targets.counts_apart() == {"bad": 3, "good": 2}
    assert read(path, 3).targets.lots.tolist() == [0, 0, 1, 2, 0, 0, 3]
    assert read(path, None).targets.lots.tolist() == [0, 1, 2, 3, 1, 4, 5]
    assert require_learnable(dataset, 2).warnings == (
        "Rows with the same 'who' stay together (3 groups; 2 rows have none and stand alone).",
    )
    with pytest.raises(InputError) as caught:
        read(path, "author")
    assert "there is no group column 'author'" in caught.value.message
    assert caught.value.hint == "Pass --group NAME (a number counts from 1)."
    with pytest.raises(InputError) as caught:
        read(path, "Who")
    assert "there is no group column 'Who'. Did you mean 'who'?" in caught.value.message
    assert caught.value.hint == "Pass --group who (a number counts from 1)."


@pytest.mark.parametrize("mark", ["\t", ","])
@pytest.mark.parametrize("missing", [None, float("nan"), "", "  "], ids=["None", "NaN", "empty", "blanks"])
def test_a_file_and_the_estimator_take_missing_groups_alike(tmp_path: Path, missing: object, mark: str) -> None:
    """A row without one is in no group: neither in one with its like, nor refused. A column of pandas, and its file."""
    texts, labels, whose = zip(*ROWS, strict=True)
    groups = [missing if who is None else str(who) for who in whose]
    frame = pd.DataFrame({"text": texts, "label": labels, "who": groups})
    path = tmp_path / ("rows.tsv" if mark == "\t" else "rows.csv")
    frame.to_csv(path, sep=mark, index=False)
    assert together_of(texts, groups=list(frame["who"])).tolist() == [0, 0, 1, 2, 0, 0, 3]
    assert read(path, "who").targets.lots.tolist() == [0, 0, 1, 2, 0, 0, 3]


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "parquet"])
def test_the_column_of_groups_is_said_by_its_own_name(tmp_path: Path, kind: str) -> None:
    """Named or numbered, it is used: it is not among those that are not; one group alone is one group."""
    path = written(tmp_path, kind)
    for group in ("who", 3):
        dataset = read(path, group)
        assert (dataset.source.group_column, dataset.source.other_columns) == ("who", ())
        assert dataset.grouping is not None
        assert dataset.grouping.column == "who"
        assert columns_text(data_record(dataset)) == ["Text: text · label: label · groups: who"]
    assert read(path, None).source.other_columns == ("who",)
    record = data_record(read(path, 3))
    assert (record.group_column, record.other_columns) == ("who", ())


def test_one_group_is_one_group(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text("text\tlabel\twho\na\tx\tann\nb\ty\tann\nc\tx\t\nd\ty\tann\ne\ty\tann\nf\tx\tann\n", "utf-8")
    dataset = replace(read(path, "who"), targets=read(path, None).targets)
    assert require_learnable(dataset, 2).warnings == (
        "Rows with the same 'who' stay together (1 group; 1 row has none and stands alone).",
    )


def test_a_column_that_can_name_no_group_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": ["a", "b"], "label": ["x", "y"], "who": [0.5, 1.5]}), path)
    with pytest.raises(InputError) as caught:
        read(path, "who")
    assert caught.value.message.endswith(
        "the group column 'who' must hold strings, whole numbers or booleans (it holds 'double')."
    )
    with pytest.raises(UsageError) as refused:
        TableOptions(group=0)
    assert str(refused.value) == "The group column's number counts from 1 (got 0)."


def test_test_rows_of_a_training_row_s_group_are_told_of(tmp_path: Path) -> None:
    """New texts of known authors; an author that is missing is nobody's."""
    dataset = read(written(tmp_path, "tsv"), "who")
    learned, tested = dataset.take(np.array([0, 1, 2])), dataset.take(np.array([3, 6, 5]))
    assert tested.groups == ["8", "", "9"]
    assert shared_groups_told(learned, tested) == ()
    both = dataset.take(np.array([0, 3, 1]))
    assert shared_groups_told(learned, both) == (
        "2 test rows share their 'who' with training rows: of others the score tells less than it seems (lines 2, 3).",
    )
    assert shared_groups_told(learned, both.take(np.array([0]))) == (
        "1 test row shares its 'who' with training rows: of others the score tells less than it seems (line 2).",
    )
    assert "(lines 2, 3)" in shared_groups_told(learned, dataset.take(np.array([1, 3, 0])))[0]
    alone = read(written(tmp_path, "tsv"), None)
    assert shared_groups_told(alone, alone) == shared_groups_told(learned, alone) == ()
    path = written(tmp_path, "tsv")
    record = train(read(path, "who"), FakeEncoder(), test=read(path, "who"), options=QUICK).record
    assert any("share their 'who' with training rows" in warning for warning in record.warnings)


def test_lines_without_columns_have_no_groups(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("__label__good a fine film\n__label__bad dull\n", "utf-8")
    with pytest.raises(InputError) as caught:
        read_labelled(path, TableOptions(group="who"))
    assert caught.value.message.endswith("rows.txt: fastText's lines have no column of groups.")
