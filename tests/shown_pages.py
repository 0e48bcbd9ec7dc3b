"""Every kind of page by its name, as a browser is to show it: for each a function that makes the HTML."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from fakes import FakeEncoder
from frostline.data.dataset import Dataset, Source
from frostline.data.sample import load_sample
from frostline.evaluate.examples import mapped
from frostline.explanation.explaining import Explanation, Nearest
from frostline.explanation.leave_out import Change, LabelExplained, Together, Word
from frostline.head.options import SearchOptions
from frostline.record import EvaluationRecord
from frostline.report.explanation import explanation_html
from frostline.report.page import evaluation_html, report_html
from frostline.targets import Targets
from frostline.training import Training, train
from frostline.training.options import TrainingOptions
from page_elements import NASTY
from report_examples import example_report
from small_records import evaluation_record

SIX = ("abbreviation", "description", "entity", "human being", "location", "number")
COLOURS = ("red", "blue", "green", "dog")
HOSTILE_LABELS = (NASTY, "w" * 300, *(f"label {number}" for number in range(28)))


def training_on_the_sample() -> str:
    """A real training, by an encoder that costs nothing."""
    sample = load_sample()
    training = train(sample.train, FakeEncoder(), test=sample.test)
    assert training.examples is not None
    return report_html(training.record, mapped(training.examples))


def hostile_training() -> str:
    """Labels, texts and a name of a file that would like to be markup, or to be very wide."""
    return report_html(
        *example_report(HOSTILE_LABELS, n=300, text=f"{NASTY} {'x' * 400}", name=f"{NASTY}{'n' * 200}.tsv"),
        command=f"frostline train '{NASTY}{'n' * 200}.tsv' --tidy-labels",
    )


def evaluation(labels: tuple[str, ...]) -> str:
    """A saved classifier on a file, everything measured."""
    record, examples = example_report(labels)
    return evaluation_html(evaluation_record(record), examples)


def several_labels(names: tuple[str, ...] = COLOURS, extra: str = "") -> Training:
    """A real training on texts that say which of `names` they have, every ninth of them wrongly."""
    members = np.random.default_rng(0).random((240, len(names))) < 0.3
    sets = [tuple(name for name, has in zip(names, row, strict=True) if has) for row in members]
    texts = [f"it is {' and '.join(own)} number{row} {extra}" for row, own in enumerate(sets)]
    claimed = [names[:1] if row % 9 == 0 else own for row, own in enumerate(sets)]
    source = Source(name=f"{extra}colours.tsv", sha256="", size_bytes=0, text_column="1", label_column="2")
    dataset = Dataset(texts=texts, targets=Targets.of_sets(claimed), lines=range(1, len(texts) + 1), source=source)
    return train(dataset, FakeEncoder(), options=TrainingOptions(search=SearchOptions(Cs=(0.01, 0.1, 1.0), n_folds=3)))


def training_of_several_labels(names: tuple[str, ...] = COLOURS, extra: str = "") -> str:
    training = several_labels(names, extra)
    return report_html(training.record, mapped(training.examples))


def evaluation_of_several_labels() -> str:
    """The training's own test, as of a saved classifier."""
    training = several_labels()
    assert training.record.test is not None
    record = EvaluationRecord(
        model="models/colours",
        C=0.1,
        data=training.record.data,
        features=training.record.features,
        test=training.record.test,
        seconds=training.record.seconds,
        warnings=("A warning about the file.",),
        version=training.record.version,
    )
    return evaluation_html(record, mapped(training.examples))


def explanation(text: str, labels: tuple[str, ...], *, may_have_several: bool = False) -> str:
    """The first two labels explained, words that count for and against, a repeated word, sentences that are near."""
    words = tuple(
        Word(
            text=found[0],
            start=found.start(),
            end=found.end(),
            pieces=(found[0][:4], *([f"##{found[0][4:]}"] if len(found[0]) > 4 else [])),
        )
        for found in re.finditer(r"\S+", text)
    )
    changes = np.random.default_rng(5).normal(size=len(words))
    explained = [
        LabelExplained(
            label=label,
            probability=0.8126,
            log_odds=1.467,
            of_nothing=Change(log_odds=2.25, probability=0.5),
            words=tuple(Change(log_odds=sign * change, probability=sign * change / 10) for change in changes),
            repeated=(Together(text=words[0].text, places=(0, 2), change=Change(log_odds=1.75, probability=0.3)),),
        )
        for label, sign in zip(labels[:2], (1.0, -1.0), strict=True)
    ]
    return explanation_html(
        Explanation(
            text=text,
            answer=labels[:2] if may_have_several else labels[:1],
            probabilities=tuple((label, 0.8 / (row + 1)) for row, label in enumerate(labels)),
            pieces=tuple(piece for word in words for piece in word.pieces),
            words=words,
            seen_to=len(text) - 3,
            is_cut=True,
            labels=tuple(explained),
            nearest=(
                Nearest(text=text, labels=labels[:1], cosine=0.9),
                Nearest(text="Another.", labels=(), cosine=0.1),
            ),
            kind="several labels" if may_have_several else "one label",
            answer_from=0.0,
            max_length=64,
        )
    )


REVIEW = "A plainly good film , good but for its endless, unnecessarily complicated second half , and cut here"
QUIET_PAGES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "training-on-the-sample": training_on_the_sample,
        "training-two-labels": lambda: report_html(*example_report()),
        "training-six-labels": lambda: report_html(*example_report(SIX)),
        "training-several-labels": training_of_several_labels,
        "evaluation-two-labels": lambda: evaluation(("negative", "positive")),
        "evaluation-six-labels": lambda: evaluation(SIX),
        "evaluation-several-labels": evaluation_of_several_labels,
        "explanation": lambda: explanation(REVIEW, ("positive", "negative")),
        "explanation-several-labels": lambda: explanation(REVIEW, COLOURS, may_have_several=True),
    }
)
HOSTILE_PAGES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "hostile-training": hostile_training,
        "hostile-several-labels": lambda: training_of_several_labels((NASTY, "w" * 300, "a", "b"), NASTY),
        "hostile-explanation": lambda: explanation(f"{NASTY} {'x' * 400} end", (NASTY, "w" * 300, "c")),
    }
)
PAGES: Mapping[str, Callable[[], str]] = MappingProxyType({**QUIET_PAGES, **HOSTILE_PAGES})
