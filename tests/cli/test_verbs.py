"""Each verb does what its help says, on real files with the bundled encoder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from encoder_fakes import make_checkpoint
from frostline.artifact.model import open_model
from frostline.data.sample import load_sample
from frostline.score.job import manifest_of

Command = Callable[..., Any]


def test_nested_and_hold_out_outrank_the_test_part_of_a_public_set(
    frostline: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked for is done; a set's own test part is used only where nothing was."""
    parts = {"train": load_sample().train.take(np.arange(40)), "test": load_sample().train.take(np.arange(40, 60))}
    monkeypatch.setattr("frostline.data.public_sets.load_public_set", lambda _name, **_: parts)
    kinds = [
        frostline("train", "trec", "--json", "-C", "0.01", "--folds", "3", *asked).document["test"]["source"]["kind"]
        for asked in ([], ["--nested"], ["--holdout", "0.25"])
    ]
    assert kinds == ["file", "nested cross-validation", "stratified hold-out"]


def test_a_public_set_has_no_groups(frostline: Command) -> None:
    """Refused before anything is fetched, where it was left out silently."""
    found = frostline("train", "trec", "--group", "author")
    assert (found.code, found.out) == (2, "")
    assert "The public set trec has no column of groups for --group to name." in " ".join(found.err.split())


def test_sentences_that_words_alone_cannot_keep_are_told_of(frostline: Command, reviews: Path, tmp_path: Path) -> None:
    """The classifier is saved all the same."""
    asked = ("--features", "words", "-C", "0.01", "--json")
    found = frostline("train", reviews, *asked, "--keep-neighbours", "--out", tmp_path / "model")
    told = "No sentences are kept for frostline explain: words alone have no rows by which others are near."
    assert found.document["warnings"][0] == told
    assert told in " ".join(found.err.split())
    assert (tmp_path / "model" / "manifest.json").is_file()
    assert not (tmp_path / "model" / "neighbours.safetensors").exists()
    without = frostline("train", reviews, *asked).document["warnings"]
    assert told not in without


def test_train_prints_one_json_object_with_the_promised_figures(
    frostline: Command, reviews: Path, tmp_path: Path
) -> None:
    """`train --json` is for programs: one object on standard output, nothing else."""
    outcome = frostline("train", reviews, "--out", tmp_path / "model", "--json", "-C", "0.01", "-C", "0.1")
    document = outcome.document
    low, high = document["test"]["accuracy"]["interval"]
    assert 0 <= low <= document["test"]["accuracy"]["value"] <= high <= 1
    assert document["test"]["n"] == 15
    assert 0 <= document["test"]["macro_f1"]["value"] <= 1
    assert document["chosen"]["C"] in {0.01, 0.1}
    assert document["chosen"]["features"] == "mean@all"
    assert document["seconds"]["read"] >= 0
    assert document["seconds"]["search"] >= 0
    assert {baseline["name"] for baseline in document["baselines"]} >= {"majority class", "nearest class centroid"}
    assert (tmp_path / "model" / "manifest.json").is_file()
    assert (tmp_path / "model" / "report.html").is_file()


def test_a_second_train_reads_no_sentence(frostline: Command, reviews: Path) -> None:
    """What was read is kept: the second run counts no sentence read."""
    frostline("train", reviews, "-C", "0.01")
    again = frostline("train", reviews, "--json", "-C", "0.01", "--features", "mean@-1").document
    assert again["features"]["n_read"] == 0


