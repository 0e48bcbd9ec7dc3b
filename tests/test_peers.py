"""The comparison with others measures what it says, by ways whose figures are known beforehand."""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.ceilings import work_gflop
from bench.peers import measure, neighbours, ours
from bench.peers.__main__ import _labelled, _work
from bench.peers.answers import Labelled, Learned, answers_markdown, answers_summary, compare_answers
from bench.peers.measure import OURS, Comparison, WayResult, Work
from bench.peers.page import best_neighbour, markdown, plot, summary
from encoder_fakes import make_checkpoint
from frostline.data.sample import load_sample
from frostline.encoder.architecture import describe
from frostline.encoder.checkpoint import find_checkpoint
from frostline.encoder.tokens import WordPieces
from frostline.errors import BackendError

CONFIG = {
    "model_type": "bert",
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "hidden_size": 8,
    "intermediate_size": 16,
    "vocab_size": 30,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
}
SHAPE = describe(CONFIG)
TEXTS = [f"word {'and ' * (number % 7)}{number}" for number in range(40)]


clock = [0.0]


@pytest.fixture(autouse=True)
def own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds that pass by what is read, however busy the machine is."""
    monkeypatch.setattr(neighbours, "time", SimpleNamespace(perf_counter=lambda: clock[0]))


def read(texts: list[str], batch_size: int) -> Any:
    """Rows that depend on the text alone; slowest where batches are small."""
    clock[0] += 0.02 / batch_size
    return np.array([[len(text), text.count("and"), 1.0] for text in texts])


def read_padded(texts: list[str], _batch_size: int) -> Any:
    return np.array([[len(text), max(map(len, texts))] for text in texts])


def task(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    given = {"mode": "bulk", "texts": TEXTS, "batch_sizes": [1, 8], "rows": str(tmp_path / "rows.npy")}
    return {**given, **changes}


def test_the_quickest_batch_size_is_taken(tmp_path: Path) -> None:
    answer = neighbours.measured(read, task(tmp_path), 0.0)
    assert answer["batch_size"] == 8
    assert answer["depends_on_mates"] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), np.asarray(read(TEXTS, 8), np.float32))


def test_a_row_that_depends_on_its_batch_is_found_out(tmp_path: Path) -> None:
    assert neighbours.measured(read_padded, task(tmp_path), 0.0)["depends_on_mates"] > 0.1


def test_one_at_a_time_is_timed_text_by_text(tmp_path: Path) -> None:
    answer = neighbours.measured(read, task(tmp_path, mode="single"), 0.0)
    assert len(answer["single_s"]) == len(TEXTS)
    assert answer["single_s"] == pytest.approx([0.02] * len(TEXTS))


def test_means_leave_padding_out() -> None:
    states = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1]])
    rows = neighbours.pooled(states, mask, "mean")
    np.testing.assert_allclose(rows, [states[0, :2].mean(axis=0), states[1].mean(axis=0)])
    np.testing.assert_array_equal(neighbours.pooled(states, mask, "cls"), states[:, 0])


def test_a_distribution_takes_more_with_what_it_needs() -> None:
    alone, both = neighbours.installed_bytes(("numpy",)), neighbours.installed_bytes(("scipy",))
    assert 1e7 < alone < both
    assert neighbours.installed_bytes(("no-such-distribution",)) == 0


def work(tmp_path: Path) -> Work:
    codes = np.array([text.count("and") > 3 for text in TEXTS], dtype=np.int64)
    return Work(
        name="words", folder=tmp_path, pooling="mean", texts=TEXTS, n_pieces=400, shape=SHAPE, gflop=0.4, codes=codes
    )


def test_ways_are_compared_run_by_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A way that fails is named with its reason, and the others go on."""
    asked = []

    def ask(call: list[str], given: Mapping[str, Any], _threads: int) -> dict[str, Any]:
        asked.append((given["way"], given["mode"], given.get("batch_sizes")))
        if given["way"] == "transformers pipeline":
            raise BackendError("it broke")
        if given["mode"] == "single":
            return {"opened_s": 0.1, "single_s": [0.01, 0.02]}
        own = call[0] == sys.executable
        noise = 0.0 if given["way"] in {measure.REFERENCE, OURS} else 0.1
        rows = np.asarray(read(list(given["texts"]), 8), np.float32)
        np.save(given["rows"], rows + noise * np.random.default_rng(0).standard_normal(rows.shape))
        return {
            "opened_s": 0.2,
            "seconds": 0.5 if own else 1.0 if given["way"] == measure.REFERENCE else 0.25,
            "batch_size": 8,
            "peak_bytes": 1_000_000,
            "depends_on_mates": 0.0,
        }

    monkeypatch.setattr(measure, "ask", ask)
    monkeypatch.setattr(measure, "product_gflops", lambda *_, **__: 2.0)
    found = measure.compare(work(tmp_path), python=Path("python"), repeats=2, threads=2, with_int8=False)
    by_name = {way.way: way for way in found.ways}
    assert by_name["transformers pipeline"].failed == "it broke"
    assert sum(way == "transformers pipeline" for way, _, _ in asked) == 1
    assert [sizes for way, mode, sizes in asked if way == "ctranslate2 int8" and mode == "bulk"] == [(8, 32, 128), [8]]
    assert by_name[OURS].error == 0
    assert by_name[OURS].equal == 1
    assert by_name["ctranslate2 int8"].error > 0
    assert found.against_ours(by_name[measure.REFERENCE]) == (2.0, 2.0)
    assert found.rate(by_name[OURS]) == len(TEXTS) / 0.5
    assert found.share(by_name[OURS]) == pytest.approx(0.4 / 0.5 / 2.0)
    assert best_neighbour(found) is by_name[measure.REFERENCE]
    page = markdown(found, dict.fromkeys(by_name, 1_000_000))
    assert "failed: it broke" in page
    assert "ours is 2.00 x as fast" in page
    assert "Faster than ours in float32, with a larger error: sentence-transformers" in page
    assert plot([found]).count("words") >= 1
    json.dumps(summary(found), allow_nan=False)
    asked.clear()
    long = replace(work(tmp_path), codes=None, alone=False)
    found = measure.compare(long, python=Path("python"), repeats=1, threads=2, with_int8=False)
    assert {mode for _, mode, _ in asked} == {"bulk"}
    assert " ms" not in markdown(found, dict.fromkeys(by_name, 1_000_000))


