"""What an evaluation refuses, in the words in which it does, and what it lets pass just beside it."""

from collections.abc import Sequence

import numpy as np
import pytest

from frostline.errors import InputError, UsageError
from frostline.evaluate.baselines import Part, baselines
from frostline.evaluate.examples import Examples, mapped
from frostline.evaluate.nested import nested_cross_validation
from frostline.evaluate.probabilities import reliability
from frostline.evaluate.scores import evaluate
from frostline.head.options import SearchOptions
from frostline.targets import Targets


def one_each(codes: Sequence[int] | np.ndarray) -> Targets:
    return Targets.of_codes(np.array(codes, dtype=np.int64), "ab")


HALVES = np.full((3, 2), 0.5)


@pytest.mark.parametrize(
    ("probabilities", "codes", "message"),
    [
        (HALVES[:0], [], "An evaluation needs at least one test row (got none)."),
        (HALVES[:, :1], [0, 1, 1], "Probabilities must be of shape (3, 2), texts by labels (got (3, 1))."),
        (
            np.array([[0.5, 0.5], [np.nan, 0.5], [0.5, np.inf]]),
            [0, 1, 1],
            "Probabilities must be finite (2 rows are not, the first is row 1).",
        ),
    ],
)
def test_what_cannot_be_evaluated(probabilities: np.ndarray, codes: list[int], message: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(probabilities, one_each(codes).members, one_each(codes))
    assert caught.value.message == message
    assert evaluate(HALVES, one_each([0, 1, 1]).members, one_each([0, 1, 1])).n == 3


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (0, "Probabilities must be of shape (3, 2), texts by labels (got (3, 1))."),
        (1, "Answers must be of shape (3, 2), texts by labels (got (3, 1))."),
    ],
)
def test_what_cannot_be_evaluated_with_several_labels(place: int, message: str) -> None:
    given, both = [HALVES, HALVES > 0], Targets(("a", "b"), HALVES > 0, exclusive=False)
    assert evaluate(given[0], given[1], both).n == 3
    given[place] = given[place][:, :1]
    with pytest.raises(InputError) as caught:
        evaluate(given[0], given[1], both)
    assert caught.value.message == message


def test_nested_cross_validation_needs_three_rows_of_a_label() -> None:
    rows = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32)
    options = SearchOptions(Cs=(0.1,), n_folds=3, threads=1)
    few, enough = (np.array([0] * (24 - n) + [1] * n) for n in (2, 3))
    with pytest.raises(InputError) as caught:
        nested_cross_validation(rows, one_each(few), options=options)
    assert caught.value.message == "Nested cross-validation needs three rows of every label (got 2 of 'b')."
    assert caught.value.hint == "Leave the label out, or add rows that have it."
    assert nested_cross_validation(rows, one_each(enough), options=options).n_outer == 3
    with pytest.raises(UsageError):
        nested_cross_validation(rows, one_each(enough), options=options, n_outer=1)


@pytest.mark.parametrize(("n_train", "n_test"), [(0, 3), (3, 0)])
def test_baselines_need_rows_on_both_sides(n_train: int, n_test: int) -> None:
    def part(n: int) -> Part:
        return Part(["a word"] * n, np.zeros((n, 2), np.float32), one_each([0] * n))

    with pytest.raises(InputError) as caught:
        baselines([(part(n_train), part(n_test))], favoured=one_each([0] * n_test).members)
    assert caught.value.message == f"Baselines need rows (got {n_train} to train on, {n_test} to test on)."
    assert len(baselines([(part(1), part(1))], favoured=one_each([0]).members)) >= 2


def test_a_map_needs_both_decisions_and_features() -> None:
    examples = Examples(
        labels=("a", "b"),
        name="a.tsv",
        texts=["one", "two", "three"],
        lines=[1, 2, 3],
        members=one_each([0, 1, 1]).members,
        favoured=one_each([0, 1, 1]).members,
        answered=np.ones(3, dtype=bool),
        probabilities=HALVES,
        decisions=np.arange(3.0)[:, None],
    )
    assert mapped(examples) is examples


@pytest.mark.parametrize(("n", "n_bins"), [(1, 1), (39, 1), (40, 2), (59, 2), (60, 3), (299, 14), (300, 15), (320, 15)])
def test_a_bin_has_twenty_rows_and_there_are_fifteen_at_most(n: int, n_bins: int) -> None:
    found = reliability(np.linspace(0.5, 0.99, n), np.ones(n, dtype=bool), lots=None)
    assert len(found.bins) == n_bins
    assert sum(one.n for one in found.bins) == n