def test_nothing_that_is_saved_holds_a_path_of_this_machine(frostline: Command, reviews: Path, tmp_path: Path) -> None:
    """An artifact is handed on: its encoder and its file have names and digests there, no folders."""
    encoder, out = make_checkpoint(tmp_path / "nobodys-business" / "my encoder"), tmp_path / "model"
    rows, unreadable = tmp_path / "rows.tsv", "".join(f"снег и лёд {n}\tnegative\n" for n in range(9))
    rows.write_text(unreadable + reviews.read_text("utf-8"), "utf-8")
    arguments = ("--encoder", encoder, "-C", "0.1", "--test", reviews, "--keep-neighbours", "--out", out)
    assert frostline("train", rows, *arguments).code == 0
    assert "The encoder 'my encoder' can hardly read" in (out / "README.md").read_text("utf-8")
    saved = [path for path in out.rglob("*") if path.is_file()]
    assert len(saved) > 4
    for path in saved:
        for secret in (str(tmp_path), str(reviews.parent), "nobodys-business"):
            assert secret.encode() not in path.read_bytes(), path
    assert "my-encoder" in (out / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_nothing_that_is_handed_on_holds_a_path_of_this_machine(
    frostline: Command, reviews: Path, tmp_path: Path
) -> None:
    """Pages, lessons, tables of word pieces, exported classifiers, and what vouches for a scored file."""
    home = tmp_path / "nobodys-business"
    encoder, model, out = make_checkpoint(home / "my encoder"), home / "model", tmp_path / "out"
    out.mkdir()
    arguments = ("--encoder", encoder, "-C", "0.1", "--features", "mean@-1", "--out", model)
    assert frostline("train", reviews, *arguments).code == 0
    assert frostline("evaluate", model, reviews, "--report", out / "page.html").code == 0
    assert frostline("tutorial", reviews, "--encoder", encoder, "--html", out / "lesson.html").code == 0
    assert frostline("tutorial", reviews, "--encoder", encoder, "--notebook", out / "lesson.ipynb").code == 0
    assert frostline("distil", encoder, "--out", out / "table").code == 0
    assert frostline("export", model, "--out", out / "exported").code == 0
    assert frostline("predict", model, reviews, "--out", out / "scored.csv").code == 0
    for verb, written in (("embed", "rows.npy"), ("review", "fixes.tsv")):
        assert frostline(verb, reviews, "--encoder", encoder, "--out", out / written).code == 0
    for path in (path for path in out.rglob("*") if path.is_file()):
        file = "" if path.suffix == ".ipynb" else str(reviews.parent)  # whose cells read the rows
        for secret in filter(None, (str(tmp_path), file, "nobodys-business")):
            assert secret.encode() not in path.read_bytes(), path
    assert "my encoder" in (out / "lesson.html").read_text("utf-8")


def test_a_page_names_the_model_without_the_way_to_it(frostline: Command, reviews: Path, tmp_path: Path) -> None:
    model, page = tmp_path / "nobodys-business" / "model", tmp_path / "page.html"
    model.parent.mkdir()
    assert frostline("train", reviews, "--features", "words", "-C", "1", "--out", model).code == 0
    assert frostline("evaluate", model, reviews, "--report", page).code == 0
    assert "nobodys-business" not in page.read_text("utf-8")
    assert "<h1>The classifier model on " in page.read_text("utf-8")


def test_train_tests_on_a_file_of_its_own(frostline: Command, reviews: Path, tmp_path: Path) -> None:
    """`--test` names the rows to test on; a row that is also trained on is told, and left out."""
    first = reviews.read_text("utf-8").split("\n")[0]
    test = tmp_path / "test.tsv"
    test.write_text(f"{first}\nI could not recommend it less.\tnegative\nShe loved every page.\tpositive\n", "utf-8")
    document = frostline("train", reviews, "--test", test, "--json", "-C", "0.01").document
    assert document["test"]["n"] == 2
    assert document["test"]["source"]["n_leaks"] == 1
    assert document["test"]["source"]["with_leaks"]["n"] == 3
    assert (document["data"]["name"], document["test"]["source"]["data"]["name"]) == (reviews.name, "test.tsv")
    assert any("copy of a training row" in warning for warning in document["warnings"])


def test_nested_cross_validation_tests_every_row(frostline: Command, reviews: Path) -> None:
    """`--nested` reports the score of the procedure over all rows, and says so."""
    document = frostline("train", reviews, "--nested", "--json", "--folds", "3", "-C", "0.01", "-C", "0.1").document
    assert document["test"]["n"] == 60
    assert document["test"]["source"]["kind"] == "nested cross-validation"
    assert document["data"]["n_trained"] == 60
    assert [baseline["accuracy"]["n"] for baseline in document["baselines"]] == [60, 60, 60]


def test_the_tutorial_preset_is_the_practical_to_the_letter(frostline: Command, reviews: Path) -> None:
    """[CLS] of the last layer, a random quarter held out, the twenty values of linspace(0.0001, 100, 20)."""
    document = frostline("train", reviews, "--preset", "tutorial", "--json").document
    assert document["chosen"]["features"] == "cls@-1"
    assert document["features"]["n_features"] == 384
    assert document["test"]["source"]["kind"] == "random hold-out"
    assert document["test"]["n"] == 15
    np.testing.assert_allclose(document["search"]["Cs"], np.linspace(0.0001, 100, 20))
    assert document["search"]["standardise"] is False


def test_train_without_out_saves_nothing_and_says_how(frostline: Command, reviews: Path) -> None:
    """The report alone is a fair wish."""
    outcome = frostline("train", reviews, "-C", "0.01")
    assert outcome.code == 0
    assert "Add --out" in outcome.err
    assert "accuracy" in outcome.out


def test_predict_labels_sentences_given_as_arguments(frostline: Command, model: Path) -> None:
    """One line each: label, tab, probability."""
    outcome = frostline("predict", model, "a joy from start to finish", "dull, dull, dull")
    lines = [line.split("\t") for line in outcome.out.splitlines()]
    assert [label for label, _ in lines] == ["positive", "negative"]
    assert all(0.5 <= float(share) <= 1 for _, share in lines)


def test_predict_reads_lines_broken_at_line_feeds_only(frostline: Command, model: Path) -> None:
    """U+2028, NUL and carriage returns inside a line break nothing; an empty line is a text too."""
    lines = ["a joy", "one\u2028line", "nul\0inside", "", "x\x85y\x0bz"]
    outcome = frostline("predict", model, "--json", stdin="\n".join(lines).encode() + b"\r\n")
    answers = [json.loads(line) for line in outcome.out.removesuffix("\n").split("\n")]
    assert [answer["text"] for answer in answers] == lines
    assert all(sum(answer["probabilities"].values()) == pytest.approx(1) for answer in answers)


def test_predict_without_input_answers_nothing(frostline: Command, model: Path) -> None:
    """No line, no answer, no error."""
    outcome = frostline("predict", model, "-")
    assert (outcome.code, outcome.out) == (0, "")


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl", ".parquet"])
def test_predict_writes_files(frostline: Command, model: Path, reviews: Path, tmp_path: Path, suffix: str) -> None:
    """A file in, a file out, one row each, the same answers as for the sentences alone."""
    out = tmp_path / f"scored{suffix}"
    assert frostline("predict", model, reviews, "--out", out, "--text", "1", "--no-header").code == 0
    texts = [line.split("\t")[0] for line in reviews.read_text("utf-8").splitlines()]
    expected = [str(label) for label in open_model(model).predict(texts)]
    if suffix == ".parquet":
        assert pq.read_table(out).column("label").to_pylist() == expected
    elif suffix == ".jsonl":
        assert [json.loads(line)["label"] for line in out.read_text("utf-8").splitlines()] == expected
    else:
        assert len(out.read_text("utf-8").splitlines()) == len(texts) + 1
    assert sorted(tmp_path.iterdir()) == [out, manifest_of(out)]


def test_predict_on_a_file_without_rows_writes_an_empty_answer(frostline: Command, model: Path, tmp_path: Path) -> None:
    """Nothing in, a complete and valid file with nothing out."""
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"")
    out = tmp_path / "scored.csv"
    assert frostline("predict", model, empty, "--out", out, "--text", "text").code == 0
    assert out.read_text("utf-8") == "label,probability,p(negative),p(positive)\n"


