"""A text that is tested must not have been learned from; where a copy was, it is counted and said."""

from collections.abc import Callable

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline.data.checks import leaked_in_turn
from frostline.data.dataset import Dataset, Source
from frostline.head.options import SearchOptions
from frostline.targets import Targets
from frostline.training import TrainingOptions, train

SOURCE = Source(name="made.tsv", sha256="0" * 64, size_bytes=1, text_column="1", label_column="2")
NESTED = TrainingOptions(search=SearchOptions(Cs=(0.01, 1.0), n_folds=3, threads=1), nested=True)


def texts_of(n_copies: int) -> list[str]:
    """60 rows of random words, the first ten of them standing there `n_copies` times."""
    random = np.random.default_rng(0)
    texts = [f"{' '.join(f'w{word}' for word in random.integers(30, size=4))} t{row}" for row in range(60)]
    return texts[:10] * n_copies + texts[10:]


def dataset(n_copies: int) -> Dataset:
    texts = texts_of(n_copies)
    labels = ["odd" if int(text.rsplit("t", 1)[1]) % 2 else "even" for text in texts]
    return Dataset(texts=texts, targets=Targets.of_labels(labels), lines=list(range(1, len(texts) + 1)), source=SOURCE)


def dataset_of_sets(n_copies: int) -> Dataset:
    alone = dataset(n_copies)
    sets = [{label, "third"} if row % 3 else {label} for row, label in enumerate(alone.labels)]
    return Dataset(
        texts=alone.texts,
        targets=Targets.of_sets([tuple(sorted(given)) for given in sets]),
        lines=alone.lines,
        source=SOURCE,
    )


def leaks(data: Dataset) -> tuple[int, tuple[str, ...]]:
    record = train(data, FakeEncoder(), options=NESTED).record
    assert record.test_source is not None
    return record.test_source.n_leaks, record.warnings


@pytest.mark.parametrize("made", [dataset, dataset_of_sets])
def test_copies_in_other_folds_are_counted_where_every_row_is_tested_in_turn(made: Callable[[int], Dataset]) -> None:
    """Ten texts four times: most of those 40 rows have a copy in another fold, and the record says that it flatters."""
    n_leaks, warnings = leaks(made(4))
    assert 30 <= n_leaks <= 40
    assert any("test rows are also training rows, which flatters the score" in warning for warning in warnings)
    n_leaks, warnings = leaks(made(1))
    assert n_leaks == 0
    assert not any("flatters" in warning for warning in warnings)


def test_copies_within_one_fold_do_not_flatter() -> None:
    """All rows of a text that stands in several folds count, and none of a text that stands in one."""
    data = Dataset(
        texts=["a", "a", "b", "b", "c"], targets=Targets.of_labels(["x"] * 5), lines=[3, 5, 7, 9, 11], source=SOURCE
    )
    found = leaked_in_turn(data, [0, 1, 2, 2, 0])
    assert found.n_test_rows == 2
    assert found.items[0].test_lines == (3, 5)
