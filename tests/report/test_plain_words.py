"""The paragraph that a manager reads: figures in words, and none that says more than was measured."""

import math
import re
from dataclasses import replace

import pytest

from frostline.evaluate.baselines import Baseline
from frostline.evaluate.intervals import Estimate, f1_interval
from frostline.report import label_name
from frostline.report.card import model_card
from frostline.report.page import report_html
from frostline.report.phrases import verdict
from frostline.report.plain import evaluation_words, how_often, next_step, of_hundred, plain_words, untested_text
from record_examples import example_evaluation, example_record
from report_examples import example_report
from small_records import evaluation_record, two_label_record


def test_the_paragraph_answers_what_is_asked_first() -> None:
    """What it is, how often it is right and between what, beside guessing and words, what it confuses, what to do."""
    said = " ".join(plain_words(example_report()[0]))
    for words in (
        "gives a text one of 2 labels (negative, positive)",
        "right about",
        "should be between",
        "Always giving the commonest label",
        "ounting words",
        "mistakes",
        "percentages",
        "Next:",
    ):
        assert words in said
    for term in ("F1", "log loss", "logistic", "TF-IDF", "interval", "recall"):
        assert term not in said


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.8446, "about 84 of 100"),
        (0.845, "about 85 of 100"),
        (0.996, "more than 99 of 100"),
        (0.004, "fewer than 1 of 100"),
        (1.0, "100 of 100"),
        (0.0, "0 of 100"),
    ],
)
def test_a_share_is_said_of_a_hundred(share: float, words: str) -> None:
    """All and none are said of all and none alone."""
    assert of_hundred(share) == words


def test_the_interval_is_that_of_the_record() -> None:
    """Rounded outwards, lower limit first."""
    record = example_report()[0]
    assert record.test is not None
    low, high = record.test.accuracy.interval
    assert f"between {math.floor(100 * low)} and {math.ceil(100 * high)}" in " ".join(plain_words(record))


def test_few_texts_are_said_to_be_few() -> None:
    """By the width of the interval."""
    record = example_record(n=60)
    assert record.test is not None
    wide = replace(record.test, scores={"accuracy": replace(record.test.accuracy, interval=(0.7, 0.851))})
    assert "little more than a hint" in " ".join(plain_words(replace(record, test=wide)))
    assert "hint" not in " ".join(plain_words(example_record(n=300)))


def with_lead(one: Baseline, value: float, interval: tuple[float, float]) -> Baseline:
    return replace(one, leads={"accuracy": replace(one.leads["accuracy"], value=value, interval=interval)})


def test_a_lead_within_chance_is_called_one() -> None:
    """Nobody is told of a difference that is not there."""
    record = example_record(n=300)
    level = [with_lead(one, 0.01, (-0.02, 0.04)) for one in record.baselines]
    said = " ".join(plain_words(replace(record, baselines=tuple(level))))
    assert said.count("the difference could be chance") == 2


def test_nothing_tested_claims_nothing() -> None:
    """Not a figure."""
    said = plain_words(replace(example_record(n=60), test=None, test_source=None, baselines=()))
    assert not re.search(r"\d of 100", " ".join(said))
    assert any("Nothing was tested" in sentence for sentence in said)


def test_an_evaluation_is_said_too() -> None:
    """Of the file it was tested on."""
    said = " ".join(evaluation_words(example_evaluation()))
    assert "texts of that file it was right" in said
    assert "mistakes: it says" in said


@pytest.mark.parametrize(
    ("value", "interval", "words"),
    [
        (0.1, (0.05, 0.15), "about 10 texts in 100 fewer (between 5 and 15)"),
        (-0.1, (-0.15, -0.05), "about 10 texts in 100 more (between 5 and 15)"),
        (0.034, (0.008, 0.0601), "about 3 texts in 100 fewer (between 0 and 7)"),
        (0.004, (0.001, 0.007), "about 1 text in 100 fewer (between 0 and 1)"),
        (0.1, (-0.05, 0.25), "the difference could be chance"),
        (-0.1, (-0.25, 0.05), "the difference could be chance"),
    ],
)
def test_a_baseline_is_right_more_or_less_often(value: float, interval: tuple[float, float], words: str) -> None:
    """Fewer times where the classifier leads, more where it lags, neither where the interval holds none of it."""
    record = example_report()[0]
    rivals = [with_lead(one, value, interval) for one in record.baselines]
    said = [line for line in plain_words(replace(record, baselines=tuple(rivals))) if "commonest label" in line]
    assert len(said) == 1
    assert words in said[0]