def test_evaluate_measures_on_another_file(frostline: Command, model: Path, reviews: Path) -> None:
    """The same keys as `train --json`. Of the rows that it was trained with, those that it did not learn from."""
    document = frostline("evaluate", model, reviews, "--json").document
    assert (document["test"]["n"], document["test"]["n_leaks"], document["test"]["with_leaks"]["n"]) == (15, 45, 60)
    assert document["test"]["with_leaks"]["accuracy"]["value"] > 0.8
    assert document["chosen"] == {"C": document["chosen"]["C"], "features": "mean@all"}
    assert document["seconds"]["search"] == 0
    assert "accuracy" in frostline("evaluate", model, reviews).out


@pytest.mark.parametrize("suffix", [".npy", ".safetensors", ".parquet"])
def test_embed_writes_the_rows(frostline: Command, reviews: Path, tmp_path: Path, suffix: str) -> None:
    """One row per sentence, in order, in each format."""
    out = tmp_path / f"rows{suffix}"
    outcome = frostline("embed", reviews, "--out", out, "--features", "cls@-1", "--text", "1")
    assert outcome.code == 0, outcome.err
    if suffix == ".npy":
        rows = np.load(out, allow_pickle=False)
    elif suffix == ".safetensors":
        rows = load_file(out)["rows"]
    else:
        rows = np.stack(pq.read_table(out).column("features").to_numpy())
    assert rows.shape == (60, 384)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert not np.allclose(rows[0], rows[1])


