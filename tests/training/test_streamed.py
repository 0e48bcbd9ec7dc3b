"""More texts than there is room for: chosen on a part of them, fitted on all of them block by block."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import Command
from encoder_fakes import make_checkpoint
from fakes import FakeEncoder
from frostline.arrays import JoinedRows, WordRows, dense_part
from frostline.artifact.load import load_artifact
from frostline.data.dataset import Dataset, Source
from frostline.head import curvature
from frostline.head.linear import LinearHead
from frostline.head.options import CascadeOptions, SearchOptions
from frostline.head.search import fit_again, fit_at, search
from frostline.targets import Targets
from frostline.training import room, streamed
from frostline.training.options import TrainingOptions


def made(n_texts: int, n_features: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    rows = (random.standard_normal((n_texts, n_features)) * random.random(n_features) + 3).astype(np.float32)
    return rows, (rows @ random.standard_normal(n_features) + 4 * random.standard_normal(n_texts))


def in_a_file(rows: np.ndarray, folder: Path) -> Any:
    mapped = np.memmap(folder / "rows", dtype=np.float32, mode="w+", shape=rows.shape)
    mapped[:] = rows
    return mapped


@pytest.mark.parametrize("kind", ["two labels", "three labels", "several labels"])
def test_rows_in_a_file_give_the_head_of_rows_in_memory(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Converged as ever, whatever the size of the blocks; nothing of the rows' size is kept."""
    monkeypatch.setattr(curvature, "_STREAMED", 64)
    rows, score = made(700, 12)
    edges = {"two labels": [np.median(score)], "three labels": np.quantile(score, [0.3, 0.7])}
    if kind == "several labels":
        targets = Targets.of_sets([[name for name, at in (("a", 0), ("b", 4)) if own > at] for own in score.tolist()])
    else:
        codes = np.searchsorted(edges[kind], score)
        targets = Targets.of_codes(codes, tuple(range(len(edges[kind]) + 1)))
    options = SearchOptions(n_folds=3)
    found = search(rows[:300], targets.take(np.arange(300)), options=options)
    here = fit_again(rows, targets, found, options=options)
    there = fit_again(in_a_file(rows, tmp_path), targets, found, options=options)
    np.testing.assert_allclose(there.coef, here.coef, rtol=0, atol=1e-6 * np.abs(here.coef).max())
    np.testing.assert_allclose(there.intercept, here.intercept, rtol=0, atol=1e-5 * np.abs(here.intercept).max())
    assert np.abs(here.coef - found.head.coef).max() > 1e-3  # of all rows, not of the part
    if kind != "several labels":
        plain = fit_at(rows, targets, C=float(found.chosen_C[0]))
        np.testing.assert_allclose(here.coef, plain.coef, rtol=0, atol=1e-6 * np.abs(plain.coef).max())


def test_words_beside_rows_in_a_file(tmp_path: Path) -> None:
    rows, score = made(400, 6)
    random = np.random.default_rng(1)
    indptr = np.arange(0, 801, 2)
    indices = np.sort(random.integers(0, 30, (400, 2)), axis=1)
    indices[:, 1] += indices[:, 0] == indices[:, 1]
    words = WordRows(indptr=indptr, indices=indices.ravel(), data=np.full(800, 2.0), n_terms=31)
    targets = Targets.of_codes((score > np.median(score)).astype(int), (0, 1))
    options = SearchOptions(Cs=(0.01,), n_folds=3)
    found = search(JoinedRows(rows, words), targets, options=options)
    there = fit_again(JoinedRows(in_a_file(rows, tmp_path), words), targets, found, options=options)
    np.testing.assert_allclose(there.coef, found.head.coef, rtol=0, atol=1e-5 * np.abs(found.head.coef).max())


def rows_of_words(n_texts: int) -> list[str]:
    """Different texts of letters, and a label that hangs on the first."""
    random = np.random.default_rng(0)
    texts = {" ".join(random.choice(list("abcdefghij"), 6)) for _ in range(2 * n_texts)}
    return [f"{text}\t{'early' if text[0] < 'f' else 'late'}" for text in sorted(texts)[::2][:n_texts]]


