"""A comparison: the same folds for all, each tested against the best, one reading per encoder."""

from pathlib import Path

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline.data.dataset import Dataset, Source
from frostline.data.split import stratified_folds
from frostline.errors import InputError, UsageError
from frostline.evaluate.paired import mcnemar
from frostline.head.options import SearchOptions
from frostline.store import FeatureStore, StoredEncoder
from frostline.sweep.compare import Contestant, compare, holm
from frostline.sweep.cross import cross_validate
from frostline.targets import Targets

SEARCH = SearchOptions(Cs=(0.01, 1.0), n_folds=3)


def dataset(n: int = 90) -> Dataset:
    random = np.random.RandomState(3)
    labels = [str(row % 2) for row in range(n)]
    texts = [
        " ".join([*(f"w{word}" for word in random.randint(0, 40, 4)), f"own{label}" if random.rand() < 0.6 else "none"])
        for label in labels
    ]
    source = Source(name="made", sha256="0" * 64, size_bytes=0, text_column="1", label_column="2")
    return Dataset(texts=texts, targets=Targets.of_labels(labels), lines=list(range(1, n + 1)), source=source)


def contestant(features: str, kept: object, **settings: str) -> Contestant:
    fresh = FakeEncoder(features=features, **settings)  # type: ignore[arg-type]
    return Contestant(name=fresh.weights, features=features, kept=kept, fresh=fresh, size_bytes=7)  # type: ignore[arg-type]


def test_each_is_scored_on_the_same_folds_and_tested_against_the_best() -> None:
    """The best stands first; a score is what its own features score; the p-value is McNemar's."""
    data, wide = dataset(), FakeEncoder(features="cls@-1+mean@all")
    found = compare(
        data,
        [contestant(features, wide) for features in ("cls@-1", "mean@all", "mean@1")],
        search=SEARCH,
    )
    codes = np.array([int(label) for label in data.labels])
    folds = stratified_folds(codes, n_folds=3, seed=0)
    own = {
        features: cross_validate(
            FakeEncoder(features=features).encode(data.texts).rows,
            Targets.of_codes(codes, "01"),
            options=SEARCH,
            folds=folds,
        )
        for features in ("cls@-1", "mean@all", "mean@1")
    }
    best = found.standings[0]
    assert best.score.value == max(each.score.value for each in own.values())
    assert best.behind.value == 0
    for standing in found.standings:
        assert standing.score.value == pytest.approx(own[standing.features].score.value)
        right, best_right = own[standing.features].right, own[best.features].right
        only_own, only_best = int(np.count_nonzero(right & ~best_right)), int(np.count_nonzero(best_right & ~right))
        assert standing.behind.p_value == pytest.approx(mcnemar(only_own, only_best))
        assert standing.seconds_per_1000 > 0
        assert standing.n_timed == len(set(data.texts))
        assert standing.size_bytes == 7


def test_contestants_that_share_an_encoder_share_its_reading(tmp_path: Path) -> None:
    """Two features of one encoder: every sentence once for the rows; another encoder reads its own."""
    data = dataset()
    first = FakeEncoder(features="cls@-1+mean@all")
    kept = StoredEncoder(first, FeatureStore.open(tmp_path))
    other = FakeEncoder(features="cls@-1", weights="other")
    compare(
        data,
        [contestant("cls@-1", kept), contestant("mean@all", kept), contestant("cls@-1", other, weights="other")],
        search=SEARCH,
    )
    assert sorted(first.read) == sorted(set(data.texts))
    assert sorted(other.read) == sorted(set(data.texts))


def test_fewer_than_two_or_one_twice_is_refused() -> None:
    """There is nothing to compare."""
    one = FakeEncoder(features="cls@-1")
    with pytest.raises(UsageError, match="Two or more"):
        compare(dataset(), [contestant("cls@-1", one)], search=SEARCH)
    with pytest.raises(UsageError, match="once"):
        compare(dataset(), [contestant("cls@-1", one), contestant("cls@2", one)], search=SEARCH)


def test_texts_that_are_all_equal_are_refused() -> None:
    """Before anything is read."""
    data = dataset()
    same = Dataset(texts=["same"] * 90, targets=Targets.of_labels(data.labels), lines=data.lines, source=data.source)
    one = FakeEncoder(features="cls@-1+mean@-1")
    with pytest.raises(InputError, match="differ"):
        compare(same, [contestant("cls@-1", one), contestant("mean@-1", one)], search=SEARCH)
    assert one.read == []


def test_holm_raises_p_values_step_by_step() -> None:
    """Holm's own procedure: times 3, 2, 1 from the smallest up, never falling, at most 1."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx((0.06, 0.03, 0.06))
    assert holm([0.6, 0.7]) == (1.0, 1.0)
    assert holm([]) == ()
