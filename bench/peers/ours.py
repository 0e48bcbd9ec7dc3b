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

from bench.peers.neighbours import Read, installed_bytes, run
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


def main() -> None:
    """Do the task on standard input."""
    task: dict[str, Any] = json.load(sys.stdin)
    if task["mode"] == "sizes":
        size = installed_bytes(("frostline",))
        print(json.dumps(dict.fromkeys(WAYS, size)))
        return
    print(json.dumps(run(WAYS, task)))


if __name__ == "__main__":
    main()
