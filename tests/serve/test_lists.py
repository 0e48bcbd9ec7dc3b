"""Texts that wait, and how many may: without a server."""

import asyncio
import contextlib
import functools
import threading
import time
from array import array
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from frostline.serve.admission import Admission, body_bytes
from frostline.serve.desk import Desk
from frostline.serve.frames import Frames, packed
from frostline.serve.lists import Lists, Turn, Waiting
from frostline.serve.metrics import Metrics
from frostline.serve.options import Limits
from frostline.serve.reading import Answer
from frostline.serve.refusals import Refusal


def waiting(ticket: int, n_pieces: int | None) -> Waiting:
    ids = None if n_pieces is None else [0] * n_pieces
    return Waiting(ticket, "model", "text", ids, is_cut=False, turn=Turn(0.0))


def tickets(batch: list[Waiting]) -> list[int]:
    return [one.ticket for one in batch]


def test_a_thread_takes_the_oldests_length_and_what_else_has_it() -> None:
    """Up to the budget; those of another length or encoder wait."""
    lists = Lists()
    for ticket, length in enumerate((5, 7, 5, 7, 5)):
        lists.put("a", [waiting(ticket, length)])
    lists.put("b", [waiting(9, 5)])
    assert tickets(lists.take(token_budget=10)) == [0, 2]
    assert tickets(lists.take(token_budget=100)) == [1, 3]
    assert tickets(lists.take(token_budget=1)) == [4]
    assert tickets(lists.take(token_budget=100)) == [9]


def test_an_encoder_that_packs_is_given_several_lengths_run_after_run() -> None:
    """Up to the budget, the oldest first, each length together; a list of which nothing fits ends it."""
    lists = Lists()
    lists.put("a", [waiting(ticket, length) for ticket, length in enumerate((5, 7, 5, 7, 2, 9, 2))])
    lists.put("b", [waiting(9, 1)])
    take = functools.partial(lists.take, packs=lambda reader: reader == "a")
    assert tickets(take(token_budget=19)) == [0, 2, 1, 4]
    assert tickets(take(token_budget=11)) == [3]
    assert tickets(take(token_budget=1)) == [5], "however long it is"
    assert tickets(take(token_budget=100)) == [6]
    assert tickets(take(token_budget=100)) == [9], "of another encoder"


def test_what_waits_is_shared_among_the_threads_that_are_free() -> None:
    lists, taken = Lists(), list[list[int]]()

    def take() -> None:
        taken.append(tickets(lists.take(token_budget=100, packs=lambda _: True)))

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    while lists._n_free < 3:
        time.sleep(0.001)
    lists.put("a", [waiting(ticket, 4) for ticket in range(9)])
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(len(batch) for batch in taken) == [3, 3, 3]
    lists.put("a", [waiting(1, 4), waiting(2, 5)])
    assert tickets(lists.take(token_budget=100, packs=lambda _: True)) == [1, 2], "nobody else is free"


def test_of_a_request_no_more_than_a_portion_is_read_before_the_next_ones() -> None:
    """The others follow when some are read, behind whoever came meanwhile; they can be dropped before that."""
    lists, turn = Lists(portion=6), Turn(0.0)
    lists.put("a", [replace(waiting(ticket, 3), turn=turn) for ticket in range(7)])
    lists.put("a", [waiting(7, 3)])
    first = lists.take(token_budget=6)
    lists.put("a", [waiting(8, 3)])
    assert tickets(first) == [0, 1]
    assert lists.drop(4)
    assert not lists.drop(4)
    second = lists.take(token_budget=100)
    assert tickets(second) == [7, 8], "the first are not done"
    lists.done(first)
    assert lists.drop(2), "which makes room for another"
    assert lists.drop(6)
    third = lists.take(token_budget=100)
    assert tickets(third) == [3, 5]
    lists.done([*second, *third])
    assert not lists._portions, "nothing is kept of what is done"
    lists.close()
    assert lists.take(token_budget=100) == []


def test_the_texts_of_a_request_may_wait_in_two_places() -> None:
    """Long ones to be parted aside: what is taken there makes no room here."""
    lists, aside, turn = Lists(portion=6), Lists(), Turn(0.0)
    lists.put("a", [replace(waiting(ticket, 3), turn=turn) for ticket in range(4)])
    aside.put(None, [replace(waiting(ticket, None), turn=turn) for ticket in (4, 5)])
    parted = aside.take(token_budget=1)
    aside.done(parted)
    assert tickets(parted) == [4]
    assert aside.drop(5)
    assert not aside._portions
    first = lists.take(token_budget=6)
    assert tickets(first) == [0, 1]
    lists.put("a", [replace(waiting(4, 3), turn=turn)])
    lists.done(first)
    assert tickets(lists.take(token_budget=100)) == [2, 3]


