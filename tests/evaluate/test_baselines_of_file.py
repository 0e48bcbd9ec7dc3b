"""What simple ways reach that learn from the tested file itself: beside a classifier that learned elsewhere."""

from dataclasses import replace

import numpy as np
import pytest

from fakes import FakeEncoder
from frostline.advice import ranked_of_evaluation
from frostline.data.copies import digests_of
from frostline.data.dataset import Dataset, Source
from frostline.evaluate.baselines import (
    CENTROID,
    COMMONEST,
    EVERY,
    FEWEST_OF_FILE,
    MAJORITY,
    WORDS,
    WORDS_EACH,
    Part,
    baselines_of_file,
)
from frostline.evaluate.intervals import Estimate
from frostline.head.fitted import PLAIN_ANSWERS, fit
from frostline.head.options import SearchOptions
from frostline.record import UnlikeRecord
from frostline.report.document import as_evaluation_document
from frostline.report.page import evaluation_html
from frostline.report.plain import next_step_of
from frostline.targets import Targets
from frostline.training.measured import Classifier, measure

SOURCE = Source(name="new.tsv", sha256="0" * 64, size_bytes=0, text_column="", label_column="")


def dataset(n: int, *, of_sets: bool = False, first: int = 0) -> Dataset:
    """Texts whose label is their colour."""
    texts = [f"{('red', 'blue')[row % 2]} number {row + first}" for row in range(n)]
    labels = [("red", "blue")[row % 2] for row in range(n)]
    targets = Targets.of_sets([(label,) for label in labels]) if of_sets else Targets.of_labels(labels)
    return Dataset(texts=texts, targets=targets, lines=range(1, n + 1), source=SOURCE)


def classifier(learned: Dataset) -> Classifier:
    """One that learned from these texts, and remembers none of them."""
    encoder = FakeEncoder()
    rows = encoder.encode(learned.texts).for_head
    head = fit(rows, learned.targets, search=SearchOptions(Cs=(1.0,)), answers=PLAIN_ANSWERS).head
    return Classifier(name="model", head=head, encoder=encoder, learned=None, likeness=None, n_fitted=len(learned))


def part(of: Dataset) -> Part:
    return Part(of.texts, FakeEncoder().encode(of.texts).for_head, of.targets)


@pytest.mark.parametrize("of_sets", [False, True])
def test_they_learn_from_the_other_folds_of_the_same_file(*, of_sets: bool) -> None:
    found = part(dataset(60, of_sets=of_sets))
    beside = baselines_of_file(found, favoured=found.targets.members)
    assert [one.name for one in beside] == ([COMMONEST, EVERY, WORDS_EACH] if of_sets else [MAJORITY, WORDS, CENTROID])
    words = next(one for one in beside if one.name in {WORDS, WORDS_EACH})
    assert words.made_of.endswith(", learned from this file by 5 folds")
    assert words.scores["macro_f1"].value == 1.0  # a word tells the label
    assert words.scores["macro_f1"].n == 60


@pytest.mark.parametrize(("n", "is_there"), [(FEWEST_OF_FILE - 1, False), (FEWEST_OF_FILE, True)])
def test_few_rows_teach_nothing_that_is_worth_comparing(*, n: int, is_there: bool) -> None:
    found = part(dataset(n))
    assert bool(baselines_of_file(found, favoured=found.targets.members)) is is_there


def test_a_model_that_remembers_nothing_cannot_tell_which_texts_are_new() -> None:
    """It says so; one that remembers says nothing."""
    texts, told = dataset(60), "Whether the model learned from some of these texts is not known, since it keeps no"
    forgetful = classifier(texts)
    knowing = replace(forgetful, learned=np.sort(digests_of(texts.texts)))
    for who, is_told in ((forgetful, True), (knowing, False)):
        found = measure(who, dataset(60, first=500)).record
        assert any(warning.startswith(told) for warning in found.warnings) is is_told
        assert (found.source is None) is is_told


def test_texts_that_all_belong_together_have_no_folds() -> None:
    found = part(dataset(60))
    together = replace(found, targets=replace(found.targets, together=np.zeros(60, dtype=np.int64)))
    assert baselines_of_file(together, favoured=found.targets.members) == ()


def test_a_file_that_words_tell_better_is_to_be_trained_on() -> None:
    learned = dataset(60)
    turned = Targets.of_labels(["blue" if row % 2 == 0 else "red" for row in range(60)])
    measured = measure(classifier(replace(learned, targets=turned)), dataset(80, first=100))
    advice = ranked_of_evaluation(measured.record)[0]
    assert advice.kind == "baseline ahead"
    assert advice.step is not None
    assert (advice.step.verb, advice.step.options) == ("train", ("--out", "retrained"))
    assert advice.reason.startswith(f"{WORDS}, learned from this file by folds, does better by ")
    document = as_evaluation_document(measured.record)
    assert [one["name"] for one in document["baselines"]] == [MAJORITY, WORDS, CENTROID]  # type: ignore[index, union-attr, call-overload]
    assert "Beside simpler ways" in evaluation_html(measured.record)


def test_texts_that_it_learned_from_are_compared_with_nothing() -> None:
    learned = dataset(60)
    who = replace(classifier(learned), learned=np.unique(digests_of(learned.texts)))
    record = measure(who, learned).record
    assert record.baselines == ()
    advice = ranked_of_evaluation(record)
    assert [one.sentence for one in advice] == ["Test it on texts that it did not learn from."]
    assert advice[0].reason == "All 60 test texts are copies of texts that it learned from."


@pytest.mark.parametrize(("low", "is_told"), [(0.01, False), (0.0101, True)])
def test_a_file_of_another_kind_is_to_be_trained_on_beyond_chance_only(*, low: float, is_told: bool) -> None:
    record = replace(measure(classifier(dataset(60)), dataset(40, first=100)).record, baselines=())
    share = Estimate(0.2, (low, 0.4), 40, "by hand")
    advice = ranked_of_evaluation(replace(record, unlike=UnlikeRecord(below=0.01, share=share)))
    assert [one.kind for one in advice] == (["another kind"] if is_told else [])
    assert [one.step and one.step.verb for one in advice] == (["train"] if is_told else [])


def test_where_nothing_is_advised_its_surest_mistakes_are_to_be_read() -> None:
    record = measure(classifier(dataset(60)), dataset(40, first=100)).record
    assert ranked_of_evaluation(record) == ()
    assert next_step_of(record) == "Next: test it on more texts, and on harder ones."  # every answer was right
    most = {name: replace(one, value=0.975) for name, one in record.test.scores.items()}
    nearly = replace(record, test=replace(record.test, scores=most))
    assert next_step_of(nearly).startswith("Next: read its surest mistakes; some may be wrong labels")
