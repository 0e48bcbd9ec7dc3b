"""The process that reads, in this one: what one text does to others, and what is shared."""

import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from conftest import Command
from fakes import FakeEncoder
from frostline.arrays import Progress
from frostline.artifact.model import Model
from frostline.encoder.reading import Reading
from frostline.errors import BackendError
from frostline.head.linear import LinearHead
from frostline.serve.frames import LATE, Frames, Message, packed
from frostline.serve.worker import Served, Worker

if TYPE_CHECKING:
    from frostline.artifact import Manifest


class Poisoned(FakeEncoder):
    """Fails on every batch with a certain text in it, and is not slow to read."""

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Reading:
        if "poison" in texts:
            raise BackendError("The encoder failed on text 0.")
        if "bug" in texts:
            raise ZeroDivisionError
        return super().encode(texts, progress=progress)


def model_of(encoder: FakeEncoder) -> Model:
    random = np.random.default_rng(0)
    head = LinearHead(labels=("no", "yes"), coef=random.normal(size=(1, encoder.n_features)), intercept=np.zeros(1))
    return Model(manifest=cast("Manifest", None), head=head, encoder=encoder)


def answered(worker: Worker, theirs: socket.socket, texts: list[str], *, deadline_s: float = 10.0) -> list[Message]:
    """What the worker says of texts that wait together."""
    pairs = list(enumerate(texts))
    deadline = time.monotonic() + deadline_s
    theirs.sendall(packed({"do": "answer", "model": "m", "texts": pairs, "deadline": deadline}))
    found: dict[int, Message] = {}
    frames = Frames()
    while len(found) < len(texts):
        for message, _ in frames.fed(theirs.recv(1 << 16)):
            found |= {said["ticket"]: said for said in message["answers"]}
    return [found[ticket] for ticket in range(len(texts))]


@pytest.fixture
def two_ends() -> Any:
    """A worker with a poisoned encoder, and the other end of its line."""
    ours, theirs = socket.socketpair()
    worker, encoder = Worker(ours), Poisoned()
    worker._served["m"] = Served(model_of(encoder), None, encoder)
    thread = threading.Thread(target=worker.serve, args=(1,))
    thread.start()
    yield worker, theirs
    worker._lists.close()
    theirs.close()
    thread.join(timeout=10)
    ours.close()


def test_a_text_that_breaks_its_batch_is_found_and_the_others_are_answered(two_ends: Any) -> None:
    """F59: by halving; a bug of ours is told by its kind alone."""
    worker, theirs = two_ends
    texts = ["a", "b", "poison", "c", "bug", "d", "\ud800"]
    said = answered(worker, theirs, texts)
    alone = [answered(worker, theirs, [text])[0] for text in texts]
    assert [one.get("fault") for one in said] == [
        None,
        None,
        "The encoder failed on text 0.",
        None,
        "The text could not be read (ZeroDivisionError).",
        None,
        "A text must consist of whole characters (got half of one: U+D800 at character 0).",
    ]
    assert [one.get("status") for one in said] == [None, None, 500, None, 500, None, 422]
    assert [one.get("favoured") for one in said] == [one.get("favoured") for one in alone]


def test_a_text_whose_turn_comes_too_late_is_not_read(two_ends: Any) -> None:
    worker, theirs = two_ends
    reader = worker._served["m"].reader
    [said] = answered(worker, theirs, ["nobody waits for this"], deadline_s=-1.0)
    assert (said["fault"], said["status"]) == (LATE, 503)
    assert "nobody waits for this" not in reader.read


def test_a_version_that_is_gone_is_told(two_ends: Any) -> None:
    worker, theirs = two_ends
    worker._served.clear()
    [said] = answered(worker, theirs, ["a"])
    assert (said["fault"], said["status"]) == ("This version of the model is no longer here.", 503)


def test_without_the_extra_one_sentence_says_what_to_install(
    frostline: Command, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "frostline.serve.running", raising=False)
    monkeypatch.delitem(sys.modules, "frostline.serve.app", raising=False)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    told = frostline("serve", model, "--port", 0)
    assert told.code == 69
    assert "To serve, fastapi must be installed, and it is not." in told.err
    assert "pip install 'frostline[serve]'" in told.err
