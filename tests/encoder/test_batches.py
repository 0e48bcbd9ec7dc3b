"""Plans hold every sentence once, never pad, and depend on the lengths alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostline.encoder.tokens import plan_batches
from frostline.errors import UsageError

LENGTHS = st.lists(st.integers(1, 40), max_size=300).map(lambda found: np.array(found, np.int64))


@settings(deadline=None, max_examples=50)
@given(LENGTHS, st.integers(1, 200))
def test_every_row_stands_in_exactly_one_batch(lengths: np.ndarray, budget: int) -> None:
    rows = [row for batch in plan_batches(lengths, token_budget=budget) for row in batch.tolist()]
    assert sorted(rows) == list(range(len(lengths)))


@settings(deadline=None, max_examples=50)
@given(LENGTHS, st.integers(1, 200))
def test_a_batch_has_one_length_and_keeps_the_budget(lengths: np.ndarray, budget: int) -> None:
    for batch in plan_batches(lengths, token_budget=budget):
        assert len(set(lengths[batch].tolist())) == 1
        assert len(batch) == 1 or lengths[batch].sum() <= budget


@settings(deadline=None, max_examples=50)
@given(LENGTHS)
def test_the_longest_come_first(lengths: np.ndarray) -> None:
    """The last batches are the cheapest, so that no thread waits long for another's."""
    first = [int(lengths[batch[0]]) for batch in plan_batches(lengths)]
    assert first == sorted(first, reverse=True)


def test_batches_of_one_length_have_equal_shares() -> None:
    """65 sentences of 8 pieces under a budget of 512 are 33 and 32, not 64 and a straggler."""
    assert [len(batch) for batch in plan_batches(np.full(65, 8), token_budget=512)] == [33, 32]


def test_no_sentences_make_no_batches() -> None:
    assert plan_batches(np.zeros(0, np.int64)) == []


def test_the_budget_must_hold_something() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        plan_batches(np.ones(3, np.int64), token_budget=0)


def test_nothing_is_padded() -> None:
    """Word pieces that a batch multiplies beyond those of its sentences: none, where 3 % would be allowed."""
    lengths = np.random.default_rng(0).integers(3, 60, 2000)
    computed = sum(len(batch) * int(lengths[batch].max()) for batch in plan_batches(lengths))
    assert computed == lengths.sum()