def test_only_new_texts_are_called_not_learned_from() -> None:
    """How many were left out stands beside the score; of none but known ones there is no score as if of new ones."""
    record = example_record(n=300)
    assert record.test_source is not None
    assert record.test is not None
    right = "On 300 texts that it had not learned from it was right about"
    assert any(sentence.startswith(right) for sentence in plain_words(record))
    better = replace(record.test.accuracy, value=0.987)
    source = replace(record.test_source, n_leaks=40, with_leaks=replace(record.test, scores={"accuracy": better}))
    some = plain_words(replace(record, test_source=source))
    assert any(sentence.startswith(right) for sentence in some)
    share = f"{100 * record.test.accuracy.value:.1f}"
    assert (
        "40 test texts are copies of texts that it learned from, and left out here: with them 98.7 % would be right, "
        f"not {share} %."
    ) in some
    one = plain_words(replace(record, test_source=replace(source, n_leaks=1)))
    assert any("1 test text is a copy of one that it learned from, and left out here: with it" in told for told in one)
    none = replace(record, test=None, test_source=replace(source, n_leaks=300, with_leaks=None))
    told = plain_words(none)
    assert not any("had not learned from" in sentence for sentence in told)
    assert (
        "All 300 test texts are copies of texts that it learned from: how good it is on new ones is not known." in told
    )
    only = replace(source, n_leaks=1, with_leaks=None)
    assert untested_text(only) == (
        "The only test text is a copy of one that it learned from: how good it is on new ones is not known."
    )
    assert next_step(none) == "Next: test it on texts that it did not learn from."
    assert 'class="figures"' in report_html(record)
    assert 'class="figures"' not in report_html(none)
    assert "model-index" in model_card(record)
    assert "model-index" not in model_card(none)


def test_how_many_texts_get_an_answer_is_said_where_not_all_do() -> None:
    record = two_label_record()
    assert record.probabilities is not None
    assert record.probabilities.coverage.right is not None
    words = "It answers only where it is sure enough: about 70 of 100 of these texts got an answer"
    right = f"{words}, and about 91 of 100 of those answers were right; of more such answers it should be between"
    low, high = record.probabilities.coverage.right.interval
    right += f" {math.floor(100 * low)} and {math.ceil(100 * high)}."
    assert right in plain_words(record)
    assert right in evaluation_words(evaluation_record(record))
    silent = replace(record.probabilities.coverage, right=None)
    assert f"{words}." in plain_words(replace(record, probabilities=replace(record.probabilities, coverage=silent)))
    always = replace(record.probabilities.coverage, answer_from=0.0)
    said = " ".join(plain_words(replace(record, probabilities=replace(record.probabilities, coverage=always))))
    assert "got an answer" not in said


@pytest.mark.parametrize(("hits", "is_told"), [(28, True), (29, False)])
def test_a_label_is_told_better_than_another_only_beyond_chance(hits: int, *, is_told: bool) -> None:
    """The best and the worst of those on twenty texts or more, where intervals that allow for the pick lie apart."""
    record = example_record(n=300)
    assert record.test is not None
    first, second = record.test.per_label
    assert first.f1 is not None
    sure, unsure = (
        Estimate(2 * n / (100 + n), f1_interval(n, 100), 100, "by hand") for n in (50, hits)
    )  # F1 67, and 44 or 45
    best, worst = (replace(first, label=name, support=20, f1=f1) for name, f1 in (("cat", sure), ("dog", unsure)))
    rare = replace(second, label="cow", support=19, f1=replace(first.f1, value=0.1, interval=(0.0, 0.2)))
    scores = {**record.test.scores, "subset_accuracy": record.test.accuracy, "micro_f1": record.test.accuracy}
    test = replace(record.test, confusion=None, per_label=(best, rare, worst), scores=scores)
    said = how_often(test, "of that file")
    assert ("Of the labels on 20 texts or more it tells cat better than dog." in said) is is_told


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.001, 0.02), "a lead beyond chance"),
        ((0.0, 0.02), "could be chance"),
        ((-0.02, 0.0), "could be chance"),
        ((-0.02, -0.001), "behind it, beyond chance"),
    ],
)
def test_the_words_of_a_lead_follow_its_interval(interval: tuple[float, float], words: str) -> None:
    assert verdict(with_lead(example_record().baselines[0], 0.01, interval).leads["accuracy"]) == words


@pytest.mark.parametrize(
    ("label", "said"),
    [("billing", "billing"), (" billing", "' billing'"), ("billing ", "'billing '"), ("a b", "a b"), (" ", "' '")],
)
def test_a_label_that_begins_or_ends_with_a_blank_is_in_quotes(label: str, said: str) -> None:
    """Or five spellings of one look like the same word."""
    assert label_name(label) == said
    record = replace(example_report()[0], labels=(label, "other"))
    assert f"one of 2 labels ({said}, other)" in plain_words(record)[0]
