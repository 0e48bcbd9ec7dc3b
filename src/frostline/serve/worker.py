"""The process that reads: models, and threads that take texts from the lists. If it hangs or crashes, it is replaced.

`python -m frostline.serve.worker FD THREADS` is how the server starts it; it ends when the socket does.
"""

import ctypes
import itertools
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from frostline.arrays import JoinedRows, Rows
from frostline.artifact import load_artifact, load_neighbours
from frostline.artifact.files import Neighbours
from frostline.artifact.model import Model, open_model
from frostline.artifact.self_test import SENTENCES
from frostline.encoder.encoder import Encoder
from frostline.encoder.reading import TOKEN_BUDGET, Around, SentenceEncoder, TokenBatch
from frostline.encoder.words import vocabulary_of
from frostline.errors import FrostlineError, InputError, UnavailableError, printable
from frostline.machine import one_blas_thread
from frostline.serve.frames import LATE, Frames, Message, packed
from frostline.serve.lists import Lists, Turn, Waiting
from frostline.targets import Answers

if TYPE_CHECKING:
    from frostline.artifact.model import OpenEncoder

GONE = "This version of the model is no longer here."
_LONG = 4_000  # characters: a longer text is parted into word pieces aside, so that no other waits for it
_MEASURE_S = 0.3
_ALIVE_S = 1.0


