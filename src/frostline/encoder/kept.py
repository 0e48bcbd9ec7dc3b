"""Built graphs kept on disk, so that a second start needs neither onnx nor a look at every weight.

In:   a key over everything that a graph depends on, and what builds it.
Out:  the graph's bytes.
Not:  what is in a graph (graph.py), weights (they stay in the checkpoint).

A file is the sha256 of the graph in hexadecimal, a line feed, the graph. Specified in docs/formats/graphs.md.
"""

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path

from frostline.errors import AccessError, FrostlineError
from frostline.places import private_folder, refuse_shared
from frostline.publish import publish_bytes

GRAPH_LIMIT_BYTES = 64_000_000  # a graph of 48 layers with every pooling has 200,000


def kept_graph(kept: Path | None, key: str, build: Callable[[], bytes]) -> bytes:
    """The graph under `key` in the folder `kept`, or else a fresh one, which is then kept there.

    A damaged file is rebuilt, with one warning. A folder that cannot be used costs a warning and nothing else: the
    graph is then built at every start.

    Parameters
    ----------
    kept : Path or None
        Made if it is not there. None: nothing is kept.
    key : str
        Hexadecimal digits.
    build : function without arguments
    """
    if kept is None:
        return build()
    path = kept / f"{key}.graph"
    graph = _read(path)
    if graph is None:
        graph = build()
        _keep(path, graph)
    return graph


def _read(path: Path) -> bytes | None:
    """The graph in `path`; None where it is not there, or is not what was written."""
    try:
        refuse_shared(path.parent)  # its digest can be forged along with it
        with path.open("rb") as opened:
            content = opened.read(GRAPH_LIMIT_BYTES)
    except (FileNotFoundError, NotADirectoryError, AccessError):  # `_keep` will say what is wrong with the folder
        return None
    except OSError as error:
        warnings.warn(f"{path} cannot be read ({error.strerror}); the graph is built anew.", stacklevel=2)
        return None
    digest, _, graph = content.partition(b"\n")
    if hashlib.sha256(graph).hexdigest().encode() != digest:
        warnings.warn(f"{path} is damaged; the graph is built anew.", stacklevel=2)
        return None
    return graph


def _keep(path: Path, graph: bytes) -> None:
    try:
        private_folder(path.parent)
        publish_bytes(path, hashlib.sha256(graph).hexdigest().encode() + b"\n" + graph, mode=0o600)
    except FrostlineError as error:
        warnings.warn(f"The graph cannot be kept, and is built at every start: {error}", stacklevel=2)