def test_no_neighbour_as_exact_is_said_by_saying_nothing(tmp_path: Path) -> None:
    own = WayResult(way=OURS, seconds=[1.0], single_s=[0.1, 0.2], opened_s=[0.1], error=1e-7)
    rough = WayResult(way="ctranslate2 int8", seconds=[1.0], single_s=[0.1, 0.2], opened_s=[0.1], error=1e-2)
    found = Comparison(work=work(tmp_path), ways=(own, rough), ceiling=1.0)
    assert best_neighbour(found) is None
    assert "<pattern" in plot([found])  # hatched
    assert "<pattern" not in plot([replace(found, ways=(own,))])


@pytest.mark.parametrize(("kind", "alone"), [("short", True), ("long", False)])
def test_the_work_is_counted_as_everywhere(kind: str, *, alone: bool) -> None:
    """By the products that the texts need; long texts are not read one at a time again."""
    dataset = load_sample().train.take(np.arange(60))
    folder = find_checkpoint("minilm").folder
    found = _work("minilm", folder, kind, dataset, n_long=3)
    assert found.alone is alone
    assert len(found.texts) == (60 if alone else 3)
    lengths = WordPieces.open(find_checkpoint("minilm")).tokenize(found.texts).lengths
    assert found.n_pieces == lengths.sum()
    assert found.gflop == work_gflop(found.shape, lengths.tolist(), cls_only=False)