@final
@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A model, and what reads for it."""

    model: Model
    neighbours: Neighbours | None
    reader: SentenceEncoder  # The encoder at the bottom, without words beside it

    def asked(self, ticket: int, text: str, model: str, turn: Turn) -> Waiting:
        """The text as it waits; what it cannot be raises."""
        _refuse_halves(text)
        ids, is_cut = None, False
        if isinstance(self.reader, Encoder):
            pieces = self.reader.word_pieces.tokenize([text])
            ids, is_cut = pieces.ids[0], bool(pieces.cut[0])
        return Waiting(ticket, model, text, ids, is_cut=is_cut, turn=turn)


@final
class Worker:
    """Models by key, and what may be asked of them."""

    def __init__(self, line: socket.socket, *, open_encoder: "OpenEncoder | None" = None) -> None:
        self._line = line
        self._writing = threading.Lock()
        self._open_encoder = open_encoder
        self._served: dict[str, Served] = {}
        self._readers: dict[tuple[str, str], SentenceEncoder] = {}
        self._lists = Lists()
        self._long = Lists()  # Texts that are yet to be parted into word pieces
        self._aside = {"load": self._load, "unload": self._unload, "explain": self._explain}
        self._one_aside = threading.Lock()

    def serve(self, threads: int) -> None:
        """Do what comes over the line, until the other side is gone."""
        self._lists.portion = TOKEN_BUDGET * threads
        for target in (self._keep_parting, *[self._keep_reading] * threads):
            threading.Thread(target=target, daemon=True).start()
        frames = Frames()
        while data := self._line.recv(1 << 18):
            for message, _ in frames.fed(data):
                self._do(message)

    def _do(self, message: Message) -> None:
        match message["do"]:
            case "answer":
                self._ask(message)
            case "drop":
                for ticket in message["tickets"]:
                    if not self._long.drop(ticket):
                        self._lists.drop(ticket)
            case _:
                threading.Thread(target=self._do_aside, args=(message,), daemon=True).start()

    def _ask(self, message: Message) -> None:
        """Put each text of a request on its list; a text that is none fails by itself."""
        key, turn = message["model"], Turn(message["deadline"])
        served = self._served.get(key)
        failed: list[Message] = []
        asked: list[Waiting] = []
        long: list[Waiting] = []
        for ticket, text in message["texts"]:
            try:
                if served is None:
                    raise UnavailableError(GONE)
                if len(text) > _LONG and isinstance(served.reader, Encoder):
                    long.append(Waiting(ticket, key, text, None, is_cut=False, turn=turn))
                else:
                    asked.append(served.asked(ticket, text, key, turn))
            except FrostlineError as error:
                failed.append(_failed(ticket, error))
        if served is not None:
            self._lists.put((id(served.reader), _packs(served.reader)), asked)
            self._long.put(None, long)
        if failed:
            self._send({"answers": failed})

    def _keep_parting(self) -> None:
        """Part long texts into word pieces, the oldest first; those of a request that is late by then are not."""
        while batch := self._long.take(token_budget=1):
            [waiting] = batch
            served = self._served.get(waiting.model)
            if not waiting.turn.has_come and waiting.turn.deadline < time.monotonic():
                self._send({"answers": [_late(waiting)]})
            elif served is None:
                self._send({"answers": [_gone(waiting)[0]]})
            else:
                waiting.turn.has_come = True
                self._part(served, waiting)
            self._long.done(batch)

    def _part(self, served: Served, waiting: Waiting) -> None:
        try:
            asked = served.asked(waiting.ticket, waiting.text, waiting.model, waiting.turn)
        except Exception as error:  # noqa: BLE001 - whatever a text does to the tokenizer is that text's alone
            self._send({"answers": [_failed(waiting.ticket, error)]})
        else:
            self._lists.put((id(served.reader), _packs(served.reader)), [asked])

    def _do_aside(self, message: Message) -> None:
        """What takes longer than an answer: one at a time, and its own reply."""
        with self._one_aside:
            try:
                reply = self._aside[message["do"]](message)
            except FrostlineError as error:
                reply = {
                    "error": error.message,
                    "hint": error.hint,
                    "status": error.http_status,
                    "exit_code": error.exit_code,
                }
            except Exception as error:  # noqa: BLE001 - the edge of a process: the server tells, and goes on
                reply = {"error": f"An unforeseen {type(error).__name__}.", "hint": "", "status": 500, "exit_code": 70}
        self._send({"reply": message["ticket"], **reply})

    def _send(self, message: Message, numbers: bytes = b"") -> None:
        frame = packed(message, numbers)
        try:
            with self._writing:
                self._line.sendall(frame)
        except OSError:  # the server is gone
            os._exit(0)

    def keep_alive(self) -> None:
        """Give a sign of life, whatever the others are doing; without it the process is replaced."""
        while True:
            self._send({"alive": True})
            time.sleep(_ALIVE_S)

    def _keep_reading(self) -> None:
        while batch := self._lists.take(token_budget=TOKEN_BUDGET, packs=lambda reader: reader[1]):
            begun, taken = time.monotonic(), batch
            late = [waiting for waiting in batch if not waiting.turn.has_come and waiting.turn.deadline < begun]
            batch = [waiting for waiting in batch if waiting not in late]
            for waiting in batch:
                waiting.turn.has_come = True
            said: list[Message] = [_late(waiting) for waiting in late]
            numbers: list[bytes] = []
            if batch:
                self._answer(batch, said, numbers)
            self._lists.done(taken)
            took = time.monotonic() - begun
            self._send({"answers": said, "read": len(batch), "took": took, "begun": begun}, b"".join(numbers))

    def _answer(self, batch: list[Waiting], said: list[Message], numbers: list[bytes]) -> None:
        """Append an answer for each text; what fails is halved, until the text that makes it fail stands alone."""
        try:
            answers = self._answers(batch)
        except Exception as error:  # noqa: BLE001 - whatever a text does to the encoder is that text's alone
            if len(batch) == 1:
                said.append(_failed(batch[0].ticket, error))
                return
            half = len(batch) // 2
            self._answer(batch[:half], said, numbers)
            self._answer(batch[half:], said, numbers)
            return
        said += [answer for answer, _ in answers]
        numbers += [shares for _, shares in answers]

    def _answers(self, batch: list[Waiting]) -> list[tuple[Message, bytes]]:
        served = [self._served.get(waiting.model) for waiting in batch]
        said = [_gone(waiting) if one is None else None for one, waiting in zip(served, batch, strict=True)]
        for own in {id(own): own for own in served if own is not None}.values():
            _say_early(own, served, batch, said)
        late = [at for at, own in enumerate(said) if own is None]
        if late:
            reader = next(one.reader for one in served if one is not None)
            rows, pieces, cut = _read(reader, [batch[at] for at in late])
            for place, at in enumerate(late):
                one = served[at]
                if one is not None:
                    row, is_cut = rows[place : place + 1], bool(cut[place])
                    said[at] = _said(one, batch[at], row, int(pieces[place]), is_cut)
        return [own for own in said if own is not None]

    def _explain(self, message: Message) -> Message:
        from frostline.serve.explaining import why  # noqa: PLC0415 - heavy, and only where asked for

        served = self._served.get(message["model"])
        if served is None:
            raise UnavailableError(GONE)
        return {"explanation": why(served.model, served.neighbours, message["text"], labels=message["labels"])}

    def _load(self, message: Message) -> Message:
        """A model from its folder, its encoder shared with those that have the same, its self-test run."""
        artifact = load_artifact(Path(message["folder"]))
        manifest = artifact.manifest
        key = (manifest.encoder.fingerprint(), manifest.features.removesuffix("+words"))
        shared = self._readers.get(key)
        model = open_model(
            artifact,
            encoder=message.get("encoder"),
            threads=1,
            fetch=bool(message.get("fetch")),
            packs=True,
            open_encoder=self._open_encoder if shared is None else (lambda *_, **__: shared),
        )
        reader = model.encoder
        while isinstance(reader, Around):
            reader = reader.encoder
        self._readers[key] = reader
        neighbours = load_neighbours(artifact)
        self._served[message["model"]] = Served(model, neighbours, reader)
        return {
            "labels": list(manifest.labels),
            "is_sets": model.head.answers_sets,
            "sha256": artifact.sha256,
            "encoder": manifest.encoder.name,
            "features": manifest.features,
            "max_length": manifest.encoder.max_length,
            "has_neighbours": neighbours is not None,
            "answer_from": 0.0 if model.head.rule is None else float(model.head.rule.answer_from),
            "speed": _speed(reader) if shared is None else 0.0,
        }

    def _unload(self, message: Message) -> Message:
        """Forget a model; its encoder too, where no other has it."""
        self._served.pop(message["model"], None)
        used = {id(served.reader) for served in self._served.values()}
        self._readers = {key: reader for key, reader in self._readers.items() if id(reader) in used}
        return {}


def _refuse_halves(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"U+{ord(text[error.start]):04X} at character {error.start:,}"
        raise InputError(f"A text must consist of whole characters (got half of one: {half}).") from error


def _packs(reader: SentenceEncoder) -> bool:
    return isinstance(reader, Encoder) and reader.backend.packs


def _read(reader: SentenceEncoder, batch: list[Waiting]) -> tuple[Any, Any, Any]:
    """Rows (n_texts, n_features), word pieces (n_texts,) and whether each was cut."""
    if not isinstance(reader, Encoder):
        reading = reader.encode([waiting.text for waiting in batch])
        return reading.rows, reading.pieces, reading.cut
    runs: list[TokenBatch] = []
    start = 0
    for _, same in itertools.groupby(batch, key=lambda waiting: waiting.length):
        ids = np.stack([waiting.ids for waiting in same]).astype(np.int64)
        runs.append(TokenBatch(rows=np.arange(start, start + len(ids)), ids=ids))
        start += len(ids)
    rows = reader.backend.forward_together(runs)
    return rows, [waiting.length for waiting in batch], [waiting.is_cut for waiting in batch]


def _say_early(
    own: Served,
    served: list[Served | None],
    batch: list[Waiting],
    said: list[tuple[Message, bytes] | None],
) -> None:
    """Fill in what the cheap head of a model's cascade answers alone, of the texts that are the model's."""
    cascade = own.model.cascade
    if cascade is None:
        return
    places = [at for at, one in enumerate(served) if one is own]
    _, answers = cascade.hear([batch[at].text for at in places])
    for place, at in enumerate(places):
        if answers.answered[place]:
            answer = answers.take(slice(place, place + 1))
            said[at] = _as_message(batch[at], answer, batch[at].length, cut=bool(answer.cut[0]))


def _said(served: Served, waiting: Waiting, row: Any, n_pieces: int, cut: bool) -> tuple[Message, bytes]:  # noqa: FBT001
    """The answer for one text, and its probabilities as they are in memory."""
    vocabulary = vocabulary_of(served.model.encoder)
    rows: Rows = row if vocabulary is None else JoinedRows(row, vocabulary.rows([waiting.text]))
    return _as_message(waiting, served.model.answer_alone(rows, cut=cut), n_pieces, cut=cut)


def _as_message(waiting: Waiting, answer: Answers, n_pieces: int, *, cut: bool) -> tuple[Message, bytes]:
    said = {
        "ticket": waiting.ticket,
        "favoured": answer.favoured[0].nonzero()[0].tolist(),
        "answered": bool(answer.answered[0]),
        "cut": cut,
        "pieces": n_pieces,
        "n": answer.probabilities.shape[1],
    }
    return said, answer.probabilities[0].astype(np.float64).tobytes()


def _failed(ticket: int, error: Exception) -> Message:
    fault, status = f"The text could not be read ({type(error).__name__}).", 500
    if isinstance(error, FrostlineError):
        fault, status = printable(error.message), error.http_status
    return {"ticket": ticket, "fault": fault, "status": status}


def _late(waiting: Waiting) -> Message:
    return {"ticket": waiting.ticket, "fault": LATE, "status": 503}


def _gone(waiting: Waiting) -> tuple[Message, bytes]:
    return {"ticket": waiting.ticket, "fault": GONE, "status": 503}, b""


def _speed(reader: SentenceEncoder) -> float:
    """Word pieces a second of one thread, measured on sentences of common length for about a third of a second."""
    if not isinstance(reader, Encoder):
        return 0.0
    ids = reader.word_pieces.tokenize([SENTENCES[6]]).ids[0]
    batch = TokenBatch(rows=np.arange(8), ids=np.stack([ids] * 8).astype(np.int64))
    reader.backend.forward(batch)
    begun, n_read = time.monotonic(), 0
    while (took := time.monotonic() - begun) < _MEASURE_S:
        reader.backend.forward(batch)
        n_read += batch.ids.size
    return n_read / took


def run(descriptor: int, threads: int, *, open_encoder: Callable[..., SentenceEncoder] | None = None) -> None:
    """Serve the socket; leave when it ends, whatever the threads are doing."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # a terminal sends them to all its processes; the server tells us
    _die_with_parent()
    os.nice(5)  # who answers at the door must not wait for who computes
    with one_blas_thread():
        try:
            worker = Worker(socket.socket(fileno=descriptor), open_encoder=open_encoder)
            threading.Thread(target=worker.keep_alive, daemon=True).start()
            worker.serve(threads)
        finally:
            os._exit(0)


def _die_with_parent() -> None:
    """Where the system can: who hangs does not see that the socket has ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def main(arguments: Sequence[str]) -> None:
    """As a process of its own."""
    run(int(arguments[0]), int(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