def test_a_text_longer_than_a_portion_is_taken() -> None:
    lists, turn = Lists(portion=6), Turn(0.0)
    lists.put("a", [replace(waiting(ticket, 9), turn=turn) for ticket in range(2)])
    first = lists.take(token_budget=3)
    lists.done(first)
    assert [tickets(batch) for batch in (first, lists.take(token_budget=3))] == [[0], [1]]


def test_what_is_dropped_is_not_taken() -> None:
    lists = Lists()
    lists.put("a", [waiting(1, 3)])
    lists.put("a", [waiting(2, None)])
    assert lists.drop(1)
    assert not lists.drop(1)
    assert tickets(lists.take(token_budget=10)) == [2]


def test_a_thread_waits_for_a_text_and_goes_home_when_it_is_over() -> None:
    lists, taken = Lists(), list[list[int]]()

    def take() -> None:
        while batch := lists.take(token_budget=10):
            taken.append(tickets(batch))

    thread = threading.Thread(target=take)
    thread.start()
    for _ in range(2):  # it waits; and, with what it was given, again
        while lists._n_free == 0:
            time.sleep(0.001)
        if not taken:
            lists.put("a", [waiting(1, 3)])
        while not taken:
            time.sleep(0.001)
    lists.close()
    thread.join(timeout=60)
    assert taken == [[1]]


def test_work_is_let_in_up_to_its_limit_and_one_request_always() -> None:
    admission = Admission(queue_s=1.0, most=10_000, threads=2, speed=1000.0)
    assert admission.limit == 1400.0
    admission.enter(10_000)
    with pytest.raises(Refusal) as refused:
        admission.enter(1)
    assert (refused.value.status, refused.value.retry_after_s) == (503, 1)
    admission.leave(10_000)
    admission.enter(1399)
    admission.enter(1)
    assert not admission.has_room(1)
    with pytest.raises(Refusal):
        admission.enter(1)
    admission.leave(1)
    assert admission.has_room(1)


def test_no_request_counts_for_more_than_half_of_what_may_wait() -> None:
    """So others find room beside it; nor for more than the encoder sees."""
    admission = Admission(queue_s=1.0, most=16_384, threads=2, speed=1000.0)
    assert [admission.work_of(n) for n in (2_791, 2_792, 2_000_000)] == [699, 700, 700]
    assert Admission(queue_s=1.0, most=300, threads=2, speed=1000.0).work_of(2_000_000) == 300


def test_a_large_request_waits_for_its_turn_while_small_ones_come_for_ever() -> None:
    """Room is kept for it: small ones find the rest, and one that is no larger than they are never waits."""
    admission = Admission(queue_s=60.0, most=2_000_000)
    admission.speed = 10.0 / 0.7  # so many word pieces a second that 600 may wait
    assert admission.limit == 600.0

    async def asked() -> list[int]:
        admission.enter(400)
        large = asyncio.ensure_future(admission.come_in(300))
        await asyncio.sleep(0)
        assert not admission.has_room(1), "which would be the large one's"
        with pytest.raises(Refusal, match="too much to do"):
            await admission.come_in(18)
        found = [admission.waiting]
        for _ in range(4):  # small traffic, as fast as it can
            admission.leave(30)
            with contextlib.suppress(Refusal):
                await admission.come_in(10)
            found.append(admission.waiting)
        await large
        return found

    assert asyncio.run(asked()) == [400, 370, 340, 310, 590]


