"""What a training tells of rows that belong together has the width of as many texts: where each figure is asked for."""

from dataclasses import replace

import numpy as np

from fakes import FakeEncoder
from frostline.data.copies import together_of
from frostline.data.dataset import Dataset, Source
from frostline.evaluate.baselines import Part
from frostline.evaluate.probabilities import reliability_of
from frostline.evaluate.scores import evaluate
from frostline.head.linear import Calibration, LinearHead
from frostline.head.options import SearchOptions
from frostline.targets import Targets
from frostline.training import TrainingOptions, train
from frostline.training.tested import Tested as Outcome
from frostline.training.tested import uncalibrated
from frostline.tutorial.lesson import _try


def several_times(times: int, *, n: int = 60) -> Dataset:
    """So many rows of each text; a word tells the label of four texts in five."""
    random = np.random.default_rng(2)
    codes = np.arange(n) % 2
    told = np.where(random.random(n) < 0.8, codes, 1 - codes)
    texts = [f"own{word} w{random.integers(9)} t{row}" for row, word in enumerate(told.tolist())]
    rows = np.repeat(np.arange(n), times)
    targets = Targets.of_codes(codes[rows], ["a", "b"])
    copied = [texts[row] for row in rows.tolist()]
    return Dataset(
        texts=copied,
        targets=replace(targets, together=together_of(copied)),
        lines=list(range(1, len(rows) + 1)),
        source=Source(name="made", sha256="0" * 64, size_bytes=0, text_column="1", label_column="2"),
    )


def test_what_words_bring_is_as_sure_as_the_different_texts_make_it() -> None:
    """Four rows of each text: the variance of the lead is four times that of as many rows that stand alone."""
    options = TrainingOptions(search=SearchOptions(Cs=(0.1, 10.0), n_folds=3, scoring="accuracy", choose_parts=True))
    record = train(several_times(4), FakeEncoder(), options=options).record
    assert record.parts is not None
    words = record.parts.trials[1]
    assert words.lead.n_only_first is not None
    assert words.lead.n_only_second is not None
    unlike = (words.lead.n_only_first + words.lead.n_only_second) / words.lead.n
    alone = (unlike - words.lead.value**2) / words.lead.n
    assert 3.8 < words.lead.std_error**2 / alone < 4.4
    low, high = words.interval
    assert high - low > 1.8 * 2 * 1.96 * np.sqrt(words.score * (1 - words.score) / words.lead.n)


def test_what_a_calibration_is_set_beside_counts_texts() -> None:
    """Where a text may have several labels: the calibration error of the same rows without it."""
    random = np.random.default_rng(3)
    rows = np.repeat(np.arange(50), 4)
    shares = random.random((50, 2))
    members = random.random((50, 2)) < shares
    targets = Targets(("a", "b"), members[rows], exclusive=False, together=rows)
    given = shares[rows]
    tested = Outcome(
        part=Part([str(row) for row in rows.tolist()], np.zeros((200, 1), np.float32), targets),
        evaluation=evaluate(given, given >= 0.5, targets),
        probabilities=given,
        uncalibrated=given,
        favoured=given >= 0.5,
        answered=np.ones(200, dtype=bool),
        against=(),
        n_fitted=9,
    )
    head = LinearHead(
        coef=np.zeros((2, 1)),
        intercept=np.zeros(2),
        labels=("a", "b"),
        calibration=Calibration(method="temperature", temperature=2.0),
        link="logistic",
    )
    assert uncalibrated(head, tested) == reliability_of(given, targets.members, lots=rows)
    assert uncalibrated(head, tested) != reliability_of(given, targets.members, lots=None)
    assert uncalibrated(replace(head, calibration=None), tested) is None


def test_the_lesson_counts_copies_once() -> None:
    """Its split is the practical's, its interval that of the different texts it was tested on."""
    random = np.random.default_rng(1)
    codes = np.repeat(np.arange(40) % 2, 5)
    rows = (np.repeat(random.normal(size=(40, 3)), 5, axis=0) + 0.8 * codes[:, None]).astype(np.float32)
    together = np.repeat(np.arange(40), 5)
    train_rows, test_rows = np.arange(100), np.arange(100, 200)
    alone = Targets.of_codes(codes, range(2))
    blind, found = (
        _try(rows, targets, train_rows, test_rows, seed=0) for targets in (alone, replace(alone, together=together))
    )
    assert blind.accuracy == found.accuracy
    widths = [one.interval[1] - one.interval[0] for one in (blind, found)]
    assert widths[1] > 1.9 * widths[0]
    assert found.lots is not None
    assert blind.lots is None
