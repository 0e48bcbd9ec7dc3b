"""`--labels`: one column of 0 and 1 for each label, from training to scoring; a model remembers them."""

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import Command

WORDS = ("red", "blue", "dog")
QUICK = ("-C", "0.1", "--features", "words")


def table(path: Path, n: int, *, seed: int, names: tuple[str, ...] = WORDS) -> Path:
    """Texts that say which labels they have, an id before them."""
    members = np.random.RandomState(seed).rand(n, len(names)) < 0.4
    lines = ["id\tcomment\t" + "\t".join(names)]
    for row, marks in enumerate(members):
        said = " and ".join(word for word, has in zip(names, marks, strict=True) if has) or "nothing"
        lines.append(f"{row}\tit is {said} number{row}\t" + "\t".join(map(str, marks.astype(int))))
    path.write_text("\n".join(lines), "utf-8")
    return path


@pytest.fixture
def model(frostline: Command, tmp_path: Path) -> Path:
    out = tmp_path / "model"
    told = frostline("train", table(tmp_path / "a.tsv", 150, seed=0), "--labels", "red,blue,dog", *QUICK, "--out", out)
    assert told.code == 0, told.err
    assert told.out.lstrip().startswith("Text: comment · label: red,blue,dog · not used: id\n")
    return out


def test_a_model_reads_such_files_again(frostline: Command, model: Path, tmp_path: Path) -> None:
    manifest = json.loads((model / "manifest.json").read_text())
    assert manifest["labels"] == ["blue", "dog", "red"]
    fresh = table(tmp_path / "b.tsv", 40, seed=1)
    document = frostline("evaluate", model, fresh, "--json").document
    assert document["data"]["label_column"] == "red,blue,dog"
    assert document["warnings"] == []
    answers = frostline("predict", model, fresh)
    assert answers.err == ""
    assert len(answers.out.splitlines()) == 40
    assert (
        frostline("evaluate", model, fresh, "--labels", "red,dog", "--json").document["data"]["label_column"]
        == "red,dog"
    )


def test_train_tests_and_review_looks_at_them(frostline: Command, tmp_path: Path) -> None:
    learned, tested = table(tmp_path / "a.tsv", 150, seed=0), table(tmp_path / "b.tsv", 40, seed=1)
    document = frostline("train", learned, "--labels", "3-5", "--test", tested, *QUICK, "--json").document
    assert document["test"]["source"]["data"]["label_column"] == "red,blue,dog"
    fixes = tmp_path / "fixes.tsv"
    assert frostline("review", learned, "--labels", "red,blue,dog", "--features", "mean@-1", "--out", fixes).code == 0
    told = frostline("train", learned, "--labels", "red,blue,dog", "--fixes", fixes, *QUICK)
    assert told.code == 0, told.err


def test_a_column_of_zeros_is_told(frostline: Command, tmp_path: Path) -> None:
    path = table(tmp_path / "a.tsv", 150, seed=0)
    path.write_text(
        "".join(f"{line}\t{'cat' if not row else 0}\n" for row, line in enumerate(path.read_text().split("\n")))
    )
    document = frostline("train", path, "--labels", "red,blue,dog,cat", *QUICK, "--json").document
    assert f"{path}: 'cat' holds 0 in every row: no text has the label." in document["warnings"]


def test_a_value_that_is_neither_is_one_error(frostline: Command, tmp_path: Path) -> None:
    path = table(tmp_path / "a.tsv", 20, seed=0)
    path.write_text(path.read_text("utf-8") + "\n99\tit is odd\t1\tmaybe\t0", "utf-8")
    told = frostline("train", path, "--labels", "red,blue,dog")
    assert (told.code, told.out) == (65, "")
    assert "line 22: the column 'blue' must hold 0 or 1 (got 'maybe')." in told.err
    both = frostline("train", path, "--labels", "red,blue", "--label", "dog")
    assert (both.code, "exclude each other" in both.err) == (2, True)


def test_a_hundred_columns_of_long_names_are_found_again(frostline: Command, tmp_path: Path) -> None:
    """Their list has more than 1,000 letters, which a name has not."""
    names = tuple(f"label_{number:03}_of_all" for number in range(70))
    listed, fresh = ",".join(names), table(tmp_path / "b.tsv", 20, seed=1, names=names)
    assert len(listed) > 1000
    learned = table(tmp_path / "a.tsv", 60, seed=0, names=names)
    told = frostline("train", learned, "--labels", "3-72", *QUICK, "--out", tmp_path / "m")
    assert told.code == 0, told.err
    document = frostline("evaluate", tmp_path / "m", fresh, "--json").document
    assert document["data"]["label_column"] == listed
    assert document["test"]["n"] == 20
