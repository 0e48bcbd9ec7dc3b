"""Texts that wait to be read, in a list for each length.

Our graphs take texts of one length. A free thread takes the oldest text, and what else has its length and is read by
the same encoder, up to a budget of word pieces. Nobody waits on purpose: under load lists fill by themselves.
"""

import itertools
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, final


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


@final
class Lists:
    """All texts that wait. Safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lists: dict[Hashable, OrderedDict[int, Waiting]] = {}
        self._where: OrderedDict[int, Hashable] = OrderedDict()  # every ticket, oldest first
        self._is_closed = False

    def put(self, reader: Hashable, waiting: Waiting) -> None:
        """Let a text wait for a thread that reads by `reader`."""
        key = (reader, 0 if waiting.ids is None else len(waiting.ids))
        with self._changed:
            self._lists.setdefault(key, OrderedDict())[waiting.ticket] = waiting
            self._where[waiting.ticket] = key
            self._changed.notify()

    def drop(self, ticket: int) -> bool:
        """Whether the text was still waiting; it does so no longer."""
        with self._changed:
            key = self._where.pop(ticket, None)
            if key is None:
                return False
            self._taken_from(key, ticket)
            return True

    def take(self, *, token_budget: int) -> list[Waiting]:
        """The oldest text and others of its length, waited for; empty once `close` was called."""
        with self._changed:
            while not self._where:
                if self._is_closed:
                    return []
                self._changed.wait()
            key = next(iter(self._where.values()))
            length = max(1, key[1]) if isinstance(key, tuple) else 1
            most = max(1, token_budget // length)
            tickets = list(itertools.islice(self._lists[key], most))
            taken = [self._taken_from(key, ticket) for ticket in tickets]
            for ticket in tickets:
                del self._where[ticket]
            return taken

    def close(self) -> None:
        """Let the threads that wait go home."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _taken_from(self, key: Hashable, ticket: int) -> Waiting:
        tickets = self._lists[key]
        waiting = tickets.pop(ticket)
        if not tickets:
            del self._lists[key]
        return waiting
