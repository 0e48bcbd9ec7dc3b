"""What a training refuses, and when nested cross-validation sweeps the short list."""

from typing import Literal

import pytest

from fakes import FakeEncoder
from frostline.data.dataset import Dataset, Source
from frostline.errors import UsageError
from frostline.head.options import SearchOptions
from frostline.sweep import SWEEP_FEATURES
from frostline.sweep.candidates import candidates, named, shortlist
from frostline.targets import Targets
from frostline.training import TrainingOptions
from frostline.training.choosing import choice_in_turn
from frostline.training.options import is_in_turn, refuse_without_choice, split_rows


def rows(n: int, n_labels: int) -> Dataset:
    source = Source(name="rows.tsv", sha256="0" * 64, size_bytes=1, text_column="1", label_column="2")
    texts, labels = [f"w{row % 7} w{row % 3}" for row in range(n)], [f"l{row % n_labels}" for row in range(n)]
    return Dataset(texts=texts, targets=Targets.of_labels(labels), lines=list(range(1, n + 1)), source=source)


@pytest.mark.parametrize(
    ("n", "n_labels", "nested", "is_short"),
    [
        (2000, 2, True, False),
        (2001, 2, True, True),
        (2001, 2, False, False),
        (500, 4, True, False),
        (501, 4, True, True),
    ],
)
def test_folds_of_many_rows_choose_among_the_short_list(n: int, n_labels: int, *, nested: bool, is_short: bool) -> None:
    """Beyond 2,000 regressions on rows: one for two labels, else one a label; and not where nothing is in turn."""
    wide = FakeEncoder(features=SWEEP_FEATURES, hidden_size=1)
    options = TrainingOptions(search=SearchOptions(n_folds=3), nested=nested)
    found = choice_in_turn(rows(n, n_labels), wide, options=options)
    among = named(shortlist(wide.n_layers), wide.n_layers) if is_short else candidates(wide.n_layers)
    assert [one.features for one in found.tried] == [one.features for one in among]
    assert found.also_single_with_words is not is_short
    assert found.search.n_folds == 3


def test_folds_are_in_turn_where_nothing_else_is_tested_on() -> None:
    assert is_in_turn(None, TrainingOptions(nested=True)) is True
    assert is_in_turn(None, TrainingOptions()) is False
    assert is_in_turn(rows(4, 2), TrainingOptions(nested=True)) is False
    refuse_without_choice(None, None, in_turn=True)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, float("nan")])
def test_a_test_fraction_is_a_share(fraction: float) -> None:
    with pytest.raises(UsageError) as caught:
        TrainingOptions(test_fraction=fraction)
    assert caught.value.message == f"The share of rows held out must be between 0 and 1 (got {fraction})."


def test_one_fold_is_none() -> None:
    assert TrainingOptions(search=SearchOptions(n_folds=2)).search.n_folds == 2
    with pytest.raises(UsageError) as caught:
        TrainingOptions(search=SearchOptions(n_folds=1))
    assert str(caught.value) == "The number of folds must be at least 2 (got 1)."


def labelled(*labels: str | tuple[str, ...]) -> Dataset:
    sets = [(label,) if isinstance(label, str) else label for label in labels]
    targets = (
        Targets.of_labels([label for (label,) in sets])
        if all(isinstance(label, str) for label in labels)
        else Targets.of_sets(sets)
    )
    source = Source(name="rows.tsv", sha256="0" * 64, size_bytes=1, text_column="1", label_column="2")
    texts = [f"text {row}" for row in range(len(labels))]
    return Dataset(texts=texts, targets=targets, lines=list(range(1, len(labels) + 1)), source=source)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("way", ["stratified", "random"])
def test_a_small_class_keeps_two_rows_to_learn_from(way: Literal["stratified", "random"], seed: int) -> None:
    """Whichever rows were drawn; of several labels per text one row is enough, as before."""
    options = TrainingOptions(search=SearchOptions(seed=seed), holdout=way, test_fraction=0.5)
    split = split_rows(labelled(*["a"] * 20, "b", "b", "c", "c", "c"), None, options)
    counts = split.train.counts()
    assert counts["b"] == 2
    assert counts["c"] >= 2
    assert split.test is not None
    assert len(split.train) + len(split.test) == 25
    several = split_rows(labelled(*["a"] * 20, ("a", "b"), ("b",)), None, options)
    assert several.train.counts()["b"] >= 1


def test_where_every_class_is_small_nothing_is_held_out() -> None:
    """Both ways on are named."""
    with pytest.raises(UsageError) as caught:
        split_rows(labelled(*"aabbcc"), None, TrainingOptions())
    assert caught.value.message == (
        "No row is left to test on: every one that was held out has a label that too few others have."
    )
    assert caught.value.hint == (
        "Name a test file with --test, or add rows: a label that is tested too needs three or more."
    )
