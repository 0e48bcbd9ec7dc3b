"""What goes over the socket between the server and the process that reads: JSON, and numbers as they are in memory."""

import json
import struct
from array import array
from collections.abc import Iterator
from typing import Any, final

_SIZES = struct.Struct("=II")

Message = dict[str, Any]

LATE = "late"
"""The fault of a text whose turn came after its deadline."""


MOST_EXPLAINED = 6_000
"""Word pieces that an explanation reads, the text once for each word that is left out: 1 to 3 s."""


def packed(message: Message, numbers: bytes = b"") -> bytes:
    """One frame: the sizes of both parts, then the parts; a lone surrogate survives."""
    head = json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return _SIZES.pack(len(head), len(numbers)) + head + numbers


@final
class Frames:
    """Frames out of the bytes that arrived so far."""

    def __init__(self) -> None:
        self._held = bytearray()

    def fed(self, data: bytes) -> Iterator[tuple[Message, "array[float]"]]:
        """The frames that are whole with these bytes too."""
        self._held += data
        start = 0
        while len(self._held) - start >= _SIZES.size:
            head_size, n_bytes = _SIZES.unpack_from(self._held, start)
            split = start + _SIZES.size + head_size
            if len(self._held) < split + n_bytes:
                break
            numbers = array("d")
            numbers.frombytes(self._held[split : split + n_bytes])
            head = self._held[start + _SIZES.size : split]
            start = split + n_bytes
            yield json.loads(head.decode("utf-8", "surrogatepass")), numbers
        del self._held[:start]
