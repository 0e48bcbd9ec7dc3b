"""How many labels look wrong to a training: wrong ones are told from hard ones."""

import numpy as np
import pytest

from frostline.arrays import IntArray, Probabilities
from frostline.targets import Targets
from frostline.training.records import in_doubt


def drawn(n: int, *, sharpness: float) -> tuple[Probabilities, IntArray]:
    """Probabilities of four labels, and labels that come true as they say."""
    draw = np.random.RandomState(3)
    raw = draw.dirichlet(np.full(4, 1 / sharpness), n)
    codes = (raw.cumsum(axis=1) > draw.rand(n, 1)).argmax(axis=1).astype(np.int64)
    return raw, codes


def targets(codes: IntArray) -> Targets:
    return Targets.of_codes(codes, ("a", "b", "c", "d"))


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.25, 100, 260), (1.0, 0, 0)])
def test_wrong_labels_are_told_from_hard_ones(share: float, least: int, most: int) -> None:
    """Of 600 texts that are a little hard a share gets another label; of labels by lot alone nothing can be told."""
    raw, codes = drawn(600, sharpness=8.0)
    draw = np.random.RandomState(4)
    is_wrong = draw.rand(600) < share
    given = np.where(is_wrong, draw.randint(0, 4, 600), codes).astype(np.int64)
    shown = raw * (1 - share) + share / 4  # as a calibrated head would say
    assert least <= in_doubt(shown, targets(given)) <= most


def test_hard_texts_are_no_wrong_labels() -> None:
    """Heads that are unsure are often wrong, and where they are surest seldom."""
    raw, codes = drawn(600, sharpness=3.0)
    assert (raw.argmax(axis=1) != codes).mean() > 0.2
    assert in_doubt(raw, targets(codes)) == 0


def test_of_several_labels_those_that_likely_are_wrong_are_counted() -> None:
    draw = np.random.RandomState(5)
    members = draw.rand(400, 3) < 0.4
    shares = np.where(members, 0.97, 0.03)
    flipped = members.copy()
    flipped[:60, 0] ^= True
    sets = Targets(labels=("a", "b", "c"), members=flipped, exclusive=False)
    assert 40 <= in_doubt(shares, sets) <= 80
    right = Targets(labels=("a", "b", "c"), members=members, exclusive=False)
    assert in_doubt(shares, right) <= 5
    nothing = Targets(labels=("a",), members=np.ones((4, 1), dtype=bool), exclusive=False)
    assert in_doubt(np.full((4, 1), 0.9), nothing) == 0


def test_a_label_on_one_text_cannot_be_judged() -> None:
    raw, codes = drawn(30, sharpness=8.0)
    codes[codes == 3] = 0
    codes[0] = 3
    assert in_doubt(raw, targets(codes)) == 0
