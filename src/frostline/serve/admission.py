"""How much work may wait. Work is counted in word pieces, guessed from bytes before a body is parsed: not in requests.

What may wait is what can be read before the queue's deadline, at the speed seen of late: more would be let in only to
be sent away too late.
"""

import time
from typing import final

from frostline.serve.refusals import overloaded

_BYTES_PER_PIECE = 4
_SHARE = 0.6  # of the deadline: some texts take longer than others
_WINDOW_S = 0.25
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
    """

    def __init__(self, *, queue_s: float, most: int) -> None:
        self.waiting = 0
        self.speed = 10_000.0  # work a second, until it was measured
        self._queue_s, self._most = queue_s, most
        self._done, self._since, self._is_busy = 0, time.monotonic(), False

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
        if not self.waiting:
            self._start_window()
        self.waiting += work

    def leave(self, work: int, *, answered: bool) -> None:
        """The work is done, or was given up."""
        self.waiting -= work
        if answered:
            self._done += work
        now = time.monotonic()
        if self._is_busy and now - self._since >= _WINDOW_S:
            seen = self._done / (now - self._since)
            self.speed += 0.3 * (seen - self.speed)
            self._start_window()
        if self.waiting * 4 < self.limit:
            self._is_busy = False  # not enough waits to say what could be done

    def _start_window(self) -> None:
        self._done, self._since, self._is_busy = 0, time.monotonic(), True
