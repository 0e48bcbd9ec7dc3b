"""Our reading in one precision, as a process that measures itself.

In:   a task on standard input: the folder, the features, the precision, the texts, and one sentence.
Out:  one JSON object on standard output: seconds for the texts, the sentence alone, the precision that read.
Not:  comparing (precision.py). Without texts it reads the sentence once, and the process is what is measured.
"""

import json
import sys
import time
from typing import Any

import numpy as np

from frostline.encoder.encoder import Encoder

N_WARM_UP = 32
N_ALONE = 200


def main() -> None:
    """Do the task on standard input."""
    task: dict[str, Any] = json.load(sys.stdin)
    settings: dict[str, Any] = {
        "features": task["features"],
        "precision": task["precision"],
        "insist": task["precision"] == "int8",
    }
    encoder = Encoder.open(task["folder"], **settings)
    encoder.encode([task["sentence"]])
    answer: dict[str, Any] = {"precision": encoder.identity.precision, "first_vector_at": time.time()}
    if task["texts"]:
        encoder.encode(task["texts"][:N_WARM_UP])
        started = time.perf_counter()
        encoder.encode(task["texts"])
        answer["seconds"] = time.perf_counter() - started
        alone = _alone(Encoder.open(task["folder"], threads=1, **settings), task["sentence"])
        answer["alone_p50_ms"], answer["alone_p99_ms"] = np.percentile(alone, [50, 99]).tolist()
    print(json.dumps(answer))


def _alone(encoder: Encoder, sentence: str) -> list[float]:
    """Milliseconds of reading one sentence, again and again."""
    found = []
    for _ in range(N_ALONE):
        started = time.perf_counter()
        encoder.encode([sentence])
        found.append(1000 * (time.perf_counter() - started))
    return found


if __name__ == "__main__":
    main()
