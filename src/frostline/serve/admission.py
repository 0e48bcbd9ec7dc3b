"""How much work may wait. Work is counted in word pieces, guessed from bytes before a body is parsed: not in requests.

What may wait is what can be read before the queue's deadline, at the speed seen of late: more would be let in only to
be sent away too late. How many bytes a word piece has is learned from what was answered: wires, languages and short
texts differ by several times.
"""

import contextvars
from typing import final

from frostline.serve.refusals import Refusal, overloaded

_BYTES_PER_PIECE = 4.0  # until something was answered
_FEWEST, _MOST = 1.0, 8.0  # whatever was seen: nobody's texts decide how much others may send
_SEEN_PIECES = 4_000.0  # so many word pieces back is how far it remembers
_SHARE = 0.7  # of the deadline: some texts take longer than others
_LEAST = 512.0

body_bytes: contextvars.ContextVar[int] = contextvars.ContextVar("body_bytes", default=0)
"""Of the request that is being answered."""


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

    @property
    def limit(self) -> float:
        """The most that may wait."""
        return max(_LEAST, self.speed * self._queue_s * _SHARE)

    def work_of(self, n_bytes: int) -> int:
        """What a body of `n_bytes` may cost."""
        return min(int(n_bytes / self.bytes_per_piece) + 2, self._most)

    def work_of_explanation(self, n_bytes: int, *, most: int) -> int:
        """What it may cost to read a text of `n_bytes` once for each word that is left out of it."""
        n_pieces = int(n_bytes / self.bytes_per_piece) + 2
        return min(n_pieces * n_pieces, most)

    def has_room(self, work: int, *, own: int = 0) -> bool:
        """Whether that much more may wait beside what others do. A request alone always may.

        Parameters
        ----------
        own : int
            What waits already of the same request.
        """
        others = self.waiting - own
        return others <= 0 or others + work <= self.limit

    def enter(self, work: int, *, own: int = 0) -> None:
        """Let work in; 503 where there is too much of it."""
        if not self.has_room(work, own=own):
            raise full()
        self.waiting += work

    def leave(self, work: int) -> None:
        """The work is done, or was given up."""
        self.waiting -= work

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
