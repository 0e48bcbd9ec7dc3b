"""The process that reads, in this one: what one text does to others, and what is shared."""

import asyncio
import socket
import sys
import threading
import time
from array import array
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from conftest import Command
from encoder_fakes import make_checkpoint
from fakes import FakeEncoder
from frostline.arrays import Progress
from frostline.artifact.model import Model
from frostline.encoder.encoder import Encoder
from frostline.encoder.reading import Reading
from frostline.encoder.words import Vocabulary, WordedEncoder, WordsAlone
from frostline.errors import BackendError
from frostline.head.cascade import Cascade
from frostline.head.linear import LinearHead, Rule
from frostline.serve.frames import LATE, Frames, Message, packed
from frostline.serve.options import Limits
from frostline.serve.reading import Reading as Asked
from frostline.serve.reading import _Asked
from frostline.serve.refusals import Refusal
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


def model_of(encoder: FakeEncoder | Encoder) -> Model:
    random = np.random.default_rng(0)
    head = LinearHead(labels=("no", "yes"), coef=random.normal(size=(1, encoder.n_features)), intercept=np.zeros(1))
    return Model(manifest=cast("Manifest", None), head=head, encoder=encoder)


def answered(worker: Worker, theirs: socket.socket, texts: list[str], *, deadline_s: float = 60.0) -> list[Message]:
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
    theirs.settimeout(60)
    worker, encoder = Worker(ours), Poisoned()
    worker._served["m"] = Served(model_of(encoder), None, encoder)
    thread = threading.Thread(target=worker.serve, args=(1,))
    thread.start()
    yield worker, theirs
    worker._lists.close()
    worker._long.close()
    theirs.close()
    thread.join(timeout=60)
    ours.close()


def test_the_encoder_reads_what_a_cascade_leaves(two_ends: Any) -> None:
    """Each text is answered as by the model alone, and what is early is never read: it cannot break a batch."""
    worker, theirs = two_ends
    reader = worker._served["m"].reader
    cheap = LinearHead(
        labels=("no", "yes"), coef=np.array([[-9.0, 9.0]]), intercept=np.zeros(1), rule=Rule(answer_from=0.9)
    )
    words = Vocabulary(terms=("bad", "good"), n_texts=9, counts=np.array([3, 3]))
    cascade = Cascade(head=cheap, reader=WordedEncoder(WordsAlone(), words))
    model = replace(model_of(reader), cascade=cascade)
    worker._served["m"] = Served(model, None, reader)
    texts = ["good", "bad thing", "a thing", "good and bad", "good poison", "other"]
    said = answered(worker, theirs, texts)
    wanted = model.answer(texts[:4] + texts[5:])
    assert wanted.early is not None
    assert wanted.early.tolist() == [True, True, False, False, False]
    assert [own["favoured"] for own in said] == [
        *(row.nonzero()[0].tolist() for row in wanted.favoured[:4]),
        [1],
        wanted.favoured[4].nonzero()[0].tolist(),
    ]
    assert "good" not in reader.read
    assert "a thing" in reader.read


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


