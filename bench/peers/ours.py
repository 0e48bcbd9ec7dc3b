"""Our ways of reading sentences, as processes that measure themselves exactly as the neighbours' do.

In:   a task on standard input (see `Task` in measure.py).
Out:  one JSON object on standard output; the rows in a file.
Not:  how it is measured (neighbours.py holds that, for all).
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.peers.neighbours import Answer, Learn, Read, answered, installed_bytes, run
from frostline.classifier import SentenceClassifier
from frostline.encoder.encoder import Encoder
from frostline.encoder.precision import Precision


def our_way(precision: Precision) -> Callable[[Path, str, int], Read]:
    """`Encoder.encode`; it takes no batch size."""

    def opened(folder: Path, pooling: str, threads: int) -> Read:
        encoder = Encoder.open(str(folder), features=f"{pooling}@-1", threads=threads, precision=precision)

        def read(texts: Sequence[str], _batch_size: int) -> Any:
            return encoder.encode(texts).rows

        return read

    return opened


WAYS = {"frostline float32": our_way("float32"), "frostline int8": our_way("int8")}


def our_answers(encoder: str | None, features: str, *, cascade: bool = False) -> Learn:
    """`SentenceClassifier`, nothing kept; `encoder` None: that of the comparison."""

    def learn(folder: Path, texts: list[str], labels: list[str], threads: int) -> Answer:
        classifier = SentenceClassifier(
            encoder=encoder or str(folder), features=features, threads=threads, store=False, cascade=cascade
        )
        classifier.fit(texts, labels)
        return lambda asked: [str(label) for label in classifier.predict(asked)]

    return learn


LEARNING: dict[str, Learn] = {
    "frostline": our_answers(None, "mean@all+words"),
    "frostline cascade": our_answers(None, "mean@all+words", cascade=True),
    "frostline static": our_answers("static", "mean@all+words"),
}


def main() -> None:
    """Do the task on standard input."""
    task: dict[str, Any] = json.load(sys.stdin)
    if task["mode"] == "sizes":
        size = installed_bytes(("frostline",))
        print(json.dumps(dict.fromkeys([*WAYS, *LEARNING], size)))
        return
    if task["mode"] == "answers":
        print(json.dumps(answered(LEARNING[task["way"]], task)))
        return
    print(json.dumps(run(WAYS, task)))


if __name__ == "__main__":
    main()
