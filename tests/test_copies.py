"""A text that is tested must not have been learned from; where a copy was, it is counted and said."""

import re
from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from fakes import FakeEncoder
from frostline.data.dataset import Dataset, Source
from frostline.data.split import random_holdout
from frostline.head.deciding import RuleOptions
from frostline.head.fitted import AnswerOptions
from frostline.head.options import SearchOptions
from frostline.report.card import model_card
from frostline.report.document import as_document
from frostline.report.page import report_html
from frostline.report.plain import plain_words
from frostline.report.terminal import print_report
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


@pytest.mark.parametrize("made", [dataset, dataset_of_sets])
@pytest.mark.parametrize("choose_parts", [False, True])
def test_the_score_is_of_texts_that_were_not_learned_from(
    made: Callable[[int], Dataset], *, choose_parts: bool
) -> None:
    """Copies among the test rows, spelled otherwise, are left out of all that is told, and told beside it."""
    data = made(1)
    learned, new = data.take(np.arange(40)), data.take(np.arange(40, 60))
    both = replace(data.take(np.r_[np.arange(30, 40), np.arange(40, 60)]), targets=data.targets.take(np.arange(30, 60)))
    spelled = replace(both, texts=[f" {text.upper()}!" for text in both.texts[:10]] + [*both.texts[10:]])
    how = TrainingOptions(search=SearchOptions(Cs=(1.0,), n_folds=3, threads=1, choose_parts=choose_parts))
    clean = train(learned, FakeEncoder(), test=new, options=how)
    mixed = train(learned, FakeEncoder(), test=spelled, options=how)
    source = mixed.record.test_source
    assert source is not None
    assert source.data is not None
    assert source.with_leaks is not None
    assert mixed.record.test is not None
    assert clean.record.test is not None
    assert (source.n_leaks, source.data.n_rows, source.with_leaks.n, mixed.record.test.n) == (10, 30, 30, 20)
    assert source.is_of_new
    assert mixed.record.test.scores == clean.record.test.scores
    assert [one.scores for one in mixed.record.baselines] == [one.scores for one in clean.record.baselines]
    assert mixed.record.probabilities is not None
    assert clean.record.probabilities is not None
    assert mixed.record.probabilities.scores == clean.record.probabilities.scores
    np.testing.assert_array_equal(mixed.test_probabilities, clean.test_probabilities)
    assert list(mixed.examples.texts) == list(new.texts)
    lines = ", ".join(map(str, range(31, 41)))
    told = f"10 test rows are copies of training rows and were left out of the scores (lines {lines})."
    assert told in mixed.record.warnings


def test_a_likeness_counts_copies_once() -> None:
    """Each text, and the same with two blanks and a full stop, of which the encoder makes another row."""
    data = dataset(1)
    twice = replace(
        data,
        texts=[*data.texts, *(f"{text}  ." for text in data.texts)],
        targets=Targets.of_labels([*data.labels, *data.labels]),
        lines=list(range(1, 121)),
    )
    training = train(twice, FakeEncoder(), options=NESTED)
    assert training.likeness is not None
    assert training.likeness.n_texts == 60


def test_where_nothing_is_new_that_is_said() -> None:
    data = dataset(1)
    how = TrainingOptions(search=SearchOptions(Cs=(1.0,), n_folds=3, threads=1))
    record = train(data, FakeEncoder(), test=data.take(np.arange(3)), options=how).record
    assert record.test_source is not None
    assert (record.test_source.n_leaks, record.test_source.is_of_new) == (3, False)
    said = "Every test row is a copy of a training row: nothing is known of new texts (lines 1, 2, 3)."
    assert said in record.warnings


def test_where_nothing_is_new_no_report_shows_a_score() -> None:
    """Nor baselines, a learning curve, what probabilities or a rule's answers are worth: why not, once."""
    data = dataset(1)
    search = SearchOptions(Cs=(1.0,), n_folds=3, threads=1)
    answers = AnswerOptions(rule=RuleOptions(thresholds="f1"))
    how = TrainingOptions(search=search, answers=answers, learning_curve=True)
    training = train(data, FakeEncoder(), test=data.take(np.arange(40)), options=how)
    record = training.record
    assert (record.test, record.probabilities, record.unlike, record.learning, record.baselines) == (*[None] * 4, ())
    assert record.decision is not None
    assert record.decision.test is None
    said = "All 40 test texts are copies of texts that it learned from: how good it is on new ones is not known."
    out = StringIO()
    print_report(record, Console(file=out, width=300))
    page, card, document = report_html(record, training.examples), model_card(record), as_document(record)
    for shown in (out.getvalue(), page, card):
        assert shown.count(said) == 1
        assert not re.search(
            r"(?i)learning curve|baseline|counting words|commonest label|beyond chance|confusion", shown
        )
    assert "Next: test it on texts that it did not learn from." in out.getvalue()
    keys = ("test", "probabilities", "unlike", "learning", "advice", "baselines")
    assert [document[key] for key in keys] == [None, None, None, None, [], []]
    assert said in plain_words(record)


def test_the_practicals_split_is_drawn_as_ever_and_its_clean_rows_are_scored() -> None:
    """Some copies stand on both sides there."""
    data = dataset(2)
    how = replace(TrainingOptions.tutorial(seed=1), search=SearchOptions(Cs=(1.0,), n_folds=3, threads=1, seed=1))
    record = train(data, FakeEncoder(), options=how).record
    kept, held = random_holdout(70, test_fraction=0.25, seed=1)
    known = {data.texts[row] for row in kept.tolist()}
    n_known = sum(data.texts[row] in known for row in held.tolist())
    assert record.test_source is not None
    assert record.test_source.with_leaks is not None
    assert record.test is not None
    assert record.test_source.n_leaks == n_known > 0
    assert (record.test_source.with_leaks.n, record.test.n) == (len(held), len(held) - n_known)
