"""What goes over the sockets between the server and the process that reads: JSON, and numbers as they are in memory."""

import asyncio
import json
import socket
import struct
from array import array
from typing import Any, final

_SIZES = struct.Struct("=II")

Message = dict[str, Any]


def packed(message: Message, numbers: bytes = b"") -> bytes:
    """One frame: the sizes of both parts, then the parts."""
    head = json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return _SIZES.pack(len(head), len(numbers)) + head + numbers


def received(line: socket.socket) -> Message | None:
    """The next message, waited for; None: the other side is gone."""
    sizes = _exactly(line, _SIZES.size)
    if sizes is None:
        return None
    head_size, _ = _SIZES.unpack(sizes)
    head = _exactly(line, head_size)
    return None if head is None else json.loads(head.decode("utf-8", "surrogatepass"))


def _exactly(line: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = line.recv(min(size - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)


@final
class Line:
    """The server's end of a socket: a question at a time, each with its answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._turn = asyncio.Lock()

    @classmethod
    async def over(cls, line: socket.socket) -> "Line":
        """Take over a connected socket."""
        return cls(*await asyncio.open_connection(sock=line, limit=1 << 20))

    async def ask(self, message: Message) -> tuple[Message, "array[float]"]:
        """The answer, and the numbers with it; `ConnectionError` or `IncompleteReadError`: nobody is there any more."""
        async with self._turn:
            self._writer.write(packed(message))
            await self._writer.drain()
            head_size, n_bytes = _SIZES.unpack(await self._reader.readexactly(_SIZES.size))
            body = await self._reader.readexactly(head_size + n_bytes)
        numbers = array("d")
        numbers.frombytes(body[head_size:])
        return json.loads(body[:head_size]), numbers

    def close(self) -> None:
        """Let go of the socket."""
        self._writer.close()
