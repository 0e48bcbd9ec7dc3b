"""Heads that know nothing of the labels call none of them wrong."""

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline.data.dataset import Dataset, Source
from frostline.data.tables import TextRow
from frostline.head.options import SearchOptions
from frostline.review.labels import knowledge_of
from frostline.review.run import Pool, ReviewOptions, review
from frostline.targets import Targets

OPTIONS = ReviewOptions(search=SearchOptions(Cs=(0.001, 1.0), n_folds=3, threads=1), n_foldings=2, pool_size=4)


def by_lot(n: int, n_labels: int, seed: int) -> Dataset:
    """Texts of random words, and labels that have nothing to do with them."""
    random = np.random.default_rng(seed)
    return Dataset(
        texts=[f"{' '.join(f'w{word}' for word in random.integers(30, size=5))} t{row}" for row in range(n)],
        targets=Targets.of_labels([f"label {code}" for code in random.permutation(np.arange(n) % n_labels)]),
        lines=list(range(1, n + 1)),
        source=Source(name="lots.tsv", sha256="0" * 64, size_bytes=1, text_column="1", label_column="2"),
    )


@pytest.mark.parametrize("n_labels", [2, 3])
def test_labels_drawn_by_lot_are_not_called_wrong(n_labels: int) -> None:
    """Where nothing can be known, nothing is suggested, and the notes say why."""
    pool = Pool("pool.txt", [TextRow(1, "w1 w2 new")])
    found = review(by_lot(60 * n_labels, n_labels, seed=n_labels), FakeEncoder(), pool=pool, options=OPTIONS)
    assert not found.wrong
    assert not found.wanted
    assert found.labels is None
    assert any("not surely better than the labels' shares" in note for note in found.notes)


def test_a_gain_must_outdo_its_own_error() -> None:
    """The losses are those of the formulas; a gain of one row in a hundred is none yet."""
    codes = np.arange(100) % 2
    members = codes[:, None] == np.arange(2)
    even = np.full((100, 2), 0.5)
    assert knowledge_of(even, members).shares == pytest.approx(np.log(2))
    assert not knowledge_of(even, members).is_sure
    one = even.copy()
    one[0] = 0.9, 0.1
    assert knowledge_of(one, members).heads < knowledge_of(one, members).shares
    assert not knowledge_of(one, members).is_sure
    good = np.where(np.arange(2) == codes[:, None], 0.6, 0.4)
    assert knowledge_of(good, members).heads == pytest.approx(-np.log(0.6))
    assert knowledge_of(good, members).is_sure
    assert not knowledge_of(1 - good, members).is_sure
    assert np.isfinite(knowledge_of(np.where(np.arange(2) == codes[:, None], 0.0, 1.0), members).heads)