def test_tutorial_shows_every_step_in_both_languages(frostline: Command, reviews: Path) -> None:
    """Twelve numbered steps, with the practical's shapes and ids among them."""
    for language, word in (("en", "Keep the [CLS] vector"), ("zh", "取出 [CLS] 向量")):
        outcome = frostline("tutorial", reviews, "--lang", language)
        assert outcome.code == 0, outcome.err
        assert word in outcome.out
        for step in range(1, 13):
            assert f"\n{step}. " in f"\n{outcome.out}"
        assert "last_hidden_states[0].shape  ->  (60, " in outcome.out
        assert "101" in outcome.out


def test_encoders_lists_the_known_ones(frostline: Command) -> None:
    """The bundled one is at hand."""
    rows = {row["name"]: row for row in frostline("encoders", "--json").document}
    assert rows["minilm"]["at_hand"] is True
    assert rows["distilbert"]["hub_id"] == "distilbert/distilbert-base-uncased"
    assert "minilm" in frostline("encoders").out


def test_doctor_finds_nothing_wrong_here(frostline: Command) -> None:
    """Where the tests run, a classifier can be trained."""
    facts = frostline("doctor", "--json").document
    assert facts["problems"] == []
    assert facts["cores"] >= 1
    assert facts["encoders"]["minilm"]
    assert "All is well" in frostline("doctor").out


def test_cache_shows_verifies_and_prunes(
    frostline: Command, reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything kept can be seen, checked, and removed."""
    folder = tmp_path / "home"
    monkeypatch.setenv("FROSTLINE_HOME", str(folder))
    frostline("train", reviews, "-C", "0.01", "--limit", "40")
    entries = frostline("cache", "info", "--json").document["entries"]
    kept = next(entry for entry in entries if entry["kind"] == "features")
    assert kept["n_rows"] == 40
    assert frostline("cache", "verify", "--json").document["n_rows"] == 40
    assert "sentences" in frostline("cache", "info").out
    shard = next(path for path in folder.rglob("*.safetensors") if path.stat().st_size > 10_000)
    content = bytearray(shard.read_bytes())
    content[-100] ^= 1
    shard.write_bytes(content)
    assert frostline("cache", "verify").code == 65
    assert frostline("cache", "prune", "--all", "--json").document["n_files"] > 0
    assert not list(folder.rglob("*.safetensors"))
