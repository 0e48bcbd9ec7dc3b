"""How much work may wait. Work is counted in word pieces, guessed from bytes before a body is parsed: not in requests.

What may wait is what can be read before the queue's deadline, at the speed seen of late: more would be let in only to
be sent away too late. How many bytes a word piece has is learned from what was answered: wires, languages and short
texts differ by several times.

No request counts for more than half of that, so that others find room beside it. One that is large, and for which
there is no room, waits for its turn: room is kept for it, while small ones, which would else take each bit of room as
it comes, find the rest.
"""

import asyncio
import contextvars
from dataclasses import dataclass
from typing import final

from frostline.serve.refusals import Refusal, overloaded

_BYTES_PER_PIECE = 4.0  # until something was answered
_FEWEST, _MOST = 1.0, 8.0  # whatever was seen: nobody's texts decide how much others may send
_SEEN_PIECES = 4_000.0  # so many word pieces back is how far it remembers
_SHARE = 0.7  # of the deadline: some texts take longer than others
_LEAST = 512.0
_ONE = 0.5  # of the limit: what one request counts for at most
_LARGE = 1 / 32  # of the limit: for less, room comes by itself

body_bytes: contextvars.ContextVar[int] = contextvars.ContextVar("body_bytes", default=0)
"""Of the request that is being answered."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """A large request that waits to be let in."""

    work: int
    own: int
    called: "asyncio.Future[None]"


@final
class Admission:
    """Work that was let in and is not done.

    Parameters
    ----------
    queue_s : float
        How long a text may wait.
    most : int
        The most word pieces that one request can cost: texts x what the encoder sees.
    threads : int
        That read.
    """

    def __init__(self, *, queue_s: float, most: int, threads: int = 1, speed: float = 0.0) -> None:
        self.waiting = 0
        self.speed = (speed or 10_000.0) * threads  # word pieces a second
        self._queue_s, self._most, self._threads = queue_s, most, threads
        self.bytes_per_piece = _BYTES_PER_PIECE
        self._line: list[_Turn] = []  # Oldest first

    @property
    def limit(self) -> float:
        """The most that may wait."""
        return max(_LEAST, self.speed * self._queue_s * _SHARE)

    def work_of(self, n_bytes: int) -> int:
        """What a body of `n_bytes` may cost, as far as it counts."""
        return self._counted(int(n_bytes / self.bytes_per_piece) + 2, self._most)

    def work_of_explanation(self, n_bytes: int, *, most: int) -> int:
        """What it may cost to read a text of `n_bytes` once for each word that is left out of it, likewise."""
        n_pieces = int(n_bytes / self.bytes_per_piece) + 2
        return self._counted(n_pieces * n_pieces, most)

    def has_room(self, work: int, *, own: int = 0) -> bool:
        """Whether that much more may wait beside what others do. A request alone always may.

        Parameters
        ----------
        own : int
            What waits already of the same request.
        """
        others = self.waiting - own + (self._line[0].work if self._line else 0)
        return others <= 0 or others + work <= self.limit

    def may_come(self, work: int) -> bool:
        """Whether so much work is let in now, or may wait for its turn."""
        return self.has_room(work) or self._may_wait(work)

    def enter(self, work: int, *, own: int = 0) -> None:
        """Let work in; 503 where there is too much of it."""
        if not self.has_room(work, own=own):
            raise full()
        self.waiting += work

    async def come_in(self, work: int, *, own: int = 0) -> None:
        """Let work in, when its turn has come where it is large; 503 where there is too much, or it takes too long."""
        if self.has_room(work, own=own) or not self._may_wait(work):
            self.enter(work, own=own)
            return
        turn = _Turn(work, own, asyncio.get_running_loop().create_future())
        self._line.append(turn)
        try:
            await asyncio.wait([turn.called], timeout=self._queue_s)
        except asyncio.CancelledError:
            if turn.called.done():
                self.leave(work)
            raise
        finally:
            if turn in self._line:
                self._line.remove(turn)
                self._call()
        if not turn.called.done():
            raise late()

    def leave(self, work: int) -> None:
        """The work is done, or was given up."""
        self.waiting -= work
        self._call()

    def _counted(self, work: int, most: int) -> int:
        return min(work, most, int(self.limit * _ONE))

    def _may_wait(self, work: int) -> bool:
        """Whether it is large, and what waits for its turn could be let in before the deadline."""
        return work > self.limit * _LARGE and sum(turn.work for turn in self._line) + work <= self.limit

    def _call(self) -> None:
        """Let those in whose turn has come."""
        while self._line:
            others = self.waiting - self._line[0].own
            if others > 0 and others + self._line[0].work > self.limit:
                return
            turn = self._line.pop(0)
            self.waiting += turn.work
            turn.called.set_result(None)

    def saw(self, n_pieces: int, seconds: float) -> None:
        """One thread read so much in so long: the speed follows within about a second."""
        if n_pieces and seconds > 0:
            weight = min(1.0, seconds * 2 / self._threads)
            self.speed += weight * (n_pieces / seconds * self._threads - self.speed)

    def saw_body(self, n_bytes: int, n_pieces: int) -> None:
        """A body of so many bytes cost so many word pieces."""
        if n_pieces:
            weight = min(1.0, n_pieces / _SEEN_PIECES)
            ratio = min(max(n_bytes / n_pieces, _FEWEST), _MOST)
            self.bytes_per_piece += weight * (ratio - self.bytes_per_piece)


def full() -> Refusal:
    """There is no room."""
    return overloaded("There is too much to do just now: try again in a second.")


def late() -> Refusal:
    """Its turn did not come in time."""
    return overloaded("It was not this request's turn in time: try again in a second.", code="late")
