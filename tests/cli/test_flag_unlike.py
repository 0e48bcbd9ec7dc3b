"""`predict --flag-unlike` in every format, and what `evaluate` says of a file of texts unlike those learned from."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from conftest import Command
from frostline.artifact import ArtifactRecord, save_artifact
from frostline.artifact.model import open_model
from frostline.head.likeness import fit_likeness

SAVED = Path(__file__).parent.parent / "artifact" / "saved_by_0_1_0"
FOODS = ("soup", "bread", "cheese", "pie", "stew")
LIKE = tuple(f"the {one} and the {two} was very tasty" for one in FOODS for two in FOODS)
UNLIKE = ("goal ! goal ! goal !", "loan loan loan bank")
KINDS = ("one-label", "several-labels")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The classifiers of 0.1.0, which remember now that they learned from texts about food, sixteen times each."""
    made = tmp_path_factory.mktemp("models")
    for kind in KINDS:
        model = open_model(SAVED / kind)
        rows = model.encoder.encode(LIKE * 16).rows
        rows = rows + np.random.default_rng(0).normal(size=rows.shape).astype(np.float32) * rows.std() / 10
        shares = model.head.predict_proba(rows)
        likeness = fit_likeness(rows, shares, n_blocks=len(model.encoder.blocks), lots=np.arange(len(rows)))
        record = ArtifactRecord(likeness=likeness)
        save_artifact(
            made / kind, head=model.head, encoder=model.encoder, record=record, with_encoder=SAVED / kind / "encoder"
        )
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_unlike_texts_are_marked_on_the_terminal_and_counted(frostline: Command, folder: Path, kind: str) -> None:
    told = frostline("predict", folder / kind, "--flag-unlike", "0.05", *UNLIKE, *LIKE[:8])
    plain = frostline("predict", folder / kind, *UNLIKE, *LIKE[:8])
    marks = [line.rsplit("\t", 1) for line in told.out.splitlines()]
    assert [line for line, _ in marks] == plain.out.splitlines()
    assert [mark for _, mark in marks] == ["unlike"] * 2 + [""] * 8
    assert told.err == "2 texts are unlike anything the model learned from; of 10 like those it would be about 0.5.\n"
    assert "unlike" not in plain.err
    one = frostline("predict", folder / kind, "--flag-unlike", "0.05", UNLIKE[0])
    assert one.err == "1 text is unlike anything the model learned from; of 1 like those it would be about 0.05.\n"


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_says_the_likeness_and_the_mark(
    frostline: Command, folder: Path, tmp_path: Path, kind: str
) -> None:
    """A column each, before the probabilities; as much in a file as alone."""
    alone = frostline("predict", folder / kind, "--flag-unlike", "0.05", "--json", UNLIKE[0]).document
    assert alone["unlike"] is True
    assert 0 < alone["likeness"] < 0.05
    assert list(alone)[-3:] == ["likeness", "unlike", "probabilities"]
    words = "\n".join([*UNLIKE, *LIKE[:3]]).encode()
    for suffix in (".tsv", ".csv", ".jsonl", ".parquet"):
        out = tmp_path / f"out{suffix}"
        assert frostline("predict", folder / kind, "--flag-unlike", "0.05", "--out", out, stdin=words).code == 0
        rows = read(out)
        assert [str(row["unlike"]).lower() for row in rows] == ["true"] * 2 + ["false"] * 3
        assert float(str(rows[0]["likeness"])) == alone["likeness"]
        if suffix != ".jsonl":
            names = list(rows[0])
            assert names[names.index("likeness") + 1] == "unlike"
            assert names[names.index("unlike") + 1].startswith("p(")


def read(path: Path) -> list[dict[str, object]]:
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    with path.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened, delimiter="\t" if path.suffix == ".tsv" else ","))


def test_without_the_option_nothing_is_said_of_it(frostline: Command, folder: Path, tmp_path: Path) -> None:
    frostline("predict", folder / "one-label", "--out", tmp_path / "out.csv", stdin=b"soup\n")
    assert list(read(tmp_path / "out.csv")[0])[:4] == ["text", "label", "probability", "p(food)"]
    assert "likeness" not in frostline("predict", folder / "one-label", "--json", "soup").document


@pytest.mark.parametrize(
    ("saved", "share", "said"),
    [
        ("old", "0.01", "error: This model does not know how like a text is to those it learned from"),
        ("new", "0.002", "error: To mark a share of 0.002 of texts like those learned from, there must be 500"),
        ("new", "0.0", "0.0 is not in the range 0<x<1"),
        ("new", "1.0", "1.0 is not in the range 0<x<1"),
    ],
)
def test_what_cannot_be_told_is_refused_before_any_text_is_read(
    frostline: Command, folder: Path, saved: str, share: str, said: str
) -> None:
    model = (SAVED if saved == "old" else folder) / "one-label"
    told = frostline("predict", model, "--flag-unlike", share, stdin=b"\xff\n")
    assert (told.code, told.out) == (2, "")
    assert said in told.err


@pytest.mark.parametrize("kind", KINDS)
def test_evaluate_says_when_a_file_is_of_another_kind(
    frostline: Command, folder: Path, tmp_path: Path, kind: str
) -> None:
    """The share with its interval, in JSON, on the terminal and the page; and a sentence where it is beyond chance."""
    separator = ("--labels-separator", ",") if kind == "several-labels" else ()
    unlike, like = tmp_path / "unlike.tsv", tmp_path / "like.tsv"
    unlike.write_text("".join(f"goal ! goal {number} !\tsport\nloan loan bank {number}\tfood\n" for number in range(9)))
    like.write_text("".join(f"{text}\tfood\n" for text in LIKE[:9]) + f"{LIKE[9]}\tsport\n")
    page = tmp_path / "page.html"
    found = frostline("evaluate", folder / kind, unlike, "--no-header", *separator, "--json", "--report", page).document
    share = found["unlike"]["share"]
    assert found["unlike"]["below"] == 0.01
    assert share["n"] == 18
    assert share["interval"][0] > 0.01
    sentence = "That is more than chance: some of the test texts are of another kind."
    assert sentence in page.read_text("utf-8")
    told = " ".join(frostline("evaluate", folder / kind, unlike, "--no-header", *separator).out.split())
    assert "Unlike anything it learned from: " in told
    assert sentence in told
    told = " ".join(frostline("evaluate", folder / kind, like, "--no-header", *separator, "--details").out.split())
    assert "of texts like those it would be about 1.0 %." in told
    assert sentence not in told
    assert frostline("evaluate", SAVED / kind, like, "--no-header", *separator, "--json").document["unlike"] is None