def test_an_encoder_that_was_prepared_for_shorter_texts_is_counted_so(tmp_path: Path) -> None:
    """sentence-transformers writes its own limit, 256 for MiniLM, into what it saves."""
    folder = tmp_path / "minilm"
    shutil.copytree(find_checkpoint("minilm").folder, folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "model_max_length": 64}), "utf-8")
    found = _work("minilm", folder, "long", load_sample().train.take(np.arange(60)), n_long=3)
    assert found.n_pieces == 3 * 64


def some_labelled(folder: Path = Path("none")) -> Labelled:
    texts = [f"{'good' if row % 3 else 'bad'} film {row}" for row in range(80)]
    labels = [text.split()[0] for text in texts]
    return Labelled(
        name="tiny", folder=folder, train=texts[:60], labels=labels[:60], texts=texts[60:], truth=labels[60:]
    )


def test_answers_of_each_way_in_a_table() -> None:
    given = some_labelled()
    own = Learned(way="frostline", seconds=[0.5, 1.0, 2.0], learned_s=3.0, peak_bytes=200_000_000, said=given.truth)
    other = Learned(way="fastText", seconds=[0.01], learned_s=0.5, peak_bytes=1_000_000, said=["bad"] * 20)
    gone = Learned(way="model2vec", failed="No module | named model2vec")
    told = answers_markdown(given, [own, other, gone], {"frostline": 700_000_000, "fastText": 4_000_000})
    lines = told.splitlines()
    assert lines[0] == "### tiny, from labelled texts to answers"
    assert lines[2] == (
        "60 texts learned from, 20 others answered, n = 3 times, medians (smallest to largest). The same answers: as "
        "the first way gives."
    )
    assert lines[-3:] == [
        "| **frostline** | 20 (10-40) | 100.0% (83.9% to 100.0%) | 100.0% | 3.0 s | 200 MB | 700 MB |",
        "| fastText | 2,000 (2,000-2,000) | 35.0% (18.1% to 56.7%) | 35.0% | 0.5 s | 1 MB | 4 MB |",
        "| model2vec | failed: No module / named model2vec |  |  |  |  |  |",
    ]
    figures = answers_summary(given, [own, other, gone])
    assert figures["n_trained"] == 60
    assert figures["ways"] == {
        "frostline": {
            "failed": "",
            "seconds": [0.5, 1.0, 2.0],
            "learned_s": 3.0,
            "peak_bytes": 200_000_000,
            "n_right": 20,
            "n_same": 20,
        },
        "fastText": {
            "failed": "",
            "seconds": [0.01],
            "learned_s": 0.5,
            "peak_bytes": 1_000_000,
            "n_right": 7,
            "n_same": 7,
        },
        "model2vec": {
            "failed": "No module | named model2vec",
            "seconds": [],
            "learned_s": 0.0,
            "peak_bytes": 0,
            "n_right": 0,
            "n_same": 0,
        },
    }


def test_a_way_learns_answers_and_tells_what_it_took(tmp_path: Path) -> None:
    """Ours in a process of its own, over a small encoder; a way that is not there is told, and the others go on."""
    given = some_labelled(make_checkpoint(tmp_path / "encoder"))
    found = compare_answers(given, python=Path(sys.executable), repeats=2, threads=1, ways=["frostline", "fastText"])
    assert [way.way for way in found] == ["frostline", "fastText"]
    assert len(found[0].seconds) == 2
    assert found[0].said == given.truth
    assert found[1].failed.startswith("fastText failed: ModuleNotFoundError")
    assert set(ours.LEARNING) == {"frostline", "frostline cascade", "frostline static"}
    assert set(neighbours.LEARNING) <= set(neighbours.NEEDS)


def test_what_is_answered_is_not_learned_from() -> None:
    dataset = load_sample().train
    given = _labelled("minilm", Path("there"), dataset)
    assert len(given.train) == len(given.labels) == len(dataset) - len(dataset) // 4
    assert len(given.texts) == len(given.truth) == len(dataset) // 4
    assert not set(given.train) & set(given.texts)
    assert given.truth == [str(label) for label in dataset.labels][3::4]
