"""A text that is tested must not have been learned from; where a copy was, it is counted and said."""

from collections.abc import Callable

import numpy as np
import pytest

from fakes import FakeEncoder
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


@pytest.mark.parametrize("made", [dataset, dataset_of_sets])
def test_no_text_is_tested_by_a_head_that_learned_from_its_copy(made: Callable[[int], Dataset]) -> None:
    """Ten texts four times, tested in turn: each with all its copies."""
    data = made(4)
    record = train(data, FakeEncoder(), options=NESTED).record
    assert record.test_source is not None
    assert record.test_source.n_leaks == 0
    assert record.nested is not None
    assert all(len(set(record.nested.fold_of[row:40:10])) == 1 for row in range(10))
    assert not any("flatters" in warning for warning in record.warnings)
