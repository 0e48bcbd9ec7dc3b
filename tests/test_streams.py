"""Long streams: memory does not grow with them, and a file of answers or features is whole or not there."""

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline.arrays import Progress
from frostline.artifact.model import Model
from frostline.encoder.reading import Reading
from frostline.errors import InputError
from frostline.head.linear import LinearHead
from frostline.score.answers import layout_of, predictions
from frostline.score.files import write_predictions
from frostline.score.rows import write_features

LABELS = ("bad", "good")


class CheapEncoder(FakeEncoder):
    """Every row is zero, and nothing is remembered: only the stream costs memory."""

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Reading:
        del progress
        n_texts = len(texts)
        return Reading(
            rows=np.zeros((n_texts, self.n_features), np.float32),
            pieces=np.ones(n_texts, np.int32),
            cut=np.zeros(n_texts, np.bool_),
            n_read=n_texts,
        )


def texts(n_texts: int) -> Iterator[str]:
    """Distinct texts, one after the other."""
    return (f"sentence number {number} of a long stream of sentences" for number in range(n_texts))


def predicted(path: Path, n_texts: int) -> None:
    encoder = CheapEncoder()
    head = LinearHead(labels=LABELS, coef=np.zeros((1, encoder.n_features)), intercept=np.zeros(1))
    model = Model(manifest=cast("Any", SimpleNamespace(labels=LABELS)), head=head, encoder=encoder)
    assert write_predictions(path, predictions(model, texts(n_texts)), layout_of(model)) == n_texts


def embedded(path: Path, n_texts: int) -> None:
    assert write_features(path, CheapEncoder(), lambda: texts(n_texts)).n_rows == n_texts


def peak(act: Callable[[], None]) -> int:
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("act", "name"),
    [
        (predicted, "a.tsv"),
        pytest.param(predicted, "a.csv", marks=pytest.mark.slow),  # the writers differ, not what goes through them
        pytest.param(predicted, "a.jsonl", marks=pytest.mark.slow),
        (embedded, "a.npy"),
        (embedded, "a.safetensors"),
    ],
)
def test_memory_does_not_grow_with_the_stream(tmp_path: Path, act: Callable[[Path, int], None], name: str) -> None:
    """Less than 200 kB for 20,000 more texts, which would take millions."""
    act(tmp_path / name, 10)  # what is imported or made once
    few = peak(lambda: act(tmp_path / name, 17_000))
    many = peak(lambda: act(tmp_path / name, 37_000))
    assert many - few < 200_000


def test_rows_in_numpy_s_format_are_the_file_that_numpy_writes(tmp_path: Path) -> None:
    write_features(tmp_path / "rows.npy", FakeEncoder(), lambda: texts(7))
    np.save(tmp_path / "expected.npy", FakeEncoder().encode(list(texts(7))).rows)
    assert (tmp_path / "rows.npy").read_bytes() == (tmp_path / "expected.npy").read_bytes()


@pytest.mark.parametrize("change", [-1, 1])
def test_texts_that_change_between_counting_and_reading_are_an_error(tmp_path: Path, change: int) -> None:
    """The number of rows stands at the file's beginning: a wrong one is never published."""
    counts = iter([50, 50 + change])
    with pytest.raises(InputError, match=f"there were 50, then {50 + change}"):
        write_features(tmp_path / "rows.npy", FakeEncoder(), lambda: texts(next(counts)))
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_fails_half_way_leaves_no_file(tmp_path: Path) -> None:
    """What was there before stays."""
    out = tmp_path / "answers.tsv"
    out.write_bytes(b"precious")

    def broken() -> Iterator[str]:
        yield from texts(5000)
        raise InputError("The file ends here.")

    head = LinearHead(labels=LABELS, coef=np.zeros((1, CheapEncoder().n_features)), intercept=np.zeros(1))
    model = Model(manifest=cast("Any", SimpleNamespace(labels=LABELS)), head=head, encoder=CheapEncoder())
    with pytest.raises(InputError):
        write_predictions(out, predictions(model, broken()), layout_of(model))
    assert out.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [out]
