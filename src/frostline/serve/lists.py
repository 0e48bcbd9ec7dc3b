"""Texts that wait to be read, in a list for each length.

A free thread takes the oldest text, and what else has its length and is read by the same encoder, up to a budget of
word pieces; then, where the encoder packs several lengths into one product, the oldest of the others likewise. What
waits is shared among the threads that are free. Nobody waits on purpose: under load lists fill by themselves.

Of a request not more than a portion is in the lists or being read at a time, so that whoever comes next waits for that
alone.
"""

import itertools
import math
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, final

Key = tuple[Hashable, int]
"""A reader, and a length in word pieces."""


@final
@dataclass(slots=True, eq=False)
class Turn:
    """The turn of a request: it comes with the first of its texts, and no other of them is late then."""

    deadline: float  # On the monotonic clock, which the processes of a machine share
    has_come: bool = False


@final
@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """One text that waits."""

    ticket: int  # By which its answer finds back
    model: str
    text: str
    ids: Any  # (n_pieces,): Its word pieces; None where the encoder reads texts whole
    is_cut: bool
    turn: Turn  # Of the request that it belongs to

    @property
    def length(self) -> int:
        """In word pieces; 1 where the encoder reads texts whole."""
        return 1 if self.ids is None else len(self.ids)


@final
@dataclass(slots=True)
class _Portion:
    """Of a request's texts."""

    n_pieces: int = 0  # Of those in the lists, and of those taken and not done
    later: "OrderedDict[int, tuple[Key, Waiting]]" = field(default_factory=OrderedDict)  # Those in none yet, by ticket


@final
class Lists:
    """All texts that wait. Safe to use from several threads.

    Parameters
    ----------
    portion : float
        Word pieces from which on a request's other texts are kept back.
    """

    def __init__(self, *, portion: float = math.inf) -> None:
        self.portion = portion
        self._changed = threading.Condition()
        self._lists: dict[Key, OrderedDict[int, Waiting]] = {}
        self._where: OrderedDict[int, Key] = OrderedDict()  # every ticket in a list, oldest first
        self._portions: dict[Turn, _Portion] = {}
        self._later: dict[int, Turn] = {}  # Of the tickets that are kept back
        self._n_pieces: Counter[Hashable] = Counter()  # that wait, by reader
        self._n_free = 0  # threads
        self._is_closed = False

    def put(self, reader: Hashable, texts: Iterable[Waiting]) -> None:
        """Let texts wait for threads that read by `reader`, all at once."""
        with self._changed:
            for waiting in texts:
                portion = self._portions.setdefault(waiting.turn, _Portion())
                portion.later[waiting.ticket] = (reader, waiting.length), waiting
                self._later[waiting.ticket] = waiting.turn
                self._fill(waiting.turn)

    def drop(self, ticket: int) -> bool:
        """Whether the text was still waiting; it does so no longer."""
        with self._changed:
            if ticket in self._where:
                self._over(self._taken(ticket))
                return True
            turn = self._later.pop(ticket, None)
            if turn is not None:
                del self._portions[turn].later[ticket]
            return turn is not None

    def take(self, *, token_budget: int, packs: Callable[[Any], bool] = lambda _: False) -> list[Waiting]:
        """The oldest text and others, waited for, those of one length together; empty once `close` was called.

        Parameters
        ----------
        packs : callable
            Whether a reader reads several lengths together in less time than one after the other.
        """
        with self._changed:
            while not self._where:
                if self._is_closed:
                    return []
                self._n_free += 1
                self._changed.wait()
                self._n_free -= 1
            reader = next(iter(self._where.values()))[0]
            room = min(token_budget, math.ceil(self._n_pieces[reader] / (1 + self._n_free)))
            taken: list[Waiting] = []
            for key in self._in_turn(reader, several=packs(reader)):
                most = room // key[1] or (not taken)  # the first is taken however long it is
                tickets = list(itertools.islice(self._lists[key], most))
                taken += [self._taken(ticket) for ticket in tickets]
                room -= key[1] * len(tickets)
                if room <= 0 or not tickets:
                    break
            return taken

    def done(self, batch: Iterable[Waiting]) -> None:
        """What was taken is read: others of the same requests may follow."""
        with self._changed:
            for waiting in batch:
                self._over(waiting)

    def close(self) -> None:
        """Let the threads that wait go home."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _in_turn(self, reader: Hashable, *, several: bool) -> list[Key]:
        """The lists of a reader, that with the oldest text first; the oldest's alone unless `several`."""
        if not several:
            return [next(iter(self._where.values()))]
        return list(dict.fromkeys(key for key in self._where.values() if key[0] == reader))

    def _fill(self, turn: Turn) -> None:
        """Put what was kept back of a request into the lists, up to its portion."""
        portion = self._portions[turn]
        while portion.later and portion.n_pieces < self.portion:
            ticket, (key, waiting) = portion.later.popitem(last=False)
            del self._later[ticket]
            self._lists.setdefault(key, OrderedDict())[ticket] = waiting
            self._where[ticket] = key
            self._n_pieces[key[0]] += waiting.length
            portion.n_pieces += waiting.length
            self._changed.notify()
        if not portion.n_pieces:
            del self._portions[turn]

    def _taken(self, ticket: int) -> Waiting:
        key = self._where.pop(ticket)
        tickets = self._lists[key]
        waiting = tickets.pop(ticket)
        if not tickets:
            del self._lists[key]
        self._n_pieces[key[0]] -= key[1]
        return waiting

    def _over(self, waiting: Waiting) -> None:
        self._portions[waiting.turn].n_pieces -= waiting.length
        self._fill(waiting.turn)