def test_turns_come_in_order_and_some_are_given_up() -> None:
    """Who left, and who waited for too long, keeps no room; what could not come in time is refused at once."""

    async def asked() -> None:
        admission = Admission(queue_s=60.0, most=2_000_000, speed=10.0 / 0.7)
        admission.enter(500)
        first, second = (asyncio.ensure_future(admission.come_in(work)) for work in (300, 200))
        await asyncio.sleep(0)
        assert (admission.may_come(100), admission.may_come(101)) == (True, False), "600 may wait to be let in"
        first.cancel()
        await asyncio.wait([first])
        assert admission.waiting == 500
        admission.leave(100)
        assert admission.waiting == 600, "the second's turn came, as the first is gone"
        await second
        admission.leave(500)
        assert admission.waiting == 100
        admission.leave(100)
        assert admission.waiting == 0

    async def too_late() -> None:
        admission = Admission(queue_s=0.05, most=2_000_000, speed=600.0 / 0.7 / 0.05)
        admission.enter(500)
        with pytest.raises(Refusal, match="not this request's turn in time") as late:
            await admission.come_in(300)
        assert (late.value.status, late.value.code, admission.waiting) == (503, "late", 500)
        assert admission.has_room(100), "nothing is kept for it"

    async def gone_as_it_was_called() -> None:
        admission = Admission(queue_s=60.0, most=2_000_000, speed=10.0 / 0.7)
        admission.enter(500)
        large = asyncio.ensure_future(admission.come_in(300))
        await asyncio.sleep(0)
        admission.leave(500)
        assert admission.waiting == 300
        large.cancel()
        await asyncio.wait([large])
        assert admission.waiting == 0

    for one in (asked, too_late, gone_as_it_was_called):
        asyncio.run(one())


def test_a_request_alone_is_let_in_however_large() -> None:
    async def asked() -> int:
        admission = Admission(queue_s=60.0, most=2_000_000, speed=10.0 / 0.7)
        await admission.come_in(5_000)
        return admission.waiting

    assert asyncio.run(asked()) == 5_000


def test_the_limit_follows_the_speed() -> None:
    """A second of slower reading is enough."""
    admission = Admission(queue_s=1.0, most=16_384, threads=2, speed=1000.0)
    for _ in range(20):
        admission.saw(50, 0.1)
    assert admission.speed == pytest.approx(1000.0, rel=0.2)
    assert (admission.work_of(0), admission.work_of(400)) == (2, 102)


def test_how_many_bytes_a_word_piece_has_is_learned_within_bounds() -> None:
    """From some thousand word pieces; whatever is sent, a byte counts as an eighth of one at least, as one at most."""
    admission = Admission(queue_s=1.0, most=16_384)
    for _ in range(400):
        admission.saw_body(110, 22)
    assert admission.bytes_per_piece == pytest.approx(5.0, rel=0.2)
    assert admission.work_of(110) == pytest.approx(24, abs=2)
    admission.saw_body(2_000_000, 4_000)
    assert admission.bytes_per_piece == 8.0
    admission.saw_body(10, 4_000)
    assert admission.bytes_per_piece == 1.0
    admission.saw_body(10, 0)
    assert admission.bytes_per_piece == 1.0


def test_an_explanation_counts_as_reading_once_for_each_word() -> None:
    admission = Admission(queue_s=1.0, most=16_384)
    assert admission.work_of_explanation(40, most=6_000) == 12 * 12
    assert admission.work_of_explanation(2_000, most=3_000) == 3_000
    assert admission.work_of_explanation(2_000, most=6_000) == 3_500, "no more than half of what may wait"


def test_frames_arrive_whole_however_they_are_cut() -> None:
    """A half of a surrogate pair too; numbers to the last bit."""
    sent = packed({"text": "\ud800é"}, b"\x01\0\0\0\0\0\xf0\x3f") + packed({"n": 2})
    frames, came = Frames(), []
    for at in range(len(sent)):
        came += [(message, list(numbers)) for message, numbers in frames.fed(sent[at : at + 1])]
    assert came == [({"text": "\ud800é"}, [1.0000000000000002]), ({"n": 2}, [])]


def test_texts_that_were_cut_teach_nothing_about_bytes() -> None:
    """One answered whole does."""
    version: Any = SimpleNamespace(key="m@1", number=1, name="m", names=["no"])
    admission, models = Admission(queue_s=1.0, most=16_384), SimpleNamespace(version=lambda *_: version)
    told = [Answer(favoured=[0], answered=True, cut=True, pieces=512, probabilities=array("d", [1.0]))]

    async def answers(*_: object, **__: object) -> list[Answer]:
        return told

    parts: dict[str, Any] = {"models": models, "reading": SimpleNamespace(answers=answers)}
    desk = Desk(**parts, metrics=Metrics(), limits=Limits(), admission=admission)

    async def asked() -> float:
        body_bytes.set(4_000)
        await desk.ask(["a"])
        return admission.bytes_per_piece

    assert asyncio.run(asked()) == 4.0
    told[0] = replace(told[0], cut=False)
    assert asyncio.run(asked()) == pytest.approx(4.0 + 512 / 4_000 * (4_000 / 512 - 4.0))
