"""Texts in, a file of features out, in windows: memory does not grow with the number of texts.

The texts are gone through twice: a file of numbers says at its beginning how many there are. A file's are embedded by a
job (run.py), those of a pipe by `write_features`.
"""

import io
import json
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, final

import numpy as np

from frostline.arrays import Features, Progress
from frostline.encoder.reading import SentenceEncoder
from frostline.errors import InputError, UsageError
from frostline.legible import legibility, legibility_warnings, sampled
from frostline.places import Place, publish_stream
from frostline.score.job import Made, Sections, Window

WINDOW_TEXTS = 8192
FORMATS = (".npy", ".safetensors", ".parquet")


@final
@dataclass(frozen=True, slots=True)
class Written:
    """What was written: rows, columns, how many texts were longer than the encoder could see; what else to know."""

    n_rows: int
    n_features: int
    n_cut: int
    warnings: tuple[str, ...]


def refuse_format(path: Place) -> None:
    """Raise, before any work, unless `path` ends in a format that features can be written in."""
    if path.suffix not in FORMATS:
        raise UsageError(f"{path}: the name must end in {', '.join(FORMATS)}, which says the format.")


def write_features(
    path: Place, encoder: SentenceEncoder, texts: Callable[[], Iterable[str]], *, progress: Progress | None = None
) -> Written:
    """Write one row per text to `path`; the file has its name once it is complete.

    Parameters
    ----------
    path : Path or Remote
        Ends in .npy (n_rows, n_features), .safetensors (a tensor `rows` of that shape) or .parquet (a column
        `features` of lists); float32.
    texts : callable
        Gives the texts anew each time: they are gone through twice, once to count them.
    progress : callable, optional
        Counts texts.

    Raises
    ------
    InputError
        The second pass gave another number of texts than the first.
    UsageError
        The name does not end in a known format.
    StorageError, AccessError
        Disk full, I/O error, no permission; nothing is left behind.
    """
    refuse_format(path)
    refuse_words(encoder)
    sample: list[str] = []
    n_rows = sum(1 for _ in sampled(texts(), sample))
    n_features = len(encoder.blocks) * encoder.hidden_size
    n_done = n_cut = 0
    with publish_stream(path) as opened:
        write = _writer(path.suffix, opened, (n_rows, n_features))
        for window in _windows(texts()):
            reading = encoder.encode(window)
            write(reading.rows)
            n_done += len(window)
            n_cut += int(reading.cut.sum())
            if progress is not None:
                progress(n_done, n_rows)
        if n_done != n_rows:
            raise InputError(
                f"The texts must not change while they are read (there were {n_rows}, then {n_done}).",
                hint="Run the same command again when nothing writes to the file.",
            )
        write(None)
    unread = legibility_warnings(encoder, legibility(encoder, sample), n_cut=n_cut, n_texts=n_rows)
    return Written(n_rows=n_rows, n_features=n_features, n_cut=n_cut, warnings=tuple(unread))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """Windows read by an encoder; a `Task`."""

    open_encoder: Callable[[], SentenceEncoder]

    def open(self) -> SentenceEncoder:
        """The encoder."""
        return self.open_encoder()

    def made(self, opened: SentenceEncoder, window: Window, *, progress: Progress | None = None) -> Made:
        """The rows as they lie in memory: float32, little-endian."""
        reading = opened.encode(window.texts, progress=progress)
        content = np.ascontiguousarray(reading.rows, dtype="<f4").tobytes()
        return Made(content, {"all": len(window.texts), "cut": int(reading.cut.sum())})


def join_rows(suffix: str, shape: tuple[int, int], out: Sections, parts: Iterable[tuple[bytes, int]]) -> None:
    """Write the rows of all windows as one file of that format."""
    write = _writer(suffix, out, shape)
    if suffix != ".parquet":
        out.cut(0)
    for content, n_rows in parts:
        write(np.frombuffer(content, dtype="<f4").reshape(n_rows, shape[1]))
        out.cut(n_rows)
    write(None)
    if suffix == ".parquet":
        out.cut(0)


def refuse_words(encoder: SentenceEncoder) -> None:
    """Raise unless all features are an encoder's numbers."""
    if encoder.spec.words:
        raise UsageError(
            f"Only an encoder's numbers can be written as rows (got features {encoder.spec}).",
            hint="Leave out +words: words are counted by a vocabulary, which comes with training.",
        )


def _windows(texts: Iterable[str]) -> Iterator[list[str]]:
    coming = iter(texts)
    while window := list(islice(coming, WINDOW_TEXTS)):
        yield window


def _writer(suffix: str, opened: BinaryIO | Sections, shape: tuple[int, int]) -> Callable[[Features | None], None]:
    """A function that appends rows; called with None at the end."""
    if suffix == ".parquet":
        return _parquet_writer(opened, shape[1])
    header = _npy_header(shape) if suffix == ".npy" else _safetensors_header(shape)
    opened.write(header)

    def write(rows: Features | None) -> None:
        if rows is not None:
            opened.write(np.ascontiguousarray(rows, dtype="<f4").data.cast("B") if rows.size else b"")

    return write


def _npy_header(shape: tuple[int, int]) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return header.getvalue()


def _safetensors_header(shape: tuple[int, int]) -> bytes:
    """The length of a JSON object, the object, padded to a multiple of 8."""
    tensor = {"dtype": "F32", "shape": list(shape), "data_offsets": [0, shape[0] * shape[1] * 4]}
    body = json.dumps({"rows": tensor}).encode("ascii")
    body += b" " * (-len(body) % 8)
    return struct.pack("<Q", len(body)) + body


def _parquet_writer(opened: BinaryIO | Sections, n_features: int) -> Callable[[Features | None], None]:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only this format needs it
    import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

    schema = pa.schema([("features", pa.list_(pa.float32(), n_features))])
    writer = pq.ParquetWriter(opened, schema)

    def write(rows: Features | None) -> None:
        if rows is None:
            writer.close()
            return
        column = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), n_features)
        writer.write_table(pa.table([column], schema=schema))

    return write
