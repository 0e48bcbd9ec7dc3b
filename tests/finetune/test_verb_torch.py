"""`frostline finetune` from file to saved classifier, on a small random BERT."""

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import Command
from encoder_fakes import WORDS, make_checkpoint
from frostline.encoder.architecture import AskedBackend
from frostline.encoder.encoder import Encoder

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

READERS: tuple[AskedBackend, ...] = ("onnx", "torch")
PLAIN = [word for word in WORDS if word.isalpha()]


def rows_of(n: int, seed: int) -> list[str]:
    """Different lines of words and a label that hangs on the first of them."""
    random, rows = np.random.default_rng(seed), set[str]()
    while len(rows) < n:
        words = random.choice(PLAIN, 7)
        rows.add(f"{' '.join(words)}\t{'early' if words[0] < PLAIN[len(PLAIN) // 2] else 'late'}")
    return sorted(rows)


def test_from_a_file_to_a_classifier_that_knows_what_it_was_tuned_on(frostline: Command, tmp_path: Path) -> None:
    """It is tuned, calibrated by the rows held out, saved, read without torch, and tested on new rows alone."""
    encoder = make_checkpoint(tmp_path / "encoder")
    train, test, model = tmp_path / "train.tsv", tmp_path / "test.tsv", tmp_path / "model"
    known = rows_of(300, 0)
    new = [row for row in rows_of(60, 1) if row not in known]
    train.write_text("\n".join(known) + "\n", "utf-8")
    test.write_text("\n".join([*known[:20], *new]) + "\n", "utf-8")
    columns = ("--text", "1", "--label", "2", "--no-header")
    tuned = frostline("finetune", train, *columns, "--encoder", encoder, "--epochs", "1", "--out", model, "--json")
    assert tuned.code == 0, tuned.err
    assert "% of the same 75 test texts right" in " ".join(tuned.err.split())
    assert json.loads(tuned.out)["tuning"]["lead"]["n"] == 75
    assert "Whether tuning the encoder paid" in (model / "report.html").read_text("utf-8")
    assert json.loads(tuned.out)["calibration"] is not None
    assert not (tmp_path / "model.tuning").exists()
    evaluated = frostline("evaluate", model, test, *columns, "--json")
    assert evaluated.code == 0, evaluated.err
    document = json.loads(evaluated.out)
    n_known = document["test"]["n_leaks"]
    assert 10 <= n_known <= 20  # of the 20 that the file has, those not held out to test on
    assert document["test"]["n"] == 20 + len(new) - n_known
    for verb, *how in (("sweep",), ("review",), ("train",), ("train", "--learning-curve"), ("train", "--nested")):
        refused = frostline(verb, train, *columns, "--encoder", model / "encoder", *how)
        assert (refused.code, "texts are ones that this encoder was tuned on" in refused.err) == (65, True)

    compared = frostline("compare", train, *columns, "--encoders", f"minilm,{model / 'encoder'}")
    assert (compared.code, "texts are ones that this encoder was tuned on" in compared.err) == (65, True)
    rows = [Encoder.open(str(model / "encoder"), features="mean@all", backend=who).encode(new).rows for who in READERS]
    assert np.abs(rows[0] - rows[1]).max() <= 1e-5
    said = frostline("explain", model, new[0].split("\t")[0])
    assert said.code == 0, said.err
    scored = frostline("predict", model, test, "--out", tmp_path / "scored.tsv", "--text", "1", "--no-header")
    assert scored.code == 0, scored.err


def test_an_encoder_that_was_tuned_twice_knows_both_files(frostline: Command, tmp_path: Path) -> None:
    encoder, columns = make_checkpoint(tmp_path / "encoder"), ("--text", "1", "--label", "2", "--no-header")
    for place, rows in enumerate((rows_of(60, 0), rows_of(60, 1))):
        file, out = tmp_path / f"{place}.tsv", tmp_path / f"model{place}"
        file.write_text("\n".join(rows) + "\n", "utf-8")
        tuned = frostline("finetune", file, *columns, "--encoder", encoder, "--epochs", "1", "--out", out)
        assert tuned.code == 0, tuned.err
        encoder = out / "encoder"
    for place in (0, 1):
        refused = frostline("sweep", tmp_path / f"{place}.tsv", *columns, "--encoder", encoder)
        assert (refused.code, "texts are ones that this encoder was tuned on" in refused.err) == (65, True), refused.err


def test_several_labels_are_tuned_and_saved_with_rows_held_out_and_without(frostline: Command, tmp_path: Path) -> None:
    encoder, columns = make_checkpoint(tmp_path / "encoder"), ("--text", "1", "--label", "2", "--no-header")
    for n in (60, 400):
        train, model = tmp_path / f"train{n}.tsv", tmp_path / f"model{n}"
        rows = [f"{row}|odd" if place % 2 else row for place, row in enumerate(rows_of(n, 0))]
        train.write_text("\n".join(rows) + "\n", "utf-8")
        asked = (*columns, "--labels-separator", "|", "--encoder", encoder, "--epochs", "1", "--json")
        tuned = frostline("finetune", train, *asked, "--out", model)
        assert tuned.code == 0, tuned.err
        thresholds = [one["threshold"] for one in json.loads(tuned.out)["chosen"]["per_label"]]
        assert (len(thresholds), thresholds == [0.5] * 3) == (3, n == 60)
        assert ("epochs instead of 1 since rows are few" in " ".join(tuned.err.split())) is (n == 60)
        assert "Label by label" in (model / "report.html").read_text("utf-8")
        assert frostline("predict", model, "a film").code == 0


def test_one_class_is_refused_before_anything_is_read(frostline: Command, tmp_path: Path) -> None:
    train = tmp_path / "train.tsv"
    train.write_text("a film\tgood\nanother film\tgood\n", "utf-8")
    refused = frostline("finetune", train, "--text", "1", "--label", "2", "--no-header", "--out", tmp_path / "model")
    assert (refused.code, "two labels or more are needed to tune on (got 1)" in refused.err) == (65, True)
    assert not (tmp_path / "model.tuning").exists()


def test_the_lesson_ends_with_the_encoder_tuned(frostline: Command, tmp_path: Path) -> None:
    """Frozen beside tuned on the practical's own split."""
    train = tmp_path / "train.tsv"
    train.write_text("\n".join(rows_of(120, 0)) + "\n", "utf-8")
    columns = ("--text", "1", "--label", "2", "--no-header", "--encoder", make_checkpoint(tmp_path / "encoder"))
    given = frostline("tutorial", train, *columns, "--finetune")
    assert given.code == 0, given.err
    assert "Tuning takes less than a minute here, on cpu" in " ".join(given.err.split())
    said = " ".join(given.out.split())
    assert "Fine-tune the encoder The practical ends where" in said
    assert "On the same 30 test rows" in said


def test_another_precision_is_refused(frostline: Command, tmp_path: Path) -> None:
    train = tmp_path / "train.tsv"
    train.write_text("\n".join(rows_of(8, 0)) + "\n", "utf-8")
    refused = frostline("finetune", train, "--precision", "int8", "--out", tmp_path / "model")
    assert (refused.code, "Fine-tuning is done in float32: leave --precision out." in refused.err) == (2, True)
