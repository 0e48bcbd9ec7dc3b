"""The process that reads: models, and a thread for each socket. It may hang or crash; the server replaces it.

`python -m frostline.serve.worker FD...` is how the server starts it; it ends when the first socket does.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, final

from frostline.errors import FrostlineError, UnavailableError, printable
from frostline.serve.frames import Message, packed, received

if TYPE_CHECKING:
    from frostline.artifact import Model
    from frostline.artifact.files import Neighbours
    from frostline.artifact.load import Artifact
    from frostline.encoder.reading import SentenceEncoder

OpenModel = Callable[["Artifact", str | None], "Model"]
"""An artifact and the place of its encoder, if one was told."""


@final
class Worker:
    """Models by key, and what may be asked of them. Safe to call from several threads."""

    def __init__(self, open_model: OpenModel | None = None) -> None:
        self._open = open_model or _open_model
        self._models: dict[str, tuple[Model, Neighbours | None]] = {}
        self._encoders: dict[tuple[str, str], SentenceEncoder] = {}
        self._does: dict[str, Callable[[Message], tuple[Message, bytes]]] = {
            "answer": self._answer,
            "measure": self._measure,
            "explain": self._explain,
            "load": self._load,
            "unload": self._unload,
        }

    def serve(self, line: socket.socket) -> None:
        """Answer what comes over `line`, until the other side is gone."""
        while (message := received(line)) is not None:
            try:
                answer, numbers = self._does[message["do"]](message)
            except FrostlineError as error:
                answer, numbers = _failed(error), b""
            except MemoryError:
                answer, numbers = _failed(UnavailableError("There is not enough memory.")), b""
            except Exception as error:  # noqa: BLE001 - the edge of a process: the server tells, and goes on
                answer, numbers = {"error": f"An unforeseen {type(error).__name__}.", "status": 500}, b""
            try:
                line.sendall(packed(answer, numbers))
            except OSError:
                return

    def _answer(self, message: Message) -> tuple[Message, bytes]:
        model, _ = self._models[message["model"]]
        said: list[Message] = []
        numbers: list[bytes] = []
        self._answer_into(model, message["texts"], said, numbers)
        return {"answers": said}, b"".join(numbers)

    def _answer_into(self, model: "Model", texts: list[str], said: list[Message], numbers: list[bytes]) -> None:
        """Append an answer for each text; what fails is halved, until the one text is found that makes it fail."""
        try:
            answers = model.answer_each(texts)
        except FrostlineError as error:
            if len(texts) == 1:
                said.append({"fault": printable(error.message), "status": error.http_status})
                return
            half = len(texts) // 2
            self._answer_into(model, texts[:half], said, numbers)
            self._answer_into(model, texts[half:], said, numbers)
            return
        for answer, pieces in answers:
            said.append(
                {
                    "favoured": answer.favoured[0].nonzero()[0].tolist(),
                    "answered": bool(answer.answered[0]),
                    "cut": bool(answer.cut[0]),
                    "pieces": pieces,
                }
            )
            numbers.append(answer.probabilities[0].astype("float64").tobytes())

    def _measure(self, message: Message) -> tuple[Message, bytes]:
        """Word pieces of each text, as the encoder sees it."""
        model, _ = self._models[message["model"]]
        encoder = model.encoder
        while hasattr(encoder, "encoder"):
            encoder = encoder.encoder
        texts = message["texts"]
        word_pieces = getattr(encoder, "word_pieces", None)
        if word_pieces is None:  # words alone, or a test's encoder: any measure of work does
            return {"pieces": [len(text.split()) + 2 for text in texts]}, b""
        return {"pieces": word_pieces.tokenize(texts).lengths.tolist()}, b""

    def _explain(self, message: Message) -> tuple[Message, bytes]:
        from frostline.explanation import explain  # noqa: PLC0415 - only where asked for
        from frostline.report.explanation import explanation_document  # noqa: PLC0415 - likewise

        model, neighbours = self._models[message["model"]]
        explanation = explain(
            model, message["text"], neighbours=neighbours, n_nearest=message["nearest"], max_words=message["words"]
        )
        return {"explanation": explanation_document(explanation)}, b""

    def _load(self, message: Message) -> tuple[Message, bytes]:
        """A model from its folder, its encoder shared with those that have the same, its self-test run."""
        from frostline.artifact import load_artifact, load_neighbours  # noqa: PLC0415 - heavy
        from frostline.artifact.model import open_model  # noqa: PLC0415 - likewise

        artifact = load_artifact(Path(message["folder"]))
        key = (artifact.manifest.encoder.fingerprint(), artifact.manifest.features.removesuffix("+words"))
        shared = self._encoders.get(key)
        if shared is None:
            model = self._open(artifact, message.get("encoder"))
        else:
            model = open_model(
                artifact, encoder=message.get("encoder"), threads=1, open_encoder=lambda *_, **__: shared
            )
        encoder = model.encoder
        while hasattr(encoder, "encoder"):
            encoder = encoder.encoder
        self._encoders[key] = encoder
        neighbours = load_neighbours(artifact)
        self._models[message["model"]] = (model, neighbours)
        manifest = artifact.manifest
        return {
            "labels": list(manifest.labels),
            "kind": "several labels" if model.head.answers_sets else "one label",
            "sha256": artifact.sha256,
            "encoder": manifest.encoder.name,
            "features": manifest.features,
            "max_length": manifest.encoder.max_length,
            "has_neighbours": neighbours is not None,
            "answer_from": 0.0 if model.head.rule is None else float(model.head.rule.answer_from),
        }, b""

    def _unload(self, message: Message) -> tuple[Message, bytes]:
        self._models.pop(message["model"], None)
        return {}, b""


def _failed(error: FrostlineError) -> Message:
    return {"error": printable(error.message), "hint": printable(error.hint), "status": error.http_status}


def _open_model(artifact: "Artifact", encoder: str | None) -> "Model":
    from frostline.artifact.model import open_model  # noqa: PLC0415 - heavy

    return open_model(artifact, encoder=encoder, threads=1)


def main(descriptors: Sequence[str]) -> None:
    """Serve each socket by a thread of its own; leave when the first one ends, whatever the others are doing."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # a terminal sends them to all its processes; the server tells us
    os.nice(5)  # who answers at the door must not wait for who computes
    from frostline.machine import one_blas_thread  # noqa: PLC0415 - as late as the signals allow

    worker = Worker()
    first, *others = [socket.socket(fileno=int(number)) for number in descriptors]
    with one_blas_thread():
        for line in others:
            threading.Thread(target=worker.serve, args=(line,), daemon=True).start()
        worker.serve(first)
    os._exit(0)




if __name__ == "__main__":
    main(sys.argv[1:])
