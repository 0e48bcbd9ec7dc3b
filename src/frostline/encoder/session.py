"""ONNX Runtime opened on one thread, and what was built for an encoder kept on disk.

Kept are graphs, int8 weights and digests: a second start needs neither onnx nor a look at every weight. Not float32
weights, which stay in the checkpoint. A kept file is the sha256 of its content in hexadecimal, a line feed, the
content; docs/formats/graphs.md specifies it.
"""

import contextlib
import hashlib
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

from frostline.disk import private_folder, publish_bytes, refuse_shared
from frostline.errors import AccessError, BackendError, FrostlineError, shown

FILE_LIMIT_BYTES = 4_000_000_000  # a graph has 200,000 at most, int8 weights a byte per number in a product
KEPT_LIMIT_BYTES = 2_000_000_000
"""What the folder may hold before the files written first are removed: some twenty encoders of BERT's size in int8."""

Kept: TypeAlias = Literal["graph", "int8", "digest"]
_CALLED: dict[Kept, tuple[str, str]] = {
    "graph": ("graph", "is"),
    "int8": ("int8 weights", "are"),
    "digest": ("digest", "is"),
}
"""By the suffix of their files."""
_DIGEST_LENGTH = 64


def runtime() -> Any:
    """ONNX Runtime, told beforehand not to count its use.

    Version 1.31 does so on Linux: it keeps a device's number and a queue of events in the home's cache, and looks up
    its collector. It reads the variable once, when it is loaded, so this is the one place that loads it.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # noqa: PLC0415 - only where used: start-up time

    return onnxruntime


def open_session(graph: bytes, weights: Mapping[str, NDArray[Any]]) -> Any:
    """`graph` opened on one thread, with the weights that it declares."""
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # The graph is run as written: nothing in it is left to fuse, and the bits do not depend on what a version fuses.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_mem_pattern = False  # plans memory per batch shape; there are as many shapes as lengths
    options.log_severity_level = 3  # errors; they are raised as well
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(weight) for weight in weights.values()]
    try:
        options.add_external_initializers(list(weights), values)
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except runtime_errors() as error:
        raise BackendError(f"ONNX Runtime refused the graph ({shown(str(error), 300)}).") from error


def runtime_errors() -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises: a dozen classes without a common root but Exception."""
    runtime()
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # noqa: PLC0415 - as above

    raised = (value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception))
    return (*raised, RuntimeError, MemoryError)


def kept_file(folder: Path | None, key: str, build: Callable[[], bytes], *, kind: Kept = "graph") -> bytes:
    """What was built under `key` (hexadecimal digits) and is kept in `folder`, or else a fresh one, then kept there.

    A damaged file is rebuilt, with one warning. A folder that cannot be used costs a warning and nothing else: what was
    to be kept is then built at every start. Without a folder nothing is kept.
    """
    if folder is None:
        return build()
    path = folder / f"{key}.{kind}"
    content = _read(path, " ".join(_CALLED[kind]))
    if content is None:
        content = build()
        _keep(path, content, " cannot be kept, and ".join(_CALLED[kind]))
    return content


def _read(path: Path, are: str) -> bytes | None:
    """The content of `path`; None where it is not there, or is not what was written."""
    try:
        refuse_shared(path.parent)  # its digest can be forged along with it
        with path.open("rb") as opened:
            # Its own size, not the limit: read() takes the memory for what it is asked for before it looks.
            content = opened.read(min(os.fstat(opened.fileno()).st_size, FILE_LIMIT_BYTES))
    except (FileNotFoundError, NotADirectoryError, AccessError):  # `_keep` will say what is wrong with the folder
        return None
    except OSError as error:
        warnings.warn(f"{path} cannot be read ({error.strerror}); the {are} built anew.", stacklevel=2)
        return None
    digest, graph = content[:_DIGEST_LENGTH], memoryview(content)[_DIGEST_LENGTH + 1 :]
    if hashlib.sha256(graph).hexdigest().encode() != digest or content[_DIGEST_LENGTH : _DIGEST_LENGTH + 1] != b"\n":
        warnings.warn(f"{path} is damaged; the {are} built anew.", stacklevel=2)
        return None
    return bytes(graph)


def _keep(path: Path, content: bytes, cannot: str) -> None:
    try:
        private_folder(path.parent)
        publish_bytes(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content, mode=0o600)
    except FrostlineError as error:
        warnings.warn(f"The {cannot} built at every start: {error}", stacklevel=2)
        return
    _make_room(path)


def _make_room(newest: Path) -> None:
    """Remove the files that were written first until the folder holds no more than it may; never `newest`."""
    sizes: list[tuple[int, int, Path]] = []
    for path in newest.parent.iterdir():
        with contextlib.suppress(OSError):  # another process removes them too
            status = path.stat()
            if path.suffix[1:] in _CALLED and path != newest:
                sizes.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in sizes) + newest.stat().st_size
    for _, size, path in sorted(sizes):
        if total <= KEPT_LIMIT_BYTES:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size
