"""How much work may wait. Work is counted in word pieces, guessed from bytes before a body is parsed: not in requests.

What may wait is what can be read before the queue's deadline, at the speed seen of late: more would be let in only to
be sent away too late.
"""

from typing import final

from frostline.serve.refusals import overloaded

_BYTES_PER_PIECE = 4
_SHARE = 0.6  # of the deadline: some texts take longer than others
_LEAST = 512.0


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

    @property
    def limit(self) -> float:
        """The most that may wait."""
        return max(_LEAST, self.speed * self._queue_s * _SHARE)

    def work_of(self, n_bytes: int) -> int:
        """What a body of `n_bytes` may cost."""
        return min(n_bytes // _BYTES_PER_PIECE + 2, self._most)

    def enter(self, work: int) -> None:
        """Let work in; 503 where there is too much of it. A request alone is always let in."""
        if self.waiting and self.waiting + work > self.limit:
            raise overloaded("There is too much to do just now: try again in a second.")
        self.waiting += work

    def leave(self, work: int) -> None:
        """The work is done, or was given up."""
        self.waiting -= work

    def saw(self, n_pieces: int, seconds: float) -> None:
        """One thread read so much in so long: the speed follows within about a second."""
        if n_pieces and seconds > 0:
            weight = min(1.0, seconds * 2 / self._threads)
            self.speed += weight * (n_pieces / seconds * self._threads - self.speed)