def test_from_a_file_to_a_classifier_fitted_on_all_texts(
    frostline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told in the report, with digests of every text that was learned from; the head is that of all rows."""
    table, model = tmp_path / "rows.tsv", tmp_path / "model"
    rows = rows_of_words(600)
    table.write_text("\n".join(rows) + "\n", "utf-8")
    encoder = make_checkpoint(tmp_path / "encoder")
    asked = (table, "--no-header", "--text", "1", "--label", "2", "--encoder", encoder, "--json")
    whole = frostline("train", *asked).document
    free = room.needed_bytes(200, 48)
    monkeypatch.setattr(room, "free_memory", lambda: free)
    refused = frostline("train", *asked)
    assert "take about" in refused.err  # with room for so few nothing could be chosen
    monkeypatch.setattr(streamed, "FEWEST", 200)
    fitted: list[LinearHead] = []

    def noted(rows: Any, *given: Any, **how: Any) -> LinearHead:
        assert isinstance(dense_part(rows), np.memmap)
        assert len(rows) == 450
        fitted.append(fit_again(rows, *given, **how))
        return fitted[-1]

    monkeypatch.setattr(streamed, "fit_again", noted)
    done = frostline("train", *asked, "--out", model)
    assert done.code == 0, done.err
    assert done.document["data"]["n_trained"] == whole["data"]["n_trained"] == 450
    assert done.document["warnings"][0] == (
        "These are more texts than a training holds at once (4 GB of their numbers, or what is free): C, the "
        "calibration and the rule were chosen on 150 of them, each label in its share, from which the baselines "
        "learned too; the classifier was fitted on all 450. Of the rows held out, 100 were neither learned from nor "
        "tested on: `evaluate` of the same file tests on all."
    )
    assert done.document["test"]["n"] == 50
    met = frostline("evaluate", model, table, "--no-header", "--text", "1", "--label", "2", "--json").document
    assert met["test"]["n"] == 150  # no text that was learned from is tested on
    for wishes, said in (
        (("--nested",), "--nested"),
        (("--learning-curve",), "--learning-curve"),
        (("--cascade", "--learning-curve"), "--cascade and --learning-curve"),
    ):
        told = " ".join(frostline("train", *asked, *wishes).err.split())
        assert "take about" in told
        assert f"What fits: all texts, without {said}; --limit " in told
    (head,) = fitted
    saved = load_artifact(model).head
    assert (saved.coef == head.coef).all()


@pytest.mark.parametrize(
    ("changes", "most", "can"),
    [
        ({}, 20_000, True),
        ({}, 19_999, False),
        ({"nested": True}, 20_000, False),
        ({"learning_curve": True}, 20_000, False),
        ({"cascade": CascadeOptions()}, 20_000, False),
    ],
)
def test_what_a_part_cannot_stand_for_is_not_streamed(
    changes: dict[str, Any],
    most: int,
    can: bool,  # noqa: FBT001 - a case
) -> None:
    """Too little room to choose in, every row tested in turn, curves and cascades; more labels than are solved so."""
    dataset, encoder = dataset_of(["a", "b"] * 30), FakeEncoder()
    options = replace(TrainingOptions(), **changes)
    assert streamed.can_be_streamed(dataset, None, encoder, options, most=most) is can
    if can:
        assert not streamed.can_be_streamed(
            dataset_of([str(n % 20) for n in range(60)]), None, encoder, options, most=most
        )
        assert not streamed.can_be_streamed(dataset, dataset_of(["a"] * 5001), encoder, options, most=most)
        assert streamed.can_be_streamed(dataset, dataset_of(["a"] * 5000), encoder, options, most=most)
        weighed = replace(dataset, targets=replace(dataset.targets, weights=np.full(60, 2.0)))
        assert not streamed.can_be_streamed(weighed, None, encoder, options, most=most)


@pytest.mark.parametrize(
    ("free", "options", "held"),
    [
        (100e9, TrainingOptions(), 103_121),  # (4 GB - 0.3) / (2.5 * 4 * 2,688 + 9,000)
        (2e9, TrainingOptions(), 47_380),
        (100e9, TrainingOptions(learning_curve=True), None),  # there is room for all
    ],
)
def test_no_more_is_held_at_once_than_four_gigabytes_where_blocks_will_do(
    free: float, options: TrainingOptions, held: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free_memory", lambda: int(free))
    dataset, encoder = dataset_of(["a", "b"] * 60_000), FakeEncoder("mean@0", hidden_size=2688)
    assert streamed.room_for(dataset, None, encoder, options) == held
    few = dataset.take(np.arange(held or 1000))
    assert streamed.room_for(few, None, encoder, options) is None


@pytest.mark.parametrize(("width", "n_tested"), [(25_600, 0), (2688, 26_000)])
def test_what_is_free_is_held_where_a_part_of_four_gigabytes_is_too_small(
    width: int, n_tested: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To choose in, or to test on a quarter of: then texts are streamed all the same, and none is refused."""
    monkeypatch.setattr(room, "free_memory", lambda: int(8e9))
    dataset, encoder = dataset_of(["a", "b"] * 120_000), FakeEncoder("mean@0", hidden_size=width)
    test = dataset_of(["a"] * n_tested) if n_tested else None
    fit = room.texts_that_fit(width)
    assert fit is not None
    assert fit > (room.texts_that_fit(width, most=room.AT_ONCE) or 0)
    assert streamed.room_for(dataset, test, encoder, TrainingOptions()) == fit


def dataset_of(labels: list[str]) -> Dataset:
    texts = [f"text {place}" for place in range(len(labels))]
    source = Source(name="rows.tsv", sha256="0" * 64, size_bytes=1, text_column="1", label_column="2")
    return Dataset(texts=texts, targets=Targets.of_labels(labels), lines=range(1, len(texts) + 1), source=source)


def test_a_part_has_of_every_label_and_of_rare_ones_more() -> None:
    dataset = dataset_of(["often"] * 900 + ["less"] * 95 + ["rare"] * 5)
    drawn = streamed._drawn(dataset, 100, 0)
    labels = [dataset.labels[row] for row in drawn.tolist()]
    assert labels.count("rare") == 5
    assert labels.count("less") >= 10
    assert 85 <= labels.count("often") <= 95
    assert streamed._drawn(dataset, 1000, 0).tolist() == list(range(1000))