def test_a_request_whose_turn_has_come_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch, two_ends: Any) -> None:
    """However long its own texts take; who comes then is late."""
    worker, theirs = two_ends
    now = [0.0]
    encoder = worker._served["m"].reader

    def encode(texts: Sequence[str], *, progress: Progress | None = None) -> Reading:
        now[0] += 100.0
        return Poisoned.encode(encoder, texts, progress=progress)

    answered(worker, theirs, ["the thread that reads waits for its next turn with a budget of its own"])
    monkeypatch.setattr("frostline.serve.worker.TOKEN_BUDGET", 1)
    answered(worker, theirs, ["from the next turn on it is this one"])
    monkeypatch.setattr("frostline.serve.worker.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(encoder, "encode", encode)
    deadline = 10.0 - time.monotonic()  # `answered` adds what the clock says outside
    said = answered(worker, theirs, ["a", "b", "c"], deadline_s=deadline)
    assert ([one.get("fault") for one in said], now[0]) == ([None, None, None], 300.0)
    assert answered(worker, theirs, ["d"], deadline_s=deadline)[0]["fault"] == LATE


def test_a_process_without_a_sign_of_life_is_replaced_and_one_that_loads_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where something is owed: while it starts, or loads."""
    reading, killed, sleep, now = Asked(threads=1, limits=Limits(start_s=0.8)), list[float](), asyncio.sleep, [1_000.0]
    monkeypatch.setattr(reading, "kill", lambda: killed.append(now[0]))
    monkeypatch.setattr("frostline.serve.reading.time", SimpleNamespace(monotonic=lambda: now[0]))

    async def soon(seconds: float) -> None:
        assert seconds == 0.5
        await sleep(0)

    monkeypatch.setattr("frostline.serve.reading.asyncio.sleep", soon)

    async def owed() -> list[list[float]]:
        seen = []
        reading._lived = now[0] - 100
        watching = asyncio.ensure_future(reading.watch())

        async def pass_by(seconds: float) -> None:
            now[0] += seconds
            for _ in range(3):
                await sleep(0)
            seen.append(list(killed))

        await pass_by(0.5)  # nothing is owed
        reading._aside[1] = asyncio.get_running_loop().create_future(), now[0] - 0.1
        for _ in range(3):
            reading.took({"alive": True}, array("d"))
            await pass_by(0.7)
        await pass_by(0.2)
        watching.cancel()
        return seen

    *before, after = asyncio.run(owed())
    assert before == [[]] * 4
    assert set(after) == {now[0]}


def test_a_process_that_hangs_at_its_start_is_given_up() -> None:
    """And who waited for it hears so."""

    async def started() -> str:
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        reading = Asked(threads=1, limits=Limits(start_s=0.1), command=command)
        await reading.start()
        watching = asyncio.ensure_future(reading.watch())
        with pytest.raises(Refusal) as caught:
            await asyncio.wait_for(reading.aside("load", model="m@1"), 60)
        watching.cancel()
        await reading.stop()
        return caught.value.message

    assert asyncio.run(started()) == "The encoder is starting."


def test_a_model_that_a_new_process_does_not_know_yet_is_being_loaded() -> None:
    """Not gone: neither for answers nor for explanations."""

    async def asked() -> list[str]:
        reading = Asked(threads=1, limits=Limits())
        reading.is_up, reading._transport = True, cast("Any", SimpleNamespace(write=lambda _: None))
        said = []
        for _ in range(2):
            for call in (reading.answers("m@1", ["a"], queue_s=1.0), reading.aside("explain", model="m@1", text="a")):
                with pytest.raises((Refusal, TimeoutError)) as caught:
                    await asyncio.wait_for(call, 0.05)
                said.append(str(caught.value))
            loading = asyncio.ensure_future(reading.aside("load", model="m@1"))
            await asyncio.sleep(0)
            reading.took({"reply": max(reading._aside)}, array("d"))
            await loading
        reading.lost()
        reading.is_up = True
        assert reading._loaded == set()
        return said

    loading = "The model is being loaded."
    assert asyncio.run(asked()) == [loading, loading, "", ""]


class Gate:
    """A tokenizer that stands still at a long text, until it is let go on."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer, self.asked = tokenizer, list[str]()
        self.reached, self.opened = threading.Event(), threading.Event()

    def encode_batch_fast(self, texts: list[str], **how: bool) -> Any:
        self.asked += texts
        if any(text.startswith("film" * 100) for text in texts):
            self.reached.set()
            assert self.opened.wait(60)
        if any(text.startswith("bug") for text in texts):
            raise ZeroDivisionError
        return self.tokenizer.encode_batch_fast(texts, **how)


@pytest.fixture
def gated(tmp_path: Path, two_ends: Any) -> tuple[Worker, socket.socket, Gate]:
    """A worker with a real encoder whose tokenizer has a gate."""
    worker, theirs = two_ends
    encoder = Encoder.open(str(make_checkpoint(tmp_path / "small")))
    gate = Gate(encoder.word_pieces.tokenizer)
    encoder = replace(encoder, word_pieces=replace(encoder.word_pieces, tokenizer=gate))
    worker._served["m"] = Served(model_of(encoder), None, encoder)
    return worker, theirs, gate


def ask(theirs: socket.socket, texts: dict[int, str], *, deadline_s: float = 60.0) -> None:
    deadline = time.monotonic() + deadline_s
    theirs.sendall(packed({"do": "answer", "model": "m", "texts": [*texts.items()], "deadline": deadline}))


def next_answers(theirs: socket.socket, n_answers: int) -> dict[int, Message]:
    found: dict[int, Message] = {}
    frames = Frames()
    while len(found) < n_answers:
        for message, _ in frames.fed(theirs.recv(1 << 16)):
            found |= {said["ticket"]: said for said in message["answers"]}
    return found


LONG_WORD = "film" * 1_001


def test_nobody_waits_for_a_long_texts_word_pieces(gated: tuple[Worker, socket.socket, Gate]) -> None:
    """Texts of any length within the limits; the line goes on being read meanwhile."""
    _, theirs, gate = gated
    ask(theirs, {1: LONG_WORD, 2: "short, of the same request"})
    ask(theirs, {3: "a film"})
    assert {*next_answers(theirs, 2)} == {2, 3}
    ask(theirs, {4: "b" * 4_000})
    assert {*next_answers(theirs, 1)} == {4}
    gate.opened.set()
    assert next_answers(theirs, 1)[1]["pieces"] == 3


def test_a_long_text_that_waits_is_dropped_is_late_or_fails_by_itself(
    gated: tuple[Worker, socket.socket, Gate],
) -> None:
    """A request whose turn has come is not late, however long its texts take."""
    worker, theirs, gate = gated
    ask(theirs, {1: LONG_WORD + "1"}, deadline_s=-1.0)  # late at once
    assert next_answers(theirs, 1)[1]["fault"] == LATE
    ask(theirs, {2: LONG_WORD + "2", 3: LONG_WORD + "3", 4: "bug" * 2_000})
    assert gate.reached.wait(60)
    for request in ({5: LONG_WORD + "5"}, {6: LONG_WORD + "6", 7: LONG_WORD + "7"}):
        ask(theirs, request)
    theirs.sendall(packed({"do": "drop", "tickets": [6]}))
    ask(theirs, {8: "a film"})
    assert {*next_answers(theirs, 1)} == {8}  # so all has been heard
    for waiting in [*worker._long._lists[None, 1].values()]:
        waiting.turn.deadline = 0.0  # it passes while they wait
    gate.opened.set()
    said = next_answers(theirs, 5)
    late = {ticket for ticket, one in said.items() if one.get("fault") == LATE}
    assert ({*said}, late) == ({2, 3, 4, 5, 7}, {5, 7})
    assert said[4]["fault"] == "The tokenizer failed (ZeroDivisionError: '')."
    assert not any(text.startswith(LONG_WORD) and text[-1] in "1567" for text in gate.asked)


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


def test_an_encoder_is_kept_as_long_as_a_model_has_it(two_ends: Any) -> None:
    worker, _ = two_ends
    shared, other = worker._served["m"].reader, Poisoned()
    worker._served |= {"n": Served(model_of(shared), None, shared), "o": Served(model_of(other), None, other)}
    worker._readers = {("shared", ""): shared, ("other", ""): other}
    kept = []
    for name in ("m", "o", "n", "nobody"):
        worker._unload({"model": name})
        kept.append(sorted(key for key, _ in worker._readers))
    assert kept == [["other", "shared"], ["shared"], [], []]


@pytest.mark.parametrize(("waits_s", "is_killed"), [(14.0, False), (16.0, True)])
def test_a_process_that_answers_others_may_owe_one_for_three_times_as_long(
    monkeypatch: pytest.MonkeyPatch, waits_s: float, *, is_killed: bool
) -> None:
    """Where it answers nobody, a third is enough; a thread that hangs keeps its text for ever."""
    reading, killed = Asked(threads=1, limits=Limits(hang_s=5.0)), asyncio.Event()
    monkeypatch.setattr(reading, "kill", killed.set)
    now = 1_000.0
    monkeypatch.setattr("frostline.serve.reading.time", SimpleNamespace(monotonic=lambda: now))

    async def owed() -> bool:
        future = asyncio.get_running_loop().create_future()
        reading._pending[1] = _Asked(1, future, now - waits_s), 0
        reading._heard = reading._lived = now - 1.0
        begun, looked = asyncio.Event(), asyncio.Event()

        async def sleep(_: float) -> None:
            if begun.is_set():
                looked.set()
                await asyncio.Event().wait()
            begun.set()

        monkeypatch.setattr("frostline.serve.reading.asyncio.sleep", sleep)
        watching = asyncio.ensure_future(reading.watch())
        await looked.wait()
        watching.cancel()
        return killed.is_set()

    assert asyncio.run(owed()) is is_killed
